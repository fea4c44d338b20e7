"""`Inputs`: what the user of a chat can set beside the composer, kept with the chat."""

from __future__ import annotations

import copy
import json
import threading
from collections.abc import Mapping
from typing import Any

from webapp.authoring.errors import MisuseError

# Every page of the chat reads them.
CHARACTERS_LIMIT = 200_000


class Inputs:
    """What can be set in a chat, by name; closed when the call ends, like the `Transcript`.

    What was read stays as it is: each change makes a new dict.

    Parameters
    ----------
    stored:
        The inputs as they are in the database.
    changed:
        Notified at each change, and shared with the transcripts of the turn.
    kept:
        Whether changes are stored: not those of a callback that belongs to no turn.
    """

    def __init__(
        self,
        stored: Mapping[str, Any] | None = None,
        changed: threading.Condition | None = None,
        *,
        kept: bool = True,
    ) -> None:
        # How often they have changed since they were read. 0: there is nothing to store.
        self.version = 0
        self._changed = changed or threading.Condition()
        self._values: dict[str, Any] = dict(stored or {})
        self._kept = kept
        self._closed = False

    def now(self) -> dict[str, Any]:
        """Return all inputs at this moment. Change nothing in it."""
        return self._values

    def get(self, name: str, default: Any = None) -> Any:
        """Return a copy of the inputs of a name, such as ``settings``."""
        return copy.deepcopy(self._values.get(name, default))

    def set(self, name: str, value: Any) -> None:
        """Replace the inputs of a name. Pages show the change, and it is stored with the turn.

        Parameters
        ----------
        value:
            JSON, or ``None`` to remove them.

        Raises
        ------
        MisuseError
            The call has ended or belongs to no turn, or all inputs together are too long.
        """
        if not self._kept:
            raise MisuseError(
                f"The {name} of this chat were set in a callback that belongs to no turn, so they "
                "would be lost. Set them in @on_chat_start, @on_message or @on_chat_resume."
            )
        with self._changed:
            if self._closed:
                raise MisuseError(
                    f"The {name} of this chat were set after the callback had ended (or had used "
                    "up its time), so they would be lost. Await what you start before you return."
                )
            values = {**self._values, name: copy.deepcopy(value)}
            if value is None:
                del values[name]
            if values == self._values:
                return
            length = len(json.dumps(values))
            if length > CHARACTERS_LIMIT:
                raise MisuseError(
                    f"The settings, commands and modes of a chat have {length:,} characters as "
                    f"JSON, and may have {CHARACTERS_LIMIT:,}. Offer fewer or shorter ones."
                )
            self._values = values
            self.version += 1
            self._changed.notify_all()

    def join(self, changed: threading.Condition) -> None:
        """Notify ``changed`` of changes from now on: the turn that has the inputs begins."""
        self._changed = changed

    def close(self) -> None:
        """Refuse further changes."""
        with self._changed:
            self._closed = True
