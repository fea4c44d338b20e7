"""Messages that come after their answer has ended, on an open page."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from tests.browser.site import Site
from tests.browser.steps import messages
from tests.support.apps import AppMaker

pytestmark = pytest.mark.browser

LATE = """
    import asyncio
    import webapp as cl

    TASKS = []

    async def later():
        await asyncio.sleep(0.7)
        sent = await cl.Message("Half done").send()
        await asyncio.sleep(2.5)
        sent.content = "All done"
        await sent.update()

    @cl.on_message
    async def answer(message):
        TASKS.append(asyncio.create_task(later()))
        await cl.Message("I have begun.").send()
"""


@pytest.mark.parametrize("streaming", ["auto", "poll", "inline"])
def test_an_open_page_shows_them_and_keeps_what_is_typed(
    desktop: Page, make_app: AppMaker, serve: Callable[[Flask], Site], streaming: str
) -> None:
    site = serve(make_app(LATE, streaming=streaming))
    desktop.goto(f"{site}/")
    desktop.locator("[data-testid=chat][data-chat-id]").wait_for()
    field = desktop.get_by_test_id("composer-input")
    field.fill("Go")
    desktop.get_by_test_id("send").click()
    expect(messages(desktop)).to_contain_text(["Go", "I have begun."])
    field.fill("My next question")
    expect(messages(desktop)).to_contain_text(["Go", "I have begun.", "Half done"])
    expect(messages(desktop)).to_contain_text(["Go", "I have begun.", "All done"])
    expect(field).to_have_value("My next question")
    expect(field).to_be_focused()
    # Nothing more is expected, so the page asks no more.
    expect(desktop.locator("#turn")).to_have_attribute("hx-trigger", "focus from:window")
