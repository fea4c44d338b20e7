"""Elements: what a message shows beside its text, from the author's code to the page."""

from __future__ import annotations

import textwrap

import pytest
from flask import Flask

from tests.support.apps import AppMaker
from tests.support.chats import Chat
from tests.support.html import Element
from tests.support.people import Visitor

# One pixel, and an SVG with a script.
PNG = (
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c63f8cfc0f01f0005000201f5c6ab2b0000000049454e44ae426082"
)
SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"><script>alert(1)</script></svg>'
)
APP = """
import asyncio

import webapp as cl

PNG = bytes.fromhex("{png}")
SVG = '{svg}'
KEPT = {{}}

@cl.on_message
{head} answer(message):
{body}
"""
# The code of an element, its kind, and what the page has of it.
KINDS = {
    "image": "cl.Image(name='a dot', content=PNG, size='small')",
    "file": "cl.File(name='table.csv', content='a,b')",
    "pdf": "cl.Pdf(name='paper.pdf', content=b'%PDF-1.4 x', page=2)",
    "audio": "cl.Audio(name='beep', content=b'RIFF....WAVEfmt ')",
    "video": "cl.Video(name='tour', content=b'....ftypisom', size='large')",
    "text": "cl.Text(name='notes', content='some **bold** text')",
}


def app_with(make_app: AppMaker, body: str, head: str = "async def") -> Flask:
    text = textwrap.indent(textwrap.dedent(body), "    ")
    return make_app(APP.format(head=head, body=text, png=PNG, svg=SVG), sharing=True)


def elements_of(chat: Chat) -> list[Element]:
    return chat.page().all(data_testid="element")


@pytest.mark.parametrize("head", ["def", "async def"])
@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_shown_and_is_there_after_a_reload(
    make_app: AppMaker, kind: str, head: str
) -> None:
    app = app_with(make_app, f"cl.Message('Look:', elements=[{KINDS[kind]}]).send()", head)
    chat = Chat(app).say("a")
    for _ in range(2):
        [element] = elements_of(chat)
        assert (element["data-kind"], element["data-display"]) == (kind, "inline")
        assert chat.messages() == ["Look:"]
    [address] = {
        (it.get("src") or it["href"]).partition("#")[0]
        for it in element.walk()
        if "/files/" in (it.get("src") or it.get("href") or "")
    }
    assert chat.visitor.get(address).status_code == 200
    assert Visitor(app).get(address).status_code == 404
