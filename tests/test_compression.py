"""Pages and fragments are compressed, unless their length could give a secret away."""

from __future__ import annotations

import gzip
import zlib

import pytest
from werkzeug.test import TestResponse

from tests.support.apps import AppMaker
from tests.support.html import parse
from tests.support.people import HTMX, Visitor

GZIP = {"Accept-Encoding": "gzip, deflate, br, zstd"}
KEY = "0a5a25a1-5f0b-4a1c-9d3c-0d2f6a8f3b11"
SLOW = """
import asyncio
import webapp

@webapp.on_message
async def answer(message):
    await asyncio.sleep(0.3)
    await webapp.Message("word " * 300).send()
"""
OWN = {"Sec-Fetch-Site": "same-origin"}
# What other sites, and browsers that do not say where a request comes from, send along.
FOREIGN: list[dict[str, str]] = [
    {},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "same-origin, none"},
]


def compressed(answer: TestResponse) -> bool:
    assert answer.headers.get("Content-Encoding") in (None, "gzip")
    return "Content-Encoding" in answer.headers


def text_of(answer: TestResponse) -> str:
    return gzip.decompress(answer.data).decode() if compressed(answer) else answer.text


@pytest.mark.parametrize("path", ["/", "/chats", "/profiles", "/account", "/nothing"])
def test_a_page_is_compressed_and_has_the_same_text(alice: Visitor, path: str) -> None:
    answer = alice.get(path, headers=GZIP)
    assert compressed(answer)
    assert "</html>" in text_of(answer)
    assert answer.content_length == len(answer.data) < len(text_of(answer)) * 0.6
    assert answer.content_type == "text/html; charset=utf-8"


def test_a_fragment_is_compressed(alice: Visitor) -> None:
    answer = alice.post("/chats", {"profile": "team"}, htmx=True, headers=GZIP)
    assert compressed(answer)
    assert parse(text_of(answer)).one(data_testid="chat")["data-profile"] == "team"


@pytest.mark.parametrize(
    "accepted",
    [
        "",
        "identity",
        "br",
        "deflate",
        "gzip;q=0",
        "gzip;q=0.0, *",
        "*;q=0",
        "x" * 5_000,
        "gzip;q=x",
    ],
)
def test_a_client_that_takes_no_gzip_gets_none(alice: Visitor, accepted: str) -> None:
    answer = alice.get("/", headers={"Accept-Encoding": accepted})
    assert not compressed(answer)
    assert "</html>" in answer.text


@pytest.mark.parametrize("accepted", ["gzip", "GZIP", "br, gzip;q=0.1", "*", "deflate,gzip"])
def test_a_client_that_takes_gzip_gets_it(alice: Visitor, accepted: str) -> None:
    assert compressed(alice.get("/", headers={"Accept-Encoding": accepted}))


@pytest.mark.parametrize("headers", [GZIP, {}], ids=["gzip", "plain"])
def test_html_says_that_it_depends_on_what_the_client_takes(
    alice: Visitor, headers: dict[str, str]
) -> None:
    for path in ("/", "/chats", "/nothing"):
        vary = alice.get(path, headers=headers).vary
        assert set(vary) == {"Accept-Encoding", "Cookie", "HX-Request"}


def test_a_short_answer_stays_as_it_is(alice: Visitor) -> None:
    form = {"content": "", "key": KEY}
    answer = alice.post(f"{alice.start_chat('team')}/messages", form, htmx=True, headers=GZIP)
    assert len(answer.data) < 700
    assert not compressed(answer)
    assert "The message is empty" in answer.text


def test_head_has_the_headers_of_get_and_no_body(alice: Visitor) -> None:
    answer = alice.client.head("/", headers=GZIP)
    assert compressed(answer)
    assert answer.content_length
    assert answer.data == b""


def test_what_has_no_content_stays_without(alice: Visitor) -> None:
    for answer in (
        alice.post("/chats", {"profile": "team"}, headers=GZIP),
        alice.client.options("/", headers=GZIP),
    ):
        assert not compressed(answer)


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/healthz/stream", "/chats/export"])
def test_only_html_is_compressed(alice: Visitor, path: str) -> None:
    alice.start_chat("team")
    answer = alice.get(path, headers=GZIP)
    assert answer.mimetype != "text/html"
    assert not compressed(answer)


def test_an_answer_that_streams_is_not_compressed(make_app: AppMaker) -> None:
    visitor = Visitor(make_app(SLOW, streaming="sse", max_streams=4))
    chat = visitor.start_chat()
    form = {"content": "words", "key": KEY}
    answer = visitor.post(f"{chat}/messages", form, htmx=True, headers=GZIP)
    assert answer.mimetype == "text/event-stream"
    assert not compressed(answer)
    assert "word word" in answer.text


@pytest.mark.parametrize("origin", FOREIGN, ids=str)
def test_a_page_with_a_text_that_others_may_have_chosen_is_not_compressed(
    alice: Visitor, origin: dict[str, str]
) -> None:
    for path in ("/?prompt=guess", "/chats?q=guess", "/login?next=/guess", "/?profile=guess"):
        answer = alice.get(path, headers={**GZIP, **origin})
        assert not compressed(answer)
        assert answer.status_code == 303 or "no-transform" in answer.headers["Cache-Control"]


@pytest.mark.parametrize("origin", FOREIGN, ids=str)
def test_a_page_without_such_a_text_is_compressed_for_links_too(
    alice: Visitor, origin: dict[str, str]
) -> None:
    answer = alice.get("/", headers={**GZIP, **origin})
    assert compressed(answer)
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("headers", [OWN, {"Sec-Fetch-Site": "none"}, HTMX], ids=str)
def test_what_this_page_or_the_user_asks_for_is_compressed(
    alice: Visitor, headers: dict[str, str]
) -> None:
    answer = alice.get("/?prompt=x", headers={**GZIP, **headers})
    assert compressed(answer)


@pytest.mark.parametrize("path", ["/nothing-{}", "/chats/{}", "/shared/{}", "/public/{}"])
def test_no_page_repeats_the_path_of_its_address(alice: Visitor, path: str) -> None:
    # Another site chooses a path as freely as a query, and pages without a query are compressed.
    answer = alice.get(path.format("guess-of-another-site"))
    assert "guess-of-another-site" not in answer.text


def test_the_length_of_a_page_does_not_tell_its_token(alice: Visitor) -> None:
    # A guess at the whole token of the last page makes the next one no shorter than any other.
    alice.get("/", headers=OWN)
    lengths = {}
    for guess in (alice.token, alice.token[::-1]):
        page = alice.get(f"/chats?q={guess}").text
        lengths[guess] = sorted(
            len(zlib.compress(alice.get(f"/chats?q={guess}").data, 9)) for _ in range(20)
        )[10]
        assert guess in page
    one, other = lengths.values()
    assert abs(one - other) <= 8


def test_no_page_holds_the_id_of_the_session(alice: Visitor) -> None:
    cookie = alice.client.get_cookie("session")
    assert cookie is not None
    for path in ("/", "/chats", "/account", alice.start_chat("team")):
        assert cookie.value not in alice.get(path).text
