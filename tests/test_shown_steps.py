"""Steps as people see them: in their places, while they run, when they fail, and afterwards."""

from __future__ import annotations

import re
import threading
import uuid
from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask import Flask

from tests.support.apps import AppMaker
from tests.support.chats import Chat
from tests.support.html import Element, parse
from tests.support.people import HTMX
from tests.support.rows import column, statements
from tests.test_editing import edit
from tests.test_turns import app_with, names
from webapp.authoring.chat_message import ASSISTANT, STEP, STREAMING, ChatMessage
from webapp.database.engines import utc_now
from webapp.pages.chat_addresses import ChatAddresses
from webapp.pages.live import LiveTurn, TurnState
from webapp.pages.outline import MOST_LEVELS
from webapp.pages.participants import build_participants

PROFILES = """
    import webapp as cl

    cl.set_cot("tool_call")

    @cl.set_chat_profiles
    def profiles(user):
        return [
            cl.ChatProfile("Tools", "a"),
            cl.ChatProfile("All", "b", cot="full"),
            cl.ChatProfile("None", "c", cot="hidden"),
        ]

    @cl.on_message
    def answer(message):
        if message.content in ("All", "None"):
            cl.switch_profile(message.content)
        with cl.Step(name="Think", type="llm") as step:
            step.output = "a thought of the model"
            with cl.Step(name="Look", type="tool"):
                pass
        cl.Message("Done").send()
"""


def steps(page: Element) -> list[Element]:
    """Return the steps of a page, in their order."""
    return page.all("details", data_testid="step")


def looks(page: Element) -> list[tuple[str, str]]:
    """Return the names and the states of the steps of a page."""
    return [(step["data-name"], step["data-status"]) for step in steps(page)]


def paths(page: Element) -> list[str]:
    """Return the names of the steps, each after those that it is in."""
    found = []
    for step in steps(page):
        path, place = step["data-name"], step.parent
        while place is not None:
            if place.get("data-testid") == "step":
                path = f"{place['data-name']}/{path}"
            place = place.parent
        found.append(path)
    return found


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """Return what lets a function of an app file go on."""
    event = threading.Event()
    yield event
    event.set()


def wait_within(make_app: AppMaker, gate: threading.Event, body: str, **settings: str) -> Flask:
    """Return an app whose answers have this body, with a GATE to wait for."""
    app = app_with(make_app, body, **settings)
    names(app)["GATE"] = gate
    return app


def test_a_step_shows_what_went_in_and_came_out(make_app: AppMaker) -> None:
    body = """
        with cl.Step(name="<Search>", type="tool") as step:
            step.input = {"q": "<b>"}
            step.output = "Found **three**."
        cl.Message("Done").send()
    """
    chat = Chat(app_with(make_app, body)).say("a")
    (step,) = steps(chat.page())
    assert (step["data-name"], step["data-type"]) == ("<Search>", "tool")
    assert step["data-status"] == "complete"
    assert step.get("open") is None
    assert step.one("bdi").text == "<Search>"
    assert "0.1 s" in step.one("summary").text
    code, output = step.with_class("prose")
    assert code.one("code")["class"] == "language-json"
    assert '"<b>"' in code.text
    assert output.one("strong").text == "three"
    assert chat.messages() == ["Done"]


def test_output_of_a_language_is_code_whatever_is_in_it(make_app: AppMaker) -> None:
    body = """
        with cl.Step(language="python") as step:
            step.output = "print(1)\\n```\\n# no heading\\n" + "`" * 90 + "\\n*a*"
    """
    (step,) = steps(Chat(app_with(make_app, body)).say("a").page())
    assert step.one("code")["class"] == "language-python"
    assert step.one("code").text.endswith("*a*")
    assert not step.all("h1")


def test_steps_are_inside_the_steps_around_them(make_app: AppMaker) -> None:
    body = """
        with cl.Step(name="a"):
            with cl.Step(name="b"):
                cl.Message("said within a step").send()
            with cl.Step(name="c"):
                pass
        with cl.Step(name="d"):
            pass
    """
    chat = Chat(app_with(make_app, body)).say("a")
    page = chat.page()
    assert paths(page) == ["a", "a/b", "a/c", "d"]
    # An answer is not folded away.
    (message,) = page.all(data_testid="message", data_kind="assistant")
    place = message.parent
    while place is not None:
        assert place.tag != "details"
        place = place.parent


@pytest.mark.parametrize(("kind", "send"), [("with", ""), ("async with", "await ")])
def test_files_of_a_step_are_shown_in_it(make_app: AppMaker, kind: str, send: str) -> None:
    body = f"""
        report = cl.File(name="report.csv", content="a,b")
        {kind} cl.Step(name="a", elements=[report]) as step:
            with cl.Step(name="b"):
                pass
            {send}cl.File(name="note.txt", content="c").send(for_id=step.id)
    """
    chat = Chat(app_with(make_app, body)).say("a")
    page = chat.page()
    assert paths(page) == ["a", "a/b"]
    shown = [e["data-name"] for e in steps(page)[0].all(data_testid="element")]
    assert shown == ["report.csv", "note.txt"]
    link = next(e["href"] for e in steps(page)[0].all("a") if "report.csv" in e["href"])
    assert chat.visitor.get(link).text == "a,b"


def test_tasks_of_asyncio_take_what_the_methods_return(make_app: AppMaker) -> None:
    body = """
        await asyncio.gather(cl.TaskList([cl.Task("a")]).send(), cl.Step(name="b").send())
        await asyncio.create_task(cl.ReasoningStream(cl.Message()).stream_token("Done"))
    """
    page = Chat(app_with(make_app, body)).say("a").page()
    assert page.one(data_testid="task")["data-status"] == "ready"
    assert paths(page) == ["b"]


def test_files_of_a_hidden_step_are_not_stored(make_app: AppMaker) -> None:
    body = """
        with cl.Step(elements=[cl.File(name="a.txt", content="a")]) as step:
            cl.File(name="b.txt", content="b").send(for_id=step.id)
        cl.Message("Done").send()
    """
    app = app_with(make_app, body)
    app.extensions["chat_app"].cot = "hidden"
    assert Chat(app).say("a").messages() == ["Done"]
    assert column(app, "files.name") == []


def test_deep_steps_are_shown_in_so_many_levels(make_app: AppMaker) -> None:
    body = """
        def dig(depth):
            with cl.Step(name=str(depth)):
                if depth:
                    dig(depth - 1)
        dig(100)
    """
    found = paths(Chat(app_with(make_app, body)).say("a").page())
    assert len(found) == 101
    assert max(path.count("/") + 1 for path in found) == MOST_LEVELS


def test_five_hundred_steps_are_one_page_and_the_question_is_there(make_app: AppMaker) -> None:
    body = """
        with cl.Step(name="all"):
            for n in range(499):
                with cl.Step(name=str(n)) as step:
                    step.output = n
        cl.Message("Done").send()
    """
    chat = Chat(app_with(make_app, body)).say("What?")
    page = chat.page()
    assert len(steps(page)) == 500
    assert paths(page)[-1] == "all/498"
    with statements(chat.visitor.app, "messages.elements") as sent:
        chat.page()
    assert len(sent) <= 2
    assert page.one(data_testid="message", data_kind="user").text.count("What?")


def test_a_step_is_shown_while_it_runs(make_app: AppMaker, gate: threading.Event) -> None:
    body = """
        with cl.Step(name="Search", type="tool") as step:
            step.input = "where?"
            with cl.Step(name="Index"):
                step.update()
                GATE.wait(20)
            step.output = "there"
        cl.Message("Done").send()
    """
    chat = Chat(wait_within(make_app, gate, body))
    chat.begin("a")
    chat.until(lambda: len(steps(chat.page())) == 2)
    page = chat.page()
    assert looks(page) == [("Search", "streaming"), ("Index", "streaming")]
    assert [step.one("summary").text.split()[1] for step in steps(page)[1:]] == ["Running"]
    # What a page without a stream asks for each second.
    turn = page.one(id="turn")["data-turn-id"]
    polled = parse(chat.visitor.get(f"{chat.address}/turns/{turn}", headers=HTMX).text)
    assert paths(polled) == ["Search", "Search/Index"]
    gate.set()
    assert looks(chat.until_answered().page()) == [("Search", "complete"), ("Index", "complete")]
    assert chat.messages() == ["Done"]


@pytest.mark.parametrize("way", ["auto", "inline"])
def test_an_answer_in_one_piece_has_its_steps_in_their_places(make_app: AppMaker, way: str) -> None:
    body = """
        with cl.Step(name="a"), cl.Step(name="b"):
            pass
        cl.Message("Done").send()
    """
    chat = Chat(app_with(make_app, body, streaming=way))
    form = {"content": "a", "key": str(uuid.uuid4())}
    shown = parse(chat.visitor.post(f"{chat.address}/messages", form, htmx=True).text)
    assert paths(shown) == ["a", "a/b"]
    assert not shown.all(data_testid="stop")


def test_steps_that_come_together_come_in_one_piece(simple_app: Flask) -> None:
    # A page finds all places of an event before it puts anything there.
    def message(name: str, parent: uuid.UUID | None = None) -> ChatMessage:
        details = {"name": name, "parent": str(parent) if parent else None}
        return ChatMessage(
            id=uuid.uuid4(),
            kind=STEP,
            content="",
            status=STREAMING,
            created_at=utc_now(),
            details=details,
        )

    a = message("a")
    b = message("b", a.id)
    c, d = message("c", b.id), message("d", a.id)
    waiting = replace(a, kind=ASSISTANT, details=None)
    said = [[waiting], [a, b], [a, b, c], [replace(a, content="x"), b, c, d]]
    with simple_app.test_request_context("/"):
        live = LiveTurn(simple_app, uuid.uuid4(), build_participants([]), ChatAddresses(""))
        live.message_values(said[0])
        html = [
            live.render_changes(TurnState(messages=messages, status="running", version=version))
            for version, messages in enumerate(said[1:])
        ]
    targets = [re.findall(r'hx-target="#(\w+)-([\w-]+)"', each) for each in html]
    assert targets == [
        [("said", str(a.id))],
        [("steps", str(b.id))],
        [("tail", str(a.id)), ("steps", str(a.id))],
    ]
    assert paths(parse(html[0])) == ["a", "a/b"]


def test_steps_within_a_step_that_is_taken_back_move_up(make_app: AppMaker) -> None:
    body = """
        outer = cl.Step(name="outer")
        with outer, cl.Step(name="inner"):
            pass
        outer.remove()
    """
    assert paths(Chat(app_with(make_app, body)).say("a").page()) == ["inner"]


def test_stop_shows_which_steps_ran(make_app: AppMaker, gate: threading.Event) -> None:
    body = """
        tasks = cl.TaskList([cl.Task("a", cl.TaskStatus.RUNNING), cl.Task("b")]).send()
        with cl.Step(name="over"):
            pass
        with cl.Step(name="runs") as step:
            step.stream_token("so far")
            await asyncio.to_thread(GATE.wait, 20)
    """
    chat = Chat(wait_within(make_app, gate, body))
    chat.begin("a")
    chat.until(lambda: len(steps(chat.page())) == 2)
    chat.stop()
    gate.set()
    page = chat.until_answered().page()
    assert looks(page) == [("over", "complete"), ("runs", "stopped")]
    assert "Stopped" in steps(page)[1].one("summary").text
    assert "so far" in steps(page)[1].text
    assert [task["data-status"] for task in page.all(data_testid="task")] == ["stopped", "ready"]
    assert page.all(data_testid="retry")


def test_a_failed_step_says_so_and_not_why(make_app: AppMaker) -> None:
    body = """
        try:
            with cl.Step(name="caught"):
                raise LookupError("a secret of the author")
        except LookupError:
            pass
        with cl.Step(name="not caught"):
            raise LookupError("a secret of the author")
    """
    chat = Chat(app_with(make_app, body)).say("a")
    page = chat.page()
    assert looks(page) == [("caught", "failed"), ("not caught", "failed")]
    assert "Failed" in steps(page)[0].one("summary").text
    assert "This step ended with an error." in steps(page)[0].text
    assert page.all(data_testid="message", data_kind="error")
    assert "a secret of the author" not in chat.visitor.get(chat.address).text


def test_a_step_of_a_lost_process_is_interrupted(make_app: AppMaker, gate: threading.Event) -> None:
    chat = Chat(wait_within(make_app, gate, 'with cl.Step(name="a"): GATE.wait(20)'))
    chat.begin("a")
    chat.until(lambda: bool(steps(chat.page())))
    chat.visitor.app.extensions["conversation"].keeper.shut_down(0)
    assert looks(chat.page()) == [("a", "interrupted")]


def test_a_step_in_the_start_of_a_chat_is_shown(make_app: AppMaker) -> None:
    app = make_app(
        """
        import webapp as cl

        @cl.on_chat_start
        async def start():
            async with cl.Step(name="a", default_open=True):
                pass
            async with cl.Step(name="b", default_open=True, auto_collapse=True):
                pass
            await cl.Message("Hello").send()
        """
    )
    chat = Chat(app)
    assert looks(chat.page()) == [("a", "complete"), ("b", "complete")]
    assert [step.get("open") is not None for step in steps(chat.page())] == [True, False]
    assert chat.messages() == ["Hello"]


def test_a_step_may_come_after_the_answer(make_app: AppMaker) -> None:
    body = """
        cl.Message("Done").send()
        with cl.Step(name="Tidy up"):
            pass
    """
    page = Chat(app_with(make_app, body)).say("a").page()
    order = [e["data-testid"] for e in page.walk() if e.get("data-testid") in ("message", "step")]
    assert order == ["message", "message", "step"]


@pytest.mark.parametrize("first", ["<think>", ""])
def test_reasoning_comes_before_the_answer(make_app: AppMaker, first: str) -> None:
    body = f"""
        answer = cl.Message()
        async with cl.ReasoningStream(answer) as stream:
            for token in ("{first}", "2 and 2", " is 4.", "</think>", "Four", "."):
                await stream.stream_token(token)
        await answer.send()
    """
    chat = Chat(app_with(make_app, body)).say("a")
    page = chat.page()
    order = [e["data-testid"] for e in page.walk() if e.get("data-testid") in ("message", "step")]
    assert order == ["message", "step", "message"]
    assert "Thought for" in steps(page)[0].one("summary").text
    assert "2 and 2 is 4." in steps(page)[0].text
    assert chat.messages() == ["Four."]


# ----- What is an answer, and what is not


def test_steps_can_neither_be_rated_nor_found_nor_told_to_a_model(make_app: AppMaker) -> None:
    body = """
        with cl.Step(name="Search") as step:
            step.output = "pumpernickel"
        cl.TaskList([cl.Task("pumpernickel")]).send()
        cl.ErrorMessage("pumpernickel").send()
        cl.Message(str(cl.chat_history())).send()
    """
    chat = Chat(app_with(make_app, body)).say("a").say("b")
    assert "pumpernickel" not in "".join(chat.messages())
    assert len(chat.page().all(data_testid="rate", data_value="up")) == 2
    found = parse(chat.visitor.get("/chats?q=pumpernickel").text)
    assert not found.all(data_testid="history-item")


def test_another_answer_has_other_steps(make_app: AppMaker) -> None:
    body = """
        with cl.Step(name=message.content):
            pass
        cl.Message("Done").send()
    """
    chat = Chat(app_with(make_app, body)).say("first")
    edit(chat, "second")
    assert looks(chat.until_answered().page()) == [("second", "complete")]
    again = chat.page().one(data_testid="regenerate")
    while again.tag != "form":
        assert again.parent is not None
        again = again.parent
    fields = {e["name"]: e["value"] for e in again.all("input")}
    chat.visitor.post(again["action"], fields)
    assert looks(chat.until_answered().page()) == [("second", "complete")]
    assert column(chat.visitor.app, "messages.kind").count("step") == 3


def test_a_step_that_its_app_renames_keeps_its_name_for_tests(make_app: AppMaker) -> None:
    app = make_app(
        """
        import webapp as cl

        @cl.author_rename
        def rename(name):
            return {"llm_chain": "Thinking hard"}.get(name, name)

        @cl.on_message
        def answer(message):
            with cl.Step(name="llm_chain"):
                pass
            with cl.Step():
                pass
        """
    )
    renamed, nameless = steps(Chat(app).say("a").page())
    assert (renamed["data-name"], renamed.one("bdi").text) == ("llm_chain", "Thinking hard")
    assert (nameless["data-name"], nameless.one("bdi").text) == ("", "Chat Profiles")


def test_an_error_of_the_author_is_shown_as_an_error(make_app: AppMaker) -> None:
    body = """
        await cl.ErrorMessage("No *weather* today.", author="Weather").send()
        await cl.Message("Sorry.").send()
    """
    chat = Chat(app_with(make_app, body)).say("a")
    assert chat.messages("error") == ["No weather today."]
    assert chat.messages() == ["Sorry."]
    assert not chat.page().all(data_testid="retry")


# ----- Which steps users see


@pytest.mark.parametrize(
    ("profile", "seen"), [("Tools", ["Look"]), ("All", ["Think", "Think/Look"]), ("None", [])]
)
def test_a_profile_says_which_steps_are_shown(
    make_app: AppMaker, profile: str, seen: list[str]
) -> None:
    chat = Chat(make_app(PROFILES), profile).say("a")
    assert paths(chat.page()) == seen
    assert column(chat.visitor.app, "messages.kind").count("step") == len(seen)


def test_what_is_hidden_is_not_sent_while_it_runs_either(
    make_app: AppMaker, gate: threading.Event
) -> None:
    body = """
        with cl.Step(name="a thought", type="tool") as step:
            step.stream_token("of the model")
            GATE.wait(20)
        cl.Message("Done").send()
    """
    app = app_with(make_app, body)
    names(app)["GATE"] = gate
    app.extensions["chat_app"].cot = "hidden"
    chat = Chat(app)
    chat.begin("a")
    chat.until(lambda: bool(chat.page().all(data_testid="stop")))
    assert "of the model" not in chat.visitor.get(chat.address).text
    gate.set()
    chat.until_answered()
    export = chat.visitor.get(f"{chat.address}/export?format=json").text
    assert "a thought" not in export + chat.visitor.get(chat.address).text


def test_a_switch_of_the_profile_counts_at_once(make_app: AppMaker) -> None:
    chat = Chat(make_app(PROFILES), "Tools").say("All").say("None")
    assert paths(chat.page()) == ["Think", "Think/Look"]


# ----- Lists of tasks


def test_tasks_lead_to_what_they_are_about(make_app: AppMaker) -> None:
    body = """
        done = cl.Message("Done").send()
        with cl.Step(name="a", id="mine"):
            pass
        cl.TaskList(
            status="Working", tasks=[
                cl.Task("one", cl.TaskStatus.DONE, forId=done.id),
                cl.Task("<two>", cl.TaskStatus.FAILED, forId="mine"),
                cl.Task("three"),
            ]
        ).send()
    """
    page = Chat(app_with(make_app, body)).say("a").page()
    tasks = page.one(data_testid="task-list")
    assert "Working" in tasks.text
    shown = [(e["data-status"], e.one("bdi").text) for e in tasks.all(data_testid="task")]
    assert shown == [("done", "one"), ("failed", "<two>"), ("ready", "three")]
    targets = [link["href"].removeprefix("#") for link in tasks.all("a")]
    assert len(targets) == 2
    assert all(page.one(id=target) for target in targets)


def test_a_list_is_changed_by_a_later_answer(make_app: AppMaker) -> None:
    app = make_app(
        """
        import webapp as cl

        TASKS = cl.TaskList([cl.Task("a", cl.TaskStatus.RUNNING)])

        @cl.on_message
        def answer(message):
            if message.content == "go on":
                TASKS.tasks[0].status = cl.TaskStatus.DONE
                TASKS.update()
            else:
                TASKS.send()
            cl.Message("ok").send()
        """
    )
    chat = Chat(app).say("begin").say("go on")
    assert [task["data-status"] for task in chat.page().all(data_testid="task")] == ["done"]
    assert Chat(app).say("go on").messages("error")
