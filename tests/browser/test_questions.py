"""Questions of the app in a browser: asked, answered from two places, and over."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.conftest import NewPage
from tests.browser.guard import Guard
from tests.browser.site import Site
from tests.browser.steps import ask, composer, idle, of_input_method
from tests.browser.test_sharing_and_moving import is_sound
from tests.support.apps import AppMaker
from tests.test_questions import TAKES_NONE
from webapp.pages import chat_page

pytestmark = pytest.mark.browser
Serve = Callable[[Flask], Site]


@pytest.fixture(params=["auto", "poll"])
def site(make_app: AppMaker, serve: Serve, request: pytest.FixtureRequest) -> Site:
    """Return a site that asks, which pages watch by a stream or by asking."""
    return serve(make_app("asker.py", streaming=request.param))


def said(page: Page, text: str) -> Locator:
    """Return the messages that have a text."""
    return page.get_by_test_id("messages").get_by_text(text)


def begin(page: Page, site: Site) -> None:
    """Answer what the start asks, in the composer."""
    page.goto(str(site))
    expect(said(page, "What is your name?")).to_be_visible()
    ask(page, "Ada")
    expect(said(page, "Hello, Ada!")).to_be_visible()
    expect(page.locator(".message[data-kind=user]")).to_have_count(1)
    idle(page)


def question(page: Page, status: str = "open") -> None:
    """Wait until the last question stands so."""
    expect(page.get_by_test_id("question").last).to_have_attribute("data-status", status)


def test_answers_from_the_form_and_from_the_composer(desktop: Page, site: Site) -> None:
    begin(desktop, site)
    ask(desktop, "text")
    question(desktop)
    expect(desktop.get_by_test_id("send")).to_be_visible()
    expect(desktop.get_by_test_id("stop")).to_be_visible()
    desktop.get_by_test_id("answer-input").fill("blue")
    desktop.keyboard.press("Enter")
    expect(said(desktop, "The colour is blue.")).to_be_visible()
    expect(said(desktop, "That is all .")).to_be_visible()
    expect(desktop.get_by_test_id("stop")).to_have_count(0)
    ask(desktop, "text")
    question(desktop)
    ask(desktop, "green")
    expect(said(desktop, "The colour is green.")).to_be_visible()
    expect(composer(desktop)).to_have_value("")
    expect(said(desktop, "That is all .")).to_have_count(2)
    kinds = desktop.locator(".message").evaluate_all("all => all.map(m => m.dataset.kind[0])")
    assert "".join(kinds) == "auauaauaauaauaa"


def test_enter_of_an_input_method_does_not_answer(desktop: Page, site: Site) -> None:
    begin(desktop, site)
    ask(desktop, "text")
    question(desktop)
    field = desktop.get_by_test_id("answer-input")
    field.fill("日本")
    assert of_input_method(field, "Enter")
    field.press("Enter")
    expect(said(desktop, "The colour is 日本.")).to_be_visible()


def test_buttons_and_files(desktop: Page, site: Site) -> None:
    begin(desktop, site)
    ask(desktop, "buttons")
    question(desktop)
    desktop.get_by_role("button", name="Yes, please").click()
    expect(said(desktop, "Selected: Yes, please")).to_be_visible()
    expect(said(desktop, "You chose yes.")).to_be_visible()
    expect(said(desktop, "That is all .")).to_be_visible()
    # A text that is sent while an answer comes stays in the composer.
    expect(desktop.get_by_test_id("stop")).to_have_count(0)
    ask(desktop, "files")
    question(desktop)
    desktop.get_by_test_id("answer-input").set_input_files(
        {"name": "a.txt", "mimeType": "text/plain", "buffer": b"Hello"}
    )
    desktop.get_by_test_id("answer").click()
    expect(said(desktop, "Got a.txt.")).to_be_visible()
    expect(desktop.locator("[data-testid=element][data-name='a.txt']")).to_be_visible()


def test_the_text_stays_when_the_time_is_over(desktop: Page, site: Site) -> None:
    begin(desktop, site)
    ask(desktop, "soon")
    question(desktop)
    desktop.get_by_test_id("answer-input").fill("too slow")
    question(desktop, "timed-out")
    expect(composer(desktop)).to_have_value("too slow")
    expect(said(desktop, "That is all .")).to_be_visible()


def hold_script(page: Page) -> list[Route]:
    """Load the page again, and return where the request for the script of questions will be."""
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/questions.js*", hold)
    page.reload()
    return held


@pytest.mark.parametrize("is_over", [False, True])
def test_what_is_typed_before_the_script_is_there_stays(
    desktop: Page, site: Site, is_over: bool
) -> None:
    begin(desktop, site)
    held = hold_script(desktop)
    ask(desktop, "soon")
    question(desktop)
    desktop.get_by_test_id("answer-input").fill("too slow")
    if not is_over:
        held.pop().continue_()
    question(desktop, "timed-out")
    expect(said(desktop, "That is all .")).to_be_visible()
    if is_over:
        expect(composer(desktop)).to_have_value("")
        held.pop().continue_()
    expect(composer(desktop)).to_have_value("too slow")
    desktop.unroute("**/questions.js*")


def test_what_is_typed_in_one_chat_goes_into_no_other(desktop: Page, site: Site) -> None:
    begin(desktop, site)
    ask(desktop, "text")
    question(desktop)
    asked = desktop.url
    desktop.get_by_test_id("answer-input").fill("for that chat")
    desktop.get_by_test_id("new-chat").click()
    expect(said(desktop, "What is your name?")).to_be_visible()
    expect(desktop).not_to_have_url(asked)
    ask(desktop, "Bob")
    expect(said(desktop, "Hello, Bob!")).to_be_visible()
    expect(composer(desktop)).to_have_value("")


def test_what_was_sent_before_the_script_is_there_does_not_come_back(
    desktop: Page, site: Site
) -> None:
    begin(desktop, site)
    held = hold_script(desktop)
    ask(desktop, "text")
    question(desktop)
    desktop.get_by_test_id("answer-input").fill("blue")
    desktop.get_by_test_id("answer").click()
    expect(said(desktop, "That is all .")).to_be_visible()
    held.pop().continue_()
    expect(desktop.get_by_test_id("stop")).to_have_count(0)
    ask(desktop, "text")
    question(desktop)
    # The script unlocks the composer for an answer, so it has run by then.
    ask(desktop, "green")
    expect(said(desktop, "The colour is green.")).to_be_visible()
    expect(said(desktop, "That is all .")).to_have_count(2)
    expect(composer(desktop)).to_have_value("")
    desktop.unroute("**/questions.js*")


def test_two_pages_and_a_reload_show_the_question(
    desktop: Page, site: Site, guard: Guard, monkeypatch: pytest.MonkeyPatch
) -> None:
    guard.expect("409")
    monkeypatch.setattr(chat_page, "WAITING_SECONDS", 600)
    begin(desktop, site)
    ask(desktop, "text")
    question(desktop)
    other = desktop.context.new_page()
    other.goto(desktop.url)
    question(other)
    other.get_by_test_id("answer-input").fill("red")
    other.get_by_test_id("answer").click()
    expect(said(other, "The colour is red.")).to_be_visible()
    desktop.get_by_test_id("answer-input").fill("late")
    desktop.get_by_test_id("answer").click()
    expect(desktop.get_by_test_id("notice")).to_contain_text("answered before")
    other.close()


def test_a_text_in_the_composer_does_not_become_a_message_if_another_page_has_answered(
    desktop: Page, site: Site, guard: Guard, monkeypatch: pytest.MonkeyPatch
) -> None:
    guard.expect("409")
    monkeypatch.setattr(chat_page, "WAITING_SECONDS", 600)
    begin(desktop, site)
    ask(desktop, "text")
    question(desktop)
    other = desktop.context.new_page()
    other.goto(desktop.url)
    question(other)
    ask(other, "red")
    expect(said(other, "The colour is red.")).to_be_visible()
    expect(other.get_by_test_id("stop")).to_have_count(0)
    ask(desktop, "text")
    expect(desktop.get_by_test_id("notice")).to_contain_text("answered before")
    expect(composer(desktop)).to_have_value("text")
    # The page has looked how the chat stands. Sent once more, it is a message.
    expect(said(desktop, "The colour is red.")).to_be_visible()
    composer(desktop).press("Enter")
    question(desktop)
    other.close()


def test_stop_ends_a_question(desktop: Page, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_page, "WAITING_SECONDS", 600)  # the page asks because of the click
    begin(desktop, site)
    ask(desktop, "text")
    question(desktop)
    desktop.get_by_test_id("stop").click()
    expect(desktop.get_by_test_id("retry")).to_be_visible()
    question(desktop, "stopped")


def test_axe_finds_nothing_and_nothing_overflows(
    new_page: NewPage, make_app: AppMaker, serve: Serve
) -> None:
    page = new_page(viewport={"width": 320, "height": 720})
    begin(page, serve(make_app("asker.py")))
    for what in ("text", "buttons", "files", "form"):
        ask(page, what)
        question(page)
        is_sound(page)
        page.get_by_test_id("stop").click()
        question(page, "stopped")
        expect(page.get_by_test_id("retry")).to_be_visible()


def test_a_form_of_the_app_is_filled_in_by_keyboard(desktop: Page, site: Site) -> None:
    begin(desktop, site)
    ask(desktop, "form")
    question(desktop)
    desktop.get_by_label("Title").focus()
    desktop.keyboard.type("The lamp")
    desktop.keyboard.press("Enter")
    expect(said(desktop, "Noted: The lamp.")).to_be_visible()
    expect(said(desktop, "Thanks for submitting")).to_be_visible()


def test_the_composer_answers_where_the_app_answers_no_messages(
    desktop: Page, serve: Serve, make_app: AppMaker
) -> None:
    source = """
        import webapp as cl

        @cl.on_chat_start
        async def start():
            given = await cl.AskUserMessage("What is your name?").send()
            await cl.Message(f"Hello, {given['output']}!").send()
    """
    desktop.goto(str(serve(make_app(source))))
    question(desktop)
    expect(desktop.get_by_test_id("send")).to_be_enabled()  # by the script of questions
    ask(desktop, "Ada")
    expect(said(desktop, "Hello, Ada!")).to_be_visible()
    expect(desktop.get_by_test_id("send")).to_be_disabled()


@pytest.mark.parametrize("streaming", ["auto", "poll"])
def test_the_hint_says_what_the_composer_takes_now(
    desktop: Page, make_app: AppMaker, serve: Serve, streaming: str
) -> None:
    desktop.goto(str(serve(make_app(TAKES_NONE, streaming=streaming))))
    hint = desktop.locator("#composer-hint")
    question(desktop)
    expect(hint).not_to_contain_text("does not answer")
    expect(hint).to_contain_text("Enter sends")
    expect(desktop.get_by_test_id("send")).to_be_enabled()  # by the script of questions
    ask(desktop, "Ada")
    expect(said(desktop, "Hello Ada")).to_be_visible()
    expect(hint).to_contain_text("This app does not answer messages")
