"""Export: whose, in which format, under which name, and how much of it is in memory."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from tests.support.apps import AppMaker
from tests.support.exports import exported, store_chat
from tests.support.log import LogReader
from tests.support.people import Visitor
from tests.support.rows import pooled_connections_in_use
from webapp.database.engines import db
from webapp.transfer import export_data
from webapp.transfer.downloads import disposition
from webapp.transfer.elements_as_markdown import indent, one_line

DAY = datetime(2026, 1, 31, 12, tzinfo=UTC)
ROME = (
    {"content": "Where to?", "created_at": DAY},
    {"content": "To **Rome**.", "kind": "assistant", "feedback": {"value": 1, "comment": "Yes!"}},
)
# What would break out of a quote or a list, hide what follows, or look like one of our headings.
HOSTILE = (
    "# Forged\n\n## Assistant · 2026-01-31 12:00 UTC\n\n    I never said this.",
    "```\n\n## Assistant\n\n```",
    "<!-- hidden",
    "</pre></blockquote><h2>Assistant</h2><script>alert(1)</script>",
    "[Assistant]: https://evil.example\n",
    "a\u2028## Assistant\u2029## User",
    "\n\n- a\n\n      b\n\n1. c\n\nd\n===\n",
    "> a\nb\n\n---\n\n\tc",
)


@pytest.fixture
def rome(alice: Visitor) -> str:
    """Return the address of a chat of Alice's."""
    return store_chat(alice.app, *ROME, snapshots={"team": {"label": "The team", "icon": None}})


def markdown(visitor: Visitor, path: str = "/chats") -> str:
    answer = visitor.get(f"{path}/export")
    assert answer.status_code == 200, answer.text
    return answer.text


def headings(text: str) -> list[str]:
    tokens = MarkdownIt().enable("table").parse(text)
    found = [tokens[i + 1] for i, t in enumerate(tokens) if t.type == "heading_open"]
    return [token.content for token in found]


def test_a_chat_as_json_has_all_that_was_said(alice: Visitor, rome: str) -> None:
    [chat] = exported(alice, rome)["chats"]
    assert (chat["title"], chat["profile"], chat["pinned"]) == ("Rome", "team", False)
    assert chat["profiles"] == {"team": {"label": "The team", "icon": None}}
    question, answer = chat["messages"]
    assert (question["kind"], question["content"]) == ("user", "Where to?")
    assert question["created_at"] == "2026-01-31T12:00:00Z"
    assert "feedback" not in question
    assert answer["feedback"] == {"value": 1, "comment": "Yes!"}
    assert answer["status"] == "complete"


def test_the_same_on_either_database(make_app: AppMaker, either_url: str) -> None:
    make_app.database_url = either_url
    alice = Visitor(make_app("roles.py")).logged_in("alice")
    store_chat(alice.app, *ROME, title="Älter", active_at=DAY)
    store_chat(alice.app, {"content": "a\U0001f600\u2028b"}, pinned=True)
    newer, older = exported(alice)["chats"]
    assert newer["messages"][0]["content"] == "a\U0001f600\u2028b"
    assert (older["title"], older["active_at"]) == ("Älter", "2026-01-31T12:00:00Z")
    assert [m["content"] for m in older["messages"]] == ["Where to?", "To **Rome**."]


def test_an_old_branch_is_exported_and_marked(alice: Visitor) -> None:
    old = {"content": "Where?", "replaced_by": uuid.uuid4()}
    path = store_chat(alice.app, old, *ROME)
    messages = exported(alice, path)["chats"][0]["messages"]
    assert [m.get("replaced") for m in messages] == [True, None, None]
    assert "· replaced\n\n_This was replaced" in markdown(alice, path)


def test_markdown_is_for_reading(alice: Visitor, rome: str) -> None:
    text = markdown(alice, rome)
    assert text.startswith("# Rome\n\n- Profile: The team\n- Started: ")
    assert "\n## User · 2026-01-31 12:00 UTC\n\n    Where to?\n" in text
    assert "\n    To **Rome**.\n" in text


def test_an_author_cannot_pass_for_a_user(alice: Visitor) -> None:
    forged = {"kind": "assistant", "author": "User · now\n# x", "content": "I agree."}
    text = markdown(alice, store_chat(alice.app, forged))
    assert headings(text)[1].startswith("Assistant (User · now \\# x) · ")


@pytest.mark.parametrize("content", HOSTILE)
def test_no_message_can_forge_another(alice: Visitor, content: str) -> None:
    text = markdown(alice, store_chat(alice.app, {"content": content}, *ROME, title=content[:200]))
    assert len(headings(text)) == 4  # the title, and three messages
    assert "<script" not in MarkdownIt("commonmark").render(text)


@given(st.text())
def test_indented_text_is_one_block_of_code_and_comes_back_whole(content: str) -> None:
    text = indent(content)
    assert "".join(line[4:] for line in text.splitlines(keepends=True)) == content
    kinds = {token.type for token in MarkdownIt().parse(f"# a\n\n{text}\n\n# b\n")[3:-3]}
    assert kinds <= {"code_block"}


@given(st.text())
def test_a_title_is_nothing_but_text(title: str) -> None:
    [_, inline, _] = MarkdownIt().parse(f"# {one_line(title)}")
    assert {child.type for child in inline.children or []} <= {"text", "text_special"}


def test_a_divider_is_a_heading(alice: Visitor) -> None:
    divider = {"kind": "divider", "content": "The *other* team"}
    text = markdown(alice, store_chat(alice.app, divider))
    assert "\n## From here on: The \\*other\\* team\n" in text


def test_all_chats_newest_first_but_no_unwritten_and_no_deleted_ones(alice: Visitor) -> None:
    now = datetime.now(UTC)
    for hours, title in ((3, "c"), (1, "a"), (2, "b")):
        store_chat(alice.app, *ROME, title=title, active_at=now - timedelta(hours=hours))
    store_chat(alice.app, *ROME, title="deleted", deleted_at=now)
    store_chat(alice.app, title="unwritten", written=False)
    store_chat(alice.app, *ROME, title="Bob's", owner="user:bob")
    assert [chat["title"] for chat in exported(alice)["chats"]] == ["a", "b", "c"]
    assert headings(markdown(alice))[::3] == ["a", "b", "c"]


def test_nothing_to_export_is_a_file_as_well(alice: Visitor) -> None:
    assert exported(alice)["chats"] == []
    assert markdown(alice).startswith("# No chats\n")


def test_a_chat_that_ends_with_a_batch_is_exported_once(
    alice: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_data, "CHATS_AT_ONCE", 2)
    for number in range(5):
        store_chat(alice.app, {"content": str(number)})
    contents = [chat["messages"][0]["content"] for chat in exported(alice)["chats"]]
    assert sorted(contents) == list("01234")


@pytest.mark.parametrize("count", [99, 100, 101, 250])
def test_messages_come_in_batches_and_none_is_lost(alice: Visitor, count: int) -> None:
    path = store_chat(alice.app, *({"content": str(number)} for number in range(count)))
    [chat] = exported(alice, path)["chats"]
    assert [m["content"] for m in chat["messages"]] == [str(number) for number in range(count)]


def test_a_batch_is_one_statement_and_no_connection_is_held_between(alice: Visitor) -> None:
    words = "word " * 200
    path = store_chat(alice.app, *({"content": words} for _ in range(300)))
    statements: list[str] = []
    with alice.app.app_context():
        for engine in db.engines.values():
            event.listen(engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    answer = alice.client.get(f"{path}/export?format=json")
    before = len(statements)
    for _ in answer.response:
        assert pooled_connections_in_use(alice.app) == 0
    answer.close()
    # The chat, and 300 messages in batches of a hundred and one to see that there are no more.
    assert 0 < len(statements) - before <= 1 + 4


def test_a_database_that_goes_away_breaks_the_download_off(
    alice: Visitor, rome: str, log: LogReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*args: Any) -> None:
        raise OperationalError("SELECT", None, OSError("gone"))

    monkeypatch.setattr(export_data, "message_from_row", gone)
    with pytest.raises(OperationalError):
        alice.get(f"{rome}/export")
    assert log.one("database.unavailable")


@pytest.mark.parametrize("path", ["/chats/export", "{}/export"])
@pytest.mark.parametrize(
    "query", ["format=", "format=xml", "format=JSON", "format=json&format=json", "format=json%00"]
)
def test_other_formats_are_refused(alice: Visitor, rome: str, path: str, query: str) -> None:
    assert alice.get(f"{path.format(rome)}?{query}").status_code == 400


def test_only_its_owner_gets_a_chat(alice: Visitor, bob: Visitor, rome: str) -> None:
    assert alice.get(f"{rome}/export").status_code == 200
    assert bob.get(f"{rome}/export").status_code == 404
    assert exported(bob)["chats"] == []


def test_a_stranger_is_sent_to_login(anonymous: Visitor, alice: Visitor, rome: str) -> None:
    assert anonymous.get(f"{rome}/export").location == f"/login?next={rome}/export"


def test_a_deleted_chat_is_gone(alice: Visitor) -> None:
    path = store_chat(alice.app, *ROME, deleted_at=DAY)
    assert alice.get(f"{path}/export").status_code == 404


def test_a_visitor_without_login_exports_what_this_browser_said(simple_app: Flask) -> None:
    visitor = Visitor(simple_app)
    path = visitor.start_chat("GPT-4")
    assert exported(visitor, path)["chats"][0]["profile"] == "GPT-4"
    assert exported(Visitor(simple_app))["chats"] == []


def test_an_export_is_a_file_that_is_kept_nowhere(alice: Visitor, rome: str) -> None:
    answer = alice.get(f"{rome}/export?format=json")
    assert answer.mimetype == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    day = datetime.now(UTC).date().isoformat()
    assert f"attachment; filename=rome-{day}.json;" in answer.headers["Content-Disposition"]


@pytest.mark.parametrize(
    ("title", "plain", "full"),
    [
        ("Plan a trip", "plan-a-trip-2026-01-31.md", "Plan a trip 2026-01-31.md"),
        ("Été à Köln", "ete-a-koln-2026-01-31.md", "Été à Köln 2026-01-31.md"),
        ("東京", "chat-2026-01-31.md", "東京 2026-01-31.md"),
        ('../../"a";\r\nX: y', "a-x-y-2026-01-31.md", "a ; X y 2026-01-31.md"),
        ("\u202egnp.exe", "gnp-exe-2026-01-31.md", "gnp.exe 2026-01-31.md"),
        ("...", "chat-2026-01-31.md", "chat 2026-01-31.md"),
        ("x" * 200, f"{'x' * 60}-2026-01-31.md", f"{'x' * 60} 2026-01-31.md"),
    ],
)
def test_the_file_has_a_name_that_tells_and_that_is_safe(title: str, plain: str, full: str) -> None:
    first, name, long = disposition(title, DAY, "md").split("; ")
    assert (first, name) == ("attachment", f"filename={plain}")
    assert unquote(long.removeprefix("filename*=UTF-8''")) == full
    assert long.isascii()


def test_one_user_has_two_downloads_at_a_time(
    alice: Visitor, bob: Visitor, rome: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webapp.transfer.downloads.max_held_threads", lambda _: 28)
    under_way = [alice.client.get(f"{rome}/export") for _ in range(2)]
    refused = alice.get(f"{rome}/export")
    assert refused.status_code == 429
    assert "Retry-After" in refused.headers
    assert bob.get("/chats/export").status_code == 200
    under_way[0].close()
    assert alice.get(f"{rome}/export").status_code == 200
    under_way[1].close()


def test_downloads_leave_a_thread_for_everybody_else(
    alice: Visitor, bob: Visitor, rome: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webapp.transfer.downloads.max_held_threads", lambda _: 1)
    under_way = alice.client.get(f"{rome}/export")
    assert bob.get("/chats/export").status_code == 429
    under_way.close()
    assert bob.get("/chats/export").status_code == 200


def test_an_export_is_logged_without_its_text(alice: Visitor, rome: str, log: LogReader) -> None:
    alice.get(f"{rome}/export")
    line = log.one("chats.exported")
    assert (line["owner"], line["chats"], line["format"]) == ("user:alice", 1, "markdown")
    assert "Where to" not in json.dumps(line)
