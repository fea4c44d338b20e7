"""Markdown to safe HTML, within time and size."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.corpus import samples, text_of
from tests.support.cpu import cpu_seconds
from tests.support.html import parse
from tests.support.prose import REL, typed_text
from webapp.markdown import blocks
from webapp.markdown.descriptions import DESCRIPTION_LIMIT, description_html, summary_html
from webapp.markdown.growing import GrowingMarkdown
from webapp.markdown.inline import BARE_LINKS, inline_html
from webapp.markdown.messages import message_html
from webapp.markdown.sanitizer import OUTPUT_LIMIT, sanitize, sentence_html

RENDERERS: list[Callable[[str], str]] = [message_html, description_html, summary_html]
WORST: dict[str, str] = {
    "brackets": "[",
    "closed brackets": "[]",
    "images": "![",
    "links": "[a](b",
    "emphasis": "*a ",
    "underscores": "_a ",
    "mixed emphasis": "*_",
    "strong": "**a*b",
    "tildes": "~~a ",
    "backticks": "` `` ",
    "fences": "```\n",
    "quotes": "> ",
    "lists": "* ",
    "numbers": "1. ",
    "nested lists": "- a\n ",
    "autolinks": "<a:",
    "entities": "&#x",
    "html": "<a ",
    "comments": "<!-- ",
    "tables": "|a",
    "table rows": "|a|b|\n",
    "references": "[a]: b\n",
    "escapes": "\\*",
    "headings": "# a\n",
    "rules": "- - -\n",
    "tabs": "\t",
    "line ends": "\n",
    "underlined headings": "a\n-\n",
    "open fences": "~~~~\na\n",
    "fences in lists": "- ```\n  a\n",
    "lists in one line": "- - - - a\n",
    "lazy quotes": "> a\nb\n",
    "whole links": "[a](b) ",
    "whole emphasis": "**a** ",
    "lines": "word\n",
    "bare links": "https://a.example/b ",
    "beginnings of bare links": "https://",
    "bare links without end": "https://a.example/(",
    "bare links in quotes": 'https://a.example/"',
    "addresses": "mailto:a@",
    "short formulas": "$a$ ",
    "cells of formulas": "| $a_1$ ",
    "fractions": r"$\frac{a}{b}+\sqrt{c}$ ",
    "formulas in lines": "$$\na+b\n$$\n",
    "long formulas": "$$" + "a+" * 900 + "$$ ",
    "formulas that differ": "".join(f"$x_{{{n}}}^{{{n}}}$ " for n in range(3_000)),
    "roots": "$" + r"\sqrt" * 300 + "x$ ",
    "braces": "$" + "{" * 300 + "x" + "}" * 300 + "$ ",
    "matrices": r"$\begin{matrix}a&b\\c&d\end{matrix}$ ",
    "matrices without end": r"\[\begin{matrix}a& ",
    "macros": r"$\def\a{\a\a}\a$ ",
    "primes": "$x" + "'" * 500 + "$ ",
    "unknown commands": r"$\foo{x}$ ",
    "references to footnotes": "[^1]",
    "different references": "".join(f"[^{n}] " for n in range(8_000)),
    "footnotes": "[^1]: a\n",
    "different footnotes": "".join(f"[^{n}] [^{n + 1}]\n\n[^{n}]: a\n" for n in range(3_000)),
    "footnotes in footnotes": "[^1]: [^1]: ",
    "indented footnotes": "[^1]: a\n\n  [^1]: b\n\n",
    "lists in footnotes": "[^1]: - a\n  - b\n",
    "callouts": "> [!NOTE]\n",
    "callouts in callouts": "> [!NOTE]\n>",
    "callouts with text": "> [!TIP] a\n\n",
    "tasks": "- [ ] a\n",
    "tasks in tasks": "- [x] - [ ] ",
    "formulas": "\\(a",
    "display formulas": "\\[\n",
    "lines of dollars": "a $$\n",
    "environments": "\\begin{a}",
    "money": "$5, ",
    "bars in formulas": "|$|x|$",
    "line breaks": "<br>",
    "tags": "<b>",
    "whole tags": "<sub>1</sub>",
    "tags that cross": "<b><i></b></i>",
    "HTML of code": "<code>a",
    "stars in East Asian text": "中*“a”**",
    "paths": "C:\\a b\\",
    "names": "__init__",
    "whole formulas": "$$a$$",
    "code": "```python\nx = 1\n```\n",
}


@pytest.mark.parametrize("pattern", WORST)
def test_the_worst_input_is_rendered_in_time_and_size(pattern: str) -> None:
    unit = WORST[pattern]
    sizes: list[tuple[Callable[[str], str], int]] = [
        (message_html, 20_000),
        (message_html, 40_000),
        (description_html, DESCRIPTION_LIMIT),
    ]
    for render, size in sizes:
        text = unit * (size // len(unit))
        assert cpu_seconds(partial(render, text), 1) < 1
        html = render(text)
        assert len(html) < max(20 * len(text), 10_000)
        assert len(html) < OUTPUT_LIMIT


@pytest.mark.parametrize("pattern", WORST)
@pytest.mark.parametrize("size", [20_000, 40_000])
def test_the_worst_input_is_rendered_in_time_while_it_grows(pattern: str, size: int) -> None:
    unit = WORST[pattern]
    text = unit * (size // len(unit))
    assert cpu_seconds(partial(grow, text), 3) < 3


def grow(text: str) -> None:
    """Render a text as it grows in 200 steps."""
    live = GrowingMarkdown()
    for step in range(1, 200):
        live.grow(text[: len(text) * step // 200])
    live.finish(text)


@pytest.mark.parametrize(
    "text",
    [
        "[a]: /" + "x" * 2_000 + "\n\n" + "[a] " * 5_000,
        "|" * 2_000 + "\n" + "|-" * 1_000 + "\n" + "|\n" * 2_000,
        "|a" * 100 + "\n" + "|-" * 100 + "\n" + "|\n" * 9_000,
        "|a" * 200 + "|\n" + "|-" * 200 + "|\n" + "b\n" * 9_600,
        "|a" * 90 + "|\n" + "|-" * 90 + "|\n" + "b\n" * 1_700,
        ("|a" * 30 + "|\n" + "|-" * 30 + "|\n" + "b\n" * 200 + "\n") * 30,
        "- " + ("|a" * 90 + "|\n  " + "|-" * 90 + "|\n" + "  b\n" * 4_000),
        "".join(" " * n + "- a\n" for n in range(250)),
        "".join(">" * n + " a\n" for n in range(200)),
        "[" * 2_000 + "a" + "](b)" * 2_000,
        "a**b" * 8_000,
        ">" * 39 + "a\n" + "|\n" * 20_000,
        "> " * 39 + "a\n" + "b\n" * 20_000,
        ">- " * 12 + "a\n" + "b\n" * 20_000,
        "|".join("a" * 600) + "\n" + "|".join("-" * 600) + "\n" + "|\n" * 800,
        ("https://a.example/(" + "a" * 380) * BARE_LINKS,
        ("http://a." + "_" * 390) * BARE_LINKS,
        "https://" * BARE_LINKS + "a." * 20_000,
        "```python\n" + " \n" * 9_000 + "\n```\n```java\n" + "a b\n" * 4_900 + "```",
    ],
    ids=[
        "one reference used often",
        "wide table",
        "ragged rows",
        "rows without bars",
        "rows without bars in a description",
        "many tables",
        "a table in a list",
        "lists",
        "quotes",
        "links",
        "stars",
        "quoted rows",
        "quoted lines",
        "quoted lists",
        "wide description",
        "open brackets in bare links",
        "stars in bare links",
        "dots after bare links",
        "slow code",
    ],
)
def test_known_bombs_stay_small_and_quick(text: str) -> None:
    for shown in RENDERERS:
        assert cpu_seconds(partial(shown, text), 1) < 1
        assert len(shown(text)) < min(20 * len(text), OUTPUT_LIMIT)


@pytest.mark.parametrize(
    "text",
    [
        "\n".join("  " * n + f"- level {n}" for n in range(30)) + "\n\nthe end",
        "> " * 45 + "the end",
        ">" * 40 + "a\n" + "b\n" * 200 + "the end",
    ],
    ids=["lists", "quotes", "quoted lines"],
)
def test_what_is_nested_too_deeply_is_shown_as_typed_and_whole(text: str) -> None:
    page = parse(message_html(text))
    assert page.one("p")["class"] == "as-typed"
    assert page.text == text


@pytest.mark.parametrize("render", RENDERERS)
def test_too_long_a_text_is_shown_as_it_is(render: Callable[[str], str]) -> None:
    text = "**x** <b>" * 12_000
    page = parse(render(text))
    assert {(e.tag, e["class"]) for e in page.walk()} == {("p", "as-typed")}
    assert page.text == text


def test_long_text_as_typed_is_cut_where_lines_end() -> None:
    text = ("a" * 90 + "\n") * 1_500
    pieces = [p.text for p in parse(message_html(text)).all("p")]
    assert "".join(pieces) == text
    assert {len(piece) for piece in pieces[:-1]} == {4_004}


@pytest.mark.parametrize(
    "href",
    ["https://a.example/x?y=1#z", "http://a.example", "mailto:a@b.example", "/public/x.pdf"],
)
@pytest.mark.parametrize("render", [message_html, description_html])
def test_links_of_safe_kinds_are_kept(render: Callable[[str], str], href: str) -> None:
    link = parse(render(f"[x]({href})")).one("a")
    assert (link["href"], link["rel"]) == (href, REL)
    assert link["target"] == "_blank"


@pytest.mark.parametrize(
    "href",
    [
        "javascript:x",
        "JAVASCRIPT:x",
        "data:text/html,x",
        "vbscript:x",
        "file:///x",
        "tel:1",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "https:/\\evil",
        "https:///evil",
        "ftp://a",
        "x",
        "#x",
        "?x",
        "",
    ],
)
@pytest.mark.parametrize("render", [message_html, description_html])
def test_links_of_other_kinds_are_dropped(render: Callable[[str], str], href: str) -> None:
    page = parse(render(f"[x]({href}) <{href}>"))
    kept = [link["href"] for link in page.all("a") if link.get("href")]
    assert kept in ([], ["/%5Cevil.example"])  # escaped, it is a path of this site
    assert "x" in page.text


@pytest.mark.parametrize(
    "target",
    ["/&#9;/x.example", "/&Tab;/x.example", "/&NewLine;\\x.example", "https://&#13;/x.example"],
)
@pytest.mark.parametrize("text", ["[x]({})", "[x][y]\n\n[y]: {}", "<{}>"])
@pytest.mark.parametrize("render", [message_html, description_html])
def test_no_target_hides_what_browsers_leave_out(
    render: Callable[[str], str], text: str, target: str
) -> None:
    links = parse(render(text.format(target))).all("a")
    assert not [link for link in links if re.search(r"[\x00-\x20\\]", link.get("href") or "")]


@pytest.mark.parametrize("render", RENDERERS)
def test_there_are_no_images(render: Callable[[str], str]) -> None:
    page = parse(render("![alt](https://a.example/i.png) ![b][c]\n\n[c]: https://a.example/j.png"))
    assert page.all("img") == []


@pytest.mark.parametrize("render", RENDERERS)
def test_no_attribute_of_the_authors_choice_gets_through(
    render: Callable[[str], str],
) -> None:
    text = (
        "# x {#id .c onclick=1}\n\n<b id=a class=b style=c hx-get=d data-x=e onclick=f>x</b>\n\n"
        '``` python onclick=1\nx\n```\n\n[x](https://a.example "t")\n\n3. x\n'
    )
    used = {name for e in parse(render(text)).walk() for name in e.attributes}
    assert used <= {"href", "rel", "target", "title", "start", "class"}


def test_a_code_block_keeps_its_language_and_nothing_else() -> None:
    classes = [code.get("class") for code in parse(message_html("```py\nx\n```")).all("code")]
    assert classes == ["language-py"]
    assert parse(message_html('```x" y\nz\n```')).one("code").get("class") is None


@pytest.mark.parametrize("render", RENDERERS)
@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (["#", "##", "######"], ["h2", "h3", "h4"]),
        (["##"], ["h2"]),
        (["####", "#", "####"], ["h2", "h2", "h3"]),
        (["#", "###", "##", "###", "#"], ["h2", "h3", "h3", "h4", "h2"]),
        (["##", "###", "####", "#####", "######"], ["h2", "h3", "h4", "h5", "h6"]),
    ],
)
def test_headings_leave_h1_to_the_page_and_no_level_out(
    render: Callable[[str], str], written: list[str], shown: list[str]
) -> None:
    text = "\n\n".join(f"{marks} words" for marks in written)
    assert [element.tag for element in parse(render(text)).walk()] == shown


def test_messages_are_read_the_way_models_write() -> None:
    page = parse(message_html("Steps:\n- one\n  - two\n\na\nb ~~c~~\n\n|x|y|\n|-|-|\n|1|2|"))
    assert [item.text.split()[0] for item in page.all("li")] == ["one", "two"]
    assert len(page.all("br")) == 1
    assert page.one("s").text == "c"
    assert [cell.text for cell in page.all("td")] == ["1", "2"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("- [ ] a", ["☐ a"]),
        ("- [x] a\n- [X] b", ["☑ a", "☑ b"]),
        ("1. [ ] a\n2. b", ["☐ a", "b"]),
        ("- a\n  - [ ] b", ["a\n\n☐ b\n\n", "☐ b"]),
        ("- [x] **a** [ ] b", ["☑ a [ ] b"]),
        ("- [ ]", ["[ ]"]),
        ("- [y] a", ["[y] a"]),
        ("- [x](/y) a", ["x a"]),
        ("- a [x] b", ["a [x] b"]),
        ("- `[x] a`", ["[x] a"]),
    ],
)
def test_tasks_have_a_box_before_them(text: str, shown: list[str]) -> None:
    page = parse(message_html(text))
    assert [item.text for item in page.all("li")] == shown
    words = {"☐": "To do", "☑": "Done"}
    boxes = page.all("span", role="img")
    assert [box["aria-label"] for box in boxes] == [words[box.text] for box in boxes]


@pytest.mark.parametrize("text", ["[ ] a", "> [x] a", "# [x] a", "- a\n\n  [x] b", "|[x] a|\n|-|"])
def test_there_are_no_tasks_outside_of_items(text: str) -> None:
    assert not re.search("[☐☑]", message_html(text))


@pytest.mark.parametrize(
    ("text", "href"),
    [
        ("see https://a.example/x.", "https://a.example/x"),
        ("(https://a.example/x)", "https://a.example/x"),
        ("https://a.example/a_(b)!", "https://a.example/a_(b)"),
        ("**http://a.example**", "http://a.example"),
        ("<b>https://a.example/x</b>", "https://a.example/x"),
        ("https://a.example/a_b_c", "https://a.example/a_b_c"),
        ("https://a.example/x?y=1&z=2#t, and", "https://a.example/x?y=1&z=2#t"),
        ("请看https://a.example/x。谢谢", "https://a.example/x"),
        ("“https://a.example/x”…", "https://a.example/x"),
        ("https://bücher.example/ü", "https://xn--bcher-kva.example/%C3%BC"),
        ("http://localhost:8000/", "http://localhost:8000/"),
        ("mailto:a@b.example.", "mailto:a@b.example"),
    ],
)
def test_addresses_that_are_written_out_are_links(text: str, href: str) -> None:
    page = parse(message_html(text))
    assert (page.one("a")["href"], page.one("a")["rel"]) == (href, REL)
    assert page.text.strip() == re.sub(r"\*\*|</?b>", "", text)


@pytest.mark.parametrize(
    "text",
    [
        "a.example www.a.example a@b.example",
        "//a.example ftp://a.example javascript://a.example",
        "https:// https:///x https:\\x https:x",
        "`https://a.example`",
        "    https://a.example",
        "```\nhttps://a.example\n```",
        "xhttps://a.example",
    ],
)
def test_other_text_is_no_link(text: str) -> None:
    assert parse(message_html(text)).all("a") == []


def test_a_paragraph_of_brackets_has_no_links() -> None:
    text = "[" * 501 + "a](/b)"
    assert parse(message_html(text)).one("p").text == text
    assert parse(message_html(text[1:])).one("a").text == "a"


def test_a_link_has_no_link_inside() -> None:
    page = parse(message_html("[https://a.example](https://b.example)"))
    assert [link["href"] for link in page.all("a")] == ["https://b.example"]


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("Steps:\n- a\n- b", "p ul li li"),
        ("Steps:\n1. a\n2. b", "p ol li li"),
        ("- a\n  - b\n    - c", "ul li ul li ul li"),
        ("1. a\n    - b\n    - c", "ol li ul li li"),
        ("* a\n    * b", "ul li ul li"),
        ("1. a\n\n   b\n2. c", "ol li p p li p"),
        ("- a\n  ```py\n  b\n  ```\n- c", "ul li pre code li"),
        ("1. a:\n\n   ```\n   b\n   ```\n\n2. c", "ol li p pre code li p"),
        ("```   \na\n```   ", "pre code"),
        ('```text title="a b"\nc\n```', "pre code"),
        ("````\n```\na\n```\n````", "pre code"),
        ("a\n```\nb\n```\nc", "p pre code p"),
        ("```\nnever closed", "pre code"),
        ("中文**粗体**中文", "p strong"),
        (
            "| a | b |\n|:--|--:|\n| `c` | **d** |",
            "table thead tr th th tbody tr td code td strong",
        ),
        ("a | b\n--|--\nc | d", "table thead tr th th tbody tr td td"),
        ("> a\n> - b", "blockquote p ul li"),
        ("a\n\n---\n\nb", "p hr p"),
        ("a  \nb\nc\\\nd", "p br br br"),
        ("snake_case_name and 2 * 3 * 4", "p"),
    ],
)
def test_what_models_write_is_read_as_they_mean_it(text: str, tags: str) -> None:
    page = parse(message_html(text))
    assert " ".join(element.tag for element in page.walk()) == tags


@pytest.mark.parametrize(
    "text",
    [
        "<details><summary>a</summary></details>",
        r"$$\sum_{i=1}^n x_i^2 * y * z \\ \{a\}$$",
        r"\(a_1 < b_2\), \[x^2 \_ *y* z\] and `c`",
        r"\[a \in [0, 1]\]",
        r"$\mathbf{x}_{i}$ and $\mathbf{y}_{j}$, $x^*$ beats $y^*$",
        r"\begin{align*} a_1 &= *b* \\ c &= d_2 \end{align*}",
        "it costs $5 to $10",
    ],
)
def test_html_and_the_source_of_formulas_are_as_typed(text: str) -> None:
    page = parse(message_html(f"{text}\n\n| a |\n|---|\n| {text} |"))
    assert typed_text(page.one("p")) == typed_text(page.one("td")) == text.replace("`", "")


@pytest.mark.parametrize(
    "text",
    [r"\( *a*", r"\[*a*", "$$ *a*", r"\\(*a*\\)", "`\\(`*a*", "\\(" + "x" * 2_000 + "*a*\\)"],
)
def test_what_is_no_formula_is_markdown(text: str) -> None:
    assert parse(message_html(text)).one("em").text == "a"


@given(st.text("ab '\"#%^()-+={}|;>?,./@1\t 中\u2028", max_size=30))
def test_text_without_marks_is_only_text(text: str) -> None:
    by_the_parser = parse(inline_html(f"{text}&amp;")[0]).text
    assert parse(inline_html(text)[0]).text == by_the_parser.removesuffix("&") == text


def check_simple_sentence(text: str) -> bool:
    simple = sentence_html(text)
    assert simple is None or simple == sanitize(blocks.render(blocks.parse(text, {}, cells=9)))
    return simple is not None


@given(st.text("abzZé中ß01.,;:?()'%/+=@#-–… \u00a0\u0301\u3000\u2028\t*<&", max_size=12))
@example("www.example.org")
@example("see http://example.org")
@example("or mailto:a@example.org")
def test_a_simple_sentence_is_what_the_parser_makes_of_it(text: str) -> None:
    check_simple_sentence(text)


@pytest.mark.parametrize("corpus", ["nasty_strings", "open_redirect", "xss"])
def test_a_line_of_a_corpus_is_what_the_parser_makes_of_it(corpus: str) -> None:
    lines = {line for sample in samples(corpus) for line in text_of(sample).split("\n")}
    assert len(lines) > 20
    for line in lines:
        check_simple_sentence(line)


def test_usual_sentences_need_no_parser() -> None:
    assert check_simple_sentence("Yes (100 %): it's done, isn't it?")
    assert check_simple_sentence("Übermorgen — 12.5/3 = 4")
    assert not check_simple_sentence("1. One")
    assert not check_simple_sentence("a  ")


def test_descriptions_know_tables_and_code() -> None:
    page = parse(description_html("The **best**.\n\n```\ncode\n```\n\na | b\n--|--\n1 | 2"))
    assert page.one("strong").text == "best"
    assert page.one("pre").text.strip() == "code"
    assert len(page.all("td")) == 2


@pytest.mark.parametrize("render", RENDERERS)
@pytest.mark.parametrize(
    "text", ["<b id=a>x</b>", "&lt;", "<!-- x -->", "<script>x</script>", "a < b & c"]
)
def test_html_is_text(render: Callable[[str], str], text: str) -> None:
    page = parse(render(text))
    assert [e.tag for e in page.walk()] == ["p"]
    assert page.text.strip() in (text, "<")


@pytest.mark.parametrize("render", RENDERERS)
def test_empty_text_is_an_empty_answer(render: Callable[[str], str]) -> None:
    assert render("") == ""
