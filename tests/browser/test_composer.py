"""The field for a message: how it grows, and what sends."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chatty import Chatty
from tests.browser.guard import Guard
from tests.browser.steps import (
    HeldRequests,
    ask,
    composer,
    ended,
    idle,
    messages,
    notices,
    open_chat,
)

pytestmark = pytest.mark.browser

# At the earliest moment at which htmx knows the form of a new chat, before all of that is drawn.
ENTER_EARLY = """(text) => {
    const field = document.getElementById("composer-input");
    const enter = new KeyboardEvent("keydown", { key: "Enter", bubbles: true });
    document.addEventListener("htmx:after:init", ({ target }) => {
        if (target !== field.form) return;
        field.value = text;
        field.dispatchEvent(enter);
    });
}"""


def height(page: Page) -> float:
    """Return how high the field is."""
    box = composer(page).bounding_box()
    assert box is not None
    return box["height"]


def test_it_grows_with_its_text_up_to_a_limit(desktop: Page, chatty: Chatty) -> None:
    open_chat(desktop, chatty.site)
    heights = []
    for lines in (1, 3, 60, 600):
        composer(desktop).fill("line\n" * lines)
        heights.append(height(desktop))
    assert heights[0] < heights[1] < heights[2] == heights[3] <= 320
    composer(desktop).fill("")
    assert height(desktop) < heights[0]


def test_enter_sends_and_empties_the_field(desktop: Page, chatty: Chatty) -> None:
    open_chat(desktop, chatty.site)
    composer(desktop).click()
    desktop.keyboard.type("Hello")
    desktop.keyboard.press("Enter")
    expect(ended(desktop)).to_contain_text("You said: Hello")
    expect(composer(desktop)).to_have_value("")
    expect(composer(desktop)).to_be_focused()


def test_shift_enter_breaks_the_line(desktop: Page, chatty: Chatty) -> None:
    open_chat(desktop, chatty.site)
    composer(desktop).click()
    for line in ("one", "two"):
        desktop.keyboard.type(line)
        desktop.keyboard.press("Shift+Enter")
    expect(composer(desktop)).to_have_value("one\ntwo\n")
    desktop.keyboard.type("three")
    desktop.keyboard.press("Enter")
    ended(desktop)
    assert chatty.heard == ["one\ntwo\nthree"]


def test_enter_of_an_input_method_does_not_send(desktop: Page, chatty: Chatty) -> None:
    open_chat(desktop, chatty.site)
    session = desktop.context.new_cdp_session(desktop)
    for count, marks in ((1, "isComposing: true"), (2, "keyCode: 229")):
        composer(desktop).click()
        session.send(
            "Input.imeSetComposition", {"text": "にほん", "selectionStart": 3, "selectionEnd": 3}
        )
        enter = f"new KeyboardEvent('keydown', {{key: 'Enter', {marks}, bubbles: true}})"
        composer(desktop).evaluate(f"e => e.dispatchEvent({enter})")
        session.send("Input.insertText", {"text": "日本"})
        expect(composer(desktop)).to_have_value("日本")
        desktop.keyboard.press("Enter")
        expect(messages(desktop)).to_have_count(2 * count)
        ended(desktop)
        assert chatty.heard == ["日本"] * count


def test_blank_text_is_not_sent(desktop: Page, chatty: Chatty) -> None:
    open_chat(desktop, chatty.site)
    sent: list[str] = []
    desktop.on("request", lambda request: sent.append(request.url) if request.post_data else None)
    for blank in ("", "   ", "\n\n"):
        ask(desktop, blank)
        expect(composer(desktop)).to_have_value(blank)
    ask(desktop, "Hello")
    ended(desktop)
    # Only this one, and nothing that came late.
    assert [url.rpartition("/")[2] for url in sent] == ["messages"]
    assert chatty.heard == ["Hello"]


def test_a_double_click_on_send_sends_once(desktop: Page, chatty: Chatty) -> None:
    open_chat(desktop, chatty.site)
    composer(desktop).fill("Hello")
    desktop.get_by_test_id("send").dblclick()
    expect(ended(desktop)).to_contain_text("You said: Hello")
    assert chatty.heard == ["Hello"]
    expect(messages(desktop)).to_have_count(2)


def test_the_second_half_of_a_double_click_does_not_stop_the_answer(
    desktop: Page, chatty: Chatty
) -> None:
    open_chat(desktop, chatty.site)
    composer(desktop).fill("dictate")
    place = desktop.get_by_test_id("send").bounding_box()
    assert place is not None
    sent: list[str] = []
    desktop.on("request", lambda request: sent.append(request.url.rpartition("/")[2]))
    desktop.mouse.click(place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)
    expect(desktop.get_by_test_id("stop")).to_be_visible()
    desktop.mouse.down(click_count=2)
    desktop.mouse.up(click_count=2)
    chatty.dictate("Still here.")
    chatty.end()
    expect(ended(desktop)).to_contain_text("Still here.")
    # The answer to the first message brings the chat's entry in the history with it.
    assert [address.partition("?")[0] for address in sent] == ["messages"]


def test_what_is_typed_while_a_message_is_on_its_way_stays(desktop: Page, chatty: Chatty) -> None:
    open_chat(desktop, chatty.site)
    held = HeldRequests(desktop, "**/messages")
    ask(desktop, "Hello")
    route = held.take()
    desktop.keyboard.type(", and more")
    route.continue_()
    expect(ended(desktop)).to_contain_text("You said: Hello")
    expect(composer(desktop)).to_have_value(", and more")


def test_enter_while_an_answer_is_written_keeps_the_text_and_says_why(
    desktop: Page, chatty: Chatty
) -> None:
    open_chat(desktop, chatty.site)
    ask(desktop, "dictate")
    expect(desktop.get_by_test_id("stop")).to_be_visible()
    ask(desktop, "Too early")
    why = desktop.locator("#composer-hint").get_by_text("Send when the answer is finished")
    expect(why).to_be_visible()
    expect(composer(desktop)).to_have_value("Too early")
    chatty.end()
    idle(desktop)
    composer(desktop).press("Enter")
    expect(ended(desktop)).to_contain_text("You said: Too early")


def test_enter_in_a_chat_that_is_still_being_drawn_is_not_lost(
    desktop: Page, chatty: Chatty
) -> None:
    open_chat(desktop, chatty.site)
    desktop.evaluate(ENTER_EARLY, "Hello")
    desktop.get_by_test_id("new-chat").click()
    expect(ended(desktop)).to_contain_text("You said: Hello")
    assert chatty.heard == ["Hello"]


def test_enter_while_the_chat_starts_sends_when_it_has_started(
    desktop: Page, chatty: Chatty
) -> None:
    held = HeldRequests(desktop, "**/chats")
    desktop.goto(chatty.site.url)
    route = held.take()
    ask(desktop, "Hello")
    assert chatty.heard == []
    route.continue_()
    expect(ended(desktop)).to_contain_text("You said: Hello")
    assert chatty.heard == ["Hello"]


def test_what_is_entered_early_and_refused_is_not_lost(
    desktop: Page, chatty: Chatty, guard: Guard
) -> None:
    guard.expect("status of 413")
    open_chat(desktop, chatty.site)
    early = "x" * (256 * 1024 + 1)
    desktop.evaluate(ENTER_EARLY, early)
    desktop.get_by_test_id("new-chat").click()
    expect(notices(desktop)).to_have_attribute("data-code", "413")
    expect(composer(desktop)).to_have_value(early)


def test_why_enter_does_nothing_is_also_heard(desktop: Page, chatty: Chatty) -> None:
    open_chat(desktop, chatty.site)
    ask(desktop, "dictate")
    expect(desktop.get_by_test_id("stop")).to_be_visible()
    ask(desktop, "Too early")
    why = "Send when the answer is finished, or stop it first."
    expect(desktop.locator("#spoken")).to_have_text(why)
