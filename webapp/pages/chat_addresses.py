"""The addresses of a chat, from one `url_for` instead of one for each."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from urllib.parse import urlencode

from flask import url_for

from webapp.chats.versions import OtherVersion


@dataclass(frozen=True)
class ChatAddresses:
    """The addresses of a chat: its page, and what can be done with it. They need no request.

    Parameters
    ----------
    page
        The address of the chat's page, with which all others begin.
    """

    page: str

    @property
    def start(self) -> str:
        """Return where a new chat is started."""
        return self.page.rpartition("/")[0]

    @property
    def say(self) -> str:
        """Return where a message is posted."""
        return f"{self.page}/messages"

    @property
    def edit(self) -> str:
        """Return where another text for a message is posted."""
        return f"{self.page}/edit"

    @property
    def stop(self) -> str:
        """Return where Stop is posted."""
        return f"{self.page}/stop"

    @property
    def retry(self) -> str:
        """Return where Try again is posted."""
        return f"{self.page}/retry"

    @property
    def regenerate(self) -> str:
        """Return where Answer again is posted."""
        return f"{self.page}/regenerate"

    def press(self, action_id: uuid.UUID) -> str:
        """Return where a button is pressed."""
        return f"{self.page}/actions/{action_id}"

    @property
    def settings(self) -> str:
        """Return where the chat's settings are."""
        return f"{self.page}/settings"

    @property
    def selector(self) -> str:
        """Return where the chat's profile selector is."""
        return f"{self.page}/profile"

    def follow(self, turn_id: uuid.UUID) -> str:
        """Return where a page asks how a turn goes on."""
        return f"{self.page}/turns/{turn_id}"

    def wait(self, turn_id: uuid.UUID, questions: str) -> str:
        """Return where a page that shows open questions asks how their turn goes on."""
        return f"{self.follow(turn_id)}?{urlencode({'waiting': questions})}"

    def answer(self, question_id: str) -> str:
        """Return where the answer to a question of the app is posted."""
        return f"{self.page}/questions/{question_id}"

    def edit_form(self, message_id: uuid.UUID) -> str:
        """Return where the form is with which a message is edited."""
        return f"{self.page}/messages/{message_id}/edit"

    def version(self, other: OtherVersion, kind: str) -> str:
        """Return where another version of a ``question`` or an ``answer`` is shown."""
        page = f"{self.page}/versions/{other.replaced_by}" if other.replaced_by else self.page
        return f"{page}#{kind}-{other.turn_id}"

    def version_before(self, turn_id: uuid.UUID, before: int) -> str:
        """Return where the messages of a version before the one with that number are."""
        return f"{self.page}/versions/{turn_id}?before={before}"

    def rate(self, message_id: uuid.UUID) -> str:
        """Return where a rating of a message is posted."""
        return f"{self.page}/messages/{message_id}/feedback"

    def news(
        self, after: uuid.UUID | None, under: str | None, until: int = 0, seen: str = ""
    ) -> str:
        """Return where an idle page asks for news.

        Parameters
        ----------
        after, under:
            The turn and the profile that it shows.
        until, seen:
            Until when it asks for late messages, and the last change that it shows.
        """
        asked = {"after": after or "", "under": under or ""}
        late = {"until": until, "seen": seen} if until else {}
        return f"{self.page}/news?{urlencode(asked | late)}"


def addresses_of(chat_id: uuid.UUID) -> ChatAddresses:
    """Return the addresses of a chat, for the site of this request."""
    return ChatAddresses(url_for("chats.show", chat_id=chat_id))
