"""What users think of answers: rated, changed, taken back, and told to the app."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

import webapp as cl
from tests.support.apps import AppMaker
from tests.support.chats import Chat
from tests.support.html import Element, parse
from tests.support.log import LogReader
from tests.support.people import HTMX, Visitor
from tests.support.routes import NOBODYS_MESSAGE
from tests.support.rows import column, count, every_row, run_sql, statements

APP = """
    import threading
    import webapp as cl

    TOLD, told = [], threading.Semaphore(0)

    @cl.set_chat_profiles
    def chat_profiles(current_user):
        return [cl.ChatProfile("one", "First."), cl.ChatProfile("two", "Second.")]

    @cl.on_chat_start
    def start():
        cl.Message("Welcome!").send()

    @cl.on_message
    def answer(message):
        if message.content == "fail":
            raise ValueError("on purpose")
        cl.Message(f"You said: {message.content}").send()

    @cl.password_auth_callback
    def let_in(username, password):
        return cl.User(username, metadata={"role": "USER"}) if password == username * 2 else None

    @cl.on_feedback
    async def rated(feedback):
        TOLD.append(feedback)
        told.release()
        if feedback.comment == "break":
            raise RuntimeError("on purpose")
"""


@pytest.fixture
def app(either_url: str, tmp_path: Path) -> Iterator[Flask]:
    """Return an app with login that keeps what it is told."""
    with AppMaker.in_folder(tmp_path, either_url) as make:
        yield make(APP)


@pytest.fixture
def chat(app: Flask) -> Chat:
    """Return a chat of Alice's with one answer."""
    return Chat.of(Visitor(app).logged_in("alice"), "one").say("Hello")


def answer_in(chat: Chat) -> Element:
    return chat.page().all(data_testid="message", data_kind="assistant")[-1]


def rate(chat: Chat, value: str = "up", *, by: Visitor | None = None, **form: Any) -> TestResponse:
    """Rate the last answer of a chat."""
    message, htmx = answer_in(chat)["data-message-id"], form.pop("htmx", False)
    address = f"{chat.address}/messages/{form.pop('message', message)}/feedback"
    return (by or chat.visitor).post(address, {"value": value, **form}, htmx=htmx)


def told(app: Flask, times: int) -> list[cl.Feedback]:
    """Wait until the app was told so often, and return of what."""
    names = app.extensions["chat_app"].callbacks["on_feedback"].function.__globals__
    for _ in range(times):
        assert names["told"].acquire(timeout=20)
    return list(names["TOLD"])


def pressed(page: Element) -> list[str]:
    return [b["data-value"] for b in page.all("button", data_testid="rate", aria_pressed="true")]


def test_a_thumb_is_stored_with_its_profile_and_shown(chat: Chat) -> None:
    answer = rate(chat, "up")
    message = answer_in(chat)["data-message-id"]
    assert (answer.status_code, answer.location) == (303, f"{chat.address}#message-{message}")
    assert pressed(chat.page()) == ["up"]
    assert column(chat.visitor.app, "feedback.profile") == ["one"]
    assert column(chat.visitor.app, "feedback.owner") == ["user:alice"]
    assert column(chat.visitor.app, "feedback.value") == [1]


def test_a_rating_is_changed_and_keeps_its_comment(chat: Chat) -> None:
    rate(chat, "up", comment="Clear, and short.")
    [first] = column(chat.visitor.app, "feedback.changed_at")
    rate(chat, "down")
    assert pressed(chat.page()) == ["down"]
    assert column(chat.visitor.app, "feedback.comment") == ["Clear, and short."]
    assert column(chat.visitor.app, "feedback.changed_at") > [first]
    assert column(chat.visitor.app, "feedback.created_at") == [first]


def test_a_rating_is_taken_back_with_its_comment(chat: Chat) -> None:
    rate(chat, "down", comment="Wrong.")
    [button] = chat.page().all("button", data_testid="rate", aria_pressed="true")
    rate(chat, button["value"])
    assert pressed(chat.page()) == []
    assert count(chat.visitor.app, "feedback") == 0


def test_an_empty_comment_takes_the_earlier_one_away(chat: Chat) -> None:
    rate(chat, "down", comment="Wrong.")
    rate(chat, "down", comment="")
    assert column(chat.visitor.app, "feedback.comment") == [None]


def test_htmx_gets_just_what_can_be_done_with_that_message(chat: Chat) -> None:
    page = parse(rate(chat, "down", htmx=True).text)
    message = answer_in(chat)["data-message-id"]
    [only] = [e for e in page.children if isinstance(e, Element)]
    assert only["class"] == "rating"
    assert all(f"/messages/{message}/feedback" in form["action"] for form in only.all("form"))
    assert pressed(page) == ["down"]
    assert page.one(role="status").text == "Thank you."
    assert page.one("details").get("hidden") is None


def test_a_comment_changes_nothing_but_the_thanks(chat: Chat) -> None:
    page = parse(rate(chat, "down", comment="Wrong.", htmx=True).text)
    [only] = [e for e in page.children if isinstance(e, Element)]
    assert (only["role"], only.text, only.all(hidden="")) == ("status", "Thank you.", [])


@pytest.mark.parametrize("value", ["", "UP", "1", "none ", "up\x00down"])
def test_another_value_is_refused(chat: Chat, value: str) -> None:
    assert rate(chat, value).status_code == 400
    assert count(chat.visitor.app, "feedback") == 0


def test_a_strange_field_is_refused(chat: Chat) -> None:
    assert rate(chat, "up", profile="two").status_code == 400
    assert count(chat.visitor.app, "feedback") == 0


def test_a_comment_is_cleaned_like_all_text(chat: Chat) -> None:
    rate(chat, "up", comment="a\r\nb\x00\x07c")
    assert column(chat.visitor.app, "feedback.comment") == ["a\nbc"]


def test_a_comment_of_4000_characters_is_stored_and_a_longer_one_kept(chat: Chat) -> None:
    rate(chat, "down", comment="ä" * 4_000)
    refused = rate(chat, "down", comment="b" * 4_001)
    [form] = parse(refused.text).all("details", class_="comment", open="")
    field = form.one("textarea", name="comment")
    assert (refused.status_code, field.text.strip()) == (413, "b" * 4_001)
    assert column(chat.visitor.app, "feedback.comment") == ["ä" * 4_000]


def test_htmx_gets_a_notice_for_a_comment_that_is_too_long(chat: Chat) -> None:
    refused = rate(chat, "down", comment="b" * 4_001, htmx=True)
    assert (refused.status_code, refused.headers["HX-Retarget"]) == (413, "#notices")


def test_another_users_answer_is_404(chat: Chat) -> None:
    bob = Visitor(chat.visitor.app).logged_in("bob")
    assert rate(chat, by=bob).status_code == 404
    assert count(chat.visitor.app, "feedback") == 0


def test_an_answer_of_another_chat_is_404(chat: Chat) -> None:
    other = Chat.of(chat.visitor, "two").say("Hello")
    assert rate(other, message=answer_in(chat)["data-message-id"]).status_code == 404


def test_somebody_who_is_not_logged_in_is_sent_to_login(chat: Chat) -> None:
    answer = rate(chat, by=Visitor(chat.visitor.app))
    assert (answer.status_code, answer.location) == (303, "/login")
    assert count(chat.visitor.app, "feedback") == 0


def test_what_is_no_answer_cannot_be_rated(chat: Chat) -> None:
    chat.say("fail")
    shown = chat.page().all(data_testid="message")
    assert [m["data-kind"] for m in shown] == ["assistant", "user", "assistant", "user", "error"]
    for message in (shown[0], shown[1], shown[4]):
        assert rate(chat, message=message["data-message-id"]).status_code == 404
    assert rate(chat, message=NOBODYS_MESSAGE).status_code == 404
    assert len(chat.page().all(data_testid="rate")) == 2


def test_a_deleted_chat_takes_no_ratings(chat: Chat) -> None:
    message = answer_in(chat)["data-message-id"]
    run_sql(chat.visitor.app, "UPDATE chats SET deleted_at = '2026-01-01 00:00:00'")
    address = f"{chat.address}/messages/{message}/feedback"
    assert chat.visitor.post(address, {"value": "up"}).status_code == 404


def test_looking_at_the_address_is_405(chat: Chat) -> None:
    message = answer_in(chat)["data-message-id"]
    before = every_row(chat.visitor.app)
    answer = chat.visitor.get(f"{chat.address}/messages/{message}/feedback")
    assert answer.status_code == 405
    assert every_row(chat.visitor.app) == before


def test_the_app_is_told_once_for_each_change(chat: Chat) -> None:
    rate(chat, "up")
    rate(chat, "up")
    told(chat.visitor.app, 1)
    rate(chat, "down", comment="Too short.")
    told(chat.visitor.app, 1)
    rate(chat, "none")
    first, second, third = told(chat.visitor.app, 1)
    assert (first.value, first.previous, first.comment) == ("up", "none", "")
    assert (second.value, second.previous, second.comment) == ("down", "up", "Too short.")
    assert (third.value, third.previous, third.comment) == ("none", "down", "")


def test_the_app_is_told_what_was_rated_and_by_whom(chat: Chat) -> None:
    rate(chat, "down")
    [feedback] = told(chat.visitor.app, 1)
    assert feedback.chat_id == chat.address.rpartition("/")[2]
    assert feedback.message_id == answer_in(chat)["data-message-id"]
    assert (feedback.content, feedback.profile) == ("You said: Hello", "one")
    assert feedback.user == cl.User("alice", metadata={"role": "USER"})


def test_a_callback_that_fails_is_logged_and_the_rating_stays(chat: Chat, log: LogReader) -> None:
    assert rate(chat, "down", comment="break").status_code == 303
    log.wait_for("feedback.callback_failed")
    assert "on purpose" in log.one("feedback.callback_failed")["traceback"]
    assert pressed(chat.page()) == ["down"]


def test_nobody_waits_for_the_callback(make_app: AppMaker) -> None:
    source = """
        import threading
        import webapp as cl

        go_on, done = threading.Event(), threading.Event()

        @cl.on_message
        def answer(message):
            cl.Message("Yes.").send()

        @cl.on_feedback
        def rated():
            go_on.wait(20)
            done.set()
    """
    app = make_app(source)
    chat = Chat(app).say("Hello")
    names = app.extensions["chat_app"].callbacks["on_feedback"].function.__globals__
    assert rate(chat, "up").status_code == 303
    assert not names["done"].is_set()
    names["go_on"].set()
    assert names["done"].wait(20)


def test_chainlits_names_are_told_what_there_is_instead() -> None:
    feedback = cl.Feedback("c", "m", "up", "", "text")
    assert (feedback.forId, feedback.threadId) == ("m", "c")
    with pytest.raises(AttributeError, match=r"Feedback\.score does not exist.*use value"):
        feedback.score  # type: ignore[attr-defined]  # noqa: B018
    with pytest.raises(AttributeError, match="did you mean comment"):
        feedback.coment  # type: ignore[attr-defined]  # noqa: B018


def test_many_ratings_at_once_leave_one(chat: Chat) -> None:
    message = answer_in(chat)["data-message-id"]
    address = f"{chat.address}/messages/{message}/feedback"
    values = ["up", "down"] * 4
    twins = [chat.visitor.twin() for _ in values]
    with ThreadPoolExecutor(len(values)) as pool:
        answers = list(pool.map(lambda t, v: t.post(address, {"value": v}), twins, values))
    assert {answer.status_code for answer in answers} == {303}
    assert count(chat.visitor.app, "feedback") == 1


def test_ratings_that_cannot_be_stored_are_503(make_app: AppMaker) -> None:
    chat = Chat.of(Visitor(make_app(APP)).logged_in("alice"), "one").say("Hello")
    message = answer_in(chat)["data-message-id"]
    run_sql(chat.visitor.app, "ALTER TABLE feedback RENAME TO feedback_away")
    answer = chat.visitor.post(f"{chat.address}/messages/{message}/feedback", {"value": "up"})
    run_sql(chat.visitor.app, "ALTER TABLE feedback_away RENAME TO feedback")
    assert (answer.status_code, count(chat.visitor.app, "feedback")) == (503, 0)


def test_the_ratings_of_a_page_are_one_query_however_many(chat: Chat) -> None:
    rate(chat, "up")
    with statements(chat.visitor.app) as for_one:
        chat.page()
    for number in range(4):
        chat.say(f"Message {number}")
        rate(chat, "down")
    with statements(chat.visitor.app) as for_five:
        assert pressed(chat.page()) == ["up", *["down"] * 4]
    assert len(for_one) == len(for_five)
    assert sum("JOIN feedback" in sql for sql in for_five) == 1


def test_the_start_of_a_chat_is_not_rated(app: Flask) -> None:
    chat = Chat.of(Visitor(app).logged_in("alice"), "one")
    assert chat.page().all(data_testid="message-actions") == []


def test_each_message_of_a_long_answer_can_be_rated(make_app: AppMaker) -> None:
    app = make_app(
        """
        import webapp as cl

        @cl.on_message
        def answer():
            for number in range(60):
                cl.Message(f"Number {number}").send()
        """
    )
    chat = Chat(app).say("Count")
    # The newest page does not hold the question.
    assert len(chat.page().all(data_testid="message-actions")) == 50


def test_a_long_start_of_a_chat_is_not_rated(make_app: AppMaker) -> None:
    app = make_app(
        """
        import webapp as cl

        @cl.on_chat_start
        def start():
            for number in range(60):
                cl.Message(f"Number {number}").send()
        """
    )
    assert Chat(app).page().all(data_testid="message-actions") == []


def test_an_answer_that_comes_with_its_question_can_be_rated_at_once(chat: Chat) -> None:
    form = {"content": "Again", "key": str(uuid.uuid4())}
    said = parse(chat.visitor.post(f"{chat.address}/messages", form, htmx=True).text)
    chat.until_answered()
    if not said.all(data_testid="rate"):  # the machine was slow: it comes with what follows
        [turn] = {e["data-turn-id"] for e in said.all(id="turn")}
        said = parse(chat.visitor.get(f"{chat.address}/turns/{turn}", headers=HTMX).text)
    [up, _] = said.all(data_testid="rate")
    assert up.parent is not None
    token = up.parent.one(name="csrf_token")["value"]
    given = chat.visitor.client.post(up.parent["action"], data={"csrf_token": token, "value": "up"})
    assert given.status_code == 303
    assert pressed(chat.page()) == ["up"]
