"""Files go with what showed them: messages, chats, accounts, shares; and what is left is swept."""

from __future__ import annotations

import os
import signal
import time
import uuid

import pytest
from flask import Flask

from tests.support.apps import AppMaker
from tests.support.chats import Chat
from tests.support.files import contents, new_file, save, show
from tests.support.people import Visitor
from tests.support.rows import column, count, run_sql
from webapp.chats import file_sweep
from webapp.chats.unused_files import remove_unused_files
from webapp.database.engines import utc_now
from webapp.files import saving
from webapp.files.collecting import LEFT_FOR
from webapp.files.saving import prepare_files
from webapp.testing.background import wait_for_background

ALICE = "user:alice"
SENDS = """
    import webapp as cl
    from webapp.authoring.elements.files import File

    kept = {}

    @cl.set_chat_profiles
    def profiles():
        return [cl.ChatProfile(name="One", markdown_description="", default=True)]

    @cl.on_message
    def answer(message):
        if message.content == "send":
            kept["file"] = File(name="a.txt", content="Content")
            kept["answer"] = cl.Message("Here", elements=[kept["file"]]).send()
        elif message.content == "remove message":
            kept["answer"].remove()
        elif message.content == "send and remove":
            cl.Message("Wait", elements=[File(name="b.txt", content="Other")]).send().remove()
        elif message.content == "update":
            answer = cl.Message("Here", elements=[File(name="a.txt", content="Before")]).send()
            answer.elements[0].content = "After"
            answer.elements[0].update()
        elif message.content == "send and take out":
            answer = cl.Message("Here", elements=[File(name="a.txt", content="Content")]).send()
            answer.elements[0].remove()
        cl.Message("Done").send()
"""


@pytest.fixture
def sender(make_app: AppMaker) -> Chat:
    """Return a chat with an app that sends files and takes them back."""
    return Chat(make_app(SENDS))


def files_left(app: Flask) -> tuple[int, int, list[bytes]]:
    """Return the number of rows of files and contents, and the contents in the folder."""
    wait_for_background()
    return count(app, "files"), count(app, "stored_files"), contents(app)


def test_a_message_that_is_removed_takes_its_files_along(sender: Chat) -> None:
    app = sender.visitor.app
    sender.say("send")
    address = f"/files/{uuid.UUID(str(column(app, 'files.id')[0]))}/a.txt"
    assert sender.visitor.get(address).data == b"Content"
    sender.say("remove message")
    assert files_left(app) == (0, 0, [])
    assert sender.visitor.get(address).status_code == 404


@pytest.mark.parametrize("what", ["send and remove", "send and take out"])
def test_a_file_that_is_taken_back_at_once_is_gone(sender: Chat, what: str) -> None:
    sender.say(what)
    assert files_left(sender.visitor.app) == (0, 0, [])


def test_a_file_that_is_replaced_is_gone(sender: Chat) -> None:
    sender.say("update")
    assert files_left(sender.visitor.app) == (1, 1, [b"After"])


def test_a_share_keeps_the_file_of_a_removed_message_until_it_goes(make_app: AppMaker) -> None:
    app = make_app(SENDS, sharing="yes")
    chat = Chat(app)
    chat.say("send")
    chat.visitor.post(f"{chat.address}/share")
    chat.say("remove message")
    assert files_left(app) == (1, 1, [b"Content"])
    chat.visitor.post(f"{chat.address}/unshare")
    assert files_left(app) == (0, 0, [])


# ---- The sweep


def make_old(app: Flask) -> None:
    """Make all files older than a day."""
    run_sql(app, "UPDATE files SET created_at = '2020-01-01 00:00:00.000000'")
    long_ago = (utc_now() - 2 * LEFT_FOR).timestamp()
    for path in app.extensions["settings"].files_folder.rglob("*"):
        if path.is_file():
            os.utime(path, (long_ago, long_ago))


def test_the_sweep_leaves_what_is_shown_or_new(alice: Visitor) -> None:
    show(alice.app, ALICE, new_file(b"Shown"))
    make_old(alice.app)
    save(alice.app, uuid.uuid4(), uuid.uuid4(), new_file(b"Message to come"))
    with alice.app.app_context():
        prepare_files([new_file(b"Row to come")])
        assert remove_unused_files() == 0
    assert contents(alice.app) == [b"Message to come", b"Row to come", b"Shown"]


def test_a_process_sweeps_after_an_hour_and_then_daily(
    alice: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(alice.app, uuid.uuid4(), uuid.uuid4(), new_file())
    make_old(alice.app)
    now = [time.monotonic()]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    with alice.app.app_context():
        assert file_sweep.sweep_if_due() == 0
        now[0] += file_sweep.FIRST_SECONDS + 1
        assert file_sweep.sweep_if_due() == 1
        save(alice.app, uuid.uuid4(), uuid.uuid4(), new_file())
        make_old(alice.app)
        now[0] += file_sweep.EVERY_SECONDS - 10
        assert file_sweep.sweep_if_due() == 0
        now[0] += 20
        assert file_sweep.sweep_if_due() == 1


DEADLY = {"the content is written": (os, "fsync"), "its row is stored": (saving, "insert_files")}


@pytest.mark.parametrize("step", DEADLY)
def test_a_process_that_is_killed_while_it_saves_leaves_nothing_that_stays(
    make_app: AppMaker, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app("simple.py")
    child = os.fork()
    if not child:
        monkeypatch.setattr(*DEADLY[step], lambda *_: os.kill(os.getpid(), signal.SIGKILL))
        save(app, uuid.uuid4(), uuid.uuid4(), new_file(b"x" * 200_000))
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    assert len(contents(app)) == 1
    assert count(app, "files") == 0
    make_old(app)
    with app.app_context():
        assert remove_unused_files() == 0
    assert contents(app) == []
