"""Measure what messages cost on PostgreSQL: the app's processor time, and the server's.

Example
-------
::

    python benchmarks/postgresql.py
    python benchmarks/postgresql.py --pgbouncer --statements
"""

from __future__ import annotations

import argparse
import gzip
import re
import statistics
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

import psycopg
from clients import HEADERS
from postgresql_server import RoundTrips, Server, pgbouncer, postgresql, url
from processes import cpu_seconds
from serving import Served, our_app

SITE = "cost.py"
COUNTED = 100
GOAL_MS = 3.0
_TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')
_ACTION = re.compile(r'action="(/chats/[^"]+/messages)"')


class Visitor:
    """Somebody who has signed in and opened a chat."""

    def __init__(self, port: int, name: str) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=30)
        self._headers = {**HEADERS, "Accept-Encoding": "gzip", "Origin": f"http://127.0.0.1:{port}"}
        self._token = ""
        self._take_token(self._ask("GET", "/login"))
        self._post("/login", username=name, password=name * 2)
        self._take_token(self._ask("GET", "/"))
        self._start()

    def say(self) -> None:
        """Send a message, and read its answer."""
        answer = self._post(self._action, content="Good morning", key=str(uuid.uuid4()))
        if "echo: Good morning" not in answer:
            raise SystemExit(f"not answered: {answer[:300]}")

    def _start(self) -> None:
        found = _ACTION.search(self._post("/chats", profile="Quick"))
        if found is None:
            raise SystemExit("a chat did not start")
        self._action = found[1]

    def _take_token(self, page: str) -> None:
        found = _TOKEN.search(page)
        if found is None:
            raise SystemExit(f"a page without a form: {page[:300]}")
        self._token = found[1]

    def _post(self, path: str, **form: str) -> str:
        return self._ask("POST", path, urlencode({"csrf_token": self._token, **form}))

    def _ask(self, method: str, path: str, body: str | None = None) -> str:
        kind = {"Content-Type": "application/x-www-form-urlencoded", "HX-Request": "true"}
        headers = {**self._headers, **(kind if body is not None else {})}
        try:
            self._connection.request(method, path, body, headers)
            answer = self._connection.getresponse()
        except ConnectionError:
            # The server closes connections that lie idle, as while others sign in.
            self._connection.close()
            self._connection.request(method, path, body, headers)
            answer = self._connection.getresponse()
        if given := answer.headers["Set-Cookie"]:
            self._headers["Cookie"] = given.partition(";")[0]
        body = answer.read()
        return (gzip.decompress(body) if answer.headers["Content-Encoding"] else body).decode()


def main() -> int:
    """Measure, print a table, and return 1 if ``--check`` was given and the goal is missed."""
    options = _options()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(postgresql(folder))
        port = server.port
        if options.pgbouncer:
            port = stack.enter_context(pgbouncer(folder, port))
        with our_app(folder, SITE, database_url=url(port)) as ours:
            visitors = [Visitor(ours.port, f"visitor{n}") for n in range(options.clients)]
            # The first round warms up, and is not counted.
            rounds = [_round(ours, server, visitors, options) for _ in range(options.rounds + 1)]
        counter = RoundTrips(port)
        with our_app(folder, SITE, database_url=url(counter.port)) as ours:
            statements, trips = _count(ours, server, counter)
    of_app, of_server = (statistics.median(each) for each in zip(*rounds[1:], strict=True))
    print(f"CPU per message: {of_app:.2f} ms of the app, {of_server:.2f} ms of PostgreSQL.")
    print(f"Per message: {sum(statements.values()):.1f} statements, {trips:.1f} round trips.")
    if options.statements:
        print("\n".join(f"{calls:6.2f}  {text}" for text, calls in statements.items()))
    return 1 if options.check and of_server > GOAL_MS else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=4.0, help="length of a round")
    parser.add_argument("--rounds", type=int, default=3, help="how many are measured")
    parser.add_argument("--clients", type=int, default=4, help="at once")
    parser.add_argument("--pgbouncer", action="store_true", help="in transaction mode, in between")
    parser.add_argument("--statements", action="store_true", help="print them, with their counts")
    parser.add_argument("--check", action="store_true", help="exit 1 when the goal is missed")
    return parser.parse_args()


def _round(
    ours: Served, server: Server, visitors: list[Visitor], options: argparse.Namespace
) -> tuple[float, float]:
    """Let everybody talk, and return milliseconds of the app and of PostgreSQL per message."""
    said = [0] * len(visitors)
    stop = time.monotonic() + options.seconds

    def talk(number: int) -> None:
        while time.monotonic() < stop:
            visitors[number].say()
            said[number] += 1

    def cpu() -> tuple[float, float]:
        return sum(map(cpu_seconds, ours.workers())), server.cpu_seconds()

    before = cpu()
    threads = [threading.Thread(target=talk, args=(n,)) for n in range(len(visitors))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    after = cpu()
    app, database = ((b - a) * 1_000 / sum(said) for a, b in zip(before, after, strict=True))
    return app, database


def _count(ours: Served, server: Server, counter: RoundTrips) -> tuple[dict[str, float], float]:
    """Return the statements and round trips per message of one visitor."""
    visitor = Visitor(ours.port, "counted")
    for _ in range(30):
        visitor.say()
    with psycopg.connect(url(server.port), autocommit=True) as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        connection.execute("SELECT pg_stat_statements_reset()")
        before = counter.count
        for _ in range(COUNTED):
            visitor.say()
        trips = (counter.count - before) / COUNTED
        return dict(_statements(connection)), trips


def _statements(connection: psycopg.Connection) -> Iterator[tuple[str, float]]:
    counted = (
        "SELECT query, sum(calls) FROM pg_stat_statements WHERE query NOT LIKE '%pg_stat%' "
        "GROUP BY query ORDER BY sum(calls) DESC"
    )
    for text, calls in connection.execute(counted):
        # What happens seldom belongs to no message.
        if calls >= COUNTED / 10:
            yield " ".join(text.split()), float(calls) / COUNTED


if __name__ == "__main__":
    sys.exit(main())
