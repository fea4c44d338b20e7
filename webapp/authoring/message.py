"""What an app says in a chat."""

from __future__ import annotations

import json
from collections.abc import Generator
from typing import TYPE_CHECKING, NoReturn

from webapp.authoring.arguments import refuses_unknown_arguments
from webapp.authoring.context import Sent, running_chat
from webapp.authoring.errors import MisuseError
from webapp.authoring.missing import MESSAGE_NOT_YET, missing_name
from webapp.authoring.text import clean_text

CONTENT_LIMIT = 1_000_000
AUTHOR_LIMIT = 200


@refuses_unknown_arguments
class Message:
    """A message of the running chat.

    Parameters
    ----------
    content:
        Markdown, at most 1,000,000 characters. A dict or list is shown as JSON in a code block,
        anything else as ``str()`` gives it.
    author:
        Who says it, at most 200 characters; the chat profile, or the app, when left out.

    Example
    -------
    ::

        await Message(content="Hello!").send()   # in an `async def` callback
        Message(content="Hello!").send()         # in a `def` callback
    """

    def __init__(self, content: object = "", author: str | None = None) -> None:
        self.content = _as_text(content)
        self.author = _author(author)

    def send(self) -> Message:
        """Send the message now, and return it.

        It acts at once; awaiting the result is allowed and changes nothing, so ``def`` and
        ``async def`` callbacks read the same.

        Raises
        ------
        MisuseError
            Outside a chat, after the callback has ended, or above the limits.
        """
        chat = running_chat("Message.send()")
        # Both may have been given anew since the message was made.
        content, author = _as_text(self.content), _author(self.author)
        if len(content) > CONTENT_LIMIT:
            raise MisuseError(
                f"This message has {len(content):,} characters; one may have "
                f"{CONTENT_LIMIT:,}. Split it, or offer the text as a file."
            )
        chat.outbox.put(Sent(clean_text(content), author))
        return self

    def __await__(self) -> Generator[None, None, Message]:
        """Give back the message at once: there is nothing to wait for."""
        yield from ()  # makes this a generator, which is what `await` asks for
        return self

    if not TYPE_CHECKING:  # a type checker is to go on refusing what is not there

        def __getattr__(self, name: str) -> NoReturn:
            """Say what there is instead of a method that is not there (yet)."""
            raise missing_name("Message", name, ("content", "author", "send"), MESSAGE_NOT_YET)

    def __repr__(self) -> str:
        return f"Message(content={self.content[:40]!r}, author={self.author!r})"


def _as_text(content: object) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, dict | list):
        return f"```json\n{json.dumps(content, indent=2, ensure_ascii=False, default=str)}\n```"
    return str(content)


def _author(author: str | None) -> str | None:
    if author is None:
        return None
    if not isinstance(author, str):
        raise MisuseError("Message author must be text or None.")
    if len(author) > AUTHOR_LIMIT:
        raise MisuseError(f"Message author is longer than {AUTHOR_LIMIT} characters.")
    return clean_text(author) or None
