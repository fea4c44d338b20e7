"""Formulas, footnotes, callouts, tasks and long lines of code in answers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chatty import Chatty
from tests.browser.conftest import NewPage
from tests.browser.site import Site
from tests.browser.steps import answer, ask, composer, ended, open_chat, wait_until

pytestmark = pytest.mark.browser

NARROW = {"viewport": {"width": 320, "height": 700}}


@pytest.fixture
def rich(shared_app: Callable[[str], Site]) -> Site:
    """Return the site of an app whose answers have all of it."""
    return shared_app("rich.py")


def test_a_formula_is_read_as_mathematics_and_copied_as_typed(desktop: Page, rich: Site) -> None:
    desktop.context.grant_permissions(["clipboard-read", "clipboard-write"])
    open_chat(desktop, rich)
    first = answer(desktop).locator("p").first
    assert "math" in first.aria_snapshot()
    assert "frac" not in first.aria_snapshot()
    first.evaluate("(node) => getSelection().selectAllChildren(node)")
    desktop.keyboard.press("Control+C")
    copied = " ".join(desktop.evaluate("navigator.clipboard.readText()").split())
    assert r"The roots of $ax^2+bx+c=0$ are $x_{1,2} = \frac{-b \pm" in copied
    assert "ax2" not in copied


def test_a_wide_formula_scrolls_in_its_box_by_keyboard(new_page: NewPage, rich: Site) -> None:
    page = new_page(**NARROW)
    open_chat(page, rich)
    wide = page.locator(".formula.display").first
    expect(page.locator("math").first).to_be_visible()
    assert wide.evaluate("(box) => box.scrollWidth > box.clientWidth")
    assert page.evaluate("document.scrollingElement.scrollWidth") <= NARROW["viewport"]["width"]
    ended(page)
    # Browsers give the focus to what scrolls.
    for _ in range(40):
        page.keyboard.press("Tab")
        if wide.evaluate("(box) => box === document.activeElement"):
            break
    expect(wide).to_be_focused()
    page.keyboard.press("ArrowRight")
    wait_until(page, "document.activeElement.scrollLeft > 0")


def test_formulas_stand_on_the_line_of_the_words(desktop: Page, rich: Site) -> None:
    open_chat(desktop, rich)
    expect(desktop.locator("math").first).to_be_visible()
    off = desktop.locator(".formula:not(.display)").first.evaluate(
        """(box) => {
            const range = document.createRange();
            range.selectNodeContents(box.previousSibling);
            const letter = box.querySelector("mi").getBoundingClientRect();
            return Math.abs(range.getBoundingClientRect().bottom - letter.bottom);
        }"""
    )
    assert off < 6


def test_a_footnote_is_reached_and_left_without_leaving_the_page(desktop: Page, rich: Site) -> None:
    open_chat(desktop, rich)
    composer(desktop).fill("a draft")
    note = answer(desktop).locator("aside.footnote").first
    answer(desktop).get_by_role("link", name="Footnote 1").press("Enter")
    expect(desktop.locator("aside.footnote:target")).to_have_count(1)
    expect(note).to_be_in_viewport()
    note.get_by_role("link", name="1, back").press("Enter")
    expect(answer(desktop).get_by_role("link", name="Footnote 1")).to_be_in_viewport()
    desktop.go_back()
    expect(composer(desktop)).to_have_value("a draft")
    expect(desktop.get_by_test_id("message")).to_have_count(1)


def test_footnotes_of_two_answers_are_told_apart(desktop: Page, rich: Site) -> None:
    open_chat(desktop, rich)
    ask(desktop, "Again")
    ended(desktop)
    expect(desktop.locator("aside.footnote")).to_have_count(4)
    ids = desktop.locator("[id]").evaluate_all("all => all.map((e) => e.id)")
    assert len(ids) == len(set(ids))
    second = answer(desktop).get_by_role("link", name="Footnote 1")
    second.click()
    expect(answer(desktop).locator("aside.footnote:target")).to_have_count(1)


def test_an_answer_is_the_same_grown_and_reloaded(desktop: Page, rich: Site) -> None:
    open_chat(desktop, rich)
    ask(desktop, "Again")
    ended(desktop)
    expect(desktop.get_by_test_id("message")).to_have_count(3)
    look = "(node) => node.querySelector('.prose').innerText"
    grown = answer(desktop).evaluate(look)
    desktop.reload()
    assert answer(desktop).evaluate(look) == grown


def test_callouts_and_tasks_say_what_they_are(desktop: Page, rich: Site) -> None:
    open_chat(desktop, rich)
    expect(answer(desktop)).to_be_visible()
    heard = answer(desktop).aria_snapshot()
    for word in ("Note", "Tip", "Important", "Warning", "Caution"):
        assert f": {word}" in heard
    assert 'img "Done"' in heard
    assert 'img "To do"' in heard


def test_a_link_says_quietly_that_it_opens_a_tab(desktop: Page, rich: Site) -> None:
    open_chat(desktop, rich)
    link = answer(desktop).get_by_role("link", name="A link (new tab)")
    expect(link).to_have_attribute("target", "_blank")
    expect(link).to_have_attribute("rel", "noopener noreferrer nofollow ugc")
    assert link.inner_text() == "A link"


def test_long_lines_of_code_wrap_at_the_press_of_a_button(new_page: NewPage, rich: Site) -> None:
    page = new_page(**NARROW)
    open_chat(page, rich)
    code = answer(page).locator("pre > code")
    switch = answer(page).get_by_role("button", name="Wrap lines")
    is_wide = "(box) => box.scrollWidth > box.clientWidth"
    expect(switch).to_have_attribute("aria-pressed", "false")
    assert code.evaluate(is_wide)
    switch.press("Enter")
    expect(switch).to_have_attribute("aria-pressed", "true")
    assert not code.evaluate(is_wide)
    switch.press("Enter")
    assert code.evaluate(is_wide)


def test_code_that_fits_has_no_such_button(desktop: Page, chatty: Chatty) -> None:
    open_chat(desktop, chatty.site)
    ask(desktop, "dictate")
    chatty.dictate("```python\nx = 1\n```\n")
    chatty.end()
    ended(desktop)
    expect(answer(desktop).locator("pre").get_by_role("button")).to_have_count(1)


def test_a_new_answer_is_announced_with_the_source_of_its_formulas(
    desktop: Page, chatty: Chatty
) -> None:
    open_chat(desktop, chatty.site)
    ask(desktop, "dictate")
    chatty.dictate("So $x^2$ it is")
    chatty.end()
    ended(desktop)
    expect(desktop.locator("#spoken")).to_have_text("Chatty: So $x^2$ it is")


def test_without_javascript_all_of_it_is_there(without_javascript: Page, rich: Site) -> None:
    page = without_javascript
    page.goto(str(rich))
    page.get_by_role("button", name="Start chat").click()
    expect(page.locator("math").first).to_be_visible()
    page.get_by_role("link", name="Footnote 1").click()
    expect(page.locator("aside.footnote").first).to_be_in_viewport()
    expect(page.get_by_role("button", name="Wrap lines")).to_have_count(0)
