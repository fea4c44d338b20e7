"""Measure the conversation, beside a bare Flask view that streams and stores the same rows.

What is measured, in this order; `--only` takes the first words:

- `token`: from the author's first token until its bytes are at a reader
- `cost`: what one answer of 2,000 tokens costs the server's processor, and which thread it is
- `readers`: 100 readers at once, each with a turn of its own, and other pages meanwhile
- `flight`: 300 turns in one process, and what an open chat costs in which nothing happens

Example
-------
::

    python benchmarks/stream.py
    python benchmarks/stream.py --only cost --profile
    python benchmarks/stream.py --only token flight --check
"""

from __future__ import annotations

import argparse
import sys

import stream_cost
import stream_crowd
import stream_token

PARTS = {
    "token": stream_token.measure,
    "cost": stream_cost.measure,
    "readers": stream_crowd.measure_readers,
    "flight": stream_crowd.measure_flight,
}


def main() -> int:
    """Measure, print tables, and return 1 if ``--check`` was given and a goal is missed."""
    options = _options()
    print("gunicorn 1 x 32 on SQLite, synchronous = FULL; `bare` is the limit in the same run.")
    missed = [f"Missed: {line}" for part in options.only for line in PARTS[part](options)]
    print("\n".join(["", *missed]) if missed else "\nEvery goal is met.")
    return 1 if options.check and missed else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--turns", type=int, default=100, help="turns for the first token")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of the costs")
    parser.add_argument("--readers", type=int, default=100, help="readers at once")
    parser.add_argument("--in-flight", type=int, default=300, help="turns at once")
    parser.add_argument("--profile", action="store_true", help="print where the time goes as well")
    parser.add_argument("--check", action="store_true", help="exit 1 when a goal is missed")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
