"""Questions that an app asks while it resumes a chat."""

from __future__ import annotations

import pytest
from flask import Flask

from tests.support.apps import AppMaker
from tests.support.chats import Chat, Talk
from tests.support.people import Visitor
from tests.support.questions import answer, open_question, send_files, statuses
from tests.support.rows import column
from tests.test_questions_across_processes import elsewhere, lose_process
from tests.test_resume import over, resume
from webapp.turns.ending import end_lost_turns

ASKS = """
    import asyncio
    import chat_profiles as cl

    @cl.password_auth_callback
    def auth(username, password):
        return cl.User(username)

    @cl.set_chat_profiles
    def profiles():
        return [cl.ChatProfile("one", "About it.")]

    @cl.on_chat_start
    async def start():
        pass

    @cl.on_message
    async def reply(message):
        model = cl.chat_context.to_openai()
        cl.user_session.set("model", [said["content"] for said in model])
        await cl.Message(f"echo {message.content} for {cl.user_session.get('name')}").send()

    @cl.on_chat_resume
    async def resumed(chat):
        {ask}
"""
NAME = """
        answer = await cl.AskUserMessage("Who are you now?", timeout=TIME).send()
        cl.user_session.set("name", answer and answer["output"])
        await cl.Message(f"Welcome back, {answer and answer['output']}").send()
"""
BUTTON = """
        answer = await cl.AskActionMessage(
            "Go on?", [cl.Action("yes", {"go": 1}, label="Yes")], timeout=30
        ).send()
        await cl.Message(f"You chose {answer['payload']}").send()
"""
FILE = """
        files = await cl.AskFileMessage("A file", accept=["text/plain"], timeout=30).send()
        await cl.Message(f"You sent {files[0].name}").send()
"""


def app_file(ask: str, seconds: float = 30) -> str:
    return ASKS.replace("{ask}", ask.replace("TIME", str(seconds)).strip())


@pytest.fixture
def app(make_app: AppMaker) -> Flask:
    return make_app(app_file(NAME))


def asked(app: Flask, *, say: str = "") -> Chat:
    """Return a chat that was over, and asks while it is resumed: by its page, or by a message."""
    chat = over(Visitor(app).logged_in("alice"))
    if say:
        chat.begin(say)
    else:
        assert resume(chat).status_code == 200
    chat.until(lambda: bool(open_question(chat)))
    return chat


def test_its_page_resumes_a_chat_that_asks(app: Flask) -> None:
    chat = asked(app)
    assert answer(chat, content="Ada").status_code == 303
    chat.until_answered()
    assert chat.messages()[1:] == ["Who are you now?", "Welcome back, Ada"]
    assert chat.messages("user") == ["Hello", "Ada"]
    assert chat.say("and").messages()[-1] == "echo and for Ada"


def test_a_text_from_the_composer_is_the_answer(app: Flask) -> None:
    chat = asked(app)
    chat.say("Ada")
    assert chat.messages()[1:] == ["Who are you now?", "Welcome back, Ada"]
    assert column(app, "questions.status") == ["answered"]


def test_a_message_is_answered_after_the_question(app: Flask) -> None:
    chat = asked(app, say="again")
    assert answer(chat, content="Ada").status_code == 303
    chat.until_answered()
    assert chat.messages()[1:] == ["Who are you now?", "Welcome back, Ada", "echo again for Ada"]
    assert chat.messages("user") == ["Hello", "again", "Ada"]


def test_a_text_answers_the_question_before_the_message(app: Flask) -> None:
    chat = asked(app, say="again")
    chat.say("Ada")
    assert chat.messages()[-1] == "echo again for Ada"
    assert column(app, "questions.status") == ["answered"]


def test_a_model_is_told_in_this_order(app: Flask) -> None:
    chat = asked(app, say="again")
    answer(chat, content="Ada")
    chat.until_answered()
    [told] = [it["model"] for it in column(app, "chats.values") if "model" in it]
    before = ["Hello", "echo Hello for None"]
    assert told == [*before, "Who are you now?", "Ada", "Welcome back, Ada", "again"]


def test_a_reload_shows_the_question_and_a_page_that_comes_later_too(app: Flask) -> None:
    chat = asked(app, say="again")
    other = Chat.at(chat.visitor, chat.address)
    assert open_question(other) is not None
    assert other.page().one(data_testid="stop")


def test_nobody_answers_in_time(make_app: AppMaker) -> None:
    chat = over(Visitor(make_app(app_file(NAME, 0.05))).logged_in("alice"))
    chat.say("again")
    assert chat.messages()[1:] == ["Who are you now?", "Welcome back, None", "echo again for None"]
    assert statuses(chat) == ["timed-out"]


def test_stop_ends_it(app: Flask) -> None:
    chat = asked(app)
    chat.stop()
    chat.until_answered()
    assert statuses(chat) == ["stopped"]
    assert chat.say("and").messages()[-1] == "echo and for None"


def test_a_message_that_was_stopped_meanwhile_can_be_tried_again(app: Flask) -> None:
    chat = asked(app, say="again")
    chat.stop()
    chat.until_answered()
    sent = {it["name"]: it["value"] for it in chat.page().one(id="retry").all("input")}
    assert chat.visitor.post(f"{chat.address}/retry", sent).status_code == 303
    # The chat goes on, as after a resumption that failed.
    assert chat.until_answered().messages()[-1] == "echo again for None"


def test_an_answer_comes_through_any_process(make_app: AppMaker) -> None:
    chat = asked(make_app(app_file(NAME)))
    other = elsewhere(chat, make_app(app_file(NAME)))
    assert answer(other, content="Ada").status_code == 303
    other.until(lambda: "Welcome back, Ada" in other.messages())


@pytest.mark.parametrize("is_killed", [True, False])
def test_it_asks_again_if_its_process_is_gone(make_app: AppMaker, is_killed: bool) -> None:
    app = make_app(app_file(NAME))
    chat = asked(app)
    if is_killed:
        lose_process(app)
    else:
        app.extensions["conversation"].keeper.shut_down(60)
    other = elsewhere(chat, make_app(app_file(NAME)))
    with other.visitor.app.app_context():
        end_lost_turns()
    assert statuses(other) == ["interrupted"]
    assert other.page().one(id="resume")
    resume(other)
    other.until(lambda: bool(open_question(other)))
    answer(other, content="Ada")
    assert other.until_answered().messages()[-1] == "Welcome back, Ada"


def test_a_button_is_the_answer(make_app: AppMaker) -> None:
    chat = asked(make_app(app_file(BUTTON)))
    question = open_question(chat)
    assert question is not None
    assert answer(chat, action=question.one(data_testid="action")["value"]).status_code == 303
    chat.until_answered()
    assert chat.messages()[-1] == "You chose {'go': 1}"


def test_files_are_the_answer(make_app: AppMaker) -> None:
    chat = asked(make_app(app_file(FILE)))
    assert send_files(chat, ("a.txt", b"Hello")).status_code == 303
    chat.until_answered()
    assert chat.messages()[-1] == "You sent a.txt"


def test_the_test_kit_answers(talk: Talk) -> None:
    chat = talk(app_file(NAME))
    chat.sign_in("ada")
    chat.say("Hello")
    assert chat.resume().question is not None
    assert chat.answer("Ada").text == "Welcome back, Ada"
    assert chat.say("and").text == "echo and for Ada"
