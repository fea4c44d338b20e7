"""Settings on two servers with one database: saved on either, one at a time, and after a death."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import uuid
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.servers import gunicorn, production
from tests.support.wire import Answer, RemoteVisitor

pytestmark = pytest.mark.slow

APP = """
import asyncio

import chat_profiles as cl
from chat_profiles.input_widget import TextInput

@cl.set_chat_profiles
def profiles():
    return [cl.ChatProfile("GPT-4", "")]

@cl.on_chat_start
async def start():
    await cl.ChatSettings([TextInput("Name", "Name")]).send()

@cl.on_message
async def answer(message):
    await cl.Message(f"You are {cl.user_session.get('chat_settings')['Name']}.").send()

@cl.on_settings_update
async def update(settings):
    await cl.Message(f"Hello {settings['Name']}.").send()
    if settings["Name"] == "slow":
        await asyncio.sleep(60)
"""


def test_settings_are_saved_on_any_server_and_outlive_it(tmp_path: Path, sqlite_url: str) -> None:
    app_file = tmp_path / "app.py"
    app_file.write_text(APP)
    file = sqlite_url.removeprefix("sqlite:///")
    settings = production(sqlite_url, app_file)
    shape = ("--workers", "1", "--threads", "8")
    with gunicorn(tmp_path, settings, *shape) as one, gunicorn(tmp_path, settings, *shape) as other:
        visitor = RemoteVisitor(one.port)
        visitor.get("/")
        chat = visitor.start_chat().chat_id

        def save(name: str) -> Answer:
            form = {"setting-Name": name, "key": str(uuid.uuid4())}
            return visitor.post(f"/chats/{chat}/settings", form)

        def stored() -> Any:
            with closing(sqlite3.connect(file)) as database:
                (inputs,) = database.execute("SELECT inputs FROM chats").fetchone()
            return json.loads(inputs)["settings"]["values"]["Name"]

        assert save("Ada").status == 303
        visitor.move_to(other.port)
        assert 'value="Ada"' in visitor.get(f"/chats/{chat}/settings").text
        assert save("slow").status == 303
        visitor.move_to(one.port)
        refused = save("Bob")
        assert refused.status == 409
        assert 'value="Bob"' in refused.text
        for worker in other.workers():
            os.kill(worker, signal.SIGKILL)
        assert stored() == "slow"
        with closing(sqlite3.connect(file)) as database, database:
            # So that nobody waits 20 seconds for a heartbeat that does not come.
            database.execute("UPDATE turns SET seen_at = '2026-01-01 00:00:00'")
        assert save("Eve").status == 303
        assert stored() == "Eve"
        assert "Hello Eve." in visitor.get(f"/chats/{chat}").text
