"""Measure what a table of 1,000,000 rows costs the server, beside one of 100 rows.

Somebody asks for each of them in a chat of its own, through gunicorn with one process and 32
threads. Then they look at the chat, at pages of the table, at pages in another order, and download
it.

Example
-------
::

    python benchmarks/tables.py
    python benchmarks/tables.py --check
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

from processes import cpu_seconds, footprint
from serving import our_app

SMALL, LARGE = 100, 1_000_000
LOOKS = 200
MIB = 1_024  # of what /proc counts, in kB
TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')
TABLE = re.compile(r"/elements/([0-9a-f-]{36})")
# A chat with the large table, in times of one with the small table. Then seconds, and MiB.
CHAT_GOAL, PAGE_GOAL, SORT_GOAL, CSV_GOAL, MEMORY_GOAL = 1.2, 0.02, 1.5, 2.0, 200.0


@dataclass
class Reader:
    """Somebody with a chat that has a table."""

    connection: HTTPConnection
    worker: int
    cookie: str = ""
    token: str = ""
    chat: str = ""
    table: str = ""

    def ask(self, rows: int) -> float:
        """Start a chat, ask for a table, and return the processor time of the answer."""
        self.token = TOKEN.search(self.get("/"))[1]  # type: ignore[index]
        self.chat = self.post("/chats", {})
        before = cpu_seconds(self.worker)
        self.post(f"{self.chat}/messages", {"content": str(rows), "key": str(uuid.uuid4())})
        give_up = time.monotonic() + 60
        while not (found := TABLE.search(self.get(self.chat))):
            if time.monotonic() > give_up:
                raise SystemExit("no table came")
            time.sleep(0.1)
        self.table = f"/elements/{found[1]}"
        return cpu_seconds(self.worker) - before

    def get(self, path: str) -> str:
        """Return the page at an address."""
        self.connection.request("GET", path, headers=self._headers())
        answer = self.connection.getresponse()
        body = answer.read().decode()
        if answer.status != 200:
            raise SystemExit(f"{path}: {answer.status}")
        self._keep(answer.getheader("Set-Cookie"))
        self.connection.close()  # the server may close it at any time, or now
        return body

    def post(self, path: str, fields: dict[str, str]) -> str:
        """Send a form, and return where it leads."""
        body = urlencode({"csrf_token": self.token, **fields})
        headers = {**self._headers(), "Content-Type": "application/x-www-form-urlencoded"}
        self.connection.request("POST", path, body, headers)
        answer = self.connection.getresponse()
        answer.read()
        self._keep(answer.getheader("Set-Cookie"))
        self.connection.close()
        if answer.status != 303:
            raise SystemExit(f"{path}: {answer.status}")
        return str(answer.getheader("Location"))

    def cost(self, *paths: str) -> float:
        """Return the processor time of a page, on average."""
        before = cpu_seconds(self.worker)
        for path in paths:
            self.get(path)
        return (cpu_seconds(self.worker) - before) / len(paths)

    def _headers(self) -> dict[str, str]:
        origin = {"Origin": f"http://127.0.0.1:{self.connection.port}"}
        return origin | ({"Cookie": self.cookie} if self.cookie else {})

    def _keep(self, cookie: str | None) -> None:
        if cookie:
            self.cookie = cookie.partition(";")[0]


def main() -> int:
    """Measure, print a table, and return 1 if ``--check`` was given and a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="exit 1 when a goal is missed")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = {"files_url": str(folder / "files"), "file_bytes": str(100 * MIB * 1_024)}
        with our_app(folder, "tables.py", ["--timeout", "300"], **settings) as ours:
            missed = _measure(ours.port, ours.workers()[0])
            stored = max(file.stat().st_size for file in (folder / "files").rglob("*"))
            print(f"{'in the store':44}{stored / 1e6:9.1f} MB")
    print("\n".join(missed) or "Every goal is met.")
    return 1 if options.check and missed else 0


def _measure(port: int, worker: int) -> list[str]:
    def open_reader(rows: int) -> tuple[Reader, float]:
        reader = Reader(HTTPConnection("127.0.0.1", port, timeout=120), worker)
        return reader, reader.ask(rows)

    open_reader(SMALL)  # imports pyarrow
    small, _ = open_reader(SMALL)
    large, sent = open_reader(LARGE)
    chats = [it.cost(*[it.chat] * LOOKS) for it in (small, large)]
    before = footprint(worker).memory / MIB

    def of(reader: Reader, page: Callable[[int], int], **query: str) -> float:
        return reader.cost(
            *(
                f"{reader.table}?{urlencode({'page': str(page(number)), **query})}"
                for number in range(LOOKS)
            )
        )

    pages = [of(small, lambda n: 1 + n % 10), of(large, lambda n: 1 + n * 497)]
    sorts = {
        column: large.cost(f"{large.table}?sort={column}&desc=1")
        for column in ("number", "amount", "city", "when", "name")
    }
    again = of(large, lambda n: 1 + n * 497, sort="name", desc="1")
    csv = large.cost(f"{large.table}?format=csv")
    grown = footprint(worker).memory / MIB - before

    lines = [
        ("send 1,000,000 rows", sent, None),
        (f"chat with a table of {SMALL} rows", chats[0], None),
        ("chat with a table of 1,000,000 rows", chats[1], chats[0] * CHAT_GOAL + 0.0005),
        (f"page of {SMALL} rows", pages[0], None),
        ("page of 1,000,000 rows", pages[1], PAGE_GOAL),
        *((f"first page by {column}", cost, SORT_GOAL) for column, cost in sorts.items()),
        ("another page by name", again, PAGE_GOAL * 2),
        ("all of it as CSV", csv, CSV_GOAL),
    ]
    print(f"{'processor time':44}{'ours':>12}{'goal':>12}")
    for label, cost, goal in lines:
        print(f"{label:44}{cost * 1_000:9.1f} ms" + (f"{goal * 1_000:9.1f} ms" if goal else ""))
    print(f"{'memory of the process, more':44}{grown:8.1f} MiB{MEMORY_GOAL:8.1f} MiB")
    missed = [f"MISSED: {label}" for label, cost, goal in lines if goal and cost > goal]
    return missed + (["MISSED: memory"] if grown > MEMORY_GOAL else [])


if __name__ == "__main__":
    sys.exit(main())
