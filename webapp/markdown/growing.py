"""The HTML of a message while its text grows.

A top-level block is *finished* when no text that follows can change it. It is rendered once and
never looked at again. The rest, the *tail*, is still open and is rendered anew at each step.

The cost of a growing text:

- All finished blocks together cost what `message_html` costs once.
- A step parses the open block. Inline text in it that did not change is not parsed again.
- In a long fence, list or table a step looks only at the last line, item or row
  (`open_blocks.py`).
- Any other open block above `LARGE` characters is rendered when it has grown by a quarter. Until
  then the new text is shown as it was typed. So all its tails together cost about five times the
  whole.
- The size of the whole text (characters, brackets, cells, quotes) is counted as it grows. When it
  passes a limit, all is given again, as `message_html` shows it.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace

from markdown_it.token import Token
from markupsafe import Markup

from webapp.markdown.blocks import (
    FORMULAS,
    TABLE_CELLS,
    Extent,
    Inlines,
    TooManyCellsError,
    count_cells,
    count_formulas,
    normalize_line_ends,
    parse,
    render,
)
from webapp.markdown.footnotes import Footnotes
from webapp.markdown.highlighting import Allowance
from webapp.markdown.messages import message_html
from webapp.markdown.open_blocks import OpenBlock, OpenFence, Source
from webapp.markdown.sanitizer import (
    NOTHING,
    Outline,
    is_too_long,
    plain_html,
    sanitize,
    split_plain_text,
)

# An open block of more characters is not rendered at every step.
LARGE = 2_000


@dataclass(frozen=True)
class Growth:
    """What a page shows after a step.

    Parameters
    ----------
    finished
        The HTML of the blocks that this step has finished. It goes before the tail.
    tail
        The HTML of the open block. It takes the place of the tail of the step before.
    restart
        Whether all HTML of earlier steps is void. ``finished`` then begins with the text.
    """

    finished: Markup
    tail: Markup
    restart: bool = False


class GrowingMarkdown:
    """Renders a text again and again while it grows.

    In the end, all ``finished`` HTML since the last restart, joined, is what `message_html` makes
    of the whole text.

    Parameters
    ----------
    name
        As for `message_html`.

    Example
    -------
    >>> live = GrowingMarkdown()
    >>> live.grow("One\\n\\ntw")
    Growth(finished=Markup('<p>One</p>\\n'), tail=Markup('<p>tw</p>\\n'), restart=False)
    >>> live.finish("One\\n\\ntwo")
    Growth(finished=Markup('<p>two</p>\\n'), tail=Markup(''), restart=False)
    """

    def __init__(self, name: str = "") -> None:
        self._name = name
        self._begin()

    def grow(self, text: str) -> Growth:
        """Return what is new when ``text`` is the whole text so far."""
        return self._step(normalize_line_ends(text), is_last=False)

    def finish(self, text: str) -> Growth:
        """Return the rest when ``text`` is the whole text and complete."""
        text = normalize_line_ends(text)
        growth = self._step(text, is_last=True)
        self._is_over = True
        # What was too much for a while may be less in the end.
        if isinstance(self._way, _PlainText):
            html = message_html(text, name=self._name)
            return Growth(html, NOTHING, restart=True) if html != plain_html(text) else growth
        if not self._way.tables:
            with suppress(TooManyCellsError, RecursionError):
                parse(text, {}, cells=TABLE_CELLS)
                return Growth(message_html(text, name=self._name), NOTHING, restart=True)
        elif self._way.has_guessed_wrong:
            return Growth(message_html(text, name=self._name), NOTHING, restart=True)
        return growth

    def _begin(self) -> None:
        self._text = ""
        self._is_over = False
        self._extent = Extent()
        self._measured = 0
        self._way: _MarkdownText | _PlainText = _MarkdownText(self._name, tables=True)

    def _step(self, text: str, *, is_last: bool) -> Growth:
        was_given = bool(self._text)
        restart = self._is_over or not text.startswith(self._text)
        if restart:
            self._begin()
        self._text = text
        way = self._way
        self._choose_way(text)
        while True:
            try:
                finished, tail = self._way.step(text, is_last=is_last)
            except TooManyCellsError:
                self._way = _MarkdownText(self._name, tables=False)
            except (RecursionError, _OutputTooLongError):
                self._way = _PlainText()
            else:
                return Growth(finished, tail, was_given and (restart or self._way is not way))

    def _choose_way(self, text: str) -> None:
        end = text.rfind("\n") + 1
        if end > self._measured:
            self._extent.add(text[self._measured : end])
            self._measured = end
        extent = replace(self._extent)
        extent.add(text[end:])

        if extent.is_too_much and not isinstance(self._way, _PlainText):
            self._way = _PlainText()


class _OutputTooLongError(Exception):
    """The HTML is longer than the text may become."""


class _PlainText:
    """Shows a text as it was typed."""

    def __init__(self) -> None:
        self._done = 0

    def step(self, text: str, *, is_last: bool) -> tuple[Markup, Markup]:
        rest = text[self._done :]
        last = "" if is_last else split_plain_text(rest)[-1]
        self._done = len(text) - len(last)
        return plain_html(rest.removesuffix(last)), plain_html(last)


class _MarkdownText:
    """Shows a text as the Markdown it is."""

    def __init__(self, name: str, *, tables: bool) -> None:
        self.tables = tables
        # Those that the text after the finished blocks may still have.
        self._cells = TABLE_CELLS
        self._formulas = FORMULAS
        self._done = 0
        self._length = 0
        self._outline = Outline()
        self._footnotes = Footnotes(name=name, is_open=True)
        self._allowance = Allowance()
        self._inlines: Inlines = {}
        self._fence: OpenFence | None = None
        self._block = self._new_block()
        self._tail = NOTHING
        self._seen = 0

    def step(self, text: str, *, is_last: bool) -> tuple[Markup, Markup]:
        if is_last:
            self._block = self._new_block()
            self._footnotes.is_open = False
            finished, tail = self._finish(self._parse(text[self._done :], is_open=False)), NOTHING
        else:
            finished, tail = self._grow(text)
        spent = FORMULAS - self._formulas + self._block.formulas
        if is_too_long(self._length + len(tail), len(text) + spent):
            raise _OutputTooLongError
        return finished, tail

    @property
    def has_guessed_wrong(self) -> bool:
        """Whether there was a reference to a footnote that has not come."""
        return not self._footnotes.guessed <= self._footnotes.defined

    def _new_block(self) -> OpenBlock:
        return OpenBlock(start=self._done, outline=self._outline, footnotes=self._footnotes)

    def _parse(self, source: str, *, is_open: bool) -> list[Token]:
        cells = self._cells - self._block.cells if self.tables else None
        formulas = self._formulas - self._block.formulas
        return parse(source, self._inlines, cells=cells, formulas=formulas, is_open=is_open)

    def _finish(self, tokens: list[Token]) -> Markup:
        if not tokens:
            return NOTHING
        self._cells -= count_cells(tokens)
        self._formulas -= count_formulas(tokens)
        self._footnotes.add(tokens)
        html = render(tokens, self._footnotes, self._allowance)
        self._length += len(html)
        return sanitize(html, self._outline)

    def _grow(self, text: str) -> tuple[Markup, Markup]:
        read, unread = self._seen - self._block.start, len(text) - self._seen
        if self._fence:
            if (tail := self._fence.tail(text)) is not None:
                return NOTHING, tail
            self._fence = None
        elif read + unread > LARGE and unread < read / 4:
            return NOTHING, self._tail + plain_html(text[self._seen :])
        finished, self._tail = self._read(text)
        self._seen = len(text)
        return finished, self._tail

    def _read(self, text: str) -> tuple[Markup, Markup]:
        block = self._block
        source = Source(block.lead + text[block.start :], block.start - len(block.lead))
        tokens = self._parse(source.text, is_open=True)
        cut = source.first_open(tokens)
        if block.kind and (cut or not block.is_continued_by(tokens)):
            self._block = self._new_block()
            return self._read(text)
        finished, tokens = self._finish(tokens[:cut]), tokens[cut:]
        if cut:
            self._done = source.place(tokens[0])
            self._block = self._new_block()
        tail = self._block.tail(tokens)
        self._block = self._block.settle(tokens, source)
        self._fence = OpenFence.at_end_of(tokens, source)
        return finished, tail
