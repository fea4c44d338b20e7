"""Measure chat starts per second, beside a bare Flask view that inserts the same rows.

Example
-------
::

    python benchmarks/chat_start.py
    python benchmarks/chat_start.py --seconds 5 --rounds 7 --check
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

from clients import Round, chat_start, fire, form_request
from serving import Served, bare_app, our_app

CLIENTS = (1, 10, 50)
GOAL = 0.5
BARE = ("sqlite3", "core", "orm")

Rounds = dict[str, list[Round]]


def main() -> int:
    """Measure, print a table, and return 1 if ``--check`` was given and a goal is missed."""
    options = _options()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with our_app(folder) as ours, bare_app(folder) as bare:
            found = {n: _measure(ours, bare, n, options) for n in options.clients}
            idle = _fire_bare(bare, "nothing", max(options.clients), options.seconds)
    print(f"Client alone: {idle.rate:,.0f} requests/s against a view that does nothing.")
    _print(found)
    missed = _missed(found)
    print("\n".join(missed) or "Every goal is met.")
    return 1 if options.check and missed else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=2.0, help="length of a round")
    parser.add_argument("--rounds", type=int, default=5, help="rounds for each of the four")
    parser.add_argument("--clients", type=int, nargs="+", default=CLIENTS, help="at once")
    parser.add_argument("--check", action="store_true", help="exit 1 when a goal is missed")
    return parser.parse_args()


def _measure(ours: Served, bare: Served, clients: int, options: argparse.Namespace) -> Rounds:
    requests = [chat_start(ours.port, "Thorough") for _ in range(clients)]
    rounds: Rounds = {"ours": [], **{kind: [] for kind in BARE}}
    # The first round of each warms up, and is not counted.
    for _ in range(options.rounds + 1):
        rounds["ours"].append(fire(ours.port, requests, options.seconds))
        for kind in BARE:
            rounds[kind].append(_fire_bare(bare, kind, clients, options.seconds))
    return {name: each[1:] for name, each in rounds.items()}


def _fire_bare(bare: Served, kind: str, clients: int, seconds: float) -> Round:
    requests = [
        form_request(bare.port, f"/{kind}", {"profile": "Thorough", "session": f"{number:032}"})
        for number in range(clients)
    ]
    return fire(bare.port, requests, seconds)


def _print(found: dict[int, Rounds]) -> None:
    print("gunicorn 1 x 32 on SQLite; rates are medians of rounds, ratios of neighbouring rounds.")
    print(f"{'clients':>7}  {'who':8}{'starts/s':>9}{'p50 ms':>8}{'p95 ms':>8}{'errors':>8}  ratio")
    for clients, rounds in found.items():
        for name, each in rounds.items():
            p50, p95 = _percentiles(each)
            ratio = f"{_ratio(rounds, name):.2f}" if name in BARE else ""
            print(
                f"{clients:7}  {name:8}{_rate(each):9,.0f}{p50:8.1f}{p95:8.1f}"
                f"{_errors(each):8}  {ratio}"
            )


def _missed(found: dict[int, Rounds]) -> list[str]:
    low = [
        f"Missed: {_ratio(rounds, kind):.2f} of the bare view with {kind}, {clients} clients"
        for clients, rounds in found.items()
        for kind in BARE
        if _ratio(rounds, kind) < GOAL
    ]
    failed = [
        f"Missed: {_errors(each)} errors of {name}, such as {_first_error(each)}"
        for rounds in found.values()
        for name, each in rounds.items()
        if _errors(each)
    ]
    return low + failed


def _rate(rounds: list[Round]) -> float:
    return statistics.median(each.rate for each in rounds)


def _ratio(rounds: Rounds, kind: str) -> float:
    pairs = zip(rounds["ours"], rounds[kind], strict=True)
    return statistics.median(ours.rate / bare.rate for ours, bare in pairs)


def _percentiles(rounds: list[Round]) -> tuple[float, float]:
    times = [1_000 * time for each in rounds for time in each.times]
    twentieths = statistics.quantiles(times, n=20)
    return twentieths[9], twentieths[18]


def _errors(rounds: list[Round]) -> int:
    return sum(len(each.errors) for each in rounds)


def _first_error(rounds: list[Round]) -> str:
    return next(error for each in rounds for error in each.errors)


if __name__ == "__main__":
    sys.exit(main())
