"""A site with a login that answers at once: anybody whose password is their name twice."""

import webapp as cl


@cl.password_auth_callback
def log_in(username: str, password: str) -> cl.User | None:
    return cl.User(identifier=username) if password == username * 2 else None


@cl.set_chat_profiles
async def chat_profiles(current_user: cl.User | None) -> list[cl.ChatProfile]:
    return [
        cl.ChatProfile(name="Quick", markdown_description="Short answers."),
        cl.ChatProfile(name="Balanced", markdown_description="Answers of some length."),
        cl.ChatProfile(name="Thorough", markdown_description="Long answers."),
    ]


@cl.on_chat_start
async def start() -> None:
    profile = cl.user_session.get("chat_profile")
    await cl.Message(f"Starting a chat with the {profile} profile.").send()


@cl.on_message
async def answer(message: cl.Message) -> None:
    await cl.Message(f"echo: {message.content}").send()
