"""Formulas and footnotes of a chat: found, exported, shared and copied."""

from __future__ import annotations

from tests.support.apps import AppMaker
from tests.support.chats import Chat
from tests.support.exports import exported, said, store_chat
from tests.support.html import Element, parse
from tests.support.people import Visitor
from tests.test_sharing import shared

TEXT = "By $E = mc^2$ we know[^1].\n\n$$\n\\frac{a}{b}\n$$\n\n[^1]: Since *1905*.\n"
STEPS = """
import webapp as cl

@cl.on_message
def answer(message):
    for _ in range(2):
        with cl.Step(name="Look", show_input=True) as step:
            step.input = "in[^1]\\n\\n[^1]: note"
            step.output = "out[^1]\\n\\n[^1]: note"
"""
PATTERN = """
import webapp as cl

@cl.on_message
def answer(message):
    text = cl.Message()
    for token in ("Match [^a", "bc] here.\\n\\n", "More.\\n\\n", "End."):
        text.stream_token(token)
    text.send()
"""


def ids(page: Element) -> list[str]:
    return [e["id"] for e in page.walk() if "id" in e.attributes]


def test_footnotes_of_a_shared_page_lead_to_each_other(alice: Visitor, bob: Visitor) -> None:
    chat = store_chat(alice.app, said("Why?"), said(TEXT, "assistant"), said(TEXT, "assistant"))
    for page in (parse(alice.get(chat).text), parse(bob.get(shared(alice, chat)).text)):
        assert len(ids(page)) == len(set(ids(page)))
        links = [link["href"] for sup in page.all("sup") for link in sup.all("a")]
        assert len(set(links)) == 2
        assert {link[1:] for link in links} <= set(ids(page))
        assert len(page.all("math")) == 4


def test_exports_have_what_was_typed(alice: Visitor) -> None:
    chat = store_chat(alice.app, said("Why?"), said(TEXT, "assistant"))
    markdown = alice.get(f"{chat}/export?format=markdown").text
    assert "".join(f"    {line}" for line in TEXT.splitlines(keepends=True)) in markdown
    messages = exported(alice, chat)["chats"][0]["messages"]
    assert messages[-1]["content"] == TEXT


def test_the_words_of_formulas_are_found(make_app: AppMaker) -> None:
    chat = Chat(make_app(PATTERN)).say(TEXT)
    for word, count in (("mc", 1), ("frac", 1), ("1905", 1), ("nowhere", 0)):
        page = parse(chat.visitor.get("/chats", query_string={"q": word}).text)
        assert len(page.all(data_testid="history-item")) == count, word


def test_what_a_user_types_is_not_typeset(alice: Visitor) -> None:
    chat = store_chat(alice.app, said(TEXT))
    page = parse(alice.get(chat).text)
    assert page.all("math") == []
    assert "$E = mc^2$" in page.one(data_testid="message").text


def test_a_step_and_its_input_have_footnotes_of_their_own(make_app: AppMaker) -> None:
    page = Chat(make_app(STEPS)).say("Go").page()
    assert len(page.all("aside", class_="footnote")) == 4
    assert len(ids(page)) == len(set(ids(page)))


def test_what_looks_like_a_reference_is_text_in_the_end(make_app: AppMaker) -> None:
    chat = Chat(make_app(PATTERN)).say("Go")
    assert "Match [^abc] here." in chat.messages()[-1]
    assert chat.page().all("sup") == []
