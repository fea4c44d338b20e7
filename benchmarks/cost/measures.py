"""What is measured: the price of requests, of a process, of streams, and of waiting."""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.cost.crowd import Crowd
from benchmarks.processes import cpu_seconds, footprint, shared_memory
from benchmarks.serving import Served, bare_app, our_app

SITE = "cost.py"
CLIENTS = 4
ACTIONS = {"start": "a chat start", "say": "a message that is answered at once"}
REST_SECONDS = 2.0
IMPORTS = 5
WATCHERS, WORDS, WORD_MS = 100, 300, 20
WAITERS, WAIT_SECONDS, ARRIVAL_SECONDS = 1_000, 40, 20
LOOK_SECONDS, LOOK_PAUSE = 10.0, 0.2
# gunicorn starts its 32 threads when it needs them. A few more are no thread each.
MORE_THREADS = 40


@dataclass(frozen=True)
class Row:
    """A line of the table: a number, and what it is compared with."""

    label: str
    number: float
    unit: str
    bare: float | None = None
    orm: float | None = None
    goal: float | None = None
    # Whether the goal is for the ratio to the bare page.
    of_bare: bool = False

    @property
    def ratio(self) -> float | None:
        """Return how many times the bare page's number this is."""
        return self.number / self.bare if self.bare else None

    @property
    def is_missed(self) -> bool:
        """Return whether the number is above its goal."""
        counted = self.ratio if self.of_bare else self.number
        return self.goal is not None and counted is not None and counted > self.goal


def measure_requests(rounds: int, seconds: float) -> Iterator[Row]:
    """Measure the processor time of the server per request, beside the bare page."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as servers:
        folder = Path(name)
        apps = (our_app(folder, SITE), bare_app(folder), bare_app(folder, orm=True))
        sides = [_Side(servers.enter_context(app)) for app in apps]
        for action in ACTIONS:
            # The first round warms up.
            for _ in range(rounds + 1):
                for side in sides:
                    side.take_round(action, seconds)
        for side in sides:
            side.crowd.leave()
        for action, label in ACTIONS.items():
            own, by_hand, by_orm = (side.milliseconds[action][1:] for side in sides)
            # Neighbours in time have met the same noise.
            ratio = statistics.median(a / b for a, b in zip(own, by_hand, strict=True))
            number = statistics.median(own)
            yield Row(
                f"CPU of {label}",
                number,
                "ms",
                number / ratio,
                statistics.median(by_orm),
                2.0,
                True,
            )


@dataclass
class _Side:
    """One of those that are compared, and the milliseconds per request in each round."""

    served: Served
    milliseconds: dict[str, list[float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.crowd = Crowd(self.served.port, CLIENTS)

    def take_round(self, action: str, seconds: float) -> None:
        """Let everybody do the same for a while, and note what one of them costs."""
        (worker,) = self.served.workers()
        before = cpu_seconds(worker)
        done = len(self.crowd.repeat(action, seconds).seconds)
        spent = cpu_seconds(worker) - before
        self.milliseconds.setdefault(action, []).append(1_000 * spent / done)


def measure_process() -> Iterator[Row]:
    """Measure an idle process, how long it takes to import, and what a second worker adds."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with our_app(folder, SITE) as ours:
            idle, all_of_it, started = _rested(ours)
        with bare_app(folder) as bare:
            bare_idle, bare_all, bare_started = _rested(bare)
        one, two = (_preloaded(folder, workers) for workers in (1, 2))
    yield Row("idle worker, RSS", idle, "MiB", bare_idle)
    yield Row("idle worker and gunicorn's own process, RSS", all_of_it, "MiB", bare_all, goal=75)
    yield Row("a second worker with --preload, PSS", two - one, "MiB", goal=45)
    imports = [_import_seconds() for _ in range(IMPORTS)]
    yield Row("CPU to import webapp", statistics.median(imports), "s", goal=0.6)
    yield Row("CPU until a worker serves", started, "s", bare_started)


def _rested(served: Served) -> tuple[float, float, float]:
    """Return the MiB of an idle worker, of it and gunicorn's own process, and its CPU seconds."""
    time.sleep(REST_SECONDS)
    (worker,) = served.workers()
    idle, arbiter = (footprint(pid).memory / 1_024 for pid in (worker, served.process.pid))
    return idle, idle + arbiter, cpu_seconds(worker)


def _preloaded(folder: Path, workers: int) -> float:
    """Return the memory of gunicorn's processes after each worker has been used a little."""
    with our_app(folder, SITE, ["--preload", "--workers", str(workers)]) as ours:
        crowd = Crowd(ours.port, 2 * CLIENTS)
        for action in ("start", "say", "open_chat"):
            crowd.repeat(action, 1.0)
        crowd.leave()
        time.sleep(REST_SECONDS)
        pids = [ours.process.pid, *ours.workers()]
        return sum(shared_memory(pid) for pid in pids) / 1_024


def _import_seconds() -> float:
    def spent() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    before = spent()
    subprocess.run([sys.executable, "-c", "import webapp"], check=True)
    return spent() - before


def measure_streams() -> Iterator[Row]:
    """Measure what it costs when many watch an answer grow, and how late the last words come."""
    with tempfile.TemporaryDirectory() as name, our_app(Path(name), SITE) as ours:
        (worker,) = ours.workers()
        crowd = Crowd(ours.port, WATCHERS)
        time.sleep(REST_SECONDS)
        before = cpu_seconds(worker)
        crowd.begin("follow", f"stream {WORDS} {WORD_MS}")
        outcome = crowd.outcome()
        spent = cpu_seconds(worker) - before
        crowd.leave()
    late = [seen.seconds - WORDS * WORD_MS / 1_000 for seen in outcome.seen]
    streams = sum("stream" in seen.ways for seen in outcome.seen)
    words = WORDS * len(outcome.seen) / 1_000
    label = f"{WATCHERS} people watch"
    yield Row(f"{label}: CPU per 1,000 words", 1_000 * spent / words, "ms", goal=100)
    yield Row(f"{label}: the last word is late, p95", _p95(late), "s", goal=0.5)
    yield Row(f"{label}: errors", len(outcome.errors), "", goal=0)
    yield Row(f"{label}: have a stream", streams, "")


def measure_waiting() -> Iterator[Row]:
    """Measure what turns cost that wait for a slow model, and other pages meanwhile."""
    with tempfile.TemporaryDirectory() as name, our_app(Path(name), SITE) as ours:
        (worker,) = ours.workers()
        stranger, crowd = Crowd(ours.port, 1), Crowd(ours.port, WAITERS)
        time.sleep(REST_SECONDS)
        before = footprint(worker)
        crowd.begin("follow", f"wait {WAIT_SECONDS}", ARRIVAL_SECONDS)
        time.sleep(ARRIVAL_SECONDS + REST_SECONDS)
        spent = cpu_seconds(worker)
        pages = stranger.repeat("open_chat", LOOK_SECONDS, LOOK_PAUSE).seconds
        spent = cpu_seconds(worker) - spent
        during = footprint(worker)
        was_early = not crowd.is_done()
        outcome = crowd.outcome()
        crowd.leave()
        stranger.leave()
    if not was_early:
        raise SystemExit("the turns had ended before anything was measured")
    label = f"{WAITERS:,} turns wait"
    more = during.threads - before.threads
    kilobytes = (during.memory - before.memory) / WAITERS
    yield Row(f"{label}: threads in addition", more, "", goal=MORE_THREADS)
    yield Row(f"{label}: memory for each", kilobytes, "kB")
    yield Row(f"{label}: CPU in a second, pages included", spent / LOOK_SECONDS, "s")
    yield Row(f"{label}: another page, p95", _p95(pages), "s", goal=0.3)
    yield Row(f"{label}: errors", len(outcome.errors), "", goal=0)


def _p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20)[18] if len(values) > 1 else float("inf")


MEASURES: dict[str, Callable[[], Iterator[Row]]] = {
    "process": measure_process,
    "streams": measure_streams,
    "waiting": measure_waiting,
}
