"""Server sessions: rotated, merged, limited, and never revived."""

from __future__ import annotations

import base64
import hashlib
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask

from tests.support.apps import SECRET, AppMaker
from tests.support.html import parse
from tests.support.people import Visitor
from tests.support.rows import column, count, every_row, run_sql

# Two roles of one app: whoever starts a chat with `slow` waits until the test lets go.
GATED = """
    import threading
    import webapp as cl
    REACHED, GO = threading.Semaphore(0), threading.Event()
    @cl.set_chat_profiles
    def profiles():
        return [cl.ChatProfile(name, "") for name in ("quick", "slow")]
    @cl.on_chat_start
    def start():
        if cl.user_session.get("chat_profile") == "slow":
            REACHED.release()
            assert GO.wait(20)
    cl.password_auth_callback(lambda name, word: cl.User(name))
"""
OTHER_SECRET = "another-secret-9876543210-for-tests-only-abcdef"


def cookie_of(visitor: Visitor, name: str = "session") -> str:
    cookie = visitor.client.get_cookie(name)
    return cookie.value if cookie else ""


def with_cookie(app: Flask, value: str) -> Visitor:
    visitor = Visitor(app)
    visitor.client.set_cookie("session", value)
    return visitor


def is_logged_in(visitor: Visitor) -> bool:
    return visitor.get("/").status_code == 200


def while_a_chat_starts(visitor: Visitor, act: Callable[[], Any]) -> Any:
    """Do something while a request of ``visitor`` is in the author's code."""
    file: Any = sys.modules["app_file"]
    visitor.get("/")
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(visitor.post, "/chats", {"profile": "slow"})
        assert file.REACHED.acquire(timeout=20)
        act()
        file.GO.set()
        return answer.result()


def test_login_gives_a_new_id_of_256_bits(anonymous: Visitor) -> None:
    anonymous.get("/login")
    before = cookie_of(anonymous)
    anonymous.logged_in("alice")
    after = cookie_of(anonymous)
    assert before
    assert before != after
    assert len(base64.urlsafe_b64decode(after + "==")) == 32


def test_every_login_has_an_id_of_its_own(roles_app: Flask) -> None:
    ids = {cookie_of(Visitor(roles_app).logged_in("alice")) for _ in range(3)}
    assert len(ids) == 3


def test_only_a_hash_of_the_id_is_stored(alice: Visitor) -> None:
    token = cookie_of(alice)
    assert column(alice.app, "login_sessions.token_hash") == [
        hashlib.sha256(token.encode()).hexdigest()
    ]
    assert token not in str(every_row(alice.app))


def test_logging_in_again_kills_the_old_id(alice: Visitor) -> None:
    old = cookie_of(alice)
    alice.logged_in("alice")
    assert not is_logged_in(with_cookie(alice.app, old))
    assert count(alice.app, "login_sessions") == 1


def test_logout_kills_the_id_and_deletes_the_row(alice: Visitor) -> None:
    old = cookie_of(alice)
    answer = alice.post("/logout")
    assert "Max-Age=0" in answer.headers["Set-Cookie"]
    assert count(alice.app, "login_sessions") == 0
    assert not is_logged_in(with_cookie(alice.app, old))


def test_another_browser_stays_logged_in_after_logout(roles_app: Flask) -> None:
    here, there = (Visitor(roles_app).logged_in("alice") for _ in range(2))
    here.post("/logout")
    assert is_logged_in(there)


@pytest.mark.parametrize(
    "value",
    [
        "chosen-by-an-attacker",
        "A" * 43,
        "x" * 3_000,
        "",
        "%00",
        "a\x00b",
        "ü",
        "é" * 43,
        "..",
        ".a.b",
        '"quoted"',
        "eyJ1c2VyIjp7ImlkZW50aWZpZXIiOiJhbGljZSJ9fQ.Z.Z",
        "' OR 1=1",
        "null",
        "\ufffd",
    ],
    ids=lambda value: ascii(value)[:30],
)
def test_a_chosen_cookie_is_a_new_visitor(roles_app: Flask, value: str) -> None:
    visitor = with_cookie(roles_app, value)
    assert visitor.get("/login").status_code == 200
    assert visitor.get("/").status_code == 303
    visitor.logged_in("alice")
    assert cookie_of(visitor) not in ("", value)


def test_a_planted_cookie_is_not_adopted_at_login(roles_app: Flask) -> None:
    attacker = Visitor(roles_app)
    attacker.get("/login")
    planted = cookie_of(attacker)
    with_cookie(roles_app, planted).logged_in("alice")
    assert not is_logged_in(attacker)


def test_a_planted_login_is_replaced_by_the_victims_own(roles_app: Flask, bob: Visitor) -> None:
    victim = with_cookie(roles_app, cookie_of(bob))
    victim.logged_in("alice")
    assert not is_logged_in(bob)


@pytest.mark.parametrize("order", [0, 1])
def test_of_two_cookies_neither_counts(roles_app: Flask, bob: Visitor, order: int) -> None:
    pair = [f"session={cookie_of(bob)}", "session=planted"]
    client = roles_app.test_client(use_cookies=False)
    headers = {"Cookie": "; ".join(pair if order else pair[::-1])}
    assert client.get("/login", headers=headers).status_code == 200
    assert client.get("/", headers=headers).status_code == 303
    assert client.get("/", headers={"Cookie": pair[0]}).status_code == 200


def test_a_visitors_token_ends_like_a_session(make_app: AppMaker, later: Any) -> None:
    visitor = Visitor(make_app("roles.py", session_hours="1"))
    visitor.get("/login")
    later(hours=2)
    answer = visitor.post("/login", {"username": "alice", "password": "alicealice"})
    assert answer.status_code == 400


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return `later(hours=...)`, which moves the clock that signatures are checked by."""

    def move(hours: float) -> None:
        now = time.time()
        monkeypatch.setattr("itsdangerous.timed.time.time", lambda: now + 3_600 * hours)

    return move


@pytest.mark.parametrize(
    "header",
    ["session", "=", ";;;", "session=\x00", "a=b; session=;", "\xff", f"session={'x' * 100_000}"],
    ids=lambda header: ascii(header)[:20],
)
def test_a_malformed_cookie_header_is_a_new_visitor(roles_app: Flask, header: str) -> None:
    client = roles_app.test_client(use_cookies=False)
    assert client.get("/login", headers={"Cookie": header}).status_code == 200


def test_a_signed_cookie_holds_nothing_but_the_token(anonymous: Visitor) -> None:
    from itsdangerous import URLSafeTimedSerializer  # noqa: PLC0415

    anonymous.get("/login")
    serializer = URLSafeTimedSerializer(
        SECRET,
        salt="cookie-session",
        signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha1},
    )
    assert set(serializer.loads(cookie_of(anonymous))) == {"csrf_token"}
    forged = serializer.dumps({"user": {"identifier": "alice"}, "_user_id": "alice"})
    assert not is_logged_in(with_cookie(anonymous.app, str(forged)))


def test_looking_at_pages_makes_no_row(visitor: Visitor) -> None:
    for path in ("/", "/profiles", "/nothing", "/healthz"):
        visitor.get(path)
    assert count(visitor.app, "login_sessions") == 0


def test_a_request_that_runs_across_logout_cannot_revive_it(make_app: AppMaker) -> None:
    alice = Visitor(make_app(GATED)).logged_in("alice")
    other_tab = with_cookie(alice.app, cookie_of(alice))
    answer = while_a_chat_starts(alice, lambda: other_tab.post("/logout"))
    assert answer.status_code == 303
    assert count(alice.app, "login_sessions") == 0
    assert not is_logged_in(alice)


def test_a_request_that_runs_across_login_keeps_out_of_it(make_app: AppMaker) -> None:
    alice = Visitor(make_app(GATED)).logged_in("alice")
    old = cookie_of(alice)
    other_tab = with_cookie(alice.app, old)
    while_a_chat_starts(alice, lambda: other_tab.logged_in("bob"))
    assert column(alice.app, "login_sessions.identifier") == ["bob"]
    assert not is_logged_in(with_cookie(alice.app, old))


def test_overlapping_requests_keep_each_others_changes(make_app: AppMaker) -> None:
    app = make_app(GATED)
    alice = Visitor(app).logged_in("alice")
    token = cookie_of(alice)

    def elsewhere() -> None:
        run_sql(app, "UPDATE login_sessions SET data = json_set(data, '$.theme', 'dark')")

    while_a_chat_starts(alice, elsewhere)
    [data] = column(app, "login_sessions.data")
    assert (data["theme"], data["chat_profile"]) == ("dark", "slow")
    assert is_logged_in(with_cookie(app, token))


def test_many_requests_at_once_lose_no_key(roles_app: Flask, alice: Visitor) -> None:
    tabs = [with_cookie(roles_app, cookie_of(alice)) for _ in range(8)]
    for tab in tabs:
        tab.get("/")
    barrier = threading.Barrier(8, timeout=60)

    def choose(pair: tuple[int, Visitor]) -> int:
        barrier.wait()
        name = ("public", "team", "admin-only")[pair[0] % 3]
        return pair[1].post("/chats", {"profile": name}).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(choose, enumerate(tabs))) == {303}
    [data] = column(roles_app, "login_sessions.data")
    assert data["user"]["identifier"] == "alice"
    assert data["chat_profile"] in ("public", "team", "admin-only")


@pytest.mark.parametrize(
    ("age", "still"), [("seen_at -23 hours", True), ("seen_at -25 hours", False)]
)
def test_a_session_ends_when_it_is_idle(alice: Visitor, age: str, still: bool) -> None:
    make_older(alice.app, age)
    assert is_logged_in(alice) is still


@pytest.mark.parametrize(
    ("age", "still"), [("created_at -13 days", True), ("created_at -15 days", False)]
)
def test_a_session_ends_however_busy_it_is(alice: Visitor, age: str, still: bool) -> None:
    make_older(alice.app, age)
    assert is_logged_in(alice) is still


@pytest.mark.parametrize(
    ("setting", "age"),
    [
        ({"session_idle_hours": "1"}, "seen_at -61 minutes"),
        ({"session_hours": "1"}, "created_at -61 minutes"),
    ],
)
def test_the_limits_are_settings(make_app: AppMaker, setting: dict[str, str], age: str) -> None:
    alice = Visitor(make_app("roles.py", **setting)).logged_in("alice")
    make_older(alice.app, age)
    assert not is_logged_in(alice)


def test_being_there_keeps_a_session_alive(alice: Visitor) -> None:
    make_older(alice.app, "seen_at -23 hours")
    is_logged_in(alice)
    make_older(alice.app, "seen_at -2 hours")
    assert is_logged_in(alice)


def test_being_there_is_written_at_most_every_five_minutes(alice: Visitor) -> None:
    before = column(alice.app, "login_sessions.seen_at")
    alice.get("/")
    assert column(alice.app, "login_sessions.seen_at") == before


def test_health_checks_and_icons_do_not_keep_a_session_alive(alice: Visitor) -> None:
    make_older(alice.app, "seen_at -23 hours")
    before = every_row(alice.app)
    for path in ("/healthz", "/readyz", "/public/icon.svg", "/static/app.css"):
        alice.get(path)
    assert every_row(alice.app) == before


def test_expired_sessions_are_removed_at_the_next_login(roles_app: Flask, bob: Visitor) -> None:
    make_older(roles_app, "seen_at -25 hours")
    Visitor(roles_app).logged_in("alice")
    assert column(roles_app, "login_sessions.identifier") == ["alice"]


def test_a_deleted_row_ends_the_session_at_the_next_request(alice: Visitor) -> None:
    run_sql(alice.app, "DELETE FROM login_sessions")
    assert not is_logged_in(alice)
    assert count(alice.app, "login_sessions") == 0


def test_a_clock_that_goes_back_ends_no_session(alice: Visitor) -> None:
    make_older(alice.app, "seen_at +1 hours")
    make_older(alice.app, "created_at +1 hours")
    assert is_logged_in(alice)


def test_a_new_secret_with_the_old_as_fallback_keeps_every_session(
    make_app: AppMaker,
) -> None:
    old = make_app("roles.py")
    alice = Visitor(old).logged_in("alice")
    anonymous = Visitor(old)
    anonymous.get("/login")
    alice.app = make_app("roles.py", secret_key=OTHER_SECRET, secret_key_fallbacks=SECRET)
    for person in (alice, anonymous):
        person.client.application = alice.app
    assert is_logged_in(alice)
    assert "Set-Cookie" not in anonymous.get("/login").headers
    assert anonymous.post("/login", {"username": "bob", "password": "bobbob"}).status_code == 303


def test_a_new_secret_alone_ends_forms_but_not_sessions(make_app: AppMaker) -> None:
    alice = Visitor(make_app("roles.py")).logged_in("alice")
    anonymous = Visitor(alice.app)
    anonymous.get("/login")
    for person in (alice, anonymous):
        person.client.application = make_app("roles.py", secret_key=OTHER_SECRET)
    assert is_logged_in(alice)
    assert anonymous.post("/login", {"username": "bob", "password": "bobbob"}).status_code == 400


def test_in_production_the_cookie_is_locked_to_the_host(make_app: AppMaker) -> None:
    visitor = Visitor(make_app("roles.py", insecure_cookies="false"))
    base = "https://localhost"
    fresh = visitor.get("/login", base_url=base)
    page: dict[str, Any] = {"base_url": base, "headers": {"Referer": f"{base}/login"}}
    logged_in = visitor.post("/login", {"username": "bob", "password": "bobbob"}, **page)
    for answer in (fresh, logged_in):
        [cookie] = answer.headers.getlist("Set-Cookie")
        name, *flags = [part.strip() for part in cookie.split(";")]
        assert name.startswith("__Host-session=")
        assert {flag.partition("=")[0] for flag in flags} == {
            "Secure",
            "HttpOnly",
            "SameSite",
            "Path",
            "Max-Age",
            "Expires",
        }
        assert {"SameSite=Lax", "Path=/", "Secure", "HttpOnly"} <= set(flags)


def test_with_insecure_cookies_only_secure_and_the_prefix_are_missing(anonymous: Visitor) -> None:
    [cookie] = anonymous.get("/login").headers.getlist("Set-Cookie")
    assert cookie.startswith("session=")
    assert "HttpOnly; Path=/; SameSite=Lax" in cookie
    assert "Secure" not in cookie


def test_the_cookie_under_the_other_name_is_not_read(make_app: AppMaker) -> None:
    alice = Visitor(make_app("roles.py")).logged_in("alice")
    secure = Visitor(make_app("roles.py", insecure_cookies="false"))
    secure.client.set_cookie("session", cookie_of(alice))
    assert secure.get("/", base_url="https://localhost").status_code == 303


def test_a_page_that_changes_nothing_sets_no_cookie_again(alice: Visitor) -> None:
    alice.get("/")
    assert "Set-Cookie" not in alice.get("/").headers


def test_user_agent_and_address_are_kept_within_bounds(make_app: AppMaker, either_url: str) -> None:
    make_app.database_url = either_url
    visitor = Visitor(make_app("roles.py"))
    visitor.get("/login")
    agent = "Mozilla\x00/5.0 <b>" + "x" * 1_000
    visitor.post("/login", {"username": "bob", "password": "bobbob"}, headers={"User-Agent": agent})
    [stored] = column(visitor.app, "login_sessions.user_agent")
    assert stored.startswith("Mozilla/5.0 <b>x")
    assert len(stored) == 200


def test_a_user_who_changed_in_the_app_keeps_the_session_as_it_was(alice: Visitor) -> None:
    run_sql(alice.app, "UPDATE login_sessions SET data = json_remove(data, '$.user')")
    assert not is_logged_in(alice)
    assert parse(alice.get("/login").text).one(data_testid="login-form")


def make_older(app: Flask, change: str) -> None:
    name, _, delta = change.partition(" ")
    run_sql(app, f"UPDATE login_sessions SET {name} = datetime({name}, '{delta}') || '.000000'")
