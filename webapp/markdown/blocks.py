"""The blocks of messages: parsed, and rendered as raw HTML before the allow-list of `sanitizer.py`.

Two parsers read blocks and inline text. The HTML of inline text depends on that text alone, so the
renderer of a growing message hands in the inline HTML that it has already.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml, unescapeAll
from markdown_it.renderer import RendererHTML
from markdown_it.rules_block import StateBlock
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

from webapp.markdown.highlighting import Allowance, highlight
from webapp.markdown.inline import OFF, OPTIONS, inline_html

# A message above these sizes is shown as it was typed: no input may keep a worker busy.
MESSAGE_LIMIT = 100_000
MESSAGE_BRACKETS = 5_000
TABLE_CELLS = 10_000
NESTING_LIMIT = 40
# Each level of quotes makes the parser look at every line that follows.
FREE_QUOTES = 3
QUOTED_LINES = 20_000

# The marks at the beginning of a line that open quotes and lists.
_OPENERS = re.compile(r"^[ \t]*(?:(?:>|[-*+]|\d{1,9}[.)])[ \t]*)+", re.MULTILINE)

_TASK = re.compile(r"^\[([ xX])\](?=[ \t]+\S)")


@dataclass(kw_only=True)
class Extent:
    """The size of a message, which decides how it is rendered. It grows with the text."""

    characters: int = 0
    brackets: int = 0
    lines: int = 0
    rows: int = 0
    widest: int = 0
    quotes: int = 0

    def add(self, text: str) -> None:
        """Count more text, which begins at the beginning of a line."""
        pipes = [line.count("|") for line in text.split("\n") if "|" in line]
        self.characters += len(text)
        self.brackets += text.count("[")
        self.lines += text.count("\n")
        self.rows += len(pipes)
        self.widest = max([self.widest, *pipes])
        self.quotes = max([self.quotes, *(m[0].count(">") for m in _OPENERS.finditer(text))])

    @property
    def is_too_much(self) -> bool:
        """Return whether the message is shown as it was typed."""
        return (
            self.characters > MESSAGE_LIMIT
            or self.brackets > MESSAGE_BRACKETS
            or (self.quotes > FREE_QUOTES and self.quotes * self.lines > QUOTED_LINES)
        )

    @property
    def has_tables(self) -> bool:
        """Return whether tables are rendered as tables."""
        # A short row is filled up to the width of the widest: few characters make many cells.
        return self.widest * self.rows <= TABLE_CELLS


def normalize_line_ends(text: str) -> str:
    """Return ``text`` with line feeds as its only line ends, as the parser does."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def parse(text: str, inlines: dict[str, str], *, tables: bool) -> list[Token]:
    """Return the blocks of ``text``, in which all inline text is HTML already.

    Parameters
    ----------
    text
        The Markdown, or any number of whole top-level blocks of it.
    inlines
        The HTML of inline text that is known already. Afterwards it holds what was needed.
    tables
        Whether tables are rendered as tables.

    Raises
    ------
    RecursionError
        Blocks are nested too deeply.
    """
    env = {"inlines": inlines, "used": {}}
    tokens = _blocks(tables=tables).parse(text, env)
    inlines.clear()
    inlines.update(env["used"])
    return tokens


def render(tokens: Sequence[Token], allowance: Allowance | None = None) -> str:
    """Return the HTML of blocks, not yet cleaned.

    Parameters
    ----------
    tokens
        What `parse` returned, or any number of whole blocks of it.
    allowance
        What highlighting code may cost. Without an allowance code is plain.
    """
    parser = _blocks(tables=True)
    return str(parser.renderer.render(tokens, parser.options, {"allowance": allowance}))


@lru_cache(maxsize=2)
def _blocks(*, tables: bool) -> MarkdownIt:
    parser = MarkdownIt("commonmark", OPTIONS).disable(OFF)
    if tables:
        parser.enable("table")
    parser.block.ruler.before("code", "depth", _refuse_depth)
    parser.core.ruler.enableOnly(["normalize", "block"])
    parser.core.ruler.push("inline_html", _render_inlines)
    parser.add_render_rule("fence", _fence)
    return parser


def _refuse_depth(state: StateBlock, _start: int, _end: int, _silent: bool) -> bool:
    if state.level >= NESTING_LIMIT:
        raise RecursionError("nested too deeply")
    return False


def _render_inlines(state: StateCore) -> None:
    before, used = state.env["inlines"], state.env["used"]
    for index, token in enumerate(state.tokens):
        if token.type != "inline":
            continue
        text = token.content
        if state.tokens[index - 2].type == "list_item_open":
            text = _TASK.sub(lambda match: "☐" if match[1] == " " else "☑", text)
        html = used.get(text, before.get(text))
        if html is None:
            html = inline_html(text)
        used[text] = html
        token.children = [Token("html_inline", "", 0, content=html)]


def _fence(
    _renderer: RendererHTML,
    tokens: Sequence[Token],
    index: int,
    _options: OptionsDict,
    env: EnvType,
) -> str:
    token = tokens[index]
    language = (unescapeAll(token.info).split() or [""])[0]
    html = highlight(token.content, language, env["allowance"]) if env["allowance"] else None
    attribute = f' class="language-{escapeHtml(language)}"' if language else ""
    return f"<pre><code{attribute}>{html or escapeHtml(token.content)}</code></pre>\n"
