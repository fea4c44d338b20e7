"""The final answer of an agent or a chain as a message, while its model writes it."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence

from webapp.authoring.context import ChatContext, running_chat
from webapp.authoring.messages.message import Message

PREFIX = ("Final", "Answer", ":")
# Between the tokens of the prefix there may be so much white space.
SPACE = 100


class FinalAnswer:
    """Finds where the final answer begins, and shows it.

    Parameters
    ----------
    prefix_tokens:
        What the model writes before the answer. White space between the tokens does not matter,
        nor how the model divides the text into tokens.
    begun:
        Whether everything is the answer.
    """

    def __init__(self, prefix_tokens: Sequence[str], *, begun: bool) -> None:
        letters = [re.escape(letter) for letter in "".join(prefix_tokens) if not letter.isspace()]
        self._prefix = re.compile(rf"\s{{0,{SPACE}}}".join(letters))
        self._kept = len(letters) * (SPACE + 1)
        self._begins_at_once = begun or not letters
        self._reached = self._begins_at_once
        self.message: Message | None = None
        self._chat: ChatContext | None = None
        # The end of what each run of a model has written before the answer.
        self._before: dict[str, str] = {}
        # Two models may write at the same time. The answer is what the first of them writes.
        self._writer: str | None = None
        self._lock = threading.Lock()

    @property
    def reached(self) -> bool:
        """Whether the answer has begun."""
        return self._reached

    @reached.setter
    def reached(self, reached: bool) -> None:
        self._reached = self._begins_at_once = reached

    def feed(self, run_id: str, token: str) -> None:
        """Show a token if it belongs to the answer.

        Raises
        ------
        MisuseError
            As for `Message.stream_token`.
        """
        chat = running_chat("A final answer")
        if self._chat is not chat:
            if self._chat is not None:
                self.message, self._reached = None, self._begins_at_once
                self._writer = None
                self._before.clear()
            self._chat = chat
        if not self._reached:
            token = self._after_prefix(run_id, token)
        if not token or not self._reached:
            return
        with self._lock:
            self._writer = self._writer or run_id
        if self._writer == run_id:
            self.message = self.message or Message()
            self.message.stream_token(token)

    def end(self, run_id: str) -> None:
        """Note that a model has written all. The answer so far is whole.

        Raises
        ------
        MisuseError
            As for `Message.update`.
        """
        self._before.pop(run_id, None)
        if self._writer == run_id:
            self._writer = None
            if self.message is not None:
                self.message.update()

    def _after_prefix(self, run_id: str, token: str) -> str:
        text = self._before.get(run_id, "") + token
        found = self._prefix.search(text)
        if found is None:
            self._before[run_id] = text[-self._kept :]
            return ""
        self._reached = True
        return text[found.end() :].lstrip()
