"""A site whose chats begin with a large file, which lies where `LARGE_FILE` says."""

import os

import webapp as cl
from webapp.authoring.elements.files import File


@cl.on_chat_start
async def start() -> None:
    report = File(name="large.bin", path=os.environ["LARGE_FILE"])
    await cl.Message(content="Here is a large file.", elements=[report]).send()
