"""Measure what slow downloads cost everybody else, and one large download the memory.

Many readers take a file of 100 MB as slowly as a phone does, through gunicorn with one process and
32 threads. Meanwhile somebody else opens pages. Then one reader takes the file at once.

Example
-------
::

    python benchmarks/downloads.py
    python benchmarks/downloads.py --readers 200 --check
"""

from __future__ import annotations

import argparse
import os
import re
import socket
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

from clients import HEADERS, form_request, open_page
from processes import cpu_seconds, footprint
from serving import our_app

MIB = 1024 * 1024
LARGE = 100 * MIB
PAGES = 100
SLOW_BYTES, SLOW_SECONDS = 16 * 1024, 0.1
PAGE_GOAL, MEMORY_GOAL = 0.3, 8.0


def main() -> int:
    """Measure, print a table, and return 1 if ``--check`` was given and a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--readers", type=int, default=50)
    parser.add_argument("--check", action="store_true", help="exit 1 when a goal is missed")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        large = folder / "large.bin"
        large.write_bytes(os.urandom(MIB) * (LARGE // MIB))
        os.environ["LARGE_FILE"] = str(large)
        settings = {"file_bytes": str(LARGE), "files_url": str(folder / "files")}
        with our_app(folder, "files.py", **settings) as ours:
            slowest, grown = _measure(ours.port, ours.workers()[0], options.readers)
    missed = slowest > PAGE_GOAL or grown > MEMORY_GOAL
    return 1 if options.check and missed else 0


def _measure(port: int, worker: int, readers: int) -> tuple[float, float]:
    request = _find_file(port)
    quiet = _open_pages(port)
    _take(port, request, 2 * MIB)
    before = footprint(worker)

    is_over = threading.Event()
    threads = [
        threading.Thread(target=_take_slowly, args=(port, request, is_over)) for _ in range(readers)
    ]
    for thread in threads:
        thread.start()
    time.sleep(1.0)
    busy = _open_pages(port)
    during = footprint(worker)
    is_over.set()
    for thread in threads:
        thread.join()

    cpu, began = cpu_seconds(worker), time.monotonic()
    _take(port, request, LARGE)
    seconds, cpu = time.monotonic() - began, cpu_seconds(worker) - cpu
    after = footprint(worker)
    grown = max(during.memory, after.memory) / 1_024 - before.memory / 1_024
    print(f"pages, nobody downloads    median {_ms(quiet)}, slowest {max(quiet) * 1_000:6.1f} ms")
    print(
        f"pages, {readers} slow downloads   median {_ms(busy)}, slowest {max(busy) * 1_000:6.1f} ms"
    )
    print(f"before                     {before}")
    print(f"{readers} slow downloads          {during}")
    print(f"after 100 MB at once       {after}")
    print(f"100 MB at once             {seconds:.2f} s, {cpu:.2f} s of the processor")
    return max(busy), grown


def _ms(times: list[float]) -> str:
    return f"{statistics.median(times) * 1_000:5.1f} ms"


def _find_file(port: int) -> bytes:
    """Start a chat, and return the request for its file."""
    cookie, token = open_page(port)
    start = form_request(
        port, "/chats", {"csrf_token": token}, {"HX-Request": "true", "Cookie": cookie}
    )
    with socket.create_connection(("127.0.0.1", port), 20) as connection:
        connection.sendall(start.replace(b"Accept-Encoding:", b"X-Not:"))
        answer = b""
        while b"large.bin" not in answer:
            piece = connection.recv(65_536)
            if not piece:
                raise SystemExit(f"no file was shown: {answer[-2_000:]!r}")
            answer += piece
        answer += connection.recv(65_536)
    given = re.search(rb"\r\nSet-Cookie: ([^;\r]+)", answer, re.IGNORECASE)
    path = re.search(rb'"(/files/[^"?]+)', answer)
    if given is None or path is None:
        raise SystemExit(f"no file was shown: {answer!r}")
    lines = [b"GET %b HTTP/1.1" % path[1], b"Host: 127.0.0.1:%d" % port, b"Cookie: %b" % given[1]]
    return b"\r\n".join([*lines, b"", b""])


def _open_pages(port: int) -> list[float]:
    head = "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items())
    request = f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{head}Connection: close\r\n\r\n"
    times = []
    for _ in range(PAGES):
        began = time.monotonic()
        with socket.create_connection(("127.0.0.1", port), 20) as connection:
            connection.sendall(request.encode())
            while connection.recv(65_536):
                pass
        times.append(time.monotonic() - began)
        time.sleep(0.01)
    return times


def _take(port: int, request: bytes, most: int) -> None:
    with socket.create_connection(("127.0.0.1", port), 60) as connection:
        connection.sendall(request)
        received = 0
        while received < most and (piece := connection.recv(1_048_576)):
            received += len(piece)
    if received < most:
        raise SystemExit(f"only {received:,} bytes came")


def _take_slowly(port: int, request: bytes, is_over: threading.Event) -> None:
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SLOW_BYTES)
        connection.connect(("127.0.0.1", port))
        connection.sendall(request)
        while not is_over.wait(SLOW_SECONDS) and connection.recv(SLOW_BYTES):
            pass


if __name__ == "__main__":
    sys.exit(main())
