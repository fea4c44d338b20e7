"""The plugin for authors' tests, in a pytest of its own as in an author's project."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
APP = """
import os
import chat_profiles as cl
from openai import OpenAI

client = OpenAI() if os.environ.get("OPENAI_BASE_URL") else None

@cl.on_message
def answer(message: cl.Message):
    if message.content == "half":
        return half(message)
    if client is not None:
        asked = [{"role": "user", "content": message.content}]
        said = client.chat.completions.create(model="m", messages=asked)
        return cl.Message(said.choices[0].message.content).send()
    cl.Message(f"You wrote: {message.content}").send()

def half(message):
    return 1 / 0
"""


def run_pytest(folder: Path, tests: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the tests of an author's project, whose app file is ``app.py``."""
    (folder / "app.py").write_text(APP)
    (folder / "test_app.py").write_text(textwrap.dedent(tests))
    command = [sys.executable, "-W", "error", "-m", "pytest", "-p", "chat_profiles_pytest"]
    command += ["-p", "no:cacheprovider", "--strict-markers", "-q", *options]
    # Other plugins of our environment take longer to import than the tests to run.
    environ = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.run(
        command, cwd=folder, env=environ, capture_output=True, text=True, check=False
    )


def test_the_fixtures_talk_with_the_app_file_of_the_project(tmp_path: Path) -> None:
    (tmp_path / "other.py").write_text(APP.replace("You wrote", "I read"))
    ran = run_pytest(
        tmp_path,
        """
        import pytest

        def test_chat(chat):
            assert chat.say("hi").text == "You wrote: hi"

        @pytest.mark.chat_app("other.py", timeout=3)
        def test_marker(chat):
            assert chat.say("hi").text == "I read: hi"
            assert chat.page

        def test_tester(chat_tester):
            one, two = chat_tester(), chat_tester("other.py")
            assert (one.say("1").text, two.say("2").text) == ("You wrote: 1", "I read: 2")

        def test_model(fake_model, chat_tester):
            model = fake_model(["Lima"])
            assert chat_tester("app.py").say("Capital?").text == "Lima"
            assert model.requests[0].messages[0]["content"] == "Capital?"

        def test_failure(chat):
            chat.say("half")

        def test_no_transcript(chat):
            chat.say("hi")
            chat.assert_transcript("hi.txt")
        """,
    )
    assert "2 failed, 4 passed" in ran.stdout, ran.stdout + ran.stderr
    assert ran.returncode == 1
    # The lines of the author, and none of ours.
    assert "app.py:19: ZeroDivisionError" in ran.stdout
    assert "return half(message)" in ran.stdout
    assert "webapp/" not in ran.stdout
    assert "Write it with `pytest --update-transcripts`" in ran.stdout


def test_the_setting_names_the_app_file_and_the_option_writes_transcripts(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "bot.py").write_text(APP.replace("You wrote", "I read"))
    (tmp_path / "pytest.ini").write_text("[pytest]\nchat_app = src/bot.py\n")
    tests = """
        def test_chat(chat):
            assert chat.say("hi").text == "I read: hi"
            chat.assert_transcript("transcripts/hi.txt")
    """
    ran = run_pytest(tmp_path, tests, "--update-transcripts")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    written = (tmp_path / "transcripts" / "hi.txt").read_text()
    assert written == "User:\n  hi\n\nChat Profiles:\n  I read: hi\n"


def test_a_project_without_chats_does_not_import_the_framework(tmp_path: Path) -> None:
    ran = run_pytest(
        tmp_path,
        """
        import sys

        def test_nothing(pytestconfig):
            assert pytestconfig.pluginmanager.hasplugin("chat_profiles_pytest")
            assert {"webapp", "chat_profiles", "flask", "sqlalchemy"} & sys.modules.keys() == set()
        """,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_pytest_finds_the_plugin_under_the_name_of_its_module() -> None:
    # pytest would refuse a second name, where somebody also writes `-p chat_profiles_pytest`.
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["pytest11"] == {"chat_profiles_pytest": "chat_profiles_pytest"}
    assert pytest.importorskip("chat_profiles_pytest")


def test_a_failed_test_shows_what_the_app_has_said(tmp_path: Path) -> None:
    ran = run_pytest(
        tmp_path,
        """
        def test_missing(chat):
            assert "Lima" in chat.say("hi")

        def test_unwanted(chat):
            assert "wrote" not in chat.say("hi")

        def test_no_answer():
            assert "Lima" in "You wrote: hi"
        """,
    )
    assert "3 failed" in ran.stdout
    assert "'Lima' in what the app said (complete):\nE         You wrote: hi" in ran.stdout
    assert "'wrote' not in what the app said (complete):" in ran.stdout
    assert "assert 'Lima' in 'You wrote: hi'" in ran.stdout
    assert "ShownMessage" not in ran.stdout
