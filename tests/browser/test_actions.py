"""Buttons under messages, and forms of an app's own elements, in a browser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Locator, Page, expect

from tests.browser.guard import Guard
from tests.browser.site import Site
from tests.browser.steps import notices
from tests.browser.test_accessibility import findings
from tests.support.apps import AppMaker

pytestmark = pytest.mark.browser

APP = """
    import asyncio

    import webapp as cl

    @cl.on_chat_start
    async def start():
        actions = [
            cl.Action("order", {}, label="Order", icon="check", tooltip="It cannot be undone."),
            cl.Action("slow", {}, label="Take your time"),
            cl.Action("other", {}, label="A label that is much longer than a button " * 4),
        ]
        await cl.Message("Shall I order it?", actions=actions).send()
        form = cl.CustomElement(name="Ticket", props={"count": 1})
        await cl.Message("Your ticket:", elements=[form]).send()
        cl.user_session.set("form", form)

    @cl.action_callback("order")
    async def order(action):
        await action.remove()
        reply = cl.Message()
        await reply.stream_token("Ordered, ")
        await asyncio.sleep(0.5)
        await reply.stream_token("and done.")
        await reply.send()

    @cl.action_callback("slow")
    async def slow():
        await cl.Message("It begins.").send()
        await asyncio.sleep(30)

    @cl.action_callback("save")
    async def save(action):
        await cl.Message(f"Saved {action.payload['form']['title']}.").send()

    @cl.action_callback("count")
    async def count():
        form = cl.user_session.get("form")
        form.props["count"] += 1
        await form.update()

    @cl.on_message
    async def answer(message):
        await cl.Message("echo").send()
"""
TICKET = """
<form {{ action("save") }}>
  <label for="title">Title</label> <input id="title" name="title" required>
  <button>Save</button>
</form>
<p>Count: {{ props.count }} <button {{ action("count") }}>One more</button></p>
"""


CHOOSING = """
    import webapp as cl

    @cl.on_chat_start
    async def start():
        props = {"offers": ["a1", "a2", "a3"], "packed": False}
        form = cl.CustomElement(name="Choice", props=props)
        await cl.Message("Choose:", elements=[form]).send()
        cl.user_session.set("form", form)

    @cl.action_callback("change")
    async def change():
        form = cl.user_session.get("form")
        form.props.update(offers=["b1", "b2", "b3"], packed=True)
        await form.update()
"""
CHOICE = """
<form {{ action("change") }}>
  <select name="offer" aria-label="Offer">
    {% for offer in props.offers %}<option{% if loop.first %} selected{% endif %}
      value="{{ offer }}">{{ offer }}</option>{% endfor %}
  </select>
  <label><input type="checkbox" name="packed" value="yes"{% if props.packed %} checked{% endif %}>
    Packed</label>
  <label for="note">Note</label> <input id="note" name="note">
  <details><summary>More</summary><p>It costs nothing.</p></details>
  <button>Change</button>
</form>
"""


@pytest.fixture
def site(make_app: AppMaker, serve: Callable[[Flask], Site]) -> Site:
    """Serve an app with buttons and a form."""
    folder = make_app.folder / "elements"
    folder.mkdir()
    (folder / "Ticket.html").write_text(TICKET)
    return serve(make_app(APP))


def said(page: Page, text: str) -> Locator:
    return page.get_by_test_id("messages").get_by_text(text)


def test_buttons_work_by_the_keyboard(desktop: Page, site: Site, guard: Guard) -> None:
    desktop.goto(str(site))
    order = desktop.get_by_role("button", name="Order")
    order.focus()
    expect(desktop.get_by_role("tooltip")).to_be_visible()
    expect(order).to_have_accessible_description("It cannot be undone.")
    desktop.keyboard.press("Enter")
    expect(said(desktop, "Ordered, and done.")).to_be_visible()
    expect(order).to_have_count(0)
    # What had the focus is gone, and the one beside it has it now.
    expect(desktop.get_by_role("button", name="Take your time")).to_be_focused()
    expect(desktop.get_by_test_id("stop")).to_have_count(0)

    desktop.keyboard.press("Enter")
    expect(said(desktop, "It begins.")).to_be_visible()
    guard.expect("409")
    desktop.get_by_role("button", name="A label that is much longer").click()
    expect(notices(desktop)).to_contain_text("still being written")
    desktop.get_by_test_id("stop").click()
    expect(desktop.get_by_test_id("stop")).to_have_count(0)


def test_a_form_is_sent_without_leaving_the_page(desktop: Page, site: Site) -> None:
    desktop.goto(str(site))
    save = desktop.get_by_role("button", name="Save")
    save.click()
    expect(desktop.get_by_label("Title")).to_be_focused()  # the browser asks for it
    for title in ("a lamp", "a chair"):
        desktop.get_by_label("Title").fill(title)
        desktop.keyboard.press("Enter")
        expect(said(desktop, f"Saved {title}.")).to_be_visible()
        expect(desktop.get_by_test_id("stop")).to_have_count(0)
    for number in (2, 3):
        desktop.get_by_role("button", name="One more").click()
        expect(said(desktop, f"Count: {number}")).to_be_visible()
        expect(desktop.get_by_test_id("stop")).to_have_count(0)


def test_choices_that_the_app_has_changed_show_what_its_template_says(
    desktop: Page, make_app: AppMaker, serve: Callable[[Flask], Site], tmp_path: Path
) -> None:
    (tmp_path / "elements").mkdir()
    (tmp_path / "elements" / "Choice.html").write_text(CHOICE)
    desktop.goto(str(serve(make_app(CHOOSING))))
    element = desktop.get_by_test_id("element")
    offer, packed = element.get_by_label("Offer"), element.get_by_label("Packed")
    element.get_by_text("More").click()
    offer.select_option("a3")
    packed.check()
    packed.uncheck()
    element.get_by_label("Note").fill("kept")
    element.get_by_role("button", name="Change").click()
    expect(offer.locator("option")).to_have_text(["b1", "b2", "b3"])
    expect(offer).to_have_value("b1")
    expect(packed).to_be_checked()
    # What the app has not changed is as the user left it.
    expect(element.get_by_label("Note")).to_have_value("kept")
    expect(element.get_by_text("It costs nothing.")).to_be_visible()


def test_buttons_and_forms_are_sound(desktop: Page, site: Site) -> None:
    desktop.goto(str(site))
    desktop.get_by_role("button", name="Order").focus()
    for width in (1280, 320):
        desktop.set_viewport_size({"width": width, "height": 800})
        for scheme in ("light", "dark"):
            desktop.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            expect(desktop.get_by_role("tooltip")).to_be_visible()
            assert findings(desktop) == []
            assert desktop.evaluate("document.documentElement.scrollWidth") <= width


def test_buttons_and_forms_work_without_javascript(without_javascript: Page, site: Site) -> None:
    page = without_javascript
    page.goto(str(site))
    page.get_by_role("button", name="Start chat").click()
    page.get_by_label("Title").fill("a lamp")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved a lamp.")).to_be_visible()
    page.get_by_role("button", name="One more").click()
    expect(page.get_by_text("Count: 2")).to_be_visible()
