"""POST /chats: choosing a profile and starting a chat."""

from __future__ import annotations

import sys
import threading
import uuid
from typing import Any

import pytest
from flask import Flask

from tests.support.apps import AppMaker
from tests.support.chats import ANSWER_SECONDS, Chat
from tests.support.html import Element, parse
from tests.support.log import LogReader
from tests.support.people import Visitor
from tests.support.rows import column, count, every_row, run_sql
from webapp.turns import starting

TALKATIVE = """
    import webapp as cl
    @cl.on_chat_start
    def start():
        for number in range(12):
            cl.Message(f"message {number}", author=None if number % 2 else "Narrator").send()
"""


def test_start_chat_with_a_chosen_profile(visitor: Visitor) -> None:
    page = visitor.get(visitor.start_chat("GPT-4"))
    assert "starting chat using the GPT-4 chat profile" in page.text


def test_start_chat_as_alice(alice: Visitor) -> None:
    assert "Hello alice, this is admin-only." in alice.get(alice.start_chat("admin-only")).text


def test_a_plain_form_is_answered_with_the_address_of_the_chat(visitor: Visitor) -> None:
    answer = visitor.post("/chats", {"profile": "GPT-4"})
    [chat_id] = column(visitor.app, "chats.id")
    assert (answer.status_code, answer.location) == (303, f"/chats/{chat_id}")


def test_htmx_gets_the_chat_and_its_address(visitor: Visitor) -> None:
    answer = visitor.post("/chats", {"profile": "GPT-4"}, htmx=True)
    root = parse(answer.text)
    chat = root.one(data_testid="chat")
    assert answer.status_code == 200
    assert answer.headers["HX-Replace-Url"] == f"/chats/{chat['data-chat-id']}"
    assert "starting chat using the GPT-4" in chat.one(data_testid="message").text
    assert root.one(id="profile-selector")["hx-swap-oob"]
    assert root.one(id="notices")["hx-swap-oob"]


def test_back_leads_to_the_chat_before_if_something_was_written_in_it(visitor: Visitor) -> None:
    visitor.get(visitor.start_chat("GPT-4"))
    run_sql(visitor.app, "UPDATE chats SET written = 1")
    answer = visitor.post("/chats", {"profile": "GPT-3.5"}, htmx=True)
    assert answer.headers["HX-Push-Url"].startswith("/chats/")


@pytest.mark.parametrize("start_page", ["/", "/?from=elsewhere"])
def test_back_never_leads_to_a_page_that_starts_another_chat(
    visitor: Visitor, start_page: str
) -> None:
    visitor.get(start_page)
    answer = visitor.post("/chats", htmx=True)
    assert answer.headers["HX-Replace-Url"].startswith("/chats/")
    assert "HX-Push-Url" not in answer.headers


def test_back_never_leads_to_a_chat_that_was_replaced(visitor: Visitor) -> None:
    visitor.get(visitor.start_chat("GPT-4"))
    answer = visitor.post("/chats", {"profile": "GPT-3.5"}, htmx=True)
    assert "HX-Replace-Url" in answer.headers


def test_the_swap_and_the_page_show_the_same_chat(visitor: Visitor) -> None:
    swapped = parse(visitor.post("/chats", {"profile": "GPT-4"}, htmx=True).text)
    chat = swapped.one(data_testid="chat")
    page = parse(visitor.get(f"/chats/{chat['data-chat-id']}").text)
    assert inside(page.one(data_testid="chat")) == inside(chat)


def test_a_chat_is_stored_with_its_owner_profile_and_session(alice: Visitor) -> None:
    alice.start_chat("admin-only")
    assert column(alice.app, "chats.owner") == ["user:alice"]
    assert column(alice.app, "chats.profile") == ["admin-only"]
    assert column(alice.app, "chats.session_id") == column(alice.app, "login_sessions.id")
    assert column(alice.app, "chats.written") == [False]


def test_messages_keep_the_order_in_which_they_were_sent(make_app: AppMaker) -> None:
    visitor = Visitor(make_app(TALKATIVE))
    path = visitor.start_chat()
    assert column(visitor.app, "messages.sequence") == list(range(1, 13))
    run_sql(visitor.app, "UPDATE messages SET created_at = '2020-01-01 00:00:00.000000'")
    said = [message.with_class("prose")[0].text for message in messages(visitor.get(path).text)]
    assert [text.strip() for text in said] == [f"message {number}" for number in range(12)]


def test_a_message_says_who_wrote_it(make_app: AppMaker) -> None:
    visitor = Visitor(make_app(TALKATIVE))
    first, second, *_ = messages(visitor.get(visitor.start_chat()).text)
    assert (first["data-author"], first["data-kind"]) == ("Narrator", "assistant")
    assert (second["data-author"], second["data-status"]) == ("Chat Profiles", "complete")


def test_an_unwritten_chat_is_replaced(visitor: Visitor) -> None:
    first = visitor.start_chat("GPT-4")
    second = visitor.start_chat("GPT-3.5")
    assert count(visitor.app, "chats") == 1
    assert count(visitor.app, "messages") == 1
    assert (visitor.get(first).status_code, visitor.get(second).status_code) == (404, 200)


def test_a_chat_chosen_while_a_slow_one_starts_is_not_replaced(make_app: AppMaker) -> None:
    app = make_app("""
        import threading
        import webapp as cl

        reached, go_on = threading.Event(), threading.Event()

        @cl.set_chat_profiles
        def profiles():
            return [cl.ChatProfile(name, "") for name in ("slow", "quick")]

        @cl.on_chat_start
        def start():
            if cl.user_session.get("chat_profile") == "slow":
                reached.set()
                go_on.wait(10)
    """)
    visitor = Visitor(app)
    visitor.start_chat("quick")  # from now on there is a session that both share
    callback = app.extensions["chat_app"].callbacks["on_chat_start"].function
    slow = threading.Thread(target=visitor.twin().start_chat, args=["slow"])
    slow.start()
    callback.__globals__["reached"].wait(10)
    chosen = visitor.start_chat("quick")
    callback.__globals__["go_on"].set()
    slow.join()
    assert visitor.get(chosen).status_code == 200


def test_a_page_awaits_a_start_that_has_said_nothing_yet(make_app: AppMaker) -> None:
    app = make_app("""
        import threading
        import webapp as cl

        go_on = threading.Event()

        @cl.on_chat_start
        def start():
            go_on.wait(20)
            cl.Message("There you are.").send()
    """)
    chat = Chat(app)
    assert chat.is_answering()
    callback = app.extensions["chat_app"].callbacks["on_chat_start"].function
    callback.__globals__["go_on"].set()
    assert chat.until_answered().messages() == ["There you are."]


def test_a_written_chat_stays(visitor: Visitor) -> None:
    visitor.start_chat("GPT-4")
    run_sql(visitor.app, "UPDATE chats SET written = 1")
    visitor.start_chat("GPT-4")
    assert count(visitor.app, "chats") == 2


def test_an_unwritten_chat_in_another_browser_stays(roles_app: Flask) -> None:
    for browser in (Visitor(roles_app), Visitor(roles_app)):
        browser.logged_in("alice").start_chat("team")
    assert count(roles_app, "chats") == 2


def test_one_visitor_never_replaces_anothers_chat(simple_app: Flask) -> None:
    for browser in (Visitor(simple_app), Visitor(simple_app)):
        browser.start_chat("GPT-4")
    assert count(simple_app, "chats") == 2


def test_an_app_without_on_chat_start_starts_an_empty_chat(make_app: AppMaker) -> None:
    visitor = Visitor(make_app("import webapp\n"))
    page = parse(visitor.get(visitor.start_chat()).text)
    assert page.all(data_testid="message") == []
    assert page.one(data_testid="composer")


@pytest.mark.parametrize("asynchronous", ["", "async "])
def test_what_was_sent_before_a_failure_is_kept(
    make_app: AppMaker, log: LogReader, asynchronous: str
) -> None:
    visitor = Visitor(make_app(failing(asynchronous)))
    said, failure = messages(visitor.get(visitor.start_chat()).text)
    event = log.one("chat_start.failed")
    assert "got this far" in said.text
    assert (failure["data-kind"], failure["data-status"]) == ("error", "failed")
    assert event["request"] in failure.text
    assert "KeyError: 'the secret price'" in event["traceback"]
    assert "price" not in failure.text


def test_a_start_that_says_nothing_may_return_something(make_app: AppMaker) -> None:
    app = make_app(
        """
        import webapp as cl

        @cl.on_chat_start
        def start():
            cl.user_session.set("set_up", True)
            return "ready"
        """
    )
    page = parse(Visitor(app).post("/chats", htmx=True).text)
    assert page.all(data_testid="message") == []
    assert column(app, "chats.values") == [{"set_up": True}]


@pytest.mark.parametrize("error", ["asyncio.CancelledError", "concurrent.futures.CancelledError"])
@pytest.mark.parametrize("kind", ["", "async "])
def test_a_start_that_the_author_cancelled_has_failed(
    make_app: AppMaker, log: LogReader, kind: str, error: str
) -> None:
    app = make_app(
        f"""
        import asyncio, concurrent.futures
        import webapp as cl

        @cl.on_chat_start
        {kind}def start():
            raise {error}
        """
    )
    page = parse(Visitor(app).post("/chats", htmx=True).text)
    assert len(page.all(data_testid="message", data_kind="error")) == 1
    assert "CancelledError" in log.one("chat_start.failed")["traceback"]


def test_values_of_a_failed_start_are_not_kept(make_app: AppMaker) -> None:
    visitor = Visitor(make_app(failing("")))
    visitor.start_chat()
    assert chat_values(visitor.app) == {}


def test_the_next_chat_works_after_a_failure(make_app: AppMaker) -> None:
    visitor = Visitor(make_app(failing("async ", only_once=True)))
    visitor.start_chat()
    assert [m["data-kind"] for m in messages(visitor.get(visitor.start_chat()).text)] == [
        "assistant"
    ]


@pytest.mark.parametrize("nap", ["time.sleep(5)", "await asyncio.sleep(5)"])
def test_a_start_that_is_too_slow_says_so(
    make_app: AppMaker, log: LogReader, monkeypatch: pytest.MonkeyPatch, nap: str
) -> None:
    monkeypatch.setattr(starting, "WAIT_SECONDS", ANSWER_SECONDS)
    visitor = Visitor(make_app(napping(nap), chat_start_seconds="2"))
    said, failure = messages(visitor.get(visitor.start_chat()).text)
    assert "before the nap" in said.text
    assert "took longer than 2 seconds to start" in failure.text
    assert log.one("chat_start.failed")["request"] in failure.text


def test_values_are_stored_with_the_chat(make_app: AppMaker) -> None:
    app = make_app("""
        import webapp as cl
        @cl.on_chat_start
        def start():
            cl.user_session.set("cart", [])
            cl.user_session.get("cart").append({"tea": 2, "half\\ud83d": "a\\x00b"})
    """)
    Visitor(app).start_chat()
    assert chat_values(app) == {"cart": [{"tea": 2, "half\ufffd": "ab"}]}


def test_the_session_knows_chat_user_and_profile(make_app: AppMaker) -> None:
    app = make_app("""
        import webapp as cl
        @cl.set_chat_profiles
        def profiles():
            return [cl.ChatProfile("p", "")]
        @cl.on_chat_start
        def start():
            s = cl.user_session
            values = [s.get("id"), s.get("user"), s.get("chat_profile"), s.get("x", "nothing")]
            cl.Message(values).send()
    """)
    visitor = Visitor(app)
    chat = parse(visitor.get(visitor.start_chat("p")).text).one(data_testid="chat")
    assert str(uuid.UUID(chat["data-chat-id"])) == chat["data-chat-id"]
    written = "".join(chat.one("pre").text.split())
    assert written == f'["{chat["data-chat-id"]}",null,"p","nothing"]'


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        ("'*text*'", "text"),
        ("42", "42"),
        ("None", "None"),
        ("'a\\r\\nb'", "a\nb"),
        ("{'a': [1, 'ü']}", '{\n  "a": [\n    1,\n    "ü"\n  ]\n}'),
        ("[1, object]", "[\n  1,\n  \"<class 'object'>\"\n]"),
        ("b'bytes'", "b'bytes'"),
    ],
)
def test_content_that_is_not_text_is_shown_as_documented(
    make_app: AppMaker, content: str, shown: str
) -> None:
    visitor = Visitor(make_app(saying(content)))
    [message] = messages(visitor.get(visitor.start_chat()).text)
    assert message["data-kind"] == "assistant"
    assert message.with_class("prose")[0].text.strip() == shown


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("cl.Message('x' * 1_000_001).send()", "1,000,001 characters; one may have 1,000,000"),
        ("[cl.Message(i).send() for i in range(1_001)]", "may send 1000 messages"),
        ("cl.Message('x', author='y' * 201)", "author is longer than 200"),
        ("cl.Message('x', author=7)", "author must be text or None"),
        ("m = cl.Message('x'); m.author = 7; m.send()", "author must be text or None"),
        ("m = cl.Message('x'); m.author = 'y' * 201; m.send()", "author is longer than 200"),
        ("[cl.Message('x' * 999_999).send() for _ in range(5)]", "4,000,000 characters in all"),
        ("cl.user_session.set(1, 1)", "keys are text, not int"),
        ("cl.user_session.set('a', 'x' * 1_000_001)", "1,000,003 characters, and may have 1,000,0"),
        ("cl.seeded_user('a', 'b')", "seeded_user was called outside @password_auth_callback"),
    ],
)
def test_misuse_in_a_chat_teaches_the_author(
    make_app: AppMaker, log: LogReader, statement: str, says: str
) -> None:
    app = make_app(f"import webapp as cl\n@cl.on_chat_start\ndef start():\n  {statement}\n")
    Visitor(app).start_chat()
    log.wait_for("chat_start.failed")
    assert says in log.one("chat_start.failed")["traceback"]


def test_what_a_thread_sets_after_the_end_is_refused_and_spoils_nothing(
    make_app: AppMaker,
) -> None:
    visitor = Visitor(make_app(LEFT_BEHIND))
    for _ in range(5):
        visitor.start_chat()
    assert count(visitor.app, "messages") == 1
    file: Any = sys.modules["app_file"]
    for thread in file.THREADS:
        thread.join()
    assert len(file.REFUSED) == 5
    assert {"came after the callback had ended" in text for text in file.REFUSED} == {True}


LEFT_BEHIND = """
import contextvars, threading
import webapp as cl
THREADS, REFUSED = [], []
def keep_setting():
    number = 0
    while True:
        number += 1
        try:
            cl.user_session.set(f"key {number % 500}", {"a": [number] * 5})
        except Exception as error:
            REFUSED.append(str(error))
            return
@cl.on_chat_start
def start():
    THREADS.append(threading.Thread(target=contextvars.copy_context().run, args=[keep_setting]))
    THREADS[-1].start()
    cl.Message("done").send()
"""


def test_ten_megabytes_are_refused_and_the_next_chat_works(make_app: AppMaker) -> None:
    visitor = Visitor(make_app(saying("'x' * 10_000_000")))
    [failure] = messages(visitor.get(visitor.start_chat()).text)
    assert failure["data-kind"] == "error"
    assert visitor.post("/chats").status_code == 303


def test_a_megabyte_is_stored_and_shown(make_app: AppMaker) -> None:
    visitor = Visitor(make_app(saying("'word ' * 200_000")))
    [message] = messages(visitor.get(visitor.start_chat()).text)
    assert message.text.count("word") == 200_000


def test_a_bad_request_stores_nothing(alice: Visitor) -> None:
    before = every_row(alice.app)
    assert alice.post("/chats", {"profile": "team", "role": "ADMIN"}).status_code == 400
    assert every_row(alice.app) == before


def messages(html: str) -> list[Element]:
    return parse(html).all(data_testid="message")


def inside(chat: Element) -> list[tuple[str, dict[str, str]]]:
    # Tokens are signed anew for each answer, and each form has a key of its own.
    anew = ("csrf_token", "key")
    return [(e.tag, e.attributes) for e in chat.walk() if e.get("name") not in anew]


def chat_values(app: Flask) -> dict[str, object]:
    [values] = column(app, "chats.values")
    return dict(values)


def saying(content: str) -> str:
    return f"import webapp as cl\n@cl.on_chat_start\ndef start():\n  cl.Message({content}).send()\n"


def failing(asynchronous: str, *, only_once: bool = False) -> str:
    return f"""
import webapp as cl
calls = []
@cl.on_chat_start
{asynchronous}def start():
    cl.user_session.set("step", 1)
    cl.Message("got this far").send()
    calls.append(1)
    if len(calls) == 1 or not {only_once}:
        raise KeyError("the secret price")
"""


def napping(nap: str) -> str:
    return f"""
import asyncio, time
import webapp as cl
@cl.on_chat_start
{"async " if "await" in nap else ""}def start():
    cl.Message("before the nap").send()
    {nap}
"""


def test_the_selector_comes_with_a_start_only_where_it_has_changed(simple_app: Flask) -> None:
    visitor = Visitor(simple_app)
    shown = parse(visitor.get("/").text).one("input", name="shown")["value"]
    same = parse(visitor.post("/chats", {"shown": shown}, htmx=True).text)
    assert (shown, same.all(id="profile-selector")) == ("GPT-3.5", [])
    other = parse(visitor.post("/chats", {"profile": "GPT-4", "shown": shown}, htmx=True).text)
    assert len(other.all(id="profile-selector")) == 1
