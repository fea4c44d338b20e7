"""Keys that users bring with them: `user_env` in `.chainlit/config.toml`, `env` in callbacks."""

from __future__ import annotations

import base64
import logging
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.support.api import ASKED, Program, add_token
from tests.support.apps import SECRET, AppMaker
from tests.support.chats import Chat
from tests.support.log import LogReader
from tests.support.people import HTMX, Visitor
from tests.support.rows import every_row, run_sql
from webapp.authoring.loading.config_file import read_config_file
from webapp.authoring.loading.source_lines import explain_to_author
from webapp.testing import ChatTester, ChatTestError
from webapp.user_keys import cookie_value
from webapp.web.log import hide_errors, show_errors

CONFIG = '[project]\nuser_env = ["MODEL_KEY", "SEARCH_KEY"]\n'
APP = """
import chat_profiles as cl

@cl.on_message
async def answer(message):
    same = cl.user_session.get("env") == cl.context.session.user_env
    await cl.Message(f"{cl.user_session.get('env')} {same}").send()
"""
COUNTS = """
import chat_profiles as cl

@cl.on_message
def answer(message):
    cl.user_session.set("seen", True)
    cl.Message(str(len(cl.user_session.get("env")["MODEL_KEY"]))).send()
"""
SIGN_IN = """
@cl.password_auth_callback
def check(username, password):
    return cl.User(username) if username * 2 == password else None
"""
KEYS = {"key-MODEL_KEY": "sk-of-alice", "key-SEARCH_KEY": "search-1"}
Make = Callable[..., Flask]


@pytest.fixture
def make(make_app: AppMaker) -> Make:
    """Return `make(app)`, which makes an app that asks for the two keys."""

    def with_config(app: str = APP, config: str = CONFIG, **settings: str) -> Flask:
        path = make_app.folder / ".chainlit" / "config.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(config)
        return make_app(app, **settings)

    return with_config


def enter(visitor: Visitor, **keys: str) -> TestResponse:
    visitor.get("/keys")
    return visitor.post("/keys", KEYS | {f"key-{name}": key for name, key in keys.items()})


def said(visitor: Visitor) -> str:
    return Chat.of(visitor).say("hello").messages()[-1]


def test_an_app_that_asks_for_none_has_no_such_page(make_app: AppMaker) -> None:
    visitor = Visitor(make_app(APP))
    assert visitor.get("/keys").status_code == 404
    assert said(visitor) == "{} True"
    assert "/keys" not in visitor.get("/").text


def test_a_callback_has_the_keys_of_its_user(make: Make) -> None:
    visitor = Visitor(make())
    opened = visitor.get("/?prompt=Hi")
    assert (opened.status_code, opened.location) == (303, "/keys?next=/?prompt%3DHi")
    page = visitor.get(opened.location).text
    assert 'for="key-MODEL_KEY"' in page
    answer = visitor.post("/keys", KEYS | {"next": "/?prompt=Hi"})
    assert (answer.status_code, answer.location) == (303, "/?prompt=Hi")
    assert said(visitor) == "{'MODEL_KEY': 'sk-of-alice', 'SEARCH_KEY': 'search-1'} True"


@pytest.mark.parametrize("path", ["/", "/chats", "/chats/CHAT/messages"])
def test_without_them_nothing_runs(make: Make, path: str) -> None:
    app = make()
    known = Visitor(app)
    enter(known)
    chat = Chat.of(known)
    known.client.delete_cookie("session-keys")
    path = path.replace("/chats/CHAT", chat.address)
    form = {"content": "hello", "key": "00000000-0000-4000-8000-00000000000a"}
    before = every_row(app)
    answer = known.get(path) if path == "/" else known.post(path, form)
    assert (answer.status_code, answer.location) == (303, "/keys")
    here = {**HTMX, "HX-Current-URL": f"http://localhost{chat.address}?before=3"}
    expected = f"/keys?next={chat.address}?before%3D3"
    assert known.get(path, headers=here).headers["HX-Redirect"] == expected
    assert every_row(app) == before


def test_below_a_path_the_page_leads_back_there(make: Make) -> None:
    below: dict[str, Any] = {"environ_overrides": {"SCRIPT_NAME": "/chat"}}
    visitor = Visitor(make())
    assert visitor.client.get("/", **below).location == "/chat/keys"
    opened = visitor.client.get("/?prompt=Hi", **below)
    assert opened.location == "/chat/keys?next=/chat/?prompt%3DHi"


def test_the_keys_are_nowhere_but_in_the_cookie(make: Make, log: LogReader) -> None:
    app = make(COUNTS)
    visitor = Visitor(app)
    answer = enter(visitor)
    [cookie] = [each for each in answer.headers.getlist("Set-Cookie") if "session-keys" in each]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Expires" not in cookie
    assert said(visitor) == "11"
    assert "sk-of-alice" not in str(every_row(app, audited=True))
    assert "sk-of-alice" not in visitor.get("/keys").text
    assert "sk-of-alice" not in str(log.lines)


def cookie_of(visitor: Visitor) -> str:
    cookie = visitor.client.get_cookie("session-keys")
    assert cookie is not None
    return str(cookie.value)


def everything_in(value: str) -> bytes:
    """What can be read of a cookie without the secret: as it is, as Base64, and inflated."""
    found = value.encode()
    for part in value.split("."):
        padded = part + "=" * (-len(part) % 4)
        with suppress(ValueError):
            found += base64.urlsafe_b64decode(padded)
        with suppress(ValueError, zlib.error):
            found += zlib.decompress(base64.urlsafe_b64decode(padded))
    return found


@pytest.fixture
def only_signed(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Leave `cryptography` out, until the test undoes that."""
    with monkeypatch.context() as patch:
        patch.setattr(cookie_value, "_fernet_module", lambda: None)
        yield patch


def test_nobody_can_read_the_cookie_without_the_secret(make: Make, log: LogReader) -> None:
    visitor = Visitor(make())
    for key in ("sk-of-alice", "sk-of-alice" * 20):
        enter(visitor, MODEL_KEY=key)
        assert b"sk-of-alice" not in everything_in(cookie_of(visitor))
        assert b"MODEL_KEY" not in everything_in(cookie_of(visitor))
        assert f"'{key}'" in said(visitor)
    assert log.events("user_keys.not_encrypted") == []


def test_a_cookie_from_before_is_read_and_encrypted(
    make: Make, only_signed: pytest.MonkeyPatch, log: LogReader
) -> None:
    app = make()
    visitor = Visitor(app)
    enter(visitor)
    # What the tests above look for is there to be found.
    assert b"sk-of-alice" in everything_in(cookie_of(visitor))
    assert "chat-profiles[user-keys]" in log.one("user_keys.not_encrypted")["hint"]
    assert "'sk-of-alice'" in said(visitor)
    only_signed.undo()
    assert "'sk-of-alice'" in said(visitor)
    assert b"sk-of-alice" not in everything_in(cookie_of(visitor))
    assert "'sk-of-alice'" in said(visitor)


def test_without_the_package_an_encrypted_cookie_is_asked_for_anew(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor = Visitor(make())
    enter(visitor)
    monkeypatch.setattr(cookie_value, "_fernet_module", lambda: None)
    assert visitor.get("/").location == "/keys"
    enter(visitor)
    assert "'sk-of-alice'" in said(visitor)


def test_the_keys_outlive_a_new_secret_of_the_site(make: Make) -> None:
    old = Visitor(make())
    enter(old)
    new = Visitor(make(secret_key="n" + SECRET[1:], secret_key_fallbacks=SECRET))
    for name in ("session", "session-keys"):
        cookie = old.client.get_cookie(name)
        assert cookie is not None
        new.client.set_cookie(name, cookie.value)
    assert "'sk-of-alice'" in said(new)
    stranger = Visitor(make(secret_key="s" + SECRET[1:]))
    stranger.client.set_cookie("session-keys", cookie_of(old))
    assert stranger.get("/").location == "/keys"


def test_a_program_sends_keys_in_headers(make: Make) -> None:
    app = make(APP + SIGN_IN, api="on")
    Visitor(app).logged_in("alice")
    program = Program(app, add_token(app, "alice"))

    def answer(**headers: str) -> str:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        done = program.post("/chat/completions", {"model": "default", "messages": ASKED}, **sent)
        return str(done.json["choices"][0]["message"]["content"])  # type: ignore[index]

    assert answer() == "{} True"
    both = answer(X_User_Key_MODEL_KEY="sk-of-alice", x_user_key_search_key=" search-1 ")
    assert both == "{'MODEL_KEY': 'sk-of-alice', 'SEARCH_KEY': 'search-1'} True"
    # Each request brings its own.
    assert answer(X_User_Key_MODEL_KEY="sk-of-bob") == "{'MODEL_KEY': 'sk-of-bob'} True"
    assert answer(X_User_Key_OTHER="x", X_User_Key_MODEL_KEY=" ") == "{} True"


def test_keys_of_a_program_are_stored_and_logged_nowhere(make: Make, log: LogReader) -> None:
    app = make(FAILS.replace("@cl.on_chat_start", "") + SIGN_IN, api="on")
    Visitor(app).logged_in("alice")
    program = Program(app, add_token(app, "alice"))
    body = {"model": "default", "messages": ASKED}
    program.post("/chat/completions", body, **{"X-User-Key-MODEL-KEY": "sk-of-alice"})
    assert "[hidden key]" in log.one("turn.failed")["traceback"]
    assert "sk-of-alice" not in str(log.lines)
    assert "sk-of-alice" not in str(every_row(app, audited=True))


def test_a_header_does_not_replace_what_a_browser_keeps(make: Make) -> None:
    visitor = Visitor(make())
    enter(visitor)
    visitor.send_always({"X-User-Key-MODEL-KEY": "sk-of-eve"})
    assert "'sk-of-alice'" in said(visitor)


def test_an_empty_field_keeps_what_was_entered(make: Make) -> None:
    visitor = Visitor(make())
    enter(visitor)
    enter(visitor, MODEL_KEY=" ", SEARCH_KEY=" search-2 ")
    assert "'sk-of-alice', 'SEARCH_KEY': 'search-2'" in said(visitor)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"SEARCH_KEY": " "}, "Enter each key."),
        ({"SEARCH_KEY": "a\r\nX-Other: b"}, "line breaks"),
        ({"SEARCH_KEY": "a\u2028b"}, "line breaks"),
        ({"SEARCH_KEY": "".join(map(chr, range(0x4E00, 0x5E00)))}, "too long"),
    ],
)
def test_a_key_that_cannot_be_used_is_refused(make: Make, keys: dict[str, str], words: str) -> None:
    visitor = Visitor(make())
    answer = enter(visitor, **keys)
    assert answer.status_code == 422
    assert words in answer.text
    assert "Set-Cookie" not in answer.headers
    assert visitor.get("/").location == "/keys"


def test_a_key_that_the_app_does_not_ask_for_is_refused(make: Make) -> None:
    answer = enter(Visitor(make()), OTHER="x")
    assert answer.status_code == 400
    assert "OTHER" in answer.text


def test_the_page_leads_to_no_other_site(make: Make) -> None:
    visitor = Visitor(make())
    visitor.get("/keys")
    assert visitor.post("/keys", KEYS | {"next": "https://evil.example"}).location == "/"


@pytest.mark.parametrize(
    "forge", ["x", "W10.abc", "", "a" * 3_000, "gAAAAA==", "gAAAAA" + "B" * 94, "é.é", "é", "{}"]
)
def test_a_forged_cookie_counts_as_none(make: Make, forge: str) -> None:
    visitor = Visitor(make())
    visitor.client.set_cookie("session-keys", forge)
    assert visitor.get("/").location == "/keys"


def test_another_user_of_the_browser_does_not_have_them(make: Make) -> None:
    app = make(APP + SIGN_IN)
    browser = Visitor(app)
    assert browser.get("/keys").location == "/login?next=/keys"
    browser.logged_in("alice")
    enter(browser)
    kept = browser.client.get_cookie("session-keys")
    assert kept is not None
    browser.post("/logout")
    browser.get("/login")
    assert browser.client.get_cookie("session-keys") is None

    browser.client.set_cookie("session-keys", kept.value)
    browser.logged_in("bob")
    assert browser.get("/").location == "/keys"
    browser.get("/keys")
    browser.post("/logout")
    browser.get("/login")
    browser.client.set_cookie("session-keys", kept.value)
    browser.logged_in("alice")
    assert "sk-of-alice" in said(browser)


BY_PROXY = """
@cl.header_auth_callback
def check(headers):
    return cl.User(headers["X-User"]) if "X-User" in headers else None
"""


def has_keys(visitor: Visitor) -> bool:
    return visitor.client.get_cookie("session-keys") is not None


def test_the_keys_of_the_user_before_leave_when_the_session_has_ended_elsewhere(make: Make) -> None:
    app = make(APP + SIGN_IN)
    alice = Visitor(app).logged_in("alice")
    enter(alice)
    alice.get("/")
    alice.get("/healthz")
    assert has_keys(alice)
    run_sql(app, "DELETE FROM login_sessions")
    alice.get("/healthz")
    assert has_keys(alice)
    alice.get("/login")
    assert not has_keys(alice)


def test_the_keys_of_the_user_before_leave_when_another_one_signs_in(make: Make) -> None:
    app = make(APP + SIGN_IN)
    browser = Visitor(app).logged_in("alice")
    enter(browser)
    kept = browser.client.get_cookie("session-keys")
    assert kept is not None
    browser.post("/logout")
    browser.get("/login")
    browser.client.set_cookie("session-keys", kept.value)
    assert browser.post("/login", {"username": "bob", "password": "bobbob"}).status_code == 303
    assert not has_keys(browser)

    # Bob's own keys stay, though his browser sent those of alice with them.
    browser.get("/keys")
    browser.client.set_cookie("session-keys", kept.value)
    browser.post("/keys", KEYS | {"key-MODEL_KEY": "sk-of-bob"})
    assert "sk-of-bob" in said(browser)


def test_the_keys_of_the_user_before_leave_when_the_proxy_names_another_one(make: Make) -> None:
    browser = Visitor(make(APP + BY_PROXY))
    browser.send_always({"X-User": "alice"})
    browser.get("/login")
    browser.post("/login/headers", {})
    enter(browser)
    assert "sk-of-alice" in said(browser)
    browser.send_always({"X-User": "bob"})
    browser.get("/")
    assert not has_keys(browser)


def test_a_request_of_a_program_leaves_the_keys_of_the_browser(make: Make) -> None:
    browser = Visitor(make(APP + SIGN_IN, api="on")).logged_in("alice")
    enter(browser)
    browser.client.get("/v1/models")
    assert has_keys(browser)


def test_a_user_can_let_the_browser_forget_them(make: Make) -> None:
    visitor = Visitor(make())
    enter(visitor)
    assert 'data-testid="user-keys"' in visitor.get("/").text
    assert 'data-testid="forget-keys"' in visitor.get("/keys").text
    assert visitor.post("/keys/forget").location == "/keys"
    assert visitor.get("/").location == "/keys"


def test_a_tester_enters_keys(make: Make, tmp_path: Path) -> None:
    (tmp_path / ".chainlit").mkdir()
    (tmp_path / ".chainlit" / "config.toml").write_text(CONFIG)
    (tmp_path / "app.py").write_text(APP)
    with ChatTester(tmp_path / "app.py") as chat:
        with pytest.raises(ChatTestError, match=r"call chat\.enter_keys"):
            chat.say("hello")
        chat.enter_keys(MODEL_KEY="m", SEARCH_KEY="s")
        assert "'MODEL_KEY': 'm'" in chat.say("hello").text


FAILS = """
import chat_profiles as cl
from urllib.parse import quote

@cl.on_chat_start
async def begin():
    if cl.user_session.get("env")["SEARCH_KEY"] == "fail-at-once":
        raise ValueError("fail-at-once")

@cl.on_message
def answer(message):
    key = cl.user_session.get("env")["MODEL_KEY"]
    try:
        raise LookupError(f"no account has {key!r}")
    except LookupError as error:
        address = f"/v1?key={quote(key, safe='')}"
        raise ConnectionError(f"GET {address}: {key}, {message.content}") from error
"""


@pytest.mark.parametrize("key", ["sk-of-alice", r"""a/b+c=='"\d""", "sk-of"])
def test_an_error_with_a_key_in_its_text_is_logged_without_it(
    make: Make, log: LogReader, key: str
) -> None:
    app = make(FAILS)
    show_errors(app, partial(explain_to_author, folder=Path(app.extensions["chat_app"].folder)))
    visitor = Visitor(app)
    enter(visitor, MODEL_KEY=key)
    page = Chat.of(visitor).say("the word").page()
    hide_errors(app)
    told = log.one("turn.failed")["traceback"]
    shown = page.one(data_testid="message", data_kind="error").text
    assert "the word" in told
    assert "the word" in shown
    # A short text may be a word that stands there anyway.
    is_short = len(key) < 8
    for text in (told, shown, "".join(log.lines)):
        assert (key in text or repr(key)[1:-1] in text or quote(key, safe="") in text) == is_short
    assert ("[hidden key]" in told) == ("[hidden key]" in shown) == (not is_short)


def test_so_is_one_of_the_start_and_by_a_handler_of_the_site(make: Make, log: LogReader) -> None:
    written = StringIO()
    handler = logging.StreamHandler(written)
    app = make(FAILS)
    logging.getLogger("webapp").addHandler(handler)
    try:
        visitor = Visitor(app)
        enter(visitor, SEARCH_KEY="fail-at-once")
        Chat.of(visitor)
        log.wait_for("chat_start.failed")
    finally:
        logging.getLogger("webapp").removeHandler(handler)
    assert "ValueError: [hidden key]" in written.getvalue()
    assert "raise ValueError" in written.getvalue()


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ('"A"', "must be a list of names"),
        ("false", "must be a list of names"),
        ('["A", "a b"]', "has the name 'a b', which cannot be used: a name has 1 to 100 letters"),
        ('["A", "ß"]', "has the name 'ß'"),
        ('[""]', "has the name ''"),
        ("[1]", "has the name 1"),
        (str([f"K{n}" for n in range(21)]), "has 21 names, of which at most 20 can be asked for"),
    ],
)
def test_names_that_cannot_be_used_are_a_problem(tmp_path: Path, value: str, says: str) -> None:
    (tmp_path / ".chainlit").mkdir()
    (tmp_path / ".chainlit" / "config.toml").write_text(f"[project]\nuser_env = {value}\n")
    config = read_config_file(tmp_path)
    assert config.user_keys == ()
    [problem] = config.problems
    assert f"[project] user_env {says}" in problem
