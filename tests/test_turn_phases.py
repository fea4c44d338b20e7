"""The life of a turn: the transitions of `webapp/engine/phases.py`, and those it refuses."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from itertools import product
from typing import Any

import pytest

from webapp.authoring.chat_message import ChatMessage
from webapp.authoring.context import ChatContext, Running
from webapp.authoring.errors import CallbackError
from webapp.authoring.loading.app_file import Callback, ChatApp
from webapp.engine import turn as turns
from webapp.engine.call import RunningCall
from webapp.engine.keeper import Keeper, SaveResult, TurnUpdate
from webapp.engine.phases import Lifecycle, Phase, Transition, TurnStatus
from webapp.engine.turn import RunningTurn
from webapp.engine.work import Limits, TurnSpec, Work

ALLOWED = {
    (Phase.RUNNING, Transition.END): Phase.SETTLING,
    (Phase.RUNNING, Transition.STOP): Phase.STOPPING,
    (Phase.STOPPING, Transition.CLEAN_UP): Phase.CLEANING_UP,
    (Phase.STOPPING, Transition.RUN_ON_STOP): Phase.ON_STOP,
    (Phase.STOPPING, Transition.SKIP_ON_STOP): Phase.SETTLING,
    (Phase.CLEANING_UP, Transition.RUN_ON_STOP): Phase.ON_STOP,
    (Phase.CLEANING_UP, Transition.SKIP_ON_STOP): Phase.SETTLING,
    (Phase.ON_STOP, Transition.END_ON_STOP): Phase.SETTLING,
    (Phase.SETTLING, Transition.SETTLE): Phase.SETTLED,
    (Phase.SETTLED, Transition.STORE): Phase.STORED,
    (Phase.SETTLED, Transition.LOSE): Phase.LOST,
}


def test_the_table_of_transitions_is_kept() -> None:
    for phase, transition in product(Phase, Transition):
        lifecycle = Lifecycle(threading.Condition())
        lifecycle.phase = phase
        moved = lifecycle.move(transition)
        assert moved is ((phase, transition) in ALLOWED), (phase, transition)
        assert lifecycle.phase is ALLOWED.get((phase, transition), phase), (phase, transition)


def test_of_many_threads_one_makes_a_transition() -> None:
    lifecycle, barrier = Lifecycle(threading.Condition()), threading.Barrier(8, timeout=60)
    made: list[bool] = []

    def end() -> None:
        barrier.wait()
        made.append(lifecycle.move(Transition.END))

    threads = [threading.Thread(target=end) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == [False] * 7 + [True]


def stands_still() -> None:
    """Do nothing."""


class Ending(Future[Any]):
    """The end of a call, with something that happens before anybody looks at it."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self._stage = stage

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Return the error of the call."""
        self._stage.while_ending()
        return super().exception(timeout)


class Stage:
    """A turn whose callbacks run and end when a test says so, on a clock that the test moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *callbacks: str) -> None:
        self.now = 1_000.0
        self.calls: dict[str, RunningCall] = {}
        self.events: list[str] = []
        self.failures: list[CallbackError] = []
        self.while_beginning: Callable[[], None] = stands_still
        self.while_ending: Callable[[], None] = stands_still
        self.over: list[Phase] = []
        monkeypatch.setattr("time.monotonic", lambda: self.now)
        monkeypatch.setattr(turns, "begin", self.begin)
        app = ChatApp(name="stage")
        for name in callbacks:
            app.register(Callback(name, lambda: None, 0))
        work = Work(
            decorator="on_message", limits=Limits(60, 30), explain=str, log=self.failures.append
        )
        spec = TurnSpec(id=uuid.uuid4(), owner="user:alice", profile=None)
        context = ChatContext(chat_id=str(uuid.uuid4()), user=None, chat_profile=None)
        self.turn = RunningTurn(app, context, work, spec, lambda turn: self.over.append(turn.phase))

    def begin(self, callback: Callback, _arguments: object, _running: Running) -> RunningCall:
        name, ended = callback.decorator, Ending(self)
        self.events.append(name)
        self.while_beginning()
        self.calls[name] = RunningCall(ended, lambda: self.events.append(f"cancel {name}"))
        return self.calls[name]

    def end(self, name: str, error: Exception | None = None) -> None:
        """Let a callback come to its end."""
        if error is None:
            self.calls[name].ended.set_result(None)
        else:
            self.calls[name].ended.set_exception(error)

    @property
    def stands(self) -> tuple[Phase, TurnStatus]:
        """Return where the turn is, and how it ends."""
        return self.turn.phase, self.turn.status


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    """Return a running turn in an app with ``@on_stop``."""
    stage = Stage(monkeypatch, "on_message", "on_stop")
    stage.turn.begin()
    return stage


@pytest.fixture
def without_on_stop(monkeypatch: pytest.MonkeyPatch) -> Stage:
    """Return a running turn in an app without ``@on_stop``."""
    stage = Stage(monkeypatch, "on_message")
    stage.turn.begin()
    return stage


def test_a_turn_runs_ends_and_is_stored(stage: Stage) -> None:
    assert stage.stands == (Phase.RUNNING, TurnStatus.RUNNING)
    stage.end("on_message")
    assert stage.stands == (Phase.SETTLED, TurnStatus.COMPLETE)
    assert (stage.turn.over, stage.turn.stored) == (True, False)
    stage.turn.mark_stored()
    assert stage.stands == (Phase.STORED, TurnStatus.COMPLETE)
    assert stage.over == [Phase.SETTLED]


def test_a_callback_that_fails_ends_its_turn(stage: Stage) -> None:
    stage.end("on_message", ValueError("no"))
    assert stage.stands == (Phase.SETTLED, TurnStatus.FAILED)
    assert len(stage.failures) == 1


def test_values_that_cannot_be_stored_fail_a_complete_turn(stage: Stage) -> None:
    stage.turn.chat.values.set("odd", "x" * 1_000_000)
    stage.end("on_message")
    assert stage.stands == (Phase.SETTLED, TurnStatus.FAILED)


def test_stop_cancels_then_runs_on_stop_then_settles(stage: Stage) -> None:
    stage.turn.stop()
    assert stage.stands == (Phase.CLEANING_UP, TurnStatus.STOPPED)
    stage.end("on_message", CancelledError())
    assert stage.stands == (Phase.ON_STOP, TurnStatus.STOPPED)
    assert stage.over == []
    stage.end("on_stop")
    assert stage.stands == (Phase.SETTLED, TurnStatus.STOPPED)
    assert stage.events == ["on_message", "cancel on_message", "on_stop"]
    assert stage.failures == []


def test_without_on_stop_a_stopped_turn_settles_when_it_has_cleaned_up(
    without_on_stop: Stage,
) -> None:
    without_on_stop.turn.stop()
    assert without_on_stop.stands == (Phase.CLEANING_UP, TurnStatus.STOPPED)
    without_on_stop.end("on_message", CancelledError())
    assert without_on_stop.stands == (Phase.SETTLED, TurnStatus.STOPPED)


def test_a_callback_may_end_while_it_is_being_cancelled(stage: Stage) -> None:
    phases = []

    def cancel() -> None:
        phases.append(stage.turn.phase)
        call.ended.set_exception(CancelledError())
        phases.append(stage.turn.phase)

    call = stage.calls["on_message"]
    object.__setattr__(call, "cancel", cancel)
    stage.turn.stop()
    assert [*phases, stage.turn.phase] == [Phase.STOPPING, Phase.ON_STOP, Phase.ON_STOP]


def test_a_callback_that_does_not_clean_up_in_time_does_not_hold_up_on_stop(stage: Stage) -> None:
    stage.turn.stop()
    stage.now += turns.CLEAN_UP_SECONDS
    stage.turn.check_limits()
    assert stage.stands == (Phase.CLEANING_UP, TurnStatus.STOPPED)
    stage.now += 0.01
    stage.turn.check_limits()
    assert stage.stands == (Phase.ON_STOP, TurnStatus.STOPPED)
    stage.end("on_stop")
    assert stage.stands == (Phase.SETTLED, TurnStatus.STOPPED)
    lingered = stage.turn.lingers
    stage.end("on_message", CancelledError())
    assert (lingered, stage.turn.lingers) == (True, False)
    assert stage.events.count("on_stop") == 1


def test_a_callback_that_does_not_clean_up_in_time_settles_without_on_stop(
    without_on_stop: Stage,
) -> None:
    without_on_stop.turn.stop()
    without_on_stop.now += turns.CLEAN_UP_SECONDS + 0.01
    without_on_stop.turn.check_limits()
    assert without_on_stop.stands == (Phase.SETTLED, TurnStatus.STOPPED)


def test_on_stop_that_never_ends_is_cancelled_and_fails(stage: Stage) -> None:
    stage.turn.stop()
    stage.end("on_message", CancelledError())
    stage.now += turns.CLEAN_UP_SECONDS + turns.ON_STOP_SECONDS
    stage.turn.check_limits()
    assert stage.stands == (Phase.ON_STOP, TurnStatus.STOPPED)
    stage.now += 0.01
    stage.turn.check_limits()
    assert stage.stands == (Phase.SETTLED, TurnStatus.STOPPED)
    assert stage.events[-1] == "cancel on_stop"
    assert "@on_stop: took longer" in str(stage.turn.failure)
    stage.end("on_stop", CancelledError())
    assert (stage.over, len(stage.failures)) == ([Phase.SETTLED], 1)


def test_on_stop_that_fails_leaves_the_turn_stopped(stage: Stage) -> None:
    stage.turn.stop()
    stage.end("on_message", CancelledError())
    stage.end("on_stop", ValueError("no"))
    assert stage.stands == (Phase.SETTLED, TurnStatus.STOPPED)
    assert "@on_stop" in str(stage.turn.failure)


def test_an_app_without_the_callback_completes(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch)
    stage.turn.begin()
    assert stage.stands == (Phase.SETTLED, TurnStatus.COMPLETE)


def test_stop_before_the_callback_begins_runs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch, "on_message", "on_stop")
    stage.turn.stop()
    assert stage.stands == (Phase.SETTLED, TurnStatus.STOPPED)
    stage.turn.begin()
    assert stage.events == []


def test_stop_while_the_callback_begins_cancels_it(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch, "on_message", "on_stop")
    stage.while_beginning = stage.turn.stop
    stage.turn.begin()
    assert stage.stands == (Phase.SETTLED, TurnStatus.STOPPED)
    assert stage.events == ["on_message", "cancel on_message"]
    assert stage.turn.lingers
    stage.end("on_message", CancelledError())
    assert (stage.events[2:], stage.failures) == ([], [])


def test_stop_that_meets_the_end_of_the_callback_settles_at_once(stage: Stage) -> None:
    stage.while_ending = stage.turn.stop
    stage.end("on_message")
    assert stage.stands == (Phase.SETTLED, TurnStatus.STOPPED)
    assert stage.events == ["on_message"]
    assert stage.over == [Phase.SETTLED]


def test_stop_after_the_end_changes_nothing(stage: Stage) -> None:
    stage.end("on_message")
    stage.turn.stop()
    assert stage.stands == (Phase.SETTLED, TurnStatus.COMPLETE)
    assert stage.events == ["on_message"]


@pytest.mark.parametrize("phase", [Phase.CLEANING_UP, Phase.ON_STOP])
def test_who_says_first_how_a_turn_ends_is_right(stage: Stage, phase: Phase) -> None:
    stage.turn.stop()
    if phase is Phase.ON_STOP:
        stage.end("on_message", CancelledError())
    stage.turn.interrupt()
    stage.turn.stop()
    stage.now += 0.5
    stage.turn.check_limits()
    assert stage.stands == (phase, TurnStatus.STOPPED)


@pytest.mark.parametrize(("seconds", "problem"), [(30.01, "said nothing"), (60.01, "took longer")])
def test_a_turn_whose_time_is_up_fails_and_its_callback_lingers(
    stage: Stage, seconds: float, problem: str
) -> None:
    stage.now += seconds
    stage.turn.check_limits()
    assert stage.stands == (Phase.SETTLED, TurnStatus.FAILED)
    assert problem in str(stage.turn.failure)
    assert stage.events == ["on_message", "cancel on_message"]
    stage.end("on_message", CancelledError())
    assert stage.stands == (Phase.SETTLED, TurnStatus.FAILED)


def test_the_end_of_a_process_interrupts(stage: Stage) -> None:
    stage.turn.interrupt()
    assert stage.stands == (Phase.SETTLED, TurnStatus.INTERRUPTED)
    assert stage.events == ["on_message", "cancel on_message"]


def test_a_turn_that_is_lost_after_it_settled_is_interrupted(stage: Stage) -> None:
    stage.end("on_message")
    stage.turn.mark_stored(lost=True)
    assert stage.stands == (Phase.LOST, TurnStatus.INTERRUPTED)
    assert stage.turn.stored


def test_a_turn_is_stored_or_lost_once(stage: Stage) -> None:
    stage.turn.mark_stored()
    assert stage.stands == (Phase.RUNNING, TurnStatus.RUNNING)
    stage.end("on_message")
    stage.turn.mark_stored()
    stage.turn.mark_stored(lost=True)
    assert stage.stands == (Phase.STORED, TurnStatus.COMPLETE)


class LosingStore:
    """A store in which no row is this process's any more."""

    def __init__(self) -> None:
        self.ended: list[bool] = []

    def save(self, updates: list[TurnUpdate]) -> SaveResult:
        """Find each turn lost."""
        self.ended += [update.ended for update in updates]
        return SaveResult(lost={update.turn.id for update in updates})

    def find_stop_requests(self, _turns: list[uuid.UUID]) -> set[uuid.UUID]:
        """Find nothing."""
        return set()

    def find_answers(self, _questions: list[uuid.UUID]) -> dict[uuid.UUID, dict[str, Any]]:
        """Find nothing."""
        return {}

    beat = time_out = find_stop_requests


def test_a_turn_that_is_lost_while_it_stops_ends_before_it_is_let_go(stage: Stage) -> None:
    store = LosingStore()
    keeper = Keeper(store, on_start=lambda _: None)
    tracked = turns_kept(keeper, stage.turn)
    stage.turn.stop()
    keeper._save([tracked], stage.now)
    assert keeper.find(stage.turn.id) is stage.turn
    stage.end("on_message", CancelledError())
    stage.end("on_stop")
    keeper._save([tracked], stage.now)
    assert keeper.find(stage.turn.id) is None
    assert stage.stands == (Phase.LOST, TurnStatus.INTERRUPTED)
    assert store.ended == [False, True]


def turns_kept(keeper: Keeper, turn: RunningTurn) -> Any:
    """Let a keeper keep a turn, without its thread."""
    keeper._thread = threading.current_thread()
    keeper.keep(turn, list[ChatMessage]())
    return keeper._turns[turn.id]
