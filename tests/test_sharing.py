"""Sharing: who may share, who may read what under which link, and what the app has to say to it."""

from __future__ import annotations

import textwrap
import uuid
from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
from flask import Flask

from tests.cli_support import GOOD_PASSWORD
from tests.support.apps import APPS, AppMaker
from tests.support.chats import Chat
from tests.support.exports import chat_of, export_of, imported, store_chat
from tests.support.html import Element, parse
from tests.support.log import LogReader
from tests.support.people import HTMX, Visitor
from tests.support.routes import NOBODYS_CHAT
from tests.support.rows import column, count, every_row, run_sql
from tests.test_editing import edit
from webapp.accounts import directory
from webapp.sharing.shared_chat import MESSAGES_AT_ONCE

TALK = ({"content": "Where to?"}, {"content": "To **Rome**.", "kind": "assistant"})
SEEDED = """
    import webapp as cl

    cl.password_auth_callback(cl.seeded_user)

    @cl.on_message
    def answer(message):
        pass
"""
LOGIN = """
    import webapp as cl

    @cl.password_auth_callback
    def let_in(username, password):
        return cl.User(identifier=username) if password == username * 2 else None

"""


@pytest.fixture
def rome(alice: Visitor) -> str:
    """Return the address of a chat of Alice's, under a profile that Bob is offered as well."""
    return store_chat(alice.app, *TALK)


def shared(visitor: Visitor, path: str) -> str:
    """Share a chat and return the address of its link."""
    answer = visitor.post(f"{path}/share")
    assert (answer.status_code, answer.location) == (303, f"{path}/share"), answer.text
    return link(visitor, path)


def link(visitor: Visitor, path: str) -> str:
    field = managed(visitor, path).one(data_testid="share-link")
    assert field["value"].startswith("http://localhost/shared/")
    return field["value"].removeprefix("http://localhost")


def managed(visitor: Visitor, path: str) -> Element:
    answer = visitor.get(f"{path}/share")
    assert answer.status_code == 200, answer.text
    return parse(answer.text)


def read(visitor: Visitor, address: str) -> list[str]:
    """Return what somebody reads under a link."""
    answer = visitor.get(address)
    assert answer.status_code == 200, answer.text
    messages = parse(answer.text).all(data_testid="message")
    return [message.with_class("prose")[0].text.strip() for message in messages]


def hexed(path: str) -> str:
    return path.rpartition("/")[2].replace("-", "")


def add(app: Flask, path: str, content: str, sequence: int, **changes: str | None) -> None:
    """Store one more message in a chat."""
    values = {"profile": "team", "replaced": None, **changes}
    run_sql(
        app,
        "INSERT INTO messages (id, chat_id, sequence, kind, content, status, created_at, profile, "
        "replaced_by) VALUES (:id, :chat, :sequence, 'user', :content, 'complete', :now, :profile, "
        ":replaced)",
        id=uuid.uuid4().hex,
        chat=hexed(path),
        sequence=sequence,
        content=content,
        now="2026-01-31 12:00:00.000000",
        **values,
    )


def test_who_has_the_link_can_read(alice: Visitor, bob: Visitor, rome: str) -> None:
    address = shared(alice, rome)
    assert read(bob, address) == ["Where to?", "To Rome."]
    assert read(alice, address) == ["Where to?", "To Rome."]


def test_the_same_on_either_database(make_app: AppMaker, either_url: str) -> None:
    make_app.database_url = either_url
    app = make_app("roles.py", sharing="yes")
    alice, bob = Visitor(app).logged_in("alice"), Visitor(app).logged_in("bob")
    path = store_chat(app, *TALK)
    address = shared(alice, path)
    assert read(bob, address) == ["Where to?", "To Rome."]
    assert shared(alice, path) == address
    alice.post(f"{path}/unshare")
    assert bob.get(address).status_code == 404
    assert shared(alice, path) != address


def test_the_page_is_to_read_and_tells_nothing_of_its_owner(
    alice: Visitor, bob: Visitor, rome: str
) -> None:
    answer = bob.get(shared(alice, rome))
    page = parse(answer.text)
    assert "Shared conversation" in page.text
    assert "alice" not in answer.text
    assert [m["data-author"] for m in page.all(data_testid="message")] == ["User", "team"]
    assert page.all("form") + page.all("script") + page.all(data_testid="composer") == []
    chat_id = rome.rpartition("/")[2]
    assert chat_id not in answer.text


def test_the_page_holds_nothing_of_its_reader(alice: Visitor, bob: Visitor, rome: str) -> None:
    # It is compressed. A guess in the text of somebody else must meet no secret of the reader's.
    own = store_chat(bob.app, {"content": "Hello"}, owner="user:bob", title="To Oslo")
    assert "To Oslo" in bob.get("/").text
    page = bob.get(shared(alice, rome)).text
    for secret in ("Oslo", "csrf_token", own, "bob"):
        assert secret not in page


def test_what_was_said_stays_text(alice: Visitor, bob: Visitor) -> None:
    evil = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    said = [{"content": evil, "kind": kind, "author": evil} for kind in ("user", "assistant")]
    snapshots = {"team": {"label": evil, "icon": "javascript:alert(1)"}}
    answer = bob.get(shared(alice, store_chat(alice.app, *said, title=evil, snapshots=snapshots)))
    page = parse(answer.text)
    assert page.all("script") + page.all("img") == []
    assert "javascript:" not in answer.text


def test_search_engines_are_told_to_leave_it_alone(alice: Visitor, rome: str) -> None:
    answer = alice.get(shared(alice, rome))
    assert answer.headers["X-Robots-Tag"] == "noindex"
    assert parse(answer.text).one("meta", name="robots")["content"] == "noindex"
    assert answer.headers["Cache-Control"] == "no-store"


def test_messages_look_as_the_profile_looked_then(alice: Visitor, bob: Visitor) -> None:
    then = {"team": {"label": "Old team", "icon": "https://icons.example/a.png"}}
    answer = bob.get(shared(alice, store_chat(alice.app, *TALK, snapshots=then)))
    page = parse(answer.text)
    assert page.all(data_testid="message")[1]["data-author"] == "Old team"
    assert "https://icons.example" in answer.headers["Content-Security-Policy"]


def test_what_comes_later_is_shared_only_when_asked(
    alice: Visitor, bob: Visitor, rome: str
) -> None:
    address = shared(alice, rome)
    assert "All messages are included." in managed(alice, rome).text
    add(alice.app, rome, "A secret", 2)
    assert "1 newer message is not included." in managed(alice, rome).text
    assert "A secret" not in bob.get(address).text
    assert shared(alice, rome) == address
    assert read(bob, address)[-1] == "A secret"


def change(app: Flask, sql: str, path: str, **values: Any) -> None:
    run_sql(app, f"UPDATE {sql}", chat=hexed(path), **values)


CHANGES = {
    "renamed": "chats SET title = 'Changed' WHERE id = :chat",
    "grown": "messages SET content = 'To Changed' WHERE chat_id = :chat AND sequence = 1",
    "ended": "messages SET status = 'stopped' WHERE chat_id = :chat AND sequence = 1",
    "other-author": "messages SET author = 'Changed' WHERE chat_id = :chat AND sequence = 1",
    "other-profile": "messages SET profile = 'admin-only' WHERE chat_id = :chat AND sequence = 1",
    "edited": "messages SET replaced_by = :chat WHERE chat_id = :chat AND sequence = 1",
    "switched": "chats SET profile = 'admin-only' WHERE id = :chat",
    "new-look": (
        'chats SET snapshots = \'{"team": {"label": "Changed", "icon": "https://changed.example"}, '
        '"admin-only": {"label": "Changed", "icon": null}}\' WHERE id = :chat'
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_link_shows_all_as_it_was_when_shared(
    alice: Visitor, bob: Visitor, rome: str, what: str
) -> None:
    address = shared(alice, rome)
    before = bob.get(address)
    change(alice.app, CHANGES[what], rome)
    after = bob.get(address)
    assert after.text == before.text
    assert after.headers["Content-Security-Policy"] == before.headers["Content-Security-Policy"]


def test_a_link_stays_as_it_was_whatever_its_owner_does(
    make_app: AppMaker, either_url: str
) -> None:
    make_app.database_url = either_url
    source = (APPS / "roles.py").read_text(encoding="utf-8")
    answers = """
        cl.set_profile_switching("continue")

        @cl.on_message
        def answer(message):
            cl.Message(f"You said: {message.content}").send()
    """
    app = make_app(source + textwrap.dedent(answers), sharing="yes")
    alice, bob = Visitor(app).logged_in("alice"), Visitor(app).logged_in("bob")
    chat = Chat.of(alice, "team").say("Where to?")
    address = shared(alice, chat.address)
    before = bob.get(address).text
    assert edit(chat, "A secret").status_code == 303
    chat.say("Another secret")
    assert alice.post(f"{chat.address}/profile", {"profile": "admin-only"}).status_code == 303
    chat.say("A third secret")
    assert alice.post(f"{chat.address}/title", {"title": "Secrets"}).status_code == 303
    assert bob.get(address).text == before


@pytest.mark.parametrize("what", [what for what in CHANGES if what != "switched"])
def test_its_owner_is_told_of_a_change_and_can_share_it(
    alice: Visitor, rome: str, what: str
) -> None:
    address = shared(alice, rome)
    before = alice.get(address).text
    assert managed(alice, rome).all(data_testid="share") == []
    change(alice.app, CHANGES[what], rome)
    page = managed(alice, rome)
    assert "The chat has changed since you shared it." in page.text
    assert page.one(data_testid="share").text.strip() == "Share it as it is now"
    assert shared(alice, rome) == address
    assert alice.get(address).text != before
    assert "All messages are included." in managed(alice, rome).text


def test_what_is_removed_later_is_still_shown(alice: Visitor, bob: Visitor, rome: str) -> None:
    address = shared(alice, rome)
    run_sql(alice.app, "DELETE FROM messages WHERE chat_id = :chat", chat=hexed(rome))
    assert read(bob, address) == ["Where to?", "To Rome."]


def test_a_profile_without_a_shared_message_is_not_named(alice: Visitor, bob: Visitor) -> None:
    then = {
        "team": {"label": "The team", "icon": None},
        "admin-only": {"label": "Secret label", "icon": "https://secret.example/a.png"},
    }
    path = store_chat(alice.app, *TALK, snapshots=then)
    change(alice.app, CHANGES["switched"], path)
    answer = bob.get(shared(alice, path))
    page = parse(answer.text)
    assert page.one(data_testid="shared-chat")["data-profile"] == "team"
    assert "The team" in page.text
    whole = answer.text + str(answer.headers)
    assert [word for word in ("admin-only", "Secret", "secret.example") if word in whole] == []


def test_a_chat_without_a_title_stays_without_one(alice: Visitor, bob: Visitor) -> None:
    path = store_chat(alice.app, *TALK, title=None)
    address = shared(alice, path)
    change(alice.app, CHANGES["renamed"], path)
    assert parse(bob.get(address).text).one("h1").text == "Untitled chat"


def test_an_answer_that_was_being_written_stays_unfinished(alice: Visitor, bob: Visitor) -> None:
    said = {"content": "To the", "kind": "assistant", "status": "streaming"}
    path = store_chat(alice.app, TALK[0], said)
    address = shared(alice, path)
    change(
        alice.app,
        "messages SET content = 'To the end', status = 'complete' WHERE chat_id = :chat "
        "AND sequence = 1",
        path,
    )
    page = parse(bob.get(address).text)
    assert read(bob, address) == ["Where to?", "To the"]
    assert page.all(data_testid="message")[1]["data-status"] == "stopped"
    assert "still being written when the chat was shared" in page.text
    shared(alice, path)
    assert read(bob, address)[-1] == "To the end"
    assert "still being written" not in bob.get(address).text


def test_a_link_of_an_earlier_version_becomes_a_copy_when_it_is_read(
    alice: Visitor, bob: Visitor, rome: str
) -> None:
    address = shared(alice, rome)
    as_an_earlier_version_left_it(alice.app)
    add(alice.app, rome, "A secret", 2)
    assert read(bob, address) == ["Where to?", "To Rome."]
    change(alice.app, CHANGES["grown"], rome)
    assert read(bob, address) == ["Where to?", "To Rome."]


def test_a_link_of_an_earlier_version_can_be_shared_anew(alice: Visitor, rome: str) -> None:
    address = shared(alice, rome)
    as_an_earlier_version_left_it(alice.app)
    assert managed(alice, rome).one(data_testid="share")
    assert shared(alice, rome) == address
    assert read(alice, address) == ["Where to?", "To Rome."]


def as_an_earlier_version_left_it(app: Flask) -> None:
    run_sql(app, "DELETE FROM shared_messages")
    run_sql(app, "UPDATE shares SET title = NULL, profile = NULL, snapshots = NULL")


def test_what_was_replaced_is_not_shown(alice: Visitor, bob: Visitor, rome: str) -> None:
    add(alice.app, rome, "An old branch", 2, replaced=uuid.uuid4().hex)
    assert read(bob, shared(alice, rome)) == ["Where to?", "To Rome."]


def test_a_link_that_was_taken_back_leads_nowhere_for_good(
    alice: Visitor, bob: Visitor, rome: str
) -> None:
    old = shared(alice, rome)
    assert alice.post(f"{rome}/unshare").location == f"{rome}/share"
    assert managed(alice, rome).one(data_testid="sharing")["data-shared"] == "no"
    new = shared(alice, rome)
    assert new != old
    assert (bob.get(old).status_code, bob.get(new).status_code) == (404, 200)


def test_to_stop_what_is_not_shared_is_harmless(alice: Visitor, rome: str) -> None:
    before = every_row(alice.app)
    assert alice.post(f"{rome}/unshare").status_code == 303
    assert every_row(alice.app) == before


@pytest.mark.parametrize("way", ["GET share", "POST share", "POST unshare"])
def test_only_its_owner_shares_a_chat(
    alice: Visitor, bob: Visitor, anonymous: Visitor, rome: str, way: str
) -> None:
    shared(alice, rome)
    before = every_row(alice.app)
    method, _, what = way.partition(" ")

    def ask(visitor: Visitor, path: str) -> Any:
        return getattr(visitor, method.lower())(f"{path}/{what}")

    assert ask(bob, rome).status_code == 404
    assert ask(alice, f"/chats/{NOBODYS_CHAT}").status_code == 404
    assert ask(anonymous, rome).location.startswith("/login")
    assert every_row(alice.app) == before


def test_a_chat_in_which_nothing_was_said_cannot_be_shared(alice: Visitor) -> None:
    path = store_chat(alice.app)
    answer = alice.post(f"{path}/share")
    assert answer.status_code == 409
    assert "This chat is empty." in answer.text
    assert count(alice.app, "shares") == 0


def test_shared_twice_at_once_a_chat_has_one_link(make_app: AppMaker, either_url: str) -> None:
    make_app.database_url = either_url
    alice = Visitor(make_app("roles.py", sharing="yes")).logged_in("alice")
    path = store_chat(alice.app, *TALK)
    twins, begin, found = [alice.twin() for _ in range(4)], Barrier(4, timeout=60), []

    def go(twin: Visitor) -> None:
        begin.wait()
        found.append(twin.post(f"{path}/share").status_code)

    threads = [Thread(target=go, args=(twin,)) for twin in twins]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [303] * 4
    assert count(alice.app, "shares") == 1


@pytest.mark.parametrize("what", ["share", "unshare"])
def test_htmx_gets_the_part_that_changes_and_the_notice(
    alice: Visitor, rome: str, what: str
) -> None:
    answer = alice.post(f"{rome}/{what}", htmx=True)
    page = parse(answer.text)
    assert answer.status_code == 200
    assert page.one(id="notices")["hx-swap-oob"] == "innerHTML"
    assert page.one(id="sharing")["data-shared"] == ("yes" if what == "share" else "no")
    assert page.all("html") == []
    alone = parse(alice.get(f"{rome}/share", headers=HTMX).text)
    assert [child.get("id") for child in alone.children if isinstance(child, Element)] == [
        "sharing"
    ]


@pytest.mark.parametrize(
    "token", ["x", "a" * 42, "a" * 43, "a" * 44, "é" * 43, "'" * 43, "a" * 42 + "%0A", "%00" * 43]
)
def test_a_wrong_token_is_404(alice: Visitor, rome: str, token: str, log: LogReader) -> None:
    shared(alice, rome)
    assert alice.get(f"/shared/{token}").status_code == 404
    assert log.one("shared.not_found")["owner"] == "user:alice"


def test_every_link_that_leads_nowhere_is_answered_alike(
    alice: Visitor, bob: Visitor, log: LogReader
) -> None:
    day = datetime.now(UTC)
    hidden = shared(alice, store_chat(alice.app, *TALK, profile="admin-only"))
    expired = shared(alice, store_chat(alice.app, *TALK, expires_at=day - timedelta(days=1)))
    path = store_chat(alice.app, *TALK)
    deleted = shared(alice, path)
    when = day.strftime("%Y-%m-%d %H:%M:%S.%f")
    run_sql(
        alice.app, "UPDATE chats SET deleted_at = :when WHERE id = :id", when=when, id=hexed(path)
    )
    answers = [bob.get(path) for path in (hidden, expired, deleted, "/shared/x", "/nothing")]
    assert [answer.status_code for answer in answers] == [404] * 5
    assert len({without_reference(answer.text) for answer in answers}) == 1


def without_reference(html: str) -> str:
    start = html.index("Reference <code>")
    return html[:start] + html[html.index("</code>", start) :]


def test_a_link_of_a_disabled_user_leads_nowhere(make_app: AppMaker, either_url: str) -> None:
    make_app.database_url = either_url
    app = make_app(SEEDED, sharing="yes")
    people = {}
    for name in ("alice", "bob", "carol"):
        with app.app_context():
            directory.add(name, GOOD_PASSWORD)
        people[name] = Visitor(app).logged_in(name, GOOD_PASSWORD)
    links = {
        name: shared(people[name], store_chat(app, *TALK, owner=f"user:{name}", profile=None))
        for name in ("alice", "bob")
    }
    carol = people["carol"]
    assert [carol.get(links[name]).status_code for name in links] == [200, 200]
    with app.app_context():
        directory.disable("alice")
    assert [carol.get(links[name]).status_code for name in links] == [404, 200]
    with app.app_context():
        directory.enable("alice")
    assert [carol.get(links[name]).status_code for name in links] == [200, 200]


def test_one_that_expires_later_is_there(alice: Visitor, bob: Visitor) -> None:
    later = datetime.now(UTC) + timedelta(days=1)
    assert read(bob, shared(alice, store_chat(alice.app, *TALK, expires_at=later)))


def test_it_is_no_second_road_to_a_profile(
    alice: Visitor, bob: Visitor, charlie: Visitor, log: LogReader
) -> None:
    path = store_chat(alice.app, {"content": "a"}, {"content": "b", "profile": "admin-only"})
    address = shared(alice, path)
    assert alice.get(address).status_code == 200
    assert bob.get(address).status_code == 404
    refused = log.one("shared.refused")
    assert (refused["owner"], refused["reason"]) == ("user:bob", "profile admin-only")
    assert charlie.get(address).status_code == 404


def test_only_profiles_of_what_is_shown_count(alice: Visitor, bob: Visitor, rome: str) -> None:
    address = shared(alice, rome)
    add(alice.app, rome, "Among us", 2, profile="admin-only")
    assert bob.get(address).status_code == 200
    shared(alice, rome)
    assert bob.get(address).status_code == 404


def test_a_stranger_comes_back_after_login(alice: Visitor, anonymous: Visitor, rome: str) -> None:
    address = shared(alice, rome)
    answer = anonymous.get(address)
    assert (answer.status_code, answer.location) == (303, f"/login?next={address}")
    form = {"username": "bob", "password": "bobbob", "next": address}
    assert anonymous.post("/login", form).location == address


def test_where_nobody_logs_in_every_visitor_can_read(make_app: AppMaker) -> None:
    app = make_app("simple.py", sharing="yes")
    visitor = Visitor(app)
    assert read(Visitor(app), shared(visitor, visitor.start_chat("GPT-4"))) == [
        "starting chat using the GPT-4 chat profile"
    ]


def test_without_the_setting_there_is_no_sharing(
    make_app: AppMaker, rome: str, alice: Visitor
) -> None:
    address = shared(alice, rome)
    elsewhere = Visitor(make_app("roles.py")).logged_in("alice")
    before = every_row(alice.app)
    assert elsewhere.get(rome).status_code == 200
    assert [elsewhere.get(path).status_code for path in (f"{rome}/share", address)] == [404] * 2
    posted = [elsewhere.post(f"{rome}/{what}").status_code for what in ("share", "unshare")]
    assert posted == [404] * 2
    assert every_row(alice.app) == before


def test_an_imported_chat_says_so(alice: Visitor, bob: Visitor, rome: str) -> None:
    path = imported(alice, export_of(chat_of("I am the king", "Indeed")))
    said = parse(bob.get(shared(alice, path)).text).one(data_testid="imported").text
    assert "This chat was imported" in said
    assert parse(bob.get(shared(alice, rome)).text).all(data_testid="imported") == []


def test_a_long_chat_comes_in_parts(alice: Visitor, bob: Visitor) -> None:
    said = [str(number) for number in range(2 * MESSAGES_AT_ONCE + 1)]
    address = shared(alice, store_chat(alice.app, *({"content": text} for text in said)))
    found: list[str] = []
    while address:
        found[:0] = read(bob, address)
        page = parse(bob.get(address).text)
        earlier = page.all(data_testid="shared-earlier")
        address = earlier[0]["href"] if earlier else ""
    assert found == said
    assert page.one(data_testid="shared-newest")


@pytest.mark.parametrize("before", ["", "x", "-1", "1.0", "٣", str(10**9), "1&before=2"])
def test_a_wrong_place_to_go_on_from_is_refused(alice: Visitor, rome: str, before: str) -> None:
    assert alice.get(f"{shared(alice, rome)}?before={before}").status_code == 400


def test_a_place_after_the_last_shared_message_shows_no_more(alice: Visitor, rome: str) -> None:
    address = shared(alice, rome)
    add(alice.app, rome, "A secret", 2)
    assert read(alice, f"{address}?before=999") == ["Where to?", "To Rome."]


def test_a_link_is_random_and_is_not_logged(alice: Visitor, rome: str, log: LogReader) -> None:
    address = shared(alice, rome)
    [token] = column(alice.app, "shares.token")
    assert address == f"/shared/{token}"
    assert len(token) == 43
    assert log.one("chat.shared")["owner"] == "user:alice"
    assert token not in log.text


def asked(make_app: AppMaker, callback: str) -> tuple[Visitor, str]:
    """Return Bob, and the link to a chat of Alice's in an app that decides who may read."""
    app = make_app(f"{LOGIN}{callback}\n", sharing="yes")
    path = store_chat(app, *TALK, profile=None)
    return Visitor(app).logged_in("bob"), shared(Visitor(app).logged_in("alice"), path)


def test_the_app_decides_who_may_read(make_app: AppMaker, log: LogReader) -> None:
    bob, address = asked(
        make_app,
        """
    @cl.on_shared_chat_view
    async def may_read(chat, viewer):
        assert chat.title == "Rome" and chat.profile is None and not chat.imported
        return (chat.owner, viewer.identifier) != ("alice", "bob")
    """,
    )
    assert bob.get(address).status_code == 404
    assert log.one("shared.refused")["reason"] == "on_shared_chat_view"
    assert Visitor(bob.app).logged_in("charlie").get(address).status_code == 200


def test_the_app_is_asked_about_the_chat_as_it_was_shared(make_app: AppMaker) -> None:
    bob, address = asked(
        make_app,
        """
    @cl.on_shared_chat_view
    def may_read(chat):
        return (chat.title, chat.profile) == ("Rome", None)
    """,
    )
    run_sql(bob.app, "UPDATE chats SET title = 'Changed', profile = 'changed'")
    assert bob.get(address).status_code == 200


@pytest.mark.parametrize("parameters", ["", "chat", "chat, viewer"])
def test_it_takes_as_much_as_it_wants_to_know(make_app: AppMaker, parameters: str) -> None:
    bob, address = asked(
        make_app, f"\n    @cl.on_shared_chat_view\n    def may({parameters}): return True"
    )
    assert bob.get(address).status_code == 200


@pytest.mark.parametrize("body", ["raise RuntimeError('a secret')", "return None", "return 1"])
def test_a_failure_is_never_no(make_app: AppMaker, body: str, log: LogReader) -> None:
    bob, address = asked(make_app, f"\n    @cl.on_shared_chat_view\n    def may(): {body}")
    answer = bob.get(address)
    assert answer.status_code == 500
    assert "Reference" in answer.text
    assert "a secret" not in answer.text
    assert log.one("callback.failed")["request"] == answer.headers["X-Request-ID"]


def test_it_knows_no_owner_and_no_viewer_where_nobody_logs_in(make_app: AppMaker) -> None:
    source = """
    import webapp as cl

    @cl.on_chat_start
    def start():
        cl.Message("Hello").send()

    @cl.on_shared_chat_view
    def may(chat, viewer):
        return chat.owner is None and viewer is None
    """
    visitor = Visitor(make_app(source, sharing="yes"))
    assert read(visitor, shared(visitor, visitor.start_chat())) == ["Hello"]
