"""The command `chat-profiles new`."""

from __future__ import annotations

import os
import re
import shlex
from contextlib import ExitStack
from pathlib import Path

import click

from webapp.console import BadInputError, file_problem, note, say

APP = '''"""A chat app. Start it with: chat-profiles run app.py"""

import chat_profiles as cl


@cl.set_chat_profiles
async def profiles():
    return [
        cl.ChatProfile(
            name="Echo",
            markdown_description="Says what you say. Put your **model** in its place.",
            starters=[cl.Starter(label="Say hello", message="Hello!")],
        ),
    ]


@cl.on_message
async def answer(message: cl.Message):
    reply = cl.Message()
    for word in f"You wrote: {message.content}".split(" "):
        await reply.stream_token(word + " ")
    await reply.send()
'''
TEST = '''"""Run it with: python -m pytest"""


def test_the_app_answers(chat):
    assert "You wrote: Hello!" in chat.say("Hello!")
'''
ENVIRONMENT = """# `chat-profiles run` sets these variables, unless they are set.
# Keep this file to yourself.
# OPENAI_API_KEY=
"""
IGNORED = """.env
instance/
__pycache__/
"""
FILES = {"app.py": APP, "test_app.py": TEST, ".env": ENVIRONMENT, ".gitignore": IGNORED}
# A repository often has these. They are left as they are.
_MAY_BE_THERE = (".env", ".gitignore")
_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,99}", re.ASCII)


@click.command(short_help="Make an app file, a test and a .env in a folder.")
@click.argument("name")
def new(name: str) -> None:
    """Make an app file that answers, a test of it, and a .env for keys in the folder NAME.

    NAME may be a path, and folders that are not there are made. Nothing that is there is changed.

    \b
    Example:
      chat-profiles new my-chat
      chat-profiles new apps/helper
      chat-profiles new .

    \b
    Then start the app:
      cd my-chat
      chat-profiles run app.py
    """
    folder = Path(os.path.normpath(Path.cwd() / name))
    missing = _missing_folders(folder, name)
    there = [file for file in FILES if os.path.lexists(folder / file)]
    shown = "this folder" if folder == Path.cwd() else name
    if code := [file for file in there if file not in _MAY_BE_THERE]:
        raise BadInputError(
            f"{', '.join(code)} in {shown} would be overwritten; move what is there, "
            "or choose another folder"
        )
    try:
        _make(missing, folder, there)
    except OSError as error:
        raise BadInputError(file_problem(error)) from error
    files = ", ".join(file for file in FILES if file not in there)
    outcome = f"Made {name} with {files}." if missing else f"Made {files} in {shown}."
    # `cd` takes a name that begins with a hyphen for an option.
    way = "" if folder == Path.cwd() else f"cd {shlex.quote(re.sub('^-', './-', name))} && "
    say(f"{outcome} To start it: {way}chat-profiles run app.py")
    if there:
        stay = "stay as they were" if len(there) > 1 else "stays as it was"
        note(f"{' and '.join(there)} {stay}.{_advice(folder / '.gitignore')}")


def _advice(file: Path) -> str:
    """Return what to add to a .gitignore, or nothing."""
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").split()
    except OSError:
        lines = []
    lacks = [line for line in IGNORED.split() if not {line, line.rstrip("/")} & {*lines}]
    return f" Add to .gitignore: {', '.join(lacks)}" if lacks else ""


def _missing_folders(folder: Path, name: str) -> list[Path]:
    """Return which of a folder and those around it are not there yet, the outermost first."""
    way = [*reversed(folder.parents), folder]
    missing = [each for each in way if not os.path.lexists(each)]
    bad = [each.name for each in missing if not _NAME.fullmatch(each.name)]
    if bad or not name.strip():
        raise BadInputError(
            f"{(bad or [name])[0]!r:.60} is no name of a folder; use letters, digits and hyphens, "
            "such as my-chat"
        )
    for each in way[: len(way) - len(missing)]:
        if not each.is_dir():
            shown = name if each == folder else os.path.relpath(each)
            raise BadInputError(f"{shown} is there already, and is no folder; choose another name")
    return missing


def _make(folders: list[Path], last: Path, there: list[str]) -> None:
    """Make folders, and the files in the last one, or nothing at all."""
    with ExitStack() as undo:
        for folder in folders:
            folder.mkdir()
            undo.callback(folder.rmdir)
        for file, content in FILES.items():
            if file in there:
                continue
            # "x": another program may have made the file a moment ago.
            with (last / file).open("x", encoding="utf-8") as opened:
                undo.callback((last / file).unlink)
                opened.write(content)
        undo.pop_all()
