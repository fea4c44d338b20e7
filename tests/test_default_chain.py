"""Which profile a new chat takes: link, session, account, default, first."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError

from tests.cli_support import CommandLine
from tests.support.apps import AppMaker
from tests.support.html import parse
from tests.support.people import Visitor
from tests.support.rows import column, count, every_row, run_sql, statements
from webapp.turns.start_rows import StoredStart, TooManyStartsError, store_started_chat

OFFERS = """
    import webapp as cl

    OFFER = ["one", "two", "three"]

    @cl.password_auth_callback
    def auth(username, password):
        return cl.User(username)

    @cl.set_chat_profiles
    def profiles(current_user):
        return [cl.ChatProfile(n, "", default=n == "two") for n in OFFER]
"""
OPEN = """
    import webapp as cl

    @cl.set_chat_profiles
    def profiles(current_user):
        return [cl.ChatProfile("one", ""), cl.ChatProfile("two", "")]
"""


@pytest.fixture
def app(make_app: AppMaker, either_url: str) -> Flask:
    """Return an app with three profiles, on each kind of database in turn."""
    make_app.database_url = either_url
    return make_app(OFFERS)


def alice_on_a_new_device(app: Flask) -> Visitor:
    return Visitor(app).logged_in("alice")


def offer(app: Flask, *names: str) -> None:
    """Offer these from now on."""
    function: Any = app.extensions["chat_app"].callbacks["set_chat_profiles"].function
    function.__globals__["OFFER"][:] = names


def chosen(visitor: Visitor, path: str = "/") -> str:
    page = parse(visitor.get(path).text)
    return page.one(role="radio", aria_checked="true")["data-profile"]


def started(visitor: Visitor) -> str:
    page = parse(visitor.get(visitor.start_chat()).text)
    return page.one(data_testid="chat")["data-profile"]


def test_the_default_comes_first_for_who_has_chosen_nothing(app: Flask) -> None:
    alice = alice_on_a_new_device(app)
    assert (chosen(alice), started(alice)) == ("two", "two")
    assert count(app, "preferences") == 0


def test_without_a_default_the_first_is_taken(make_app: AppMaker) -> None:
    assert chosen(Visitor(make_app(OPEN))) == "one"


def test_a_choice_is_remembered_for_the_account(app: Flask) -> None:
    alice_on_a_new_device(app).start_chat("three")
    other = alice_on_a_new_device(app)
    assert (chosen(other), chosen(other, "/profiles"), started(other)) == ("three",) * 3
    assert column(app, "preferences.owner") == ["user:alice"]


def test_the_choice_of_the_session_comes_before_the_remembered_one(app: Flask) -> None:
    here = alice_on_a_new_device(app)
    here.start_chat("one")
    alice_on_a_new_device(app).start_chat("three")
    assert (chosen(here), started(here)) == ("one", "one")
    assert chosen(alice_on_a_new_device(app)) == "three"


def test_a_link_comes_before_all_and_is_remembered_when_it_starts(app: Flask) -> None:
    alice = alice_on_a_new_device(app)
    alice.start_chat("three")
    assert chosen(alice, "/?profile=one") == "one"
    assert column(app, "preferences.profile") == ["three"]
    alice.start_chat("one")
    assert column(app, "preferences.profile") == ["one"]


def test_nobody_elses_choice_is_remembered(app: Flask) -> None:
    alice_on_a_new_device(app).start_chat("three")
    assert chosen(Visitor(app).logged_in("bob")) == "two"


def test_nothing_is_remembered_where_nobody_logs_in(make_app: AppMaker) -> None:
    app = make_app(OPEN)
    visitor = Visitor(app)
    visitor.start_chat("two")
    assert chosen(visitor) == "two"
    assert count(app, "preferences") == 0
    assert chosen(Visitor(app)) == "one"


def test_looking_and_logging_in_change_no_preference(app: Flask) -> None:
    alice_on_a_new_device(app).start_chat("three")
    before = every_row(app)["preferences"]
    chosen(alice_on_a_new_device(app))
    started(alice_on_a_new_device(app))
    assert every_row(app)["preferences"] == before


def test_a_refused_name_is_not_remembered(app: Flask) -> None:
    alice = alice_on_a_new_device(app)
    assert alice.post("/chats", {"profile": "gone"}).status_code == 403
    assert count(app, "preferences") == 0


def test_a_remembered_profile_that_has_vanished_is_told_and_then_forgotten(app: Flask) -> None:
    alice_on_a_new_device(app).start_chat("three")
    offer(app, "one", "two")
    other = alice_on_a_new_device(app)
    notice = parse(other.get("/").text).one(data_testid="notice").text
    assert "The profile “three” is no longer available" in notice
    assert column(app, "preferences.profile") == ["three"]
    told = parse(other.post("/chats", htmx=True).text)
    assert "“three” is no longer available" in told.one(data_testid="notice").text
    assert told.one(data_testid="chat")["data-profile"] == "two"
    assert count(app, "preferences") == 0
    assert parse(other.get("/").text).all(data_testid="notice") == []


def test_a_vanished_choice_of_the_session_gives_way_to_the_remembered_one(app: Flask) -> None:
    here = alice_on_a_new_device(app)
    here.start_chat("one")
    alice_on_a_new_device(app).start_chat("three")
    offer(app, "two", "three")
    page = parse(here.get("/").text)
    assert "“one” is no longer available" in page.one(data_testid="notice").text
    assert chosen(here) == "three"
    assert started(here) == "three"
    assert column(app, "preferences.profile") == ["three"]


def test_both_choices_that_have_vanished_are_forgotten_at_once(app: Flask) -> None:
    here = alice_on_a_new_device(app)
    here.start_chat("one")
    alice_on_a_new_device(app).start_chat("three")
    offer(app, "two")
    assert started(here) == "two"
    assert count(app, "preferences") == 0
    assert parse(here.get("/").text).all(data_testid="notice") == []


def test_removing_a_user_forgets_their_choice(  # whoever gets the name next must not find it
    app: Flask, either_url: str, tmp_path: Path
) -> None:
    cli = CommandLine(tmp_path, either_url)
    cli.add("alice")
    alice_on_a_new_device(app).start_chat("three")
    Visitor(app).logged_in("bob").start_chat("one")
    cli.ok("users", "remove", "alice", "--yes")
    assert column(app, "preferences.owner") == ["user:bob"]


def test_the_database_is_asked_only_where_the_session_has_no_choice(app: Flask) -> None:
    alice = alice_on_a_new_device(app)
    with statements(app, "preferences") as asked:
        alice.get("/")
    assert len(asked) == 1
    alice.start_chat("three")
    with statements(app, "preferences") as asked:
        alice.get("/")
        alice.get("/profiles")
        alice.start_chat()
        alice.start_chat("three")
    assert asked == []


def test_the_choice_of_a_start_that_is_refused_is_remembered(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = alice_on_a_new_device(app)
    alice.start_chat("one")

    def refuse(*_: object) -> None:
        raise TooManyStartsError

    with monkeypatch.context() as patched:
        patched.setattr("webapp.turns.start_rows.insert_messages", refuse)
        assert alice.post("/chats", {"profile": "three"}).status_code == 429
    assert column(app, "chats.profile") == ["one"]
    assert column(app, "preferences.profile") == ["three"]
    assert chosen(alice) == "three"


def test_the_choice_of_a_start_that_fails_is_not_stored_without_its_chat(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = alice_on_a_new_device(app)
    alice.start_chat("one")

    def fail(*_: object, **_options: object) -> None:
        raise OperationalError("UPDATE", {}, OSError("the disk is full"))

    with monkeypatch.context() as patched:
        patched.setattr("webapp.accounts.sessions.rows.merge", fail)
        assert alice.post("/chats", {"profile": "three"}).status_code == 503
    assert column(app, "chats.profile") == column(app, "preferences.profile") == ["one"]
    assert chosen(alice) == "one"


def test_a_start_does_not_bring_back_a_session_that_has_ended_meanwhile(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = alice_on_a_new_device(app)

    def store_later(*given: Any) -> StoredStart:
        run_sql(app, "DELETE FROM login_sessions")
        return store_started_chat(*given)

    monkeypatch.setattr("webapp.turns.starting.store_started_chat", store_later)
    alice.start_chat("three")
    assert count(app, "login_sessions") == 0
    assert alice.get("/").status_code == 303


def test_two_devices_that_choose_at_once_leave_one_choice(app: Flask) -> None:
    devices = [alice_on_a_new_device(app) for _ in range(4)]
    names = ["one", "two", "three", "one"]
    threads = [
        threading.Thread(target=device.start_chat, args=(name,))
        for device, name in zip(devices, names, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    [kept] = column(app, "preferences.profile")
    assert kept in names


def test_a_preference_that_names_nothing_counts_for_nothing(app: Flask) -> None:
    alice = alice_on_a_new_device(app)
    alice.start_chat("three")
    run_sql(app, "UPDATE preferences SET profile = NULL")
    assert chosen(alice_on_a_new_device(app)) == "two"
