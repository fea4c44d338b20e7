"""Buttons under messages: what a press runs, and what nobody can forge."""

from __future__ import annotations

import threading
import time
import uuid
from functools import partial
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import insert
from werkzeug.test import TestResponse

import webapp as cl
from tests.support.apps import AppMaker
from tests.support.chats import Chat, silence_turns
from tests.support.cpu import cpu_seconds, timed
from tests.support.html import Element, parse
from tests.support.log import LogReader
from tests.support.people import Visitor
from tests.support.rows import column, count, every_row, run_sql
from webapp.authoring.errors import MisuseError
from webapp.chats.models import Message
from webapp.database.engines import utc_now, write_transaction

APP = """
    import asyncio

    import webapp as cl

    @cl.password_auth_callback
    def sign_in(username, password):
        return cl.User(identifier=username)

    RUNS = []

    @cl.on_chat_start
    async def start():
        await cl.Message("Pick one.", actions=[
            cl.Action("plain", {"value": 1}, label="Plain"),
            cl.Action(name="going", payload={"secret": "s3cret"}, label="Going", id="going-one"),
            cl.Action(name="going", payload={}, label="Other", id="going-two"),
            cl.Action(name="nobody", payload={}, label="Nobody <b>"),
            cl.Action(name="fails", payload={}, tooltip="It never works", icon="trash"),
            cl.Action(name="waits", payload={}, icon="mouse-pointer-click"),
        ]).send()

    @cl.action_callback("plain")
    async def plain():
        RUNS.append("plain")
        await cl.Message("Pressed plain.").send()

    @cl.action_callback("going")
    async def going(action: cl.Action):
        await cl.Message(f"{action.name} {action.payload} {action.label} {action.id}").send()
        await action.remove()

    @cl.action_callback("fails")
    def fails(action):
        RUNS.append("fails")
        raise ValueError("no")

    @cl.action_callback("waits")
    async def waits(action):
        RUNS.append(action.forId == action.for_id)
        await cl.Message("It waits.").stream_token(" And waits.")
        await asyncio.sleep(30)

    @cl.on_message
    async def answer(message):
        if message.content == "late":
            reply = cl.Message("Late.")
            await reply.send()
            reply.actions = [cl.Action("plain", {}, label="Added")]
            await reply.update()
            cl.user_session.set("reply", reply)
        if message.content == "more":
            await cl.Action("plain", {}, label="More").send(for_id=cl.user_session.get("reply").id)
        if message.content == "remove":
            await cl.user_session.get("reply").remove_actions()
        if message.content == "call":
            await going(cl.Action(name="own", payload={"a": 1}, label="Own", id="x"))
        await cl.Message(f"echo {message.content}").send()

    @cl.on_chat_resume
    async def resumed(thread):
        await cl.Message("Welcome back.").send()
"""


@pytest.fixture
def app(make_app: AppMaker) -> Flask:
    return make_app(APP)


@pytest.fixture
def chat(app: Flask) -> Chat:
    return Chat.of(Visitor(app).logged_in("alice"))


def runs(app: Flask) -> list[Any]:
    found: list[Any] = (
        app.extensions["chat_app"].callbacks["on_message"].function.__globals__["RUNS"]
    )
    return found


def buttons(chat: Chat) -> list[str]:
    return [button.text.strip() for button in chat.page().all(data_testid="action")]


def address(chat: Chat, label: str) -> str:
    """Return where a button of the page is pressed."""
    [found] = [b for b in chat.page().all(data_testid="action") if b.text.strip() == label]
    return found["formaction"]


def press(visitor: Visitor, path: str, key: str | None = None, **more: Any) -> TestResponse:
    return visitor.post(path, {"key": key or str(uuid.uuid4()), **more.pop("form", {})}, **more)


def pressed(chat: Chat, label: str) -> Element:
    """Press a button as the page does without JavaScript, and return the page afterwards."""
    answer = press(chat.visitor, address(chat, label))
    assert (answer.status_code, answer.location) == (303, chat.address), answer.text
    return chat.until_answered().page()


def at(visitor: Visitor, app: Flask) -> Visitor:
    """Return the same browser, whose requests another worker answers."""
    other = visitor.twin()
    other.app, other.client = app, app.test_client()
    cookie = visitor.client.get_cookie("session")
    assert cookie is not None
    other.client.set_cookie("session", cookie.value)
    return other


def test_a_press_runs_the_callback_of_its_name(chat: Chat, app: Flask) -> None:
    assert "Pressed plain." in pressed(chat, "Plain").text
    assert "Pressed plain." in pressed(chat, "Plain").text
    assert runs(app) == ["plain", "plain"]
    assert count(app, "messages") == 3  # nobody has written anything
    assert None not in column(app, "turns.action_id")


def test_a_button_that_is_removed_is_gone_and_the_others_stay(chat: Chat) -> None:
    page = pressed(chat, "Going")
    assert "going {'secret': 's3cret'} Going going-one" in page.text
    assert buttons(chat) == ["Plain", "Other", "Nobody <b>", "fails", "waits"]
    pressed(chat, "Other")
    assert buttons(chat) == ["Plain", "Nobody <b>", "fails", "waits"]


def test_a_page_tells_the_names_of_its_buttons_and_no_payload(chat: Chat) -> None:
    text = chat.visitor.get(chat.address).text
    assert "s3cret" not in text
    shown = parse(text).all(data_testid="action")
    assert [(it["data-name"], it["data-id"]) for it in shown[1:3]] == [
        ("going", "going-one"),
        ("going", "going-two"),
    ]
    assert len({it["formaction"] for it in shown}) == len(shown)


def test_a_tooltip_describes_its_button_and_known_icons_are_drawn(chat: Chat) -> None:
    page = chat.page()
    waits = page.all(data_testid="action", data_name="waits")[0]
    described = page.all(data_testid="action", data_name="fails")[0]
    assert page.one(id=described["aria-describedby"]).text == "It never works"
    assert described.all("svg")
    assert not waits.all("svg")  # a name without a picture


def test_a_form_that_is_sent_twice_runs_once(chat: Chat, app: Flask) -> None:
    key, path = str(uuid.uuid4()), address(chat, "Plain")
    for htmx, status in ((False, 303), (False, 303), (True, 200)):
        assert press(chat.visitor, path, key, htmx=htmx).status_code == status
        chat.until_answered()
    assert runs(app) == ["plain"]


def test_a_form_that_is_sent_again_after_its_button_is_gone_runs_once(chat: Chat) -> None:
    key, path = str(uuid.uuid4()), address(chat, "Going")
    for _ in range(2):
        assert press(chat.visitor, path, key).status_code == 303
        chat.until_answered()
    assert len(chat.page().all(data_kind="assistant")) == 2


def test_a_key_counts_for_one_button_or_message(chat: Chat, app: Flask) -> None:
    key, path, other = str(uuid.uuid4()), address(chat, "Plain"), address(chat, "Going")
    assert press(chat.visitor, path, key).status_code == 303
    chat.until_answered()
    refused = press(chat.visitor, other, key)
    assert refused.status_code == 409
    assert "sent before for something else" in refused.text
    said = chat.visitor.post(f"{chat.address}/messages", {"content": "Hi", "key": key})
    assert said.status_code == 409
    chat.say("Hi", key := str(uuid.uuid4()))
    assert press(chat.visitor, path, key).status_code == 409
    assert runs(app) == ["plain"]


@pytest.mark.parametrize("htmx", [False, True])
def test_what_is_not_in_the_chat_cannot_be_pressed(chat: Chat, app: Flask, htmx: bool) -> None:
    chat.say("Hi")  # or the new chat would take the place of this one
    other = Chat.of(chat.visitor)
    theirs = address(other, "Plain").rpartition("/")[2]
    gone = address(chat, "Going")
    pressed(chat, "Going")
    before = every_row(app)
    for path in (
        f"{chat.address}/actions/{theirs}",
        f"{chat.address}/actions/{uuid.uuid4()}",
        gone,
    ):
        answer = press(chat.visitor, path, htmx=htmx)
        assert answer.status_code == 404
        assert "no longer in the chat" in answer.text
    assert every_row(app) == before


def test_nobody_else_can_press_it(chat: Chat, app: Flask) -> None:
    path, before = address(chat, "Plain"), count(app, "turns")
    assert press(Visitor(app).logged_in("bob"), path).status_code == 404
    assert press(Visitor(app), path).location.startswith("/login")
    assert count(app, "turns") == before
    assert not runs(app)


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"key": "x"}, 400),
        ({"name": "fails"}, 400),
        ({"payload": "{}"}, 400),
        ({"form.a": "b"}, 400),
    ],
)
def test_a_press_takes_a_key_and_nothing_else(
    chat: Chat, app: Flask, form: dict[str, str], status: int
) -> None:
    path, before = address(chat, "Plain"), every_row(app)
    assert press(chat.visitor, path, form=form).status_code == status
    assert every_row(app) == before


def test_a_button_without_a_callback_is_answered_and_named_in_the_log(
    chat: Chat, app: Flask, log: LogReader
) -> None:
    path, before = address(chat, "Nobody <b>"), every_row(app)
    answer = press(chat.visitor, path)
    assert answer.status_code == 409
    assert "does not know what to do" in answer.text
    assert "Nobody &lt;b&gt;" in answer.text
    line = log.one("action.without_callback")
    assert line["action"] == "nobody"
    assert '@action_callback("nobody")' in line["advice"]
    assert every_row(app) == before


def test_a_failure_offers_to_try_again(chat: Chat, app: Flask, log: LogReader) -> None:
    page = pressed(chat, "fails")
    assert "Something went wrong after you pressed the button." in page.text
    assert '@action_callback("fails")' in str(log.one("action.failed"))
    form = page.one(data_testid="retry").parent
    assert form is not None
    fields = {it["name"]: it["value"] for it in form.all("input") if it["name"] != "csrf_token"}
    assert chat.visitor.post(f"{chat.address}/retry", fields).status_code == 303
    chat.until_answered()
    assert runs(app) == ["fails", "fails"]


def test_a_silent_callback_is_ended_and_its_user_told(make_app: AppMaker) -> None:
    app = make_app(APP, turn_idle_seconds=3)
    chat = Chat.of(Visitor(app).logged_in("alice"))
    page = pressed(chat, "waits")
    assert "Nothing came for 3 seconds, so what you had asked for was stopped." in page.text
    assert page.all(data_testid="retry")


def test_one_turn_runs_at_a_time_and_stop_ends_it(chat: Chat, app: Flask) -> None:
    waits, plain = address(chat, "waits"), address(chat, "Plain")
    assert press(chat.visitor, waits).status_code == 303
    busy = press(chat.visitor, plain)
    assert busy.status_code == 409
    assert "Press the button again when it is finished" in busy.text
    chat.stop()
    page = chat.until_answered().page()
    assert page.all(data_status="stopped")
    assert page.all(data_testid="retry")
    assert runs(app) == [True]
    pressed(chat, "Plain")
    assert runs(app) == [True, "plain"]


def test_buttons_come_and_go_in_later_calls(chat: Chat) -> None:
    chat.say("late")
    assert buttons(chat)[-1] == "Added"
    chat.say("more")
    assert buttons(chat)[-2:] == ["Added", "More"]
    chat.say("remove")
    assert buttons(chat)[-1] == "More"
    assert "Pressed plain." in pressed(chat, "More").text


def test_the_author_may_call_the_function(chat: Chat) -> None:
    chat.say("call")
    assert "own {'a': 1} Own x" in chat.page().text


def test_a_press_resumes_a_chat_that_has_ended(chat: Chat, app: Flask) -> None:
    path = address(chat, "Plain")
    pressed(chat, "Plain")
    run_sql(app, "UPDATE chats SET ended_at = active_at")
    assert press(chat.visitor, path).status_code == 303
    texts = [it.text for it in chat.until_answered().page().all(data_kind="assistant")]
    assert "Welcome back." in texts[-2]
    assert "Pressed plain." in texts[-1]


def test_a_chat_that_begins_with_a_press_is_in_the_history(chat: Chat) -> None:
    answer = press(chat.visitor, address(chat, "Plain"), htmx=True)
    assert answer.status_code == 200
    assert 'data-testid="history-item"' in answer.text
    pressed(chat, "Going")
    [item] = parse(chat.visitor.get("/chats").text).all(data_testid="history-item")
    assert "Plain" in item.text


def test_htmx_gets_what_was_said_and_a_new_key(chat: Chat) -> None:
    page = chat.page()
    [button] = page.all(data_testid="action", data_name="plain")
    [form] = [it for it in page.all("form") if button in it.walk()]
    [key] = form.all("input", name="key")
    assert button["hx-post"] == button["formaction"]
    answer = press(chat.visitor, button["hx-post"], key["value"], htmx=True)
    found = parse(answer.text)
    assert found.with_class("answers")
    assert not found.all(data_kind="user")
    [new] = found.all("input", id=key["id"])
    assert new["value"] != key["value"]
    # The composer keeps what is being written in it.
    assert "composer-key" not in answer.text
    assert "Pressed plain." in chat.until_answered().page().text


def test_answers_are_rated_once_the_user_has_written(chat: Chat) -> None:
    for said in (0, 1):
        for _ in range(2):
            path = address(chat, "Plain")
            answer = press(chat.visitor, path, htmx=True)
            chat.until_answered()
            for page in (parse(answer.text), chat.page()):
                if page.all(data_kind="assistant", data_status="complete"):
                    assert bool(page.all(data_testid="rate")) == bool(said)
        chat.say("Hi")


def test_another_worker_runs_it(chat: Chat, make_app: AppMaker) -> None:
    path = address(chat, "Going")
    other = Chat.at(at(chat.visitor, make_app(APP)), chat.address)
    assert press(other.visitor, path).status_code == 303
    other.until_answered()
    assert "going-one" in chat.page().text
    assert "Going" not in buttons(chat)


def test_a_press_whose_worker_died_is_tried_again_on_another(
    chat: Chat, app: Flask, make_app: AppMaker
) -> None:
    assert press(chat.visitor, address(chat, "waits")).status_code == 303
    # Whoever runs it says nothing from now on.
    silence_turns(app)
    run_sql(app, "UPDATE turns SET seen_at = '2026-01-01'")
    there = make_app(APP)
    other = Chat.at(at(chat.visitor, there), chat.address)
    form = other.page().one(data_testid="retry").parent
    assert form is not None
    fields = {it["name"]: it["value"] for it in form.all("input") if it["name"] != "csrf_token"}
    assert other.visitor.post(f"{chat.address}/retry", fields).status_code == 303
    assert runs(there) == [True]
    other.stop()
    other.until_answered()


def test_a_chat_whose_profile_was_withdrawn_has_no_buttons(make_app: AppMaker) -> None:
    app = make_app("""
        import webapp as cl

        OFFERED = ["one"]

        @cl.set_chat_profiles
        def profiles():
            return [cl.ChatProfile(name, "") for name in OFFERED]

        @cl.on_message
        async def answer(message):
            await cl.Message("a", actions=[cl.Action("go", {}, label="Go")]).send()

        @cl.action_callback("go")
        async def go():
            await cl.Message(cl.user_session.get("chat_profile")).send()
    """)
    chat = Chat(app).say("Hi")
    path = address(chat, "Go")
    assert "one" in pressed(chat, "Go").all(data_kind="assistant")[-1].text
    names = app.extensions["chat_app"].callbacks["on_message"].function.__globals__
    names["OFFERED"][:] = ["two"]
    before = count(app, "turns")
    assert buttons(chat) == []
    assert press(chat.visitor, path).status_code == 403
    assert count(app, "turns") == before


def test_presses_of_visitors_count_as_messages(make_app: AppMaker) -> None:
    app = make_app(
        """
        import webapp as cl

        @cl.on_chat_start
        async def start():
            await cl.Message("a", actions=[cl.Action("go", {}, label="Go")]).send()

        @cl.action_callback("go")
        async def go():
            await cl.Message("gone").send()
        """,
        messages_per_address=2,
    )
    chat = Chat(app)  # which has no @on_message
    for status in (303, 303, 429):
        assert press(chat.visitor, address(chat, "Go")).status_code == status
        chat.until_answered()
    assert count(app, "turns") == 2


def test_a_user_with_many_turns_is_told_to_wait(make_app: AppMaker) -> None:
    app = make_app(APP, turns_per_user=1)
    visitor = Visitor(app).logged_in("alice")
    one, other = Chat.of(visitor).say("Hi"), Chat.of(visitor)
    path = address(other, "Plain")
    assert press(visitor, address(one, "waits")).status_code == 303
    refused = press(visitor, path)
    assert refused.status_code == 429
    assert "so nothing was done" in refused.text
    one.stop()


def test_callbacks_reach_their_chat(make_app: AppMaker) -> None:
    app = make_app("""
        import webapp as cl

        @cl.on_message
        async def answer(message):
            cl.user_session.set("count", 1)
            go = cl.Action("go", {"n": [1, {"a": None}]}, label="Go")
            await cl.Message("a", actions=[go]).send()

        @cl.action_callback("go")
        @cl.action_callback("also")
        def go(action):
            cl.user_session.set("count", cl.user_session.get("count") + 1)
            said = [m["content"] for m in cl.chat_history()]
            same = cl.context.session.thread_id == cl.user_session.get("id")
            cl.Message(f"{cl.user_session.get('count')} {said} {same} {action.payload}").send()
    """)
    chat = Chat(app).say("Hi")
    page = pressed(chat, "Go")
    assert "2 ['Hi', 'a'] True {'n': [1, {'a': None}]}" in page.text
    assert "3 ['Hi', 'a', " in pressed(chat, "Go").text


def test_a_button_in_another_messages_place_is_as_good(make_app: AppMaker) -> None:
    """The same object may be sent with several messages, and each is a button of its own."""
    app = make_app("""
        import webapp as cl

        @cl.on_message
        async def answer(message):
            again = cl.Action("go", {}, label="Go", id="same")
            await cl.Message("one", actions=[again]).send()
            await cl.Message("two", actions=[again]).send()

        @cl.action_callback("go")
        async def go(action):
            await action.remove()
    """)
    chat = Chat(app).say("Hi")
    first, second = (it["formaction"] for it in chat.page().all(data_testid="action"))
    assert press(chat.visitor, second).status_code == 303
    assert [it["formaction"] for it in chat.until_answered().page().all(data_testid="action")] == [
        first
    ]


@pytest.mark.parametrize("way", ["sse", "poll", "inline"])
def test_the_answer_comes_in_each_way(make_app: AppMaker, way: str) -> None:
    app = make_app(
        """
        import asyncio
        import webapp as cl

        @cl.on_chat_start
        async def start():
            await cl.Message("a", actions=[cl.Action("go", {}, label="Go")]).send()

        @cl.action_callback("go")
        async def go():
            reply = cl.Message()
            for word in ("one", "two", "three"):
                await reply.stream_token(word + " ")
                await asyncio.sleep(0.1)
            await reply.send()
        """,
        streaming=way,
        max_streams=4,
    )
    chat = Chat(app)
    answer = press(chat.visitor, address(chat, "Go"), htmx=True)
    assert answer.status_code == 200
    assert (answer.mimetype == "text/event-stream") == (way == "sse")
    if way != "poll":  # of which this is the first part
        assert "three" in answer.text
    assert "one two three" in chat.until_answered().page().text


def test_a_copy_of_a_chat_has_buttons_of_its_own(make_app: AppMaker) -> None:
    app = make_app("""
        import webapp as cl

        OFFERED = ["one", "two"]

        @cl.set_chat_profiles
        def profiles():
            return [cl.ChatProfile(name, "") for name in OFFERED]

        @cl.on_message
        async def answer(message):
            await cl.Message("a", actions=[cl.Action("go", {}, label="Go")]).send()

        @cl.action_callback("go")
        async def go(action):
            await action.remove()
    """)
    chat = Chat(app).say("Hi")
    names = app.extensions["chat_app"].callbacks["on_message"].function.__globals__
    names["OFFERED"][:] = ["two"]
    copied = chat.visitor.post(f"{chat.address}/continue", {"profile": "two"})
    assert copied.status_code == 303, copied.text
    copy = Chat.at(chat.visitor, copied.location)
    assert buttons(copy) == ["Go"]
    pressed(copy, "Go")
    assert buttons(copy) == []
    names["OFFERED"][:] = ["one", "two"]
    assert buttons(chat) == ["Go"]


def test_two_presses_at_once_run_one_after_the_other_or_not_at_all(chat: Chat, app: Flask) -> None:
    path = address(chat, "Plain")
    pressed(chat, "Plain")
    people, codes = [chat.visitor.twin() for _ in range(4)], list[int]()
    start = threading.Barrier(len(people), timeout=60)

    def go(visitor: Visitor) -> None:
        start.wait(20)
        codes.append(press(visitor, path).status_code)

    threads = [threading.Thread(target=go, args=(visitor,)) for visitor in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    chat.until_answered()
    assert set(codes) <= {303, 409}
    assert len(runs(app)) == 1 + codes.count(303)


def test_a_shared_chat_has_no_buttons_and_exports_have_no_payloads(make_app: AppMaker) -> None:
    app = make_app(APP, sharing="on")
    chat = Chat.of(Visitor(app).logged_in("alice")).say("Hi")
    assert chat.visitor.post(f"{chat.address}/share").status_code == 303
    field = parse(chat.visitor.get(f"{chat.address}/share").text).one(data_testid="share-link")
    shown = Visitor(app).logged_in("bob").get(field["value"].removeprefix("http://localhost"))
    assert "Pick one." in shown.text
    assert 'data-testid="action"' not in shown.text
    assert "s3cret" not in shown.text
    for kind in ("json", "markdown"):
        exported = chat.visitor.get(f"{chat.address}/export?format={kind}")
        assert "Pick one." in exported.text
        assert "s3cret" not in exported.text


def test_a_message_may_be_buttons_alone(make_app: AppMaker) -> None:
    app = make_app("""
        import webapp as cl

        @cl.on_message
        async def answer(message):
            await cl.Message("", actions=[cl.Action("one", {}, label="One")]).send()

        @cl.action_callback("one")
        async def one(action):
            await action.remove()
    """)
    chat = Chat(app).say("Hi")
    assert buttons(chat) == ["One"]
    pressed(chat, "One")
    assert buttons(chat) == []


def test_a_title_stays_when_a_button_is_pressed(chat: Chat, app: Flask) -> None:
    chat.say("My question")
    pressed(chat, "Plain")
    assert column(app, "chats.title") == ["My question"]


def test_an_action_has_the_attributes_of_chainlit_in_their_order() -> None:
    action = cl.Action("a", {"b": 1}, "Label", "Tip", "check", "for", "id")
    assert action.to_dict() == {
        "name": "a",
        "payload": {"b": 1},
        "label": "Label",
        "tooltip": "Tip",
        "icon": "check",
        "forId": "for",
        "id": "id",
    }
    assert cl.Action.from_dict(action.to_dict()).to_dict() == action.to_dict()
    assert uuid.UUID(cl.Action("a", {}).id).version == 4


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"payload": {"a": object()}}, "'a' of the payload is a object"),
        ({"payload": {"a": "b" * 100_001}}, "may have 100,000"),
        ({"payload": {1: 2}}, "has the key 1, which is not text"),
        ({"label": "a" * 201}, "label has 201 characters and may have 200"),
        ({"tooltip": "a" * 1_001}, "tooltip has 1,001 characters and may have 1,000"),
        ({"name": 5}, "name must be text, not int"),
        ({"name": " "}, "name must not be empty"),
    ],
)
def test_what_a_button_cannot_be_is_refused_with_the_reason(
    given: dict[str, Any], problem: str
) -> None:
    with pytest.raises(MisuseError) as caught:
        cl.Action(**{"name": "a", "payload": {}, **given}).place_under(uuid.uuid4())
    assert problem in str(caught.value)


def in_message(chat: Chat, label: str) -> str:
    """Return the message that the form of a button names."""
    forms = [f for f in chat.page().all("form") if f.with_class("quiet") and label in f.text]
    return str(forms[0].one("input", name="message")["value"])


def test_the_message_that_a_form_names_is_looked_at_first_and_decides_nothing(
    chat: Chat, app: Flask
) -> None:
    own, path = in_message(chat, "Plain"), address(chat, "Plain")
    pressed(chat, "Plain")
    other = Chat.of(chat.visitor)
    for message in (own, in_message(other, "Plain"), str(uuid.uuid4())):
        assert press(chat.visitor, path, form={"message": message}).status_code == 303
        chat.until_answered()
    assert press(chat.visitor, path).status_code == 303  # the id alone is enough
    chat.until_answered()
    assert runs(app) == ["plain"] * 5
    # A button of another chat is found in neither way.
    foreign = path.replace(chat.address, other.address)
    for form in ({}, {"message": own}):
        assert press(chat.visitor, foreign, form=form).status_code == 404
    assert press(chat.visitor, path, form={"message": "nonsense"}).status_code == 400
    assert len(runs(app)) == 5


@pytest.mark.postgresql
def test_on_either_database_a_form_names_its_message(
    make_app: AppMaker, postgresql_url: str
) -> None:
    make_app.database_url = postgresql_url
    app = make_app(APP)
    chat = Chat.of(Visitor(app).logged_in("alice"))
    path = address(chat, "Plain")
    for message in (in_message(chat, "Plain"), str(uuid.uuid4())):
        assert press(chat.visitor, path, form={"message": message}).status_code == 303
        chat.until_answered()
    assert runs(app) == ["plain", "plain"]


def test_a_button_far_back_is_found_without_a_look_at_what_follows(chat: Chat, app: Flask) -> None:
    path, message = address(chat, "Plain"), in_message(chat, "Plain")
    add_messages(app, chat, 20_000)

    def press_for(**form: str) -> None:
        for _ in range(5):
            assert press(chat.visitor, path, form=form).status_code == 303

    press_for(message=message)
    # 4 ms against 11 ms each.
    without = timed(press_for, time.process_time)
    assert cpu_seconds(partial(press_for, message=message), without, time.process_time) < without


def add_messages(app: Flask, chat: Chat, many: int) -> None:
    """Store messages after those of a chat."""
    values = {"chat_id": uuid.UUID(chat.address.rpartition("/")[2]), "created_at": utc_now()}
    said = {"kind": "user", "content": "more", "status": "complete", **values}
    rows = [{"id": uuid.uuid4(), "sequence": 1_000 + number, **said} for number in range(many)]
    with app.app_context(), write_transaction() as connection:
        connection.execute(insert(Message), rows)
