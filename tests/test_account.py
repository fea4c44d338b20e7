"""One's own account: where one is signed in, and one's password."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import insert

from tests.cli_support import GOOD_PASSWORD, CommandLine
from tests.support.apps import AppMaker
from tests.support.html import Element, parse
from tests.support.log import LogReader
from tests.support.people import Visitor
from tests.support.routes import NOBODYS_SESSION
from tests.support.rows import column, count, every_row, run_sql
from webapp.accounts import directory
from webapp.accounts.account_views import GONE, WRONG
from webapp.accounts.models import LoginSession
from webapp.accounts.new_passwords import refuse_bad_password
from webapp.accounts.sessions.devices import MOST_SHOWN
from webapp.accounts.sessions.user_agents import UNKNOWN, device_of
from webapp.accounts.throttle import FAILURES, FAILURES_WHERE_KNOWN
from webapp.clock import viewer_clock
from webapp.database.engines import db, utc_now

NEW_PASSWORD = "marble lantern otter"
SEEDED = """
    import webapp as cl

    cl.password_auth_callback(cl.seeded_user)
    OUT = []

    @cl.on_logout
    def out(user):
        OUT.append(user.identifier)

    @cl.on_message
    def answer(message):
        pass

    @cl.on_chat_end
    def ended():
        OUT.append("chat of " + cl.user_session.get("user").identifier)
"""
PAGE = "/account"
OTHERS = "/account/sessions/end-others"
PASSWORD = "/account/password"
CONFIRMED = {"current_password": GOOD_PASSWORD}
CHECK = "webapp.accounts.own_password.refuse_bad_password"


@pytest.fixture
def app(make_app: AppMaker, sqlite_url: str, tmp_path: Path) -> Flask:
    """Return an app with the seeded users Alice and Bob."""
    return _seeded(make_app, sqlite_url, tmp_path)


@pytest.fixture
def either_app(make_app: AppMaker, either_url: str, tmp_path: Path) -> Flask:
    """Return such an app on each kind of database in turn."""
    return _seeded(make_app, either_url, tmp_path)


def _seeded(make_app: AppMaker, url: str, folder: Path) -> Flask:
    cli = CommandLine(folder, url)
    cli.add("alice")
    cli.add("bob")
    make_app.database_url = url
    return make_app(SEEDED)


def device(app: Flask, username: str = "alice", agent: str | None = None) -> Visitor:
    """Return somebody who has logged in with one more browser."""
    visitor = Visitor(app)
    if agent is not None:
        visitor.client.environ_base["HTTP_USER_AGENT"] = agent
    return visitor.logged_in(username, GOOD_PASSWORD)


def page_of(visitor: Visitor) -> Element:
    return parse(visitor.get(PAGE).text)


def sessions(visitor: Visitor) -> list[Element]:
    return page_of(visitor).all(data_testid="session")


def end_of(session: Element) -> str:
    return session.one("form")["action"]


def is_in(visitor: Visitor) -> bool:
    return visitor.get("/").status_code == 200


def change(visitor: Visitor, current: str = GOOD_PASSWORD, new: str = NEW_PASSWORD) -> Any:
    return visitor.post(PASSWORD, {"current_password": current, "new_password": new})


def can_log_in(app: Flask, password: str, username: str = "alice") -> bool:
    form = {"username": username, "password": password}
    return Visitor(app).post("/login", form).status_code == 303


def alert(answer: Any) -> str:
    return parse(answer.text).one(id="password-error").text.strip()


def out(app: Flask) -> list[str]:
    """Return what the app was told of ends, in their order."""
    function: Any = app.extensions["chat_app"].callbacks["on_logout"].function
    found: list[str] = function.__globals__["OUT"]
    return found


@contextmanager
def waiting_for(app: Flask, number: int) -> Iterator[None]:
    """Wait after the block until the app was told of so many ends."""
    yield
    for thread in threading.enumerate():
        if thread.name == "webapp-chat-end":
            thread.join(20)
    assert len(out(app)) == number


def test_the_page_says_who_one_is(alice: Visitor) -> None:
    page = page_of(alice)
    assert page.one("h1").text == "Your account"
    assert "You are signed in as alice. Your role is ADMIN." in " ".join(page.text.split())
    assert alice.get("/").text.count(f'href="{PAGE}"') == 1


def test_where_nobody_logs_in_there_is_no_account(visitor: Visitor) -> None:
    visitor.start_chat()
    before = every_row(visitor.app)
    assert visitor.get(PAGE).status_code == 404
    for path in (OTHERS, PASSWORD, f"/account/sessions/{NOBODYS_SESSION}/end"):
        assert visitor.post(path).status_code == 404
    assert every_row(visitor.app) == before


def test_a_stranger_is_sent_to_login(app: Flask) -> None:
    alice, stranger = device(app), Visitor(app)
    before = every_row(app)
    assert stranger.get(PAGE).location == "/login?next=/account"
    for path in (OTHERS, PASSWORD, end_of(sessions(alice)[0])):
        assert stranger.post(path).location == "/login"
    assert every_row(app) == before


def test_the_page_shows_ones_own_sessions_and_nobody_elses(app: Flask) -> None:
    firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
    device(app, agent=firefox)
    device(app, "bob")
    alice = device(app, agent="curl/8")
    shown = sessions(alice)
    assert [each.one(data_testid="device").text for each in shown] == [
        "curl/8",
        "Firefox on Linux",
    ]
    assert ["This device" in each.text for each in shown] == [True, False]
    assert all(
        "127.0.0.1" in each.text and each.all("time")[0]["title"].endswith(" UTC") for each in shown
    )
    assert "Last seen:" in shown[1].text


def test_looking_at_the_page_changes_nothing(app: Flask) -> None:
    alice = device(app)
    before = every_row(app)
    page_of(alice)
    assert every_row(app) == before


def test_at_most_a_hundred_sessions_are_shown_this_one_among_them(either_app: Flask) -> None:
    alice, now = device(either_app), utc_now()
    rows = [
        {
            "id": uuid.uuid4(),
            "token_hash": f"{number:064}",
            "identifier": "alice",
            "data": {},
            "user_agent": f"robot {number}",
            "created_at": now + timedelta(seconds=number),
            "seen_at": now,
        }
        for number in range(MOST_SHOWN + 20)
    ]
    with either_app.app_context(), db.engine.begin() as connection:
        connection.execute(insert(LoginSession), rows)
    page = page_of(alice)
    names = [each.text for each in page.all(data_testid="device")]
    assert len(names) == MOST_SHOWN
    assert "This device" in page.all(data_testid="session")[0].text
    assert names[1:3] == ["robot 119", "robot 118"]
    assert "Only the 100 newest are shown." in page.text


def test_a_session_that_has_expired_is_not_shown(either_app: Flask) -> None:
    alice = device(either_app)
    device(either_app)
    [gone] = [end_of(each).split("/")[3] for each in sessions(alice)[1:]]
    old = utc_now() - timedelta(days=15)
    with either_app.app_context(), db.engine.begin() as connection:
        connection.execute(
            LoginSession.__table__.update()  # type: ignore[attr-defined]
            .where(LoginSession.id == uuid.UUID(gone))
            .values(created_at=old)
        )
    assert len(sessions(alice)) == 1


@pytest.mark.parametrize(
    "agent", ["<script>alert(1)</script>", "ok\u202eevil", "x" * 5_000, '"><img src=x>']
)
def test_what_a_browser_calls_itself_is_harmless(simple_app: Flask, agent: str) -> None:
    shown = device_of(agent)
    assert len(shown) <= 61
    template = simple_app.jinja_env.get_template("accounts/_sessions.html")
    row = {"id": NOBODYS_SESSION, "name": shown, "ip": "::1", "is_this": False}
    row |= {"began": datetime.now(UTC), "seen": datetime.now(UTC)}
    with simple_app.test_request_context():
        page = parse(template.render(devices=[row], most=MOST_SHOWN, clock=viewer_clock()))
    name = page.one(data_testid="device")
    assert (name.tag, name.text, name.children) == ("bdi", shown, [shown])


@pytest.mark.parametrize(
    ("agent", "device"),
    [
        (None, UNKNOWN),
        ("", UNKNOWN),
        (" \u200b ", UNKNOWN),
        ("curl/8.14.1", "curl/8.14.1"),
        ("Firefox/140.0", "Firefox"),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
            "Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0",
            "Edge on Windows",
        ),
        (
            "Mozilla/5.0 (Linux; Android 16; K) AppleWebKit/537.36 (KHTML, like Gecko) "
            "Chrome/140.0.0.0 Mobile Safari/537.36",
            "Chrome on Android",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 "
            "(KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1",
            "Safari on iPhone",
        ),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like "
            "Gecko) Version/18.6 Safari/605.1.15",
            "Safari on macOS",
        ),
    ],
)
def test_a_browser_and_its_system_in_a_few_words(agent: str | None, device: str) -> None:
    assert device_of(agent) == device


def test_one_other_session_is_ended_and_dead_at_once(either_app: Flask, log: LogReader) -> None:
    here, there = device(either_app), device(either_app)
    answer = here.post(end_of(sessions(here)[1]), CONFIRMED)
    assert answer.location == "/account?done=session"
    page = parse(here.get(answer.location).text)
    assert "That device was signed out." in page.one(data_testid="notice").text
    assert (is_in(here), is_in(there)) == (True, False)
    assert log.one("sessions.ended")["user"] == "alice"


def test_all_other_sessions_are_ended(either_app: Flask) -> None:
    here, others, bob = (
        device(either_app),
        [device(either_app), device(either_app)],
        device(either_app, "bob"),
    )
    answer = here.post(OTHERS, CONFIRMED)
    page = parse(here.get(answer.location).text)
    assert "All other devices were signed out." in page.one(data_testid="notice").text
    assert page.all(data_testid="end-others") == []
    assert [is_in(each) for each in (here, bob, *others)] == [True, True, False, False]


@pytest.mark.parametrize("others", [False, True], ids=["one", "all"])
@pytest.mark.parametrize("password", [None, "", "wrong", "x" * 1_025])
def test_without_the_password_no_other_session_is_ended(
    app: Flask, password: str | None, *, others: bool
) -> None:
    here, there = device(app), device(app)
    path = OTHERS if others else end_of(sessions(here)[1])
    answer = here.post(path, {} if password is None else {"current_password": password})
    assert answer.status_code == (422 if password else 200)
    form = parse(answer.text).one(data_testid="confirm-form")
    assert bool(form.all(id="confirm-error")) == bool(password)
    assert form.get("action") is None
    assert is_in(there)
    assert here.post(path, CONFIRMED).status_code == 303
    assert not is_in(there)


def test_the_password_is_asked_for_a_bounded_number_of_times(app: Flask) -> None:
    here, there = device(app), device(app)
    wrong = {"current_password": "wrong"}
    statuses = [here.post(OTHERS, wrong).status_code for _ in range(FAILURES + 2)]
    assert statuses == [422] * FAILURES + [429] * 2
    assert int(here.post(OTHERS, wrong).headers["Retry-After"]) > 0
    assert is_in(there)


def test_who_has_no_password_here_is_not_asked(alice: Visitor) -> None:
    other = Visitor(alice.app).logged_in("alice")
    assert alice.post(OTHERS).status_code == 303
    assert not is_in(other)


@pytest.mark.parametrize("done", ["password", "session", "others", "import", ""])
def test_an_address_alone_makes_no_notice(app: Flask, done: str) -> None:
    alice = device(app)
    assert parse(alice.get(f"{PAGE}?done={done}").text).all(data_testid="notice") == []


def test_a_notice_is_shown_for_a_minute_and_in_this_browser_only(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = device(app), device(app)
    address = change(here).location
    there.forget_token()
    there.logged_in("alice", NEW_PASSWORD)
    assert parse(here.get(address).text).all(data_testid="notice") != []
    assert parse(there.get(address).text).all(data_testid="notice") == []
    assert parse(here.get(f"{PAGE}?done=others").text).all(data_testid="notice") == []
    later = utc_now() + timedelta(seconds=61)
    monkeypatch.setattr("webapp.accounts.sessions.recent_action.utc_now", lambda: later)
    assert parse(here.get(address).text).all(data_testid="notice") == []


def test_ending_others_where_there_are_none_is_no_error(app: Flask) -> None:
    alice = device(app)
    assert alice.post(OTHERS).status_code == 303
    assert is_in(alice)


def test_ending_this_session_is_a_logout(app: Flask) -> None:
    alice = device(app)
    [row] = column(app, "login_sessions.id")
    answer = alice.post(f"/account/sessions/{row}/end")
    assert answer.location == "/login"
    assert not is_in(alice)
    assert out(app) == ["alice"]
    assert count(app, "login_sessions") == 0


def test_the_page_signs_this_device_out_by_the_form_that_clears_drafts(alice: Visitor) -> None:
    assert [end_of(each) for each in sessions(alice)] == ["/logout"]


def test_another_users_session_is_not_found(either_app: Flask) -> None:
    alice, bob, other = device(either_app), device(either_app, "bob"), device(either_app, "bob")
    his = end_of(sessions(bob)[1])
    before = every_row(either_app)
    for path in (his, f"/account/sessions/{NOBODYS_SESSION}/end"):
        answer = alice.post(path)
        assert answer.status_code == 404
        assert GONE in parse(answer.text).one(data_testid="notice").text
    assert every_row(either_app) == before
    assert is_in(other)


@pytest.mark.parametrize("name", ["1", "x" * 500, "٠" * 8, f"{NOBODYS_SESSION}0", "%00", ".."])
def test_what_is_no_id_is_not_found(alice: Visitor, name: str) -> None:
    assert alice.post(f"/account/sessions/{name}/end").status_code == 404


@pytest.mark.parametrize("path", [OTHERS, PASSWORD, f"/account/sessions/{NOBODYS_SESSION}/end"])
def test_strange_fields_are_refused(alice: Visitor, path: str) -> None:
    before = every_row(alice.app)
    assert alice.post(path, {"identifier": "bob"}).status_code == 400
    twice = {"current_password": ["a", "b"], "new_password": "c"}
    assert alice.post(path, twice).status_code == 400
    assert every_row(alice.app) == before


def test_the_chats_of_a_session_that_was_ended_are_over(app: Flask) -> None:
    here, there = device(app), device(app)
    there.start_chat()
    with waiting_for(app, 1):
        here.post(OTHERS, CONFIRMED)
    assert out(app) == ["chat of alice"]


def test_a_session_is_ended_once_by_two_clicks_at_once(either_app: Flask) -> None:
    here, there = device(either_app), device(either_app)
    path = end_of(sessions(here)[1])
    statuses: list[int] = []
    twins = [here.twin(), here.twin()]
    threads = [
        threading.Thread(target=lambda t=twin: statuses.append(t.post(path, CONFIRMED).status_code))
        for twin in twins
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [303, 404]
    assert not is_in(there)


def test_a_password_is_changed(either_app: Flask, log: LogReader) -> None:
    alice = device(either_app)
    answer = change(alice)
    assert answer.location == "/account?done=password"
    page = parse(alice.get(answer.location).text)
    assert "Your password was changed" in page.one(data_testid="notice").text
    assert (can_log_in(either_app, GOOD_PASSWORD), can_log_in(either_app, NEW_PASSWORD)) == (
        False,
        True,
    )
    assert can_log_in(either_app, GOOD_PASSWORD, "bob")
    assert log.one("password.changed")["user"] == "alice"
    assert GOOD_PASSWORD not in log.text
    assert NEW_PASSWORD not in log.text


def test_other_sessions_end_and_this_one_gets_a_new_id(either_app: Flask) -> None:
    here, there, bob = device(either_app), device(either_app), device(either_app, "bob")
    old = here.twin()
    chat = here.start_chat()
    change(here)
    assert [is_in(each) for each in (here, old, there, bob)] == [True, False, False, True]
    assert here.get(chat).status_code == 200
    assert count(either_app, "login_sessions") == 2


def test_tokens_from_before_are_dead(app: Flask) -> None:
    alice = device(app)
    early = alice.token
    change(alice)
    assert alice.post(OTHERS, {"csrf_token": early}).status_code == 400
    alice.get(PAGE)
    assert alice.post(OTHERS).status_code == 303


def test_the_chats_of_this_session_go_on(either_app: Flask) -> None:
    here, there = device(either_app), device(either_app)
    chat = here.start_chat()
    there.start_chat()
    with waiting_for(either_app, 1):
        change(here)
    assert column(either_app, "chats.ended_at").count(None) == 1
    here.get(chat)
    here.start_chat()
    assert here.get(chat).status_code == 404  # it was replaced, as the same browser's


def test_a_wrong_current_password_changes_nothing(app: Flask, log: LogReader) -> None:
    alice = device(app)
    before = every_row(app)["accounts"], every_row(app)["login_sessions"]
    answer = change(alice, current="wrong one entirely")
    assert (answer.status_code, alert(answer)) == (422, WRONG)
    assert NEW_PASSWORD not in answer.text
    assert "wrong one entirely" not in answer.text
    assert (every_row(app)["accounts"], every_row(app)["login_sessions"]) == before
    assert is_in(alice)
    assert log.one("password.failed")["user"] == "alice"


@pytest.mark.parametrize(
    ("new", "problem"),
    [
        ("short", "at least 8 characters"),
        ("password123", "too easy to guess"),
        ("alice-alice", "little more than a name"),
        (GOOD_PASSWORD, "the one you have"),
        ("x" * 1_025, "too long"),
        ("", "Enter a new password."),
    ],
)
def test_a_new_password_that_cannot_be_used_is_refused(app: Flask, new: str, problem: str) -> None:
    alice = device(app)
    before = every_row(app)["accounts"]
    answer = change(alice, new=new)
    assert answer.status_code == 422
    assert problem in alert(answer)
    field = parse(answer.text).one(id="new-password")
    assert (field["aria-invalid"], field.get("value")) == ("true", None)
    assert every_row(app)["accounts"] == before


def test_a_missing_current_password_is_asked_for(app: Flask) -> None:
    answer = device(app).post(PASSWORD, {"new_password": NEW_PASSWORD})
    assert (answer.status_code, alert(answer)) == (422, "Enter your current password.")


def test_a_password_is_taken_as_it_was_typed(app: Flask) -> None:
    spaced = "  Größe\tzwölf Öfen 日本 "
    assert change(device(app), new=spaced).status_code == 303
    assert (can_log_in(app, spaced.strip()), can_log_in(app, spaced)) == (False, True)


def test_the_form_is_one_that_password_managers_know(app: Flask) -> None:
    form = page_of(device(app)).one(data_testid="password-form")
    assert [field.get("autocomplete") for field in form.all("input")] == [
        None,
        "username",
        "current-password",
        "new-password",
    ]
    assert form.one(autocomplete="username").get("name") is None
    assert "At least 8 characters" in form.text


def test_a_password_that_is_kept_elsewhere_is_not_changed_here(alice: Visitor) -> None:
    page = page_of(alice)
    assert page.all(data_testid="password-form") == []
    assert "This site does not store your password" in page.text
    before = every_row(alice.app)
    assert change(alice, "alicealice").status_code == 404
    assert every_row(alice.app) == before


def test_wrong_current_passwords_are_throttled(app: Flask, log: LogReader) -> None:
    alice = device(app)
    statuses = [change(alice, current=f"wrong {n}").status_code for n in range(FAILURES + 1)]
    assert statuses == [422] * FAILURES + [429]
    answer = change(alice, current="wrong again")
    assert 0 < int(answer.headers["Retry-After"]) <= 601
    assert "Too many attempts" in alert(answer)
    assert log.events("password.throttled")


def test_guessing_ends_where_even_the_right_password_has_to_wait(app: Flask) -> None:
    alice = device(app)
    for number in range(FAILURES_WHERE_KNOWN):
        change(alice, current=f"wrong {number}")
    assert change(alice).status_code == 429
    assert can_log_in(app, GOOD_PASSWORD) is False


def test_guesses_of_a_stolen_session_lock_out_nobody_who_is_known(app: Flask) -> None:
    alice, thief = device(app), device(app).twin()
    thief.client.environ_base["REMOTE_ADDR"] = "203.0.113.9"
    thief.get(PAGE)
    statuses = [change(thief, current=f"wrong {n}").status_code for n in range(FAILURES + 2)]
    assert statuses[-2:] == [429, 429]
    assert change(alice).status_code == 303
    assert can_log_in(app, NEW_PASSWORD)


def test_failures_count_with_those_of_the_login_page(app: Flask) -> None:
    alice = device(app)
    for number in range(FAILURES):
        can_log_in(app, f"wrong {number}")
    assert change(alice, current="wrong").status_code == 429


def test_a_login_that_is_being_checked_comes_to_nothing(
    either_app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = device(either_app)
    hasher = either_app.extensions["password_hasher"]
    real = hasher.verify

    def verify(*arguments: Any) -> bool:
        right = bool(real(*arguments))
        monkeypatch.undo()
        assert change(alice).status_code == 303
        return right

    monkeypatch.setattr(hasher, "verify", verify)
    assert not can_log_in(either_app, GOOD_PASSWORD)
    assert count(either_app, "login_sessions") == 1


MEANWHILE = {
    "disabled": lambda: directory.disable("alice"),
    "new password": lambda: directory.set_password("alice", "another tractor parade"),
    "removed": lambda: directory.remove("alice"),
}


@pytest.mark.parametrize("happens", MEANWHILE)
def test_what_an_admin_did_meanwhile_stays(
    either_app: Flask, monkeypatch: pytest.MonkeyPatch, happens: str
) -> None:
    alice = device(either_app)

    def refuse(*arguments: Any) -> None:
        refuse_bad_password(*arguments)
        MEANWHILE[happens]()

    monkeypatch.setattr(CHECK, refuse)
    assert change(alice).location == "/account"
    assert not is_in(alice)
    assert not can_log_in(either_app, NEW_PASSWORD)
    assert count(either_app, "login_sessions") == 0


def test_a_session_that_was_ended_meanwhile_is_not_revived(
    either_app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = device(either_app)

    def refuse(*arguments: Any) -> None:
        refuse_bad_password(*arguments)
        run_sql(either_app, "DELETE FROM login_sessions")

    monkeypatch.setattr(CHECK, refuse)
    assert change(alice).location == "/account"
    assert not is_in(alice)
    monkeypatch.undo()
    assert can_log_in(either_app, GOOD_PASSWORD)


def test_two_changes_at_once_leave_one_password_and_one_session(either_app: Flask) -> None:
    alice = device(either_app)
    twins = {each: alice.twin() for each in ("first lantern otter", "second lantern otter")}
    threads = [
        threading.Thread(target=change, args=(twin, GOOD_PASSWORD, new))
        for new, twin in twins.items()
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(is_in(twin) for twin in twins.values()) == 1
    assert sum(can_log_in(either_app, new) for new in twins) == 1


def test_a_change_costs_two_hashes_and_a_wrong_try_one(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = device(app)
    made: list[str] = []
    threads = app.extensions["password_hasher"]._threads
    real = threads.submit

    def submit(work: Any, *arguments: Any) -> Any:
        made.append(work.__name__)
        return real(work, *arguments)

    monkeypatch.setattr(threads, "submit", submit)
    change(alice, current="wrong")
    assert made == ["verify"]
    change(alice, new="short")
    change(alice)
    assert made == ["verify", "verify", "verify", "hash"]
