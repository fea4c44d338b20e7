"""The settings of a chat in a browser: the panel, its keys, and what the app makes of a change."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PHONE, NewPage
from tests.browser.guard import Guard
from tests.browser.site import Site
from tests.browser.steps import answer, ask, choose, composer, messages, open_chat, open_settings
from tests.support.apps import AppMaker
from tests.test_settings_authoring import EDITING

pytestmark = pytest.mark.browser


@pytest.fixture
def site(make_app: AppMaker, serve: object) -> Site:
    return serve(make_app("settings.py"))  # type: ignore[operator,no-any-return]


def test_settings_are_changed_by_keyboard_and_kept(new_page: NewPage, site: Site) -> None:
    page = new_page()
    open_chat(page, site)
    page.get_by_test_id("settings").focus()
    page.keyboard.press("Enter")
    panel = page.get_by_test_id("settings-panel")
    expect(panel).to_be_visible()
    slider = panel.get_by_role("slider", name="Temperature")
    expect(slider).to_have_accessible_description("How daring it is")
    slider.focus()
    for _ in range(6):
        page.keyboard.press("ArrowLeft")
    expect(panel.locator("output").first).to_have_text("0.4")
    panel.get_by_role("switch", name="Stream the answer").press("Space")
    panel.get_by_label("Model").select_option("large")
    panel.get_by_role("radio", name="short").check()
    panel.get_by_label("Your name").fill("Ada")
    page.keyboard.press("Enter")

    expect(messages(page).last).to_contain_text("now large")
    expect(panel).to_have_count(0)
    expect(composer(page)).to_be_focused()
    opened = open_settings(page)
    expect(opened.get_by_label("Model")).to_have_value("large")
    expect(opened.get_by_role("slider", name="Temperature")).to_have_value("0.4")
    expect(opened.get_by_role("switch")).to_have_count(2)
    page.keyboard.press("Escape")
    expect(panel).to_have_count(0)
    expect(page.get_by_test_id("settings")).to_be_focused()
    ask(page, "what?")
    expect(answer(page)).to_contain_text('"Temperature": 0.4')
    page.reload()
    expect(open_settings(page).get_by_label("Your name")).to_have_value("Ada")


def test_wrong_value_is_named_and_led_to(new_page: NewPage, site: Site, guard: Guard) -> None:
    guard.expect("status of 422")
    page = new_page(**PHONE)
    open_chat(page, site)
    choose(page, "Tabs")
    panel = open_settings(page)
    panel.get_by_label("Your name").fill("kept")
    panel.locator("summary").filter(has_text="More").click()
    panel.get_by_label("Last day").fill("2026-05-01")
    panel.get_by_test_id("save-settings").click()

    problems = panel.locator("#settings-problems")
    expect(problems).to_be_focused()
    panel.locator("summary").filter(has_text="More").click()
    problems.get_by_role("link", name="Period").click()
    period = panel.get_by_role("group", name="Period")
    expect(period).to_be_focused()
    expect(period).to_have_accessible_description("Choose the first and the last day.")
    expect(panel.get_by_label("Your name")).to_have_value("kept")
    panel.get_by_role("button", name="Close").click()
    expect(panel).to_have_count(0)


def test_form_follows_a_change(new_page: NewPage, make_app: AppMaker, serve: object) -> None:
    page = new_page()
    open_chat(page, serve(make_app(EDITING)))  # type: ignore[operator]
    panel = open_settings(page)
    panel.get_by_label("Note").fill("say")
    panel.get_by_label("Provider").select_option("B")
    expect(panel.get_by_label("Model").locator("option")).to_have_text(["Not chosen", "b1"])
    expect(messages(page).filter(has_text="You edit.").last).to_be_attached()
    panel.get_by_label("Model").select_option("b1")
    panel.get_by_test_id("save-settings").click()
    expect(panel).to_have_count(0)
    ask(page, "what?")
    expect(answer(page)).to_contain_text("'Model': 'b1'")


def test_settings_of_a_later_message_come_with_the_stream(
    new_page: NewPage, make_app: AppMaker, serve: object
) -> None:
    page: Page = new_page()
    text = """
        import asyncio
        import webapp as cl
        from webapp.input_widget import Switch

        @cl.on_message
        async def answer(message):
            await cl.Message("thinking").send()
            await asyncio.sleep(0.5)
            await cl.ChatSettings([Switch("a", "A")] if message.content == "on" else []).send()
            await cl.Message("done").send()
    """
    open_chat(page, serve(make_app(text)))  # type: ignore[operator]
    ask(page, "on")
    expect(page.get_by_test_id("settings")).to_be_visible()
    expect(open_settings(page).get_by_role("switch", name="A")).to_be_visible()
    page.keyboard.press("Escape")
    ask(page, "off")
    expect(page.get_by_test_id("settings")).to_have_count(0)
