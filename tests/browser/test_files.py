"""Files in a real browser: what may be shown is shown, and nothing runs on the site's origin."""

from __future__ import annotations

import io
import time
import uuid
import wave
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from struct import pack

import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.site import Site
from tests.browser.steps import SECONDS, started
from tests.support.apps import AppMaker
from tests.support.files import new_file, show
from tests.support.servers import gunicorn, production

pytestmark = pytest.mark.browser

PWN = "document.title = 'PWNED'; document.cookie = 'pwned=1'; fetch('/chats')"
SVG = f'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><script>{PWN}</script></svg>'
HTML = f"<!DOCTYPE html><title>Harmless</title><script>{PWN}</script><p>Hello"
XML = (
    f'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><script>{PWN}</script></html>'
)
PDF = b"""%PDF-1.4
1 0 obj<</Type/Catalog/Pages 2 0 R/OpenAction<</S/JavaScript/JS(app.alert\\(1\\))>>>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]>>endobj
trailer<</Root 1 0 R>>
"""


def _chunk(kind: bytes, data: bytes) -> bytes:
    return pack(">I", len(data)) + kind + data + pack(">I", zlib.crc32(kind + data))


def a_picture() -> bytes:
    """Return a PNG of 40 by 30 pixels."""
    rows = b"".join(b"\0" + b"\xff\0\0" * 40 for _ in range(30))
    head = _chunk(b"IHDR", pack(">IIBBBBB", 40, 30, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + _chunk(b"IDAT", zlib.compress(rows)) + _chunk(b"IEND", b"")


def a_sound(seconds: int) -> bytes:
    """Return a WAV of silence."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8_000)
        sound.writeframes(bytes(16_000 * seconds))
    return buffer.getvalue()


@dataclass
class Shelf:
    """A page of a chat, and how files get into the chat."""

    page: Page
    site: Site
    chat_id: uuid.UUID
    number: int = 50

    def put(self, content: bytes, name: str) -> str:
        """Store a file, and return its address."""
        self.number += 1
        shown = show(
            self.site.app,
            "",
            new_file(content, name),
            chat_id=self.chat_id,
            sequence=self.number,
        )
        return f"{self.site}/files/{shown.elements[0].id}/{name}"

    def save(self, content: bytes, name: str) -> tuple[str, str]:
        """Go to a file as to a page. Return what was saved, and the title of the page."""
        page = self.page.context.new_page()
        # Where a file is saved, there is no page to go to.
        with page.expect_download(timeout=SECONDS * 1000) as saved:
            page.evaluate("address => { location = address }", self.put(content, name))
        title = page.title()
        page.close()
        return saved.value.suggested_filename, title


@pytest.fixture
def window(chromium: Browser) -> Iterator[BrowserContext]:
    """Return a window without a guard, which takes what a policy forbids for a fault."""
    with chromium.new_context() as context:
        yield context


@pytest.fixture
def shelf(make_app: AppMaker, serve: Callable[[Flask], Site], window: BrowserContext) -> Shelf:
    site = serve(make_app("simple.py"))
    page = window.new_page()
    return Shelf(page, site, open_chat(page, site.url))


def open_chat(page: Page, url: str) -> uuid.UUID:
    """Open the site, and return the id of the chat that starts."""
    page.goto(url)
    started(page)
    chat_id = page.get_by_test_id("chat").get_attribute("data-chat-id")
    assert chat_id is not None
    return uuid.UUID(chat_id)


def wait_for(page: Page, condition: str) -> None:
    """Wait for a condition from outside: in a page that may run nothing, no timer does."""
    give_up = time.monotonic() + SECONDS
    while not page.evaluate(condition):
        assert time.monotonic() < give_up, condition
        page.wait_for_timeout(50)


@pytest.mark.parametrize(
    ("content", "name", "saved_as"),
    [
        (SVG, "a.svg", "a.svg"),
        (SVG, "a.png", "a.png"),
        (HTML, "a.html", "a.html"),
        (HTML, "a.png", "a.png"),
        (XML, "a.xml", "a.xml"),
        (HTML, "a.pdf", "a.pdf"),
    ],
)
def test_what_could_run_is_saved(shelf: Shelf, content: str, name: str, saved_as: str) -> None:
    assert shelf.save(content.encode(), name) == (saved_as, "")
    assert "pwned" not in str(shelf.page.context.cookies())


def test_an_svg_is_shown_as_a_picture(shelf: Shelf) -> None:
    address = shelf.put(SVG.encode(), "a.svg")
    size = shelf.page.evaluate(
        """address => new Promise(done => {
            const image = new Image();
            image.onload = () => done([image.naturalWidth, image.naturalHeight]);
            image.onerror = () => done(null);
            image.src = address;
        })""",
        address,
    )
    assert size == [9, 9]
    assert shelf.page.title() != "PWNED"


def test_a_picture_a_text_and_a_sound_are_shown_in_a_tab(shelf: Shelf) -> None:
    page = shelf.page
    page.goto(shelf.put(a_picture(), "a.png"))
    assert page.evaluate("document.images[0].naturalWidth") == 40
    page.goto(shelf.put(HTML.replace("<", "(").encode(), "a.txt"))
    expect(page.locator("body")).to_contain_text("(p>Hello")
    page.goto(shelf.put(a_sound(3), "a.wav"))
    wait_for(page, "document.querySelector('video').duration > 2.9")


def test_a_pdf_is_shown_by_the_viewer_of_the_browser(shelf: Shelf) -> None:
    page = shelf.page
    page.goto(shelf.put(PDF, "a.pdf"))
    give_up = time.monotonic() + SECONDS
    # The viewer is a page of the browser's own.
    while not any(frame.url.startswith("chrome-extension:") for frame in page.frames):
        assert time.monotonic() < give_up, [frame.url for frame in page.frames]
        page.wait_for_timeout(50)


def test_a_script_cannot_include_a_file(shelf: Shelf) -> None:
    address = shelf.put(PWN.encode(), "a.js")
    outcome = shelf.page.evaluate(
        """address => new Promise(done => {
            const script = document.createElement('script');
            script.onload = () => done('ran');
            script.onerror = () => done('refused');
            script.src = address;
            document.head.append(script);
        })""",
        address,
    )
    assert outcome == "refused"
    assert shelf.page.title() != "PWNED"


@pytest.mark.slow
def test_a_sound_can_be_played_from_any_place(
    tmp_path: Path, sqlite_url: str, window: BrowserContext
) -> None:
    settings = production(sqlite_url) | {"WEBAPP_FILES_URL": str(tmp_path / "files")}
    with AppMaker.in_folder(tmp_path, sqlite_url) as maker, gunicorn(tmp_path, settings) as server:
        page = window.new_page()
        site = f"http://127.0.0.1:{server.port}"
        chat_id = open_chat(page, site)
        sound = new_file(a_sound(600), "a.wav")
        shown = show(maker("simple.py"), "", sound, chat_id=chat_id, sequence=50)
        page.goto(f"{site}{shown.address}")
        wait_for(page, "document.querySelector('video').duration > 599")
        page.evaluate("document.querySelector('video').currentTime = 500")
        has_come = "!video.seeking && video.currentTime >= 500 && video.readyState >= 2"
        wait_for(page, f"(video => {has_come})(document.querySelector('video'))")
        page.close()
