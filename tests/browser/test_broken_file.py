"""While an author breaks and mends the app file, the open page follows by itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.steps import started
from tests.support.servers import chat_profiles_command, running

pytestmark = pytest.mark.browser

APP = """
import chat_profiles as cl

@cl.on_message
def answer(message):
    {body}
"""


def save(file: Path, body: str) -> None:
    """Save at one blow, so that no restart finds the file emptied and not yet written."""
    written = file.with_suffix(".new")
    written.write_text(APP.format(body=body))
    written.replace(file)


def test_a_page_follows_the_file_through_mistakes(tmp_path: Path, chromium: Browser) -> None:
    file = tmp_path / "app.py"
    save(file, "raise LookupError('not yet')")
    command = chat_profiles_command("run", "app.py", "--port", "{port}", "--reload")
    with running(command, tmp_path, {}) as server:
        server.wait_for("/healthz")
        page = chromium.new_page()
        page.goto(f"http://127.0.0.1:{server.port}/")
        started(page)
        composer = page.get_by_test_id("composer-input")
        composer.fill("First")
        composer.press("Enter")
        failed = page.locator("[data-testid=message][data-kind=error]")
        expect(failed).to_contain_text("app.py:6, in answer")
        expect(failed).to_contain_text("raise LookupError('not yet')")

        save(file, "1 +")
        server.wait_for("/healthz", 500)
        composer.fill("Second")
        composer.press("Enter")
        expect(page.locator("h1")).to_have_text("The app file has a problem")
        expect(page.locator("pre")).to_contain_text("app.py:6: SyntaxError")

        save(file, "cl.Message('I am mended').send()")
        started(page)
        composer.fill("Third")
        composer.press("Enter")
        expect(page.get_by_test_id("message").last).to_contain_text("I am mended")
        page.close()
