"""Puts one text wherever an app, its users and its profiles can put text.

A test sets the text through `sys.modules["payload"]`; the name of a field says where it goes.
"""

import webapp as cl

PUT: dict[str, str] = {}


@cl.set_chat_profiles
def chat_profiles(current_user: cl.User) -> list[cl.ChatProfile]:
    return [
        cl.ChatProfile(
            name=PUT.get("name", "plain name"),
            markdown_description=PUT.get("description", "plain description"),
            display_name=PUT.get("display_name"),
            icon=PUT.get("icon"),
            starters=[
                cl.Starter(
                    PUT.get("label", "plain"), PUT.get("message", "plain"), icon=PUT.get("icon")
                )
            ],
        ),
        cl.ChatProfile(name="the other", markdown_description="plain"),
    ]


@cl.on_chat_start
def start() -> None:
    cl.Message(PUT.get("content", "plain"), author=PUT.get("author", "plain")).send()


@cl.password_auth_callback
def auth(username: str, password: str) -> cl.User:
    return cl.User(
        identifier=PUT.get("identifier", "plain"),
        display_name=PUT.get("user_name"),
        metadata={"role": PUT.get("role", "plain")},
    )
