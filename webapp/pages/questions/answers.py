"""The answers to questions of the app: read from their forms, checked by what the app has asked."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import cast

from flask import request
from werkzeug.exceptions import BadRequest, HTTPException, NotFound
from werkzeug.wrappers import Response
from wtforms import StringField

from webapp.accounts.sessions.visitor_limits import visitors_files
from webapp.authoring.elements.custom_forms import FIELD_PREFIX
from webapp.chats.store import StoredChat
from webapp.database.engines import release_connection
from webapp.files.attachments import element_of
from webapp.files.collecting import discard_contents
from webapp.files.contents import FilesUnavailableError
from webapp.files.receiving import not_stored, received_files
from webapp.files.saving import store_contents
from webapp.files.upload_rules import rules_of_question
from webapp.pages.forms import KeyedForm, MessageForm, parse_key
from webapp.pages.questions.fields import read_fields
from webapp.pages.recovered_text import CHOOSE_AGAIN
from webapp.pages.turn_responses import respond_answered, respond_refused
from webapp.site import settings
from webapp.turns.asking import profile_of
from webapp.turns.questions.answering import (
    Answer,
    AskedQuestion,
    answer_question,
    find_open_question,
    find_question,
    refuse_ended,
)
from webapp.web.csrf import CSRF_FIELD
from webapp.web.errors import UNAVAILABLE
from webapp.web.forms import FormFieldError
from webapp.web.refusals import Refusal
from webapp.web.request_guards import FormRequest

ANSWER_FIELDS = frozenset((CSRF_FIELD, "key", "content", "action", "submitted"))


class QuestionFirstError(Refusal):
    """A message, while the app waits for another answer than a text."""

    code = 409
    title = "Not sent"
    message = "The app waits for your answer to its question."
    advice = "Answer that first, or press Stop, then send your message."


class FilesNotAskedForError(Refusal):
    """Files, while the app waits for something else."""

    code = 415
    title = "Not sent"
    message = "The app has asked for no files."
    advice = "Answer without them. You can attach them to your next message."


class NoFileChosenError(Refusal):
    """An answer without a file, where files are asked for."""

    code = 422
    title = "Not sent"
    message = "No file was chosen."
    advice = "Choose a file first."


class NotOfferedError(Refusal):
    """A value that the question does not offer."""

    code = 422
    title = "Not sent"
    message = "The question does not offer this answer."
    advice = "Reload the page, and choose one of its answers."


class ActionForm(KeyedForm):
    """The button that was pressed."""

    action = StringField()


def refuse_unknown_fields() -> None:
    """Refuse a form with a field that no answer has, before the question is looked up.

    Raises
    ------
    FormFieldError
        There is such a field, or one was sent twice that is none of the app's.
    """
    for name, values in request.form.lists():
        if name.startswith(FIELD_PREFIX):
            continue
        if name not in ANSWER_FIELDS:
            raise FormFieldError("This form has no field “{}”.", subject=name[:64])
        if len(values) > 1:
            raise FormFieldError(f"The field “{{}}” was sent {len(values)} times.", subject=name)


def take_answer(chat: StoredChat, question: AskedQuestion) -> Response:
    """Take the answer that this request has to a question.

    If it is refused, the response keeps its text, and the question stays as it is.
    """
    return _take(chat, question, _READERS[question.kind], from_composer=False)


def find_asked(chat: StoredChat) -> AskedQuestion | None:
    """Return the question to which a message from the composer is the answer, if there is one.

    That is the one which the page shows as open, also if it was answered elsewhere meanwhile.
    """
    with suppress(BadRequest, NotFound):  # a page without script names none
        return find_question(chat, parse_key(request.form.get("answers")))
    if chat.turn_id is None:
        return None
    key = None
    with suppress(BadRequest):  # what is malformed is refused later
        key = parse_key(request.form.get("key"))
    return find_open_question(chat, key)


def take_text_answer(chat: StoredChat, question: AskedQuestion) -> Response:
    """Take what was written in the composer as the answer to a question."""
    return _take(chat, question, _read_text, from_composer=True)


def _take(
    chat: StoredChat,
    question: AskedQuestion,
    read: Callable[[StoredChat, AskedQuestion, ExitStack], Answer],
    *,
    from_composer: bool,
) -> Response:
    try:
        profile_of(chat)
        with ExitStack() as received:
            answer_question(chat, question, read(chat, question, received))
    except NotFound:
        raise
    except HTTPException as error:
        again = CHOOSE_AGAIN if question.kind == "file" else ""
        written = ["\n".join(sent) for sent in _sent_fields().values()]
        text = "\n".join([request.form.get("content", ""), *written]).strip("\n")
        return respond_refused(chat, text, error, again=again)
    return respond_answered(chat, question, from_composer=from_composer)


def _read_text(chat: StoredChat, question: AskedQuestion, _received: ExitStack) -> Answer:
    del chat
    form = MessageForm()
    if question.kind != "user":
        raise QuestionFirstError
    _refuse_files()
    said = form.question()
    return Answer(values={"content": said.content}, key=said.key, words=said.content)


def _read_action(chat: StoredChat, question: AskedQuestion, _received: ExitStack) -> Answer:
    del chat
    form = ActionForm()
    _refuse_files()
    pressed = [each for each in question.offers["actions"] if each["id"] == form.action.data]
    if not pressed:
        raise NotOfferedError
    [button] = pressed
    return Answer(values={"action": button["id"]}, key=form.form_key(), words=button["text"])


def _read_files(chat: StoredChat, question: AskedQuestion, received: ExitStack) -> Answer:
    sent, key = cast(FormRequest, request), KeyedForm().form_key()
    # Before the files are read.
    refuse_ended(question, key)
    if not sent.has_parts or not sent.multipart.has_files:
        raise NoFileChosenError
    rules = rules_of_question(question.offers, settings())
    received.enter_context(visitors_files(sent.content_length or 0))
    files = received.enter_context(received_files(sent, rules, chat.owner))
    release_connection()
    try:
        store_contents(files)
    except FilesUnavailableError as error:
        raise not_stored(error) from error
    sizes = {file.stored.sha256: file.stored.size for file in files}

    def discard(failed: type[BaseException] | None, *_: object) -> None:
        if failed is not None:
            with suppress(FilesUnavailableError, *UNAVAILABLE):  # a job tries again
                discard_contents(sizes)

    received.push(discard)
    return Answer(
        values={"files": [element_of(file).to_json() for file in files]},
        key=key,
        words=", ".join(file.name for file in files),
        files=files,
    )


def _read_element(chat: StoredChat, question: AskedQuestion, _received: ExitStack) -> Answer:
    del chat
    _refuse_files()
    key = parse_key(request.form.get("key"))
    submitted = {"yes": True, "no": False}.get(request.form.get("submitted", ""))
    if submitted is None:
        raise NotOfferedError
    fields = read_fields(question.offers["fields"], _sent_fields()) if submitted else {}
    name = question.offers["element"]["name"]
    return Answer(values={"submitted": submitted, "fields": fields}, key=key, words=name)


def _sent_fields() -> dict[str, list[str]]:
    return {
        name.removeprefix(FIELD_PREFIX): sent
        for name, sent in request.form.lists()
        if name.startswith(FIELD_PREFIX)
    }


def _refuse_files() -> None:
    sent = cast(FormRequest, request)
    if sent.has_parts and sent.multipart.has_files:
        raise FilesNotAskedForError


_READERS = {
    "user": _read_text,
    "action": _read_action,
    "file": _read_files,
    "element": _read_element,
}
