"""Messages that are answered at once, beside bare views that store the same rows."""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import profiling
from serving import Served, bare_app, our_app
from visitors import BareVisitor, Told, Visitor, at_once

GOAL_TIMES_BARE = 1.5
BARE = ("orm", "core")
PROFILE_LINES = 40
PROFILE_MESSAGES = 300


@dataclass
class Round:
    """What came of the messages of one round."""

    seconds: float = 0.0
    told: list[Told] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Return messages per second."""
        return len(self.told) / self.seconds

    @property
    def mean(self) -> float:
        """Return how long they took on average, in seconds.

        Not the middle one: among writers that starve each other, most are quick and some take
        seconds.
        """
        return statistics.fmean(each.seconds for each in self.told)


Rounds = dict[str, list[Round]]


def measure(options: argparse.Namespace) -> list[str]:
    """Measure, print a table, and return what is missed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with our_app(folder, "stream.py") as ours, bare_app(folder, "bare_chat") as bare:
            found = {n: _measure(ours, bare, n, options) for n in options.clients}
    missed = _show(found)
    if options.profile:
        _profile()
    return missed


def _measure(ours: Served, bare: Served, clients: int, options: argparse.Namespace) -> Rounds:
    visitors: dict[str, list[Visitor] | list[BareVisitor]] = {
        "ours": [Visitor(ours.port) for _ in range(clients)],
        **{way: [BareVisitor(bare.port, way) for _ in range(clients)] for way in BARE},
    }
    rounds: Rounds = {who: [] for who in visitors}
    # The first round of each warms up, and is not counted.
    for _ in range(options.rounds + 1):
        for who, each in visitors.items():
            rounds[who].append(_round([visitor.say for visitor in each], options.seconds))
    return {who: each[1:] for who, each in rounds.items()}


def _round(speakers: list[Callable[[str], Told]], seconds: float) -> Round:
    result = Round()
    begin = threading.Barrier(len(speakers) + 1)

    def speak(say: Callable[[str], Told]) -> None:
        begin.wait()
        stop = time.monotonic() + seconds
        while time.monotonic() < stop:
            result.told.append(say("echo Good morning"))

    everybody = threading.Thread(target=at_once, args=(speak, [(say,) for say in speakers]))
    everybody.start()
    begin.wait()
    began = time.monotonic()
    everybody.join()
    result.seconds = time.monotonic() - began
    return result


def _show(found: dict[int, Rounds]) -> list[str]:
    print("\nMessages that are answered at once; ratios of mean times, of neighbouring rounds")
    columns = "".join(f"{name:>8}" for name in ("per s", "mean ms", "p50 ms", "p95 ms", "errors"))
    print(f"clients  who   {columns}  ratio")
    missed = []
    for clients, rounds in found.items():
        for who, each in rounds.items():
            times = [1_000 * told.seconds for one in each for told in one.told]
            p50, p95 = statistics.quantiles(times, n=20)[9], statistics.quantiles(times, n=20)[18]
            rate = statistics.median(one.rate for one in each)
            errors = [error for one in each for told in one.told for error in told.errors]
            ratio = "" if who == "ours" else f"{_ratio(rounds, who):.2f}"
            cells = "".join(f"{each_ms:8.1f}" for each_ms in (statistics.fmean(times), p50, p95))
            print(f"{clients:7}  {who:6}{rate:8,.0f}{cells}{len(errors):8}  {ratio}")
            missed += [f"{len(errors)} errors of {who}, such as {errors[0]}"] if errors else []
        ways = Counter(told.ways[0] for one in rounds["ours"] for told in one.told if told.ways)
        print(f"{'':9}ours were answered as {dict(ways)}")
        if _ratio(rounds, "orm") > GOAL_TIMES_BARE:
            missed.append(f"{_ratio(rounds, 'orm'):.2f} x the bare view, {clients} clients")
    return missed


def _ratio(rounds: Rounds, who: str) -> float:
    pairs = zip(rounds["ours"], rounds[who], strict=True)
    return statistics.median(ours.mean / bare.mean for ours, bare in pairs)


def _profile() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ[profiling.FOLDER] = name
        with our_app(folder, "stream.py") as ours:
            visitor = Visitor(ours.port)
            for _ in range(PROFILE_MESSAGES):
                visitor.say("echo Good morning")
            visitor.say("profile")
        del os.environ[profiling.FOLDER]
        print(f"\nWhere the time of {PROFILE_MESSAGES} messages goes")
        profiling.show(folder, PROFILE_LINES)
