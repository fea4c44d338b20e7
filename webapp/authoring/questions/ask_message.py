"""`AskMessage`, which all messages that ask something share."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, ClassVar, Generic, TypeVar

from webapp.authoring.arguments import is_number
from webapp.authoring.awaitable_object import Done
from webapp.authoring.context import ChatContext, running_chat
from webapp.authoring.draft import MessageTarget
from webapp.authoring.errors import MisuseError
from webapp.authoring.messages.message import ASSISTANT_MESSAGE, Message
from webapp.authoring.messages.values import read_author
from webapp.authoring.questions.pending_answer import (
    PendingAnswer,
    find_questions,
    wait_for_answer,
)
from webapp.authoring.questions.question import STOPPED, OpenQuestion, Outcome, QuestionKind

T = TypeVar("T")
# A deadline must be a time that a calendar has.
LONGEST_SECONDS = 366 * 86_400


class AskMessage(Generic[T]):
    """A message that asks the user something, and waits for the answer."""

    kind: ClassVar[QuestionKind]
    # Whether an answer has files, which are fetched in a thread.
    _reads_files: ClassVar[bool] = False
    type: str = ASSISTANT_MESSAGE

    def __init__(
        self, content: object, author: str | None, timeout: float, *, raise_on_timeout: bool
    ) -> None:
        seconds: object = timeout  # what an author gives may be anything
        if not is_number(seconds) or not seconds > 0:
            raise MisuseError(
                f"{type(self).__name__} timeout is a number of seconds above 0, not "
                f"{timeout!r:.80}."
            )
        self.content = Message(content).content
        self.author = read_author(author)
        self.timeout = timeout
        self.raise_on_timeout = raise_on_timeout
        self._message_id: uuid.UUID | None = None
        self._question: OpenQuestion | None = None

    @property
    def id(self) -> str:
        """The id of the message in the chat, a UUID."""
        if self._message_id is None:
            self._message_id = uuid.uuid4()
        return str(self._message_id)

    def send(self) -> PendingAnswer[T]:
        """Ask the user, and wait for the answer. In an ``async def``, await it.

        Returns
        -------
        The answer, or ``None`` if nobody has answered in time.

        Raises
        ------
        TimeoutError
            Nobody has answered in time, and ``raise_on_timeout`` is set.
        MisuseError
            The call is outside a chat, or in a callback that cannot ask.
        """
        used = f"{type(self).__name__}.send()"
        chat = running_chat(used)
        questions = find_questions(chat, used)
        target = MessageTarget(self._message_id, sent=False)
        self._message_id = chat.transcript.reserve_id(target)
        question = self._question = OpenQuestion(
            kind=self.kind,
            message_id=self._message_id,
            timeout=min(self.timeout, LONGEST_SECONDS),
            offers=self._offers(self._message_id),
        )
        questions.ask(used, question, self.content, read_author(self.author))

        def read(outcome: Outcome) -> T | None:
            return self._read(chat, outcome)

        return wait_for_answer(questions, question, read, raise_on_timeout=self.raise_on_timeout)

    def update(self) -> Done:
        """Show the current ``content`` and ``author``. To await it gives ``True``."""
        return Message(self.content, self.author, id=self.id).update()

    def remove(self) -> Done:
        """Remove the message from the chat. If its question is open, it ends.

        To await it gives ``True``.
        """
        chat = running_chat(f"{type(self).__name__}.remove()")
        if self._question is not None and chat.questions is not None:
            chat.questions.settle(self._question.id, STOPPED)
        return Message(id=self.id).remove()

    def _offers(self, message_id: uuid.UUID) -> Mapping[str, Any]:
        del message_id
        return {}

    def _read(self, chat: ChatContext, outcome: Outcome) -> T | None:
        raise NotImplementedError
