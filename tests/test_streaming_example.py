"""The example that answers word by word."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.apps import AppMaker
from tests.support.chats import Chat

EXAMPLE = Path(__file__).parent.parent / "examples" / "streaming_echo.py"


@pytest.mark.parametrize(
    ("profile", "said"), [("Calm", "Well begun"), ("Hasty", "well begun"), ("Loud", "WELL BEGUN")]
)
def test_each_profile_repeats_in_its_manner(make_app: AppMaker, profile: str, said: str) -> None:
    greeting, answer = Chat(make_app(EXAMPLE), profile).say("Well begun").messages()
    assert ("repeat" in greeting.lower(), answer) == (True, said)


def test_line_ends_and_lists_come_back_as_they_were_written(make_app: AppMaker) -> None:
    chat = Chat(make_app(EXAMPLE), "Hasty").say("one\n\n- two\n- three")
    answer = chat.page().all(data_testid="message", data_kind="assistant")[-1]
    assert [item.text.strip() for item in answer.all("li")] == ["two", "three"]


def test_stop_keeps_what_was_said_so_far(make_app: AppMaker) -> None:
    chat = Chat(make_app(EXAMPLE), "Calm")
    chat.begin("word " * 400)  # a minute
    chat.until(lambda: len(chat.messages()) == 2 and "word" in chat.messages()[-1])
    chat.stop()
    answer = chat.until_answered().messages()[-1]
    assert 1 <= answer.count("word") < 400
    assert chat.page().all(data_testid="message")[-1]["data-status"] == "stopped"
