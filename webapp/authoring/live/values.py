"""The values of a chat's `user_session`: those that JSON can hold, and objects of this process."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from webapp.authoring.errors import MisuseError
from webapp.authoring.json_values import NOT_JSON, stored_copy

# Among the stored values: the keys whose values are objects, each with the version of its object
# and what its class is called.
LIVE_KEY = "chat_profiles.live"


@dataclass(frozen=True)
class LiveObject:
    """An object that is the value of a key.

    Parameters
    ----------
    key:
        The key of `user_session`.
    value:
        The object itself.
    is_missing:
        Whether `on_chat_resume` has run here and did not make it again.
    """

    key: str
    value: Any = None
    is_missing: bool = False


# By the versions of the objects. Each `user_session.set` of another object makes a new version.
LiveObjects = Mapping[str, LiveObject]


class ObjectMemory(Protocol):
    """The objects of one chat that are in the memory of this process."""

    def find(self) -> LiveObjects:
        """Return the objects."""

    def keep(self, objects: LiveObjects) -> None:
        """Keep these objects, and forget all others of the chat."""


class Values:
    """The values of a chat's `user_session`; closed when the call ends, like the `Transcript`.

    Parameters
    ----------
    values:
        The stored values.
    memory:
        Where the objects of the chat are.
    is_again:
        Whether something is answered once more, so that the values are those of an earlier time.
    """

    def __init__(
        self,
        values: dict[str, Any] | None = None,
        memory: ObjectMemory | None = None,
        *,
        is_again: bool = False,
    ) -> None:
        self._lock = threading.Lock()
        self._values = dict(values or {})
        self._closed = False
        self._memory = memory
        # The objects with which the call began, and those that this process has not got, with the
        # names of their classes: each by its key, with its version.
        self._found: dict[str, tuple[str, LiveObject]] = {}
        self._lost: dict[str, tuple[str, str]] = {}
        # Whether an object is lost, and `on_chat_resume` has not tried to make it again here.
        self.needs_objects = False
        self._is_resuming = False
        marks = self._values.pop(LIVE_KEY, None)
        if marks:
            objects = self._memory.find() if self._memory else {}
            # An earlier object may be gone. A later one of the same key is better than none.
            latest = {each.key: each for each in objects.values()} if is_again else {}
            for key, (version, kind) in marks.items():
                found = objects.get(version) or latest.get(key)
                if found is not None and not found.is_missing:
                    self._found[key] = version, found
                    self._values[key] = found.value
                else:
                    self._lost[key] = version, kind
                    self.needs_objects = self.needs_objects or found is None

    def get(self, key: str, default: Any) -> Any:
        """Return a value.

        Raises
        ------
        MisuseError
            It is an object that this process has not got.
        """
        lost = self._lost.get(key)
        # What makes an object again may look whether there is one.
        if lost is not None and key not in self._values and not self._is_resuming:
            raise _lost_object(key, lost[1], was_tried=not self.needs_objects)
        return self._values.get(key, default)

    def set(self, key: str, value: Any) -> None:
        """Set a value; refuse it once the call has ended."""
        with self._lock:
            if self._closed:
                raise MisuseError(
                    "user_session.set() came after the callback had ended (or had used up its "
                    "time), so it would be lost. Await or join what you start before you return."
                )
            self._values[key] = value

    def note_resuming(self) -> None:
        """Note that `on_chat_resume` begins."""
        self._is_resuming = True

    def note_resumed(self) -> None:
        """Note that `on_chat_resume` has run: what it has set takes the place of what was lost."""
        with self._lock:
            self.needs_objects = self._is_resuming = False
            for key, (version, _) in list(self._lost.items()):
                if key in self._values:
                    # The same version: to other processes it is the object that they have.
                    self._found[key] = version, LiveObject(key, self._values[key])
                    del self._lost[key]

    def stored(self) -> dict[str, Any]:
        """Return the values as they are stored, and keep the objects in this process.

        Raises
        ------
        MisuseError
            One of them cannot be stored.
        """
        with self._lock:
            values = dict(self._values)
        copies = {key: stored_copy(key, value) for key, value in values.items()}
        objects = {key: values[key] for key, copy in copies.items() if copy is NOT_JSON}
        if not objects and not self._found and not self._lost:
            return copies
        return self._keep(copies, objects)

    def _keep(self, copies: dict[str, Any], objects: dict[str, Any]) -> dict[str, Any]:
        marks: dict[str, list[str]] = {}
        # Those with which the call began are kept too, for when it is answered once more.
        kept = dict(self._found.values())
        for key, (version, kind) in self._lost.items():
            if key not in copies:
                marks[key] = [version, kind]
                if not self.needs_objects:
                    kept[version] = LiveObject(key, is_missing=True)
        for key, value in objects.items():
            version, before = self._found.get(key, ("", None))
            if before is None or before.value is not value:
                version, before = uuid.uuid4().hex, LiveObject(key, value)
            marks[key] = [version, type(value).__name__]
            kept[version] = before
        if self._memory is not None:
            self._memory.keep(kept)
        stored = {key: copy for key, copy in copies.items() if copy is not NOT_JSON}
        return {**stored, LIVE_KEY: marks} if marks else stored

    def plain(self) -> dict[str, Any]:
        """Return copies of the values that JSON can hold."""
        with self._lock:
            values = dict(self._values)
        copies = {key: stored_copy(key, value) for key, value in values.items()}
        return {key: copy for key, copy in copies.items() if copy is not NOT_JSON}

    def close(self) -> None:
        """Refuse further values."""
        with self._lock:
            self._closed = True


def _lost_object(key: str, kind: str, *, was_tried: bool) -> MisuseError:
    was = (
        f"user_session key {key!r} holds an object ({kind}), which lives in the memory of the "
        "process that made it. This process has not got it: it is another worker, or it has "
        "started since, or the chat was silent for too long."
    )
    if was_tried:
        return MisuseError(
            f"{was} @on_chat_resume has run here, and has not set {key!r}: make the object there, "
            f"and call user_session.set({key!r}, ...)."
        )
    return MisuseError(
        f"{was} Write a function with @on_chat_resume that makes the object again and calls "
        f"user_session.set({key!r}, ...): it runs in each process that needs the object."
    )
