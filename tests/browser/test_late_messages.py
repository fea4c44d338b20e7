"""Messages that come after their answer has ended, on an open page."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from tests.browser.site import Site
from tests.browser.steps import idle, messages
from tests.support.apps import AppMaker

pytestmark = pytest.mark.browser

LATE = """
    import asyncio
    import webapp as cl

    TASKS = []
    # How far the task may go.
    STEPS = []

    async def until(count):
        while len(STEPS) < count:
            await asyncio.sleep(0.02)

    async def later():
        await until(1)
        sent = await cl.Message("Half done").send()
        await until(2)
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
    idle(desktop)
    field.fill("My next question")
    callback = site.app.extensions["chat_app"].callbacks["on_message"].function
    steps = callback.__globals__["STEPS"]
    steps.append("half")
    expect(messages(desktop)).to_contain_text(["Go", "I have begun.", "Half done"])
    steps.append("all")
    expect(messages(desktop)).to_contain_text(["Go", "I have begun.", "All done"])
    expect(field).to_have_value("My next question")
    expect(field).to_be_focused()
    # Nothing more is expected, so the page asks no more.
    expect(desktop.locator("#turn")).to_have_attribute("hx-trigger", "focus from:window")
