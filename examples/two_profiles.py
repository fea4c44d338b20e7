"""Two profiles, no sign-in.

What it teaches: a list of profiles is all you need. Each has a name, a description in Markdown that
users can read before they choose, and an icon from the folder `public` beside this file.
`user_session.get("chat_profile")` is the name of the profile with which a chat was started.

Start it with:  chat-profiles run examples/two_profiles.py
"""

import chat_profiles as cl


@cl.set_chat_profiles
async def chat_profiles() -> list[cl.ChatProfile]:
    return [
        cl.ChatProfile(
            name="Quick",
            markdown_description="Short answers, at once. Good for **facts** and *definitions*.",
            icon="/public/quick.svg",
            starters=[
                cl.Starter(label="A capital city", message="What is the capital of Peru?"),
                cl.Starter(label="A short word", message="What does “laconic” mean?"),
            ],
        ),
        cl.ChatProfile(
            name="Thorough",
            markdown_description=(
                "Takes its time and shows its work:\n\n"
                "- weighs several answers\n"
                "- names its sources"
            ),
            icon="/public/thorough.svg",
        ),
    ]


@cl.on_chat_start
async def start() -> None:
    profile = cl.user_session.get("chat_profile")
    await cl.Message(content=f"Hello! This is the **{profile}** profile.").send()


@cl.on_message
async def answer(message: cl.Message) -> None:
    profile = cl.user_session.get("chat_profile")
    await cl.Message(content=f"{profile} has no answer yet to: {message.content}").send()
