"""The history: listed, paged, named, pinned, deleted, brought back."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from sqlalchemy import insert

from tests.support.apps import AppMaker
from tests.support.chats import Chat
from tests.support.html import Element, parse
from tests.support.people import HTMX, Visitor
from tests.support.rows import column, count, every_row, run_sql, statements
from webapp.chats import models, store
from webapp.chats.search_index import index_pending
from webapp.database.engines import db
from webapp.history import views
from webapp.history.deletion_job import delete_for_good
from webapp.history.groups import heading_of
from webapp.history.listing import PAGE_SIZE, PINNED_LIMIT

APP = """
    import webapp as cl

    @cl.password_auth_callback
    def check(username, password):
        return cl.User(username) if password == username * 2 else None

    @cl.set_chat_profiles
    def chat_profiles(current_user):
        return [cl.ChatProfile("team", "For all."), cl.ChatProfile("ant", "Small.")]

    @cl.on_message
    def answer(message):
        cl.Message("Yes").send()
"""
WITHOUT_LOGIN = """
    import webapp as cl

    @cl.on_message
    def answer(message):
        cl.Message("Yes").send()
"""
NOON = datetime(2026, 3, 18, 12, tzinfo=UTC)


def written_chat(visitor: Visitor, text: str = "Hello") -> str:
    """Start a chat, write in it, and return its address."""
    return Chat.of(visitor).say(text).address


def items(visitor: Visitor, path: str = "/chats", **kwargs: Any) -> list[Element]:
    page = visitor.get(path, **kwargs)
    assert page.status_code == 200, page.text
    return parse(page.text).all(data_testid="history-item")


def titles(visitor: Visitor, path: str = "/chats") -> list[str]:
    return [item.with_class("item-title")[0].text for item in items(visitor, path)]


def many_chats(app: Flask, owner: str, number: int, **values: Any) -> list[uuid.UUID]:
    """Store chats of somebody, each a minute older than the one before."""
    now = datetime.now(UTC)
    rows = [
        {
            "id": uuid.uuid4(),
            "owner": owner,
            "written": True,
            "title": f"Chat {i}",
            "active_at": now - timedelta(minutes=i),
            "created_at": now,
            "values": {},
            "snapshots": {},
            "pinned": False,
            **values,
        }
        for i in range(number)
    ]
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(insert(models.Chat), rows)
    return [row["id"] for row in rows]


@pytest.fixture
def app(make_app: AppMaker, either_url: str) -> Flask:
    """Return an app with login that answers, on SQLite and on PostgreSQL."""
    make_app.database_url = either_url
    return make_app(APP)


@pytest.fixture
def alice(app: Flask) -> Visitor:
    return Visitor(app).logged_in("alice")


@pytest.fixture
def bob(app: Flask) -> Visitor:
    return Visitor(app).logged_in("bob")


def test_a_chat_is_listed_once_it_is_written_in(alice: Visitor) -> None:
    alice.start_chat()
    assert items(alice) == []
    address = written_chat(alice, "Plan a weekend in Rome")
    [item] = items(alice)
    assert item["data-chat-id"] == address.rpartition("/")[2]
    assert titles(alice) == ["Plan a weekend in Rome"]


def test_the_newest_chat_comes_first(alice: Visitor) -> None:
    first = written_chat(alice, "One")
    written_chat(alice, "Two")
    assert titles(alice) == ["Two", "One"]
    Chat.at(alice, first).say("Again")
    assert titles(alice) == ["One", "Two"]


def test_nobody_sees_the_chats_of_others(alice: Visitor, bob: Visitor) -> None:
    written_chat(alice, "Secret")
    assert items(bob) == []
    assert "Secret" not in bob.get("/").text


def test_the_list_stands_beside_every_chat_and_marks_it(alice: Visitor) -> None:
    address = written_chat(alice)
    page = parse(alice.get(address).text)
    [link] = page.all(data_testid="history")[0].all(aria_current="page")
    assert link["href"] == address


def test_pages_follow_each_other_without_a_gap_or_a_repetition(alice: Visitor) -> None:
    many_chats(alice.app, "user:alice", 3 * PAGE_SIZE - 1)
    seen: list[str] = []
    path = "/chats"
    while path:
        page = parse(alice.get(path).text)
        seen += [i["data-chat-id"] for i in page.all(data_testid="history-item")]
        older = page.all(data_testid="older-chats")
        path = older[0]["href"] if older else ""
    assert len(seen) == len(set(seen)) == 3 * PAGE_SIZE - 1


def test_the_first_message_brings_its_chat_for_the_list(alice: Visitor) -> None:
    chat = Chat.of(alice)
    form = {"content": "Good <morning>", "key": str(uuid.uuid4())}
    first = alice.post(f"{chat.address}/messages", form, htmx=True)
    [item] = parse(first.text).all(data_testid="history-item")
    assert "Good <morning>" in item.text
    assert item.all("a", aria_current="page")[0]["href"] == chat.address
    form = {"content": "And now?", "key": str(uuid.uuid4())}
    second = alice.post(f"{chat.address}/messages", form, htmx=True)
    assert second.status_code == 200
    assert not parse(second.text).all(data_testid="history-item")


def test_chats_of_the_same_moment_are_all_listed(alice: Visitor) -> None:
    many_chats(alice.app, "user:alice", PAGE_SIZE + 5, active_at=NOON)
    [older] = parse(alice.get("/chats").text).all(data_testid="older-chats")
    assert len(items(alice, older["href"])) == 5


def test_htmx_gets_only_what_follows(alice: Visitor) -> None:
    many_chats(alice.app, "user:alice", PAGE_SIZE + 1)
    [older] = parse(alice.get("/chats").text).all(data_testid="older-chats")
    fragment = alice.get(older["href"], headers=HTMX).text
    assert "<html" not in fragment
    assert len(parse(fragment).all(data_testid="history-item")) == 1


def test_a_heading_is_not_said_again_on_the_next_page(alice: Visitor) -> None:
    many_chats(alice.app, "user:alice", PAGE_SIZE + 1, active_at=NOON)
    first = parse(alice.get("/chats").text)
    [older] = first.all(data_testid="older-chats")
    assert [h.text for h in first.with_class("history-heading")][-1:] == ["March 2026"]
    assert parse(alice.get(older["href"], headers=HTMX).text).with_class("history-heading") == []


@pytest.mark.parametrize(
    "before", ["x", "1", "--1-" + "0" * 32, "1-" + "g" * 32, "٣-" + "0" * 32, "1" * 40, "0" * 18]
)
def test_a_place_that_no_page_has_named_is_refused(alice: Visitor, before: str) -> None:
    assert alice.get(f"/chats?before={before}").status_code == 400


def test_the_number_of_statements_does_not_grow_with_the_chats(alice: Visitor) -> None:
    many_chats(alice.app, "user:alice", 2)
    alice.get("/chats")
    with statements(alice.app) as few:
        alice.get("/chats")
    many_chats(alice.app, "user:alice", PAGE_SIZE)
    with statements(alice.app) as more:
        alice.get("/chats")
    assert len(more) == len(few)


@pytest.mark.parametrize(
    ("days", "heading"),
    [
        (-1, "Today"),
        (0, "Today"),
        (1, "Yesterday"),
        (2, "Previous 7 days"),
        (7, "Previous 7 days"),
        (8, "March 2026"),
        (18, "February 2026"),
        (80, "December 2025"),
    ],
)
def test_days_stand_under_headings(days: int, heading: str) -> None:
    today = NOON.date()
    assert heading_of(today - timedelta(days=days), today) == heading


def test_days_begin_where_the_site_is(make_app: AppMaker) -> None:
    kiritimati = make_app("simple.py", WEBAPP_TIMEZONE="Pacific/Kiritimati")
    assert kiritimati.extensions["settings"].zone.key == "Pacific/Kiritimati"


def test_the_history_is_filtered_by_profile(alice: Visitor) -> None:
    many_chats(alice.app, "user:alice", 2, profile="team")
    many_chats(alice.app, "user:alice", 1, profile="old & gone")
    assert len(items(alice, "/chats?profile=team")) == 2
    assert len(items(alice, "/chats?profile=old+%26+gone")) == 1
    assert items(alice, "/chats?profile=never+there") == []


def test_the_filter_names_what_there_is_in_the_history(alice: Visitor) -> None:
    many_chats(alice.app, "user:alice", 2, profile="zebra")
    many_chats(alice.app, "user:alice", 1, profile="ant")
    many_chats(alice.app, "user:bob", 1, profile="others")
    [select] = parse(alice.get("/chats").text).all(data_testid="history-filter")
    assert [o["value"] for o in select.all("option")] == ["", "ant", "zebra"]


def test_a_chat_is_renamed(alice: Visitor) -> None:
    address = written_chat(alice)
    answer = alice.post(f"{address}/title", {"title": "  Rome,\n in spring "})
    assert (answer.status_code, answer.location) == (303, f"{address}/menu")
    assert titles(alice) == ["Rome, in spring"]
    assert "<title>Rome, in spring" in alice.get(address).text


def test_htmx_gets_the_renamed_chat_in_its_place(alice: Visitor) -> None:
    address = written_chat(alice)
    answer = alice.post(f"{address}/title", {"title": "Rome"}, htmx=True)
    [item] = parse(answer.text).all(data_testid="history-item")
    assert item.with_class("item-title")[0].text == "Rome"


@pytest.mark.parametrize(("title", "status"), [("", 422), (" \n\u200b", 422), ("x" * 201, 422)])
def test_a_title_that_cannot_be_is_refused_and_kept(
    alice: Visitor, title: str, status: int
) -> None:
    address = written_chat(alice, "Hello")
    for htmx in (False, True):
        answer = alice.post(f"{address}/title", {"title": title}, htmx=htmx)
        assert answer.status_code == status
        [field] = parse(answer.text).all(data_testid="title-input")
        assert field["value"].strip("\n") == title.replace("\r", "").strip("\n")
    assert titles(alice) == ["Hello"]


def test_a_title_is_shown_as_text(alice: Visitor) -> None:
    address = written_chat(alice)
    hostile = "<img src=x onerror=alert(1)>\u202e"
    alice.post(f"{address}/title", {"title": hostile})
    assert "<img src=x" not in alice.get("/chats").text + alice.get(address).text
    assert titles(alice) == [hostile]


def test_a_pinned_chat_comes_before_all_others(alice: Visitor) -> None:
    address = written_chat(alice, "Old")
    written_chat(alice, "New")
    assert alice.post(f"{address}/pin", {"pinned": "yes"}).status_code == 303
    assert titles(alice) == ["Old", "New"]
    alice.post(f"{address}/pin", {"pinned": "no"})
    assert titles(alice) == ["New", "Old"]


def test_htmx_is_told_to_fetch_the_list_anew(alice: Visitor) -> None:
    address = written_chat(alice, "Old")
    answer = alice.post(f"{address}/pin", {"pinned": "yes"}, htmx=True)
    [fetch] = [span for span in parse(answer.text).all("span") if span.get("hx-get")]
    assert (fetch["hx-get"], fetch["hx-include"]) == ("/chats", ".history-search")
    assert answer.status_code == 200


@pytest.mark.parametrize("query", ["", "?imported=", "?prompt=Hello"])
def test_a_page_whose_chat_is_deleted_is_left(alice: Visitor, query: str) -> None:
    address = written_chat(alice, "Old")
    headers = {"HX-Current-URL": f"http://localhost{address}{query}"}
    answer = alice.post(f"{address}/delete", htmx=True, headers=headers)
    assert "deleted=" in answer.headers["HX-Redirect"]


def test_only_so_many_chats_can_be_pinned(alice: Visitor) -> None:
    many_chats(alice.app, "user:alice", PINNED_LIMIT, pinned=True)
    address = written_chat(alice)
    answer = alice.post(f"{address}/pin", {"pinned": "yes"})
    assert answer.status_code == 409
    assert "Unpin one of them first" in answer.text


def test_a_deleted_chat_is_gone_and_can_be_brought_back(alice: Visitor) -> None:
    address = written_chat(alice, "Rome")
    answer = alice.post(f"{address}/delete")
    assert answer.status_code == 303
    page = alice.get(answer.location)
    assert parse(page.text).all(data_testid="history-item") == []
    assert "“Rome” was deleted." in parse(page.text).all(data_testid="notice")[0].text
    assert alice.get(address).status_code == 404
    back = alice.post(f"{address}/restore")
    assert (back.status_code, back.location) == (303, address)
    assert titles(alice) == ["Rome"]
    assert alice.get(address).status_code == 200


def test_htmx_takes_the_deleted_chat_out_of_the_list(alice: Visitor) -> None:
    address = written_chat(alice, "Rome")
    written_chat(alice, "Paris")
    answer = alice.post(f"{address}/delete", htmx=True)
    assert parse(answer.text).all(data_testid="history-item") == []
    [gone] = parse(answer.text).all("li")
    assert gone["id"] == f"item-{address.rpartition('/')[2]}"
    assert "“Rome” was deleted." in gone.text
    assert gone.all(data_testid="undo")


def test_who_deletes_the_chat_on_the_page_goes_to_a_new_one(alice: Visitor) -> None:
    address = written_chat(alice, "Rome")
    alice.get(address)
    answer = alice.post(f"{address}/delete", htmx=True)
    target = urlsplit(answer.headers["HX-Redirect"])
    assert (target.path, parse_qs(target.query)["deleted"]) == ("/", [address.rpartition("/")[2]])
    page = parse(alice.get(answer.headers["HX-Redirect"]).text)
    assert page.all(data_testid="undo")


def test_nothing_can_be_done_with_a_deleted_chat(alice: Visitor) -> None:
    address = written_chat(alice)
    alice.post(f"{address}/delete")
    key = str(uuid.uuid4())
    before = every_row(alice.app)
    for path, form in {
        "messages": {"content": "x", "key": key},
        "title": {"title": "x"},
        "pin": {"pinned": "yes"},
        "delete": {},
        "stop": {},
    }.items():
        assert alice.post(f"{address}/{path}", form).status_code == 404, path
    assert every_row(alice.app) == before


def test_after_a_while_a_deleted_chat_cannot_be_brought_back(alice: Visitor) -> None:
    address = written_chat(alice)
    alice.post(f"{address}/delete")
    run_sql(alice.app, "UPDATE chats SET deleted_at = :then", then="2026-01-01 00:00:00")
    assert alice.post(f"{address}/restore").status_code == 404


def test_what_cannot_be_brought_back_is_really_deleted(alice: Visitor) -> None:
    gone, kept = written_chat(alice, "Gone"), written_chat(alice, "Kept")
    with alice.app.app_context():
        index_pending()
    alice.post(f"{gone}/delete")
    run_sql(alice.app, "UPDATE chats SET deleted_at = '2026-01-01' WHERE deleted_at IS NOT NULL")
    with alice.app.app_context():
        delete_for_good()
    Chat.at(alice, kept).until(lambda: count(alice.app, "chats") == 1)
    assert [str(i) for i in column(alice.app, "chats.id")] == [kept.rpartition("/")[2]]
    for table in ("messages.chat_id", "turns.chat_id", "search_entries.chat_id"):
        assert {str(i) for i in column(alice.app, table)} == {kept.rpartition("/")[2]}, table


def test_all_chats_are_deleted_for_good(alice: Visitor, bob: Visitor) -> None:
    written_chat(alice)
    theirs = written_chat(bob)
    assert alice.post("/chats/clear").status_code == 303
    assert items(alice) == []
    Chat.at(bob, theirs).until(lambda: count(alice.app, "chats") == 1)
    assert titles(bob) == ["Hello"]


CHANGES = {"title": {"title": "Mine"}, "pin": {"pinned": "yes"}, "delete": {}, "restore": {}}


@pytest.mark.parametrize("change", CHANGES)
def test_the_chat_of_somebody_else_is_not_there(alice: Visitor, bob: Visitor, change: str) -> None:
    address = written_chat(alice)
    if change == "restore":
        alice.post(f"{address}/delete")
    bob.get("/")
    before = every_row(alice.app)
    assert bob.post(f"{address}/{change}", CHANGES[change]).status_code == 404
    assert bob.get(f"{address}/menu").status_code == 404
    assert every_row(alice.app) == before


@pytest.mark.parametrize("change", CHANGES)
def test_a_visitor_is_sent_to_the_login_page(alice: Visitor, change: str) -> None:
    address = written_chat(alice)
    stranger = Visitor(alice.app)
    answer = stranger.post(f"{address}/{change}", CHANGES[change])
    if change == "title":  # what was typed is kept, on a page that leads there
        assert (answer.status_code, f"/login?next={address}" in answer.text) == (401, True)
    else:
        assert (answer.status_code, answer.location) == (303, "/login")


@pytest.mark.parametrize("change", CHANGES)
def test_changes_are_not_made_by_looking(alice: Visitor, change: str) -> None:
    address = written_chat(alice)
    assert alice.get(f"{address}/{change}").status_code == 405


@pytest.mark.parametrize(
    ("change", "form"),
    [
        ("title", {}),
        ("title", {"title": "x", "owner": "user:bob"}),
        ("pin", {}),
        ("pin", {"pinned": "true"}),
        ("delete", {"deleted_at": "1"}),
        ("restore", {"x": "1"}),
    ],
)
def test_strange_forms_change_nothing(alice: Visitor, change: str, form: dict[str, str]) -> None:
    address = written_chat(alice)
    before = every_row(alice.app)
    assert alice.post(f"{address}/{change}", form).status_code == 400
    assert every_row(alice.app) == before


def test_without_login_chats_belong_to_the_browser(make_app: AppMaker, either_url: str) -> None:
    make_app.database_url = either_url
    app = make_app(WITHOUT_LOGIN)
    mine, other = Visitor(app), Visitor(app)
    written_chat(mine, "Mine")
    assert titles(mine) == ["Mine"]
    assert items(other) == []
    other.start_chat()
    assert items(other) == []


@pytest.mark.parametrize(
    ("place", "form"), [("title", {"title": "New"}), ("pin", {"pinned": "yes"}), ("delete", {})]
)
def test_a_chat_that_goes_while_it_is_changed_stays_gone(
    alice: Visitor, monkeypatch: pytest.MonkeyPatch, place: str, form: dict[str, str]
) -> None:
    chat = written_chat(alice)
    my_chat = store.my_chat

    def then_cleared(*arguments: Any) -> Any:
        found = my_chat(*arguments)
        assert alice.twin().post("/chats/clear").status_code == 303
        return found

    monkeypatch.setattr(views, "my_chat", then_cleared)
    answer = alice.post(f"{chat}/{place}", form)
    assert answer.status_code == (303 if place == "delete" else 404)
    assert alice.post(f"{chat}/restore").status_code == 404
