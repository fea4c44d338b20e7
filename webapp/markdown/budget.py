"""How long the Markdown of one page may take, so that no text keeps a worker busy."""

from __future__ import annotations

import threading
from typing import TypeVar

# Seconds of CPU time of all texts of a page. A text may take half of what is left.
PAGE_SECONDS = 0.8
# What is left for usual texts after slow ones. A text may take one part in so many of it.
RESERVE_SECONDS = 0.3
RESERVE_PARTS = 20
# No text takes less for each character. One that could not be ready in time is not begun.
CHARACTER_SECONDS = 0.3e-6  # A usual formula takes so much for each unit of its cost.
FORMULA_SECONDS = 20e-6
# How many texts are remembered.
REMEMBERED = 1_000

TABLES, WHOLE = "tables", "whole"
NEVER = float("inf")

Key = TypeVar("Key")


class SlowTexts:
    """Remembers which texts could not be rendered in time, so that nobody tries again and again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._needed: dict[tuple[str, int], float] = {}
        self._missed: dict[int, float] = {}

    def note_miss(self, text: str, seconds: float) -> None:
        """Note that ``text`` was not ready in so many seconds, and remember it the second time.

        The first time, a pass of the garbage collector over a large app may have taken them.
        """
        with self._lock:
            missed = self._missed.pop(hash(text), None)
            if missed is None:
                self._missed[hash(text)] = seconds
                _keep_newest(self._missed)
        if missed is not None:
            self.remember(WHOLE, text, min(missed, seconds))

    def remember(self, what: str, text: str, seconds: float) -> None:
        """Remember that rendering ``text``, or its tables, takes more than so many seconds."""
        with self._lock:
            self._needed[what, hash(text)] = seconds
            _keep_newest(self._needed)

    def needs_more(self, what: str, text: str, seconds: float) -> bool:
        """Return whether it is known to take more than so many seconds."""
        return bool(self._needed) and self._needed.get((what, hash(text)), 0.0) >= seconds


class PageBudget:
    """The CPU time that is left for the texts of one page.

    However many of them are slow, a usual text still has enough.
    """

    def __init__(self, slow: SlowTexts) -> None:
        self.slow = slow
        self._left = PAGE_SECONDS
        self._reserve = RESERVE_SECONDS

    def share(self) -> float:
        """Return how many seconds the next text may take."""
        return max(self._left / 2, self._reserve / RESERVE_PARTS)

    def spend(self, seconds: float) -> None:
        """Take the time of a text from what is left."""
        self._reserve -= max(seconds - self._left, 0)
        self._left = max(self._left - seconds, 0)


def _keep_newest(texts: dict[Key, float]) -> None:
    if len(texts) > REMEMBERED:
        del texts[next(iter(texts))]
