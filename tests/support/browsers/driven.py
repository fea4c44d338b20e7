"""What a test does in a browser, whichever it is.

Firefox and WebKit are driven over different protocols that share the format of their input events.
So a browser brings five verbs, and the rest is made of them.
"""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from typing import Any

# Far more than anything takes: on a busy machine a page may stand still for some seconds.
SECONDS = 30.0
SIZE = {"width": 1280, "height": 800}
ENTER = "\ue007"
# The middle of the first such element that a person could click now.
_PLACE = """((selector) => {
    const seen = [...document.querySelectorAll(selector)].find((e) => e.checkVisibility());
    if (!seen || seen.disabled) return null;
    seen.scrollIntoView({ block: "nearest" });
    const box = seen.getBoundingClientRect();
    const [x, y] = [box.x + box.width / 2, box.y + box.height / 2].map(Math.round);
    return seen.contains(document.elementFromPoint(x, y)) ? [x, y] : null;
})"""


class BrowserError(Exception):
    """A command that a browser refused, such as one to a page that is being left."""


class DrivenBrowser(ABC):
    """A window of a browser."""

    @abstractmethod
    def goto(self, url: str) -> None:
        """Open an address, and wait until it is loaded."""

    @abstractmethod
    def reload(self) -> None:
        """Load the page again, and wait until it is loaded."""

    @abstractmethod
    def back(self) -> None:
        """Go back, as the button of the browser does."""

    @abstractmethod
    def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression, as JSON holds it."""

    @abstractmethod
    def perform(self, source: dict[str, Any]) -> None:
        """Perform the input events of one device, in the format of WebDriver."""

    def wait(self, expression: str) -> Any:
        """Wait until an expression is true, and return its value."""
        give_up = time.monotonic() + SECONDS
        last: object = None
        while time.monotonic() < give_up:
            try:
                last = self.evaluate(expression)
            except BrowserError as error:
                last = error
            else:
                if last:
                    return last
            time.sleep(0.02)
        raise AssertionError(f"never true, but {last!r}: {expression}\n{self._page()}")

    def see(self, selector: str) -> None:
        """Wait until an element can be seen."""
        self.wait(f"!!document.querySelector({json.dumps(selector)})?.checkVisibility()")

    def click(self, selector: str) -> None:
        """Click the first such element that can be seen, once it stands still."""
        place, before = self._place(selector), None
        while place != before:
            time.sleep(0.05)
            place, before = self._place(selector), place
        x, y = place
        move = {"type": "pointerMove", "x": x, "y": y, "origin": "viewport"}
        press = [{"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}]
        mouse = {"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"}}
        self.perform({**mouse, "actions": [move, *press]})

    def type(self, text: str) -> None:
        """Press the keys of a text, one after the other."""
        keys = [{"type": way, "value": key} for key in text for way in ("keyDown", "keyUp")]
        self.perform({"type": "key", "id": "keyboard", "actions": keys})

    def _place(self, selector: str) -> Any:
        return self.wait(f"{_PLACE}({json.dumps(selector)})")

    def _page(self) -> str:
        try:
            return str(self.evaluate("location.href + '\\n' + document.body.innerText"))
        except BrowserError as error:
            return str(error)
