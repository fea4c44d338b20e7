"""For programs: it says who asks, remembers, waits and fails."""

import asyncio

import webapp as cl

cl.password_auth_callback(cl.seeded_user)


@cl.set_chat_profiles
def chat_profiles(current_user: cl.User) -> list[cl.ChatProfile]:
    names = ["public", "team"]
    if current_user.metadata.get("role") == "ADMIN":
        names.append("admin-only")
    return [cl.ChatProfile(name=name, markdown_description=name) for name in names]


@cl.on_chat_start
async def start() -> None:
    cl.user_session.set("started", cl.user_session.get("chat_profile"))
    await cl.Message("Welcome!").send()


@cl.on_message
async def answer(message: cl.Message) -> None:
    if message.content == "fail":
        raise RuntimeError("a secret of the author")
    if message.content == "history":
        said = [f"{message['role']}: {message['content']}" for message in cl.chat_history()]
        await cl.Message(" | ".join(said)).send()
        return
    if message.content == "wait":
        reply = cl.Message()
        await reply.stream_token("one ")
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cl.user_session.set("cancelled", True)
            raise
    if message.content == "rewrite":
        reply = cl.Message("Thinking")
        await reply.send()
        reply.content = "Thought"
        await reply.update()
        return
    async with cl.Step(name="look", type="tool") as step:
        step.input, step.output = {"for": message.content}, "found"
    reply = cl.Message()
    for word in ("You ", "said ", message.content):
        await reply.stream_token(word)
    await reply.send()
    user, started = cl.user_session.get("user"), cl.user_session.get("started")
    await cl.Message(f"{user.identifier} under {started}").send()
