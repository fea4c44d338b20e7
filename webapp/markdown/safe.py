"""Markdown to safe HTML. The only module that marks text as safe.

Two needs, two libraries: Python-Markdown for what an author writes (descriptions), and
markdown-it-py for messages, which are long, untrusted, and written the way models write. Both go
through one allow-list. How messages are parsed is in `markdown_messages.py`, and how they are
rendered while they grow in `live_markdown.py`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import lru_cache
from html import unescape

import markdown
import nh3
from markdown_it.token import Token
from markupsafe import Markup

from webapp.markdown.highlighting import Allowance
from webapp.markdown.messages import Extent, normal_lines, parse, render

# Above these sizes the text is shown as it is, escaped: no input may keep a worker busy (R37).
DESCRIPTION_LIMIT = 4_000
DESCRIPTION_BRACKETS = 200
DESCRIPTION_CELLS = 1_000
OUTPUT_LIMIT = 1_000_000
OUTPUT_RATIO = 20
PLAIN_LIMIT = 2_000

INLINE_TAGS = {"a", "br", "code", "del", "em", "kbd", "s", "span", "strong", "sub", "sup"}
BLOCK_TAGS = {"blockquote", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "ul"}
TABLE_TAGS = {"table", "tbody", "td", "th", "thead", "tr"}
TAGS = INLINE_TAGS | BLOCK_TAGS | TABLE_TAGS
ATTRIBUTES = {"a": {"href", "title"}, "code": {"class"}, "ol": {"start"}, "span": {"class"}}

_LINK = re.compile(r"(?:https?://[^/\\]|mailto:|/(?![/\\]))", re.IGNORECASE)
# What code is written in, and the kinds of its tokens.
_CLASSES = {
    "code": re.compile(r"language-[\w+#.-]{1,40}"),
    "span": re.compile(r"language-[a-z0-9]+"),
}
_TAG = re.compile("<[^>]*>")
_HEADING = re.compile(r"<(/?)h([1-6])>")
_EXTENSIONS = ("fenced_code", "sane_lists")
_ODD_IN_LINKS = re.compile(r"[\x00-\x20\x7f\\]")
# Long text that is shown as typed comes in pieces, which end where a line ends.
_PIECE = re.compile(r"(?s:.{4000})[^\n]{0,4000}\n?|(?s:.+)")
_AS_TYPED = Markup('<p class="as-typed">{}</p>')

NOTHING = Markup()


@dataclass
class Outline:
    """The levels of the headings above a place in a text, as they were written.

    The page has one h1 and it is not in a message, and no level may be left out on the way down.
    What follows a heading does not change it, so a growing text keeps the ones it has.
    """

    above: list[int] = field(default_factory=list)

    def level(self, written: int) -> int:
        """Return the level at which the next heading is shown."""
        self.above = [level for level in self.above if level < written] + [written]
        return min(1 + len(self.above), 6)

    def copy(self) -> Outline:
        """Return one that goes its own way from here."""
        return replace(self)


@lru_cache(maxsize=512)
def description_html(text: str) -> Markup:
    """Return the HTML of a profile's description; cached, as the same few come up all the time."""
    return _described(text, links=True)


@lru_cache(maxsize=512)
def summary_html(text: str) -> Markup:
    """Return a description without links, for use inside a button."""
    return _described(text, links=False)


def message_html(text: str) -> Markup:
    """Return the HTML of a message."""
    text = normal_lines(text)
    tokens = _parsed(text)
    if tokens is None:
        return as_typed(text)
    html = render(tokens, Allowance())
    return as_typed(text) if is_too_long(len(html), text) else safe_html(html)


def plain_text(text: str) -> str:
    """Return what a message says, as it may be read out: without marks, and shortened.

    Blocks are lines. Of code only its length is told, and of a long message only the beginning. It
    costs about half of what `message_html` does.

    Example
    -------
    >>> plain_text("**Yes**, so:\\n\\n- `a`\\n- b\\n\\n```\\nx\\ny\\n```")
    'Yes, so:\\na\\nb\\nCode block, 2 lines'
    """
    tokens = _parsed(normal_lines(text))
    lines = [text] if tokens is None else [_spoken(token) for token in tokens]
    said = "\n".join(filter(None, (" ".join(line.split()) for line in lines)))
    return said if len(said) <= PLAIN_LIMIT else f"{said[:PLAIN_LIMIT].rstrip()} …"


def safe_html(html: str, outline: Outline | None = None, *, links: bool = True) -> Markup:
    """Return what the allow-list leaves of ``html``.

    Parameters
    ----------
    html
        What one of the two libraries made.
    outline
        The headings before it, which afterwards has those of ``html`` as well.
    links
        Whether links are allowed.
    """
    cleaned = _cleaner(links=links).clean(html)
    return Markup(_lowered_headings(cleaned, outline or Outline()))  # noqa: S704 - cleaned here


def as_typed(text: str) -> Markup:
    """Return ``text`` escaped, in one paragraph or, when it is long, in some."""
    return NOTHING.join(_AS_TYPED.format(piece) for piece in typed_pieces(text))


def typed_pieces(text: str) -> list[str]:
    """Return what `as_typed` puts into paragraphs; what is appended changes the last one only."""
    return _PIECE.findall(text)


def is_too_long(length: int, text: str) -> bool:
    """Say whether HTML of that length is more than ``text`` may become (R37)."""
    return length > max(OUTPUT_LIMIT // 100, min(OUTPUT_LIMIT, OUTPUT_RATIO * len(text)))


def _parsed(text: str) -> list[Token] | None:
    """Return the blocks of a message, or ``None`` when it is to be shown as typed."""
    extent = Extent()
    extent.add(text)
    if extent.is_too_much:
        return None
    try:
        return parse(text, {}, tables=extent.has_tables)
    except RecursionError:  # dozens of nested lists or quotes
        return None


def _spoken(token: Token) -> str:
    if token.type in ("fence", "code_block"):
        lines = token.content.count("\n")
        return f"Code block, {lines} line{'s' if lines != 1 else ''}"
    html = token.children[0].content if token.children else ""
    return unescape(_TAG.sub("", html.replace("<br>", " ")))


def _described(text: str, *, links: bool) -> Markup:
    if len(text) > DESCRIPTION_LIMIT or text.count("[") > DESCRIPTION_BRACKETS:
        return as_typed(text)
    try:
        html = _description(text)
    except RecursionError:
        return as_typed(text)
    return as_typed(text) if is_too_long(len(html), text) else safe_html(html, links=links)


def _description(text: str) -> str:
    # A new instance each time: it keeps state, and threads share this module.
    extent = Extent()
    extent.add(text)
    tables = extent.widest * extent.rows <= DESCRIPTION_CELLS
    renderer = markdown.Markdown(
        extensions=[*_EXTENSIONS, *(["tables"] if tables else [])], output_format="html"
    )
    renderer.preprocessors.deregister("html_block")
    renderer.inlinePatterns.deregister("html")
    return str(renderer.convert(text))


@lru_cache(maxsize=2)
def _cleaner(*, links: bool) -> nh3.Cleaner:
    tags = TAGS if links else TAGS - {"a"}
    return nh3.Cleaner(
        tags=tags,
        clean_content_tags={"script", "style"},
        attributes={tag: names for tag, names in ATTRIBUTES.items() if tag in tags},
        attribute_filter=_attribute,
        link_rel="noopener noreferrer nofollow ugc",
        url_schemes={"http", "https", "mailto"},
    )


def _attribute(tag: str, name: str, value: str) -> str | None:
    if name == "href":
        # Browsers leave out line ends and tabs, and what follows may then name another site.
        return None if _ODD_IN_LINKS.search(value) or not _LINK.match(value) else value
    if name == "class":
        return value if _CLASSES[tag].fullmatch(value) else None
    if name == "start":
        return value if value.isascii() and value.isdigit() and len(value) < 10 else None
    return value


def _lowered_headings(html: str, outline: Outline) -> str:
    depth = 1

    def lowered(match: re.Match[str]) -> str:
        nonlocal depth
        if not match[1]:
            depth = outline.level(int(match[2]))
        return f"<{match[1]}h{depth}>"

    return _HEADING.sub(lowered, html)
