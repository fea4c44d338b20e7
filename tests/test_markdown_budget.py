"""The CPU time of any text, and of any page of texts."""

from __future__ import annotations

from functools import partial

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.apps import AppMaker
from tests.support.cpu import cpu_seconds, slowness, timed
from tests.support.exports import said, store_chat
from tests.support.html import parse
from tests.support.people import Visitor
from tests.test_markdown import WORST
from webapp.markdown import blocks, messages
from webapp.markdown.budget import RESERVE_SECONDS, PageBudget, SlowTexts
from webapp.markdown.descriptions import description_html
from webapp.markdown.messages import message_html

TEXT_SIZE = 20_000
TEXT_SECONDS = 1
PAGE_MESSAGES = 50
PAGE_SECONDS = 2
ROWS_WITHOUT_BARS = "|a" * 200 + "|\n" + "|-" * 200 + "|\n" + "b\n" * 9_600

UNITS = st.one_of(
    st.sampled_from(sorted(WORST.values())),
    st.sampled_from(
        ["\n", "\n\n", "  ", "    ", "a", "中", "|", "b\n", "|-|-|\n", "$", "**", "> "]
    ),
    st.text(max_size=6),
)
REPEATED = st.builds("".join, st.lists(UNITS, min_size=1, max_size=6))
PARTS = st.lists(st.tuples(REPEATED, st.integers(1, 5_000)), min_size=1, max_size=4)
TEXTS = PARTS.map(lambda parts: "".join(unit * times for unit, times in parts)[:TEXT_SIZE])


def is_as_typed(html: str) -> bool:
    return html.startswith('<p class="as-typed">')


@settings(max_examples=40, deadline=None)
@given(TEXTS)
@example(ROWS_WITHOUT_BARS)
@example("- " * 9_999)
@example("*_" * 9_999)
def test_any_text_is_rendered_within_a_second(text: str) -> None:
    assert cpu_seconds(lambda: message_html(text), TEXT_SECONDS) < TEXT_SECONDS
    work = partial(description_html, text[:4_000])
    assert cpu_seconds(work, TEXT_SECONDS) < TEXT_SECONDS


@settings(max_examples=3, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=4))
@example([ROWS_WITHOUT_BARS])
@example(["- - - - a\n" * 10_000])
@example([WORST["formulas that differ"], WORST["formulas in lines"] * 1_000])
@example([WORST["long formulas"] * 10, WORST["different footnotes"], "> [!NOTE]\n\n" * 2_000])
@example(["# a\n" * 5_000, "*a* **b** " * 2_000, "```java\n" + "a b\n" * 4_900 + "```"])
def test_any_page_is_rendered_within_two_seconds(texts: list[str]) -> None:
    # Texts that differ in a letter, so that none of them is known from the one before.
    page = [texts[number % len(texts)] + chr(65 + number) for number in range(PAGE_MESSAGES)]

    def render() -> None:
        budget = PageBudget(SlowTexts())
        for text in page:
            message_html(text, budget)

    assert cpu_seconds(render, PAGE_SECONDS) < PAGE_SECONDS


def test_a_slow_text_leaves_the_others_of_its_page_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    # A slow machine needs more for a usual text.
    monkeypatch.setattr("webapp.markdown.budget.RESERVE_SECONDS", RESERVE_SECONDS * slowness())
    budget = PageBudget(SlowTexts())
    shown = [message_html(f"{n}\n" + "- - - - a\n" * 9_000, budget) for n in range(PAGE_MESSAGES)]
    assert any(is_as_typed(html) for html in shown)
    assert parse(message_html("- *a*\n- b", budget)).one("em").text == "a"


def test_what_was_too_slow_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    slow, text = SlowTexts(), "*a*\n\n> b\n\n"
    monkeypatch.setattr(PageBudget, "share", lambda _: 1e-5)
    for _ in range(2):  # once may be the garbage collector's fault
        tries = count_calls(monkeypatch)
        assert is_as_typed(message_html(text, PageBudget(slow)))
        assert len(tries) == 1
    tries = count_calls(monkeypatch)
    assert is_as_typed(message_html(text, PageBudget(slow)))
    assert tries == []
    monkeypatch.setattr(PageBudget, "share", lambda _: 1.0)  # a page that has more time
    assert not is_as_typed(message_html(text, PageBudget(slow)))


@pytest.mark.parametrize(
    ("text", "tries_at_first"),
    [
        (ROWS_WITHOUT_BARS, 2),  # with tables, and without
        ("\n".join("  " * n + "- a" for n in range(30)), 1),
        ("|a" * 60 + "\n" + "|-" * 60 + "\n" + "|\n" * 160, 1),
    ],
    ids=["cells", "depth", "HTML"],
)
def test_what_is_too_much_is_remembered(
    monkeypatch: pytest.MonkeyPatch, text: str, tries_at_first: int
) -> None:
    # However slow the machine is, here a text is only too much.
    monkeypatch.setattr(PageBudget, "share", lambda _: 60.0)
    slow, tries = SlowTexts(), count_calls(monkeypatch)
    first = message_html(text, PageBudget(slow))
    assert len(tries) == tries_at_first
    assert message_html(text, PageBudget(slow)) == first
    assert len(tries) == tries_at_first + (tries_at_first - 1)


def count_calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    calls: list[str] = []

    def parse_and_count(text: str, *args: object, **more: object) -> object:
        calls.append(text)
        return blocks.parse(text, *args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(messages, "parse", parse_and_count)
    return calls


def test_a_page_of_hostile_messages_is_rendered_in_time(make_app: AppMaker) -> None:
    app = make_app("roles.py")
    alice = Visitor(app).logged_in("alice")
    texts = [f"{ROWS_WITHOUT_BARS}\n\n{n}" for n in range(25)]
    texts += [f"{n}\n" + "- - - - a\n" * 9_000 for n in range(25)]
    chat = store_chat(app, *(said(text, "assistant") for text in texts))
    # The first time of all counts, when nothing is remembered, so it is not tried again.
    for _ in range(2):
        assert timed(lambda: alice.get(chat)) < PAGE_SECONDS * slowness()
    assert len(parse(alice.get(chat).text).all(data_testid="message")) == PAGE_MESSAGES
