"""The history in a browser: beside the chat, in a drawer, with and without script."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.guard import Guard
from tests.browser.site import Site
from tests.browser.steps import ask, composer, ended, idle, notices, open_chat, wait_until
from tests.support.apps import AppMaker
from tests.support.rows import column, run_sql
from tests.test_history import many_chats
from webapp.history.listing import PAGE_SIZE, PINNED_LIMIT

pytestmark = pytest.mark.browser

APP = """
    import webapp as cl

    @cl.set_chat_profiles
    def chat_profiles():
        return [cl.ChatProfile("team", "For all."), cl.ChatProfile("ant", "Small.")]

    @cl.on_message
    def answer(message):
        cl.Message("You said: " + message.content).send()
"""


@pytest.fixture
def site(make_app: AppMaker, serve: Callable[..., Site]) -> Site:
    return serve(make_app(APP))


def items(page: Page) -> Locator:
    return page.get_by_test_id("history-item")


def titles(page: Page) -> list[str]:
    return page.locator(".item-title").all_inner_texts()


def say(page: Page, site: Site, text: str) -> str:
    """Start a chat, write in it, and return its id."""
    chat = open_chat(page, site)
    ask(page, text)
    ended(page)
    return chat


def history_of(site: Site, number: int) -> None:
    """Let whoever has the one chat there is have some more."""
    [owner] = set(column(site.app, "chats.owner"))
    many_chats(site.app, owner, number)


def test_a_chat_comes_into_the_list_with_its_first_message(desktop: Page, site: Site) -> None:
    open_chat(desktop, site)
    expect(items(desktop)).to_have_count(0)
    expect(desktop.get_by_text("Your chats will be listed here.")).to_be_visible()
    expect(desktop.get_by_text("Today")).to_be_hidden()
    ask(desktop, "Plan a weekend in Rome")
    expect(items(desktop)).to_have_text(re.compile("Plan a weekend in Rome"))
    expect(items(desktop).locator("[aria-current]")).to_have_count(1)
    expect(desktop.get_by_text("Today")).to_be_visible()
    expect(desktop.get_by_text("Your chats will be listed here.")).to_be_hidden()


def test_the_tab_is_called_as_the_chat_is(desktop: Page, site: Site) -> None:
    say(desktop, site, "Plan a weekend")
    expect(desktop).to_have_title(re.compile("^Plan a weekend · "))
    desktop.get_by_test_id("history-menu").click()
    desktop.get_by_test_id("title-input").fill("Rome <in> spring")
    desktop.get_by_test_id("title-input").press("Enter")
    expect(desktop).to_have_title(re.compile("^Rome <in> spring · "))
    open_chat(desktop, site)
    expect(desktop).not_to_have_title(re.compile("Rome"))
    desktop.get_by_test_id("history-menu").click()
    desktop.get_by_test_id("title-input").fill("Elsewhere")
    desktop.get_by_test_id("title-input").press("Enter")
    expect(items(desktop).locator(".item-title")).to_have_text("Elsewhere")
    expect(desktop).not_to_have_title(re.compile("Elsewhere"))


def test_a_new_chat_takes_the_mark_from_the_one_before(desktop: Page, site: Site) -> None:
    first = say(desktop, site, "One")
    desktop.get_by_test_id("new-chat").click()
    expect(desktop.locator(f"#chat:not([data-chat-id='{first}'])")).to_be_visible()
    expect(items(desktop).locator("[aria-current]")).to_have_count(0)
    expect(items(desktop)).to_have_count(1)


def test_another_chat_is_opened_from_the_list(desktop: Page, site: Site) -> None:
    first = say(desktop, site, "One")
    say(desktop, site, "Two")
    items(desktop).filter(has_text="One").get_by_role("link").first.click()
    expect(desktop).to_have_url(f"{site}/chats/{first}")
    expect(desktop.get_by_test_id("message").first).to_contain_text("One")


def test_a_message_moves_its_chat_to_the_top(desktop: Page, site: Site) -> None:
    first = say(desktop, site, "One")
    say(desktop, site, "Two")
    desktop.goto(f"{site}/chats/{first}")
    assert titles(desktop) == ["Two", "One"]
    ask(desktop, "Once more")
    ended(desktop)
    expect(items(desktop).first).to_contain_text("One")
    assert titles(desktop) == ["One", "Two"]
    desktop.reload()
    assert titles(desktop) == ["One", "Two"]


def test_a_message_moves_a_pinned_chat_among_the_pinned_ones(desktop: Page, site: Site) -> None:
    for text in ("One", "Two", "Three"):
        say(desktop, site, text)
    run_sql(site.app, "UPDATE chats SET pinned = title <> 'Three'")
    items(desktop).filter(has_text="One").get_by_role("link").first.click()
    expect(desktop.locator(".history-heading").first).to_have_text("Pinned")
    assert titles(desktop) == ["Two", "One", "Three"]
    ask(desktop, "Once more")
    ended(desktop)
    expect(items(desktop).first).to_contain_text("One")
    assert titles(desktop) == ["One", "Two", "Three"]


def test_a_heading_goes_with_its_last_chat(desktop: Page, site: Site) -> None:
    first = say(desktop, site, "One")
    run_sql(site.app, "UPDATE chats SET active_at = '2020-01-01 00:00:00'")
    desktop.goto(f"{site}/chats/{first}")
    expect(desktop.get_by_text("January 2020")).to_be_visible()
    ask(desktop, "Once more")
    ended(desktop)
    expect(desktop.get_by_text("Today")).to_be_visible()
    expect(desktop.get_by_text("January 2020")).to_be_hidden()


def test_a_list_from_yesterday_is_loaded_again(desktop: Page, site: Site) -> None:
    chat = say(desktop, site, "One")
    open_chat(desktop, site)
    desktop.evaluate("document.querySelector('[data-day]').dataset.day = '2000-01-01'")
    run_sql(site.app, "UPDATE chats SET title = 'By another tab' WHERE written")
    ask(desktop, "Two")
    expect(items(desktop)).to_have_count(2)
    assert titles(desktop) == ["Two", "By another tab"]
    expect(desktop.locator(f"#item-{chat}")).to_be_visible()


def test_older_chats_come_as_one_scrolls(desktop: Page, site: Site) -> None:
    say(desktop, site, "Newest")
    history_of(site, 3 * PAGE_SIZE)
    desktop.reload()
    shown = desktop.locator("#history-list")
    while items(desktop).count() < 3 * PAGE_SIZE + 1:
        before = items(desktop).count()
        shown.evaluate("list => list.scrollTo(0, list.scrollHeight)")
        wait_until(desktop, f"document.querySelectorAll('.item').length > {before}")
    assert len(set(titles(desktop))) == 3 * PAGE_SIZE + 1
    expect(desktop.get_by_test_id("older-chats")).to_have_count(0)


def test_a_search_is_answered_as_one_types(desktop: Page, site: Site) -> None:
    say(desktop, site, "Plan a weekend in Rome")
    say(desktop, site, "Shopping list")
    desktop.get_by_test_id("history-search").press_sequentially("week")
    expect(items(desktop)).to_have_count(1)
    expect(items(desktop).locator("mark").first).to_have_text(re.compile("week", re.IGNORECASE))
    desktop.get_by_test_id("history-search").fill("nowhere")
    expect(desktop.get_by_text("No chat has that")).to_be_visible()
    desktop.get_by_test_id("history-search").fill("")
    expect(items(desktop)).to_have_count(2)


def test_a_chat_is_renamed_in_its_place(desktop: Page, site: Site) -> None:
    say(desktop, site, "One")
    desktop.get_by_test_id("history-menu").click()
    desktop.get_by_test_id("title-input").fill("Rome in spring")
    desktop.get_by_test_id("title-input").press("Enter")
    expect(items(desktop).locator(".item-title")).to_have_text("Rome in spring")
    expect(desktop.get_by_test_id("title-input")).to_have_count(0)


def test_a_title_that_is_being_typed_outlives_a_new_list(desktop: Page, site: Site) -> None:
    say(desktop, site, "One")
    open_chat(desktop, site)
    desktop.get_by_test_id("history-menu").click()
    desktop.get_by_test_id("title-input").fill("Rome in spring")
    ask(desktop, "Two")
    expect(items(desktop)).to_have_count(2)
    expect(desktop.get_by_test_id("title-input")).to_have_value("Rome in spring")
    desktop.get_by_test_id("title-input").press("Enter")
    expect(items(desktop).locator(".item-title").last).to_have_text("Rome in spring")


def test_options_that_are_open_outlive_a_search(desktop: Page, site: Site) -> None:
    say(desktop, site, "Rome")
    say(desktop, site, "Paris")
    items(desktop).filter(has_text="Rome").get_by_test_id("history-menu").click()
    desktop.get_by_test_id("title-input").fill("Rome in spring")
    desktop.get_by_test_id("history-search").fill("rome")
    expect(items(desktop)).to_have_count(1)
    expect(desktop.get_by_test_id("title-input")).to_have_value("Rome in spring")
    desktop.get_by_test_id("history-menu").click()
    expect(desktop.get_by_test_id("title-input")).to_have_count(0)
    expect(desktop.get_by_test_id("history-menu")).to_be_focused()


def test_a_title_that_is_refused_stays_in_its_field(
    desktop: Page, site: Site, guard: Guard
) -> None:
    guard.expect("status of 422")
    say(desktop, site, "One")
    desktop.get_by_test_id("history-menu").click()
    desktop.get_by_test_id("title-input").fill("\u200b")
    desktop.get_by_test_id("title-input").press("Enter")
    expect(desktop.get_by_role("alert")).to_contain_text("Write a title")
    expect(desktop.get_by_test_id("title-input")).to_have_value("\u200b")


def test_a_chat_is_pinned_to_the_top(desktop: Page, site: Site) -> None:
    say(desktop, site, "Old")
    say(desktop, site, "New")
    items(desktop).filter(has_text="Old").get_by_test_id("history-menu").click()
    desktop.get_by_test_id("pin").click()
    expect(desktop.locator(".history-heading").first).to_have_text("Pinned")
    assert titles(desktop) == ["Old", "New"]


def test_deleting_can_be_undone(desktop: Page, site: Site) -> None:
    first = say(desktop, site, "Old")
    say(desktop, site, "New")
    composer(desktop).fill("a draft")
    items(desktop).filter(has_text="Old").get_by_test_id("history-menu").click()
    desktop.get_by_test_id("delete").click()
    expect(items(desktop)).to_have_count(1)
    expect(desktop.locator(".gone")).to_contain_text("“Old” was deleted.")
    expect(composer(desktop)).to_have_value("a draft")
    desktop.get_by_test_id("undo").click()
    expect(desktop).to_have_url(f"{site}/chats/{first}")
    expect(items(desktop)).to_have_count(2)


def test_deleting_the_chat_on_the_page_starts_a_new_one(desktop: Page, site: Site) -> None:
    first = say(desktop, site, "Old")
    desktop.get_by_test_id("history-menu").click()
    desktop.get_by_test_id("delete").click()
    expect(notices(desktop)).to_contain_text("“Old” was deleted.")
    expect(desktop.locator(f"#chat[data-chat-id]:not([data-chat-id='{first}'])")).to_be_visible()
    idle(desktop)
    desktop.get_by_test_id("undo").click()
    expect(desktop).to_have_url(f"{site}/chats/{first}")


def test_deleting_all_asks_once(desktop: Page, site: Site) -> None:
    say(desktop, site, "One")
    say(desktop, site, "Two")
    desktop.goto(f"{site}/chats")
    desktop.get_by_test_id("clear-all").click()
    desktop.get_by_role("button", name="Keep them").click()
    expect(items(desktop)).to_have_count(2)
    desktop.get_by_test_id("clear-all").click()
    desktop.get_by_role("button", name="Delete all chats", exact=True).click()
    expect(items(desktop)).to_have_count(0)
    expect(desktop.get_by_text("Your chats will be listed here.")).to_be_visible()


def test_a_link_to_a_chat_is_copied(desktop: Page, site: Site) -> None:
    desktop.context.grant_permissions(["clipboard-read", "clipboard-write"])
    chat = say(desktop, site, "One")
    desktop.get_by_test_id("history-menu").click()
    desktop.get_by_role("button", name="Copy link").click()
    expect(desktop.get_by_role("button", name="Copied")).to_be_visible()
    assert desktop.evaluate("navigator.clipboard.readText()") == f"{site}/chats/{chat}"


def test_focus_stays_on_what_was_opened(desktop: Page, site: Site) -> None:
    say(desktop, site, "One")
    menu = desktop.get_by_test_id("history-menu")
    menu.focus()
    desktop.keyboard.press("Enter")
    expect(desktop.get_by_test_id("title-input")).to_be_visible()
    expect(menu).to_be_focused()
    desktop.keyboard.press("Enter")
    expect(desktop.get_by_test_id("title-input")).to_be_hidden()
    expect(menu).to_be_focused()


def test_focus_stays_with_the_chat_that_was_changed(desktop: Page, site: Site) -> None:
    say(desktop, site, "One")
    for change in ("title-input", "pin"):
        desktop.get_by_test_id("history-menu").click()
        desktop.get_by_test_id(change).press("Enter")
        expect(desktop.get_by_test_id(change)).to_have_count(0)
        expect(desktop.get_by_test_id("history-menu")).to_be_focused()


def test_focus_goes_to_undo_when_a_chat_is_deleted(desktop: Page, site: Site) -> None:
    say(desktop, site, "Old")
    say(desktop, site, "New")
    items(desktop).filter(has_text="Old").get_by_test_id("history-menu").click()
    desktop.get_by_test_id("delete").press("Enter")
    expect(desktop.get_by_test_id("undo")).to_be_focused()


def test_pinning_keeps_what_was_searched_for(desktop: Page, site: Site) -> None:
    say(desktop, site, "Rome")
    say(desktop, site, "Paris")
    desktop.get_by_test_id("history-search").fill("rome")
    expect(items(desktop)).to_have_count(1)
    desktop.get_by_test_id("history-menu").click()
    desktop.get_by_test_id("pin").click()
    expect(desktop.get_by_test_id("pin")).to_have_count(0)
    expect(items(desktop)).to_have_count(1)
    expect(items(desktop)).to_contain_text("Rome")


def test_a_new_chat_in_the_list_keeps_what_was_searched_for(desktop: Page, site: Site) -> None:
    say(desktop, site, "Rome")
    open_chat(desktop, site)
    desktop.get_by_test_id("history-search").fill("rome")
    expect(items(desktop).locator("mark")).not_to_have_count(0)
    with desktop.expect_response("**/chats?q=rome*"):
        ask(desktop, "Paris")
    expect(items(desktop)).to_have_count(1)


def test_a_refusal_is_not_hidden_by_the_drawer(phone: Page, site: Site, guard: Guard) -> None:
    guard.expect("status of 409")
    say(phone, site, "One")
    [owner] = set(column(site.app, "chats.owner"))
    many_chats(site.app, owner, PINNED_LIMIT, pinned=True)
    phone.get_by_role("button", name="Chats").click()
    items(phone).filter(has_text="One").get_by_test_id("history-menu").click()
    phone.get_by_test_id("pin").click()
    expect(notices(phone)).to_contain_text("Unpin one of them first.")
    expect(phone.get_by_test_id("history")).to_be_hidden()


def test_on_a_phone_the_history_is_a_drawer(phone: Page, site: Site) -> None:
    chat = say(phone, site, "One")
    expect(phone.get_by_test_id("history")).to_be_hidden()
    phone.get_by_role("button", name="Chats").click()
    expect(phone.get_by_test_id("history")).to_be_visible()
    phone.keyboard.press("Escape")
    expect(phone.get_by_test_id("history")).to_be_hidden()
    phone.get_by_role("button", name="Chats").click()
    items(phone).get_by_role("link").first.click()
    expect(phone).to_have_url(f"{site}/chats/{chat}")
    expect(phone.get_by_test_id("history")).to_be_hidden()


def test_the_sidebar_leaves_no_room_for_sideways_scrolling(desktop: Page, site: Site) -> None:
    say(desktop, site, "x" * 200)
    desktop.get_by_test_id("history-menu").click()
    expect(desktop.get_by_test_id("title-input")).to_be_visible()
    for width in (800, 1280):
        desktop.set_viewport_size({"width": width, "height": 700})
        wide = "document.documentElement.scrollWidth > innerWidth"
        narrow_list = (
            "(e => e.scrollWidth > e.clientWidth)(document.getElementById('history-list'))"
        )
        assert not desktop.evaluate(wide)
        assert not desktop.evaluate(narrow_list)


def test_everything_works_without_script(without_javascript: Page, site: Site) -> None:
    page = without_javascript
    page.goto(str(site))
    page.get_by_role("button", name="Start chat").click()
    page.get_by_test_id("composer-input").fill("Plan a weekend in Rome")
    page.get_by_test_id("send").click()
    page.get_by_test_id("history-search").fill("rome")
    page.get_by_role("button", name="Search").click()
    expect(items(page).locator("mark").first).to_have_text("Rome")
    page.get_by_test_id("history-menu").click()
    page.get_by_test_id("title-input").fill("Paris")
    page.get_by_role("button", name="Save").click()
    page.get_by_test_id("pin").click()
    expect(page.get_by_role("button", name="Unpin")).to_be_visible()
    page.get_by_test_id("delete").click()
    expect(page.get_by_text("“Paris” was deleted.")).to_be_visible()
    page.get_by_test_id("undo").click()
    expect(page.get_by_test_id("message").first).to_contain_text("Plan a weekend in Rome")


def test_a_deleted_chat_in_another_tab_says_that_it_is_gone(
    desktop: Page, site: Site, guard: Guard
) -> None:
    guard.expect("status of 404")
    say(desktop, site, "One")
    run_sql(site.app, "UPDATE chats SET deleted_at = created_at")
    ask(desktop, "Still there?")
    expect(notices(desktop)).to_be_visible()
    expect(composer(desktop)).to_have_value("Still there?")
