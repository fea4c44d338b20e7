"""The buttons of a message, in its details."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from webapp.authoring.chat_message import ANSWER_KEY, BY_APP_KEY, QUESTION_KEY, ActionData
from webapp.authoring.errors import MisuseError

ACTIONS_PER_MESSAGE = 100
# What a message is does not change with its metadata.
_KEPT = (QUESTION_KEY, ANSWER_KEY, BY_APP_KEY)


def merge_actions(
    before: Mapping[str, Any] | None, now: Mapping[str, Any] | None
) -> Mapping[str, Any] | None:
    """Return the new details of a message, with what it asks and all buttons that it shows already.

    Parameters
    ----------
    now:
        ``None`` for those from before.

    Raises
    ------
    MisuseError
        There are too many.
    """
    if now is None:
        return before
    earlier = before or {}
    now = {**{name: earlier[name] for name in _KEPT if name in earlier}, **now}
    shown = earlier.get("actions", [])
    if "actions" not in now and not shown:
        return now
    new = [ActionData.from_json(action) for action in now.get("actions", ())]
    return with_actions({**now, "actions": shown}, new)


def with_actions(
    details: Mapping[str, Any] | None, add: Sequence[ActionData], remove: Sequence[str] = ()
) -> Mapping[str, Any] | None:
    """Return the details of a message with buttons added and removed.

    Parameters
    ----------
    remove:
        The ids that the author gave them.

    Raises
    ------
    MisuseError
        There are too many.
    """
    before = details or {}
    shown = {action["id"]: action for action in before.get("actions", ())}
    shown |= {str(action.id): action.to_json() for action in add}
    if len(shown) > ACTIONS_PER_MESSAGE:
        raise MisuseError(
            f"A message may have {ACTIONS_PER_MESSAGE} actions; this one has {len(shown)}. Send "
            "the others with another message."
        )
    actions = [action for action in shown.values() if action["own_id"] not in remove]
    others = {name: value for name, value in before.items() if name != "actions"}
    return {**others, "actions": actions} if actions else others or None
