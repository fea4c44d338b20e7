"""The site whose cost is measured: a login (the name twice), three profiles, and short answers."""

import asyncio

import webapp as cl


@cl.password_auth_callback
def sign_in(username: str, password: str) -> cl.User | None:
    return cl.User(identifier=username) if password == username * 2 else None


@cl.set_chat_profiles
async def chat_profiles(current_user: cl.User | None) -> list[cl.ChatProfile]:
    return [
        cl.ChatProfile(
            name="Quick",
            markdown_description="Short answers from a **small** model.",
            icon="/public/quick.svg",
        ),
        cl.ChatProfile(
            name="Thorough",
            markdown_description="Long answers from a **large** model, *with sources*.",
            icon="/public/thorough.svg",
        ),
        cl.ChatProfile(name="Patient", markdown_description="Waits for a **slow** model."),
    ]


@cl.on_chat_start
async def start() -> None:
    user, profile = cl.user_session.get("user"), cl.user_session.get("chat_profile")
    await cl.Message(f"You talk to {profile}, {user.identifier}.").send()


@cl.on_message
async def answer(message: cl.Message) -> None:
    """Answer `wait SECONDS`, `stream WORDS MILLISECONDS`, and anything else at once."""
    kind, *numbers = message.content.split()
    if kind == "wait":
        await asyncio.sleep(float(numbers[0]))
        await cl.Message("the-end").send()
    elif kind == "stream":
        reply = cl.Message("")
        for number in range(int(numbers[0])):
            await reply.stream_token(f"word{number} ")
            await asyncio.sleep(int(numbers[1]) / 1_000)
        await reply.stream_token("the-end")
        await reply.send()
    else:
        await cl.Message(f"echo: {message.content}").send()
