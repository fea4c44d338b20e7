"""Server-sent events that no HTML in them can break, and slots for streams.

The format is the one of https://html.spec.whatwg.org/multipage/server-sent-events.html.
"""

from __future__ import annotations

import re
import threading
import weakref

MIMETYPE = "text/event-stream"
# A comment, which the page ignores. Writing it fails once the reader has gone.
HEARTBEAT = b":\n\n"
HEADERS = {
    "Cache-Control": "no-store, no-transform",
    # Without it, nginx buffers the stream.
    "X-Accel-Buffering": "no",
    "Vary": "Cookie, HX-Request",
}
# Each of these ends a line in a browser, so each line of the data gets its own field name.
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
    """Counts the threads of this process that streams and waiting requests hold for long."""

    def __init__(self) -> None:
        # Reentrant: the garbage collector may give a slot back while this thread takes one.
        self._lock = threading.RLock()
        # The owners of the slots in use.
        self._owners: list[str] = []

    def take(self, most: int, owner: str = "", most_of_one: int | None = None) -> Slot | None:
        """Return a slot, or ``None`` if there is no free one.

        Parameters
        ----------
        most:
            The number of slots for everybody.
        owner:
            The name under which the slot is counted.
        most_of_one:
            The number of slots for this owner.
        """
        with self._lock:
            if len(self._owners) >= most:
                return None
            if most_of_one is not None and self._owners.count(owner) >= most_of_one:
                return None
            self._owners.append(owner)
        return Slot(self, owner)

    def give_back(self, owner: str = "") -> None:
        """Free a slot of ``owner``."""
        with self._lock:
            self._owners.remove(owner)

    @property
    def in_use(self) -> int:
        """Return the number of slots in use."""
        return len(self._owners)


class Slot:
    """A slot. It is given back once: by a call, or when nothing refers to it any more."""

    def __init__(self, slots: Slots, owner: str) -> None:
        # An answer may be thrown away before it begins.
        self._end = weakref.finalize(self, slots.give_back, owner)

    def give_back(self) -> None:
        """Give the slot back. A reference to this method keeps the slot."""
        self._end()
