"""`Idempotency-Key`: a request of a program that is sent again takes effect once."""

from __future__ import annotations

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.support.api import ASKED, TEAM, Program, add_token, events_of
from tests.support.apps import AppMaker
from tests.support.conversation import wait_until
from tests.support.people import Visitor
from tests.support.rows import column, count, run_sql
from webapp.web.server import HOST, Host

ASKS = """
    import chat_profiles as cl

    @cl.set_chat_profiles
    def profiles():
        return [cl.ChatProfile("team", "Answers.")]

    @cl.password_auth_callback
    def check(username, password):
        return cl.User(username)

    @cl.on_message
    async def reply(message):
        if message.content == "ask":
            answer = await cl.AskUserMessage("Name?", timeout=30).send()
            await cl.Message(f"Hi {answer['output']}").send()
        else:
            await cl.Message(f"echo {message.content}").send()
"""
# Two requests begin a chat at once.
MEETS = (
    ASKS
    + """
    import asyncio
    begun = []

    @cl.on_chat_start
    async def start():
        begun.append(1)
        while len(begun) < 2:
            await asyncio.sleep(0.01)
"""
)
# The start of the chat goes on until the file is there.
GREETS = (
    ASKS
    + """
    import asyncio, pathlib

    @cl.on_chat_start
    async def start():
        message = cl.Message("")
        await message.stream_token("Hello")
        while not pathlib.Path("FILE").exists():
            await asyncio.sleep(0.01)
        await message.send()
"""
)


# The answer goes on until the file is there.
SLOW = (
    ASKS
    + """
        import asyncio, pathlib
        message = cl.Message("")
        await message.stream_token("one ")
        while not pathlib.Path("FILE").exists():
            await asyncio.sleep(0.01)
        await message.stream_token("two")
        await message.send()
"""
)


@pytest.fixture
def app(make_app: AppMaker) -> Flask:
    return make_app(ASKS, api="on")


@pytest.fixture
def program(app: Flask) -> Program:
    return Program(app, add_token(app, sign_in(app, "alice")))


def sign_in(app: Flask, name: str) -> str:
    Visitor(app).logged_in(name)
    return name


def on_several_threads(app: Flask) -> Program:
    """Return a program of a server that may let several requests wait at once."""
    program = Program(app, add_token(app, sign_in(app, "alice")))
    base: dict[str, Any] = program.client.environ_base
    base[HOST] = Host(name="threaded", threads=4)
    return program


def ask(program: Program, key: str = "k1", content: str = "Hello", **more: Any) -> TestResponse:
    headers = {"Idempotency-Key": key, **more.pop("headers", {})}
    messages = [*more.pop("before", []), {"role": "user", "content": content}]
    body = {"model": TEAM, "messages": messages, **more}
    return program.post("/chat/completions", body, **headers)


def said(answer: TestResponse) -> str:
    assert answer.status_code == 200, answer.text
    found: str = answer.json["choices"][0]["message"]["content"]  # type: ignore[index]
    return found


def assert_told_to_come_again(refused: TestResponse) -> None:
    assert (refused.status_code, refused.headers["Retry-After"]) == (409, "1"), refused.text
    assert refused.json["error"]["message"] == (  # type: ignore[index]
        "The first request with this Idempotency-Key is still being answered. "
        "Send this request again in a moment."
    )


def test_the_same_request_gets_the_same_answer(program: Program) -> None:
    first, second = ask(program), ask(program)
    assert said(first) == said(second) == "echo Hello"
    for name in ("id", "chat_id"):
        assert first.json[name] == second.json[name]  # type: ignore[index]
    assert column(program.app, "turns.status").count("complete") == 1
    assert count(program.app, "chats") == 1


def test_a_stream_comes_again_whole(program: Program) -> None:
    first = events_of(ask(program, stream=True).text)
    second = events_of(ask(program, stream=True).text)
    texts = [
        "".join(it["choices"][0]["delta"].get("content", "") for it in events[:-1])
        for events in (first, second)
    ]
    assert texts == ["echo Hello", "echo Hello"]
    assert count(program.app, "chats") == 1


def test_an_answer_waits_for_a_client_that_leaves_its_stream(
    make_app: AppMaker, tmp_path: Path
) -> None:
    go_on = tmp_path / "go_on"
    app = make_app(SLOW.replace("FILE", str(go_on)), api="on", streaming="sse")
    program = on_several_threads(app)
    body = {"model": TEAM, "messages": ASKED, "stream": True}
    headers = {**program.headers, "Idempotency-Key": "k1"}
    answer = program.client.post("/v1/chat/completions", json=body, headers=headers)
    pieces = iter(answer.response)
    assert any(b"one " in (piece if isinstance(piece, bytes) else b"") for piece in pieces)
    answer.close()
    go_on.touch()
    texts = [
        event["choices"][0]["delta"].get("content") or ""
        for event in events_of(ask(program, stream=True).text)[:-1]
    ]
    assert "".join(texts).endswith("one two")
    assert column(app, "turns.status") == ["complete"]


@pytest.mark.parametrize("status", ["interrupted", "running"], ids=["interrupted", "lost"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_an_answer_whose_process_has_died_is_an_error(
    program: Program, status: str, stream: bool
) -> None:
    ask(program, stream=stream)
    long_ago = "UPDATE turns SET status = :status, seen_at = '2026-01-01 00:00:00'"
    run_sql(program.app, long_ago, status=status)
    again = ask(program, stream=stream)
    assert again.status_code == (200 if stream else 500)
    told = events_of(again.text)[-1] if stream else again.json
    assert "interrupted. Ask again, with a new Idempotency-Key" in str(told)


@pytest.mark.parametrize(
    "changed",
    [
        {"content": "Other"},
        {"before": [{"role": "assistant", "content": "x"}]},
        {"model": "other"},
        {"stream": True},
        {"temperature": 1},
    ],
)
def test_another_body_with_the_key_is_refused(program: Program, changed: dict[str, Any]) -> None:
    ask(program)
    refused = ask(program, **changed)
    assert refused.status_code == 422
    assert "another body" in refused.json["error"]["message"]  # type: ignore[index]
    assert count(program.app, "chats") == 1


def test_other_keys_and_none_are_other_requests(program: Program) -> None:
    chats = {ask(program, key).json["chat_id"] for key in ("k1", "k2")}  # type: ignore[index]
    assert len(chats) == 2
    program.post("/chat/completions", {"model": TEAM, "messages": ASKED})
    assert count(program.app, "chats") == 3


def test_the_key_is_that_of_the_token(program: Program, app: Flask) -> None:
    again = Program(app, add_token(app, "alice"))
    bob = Program(app, add_token(app, sign_in(app, "bob")))
    chats = {ask(it).json["chat_id"] for it in (program, again, bob)}  # type: ignore[index]
    assert len(chats) == 3


def test_in_a_chat_that_goes_on(program: Program) -> None:
    chat = {"X-Chat-Id": ask(program, "k0").headers["X-Chat-Id"]}
    assert said(ask(program, "k1", "more", headers=chat)) == "echo more"
    assert said(ask(program, "k1", "more", headers=chat)) == "echo more"
    assert ask(program, "k1", "else", headers=chat).status_code == 422
    # A key that has begun this chat is no other request's.
    assert ask(program, "k0", "more", headers=chat).status_code == 422
    assert said(ask(program, "k2", "more", headers=chat)) == "echo more"
    assert column(program.app, "turns.status").count("complete") == 3


def test_an_answer_to_a_question_counts_once(program: Program) -> None:
    chat = {"X-Chat-Id": ask(program, "k0", "ask").headers["X-Chat-Id"]}
    for _ in range(2):
        assert said(ask(program, "k1", "Ada", headers=chat)) == "Hi Ada"
    assert column(program.app, "questions.status") == ["answered"]


def test_at_the_same_time_one_runs(program: Program) -> None:
    barrier, statuses = threading.Barrier(4, timeout=60), []

    def send() -> None:
        barrier.wait()
        statuses.append(ask(program).status_code)

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # While the first one begins its chat, another is told to try again. Few may wait here at once.
    assert set(statuses) <= {200, 409, 429}
    assert 200 in statuses
    assert count(program.app, "chats") == 1
    assert said(ask(program)) == "echo Hello"
    assert column(program.app, "turns.status").count("complete") == 1


def test_what_comes_while_the_first_request_begins_is_told_to_come_again(
    make_app: AppMaker,
) -> None:
    app = make_app(MEETS, api="on")
    program = on_several_threads(app)
    with ThreadPoolExecutor(2) as threads:
        answers = [it.result() for it in [threads.submit(ask, program) for _ in range(2)]]
    answered, refused = sorted(answers, key=lambda answer: answer.status_code)
    assert said(answered) == "echo Hello"
    assert_told_to_come_again(refused)
    assert said(ask(program)) == "echo Hello"
    assert count(app, "chats") == 1


def test_what_comes_while_the_chat_greets_is_told_to_come_again(
    make_app: AppMaker, tmp_path: Path
) -> None:
    go_on = tmp_path / "go_on"
    app = make_app(GREETS.replace("FILE", str(go_on)), api="on")
    program = on_several_threads(app)
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(ask, program)
        try:
            wait_until(lambda: count(app, "chats") == 1)
            assert_told_to_come_again(ask(program))
        finally:
            go_on.touch()
        assert said(first.result()) == said(ask(program)) == "echo Hello"
    assert count(app, "chats") == 1


def test_the_key_of_a_deleted_chat_needs_another(program: Program, app: Flask) -> None:
    ask(program)
    run_sql(app, "UPDATE chats SET deleted_at = created_at")
    refused = ask(program)
    assert refused.status_code == 422
    told = refused.json["error"]["message"]  # type: ignore[index]
    assert "was deleted" in told
    assert "Send a new key" in told


def test_json_of_any_depth_is_answered_or_refused(program: Program) -> None:
    statuses = set()
    # Around the depth that Python reads, which depends on its version and on its recursion limit.
    limit = sys.getrecursionlimit()
    for depth in (10, *range(max(10, limit - 300), limit + 20), 20_000):
        text = '{"model": "other", "messages": [{"role": "user", "content": "Hello"}], "x": '
        text += "[" * depth + "]" * depth + "}"
        answer = program.client.post(
            "/v1/chat/completions",
            data=text,
            content_type="application/json",
            headers={**program.headers, "Idempotency-Key": "k1"},
        )
        statuses.add(answer.status_code)
    # The profile is not offered, or the body is too deep.
    assert statuses == {400, 403}


@pytest.mark.parametrize("key", ["", "x" * 201])
def test_a_key_that_is_none_is_refused(program: Program, key: str) -> None:
    assert ask(program, key).status_code == 400
    assert count(program.app, "chats") == 0
