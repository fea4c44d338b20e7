"""Messages between a chat and the page in whose frame it is."""

from __future__ import annotations

import json
import re
import uuid
from typing import Any

import pytest
from flask import Flask

from tests.support.apps import AppMaker
from tests.support.chats import Chat
from tests.support.log import LogReader
from tests.support.people import HTMX, Visitor

PORTAL = "https://portal.example.org"
WINDOWS = """
    import webapp as cl

    HEARD = []

    @cl.on_window_message
    async def window_message(message):
        HEARD.append(message)
        if message == "fail":
            raise ValueError("on purpose")
        if isinstance(message, str) and message.startswith("Client: "):
            await cl.send_window_message("Server: World")
        if message == "say":
            await cl.Message("Somebody wrote").send()

    @cl.on_message
    async def answer(message):
        await cl.send_window_message({"said": message.content})
        await cl.Message("ok").send()
"""


@pytest.fixture
def app(make_app: AppMaker) -> Flask:
    """Return an app that may be in a frame of the portal."""
    return make_app(WINDOWS, frame_ancestors=f"self, {PORTAL}")


def heard(app: Flask) -> list[Any]:
    """Return what the callback was given."""
    found: list[Any] = (
        app.extensions["chat_app"].callbacks["on_message"].function.__globals__["HEARD"]
    )
    return found


def post(chat: Chat, content: str, **more: Any) -> Any:
    """Send what the script of the page sends, and wait for the end of its turn."""
    form = {"content": content, "key": str(uuid.uuid4())}
    answer = chat.visitor.post(f"{chat.address}/window-messages", form, **more)
    chat.until_answered()
    return answer


def sent(chat: Chat) -> list[Any]:
    """Return what the page is to send to the one around it."""
    holders = chat.page().all(id="window-messages")
    return [each["data"] for holder in holders for each in json.loads(holder["data-messages"])]


@pytest.mark.parametrize("message", ["Client: Hello", {"a": [1]}, 7, None, ["x"]])
def test_what_the_page_around_sends_reaches_the_app(app: Flask, message: object) -> None:
    chat = Chat(app)
    assert post(chat, json.dumps(message)).status_code == 303
    assert heard(app) == [message]


def test_what_the_app_sends_stands_on_the_page(app: Flask) -> None:
    chat = Chat(app)
    assert sent(chat) == []
    post(chat, json.dumps("Client: Hello"))
    chat.say("Hi")
    assert sent(chat) == ["Server: World", {"said": "Hi"}]
    [holder] = chat.page().all(id="window-messages")
    assert holder["data-origins"] == f"'self' {PORTAL}"
    assert [each["number"] for each in json.loads(holder["data-messages"])] == [1, 2]


def test_the_answer_brings_what_is_new(app: Flask) -> None:
    chat = Chat(app)
    answer = post(chat, json.dumps("Client: Hello"), htmx=True)
    assert answer.status_code == 200
    assert "Server: World" in answer.text


def test_a_message_may_be_said_in_the_chat(app: Flask) -> None:
    chat = Chat(app)
    post(chat, json.dumps("say"))
    assert chat.messages() == ["Somebody wrote"]


def test_the_same_form_counts_once(app: Flask) -> None:
    chat, key = Chat(app), str(uuid.uuid4())
    for _ in range(2):
        form = {"content": '"x"', "key": key}
        assert chat.visitor.post(f"{chat.address}/window-messages", form).status_code == 303
        chat.until_answered()
    assert heard(app) == ["x"]


def test_a_failure_is_told_and_logged(app: Flask, log: LogReader) -> None:
    chat = Chat(app)
    post(chat, json.dumps("fail"))
    [error] = chat.messages("error")
    assert error.startswith("Something went wrong when the app took a message of the page around")
    assert "on purpose" in log.one("window_message.failed")["traceback"]


@pytest.mark.parametrize("content", ["", "no json", "{", '"' + "x" * 300_000 + '"'])
def test_what_is_no_message_is_refused(app: Flask, content: str) -> None:
    assert post(Chat(app), content, headers=HTMX).status_code in (400, 413)
    assert heard(app) == []


def test_another_users_chat_is_not_found(app: Flask) -> None:
    chat = Chat(app)
    stranger = Chat.at(Visitor(app), chat.address)
    form = {"content": '"x"', "key": str(uuid.uuid4())}
    assert stranger.visitor.post(f"{chat.address}/window-messages", form).status_code == 404
    assert heard(app) == []


def test_an_app_without_the_callback_takes_nothing(make_app: AppMaker) -> None:
    app = make_app("simple.py", frame_ancestors=PORTAL)
    chat = Chat(app)
    assert post(chat, '"x"').status_code == 409
    assert chat.page().all(id="window-form") == []


def test_pages_of_listed_origins_alone_may_have_it_in_a_frame(app: Flask) -> None:
    answer = Visitor(app).get("/")
    policy = answer.headers["Content-Security-Policy"]
    assert policy.endswith(f"frame-ancestors 'self' {PORTAL}")
    assert "X-Frame-Options" not in answer.headers


def test_without_the_setting_nothing_changes(make_app: AppMaker) -> None:
    app = make_app(WINDOWS)
    chat = Chat(app).say("Hi")
    page = chat.visitor.get(chat.address)
    assert page.headers["Content-Security-Policy"].endswith("frame-ancestors 'none'")
    assert page.headers["X-Frame-Options"] == "DENY"
    assert "window.js" not in page.text


@pytest.mark.parametrize(("insecure", "same_site"), [("false", "None"), ("true", "Lax")])
def test_the_cookie_is_sent_in_a_frame_of_another_site(
    make_app: AppMaker, insecure: str, same_site: str
) -> None:
    app = make_app(WINDOWS, frame_ancestors=PORTAL, insecure_cookies=insecure)
    visitor = Visitor(app)
    page = visitor.get("/", base_url="https://localhost")
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page.text)
    assert token is not None
    answer = visitor.client.post(
        "/chats",
        data={"csrf_token": token[1]},
        base_url="https://localhost",
        headers={"Referer": "https://localhost/"},
    )
    cookies = [*page.headers.getlist("Set-Cookie"), *answer.headers.getlist("Set-Cookie")]
    assert cookies
    assert all(f"SameSite={same_site}" in cookie for cookie in cookies)
    assert all(("Partitioned" in cookie) == (same_site == "None") for cookie in cookies)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        ("object()", "the message is a object"),
        ("'x' * 30_000", "longer than 20,000 characters"),
    ],
)
def test_misuse_teaches(make_app: AppMaker, log: LogReader, call: str, says: str) -> None:
    app = make_app(
        "import webapp as cl\n@cl.on_message\n"
        f"def answer(message):\n    cl.send_window_message({call})\n"
    )
    Chat(app).say("Hi")
    assert says in log.one("turn.failed")["traceback"]
