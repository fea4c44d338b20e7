"""What a user types: shown as it is, with its blocks of code and its links."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.cpu import cpu_seconds
from tests.support.html import parse
from webapp.markdown.typed import typed_html

AS_TYPED = [
    "2 * 3 * 4 = 24, and __init__.py",
    "# no heading\n\n- no list\n> no quote\n| a |\n|---|\n| b |",
    "`code` in a line, and ```more``` of it",
    "<b>&amp;</b> & \\* \\n",
    "  spaces   stay\n\n\n\tand tabs",
    "a: b://",
    "example.org and me@example.org",
    "",
]


@pytest.mark.parametrize("text", AS_TYPED)
def test_what_is_neither_code_nor_a_link_is_shown_as_it_was_typed(text: str) -> None:
    shown = parse(typed_html(text))
    assert shown.text == text
    assert list(shown.walk()) == []


BLOCKS = {
    "back quotes": ("```\nx = 1\n```", "x = 1\n"),
    "tildes": ("~~~\nx = 1\n~~~", "x = 1\n"),
    "a language": ("```python\nx = 1\n```", "x = 1\n"),
    "more marks outside": ("````\n```\nx\n```\n````", "```\nx\n```\n"),
    "a longer end": ("```\nx\n`````", "x\n"),
    "no end": ("```\nx\n\ny", "x\n\ny\n"),
    "in a list": ("   ```sh\n   ls\n     -l\n   ```", "ls\n  -l\n"),
    "deep in a list": ("\t\t```sh\n\t\tls\n\t\t```", "ls\n"),
    "nothing in it": ("```\n```", ""),
    "Windows line ends": ("```\r\nx\r\n```", "x\n"),
    "HTML in it": ("```html\n<b>&amp;\n```", "<b>&amp;\n"),
    "marks of a link": ("```\nhttp://a.example [b](http://c.example)\n```", None),
}


@pytest.mark.parametrize(("text", "code"), BLOCKS.values(), ids=BLOCKS)
@pytest.mark.parametrize("around", [("", ""), ("Please fix:\n", "\nThank you")])
def test_a_fence_makes_a_block_of_code(
    text: str, code: str | None, around: tuple[str, str]
) -> None:
    before, after = around
    if "no end" in text or text == BLOCKS["no end"][0]:
        after = ""
    shown = parse(typed_html(before + text + after))
    [block] = shown.all("pre")
    assert block.one("code").text == (text.split("\n")[1] + "\n" if code is None else code)
    assert shown.all("a") == []
    assert shown.text.startswith(before.rstrip("\n"))
    assert shown.text.endswith(after.lstrip("\n") or block.text)


def test_several_blocks_and_the_text_between_them() -> None:
    shown = parse(typed_html("a\n```\nb\n```\nc\n\n~~~\nd\n~~~\ne"))
    assert [block.text for block in shown.all("pre")] == ["b\n", "d\n"]
    assert re.sub(r"\s+", " ", shown.text) == "a b c d e"


def test_the_language_is_known_to_the_page() -> None:
    [code] = parse(typed_html("```python\nx\n```")).all("code")
    assert code.classes == ["language-python"]


LINKS = {
    "bare": ("see https://a.example/b_c?d=e&f.", "https://a.example/b_c?d=e&f"),
    "in angles": ("<https://a.example>", "https://a.example"),
    "in Markdown": ("[a *b*](https://a.example)", "https://a.example"),
    "before wide punctuation": ("看https://a.example。好", "https://a.example"),
    "mail": ("mailto:me@a.example", "mailto:me@a.example"),
}


@pytest.mark.parametrize(("text", "address"), LINKS.values(), ids=LINKS)
def test_an_address_is_a_link(text: str, address: str) -> None:
    [link] = parse(typed_html(text)).all("a")
    assert link["href"] == address
    assert {"noopener", "noreferrer"} <= set(link["rel"].split())


@pytest.mark.parametrize(
    "text",
    [
        "javascript:alert(1)//://",
        "[a](javascript:alert(1)) ://",
        "[a](data:text/html,://x)",
        "<javascript:alert('://')>",
        "ftp://a.example",
        "//a.example ://",
    ],
)
def test_what_could_do_harm_is_no_link(text: str) -> None:
    shown = parse(typed_html(text))
    assert [link for link in shown.all("a") if link.get("href")] == []
    assert shown.text == text


@pytest.mark.parametrize("text", ["http://" + "a." * 5_000, "https://" + "x" * 70_000])
def test_no_text_is_lost(text: str) -> None:
    assert parse(typed_html(text)).text == text


@given(st.text(alphabet=st.sampled_from(list("`~\n :/[]()<>&ahtp.m\t*_\\")), max_size=80))
def test_no_text_is_lost_but_marks_of_code_and_links(text: str) -> None:
    shown = parse(typed_html(text))
    kept = re.sub(r"[\W_]", "", shown.text)
    # The labels of links lose their addresses, and fences their languages.
    if not shown.all("a") and not shown.all("pre"):
        assert kept == re.sub(r"[\W_]", "", text)
    assert not shown.all("script")


COSTLY = {
    "addresses": "http://a.b/c " * 99 + "x" * 18_000,
    "fences": "```\n" * 5_000,
    "brackets": "[" * 400 + "://" + "](" * 400 + "x" * 18_000,
    "blocks": "```\na\n```\nhttp://a.b\n" * 900,
    "nested": "[a](http://b " * 1_500,
    "colons": "://" * 6_600,
    "a long host": "http://" + "a." * 9_900,
    "back quotes": "`" * 19_000 + "\n```",
}


@pytest.mark.parametrize("text", COSTLY.values(), ids=COSTLY)
def test_20_kb_take_little_time(text: str) -> None:
    typed_html("```\na\n```\nhttp://a.b")  # the parsers are made once
    assert cpu_seconds(lambda: typed_html(text[:20_000]), 1) < 1
