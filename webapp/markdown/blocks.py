"""The blocks of messages: parsed, and rendered as raw HTML before the allow-list of `sanitizer.py`.

Two parsers read blocks and inline text. The HTML of inline text depends on that text alone, so the
renderer of a growing message hands in the inline HTML that it has already.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml, unescapeAll
from markdown_it.renderer import RendererHTML
from markdown_it.rules_block import StateBlock, table
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

from webapp.markdown.callouts import make_callouts
from webapp.markdown.footnotes import Footnotes, footnote_mark, hide_marks, read_footnote
from webapp.markdown.formulas import (
    DISPLAY_LIMIT,
    DISPLAY_MARKS,
    PIPE,
    formula_end,
    hide_pipes,
    open_formula,
    unfinished_formula,
)
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
# The text of a longer cell has a column that is not too narrow for sentences.
NARROW_CELL = 60
# A formula ends within so many lines.
FORMULA_LINES = 200
# What typesetting the formulas of a message may cost, as `mathml.cost` counts it. The formulas that
# come after are shown as they were typed.
FORMULAS = 10_000
NO_DEADLINE = float("inf")

# What a footnote ends.
_ENDED = ["paragraph", "reference", "blockquote", "list"]
# The marks at the beginning of a line that open quotes and lists.
_OPENERS = re.compile(r"^[ \t]*(?:(?:>|[-*+]|\d{1,9}[.)])[ \t]*)+", re.MULTILINE)

_TASK = re.compile(r"\[([ xX])\](?=[ \t]+\S)")
_BOXES = {
    " ": '<span role="img" aria-label="To do">☐</span>',
    "x": '<span role="img" aria-label="Done">☑</span>',
}


@dataclass(kw_only=True)
class Extent:
    """The size of a message, which decides how it is rendered. It grows with the text."""

    characters: int = 0
    brackets: int = 0
    lines: int = 0
    quotes: int = 0

    def add(self, text: str) -> None:
        """Count more text, which begins at the beginning of a line."""
        self.characters += len(text)
        self.brackets += text.count("[")
        self.lines += text.count("\n")
        self.quotes = max([self.quotes, *(m[0].count(">") for m in _OPENERS.finditer(text))])

    @property
    def is_too_much(self) -> bool:
        """Return whether the message is shown as it was typed."""
        return (
            self.characters > MESSAGE_LIMIT
            or self.brackets > MESSAGE_BRACKETS
            or (self.quotes > FREE_QUOTES and self.quotes * self.lines > QUOTED_LINES)
        )


class Inline(NamedTuple):
    """The HTML of inline text, and what its formulas have cost."""

    html: str
    cost: int


# By the text, and by whether its formulas are typeset.
Inlines = dict[tuple[str, bool], Inline]


class TooManyCellsError(Exception):
    """The tables have more cells than a message may have."""


class TooSlowError(Exception):
    """The text has taken the time that it may take."""


def normalize_line_ends(text: str) -> str:
    """Return ``text`` with line feeds as its only line ends, as the parser does."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def parse(
    text: str,
    inlines: Inlines,
    *,
    cells: int | None,
    formulas: int = FORMULAS,
    formulas_at_once: int = FORMULAS,
    deadline: float = NO_DEADLINE,
    is_open: bool = False,
) -> list[Token]:
    """Return the blocks of ``text``, in which all inline text is HTML already.

    Parameters
    ----------
    text
        The Markdown, or any number of whole top-level blocks of it.
    inlines
        The HTML of inline text that is known already. Afterwards it holds what was needed.
    cells
        How many cells its tables may have. With ``None``, tables are not rendered as tables.
    formulas
        What its formulas may cost. If some is left, a paragraph may still take `formulas_at_once`.
    deadline
        The `time.thread_time` at which to give up.
    is_open
        Whether there is more text to come. A formula at the end may then be without its end.

    Raises
    ------
    RecursionError
        Blocks are nested too deeply.
    TooManyCellsError
        The tables have more cells.
    TooSlowError
        It is not ready at the deadline.
    """
    text = hide_marks(text)
    source = hide_pipes(text) if cells is not None else text
    used: Inlines = {}
    env = {
        "inlines": inlines,
        "used": used,
        "cells": cells,
        "formulas": formulas,
        "formulas_at_once": formulas_at_once,
        "deadline": deadline,
        "is_open": is_open,
        "hides_pipes": source != text,
    }
    has_formulas = any(mark in text for mark in DISPLAY_MARKS)
    tokens = _blocks(tables=cells is not None, formulas=has_formulas).parse(source, env)
    inlines.clear()
    inlines.update(used)
    return tokens


def count_cells(tokens: Sequence[Token]) -> int:
    """Return the number of cells of all tables among ``tokens``."""
    return sum(token.tag in {"td", "th"} and token.nesting > 0 for token in tokens)


def count_formulas(tokens: Sequence[Token]) -> int:
    """Return what the formulas among ``tokens`` have cost."""
    return sum(token.meta.get("formulas", 0) for token in tokens if token.type == "inline")


def render(
    tokens: Sequence[Token], footnotes: Footnotes | None = None, allowance: Allowance | None = None
) -> str:
    """Return the HTML of blocks, not yet cleaned.

    Parameters
    ----------
    tokens
        What `parse` returned, or any number of whole blocks of it.
    footnotes
        Those of the text before. Afterwards it knows of those among ``tokens`` as well.
    allowance
        What highlighting code may cost. Without an allowance code is plain.
    """
    parser = _blocks(tables=True, formulas=True)
    html = str(parser.renderer.render(tokens, parser.options, {"allowance": allowance}))
    return (footnotes or Footnotes()).place(html)


@lru_cache(maxsize=4)
def _blocks(*, tables: bool, formulas: bool) -> MarkdownIt:
    parser = MarkdownIt("commonmark", OPTIONS).disable(OFF)
    if tables:
        parser.enable("table")
        parser.block.ruler.at("table", _table, {"alt": ["paragraph", "reference"]})
    if formulas:
        parser.block.ruler.before("lheading", "formula", _formula, {"alt": ["paragraph"]})
    parser.block.ruler.before("lheading", "footnote", read_footnote, {"alt": _ENDED})
    parser.block.ruler.before("code", "depth", _refuse_depth)
    parser.core.ruler.enableOnly(["normalize", "block"])
    parser.core.ruler.push("callouts", make_callouts)
    parser.core.ruler.push("inline_html", _render_inlines)
    parser.add_render_rule("fence", _fence)
    parser.add_render_rule("footnote_open", _footnote)
    return parser


def _refuse_depth(state: StateBlock, _start: int, _end: int, _silent: bool) -> bool:
    if state.level >= NESTING_LIMIT:
        raise RecursionError("nested too deeply")
    _refuse_delay(state.env)
    return False


def _refuse_delay(env: EnvType) -> None:
    # To ask for the time takes as long as to read a short line.
    if env["deadline"] < NO_DEADLINE and time.thread_time() > env["deadline"]:
        raise TooSlowError


def _table(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Read a table, but no more of it than there may be cells."""
    if silent or start + 2 > end:
        return table(state, start, end, silent)
    # Each row is filled up to this width, however short it is: few characters make many cells.
    marks = state.src[state.bMarks[start + 1] : state.eMarks[start + 1]].strip()
    columns = max(marks.count("|") + 1 - marks.startswith("|") - marks.endswith("|"), 1)
    first = len(state.tokens)
    if not table(state, start, min(end, start + 3 + state.env["cells"] // columns), silent):
        return False
    tokens = state.tokens[first:]
    state.env["cells"] -= count_cells(tokens)
    if state.env["cells"] < 0:
        raise TooManyCellsError
    for token, inner in pairwise(tokens):
        style = str(token.attrs.pop("style", ""))
        classes = [f"align-{style.removeprefix('text-align:')[0]}"] if style else []
        if token.type == "td_open" and len(inner.content) > NARROW_CELL:
            classes.append("wide")
        if classes:
            token.attrs["class"] = " ".join(classes)
    return True


def _formula(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Read a paragraph with a formula whose lines would otherwise begin lists or headings."""
    begin = state.bMarks[start] + state.tShift[start]
    line = state.src[begin : state.eMarks[start]]
    place = open_formula(line)
    if place < 0 or not 0 <= state.sCount[start] - state.blkIndent <= 3:
        return False
    is_sure = line[place] == "\\" or not line[place + 2 :].strip()
    lines = len(state.bMarks) - 1
    may_end_later = is_sure and state.env["is_open"] and lines - start < FORMULA_LINES
    mark = "\\end" if line[place + 1] == "b" else "\\]" if line[place] == "\\" else "$$"
    after = begin + place + 2
    found = state.src.find(mark, after, after + DISPLAY_LIMIT)
    if found < 0 and not may_end_later:
        return False
    most = FORMULA_LINES
    if found >= 0 and mark != "\\end":
        most = min(most, state.src.count("\n", begin, found) + 1)
    last = start + 1
    while last < min(end, start + most) and state.sCount[last] >= state.blkIndent:
        if state.isEmpty(last):
            break
        last += 1
    text = state.getLines(start, last, state.blkIndent, False).lstrip()
    over = formula_end(text, place, len(text))
    if not over and may_end_later and last >= lines:
        over = len(text.rstrip())
    if not over:
        return False
    if not silent:
        state.line = start + text.count("\n", 0, over) + 1
        content = state.getLines(start, state.line, state.blkIndent, False).strip()
        state.push("formula_open", "p", 1).map = [start, state.line]
        token = state.push("inline", "", 0)
        token.content, token.map = content, [start, state.line]
        state.push("formula_close", "p", -1)
    return True


def _render_inlines(state: StateCore) -> None:
    before, used = state.env["inlines"], state.env["used"]
    left = state.env["formulas"]
    inlines = [index for index, token in enumerate(state.tokens) if token.type == "inline"]
    if state.env["hides_pipes"]:
        for token in state.tokens:
            token.content = token.content.replace(PIPE, "|")
    for index in inlines:
        token = state.tokens[index]
        text, box, rest = token.content, "", ""
        is_item = state.tokens[index - 2].type == "list_item_open"
        if is_item and (task := _TASK.match(text)):
            text, box = text[3:], _BOXES[task[1].lower()]
        if state.env["is_open"] and index == inlines[-1]:
            lines = state.src.removesuffix("\n").count("\n") + 1
            is_last_line = token.map is not None and token.map[1] >= lines
            place = unfinished_formula(text) if is_last_line else -1
            if place >= 0:
                text, rest = text[:place], escapeHtml(text[place:]).replace("\n", "<br>\n")
        key = text, left > 0
        inline = used.get(key, before.get(key))
        if inline is None:
            _refuse_delay(state.env)
            most = state.env["formulas_at_once"] if left > 0 else 0
            inline = Inline(*inline_html(text, formulas=most))
        used[key] = inline
        left -= inline.cost
        token.meta["formulas"] = inline.cost
        token.children = [Token("html_inline", "", 0, content=box + inline.html + rest)]


def _footnote(
    _renderer: RendererHTML,
    tokens: Sequence[Token],
    index: int,
    _options: OptionsDict,
    _env: EnvType,
) -> str:
    return footnote_mark(tokens[index])


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
