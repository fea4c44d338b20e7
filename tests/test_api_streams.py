"""The API on a real server: streams hold no thread, and a client that leaves stops its answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from openai import OpenAI
from openai.types.chat import ChatCompletionUserMessageParam
from sqlalchemy import select, update

from tests.support.api import TEAM, add_token
from tests.support.apps import APPS, AppMaker
from tests.support.chats import Chat
from tests.support.conversation import wait_until
from tests.support.servers import gunicorn, production, waitress
from tests.support.steps import shown_steps
from webapp.accounts import directory
from webapp.accounts.models import ApiToken
from webapp.api import streams
from webapp.chats.models import Turn
from webapp.database.engines import db, read_connection, write_session
from webapp.pages import watching
from webapp.web.server import SEEN_AT_ONCE

OTHER_SITE = """
import webapp as cl
from webapp.integrations import ag_ui


@cl.set_chat_profiles
def chat_profiles():
    return [ag_ui.profile("Far", url={url!r}, headers={{"Authorization": {token!r}}})]
"""
WAIT: list[ChatCompletionUserMessageParam] = [{"role": "user", "content": "wait"}]


@pytest.fixture
def app(make_app: AppMaker) -> Flask:
    app = make_app("programs.py", api="on", streaming="sse", max_streams=4)
    with app.app_context():
        directory.add("alice", "violet tractor parade", details={"role": "ADMIN"})
        db.session.remove()
    return app


@pytest.fixture(params=["gunicorn", "waitress"])
def openai(
    request: pytest.FixtureRequest, app: Flask, sqlite_url: str, tmp_path: Path
) -> Iterator[OpenAI]:
    settings = {**production(sqlite_url, APPS / "programs.py"), "WEBAPP_API": "on"}
    options = ("--threads", "4") if request.param == "gunicorn" else ()
    serve = gunicorn if request.param == "gunicorn" else waitress
    with serve(tmp_path, settings, *options) as server:
        url = f"http://127.0.0.1:{server.port}/v1"
        with OpenAI(base_url=url, api_key=add_token(app, "alice"), max_retries=0) as client:
            yield client


def turns(app: Flask) -> list[str]:
    with app.app_context(), read_connection() as connection:
        found = connection.scalars(select(Turn.status).where(Turn.question_id.is_not(None)))
        return sorted(found)


def test_a_client_that_leaves_stops_its_answer(app: Flask, openai: OpenAI) -> None:
    stream = openai.chat.completions.create(model=TEAM, messages=WAIT, stream=True)
    texts = (chunk.choices[0].delta.content for chunk in stream)
    assert next(text for text in texts if text) == "one "
    assert turns(app) == ["running"]
    stream.close()
    wait_until(lambda: turns(app) == ["stopped"])
    assert len(openai.models.list().data) == 3


def test_one_site_is_an_agent_of_another(
    app: Flask, make_app: AppMaker, sqlite_url: str, tmp_path: Path
) -> None:
    settings = {**production(sqlite_url, APPS / "programs.py"), "WEBAPP_API": "on"}
    with gunicorn(tmp_path, settings, "--threads", "4") as server:
        url, token = f"http://127.0.0.1:{server.port}/v1/ag-ui/team", add_token(app, "alice")
        chat = Chat(make_app(OTHER_SITE.format(url=url, token=f"Bearer {token}")))
        chat.say("Hello")
        assert chat.messages() == ["You said Hello", "alice under team"]
        assert [step.name for step in shown_steps(chat)] == ["look"]
        chat.begin("wait")
        chat.until(lambda: chat.messages()[-1] == "one")
        assert turns(app).count("running") == 2
        chat.stop()
        chat.until_answered()
        wait_until(lambda: turns(app) == ["complete", "complete", "stopped", "stopped"])


def test_a_stream_ends_when_its_token_is_revoked(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (streams, watching):
        monkeypatch.setattr(module, "HEARTBEAT_SECONDS", 0.05)
    token = add_token(app, "alice")
    answer = app.test_client().post(
        "/v1/chat/completions",
        json={"model": TEAM, "messages": WAIT, "stream": True},
        headers={"Authorization": f"Bearer {token}"},
        environ_overrides={"wsgi.multithread": True, SEEN_AT_ONCE: 8},
    )
    parts = answer.iter_encoded()
    assert b"chat.completion.chunk" in next(parts)
    with app.app_context(), write_session() as session:
        session.execute(update(ApiToken).values(revoked_at=ApiToken.created_at))
    assert streams.NOT_ALLOWED in b"".join(parts).decode()
    wait_until(lambda: turns(app) == ["stopped"])
