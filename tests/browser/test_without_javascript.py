"""Without JavaScript everything is a plain form."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from tests.browser.chatty import Chatty
from tests.browser.conftest import PHONE, NewPage
from tests.browser.guard import Guard
from tests.browser.site import Site
from tests.browser.steps import (
    answer,
    composer,
    ended,
    log_in,
    messages,
    notices,
    open_selector,
    option,
    started,
)
from tests.support.apps import AppMaker

pytestmark = pytest.mark.browser

# How a page loads itself again.
REFRESH = "meta[http-equiv=refresh]"


def begin(page: Page, site: Site) -> None:
    """Log in as Alice and press the button that starts a chat."""
    log_in(page, site, "alice")
    page.get_by_role("button", name="Start chat").click()
    started(page, "team")


def test_log_in_and_start(without_javascript: Page, roles: Site) -> None:
    begin(without_javascript, roles)
    expect(messages(without_javascript)).to_contain_text(["Hello alice, this is team."])


def test_nothing_on_the_page_waits_for_a_script(without_javascript: Page, simple: Site) -> None:
    without_javascript.goto(simple.url)
    expect(without_javascript.get_by_text("Starting chat…")).to_be_hidden()
    expect(without_javascript.get_by_role("searchbox")).to_have_count(0)
    expect(without_javascript.get_by_role("button", name="Start chat")).to_be_visible()


def test_read_and_choose_a_profile(without_javascript: Page, roles: Site) -> None:
    begin(without_javascript, roles)
    open_selector(without_javascript)
    for description in without_javascript.get_by_test_id("profile-description").all():
        expect(description).to_be_in_viewport(ratio=1)
    option(without_javascript, "public").click()
    started(without_javascript, "public")
    expect(messages(without_javascript)).to_contain_text(["Hello alice, this is public."])


def test_choose_before_a_chat_was_started(without_javascript: Page, simple: Site) -> None:
    without_javascript.goto(simple.url)
    open_selector(without_javascript)
    option(without_javascript, "GPT-4").click()
    started(without_javascript, "GPT-4")


def test_the_choice_is_kept_for_the_next_chat(without_javascript: Page, roles: Site) -> None:
    begin(without_javascript, roles)
    open_selector(without_javascript)
    option(without_javascript, "public").click()
    first = started(without_javascript, "public")
    without_javascript.get_by_test_id("new-chat").click()
    expect(without_javascript.get_by_test_id("chat")).not_to_have_attribute("data-chat-id", first)
    started(without_javascript, "public")


def test_choose_on_the_page_of_all_profiles(without_javascript: Page, simple: Site) -> None:
    without_javascript.goto(f"{simple.url}/profiles")
    without_javascript.get_by_role("button", name="Start a chat with GPT-4").click()
    started(without_javascript, "GPT-4")


def test_sign_out(without_javascript: Page, roles: Site) -> None:
    begin(without_javascript, roles)
    without_javascript.locator("#user-button").click()
    without_javascript.get_by_test_id("logout").click()
    expect(without_javascript.get_by_test_id("login-form")).to_be_visible()


def test_a_phone_without_javascript(new_page: NewPage, simple: Site) -> None:
    page = new_page(**PHONE, java_script_enabled=False)
    page.goto(simple.url)
    open_selector(page)
    option(page, "GPT-4").tap()
    started(page, "GPT-4")


def begin_to_talk(page: Page, chatty: Chatty) -> None:
    """Start a chat without a script."""
    page.goto(chatty.site.url)
    page.get_by_role("button", name="Start chat").click()
    started(page, "chatty")


def say(page: Page, text: str) -> None:
    """Write a message and press the button."""
    composer(page).fill(text)
    page.get_by_test_id("send").click()


def test_say_something_and_see_the_answer(without_javascript: Page, chatty: Chatty) -> None:
    begin_to_talk(without_javascript, chatty)
    say(without_javascript, "Good morning\nto you")
    expect(messages(without_javascript)).to_contain_text(["Good morning", "You said: Good morning"])
    expect(composer(without_javascript)).to_have_value("")
    assert chatty.heard == ["Good morning\nto you"]


def test_a_slow_answer_comes_by_itself(without_javascript: Page, chatty: Chatty) -> None:
    begin_to_talk(without_javascript, chatty)
    say(without_javascript, "dictate")
    expect(answer(without_javascript)).to_have_attribute("data-status", "streaming")
    note = without_javascript.locator("noscript p")  # whose text Playwright does not look at
    expect(note).to_be_visible()
    chatty.dictate("Here it is.")
    expect(answer(without_javascript)).to_contain_text("Here it is.")
    chatty.end()
    expect(ended(without_javascript)).to_contain_text("Here it is.")
    expect(without_javascript.locator(REFRESH)).to_have_count(0)


def test_stop_an_answer_and_try_again(without_javascript: Page, chatty: Chatty) -> None:
    begin_to_talk(without_javascript, chatty)
    say(without_javascript, "dictate")
    without_javascript.get_by_test_id("stop").click()
    expect(ended(without_javascript, "stopped")).to_contain_text("Stopped")
    chatty.dictate("Here it is.")
    chatty.end()
    without_javascript.get_by_test_id("retry").click()
    expect(ended(without_javascript)).to_contain_text("Here it is.")


def test_a_starter_says_what_it_suggests(without_javascript: Page, chatty: Chatty) -> None:
    begin_to_talk(without_javascript, chatty)
    without_javascript.get_by_test_id("starter").first.click()
    expect(ended(without_javascript)).to_contain_text("You said: Hello there!")
    expect(without_javascript.get_by_test_id("starter")).to_have_count(0)


def test_text_that_is_refused_stays(without_javascript: Page, chatty: Chatty, guard: Guard) -> None:
    guard.expect("status of 413", "status of 422")
    begin_to_talk(without_javascript, chatty)
    for text, status, short in (("x" * (256 * 1024 + 1), 413, "One"), ("  \n  ", 422, "Two")):
        with without_javascript.expect_response("**/messages") as refusal:
            say(without_javascript, text)
        assert refusal.value.status == status
        expect(notices(without_javascript)).to_have_count(1)
        expect(composer(without_javascript)).to_have_value(text)
        say(without_javascript, short)
        expect(ended(without_javascript)).to_contain_text(f"You said: {short}")


def test_text_is_kept_over_an_expired_login(
    without_javascript: Page,
    make_app: AppMaker,
    serve: Callable[[Flask], Site],
    guard: Guard,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    guard.expect("status of 401")
    monkeypatch.setenv("TALKER_LOGIN", "yes")
    page = without_javascript
    log_in(page, serve(make_app("talker.py")), "alice")
    page.get_by_role("button", name="Start chat").click()
    started(page)
    chat = page.url
    page.context.clear_cookies()
    say(page, "echo Do not\nlose me")
    expect(page.get_by_label("Your message")).to_have_value("echo Do not\nlose me")
    page.get_by_role("link", name="Sign in").click()
    page.get_by_label("Username").fill("alice")
    page.get_by_label("Password", exact=True).fill("alicealice")
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(chat)
    say(page, "echo Do not\nlose me")
    expect(ended(page)).to_contain_text("Do not lose me")


def test_text_stays_when_an_answer_is_being_written(
    without_javascript: Page, chatty: Chatty, guard: Guard
) -> None:
    guard.expect("status of 409")
    begin_to_talk(without_javascript, chatty)
    other = without_javascript.context.new_page()
    other.goto(without_javascript.url)
    say(other, "dictate")
    say(without_javascript, "Me too")
    expect(notices(without_javascript)).to_contain_text(
        ["An answer is still being written in this chat"]
    )
    expect(composer(without_javascript)).to_have_value("Me too")
    # A page loads itself again while an answer is written. This one must not: it has the text.
    expect(without_javascript.locator(REFRESH)).to_have_count(0)
    expect(other.locator(REFRESH)).to_have_count(1)
    chatty.end()
    expect(composer(without_javascript)).to_be_visible()
