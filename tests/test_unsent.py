"""A message that was not taken from a page without script is on the page that says so."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from urllib.parse import quote

import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError
from werkzeug.test import TestResponse

from tests.support.html import parse
from tests.support.log import LogReader
from tests.support.people import Visitor
from tests.support.rows import every_row, run_sql
from webapp.pages.recovered_text import TEXT_FIELDS

SIGNED_OUT = "You were signed out, so your message was not sent. Copy it, then sign in."
NO_MESSAGE = "00000000-0000-4000-8000-000000000003"
TEXT = "\n keep <b>this</b>\n"


def say(
    visitor: Visitor,
    chat: str,
    content: str = TEXT,
    *,
    htmx: bool = False,
    headers: dict[str, str] | None = None,
    **fields: str,
) -> TestResponse:
    """Send the composer of a page that was opened before."""
    form = {"content": content, "key": str(uuid.uuid4()), **fields}
    return visitor.post(f"{chat}/messages", form, htmx=htmx, headers=headers or {})


def kept(answer: TestResponse) -> tuple[str, str]:
    """Return the text that the page holds, and the address of the way on."""
    [unsent] = parse(answer.text).with_class("unsent")
    assert unsent.one("label").text in {f"Your {it.called}" for it in TEXT_FIELDS.values()}
    # Browsers leave the first line break of a field out.
    return unsent.one("textarea").text.removeprefix("\n"), unsent.one("a")["href"]


def forgets_its_cookie(visitor: Visitor) -> None:
    visitor.client.delete_cookie("session")


def is_signed_out(visitor: Visitor) -> None:
    run_sql(visitor.app, "DELETE FROM login_sessions")


def is_not_understood(visitor: Visitor) -> None:
    run_sql(visitor.app, "UPDATE login_sessions SET data = json_set(data, '$.user.tenant', 'x')")


@pytest.mark.parametrize("happens", [forgets_its_cookie, is_signed_out, is_not_understood])
def test_text_of_somebody_who_was_signed_out_is_kept(
    alice: Visitor, happens: Callable[[Visitor], None]
) -> None:
    chat = alice.start_chat("team")
    happens(alice)
    before = every_row(alice.app)
    answer = say(alice, chat)
    text, way_on = kept(answer)
    assert answer.status_code == 401
    assert (
        "You were signed out, so your message was not sent. Copy it, then sign in." in answer.text
    )
    assert text == TEXT
    assert way_on == f"/login?next={quote(chat)}"
    assert answer.headers["Cache-Control"] == "no-store"
    assert every_row(alice.app) == before


def test_the_way_on_leads_to_the_chat(alice: Visitor) -> None:
    chat = alice.start_chat("team")
    forgets_its_cookie(alice)
    _, way_on = kept(say(alice, chat))
    page = parse(alice.get(way_on).text).one(data_testid="login-form")
    form = {"username": "alice", "password": "alicealice", "next": page.one(name="next")["value"]}
    answer = alice.post("/login", form)
    assert (answer.status_code, answer.location) == (303, chat)
    assert alice.get(chat).status_code == 200


def test_where_there_is_no_text_the_login_page_comes_at_once(alice: Visitor) -> None:
    chat = alice.start_chat("team")
    forgets_its_cookie(alice)
    assert say(alice, chat, " \n").location == "/login"
    assert alice.post(f"{chat}/stop").location == "/login"


def test_with_htmx_the_page_keeps_the_text_itself(alice: Visitor) -> None:
    chat = alice.start_chat("team")
    alice.get(chat)
    forgets_its_cookie(alice)
    answer = say(alice, chat, htmx=True)
    assert (answer.status_code, answer.data) == (401, b"")
    assert answer.headers["HX-Redirect"] == f"/login?next={quote(chat)}"


def test_text_of_a_page_that_is_too_old_is_kept(alice: Visitor, log: LogReader) -> None:
    chat = alice.start_chat("team")
    before = alice.token
    alice.logged_in("alice")
    answer = say(alice, chat, csrf_token=before)
    text, way_on = kept(answer)
    assert (answer.status_code, text, way_on) == (400, TEXT, chat)
    assert "Page is out of date" in answer.text
    # Nothing to send it with: the token was wrong, so it may be anybody's.
    assert parse(answer.text).all("form") == []
    assert alice.token not in answer.text
    assert log.one("csrf.refused")["user"] == "alice"


def test_text_of_a_browser_that_has_lost_its_chats_is_kept(visitor: Visitor) -> None:
    chat = visitor.start_chat()
    forgets_its_cookie(visitor)
    answer = say(visitor, chat)
    text, way_on = kept(answer)
    assert (answer.status_code, text, way_on) == (400, TEXT, "/")


@pytest.mark.parametrize("signed_in", [False, True])
@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}]
)
def test_text_that_another_site_has_sent_is_not_shown(
    roles_app: Flask, headers: dict[str, str], *, signed_in: bool
) -> None:
    alice = Visitor(roles_app).logged_in("alice")
    chat = alice.start_chat("team")
    sender = alice if signed_in else Visitor(roles_app)
    answer = say(sender, chat, "call this number", headers=headers)
    assert answer.status_code == (400 if signed_in else 303)
    assert "call this number" not in answer.text


@pytest.mark.parametrize("happens", [forgets_its_cookie, is_signed_out])
@pytest.mark.parametrize(
    ("where", "field"), [("edit", "content"), (f"messages/{NO_MESSAGE}/feedback", "comment")]
)
def test_with_script_a_text_beside_the_composer_stays_where_it_was_written(
    alice: Visitor, happens: Callable[[Visitor], None], where: str, field: str
) -> None:
    chat = alice.start_chat("team")
    happens(alice)
    answer = alice.post(f"{chat}/{where}", {field: TEXT}, htmx=True)
    assert answer.status_code == 401
    assert "your text was not saved" in answer.text
    assert answer.headers["HX-Retarget"] == "#notices"
    assert "HX-Redirect" not in answer.headers
    bare = alice.post(f"{chat}/{where}", {field: " "}, htmx=True)
    assert bare.headers["HX-Redirect"].startswith("/login")


FORMS = [
    ("{chat}/messages/{message}/feedback", "comment", {"value": "down"}),
    ("{chat}/title", "title", {}),
    ("/chats/import", "data", {}),
]


@pytest.fixture(params=FORMS, ids=[field for _, field, _ in FORMS])
def form(request: pytest.FixtureRequest, alice: Visitor) -> tuple[str, str, dict[str, str]]:
    """Return a form of other rooms that takes a text: its address, its field, and the others."""
    address, field, others = request.param
    chat = alice.start_chat("team")
    return address.format(chat=chat, message=uuid.uuid4()), field, others


def test_text_of_other_forms_is_kept_without_a_database(
    alice: Visitor, form: tuple[str, str, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, field, others = form

    def fails(*_args: object) -> None:
        raise OperationalError("BEGIN", None, OSError("no database"))

    for place in ("feedback.views.my_chat", "history.views.my_chat", "transfer.views.ImportForm"):
        monkeypatch.setattr(f"webapp.{place}", fails)
    answer = alice.post(address, {field: TEXT, **others})
    again = parse(answer.text).with_class("unsent")[0]
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert again.one("textarea", name=field).text.removeprefix("\n") == TEXT
    sent = {each["name"]: each["value"] for each in again.all("input")}
    assert sent == {"csrf_token": alice.token, **others}


def test_text_of_other_forms_is_kept_from_somebody_who_was_signed_out(
    alice: Visitor, form: tuple[str, str, dict[str, str]]
) -> None:
    address, field, others = form
    forgets_its_cookie(alice)
    answer = alice.post(address, {field: TEXT, **others})
    text, way_on = kept(answer)
    assert (answer.status_code, text) == (401, TEXT)
    assert way_on.startswith("/login?next=/chats/")


def test_text_of_other_forms_is_kept_from_a_page_that_is_too_old(
    alice: Visitor, form: tuple[str, str, dict[str, str]]
) -> None:
    address, field, others = form
    answer = alice.post(address, {field: TEXT, "csrf_token": "old", **others})
    text, way_on = kept(answer)
    assert (answer.status_code, text) == (400, TEXT)
    assert alice.get(way_on).status_code == 200
