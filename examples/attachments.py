"""A reader of the files that its users attach.

What it teaches: `set_uploads` lets users attach files, and a profile may have rules of its own.
`message.elements` has what they attached: its name, its type, and the path of a copy for this call.

Start it with:  chat-profiles run examples/attachments.py
"""

import csv
from pathlib import Path

import chat_profiles as cl

cl.set_uploads(accept=["image/*", "text/*"], max_files=5, max_megabytes=10)


@cl.set_chat_profiles
def chat_profiles() -> list[cl.ChatProfile]:
    return [
        cl.ChatProfile("Everything", "Shows pictures, and counts the lines of texts."),
        cl.ChatProfile(
            "Tables",
            "Reads **CSV** files, one at a time.",
            uploads=cl.Uploads(accept=[".csv"], max_files=1),
        ),
    ]


@cl.on_chat_start
def start() -> None:
    cl.Message("Attach a file: with the button, by dropping it here, or by pasting it.").send()


@cl.on_message
def answer(message: cl.Message) -> None:
    if not message.elements:
        cl.Message("There is no file with your message.").send()
    for file in message.elements:
        if isinstance(file, cl.Image):
            cl.Message(f"You sent the picture {file.name}:", elements=[file]).send()
            continue
        text = Path(str(file.path)).read_text(errors="replace")
        if cl.user_session.get("chat_profile") == "Tables":
            rows = list(csv.DictReader(text.splitlines()))
            table = cl.Dataframe(data=rows, name=file.name)
            cl.Message(f"{file.name} has {len(rows)} rows.", elements=[table]).send()
        else:
            cl.Message(f"{file.name} has {len(text.splitlines())} lines.").send()
