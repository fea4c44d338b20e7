"""Guessing passwords is slowed down, and cannot lock anybody out."""

from __future__ import annotations

import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from tests.support.apps import AppMaker
from tests.support.html import parse
from tests.support.log import LogReader
from tests.support.people import Visitor
from tests.support.rows import column, count, run_sql
from tests.support.servers import gunicorn, production
from tests.support.wire import RemoteVisitor
from webapp.accounts.addresses import SHARE_OF_SITE, ip_key
from webapp.accounts.commands.unlock import unlock_address
from webapp.accounts.throttle import (
    FAILURES,
    FAILURES_WHERE_KNOWN,
    PATIENCE_SECONDS,
    Attempt,
    Wait,
    begin_attempt,
    username_key,
)

COUNTING = """
    import time
    import webapp as cl
    ASKED = []
    @cl.password_auth_callback
    def auth(username, password):
        ASKED.append(username)
        if password == "broken":
            raise RuntimeError("cannot decide")
        return cl.User(username) if password == "right" else None
"""
HOME, ELSEWHERE = "192.0.2.1", "198.51.100.7"


@pytest.fixture
def app(make_app: AppMaker) -> Flask:
    return make_app(COUNTING)


def attempt(
    app: Flask, password: str = "wrong", *, username: str = "alice", ip: str = HOME, **headers: str
) -> Any:
    visitor = Visitor(app)
    visitor.get("/login")
    return visitor.post(
        "/login",
        {"username": username, "password": password},
        environ_overrides={"REMOTE_ADDR": ip},
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )


def fail(app: Flask, times: int = FAILURES, **kwargs: Any) -> None:
    for _ in range(times):
        assert attempt(app, **kwargs).status_code == 401


def asked() -> list[str]:
    return list(sys.modules["app_file"].ASKED)


def forget_the_last(app: Flask, minutes: int) -> None:
    """Let the clock run on: everything has happened that much earlier."""
    run_sql(app, f"UPDATE login_attempts SET at = datetime(at, '-{minutes} minutes') || '.000000'")


def test_the_eleventh_try_is_429_with_the_seconds_to_wait(app: Flask, log: LogReader) -> None:
    fail(app)
    answer = attempt(app)
    assert answer.status_code == 429
    assert 590 <= int(answer.headers["Retry-After"]) <= 601
    assert "Try again in 10 minutes" in parse(answer.text).one(role="alert").text
    assert log.one("login.throttled")["user"] is None


def test_even_the_right_password_waits_then(app: Flask) -> None:
    fail(app)
    assert attempt(app, "right").status_code == 429
    assert len(asked()) == FAILURES


def test_it_ends_by_itself(app: Flask) -> None:
    fail(app)
    forget_the_last(app, minutes=11)
    assert attempt(app, "right").status_code == 303


def test_nine_failures_do_not_block(app: Flask) -> None:
    fail(app, FAILURES - 1)
    assert attempt(app, "right").status_code == 303


def test_failures_with_one_name_count_from_all_addresses(app: Flask) -> None:
    for number in range(FAILURES):
        fail(app, 1, ip=f"192.0.2.{number}")
    assert attempt(app, ip=ELSEWHERE).status_code == 429
    assert attempt(app, username="bob", ip=ELSEWHERE).status_code == 401


def test_failures_from_one_address_count_for_all_names(app: Flask) -> None:
    for number in range(FAILURES):
        fail(app, 1, username=f"user{number}")
    assert attempt(app, username="somebody-else").status_code == 429
    assert attempt(app, username="somebody-else", ip=ELSEWHERE).status_code == 401


@pytest.mark.parametrize("variant", ["ALICE", " alice ", "ａｌｉｃｅ", "alice\x00"])
def test_a_name_written_differently_is_the_same_name(app: Flask, variant: str) -> None:
    for number in range(FAILURES):
        fail(app, 1, ip=f"192.0.2.{number}")
    assert attempt(app, username=variant, ip=ELSEWHERE).status_code == 429


def test_a_stranger_cannot_lock_the_owner_out(app: Flask) -> None:
    assert attempt(app, "right", ip=HOME).status_code == 303
    fail(app, ip=ELSEWHERE)
    assert attempt(app, "right", ip=ELSEWHERE).status_code == 429
    assert attempt(app, "right", ip=HOME).status_code == 303


def test_a_known_address_may_not_guess_for_ever_either(app: Flask) -> None:
    assert attempt(app, "right").status_code == 303
    fail(app)
    for _ in range(FAILURES_WHERE_KNOWN - FAILURES):
        answer = attempt(app)
        assert answer.status_code == 429
        assert 590 <= int(answer.headers["Retry-After"]) <= 601
    assert len(asked()) == 1 + FAILURES_WHERE_KNOWN
    assert attempt(app, "right").status_code == 429
    assert len(asked()) == 1 + FAILURES_WHERE_KNOWN


def test_the_right_password_at_a_known_address_works_after_many_wrong_ones(
    app: Flask,
) -> None:
    assert attempt(app, "right").status_code == 303
    fail(app)
    assert attempt(app).status_code == 429
    assert attempt(app, "right").status_code == 303
    assert attempt(app).status_code == 401


def test_a_success_elsewhere_does_not_reset_a_strangers_count(app: Flask) -> None:
    assert attempt(app, "right", ip=HOME).status_code == 303
    fail(app, ip=ELSEWHERE)
    assert attempt(app, "right", ip=HOME).status_code == 303
    assert attempt(app, "wrong", ip=ELSEWHERE).status_code == 429


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Client-IP"])
def test_a_forged_address_does_not_change_the_count(app: Flask, header: str) -> None:
    for number in range(FAILURES):
        name = f"user{number}"
        fail(app, 1, username=name, **{header.replace("-", "_"): f"203.0.113.{number}"})
    forged = {header.replace("-", "_"): "203.0.113.99"}
    assert attempt(app, username="fresh", **forged).status_code == 429


def test_behind_a_proxy_the_last_forwarded_address_counts(make_app: AppMaker) -> None:
    app = make_app(COUNTING, proxy_hops="1")
    for number in range(FAILURES):
        fail(app, 1, username=f"user{number}", X_Forwarded_For=f"10.0.0.{number}, 203.0.113.5")
    assert attempt(app, username="x", X_Forwarded_For="10.9.9.9, 203.0.113.5").status_code == 429
    assert attempt(app, username="x", X_Forwarded_For="203.0.113.6").status_code == 401


@pytest.mark.parametrize("address", ["x" * 500, "<script>", "\x00", "unknown", "1.2.3.4:80"])
def test_a_proxys_nonsense_address_is_no_server_error(
    make_app: AppMaker, either_url: str, address: str
) -> None:
    make_app.database_url = either_url
    app = make_app(COUNTING, proxy_hops="1")
    assert attempt(app, X_Forwarded_For=address).status_code == 401
    assert attempt(app, "right", X_Forwarded_For=address).status_code == 303


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("64:ff9b::192.0.2.1", "192.0.2.1"),
        ("192.0.2.1:50123", "192.0.2.1"),
        ("[2001:db8:0:7::1]:443", "2001:db8:0:7::/64"),
        ("[2001:db8:0:7::1]", "2001:db8:0:7::/64"),
        ("[::ffff:192.0.2.1]:80", "192.0.2.1"),
        ("192.0.2.1:x", "unknown"),
        ("192.0.2.999:80", "unknown"),
        ("::1", "::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("nonsense", "unknown"),
        ("", "unknown"),
        (None, "unknown"),
    ],
)
def test_ipv6_counts_by_its_network(address: str | None, key: str) -> None:
    assert ip_key(address) == key


def test_an_ipv6_network_is_one_address(app: Flask) -> None:
    for number in range(FAILURES):
        fail(app, 1, username=f"user{number}", ip=f"2001:db8::{number + 1}")
    assert attempt(app, username="x", ip="2001:db8::ffff").status_code == 429
    assert attempt(app, username="x", ip="2001:db8:0:1::1").status_code == 401


def test_networks_of_one_ipv6_site_count_together(make_app: AppMaker, either_url: str) -> None:
    make_app.database_url = either_url
    app = make_app(COUNTING)
    for number in range(FAILURES * SHARE_OF_SITE):
        fail(app, 1, username=f"user{number}", ip=f"2001:db8:0:{number:x}::1")
    assert attempt(app, username="x", ip="2001:db8:0:ff::1").status_code == 429
    assert attempt(app, username="x", ip="2001:db8:0:100::1").status_code == 401


def test_unlocking_an_ipv6_address_unlocks_its_site(app: Flask) -> None:
    for number in range(FAILURES * SHARE_OF_SITE):
        fail(app, 1, username=f"user{number}", ip=f"2001:db8:0:{number:x}::1")
    with app.app_context():
        unlock_address("2001:db8:0:ff::1")
    assert attempt(app, username="x", ip="2001:db8:0:ff::1").status_code == 401


def test_a_callback_that_fails_is_not_counted(app: Flask) -> None:
    for _ in range(FAILURES + 2):
        assert attempt(app, "broken").status_code == 503
    assert count(app, "login_attempts") == 0
    assert attempt(app, "right").status_code == 303


def test_twenty_tries_at_once_let_ten_through(make_app: AppMaker, either_url: str) -> None:
    make_app.database_url = either_url
    app = make_app(COUNTING)
    with ThreadPoolExecutor(20) as pool:
        statuses = list(pool.map(lambda _: attempt(app).status_code, range(20)))
    assert sorted(statuses) == [401] * FAILURES + [429] * (20 - FAILURES)
    assert len(asked()) == FAILURES


@pytest.mark.slow
def test_workers_share_the_count(tmp_path: Path, either_url: str) -> None:
    app_file = tmp_path / "counting.py"
    app_file.write_text(textwrap.dedent(COUNTING))
    options = ("--workers", "3", "--threads", "8")
    with gunicorn(tmp_path, production(either_url, app_file), *options) as server:
        visitors = [RemoteVisitor(server.port) for _ in range(20)]
        for visitor in visitors:
            visitor.get("/login")
        form = {"username": "alice", "password": "wrong", "next": "/"}
        with ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(lambda visitor: visitor.post("/login", form), visitors))
    assert sorted(a.status for a in answers) == [401] * FAILURES + [429] * (20 - FAILURES)


def test_twenty_tries_at_once_at_a_known_address_let_ten_through(
    make_app: AppMaker, either_url: str
) -> None:
    make_app.database_url = either_url
    app = make_app(COUNTING)
    assert attempt(app, "right").status_code == 303
    with ThreadPoolExecutor(20) as pool:
        statuses = list(pool.map(lambda _: attempt(app).status_code, range(20)))
    assert sorted(statuses) == [401] * FAILURES + [429] * (20 - FAILURES)


def test_thirty_right_passwords_at_once_behind_one_address_all_pass(
    make_app: AppMaker, either_url: str
) -> None:
    make_app.database_url = either_url
    app = make_app(COUNTING)
    with ThreadPoolExecutor(30) as pool:
        logins = [pool.submit(attempt, app, "right", username=f"user{n}") for n in range(30)]
    assert {login.result().status_code for login in logins} == {303}


def test_a_try_whose_judge_has_died_counts_as_failed(app: Flask) -> None:
    for _ in range(FAILURES):
        assert isinstance(begin_attempt_in(app), Attempt)
    run_sql(app, "UPDATE login_attempts SET at = datetime(at, '-61 seconds') || '.000000'")
    began = time.monotonic()
    assert isinstance(begin_attempt_in(app), Wait)
    assert time.monotonic() - began < PATIENCE_SECONDS


def begin_attempt_in(app: Flask) -> Attempt | Wait:
    with app.app_context():
        return begin_attempt("alice", HOME)


def test_the_count_survives_a_restart(make_app: AppMaker) -> None:
    fail(make_app(COUNTING))
    assert attempt(make_app(COUNTING)).status_code == 429


def test_the_count_keeps_no_name(app: Flask) -> None:
    fail(app, 1, username="my-password-in-the-wrong-field")
    assert column(app, "login_attempts.username_key") == [
        username_key("my-password-in-the-wrong-field")
    ]
    assert len(username_key("x")) == 64


def test_old_tries_are_forgotten_at_a_login(app: Flask) -> None:
    fail(app, 3)
    forget_the_last(app, minutes=120)
    assert attempt(app, "right").status_code == 303
    assert column(app, "login_attempts.succeeded") == [True]
