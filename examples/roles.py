"""Sign-in, roles, and users that an administrator has made.

What it teaches: `password_auth_callback` turns sign-in on, and `seeded_user` checks the accounts
that you make with `chat-profiles users add`. `set_chat_profiles` gets the user, so it can offer
each role something else. What it does not list cannot be chosen, whatever a browser sends.
`user_session.get("chat_profile")` is the name of a profile, so choose names that read well.

Start it with an admin called demo, or make users of your own first:

    chat-profiles run examples/roles.py --demo
    chat-profiles users add ada --role ADMIN --generate
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
            cl.Starter(label="A whole answer", message="What can an answer look like?"),
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

# What an answer can look like: people judge a chat site by this.
REPLY = """I am a sample, so I only know what you wrote:

> {}

An answer is **Markdown**. It has

- lists, in which you can **stress** words, and [links](https://www.markdownguide.org)
- tables with numbers that line up:

| Profile | For whom | Chats today |
|:--|:--|--:|
| Assistant | everybody | 1,204 |
| Writer | everybody | 87 |
| Operator | admins | 9 |

- and code, which you can copy:

```python
@cl.on_message
async def answer(message: cl.Message) -> None:
    reply = cl.Message()
    async for token in model("{}", message.content):
        await reply.stream_token(token)
    await reply.send()
```

To put a model in my place, look at `examples/openai_client.py`.
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
    name = user.display_name or user.identifier
    cl.Message(content=f"Welcome, {name}. You are talking to **{profile}**.").send()


@cl.on_message
async def answer(message: cl.Message) -> None:
    reply = cl.Message()
    # In a quotation each line begins with ">".
    quoted = message.content.replace("\n", "\n> ")
    for word in REPLY.format(quoted, cl.user_session.get("chat_profile")).split(" "):
        await reply.stream_token(word + " ")
        await asyncio.sleep(0.02)
    await reply.send()
