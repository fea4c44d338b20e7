"""`ag_ui.profile`: an agent elsewhere answers in the place of `@on_message`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from ag_ui import core
from pydantic_ai import Agent as PydanticAgent
from pydantic_ai import DeferredToolRequests
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models.function import AgentInfo, DeltaToolCall, DeltaToolCalls, FunctionModel
from pydantic_ai.models.test import TestModel
from pydantic_ai.ui.ag_ui import AGUIAdapter
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.support.agents import AgentServer, agent_server, begun, finished, served, spoken
from tests.support.apps import AppMaker
from tests.support.chats import Chat
from tests.support.conversation import wait_until
from tests.support.log import LogReader
from tests.support.ports import free_port
from tests.support.questions import answer, open_question
from tests.support.steps import shown_steps
from tests.test_editing import edit, regenerate
from webapp.authoring.errors import MisuseError
from webapp.integrations import ag_ui
from webapp.integrations.ag_ui import agent as agent_module
from webapp.integrations.ag_ui import display, events, past_calls
from webapp.integrations.ag_ui.state import PatchError, apply_patch

APP = """
import webapp as cl
from webapp.integrations import ag_ui


@cl.set_chat_profiles
def chat_profiles():
    return [ag_ui.profile("Researcher", url={url!r}, headers={{"Authorization": "Bearer t"}})]
"""
Said = AsyncIterator[core.BaseEvent | bytes]


def app_of(make_app: AppMaker, server: AgentServer, name: str = "agent", more: str = "") -> Chat:
    return Chat(make_app(APP.format(url=server.url(name)) + more))


async def greet(asked: core.RunAgentInput) -> Said:
    yield begun(asked)
    for event in spoken("Hello there"):
        yield event
    yield finished(asked)


def test_an_agent_is_a_profile_in_one_line(make_app: AppMaker) -> None:
    with agent_server(agent=greet) as server:
        chat = app_of(make_app, server).say("Hi").say("And again")
    assert chat.messages() == ["Hello there", "Hello there"]
    assert server.headers[0]["authorization"] == "Bearer t"
    first, second = server.asked
    assert [(m.role, m.content) for m in first.messages] == [("user", "Hi")]
    assert [m.role for m in second.messages] == ["user", "assistant", "user"]
    assert second.messages[-1].content == "And again"
    assert first.thread_id == second.thread_id
    assert first.run_id != second.run_id


def test_the_app_answers_its_other_profiles(make_app: AppMaker) -> None:
    source = """
import webapp as cl
from webapp.integrations import ag_ui


@cl.set_chat_profiles
def chat_profiles():
    own = cl.ChatProfile(name="Own", markdown_description="")
    return [own, ag_ui.profile("Researcher", url={url!r})]


@cl.on_message
def answer():
    cl.Message("from the app").send()
"""
    with agent_server(agent=greet) as server:
        app = make_app(source.format(url=server.url("agent")))
        assert Chat(app, "Own").say("Hi").messages() == ["from the app"]
        assert Chat(app, "Researcher").say("Hi").messages() == ["Hello there"]


async def work(asked: core.RunAgentInput) -> Said:
    yield begun(asked)
    yield core.StepStartedEvent(step_name="research")
    yield core.ReasoningStartEvent(message_id="r")
    yield core.ReasoningMessageStartEvent(message_id="r", role="reasoning")
    yield core.ReasoningMessageContentEvent(message_id="r", delta="Let me ")
    yield core.ReasoningMessageContentEvent(message_id="r", delta="think")
    yield core.ReasoningMessageEndEvent(message_id="r")
    yield core.ReasoningEndEvent(message_id="r")
    yield core.ToolCallStartEvent(tool_call_id="t", tool_call_name="search")
    yield core.ToolCallArgsEvent(tool_call_id="t", delta='{"for": ')
    yield core.ToolCallArgsEvent(tool_call_id="t", delta='"cats"}')
    yield core.ToolCallEndEvent(tool_call_id="t")
    yield core.ToolCallResultEvent(message_id="x", tool_call_id="t", content="two cats")
    yield core.StepFinishedEvent(step_name="research")
    yield core.TextMessageChunkEvent(message_id="a", role="assistant", delta="Two ")
    yield core.TextMessageChunkEvent(delta="cats.")
    yield core.ActivitySnapshotEvent(message_id="p", activity_type="plan", content={"done": 1})
    change = {"op": "replace", "path": "/done", "value": "all of it"}
    delta = {"messageId": "p", "activityType": "plan", "patch": [change]}
    yield core.ActivityDeltaEvent.model_validate(delta)
    yield core.SubagentStartedEvent(subagent_run_id="s", name="helper")
    yield core.ToolCallStartEvent(tool_call_id="u", tool_call_name="fetch", subagent_run_id="s")
    yield core.ToolCallEndEvent(tool_call_id="u")
    yield core.SubagentErrorEvent(subagent_run_id="s", message="It is ill")
    yield core.CustomEvent(name="anything", value=1)
    yield b'data: {"type": "NEWER_THAN_WE_KNOW"}\n\n'
    yield finished(asked)


def test_what_it_does_on_the_way_becomes_steps(make_app: AppMaker) -> None:
    with agent_server(agent=work) as server:
        chat = app_of(make_app, server).say("Look")
    assert chat.messages() == ["Two cats."]
    steps = {step.name: step for step in shown_steps(chat)}
    assert set(steps) == {"research", "Reasoning", "search", "plan", "helper", "fetch"}
    assert "all of it" in steps["plan"].output
    assert steps["fetch"].within == ("helper",)
    assert (steps["helper"].status, steps["helper"].output) == ("failed", "It is ill")
    assert "Let me think" in steps["Reasoning"].output
    assert steps["search"].type == "tool"
    assert "cats" in steps["search"].input
    assert "two cats" in steps["search"].output


def test_its_next_run_is_told_of_its_calls(make_app: AppMaker) -> None:
    with agent_server(agent=work) as server:
        app_of(make_app, server).say("Look").say("And now?").say("Again?")
    _, second, third = server.asked
    roles = ["user", "assistant", "tool", "assistant"]
    assert [m.role for m in second.messages] == [*roles, "user"]
    assert [m.role for m in third.messages] == [*roles, *roles, "user"]
    _, called, result, text, _ = second.messages
    assert isinstance(called, core.AssistantMessage)
    [call] = called.tool_calls or []
    # The other call has no result, and a model refuses such a call.
    assert (call.id, call.function.name, call.function.arguments) == (
        "t",
        "search",
        '{"for": "cats"}',
    )
    assert isinstance(result, core.ToolMessage)
    assert (result.tool_call_id, result.content, text.content) == ("t", "two cats", "Two cats.")


def test_an_answer_that_was_replaced_takes_its_calls_along(make_app: AppMaker) -> None:
    with agent_server(agent=work) as server:
        chat = app_of(make_app, server).say("Look")
        regenerate(chat)
        edit(chat, "Look there")
    for asked in server.asked:
        assert [m.role for m in asked.messages] == ["user"]


async def talk_much(asked: core.RunAgentInput) -> Said:
    yield begun(asked)
    yield core.ToolCallStartEvent(tool_call_id=asked.run_id, tool_call_name="read")
    yield core.ToolCallEndEvent(tool_call_id=asked.run_id)
    content = "x" * (past_calls.MOST_CALL_CHARACTERS // 3)
    yield core.ToolCallResultEvent(message_id="x", tool_call_id=asked.run_id, content=content)
    yield finished(asked)


def test_the_oldest_calls_are_forgotten(make_app: AppMaker) -> None:
    with agent_server(agent=talk_much) as server:
        chat = app_of(make_app, server)
        for text in "abcd":
            chat.say(text)
    assert [sum(m.role == "tool" for m in asked.messages) for asked in server.asked] == [0, 1, 2, 2]


async def count(asked: core.RunAgentInput) -> Said:
    yield begun(asked)
    if not asked.state:
        yield core.StateSnapshotEvent(snapshot={"runs": 1, "seen": []})
    else:
        runs = {"op": "replace", "path": "/runs", "value": asked.state["runs"] + 1}
        seen = {"op": "add", "path": "/seen/-", "value": "x"}
        yield core.StateDeltaEvent.model_validate({"delta": [runs, seen]})
    yield finished(asked)


def test_its_state_is_kept_for_the_next_run(make_app: AppMaker) -> None:
    more = """
@cl.on_chat_resume
def resume(thread):
    pass
"""
    with agent_server(agent=count) as server:
        app_of(make_app, server, more=more).say("a").say("b").say("c")
    assert [asked.state for asked in server.asked] == [
        {},
        {"runs": 1, "seen": []},
        {"runs": 2, "seen": ["x"]},
    ]


async def fail(asked: core.RunAgentInput) -> Said:
    yield begun(asked)
    yield core.TextMessageStartEvent(message_id="m", role="assistant")
    yield core.TextMessageContentEvent(message_id="m", delta="Half")
    yield core.RunErrorEvent(message="The model is out, api_key=sk-1234567890abcdef")


async def cut(asked: core.RunAgentInput) -> Said:
    yield begun(asked)
    for event in spoken("Half an answer")[:-2]:
        yield event


async def broken(asked: core.RunAgentInput) -> Said:
    yield begun(asked)
    yield b'data: {"type": "TEXT_MESSAGE_START"}\n\n'


async def no_json(asked: core.RunAgentInput) -> Said:
    yield b"data: [" + b"[" * 50_000 + b"\n\n"


async def endless_event(asked: core.RunAgentInput) -> Said:
    yield b"data: "
    while True:
        yield b"x" * 100_000


async def endless(asked: core.RunAgentInput) -> Said:
    while True:
        yield b":" + b"x" * 500_000 + b"\n\n"


async def bad_patch(asked: core.RunAgentInput) -> Said:
    yield core.StateDeltaEvent.model_validate({"delta": [{"op": "remove", "path": "/none"}]})


async def large_state(asked: core.RunAgentInput) -> Said:
    yield core.StateSnapshotEvent(snapshot={"x": "x" * 200_000})


async def no_message(asked: core.RunAgentInput) -> Said:
    yield core.TextMessageChunkEvent(delta="of what?")


@pytest.mark.parametrize(
    ("agent", "told", "said"),
    [
        (fail, "The model is out, api_key=[hidden]", ["Half"]),
        (cut, agent_module.CUT_OFF, ["Half an"]),
        (broken, "Event 2 of the agent is not as AG-UI has it", []),
        (no_json, "Event 1 of the agent is not as AG-UI has it", []),
        (endless_event, "An event of the agent is too long", []),
        (endless, "The answer of the agent is too long", []),
        (bad_patch, "A change of the agent’s state does not fit", []),
        (large_state, "The state of the agent is too large", []),
        (no_message, "The agent sent a text of no message", []),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_goes_wrong_is_told(
    make_app: AppMaker, agent: Any, told: str, said: list[str], log: LogReader
) -> None:
    with agent_server(agent=agent) as server:
        chat = app_of(make_app, server).say("Hi")
    assert chat.messages() == said
    [error] = chat.messages("error")
    assert told.replace("’", "'") in error.replace("’", "'")
    assert "sk-1234567890abcdef" not in str(chat.page)


def test_an_agent_that_is_away_or_none_is_told(make_app: AppMaker) -> None:
    source = APP.format(url=f"http://127.0.0.1:{free_port()}/agent")
    [error] = Chat(make_app(source)).say("Hi").messages("error")
    assert error == agent_module.UNREACHABLE

    async def page(_: Request) -> Response:
        return Response("<p>Hello", media_type="text/html")

    async def refuse(_: Request) -> Response:
        return Response("no", status_code=403)

    port = free_port()
    routes = [Route("/page", page, methods=["POST"]), Route("/no", refuse, methods=["POST"])]
    with served(Starlette(routes=routes), port):
        for path, told in (("page", "stream of events"), ("no", "status 403")):
            source = APP.format(url=f"http://127.0.0.1:{port}/{path}")
            [error] = Chat(make_app(source)).say("Hi").messages("error")
            assert told in error


async def wait(asked: core.RunAgentInput) -> Said:
    yield begun(asked)
    yield core.TextMessageStartEvent(message_id="m", role="assistant")
    yield core.TextMessageContentEvent(message_id="m", delta="One ")
    while True:
        await asyncio.sleep(0.02)
        yield b":\n\n"


def test_stop_closes_the_stream_of_the_agent(make_app: AppMaker) -> None:
    with agent_server(agent=wait) as server:
        chat = app_of(make_app, server)
        chat.begin("Hi")
        chat.until(lambda: chat.messages() == ["One"])
        chat.stop()
        chat.until_answered()
        wait_until(server.cancelled.is_set)
    assert chat.messages() == ["One"]
    assert chat.messages("error") == []


async def snapshot(asked: core.RunAgentInput) -> Said:
    yield begun(asked)
    for event in spoken("Shown"):
        yield event
    yield core.MessagesSnapshotEvent(
        messages=[
            *asked.messages,
            core.AssistantMessage(id="m1", content="Shown "),
            core.AssistantMessage(id="m2", content="From the snapshot"),
        ]
    )
    yield finished(asked)


def test_a_snapshot_of_messages_shows_those_that_are_new(make_app: AppMaker) -> None:
    with agent_server(agent=snapshot) as server:
        chat = app_of(make_app, server).say("Hi")
    assert chat.messages() == ["Shown", "From the snapshot"]


async def ask(asked: core.RunAgentInput) -> Said:
    yield begun(asked)
    if asked.resume:
        for event in spoken(json.dumps(asked.resume[0].payload), "m2"):
            yield event
        yield finished(asked)
        return
    interrupt = core.Interrupt(id="i", reason="input_required", message="Which city?")
    yield finished(asked, core.RunFinishedInterruptOutcome(interrupts=[interrupt]))


def test_an_interrupt_is_a_question_and_its_answer_goes_on(make_app: AppMaker) -> None:
    with agent_server(agent=ask) as server:
        chat = app_of(make_app, server)
        chat.begin("Hi")
        chat.until(lambda: "Which city?" in str(chat.messages()))
        chat.say("Rome")
        chat.until_answered()
    assert chat.messages()[-1] == '"Rome"'
    [resumed] = server.asked[1].resume or []
    assert (resumed.interrupt_id, resumed.status) == ("i", "resolved")


class SeenModel(TestModel):
    """A model that keeps what it was asked last."""

    seen: list[ModelMessage]

    def _request(self, messages: list[ModelMessage], *rest: Any) -> ModelResponse:
        self.seen = messages
        return super()._request(messages, *rest)


def test_pydantic_ai_is_an_agent(make_app: AppMaker) -> None:
    model = SeenModel(custom_output_text="Found in Rome")
    researcher = PydanticAgent(model)

    @researcher.tool_plain
    def search(what: str) -> str:
        return f"two of {what}"

    async def run(request: Request) -> Response:
        return await AGUIAdapter.dispatch_request(request, agent=researcher)

    port = free_port()
    with served(Starlette(routes=[Route("/", run, methods=["POST"])]), port):
        chat = Chat(make_app(APP.format(url=f"http://127.0.0.1:{port}/"))).say("Where?").say("Yes?")
    assert chat.messages() == ["Found in Rome", "Found in Rome"]
    assert {step.name for step in shown_steps(chat)} == {"search"}
    assert "two of" in shown_steps(chat)[0].output
    # Its model is told of the first call, as of one of its own.
    parts = [type(part).__name__ for message in model.seen for part in message.parts]
    assert parts[:4] == ["UserPromptPart", "ToolCallPart", "ToolReturnPart", "TextPart"]


@pytest.mark.parametrize(("pressed", "said"), [("Allow", "deleted x"), ("Do not allow", "denied")])
def test_a_call_of_pydantic_ai_that_needs_approval_is_asked_for(
    make_app: AppMaker, pressed: str, said: str
) -> None:
    def model(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        returned = [part for part in messages[-1].parts if isinstance(part, ToolReturnPart)]
        if returned:
            return ModelResponse(parts=[TextPart(str(returned[0].content))])
        return ModelResponse(parts=[ToolCallPart("delete", {"name": "x"}, "call-1")])

    async def stream(
        messages: list[ModelMessage], info: AgentInfo
    ) -> AsyncIterator[str | DeltaToolCalls]:
        part = model(messages, info).parts[0]
        if isinstance(part, ToolCallPart):
            yield {0: DeltaToolCall("delete", '{"name": "x"}', tool_call_id="call-1")}
        elif isinstance(part, TextPart):
            yield part.content

    cleaner = PydanticAgent(
        FunctionModel(model, stream_function=stream), output_type=[str, DeferredToolRequests]
    )

    @cleaner.tool_plain(requires_approval=True)
    def delete(name: str) -> str:
        return f"deleted {name}"

    async def run(request: Request) -> Response:
        return await AGUIAdapter.dispatch_request(request, agent=cleaner)

    port = free_port()
    with served(Starlette(routes=[Route("/", run, methods=["POST"])]), port):
        chat = Chat(make_app(APP.format(url=f"http://127.0.0.1:{port}/")))
        chat.begin("Clean up")
        chat.until(lambda: open_question(chat) is not None)
        question = open_question(chat)
        assert question is not None
        [button] = [each for each in question.all("button") if each.text.strip() == pressed]
        answer(chat, action=button["value"])
        chat.until_answered()
    asked, *rest = chat.messages()
    assert "delete" in asked
    assert asked.endswith(pressed)
    assert any(said in each.lower() for each in rest), (rest, chat.messages("error"))


def test_the_bounds_are_what_the_documentation_says() -> None:
    assert events.MOST_EVENT_BYTES == 1024 * 1024
    assert events.MOST_BYTES == 32 * 1024 * 1024
    assert display.MOST_STATE_CHARACTERS == 100_000
    assert past_calls.MOST_CALL_CHARACTERS == 100_000


@pytest.mark.parametrize("url", ["", "ftp://x", "agents.example.org", None, 5])
def test_an_address_that_is_none_is_refused(url: Any) -> None:
    with pytest.raises(MisuseError, match="must begin with https://"):
        ag_ui.profile("Researcher", url=url)


@pytest.mark.parametrize(
    ("state", "patch", "after"),
    [
        ({}, [{"op": "add", "path": "", "value": 1}], 1),
        ({"a": 1}, [{"op": "add", "path": "/a~1b~0", "value": 2}], {"a": 1, "a/b~": 2}),
        ([1, 3], [{"op": "add", "path": "/1", "value": 2}], [1, 2, 3]),
        ([1], [{"op": "add", "path": "/-", "value": 2}], [1, 2]),
        ({"a": [1]}, [{"op": "remove", "path": "/a/0"}], {"a": []}),
        ({"a": 1}, [{"op": "move", "from": "/a", "path": "/b"}], {"b": 1}),
        ({"a": 1}, [{"op": "copy", "from": "/a", "path": "/b"}], {"a": 1, "b": 1}),
        ({"a": 1}, [{"op": "test", "path": "/a", "value": 1}], {"a": 1}),
        ({"a": 1}, [{"op": "replace", "path": "/a", "value": None}], {"a": None}),
    ],
)
def test_a_patch_changes_the_state(state: Any, patch: list[dict[str, Any]], after: Any) -> None:
    before = json.dumps(state)
    assert apply_patch(state, patch) == after
    assert json.dumps(state) == before


@pytest.mark.parametrize(
    "operation",
    [
        {},
        {"op": "jump", "path": "/a"},
        {"op": "add", "path": "a", "value": 1},
        {"op": "add", "path": "/b/c", "value": 1},
        {"op": "add", "path": "/l/9", "value": 1},
        {"op": "add", "path": "/l/-1", "value": 1},
        {"op": "add", "path": "/l/٣", "value": 1},
        {"op": "remove", "path": "/b"},
        {"op": "remove", "path": "/l/-"},
        {"op": "replace", "path": "/b", "value": 1},
        {"op": "test", "path": "/a", "value": 2},
        {"op": "move", "from": "/l", "path": "/l/0"},
        {"op": "add", "path": "/a/x", "value": 1},
    ],
)
def test_a_patch_that_does_not_fit_is_refused(operation: dict[str, Any]) -> None:
    with pytest.raises(PatchError):
        apply_patch({"a": 1, "l": [1]}, [operation])
