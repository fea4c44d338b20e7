"""One turn: what a callback may do in it, how it ends, and what is left of it."""

from __future__ import annotations

import textwrap
import threading
from typing import Any

import pytest
from flask import Flask

from tests.support.apps import AppMaker
from tests.support.chats import Chat
from tests.support.log import LogReader
from tests.support.rows import column, pooled_connections_in_use
from webapp.engine import call as engine_call
from webapp.testing.background import wait_for_background


def app_with(make_app: AppMaker, body: str, **settings: str) -> Flask:
    """Return an app whose `on_message` has this body; it is `async def` if it awaits."""
    kind = "async def" if "await " in body else "def"
    head = "import asyncio, threading, time\nimport webapp as cl\n@cl.on_message\n"
    code = textwrap.indent(textwrap.dedent(body).strip("\n"), "    ")
    return make_app(f"{head}{kind} answer(message):\n{code}\n", **settings)


def names(app: Flask) -> dict[str, Any]:
    """Return the names of the app file."""
    callback = app.extensions["chat_app"].callbacks["on_message"].function
    found: dict[str, Any] = callback.__globals__
    return found


@pytest.mark.parametrize("sends", ["cl.Message('Hi').send()", "await cl.Message('Hi').send()"])
def test_an_answer_is_sent_at_once(make_app: AppMaker, sends: str) -> None:
    assert Chat(app_with(make_app, sends)).say("a").messages() == ["Hi"]


def test_a_callback_without_a_parameter_is_called_too(make_app: AppMaker) -> None:
    app = make_app("import webapp as cl\n@cl.on_message\ndef a():\n    cl.Message('Hi').send()\n")
    assert Chat(app).say("a").messages() == ["Hi"]


def test_several_messages_keep_their_order(make_app: AppMaker) -> None:
    app = app_with(make_app, "for n in range(5): cl.Message(f'number {n}').send()")
    assert Chat(app).say("a").messages() == [f"number {n}" for n in range(5)]


@pytest.mark.parametrize(
    "end", ["", "m.send()", "m.update()", "await m.send()", "await m.update()"]
)
def test_tokens_become_one_message(make_app: AppMaker, end: str) -> None:
    body = f"""
        m = cl.Message()
        for token in ["Hel", "lo ", "*th", "ere*"]:
            m.stream_token(token)
        {end}
    """
    chat = Chat(app_with(make_app, body)).say("a")
    assert chat.messages() == ["Hello there"]
    assert column(chat.visitor.app, "messages.status") == ["complete", "complete"]


def test_streaming_goes_on_after_what_was_given(make_app: AppMaker) -> None:
    app = app_with(make_app, "m = cl.Message('Dear '); m.stream_token('Bob'); m.send()")
    assert Chat(app).say("a").messages() == ["Dear Bob"]


def test_a_sequence_takes_the_place_of_the_text(make_app: AppMaker) -> None:
    body = "m = cl.Message('a'); m.stream_token('b'); m.stream_token('whole', is_sequence=True)"
    assert Chat(app_with(make_app, body)).say("a").messages() == ["whole"]


def test_a_message_is_changed_and_taken_back(make_app: AppMaker) -> None:
    body = """
        kept, gone = cl.Message("draft").send(), cl.Message("gone").send()
        kept.content = "final"
        kept.author = "Editor"
        kept.update()
        gone.remove()
    """
    chat = Chat(app_with(make_app, body)).say("a")
    [shown] = chat.page().all(data_testid="message", data_kind="assistant")
    assert chat.messages() == ["final"]
    assert shown["data-author"] == "Editor"


def test_a_message_of_an_earlier_turn_is_changed(make_app: AppMaker) -> None:
    body = """
        if message.content == "first":
            globals()["kept"] = cl.Message("before").send()
        else:
            kept.content = "after"
            kept.update()
            cl.Message("done").send()
    """
    chat = Chat(app_with(make_app, body)).say("first").say("second")
    assert chat.messages() == ["after", "done"]


def test_a_message_of_another_chat_is_refused(make_app: AppMaker, log: LogReader) -> None:
    body = "globals().setdefault('kept', cl.Message('mine').send()).update()"
    app = app_with(make_app, body)
    Chat(app).say("a")
    Chat(app).say("b")
    assert "a Message of another chat" in log.one("turn.failed")["traceback"]


@pytest.mark.parametrize(
    ("misuse", "says"),
    [
        ("cl.Message().stream_token(b'a')", "takes text, not bytes"),
        (
            "setattr(cl.Message(), 'is_error', True)",
            "Message.is_error does not exist in this version",
        ),
        ("setattr(cl.Message('a'), 'contnet', 'b')", "did you mean content?"),
        ("raise asyncio.CancelledError", "the callback raised CancelledError"),
        ("await asyncio.sleep(0); raise asyncio.CancelledError", "raised CancelledError"),
        (
            "t = asyncio.create_task(asyncio.sleep(9)); t.cancel(); await t",
            "raised CancelledError",
        ),
        (
            "from concurrent.futures import CancelledError\nraise CancelledError",
            "CancelledError",
        ),
        ("cl.chat_history(0)", "from 1 up"),
        ("cl.chat_history(True)", "from 1 up"),
        (
            "m = cl.Message()\nfor _ in range(3): m.stream_token('x' * 400_000)",
            "may have 1,000,000",
        ),
        ("cl.Message('x' * 10_000_000).send()", "may have 1,000,000"),
        ("cl.Message().stream_token('x' * 10_000_000)", "may have 1,000,000"),
        ("while True: cl.Message('x').send()", "may send 1000 messages"),
        ("while True: cl.Message('x' * 900_000).send()", "4,000,000 characters in all"),
    ],
)
def test_misuse_teaches_the_author_and_not_the_user(
    make_app: AppMaker, log: LogReader, misuse: str, says: str
) -> None:
    chat = Chat(app_with(make_app, misuse)).say("a")
    [error] = chat.page().all(data_testid="message", data_kind="error")
    event = log.one("turn.failed")
    assert says in event["traceback"]
    assert says not in error.text
    assert event["request"] in error.text


def test_a_key_is_the_same_in_this_call_and_in_the_next(make_app: AppMaker) -> None:
    body = """
        if message.content == "set":
            cl.user_session.set("a\\x00b\\ud800", 1)
        cl.Message(str(cl.user_session.get("a\\x00b\\ud800"))).send()
    """
    assert Chat(app_with(make_app, body)).say("set").say("get").messages() == ["1", "1"]


def test_what_was_said_before_the_author_cancelled_stays(make_app: AppMaker) -> None:
    body = "await cl.Message('part one').send(); raise asyncio.CancelledError"
    chat = Chat(app_with(make_app, body)).say("a")
    assert chat.messages() == ["part one"]
    assert len(chat.page().all(data_testid="message", data_kind="error")) == 1
    assert column(chat.visitor.app, "turns.status") == ["failed"]


@pytest.mark.parametrize("body", ["cl.Message('Hi')", "await asyncio.sleep(0)", "pass"])
def test_the_log_advises_once_whose_callback_says_nothing(
    make_app: AppMaker, log: LogReader, body: str
) -> None:
    Chat(app_with(make_app, body)).say("a").say("b")
    hint = log.one("turn.silent")
    assert hint["callback"] == "@on_message"
    assert hint["place"].endswith("in answer")
    assert "Call send() of each Message" in hint["advice"]


@pytest.mark.parametrize("body", ["cl.Message('Hi').send()", "cl.Step('a').send()", "1 / 0"])
def test_who_says_something_or_fails_gets_no_such_advice(
    make_app: AppMaker, log: LogReader, body: str
) -> None:
    Chat(app_with(make_app, body)).say("a")
    assert log.events("turn.silent") == []


def test_the_log_advises_once_whose_coroutine_blocks_the_others(
    make_app: AppMaker, log: LogReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_call, "BLOCKING_SECONDS", 0.05)
    body = "time.sleep(0.1); await cl.Message('Hi').send()"
    Chat(app_with(make_app, body)).say("a").say("b")
    hint = log.one("callback.blocks")
    assert hint["callback"] == "@on_message"
    assert hint["place"].endswith("in answer")
    assert hint["seconds"] >= 0.1
    assert "make_async" in hint["advice"]


@pytest.mark.parametrize(
    "body", ["await asyncio.sleep(0.1)", "await cl.make_async(time.sleep)(0.1)", "time.sleep(0.1)"]
)
def test_who_waits_or_has_a_thread_blocks_nobody(
    make_app: AppMaker, log: LogReader, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    monkeypatch.setattr(engine_call, "BLOCKING_SECONDS", 0.05)
    Chat(app_with(make_app, f"{body}; cl.Message('Hi').send()")).say("a")
    assert log.events("callback.blocks") == []


def test_none_as_a_token_says_nothing(make_app: AppMaker) -> None:
    body = "m = cl.Message(); m.stream_token('Hello'); m.stream_token(None); m.send()"
    assert Chat(app_with(make_app, body)).say("a").messages() == ["Hello"]


@pytest.mark.parametrize("author", ["'  '", "chr(0x200b)", "''", "None"])
def test_an_author_that_cannot_be_seen_is_none(make_app: AppMaker, author: str) -> None:
    app = app_with(make_app, f"cl.Message('Hi', author={author}).send()")
    Chat(app).say("a")
    assert column(app, "messages.author") == [None, None]


@pytest.mark.parametrize("content", ["{(1, 2): 3}", "[{(1,): None}][0]"])
def test_a_dict_that_is_no_json_is_shown_as_python_shows_it(
    make_app: AppMaker, content: str
) -> None:
    [shown] = Chat(app_with(make_app, f"cl.Message({content}).send()")).say("a").messages()
    assert shown.startswith("{(1,")


def test_a_dict_that_holds_itself_is_shown(make_app: AppMaker) -> None:
    app = app_with(make_app, "d = {'a': 1}; d['self'] = d; cl.Message(d).send()")
    [shown] = Chat(app).say("a").messages()
    assert "'self': {...}" in shown


@pytest.mark.parametrize(
    "start",
    [
        "threading.Thread(target=work).start()",
        "asyncio.get_running_loop().run_in_executor(None, work)",
    ],
)
def test_a_thread_of_ones_own_is_told_how_to_speak(make_app: AppMaker, start: str) -> None:
    app = app_with(
        make_app,
        f"""
        said, done = [], threading.Event()
        def work():
            try:
                cl.Message("a").send()
            except Exception as error:
                said.append(str(error))
            done.set()
        {start}
        await asyncio.to_thread(done.wait, 10)
        cl.Message(said[0]).send()
        """,
    )
    [told] = Chat(app).say("a").messages()
    assert "contextvars.copy_context().run(function)" in told


@pytest.mark.parametrize(
    "start",
    [
        "await asyncio.to_thread(work)",
        "await cl.make_async(work)()",
        "t = threading.Thread(target=contextvars.copy_context().run, args=[work]); t.start(); "
        "await asyncio.to_thread(t.join)",
    ],
)
def test_a_thread_that_knows_its_chat_speaks(make_app: AppMaker, start: str) -> None:
    body = f"import contextvars\ndef work(): cl.Message('from a thread').send()\n{start}"
    assert Chat(app_with(make_app, body)).say("a").messages() == ["from a thread"]


@pytest.mark.parametrize(
    ("returned", "fails"),
    [
        ("(x for x in 'ab')", True),
        ("(lambda: (yield))()", True),
        ("b'bytes'", True),
        ("'text'", True),
        ("{'a': 1}", True),
        ("cl.Message('forgotten')", True),
        ("None", False),
        ("cl.Message('said').send()", False),
    ],
)
def test_what_a_callback_returns(
    make_app: AppMaker, log: LogReader, returned: str, fails: bool
) -> None:
    chat = Chat(app_with(make_app, f"return {returned}")).say("a")
    assert column(chat.visitor.app, "turns.status") == ["failed" if fails else "complete"]
    assert ("nobody" in log.text) == fails
    assert chat.messages() == (["said"] if "send" in returned else [])


def test_an_error_is_told_with_a_reference_and_the_next_message_works(
    make_app: AppMaker, log: LogReader
) -> None:
    body = """
        cl.Message("so far").send()
        if message.content == "bad":
            raise ValueError("the secret price")
    """
    chat = Chat(app_with(make_app, body)).say("bad")
    [error] = chat.page().all(data_testid="message", data_kind="error")
    assert log.one("turn.failed")["request"] in error.text
    assert "price" not in chat.page().text
    assert chat.say("good").messages() == ["so far", "so far"]


@pytest.mark.parametrize(
    "body",
    [
        "raise SystemExit(1)",
        "raise KeyboardInterrupt",
        "await asyncio.sleep(0); raise SystemExit(1)",
        "await asyncio.sleep(0); raise BaseException('odd')",
        "await asyncio.sleep(0); raise TimeoutError",
        "await asyncio.sleep(0); raise StopIteration",
    ],
)
def test_no_exception_ends_more_than_its_turn(make_app: AppMaker, body: str) -> None:
    chat = Chat(
        app_with(
            make_app, f"if message.content == 'bad':\n    {body}\nawait cl.Message('Hi').send()"
        )
    )
    assert chat.say("bad").say("good").messages() == ["Hi"]
    assert column(chat.visitor.app, "turns.status") == ["complete", "failed"]


def test_a_failure_after_its_request_is_logged_with_the_address(
    make_app: AppMaker, log: LogReader
) -> None:
    app = app_with(
        make_app, "globals().setdefault('go_on', threading.Event()).wait(20); raise ValueError"
    )
    chat = Chat(app)
    chat.begin("a")
    names(app).setdefault("go_on", threading.Event()).set()
    chat.until_answered()
    line = log.one("turn.failed")
    assert (line["ip"], len(line["request"])) == ("127.0.0.1", 12)


def test_what_was_streamed_before_a_failure_stays(make_app: AppMaker) -> None:
    chat = Chat(app_with(make_app, "cl.Message().stream_token('half'); raise ValueError")).say("a")
    [answer] = chat.page().all(data_testid="message", data_kind="assistant")
    assert (answer["data-status"], "half" in answer.text) == ("failed", True)


@pytest.mark.parametrize(
    "body",
    [
        "time.sleep(30)",
        "await asyncio.sleep(30)",
        "while not message.content == 'x': time.sleep(0.01)",
    ],
)
def test_silence_ends_a_turn(make_app: AppMaker, log: LogReader, body: str) -> None:
    chat = Chat(app_with(make_app, body, turn_idle_seconds="0.3")).say("a")
    [error] = chat.page().all(data_testid="message", data_kind="error")
    assert "Nothing came for 0.3 seconds" in error.text
    assert "said nothing for 0.3 seconds" in log.one("turn.failed")["traceback"]


@pytest.mark.parametrize("pause", ["time.sleep(0.01)", "await asyncio.sleep(0.01)"])
def test_talking_for_ever_ends_a_turn(make_app: AppMaker, pause: str) -> None:
    body = f"m = cl.Message()\nwhile True:\n    m.stream_token('word ')\n    {pause}"
    chat = Chat(app_with(make_app, body, turn_seconds="2")).say("a")
    [error] = chat.page().all(data_testid="message", data_kind="error")
    [answer] = chat.messages()
    assert "The answer took longer than 2 seconds" in error.text
    assert answer.startswith("word word")


def test_a_coroutine_that_never_awaits_is_ended_and_others_go_on(make_app: AppMaker) -> None:
    body = """
        if message.content == "block":
            time.sleep(1.5)
        await cl.Message("Hi").send()
    """
    app = app_with(make_app, body, turn_idle_seconds="0.3")
    stuck, other = Chat(app), Chat(app)
    stuck.say("block")
    assert stuck.page().all(data_testid="message", data_kind="error")
    # While it blocks the loop the others say nothing either, in time.
    other.until(lambda: other.say("go on").messages() != [])


def test_nothing_is_held_while_a_callback_runs(make_app: AppMaker) -> None:
    app = app_with(make_app, "globals()['go_on'] = threading.Event(); go_on.wait(20)")
    chat = Chat(app)
    chat.begin("a")
    chat.until(lambda: "go_on" in names(app))
    # Not at the first look: the keeper has one for as long as a step takes.
    chat.until(lambda: pooled_connections_in_use(app) == 0)
    names(app)["go_on"].set()
    chat.until_answered()


def test_text_is_stored_while_it_grows(make_app: AppMaker) -> None:
    body = """
        globals()["go_on"] = threading.Event()
        m = cl.Message()
        m.stream_token("the first words")
        go_on.wait(20)
    """
    app = app_with(make_app, body)
    chat = Chat(app)
    chat.begin("a")
    chat.until(lambda: "the first words" in column(app, "messages.content"))
    assert column(app, "messages.status") == ["complete", "streaming"]
    names(app)["go_on"].set()
    chat.until_answered()
    assert column(app, "messages.status") == ["complete", "complete"]


def test_an_app_that_says_nothing_leaves_nothing(make_app: AppMaker) -> None:
    chat = Chat(app_with(make_app, "pass")).say("a")
    assert chat.messages() == []
    assert column(chat.visitor.app, "messages.kind") == ["user"]


EMPTY = {
    "an empty token": "cl.Message().stream_token('')",
    "a sequence that is empty": "cl.Message().stream_token('', is_sequence=True)",
    "an empty message": "cl.Message('').send()",
    "a blank message": "cl.Message(' \\n\\t').send()",
    "what nobody can see": "cl.Message('\\u200b\\u2060').send()",
    "a text that was taken away": "m = cl.Message('a').send(); m.content = ''; m.update()",
    "two empty messages": "cl.Message().send(); cl.Message().stream_token('')",
}


@pytest.mark.parametrize("body", EMPTY.values(), ids=EMPTY)
def test_an_answer_nobody_said_anything_in_leaves_nothing(make_app: AppMaker, body: str) -> None:
    chat = Chat(app_with(make_app, body)).say("a")
    assert chat.messages() == []
    assert column(chat.visitor.app, "messages.kind") == ["user"]


def test_a_text_that_is_taken_away_after_it_was_stored_leaves_nothing(make_app: AppMaker) -> None:
    body = """
        first, second = cl.Message("one").send(), cl.Message("two").send()
        globals().setdefault("go_on", threading.Event()).wait(20)
        for message in (first, second):
            message.content = ""
            message.update()
    """
    app = app_with(make_app, body)
    chat = Chat(app)
    chat.begin("a")
    chat.until(lambda: column(app, "messages.content") == ["a", "one", "two"])
    names(app)["go_on"].set()
    chat.until_answered()
    assert chat.messages() == []
    assert column(app, "messages.content") == ["a"]


@pytest.mark.parametrize("body", EMPTY.values(), ids=EMPTY)
@pytest.mark.parametrize("first", [True, False], ids=["before", "after"])
def test_an_empty_message_beside_others_leaves_nothing(
    make_app: AppMaker, body: str, first: bool
) -> None:
    hello = "cl.Message('Hello').send()"
    body = f"{body}; {hello}" if first else f"{hello}; {body}"
    chat = Chat(app_with(make_app, body)).say("a")
    assert chat.messages() == ["Hello"]
    assert column(chat.visitor.app, "messages.content") == ["Hello", "a"]


@pytest.mark.parametrize("callback", ["on_chat_start", "on_chat_end"])
def test_an_empty_message_of_another_callback_leaves_nothing(
    make_app: AppMaker, callback: str
) -> None:
    app = make_app(
        f"""
        import webapp as cl

        @cl.{callback}
        def empty():
            cl.Message("").send()
            cl.Message().stream_token("")

        @cl.on_message
        def answer(message):
            cl.Message("Hi").send()
        """
    )
    Chat(app).say("a").visitor.start_chat()
    wait_for_background()
    assert column(app, "messages.content") == ["Hi", "a"]


def test_a_message_that_waits_for_its_text_gets_it(make_app: AppMaker) -> None:
    body = "m = cl.Message('').send(); m.stream_token(''); m.stream_token('Hi'); m.update()"
    assert Chat(app_with(make_app, body)).say("a").messages() == ["Hi"]


def test_an_earlier_message_whose_text_is_taken_away_is_gone(make_app: AppMaker) -> None:
    body = """
        if message.content == "first":
            globals()["kept"] = cl.Message("before").send()
        else:
            kept.content = ""
            kept.update()
            cl.Message("done").send()
    """
    chat = Chat(app_with(make_app, body)).say("first").say("second")
    assert chat.messages() == ["done"]
    assert column(chat.visitor.app, "messages.content") == ["done", "first", "second"]


def test_an_empty_answer_that_was_stopped_says_so(make_app: AppMaker) -> None:
    body = "cl.Message('').send(); await asyncio.sleep(60)"
    chat = Chat(app_with(make_app, body))
    chat.begin("a")
    chat.stop()
    assert "Stopped before an answer came." in chat.until_answered().page().text


def test_a_message_with_an_id_of_its_own_comes_in_the_place_of_the_waiting_one(
    make_app: AppMaker,
) -> None:
    body = "m = cl.Message('Hi'); m.id; m.send(); cl.Message(m.id).send()"
    chat = Chat(app_with(make_app, body)).say("a")
    first, second = chat.page().all(data_testid="message", data_kind="assistant")
    assert second.with_class("prose")[0].text.strip() == first["data-message-id"]


def test_values_last_from_turn_to_turn(make_app: AppMaker) -> None:
    body = """
        seen = cl.user_session.get("seen", [])
        seen.append(message.content)
        cl.user_session.set("seen", seen)
        cl.Message(", ".join(seen)).send()
        if message.content == "bad":
            raise ValueError
    """
    chat = Chat(app_with(make_app, body)).say("one").say("bad").say("two")
    assert chat.messages() == ["one", "one, bad", "one, bad, two"]


def test_a_value_that_was_changed_in_place_is_stored(make_app: AppMaker) -> None:
    body = """
        if message.content == "set":
            cl.user_session.set("seen", [])
        cl.user_session.get("seen").append(message.content)
        cl.Message(cl.user_session.get("seen")).send()
    """
    chat = Chat(app_with(make_app, body)).say("set").say("two")
    assert '"two"' in chat.messages()[1]


def test_the_conversation_as_models_take_it(make_app: AppMaker) -> None:
    app = make_app("""
        import webapp as cl
        HISTORY = []
        @cl.on_chat_start
        def start():
            cl.Message("Welcome").send()
        @cl.on_message
        async def answer(message):
            HISTORY.append(cl.chat_history())
            HISTORY.append(cl.chat_history(2))
            await cl.Message(f"answer to {message.content}").send()
            if message.content == "bad":
                raise ValueError
    """)
    Chat(app).say("one").say("bad").say("two")
    *_, whole, short = names(app)["HISTORY"]
    assert [f"{m['role']}: {m['content']}" for m in whole] == [
        "assistant: Welcome",
        "user: one",
        "assistant: answer to one",
        "user: bad",
        "assistant: answer to bad",
        "user: two",
    ]
    assert short == whole[-2:]


def test_the_profile_and_the_user_are_known(make_app: AppMaker) -> None:
    app = make_app("""
        import webapp as cl
        @cl.set_chat_profiles
        def profiles():
            return [cl.ChatProfile("p", "")]
        @cl.on_message
        def answer(message):
            s = cl.user_session
            cl.Message([s.get("id"), s.get("user"), s.get("chat_profile"), message.author]).send()
    """)
    chat = Chat(app, "p").say("a")
    assert chat.address.rpartition("/")[2] in chat.messages()[0]
    assert chat.messages()[0].replace("\n", "").endswith('null,  "p",  "User"]')


def test_a_client_made_at_the_top_of_the_file_lives_from_turn_to_turn(make_app: AppMaker) -> None:
    app = make_app("""
        import asyncio
        import webapp as cl
        lock, loops = asyncio.Lock(), set()
        @cl.on_message
        async def answer():
            async with lock:
                loops.add(id(asyncio.get_running_loop()))
                await asyncio.sleep(0)
            await cl.Message(str(len(loops))).send()
    """)
    assert Chat(app).say("a").say("b").messages() == ["1", "1"]
