"""Links that name a profile and hold the beginning of a message."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from flask import url_for

from tests.support.apps import AppMaker
from tests.support.html import Element, parse
from tests.support.log import LogReader
from tests.support.people import Visitor
from tests.support.recorder import Recorder
from tests.support.rows import column, every_row
from webapp.authoring.profiles.profile import NAME_LIMIT
from webapp.pages.forms import PROMPT_LIMIT

HOSTILE = [
    '"><script>alert(1)</script>',
    "</textarea><script>alert(1)</script>",
    "ok\u202eevil",
    "a\x00b\x1b[2J",
    "x" * 100_000,
]


@pytest.fixture
def recorder(make_app: AppMaker) -> Recorder:
    """Return an app without login that notes each call of its callbacks."""
    return Recorder(make_app)


def opened(visitor: Visitor, **parameters: str) -> Element:
    return parse(visitor.get(f"/?{urlencode(parameters)}").text)


def chosen(page: Element) -> list[str]:
    return [each["data-profile"] for each in page.all(role="radio", aria_checked="true")]


def composer(page: Element) -> str:
    """Return what is in the field; a browser drops the line end after its tag."""
    return page.one(id="composer-input").text.removeprefix("\n")


def fields(form: Element) -> dict[str, str]:
    """Return what a form sends, but for its token and what it says of the page around it."""
    sent = {field["name"]: field["value"] for field in form.all("input", type="hidden")}
    return {name: value for name, value in sent.items() if name not in ("csrf_token", "shown")}


def test_a_link_opens_a_new_chat_with_its_profile_and_its_text(recorder: Recorder) -> None:
    page = opened(recorder.visitor, profile="three", prompt="Sum up\nthis: a & b")
    assert chosen(page) == ["three"]
    assert composer(page) == "Sum up\nthis: a & b"
    start = page.one(id="start")
    assert fields(start) == {"profile": "three", "prompt": "Sum up\nthis: a & b"}
    assert start["hx-trigger"] == "load, submit"
    assert page.all(data_testid="notice") == []


def test_opening_a_link_changes_nothing(recorder: Recorder) -> None:
    recorder.visitor.start_chat("one")
    before = every_row(recorder.app)
    opened(recorder.visitor, profile="three", prompt="Hello")
    recorder.visitor.get("/p/three?prompt=Hello")
    assert every_row(recorder.app) == before
    assert recorder.started == ["one"]
    assert recorder.chosen() == "one"


def test_a_link_comes_before_the_choice_of_the_session(recorder: Recorder) -> None:
    recorder.visitor.start_chat("one")
    assert chosen(opened(recorder.visitor, profile="three")) == ["three"]


def test_a_started_link_is_the_choice_of_the_session(recorder: Recorder) -> None:
    page = opened(recorder.visitor, profile="three")
    recorder.visitor.post("/chats", fields(page.one(id="start")))
    assert recorder.chosen() == "three"


def test_without_a_profile_the_default_gets_the_text(recorder: Recorder) -> None:
    page = opened(recorder.visitor, prompt="Hello")
    assert chosen(page) == ["two"]
    assert fields(page.one(id="start")) == {"prompt": "Hello"}


def test_without_script_the_text_waits_in_the_chat_that_was_started(recorder: Recorder) -> None:
    text = "Guten Tag, wie geht's?\n100 % & mehr ü"
    page = opened(recorder.visitor, profile="three", prompt=text)
    answer = recorder.visitor.post("/chats", fields(page.one(id="start")))
    assert answer.status_code == 303
    chat = parse(recorder.visitor.get(answer.location).text)
    assert composer(chat) == text
    assert chat.all(data_testid="message", data_kind="user") == []
    assert recorder.started == ["three"]


def test_without_script_the_text_follows_another_profile(recorder: Recorder) -> None:
    page = opened(recorder.visitor, prompt="Hello")
    panel = fields(page.one(id="profile-panel"))
    answer = recorder.visitor.post("/chats", {**panel, "profile": "one"})
    assert composer(parse(recorder.visitor.get(answer.location).text)) == "Hello"


def test_with_script_the_text_stays_in_the_composer(recorder: Recorder) -> None:
    page = opened(recorder.visitor, profile="three", prompt="Hello")
    answer = recorder.visitor.post("/chats", fields(page.one(id="start")), htmx=True)
    started = parse(answer.text)
    assert composer(started) == "Hello"
    assert started.one(data_testid="chat")["data-profile"] == "three"
    address = answer.headers["HX-Replace-Url"]
    assert composer(parse(recorder.visitor.get(address).text)) == "Hello"


def test_a_draft_that_was_typed_before_keeps_its_place(recorder: Recorder) -> None:
    plain = parse(recorder.visitor.get("/").text).one(id="composer")["data-draft"]
    linked = opened(recorder.visitor, prompt="Hello").one(id="composer")["data-draft"]
    assert linked == f"{plain}-link"


def test_a_text_that_was_sent_does_not_come_back(make_app: AppMaker) -> None:
    visitor = Visitor(make_app("talker.py"))
    page = opened(visitor, prompt="Hello")
    address = visitor.post("/chats", fields(page.one(id="start"))).location
    path = urlsplit(address).path
    key = "0a5a25a1-5f0b-4a1c-9d3c-0d2f6a8f3b11"
    sent = visitor.post(f"{path}/messages", {"content": "Hello", "key": key})
    assert sent.status_code == 303
    assert composer(parse(visitor.get(address).text)) == ""
    # The page with the link's text in its list of profiles may still be there.
    answer = visitor.post("/chats", {"prompt": "Hello"}, htmx=True)
    assert composer(parse(answer.text)) == ""
    assert "prompt" not in answer.headers["HX-Push-Url"]


NAMES = ["three", "Team/Sub team", "Zoë 日本", "100 %", "a?b&c=d#e", "a//b", "trailing/"]


@pytest.mark.parametrize("name", NAMES)
def test_the_short_form_leads_to_the_link(recorder: Recorder, name: str) -> None:
    recorder.offer("one", name)
    with recorder.app.test_request_context():
        path = url_for("chats.link", name=name, prompt="what's new?")
    answer = recorder.visitor.get(path)
    assert answer.status_code == 303
    page = parse(recorder.visitor.get(answer.location).text)
    assert (chosen(page), composer(page)) == ([name], "what's new?")


@pytest.mark.parametrize("name", ["gone", "ONE", "o\u202ene", "<b>", "x" * 100_000])
def test_a_profile_that_is_not_offered_is_refused_politely(
    recorder: Recorder, log: LogReader, name: str
) -> None:
    answer = recorder.visitor.get(f"/?{urlencode({'profile': name, 'prompt': 'Hello'})}")
    page = parse(answer.text)
    assert answer.status_code == 403
    notice = page.one(data_testid="notice")
    assert [each.text for each in notice.all("bdi")] == [name[:100]]
    assert "is not offered to you. No chat was started" in notice.text
    assert "pick a different profile at the top" in notice.text
    assert (chosen(page), composer(page)) == (["two"], "Hello")
    assert log.one("profile.refused")["profile"] == name[: NAME_LIMIT + 1]


def test_nothing_starts_by_itself_for_a_link_that_was_refused(recorder: Recorder) -> None:
    start = opened(recorder.visitor, profile="gone", prompt="Hello").one(id="start")
    assert start["hx-trigger"] == "submit"
    assert fields(start) == {"prompt": "Hello"}
    recorder.visitor.post("/chats", fields(start))
    assert recorder.started == ["two"]


def test_a_refused_link_sends_nobody_to_a_selector_that_is_not_there(recorder: Recorder) -> None:
    recorder.offer("only")
    notice = opened(recorder.visitor, profile="gone").one(data_testid="notice")
    assert "at the top" not in notice.text


def test_another_users_profile_is_refused_and_their_own_is_not(bob: Visitor) -> None:
    assert bob.get("/?profile=admin-only").status_code == 403
    assert bob.get("/?profile=public").status_code == 200


def test_who_is_offered_nothing_is_refused_too(charlie: Visitor) -> None:
    answer = charlie.get("/?profile=public&prompt=Hello")
    assert answer.status_code == 403
    assert composer(parse(answer.text)) == "Hello"


@pytest.mark.parametrize("query", ["profile=", "profile=%00", "Profile=three", "profile[]=three"])
def test_what_names_no_profile_is_an_ordinary_new_chat(recorder: Recorder, query: str) -> None:
    answer = recorder.visitor.get(f"/?{query}")
    assert answer.status_code == 200
    assert chosen(parse(answer.text)) == ["two"]


def test_of_a_parameter_that_comes_twice_the_first_counts(recorder: Recorder) -> None:
    answer = recorder.visitor.get("/?profile=one&profile=gone&prompt=a&prompt=b&utm_source=mail")
    page = parse(answer.text)
    assert (chosen(page), composer(page)) == (["one"], "a")


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_hostile_text_is_text(recorder: Recorder, text: str) -> None:
    page = opened(recorder.visitor, prompt=text)
    expected = text.replace("\x00", "").replace("\x1b", "")[:PROMPT_LIMIT]
    assert composer(page) == expected
    assert fields(page.one(id="start"))["prompt"] == expected
    assert not [script for script in page.all("script") if not script.get("src")]


@pytest.mark.parametrize("text", ["", " \n\t", "\u200b\u2060"], ids=ascii)
def test_a_text_in_which_there_is_nothing_to_see_is_none(recorder: Recorder, text: str) -> None:
    page = opened(recorder.visitor, prompt=text)
    assert (composer(page), fields(page.one(id="start"))) == ("", {})


def test_bytes_that_are_no_text_stay_as_they_are_spelled(recorder: Recorder) -> None:
    page = parse(recorder.visitor.get("/?prompt=a%FFb").text)
    assert composer(page) == "a%FFb"


def test_a_text_that_is_too_long_is_cut_and_that_is_told(recorder: Recorder) -> None:
    page = opened(recorder.visitor, prompt="é" * PROMPT_LIMIT + "end")
    assert "longer than 8,000 characters" in page.one(data_testid="notice").text
    assert composer(page) == "é" * PROMPT_LIMIT
    short = recorder.visitor.get("/p/one?" + urlencode({"prompt": "é" * 9_000})).location
    notice = parse(recorder.visitor.get(short).text).one(data_testid="notice")
    assert "Its end is left out" in notice.text
    whole = opened(recorder.visitor, prompt="é" * PROMPT_LIMIT)
    assert whole.all(data_testid="notice") == []


def test_a_form_with_more_than_a_link_may_hold_is_refused(recorder: Recorder) -> None:
    answer = recorder.visitor.post("/chats", {"prompt": "x" * (PROMPT_LIMIT + 1)})
    assert answer.status_code == 400
    assert column(recorder.app, "chats.id") == []


def through_login(visitor: Visitor, path: str) -> Any:
    asked = visitor.get(path)
    while asked.status_code == 303 and not asked.location.startswith("/login"):
        asked = visitor.get(asked.location)
    page = parse(visitor.get(asked.location).text)
    kept = page.one("input", name="next")["value"]
    return visitor.post("/login", {"username": "bob", "password": "bobbob", "next": kept})


@pytest.mark.parametrize("path", ["/?profile=public&prompt={}", "/p/public?prompt={}"])
@pytest.mark.parametrize(
    "text",
    [
        "what's%20new%20(today)*!",
        "a%26b%3Dc%23d%25+e",
        "%22quoted%22%0Aline",
        "%E6%97%A5%F0%9F%98%80",
    ],
)
def test_a_link_survives_login(anonymous: Visitor, path: str, text: str) -> None:
    answer = through_login(anonymous, path.format(text))
    page = parse(anonymous.get(answer.location).text)
    assert chosen(page) == ["public"]
    [wanted] = parse_qs(f"prompt={text}")["prompt"]
    assert composer(page) == wanted


def test_a_long_link_survives_login(anonymous: Visitor) -> None:
    answer = through_login(anonymous, f"/?profile=public&prompt={'word+' * 1_500}")
    assert len(composer(parse(anonymous.get(answer.location).text))) == 1_500 * 5


def test_a_link_beyond_what_servers_take_leads_to_an_ordinary_new_chat(anonymous: Visitor) -> None:
    answer = through_login(anonymous, f"/?profile=public&prompt={'x' * 20_000}")
    assert answer.location == "/"


def test_the_short_form_tells_a_stranger_nothing(anonymous: Visitor) -> None:
    for name in ("public", "nothing"):
        assert anonymous.get(f"/p/{name}").location == f"/?profile={name}"


def test_a_session_that_ended_does_not_lose_the_link(bob: Visitor) -> None:
    page = "http://localhost/?profile=public&prompt=what's+new"
    bob.client.delete_cookie("session")
    answer = bob.post("/chats", htmx=True, headers={"HX-Current-URL": page})
    target = parse_qs(urlsplit(answer.headers["HX-Redirect"]).query)["next"][0]
    assert target == "/?profile=public&prompt=what%27s+new"
