"""The HTML of what an author writes: the descriptions of profiles, by Python-Markdown."""

from __future__ import annotations

import re
from functools import lru_cache
from html import unescape
from typing import Any

import markdown
from markdown.extensions import Extension
from markdown.extensions.sane_lists import SaneListExtension
from markdown.extensions.tables import TableExtension
from markdown.treeprocessors import Treeprocessor
from markupsafe import Markup

from webapp.markdown.sanitizer import is_too_long, plain_html, sanitize

# A description above these sizes is shown as it was typed, and without tables above this one.
DESCRIPTION_LIMIT = 4_000
DESCRIPTION_BRACKETS = 200
DESCRIPTION_CELLS = 1_000

# In what the allow-list has left.
_LINK = re.compile(r'<a\b[^>]*?\bhref="([^"]*)"[^>]*>(.*?)</a>', re.DOTALL)
_TAG = re.compile(r"<[^>]*>")
_BLANK_LINES = re.compile(r"\n[ \t]*\n")


@lru_cache(maxsize=512)
def description_html(text: str) -> Markup:
    """Return the HTML of a profile's description."""
    return _render(text, links=True)


@lru_cache(maxsize=512)
def summary_html(text: str) -> Markup:
    """Return a description without links, for use inside a button."""
    return _render(text, links=False)


@lru_cache(maxsize=512)
def description_links(text: str) -> tuple[tuple[str, str], ...]:
    """Return the links of a description, each once: its words and its address.

    They stand beside the button that has the summary, since a button can hold no link.
    """
    found: dict[str, str] = {}
    for address, words in _LINK.findall(description_html(text)):
        found.setdefault(unescape(address), unescape(_TAG.sub("", words)).strip())
    return tuple((words or address, address) for address, words in found.items())


class _CellAlignment(Treeprocessor):
    """Writes the alignment of cells as a class, because no style may be in a page."""

    def run(self, root: Any) -> None:
        for element in root.iter():
            if style := element.attrib.pop("style", ""):
                element.set("class", f"align-{style.removeprefix('text-align: ')[0]}")


def _render(text: str, *, links: bool) -> Markup:
    if len(text) > DESCRIPTION_LIMIT or text.count("[") > DESCRIPTION_BRACKETS:
        return plain_html(text)
    # As classes: for a name, Markdown would look through all installed packages, which takes 9 ms.
    # Late, because fenced code brings Pygments, which an app without descriptions does not need.
    from markdown.extensions.fenced_code import FencedCodeExtension  # noqa: PLC0415

    extensions: list[Extension] = [FencedCodeExtension(), SaneListExtension()]
    # Each line of a block may be a row, and each row is filled up to the width of the first.
    blocks = [block.split("\n") for block in _BLANK_LINES.split(text) if "|" in block]
    cells = sum(len(lines) * (max(line.count("|") for line in lines) + 1) for lines in blocks)
    if cells <= DESCRIPTION_CELLS:
        extensions.append(TableExtension())

    # A new instance each time: it keeps state, and threads share this module.
    renderer = markdown.Markdown(extensions=extensions, output_format="html")
    renderer.preprocessors.deregister("html_block")
    renderer.inlinePatterns.deregister("html")
    renderer.treeprocessors.register(_CellAlignment(renderer), "alignment", 0)
    try:
        html = str(renderer.convert(text))
    except RecursionError:
        return plain_html(text)
    return plain_html(text) if is_too_long(len(html), len(text)) else sanitize(html, links=links)
