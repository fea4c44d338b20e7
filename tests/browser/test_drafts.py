"""What was typed is never lost: drafts, and messages that cannot be taken."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from playwright.sync_api import Page, Route, expect

from tests.browser.chatty import Chatty, ChattyMaker
from tests.browser.guard import UNREACHABLE, Guard
from tests.browser.site import Site
from tests.browser.steps import (
    HeldRequests,
    answer,
    ask,
    choose,
    composer,
    ended,
    idle,
    log_in,
    messages,
    notices,
    open_chat,
    open_selector,
    option,
    started,
)
from tests.support.apps import AppMaker
from tests.support.rows import run_sql

pytestmark = pytest.mark.browser

WITH_LOGIN = """
import webapp as cl

@cl.password_auth_callback
def auth(username: str, password: str) -> cl.User:
    return cl.User(identifier=username)

@cl.on_message
def answer(message: cl.Message) -> None:
    cl.Message(f"You said: {message.content}").send()
"""


@pytest.fixture
def with_login(make_app: AppMaker, serve: Callable[[Flask], Site]) -> Site:
    """Return a site of its own that lets anybody in and repeats what they say."""
    return serve(make_app(WITH_LOGIN))


def test_a_draft_stays_over_a_switch_and_a_reload(desktop: Page, chatty: Chatty) -> None:
    open_chat(desktop, chatty.site)
    composer(desktop).fill("Not yet\nfinished")
    choose(desktop, "terse")
    expect(composer(desktop)).to_have_value("Not yet\nfinished")
    desktop.reload()
    expect(composer(desktop)).to_have_value("Not yet\nfinished")


def test_a_draft_is_gone_when_it_was_sent(desktop: Page, chatty: Chatty) -> None:
    open_chat(desktop, chatty.site)
    ask(desktop, "Hello")
    ended(desktop)
    desktop.reload()
    expect(composer(desktop)).to_have_value("")
    desktop.get_by_test_id("new-chat").click()
    expect(messages(desktop)).to_have_count(0)
    expect(composer(desktop)).to_have_value("")


def test_a_draft_stays_over_an_expired_session(
    desktop: Page, with_login: Site, guard: Guard
) -> None:
    guard.expect("status of 401")
    log_in(desktop, with_login, "alice")
    started(desktop)
    run_sql(with_login.app, "UPDATE login_sessions SET seen_at = '2001-01-01 00:00:00.000000'")
    ask(desktop, "Long considered")
    expect(desktop.get_by_test_id("login-form")).to_be_visible()
    log_in(desktop, with_login, "alice")
    started(desktop)
    expect(composer(desktop)).to_have_value("Long considered")


def test_a_draft_is_not_shown_to_the_next_user(
    desktop: Page, with_login: Site, guard: Guard
) -> None:
    guard.expect("status of 401")
    log_in(desktop, with_login, "alice")
    started(desktop)
    composer(desktop).fill("Nobody else's business")
    desktop.context.clear_cookies()
    log_in(desktop, with_login, "bob")
    started(desktop)
    expect(composer(desktop)).to_have_value("")


def test_signing_out_clears_the_draft(desktop: Page, with_login: Site) -> None:
    log_in(desktop, with_login, "alice")
    started(desktop)
    composer(desktop).fill("Nobody else's business")
    desktop.locator("#user-button").click()
    desktop.get_by_test_id("logout").click()
    expect(desktop.get_by_test_id("login-form")).to_be_visible()
    assert desktop.evaluate("sessionStorage.length") == 0
    log_in(desktop, with_login, "alice")
    started(desktop)
    expect(composer(desktop)).to_have_value("")


def test_text_stays_when_an_answer_is_written_in_another_tab(
    desktop: Page, chatty: Chatty, guard: Guard
) -> None:
    guard.expect("status of 409")
    open_chat(desktop, chatty.site)
    other = desktop.context.new_page()
    other.goto(desktop.url)
    ask(other, "dictate")
    expect(answer(other)).to_have_attribute("data-status", "streaming")
    ask(desktop, "Me too")
    expect(notices(desktop)).to_contain_text(["An answer is still being written in this chat"])
    expect(composer(desktop)).to_have_value("Me too")
    chatty.end()
    idle(other)
    composer(desktop).press("Enter")
    expect(ended(desktop)).to_contain_text("You said: Me too")


@pytest.mark.parametrize("way_on", ["another profile", "new chat"])
@pytest.mark.parametrize("refused", [False, True], ids=["typed", "refused"])
def test_a_draft_belongs_to_its_chat(
    desktop: Page, chatty: Chatty, guard: Guard, way_on: str, refused: bool
) -> None:
    open_chat(desktop, chatty.site)
    ask(desktop, "Hello")
    ended(desktop)
    first = desktop.url
    if refused:
        guard.expect("status of 422")
        ask(desktop, "\u200b")
        expect(notices(desktop)).to_have_attribute("data-code", "422")
    else:
        composer(desktop).fill("For the first one")
    if way_on == "new chat":
        desktop.get_by_test_id("new-chat").click()
        expect(messages(desktop)).to_have_count(0)
    else:
        choose(desktop, "terse")
    expect(composer(desktop)).to_have_value("")
    composer(desktop).fill("For the second one")
    second = desktop.url
    desktop.goto(first)
    expect(composer(desktop)).to_have_value("\u200b" if refused else "For the first one")
    desktop.goto(second)
    expect(composer(desktop)).to_have_value("For the second one")


def test_what_is_typed_after_the_first_message_belongs_to_the_chat(
    desktop: Page, chatty: Chatty
) -> None:
    open_chat(desktop, chatty.site)
    ask(desktop, "dictate")
    expect(answer(desktop)).to_have_attribute("data-status", "streaming")
    composer(desktop).fill("Next")
    chatty.end()
    idle(desktop)
    first = desktop.url
    desktop.goto(str(chatty.site))
    started(desktop)
    expect(composer(desktop)).to_have_value("")
    desktop.goto(first)
    expect(composer(desktop)).to_have_value("Next")


def test_what_did_not_get_out_stays_when_an_answer_is_tried_again(
    desktop: Page, chatty: Chatty, guard: Guard
) -> None:
    guard.expect(*UNREACHABLE)
    open_chat(desktop, chatty.site)
    ask(desktop, "fail")
    ended(desktop, "failed")
    desktop.context.set_offline(True)
    ask(desktop, "Out of reach")
    expect(notices(desktop)).to_be_visible()
    desktop.context.set_offline(False)
    desktop.get_by_test_id("retry").click()
    expect(desktop.locator("[data-kind=error]")).to_have_count(2)
    expect(composer(desktop)).to_have_value("Out of reach")


@pytest.mark.parametrize("way", ["another profile", "new chat"])
def test_what_is_sent_while_a_chat_is_on_its_way_is_said_in_that_one(
    desktop: Page, chatty: Chatty, way: str
) -> None:
    first = open_chat(desktop, chatty.site)
    ask(desktop, "Hello")
    ended(desktop)
    held = HeldRequests(desktop, "**/chats")
    if way == "new chat":
        desktop.get_by_test_id("new-chat").click()
    else:
        open_selector(desktop)
        option(desktop, "terse").click()
    route = held.take()
    ask(desktop, "For the new one")
    expect(composer(desktop)).to_have_value("For the new one")
    assert chatty.heard == ["Hello"]
    route.continue_()
    expect(ended(desktop)).to_contain_text("You said: For the new one")
    expect(composer(desktop)).to_have_value("")
    expect(messages(desktop)).to_have_count(2)
    assert first not in desktop.url
    assert chatty.heard == ["Hello", "For the new one"]


def test_what_did_not_arrive_stays_when_a_new_chat_is_shown(
    desktop: Page, chatty: Chatty, guard: Guard
) -> None:
    guard.expect(*UNREACHABLE)
    first = open_chat(desktop, chatty.site)
    held = HeldRequests(desktop, "**/messages")
    ask(desktop, "Not lost")
    held.take()  # it never arrives
    desktop.get_by_test_id("new-chat").click()
    expect(desktop.locator(f"#chat[data-chat-id]:not([data-chat-id='{first}'])")).to_be_visible()
    desktop.unroute("**/messages")
    idle(desktop)
    expect(composer(desktop)).to_have_value("Not lost")
    composer(desktop).press("Enter")
    expect(ended(desktop)).to_contain_text("You said: Not lost")
    expect(composer(desktop)).to_have_value("")
    assert chatty.heard == ["Not lost"]


def test_what_is_sent_stays_when_the_chat_on_its_way_does_not_come(
    desktop: Page, chatty: Chatty, guard: Guard
) -> None:
    guard.expect(*UNREACHABLE)
    open_chat(desktop, chatty.site)
    held = HeldRequests(desktop, "**/chats")
    desktop.get_by_test_id("new-chat").click()
    route = held.take()
    ask(desktop, "Not lost")
    route.abort()
    expect(notices(desktop)).to_be_visible()
    expect(composer(desktop)).to_have_value("Not lost")
    composer(desktop).press("Enter")
    expect(ended(desktop)).to_contain_text("You said: Not lost")
    assert chatty.heard == ["Not lost"]


def test_text_stays_when_it_is_refused(desktop: Page, chatty: Chatty, guard: Guard) -> None:
    guard.expect("status of 422")
    open_chat(desktop, chatty.site)
    ask(desktop, "\u200b")
    expect(notices(desktop)).to_have_attribute("data-code", "422")
    expect(composer(desktop)).to_have_value("\u200b")
    ask(desktop, "Visible")
    expect(ended(desktop)).to_contain_text("You said: Visible")


def test_text_stays_when_too_many_answers_are_under_way(
    desktop: Page, chatty_with: ChattyMaker, guard: Guard
) -> None:
    guard.expect("status of 429")
    chatty = chatty_with(turns_per_user=1)
    open_chat(desktop, chatty.site)
    ask(desktop, "dictate")
    expect(answer(desktop)).to_have_attribute("data-status", "streaming")
    choose(desktop, "terse")
    ask(desktop, "One more")
    expect(notices(desktop)).to_contain_text(["Several answers are being written"])
    expect(composer(desktop)).to_have_value("One more")


def test_text_stays_while_the_database_is_away(desktop: Page, chatty: Chatty, guard: Guard) -> None:
    guard.expect("status of 503")
    open_chat(desktop, chatty.site)
    run_sql(chatty.site.app, "ALTER TABLE turns RENAME TO away")
    ask(desktop, "Hello")
    expect(notices(desktop)).to_contain_text(["Temporarily unavailable"])
    expect(composer(desktop)).to_have_value("Hello")
    run_sql(chatty.site.app, "ALTER TABLE away RENAME TO turns")
    composer(desktop).press("Enter")
    expect(ended(desktop)).to_contain_text("You said: Hello")
    assert chatty.heard == ["Hello"]


def test_text_stays_while_the_server_cannot_be_reached(
    desktop: Page, chatty: Chatty, guard: Guard
) -> None:
    guard.expect(*UNREACHABLE)
    open_chat(desktop, chatty.site)
    desktop.context.set_offline(True)
    ask(desktop, "Hello")
    expect(notices(desktop)).to_contain_text(["The server could not be reached."])
    expect(composer(desktop)).to_have_value("Hello")
    desktop.context.set_offline(False)
    composer(desktop).press("Enter")
    expect(ended(desktop)).to_contain_text("You said: Hello")


def test_a_notice_goes_when_the_next_message_was_taken(
    desktop: Page, chatty: Chatty, guard: Guard
) -> None:
    guard.expect("status of 422")
    open_chat(desktop, chatty.site)
    ask(desktop, "\u200b")
    expect(notices(desktop)).to_have_count(1)
    ask(desktop, "Hello")
    expect(ended(desktop)).to_contain_text("You said: Hello")
    expect(notices(desktop)).to_have_count(0)


def test_an_answer_that_got_lost_is_not_asked_for_twice(
    desktop: Page, chatty: Chatty, guard: Guard
) -> None:
    guard.expect(*UNREACHABLE)
    open_chat(desktop, chatty.site)

    def lose(route: Route) -> None:
        route.fetch()
        route.abort()

    desktop.route("**/messages", lose, times=1)
    ask(desktop, "Hello")
    expect(notices(desktop)).to_have_count(1)
    composer(desktop).press("Enter")
    expect(messages(desktop)).to_contain_text(["Hello", "You said: Hello"])
    expect(composer(desktop)).to_have_value("")
    assert chatty.heard == ["Hello"]
