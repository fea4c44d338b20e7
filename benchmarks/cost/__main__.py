"""What our app costs the server, beside a bare Flask + htmx page that stores what is said.

Example
-------
::

    python -m benchmarks.cost
    python -m benchmarks.cost --only requests --rounds 9
    python -m benchmarks.cost --check
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

from benchmarks.cost.measures import MEASURES, Row, measure_requests


def main() -> int:
    """Measure, print one table, and return 1 if ``--check`` was given and a goal is missed."""
    options = _parse()
    print("gunicorn 1 x 32 on SQLite, synchronous = FULL. The ratio is to the bare page.")
    print(f"{'':44}{'ours':>9}{'':5}{'bare':>8}{'ratio':>7}{'goal':>8}{'with ORM':>10}")
    rows = []
    for row in _measure(options):
        rows.append(row)
        _print(row)

    missed = [row for row in rows if row.is_missed]
    for row in missed:
        print(f"Missed: {row.label}")
    if not missed:
        print("Every goal is met.")
    return 1 if options.check and missed else 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.cost", description=__doc__.splitlines()[0]
    )
    names = ["requests", *MEASURES]
    parser.add_argument("--only", nargs="+", choices=names, default=names)
    parser.add_argument("--rounds", type=int, default=5, help="rounds of requests, by turns")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of a round")
    parser.add_argument("--check", action="store_true", help="exit 1 when a goal is missed")
    return parser.parse_args()


def _measure(options: argparse.Namespace) -> Iterator[Row]:
    for name in options.only:
        if name == "requests":
            yield from measure_requests(options.rounds, options.seconds)
        else:
            yield from MEASURES[name]()


def _print(row: Row) -> None:
    bare = "" if row.bare is None else f"{row.bare:.2f}"
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
    goal = "" if row.goal is None else f"{row.goal:g}{' x' if row.of_bare else ''}"
    orm = "" if row.orm is None else f"{row.orm:.2f}"
    mark = "  missed" if row.is_missed else ""
    print(
        f"{row.label:44}{row.number:9.2f} {row.unit:4}{bare:>8}{ratio:>7}{goal:>8}{orm:>10}{mark}",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
