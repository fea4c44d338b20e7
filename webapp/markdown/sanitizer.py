"""The allow-list for all HTML made from Markdown. The only module that marks text as safe."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import lru_cache

import nh3
from markupsafe import Markup

from webapp.markdown.mathml import MATH_TAGS, MATH_VALUES

# HTML that is longer than this, in characters and as a multiple of its text, is not shown. The text
# is shown as it was typed instead, so that no input keeps a worker or a browser busy.
OUTPUT_LIMIT = 1_000_000
OUTPUT_RATIO = 20

INLINE_TAGS = {
    *("a", "abbr", "b", "br", "cite", "code", "del", "dfn", "em", "i", "ins", "kbd", "mark", "q"),
    *("s", "samp", "small", "span", "strong", "sub", "sup", "u", "var", "wbr"),
}
BLOCK_TAGS = {"aside", "blockquote", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p"}
BLOCK_TAGS |= {"pre", "ul"}
TABLE_TAGS = {"table", "tbody", "td", "th", "thead", "tr"}
TAGS = INLINE_TAGS | BLOCK_TAGS | TABLE_TAGS | MATH_TAGS

ATTRIBUTES = {
    "a": {"aria-label", "href", "id", "title"},
    "aside": {"class", "id"},
    "code": {"class"},
    "ol": {"start"},
    "p": {"class"},
    "span": {"aria-hidden", "aria-label", "class", "role"},
    "td": {"class"},
    "th": {"class"},
    **{tag: set(MATH_VALUES) for tag in MATH_TAGS},
    "mrow": {"class", *MATH_VALUES},
    "mtd": {"class", *MATH_VALUES},
}

# A footnote, or the place in the text that it belongs to.
_PLACE = r"f[nr]-[0-9a-f]{0,32}-[\w.-]{1,40}"
_LINK = re.compile(rf"(?:https?://[^/\\]|mailto:|/(?![/\\])|#{_PLACE}\Z)", re.IGNORECASE)
_CELL = re.compile(r"align-[clr]|(?:align-[clr] )?wide")
# The language of a block of code, the kinds of its tokens, and the alignment and width of cells.
_CLASSES = {
    "aside": re.compile(r"footnote|callout (?:note|tip|important|warning|caution)"),
    "mrow": re.compile(r"box|strike"),
    "mtd": re.compile(r"align-[clr](?: line-r)?(?: line-b)?"),
    "p": re.compile(r"callout-title"),
    "code": re.compile(r"language-[\w+#.-]{1,40}"),
    "span": re.compile(r"language-[a-z0-9]+|formula(?: display)?|source"),
    "td": _CELL,
    "th": _CELL,
}
# The words that only screen readers say.
_VALUES = {
    "aria-hidden": re.compile(r"true"),
    "aria-label": re.compile(r"To do|Done|Footnote [\w.-]{1,40}|[\w.-]{1,40}, back"),
    "id": re.compile(_PLACE),
    "role": re.compile(r"img"),
    "start": re.compile(r"[0-9]{1,9}"),
    **MATH_VALUES,
}
_LINK_WITHIN = re.compile(rf'(<a href="#{_PLACE}"[^>]*?) rel="[^"]*"')
# A formula with its source. It comes again with each step of a text that grows, so it is cleaned
# once, and a mark that stands in no text holds its place while the rest is cleaned.
_SOURCE = r'<span class="source" aria-hidden="true">[^<]*</span>'
_FORMULA = re.compile(
    rf'<span class="formula"><math>.*?</math></span>{_SOURCE}'
    rf'|<span class="formula display"><math display="block">.*?</math>{_SOURCE}</span>',
    re.DOTALL,
)
_HELD = "\ufdd3"
_HELD_IN_VALUE = re.compile(f'="[^"]*{_HELD}')
FORMULAS_KEPT = 1_000
KEPT_LENGTH = 3_000
_HEADING = re.compile(r"<(/?)h([1-6])>")
_ODD_IN_LINKS = re.compile(r"[\x00-\x20\x7f\\]")
# Long plain text is split into paragraphs, each of which ends at the end of a line.
_PIECE = re.compile(r"(?s:.{4000})[^\n]{0,4000}\n?|(?s:.+)")
# The links of `name_links.py`: to a page, and to the panel beside the chat.
PAGE_LINK = Markup('<a href="{}" data-testid="element-link" data-name="{}">{}</a>')
PANEL_LINK = Markup('<a href="{}" data-testid="element-link" data-name="{}" data-panel>{}</a>')
_PLAIN = Markup('<p class="as-typed">{}</p>')
# One line that begins with a letter, and has no character that Markdown or HTML would read. A colon
# may be part of an address.
_SENTENCE = re.compile(
    r"(?!.*(?:://|mailto:))[^\W\d_](?:[^\W_]|[ .,;:?()'%/+=@#–—…-]){0,999}(?<! )"
)

NOTHING = Markup()


@dataclass
class Outline:
    """The levels of the headings above a place in a text, as they were written.

    The page has one h1, which is not in a message, and no level may be left out on the way down.
    A heading's level depends only on the headings before it, so a growing text keeps its levels.
    """

    above: list[int] = field(default_factory=list)

    def next_level(self, written: int) -> int:
        """Return the level at which the next heading is shown."""
        self.above = [level for level in self.above if level < written] + [written]
        return min(1 + len(self.above), 6)

    def copy(self) -> Outline:
        """Return a copy that changes independently from here on."""
        return replace(self)


def sanitize(html: str, outline: Outline | None = None, *, links: bool = True) -> Markup:
    """Return what the allow-list leaves of ``html``.

    Parameters
    ----------
    html
        What one of the two Markdown libraries made.
    outline
        The headings before ``html``. Afterwards it has those of ``html`` as well.
    links
        Whether links are allowed.
    """
    cleaned = _clean(html, links=links)
    if '<a href="#' in cleaned:
        cleaned = _LINK_WITHIN.sub(lambda link: link[1].replace(' target="_blank"', ""), cleaned)
    outline, depth = outline or Outline(), 1

    def lower(heading: re.Match[str]) -> str:
        nonlocal depth
        if not heading[1]:
            depth = outline.next_level(int(heading[2]))
        return f"<{heading[1]}h{depth}>"

    return Markup(_HEADING.sub(lower, cleaned))  # noqa: S704 - cleaned here


def _clean(html: str, *, links: bool) -> str:
    cleaner = _cleaner(links=links)
    if "<math" not in html or _HELD in html:
        return cleaner.clean(html)
    formulas = _FORMULA.findall(html)
    cleaned = cleaner.clean(_FORMULA.sub(_HELD, html))
    pieces = cleaned.split(_HELD)
    if len(pieces) != len(formulas) + 1 or _HELD_IN_VALUE.search(cleaned):
        return cleaner.clean(html)
    whole = [pieces[0]]
    for formula, piece in zip(formulas, pieces[1:], strict=True):
        is_short = len(formula) <= KEPT_LENGTH
        whole += [_clean_formula(formula) if is_short else cleaner.clean(formula), piece]
    return "".join(whole)


@lru_cache(FORMULAS_KEPT)
def _clean_formula(html: str) -> str:
    return _cleaner(links=False).clean(html)


def sentence_html(text: str) -> Markup | None:
    """Return the paragraph of a text in which nothing needs a parser, or ``None``."""
    if not _SENTENCE.fullmatch(text):
        return None
    return Markup(f"<p>{text}</p>\n")  # noqa: S704 - the pattern has no character of HTML


def plain_html(text: str) -> Markup:
    """Return ``text`` escaped, as it was typed, in one paragraph or in several when it is long."""
    return NOTHING.join(_PLAIN.format(piece) for piece in split_plain_text(text))


def split_plain_text(text: str) -> list[str]:
    """Return the paragraphs of `plain_html`. Text that is appended changes the last one only."""
    return _PIECE.findall(text)


def is_too_long(length: int, characters: int) -> bool:
    """Return whether HTML of that length is more than so many characters may become."""
    return length > max(OUTPUT_LIMIT // 100, min(OUTPUT_LIMIT, OUTPUT_RATIO * characters))


@lru_cache(maxsize=2)
def _cleaner(*, links: bool) -> nh3.Cleaner:
    tags = TAGS if links else TAGS - {"a"}
    return nh3.Cleaner(
        tags=tags,
        clean_content_tags={"script", "style"},
        attributes={tag: names for tag, names in ATTRIBUTES.items() if tag in tags},
        attribute_filter=_filter_attribute,
        link_rel="noopener noreferrer nofollow ugc",
        # Whoever follows a link keeps the chat, and what is half written in it.
        set_tag_attribute_values={"a": {"target": "_blank"}} if links else None,
        url_schemes={"http", "https", "mailto"},
    )


def _filter_attribute(tag: str, name: str, value: str) -> str | None:
    if name == "href":
        # Browsers leave out line ends and tabs, and what follows may then name another site.
        return None if _ODD_IN_LINKS.search(value) or not _LINK.match(value) else value
    if name == "class":
        return value if _CLASSES[tag].fullmatch(value) else None
    if name in _VALUES:
        return value if _VALUES[name].fullmatch(value) else None
    return value
