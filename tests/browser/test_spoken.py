"""What a screen reader hears of an answer: all of it, once, when it is whole."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chatty import Chatty
from tests.browser.site import Site
from tests.browser.steps import answer, ask, choose, ended, messages, open_chat, wait_until

pytestmark = pytest.mark.browser

# Each change in what is a live region in effect: by the nearest element that says so.
LISTEN = """() => {
    const implied = {log: "polite", status: "polite", alert: "assertive"};
    const regions = "[aria-live], [role=log], [role=status], [role=alert], output";
    window.heard = [];
    new MutationObserver((changes) => {
        for (const {target} of changes) {
            const region = (target.closest ? target : target.parentElement)?.closest(regions);
            const live = region && (region.ariaLive ?? implied[region.role] ?? "polite");
            if (live && live !== "off") heard.push(region.textContent.trim());
        }
    }).observe(document.body, {subtree: true, childList: true, characterData: true});
}"""


def listen(page: Page, chatty: Chatty) -> None:
    """Open a chat and note from then on what is spoken."""
    open_chat(page, chatty.site)
    page.evaluate(LISTEN)


def heard(page: Page, word: str, *, least: int = 1) -> list[str]:
    """Return what was spoken that has a word in it; an answer is spoken after it is drawn."""
    wait_until(page, f"heard.filter((text) => text.includes({word!r})).length >= {least}")
    return [text for text in page.evaluate("heard") if word in text]


def test_the_log_is_not_read_as_it_changes(desktop: Page, chatty: Chatty) -> None:
    open_chat(desktop, chatty.site)
    expect(desktop.get_by_role("log")).to_have_attribute("aria-live", "off")


def test_a_growing_answer_is_heard_once_at_its_end(desktop: Page, chatty: Chatty) -> None:
    listen(desktop, chatty)
    ask(desktop, "dictate")
    for token, so_far in (("One ", "One"), ("two ", "One two"), ("three", "One two three")):
        chatty.dictate(token)
        expect(answer(desktop).locator(".prose")).to_have_text(so_far)
    assert heard(desktop, "One", least=0) == []
    chatty.end()
    ended(desktop)
    assert heard(desktop, "One") == ["Chatty: One two three"]


def test_a_quick_answer_is_heard_once(desktop: Page, chatty: Chatty) -> None:
    listen(desktop, chatty)
    ask(desktop, "Hello")
    ended(desktop)
    assert heard(desktop, "Hello") == ["Chatty: You said: Hello"]


def test_the_same_answer_again_is_heard_again(desktop: Page, chatty: Chatty) -> None:
    listen(desktop, chatty)
    for count in (2, 4):
        ask(desktop, "Hello")
        expect(messages(desktop)).to_have_count(count)
        ended(desktop)
    assert heard(desktop, "Hello", least=2) == ["Chatty: You said: Hello"] * 2


def test_an_error_is_heard_once(desktop: Page, chatty: Chatty) -> None:
    listen(desktop, chatty)
    ask(desktop, "fail")
    ended(desktop, "failed")
    [spoken] = heard(desktop, "went wrong")
    assert "Something went wrong while this answer was written." in spoken


def test_a_stopped_answer_is_heard_as_far_as_it_came(desktop: Page, chatty: Chatty) -> None:
    listen(desktop, chatty)
    ask(desktop, "dictate")
    chatty.dictate("So far.")
    expect(answer(desktop)).to_contain_text("So far.")
    desktop.get_by_test_id("stop").click()
    ended(desktop, "stopped")
    assert heard(desktop, "So far.") == ["Chatty, Stopped: So far."]


def test_what_is_on_buttons_is_not_read_out(desktop: Page, chatty: Chatty) -> None:
    listen(desktop, chatty)
    ask(desktop, "dictate")
    chatty.dictate("```\ncode\n```\n\nThat")
    expect(desktop.get_by_role("button", name="Copy")).to_be_visible()
    chatty.dictate(" is all.")
    chatty.end()
    ended(desktop)
    [spoken] = heard(desktop, "code")
    assert "Copy" not in spoken


def test_messages_of_one_turn_are_each_heard(desktop: Page, chatty: Chatty) -> None:
    listen(desktop, chatty)
    ask(desktop, "several")
    chatty.dictate("The third one.")
    chatty.end()
    ended(desktop)
    heard(desktop, "The third one.")
    spoken = " ".join(heard(desktop, "one."))
    for message in ("Chatty: The first one.", "Helper: The second one.", "Third: The third one."):
        assert spoken.count(message) == 1


def test_an_old_chat_is_not_read_out(desktop: Page, chatty: Chatty) -> None:
    listen(desktop, chatty)
    ask(desktop, "Hello")
    ended(desktop)
    desktop.reload()
    expect(messages(desktop)).to_have_count(2)
    expect(desktop.locator("#spoken")).to_be_empty()


def test_an_answer_that_is_followed_after_a_reload_is_heard_once(
    desktop: Page, chatty: Chatty
) -> None:
    listen(desktop, chatty)
    ask(desktop, "dictate")
    chatty.dictate("One ")
    expect(answer(desktop).locator(".prose")).to_have_text("One")
    desktop.reload()
    desktop.evaluate(LISTEN)
    chatty.dictate("two")
    chatty.end()
    ended(desktop)
    assert heard(desktop, "One") == ["Chatty: One two"]


def test_the_first_words_of_a_chosen_chat_are_heard(desktop: Page, simple: Site) -> None:
    open_chat(desktop, simple)
    desktop.evaluate(LISTEN)
    choose(desktop, "GPT-4")
    expect(messages(desktop)).to_contain_text(["GPT-4"])
    assert len(heard(desktop, "starting chat using the GPT-4")) == 1
