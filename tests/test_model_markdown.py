"""What models write is shown as they mean it, whole and while it comes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.corpus import check_each, samples
from tests.support.html import parse
from tests.support.prose import check_elements, typed_text
from webapp.markdown.growing import GrowingMarkdown
from webapp.markdown.messages import message_html

CORPUS = samples("model_markdown")


def test_a_whole_text() -> None:
    def check(sample: dict[str, Any]) -> None:
        html = message_html(sample["text"])
        assert html == sample["html"]
        check_elements(parse(html))

    check_each(check, CORPUS)


@pytest.mark.parametrize("around", ["{}", "Before.\n\n{}\n\nAfter.", "{}\n- x\n# y\n"])
def test_a_text_that_comes_letter_by_letter(around: str) -> None:
    def check(sample: dict[str, Any]) -> None:
        text = around.replace("{}", sample["text"])
        live, page = GrowingMarkdown(), ""
        for end in range(1, len(text)):
            growth = live.grow(text[:end])
            page = ("" if growth.restart else page) + growth.finished
            check_elements(parse(page + growth.tail))
        last = live.finish(text)
        assert ("" if last.restart else page) + last.finished == message_html(text)

    check_each(check, CORPUS)


@pytest.mark.parametrize("place", ["- {}", "> {}", "# {}", "| a |\n|---|\n| {} |", "1. a\n\n   {}"])
@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("**注意：**以下", "<strong>注意：</strong>以下"),
        ("*“重点”*的", "<em>“重点”</em>的"),
        ("~~旧价：~~新价", "<s>旧价：</s>新价"),
        ("**Note:**this", "**Note:**this"),
        ("**$5** to $10 or ~$7", "<strong>$5</strong> to $10 or ~$7"),
        ("50 GB<br>10 users", "50 GB<br>\n10 users"),
        ("H<sub>2</sub>O `<sub>`", "H<sub>2</sub>O <code>&lt;sub&gt;</code>"),
        ("List<String> and Set<b>", "List&lt;String&gt; and Set&lt;b&gt;"),
    ],
)
def test_it_does_not_matter_where_it_stands(place: str, text: str, html: str) -> None:
    assert f">{html}</" in message_html(place.replace("{}", text))


@pytest.mark.parametrize("place", ["- {}", "> {}", "# {}", "| a |\n|---|\n| {} |", "1. a\n\n   {}"])
@pytest.mark.parametrize(
    "text", [r"$\mathbf{x}_{i}$ and $\{y\}^*$", r"\(a_1\), \[b_1\], $$c_1*d_1*$$"]
)
def test_formulas_are_typeset_wherever_they_stand(place: str, text: str) -> None:
    page = parse(message_html(place.replace("{}", text)))
    assert len(page.all("math")) == len(page.all(class_="source")) > 1
    assert text in typed_text(page)


@pytest.mark.parametrize("place", ["{}", "Before.\n\n- a\n- {}", "> {}", "| a |\n|---|\n| {} |"])
@pytest.mark.parametrize(
    "text",
    [
        r"So $\{1, 2\}$ and $\mathbf{x}_{i}$, $\mathbf{y}_{j}$ hold.",
        r"So \(\mathbf{x}_{i}*y*\) and \[a_{1}*b*\{c\}\] hold.",
        r"So $$\sum_{i}^{*} x_{i}*y*$$ and \begin{align}\{a\}\end{align} hold.",
        r"It costs $5 to $10, i.e. ~$7.",
    ],
)
def test_a_formula_is_whole_at_every_step(place: str, text: str) -> None:
    whole = place.replace("{}", text)
    live, page = GrowingMarkdown(), ""
    for end in range(whole.index(text) + 1, len(whole)):
        growth = live.grow(whole[:end])
        page += growth.finished
        typed = whole[whole.index(text) : end].removesuffix(" |").strip()
        assert typed in typed_text(parse(page + growth.tail))


def test_lines_of_a_formula_are_no_list_before_its_end() -> None:
    text = "So\n\n\\[\n(a - b)^2 = a^2\n- 2ab\n+ b^2\n"
    live = GrowingMarkdown()
    for end in range(len("So\n\n\\["), len(text)):
        assert "<ul>" not in live.grow(text[:end]).tail


def test_a_link_without_words_shows_where_it_leads() -> None:
    address = f"https://a.example/{'b' * 200}"
    link = parse(message_html(f"![]({address})")).one("a")
    assert link["href"] == address
    assert link.text == f"{address[:80]}…"


def test_a_paragraph_of_marks_is_shown_as_typed() -> None:
    text = "*a* " * 3_000 + "\n**end**"
    page = parse(message_html(f"{text}\n\n*b*"))
    assert page.all("p")[0].text == text
    assert [element.text for element in page.all("em")] == ["b"]


def test_a_cell_with_a_sentence_is_not_too_narrow_for_one() -> None:
    sentence = "This is a whole sentence, which has a few more words than a cell of data has."
    html = message_html(f"| a | b | {sentence} |\n|---|--:|---|\n| 1 | {sentence} | {sentence} |")
    classes = [cell.get("class") for cell in parse(html).all("td")]
    assert classes == [None, "align-r wide", "wide"]
    assert [cell.get("class") for cell in parse(html).all("th")] == [None, "align-r", None]
