"""Keeps what the framework hands to it, and offers what a test asks for.

A test reaches this file's lists through `sys.modules["recorder"]`, since each load starts anew.
"""

import webapp as cl

ASKED: list[tuple[cl.User | None, str]] = []
STARTED: list[str | None] = []
OFFER: list[cl.ChatProfile] = [
    cl.ChatProfile(name="one", markdown_description="First."),
    cl.ChatProfile(name="two", markdown_description="Second.", default=True),
    cl.ChatProfile(name="three", markdown_description="Third."),
]


@cl.set_chat_profiles
def chat_profiles(current_user: cl.User | None, language: str) -> list[cl.ChatProfile]:
    ASKED.append((current_user, language))
    return OFFER


@cl.on_chat_start
def start() -> None:
    STARTED.append(cl.user_session.get("chat_profile"))
