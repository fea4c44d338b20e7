"""`chat-profiles tokens`: adding, listing and revoking the tokens of the API."""

from __future__ import annotations

import json
import uuid

import pytest

from tests.cli_support import CommandLine

HEAD = "cp_"


@pytest.fixture
def with_alice(cli: CommandLine) -> CommandLine:
    cli.add("alice")
    return cli


def test_a_token_is_printed_once_and_only_its_hash_is_stored(with_alice: CommandLine) -> None:
    result = with_alice("tokens", "add", "Alice", "--name", "laptop")
    assert result.exit_code == 0
    token = result.stdout.strip()
    assert token.startswith(HEAD)
    assert len(token) == 46
    assert "cannot be shown again" in result.stderr
    assert "WEBAPP_API=on" in result.stderr
    assert not any(token in line for line in with_alice.dump())
    [row] = with_alice.rows("SELECT identifier, name, profiles, expires_at FROM api_tokens")
    assert row == ("alice", "laptop", None, None)


def test_a_token_may_be_for_some_profiles_and_expire(with_alice: CommandLine) -> None:
    out = with_alice.ok(
        *("tokens", "add", "alice", "--profile", "B", "--profile", "A", "--days", "30", "--json")
    )
    added = json.loads(out)
    assert added["profiles"] == ["A", "B"]
    assert added["expires_at"] > added["created_at"]
    [listed] = json.loads(with_alice.ok("tokens", "list", "--json"))
    assert listed == {name: value for name, value in added.items() if name != "token"}
    assert "A, B" in with_alice.ok("tokens", "list")


def test_a_user_who_has_signed_in_can_have_one_without_an_account(cli: CommandLine) -> None:
    cli.log_in("Ada@example.org")
    assert cli.ok("tokens", "add", "Ada@example.org").startswith(HEAD)


@pytest.mark.parametrize(
    "arguments",
    [
        ("add", "nobody"),
        ("add", "alice", "--days", "0"),
        ("add", "alice", "--days", "x"),
        ("add", "alice", "--profile", ""),
        ("add", "alice", "--profile", "x" * 201),
        ("add", "alice", "--name", "x" * 101),
        ("add",),
        ("revoke",),
        ("revoke", "x"),
        ("revoke", str(uuid.UUID(int=1))),
        ("revoke", str(uuid.UUID(int=1)), "--all"),
        ("revoke", "--user", "alice", "--all"),
    ],
)
def test_bad_input_is_refused_in_one_line(
    with_alice: CommandLine, arguments: tuple[str, ...]
) -> None:
    with_alice.refused("tokens", *arguments)


def test_tokens_are_revoked_one_by_one_of_a_user_or_all(with_alice: CommandLine) -> None:
    with_alice.add("bob")
    for name in ("alice", "alice", "bob", "bob"):
        with_alice.ok("tokens", "add", name)
    first = json.loads(with_alice.ok("tokens", "list", "--user", "alice", "--json"))[0]["id"]
    assert with_alice.ok("tokens", "revoke", first) == "Revoked 1 token.\n"
    with_alice.refused("tokens", "revoke", first)
    assert with_alice.ok("tokens", "revoke", "--user", "alice") == "Revoked 1 token.\n"
    assert with_alice.ok("tokens", "revoke", "--all") == "Revoked 2 tokens.\n"
    assert json.loads(with_alice.ok("tokens", "list", "--json")) == []
    states = {
        each["state"] for each in json.loads(with_alice.ok("tokens", "list", "--all", "--json"))
    }
    assert states == {"revoked"}


def test_what_is_done_with_tokens_is_audited(with_alice: CommandLine) -> None:
    with_alice.ok("tokens", "add", "alice", "--name", "laptop", "--profile", "A")
    with_alice.ok("tokens", "revoke", "--user", "alice")
    rows = with_alice.rows(
        "SELECT event, identifier, details FROM audit_entries WHERE event LIKE 'token%' ORDER BY id"
    )
    assert [row[:2] for row in rows] == [("token.added", "alice"), ("tokens.revoked", "alice")]
    added = json.loads(rows[0][2])
    assert (added["label"], added["profiles"]) == ("laptop", "A")
    assert added["by"].startswith("cli:")
