"""Switching to another profile: a new chat at once, in the same page."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Request, expect

from tests.browser.site import Site
from tests.browser.steps import (
    HeldRequests,
    choose,
    focus_is,
    messages,
    notices,
    open_chat,
    open_selector,
    option,
    panel,
    started,
)
from tests.support.rows import column, run_sql

pytestmark = pytest.mark.browser


@pytest.fixture
def slow(shared_app: Callable[[str], Site]) -> Site:
    """Return a site whose chats take a moment to start."""
    return shared_app("slow.py")


def starts(page: Page) -> list[str]:
    """Return a list that grows by the body of each request that starts a chat."""
    sent: list[str] = []

    def note(request: Request) -> None:
        if request.method == "POST":
            sent.append(request.post_data or "")

    page.on("request", note)
    return sent


def test_the_page_is_not_loaded_again(desktop: Page, simple: Site) -> None:
    first = open_chat(desktop, simple)
    desktop.evaluate("window.stillHere = true")
    second = choose(desktop, "GPT-4")
    assert desktop.evaluate("window.stillHere") is True
    assert second != first
    assert desktop.url == f"{simple.url}/chats/{second}"
    expect(desktop).to_have_title("GPT-4 · Chat Profiles")


def test_the_chat_is_the_same_when_the_page_is_loaded_again(desktop: Page, simple: Site) -> None:
    open_chat(desktop, simple)
    chat = choose(desktop, "GPT-4")
    said = messages(desktop).locator(".prose").all_inner_texts()
    desktop.reload()
    assert started(desktop, "GPT-4") == chat
    expect(messages(desktop).locator(".prose")).to_have_text(said)


def test_back_goes_to_an_earlier_chat_that_was_written_in(desktop: Page, simple: Site) -> None:
    first = open_chat(desktop, simple)
    run_sql(simple.app, "UPDATE chats SET written = 1")
    choose(desktop, "GPT-4")
    desktop.go_back()
    assert started(desktop, "GPT-3.5") == first
    expect(messages(desktop)).to_contain_text(["starting chat using the GPT-3.5 chat profile"])
    expect(desktop.locator("#profile-button")).to_contain_text("GPT-3.5")


def test_back_never_leads_to_a_chat_that_was_replaced(desktop: Page, simple: Site) -> None:
    desktop.goto(f"{simple.url}/profiles")
    open_chat(desktop, simple)
    choose(desktop, "GPT-4")
    answer = desktop.go_back()
    assert answer is None or answer.status == 200
    expect(desktop.locator("h1")).to_have_text("Chat profiles")


def test_text_in_the_composer_stays(desktop: Page, simple: Site) -> None:
    open_chat(desktop, simple)
    composer = desktop.get_by_test_id("composer-input")
    composer.fill("A question that\nI have not sent")
    choose(desktop, "GPT-4")
    expect(composer).to_have_value("A question that\nI have not sent")
    desktop.get_by_test_id("new-chat").click()
    desktop.wait_for_load_state("networkidle")
    expect(composer).to_have_value("A question that\nI have not sent")


def test_typing_goes_on_while_the_chat_starts(desktop: Page, simple: Site) -> None:
    held = HeldRequests(desktop, "**/chats")
    desktop.goto(simple.url)
    composer = desktop.get_by_test_id("composer-input")
    composer.click()
    desktop.keyboard.type("first half, ")
    held.take().continue_()
    started(desktop)
    desktop.keyboard.type("second half")
    expect(composer).to_have_value("first half, second half")


def test_exactly_the_chosen_profile_is_marked(desktop: Page, simple: Site) -> None:
    open_chat(desktop, simple)
    choose(desktop, "GPT-4")
    expect(option(desktop, "GPT-4")).to_have_attribute("aria-checked", "true")
    expect(option(desktop, "GPT-3.5")).to_have_attribute("aria-checked", "false")
    open_selector(desktop)
    expect(option(desktop, "GPT-4")).to_contain_text("Current")
    expect(desktop.get_by_text("Current", exact=True)).to_have_count(1)


def test_messages_arrive_in_a_log_that_was_there_before(desktop: Page, simple: Site) -> None:
    open_chat(desktop, simple)
    log = desktop.get_by_role("log", name="Conversation")
    desktop.evaluate("window.log = document.querySelector('[role=log]')")
    choose(desktop, "GPT-4")
    expect(log.get_by_test_id("message")).to_have_count(1)
    assert desktop.evaluate("window.log === document.querySelector('[role=log]')")


def test_a_double_click_starts_one_chat(desktop: Page, slow: Site) -> None:
    open_chat(desktop, slow)
    sent = starts(desktop)
    open_selector(desktop)
    option(desktop, "two").dblclick()
    started(desktop, "two")
    desktop.wait_for_load_state("networkidle")
    assert [body.count("profile=two") for body in sent] == [1]


def test_a_choice_made_while_a_chat_starts_wins(desktop: Page, slow: Site) -> None:
    desktop.goto(slow.url)
    open_selector(desktop)
    option(desktop, "three").click()
    chat = started(desktop, "three")
    desktop.wait_for_load_state("networkidle")
    expect(messages(desktop)).to_contain_text(["This is three."])
    assert desktop.url.endswith(chat)
    assert chat in [str(stored) for stored in column(slow.app, "chats.id")]


def test_an_open_list_stays_open_when_the_chat_has_started(desktop: Page, simple: Site) -> None:
    held = HeldRequests(desktop, "**/chats")
    desktop.goto(str(simple))
    open_selector(desktop)
    focus_is(desktop, "GPT-3.5")
    desktop.keyboard.press("End")
    focus_is(desktop, "GPT-4")
    held.take().continue_()
    started(desktop, "GPT-3.5")
    expect(panel(desktop)).to_be_visible()
    focus_is(desktop, "GPT-4")


def test_the_page_says_that_a_chat_is_starting(desktop: Page, simple: Site) -> None:
    held = HeldRequests(desktop, "**/chats")
    desktop.goto(simple.url)
    expect(desktop.get_by_role("status").filter(has_text="Starting chat…")).to_be_visible()
    expect(desktop.get_by_role("button", name="Start chat")).to_be_hidden()
    held.take().continue_()
    started(desktop)
    expect(desktop.get_by_text("Starting chat…")).to_have_count(0)


def test_switching_leaves_no_notice(desktop: Page, simple: Site) -> None:
    open_chat(desktop, simple)
    choose(desktop, "GPT-4")
    expect(notices(desktop)).to_have_count(0)
