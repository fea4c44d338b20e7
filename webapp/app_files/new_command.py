"""The command `chat-profiles new`."""

from __future__ import annotations

import re
from pathlib import Path

import click

from webapp.console import BadInputError, file_problem, say

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
_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,99}", re.ASCII)


@click.command(short_help="Make a folder with an app file, a test and a .env.")
@click.argument("name")
def new(name: str) -> None:
    """Make the folder NAME with an app file that answers, a test of it, and a .env for keys.

    \b
    Example:
      chat-profiles new my-chat
      cd my-chat
      chat-profiles run app.py
    """
    if not _NAME.fullmatch(name):
        raise BadInputError(
            f"{name!r:.60} is no name of a folder; use letters, digits and hyphens, such as my-chat"
        )
    folder = Path(name)
    try:
        folder.mkdir()
        for file, content in FILES.items():
            (folder / file).write_text(content, encoding="utf-8")
    except FileExistsError as error:
        raise BadInputError(f"{name} is there already; choose another name") from error
    except OSError as error:
        raise BadInputError(file_problem(error)) from error
    say(f"Made {name} with {', '.join(FILES)}. To start it: cd {name} && chat-profiles run app.py")
