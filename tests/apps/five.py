"""Five profiles that differ in everything the page shows: icon, length, Markdown, starters."""

import webapp as cl

LONG = (
    "Reads what you paste, **sentence by sentence**, and says what is unclear, what is missing and "
    "what could go. It keeps your own words wherever it can, and gives a reason for each change."
)


@cl.set_chat_profiles
def chat_profiles() -> list[cl.ChatProfile]:
    return [
        cl.ChatProfile(
            name="writer",
            display_name="Writer",
            markdown_description="Drafts letters and *short* texts.",
            starters=[
                cl.Starter(
                    label="A thank-you note", message="Write a thank-you note to a neighbour."
                ),
                cl.Starter(
                    label="A complaint", message="Write a polite complaint about a late train."
                ),
            ],
        ),
        cl.ChatProfile(
            name="editor", display_name="Editor", markdown_description=LONG, default=True
        ),
        cl.ChatProfile(
            name="coder",
            display_name="Coder",
            markdown_description="Knows `Python`, `SQL` and:\n\n- tests\n- types\n- reviews",
        ),
        cl.ChatProfile(name="plain", markdown_description=""),
        cl.ChatProfile(
            name="long",
            display_name="A profile whose label is far longer than any bar can show, at any width",
            markdown_description="Short text, long name. [More about it](https://example.org/).",
        ),
    ]


@cl.on_chat_start
def start() -> None:
    cl.Message(f"You are talking to {cl.user_session.get('chat_profile')}.").send()
