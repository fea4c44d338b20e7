"""Logging in with an account that an admin seeded, through the login page."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import argon2
import pytest
from flask import Flask

from tests.cli_support import GOOD_PASSWORD, CommandLine
from tests.support.apps import AppMaker
from tests.support.html import parse
from tests.support.log import LogReader
from tests.support.people import Visitor
from tests.support.rows import column, count
from webapp.accounts import directory
from webapp.accounts.views import REFUSED, UNREACHABLE
from webapp.database import connections

SEEDED = """
    import webapp as cl
    cl.password_auth_callback(cl.seeded_user)
"""


@pytest.fixture
def app(make_app: AppMaker, sqlite_url: str, tmp_path: Path) -> Flask:
    """Return an app with Alice, and Carol, who is disabled."""
    cli = CommandLine(tmp_path, sqlite_url)
    cli.add("alice")
    cli.add("carol")
    cli.ok("users", "disable", "carol")
    return make_app(SEEDED)


@pytest.fixture
def either_app(make_app: AppMaker, either_url: str, tmp_path: Path) -> Flask:
    """Return an app with Alice, on each kind of database in turn."""
    CommandLine(tmp_path, either_url).add("alice")
    make_app.database_url = either_url
    return make_app(SEEDED)


def tried(app: Flask, username: str, password: str) -> Any:
    visitor = Visitor(app)
    visitor.get("/login")
    return visitor.post("/login", {"username": username, "password": password})


def shape(answer: Any, username: str) -> tuple[int, str, list[tuple[str, str]]]:
    """Return what is left of an answer without what is new each time."""
    page = answer.text.replace(f'value="{username}"', "")
    token = parse(page).one(name="csrf_token")["value"]
    own = ("X-Request-ID", "Set-Cookie", "Date", "Content-Length")
    headers = [(k, v) for k, v in answer.headers if k not in own]
    return answer.status_code, page.replace(token, ""), headers


def test_wrong_unknown_and_disabled_look_the_same(app: Flask) -> None:
    tries = [("alice", "wrong"), ("nobody", GOOD_PASSWORD), ("carol", GOOD_PASSWORD)]
    shapes = [shape(tried(app, *each), each[0]) for each in tries]
    assert shapes[0][0] == 401
    assert shapes[0] == shapes[1] == shapes[2]


CHANGES: dict[str, Callable[[], object]] = {
    "disabled": lambda: directory.disable("alice"),
    "new password": lambda: directory.set_password("alice", "another tractor parade"),
    "new role": lambda: directory.change_details("alice", role="USER"),
    "removed": lambda: directory.remove("alice"),
}


@pytest.fixture
def while_hashing(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Return `while_hashing(change)`, which makes a change while a password is checked."""
    real = argon2.low_level.verify_secret

    def during(change: Callable[[], object]) -> None:
        def verify(*arguments: Any) -> bool:
            right = bool(real(*arguments))
            monkeypatch.undo()
            change()
            return right

        monkeypatch.setattr("argon2._password_hasher.verify_secret", verify)

    return during


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_the_account_ends_a_login_that_is_under_way(
    either_app: Flask,
    while_hashing: Callable[[Callable[[], object]], None],
    log: LogReader,
    change: str,
) -> None:
    def changed() -> None:
        with either_app.app_context():
            CHANGES[change]()

    while_hashing(changed)
    visitor = Visitor(either_app)
    answer = visitor.post("/login", {"username": "alice", "password": GOOD_PASSWORD})
    assert answer.status_code == 401
    assert parse(answer.text).one(role="alert").text.strip() == REFUSED
    assert count(either_app, "login_sessions") == 0
    assert visitor.get("/").status_code == 303
    assert log.one("login.failed")["user"] == (None if change == "removed" else "alice")


def test_a_change_that_takes_no_rights_lets_a_login_go_on(
    app: Flask, while_hashing: Callable[[Callable[[], object]], None]
) -> None:
    def renamed() -> None:
        with app.app_context():
            directory.change_details("alice", display_name="Alice A.")

    while_hashing(renamed)
    assert tried(app, "alice", GOOD_PASSWORD).status_code == 303
    assert column(app, "login_sessions.identifier") == ["alice"]


def test_a_locked_database_keeps_the_name_that_was_typed(
    app: Flask, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "BUSY_MILLISECONDS", 100)
    with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as other:
        other.execute("BEGIN IMMEDIATE")
        answer = tried(app, "alice", GOOD_PASSWORD)
        other.rollback()
    page = parse(answer.text)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert page.one(role="alert").text.strip() == UNREACHABLE
    assert page.one(id="username")["value"] == "alice"
    assert tried(app, "alice", GOOD_PASSWORD).status_code == 303
