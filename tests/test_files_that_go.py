"""Files go with the last chat, message or link that shows them, and not before."""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import Executable, update
from sqlalchemy import delete as sql_delete

from tests.cli_support import GOOD_PASSWORD
from tests.support.apps import AppMaker
from tests.support.files import Shown, contents, new_file, save, show
from tests.support.html import parse
from tests.support.over_time import OverTime
from tests.support.people import Visitor
from tests.support.rows import count
from webapp.accounts import directory
from webapp.authoring.chat_message import NewFile
from webapp.chats.deletion import UNDO_SECONDS
from webapp.chats.models import Chat, Message
from webapp.database.engines import utc_now, write_transaction
from webapp.files.collecting import LEFT_FOR
from webapp.files.contents import FilesUnavailableError
from webapp.files.folder_store import FolderStore
from webapp.files.models import File
from webapp.files.saving import save_files
from webapp.history.deletion_job import delete_for_good
from webapp.testing.background import wait_for_background

SEEDED = """
    import webapp as cl

    cl.password_auth_callback(cl.seeded_user)
"""
ALICE = "user:alice"
CONTENT = b"Hello, file"


@pytest.fixture
def person(make_app: AppMaker, either_url: str) -> Visitor:
    make_app.database_url = either_url
    return Visitor(make_app("roles.py", sharing="yes")).logged_in("alice")


def purge(app: Flask) -> dict[str, int]:
    """Run the command, and return what it removed."""
    answer = app.test_cli_runner().invoke(args=["purge", "--json"])
    assert answer.exit_code == 0, answer.output
    return {kind: number for kind, number in json.loads(answer.stdout)["removed"].items() if number}


def change(app: Flask, statement: Executable) -> None:
    """Run a statement that no request waits for."""
    with app.app_context(), write_transaction() as connection:
        connection.execute(statement)


def make_old(app: Flask) -> None:
    """Let all files be older than what the purge leaves alone."""
    change(app, update(File).values(created_at=utc_now() - 2 * LEFT_FOR))


def delete(person: Visitor, *chats: Shown) -> None:
    """Delete chats for good."""
    for chat in chats:
        assert person.post(f"{chat.chat}/delete").status_code == 303
    long_ago = utc_now() - timedelta(seconds=2 * UNDO_SECONDS)
    change(person.app, update(Chat).where(Chat.deleted_at.is_not(None)).values(deleted_at=long_ago))
    with person.app.app_context():
        delete_for_good()
    wait_for_background({"webapp-deletion"})


def remove_message(app: Flask, shown: Shown) -> None:
    """Remove a message whose files a link still shows."""
    change(app, sql_delete(Message).where(Message.id == shown.message_id))


def shared(person: Visitor, shown: Shown) -> str:
    assert person.post(f"{shown.chat}/share").status_code == 303
    found = re.search(r"/shared/([\w-]{43})", person.get(f"{shown.chat}/share").text)
    assert found is not None
    return found[1]


def test_a_file_goes_with_the_last_chat_that_has_it(person: Visitor) -> None:
    first, second = (show(person.app, ALICE, new_file(CONTENT)) for _ in range(2))
    kept = show(person.app, ALICE, new_file(b"Another"))
    delete(person, first)
    assert contents(person.app) == [b"Another", CONTENT]
    assert person.get(second.address).data == CONTENT
    delete(person, second)
    assert contents(person.app) == [b"Another"]
    assert count(person.app, "files") == count(person.app, "stored_files") == 1
    assert person.get(kept.address).data == b"Another"


def test_a_deleted_chat_has_its_files_as_long_as_it_can_be_restored(person: Visitor) -> None:
    shown = show(person.app, ALICE, new_file(CONTENT))
    person.post(f"{shown.chat}/delete")
    purge(person.app)
    person.post(f"{shown.chat}/restore")
    assert person.get(shown.address).data == CONTENT


def test_files_go_when_the_days_of_their_profile_have_passed(person: Visitor) -> None:
    show(person.app, ALICE, new_file(CONTENT))
    change(person.app, update(Chat).values(expires_at=utc_now() - timedelta(hours=1)))
    assert purge(person.app) == {"expired_chats": 1}
    assert contents(person.app) == []
    assert count(person.app, "files") == count(person.app, "stored_files") == 0


def test_files_of_a_removed_user_go(make_app: AppMaker, either_url: str) -> None:
    make_app.database_url = either_url
    app = make_app(SEEDED)
    with app.app_context():
        directory.add("alice", GOOD_PASSWORD)
    show(app, ALICE, new_file(CONTENT))
    show(app, "user:bob", new_file(b"Bob's"))
    answer = app.test_cli_runner().invoke(args=["users", "remove", "alice", "--yes"])
    assert answer.exit_code == 0, answer.output
    assert contents(app) == [b"Bob's"]
    assert count(app, "files") == 1


def test_a_store_that_does_not_answer_delays_no_removal(
    person: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: FolderStore, sha256: str) -> None:
        raise FilesUnavailableError("the store is away")

    shown = show(person.app, ALICE, new_file(CONTENT))
    with monkeypatch.context() as broken:
        broken.setattr(FolderStore, "delete", fail)
        delete(person, shown)
    assert count(person.app, "chats") == count(person.app, "files") == 0
    assert contents(person.app) == [CONTENT]
    purge(person.app)
    assert contents(person.app) == []


def test_what_was_removed_after_sharing_goes_with_the_link(person: Visitor) -> None:
    shown = show(person.app, ALICE, new_file(CONTENT))
    address = f"{shown.address}?share={shared(person, shown)}"
    remove_message(person.app, shown)
    make_old(person.app)
    assert purge(person.app) == {}
    assert person.get(address).data == CONTENT
    assert person.post(f"{shown.chat}/unshare").status_code == 303
    assert person.get(address).status_code == 404
    assert contents(person.app) == []


def test_sharing_again_drops_what_is_no_longer_shown(person: Visitor) -> None:
    shown = show(person.app, ALICE, new_file(CONTENT))
    kept = show(person.app, ALICE, new_file(b"Kept"), chat_id=shown.chat_id, sequence=2)
    token = shared(person, shown)
    remove_message(person.app, shown)
    shared(person, shown)
    assert person.get(f"{kept.address}?share={token}").data == b"Kept"
    assert contents(person.app) == [b"Kept"]


def test_a_link_that_stops_takes_no_file_of_the_chat_with_it(person: Visitor) -> None:
    shown = show(person.app, ALICE, new_file(CONTENT))
    shared(person, shown)
    person.post(f"{shown.chat}/unshare")
    assert person.get(shown.address).data == CONTENT


def test_a_changed_element_makes_a_link_out_of_date(person: Visitor) -> None:
    shown = show(person.app, ALICE, new_file(CONTENT))
    shared(person, shown)
    assert "has changed since" not in person.get(f"{shown.chat}/share").text
    change(person.app, update(Message).values(elements=[]))
    assert "has changed since" in person.get(f"{shown.chat}/share").text


def test_a_purge_finds_files_that_nothing_shows(person: Visitor) -> None:
    app = person.app
    shown = show(app, ALICE, new_file(CONTENT))
    element = shown.elements[0].id
    save(app, shown.chat_id, uuid.uuid4(), new_file(b"Of a message that was never stored"))
    save(app, shown.chat_id, shown.message_id, new_file(b"Taken out of its message"))
    assert purge(app) == {}, "they are younger than a day"
    make_old(app)
    assert purge(app) == {"unused_files": 2}
    assert contents(app) == [CONTENT]
    # The element is updated, and its message says so.
    again = NewFile(id=element, name="hello.txt", mime=None, source=b"Updated")
    (stored,) = save_files(app, shown.chat_id, shown.message_id, [again])
    updated = replace(shown.elements[0], file=stored)
    change(app, update(Message).values(elements=[updated.to_json()]))
    change(
        app,
        update(File)
        .where(File.sha256 != stored.sha256)
        .values(created_at=utc_now() - 3 * LEFT_FOR),
    )
    assert purge(app) == {"unused_files": 1}
    assert contents(app) == [b"Updated"]
    assert person.get(shown.address).data == b"Updated"


def test_a_copy_of_a_chat_has_the_files_when_the_old_chat_is_gone(
    make_app: AppMaker, either_url: str
) -> None:
    make_app.database_url = either_url
    site = OverTime(make_app)
    old = site.chat("rhyme")
    chat_id = uuid.UUID(old.address.rpartition("/")[2])
    shown = show(site.app, ALICE, new_file(CONTENT), chat_id=chat_id, sequence=50)
    site.offer("plain")
    answer = old.visitor.post(f"{old.address}/continue", {"profile": "plain"})
    assert answer.status_code == 303, answer.text
    delete(old.visitor, shown)
    [element] = parse(old.visitor.get(answer.location).text).all(data_testid="element")
    assert element["data-name"] == "hello.txt"
    assert old.visitor.get(shown.address).data == CONTENT
    assert contents(site.app) == [CONTENT]
    delete(old.visitor, replace(shown, chat_id=uuid.UUID(answer.location.rpartition("/")[2])))
    assert contents(site.app) == []
