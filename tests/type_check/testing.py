"""Read by mypy, never run: the test kit in an author's tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any, assert_type

from webapp.testing import Answer, ChatTester, FakeModel, ModelRequest, ShownQuestion, ToolCall


def test_in_def(chat: ChatTester) -> None:
    assert_type(chat.sign_in("ada", role="ADMIN"), ChatTester)
    assert_type(chat.say("hi", files=["a.csv", Path("b.csv"), ("c.txt", b"c")]), Answer)
    assert_type(chat.say("hi").question, ShownQuestion | None)
    values: dict[str, Any] = chat.settings()
    assert_type(values["model"], Any)
    assert_type(chat.settings(model="large"), Answer)
    assert_type(chat.settings({"The model": "large"}), Answer)
    assert "GPT-4" in chat.profiles
    assert chat.profiles[0].description
    chat.say(3)  # type: ignore[arg-type]
    chat.rate(chat.say("hi"), "good")  # type: ignore[arg-type]


async def test_in_async_def() -> None:
    async with ChatTester("app.py") as chat:
        assert_type(await chat.say("hi"), Answer)
        assert_type(await chat.sign_in("ada"), ChatTester)
        assert_type(await chat.settings(), dict[str, Any])


def test_models() -> None:
    def echo(request: ModelRequest) -> str:
        return str(request.messages[-1])

    FakeModel(["Lima", ToolCall("search", {"query": "Peru"}), [ToolCall("a"), ToolCall("b")]])
    FakeModel(echo)
    FakeModel([3])  # type: ignore[list-item]
