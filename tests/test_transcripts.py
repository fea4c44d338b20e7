"""Transcripts of the test kit: the same at each run, and compared with a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from webapp.testing import ChatTester
from webapp.testing.transcript import UPDATE

APP = """
import chat_profiles as cl

cl.set_profile_switching("continue")

@cl.set_chat_profiles
def profiles():
    return [cl.ChatProfile("Quick", "q"), cl.ChatProfile("Slow", "s", display_name="Thorough")]

@cl.author_rename
def rename(author):
    return {"Quick": "Fast one"}.get(author, author)

@cl.step(type="tool", name="Look")
def look(text):
    return "first line\\n\\nsecond line"

@cl.on_message
def answer(message: cl.Message):
    if message.content == "fail":
        raise ValueError("no")
    with cl.Step(name="Search") as step:
        step.input = message.content
        look(message.content)
    cl.TaskList([cl.Task("Look", cl.TaskStatus.DONE)], status="Done").send()
    notes = cl.Text(name="notes.md", content="x")
    cl.Message("It is\\n  **Lima**", elements=[notes]).send()
"""
EXPECTED = """\
User:
  Capital?

Step: Search
  Input:
    Capital?

Step: Search > Look (tool)
  Input:
    {
      "text": "Capital?"
    }
  Output:
    first line

    second line

Tasks: Done
  [done] Look

Fast one:
  It is
    **Lima**
  [text: notes.md]

--- Thorough ---

User:
  fail

Thorough (error)
"""


def talk(folder: Path) -> ChatTester:
    (folder / "an_app.py").write_text(APP)
    chat = ChatTester(folder / "an_app.py")
    chat.say("Capital?")
    chat.choose("Slow")
    chat.say("fail", raises=False)
    return chat


def test_a_transcript_has_all_but_ids_and_times(tmp_path: Path) -> None:
    for _ in range(2):
        with talk(tmp_path) as chat:
            assert chat.transcript() == EXPECTED


def test_a_transcript_is_compared_with_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "transcripts" / "capital.txt"
    with talk(tmp_path) as chat:
        with pytest.raises(AssertionError, match=r"does not exist yet.*--update-transcripts"):
            chat.assert_transcript(file)
        monkeypatch.setenv(UPDATE, "1")
        chat.assert_transcript(file)
        monkeypatch.delenv(UPDATE)
        assert file.read_text() == EXPECTED
        chat.assert_transcript(file)
        file.write_text(EXPECTED.replace("Lima", "Cuzco"))
        with pytest.raises(AssertionError, match=r"(?s)differs from.*-    \*\*Cuzco\*\*\n\+    "):
            chat.assert_transcript(str(file))
