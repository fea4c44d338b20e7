"""Chats that are there already, written as the app writes them, and what a search finds in them."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from itertools import count

from flask import Flask
from sqlalchemy import insert, select, text

from webapp.authoring.chat_message import ASSISTANT, COMPLETE, USER, ChatMessage
from webapp.chats.message_rows import insert_messages
from webapp.chats.models import Chat, SearchEntry
from webapp.chats.search_index import index_messages, index_title
from webapp.chats.tokenizer import owner_word, scoped_word
from webapp.database.engines import db, read_connection, utc_now, write_transaction
from webapp.history.search.results import SearchResult, search

OWNER = "user:alice"
# Fails when the index does not say what the table says.
INTEGRITY_CHECK = text(
    "INSERT INTO search_words (search_words, rank) VALUES ('integrity-check', 1)"
)


@dataclass
class History:
    """The chats of an app, as somebody who searches knows them: by their titles."""

    app: Flask
    _numbers: count[int] = field(default_factory=lambda: count(1))

    def write(
        self, title: str, *said: str, owner: str = OWNER, profile: str | None = None
    ) -> uuid.UUID:
        """Store a chat in which this was said, by its user and the app in turn; return its id."""
        now = utc_now()
        chat_id = uuid.uuid4()
        chat = {
            "id": chat_id,
            "owner": owner,
            "profile": profile,
            "written": True,
            "created_at": now,
            "active_at": now,
            "title": title,
        }
        with self.app.app_context(), write_transaction() as connection:
            connection.execute(insert(Chat), [chat])
        if title:
            with self.app.app_context(), write_transaction() as connection:
                index_title(connection, owner, chat_id, title)
        self.add(chat_id, *said, owner=owner)
        return chat_id

    def add(self, chat_id: uuid.UUID, *said: str, owner: str = OWNER) -> list[uuid.UUID]:
        """Store messages of a chat that is there, and return their ids."""
        messages = [
            ChatMessage(
                id=uuid.uuid4(),
                kind=ASSISTANT if place % 2 else USER,
                content=content,
                status=COMPLETE,
                created_at=utc_now(),
                sequence=next(self._numbers),
            )
            for place, content in enumerate(said)
        ]
        if messages:
            with self.app.app_context(), write_transaction() as connection:
                insert_messages(connection, chat_id, messages)
                said_in = [(message.id, message.content) for message in messages]
                index_messages(connection, owner, chat_id, said_in)
        return [message.id for message in messages]

    def search(
        self,
        query: str,
        *,
        owner: str = OWNER,
        profile: str | None = None,
        before: int | None = None,
    ) -> SearchResult:
        """Search, and return a page."""
        with self.app.app_context():
            return search(owner, query, profile, before)

    def found(self, query: str, *, owner: str = OWNER, profile: str | None = None) -> list[str]:
        """Return the titles of the chats that a search finds, on all of its pages."""
        pages = self.pages(query, owner=owner, profile=profile)
        return [title for page in pages for title in page]

    def pages(
        self, query: str, *, owner: str = OWNER, profile: str | None = None
    ) -> list[list[str]]:
        """Return the titles on each page of a search."""
        titles, before = [], None
        while True:
            page = self.search(query, owner=owner, profile=profile, before=before)
            titles.append([hit.title for hit in page.hits])
            if page.next is None:
                return titles
            assert before is None or page.next < before, "it goes round in circles"
            before = page.next

    def indexed(self) -> set[tuple[uuid.UUID, uuid.UUID | None]]:
        """Return the chat and the message of each entry."""
        with self.app.app_context(), read_connection() as connection:
            entries = connection.execute(select(SearchEntry.chat_id, SearchEntry.message_id)).all()
        return {(entry.chat_id, entry.message_id) for entry in entries}

    def matching_rows(self, word: str) -> int:
        """Return how many entries the index of the database itself has for a word."""
        with self.app.app_context(), db.engine.connect() as connection:
            if connection.dialect.name == "sqlite":
                check = (
                    "INSERT INTO search_words (search_words, rank) VALUES ('integrity-check', 1)"
                )
                connection.execute(text(check))
                asked = "SELECT count(*) FROM search_words WHERE search_words MATCH :word"
            else:
                asked = "SELECT count(*) FROM search_entries WHERE words @@ CAST(:word AS tsquery)"
                own = owner_word(OWNER)
                word = word if word == own else scoped_word(own, word)
            return int(connection.execute(text(asked), {"word": word}).scalar_one())
