"""The example that hands a chat over."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask

from tests.support.apps import AppMaker
from tests.support.chats import Chat
from tests.support.over_time import log_of

EXAMPLE = Path(__file__).parent.parent / "examples" / "switching.py"


@pytest.fixture
def app(make_app: AppMaker) -> Flask:
    """Return the example."""
    return make_app(EXAMPLE)


def test_the_front_desk_hands_over_to_who_knows(app: Flask) -> None:
    chat = Chat(app).say("Why is the sky blue?")
    assert log_of(chat.page())[2:] == [
        "Front desk: That is one for Thorough.",
        "-- Now with Thorough",
        "Thorough: This is Thorough, with question 1 of this chat.",
    ]


def test_people_choose_in_the_same_chat_and_it_goes_on_counting(app: Flask) -> None:
    chat = Chat(app).say("Hello")
    chat.visitor.post(f"{chat.address}/profile", {"profile": "Quick"})
    assert log_of(chat.say("And now?").page())[3:] == [
        "-- Now with Quick",
        "You: And now?",
        "Quick: This is Quick, with question 2 of this chat.",
    ]
