"""Light clients: threads with kept-alive sockets that send ready bytes and read the status."""

from __future__ import annotations

import gzip
import re
import socket
import threading
import time
from dataclasses import dataclass, field
from http.client import HTTPConnection
from urllib.parse import urlencode

_TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')
HEADERS = {
    "Accept": "*/*",
    "Accept-Encoding": "gzip, deflate, br, zstd",
    "Accept-Language": "en-GB,en;q=0.9",
    "Sec-Fetch-Site": "same-origin",
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36",
}


@dataclass
class Round:
    """What the clients saw in one round."""

    seconds: float = 0.0
    times: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Return answers per second."""
        return len(self.times) / self.seconds


def fire(port: int, requests: list[bytes], seconds: float) -> Round:
    """Let one client per request send it again and again for ``seconds``."""
    result = Round()
    begin = threading.Barrier(len(requests) + 1)
    clients = [
        threading.Thread(target=_client, args=(port, request, seconds, begin, result))
        for request in requests
    ]
    for client in clients:
        client.start()
    begin.wait()
    started = time.perf_counter()
    for client in clients:
        client.join()
    result.seconds = time.perf_counter() - started
    return result


def form_request(
    port: int, path: str, form: dict[str, str], headers: dict[str, str] | None = None
) -> bytes:
    """Return a POST as it goes over the wire."""
    body = urlencode(form).encode()
    lines = {
        "Host": f"127.0.0.1:{port}",
        "Origin": f"http://127.0.0.1:{port}",
        "Content-Type": "application/x-www-form-urlencoded",
        "Content-Length": str(len(body)),
        **HEADERS,
        **(headers or {}),
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body


def chat_start(port: int, profile: str) -> bytes:
    """Return the chat start of a fresh visitor who has opened the page and started one chat."""
    cookie, token = open_page(port)
    form = {"csrf_token": token, "profile": profile}
    first = form_request(port, "/chats", form, {"HX-Request": "true", "Cookie": cookie})
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(first)
        head = _answer(connection)
    given = re.search(rb"\r\nSet-Cookie: ([^;\r]+)", head, re.IGNORECASE)
    if not head.startswith(b"HTTP/1.1 200") or given is None:
        raise SystemExit(f"the first chat did not start: {head.decode(errors='replace')}")
    return form_request(port, "/chats", form, {"HX-Request": "true", "Cookie": given[1].decode()})


def open_page(port: int) -> tuple[str, str]:
    """Return the cookie and the token of a visitor who has opened the first page."""
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/", headers=HEADERS)
    answer = connection.getresponse()
    body = answer.read()
    if answer.headers["Content-Encoding"] == "gzip":
        body = gzip.decompress(body)
    found = _TOKEN.search(body.decode())
    connection.close()
    if found is None:
        raise SystemExit(f"GET / answered {answer.status} without a form")
    return (answer.headers["Set-Cookie"] or "").partition(";")[0], found[1]


def _client(
    port: int, request: bytes, seconds: float, begin: threading.Barrier, result: Round
) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        begin.wait()
        now = time.perf_counter()
        stop = now + seconds
        while now < stop:
            connection.sendall(request)
            head = _answer(connection)
            before, now = now, time.perf_counter()
            if head.startswith(b"HTTP/1.1 200"):
                result.times.append(now - before)
            else:
                result.errors.append(head[:40].decode(errors="replace"))


def _answer(connection: socket.socket) -> bytes:
    """Read one answer, and return its head."""
    received = b""
    while (end := received.find(b"\r\n\r\n")) < 0:
        received += _more(connection)
    head = received[:end]
    length = re.search(rb"\r\nContent-Length: (\d+)", head, re.IGNORECASE)
    missing = int(length[1]) - (len(received) - end - 4) if length else 0
    while missing > 0:
        missing -= len(_more(connection))
    return head


def _more(connection: socket.socket) -> bytes:
    chunk = connection.recv(65_536)
    if not chunk:
        raise ConnectionError("the server hung up")
    return chunk
