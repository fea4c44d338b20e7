"""What one answer of 2,000 tokens costs the server's processor."""

from __future__ import annotations

import argparse
import html
import json
import os
import re
import statistics
import tempfile
import time
from collections import defaultdict
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import profiling
import stopwatches
from answer import TOKENS, tokens
from processes import cpu_seconds, thread_seconds
from serving import Served, bare_app, our_app
from visitors import BareVisitor, Visitor, at_once

GOAL_SECONDS = 0.15
# How much more the same tokens may cost in steps.
MOST_IN_STEPS = 1.3
IDLE_SECONDS = 5.0
PAUSES = (0.01, 0.0)
PROFILE_LINES = 30
_NAME = re.compile(r'"(\d+)": "([^"]+)"')


def measure(options: argparse.Namespace) -> list[str]:
    """Measure, print a table, and return what is missed."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as servers:
        folder = Path(name)
        ours, stepping = (servers.enter_context(our_app(folder, "stream.py")) for _ in range(2))
        bare, quiet = (servers.enter_context(bare_app(folder, "bare_chat")) for _ in range(2))
        sides = [
            _Side("ours", "stream", Visitor(ours.port), ours),
            # The same tokens in forty steps.
            _Side("steps", "steps", Visitor(stepping.port), stepping),
            _Side("bare", "stream", BareVisitor(bare.port), bare),
            # What the author's own waiting costs, with nothing said: no server can be cheaper.
            _Side("quiet", "quiet", BareVisitor(quiet.port), quiet),
        ]
        for side in sides:
            side.visitor.say(f"stream {TOKENS} 0")
            side.visitor.leave()
        time.sleep(1)
        at_once(_Side.rest, [(side,) for side in sides])
        for pause in PAUSES:
            for _ in range(options.rounds):
                # All at once, so that they meet the same noise; slow as they are, there is room.
                at_once(_Side.answer, [(side, pause) for side in sides])
    missed = _show(sides)
    if options.profile:
        _show_stopwatches()
        _profile()
    return missed


@dataclass
class _Side:
    """One of those that are compared, and what its answers cost: in all, and by thread."""

    who: str
    kind: str
    visitor: Visitor | BareVisitor
    served: Served
    idle: float = 0.0
    costs: dict[float, list[tuple[float, dict[str, float]]]] = field(default_factory=dict)

    def rest(self) -> None:
        """Take the processor time of a second in which nothing happens."""
        (worker,) = self.served.workers()
        before = cpu_seconds(worker)
        time.sleep(IDLE_SECONDS)
        self.idle = (cpu_seconds(worker) - before) / IDLE_SECONDS

    def answer(self, pause: float) -> None:
        """Take the processor time of one answer."""
        (worker,) = self.served.workers()
        names = self._threads()
        before, threads, began = cpu_seconds(worker), thread_seconds(worker), time.monotonic()
        told = self.visitor.say(f"{self.kind} {TOKENS} {pause}")
        self.visitor.leave()
        time.sleep(0.5)
        used = cpu_seconds(worker) - before - self.idle * (time.monotonic() - began)
        if told.errors or not told.ended:
            raise SystemExit(f"the answer did not end well: {told}")
        by_thread: dict[str, float] = defaultdict(float)
        for number, seconds in thread_seconds(worker).items():
            by_thread[_kind(names.get(number, "new"))] += seconds - threads.get(number, 0.0)
        self.costs.setdefault(pause, []).append((used, by_thread))

    def used(self, pause: float) -> float:
        """Return the processor time of the middle answer."""
        return statistics.median(used for used, _ in self.costs[pause])

    def _threads(self) -> dict[int, str]:
        self.visitor.say("threads")
        body = html.unescape(self.visitor.look().body.decode())
        # A connection that is kept would be given up in the meantime.
        self.visitor.leave()
        time.sleep(0.5)
        return {int(number): name for number, name in _NAME.findall(body)}


def _kind(name: str) -> str:
    if name.endswith("-loop"):
        return "author's loop"
    if name.endswith("-keeper"):
        return "keeper"
    return "server" if name == "MainThread" else "request"


def _show(sides: list[_Side]) -> list[str]:
    size = len("".join(tokens(TOKENS)))
    print(f"\nProcessor time of an answer of {TOKENS:,} tokens, {size:,} characters, in seconds")
    kinds = ["request", "author's loop", "keeper", "server"]
    print(f"{'pause':>8}  {'who':6}{'all':>8}{'least':>8}{''.join(f'{k:>15}' for k in kinds)}")
    for pause in PAUSES:
        for side in sides:
            costs = side.costs[pause]
            least = min(used for used, _ in costs)
            parts = [statistics.median(each.get(kind, 0.0) for _, each in costs) for kind in kinds]
            cells = "".join(f"{part:15.3f}" for part in parts)
            print(f"{pause:8.3f}  {side.who:6}{side.used(pause):8.3f}{least:8.3f}{cells}")
    idle = ", ".join(f"{side.who} {1_000 * side.idle:.1f} ms" for side in sides)
    print(f"A second in which nothing happens costs {idle}; that is taken off.")
    ours, steps, bare, quiet = sides
    own = ours.used(PAUSES[0]) - quiet.used(PAUSES[0])
    print(
        f"Without the author's own waiting, {PAUSES[0]} s a token: ours {own:.3f} s, bare "
        f"{bare.used(PAUSES[0]) - quiet.used(PAUSES[0]):.3f} s"
    )
    return [
        f"an answer costs {ours.used(pause):.3f} s at {pause:g} s a token"
        for pause in PAUSES
        if ours.used(pause) > GOAL_SECONDS
    ] + [
        f"in steps it costs {steps.used(pause):.3f} s at {pause:g} s a token"
        # At the pace of a model. Without a pause, it is the forty steps that count.
        for pause in PAUSES[:1]
        if steps.used(pause) > MOST_IN_STEPS * ours.used(pause)
    ]


def _show_stopwatches() -> None:
    os.environ[stopwatches.SWITCH] = "yes"
    with tempfile.TemporaryDirectory() as name, our_app(Path(name), "stream.py") as ours:
        visitor = Visitor(ours.port)
        visitor.say(f"stream {TOKENS} 0")
        print(f"\n{'Processor time, ms':34}" + "".join(f"{p:>9} s/token" for p in PAUSES))
        found = [_stopwatches(visitor, pause) for pause in PAUSES]
    del os.environ[stopwatches.SWITCH]
    for watched in stopwatches.WATCHED:
        cells = "".join(f"{1_000 * each[watched][0]:9.1f}{each[watched][1]:6} x" for each in found)
        print(f"{watched:34}{cells}")


def _stopwatches(visitor: Visitor, pause: float) -> dict[str, tuple[float, int]]:
    visitor.say("stopwatches")
    visitor.say(f"stream {TOKENS} {pause}")
    visitor.say("stopwatches")
    body = html.unescape(visitor.look().body.decode())
    last = body.rpartition('{"request: all of it"')[2].partition("}")[0]
    return dict(json.loads('{"request: all of it"' + last + "}"))


def _profile() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ[profiling.FOLDER] = name
        with our_app(folder, "stream.py") as ours:
            visitor = Visitor(ours.port)
            visitor.say(f"stream {TOKENS} 0.01")
            visitor.say("profile")
        del os.environ[profiling.FOLDER]
        print("\nWhere the time goes, of a chat start and one answer at 0.01 s a token")
        profiling.show(folder, PROFILE_LINES)
