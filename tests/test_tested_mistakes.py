"""What authors easily get wrong in their tests is told, with what to write instead."""

from __future__ import annotations

import asyncio
import textwrap
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.support.chats import Talk
from webapp.testing import (
    ChatTester,
    ChatTestError,
    FakeModel,
    ModelError,
    ModelRequest,
    RefusedError,
    ToolCall,
)

ECHO = """
    import chat_profiles as cl
    from chat_profiles.input_widget import Switch

    @cl.on_chat_start
    async def start():
        await cl.ChatSettings([Switch(id="short", label="Short")]).send()

    @cl.on_message
    async def answer(message: cl.Message):
        file = cl.Text(name="Note", content="A note")
        await cl.Message(message.content, elements=[file]).send()
"""
ASKS = """
    import chat_profiles as cl

    @cl.on_message
    async def answer(message: cl.Message):
        if message.content == "file":
            files = await cl.AskFileMessage("Which?", accept=["text/plain"]).send()
            await cl.Message(", ".join(file.name for file in files)).send()
        else:
            await cl.AskUserMessage("Who?").send()
"""


@pytest.mark.parametrize(
    ("mistake", "told"),
    [
        (lambda chat: chat.say("hi", untill="x"), "no option 'untill'.*raises, timeout, until"),
        (lambda chat: chat.start(raise_=False), "no option 'raise_'"),
        (lambda chat: chat.wait(time=3), "no option 'time'"),
        (lambda chat: chat.say("hi", timeout="3"), "timeout= takes a number of seconds, not str"),
        (lambda chat: chat.say("hi", until=3), "until= takes a text, not int"),
        (lambda chat: chat.say(None), r"say\(\) takes a text, not None"),
        (lambda chat: chat.say({"content": "hi"}), r"say\(\) takes a text, not dict"),
        (lambda chat: chat.edit(None), r"edit\(\) takes a text, not None"),
        (lambda chat: chat.edit("hi", "ho"), r"edit\(\) takes one of `chat.messages`, not str"),
        (lambda chat: chat.say("hi", files="a.txt"), r"no file 'a.txt'.*\(\"a.txt\", b\"text\"\)"),
        (lambda chat: chat.say("hi", files=[b"x"]), "Files are paths, or pairs.*b'x' is neither"),
        (lambda chat: chat.say("hi", files=[("a", "x")]), "Files are paths, or pairs"),
        (lambda chat: chat.rate("hi", "up"), r"rate\(\) takes one of `chat.messages`, not str"),
        (lambda chat: chat.rate(chat.messages[-1], "good"), "one of down, none, up, not 'good'"),
        (lambda chat: chat.open("last"), r"open\(\) takes a chat of `chat.history`"),
        (lambda chat: chat.edit_settings(shrt=True), "A setting is one of short, not 'shrt'"),
    ],
)
def test_a_wrong_value_is_told_with_what_to_write(
    talk: Talk, mistake: Callable[[Any], object], told: str
) -> None:
    chat = talk(ECHO)
    chat.say("hi")
    with pytest.raises(ChatTestError, match=told):
        mistake(chat)
    assert chat.say("again").text == "again"


@pytest.mark.parametrize("answer", [None, 3, True])
def test_what_is_no_answer_is_told(talk: Talk, answer: Any) -> None:
    chat = talk(ASKS)
    chat.say("who")
    with pytest.raises(ChatTestError, match=r"answer\(\) takes a text, a button, files"):
        chat.answer(answer)


def test_one_file_need_not_be_in_a_list(talk: Talk, tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_text("text")
    chat = talk(ASKS)
    chat.say("file")
    assert chat.answer(("a.txt", b"text")).text.endswith("a.txt")
    chat.say("file")
    assert chat.answer(str(tmp_path / "b.txt")).text.endswith("b.txt")


def test_files_for_an_app_that_takes_none_are_told_with_what_it_needs(talk: Talk) -> None:
    with pytest.raises(RefusedError, match=r"415.*set_uploads\(\)") as refused:
        talk(ECHO).say("hi", files=("a.txt", b"text"))
    assert "set_uploads" not in refused.value.told


def test_a_closed_tester_says_so(talk: Talk) -> None:
    with talk(ECHO) as chat:
        answer = chat.say("hi")
    for late in (lambda: chat.say("x"), lambda: chat.messages, lambda: answer.elements[0].content):
        with pytest.raises(ChatTestError, match="This tester is closed"):
            late()


def test_what_returns_no_answer_may_be_awaited_too(talk: Talk) -> None:
    async def use(chat: ChatTester) -> dict[str, Any]:
        found = await chat.settings()
        await chat.close()
        return found

    assert asyncio.run(use(talk(ECHO))) == {"short": False}


def test_the_refusal_of_a_page_is_a_sentence(talk: Talk) -> None:
    with pytest.raises(RefusedError, match=r"or ask the administrator\. Go"):
        talk(ECHO).choose("GPT-4")


@pytest.mark.parametrize(
    ("tester", "told"),
    [
        ({"model": "gpt-4"}, "model= takes a FakeModel"),
        ({"environ": {"PORT": 80}}, "environ= takes texts. Write {'PORT': '80'}"),
        ({"timeout": "10"}, "timeout= takes a number of seconds, not str"),
    ],
)
def test_a_wrong_argument_of_the_tester_is_told(
    tmp_path: Path, tester: dict[str, Any], told: str
) -> None:
    (tmp_path / "app.py").write_text(textwrap.dedent(ECHO))
    with pytest.raises(ChatTestError, match=told):
        ChatTester(tmp_path / "app.py", **tester)


@pytest.mark.parametrize(
    ("make", "script", "told"),
    [
        (FakeModel, "Lima", r"is a list of answers: FakeModel\(\[\"Lima\"\]\)"),
        (FakeModel, {"a": "Lima"}, "is a list of answers"),
        (FakeModel, ["Lima", None], "answers with a text, a ToolCall.*not None"),
        (FakeModel, [["Lima"]], "answers with a text, a ToolCall"),
        (partial(ToolCall, "search"), "{}", "ToolCall takes a name and a dict"),
        (lambda status: ModelError(status=status), 200, "400 to 599, not 200"),
        (lambda delay: FakeModel(["Lima"], delay=delay), -1, "number of seconds from 0"),
    ],
)
def test_a_wrong_script_is_told_when_it_is_made(
    make: Callable[[Any], object], script: Any, told: str
) -> None:
    with pytest.raises(ChatTestError, match=told):
        make(script)


def assert_on_tools(request: ModelRequest) -> str:
    assert request.tools, "no tools were sent"
    return "Lima"


def answer_with_nothing(request: ModelRequest) -> Any:
    del request


@pytest.mark.parametrize(
    ("function", "error", "told"),
    [
        (assert_on_tools, AssertionError, "no tools were sent"),
        (answer_with_nothing, ChatTestError, "answers with a text.*not None"),
    ],
)
def test_what_goes_wrong_in_a_function_that_answers_is_raised(
    talk: Talk, function: Any, error: type[Exception], told: str
) -> None:
    with FakeModel(function) as model:
        chat = talk(
            """
            import chat_profiles as cl
            import openai

            client = openai.OpenAI()

            @cl.on_message
            def answer(message: cl.Message):
                asked = [{"role": "user", "content": message.content}]
                try:
                    client.chat.completions.create(model="m", messages=asked)
                except openai.BadRequestError:
                    cl.Message("The model is not there").send()
            """,
            model=model,
        )
        with pytest.raises(error, match=told):
            chat.say("hi")
        asked = openai.OpenAI(base_url=model.base_url, api_key="any", max_retries=0)
        with asked, pytest.raises(openai.BadRequestError, match=told):
            asked.chat.completions.create(model="m", messages=[])
