"""A browser without a screen: it signs in, starts chats, writes messages and follows answers.

Both our app and the bare one have the same fields, so it can use either.
"""

from __future__ import annotations

import asyncio
import html
import re
import time
import uuid
import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import urlencode

PROFILES = ("Quick", "Thorough", "Patient")
# As Chromium, less what no WSGI server sends.
HEADERS = {
    "Accept": "text/html, text/event-stream",
    "Accept-Encoding": "gzip, deflate",
    "Accept-Language": "en-GB,en;q=0.9",
    "Sec-Fetch-Site": "same-origin",
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36",
}
HTMX = {"HX-Request": "true"}
LAST_WORD = "the-end"
_TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')
_CHAT = re.compile(r'data-chat-id="([^"]+)"')
_FOLLOW = re.compile(r'hx-get="(/chats/[^"]+/turns/[^"]+)"')
_EVERY = re.compile(r'hx-trigger="every ([\d.]+)(m?s)')


class UnexpectedAnswerError(Exception):
    """The server has answered something else than it should."""


@dataclass(frozen=True)
class Answer:
    """An answer, whose text is read as it comes."""

    status: int
    headers: dict[str, str]
    parts: AsyncIterator[str]

    @property
    def is_stream(self) -> bool:
        """Return whether it is a stream of events."""
        return self.headers.get("content-type", "").startswith("text/event-stream")


@dataclass(frozen=True)
class Seen:
    """When the last word of an answer was there, and by which ways it came."""

    seconds: float
    ways: list[str]


class Browser:
    """Somebody's browser, with one connection that is kept."""

    def __init__(self, port: int, name: str) -> None:
        self._port = port
        self._name = name
        self._cookies: dict[str, str] = {}
        self._token = ""
        self._chat = ""
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def sign_in(self) -> None:
        """Sign in with the name twice."""
        self._read_token(await self.get("/login"))
        form = {"username": self._name, "password": self._name * 2}
        await self._post("/login", form)
        self._read_token(await self.get("/"))

    async def start(self, profile: str = "Quick") -> None:
        """Start a chat."""
        text = await self._post("/chats", {"profile": profile})
        found = _CHAT.search(text)
        if found is None or f"You talk to {profile}" not in text:
            raise UnexpectedAnswerError(text[:300])
        self._chat = found[1]

    async def say(self, content: str) -> None:
        """Write a message that is answered at once."""
        form = {"content": content, "key": str(uuid.uuid4())}
        text = await self._post(f"/chats/{self._chat}/messages", form)
        if f"echo: {content}" not in text:
            raise UnexpectedAnswerError(text[:300])

    async def follow(self, content: str) -> Seen:
        """Write a message, and see its answer to the end as the page does."""
        began, ways = time.perf_counter(), []
        form = {"content": content, "key": str(uuid.uuid4())}
        answer = await self._ask("POST", f"/chats/{self._chat}/messages", form, HTMX)
        path, pause = "", 1.0
        while True:
            ways.append("stream" if answer.is_stream else "poll")
            text = ""
            async for part in answer.parts:
                text += part
                if LAST_WORD in text:
                    break
            if LAST_WORD in text:
                # What comes with the end of the turn is not waited for.
                await self.close()
                return Seen(time.perf_counter() - began, ways)

            if found := _FOLLOW.search(text):
                path = html.unescape(found[1])
            if every := _EVERY.search(text):
                pause = float(every[1]) / (1_000 if every[2] == "ms" else 1)
            if not path:
                raise UnexpectedAnswerError(text[:300])
            await asyncio.sleep(0 if answer.is_stream else pause)
            answer = await self._ask("GET", path, None, HTMX)

    async def get(self, path: str) -> str:
        """Return a page."""
        return await self._whole(await self._ask("GET", path, None, {}))

    async def open_chat(self) -> None:
        """Open the page of the chat."""
        if self._chat not in await self.get(f"/chats/{self._chat}"):
            raise UnexpectedAnswerError("another page than that of the chat")

    async def close(self) -> None:
        """Hang up."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    async def _post(self, path: str, form: dict[str, str]) -> str:
        return await self._whole(await self._ask("POST", path, form, HTMX))

    async def _whole(self, answer: Answer) -> str:
        text = "".join([part async for part in answer.parts])
        if answer.headers.get("connection") == "close":
            await self.close()
        return text

    async def _ask(
        self, method: str, path: str, form: dict[str, str] | None, headers: dict[str, str]
    ) -> Answer:
        answer = await self._send(self._request(method, path, form, headers))
        if answer.status not in {200, 204, 302, 303}:
            raise UnexpectedAnswerError(f"{method} {path}: {answer.status}")
        return answer

    async def _send(self, request: bytes) -> Answer:
        if self._streams is not None:
            try:
                self._streams[1].write(request)
                return await self._answer(self._streams[0])
            except (ConnectionError, asyncio.IncompleteReadError):
                await self.close()  # the server had hung up
        self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        self._streams[1].write(request)
        return await self._answer(self._streams[0])

    async def _answer(self, reader: asyncio.StreamReader) -> Answer:
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")[:-2]
        headers: dict[str, str] = {}
        for line in lines:
            name, _, value = line.partition(": ")
            if name.lower() == "set-cookie":
                cookie, _, content = value.partition(";")[0].partition("=")
                self._cookies[cookie] = content
            headers[name.lower()] = value
        status = int(first.split()[1])
        return Answer(status, headers, _unpacked(_body(reader, status, headers), headers))

    def _request(
        self, method: str, path: str, form: dict[str, str] | None, headers: dict[str, str]
    ) -> bytes:
        body = b"" if form is None else urlencode({"csrf_token": self._token, **form}).encode()
        lines = {"Host": f"127.0.0.1:{self._port}", **HEADERS, **headers}
        if self._cookies:
            lines["Cookie"] = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        if form is not None:
            lines["Origin"] = f"http://127.0.0.1:{self._port}"
            lines["Content-Type"] = "application/x-www-form-urlencoded"
            lines["Content-Length"] = str(len(body))
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body

    def _read_token(self, text: str) -> None:
        found = _TOKEN.search(text)
        if found is None:
            raise UnexpectedAnswerError(f"a page without a form: {text[:300]}")
        self._token = html.unescape(found[1])


async def _unpacked(body: AsyncIterator[bytes], headers: dict[str, str]) -> AsyncIterator[str]:
    unpacker = zlib.decompressobj(31) if headers.get("content-encoding") == "gzip" else None
    async for part in body:
        yield (unpacker.decompress(part) if unpacker else part).decode(errors="replace")


async def _body(
    reader: asyncio.StreamReader, status: int, headers: dict[str, str]
) -> AsyncIterator[bytes]:
    if headers.get("transfer-encoding") == "chunked":
        while size := int(await reader.readline(), 16):
            yield (await reader.readexactly(size + 2))[:-2]
        await reader.readline()
    elif "content-length" in headers:
        if missing := int(headers["content-length"]):
            yield await reader.readexactly(missing)
    elif status != 204:
        while part := await reader.read(65_536):
            yield part
