"""The API: OpenAI's chat completions for programs with a token."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from openai import APIError, BadRequestError, PermissionDeniedError
from openai.types.chat import ChatCompletionUserMessageParam
from sqlalchemy import select, update

from tests.cli_support import CHECKOUT
from tests.support.api import ASKED, TEAM, Program, add_token, events_of
from tests.support.apps import AppMaker
from tests.support.chats import Chat
from tests.support.conversation import wait_until
from tests.support.log import LogReader
from tests.support.people import Visitor
from tests.support.rows import every_row
from webapp.accounts import directory
from webapp.accounts.models import ApiToken, AuditEntry, LoginSession
from webapp.api.answering import WRONG_TOKENS_PER_HOUR
from webapp.chats.models import Chat as ChatRow
from webapp.chats.models import Message
from webapp.database.engines import db, read_connection, write_session
from webapp.turns import starting
from webapp.turns.runtime import conversation
from webapp.web.request_guards import MAX_JSON_BYTES

APP = "programs.py"
IMPORTS = """
import sys
from pathlib import Path
from tests.support.apps import AppMaker
from webapp.config.settings import Settings
from webapp.database.schema import upgrade

maker = AppMaker(Path({folder!r}), "sqlite:///chat.sqlite3")
upgrade(Settings(database_url="sqlite:///chat.sqlite3"))
maker("simple.py")
unwanted = ("webapp.api", "webapp.integrations.", "ag_ui", "mcp", "httpx", "pydantic", "anyio")
print([name for name in sys.modules if name.startswith(unwanted)])
"""
ANSWER = "You said Hello\n\nalice under team"


class Unread:
    """A body that nobody may read."""

    def read(self, *_: int) -> bytes:
        raise AssertionError("the body was read")

    readline = read


@pytest.fixture
def app(make_app: AppMaker) -> Flask:
    app = make_app(APP, api="on")
    with app.app_context():
        directory.add("alice", "violet tractor parade", details={"role": "ADMIN"})
        directory.add("bob", "violet tractor parade", details={"role": "USER"})
        db.session.remove()
    return app


@pytest.fixture
def alice_program(app: Flask) -> Program:
    return Program(app, add_token(app, "alice"))


@pytest.fixture
def bob_program(app: Flask) -> Program:
    return Program(app, add_token(app, "bob"))


def chats_of(app: Flask, name: str) -> list[ChatRow]:
    with app.app_context():
        mine = select(ChatRow).where(ChatRow.owner == f"user:{name}", ChatRow.written)
        found = list(db.session.scalars(mine.order_by(ChatRow.created_at)))
        db.session.remove()
        return found


def messages_in(app: Flask, chat_id: object) -> list[tuple[str, str]]:
    with app.app_context(), read_connection() as connection:
        rows = connection.execute(
            select(Message.kind, Message.content)
            .where(Message.chat_id == chat_id)
            .order_by(Message.sequence)
        )
        return [(row.kind, row.content) for row in rows]


def audited(app: Flask) -> list[str]:
    with app.app_context(), read_connection() as connection:
        return list(connection.scalars(select(AuditEntry.event).order_by(AuditEntry.id)))


def send_unread(program: Program, size: int) -> int:
    """Return the status of the answer to a body which nobody reads."""
    answer = program.client.post(
        "/v1/chat/completions",
        headers=program.headers,
        content_type="application/json",
        environ_overrides={"wsgi.input": Unread(), "CONTENT_LENGTH": str(size)},
    )
    return answer.status_code


def test_it_is_off_unless_it_is_set(roles_app: Flask) -> None:
    program = Program(roles_app, add_token(roles_app, "alice"))
    assert program.complete().status_code == 404
    assert program.post("/ag-ui/team", {}).status_code == 404
    assert program.get("/models").status_code == 404


def test_nothing_of_it_is_imported_while_it_is_off(tmp_path: Path) -> None:
    code = IMPORTS.format(folder=str(tmp_path))
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"


def test_the_client_of_openai_gets_an_answer(app: Flask, alice_program: Program) -> None:
    answer = alice_program.openai.chat.completions.create(model=TEAM, messages=ASKED)
    assert answer.object == "chat.completion"
    assert answer.model == TEAM
    assert answer.choices[0].finish_reason == "stop"
    assert answer.choices[0].message.content == ANSWER
    [chat] = chats_of(app, "alice")
    assert messages_in(app, chat.id)[:2] == [("assistant", "Welcome!"), ("user", "Hello")]


def test_the_client_of_openai_gets_a_stream(alice_program: Program) -> None:
    stream = alice_program.openai.chat.completions.create(
        model=TEAM,
        messages=ASKED,
        stream=True,
    )
    chunks = list(stream)
    assert chunks[0].choices[0].delta.role == "assistant"
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == ANSWER
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert len({chunk.id for chunk in chunks}) == 1


def test_the_stream_ends_as_openai_ends_it(alice_program: Program) -> None:
    answer = alice_program.complete(stream=True)
    assert answer.mimetype == "text/event-stream"
    assert events_of(answer.text)[-1] == "[DONE]"


def test_a_chat_made_so_is_in_the_history_and_on_its_page(
    app: Flask, alice_program: Program
) -> None:
    answer = alice_program.complete()
    alice = Visitor(app).logged_in("alice", "violet tractor parade")
    assert answer.headers["X-Chat-Id"] in alice.get("/chats").text
    chat = Chat.at(alice, f"/chats/{answer.headers['X-Chat-Id']}")
    assert chat.messages() == ["Welcome!", "You said Hello", "alice under team"]
    chat.say("And now?")
    assert chat.messages()[-2] == "You said And now?"
    bob = Visitor(app).logged_in("bob", "violet tractor parade")
    assert bob.get(f"/chats/{answer.headers['X-Chat-Id']}").status_code == 404


def test_each_request_is_a_chat_of_its_own_with_what_was_said_before(
    app: Flask, alice_program: Program
) -> None:
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "First"},
        {"role": "assistant", "content": "One"},
        {"role": "assistant", "content": None, "tool_calls": []},
        {"role": "tool", "content": "ignored", "tool_call_id": "1"},
        {"role": "user", "content": [{"type": "text", "text": "history"}]},
    ]
    answer = alice_program.complete(messages=messages)
    said = "assistant: Welcome! | user: Be brief. | user: First | assistant: One | user: history"
    assert answer.json["choices"][0]["message"]["content"] == said  # type: ignore[index]
    [chat] = chats_of(app, "alice")
    assert chat.title == "Be brief."
    assert [kind for kind, _ in messages_in(app, chat.id)] == [
        *("assistant", "user", "user", "assistant", "user", "assistant")
    ]
    alice_program.complete(messages=messages)
    assert len(chats_of(app, "alice")) == 2


def test_what_was_said_before_can_be_searched(app: Flask, alice_program: Program) -> None:
    messages = [{"role": "user", "content": "Where is Samarkand?"}, *ASKED]
    alice_program.complete(messages=messages)
    alice = Visitor(app).logged_in("alice", "violet tractor parade")
    assert "Samarkand" in alice.get("/chats?q=samarkand").text
    assert "history-item" in alice.get("/chats?q=samarkand").text


GREETS_IN_PIECES = """
    import asyncio, pathlib
    import chat_profiles as cp

    @cp.set_chat_profiles
    def profiles():
        return [cp.ChatProfile("team", "Answers.")]

    @cp.password_auth_callback
    def check(username, password):
        return cp.User(username)

    @cp.on_chat_start
    async def start():
        message = cp.Message("")
        await message.stream_token("Hello")
        while not pathlib.Path("FILE").exists():
            await asyncio.sleep(0.01)
        await message.send()

    @cp.on_message
    async def reply(message):
        await cp.Message(" | ".join(each["content"] for each in cp.chat_history())).send()
"""


def test_nothing_said_before_is_lost_if_the_greeting_ends_at_that_moment(
    make_app: AppMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    greeted = tmp_path / "greeted"
    app = make_app(GREETS_IN_PIECES.replace("FILE", str(greeted)), api="on")
    Visitor(app).logged_in("alice")

    def end_greeting() -> None:
        with read_connection() as connection:
            turn = connection.execute(select(ChatRow.turn_id)).scalar_one()
        assert turn is not None
        greeted.touch()
        wait_until(lambda: conversation().keeper.find(turn) is None)

    monkeypatch.setattr(starting, "run_housekeeping_if_due", end_greeting)
    messages = [{"role": "user", "content": "Where is Samarkand?"}, *ASKED]
    answer = Program(app, add_token(app, "alice")).complete(messages=messages)
    said = answer.json["choices"][0]["message"]["content"]  # type: ignore[index]
    assert said == "Hello | Where is Samarkand? | Hello"


@pytest.mark.parametrize("way", ["header", "metadata"])
def test_a_request_that_names_a_chat_continues_it(
    app: Flask, alice_program: Program, way: str
) -> None:
    first = alice_program.complete()
    chat_id = first.headers["X-Chat-Id"]
    body = {"model": TEAM, "messages": [*ASKED, {"role": "user", "content": "history"}]}
    if way == "header":
        answer = alice_program.post("/chat/completions", body, **{"X-Chat-Id": chat_id})
    else:
        answer = alice_program.post("/chat/completions", {**body, "metadata": {"chat_id": chat_id}})
    assert answer.headers["X-Chat-Id"] == chat_id
    content = answer.json["choices"][0]["message"]["content"]  # type: ignore[index]
    assert content.count("user: Hello") == 1
    assert content.endswith("user: history")
    assert len(chats_of(app, "alice")) == 1


def test_the_chat_of_another_user_cannot_be_continued(
    app: Flask, alice_program: Program, bob_program: Program
) -> None:
    chat_id = alice_program.complete().headers["X-Chat-Id"]
    before = messages_in(app, chats_of(app, "alice")[0].id)
    answer = bob_program.complete(metadata={"chat_id": chat_id})
    assert answer.status_code == 404
    assert answer.json["error"]["type"] == "invalid_request_error"  # type: ignore[index]
    assert messages_in(app, chats_of(app, "alice")[0].id) == before


def test_a_chat_is_continued_under_its_own_profile(alice_program: Program) -> None:
    chat_id = alice_program.complete().headers["X-Chat-Id"]
    answer = alice_program.complete("public", metadata={"chat_id": chat_id})
    assert answer.status_code == 400
    assert "team" in answer.json["error"]["message"]  # type: ignore[index]


def test_the_profiles_are_those_that_the_user_is_offered(
    alice_program: Program, bob_program: Program
) -> None:
    assert alice_program.models() == ["public", "team", "admin-only"]
    assert bob_program.models() == ["public", "team"]
    assert bob_program.get("/models/team").json["id"] == "team"  # type: ignore[index]
    assert bob_program.get("/models/admin-only").status_code == 404


def test_a_profile_that_is_not_offered_is_refused_and_audited(
    app: Flask, bob_program: Program, log: LogReader
) -> None:
    for name in ("admin-only", "no-such"):
        with pytest.raises(PermissionDeniedError) as caught:
            bob_program.openai.chat.completions.create(model=name, messages=ASKED)
        assert caught.value.code == "model_not_found"
    assert audited(app).count("profile.refused") == 2
    assert chats_of(app, "bob") == []


def test_a_token_is_good_for_its_profiles_only(app: Flask) -> None:
    program = Program(app, add_token(app, "alice", ["public", "withdrawn"]))
    assert program.models() == ["public"]
    assert program.complete("public").status_code == 200
    assert program.complete("team").status_code == 403
    assert program.complete("withdrawn").status_code == 403
    assert program.complete("default").status_code == 403
    none = Program(app, add_token(app, "alice", ["withdrawn"]))
    assert none.models() == []
    assert none.complete("default").status_code == 403


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer x", "Bearer cp_" + "a" * 43, "Basic YTpi", "Bearer " + "x" * 10_000],
)
def test_without_a_valid_token_nothing_is_answered(app: Flask, header: str) -> None:
    client = app.test_client()
    for path in ("/v1/models", "/v1/chat/completions", "/v1/ag-ui/team"):
        send = client.get if path == "/v1/models" else client.post
        more: dict[str, Any] = {} if path == "/v1/models" else {"json": {}}
        answer = send(path, headers={"Authorization": header} if header else {}, **more)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert answer.json["error"]["type"] == "authentication_error"  # type: ignore[index]


def test_a_cookie_does_not_authenticate(app: Flask, alice_program: Program) -> None:
    alice = Visitor(app).logged_in("alice", "violet tractor parade")
    assert alice.client.get("/v1/models").status_code == 401
    body = {"model": TEAM, "messages": ASKED}
    for headers in ({}, {"X-CSRFToken": alice.token}):
        answer = alice.client.post("/v1/chat/completions", json=body, headers=headers)
        assert answer.status_code == 401
        assert "Set-Cookie" not in answer.headers
    # A token counts, and not the cookie beside it.
    bob = {"Authorization": f"Bearer {add_token(app, 'bob')}"}
    models = alice.client.get("/v1/models", headers=bob).json["data"]  # type: ignore[index]
    assert [model["id"] for model in models] == ["public", "team"]


def test_no_session_is_stored_and_no_cookie_set(app: Flask, alice_program: Program) -> None:
    answer = alice_program.complete()
    assert "Set-Cookie" not in answer.headers
    with app.app_context(), read_connection() as connection:
        assert connection.execute(select(LoginSession.id)).all() == []


def test_a_token_ends_with_its_time_and_when_it_is_revoked(app: Flask) -> None:
    late = Program(app, add_token(app, "alice", expires_in=timedelta(seconds=-1)))
    assert late.get("/models").status_code == 401
    program = Program(app, add_token(app, "alice", expires_in=timedelta(days=1)))
    assert program.get("/models").status_code == 200
    with app.app_context(), write_session() as session:
        session.execute(update(ApiToken).values(revoked_at=ApiToken.created_at))
    assert program.get("/models").status_code == 401


def test_the_rights_are_those_of_this_moment(app: Flask, alice_program: Program) -> None:
    with app.app_context():
        directory.change_details("alice", role="USER")
        db.session.remove()
    assert alice_program.models() == ["public", "team"]
    with app.app_context():
        directory.disable("alice")
        db.session.remove()
    assert alice_program.get("/models").status_code == 401
    with app.app_context():
        directory.enable("alice")
        db.session.remove()
    assert alice_program.get("/models").status_code == 200


def test_a_removed_user_takes_the_tokens_along(app: Flask, alice_program: Program) -> None:
    with app.app_context():
        directory.remove("alice")
        directory.add("alice", "violet tractor parade", details={"role": "ADMIN"})
        db.session.remove()
    assert alice_program.get("/models").status_code == 401


def test_a_user_without_an_account_has_a_token_as_long_as_a_session(make_app: AppMaker) -> None:
    app = make_app("roles.py", api="on")
    program = Program(app, add_token(app, "alice"))
    assert program.get("/models").status_code == 401
    alice = Visitor(app).logged_in("alice")
    assert program.models() == ["public", "team", "admin-only"]
    alice.post("/logout")
    assert program.get("/models").status_code == 401


def test_a_use_is_noted_and_audited_once(app: Flask, alice_program: Program) -> None:
    alice_program.get("/models")
    assert "token.used" not in audited(app)
    alice_program.complete()
    alice_program.complete()
    assert audited(app).count("token.used") == 1
    with app.app_context(), read_connection() as connection:
        assert connection.scalar(select(ApiToken.last_used_at)) is not None


def test_a_wrong_token_is_audited_without_its_text(app: Flask, log: LogReader) -> None:
    Program(app, "cp_" + "s" * 43).complete()
    assert audited(app)[-1] == "token.refused"
    assert "sssss" not in json.dumps([every_row(app)], default=str)


def test_a_flood_of_wrong_tokens_writes_nothing_more(app: Flask, log: LogReader) -> None:
    program = Program(app, "cp_" + "s" * 43)
    for _ in range(WRONG_TOKENS_PER_HOUR):
        program.get("/models")
    before = every_row(app)
    assert program.complete().status_code == 401
    assert every_row(app) == before
    assert Program(app, add_token(app, "alice")).get("/models").status_code == 200


def test_only_json_is_taken_and_only_here(app: Flask, alice_program: Program) -> None:
    form = {"model": TEAM}
    headers = alice_program.headers
    answer = alice_program.client.post("/v1/chat/completions", data=form, headers=headers)
    assert answer.status_code == 415
    assert answer.json["error"]["message"] == "Send the body as application/json."  # type: ignore[index]
    assert alice_program.client.post("/chats", json=form, headers=headers).status_code == 415
    assert alice_program.client.get("/v1/chat/completions", headers=headers).status_code == 405


@pytest.mark.parametrize(
    ("method", "path", "status", "says"),
    [
        ("GET", "/v1/chat/completions", 405, "does not take that method"),
        ("POST", "/v1/models", 405, "does not take that method"),
        ("POST", "/v1/embeddings", 404, "There is no such thing here"),
        ("GET", "/v1/", 404, "There is no such thing here"),
    ],
)
def test_an_address_that_the_api_does_not_have_is_an_error_in_json(
    alice_program: Program, method: str, path: str, status: int, says: str
) -> None:
    answer = alice_program.client.open(path, method=method, headers=alice_program.headers)
    assert answer.status_code == status
    assert says in answer.json["error"]["message"]  # type: ignore[index]


def test_programs_read_in_json_that_the_host_is_unknown(
    alice_program: Program, log: LogReader
) -> None:
    answer = alice_program.client.get("/v1/models", headers={"Host": "elsewhere.example"})
    assert answer.status_code == 400
    assert "WEBAPP_TRUSTED_HOSTS" in answer.json["error"]["message"]  # type: ignore[index]
    assert log.one("host.refused")["host"] == "elsewhere.example"


def test_pages_keep_their_errors_where_the_api_is_on(alice_program: Program) -> None:
    assert "<h1>Page not found</h1>" in alice_program.client.get("/v1x").text
    wrong_host = alice_program.client.get("/", headers={"Host": "elsewhere.example"})
    assert "<h1>Unknown host name</h1>" in wrong_host.text


def test_a_long_body_is_refused_unread(alice_program: Program) -> None:
    assert send_unread(alice_program, MAX_JSON_BYTES + 1) == 413


def test_a_stranger_sends_a_long_body_for_nothing(app: Flask) -> None:
    assert send_unread(Program(app, None), MAX_JSON_BYTES) == 401
    assert send_unread(Program(app, "cp_" + "a" * 43), MAX_JSON_BYTES) == 401


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ([], None),
        ({}, "model"),
        ({"model": 5, "messages": ASKED}, "model"),
        ({"model": TEAM}, "messages"),
        ({"model": TEAM, "messages": []}, "messages"),
        ({"model": TEAM, "messages": "Hello"}, "messages"),
        ({"model": TEAM, "messages": [5]}, "messages[0]"),
        ({"model": TEAM, "messages": [{"role": "robot", "content": "x"}]}, "messages[0]"),
        ({"model": TEAM, "messages": [{"role": ["user"], "content": "x"}]}, "messages[0]"),
        ({"model": TEAM, "messages": [{"role": "user", "content": 5}]}, "messages[0]"),
        ({"model": TEAM, "messages": [{"role": "user", "content": " "}]}, "messages[0]"),
        ({"model": TEAM, "messages": [{"role": "assistant", "content": "x"}]}, "messages[0]"),
        ({"model": TEAM, "messages": [{"role": "user", "content": "x" * 300_000}]}, "messages[0]"),
        (
            {
                "model": TEAM,
                "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}],
            },
            "messages[0]",
        ),
        ({"model": TEAM, "messages": ASKED * 1_001}, "messages"),
        ({"model": TEAM, "messages": ASKED, "n": 2}, "n"),
        ({"model": TEAM, "messages": ASKED, "stream": "yes"}, "stream"),
        ({"model": TEAM, "messages": ASKED, "tools": [{}]}, "tools"),
        ({"model": TEAM, "messages": ASKED, "metadata": {"chat_id": "1"}}, "metadata.chat_id"),
    ],
)
def test_a_body_that_cannot_be_answered_is_refused_with_its_field(
    app: Flask, alice_program: Program, body: object, param: str | None
) -> None:
    answer = alice_program.post("/chat/completions", body)
    assert answer.status_code == 400, answer.text
    assert answer.json["error"]["param"] == param  # type: ignore[index]
    assert answer.json["error"]["message"].endswith(".")  # type: ignore[index]
    assert chats_of(app, "alice") == []


@pytest.mark.parametrize(
    "data", [b" ", b"{", b"[" * 100_000, b"\xff", b'{"model": 1' + b"1" * 9_999 + b"}"]
)
def test_a_body_that_is_no_json_is_refused(alice_program: Program, data: bytes) -> None:
    answer = alice_program.client.post(
        "/v1/chat/completions",
        data=data,
        content_type="application/json",
        headers=alice_program.headers,
    )
    assert answer.status_code == 400


def test_a_chat_that_has_ended_is_resumed_and_no_other_chat_ends(make_app: AppMaker) -> None:
    app = make_app(
        """
        import webapp as cl

        cl.password_auth_callback(cl.seeded_user)

        @cl.on_chat_resume
        async def resume(thread):
            cl.user_session.set("resumed", True)

        @cl.on_message
        async def answer():
            await cl.Message(f"resumed: {cl.user_session.get('resumed')}").send()
        """,
        api="on",
    )
    with app.app_context():
        directory.add("alice", "violet tractor parade")
        db.session.remove()
    program = Program(app, add_token(app, "alice"))
    chat_id = program.complete("default").headers["X-Chat-Id"]
    program.complete("default")
    first, other = chats_of(app, "alice")
    with app.app_context(), write_session() as session:
        ended = update(ChatRow).where(ChatRow.id == first.id).values(ended_at=first.created_at)
        session.execute(ended)
    again = program.complete("default", metadata={"chat_id": chat_id})
    assert again.json["choices"][0]["message"]["content"] == "resumed: True"  # type: ignore[index]
    assert [chat.ended_at for chat in chats_of(app, "alice")] == [None, None]
    assert other.session_id is None


def test_a_failure_of_the_app_is_told_without_its_error(alice_program: Program) -> None:
    failing: list[ChatCompletionUserMessageParam] = [{"role": "user", "content": "fail"}]
    answer = alice_program.complete(messages=failing)
    assert answer.status_code == 500
    assert answer.headers["X-Should-Retry"] == "false"
    error = answer.json["error"]  # type: ignore[index]
    assert error["code"] == "app_failed"
    assert error["message"].startswith("Something went wrong while this answer was written.")
    assert "secret" not in answer.text
    with pytest.raises(APIError, match="Something went wrong"):
        list(
            alice_program.openai.chat.completions.create(
                model=TEAM,
                messages=failing,
                stream=True,
            )
        )


def test_a_start_that_fails_is_told(make_app: AppMaker) -> None:
    app = make_app(
        """
        import webapp as cl

        cl.password_auth_callback(cl.seeded_user)

        @cl.on_chat_start
        def start():
            raise RuntimeError("no")

        @cl.on_message
        def answer():
            cl.Message("never").send()
        """,
        api="on",
    )
    with app.app_context():
        directory.add("alice", "violet tractor parade")
        db.session.remove()
    program = Program(app, add_token(app, "alice"))
    assert program.models() == ["default"]
    answer = program.complete("default")
    assert answer.status_code == 500
    assert answer.json["error"]["message"].startswith("Something went wrong while this chat")  # type: ignore[index]


def test_what_the_app_rewrites_comes_once_more(alice_program: Program) -> None:
    messages = [{"role": "user", "content": "rewrite"}]
    whole = alice_program.complete(messages=messages)
    assert whole.json["choices"][0]["message"]["content"] == "Thought"  # type: ignore[index]
    streamed = alice_program.complete(messages=messages, stream=True)
    deltas = [e["choices"][0]["delta"] for e in events_of(streamed.text)[:-1]]
    assert "".join(delta.get("content", "") for delta in deltas).endswith("Thought")


def test_as_many_answers_at_once_as_on_the_page(make_app: AppMaker) -> None:
    app = make_app(APP, api="on", turns_per_user=1)
    with app.app_context():
        directory.add("alice", "violet tractor parade", details={"role": "ADMIN"})
        db.session.remove()
    program = Program(app, add_token(app, "alice"))
    waiting = [{"role": "user", "content": "wait"}]
    thread = threading.Thread(target=lambda: program.complete(messages=waiting))
    thread.start()
    keeper = app.extensions["conversation"].keeper
    while not keeper.count:
        thread.join(0.01)
    answer = Program(app, add_token(app, "alice")).complete()
    assert answer.status_code == 429
    assert answer.json["error"]["type"] == "rate_limit_error"  # type: ignore[index]
    assert answer.headers["Retry-After"]
    keeper.shut_down(0)
    thread.join()


def test_as_many_messages_in_an_hour_as_from_one_address(make_app: AppMaker) -> None:
    app = make_app(APP, api="on", messages_per_address=2)
    with app.app_context():
        directory.add("alice", "violet tractor parade")
        db.session.remove()
    program = Program(app, add_token(app, "alice"))
    assert [program.complete().status_code for _ in range(3)] == [200, 200, 429]


def test_a_database_that_is_away_is_told_in_json(
    app: Flask, alice_program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sqlalchemy.exc import OperationalError  # noqa: PLC0415

    from webapp.api import views  # noqa: PLC0415

    def fail(_: str) -> None:
        raise OperationalError("select", {}, Exception("away"))

    monkeypatch.setattr(views, "check_token", fail)
    answer = alice_program.complete()
    assert answer.status_code == 503
    assert answer.json["error"]["code"] == "unavailable"  # type: ignore[index]


def test_a_bad_request_of_the_client_of_openai_names_its_field(alice_program: Program) -> None:
    with pytest.raises(BadRequestError) as caught:
        alice_program.openai.chat.completions.create(model=TEAM, messages=[])
    assert caught.value.param == "messages"
