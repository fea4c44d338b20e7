"""Inline text of messages: emphasis, code and links. Formulas stay as they were typed."""

from __future__ import annotations

import re
from functools import lru_cache

from linkify_it.main import LinkifyIt
from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.rules_inline import StateInline

# The parser leaves out inline text that is nested deeper.
NESTING_LIMIT = 60
# In a paragraph with more of them, bare addresses and brackets do not become links, since each of
# them may make the parser look at all the text that follows.
BARE_LINKS = 100
BRACKETS = 500
# A longer formula is read as Markdown.
FORMULA_LIMIT = 2_000

OPTIONS = {"html": False, "breaks": True, "linkify": False, "maxNesting": NESTING_LIMIT}
# Without `reference`: 50 kB that use one definition many times become 100 MB of HTML.
OFF = ["html_block", "html_inline", "image", "reference"]

# Text without any of these marks has nothing to render. (A colon may be part of an address.)
_MARKS = re.compile(r"[\n!$&*:<\[\\\]_`~]")
_FORMULAS = {"\\(": "\\)", "\\[": "\\]", "$$": "$$"}
_WIDE_PUNCTUATION = re.compile(
    "[\u2018-\u201f\u2026\u3001-\u3003\u3008-\u301b\uff01-\uff0f\uff1a-\uff20\uff3b-\uff3d\uff5b-\uff65]"
)


def inline_html(text: str) -> str:
    """Return the HTML of inline text, not yet sanitized. It depends on ``text`` alone."""
    if not _MARKS.search(text):
        return escapeHtml(text)
    addresses = text.count("://") + text.count("mailto:")
    parser = _parser(
        brackets=text.count("[") <= BRACKETS,
        addresses=0 < addresses <= BARE_LINKS,
    )
    return str(parser.renderInline(text))


@lru_cache(maxsize=4)
def _parser(*, brackets: bool, addresses: bool) -> MarkdownIt:
    parser = MarkdownIt("commonmark", OPTIONS).enable("strikethrough").disable(OFF)
    parser.inline.ruler.before("escape", "formula", _keep_formula)
    if not brackets:
        parser.disable("link")
    if addresses:
        parser.enable("linkify")
        parser.options["linkify"] = True
        parser.linkify = link_finder()
    return parser


class _BareLinks(LinkifyIt):
    """Finds bare addresses. East Asian punctuation ends them as well."""

    def test_schema_at(self, text: str, name: str, position: int) -> int:
        length = int(super().test_schema_at(text, name, position))
        end = _WIDE_PUNCTUATION.search(text, position, position + length)
        return end.start() - position if end else length


def _keep_formula(state: StateInline, silent: bool) -> bool:
    """Keep a TeX formula as text. Markdown would remove its backslashes and underscores."""
    end_mark = _FORMULAS.get(state.src[state.pos : state.pos + 2])
    if end_mark is None:
        return False
    limit = min(state.posMax, state.pos + FORMULA_LIMIT)
    end = state.src.find(end_mark, state.pos + 2, limit) + 2
    if end < state.pos + 4:
        return False
    if not silent:
        for number, line in enumerate(state.src[state.pos : end].split("\n")):
            if number:
                state.push("softbreak", "br", 0)
            state.push("text", "", 0).content = line
    state.pos = end
    return True


def link_finder() -> LinkifyIt:
    """Return what finds the bare addresses of pages and of mail in a text."""
    finder = _BareLinks(options={"fuzzy_link": False, "fuzzy_email": False})
    for scheme in ("ftp:", "//"):
        finder.add(scheme, None)
    return finder
