"""Names in the HTML of a message that become links."""

from __future__ import annotations

import pytest
from markupsafe import Markup

from tests.support.cpu import cpu_seconds
from webapp.markdown.messages import message_html
from webapp.markdown.name_links import NameLinks, Target


def link(text: str, *names: str) -> str:
    links = NameLinks({name: Target(f"/{place}", False) for place, name in enumerate(names)})
    html = str(links.link(message_html(text)))
    for place, name in enumerate(names):
        opening = Markup('<a href="/{}" data-testid="element-link" data-name="{}">').format(
            place, name
        )
        html = html.replace(str(opening), f"[{place}:").replace("</a>", "]")
    return html.strip()


@pytest.mark.parametrize(
    ("text", "names", "shown"),
    [
        ("See Report.", ["Report"], "<p>See [0:Report].</p>"),
        ("Report and Report", ["Report"], "<p>[0:Report] and [0:Report]</p>"),
        ("the *Report* of", ["Report"], "<p>the <em>[0:Report]</em> of</p>"),
        ("| Report |\n|-|\n| b |", ["Report"], "[0:Report]"),
        ("Reports, MyReport, Report_2", ["Report"], "<p>Reports, MyReport, Report_2</p>"),
        ("Report, (Report), Report-2", ["Report"], "[0:Report], ([0:Report]), [0:Report]-2"),
        ("见图表一的说明", ["图表一"], "见[0:图表一]的说明"),
        ("그림1은 여기", ["그림1"], "[0:그림1]은"),
        ("The big plan", ["big", "big plan"], "<p>The [1:big plan]</p>"),
        ("a.csv and ba.csv", ["a.csv"], "<p>[0:a.csv] and ba.csv</p>"),
        ("A & B < C", ["A & B < C"], "<p>[0:A &amp; B &lt; C]</p>"),
        ('say "hi"', ['"hi"'], "<p>say [0:"),
        ("a $x$ b", ["x"], '<span class="source" aria-hidden="true">$x$</span> b</p>'),
        ("a $x$ x", ["x"], "</span> [0:x]</p>"),
        ("$5 (net)", ["$5 (net)"], "<p>[0:$5 (net)]</p>"),
        ("one.*two", [".*"], "<p>one[0:.*]two</p>"),
        ("", ["", " "], ""),
    ],
)
def test_a_name_is_linked_where_it_is_a_name(text: str, names: list[str], shown: str) -> None:
    assert shown in link(text, *names)


@pytest.mark.parametrize(
    "text",
    [
        "`Report`",
        "```\nReport\n```",
        "    Report",
        "[Report](https://a.example)",
        "[a **Report** b](https://a.example)",
        "https://a.example/Report",
        '[x](https://a.example "Report > b")',
    ],
)
def test_nothing_is_linked_in_code_and_in_links(text: str) -> None:
    assert link(text, "Report") == str(message_html(text)).replace("</a>", "]").strip()


def test_after_code_and_links_names_are_linked_again() -> None:
    assert "</code> [0:Report]" in link("`Report` Report", "Report")
    assert "] [0:Report]" in link("[x](https://a.example) Report", "Report")


@pytest.mark.parametrize(
    "name", ['"><script>alert(1)</script>', "<img src=x onerror=alert(1)>", "' onclick='x", "{}{0}"]
)
def test_a_hostile_name_stays_text(name: str) -> None:
    links = NameLinks({name: Target("/a", True)})
    html = str(links.link(message_html(f"x {name} y")))
    assert "<script" not in html
    assert "<img" not in html
    assert html.count("data-testid") == (1 if name in links.found else 0)


def test_what_needs_no_link_stays_as_it_is() -> None:
    html = message_html("a & b **c** \u00a0 `d`")
    assert NameLinks({"zzz": Target("/", False)}).link(html) == html


def test_many_names_in_a_long_text_do_not_hold_up_a_page() -> None:
    names = {f"a name with the number {n}": Target("/", False) for n in range(100)}
    text = message_html("a name with the number " * 4_000)

    def link() -> None:
        NameLinks(names).link(text)
        NameLinks(names).link(Markup("<" + '"' * 100_000))

    assert cpu_seconds(link, 2) < 2
