"""The HTML of a message while its text grows.

A top-level block is *finished* when nothing that may still come can change it. It is rendered once
and never looked at again. What is still open, the tail, is rendered anew at each step.

What it costs:

- Finished blocks cost together what `message_html` costs once.
- A step parses the open block; inline text in it that did not change is not parsed again.
- In a long fence, list or table a step looks only at the last line, item or row
  (`markdown_tails.py`). What is left is joining strings.
- Another open block above `LARGE` characters is rendered when it has grown by a quarter, and what
  came since is shown as typed. So all its tails together cost about five times the whole.
- What decides about the text as a whole (its size, brackets, cells, quotes) is counted as it grows.
  When a limit is passed, all is given again, the way `message_html` shows it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from markdown_it.token import Token
from markupsafe import Markup

from webapp.markdown.highlighting import Allowance
from webapp.markdown.messages import Extent, normal_lines, parse, render
from webapp.markdown.safe import (
    NOTHING,
    Outline,
    as_typed,
    is_too_long,
    message_html,
    safe_html,
    typed_pieces,
)
from webapp.markdown.tails import OpenBlock, OpenFence, Source

# An open block of more characters is not rendered at every step.
LARGE = 2_000


@dataclass(frozen=True)
class Growth:
    """What a page shows after a step.

    Parameters
    ----------
    finished
        The HTML of what has been finished since the step before. It goes before the tail.
    tail
        The HTML of what is open. It takes the place of the tail of the step before.
    restart
        Whether all that was given before is void. ``finished`` then begins with the text.
    """

    finished: Markup
    tail: Markup
    restart: bool = False


class LiveMarkdown:
    """Renders a text again and again while it grows.

    All that was ``finished`` since the last restart, joined, is in the end what `message_html`
    makes of the whole text.

    Example
    -------
    >>> live = LiveMarkdown()
    >>> live.grow("One\\n\\ntw")
    Growth(finished=Markup('<p>One</p>\\n'), tail=Markup('<p>tw</p>\\n'), restart=False)
    >>> live.finish("One\\n\\ntwo")
    Growth(finished=Markup('<p>two</p>\\n'), tail=Markup(''), restart=False)
    """

    def __init__(self) -> None:
        self._begin()

    def grow(self, text: str) -> Growth:
        """Return what is new when ``text`` is the whole text so far."""
        return self._step(normal_lines(text), is_last=False)

    def finish(self, text: str) -> Growth:
        """Return the rest when ``text`` is the whole text and complete."""
        text = normal_lines(text)
        growth = self._step(text, is_last=True)
        self._is_over = True
        if isinstance(self._way, _Typed) and (html := message_html(text)) != as_typed(text):
            return Growth(html, NOTHING, restart=True)
        return growth

    def _begin(self) -> None:
        self._text = ""
        self._is_over = False
        self._extent = Extent()
        self._measured = 0
        self._way: _Rendered | _Typed = _Rendered(tables=True)

    def _step(self, text: str, *, is_last: bool) -> Growth:
        was_given = bool(self._text)
        restart = self._is_over or not text.startswith(self._text)
        if restart:
            self._begin()
        self._text = text
        way = self._way
        self._choose_way(text)
        try:
            finished, tail = self._way.step(text, is_last=is_last)
        except (RecursionError, _TooLongError):
            self._way = _Typed()
            finished, tail = self._way.step(text, is_last=is_last)
        return Growth(finished, tail, was_given and (restart or self._way is not way))

    def _choose_way(self, text: str) -> None:
        extent = self._measure(text)
        if isinstance(self._way, _Typed):
            return
        if extent.is_too_much:
            self._way = _Typed()
        elif self._way.tables and not extent.has_tables:
            self._way = _Rendered(tables=False)

    def _measure(self, text: str) -> Extent:
        end = text.rfind("\n") + 1
        if end > self._measured:
            self._extent.add(text[self._measured : end])
            self._measured = end
        extent = replace(self._extent)
        extent.add(text[end:])
        return extent


class _TooLongError(Exception):
    """The HTML is longer than the text may become."""


class _Typed:
    """Shows a text as it was typed."""

    def __init__(self) -> None:
        self._done = 0

    def step(self, text: str, *, is_last: bool) -> tuple[Markup, Markup]:
        rest = text[self._done :]
        last = "" if is_last else typed_pieces(rest)[-1]
        self._done = len(text) - len(last)
        return as_typed(rest.removesuffix(last)), as_typed(last)


class _Rendered:
    """Shows a text as the Markdown it is."""

    def __init__(self, *, tables: bool) -> None:
        self.tables = tables
        self._done = 0
        self._length = 0
        self._outline = Outline()
        self._allowance = Allowance()
        self._inlines: dict[str, str] = {}
        self._fence: OpenFence | None = None
        self._block = OpenBlock(0, self._outline)
        self._tail = NOTHING
        self._seen = 0

    def step(self, text: str, *, is_last: bool) -> tuple[Markup, Markup]:
        if is_last:
            finished, tail = self._finish(self._parse(text[self._done :])), NOTHING
        else:
            finished, tail = self._grow(text)
        if is_too_long(self._length + len(tail), text):
            raise _TooLongError
        return finished, tail

    def _parse(self, source: str) -> list[Token]:
        return parse(source, self._inlines, tables=self.tables)

    def _finish(self, tokens: list[Token]) -> Markup:
        html = render(tokens, self._allowance)
        self._length += len(html)
        return safe_html(html, self._outline)

    def _grow(self, text: str) -> tuple[Markup, Markup]:
        if self._fence:
            if (tail := self._fence.tail(text)) is not None:
                return NOTHING, tail
            self._fence = None
        elif self._is_left_for_later(text):
            return NOTHING, self._tail + as_typed(text[self._seen :])
        finished, self._tail = self._read(text)
        self._seen = len(text)
        return finished, self._tail

    def _is_left_for_later(self, text: str) -> bool:
        read, unread = self._seen - self._block.start, len(text) - self._seen
        return read + unread > LARGE and unread < read / 4

    def _read(self, text: str) -> tuple[Markup, Markup]:
        block = self._block
        source = Source(block.lead + text[block.start :], block.start - len(block.lead))
        tokens = self._parse(source.text)
        cut = source.first_open(tokens)
        if block.kind and (cut or not block.is_continued_by(tokens)):
            self._block = OpenBlock(self._done, self._outline)
            return self._read(text)
        finished, tokens = self._finish(tokens[:cut]), tokens[cut:]
        if cut:
            self._done = source.place(tokens[0])
            self._block = OpenBlock(self._done, self._outline)
        tail = self._block.tail(tokens)
        self._block = self._block.settled(tokens, source)
        self._fence = OpenFence.found(tokens, source)
        return finished, tail
