"""What an app knows of its users: `User`, `PersistedUser`, `context.session`."""

from __future__ import annotations

import uuid
from datetime import datetime
from importlib import import_module
from typing import Any

import pytest

import webapp
from tests.support.apps import AppMaker
from tests.support.chats import Chat
from tests.support.log import LogReader
from tests.support.people import Visitor
from webapp import PersistedUser, User

KNOWS = """
    import webapp as cl
    SEEN = []
    @cl.password_auth_callback
    def auth(username, password):
        if username == "known":
            return cl.PersistedUser(id="7", createdAt="2020-01-01T00:00:00Z", identifier="known")
        return cl.User(username, metadata={"role": "ADMIN"})
    @cl.on_message
    def answer():
        SEEN.append(cl.user_session.get("user"))
        session = cl.context.session
        assert session.user == SEEN[-1]
        assert session.thread_id == session.id == cl.user_session.get("id")
        assert (session.client_type, session.user_env) == ("webapp", {})
        cl.logger.info("somebody came")
        cl.Message("fine").send()
"""


def seen(make_app: AppMaker, *usernames: str) -> list[Any]:
    """Return the users whom an app sees."""
    app = make_app(KNOWS)
    for username in usernames:
        chat = Chat.of(Visitor(app).logged_in(username)).say("Hello")
        assert chat.messages() == ["fine"]
    found: list[Any] = (
        app.extensions["chat_app"].callbacks["on_message"].function.__globals__["SEEN"]
    )
    return found


def test_a_user_has_an_id_and_a_time(make_app: AppMaker) -> None:
    one, other, again = seen(make_app, "ada", "bob", "ada")
    assert isinstance(one, PersistedUser)
    assert one == User("ada", metadata={"role": "ADMIN"})
    assert uuid.UUID(one.id) == uuid.UUID(again.id) != uuid.UUID(other.id)
    assert datetime.fromisoformat(one.createdAt).tzinfo is not None


def test_an_app_may_say_which_id_and_time(make_app: AppMaker) -> None:
    [known] = seen(make_app, "known")
    assert (known.id, known.createdAt) == ("7", "2020-01-01T00:00:00Z")


def test_what_an_app_logs_is_a_line_of_the_log(make_app: AppMaker, log: LogReader) -> None:
    seen(make_app, "ada")
    assert log.one("somebody came")["level"] == "INFO"


def test_a_user_becomes_a_dictionary_and_comes_back() -> None:
    user = User("ada", "Ada", {"role": "ADMIN"})
    assert User.from_dict(user.to_dict()) == user
    known = PersistedUser(id="7", createdAt="now", identifier="ada")
    assert vars(PersistedUser.from_dict({**known.to_dict(), "more": 1})) == vars(known)


@pytest.mark.parametrize(
    "name", ["ChatProfile", "PersistedUser", "Starter", "StarterCategory", "Uploads", "User"]
)
def test_the_classes_of_objects_pickled_by_an_older_version_are_found(name: str) -> None:
    assert getattr(import_module("webapp.authoring.types"), name) is getattr(webapp, name)
