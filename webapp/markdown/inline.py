"""Inline text of messages: emphasis, code, links, formulas, and the HTML that models write in it.

No image is shown: it becomes a link.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from linkify_it.main import LinkifyIt
from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.rules_inline import StateInline, link
from markdown_it.token import Token

from webapp.markdown.emphasis import InlineParser
from webapp.markdown.footnotes import read_reference
from webapp.markdown.html_tags import pair_tags, read_tag
from webapp.markdown.literals import keep_literal

# The parser leaves out inline text that is nested deeper.
NESTING_LIMIT = 60
# In a paragraph with more of them, bare addresses and brackets do not become links, since each of
# them may make the parser look at all the text that follows.
BARE_LINKS = 100
BRACKETS = 500
# A paragraph with more marks is shown as it was typed: the parser cannot be stopped in one.
MARKS = 4_000
# Of the address of a link without words, so much is shown.
ADDRESS_LENGTH = 80

OPTIONS = {"html": False, "breaks": True, "linkify": False, "maxNesting": NESTING_LIMIT}
# Without `reference`: 50 kB that use one definition many times become 100 MB of HTML.
OFF = ["html_block", "html_inline", "reference"]

# Text without any of these marks has nothing to render. (A colon may be part of an address.)
_MARKS = re.compile(r"[\n!$&*:<\[\\\]_`~]")
_WIDE_PUNCTUATION = re.compile(
    "[\u2018-\u201f\u2026\u3001-\u3003\u3008-\u301b\uff01-\uff0f\uff1a-\uff20\uff3b-\uff3d\uff5b-\uff65]"
)


def inline_html(text: str, formulas: int = 0) -> tuple[str, int]:
    """Return the HTML of inline text, not yet sanitized, and what its formulas have cost.

    It depends on the arguments alone. ``formulas`` is what they may cost. All formulas after that
    are shown as they were typed.
    """
    if not _MARKS.search(text):
        return escapeHtml(text), 0
    if len(text) > MARKS and len(_MARKS.findall(text)) > MARKS:
        return escapeHtml(text).replace("\n", "<br>\n"), 0
    addresses = text.count("://") + text.count("mailto:")
    parser = _parser(
        brackets=text.count("[") <= BRACKETS,
        addresses=0 < addresses <= BARE_LINKS,
    )
    env = {"formulas": formulas}
    return str(parser.renderInline(text, env)), formulas - env["formulas"]


@lru_cache(maxsize=4)
def _parser(*, brackets: bool, addresses: bool) -> MarkdownIt:
    parser = MarkdownIt()
    parser.inline = InlineParser()
    parser.configure("commonmark", OPTIONS).enable("strikethrough").disable(OFF)
    parser.inline.ruler.before("escape", "literal", keep_literal)
    parser.inline.ruler.before("html_inline", "html_tag", read_tag)
    parser.inline.ruler2.before("fragments_join", "html_tags", pair_tags)
    if brackets:
        parser.inline.ruler.before("link", "footnote", read_reference)
        parser.inline.ruler.at("link", _link)
        parser.inline.ruler.at("image", _image)
    else:
        parser.disable(["link", "image"])
    if addresses:
        parser.enable("linkify")
        parser.options["linkify"] = True
        parser.linkify = link_finder()
    return parser


class _BareLinks(LinkifyIt):
    """Finds bare addresses. East Asian punctuation ends them as well.

    An address does not end in a mark of emphasis or the punctuation of any script.
    """

    def test_schema_at(self, text: str, name: str, position: int) -> int:
        end = position + int(super().test_schema_at(text, name, position))
        if wide := _WIDE_PUNCTUATION.search(text, position, end):
            end = wide.start()
        while end > position and _is_after_address(text[end - 1]):
            end -= 1
        return end - position


def _is_after_address(character: str) -> bool:
    if character.isascii():
        return character in "*_~:;,!?"
    return unicodedata.category(character) in ("Po", "Pf", "Pi", "Ps", "Pe")


def _link(state: StateInline, silent: bool) -> bool:
    """Read a link. One without words shows its address, or nobody would see it."""
    if not link(state, silent):
        return False
    if not silent and state.tokens[-2].type == "link_open":
        address = str(state.tokens[-2].attrs["href"])
        if len(address) > ADDRESS_LENGTH:
            address = f"{address[:ADDRESS_LENGTH]}…"
        state.tokens.insert(-1, Token("text", "", 0, content=address))
    return True


def _image(state: StateInline, silent: bool) -> bool:
    """Read an image as a link to it. In the words of another link, only its words are left."""
    if not state.src.startswith("![", state.pos):
        return False
    state.pos += 1
    if state.pending:
        state.pushPending()
    first = len(state.tokens)
    if not _link(state, silent):
        state.pos -= 1
        return False
    if not silent and state.linkLevel:
        for token in (state.tokens[first], state.tokens[-1]):
            token.type, token.tag, token.nesting = "text", "", 0
    return True


def link_finder() -> LinkifyIt:
    """Return what finds the bare addresses of pages and of mail in a text."""
    finder = _BareLinks(options={"fuzzy_link": False, "fuzzy_email": False})
    for scheme in ("ftp:", "//"):
        finder.add(scheme, None)
    return finder
