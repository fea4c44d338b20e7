"""Callouts: quotes that begin with ``[!NOTE]``, ``[!TIP]``, ``[!WARNING]`` and the like."""

from __future__ import annotations

import re

from markdown_it.rules_core import StateCore
from markdown_it.token import Token

KINDS = ("note", "tip", "important", "warning", "caution")

_MARK = re.compile(rf"\[!({'|'.join(KINDS)})\][ \t]*\n?", re.IGNORECASE)


def make_callouts(state: StateCore) -> None:
    """Make callouts of the quotes that say so in their first line."""
    tokens = state.tokens
    if "[!" not in state.src:
        return
    open_quotes: list[bool] = []
    made: list[Token] = []
    skipped = 0
    for index, token in enumerate(tokens):
        if index < skipped:
            continue
        made.append(token)
        if token.type == "blockquote_close":
            if open_quotes.pop():
                token.type, token.tag = "callout_close", "aside"
            continue
        if token.type != "blockquote_open":
            continue
        text = tokens[index + 2] if tokens[index + 1].type == "paragraph_open" else None
        match = _MARK.match(text.content) if text else None
        open_quotes.append(match is not None)
        if text is None or match is None:
            continue
        kind = match[1].lower()
        token.type, token.tag = "callout_open", "aside"
        token.attrs["class"] = f"callout {kind}"
        title = Token("paragraph_open", "p", 1, level=token.level + 1, block=True)
        title.attrs["class"] = "callout-title"
        word = Token("inline", "", 0, content=kind.capitalize(), level=token.level + 2, children=[])
        made += [title, word, Token("paragraph_close", "p", -1, level=token.level + 1, block=True)]
        text.content = text.content[match.end() :]
        if not text.content:
            skipped = index + 4
    state.tokens = made
