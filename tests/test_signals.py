"""Signals between rooms: each app hears its own and no other one's."""

import gc
import uuid
import weakref

import pytest
from flask import Flask

from webapp.authoring.users.user import User
from webapp.signals import session_ended

HEARD: list[tuple[Flask, uuid.UUID, User | None]] = []


def hear(app: Flask, *, session_id: uuid.UUID, user: User | None) -> None:
    HEARD.append((app, session_id, user))


def refuse(_app: Flask, *, session_id: uuid.UUID, user: User | None) -> None:
    raise LookupError(f"{session_id} of {user}")


@pytest.fixture(autouse=True)
def nothing_heard() -> None:
    HEARD.clear()


def test_a_signal_reaches_only_the_receivers_of_the_app_that_sends_it() -> None:
    ours, other, ended = Flask("ours"), Flask("other"), uuid.uuid4()
    session_ended.connect(ours, hear)
    session_ended.connect(other, refuse)
    with ours.app_context():
        session_ended.send(session_id=ended, user=None)
    assert [(ours, ended, None)] == HEARD


def test_what_a_receiver_raises_reaches_the_sender() -> None:
    app = Flask("ours")
    session_ended.connect(app, refuse)
    with app.app_context(), pytest.raises(LookupError):
        session_ended.send(session_id=uuid.uuid4(), user=None)


def test_a_signal_keeps_no_app_alive() -> None:
    app = Flask("short")
    session_ended.connect(app, hear)
    gone = weakref.ref(app)
    del app
    gc.collect()
    assert gone() is None
