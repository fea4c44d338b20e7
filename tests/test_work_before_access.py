"""What a stranger's form may cost before anybody knows who sends it: processor time and memory."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from functools import partial
from io import BytesIO
from urllib.parse import quote_plus, unquote_to_bytes

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import EnvironBuilder, run_wsgi_app

from tests.support.apps import AppMaker
from tests.support.cpu import cpu_seconds
from tests.support.html import parse
from tests.support.people import Visitor
from tests.support.routes import routes
from tests.support.rows import every_row
from webapp.web.request_guards import FORM_TYPE, LARGER_BODIES, MAX_BODY_BYTES, decode_field

MOST_CPU_SECONDS = 0.3
MOST_BYTES = 16 * 1024 * 1024
LARGE = 4 * 1024 * 1024
MULTIPART = "multipart/form-data; boundary=x"
FILE = (
    b'--x\r\nContent-Disposition: form-data; name="data"; filename="a.json"\r\n\r\n%s\r\n--x--\r\n'
)

BODIES: dict[str, tuple[str, Callable[[int], bytes]]] = {
    "many fields": (FORM_TYPE, lambda size: (b"a&" * size)[: size - 8]),
    "empty fields": (FORM_TYPE, lambda size: b"&" * size),
    "one field": (FORM_TYPE, lambda size: b"data=" + b"a" * (size - 5)),
    "one escaped field": (FORM_TYPE, lambda size: b"data=" + b"%3C" * (size // 3 - 5)),
    "one field of no text": (FORM_TYPE, lambda size: b"data=" + b"\xff" * (size - 5)),
    "one long name": (FORM_TYPE, lambda size: b"a" * size),
    "an invented token": (
        FORM_TYPE,
        lambda size: b"csrf_token=" + b"a" * 43 + b"&data=" + b"[" * (size - 60),
    ),
    "deep nesting": (FORM_TYPE, lambda size: b"data=" + b"[" * (size - 5)),
    "a nested upload": (MULTIPART, lambda size: FILE % (b"[" * (size - len(FILE)))),
    "nested JSON": ("application/json", lambda size: b"[" * size),
}
# What an import, a message, and any other form may have.
SIZES = [LARGE, 1024 * 1024, MAX_BODY_BYTES]


def post(app: Flask, path: str, body: bytes, content_type: str) -> tuple[int, int]:
    """Send a body without a cookie. Return the status, and how many bytes came back."""
    environ = EnvironBuilder(
        path,
        method="POST",
        input_stream=BytesIO(body),
        content_type=content_type,
        content_length=len(body),
    ).get_environ()
    parts, status, _ = run_wsgi_app(app, environ, buffered=True)
    return int(status.split()[0]), sum(map(len, parts))


@pytest.mark.parametrize("size", SIZES, ids=["4 MB", "1 MB", "256 kB"])
@pytest.mark.parametrize("kind", BODIES)
def test_no_form_of_a_stranger_costs_much(shared_app: Flask, kind: str, size: int) -> None:
    content_type, make = BODIES[kind]
    body = make(size)
    paths = [path for _, method, path in routes(shared_app) if method == "POST"]
    assert len(paths) > 20
    before = every_row(shared_app)
    for path in paths:
        post(shared_app, path, b"x", content_type)  # the first request compiles the templates

        work = partial(post, shared_app, path, body, content_type)
        spent = cpu_seconds(work, MOST_CPU_SECONDS)
        status, answered = work()
        tracemalloc.start()
        post(shared_app, path, body, content_type)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()

        assert 300 <= status < 500, (path, status)
        assert spent < MOST_CPU_SECONDS, (path, spent)
        assert peak < MOST_BYTES, (path, peak)
        assert answered <= MAX_BODY_BYTES + 16_384, (path, answered)
    assert every_row(shared_app) == before


class Untouched(BytesIO):
    """A body that must not be read."""

    def read(self, size: int | None = -1) -> bytes:
        raise AssertionError(f"{size} bytes were asked for")


@pytest.mark.parametrize("endpoint", LARGER_BODIES)
def test_a_large_form_of_a_stranger_is_not_even_read(shared_app: Flask, endpoint: str) -> None:
    [path] = [
        path for name, method, path in routes(shared_app) if (name, method) == (endpoint, "POST")
    ]
    answer = shared_app.test_client().post(
        path, input_stream=Untouched(), content_type=FORM_TYPE, content_length=LARGE
    )
    assert (answer.status_code, answer.location) == (303, "/login")


def test_without_sign_in_a_large_form_needs_a_session(make_app: AppMaker) -> None:
    answer = (
        make_app("simple.py")
        .test_client()
        .post(
            "/chats/import", input_stream=Untouched(), content_type=FORM_TYPE, content_length=LARGE
        )
    )
    assert answer.status_code == 400


@pytest.mark.parametrize("fields", ["data={}", "csrf_token=wrong&data={}", "data={}&csrf_token="])
def test_a_large_form_without_its_token_is_not_decoded(
    shared_alice: Visitor, fields: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[int] = []

    def decode(raw: bytes) -> str:
        decoded.append(len(raw))
        return raw.decode()

    body = fields.format("%41" * MAX_BODY_BYTES).encode()
    monkeypatch.setattr("webapp.web.request_guards.decode_field", decode)
    answer = shared_alice.client.post("/chats/import", data=body, content_type=FORM_TYPE)
    assert answer.status_code == 400
    assert max(decoded) < 100
    assert len(answer.data) < MAX_BODY_BYTES


@pytest.mark.parametrize("first", [True, False])
def test_a_large_form_with_its_token_is_read(shared_alice: Visitor, *, first: bool) -> None:
    text = quote_plus("é+ &=%" * 30_000)
    token = f"csrf_token={shared_alice.token}"
    body = f"{token}&data={text}" if first else f"data={text}&{token}"
    answer = shared_alice.client.post("/chats/import", data=body, content_type=FORM_TYPE)
    assert answer.status_code == 422
    # The text comes back to somebody who is known.
    assert parse(answer.text).one("textarea").text.removeprefix("\n") == "é+ &=%" * 30_000


def test_a_large_form_may_have_its_token_in_a_header(shared_alice: Visitor) -> None:
    body = "data=" + "a" * MAX_BODY_BYTES
    answer = shared_alice.client.post(
        "/chats/import",
        data=body,
        content_type=FORM_TYPE,
        headers={"X-CSRFToken": shared_alice.token},
    )
    assert answer.status_code == 422


def test_a_long_cookie_of_a_stranger_costs_little(shared_app: Flask) -> None:
    for cookie in ("a=1; " * 50_000, "a" * 250_000, "=;" * 100_000, 'a="' + "\\1" * 100_000):
        client, headers = shared_app.test_client(use_cookies=False), {"Cookie": cookie}
        work = partial(client.get, "/login", headers=headers)
        assert work().status_code == 200
        assert cpu_seconds(work, MOST_CPU_SECONDS) < MOST_CPU_SECONDS


@pytest.mark.parametrize("field", ["username", "password", "next"])
def test_a_sign_in_form_gives_no_long_text_back(anonymous: Visitor, field: str) -> None:
    answer = anonymous.post("/login", {field: "'" * 80_000})
    assert answer.status_code == 400
    assert len(answer.data) < 16_384


@given(st.binary(max_size=200) | st.text("%0aF+é", max_size=200).map(str.encode), st.integers(3, 9))
def test_a_field_is_decoded_alike_in_pieces_of_any_size(raw: bytes, size: int) -> None:
    whole = decode_field(raw)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("webapp.web.request_guards.PIECE_BYTES", size)
        assert decode_field(raw) == whole
    assert whole == unquote_to_bytes(raw.replace(b"+", b" ")).decode(errors="replace")
