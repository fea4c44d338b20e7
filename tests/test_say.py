"""Saying something: what is taken, what is refused, what becomes of the text."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.support.apps import AppMaker
from tests.support.chats import Chat
from tests.support.html import parse
from tests.support.log import LogReader
from tests.support.people import Visitor
from tests.support.recorder import Recorder
from tests.support.rows import column, count, every_row, run_sql

ECHO = """
    import webapp as cl

    @cl.on_message
    async def answer(message: cl.Message):
        await cl.Message(f"You wrote: {message.content}").send()
"""


@pytest.fixture
def echo(make_app: AppMaker) -> Flask:
    """Return an app that says what it was told."""
    return make_app(ECHO)


def form(content: str | None = "Hello", key: str | None = None, **more: str) -> dict[str, str]:
    fields = {"key": key or str(uuid.uuid4()), **more}
    return fields if content is None else {"content": content, **fields}


def test_a_message_is_answered(echo: Flask) -> None:
    chat = Chat(echo).say("Hello")
    assert chat.messages("user") == ["Hello"]
    assert chat.messages() == ["You wrote: Hello"]


def test_htmx_gets_the_message_its_answer_and_a_fresh_key(echo: Flask) -> None:
    chat = Chat(echo)
    sent = form()
    page = parse(chat.visitor.post(f"{chat.address}/messages", sent, htmx=True).text)
    kinds = [m["data-kind"] for m in page.all(data_testid="message")]
    assert kinds == ["user", "assistant"]
    assert page.one(id="composer-key")["value"] != sent["key"]


def test_what_was_said_is_stored_with_its_turn(echo: Flask) -> None:
    Chat(echo).say("Hello")
    assert column(echo, "turns.status") == ["complete"]
    assert column(echo, "chats.written") == [True]
    assert column(echo, "chats.turn_id") == [None]
    assert column(echo, "messages.turn_id") == column(echo, "turns.id") * 2


def test_a_user_message_is_shown_as_typed(echo: Flask) -> None:
    typed = "# no *heading*\n\n- [x](javascript:alert) <b>bold</b>\n    & end"
    chat = Chat(echo).say(typed)
    [own] = chat.page().all(data_testid="message", data_kind="user")
    text = own.with_class("prose")[0]
    assert text.text == typed
    assert text.children == [typed]


@pytest.mark.parametrize("content", ["", " \n\t ", "\u200b", "\x00\x1b"])
def test_nothing_is_not_sent(echo: Flask, content: str) -> None:
    chat = Chat(echo)
    before = every_row(echo)
    answer = chat.visitor.post(f"{chat.address}/messages", form(content))
    assert answer.status_code == 422
    assert "The message is empty. Write a message first." in answer.text
    assert every_row(echo) == before


@pytest.mark.parametrize("letter", ["a", "ä", "字", "😀", "%"])
def test_a_message_of_256_kb_is_sent_and_one_byte_more_is_kept(echo: Flask, letter: str) -> None:
    chat = Chat(echo)
    most = letter * (256 * 1024 // len(letter.encode()))
    most += "a" * (256 * 1024 - len(most.encode()))
    assert chat.say(most).messages("user") == [most]
    answer = chat.visitor.post(f"{chat.address}/messages", form(most + "b"))
    assert answer.status_code == 413
    assert "The message has 257 kB, and may have 256 kB." in answer.text
    assert parse(answer.text).one(id="composer-input").text.strip() == most + "b"


def test_a_site_sets_how_long_a_message_may_be(make_app: AppMaker) -> None:
    for most in (2_048, 512 * 1024):
        app = make_app(ECHO, message_bytes=most)
        chat = Chat(app)
        assert chat.say("a" * most).messages("user") == ["a" * most]
        answer = chat.visitor.post(f"{chat.address}/messages", form("a" * (most + 1)))
        assert answer.status_code == 413
        assert f"may have {most // 1024} kB" in answer.text


def test_60_kb_of_lines_are_sent(echo: Flask) -> None:
    lines = "\n".join(["{}"] * 20_000)
    assert Chat(echo).say(lines).messages("user") == [lines]


def test_50_megabytes_are_refused_unread(echo: Flask) -> None:
    chat = Chat(echo)
    answer = chat.visitor.post(f"{chat.address}/messages", form("x" * 50_000_000))
    assert answer.status_code == 413
    assert count(echo, "turns") == 0


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("a\x00b\x1bc", "abc"),
        ("a\r\nb\rc", "a\nb\nc"),
        ("e\u0301", "e\u0301"),
        ("\ud83d", "\ufffd"),
    ],
)
def test_text_is_cleaned_by_the_rule_for_all_text(echo: Flask, typed: str, stored: str) -> None:
    chat = Chat(echo)
    body = form(typed.encode("utf-8", "surrogatepass").decode("utf-8", "replace"))
    chat.visitor.post(f"{chat.address}/messages", body)
    shown = chat.until_answered().messages("user")[0]
    assert shown.replace("\ufffd" * 3, "\ufffd") == stored


@pytest.mark.parametrize(
    "key", ["", "1", "0" * 36, "٣" * 36, "A83F15A3-FB95-4BE8-B34E-63E3EAC89E5F"]
)
def test_a_key_that_is_none_of_ours_is_refused(echo: Flask, key: str) -> None:
    chat = Chat(echo)
    answer = chat.visitor.post(f"{chat.address}/messages", {"content": "Hello", "key": key})
    assert answer.status_code == 400
    assert parse(answer.text).one(id="composer-input").text.strip() == "Hello"


@pytest.mark.parametrize(
    "fields",
    [{"content": "a"}, {"key": str(uuid.uuid4())}, form(author="admin"), form(status="complete")],
)
def test_a_form_with_other_fields_is_refused(echo: Flask, fields: dict[str, str]) -> None:
    chat = Chat(echo)
    assert chat.visitor.post(f"{chat.address}/messages", fields).status_code == 400
    assert count(echo, "turns") == 0


def test_nobody_else_can_write_in_a_chat(roles_app: Flask) -> None:
    chat = Visitor(roles_app).logged_in("alice").start_chat("team")
    stranger = Visitor(roles_app).logged_in("bob")
    for path in ("messages", "stop", "retry"):
        assert stranger.post(f"{chat}/{path}", form()).status_code == 404
    assert Visitor(roles_app).post(f"{chat}/messages", form()).status_code == 401
    assert count(roles_app, "turns") == 0


def test_the_wrong_method_is_refused(echo: Flask) -> None:
    chat = Chat(echo)
    for path in ("messages", "stop", "retry"):
        assert chat.visitor.get(f"{chat.address}/{path}").status_code == 405


def test_an_app_without_on_message_says_so(make_app: AppMaker) -> None:
    chat = Chat(make_app("simple.py"))
    answer = chat.visitor.post(f"{chat.address}/messages", form())
    assert answer.status_code == 409
    assert "This app does not answer messages" in answer.text


def test_a_form_that_is_sent_twice_says_its_message_once(echo: Flask) -> None:
    chat, key = Chat(echo), str(uuid.uuid4())
    chat.say("Hello", key).say("Hello", key)
    assert chat.messages("user") == ["Hello"]
    assert chat.messages() == ["You wrote: Hello"]


def test_htmx_gets_the_whole_chat_for_a_form_that_comes_again(echo: Flask) -> None:
    chat, sent = Chat(echo), form()
    for _ in range(2):
        answer = chat.visitor.post(f"{chat.address}/messages", sent, htmx=True)
    assert answer.headers["HX-Retarget"] == "#chat"
    assert len(parse(answer.text).all(data_testid="message")) == 2


def test_another_text_with_the_same_key_is_kept_and_not_said(echo: Flask) -> None:
    chat, key = Chat(echo), str(uuid.uuid4())
    chat.say("Hello", key)
    answer = chat.visitor.post(f"{chat.address}/messages", form("Goodbye", key))
    page = parse(answer.text)
    assert answer.status_code == 409
    assert page.one(id="composer-input").text.strip() == "Goodbye"
    assert page.one(id="composer-key")["value"] != key
    assert chat.messages("user") == ["Hello"]


def test_the_same_key_in_another_chat_is_another_message(echo: Flask) -> None:
    key = str(uuid.uuid4())
    for _ in range(2):
        Chat(echo).say("Hello", key)
    assert count(echo, "turns") == 2


def test_a_second_message_waits_until_the_answer_is_there(make_app: AppMaker) -> None:
    app = make_app(HELD)
    chat = Chat(app)
    chat.begin("first")
    answer = chat.visitor.post(f"{chat.address}/messages", form("second"))
    assert answer.status_code == 409
    assert "stop the answer" in answer.text
    assert parse(answer.text).one(id="composer-input").text.strip() == "second"
    go_on(app)
    assert chat.until_answered().say("second").messages() == ["done: first", "done: second"]


def test_a_user_has_only_so_many_answers_under_way(make_app: AppMaker) -> None:
    app = make_app(HELD, turns_per_user="2")
    visitor = Visitor(app)
    chats = []
    for _ in range(3):  # one that nobody has written in is replaced by the next
        chats.append(Chat.of(visitor))
        run_sql(app, "UPDATE chats SET written = 1")
    for chat in chats[:2]:
        chat.begin("Hello")
    answer = visitor.post(f"{chats[2].address}/messages", form("one too many"))
    assert answer.status_code == 429
    assert answer.headers["Retry-After"]
    assert parse(answer.text).one(id="composer-input").text.strip() == "one too many"
    go_on(app)
    for chat in chats[:2]:
        chat.until_answered()
    assert chats[2].say("now").messages() == ["done: now"]


def test_a_withdrawn_profile_makes_the_chat_one_to_read(make_app: AppMaker, log: LogReader) -> None:
    recorder = Recorder(make_app)
    recorder.offer("here", "gone")
    chat = Chat.of(recorder.visitor, "gone")
    recorder.offer("here")
    answer = chat.visitor.post(f"{chat.address}/messages", form("my text"))
    page = parse(answer.text)
    assert answer.status_code == 403
    assert "is no longer available" in page.one(id="read-only").text
    assert page.one(id="unsent").text.strip() == "my text"
    ways_on = [button.text for button in page.one(id="read-only").all("button")]
    assert ways_on == ["Continue with here", "Start a new chat"]
    assert page.all(data_testid="composer") == []
    assert log.one("profile.refused")["profile"] == "gone"
    assert count(recorder.app, "turns") == 0


def test_htmx_gets_the_chat_to_read_in_place_of_the_one_to_write(make_app: AppMaker) -> None:
    recorder = Recorder(make_app)
    recorder.offer("here", "gone")
    address = recorder.visitor.start_chat("gone")
    recorder.offer("here")
    answer = recorder.visitor.post(f"{address}/messages", form(), htmx=True)
    assert (answer.status_code, answer.headers["HX-Retarget"]) == (403, "#chat")
    assert "is no longer available" in answer.text


@pytest.mark.parametrize("htmx", [False, True])
def test_a_form_that_comes_again_while_its_stopped_callback_works_was_sent(
    make_app: AppMaker, *, htmx: bool
) -> None:
    app = make_app(HELD, turns_per_user="1")
    chat, sent = Chat(app), form("Hello")
    chat.begin("Hello", sent["key"])
    chat.stop()
    chat.until_answered()
    other = chat.visitor.post(f"{chat.address}/messages", form("Goodbye", sent["key"]), htmx=htmx)
    again = chat.visitor.post(f"{chat.address}/messages", sent, htmx=htmx)
    go_on(app)
    assert (other.status_code, "was not sent" in other.text) == (429, True)
    _is_the_chat_as_it_stands(again, chat, htmx=htmx)
    assert chat.messages("user") == ["Hello"]


@pytest.mark.parametrize("htmx", [False, True])
def test_a_form_that_comes_again_after_its_profile_was_withdrawn_was_sent(
    make_app: AppMaker, *, htmx: bool
) -> None:
    app = make_app(WITHDRAWING)
    chat, sent = Chat(app, "gone"), form("Hello")
    chat.say("Hello", sent["key"])
    del names(app)["OFFER"][1]
    again = chat.visitor.post(f"{chat.address}/messages", sent, htmx=htmx)
    _is_the_chat_as_it_stands(again, chat, htmx=htmx)
    other = chat.visitor.post(f"{chat.address}/messages", form("Goodbye", sent["key"]), htmx=htmx)
    assert other.status_code == 403
    assert parse(other.text).one(id="unsent").text.strip() == "Goodbye"


def _is_the_chat_as_it_stands(answer: TestResponse, chat: Chat, *, htmx: bool) -> None:
    if not htmx:
        assert (answer.status_code, answer.location) == (303, chat.address)
        return
    assert (answer.status_code, answer.headers["HX-Retarget"]) == (200, "#chat")
    said = parse(answer.text).all(data_testid="message", data_kind="user")
    assert [message.with_class("prose")[0].text for message in said] == ["Hello"]
    assert "was not sent" not in answer.text


def test_a_message_is_kept_while_the_database_cannot_be_reached(echo: Flask) -> None:
    chat, sent = Chat(echo), form("do not lose me")
    run_sql(echo, "ALTER TABLE turns RENAME TO turns_away")
    answer = chat.visitor.post(f"{chat.address}/messages", sent)
    kept = parse(answer.text).one("form")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert kept.one("textarea").text.strip() == "do not lose me"
    assert kept.one(name="key")["value"] == sent["key"]
    run_sql(echo, "ALTER TABLE turns_away RENAME TO turns")
    chat.say("do not lose me", sent["key"])
    assert chat.messages("user") == ["do not lose me"]


WITHDRAWING = """
    import webapp as cl

    OFFER = [cl.ChatProfile("here", "Stays."), cl.ChatProfile("gone", "Goes.")]

    @cl.set_chat_profiles
    def profiles():
        return OFFER

    @cl.on_message
    def answer(message):
        cl.Message(f"You wrote: {message.content}").send()
"""
HELD = """
    import threading
    import webapp as cl

    go_on = threading.Event()

    @cl.on_message
    def answer(message):
        go_on.wait(20)
        cl.Message(f"done: {message.content}").send()
"""


def go_on(app: Flask) -> None:
    """Let the held answers go on."""
    names(app)["go_on"].set()


def names(app: Flask) -> dict[str, Any]:
    """Return the names of the app file."""
    callback = app.extensions["chat_app"].callbacks["on_message"].function
    found: dict[str, Any] = callback.__globals__
    return found
