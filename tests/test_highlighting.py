"""Code in colour: the same text, classes and no styles, in bounded time, readable."""

from __future__ import annotations

import re
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.cpu import cpu_seconds
from tests.support.html import Element, parse
from webapp.markdown.footnotes import BEGIN
from webapp.markdown.growing import GrowingMarkdown
from webapp.markdown.highlighting import (
    BLOCK_LIMIT,
    CLASSES,
    LANGUAGES,
    MESSAGE_LIMIT,
    RATIO,
    SECONDS,
    Allowance,
    highlight,
)
from webapp.markdown.messages import message_html

ROOT = Path(__file__).parents[1]
CSS = "\n".join(path.read_text() for path in sorted((ROOT / "static" / "css").glob("*.css")))
PYTHON = '@cached\ndef f(a: int) -> str:  # why\n    return "x" + str(1)\n'
# What opens something, and what tempts the regular expressions of lexers to look far ahead.
HOSTILE = [
    "\n",
    " \n",
    "a\n",
    "a b ",
    "a.",
    "_",
    "1",
    "é",
    '"',
    '"a\\',
    "'",
    "`a",
    "/*",
    "/* ",
    "#",
]
HOSTILE += [
    "(",
    "a (",
    "a(b ",
    "[[",
    "{{",
    "<?",
    "<!--",
    "<style>",
    "<script>\n",
    "&",
    "$",
    "${a",
    "@",
]
HOSTILE += ['"""', "<<A\n", "%q(", "=begin\n", "class a ", "int a(", "1.", "begin\n", "x y z \n"]


def fence(code: str, language: str) -> str:
    return f"~~~~~~ {language}\n{code}\n~~~~~~\n"


def code_of(html: str) -> Element:
    return parse(html).one("code")


def kinds(code: str, language: str) -> dict[str, str]:
    spans = code_of(message_html(fence(code, language))).all("span")
    return {span.text.strip(): span["class"].removeprefix("language-") for span in spans}


def test_tokens_have_classes_by_their_kind() -> None:
    assert kinds(PYTHON, "python") == {
        "@cached": "nf",
        "def": "k",
        "f": "nf",
        "int": "nb",
        "str": "nb",
        "# why": "c",
        "return": "k",
        '"x"': "s",
        "1": "m",
    }


@pytest.mark.parametrize(
    ("language", "code", "expected"),
    [
        ("js", "const a = 1 // b", {"const": "k", "1": "m", "// b": "c"}),
        ("JSON", '{"a": "b"}', {'"a"': "k", '"b"': "s"}),
        ("html", '<a href="b">', {"a": "k", "href": "nb", '"b"': "s"}),
        ("sh", "echo $A", {"echo": "nb", "$A": "nb"}),
        ("diff", "-a\n+b", {"-a": "gd", "+b": "gi"}),
        ("php", "return 'a';", {"return": "k", "'a'": "s"}),
        ("php", "<?php return 1;", {"<?php": "k", "return": "k", "1": "m"}),
        ('python title="x"', "x = 1", {"1": "m"}),
    ],
)
def test_languages_have_more_than_one_name(
    language: str, code: str, expected: dict[str, str]
) -> None:
    assert kinds(code, language) == expected


@pytest.mark.parametrize("language", ["", "text", "brainfuck", "rb+trm", "python;", "<b>"])
def test_other_code_is_plain(language: str) -> None:
    assert code_of(message_html(fence(PYTHON, language))).text == PYTHON + "\n"
    assert kinds(PYTHON, language) == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_a_lexer_that_finds_something(language: str) -> None:
    texts = ["if (a) return 'b'; # 1", "[a]\nb = 1", "a: b", ".a { b: 1 }", "-b\n", "<a>b</a>"]
    found = [highlight(text, language, Allowance()) for text in texts]
    assert any("<span" in (html or "") for html in found)


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(sorted(LANGUAGES)),
    st.lists(st.one_of(st.sampled_from(HOSTILE), st.text(max_size=6)), max_size=20).map("".join),
)
def test_the_text_stays_the_same(language: str, code: str) -> None:
    # What is no character stands for the beginning of a footnote.
    for sign in ("\r", "\0", "~", BEGIN):
        code = code.replace(sign, "")
    assert code_of(message_html(fence(code, language))).text == code + "\n"


def test_there_is_no_style_and_no_other_class() -> None:
    html = message_html(fence(PYTHON, "python"))
    assert "style" not in html
    for element in parse(html).walk():
        assert element.attributes.keys() <= {"class"}
        assert re.fullmatch(r"language-[a-z0-9]+", element.get("class") or "language-x")


def test_code_is_plain_until_it_is_finished() -> None:
    live = GrowingMarkdown()
    text = fence(PYTHON, "python")
    assert code_of(live.grow(text).tail).all("span") == []
    assert code_of(live.grow(text + "\nMore").finished).all("span")
    assert code_of(live.finish(fence(PYTHON, "python")).finished).all("span")


@pytest.mark.parametrize("language", LANGUAGES)
def test_hostile_code_takes_no_more_than_it_may(language: str) -> None:
    for unit in ("\n", " \n", "a\n", "a b ", '"a\\', "/* ", "a.", "=", "<?", "<a b=", "_"):
        code = unit * (BLOCK_LIMIT // len(unit))
        work = partial(highlight_briefly, code, language)
        assert cpu_seconds(work, 0.3) < 0.3, unit


def highlight_briefly(code: str, language: str) -> None:
    highlight(code, language, Allowance(seconds=0.005))


def test_one_message_spends_no_more_for_having_many_blocks() -> None:
    text = fence(" \n" * 1_000, "python") * 20
    assert cpu_seconds(lambda: message_html(text), SECONDS + 0.5) < SECONDS + 0.5
    assert len(message_html(text)) < 20 * len(text)


def test_long_code_is_plain() -> None:
    line = "x = 1\n"
    assert highlight(line * (BLOCK_LIMIT // len(line)), "python", Allowance(seconds=60))
    assert highlight(line * (BLOCK_LIMIT // len(line) + 1), "python", Allowance()) is None


def test_after_much_code_the_rest_is_plain() -> None:
    allowance = Allowance()
    code = "x = 1\n" * 3_000
    done = [highlight(code, "json", allowance) is not None for _ in range(4)]
    assert done == [True] * (MESSAGE_LIMIT // len(code)) + [False]


def test_code_that_would_become_much_html_is_plain() -> None:
    assert "<span" in (highlight("[1,2,3]", "json", Allowance()) or "")
    dense = "1+" * 500
    assert highlight(dense, "python", Allowance()) is None
    spread = "1 + 1 + 1\n" * 100
    assert len(highlight(spread, "python", Allowance()) or "") in range(1, RATIO * len(spread))


def test_no_lexer_is_loaded_without_code() -> None:
    program = (
        "import sys; from webapp.markdown.messages import message_html\n"
        "def loaded(): return {n for n in sys.modules if n.startswith('pygments')}\n"
        "message_html('*a*\\n\\n    b'); print(loaded()); message_html('```rust\\n1\\n```')\n"
        "print({n for n in loaded() if n.startswith('pygments.lexers.') and '_map' not in n})"
    )
    shown = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert shown.splitlines() == ["set()", "{'pygments.lexers.rust'}"]


def token(name: str) -> list[str]:
    """Return a colour of the stylesheet in the light and in the dark theme."""
    found = re.search(rf"--{name}: light-dark\((#\w+), (#\w+)\)", CSS)
    assert found, name
    return list(found.groups())


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(c * 2 for c in colour[1:])
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted([luminance(one), luminance(other)])
    return (lighter + 0.05) / (darker + 0.05)


def coloured() -> dict[str, str]:
    """Return the token of each class."""
    rules = re.findall(r"span(\S.*?) \{ color: var\(--([\w-]+)\); \}", CSS)
    return {
        name: colour for chosen, colour in rules for name in re.findall(r"language-(\w+)", chosen)
    }


@pytest.mark.parametrize("background", ["surface", "ground"])
@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_code_can_be_read_in_both_themes(background: str, theme: int) -> None:
    behind = token(background)[theme]
    for name, colour in coloured().items():
        assert contrast(token(colour)[theme], behind) >= 4.5, name


def test_every_class_has_a_colour() -> None:
    assert coloured().keys() == set(CLASSES.values()) - {""}
