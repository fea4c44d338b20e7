"""A message while it grows: the same HTML in the end, and whole HTML at every step."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.cpu import cpu_seconds
from tests.support.html import parse
from tests.support.prose import check_elements
from webapp.markdown.blocks import MESSAGE_BRACKETS, MESSAGE_LIMIT
from webapp.markdown.growing import GrowingMarkdown, Growth
from webapp.markdown.messages import message_html

INDENTS = st.sampled_from(["", "", "", " ", "  ", "   ", "    ", "      ", "\t", " \t", "> ", ">"])
OPENERS = st.one_of(
    st.sampled_from(["", "- ", "* ", "+ ", "-", "1. ", "2) ", "10. ", "1.", "> ", "* * "]),
    st.sampled_from(["- [ ] ", "1. [x] ", "- [x]", "# ", "### ", "###### ", "#"]),
    st.sampled_from(["```", "````", "~~~", "~~~~", "```python", '```py title="x" ', "``` a|b"]),
    st.sampled_from(["---", "***", "- - -", "===", "=", "--", "[a]: /b", "<div>", "</b>", "<!--"]),
    st.sampled_from(["\\[", "$$", "\\]", "so $$", "\\begin{a}", "\\end{a}", "$x", "= b"]),
    st.sampled_from(["[^1]: ", "[^1]:", "[^a]: ", "> [!NOTE]", "> [!tip] ", "[!NOTE]", "[^1]"]),
    st.sampled_from(["|---|---|", "|-|:-:|", "-|-", "| a | b |", "a | b", "|", "~~~ `js`", "\\"]),
)
WORDS = st.one_of(
    st.sampled_from(["foo", "a b", "**bold**", "*it", "`co", "``de`", "~~s~~", "_u_", "$$x^2$$"]),
    st.sampled_from(
        ["[text](", "https://a.example/x?y=1)", "](/x)", '"t")', "<https://a.example>"]
    ),
    st.sampled_from(["<b>", "&amp;", "&#x", "\\*", "\\", "!", "x|y", "# ", "- ", "`", "```", "  "]),
    st.sampled_from(["[^1]", "[^a]", "[^1]:", "$a$", "$\\frac{a}{b}$", "\\(x_1\\)", "$$a$$", "$5"]),
    st.sampled_from(["$x|y$", "\\(a|b\\)", "**“字”**", "<br>", "<b>", "![a](/b)", "C:\\_a\\*b"]),
    st.sampled_from(["中文**字**", "🙂", "👩\u200d👩\u200d👧", "שלום", "\u202e", "\t"]),
)
LINES = st.builds("{}{}{}".format, INDENTS, OPENERS, st.lists(WORDS, max_size=3).map("".join))
TEXTS = st.lists(st.one_of(st.just(""), st.just(""), LINES, st.text(max_size=8)), max_size=14).map(
    "\n".join
)
CUTS = st.lists(st.integers(0, 400), max_size=30)


def prefixes(text: str, cuts: Iterable[int]) -> list[str]:
    return [text[:cut] for cut in sorted({min(cut, len(text)) for cut in cuts})]


def grown(steps: Iterable[str], text: str) -> str:
    """Return what a page shows in the end, having looked at it after every step."""
    live, page = GrowingMarkdown(), ""
    for step in steps:
        growth = live.grow(step)
        page = ("" if growth.restart else page) + growth.finished
        # What was finished before has been looked at.
        check_elements(parse(growth.finished + growth.tail))
    last = live.finish(text)
    assert last.tail == ""
    return ("" if last.restart else page) + last.finished


@settings(max_examples=300, deadline=None)
@given(TEXTS, CUTS)
def test_however_a_text_is_split_it_ends_as_the_whole(text: str, cuts: list[int]) -> None:
    assert grown(prefixes(text, cuts), text) == message_html(text)


@settings(max_examples=60, deadline=None)
@given(TEXTS)
def test_a_text_may_come_letter_by_letter(text: str) -> None:
    assert grown(prefixes(text, range(len(text))), text) == message_html(text)


def show(*steps: str) -> list[Growth]:
    live = GrowingMarkdown()
    return [live.grow(step) for step in steps]


def test_what_is_finished_is_given_once_and_what_is_open_anew() -> None:
    steps = show("# A\n\nsome *wo", "# A\n\nsome *words*\n\n- o", "# A\n\nsome *words*\n\n- one")
    assert [growth.finished for growth in steps] == [
        "<h2>A</h2>\n",
        "<p>some <em>words</em></p>\n",
        "",
    ]
    assert [growth.tail for growth in steps] == [
        "<p>some *wo</p>\n",
        "<ul>\n<li>o</li>\n</ul>\n",
        "<ul>\n<li>one</li>\n</ul>\n",
    ]


@pytest.mark.parametrize(
    ("text", "more"),
    [
        ("one\n-", "-- two"),
        ("    one\n\n", "    two"),
        ("- one\n\n", "  two"),
        ("- one\n\n-", " two"),
        ("1. one\n\n2", ". two"),
        ("> one\n", "two"),
        ("one\n| a | b |\n", "|---|---|\n"),
        ("# a | b\n", "|---|---|\n"),
        ("``` a | b\n", "|---|---|\n"),
        ("```\none\n\n", "two\n\nthree"),
        ("- ```\n  one\n\n", "  two\n\n\n"),
        ("\\[\na\n- b\n- c\n- d", "\n\\]"),
        ("so $$\n# a\n# b\n# c\n", "$$\n"),
        ("[^1]: a\n\n", "  b"),
        ("[^1]", ": a"),
        ("> [!NOTE]\n", "> a"),
    ],
)
def test_nothing_is_finished_that_may_still_change(text: str, more: str) -> None:
    live = GrowingMarkdown()
    growth = live.grow(text)
    assert growth.finished + live.finish(text + more).finished == message_html(text + more)
    assert growth.finished == ""


def test_a_text_that_was_changed_begins_again() -> None:
    live = GrowingMarkdown()
    live.grow("One.\n\nTwo")
    assert live.grow("Two.\n\nThree") == Growth(message_html("Two."), message_html("Three"), True)
    assert live.grow("Two.\n\nThree.").restart is False


def test_a_text_may_go_on_after_its_end() -> None:
    live = GrowingMarkdown()
    live.finish("one")
    assert live.grow("one more") == Growth(message_html(""), message_html("one more"), True)


@pytest.mark.parametrize(
    ("text", "more"),
    [
        ("*a*\n\n", "[" * (MESSAGE_BRACKETS + 1)),
        ("*a*\n\n", "a\n" * (MESSAGE_LIMIT // 2)),
        ("*a*\n\n", "> " * 45 + "b"),
        ("*a*\n\n", "> > > > a\n" + "b\n" * 6_000),
        ("|a|b|\n|-|-|\n|1|2|\n\nx\n", "|a" * 99 + "\n" + "|-" * 99 + "\n" + "b\n" * 101),
        ("x\n", "|a" * 60 + "\n" + "|-" * 60 + "\n" + "|\n" * 160),
    ],
    ids=["brackets", "size", "depth", "quotes", "cells", "ratio"],
)
def test_what_concerns_the_whole_text_begins_again(text: str, more: str) -> None:
    live = GrowingMarkdown()
    steps = [live.grow(text), live.grow(text + more[: len(more) // 2]), live.grow(text + more)]
    steps.append(live.finish(text + more))
    first = max(number for number, step in enumerate(steps) if step.restart)
    assert "".join(step.finished for step in steps[first:]) == message_html(text + more)


def test_a_short_text_that_becomes_too_much_html_for_a_while_is_rendered_in_the_end() -> None:
    table = "|a" * 60 + "\n" + "|-" * 60 + "\n" + "|\n" * 160
    text = table + "\n\n" + "words\n" * 1_200
    live = GrowingMarkdown()
    assert parse(live.grow(table).tail).one("p")["class"] == "as-typed"
    assert live.finish(text) == Growth(message_html(text), message_html(""), True)
    assert parse(message_html(text)).all("table")


def test_text_as_typed_is_not_given_again_and_again() -> None:
    text = "> " * 45 + "a\n" * 10_000
    live = GrowingMarkdown()
    live.grow(text[:10_000])
    growth = live.grow(text)
    assert len(growth.tail) < 10_000
    assert not growth.restart


def test_headings_keep_the_level_they_have() -> None:
    steps = show(
        "## A\n\nx\n\n# B\n\n- ### C", "## A\n\nx\n\n# B\n\n- ### C\n- # D\n- ## E\n- x\n- y"
    )
    page = parse(steps[0].finished + steps[0].tail)
    assert [e.tag for e in page.walk() if e.tag[0] == "h"] == ["h2", "h2", "h3"]
    page = parse(steps[0].finished + steps[1].finished + steps[1].tail)
    assert [e.tag for e in page.walk() if e.tag[0] == "h"] == ["h2", "h2", "h3", "h2", "h3"]


@pytest.mark.parametrize("end", ["", "`", "```", "``` "])
def test_code_is_shown_while_it_is_written_without_its_end(end: str) -> None:
    *_, growth = show("Look:\n\n```py\na <b>\n\n\tc\n", "Look:\n\n```py\na <b>\n\n\tc\n" + end)
    code = parse(growth.tail).one("code")
    assert (code.text, code["class"]) == ("a <b>\n\n\tc\n", "language-py")


def test_a_long_list_becomes_loose_as_a_whole() -> None:
    text = "- one\n- two\n- three\n- four\n"
    tight, loose = show(text, text + "\n- five")
    assert parse(tight.tail).all("p") == []
    assert [p.text for p in parse(loose.tail).all("p")] == ["one", "two", "three", "four", "five"]


LONG = {
    "fence": "```text\n" + "a line of code, as it may be <b>\n" * 2_000,
    "list": "- an *item* of a long list\n" * 1_000,
    "loose list": "1. an *item* of a long list\n\n" * 1_000,
    "table": "|a|b|\n|-|-|\n" + "| one | *two* |\n" * 1_000,
    "paragraph": "words and *words* and " * 1_000,
    "formulas": "words $x^2$ and \\(y_1\\) and " * 700,
    "list of formulas": "- as $\\frac{a}{b}$ says\n" * 1_000,
    "callout": "> [!NOTE]\n" + "> words and *words*\n" * 1_000,
    "footnote": "[^1]: a\n\n" + "    words and *words*\n" * 800,
    "quote": "> words and *words*\n" * 1_000,
}


@pytest.mark.parametrize("kind", LONG)
def test_a_long_block_is_not_parsed_at_every_step(kind: str) -> None:
    text = LONG[kind]

    def grow() -> GrowingMarkdown:
        live = GrowingMarkdown()
        for end in range(0, len(text), len(text) // 1_000):
            live.grow(text[:end])
        return live

    assert cpu_seconds(grow, 2) < 2
    assert grow().finish(text).finished == message_html(text)


def test_a_long_block_shows_all_there_is_at_every_step() -> None:
    text = "words and *words* and " * 300
    for end in range(1, len(text), 150):
        live = GrowingMarkdown()
        live.grow(text[: end - end // 10])
        shown = parse(live.grow(text[:end]).tail).text
        assert re.sub(r"[\s*]+", "", shown) == re.sub(r"[\s*]+", "", text[:end])
