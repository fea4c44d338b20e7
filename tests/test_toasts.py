"""`context.emitter.send_toast`: short notices over the chat."""

from __future__ import annotations

import re

import pytest

from tests.support.apps import AppMaker
from tests.support.chats import Chat, Talk
from webapp.authoring.errors import MisuseError
from webapp.authoring.inputs import toasts

APP = """
import chat_profiles as cl

@cl.on_message
async def answer(message):
    text, _, kind = message.content.partition("|")
    if kind:
        await cl.context.emitter.send_toast(text, type=kind)
    else:
        cl.context.emitter.send_toast(text)
    await cl.Message("done").send()
"""


def shown(chat: Chat) -> list[tuple[str, str]]:
    found = chat.page().all(data_testid="toast")
    return [(each.all("p")[0].text.strip(), each["data-type"]) for each in found]


def test_a_toast_is_shown_over_the_chat_and_is_text(make_app: AppMaker) -> None:
    chat = Chat(make_app(APP)).say("Saved <b>it</b>").say("Full|warning")
    assert shown(chat) == [("Saved <b>it</b>", "info"), ("Full", "warning")]
    assert chat.messages() == ["done", "done"]


def test_only_the_newest_are_kept(make_app: AppMaker) -> None:
    chat = Chat(make_app(APP))
    for text in "abcd":
        chat.say(text)
    assert [text for text, _ in shown(chat)] == ["b", "c", "d"]


def test_a_page_that_is_loaded_later_shows_none(
    make_app: AppMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat = Chat(make_app(APP)).say("Saved")
    monkeypatch.setattr(toasts, "FRESH_SECONDS", 0)
    assert shown(chat) == []


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (" |info", "the message is empty"),
        ("x" * 501, "501 characters and may have 500. Shorten it"),
        ("a|shout", "type must be one of 'info', 'success', 'warning', 'error', not 'shout'"),
    ],
)
def test_what_cannot_be_shown_says_what_to_change(talk: Talk, said: str, told: str) -> None:
    with talk(APP) as chat, pytest.raises(MisuseError, match=re.escape(told)):
        chat.say(said)


def test_a_tester_reads_them(talk: Talk) -> None:
    with talk(APP) as chat:
        chat.say("Saved")
        assert chat.toasts == ["Saved"]
