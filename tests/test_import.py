"""Import: all of it or nothing, whatever is pasted, and nothing of it on trust."""

from __future__ import annotations

import copy
import json
import re
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.apps import AppMaker
from tests.support.chats import Chat
from tests.support.exports import (
    bring_in,
    chat_of,
    export_of,
    exported,
    imported,
    said,
    store_chat,
)
from tests.support.html import parse
from tests.support.log import LogReader
from tests.support.people import HTMX, Visitor
from tests.support.rows import column, count, every_row
from webapp.database.engines import utc_now
from webapp.history.listing import HistoryItem, add_looks
from webapp.transfer.import_data import (
    MOST_CHATS,
    MOST_MESSAGES,
    ImportedChat,
    parse_export,
)
from webapp.transfer.strict_json import ordinal

DAY = "2026-01-31T12:00:00Z"
FULL: dict[str, Any] = export_of(
    {
        "id": str(uuid.UUID(int=1)),
        "title": "Rome",
        "profile": "team",
        "profiles": {"team": {"label": "The team", "icon": "https://evil.example/a.png"}},
        "created_at": DAY,
        "active_at": "2026-01-31T14:00:00.250000+01:00",
        "pinned": True,
        "messages": [
            said("Where?", id="1", created_at=DAY, status="complete", profile="team"),
            said("Nowhere.", "assistant", author="Guide", replaced=True),
            said(
                "Rome.",
                "assistant",
                feedback={"value": -1, "comment": "Too far"},
                elements=[
                    {
                        "id": "2",
                        "kind": "image",
                        "name": "The Forum",
                        "display": "side",
                        "url": "https://example.org/forum.png",
                        "details": {"size": "small", "width": 30},
                    }
                ],
            ),
            said("The other team", "divider"),
            said("It broke.", "error", status="failed"),
        ],
    },
    exported_at=DAY,
)
CHAT, MESSAGE, ANSWER = "chats[0]", "chats[0].messages[0]", "chats[0].messages[2]"
IN_CHAT, IN_MESSAGE = "of the 1st chat", "of the 1st message of the 1st chat"
IN_ANSWER = "of the 3rd message of the 1st chat"
# What is changed in a good export, and what the page says of it.
MISTAKES: list[tuple[str, object, str]] = [
    ("format", "other", '"format" must be "chat-profiles".'),
    ("format", None, '"format" must be "chat-profiles".'),
    ("version", 2, '"version" must be 1.'),
    ("version", True, '"version" must be 1.'),
    ("version", 1.0, '"version" must be 1.'),
    ("version", "1", '"version" must be 1.'),
    ("chats", [], '"chats" is empty'),
    ("chats", None, '"chats" must be a list, which stands in [ ].'),
    ("chats", {}, '"chats" must be a list'),
    ("chats", [[]], "The 1st chat must be an object, which stands in { }."),
    ("owner", "user:bob", 'The text has "owner", which is unknown.'),
    (f"{CHAT}.owner", "user:bob", 'The 1st chat has "owner", which is unknown.'),
    (f"{CHAT}.values", {"role": "ADMIN"}, 'The 1st chat has "values", which is unknown.'),
    (f"{CHAT}.title", 1, f'"title" {IN_CHAT} must be text.'),
    (f"{CHAT}.title", "x" * 201, f'"title" {IN_CHAT} has 201 characters and may have 200.'),
    (f"{CHAT}.profile", ["team"], f'"profile" {IN_CHAT} must be text.'),
    (f"{CHAT}.profile", "x" * 201, f'"profile" {IN_CHAT} has 201 characters'),
    (f"{CHAT}.profiles", [], f'"profiles" {IN_CHAT} must be an object'),
    (f"{CHAT}.profiles", {"": {}}, f'The profile "" {IN_CHAT} has no name, or the name'),
    (f"{CHAT}.profiles", {"a\0": {}, "a": {}}, f'The profile "a" {IN_CHAT} has no name, or'),
    (f"{CHAT}.profiles", {"a": 1}, f'The profile "a" {IN_CHAT} must be an object'),
    (f"{CHAT}.pinned", 1, f'"pinned" {IN_CHAT} must be true or false.'),
    (f"{CHAT}.created_at", "2026-01-31", f'"created_at" {IN_CHAT} must be a time with its zone'),
    (f"{CHAT}.created_at", "2026-01-31T12:00:00", f'"created_at" {IN_CHAT} must be a time with'),
    (f"{CHAT}.created_at", "2026-02-31T12:00:00Z", f'"created_at" {IN_CHAT} is not a valid time.'),
    (f"{CHAT}.created_at", "0001-01-01T00:00:00+14:00", f"{IN_CHAT} is not a valid time."),
    (f"{CHAT}.created_at", "٢٠٢٦-01-31T12:00:00Z", f'"created_at" {IN_CHAT} must be a time'),
    (f"{CHAT}.created_at", 1e400, f'"created_at" {IN_CHAT} must be a time'),
    (f"{CHAT}.active_at", "0001-01-01T00:00:00Z", f'"active_at" {IN_CHAT} is before 1970.'),
    (f"{CHAT}.created_at", "1969-12-31T23:59:59.999999Z", f"{IN_CHAT} is before 1970."),
    (f"{CHAT}.created_at", "1970-01-01T00:00:00+00:01", f"{IN_CHAT} is before 1970."),
    (f"{CHAT}.active_at", "9999-12-31T23:59:59-14:00", f"{IN_CHAT} is not a valid time."),
    (f"{MESSAGE}.created_at", "1900-01-01T00:00:00Z", f'"created_at" {IN_MESSAGE} is before 1970.'),
    ("exported_at", "0001-01-01T00:00:00Z", '"exported_at" is before 1970.'),
    (f"{CHAT}.messages", None, f'"messages" {IN_CHAT} must be a list'),
    (f"{CHAT}.messages", [1], "The 1st message of the 1st chat must be an object"),
    (f"{MESSAGE}.content", 1, f'"content" {IN_MESSAGE} must be text.'),
    (f"{MESSAGE}.content", None, f'"content" {IN_MESSAGE} must be text.'),
    (f"{MESSAGE}.content", float("nan"), f'"content" {IN_MESSAGE} must be text.'),
    (f"{MESSAGE}.content", "x" * 1_000_001, f"{IN_MESSAGE} has 1,000,001 characters and"),
    (f"{MESSAGE}.kind", "system", f'"kind" {IN_MESSAGE} must be "user" or "assistant" or'),
    (f"{MESSAGE}.kind", None, f'"kind" {IN_MESSAGE} must be "user"'),
    (f"{MESSAGE}.status", "running", f'"status" {IN_MESSAGE} must be "complete" or'),
    (f"{MESSAGE}.author", {}, f'"author" {IN_MESSAGE} must be text.'),
    (f"{MESSAGE}.author", "x" * 201, f'"author" {IN_MESSAGE} has 201 characters'),
    (f"{MESSAGE}.profile", "x" * 201, f'"profile" {IN_MESSAGE} has 201 characters'),
    (f"{MESSAGE}.replaced", "yes", f'"replaced" {IN_MESSAGE} must be true or false.'),
    (f"{MESSAGE}.sequence", 1, 'The 1st message of the 1st chat has "sequence", which is unknown.'),
    (
        f"{MESSAGE}.feedback",
        {"value": 1},
        f'"feedback" {IN_MESSAGE} is not possible: only an answer',
    ),
    (f"{ANSWER}.feedback", {}, f'"value" of "feedback" {IN_ANSWER} must be 1 or -1.'),
    (f"{ANSWER}.feedback", {"value": 2}, f'"feedback" {IN_ANSWER} must be 1 or -1.'),
    (f"{CHAT}.messages", [{"kind": "user"}], f'"content" {IN_MESSAGE} must be text.'),
    (
        f"{CHAT}.profiles",
        {"a": {"label": 1}},
        f'"label" of the profile "a" {IN_CHAT} must be text.',
    ),
    (f"{CHAT}.profiles", {"a": {"label": "x" * 201}}, "has 201 characters and may have 200."),
    (f"{CHAT}.profiles", {str(n): {} for n in range(101)}, f'"profiles" {IN_CHAT} has 101 members'),
    (f"{CHAT}.profiles", {"x" * 201: {}}, 'The name of the profile "xx'),
    (
        f"{CHAT}.messages",
        [{"kind": "user", "content": "", "profile": str(n)} for n in range(101)],
        f'"messages" {IN_CHAT} brings the chat to more than 100 profiles',
    ),
    (
        f"{CHAT}.messages",
        [{"kind": "divider", "content": "x" * 501}],
        f'"content" {IN_MESSAGE} has 501 characters and may have 500.',
    ),
    (f"{ANSWER}.feedback", {"value": True}, f'"feedback" {IN_ANSWER} must be 1 or -1.'),
    (
        f"{ANSWER}.feedback",
        {"value": 1, "by": ""},
        f'"feedback" {IN_ANSWER} has "by", which is unknown.',
    ),
]
# Text that is no such JSON at all.
NO_EXPORT: list[tuple[str, str]] = [
    ("{", "This is not JSON: the error is at line 1, character 2."),
    ("\n\n  nonsense", "the error is at line 3, character 3."),
    ('{"format": "chat-profiles",}', "This is not JSON"),
    ("[]", "The text must be an object"),
    ("null", "The text must be an object"),
    ("NaN", "The text must be an object"),
    ("1" * 5_000, "A number in the text is too long"),
    ("[" * 100_000, "nested too deeply"),
    ('{"a":' * 100_000, "nested too deeply"),
    ('{"version": 1, "version": 1}', 'The text has "version" twice.'),
    (
        '{"format": "chat-profiles", "version": 1, "chats": [{"title": "", "title": ""}]}',
        'The 1st chat has "title" twice.',
    ),
    ('{"\\u202e<script>": 1}', 'has "\\u202e<script>", which is unknown'),
    ("  \n", "There is nothing to import yet."),
]


def changed(export: dict[str, Any], where: str, value: object) -> dict[str, Any]:
    """Return a copy of an export in which one value is another."""
    export = copy.deepcopy(export)
    *way, last = where.replace("[", ".").replace("]", "").split(".")
    place: Any = export
    for step in way:
        place = place[int(step) if step.isdigit() else step]
    place[last] = value
    return export


def problem(html: str) -> str:
    text = parse(html).one(data_testid="import-problem").text.strip()
    assert text.startswith("Nothing was imported. "), text
    return text.removeprefix("Nothing was imported. ")


def refused(visitor: Visitor, export: object) -> str:
    """Check that an import is refused and nothing is stored, and return what the page says."""
    before = every_row(visitor.app)
    answer = bring_in(visitor, export)
    assert answer.status_code == 422, answer.text[:2_000]
    assert every_row(visitor.app) == before
    return problem(answer.text)


def without_ids(export: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the chats of an export without what an import makes anew."""
    chats = copy.deepcopy(export["chats"])
    for chat in chats:
        del chat["id"]
        for message in chat["messages"]:
            del message["id"]
            for element in message.get("elements", ()):
                del element["id"]
    return list(chats)


def test_a_chat_comes_in_as_it_went_out(make_app: AppMaker, either_url: str) -> None:
    make_app.database_url = either_url
    alice = Visitor(make_app("roles.py")).logged_in("alice")
    first = exported(alice, imported(alice, FULL))
    again = exported(alice, imported(alice, first))
    assert without_ids(again) == without_ids(first)
    [chat] = again["chats"]
    assert (chat["title"], chat["pinned"], chat["active_at"]) == (
        "Rome",
        True,
        "2026-01-31T13:00:00.250000Z",
    )
    assert [m["content"] for m in chat["messages"]] == [
        m["content"] for m in FULL["chats"][0]["messages"]
    ]
    assert chat["messages"][1]["replaced"]
    assert chat["messages"][2]["feedback"] == {"value": -1, "comment": "Too far"}


def test_it_can_be_read_where_it_came_in(alice: Visitor) -> None:
    answer = bring_in(alice, export_of(chat_of("Where?", "To Rome.")))
    assert answer.status_code == 303
    page = parse(alice.get(answer.location).text)
    assert [m.with_class("prose")[0].text.strip() for m in page.all(data_testid="message")] == [
        "Where?",
        "To Rome.",
    ]
    assert "This chat was imported" in page.one(data_testid="notice").text


def test_several_chats_lead_to_all_of_them(alice: Visitor) -> None:
    answer = bring_in(alice, export_of(chat_of("a"), chat_of("b")))
    assert (answer.status_code, answer.location) == (303, "/chats?imported=2")
    page = parse(alice.get(answer.location).text)
    assert page.one(data_testid="notice").text.strip() == "The chats were imported."
    assert count(alice.app, "chats") == 2


def test_without_a_title_it_has_one_made_from_its_first_question(alice: Visitor) -> None:
    export = export_of(chat_of("\n  Where   to?\nNow.", title=None))
    assert exported(alice, imported(alice, export))["chats"][0]["title"] == "Where to?"


def test_htmx_is_sent_to_the_chat(alice: Visitor) -> None:
    answer = bring_in(alice, export_of(chat_of("a")), htmx=True)
    assert answer.status_code == 204
    assert answer.headers["HX-Redirect"].startswith("/chats/")


def test_importing_twice_makes_copies_with_ids_of_their_own(alice: Visitor) -> None:
    assert imported(alice, FULL) != imported(alice, FULL)
    assert count(alice.app, "messages") == 10
    assert uuid.UUID(int=1) not in column(alice.app, "chats.id")


def test_it_belongs_to_who_imports_it(alice: Visitor, bob: Visitor) -> None:
    path = store_chat(alice.app, {"content": "Mine"})
    copied = imported(bob, exported(alice, path))
    assert (bob.get(copied).status_code, alice.get(copied).status_code) == (200, 404)
    assert (alice.get(path).status_code, bob.get(path).status_code) == (200, 404)


def test_no_value_of_the_session_comes_in(alice: Visitor) -> None:
    path = store_chat(alice.app, {"content": "a"}, values={"secret": 1})
    export = exported(alice, path)
    assert "secret" not in json.dumps(export)
    imported(alice, export)
    assert sorted(map(str, column(alice.app, "chats.values"))) == ["{'secret': 1}", "{}"]


def test_it_can_be_found_by_its_words(make_app: AppMaker, either_url: str) -> None:
    make_app.database_url = either_url
    alice = Visitor(make_app("roles.py")).logged_in("alice")
    chat = chat_of("Colosseum", "Pantheon", title="Holidays")
    chat["messages"].append(said("Forum", replaced=True))
    imported(alice, export_of(chat))
    found = {
        word: len(parse(alice.get(f"/chats?q={word}").text).all(data_testid="history-item"))
        for word in ("Holidays", "Colosseum", "Pantheon", "Forum", "Paris")
    }
    assert found == {"Holidays": 1, "Colosseum": 1, "Pantheon": 1, "Forum": 0, "Paris": 0}


def test_a_profile_is_a_name_that_must_be_offered(bob: Visitor) -> None:
    path = imported(bob, export_of(chat_of("a", profile="admin-only")))
    assert "no longer available" in bob.get(path).text
    key = str(uuid.uuid4())
    assert bob.post(f"{path}/messages", {"content": "b", "key": key}).status_code == 403


def test_no_picture_from_elsewhere_comes_in(alice: Visitor) -> None:
    path = imported(alice, changed(FULL, "chats[0].profile", "gone"))
    answer = alice.get(path)
    assert "evil.example" not in answer.text + str(answer.headers)
    assert exported(alice, path)["chats"][0]["profiles"]["team"]["icon"] is None


def test_nothing_is_from_the_future_and_nothing_is_still_being_written(alice: Visitor) -> None:
    later = (datetime.now(UTC) + timedelta(days=9)).isoformat()
    chat = chat_of(created_at=later, active_at="9999-12-31T23:59:59-00:00")
    chat["messages"] = [said("wor", "assistant", status="streaming", created_at=later)]
    [found] = exported(alice, imported(alice, export_of(chat)))["chats"]
    [message] = found["messages"]
    times = (found["created_at"], found["active_at"], message["created_at"])
    assert max(times) <= datetime.now(UTC).isoformat()
    assert message["status"] == "interrupted"


def test_text_is_cleaned_as_all_text_is(make_app: AppMaker, either_url: str) -> None:
    make_app.database_url = either_url
    visitor = Visitor(make_app("roles.py")).logged_in("alice")
    chat = chat_of("a\0b\r\nc\x1b\ud83d\u202e\U0001f600", title=" R\0o\nme ", profile="te\0am")
    [found] = exported(visitor, imported(visitor, export_of(chat)))["chats"]
    assert found["messages"][0]["content"] == "ab\nc\ufffd\u202e\U0001f600"
    assert (found["title"], found["profile"]) == ("Ro me", "team")


def test_a_byte_order_mark_and_the_least_of_a_file_are_taken(alice: Visitor) -> None:
    export = json.dumps(export_of({"messages": [said("Hello")]}))
    [found] = exported(alice, imported(alice, f"\ufeff{export}"))["chats"]
    assert (found["title"], found["profile"], found["pinned"]) == ("Hello", None, False)


@pytest.mark.parametrize(("where", "value", "told"), MISTAKES, ids=lambda it: str(it)[:40])
def test_a_mistake_is_told_with_its_place(
    alice: Visitor, where: str, value: object, told: str
) -> None:
    problem = refused(alice, changed(FULL, where, value))
    assert told in problem
    assert not re.search(r"\w\[|\w\.\w+ ", problem), "a path as programs write it"
    assert problem[0] in '"T'
    assert problem[-1] == "."


@pytest.mark.parametrize(("pasted", "told"), NO_EXPORT, ids=lambda it: str(it)[:30])
def test_what_is_no_export_is_refused(alice: Visitor, pasted: str, told: str) -> None:
    assert told in refused(alice, pasted)


ORDINALS = "1st 2nd 3rd 4th 10th 11th 12th 13th 14th 21st 102nd 111th 113th 1,000th 1,012th 1,023rd"


@pytest.mark.parametrize("told", ORDINALS.split())
def test_a_place_is_counted_as_people_count(told: str) -> None:
    assert ordinal(int(told[:-2].replace(",", ""))) == told


def test_a_mistake_in_the_last_chat_stores_none_of_them(alice: Visitor) -> None:
    chats = [chat_of("a"), chat_of("b"), chat_of("c", "d")]
    chats[2]["messages"][1]["content"] = None
    told = refused(alice, export_of(*chats))
    assert told == '"content" of the 2nd message of the 3rd chat must be text.'


def test_what_was_pasted_stays(alice: Visitor) -> None:
    page = parse(bring_in(alice, "\n<b>not</b> JSON").text)
    assert page.one("textarea", name="data").text == "\n\n<b>not</b> JSON"


def test_htmx_gets_the_form_alone(alice: Visitor) -> None:
    answer = bring_in(alice, "{", htmx=True)
    assert (answer.status_code, answer.text.lstrip()[:8]) == (422, "<section")
    assert alice.get("/chats/import", headers=HTMX).text.lstrip()[:8] == "<section"


def test_too_many_chats_are_refused(alice: Visitor) -> None:
    chats: list[dict[str, Any]] = [{"messages": []}] * (MOST_CHATS + 1)
    assert '"chats" has 1,001 items and may have 1,000.' in refused(alice, export_of(*chats))


def test_messages_are_counted_over_all_chats(alice: Visitor) -> None:
    half = {"messages": [said("")] * (MOST_MESSAGES // 2)}
    told = refused(alice, export_of(half, half, {"messages": [said("")]}))
    assert told == '"messages" of the 3rd chat brings the import to more than 20,000 messages.'


def test_as_many_messages_as_may_be_are_taken(alice: Visitor) -> None:
    half = {"messages": [said("")] * (MOST_MESSAGES // 2)}
    assert bring_in(alice, export_of(half, half)).status_code == 303
    assert count(alice.app, "messages") == MOST_MESSAGES


def test_more_than_a_form_may_have_is_413(alice: Visitor) -> None:
    before = every_row(alice.app)
    assert bring_in(alice, "x" * 4 * 1024 * 1024).status_code == 413
    assert every_row(alice.app) == before


def test_more_than_other_forms_take_is_taken_here(alice: Visitor) -> None:
    path = imported(alice, export_of(chat_of("a" * 500_000)))
    assert len(exported(alice, path)["chats"][0]["messages"][0]["content"]) == 500_000
    assert alice.post("/chats", {"profile": "x" * 500_000}).status_code == 413


def test_a_form_without_its_field_is_not_understood(alice: Visitor) -> None:
    assert alice.post("/chats/import", {}).status_code == 400
    assert alice.post("/chats/import", {"data": "{}", "owner": "bob"}).status_code == 400


def test_a_stranger_is_sent_to_login(anonymous: Visitor) -> None:
    # What was pasted is kept, on a page that leads there.
    answer = bring_in(anonymous, FULL)
    assert (answer.status_code, "/login?next=/chats/import" in answer.text) == (401, True)
    assert count(anonymous.app, "chats") == 0


def test_a_visitor_without_login_imports_into_this_browser(simple_app: Flask) -> None:
    visitor = Visitor(simple_app)
    path = imported(visitor, export_of(chat_of("a", profile="GPT-4")))
    assert visitor.get(path).status_code == 200
    assert Visitor(simple_app).get(path).status_code == 404


def test_an_imported_chat_is_not_replaced_by_the_next_start(simple_app: Flask) -> None:
    visitor = Visitor(simple_app)
    path = imported(visitor, export_of({"messages": [said("Hello", "assistant")]}))
    visitor.start_chat("GPT-4")
    assert visitor.get(path).status_code == 200


def test_a_user_imports_a_bounded_number_of_times_in_an_hour(
    make_app: AppMaker, either_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app("roles.py", database_url=either_url, imports_per_hour=2)
    alice, bob = Visitor(app).logged_in("alice"), Visitor(app).logged_in("bob")
    for _ in range(2):
        assert bring_in(alice, export_of(chat_of("Hi"), chat_of("Ho"))).status_code == 303
    before = every_row(app)
    answer = bring_in(alice, export_of(chat_of("Hi")))
    assert answer.status_code == 429
    assert "You have imported 2 times in the last hour" in problem(answer.text)
    assert 3_500 < int(answer.headers["Retry-After"]) <= 3_601
    assert "Hi" in parse(answer.text).one("textarea").text
    assert every_row(app) == before
    imported(bob, export_of(chat_of("Hi")))
    later = utc_now() + timedelta(hours=1, seconds=2)
    monkeypatch.setattr("webapp.transfer.views.utc_now", lambda: later)
    imported(alice, export_of(chat_of("Hi")))


def test_of_imports_at_once_one_goes_on(alice: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    statuses: list[int] = []

    def parse_while_another_is_sent(text: str, now: datetime) -> list[ImportedChat]:
        if not statuses:
            statuses.append(0)
            answer = bring_in(alice.twin(), export_of(chat_of("Hi")))
            statuses.append(answer.status_code)
            assert "Another import is in progress" in problem(answer.text)
        return parse_export(text, now)

    monkeypatch.setattr("webapp.transfer.importing.parse_export", parse_while_another_is_sent)
    assert bring_in(alice, export_of(chat_of("Hi"))).status_code == 303
    assert statuses == [0, 429]
    assert bring_in(alice, export_of(chat_of("Hi"))).status_code == 303


def test_labels_are_read_only_where_a_profile_is_not_offered(
    alice: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []

    def count_looks(items: list[HistoryItem], is_offered: Any) -> list[HistoryItem]:
        found = add_looks(items, is_offered)
        read.append(sum(bool(item.snapshots) for item in found))
        return found

    monkeypatch.setattr("webapp.history.sidebar.add_looks", count_looks)
    looks = {"team": {"label": "Then"}, "gone": {"label": "Long gone"}}
    imported(alice, export_of(chat_of("Hi", profiles=looks)))
    alice.get("/")
    assert set(read) == {0}
    imported(alice, export_of(chat_of("Hi", profiles=looks, profile="gone")))
    assert "Long gone" in alice.get("/").text
    assert read[-1] == 1
    assert "Long gone" in alice.get("/chats?q=Hi").text


def test_long_labels_come_in_as_they_went_out(make_app: AppMaker) -> None:
    app = make_app("""
        import webapp as cl

        cl.set_profile_switching("continue")

        @cl.set_chat_profiles
        def profiles():
            return [
                cl.ChatProfile(name=name, markdown_description="", display_name=name * 300)
                for name in "ab"
            ]

        @cl.on_message
        async def answer(message):
            await cl.Message("Yes").send()
    """)
    chat = Chat(app, "a").say("Hi")
    assert chat.visitor.post(f"{chat.address}/profile", {"profile": "b"}).status_code == 303
    export = exported(chat.visitor, chat.address)
    assert [m["content"] for m in export["chats"][0]["messages"]][-1] == "b" * 200
    imported(chat.visitor, export)


def test_an_import_is_logged_without_its_text(alice: Visitor, log: LogReader) -> None:
    bring_in(alice, export_of(chat_of("Where to?")))
    line = log.one("chats.imported")
    assert (line["owner"], line["chats"]) == ("user:alice", 1)
    assert "Where to" not in json.dumps(line)


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from([DAY, "9999-12-31T23:59:59-23:59", "team", "user:bob", "\0", "\ud800"]),
)
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner)
)


def places(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to each value in an export."""
    yield way
    keys = value if isinstance(value, dict) else range(len(value)) if type(value) is list else ()
    for key in keys:
        yield from places(value[key], (*way, key))


@st.composite
def mutations(draw: st.DrawFn) -> str:
    """Draw a good export with some values changed, taken out or added, or its text cut or bent."""
    export: Any = {"whole": copy.deepcopy(FULL)}
    for _ in range(draw(st.integers(0, 3))):
        *way, last = draw(st.sampled_from([way for way in places(export) if way]))
        place = export
        for step in way:
            place = place[step]
        match draw(st.sampled_from(["change", "remove", "add"])):
            case "change":
                place[last] = draw(ANYTHING)
            case "remove" if len(way):
                del place[last]
            case _ if isinstance(place[last], dict):
                place[last][draw(st.text(max_size=5))] = draw(ANYTHING)
    text = json.dumps(export["whole"])
    start = draw(st.integers(0, len(text)))
    cut = draw(st.sampled_from([0, 0, 0, 1, 5]))
    return (
        text[:start]
        + draw(st.sampled_from(["", "", "", ",", "\0", "]", "}"]))
        + text[start + cut :]
    )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(pasted=mutations())
def test_whatever_is_pasted_comes_in_whole_or_not_at_all(alice: Visitor, pasted: str) -> None:
    before, chats = every_row(alice.app), count(alice.app, "chats")
    answer = bring_in(alice, pasted)
    assert answer.status_code in (303, 422), answer.text
    if answer.status_code == 422:
        assert every_row(alice.app) == before
        assert problem(answer.text)
    else:
        added = len(json.loads(pasted.replace("\0", ""))["chats"])
        assert count(alice.app, "chats") == chats + added
