"""How the list of chats looks, at the size of a phone and of a desktop."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import DESKTOP, PHONE, NewPage
from tests.browser.site import Site
from tests.browser.steps import ask, ended, open_chat
from tests.browser.test_history import history_of, items, site
from tests.browser.test_layout import box
from tests.support.rows import run_sql

__all__ = ["site"]
pytestmark = pytest.mark.browser
SCREENS = pytest.mark.parametrize("options", [PHONE, DESKTOP], ids=["phone", "desktop"])
TITLE = "A weekend in Rome, with all that there is to see on foot and by bus"


def show_list(page: Page, site: Site, text: str = "Good morning") -> None:
    """Have four chats, one of them with a long title, and look at their list."""
    open_chat(page, site)
    ask(page, text)
    ended(page)
    history_of(site, 3)
    run_sql(site.app, "UPDATE chats SET title = :title WHERE title = 'Chat 2'", title=TITLE)
    page.reload()
    if page.evaluate("innerWidth") < 800:
        page.get_by_role("button", name="Chats").click()
    expect(items(page)).to_have_count(4)


def tops(page: Page) -> list[float]:
    return [box(item)["y"] for item in items(page).all()]


@SCREENS
def test_a_row_is_low_and_one_can_hit_it(
    new_page: NewPage, site: Site, options: dict[str, Any]
) -> None:
    page = new_page(**options)
    show_list(page, site)
    heights = {round(box(item)["height"]) for item in items(page).all()}
    assert heights == ({44} if options is PHONE else {36})
    weight = page.locator(".item-title").first.evaluate("e => getComputedStyle(e).fontWeight")
    assert int(weight) <= 500


@SCREENS
def test_the_options_lie_above_the_list(
    new_page: NewPage, site: Site, options: dict[str, Any]
) -> None:
    page = new_page(**options)
    show_list(page, site)
    before = tops(page)
    items(page).nth(1).hover()
    page.get_by_test_id("history-menu").nth(1).click()
    menu = page.locator(".item-actions:popover-open")
    expect(menu).to_be_visible()
    assert tops(page) == before
    where, (width, height) = box(menu), page.evaluate("[innerWidth, innerHeight]")
    assert where["x"] >= 0
    assert where["y"] >= 0
    assert where["x"] + where["width"] <= width
    assert where["y"] + where["height"] <= height
    page.keyboard.press("Escape")
    expect(menu).to_have_count(0)
    page.get_by_test_id("history-menu").nth(1).click()
    expect(menu).to_be_visible()


def test_the_list_folds_away_and_stays_so(desktop: Page, site: Site) -> None:
    show_list(desktop, site)
    column = box(desktop.get_by_test_id("chat"))
    desktop.get_by_test_id("fold-history").click()
    for _ in range(2):
        expect(desktop.get_by_test_id("history")).to_be_hidden()
        assert box(desktop.get_by_test_id("chat"))["x"] < column["x"]
        desktop.reload()
    desktop.get_by_test_id("fold-history").click()
    expect(desktop.get_by_test_id("history")).to_be_visible()
    desktop.reload()
    expect(desktop.get_by_test_id("history")).to_be_visible()


def test_a_fold_is_kept_before_the_page_can_be_left(desktop: Page, site: Site) -> None:
    show_list(desktop, site)
    # In one task of the page, so no event comes between.
    fold = "document.querySelector('.fold > summary').click(), document.cookie"
    assert "history=folded" in desktop.evaluate(fold)
    expect(desktop.get_by_test_id("history")).to_be_hidden()
    assert "history=" not in desktop.evaluate(fold)


def test_the_list_folds_away_without_script(without_javascript: Page, site: Site) -> None:
    without_javascript.goto(site.url)
    without_javascript.get_by_test_id("fold-history").click()
    expect(without_javascript.get_by_test_id("history")).to_be_hidden()


@SCREENS
def test_a_title_that_is_cut_is_whole_on_hover(
    new_page: NewPage, site: Site, options: dict[str, Any]
) -> None:
    page = new_page(**options)
    show_list(page, site)
    link = items(page).filter(has_text=TITLE).locator("a").first
    assert link.locator(".item-title").evaluate("e => e.scrollWidth > e.clientWidth")
    assert TITLE in str(link.get_attribute("title"))


@SCREENS
def test_what_is_found_is_plain_and_has_a_date(
    new_page: NewPage, site: Site, options: dict[str, Any]
) -> None:
    page = new_page(**options)
    show_list(
        page, site, "Look:\n\n# Weekend\n\nSee **all** of `Rome`, and [more](https://example.org/)"
    )
    page.get_by_test_id("history-search").fill("weekend see")
    expect(items(page).locator(".item-snippet")).to_have_count(1)
    found = items(page).first
    snippet = found.locator(".item-snippet").inner_text()
    assert "Weekend" in snippet
    assert not set("#*`[]()") & set(snippet), snippet
    expect(found.locator("time")).to_be_visible()
    assert found.locator("time").inner_text()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert re.fullmatch(r"\d{1,2} \w{3} \d{4}", found.locator("time").inner_text())


@SCREENS
def test_rows_of_today_have_a_time_and_others_a_date(
    new_page: NewPage, site: Site, options: dict[str, Any]
) -> None:
    page = new_page(**options)
    show_list(page, site)
    run_sql(site.app, "UPDATE chats SET active_at = '2025-03-09 12:34:56' WHERE title LIKE 'Chat%'")
    run_sql(
        site.app, "UPDATE chats SET pinned = TRUE WHERE title = 'Chat 1'"
    )  # under its own heading
    page.context.clear_cookies(name="zone")  # the first page is written for the site's zone
    for _ in range(2):
        page.goto(f"{site}/chats")
        shown = [time.inner_text() for time in page.locator(".item time").all()]
        assert len(shown) == 4
        assert [bool(re.fullmatch(r"\d\d:\d\d", text)) for text in shown] == [
            False,
            True,
            True,
            False,
        ]
        dates = [shown[0], shown[3]]
        assert all(re.fullmatch(r"\d{1,2} \w{3,4} \d{4}", text) for text in dates), dates
        for time in page.locator(".item time").all():
            assert re.search(r"\d{4}.*\d\d:\d\d:\d\d", str(time.get_attribute("title")))


@SCREENS
def test_titles_stand_in_line_with_an_icon_and_without(
    new_page: NewPage, site: Site, options: dict[str, Any]
) -> None:
    page = new_page(**options)
    show_list(page, site)
    for _ in ("beside the chat", "on a page"):
        expect(page.locator(".item .icon")).to_have_count(1)
        # At one moment, since the drawer may still be on its way.
        starts = page.locator(".item-title").evaluate_all(
            "titles => titles.map(e => e.getBoundingClientRect().x)"
        )
        assert len(starts) == 4
        assert len(set(starts)) == 1
        page.goto(f"{site}/chats")


LONG = "Rome " + "is a city of which there is so much to say that it never ends in one line. " * 4


@SCREENS
@pytest.mark.parametrize("text", ["A word about Rome", LONG], ids=["short", "long"])
def test_a_found_chat_keeps_its_snippet_when_its_options_are_used(
    new_page: NewPage, site: Site, options: dict[str, Any], text: str
) -> None:
    page = new_page(**options)
    show_list(page, site, text)
    for title in ("Capitals", "Cities"):
        keeps_its_snippet(page, title)
        page.goto(f"{site}/chats")


def keeps_its_snippet(page: Page, title: str) -> None:
    """Search in the list, give what is found another title, and look whether it stays as found."""
    expect(items(page)).to_have_count(4)
    page.get_by_test_id("history-search").fill("rome")
    expect(items(page)).to_have_count(1)
    heights = [box(item)["height"] for item in items(page).all()]
    texts = page.locator(".item-snippet, .item-day").all_inner_texts()
    items(page).hover()
    page.get_by_test_id("history-menu").click()
    expect(page.get_by_test_id("title-input")).to_be_visible()
    assert [box(item)["height"] for item in items(page).all()] == heights
    assert page.locator(".item-snippet, .item-day").all_inner_texts() == texts
    page.get_by_test_id("title-input").fill(title)
    page.get_by_test_id("title-input").press("Enter")
    expect(page.get_by_test_id("title-input")).to_have_count(0)
    expect(items(page).filter(has_text=title)).to_have_count(1)
    assert [box(item)["height"] for item in items(page).all()] == heights
    assert page.locator(".item-snippet, .item-day").all_inner_texts() == texts
