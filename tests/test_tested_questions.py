"""The test kit with apps that ask and act: buttons and questions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from webapp.testing import ChatTester, ChatTestError, RefusedError

Maker = Callable[..., ChatTester]
BUTTONS = """
import chat_profiles as cl

@cl.on_message
def answer():
    actions = [
        cl.Action("approve", {"order": 17}, label="Approve it", tooltip="At once"),
        cl.Action("refuse", {"order": 17}),
    ]
    cl.Message("Shall I?", actions=actions).send()

@cl.action_callback("approve")
async def approve(action: cl.Action):
    await action.remove()
    await cl.Message(f"Order {action.payload['order']} is approved").send()

@cl.action_callback("refuse")
def refuse():
    raise PermissionError("not you")
"""
QUESTIONS = """
import chat_profiles as cl

@cl.on_message
{way}def answer(message: cl.Message):
    given = {wait}cl.AskUserMessage("What is your name?", timeout={timeout}).send()
    name = given["output"] if given else "nobody"
    {wait}cl.Message(f"Hello, {{name}}").send()
"""


@pytest.fixture
def make(tmp_path: Path, chat_tester: Maker) -> Maker:
    """Return `make(source)`, which makes a tester of the text of an app file."""

    def tester(source: str) -> ChatTester:
        path = tmp_path / "asking.py"
        path.write_text(source)
        return chat_tester(path)

    return tester


def asking(make: Maker, way: str = "async def", timeout: float = 60) -> ChatTester:
    way, wait = ("async ", "await ") if way == "async def" else ("", "")
    return make(QUESTIONS.format(way=way, wait=wait, timeout=timeout))


def test_a_button_is_shown_and_pressed(make: Maker) -> None:
    chat = make(BUTTONS)
    answer = chat.say("hi")
    approve, refuse = answer.actions
    assert (approve.name, approve.label, approve.tooltip) == ("approve", "Approve it", "At once")
    assert (refuse.label, refuse.payload) == ("refuse", {"order": 17})
    assert chat.click("Approve it").text == "Order 17 is approved"
    assert [action.name for action in chat.messages[1].actions] == ["refuse"]
    # Gone from the chat, whatever a test has kept of it.
    with pytest.raises(RefusedError):
        chat.click(approve)


def test_what_the_callback_of_a_button_raises_is_raised(make: Maker) -> None:
    chat = make(BUTTONS)
    chat.say("hi")
    with pytest.raises(PermissionError, match="not you"):
        chat.click("refuse")
    assert isinstance(chat.click("refuse", raises=False).failure, PermissionError)


def test_a_button_that_is_not_there_is_told_with_those_that_are(make: Maker) -> None:
    chat = make(BUTTONS)
    chat.say("hi")
    with pytest.raises(ChatTestError, match=r"no button 'reject'. The buttons are: approve, ref"):
        chat.click("reject")


@pytest.mark.parametrize("way", ["def", "async def"])
def test_say_returns_with_the_open_question(make: Maker, way: str) -> None:
    chat = asking(make, way)
    asked = chat.say("hi")
    assert asked.status == "running"
    question = asked.question
    assert question is not None
    assert (question.kind, question.text, question.status) == ("user", "What is your name?", "open")
    answer = chat.answer("Ada")
    assert (answer.text, answer.status, answer.question) == ("Hello, Ada", "complete", None)
    assert [(m.kind, m.content) for m in chat.messages] == [
        ("user", "hi"),
        ("assistant", "What is your name?"),
        ("user", "Ada"),
        ("assistant", "Hello, Ada"),
    ]
    assert "[question: user, answered]" in chat.transcript()


def test_a_text_from_the_composer_is_the_answer_too(make: Maker) -> None:
    chat = asking(make)
    chat.say("hi")
    assert chat.say("Grace").text == "Hello, Grace"


def test_a_question_runs_out_of_time(make: Maker) -> None:
    chat = asking(make)
    chat.say("hi")
    answer = chat.time_out()
    assert answer.text == "What is your name?\n\nHello, nobody"
    assert [message.question and message.question.status for message in answer.messages] == [
        "timed-out",
        None,
    ]
    with pytest.raises(ChatTestError, match="No question is open"):
        chat.time_out()


def test_a_question_is_stopped(make: Maker) -> None:
    chat = asking(make)
    chat.say("hi")
    [asked] = chat.stop().messages
    assert asked.question
    assert asked.question.status == "stopped"
    with pytest.raises(ChatTestError, match="No question is open"):
        chat.answer("Ada")


def test_without_a_question_there_is_nothing_to_answer(make: Maker) -> None:
    chat = make(BUTTONS)
    with pytest.raises(ChatTestError, match="No question is open"):
        chat.answer("Ada")
