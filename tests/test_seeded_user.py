"""Checking a password against the accounts that were seeded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import argon2
import pytest
from sqlalchemy import event

from tests.cli_support import GOOD_PASSWORD, CommandLine
from webapp.accounts import directory
from webapp.accounts import seeded_accounts as seeded
from webapp.database.engines import db


@pytest.fixture(autouse=True)
def _cheap_passwords() -> None:
    """Hash as a site does: it is what is tested here."""


@pytest.fixture
def cli(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path, f"sqlite:///{tmp_path}/chat.sqlite3")


@pytest.fixture
def alice(cli: CommandLine) -> Iterator[CommandLine]:
    """Yield a database with Alice in it, within the context of an app."""
    cli.add("alice", GOOD_PASSWORD, "--role", "ADMIN", "--display-name", "Alice A.")
    with cli.app():
        yield cli


@pytest.fixture
def hashes(alice: CommandLine, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return how many connections were in use at each hash."""
    in_use: list[int] = []
    real: Callable[..., Any] = argon2.low_level.verify_secret
    engines = list(db.engines.values())

    def counted(*arguments: Any) -> bool:
        in_use.append(sum(engine.pool.checkedout() for engine in engines))  # type: ignore[attr-defined]
        return bool(real(*arguments))

    monkeypatch.setattr("argon2._password_hasher.verify_secret", counted)
    return in_use


@pytest.mark.parametrize("typed", ["alice", " Alice", "ＡＬＩＣＥ"])
def test_the_right_password_gives_the_user(alice: CommandLine, typed: str) -> None:
    found = seeded.check_password(typed, GOOD_PASSWORD)
    assert found is not None
    user = found.user
    assert (user.identifier, user.display_name) == ("alice", "Alice A.")
    assert user.metadata == {"role": "ADMIN"}


@pytest.mark.parametrize(
    ("username", "password"),
    [
        ("alice", "wrong"),
        ("alice", ""),
        ("alice", GOOD_PASSWORD + " "),
        ("alice", "x" * 5_000),
        ("alice", "\ud800"),
        ("bob", GOOD_PASSWORD),
        ("", GOOD_PASSWORD),
        ("al\x00ice", GOOD_PASSWORD),
        ("\ud800", GOOD_PASSWORD),
        ("\u0430lice", GOOD_PASSWORD),
        ("x" * 100_000, GOOD_PASSWORD),
        ("' OR 1=1 --", GOOD_PASSWORD),
    ],
)
def test_anything_else_gives_nobody_for_one_hash(
    alice: CommandLine, hashes: list[int], username: str, password: str
) -> None:
    assert seeded.check_password(username, password) is None
    assert hashes == [0]  # no connection is held meanwhile


def test_a_login_takes_one_query_and_one_hash(alice: CommandLine, hashes: list[int]) -> None:
    queries: list[str] = []
    for engine in db.engines.values():
        event.listen(engine, "before_cursor_execute", lambda *a: queries.append(a[2]))
    assert seeded.check_password("alice", GOOD_PASSWORD)
    assert hashes == [0]
    assert [sql.split()[0] for sql in queries if sql != "BEGIN"] == ["SELECT"]


def test_a_disabled_user_is_refused_for_one_hash(alice: CommandLine, hashes: list[int]) -> None:
    directory.disable("alice")
    assert seeded.check_password("alice", GOOD_PASSWORD) is None
    assert hashes == [0]
    directory.enable("alice")
    assert seeded.check_password("alice", GOOD_PASSWORD)


@pytest.mark.parametrize("stored", [None, "", "corrupt", "$argon2id$v=19$m=9999999,t=9,p=9$a$b"])
def test_a_corrupt_hash_is_a_failed_login(
    alice: CommandLine, hashes: list[int], stored: str | None
) -> None:
    directory.get("alice").password_hash = stored
    db.session.commit()
    assert seeded.check_password("alice", GOOD_PASSWORD) is None
    assert hashes == [0]


def test_a_login_renews_a_hash_of_other_parameters(alice: CommandLine) -> None:
    old = argon2.PasswordHasher(time_cost=1, memory_cost=8_192).hash(GOOD_PASSWORD)
    directory.get("alice").password_hash = old
    db.session.commit()
    assert seeded.check_password("alice", "wrong") is None
    assert directory.get("alice").password_hash == old
    assert seeded.check_password("alice", GOOD_PASSWORD)
    assert "m=19456,t=2,p=1" in (directory.get("alice").password_hash or "")
    assert seeded.check_password("alice", GOOD_PASSWORD)
