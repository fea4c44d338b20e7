"""Reading the steps of a chat, as its page shows them."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import Any

import pytest
from openai.resources import chat, completions, embeddings, responses

from tests.support.chats import Chat
from tests.support.html import Element


@dataclass(frozen=True)
class ShownStep:
    """What a page shows of a step."""

    name: str
    type: str
    status: str
    # The names of the steps around it, outermost first.
    within: tuple[str, ...]
    input: str
    output: str


def shown_steps(shown: Chat) -> list[ShownStep]:
    """Return the steps of a chat, in their order."""
    return [_read(step) for step in shown.page().all(data_testid="step")]


def forbid_traffic(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing be fetched from anywhere but this machine."""
    connect = socket.socket.connect

    def only_to_ourselves(sock: socket.socket, address: Any) -> None:
        assert sock.family == socket.AF_UNIX or address[0] == "127.0.0.1", address
        connect(sock, address)

    monkeypatch.setattr(socket.socket, "connect", only_to_ourselves)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name in ("LANGSMITH_TRACING", "LANGCHAIN_TRACING_V2", "LANGCHAIN_TRACING"):
        monkeypatch.setenv(name, "false")


def keep_openai(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the client of OpenAI as it was, at the end of a test in which an app instruments it."""
    for owner in (
        chat.completions.Completions,
        chat.completions.AsyncCompletions,
        completions.Completions,
        completions.AsyncCompletions,
        responses.Responses,
        responses.AsyncResponses,
        embeddings.Embeddings,
        embeddings.AsyncEmbeddings,
    ):
        for name in {"create", "parse"} & vars(owner).keys():
            monkeypatch.setattr(owner, name, vars(owner)[name])


def _read(step: Element) -> ShownStep:
    around: list[str] = []
    above = step.parent
    while above is not None:
        if above.get("data-testid") == "step":
            around.insert(0, above["data-name"])
        above = above.parent
    parts = [each for each in step.children if isinstance(each, Element)]
    texts = {"Input": "", "Output": ""}
    label = "Output"
    for part in parts:
        if part.tag == "p" and part.text in texts:
            label = part.text
        elif "prose" in part.classes:
            texts[label] += part.text.strip()
    return ShownStep(
        name=step["data-name"],
        type=step["data-type"],
        status=step["data-status"],
        within=tuple(around),
        input=texts["Input"],
        output=texts["Output"],
    )
