"""What is not taken of what users attach: too much, too large, of another type, from strangers."""

from __future__ import annotations

import tracemalloc
import uuid
from collections.abc import Callable, Iterator
from io import BytesIO, RawIOBase
from typing import Any

import pytest
from werkzeug.wsgi import LimitedStream

from tests.support.apps import AppMaker
from tests.support.chats import Chat
from tests.support.cpu import cpu_seconds
from tests.support.html import parse
from tests.support.rows import count, every_row
from tests.support.uploads import attach, stored_contents, temporary_files, uploads_app
from webapp.web.uploads.multipart import MultipartForm

PNG = b"\x89PNG\r\n\x1a\n" + b"\x00\x00\x00\rIHDR" + b"\x00" * 30
MULTIPART = "multipart/form-data; boundary=x"
MEGABYTE = 1024 * 1024
HEAD = b'--x\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n'


def field(name: str, value: str) -> bytes:
    """Return a field of a form with files."""
    return HEAD % (name.encode(), b"") + value.encode() + b"\r\n"


def file_head(name: str = "a.bin", field_name: str = "files") -> bytes:
    """Return what comes before the content of a file."""
    return HEAD % (field_name.encode(), f'; filename="{name}"'.encode())


class Body(RawIOBase):
    """A long body that is made while it is read, and knows how much of it was."""

    def __init__(self, head: bytes, size: int, byte: bytes = b"a") -> None:
        self._pieces = self._make(head, size, byte)
        self._left = b""
        self.asked = 0

    def _make(self, head: bytes, size: int, byte: bytes) -> Iterator[bytes]:
        yield head
        for _ in range(size // 65_536):
            yield byte * 65_536
        yield b"\r\n--x--\r\n"

    def readinto(self, buffer: Any) -> int:
        self._left = self._left or next(self._pieces, b"")
        data, self._left = self._left[: len(buffer)], self._left[len(buffer) :]
        buffer[: len(data)] = data
        self.asked += len(data)
        return len(data)


def send(chat: Chat, body: Any, length: int, **headers: str) -> Any:
    """Send a body to a chat as it is."""
    environ = {"wsgi.input": body, "CONTENT_TYPE": MULTIPART, "CONTENT_LENGTH": str(length)}
    return chat.visitor.client.post(
        f"{chat.address}/messages", headers=headers, environ_overrides=environ
    )


def fields(chat: Chat, content: str = "Keep this") -> bytes:
    """Return the fields of a message, as the composer sends them."""
    chat.visitor.get(chat.address)
    token, key = chat.visitor.token, str(uuid.uuid4())
    return field("csrf_token", token) + field("key", key) + field("content", content)


@pytest.fixture
def chat(make_app: AppMaker) -> Chat:
    """Return a chat in which two text files of a megabyte may be attached."""
    rules = 'accept=["text/*", ".png"], max_files=2, max_megabytes=1'
    return Chat(make_app(uploads_app(rules), file_bytes=2 * MEGABYTE))


def refusal(answer: Any, status: int) -> str:
    """Return what a refused sender is told. Their text is in the composer."""
    assert answer.status_code == status, answer.text
    page = parse(answer.text)
    assert page.one(data_testid="composer-input").text.strip() == "Keep this"
    return page.one(data_testid="notice").text


def test_a_file_that_is_too_large_is_refused_with_its_name_and_the_limit(chat: Chat) -> None:
    answer = attach(chat, ("a.txt", b"a" * (MEGABYTE + 1)), content="Keep this")
    told = refusal(answer, 413)
    assert "“a.txt” is too large: each may have 1 MB. Choose a smaller one" in told
    assert "Choose your files again." in told
    assert count(chat.visitor.app, "messages") == 0
    assert temporary_files(chat.visitor.app) == []
    assert stored_contents(chat.visitor.app) == []


def test_a_body_of_too_many_bytes_is_refused_before_its_files_are_read(chat: Chat) -> None:
    body = Body(fields(chat) + file_head("big.txt"), 0)
    answer = send(chat, body, 100 * MEGABYTE)
    assert "“big.txt” is too large" in refusal(answer, 413)
    assert body.asked < 200_000


def test_a_file_is_refused_while_it_arrives(chat: Chat) -> None:
    body = Body(fields(chat) + file_head("big.txt"), 2 * MEGABYTE)
    answer = send(chat, body, 2 * MEGABYTE)
    assert "“big.txt” is too large" in refusal(answer, 413)
    assert body.asked < 1.5 * MEGABYTE


def test_a_file_of_another_type_is_refused_when_its_beginning_is_there(chat: Chat) -> None:
    body = Body(fields(chat) + file_head("a.txt"), MEGABYTE // 2, b"\x7fELF\x00\x00\x00\x01")
    answer = send(chat, body, MEGABYTE)
    told = refusal(answer, 415)
    assert "“a.txt” is of the type application/" in told
    assert "This chat takes: text, .png" in told
    assert body.asked < 200_000


def test_more_files_than_a_message_may_have_are_refused(chat: Chat) -> None:
    sent = [(f"{number}.txt", b"Hello") for number in range(3)]
    answer = attach(chat, *sent, content="Keep this")
    assert "may have 2 files, and yours has more. Send the others" in refusal(answer, 413)
    assert stored_contents(chat.visitor.app) == []


@pytest.mark.parametrize("name", ["page.png", "page.PNG", "page.html", "page"])
def test_html_is_no_picture_whatever_its_name(make_app: AppMaker, name: str) -> None:
    chat = Chat(make_app(uploads_app('accept=["image/*", ".png"]')))
    html = b"<!doctype html><script>alert(1)</script>"
    answer = attach(chat, (name, html, "image/png"), content="Keep this")
    assert f"“{name}” is of the type text/html" in refusal(answer, 415)


def test_a_type_that_lies_is_stored_as_what_it_is(make_app: AppMaker) -> None:
    chat = Chat(make_app(uploads_app()))
    html = b"<!doctype html><script>alert(1)</script>"
    attach(chat, ("me.png", html, "image/png"), ("a.html", PNG, "text/html"))
    chat.until_answered()
    [told] = chat.messages()
    assert "me.png text/html" in told
    assert "a.html image/png" in told
    page = parse(chat.visitor.get(chat.address).text)
    assert [e["data-kind"] for e in page.all(data_testid="element")] == ["file", "image"]


def test_what_a_user_stores_in_all_is_bounded(make_app: AppMaker) -> None:
    chat = Chat(make_app(uploads_app(), file_bytes_per_user=MEGABYTE))
    assert attach(chat, ("a.txt", b"a" * 800_000)).status_code == 303
    chat.until_answered()
    answer = attach(chat, ("b.txt", b"b" * 300_000), content="Keep this")
    told = refusal(answer, 413)
    assert "no room for the file “b.txt”: you may store 1 MB in all" in told
    assert "Delete chats with files" in told


def test_what_comes_from_one_address_in_an_hour_is_bounded(make_app: AppMaker) -> None:
    app = make_app(uploads_app(), file_bytes_per_address=MEGABYTE)
    assert attach(Chat(app), ("a.txt", b"a" * 800_000)).status_code == 303
    # Another browser at the same address.
    told = refusal(attach(Chat(app), ("b.txt", b"b" * 300_000), content="Keep this"), 429)
    assert "Too many files were sent from your network" in told
    assert attach(Chat(app), ("c.txt", b"c")).status_code == 303


def test_what_is_refused_does_not_count(make_app: AppMaker) -> None:
    rules = 'accept=["text/plain"]'
    app = make_app(uploads_app(rules), file_bytes_per_address=MEGABYTE)
    assert attach(Chat(app), ("a.png", PNG + b"a" * 800_000)).status_code == 415
    assert attach(Chat(app), ("b.txt", b"b" * 800_000)).status_code == 303


def test_files_are_refused_where_the_app_takes_none(make_app: AppMaker) -> None:
    app = make_app(
        """
        import chat_profiles as cl

        @cl.on_message
        def answer(message):
            cl.Message("Hello").send()
        """
    )
    answer = attach(Chat(app), ("a.txt", b"Hello"))
    assert answer.status_code == 415


def test_a_profile_has_rules_of_its_own(make_app: AppMaker) -> None:
    app = make_app(
        """
        import chat_profiles as cl

        @cl.set_chat_profiles
        def profiles():
            return [
                cl.ChatProfile("none", "None"),
                cl.ChatProfile("texts", "Texts", uploads=cl.Uploads(accept=["text/plain"])),
                cl.ChatProfile("all", "All", uploads=True),
            ]

        @cl.on_message
        def answer(message):
            cl.Message(f"{len(message.elements)} files").send()
        """
    )
    got = {
        (profile, name): attach(Chat(app, profile), (name, data)).status_code
        for profile in ("none", "texts", "all")
        for name, data in (("a.txt", b"Hello"), ("a.png", PNG))
    }
    assert got == {
        ("none", "a.txt"): 415,
        ("none", "a.png"): 415,
        ("texts", "a.txt"): 303,
        ("texts", "a.png"): 415,
        ("all", "a.txt"): 303,
        ("all", "a.png"): 303,
    }


NAMES = {
    "../../etc/passwd": "passwd",
    "C:\\Users\\me\\photo.png": "photo.png",
    "a\x00b\x1f.txt": "ab.txt",
    "invoice\u202egpj.exe": "invoicegpj.exe",
    "..": "file",
    ".htaccess": "htaccess",
    "x" * 400 + ".pdf": "x" * 251 + ".pdf",
    "家" * 300 + ".txt": "家" * 251 + ".txt",
    'a"b<c>.txt': "a b c .txt",
    "two\r\nlines.txt": "twolines.txt",
}


@pytest.mark.parametrize("name", NAMES)
def test_names_are_cleaned_by_one_rule(make_app: AppMaker, name: str) -> None:
    chat = Chat(make_app(uploads_app()))
    escaped = name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
    head = fields(chat) + file_head(escaped)
    body = head + b"Hello\r\n--x--\r\n"
    assert send(chat, BytesIO(body), len(body)).status_code == 303
    chat.until_answered()
    page = parse(chat.visitor.get(chat.address).text)
    assert page.one(data_testid="element")["data-name"] == NAMES[name]
    assert "Hello" in chat.messages()[0]
    assert temporary_files(chat.visitor.app) == []


def test_an_empty_file_is_a_file(make_app: AppMaker) -> None:
    chat = Chat(make_app(uploads_app()))
    assert attach(chat, ("empty.png", b"")).status_code == 303
    chat.until_answered()
    assert "empty.png text/plain 0" in chat.messages()[0]


BROKEN = {
    "it ends early": lambda head: head + b"Hello",
    "a field comes after a file": lambda head: head + b"Hi\r\n" + field("content", "x") + b"--x--",
    "a file has another field": lambda head: (
        head[: -len(file_head())] + file_head(field_name="avatar") + b"Hi\r\n--x--\r\n"
    ),
    "it has no name": lambda head: (
        head[: -len(file_head())] + b"--x\r\nContent-Disposition: form-data\r\n\r\nHi\r\n--x--\r\n"
    ),
    "a head has no end": lambda head: head + b"Hi\r\n--x\r\n" + b"A: b\r\n" * 50_000,
    "a head is no text": lambda head: (
        head + b'Hi\r\n--x\r\nContent-Disposition: "\xff\xfe"\r\n\r\n'
    ),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_body_is_refused_and_leaves_nothing(make_app: AppMaker, kind: str) -> None:
    chat = Chat(make_app(uploads_app()))
    body = BROKEN[kind](fields(chat) + file_head())
    answer = send(chat, BytesIO(body), len(body) + 10)
    assert answer.status_code == 400
    assert count(chat.visitor.app, "messages") == 0
    assert temporary_files(chat.visitor.app) == []
    assert stored_contents(chat.visitor.app) == []


INVENTED = field("csrf_token", "a" * 43) + field("content", "Hi")
HOSTILE: dict[str, Callable[[], bytes]] = {
    "a file": lambda: INVENTED + file_head() + b"a" * (4 * MEGABYTE),
    "no parts": lambda: b"\n" * (4 * MEGABYTE),
    "a long head": lambda: b"--x\r\n" + b"A: b\r\n" * 700_000,
    "many fields": lambda: field("a", "b") * 70_000,
    "many files": lambda: INVENTED + (file_head() + b"\r\n") * 60_000,
    "one field": lambda: field("content", "a" * (4 * MEGABYTE)),
    "many boundaries": lambda: INVENTED + file_head() + b"\r\n--xa" * 700_000,
}


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("who", ["stranger", "visitor with a wrong token"])
def test_a_strangers_files_cost_nothing(make_app: AppMaker, kind: str, who: str) -> None:
    chat = Chat(make_app(uploads_app()))
    body = HOSTILE[kind]()
    if who == "stranger":
        chat.visitor.client.delete_cookie("session")
    before = every_row(chat.visitor.app)
    send(chat, BytesIO(b"x"), 1)  # the first request compiles the templates

    spent = cpu_seconds(lambda: send(chat, BytesIO(body), len(body)), 0.3)
    answer = send(chat, BytesIO(body), len(body))
    tracemalloc.start()
    send(chat, BytesIO(body), len(body))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert answer.status_code in (400, 413)
    assert spent < 0.3
    assert peak < 16 * MEGABYTE
    assert every_row(chat.visitor.app) == before
    assert temporary_files(chat.visitor.app) == []


def test_a_chat_of_somebody_else_takes_no_files(make_app: AppMaker) -> None:
    app = make_app(uploads_app())
    chat, other = Chat(app), Chat(app)
    other.address = chat.address
    body = Body(
        field("csrf_token", other.visitor.token) + field("key", str(uuid.uuid4())) + file_head(),
        MEGABYTE,
    )
    assert send(other, body, MEGABYTE).status_code == 404
    assert body.asked < 200_000


def test_refused_uploads_make_room_for_the_next(make_app: AppMaker) -> None:
    chat = Chat(make_app(uploads_app()))
    body = INVENTED + file_head() + b"a" * MEGABYTE
    statuses = {send(chat, BytesIO(body), len(body)).status_code for _ in range(6)}
    assert statuses == {400}
    assert attach(chat, ("a.txt", b"a" * MEGABYTE)).status_code == 303


POLYGLOTS = {
    "a picture and a page": PNG + b"<script>alert(1)</script>",
    "a comment of a GIF": b"GIF89a/*\x00\x00*/=1;alert(1)//<script>alert(1)</script>" + b"\x00" * 9,
    "a PDF and a page": b"%PDF-1.4\n<html><script>alert(1)</script></html>",
    "a page and a PDF": b"<html><script>alert(1)</script></html>%PDF-1.4",
}


@pytest.mark.parametrize("kind", POLYGLOTS)
@pytest.mark.parametrize("name", ["a.html", "a.png", "a.pdf", "a.svg"])
def test_a_file_of_two_types_is_never_a_page(make_app: AppMaker, kind: str, name: str) -> None:
    chat = Chat(make_app(uploads_app()))
    assert attach(chat, (name, POLYGLOTS[kind])).status_code == 303
    chat.until_answered()
    element = parse(chat.visitor.get(chat.address).text).one(data_testid="element")
    link = element.one("a")
    answer = chat.visitor.get(str(link["href"]))
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    is_saved = answer.headers["Content-Disposition"].startswith("attachment")
    assert is_saved or answer.mimetype in ("image/png", "image/gif", "application/pdf")


def test_the_longest_boundary_of_flasks_test_client_is_taken() -> None:
    # The time and a random number are in it, so it has this length in one of some hundred tests.
    boundary = "---------------WerkzeugFormPart_1796000000.1234567" + "0.00012345678901234567"
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="a"'
    body = f"{head}\r\n\r\nb\r\n--{boundary}--\r\n".encode()
    stream = LimitedStream(BytesIO(body), len(body))
    form = MultipartForm(stream, boundary, most_fields=1, most_field_bytes=1_000)
    assert form.fields == [(b"a", b"b")]
