"""The example with a chain of LangChain."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.apps import AppMaker
from tests.support.chats import Chat
from tests.support.steps import forbid_traffic, shown_steps

EXAMPLE = Path(__file__).parent.parent / "examples" / "langchain_steps.py"


def test_the_steps_show_what_was_found_and_asked(
    make_app: AppMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    forbid_traffic(monkeypatch)
    chat = Chat(make_app(EXAMPLE)).say("When does the library open?")
    assert chat.messages()[1].startswith("I only pretend to be a model.")
    steps = {step.type: step for step in shown_steps(chat)}
    assert steps["retrieval"].input == "When does the library open?"
    assert "The library opens at nine." in steps["retrieval"].output
    assert "The library opens at nine." in steps["llm"].input
    assert steps["llm"].output == chat.messages()[1]
