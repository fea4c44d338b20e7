"""Answers that grow on the page while they are written."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chatty import Chatty, ChattyMaker
from tests.browser.steps import answer, ask, composer, ended, messages, open_chat

pytestmark = pytest.mark.browser

# What is drawn for good: without the buttons and the measures that our script adds.
DRAWN = """() => [...document.querySelectorAll(".message .prose")].map((prose) => {
    const copy = prose.cloneNode(true);
    for (const button of copy.querySelectorAll(".copy")) button.remove();
    for (const wide of copy.querySelectorAll("[tabindex]")) wide.removeAttribute("tabindex");
    copy.normalize();
    return copy.innerHTML;
})"""


def test_an_answer_that_is_there_at_once_comes_with_the_question(
    desktop: Page, chatty: Chatty
) -> None:
    open_chat(desktop, chatty.site)
    ask(desktop, "Good morning")
    expect(messages(desktop)).to_contain_text(["Good morning", "You said: Good morning"])
    expect(messages(desktop).first).to_have_attribute("data-kind", "user")
    expect(ended(desktop)).to_have_attribute("data-author", "Chatty")


def test_text_appears_in_steps(desktop: Page, chatty: Chatty) -> None:
    open_chat(desktop, chatty.site)
    ask(desktop, "dictate")
    for token, so_far in (("One ", "One"), ("two ", "One two"), ("three", "One two three")):
        chatty.dictate(token)
        expect(answer(desktop).locator(".prose")).to_have_text(so_far)
        expect(answer(desktop)).to_have_attribute("data-status", "streaming")
    chatty.end()
    expect(ended(desktop).locator(".prose")).to_have_text("One two three")


def test_a_place_for_the_answer_is_there_before_its_first_word(
    desktop: Page, chatty: Chatty
) -> None:
    open_chat(desktop, chatty.site)
    ask(desktop, "dictate")
    expect(answer(desktop)).to_have_attribute("data-status", "streaming")
    expect(answer(desktop)).to_be_visible()
    dot = "e => getComputedStyle(e.querySelector('.tail'), '::after').width"
    assert answer(desktop).evaluate(dot) == "10px"
    expect(composer(desktop)).to_have_value("")


def test_finished_blocks_are_left_alone_while_the_rest_grows(desktop: Page, chatty: Chatty) -> None:
    open_chat(desktop, chatty.site)
    ask(desktop, "dictate")
    chatty.dictate("First **block**.\n\nSecond", " block.\n\nThird")
    expect(answer(desktop).locator("p")).to_have_count(3)
    answer(desktop).locator("p").first.evaluate("e => { e.still = 'the same'; }")
    chatty.dictate(" block.\n\n```\ncode\n```\n\nLast")
    expect(answer(desktop).locator("pre")).to_have_count(1)
    chatty.end()
    ended(desktop)
    assert answer(desktop).locator("p").first.evaluate("e => e.still") == "the same"


def test_the_message_stays_the_same_element_from_its_place_to_its_end(
    desktop: Page, chatty: Chatty
) -> None:
    open_chat(desktop, chatty.site)
    ask(desktop, "dictate")
    expect(answer(desktop)).to_have_attribute("data-status", "streaming")
    answer(desktop).evaluate("e => { e.still = 'the same'; }")
    chatty.dictate("All of it.")
    chatty.end()
    assert ended(desktop).evaluate("e => e.still") == "the same"


def test_what_has_grown_is_what_a_reload_shows(desktop: Page, chatty: Chatty) -> None:
    open_chat(desktop, chatty.site)
    ask(desktop, "markdown")
    ended(desktop)
    grown = desktop.evaluate(DRAWN)
    desktop.reload()
    assert desktop.evaluate(DRAWN) == grown
    assert "<table>" in grown[-1]


def test_text_that_was_selected_stays_selected(desktop: Page, chatty: Chatty) -> None:
    open_chat(desktop, chatty.site)
    ask(desktop, "dictate")
    chatty.dictate("Mark this.\n\nMore")
    expect(answer(desktop).locator("p")).to_have_count(2)
    answer(desktop).locator("p").first.evaluate("e => getSelection().selectAllChildren(e)")
    chatty.dictate(" and more.")
    chatty.end()
    ended(desktop)
    assert desktop.evaluate("String(getSelection())").strip() == "Mark this."


def test_several_messages_in_one_turn(desktop: Page, chatty: Chatty) -> None:
    open_chat(desktop, chatty.site)
    ask(desktop, "several")
    chatty.dictate("The third one.")
    chatty.end()
    ended(desktop)
    said = ["several", "The first one.", "The second one.", "The third one."]
    expect(messages(desktop).locator(".prose")).to_have_text(said)
    authors = messages(desktop).evaluate_all("all => all.map((e) => e.dataset.author)")
    assert authors[1:] == ["Chatty", "Helper", "Third"]


def test_a_message_changes_in_place(desktop: Page, chatty: Chatty) -> None:
    open_chat(desktop, chatty.site)
    ask(desktop, "update")
    expect(answer(desktop)).to_contain_text("A first draft.")
    answer(desktop).evaluate("e => { e.still = 'the same'; }")
    chatty.dictate("A *second* one.")
    expect(answer(desktop).locator("em")).to_have_text("second")
    chatty.end()
    assert ended(desktop).evaluate("e => e.still") == "the same"
    expect(messages(desktop)).to_have_count(2)


def test_a_sign_of_work_stands_below_what_was_said(desktop: Page, chatty: Chatty) -> None:
    open_chat(desktop, chatty.site)
    ask(desktop, "update")
    expect(answer(desktop)).to_have_attribute("data-status", "complete")
    below = "getComputedStyle(document.querySelector('.messages'), '::after').content"
    assert desktop.evaluate(below) == '""'
    chatty.dictate("A second one.", "")
    ended(desktop)
    assert desktop.evaluate(below) == "none"


def test_a_message_is_taken_back(desktop: Page, chatty: Chatty) -> None:
    open_chat(desktop, chatty.site)
    ask(desktop, "remove")
    expect(answer(desktop)).to_contain_text("Let me think.")
    chatty.dictate("")
    expect(desktop.get_by_text("Let me think.")).to_have_count(0)
    chatty.end()
    ended(desktop)
    expect(messages(desktop).locator(".prose")).to_have_text(["remove", "Here it is."])


def test_a_failure_is_a_message_and_the_next_one_works(desktop: Page, chatty: Chatty) -> None:
    open_chat(desktop, chatty.site)
    ask(desktop, "fail with a secret")
    error = ended(desktop, "failed")
    expect(error).to_have_attribute("data-kind", "error")
    expect(error).to_contain_text("reference")
    expect(desktop.get_by_text("not for the page")).to_have_count(0)
    ask(desktop, "Still there?")
    expect(ended(desktop)).to_contain_text("You said: Still there?")


def test_what_the_user_wrote_is_shown_as_typed(desktop: Page, chatty: Chatty) -> None:
    open_chat(desktop, chatty.site)
    composer(desktop).fill("*no* `code`\n  <b>two spaces</b>")
    composer(desktop).press("Enter")
    expect(messages(desktop).first.locator(".prose")).to_have_text(
        "*no* `code`\n  <b>two spaces</b>"
    )
    ended(desktop)
    typed = messages(desktop).first.locator(".prose")
    assert typed.evaluate("e => e.innerText") == "*no* `code`\n  <b>two spaces</b>"


@pytest.mark.parametrize("streaming", ["poll", "inline"])
def test_the_same_without_streams(desktop: Page, chatty_with: ChattyMaker, streaming: str) -> None:
    chatty = chatty_with(streaming=streaming)
    open_chat(desktop, chatty.site)
    ask(desktop, "markdown")
    expect(ended(desktop).locator("table")).to_be_visible()
    ask(desktop, "Good morning")
    expect(ended(desktop)).to_contain_text("You said: Good morning")
    grown = desktop.evaluate(DRAWN)
    desktop.reload()
    assert desktop.evaluate(DRAWN) == grown
