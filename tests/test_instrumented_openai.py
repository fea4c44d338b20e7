"""What the client of OpenAI is asked for becomes steps: the real client, a server on loopback."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextvars import Context
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.support.apps import AppMaker
from tests.support.chats import ANSWER_SECONDS, Chat
from tests.support.log import LogReader
from tests.support.steps import forbid_traffic, keep_openai, shown_steps
from webapp.engine.loop import process_loop

# What the apps below begin with.
BEGIN = """
import os

import chat_profiles as cl
import openai

cl.instrument_openai()
cl.instrument_openai()
URL = os.environ["OPENAI_BASE_URL"]
client = openai.OpenAI(api_key="sk-key-of-the-site", max_retries=0)
aclient = openai.AsyncOpenAI(api_key="sk-key-of-the-site", max_retries=0)
ASKED = [{"role": "user", "content": "How much?"}]

@cl.on_chat_start
def on_chat_start():
    pass
"""
CALL = {"id": "1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}


class FakeServer(ThreadingHTTPServer):
    """Answers what the test wants to be answered."""

    daemon_threads = True
    gate: threading.Event

    @property
    def url(self) -> str:
        """Return the address for ``OPENAI_BASE_URL``."""
        return f"http://127.0.0.1:{self.server_port}/v1"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FakeServer

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if body["model"] == "broken":
            self.answer({"error": {"message": "No: sk-secret-of-the-server"}}, 500)
        elif body.get("stream"):
            self.stream(list(STREAMS[self.path](body)), body["model"])
        else:
            self.answer(ANSWERS[self.path](body))

    def answer(self, content: Any, status: int = 200) -> None:
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def stream(self, pieces: list[Any], model: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        for number, piece in enumerate(pieces):
            if model == "slow" and number == 2:
                self.server.gate.wait(ANSWER_SECONDS)
            cut = {"error": {"message": "No: sk-secret-of-the-server"}}
            sent = cut if model == "cut" and number == 2 else piece
            kind = f"event: {sent['type']}\n" if "type" in sent else ""
            self.wfile.write(f"{kind}data: {json.dumps(sent)}\n\n".encode())
            self.wfile.flush()
        self.wfile.write(b"data: [DONE]\n\n")

    def log_message(self, *args: object) -> None:
        """Say nothing."""


def completion(body: Any) -> Any:
    message: dict[str, Any] = {"role": "assistant", "content": "It is **3**"}
    if body["model"] == "tools":
        message = {"role": "assistant", "content": None, "tool_calls": [CALL]}
    return {
        "id": "1",
        "object": "chat.completion",
        "created": 1,
        "model": body["model"],
        "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
    }


def completion_chunks(body: Any) -> Iterator[Any]:
    deltas: list[Any] = [{"content": word} for word in ("", "It ", "is ", "**3**")]
    if body["model"] == "tools":
        part = {"index": 0, **CALL, "function": {"name": "add", "arguments": '{"a"'}}
        rest = {"index": 0, "function": {"arguments": ": 1}"}}
        deltas = [{"tool_calls": [part]}, {"tool_calls": [rest]}]
    for delta in deltas:
        yield chunk([{"index": 0, "delta": delta, "finish_reason": None}])
        if body.get("n") == 2:
            yield chunk([{"index": 1, "delta": {"content": "x"}, "finish_reason": "stop"}])
    yield chunk([{"index": 0, "delta": {}, "finish_reason": "stop"}])
    yield chunk([])  # how much was used


def chunk(choices: list[Any]) -> Any:
    kind = "chat.completion.chunk"
    return {"id": "1", "object": kind, "created": 1, "model": "m", "choices": choices}


def response(body: Any) -> Any:
    text = {"type": "output_text", "text": "It is **3**", "annotations": []}
    message = {
        "id": "m",
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [text],
    }
    return {
        "id": "1",
        "object": "response",
        "created_at": 1,
        "model": body["model"],
        "status": "completed",
        "output": [message],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
    }


def response_events(body: Any) -> Iterator[Any]:
    place = {"item_id": "m", "output_index": 0, "content_index": 0, "logprobs": []}
    for number, word in enumerate(("It ", "is ", "**3**")):
        yield {
            "type": "response.output_text.delta",
            "delta": word,
            "sequence_number": number,
            **place,
        }
    if body["model"] == "fails":
        yield {"type": "response.failed", "response": response(body), "sequence_number": 4}
        return
    yield {"type": "response.completed", "response": response(body), "sequence_number": 4}


def text_completion(body: Any) -> Any:
    choice = {"index": 0, "text": "It is **3**", "finish_reason": "stop", "logprobs": None}
    return {
        "id": "1",
        "object": "text_completion",
        "created": 1,
        "model": body["model"],
        "choices": [choice],
    }


def embedding(body: Any) -> Any:
    data = [{"object": "embedding", "index": 0, "embedding": [0.5, 0.5, 0.5]}]
    usage = {"prompt_tokens": 1, "total_tokens": 1}
    return {"object": "list", "model": body["model"], "data": data, "usage": usage}


ANSWERS: dict[str, Callable[[Any], Any]] = {
    "/v1/chat/completions": completion,
    "/v1/responses": response,
    "/v1/completions": text_completion,
    "/v1/embeddings": embedding,
}
STREAMS: dict[str, Callable[[Any], Iterator[Any]]] = {
    "/v1/chat/completions": completion_chunks,
    "/v1/responses": response_events,
    "/v1/completions": lambda body: iter([text_completion(body)]),
}


@pytest.fixture(autouse=True)
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeServer]:
    forbid_traffic(monkeypatch)
    keep_openai(monkeypatch)
    with FakeServer(("127.0.0.1", 0), _Handler) as server:
        server.gate = threading.Event()
        thread = threading.Thread(target=server.serve_forever, args=[0.05], daemon=True)
        thread.start()
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-key-of-the-site")
        try:
            yield server
        finally:
            server.gate.set()
            server.shutdown()
            thread.join()


@pytest.fixture
def chat_with(make_app: AppMaker) -> Iterator[Any]:
    """Return `chat_with(code)`, which starts a chat of an app."""
    yield lambda code: Chat(make_app(BEGIN + code))
    file: Any = sys.modules["app_file"]
    file.client.close()
    # Its connections belong to the loop, and would be found open when they are collected.
    process_loop.submit(_close(file.aclient), Context()).result(ANSWER_SECONDS)


async def _close(client: Any) -> None:
    await client.close()
    # Its sockets are closed in the next rounds of the loop.
    await asyncio.sleep(0.01)


WAYS = {
    "create": "def on_message(message):\n"
    "    found = client.chat.completions.create(model='m', messages=ASKED)\n"
    "    text = found.choices[0].message.content",
    "async create": "async def on_message(message):\n"
    "    found = await aclient.chat.completions.create(model='m', messages=ASKED)\n"
    "    text = found.choices[0].message.content",
    "stream": "def on_message(message):\n"
    "    stream = client.chat.completions.create(model='m', messages=ASKED, stream=True)\n"
    "    assert isinstance(stream, openai.Stream) and stream.response.status_code == 200\n"
    "    text = ''.join(it.choices[0].delta.content or '' for it in stream if it.choices)",
    "async stream": "async def on_message(message):\n"
    "    stream = await aclient.chat.completions.create(model='m', messages=ASKED, stream=True)\n"
    "    assert isinstance(stream, openai.AsyncStream)\n"
    "    text = ''.join([\n"
    "        it.choices[0].delta.content or '' async for it in stream if it.choices\n"
    "    ])",
    "stream helper": "def on_message(message):\n"
    "    with client.chat.completions.stream(model='m', messages=ASKED) as stream:\n"
    "        text = stream.get_final_completion().choices[0].message.content",
    "parse": "def on_message(message):\n"
    "    found = client.chat.completions.parse(model='m', messages=ASKED)\n"
    "    text = found.choices[0].message.content",
    "async parse": "async def on_message(message):\n"
    "    found = await aclient.chat.completions.parse(model='m', messages=ASKED)\n"
    "    text = found.choices[0].message.content",
    "responses": "def on_message(message):\n"
    "    text = client.responses.create(model='m', input='How much?').output_text",
    "async responses": "async def on_message(message):\n"
    "    text = (await aclient.responses.create(model='m', input='How much?')).output_text",
    "responses stream": "def on_message(message):\n"
    "    stream = client.responses.create(model='m', input='How much?', stream=True)\n"
    "    text = ''.join(it.delta for it in stream if it.type == 'response.output_text.delta')",
    "completions": "def on_message(message):\n"
    "    text = client.completions.create(model='m', prompt='How much?').choices[0].text",
    "completions stream": "async def on_message(message):\n"
    "    stream = await aclient.completions.create(model='m', prompt='How much?', stream=True)\n"
    "    text = ''.join([it.choices[0].text async for it in stream])",
    "in a thread": "async def on_message(message):\n"
    "    ask = cl.make_async(client.chat.completions.create)\n"
    "    text = (await ask(model='m', messages=ASKED)).choices[0].message.content",
}


@pytest.mark.parametrize("way", WAYS)
def test_what_is_asked_and_answered_is_a_step(chat_with: Any, way: str) -> None:
    code = f"@cl.on_message\n{WAYS[way]}\n    cl.Message(text).send()\n"
    chat = chat_with(code).say("Hi")
    assert chat.messages() == ["It is 3"]
    [step] = shown_steps(chat)
    assert (step.name, step.type, step.status) == ("m", "llm", "complete")
    assert "How much?" in step.input
    assert step.output == "It is 3"
    assert "sk-key" not in chat.page().text


@pytest.mark.parametrize("stream", [True, False])
def test_the_tools_that_a_model_wants_are_shown(chat_with: Any, stream: bool) -> None:
    chat = chat_with(f"""
@cl.on_message
async def on_message(message):
    found = await aclient.chat.completions.create(model="tools", messages=ASKED, stream={stream})
    if {stream}:
        async for _ in found:
            pass
""").say("Hi")
    [step] = shown_steps(chat)
    assert json.loads(step.output) == [{"name": "add", "arguments": '{"a": 1}'}]


def test_what_a_model_writes_is_shown_while_it_writes(chat_with: Any, server: FakeServer) -> None:
    chat = chat_with("""
@cl.on_message
async def on_message(message):
    async for _ in await aclient.chat.completions.create(
        model="slow", messages=ASKED, stream=True
    ):
        pass
""")
    chat.begin("Hi")
    chat.until(lambda: [step.output for step in shown_steps(chat)] == ["It"])
    [step] = shown_steps(chat)
    assert step.status == "streaming"
    server.gate.set()
    [step] = shown_steps(chat.until_answered())
    assert (step.output, step.status) == ("It is 3", "complete")


@pytest.mark.parametrize(
    "call",
    [
        "await aclient.chat.completions.create(model='broken', messages=ASKED)",
        "client.chat.completions.create(model='broken', messages=ASKED)",
        "[it async for it in await aclient.chat.completions.create("
        "model='cut', messages=ASKED, stream=True)]",
        "list(client.chat.completions.create(model='cut', messages=ASKED, stream=True))",
    ],
    ids=["async", "sync", "async stream", "stream"],
)
def test_what_fails_is_marked_and_its_error_goes_to_the_app(chat_with: Any, call: str) -> None:
    chat = chat_with(f"""
@cl.on_message
async def on_message(message):
    try:
        {call}
    except openai.APIError:
        await cl.Message("Went on").send()
""").say("Hi")
    [step] = shown_steps(chat)
    assert step.status == "failed"
    assert chat.messages() == ["Went on"]
    assert "sk-secret" not in chat.page().text


def test_a_response_that_fails_is_marked(chat_with: Any) -> None:
    chat = chat_with("""
@cl.on_message
def on_message(message):
    for _ in client.responses.create(model="fails", input="How much?", stream=True):
        pass
""").say("Hi")
    [step] = shown_steps(chat)
    assert (step.status, step.output) == ("failed", "It is 3")


def test_of_several_answers_the_first_is_shown(chat_with: Any) -> None:
    chat = chat_with("""
@cl.on_message
def on_message(message):
    for _ in client.chat.completions.create(model="m", messages=ASKED, stream=True, n=2):
        pass
""").say("Hi")
    [step] = shown_steps(chat)
    assert (step.status, step.output) == ("complete", "It is 3")


def test_what_is_asked_at_the_same_time_stands_side_by_side(chat_with: Any) -> None:
    chat = chat_with("""
import asyncio

@cl.on_message
async def on_message(message):
    async def ask(model):
        with cl.Step(name=model):
            await aclient.chat.completions.create(model=model, messages=ASKED)
    await asyncio.gather(ask("a"), ask("b"))
""").say("Hi")
    assert {(step.name, step.within, step.status) for step in shown_steps(chat)} == {
        ("a", (), "complete"),
        ("a", ("a",), "complete"),
        ("b", (), "complete"),
        ("b", ("b",), "complete"),
    }


def test_a_stream_that_nobody_reads_to_its_end_is_no_failure(chat_with: Any) -> None:
    chat = chat_with("""
@cl.on_message
def on_message(message):
    with client.chat.completions.create(model="m", messages=ASKED, stream=True) as stream:
        for chunk in stream:
            if chunk.choices[0].delta.content:
                break
    with client.chat.completions.create(model="m", messages=ASKED, stream=True) as stream:
        for chunk in stream:
            if chunk.choices[0].finish_reason:
                break
    cl.Message("Left").send()
""").say("Hi")
    early, whole = shown_steps(chat)
    assert (early.output, early.status) == ("It", "complete")
    assert (whole.output, whole.status) == ("It is 3", "complete")


def test_a_raw_answer_is_left_to_the_app(chat_with: Any, log: LogReader) -> None:
    chat = chat_with("""
@cl.on_message
def on_message(message):
    raw = client.chat.completions.with_raw_response.create(model="m", messages=ASKED)
    cl.Message(raw.parse().choices[0].message.content + raw.headers["content-type"]).send()
""").say("Hi")
    assert chat.messages() == ["It is 3application/json"]
    [step] = shown_steps(chat)
    assert step.status == "complete"
    assert "could not be shown" not in log.text


def test_embeddings_are_counted(chat_with: Any) -> None:
    chat = chat_with("""
@cl.on_message
async def on_message(message):
    found = await aclient.embeddings.create(model="e", input="Paris", encoding_format="float")
    client.embeddings.create(model="e", input=["Paris"])
    cl.Message(str(found.data[0].embedding)).send()
""").say("Hi")
    first, second = shown_steps(chat)
    assert (first.name, first.type, first.input) == ("e", "embedding", "Paris")
    assert first.output == second.output == "1 vector of 3 numbers"
    assert chat.messages() == ["[0.5, 0.5, 0.5]"]


def test_a_step_of_the_app_contains_what_it_asks_for(chat_with: Any) -> None:
    chat = chat_with("""
@cl.step(type="tool", name="Mine")
async def mine():
    await aclient.chat.completions.create(model="m", messages=ASKED)

@cl.on_message
async def on_message(message):
    await mine()
""").say("Hi")
    assert [(step.name, step.within) for step in shown_steps(chat)] == [
        ("Mine", ()),
        ("m", ("Mine",)),
    ]


@pytest.mark.parametrize("cot", ["tool_call", "hidden"])
def test_the_app_says_which_steps_users_see(chat_with: Any, cot: str) -> None:
    chat = chat_with(f"""
cl.set_cot({cot!r})

@cl.on_message
def on_message(message):
    stream = client.chat.completions.create(model="m", messages=ASKED, stream=True)
    cl.Message("".join(it.choices[0].delta.content or "" for it in stream if it.choices)).send()
""").say("Hi")
    assert shown_steps(chat) == []
    assert chat.messages() == ["It is 3"]


def test_outside_a_chat_nothing_changes(chat_with: Any) -> None:
    chat = chat_with("""
FOUND = client.chat.completions.create(model="m", messages=ASKED).choices[0].message.content

@cl.on_message
def on_message(message):
    cl.Message(FOUND).send()
""").say("Hi")
    assert chat.messages() == ["It is 3"]
    assert shown_steps(chat) == []


def test_stop_ends_what_is_asked_for_next(chat_with: Any) -> None:
    chat = chat_with("""
import threading

ENDED = threading.Event()

@cl.on_message
def on_message(message):
    try:
        while True:
            client.chat.completions.create(model="m", messages=ASKED)
    finally:
        ENDED.set()
""")
    chat.begin("Hi")
    chat.until(lambda: len(shown_steps(chat)) > 1)
    chat.stop()
    file: Any = sys.modules["app_file"]
    ended: threading.Event = file.ENDED
    assert ended.wait(ANSWER_SECONDS)
