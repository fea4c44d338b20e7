"""Questions that are answered in a form of the app's own."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.apps import AppMaker
from tests.support.chats import Chat
from tests.support.questions import answer, asks, open_question, statuses
from tests.support.rows import column

APP = """
    import chat_profiles as cl

    @cl.on_chat_start
    async def start():
        ticket = cl.CustomElement(name="JiraTicket", props={"levels": ["Low", "High"]})
        res = await cl.AskElementMessage("Create a ticket:", element=ticket, timeout=30).send()
        res["said"] = sorted(res)
        await cl.Message(f"{res}").send()
"""
TEMPLATE = """
<label for="summary">Summary</label> <input id="summary" name="summary" required>
<textarea name="key">as it was</textarea>
<select name="priority">
{% for level in props.levels %}<option>{{ level }}</option>{% endfor %}
</select>
<input type="checkbox" name="tags" value="a"> <input type="checkbox" name="tags" value="b">
<input type="password" name="secret">
"""
FILLED: dict[str, Any] = {
    "form.summary": "Bug",
    "form.key": "k",
    "form.priority": "High",
    "form.tags": ["a", "b"],
}


@pytest.fixture
def chat(make_app: AppMaker) -> Chat:
    """Return a chat that shows a form."""
    folder = make_app.folder / "elements"
    folder.mkdir()
    (folder / "JiraTicket.html").write_text(TEMPLATE)
    return asks(make_app(APP))


def test_the_callback_gets_the_values(chat: Chat) -> None:
    assert answer(chat, submitted="yes", **FILLED).status_code == 303
    chat.until_answered()
    first, told = chat.messages()
    assert first == "Thanks for submitting"
    assert "'summary': 'Bug', 'key': 'k', 'priority': 'High', 'tags': ['a', 'b']" in told
    assert "'submitted': True" in told
    assert statuses(chat) == ["answered"]


def test_cancel_needs_no_values(chat: Chat) -> None:
    assert answer(chat, submitted="no").status_code == 303
    chat.until_answered()
    assert chat.messages()[0] == "Cancelled"
    assert "{'submitted': False" in chat.messages()[1]


def test_the_fields_have_names_of_their_own_and_ask_for_no_password(chat: Chat) -> None:
    question = open_question(chat)
    assert question is not None
    [own] = question.with_class("custom")
    names = {
        str(field["name"]) for tag in ("input", "select", "textarea") for field in own.all(tag)
    }
    assert names == {"form.summary", "form.key", "form.priority", "form.tags", "form.secret"}
    assert not own.all("input", type="password")


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"form.priority": "Whatever"}, 422),
        ({"form.tags": "c"}, 422),
        ({"form.summary": " "}, 422),
        ({"form.other": "x"}, 422),
        ({"form.summary": ["one", "two"]}, 422),
        ({"other": "x"}, 400),
        ({"submitted": "perhaps"}, 422),
        ({"submitted": ["yes", "no"]}, 400),
        ({"content": ["one", "two"]}, 400),
    ],
)
def test_what_the_form_does_not_offer_is_refused(
    chat: Chat, changed: dict[str, Any], status: int
) -> None:
    sent = {"submitted": "yes", **FILLED, **changed}
    refused = answer(chat, **sent)
    assert refused.status_code == status
    assert statuses(chat) == ["open"]
    assert answer(chat, submitted="yes", **FILLED).status_code == 303


def test_a_template_with_a_form_of_its_own_is_refused(make_app: AppMaker) -> None:
    folder = make_app.folder / "elements"
    folder.mkdir()
    (folder / "JiraTicket.html").write_text('<button {{ action("go") }}>Go</button>')
    app = make_app(APP)
    assert Chat(app).page().all(data_testid="question") == []
    assert column(app, "messages.kind")[-1] == "error"
