"""Leaving while an answer is written, and coming back to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest
from flask import Flask
from playwright.sync_api import APIResponse, Error, Page, Route, expect

from tests.browser.chatty import Chatty, ChattyMaker
from tests.browser.guard import UNREACHABLE, Guard
from tests.browser.site import Site
from tests.browser.steps import (
    answer,
    ask,
    choose,
    composer,
    ended,
    idle,
    look_at,
    messages,
    notices,
    open_chat,
    scroll_to,
    started,
)
from tests.support.apps import AppMaker
from tests.support.rows import fill, run_sql
from webapp.pages import watching
from webapp.turns import beginning, claiming, stored_turns

pytestmark = pytest.mark.browser

# Such a page asks every 5 s.
PATIENCE = 30_000


def begin(page: Page, chatty: Chatty) -> str:
    """Open a chat, have an answer begun, and return the chat's id."""
    chat = open_chat(page, chatty.site)
    ask(page, "dictate")
    chatty.dictate("One ")
    expect(answer(page).locator(".prose")).to_have_text("One")
    return chat


def test_a_reload_goes_on_with_the_answer(desktop: Page, chatty: Chatty) -> None:
    begin(desktop, chatty)
    desktop.reload()
    expect(answer(desktop).locator(".prose")).to_have_text("One")
    chatty.dictate("two ")
    expect(answer(desktop).locator(".prose")).to_have_text("One two")
    chatty.dictate("three")
    chatty.end()
    expect(ended(desktop).locator(".prose")).to_have_text("One two three")
    expect(messages(desktop)).to_have_count(2)
    assert chatty.heard == ["dictate"]


def test_a_reload_before_a_start_has_said_anything(
    desktop: Page, make_app: AppMaker, serve: Callable[[Flask], Site]
) -> None:
    site = serve(
        make_app("""
            import threading
            import webapp as cl

            go_on = threading.Event()

            @cl.on_chat_start
            def start():
                go_on.wait(20)
                cl.Message("There you are.").send()
        """)
    )
    open_chat(desktop, site)
    desktop.reload()
    expect(desktop.get_by_test_id("stop")).to_be_visible()
    callback = site.app.extensions["chat_app"].callbacks["on_chat_start"].function
    callback.__globals__["go_on"].set()
    expect(ended(desktop)).to_contain_text("There you are.")


def test_a_reload_before_the_first_word(desktop: Page, chatty: Chatty) -> None:
    open_chat(desktop, chatty.site)
    ask(desktop, "dictate")
    expect(answer(desktop)).to_have_attribute("data-status", "streaming")
    desktop.reload()
    chatty.dictate("First word.")
    expect(answer(desktop).locator(".prose")).to_have_text("First word.")
    chatty.end()
    ended(desktop)


def test_two_tabs_show_the_same(desktop: Page, chatty: Chatty) -> None:
    begin(desktop, chatty)
    other = desktop.context.new_page()
    other.goto(desktop.url)
    chatty.dictate("two")
    for page in (desktop, other):
        expect(answer(page).locator(".prose")).to_have_text("One two")
    chatty.end()
    for page in (desktop, other):
        expect(ended(page).locator(".prose")).to_have_text("One two")
        expect(messages(page)).to_have_count(2)


def test_an_idle_tab_shows_what_was_said_in_another(desktop: Page, chatty: Chatty) -> None:
    open_chat(desktop, chatty.site)
    ask(desktop, "Good morning")
    ended(desktop)
    other = desktop.context.new_page()
    other.goto(desktop.url)
    expect(messages(other)).to_have_count(2)
    composer(other).fill("Not yet sent")
    ask(desktop, "dictate")
    chatty.dictate("One ")
    expect(answer(desktop).locator(".prose")).to_have_text("One")
    expect(messages(other)).to_have_count(2)
    look_at(other)
    expect(answer(other).locator(".prose")).to_have_text("One")
    expect(composer(other)).to_have_value("Not yet sent")
    expect(composer(other)).to_be_focused()
    chatty.dictate("two")
    chatty.end()
    for page in (desktop, other):
        expect(ended(page).locator(".prose")).to_have_text("One two")
        expect(messages(page)).to_have_count(4)


def test_an_idle_tab_with_nothing_new_stays_untouched(desktop: Page, chatty: Chatty) -> None:
    open_chat(desktop, chatty.site)
    with desktop.expect_response("**/news*") as first:
        look_at(desktop)
    assert first.value.status == 204
    ask(desktop, "Good morning")
    ended(desktop)
    with desktop.expect_response("**/news*") as second:
        look_at(desktop)
    assert second.value.status == 204


def test_news_wait_for_who_edits_or_comments(desktop: Page, chatty: Chatty) -> None:
    open_chat(desktop, chatty.site)
    ask(desktop, "Good morning")
    ended(desktop)
    other = desktop.context.new_page()
    other.goto(desktop.url)
    other.get_by_test_id("edit").click()
    other.get_by_test_id("edit-input").fill("Half a thought")
    ask(desktop, "Good evening")
    ended(desktop)
    asked = []
    other.on("request", lambda request: asked.append(request.url))
    look_at(other)
    expect(other.get_by_test_id("edit-input")).to_have_value("Half a thought")
    other.get_by_test_id("edit").click()
    look_at(other)
    expect(messages(other)).to_have_count(4)
    assert len([url for url in asked if "/news" in url]) == 1


def test_news_leave_earlier_messages_where_they_are(desktop: Page, chatty: Chatty) -> None:
    chat = open_chat(desktop, chatty.site)
    fill(chatty.site.app, chat, 100)
    desktop.reload()
    other = desktop.context.new_page()
    other.goto(desktop.url)
    desktop.get_by_test_id("earlier").click()
    expect(messages(desktop)).to_have_count(100)
    scroll_to(desktop, 1000)
    ask(other, "Good evening")
    ended(other)
    look_at(desktop)
    expect(messages(desktop)).to_have_count(102)
    assert desktop.evaluate("scrollY") == 1000
    expect(desktop.get_by_role("button", name="New messages")).to_be_visible()


def test_what_is_sent_on_coming_back_goes_before_the_news(desktop: Page, chatty: Chatty) -> None:
    chat = open_chat(desktop, chatty.site)
    desktop.route(f"**/chats/{chat}/news*", lambda _never_answered: None)
    with desktop.expect_request("**/news*"):
        look_at(desktop)
    with desktop.expect_event("requestfailed", lambda request: "/news" in request.url):
        ask(desktop, "Good morning")
    ended(desktop)
    expect(answer(desktop)).to_contain_text("You said: Good morning")
    expect(messages(desktop)).to_have_count(2)


def test_an_answer_ends_although_everybody_has_left(desktop: Page, chatty: Chatty) -> None:
    begin(desktop, chatty)
    address = desktop.url
    desktop.goto("about:blank")
    chatty.dictate("two")
    chatty.end()
    desktop.goto(address)
    expect(ended(desktop).locator(".prose")).to_have_text("One two")


def test_offline_and_back(desktop: Page, chatty: Chatty, guard: Guard) -> None:
    guard.expect(*UNREACHABLE)
    begin(desktop, chatty)
    desktop.context.set_offline(True)
    chatty.dictate("two ")
    desktop.context.set_offline(False)
    chatty.dictate("three")
    expect(answer(desktop).locator(".prose")).to_have_text("One two three")
    chatty.end()
    expect(ended(desktop).locator(".prose")).to_have_text("One two three")


def test_a_stream_that_ends_early_is_followed_again_without_doubling(
    desktop: Page, chatty: Chatty, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "STREAM_SECONDS", 0.1)
    begin(desktop, chatty)
    for so_far in ("One two", "One two three", "One two three four"):
        with desktop.expect_response("**/turns/**"):  # asked again after each end
            chatty.dictate(so_far.rpartition(" ")[2] + " ")
            expect(answer(desktop).locator(".prose")).to_have_text(so_far)
    chatty.end()
    expect(ended(desktop).locator(".prose")).to_have_text("One two three four")
    expect(messages(desktop)).to_have_count(2)


def test_a_stream_that_ends_out_of_reach_is_followed_when_it_is_back(
    desktop: Page, chatty: Chatty, guard: Guard, monkeypatch: pytest.MonkeyPatch
) -> None:
    guard.expect(*UNREACHABLE)
    monkeypatch.setattr(watching, "STREAM_SECONDS", 0.1)
    begin(desktop, chatty)
    desktop.context.set_offline(True)
    expect(notices(desktop)).to_contain_text(["The server could not be reached."])
    chatty.dictate("two")
    desktop.context.set_offline(False)
    expect(answer(desktop).locator(".prose")).to_have_text("One two")


def test_the_notice_goes_when_the_server_is_back(
    desktop: Page, chatty: Chatty, guard: Guard, monkeypatch: pytest.MonkeyPatch
) -> None:
    guard.expect(*UNREACHABLE)
    monkeypatch.setattr(watching, "STREAM_SECONDS", 0.1)
    begin(desktop, chatty)
    desktop.context.set_offline(True)
    expect(notices(desktop)).to_contain_text(["The server could not be reached."])
    desktop.context.set_offline(False)
    chatty.dictate("two")
    expect(answer(desktop).locator(".prose")).to_have_text("One two")
    expect(notices(desktop)).to_have_count(0)


def test_polling_goes_on_after_a_reload(desktop: Page, chatty_with: ChattyMaker) -> None:
    chatty = chatty_with(streaming="poll")
    begin(desktop, chatty)
    chatty.dictate("two ")
    expect(answer(desktop).locator(".prose")).to_have_text("One two")
    desktop.reload()
    chatty.dictate("three")
    expect(answer(desktop).locator(".prose")).to_have_text("One two three")
    chatty.end()
    expect(ended(desktop).locator(".prose")).to_have_text("One two three")


def test_polling_survives_being_offline(
    desktop: Page, chatty_with: ChattyMaker, guard: Guard
) -> None:
    guard.expect(*UNREACHABLE)
    chatty = chatty_with(streaming="poll")
    begin(desktop, chatty)
    desktop.context.set_offline(True)
    expect(notices(desktop)).to_contain_text(["The server could not be reached."])
    chatty.dictate("two")
    chatty.end()
    desktop.context.set_offline(False)
    expect(ended(desktop).locator(".prose")).to_have_text("One two")


def test_a_switch_while_polling(desktop: Page, chatty_with: ChattyMaker) -> None:
    chatty = chatty_with(streaming="poll")
    begin(desktop, chatty)
    choose(desktop, "terse")
    ask(desktop, "Hello")
    expect(ended(desktop)).to_contain_text("You said: Hello")
    chatty.end()
    expect(messages(desktop).locator(".prose")).to_have_text(["Hello", "You said: Hello"])


def test_a_page_that_was_out_of_sight_goes_on_without_doubling(
    desktop: Page, chatty: Chatty
) -> None:
    begin(desktop, chatty)
    with desktop.expect_response("**/turns/**"):  # a connection may be dead by now
        desktop.evaluate("document.dispatchEvent(new Event('visibilitychange', { bubbles: true }))")
    chatty.dictate("two")
    expect(answer(desktop).locator(".prose")).to_have_text("One two")
    chatty.end()
    expect(ended(desktop).locator(".prose")).to_have_text("One two")
    expect(messages(desktop)).to_have_count(2)


def test_back_and_forward(desktop: Page, chatty: Chatty) -> None:
    begin(desktop, chatty)
    desktop.goto(f"{chatty.site}/profiles")
    desktop.go_back()
    chatty.dictate("two")
    expect(answer(desktop).locator(".prose")).to_have_text("One two")
    desktop.go_forward()
    desktop.go_back()
    chatty.end()
    expect(ended(desktop).locator(".prose")).to_have_text("One two")


def test_switching_leaves_the_answer_in_the_old_chat(desktop: Page, chatty: Chatty) -> None:
    begin(desktop, chatty)
    old = desktop.url
    choose(desktop, "terse")
    chatty.dictate("two")
    ask(desktop, "Hello")  # at once, while the old chat's answer is being written
    expect(ended(desktop)).to_contain_text("You said: Hello")
    chatty.end()
    expect(messages(desktop).locator(".prose")).to_have_text(["Hello", "You said: Hello"])
    desktop.goto(old)
    expect(ended(desktop).locator(".prose")).to_have_text("One two")


def test_nothing_of_the_old_chat_lands_in_the_new_one(desktop: Page, chatty: Chatty) -> None:
    begin(desktop, chatty)
    choose(desktop, "terse")
    for word in ("two ", "three ", "four "):
        chatty.dictate(word)
    ask(desktop, "dictate")  # now two answers listen to what is dictated
    expect(answer(desktop)).to_have_attribute("data-status", "streaming")
    expect(messages(desktop)).to_have_count(2)
    expect(messages(desktop).filter(has_text="One")).to_have_count(0)
    chatty.end()
    chatty.end()
    expect(desktop.get_by_test_id("stop")).to_have_count(0)
    expect(messages(desktop).filter(has_text="One")).to_have_count(0)


@contextmanager
def held_back(page: Page, addresses: str) -> Iterator[None]:
    """Keep the answer of the next request to ``addresses`` from the page until the block ends."""
    held: list[tuple[Route, APIResponse]] = []
    page.route(addresses, lambda route: held.append((route, route.fetch())), times=1)
    yield
    for route, response in held:
        with suppress(Error):  # the page may have given it up
            route.fulfill(response=response)
    idle(page)


@pytest.mark.parametrize("form", ["composer", "starters"])
def test_an_answer_on_its_way_does_not_follow_into_the_new_chat(
    desktop: Page, chatty: Chatty, form: str
) -> None:
    open_chat(desktop, chatty.site)
    with held_back(desktop, "**/messages"):
        if form == "composer":
            ask(desktop, "Hello")
        else:
            desktop.get_by_test_id("starter").first.click()
        expect(desktop.locator(f"#{form}.htmx-request")).to_have_count(1)
        choose(desktop, "terse")
    expect(messages(desktop)).to_have_count(0)


def test_news_of_an_answer_on_its_way_does_not_follow_into_the_new_chat(
    desktop: Page, chatty_with: ChattyMaker
) -> None:
    chatty = chatty_with(streaming="poll")
    open_chat(desktop, chatty.site)
    ask(desktop, "dictate")
    expect(desktop.get_by_test_id("stop")).to_be_visible()
    with held_back(desktop, "**/turns/**"):
        expect(desktop.locator("#turn.htmx-request")).to_have_count(1)
        choose(desktop, "terse")
    expect(messages(desktop)).to_have_count(0)
    expect(desktop.get_by_test_id("send")).to_be_visible()


def test_the_new_chat_can_be_written_in_before_an_answer_comes_whole(
    desktop: Page, chatty_with: ChattyMaker
) -> None:
    chatty = chatty_with(streaming="inline")
    open_chat(desktop, chatty.site)
    ask(desktop, "dictate")
    expect(desktop.locator("#composer.htmx-request")).to_have_count(1)
    choose(desktop, "terse")
    ask(desktop, "Good morning")
    expect(ended(desktop)).to_contain_text("You said: Good morning")


def test_back_to_the_old_chat_follows_it_again(desktop: Page, chatty: Chatty) -> None:
    chat = begin(desktop, chatty)
    choose(desktop, "terse")
    desktop.go_back()
    assert started(desktop, "chatty") == chat
    chatty.dictate("two")
    expect(answer(desktop).locator(".prose")).to_have_text("One two")
    chatty.end()
    ended(desktop)
    expect(composer(desktop)).to_be_editable()


def hear_of_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every turn of another process look as if that process had died."""
    for module in (beginning, claiming, stored_turns):
        monkeypatch.setattr(module, "is_alive", lambda _is_heard: False)


def test_an_answer_that_seemed_to_have_broken_off_is_followed_again(
    desktop: Page, chatty: Chatty, chatty_with: ChattyMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat = begin(desktop, chatty)
    turn = desktop.locator("#turn").get_attribute("data-turn-id")
    other = chatty_with()  # on the same database, as another process would be
    with monkeypatch.context() as clock:
        hear_of_nobody(clock)
        desktop.goto(f"{other.site}/chats/{chat}")
        ended(desktop, "interrupted")
        desktop.get_by_test_id("retry").focus()
        with desktop.expect_response(f"**/turns/{turn}?lost", timeout=PATIENCE) as asked:
            pass
        assert asked.value.status == 204
        expect(desktop.get_by_test_id("retry")).to_be_focused()
    expect(desktop.get_by_test_id("stop")).to_be_visible(timeout=PATIENCE)
    expect(desktop.get_by_test_id("retry")).to_have_count(0)
    expect(answer(desktop)).to_have_attribute("data-status", "streaming")
    chatty.dictate("two")
    chatty.end()
    expect(ended(desktop).locator(".prose")).to_have_text("One two")
    expect(messages(desktop)).to_have_count(2)
    expect(desktop.locator("#spoken")).to_be_empty()  # it was there when the page came
    assert [chatty.heard, other.heard] == [["dictate"], []]


def test_a_page_that_asks_for_a_lost_answer_of_a_chat_that_is_gone_gives_up(
    desktop: Page,
    chatty: Chatty,
    chatty_with: ChattyMaker,
    monkeypatch: pytest.MonkeyPatch,
    guard: Guard,
) -> None:
    guard.expect("status of 404")
    chat = begin(desktop, chatty)
    other = chatty_with()
    hear_of_nobody(monkeypatch)
    desktop.goto(f"{other.site}/chats/{chat}")
    ended(desktop, "interrupted")
    run_sql(other.site.app, "DELETE FROM chats")
    expect(desktop.locator("#turn")).to_have_count(0, timeout=PATIENCE)
    expect(notices(desktop)).to_have_count(0)
