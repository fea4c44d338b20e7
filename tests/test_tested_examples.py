"""The test kit, on every example: each talks with its app as the app's author would."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import openai
import pytest

from webapp.testing import ChatTester, FakeModel, ModelError, RefusedError

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.fixture
def chat(request: pytest.FixtureRequest) -> Iterator[ChatTester]:
    """Return a tester for the example that the test is named after."""
    name = request.node.name.removeprefix("test_").partition("__")[0]
    with ChatTester(EXAMPLES / f"{name}.py") as chat:
        yield chat


def test_every_example_has_its_test() -> None:
    names = {path.stem for path in EXAMPLES.glob("*.py")}
    tests = {name.removeprefix("test_").partition("__")[0] for name in globals()}
    assert len(names) > 8
    assert names - tests == set()


def test_attachments(chat: ChatTester) -> None:
    assert chat.start().text.startswith("Attach a file")
    assert chat.say("Nothing").text == "There is no file with your message."
    assert chat.upload(("notes.txt", b"one\ntwo\n")).text == "notes.txt has 2 lines."
    chat.choose("Tables")
    answer = chat.upload(("sales.csv", b"year,sold\n2025,3\n2026,4\n"))
    assert answer.text == "sales.csv has 2 rows."
    assert [element.type for element in answer.elements] == ["dataframe"]
    with pytest.raises(RefusedError, match=r"notes\.txt"):
        chat.upload(("notes.txt", b"one"))


def test_langchain_steps(chat: ChatTester) -> None:
    answer = chat.say("When does the library open?")
    assert "I only **pretend**" in answer
    assert "NoteFinder" in [step.name for step in answer.steps]
    assert "The library opens at nine." in "".join(step.output for step in answer.steps)


def test_languages(chat: ChatTester) -> None:
    assert chat.profiles == ["small", "large"]
    assert chat.profiles[0].description.startswith("Welcome!")
    assert chat.choose("large").text == f"Chat {chat.chat_id} is ready."


def test_openai_client__answers() -> None:
    model = FakeModel(["Once upon a **time**.", ModelError(status=500)])
    environ = {"OPENAI_MODELS": "a-model,another"}
    with ChatTester(EXAMPLES / "openai_client.py", model=model, environ=environ) as chat:
        assert chat.profiles == ["a-model", "another"]
        chat.choose("another")
        assert chat.say("A story, please").text == "Once upon a **time**."
        assert "The model server failed (status 500)" in chat.say("More")
    assert [request.model for request in model.requests] == ["another", "another"]
    assert model.requests[0].stream
    assert [message["content"] for message in model.requests[1].messages] == [
        "A story, please",
        "Once upon a **time**.",
        "More",
    ]


def test_openai_client__raises_what_it_does_not_expect() -> None:
    model = FakeModel([ModelError(status=400)])
    with (
        ChatTester(EXAMPLES / "openai_client.py", model=model) as chat,
        pytest.raises(openai.BadRequestError),
    ):
        chat.say("A story, please")


def test_roles(chat: ChatTester) -> None:
    chat.sign_in("ada", display_name="Ada L.", role="ADMIN")
    assert chat.profiles == ["Assistant", "Writer", "Operator"]
    assert chat.choose("Operator").text == "Welcome, Ada L.. You are talking to **Operator**."
    assert "> Hello" in chat.say("Hello")
    bob = chat.new_browser().sign_in("bob", role="USER")
    with pytest.raises(RefusedError, match=r"Operator.* is not offered to you"):
        bob.choose("Operator")
    assert [starter.label for starter in bob.starters] == ["Who is there?", "A whole answer"]


def test_steps(chat: ChatTester) -> None:
    answer = chat.say("Help me", timeout=20)
    assert [(step.name, step.within, step.status) for step in answer.steps] == [
        ("Search the library", (), "complete"),
        ("Look at a shelf", ("Search the library",), "complete"),
        ("Look at a shelf", ("Search the library",), "complete"),
        ("Look at a shelf", ("Search the library",), "failed"),
    ]
    assert [task.status for task in answer.tasks] == ["done", "done", "failed"]
    assert answer.text == "- Bring water, a map and time.\n- Salt early, taste often."
    chat.choose("Quiet")
    assert chat.say("Help me").steps == ()


def test_streaming_echo(chat: ChatTester) -> None:
    assert chat.choose("Hasty").text == "hello! write something, and i will repeat it."
    assert chat.say("Say THIS").text == "say this"
    chat.choose("Calm")
    assert chat.starters[0].label == "A proverb"
    growing = chat.say("one two three four five six seven eight nine ten", until="two")
    assert growing.status == "running"
    stopped = chat.stop()
    assert stopped.status == "stopped"
    assert "ten" not in stopped


def test_switching(chat: ChatTester) -> None:
    assert chat.start().text == "Hello! What would you like to know?"
    answer = chat.say(chat.starters[1])
    assert answer.text.endswith("This is Thorough, with question 1 of this chat.")
    assert chat.profile == "Thorough"
    chat.choose("Quick")
    assert "This is Quick, with question 2" in chat.say("And now?")


def test_two_profiles(chat: ChatTester) -> None:
    assert chat.profiles == ["Quick", "Thorough"]
    assert chat.profiles[0].starters[1].label == "A short word"
    assert chat.choose("Thorough").text == "Hello! This is the **Thorough** profile."
    assert chat.say("Hi").text == "Thorough has no answer yet to: Hi"
