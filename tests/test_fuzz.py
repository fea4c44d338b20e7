"""Input that nobody has thought of: it is answered, within its time, and is never a server error.

Continuous integration runs more examples than `make test`, and other ones each time: set
``CHAT_PROFILES_FUZZ`` to their number.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TypeVar
from urllib.parse import quote_plus

import pytest
from flask import Flask
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.support.cpu import cpu_seconds
from tests.support.exports import bring_in
from tests.support.people import HTMX, Visitor
from tests.support.routes import NOBODYS_CHAT, routes
from tests.test_import import mutations
from tests.test_markdown_budget import TEXTS
from webapp.markdown.messages import message_html
from webapp.web.request_guards import FORM_TYPE, MAX_BODY_BYTES

EXAMPLES = int(os.environ.get("CHAT_PROFILES_FUZZ", "40"))
Result = TypeVar("Result")
MOST_CPU_SECONDS = 1.0
IMPORT_CPU_SECONDS = 3.0
fuzzed = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

NAMES = [
    *("csrf_token", "content", "key", "message", "turn", "profile", "prompt", "shown", "title"),
    *("pinned", "value", "comment", "data", "current_password", "new_password", "username"),
    *("password", "next", "q", "before", "after", "errors", "__class__", "_", "\0", "é"),
]
VALUES = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        [
            "",
            "team",
            "yes",
            "up",
            "1",
            "-1",
            str(2**63),
            NOBODYS_CHAT,
            NOBODYS_CHAT.upper(),
            "\ud800",
            "\0",
            "{}",
            "[" * 5_000,
            '{"format": "chat-profiles", "version": 1, "chats": [{}]}',
            "x" * 60_000,
            "\u202e" * 100,
            "%s%n{{7*7}}",
            "' OR 1=1 --",
            "//evil.example",
        ]
    ),
)
PAIRS = st.tuples(st.sampled_from(NAMES) | st.text(max_size=8), VALUES).map(
    lambda pair: "=".join(quote_plus(text.encode(errors="surrogatepass")) for text in pair).encode()
)
BODIES = st.lists(PAIRS | st.binary(max_size=40), max_size=8).map(b"&".join)
TYPES = st.sampled_from(
    [FORM_TYPE] * 6
    + [f"{FORM_TYPE}; charset=utf-16", "multipart/form-data; boundary=x", "application/json", ""]
)
HEADERS = st.sampled_from(
    [
        {},
        HTMX,
        {**HTMX, "HX-Current-URL": "http://[::1"},
        {"Origin": "http://["},
        {"Sec-Fetch-Site": "same-site"},
        {"Referer": "http://[x"},
        {"Accept-Language": "de;q=x, *"},
    ]
)


def within(seconds: float, work: Callable[[], Result]) -> Result:
    """Check that the work takes at most so much CPU time, and return what it returned first."""
    results: list[Result] = []
    assert cpu_seconds(lambda: results.append(work()), seconds, time.process_time) < seconds
    return results[0]


@pytest.fixture(scope="module")
def forms(shared_app: Flask) -> list[str]:
    """Return the address of every form of the app."""
    return sorted(path for _, method, path in routes(shared_app) if method == "POST")


@fuzzed
@given(TEXTS)
@example("[" * 20_000)
@example("`" * 9_999 + "\n" + "~" * 9_999)
def test_any_text_is_rendered(text: str) -> None:
    html = within(MOST_CPU_SECONDS, lambda: message_html(text))
    assert "<script" not in html


@fuzzed
@given(data=st.data(), body=BODIES, content_type=TYPES, headers=HEADERS)
def test_any_form_of_a_stranger_is_refused(
    shared_app: Flask,
    forms: list[str],
    data: st.DataObject,
    body: bytes,
    content_type: str,
    headers: dict[str, str],
) -> None:
    path = data.draw(st.sampled_from(forms))
    answer = within(
        MOST_CPU_SECONDS,
        lambda: shared_app.test_client().post(
            path, data=body, content_type=content_type, headers=headers
        ),
    )
    assert 300 <= answer.status_code < 500
    assert len(answer.data) < 2 * MAX_BODY_BYTES


@fuzzed
@given(data=st.data(), body=BODIES, headers=HEADERS)
def test_any_form_of_a_user_is_answered(
    alice: Visitor, forms: list[str], data: st.DataObject, body: bytes, headers: dict[str, str]
) -> None:
    chat = alice.start_chat("team").rpartition("/")[2]
    # Signing out would end the test.
    path = data.draw(st.sampled_from([form for form in forms if form != "/logout"]))
    path = path.replace(NOBODYS_CHAT, data.draw(st.sampled_from([chat, NOBODYS_CHAT])))
    signed = b"&".join(filter(None, [b"csrf_token=" + alice.token.encode(), body]))
    answer = within(
        MOST_CPU_SECONDS,
        lambda: alice.client.post(path, data=signed, content_type=FORM_TYPE, headers=headers),
    )
    assert 200 <= answer.status_code < 500, (path, answer.status_code)
    answer.close()
    assert alice.get("/").status_code == 200


@fuzzed
@given(pasted=mutations())
def test_any_import_is_answered(alice: Visitor, pasted: str) -> None:
    answer = within(IMPORT_CPU_SECONDS, lambda: bring_in(alice, pasted))
    assert answer.status_code in (303, 422)
    assert alice.get("/").status_code == 200
    assert alice.get("/chats").status_code == 200


@fuzzed
@given(query=st.lists(PAIRS, max_size=4).map(b"&".join), headers=HEADERS)
@pytest.mark.parametrize("path", ["/", "/chats", "/login", "/account", "/chats/export"])
def test_any_address_is_answered(
    shared_alice: Visitor, path: str, query: bytes, headers: dict[str, str]
) -> None:
    address = f"{path}?{query.decode(errors='replace')}"
    answer = within(
        MOST_CPU_SECONDS,
        lambda: shared_alice.client.get(address, headers=headers, buffered=True),
    )
    assert answer.status_code < 500
