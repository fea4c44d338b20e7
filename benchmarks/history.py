"""Measure the history of a user with many chats: its pages, its search, and what indexing costs.

The databases are built first, which takes minutes; with ``--keep`` they stay in a folder for the
next time. Everything runs in this process, without a server: what is timed is the request, from
the address to the last byte of the page. Beside each: the bare SQL of the same look, through
``sqlite3``. A second database, a tenth in size, shows what grows with the number of chats.

Example
-------
::

    python benchmarks/history.py --keep ~/.cache/chat-profiles-benchmarks
    python benchmarks/history.py --chats 1000 --messages 100000 --rounds 9 --check
    python benchmarks/history.py --postgresql --users 2000 --rounds 100
"""

from __future__ import annotations

import argparse
import shutil
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from history_data import Size, built
from history_looks import Look, looks
from history_message import message_costs
from history_postgresql import measure_searches
from history_visitor import Visitor, app_with

Clock = Callable[[], float]

MOST_SECONDS = 0.050
# What is a tenth in size may not be much quicker: the goal is that it is as quick.
MOST_TIMES_SMALLER = 2.0
# Below this it is noise that differs.
QUICK_SECONDS = 0.010
CLOCKS = {"wall": time.perf_counter, "processor": time.process_time}
TABLES = ("SCAN chats", "SCAN messages", "SCAN search_", "SCAN turns")


@dataclass
class Measured:
    """The middle times of a look, and how SQLite finds the rows of each of its statements."""

    ours: float
    bare: float
    plans: dict[str, list[str]] = field(default_factory=dict)


def main() -> int:
    """Measure, print tables, and return 1 if ``--check`` was given and a goal is missed."""
    options = _options()
    if options.postgresql:
        missed = measure_searches(options.users, options.messages, options.rounds)
        print("\n".join(missed) or "Every goal is met.")
        return 1 if options.check and missed else 0
    sizes = [
        Size(options.chats // 10, options.messages // 10),
        Size(options.chats, options.messages),
    ]
    with _folder(options.keep) as folder:
        files = [built(folder, size) for size in sizes]
        clock = CLOCKS[options.clock]
        found = [_measure(file, options.rounds, clock) for file in files]
        _show_looks(sizes, found)
        if options.plans:
            _show_plans(found[-1])
        _show_messages(files[-1], options.rounds, clock)
    missed = _missed(*found)
    print("\n".join(missed) or "Every goal is met.")
    return 1 if options.check and missed else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--chats", type=int, default=10_000, help="of the user")
    parser.add_argument("--messages", type=int, default=1_000_000, help="in all of the chats")
    parser.add_argument("--rounds", type=int, default=15, help="of each look")
    parser.add_argument(
        "--postgresql", action="store_true", help="search on PostgreSQL, in a site of many users"
    )
    parser.add_argument("--users", type=int, default=2_000, help="with --postgresql")
    parser.add_argument("--keep", type=Path, help="folder in which the databases stay")
    parser.add_argument(
        "--clock", choices=CLOCKS, default="wall", help="processor: on a busy machine"
    )
    parser.add_argument("--plans", action="store_true", help="print how rows are found")
    parser.add_argument("--check", action="store_true", help="exit 1 when a goal is missed")
    return parser.parse_args()


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        yield keep
        return
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def _measure(file: Path, rounds: int, clock: Clock) -> dict[str, Measured]:
    with app_with(f"sqlite:///{file}") as app, closing(sqlite3.connect(file)) as bare:
        visitor = Visitor(app).logged_in()
        return {
            look.name: _measure_look(visitor, bare, look, rounds, clock) for look in looks(bare)
        }


def _measure_look(
    visitor: Visitor, bare: sqlite3.Connection, look: Look, rounds: int, clock: Clock
) -> Measured:
    with visitor.statements() as run:
        visitor.get(look.path)
    plans = {sql: _plan(bare, sql, values) for sql, values in run.items()}
    ours, theirs = [], []
    # In turns, so that both have the same neighbours. The first of each was warming up.
    for _ in range(rounds):
        ours.append(_seconds(clock, lambda: visitor.get(look.path)))
        theirs.append(_seconds(clock, lambda: bare.execute(look.bare, look.values).fetchall()))
    return Measured(statistics.median(ours), statistics.median(theirs), plans)


def _seconds(clock: Clock, act: Callable[[], object]) -> float:
    began = clock()
    act()
    return clock() - began


def _plan(bare: sqlite3.Connection, sql: str, values: Any) -> list[str]:
    return [row[3] for row in bare.execute(f"EXPLAIN QUERY PLAN {sql}", values)]


def _show_looks(sizes: list[Size], found: list[dict[str, Measured]]) -> None:
    small, large = sizes
    print(
        f"{'milliseconds':36}{small.chats:>12,} chats{large.chats:>12,} chats"
        f"{'times bare SQL':>16}{'growth':>8}  rows by index"
    )
    for name, measured in found[1].items():
        before = found[0][name]
        by_index = "no" if _scans(measured) else "yes"
        print(
            f"{name:36}{before.ours * 1e3:18.1f}{measured.ours * 1e3:18.1f}"
            f"{measured.ours / measured.bare:16.1f}{measured.ours / before.ours:8.2f}  {by_index}"
        )


def _scans(measured: Measured) -> list[str]:
    """Return the steps of a look that read all of a table or of an index."""
    steps = [step for plan in measured.plans.values() for step in plan]
    return [step for step in steps if step.startswith("SCAN") and not _is_bounded(step)]


def _is_bounded(step: str) -> bool:
    # The full-text index by words; and what another step of the same plan has found.
    by_words = step.startswith("SCAN search_words VIRTUAL TABLE INDEX") and ":M" in step
    return by_words or not step.startswith(
        ("SCAN chats", "SCAN messages", "SCAN search", "SCAN turns")
    )


def _show_plans(found: dict[str, Measured]) -> None:
    shown: set[str] = set()
    for name, measured in found.items():
        for sql, plan in measured.plans.items():
            if sql not in shown:
                shown.add(sql)
                print(f"\n{name}: {' '.join(sql.split())}", *plan, sep="\n    ")
    print()


def _show_messages(file: Path, rounds: int, clock: Clock) -> None:
    with tempfile.TemporaryDirectory(dir=file.parent) as name:
        # A copy: what is said in it must not be there the next time.
        copy = Path(shutil.copy(file, Path(name) / "messages.sqlite3"))
        found = message_costs(copy, rounds * 10, clock)
    print(f"\n{'a message and its answer':36}{'not indexed':>18}{'indexed':>18}{'times':>16}")
    for name, (without, with_index) in found.items():
        print(f"{name:36}{without * 1e3:18.2f}{with_index * 1e3:18.2f}{with_index / without:16.2f}")


def _missed(small: dict[str, Measured], large: dict[str, Measured]) -> list[str]:
    missed = []
    for name, measured in large.items():
        if measured.ours > MOST_SECONDS:
            missed.append(f"Missed: {name}: {measured.ours * 1e3:.0f} ms")
        grown = measured.ours / small[name].ours
        if grown > MOST_TIMES_SMALLER and measured.ours > QUICK_SECONDS:
            missed.append(f"Missed: {name}: {grown:.1f} x as long as with a tenth of the chats")
        missed += [f"Missed: {name}: {step}" for step in _scans(measured)]
    return missed


if __name__ == "__main__":
    sys.exit(main())
