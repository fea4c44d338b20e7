"""The HTML tags that models write in a line of text, such as ``<br>`` and ``H<sub>2</sub>O``.

A tag counts only without attributes, and only if its other half stands in the same link, emphasis
or tag. Everything else is text: ``List<b>`` may be a type.
"""

from __future__ import annotations

import re
from collections import deque
from html import unescape

from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

PAIRED = {
    *("abbr", "b", "cite", "del", "dfn", "em", "i", "ins", "kbd", "mark", "q", "s", "samp"),
    *("small", "strike", "strong", "sub", "sup", "tt", "u", "var"),
}
# Names that HTML has given up, and what they are now.
_RENAMED = {"strike": "s", "tt": "code"}
# Of tags that are open at once, the last ones count. Browsers do not take any depth.
OPEN_LIMIT = 20

_BREAK = re.compile(r"</?br[ \t]*/?>(?:[ \t]*\n[ \t]*)?|<wbr[ \t]*/?>", re.IGNORECASE)
_TAG = re.compile(rf"<(/?)({'|'.join(sorted(PAIRED))})[ \t]*>", re.IGNORECASE)
_ENTITY = re.compile(r"&#?\w{1,32};")
_CODE = re.compile(r"<code>(.{1,1000}?)</code>", re.IGNORECASE | re.DOTALL)


def read_tag(state: StateInline, silent: bool) -> bool:
    """Read a tag. A half of a pair is text until `pair_tags` finds the other."""
    if state.src[state.pos] != "<":
        return False
    if match := _BREAK.match(state.src, state.pos, state.posMax):
        if not silent and match[0][1] in "wW":
            state.push("html_inline", "", 0).content = "<wbr>"
        elif not silent:
            state.push("hardbreak", "br", 0)
    elif match := _CODE.match(state.src, state.pos, state.posMax):
        if not silent:
            content = _ENTITY.sub(lambda entity: unescape(entity[0]), match[1])
            state.push("code_inline", "code", 0).content = content.replace("\n", " ")
    elif match := _TAG.match(state.src, state.pos, state.posMax):
        if not silent:
            token = state.push("text", "", 0)
            token.content, token.meta = match[0], {"tag": match[2].lower(), "ends": bool(match[1])}
    else:
        return False
    state.pos = match.end()
    return True


def pair_tags(state: StateInline) -> None:
    """Make tags of the halves that belong together."""
    if "</" not in state.src:
        return
    scopes: list[deque[Token]] = [deque(maxlen=OPEN_LIMIT)]
    for token in state.tokens:
        if token.nesting > 0:
            scopes.append(deque(maxlen=OPEN_LIMIT))
        elif token.nesting < 0:
            scopes.pop()
        elif token.meta.get("ends") is False:
            scopes[-1].append(token)
        elif token.meta and any(it.meta["tag"] == token.meta["tag"] for it in scopes[-1]):
            while (begin := scopes[-1].pop()).meta["tag"] != token.meta["tag"]:
                pass
            name = _RENAMED.get(token.meta["tag"], token.meta["tag"])
            begin.type = token.type = "html_inline"
            begin.content, token.content = f"<{name}>", f"</{name}>"
