"""Names in the HTML of a message that become links, to what the message shows elsewhere."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from markupsafe import Markup, escape

from webapp.markdown.sanitizer import NOTHING, PAGE_LINK, PANEL_LINK

# Each name is looked for at each place. More than this would hold up a page.
MOST_STEPS = 20_000_000
# Not in code, in another link or in a formula.
_CLOSED_TAGS = frozenset(("a", "code", "pre", "math"))
_TAG = re.compile(r'<(?:[^>"]|"[^"]*")*>')
_TAG_NAME = re.compile(r"</?([a-z0-9]+)")
# A letter or digit of a script that puts spaces between words. Elsewhere a name has no ends.
_WORD = (
    r"[^\W\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u2e80-\ud7ff\uf900-\ufaff"
    r"\U00020000-\U0003ffff]"
)


@dataclass(frozen=True)
class Target:
    """Where a link leads, and whether what is there is shown in the panel beside the chat."""

    address: str
    in_panel: bool


class NameLinks:
    """Links the names in pieces of HTML, and remembers which it has found.

    Parameters
    ----------
    targets
        By the name that becomes a link.
    """

    def __init__(self, targets: Mapping[str, Target]) -> None:
        self.found: set[str] = set()
        self._targets = {name: it for name, it in targets.items() if name.strip()}
        # The longest first: of two names at one place, it says more.
        names = sorted(self._targets, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(_bounded, names))) if names else None

    def link(self, piece: Markup) -> Markup:
        """Return ``piece``, sanitized HTML of whole blocks, with its names as links."""
        if self._pattern is None or len(piece) * len(self._targets) > MOST_STEPS:
            return piece
        raw = str(piece)
        parts: list[Markup] = []
        done = 0  # the pieces of a Markup are Markup
        for start, end in _open_texts(raw):
            text = html.unescape(raw[start:end])
            if self._pattern.search(text):
                parts += [piece[done:start], self._link_text(self._pattern, text)]
                done = end
        return NOTHING.join([*parts, piece[done:]]) if parts else piece

    def _link_text(self, pattern: re.Pattern[str], text: str) -> Markup:
        linked, end = [], 0
        for match in pattern.finditer(text):
            name = match[0]
            self.found.add(name)
            target = self._targets[name]
            link = PANEL_LINK if target.in_panel else PAGE_LINK
            linked.append(escape(text[end : match.start()]))
            linked.append(link.format(target.address, name, name))
            end = match.end()
        return NOTHING.join([*linked, escape(text[end:])])


def _open_texts(raw: str) -> Iterator[tuple[int, int]]:
    """Yield where text begins and ends that may have links."""
    depth, end = 0, 0
    in_source = False  # of a formula, which has no elements inside
    for tag in _TAG.finditer(raw):
        if end < tag.start() and not (depth or in_source):
            yield end, tag.start()
        end = tag.end()
        name = _TAG_NAME.match(tag[0])
        if name is not None and name[1] in _CLOSED_TAGS:
            depth += -1 if tag[0].startswith("</") else 1
        in_source = tag[0].startswith('<span class="source"')
    if end < len(raw) and not (depth or in_source):
        yield end, len(raw)


def _bounded(name: str) -> str:
    start = f"(?<!{_WORD})" if re.match(_WORD, name[0]) else ""
    end = f"(?!{_WORD})" if re.match(_WORD, name[-1]) else ""
    return f"{start}{re.escape(name)}{end}"
