"""The keeper: which thread stores the end of a turn, and how many are stored together."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from webapp.authoring.context import ChatContext
from webapp.authoring.loading.app_file import Callback, ChatApp
from webapp.authoring.questions.question import OpenQuestion
from webapp.engine import keeper as keepers
from webapp.engine.errors import StoreUnavailableError
from webapp.engine.keeper import Keeper, SaveResult, TurnUpdate
from webapp.engine.phases import TurnStatus
from webapp.engine.turn import RunningTurn
from webapp.engine.work import Limits, TurnSpec, Work

LIMIT = 5.0


def stands_still() -> None:
    """Do nothing."""


class Store:
    """A store that remembers which thread saved which turns."""

    def __init__(self) -> None:
        self.saved: list[tuple[str, set[uuid.UUID]]] = []
        self.looked_for: list[int] = []
        self.while_saving: Callable[[], None] = stands_still

    def save(self, updates: list[TurnUpdate]) -> SaveResult:
        """Remember the turns."""
        self.while_saving()
        ids = {update.turn.id for update in updates}
        self.saved.append((threading.current_thread().name, ids))
        return SaveResult()

    def find_stop_requests(self, _turns: list[uuid.UUID]) -> set[uuid.UUID]:
        """Find nothing."""
        return set()

    def find_answers(self, questions: list[uuid.UUID]) -> dict[uuid.UUID, dict[str, Any]]:
        """Find nothing, and remember that it was asked."""
        self.looked_for.append(len(questions))
        return {}

    def time_out(self, questions: list[uuid.UUID]) -> set[uuid.UUID]:
        """Find that nobody has answered."""
        return set(questions)

    def beat(self, turns: list[uuid.UUID]) -> set[uuid.UUID]:
        """Find all of them alive."""
        return set(turns)


class Kept:
    """A keeper, its store, and turns that end when their test says so."""

    def __init__(self) -> None:
        self.store = Store()
        self.keeper = Keeper(self.store, on_start=lambda _: None)
        self.free = threading.Event()
        self.logged: list[Exception] = []

    def turn(self, *, waits: bool = False) -> RunningTurn:
        """Return a turn that ends at once, or when the test sets ``free``."""
        app = ChatApp(name="kept")
        if waits:
            app.register(Callback("on_message", lambda: self.free.wait(LIMIT) and None, 0))
        work = Work(
            decorator="on_message", limits=Limits(60, 30), explain=str, log=self.logged.append
        )
        spec = TurnSpec(id=uuid.uuid4(), owner="user:alice", profile=None)
        context = ChatContext(chat_id=str(uuid.uuid4()), user=None, chat_profile=None)
        return RunningTurn(app, context, work, spec, self.keeper.note_end)

    def run(self, turn: RunningTurn) -> RunningTurn:
        """Begin a turn as a request does."""
        with self.keeper.keep_begun_here(turn):
            turn.begin()
        return turn


@pytest.fixture
def kept() -> Kept:
    """Return a keeper without turns."""
    return Kept()


def test_a_turn_that_ends_at_once_is_stored_by_the_thread_that_began_it(kept: Kept) -> None:
    turn = kept.run(kept.turn())
    assert turn.stored
    assert kept.store.saved == [(threading.current_thread().name, {turn.id})]
    assert (kept.keeper.handovers, kept.keeper.count) == (0, 0)


def test_a_turn_that_goes_on_is_stored_by_the_keeper(kept: Kept) -> None:
    turn = kept.run(kept.turn(waits=True))
    assert not turn.stored
    kept.free.set()
    assert turn.wait_until_stored(LIMIT)
    assert kept.store.saved == [("webapp-keeper", {turn.id})]


def test_turns_that_end_while_one_is_stored_are_stored_together(kept: Kept) -> None:
    first, others = kept.turn(), [kept.turn() for _ in range(4)]
    ended = threading.Semaphore(0)

    def wait_for_others() -> None:
        kept.store.while_saving = stands_still
        for _ in others:
            assert ended.acquire(timeout=LIMIT)

    def run(turn: RunningTurn) -> None:
        with kept.keeper.keep_begun_here(turn):
            turn.begin()
            ended.release()

    kept.store.while_saving = wait_for_others
    with ThreadPoolExecutor(5) as pool:
        storing = pool.submit(kept.run, first)
        time.sleep(0.05)
        waiting = [pool.submit(run, turn) for turn in others]
        storing.result(LIMIT)
        for future in waiting:
            future.result(LIMIT)
    assert all(turn.stored for turn in (first, *others))
    stored = [ids for _, ids in kept.store.saved]
    assert stored[0] == {first.id}
    assert set().union(*stored[1:]) == {turn.id for turn in others}
    assert sum(map(len, stored)) == 5
    assert len(stored) < 5


def test_a_thread_that_waits_too_long_leaves_the_turn_to_the_keeper(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keepers, "SAVE_HERE_SECONDS", 0.05)
    turn = kept.turn()
    with kept.keeper._saving:
        kept.run(turn)
        assert not turn.stored
    assert turn.wait_until_stored(LIMIT)
    assert kept.store.saved == [("webapp-keeper", {turn.id})]


def test_a_store_that_is_away_is_tried_again_by_the_keeper(kept: Kept) -> None:
    def be_away() -> None:
        kept.store.while_saving = stands_still
        raise StoreUnavailableError("away")

    kept.store.while_saving = be_away
    turn = kept.run(kept.turn())
    assert turn.wait_until_stored(LIMIT)
    assert kept.store.saved == [("webapp-keeper", {turn.id})]


def test_a_turn_whose_thread_leaves_with_an_error_is_stored(kept: Kept) -> None:
    turn = kept.turn(waits=True)

    def fail() -> None:
        with kept.keeper.keep_begun_here(turn):
            turn.interrupt()
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert (turn.stored, turn.status) == (True, TurnStatus.INTERRUPTED)


def test_a_turn_that_another_thread_ends_is_stored_while_its_own_is_blocked(kept: Kept) -> None:
    turn, begun = kept.turn(waits=True), threading.Event()

    def block() -> None:
        with kept.keeper.keep_begun_here(turn):
            turn.begin()
            begun.set()
            kept.free.wait(LIMIT)

    blocked = threading.Thread(target=block)
    blocked.start()
    assert begun.wait(LIMIT)
    turn.interrupt()
    assert turn.wait_until_stored(LIMIT)
    kept.free.set()
    blocked.join()
    assert kept.store.saved == [("webapp-keeper", {turn.id})]


def test_each_of_many_turns_is_stored_once(kept: Kept) -> None:
    kept.store.while_saving = lambda: time.sleep(0.001)
    with ThreadPoolExecutor(16) as pool:
        turns = list(pool.map(lambda _: kept.run(kept.turn()), range(300)))
    assert all(turn.wait_until_stored(LIMIT) for turn in turns)
    stored = [turn_id for _, ids in kept.store.saved for turn_id in ids]
    assert sorted(stored) == sorted(turn.id for turn in turns)


@pytest.mark.parametrize(
    ("asking", "working", "looked_for"),
    [(1, 0, [1, 1, 1]), (2, 1, [2]), (keepers.MOST_ASKED_AT_EACH_TICK + 1, 0, [51])],
)
def test_it_looks_for_answers_at_each_tick_while_nothing_else_is_done(
    kept: Kept, asking: int, working: int, looked_for: list[int]
) -> None:
    kept.keeper._thread = threading.current_thread()  # no other looks after the turns
    for number in range(asking + working):
        turn = kept.run(kept.turn(waits=True))
        if number < asking:
            question = OpenQuestion(kind="user", message_id=uuid.uuid4(), timeout=LIMIT * 10)
            turn.questions.ask("ask", question, "Who?", None)
    tracked = list(kept.keeper._turns.values())
    kept.keeper._look_after(tracked)  # stores what they have asked
    kept.store.looked_for.clear()
    kept.keeper._looked_at = 0.0
    for _ in range(3):
        kept.keeper._look_after(tracked)
    assert kept.store.looked_for == looked_for
    kept.free.set()
