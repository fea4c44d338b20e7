"""What can be found of a chat, from when on, and until when."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError

from tests.support.apps import AppMaker
from tests.support.chats import Chat
from tests.support.history import OWNER, History
from tests.support.people import Visitor
from tests.support.rows import column, count, run_sql
from webapp.chats import search_index
from webapp.chats.search_index import index_messages, index_pending, index_title, unindex_messages
from webapp.chats.tokenizer import owner_word
from webapp.database.engines import utc_now, write_transaction
from webapp.testing.background import wait_for_background
from webapp.turns import rows as turn_rows

TALKS = """
    import asyncio
    import webapp as cl

    KEPT = {}

    @cl.on_chat_start
    def start():
        KEPT["greeting"] = cl.Message("greeting").send()

    @cl.on_message
    async def answer(message):
        if message.content == "change":
            KEPT["greeting"].content = "farewell"
            await KEPT["greeting"].update()
        elif message.content == "empty":
            KEPT["greeting"].content = ""
            await KEPT["greeting"].update()
        elif message.content == "remove":
            await KEPT["greeting"].remove()
        elif message.content == "fail":
            await cl.Message("halfway").send()
            raise ValueError("broken")
        elif message.content == "hang":
            await cl.Message("halfway").send()
            await cl.Message("growing").stream_token("growing")
            await asyncio.sleep(60)
        else:
            await cl.Message("reply one").send()
            await cl.Message("reply two").send()
"""


@pytest.fixture
def app(make_app: AppMaker, either_url: str) -> Flask:
    """Return an app that talks, on each database in turn, and indexes nothing by itself."""
    make_app.database_url = either_url
    app = make_app(TALKS)
    app.extensions["housekeeping"].jobs.clear()
    return app


@pytest.fixture
def history(app: Flask) -> History:
    return History(app)


def owner_of(app: Flask) -> str:
    """Return the owner of the only chat."""
    [owner] = column(app, "chats.owner")
    return str(owner)


def found(app: Flask, query: str) -> bool:
    """Say whether the only chat is found."""
    return len(History(app).search(query, owner=owner_of(app)).hits) == 1


def test_nothing_is_found_of_a_chat_that_nobody_wrote_in(app: Flask) -> None:
    Chat(app)
    with app.app_context():
        assert index_pending() == 0
    assert count(app, "search_entries") == 0
    assert not found(app, "greeting")


def test_with_the_first_message_all_of_the_chat_is_found(app: Flask) -> None:
    Chat(app).say("question")
    assert all(found(app, word) for word in ("question", "greeting", "reply one", "two"))
    # A title, the greeting, the question, and two answers.
    assert count(app, "search_entries") == 5


def test_each_message_after_it_is_found_as_well(app: Flask) -> None:
    Chat(app).say("question").say("another")
    assert found(app, "another")
    assert count(app, "search_entries") == 8


def test_messages_are_indexed_behind_and_once(app: Flask) -> None:
    chats = [Chat(app).say("question"), Chat(app).say("question")]
    assert count(app, "search_entries") == 0
    with app.app_context():
        assert (index_pending(), index_pending()) == (2, 0)
    assert count(app, "search_entries") == 10
    chats[0].say("another")
    with app.app_context():
        assert (index_pending(), index_pending()) == (1, 0)
    assert count(app, "search_entries") == 13
    assert column(app, "chats.unindexed_from") == [None, None]


def test_housekeeping_indexes_what_was_said(app: Flask) -> None:
    chat = Chat(app).say("question")
    housekeeping = app.extensions["housekeeping"]
    housekeeping.jobs["index_messages"] = index_pending
    wait_for_background()
    housekeeping._ran_at = None  # as if a minute had passed
    chat.say("another")
    chat.until(lambda: count(app, "search_entries") > 0)


def test_a_search_indexes_only_the_chats_of_its_owner(app: Flask) -> None:
    chats = [Chat(app).say("question"), Chat(app).say("question")]
    [alice, _] = column(app, "chats.owner")
    assert len(History(app).search("question", owner=alice).hits) == 1
    assert count(app, "search_entries") == 5
    assert len(chats) == 2


@pytest.mark.parametrize("limit", ["MESSAGES_AT_ONCE", "CHATS_AT_ONCE", "CHARACTERS_AT_ONCE"])
def test_what_does_not_fit_into_a_step_comes_with_the_next(
    app: Flask, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    if limit == "CHARACTERS_AT_ONCE":
        monkeypatch.setattr("webapp.chats.search_index.CHARACTERS_AT_ONCE", 1)
    else:
        name = "_LIST_MESSAGES" if limit == "MESSAGES_AT_ONCE" else "_LIST_PENDING"
        monkeypatch.setattr(f"webapp.chats.search_index.{limit}", 1)
        statement = getattr(search_index, name)
        monkeypatch.setattr(search_index, name, statement.limit(1))
    for _ in range(3):
        Chat(app).say("question").say("another")
    with app.app_context():
        index_pending()
    assert count(app, "search_entries") == 3 * 8
    assert column(app, "chats.unindexed_from") == [None] * 3


def test_a_question_is_found_while_its_answer_is_written(app: Flask) -> None:
    chat = Chat(app).say("question")
    chat.begin("hang")
    chat.until(lambda: "growing" in chat.page().text)
    assert found(app, "hang")
    assert not found(app, "halfway")
    with app.app_context():
        assert index_pending() == 0  # nothing else is over
    chat.stop()
    chat.until_answered()
    assert found(app, "halfway")


def test_what_a_killed_process_has_not_indexed_is_found(app: Flask) -> None:
    Chat(app).say("question")
    # As another process finds it: the chat itself says what is to be indexed.
    assert column(app, "chats.unindexed_from") == [0]
    assert found(app, "reply one")


def test_what_was_said_in_a_deleted_chat_is_not_indexed(app: Flask) -> None:
    chat = Chat(app).say("question")
    chat.visitor.post(f"{chat.address}/delete")
    with app.app_context():
        assert index_pending() == 0
    assert count(app, "search_entries") == 0
    chat.visitor.post(f"{chat.address}/restore")
    assert found(app, "question")


def test_a_search_finds_what_is_indexed_while_nothing_can_be_written(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat = Chat(app).say("question")
    assert found(app, "question")
    chat.say("another")

    def fail() -> None:
        raise OperationalError("BEGIN IMMEDIATE", None, OSError("the disk is full"))

    monkeypatch.setattr("webapp.chats.search_index.write_transaction", fail)
    assert found(app, "question")
    assert not found(app, "another")


def test_errors_are_not_found(app: Flask) -> None:
    Chat(app).say("fail")
    assert found(app, "halfway")
    assert not found(app, "wrong")


def test_what_was_changed_later_is_found_as_it_is_now(app: Flask) -> None:
    Chat(app).say("question").say("change")
    assert found(app, "farewell")
    assert not found(app, "greeting")


def test_what_says_nothing_any_more_is_not_found(app: Flask) -> None:
    Chat(app).say("question").say("empty")
    assert not found(app, "greeting")


def test_what_was_taken_back_is_not_found(app: Flask) -> None:
    Chat(app).say("question").say("remove")
    assert not found(app, "greeting")


def test_an_answer_that_grows_is_found_when_it_is_over(app: Flask) -> None:
    chat = Chat(app)
    chat.begin("hang")
    chat.until(lambda: "growing" in chat.page().text)
    assert not found(app, "growing")
    chat.stop()
    chat.until_answered()
    assert found(app, "growing")


def test_what_a_turn_said_is_found_when_its_process_is_gone(app: Flask) -> None:
    chat = Chat(app)
    chat.begin("hang")
    chat.until(lambda: any("halfway" in c for c in column(app, "messages.content")))
    [chat_id] = column(app, "chats.id")
    [turn_id] = column(app, "chats.turn_id")
    with app.app_context(), write_transaction() as connection:
        turn_rows.interrupt_turn(connection, chat_id, turn_id)
    assert found(app, "halfway")
    # It runs on in this process, which must not outlive its database.
    keeper = app.extensions["conversation"].keeper
    keeper.interrupt_chat(chat_id)
    chat.until(lambda: keeper.count == 0)


def test_what_the_app_says_at_the_end_of_a_chat_is_found(make_app: AppMaker) -> None:
    app = make_app(
        TALKS
        + """
    @cl.on_chat_end
    def end():
        cl.Message("goodbye").send()
"""
    )
    chat = Chat(app).say("question")
    chat.visitor.start_chat()
    chat.until(lambda: "goodbye" in column(app, "messages.content"))
    [owner] = set(column(app, "chats.owner"))
    assert len(History(app).search("goodbye", owner=owner).hits) == 1


def test_one_message_is_indexed_once_however_often_it_is_stored(history: History) -> None:
    chat_id = history.write("", "before")
    [(_, message_id)] = history.indexed()
    assert message_id is not None
    with history.app.app_context(), write_transaction() as connection:
        for text in ("between", "after"):
            index_messages(connection, OWNER, chat_id, [(message_id, text)])
    assert len(history.indexed()) == 1
    assert (history.found("before"), history.found("after")) == ([], [""])


def test_a_new_title_takes_the_place_of_the_old_one(history: History) -> None:
    chat_id = history.write("old", "said")
    with history.app.app_context(), write_transaction() as connection:
        index_title(connection, OWNER, chat_id, "new")
    assert history.found("old") == []
    assert history.found("new") == ["old"]


def test_messages_that_say_nothing_have_no_entry(history: History) -> None:
    history.write("", "", "said")
    assert len(history.indexed()) == 1


def test_messages_can_be_forgotten(history: History) -> None:
    chat_id = history.write("")
    secret, kept = history.add(chat_id, "secret", "kept")
    with history.app.app_context(), write_transaction() as connection:
        unindex_messages(connection, [secret])
    assert history.found("secret") == []
    assert history.indexed() == {(chat_id, kept)}


def test_deleting_a_chat_deletes_all_that_was_kept_to_find_it(history: History) -> None:
    history.write("title", "gone", "away")
    history.write("another", "stays")
    run_sql(history.app, "DELETE FROM chats WHERE title = 'title'")
    assert column(history.app, "messages.content") == ["stays"]
    assert count(history.app, "search_entries") == 2
    assert history.matching_rows("wgone") == 0
    assert history.matching_rows(owner_word(OWNER)) == 2


def test_deleting_a_message_deletes_its_entry(history: History) -> None:
    history.write("title", "gone", "stays")
    run_sql(history.app, "DELETE FROM messages WHERE content = 'gone'")
    assert history.matching_rows("wgone") == 0
    assert history.matching_rows("wstays") == 1


def test_removing_a_user_leaves_nothing_of_them_in_the_index(history: History) -> None:
    history.write("title", "said")
    run_sql(history.app, "DELETE FROM chats WHERE owner = :owner", owner=OWNER)
    assert history.matching_rows(owner_word(OWNER)) == 0


def test_a_replaced_chat_leaves_nothing_in_the_index(app: Flask) -> None:
    visitor = Visitor(app)
    Chat.of(visitor).say("first")
    visitor.start_chat()
    visitor.start_chat()
    assert count(app, "chats") == 2
    with app.app_context():
        index_pending()
    assert count(app, "search_entries") == 5


def test_the_clock_plays_no_part(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    chat = Chat(app).say("question")
    monkeypatch.setattr("webapp.turns.asking.utc_now", lambda: utc_now() - timedelta(hours=1))
    chat.say("later")
    assert found(app, "later")
