"""`ReasoningParser`: tells the reasoning of a model from its answer."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from webapp.authoring.errors import MisuseError

# Code in back quotes ends in the same line, and not further away. The name of the language of a
# block of code is not longer.
_NEARBY = 200

_BLANK_LINES = re.compile(r"\A\s*\n")
_QUOTES = re.compile(r"`+|\n")
_TAG_NAME = re.compile(r"[A-Za-z][\w-]{0,40}")
_LANGUAGE = re.compile(rf"[^\n`<]{{0,{_NEARBY}}}")
_LANGUAGE_LINE = re.compile(rf"{_LANGUAGE.pattern}(?:\n|\Z)")


@dataclass(frozen=True, kw_only=True)
class ReasoningPart:
    """A piece of what a model writes.

    Parameters
    ----------
    text:
        The piece, without the tags.
    is_reasoning:
        Whether it is reasoning. Otherwise it is a piece of the answer.
    taken_back:
        How many characters you must first remove from the end of the other text: from the answer
        if this is reasoning. The parser has given them before, and ``text`` has them again.
    """

    text: str
    is_reasoning: bool
    taken_back: int = 0


class ReasoningParser:
    """Splits the tokens of a model that writes ``<think>...</think>`` around its reasoning.

    Tokens may cut the tags anywhere. A tag in code is text. Some models leave out the first tag.
    Their reasoning is given as answer at first, and taken back at ``</think>``.

    Parameters
    ----------
    tag:
        The name of the tag. Upper and lower case are the same.
    starts_with_reasoning:
        ``True`` for a model that never writes the first tag: all is reasoning until ``</think>``.
        ``False`` for a model that always writes it: another ``</think>`` is text.

    Example
    -------
    >>> parser = ReasoningParser()
    >>> for token in ("<thi", "nk>2 and 2 is 4.</th", "ink>\\n\\nFour", "."):
    ...     parts = parser.feed(token)
    >>> parts = parser.finish()
    >>> parser.reasoning, parser.answer
    ('2 and 2 is 4.', 'Four.')
    """

    def __init__(self, tag: str = "think", *, starts_with_reasoning: bool | None = None) -> None:
        if not _TAG_NAME.fullmatch(str(tag)):
            raise MisuseError("ReasoningParser takes the name of a tag, such as tag='think'.")
        self._marks = re.compile(rf"\n|`+|~+|</?{tag}>", re.IGNORECASE)
        self._tags = (f"<{tag}>".lower(), f"</{tag}>".lower())
        self._reasoning, self._answer = _Text(), _Text()
        self._is_reasoning = bool(starts_with_reasoning)
        # How many closing tags in the answer would say that it was reasoning until there.
        self._open_tags = int(starts_with_reasoning is None)
        self._parts: list[ReasoningPart] = []
        self._held = ""
        # Whether a line begins here, and what has opened code: a fence, or so many back quotes.
        self._begins_line = True
        self._fence = ""
        self._quotes = 0
        # How the reasoning that is open has begun, if not at the beginning of a line, and where
        # it would end if a closing tag in its code counted.
        self._opening_tag = ""
        self._is_opened = False
        self._tag_in_code: int | None = None

    @property
    def is_reasoning(self) -> bool:
        """Whether the next text belongs to the reasoning, as far as anybody can know."""
        return self._is_reasoning

    @property
    def reasoning(self) -> str:
        """All reasoning so far. A blank line separates the parts that had tags of their own."""
        return self._reasoning.join()

    @property
    def answer(self) -> str:
        """The answer so far."""
        return self._answer.join()

    def feed(self, token: str | None) -> list[ReasoningPart]:
        """Return what is new with this token. What may be half a tag waits for the next one.

        ``None``, which the clients of models send at the end, is ignored.
        """
        if token is None:
            return []
        if not isinstance(token, str):
            raise MisuseError(f"ReasoningParser.feed takes text, not {type(token).__name__}.")
        self._held += token
        self._read(is_last=False)
        return self._take_parts()

    def finish(self) -> list[ReasoningPart]:
        """Return the rest. Call it when the model has ended, also if it was stopped."""
        self._read(is_last=True)
        if not self._is_reasoning:
            return self._take_parts()
        shown = self._reasoning.length
        text: str | None = None
        if self._tag_in_code is not None:
            # The code had no end, so the tag in it was no code.
            text = self._reasoning.cut(self._tag_in_code).lstrip()[len(self._tags[1]) :]
        elif self._opening_tag:
            # A sentence of the answer has named the tag.
            text = self._opening_tag + self._reasoning.cut(self._reasoning.start)
        if text is not None:
            self._end_reasoning()
            self._give(text, taken_back=shown - self._reasoning.length)
        return self._take_parts()

    def _take_parts(self) -> list[ReasoningPart]:
        parts, self._parts = self._parts, []
        return parts

    def _read(self, *, is_last: bool) -> None:
        text, done = self._held, 0
        while mark := self._marks.search(text, done):
            self._give_piece(text[done : mark.start()])
            done = mark.start()
            if not is_last and self._needs_more(text, mark):
                self._held = text[done:]
                return
            self._read_mark(text, mark)
            done = mark.end()
        # The text may end in the beginning of a tag.
        place = text.rfind("<", max(done, len(text) - len(self._tags[1])))
        if is_last or place < 0 or not self._may_begin_tag(text[place:]):
            place = len(text)
        self._give_piece(text[done:place])
        self._held = text[place:]

    def _may_begin_tag(self, text: str) -> bool:
        return any(tag.startswith(text.lower()) for tag in self._tags)

    def _needs_more(self, text: str, mark: re.Match[str]) -> bool:
        """Return whether only the text to come can tell what a mark means."""
        end = mark.end()
        is_near = len(text) - end < _NEARBY
        if mark[0] == "\n" or len(mark[0]) >= _NEARBY:
            return False
        if mark[0][0] == "<":
            found = self._end_of_code(text, end)
            return self._quotes > 0 and is_near and (found is None or found.end() == len(text))
        if end == len(text):
            return True
        if not self._begins_line or not is_near:
            return False
        if self._fence:
            rest = text[end:].lstrip(" \t")
            return not rest or self._may_begin_tag(rest)
        return _LANGUAGE.fullmatch(text, end) is not None

    def _read_mark(self, text: str, mark: re.Match[str]) -> None:
        kind = mark[0][0]
        if kind == "<" and not self._is_code(text, mark):
            self._read_tag(mark[0])
            return
        if kind == "\n":
            self._quotes = 0
        elif kind in "`~" and self._begins_line and self._is_fence(text, mark):
            self._fence = "" if self._fence else mark[0]
        elif kind == "`" and not self._fence:
            self._quotes = {0: len(mark[0]), len(mark[0]): 0}.get(self._quotes, self._quotes)
        self._give_piece(mark[0])
        self._begins_line = kind == "\n"

    def _is_fence(self, text: str, mark: re.Match[str]) -> bool:
        """Return whether a mark at the beginning of a line opens or closes a block of code."""
        if not self._fence:
            return len(mark[0]) > 2 and _LANGUAGE_LINE.match(text, mark.end()) is not None
        rest = text[mark.end() : mark.end() + _NEARBY].lstrip(" \t")
        is_alone = not rest or rest[0] == "\n" or rest.lower().startswith(self._tags)
        return is_alone and mark[0].startswith(self._fence)

    def _is_code(self, text: str, tag: re.Match[str]) -> bool:
        if self._fence:
            if self._is_reasoning and self._tag_in_code is None and tag[0][1] == "/":
                self._tag_in_code = self._reasoning.end
            return True
        found = self._end_of_code(text, tag.end()) if self._quotes else None
        return found is not None and found[0] != "\n"

    def _end_of_code(self, text: str, place: int) -> re.Match[str] | None:
        """Return the back quotes that end the code of this line, or the end of the line."""
        marks = _QUOTES.finditer(text, place, place + _NEARBY)
        return next((it for it in marks if it[0] == "\n" or len(it[0]) == self._quotes), None)

    def _read_tag(self, tag: str) -> None:
        """Read a tag that is not in code."""
        is_closing = tag[1] == "/"
        if self._is_reasoning and not is_closing:
            if self._is_opened:  # within another
                self._open_tags += 1
                self._give(tag)
            self._is_opened = True
        elif not is_closing:
            self._is_opened = True
            self._opening_tag = "" if self._begins_line or not self._answer.length else tag
            self._open_tags = 0
            self._is_reasoning = True
            self._reasoning.begin_block()
        elif self._is_reasoning:
            self._end_reasoning()
        elif self._open_tags:
            self._open_tags -= 1
            shown = self._answer.length
            text = self._answer.cut(self._answer.start)
            if self._reasoning.length:
                text = tag + text
            self._is_reasoning = True
            self._give(text, taken_back=shown - self._answer.length)
            self._end_reasoning()
        elif self._answer.length > self._answer.start:
            self._give(tag)
        self._fence, self._quotes, self._begins_line = "", 0, True

    def _end_reasoning(self) -> None:
        self._is_reasoning, self._tag_in_code = False, None
        self._reasoning.space = []
        self._answer.start = self._answer.length

    def _give_piece(self, piece: str) -> None:
        if piece.strip():
            self._begins_line = False
        self._give(piece)

    def _give(self, text: str, taken_back: int = 0) -> None:
        target = self._reasoning if self._is_reasoning else self._answer
        if (text := target.add(text)) or taken_back:
            self._parts.append(
                ReasoningPart(text=text, is_reasoning=self._is_reasoning, taken_back=taken_back)
            )


@dataclass(kw_only=True)
class _Text:
    """The reasoning or the answer, without blank lines at the beginning and space at the end."""

    pieces: list[str] = field(default_factory=list)
    length: int = 0
    # Where the last block begins: what came after text of the other kind.
    start: int = 0
    is_new: bool = True
    # White space that belongs to the text if more text follows.
    space: list[str] = field(default_factory=list)

    @property
    def end(self) -> int:
        return self.length + len("".join(self.space))

    def join(self) -> str:
        self.pieces = ["".join(self.pieces)]
        return self.pieces[0]

    def begin_block(self) -> None:
        self.start, self.is_new = self.length, True

    def add(self, text: str) -> str:
        """Add ``text``, and return what there is to show of it."""
        if not text.strip():
            self.space.append(text)
            return ""
        text = "".join([*self.space, text])
        shown = text.rstrip()
        self.space = [text[len(shown) :]]
        if self.is_new:
            shown = ("\n\n" if self.length else "") + _BLANK_LINES.sub("", shown)
            self.is_new = False
        self.pieces.append(shown)
        self.length += len(shown)
        return shown

    def cut(self, place: int) -> str:
        """Remove what follows a place, and return it."""
        whole = "".join([self.join(), *self.space])
        kept = whole[:place].rstrip()
        self.pieces, self.length, self.space, self.is_new = [kept], len(kept), [], not kept
        return whole[len(kept) :]
