"""The open block at the end of a growing text, of which each step reads as little as possible."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

from markdown_it.token import Token
from markupsafe import Markup, escape

from webapp.markdown.blocks import count_cells, count_formulas, render
from webapp.markdown.footnotes import Footnotes
from webapp.markdown.formulas import DISPLAY_MARKS
from webapp.markdown.sanitizer import NOTHING, Outline, sanitize

# A line that, after a list and a blank line, cannot become an item of that list.
_NO_ITEM = re.compile(r"[^\s\d*+-]|[*+-]\S|\d+(?:[^\s\d.)]|[.)]\S)")
# A line that ends the item or row before it in a list or table, however it continues.
_NEXT_UNIT = re.compile(r"\||(?:[*+-]|\d{1,9}[.)])[ \t]")


class _Units(NamedTuple):
    """The parts of a list or table: its items or rows."""

    type: str
    level: int
    head: int  # how many of them are not counted: the head of a table
    begin: str  # the HTML before the first one ends so
    end: str  # the HTML after the last one


_UNITS = {
    "bullet_list_open": _Units("list_item_open", 1, 0, ">\n", "</ul>"),
    "ordered_list_open": _Units("list_item_open", 1, 0, ">\n", "</ol>"),
    "table_open": _Units("tr_open", 2, 1, "<tbody>\n", "</tbody></table>"),
}


class Source:
    """A part of a growing text, from the beginning of a block to the end of the text so far.

    A block's beginning is certain when its first line and the line after that are complete, since
    the second line may make a table of it.
    """

    def __init__(self, text: str, base: int) -> None:
        self.text = text
        self.lines = text.split("\n")
        self._base = base

    def place(self, token: Token) -> int:
        """Return the position in the whole text at which a block begins."""
        return self._base + sum(len(line) + 1 for line in self.lines[: _line(token)])

    def is_certain(self, token: Token) -> bool:
        """Return whether a block begins here, whatever text follows."""
        return _line(token) + 3 <= len(self.lines)

    def ends_unit(self, token: Token) -> bool:
        """Return whether the item or row before this one is complete."""
        return self.is_certain(token) or bool(_NEXT_UNIT.match(self.lines[_line(token)]))

    def first_open(self, tokens: Sequence[Token]) -> int:
        """Return the index of the first block that text to come may change."""
        starts = [i for i, token in enumerate(tokens) if not token.level and token.nesting >= 0]
        formula = self._first_formula()
        for before, start in reversed(list(pairwise(starts))):
            line, line_before = (self.lines[_line(tokens[start]) - i] for i in (0, 1))
            # Where a formula turns out not to end, the block before it goes on.
            if _line(tokens[start]) >= formula and line_before.strip(" \t"):
                continue
            if self.is_certain(tokens[start]):
                return start
            if line_before.strip(" \t") or line[:1] in " \t":
                continue
            # At the margin after a blank line, only a list can continue.
            if not tokens[before].type.endswith("_list_open") or _NO_ITEM.match(line):
                return start
        return 0

    def _first_formula(self) -> int:
        """Return the first line of a formula that may not have ended: no blank line follows."""
        if not any(mark in self.text for mark in DISPLAY_MARKS):
            return len(self.lines)
        first = len(self.lines)
        for number in range(len(self.lines) - 1, -1, -1):
            if any(mark in self.lines[number] for mark in DISPLAY_MARKS):
                first = number
            elif number < len(self.lines) - 1 and not self.lines[number].strip(" \t"):
                break
        return first


@dataclass(frozen=True, kw_only=True)
class OpenBlock:
    """The last block of a growing text.

    An item of a list or a row of a table stays as it is once the next one has begun, so only the
    rest is read again.

    Parameters
    ----------
    start
        The position in the text at which the rest begins.
    outline
        The headings before it.
    footnotes
        Those before it.
    kind
        The type of the list or table. Empty while the whole block is still read.
    lead
        The text that is put before the rest, so that it is parsed as more of the same block.
    html
        The HTML of the items or rows that are not read again, without the end tags.
    cells
        The number of cells in those.
    formulas
        What the formulas in those have cost.
    is_loose
        Whether the items of the list hold paragraphs. All of them do, or none.
    """

    start: int
    outline: Outline
    footnotes: Footnotes
    kind: str = ""
    lead: str = ""
    html: Markup = NOTHING
    cells: int = 0
    formulas: int = 0
    is_loose: bool = False

    def is_continued_by(self, tokens: Sequence[Token]) -> bool:
        """Return whether the rest continues the block. If it does not, all of it is read again."""
        return tokens[0].type == self.kind and (self.is_loose or not _is_loose(tokens))

    def tail(self, tokens: Sequence[Token]) -> Markup:
        """Return the HTML of the block, given the tokens of its rest."""
        if not self.kind:
            return self._html(tokens)
        for token in tokens if self.is_loose else ():
            if token.level == 2 and token.type.startswith("paragraph"):
                token.hidden = False
        return self._join(self._html(tokens))

    def settle(self, tokens: Sequence[Token], source: Source) -> OpenBlock:
        """Return the block without the items or rows that are complete."""
        last = _index_of_last_unit(tokens, source)
        if not last:
            return self
        # The rows of a table are read as such only below its head.
        is_table = tokens[0].type == "table_open"
        head = source.lines[_line(tokens[0]) :][:2] if is_table else []
        outline, footnotes = self.outline.copy(), self.footnotes.copy()
        html = sanitize(render(tokens[:last], footnotes), outline)
        html = html.removesuffix(_UNITS[tokens[0].type].end)
        # The head of a table is read again each time.
        read = [t for i, t in enumerate(tokens[:last]) if not is_table or tokens[i - 1].tag != "th"]
        return OpenBlock(
            start=source.place(tokens[last]),
            outline=outline,
            footnotes=footnotes,
            kind=tokens[0].type,
            lead=self.lead or "".join(f"{line}\n" for line in head),
            html=self._join(html) if self.kind else html,
            formulas=self.formulas + count_formulas(read),
            cells=self.cells
            + count_cells([t for t in tokens[:last] if not is_table or t.tag == "td"]),
            is_loose=self.is_loose or _is_loose(tokens),
        )

    def _html(self, tokens: Sequence[Token]) -> Markup:
        return sanitize(render(tokens, self.footnotes.copy()), self.outline.copy())

    def _join(self, html: Markup) -> Markup:
        return self.html + html.partition(_UNITS[self.kind].begin)[2]


class OpenFence:
    """A fenced block of code at the left margin that is not closed yet."""

    def __init__(self, token: Token, start: int) -> None:
        empty = replace(token, content="")
        self._head, end, rest = sanitize(render([empty])).partition("</code>")
        self._end = end + rest
        self._read = start
        self._code = NOTHING
        marker = re.escape(token.markup[0])
        self._closing = re.compile(
            rf"^ {{0,3}}{marker}{{{len(token.markup)},}}[ \t]*$", re.MULTILINE
        )
        self._partly_closing = re.compile(rf" {{0,3}}{marker}+[ \t]*")

    @classmethod
    def at_end_of(cls, tokens: Sequence[Token], source: Source) -> OpenFence | None:
        """Return the fence if the text ends in one."""
        if len(tokens) != 1 or tokens[0].type != "fence" or not source.is_certain(tokens[0]):
            return None
        first = source.lines[_line(tokens[0])]
        if not first.startswith(tokens[0].markup):
            return None
        return cls(tokens[0], source.place(tokens[0]) + len(first) + 1)

    def tail(self, text: str) -> Markup | None:
        """Return the HTML of the fence, or ``None`` when it is closed."""
        end = text.rfind("\n", self._read) + 1
        if end:
            lines = text[self._read : end]
            if self._closing.search(lines):
                return None
            self._code += escape(lines)
            self._read = end
        rest = text[self._read :]
        if self._partly_closing.fullmatch(rest):
            rest = ""
        return self._head + self._code + rest + self._end


def _line(token: Token) -> int:
    return token.map[0] if token.map else 0


def _index_of_last_unit(tokens: Sequence[Token], source: Source) -> int:
    """Return the index of the last item or row, when others come before it; otherwise 0."""
    if not tokens or tokens[0].type not in _UNITS or any(not t.level for t in tokens[1:-1]):
        return 0
    kind = _UNITS[tokens[0].type]
    units = [
        i
        for i, token in enumerate(tokens)
        if token.type == kind.type and token.level == kind.level and source.ends_unit(token)
    ]
    return units[-1] if len(units) > 1 + kind.head else 0


def _is_loose(tokens: Sequence[Token]) -> bool:
    return any(t.type == "paragraph_open" and t.level == 2 and not t.hidden for t in tokens)
