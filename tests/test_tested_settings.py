"""The test kit with what is beside the messages: settings, commands, and the page around."""

from __future__ import annotations

import pytest

from tests.support.chats import Talk
from webapp.testing import ChatTester, RefusedError

APP = """
import chat_profiles as cl
from chat_profiles.input_widget import MultiSelect, NumberInput, Select, Slider, Switch, Tags

@cl.set_starters
def starters():
    return [cl.Starter("Find", "Find the notes", command="search")]

@cl.on_chat_start
async def start():
    await cl.ChatSettings([
        Select(id="model", label="Model", values=["small", "large"], initial_index=0),
        Slider(id="heat", label="Heat", initial=1.0, min=0, max=2, step=0.5),
        Switch(id="stream", label="Stream", initial=True),
        Tags(id="tags", label="Tags", initial=["a"]),
        MultiSelect(id="tools", label="Tools", values=["x", "y"]),
        NumberInput(id="The number", label="Number"),
    ]).send()

@cl.on_settings_update
async def update(settings):
    if settings["heat"] == 2:
        raise ValueError("too hot")
    await cl.Message(f"Now {settings}").send()

@cl.on_settings_edit
async def edit(settings):
    await cl.Message(f"You look at {settings['model']}").send()

@cl.on_message
async def answer(message: cl.Message):
    await cl.Message(f"{message.command}: {cl.user_session.get('chat_settings')}").send()
"""
INITIAL = {
    "model": "small",
    "heat": 1.0,
    "stream": True,
    "tags": ["a"],
    "tools": [],
    "The number": None,
}


@pytest.fixture
def chat(talk: Talk) -> ChatTester:
    return talk(APP)


def test_settings_are_read_saved_and_used(chat: ChatTester) -> None:
    assert chat.settings() == INITIAL
    changed = {**INITIAL, "model": "large", "stream": False, "tags": ["b", "c"], "The number": 2.5}
    answer = chat.settings({"The number": 2.5}, model="large", stream=False, tags=["b", "c"])
    assert answer.text == f"Now {changed}"
    assert chat.settings() == changed
    assert chat.say("hi").text == f"None: {changed}"


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"model": "huge"}, "Choose one of the values that are offered"),
        ({"heat": 0.3}, "Choose a number from 0 to 2"),
        ({"color": "red"}, "This setting is not there any more"),
    ],
)
def test_values_that_no_widget_takes_are_refused(
    chat: ChatTester, values: dict[str, object], told: str
) -> None:
    with pytest.raises(RefusedError, match=told) as refused:
        chat.settings(values)
    assert refused.value.status == 422
    assert chat.settings() == INITIAL


def test_what_the_callbacks_of_settings_do_is_seen(chat: ChatTester) -> None:
    with pytest.raises(ValueError, match="too hot"):
        chat.settings(heat=2)
    assert chat.edit_settings(model="large").text == "You look at large"
    assert chat.settings()["model"] == "small"


def test_a_starter_brings_its_command(chat: ChatTester) -> None:
    assert chat.start().text == ""
    assert chat.say(chat.starters[0]).text == f"search: {INITIAL}"
    assert chat.messages[0].command == "search"
    with pytest.raises(RefusedError, match="command"):
        chat.say("hi", command="destroy")
    assert (chat.commands, chat.modes) == ([], {})


CHOICES = """
import chat_profiles as cl

@cl.on_chat_start
async def start():
    await cl.context.emitter.set_commands([
        {"id": "search", "description": "Find", "persistent": True},
        {"id": "draw", "description": "Draw", "selected": True},
    ])
    efforts = [cl.ModeOption("low", "Low"), cl.ModeOption("high", "High", default=True)]
    await cl.context.emitter.set_modes([cl.Mode("effort", "Effort", efforts)])

@cl.on_message
async def answer(message: cl.Message):
    await cl.Message(f"{message.command} {message.modes}").send()
"""


def test_commands_and_modes_are_chosen_as_in_the_composer(talk: Talk) -> None:
    chat = talk(CHOICES)
    chat.start()
    assert (chat.commands, chat.modes) == (["search", "draw"], {"effort": ["low", "high"]})
    assert chat.say("marked").text == "draw {'effort': 'high'}"
    assert chat.say("none", command="").text == "None {'effort': 'high'}"
    chosen = chat.say("chosen", command="search", modes={"effort": "low"})
    assert chosen.text == "search {'effort': 'low'}"
    # Both stay chosen.
    assert chat.say("again").text == "search {'effort': 'low'}"
    assert (chat.messages[-2].command, chat.messages[-2].modes) == ("search", {"effort": "low"})
    with pytest.raises(RefusedError, match="middle"):
        chat.say("hi", modes={"effort": "middle"})


WINDOW = """
import chat_profiles as cl

@cl.on_window_message
async def hear(message):
    await cl.send_window_message({"heard": message})
    await cl.Message(f"Somebody wrote {message['text']}").send()
"""


def test_the_page_around_a_chat_talks_with_the_app(talk: Talk) -> None:
    chat = talk(WINDOW)
    assert chat.post_window_message({"text": "hi"}).text == "Somebody wrote hi"
    assert chat.window_messages == [{"heard": {"text": "hi"}}]
    with pytest.raises(KeyError, match="text"):
        chat.post_window_message({})
