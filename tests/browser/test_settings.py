"""The settings of a chat in a browser: the panel, its keys, and what the app makes of a change."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import PHONE, NewPage
from tests.browser.guard import Guard
from tests.browser.site import Site
from tests.browser.steps import (
    answer,
    ask,
    choose,
    composer,
    messages,
    of_input_method,
    open_chat,
    open_settings,
)
from tests.browser.test_accessibility import findings, nothing_is_wider_than_the_screen
from tests.support.apps import AppMaker
from tests.test_settings_authoring import EDITING

pytestmark = pytest.mark.browser

EDITING_TAGS = """
    import webapp as cl
    from webapp.input_widget import Tags

    def form(tags):
        return cl.ChatSettings([Tags("w", "Words", tags, description=f"It has {len(tags)} tags.")])

    @cl.on_chat_start
    async def start():
        await form(["a"]).send()

    @cl.on_settings_edit
    async def edit(settings):
        await form(settings["w"]).send()

    @cl.on_message
    async def answer(message):
        await cl.Message("ok").send()
"""


# What the app makes of a change has as many choices as before, and other values.
EDITING_ALL = """
    import webapp as cl
    from webapp.input_widget import *

    def widgets(style):
        new = style == "new"
        about = {"description": f"It is {style}."}
        values = ["n1", "n2", "n3"] if new else ["o1", "o2", "o3"]
        return [
            Tab("first", "First", [
                Select("Style", "Style", values=["old", "new"], initial_value=style),
                TextInput("Note", "Note"),
            ]),
            Tab("rest", "Rest", [
                Select("Model", "Model", values=values, initial_index=0),
                RadioGroup("Length", "Length", values=values, initial_index=0),
                MultiSelect("Tools", "Tools", values=values, initial=values[:1]),
                Switch("Stream", "Stream", initial=False, **about),
                Slider("Heat", "Heat", initial=1, **about),
                DatePicker("Day", "Day", initial="2026-01-01", **about),
            ]),
        ]

    @cl.on_chat_start
    async def start():
        await cl.ChatSettings(widgets("old")).send()

    @cl.on_settings_edit
    async def edit(settings):
        await cl.ChatSettings(widgets(settings["Style"])).refresh()

    @cl.on_settings_update
    async def update(settings):
        await cl.Message(" ".join(str(value) for value in settings.values())).send()
"""


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


def test_fields_that_the_app_has_changed_show_what_it_has_set(
    new_page: NewPage, make_app: AppMaker, serve: object
) -> None:
    page = new_page()
    open_chat(page, serve(make_app(EDITING_ALL)))  # type: ignore[operator]
    panel = open_settings(page)
    rest = panel.locator("summary").filter(has_text="Rest")
    rest.click()
    panel.get_by_label("Model").select_option("o3")
    panel.get_by_role("radio", name="o2").check()
    panel.get_by_role("checkbox", name="o3").check()
    panel.get_by_role("switch", name="Stream").check()
    panel.get_by_label("Heat").fill("7")
    panel.get_by_label("Day").fill("2026-03-03")
    panel.get_by_label("Note").fill("kept")
    panel.get_by_label("Style").select_option("new")

    expect(panel.get_by_label("Model").locator("option")).to_have_text(["n1", "n2", "n3"])
    # The tab that the user has opened stays open.
    expect(panel.get_by_label("Model")).to_have_value("n1")
    expect(panel.get_by_label("Model")).to_be_visible()
    expect(panel.locator("output")).to_have_text("1")
    panel.get_by_test_id("save-settings").click()
    expect(messages(page).last).to_contain_text("new kept n1 n1 ['n1'] False 1 2026-01-01")


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


def chips(panel: Locator) -> Locator:
    """Return the tags as chips show them."""
    return panel.locator(".tags bdi")


def test_tags_are_chips(new_page: NewPage, site: Site) -> None:
    page = new_page()
    open_chat(page, site)
    panel = open_settings(page)
    field = panel.get_by_role("textbox", name="Stop words")
    expect(field).to_have_accessible_description(re.compile("Enter or a comma ends a tag"))
    expect(panel.get_by_role("list", name="Stop words")).to_be_visible()
    expect(chips(panel)).to_have_text(["Answer:", "one, two"])
    field.fill("three")
    assert of_input_method(field, "Enter")
    expect(field).to_have_value("three")
    field.press("Enter")
    field.press_sequentially('four,"five, six"')
    field.press("Enter")
    # Once each, and what was pasted as well.
    field.fill("three, seven, <b>")
    field.blur()
    added = ["three", "four", "five, six", "seven", "<b>"]
    expect(chips(panel)).to_have_text(["Answer:", "one, two", *added])
    panel.get_by_role("button", name="Remove four").press("Enter")
    expect(panel.get_by_role("button", name="Remove five, six")).to_be_focused()
    expect(panel.get_by_role("status").filter(has_text="Removed four")).to_be_attached()
    page.keyboard.press("Delete")
    field.focus()
    page.keyboard.press("Backspace")
    expect(field).to_be_focused()
    expect(chips(panel)).to_have_text(["Answer:", "one, two", "three", "seven"])
    field.fill("last")
    panel.get_by_test_id("save-settings").click()
    expect(panel).to_have_count(0)
    kept = ["Answer:", "one, two", "three", "seven", "last"]
    expect(chips(open_settings(page))).to_have_text(kept)
    page.keyboard.press("Escape")
    ask(page, "what?")
    expect(answer(page)).to_contain_text('["Answer:", "one, two", "three", "seven", "last"]')


@pytest.mark.parametrize("options", [PHONE, {}], ids=["phone", "desktop"])
def test_chips_are_sound_on_any_screen(
    new_page: NewPage, site: Site, options: dict[str, Any]
) -> None:
    page = new_page(**options)
    open_chat(page, site)
    panel = open_settings(page)
    field = panel.get_by_role("textbox", name="Stop words")
    field.fill("a" * 190 + ", short, two words,")
    expect(panel.get_by_role("button", name="Remove two words")).to_be_visible()
    nothing_is_wider_than_the_screen(page)
    for width in (320, 390) if options else (1280,):
        page.set_viewport_size({"width": width, "height": 800})
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            assert findings(page) == []


def test_chips_stay_while_the_form_follows_a_change(
    new_page: NewPage, make_app: AppMaker, serve: object
) -> None:
    page = new_page()
    open_chat(page, serve(make_app(EDITING_TAGS)))  # type: ignore[operator]
    panel = open_settings(page)
    # From the moment at which the form is drawn, or what is typed then would be lost.
    page.evaluate(
        """() => {
            window.drawn = [];
            addEventListener("htmx:after:swap", () => {
                const field = document.querySelector("#settings-panel .tags-next");
                drawn.push(field !== null && field === document.activeElement);
            });
        }"""
    )
    field = panel.get_by_role("textbox", name="Words")
    field.fill("b")
    field.press("Enter")
    expect(panel.get_by_text("It has 2 tags.")).to_be_visible()
    expect(field).to_be_focused()
    expect(chips(panel)).to_have_text(["a", "b"])
    field.press_sequentially("c")
    field.press("Enter")
    expect(panel.get_by_text("It has 3 tags.")).to_be_visible()
    expect(chips(panel)).to_have_text(["a", "b", "c"])
    assert page.evaluate("drawn") == [True, True]


def test_tags_are_a_text_without_javascript(without_javascript: Page, site: Site) -> None:
    page = without_javascript
    page.goto(site.url)
    page.locator("#start button").click()
    page.get_by_test_id("settings").click()
    field = page.get_by_role("textbox", name="Stop words")
    expect(field).to_have_value('Answer:\n"one, two"')
    field.fill("x, y")
    page.get_by_test_id("save-settings").click()
    page.get_by_test_id("settings").click()
    expect(field).to_have_value("x\ny")
