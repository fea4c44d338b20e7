"""The fake model of the test kit, asked by the real client of OpenAI and through an app."""

from __future__ import annotations

import asyncio
import gc
import threading
from pathlib import Path
from typing import Any

import openai
import pytest

from webapp.testing import ChatTester, ChatTestError, FakeModel, ModelError, ModelRequest, ToolCall

ASK: Any = [{"role": "user", "content": "Capital?"}]
TOOLS: Any = [
    {"type": "function", "function": {"name": "search", "parameters": {"type": "object"}}}
]


def client(model: FakeModel) -> openai.OpenAI:
    return openai.OpenAI(base_url=model.base_url, api_key="any", max_retries=0)


def complete(asked: openai.OpenAI, **more: Any) -> Any:
    return asked.chat.completions.create(model="m", messages=ASK, **more)


def test_each_request_gets_the_next_answer() -> None:
    with FakeModel(["Lima", "Quito"]) as model, client(model) as asked:
        answers = [complete(asked) for _ in range(2)]
    assert [answer.choices[0].message.content for answer in answers] == ["Lima", "Quito"]
    assert answers[0].choices[0].finish_reason == "stop"
    assert answers[0].usage.total_tokens > 0
    assert [(r.model, r.messages, r.stream) for r in model.requests] == [("m", ASK, False)] * 2
    assert model.remaining == 0


def test_an_answer_is_streamed_word_by_word() -> None:
    with FakeModel(["Lima is  the\ncapital"]) as model, client(model) as asked:
        stream = complete(asked, stream=True, stream_options={"include_usage": True})
        chunks = list(stream)
    words = [c.choices[0].delta.content for c in chunks if c.choices and c.choices[0].delta.content]
    assert words == ["Lima ", "is  ", "the\n", "capital"]
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
    assert chunks[-1].usage.completion_tokens == 4
    assert model.requests[0].stream


def test_tools_are_called_whole_and_streamed() -> None:
    call = ToolCall("search", {"query": "Peru"})
    with FakeModel([call, [call, ToolCall("stop")]]) as model, client(model) as asked:
        whole = complete(asked, tools=TOOLS)
        with asked.chat.completions.stream(
            model="m",
            messages=ASK,
            tools=TOOLS,
        ) as stream:
            streamed = stream.get_final_completion()
    assert model.requests[0].tools == TOOLS
    [asked_for] = whole.choices[0].message.tool_calls
    assert (asked_for.function.name, asked_for.function.arguments) == (
        "search",
        '{"query": "Peru"}',
    )
    assert whole.choices[0].finish_reason == streamed.choices[0].finish_reason == "tool_calls"
    calls = [c.function for c in streamed.choices[0].message.tool_calls or []]
    assert [call.name for call in calls] == ["search", "stop"]
    assert [call.arguments for call in calls] == ['{"query": "Peru"}', "{}"]


def test_responses_are_whole_and_streamed() -> None:
    script: list[Any] = ["Lima it is", "Lima it is", ToolCall("search", {"query": "Peru"})]
    with FakeModel(script) as model, client(model) as asked:
        assert asked.responses.create(model="m", input="Capital?").output_text == "Lima it is"
        with asked.responses.stream(model="m", input="Capital?") as stream:
            words = [e.delta for e in stream if e.type == "response.output_text.delta"]
            assert stream.get_final_response().output_text == "Lima it is"
        assert words == ["Lima ", "it ", "is"]
        [call] = asked.responses.create(model="m", input="Capital?").output
        assert (call.type, getattr(call, "arguments", "")) == ("function_call", '{"query": "Peru"}')
    assert model.requests[0].messages == [{"role": "user", "content": "Capital?"}]


def test_embeddings_are_the_same_for_the_same_text() -> None:
    with FakeModel([]) as model, client(model) as asked:
        one, two, again = asked.embeddings.create(model="e", input=["a", "b", "a"]).data
        assert one.embedding == again.embedding != two.embedding
        [plain] = asked.embeddings.create(model="e", input="a", encoding_format="float").data
        assert plain.embedding == pytest.approx(one.embedding, abs=1e-6)
        assert [m.id for m in asked.models.list()] == ["fake"]


def test_a_function_may_answer() -> None:
    def shout(request: ModelRequest) -> str:
        return str(request.messages[-1]["content"]).upper()

    with FakeModel(shout) as model, client(model) as asked:
        answer = complete(asked)
    assert answer.choices[0].message.content == "CAPITAL?"


def test_an_error_of_the_script_is_one_of_the_client() -> None:
    error = ModelError(status=429, message="Slow down", code="rate_limit_exceeded", retry_after=7)
    with (
        FakeModel([error]) as model,
        client(model) as asked,
        pytest.raises(openai.RateLimitError, match="Slow down") as raised,
    ):
        complete(asked)
    assert raised.value.response.headers["retry-after"] == "7"
    assert raised.value.code == "rate_limit_exceeded"


def test_a_script_that_is_too_short_says_so() -> None:
    with FakeModel(["Lima"]) as model, openai.OpenAI(base_url=model.base_url, api_key="x") as asked:
        complete(asked)
        told = "has 1 answers, and the app has asked 2 times. Add an answer"
        with pytest.raises(openai.BadRequestError, match=told):
            complete(asked)
        assert len(model.requests) == 2  # the client has not tried again


def test_what_it_does_not_know_is_told() -> None:
    with (
        FakeModel([]) as model,
        client(model) as asked,
        pytest.raises(openai.NotFoundError, match="knows no /v1/moderations"),
    ):
        asked.moderations.create(input="x")


def test_its_server_ends_with_it() -> None:
    def servers() -> int:
        return sum(thread.name == "fake-model" for thread in threading.enumerate())

    before = servers()
    with FakeModel([]) as model:
        assert model.base_url.startswith("http://127.0.0.1:")
        assert servers() == before + 1
    forgotten = FakeModel([])
    assert forgotten.environ["OPENAI_BASE_URL"] == forgotten.base_url
    del forgotten, model
    gc.collect()
    assert servers() == before


AGENT = """
import json
import chat_profiles as cl
from openai import AsyncOpenAI

client = AsyncOpenAI(max_retries=0)
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}


@cl.step(type="tool")
async def look(place: str) -> str:
    return f"{place} has a capital"


@cl.on_message
async def answer(message: cl.Message):
    messages = cl.chat_history()
    first = await client.chat.completions.create(model="m", messages=messages, tools=[TOOL])
    said = first.choices[0].message
    for call in said.tool_calls or []:
        found = await look(**json.loads(call.function.arguments))
        messages += [said, {"role": "tool", "tool_call_id": call.id, "content": found}]
    reply = cl.Message()
    try:
        stream = await client.chat.completions.create(model="m", messages=messages, stream=True)
    except Exception as error:
        await cl.Message("The model does not answer").send()
        return
    async for chunk in stream:
        await reply.stream_token(chunk.choices[0].delta.content or "")
    await reply.send()
"""


def test_an_app_is_tested_with_it_without_a_change(tmp_path: Path) -> None:
    (tmp_path / "agent.py").write_text(AGENT)
    model = FakeModel([ToolCall("look", {"place": "Peru"}), "It is Lima"])
    with ChatTester(tmp_path / "agent.py", model=model) as chat:
        answer = chat.say("Capital?")
        assert answer.text == "It is Lima"
        assert [(step.name, step.output) for step in answer.steps] == [
            ("look", "Peru has a capital")
        ]
        assert model.requests[1].messages[-1]["content"] == "Peru has a capital"
        # The app has caught the error of its client, so the test would not see it.
        model.requests.clear()
        with pytest.raises(ChatTestError, match=r"Add an answer to the script"):
            chat.say("And Ecuador?", raises=False)
    model.close()
    gc.collect()


def test_it_is_asked_through_no_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    (tmp_path / "agent.py").write_text(AGENT)
    with ChatTester(tmp_path / "agent.py", model=FakeModel(["No tool", "Lima"])) as chat:
        assert chat.say("Capital?").text == "Lima"


def test_an_answer_is_stopped_while_it_comes(tmp_path: Path) -> None:
    (tmp_path / "agent.py").write_text(AGENT)
    model = FakeModel(["No tool", "word " * 2_000], delay=0.005)
    with ChatTester(tmp_path / "agent.py", model=model) as chat:
        assert chat.say("Go on", until="word word").status == "running"
        stopped = chat.stop()
        assert stopped.status == "stopped"
        assert 2 <= stopped.text.count("word") < 2_000


def test_it_answers_async_clients_at_once() -> None:
    async def ask(model: FakeModel) -> set[str | None]:
        async with openai.AsyncOpenAI(base_url=model.base_url, api_key="x") as asked:
            create = asked.chat.completions.create
            answers = await asyncio.gather(*(create(model="m", messages=ASK) for _ in range(8)))
        return {answer.choices[0].message.content for answer in answers}

    with FakeModel([str(number) for number in range(8)]) as model:
        assert asyncio.run(ask(model)) == {str(number) for number in range(8)}
