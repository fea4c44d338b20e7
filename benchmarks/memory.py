"""Measure whether memory, files and threads grow over 10,000 chat starts and turns in one process.

Every other turn is a stream whose reader hangs up in the middle: half of them with a FIN, half with
a RST. The turn goes on, and the next one in that chat begins when it has ended.

Example
-------
::

    python benchmarks/memory.py
    python benchmarks/memory.py --starts 0 --turns 2000 --check
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from itertools import count, takewhile
from pathlib import Path

from clients import chat_start, fire
from processes import Footprint, footprint
from serving import our_app
from visitors import Visitor, at_once

CLIENTS = 16
# More clients than threads, so that every thread and connection exists.
WARM_CLIENTS = 48
WARM = 1_000
STEP_SECONDS = 2.0
GOAL = 0.20
# A pooled connection to SQLite holds three files; a few more of them may be made when busy.
MORE_FILES = 12
# A stream that lasts for a second, and how often its writer looks whether it has ended.
STREAM = "stream 100 0.01"
LOOK_SECONDS = 0.3
# By then connections that were kept are closed, and streams without a reader have noticed.
REST_SECONDS = 7.0


def main() -> int:
    """Measure, print tables, and return 1 if ``--check`` was given and a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--starts", type=int, default=10_000, help="after 1,000 to warm up")
    parser.add_argument("--turns", type=int, default=10_000, help="after 1,000 to warm up")
    parser.add_argument("--check", action="store_true", help="exit 1 when a goal is missed")
    options = parser.parse_args()
    missed = []
    if options.starts:
        missed += _measure_starts(options.starts)
    if options.turns:
        missed += _measure_turns(options.turns)
    print("\n".join(missed) or "Every goal is met.")
    return 1 if options.check and missed else 0


def _measure_starts(starts: int) -> list[str]:
    print("Chat starts")
    with tempfile.TemporaryDirectory() as folder, our_app(Path(folder)) as ours:
        (worker,) = ours.workers()
        _start_chats(ours.port, WARM, WARM_CLIENTS)
        first = _show("warm", worker, 1.0)
        done, last = 0, first
        while done < starts:
            done += _start_chats(ours.port, min(starts - done, starts // 5), CLIENTS)
            last = _show(f"{done:,}", worker, 1.0)
    return _growth("chat starts", first, last)


def _measure_turns(turns: int) -> list[str]:
    print("Turns, every other one without a reader from its middle on")
    with tempfile.TemporaryDirectory() as folder, our_app(Path(folder), "stream.py") as ours:
        (worker,) = ours.workers()
        _take_turns(ours.port, min(WARM, turns), WARM_CLIENTS)
        first = _show("warm", worker, REST_SECONDS)
        done, last = 0, first
        for _ in range(5):
            done += _take_turns(ours.port, turns // 5, CLIENTS)
            last = _show(f"{done:,}", worker, REST_SECONDS)
    return _growth("turns", first, last)


def _start_chats(port: int, least: int, clients: int) -> int:
    requests = [chat_start(port, "Thorough") for _ in range(clients)]
    done = 0
    while done < least:
        each = fire(port, requests, STEP_SECONDS)
        if each.errors:
            raise SystemExit(f"{len(each.errors)} errors, such as {each.errors[0]}")
        done += len(each.times)
    return done


def _take_turns(port: int, least: int, clients: int) -> int:
    visitors = [Visitor(port) for _ in range(clients)]
    numbers, errors = count(), list[str]()

    def chat(visitor: Visitor) -> None:
        for number in takewhile(lambda number: number < least, numbers):
            if number % 2:
                errors.extend(_hang_up(visitor, reset=number % 4 == 1))
            else:
                errors.extend(visitor.say("echo Good morning").errors)
        visitor.leave()

    at_once(chat, [(visitor,) for visitor in visitors])
    if errors:
        raise SystemExit(f"{len(errors)} errors, such as {errors[0]}")
    return least


def _hang_up(visitor: Visitor, *, reset: bool) -> list[str]:
    told = visitor.post(STREAM)
    visitor.leave(reset=reset)
    while not visitor.is_answered():
        time.sleep(LOOK_SECONDS)
    return told.errors


def _growth(what: str, first: Footprint, last: Footprint) -> list[str]:
    growth = last.memory / first.memory - 1
    print(f"Memory grew by {100 * growth:.1f} % (goal: below {100 * GOAL:.0f} %).")
    missed = [f"Missed: memory grew over {what}"] if growth >= GOAL else []
    if last.files > first.files + MORE_FILES or last.threads > first.threads:
        missed.append(f"Missed: files or threads were left over by {what}")
    return missed


def _show(label: str, pid: int, seconds: float) -> Footprint:
    """Print and return what a process holds after it has rested."""
    time.sleep(seconds)
    now = footprint(pid)
    print(f"{label:>10}: {now}", flush=True)
    return now


if __name__ == "__main__":
    sys.exit(main())
