"""Editing a message, and having it answered once more: the old branch goes out of sight."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.support.apps import AppMaker
from tests.support.chats import Chat
from tests.support.history import History
from tests.support.html import Element, parse
from tests.support.people import HTMX, Visitor
from tests.support.rows import column, count, every_row, run_sql
from webapp.config.settings import Settings

APP = """
    import asyncio
    import webapp as cl

    OFFER = ["one", "two"]
    HISTORY, SEEN, CALLS = [], [], []

    @cl.set_chat_profiles
    def chat_profiles(current_user):
        return [cl.ChatProfile(name, "A profile.") for name in OFFER]

    @cl.on_chat_start
    def start():
        cl.user_session.set("count", 0)
        cl.Message("Welcome!").send()

    @cl.on_message
    async def answer(message):
        HISTORY[:] = [said["content"] for said in cl.chat_history()]
        count = cl.user_session.get("count")
        CALLS.append(message.content)
        SEEN.append(count)
        cl.user_session.set("count", count + 1)
        cl.user_session.set("last", message.content)
        if message.content.startswith("fail"):
            raise ValueError("on purpose")
        if message.content == "wait":
            await asyncio.sleep(30)
        if message.content == "nothing":
            return
        await cl.Message(f"Answer {len(CALLS)} to {message.content}").send()

    @cl.password_auth_callback
    def let_in(username, password):
        return cl.User(username) if password == username * 2 else None
"""


@pytest.fixture
def app(either_url: str, tmp_path: Path) -> Iterator[Flask]:
    """Return an app with login that counts in its session."""
    with AppMaker.in_folder(tmp_path, either_url) as make:
        yield make(APP)


@pytest.fixture
def chat(app: Flask) -> Chat:
    """Return a chat of Alice's with two questions and their answers."""
    new = Chat.of(Visitor(app).logged_in("alice"), "one")
    return new.say("first").say("second")


def names(chat: Chat) -> dict[str, Any]:
    """Return the names of the app file."""
    callback = chat.visitor.app.extensions["chat_app"].callbacks["on_message"].function
    found: dict[str, Any] = callback.__globals__
    return found


def question(chat: Chat, number: int = -1) -> str:
    shown = chat.page().all(data_testid="message", data_kind="user")
    return str(shown[number]["data-message-id"])


def new_key() -> str:
    return str(uuid.uuid4())


def edit(
    chat: Chat, content: str, *, by: Visitor | None = None, htmx: bool = False, **changed: str
) -> TestResponse:
    """Edit the last message, and wait until it is answered."""
    form = {"message": changed.pop("message", "") or question(chat), "key": new_key()}
    sender = by or chat.visitor
    answer = sender.post(f"{chat.address}/edit", {**form, "content": content, **changed}, htmx=htmx)
    chat.until_answered()
    return answer


def regenerate(
    chat: Chat, *, by: Visitor | None = None, htmx: bool = False, **changed: str
) -> TestResponse:
    """Have the last message answered again, and wait for that."""
    form = {"turn": changed.get("turn") or last_turn(chat), "key": new_key()}
    answer = (by or chat.visitor).post(f"{chat.address}/regenerate", form | changed, htmx=htmx)
    chat.until_answered()
    return answer


def last_turn(chat: Chat) -> str:
    forms = chat.page().all("form", id="regenerate")
    return forms[0].one(name="turn")["value"] if forms else new_key()


def shown(chat: Chat) -> list[str]:
    return chat.messages("user") + chat.messages("assistant")


def values(chat: Chat) -> dict[str, Any]:
    [found] = column(chat.visitor.app, "chats.values")
    return dict(found)


def test_another_text_takes_the_place_of_the_last_message_and_its_answer(chat: Chat) -> None:
    answer = edit(chat, "changed")
    assert (answer.status_code, answer.location) == (303, chat.address)
    assert chat.messages("user") == ["first", "changed"]
    assert chat.messages() == ["Welcome!", "Answer 1 to first", "Answer 3 to changed"]


def test_what_was_replaced_is_kept_with_the_turn_that_took_its_place(chat: Chat) -> None:
    edit(chat, "changed")
    app = chat.visitor.app
    assert sorted(column(app, "messages.content"))[:2] == [
        "Answer 1 to first",
        "Answer 2 to second",
    ]
    replaced = [r for r in column(app, "messages.replaced_by") if r is not None]
    assert len(replaced) == 2
    assert set(replaced) <= set(column(app, "turns.id"))


def test_the_app_sees_the_conversation_without_the_old_branch(chat: Chat) -> None:
    edit(chat, "changed")
    assert names(chat)["HISTORY"] == ["Welcome!", "first", "Answer 1 to first", "changed"]
    chat.say("third")
    assert names(chat)["HISTORY"][3:] == ["changed", "Answer 3 to changed", "third"]


def test_the_session_is_as_it_was_before_the_edited_message(chat: Chat) -> None:
    edit(chat, "changed")
    assert names(chat)["SEEN"] == [0, 1, 1]
    assert values(chat) == {"count": 2, "last": "changed"}


def test_the_first_message_can_be_edited_again_and_again(app: Flask) -> None:
    chat = Chat.of(Visitor(app).logged_in("alice"), "one").say("a")
    for text in ("b", "c", "d"):
        assert edit(chat, text).status_code == 303
    assert shown(chat) == ["d", "Welcome!", "Answer 4 to d"]
    assert names(chat)["SEEN"] == [0, 0, 0, 0]
    assert values(chat) == {"count": 1, "last": "d"}


def test_the_title_is_made_from_the_first_message_as_it_is_by_now(app: Flask) -> None:
    chat = Chat.of(Visitor(app).logged_in("alice"), "one").say("first")
    answer = edit(chat, "changed", htmx=True)
    assert column(app, "chats.title") == ["changed"]
    assert "history-news" in answer.text
    [owner] = column(app, "chats.owner")
    assert History(app).search("first", owner=owner).hits == []


def test_a_title_stays_that_was_not_made_from_what_is_edited(chat: Chat) -> None:
    edit(chat, "first")
    edit(chat, "changed")
    assert column(chat.visitor.app, "chats.title") == ["first"]


def test_a_title_that_its_user_gave_stays(app: Flask) -> None:
    chat = Chat.of(Visitor(app).logged_in("alice"), "one").say("first")
    run_sql(app, "UPDATE chats SET title = 'mine'")
    edit(chat, "changed")
    assert column(app, "chats.title") == ["mine"]


def test_values_that_were_empty_are_empty_again(make_app: AppMaker) -> None:
    app = make_app(
        """
        import webapp as cl

        @cl.on_message
        def answer(message):
            cl.Message(str(cl.user_session.get("seen"))).send()
            cl.user_session.set("seen", message.content)
        """
    )
    chat = Chat(app).say("a")
    edit(chat, "b")
    assert chat.messages() == ["None"]


def test_an_answer_that_broke_off_can_be_edited_away_with_its_retries(chat: Chat) -> None:
    chat.say("fail now")
    form = chat.page().one(id="retry")
    fields = {i["name"]: i["value"] for i in form.all("input")}
    chat.visitor.post(f"{chat.address}/retry", fields)
    chat.until_answered()
    edit(chat, "better")
    assert chat.messages("error") == []
    assert chat.messages("user") == ["first", "second", "better"]
    assert names(chat)["SEEN"] == [0, 1, 2, 3, 2]


def test_the_last_message_can_be_answered_once_more(chat: Chat) -> None:
    answer = regenerate(chat)
    assert (answer.status_code, answer.location) == (303, chat.address)
    assert chat.messages("user") == ["first", "second"]
    assert chat.messages() == ["Welcome!", "Answer 1 to first", "Answer 3 to second"]
    assert names(chat)["HISTORY"] == ["Welcome!", "first", "Answer 1 to first", "second"]
    assert names(chat)["SEEN"] == [0, 1, 1]
    assert values(chat) == {"count": 2, "last": "second"}


def test_an_answer_can_be_replaced_several_times(chat: Chat) -> None:
    for _ in range(3):
        assert regenerate(chat).status_code == 303
    assert chat.messages()[-1] == "Answer 5 to second"
    assert len([r for r in column(chat.visitor.app, "messages.replaced_by") if r]) == 3


def test_an_answer_of_nothing_can_still_be_replaced(chat: Chat) -> None:
    edit(chat, "nothing")
    assert regenerate(chat).status_code == 303
    assert names(chat)["CALLS"] == ["first", "second", "nothing", "nothing"]


def test_the_values_before_are_kept_for_the_last_turn_only(chat: Chat) -> None:
    edit(chat, "changed")
    regenerate(chat)
    chat.say("third")
    kept = [v for v in column(chat.visitor.app, "turns.values_before") if v is not None]
    assert kept == [{"count": 2, "last": "changed"}]


def test_an_answer_from_before_values_were_kept_keeps_the_values(chat: Chat) -> None:
    run_sql(chat.visitor.app, "UPDATE turns SET values_before = NULL")
    edit(chat, "changed")
    assert names(chat)["SEEN"] == [0, 1, 2]


def test_a_divider_stays_in_sight(chat: Chat) -> None:
    run_sql(
        chat.visitor.app,
        "INSERT INTO messages (id, chat_id, sequence, kind, content, status, created_at) "
        "SELECT :id, id, 99, 'divider', 'two', 'complete', created_at FROM chats",
        id=uuid.uuid4().hex,
    )
    edit(chat, "changed")
    # The question and its answer.
    assert len([r for r in column(chat.visitor.app, "messages.replaced_by") if r]) == 2


def test_an_earlier_message_is_edited_and_all_that_follows_is_replaced(chat: Chat) -> None:
    chat.say("third")
    assert edit(chat, "changed", message=question(chat, 1)).status_code == 303
    assert chat.messages("user") == ["first", "changed"]
    assert names(chat)["HISTORY"] == ["Welcome!", "first", "Answer 1 to first", "changed"]
    replaced = [row for row in column(chat.visitor.app, "messages.replaced_by") if row]
    assert len(replaced) == 4
    assert len(set(replaced)) == 1


def test_a_message_that_was_replaced_cannot_be_edited(chat: Chat) -> None:
    old = question(chat)
    edit(chat, "changed")
    before = every_row(chat.visitor.app)
    answer = edit(chat, "once more", message=old)
    assert answer.status_code == 409
    assert parse(answer.text).one(id="composer-input").text.strip() == "once more"
    assert rows_of_chats(before) == rows_of_chats(every_row(chat.visitor.app))
    assert chat.messages("user") == ["first", "changed"]


def test_an_answer_that_is_not_the_last_one_cannot_be_replaced(chat: Chat) -> None:
    old = last_turn(chat)
    chat.say("third")
    assert regenerate(chat, turn=old).status_code == 409
    assert len(chat.messages("user")) == 3


def test_an_answer_that_broke_off_is_tried_again_and_not_replaced(chat: Chat) -> None:
    chat.say("fail now")
    [turn] = [str(chat.page().one(id="retry").one(name="turn")["value"])]
    assert chat.page().all(id="regenerate") == []
    assert regenerate(chat, turn=turn).status_code == 409


def test_nothing_is_edited_or_replaced_while_an_answer_is_written(chat: Chat) -> None:
    turn, message = last_turn(chat), question(chat)
    chat.begin("wait")
    busy = chat.page()
    last = busy.all(data_testid="message", data_kind="user")[-1]["data-message-id"]
    form = {"message": last, "content": "do not lose me", "key": new_key()}
    edited = chat.visitor.post(f"{chat.address}/edit", form)
    again = chat.visitor.post(f"{chat.address}/regenerate", {"turn": turn, "key": new_key()})
    assert (edited.status_code, again.status_code) == (409, 409)
    assert "do not lose me" in parse(edited.text).one(id="composer-input").text
    assert message != last
    chat.stop()


def test_the_same_form_again_edits_once(chat: Chat) -> None:
    message, key = question(chat), new_key()
    for _ in range(3):
        answer = edit(chat, "changed", message=message, key=key)
        assert answer.status_code == 303
    assert names(chat)["CALLS"] == ["first", "second", "changed"]


def test_the_same_form_with_another_text_is_refused_and_kept(chat: Chat) -> None:
    message, key = question(chat), new_key()
    edit(chat, "changed", message=message, key=key)
    answer = edit(chat, "another text", message=message, key=key)
    assert answer.status_code == 409
    assert parse(answer.text).one(id="composer-input").text.strip() == "another text"
    assert chat.messages("user") == ["first", "changed"]


def test_the_same_form_again_replaces_an_answer_once(chat: Chat) -> None:
    turn, key = last_turn(chat), new_key()
    for _ in range(3):
        assert regenerate(chat, turn=turn, key=key).status_code == 303
    assert len(names(chat)["CALLS"]) == 3


@pytest.mark.parametrize(("content", "status"), [("", 422), (" \u200b", 422), (None, 413)])
def test_a_text_that_cannot_be_taken_stays_in_its_field(
    chat: Chat, content: str | None, status: int
) -> None:
    text = "a" * (Settings.message_bytes + 1) if content is None else content
    answer = edit(chat, text)
    page = parse(answer.text)
    assert answer.status_code == status
    [editor] = page.all("details", class_="edit", open="")
    assert editor.one("textarea").text.removeprefix("\n") == text
    assert chat.messages("user") == ["first", "second"]


@pytest.mark.parametrize("content", ["", "a" * (Settings.message_bytes + 1)], ids=["empty", "long"])
def test_htmx_gets_a_notice_and_keeps_its_field(chat: Chat, content: str) -> None:
    answer = edit(chat, content, htmx=True)
    assert answer.headers["HX-Retarget"] == "#notices"


@pytest.mark.parametrize("field", ["message", "key", "turn"])
@pytest.mark.parametrize("bad", ["", "1", "٣" * 36, "A83F15A3-FB95-4BE8-B34E-63E3EAC89E5F"])
def test_ids_are_strictly_read(make_app: AppMaker, field: str, bad: str) -> None:
    chat = Chat(make_app("simple.py"))
    form = {"message": new_key(), "content": "text", "key": new_key()} | {field: bad}
    action = "edit" if field == "message" else "regenerate"
    if action == "regenerate":
        form = {"turn": new_key(), "key": new_key()} | {field: bad}
    assert chat.visitor.post(f"{chat.address}/{action}", form).status_code == 400


def test_a_message_of_another_chat_or_of_the_app_is_404(chat: Chat) -> None:
    other = Chat.of(chat.visitor, "two").say("elsewhere")
    [answer, *_] = other.page().all(data_testid="message", data_kind="assistant")
    for message in (question(chat), answer["data-message-id"], new_key()):
        assert edit(other, "changed", message=message).status_code == 404
    assert other.messages("user") == ["elsewhere"]


def test_another_users_chat_is_404(chat: Chat) -> None:
    bob = Visitor(chat.visitor.app).logged_in("bob")
    assert edit(chat, "changed", by=bob).status_code == 404
    assert regenerate(chat, by=bob).status_code == 404
    assert len(names(chat)["CALLS"]) == 2


def test_somebody_who_is_not_logged_in_keeps_the_text(chat: Chat) -> None:
    answer = edit(chat, "do not lose me", by=Visitor(chat.visitor.app))
    assert answer.status_code == 401
    assert parse(answer.text).one("textarea").text.strip() == "do not lose me"
    again = regenerate(chat, by=Visitor(chat.visitor.app))
    assert (again.status_code, again.location) == (303, "/login")


def test_looking_at_the_addresses_is_405(chat: Chat) -> None:
    assert chat.visitor.get(f"{chat.address}/edit").status_code == 405
    assert chat.visitor.get(f"{chat.address}/regenerate").status_code == 405


def test_where_the_profile_is_withdrawn_nothing_is_offered_and_the_text_kept(chat: Chat) -> None:
    message, turn = question(chat), last_turn(chat)
    names(chat)["OFFER"].remove("one")
    page = chat.page()
    assert page.all(data_testid="edit") + page.all(id="regenerate") == []
    answer = edit(chat, "do not lose me", message=message)
    assert (answer.status_code, "do not lose me" in answer.text) == (403, True)
    assert regenerate(chat, turn=turn).status_code == 403
    assert len(names(chat)["CALLS"]) == 2


def test_nothing_is_half_done_when_the_transaction_fails(make_app: AppMaker) -> None:
    chat = Chat.of(Visitor(make_app(APP)).logged_in("alice"), "one").say("first").say("second")
    app = chat.visitor.app
    run_sql(
        app,
        "CREATE TRIGGER refuse BEFORE INSERT ON messages WHEN new.kind = 'assistant' "
        "BEGIN SELECT RAISE(ABORT, 'refused'); END",
    )
    message, turn = question(chat), last_turn(chat)
    before = rows_of_chats(every_row(app))
    for path, form in (
        ("edit", {"message": message, "content": "changed", "key": new_key()}),
        ("regenerate", {"turn": turn, "key": new_key()}),
    ):
        assert chat.visitor.post(f"{chat.address}/{path}", form).status_code >= 500
    assert rows_of_chats(every_row(app)) == before
    run_sql(app, "DROP TRIGGER refuse")
    assert edit(chat, "changed").status_code == 303


def test_an_edit_is_kept_while_the_database_cannot_be_reached(make_app: AppMaker) -> None:
    chat = Chat.of(Visitor(make_app(APP)).logged_in("alice"), "one").say("first")
    form = {"message": question(chat), "content": "do not lose me", "key": new_key()}
    run_sql(chat.visitor.app, "ALTER TABLE turns RENAME TO turns_away")
    answer = chat.visitor.post(f"{chat.address}/edit", form)
    run_sql(chat.visitor.app, "ALTER TABLE turns_away RENAME TO turns")
    page = parse(answer.text)
    sent = {i["name"]: i["value"] for i in page.one("form").all("input")}
    assert (answer.status_code, page.one("textarea").text.strip()) == (503, form["content"])
    assert {name: sent[name] for name in ("message", "key")} == {
        "message": form["message"],
        "key": form["key"],
    }


def test_of_many_edits_at_once_one_is_taken(chat: Chat) -> None:
    message = question(chat)
    twins = [chat.visitor.twin() for _ in range(6)]

    def send(number: int) -> int:
        form = {"message": message, "content": f"edit {number}", "key": new_key()}
        return twins[number].post(f"{chat.address}/edit", form).status_code

    with ThreadPoolExecutor(6) as pool:
        statuses = sorted(pool.map(send, range(6)))
    chat.until_answered()
    assert statuses == [303, 409, 409, 409, 409, 409]
    assert len(chat.messages("user")) == 2
    assert len(names(chat)["CALLS"]) == 3


def test_of_many_new_answers_at_once_one_is_begun(chat: Chat) -> None:
    turn = last_turn(chat)
    twins = [chat.visitor.twin() for _ in range(6)]

    def send(twin: Visitor) -> int:
        form = {"turn": turn, "key": new_key()}
        return twin.post(f"{chat.address}/regenerate", form).status_code

    with ThreadPoolExecutor(6) as pool:
        statuses = sorted(pool.map(send, twins))
    chat.until_answered()
    assert statuses == [303, 409, 409, 409, 409, 409]
    assert len(chat.messages()) == 3


def test_htmx_gets_the_chat_with_the_new_branch(chat: Chat) -> None:
    answer = edit(chat, "changed", htmx=True)
    assert (answer.status_code, answer.headers["HX-Retarget"]) == (200, "#chat")
    said = parse(answer.text).all(data_testid="message", data_kind="user")
    assert [m.with_class("prose")[0].text for m in said] == ["first", "changed"]


def test_the_form_for_an_earlier_message_is_fetched(chat: Chat) -> None:
    message = question(chat, 0)
    [link] = chat.page().all("a", data_testid="edit")
    assert link["hx-get"] == link["href"] == f"{chat.address}/messages/{message}/edit"
    for htmx in (True, False):
        fetched = parse(chat.visitor.get(link["href"], headers=HTMX if htmx else {}).text)
        form = fetched.one("details", class_="edit").one("form")
        assert (form.one(name="message")["value"], form["action"]) == (
            message,
            f"{chat.address}/edit",
        )
        assert form.one("textarea").text.strip() == "first"
        assert "open" in fetched.one("details", class_="edit").attributes
    said = chat.page().all(data_testid="message", data_kind="assistant")[0]["data-message-id"]
    for wrong in (said, new_key(), "x"):
        address = f"{chat.address}/messages/{wrong}/edit"
        assert chat.visitor.get(address).status_code == 404
    assert Visitor(chat.visitor.app).logged_in("bob").get(link["href"]).status_code == 404


def test_only_the_last_message_and_the_last_answer_have_their_buttons(chat: Chat) -> None:
    page = chat.page()
    [editor] = page.all("details", class_="edit")
    assert editor.one(name="message")["value"] == question(chat)
    assert editor.one("textarea").text.strip() == "second"
    [again] = page.all("button", data_testid="regenerate")
    assert inside(again, chat.page().all(data_testid="message-actions")[-1]["id"])


def test_a_rated_answer_that_was_replaced_keeps_its_rating_out_of_sight(chat: Chat) -> None:
    [*_, old] = chat.page().all(data_testid="message", data_kind="assistant")
    address = f"{chat.address}/messages/{old['data-message-id']}/feedback"
    chat.visitor.post(address, {"value": "down"})
    regenerate(chat)
    assert chat.page().all("button", data_testid="rate", aria_pressed="true") == []
    assert count(chat.visitor.app, "feedback") == 1
    assert chat.visitor.post(address, {"value": "up"}).status_code == 404


def test_following_a_new_answer_shows_what_can_be_done_with_it(chat: Chat) -> None:
    regenerate(chat)
    address = f"{chat.address}/turns/{last_turn(chat)}"
    followed = parse(chat.visitor.get(address, headers=HTMX).text)
    assert len(followed.all(data_testid="rate")) == 2
    assert followed.all(data_testid="regenerate")


def inside(element: Element, id: str) -> bool:  # noqa: A002
    parent: Element | None = element
    while parent is not None and parent.get("id") != id:
        parent = parent.parent
    return parent is not None


def rows_of_chats(rows: dict[str, list[str]]) -> dict[str, list[str]]:
    return {name: rows[name] for name in ("chats", "messages", "turns")}
