"""What an app does to messages that it has sent in earlier calls of the same chat."""

from __future__ import annotations

import textwrap

import pytest

from tests.support.apps import AppMaker
from tests.support.chats import ANSWER_SECONDS, Chat
from tests.support.log import LogReader
from tests.support.people import HTMX
from tests.support.rows import column
from webapp.pages import turn_responses as answers

KEEPS = """
import asyncio
import webapp as cl

KEPT, HISTORY = {}, []

def kept():
    return KEPT[cl.user_session.get("id")]

@cl.on_message
async def answer(message):
    if message.content == "first":
        KEPT[cl.user_session.get("id")] = await cl.Message("before", author="Ann").send()
        return
    if message.content == "history":
        HISTORY.append(cl.chat_history())
        return
    %s
    HISTORY.append(cl.chat_history())
"""
ENDS = """
@cl.on_chat_end
def ended():
    %s
"""


def app_that(make_app: AppMaker, does: str, end: str = "", **settings: str) -> Chat:
    """Return a chat in which the app has sent a message, and will do this to it when told to."""
    source = KEEPS % textwrap.indent(textwrap.dedent(does).strip(), "    ").lstrip()
    return Chat(make_app(source + (ENDS % end if end else ""), **settings)).say("first")


def history(chat: Chat) -> list[tuple[str, str]]:
    """Return what the app saw last as the conversation."""
    callback = chat.visitor.app.extensions["chat_app"].callbacks["on_message"].function
    return [(said["role"], said["content"]) for said in callback.__globals__["HISTORY"][-1]]


FIRST = [("user", "first"), ("assistant", "before"), ("user", "go")]


@pytest.mark.parametrize(
    ("does", "text"),
    [
        ("kept().content = 'after'; await kept().update()", "after"),
        ("kept().content = 'after'; await kept().send()", "after"),
        (
            "await kept().stream_token(' and'); await kept().stream_token(' more')",
            "before and more",
        ),
        ("await kept().stream_token(' more'); await kept().send()", "before more"),
        ("await kept().stream_token('anew', is_sequence=True)", "anew"),
    ],
)
def test_a_message_of_an_earlier_call_is_changed_where_it_stands(
    make_app: AppMaker, does: str, text: str
) -> None:
    chat = app_that(make_app, f"{does}; await cl.Message('done').send()").say("go")
    assert chat.messages() == [text, "done"]
    changed = [("user", "first"), ("assistant", text), ("user", "go"), ("assistant", "done")]
    assert history(chat) == changed
    chat.say("history")
    assert history(chat) == [*changed, ("user", "history")]


def test_a_message_of_an_earlier_call_is_taken_back(make_app: AppMaker) -> None:
    chat = app_that(make_app, "await kept().remove(); await cl.Message('done').send()").say("go")
    assert chat.messages() == ["done"]
    assert history(chat) == [("user", "first"), ("user", "go"), ("assistant", "done")]


@pytest.mark.parametrize("again", ["send()", "stream_token('!')"])
def test_what_was_taken_back_can_be_sent_again_as_a_new_message(
    make_app: AppMaker, again: str
) -> None:
    does = f"""
        if message.content == "go":
            await kept().remove()
            await cl.Message("done").send()
        else:
            await kept().{again}
    """
    chat = app_that(make_app, does).say("go").say("again")
    assert chat.messages() == ["done", "before!" if "token" in again else "before"]


def test_a_message_is_taken_back_and_sent_again_in_one_call(make_app: AppMaker) -> None:
    does = """
        wait = await cl.Message("One moment").send()
        await wait.remove()
        await cl.Message("done").send()
        wait.content = "It took a moment"
        await wait.send()
    """
    chat = app_that(make_app, does).say("go")
    assert chat.messages() == ["before", "done", "It took a moment"]


def test_what_was_taken_back_cannot_be_updated(make_app: AppMaker, log: LogReader) -> None:
    chat = app_that(make_app, "await kept().remove(); await kept().update()").say("go")
    assert chat.messages() == []
    assert "was used on a message that was not sent" in log.one("turn.failed")["traceback"]


@pytest.mark.parametrize("polls", ["auto", "poll"])
@pytest.mark.parametrize(
    ("does", "told", "not_told"),
    [
        ("kept().content = 'after'; await kept().update()", "after", "delete"),
        ("await kept().remove()", 'hx-swap="delete"', "before"),
    ],
)
def test_an_open_page_is_told_with_the_answer(
    make_app: AppMaker,
    monkeypatch: pytest.MonkeyPatch,
    does: str,
    told: str,
    not_told: str,
    polls: str,
) -> None:
    for wait in ("QUICK_SECONDS", "HURRIED_SECONDS"):
        monkeypatch.setattr(answers, wait, ANSWER_SECONDS)
    chat = app_that(make_app, f"{does}; await cl.Message('done').send()", streaming=polls)
    kept = chat.page().one(data_testid="message", data_kind="assistant")["data-message-id"]
    form = chat.page().one(id="composer")
    data = {"content": "go", "key": form.one(name="key")["value"]}
    answer = chat.visitor.post(f"{chat.address}/messages", data, htmx=True)
    assert answer.status_code == 200
    assert "done" in answer.text
    partial = answer.text.partition(f'hx-target="#said-{kept}"')[2].partition("</hx-partial>")[0]
    assert told in partial
    assert not_told not in partial


def test_a_page_that_asks_is_told_too(make_app: AppMaker) -> None:
    does = """
        kept().content = "after"
        await kept().update()
        await cl.Message().stream_token("grows")
        await asyncio.sleep(30)
    """
    chat = app_that(make_app, does, streaming="poll")
    chat.begin("go")
    chat.until(lambda: "grows" in chat.page().text)
    answer = chat.visitor.get(chat.page().one(id="turn")["hx-get"], headers=HTMX)
    kept = chat.page().all(data_testid="message", data_kind="assistant")[0]["data-message-id"]
    told = answer.text.partition(f'hx-target="#said-{kept}"')[2].partition("</hx-partial>")[0]
    assert "after" in told
    chat.stop()


@pytest.mark.parametrize(
    ("end", "left"),
    [
        ("kept().content = 'after'; kept().update()", ["after"]),
        ("kept().remove()", []),
        ("kept().stream_token(' more'); cl.Message('Goodbye').send()", ["before more", "Goodbye"]),
    ],
)
def test_the_end_of_a_chat_can_change_them_as_well(
    make_app: AppMaker, end: str, left: list[str]
) -> None:
    chat = app_that(make_app, "pass", end)
    Chat.of(chat.visitor)
    chat.until(lambda: chat.messages() == left)
    assert set(column(chat.visitor.app, "messages.status")) == {"complete"}
