"""Sign-in by the headers of a proxy: who gets in, and what of it is believed."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError

import webapp as cl
from tests.cli_support import CommandLine
from tests.support.apps import SECRET, AppMaker
from tests.support.costs import Meter, measured
from tests.support.html import parse
from tests.support.log import LogReader
from tests.support.people import Visitor
from tests.support.rows import column, count, every_row, run_sql
from webapp.accounts.header_auth import header_check
from webapp.accounts.header_auth.trusted_proxy import find_proxy_mistrust
from webapp.accounts.views import NOT_AUTOMATIC, NOT_BY_PROXY, NOT_LET_IN, NOT_NAMED
from webapp.config.settings import Settings
from webapp.config.startup_error import StartupError
from webapp.testing.background import wait_for_background

PROXY_SECRET = "of-the-proxy-0123456789abcdef-0123456789abcdef"
NAME = "X-Forwarded-User"


@pytest.fixture
def app(make_app: AppMaker) -> Flask:
    return make_app("by_proxy.py")


@pytest.fixture
def either(make_app: AppMaker) -> Flask:
    return make_app("by_proxy_or_password.py")


class Proxied(Visitor):
    """Somebody for whom a proxy vouches."""

    def as_user(self, name: str, **more: str) -> Proxied:
        self.send_always({NAME: name, **{k.replace("_", "-"): v for k, v in more.items()}})
        return self

    def without_headers(self) -> Proxied:
        for key in [key for key in self.client.environ_base if key.startswith("HTTP_X_")]:
            del self.client.environ_base[key]
        return self

    def signed_in(self, **form: str) -> Proxied:
        answer = self.post("/login/headers", form)
        assert answer.status_code == 303, answer.text
        self.get("/")
        return self

    @property
    def user(self) -> str | None:
        """The user whose page this is; ``None`` for nobody."""
        page = self.get("/")
        if page.status_code != 200:
            return None
        return str(parse(page.text).all("bdi", class_="who-name")[0].text)


# ---- who gets in


def test_whom_the_proxy_vouches_for_signs_in_without_a_password(app: Flask) -> None:
    ada = Proxied(app).as_user("ada")
    page = ada.get("/login?next=/account")
    form = parse(page.text).one(data_testid="header-login-form")
    assert (form["method"], form["action"]) == ("post", "/login/headers")
    assert form.get("data-send-now") is not None
    assert not parse(page.text).all(data_testid="login-form")
    answer = ada.post("/login/headers", {"next": "/account"})
    assert (answer.status_code, answer.location) == (303, "/account")
    assert ada.user == "ada"
    assert column(app, "login_sessions.identifier") == ["ada"]


def test_the_callback_sees_who_it_is_in_the_chat(app: Flask) -> None:
    ada = Proxied(app).as_user("ada", X_Forwarded_Groups="staff,admins").signed_in()
    chat = ada.start_chat()
    ada.post(f"{chat}/messages", {"content": "hi", "key": "0a5a25a1-5f0b-4a1c-9d3c-0d2f6a8f3b11"})
    assert "ada (ADMIN): hi" in ada.get(chat).text


def test_a_look_at_the_page_signs_nobody_in(app: Flask) -> None:
    ada, before = Proxied(app).as_user("ada"), every_row(app)
    for path in ("/", "/login", "/login?next=/account", "/account"):
        ada.get(path)
    assert ada.client.get("/login/headers").status_code == 405
    assert every_row(app) == before
    assert ada.user is None


def test_a_refusal_says_what_to_do_and_does_not_go_round_in_a_circle(
    app: Flask, log: LogReader
) -> None:
    answer = Proxied(app).as_user("stranger").post("/login/headers")
    assert answer.status_code == 401
    page = parse(answer.text)
    assert page.one(role="alert").text.strip() == NOT_LET_IN
    form = page.one(data_testid="header-login-form")
    assert form.get("data-send-now") is None
    assert form.one("button").text == "Try again"
    assert count(app, "login_sessions") == 0
    assert log.one("login.failed")["kind"] == "headers"


@pytest.mark.parametrize("body", ["headers.get('X-User')", "dict(headers).get('x-user')"])
@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ({}, NOT_NAMED),
        ({"X-User": ""}, NOT_NAMED),
        ({"User-Agent": "Browser", "X-Forwarded-Proto": "https"}, NOT_NAMED),
        ({"X-User": "stranger"}, NOT_LET_IN),
    ],
)
def test_a_refusal_tells_a_missing_name_from_an_unwanted_one(
    make_app: AppMaker, body: str, sent: dict[str, str], told: str
) -> None:
    app = make_app(f"""
        import chat_profiles as cl

        @cl.header_auth_callback
        def auth(headers):
            headers.get("User-Agent"), {body}
        """)
    answer = Proxied(app).post("/login/headers", headers=sent)
    page = parse(answer.text)
    assert (answer.status_code, page.one(role="alert").text.strip()) == (401, told)
    assert page.one(data_testid="header-login-form").one("button").text == "Try again"


@pytest.mark.parametrize("head", ["def", "async def"])
@pytest.mark.parametrize(
    ("body", "logged"),
    [
        ("raise ValueError('the directory is away')", "the directory is away"),
        ("return True", "returned bool"),
        ("return headers['X-Nothing']", "KeyError"),
        ("return cl.User(identifier='x' * 300)", "longer than 255 characters"),
        ("time.sleep(3)", "took longer"),
    ],
)
def test_a_failure_is_try_later_and_never_a_refusal(
    make_app: AppMaker, log: LogReader, head: str, body: str, logged: str
) -> None:
    source = f"""
        import time
        import chat_profiles as cl
        @cl.header_auth_callback
        {head} auth(headers):
            {body}
    """
    app = make_app(source, callback_seconds="0.2" if "sleep" in body else "60")
    answer = Proxied(app).as_user("ada").post("/login/headers")
    assert answer.status_code == 503
    assert "Try again later. Reference:" in parse(answer.text).one(role="alert").text
    assert answer.headers["Retry-After"]
    assert logged in json.dumps(log.one("login.callback_failed"))
    assert count(app, "login_sessions") == 0
    assert count(app, "login_attempts") == 0  # nobody judged it


@pytest.mark.parametrize("head", ["def auth(headers)", "async def auth(headers)", "def auth()"])
def test_plain_and_async_functions_of_up_to_one_parameter(make_app: AppMaker, head: str) -> None:
    app = make_app(f"""
        import chat_profiles as cl
        @cl.header_auth_callback
        {head}:
            return cl.User("ada", display_name="Ada")
    """)
    assert Proxied(app).signed_in().user == "Ada"


# ---- what the callback is given

SHOWS = """
    import json
    import chat_profiles as cl
    @cl.header_auth_callback
    def auth(headers):
        try:
            headers["x"] = "y"
        except TypeError:
            frozen = True
        return cl.User("ada", metadata={
            "same": [headers["X-USER"], headers.get("x-user"), headers["X-User"]],
            "there": "x-user" in headers, "missing": headers.get("X-Nothing", "none"),
            "frozen": frozen, "all": dict(headers), "text": repr(headers),
        })
"""


def seen(app: Flask, *, headers: dict[str, str], cookies: dict[str, str] | None = None) -> Any:
    visitor = Proxied(app)
    visitor.get("/login", headers=headers)
    for name, value in (cookies or {}).items():
        visitor.client.set_cookie(name, value)
    assert visitor.post("/login/headers", headers=headers).status_code == 303
    [data] = column(app, "login_sessions.data")
    return data["user"]["metadata"]


def test_headers_are_read_only_and_found_in_any_case(make_app: AppMaker) -> None:
    told = seen(make_app(SHOWS), headers={"X-User": "ada"})
    assert told["same"] == ["ada"] * 3
    assert (told["there"], told["missing"], told["frozen"]) == (True, "none", True)
    assert told["all"]["content-type"] == "application/x-www-form-urlencoded"
    assert "ada" not in told["text"]


def test_our_cookie_and_the_secret_of_the_proxy_are_not_among_them(make_app: AppMaker) -> None:
    app = make_app(SHOWS, proxy_secret=PROXY_SECRET)
    headers = {"X-User": "ada", "X-Proxy-Secret": PROXY_SECRET}
    told = seen(app, headers=headers, cookies={"sso": "of-the-proxy", "session-keys": "of-ada"})
    assert told["all"]["cookie"] == "sso=of-the-proxy"
    assert "x-proxy-secret" not in told["all"]
    assert PROXY_SECRET not in str(every_row(app, audited=True))


@pytest.mark.parametrize(
    ("sent", "given"),
    [
        ("Zoë".encode(), "Zoë"),
        ("Zoë".encode("latin-1"), "Zoë"),
        ("名前".encode(), "名前"),
        (b"\xff\xfe", "ÿþ"),
        (b"a" * 4_000, "a" * 4_000),
        (b"ada,eve", "ada,eve"),
    ],
)
def test_values_of_any_bytes(make_app: AppMaker, sent: bytes, given: str) -> None:
    told = seen(make_app(SHOWS), headers={"X-User": sent.decode("latin-1")})
    assert told["same"][0] == given


# ---- what is believed


@pytest.mark.parametrize(
    ("settings", "headers", "peer", "status"),
    [
        ({"proxy_secret": PROXY_SECRET}, {"X-Proxy-Secret": PROXY_SECRET}, "127.0.0.1", 303),
        ({"proxy_secret": PROXY_SECRET}, {}, "127.0.0.1", 403),
        ({"proxy_secret": PROXY_SECRET}, {"X-Proxy-Secret": ""}, "127.0.0.1", 403),
        ({"proxy_secret": PROXY_SECRET}, {"X-Proxy-Secret": PROXY_SECRET[:-1]}, "127.0.0.1", 403),
        ({"proxy_secret": PROXY_SECRET}, {"X-Proxy-Secret": "\xff"}, "127.0.0.1", 403),
        (
            {"proxy_secret": PROXY_SECRET},
            {"X-Proxy-Secret": f"{PROXY_SECRET},{PROXY_SECRET}"},
            "127.0.0.1",
            403,
        ),
        ({"proxy_secret": PROXY_SECRET}, {"X-Proxy-Secret": PROXY_SECRET}, "9.9.9.9", 403),
        (
            {"proxy_secret": PROXY_SECRET, "proxy_addresses": None},
            {"X-Proxy-Secret": PROXY_SECRET},
            "9.9.9.9",
            303,
        ),
        ({"proxy_addresses": "10.0.0.0/8, 192.168.1.7"}, {}, "10.1.2.3", 303),
        ({"proxy_addresses": "10.0.0.0/8, 192.168.1.7"}, {}, "192.168.1.7", 303),
        ({"proxy_addresses": "10.0.0.0/8"}, {}, "::ffff:10.1.2.3", 303),
        ({"proxy_addresses": "2001:db8::/32"}, {}, "2001:db8::5", 303),
        ({"proxy_addresses": "10.0.0.0/8, 192.168.1.7"}, {}, "192.168.1.8", 403),
        ({"proxy_addresses": "10.0.0.0/8"}, {"X-Forwarded-For": "10.1.2.3"}, "9.9.9.9", 403),
        ({"proxy_addresses": "10.0.0.0/8"}, {}, "", 403),
        ({"proxy_addresses": "unix"}, {}, "", 303),
        ({"proxy_addresses": "unix"}, {}, "127.0.0.1", 403),
    ],
)
@pytest.mark.parametrize("hops", ["0", "1"])
def test_headers_count_only_if_they_come_from_the_proxy(
    make_app: AppMaker,
    log: LogReader,
    settings: dict[str, Any],
    headers: dict[str, str],
    peer: str,
    status: int,
    hops: str,
) -> None:
    app = make_app("by_proxy.py", **settings, proxy_hops=hops)
    ada = Proxied(app).as_user("ada")
    ada.send_always(headers)
    ada.client.environ_base["REMOTE_ADDR"] = peer
    # Who is not believed gets no form, so the token comes by the way of the proxy.
    for proxy in ("127.0.0.1", "10.1.2.3", "2001:db8::1", ""):
        way = {"X-Proxy-Secret": PROXY_SECRET}
        ada.get("/login", headers=way, environ_overrides={"REMOTE_ADDR": proxy})
    answer = ada.post("/login/headers")
    assert answer.status_code == status
    assert (ada.user == "ada") is (status == 303)
    if status == 403:
        assert parse(answer.text).one(role="alert").text.strip() == NOT_BY_PROXY
        [refused] = log.events("login.failed")
        assert "WEBAPP_PROXY_" in refused["reason"]
        assert PROXY_SECRET not in log.text


def test_the_page_tells_at_once_that_it_did_not_come_by_the_proxy(
    make_app: AppMaker, log: LogReader
) -> None:
    answer = Proxied(make_app("by_proxy.py", proxy_secret=PROXY_SECRET)).get("/login")
    assert answer.status_code == 403
    page = parse(answer.text)
    assert page.one(role="alert").text.strip() == NOT_BY_PROXY
    assert not page.all("form")
    told = log.one("login.not_by_proxy")
    assert "X-Proxy-Secret is missing" in told["reason"]
    assert "WEBAPP_PROXY_SECRET" in told["reason"]


def test_a_session_counts_only_by_the_way_of_the_proxy(make_app: AppMaker) -> None:
    app = make_app("by_proxy.py", proxy_secret=PROXY_SECRET)
    ada = Proxied(app).as_user("ada", X_Proxy_Secret=PROXY_SECRET).signed_in()
    del ada.client.environ_base["HTTP_X_PROXY_SECRET"]
    assert ada.user is None
    ada.send_always({"X-Proxy-Secret": PROXY_SECRET})
    assert ada.user == "ada"


def test_a_site_that_anybody_could_forge_does_not_start(make_app: AppMaker) -> None:
    with pytest.raises(StartupError, match=r"by_proxy\.py has @header_auth_callback") as refused:
        make_app("by_proxy.py", proxy_addresses=None, proxy_hops="1")
    [line] = refused.value.lines
    assert "WEBAPP_PROXY_SECRET" in line
    assert "X-Proxy-Secret" in line
    make_app("roles.py", proxy_addresses=None)  # signs in by passwords


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("proxy_secret", "short", "32 or more"),
        ("proxy_secret", "with spaces in it 0123456789abcdef0123", "without spaces"),
        ("proxy_secret", SECRET, "another secret"),
        ("proxy_addresses", "proxy.internal", "not 'proxy.internal'"),
        ("proxy_addresses", "10.0.0.1/8", "not '10.0.0.1/8'"),
        ("proxy_addresses", "10.0.0.1, *", r"not '\*'"),
    ],
)
def test_settings_that_would_not_protect_are_refused(
    make_app: AppMaker, name: str, value: str, problem: str
) -> None:
    with pytest.raises(StartupError, match=problem):
        make_app("by_proxy.py", **{name: value})


# ---- the session, once it is there

COUNTS = """
    import chat_profiles as cl
    asked = []
    @cl.header_auth_callback
    def auth(headers):
        asked.append(1)
        name, token = headers.get("X-User"), headers.get("X-Token")
        return cl.User(name, metadata={"token": token, "asked": len(asked)}) if name else None
"""


def stored_user(app: Flask) -> dict[str, Any]:
    [data] = column(app, "login_sessions.data")
    return dict(data["user"])


def test_the_callback_is_not_asked_at_each_request(make_app: AppMaker) -> None:
    app = make_app(COUNTS)
    ada = Proxied(app)
    ada.send_always({"X-User": "ada", "X-Token": "one"})
    ada.signed_in()
    for _ in range(5):
        assert ada.get("/", headers={"X-Other": "changes"}).status_code == 200
    assert stored_user(app)["metadata"]["asked"] == 1
    # A new token of the same user, as proxies make one every few minutes.
    ada.send_always({"X-Token": "two"})
    before = column(app, "login_sessions.id")
    for _ in range(5):
        assert ada.get("/").status_code == 200
    assert stored_user(app)["metadata"] == {"token": "two", "asked": 2}
    assert column(app, "login_sessions.id") == before


LOOKS = """
    import chat_profiles as cl
    @cl.password_auth_callback
    def by_password(username, password):
        return cl.User(username)
    @cl.header_auth_callback
    def by_headers(headers):
        {look}
"""


@pytest.mark.parametrize(
    "look",
    [
        "return next((cl.User(v) for k, v in headers.items() if k == 'x-user'), None)",
        "found = dict(headers); return cl.User(found['x-user']) if 'x-user' in found else None",
        "return cl.User(headers['X-USER']) if 'X-User' in headers else None",
        "return cl.User(headers['x-user']) if 'x-user' in list(headers) else None",
        "return cl.User(headers['x-user']) if {'x-user'} & headers.keys() else None",
    ],
)
def test_a_header_that_comes_later_is_seen_however_it_is_looked_for(
    make_app: AppMaker, look: str
) -> None:
    app = make_app(LOOKS.format(look=look))
    ada = Proxied(app).logged_in("ada")
    assert [ada.user for _ in range(3)] == ["ada"] * 3
    ada.send_always({"X-User": "bob"})
    assert [ada.user for _ in range(3)] == [None] * 3
    assert ada.signed_in().user == "bob"
    ada.send_always({"X-User": "ada"})
    assert ada.user is None


def test_without_its_database_nobody_is_taken_for_another(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_user: object) -> None:
        raise OperationalError("SELECT", {}, Exception("away"))

    ada = Proxied(app).as_user("ada").signed_in()
    with monkeypatch.context() as patch:
        patch.setattr(header_check, "find_account", fails)
        answer = ada.as_user("bob").get("/")
        assert answer.status_code == 503
        assert ada.post("/login/headers").status_code == 503
        assert ada.as_user("ada").get("/").status_code == 200  # nothing is asked
    assert ada.user == "ada"


def test_another_role_counts_from_the_next_request_on(app: Flask) -> None:
    ada = Proxied(app).as_user("ada", X_Forwarded_Groups="admins").signed_in()
    created = stored_user(app)["createdAt"]
    ada.as_user("ada", X_Forwarded_Groups="staff").get("/")
    assert stored_user(app)["metadata"] == {"role": "USER"}
    assert stored_user(app)["createdAt"] == created


def test_a_shared_browser_never_shows_the_chats_of_the_one_before(
    app: Flask, log: LogReader
) -> None:
    browser = Proxied(app).as_user("ada").signed_in()
    chat = browser.start_chat()
    assert browser.get(chat).status_code == 200
    browser.as_user("bob")
    assert browser.get(chat).location == f"/login?next={chat}"
    assert browser.post("/chats").status_code == 303
    assert log.events("session.not_vouched_for")[0]["user"] == "ada"
    browser.signed_in()
    assert browser.user == "bob"
    assert browser.get(chat).status_code == 404
    assert column(app, "login_sessions.identifier") == ["bob"]
    assert log.one("sessions.ended")["user"] == "ada"


def test_the_chats_of_the_user_before_have_ended(make_app: AppMaker) -> None:
    app = make_app("""
        import chat_profiles as cl
        @cl.header_auth_callback
        def auth(headers):
            return cl.User(headers["X-Forwarded-User"])
        @cl.on_chat_end
        def ended():
            cl.logger.warning("ended: %s", cl.user_session.get("user").identifier)
        @cl.on_message
        async def answer(message):
            await cl.Message("yes").send()
    """)
    browser = Proxied(app).as_user("ada").signed_in()
    form = {"content": "hi", "key": "0a5a25a1-5f0b-4a1c-9d3c-0d2f6a8f3b11"}
    browser.post(f"{browser.start_chat()}/messages", form)
    with LogReader.attached(cl.logger.name) as said:
        browser.as_user("bob").signed_in()
        wait_for_background()
    assert "ended: ada" in said.text
    assert "bob" not in said.text


def test_nobody_vouched_for_any_more_is_signed_out(app: Flask) -> None:
    ada = Proxied(app).as_user("ada").signed_in()
    ada.without_headers()
    assert ada.user is None
    page = ada.get("/login?auto=no")
    assert "data-send-now" not in page.text
    assert ada.post("/login/headers").status_code == 401
    assert count(app, "login_sessions") == 0


def test_a_proxy_that_signs_in_only_one_address_makes_no_circle(app: Flask) -> None:
    ada = Proxied(app).as_user("ada").signed_in()
    assert ada.without_headers().get("/").location == "/login?auto=no"


def test_an_htmx_request_of_a_signed_out_person_lands_at_the_sign_in(app: Flask) -> None:
    ada = Proxied(app).as_user("ada").signed_in()
    chat = ada.start_chat()
    ada.get(chat)
    run_sql(app, "DELETE FROM login_sessions")
    answer = ada.post(f"{chat}/stop", htmx=True)
    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"] == f"/login?next={chat}"


def test_an_htmx_request_of_another_user_does_not_come_back_to_that_page(app: Flask) -> None:
    browser = Proxied(app).as_user("ada").signed_in()
    chat = browser.start_chat()
    browser.get(chat)
    answer = browser.as_user("bob").post(f"{chat}/stop", htmx=True)
    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"] == "/login"


def test_a_failure_while_the_session_goes_on_is_try_later(app: Flask, log: LogReader) -> None:
    ada = Proxied(app).as_user("ada").signed_in()
    answer = ada.as_user("broken").get("/")
    assert answer.status_code == 503
    assert "Try again in a moment" in answer.text
    assert "the directory is away" in json.dumps(log.one("login.callback_failed"))
    assert ada.as_user("ada").user == "ada"


def test_the_session_id_changes_and_the_visitors_values_go(app: Flask) -> None:
    ada = Proxied(app).as_user("ada")
    ada.get("/login")
    first = ada.client.get_cookie("session")
    ada.signed_in()
    second = ada.client.get_cookie("session")
    ada.get("/login")
    ada.signed_in()
    third = ada.client.get_cookie("session")
    assert first
    assert second
    assert third
    assert len({first.value, second.value, third.value}) == 3
    assert count(app, "login_sessions") == 1
    twin = Proxied(app).as_user("ada")
    twin.client.set_cookie("session", second.value)
    assert twin.user is None


def test_two_browsers_of_one_user_have_two_sessions(app: Flask) -> None:
    one, two = (Proxied(app).as_user("ada").signed_in() for _ in range(2))
    assert column(app, "login_sessions.identifier") == ["ada", "ada"]
    one.post("/logout")
    assert (one.user, two.user) == (None, "ada")


def test_signing_out_stays_signed_out_until_a_click(app: Flask, log: LogReader) -> None:
    ada = Proxied(app).as_user("ada").signed_in()
    answer = ada.post("/logout")
    assert answer.location == "/login?auto=no"
    page = parse(ada.get(answer.location).text)
    assert page.one(data_testid="header-login-form").get("data-send-now") is None
    assert page.one("form").one("button").text == "Sign in"
    assert log.one("logout")["user"] == "ada"
    assert ada.user is None
    assert ada.signed_in().user == "ada"


def test_a_request_of_the_proxys_user_costs_no_statement_more(
    either: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    meter = Meter.on(either, monkeypatch)
    costs = []
    for visitor in (
        Proxied(either).as_user("ada").signed_in(),
        Proxied(either).logged_in("bob"),
    ):
        chat = visitor.start_chat()
        for path in ("/account", chat):
            visitor.get(path)
            with measured(either, meter):
                assert visitor.get(path).status_code == 200
            costs.append(meter.cost)
    of_proxy, of_password = costs[:2], costs[2:]
    assert of_proxy == of_password
    assert [cost.writes for cost in of_proxy] == [0, 0]
    # The function of the app runs in the thread of the loop, or in one of its own.
    assert [(cost.loop_wakes, cost.threads) for cost in of_proxy] == [(0, 0), (0, 0)]


def test_both_databases_know_whom_the_proxy_vouches_for(either_url: str, tmp_path: Path) -> None:
    with AppMaker.in_folder(tmp_path, either_url) as maker:
        app = maker("by_proxy.py")
        browser = Proxied(app).as_user("ada").signed_in()
        assert browser.user == "ada"
        assert browser.as_user("bob").user is None
        assert browser.signed_in().user == "bob"
        assert browser.without_headers().post("/login/headers").status_code == 401
        assert count(app, "login_sessions") == 0


# ---- the administrator


@pytest.fixture
def accounts(cli: CommandLine) -> CommandLine:
    cli.add("ada")
    return cli


@pytest.mark.parametrize("name", ["ada", "ADA", " Ada "])
def test_a_disabled_account_does_not_get_in_by_the_proxy(
    accounts: CommandLine, app: Flask, name: str
) -> None:
    ada = Proxied(app).as_user(name)
    assert ada.post("/login/headers").status_code == 303
    accounts.ok("users", "disable", "ada")
    ada = Proxied(app).as_user(name)
    assert ada.post("/login/headers").status_code == 401
    accounts.ok("users", "enable", "ada")
    assert ada.post("/login/headers").status_code == 303


def test_sessions_of_the_proxy_are_listed_and_revoked(accounts: CommandLine, app: Flask) -> None:
    ada = Proxied(app).as_user("ada").signed_in()
    assert "ada" in accounts.ok("sessions", "list")
    accounts.ok("users", "disable", "ada")
    assert ada.user is None
    assert count(app, "login_sessions") == 0


def test_refusals_are_throttled_by_address_and_apart_from_passwords(
    accounts: CommandLine, either: Flask, log: LogReader
) -> None:
    visitor = Proxied(either)
    statuses = [visitor.post("/login/headers").status_code for _ in range(11)]
    assert statuses == [401] * 10 + [429]
    assert log.events("login.throttled")[0]["kind"] == "headers"
    assert NOT_AUTOMATIC in visitor.post("/login/headers").text  # a password still does
    Visitor(either).logged_in("ada")
    assert Proxied(either).as_user("bob").post("/login/headers").status_code == 429
    accounts.ok("users", "unlock", "--address", "127.0.0.1")
    assert Proxied(either).as_user("bob").signed_in().user == "bob"


def test_a_sign_in_is_on_record_with_its_kind(accounts: CommandLine, app: Flask) -> None:
    Proxied(app).as_user("ada").signed_in()
    Proxied(app).as_user("stranger").post("/login/headers")
    listed = json.loads(accounts.ok("audit", "--json"))
    found = [(entry["event"], entry["user"], entry["details"]) for entry in listed[:2]]
    assert found == [
        ("login.failed", None, {"kind": "headers"}),
        ("login.ok", "ada", {"kind": "headers"}),
    ]


# ---- where it leads


@pytest.mark.parametrize(
    "target", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:x", "\x00"]
)
def test_no_sign_in_leads_to_another_site(app: Flask, target: str) -> None:
    ada = Proxied(app).as_user("ada")
    assert ada.post("/login/headers", {"next": target}).location == "/"
    assert ada.get("/login", query_string={"next": target}).location == "/"


def test_a_form_of_another_site_signs_nobody_in_or_out(app: Flask) -> None:
    browser = Proxied(app).as_user("ada").signed_in()
    browser.as_user("bob")
    for headers in ({}, {"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        answer = browser.client.post("/login/headers", data={"next": "/"}, headers=headers)
        assert answer.status_code == 400
    assert column(app, "login_sessions.identifier") == ["ada"]


def test_fields_that_the_form_does_not_have_are_refused(app: Flask) -> None:
    ada = Proxied(app).as_user("ada")
    assert ada.post("/login/headers", {"username": "eve"}).status_code == 400
    assert ada.user is None


def test_forms_of_the_way_that_an_app_does_not_have_lead_to_its_own(
    app: Flask, roles_app: Flask, simple_app: Flask
) -> None:
    ada = Proxied(app).as_user("ada")
    answer = ada.post("/login", {"username": "alice", "password": "alicealice"})
    assert answer.location == "/login"
    assert Proxied(roles_app).as_user("alice").post("/login/headers").location == "/login"
    assert Proxied(simple_app).as_user("alice").post("/login/headers").location == "/"
    assert count(roles_app, "login_sessions") == 0


# ---- beside a password


def test_both_ways_stand_on_one_page(either: Flask) -> None:
    page = parse(Proxied(either).get("/login").text)
    assert page.one(data_testid="login-form")
    assert page.one(data_testid="header-login-form").get("data-send-now") is not None
    assert Proxied(either).as_user("ada").signed_in().user == "ada"
    assert Proxied(either).logged_in("bob").user == "bob"


def test_who_is_not_vouched_for_is_asked_for_a_password(either: Flask) -> None:
    answer = Proxied(either).post("/login/headers", {"next": "/account"})
    assert answer.status_code == 401
    page = parse(answer.text)
    assert page.one(role="status").text.strip() == NOT_AUTOMATIC
    assert not page.all(role="alert")
    assert not page.all(data_testid="header-login-form")
    form = page.one(data_testid="login-form")
    assert form.one(name="next")["value"] == "/account"


def test_by_another_way_than_the_proxy_there_is_the_password_alone(make_app: AppMaker) -> None:
    app = make_app("by_proxy_or_password.py", proxy_secret=PROXY_SECRET)
    eve = Proxied(app).as_user("ada")
    page = parse(eve.get("/login").text)
    assert not page.all(data_testid="header-login-form")
    assert eve.post("/login/headers").status_code == 403
    assert eve.logged_in("eve").user == "eve"


def test_a_password_holds_until_the_proxy_vouches_for_somebody_else(either: Flask) -> None:
    ada = Proxied(either).logged_in("ada")
    assert ada.user == "ada"
    assert ada.as_user("ada").user == "ada"
    assert ada.as_user("bob").user is None
    assert ada.signed_in().user == "bob"
    assert column(either, "login_sessions.identifier") == ["bob"]


def test_a_password_does_not_need_the_proxy(make_app: AppMaker) -> None:
    app = make_app("by_proxy_or_password.py", proxy_secret=PROXY_SECRET)
    ada = Proxied(app)
    ada.send_always({"X-Proxy-Secret": PROXY_SECRET})
    ada.logged_in("ada")
    del ada.client.environ_base["HTTP_X_PROXY_SECRET"]
    assert ada.as_user("bob").user == "ada"  # anybody could say so


def test_sessions_from_before_the_callback_was_there_go_on(make_app: AppMaker) -> None:
    app = make_app("by_proxy_or_password.py")
    ada = Proxied(app).logged_in("ada")
    run_sql(app, "UPDATE login_sessions SET data = json_remove(data, '$.headers')")
    assert ada.user == "ada"


def test_a_site_of_this_machine_believes_no_forwarded_request() -> None:
    here: dict[str, Any] = {"REMOTE_ADDR": "127.0.0.1", "SERVER_PROTOCOL": "HTTP/1.1"}
    settings = Settings()
    assert find_proxy_mistrust(here, settings) is None
    assert find_proxy_mistrust({**here, "REMOTE_ADDR": ""}, settings) is None
    for more in (
        {"HTTP_X_FORWARDED_FOR": "203.0.113.9"},
        {"HTTP_X_FORWARDED_HOST": "localhost"},
        {"HTTP_FORWARDED": "for=localhost"},
        {"HTTP_VIA": "1.1 tunnel"},
        {"SERVER_PROTOCOL": "HTTP/1.0"},  # nginx, as long as it is told nothing else
        {"REMOTE_ADDR": "192.168.1.7"},
    ):
        reason = find_proxy_mistrust({**here, **more}, settings)
        assert reason is not None
        assert "set WEBAPP_PROXY_SECRET" in reason


def test_a_server_that_mixes_up_headers_is_refused(
    make_app: AppMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """uWSGI gives X_Forwarded_Groups, which proxies let pass, as X-Forwarded-Groups."""
    monkeypatch.setitem(sys.modules, "uwsgi", ModuleType("uwsgi"))
    with pytest.raises(StartupError, match="Serve it with gunicorn or Waitress"):
        make_app("by_proxy.py", proxy_secret=PROXY_SECRET)
    make_app("roles.py")
