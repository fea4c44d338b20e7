"""Measure whether processes that write to one SQLite file back to back starve each other.

Compares SQLite's own waiting (`busy_timeout`) with short pauses of random length. Each round runs
the writers for three seconds with synchronous=FULL; the table gives commits per second of all, the
share of the least lucky writer (1 is fair), and the longest wait for the lock.

Example
-------
::

    python benchmarks/writers.py --processes 2 8
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import sqlite3
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

WAYS = ("busy_timeout", "jitter")
LIMIT = 5.0


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--processes", type=int, nargs="+", default=(2, 8), help="writers at once")
    parser.add_argument("--seconds", type=float, default=3.0, help="length of a round")
    parser.add_argument("--rounds", type=int, default=5, help="rounds for each way")
    options = parser.parse_args()
    print(f"{'writers':>7}  {'way':14}{'commits/s':>10}{'least share':>12}{'longest wait s':>15}")
    for processes in options.processes:
        rounds: dict[str, list[tuple[float, float, float]]] = {way: [] for way in WAYS}
        for _ in range(options.rounds):
            for way in WAYS:
                rounds[way].append(_round(way, processes, options.seconds))
        for way, each in rounds.items():
            rate, share, wait = (statistics.median(column) for column in zip(*each, strict=True))
            print(f"{processes:7}  {way:14}{rate:10,.0f}{share:12.2f}{wait:15.3f}")


def _round(way: str, processes: int, seconds: float) -> tuple[float, float, float]:
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder) / "writers.sqlite3")
        connection = sqlite3.connect(file)
        connection.executescript("PRAGMA journal_mode = WAL; CREATE TABLE t (x, y)")
        connection.close()
        begin, results = context.Barrier(processes), context.Queue()
        writers = [
            context.Process(target=_write, args=(file, way, seconds, begin, results))
            for _ in range(processes)
        ]
        for writer in writers:
            writer.start()
        found = [results.get() for _ in writers]
        for writer in writers:
            writer.join()
    counts = [count for count, _ in found]
    fair = sum(counts) / len(counts)
    return sum(counts) / seconds, min(counts) / fair, max(wait for _, wait in found)


def _write(file: str, way: str, seconds: float, begin: Any, results: Any) -> None:
    connection = sqlite3.connect(file, isolation_level=None, timeout=LIMIT)
    connection.execute("PRAGMA synchronous = FULL")
    begin.wait()
    count, longest, stop = 0, 0.0, time.monotonic() + seconds
    while (now := time.monotonic()) < stop:
        _take_lock(connection, way)
        longest = max(longest, time.monotonic() - now)
        connection.execute("INSERT INTO t VALUES (?, ?)", (count, "x" * 200))
        connection.execute("COMMIT")
        count += 1
    results.put((count, longest))


def _take_lock(connection: sqlite3.Connection, way: str) -> None:
    if way == "busy_timeout":
        connection.execute("BEGIN IMMEDIATE")
        return
    connection.execute("PRAGMA busy_timeout = 0")
    give_up = time.monotonic() + LIMIT
    while True:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            if time.monotonic() > give_up:
                raise
            time.sleep(random.uniform(0.0005, 0.003))
        else:
            return


if __name__ == "__main__":
    main()
