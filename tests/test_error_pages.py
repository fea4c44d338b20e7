"""Every error has its own page, its own notice, and tells nothing it should not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask, abort
from sqlalchemy.exc import IntegrityError, OperationalError
from werkzeug.exceptions import HTTPException

from tests.support.apps import AppMaker
from tests.support.html import parse
from tests.support.log import LogReader
from tests.support.people import HTMX, Visitor
from webapp.web.csrf import CSRFError, ForeignFormError, OriginMismatchError
from webapp.web.errors import EXPLANATIONS, log_unavailable
from webapp.web.refusals import Refusal

CODES = [400, 403, 404, 405, 409, 411, 413, 415, 422, 429, 500, 503]
INTERNALS = ["Traceback", "webapp/", ".py", "SELECT", "sqlite", "Werkzeug", "Flask", "Python/"]


@pytest.fixture
def failing(make_app: AppMaker) -> Visitor:
    """Return a visitor of an app that answers /fail/<code> with that error."""
    app = make_app("roles.py")

    def fail(code: int) -> str:
        if code == 999:
            raise RuntimeError("SELECT secret FROM passwords")
        if code == 998:
            raise IntegrityError("SELECT secret FROM passwords", None, ValueError("passwords"))
        abort(code)

    app.add_url_rule("/fail/<int:code>", view_func=fail)
    return Visitor(app)


def test_every_code_has_words_of_its_own() -> None:
    assert sorted(EXPLANATIONS) == CODES
    assert len({words.title for words in EXPLANATIONS.values()}) == len(CODES)


@pytest.mark.parametrize("code", CODES)
def test_an_error_is_a_page(failing: Visitor, code: int) -> None:
    answer = failing.get(f"/fail/{code}")
    page = parse(answer.text)
    assert answer.status_code == code
    assert answer.content_type == "text/html; charset=utf-8"
    assert page.one("h1").text == EXPLANATIONS[code].title
    assert page.one("code").text == answer.headers["X-Request-ID"]
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert [word for word in INTERNALS if word in page.text] == []


@pytest.mark.parametrize("code", CODES)
def test_an_error_of_an_htmx_request_is_a_notice(failing: Visitor, code: int) -> None:
    answer = failing.get(f"/fail/{code}", headers=HTMX)
    notice = parse(answer.text).one(data_testid="notice")
    assert answer.status_code == code
    assert answer.content_type == "text/html; charset=utf-8"
    assert notice["data-code"] == str(code)
    assert EXPLANATIONS[code].title in notice.text
    assert answer.headers["X-Request-ID"] in notice.text
    assert answer.headers["HX-Retarget"] == "#notices"
    assert answer.headers["HX-Reswap"] == "innerHTML"
    assert "<html" not in answer.text


@pytest.mark.parametrize("code", [401, 406, 410, 418, 451, 501, 502])
def test_any_other_code_is_explained_too(failing: Visitor, code: int) -> None:
    answer = failing.get(f"/fail/{code}")
    assert answer.status_code == code
    assert parse(answer.text).one("h1").text


@pytest.mark.parametrize("code", [998, 999])
def test_an_exception_of_ours_is_a_page_without_its_text(
    failing: Visitor, log: LogReader, code: int
) -> None:
    answer = failing.get(f"/fail/{code}")
    assert answer.status_code == 500
    assert "passwords" not in answer.text
    assert "passwords" in log.text


def test_the_reference_on_a_500_page_is_in_the_log(failing: Visitor, log: LogReader) -> None:
    reference = parse(failing.get("/fail/999").text).one("code").text
    [logged] = [event for event in log.events() if "traceback" in event]
    assert logged["request"] == reference


def test_every_request_has_a_reference_of_its_own(failing: Visitor) -> None:
    ids = {failing.get("/nothing").headers["X-Request-ID"] for _ in range(5)}
    assert len(ids) == 5


def test_a_reference_from_outside_is_not_taken(failing: Visitor) -> None:
    answer = failing.get("/nothing", headers={"X-Request-ID": "<b>forged"})
    assert "forged" not in answer.text


def test_pages_and_errors_render_with_the_database_gone(
    make_app: AppMaker, sqlite_url: str
) -> None:
    alice = Visitor(make_app("roles.py")).logged_in("alice")
    file = Path(sqlite_url.removeprefix("sqlite:///"))
    file.rename(file.with_name("gone"))
    for path, code in (("/", 503), ("/nothing", 404), ("/static/app.css", 200), ("/healthz", 200)):
        answer = alice.get(path)
        assert answer.status_code == code
        assert "Content-Security-Policy" in answer.headers
    assert alice.get("/", headers=HTMX).status_code == 503
    assert int(alice.get("/").headers["Retry-After"]) > 0


def test_an_error_page_reads_no_session(failing: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise AssertionError("an error page read the session")

    failing.client.set_cookie("session", "something")
    monkeypatch.setattr(failing.app.session_interface, "read", broken)
    for code in CODES:
        assert failing.get(f"/fail/{code}").status_code == code
    assert failing.get("/nothing", headers=HTMX).status_code == 404


@pytest.mark.parametrize("header", ["X-Requested-With", "HX-Boosted", "HX-Request"])
@pytest.mark.parametrize("value", ["XMLHttpRequest", "TRUE", "1", "false", "<b>"])
def test_only_htmx_itself_gets_a_notice(failing: Visitor, header: str, value: str) -> None:
    assert "<html" in failing.get("/nothing", headers={header: value}).text


def test_405_names_what_is_allowed(failing: Visitor) -> None:
    answer = failing.client.delete("/login")
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "POST"}


def test_an_error_offers_a_way_home(failing: Visitor) -> None:
    page = parse(failing.get("/nothing").text)
    assert page.one("a", class_="primary")["href"] == "/"


def test_the_request_id_is_in_the_log_of_what_happened(bob: Visitor, log: LogReader) -> None:
    answer = bob.post("/chats", {"profile": "admin-only"})
    assert log.one("profile.refused")["request"] == answer.headers["X-Request-ID"]


def test_a_missing_chat_is_logged_with_who_asked(
    roles_app: Flask, bob: Visitor, log: LogReader
) -> None:
    path = Visitor(roles_app).logged_in("alice").start_chat("team")
    bob.get(path)
    refused = log.one("chat.not_found")
    assert (refused["owner"], refused["ip"]) == ("user:bob", "127.0.0.1")
    assert refused["chat"] in path


def our_errors(base: type[HTTPException] = HTTPException) -> Iterator[type[HTTPException]]:
    for error in base.__subclasses__():
        if error.__module__.startswith("webapp."):
            yield error
        yield from our_errors(error)


def test_every_refusal_of_ours_has_its_words() -> None:
    ours = (Refusal, CSRFError, ForeignFormError, OriginMismatchError)
    refusals = [error for error in our_errors() if error not in ours]
    assert len(refusals) >= 20
    for error in refusals:
        assert issubclass(error, Refusal), error
        assert error.__name__.endswith("Error"), error
        # Programs are told that their token is wrong. People are sent to the sign-in.
        codes = [*CODES, 401] if error.__module__.startswith("webapp.api.") else CODES
        assert error.code in codes, error
        assert re.fullmatch(r"[A-Z]\w+( [\w-]+){1,4}", error.title), error.title
        for sentence in (getattr(error, "message", None), error.advice):
            assert not sentence or re.fullmatch(r"[A-Z].+\.", sentence), sentence


def test_a_refusal_gives_the_status_the_words_and_when_to_try_again(make_app: AppMaker) -> None:
    class BusyError(Refusal):
        code = 429
        title = "Not sent"
        message = "“{}” is busy."
        advice = "Wait."
        retry_after = 7

    def refuse() -> str:
        raise BusyError(subject="<b>it</b>")

    app = make_app("roles.py")
    app.add_url_rule("/busy", view_func=refuse)
    answer = Visitor(app).get("/busy")
    page = parse(answer.text)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")
    assert page.one("h1").text == "Not sent"
    assert [p.text for p in page.all("p", dir="auto")] == ["“<b>it</b>” is busy.", "Wait."]


@pytest.mark.parametrize(
    ("reason", "is_address"),
    [
        ('connection failed: FATAL:  database "nope" does not exist', True),
        ("connection is bad: connection to server on socket failed", True),
        ("failed to resolve host 'db.invalid'", True),
        ("unable to open database file", True),
        ("database is locked", False),
        ("database or disk is full", False),
    ],
)
def test_the_log_says_what_to_check_if_the_database_is_not_there(
    failing: Visitor, log: LogReader, reason: str, is_address: bool
) -> None:
    with failing.app.test_request_context():
        log_unavailable(OperationalError("SELECT 1", None, ValueError(reason)))
    hint = log.one("database.unavailable").get("hint", "")
    assert ("WEBAPP_DATABASE_URL" in hint) is is_address
