"""Measure whether memory, files and threads grow over 10,000 chat starts in one process.

Example
-------
::

    python benchmarks/memory.py
    python benchmarks/memory.py --starts 50000 --check
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import time
from pathlib import Path

from clients import chat_start, fire
from serving import our_app

CLIENTS = 16
STEP_SECONDS = 2.0
GOAL = 0.20
# A pooled connection to SQLite holds three files; a few more of them may be made when busy.
MORE_FILES = 12


def main() -> int:
    """Measure, print a table, and return 1 if ``--check`` was given and a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--starts", type=int, default=10_000, help="after 1,000 to warm up")
    parser.add_argument("--check", action="store_true", help="exit 1 when a goal is missed")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, our_app(Path(folder)) as ours:
        (worker,) = ours.workers()
        # More clients than threads, so that every thread and connection exists.
        _start_chats(ours.port, 1_000, 48)
        first = _show("warm", worker)
        done, last = 0, first
        while done < options.starts:
            done += _start_chats(
                ours.port, min(options.starts - done, options.starts // 5), CLIENTS
            )
            last = _show(f"{done:,}", worker)
    growth = last[0] / first[0] - 1
    print(f"Memory grew by {100 * growth:.1f} % (goal: below {100 * GOAL:.0f} %).")
    missed = growth >= GOAL or last[1] > first[1] + MORE_FILES or last[2] > first[2]
    print("A goal is missed." if missed else "Every goal is met.")
    return 1 if options.check and missed else 0


def _start_chats(port: int, least: int, clients: int) -> int:
    requests = [chat_start(port, "Thorough") for _ in range(clients)]
    done = 0
    while done < least:
        each = fire(port, requests, STEP_SECONDS)
        if each.errors:
            raise SystemExit(f"{len(each.errors)} errors, such as {each.errors[0]}")
        done += len(each.times)
    return done


def _show(label: str, pid: int) -> tuple[int, int, int]:
    """Print and return kB of memory, open files and threads of a process (Linux)."""
    time.sleep(1)
    status = Path(f"/proc/{pid}/status").read_text()
    memory, threads = _number(status, "VmRSS"), _number(status, "Threads")
    files = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    print(f"{label:>10}: {memory / 1_024:7.1f} MiB{files:6} files{threads:5} threads", flush=True)
    return memory, files, threads


def _number(status: str, name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+)", status, re.MULTILINE)
    if found is None:
        raise SystemExit("this needs Linux: /proc/<pid>/status says nothing about the process")
    return int(found[1])


if __name__ == "__main__":
    sys.exit(main())
