"""Debian's Firefox, over WebDriver BiDi.

Debian has no geckodriver, which other ways to drive Firefox need. Firefox itself speaks BiDi.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

from tests.support.browsers.driven import SECONDS, SIZE, BrowserError, DrivenBrowser

# Whatever Firefox would ask other hosts goes to a port where nobody listens. Loopback has no proxy.
PREFERENCES: dict[str, object] = {
    "network.proxy.type": 1,
    "network.proxy.http": "127.0.0.1",
    "network.proxy.http_port": 9,
    "network.proxy.ssl": "127.0.0.1",
    "network.proxy.ssl_port": 9,
    "network.dns.disabled": True,
    # Without a screen it has no mouse, and Enter would write a new line as on a phone: a mouse is
    # fine (2) and hovers (4).
    "ui.primaryPointerCapabilities": 6,
    "ui.allPointerCapabilities": 6,
    "datareporting.policy.dataSubmissionEnabled": False,
    "toolkit.telemetry.server": "",
}


class Firefox(DrivenBrowser):
    """A window of Firefox. It notes the errors of its pages."""

    def __init__(self, socket: ClientConnection) -> None:
        self.problems: list[str] = []
        self._socket = socket
        self._number = 0
        self._send("session.new", capabilities={})
        self._context: str = self._send("browsingContext.getTree")["contexts"][0]["context"]
        self._send("session.subscribe", events=["log.entryAdded"])
        self._do("browsingContext.setViewport", viewport=SIZE)

    def goto(self, url: str) -> None:
        self._do("browsingContext.navigate", url=url, wait="complete")

    def reload(self) -> None:
        self._do("browsingContext.reload", wait="complete")

    def back(self) -> None:
        self._do("browsingContext.traverseHistory", delta=-1)

    def evaluate(self, expression: str) -> Any:
        answer = self._send(
            "script.evaluate",
            expression=f"JSON.stringify({expression})",
            target={"context": self._context},
            awaitPromise=False,
        )
        if answer["type"] != "success":
            raise BrowserError(answer["exceptionDetails"]["text"])
        return json.loads(answer["result"].get("value", "null"))

    def perform(self, source: dict[str, Any]) -> None:
        self._do("input.performActions", actions=[source])

    def _do(self, method: str, **parameters: Any) -> Any:
        return self._send(method, context=self._context, **parameters)

    def _send(self, method: str, **parameters: Any) -> Any:
        self._number += 1
        command = {"id": self._number, "method": method, "params": parameters}
        self._socket.send(json.dumps(command))
        while True:
            answer = json.loads(self._socket.recv(timeout=SECONDS))
            if answer.get("id") == self._number:
                break
            self._note(answer)
        if answer["type"] == "error":
            raise BrowserError(f"{method}: {answer['error']}: {answer['message']}")
        return answer["result"]

    def _note(self, event: dict[str, Any]) -> None:
        entry = event.get("params", {})
        if event.get("method") == "log.entryAdded" and entry["level"] == "error":
            self.problems.append(f"{entry['type']}: {entry['text']}")


@contextmanager
def firefox(path: str, folder: Path) -> Iterator[Firefox]:
    """Run Firefox without a screen, with a profile of its own in ``folder``."""
    lines = [f"user_pref({json.dumps(n)}, {json.dumps(v)});\n" for n, v in PREFERENCES.items()]
    (folder / "user.js").write_text("".join(lines))
    arguments = ["--headless", "--no-remote", "--profile", str(folder)]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [path, *arguments, "--remote-debugging-port", "0"],
            env={**os.environ, "HOME": str(folder)},
            stdout=log,
            stderr=log,
        )
    with process:
        try:
            with connect(_address(process, folder), max_size=None, proxy=None) as socket:
                yield Firefox(socket)
        finally:
            process.kill()


def _address(process: subprocess.Popen[bytes], folder: Path) -> str:
    # Firefox writes this file once it listens.
    file = folder / "WebDriverBiDiServer.json"
    give_up = time.monotonic() + SECONDS
    while not (file.exists() and (text := file.read_text())):
        running = process.poll() is None and time.monotonic() < give_up
        assert running, f"Firefox did not start:\n{(folder / 'log').read_text()}"
        time.sleep(0.05)
    listens = json.loads(text)
    return f"ws://{listens['ws_host']}:{listens['ws_port']}/session"
