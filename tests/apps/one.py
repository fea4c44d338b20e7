"""One profile: there is nothing to choose."""

import webapp as cl


@cl.set_chat_profiles
def chat_profiles() -> list[cl.ChatProfile]:
    return [cl.ChatProfile(name="Librarian", markdown_description="Knows **every** book.")]


@cl.on_chat_start
def start() -> None:
    cl.Message("What would you like to read?").send()
