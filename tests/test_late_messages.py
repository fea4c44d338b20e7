"""Messages of tasks that outlive their callback: stored with the chat, and shown."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable
from contextvars import copy_context
from typing import Any

import pytest
from flask import Flask

from tests.support.apps import AppMaker
from tests.support.chats import Chat
from tests.support.conversation import wait_until
from tests.support.log import LogReader
from tests.support.people import HTMX, Visitor
from webapp.authoring.chat_message import ChatMessage
from webapp.authoring.context import ChatContext, Running, enter
from webapp.authoring.messages.message import Message
from webapp.engine.errors import StoreUnavailableError
from webapp.engine.late.late_messages import LateMessages, LateOutcome
from webapp.turns.start_rows import store_started_chat

LATE = """
    import asyncio, contextvars, threading
    import webapp as cl

    GO, TASKS, ERRORS = threading.Event(), [], []

    async def wait():
        while not GO.is_set():
            await asyncio.sleep(0.005)

    async def work(message):
        await wait()
        try:
            {work}
        except Exception as error:
            ERRORS.append(str(error))

    @cl.on_chat_start
    async def start():
        await cl.Message("Welcome").send()

    @cl.on_message
    async def answer(message):
        sent = await cl.Message("At once").send()
        if message.content == "late":
            TASKS.append(asyncio.create_task(work(sent)))
"""
SENDS = 'await cl.Message("Later").send()'


def names(app: Flask) -> dict[str, Any]:
    """Return the names of the app file."""
    found: dict[str, Any] = app.extensions["chat_app"].callbacks["on_message"].function.__globals__
    return found


def until(came: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 20
    while not came():
        assert time.monotonic() < give_up
        time.sleep(0.01)


def late_chat(make_app: AppMaker, work: str = SENDS) -> Chat:
    """Return a chat whose task waits to say something."""
    return Chat(make_app(LATE.replace("{work}", work))).say("late")


def go(chat: Chat) -> None:
    """Let the tasks go on, and wait until they are done and stored."""
    found = names(chat.visitor.app)
    found["GO"].set()
    until(lambda: all(task.done() for task in found["TASKS"]))
    late = chat.visitor.app.extensions["conversation"].late
    until(lambda: not late._talks)


def test_a_late_message_is_shown_and_stored(make_app: AppMaker) -> None:
    chat = late_chat(make_app)
    assert chat.messages() == ["Welcome", "At once"]
    go(chat)
    assert chat.messages() == ["Welcome", "At once", "Later"]
    assert names(chat.visitor.app)["ERRORS"] == []


def test_the_chat_is_free_meanwhile(make_app: AppMaker) -> None:
    chat = late_chat(make_app)
    chat.say("more")
    go(chat)
    assert chat.messages() == ["Welcome", "At once", "At once", "Later"]


@pytest.mark.parametrize(
    ("work", "said"),
    [
        ("message.content = 'Changed'; await message.update()", ["Changed"]),
        ("await message.remove()", []),
        (
            "m = cl.Message(); await m.stream_token('a'); await m.stream_token('b')",
            ["At once", "ab"],
        ),
        (
            "m = await cl.Message('1').send(); await asyncio.sleep(0.1)\n"
            "            m.content = '2'; await m.update()",
            ["At once", "2"],
        ),
        ("m = await cl.Message('x').send(); await m.remove()", ["At once"]),
        ("await cl.Message(str(len(cl.chat_history()))).send()", ["At once", "3"]),
        ("await cl.make_async(lambda: cl.Message('thread').send())()", ["At once", "thread"]),
        ("await asyncio.gather(*(cl.Message(n).send() for n in 'ab'))", ["At once", "a", "b"]),
        (
            "await cl.Message('x', elements=[cl.Text(name='t', content='y')]).send()",
            ["At once", "x"],
        ),
    ],
)
def test_what_late_messages_can_do(make_app: AppMaker, work: str, said: list[str]) -> None:
    chat = late_chat(make_app, work)
    go(chat)
    assert names(chat.visitor.app)["ERRORS"] == []
    assert chat.messages() == ["Welcome", *said]


def test_a_late_message_waits_for_the_turn_that_runs(make_app: AppMaker) -> None:
    chat = Chat(
        make_app("""
        import asyncio, threading
        import webapp as cl
        SAID, GO = threading.Event(), threading.Event()
        async def later():
            while not SAID.is_set():
                await asyncio.sleep(0.005)
            await cl.Message("Later").send()
            GO.set()
        @cl.on_message
        async def answer(message):
            if message.content == "late":
                asyncio.create_task(later())
                return
            await cl.Message("One").send()
            SAID.set()
            while not GO.is_set():
                await asyncio.sleep(0.005)
            await asyncio.sleep(0.1)
            await cl.Message("Two").send()
    """)
    )
    chat.say("late").say("next")
    until(lambda: len(chat.messages()) == 3)
    assert chat.messages() == ["One", "Two", "Later"]


def test_an_open_page_is_told_to_ask_and_gets_it(make_app: AppMaker) -> None:
    chat = late_chat(make_app)
    turn = chat.page().one(id="turn")
    assert "every 2s" in turn["hx-trigger"]
    assert chat.visitor.get(turn["hx-get"], headers=HTMX).status_code == 204
    go(chat)
    news = chat.visitor.get(turn["hx-get"], headers=HTMX)
    assert "Later" in news.text
    assert "every 2s" not in chat.page().one(id="turn")["hx-trigger"]


def test_a_page_of_another_process_goes_on_asking(make_app: AppMaker) -> None:
    chat = late_chat(make_app)
    asks = chat.page().one(id="turn")["hx-get"]
    other = chat.visitor.twin()
    other.client.application = make_app(LATE.replace("{work}", SENDS))
    assert other.get(asks, headers=HTMX).status_code == 204
    go(chat)
    news = other.get(asks, headers=HTMX).text
    assert "Later" in news
    assert "every 2s" in news
    # Not for ever, whatever it says.
    over = re.sub(r"until=\d+", "until=1", asks)
    assert "every 2s" not in other.get(over, headers=HTMX).text
    forged = re.sub(r"until=\d+", "until=99999999999", asks)
    assert "99999999999" not in other.get(forged, headers=HTMX).text


def test_a_chat_without_tasks_asks_as_before(make_app: AppMaker) -> None:
    chat = Chat(make_app(LATE.replace("{work}", SENDS))).say("Hello")
    assert chat.page().one(id="turn")["hx-trigger"] == "focus from:window"


def test_a_start_may_leave_a_task_behind(make_app: AppMaker) -> None:
    app = make_app("""
        import asyncio, threading
        import webapp as cl
        GO, TASKS = threading.Event(), []
        async def later():
            while not GO.is_set():
                await asyncio.sleep(0.005)
            await cl.Message("Later").send()
        @cl.on_chat_start
        async def start():
            TASKS.append(asyncio.create_task(later()))
            await cl.Message("Welcome").send()
        @cl.on_message
        def answer(): ...
    """)
    chat = Chat(app)
    assert "every 2s" in chat.page().one(id="turn")["hx-trigger"]
    go(chat)
    assert chat.messages() == ["Welcome", "Later"]


def test_after_stop_nothing_comes_late(make_app: AppMaker) -> None:
    chat = Chat(
        make_app("""
        import asyncio, threading
        import webapp as cl
        GO, ERRORS = threading.Event(), []
        async def later():
            while not GO.is_set():
                await asyncio.sleep(0.005)
            try:
                await cl.Message("Later").send()
            except Exception as error:
                ERRORS.append(type(error).__name__)
        @cl.on_message
        async def answer(message):
            asyncio.create_task(later())
            await cl.Message("Now").send()
            await asyncio.sleep(600)
    """)
    )
    chat.begin("Hello")
    until(lambda: "Now" in chat.page().text)
    chat.stop()
    names(chat.visitor.app)["GO"].set()
    until(lambda: bool(names(chat.visitor.app)["ERRORS"]))
    assert names(chat.visitor.app)["ERRORS"] == ["StoppedError"]
    assert "Later" not in chat.page().text


def test_time_is_limited(make_app: AppMaker) -> None:
    app = make_app(LATE.replace("{work}", SENDS), turn_seconds="2")
    chat = Chat(app).say("late")
    time.sleep(2.1)
    go(chat)
    [error] = names(app)["ERRORS"]
    assert "came after the callback had ended" in error
    assert chat.messages()[-1] == "At once"


def test_number_is_limited(make_app: AppMaker) -> None:
    chat = late_chat(make_app, "[await cl.Message('x').send() for _ in range(101)]")
    go(chat)
    [error] = names(chat.visitor.app)["ERRORS"]
    assert error.startswith("One callback may send 100 messages")


def test_a_deleted_chat_gets_nothing(make_app: AppMaker, log: LogReader) -> None:
    chat = late_chat(make_app)
    chat.visitor.post(f"{chat.address}/delete")
    go(chat)
    assert log.one("late_messages.not_stored")["messages"] == 1


def test_values_are_refused_as_before(make_app: AppMaker) -> None:
    chat = late_chat(make_app, "cl.user_session.set('a', 1)")
    go(chat)
    assert "user_session.set() came after" in names(chat.visitor.app)["ERRORS"][0]


def test_another_user_gets_no_late_message(make_app: AppMaker) -> None:
    chat = late_chat(make_app)
    asks = chat.page().one(id="turn")["hx-get"]
    assert Visitor(chat.visitor.app).get(asks, headers=HTMX).status_code == 404


def test_what_is_under_way_is_stored_when_the_process_ends(make_app: AppMaker) -> None:
    work = "m = cl.Message(); await m.stream_token('half'); await asyncio.sleep(600)"
    chat = late_chat(make_app, work)
    names(chat.visitor.app)["GO"].set()
    late = chat.visitor.app.extensions["conversation"].late
    until(lambda: bool(late._talks) and next(iter(late._talks.values())).has_more)
    late.flush()
    assert chat.messages()[-1] == "half"
    [task] = names(chat.visitor.app)["TASKS"]
    task.get_loop().call_soon_threadsafe(task.cancel)


def test_a_task_may_speak_before_its_start_is_stored(
    make_app: AppMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app("""
        import asyncio
        import webapp as cl
        TASKS, SENT = [], []
        async def later():
            await asyncio.sleep(0)
            await cl.Message("Later").send()
            SENT.append(1)
        @cl.on_chat_start
        async def start():
            TASKS.append(asyncio.create_task(later()))
        @cl.on_message
        def answer(): ...
    """)

    def store_late(*args: Any) -> Any:
        until(lambda: bool(names(app)["SENT"]))
        time.sleep(0.3)  # so that the message is tried before
        return store_started_chat(*args)

    monkeypatch.setattr("webapp.turns.starting.store_started_chat", store_late)
    chat = Chat(app)
    until(lambda: chat.messages() == ["Later"])


def test_a_database_that_is_away_is_told_once(log: LogReader) -> None:
    class AwayStore:
        tries = 0

        def save_late(
            self, chat_id: uuid.UUID, turn_id: uuid.UUID, messages: list[ChatMessage]
        ) -> LateOutcome:
            del chat_id, turn_id, messages
            self.tries += 1
            raise StoreUnavailableError("away")

    store = AwayStore()
    late = LateMessages(store, 60.0)
    chat = ChatContext(chat_id=str(uuid.uuid4()), user=None, chat_profile=None)
    running = Running(chat=late.talk(chat, uuid.uuid4(), [], time.monotonic() + 60))

    def speak() -> None:
        enter(running)
        Message("late").send()

    copy_context().run(speak)
    wait_until(lambda: store.tries >= 3)
    late.forget()
    log.one("turns.not_stored")


def test_answer_again_stands_under_a_late_message(make_app: AppMaker) -> None:
    chat = late_chat(make_app)
    go(chat)
    assert again(chat) == 303
    assert chat.messages()[:2] == ["Welcome", "At once"]


def test_answer_again_stands_under_the_late_message_of_an_earlier_turn(make_app: AppMaker) -> None:
    chat = late_chat(make_app)
    chat.say("more")
    go(chat)
    assert again(chat) == 303
    # What came late stood below, so it is replaced as well.
    assert chat.messages() == ["Welcome", "At once", "At once"]


ENDS = """
    import chat_profiles as cl

    cl.set_cot("full")

    @cl.on_message
    async def answer(message):
        await cl.Message("Said").send()
        {last}
"""


@pytest.mark.parametrize(
    "last",
    [
        "async with cl.Step(name='Tidy'): pass",
        "await cl.Message('Go on', type='user_message').send()",
        "await cl.TaskList().send()",
    ],
)
@pytest.mark.parametrize("streaming", ["sse", "poll"])
def test_answer_again_stands_under_any_answer(
    make_app: AppMaker, last: str, streaming: str
) -> None:
    chat = Chat(make_app(ENDS.format(last=last), streaming=streaming)).say("Hi")
    assert len(chat.page().all(data_testid="regenerate")) == 1
    form = {"content": "again", "key": str(uuid.uuid4())}
    now = chat.visitor.post(f"{chat.address}/messages", form, htmx=True)
    assert now.text.count('data-testid="regenerate"') == 1
    assert again(chat.until_answered()) == 303
    assert chat.messages().count("Said") == 2


def again(chat: Chat) -> int:
    """Press Answer again, and wait for the answer."""
    form = chat.page().one(id="regenerate")
    sent = {field["name"]: field["value"] for field in form.all("input")}
    status = chat.visitor.post(f"{chat.address}/regenerate", sent).status_code
    chat.until_answered()
    return status
