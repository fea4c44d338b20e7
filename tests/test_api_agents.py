"""The API as an agent: its events are those of AG-UI, by the types of that package."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from ag_ui import core
from flask import Flask
from pydantic import TypeAdapter
from werkzeug.test import TestResponse

from tests.support.api import Program, add_token, events_of
from tests.support.apps import AppMaker
from webapp.accounts import directory
from webapp.api.agent_runs import AgentRunEvents
from webapp.database.engines import db

EVENT: TypeAdapter[core.Event] = TypeAdapter(core.Event)
TYPE = core.EventType


@pytest.fixture
def app(make_app: AppMaker) -> Flask:
    app = make_app("programs.py", api="on")
    with app.app_context():
        directory.add("alice", "violet tractor parade", details={"role": "ADMIN"})
        directory.add("bob", "violet tractor parade")
        db.session.remove()
    return app


@pytest.fixture
def program(app: Flask) -> Program:
    return Program(app, add_token(app, "alice"))


def run(program: Program, thread: str, *texts: str, profile: str = "team") -> TestResponse:
    messages: list[core.Message] = [
        core.UserMessage(id=str(number), content=text) for number, text in enumerate(texts)
    ]
    asked = core.RunAgentInput(thread_id=thread, run_id="r1", messages=messages)
    return program.post(f"/ag-ui/{profile}", json.loads(asked.model_dump_json(by_alias=True)))


def told(answer: TestResponse) -> list[Any]:
    assert answer.status_code == 200, answer.text
    return [EVENT.validate_python(event) for event in events_of(answer.text)]


def test_a_run_is_told_in_events_of_the_package(program: Program) -> None:
    events = told(run(program, "thread", "Hello"))
    assert isinstance(events[0], core.RunStartedEvent)
    assert (events[0].thread_id, events[0].run_id) == ("thread", "r1")
    texts = [event.delta for event in events if event.type == TYPE.TEXT_MESSAGE_CONTENT]
    assert "".join(texts) == "You said Helloalice under team"
    kinds = [event.type for event in events]
    assert kinds.count(TYPE.TEXT_MESSAGE_START) == kinds.count(TYPE.TEXT_MESSAGE_END) == 2
    calls = [event for event in events if "TOOL_CALL" in event.type.value]
    assert [event.type.value.removeprefix("TOOL_CALL_") for event in calls] == [
        *("START", "ARGS", "END", "RESULT")
    ]
    assert calls[0].tool_call_name == "look"
    assert json.loads(calls[1].delta) == {"for": "Hello"}
    assert calls[3].content == "found"
    assert isinstance(events[-1], core.RunFinishedEvent)
    assert events[-1].outcome == core.RunFinishedSuccessOutcome()


def test_a_thread_is_one_chat_of_one_user(app: Flask, program: Program) -> None:
    first, again = run(program, "thread", "Hello"), run(program, "thread", "Hello", "history")
    assert first.headers["X-Chat-Id"] == again.headers["X-Chat-Id"]
    text = "".join(e.delta for e in told(again) if e.type == TYPE.TEXT_MESSAGE_CONTENT)
    assert text.count("user: Hello") == 1
    assert run(program, "other", "Hello").headers["X-Chat-Id"] != first.headers["X-Chat-Id"]
    bob = Program(app, add_token(app, "bob"))
    assert run(bob, "thread", "Hello").headers["X-Chat-Id"] != first.headers["X-Chat-Id"]
    # The id of a chat names it, too; somebody else's is just a name.
    chat_id = first.headers["X-Chat-Id"]
    assert run(program, chat_id, "Hello").headers["X-Chat-Id"] == chat_id
    assert run(bob, chat_id, "Hello").headers["X-Chat-Id"] != chat_id


def test_a_failure_is_a_run_error(program: Program) -> None:
    [started, *_, error] = told(run(program, "thread", "fail"))
    assert started.type == TYPE.RUN_STARTED
    assert error.type == TYPE.RUN_ERROR
    assert error.message.startswith("Something went wrong")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"threadId": "t", "runId": "r"},
        {"threadId": "t", "runId": 1, "messages": []},
        {"threadId": "", "runId": "r", "messages": [{"role": "user", "content": "x"}]},
        {"threadId": "t" * 201, "runId": "r", "messages": [{"role": "user", "content": "x"}]},
        {"threadId": "t", "runId": "r", "messages": [{"role": "reasoning", "content": "x"}]},
    ],
)
def test_what_is_no_input_of_an_agent_is_refused(program: Program, body: object) -> None:
    assert program.post("/ag-ui/team", body).status_code == 400


def test_a_profile_that_is_not_offered_is_refused(app: Flask) -> None:
    bob = Program(app, add_token(app, "bob"))
    assert run(bob, "thread", "Hello", profile="admin-only").status_code == 403


def test_a_run_that_breaks_off_ends_what_it_has_begun() -> None:
    events = AgentRunEvents("t", str(uuid.uuid4()))
    parsed = [EVENT.validate_python(e) for e in events_of(events.fail("no", "x").decode())]
    assert [event.type for event in parsed] == [TYPE.RUN_ERROR]
