"""The test kit, on every example: each talks with its app as the app's author would."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import openai
import pytest

from tests.support.steps import forbid_traffic
from webapp.testing import ChatTester, FakeModel, ModelError, RefusedError

EXAMPLES = Path(__file__).parent.parent / "examples"
LIBRARY, SHELF = "Search the library", "Look at a shelf"
SWITCHED = """\
Front desk:
  Hello! What would you like to know?

User:
  Why is the sky blue?

Front desk:
  That is one for Thorough.

--- Thorough ---

Thorough:
  This is Thorough, with question 1 of this chat.

--- Quick ---

User:
  And now?

Quick:
  This is Quick, with question 2 of this chat.
"""


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


def test_langchain_steps(chat: ChatTester, monkeypatch: pytest.MonkeyPatch) -> None:
    forbid_traffic(monkeypatch)
    answer = chat.say("When does the library open?")
    assert answer.text.startswith("I only **pretend** to be a model.")
    steps = {step.type: step for step in answer.steps}
    assert steps["retrieval"].name == "NoteFinder"
    assert steps["retrieval"].input == "When does the library open?"
    assert "The library opens at nine." in steps["retrieval"].output
    assert "The library opens at nine." in steps["llm"].input
    assert steps["llm"].output == answer.text


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


@pytest.mark.parametrize(
    ("profile", "seen"),
    [("Open", [LIBRARY, *[f"{LIBRARY} > {SHELF}"] * 3]), ("Tools", [SHELF] * 3), ("Quiet", [])],
)
def test_steps__shows_each_profile_its_steps(
    chat: ChatTester, profile: str, seen: list[str]
) -> None:
    chat.choose(profile)
    answer = chat.say("How?")
    assert [" > ".join([*step.within, step.name]) for step in answer.steps] == seen
    failed = [step for step in answer.steps if step.status == "failed"]
    assert [step.name for step in failed] == ([SHELF] if seen else [])
    assert [task.status for task in answer.tasks] == ["done", "done", "failed"]
    assert answer.text == "- Bring water, a map and time.\n- Salt early, taste often."
    assert [chat.page.count(f'data-testid="{hook}"') for hook in ("step", "task")] == [len(seen), 3]


@pytest.mark.parametrize(
    ("profile", "said"), [("Calm", "Well begun"), ("Hasty", "well begun"), ("Loud", "WELL BEGUN")]
)
def test_streaming_echo__repeats_in_the_manner_of_its_profile(
    chat: ChatTester, profile: str, said: str
) -> None:
    assert "repeat" in chat.choose(profile).text.lower()
    assert chat.say("Well begun").text == said
    assert chat.starters[0].label == "A proverb"


def test_streaming_echo__keeps_line_ends_and_lists(chat: ChatTester) -> None:
    chat.choose("Hasty")
    assert chat.say("one\n\n- two\n- three").text == "one\n\n- two\n- three"
    assert "<li>two</li>\n<li>three</li>" in chat.page


def test_streaming_echo__keeps_what_was_said_before_stop(chat: ChatTester) -> None:
    chat.choose("Calm")
    assert chat.say("word " * 400, until="word").status == "running"  # a minute
    stopped = chat.stop()
    assert (stopped.status, stopped.messages[0].status) == ("stopped", "stopped")
    assert 1 <= stopped.text.count("word") < 400


def test_switching(chat: ChatTester) -> None:
    chat.say(chat.starters[1])
    chat.choose("Quick")
    chat.say("And now?")
    assert chat.profile == "Quick"
    assert chat.transcript() == SWITCHED


def test_two_profiles(chat: ChatTester) -> None:
    assert chat.profiles == ["Quick", "Thorough"]
    assert chat.profiles[0].starters[1].label == "A short word"
    assert chat.choose("Thorough").text == "Hello! This is the **Thorough** profile."
    assert chat.say("Hi").text == "Thorough has no answer yet to: Hi"
