"""Formulas of messages: typeset as MathML, with their source to copy."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.corpus import check_each, samples, text_of
from tests.support.html import Element, parse
from tests.support.prose import check_elements, typed_text
from webapp.markdown import budget
from webapp.markdown.blocks import parse as read_blocks
from webapp.markdown.blocks import render
from webapp.markdown.growing import GrowingMarkdown
from webapp.markdown.mathml import kept_formula, mathml
from webapp.markdown.messages import message_html
from webapp.markdown.sanitizer import sanitize


def formula(source: str) -> Element:
    """Return a formula as it stands in a message, or nothing if it is shown as it was typed."""
    return parse(f'<span class="formula">{mathml(source) or ""}</span>')


def tags(source: str) -> str:
    """Return the elements of a formula, without the rows around others."""
    return " ".join(e.tag for e in formula(source).walk() if e.tag[0] == "m")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (r"$\frac{a}{2}$", "mfrac mi mn"),
        (r"\(\sqrt[3]{x}\)", "mroot mi mn"),
        (r"$x_i^2$", "msubsup mi mi mn"),
        (r"$$\sum_{i=1}^n i$$", "munderover mo mi mo mn mi mi"),
        (r"\[\lim_{x \to 0} x\]", "munder mo mi mo mn mi"),
        (r"\begin{aligned} a &= b \\ &= c \end{aligned}", "mtable mtr mtd mi mtd mi mo mi"),
        (r"$\begin{pmatrix} 1 & 2 \end{pmatrix}$", "mo mtable mtr mtd mn mtd mn mo"),
        (r"$\binom{n}{k}$", "mo mfrac mi mi mo"),
        (r"$\hat{x}$", "mover mi mo"),
        (r"$\underbrace{a}_{b}$", "munder munder mi mo mi"),
        (r"$\left( a \middle| b \right]$", "mo mi mo mi mo"),
        (r"$$a \\ b$$", "mtable mtr mtd mi mtr mtd mi"),
        (r"$\text{if } x$", "mtext mi"),
        (r"$\bigcup_{i=1}^n A_i$", "munderover mo mi mo mn mi msub"),
        (r"$\operatorname*{argmax}_x f$", "munder mo mi mi"),
        (r"$\argmin_x f$", "munder mo mi mi"),
    ],
)
def test_what_models_write_is_typeset(source: str, expected: str) -> None:
    assert tags(source).replace("math ", "").replace("mrow ", "").startswith(expected)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (r"$\mathbf{xy}\mathbb{RN}\mathcal{L}\mathfrak{g}$", "𝐱𝐲ℝℕℒ𝔤"),
        (r"$\boldsymbol{\beta}\alpha\le\infty$", "𝜷α≤∞"),
        (r"$\R \to \mathrm{softmax}$", "ℝ→softmax"),
        (r"$\bigg\{ x \Big\rbrace$", "{x}"),
        (r"$50\% \$ 5\ \#$", "50%$5\xa0#"),
        (r"$$5 % 3 \label{eq:1} \nonumber$$", "5%3"),
        (r"$\text{50\% \$ of } 3$", "50%\xa0$\xa0of\xa03"),
        (r"$a < b > c$", "a<b>c"),
        ("$H^+$", "H+"),
        (r"$中 = \text{文}$", "中=文"),
    ],
)
def test_letters_and_signs_are_those_that_people_know(source: str, text: str) -> None:
    assert formula(source).text == text


def test_bars_have_no_space_beside_them() -> None:
    bars = formula(r"$P(A|B) = |x|$").all("mo", lspace="0", rspace="0")
    assert [bar.text for bar in bars] == ["|", "|", "|"]
    assert formula(r"$\left| x \right|$").all("mo", lspace="0") == []


def test_letters_of_a_name_are_one_upright_word() -> None:
    page = formula(r"$\mathrm{d}x \operatorname{rank} \mathrm{tr}$")
    assert [e.text for e in page.all("mi", mathvariant="normal")] == ["d"]
    assert "tr" in [e.text for e in page.all("mi")]


def test_a_table_has_its_lines() -> None:
    array = r"$$\left[\begin{array}{cc|c} 1 & 2 & 3 \\ \hline 4 & 5 & 6 \end{array}\right]$$"
    cells = formula(array).all("mtd")
    assert [c.text for c in cells if "line-r" in c.classes] == ["2", "5"]
    assert [c.text for c in cells if "line-b" in c.classes] == ["1", "2", "3"]


@pytest.mark.parametrize(
    "source",
    [
        r"$\foo{x}$",
        r"$\frac{a}{$",
        r"$x_x_x$",
        r"$\left( x$",
        r"$a & b$",
        r"$\begin{foo}a\end{foo}$",
        r"$\ce{H2O}$",
        r"$\def\a{b}\a$",
        r"$\newcommand{\a}{\a\a}\a$",
        "$" + "{" * 200 + "x" + "}" * 200 + "$",
        "$" + r"\sqrt" * 200 + "x$",
        r"\[" + r"\frac{a}{" * 400 + r"\]",
        r"\[" + "x+" * 3_000 + r"\]",
    ],
)
def test_what_cannot_be_read_is_shown_as_typed(source: str) -> None:
    assert mathml(source) is None
    page = parse(message_html(f"See {source} here"))
    assert page.all("math") == []
    assert page.text.strip() == f"See {source} here"


@pytest.mark.parametrize(
    "text",
    [
        "It costs $5 to $10.",
        "Between $5 and $10, or $5-$10, or US$5 and US$6.",
        "**$5** or *$6*, ~$7",
        "$5/month vs. $10/month",
        "I have $20 and you have $30",
        "Set $HOME and $PATH",
        "`$x$` and ``$$y$$``",
        "    $x$",
        "```\n$x$\n\\(y\\)\n```",
        "echo $a $b",
        "$HOME/$USER/bin and $A:$B, $a=$b, $user->$name",
        "$f($x)",
        "US$5, 5$ and 6$, $1,000,000",
        "a price of $5 (or $6)",
    ],
)
def test_money_and_code_are_no_formulas(text: str) -> None:
    assert parse(message_html(text)).all("math") == []


@pytest.mark.parametrize("source", [r"$x^2$", r"\(x^2\)", r"$$x^2$$", r"\[x^2\]", "$$\nx^2\n$$"])
def test_the_source_is_there_to_copy_and_only_the_formula_to_hear(source: str) -> None:
    page = parse(message_html(f"So\n{source}"))
    typed = page.one("span", class_="source")
    assert (typed.text, typed["aria-hidden"]) == (source, "true")
    assert page.one("math").text == "x2"
    assert source in typed_text(page)


def test_a_formula_that_is_cleaned_apart_is_as_clean() -> None:
    def check(sample: dict[str, Any]) -> None:
        raw = render(read_blocks(sample["text"], {}, cells=1_000))
        assert sanitize(f"{raw}\ufdd3") == sanitize(raw) + "\ufdd3"

    check_each(check, samples("model_markdown"))


@pytest.mark.parametrize(
    "html",
    [
        '<span class="formula"><math><img src=x onerror=1></math></span>{}',
        '<span class="formula display"><math display="block"><script>1</script></math>{}</span>',
        '<script><span class="formula"><math></math></span>{}</script>',
        '<span class="formula"><math href="javascript:1"><mi onclick=1>x</mi></math></span>{}',
        "<a title='<span class=\"formula\"><math></math></span>{}'>x</a>",
    ],
)
def test_a_formula_is_cleaned_whoever_wrote_it(html: str) -> None:
    source = '<span class="source" aria-hidden="true">x</span>'
    for _ in range(2):  # the second time it is known
        cleaned = sanitize(html.replace("{}", source))
        check_elements(parse(cleaned))
        assert not re.search("onerror|onclick|javascript|script", cleaned)


def test_a_formula_on_its_own_line_is_a_block() -> None:
    assert parse(message_html("$$x$$")).one("math")["display"] == "block"
    assert parse(message_html("$x$")).one("math").get("display") is None


@pytest.mark.parametrize(
    "around", [r"$\text{{}}$", "${}$", r"\[\mathbf{{}}\]", r"$\href{{}}{x}$", r"$\class{{}}{x}$"]
)
def test_no_payload_leaves_a_formula(around: str) -> None:
    def check(sample: dict[str, Any]) -> None:
        payload = text_of(sample)
        check_elements(parse(message_html(around.replace("{}", payload))))
        check_elements(parse(message_html(around.replace("{}", payload.replace("<", "&lt;")))))
        check_elements(formula(around.replace("{}", payload)))

    check_each(check, samples("xss"))


@pytest.mark.parametrize(
    "source",
    [
        r"$\unicode{x3c}img src=x onerror=1\unicode{x3e}$",
        r"$\text{&lt;img&gt; &#x3c;b&#x3e;}$",
        r"$\style{position:fixed}{x} \class{evil}{y} \rule{99em}{99em}$",
        r"$\hspace{999em} \kern-99em x \raise99em y$",
        r"$\color{red;background:url(//evil.example)}x$",
        r"$\href{javascript:alert(1)}{x} \colorbox{red}{y}$",
    ],
)
def test_formulas_move_nothing_and_lead_nowhere(source: str) -> None:
    page = parse(message_html(source))
    check_elements(page)
    assert page.all("a") == []


PIECES = st.sampled_from(
    r"\frac{ \sqrt \sqrt[ \left( \right) \middle| \begin{matrix} \end{matrix} \begin{array}{c|c} "  # noqa: SIM905
    r"\text{ \mathbf{ \hat \not \color{red} \def\a{ \limits ^ _ ' { } [ ] & \\ \hline % $ a 1 "
    r"\unicode{x3c} \frac12 \big \sum \lim \operatorname{ \verb| < > \kern1em \overset{a} "
    r"\mathchoice".split()
)


@settings(max_examples=400, deadline=None)
@given(st.lists(PIECES | st.text(max_size=3), max_size=25).map("".join))
def test_any_formula_is_safe_or_as_typed(tex: str) -> None:
    check_elements(formula(f"$${tex}$$"))


@pytest.mark.parametrize(
    ("text", "formulas"),
    [("It is $x$5", [0]), ("It is $5-$10", [0]), ("a $x$ b", [0, 1]), ("$$x$$ b", [0, 1])],
)
def test_a_formula_is_typeset_once_its_end_is_certain(text: str, formulas: list[int]) -> None:
    live = GrowingMarkdown()
    seen: list[int] = []
    for end in range(1, len(text) + 1):
        count = len(parse(live.grow(text[:end]).tail).all("math"))
        if count not in seen[-1:]:
            seen.append(count)
    assert seen == formulas


def test_only_so_many_formulas_of_a_message_are_typeset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "PAGE_SECONDS", 60.0)  # the number counts here, not the time
    text = "\n\n".join(f"${{a_{{{n}}}+b^{{{n}}}}}$" for n in range(600))
    page = parse(message_html(text))
    assert 200 < len(page.all("math")) < 500
    last = page.all("p")[-1].text
    assert last == "${a_{599}+b^{599}}$"


def test_formulas_that_were_typeset_are_not_typeset_again() -> None:
    text = " ".join(rf"$\frac{{a_{{{n}}}}}{{b}}$" for n in range(50))
    message_html(text)
    before = kept_formula.cache_info()
    message_html(text)
    after = kept_formula.cache_info()
    assert (after.hits - before.hits, after.misses) == (50, before.misses)
