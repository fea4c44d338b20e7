"""Markdown to safe HTML. The only module that marks text as safe.

Two needs, two libraries: Python-Markdown for what an author writes (descriptions), and
markdown-it-py for messages, which are long, untrusted, and written the way models write. Both go
through one allow-list.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

import markdown
import nh3
from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markupsafe import Markup

# Above these sizes the text is shown as it is, escaped: no input may keep a worker busy (R37).
DESCRIPTION_LIMIT = 4_000
DESCRIPTION_BRACKETS = 200
DESCRIPTION_CELLS = 1_000
MESSAGE_LIMIT = 100_000
MESSAGE_BRACKETS = 5_000
TABLE_CELLS = 10_000
OUTPUT_LIMIT = 1_000_000
OUTPUT_RATIO = 20
NESTING_LIMIT = 40
# Every level of quotes looks at every line that follows.
FREE_QUOTES = 3
QUOTED_LINES = 20_000

INLINE_TAGS = {"a", "br", "code", "del", "em", "kbd", "s", "strong", "sub", "sup"}
BLOCK_TAGS = {"blockquote", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "ul"}
TABLE_TAGS = {"table", "tbody", "td", "th", "thead", "tr"}
TAGS = INLINE_TAGS | BLOCK_TAGS | TABLE_TAGS
ATTRIBUTES = {"a": {"href", "title"}, "code": {"class"}, "ol": {"start"}}

_LINK = re.compile(r"(?:https?://[^/\\]|mailto:|/(?![/\\]))", re.IGNORECASE)
_LANGUAGE = re.compile(r"language-[\w+#.-]{1,40}")
_HEADING = re.compile(r"<(/?)h([1-6])>")
_EXTENSIONS = ("fenced_code", "sane_lists")
# What a line may begin with that opens quotes and lists.
_OPENERS = re.compile(r"^[ \t]*(?:(?:>|[-*+]|\d{1,9}[.)])[ \t]*)+", re.MULTILINE)
_ODD_IN_LINKS = re.compile(r"[\x00-\x20\x7f\\]")


@lru_cache(maxsize=512)
def description_html(text: str) -> Markup:
    """Return the HTML of a profile's description; cached, as the same few come up all the time."""
    if len(text) > DESCRIPTION_LIMIT or text.count("[") > DESCRIPTION_BRACKETS:
        return _as_typed(text)
    return _rendered(_description, text)


@lru_cache(maxsize=512)
def summary_html(text: str) -> Markup:
    """Return a description without links, for use inside a button."""
    if len(text) > DESCRIPTION_LIMIT or text.count("[") > DESCRIPTION_BRACKETS:
        return _as_typed(text)
    return _rendered(_description, text, links=False)


def message_html(text: str) -> Markup:
    """Return the HTML of a message."""
    if len(text) > MESSAGE_LIMIT or text.count("[") > MESSAGE_BRACKETS:
        return _as_typed(text)
    return _rendered(_message, text)


def _rendered(render: Callable[[str], str], text: str, *, links: bool = True) -> Markup:
    try:
        html = render(text)
    except RecursionError:  # hundreds of nested lists or quotes
        return _as_typed(text)
    if len(html) > max(OUTPUT_LIMIT // 100, min(OUTPUT_LIMIT, OUTPUT_RATIO * len(text))):
        return _as_typed(text)
    return Markup(_lowered_headings(_cleaner(links=links).clean(html)))  # noqa: S704 - cleaned here


def _as_typed(text: str) -> Markup:
    return Markup('<p class="as-typed">{}</p>').format(text)


def _description(text: str) -> str:
    # A new instance each time: it keeps state, and threads share this module.
    extensions = [*_EXTENSIONS, *(["tables"] if _cells(text) <= DESCRIPTION_CELLS else [])]
    renderer = markdown.Markdown(extensions=extensions, output_format="html")
    renderer.preprocessors.deregister("html_block")
    renderer.inlinePatterns.deregister("html")
    return str(renderer.convert(text))


def _message(text: str) -> str:
    quotes = max((match[0].count(">") for match in _OPENERS.finditer(text)), default=0)
    if quotes > FREE_QUOTES and quotes * text.count("\n") > QUOTED_LINES:
        raise RecursionError("too many lines in nested quotes")
    return str(_message_renderer(tables=_cells(text) <= TABLE_CELLS).render(text))


def _cells(text: str) -> int:
    # A short row is filled up to the width of the widest, so few characters can make many cells.
    lines = text.split("\n")
    return max(line.count("|") for line in lines) * sum("|" in line for line in lines)


@lru_cache(maxsize=2)
def _message_renderer(*, tables: bool) -> MarkdownIt:
    # Its own limit leaves out what is nested deeper; ours stands before it, and shows all as typed.
    options = {"html": False, "breaks": True, "linkify": False, "maxNesting": NESTING_LIMIT + 20}
    # Without `reference`: 50 kB that use one definition many times become 100 MB of HTML.
    off = ["html_block", "html_inline", "image", "reference"]
    on = ["table", "strikethrough"] if tables else ["strikethrough"]
    renderer = MarkdownIt("commonmark", options).enable(on).disable(off)
    renderer.block.ruler.before("code", "depth", _refuse_depth)
    return renderer


def _refuse_depth(state: StateBlock, _start: int, _end: int, _silent: bool) -> bool:
    if state.level >= NESTING_LIMIT:
        raise RecursionError("nested too deeply")
    return False


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


def _attribute(_tag: str, name: str, value: str) -> str | None:
    if name == "href":
        # Browsers leave out line ends and tabs, and what follows may then name another site.
        return None if _ODD_IN_LINKS.search(value) or not _LINK.match(value) else value
    if name == "class":
        return value if _LANGUAGE.fullmatch(value) else None
    if name == "start":
        return value if value.isascii() and value.isdigit() and len(value) < 10 else None
    return value


def _lowered_headings(html: str) -> str:
    # The page has one h1 and it is not in a message; and no level may be left out on the way down.
    used = sorted({int(match[2]) for match in _HEADING.finditer(html)})
    depth = 1

    def lowered(match: re.Match[str]) -> str:
        nonlocal depth
        if not match[1]:
            depth = min(2 + used.index(int(match[2])), depth + 1, 6)
        return f"<{match[1]}h{depth}>"

    return _HEADING.sub(lowered, html)
