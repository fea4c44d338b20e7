"""A site with a login and a history: anybody whose password is their name twice."""

import webapp as cl

# As long as an answer of `history_data.py`.
ANSWER = " ".join(f"word{number}" for number in range(40))


@cl.password_auth_callback
def log_in(username: str, password: str) -> cl.User | None:
    return cl.User(identifier=username) if password == username * 2 else None


@cl.set_chat_profiles
async def chat_profiles() -> list[cl.ChatProfile]:
    return [
        cl.ChatProfile(name="Quick", markdown_description="Short answers."),
        cl.ChatProfile(name="Thorough", markdown_description="Long answers."),
    ]


@cl.on_message
async def answer(message: cl.Message) -> None:
    await cl.Message(ANSWER).send()
