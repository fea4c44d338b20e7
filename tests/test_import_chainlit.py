"""`chat-profiles import-chainlit`: threads of both data layers of Chainlit become chats."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, text

from tests.cli_support import CommandLine
from tests.support.apps import AppMaker
from tests.support.chats import Chat
from tests.support.html import parse
from tests.support.people import Visitor
from tests.support.rows import column
from tests.support.uploads import png
from webapp.chats.search_index import index_pending

APP = """
    import webapp as cl

    RESUMED = []

    @cl.set_chat_profiles
    def chat_profiles(current_user):
        return [cl.ChatProfile("GPT-4", "A profile.")]

    @cl.on_chat_resume
    def resumed(thread):
        RESUMED.append((cl.user_session.get("mood"), [said.content for said in thread.messages]))

    @cl.on_message
    async def answer(message):
        await cl.Message("here").send()

    @cl.password_auth_callback
    def let_in(username, password):
        return cl.User(username)
"""
SQLITE = """
CREATE TABLE users ("id" TEXT PRIMARY KEY, "identifier" TEXT, "metadata" TEXT, "createdAt" TEXT);
CREATE TABLE threads ("id" TEXT PRIMARY KEY, "createdAt" TEXT, "name" TEXT, "userId" TEXT,
 "userIdentifier" TEXT, "tags" TEXT, "metadata" TEXT);
CREATE TABLE steps ("id" TEXT PRIMARY KEY, "name" TEXT, "type" TEXT, "threadId" TEXT,
 "parentId" TEXT, "streaming" INTEGER, "isError" INTEGER, "metadata" TEXT, "input" TEXT,
 "output" TEXT, "createdAt" TEXT, "start" TEXT, "end" TEXT, "showInput" TEXT, "language" TEXT);
CREATE TABLE elements ("id" TEXT PRIMARY KEY, "threadId" TEXT, "type" TEXT, "url" TEXT,
 "name" TEXT, "display" TEXT, "objectKey" TEXT, "forId" TEXT, "mime" TEXT);
CREATE TABLE feedbacks ("id" TEXT PRIMARY KEY, "forId" TEXT, "threadId" TEXT, "value" INTEGER,
 "comment" TEXT);
"""
POSTGRESQL = SQLITE.replace('"metadata" TEXT', '"metadata" JSONB').replace(
    '"streaming" INTEGER, "isError" INTEGER', '"streaming" BOOLEAN, "isError" BOOLEAN'
)
OFFICIAL = """
CREATE TABLE "User" (id TEXT PRIMARY KEY, identifier TEXT, metadata JSONB, "createdAt" TIMESTAMP);
CREATE TABLE "Thread" (id TEXT PRIMARY KEY, "createdAt" TIMESTAMP, "deletedAt" TIMESTAMP,
 name TEXT, "userId" TEXT, metadata JSONB);
CREATE TABLE "Step" (id TEXT PRIMARY KEY, "threadId" TEXT, "parentId" TEXT, input TEXT,
 metadata JSONB, name TEXT, output TEXT, type TEXT, "startTime" TIMESTAMP, "endTime" TIMESTAMP,
 "showInput" TEXT, "isError" BOOLEAN, "createdAt" TIMESTAMP);
CREATE TABLE "Element" (id TEXT PRIMARY KEY, "threadId" TEXT, "stepId" TEXT, metadata JSONB,
 mime TEXT, name TEXT, "objectKey" TEXT, url TEXT, display TEXT);
CREATE TABLE "Feedback" (id TEXT PRIMARY KEY, "stepId" TEXT, name TEXT, value FLOAT, comment TEXT);
"""
# The names of tables and columns in the official layer.
TABLES = {
    "users": "User",
    "threads": "Thread",
    "steps": "Step",
    "elements": "Element",
    "feedbacks": "Feedback",
}
COLUMNS = {"start": "startTime", "end": "endTime", "forId": "stepId"}
ADA, THREAD = str(uuid.uuid4()), str(uuid.uuid4())


class ChainlitDatabase:
    """The database of a Chainlit app."""

    def __init__(self, url: str, connection: Connection, *, official: bool) -> None:
        self.url = url
        self._connection = connection
        self._official = official

    def add(self, table: str, **values: Any) -> str:
        """Insert a row, and return its id."""
        values = {"id": str(uuid.uuid4()), **values}
        if self._official:
            values = {COLUMNS.get(name, name): value for name, value in values.items()}
            for name in ("userIdentifier", "language"):
                values.pop(name, None)
            if table == "feedbacks":
                values.pop("threadId")
            if table == "elements":
                values["metadata"] = json.dumps({"type": values.pop("type")})
        names = ", ".join(f'"{name}"' for name in values)
        marks = ", ".join(f":{name}" for name in values)
        name = TABLES[table] if self._official else table
        self._connection.execute(text(f'INSERT INTO "{name}" ({names}) VALUES ({marks})'), values)
        self._connection.commit()
        return str(values["id"])

    def say(self, kind: str, output: str, second: int, thread: str = THREAD, **more: Any) -> str:
        """Insert a step."""
        time = f"2024-05-01T10:00:{second:02}.000000"
        time += "" if self._official else "Z"
        given = {"name": "Assistant", "threadId": thread, "createdAt": time, **more}
        return self.add("steps", type=kind, output=output, **given)


@pytest.fixture(params=["sqlite", "postgresql", "official"])
def chainlit(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ChainlitDatabase]:
    """Return the database of a Chainlit app, with a thread of Ada's, of each layer in turn."""
    with ExitStack() as stack:
        if request.param == "sqlite":
            url = f"sqlite:///{tmp_path / 'chainlit.db'}"
        else:
            server = request.getfixturevalue("postgresql_server")
            url = stack.enter_context(server.database())
        engine = create_engine(url)
        stack.callback(engine.dispose)
        connection = stack.enter_context(engine.connect())
        scheme = {"sqlite": SQLITE, "postgresql": POSTGRESQL, "official": OFFICIAL}[request.param]
        for statement in scheme.split(";"):
            if statement.strip():
                connection.execute(text(statement))
        connection.commit()
        as_chainlit_has_it = url.replace("sqlite:", "sqlite+aiosqlite:").replace(
            "postgresql+psycopg:", "postgresql+asyncpg:"
        )
        made = ChainlitDatabase(
            as_chainlit_has_it, connection, official=request.param == "official"
        )
        made.add("users", id=ADA, identifier="ada", metadata='{"role": "ADMIN"}')
        made.add(
            "threads",
            id=THREAD,
            createdAt="2024-05-01T09:59:59",
            name="Bread \u202eand butter",
            userId=ADA,
            userIdentifier="ada",
            metadata=json.dumps(
                {"chat_profile": "GPT-4", "mood": "kind", "id": "x", "user": {"identifier": "ada"}}
            ),
        )
        yield made


@pytest.fixture
def talked(chainlit: ChainlitDatabase) -> ChainlitDatabase:
    """Return the database with a question, steps and an answer that was rated."""
    run = chainlit.say("run", "", 1, name="on_message")
    chainlit.say("user_message", "How do I bake?", 2, name="ada", parentId=run)
    tool = chainlit.say(
        "tool", '{"found": 1}', 3, name="Search", parentId=run, input="bread", showInput="true"
    )
    chainlit.say("llm", "thinking", 4, name="Model", parentId=tool, isError=True)
    answer = chainlit.say("assistant_message", "With **flour**.", 5, name="Baker", parentId=run)
    chainlit.add("feedbacks", forId=answer, threadId=THREAD, value=0, comment="too short")
    return chainlit


@pytest.fixture
def own(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], Visitor]]:
    """Return what signs Ada in on the site that takes the chats over."""
    files = str(tmp_path / "files")
    monkeypatch.setenv("WEBAPP_FILES_URL", files)
    with AppMaker.in_folder(tmp_path, sqlite_url) as make:
        app = make(APP, files_url=files)

        def sign_in() -> Visitor:
            with app.app_context():
                index_pending()
            return Visitor(app).logged_in("ada")

        yield sign_in


def import_into(cli: CommandLine, source: ChainlitDatabase, *options: str) -> dict[str, Any]:
    result = cli("import-chainlit", source.url, "--json", *options)
    assert result.exit_code == 0, result.output
    report: dict[str, Any] = json.loads(result.stdout)
    return report


def test_a_thread_is_a_chat_that_can_be_read_searched_and_continued(
    cli: CommandLine, talked: ChainlitDatabase, own: Callable[[], Visitor]
) -> None:
    report = import_into(cli, talked)
    [user] = report["users"]
    assert (user["user"], user["chats"], user["messages"]) == ("ada", 1, 4)

    ada = own()
    chat = Chat.at(ada, f"/chats/{THREAD}")
    assert chat.messages("user") == ["How do I bake?"]
    [answer] = chat.page().all(data_testid="message", data_kind="assistant")
    assert answer["data-author"] == "Baker"
    assert answer.all("strong")[0].text == "flour"
    search, model = chat.page().all(data_testid="step")
    assert (search["data-name"], model["data-name"]) == ("Search", "Model")
    assert model in list(search.walk())
    assert model["data-status"] == "failed"
    assert column(ada.app, "feedback.value") == [-1]
    assert column(ada.app, "feedback.comment") == ["too short"]
    found = parse(ada.get("/chats?q=flour").text).all(data_testid="history-item")
    assert [item["data-chat-id"] for item in found] == [THREAD]
    assert "2024-05-01T10:00:02" in chat.page().all("time")[0]["datetime"]

    chat.say("And butter?")
    assert chat.messages()[-1] == "here"
    names = ada.app.extensions["chat_app"].callbacks["on_message"].function.__globals__
    assert names["RESUMED"] == [("kind", ["How do I bake?", "With **flour**."])]


def test_a_second_run_takes_only_what_is_new(cli: CommandLine, talked: ChainlitDatabase) -> None:
    import_into(cli, talked)
    before = count_all(cli)
    [user] = import_into(cli, talked)["users"]
    assert (user["chats"], user["here_already"]) == (0, 1)
    assert count_all(cli) == before

    other = talked.add("threads", createdAt="2024-05-02T00:00:00", name="Later", userId=ADA)
    talked.say("user_message", "Hello", 1, thread=other)
    [user] = import_into(cli, talked)["users"]
    assert (user["chats"], user["here_already"]) == (1, 1)


def test_a_dry_run_stores_nothing(cli: CommandLine, talked: ChainlitDatabase) -> None:
    before = count_all(cli)
    report = import_into(cli, talked, "--dry-run", "--accounts")
    assert report["users"][0]["chats"] == 1
    assert count_all(cli) == before


def test_files_come_from_the_folder_and_are_never_fetched(
    cli: CommandLine, talked: ChainlitDatabase, own: Callable[[], Visitor], tmp_path: Path
) -> None:
    answer = talked.say("assistant_message", "Look at loaf", 6)
    for name, key, url in (
        ("loaf", "ada/loaf.png", "https://example.com/signed"),
        ("linked", "", "https://example.com/linked.png"),
        ("gone", "ada/gone.png", ""),
        ("outside", "../secret.png", ""),
    ):
        talked.add(
            "elements",
            threadId=THREAD,
            forId=answer,
            type="image",
            name=name,
            objectKey=key or None,
            url=url or None,
            display="inline",
            mime="image/png",
        )
    storage = tmp_path / "storage"
    (storage / "ada").mkdir(parents=True)
    (storage / "ada" / "loaf.png").write_bytes(png())
    (tmp_path / "secret.png").write_bytes(png())
    report = import_into(cli, talked, "--files", str(storage))
    assert sorted(report["files_missing"]) == ["gone", "outside"]

    ada = own()
    shown = Chat.at(ada, f"/chats/{THREAD}").page().all(data_testid="element")
    assert [(each["data-name"], each["data-kind"]) for each in shown] == [
        ("loaf", "image"),
        ("linked", "image"),
    ]
    [address] = [link["href"] for link in shown[0].all("a") if "/files/" in link["href"]][:1]
    assert ada.get(address).data == png()
    assert Visitor(ada.app).logged_in("bob").get(address).status_code == 404


def test_all_chats_of_a_user_are_stored_or_none(
    cli: CommandLine, talked: ChainlitDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = talked.add("threads", createdAt="2024-05-02T00:00:00", name="Later", userId=ADA)
    talked.say("user_message", "Hello", 1, thread=second)
    bob = talked.add("users", identifier="bob", metadata="{}")
    third = talked.add("threads", createdAt="2024-05-02T00:00:00", name="Bob's", userId=bob)
    talked.say("user_message", "Hi", 1, thread=third)

    def fail(*_: object) -> None:
        raise OSError("the disk is gone")

    before = count_all(cli)
    with monkeypatch.context() as patched:
        patched.setattr("webapp.transfer.import_rows.store_entries", fail)
        assert cli("import-chainlit", talked.url).exit_code != 0
    assert count_all(cli) == before
    assert [user["chats"] for user in import_into(cli, talked)["users"]] == [2, 1]


def test_users_become_accounts_if_that_is_asked_for(
    cli: CommandLine, talked: ChainlitDatabase
) -> None:
    talked.add("users", identifier=" ", metadata="{}")
    talked.add("threads", createdAt="2024-05-02T00:00:00", name="Of nobody")
    result = cli("import-chainlit", talked.url, "--accounts")
    assert result.exit_code == 0
    assert "1 thread of nobody stayed there" in result.output
    assert "no account could be added" in result.output
    assert json.loads(cli("users", "list", "--json").stdout)[0]["username"] == "ada"


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("nonsense", "Write it as"),
        ("mysql+nothing://a/b", "Write it as"),
        ("sqlite:///no/such/file.db", "There is no file"),
        ("postgresql://nobody@127.0.0.1:1/none", "does not answer"),
        ("postgresql://nobody@127.0.0.1:port/none", "cannot be used"),
    ],
)
def test_a_database_that_cannot_be_read_is_told(cli: CommandLine, address: str, told: str) -> None:
    result = cli("import-chainlit", address)
    assert result.exit_code == 2
    assert told in result.output
    assert "Traceback" not in result.output


def test_a_database_of_something_else_is_told(cli: CommandLine) -> None:
    result = cli("import-chainlit", cli.url)
    assert result.exit_code == 2
    assert "no tables of a Chainlit data layer" in result.output


def count_all(cli: CommandLine) -> int:
    """Return how many rows the tables of the site have."""
    engine = create_engine(cli.url)
    with engine.connect() as connection:
        names = ("chats", "messages", "feedback", "search_entries", "files", "accounts")
        found = sum(connection.scalar(text(f"SELECT count(*) FROM {name}")) or 0 for name in names)
    engine.dispose()
    return found
