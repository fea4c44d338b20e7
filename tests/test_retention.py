"""`keep_days`: each chat has the date on which it may go."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

import webapp
from tests.cli_support import CommandLine
from tests.support.apps import AppMaker
from tests.support.chats import Chat
from tests.support.rows import column, run_sql
from webapp.authoring.errors import MisuseError

# Says how long chats are kept from the next request on.
KEEPS = """
    import webapp as cl

    DAYS = [7]

    @cl.set_chat_profiles
    def profiles():
        return [cl.ChatProfile("Brief", "Kept for some days.", keep_days=DAYS[0])]

    @cl.on_message
    async def answer(message):
        DAYS[0] = {"three": 3, "for good": None}.get(message.content, DAYS[0])
        await cl.Message("Yes").send()
"""
REFUSED: list[Any] = [0, -1, 36_501, True, False, 1.5, "7", float("nan"), timedelta(days=1), [1]]


@pytest.fixture
def keeps(either_url: str, tmp_path: Path) -> Iterator[Flask]:
    """Return the app, on each database."""
    with AppMaker.in_folder(tmp_path, either_url) as maker:
        yield maker(KEEPS)


def dates(app: Flask) -> tuple[datetime, datetime | None]:
    """Return when something was last said in the only chat, and when it may go."""
    [active], [expires] = column(app, "chats.active_at"), column(app, "chats.expires_at")
    return active, expires


def test_a_chat_has_its_date_from_its_start_on(keeps: Flask) -> None:
    Chat(keeps, "Brief")
    active, expires = dates(keeps)
    assert expires == active + timedelta(days=7)


def test_the_date_goes_with_what_was_said_last(keeps: Flask) -> None:
    chat = Chat(keeps, "Brief")
    before, _ = dates(keeps)
    chat.say("Hello")
    active, expires = dates(keeps)
    assert active > before
    assert expires == active + timedelta(days=7)


def test_a_start_that_goes_on_under_another_profile_takes_its_days(make_app: AppMaker) -> None:
    app = make_app(
        """
        import webapp as cl

        @cl.set_chat_profiles
        def profiles():
            return [cl.ChatProfile(name, "", keep_days=days) for name, days in (("A", 1), ("B", 5))]

        @cl.on_chat_start
        def start():
            cl.switch_profile("B")
        """
    )
    Chat(app, "A")
    active, expires = dates(app)
    assert expires == active + timedelta(days=5)


def test_a_turn_takes_the_days_that_are_offered_when_it_begins(keeps: Flask) -> None:
    chat = Chat(keeps, "Brief").say("three")
    active, expires = dates(keeps)
    assert expires == active + timedelta(days=7)
    chat.say("Hello")
    active, expires = dates(keeps)
    assert expires == active + timedelta(days=3)


def test_a_profile_that_keeps_for_good_takes_the_date_away(keeps: Flask) -> None:
    Chat(keeps, "Brief").say("for good").say("Hello")
    assert dates(keeps)[1] is None


def test_chats_without_days_are_kept(simple_app: Flask) -> None:
    Chat(simple_app, "GPT-4")
    assert column(simple_app, "chats.expires_at") == [None]


def test_a_chat_whose_date_is_past_is_there_until_it_is_removed(
    keeps: Flask, either_url: str
) -> None:
    chat = Chat(keeps, "Brief").say("Hello")
    run_sql(keeps, "UPDATE chats SET expires_at = '2020-01-01 00:00:00.000000'")
    assert chat.messages("user") == ["Hello"]
    assert "expired chats" in CommandLine(Path(), either_url).ok("purge")
    assert chat.visitor.get(chat.address).status_code == 404


def test_a_chat_that_goes_on_in_time_stays(keeps: Flask, either_url: str) -> None:
    chat = Chat(keeps, "Brief")
    run_sql(keeps, "UPDATE chats SET expires_at = '2020-01-01 00:00:00.000000'")
    chat.say("Hello")
    assert "nothing to remove" in CommandLine(Path(), either_url).ok("purge")
    assert chat.messages("user") == ["Hello"]


@pytest.mark.parametrize("days", REFUSED, ids=repr)
def test_days_that_are_no_whole_number_in_range_are_refused(days: Any) -> None:
    with pytest.raises(MisuseError, match=r"'Brief': keep_days must be .* 1 to 36,500"):
        webapp.ChatProfile("Brief", "Text", keep_days=days)


@pytest.mark.parametrize("days", [None, 1, 36_500])
def test_days_in_range_are_taken(days: int | None) -> None:
    assert webapp.ChatProfile("Brief", "Text", keep_days=days).keep_days == days
