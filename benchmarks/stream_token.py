"""The first token: from the author's first `stream_token` until its bytes are at the reader."""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from serving import Served, bare_app, our_app
from visitors import BareVisitor, Crowd, Visitor

GOAL_SECONDS = 0.050
OTHERS = 20
# At once, so that the token is in the first bytes of the answer; and when the stream is open.
WAITS = (0.0, 0.2)


Times = dict[tuple[str, float, int], list[float]]


def measure(options: argparse.Namespace) -> list[str]:
    """Measure, print a table, and return what is missed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with our_app(folder, "stream.py") as ours, bare_app(folder, "bare_chat") as bare:
            servers: dict[str, tuple[type[Visitor | BareVisitor], Served]] = {
                "ours": (Visitor, ours),
                "bare": (BareVisitor, bare),
            }
            times: Times = {}
            for who, (make, served) in servers.items():
                for others in (0, OTHERS):
                    with _others(make, served.port, others, options.turns):
                        times |= _timed(who, make, served.port, others, options.turns)
    return _show(times)


def _timed(
    who: str, make: type[Visitor | BareVisitor], port: int, others: int, turns: int
) -> Times:
    visitor = make(port)
    visitor.say("stamp 0")
    return {
        (who, wait, others): [_first_token(visitor, wait) for _ in range(turns)] for wait in WAITS
    }


def _first_token(visitor: Visitor | BareVisitor, wait: float) -> float:
    told = visitor.say(f"stamp {wait}")
    if told.first_token is None:
        raise SystemExit(f"no token came: {told}")
    return told.first_token


@contextmanager
def _others(make: type[Visitor | BareVisitor], port: int, count: int, turns: int) -> Iterator[None]:
    # Each of them gets fifty tokens a second until we are through.
    seconds = turns * sum(wait + 0.17 for wait in WAITS) + 3
    contents = [f"stream {int(seconds * 50)} 0.02"] * count
    if not count:
        yield
        return
    crowd = Crowd(make, port, contents, "")
    crowd.begin()
    yield
    if crowd.is_done():
        print("(the other streams had ended before the last turns)")
    errors = [error for told in crowd.told() for error in told.errors]
    if errors:
        raise SystemExit(f"{len(errors)} of the other streams failed, such as {errors[0]}")


def _show(times: Times) -> list[str]:
    print(f"\nFirst token at the reader, ms{'waits s':>10}{'others':>8}{'p50':>8}{'p95':>8}")
    for (who, wait, others), each in times.items():
        twentieths = statistics.quantiles([1_000 * time for time in each], n=20)
        print(f"{who:28}{wait:10.1f}{others:8}{twentieths[9]:8.1f}{twentieths[18]:8.1f}")
    return [
        f"the first token takes {1_000 * statistics.median(each):.0f} ms with {others} others"
        for (who, _, others), each in times.items()
        if who == "ours" and statistics.median(each) > GOAL_SECONDS
    ]
