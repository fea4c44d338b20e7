"""The chat page: what is on it before, while and after a chat starts."""

from __future__ import annotations

import pytest

from tests.support.apps import AppMaker
from tests.support.html import parse
from tests.support.people import HTMX, Visitor
from tests.support.recorder import Recorder
from tests.support.rows import every_row
from webapp import ChatProfile, Starter


def test_a_new_chat_starts_by_itself_or_by_a_button(visitor: Visitor) -> None:
    form = parse(visitor.get("/").text).one(id="start")
    assert (form["method"], form["action"], form["hx-post"]) == ("post", "/chats", "/chats")
    assert "load" in form["hx-trigger"]
    assert form.one("button").text == "Start chat"


def test_the_page_of_a_started_chat_starts_no_other(visitor: Visitor) -> None:
    page = parse(visitor.get(visitor.start_chat("GPT-4")).text)
    assert page.all(id="start") == []


def test_looking_at_a_page_starts_no_chat(visitor: Visitor) -> None:
    before = every_row(visitor.app)
    for headers in ({}, HTMX):
        visitor.get("/", headers=headers)
    assert every_row(visitor.app) == before


def test_the_stable_hooks_are_there(alice: Visitor) -> None:
    page = parse(alice.get(alice.start_chat("team")).text)
    chat = page.one(data_testid="chat")
    message = chat.one(data_testid="messages").one(data_testid="message")
    assert chat["data-profile"] == "team"
    assert page.one(data_testid="messages")["role"] == "log"
    assert message["data-message-id"]
    assert (message["data-kind"], message["data-status"]) == ("assistant", "complete")
    for hook in ("composer", "composer-input", "send", "profile-selector", "new-chat"):
        assert page.one(data_testid=hook)
    assert len(page.all(data_testid="profile-option")) == 3


def test_the_page_has_one_h1_and_its_landmarks(alice: Visitor) -> None:
    for path in ("/", alice.start_chat("team")):
        page = parse(alice.get(path).text)
        assert len(page.all("h1")) == 1
        assert page.one("main")
        assert page.one("header", class_="bar")
        assert page.one("html")["lang"] == "en"


def test_every_id_on_a_page_is_there_once(alice: Visitor) -> None:
    for path in ("/", alice.start_chat("team"), "/nothing"):
        ids = [e["id"] for e in parse(alice.get(path).text).walk() if "id" in e.attributes]
        assert len(ids) == len(set(ids))


def test_every_reference_to_an_id_leads_somewhere(alice: Visitor) -> None:
    page = parse(alice.get(alice.start_chat("team")).text)
    ids = {e.get("id") for e in page.walk()}
    for element in page.walk():
        for name in ("for", "aria-labelledby", "aria-describedby", "popovertarget"):
            assert set((element.get(name) or "").split()) <= ids, (element.tag, name)


def test_an_empty_chat_greets_with_its_profile(visitor: Visitor) -> None:
    greeting = parse(visitor.get(visitor.start_chat("GPT-4")).text).with_class("greeting")[0]
    assert greeting.one("h1").text == "GPT-4"
    assert greeting.one("strong").text == "GPT-4"
    assert greeting.one("img")["src"] == "https://picsum.photos/250"


def test_starters_of_the_profile_are_shown(make_app: AppMaker) -> None:
    recorder = Recorder(make_app)
    plan = Starter("Plan a trip", "Help me plan a weekend.", icon="/public/plane.svg")
    recorder.offer(ChatProfile("a", "", starters=[plan]), ChatProfile("b", "", starters=[]))
    page = parse(recorder.visitor.get("/").text)
    starter = page.one(data_testid="starter")
    assert starter["data-label"] == "Plan a trip"
    assert "Help me plan a weekend." in starter.text
    assert starter.one("img")["src"] == "/public/plane.svg"
    swapped = recorder.visitor.post("/chats", {"profile": "b"}, htmx=True)
    assert parse(swapped.text).all(data_testid="starter") == []


def test_the_selector_answers_alone_to_htmx(alice: Visitor) -> None:
    fragment = parse(alice.get("/profiles", headers=HTMX).text)
    assert fragment.one(id="profile-selector")["data-testid"] == "profile-selector"
    assert fragment.all("html") == []


def test_the_title_names_the_profile(visitor: Visitor) -> None:
    assert (
        parse(visitor.get(visitor.start_chat("GPT-4")).text).one("title").text.startswith("GPT-4")
    )
    fragment = parse(visitor.post("/chats", {"profile": "GPT-3.5"}, htmx=True).text)
    assert fragment.one("title").text.startswith("GPT-3.5")


def test_forty_profiles_are_all_offered_and_can_be_searched(make_app: AppMaker) -> None:
    recorder = Recorder(make_app)
    recorder.offer(*(f"profile {number}" for number in range(40)))
    page = parse(recorder.visitor.get("/").text)
    assert len(page.all(data_testid="profile-option")) == 40
    assert page.one("input", type="search")


@pytest.mark.parametrize("path", ["/", "/login"])
def test_a_page_asks_for_few_files_and_only_from_here(alice: Visitor, path: str) -> None:
    visitor = alice if path == "/" else Visitor(alice.app)
    page = parse(visitor.get(path).text)
    files = [e["src"] for e in page.all("script")] + [e["href"] for e in page.all("link")]
    assert len(files) <= 5
    for file in files:
        assert file.startswith("/static/")
        assert visitor.get(file).status_code == 200


def test_times_are_utc(visitor: Visitor) -> None:
    page = parse(visitor.get(visitor.start_chat("GPT-4")).text)
    assert page.one("time")["datetime"].endswith("Z")
