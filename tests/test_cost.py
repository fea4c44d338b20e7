"""What a request costs, counted: statements, transactions, threads that are woken, and bytes.

When you make something cheaper, write the new number here. When a number has grown, the failure
lists what was sent to the database, so that you see what came in addition.
"""

from __future__ import annotations

import asyncio
import re
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from contextvars import Context
from dataclasses import asdict, dataclass

import pytest
from flask import Flask
from sqlalchemy import text
from werkzeug.test import TestResponse

from tests.support.apps import AppMaker
from tests.support.costs import Cost, Meter, measured, settle, unpacked
from tests.support.people import Visitor
from webapp.authoring.loading import app_file
from webapp.chats.search_index import index_pending
from webapp.database.engines import read_connection, write_transaction
from webapp.engine import call
from webapp.engine.loop import process_loop
from webapp.pages import turn_responses
from webapp.turns.runtime import conversation

APP = """
    import asyncio

    import webapp as cl

    @cl.password_auth_callback
    def sign_in(username, password):
        return cl.User(identifier=username) if password == username * 2 else None

    @cl.set_chat_profiles
    async def profiles(user):
        return [
            cl.ChatProfile(name="Quick", markdown_description="Answers **at once**."),
            cl.ChatProfile(name="Thorough", markdown_description="Thinks *longer*."),
            cl.ChatProfile(name="Patient", markdown_description="Waits for a model."),
        ]

    @cl.on_chat_start
    async def start():
        profile = cl.user_session.get("chat_profile")
        await cl.Message(f"You talk to {profile}.").send()

    @cl.on_message
    async def answer(message):
        if message.content == "wait":
            await asyncio.sleep(0.03)
        await cl.Message(f"echo: {message.content}").send()
"""
PROFILES = ("Quick", "Thorough", "Patient")
# As a browser: htmx asks, and packed answers are welcome.
BROWSER = {"Accept-Encoding": "gzip, deflate", "HX-Request": "true"}
PAGE = {"Accept-Encoding": "gzip, deflate"}
WARM = 3
MEASURED = 7


class Chatter:
    """Alice, who has signed in, and does the same again and again."""

    def __init__(self, app: Flask, meter: Meter) -> None:
        self.app = app
        self.meter = meter
        self._alice = Visitor(app).logged_in("alice")
        self._chat = ""
        self._turn = 0
        self._button = ""
        self.start()

    def start(self) -> TestResponse:
        """Start a chat in the place of one in which nothing was written."""
        self._turn += 1
        answer = self._post("/chats", profile=PROFILES[self._turn % len(PROFILES)])
        found = re.search('data-chat-id="([^"]+)"', unpacked(answer))
        assert found, unpacked(answer)
        self._chat = found[1]
        return answer

    def say(self, text: str = "Good morning") -> TestResponse:
        """Say something that is answered at once."""
        return self._post(f"/chats/{self._chat}/messages", content=text, key=str(uuid.uuid4()))

    def wait(self) -> TestResponse:
        """Say something whose answer waits for a model."""
        return self.say("wait")

    def say_for_steps(self) -> TestResponse:
        """Say something that is answered with steps."""
        return self.say("steps")

    def find_button(self) -> TestResponse:
        """Open the page of the chat, and remember its first button."""
        answer = self.open_chat()
        found = re.search('formaction="([^"]+)"', unpacked(answer))
        assert found
        self._button = found[1]
        return answer

    def press(self) -> TestResponse:
        """Press that button."""
        return self._post(self._button, key=str(uuid.uuid4()))

    def talk(self) -> TestResponse:
        """Start a chat, and say something in it."""
        self.start()
        return self.say()

    def open_chat(self) -> TestResponse:
        """Open the page of the chat."""
        return self._alice.client.get(f"/chats/{self._chat}", headers=PAGE)

    def list_chats(self) -> TestResponse:
        """Ask for the list of chats, as the page does after the first message."""
        return self._alice.client.get("/chats", headers=BROWSER)

    def _post(self, path: str, **form: str) -> TestResponse:
        data = {"csrf_token": self._alice.token, **form}
        return self._alice.client.post(path, data=data, headers=BROWSER)


@dataclass(frozen=True, kw_only=True)
class Action:
    """Something that people do all the time, and what comes before it."""

    do: Callable[[Chatter], TestResponse]
    before: Callable[[Chatter], TestResponse] | None = None
    # The most bytes of HTML, and of what is sent over the wire without its head.
    html: int
    wire: int


ACTIONS = {
    "start": Action(do=Chatter.start, html=5_920, wire=1_850),
    # In a chat in which something was written, so that it is kept.
    "switch": Action(do=Chatter.start, before=Chatter.talk, html=5_920, wire=1_830),
    "message": Action(do=Chatter.say, html=5_130, wire=1_580),
    "message that waits": Action(do=Chatter.wait, html=5_110, wire=1_570),
    "page": Action(do=Chatter.open_chat, before=Chatter.talk, html=23_030, wire=4_820),
    "list of chats": Action(do=Chatter.list_chats, before=Chatter.talk, html=7_710, wire=880),
}
SQLITE: Mapping[str, Cost] = {
    "start": Cost(statements=6, begins=1, commits=1, writes=1, connections=2),
    "switch": Cost(statements=6, begins=1, commits=1, writes=1, connections=2),
    "message": Cost(statements=8, begins=2, commits=2, writes=2, connections=4),
    "message that waits": Cost(
        statements=8, begins=2, commits=2, writes=2, connections=4, loop_wakes=1, keeper_wakes=2
    ),
    "page": Cost(statements=7, connections=7),
    "list of chats": Cost(statements=3, connections=3),
}
POSTGRESQL: Mapping[str, Cost] = {
    "start": Cost(statements=7, begins=1, commits=1, writes=1, connections=2),
    "switch": Cost(statements=7, begins=1, commits=1, writes=1, connections=2),
    "message": Cost(statements=9, begins=2, commits=2, writes=2, connections=4),
    "message that waits": Cost(
        statements=9, begins=2, commits=2, writes=2, connections=4, loop_wakes=1, keeper_wakes=2
    ),
    "page": Cost(statements=7, connections=7),
    "list of chats": Cost(statements=3, connections=3),
}
# A page may be so much smaller than its limit before the limit has to follow it.
SLACK = 0.05


@dataclass(frozen=True)
class Run:
    """One time that something was done: what it cost, and what was sent to the database."""

    cost: Cost
    sent: str
    answer: TestResponse | None = None


@pytest.fixture(autouse=True)
def any_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Count what is quick as quick, however slow the machine is.

    What takes longer than a tenth of a second runs in another thread, and comes after its page.
    """
    for module in (app_file, call, turn_responses):
        monkeypatch.setattr(module, "QUICK_SECONDS", 30.0)
    monkeypatch.setattr(app_file, "LONG_SECONDS", 30.0)


@pytest.fixture(params=ACTIONS)
def name(request: pytest.FixtureRequest) -> str:
    """Return the name of each action in turn."""
    return str(request.param)


def test_on_sqlite_an_action_costs_what_is_known(
    make_app: AppMaker, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    app = make_app(APP)
    runs = repeat(Chatter(app, Meter.on(app, monkeypatch)), ACTIONS[name])
    check_cost(runs, SQLITE[name])
    # An answer that came later than the request waits for it is not in its page.
    check_size([run.answer for run in runs if run.cost == SQLITE[name]][-1], ACTIONS[name])


@pytest.mark.postgresql
def test_on_postgresql_an_action_costs_what_is_known(
    make_app: AppMaker, postgresql_url: str, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    make_app.database_url = postgresql_url
    app = make_app(APP)
    runs = repeat(Chatter(app, Meter.on(app, monkeypatch)), ACTIONS[name])
    check_cost(runs, POSTGRESQL[name])


STEPS = """
    import webapp as cl

    @cl.set_chat_profiles
    def profiles(user):
        return [cl.ChatProfile(name, "a") for name in ("Quick", "Thorough", "Patient")]

    @cl.password_auth_callback
    def sign_in(username, password):
        return cl.User(identifier=username)

    @cl.on_message
    async def answer(message):
        for number in range(20):
            if message.content == "steps":
                async with cl.Step(name="Search", type="tool") as step:
                    step.input, step.output = "a", {"b": number}
            else:
                await cl.Message("a").send()
        await cl.TaskList([cl.Task("a", cl.TaskStatus.DONE)]).send()
        await cl.Message("b").send()
"""


def test_a_step_costs_what_a_message_costs(
    make_app: AppMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app(STEPS)
    chatter = Chatter(app, Meter.on(app, monkeypatch))
    costs = []
    for said in (Chatter.say, Chatter.say_for_steps):
        chatter.start()
        for do in (said, Chatter.open_chat):
            runs = repeat(chatter, Action(do=do, html=0, wire=0))
            costs.append(least_cost(runs))
    assert costs[2:] == costs[:2]


BUTTONS = """
    import webapp as cl

    @cl.set_chat_profiles
    def profiles(user):
        return [cl.ChatProfile(name, "a") for name in ("Quick", "Thorough", "Patient")]

    @cl.password_auth_callback
    def sign_in(username, password):
        return cl.User(identifier=username)

    @cl.on_chat_start
    async def start():
        await cl.Message("a", actions=[cl.Action("go", {"b": 1})]).send()

    @cl.action_callback("go")
    async def go(action):
        await cl.Message("b").send()

    @cl.on_message
    async def answer(message):
        await cl.Message("b").send()
"""


def test_a_press_costs_what_a_message_costs(
    make_app: AppMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app(BUTTONS)
    check_press(Chatter(app, Meter.on(app, monkeypatch)))


@pytest.mark.postgresql
def test_on_postgresql_a_press_costs_what_a_message_costs(
    make_app: AppMaker, postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_app.database_url = postgresql_url
    app = make_app(BUTTONS)
    check_press(Chatter(app, Meter.on(app, monkeypatch)))


def check_press(chatter: Chatter) -> None:
    chatter.say()
    costs = []
    for do in (Chatter.say, Chatter.press):
        runs = repeat(chatter, Action(do=do, before=Chatter.find_button, html=0, wire=0))
        costs.append(least_cost(runs))
    assert costs[0] == costs[1], runs[-1].sent


PICTURES = """
    import webapp as cl

    @cl.set_chat_profiles
    def profiles(user):
        return [cl.ChatProfile(name, "a") for name in ("Quick", "Thorough", "Patient")]

    @cl.password_auth_callback
    def sign_in(username, password):
        return cl.User(identifier=username)

    sent = 0

    @cl.on_message
    async def answer(message):
        global sent
        them = []
        for number in range(10 if message.content == "wait" else 0):
            sent += 1
            them.append(cl.Image(name=f"{number}", content=b"\\x89PNG" + bytes(str(sent), "ascii")))
        await cl.Message("a", elements=them).send()
"""


def test_ten_pictures_cost_two_statements(
    make_app: AppMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app(PICTURES)
    chatter = Chatter(app, Meter.on(app, monkeypatch))
    costs = []
    for said in (Chatter.say, Chatter.wait):
        chatter.start()
        for do in (said, Chatter.open_chat):
            runs = repeat(chatter, Action(do=do, html=0, wire=0))
            costs.append(least_cost(runs))
    plain, page, pictures, page_with_pictures = costs
    assert pictures.statements == plain.statements + 2, pictures
    assert pictures.writes == plain.writes + 1
    assert page_with_pictures == page


# What a minute's messages leave to be done later: they are indexed for the search in one go.
LATER = Cost(statements=7, begins=1, commits=1, writes=1, connections=3)
LATER_MESSAGES = 10


@pytest.mark.parametrize("messages", [1, LATER_MESSAGES])
def test_what_messages_leave_for_later_does_not_grow_with_their_number(
    make_app: AppMaker, monkeypatch: pytest.MonkeyPatch, messages: int
) -> None:
    app = make_app(APP)
    chatter = Chatter(app, Meter.on(app, monkeypatch))
    settle(app)  # or the first run of the job, a minute before the next, could come in between
    for _ in range(messages):
        chatter.say()

    with measured(app, chatter.meter), app.app_context():
        assert index_pending() == 1

    check_cost([Run(chatter.meter.cost, chatter.meter.sent)], LATER)


def test_whatever_is_done_in_addition_is_counted(
    make_app: AppMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app(APP)
    chatter = Chatter(app, Meter.on(app, monkeypatch))

    with measured(app, chatter.meter), app.app_context():
        with write_transaction() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = version_num"))
        with suppress(ZeroDivisionError), write_transaction() as connection:
            raise ZeroDivisionError
        with read_connection() as connection:
            connection.execute(text("SELECT 1")).all()
        process_loop.submit(asyncio.sleep(0), Context()).result(10)
        conversation().keeper._wake()
        threading.Thread(target=int).start()

    assert chatter.meter.cost == Cost(
        statements=2,
        begins=2,
        commits=1,
        rollbacks=1,
        writes=1,
        connections=3,
        loop_wakes=1,
        keeper_wakes=1,
        threads=1,
    )
    assert "SELECT 1" in chatter.meter.sent


def repeat(chatter: Chatter, action: Action) -> list[Run]:
    """Do something until everything is warm, and then a few times more."""
    runs = []
    for _ in range(WARM + MEASURED):
        if action.before:
            assert action.before(chatter).status_code == 200
        with measured(chatter.app, chatter.meter):
            answer = action.do(chatter)
        assert answer.status_code == 200, unpacked(answer)
        runs.append(Run(chatter.meter.cost, chatter.meter.sent, answer))
    return runs[WARM:]


def least_cost(runs: list[Run]) -> Cost:
    """Return what something costs by itself. On a slow machine, most runs have more beside it.

    For example, a cleaning that is due, or the heartbeat of a turn.
    """
    return min((run.cost for run in runs), key=lambda cost: sum(asdict(cost).values()))


def check_cost(runs: list[Run], known: Cost) -> None:
    """Compare the runs with what is known: one of them must cost that, and usually most do."""
    # What is due from time to time, such as a cleaning, may fall into some of them, and on a busy
    # machine a callback that waits may end before the request or long after it.
    costs = Counter(run.cost for run in runs)
    [(usual, _)] = costs.most_common(1)
    sent = next(run.sent for run in runs if run.cost == usual)
    changes = known.changes(usual)
    assert known in costs, f"the cost has changed:{changes}\nwhat was sent:\n{sent}"


def check_size(answer: TestResponse | None, action: Action) -> None:
    """Compare the bytes of an answer with their limits."""
    assert answer is not None
    for what, size, most in (
        ("of HTML", len(unpacked(answer).encode()), action.html),
        ("on the wire", len(answer.data), action.wire),
    ):
        assert size <= most, f"{size} bytes {what}, limit {most}"
        assert size >= (1 - SLACK) * most, f"{size} bytes {what}: lower the limit from {most}"
