"""The outline of the steps of a page: which step is shown inside which."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from webapp.authoring.chat_message import STEP, ChatMessage

# How many levels there are. What is deeper is shown beside the step that it is in.
MOST_LEVELS = 8


@dataclass(frozen=True)
class OutlinedMessage:
    """A message and the steps within it."""

    message: ChatMessage
    children: list[OutlinedMessage] = field(default_factory=list)


class Outline:
    """Finds the place of each message, in the order in which they began."""

    def __init__(self) -> None:
        # The step in which each step is shown, and at which level, by their ids.
        self._places: dict[str, tuple[str | None, int]] = {}

    def add(self, message: ChatMessage) -> str | None:
        """Return the id of the step in which a message is shown, if it is in one."""
        if message.kind != STEP:
            return None
        key = str(message.id)
        if key not in self._places:
            parent = (message.details or {}).get("parent")
            # A step that is not on the page, or comes later, has nothing inside.
            inside, level = self._places.get(parent or "", (None, 0))
            if level == 0:
                self._places[key] = None, 1
            elif level < MOST_LEVELS:
                self._places[key] = parent, level + 1
            else:
                self._places[key] = inside, level
        return self._places[key][0]

    def remove(self, message_id: uuid.UUID) -> set[str]:
        """Forget a step that is no longer shown, and return the ids of all that was within it."""
        gone = {str(message_id)}
        self._places.pop(str(message_id), None)
        for key, (inside, _) in list(self._places.items()):  # a step comes after what it is in
            if inside in gone:
                gone.add(key)
                del self._places[key]
        return gone - {str(message_id)}


# What is within steps, by the ids of the steps.
StepsWithin = Mapping[uuid.UUID, list[OutlinedMessage]]


def outline_messages(
    messages: Sequence[ChatMessage],
) -> tuple[Sequence[ChatMessage], StepsWithin]:
    """Return the messages that are in no step, and what is within those that are steps."""
    if all(message.kind != STEP for message in messages):
        return messages, {}
    outline = Outline()
    top: list[OutlinedMessage] = []
    children: dict[str | None, list[OutlinedMessage]] = {None: top}
    for message in messages:
        entry = OutlinedMessage(message)
        children[outline.add(message)].append(entry)
        if message.kind == STEP:
            children[str(message.id)] = entry.children
    return [each.message for each in top], {each.message.id: each.children for each in top}
