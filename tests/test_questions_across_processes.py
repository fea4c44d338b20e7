"""Questions that are asked in one process and answered in another, or whose process is gone.

Two apps on one database are two processes as far as questions go: each has a keeper of its own.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import wait as wait_for_futures
from pathlib import Path

import pytest
from flask import Flask

from tests.support.apps import AppMaker
from tests.support.chats import Chat
from tests.support.people import HTMX, Visitor
from tests.support.questions import (
    answer,
    answer_fields,
    asks,
    open_question,
    send_files,
    statuses,
)
from tests.support.rows import column, run_sql
from webapp.engine.turn import RunningTurn
from webapp.turns.ending import end_lost_turns

APP = """
    from pathlib import Path
    import chat_profiles as cl

    @cl.on_chat_start
    async def start():
        answer = await cl.AskUserMessage("What is your name?", timeout=60).send()
        await cl.Message(f"Your name is: {answer['output']}").send()

    @cl.on_message
    async def reply(message):
        if message.content == "files":
            [file] = await cl.AskFileMessage("A file!", accept=["text/plain"]).send()
            await cl.Message(Path(file.path).read_text()).send()
            return
        answer = await cl.AskUserMessage("Your age?", timeout=60).send()
        await cl.Message(f"Your age is: {answer['output']}").send()
"""


def elsewhere(chat: Chat, app: Flask) -> Chat:
    """Return a chat as the same browser sees it through another process."""
    visitor = Visitor(app)
    cookie = chat.visitor.client.get_cookie("session")
    assert cookie is not None
    visitor.client.set_cookie("session", cookie.value)
    other = Chat.at(visitor, chat.address)
    other.page()
    return other


def begun(chat: Chat, content: str) -> Chat:
    """Return a chat in which a message is answered with a question."""
    answer(chat, content="Ada")
    chat.until_answered()
    chat.begin(content)
    chat.until(lambda: bool(open_question(chat)))
    return chat


LOST: list[RunningTurn] = []


def lose_process(app: Flask) -> None:
    """Let an app forget its turns, as if its process was killed a minute ago."""
    forget_turns(app)
    run_sql(app, "UPDATE turns SET seen_at = '2020-01-01 00:00:00.000000' WHERE status='running'")


def forget_turns(app: Flask) -> None:
    """Let an app forget its turns, as a process that was killed."""
    keeper = app.extensions["conversation"].keeper
    # Its thread goes on, so it must not meet other locks than those that it holds.
    with keeper._changed:
        turns = [tracked.turn for tracked in keeper._turns.values()]
        for kept in (keeper._turns, keeper._unkept, keeper._urgent):
            kept.clear()
    # A process that was killed cleans nothing up, whenever the garbage collector comes.
    LOST.extend(turns)
    for turn in turns:
        turn._call.cancel()  # or its callback would wait until the tests end
        wait_for_futures([turn._call.ended], 10)


def test_an_answer_comes_through_any_process(make_app: AppMaker) -> None:
    chat = asks(make_app(APP))
    other = elsewhere(chat, make_app(APP))
    assert answer(other, content="Ada").status_code == 303
    # Before the process that waits has heard of it.
    assert statuses(other) == ["answered"]
    other.until(lambda: "Your name is: Ada" in other.messages())
    assert other.until_answered().messages("user") == ["Ada"]


def test_an_answer_that_was_taken_is_there_whole_if_the_process_that_waits_dies(
    make_app: AppMaker,
) -> None:
    app = make_app(APP)
    chat = asks(app)
    other = elsewhere(chat, make_app(APP))
    text = "My name is long. " * 200
    address, _ = answer_fields(other)
    forget_turns(app)  # before it has heard of the answer
    taken = other.visitor.post(address, {"content": text, "key": str(uuid.uuid4())})
    assert taken.status_code == 303
    lose_process(app)
    other.page()
    assert text.strip() in other.page().one(data_testid="question").text


def test_a_message_through_another_process_is_the_answer(make_app: AppMaker) -> None:
    chat = begun(asks(make_app(APP)), "hi")
    other = elsewhere(chat, make_app(APP))
    other.begin("36")
    other.until(lambda: "Your age is: 36" in other.messages())


def test_files_come_through_any_process(make_app: AppMaker) -> None:
    chat = begun(asks(make_app(APP)), "files")
    other = elsewhere(chat, make_app(APP))
    assert send_files(other, ("a.txt", b"Hello, file", "text/plain")).status_code == 303
    other.until(lambda: "Hello, file" in other.messages())


def test_stop_comes_through_any_process(make_app: AppMaker) -> None:
    chat = asks(make_app(APP))
    other = elsewhere(chat, make_app(APP))
    other.stop()
    other.until(lambda: statuses(other) == ["stopped"])


def test_of_two_processes_the_first_answer_counts(make_app: AppMaker) -> None:
    chat = asks(make_app(APP))
    other = elsewhere(chat, make_app(APP))
    address, _ = answer_fields(chat)
    assert answer(other, content="Ada").status_code == 303
    late = chat.visitor.post(address, {"content": "Grace", "key": str(uuid.uuid4())})
    assert late.status_code == 409
    assert "Grace" in late.text


def test_a_question_whose_process_is_gone_is_interrupted(make_app: AppMaker) -> None:
    app = make_app(APP)
    chat = begun(asks(app), "hi")
    address, _ = answer_fields(chat)
    lose_process(app)
    other = elsewhere(chat, make_app(APP))
    assert statuses(other)[-1] == "interrupted"
    late = other.visitor.post(address, {"content": "36", "key": str(uuid.uuid4())})
    assert (late.status_code, "The server stopped" in late.text) == (409, True)
    assert "36" in late.text
    retry = other.page().one(id="retry")
    sent = {field["name"]: field["value"] for field in retry.all("input")}
    assert other.visitor.post(f"{other.address}/retry", sent).status_code == 303
    other.until(lambda: bool(open_question(other)))
    answer(other, content="36")
    assert other.until_answered().messages()[-1] == "Your age is: 36"


def answered_and_lost(make_app: AppMaker, chat: Chat, send: Callable[[Chat], int]) -> Chat:
    """Let a process be killed that has not heard of an answer yet, which another one has taken."""
    chat.visitor.app.extensions["conversation"].keeper._forget()
    other = elsewhere(chat, make_app(APP))
    assert send(other) == 303
    lose_process(chat.visitor.app)
    with other.visitor.app.app_context():
        end_lost_turns()
    return other


def test_an_answer_is_whole_when_its_process_is_gone_before_it_hears(make_app: AppMaker) -> None:
    chat = asks(make_app(APP))
    long = "Ada\n" + "of Lovelace " * 200 + "the end"
    other = answered_and_lost(make_app, chat, lambda it: answer(it, content=long).status_code)
    assert "the end" in other.messages("user")[-1]
    assert other.page().one(data_testid="question", data_status="answered").text.strip() == ""
    # It is a message like any other.
    assert long in column(other.visitor.app, "messages.content")
    with other.visitor.app.app_context():
        end_lost_turns()
    assert len(other.messages("user")) == 1


def test_files_are_shown_when_their_process_is_gone_before_it_hears(make_app: AppMaker) -> None:
    chat = asks(make_app(APP))
    answer(chat, content="Ada")
    chat.until_answered().begin("files")
    chat.until(lambda: bool(open_question(chat)))
    sent = ("kept.txt", b"Keep me")
    other = answered_and_lost(make_app, chat, lambda it: send_files(it, sent).status_code)
    card = other.page().one(data_testid="element", data_name="kept.txt")
    [link] = {str(it["href"]) for it in card.all("a") if "/files/" in str(it["href"])}
    assert other.visitor.get(link).data == b"Keep me"
    other.visitor.post(f"{other.address}/stop")
    assert len(other.page().all(data_testid="element", data_name="kept.txt")) == 1


def test_a_start_whose_process_is_gone_can_be_started_again(make_app: AppMaker) -> None:
    app = make_app(APP)
    chat = asks(app)
    lose_process(app)
    other = elsewhere(chat, make_app(APP))
    assert statuses(other) == ["interrupted"]
    form = other.page().one(data_testid="start-again")
    sent = {field["name"]: field["value"] for field in form.all("input")}
    started = other.visitor.post("/chats", sent)
    again = Chat.at(other.visitor, str(started.location))
    again.until(lambda: bool(open_question(again)))


def test_a_server_that_stops_interrupts_its_questions(make_app: AppMaker) -> None:
    app = make_app(APP)
    chat = begun(asks(app), "hi")
    # It does not wait for the answer.
    app.extensions["conversation"].keeper.shut_down(60)
    assert app.extensions["conversation"].keeper.count == 0
    other = elsewhere(chat, make_app(APP))
    assert statuses(other)[-1] == "interrupted"
    assert column(app, "questions.status")[-1] == "interrupted"
    assert other.page().all(id="retry")


def test_a_page_that_waits_holds_no_stream(make_app: AppMaker) -> None:
    app = make_app(APP)
    chat = asks(app)
    waiting = chat.page().one(id="turn")
    same = chat.visitor.get(str(waiting["hx-get"]), headers=HTMX)
    assert same.status_code == 204
    other = elsewhere(chat, make_app(APP))
    assert other.visitor.get(str(waiting["hx-get"]), headers=HTMX).status_code == 204
    answer(chat, content="Ada")
    chat.until_answered()
    news = chat.visitor.get(str(waiting["hx-get"]), headers=HTMX)
    assert news.status_code == 200
    assert "Your name is: Ada" in news.text


IMPATIENT = """
    import chat_profiles as cl

    @cl.on_message
    async def reply(message):
        answer = await cl.AskUserMessage("Quick?", timeout=float(message.content)).send()
        await cl.Message(f"got {answer and answer['output']}").send()
"""


@pytest.mark.postgresql
def test_on_postgresql_questions_are_answered_anywhere_and_time_out(
    tmp_path: Path, postgresql_url: str
) -> None:
    with AppMaker.in_folder(tmp_path, postgresql_url) as make:
        chat = Chat(make(IMPATIENT))
        assert chat.say("0.05").messages()[-1] == "got None"
        chat.begin("60")
        chat.until(lambda: bool(open_question(chat)))
        other = elsewhere(chat, make(IMPATIENT))
        address, _ = answer_fields(other)
        assert answer(other, content="Ada").status_code == 303
        other.until(lambda: "got Ada" in other.messages())
        late = other.visitor.post(address, {"content": "Grace", "key": str(uuid.uuid4())})
        assert late.status_code == 409
        chat.until_answered().begin("60")
        chat.until(lambda: bool(open_question(chat)))
        chat.stop()
        chat.until(lambda: statuses(chat)[-1] == "stopped")
        ended = sorted(column(chat.visitor.app, "questions.status"))
        assert ended == ["answered", "stopped", "timed-out"]
