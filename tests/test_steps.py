"""Steps as an author writes them: what is recorded, where it belongs, and what is refused."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from importlib import import_module
from typing import Any, cast

import pytest

import webapp as cl
from webapp.authoring.chat_message import STEP, ChatMessage
from webapp.authoring.context import ChatContext, Running, enter
from webapp.authoring.errors import MisuseError
from webapp.authoring.steps.details import StepDetails, read_step, shown_time
from webapp.authoring.steps.step import LocalSteps
from webapp.authoring.steps.texts import CUT, TEXT_LIMIT


class Call:
    """A callback that runs in a chat of its own."""

    def __init__(self, cot: Any = "full") -> None:
        self.chat = ChatContext(
            chat_id="1", user=cl.User("alice"), chat_profile="team", cot=cot, app_cot=cot
        )

    def run(self, function: Callable[[], Any]) -> Any:
        """Run a function as a callback, also a coroutine function."""
        context = contextvars.Context()
        context.run(enter, Running(chat=self.chat))
        is_async = asyncio.iscoroutinefunction(function)
        return context.run(lambda: asyncio.run(function()) if is_async else function())

    @property
    def said(self) -> list[ChatMessage]:
        """Return what is shown."""
        return [message for message in self.chat.transcript.said() if not message.removed]

    @property
    def steps(self) -> list[StepDetails]:
        """Return the details of the steps."""
        return [read_step(message) for message in self.said if message.kind == STEP]

    @property
    def outline(self) -> list[str]:
        """Return the names of the steps, each after those that it is in."""
        paths: dict[str | None, str] = {None: ""}
        for message in self.said:
            if message.kind == STEP:
                step = read_step(message)
                paths[str(message.id)] = f"{paths[step.parent]}/{step.name}"
        return [path.removeprefix("/") for path in paths.values()][1:]


@pytest.fixture
def call() -> Call:
    """Return a callback in which steps are shown."""
    return Call()


def test_a_step_is_shown_from_its_beginning_to_its_end(call: Call) -> None:
    def answer() -> None:
        with cl.Step(name="Search", type="tool") as step:
            assert call.said[0].status == "streaming"
            step.input, step.output = "where?", "**there**"
            before = call.said[0]
            step.update()
            updated = call.said[0]
        assert (before.content, updated.content) == ("", "**there**")
        assert updated.status == "streaming"

    call.run(answer)
    (message,), (step,) = call.said, call.steps
    assert (message.status, message.content) == ("complete", "**there**")
    assert (step.name, step.type, step.input, step.language) == ("Search", "tool", "where?", None)
    assert step.seconds is not None
    assert step.seconds < 60


@pytest.mark.parametrize(
    ("value", "text", "language"),
    [
        ("plain", "plain", None),
        (None, "", None),
        ({"a": [1]}, '{\n  "a": [\n    1\n  ]\n}', "json"),
        (("a", 1), '[\n  "a",\n  1\n]', "json"),
        ([{"é": None}], '[\n  {\n    "é": null\n  }\n]', "json"),
        (b"\x00\xff", "<2 bytes>", "text"),
        ({"a": b"\x00"}, '{\n  "a": "<1 bytes>"\n}', "json"),
        (7, "7", "text"),
        ({(1, 2): "a key that is no text"}, "{(1, 2): 'a key that is no text'}", "text"),
    ],
)
def test_what_comes_out_becomes_text(
    call: Call, value: object, text: str, language: str | None
) -> None:
    def answer() -> None:
        with cl.Step() as step:
            step.output = value
            assert (step.output, step.language) == (text, language)

    call.run(answer)
    assert (call.said[0].content, call.steps[0].language) == (text, language)


def test_what_cannot_be_shown_fails_nothing(call: Call) -> None:
    class Shy:
        def __str__(self) -> str:
            raise RuntimeError

    loop: list[Any] = []
    loop.append(loop)

    @cl.step
    def work(shy: object, loop: object) -> object:
        return shy

    call.run(lambda: work(Shy(), loop))
    assert call.said[0].content == "<Shy>"
    assert call.said[0].status == "complete"


@pytest.mark.parametrize(
    ("show_input", "given", "shown", "language"),
    [
        ("json", {"q": 1}, '{\n  "q": 1\n}', "json"),
        ("json", '{"q": 1}', '{"q": 1}', "json"),
        ("json", "where?", "where?", "text"),
        ("sql", "SELECT 1", "SELECT 1", "sql"),
        ("no ``` language\n", "a", "a", "nolanguage"),
        (True, "*where?*", "*where?*", None),
        (False, "a secret", "", None),
    ],
)
def test_the_input_is_shown_as_the_author_says(
    call: Call, show_input: bool | str, given: object, shown: str, language: str | None
) -> None:
    def answer() -> None:
        with cl.Step(show_input=show_input) as step:
            step.input = given

    call.run(answer)
    assert (call.steps[0].input, call.steps[0].input_language) == (shown, language)


def test_long_texts_are_cut_and_not_refused(call: Call) -> None:
    long = "x" * (2 * TEXT_LIMIT)

    def answer() -> None:
        with cl.Step(name="n" * 500) as step:
            step.input = {"rows": list(range(10**6))}
            step.output = long
            step.update()
            assert call.said[0].content == "x" * TEXT_LIMIT + CUT
            step.output = ""
            for _ in range(3):
                step.stream_token(long[: TEXT_LIMIT - 10])

    call.run(answer)
    assert call.said[0].content == "x" * TEXT_LIMIT + CUT
    assert len(call.steps[0].input) == TEXT_LIMIT + len(CUT)
    assert call.steps[0].name == "n" * 200


def test_the_texts_of_steps_count_among_those_of_the_call(call: Call) -> None:
    def answer() -> None:
        for _ in range(30):
            with cl.Step() as step:
                step.input = step.output = "x" * TEXT_LIMIT

    with pytest.raises(MisuseError, match="4,000,000 characters"):
        call.run(answer)


def test_tokens_are_added_as_to_a_message(call: Call) -> None:
    async def answer() -> None:
        async with cl.Step(name="Think") as step:
            for token in ("a", None, "", "b"):
                await step.stream_token(token)
            assert call.said[0].content == "ab"
            await step.stream_token("c", is_sequence=True)
            for token in ('{"q"', ": 1}"):
                await step.stream_token(token, is_input=True)
            assert (step.output, step.input) == ("c", '{"q": 1}')
            with pytest.raises(MisuseError, match="takes text, not int"):
                await step.stream_token(1)  # type: ignore[arg-type]

    call.run(answer)
    assert call.said[0].content == "c"
    assert (call.steps[0].input, call.steps[0].input_language) == ('{"q": 1}', "json")


def test_a_step_without_a_block_is_shown_when_it_is_sent(call: Call) -> None:
    async def answer() -> None:
        step = cl.Step(name="a")
        step.output = "b"
        assert await step.send() is step
        sent = call.said[0]
        step.start = "2026-01-31T12:00:00Z"
        await step.update()
        assert (sent.status, call.said[0].status) == ("complete", "streaming")
        step.end = "2026-01-31T12:00:02Z"
        await step.update()

    call.run(answer)
    assert (call.said[0].status, call.steps[0].seconds) == ("complete", 2.0)


def test_a_step_can_be_taken_back_and_sent_again(call: Call) -> None:
    def answer() -> None:
        step = cl.Step(name="a").send()
        step.remove()
        assert call.said == []
        step.remove()
        cl.Step(name="never sent").remove()
        step.send()

    call.run(answer)
    assert call.outline == ["a"]


@pytest.mark.parametrize("kind", ["with", "async with"])
def test_an_error_marks_the_step_and_goes_on(call: Call, kind: str) -> None:
    async def answer() -> None:
        if kind == "with":
            with cl.Step(name="a") as step:
                step.stream_token("so far")
                raise LookupError("a secret of the author")
        async with cl.Step(name="a") as step:
            await step.stream_token("so far")
            raise LookupError("a secret of the author")

    with pytest.raises(LookupError, match="a secret of the author"):
        call.run(answer)
    assert call.steps[0].is_error
    assert (call.said[0].content, call.said[0].status) == ("so far", "complete")
    assert call.steps[0].seconds is not None


def test_a_step_can_be_marked_as_failed(call: Call) -> None:
    def answer() -> None:
        with cl.Step() as step:
            step.is_error = True

    call.run(answer)
    assert call.steps[0].is_error


def test_the_error_of_a_step_counts_more_than_that_it_comes_too_late(call: Call) -> None:
    def answer() -> None:
        with cl.Step():
            call.chat.transcript.close(stopped=True)
            raise LookupError

    with pytest.raises(LookupError):
        call.run(answer)
    assert call.said[0].status == "streaming"  # its turn says how it ended


# ----- Where steps belong


def test_steps_are_in_the_steps_around_them(call: Call) -> None:
    @cl.step(name="inner")
    def inner() -> None:
        with cl.Step(name="innermost"):
            cl.Step(name="sent").send()

    def answer() -> None:
        with cl.Step(name="outer"):
            inner()
            inner()
        inner()

    call.run(answer)
    once = ["inner", "inner/innermost", "inner/innermost/sent"]
    assert call.outline == [
        "outer",
        *(f"outer/{path}" for path in once),
        *(f"outer/{path}" for path in once),
        *once,
    ]


def test_the_steps_around_can_be_listed(call: Call) -> None:
    from_context = cast(LocalSteps, import_module("webapp.context").local_steps)

    def answer() -> None:
        assert from_context.get() is None
        assert from_context.get([]) == []
        with cl.Step(name="outer") as outer:
            with cl.Step(name="inner") as inner:
                assert from_context.get() == [outer, inner]
            assert from_context.get() == [outer]

    call.run(answer)


def test_steps_of_tasks_and_threads_are_told_apart(call: Call) -> None:
    together = threading.Barrier(2, timeout=60)

    def in_thread(name: str) -> None:
        with cl.Step(name=name):
            together.wait(10)
            with cl.Step(name="in thread"):
                together.wait(10)

    async def in_task(name: str) -> None:
        async with cl.Step(name=name):
            await asyncio.sleep(0)
            async with cl.Step(name="in task"):
                await asyncio.sleep(0)

    async def answer() -> None:
        async with cl.Step(name="outer"):
            await asyncio.gather(in_task("a"), in_task("b"))
            work = cl.make_async(in_thread)
            await asyncio.gather(work("c"), work("d"))
        assert cl.context.current_step.type == "run"

    call.run(answer)
    assert sorted(call.outline) == [
        "outer",
        *(f"outer/{path}" for path in ("a", "a/in task", "b", "b/in task")),
        *(f"outer/{path}" for path in ("c", "c/in thread", "d", "d/in thread")),
    ]


def test_a_step_that_ends_before_the_one_within_it_is_left(call: Call) -> None:
    def answer() -> None:
        outer, inner = cl.Step(name="outer"), cl.Step(name="inner")
        outer.__enter__()
        inner.__enter__()
        outer.__exit__(None, None, None)
        assert cl.context.current_step is inner
        inner.__exit__(None, None, None)
        assert cl.context.current_step.type == "run"

    call.run(answer)
    assert call.outline == ["outer", "outer/inner"]


def test_a_parent_is_chosen_by_its_id(call: Call) -> None:
    def answer() -> None:
        a, b = cl.Step(name="a").send(), cl.Step(name="b", id="second").send()
        assert b.id == "second"
        with cl.Step(name="around"):
            cl.Step(name="in a", parent_id=a.id).send()
            cl.Step(name="in b", parent_id="second").send()
            cl.Step(name="in none", parent_id="unknown").send()
            cl.Step(name="in the run", parent_id=cl.context.current_run.id).send()

    call.run(answer)
    assert call.outline == ["a", "b", "around", "a/in a", "b/in b", "in none", "in the run"]


def test_an_id_of_the_author_is_no_id_of_a_row(call: Call) -> None:
    # Otherwise it could be that of a message in the chat of somebody else.
    stolen = "6f2a0c54-3c55-4a2b-8a5e-6d1f4f5b7c11"
    call.run(lambda: cl.Step(id=stolen).send())
    assert str(call.said[0].id) != stolen


# ----- The decorator


def test_a_call_is_a_step_with_its_arguments_and_its_result(call: Call) -> None:
    @cl.step(type="tool", name="Add")
    async def add(a: int, b: int = 2, *more: int, **named: int) -> dict[str, int]:
        cl.context.current_step.language = "text"
        return {"sum": a + b + sum(more) + sum(named.values())}

    assert call.run(functools.partial(_await, add, 1, 2, 3, c=4)) == {"sum": 10}
    (step,) = call.steps
    assert (step.name, step.type, step.language) == ("Add", "tool", "json")
    assert '"more": [\n    3\n  ]' in step.input
    assert call.said[0].content == '{\n  "sum": 10\n}'


async def _await(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return await function(*args, **kwargs)


def test_the_decorator_needs_no_brackets_and_keeps_the_function(call: Call) -> None:
    @cl.step
    def work() -> str:
        """Do it."""
        return "done"

    assert (work.__name__, work.__doc__) == ("work", "Do it.")
    assert call.run(work) == "done"
    assert (call.outline, call.said[0].content) == (["work"], "done")


def test_what_the_function_shows_itself_is_kept(call: Call) -> None:
    @cl.step
    def work() -> str:
        cl.context.current_step.output = "shown"
        return "returned"

    assert call.run(work) == "returned"
    assert call.said[0].content == "shown"


@pytest.mark.parametrize(("result", "shown"), [(None, ""), ("", ""), ([], "[]"), (0, "0")])
def test_only_nothing_shows_nothing(call: Call, result: object, shown: str) -> None:
    call.run(cl.step(lambda: result))
    assert call.said[0].content == shown


def test_methods_do_not_show_what_they_belong_to(call: Call) -> None:
    class Agent:
        @cl.step(show_input=True)
        def work(self, task: str) -> None:
            pass

    call.run(lambda: Agent().work("a"))
    assert call.steps[0].input == '{\n  "task": "a"\n}'


def test_secret_arguments_are_kept(call: Call) -> None:
    @cl.step(show_input=False)
    def work(key: str) -> None:
        pass

    call.run(lambda: work("a secret"))
    assert "a secret" not in str(call.said[0].details)


def test_a_wrong_call_fails_as_without_the_decorator(call: Call) -> None:
    @cl.step
    def work(a: int) -> None:
        pass

    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        call.run(functools.partial(work))
    assert call.steps[0].is_error


def test_a_generator_is_a_step_until_it_ends(call: Call) -> None:
    @cl.step
    def words() -> Iterator[str]:
        for word in ("a", "b"):
            assert cl.context.current_step.name == "words"
            with cl.Step(name=word):
                pass
            yield word

    def answer() -> list[str]:
        found = []
        for word in words():
            assert cl.context.current_step.type == "run"
            cl.Step(name="outside").send()
            found.append(word)
        return found

    assert call.run(answer) == ["a", "b"]
    assert call.outline == ["words", "words/a", "outside", "words/b", "outside"]
    assert call.said[0].content == "ab"


def test_an_async_generator_may_be_left_early(call: Call) -> None:
    @cl.step
    async def words() -> AsyncIterator[str]:
        for word in ("a", "b"):
            yield word

    async def answer() -> None:
        stream = words()
        async for word in stream:
            assert word == "a"
            break
        await stream.aclose()  # type: ignore[attr-defined]

    call.run(answer)
    assert not call.steps[0].is_error
    assert call.said[0].status == "complete"


def test_a_generator_gets_what_is_sent_and_thrown_to_it(call: Call) -> None:
    @cl.step
    def talk() -> Generator[str, str, str]:
        heard = yield "a"
        try:
            yield heard
        except LookupError:
            with cl.Step(name="within"):
                yield "c"
        return "the end"

    def answer() -> list[str]:
        words = talk()
        said = [next(words), words.send("b"), words.throw(LookupError())]
        with pytest.raises(StopIteration) as ended:
            next(words)
        return [*said, ended.value.value]

    assert call.run(answer) == ["a", "b", "c", "the end"]
    assert call.outline == ["talk", "talk/within"]
    assert call.said[0].content == "abc"
    assert not call.steps[0].is_error


def test_a_generator_pauses_within_a_step_of_its_own(call: Call) -> None:
    @cl.step
    def agent() -> Iterator[str]:
        with cl.Step(name="model"):
            for word in ("a", "b"):
                with cl.Step(name=word):
                    yield word
        with cl.Step(name="after"):
            pass

    async def answer() -> None:
        for word in agent():
            with cl.Step(name=f"reads {word}"):
                assert [it.name for it in LocalSteps().get() or []] == [f"reads {word}"]
        async with cl.Step(name="reader"):
            list(agent())
        cl.Step(name="outside").send()

    call.run(answer)
    assert call.outline == [
        *("agent", "agent/model", "agent/model/a", "reads a", "agent/model/b", "reads b"),
        "agent/after",
        *("reader", "reader/agent", "reader/agent/model", "reader/agent/model/a"),
        *("reader/agent/model/b", "reader/agent/after", "outside"),
    ]
    assert {it.status for it in call.said} == {"complete"}


def test_an_async_generator_pauses_within_a_step_of_its_own(call: Call) -> None:
    @cl.step
    async def agent() -> AsyncIterator[str]:
        async with cl.Step(name="model"):
            for word in ("a", "b"):
                yield word

    async def answer() -> None:
        async with cl.Step(name="reader"):
            async for word in agent():
                cl.Step(name=f"reads {word}").send()
        cl.Step(name="outside").send()

    call.run(answer)
    assert call.outline == [
        *("reader", "reader/agent", "reader/agent/model", "reader/reads a", "reader/reads b"),
        "outside",
    ]


def test_a_step_that_is_entered_within_itself_stands_where_it_was(call: Call) -> None:
    def answer() -> None:
        step = cl.Step(name="again")
        with step, cl.Step(name="b"), step:
            assert [it.name for it in LocalSteps().get() or []] == ["again"]
        cl.Step(name="outside").send()

    call.run(answer)
    assert call.outline == ["again", "again/b", "outside"]


def test_an_async_generator_gets_what_is_sent_and_thrown_to_it(call: Call) -> None:
    @cl.step
    async def talk() -> AsyncGenerator[str, str]:
        heard = yield "a"
        try:
            yield heard
        except LookupError:
            yield "c"

    async def answer() -> list[str]:
        words = talk()
        return [
            await anext(words),
            await words.asend("b"),
            await words.athrow(LookupError()),
            *[word async for word in words],
        ]

    assert call.run(answer) == ["a", "b", "c"]
    assert call.said[0].content == "abc"


def test_what_a_generator_returns_is_its_output_if_it_yields_no_text(call: Call) -> None:
    @cl.step
    def count() -> Generator[int, None, dict[str, int]]:
        yield 1
        return {"found": 1}

    call.run(lambda: list(count()))
    assert '"found": 1' in call.said[0].content


@pytest.mark.parametrize("kind", ["left early", "failed"])
def test_a_generator_that_does_not_end_shows_what_it_has_yielded(call: Call, kind: str) -> None:
    @cl.step
    def words() -> Iterator[str]:
        yield "so far"
        raise LookupError

    async def words_of_a_task() -> AsyncIterator[str]:
        yield "so far"
        raise LookupError

    async def answer() -> None:
        stream, other = words(), cl.step(words_of_a_task)()
        assert (next(stream), await anext(other)) == ("so far", "so far")
        if kind == "failed":
            with pytest.raises(LookupError):
                next(stream)
            with pytest.raises(LookupError):
                await anext(other)
        else:
            stream.close()  # type: ignore[attr-defined]
            await other.aclose()  # type: ignore[attr-defined]

    call.run(answer)
    assert [it.content for it in call.said] == ["so far", "so far"]
    assert [it.is_error for it in call.steps] == [kind == "failed"] * 2


def test_a_step_makes_steps_of_a_function(call: Call) -> None:
    @cl.Step(type="tool")
    def work() -> int:
        return 1

    assert call.run(work) == 1
    assert (call.outline, call.steps[0].type) == (["work"], "tool")


def test_what_is_no_function_is_refused() -> None:
    with pytest.raises(MisuseError, match="@step takes a function, not 'Search'"):
        cl.step("Search")  # type: ignore[call-overload]


# ----- Which steps are shown


def test_only_tools_are_shown_and_they_move_up() -> None:
    call = Call("tool_call")

    def answer() -> None:
        a, b, c = (
            cl.Step(name="a", type="tool"),
            cl.Step(name="b"),
            cl.Step(name="c", type="tool"),
        )
        with a, b, c:
            c.stream_token("x")
        with cl.Step(name="d") as step:
            step.stream_token("y")
            step.update()
            cl.Step(name="e", type="tool").send()
            step.remove()

    call.run(answer)
    assert call.outline == ["a", "a/c", "e"]


def test_hidden_steps_leave_nothing_and_are_work_all_the_same() -> None:
    call = Call("hidden")
    call.chat.transcript.spoke_at = 0.0

    @cl.step(type="tool")
    def work() -> str:
        return cl.context.current_step.name

    assert call.run(work) == "work"
    assert call.said == []
    assert call.chat.transcript.version == 0
    assert call.chat.transcript.spoke_at > 0


# ----- The context


def test_the_context_tells_where_the_code_is(call: Call) -> None:
    def answer() -> None:
        session = cl.context.session
        assert (session.id, session.thread_id) == ("1", "1")
        assert (session.user, session.chat_profile) == (call.chat.user, "team")
        run = cl.context.current_run
        assert (run.name, run.type) == ("on_chat_start", "run")
        assert cl.context.current_step.id == run.id
        run.output = "nobody sees it"
        run.update()
        run.stream_token("nor this")
        with cl.Step() as step:
            assert cl.context.current_step is step
            assert cl.context.current_run.id == run.id

    call.run(answer)
    assert len(call.said) == 1


@pytest.mark.parametrize("name", ["loop", "session.token", "session.to_persistable"])
def test_names_that_the_context_does_not_have_say_what_to_use(call: Call, name: str) -> None:
    with pytest.raises(AttributeError, match=rf"context\.{name} does not exist in this version:"):
        call.run(lambda: functools.reduce(getattr, name.split("."), cl.context))


@pytest.mark.parametrize(
    "use",
    [
        lambda: cl.context.session,
        lambda: cl.context.current_step,
        lambda: cl.Step().send(),
        lambda: cl.Step().__enter__(),
        cl.step(lambda: None),
        lambda: cl.TaskList().send(),
        lambda: cl.ErrorMessage("a").send(),
    ],
)
def test_outside_a_chat_there_are_no_steps(use: Callable[[], object]) -> None:
    with pytest.raises(MisuseError, match="was used outside a chat"):
        use()


def test_names_that_a_step_does_not_have_are_refused() -> None:
    step = cl.Step()
    with pytest.raises(AttributeError, match=r"Step\.ouput does not exist; did you mean output"):
        step.ouput = "a"  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match=r"Step\.to_dict does not exist in this version"):
        step.to_dict  # type: ignore[attr-defined]  # noqa: B018
    with pytest.raises(MisuseError, match="Step does not take inputs: did you mean"):
        cl.Step(inputs="a")  # type: ignore[call-arg]


def test_a_step_of_another_chat_is_refused(call: Call) -> None:
    step = call.run(lambda: cl.Step().send())
    other = Call()
    other.chat.chat_id = "2"
    with pytest.raises(MisuseError, match="a Step of another chat"):
        other.run(step.update)


# ----- Lists of tasks


def test_a_list_shows_its_tasks(call: Call) -> None:
    async def answer() -> None:
        step = await cl.Step(id="mine").send()
        tasks = cl.TaskList()
        await tasks.add_task(cl.Task("a", cl.TaskStatus.RUNNING, forId="mine"))
        tasks.tasks.append(cl.Task(title="b", forId="nothing"))
        await tasks.send()
        assert call.said[1].status == "streaming"
        tasks.tasks[0].status = cl.TaskStatus.DONE
        tasks.status = "Over"
        await tasks.update()
        del step

    call.run(answer)
    step, shown = call.said
    assert shown.status == "complete"
    assert shown.details == {
        "status": "Over",
        "tasks": [
            {"title": "a", "status": "done", "message": str(step.id)},
            {"title": "b", "status": "ready"},
        ],
    }


def test_a_list_has_its_limits(call: Call) -> None:
    tasks = cl.TaskList(tasks=[cl.Task("x" * 900) for _ in range(200)])
    call.run(tasks.send)
    details = call.said[0].details or {}
    assert details["tasks"][0]["title"] == "x" * 500
    tasks.add_task(cl.Task("one more"))
    with pytest.raises(MisuseError, match="may have 200 tasks; this one has 201"):
        call.run(tasks.update)
    call.run(tasks.remove)
    assert call.said == []


# ----- Reasoning


def answered(call: Call, *tokens: str | None, **options: Any) -> list[tuple[str, str, str]]:
    """Stream tokens; return the kind, name and text of what is shown."""

    async def answer() -> None:
        message = cl.Message()
        async with cl.ReasoningStream(message, **options) as stream:
            for token in tokens:
                await stream.stream_token(token)
        await message.send()

    call.run(answer)
    return [
        (message.kind, read_step(message).name if message.kind == STEP else "", message.content)
        for message in call.said
    ]


THOUGHT = ("step", "Thought for < 0.1 s", "2 and 2 is 4.")
FOUR = ("assistant", "", "Four.")


@pytest.mark.parametrize(
    "tokens",
    [
        ("<thi", "nk>2 and 2", None, " is 4.</th", "ink>\n\nFour", "."),
        ("<think>2 and 2 is 4.</think>Four.",),
        ("2 and 2 ", "is 4.", "</think>", "Four."),  # without the first tag
    ],
)
def test_reasoning_is_a_step_before_the_answer(call: Call, tokens: tuple[str | None, ...]) -> None:
    assert answered(call, *tokens) == [THOUGHT, FOUR]


def test_a_model_that_does_not_reason_gets_no_step(call: Call) -> None:
    assert answered(call, "Fo", "ur.") == [FOUR]


def test_reasoning_without_an_answer_is_a_step(call: Call) -> None:
    found = answered(call, "<think>", "2 and 2 is 4.", name="Hm", name_after="Done in {time}")
    assert found[0] == ("step", "Done in < 0.1 s", "2 and 2 is 4.")
    assert [text for _, _, text in found[1:]] in ([], [""])


def test_a_tag_that_was_never_closed_is_taken_back(call: Call) -> None:
    assert answered(call, "The tag <think> is", " how models begin.") == [
        ("assistant", "", "The tag <think> is how models begin.")
    ]


def test_reasoning_is_called_thinking_until_the_answer_comes(call: Call) -> None:
    def answer() -> None:
        message = cl.Message()
        with cl.ReasoningStream(message) as stream:
            stream.stream_reasoning("2 and 2")
            assert (call.steps[0].name, call.said[0].status) == ("Thinking", "streaming")
            stream.stream_reasoning(" is 4.")
            stream.stream_token("Four.")
            assert (call.steps[0].name, call.said[0].status) == (THOUGHT[1], "complete")

    call.run(answer)
    assert [message.content for message in call.said] == ["2 and 2 is 4.", "Four."]


def test_hidden_reasoning_leaves_the_answer() -> None:
    assert answered(Call("tool_call"), "<think>2 and 2 is 4.</think>Four.") == [FOUR]


def test_an_error_ends_the_reasoning(call: Call) -> None:
    def answer() -> None:
        with cl.ReasoningStream(cl.Message()) as stream:
            stream.stream_token("<think>2 and 2")
            raise LookupError

    with pytest.raises(LookupError):
        call.run(answer)
    assert call.said[0].status == "complete"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.0, "< 0.1 s"), (0.44, "0.4 s"), (9.96, "10 s"), (59.6, "1 min 0 s"), (125, "2 min 5 s")],
)
def test_a_time_is_short(seconds: float, shown: str) -> None:
    assert shown_time(seconds) == shown


@pytest.mark.parametrize("start", ["yesterday", "2026-01-31T12:00:00", "2026-01-31T12:00:02+00:00"])
def test_a_time_of_the_author_may_be_anything(start: str) -> None:
    step = StepDetails(name="a", start=start, end="2026-01-31T12:00:01Z")
    assert step.seconds in (None, 1.0, 0.0)
