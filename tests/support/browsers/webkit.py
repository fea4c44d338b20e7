"""WebKitGTK, over WebDriver, on a screen that nobody sees."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from tests.support.browsers.driven import SECONDS, SIZE, BrowserError, DrivenBrowser
from tests.support.ports import free_port


class WebKit(DrivenBrowser):
    """A window of WebKit's small browser."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._session = ""
        self._session = f"/session/{self._post('/session', capabilities={})['sessionId']}"
        self._post("/window/rect", **SIZE)

    def goto(self, url: str) -> None:
        self._post("/url", url=url)

    def reload(self) -> None:
        self._post("/refresh")

    def back(self) -> None:
        self._post("/back")

    def evaluate(self, expression: str) -> Any:
        script = f"return JSON.stringify({expression})"
        answer = self._post("/execute/sync", script=script, args=[])
        return None if answer is None else json.loads(answer)

    def perform(self, source: dict[str, Any]) -> None:
        self._post("/actions", actions=[source])

    def close(self) -> None:
        """Close the window, and with it the browser."""
        self._send("DELETE", "", None)

    def _post(self, path: str, **parameters: Any) -> Any:
        return self._send("POST", path, parameters)

    def _send(self, method: str, path: str, parameters: dict[str, Any] | None) -> Any:
        connection = HTTPConnection("127.0.0.1", self._port, timeout=SECONDS)
        try:
            body = None if parameters is None else json.dumps(parameters)
            connection.request(method, self._session + path, body)
            response = connection.getresponse()
            answer = json.loads(response.read())["value"]
        finally:
            connection.close()
        if response.status != 200:
            raise BrowserError(f"{path}: {answer['error']}: {answer['message']}")
        return answer


@contextmanager
def webkit(path: str, folder: Path) -> Iterator[WebKit]:
    """Run WebKit's driver, its browser and their screen, with a home of their own."""
    with ExitStack() as running:
        # It chooses a number that is free, and tells it.
        command = ["Xvfb", "-displayfd", "1", "-screen", "0", "1280x900x24", "-nolisten", "tcp"]
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        screen = running.enter_context(subprocess.Popen(command, text=True, **pipes))
        running.callback(screen.terminate)
        assert screen.stdout is not None
        number = screen.stdout.readline().strip()
        assert number, "Xvfb did not start."
        environment = {
            **os.environ,
            "DISPLAY": f":{number}",
            "GDK_BACKEND": "x11",
            "HOME": str(folder),
            # A container does not let WebKit make one of its own.
            "WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS": "1",
            "WEBKIT_DISABLE_DMABUF_RENDERER": "1",
            "NO_AT_BRIDGE": "1",
            "GTK_A11Y": "none",
        }
        port = free_port()
        driver = running.enter_context(subprocess.Popen([path, f"--port={port}"], env=environment))
        running.callback(driver.terminate)
        browser = _connected(port)
        running.callback(browser.close)
        yield browser


def _connected(port: int) -> WebKit:
    give_up = time.monotonic() + SECONDS
    while True:
        try:
            return WebKit(port)
        except ConnectionError:
            assert time.monotonic() < give_up, "WebKitWebDriver does not listen."
            time.sleep(0.05)
