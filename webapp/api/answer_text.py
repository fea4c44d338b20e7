"""The text of an answer, as far as it has come: what the app says in a turn, without its steps."""

from __future__ import annotations

from collections.abc import Iterable

from webapp.authoring.chat_message import ASSISTANT, ERROR, FAILED, ChatMessage

BETWEEN = "\n\n"


def answer_text(messages: Iterable[ChatMessage]) -> str:
    """Return what the messages of a turn say together."""
    said = [
        message.content
        for message in messages
        if message.content
        and (message.kind == ASSISTANT or (message.kind == ERROR and message.status != FAILED))
    ]
    return BETWEEN.join(said)


def find_failure(messages: Iterable[ChatMessage]) -> str | None:
    """Return what the user is told of the failure of a turn, if it has failed."""
    failed = (m.content for m in messages if m.kind == ERROR and m.status == FAILED)
    return next(failed, None)


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
