"""Answering what an app asks, as a page does without JavaScript."""

from __future__ import annotations

import uuid
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse, encode_multipart

from tests.support.chats import Chat
from tests.support.html import Element
from tests.support.uploads import Sent, as_file


def asks(app: Flask) -> Chat:
    """Return a chat in which the app asks something as soon as it starts."""
    chat = Chat(app)
    chat.until(lambda: bool(open_question(chat)))
    return chat


def questions(chat: Chat) -> list[Element]:
    """Return the questions that the page shows."""
    return chat.page().all(data_testid="question")


def open_question(chat: Chat) -> Element | None:
    """Return the question that the page shows as open, if it shows one."""
    found = chat.page().all(data_testid="question", data_status="open")
    return found[0] if found else None


def answer_fields(chat: Chat) -> tuple[str, dict[str, str]]:
    """Return the address and the hidden fields of the form of the open question."""
    question = open_question(chat)
    assert question is not None, chat.page().text
    form = question.one("form")
    hidden = {
        str(field["name"]): str(field["value"])
        for field in form.all("input", type="hidden")
        if field["name"] != "csrf_token"
    }
    return str(form["action"]), hidden


def answer(chat: Chat, htmx: bool = False, key: str | None = None, **fields: Any) -> TestResponse:
    """Answer the open question."""
    address, hidden = answer_fields(chat)
    hidden["key"] = key or str(uuid.uuid4())
    return chat.visitor.post(address, {**hidden, **fields}, htmx=htmx)


def send_files(chat: Chat, *files: Sent, htmx: bool = False) -> TestResponse:
    """Answer the open question with files."""
    address, hidden = answer_fields(chat)
    form = {"csrf_token": chat.visitor.token, **hidden, "files": [as_file(*file) for file in files]}
    boundary, body = encode_multipart(form)
    return chat.visitor.client.post(
        address,
        data=body,
        content_type=f"multipart/form-data; boundary={boundary}",
        headers={"HX-Request": "true"} if htmx else {},
    )


def statuses(chat: Chat) -> list[str]:
    """Return how the questions of the page stand."""
    return [str(question["data-status"]) for question in questions(chat)]
