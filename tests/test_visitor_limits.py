"""A site without sign-in: what may be begun from one address, however many people it looks like."""

from __future__ import annotations

import time
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask

from tests.support.apps import AppMaker
from tests.support.chats import Chat
from tests.support.exports import bring_in, chat_of, export_of
from tests.support.html import parse
from tests.support.log import LogReader
from tests.support.people import Visitor
from tests.support.rows import count
from webapp.accounts.addresses import counted_networks
from webapp.accounts.sessions.visitor_limits import HOUR, HourlyLimit, VisitorLimits

COUNTS = """
    import asyncio
    import threading
    import webapp as cl

    STARTS = []
    go_on = asyncio.Event()

    @cl.on_chat_start
    def start():
        STARTS.append(1)

    @cl.on_message
    async def answer(message):
        cl.Message("one").send()
        if message.content == "wait":
            await go_on.wait()
"""
BLOCKS = """
    import threading
    import webapp as cl

    go_on = threading.Event()

    @cl.on_message
    def answer(message):
        go_on.wait(20)
"""
LOGIN = """
    @cl.password_auth_callback
    def let_in(username, password):
        return cl.User(identifier=username)
"""


def starts(app: Flask) -> int:
    """Return how often the app was told of a start."""
    return len(app.extensions["chat_app"].get("on_chat_start").function.__globals__["STARTS"])


def said(visitor: Visitor, chat: str, text: str = "wait") -> int:
    form = {"content": text, "key": str(uuid.uuid4())}
    return visitor.post(f"{chat}/messages", form).status_code


def test_one_cookie_that_is_sent_again_and_again_is_bounded(
    make_app: AppMaker, log: LogReader
) -> None:
    app = make_app(COUNTS, starts_per_address=None)
    visitor = Visitor(app)
    visitor.get("/")
    cookie, token = visitor.client.get_cookie("session"), visitor.token
    assert cookie is not None
    answers = Counter[int]()
    for _ in range(300):
        client = app.test_client(use_cookies=False)
        headers = {"Cookie": f"session={cookie.value}"}
        answer = client.post("/chats", data={"csrf_token": token}, headers=headers)
        answers[answer.status_code] += 1
    assert answers == {303: 100, 429: 200}
    assert "Too many chats were started from your network" in answer.text
    assert 0 < int(answer.headers["Retry-After"]) <= HOUR
    assert (count(app, "login_sessions"), count(app, "chats"), starts(app)) == (100, 100, 100)
    assert log.events("visitor.refused")[0]["ip"] == "127.0.0.1"


def test_a_session_that_starts_again_and_again_is_bounded(make_app: AppMaker) -> None:
    app = make_app(COUNTS, starts_per_address=3)
    visitor = Visitor(app)
    assert [visitor.post("/chats").status_code for _ in range(5)] == [303] * 3 + [429] * 2
    assert starts(app) == 3


def test_a_refused_start_stores_nothing(make_app: AppMaker) -> None:
    app = make_app("simple.py", starts_per_address=1)
    Visitor(app).start_chat()
    other = Visitor(app)
    answer = other.post("/chats", {"profile": "GPT-4"}, htmx=True)
    assert answer.status_code == 429
    assert "Try again in 60 minutes" in parse(answer.text).one(data_testid="notice").text
    assert count(app, "login_sessions") == count(app, "chats") == 1


def test_an_import_counts_as_a_start(make_app: AppMaker) -> None:
    app = make_app("simple.py", starts_per_address=1)
    Visitor(app).start_chat()
    assert bring_in(Visitor(app), export_of(chat_of("Hi"))).status_code == 429
    assert count(app, "login_sessions") == count(app, "chats") == 1


def test_an_address_has_a_bounded_number_of_turns_at_once(make_app: AppMaker) -> None:
    app = make_app(COUNTS, turns_per_address=4, streaming="poll")
    people = [Visitor(app) for _ in range(8)]
    chats = [visitor.start_chat() for visitor in people]
    with ThreadPoolExecutor(8) as threads:
        answers = Counter(threads.map(said, people, chats))
    assert answers == {303: 4, 429: 4}
    assert count(app, "turns") == 4
    assert count(app, "messages") == 8


def test_by_default_sixty_at_once_are_twenty(make_app: AppMaker) -> None:
    app = make_app(COUNTS, streaming="poll", turns_per_address=None)
    people = [Visitor(app) for _ in range(60)]
    chats = [visitor.start_chat() for visitor in people]
    answers = Counter(map(said, people, chats))
    assert answers == {303: 20, 429: 40}


def test_a_turn_that_is_over_counts_no_more(make_app: AppMaker) -> None:
    app = make_app(COUNTS, turns_per_address=1)
    for _ in range(3):
        visitor = Visitor(app)
        assert said(visitor, visitor.start_chat(), "now") == 303


def test_a_message_that_was_refused_counts_no_more(make_app: AppMaker) -> None:
    app = make_app(COUNTS, turns_per_address=2, streaming="poll")
    visitor = Visitor(app)
    chat = visitor.start_chat()
    assert said(visitor, chat) == 303
    assert [said(visitor, chat) for _ in range(5)] == [409] * 5
    other = Visitor(app)
    assert said(other, other.start_chat()) == 303


def test_a_callback_that_cannot_be_stopped_counts_on(make_app: AppMaker) -> None:
    app = make_app(BLOCKS, turns_per_address=1, streaming="poll")
    visitor, other = Visitor(app), Visitor(app)
    chat, others = visitor.start_chat(), other.start_chat()
    assert said(visitor, chat) == 303
    visitor.post(f"{chat}/stop")
    assert said(other, others) == 429
    app.extensions["chat_app"].get("on_message").function.__globals__["go_on"].set()
    for _ in range(400):
        if said(other, others) == 303:
            return
        time.sleep(0.05)
    pytest.fail("the turn counts for ever")


def test_the_messages_of_an_hour_are_bounded_and_a_refused_one_stays(
    make_app: AppMaker, log: LogReader
) -> None:
    app = make_app(COUNTS, messages_per_address=3)
    people = [Visitor(app), Visitor(app)]
    chats = [visitor.start_chat() for visitor in people]
    sent = [said(person, chat, "now") for person, chat in [*zip(people, chats, strict=True)] * 2]
    assert sent == [303, 303, 303, 429]
    before = count(app, "messages")
    form = {"content": "My long thought", "key": str(uuid.uuid4())}
    answer = people[0].post(f"{chats[0]}/messages", form, htmx=True)
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= HOUR
    notice = parse(answer.text).one(data_testid="notice").text
    assert "Too many messages were sent from your network in the last hour." in notice
    assert "Try again in 60 minutes" in notice
    assert "My long thought" in people[0].post(f"{chats[0]}/messages", form).text
    assert count(app, "messages") == before
    assert log.events("visitor.refused")[0]["what"] == "message"


def test_another_answer_counts_as_a_message(make_app: AppMaker) -> None:
    chat = Chat(make_app(COUNTS, messages_per_address=2)).say("now")
    answers = []
    for _ in range(2):
        turn = chat.page().one("form", id="regenerate").one(name="turn")["value"]
        form = {"turn": turn, "key": str(uuid.uuid4())}
        answers.append(chat.visitor.post(f"{chat.address}/regenerate", form).status_code)
        chat.until_answered()
    assert answers == [303, 429]


def test_a_message_that_was_not_stored_does_not_count(make_app: AppMaker) -> None:
    app = make_app(COUNTS, messages_per_address=2, streaming="poll")
    visitor = Visitor(app)
    chat = visitor.start_chat()
    assert said(visitor, chat) == 303
    assert [said(visitor, chat) for _ in range(5)] == [409] * 5
    other = Visitor(app)
    assert [said(other, other.start_chat()) for _ in range(2)] == [303, 429]


def test_who_has_signed_in_is_not_counted_by_address(make_app: AppMaker) -> None:
    most = {"starts_per_address": 1, "messages_per_address": 1, "turns_per_address": 1}
    app = make_app(COUNTS + LOGIN, streaming="poll", **most)
    for name in ("alice", "bob"):
        person = Visitor(app).logged_in(name)
        person.start_chat()
        assert [said(person, person.start_chat()) for _ in range(2)] == [303, 303]


def test_another_address_has_its_own_count(make_app: AppMaker) -> None:
    app = make_app(COUNTS, starts_per_address=1)
    for address in ("192.0.2.1", "192.0.2.2"):
        visitor = Visitor(app)
        told = [
            visitor.post("/chats", environ_overrides={"REMOTE_ADDR": address}).status_code
            for _ in range(2)
        ]
        assert told == [303, 429]


def test_a_network_of_ipv6_counts_and_so_does_its_site() -> None:
    limit = HourlyLimit(2)
    waits = [limit.count(f"2001:db8:0:{net:x}::{n}", 0.0) for net in range(4) for n in (1, 2, 3)]
    assert [wait == 0 for wait in waits] == [True, True, False] * 2 + [False] * 6
    assert limit.count("2001:db8:0:100::1", 0.0) == 0


def test_an_hour_later_there_is_room_again() -> None:
    limit = HourlyLimit(2)
    assert [limit.count("192.0.2.1", at) for at in (0.0, 100.0, 200.0)] == [0, 0, HOUR - 200]
    assert limit.count("192.0.2.1", HOUR) == 0
    assert limit.count("192.0.2.1", HOUR + 1) == 99


def test_what_was_not_done_counts_no_more() -> None:
    limit = HourlyLimit(1)
    for address in ("192.0.2.1", "2001:db8::1"):
        assert limit.count(address, 0.0) == 0
        limit.forget(address, 0.0)
        limit.forget(address, 0.0)
        assert [limit.count(address, at) for at in (1.0, 2.0)] == [0, HOUR - 1]


@pytest.mark.parametrize(
    ("address", "networks"),
    [
        ("192.0.2.1", [("192.0.2.1", 1)]),
        ("::ffff:192.0.2.1", [("192.0.2.1", 1)]),
        ("2001:db8:0:1ff::1", [("2001:db8:0:1ff::/64", 1), ("2001:db8:0:100::/56", 2)]),
        ("nonsense", [("unknown", 1)]),
        (None, [("unknown", 1)]),
    ],
)
def test_an_address_counts_under_its_networks(
    address: str | None, networks: list[tuple[str, int]]
) -> None:
    assert counted_networks(address) == networks


def test_addresses_are_forgotten_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webapp.accounts.sessions.visitor_limits.MANY_ADDRESSES", 10)
    limits = VisitorLimits(starts=2, messages=2, file_bytes=2, turns=1)
    for number in range(100):
        limits.starts.count(f"192.0.2.{number}", number * HOUR)
        limits.begin_turn(f"192.0.2.{number}", uuid.uuid4())
        limits.forget_turn(f"192.0.2.{number}", *limits._turns[f"192.0.2.{number}"])
    assert len(limits.starts._times) < 12
    assert len(limits._turns) < 12
