"""Questions that an app asks its user: asked, answered, and over."""

from __future__ import annotations

import threading
import uuid
from functools import partial
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.support.apps import AppMaker
from tests.support.chats import Chat
from tests.support.people import Visitor
from tests.support.questions import (
    answer,
    answer_fields,
    asks,
    open_question,
    statuses,
)
from tests.support.rows import column
from webapp.database.engines import db

NAME = """
    import chat_profiles as cl

    @cl.on_message
    async def reply(message: cl.Message):
        answer = await cl.AskUserMessage(content="What is your name?", timeout=30).send()
        await cl.Message(f"Your name is: {answer['output']}").send()
"""
AT_START = """
    import chat_profiles as cl

    @cl.on_chat_start
    async def start():
        answer = await cl.AskUserMessage("What is your name?", timeout=30).send()
        await cl.Message(f"Your name is: {answer['output']}").send()

    @cl.on_message
    async def reply(message):
        await cl.Message(f"echo {message.content}").send()
"""
IN_DEF = """
    import chat_profiles as cl

    @cl.on_message
    def reply(message):
        answer = cl.AskUserMessage("What is your name?", timeout=30).send()
        cl.Message(f"Your name is: {answer['output']}").send()
"""
IMPATIENT = """
    import chat_profiles as cl

    @cl.on_message
    async def reply(message):
        try:
            answer = await cl.AskUserMessage(
                "Quick!", timeout=0.05, raise_on_timeout=message.content == "raise"
            ).send()
        except TimeoutError:
            answer = "raised"
        await cl.Message(f"got {answer}").send()
"""


def asked(app_maker: AppMaker, app_file: str = NAME) -> Chat:
    """Return a chat in which a message is answered with a question."""
    chat = Chat(app_maker(app_file))
    chat.begin("hi")
    chat.until(lambda: bool(open_question(chat)))
    return chat


@pytest.mark.parametrize("app_file", [NAME, IN_DEF])
def test_the_callback_goes_on_with_the_answer(make_app: AppMaker, app_file: str) -> None:
    chat = asked(make_app, app_file)
    assert answer(chat, content="Ada").status_code == 303
    chat.until_answered()
    assert chat.messages() == ["What is your name?", "Your name is: Ada"]
    assert chat.messages("user") == ["hi", "Ada"]
    assert statuses(chat) == ["answered"]


def test_the_answer_is_a_message_between_the_question_and_what_follows(make_app: AppMaker) -> None:
    chat = asked(make_app)
    answer(chat, content="Ada")
    chat.until_answered()
    shown = chat.page().all(data_testid="message")
    assert [message["data-kind"] for message in shown] == ["user", "assistant", "user", "assistant"]


def test_a_start_asks(make_app: AppMaker) -> None:
    chat = asks(make_app(AT_START))
    assert chat.page().one(data_testid="send").attributes.get("disabled") is None
    answer(chat, content="Ada")
    chat.until_answered()
    assert chat.messages() == ["What is your name?", "Your name is: Ada"]
    assert chat.say("more").messages()[-1] == "echo more"
    assert column(chat.visitor.app, "chats.title") == ["Ada"]


def test_a_message_is_the_answer_while_a_text_is_asked_for(make_app: AppMaker) -> None:
    chat = asked(make_app)
    chat.say("Ada")
    assert chat.messages()[-1] == "Your name is: Ada"
    assert column(chat.visitor.app, "turns.status") == ["complete"]


def test_a_question_shows_how_much_time_is_left(make_app: AppMaker) -> None:
    question = open_question(asked(make_app))
    assert question is not None
    assert question["data-kind"] == "user"
    assert question.one(role="timer").text.strip() in ("Time left: 0:30", "Time left: 0:29")


@pytest.mark.parametrize(("content", "got"), [("hi", "got None"), ("raise", "got raised")])
def test_nobody_answers_in_time(make_app: AppMaker, content: str, got: str) -> None:
    chat = Chat(make_app(IMPATIENT)).say(content)
    assert chat.messages() == ["Quick!", got]
    assert statuses(chat) == ["timed-out"]
    assert column(chat.visitor.app, "questions.status") == ["timed-out"]


def test_a_late_answer_is_refused_and_its_text_kept(make_app: AppMaker) -> None:
    chat = Chat(make_app(IMPATIENT)).say("hi")
    [question_id] = column(chat.visitor.app, "questions.id")
    late = chat.visitor.post(
        f"{chat.address}/questions/{question_id}", {"content": "so late", "key": str(uuid.uuid4())}
    )
    assert late.status_code == 409
    assert "The time for this answer is over" in late.text
    assert "so late" in late.text


def test_stop_ends_a_question(make_app: AppMaker) -> None:
    chat = asked(make_app)
    chat.stop()
    chat.until_answered()
    assert statuses(chat) == ["stopped"]
    assert column(chat.visitor.app, "questions.status") == ["stopped"]
    assert column(chat.visitor.app, "turns.status") == ["stopped"]


def test_stop_ends_a_question_of_a_def(make_app: AppMaker) -> None:
    chat = asked(make_app, IN_DEF)
    chat.stop()
    chat.until_answered()
    assert statuses(chat) == ["stopped"]
    chat.until(lambda: not any(t.name == "webapp-on_message" for t in threading.enumerate()))


def test_the_second_answer_is_refused_and_its_text_kept(make_app: AppMaker) -> None:
    chat = asked(make_app)
    address, _ = answer_fields(chat)
    answer(chat, content="Ada")
    second = chat.visitor.post(address, {"content": "Grace", "key": str(uuid.uuid4())})
    assert second.status_code == 409
    assert "answered before" in second.text
    assert "Grace" in second.text
    assert chat.until_answered().messages()[-1] == "Your name is: Ada"


def test_a_form_that_is_sent_twice_counts_once(make_app: AppMaker) -> None:
    chat = asked(make_app)
    address, _ = answer_fields(chat)
    form = {"content": "Ada", "key": str(uuid.uuid4())}
    assert [chat.visitor.post(address, form).status_code for _ in range(2)] == [303, 303]
    assert chat.until_answered().messages("user") == ["hi", "Ada"]


@pytest.mark.parametrize(("content", "status"), [(" ", 422), ("x" * 300_000, 413)])
def test_a_wrong_text_leaves_the_question_open(
    make_app: AppMaker, content: str, status: int
) -> None:
    chat = asked(make_app)
    refused = answer(chat, content=content)
    assert refused.status_code == status
    assert statuses(chat) == ["open"]
    assert answer(chat, content="Ada").status_code == 303


def test_another_users_question_is_not_found(make_app: AppMaker) -> None:
    chat = asked(make_app)
    address, _ = answer_fields(chat)
    stranger = Visitor(chat.visitor.app)
    stranger.get("/")
    form = {"content": "Eve", "key": str(uuid.uuid4())}
    assert stranger.post(address, form).status_code == 404
    own = Chat.of(stranger)
    moved = address.replace(chat.address, own.address)
    assert stranger.post(moved, form).status_code == 404
    assert statuses(chat) == ["open"]


def test_another_device_shows_the_question(make_app: AppMaker) -> None:
    chat = asked(make_app)
    other = Chat.at(chat.visitor.twin(), chat.address)
    answer(other, content="Ada")
    assert chat.until_answered().messages()[-1] == "Your name is: Ada"


def test_waiting_is_no_idleness_and_not_counted(make_app: AppMaker) -> None:
    chat = Chat(make_app(NAME, turn_seconds=3, turn_idle_seconds=3))
    chat.begin("hi")
    chat.until(lambda: bool(open_question(chat)))
    threading.Event().wait(3.5)
    answer(chat, content="Ada")
    assert chat.until_answered().messages()[-1] == "Your name is: Ada"


def test_a_callback_that_nobody_waits_in_asks_nothing(make_app: AppMaker) -> None:
    chat = Chat(
        make_app("""
        import asyncio
        import chat_profiles as cl

        @cl.on_message
        async def reply(message):
            asking = asyncio.create_task(cl.AskUserMessage("Anything?").send())
            await asyncio.sleep(0)
            asking.cancel()
            await cl.Message("I go on.").send()
        """)
    ).say("hi")
    assert chat.messages() == ["Anything?", "I go on."]
    assert statuses(chat) == ["stopped"]


TWICE = """
    import chat_profiles as cl

    @cl.on_message
    async def reply(message):
        answer = await cl.AskUserMessage("Which?", timeout=30).send()
        past = [said["content"] for said in cl.chat_history()]
        await cl.Message(f"{answer['output']} of {past}").send()
        if answer["output"] == "bad":
            raise ValueError
"""


def answered_with(chat: Chat, content: str) -> Chat:
    """Answer the question that comes."""
    chat.until(lambda: bool(open_question(chat)))
    assert answer(chat, content=content).status_code == 303
    return chat.until_answered()


def test_the_history_has_questions_and_answers_in_their_order(make_app: AppMaker) -> None:
    chat = Chat(make_app(TWICE))
    chat.begin("hi")
    assert answered_with(chat, "one").messages()[-1] == "one of ['hi', 'Which?', 'one']"


def test_answering_again_asks_again(make_app: AppMaker) -> None:
    chat = Chat(make_app(TWICE))
    chat.begin("hi")
    answered_with(chat, "one")
    form = chat.page().one(id="regenerate")
    sent = {field["name"]: field["value"] for field in form.all("input")}
    assert chat.visitor.post(f"{chat.address}/regenerate", sent).status_code == 303
    answered_with(chat, "two")
    assert chat.messages("user") == ["hi", "two"]
    assert chat.messages() == ["Which?", "two of ['hi', 'Which?', 'two']"]


def test_try_again_forgets_what_was_answered(make_app: AppMaker) -> None:
    chat = Chat(make_app(TWICE))
    chat.begin("hi")
    answered_with(chat, "bad")
    form = chat.page().one(id="retry")
    sent = {field["name"]: field["value"] for field in form.all("input")}
    assert chat.visitor.post(f"{chat.address}/retry", sent).status_code == 303
    answered_with(chat, "two")
    assert chat.messages()[-1] == "two of ['hi', 'Which?', 'two']"


def test_another_text_for_the_message_asks_again(make_app: AppMaker) -> None:
    chat = Chat(make_app(TWICE))
    chat.begin("hi")
    answered_with(chat, "one")
    page = chat.page()
    forms = [form for form in page.all("form") if str(form["action"]).endswith("/edit")]
    assert len(forms) == 1
    sent = {field["name"]: field["value"] for field in forms[0].all("input")}
    edited = chat.visitor.post(f"{chat.address}/edit", {**sent, "content": "hello"})
    assert edited.status_code == 303
    answered_with(chat, "two")
    assert chat.messages("user") == ["hello", "two"]


def test_open_questions_hold_no_thread_and_no_connection(make_app: AppMaker) -> None:
    app = make_app(AT_START)
    asks(app)
    before = threading.active_count()
    chats = [asks(app) for _ in range(20)]
    assert threading.active_count() <= before
    with app.app_context():
        pools: list[Any] = [engine.pool for engine in db.engines.values()]
        assert not any(pool.checkedout() for pool in pools)
    for number, chat in enumerate(chats):
        answer(chat, content=str(number))
    said = [chat.until_answered().messages()[-1] for chat in chats]
    assert said == [f"Your name is: {number}" for number in range(20)]


THREE_TIMES = """
    import chat_profiles as cl

    @cl.on_message
    async def reply(message):
        for number in range(2):
            answer = await cl.AskUserMessage(f"Which {number}?", timeout=30).send()
            await cl.Message(f"{number}: {answer['output']}").send()
"""


def say_to(chat: Chat, question: str, text: str) -> TestResponse:
    """Write a text in the composer of a page that shows a question as open."""
    form = {"content": text, "key": str(uuid.uuid4()), "answers": question}
    return chat.visitor.post(f"{chat.address}/messages", form)


def test_a_message_to_a_question_that_is_over_is_refused_and_its_text_kept(
    make_app: AppMaker,
) -> None:
    chat = asked(make_app)
    [question] = column(chat.visitor.app, "questions.id")
    assert say_to(chat, str(question), "Ada").status_code == 303
    chat.until_answered()
    late = say_to(chat, str(question), "Grace")
    assert late.status_code == 409
    assert "answered before" in late.text
    assert "Grace" in late.text
    assert chat.messages("user") == ["hi", "Ada"]


def test_a_message_to_a_question_that_is_over_does_not_answer_the_next(make_app: AppMaker) -> None:
    chat = Chat(make_app(THREE_TIMES))
    chat.begin("hi")
    chat.until(lambda: "Which 0?" in chat.messages())
    [question] = column(chat.visitor.app, "questions.id")
    chat.begin("one")
    chat.until(lambda: "Which 1?" in chat.messages())
    assert say_to(chat, str(question), "late").status_code == 409
    assert sorted(column(chat.visitor.app, "questions.status")) == ["answered", "open"]


@pytest.mark.parametrize("question", ["", "x", "7f9c24e8-3b1d-4c51-9d6a-0f1e2d3c4b5a"])
def test_a_message_to_no_question_of_the_chat_is_one_as_any_other(
    make_app: AppMaker, question: str
) -> None:
    chat = asked(make_app)
    answer(chat, content="Ada")
    chat.until_answered()
    assert say_to(chat, question, "more").status_code == 303
    chat.stop()
    assert chat.until_answered().messages("user") == ["hi", "Ada", "more"]


def test_a_message_that_is_sent_twice_answers_one_question(make_app: AppMaker) -> None:
    chat = Chat(make_app(THREE_TIMES))
    chat.begin("hi")
    keys = [str(uuid.uuid4()) for _ in range(2)]
    for number, key in enumerate(keys):
        chat.until(partial(lambda asked: asked in chat.messages(), f"Which {number}?"))
        chat.begin("one", key)
        chat.begin("one", key)
    chat.until_answered()
    chat.begin("one", keys[-1])  # the turn has ended
    assert chat.until_answered().messages("user") == ["hi", "one", "one"]
    assert column(chat.visitor.app, "turns.status") == ["complete"]


def test_run_sync_takes_the_answer_of_a_def(make_app: AppMaker) -> None:
    chat = asked(
        make_app,
        IN_DEF.replace("timeout=30).send()", "timeout=30).send())").replace(
            "answer = cl.Ask", "answer = cl.run_sync(cl.Ask"
        ),
    )
    answer(chat, content="Ada")
    assert chat.until_answered().messages()[-1] == "Your name is: Ada"


def test_a_start_in_a_def_asks(make_app: AppMaker) -> None:
    chat = asks(make_app(AT_START.replace("async def", "def").replace("await ", "")))
    answer(chat, content="Ada")
    assert chat.until_answered().messages()[-1] == "Your name is: Ada"


def test_a_button_asks(make_app: AppMaker) -> None:
    chat = Chat(
        make_app("""
        import chat_profiles as cl

        @cl.on_chat_start
        async def start():
            await cl.Message("Press", actions=[cl.Action(name="ask", payload={})]).send()

        @cl.action_callback("ask")
        async def press(action):
            answer = await cl.AskUserMessage("Why?", timeout=30).send()
            await cl.Message(f"Because {answer['output']}").send()
        """)
    )
    button = chat.page().one("button", data_testid="action")
    pressed = chat.visitor.post(str(button["formaction"]), {"key": str(uuid.uuid4())})
    assert pressed.status_code == 303
    chat.until(lambda: bool(open_question(chat)))
    answer(chat, content="it rains")
    assert chat.until_answered().messages()[-1] == "Because it rains"


def test_what_cannot_wait_cannot_ask(make_app: AppMaker) -> None:
    chat = asked(
        make_app,
        NAME
        + """
    @cl.on_stop
    async def stopped():
        try:
            await cl.AskUserMessage("Really?").send()
        except Exception as error:
            await cl.Message(str(error)).send()
    """,
    )
    chat.stop()
    chat.until_answered()
    assert "AskUserMessage.send() cannot ask here" in chat.messages()[-1]


@pytest.mark.parametrize("timeout", ["0", "-1", "'soon'", "None", "True"])
def test_a_timeout_that_is_no_time_is_refused(make_app: AppMaker, timeout: str) -> None:
    chat = Chat(make_app(NAME.replace("timeout=30", f"timeout={timeout}"))).say("hi")
    assert column(chat.visitor.app, "turns.status") == ["failed"]
    assert column(chat.visitor.app, "questions.id") == []


def test_a_question_that_is_removed_is_over(make_app: AppMaker) -> None:
    chat = Chat(
        make_app("""
        import asyncio
        import chat_profiles as cl

        @cl.on_message
        async def reply(message):
            question = cl.AskUserMessage("Anything?")
            asking = asyncio.create_task(question.send())
            await asyncio.sleep(0)
            question.remove()
            await cl.Message(f"got {await asking}").send()
        """)
    ).say("hi")
    assert chat.messages() == ["got None"]
    assert column(chat.visitor.app, "questions.status") == ["stopped"]


@pytest.mark.parametrize("streaming", ["inline", "poll"])
def test_a_host_without_streams_asks_too(make_app: AppMaker, streaming: str) -> None:
    chat = Chat(make_app(NAME, streaming=streaming))
    chat.begin("hi")
    chat.until(lambda: bool(open_question(chat)))
    taken = answer(chat, htmx=True, content="Ada")
    assert taken.status_code == 200
    assert "Your name is: Ada" in taken.text
    assert chat.until_answered().messages()[-1] == "Your name is: Ada"


TAKES_NONE = """
    import chat_profiles as cl

    @cl.on_chat_start
    async def start():
        answer = await cl.AskUserMessage("What is your name?", timeout=30).send()
        await cl.AskActionMessage(
            f"Hello {answer['output']}", [cl.Action("go", {}, label="Go")], timeout=30
        ).send()
"""
NO_ANSWERS = "This app does not answer messages"


def test_the_hint_goes_while_a_text_is_the_answer(make_app: AppMaker) -> None:
    chat = asks(make_app(TAKES_NONE))
    assert NO_ANSWERS not in chat.page().one(id="composer-hint").text
    answer(chat, content="Ada")
    chat.until(lambda: "Hello Ada" in chat.messages())
    # No text answers the second question.
    assert NO_ANSWERS in chat.page().one(id="composer-hint").text
