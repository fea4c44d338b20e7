"""What a user can set beside the composer: kept with the chat, and shown when it changes."""

from __future__ import annotations

import threading
import uuid

import pytest
from flask import Flask

from tests.support.apps import AppMaker
from tests.support.chats import Chat
from tests.support.html import parse
from tests.support.people import HTMX
from tests.support.rows import column, statements
from webapp.authoring.errors import MisuseError
from webapp.authoring.inputs.inputs import CHARACTERS_LIMIT, Inputs
from webapp.pages import live

APP = """
    import asyncio
    import threading

    import webapp as cl
    from webapp.authoring.context import running_chat

    GO_ON = threading.Event()

    @cl.on_chat_start
    async def start():
        if "__at_start__":
            running_chat("inputs").inputs.set("commands", [{"id": "__at_start__"}])

    @cl.on_message
    async def answer(message):
        inputs = running_chat("inputs").inputs
        if message.content == "read":
            await cl.Message(str(inputs.get("commands"))).send()
        elif message.content == "fail":
            inputs.set("commands", [{"id": "failed"}])
            raise ValueError("no")
        elif message.content == "wait":
            inputs.set("commands", [{"id": "waiting"}])
            await asyncio.to_thread(GO_ON.wait, 10)
        elif message.content.startswith("set "):
            name = message.content.removeprefix("set ")
            inputs.set("commands", [{"id": name}] if name != "none" else None)
"""


def make(make_app: AppMaker, at_start: str = "") -> Flask:
    return make_app(APP.replace("__at_start__", at_start), turn_idle_seconds=20)


@pytest.fixture
def app(make_app: AppMaker) -> Flask:
    return make(make_app)


def test_inputs_of_the_start_are_stored_with_the_chat(make_app: AppMaker) -> None:
    chat = Chat(make(make_app, "greet"))
    assert column(chat.visitor.app, "chats.inputs") == [{"commands": [{"id": "greet"}]}]
    assert chat.say("read").messages() == ["[{'id': 'greet'}]"]


def test_chat_without_inputs_stores_and_shows_none(app: Flask) -> None:
    chat = Chat(app)
    with statements(app, "inputs=") as run:
        chat.say("read")
    assert run == []
    assert column(app, "chats.inputs") == [None]
    assert 'id="inputs"' not in chat.visitor.get(chat.address).text


def test_turn_changes_the_inputs(app: Flask) -> None:
    chat = Chat(app)
    chat.say("set search")
    assert chat.say("read").messages()[-1] == "[{'id': 'search'}]"
    assert chat.page().one(id="chat").one(id="inputs")


def test_same_inputs_are_not_stored_again(app: Flask) -> None:
    chat = Chat(app)
    chat.say("set search")
    with statements(app, "inputs=") as run:
        chat.say("set search")
    assert run == []


def test_inputs_can_be_removed(app: Flask) -> None:
    chat = Chat(app)
    chat.say("set search").say("set none")
    assert column(app, "chats.inputs") == [None]
    assert 'id="inputs"' not in chat.visitor.get(chat.address).text


def test_inputs_of_a_failed_turn_stay(app: Flask) -> None:
    chat = Chat(app)
    chat.say("fail")
    assert chat.say("read").messages()[-1] == "[{'id': 'failed'}]"


def test_inputs_of_a_waiting_turn_are_stored_before_its_end(app: Flask) -> None:
    chat = Chat(app)
    chat.begin("wait")
    stored = [{"commands": [{"id": "waiting"}]}]
    chat.until(lambda: column(app, "chats.inputs") == stored)
    assert chat.is_answering()
    chat.stop()


def test_answer_brings_new_inputs_to_the_page(app: Flask) -> None:
    chat = Chat(app)
    said = {"content": "set search", "key": str(uuid.uuid4())}
    html = chat.visitor.post(f"{chat.address}/messages", said, htmx=True).text
    partials = [part for part in parse(html).all("hx-partial") if part.all(id="inputs")]
    assert [part.attributes["hx-swap"] for part in partials] == ["outerMorph", "beforebegin"]
    said = {"content": "set search", "key": str(uuid.uuid4())}
    assert "inputs" not in chat.visitor.post(f"{chat.address}/messages", said, htmx=True).text


@pytest.mark.parametrize(("seconds", "while_it_runs"), [(60.0, True), (0.0, False)])
def test_polling_pages_get_inputs_when_they_are_new_and_at_the_end(
    app: Flask, monkeypatch: pytest.MonkeyPatch, seconds: float, while_it_runs: bool
) -> None:
    monkeypatch.setattr(live, "INPUTS_NEWS_SECONDS", seconds)
    chat = Chat(app)
    chat.begin("wait")
    chat.until(lambda: column(app, "chats.inputs") != [None])
    (turn,) = column(app, "turns.id")
    address = f"{chat.address}/turns/{turn}"
    for _ in range(2):
        polled = chat.visitor.client.get(address, headers=HTMX).text
        assert ('id="inputs"' in polled) is while_it_runs
    chat.stop()
    chat.until_answered()
    assert 'id="inputs"' in chat.visitor.client.get(address, headers=HTMX).text


def test_stream_brings_new_inputs_to_the_page(make_app: AppMaker) -> None:
    app = make_app(APP.replace("__at_start__", ""), streaming="sse")
    chat = Chat(app)
    said = {"content": "wait", "key": str(uuid.uuid4())}
    with chat.visitor.post(f"{chat.address}/messages", said, htmx=True, buffered=False) as sent:
        first = next(sent.iter_encoded()).decode()
        chat.stop()
    assert first.count('id="inputs"') == 2


def test_turn_of_another_process_shows_its_inputs(app: Flask, make_app: AppMaker) -> None:
    chat = Chat(app)
    chat.begin("wait")
    chat.until(lambda: column(app, "chats.inputs") != [None])
    (turn,) = column(app, "turns.id")
    other = Chat.at(chat.visitor, chat.address)
    other.visitor.client.application = make(make_app)
    followed = other.visitor.client.get(f"{chat.address}/turns/{turn}", headers=HTMX).text
    assert 'id="inputs"' in followed
    other.visitor.client.application = app
    chat.stop()


def test_idle_page_learns_of_inputs_set_elsewhere(app: Flask) -> None:
    chat = Chat(app)
    chat.say("read")
    before = column(app, "turns.id")[0]
    chat.say("set search")
    news = chat.visitor.get(f"{chat.address}/news?after={before}&under=&first=1", headers=HTMX)
    assert 'id="inputs"' in news.text


def test_reading_gives_a_copy() -> None:
    inputs = Inputs({"commands": [1]})
    inputs.get("commands").append(2)
    given = [3]
    inputs.set("modes", given)
    given.append(4)
    assert (inputs.get("commands"), inputs.get("modes")) == ([1], [3])
    assert inputs.version == 1


def test_snapshot_does_not_change() -> None:
    inputs = Inputs({"commands": [1]})
    before = inputs.now()
    inputs.set("commands", [2])
    assert before == {"commands": [1]}


def test_change_is_told() -> None:
    told = threading.Event()

    class Told(threading.Condition):
        def notify_all(self) -> None:
            told.set()

    inputs = Inputs()
    inputs.join(Told())
    inputs.set("commands", [1])
    assert told.is_set()


def test_closed_inputs_refuse_changes() -> None:
    inputs = Inputs()
    inputs.close()
    with pytest.raises(MisuseError, match="after the callback had ended"):
        inputs.set("commands", [1])


def test_too_many_inputs_are_refused_and_the_old_ones_stay() -> None:
    inputs = Inputs({"commands": [1]})
    with pytest.raises(MisuseError, match="Offer fewer or shorter ones"):
        inputs.set("modes", ["x" * CHARACTERS_LIMIT])
    assert inputs.now() == {"commands": [1]}
