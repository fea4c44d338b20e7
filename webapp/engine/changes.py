"""The lock of a turn, which also tells listeners of each change."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Changes(threading.Condition):
    """A condition with listeners, for those who cannot wait because they watch many turns.

    A listener is called at each `notify_all`, under the lock, so it must be quick.
    """

    def __init__(self) -> None:
        super().__init__()
        self._listeners: tuple[Callable[[], None], ...] = ()

    def listen(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` at each change from now on."""
        with self:
            self._listeners += (listener,)

    def stop_listening(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` no more."""
        with self:
            self._listeners = tuple(other for other in self._listeners if other != listener)

    def notify_all(self) -> None:
        """Wake everybody who waits, and tell everybody who listens."""
        super().notify_all()
        for listener in self._listeners:
            listener()
