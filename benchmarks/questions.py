"""Many questions open at once in one process: what they hold, and how long other pages take."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from processes import cpu_seconds, footprint
from serving import Served, our_app
from visitors import Line, Visitor, at_once, get

GOAL_PAGE_SECONDS = 0.3
CLIENTS = 10
LOOK_SECONDS = 10.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=300)
    parser.add_argument("--check", action="store_true", help="exit 1 when a goal is missed")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, our_app(Path(name), "questions.py") as ours:
        missed = measure(ours, options.questions)
    for each in missed:
        print(f"Missed: {each}")
    sys.exit(bool(missed and options.check))


def measure(served: Served, count: int) -> list[str]:
    """Open questions, look at other pages, and answer; return what is missed."""
    (worker,) = served.workers()
    visitors: list[Visitor] = []
    at_once(lambda: visitors.append(Visitor(served.port)), [()] * CLIENTS)
    while len(visitors) < count:
        visitors.append(Visitor(served.port))
    before = footprint(worker)
    print(f"{count} chats, no question open   {before}")

    said_to_all(visitors, "ask")
    cpu, began, times = cpu_seconds(worker), time.monotonic(), []
    stranger = visitors[0]
    while time.monotonic() - began < LOOK_SECONDS:
        heard = Line(served.port).ask(get(served.port, stranger.page, stranger.cookie))
        times.append(heard.seconds)
        time.sleep(0.1)
    share = (cpu_seconds(worker) - cpu) / (time.monotonic() - began)
    during = footprint(worker)
    print(f"{count} questions open            {during}")
    times.sort()
    middle, most = 1_000 * times[len(times) // 2], 1_000 * times[-1]
    print(f"another page: {middle:.0f} ms, {most:.0f} at most; {100 * share:.0f} % of a processor")

    began = time.monotonic()
    said_to_all(visitors, "this one")
    answered = sum(visitor.is_answered() for visitor in visitors)
    print(f"{answered} of {count} answered after {time.monotonic() - began:.1f} s")
    missed = [f"a page takes {most:.0f} ms"] if times[-1] > GOAL_PAGE_SECONDS else []
    # The loop and the keeper come with the first question, and the pool of the server may grow.
    if during.threads - before.threads > count // 10:
        missed.append(f"{count} questions hold {during.threads - before.threads} threads")
    return missed + ([] if answered == count else ["questions were not answered"])


def said_to_all(visitors: list[Visitor], content: str) -> None:
    """Send a message in all chats, from several clients at once."""
    parts = [visitors[start::CLIENTS] for start in range(CLIENTS)]

    def say(some: list[Visitor]) -> None:
        for visitor in some:
            visitor.post(content)

    at_once(say, [(part,) for part in parts])


if __name__ == "__main__":
    main()
