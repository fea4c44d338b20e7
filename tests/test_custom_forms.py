"""Forms and buttons in an app's own elements: what they send, and what their callback gets."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.support.apps import AppMaker
from tests.support.chats import Chat
from tests.support.html import Element, parse
from tests.support.people import Visitor
from tests.support.rows import every_row

APP = """
    import webapp as cl

    @cl.password_auth_callback
    def let_in(username, password):
        return cl.User(identifier=username)

    GOT = []

    @cl.on_message
    async def answer(message):
        ticket = cl.CustomElement(name="Ticket", props={"id": 7, "count": 1, "sizes": ["S", "M"]})
        await cl.Message("Your ticket:", elements=[ticket]).send()
        cl.user_session.set("ticket", ticket)

    @cl.action_callback("save")
    async def save(action):
        GOT.append(action.payload)
        await cl.Message("Saved.").send()

    @cl.action_callback("count")
    async def count(action):
        ticket = cl.user_session.get("ticket")
        ticket.props["count"] += action.payload["by"]
        await ticket.update()

    @cl.action_callback("close")
    async def close():
        await cl.user_session.get("ticket").remove()
"""
TICKET = """
<form class="ticket" {{ action("save", {"ticket": props.id, "of": "s3cret"}) }}>
  <label for="title">Title</label> <input id="title" name="title" required maxlength="50">
  <textarea name="text"></textarea>
  <select name="size">{% for size in props.sizes %}<option>{{ size }}</option>{% endfor %}</select>
  <label><input type="checkbox" name="tags" value="a"> A</label>
  <label><input type="checkbox" name="tags" value="b"> B</label>
  <input type="hidden" name="version" value="3">
  <button name="how" value="now">Save</button>
  <button {{ action("close") }}>Close</button>
</form>
<p>Count: {{ props.count }}</p>
<button {{ action("count", {"by": 2}) }}>Add 2</button>
"""
FILLED = {
    "form.title": "A lamp",
    "form.text": "It is <b>dark</b>.",
    "form.size": "M",
    "form.tags": ["a", "b"],
    "form.version": "3",
    "form.how": "now",
}


@pytest.fixture
def templates(make_app: AppMaker) -> Path:
    """Return the folder of templates beside the app file, with one in it."""
    folder = make_app.folder / "elements"
    folder.mkdir()
    (folder / "Ticket.html").write_text(TICKET)
    return folder


@pytest.fixture
def app(make_app: AppMaker, templates: Path) -> Flask:
    return make_app(APP, sharing="on")


@pytest.fixture
def chat(app: Flask) -> Chat:
    return Chat.of(Visitor(app).logged_in("alice")).say("Hi")


def got(app: Flask) -> list[dict[str, object]]:
    found: list[dict[str, object]] = (
        app.extensions["chat_app"].callbacks["on_message"].function.__globals__["GOT"]
    )
    return found


def custom(chat: Chat) -> Element:
    return chat.page().one(data_kind="custom")


def send(chat: Chat, path: str, **fields: object) -> TestResponse:
    answer = chat.visitor.post(path, {"key": str(uuid.uuid4()), **fields})
    chat.until_answered()
    return answer


def test_a_form_gives_its_values_to_the_callback(chat: Chat, app: Flask) -> None:
    form = custom(chat).one("form", class_="ticket")
    assert form["method"] == "post"
    assert form["action"] == form["hx-post"]
    names = {field.get("name") for field in form.walk()} - {None, "csrf_token", "key", "message"}
    assert names == set(FILLED)
    assert send(chat, form["action"], **FILLED).status_code == 303
    assert got(app) == [
        {
            "ticket": 7,
            "of": "s3cret",
            "form": {
                "title": "A lamp",
                "text": "It is <b>dark</b>.",
                "size": "M",
                "tags": ["a", "b"],
                "version": "3",
                "how": "now",
            },
        }
    ]
    assert "Saved." in chat.page().text


def test_a_button_changes_the_element_and_another_removes_it(chat: Chat) -> None:
    for count in ("3", "5"):
        [add] = [it for it in custom(chat).all("button") if it.text == "Add 2"]
        outside = custom(chat).one("form", id=add["form"])
        assert outside.all("input", name="csrf_token")
        assert send(chat, add["formaction"]).status_code == 303
        assert f"Count: {count}" in custom(chat).text
    [close] = [it for it in custom(chat).all("button") if it.text == "Close"]
    assert send(chat, close["formaction"], **FILLED).status_code == 303
    assert not chat.page().all(data_kind="custom")
    assert send(chat, close["formaction"], **FILLED).status_code == 404


def test_its_buttons_have_the_hooks_of_actions(chat: Chat) -> None:
    shown = custom(chat).all(data_testid="action")
    assert [it["data-name"] for it in shown] == ["save", "close", "count"]
    assert "s3cret" not in chat.visitor.get(chat.address).text


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"form.other": "x"}, 400),
        ({"title": "x"}, 400),
        ({"form.size": "XL"}, 422),
        ({"form.version": "4"}, 422),
        ({"form.tags": ["a", "c"]}, 422),
        ({"form.text": "x" * 100_000}, 413),
    ],
)
def test_what_the_form_does_not_offer_is_refused(
    chat: Chat, app: Flask, changed: dict[str, object], status: int
) -> None:
    path = custom(chat).one("form", class_="ticket")["action"]
    before = every_row(app)
    answer = send(chat, path, **{**FILLED, **changed})
    assert answer.status_code == status
    assert every_row(app) == before
    assert not got(app)


def test_an_answer_brings_the_form_a_new_key(chat: Chat) -> None:
    form = custom(chat).one("form", class_="ticket")
    [key] = form.all("input", name="key")
    fields = {"key": key["value"], **FILLED}
    answer = chat.visitor.post(form["action"], fields, htmx=True)
    [new] = parse(answer.text).all("input", id=key["id"])
    assert new["value"] != key["value"]


def test_forms_are_disabled_for_the_readers_of_a_link(chat: Chat, app: Flask) -> None:
    assert chat.visitor.post(f"{chat.address}/share").status_code == 303
    field = parse(chat.visitor.get(f"{chat.address}/share").text).one(data_testid="share-link")
    reader = Visitor(app).logged_in("bob")
    text = reader.get(field["value"].removeprefix("http://localhost")).text
    shown = parse(text).one(data_kind="custom")
    assert "Count: 1" in shown.text
    assert not shown.all(data_testid="action")
    for tag in ("button", "input", "select", "textarea"):
        for each in shown.all(tag):
            assert "disabled" in each.attributes
    assert all("action" not in form.attributes for form in shown.all("form"))
    assert "hx-post" not in text.partition('data-kind="custom"')[2]


def test_exports_have_no_payloads_of_forms(chat: Chat) -> None:
    for kind in ("json", "markdown"):
        exported = chat.visitor.get(f"{chat.address}/export?format={kind}").text
        assert "sizes" in exported
        assert "s3cret" not in exported


def test_a_template_that_has_changed_sends_nothing_that_was_not_stored(
    chat: Chat, templates: Path
) -> None:
    changed = TICKET.replace('{"by": 2}', '{"by": 2000}')
    (templates / "Ticket.html").write_text(changed)
    [add] = [it for it in custom(chat).all("button") if it.text == "Add 2"]
    assert "disabled" in add.attributes
    assert "formaction" not in add.attributes


@pytest.mark.parametrize("where", ["side", "page"])
def test_forms_work_beside_the_chat_and_on_a_page_of_their_own(
    make_app: AppMaker, templates: Path, where: str
) -> None:
    app = make_app(APP.replace('name="Ticket", ', f'name="Ticket", display="{where}", '))
    chat = Chat.of(Visitor(app).logged_in("alice")).say("Hi")
    address = chat.page().all(data_testid="element-link")[0]["href"]
    page = parse(chat.visitor.get(address + ("&in=panel" if where == "side" else "")).text)
    form = page.one("form", class_="ticket")
    # Beside the chat, the answer belongs into the chat.
    assert ("hx-post" in form.attributes) == (where == "side")
    assert send(chat, form["action"], **FILLED).status_code == 303
    assert got(app)


def test_a_form_cannot_be_tried_again_without_its_values(
    make_app: AppMaker, templates: Path
) -> None:
    app = make_app(APP.replace("GOT.append(action.payload)", "raise ValueError"))
    chat = Chat.of(Visitor(app).logged_in("alice")).say("Hi")
    assert send(chat, custom(chat).one("form", class_="ticket")["action"], **FILLED).status_code
    retry = chat.page().one(data_testid="retry").parent
    assert retry is not None
    fields = {it["name"]: it["value"] for it in retry.all("input") if it["name"] != "csrf_token"}
    answer = chat.visitor.post(f"{chat.address}/retry", fields)
    assert answer.status_code == 409
    assert "Fill in the form" in answer.text
