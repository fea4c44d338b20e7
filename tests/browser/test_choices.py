"""Commands and modes beside the composer, and suggestions under headings."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.conftest import PHONE, NewPage
from tests.browser.site import Site
from tests.browser.steps import (
    HeldRequests,
    ask,
    composer,
    ended,
    focus_is,
    messages,
    open_chat,
    started,
)
from tests.browser.test_accessibility import findings, nothing_is_wider_than_the_screen
from tests.support.apps import AppMaker

pytestmark = pytest.mark.browser

APP = """
    import chat_profiles as cl

    COMMANDS = [
        {"id": "Picture", "icon": "image", "description": "Draw what you describe"},
        {"id": "Search", "icon": "globe", "description": "Find on the web", "button": True},
        {"id": "Canvas", "description": "Write together, on a page of its own", "persistent": True},
    ]

    @cl.on_chat_start
    async def start():
        await cl.context.emitter.set_commands(COMMANDS)
        await cl.context.emitter.set_modes([
            cl.Mode("model", "Model", [
                cl.ModeOption("pro", "Pro", "Most capable", "brain"),
                cl.ModeOption("flash", "Flash", "Quick and efficient", "zap", default=True),
            ]),
            cl.Mode("effort", "Effort", [
                cl.ModeOption("low", "Low"), cl.ModeOption("high", "High"),
            ]),
        ])

    @cl.set_starter_categories
    def categories():
        return [
            cl.StarterCategory("Creative", starters=[
                cl.Starter("poem", "Write a poem"), cl.Starter("picture", "A cat", "Picture"),
            ]),
            cl.StarterCategory("Educational", starters=[cl.Starter("explain", "Explain it")]),
        ]

    @cl.on_message
    async def answer(message):
        if message.command == "Picture":
            await cl.context.emitter.set_commands([])
        modes = " ".join((message.modes or {}).values())
        await cl.Message(f"{message.command}, {modes}: {message.content}").send()
"""


@pytest.fixture
def site(make_app: AppMaker, serve: Callable[[Flask], Site]) -> Site:
    """Return a site whose chats have commands, modes and headings."""
    return serve(make_app(APP))


def commands(page: Page) -> Locator:
    """Return the commands that can be seen, in the menu or as buttons."""
    return page.get_by_test_id("command")


def category(page: Page, label: str) -> Locator:
    """Return what opens a heading."""
    return page.locator(f"[data-testid=starter-category][data-label={label}] > summary")


def open_site(page: Page, site: Site) -> None:
    """Open a chat, and wait until its commands are there."""
    open_chat(page, site)
    page.locator("#command-button").wait_for()


def test_what_is_chosen_before_the_script_is_there_stays(desktop: Page, site: Site) -> None:
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    desktop.route("**/choices.js*", hold)
    open_chat(desktop, site)
    model = desktop.locator("[data-testid=mode][data-name=model]")
    expect(model).to_have_value("flash")
    model.select_option("pro")
    held.pop().continue_()
    desktop.locator("#command-button").wait_for()
    expect(model).to_have_value("pro")
    composer(desktop).fill("Hello")
    desktop.keyboard.press("Enter")
    expect(ended(desktop)).to_contain_text("pro low: Hello")
    desktop.unroute("**/choices.js*")


def test_a_slash_opens_the_menu_and_keys_choose(desktop: Page, site: Site) -> None:
    open_site(desktop, site)
    expect(commands(desktop)).to_have_text(["Search"])
    field = composer(desktop)
    field.press_sequentially("/")
    expect(commands(desktop)).to_have_count(3)
    menu = desktop.get_by_role("listbox", name="Commands")
    expect(menu.get_by_role("option", selected=True)).to_contain_text("Picture")
    field.press("ArrowDown")
    field.press("ArrowDown")
    expect(menu.get_by_role("option", selected=True)).to_contain_text("Canvas")
    expect(field).to_have_attribute("aria-activedescendant", "command-2")
    assert findings(desktop) == []
    field.press("ArrowDown")
    expect(menu.get_by_role("option", selected=True)).to_contain_text("Picture")
    field.press("Escape")
    expect(menu).to_have_count(0)
    expect(field).to_have_value("/")
    field.fill("")
    field.press_sequentially("/sear")
    expect(commands(desktop)).to_have_count(1)
    expect(desktop.locator("#spoken")).to_have_text("1 command. Search. Find on the web")
    field.press("Enter")
    expect(field).to_have_value("")
    focus_is(desktop, "composer-input")
    expect(commands(desktop)).to_have_attribute("aria-pressed", "true")
    desktop.keyboard.type("Hello")
    desktop.keyboard.press("Enter")
    expect(ended(desktop)).to_contain_text("Search, flash low: Hello")
    expect(messages(desktop).first.get_by_test_id("message-command")).to_have_text("Search")
    expect(commands(desktop)).to_have_attribute("aria-pressed", "false")


def test_a_click_chooses_and_commands_go(desktop: Page, site: Site) -> None:
    open_site(desktop, site)
    composer(desktop).press_sequentially("/pic")
    commands(desktop).click()
    composer(desktop).press_sequentially("Hello")
    composer(desktop).press("Enter")
    expect(ended(desktop)).to_contain_text("Picture, flash low: Hello")
    expect(desktop.locator("#command-button")).to_have_count(0)
    expect(desktop.get_by_test_id("mode")).to_have_count(2)
    composer(desktop).press_sequentially("/pic")
    composer(desktop).press("Enter")
    expect(messages(desktop).last).to_contain_text("None, flash low: /pic")


def test_the_button_opens_the_menu_on_a_phone(phone: Page, site: Site) -> None:
    open_site(phone, site)
    phone.locator("#command-button").click()
    expect(commands(phone)).to_have_count(3)
    phone.keyboard.press("End")
    phone.keyboard.press("Enter")
    chip = phone.get_by_role("button", name="Canvas: remove this command")
    expect(chip).to_be_visible()
    composer(phone).fill("One")
    phone.get_by_test_id("send").click()
    expect(ended(phone)).to_contain_text("Canvas, flash low: One")
    phone.reload()
    chip.click()
    expect(chip).to_have_count(0)
    composer(phone).fill("Two")
    phone.get_by_test_id("send").click()
    expect(messages(phone).last).to_contain_text("None, flash low: Two")


def test_modes_stay_and_go_with_suggestions(desktop: Page, site: Site) -> None:
    open_site(desktop, site)
    model = desktop.get_by_label("Model")
    expect(model).to_have_value("flash")
    expect(model.locator("selectedcontent .glyph")).to_be_visible()
    model.press("Enter")
    expect(model.locator("option .glyph")).to_have_count(2)
    expect(model.locator("option .glyph").first).to_be_visible()
    desktop.get_by_role("option", name="Pro Most capable").click()
    expect(model).to_have_value("pro")
    category(desktop, "Creative").click()
    expect(desktop.get_by_test_id("starter").filter(visible=True)).to_have_count(2)
    category(desktop, "Creative").press("Enter")
    expect(desktop.get_by_test_id("starter").filter(visible=True)).to_have_count(0)
    category(desktop, "Creative").click()
    category(desktop, "Educational").click()
    expect(desktop.get_by_test_id("starter").filter(visible=True)).to_have_count(1)
    desktop.locator("[data-label=explain]").click()
    expect(ended(desktop)).to_contain_text("None, pro low: Explain it")
    expect(model).to_have_value("pro")
    desktop.reload()
    expect(model).to_have_value("pro")


def test_a_suggestion_has_its_command(desktop: Page, site: Site) -> None:
    open_site(desktop, site)
    category(desktop, "Creative").click()
    desktop.locator("[data-label=picture]").click()
    expect(ended(desktop)).to_contain_text("Picture, flash low: A cat")


def test_a_command_counts_for_one_message_also_if_its_script_comes_meanwhile(
    desktop: Page, make_app: AppMaker, serve: Callable[[Flask], Site]
) -> None:
    chosen = APP.replace('"Search", "icon"', '"Search", "selected": True, "icon"')
    scripts = HeldRequests(desktop, "**/choices.js*")
    open_chat(desktop, serve(make_app(chosen)))
    script = scripts.take()
    messages_to_send = HeldRequests(desktop, "**/messages")
    ask(desktop, "One")
    message = messages_to_send.take()
    script.continue_()
    desktop.locator("#command-button").wait_for()
    message.continue_()
    expect(ended(desktop)).to_contain_text("Search, flash low: One")
    desktop.unroute("**/messages")
    ask(desktop, "Two")
    expect(ended(desktop)).to_contain_text("None, flash low: Two")


def test_a_heading_that_is_opened_while_the_chat_starts_stays_open(
    desktop: Page, site: Site
) -> None:
    starting = HeldRequests(desktop, "**/chats")
    desktop.goto(site.url)
    start = starting.take()
    category(desktop, "Creative").click()
    start.continue_()
    started(desktop)
    desktop.locator("[data-label=poem]").click()
    expect(ended(desktop)).to_contain_text("Write a poem")


def test_it_is_sound_and_fits_a_narrow_screen(new_page: NewPage, site: Site) -> None:
    page = new_page(**(PHONE | {"viewport": {"width": 320, "height": 640}}))
    open_site(page, site)
    category(page, "Creative").click()
    nothing_is_wider_than_the_screen(page)
    assert findings(page) == []
    page.locator("#command-button").click()
    nothing_is_wider_than_the_screen(page)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert findings(page) == []


def test_all_of_it_works_without_javascript(without_javascript: Page, site: Site) -> None:
    page = without_javascript
    page.goto(site.url)
    page.locator("#start button").click()
    command = page.get_by_role("combobox", name="Command")
    command.select_option("Canvas")
    page.get_by_label("Effort").select_option("High")
    composer(page).fill("Hello")
    page.get_by_test_id("send").click()
    expect(messages(page).last).to_contain_text("Canvas, flash high: Hello")
    expect(command).to_have_value("Canvas")
    expect(page.get_by_label("Effort")).to_have_value("high")
