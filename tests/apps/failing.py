"""A chat start that says something, and then fails."""

import webapp as cl


@cl.set_chat_profiles
def chat_profiles() -> list[cl.ChatProfile]:
    return [cl.ChatProfile(name=name, markdown_description="Fails.") for name in ("one", "two")]


@cl.on_chat_start
def start() -> None:
    cl.Message("Just a moment …").send()
    raise RuntimeError("the model is gone")
