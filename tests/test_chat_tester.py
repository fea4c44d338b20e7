"""The test kit for authors: talking with an app as its users do, and what it raises."""

from __future__ import annotations

import asyncio
import gc
import os
import tempfile
import textwrap
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.chats import Talk
from tests.support.cpu import cpu_seconds
from webapp.authoring.errors import AppFileError, CallbackError, MisuseError
from webapp.config.startup_error import StartupError
from webapp.testing import ChatTester, ChatTestError, ChatTimeoutError, RefusedError, tested_app

TWO_PROFILES = """
    import chat_profiles as cl

    @cl.set_chat_profiles
    def profiles(current_user):
        names = ["Quick", "Thorough"]
        if current_user and current_user.metadata.get("role") == "ADMIN":
            names.append("Operator")
        return [cl.ChatProfile(name, f"I am **{name}**.") for name in names]

    @cl.set_starters
    def starters():
        return [cl.Starter("Capital", "What is the capital of Peru?")]

    @cl.on_chat_start
    def start():
        cl.Message(f"Hello from {cl.user_session.get('chat_profile')}").send()

    @cl.on_message
    def answer(message: cl.Message):
        user = cl.user_session.get("user")
        who = user.identifier if user else "nobody"
        cl.Message(f"{who} said {message.content}").send()
"""
SIGN_IN = """
    @cl.password_auth_callback
    def check(username, password):
        if (username, password) == ("bob", "right"):
            return cl.User("bob", metadata={"role": "USER"})
"""
ECHO = """
    import chat_profiles as cl

    @cl.on_message
    async def answer(message: cl.Message):
        await cl.Message(message.content).send()
"""


def test_say_returns_what_the_app_answers(talk: Talk) -> None:
    chat = talk(TWO_PROFILES)
    answer = chat.say("hi")
    assert answer.text == str(answer) == "nobody said hi"
    assert "said hi" in answer
    assert answer.status == "complete"
    [message] = answer.messages
    assert (message.kind, message.author, message.profile) == ("assistant", "Quick", "Quick")


def test_the_messages_are_those_of_the_whole_chat(talk: Talk) -> None:
    chat = talk(TWO_PROFILES)
    chat.say("hi")
    assert [(m.kind, m.content) for m in chat.messages] == [
        ("assistant", "Hello from Quick"),
        ("user", "hi"),
        ("assistant", "nobody said hi"),
    ]


def test_choose_starts_a_chat_under_an_offered_profile(talk: Talk) -> None:
    chat = talk(TWO_PROFILES)
    assert chat.profiles == ["Quick", "Thorough"]
    assert [profile.name for profile in chat.profiles] == chat.profiles
    assert chat.profiles[1].description == "I am **Thorough**."
    assert chat.profile == "Quick"
    assert chat.choose("Thorough").text == "Hello from Thorough"
    assert chat.profile == "Thorough"


def test_a_profile_that_is_not_offered_is_refused_as_to_a_browser(talk: Talk) -> None:
    chat = talk(TWO_PROFILES)
    with pytest.raises(RefusedError, match=r"403.*Operator.* is not offered to you") as refused:
        chat.choose("Operator")
    assert refused.value.status == 403


def test_choose_switches_where_the_app_continues_a_chat(talk: Talk) -> None:
    chat = talk(TWO_PROFILES + '\n    cl.set_profile_switching("continue")\n')
    chat.say("hi")
    chat_id = chat.chat_id
    chat.choose("Thorough")
    assert chat.chat_id == chat_id
    assert chat.say("you?").messages[0].author == "Thorough"


def test_starters_are_those_of_the_page_and_can_be_picked(talk: Talk) -> None:
    chat = talk(TWO_PROFILES)
    [starter] = chat.starters
    assert chat.say(starter).text == "nobody said What is the capital of Peru?"


def test_starters_of_categories_are_among_them(talk: Talk) -> None:
    chat = talk(
        ECHO
        + """
    @cl.set_starter_categories
    def categories():
        return [
            cl.StarterCategory("Facts", starters=[cl.Starter("Capital", "What is it?")]),
            cl.StarterCategory("Fun", starters=[cl.Starter("Joke", "Tell me one", "joke")]),
        ]
    """
    )
    assert [starter.label for starter in chat.starters] == ["Capital", "Joke"]
    assert chat.say(chat.starters[0]).text == "What is it?"


def test_sign_in_makes_a_user_whom_the_app_would_accept(talk: Talk) -> None:
    chat = talk(TWO_PROFILES + SIGN_IN).sign_in("ada", role="ADMIN")
    assert "Operator" in chat.profiles
    assert chat.say("hi").text == "ada said hi"
    assert chat.sign_in("bob").profiles == ["Quick", "Thorough"]
    assert chat.history == []


def test_a_password_is_checked_by_the_app(talk: Talk) -> None:
    chat = talk(TWO_PROFILES + SIGN_IN)
    assert chat.sign_in("bob", "right").say("hi").text == "bob said hi"
    with pytest.raises(RefusedError, match="do not match"):
        chat.sign_in("bob", "wrong")


def test_who_is_not_signed_in_is_told_how(talk: Talk) -> None:
    chat = talk(TWO_PROFILES + SIGN_IN)
    for use in (lambda: chat.say("hi"), lambda: chat.profiles, lambda: chat.choose("Quick")):
        with pytest.raises(ChatTestError, match=r'asks its users.*chat\.sign_in\("ada"\)'):
            use()


def test_sign_in_without_a_callback_says_what_to_leave_out(talk: Talk) -> None:
    with pytest.raises(ChatTestError, match=r"an_app\.py has no @password_auth_callback"):
        talk(ECHO).sign_in("ada")


BY_HEADERS = """
    @cl.header_auth_callback
    def by_headers(headers):
        if name := headers.get("X-Forwarded-User"):
            return cl.User(name, metadata={"role": headers.get("X-Role", "USER")})
"""


def test_headers_are_checked_by_the_app_and_go_with_every_request(talk: Talk) -> None:
    chat = talk(TWO_PROFILES + BY_HEADERS)
    assert chat.sign_in(headers={"X-Forwarded-User": "ada"}).say("hi").text == "ada said hi"
    assert chat.start().status == "complete"
    with pytest.raises(RefusedError, match="did not tell this site who you are"):
        chat.sign_in(headers={"X-Other": "ada"})
    assert chat.sign_in(headers={"X-Forwarded-User": "Zoë"}).say("hi").text == "Zoë said hi"
    with pytest.raises(ChatTestError, match=r"call chat\.sign_in"):
        chat.sign_out().say("hi")


def test_a_user_of_the_proxy_can_be_named_without_its_headers(talk: Talk) -> None:
    chat = talk(TWO_PROFILES + BY_HEADERS).sign_in("ada", role="ADMIN")
    assert [chat.say("hi").text for _ in range(2)] == ["ada said hi"] * 2
    with pytest.raises(ChatTestError, match="leave the password out"):
        chat.sign_in("ada", "secret")


def test_an_app_with_both_ways_is_tested_in_both(talk: Talk) -> None:
    chat = talk(TWO_PROFILES + SIGN_IN + BY_HEADERS)
    assert chat.sign_in("bob", "right").say("hi").text == "bob said hi"
    assert chat.sign_in("eve").say("hi").text == "eve said hi"
    headers = {"X-Forwarded-User": "ada"}
    assert chat.sign_in(headers=headers).say("hi").text == "ada said hi"
    with pytest.raises(ChatTestError, match="leave headers out"):
        talk(TWO_PROFILES + SIGN_IN).sign_in(headers=headers)


def test_what_the_callback_for_headers_raises_is_raised(talk: Talk) -> None:
    app = """
    @cl.header_auth_callback
    def by_headers(headers):
        return cl.User(headers["X-Forwarded-User"])
    """
    with pytest.raises(KeyError):
        talk(TWO_PROFILES + app).sign_in(headers={})


def test_another_browser_does_not_see_the_chat(talk: Talk) -> None:
    chat = talk(TWO_PROFILES + SIGN_IN).sign_in("ada")
    chat.say("mine")
    chat_id = chat.chat_id or ""
    assert chat.open(chat_id).messages
    with pytest.raises(RefusedError, match="404"):
        chat.new_browser().sign_in("eve").open(chat_id)


@pytest.mark.parametrize("way", ["def", "async def"])
def test_an_error_of_a_callback_is_raised_with_the_authors_lines_alone(
    talk: Talk, way: str
) -> None:
    chat = talk(f"""
        import chat_profiles as cl

        def deep(text):
            return {{}}[text]

        @cl.on_message
        {way} answer(message: cl.Message):
            deep(message.content)
    """)
    with pytest.raises(KeyError, match="what") as raised:
        chat.say("what")
    frames = traceback.extract_tb(raised.value.__traceback__)
    of_app = [frame.name for frame in frames if frame.filename.endswith("an_app.py")]
    assert of_app == ["answer", "deep"]
    assert [frame.name for frame in frames if "/engine/" in frame.filename] == []
    # The chat goes on, and the error is not raised twice.
    assert chat.messages[-1].kind == "error"
    assert chat.say("what", raises=False).failure is not None


def test_misuse_ends_at_the_authors_line(talk: Talk) -> None:
    chat = talk("""
        import chat_profiles as cl

        @cl.on_message
        def answer():
            cl.Text(name="x", content="x", display="nowhere")
    """)
    with pytest.raises(MisuseError) as raised:
        chat.say("hi")
    last = traceback.extract_tb(raised.value.__traceback__)[-1]
    assert last.filename.endswith("an_app.py")


def test_an_answer_may_be_looked_at_that_failed(talk: Talk) -> None:
    chat = talk("""
        import chat_profiles as cl

        @cl.on_message
        def answer():
            cl.Message("So far").send()
            raise ValueError("no")
    """)
    answer = chat.say("hi", raises=False)
    assert isinstance(answer.failure, ValueError)
    assert answer.status == "failed"
    assert [message.kind for message in answer.messages] == ["assistant", "error"]
    assert "Something went wrong" in answer.text


def test_a_start_may_be_looked_at_that_failed(talk: Talk) -> None:
    started = talk("import chat_profiles as cl\n\n@cl.on_chat_start\ndef up(): 1 / 0\n").start(
        raises=False
    )
    assert isinstance(started.failure, ZeroDivisionError)
    assert started.status == "failed"
    assert "while this chat started" in started.text


@pytest.mark.parametrize(
    "start",
    [
        "async def up(): 1 / 0",
        "async def up(): await cl.sleep(0.05); 1 / 0",
        "def up(): cl.run_sync(cl.sleep(0.05)); 1 / 0",
    ],
    ids=["at once", "after a moment", "in a thread"],
)
def test_what_a_start_raises_before_its_chat_is_known_is_raised(talk: Talk, start: str) -> None:
    chat = talk(f"import chat_profiles as cl\n\n@cl.on_chat_start\n{start}\n")
    with pytest.raises(ZeroDivisionError):
        chat.start()
    with pytest.raises(ZeroDivisionError):
        chat.new_browser().say("hi")


def test_what_the_framework_says_of_a_callback_is_raised_too(talk: Talk) -> None:
    chat = talk("""
        import chat_profiles as cl

        @cl.on_message
        def answer(message: cl.Message):
            return "lost"
    """)
    with pytest.raises(CallbackError, match=r"sent nothing and returned str.*an_app\.py:5"):
        chat.say("hi")


@pytest.mark.parametrize(
    ("callback", "use"),
    [
        ("@cl.set_chat_profiles\ndef f(): raise LookupError('x')", lambda chat: chat.profiles),
        ("@cl.set_chat_profiles\ndef f(): raise LookupError('x')", lambda chat: chat.say("x")),
        ("@cl.set_starters\ndef f(): raise LookupError('x')", lambda chat: chat.starters),
        ("@cl.on_chat_start\ndef f(): raise LookupError('x')", lambda chat: chat.start()),
        ("@cl.on_chat_start\ndef f(): raise LookupError('x')", lambda chat: chat.say("x")),
        (
            "@cl.on_chat_end\ndef f(): raise LookupError('x')",
            lambda chat: (chat.say("x"), chat.end()),
        ),
        ("@cl.author_rename\ndef f(a): raise LookupError('x')", lambda chat: chat.say("x")),
        (
            "@cl.on_feedback\ndef f(a): raise LookupError('x')",
            lambda chat: chat.rate(chat.say("x"), "up"),
        ),
        (
            "@cl.password_auth_callback\ndef f(a, b): raise LookupError('x')",
            lambda chat: chat.sign_in("ada", "password"),
        ),
        (
            "@cl.password_auth_callback\ndef f(a, b): pass\n"
            "@cl.on_logout\ndef g(): raise LookupError('x')",
            lambda chat: chat.sign_in("ada").sign_out(),
        ),
    ],
)
def test_an_error_of_each_callback_reaches_the_test(
    talk: Talk, callback: str, use: Callable[[ChatTester], object]
) -> None:
    chat = talk(textwrap.dedent(ECHO) + callback)
    with pytest.raises(LookupError):
        use(chat)


def test_the_errors_of_another_app_are_not_raised_here(talk: Talk) -> None:
    quiet, loud = talk(ECHO), talk(ECHO + "\n    @cl.on_chat_start\n    def start(): 1 / 0\n")
    with pytest.raises(ZeroDivisionError):
        loud.start()
    assert quiet.say("hi").text == "hi"


SLOW = """
    import asyncio
    import chat_profiles as cl

    @cl.on_message
    async def answer(message: cl.Message):
        reply = cl.Message()
        for number in range(10_000):
            await reply.stream_token(f"{number} ")
            await asyncio.sleep(0.005)
        await reply.send()

    @cl.on_stop
    def stopped():
        cl.Message("You stopped me").send()
"""


def test_an_answer_can_be_stopped_when_it_has_said_something(talk: Talk) -> None:
    chat = talk(SLOW)
    growing = chat.say("count", until="3 ")
    assert growing.status == "running"
    assert growing.text.startswith("0 1 2 3")
    stopped = chat.stop()
    assert stopped.status == "stopped"
    assert stopped.text.endswith("You stopped me")
    assert [message.status for message in stopped.messages] == ["stopped", "complete"]


def test_an_answer_that_is_stopped_between_two_messages_says_so(talk: Talk) -> None:
    chat = talk("""
        import chat_profiles as cl

        @cl.on_message
        async def answer():
            await cl.Message("One").send()
            await cl.sleep(60)
            await cl.Message("Two").send()
    """)
    assert chat.say("hi", until="One").status == "running"
    assert chat.stop().status == "stopped"


def test_an_answer_that_takes_too_long_is_stopped_and_shown(talk: Talk) -> None:
    chat = talk(SLOW, timeout=2)
    with pytest.raises(ChatTimeoutError, match=r"after 2 seconds.*said '0 1 "):
        chat.say("count")
    assert chat.messages[-1].content == "You stopped me"


def test_an_answer_without_what_was_waited_for_is_shown(talk: Talk) -> None:
    with pytest.raises(ChatTestError, match=r"ended without 'Lima'. It is 'hi'"):
        talk(ECHO).say("hi", until="Lima")


def test_a_step_may_have_what_is_waited_for(talk: Talk) -> None:
    chat = talk("""
        import chat_profiles as cl

        @cl.on_message
        def answer():
            with cl.Step(name="Look") as step:
                step.output = "Found it"
            cl.Message("Done").send()
    """)
    assert chat.say("go", until="Found it").steps[0].output == "Found it"


def test_the_rest_of_an_answer_can_be_waited_for(talk: Talk) -> None:
    chat = talk("""
        import threading
        import chat_profiles as cl

        go_on = threading.Event()

        @cl.on_message
        def answer():
            cl.Message("First").send()
            go_on.wait(20)
            cl.Message("Second").send()
    """)
    assert chat.say("go", until="First").text == "First"
    chat.module.go_on.set()
    assert chat.wait().text == "First\n\nSecond"


def test_what_a_task_says_later_can_be_waited_for(talk: Talk) -> None:
    chat = talk("""
        import asyncio
        import chat_profiles as cl

        tasks, go_on = set(), []

        async def later():
            while not go_on:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.2)
            await cl.Message("Later").send()
            await asyncio.sleep(0.2)
            await cl.Message("Last").send()

        @cl.on_message
        async def answer():
            tasks.add(asyncio.create_task(later()))
            await cl.Message("Now").send()
    """)
    assert chat.say("go").text == "Now"
    chat.module.go_on.append(1)
    assert chat.wait(until="Later").text.startswith("Now\n\nLater")
    assert chat.wait().text == "Now\n\nLater\n\nLast"
    assert chat.say("go", until="Later").text.startswith("Now\n\nLater")


def test_steps_and_tasks_are_part_of_an_answer(talk: Talk) -> None:
    chat = talk("""
        import chat_profiles as cl

        @cl.step(type="tool", name="Look")
        def look(text):
            return text.upper()

        @cl.on_message
        def answer(message: cl.Message):
            with cl.Step(name="Search", type="retrieval") as search:
                search.output = look(message.content)
            cl.TaskList([cl.Task("Done already", cl.TaskStatus.DONE)]).send()
            cl.Message("Found").send()
    """)
    answer = chat.say("peru")
    outer, inner = answer.steps
    assert (outer.name, outer.type, outer.within, outer.status) == (
        "Search",
        "retrieval",
        (),
        "complete",
    )
    assert (inner.name, inner.within, inner.output) == ("Look", ("Search",), "PERU")
    assert "peru" in inner.input
    assert [(task.title, task.status) for task in answer.tasks] == [("Done already", "done")]
    assert answer.text == "Found"


@pytest.mark.parametrize("name", ["a/b.txt", "a\\b.txt", "..", "50%.txt", "", "<b>a</b>", " "])
def test_elements_of_any_name_are_read(talk: Talk, name: str) -> None:
    chat = talk(
        f"""
        import webapp as cl

        @cl.on_message
        def answer():
            cl.Message("Look", elements=[cl.File(name={name!r}, content="here")]).send()
        """
    )
    assert [it.content for it in chat.say("go").elements] == [b"here"]


def test_elements_are_read_as_a_browser_reads_them(talk: Talk) -> None:
    chat = talk("""
        import chat_profiles as cl

        @cl.on_message
        def answer():
            notes = cl.Text(name="notes", content="some *notes*")
            data = cl.File(name="data.csv", content="a,b\\n1,2\\n")
            cl.Message("Look", elements=[notes, data]).send()
    """)
    notes, data = chat.say("go").elements
    assert (notes.type, notes.name, notes.text) == ("text", "notes", "some *notes*")
    assert (data.type, data.mime, data.content) == ("file", "text/csv", b"a,b\n1,2\n")


UPLOADS = """
    from pathlib import Path
    import chat_profiles as cl

    cl.set_uploads(accept=[".txt"])

    @cl.on_message
    def answer(message: cl.Message):
        told = [f"{e.name}: {Path(e.path).read_text()}" for e in message.elements]
        cl.Message(f"{message.content} {told}").send()
"""


def test_files_are_uploaded_as_from_a_page(talk: Talk, tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("some notes")
    chat = talk(UPLOADS)
    assert chat.upload(file).text == " ['notes.txt: some notes']"
    answer = chat.say("Two", files=[str(file), ("more.txt", b"more")])
    assert answer.text == "Two ['notes.txt: some notes', 'more.txt: more']"
    assert [element.name for element in chat.messages[-2].elements] == ["notes.txt", "more.txt"]


def test_a_file_that_the_app_does_not_accept_is_refused(talk: Talk) -> None:
    with pytest.raises(RefusedError, match=r"bad\.exe") as refused:
        talk(UPLOADS).upload(("bad.exe", b"MZ"))
    assert "set_uploads" not in str(refused.value)


def test_answers_can_be_edited_and_written_again(talk: Talk) -> None:
    chat = talk("""
        import chat_profiles as cl

        @cl.on_message
        def answer(message: cl.Message):
            count = (cl.user_session.get("count") or 0) + 1
            cl.user_session.set("count", count)
            cl.Message(f"{message.content} {len(cl.chat_history())}").send()
    """)
    chat.say("first")
    assert chat.edit("second").text == "second 1"
    assert chat.regenerate().text == "second 1"
    assert [m.content for m in chat.messages if m.kind == "user"] == ["second"]


def test_a_failed_answer_can_be_tried_again(talk: Talk) -> None:
    chat = talk("""
        import chat_profiles as cl

        failures = [OSError("down")]

        @cl.on_message
        def answer():
            if failures:
                raise failures.pop()
            cl.Message("Now it works").send()
    """)
    with pytest.raises(OSError, match="down"):
        chat.say("hi")
    assert chat.retry().text == "Now it works"


LIFE = """
    import chat_profiles as cl

    noted = []

    @cl.on_message
    def answer(message: cl.Message):
        cl.user_session.set("said", message.content)
        cl.Message("ok").send()

    @cl.on_chat_end
    def end():
        noted.append("end")

    @cl.on_chat_resume
    def resume(chat):
        cl.Message(f"Back to {cl.user_session.get('said')}").send()

    @cl.on_feedback
    def rated(feedback: cl.Feedback):
        noted.append((feedback.value, feedback.comment))
"""


def test_a_chat_is_ended_resumed_and_rated(talk: Talk) -> None:
    chat = talk(LIFE)
    answer = chat.say("hello")
    chat.rate(answer, "down", "too short")
    assert chat.resume().text == "Back to hello"
    assert chat.module.noted == [("down", "too short"), "end"]


def test_an_earlier_chat_is_opened_from_the_history(talk: Talk) -> None:
    chat = talk(LIFE)
    chat.say("first chat")
    chat.start()
    chat.say("second chat")
    newest, oldest = chat.history
    assert (newest.title, oldest.title) == ("second chat", "first chat")
    assert chat.resume(oldest).text == "Back to first chat"
    assert chat.messages[0].content == "first chat"


def test_resume_without_a_callback_says_so(talk: Talk) -> None:
    chat = talk(ECHO)
    chat.say("hi")
    with pytest.raises(ChatTestError, match=r"an_app\.py has no @on_chat_resume"):
        chat.resume()


def test_the_language_of_the_browser_is_told(talk: Talk) -> None:
    chat = talk(
        """
        import chat_profiles as cl

        @cl.set_chat_profiles
        def profiles(current_user, language):
            return [cl.ChatProfile(language, "x")]
        """,
        language="pt-BR,en",
    )
    assert chat.profiles == ["pt-BR"]
    assert chat.new_browser().profiles == ["pt-BR"]
    assert chat.new_browser(language="fr").profiles == ["fr"]


def test_what_is_kept_with_the_chat_can_be_read(talk: Talk) -> None:
    chat = talk(LIFE)
    chat.say("hello")
    assert chat.user_session["said"] == "hello"


def test_the_app_is_started_and_shut_down(talk: Talk) -> None:
    chat = talk("""
        import chat_profiles as cl

        noted = []

        @cl.on_app_startup
        async def startup():
            noted.append("up")

        @cl.on_app_shutdown
        def shutdown():
            noted.append("down")
            raise LookupError("left open")
    """)
    noted = chat.module.noted
    assert noted == ["up"]
    with pytest.raises(LookupError, match="left open"):
        chat.close()
    assert noted == ["up", "down"]
    chat.close()
    with pytest.raises(ZeroDivisionError):
        talk("import chat_profiles as cl\n\n@cl.on_app_startup\ndef up(): 1 / 0\n")


def test_a_tester_is_made_in_a_moment(talk: Talk) -> None:
    talk(ECHO)  # the first one of a process also makes the schema
    assert cpu_seconds(lambda: talk(ECHO).say("hi"), 0.5, time.process_time) < 0.5


def test_a_function_of_the_app_file_can_be_replaced(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat = talk("""
        import chat_profiles as cl

        def search(text):
            raise RuntimeError("no network in tests")

        @cl.on_message
        def answer(message: cl.Message):
            cl.Message(search(message.content)).send()
    """)
    monkeypatch.setattr(chat.module, "search", str.upper)
    assert chat.say("hi").text == "HI"


def test_all_may_be_awaited(talk: Talk) -> None:
    async def use() -> str:
        async with talk(TWO_PROFILES + SIGN_IN) as chat:
            await chat.sign_in("ada")
            await chat.choose("Thorough")
            one = await chat.say("one")
            others = [chat.new_browser().sign_in(name) for name in ("bob", "eve")]
            more = await asyncio.gather(*(asyncio.to_thread(o.say, "two") for o in others))
            return f"{one}; {more[0]}; {more[1]}"

    assert asyncio.run(use()) == "ada said one; bob said two; eve said two"


def test_settings_and_variables_are_set_while_the_tester_is_open(
    talk: Talk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("WEBAPP_SITE_NAME=of the file\nGREETING=of the file\n")
    monkeypatch.setenv("WEBAPP_SITE_NAME", "of the shell")
    source = """
        import os
        import chat_profiles as cl

        greeting = os.environ["GREETING"]

        @cl.on_message
        def answer():
            cl.Message(greeting).send()
    """
    chat = talk(source, environ={"GREETING": "Hallo", "WEBAPP_SITE_NAME": "Of the test"})
    assert chat.say("hi").messages[0].content == "Hallo"
    assert "Of the test" in chat.page
    chat.close()
    assert "GREETING" not in os.environ
    assert os.environ["WEBAPP_SITE_NAME"] == "of the shell"
    plain = talk(ECHO)
    plain.say("hi")
    assert "of the shell" not in plain.page
    assert "of the file" not in plain.page
    assert "GREETING" not in os.environ


def test_a_wrong_setting_is_refused(talk: Talk) -> None:
    with pytest.raises(StartupError, match="WEBAPP_SITE_NAMES is not a setting"):
        talk(ECHO, environ={"WEBAPP_SITE_NAMES": "x"})


def test_what_the_app_file_raises_is_raised(talk: Talk, tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError) as raised:
        talk("def half():\n    return 1 / 0\n\nhalf()\n")
    names = [f.name for f in traceback.extract_tb(raised.value.__traceback__)]
    assert names[-2:] == ["<module>", "half"]
    with pytest.raises(AppFileError, match="there is no such file"):
        ChatTester(tmp_path / "missing.py")
    with pytest.raises(AppFileError, match="exit"):
        talk("raise SystemExit('exit')")


def test_nothing_is_left_when_a_tester_is_closed_or_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "an_app.py"
    file.write_text(textwrap.dedent(ECHO))
    memory, temporary = tmp_path / "memory", tmp_path / "temporary"
    memory.mkdir()
    temporary.mkdir()
    monkeypatch.setattr(tested_app, "MEMORY", memory)
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))

    def left() -> list[Path]:
        return [*memory.iterdir(), *temporary.iterdir()]

    with ChatTester(file) as chat:
        chat.say("hi")
        assert [folder.parent for folder in left()] == [memory, temporary]
    assert left() == []
    forgotten = ChatTester(file)
    forgotten.say("hi")
    del forgotten
    gc.collect()
    assert left() == []
    assert sorted(tmp_path.iterdir()) == [file, memory, temporary]
