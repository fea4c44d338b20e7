"""The other callbacks: the end of a chat, logout, names of authors, and suggestions."""

from __future__ import annotations

import time
from typing import Any

import pytest
from flask import Flask

from tests.support.apps import AppMaker
from tests.support.chats import Chat
from tests.support.conversation import question
from tests.support.html import Element, parse
from tests.support.log import LogReader
from tests.support.people import Visitor
from tests.support.rows import column, run_sql
from webapp.web import housekeeping

ENDS = """
    import threading
    import webapp as cl

    ENDED = []

    @cl.password_auth_callback
    def auth(username, password):
        return cl.User(username, metadata={"role": "R"})

    @cl.on_message
    def answer(message):
        cl.user_session.set("last", message.content)

    @cl.on_chat_end
    async def ended():
        user, last = cl.user_session.get("user"), cl.user_session.get("last")
        ENDED.append((user.identifier, user.metadata, last, len(cl.chat_history())))
        if last == "bad":
            raise ValueError("the secret price")
        await cl.Message("Goodbye").send()
"""
RENAMES = """
    import webapp as cl

    ASKED = []

    @cl.author_rename
    {kind}def rename(orig_author):
        ASKED.append(orig_author)
        {body}

    @cl.on_message
    def answer(message):
        cl.Message("whole", author="LLMMathChain").send()
        cl.Message("plain").send()
        cl.Message(author="LLMMathChain").stream_token("streamed")
"""
SUGGESTS = """
    import webapp as cl

    ASKED = []

    @cl.set_chat_profiles
    def profiles():
        own = [cl.Starter("Own", "of the profile")]
        return [
            cl.ChatProfile("none", "", starters=[]),
            cl.ChatProfile("own", "", starters=own),
            cl.ChatProfile("apps", "", starters=None),
        ]

    @cl.set_starters
    def starters(current_user, language):
        ASKED.append((current_user, language))
        {body}

    @cl.on_message
    def answer(message):
        cl.Message(message.content).send()
"""


def names(app: Flask, decorator: str) -> dict[str, Any]:
    """Return the names of the app file."""
    found: dict[str, Any] = app.extensions["chat_app"].callbacks[decorator].function.__globals__
    return found


def wait_for(app: Flask, count: int) -> list[Any]:
    """Wait until so many chats have ended, and return what was seen of each."""
    ended: list[Any] = names(app, "on_chat_end")["ENDED"]
    give_up = time.monotonic() + 20
    while len(ended) < count:
        assert time.monotonic() < give_up
        time.sleep(0.02)
    return ended


def written(visitor: Visitor, content: str = "Hello") -> Chat:
    """Return a new chat of a visitor in which something was said."""
    chat = Chat.of(visitor)
    return chat.say(content)


def test_a_chat_ends_when_another_one_is_started(make_app: AppMaker) -> None:
    app = make_app(ENDS)
    alice = Visitor(app).logged_in("alice")
    chat = written(alice)
    assert names(app, "on_chat_end")["ENDED"] == []
    alice.start_chat()
    assert wait_for(app, 1) == [("alice", {"role": "R"}, "Hello", 1)]
    chat.until(lambda: chat.messages() == ["Goodbye"])


def test_a_chat_ends_once(make_app: AppMaker) -> None:
    app = make_app(ENDS)
    alice = Visitor(app).logged_in("alice")
    written(alice)
    for _ in range(3):
        written(alice)
    assert len(wait_for(app, 3)) == 3


def test_an_unwritten_chat_that_is_replaced_has_ended_too(make_app: AppMaker) -> None:
    app = make_app(ENDS)
    alice = Visitor(app).logged_in("alice")
    alice.start_chat()
    alice.start_chat()
    assert wait_for(app, 1) == [("alice", {"role": "R"}, None, 0)]


def test_a_chat_ends_with_its_session(make_app: AppMaker) -> None:
    app = make_app(ENDS)
    alice = Visitor(app).logged_in("alice")
    written(alice)
    alice.post("/logout")
    assert wait_for(app, 1)[0][0] == "alice"


def test_a_chat_ends_after_long_silence(
    make_app: AppMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeeping, "EVERY_SECONDS", 0.0)
    app = make_app(ENDS, chat_idle_minutes="30")
    written(Visitor(app).logged_in("alice"))
    run_sql(app, "UPDATE chats SET active_at = '2020-01-01 00:00:00.000000'")
    Visitor(app).logged_in("bob").start_chat()
    assert wait_for(app, 1) == [("alice", {}, "Hello", 1)]


def test_looking_at_a_chat_ends_nothing(make_app: AppMaker) -> None:
    app = make_app(ENDS)
    chat = written(Visitor(app).logged_in("alice"))
    chat.page()
    chat.visitor.get("/")
    assert column(app, "chats.ended_at") == [None]


def test_a_chat_that_goes_on_can_end_again(make_app: AppMaker) -> None:
    app = make_app(ENDS)
    alice = Visitor(app).logged_in("alice")
    first, second = written(alice), written(alice)
    wait_for(app, 1)
    first.say("again")
    alice.start_chat()
    assert {last for *_, last, _ in wait_for(app, 3)} == {"Hello", "again"}
    second.until(lambda: second.messages() == ["Goodbye"])


def test_an_end_that_fails_is_logged(make_app: AppMaker, log: LogReader) -> None:
    app = make_app(ENDS)
    alice = Visitor(app).logged_in("alice")
    written(alice, "bad")
    alice.start_chat()
    wait_for(app, 1)
    log.wait_for("chat_end.failed")
    assert "the secret price" in log.one("chat_end.failed")["traceback"]


@pytest.mark.parametrize("parameter", ["", "user"])
def test_logout_is_told(make_app: AppMaker, parameter: str) -> None:
    app = make_app(f"""
        import webapp as cl
        OUT = []
        @cl.password_auth_callback
        def auth(username, password):
            return cl.User(username)
        @cl.on_logout
        async def out({parameter}):
            OUT.append({parameter or "None"})
    """)
    Visitor(app).logged_in("alice").post("/logout")
    [seen] = names(app, "on_logout")["OUT"]
    assert getattr(seen, "identifier", None) == ("alice" if parameter else None)


def test_logout_takes_a_request_and_a_response(make_app: AppMaker) -> None:
    app = make_app("""
        import webapp as cl
        OUT = []
        @cl.password_auth_callback
        def auth(username, password):
            return cl.User(username)
        @cl.on_logout
        def out(request, response):
            OUT.append((request.path, request.cookies.get("theirs")))
            response.delete_cookie("theirs")
    """)
    alice = Visitor(app).logged_in("alice")
    alice.client.set_cookie("theirs", "1")
    answer = alice.post("/logout")
    assert names(app, "on_logout")["OUT"] == [("/logout", "1")]
    assert answer.status_code == 303
    assert any("theirs=;" in cookie for cookie in answer.headers.getlist("Set-Cookie"))


def test_a_logout_that_fails_logs_out(make_app: AppMaker, log: LogReader) -> None:
    app = make_app("""
        import webapp as cl
        @cl.password_auth_callback
        def auth(username, password):
            return cl.User(username)
        @cl.on_logout
        def out(user):
            raise ValueError("the secret price")
    """)
    alice = Visitor(app).logged_in("alice")
    assert alice.post("/logout").status_code == 303
    assert alice.get("/").status_code == 303
    assert "the secret price" in log.one("logout.callback_failed")["traceback"]


def authors(chat: Chat) -> list[str]:
    """Return who said the messages of the app."""
    return [m["data-author"] for m in chat.page().all(data_testid="message", data_kind="assistant")]


@pytest.mark.parametrize("kind", ["", "async "])
def test_authors_are_shown_under_other_names(make_app: AppMaker, kind: str) -> None:
    body = "return {'LLMMathChain': 'Albert'}.get(orig_author, orig_author)"
    app = make_app(RENAMES.format(kind=kind, body=body))
    chat = Chat(app).say("a")
    assert authors(chat) == ["Albert", "Chat Profiles", "Albert"]
    assert set(column(app, "messages.author")) == {None, "LLMMathChain"}
    assert chat.page().all(data_kind="user")[0]["data-author"] == "You"


def test_an_author_has_the_other_name_as_soon_as_an_answer_comes(make_app: AppMaker) -> None:
    body = "return {'LLMMathChain': 'Albert'}.get(orig_author, orig_author)"
    chat = Chat(make_app(RENAMES.format(kind="", body=body)))
    come = chat.visitor.post(f"{chat.address}/messages", question("a"), htmx=True).text
    assert come.count('data-author="Albert"') == 2
    assert "LLMMathChain" not in come


def test_an_author_is_asked_for_once_a_page(make_app: AppMaker) -> None:
    app = make_app(RENAMES.format(kind="", body="return orig_author"))
    chat = Chat(app).say("a")
    asked = names(app, "author_rename")["ASKED"]
    asked.clear()
    chat.page()
    assert sorted(asked) == ["Chat Profiles", "LLMMathChain"]


@pytest.mark.parametrize("body", ["raise ValueError", "return None", "return ' '", "return 7"])
def test_a_rename_that_fails_shows_the_author(
    make_app: AppMaker, log: LogReader, body: str
) -> None:
    chat = Chat(make_app(RENAMES.format(kind="", body=body))).say("a")
    assert authors(chat)[0] == "LLMMathChain"
    assert log.events("author_rename.failed")


def starters(page: Element) -> list[str]:
    """Return the labels of the suggestions."""
    return [starter["data-label"] for starter in page.all(data_testid="starter")]


GIVEN = "return [cl.Starter('Shared', 'of the app')]"


@pytest.mark.parametrize(
    ("profile", "shown"), [("none", []), ("own", ["Own"]), ("apps", ["Shared"])]
)
def test_none_means_the_apps_starters_and_an_empty_list_none(
    make_app: AppMaker, profile: str, shown: list[str]
) -> None:
    chat = Chat(make_app(SUGGESTS.format(body=GIVEN)), profile)
    assert starters(chat.page()) == shown


def test_starters_without_profiles(make_app: AppMaker) -> None:
    app = make_app(f"import webapp as cl\n@cl.set_starters\ndef s():\n    {GIVEN}\n")
    assert starters(Chat(app).page()) == ["Shared"]


def test_starters_know_the_user_and_the_language(make_app: AppMaker) -> None:
    app = make_app(SUGGESTS.format(body=GIVEN))
    Visitor(app).get("/", headers={"Accept-Language": "pt-br"})
    Chat(app, "apps").page()
    assert names(app, "set_starters")["ASKED"][-1] == (None, "en")


def test_a_starter_says_its_message(make_app: AppMaker) -> None:
    chat = Chat(make_app(SUGGESTS.format(body=GIVEN)), "apps")
    form = chat.page().one(id="starters")
    [button] = form.all(data_testid="starter")
    chat.say(button["value"], form.one(name="key")["value"])
    assert (form["action"], button["name"]) == (f"{chat.address}/messages", "content")
    assert chat.messages() == ["of the app"]
    assert starters(chat.page()) == []


@pytest.mark.parametrize("body", ["raise ValueError('secret price')", "return ['a']", "return 1"])
def test_starters_that_fail_are_told_and_the_chat_works(
    make_app: AppMaker, log: LogReader, body: str
) -> None:
    chat = Chat(make_app(SUGGESTS.format(body=body)), "apps")
    page = chat.page()
    assert "could not be loaded (reference" in page.one(data_testid="notice").text
    assert "price" not in page.text
    assert log.events("starters.failed")
    assert chat.say("Hello").messages() == ["Hello"]


@pytest.mark.parametrize("body", ["return None", "return []"])
def test_no_starters_are_none(make_app: AppMaker, body: str) -> None:
    page = Chat(make_app(SUGGESTS.format(body=body)), "apps").page()
    assert (starters(page), page.all(data_testid="notice")) == ([], [])


def test_starters_cannot_be_used_before_the_chat_has_started(make_app: AppMaker) -> None:
    app = make_app(SUGGESTS.format(body=GIVEN).replace('"apps", ""', '"apps", "", default=True'))
    [starter] = parse(Visitor(app).get("/").text).all(data_testid="starter")
    assert starter.get("disabled") is not None
