"""`ReasoningParser`: the reasoning of a model and its answer, told apart token by token."""

from __future__ import annotations

import random

import pytest

from tests.support.cpu import cpu_seconds
from webapp import ReasoningParser
from webapp.authoring.errors import MisuseError

CASES = {
    "usual": ("<think>\nTwo.\n</think>\n\nIt is 2.", "Two.", "It is 2."),
    "nothing thought": ("<think>\n\n</think>\n\nHello", "", "Hello"),
    "no reasoning": ("Hello\n\nyou", "", "Hello\n\nyou"),
    "no first tag": ("Two.\n</think>\n\nIt is 2.", "Two.", "It is 2."),
    "only the last tag": ("</think>It is 2.", "", "It is 2."),
    "no last tag": ("<think>Two. And", "Two. And", ""),
    "half a tag at the end": ("<think>Two.</thi", "Two.</thi", ""),
    "half a first tag": ("<thin", "", "<thin"),
    "upper case": ("<THINK>Two.</Think>2", "Two.", "2"),
    "other tags": ("a < b <b>c</b> <thinker>", "", "a < b <b>c</b> <thinker>"),
    "again": ("<think>a</think>b\n\n<think>c</think>\nd", "a\n\nc", "b\n\n\nd"),
    "within a line": ("Hm <think>a</think>b", "a", "Hm b"),
    "nested": ("<think>a<think>b</think>c</think>d", "a<think>b</think>c", "d"),
    "named in reasoning": ("<think>a <think> tag</think>b", "a <think> tag", "b"),
    "named in an answer": ("The <think> tag is odd.", "", "The <think> tag is odd."),
    "closed twice": ("<think>a</think>\n</think>\nb", "a", "b"),
    "closed later again": ("<think>a</think>b </think> c", "a", "b </think> c"),
    "code of an answer": ("```\n<think>x</think>\n```\ny", "", "```\n<think>x</think>\n```\ny"),
    "back quotes": ("Use `<think>x</think>`.", "", "Use `<think>x</think>`."),
    "back quotes of reasoning": ("<think>``</think>`` ends</think>a", "``</think>`` ends", "a"),
    "a lone back quote": ("<think>a ` b</think>c\n`d`", "a ` b", "c\n`d`"),
    "code of reasoning": (
        "<think>\n```py\n</think>\n```\nb</think>c",
        "```py\n</think>\n```\nb",
        "c",
    ),
    "code without an end": ("<think>~~~ py\nx\n</think>\n\nThe answer", "~~~ py\nx", "The answer"),
    "code closed at the tag": ("<think>```\nx\n```</think>a", "```\nx\n```", "a"),
    "indented answer": ("<think>a</think>\n\n    x = 1\n    y", "a", "    x = 1\n    y"),
}


def split(tokens: list[str], *, starts_with_reasoning: bool | None = None) -> tuple[str, str]:
    """Return reasoning and answer as one who follows the parts has them in the end."""
    parser = ReasoningParser(starts_with_reasoning=starts_with_reasoning)
    texts = {True: "", False: ""}
    for parts in [*map(parser.feed, [*tokens, None]), parser.finish()]:
        for part in parts:
            other = texts[not part.is_reasoning]
            texts[not part.is_reasoning] = other[: len(other) - part.taken_back]
            texts[part.is_reasoning] += part.text
    assert (parser.reasoning, parser.answer) == (texts[True], texts[False])
    return texts[True], texts[False]


@pytest.mark.parametrize(("text", "reasoning", "answer"), CASES.values(), ids=CASES)
def test_the_two_are_told_apart_wherever_tokens_are_cut(
    text: str, reasoning: str, answer: str
) -> None:
    assert split([text]) == (reasoning, answer)
    assert split(list(text)) == (reasoning, answer)
    for cut in range(len(text)):
        assert split([text[:cut], "", text[cut:]]) == (reasoning, answer)


def test_any_mixture_of_marks_is_read_the_same_letter_by_letter() -> None:
    pieces = ["<think>", "</think>", "`", "```", "~~~", "\n", " ", "a", "<", "</", "think>", "py"]
    draw = random.Random(12)
    for _ in range(3_000):
        text = "".join(draw.choices(pieces, k=draw.randint(1, 14)))
        assert split(list(text)) == split([text]), text


def test_text_is_given_as_soon_as_it_is_known_what_it_is() -> None:
    parser = ReasoningParser()
    seen = [[(p.text, p.is_reasoning) for p in parser.feed(t)] for t in ("<th", "ink>Tw", "o", "<")]
    assert seen == [[], [("Tw", True)], [("o", True)], []]
    assert parser.is_reasoning
    assert [p.text for p in parser.feed(" 3</think>")] == ["< 3"]
    assert not parser.is_reasoning


def test_reasoning_without_a_first_tag_is_taken_back_from_the_answer() -> None:
    parser = ReasoningParser()
    [early] = parser.feed("Two and")
    assert (early.text, early.is_reasoning) == ("Two and", False)
    [back, answer] = parser.feed(" two</think>4")[1:]
    assert (back.text, back.is_reasoning, back.taken_back) == ("Two and two", True, 11)
    assert (answer.text, answer.is_reasoning) == ("4", False)


def test_a_model_may_be_known_to_leave_out_the_first_tag_or_never_to() -> None:
    assert split(["Two.</think>4"], starts_with_reasoning=True) == ("Two.", "4")
    assert split(["Two."], starts_with_reasoning=True) == ("Two.", "")
    assert split(["<think>Two.</think>4"], starts_with_reasoning=True) == ("Two.", "4")
    assert split(["A </think> tag"], starts_with_reasoning=False) == ("", "A </think> tag")


def test_the_tag_may_have_another_name() -> None:
    parser = ReasoningParser("reasoning")
    parser.feed("<reasoning>a <think> </reasoning>b")
    assert (parser.reasoning, parser.answer) == ("a <think>", "b")


@pytest.mark.parametrize(
    "text",
    ["<think>" * 9_000, "`" * 60_000, "</think>a" * 7_000, "` <think>" * 7_000, "\n" * 60_000],
    ids=["openers", "back quotes", "closers", "code", "lines"],
)
@pytest.mark.parametrize("size", [1, 60_000], ids=["letters", "whole"])
def test_hostile_text_takes_time_in_proportion_to_its_length(text: str, size: int) -> None:
    parts = [text[i : i + size] for i in range(0, len(text), size)]
    assert cpu_seconds(lambda: split(parts), 1.5) < 1.5


def test_misuse_is_refused_with_what_to_write() -> None:
    with pytest.raises(MisuseError, match="tag='think'"):
        ReasoningParser("<think>")
    with pytest.raises(MisuseError, match="takes text, not int"):
        ReasoningParser().feed(1)  # type: ignore[arg-type]
