"""A chat in a frame of another origin, in a browser: what the page around it sends and gets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from tests.browser.guard import Guard
from tests.browser.site import Site
from tests.browser.steps import HeldRequests, wait_until
from tests.support.apps import AppMaker

pytestmark = pytest.mark.browser

WINDOWS = """
    import webapp as cl

    @cl.on_window_message
    async def window_message(message):
        if message.startswith("Client: "):
            await cl.send_window_message("Server: " + message.removeprefix("Client: "))

    @cl.on_message
    async def answer(message):
        await cl.send_window_message("Server: said " + message.content)
        await cl.Message("ok").send()
"""
PORTAL = """<!doctype html><title>Portal</title>
<iframe id="frame" width="800" height="600"></iframe><ol id="got"></ol>
<script>
addEventListener("message", ({ data, origin }) => {
  const item = document.createElement("li");
  item.textContent = `${data} from ${origin}`;
  document.getElementById("got").append(item);
});
</script>"""


@contextmanager
def portal() -> Iterator[str]:
    """Yield the origin of a page that has a frame."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            """Send the page."""
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(PORTAL.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Leave the test's output to the test."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_page_around_a_chat_talks_with_it(
    desktop: Page, make_app: AppMaker, serve: Callable[[Flask], Site]
) -> None:
    with portal() as origin:
        site = serve(make_app(WINDOWS, frame_ancestors=origin))
        desktop.goto(origin)
        desktop.evaluate("(url) => { document.getElementById('frame').src = url }", f"{site}/")
        frame = desktop.frame_locator("#frame")
        frame.locator("[data-testid=chat][data-chat-id]").wait_for()
        frame.locator("#window-form").wait_for(state="attached")
        send = "(text) => document.getElementById('frame').contentWindow.postMessage(text, '*')"
        got = desktop.locator("#got li")

        for number, text in enumerate(("Hello", "again"), start=1):
            desktop.evaluate(send, f"Client: {text}")
            expect(got).to_have_count(number)
            expect(got.last).to_have_text(f"Server: {text} from {site}")

        frame.get_by_test_id("composer-input").fill("Hi")
        frame.get_by_test_id("send").click()
        expect(got).to_have_count(3)
        expect(got.last).to_have_text(f"Server: said Hi from {site}")

        # What was sent before is not sent again when the page is loaded again.
        frame.locator("body").evaluate("(body) => { body.dataset.old = 1; location.reload() }")
        frame.locator("body:not([data-old]) #window-messages").wait_for(state="attached")
        frame.locator("body").evaluate(LOADED)
        desktop.evaluate(send, "Client: more")
        expect(got).to_have_count(4)
        expect(got.last).to_have_text(f"Server: more from {site}")


LOADED = """() => new Promise((done) => {
    if (document.readyState === "complete") done();
    else addEventListener("load", () => done());
})"""
SEND_WHEN_LOADED = """(url) => {
    const frame = document.getElementById("frame");
    const send = () => {
        frame.contentWindow.postMessage("Client: early", "*");
        window.sent = true;
    };
    frame.addEventListener("load", send, { once: true });
    frame.src = url;
}"""


def test_what_is_sent_as_soon_as_the_frame_has_loaded_is_heard(
    desktop: Page, make_app: AppMaker, serve: Callable[[Flask], Site]
) -> None:
    with portal() as origin:
        site = serve(make_app(WINDOWS, frame_ancestors=origin))
        desktop.goto(origin)
        held = HeldRequests(desktop, f"{site}/chats")  # the chat starts later than that
        desktop.evaluate(SEND_WHEN_LOADED, f"{site}/")
        start = held.take()
        wait_until(desktop, "window.sent === true")
        start.continue_()
        expect(desktop.locator("#got li")).to_have_text([f"Server: early from {site}"])


def test_a_page_that_is_not_listed_has_no_chat_in_its_frame(
    desktop: Page, make_app: AppMaker, serve: Callable[[Flask], Site], guard: Guard
) -> None:
    guard.expect("frame-ancestors")
    with portal() as origin, portal() as other:
        site = serve(make_app(WINDOWS, frame_ancestors=other))
        desktop.goto(origin)
        with desktop.expect_event("console", lambda said: "frame-ancestors" in said.text):
            desktop.evaluate("(url) => { document.getElementById('frame').src = url }", f"{site}/")
        assert desktop.frame_locator("#frame").locator("#chat").count() == 0
