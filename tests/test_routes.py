"""Every route: who may ask, how, and that looking changes nothing."""

from __future__ import annotations

from datetime import datetime

import pytest
from flask import Flask

from tests.support.apps import AppMaker
from tests.support.people import HTMX, Visitor
from tests.support.routes import (
    ALL_FORMS,
    ALL_PAGES,
    NOBODYS_CHAT,
    NOBODYS_FILE,
    NOBODYS_TOKEN,
    PAGES_OF_USERS,
    PUBLIC,
    USER,
    routes,
)
from tests.support.rows import column, count, every_row, run_sql

NOBODYS = (NOBODYS_CHAT, NOBODYS_FILE, NOBODYS_TOKEN)
METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE"}


def test_every_route_stands_in_exactly_one_table(roles_app: Flask) -> None:
    assert not PUBLIC.keys() & USER.keys()
    found = {(endpoint, method): path for endpoint, method, path in routes(roles_app)}
    assert found == PUBLIC | USER


@pytest.mark.parametrize("path", PAGES_OF_USERS)
def test_a_stranger_who_opens_a_page_is_sent_to_login(shared_app: Flask, path: str) -> None:
    anonymous = Visitor(shared_app)
    answer = anonymous.get(path)
    assert answer.status_code == 303
    expected = "/login" if path == "/" else f"/login?next={path}"
    assert answer.location == expected


@pytest.mark.parametrize("path", PAGES_OF_USERS)
def test_htmx_sends_a_stranger_to_login(shared_app: Flask, path: str) -> None:
    anonymous = Visitor(shared_app)
    answer = anonymous.get(path, headers=HTMX)
    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"] == "/login"
    assert not answer.data


def test_a_stranger_cannot_start_a_chat(anonymous: Visitor) -> None:
    answer = anonymous.post("/chats", {"profile": "public"})
    assert (answer.status_code, answer.location) == (303, "/login")
    assert count(anonymous.app, "chats") == 0


def test_htmx_sends_a_stranger_who_starts_a_chat_to_login(anonymous: Visitor) -> None:
    here = {"HX-Current-URL": "http://localhost/profiles"}
    answer = anonymous.post("/chats", htmx=True, headers=here)
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (401, "/login?next=/profiles")
    assert count(anonymous.app, "chats") == 0


@pytest.mark.parametrize("path", PAGES_OF_USERS)
def test_without_a_password_callback_every_page_is_open(visitor: Visitor, path: str) -> None:
    # Without login nobody has an account. The app has no readme.
    nobodys = any(each in path for each in NOBODYS) or path in ("/account", "/readme")
    expected = 404 if nobodys else 200
    assert visitor.get(path).status_code == expected


def test_login_pages_lead_home_where_login_is_off(visitor: Visitor) -> None:
    assert visitor.get("/login").location == "/"
    assert visitor.post("/login", {"username": "a", "password": "b"}).location == "/"
    assert visitor.post("/logout").location == "/"


@pytest.mark.parametrize("path", sorted({*ALL_PAGES, *ALL_FORMS}))
def test_a_method_that_a_route_does_not_take_is_405(shared_alice: Visitor, path: str) -> None:
    taken = {method for (_, method), p in (PUBLIC | USER).items() if p == path}
    allowed = {"OPTIONS", *taken, *({"HEAD"} if "GET" in taken else set())}
    for method in METHODS - taken:
        answer = shared_alice.client.open(path, method=method)
        assert answer.status_code == 405
        assert set(answer.headers["Allow"].split(", ")) == allowed


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "PROPFIND", "MADEUP"])
def test_unknown_methods_are_refused(shared_alice: Visitor, method: str) -> None:
    for path in ("/", "/login", "/static/app.css", "/public/x", "/nothing"):
        answer = shared_alice.client.open(path, method=method)
        assert answer.status_code in (404, 405)
        assert method not in answer.text


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_looking_changes_no_row(alice: Visitor, method: str) -> None:
    chat = alice.start_chat("team")
    before = every_row(alice.app, audited=True)
    for path in (*ALL_PAGES, *ALL_FORMS, chat, "/nothing"):
        for headers in ({}, HTMX):
            alice.client.open(path, method=method, headers=headers)
            Visitor(alice.app).client.open(path, method=method, headers=headers)
    assert every_row(alice.app, audited=True) == before


def test_the_first_look_after_login_changes_no_row(bob: Visitor) -> None:
    bob.post("/login", {"username": "bob", "password": "bobbob"})
    before = every_row(bob.app, audited=True)
    bob.get("/")
    assert every_row(bob.app, audited=True) == before


@pytest.mark.parametrize(("method", "touched"), [("GET", True), ("HEAD", False)])
def test_looking_notes_when_a_session_was_used_and_nothing_else(
    alice: Visitor, method: str, *, touched: bool
) -> None:
    run_sql(
        alice.app,
        "UPDATE login_sessions SET seen_at = datetime('now', '-10 minutes') || '.000000'",
    )
    [old] = column(alice.app, "login_sessions.seen_at")
    before = every_row(alice.app, audited=True)
    alice.client.open("/", method=method)
    [seen] = column(alice.app, "login_sessions.seen_at")
    assert (seen > old) is touched
    run_sql(alice.app, "UPDATE login_sessions SET seen_at = :then", then=stored(old))
    assert every_row(alice.app, audited=True) == before


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS"])
def test_head_and_options_carry_no_body(shared_alice: Visitor, method: str) -> None:
    assert shared_alice.client.open("/", method=method).data == b""


def stored(time: datetime) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S.%f")


def test_another_users_chat_looks_like_a_missing_one(alice: Visitor, bob: Visitor) -> None:
    path = alice.start_chat("team")
    theirs, missing = bob.get(path), bob.get(f"/chats/{NOBODYS_CHAT}")
    assert alice.get(path).status_code == 200
    assert (theirs.status_code, missing.status_code) == (404, 404)
    assert without_ids(theirs.text) == without_ids(missing.text)


def test_another_visitors_chat_is_404_where_login_is_off(simple_app: Flask) -> None:
    path = Visitor(simple_app).start_chat("GPT-4")
    newcomer, other = Visitor(simple_app), Visitor(simple_app)
    other.start_chat("GPT-4")
    assert newcomer.get(path).status_code == 404
    assert other.get(path).status_code == 404


def test_a_chat_is_still_mine_from_another_browser(roles_app: Flask, alice: Visitor) -> None:
    path = alice.start_chat("admin-only")
    assert Visitor(roles_app).logged_in("alice").get(path).status_code == 200


@pytest.mark.parametrize(
    "chat_id",
    ["1", "-1", str(2**63), "٣", "None", "%00", "..", f"{NOBODYS_CHAT}0", "{" + NOBODYS_CHAT + "}"],
)
def test_an_id_is_a_uuid_or_404(shared_alice: Visitor, chat_id: str) -> None:
    assert shared_alice.get(f"/chats/{chat_id}").status_code == 404


def test_two_apps_do_not_share_chats_or_logins(make_app: AppMaker) -> None:
    alice = Visitor(make_app("roles.py")).logged_in("alice")
    elsewhere = Visitor(make_app("simple.py"))
    assert elsewhere.get(alice.start_chat("team")).status_code == 404


def without_ids(html: str) -> str:
    start = html.index("Reference <code>")
    return html[:start] + html[html.index("</code>", start) :]
