"""Footnotes: ``[^1]`` in a text, and ``[^1]: words`` at the beginning of a line.

A footnote stays where it was written. The parsers leave a mark where a reference or a footnote
stands, and the marks become HTML in the order of the text: only then it is known which reference is
the first one, and which footnotes there are.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from uuid import UUID

from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

# The marks stand in no text.
BEGIN, END = "\ufdd1", "\ufdd2"
# Lines of a footnote after its first one are indented by so much.
INDENT = 2

_LABEL = r"\[\^([\w.-]{1,40})\]"
_REFERENCE = re.compile(rf"{_LABEL}(?!\()")
_FOOTNOTE = re.compile(rf"{_LABEL}:[ \t]*")
_MARK = re.compile(rf"{BEGIN}([rf])([^{END}]+){END}")


@dataclass(kw_only=True)
class Footnotes:
    """What is known of the footnotes of a message at a place in it.

    Parameters
    ----------
    name
        What tells the ids of this message from those of others on its page.
    defined
        The labels of its footnotes. While the text grows, those so far.
    shown
        The labels of the footnotes before this place.
    referenced
        The labels of the references before this place.
    guessed
        Those of them that had no footnote yet.
    is_open
        Whether there is more text to come. A reference may then be without its footnote.
    """

    name: str = ""
    defined: set[str] = field(default_factory=set)
    shown: set[str] = field(default_factory=set)
    referenced: set[str] = field(default_factory=set)
    guessed: set[str] = field(default_factory=set)
    is_open: bool = False

    def copy(self) -> Footnotes:
        """Return a copy that changes independently from here on."""
        return Footnotes(
            name=self.name,
            defined=set(self.defined),
            shown=set(self.shown),
            referenced=set(self.referenced),
            guessed=set(self.guessed),
            is_open=self.is_open,
        )

    def add(self, tokens: Sequence[Token]) -> None:
        """Note the footnotes among ``tokens``."""
        self.defined.update(t.meta["label"] for t in tokens if t.type == "footnote_open")

    def place(self, html: str) -> str:
        """Return ``html`` with elements for the marks."""
        return _MARK.sub(self._element, html) if BEGIN in html else html

    def _element(self, mark: re.Match[str]) -> str:
        kind, typed = mark.groups()
        label, shown = typed.lower(), escape(typed)
        if kind == "f":
            link = shown
            if label in self.referenced:
                link = f'<a href="#fr-{self.name}-{label}" aria-label="{shown}, back">{shown}</a>'
            place = "" if label in self.shown else f' id="fn-{self.name}-{label}"'
            self.shown.add(label)
            return f'<aside class="footnote"{place}><span>{link}</span>'
        if label not in self.defined:
            if not self.is_open:
                return f"[^{shown}]"
            self.guessed.add(label)
        place = "" if label in self.referenced else f' id="fr-{self.name}-{label}"'
        self.referenced.add(label)
        return (
            f'<sup><a href="#fn-{self.name}-{label}"{place} aria-label="Footnote {shown}">'
            f"{shown}</a></sup>"
        )


def footnote_name(message_id: UUID) -> str:
    """Return what tells the footnotes of a message from those of others: the random part."""
    return message_id.hex[-12:]


def hide_marks(text: str) -> str:
    """Return ``text`` without the marks, so that nobody can write them."""
    return text.replace(BEGIN, "\ufffd") if BEGIN in text else text


def read_reference(state: StateInline, silent: bool) -> bool:
    """Read a reference to a footnote. In the words of a link there is none."""
    if silent or state.linkLevel or not state.src.startswith("[^", state.pos):
        return False
    match = _REFERENCE.match(state.src, state.pos, state.posMax)
    if match is None:
        return False
    state.push("html_inline", "", 0).content = f"{BEGIN}r{match[1]}{END}"
    state.pos = match.end()
    return True


def read_footnote(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Read a footnote, and all blocks that are indented below it."""
    begin = state.bMarks[start] + state.tShift[start]
    if not state.src.startswith("[^", begin):
        return False
    spaces = state.sCount[start]
    # At the margin of the message, where it ends any list or quote.
    is_outside = spaces < state.blkIndent if state.blkIndent else spaces < 4
    is_at_margin = begin == spaces or state.src[begin - spaces - 1] == "\n"
    match = _FOOTNOTE.match(state.src, begin, state.eMarks[start])
    if match is None or not is_outside or not is_at_margin:
        return False
    if silent:
        return True
    if state.level:
        return False

    before = state.bMarks[start], state.tShift[start], state.sCount[start], state.blkIndent
    outside = state.parentType
    state.bMarks[start], state.tShift[start] = match.end(), 0
    state.sCount[start] = state.blkIndent = INDENT
    state.parentType = "footnote"

    token = state.push("footnote_open", "aside", 1)
    token.map, token.meta = [start, start], {"label": match[1].lower(), "typed": match[1]}
    state.md.block.tokenize(state, start, end)
    token.map[1] = state.line
    state.push("footnote_close", "aside", -1)

    state.parentType = outside
    state.bMarks[start], state.tShift[start], state.sCount[start], state.blkIndent = before
    return True


def footnote_mark(token: Token) -> str:
    """Return the mark of a footnote."""
    return f"{BEGIN}f{token.meta['typed']}{END}"
