"""What is refused before any view looks at it: bodies, fields, sizes."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest

from tests.support.html import parse
from tests.support.people import Visitor
from tests.support.routes import ALL_FORMS, NOBODYS_CHAT, USER
from tests.support.rows import count, every_row
from webapp.web.request_guards import (
    LARGER_BODIES,
    MAX_BODY_BYTES,
    MAX_FIELDS,
    MESSAGE_FORMS,
    MORE_FIELDS,
)

FORM = "application/x-www-form-urlencoded"
OTHER_TYPES = [
    "application/json",
    "multipart/form-data; boundary=x",
    "multipart/form-data",
    "text/plain",
    "text/xml",
    "application/octet-stream",
    "nonsense",
    "",
]
STRANGE_FIELDS = [
    "id",
    "user",
    "owner",
    "role",
    "created_at",
    "profile[]",
    "PROFILE",
    "__class__",
    "errors",
    "validate",
    "meta",
    "",
]


@pytest.mark.parametrize("content_type", OTHER_TYPES)
def test_only_form_bodies_are_taken(shared_alice: Visitor, content_type: str) -> None:
    before = every_row(shared_alice.app)
    for path in (*ALL_FORMS, "/nothing"):
        answer = shared_alice.client.post(path, data=b"{}", content_type=content_type)
        assert answer.status_code == 415
    assert every_row(shared_alice.app) == before


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_other_bodies_are_refused_for_every_unsafe_method(
    shared_alice: Visitor, method: str
) -> None:
    answer = shared_alice.client.open("/chats", method=method, json={})
    assert answer.status_code == 415


def test_a_nameless_part_is_no_server_error(anonymous: Visitor) -> None:
    part = b"--x\r\nContent-Disposition: form-data\r\n\r\nv\r\n--x--\r\n"
    kind = "multipart/form-data; boundary=x"
    assert anonymous.client.post("/login", data=part, content_type=kind).status_code == 415


def test_a_form_may_name_its_charset(alice: Visitor) -> None:
    data = f"csrf_token={alice.token}&profile=team"
    answer = alice.client.post("/chats", data=data, content_type=f"{FORM}; charset=UTF-8")
    assert answer.status_code == 303


def limit(path: str) -> int:
    """Return how many bytes a form may have: 256 kB, 4 MB for an import, 1 MB for a message."""
    larger = {USER[endpoint, "POST"]: most for endpoint, most in LARGER_BODIES.items()}
    assert larger == {"/chats/import": 4 * 1024 * 1024}
    messages = {USER[endpoint, "POST"]: 1024 * 1024 for endpoint in MESSAGE_FORMS}
    return (larger | messages).get(path, MAX_BODY_BYTES)


@pytest.mark.parametrize("path", ALL_FORMS)
def test_a_body_above_its_limit_is_413(shared_alice: Visitor, path: str) -> None:
    body = b"x=" + b"a" * limit(path)
    answer = shared_alice.client.post(path, data=body, content_type=FORM)
    assert answer.status_code == 413
    assert "too long" in answer.text


def test_a_body_without_its_length_is_refused(alice: Visitor) -> None:
    body = f"csrf_token={alice.token}&profile=team".encode()
    answer = alice.client.post(
        "/chats",
        input_stream=BytesIO(body),
        content_type=FORM,
        environ_overrides={"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True},
    )
    assert answer.status_code == 411
    assert "length" in answer.text


def test_bytes_that_are_no_text_become_the_replacement_character(alice: Visitor) -> None:
    data = f"csrf_token={alice.token}&profile=%ED%A0%80%FF"
    answer = alice.client.post("/chats", data=data, content_type=FORM)
    assert answer.status_code == 403
    assert "\ufffd" in answer.text
    assert "%ED" not in answer.text


@pytest.mark.parametrize("path", ALL_FORMS)
def test_a_body_at_the_limit_is_read(shared_alice: Visitor, path: str) -> None:
    body = b"x=" + b"a" * (limit(path) - 2)
    assert shared_alice.client.post(path, data=body, content_type=FORM).status_code == 400


@pytest.mark.parametrize("path", ALL_FORMS)
def test_more_fields_than_a_form_has_are_refused(shared_alice: Visitor, path: str) -> None:
    # The form of a chat's settings has as many as its app has widgets.
    most = MORE_FIELDS["settings.save"] if path.endswith("/settings") else MAX_FIELDS
    body = "&".join(f"f{number}=1" for number in range(most + 1))
    answer = shared_alice.client.post(path, data=body, content_type=FORM)
    assert answer.status_code == 400
    assert f"may have at most {most} fields" in answer.text


# An app that no proxy signs users in to has no such form (test_header_auth.py).
@pytest.mark.parametrize("path", [path for path in ALL_FORMS if path != "/login/headers"])
def test_an_unknown_field_is_refused(shared_alice: Visitor, path: str) -> None:
    own_chat = shared_alice.start_chat("team").rpartition("/")[2]
    path = path.replace(NOBODYS_CHAT, own_chat)
    before = every_row(shared_alice.app)
    for field in STRANGE_FIELDS:
        answer = shared_alice.post(path, {field: "1"})
        assert answer.status_code == 400
        assert f"no field “{field}”" in parse(answer.text).text
    assert every_row(shared_alice.app) == before


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/chats", [("profile", "team"), ("profile", "public")]),
        ("/login", [("username", "bob"), ("username", "alice"), ("password", "bobbob")]),
        ("/logout", []),
    ],
)
def test_a_field_that_comes_twice_is_refused(
    shared_alice: Visitor, path: str, fields: list[tuple[str, str]]
) -> None:
    token = shared_alice.token
    doubled = [("csrf_token", token), *fields] if fields else [("csrf_token", token)] * 2
    body = "&".join(f"{name}={value}" for name, value in doubled)
    answer = shared_alice.client.post(path, data=body, content_type=FORM)
    assert answer.status_code == 400
    assert "was sent 2 times" in answer.text


def test_a_field_in_the_address_is_not_a_field(alice: Visitor) -> None:
    alice.post("/chats", query_string={"profile": "admin-only"})
    page = alice.get("/")
    assert chosen(page.text) == "team"


@pytest.mark.parametrize(
    "data",
    [
        {"username": "a" * 256, "password": "x"},
        {"username": "alice", "password": "x" * 1_025},
        {"username": "", "password": "x"},
        {"username": "alice", "password": ""},
        {"username": "\x00", "password": "x"},
        {"username": "alice"},
        {},
    ],
    ids=lambda data: ",".join(f"{k}:{len(v)}" for k, v in data.items()) or "nothing",
)
def test_an_impossible_login_is_refused_before_it_counts(
    anonymous: Visitor, data: dict[str, Any]
) -> None:
    answer = anonymous.post("/login", data)
    assert answer.status_code == 400
    assert parse(answer.text).one(id="username")["value"] == data.get("username", "").strip("\0")
    # What is wrong is said: too much, or too little.
    assert ("is too long" in answer.text) == any(len(value) > 255 for value in data.values())
    assert count(anonymous.app, "login_attempts") == 0


def test_a_profile_name_above_the_limit_is_refused(alice: Visitor) -> None:
    assert alice.post("/chats", {"profile": "x" * 201}).status_code == 400
    assert count(alice.app, "chats") == 0


def chosen(html: str) -> str:
    return parse(html).one(role="radio", aria_checked="true")["data-profile"]
