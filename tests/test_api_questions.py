"""An app that asks its user while a program talks with it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ag_ui import core
from flask import Flask
from pydantic import TypeAdapter

from tests.support.api import Program, add_token, events_of
from tests.support.apps import AppMaker
from tests.support.chats import Chat
from tests.support.log import LogReader
from tests.support.people import Visitor
from webapp.accounts import directory
from webapp.config.settings import Settings
from webapp.database.engines import db
from webapp.database.schema import upgrade

EVENT: TypeAdapter[core.Event] = TypeAdapter(core.Event)
APP = """
import chat_profiles as cl

cl.password_auth_callback(cl.seeded_user)


@cl.on_message
async def reply(message: cl.Message):
    if message.content == "buttons":
        actions = [cl.Action(name=name, payload={}, label=name.title()) for name in ("yes", "no")]
        pressed = await cl.AskActionMessage("Shall I?", actions=actions, timeout=30).send()
        await cl.Message("Pressed " + pressed["name"]).send()
        return
    answer = await cl.AskUserMessage("Which city?", timeout=30).send()
    await cl.Message("Off to " + answer["output"]).send()
"""


@pytest.fixture
def app(make_app: AppMaker) -> Flask:
    app = make_app(APP, api="on")
    with app.app_context():
        directory.add("alice", "violet tractor parade")
        directory.add("bob", "violet tractor parade")
        db.session.remove()
    return app


@pytest.fixture
def program(app: Flask) -> Program:
    return Program(app, add_token(app, "alice"))


def say(program: Program, text: str, chat_id: str = "", **body: Any) -> tuple[str, str]:
    """Return what is answered to a text, and the id of the chat."""
    metadata = {"metadata": {"chat_id": chat_id}} if chat_id else {}
    asked = [{"role": "user", "content": text}]
    answer = program.complete("default", messages=asked, **metadata, **body)
    assert answer.status_code == 200, answer.text
    if body.get("stream"):
        deltas = [event["choices"][0]["delta"] for event in events_of(answer.text)[:-1]]
        return "".join(delta.get("content", "") for delta in deltas), answer.headers["X-Chat-Id"]
    content = answer.json["choices"][0]["message"]["content"]  # type: ignore[index]
    return content, answer.headers["X-Chat-Id"]


@pytest.mark.parametrize("stream", [False, True])
def test_a_question_ends_the_answer_and_the_next_text_answers_it(
    program: Program, stream: bool
) -> None:
    asked, chat_id = say(program, "Go", stream=stream)
    assert asked == "Which city?"
    assert say(program, "Rome", chat_id, stream=stream) == ("Off to Rome", chat_id)


def test_a_button_is_pressed_by_its_words(program: Program) -> None:
    asked, chat_id = say(program, "buttons")
    assert asked == "Shall I?"
    body = {"model": "default", "messages": [{"role": "user", "content": "Maybe"}]}
    refused = program.post("/chat/completions", body, **{"X-Chat-Id": chat_id})
    assert refused.status_code == 400
    assert "Yes, No" in refused.json["error"]["message"]  # type: ignore[index]
    assert say(program, "Yes", chat_id)[0] == "Pressed yes"


def test_the_user_may_answer_on_the_page(app: Flask, program: Program) -> None:
    _, chat_id = say(program, "Go")
    alice = Visitor(app).logged_in("alice", "violet tractor parade")
    chat = Chat.at(alice, f"/chats/{chat_id}").say("Oslo")
    assert chat.messages()[-1] == "Off to Oslo"


def test_another_process_takes_the_answer(app: Flask, make_app: AppMaker, program: Program) -> None:
    _, chat_id = say(program, "Go")
    other = Program(make_app(APP, api="on"), add_token(app, "alice"))
    assert say(other, "Lima", chat_id) == ("Off to Lima", chat_id)


def test_a_token_for_some_profiles_is_none_for_an_app_without_any(
    app: Flask, program: Program
) -> None:
    _, chat_id = say(program, "Go")
    scoped = Program(app, add_token(app, "alice", ["GPT-4"]))
    assert scoped.models() == []
    assert scoped.complete("default").status_code == 403
    assert scoped.complete("default", metadata={"chat_id": chat_id}).status_code == 403
    assert Program(app, add_token(app, "alice", ["default"])).models() == ["default"]


@pytest.mark.postgresql
def test_postgresql_keeps_it_all(make_app: AppMaker, postgresql_url: str, log: LogReader) -> None:
    upgrade(Settings(database_url=postgresql_url))
    app = make_app(APP, api="on", database_url=postgresql_url)
    with app.app_context():
        directory.add("alice", "violet tractor parade")
        db.session.remove()
    program = Program(app, add_token(app, "alice", ["default"]))
    earlier = [{"role": "user", "content": "Before"}, {"role": "assistant", "content": "So?"}]
    body = {"model": "default", "messages": [*earlier, {"role": "user", "content": "Go"}]}
    # An app without profiles has one that no list names.
    answer = program.post("/chat/completions", body)
    assert answer.status_code == 200, answer.text
    assert say(program, "Quito", answer.headers["X-Chat-Id"])[0] == "Off to Quito"


def run(program: Program, *texts: str, **body: Any) -> list[Any]:
    messages: list[core.Message] = [core.UserMessage(id=text, content=text) for text in texts]
    asked = core.RunAgentInput(thread_id="t", run_id="r", messages=messages, **body)
    answer = program.post("/ag-ui/default", json.loads(asked.model_dump_json(by_alias=True)))
    assert answer.status_code == 200, answer.text
    return [EVENT.validate_python(event) for event in events_of(answer.text)]


def test_a_question_interrupts_a_run_and_resume_answers_it(app: Flask, program: Program) -> None:
    [interrupt] = run(program, "buttons")[-1].outcome.interrupts
    assert interrupt.message == "Shall I?"
    assert interrupt.response_schema == {"type": "string", "enum": ["Yes", "No"]}
    entry = core.ResumeEntry(interrupt_id=interrupt.id, status="resolved", payload="No")
    resumed = run(program, resume=[entry])
    texts = [event.delta for event in resumed if event.type == core.EventType.TEXT_MESSAGE_CONTENT]
    assert texts == ["Pressed no"]
    # It is over, and nobody else's.
    again = core.RunAgentInput(thread_id="t", run_id="r", messages=[], resume=[entry])
    body = json.loads(again.model_dump_json(by_alias=True))
    assert program.post("/ag-ui/default", body).status_code == 409
    bob = Program(app, add_token(app, "bob"))
    assert bob.post("/ag-ui/default", body).status_code == 404


@pytest.mark.parametrize(
    "resume",
    [
        "x",
        [{}, {}],
        [{"interruptId": "1", "status": "resolved", "payload": "x"}],
        [{"interruptId": "1", "status": "cancelled"}],
        [{"interruptId": "8f1f2e3c-5f5b-4c43-9a52-6d1f0a7c1b5e", "status": "resolved"}],
    ],
)
def test_a_resume_that_is_none_is_refused(program: Program, resume: object) -> None:
    body = {"threadId": "t", "runId": "r", "messages": [], "resume": resume}
    assert program.post("/ag-ui/default", body).status_code == 400


def test_the_thread_of_a_deleted_chat_is_not_available(app: Flask, program: Program) -> None:
    asked = core.RunAgentInput(
        thread_id="t", run_id="r", messages=[core.UserMessage(id="1", content="Go")]
    )
    body = json.loads(asked.model_dump_json(by_alias=True))
    chat_id = program.post("/ag-ui/default", body).headers["X-Chat-Id"]
    alice = Visitor(app).logged_in("alice", "violet tractor parade")
    assert alice.post(f"/chats/{chat_id}/delete").status_code == 303
    assert program.post("/ag-ui/default", body).status_code == 409
