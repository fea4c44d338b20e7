"""Times on a page: in the time zone of the browser, or of the site, and the same everywhere."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from flask import Flask

from tests.support.apps import AppMaker
from tests.support.chats import Chat
from tests.support.exports import store_chat
from tests.support.html import Element, parse
from tests.support.people import Visitor
from webapp.chats.search_index import index_pending
from webapp.clock import Clock

THEN = datetime(2024, 3, 9, 23, 30, 15, tzinfo=UTC)
MESSAGE = {"content": "Hi", "created_at": THEN}


def in_zone(visitor: Visitor, zone: str) -> Visitor:
    """Let the script of a page have told the server the time zone of the browser."""
    visitor.client.set_cookie("zone", zone)
    return visitor


def times(visitor: Visitor, path: str) -> list[Element]:
    """Return the times of a page."""
    return parse(visitor.get(path).text).one("main").all("time")


APP = """
import webapp as cl

@cl.password_auth_callback
def sign_in(username, password):
    return cl.User(identifier=username)

@cl.set_chat_profiles
def profiles(user):
    return [cl.ChatProfile(name="team", markdown_description="")]

@cl.on_message
def answer(message):
    cl.Message("Hello").send()
"""


@pytest.fixture
def app(make_app: AppMaker) -> Flask:
    """Return a site in Paris on which users can share chats."""
    return make_app(APP, timezone="Europe/Paris", sharing="yes")


@pytest.mark.parametrize(
    ("zone", "short", "exact"),
    [
        ("", "10 Mar 2024, 00:30", "10 March 2024, 00:30:15 CET"),
        ("America/New_York", "9 Mar 2024, 18:30", "9 March 2024, 18:30:15 EST"),
        ("Asia/Kolkata", "10 Mar 2024, 05:00", "10 March 2024, 05:00:15 IST"),
    ],
)
def test_an_old_message_has_a_date_and_on_hover_the_exact_time(
    app: Flask, zone: str, short: str, exact: str
) -> None:
    alice = in_zone(Visitor(app).logged_in("alice"), zone)
    [time] = times(alice, store_chat(app, MESSAGE))
    assert time.text == short
    assert time["title"] == exact
    assert time["datetime"] == "2024-03-09T23:30:15Z"


def test_a_message_of_today_has_a_time_alone(app: Flask) -> None:
    alice = Visitor(app).logged_in("alice")
    chat = Chat.of(alice).say("Hello")
    for time in times(alice, chat.address):
        assert len(time.text) == len("12:34")


@pytest.mark.parametrize("zone", ["", "Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_every_page_has_the_same_zone(app: Flask, zone: str) -> None:
    alice = in_zone(Visitor(app).logged_in("alice"), zone)
    chat = Chat.of(alice).say("Hello")
    assert alice.post(f"{chat.address}/share").status_code == 303
    manage = parse(alice.get(f"{chat.address}/share").text)
    link = manage.one(data_testid="share-link")["value"].removeprefix("http://localhost")
    now = datetime.now(UTC)
    for path in (chat.address, f"{chat.address}/share", link, "/account"):
        shown = times(alice, path)
        assert shown, path
        names = {time["title"].rsplit(" ", 1)[1] for time in shown}
        expected = Clock(zone=ZoneInfo(zone or "Europe/Paris"), now=now).exact(now)
        assert names == {expected.rsplit(" ", 1)[1]}, path


def test_days_of_the_history_begin_in_the_zone_of_the_browser(app: Flask) -> None:
    yesterday = datetime.now(UTC) - timedelta(hours=26)
    store_chat(app, {"content": "Hi"}, active_at=yesterday, created_at=yesterday)
    headings = set()
    for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago"):
        alice = in_zone(Visitor(app).logged_in("alice"), zone)
        page = parse(alice.get("/chats").text)
        [group] = [
            item.parent for item in page.all(data_testid="history-item") if item.parent is not None
        ]
        day = yesterday.astimezone(ZoneInfo(zone)).date()
        days = (datetime.now(ZoneInfo(zone)).date() - day).days
        assert group["aria-label"] == ("Yesterday" if days == 1 else "Previous 7 days")
        headings.add(days)
    assert headings <= {1, 2}


@pytest.mark.parametrize(
    "zone",
    ["Mars/Base", "../../etc/passwd", "/etc/localtime", "Europe", "x" * 500, "posix/", "%00", "é"],
)
def test_a_zone_that_is_none_is_that_of_the_site(app: Flask, zone: str) -> None:
    alice = Visitor(app).logged_in("alice")
    alice.client.set_cookie("zone", zone)
    [time] = times(alice, store_chat(app, MESSAGE))
    assert time["title"].endswith("00:30:15 CET")


def test_the_first_and_the_last_time_of_all_can_be_shown(app: Flask) -> None:
    alice = in_zone(Visitor(app).logged_in("alice"), "America/New_York")
    first = datetime.min.replace(tzinfo=UTC)
    last = datetime.max.replace(tzinfo=UTC)
    for time in (first, last):
        in_east = in_zone(alice, "Asia/Tokyo" if time == last else "America/New_York")
        path = store_chat(app, {"content": "Hi", "created_at": time})
        assert in_east.get(path).status_code == 200


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_what_a_search_finds_has_the_date_of_the_browser(app: Flask, zone: str) -> None:
    alice = in_zone(Visitor(app).logged_in("alice"), zone)
    Chat.of(alice).say("A needle in it")
    with app.app_context():
        index_pending()
    [time] = times(alice, "/chats?q=needle")
    local = datetime.fromisoformat(time["datetime"]).astimezone(ZoneInfo(zone))
    assert time.text == f"{local.day} {local:%b} {local.year}"
    assert time["title"] == f"{local.day} {local:%B} {local.year}, {local:%H:%M:%S %Z}"
