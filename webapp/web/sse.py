"""Server-sent events: HTML as an event that nothing in it can break, and places for them.

The format is the one of https://html.spec.whatwg.org/multipage/server-sent-events.html.
"""

from __future__ import annotations

import re
import threading
import weakref

MIMETYPE = "text/event-stream"
# A comment: nothing for the page, but a write that fails when the reader has gone (R65).
HEARTBEAT = b":\n\n"
HEADERS = {
    "Cache-Control": "no-store, no-transform",
    # nginx keeps back what it is sent otherwise.
    "X-Accel-Buffering": "no",
    "Vary": "Cookie, HX-Request",
}
# Each of them ends a line, so each line of the data gets a name of its own (R38).
_LINE_ENDS = re.compile("\r\n|\r|\n")


def event(html: str) -> bytes:
    """Return one event with ``html`` as its data.

    Example
    -------
    >>> event("a\\nevent: b")
    b'data: a\\ndata: event: b\\n\\n'
    """
    lines = "".join(f"data: {line}\n" for line in _LINE_ENDS.split(html))
    return f"{lines}\n".encode(errors="replace")


class Slots:
    """The threads of this process that are held for long, by streams and by who waits, counted."""

    def __init__(self) -> None:
        # Reentrant: a place that is forgotten may be given back in the middle of another's taking.
        self._lock = threading.RLock()
        # Whose they are. Appending and removing are one step each, a sum would not be.
        self._taken: list[str] = []

    def take(self, most: int, owner: str = "", most_of_one: int | None = None) -> Slot | None:
        """Take a place if there is one.

        Parameters
        ----------
        most:
            How many may be taken in all.
        owner:
            Who takes it.
        most_of_one:
            How many ``owner`` may have of them.
        """
        with self._lock:
            if len(self._taken) >= most:
                return None
            if most_of_one is not None and self._taken.count(owner) >= most_of_one:
                return None
            self._taken.append(owner)
        return Slot(self, owner)

    def give_back(self, owner: str = "") -> None:
        """Count one less."""
        with self._lock:
            self._taken.remove(owner)

    @property
    def taken(self) -> int:
        """Return how many are taken."""
        return len(self._taken)


class Slot:
    """A place, given back once: by hand, or when nobody has it any more."""

    def __init__(self, slots: Slots, owner: str) -> None:
        # Also for an answer that is thrown away before it begins.
        self._end = weakref.finalize(self, slots.give_back, owner)

    def give_back(self) -> None:
        """Give the place back; whoever holds this method holds the place."""
        self._end()
