"""The example of steps: each profile shows what it says it shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.apps import AppMaker
from tests.support.chats import Chat
from tests.test_shown_steps import looks, paths

EXAMPLE = Path(__file__).parent.parent / "examples" / "steps.py"
SHELF = "Look at a shelf"


@pytest.mark.parametrize(
    ("profile", "seen"),
    [
        ("Open", ["Search the library", *[f"Search the library/{SHELF}"] * 3]),
        ("Tools", [SHELF] * 3),
        ("Quiet", []),
    ],
)
def test_each_profile_shows_its_steps(make_app: AppMaker, profile: str, seen: list[str]) -> None:
    chat = Chat(make_app(EXAMPLE), profile).say("How?")
    page = chat.page()
    assert paths(page) == seen
    assert [status for name, status in looks(page) if name == SHELF].count("failed") == (
        1 if seen else 0
    )
    assert [task["data-status"] for task in page.all(data_testid="task")] == [
        "done",
        "done",
        "failed",
    ]
    assert "taste often" in chat.messages()[-1]
