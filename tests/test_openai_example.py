"""The example that talks to language models, against a server of our own on loopback."""

from __future__ import annotations

import socket
import sys
import uuid
from collections.abc import Iterator
from contextvars import Context
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.support.apps import AppMaker
from tests.support.chats import ANSWER_SECONDS, Chat
from tests.support.html import parse
from tests.support.log import LogReader
from tests.support.model_server import SECRET, WORDS, ModelServer
from tests.support.people import Visitor
from webapp.engine.loop import process_loop

EXAMPLE = Path(__file__).parent.parent / "examples" / "openai_client.py"
KEY = "sk-key-of-the-site"


@pytest.fixture(autouse=True)
def _nothing_goes_out(monkeypatch: pytest.MonkeyPatch) -> None:
    connect = socket.socket.connect

    def only_to_ourselves(sock: socket.socket, address: Any) -> None:
        assert sock.family == socket.AF_UNIX or address[0] == "127.0.0.1", address
        connect(sock, address)

    monkeypatch.setattr(socket.socket, "connect", only_to_ourselves)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_MODELS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer.started() as server:
        yield server


@pytest.fixture
def chat_with(
    make_app: AppMaker, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Any]:
    """Return `chat_with(model)`, which starts a chat of the example on our server."""

    clients = []

    def start(model: str, url: str | None = None, seconds: float = 60) -> Chat:
        monkeypatch.setenv("OPENAI_BASE_URL", url or server.url)
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        monkeypatch.setenv("OPENAI_MODELS", f"good, {model}")
        app = make_app(EXAMPLE)
        file: Any = sys.modules["openai_client"]
        file.client = file.client.with_options(timeout=openai.Timeout(seconds, connect=60))
        clients.append(file.client)
        return Chat(app, model)

    yield start
    server.free.set()
    for client in clients:
        close(client)


def close(client: openai.AsyncOpenAI) -> None:
    """Close the connections, which would be found open in another test when they are collected."""
    process_loop.submit(client.close(), Context()).result(ANSWER_SECONDS)


def test_the_answer_of_a_model_is_shown(chat_with: Any, server: ModelServer) -> None:
    chat = chat_with("large").say("Tell me a story")
    assert chat.messages() == ["Once upon a time."]
    [asked] = server.asked
    assert (asked.model, asked.authorization) == ("large", f"Bearer {KEY}")
    assert asked.messages == [{"role": "user", "content": "Tell me a story"}]


def test_the_model_is_told_what_was_said_before(chat_with: Any, server: ModelServer) -> None:
    chat = chat_with("good").say("First").say("Second")
    assert chat.messages() == ["Once upon a time."] * 2
    assert server.asked[1].messages == [
        {"role": "user", "content": "First"},
        {"role": "assistant", "content": "".join(WORDS)},
        {"role": "user", "content": "Second"},
    ]


def test_one_client_serves_many_chats(chat_with: Any, server: ModelServer) -> None:
    app = chat_with("good").visitor.app
    for number in range(3):
        assert Chat(app, "good").say(f"Hello {number}").messages() == ["Once upon a time."]
    assert len(server.asked) == 3


def test_a_message_that_is_sent_twice_is_asked_once(chat_with: Any, server: ModelServer) -> None:
    chat, key = chat_with("good"), str(uuid.uuid4())
    chat.say("Hello", key).say("Hello", key)
    assert (chat.messages("user"), len(server.asked)) == (["Hello"], 1)


PROBLEMS = {
    "401": "refuses the key. The administrator must check OPENAI_API_KEY",
    "404": "does not know this model. The administrator must check OPENAI_MODELS",
    "429": "is busy. Wait 7 seconds and try again",
    "429-without-time": "is busy. Wait a moment and try again",
    "429-date": "is busy. Wait a moment and try again",
    "no-credit": "has no credit left. The administrator must check the account",
    "500": "failed (status 500). Try again later",
    "503": "failed (status 503). Try again later",
    "slow": "took too long",
}


@pytest.mark.parametrize("model", PROBLEMS)
def test_a_problem_is_told_in_words_and_tried_once(
    chat_with: Any, server: ModelServer, model: str
) -> None:
    chat = chat_with(model, seconds=0.3 if model == "slow" else 60).say("Hello")
    assert chat.messages() == [f"Note: The model server {PROBLEMS[model]}" + chat_end(model)]
    assert len(server.asked) == 1
    page = chat.visitor.get(chat.address).text
    assert [secret for secret in (KEY, SECRET) if secret in page] == []


def chat_end(model: str) -> str:
    return ". Send your message again, or ask for less at once." if model == "slow" else "."


def test_a_server_that_is_not_there_is_told(chat_with: Any) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        chat = chat_with("good", url=f"http://127.0.0.1:{unused.getsockname()[1]}/v1").say("Hello")
    [note] = chat.messages()
    assert "cannot be reached. The administrator must check OPENAI_BASE_URL" in note


@pytest.mark.parametrize("model", ["cut", "end-early", "pause"])
def test_an_answer_that_breaks_off_is_kept_and_told(chat_with: Any, model: str) -> None:
    chat = chat_with(model, seconds=2 if model == "pause" else 60).say("Hello")
    assert chat.messages() == ["Once", "Note: The answer broke off here. Send your message again."]


@pytest.mark.parametrize("model", ["400", "fail-late"])
def test_what_nobody_expected_is_an_error_with_a_reference(
    chat_with: Any, log: LogReader, model: str
) -> None:
    chat = chat_with(model).say("Hello")
    [error] = chat.page().all(data_testid="message", data_kind="error")
    assert "eference" in error.text
    page = chat.visitor.get(chat.address).text
    assert [secret for secret in (KEY, SECRET) if secret in page] == []
    assert "in is_whole" in log.text


def test_notes_are_not_told_to_the_model(chat_with: Any, server: ModelServer) -> None:
    chat_with("429").say("First").say("Second")
    assert [message["role"] for message in server.asked[1].messages] == ["user", "user"]


def test_stop_closes_the_stream_and_keeps_what_was_written(
    chat_with: Any, server: ModelServer
) -> None:
    chat = chat_with("drip")
    chat.begin("Hello")
    chat.until(lambda: "Once" in " ".join(chat.messages()))
    chat.stop()
    assert server.left.wait(ANSWER_SECONDS)
    [written] = chat.until_answered().messages()
    assert written.startswith("Once")


def test_models_are_profiles_each_once(make_app: AppMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_MODELS", " small ,large,, small")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    page = parse(Visitor(make_app(EXAMPLE)).get("/").text)
    options = page.all(data_testid="profile-option")
    assert [option["data-profile"] for option in options] == ["small", "large"]


def test_without_a_key_the_chat_says_what_to_set(make_app: AppMaker) -> None:
    chat = Chat(make_app(EXAMPLE), "gpt-5-mini").say("Hello")
    words = "Note: No model server is set up. The administrator must set OPENAI_API_KEY."
    assert chat.messages() == [words, words]


def test_a_server_of_ones_own_needs_no_key(
    make_app: AppMaker, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    chat = Chat(make_app(EXAMPLE), "gpt-5-mini").say("Hello")
    close(sys.modules["openai_client"].client)
    assert chat.messages() == ["Once upon a time."]
    assert server.asked[0].model == "gpt-5-mini"
