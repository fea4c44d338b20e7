"""The site that is measured: two profiles with icons of its own, and no login."""

import webapp as cl


@cl.set_chat_profiles
async def chat_profiles() -> list[cl.ChatProfile]:
    return [
        cl.ChatProfile(
            name="Quick",
            markdown_description="Short answers from a **small** model.",
            icon="/public/quick.svg",
        ),
        cl.ChatProfile(
            name="Thorough",
            markdown_description="Long answers from a **large** model.",
            icon="/public/thorough.svg",
        ),
    ]


@cl.on_chat_start
async def start() -> None:
    profile = cl.user_session.get("chat_profile")
    await cl.Message(content=f"Starting a chat with the {profile} profile.").send()
