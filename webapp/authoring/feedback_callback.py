"""What a user thinks of an answer, as an app is told of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from webapp.authoring.loading.missing_names import FEEDBACK_NOT_YET, missing_name
from webapp.authoring.loading.registration import register
from webapp.authoring.loading.signatures import Arguments, refuse_brackets
from webapp.authoring.types import User


@dataclass(frozen=True)
class Feedback:
    """A rating that a user has given, changed or taken back.

    Parameters
    ----------
    chat_id:
        The chat, as `user_session.get("id")` has it.
    message_id:
        The answer, as `Message.id` has it.
    value:
        ``up``, ``down``, or ``none`` when the rating was taken back.
    comment:
        What the user wrote about it, at most 4,000 characters; empty when nothing.
    content:
        The text of the answer.
    profile:
        The name of the profile under which it was given; ``None`` where there are none.
    user:
        Who rated it; ``None`` when login is off.
    previous:
        What the rating was before: ``up``, ``down``, or ``none`` for the first one.

    Example
    -------
    >>> Feedback("c", "m", "down", "Too long.", "Well, ...").value
    'down'
    """

    chat_id: str
    message_id: str
    value: str
    comment: str
    content: str
    profile: str | None = None
    user: User | None = None
    previous: str = "none"

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> NoReturn:
            """Say what there is instead of a name that is known from elsewhere."""
            present = [each.name for each in fields(self)]
            raise missing_name("Feedback", name, present, FEEDBACK_NOT_YET)


FeedbackCallback = TypeVar("FeedbackCallback", bound=Callable[[], Any] | Callable[[Feedback], Any])


@refuse_brackets
def on_feedback(callback: FeedbackCallback) -> FeedbackCallback:
    """Register the function that is told what users think of answers.

    It runs once for each change, in the background, after the rating is stored. If it fails, the
    log says so, and the rating stays.

    Parameters
    ----------
    callback:
        A function of no parameter or of the `Feedback`, ``def`` or ``async def``. It runs for no
        chat: `user_session` and messages do not work in it.

    Returns
    -------
    The same function.

    Raises
    ------
    MisuseError
        When it is used twice, outside an app file, or on something that cannot be called so.

    Example
    -------
    ::

        @cl.on_feedback
        def rated(feedback: cl.Feedback):
            print(feedback.value, feedback.comment)
    """
    return register("on_feedback", callback, Arguments(("feedback",)))
