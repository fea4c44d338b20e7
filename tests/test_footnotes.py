"""Footnotes, callouts and tasks of messages."""

from __future__ import annotations

import re

import pytest

from tests.support.html import Element, parse
from tests.support.prose import check_elements
from webapp.markdown.growing import GrowingMarkdown
from webapp.markdown.messages import message_html

TEXT = "One[^1] and two[^n], and one[^1] again.\n\n[^1]: The *first*.\n[^n]: The second.\n"


def shown(text: str, name: str = "a1") -> Element:
    page = parse(message_html(text, name=name))
    check_elements(page)
    return page


def ids(page: Element) -> list[str]:
    return [e["id"] for e in page.walk() if "id" in e.attributes]


def test_a_reference_leads_to_its_footnote_and_back() -> None:
    page = shown(TEXT)
    references = [link for sup in page.all("sup") for link in sup.all("a")]
    assert [link["href"] for link in references] == ["#fn-a1-1", "#fn-a1-n", "#fn-a1-1"]
    assert [link["aria-label"] for link in references][:2] == ["Footnote 1", "Footnote n"]
    assert ids(page) == ["fr-a1-1", "fr-a1-n", "fn-a1-1", "fn-a1-n"]
    back = [note.one("a")["href"] for note in page.all("aside", class_="footnote")]
    assert back == ["#fr-a1-1", "#fr-a1-n"]
    assert [note.all("p")[0].text for note in page.all("aside")] == ["The first.", "The second."]


def test_links_within_a_message_open_no_other_tab() -> None:
    for link in shown(TEXT).all("a"):
        assert link.attributes.keys() <= {"href", "id", "aria-label"}


def test_footnotes_of_two_messages_have_ids_of_their_own() -> None:
    assert not set(ids(shown(TEXT, "a1"))) & set(ids(shown(TEXT, "b2")))


@pytest.mark.parametrize(
    "text",
    [
        "a [^1] b",
        "the class [^abc] of characters",
        "`[^1]`\n\n[^1]: a",
        "```\n[^1]\n\n[^1]: a\n```",
        r"\[^1] a",
        "[^two words]\n\n[^two words]: a",
        f"[^{'x' * 41}]\n\n[^{'x' * 41}]: a",
        "[^1](https://a.example)\n\n[^1]: a",
    ],
)
def test_what_has_no_footnote_is_no_reference(text: str) -> None:
    assert shown(text).all("sup") == []


def test_a_footnote_nobody_refers_to_is_shown_without_a_way_back() -> None:
    page = shown("[^1]: Lonely")
    assert page.one("aside").text.split() == ["1Lonely"]
    assert page.all("a") == []


def test_of_two_footnotes_with_one_label_the_first_counts() -> None:
    page = shown("a[^x] b[^X]\n\n[^x]: one\n[^X]: two")
    assert ids(page) == ["fr-a1-x", "fn-a1-x"]
    assert len(page.all("aside")) == 2


def test_a_footnote_holds_what_is_indented_below_it() -> None:
    page = shown("a[^1]\n\n[^1]: one\n    more\n\n    - two\n\n    ```py\n    x\n    ```\n\nAfter")
    note = page.one("aside")
    assert [note.one(tag).text.strip() for tag in ("li", "pre")] == ["two", "x"]
    assert page.all("p")[-1].text == "After"
    assert "After" not in note.text


@pytest.mark.parametrize("before", ["words", "- item", "> quote", "| a |\n|---|", "1. a\n   - b"])
def test_a_footnote_at_the_margin_ends_what_stands_before_it(before: str) -> None:
    page = shown(f"{before}\n[^1]: note")
    assert page.one("aside").parent is page
    assert page.one("aside").one("p").text == "note"


@pytest.mark.parametrize("place", ["- a\n  {}", "> {}", "[^2]: {}", "    {}"])
def test_footnotes_stand_nowhere_else(place: str) -> None:
    page = shown(place.replace("{}", "[^1]: note"))
    assert "fn-a1-1" not in ids(page)


def test_footnotes_may_refer_to_each_other_and_to_themselves() -> None:
    page = shown("[^1]: see [^2] and [^1]\n[^2]: see [^1]\n")
    assert len(page.all("sup")) == 3
    assert len(set(ids(page))) == len(ids(page))


def test_a_reference_in_a_link_is_text() -> None:
    page = shown("[see [^1]](https://a.example)\n\n[^1]: a")
    assert page.all("a")[0].text == "see [^1]"


@pytest.mark.parametrize("text", ["\ufdd1f1\ufdd2", "\ufdd1r1\ufdd2 [^1]\n\n[^1]: a\ufdd1f2\ufdd2"])
def test_nobody_can_write_the_marks_of_the_parser(text: str) -> None:
    page = shown(text)
    assert len(page.all("aside")) == text.count(": a")
    assert "\ufdd1" not in page.text


def test_a_reference_is_a_link_before_its_footnote_has_come() -> None:
    live = GrowingMarkdown("a1")
    first = live.grow("One[^1].\n\nTwo\n\n")
    assert parse(first.finished).one("a")["href"] == "#fn-a1-1"
    last = live.finish("One[^1].\n\nTwo\n\n[^1]: note")
    assert not last.restart
    assert parse(last.finished).one("aside")["id"] == "fn-a1-1"


def test_a_reference_whose_footnote_never_comes_is_text_in_the_end() -> None:
    live = GrowingMarkdown("a1")
    live.grow("Match [^abc] here.\n\nTwo\n\n")
    last = live.finish("Match [^abc] here.\n\nTwo")
    assert last.restart
    assert "[^abc]" in parse(last.finished).text


@pytest.mark.parametrize("kind", ["NOTE", "TIP", "IMPORTANT", "WARNING", "CAUTION", "note"])
def test_a_callout_has_its_word(kind: str) -> None:
    page = shown(f"> [!{kind}]\n> A *text*\n>\n> - b")
    callout = page.one("aside", class_=f"callout {kind.lower()}")
    title = callout.one("p", class_="callout-title")
    assert title.text == kind.capitalize()
    assert [p.text for p in callout.all("p")] == [title.text, "A text"]
    assert page.all("blockquote") == []


@pytest.mark.parametrize(
    ("text", "shown_text"),
    [
        ("> [!NOTE]", ["Note"]),
        ("> [!NOTE] at once", ["Note", "at once"]),
        ("> [!NOTE]\n>\n> after a line", ["Note", "after a line"]),
        ("- a\n\n  > [!TIP]\n  > b", ["a", "Tip", "b"]),
        ("> > [!TIP]\n> > b", ["Tip", "b"]),
        ("> [!NOTE]\nlazy", ["Note", "lazy"]),
    ],
)
def test_a_callout_may_stand_anywhere(text: str, shown_text: list[str]) -> None:
    page = shown(text)
    assert len(page.with_class("callout")) == 1
    assert [p.text for p in page.all("p")] == shown_text


@pytest.mark.parametrize(
    "text",
    ["> [!OTHER]\n> a", "> a\n> [!NOTE]", "[!NOTE] a", "> \\[!NOTE]", "> `[!NOTE]`", "> - [!NOTE]"],
)
def test_other_quotes_are_quotes(text: str) -> None:
    page = shown(text)
    assert page.with_class("callout") == []
    assert re.search(r"\[!(NOTE|OTHER)\]", page.text)


def test_a_callout_is_one_as_soon_as_it_says_so() -> None:
    live = GrowingMarkdown()
    seen = ["callout" in live.grow("> [!NOTE]\n> a\n"[:end]).tail for end in range(1, 14)]
    assert seen == [False] * 8 + [True] * 5
