"""What LlamaIndex does becomes steps: the real package, with models that only pretend."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest
from llama_index.core import Settings
from llama_index_instrumentation import get_dispatcher

from tests.support.apps import AppMaker
from tests.support.chats import Chat
from tests.support.log import LogReader
from tests.support.steps import forbid_traffic, shown_steps

# What the apps below begin with.
BEGIN = '''
import threading

import chat_profiles as cl
from llama_index.core import Document, MockEmbedding, Settings, VectorStoreIndex
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.base.llms.types import ChatMessage, ToolCallBlock
from llama_index.core.callbacks import CallbackManager
from llama_index.core.callbacks.schema import CBEventType
from llama_index.core.llms import MockLLM
from llama_index.core.llms.mock import MockFunctionCallingLLM
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.tools import FunctionTool, QueryEngineTool

def make_index(**options):
    Settings.llm = MockLLM(max_tokens=3)
    Settings.embed_model = MockEmbedding(embed_dim=3)
    Settings.callback_manager = CallbackManager([cl.LlamaIndexCallbackHandler(**options)])
    return VectorStoreIndex.from_documents([Document(text="Paris is a city.")])

def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b

@cl.on_chat_start
def on_chat_start():
    pass
'''


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    forbid_traffic(monkeypatch)
    dispatcher = get_dispatcher()
    before = list(dispatcher.span_handlers), list(dispatcher.event_handlers)
    yield
    Settings._llm = Settings._embed_model = Settings._callback_manager = None
    dispatcher.span_handlers, dispatcher.event_handlers = before


@pytest.fixture
def chat_with(make_app: AppMaker) -> Any:
    """Return `chat_with(code)`, which starts a chat of an app."""
    return lambda code: Chat(make_app(BEGIN + code))


@pytest.mark.parametrize(
    "way",
    [
        "def on_message(message):\n    found = ENGINE.query(message.content)",
        "async def on_message(message):\n    found = await ENGINE.aquery(message.content)",
        "async def on_message(message):\n"
        "    found = await cl.make_async(ENGINE.query)(message.content)",
    ],
    ids=["query", "aquery", "in a thread"],
)
def test_a_query_is_shown_with_what_is_in_it(chat_with: Any, way: str) -> None:
    chat = chat_with(f"""
ENGINE = make_index().as_query_engine()

@cl.on_message
{way}
    cl.Message(str(found)).send()
""").say("Paris?")
    query, search, llm = shown_steps(chat)
    assert (query.name, query.type, query.within) == ("Query", "run", ())
    assert (query.input, query.output) == ("Paris?", "text text text")
    assert (search.name, search.type, search.within) == ("Retrieve", "retrieval", ("Query",))
    assert search.input == "Paris?"
    assert '"text": "Paris is a city."' in search.output
    assert '"score": ' in search.output
    assert (llm.name, llm.type, llm.within) == ("MockLLM", "llm", ("Query",))
    assert "Paris is a city." in llm.input
    assert llm.output == "text text text"
    assert {step.status for step in (query, search, llm)} == {"complete"}
    assert chat.messages() == ["text text text"]


def test_each_text_that_was_found_can_be_opened(chat_with: Any) -> None:
    chat = chat_with("""
ENGINE = make_index().as_retriever()

@cl.on_message
async def on_message(message):
    found = await ENGINE.aretrieve(message.content)
    cl.Message(f"I have found {len(found)}.").send()
""").say("Paris?")
    links = chat.page().all(data_testid="element-link")
    assert links[0]["data-name"] == "Source 0"
    assert "Paris is a city." in chat.visitor.get(links[0]["href"]).text
    assert [f"I have found {len(links)}."] == chat.messages()


def test_a_handler_may_be_made_when_the_chat_starts(make_app: AppMaker) -> None:
    chat = Chat(
        make_app(
            BEGIN.partition("@cl.on_chat_start")[0]
            + """
ENGINES = {}

@cl.on_chat_start
async def on_chat_start():
    ENGINES["mine"] = make_index().as_query_engine()

@cl.on_message
async def on_message(message):
    await ENGINES["mine"].aquery(message.content)
"""
        )
    ).say("Paris?")
    assert [step.name for step in shown_steps(chat)] == ["Query", "Retrieve", "MockLLM"]


def test_what_a_model_writes_is_shown_while_it_writes(chat_with: Any) -> None:
    chat = chat_with("""
GATE = threading.Event()
ENGINE = make_index().as_query_engine(streaming=True)

@cl.on_message
def on_message(message):
    answer = cl.Message()
    for number, token in enumerate(ENGINE.query(message.content).response_gen):
        if number == 2:
            GATE.wait(20)
        answer.stream_token(token)
    answer.send()
""")
    chat.begin("Paris?")
    chat.until(lambda: any("text text" in step.output for step in shown_steps(chat)))
    llm = shown_steps(chat)[-1]
    assert (llm.type, llm.status) == ("llm", "streaming")
    file: Any = sys.modules["app_file"]
    file.GATE.set()
    chat.until_answered()
    query, search, llm = shown_steps(chat)
    assert (llm.output, llm.status) == ("text text", "complete")
    assert query.status == search.status == "complete"
    assert chat.messages() == ["text text text"]


def test_a_chat_with_a_model_is_shown(chat_with: Any) -> None:
    chat = chat_with("""
LLM = MockFunctionCallingLLM(
    callback_manager=CallbackManager([cl.LlamaIndexCallbackHandler()]),
)

@cl.on_message
async def on_message(message):
    answer = await LLM.achat([ChatMessage(role="system", content="Be kind."), ChatMessage("Hi")])
    async for _ in await LLM.astream_chat([ChatMessage("Hello you")]):
        pass
""").say("Hi")
    whole, streamed = shown_steps(chat)
    assert '"role": "system",\n    "content": "Be kind."' in whole.input
    assert whole.output == "Hi"
    assert "Hello you" in streamed.input
    assert streamed.output == "Hello you"
    assert whole.status == streamed.status == "complete"


# LlamaIndex's own.
@pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecationWarning")
def test_the_tools_of_an_agent_are_shown(chat_with: Any) -> None:
    chat = chat_with("""
def answer(messages, **kwargs):
    if messages[-1].role == "tool":
        return ChatMessage(role="assistant", content="It is 3")
    call = ToolCallBlock(tool_name="add", tool_kwargs={"a": 1, "b": 2}, tool_call_id="1")
    return ChatMessage(role="assistant", blocks=[call])

LLM = MockFunctionCallingLLM(
    callback_manager=CallbackManager([cl.LlamaIndexCallbackHandler()]), response_generator=answer
)

@cl.on_message
async def on_message(message):
    found = await FunctionAgent(tools=[add], llm=LLM).run(message.content)
    await cl.Message(str(found)).send()
""").say("How much?")
    assert chat.messages() == ["It is 3"]
    first, tool, second = shown_steps(chat)
    assert "How much?" in first.input
    assert '"name": "add"' in first.output
    assert (tool.name, tool.type) == ("add", "tool")
    assert (tool.input, tool.output) == ('{\n  "a": 1,\n  "b": 2\n}', "3")
    assert '"role": "tool"' in second.input
    assert second.output == "It is 3"


@pytest.mark.parametrize(
    "call", ["TOOL(a=1, b=2)", "TOOL.call(a=1, b=2)", "await TOOL.acall(1, 2)"]
)
def test_a_tool_is_one_step_however_it_is_called(chat_with: Any, call: str) -> None:
    chat = chat_with(f"""
TOOL = FunctionTool.from_defaults(add)
HANDLER = cl.LlamaIndexCallbackHandler()

@cl.on_message
async def on_message(message):
    {call}
""").say("Hi")
    [step] = shown_steps(chat)
    assert (step.name, step.type, step.output) == ("add", "tool", "3")


def test_a_query_that_a_tool_makes_stands_in_the_tool(chat_with: Any) -> None:
    chat = chat_with("""
TOOL = QueryEngineTool.from_defaults(
    make_index().as_query_engine(), name="city", description="Knows cities."
)

@cl.on_message
async def on_message(message):
    await TOOL.acall("Paris?")
""").say("Hi")
    assert [(step.name, step.within) for step in shown_steps(chat)] == [
        ("city", ()),
        ("Query", ("city",)),
        ("Retrieve", ("city", "Query")),
        ("MockLLM", ("city", "Query")),
    ]
    assert shown_steps(chat)[0].input == "Paris?"


def test_a_tool_that_fails_is_marked(chat_with: Any) -> None:
    chat = chat_with("""
def broken(api_key: str) -> int:
    "Fails."
    raise ValueError("hunter2hunter2")

TOOL = FunctionTool.from_defaults(broken)
HANDLER = cl.LlamaIndexCallbackHandler()

@cl.on_message
async def on_message(message):
    try:
        await TOOL.acall(api_key="hunter2hunter2")
    except ValueError:
        cl.Message("Went on").send()
""").say("Hi")
    [step] = shown_steps(chat)
    assert (step.name, step.status) == ("broken", "failed")
    assert "hunter2" not in chat.page().text
    assert chat.messages() == ["Went on"]


def test_a_query_that_fails_is_marked_all_the_way(chat_with: Any) -> None:
    chat = chat_with("""
class Broken(MockLLM):
    def complete(self, *args, **kwargs):
        raise ValueError("no")

ENGINE = make_index().as_query_engine(llm=Broken(), response_mode="simple_summarize")

@cl.on_message
def on_message(message):
    try:
        ENGINE.query(message.content)
    except ValueError:
        cl.Message("Went on").send()
""").say("Paris?")
    steps = {step.name: step.status for step in shown_steps(chat)}
    assert steps["Query"] == "failed"
    assert steps["Retrieve"] == "complete"
    assert chat.messages() == ["Went on"]


def test_an_app_chooses_what_is_shown(chat_with: Any) -> None:
    chat = chat_with("""
ENGINE = make_index(
    event_starts_to_ignore=[CBEventType.LLM, CBEventType.CHUNKING, CBEventType.SYNTHESIZE],
    event_ends_to_ignore=[],
).as_query_engine()

@cl.on_message
def on_message(message):
    ENGINE.query(message.content)
""").say("Paris?")
    query, search, embedding = shown_steps(chat)
    assert (query.name, search.name) == ("Query", "Retrieve")
    assert (embedding.type, embedding.within) == ("embedding", ("Query", "Retrieve"))
    assert (embedding.input, embedding.output) == (
        '[\n  "Paris?"\n]',
        "1 vector of 3 numbers",
    )


@pytest.mark.parametrize(("cot", "names"), [("tool_call", ["add"]), ("hidden", [])])
def test_the_app_says_which_steps_users_see(chat_with: Any, cot: str, names: list[str]) -> None:
    chat = chat_with(f"""
cl.set_cot({cot!r})
ENGINE = make_index().as_query_engine()

@cl.on_message
def on_message(message):
    ENGINE.query(message.content)
    FunctionTool.from_defaults(add).call(a=1, b=2)
""").say("Hi")
    assert [step.name for step in shown_steps(chat)] == names


def test_many_chats_share_a_handler(make_app: AppMaker) -> None:
    app = make_app(
        BEGIN
        + """
ENGINE = make_index().as_query_engine()
BARRIER = threading.Barrier(3, timeout=60)

@cl.on_message
def on_message(message):
    BARRIER.wait(20)
    ENGINE.query(message.content)
"""
    )
    chats = [Chat(app) for _ in range(3)]
    for number, chat in enumerate(chats):
        chat.begin(f"Question {number}")
    for number, chat in enumerate(chats):
        steps = shown_steps(chat.until_answered())
        assert [step.name for step in steps] == ["Query", "Retrieve", "MockLLM"]
        assert steps[0].input == f"Question {number}"


def test_outside_a_chat_nothing_is_shown_and_nothing_breaks(chat_with: Any, log: LogReader) -> None:
    chat = chat_with("""
FOUND = make_index().as_query_engine().query("Paris?")
ADDED = FunctionTool.from_defaults(add).call(a=1, b=2)

@cl.on_message
def on_message(message):
    cl.Message(f"{FOUND} {ADDED}").send()
""").say("Hi")
    assert chat.messages() == ["text text text 3"]
    assert shown_steps(chat) == []
    assert "could not be shown" not in log.text


def test_a_streamed_answer_is_left_to_the_app(chat_with: Any) -> None:
    chat = chat_with("""
ENGINE = make_index().as_query_engine(streaming=True)

@cl.on_message
async def on_message(message):
    found = await ENGINE.aquery(message.content)
    words = [word async for word in found.async_response_gen()]
    await cl.Message("|".join(words)).send()
""").say("Hi")
    assert chat.messages() == ["text |text |text"]
    assert {step.status for step in shown_steps(chat)} == {"complete"}


def test_a_chat_engine_that_streams_in_a_thread_is_shown(chat_with: Any) -> None:
    chat = chat_with("""
# Its own memory opens a database that it never closes.
MEMORY = ChatMemoryBuffer.from_defaults(token_limit=3_000)
ENGINE = make_index().as_chat_engine(chat_mode="context", memory=MEMORY)

@cl.on_message
def on_message(message):
    answer = cl.Message()
    for token in ENGINE.stream_chat(message.content).response_gen:
        answer.stream_token(token)
    answer.send()
""").say("Paris?")
    assert chat.messages() == ["text text text"]
    search, llm = shown_steps(chat)
    assert (search.type, llm.type, llm.status) == ("retrieval", "llm", "complete")
    assert "Paris is a city." in llm.input


EVENTS = {
    "RERANKING": (
        "{EventPayload.QUERY_STR: 'Paris?', EventPayload.MODEL_NAME: 'ranker'}",
        "{EventPayload.NODES: [NodeWithScore(node=TextNode(text='A city'), score=0.5)]}",
        ("ranker", "rerank", "Paris?", '"text": "A city"'),
    ),
    "FUNCTION_CALL": (
        "{EventPayload.FUNCTION_CALL: {'a': 1, 'token': 'abc'}, "
        "EventPayload.TOOL: ToolMetadata(name='add', description='')}",
        "{EventPayload.FUNCTION_OUTPUT: '3'}",
        ("add", "tool", '"token": "[hidden]"', "3"),
    ),
    "AGENT_STEP": (
        "{EventPayload.MESSAGES: ['How much?'], EventPayload.SERIALIZED: {'api_key': 'abc'}}",
        "{EventPayload.RESPONSE: '3'}",
        ("Agent step", "run", "How much?", "3"),
    ),
    "SUB_QUESTION": (
        "{EventPayload.SUB_QUESTION: pair}",
        "{EventPayload.SUB_QUESTION: pair}",
        ("Sub question", "undefined", "What is Paris?", "A city"),
    ),
}


@pytest.mark.parametrize("kind", EVENTS)
def test_other_events_have_their_types(chat_with: Any, kind: str) -> None:
    start, end, (name, step_type, asked, answered) = EVENTS[kind]
    chat = chat_with(f"""
from llama_index.core.callbacks.schema import EventPayload
from llama_index.core.query_engine.sub_question_query_engine import SubQuestionAnswerPair
from llama_index.core.question_gen.types import SubQuestion
from llama_index.core.schema import NodeWithScore, TextNode
from llama_index.core.tools import ToolMetadata

manager = CallbackManager([cl.LlamaIndexCallbackHandler()])
pair = SubQuestionAnswerPair(
    sub_q=SubQuestion(sub_question="What is Paris?", tool_name="city"), answer="A city"
)

@cl.on_message
def on_message(message):
    with manager.event(CBEventType.{kind}, payload={start}) as event:
        event.on_end(payload={end})
""").say("Hi")
    [step] = shown_steps(chat)
    assert (step.name, step.type, step.status) == (name, step_type, "complete")
    assert asked in step.input
    assert answered in step.output
    assert "abc" not in chat.page().text
