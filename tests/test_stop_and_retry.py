"""Stopping an answer, trying one again, and the end of a process."""

from __future__ import annotations

import threading
import uuid
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask

from tests.support.apps import AppMaker
from tests.support.chats import Chat, silence_turns
from tests.support.html import Element
from tests.support.log import LogReader
from tests.support.rows import column, run_sql
from webapp.engine import turn as turns
from webapp.engine.call import RunningCall, begin
from webapp.testing.background import wait_for_background
from webapp.web import housekeeping

TALKS = """
    import asyncio
    import webapp as cl

    SEEN = []

    @cl.on_message
    async def answer(message):
        reply = cl.Message()
        try:
            await reply.stream_token("some words")
            if message.content == "long":
                await asyncio.sleep(30)
            if message.content == "bad":
                raise ValueError
        except asyncio.CancelledError:
            SEEN.append("cancelled")
            cl.user_session.set("cleaned", True)
            raise
        await reply.send()
"""
WITH_ON_STOP = (
    TALKS
    + """
    @cl.on_stop
    async def stopped():
        SEEN.append(cl.user_session.get("cleaned"))
        await cl.Message("You stopped me.").send()
"""
)
BLOCKS = """
    import threading
    import webapp as cl

    SEEN, go_on = [], threading.Event()

    @cl.on_message
    def answer(message):
        reply = cl.Message().stream_token("some words")
        go_on.wait(20)
        try:
            reply.stream_token("never")
        except Exception as error:
            SEEN.append(str(error))
            raise
"""


def names(app: Flask) -> dict[str, Any]:
    """Return the names of the app file."""
    callback = app.extensions["chat_app"].callbacks["on_message"].function
    found: dict[str, Any] = callback.__globals__
    return found


def stopped_chat(app: Flask) -> Chat:
    """Return a chat whose answer was stopped after its first words."""
    chat = Chat(app)
    chat.begin("long")
    chat.until(lambda: "some words" in chat.page().text)
    chat.stop()
    return chat.until_answered()


def last_answer(chat: Chat) -> Element:
    """Return the last message of the app."""
    return chat.page().all(data_testid="message", data_kind="assistant")[-1]


def test_stop_keeps_what_was_written(make_app: AppMaker) -> None:
    chat = stopped_chat(make_app(TALKS))
    answer = last_answer(chat)
    assert (answer["data-status"], "some words" in answer.text) == ("stopped", True)
    assert "Stopped" in answer.text
    assert column(chat.visitor.app, "turns.status") == ["stopped"]


def test_stop_shows_at_the_last_message_if_none_is_being_written(make_app: AppMaker) -> None:
    chat = Chat(
        make_app(
            """
            import webapp as cl

            @cl.on_message
            async def answer(message):
                await cl.Message("one").send()
                await cl.Message("two").send()
                await cl.sleep(30)
                await cl.Message("three").send()
            """
        )
    )
    chat.begin("count")
    chat.until(lambda: "two" in chat.page().text)
    chat.stop()
    chat.until_answered()
    said = chat.page().all(data_testid="message", data_kind="assistant")
    assert [message["data-status"] for message in said] == ["complete", "stopped"]
    assert "Stopped" in said[1].text


def test_a_stopped_coroutine_cleans_up_before_on_stop_runs(make_app: AppMaker) -> None:
    chat = stopped_chat(make_app(WITH_ON_STOP))
    assert names(chat.visitor.app)["SEEN"] == ["cancelled", True]
    assert chat.messages() == ["some words", "You stopped me."]
    assert column(chat.visitor.app, "chats.values") == [{"cleaned": True}]


ON_STOP = """
    import asyncio
    import webapp as cl

    ANSWERS, HISTORY = {{}}, []

    @cl.on_message
    async def answer(message):
        if message.content == "history":
            HISTORY.append(cl.chat_history())
            return
        mine = ANSWERS[cl.user_session.get("id")] = cl.Message()
        await mine.stream_token("some words")
        await asyncio.sleep(30)

    @cl.on_stop
    async def stopped():
        mine = ANSWERS[cl.user_session.get("id")]
        {does}
        HISTORY.append(cl.chat_history())
"""


@pytest.mark.parametrize(
    ("does", "left"),
    [
        ("mine.content = 'Stopped.'; await mine.update()", ["Stopped."]),
        ("await mine.stream_token(' [stopped]')", ["some words [stopped]"]),
        ("await mine.remove()", []),
        ("await asyncio.sleep(1.2); await mine.remove()", []),
        ("await mine.remove(); await cl.Message('Stopped.').send()", ["Stopped."]),
    ],
)
def test_on_stop_can_change_what_was_stopped(
    make_app: AppMaker, does: str, left: list[str]
) -> None:
    app = make_app(ON_STOP.format(does=does))
    chat = stopped_chat(app)
    assert chat.messages() == left
    chat.say("history")
    expected = [{"role": "user", "content": "long"}]
    expected += [{"role": "assistant", "content": text} for text in left]
    assert names(app)["HISTORY"][0] == expected
    assert names(app)["HISTORY"][1] == [*expected, {"role": "user", "content": "history"}]


def test_on_stop_knows_how_far_the_answer_had_come(make_app: AppMaker) -> None:
    app = make_app(ON_STOP.format(does="pass"))
    stopped_chat(app)
    assert names(app)["HISTORY"] == [
        [{"role": "user", "content": "long"}, {"role": "assistant", "content": "some words"}]
    ]


def test_on_stop_that_takes_too_long_is_ended_and_told(
    make_app: AppMaker, log: LogReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "ON_STOP_SECONDS", 0.5)
    does = "names = globals(); names['ENDED'] = False"
    does += "\n        try: await asyncio.sleep(30)\n        finally: names['ENDED'] = True"
    app = make_app(ON_STOP.format(does=does))
    chat = stopped_chat(app)
    chat.until(lambda: bool(names(app).get("ENDED")))
    assert "@on_stop: took longer than 0.5 seconds" in log.one("turn.failed")["traceback"]
    assert column(app, "turns.status") == ["stopped"]
    assert chat.messages() == ["some words"]


def test_on_stop_that_ends_as_soon_as_it_is_cancelled_is_told_as_too_long(
    make_app: AppMaker, log: LogReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    def begun(*arguments: Any) -> RunningCall:
        call = begin(*arguments)

        def cancel() -> None:
            told = threading.Event()
            call.ended.add_done_callback(lambda _: told.set())
            call.cancel()
            told.wait(5)

        return replace(call, cancel=cancel)

    monkeypatch.setattr(turns, "ON_STOP_SECONDS", 0.2)
    monkeypatch.setattr(turns, "begin", begun)
    stopped_chat(make_app(ON_STOP.format(does="await asyncio.sleep(30)")))
    assert "@on_stop: took longer than 0.2 seconds" in log.one("turn.failed")["traceback"]


def test_an_error_while_a_stopped_callback_cleans_up_is_logged(
    make_app: AppMaker, log: LogReader
) -> None:
    chat = stopped_chat(
        make_app(TALKS.replace("            raise\n", "            raise OSError(7)\n"))
    )
    chat.until(lambda: bool(log.lines))
    assert "OSError: 7" in log.one("turn.failed")["traceback"]
    assert column(chat.visitor.app, "turns.status") == ["stopped"]


def test_a_stop_that_goes_as_it_should_is_not_logged(make_app: AppMaker, log: LogReader) -> None:
    stopped_chat(make_app(WITH_ON_STOP))
    app = make_app(BLOCKS)
    chat = stopped_chat(app)
    names(app)["go_on"].set()
    chat.until(lambda: bool(names(app)["SEEN"]))
    assert "turn.failed" not in log.text


def test_a_turn_that_is_stopped_before_its_first_step_does_not_linger(make_app: AppMaker) -> None:
    app = make_app(
        """
        import threading, time
        import webapp as cl

        SEEN, GO_ON = [], threading.Event()

        @cl.on_message
        async def answer(message):
            SEEN.append(message.content)
            if message.content == "block":
                GO_ON.wait(20)  # nothing else runs on the loop meanwhile
        """
    )
    blocking, waiting = Chat(app), Chat(app)
    blocking.begin("block")
    blocking.until(lambda: names(app)["SEEN"] == ["block"])
    waiting.begin("long")
    waiting.stop()
    names(app)["GO_ON"].set()
    waiting.until_answered()
    blocking.until_answered()
    keeper = app.extensions["conversation"].keeper
    [*owners] = column(app, "chats.owner")
    waiting.until(lambda: not any(keeper.lingering(owner) for owner in owners))


def test_a_plain_function_is_stopped_when_it_speaks_again(make_app: AppMaker) -> None:
    app = make_app(BLOCKS)
    chat = stopped_chat(app)
    names(app)["go_on"].set()
    chat.until(lambda: bool(names(app)["SEEN"]))
    assert "after the user had pressed Stop" in names(app)["SEEN"][0]
    assert chat.messages() == ["some words"]


def test_stop_reaches_a_coroutine_that_a_plain_function_returns(make_app: AppMaker) -> None:
    wrapped = TALKS.replace("async def answer", "async def inner").replace("@cl.on_message", "")
    app = make_app(
        wrapped
        + """
    @cl.on_message
    def answer(message):
        return inner(message)
"""
    )
    chat = stopped_chat(app)
    chat.until(lambda: names(app)["SEEN"] == ["cancelled"])


def test_stop_reaches_what_a_plain_function_waits_for(make_app: AppMaker) -> None:
    wrapped = TALKS.replace("async def answer", "async def inner").replace("@cl.on_message", "")
    app = make_app(
        wrapped
        + """
    @cl.on_message
    def answer(message):
        cl.run_sync(inner(message))
"""
    )
    chat = stopped_chat(app)
    chat.until(lambda: names(app)["SEEN"] == ["cancelled"])


def test_a_chat_goes_on_after_stop(make_app: AppMaker) -> None:
    chat = stopped_chat(make_app(TALKS))
    assert chat.say("short").messages() == ["some words", "some words"]


def test_stop_with_nothing_to_stop_changes_nothing(make_app: AppMaker) -> None:
    chat = Chat(make_app(TALKS)).say("short")
    chat.stop()
    assert column(chat.visitor.app, "turns.status") == ["complete"]


def test_stop_of_a_turn_of_another_chat_does_nothing(make_app: AppMaker) -> None:
    app = make_app(TALKS)
    mine, theirs = Chat(app), Chat(app)
    theirs.begin("long")
    theirs.until(lambda: "some words" in theirs.page().text)
    [turn_id] = column(app, "turns.id")
    assert mine.visitor.post(f"{mine.address}/stop", {"turn": str(turn_id)}).status_code == 303
    assert theirs.is_answering()
    theirs.stop()


def test_htmx_is_told_by_the_turn_itself(make_app: AppMaker) -> None:
    chat = Chat(make_app(TALKS)).say("short")
    assert chat.visitor.post(f"{chat.address}/stop", htmx=True).status_code == 204


def test_a_stopped_answer_can_be_tried_again(make_app: AppMaker) -> None:
    chat = stopped_chat(make_app(TALKS))
    answer = retry(chat)
    assert answer == 303
    chat.until(lambda: column(chat.visitor.app, "turns.retried") == [False, True])
    chat.stop()
    assert chat.messages("user") == ["long"]


def test_only_the_last_answer_can_be_tried_again(make_app: AppMaker) -> None:
    chat = Chat(make_app(TALKS)).say("bad")
    form = retry_form(chat)
    chat.say("short")
    assert chat.page().all(data_testid="retry") == []
    assert chat.visitor.post(f"{chat.address}/retry", form).status_code == 409


def test_trying_again_twice_with_one_form_runs_once(make_app: AppMaker) -> None:
    chat = Chat(make_app(TALKS)).say("bad")
    form = retry_form(chat)
    for _ in range(2):
        assert chat.visitor.post(f"{chat.address}/retry", form).status_code in (303, 409)
        chat.until_answered()
    assert len(column(chat.visitor.app, "turns.id")) == 2


def test_an_answer_that_came_to_its_end_offers_no_retry(make_app: AppMaker) -> None:
    chat = Chat(make_app(TALKS)).say("short")
    assert chat.page().all(data_testid="retry") == []


def test_the_turn_of_a_process_that_is_gone_is_interrupted(make_app: AppMaker) -> None:
    app = make_app(TALKS)
    chat = Chat(app)
    chat.begin("long")
    chat.until(lambda: "some words" in column(app, "messages.content"))
    silence_turns(app)
    run_sql(app, "UPDATE turns SET seen_at = '2020-01-01 00:00:00.000000'")
    assert last_answer(chat)["data-status"] == "interrupted"
    assert not chat.is_answering()
    assert retry_form(chat)
    assert chat.say("short").messages() == ["some words", "some words"]
    assert column(app, "turns.status") == ["complete", "interrupted"]


def test_a_lost_turn_is_ended_when_the_next_chat_starts(
    make_app: AppMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app(TALKS)
    chat = Chat(app)
    chat.begin("long")
    chat.until(lambda: "some words" in column(app, "messages.content"))
    silence_turns(app)
    run_sql(app, "UPDATE turns SET seen_at = '2020-01-01 00:00:00.000000'")
    monkeypatch.setattr(housekeeping, "EVERY_SECONDS", 0.0)
    Chat(app)
    wait_for_background()
    assert column(app, "turns.status") == ["interrupted"]
    assert column(app, "chats.turn_id") == [None, None]


def test_the_end_of_a_process_waits_then_marks(make_app: AppMaker) -> None:
    app = make_app(TALKS)
    chat = Chat(app)
    chat.begin("long")
    chat.until(lambda: "some words" in chat.page().text)
    app.extensions["conversation"].keeper.shut_down(0.2)
    assert last_answer(chat)["data-status"] == "interrupted"
    assert column(app, "turns.status") == ["interrupted"]


def retry_form(chat: Chat) -> dict[str, str]:
    """Return what the page's Try again sends."""
    form = chat.page().one(id="retry")
    return {name: form.one(name=name)["value"] for name in ("turn", "key")}


def retry(chat: Chat) -> int:
    """Press Try again, and return the status."""
    return chat.visitor.post(f"{chat.address}/retry", retry_form(chat)).status_code


def test_a_turn_that_is_not_there_is_not_found(make_app: AppMaker) -> None:
    chat = Chat(make_app(TALKS)).say("short")
    path = f"{chat.address}/turns/{uuid.uuid4()}"
    assert chat.visitor.get(path).status_code == 404
