"""Passwords: hashed a few at a time, and refused when they can be guessed."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import argon2
import pytest
from argon2 import Parameters, extract_parameters

from tests.support.cpu import cpu_seconds
from webapp.accounts.passwords import (
    MAX_AT_ONCE,
    PasswordError,
    PasswordHasher,
    forget_words,
    is_argon2_hash,
    refuse_weak,
)

GOOD_PASSWORD = "violet tractor parade"
DIGEST = "$OylKzYYkl50cfJldBZFxLw$l1M4NXeFaCZTkDV8F5YyLZ01fRStQ8y5mUzJTg4vKQU"


@pytest.fixture(autouse=True)
def _cheap_passwords() -> None:
    """Hash as a site does: it is what is tested here."""


@pytest.fixture(scope="module")
def hasher() -> PasswordHasher:
    return PasswordHasher()


@pytest.fixture
def hashes(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Return what is hashed, one entry for each time that a hash is computed."""
    seen: list[bytes] = []
    real: Callable[..., Any] = argon2.low_level.verify_secret

    def counted(stored: bytes, secret: bytes, kind: argon2.Type) -> bool:
        seen.append(secret)
        return bool(real(stored, secret, kind))

    monkeypatch.setattr("argon2._password_hasher.verify_secret", counted)
    return seen


@pytest.mark.parametrize(
    "password",
    [
        GOOD_PASSWORD,
        "  spaces stay  ",
        "ключ-от-дома-77",
        "🔑🔑🔑🔑 four keys",
        "half \ud83d of one",
        "nul\x00inside",
        "x" * 1_024,
    ],
)
def test_a_password_matches_its_hash_and_nothing_else(
    hasher: PasswordHasher, password: str
) -> None:
    stored = hasher.hash(password)
    assert is_argon2_hash(stored)
    assert hasher.verify(stored, password)
    assert not hasher.verify(stored, password + " ")
    assert not hasher.verify(stored, password[:-1])


def test_twins_that_differ_after_72_bytes_are_told_apart(hasher: PasswordHasher) -> None:
    stored = hasher.hash("p" * 72 + "one")
    assert not hasher.verify(stored, "p" * 72 + "two")
    assert not hasher.verify(stored, "p" * 72)


@pytest.mark.parametrize(
    "stored",
    [
        None,
        "",
        "garbage",
        "$argon2id$v=19$m=19456,t=2,p=1$short",
        "$2b$12$abcdefghijklmnopqrstuv",
        f"$argon2id$v=19$m=99999999,t=2,p=1{DIGEST}",
        f"$argon2id$v=19$m=19456,t=2,p=1{DIGEST}\n",
    ],
)
def test_an_unknown_user_or_corrupt_hash_costs_one_hash(
    hasher: PasswordHasher, hashes: list[bytes], stored: str | None
) -> None:
    assert not hasher.verify(stored, GOOD_PASSWORD)
    assert len(hashes) == 1


def test_a_wrong_or_right_password_costs_one_hash(
    hasher: PasswordHasher, hashes: list[bytes]
) -> None:
    stored = hasher.hash(GOOD_PASSWORD)
    assert hasher.verify(stored, GOOD_PASSWORD)
    assert not hasher.verify(stored, "wrong")
    assert len(hashes) == 2


def test_what_is_longer_than_1024_bytes_is_never_hashed(
    hasher: PasswordHasher, hashes: list[bytes]
) -> None:
    stored = hasher.hash(GOOD_PASSWORD)
    assert not hasher.verify(stored, "é" * 513)
    assert [len(secret) <= 1_024 for secret in hashes] == [True]


def test_the_dummy_costs_as_much_as_a_real_hash(
    hasher: PasswordHasher, monkeypatch: pytest.MonkeyPatch
) -> None:
    costs: list[Parameters] = []

    def note_cost(stored: bytes, _secret: bytes, _kind: argon2.Type) -> bool:
        costs.append(extract_parameters(stored.decode()))
        return False

    stored = hasher.hash(GOOD_PASSWORD)
    monkeypatch.setattr("argon2._password_hasher.verify_secret", note_cost)
    hasher.verify(stored, "wrong")
    hasher.verify(None, "wrong")
    real, dummy = costs
    assert replace(dummy, salt_len=real.salt_len) == real  # which costs nothing


def test_only_a_few_are_hashed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    hasher, running, most = PasswordHasher(), 0, 0
    lock = threading.Lock()

    def slow(*_: object) -> bool:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.01)
        with lock:
            running -= 1
        return True

    monkeypatch.setattr("argon2._password_hasher.verify_secret", slow)
    with ThreadPoolExecutor(50) as pool:
        list(pool.map(lambda _: hasher.verify(None, "x"), range(50)))
    assert 1 <= most <= hasher.at_once <= MAX_AT_ONCE


@pytest.mark.parametrize(
    ("parameters", "taken"),
    [
        ("v=19$m=19456,t=2,p=1", True),
        ("v=19$m=65536,t=3,p=4", True),
        ("v=19$m=131072,t=4,p=1", True),
        ("v=19$m=131073,t=1,p=1", False),
        ("v=19$m=131072,t=10,p=1", False),
        ("v=19$m=19456,t=11,p=1", False),
        ("v=19$m=19456,t=2,p=17", False),
        ("v=19$m=1024,t=1,p=1", False),
        ("v=19$m=4294967295,t=2,p=1", False),
        ("v=19$m=19456,t=0,p=1", False),
        ("v=16$m=19456,t=2,p=1", False),
        ("m=19456,t=2,p=1", False),
    ],
)
def test_a_ready_hash_is_taken_within_bounds(parameters: str, taken: bool) -> None:
    assert is_argon2_hash(f"$argon2id${parameters}{DIGEST}") is taken


def test_other_kinds_of_hash_are_not_taken() -> None:
    assert not is_argon2_hash(f"$argon2i$v=19$m=19456,t=2,p=1{DIGEST}")
    assert not is_argon2_hash(f"$argon2id$v=19$m=19456,t=2,p=1{DIGEST}" + "A" * 200)
    assert not is_argon2_hash("")


def test_a_hash_with_other_parameters_needs_a_new_one(hasher: PasswordHasher) -> None:
    assert not hasher.needs_rehash(hasher.hash(GOOD_PASSWORD))
    assert hasher.needs_rehash(argon2.PasswordHasher(time_cost=1).hash(GOOD_PASSWORD))


@pytest.mark.parametrize(
    "password",
    [
        GOOD_PASSWORD,
        "xk3f9wq2",
        "correct horse battery staple",
        " leading and trailing ",
        "пароль из слов",
        "x9$Lq2!v" * 8,
    ],
)
def test_passwords_that_are_hard_to_guess_are_taken(password: str) -> None:
    refuse_weak(password, "alice.smith")


@pytest.mark.parametrize(
    "password",
    [
        "",
        "short",
        "1234567",
        "password",
        "Password1",
        "qwertyuiop",
        "aaaaaaaaaaaaaaaa",
        "a" * 1_000,
        "alice.smith",
        "ALICE.SMITH",
        "alicesmith1",
        "Alice2026!",
        "chat-profiles",
        "ChatProfiles26",
        "webapp-webapp",
        "Wonderful Site 1",
    ],
)
def test_common_passwords_and_known_names_are_refused(password: str) -> None:
    with pytest.raises(PasswordError) as refusal:
        refuse_weak(password, "alice.smith", names=["Wonderful Site"])
    assert "\n" not in str(refusal.value)


def test_the_length_is_as_configured() -> None:
    refuse_weak("xk3f9wq2mz", "alice", minimum=10)
    with pytest.raises(PasswordError, match="at least 15"):
        refuse_weak("xk3f9wq2mz", "alice", minimum=15)


def test_the_limit_counts_bytes() -> None:
    refuse_weak("é7Ω" * 204, "alice")
    with pytest.raises(PasswordError, match="1,024 bytes"):
        refuse_weak("é7Ω" * 206, "alice")


def test_a_password_made_to_be_slow_to_judge_takes_seconds_at_most() -> None:
    def judge() -> None:
        refuse_weak("4@8({[</369&#!1/|0$5+7%2/" * 20, "alice")

    assert cpu_seconds(judge, 10) < 10


def test_the_words_that_were_given_back_are_there_for_the_next_password() -> None:
    for _ in range(2):
        with pytest.raises(PasswordError, match="easy to guess"):
            refuse_weak("password123", "alice")
        forget_words()
        assert not [name for name in sys.modules if name.startswith("zxcvbn")]
