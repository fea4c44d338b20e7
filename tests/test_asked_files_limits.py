"""What is not taken of the files that a question asks for, as for those of messages."""

from __future__ import annotations

import tracemalloc
import uuid
from io import BytesIO
from typing import Any

import pytest

from tests.support.apps import AppMaker
from tests.support.chats import Chat
from tests.support.cpu import cpu_seconds
from tests.support.questions import answer_fields, asks, statuses
from tests.support.rows import count, every_row
from tests.support.uploads import stored_contents, temporary_files
from tests.test_upload_limits import (
    BROKEN,
    HOSTILE,
    MEGABYTE,
    MULTIPART,
    Body,
    field,
    file_head,
)

APP = """
    import chat_profiles as cl

    @cl.on_chat_start
    async def start():
        await cl.AskFileMessage("Files!", accept=["text/*"], max_size_mb=1, timeout=60).send()
"""


@pytest.fixture
def chat(make_app: AppMaker) -> Chat:
    """Return a chat that asks for a file."""
    return asks(make_app(APP))


def send(chat: Chat, address: str, body: Any, length: int) -> Any:
    """Send a body to a question as it is."""
    environ = {"wsgi.input": body, "CONTENT_TYPE": MULTIPART, "CONTENT_LENGTH": str(length)}
    return chat.visitor.client.post(address, environ_overrides=environ)


def fields(chat: Chat) -> bytes:
    """Return the fields of an answer, before its files."""
    return field("csrf_token", chat.visitor.token) + field("key", str(uuid.uuid4()))


def test_a_body_of_too_many_bytes_is_refused_before_its_files_are_read(chat: Chat) -> None:
    address, _ = answer_fields(chat)
    body = Body(fields(chat) + file_head("big.txt"), 0)
    assert send(chat, address, body, 100 * MEGABYTE).status_code == 413
    assert body.asked < 200_000
    assert statuses(chat) == ["open"]


def test_a_file_is_refused_while_it_arrives(chat: Chat) -> None:
    address, _ = answer_fields(chat)
    body = Body(fields(chat) + file_head("big.txt"), 2 * MEGABYTE)
    assert send(chat, address, body, 2 * MEGABYTE).status_code == 413
    assert body.asked < 1.5 * MEGABYTE


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_body_is_refused_and_leaves_nothing(chat: Chat, kind: str) -> None:
    app = chat.visitor.app
    address, _ = answer_fields(chat)
    body = BROKEN[kind](fields(chat) + file_head("a.txt"))
    # Whatever is wrong with the fields is no form at all, as for an import.
    assert send(chat, address, BytesIO(body), len(body) + 10).status_code in (400, 415)
    assert (temporary_files(app), stored_contents(app), count(app, "files")) == ([], [], 0)
    assert statuses(chat) == ["open"]


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_strangers_files_cost_nothing(chat: Chat, kind: str) -> None:
    address, _ = answer_fields(chat)
    body = HOSTILE[kind]()
    chat.visitor.client.delete_cookie("session")
    before = every_row(chat.visitor.app)
    send(chat, address, BytesIO(b"x"), 1)  # the first request compiles the templates

    spent = cpu_seconds(lambda: send(chat, address, BytesIO(body), len(body)), 0.3)
    refused = send(chat, address, BytesIO(body), len(body))
    tracemalloc.start()
    send(chat, address, BytesIO(body), len(body))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert refused.status_code in (400, 413, 415)
    assert spent < 0.3
    assert peak < 16 * MEGABYTE
    assert every_row(chat.visitor.app) == before


def test_a_chat_of_somebody_else_takes_no_files(chat: Chat) -> None:
    address, _ = answer_fields(chat)
    other = Chat(chat.visitor.app)
    other.page()
    body = Body(fields(other) + file_head(), MEGABYTE)
    assert send(other, address, body, MEGABYTE).status_code == 404
    assert body.asked < 200_000
