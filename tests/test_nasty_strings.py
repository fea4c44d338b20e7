"""Every text entry point takes odd text by one rule, with one result on both databases."""

from __future__ import annotations

import re
import sys
from typing import Any

import pytest

from tests.support.apps import AppMaker
from tests.support.corpus import sample_id, samples, text_of
from tests.support.people import Visitor
from tests.support.rows import column
from webapp.authoring.text import clean_text, is_visible

ALL = samples("nasty_strings")
SHORT = [sample for sample in ALL if "gen" not in sample]
LONG = [sample for sample in ALL if "gen" in sample]


@pytest.mark.parametrize("sample", SHORT, ids=sample_id)
def test_clean_text_keeps_text_and_drops_what_cannot_be_stored(sample: dict[str, Any]) -> None:
    text = text_of(sample)
    cleaned = clean_text(text)
    assert clean_text(cleaned) == cleaned
    assert cleaned.encode().decode() == cleaned
    assert not any((ord(c) < 32 and c not in "\t\n") or 127 <= ord(c) < 160 for c in cleaned)
    if sample["expect"] == "roundtrip":
        assert cleaned == text


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("a\r\nb\rc\nd", "a\nb\nc\nd"),
        ("a\x00b", "ab"),
        ("\ud83d", "\ufffd"),
        ("e\u0301", "e\u0301"),
        ("\ttab", "\ttab"),
        ("\x1b[31mred", "[31mred"),
        ("a\u2028b", "a\u2028b"),
    ],
)
def test_the_rule_for_text(text: str, kept: str) -> None:
    assert clean_text(text) == kept


def test_what_authors_write_is_stored_the_same_on_both_databases(
    make_app: AppMaker, either_url: str
) -> None:
    make_app.database_url = either_url
    app = make_app("payload.py")
    file: Any = sys.modules["payload"]
    used = [text for text in map(text_of, SHORT) if is_visible(clean_text(text))]
    places = ("name", "identifier", "user_name", "role", "content", "author", "description")
    for text in used:
        file.PUT.update(dict.fromkeys(places, text))
        visitor = Visitor(app).logged_in("anybody", "x")
        # The name comes back from the browser as the author wrote it.
        assert visitor.post("/chats", {"profile": browser_text(text)}).status_code == 303, text
    wanted = sorted(clean_text(text) for text in used)
    for stored in ("chats.profile", "messages.content", "messages.author"):
        assert sorted(column(app, stored)) == wanted
    assert set(column(app, "login_sessions.identifier")) == set(wanted)


def test_user_names_that_are_typed_are_no_server_error(make_app: AppMaker, either_url: str) -> None:
    make_app.database_url = either_url
    app = make_app("roles.py")
    for number, sample in enumerate(SHORT):
        form = {"username": browser_text(text_of(sample)), "password": "x"}
        address = {"REMOTE_ADDR": f"192.0.2.{number}"}
        answer = Visitor(app).post("/login", form, environ_overrides=address)
        blank = not is_visible(clean_text(form["username"]))
        assert answer.status_code == (400 if blank else 401), sample


@pytest.mark.parametrize("sample", LONG, ids=sample_id)
def test_long_text_is_refused_before_it_costs_anything(
    make_app: AppMaker, sample: dict[str, Any]
) -> None:
    visitor = Visitor(make_app("roles.py"))
    size = min(len(text_of(sample)), 2_000_000)
    text = text_of(sample)[:size]
    login = visitor.post("/login", {"username": "alice", "password": text})
    start = visitor.logged_in("alice").post("/chats", {"profile": text})
    assert login.status_code == (401 if size <= 1_024 else 413 if size > 200_000 else 400)
    assert start.status_code in (400, 413)


def test_what_values_hold_is_stored_by_the_same_rule(make_app: AppMaker, either_url: str) -> None:
    make_app.database_url = either_url
    app = make_app(f"""
        import webapp as cl
        @cl.on_chat_start
        def start():
            cl.user_session.set("a\\x00b", {[text_of(sample) for sample in SHORT]!r})
    """)
    Visitor(app).start_chat()
    [values] = column(app, "chats.values")
    assert values == {"ab": [clean_text(text_of(sample)) for sample in SHORT]}


def browser_text(text: str) -> str:
    """Return what a browser sends: for half a character it has the replacement character."""
    return re.sub("[\ud800-\udfff]", "\ufffd", text)
