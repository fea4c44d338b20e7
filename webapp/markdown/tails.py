"""What a growing text ends in: the block that is still open, and how little of it is read again."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

from markdown_it.token import Token
from markupsafe import Markup, escape

from webapp.markdown.messages import render
from webapp.markdown.safe import NOTHING, Outline, safe_html

# A line that, after a list and a blank line, is no item of it, whatever else it becomes.
_NO_ITEM = re.compile(r"[^\s\d*+-]|[*+-]\S|\d+(?:[^\s\d.)]|[.)]\S)")
# A line that, in a list or table, ends the item or row before it, whatever else it becomes.
_NEXT_UNIT = re.compile(r"\||(?:[*+-]|\d{1,9}[.)])[ \t]")


class _Units(NamedTuple):
    """What a list or table consists of."""

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
    """A part of a growing text, from the beginning of a block to the end of what there is.

    Where a block begins depends on the lines before it, its first line, and, as it may be a table,
    the line after that. So it is certain when both are complete.
    """

    def __init__(self, text: str, base: int) -> None:
        self.text = text
        self.lines = text.split("\n")
        self._base = base

    def place(self, token: Token) -> int:
        """Return where in the whole text a block begins."""
        return self._base + sum(len(line) + 1 for line in self.lines[: _line(token)])

    def is_certain(self, token: Token) -> bool:
        """Say whether a block begins here whatever comes."""
        return _line(token) + 3 <= len(self.lines)

    def ends_unit(self, token: Token) -> bool:
        """Say whether the item or row before this one is complete."""
        return self.is_certain(token) or bool(_NEXT_UNIT.match(self.lines[_line(token)]))

    def first_open(self, tokens: Sequence[Token]) -> int:
        """Return the index of the first block that what comes may change."""
        starts = [i for i, token in enumerate(tokens) if not token.level and token.nesting >= 0]
        for before, start in reversed(list(pairwise(starts))):
            if self.is_certain(tokens[start]) or self._is_apart(tokens[before], tokens[start]):
                return start
        return 0

    def _is_apart(self, before: Token, token: Token) -> bool:
        # Nothing goes on at the margin after a blank line but a list.
        line = self.lines[_line(token)]
        if self.lines[_line(token) - 1].strip(" \t") or line[:1] in " \t":
            return False
        return not before.type.endswith("_list_open") or bool(_NO_ITEM.match(line))


@dataclass(frozen=True)
class OpenBlock:
    """The last block of a growing text.

    The items of a list and the rows of a table stay as they are once the next one has begun, so
    only the rest is read again.

    Parameters
    ----------
    start
        Where in the text the rest begins.
    outline
        The headings before it.
    kind
        The type of the list or table; empty as long as all is still to be read.
    lead
        What comes before the rest so that it is read as more of the same.
    html
        The HTML of what is not read again, without the end tags.
    is_loose
        Whether the items of the list hold paragraphs, which is so for all of them or for none.
    """

    start: int
    outline: Outline
    kind: str = ""
    lead: str = ""
    html: Markup = NOTHING
    is_loose: bool = False

    def is_continued_by(self, tokens: Sequence[Token]) -> bool:
        """Say whether the rest is more of the same; if not, all has to be read again."""
        return tokens[0].type == self.kind and (self.is_loose or not _is_loose(tokens))

    def tail(self, tokens: Sequence[Token]) -> Markup:
        """Return the HTML of the block, when the rest of it reads so."""
        if not self.kind:
            return safe_html(render(tokens), self.outline.copy())
        for token in tokens if self.is_loose else ():
            if token.level == 2 and token.type.startswith("paragraph"):
                token.hidden = False
        return self._joined(safe_html(render(tokens), self.outline.copy()))

    def settled(self, tokens: Sequence[Token], source: Source) -> OpenBlock:
        """Return the block with as much settled as can be."""
        last = _last_unit(tokens, source)
        if not last:
            return self
        outline = self.outline.copy()
        html = safe_html(render(tokens[:last]), outline).removesuffix(_UNITS[tokens[0].type].end)
        return OpenBlock(
            start=source.place(tokens[last]),
            outline=outline,
            kind=tokens[0].type,
            lead=self.lead or _lead(tokens[0], source),
            html=self._joined(html) if self.kind else html,
            is_loose=self.is_loose or _is_loose(tokens),
        )

    def _joined(self, html: Markup) -> Markup:
        return self.html + html.partition(_UNITS[self.kind].begin)[2]


class OpenFence:
    """A fence at the margin of which all lines so far are code."""

    def __init__(self, token: Token, start: int) -> None:
        empty = replace(token, content="")
        self._head, end, rest = safe_html(render([empty])).partition("</code>")
        self._end = end + rest
        self._read = start
        self._code = NOTHING
        marker = re.escape(token.markup[0])
        self._closing = re.compile(
            rf"^ {{0,3}}{marker}{{{len(token.markup)},}}[ \t]*$", re.MULTILINE
        )
        self._partly_closing = re.compile(rf" {{0,3}}{marker}+[ \t]*")

    @classmethod
    def found(cls, tokens: Sequence[Token], source: Source) -> OpenFence | None:
        """Return the fence, when a text ends in one."""
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


def _last_unit(tokens: Sequence[Token], source: Source) -> int:
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


def _lead(token: Token, source: Source) -> str:
    if token.type != "table_open":
        return ""
    return "".join(f"{line}\n" for line in source.lines[_line(token) : _line(token) + 2])
