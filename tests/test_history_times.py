"""The history shows chats of any time that the database can hold."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.apps import AppMaker
from tests.support.exports import bring_in, chat_of, export_of, store_chat
from tests.support.html import parse
from tests.support.people import Visitor
from webapp.history.listing import PAGE_SIZE, Cursor

FIRST = datetime.min.replace(tzinfo=UTC)
LAST = datetime.max.replace(tzinfo=UTC)
ANY_TIME = st.datetimes().map(lambda time: time.replace(tzinfo=UTC))


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Pacific/Kiritimati", "UTC"])
@pytest.mark.parametrize(
    "begin", [FIRST, LAST - timedelta(hours=1), datetime(1969, 12, 31, tzinfo=UTC)]
)
def test_every_chat_can_be_reached_whatever_its_time(
    make_app: AppMaker, either_url: str, zone: str, begin: datetime
) -> None:
    app = make_app("roles.py", database_url=either_url, timezone=zone)
    times = [begin + timedelta(seconds=number) for number in range(2 * PAGE_SIZE + 1)]
    stored = {store_chat(app, {"content": "Hi"}, active_at=time, created_at=time) for time in times}
    alice = Visitor(app).logged_in("alice")
    assert alice.get("/").status_code == 200
    found: set[str] = set()
    page = "/chats"
    for _ in range(3):
        answer = alice.get(page)
        assert answer.status_code == 200
        html = parse(answer.text)
        found |= {f"/chats/{item['data-chat-id']}" for item in html.all(data_testid="history-item")}
        more = [link["href"] for link in html.all("a") if "before=" in (link.get("href") or "")]
        page = more[0] if more else page
    assert found == stored


@given(ANY_TIME)
def test_a_cursor_comes_back_as_it_was(time: datetime) -> None:
    cursor = Cursor(time, uuid.UUID(int=7))
    assert Cursor.parse(str(cursor)) == cursor


@pytest.mark.parametrize("text", ["9" * 18, "-" + "9" * 18, "-", "--1", "9" * 19, "1e3", "٣"])
def test_a_time_that_does_not_exist_is_no_cursor(text: str) -> None:
    assert Cursor.parse(f"{text}-{uuid.UUID(int=7).hex}") is None


def test_the_oldest_time_that_is_imported_is_shown(make_app: AppMaker) -> None:
    alice = Visitor(make_app("roles.py", timezone="Pacific/Pago_Pago")).logged_in("alice")
    chat = chat_of("Hi", created_at="1970-01-01T00:00:00Z", active_at="1970-01-01T00:00:00Z")
    assert bring_in(alice, export_of(chat)).status_code == 303
    assert "December 1969" in alice.get("/").text
