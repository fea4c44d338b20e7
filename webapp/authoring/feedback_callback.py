"""`on_feedback`: what users think of answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from webapp.authoring.loading.missing_names import FEEDBACK_NOT_YET, missing_name
from webapp.authoring.loading.registration import register
from webapp.authoring.loading.signatures import Arguments, refuse_brackets
from webapp.authoring.users.user import User


@dataclass(frozen=True)
class Feedback:
    """A rating that a user gave, changed or took back.

    Parameters
    ----------
    chat_id:
        The chat, as `user_session.get("id")` has it.
    message_id:
        The answer, as `Message.id` has it.
    value:
        ``up`` or ``down``, or ``none`` if the user took the rating back.
    comment:
        The user's comment, at most 4,000 characters. It may be empty.
    content:
        The text of the answer.
    profile:
        The name of the profile that answered; ``None`` if the app has no profiles.
    user:
        The user who rated it; ``None`` when login is off.
    previous:
        The rating before: ``up``, ``down``, or ``none`` if there was none.

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

    @property
    def forId(self) -> str:  # noqa: N802 - the name that Chainlit has
        """The `message_id`."""
        return self.message_id

    @property
    def threadId(self) -> str:  # noqa: N802
        """The `chat_id`."""
        return self.chat_id

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> NoReturn:
            """Explain what to use instead of a name that Chainlit has."""
            present = [each.name for each in fields(self)]
            raise missing_name("Feedback", name, present, FEEDBACK_NOT_YET)


FeedbackCallback = TypeVar("FeedbackCallback", bound=Callable[[], Any] | Callable[[Feedback], Any])


@refuse_brackets
def on_feedback(callback: FeedbackCallback) -> FeedbackCallback:
    """Register the function that gets what users think of answers.

    It runs once for each change, in the background, after the rating is stored. If it fails, the
    failure is logged, and the rating stays.

    Parameters
    ----------
    callback:
        A function without parameters, or of the `Feedback`, ``def`` or ``async def``. It does not
        run in a chat: `user_session` and messages do not work in it.

    Example
    -------
    ::

        @cl.on_feedback
        def rated(feedback: cl.Feedback):
            print(feedback.value, feedback.comment)
    """
    return register("on_feedback", callback, Arguments(("feedback",)))
