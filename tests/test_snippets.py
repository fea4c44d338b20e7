"""The part of a text that a search shows."""

from __future__ import annotations

import pytest

from tests.support.corpus import samples, text_of
from tests.support.cpu import cpu_seconds
from webapp.chats.tokenizer import query_terms
from webapp.history.search.snippets import LOOKED_AT, SIDE, Part, make_snippet

HOSTILE = [text_of(sample) for sample in samples("xss")]


def parts(text: str, query: str) -> tuple[Part, ...]:
    return make_snippet(text, query_terms(query))


def shown(text: str, query: str) -> str:
    """Return a snippet with its marks in brackets."""
    return "".join(f"[{p.text}]" if p.marked else p.text for p in parts(text, query))


@pytest.mark.parametrize(
    ("text", "query", "expected"),
    [
        ("How do I sort?", "sort", "How do I [sort]?"),
        ("sorted and unsorted", "sort", "[sort]ed and unsorted"),
        ("a b a", "a", "[a] b [a]"),
        ("Café, CAFE\u0301", "cafe", "[Café], [CAFE\u0301]"),
        ("天地玄黄", "地玄黄", "天[地玄黄]"),
        ("über ß", "ss", "über [ß]"),
        ("C++ is", "c++", "[C++] is"),
        ("see 👩🏽\u200d💻!", "👩", "see [👩🏽\u200d💻]!"),
        ("snake_case", "case", "snake_[case]"),
        ("x天y", "y", "x天[y]"),
        ("don\u2019t ask", "don't", "[don\u2019t] ask"),
        ("don't ask", "dont", "[don't] ask"),
        ("자연어처리", "처리", "자연어[처리]"),
        ("die Haustür", "tür", "die Haus[tür]"),
        ("nothing of it", "else", "nothing of it"),
    ],
)
def test_matches_are_marked_as_they_were_written(text: str, query: str, expected: str) -> None:
    assert shown(text, query) == expected


def test_a_long_text_is_shown_around_the_first_match() -> None:
    text = "before " * 50 + "needle " + "after " * 50 + "needle"
    found = shown(text, "needle")
    assert found.startswith("…before ")
    assert "before [needle] after" in found
    assert found.endswith("after…")
    assert len(found) <= 2 * SIDE + len("[needle]") + 2


def test_a_text_without_spaces_is_cut_all_the_same() -> None:
    found = shown("天" * 500 + "地" + "天" * 500, "地")
    assert len(found) == 2 * SIDE + len("[地]") + 2


def test_where_nothing_is_found_the_beginning_is_shown() -> None:
    assert parts("word " * 100, "else") == (Part("word " * 23 + "word…", marked=False),)


def test_a_match_far_down_is_looked_for_no_further_than_costs_little() -> None:
    far = "x " * (LOOKED_AT[-1] // 2)
    assert "[needle]" in shown(far[:-20] + "needle", "needle")
    assert "[needle]" not in shown(far + "needle", "needle")


@pytest.mark.parametrize("query", ["script", "<", "a", '"', "onerror alert"])
def test_a_snippet_adds_nothing_to_the_text_whatever_that_holds(query: str) -> None:
    for text in HOSTILE:
        found = parts(text, query)
        joined = "".join(part.text for part in found).removeprefix("…").removesuffix("…")
        rest = iter(text)
        assert all(character in rest for character in joined), text
        assert all(part.text in text for part in found if part.marked)


@pytest.mark.parametrize(
    ("text", "query", "expected"),
    [
        ("# Weekend", "weekend", "[Weekend]"),
        ("Look:\n\n### **The** weekend\n", "weekend", "Look:\n\nThe [weekend]\n"),
        ("- [x] **buy** *some* milk", "milk", "buy some [milk]"),
        ("> > quoted __words__ ~~gone~~", "words", "quoted [words] gone"),
        ("See [the guide](https://example.org/a_b).", "guide", "See the [guide]."),
        ("See ![a cat](cat.png) here", "here", "See a cat [here]"),
        ("Use `a * b` and `__init__`", "use", "[Use] a * b and __init__"),
        ("```python\nprint(1)\n```\nDone", "print", "\n[print](1)\n\nDone"),
        ("| Model | Price |\n|---|--:|\n| small | 1 |", "small", " Model  Price \n\n [small]  1 "),
        ("2 * 3 * 4, snake_case_name", "snake", "2 * 3 * 4, [snake]_case_name"),
        ("1\\. and \\*", "and", "1. [and] *"),
        ("> [!NOTE]\n> Take care[^1]\n\n[^1]: of it", "care", "\nTake [care]\n\n of it"),
        ("So $a \\cdot b$ is it", "cdot", "So $a \\[cdot] b$ is it"),
        ("# Only this", "else", "Only this"),
        # Who looks for it wants to see it.
        ("[here](https://example.org)", "example", "here](https://[example].org)"),
        ("**bold**", "**", "[**]bold[**]"),
    ],
)
def test_marks_of_markdown_are_left_out(text: str, query: str, expected: str) -> None:
    assert shown(text, query) == expected


def test_marks_before_and_behind_a_snippet_are_seen() -> None:
    text = "[" + "word " * 30 + "needle " + "word " * 30 + "](https://example.org/" + "x" * 50 + ")"
    assert "](" not in shown(text, "needle")
    assert shown("x" * 300 + " a # b needle", "needle").endswith("a # b [needle]")


@pytest.mark.parametrize("piece", ["-", "[", "`", "*", "_", "> ", "| ", "\\", "![", "](", "- "])
def test_no_text_makes_the_search_for_marks_slow(piece: str) -> None:
    def search() -> None:
        for _ in range(20):
            shown(piece * 5_000 + "needle" + piece * 5_000, "needle")

    assert cpu_seconds(search, 2) < 2
