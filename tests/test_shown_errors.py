"""An error of the app file is shown on the page to its author, and to nobody else."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from pathlib import Path

import pytest

from tests.support.apps import AppMaker
from tests.support.people import Visitor
from tests.support.servers import Server, chat_profiles_command, running
from tests.support.wire import RemoteVisitor

pytestmark = pytest.mark.slow

APP = """
import chat_profiles as cl

@cl.set_chat_profiles
def profiles():
    return [cl.ChatProfile(name="One", markdown_description="x")]

@cl.set_starters
def starters():
    return [1][2]

@cl.on_message
async def answer(message: cl.Message):
    numbers = {"canary": 1}
    numbers["<b>~~~~ 1"]
"""
BROKEN_PROFILES = """
import chat_profiles as cl

@cl.set_chat_profiles
def profiles():
    raise LookupError("canary of the profiles")
"""
SECRETS = ("KeyError", "canary", "app.py", "IndexError", "LookupError", "numbers[")


@contextmanager
def run(folder: Path, source: str, *options: str, **settings: str) -> Iterator[Server]:
    (folder / "app.py").write_text(source)
    command = chat_profiles_command("run", "app.py", "--port", "{port}", *options)
    with running(command, folder, settings) as server:
        server.wait_for("/healthz")
        yield server


def said_to(visitor: RemoteVisitor) -> list[str]:
    """Say something, and return what a person reads: in the answer, and on the page after it."""
    chat = f"/chats/{visitor.start_chat('One').chat_id}"
    form = {"content": "hello", "key": str(uuid.uuid4())}
    answer = visitor.post(f"{chat}/messages", form, htmx=True).text
    return [unescape(answer), unescape(visitor.get(chat).text)]


@pytest.mark.parametrize("options", [(), ("--reload",)], ids=["run", "reload"])
def test_in_development_the_page_has_the_authors_own_line(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    with run(tmp_path, APP, *options) as server:
        visitor = RemoteVisitor(server.port)
        for page in said_to(visitor):
            assert "app.py:15, in answer" in page
            assert 'numbers["<b>~~~~ 1"]' in page
            assert "KeyError: '<b>~~~~ 1'" in page
        page = " ".join(unescape(visitor.get("/").text).split())
        assert "app.py:10, in starters return [1][2] IndexError: list index out of range" in page


@pytest.mark.parametrize("options", [(), ("--reload",)], ids=["run", "reload"])
def test_in_development_an_error_page_has_the_authors_own_line(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    with run(tmp_path, BROKEN_PROFILES, *options) as server:
        page = unescape(RemoteVisitor(server.port).get("/").text)
    assert "app.py:6, in profiles" in page
    assert 'raise LookupError("canary of the profiles")' in page
    assert "LookupError: canary of the profiles" in page


@pytest.mark.parametrize(
    ("options", "settings"),
    [
        (("--reload",), {"WEBAPP_TRUSTED_HOSTS": "127.0.0.1,chat.example.org"}),
        ((), {"WEBAPP_TRUSTED_HOSTS": "127.0.0.1,chat.example.org"}),
        ((), {"WEBAPP_PROXY_HOPS": "1"}),
        ((), {"WEBAPP_TRUSTED_HOSTS": "127.0.0.1", "WEBAPP_PROXY_HOPS": "1"}),
        (("--host", "0.0.0.0"), {"WEBAPP_TRUSTED_HOSTS": "127.0.0.1"}),
    ],
    ids=["another name, reload", "another name", "a proxy", "a proxy here", "every address"],
)
def test_elsewhere_no_page_has_it(
    tmp_path: Path, options: tuple[str, ...], settings: dict[str, str]
) -> None:
    with run(tmp_path, APP, *options, **settings) as server:
        visitor = RemoteVisitor(server.port)
        pages = [*said_to(visitor), visitor.get("/").text]
    assert "Something went wrong while this answer was written" in pages[0]
    for secret in SECRETS:
        assert secret not in "".join(pages)


@pytest.mark.parametrize(
    "header", ["Forwarded", "Via", "X-Real-IP", "X-Forwarded-For", "X-Forwarded-Host"]
)
def test_who_comes_through_a_tunnel_hides_it_from_everybody(tmp_path: Path, header: str) -> None:
    with run(tmp_path, APP) as server:
        author = RemoteVisitor(server.port)
        assert "KeyError" in said_to(author)[0]
        stranger = RemoteVisitor(server.port, headers={header: "for=203.0.113.9"})
        pages = [*said_to(stranger), stranger.get("/").text, *said_to(author)]
        assert "errors.hidden" in server.log
    for secret in SECRETS:
        assert secret not in "".join(pages)


def test_a_broken_file_is_shown_to_its_author_alone(tmp_path: Path) -> None:
    broken = "raise RuntimeError('canary')"
    command = chat_profiles_command("run", "app.py", "--port", "{port}", "--reload")
    (tmp_path / "app.py").write_text(broken)
    everywhere = {"WEBAPP_TRUSTED_HOSTS": "127.0.0.1"}
    with running(command, tmp_path, {}) as server:
        server.wait_for("/", 500)
        assert "canary" in RemoteVisitor(server.port).get("/").text
        proxied = RemoteVisitor(server.port, headers={"X-Forwarded-For": "203.0.113.9"})
        pages = [proxied.get("/").text]
    with running([*command, "--host", "0.0.0.0"], tmp_path, everywhere) as server:
        server.wait_for("/", 500)
        pages.append(RemoteVisitor(server.port).get("/").text)
    for page in pages:
        assert "The terminal in which the site was started says what is wrong." in page
        assert "canary" not in page


@pytest.mark.parametrize("source", [APP, BROKEN_PROFILES])
def test_in_production_no_page_has_it(make_app: AppMaker, source: str) -> None:
    page = Visitor(make_app(source)).get("/").text
    assert "eference" in page
    for secret in SECRETS:
        assert secret not in page
