"""Forty profiles: the panel scrolls inside itself and can be searched."""

import webapp as cl

FIELDS = (
    "Astronomy",
    "Botany",
    "Chemistry",
    "Dentistry",
    "Economics",
    "Forestry",
    "Geology",
    "History",
)
LEVELS = ("basics", "exercises", "sources", "exams", "talks")


@cl.set_chat_profiles
def chat_profiles() -> list[cl.ChatProfile]:
    return [
        cl.ChatProfile(
            name=f"{field} {level}",
            markdown_description=f"Helps with the **{level}** of {field.lower()}.",
        )
        for field in FIELDS
        for level in LEVELS
    ]


@cl.on_chat_start
def start() -> None:
    cl.Message(f"Welcome to {cl.user_session.get('chat_profile')}.").send()
