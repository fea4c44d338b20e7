"""Answering a question of the app with a text, from its own form or from the composer."""

from __future__ import annotations

from typing import cast

from flask import request
from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.wrappers import Response

from webapp.chats.store import StoredChat
from webapp.pages.forms import MessageForm
from webapp.pages.turn_responses import respond_answered, respond_refused
from webapp.turns.asking import profile_of
from webapp.turns.questions.answering import Answer, AskedQuestion, answer_question
from webapp.web.refusals import Refusal
from webapp.web.request_guards import FormRequest


class QuestionFirstError(Refusal):
    """A message, while the app waits for another answer than a text."""

    code = 409
    title = "Not sent"
    message = "The app waits for your answer to its question."
    advice = "Answer that first, or press Stop, then send your message."


class FilesNotAskedForError(Refusal):
    """Files, while the app waits for a text."""

    code = 415
    title = "Not sent"
    message = "The app has asked for a text, and takes no files with it."
    advice = "Answer without the files. You can attach them to your next message."


def answer_with_text(
    chat: StoredChat, question: AskedQuestion, form: MessageForm, *, from_composer: bool
) -> Response:
    """Take a text as the answer to a question. If it is refused, the response keeps it."""
    try:
        if question.kind != "user":
            raise QuestionFirstError
        sent = cast(FormRequest, request)
        if sent.has_parts and sent.multipart.has_files:
            raise FilesNotAskedForError
        profile_of(chat)
        said = form.question()
        answer = Answer(values={"content": said.content}, key=said.key, words=said.content)
        answer_question(chat, question, answer)
    except NotFound:
        raise
    except HTTPException as error:
        return respond_refused(chat, form.draft, error)
    return respond_answered(chat, question, from_composer=from_composer)
