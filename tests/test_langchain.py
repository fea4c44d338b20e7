"""What LangChain does becomes steps: the real package, with models that only pretend."""

from __future__ import annotations

import sys
from threading import Event
from typing import Any

import pytest

from tests.support.apps import AppMaker
from tests.support.chats import ANSWER_SECONDS, Chat
from tests.support.log import LogReader
from tests.support.rows import column
from tests.support.steps import forbid_traffic, shown_steps

# What the apps below begin with.
BEGIN = '''
import threading
import time

import chat_profiles as cl
from langchain_core.documents import Document
from langchain_core.language_models import FakeListChatModel, FakeListLLM, GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda, RunnableParallel
from langchain_core.tools import tool

def model(*texts):
    return GenericFakeChatModel(messages=iter([AIMessage(text) for text in texts]))

PROMPT = ChatPromptTemplate.from_messages([("system", "Be kind."), ("human", "{question}")])

@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b

def config(handler=None, **options):
    return {"callbacks": [handler or cl.LangchainCallbackHandler(**options)]}

@cl.on_chat_start
def on_chat_start():
    pass
'''


@pytest.fixture(autouse=True)
def _nothing_goes_out(monkeypatch: pytest.MonkeyPatch) -> None:
    forbid_traffic(monkeypatch)


@pytest.fixture
def chat_with(make_app: AppMaker) -> Any:
    """Return `chat_with(code)`, which starts a chat of an app."""
    return lambda code: Chat(make_app(BEGIN + code))


WAYS = {
    "invoke": "def on_message(message):\n    text = AGENT.invoke(message.content, config())",
    "ainvoke": (
        "async def on_message(message):\n    text = await AGENT.ainvoke(message.content, config())"
    ),
    "stream": (
        "def on_message(message):\n    text = ''.join(AGENT.stream(message.content, config()))"
    ),
    "astream": (
        "async def on_message(message):\n"
        "    text = ''.join([it async for it in AGENT.astream(message.content, config())])"
    ),
    "batch": "def on_message(message):\n    [text] = AGENT.batch([message.content], config())",
    "async handler": (
        "async def on_message(message):\n"
        "    handler = cl.AsyncLangchainCallbackHandler()\n"
        "    text = await AGENT.ainvoke(message.content, config(handler))"
    ),
    "events": (
        "async def on_message(message):\n"
        "    async for event in AGENT.astream_events(message.content, config(), version='v2'):\n"
        "        text = event['data'].get('output')"
    ),
    "in a thread": (
        "async def on_message(message):\n"
        "    text = await cl.make_async(AGENT.invoke)(message.content, config())"
    ),
}
AGENT = """
def work(question, config):
    text = (PROMPT | model("It is **") | StrOutputParser()).invoke({"question": question}, config)
    return text + str(add.invoke({"a": 1, "b": 2}, config)) + "**"

AGENT = RunnableLambda(work, name="Agent")

@cl.on_message
"""


@pytest.mark.parametrize("way", WAYS)
def test_a_chain_is_shown_with_what_is_in_it(chat_with: Any, way: str) -> None:
    chat = chat_with(f"{AGENT}{WAYS[way]}\n    cl.Message(text).send()\n").say("How much?")

    agent, llm, tool = shown_steps(chat)
    assert (agent.name, agent.type, agent.within) == ("Agent", "run", ())
    assert (agent.input, agent.output) == ("How much?", "It is 3")
    assert (llm.name, llm.type, llm.within) == ("GenericFakeChatModel", "llm", ("Agent",))
    assert '"role": "system",\n    "content": "Be kind."' in llm.input
    assert '"role": "human",\n    "content": "How much?"' in llm.input
    assert llm.output == "It is **"
    assert (tool.name, tool.type, tool.within) == ("add", "tool", ("Agent",))
    assert (tool.input, tool.output) == ('{\n  "a": 1,\n  "b": 2\n}', "3")
    assert {step.status for step in (agent, llm, tool)} == {"complete"}
    details = [it for it in column(chat.visitor.app, "messages.details") if it is not None]
    assert [it["start"] <= it["end"] for it in details] == [True] * 3
    assert chat.messages() == ["It is 3"]


def test_what_a_model_writes_is_shown_while_it_writes(chat_with: Any) -> None:
    chat = chat_with("""
GATE = threading.Event()

class Slow(FakeListChatModel):
    def _stream(self, *args, **kwargs):
        for chunk in super()._stream(*args, **kwargs):
            if chunk.text == "!":
                GATE.wait(20)
            yield chunk

@cl.on_message
def on_message(message):
    cl.Message("".join(it.text for it in Slow(responses=["Hello!"]).stream("Hi", config()))).send()
""")
    chat.begin("Hi")
    chat.until(lambda: [step.output for step in shown_steps(chat)] == ["Hello"])
    [step] = shown_steps(chat)
    assert step.status == "streaming"
    file: Any = sys.modules["app_file"]
    file.GATE.set()
    [step] = shown_steps(chat.until_answered())
    assert (step.output, step.status, step.within) == ("Hello!", "complete", ())


@pytest.mark.parametrize("call", ["def|both.invoke", "async def|await both.ainvoke"])
def test_what_runs_at_the_same_time_stands_side_by_side(chat_with: Any, call: str) -> None:
    kind, _, call = call.partition("|")
    chat = chat_with(f"""
both = RunnableParallel(
    one=RunnableLambda(lambda text, config: model("1").invoke(text, config).text, name="One"),
    two=RunnableLambda(lambda text, config: model("2").invoke(text, config).text, name="Two"),
).with_config(run_name="Both")

@cl.on_message
{kind} on_message(message):
    found = {call}(message.content, config())
    cl.Message(found["one"] + found["two"]).send()
""").say("Hi")
    steps = {(*step.within, step.name): step for step in shown_steps(chat)}
    assert set(steps) == {
        ("Both",),
        ("Both", "One"),
        ("Both", "Two"),
        ("Both", "One", "GenericFakeChatModel"),
        ("Both", "Two", "GenericFakeChatModel"),
    }
    assert steps["Both", "One", "GenericFakeChatModel"].output == "1"
    assert steps["Both", "Two", "GenericFakeChatModel"].output == "2"


def test_one_handler_serves_many_chats_at_once(make_app: AppMaker) -> None:
    app = make_app(
        BEGIN
        + """
HANDLER = cl.LangchainCallbackHandler()
BARRIER = threading.Barrier(3, timeout=60)

@cl.on_message
def on_message(message):
    def echo(text):
        BARRIER.wait(20)
        return text
    RunnableLambda(echo, name="Echo").invoke(message.content, config(HANDLER))
"""
    )
    chats = [Chat(app) for _ in range(3)]
    for number, chat in enumerate(chats):
        chat.begin(f"I am {number}")
    for number, chat in enumerate(chats):
        [step] = shown_steps(chat.until_answered())
        assert (step.input, step.output) == (f"I am {number}", f"I am {number}")


def test_a_step_of_the_app_contains_what_is_run_in_it(chat_with: Any) -> None:
    chat = chat_with("""
@cl.step(name="Mine", type="tool")
def mine():
    return add.invoke({"a": 1, "b": 2}, config())

@cl.on_message
def on_message(message):
    mine()
""").say("Hi")
    assert [(step.name, step.within) for step in shown_steps(chat)] == [
        ("Mine", ()),
        ("add", ("Mine",)),
    ]


def test_a_search_shows_its_documents(chat_with: Any) -> None:
    chat = chat_with("""
class Finder(BaseRetriever):
    def _get_relevant_documents(self, query, *, run_manager):
        return [Document("Paris is a city.", metadata={"page": 7})]

@cl.on_message
async def on_message(message):
    await Finder().ainvoke(message.content, config())
""").say("Paris?")
    [step] = shown_steps(chat)
    assert (step.name, step.type, step.input) == ("Finder", "retrieval", "Paris?")
    assert '"text": "Paris is a city."' in step.output
    assert '"page": 7' in step.output


def test_a_model_of_plain_texts_is_shown(chat_with: Any) -> None:
    chat = chat_with("""
@cl.on_message
def on_message(message):
    FakeListLLM(responses=["Hello"]).invoke(message.content, config())
""").say("Hi")
    [step] = shown_steps(chat)
    assert (step.name, step.type, step.input, step.output) == ("FakeListLLM", "llm", "Hi", "Hello")


@pytest.mark.parametrize("text", ["", "Let me see."])
def test_the_tools_that_a_model_wants_are_shown(chat_with: Any, text: str) -> None:
    chat = chat_with(f"""
CALL = {{"name": "add", "args": {{"a": 1, "api_key": "abc"}}, "id": "1"}}

@cl.on_message
def on_message(message):
    asked = GenericFakeChatModel(messages=iter([AIMessage({text!r}, tool_calls=[CALL])]))
    asked.invoke("Hi", config())
""").say("Hi")
    [step] = shown_steps(chat)
    assert step.output.startswith(text or "[")
    assert '"name": "add"' in step.output
    assert '"api_key": "[hidden]"' in step.output
    assert "abc" not in step.output


def test_what_fails_is_marked_and_its_error_goes_to_the_app(chat_with: Any, log: LogReader) -> None:
    chat = chat_with("""
@tool
def broken(a: int) -> int:
    "Fails."
    raise ValueError("sk-very-secret-key-of-mine")

@cl.on_message
def on_message(message):
    RunnableLambda(lambda _, config: broken.invoke({"a": 1}, config), name="Agent").invoke(
        "", config()
    )
""").say("Hi")
    assert [(step.name, step.status) for step in shown_steps(chat)] == [
        ("Agent", "failed"),
        ("broken", "failed"),
    ]
    assert "secret" not in chat.page().text
    assert "ValueError" in log.text


def test_a_failure_that_the_chain_knows_to_handle_stands_beside_what_helped(chat_with: Any) -> None:
    chat = chat_with("""
def fail(text):
    raise ValueError("no")

@cl.on_message
async def on_message(message):
    chain = RunnableLambda(fail, name="First").with_fallbacks(
        [RunnableLambda(lambda text: "Good", name="Second")]
    )
    await cl.Message(await chain.ainvoke("Hi", config())).send()
""").say("Hi")
    steps = {step.name: (step.status, step.output) for step in shown_steps(chat)}
    assert steps["First"][0] == "failed"
    assert steps["Second"] == ("complete", "Good")
    assert chat.messages() == ["Good"]


@pytest.mark.parametrize("error", ["GeneratorExit", "GraphInterrupt"])
def test_what_is_left_early_has_not_failed(chat_with: Any, error: str) -> None:
    chat = chat_with(f"""
class GraphBubbleUp(Exception):
    pass

class GraphInterrupt(GraphBubbleUp):
    pass

def leave(text):
    raise {error}()

@cl.on_message
def on_message(message):
    try:
        RunnableLambda(leave, name="Left").invoke("Hi", config())
    except ({error}):
        cl.Message("Went on").send()
""").say("Hi")
    [step] = shown_steps(chat)
    assert (step.name, step.status) == ("Left", "complete")
    assert chat.messages() == ["Went on"]


def test_a_reader_that_leaves_a_stream_ends_its_step(chat_with: Any) -> None:
    chat = chat_with("""
@cl.on_message
def on_message(message):
    stream = model("one two three").stream("Hi", config())
    next(stream)
    stream.close()
    cl.Message("Left").send()
""").say("Hi")
    [step] = shown_steps(chat)
    assert step.status == "complete"
    assert step.output.startswith("one")
    assert chat.messages() == ["Left"]


ANSWERS = {
    "prefix": ("stream_final_answer=True", ["Thinking", "Final Answer: It is 3."], "It is 3."),
    "one token": ("stream_final_answer=True", ["FinalAnswer:It"], "It"),
    "no prefix": ("stream_final_answer=True", ["It is 3."], None),
    "forced": ("stream_final_answer=True, force_stream_final_answer=True", ["It is"], "It is"),
    "own prefix": (
        "stream_final_answer=True, answer_prefix_tokens=['THE', 'END']",
        ["So. THE END now"],
        "now",
    ),
    "letter by letter": (
        "stream_final_answer=True, answer_prefix_tokens=['a', 'b', 'c']",
        ["x a\n b c d e"],
        "d e",
    ),
    "empty prefix": ("stream_final_answer=True, answer_prefix_tokens=[]", ["It is"], "It is"),
    "not asked for": ("force_stream_final_answer=True", ["It is"], None),
}


@pytest.mark.parametrize("case", ANSWERS)
def test_a_final_answer_is_streamed(chat_with: Any, case: str) -> None:
    options, texts, answer = ANSWERS[case]
    chat = chat_with(f"""
@cl.on_message
async def on_message(message):
    handler = cl.AsyncLangchainCallbackHandler({options})
    asked = model(*{texts!r})
    for _ in range({len(texts)}):
        async for _ in asked.astream("Hi", config(handler)):
            pass
    if handler.has_streamed_final_answer:
        assert handler.answer_reached
        handler.final_stream.content += " (whole)"
        await handler.final_stream.update()
    else:
        await cl.Message("Nothing").send()
""").say("Hi")
    assert chat.messages() == ["Nothing" if answer is None else f"{answer} (whole)"]
    assert len(shown_steps(chat)) == len(texts)


def test_an_app_may_say_that_the_answer_is_reached(chat_with: Any) -> None:
    chat = chat_with("""
HANDLER = cl.LangchainCallbackHandler(stream_final_answer=True)

@cl.on_message
async def on_message(message):
    HANDLER.answer_reached = True
    async for _ in model("You wrote " + message.content).astream("Hi", config(HANDLER)):
        pass
""")
    assert chat.say("one").say("two").messages() == ["You wrote one", "You wrote two"]


def test_a_handler_that_is_kept_begins_each_answer_anew(chat_with: Any) -> None:
    chat = chat_with("""
HANDLER = cl.LangchainCallbackHandler(stream_final_answer=True)

@cl.on_message
def on_message(message):
    for text in ("Thought", "Final Answer: " + message.content):
        for _ in model(text).stream("Hi", config(HANDLER)):
            pass
""")
    assert chat.say("one").say("two").messages() == ["one", "two"]


def test_two_models_at_once_do_not_mix_their_words(chat_with: Any) -> None:
    chat = chat_with("""
BARRIER = threading.Barrier(2, timeout=60)

class Slow(FakeListChatModel):
    def _stream(self, *args, **kwargs):
        for chunk in super()._stream(*args, **kwargs):
            yield chunk
            BARRIER.wait(20)

@cl.on_message
def on_message(message):
    handler = cl.LangchainCallbackHandler(
        stream_final_answer=True, force_stream_final_answer=True
    )
    def write(text, config):
        return "".join(it.text for it in Slow(responses=[text]).stream("Hi", config))
    RunnableParallel(
        one=RunnableLambda(lambda _, config: write("aaa", config)),
        two=RunnableLambda(lambda _, config: write("bbb", config)),
    ).invoke("Hi", config(handler))
""").say("Hi")
    assert chat.messages() in (["aaa"], ["bbb"])


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ("", ["Agent", "GenericFakeChatModel", "add"]),
        (
            "to_ignore=['Agent', 'Prompt', 'Parser']",
            ["RunnableSequence", "GenericFakeChatModel", "add"],
        ),
        ("to_ignore=['Agent', 'Runnable'], to_keep=['tool']", ["add"]),
        (
            "to_ignore=[]",
            [
                "Agent",
                "RunnableSequence",
                "ChatPromptTemplate",
                "GenericFakeChatModel",
                "StrOutputParser",
                "add",
            ],
        ),
        ("to_ignore=['Agent'], to_keep=[]", []),
    ],
)
def test_an_app_chooses_what_is_shown(chat_with: Any, options: str, names: list[str]) -> None:
    chat = chat_with(f"""
def work(question, config):
    (PROMPT | model("3") | StrOutputParser()).invoke({{"question": question}}, config)
    return add.invoke({{"a": 1, "b": 2}}, config)

@cl.on_message
def on_message(message):
    RunnableLambda(work, name="Agent").invoke(message.content, config({options}))
""").say("Hi")
    assert [step.name for step in shown_steps(chat)] == names


def test_what_langgraph_does_for_itself_is_not_shown(chat_with: Any) -> None:
    chat = chat_with("""
@cl.on_message
def on_message(message):
    def work(text, config):
        return add.invoke({"a": 1, "b": 2}, config)
    RunnableLambda(work, name="Write").invoke("Hi", {**config(), "tags": ["langsmith:hidden"]})
""").say("Hi")
    # A tag goes to all that is within, so the tool is hidden too.
    assert shown_steps(chat) == []


@pytest.mark.parametrize(
    "value", ["np.arange(3)", "pd.DataFrame({'a': [1]})", "{'input': np.arange(3)}"]
)
def test_what_cannot_be_compared_can_be_shown(chat_with: Any, log: LogReader, value: str) -> None:
    chat = chat_with(f"""
import numpy as np
import pandas as pd

@cl.on_message
def on_message(message):
    RunnableLambda(lambda it: it, name="Work").invoke({value}, config())
""").say("Hi")
    [step] = shown_steps(chat)
    assert step.status == "complete"
    assert "1" in step.input
    assert "1" in step.output
    assert "could not be shown" not in log.text


def test_an_error_of_the_handler_itself_goes_to_the_log(
    chat_with: Any, log: LogReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object) -> str:
        raise RuntimeError("no name")

    monkeypatch.setattr("webapp.integrations.langchain.FrameworkStep", fail)
    chat = chat_with("""
@cl.on_message
def on_message(message):
    cl.Message(str(add.invoke({"a": 1, "b": 2}, config()))).send()
""").say("Hi")
    assert chat.messages() == ["3"]
    assert "A step of a framework could not be shown" in log.text


def test_a_final_answer_is_streamed_whatever_is_hidden(chat_with: Any) -> None:
    chat = chat_with("""
cl.set_cot("hidden")

@cl.on_message
async def on_message(message):
    handler = cl.LangchainCallbackHandler(stream_final_answer=True, to_keep=[], to_ignore=["Fake"])
    async for _ in model("Final Answer: It is 3").astream("Hi", config(handler)):
        pass
""").say("Hi")
    assert chat.messages() == ["It is 3"]
    assert shown_steps(chat) == []


@pytest.mark.parametrize(
    ("cot", "names"), [("full", ["Agent", "add"]), ("tool_call", ["add"]), ("hidden", [])]
)
def test_the_app_says_which_steps_users_see(chat_with: Any, cot: str, names: list[str]) -> None:
    chat = chat_with(f"""
cl.set_cot({cot!r})

@cl.on_message
def on_message(message):
    def work(text, config):
        return add.invoke({{"a": 1, "b": 2}}, config)
    RunnableLambda(work, name="Agent").invoke("Hi", config())
""").say("Hi")
    assert [step.name for step in shown_steps(chat)] == names


def test_keys_and_pictures_are_not_shown(chat_with: Any) -> None:
    chat = chat_with("""
PICTURE = "data:image/png;base64," + "iVBORw0KGgo" * 1000

@tool
def fetch(url: str, api_key: str, headers: dict, note: str) -> str:
    "Fetch."
    return "Used api_key=hunter2hunter2 for it, and Bearer abcdefghijklmnop."

@cl.on_message
def on_message(message):
    fetch.invoke(
        {
            "url": "postgresql://bob:hunter2@example.org/db",
            "api_key": "hunter2",
            "headers": {"Authorization": "Bearer hunter2", "x-page": "7"},
            "note": "sk-proj-hunter2hunter2",
        },
        config(),
    )
    content = [
        {"type": "text", "text": "What is it?"},
        {"type": "image_url", "image_url": {"url": PICTURE}},
    ]
    model("A cat").invoke([HumanMessage(content)], config())
""").say("Hi")
    tool, llm = shown_steps(chat)
    assert "hunter2" not in tool.input + tool.output
    assert "abcdefghijklmnop" not in tool.output
    assert '"x-page": "7"' in tool.input
    assert "@example.org/db" in tool.input
    assert "data:image/png;base64,iVBOR" in llm.input
    assert "(11,022 characters)" in llm.input
    assert len(llm.input) < 500


def test_what_is_large_or_endless_is_cut_with_a_word(chat_with: Any, log: LogReader) -> None:
    chat = chat_with("""
class Unwilling:
    def __str__(self):
        raise RuntimeError("I will not be shown")

@cl.on_message
def on_message(message):
    circle = {}
    circle["again"] = circle
    for value in ("word " * 100_000, list(range(1_000_000)), circle, Unwilling(), {1: b"abc"}):
        RunnableLambda(lambda _: "Done", name="Work").invoke(value, config())
    cl.Message("All done").send()
""").say("Hi")
    text, numbers, circle, unwilling, other = shown_steps(chat)
    for step in (text, numbers, circle):
        assert "The rest is not shown." in step.input
        assert len(step.input) < 100_000
        assert step.output == "Done"
    assert unwilling.input == "<Unwilling>"
    assert '"1": "<3 bytes>"' in other.input
    assert chat.messages() == ["All done"]
    assert "could not be shown" not in log.text


def test_more_steps_than_anybody_reads_leave_room_for_the_answer(chat_with: Any) -> None:
    chat = chat_with("""
@cl.on_message
def on_message(message):
    handler = cl.LangchainCallbackHandler()
    for number in range(1_100):
        RunnableLambda(lambda text: text, name="Work").invoke("word " * 5_000, config(handler))
    cl.Message("x" * 1_000_000).send()
    cl.Message("All done").send()
""").say("Hi")
    assert chat.messages()[-1] == "All done"
    kinds = column(chat.visitor.app, "messages.kind")
    assert (kinds.count("step"), kinds.count("assistant")) == (500, 2)


def test_outside_a_chat_nothing_is_shown_and_nothing_breaks(make_app: AppMaker) -> None:
    chat = Chat(
        make_app(
            BEGIN
            + """
EARLY = cl.LangchainCallbackHandler(stream_final_answer=True, force_stream_final_answer=True)
FOUND = "".join(it.text for it in model("Hi there").stream("Hi", config(EARLY)))

@cl.on_message
def on_message(message):
    cl.Message(FOUND).send()
"""
        )
    ).say("Hi")
    assert chat.messages() == ["Hi there"]
    assert shown_steps(chat) == []


def test_a_thread_that_knows_no_chat_finds_the_one_of_its_handler(chat_with: Any) -> None:
    chat = chat_with("""
@cl.on_message
def on_message(message):
    handler = cl.LangchainCallbackHandler()
    thread = threading.Thread(target=add.invoke, args=({"a": 1, "b": 2}, config(handler)))
    thread.start()
    thread.join()
""").say("Hi")
    assert [(step.name, step.output) for step in shown_steps(chat)] == [("add", "3")]


def test_so_does_one_of_a_handler_that_the_chat_keeps(make_app: AppMaker) -> None:
    chat = Chat(
        make_app(
            BEGIN.partition("@cl.on_chat_start")[0]
            + """
KEPT = {}

@cl.on_chat_start
def on_chat_start():
    KEPT["handler"] = cl.LangchainCallbackHandler()

@cl.on_message
def on_message(message):
    used = config(KEPT["handler"])
    add.invoke({"a": 1, "b": 2}, used)
    thread = threading.Thread(target=add.invoke, args=({"a": 3, "b": 4}, used))
    thread.start()
    thread.join()
"""
        )
    ).say("Hi")
    assert [step.output for step in shown_steps(chat)] == ["3", "7"]


def test_a_handler_of_several_chats_shows_no_chat_the_work_of_another(make_app: AppMaker) -> None:
    app = make_app(
        BEGIN
        + """
MADE = {}

@cl.on_message
def on_message(message):
    if message.content == "make":
        MADE["handler"] = cl.LangchainCallbackHandler()
        MADE["go"] = threading.Event()
        MADE["go"].wait(20)
        return
    used = config(MADE["handler"])
    add.invoke({"a": 1, "b": 2}, used)
    thread = threading.Thread(target=add.invoke, args=({"a": 3, "b": 4}, used))
    thread.start()
    thread.join()
    MADE["go"].set()
"""
    )
    first, second = Chat(app), Chat(app)
    file: Any = sys.modules["app_file"]
    first.begin("make")
    first.until(lambda: "go" in file.MADE)
    second.say("use")
    assert shown_steps(first.until_answered()) == []
    assert [step.output for step in shown_steps(second)] == ["3"]


def test_work_that_outlives_its_callback_is_not_shown(chat_with: Any, log: LogReader) -> None:
    chat = chat_with("""
ENDED, DONE = threading.Event(), threading.Event()

@cl.on_message
def on_message(message):
    def work():
        ENDED.wait(20)
        try:
            add.invoke({"a": 1, "b": 2}, used)
        finally:
            DONE.set()
    used = config()
    threading.Thread(target=work).start()
    cl.Message("Sent").send()
""").say("Hi")
    file: Any = sys.modules["app_file"]
    file.ENDED.set()
    done: Event = file.DONE
    assert done.wait(ANSWER_SECONDS)
    assert shown_steps(chat) == []
    assert chat.messages() == ["Sent"]


def test_stop_ends_a_chain_at_its_next_word(chat_with: Any) -> None:
    chat = chat_with("""
WRITTEN, ENDED = [], threading.Event()

class Endless(FakeListChatModel):
    def _stream(self, *args, **kwargs):
        try:
            while True:
                for chunk in super()._stream(*args, **kwargs):
                    WRITTEN.append(chunk.text)
                    yield chunk
                    time.sleep(0.01)
        finally:
            ENDED.set()

@cl.on_message
def on_message(message):
    for _ in Endless(responses=["word "]).stream("Hi", config()):
        pass
""")
    chat.begin("Hi")
    chat.until(lambda: any("word" in step.output for step in shown_steps(chat)))
    chat.stop()
    file: Any = sys.modules["app_file"]
    ended: Event = file.ENDED
    assert ended.wait(ANSWER_SECONDS)
    [step] = shown_steps(chat.until_answered())
    assert step.status == "stopped"


def test_stop_ends_an_async_chain(chat_with: Any) -> None:
    chat = chat_with("""
import asyncio

ENDED = threading.Event()

async def wait(text):
    try:
        await asyncio.sleep(20)
    finally:
        ENDED.set()

@cl.on_message
async def on_message(message):
    await RunnableLambda(wait, name="Wait").ainvoke("Hi", config())
""")
    chat.begin("Hi")
    chat.until(lambda: len(shown_steps(chat)) == 1)
    chat.stop()
    file: Any = sys.modules["app_file"]
    ended: Event = file.ENDED
    assert ended.wait(ANSWER_SECONDS)
    [step] = shown_steps(chat.until_answered())
    assert (step.name, step.status) == ("Wait", "stopped")
