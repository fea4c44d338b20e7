"""The same site with a login: anybody whose password is their name twice."""

import webapp as cl


@cl.password_auth_callback
def log_in(username: str, password: str) -> cl.User | None:
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
            markdown_description="Long answers from a **large** model.",
            icon="/public/thorough.svg",
        ),
    ]


@cl.on_chat_start
async def start() -> None:
    profile = cl.user_session.get("chat_profile")
    await cl.Message(content=f"Starting a chat with the {profile} profile.").send()
