"""A front desk that hands a chat over to somebody who knows.

What it teaches: `switch_profile` continues the same chat under another profile.
`set_profile_switching("continue")` lets users do the same with the list at the top. The messages
and `user_session` stay, and each message keeps the name and icon under which it was sent.

Start it with:  chat-profiles run examples/switching.py
"""

import chat_profiles as cl

cl.set_profile_switching("continue")

# Words that show which profile a question is for.
SPECIALISTS = {"Quick": ("capital", "mean"), "Thorough": ("why", "compare")}


@cl.set_chat_profiles
def chat_profiles() -> list[cl.ChatProfile]:
    return [
        cl.ChatProfile(
            name="Front desk",
            markdown_description="Listens, and hands over to **Quick** or **Thorough**.",
            default=True,
            starters=[
                cl.Starter(label="A capital city", message="What is the capital of Peru?"),
                cl.Starter(label="A long question", message="Why is the sky blue?"),
            ],
        ),
        cl.ChatProfile("Quick", "Answers in one line.", icon="/public/quick.svg"),
        cl.ChatProfile("Thorough", "Weighs several answers.", icon="/public/thorough.svg"),
    ]


@cl.on_chat_start
def start() -> None:
    cl.user_session.set("questions", 0)
    cl.Message(content="Hello! What would you like to know?").send()


@cl.on_message
async def answer(message: cl.Message) -> None:
    asked = cl.user_session.get("questions", 0) + 1
    cl.user_session.set("questions", asked)
    specialist = who_knows(message.content)
    if cl.user_session.get("chat_profile") == "Front desk" and specialist is not None:
        await cl.Message(content=f"That is one for {specialist}.").send()
        await cl.switch_profile(specialist)
    profile = cl.user_session.get("chat_profile")
    await cl.Message(content=f"This is {profile}, with question {asked} of this chat.").send()


def who_knows(question: str) -> str | None:
    """Return the profile that a question is for, or None if no word shows it."""
    words = question.lower().replace("?", " ").split()
    found = [name for name, signs in SPECIALISTS.items() if any(sign in words for sign in signs)]
    return found[0] if found else None
