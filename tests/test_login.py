"""Logging in and out, as people see it."""

from __future__ import annotations

import pytest
from flask import Flask

from tests.support.apps import AppMaker
from tests.support.html import parse
from tests.support.log import LogReader
from tests.support.people import Visitor
from tests.support.rows import column, count, every_row, run_sql
from webapp.accounts.views import REFUSED

FAILING = """
    import time
    import webapp as cl
    @cl.password_auth_callback
    {head} auth(username, password):
        {body}
"""


def tried(visitor: Visitor, username: str, password: str) -> tuple[int, str]:
    answer = visitor.post("/login", {"username": username, "password": password})
    return answer.status_code, answer.text


def test_the_right_password_leads_to_the_chat(anonymous: Visitor) -> None:
    answer = anonymous.post("/login", {"username": "alice", "password": "alicealice"})
    assert (answer.status_code, answer.location) == (303, "/")
    assert anonymous.get("/").status_code == 200


@pytest.mark.parametrize(
    ("username", "password"),
    [
        ("alice", "wrong"),
        ("alice", "alicealice "),
        ("alice", " alicealice"),
        ("alice", "ALICEALICE"),
        ("nobody", "alicealice"),
        ("alice\u200b", "alicealice"),
        ("' OR 1=1 --", "x"),
    ],
)
def test_a_wrong_password_is_refused_with_one_line(
    anonymous: Visitor, username: str, password: str
) -> None:
    status, html = tried(anonymous, username, password)
    assert status == 401
    assert parse(html).one(role="alert").text.strip() == REFUSED
    assert anonymous.get("/").status_code == 303
    assert count(anonymous.app, "login_sessions") == 0


def test_a_wrong_password_and_an_unknown_user_look_the_same(anonymous: Visitor) -> None:
    answers = [
        anonymous.post("/login", {"username": name, "password": "wrong"})
        for name in ("alice", "zelda")
    ]
    pages = [
        masked(answer.text, name) for answer, name in zip(answers, ("alice", "zelda"), strict=True)
    ]
    headers = [
        {k: v for k, v in answer.headers if k not in ("X-Request-ID", "Set-Cookie", "Date")}
        for answer in answers
    ]
    assert pages[0] == pages[1]
    assert headers[0] == headers[1]


def test_the_name_stays_and_the_password_does_not(anonymous: Visitor) -> None:
    _, html = tried(anonymous, "alice", "my wrong secret")
    form = parse(html).one(data_testid="login-form")
    assert form.one(id="username")["value"] == "alice"
    assert form.one(id="password").get("value") is None
    assert "my wrong secret" not in html


def test_the_form_helps_password_managers(anonymous: Visitor) -> None:
    form = parse(anonymous.get("/login").text).one(data_testid="login-form")
    assert form.one(id="username")["autocomplete"] == "username"
    assert form.one(id="password")["autocomplete"] == "current-password"
    assert "onpaste" not in anonymous.get("/login").text


@pytest.mark.parametrize(
    "password", ["  two  spaces  ", "pa\u0308ssword", "päss", "\t", "x" * 1_024, "a\x00b", "\r\n"]
)
def test_a_password_arrives_as_it_was_typed(make_app: AppMaker, password: str) -> None:
    app = make_app(f"""
        import webapp as cl
        @cl.password_auth_callback
        def auth(username, password):
            return cl.User(username) if password == {password!r} else None
    """)
    assert tried(Visitor(app), "alice", password)[0] == 303
    assert tried(Visitor(app), "alice", password + "x")[0] in (400, 401)


def test_a_logged_in_user_has_no_use_for_the_login_page(alice: Visitor) -> None:
    assert alice.get("/login").location == "/"
    assert alice.get("/login?next=/profiles").location == "/profiles"


def test_who_is_logged_in_and_as_what_is_on_the_page(alice: Visitor) -> None:
    menu = parse(alice.get("/").text).with_class("user")[0]
    assert "alice" in menu.text
    assert "ADMIN" in menu.text


def test_the_display_name_is_what_the_page_calls_somebody(make_app: AppMaker) -> None:
    app = make_app("""
        import webapp as cl
        cl.password_auth_callback(lambda name, word: cl.User(name, display_name="Dr. Alice"))
    """)
    menu = parse(Visitor(app).logged_in("alice").get("/").text).with_class("user")[0]
    assert "Dr. Alice" in menu.text
    assert "role" not in menu.text.lower()


def test_login_and_logout_are_logged(roles_app: Flask, log: LogReader) -> None:
    visitor = Visitor(roles_app)
    tried(visitor, "alice", "wrong")
    visitor.logged_in("alice").post("/logout")
    tried(Visitor(roles_app), "alice", "wrong")
    events = [(e["event"], e["user"], e["ip"]) for e in log.events()]
    assert events == [
        # It may be a password, until somebody of this name has signed in.
        ("login.failed", None, "127.0.0.1"),
        ("login.ok", "alice", "127.0.0.1"),
        ("logout", "alice", "127.0.0.1"),
        ("login.failed", "alice", "127.0.0.1"),
    ]
    assert all(e["time"].endswith("+00:00") for e in log.events())


def test_after_logout_nothing_of_the_chat_is_shown(alice: Visitor) -> None:
    chat = alice.start_chat("team")
    assert alice.get(chat).headers["Cache-Control"] == "no-store"
    answer = alice.post("/logout")
    assert (answer.status_code, answer.location) == (303, "/login")
    alice.forget_token()
    assert alice.get(chat).status_code == 303
    assert alice.post("/chats").location == "/login"


def test_logging_out_twice_is_harmless(alice: Visitor) -> None:
    alice.post("/logout")
    alice.forget_token()
    assert alice.post("/logout").status_code == 303


def test_logging_in_again_as_somebody_else_leaves_nothing_of_the_first(alice: Visitor) -> None:
    chat = alice.start_chat("admin-only")
    alice.logged_in("bob")
    assert alice.get(chat).status_code == 404
    assert "bob" in parse(alice.get("/").text).with_class("user")[0].text
    assert column(alice.app, "login_sessions.identifier") == ["bob"]


@pytest.mark.parametrize("head", ["def", "async def"])
@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("raise RuntimeError('ldap.internal is down')", "ldap.internal is down"),
        ("return True", "returned bool; return a chat_profiles.User"),
        ("return False", "returned bool; return a chat_profiles.User"),
        ("return {'identifier': 'alice'}", "returned dict; return a chat_profiles.User"),
        (
            "return cl.User('alice', metadata={'since': time})",
            "'since' of metadata is a module",
        ),
        ("return cl.User('')", "User identifier is empty"),
    ],
)
def test_a_failing_callback_is_try_later_and_never_a_wrong_password(
    make_app: AppMaker, log: LogReader, head: str, body: str, says: str
) -> None:
    visitor = Visitor(make_app(FAILING.format(head=head, body=body)))
    answer = visitor.post("/login", {"username": "alice", "password": "x"})
    failed = log.one("login.callback_failed")
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert "Try again later" in parse(answer.text).one(role="alert").text
    assert failed["request"] in answer.text
    assert says in failed["traceback"]
    assert says not in answer.text
    assert count(visitor.app, "login_sessions") == 0


@pytest.mark.parametrize(
    "spoil",
    [
        "user.metadata = None",
        "user.display_name = 5",
        "user.identifier = ''",
        "user.identifier = 5",
        "user.identifier = 'x' * 300",
        "user.metadata['self'] = user.metadata",
        "user.metadata['n'] = 10 ** 5_000",
        "for _ in range(3_000): user.metadata = {'a': user.metadata}",
        "user.metadata['long'] = 'x' * 20_000",
    ],
)
def test_a_user_that_cannot_be_stored_is_try_later(
    make_app: AppMaker, either_url: str, log: LogReader, spoil: str
) -> None:
    make_app.database_url = either_url
    visitor = Visitor(make_app(SPOILED.format(spoil=spoil)))
    assert tried(visitor, "alice", "x")[0] == 503
    assert (
        "@password_auth_callback: returned a User" in log.one("login.callback_failed")["traceback"]
    )
    assert count(visitor.app, "login_attempts") == 0
    assert visitor.get("/").status_code == 303


SPOILED = """
    import webapp as cl
    @cl.password_auth_callback
    def auth(username, password):
        user = cl.User(username)
        {spoil}
        return user
"""


def test_a_user_of_a_class_of_the_authors_own_is_taken_as_a_user(make_app: AppMaker) -> None:
    app = make_app("""
        import collections, dataclasses
        import webapp as cl
        @dataclasses.dataclass
        class Member(cl.User):
            tenant: str = "x"
        @cl.password_auth_callback
        def auth(username, password):
            return Member(username, "Alice A.", collections.defaultdict(list, role="ADMIN"))
        @cl.on_chat_start
        def start():
            user = cl.user_session.get("user")
            cl.Message(f"{type(user).__name__} {user.metadata}").send()
    """)
    visitor = Visitor(app).logged_in("alice")
    assert "User {'role': 'ADMIN'}" in parse(visitor.get(visitor.start_chat()).text).text
    assert visitor.post("/logout").status_code == 303


def test_a_session_that_is_not_understood_is_logged_out_and_not_an_error(
    alice: Visitor, log: LogReader
) -> None:
    run_sql(
        alice.app,
        """UPDATE login_sessions SET data = json_set(data, '$.user.tenant', 'x')""",
    )
    assert alice.get("/").status_code == 303
    assert alice.post("/logout").status_code == 303
    assert "tenant" in log.events("session.not_understood")[0]["traceback"]


@pytest.mark.parametrize("username", ["\u200d", "\ufeff", "\u3000", "\x00", " "])
def test_a_name_of_nothing_visible_is_none(anonymous: Visitor, username: str) -> None:
    assert tried(anonymous, username, "x")[0] == 400


@pytest.mark.parametrize(("password", "status"), [("é" * 512, 401), ("é" * 513, 400)])
def test_a_password_is_measured_in_bytes(anonymous: Visitor, password: str, status: int) -> None:
    assert tried(anonymous, "alice", password)[0] == status


def test_a_slow_callback_is_try_later(make_app: AppMaker) -> None:
    app = make_app(FAILING.format(head="def", body="time.sleep(2)"), callback_seconds="0.1")
    assert tried(Visitor(app), "alice", "x")[0] == 503


def test_a_failed_login_keeps_an_earlier_one(alice: Visitor) -> None:
    before = column(alice.app, "login_sessions.id")
    assert tried(alice, "bob", "wrong")[0] == 401
    assert column(alice.app, "login_sessions.id") == before
    assert alice.get("/").status_code == 200


def test_what_a_visitor_had_before_login_is_not_kept(make_app: AppMaker) -> None:
    app = make_app("roles.py")
    visitor = Visitor(app).logged_in("alice")
    visitor.start_chat("public")
    visitor.logged_in("bob")
    page = parse(visitor.get("/").text)
    assert page.one(role="radio", aria_checked="true")["data-profile"] == "team"


def test_the_login_page_writes_nothing(anonymous: Visitor) -> None:
    before = every_row(anonymous.app)
    anonymous.get("/login")
    assert every_row(anonymous.app) == before


@pytest.mark.parametrize("given", ["{'role': 'ADMIN'}", "{'role': ['x']}", "{}", "{'role': None}"])
def test_a_role_that_is_not_text_is_not_shown(make_app: AppMaker, given: str) -> None:
    app = make_app(f"""
        import webapp as cl
        cl.password_auth_callback(lambda name, word: cl.User(name, metadata={given}))
    """)
    shown = parse(Visitor(app).logged_in("alice").get("/").text).with_class("who-role")
    assert [role.text for role in shown] == (["ADMIN"] if "ADMIN" in given else [])


def masked(html: str, name: str) -> list[str]:
    page = parse(html)
    values = [
        f"{e.tag}{sorted(e.attributes.items())}"
        for e in page.walk()
        if e.get("name") != "csrf_token"
    ]
    return [value.replace(name, "NAME") for value in values] + [page.text]
