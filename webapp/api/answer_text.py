"""The text of an answer, as far as it has come: what the app says in a turn, without its steps."""

from __future__ import annotations

from collections.abc import Iterable

from webapp.authoring.chat_message import ASSISTANT, ERROR, FAILED, ChatMessage
from webapp.engine.phases import TurnStatus
from webapp.pages.live import TurnState

BETWEEN = "\n\n"
INTERRUPTED = "The answer was interrupted. Ask again, with a new Idempotency-Key if you sent one."
_CUT_OFF = (TurnStatus.INTERRUPTED, TurnStatus.LOST)


def answer_text(messages: Iterable[ChatMessage]) -> str:
    """Return what the messages of a turn say together."""
    said = [
        message.content
        for message in messages
        if message.content
        and (message.kind == ASSISTANT or (message.kind == ERROR and message.status != FAILED))
    ]
    return BETWEEN.join(said)


def find_failure(state: TurnState) -> str | None:
    """Return what is told of a turn that has failed, or whose process has died."""
    failed = (m.content for m in state.messages if m.kind == ERROR and m.status == FAILED)
    return next(failed, INTERRUPTED if state.status in _CUT_OFF else None)


class SentText:
    """A text that was sent in pieces. What was sent cannot be taken back."""

    def __init__(self) -> None:
        self._sent = ""

    def grow(self, text: str, *, is_whole: bool) -> str:
        """Return what is to be sent, so that the reader has ``text``.

        If the app has changed what was sent, nothing is sent before the text is whole. Then all of
        it is sent once more, apart.
        """
        if text.startswith(self._sent):
            new = text[len(self._sent) :]
        elif is_whole:
            new = BETWEEN + text
        else:
            return ""
        self._sent = text
        return new
