"""A process that serves pages holds no module that only commands or rare pages need."""

from __future__ import annotations

from pathlib import Path

from tests.support.servers import gunicorn, production
from tests.support.wire import RemoteVisitor

# Each is 1 to 12 MiB of every worker, or brings modules that are. If one of these tests fails,
# import the module in the function that needs it, and say why beside it.
LATE = {
    "alembic",
    "confusable_homoglyphs",
    "mako",
    "psycopg",
    "sqlalchemy.dialects.postgresql",
    "webapp.accounts.directory",
    "webapp.accounts.importing",
    "webapp.commands",
    "webapp.database.commands",
    "webapp.database.migrating",
    "webapp.doctor",
    "webapp.feedback.commands",
    "webapp.serving",
    "webapp.upkeep",
    "waitress",
    "zxcvbn",
}
# It names the modules when it answers the second message: by then a page, a chat start and an
# answer were sent.
APP = """
import sys
from pathlib import Path

import webapp as cl

@cl.password_auth_callback
def check(username: str, password: str):
    assert cl.seeded_user(username, password) is None
    return cl.User(username)

@cl.set_chat_profiles
async def profiles(user):
    return [cl.ChatProfile(name="GPT-4", markdown_description="**Fast**")]

@cl.on_message
async def answer(message: cl.Message):
    Path("modules.txt").write_text("\\n".join(sys.modules))
    await cl.Message(content="**Yes**").send()
"""


def test_a_process_that_has_answered_holds_what_pages_need(tmp_path: Path, sqlite_url: str) -> None:
    app_file = tmp_path / "app.py"
    app_file.write_text(APP)
    with gunicorn(tmp_path, production(sqlite_url, app_file), fork=False) as server:
        visitor = RemoteVisitor(server.port)
        visitor.get("/login")
        visitor.post("/login", {"username": "alice", "password": "x", "next": "/"})
        visitor.get("/")
        chat = visitor.start_chat().chat_id
        for number in (1, 2):
            key = f"00000000-0000-4000-8000-00000000000{number}"
            said = visitor.post(f"/chats/{chat}/messages", {"content": "Hi", "key": key}, htmx=True)
            assert "<strong>Yes</strong>" in said.text
    loaded = (tmp_path / "modules.txt").read_text().split()
    assert "webapp.pages.turn_views" in loaded
    assert {name for name in loaded if name in LATE} == set()
