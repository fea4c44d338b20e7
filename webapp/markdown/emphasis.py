"""Emphasis beside East Asian text, which has no spaces between its words.

There the second stars of ``**“深度学习”**的`` stand between a punctuation mark and a letter, where
CommonMark lets them end nothing. Beside East Asian characters only spaces count here, so text is
bold where its stars stand. Other text is read as CommonMark says.
"""

from __future__ import annotations

import unicodedata

from markdown_it import MarkdownIt
from markdown_it.parser_inline import ParserInline
from markdown_it.rules_inline import StateInline
from markdown_it.rules_inline.state_inline import Scanned
from markdown_it.token import Token
from markdown_it.utils import EnvType

# How many punctuation marks may stand between the stars and an East Asian character.
PUNCTUATION_MARKS = 4


class InlineParser(ParserInline):
    """Reads inline text, in which East Asian text may have emphasis."""

    def parse(self, src: str, md: MarkdownIt, env: EnvType, tokens: list[Token]) -> list[Token]:
        """Add the tokens of ``src`` to ``tokens``."""
        state = _State(src, md, env, tokens)
        self.tokenize(state)
        for rule in self.ruler2.getRules(""):
            rule(state)
        return state.tokens


class _State(StateInline):
    def __init__(self, src: str, md: MarkdownIt, env: EnvType, out: list[Token]) -> None:
        super().__init__(src, md, env, out)
        # The stars that have opened beside East Asian text, and may end beside other text.
        self._open: set[str] = set()

    def scanDelims(self, start: int, canSplitWord: bool) -> Scanned:  # noqa: N802, N803
        scanned = super().scanDelims(start, canSplitWord)
        if not canSplitWord:  # underscores are left alone: they are parts of names
            return scanned
        end = start + scanned.length
        before = self.src[max(start - PUNCTUATION_MARKS, 0) : start][::-1]
        after = self.src[end : min(end + PUNCTUATION_MARKS, self.posMax)]
        can_open, can_close = (bool(side) and not side[0].isspace() for side in (after, before))
        stars = self.src[start:end]
        if can_close and stars in self._open:
            self._open.remove(stars)
        elif not (_leads_to_east_asian(before) or _leads_to_east_asian(after)):
            return scanned
        elif can_open:
            self._open.add(stars)
        return Scanned(can_open, can_close, scanned.length)


def _leads_to_east_asian(characters: str) -> bool:
    """Return whether the first character that is no punctuation mark, or one before it, is one."""
    for character in characters:
        category = unicodedata.category(character)
        # Emoji are as wide as East Asian characters.
        is_emoji = category in {"So", "Sk"} and not "\u3000" <= character <= "\u33ff"
        if unicodedata.east_asian_width(character) in "FHW" and not is_emoji:
            return True
        if category[0] not in "PSM":
            return False
    return False
