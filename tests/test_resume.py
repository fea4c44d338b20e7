"""Chats that were over and go on: what the author's code is told, once, and before any answer."""

from __future__ import annotations

import copy
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import insert, update
from werkzeug.test import TestResponse

from tests.support.apps import AppMaker
from tests.support.chats import ANSWER_SECONDS, Chat
from tests.support.files import new_file, show
from tests.support.html import parse
from tests.support.log import LogReader
from tests.support.people import HTMX, Visitor
from tests.support.rows import column, count, every_row, run_sql
from webapp import ResumedChat
from webapp.authoring.errors import MisuseError
from webapp.chats.models import Chat as ChatRow
from webapp.chats.models import Message, Turn
from webapp.database.engines import db, utc_now, write_transaction
from webapp.engine import turn as turns
from webapp.engine.call import begin
from webapp.pages import turn_responses

RESUMES = """
    import asyncio, threading, time
    import webapp as cl

    GO = threading.Event()
    RESUMED, ENDED, ASKED = [], [], []
    OFFERED = ["one", "two"]

    @cl.password_auth_callback
    def auth(username, password):
        return cl.User(username)

    @cl.set_chat_profiles
    def profiles():
        return [cl.ChatProfile(name, "About it.") for name in OFFERED]

    @cl.on_message
    async def answer(message):
        ASKED.append((message.content, [m["content"] for m in cl.chat_history()]))
        cl.user_session.set("last", message.content)
        await cl.Message("You wrote " + message.content).send()

    @cl.on_chat_end
    def ended():
        ENDED.append(cl.user_session.get("id"))

    @cl.on_chat_resume
    {kind}def resume({parameter}):
        RESUMED.append({parameter} if {parameter!r} else cl.user_session.get("id"))
        {body}
"""
SAYS = 'cl.Message("Welcome back").send()'


def source(body: str = SAYS, parameter: str = "chat", kind: str = "") -> str:
    """Return an app file whose chats are resumed so."""
    told = parameter or "None"
    return RESUMES.format(kind=kind, parameter=parameter, body=body).replace(
        "RESUMED.append( if", f"RESUMED.append({told} if"
    )


def names(app: Flask) -> dict[str, Any]:
    """Return the names of the app file."""
    found: dict[str, Any] = app.extensions["chat_app"].callbacks["on_message"].function.__globals__
    return found


def until(came: Callable[[], bool]) -> None:
    """Wait until something has come."""
    ends = time.monotonic() + ANSWER_SECONDS
    while not came():
        assert time.monotonic() < ends
        time.sleep(0.02)


def over(visitor: Visitor, content: str = "Hello") -> Chat:
    """Return a chat of a visitor in which something was said and which is over since."""
    chat = Chat.of(visitor, "one").say(content)
    visitor.start_chat()
    return chat


def resume(chat: Chat, **more: Any) -> TestResponse:
    """Send the form that the page of a chat which is over sends by itself."""
    return chat.visitor.post(f"{chat.address}/resume", htmx=True, **more)


@pytest.fixture
def make(either_url: str, tmp_path: Path) -> Iterator[AppMaker]:
    """Return a maker of apps on a database of each kind in turn."""
    with AppMaker.in_folder(tmp_path, either_url) as maker:
        yield maker
        # What runs in the background still has connections.
        for thread in threading.enumerate():
            if thread.name == "webapp-chat-end":
                thread.join(ANSWER_SECONDS)


@pytest.fixture
def app(make: AppMaker) -> Flask:
    """Return an app that says something in chats that are resumed."""
    return make(source())


@pytest.fixture
def chat(app: Flask) -> Chat:
    """Return a chat of Alice that is over."""
    return over(Visitor(app).logged_in("alice"))


def test_a_chat_that_is_over_is_resumed(chat: Chat) -> None:
    answer = resume(chat)
    assert answer.status_code == 200
    assert "Welcome back" in answer.text
    chat.until_answered()
    assert chat.messages() == ["You wrote Hello", "Welcome back"]


@pytest.mark.parametrize("parameter", ["", "chat"])
@pytest.mark.parametrize("kind", ["", "async "])
def test_the_callback_takes_the_chat_or_nothing(make: AppMaker, parameter: str, kind: str) -> None:
    app = make(source(parameter=parameter, kind=kind))
    chat = over(Visitor(app).logged_in("alice"))
    resume(chat)
    chat.until_answered()
    [told] = names(app)["RESUMED"]
    assert (told.id if parameter else told) == chat.address.rpartition("/")[2]


def test_the_app_is_told_what_was_said(chat: Chat, app: Flask) -> None:
    resume(chat)
    chat.until_answered()
    [told] = names(app)["RESUMED"]
    assert isinstance(told, ResumedChat)
    said = [(m.role, m.content, m.author, m.profile) for m in told.messages]
    assert said == [
        ("user", "Hello", None, "one"),
        ("assistant", "You wrote Hello", None, "one"),
    ]
    assert told.profile == "one"
    assert told.user_session == {"last": "Hello"}
    assert told.messages[0].created_at <= told.messages[1].created_at
    assert {m.id for m in told.messages} <= {str(i) for i in column(app, "messages.id")}


def test_values_are_those_that_were_stored_and_are_stored(make: AppMaker) -> None:
    app = make(source('cl.user_session.set("was", cl.user_session.get("last"))'))
    chat = over(Visitor(app).logged_in("alice"))
    resume(chat)
    until(lambda: {"last": "Hello", "was": "Hello"} in column(app, "chats.values"))


def test_a_callback_that_says_nothing_leaves_nothing(
    make: AppMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The form waits for the callback, however busy the machine is.
    for wait in ("QUICK_SECONDS", "HURRIED_SECONDS"):
        monkeypatch.setattr(turn_responses, wait, ANSWER_SECONDS)
    app = make(source("pass"))
    chat = over(Visitor(app).logged_in("alice"))
    before = count(app, "messages")
    answer = resume(chat)
    chat.until_answered()
    assert "data-testid" not in answer.text
    assert count(app, "messages") == before
    assert len(names(app)["RESUMED"]) == 1


def test_a_chat_is_resumed_once(chat: Chat, app: Flask) -> None:
    for _ in range(3):
        assert resume(chat).status_code == 200
        chat.until_answered()
    assert len(names(app)["RESUMED"]) == 1


def test_of_many_pages_at_once_one_resumes(chat: Chat, app: Flask) -> None:
    twins = [chat.visitor.twin() for _ in range(8)]
    barrier = threading.Barrier(8, timeout=60)

    def post(twin: Visitor) -> int:
        barrier.wait()
        return twin.post(f"{chat.address}/resume", htmx=True).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(post, twins)) == {200}
    chat.until_answered()
    assert len(names(app)["RESUMED"]) == 1
    assert chat.messages() == ["You wrote Hello", "Welcome back"]


def test_of_many_messages_at_once_one_resumes(chat: Chat, app: Flask) -> None:
    twins = [chat.visitor.twin() for _ in range(8)]

    def say(twin: Visitor) -> int:
        form = {"content": "again", "key": str(uuid.uuid4())}
        return twin.post(f"{chat.address}/messages", form).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(say, twins)) <= {303, 409}
    chat.until_answered()
    assert len(names(app)["RESUMED"]) == 1
    assert chat.messages().count("Welcome back") == 1


def test_the_page_of_a_chat_that_is_over_resumes_it(chat: Chat) -> None:
    form = chat.page().one(id="resume")
    assert form["hx-post"] == f"{chat.address}/resume"
    assert form["hx-trigger"] == "load"


def test_looking_at_a_chat_resumes_nothing(chat: Chat, app: Flask) -> None:
    before = every_row(app)
    chat.page()
    chat.visitor.get(chat.address, headers=HTMX)
    assert every_row(app) == before
    assert names(app)["RESUMED"] == []


def test_the_page_of_a_chat_that_goes_on_does_not(chat: Chat, app: Flask) -> None:
    resume(chat)
    chat.until_answered()
    assert not chat.page().all(id="resume")
    other = Chat.of(chat.visitor)
    assert not other.page().all(id="resume")
    assert resume(other).status_code == 200
    assert len(names(app)["RESUMED"]) == 1


def test_a_message_without_script_resumes_first(chat: Chat, app: Flask) -> None:
    chat.say("again")
    assert chat.messages() == ["You wrote Hello", "Welcome back", "You wrote again"]
    assert len(names(app)["RESUMED"]) == 1
    asked, history = names(app)["ASKED"][-1]
    assert asked == "again"
    # What is answered comes last, as models expect it.
    assert history == ["Hello", "You wrote Hello", "Welcome back", "again"]


def test_what_resumes_is_not_told_of_the_new_message(make: AppMaker) -> None:
    app = make(source("RESUMED.append([m['content'] for m in cl.chat_history()])"))
    chat = over(Visitor(app).logged_in("alice")).say("again")
    told, history = names(app)["RESUMED"]
    assert history == ["Hello", "You wrote Hello"]
    assert [message.content for message in told.messages] == history
    assert chat.messages() == ["You wrote Hello", "You wrote again"]


def test_what_messages_have_shown_is_told(chat: Chat, app: Flask) -> None:
    chat_id = uuid.UUID(chat.address.rpartition("/")[2])
    shown = show(app, "user:alice", new_file(), chat_id=chat_id, sequence=50)
    with app.app_context(), write_transaction() as connection:
        connection.execute(update(Message).where(Message.id == shown.message_id).values(content=""))
    resume(chat)
    chat.until_answered()
    [told] = names(app)["RESUMED"]
    assert [len(message.elements) for message in told.messages] == [0, 0, 1]
    [element] = told.messages[-1]["elements"]
    assert (element.id, element.name) == (str(shown.elements[0].id), "hello.txt")
    assert (element.kind, element.mime, element.size) == ("file", "text/plain", 11)
    # Models take no empty texts.
    chat.say("again")
    assert names(app)["ASKED"][-1][1] == ["Hello", "You wrote Hello", "Welcome back", "again"]


def test_an_answer_that_is_tried_again_resumes_first(make: AppMaker) -> None:
    fails = "if len(ASKED) == 1: raise ValueError\n        await cl.Message("
    app = make(source().replace("await cl.Message(", fails))
    chat = over(Visitor(app).logged_in("alice"))
    form = chat.page().one(id="retry")
    turn = form.all(name="turn")[0]["value"]
    chat.visitor.post(f"{chat.address}/retry", {"turn": turn, "key": str(uuid.uuid4())})
    assert chat.until_answered().messages() == ["Welcome back", "You wrote Hello"]
    [told] = names(app)["RESUMED"]
    assert [message.content for message in told.messages] == ["Hello"]


def test_the_next_message_only_answers(chat: Chat, app: Flask) -> None:
    chat.say("again").say("and again")
    assert len(names(app)["RESUMED"]) == 1


def test_a_resumption_that_fails_is_told_and_nothing_is_answered(
    make: AppMaker, log: LogReader
) -> None:
    app = make(source('raise ValueError("the secret price")'))
    chat = over(Visitor(app).logged_in("alice")).say("again")
    [error] = chat.messages("error")
    assert error.startswith("Something went wrong while this chat was resumed.")
    assert log.one("chat_resume.failed")["request"] in error
    assert "the secret price" not in chat.page().text
    assert [asked for asked, _ in names(app)["ASKED"]] == ["Hello"]
    assert chat.messages("user") == ["Hello", "again"]


def test_an_answer_that_nobody_sees_is_told_although_the_resumption_spoke(make: AppMaker) -> None:
    app = make(
        source().replace('await cl.Message("You wrote " + message.content).send()', "return 1")
    )
    visitor = Visitor(app).logged_in("alice")
    chat = Chat.of(visitor, "one")
    run_sql(app, "UPDATE chats SET ended_at = '2020-01-01 00:00:00'")
    assert chat.say("Hello").messages() == ["Welcome back"]
    assert len(chat.messages("error")) == 1


def test_after_a_resumption_that_failed_the_chat_goes_on(make: AppMaker) -> None:
    app = make(source("raise ValueError"))
    chat = over(Visitor(app).logged_in("alice"))
    resume(chat)
    chat.until_answered().say("again")
    assert chat.messages()[-1] == "You wrote again"
    assert len(chat.messages("error")) == 1


def test_a_resumption_that_takes_too_long_is_ended(make: AppMaker) -> None:
    app = make(source("await asyncio.sleep(30)", kind="async "), turn_idle_seconds="3")
    chat = over(Visitor(app).logged_in("alice"))
    resume(chat)
    chat.until_answered()
    assert "resuming this chat was stopped" in chat.messages("error")[0]


def test_a_resumption_can_be_stopped(make: AppMaker) -> None:
    body = 'await cl.Message("Wait").send(); await asyncio.sleep(30)'
    app = make(source(body, kind="async "))
    chat = over(Visitor(app).logged_in("alice"))
    chat.begin("again")
    chat.until(lambda: "Wait" in chat.messages())
    chat.stop()
    chat.until_answered()
    assert [asked for asked, _ in names(app)["ASKED"]] == ["Hello"]
    assert column(app, "turns.status").count("stopped") == 1


def test_a_slow_resumption_is_shown_while_it_goes_on(make: AppMaker) -> None:
    body = 'cl.Message("First").send(); GO.wait(20); cl.Message("Second").send()'
    app = make(source(body))
    chat = over(Visitor(app).logged_in("alice"))
    assert parse(resume(chat).text).all(data_testid="stop")
    chat.until(lambda: chat.messages() == ["You wrote Hello", "First"])
    assert chat.is_answering()
    names(app)["GO"].set()
    assert chat.until_answered().messages() == ["You wrote Hello", "First", "Second"]


def test_a_message_during_a_resumption_is_refused_politely(make: AppMaker) -> None:
    app = make(source("await asyncio.sleep(30)", kind="async "))
    chat = over(Visitor(app).logged_in("alice"))
    resume(chat)
    form = {"content": "kept text", "key": str(uuid.uuid4())}
    answer = chat.visitor.post(f"{chat.address}/messages", form)
    assert answer.status_code == 409
    assert "kept text" in answer.text
    chat.stop()


def test_a_resumption_whose_process_died_is_over(chat: Chat, app: Flask) -> None:
    names(app)["RESUMED"].clear()
    chat_id, turn_id = uuid.UUID(chat.address.rpartition("/")[2]), uuid.uuid4()
    broken_off(app, chat_id, turn_id)
    page = chat.page()
    assert page.all(data_testid="message")[-1]["data-status"] == "interrupted"
    assert not page.all(id="resume")
    chat.say("again")
    assert chat.messages()[-1] == "You wrote again"
    assert column(app, "turns.status").count("interrupted") == 1


def broken_off(app: Flask, chat_id: uuid.UUID, turn_id: uuid.UUID) -> None:
    """Leave the rows of a resumption whose process is gone since long."""
    long_ago = utc_now().replace(year=2020)
    message = {
        "id": uuid.uuid4(),
        "chat_id": chat_id,
        "sequence": 3,
        "kind": "assistant",
        "content": "Wel",
        "status": "streaming",
        "turn_id": turn_id,
    }
    turn = {
        "id": turn_id,
        "chat_id": chat_id,
        "owner": "user:alice",
        "key": uuid.uuid4(),
        "status": "running",
        "first_sequence": 3,
        "created_at": long_ago,
        "seen_at": long_ago,
    }
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(insert(Turn), [turn])
        connection.execute(insert(Message), [message])
        taken = update(ChatRow).where(ChatRow.id == chat_id)
        connection.execute(taken.values(turn_id=turn_id, ended_at=None))


def test_the_other_chats_of_the_browser_end(chat: Chat, app: Flask) -> None:
    other = Chat.of(chat.visitor, "two").say("There")
    names(app)["ENDED"].clear()
    resume(chat)
    until(lambda: names(app)["ENDED"] == [other.address.rpartition("/")[2]])


@pytest.mark.parametrize("by_message", [False, True])
def test_a_chat_that_was_resumed_can_end_again(chat: Chat, app: Flask, by_message: bool) -> None:
    chat_id = chat.address.rpartition("/")[2]
    until(lambda: names(app)["ENDED"].count(chat_id) == 1)
    if by_message:
        chat.say("again")
    else:
        resume(chat)
        chat.until_answered()
    chat.visitor.start_chat()
    until(lambda: names(app)["ENDED"].count(chat_id) == 2)
    resume(chat)
    chat.until_answered()
    assert len(names(app)["RESUMED"]) == 2
    assert names(app)["ENDED"].count(chat_id) == 2


def test_a_chat_that_another_browser_left_belongs_to_the_one_that_resumes_it(
    chat: Chat, app: Flask
) -> None:
    chat.visitor.post("/logout")
    names(app)["ENDED"].clear()
    alice = Visitor(app).logged_in("alice")
    alice.post(f"{chat.address}/resume", htmx=True)
    until(lambda: len(names(app)["RESUMED"]) == 1)
    alice.post("/logout")
    until(lambda: chat.address.rpartition("/")[2] in names(app)["ENDED"])


def test_an_app_without_an_end_notes_it_all_the_same(make: AppMaker) -> None:
    app = make(source().replace("@cl.on_chat_end", ""))
    chat = over(Visitor(app).logged_in("alice"))
    resume(chat)
    chat.until_answered()
    assert chat.messages()[-1] == "Welcome back"


def test_an_app_that_resumes_nothing_is_left_alone(make: AppMaker) -> None:
    app = make(source().replace("@cl.on_chat_resume", ""))
    chat = over(Visitor(app).logged_in("alice"))
    assert not chat.page().all(id="resume")
    before = every_row(app)
    assert resume(chat).status_code == 200
    assert {**every_row(app), "login_sessions": []} == {**before, "login_sessions": []}
    assert chat.say("again").messages() == ["You wrote Hello", "You wrote again"]


def test_a_withdrawn_profile_is_never_resumed(chat: Chat, app: Flask, log: LogReader) -> None:
    names(app)["OFFERED"].remove("one")
    assert not chat.page().all(id="resume")
    assert resume(chat).status_code == 403
    form = {"content": "again", "key": str(uuid.uuid4())}
    assert chat.visitor.post(f"{chat.address}/messages", form).status_code == 403
    assert names(app)["RESUMED"] == []
    assert [asked for asked, _ in names(app)["ASKED"]] == ["Hello"]


def test_the_profile_cannot_be_named_by_the_form(chat: Chat, app: Flask) -> None:
    answer = chat.visitor.post(f"{chat.address}/resume", {"profile": "two"}, htmx=True)
    assert answer.status_code == 400
    assert names(app)["RESUMED"] == []


def test_a_chat_of_somebody_else_is_not_found(chat: Chat, app: Flask) -> None:
    bob = Visitor(app).logged_in("bob")
    assert bob.post(f"{chat.address}/resume", htmx=True).status_code == 404
    assert names(app)["RESUMED"] == []


def test_whoever_is_not_logged_in_resumes_nothing(chat: Chat, app: Flask) -> None:
    answer = Visitor(app).post(f"{chat.address}/resume")
    assert answer.status_code == 303
    assert "/login" in str(answer.location)
    assert names(app)["RESUMED"] == []


def test_a_chat_is_not_resumed_by_an_address(chat: Chat) -> None:
    assert chat.visitor.get(f"{chat.address}/resume").status_code == 405


def test_a_deleted_chat_is_not_resumed(chat: Chat, app: Flask) -> None:
    run_sql(app, "UPDATE chats SET deleted_at = '2020-01-01 00:00:00'")
    assert resume(chat).status_code == 404


def test_who_has_enough_under_way_is_told(make: AppMaker) -> None:
    app = make(
        source().replace('"You wrote "', 'await asyncio.sleep(30) or "You wrote "'),
        turns_per_user="1",
    )
    alice = Visitor(app).logged_in("alice")
    chat = Chat.of(alice)
    run_sql(app, "UPDATE chats SET ended_at = '2020-01-01 00:00:00', written = true")
    busy = Chat.of(alice)
    busy.begin("wait")
    answer = resume(chat)
    assert answer.status_code == 429
    assert "this chat was not resumed" in answer.text
    assert names(app)["RESUMED"] == []
    busy.stop()
    busy.until_answered()
    assert "Welcome back" in resume(chat).text


def test_without_htmx_the_answer_is_the_page(chat: Chat) -> None:
    answer = chat.visitor.post(f"{chat.address}/resume")
    assert (answer.status_code, answer.location) == (303, chat.address)


def test_a_new_message_takes_the_place_of_none(chat: Chat) -> None:
    shown = parse(resume(chat).text).all(data_testid="message")
    assert [message.with_class("prose")[0].text.strip() for message in shown] == ["Welcome back"]


CHAT = ResumedChat("1", "A trip", None, [], {"city": "Rome"})


@pytest.mark.parametrize("key", ["id", "title", "profile", "messages", "user_session"])
def test_a_chat_can_be_read_like_a_dict(key: str) -> None:
    assert CHAT[key] == getattr(CHAT, key)


def test_other_keys_are_taught() -> None:
    with pytest.raises(MisuseError, match=r"docs/authoring\.md") as raised:
        CHAT["what"]
    assert isinstance(raised.value, KeyError)
    assert str(raised.value).startswith("chat['what'] does not exist")
    with pytest.raises(AttributeError, match=r"chat.steps does not exist.*chat.messages"):
        getattr(CHAT, "steps")  # noqa: B009 - a type checker refuses what an author may write
    assert copy.deepcopy(CHAT) == CHAT


def test_a_chat_is_what_chainlit_calls_a_thread(make: AppMaker) -> None:
    app = make(source('RESUMED.append({**chat}); RESUMED.append("tags" in chat)'))
    over(Visitor(app).logged_in("alice")).say("again")
    _, thread, has_tags = names(app)["RESUMED"]
    assert has_tags
    assert {key: thread[key] for key in ("name", "userIdentifier", "tags", "elements")} == {
        "name": "Hello",
        "userIdentifier": "alice",
        "tags": ["one"],
        "elements": [],
    }
    assert thread["metadata"] == {"last": "Hello", "id": thread["id"], "chat_profile": "one"}
    uuid.UUID(thread["userId"])
    datetime.fromisoformat(thread["createdAt"])
    steps = [(step["type"], step["output"], step["parentId"]) for step in thread["steps"]]
    assert steps == [
        ("user_message", "Hello", None),
        ("assistant_message", "You wrote Hello", None),
    ]
    assert {step["threadId"] for step in thread["steps"]} == {thread["id"]}
    assert thread["steps"][0]["createdAt"] == thread["createdAt"]


def test_stop_between_resuming_and_answering_ends_both(
    make_app: AppMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app("""
        import asyncio
        import webapp as cl

        CANCELLED = []

        @cl.on_chat_resume
        def resume(chat):
            pass

        @cl.on_message
        async def answer(message):
            try:
                while message.content == "Stop me":
                    await asyncio.sleep(0.02)
            except asyncio.CancelledError:
                CANCELLED.append(message.content)
                raise
            await cl.Message("Hi").send()
    """)
    chat = Chat(app).say("Hello")
    run_sql(app, "UPDATE chats SET ended_at = active_at")
    going_on: list[turns.RunningTurn] = []
    go_on = turns.RunningTurn._continue_with

    def noted(turn: turns.RunningTurn, *more: Any) -> None:
        going_on.append(turn)
        go_on(turn, *more)

    def stopped_first(*arguments: Any) -> Any:
        for turn in going_on:
            turn.stop()
        return begin(*arguments)

    monkeypatch.setattr(turns.RunningTurn, "_continue_with", noted)
    monkeypatch.setattr("webapp.engine.turn.begin", stopped_first)
    chat.begin("Stop me")
    until(lambda: names(app)["CANCELLED"] == ["Stop me"])
    chat.until_answered()
    assert chat.page().all(data_testid="retry")
