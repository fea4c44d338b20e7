"""Sign-in, roles, and users that an administrator has made.

What it teaches: `password_auth_callback` turns sign-in on, and `seeded_user` checks the accounts
that you make with `chat-profiles users add`. `set_chat_profiles` gets the user, so it can offer
each role something else. What it does not list cannot be chosen, whatever a browser sends.
`user_session.get("chat_profile")` is the name of a profile, so choose names that read well.

Make a user and start it with:

    chat-profiles users add ada --role ADMIN --generate
    chat-profiles run examples/roles.py
"""

import asyncio

import chat_profiles as cl

EVERYBODY = [
    cl.ChatProfile(
        name="Assistant",
        markdown_description="For everyday questions. **Remembers nothing** between chats.",
        icon="/public/quick.svg",
        default=True,
        starters=[
            cl.Starter(label="Who is there?", message="Who are you, and who may talk to you?"),
            cl.Starter(label="Some code", message="Show me `hello world` in Python."),
        ],
    ),
    cl.ChatProfile(
        name="Writer",
        markdown_description="Drafts and edits text in *your* tone.",
        icon="/public/thorough.svg",
    ),
]
ADMINS = [
    cl.ChatProfile(
        name="Operator",
        markdown_description="May look into the **live systems**. For admins only.",
        icon="/public/operator.svg",
    ),
]

REPLY = """You wrote: *{}*

I am a sample, so that is all I know. Put a model in my place, as `examples/openai_client.py` does:

```python
@cl.on_message
async def answer(message: cl.Message) -> None:
    reply = cl.Message()
    async for token in model("{}", message.content):
        await reply.stream_token(token)
    await reply.send()
```
"""

cl.password_auth_callback(cl.seeded_user)


@cl.set_chat_profiles
def chat_profiles(current_user: cl.User) -> list[cl.ChatProfile]:
    is_admin = current_user.metadata.get("role") == "ADMIN"
    return EVERYBODY + (ADMINS if is_admin else [])


@cl.on_chat_start
def start() -> None:
    user = cl.user_session.get("user")
    profile = cl.user_session.get("chat_profile")
    cl.Message(content=f"Welcome, {user.display_name or user.identifier}.").send()
    cl.Message(content=f"You are talking to **{profile}**.", author="Guide").send()


@cl.on_message
async def answer(message: cl.Message) -> None:
    reply = cl.Message()
    for word in REPLY.format(message.content, cl.user_session.get("chat_profile")).split(" "):
        await reply.stream_token(word + " ")
        await asyncio.sleep(0.05)
    await reply.send()
