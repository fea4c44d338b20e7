"""Forms are taken from this site's own pages only."""

from __future__ import annotations

import itertools
import secrets
from typing import Any

import pytest
from flask import Flask

from tests.support.apps import AppMaker
from tests.support.html import parse
from tests.support.log import LogReader
from tests.support.people import Visitor
from tests.support.routes import ALL_FORMS, USER
from tests.support.rows import every_row

KEY = "0a5a25a1-5f0b-4a1c-9d3c-0d2f6a8f3b11"
FIELDS = {
    "/chats": {"profile": "team"},
    USER["chats.continue_with", "POST"]: {"profile": "team"},
    USER["chats.switch", "POST"]: {"profile": "team"},
    USER["sharing.share", "POST"]: {},
    USER["sharing.unshare", "POST"]: {},
    USER["transfer.import_chats", "POST"]: {"data": "{}"},
    USER["history.clear", "POST"]: {},
    USER["history.delete", "POST"]: {},
    USER["history.restore", "POST"]: {},
    USER["history.set_pin", "POST"]: {"pinned": "yes"},
    USER["history.set_title", "POST"]: {"title": "Mine"},
    USER["turns.resume", "POST"]: {},
    USER["feedback.rate", "POST"]: {"value": "up"},
    USER["turns.edit", "POST"]: {"message": KEY, "content": "Hello", "key": KEY},
    USER["turns.regenerate", "POST"]: {"turn": KEY, "key": KEY},
    USER["turns.retry", "POST"]: {"turn": KEY, "key": KEY},
    USER["turns.say", "POST"]: {"content": "Hello", "key": KEY},
    USER["turns.stop", "POST"]: {},
    USER["turns.press", "POST"]: {"key": KEY},
    USER["turns.hear_window", "POST"]: {"data": "{}", "key": KEY},
    USER["questions.answer", "POST"]: {"content": "Hello", "key": KEY},
    USER["settings.save", "POST"]: {"key": KEY},
    USER["accounts.change_password", "POST"]: {
        "current_password": "alicealice",
        "new_password": "violet tractor parade",
    },
    USER["accounts.end_other_sessions", "POST"]: {},
    USER["accounts.end_session", "POST"]: {},
    "/login": {"username": "bob", "password": "bobbob"},
    "/login/headers": {"next": "/"},
    "/logout": {},
}
FOREIGN: list[dict[str, str]] = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": ""},
    {"Origin": "http://localhost:81"},
    {"Origin": "http://localhost.evil.example"},
    {"Origin": "http://["},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": "http://localhost", "Sec-Fetch-Site": "cross-site"},
]


def forged(visitor: Visitor, path: str, **changes: Any) -> int:
    return visitor.client.post(path, **{"data": FIELDS[path], **changes}).status_code


def test_every_form_is_tried_here() -> None:
    assert FIELDS.keys() == set(ALL_FORMS)


@pytest.mark.parametrize("path", ALL_FORMS)
def test_a_form_without_token_is_refused(shared_alice: Visitor, path: str, log: LogReader) -> None:
    before = every_row(shared_alice.app)
    assert forged(shared_alice, path) == 400
    assert every_row(shared_alice.app) == before
    assert log.one("csrf.refused")["ip"] == "127.0.0.1"


@pytest.mark.parametrize("path", ALL_FORMS)
def test_a_wrong_token_is_refused(shared_alice: Visitor, path: str) -> None:
    before = every_row(shared_alice.app)
    for token in ("", "x", "a.b.c", "'", "\x00", "x" * 5_000, shared_alice.token[:-1]):
        assert forged(shared_alice, path, data={**FIELDS[path], "csrf_token": token}) == 400
    assert every_row(shared_alice.app) == before


@pytest.mark.parametrize("path", ALL_FORMS)
def test_somebody_elses_token_is_refused(
    shared_alice: Visitor, shared_app: Flask, path: str
) -> None:
    token = Visitor(shared_app).logged_in("bob").token
    assert forged(shared_alice, path, data={**FIELDS[path], "csrf_token": token}) == 400


@pytest.mark.parametrize("path", ALL_FORMS)
def test_a_token_in_the_address_does_not_count(shared_alice: Visitor, path: str) -> None:
    assert forged(shared_alice, path, query_string={"csrf_token": shared_alice.token}) == 400


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_another_sites_form_is_refused_even_with_the_token(
    shared_alice: Visitor, headers: dict[str, str]
) -> None:
    before = every_row(shared_alice.app)
    for path in ALL_FORMS:
        data = {**FIELDS[path], "csrf_token": shared_alice.token}
        assert forged(shared_alice, path, data=data, headers=headers) == 400
    assert every_row(shared_alice.app) == before


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://localhost"},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
    ],
    ids=str,
)
def test_our_own_form_is_taken(alice: Visitor, headers: dict[str, str]) -> None:
    assert alice.post("/chats", {"profile": "team"}, headers=headers).status_code == 303


def test_htmx_gets_the_refusal_as_a_notice(alice: Visitor) -> None:
    alice.get("/")
    answer = alice.post("/chats", {"csrf_token": "x"}, htmx=True)
    assert answer.status_code == 400
    assert "Page is out of date" in parse(answer.text).one(data_testid="notice").text


def test_over_plain_http_without_its_secure_cookie_the_way_out_is_told(
    make_app: AppMaker, log: LogReader
) -> None:
    app = make_app("roles.py", insecure_cookies="false")
    answer = app.test_client().post("/login", data={"username": "alice", "password": "x"})
    assert answer.status_code == 400
    assert "This site needs HTTPS" in answer.text
    assert "WEBAPP_INSECURE_COOKIES" in log.one("request.insecure")["hint"]


def test_a_refused_form_is_logged_with_its_user(alice: Visitor, log: LogReader) -> None:
    assert alice.client.post("/chats", data={"profile": "team"}).status_code == 400
    assert log.one("csrf.refused")["user"] == "alice"


def test_a_token_from_before_login_is_dead_after_it(roles_app: Flask) -> None:
    visitor = Visitor(roles_app)
    visitor.get("/login")
    early = visitor.token
    visitor.logged_in("alice")
    assert forged(visitor, "/chats", data={"csrf_token": early}) == 400


def test_a_token_from_before_logout_is_dead_after_it(alice: Visitor) -> None:
    late = alice.token
    alice.post("/logout")
    data = {**FIELDS["/login"], "csrf_token": late}
    assert forged(alice, "/login", data=data) == 400


def test_each_answer_has_another_token_and_each_is_valid(alice: Visitor) -> None:
    tokens = []
    for _ in range(20):
        alice.get("/")
        tokens.append(alice.token)
    # No two of them share more than chance lets them, so a compressed page cannot show the secret.
    shared = max(same_characters(a, b) for a, b in itertools.combinations(tokens, 2))
    assert len(set(tokens)) == 20
    assert shared < 12
    for token in tokens:
        assert forged(alice, "/chats", data={**FIELDS["/chats"], "csrf_token": token}) == 303


def same_characters(one: str, other: str) -> int:
    return sum(a == b for a, b in zip(one, other, strict=True))


def test_all_forms_of_one_answer_have_the_same_token(alice: Visitor) -> None:
    # A repeated text takes a few bytes in a compressed page, and another token takes 40.
    page = parse(alice.get(alice.start_chat("team")).text)
    assert len({field["value"] for field in page.all("input", name="csrf_token")}) == 1


@pytest.mark.parametrize("damage", [-1, 0, 20, 40])
def test_a_token_with_one_other_character_is_refused(alice: Visitor, damage: int) -> None:
    token = list(alice.token)
    token[damage] = "A" if token[damage] != "A" else "Q"
    data = {**FIELDS["/chats"], "csrf_token": "".join(token)}
    assert forged(alice, "/chats", data=data) == 400


@pytest.mark.parametrize("header", ["X-CSRFToken", "X-CSRF-Token"])
def test_the_token_may_be_in_a_header(alice: Visitor, header: str) -> None:
    def status(token: str) -> int:
        return forged(alice, "/chats", headers={header: token})

    assert status(alice.token[::-1]) == 400
    assert status(alice.token) == 303


def test_a_page_stays_valid_while_the_secret_key_changes(make_app: AppMaker) -> None:
    old, new = secrets.token_hex(32), secrets.token_hex(32)
    alice = Visitor(make_app("roles.py", secret_key=old)).logged_in("alice")
    later = make_app("roles.py", secret_key=new, secret_key_fallbacks=old)
    kept = with_same_session(alice, later)
    assert forged(kept, "/chats", data={**FIELDS["/chats"], "csrf_token": alice.token}) == 303
    without = make_app("roles.py", secret_key=new)
    kept = with_same_session(alice, without)
    assert forged(kept, "/chats", data={**FIELDS["/chats"], "csrf_token": alice.token}) == 400


def with_same_session(visitor: Visitor, app: Flask) -> Visitor:
    other = Visitor(app)
    cookie = visitor.client.get_cookie("session")
    assert cookie is not None
    other.client.set_cookie("session", cookie.value)
    return other


def test_no_page_has_a_token_in_an_address(alice: Visitor) -> None:
    page = parse(alice.get(alice.start_chat("team")).text)
    token = page.all("input", name="csrf_token")[0]["value"]
    addresses = [v for e in page.walk() for n, v in e.attributes.items() if n != "value"]
    assert token
    assert not [address for address in addresses if token in address]


def test_over_https_the_referrer_must_be_ours(make_app: AppMaker) -> None:
    secure = Visitor(make_app("simple.py", insecure_cookies="false"))
    base = "https://localhost"
    secure.get("/", base_url=base)

    def status(referrer: str | None) -> int:
        headers = {"Referer": referrer} if referrer else {}
        return secure.post("/chats", base_url=base, headers=headers).status_code

    assert status("https://localhost/") == 303
    assert status("https://evil.example/") == 400
    assert status("http://localhost/") == 400
