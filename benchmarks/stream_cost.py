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
from pathlib import Path

import profiling
import stopwatches
from answer import TOKENS, tokens
from processes import cpu_seconds, thread_seconds
from serving import Served, bare_app, our_app
from visitors import BareVisitor, Visitor

GOAL_SECONDS = 0.15
IDLE_SECONDS = 5.0
PAUSES = (0.01, 0.0)
QUIET = "quiet"
PROFILE_LINES = 30
_NAME = re.compile(r'"(\d+)": "([^"]+)"')

# The processor time of each answer, and of its threads.
Costs = dict[tuple[float, str], list[tuple[float, dict[str, float]]]]


def measure(options: argparse.Namespace) -> list[str]:
    """Measure, print a table, and return what is missed."""
    costs: Costs = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with our_app(folder, "stream.py") as ours, bare_app(folder, "bare_chat") as bare:
            visitors: dict[str, tuple[Visitor | BareVisitor, Served]] = {
                "ours": (Visitor(ours.port), ours),
                "bare": (BareVisitor(bare.port), bare),
            }
            for visitor, _ in visitors.values():
                visitor.say(f"stream {TOKENS} 0")
            idle = {who: _idle(served) for who, (_, served) in visitors.items()}
            for _ in range(options.rounds):
                for pause in PAUSES:
                    for who, (visitor, served) in visitors.items():
                        cost = _cost(visitor, served, f"stream {TOKENS} {pause}", idle[who])
                        costs.setdefault((pause, who), []).append(cost)
                # What the author's own waiting costs, with nothing said: no server can be cheaper.
                cost = _cost(*visitors["bare"], f"quiet {TOKENS} {PAUSES[0]}", idle["bare"])
                costs.setdefault((PAUSES[0], QUIET), []).append(cost)
    missed = _show(costs, idle)
    if options.profile:
        _show_stopwatches()
        _profile()
    return missed


def _idle(served: Served) -> float:
    """Return the processor time of a server in which nothing happens, per second."""
    (worker,) = served.workers()
    time.sleep(3)  # connections that were kept are closed by then
    before = cpu_seconds(worker)
    time.sleep(IDLE_SECONDS)
    return (cpu_seconds(worker) - before) / IDLE_SECONDS


def _cost(
    visitor: Visitor | BareVisitor, served: Served, content: str, idle: float
) -> tuple[float, dict[str, float]]:
    (worker,) = served.workers()
    visitor.say("threads")
    body = html.unescape(visitor.look().body.decode())
    names = {int(number): name for number, name in _NAME.findall(body)}
    # A connection that is kept would be given up in the meantime.
    visitor.leave()
    time.sleep(0.5)
    before, threads, began = cpu_seconds(worker), thread_seconds(worker), time.monotonic()
    told = visitor.say(content)
    time.sleep(0.5)
    used = cpu_seconds(worker) - before - idle * (time.monotonic() - began)
    if told.errors or not told.ended:
        raise SystemExit(f"the answer did not end well: {told}")
    by_thread: dict[str, float] = defaultdict(float)
    for number, seconds in thread_seconds(worker).items():
        by_thread[_kind(names.get(number, "new"))] += seconds - threads.get(number, 0.0)
    return used, by_thread


def _kind(name: str) -> str:
    if name.endswith("-loop"):
        return "author's loop"
    if name.endswith("-keeper"):
        return "keeper"
    return "server" if name == "MainThread" else "request"


def _show(costs: Costs, idle: dict[str, float]) -> list[str]:
    size = len("".join(tokens(TOKENS)))
    print(f"\nProcessor time of an answer of {TOKENS:,} tokens, {size:,} characters, in seconds")
    kinds = ["request", "author's loop", "keeper", "server"]
    print(f"{'pause':>8}  {'who':6}{'all':>8}{'least':>8}{''.join(f'{k:>15}' for k in kinds)}")
    for (pause, who), each in costs.items():
        parts = "".join(
            f"{statistics.median(threads.get(kind, 0.0) for _, threads in each):15.3f}"
            for kind in kinds
        )
        used = [all_of_it for all_of_it, _ in each]
        print(f"{pause:8.3f}  {who:6}{statistics.median(used):8.3f}{min(used):8.3f}{parts}")
    resting = ", ".join(f"{who} {1_000 * each:.1f} ms" for who, each in idle.items())
    print(f"A second in which nothing happens costs {resting}; that is taken off.")
    return [
        f"an answer costs {statistics.median(used for used, _ in each):.3f} s at {pause:g} s a token"
        for (pause, who), each in costs.items()
        if who == "ours" and statistics.median(used for used, _ in each) > GOAL_SECONDS
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
