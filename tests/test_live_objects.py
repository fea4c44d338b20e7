"""Objects in `user_session`: they live in one process, and are made again in another."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from tests.support.apps import AppMaker
from tests.support.chats import Chat
from tests.support.conversation import Talker
from tests.support.log import LogReader
from tests.support.rows import column, run_sql
from tests.support.servers import gunicorn, production
from webapp.testing.background import wait_for_background
from webapp.turns.objects.forgetting import forget_objects

AGENT = """
    import webapp as cl

    class Agent:
        def __init__(self, name):
            self.name, self.heard = name, []

    RESUMED, AGENTS = [], []

    @cl.on_chat_start
    def start():
        cl.user_session.set("agent", Agent("first"))
        cl.user_session.set("plain", {"a": [1]})

    @cl.on_message
    async def answer(message):
        agent = cl.user_session.get("agent")
        AGENTS.append(agent)
        agent.heard.append(message.content)
        await cl.Message(f"{agent.name} heard {' '.join(agent.heard)}").send()
"""
RESUMES = """
    @cl.on_chat_resume
    def resume(chat):
        RESUMED.append((chat.had_ended, [m.content for m in chat.messages], chat.user_session))
        again = Agent("again")
        again.heard = [m.content for m in chat.messages if m.role == "user"]
        cl.user_session.set("agent", again)
"""
LOST = "user_session key 'agent' holds an object (Agent)"


def names(app: Flask) -> dict[str, Any]:
    """Return the names of the app file."""
    found: dict[str, Any] = app.extensions["chat_app"].callbacks["on_message"].function.__globals__
    return found


def elsewhere(app: Flask, chat: Chat) -> Chat:
    """Return the chat in the same browser, whose requests another process gets."""
    visitor = chat.visitor.twin()
    visitor.app = app
    cookie = chat.visitor.client.get_cookie("session")
    assert cookie is not None
    visitor.client = app.test_client()
    visitor.client.set_cookie("session", cookie.value)
    return Chat.at(visitor, chat.address)


def stored_values(app: Flask) -> dict[str, Any]:
    [values] = column(app, "chats.values")
    found: dict[str, Any] = values
    return found


def retry(chat: Chat) -> None:
    """Have the last answer written once more."""
    form = chat.page().one("form", id="regenerate")
    fields = {name: form.one(name=name)["value"] for name in ("turn", "key")}
    assert chat.visitor.post(f"{chat.address}/regenerate", fields).status_code == 303
    chat.until_answered()


def test_an_object_stays_the_same_object(make_app: AppMaker) -> None:
    app = make_app(AGENT)
    chat = Chat(app).say("one").say("two")
    assert chat.messages()[-1] == "first heard one two"
    one, two = names(app)["AGENTS"]
    assert one is two
    assert stored_values(app)["plain"] == {"a": [1]}
    assert "agent" not in stored_values(app)


def test_chats_have_objects_of_their_own(make_app: AppMaker) -> None:
    app = make_app(AGENT)
    chats = [Chat(app).say("one"), Chat(app).say("other")]
    assert [chat.messages()[-1] for chat in chats] == ["first heard one", "first heard other"]


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("(1, (2, 'a'))", [1, [2, "a"]]),
        ("{1: 'a', 2.5: 'b', True: 'c', None: 'd'}", {"1": "c", "2.5": "b", "null": "d"}),
        ("collections.OrderedDict(b=1, a=2)", {"b": 1, "a": 2}),
    ],
)
def test_what_json_nearly_holds_comes_back_as_json_reads_it(
    make_app: AppMaker, value: str, read: object
) -> None:
    app = make_app(keeping(value))
    Chat(app).say("one")
    assert names(app)["SEEN"] == [read]
    assert stored_values(app)["kept"] == read


@pytest.mark.parametrize(
    "value",
    [
        "object()",
        "[1, {'b': object()}]",
        "{'a': {2}}",
        "float('nan')",
        "10 ** 5_000",
        "b'bytes'",
        "collections.defaultdict(list)",
        "collections.namedtuple('Point', 'x y')(1, 2)",
        "type('Memory', (list,), {})([1])",
        "lambda: 1",
        "cl.Message('x')",
        "HOLDS_ITSELF",
        "threading.Lock()",
    ],
)
def test_any_other_value_is_kept_as_a_whole(make_app: AppMaker, value: str) -> None:
    app = make_app(keeping(value))
    Chat(app).say("one")
    [seen] = names(app)["SEEN"]
    [kept] = names(app)["KEPT"]
    assert seen is kept
    assert "kept" not in stored_values(app)


def test_a_list_that_gets_an_object_later_becomes_one(make_app: AppMaker) -> None:
    app = make_app(keeping("[]", "KEPT[0].append(object())"))
    chat = Chat(app).say("one")
    assert chat.messages("error") == []
    assert names(app)["SEEN"][0] is names(app)["KEPT"][0]


def keeping(value: str, then: str = "pass") -> str:
    """Return an app that keeps a value, and looks at it when something is said."""
    return f"""
        import collections, threading
        import webapp as cl

        KEPT, SEEN, HOLDS_ITSELF = [], [], []
        HOLDS_ITSELF.append(HOLDS_ITSELF)

        @cl.on_chat_start
        def start():
            KEPT.append({value})
            cl.user_session.set("kept", KEPT[0])
            {then}

        @cl.on_message
        def answer():
            SEEN.append(cl.user_session.get("kept"))
    """


def test_another_worker_makes_the_object_again_once(make_app: AppMaker) -> None:
    one, other = make_app(AGENT + RESUMES), make_app(AGENT + RESUMES)
    chat = Chat(one).say("one")
    there = elsewhere(other, chat).say("two").say("three")
    assert there.messages()[-2:] == ["again heard one two", "again heard one two three"]
    [(had_ended, contents, values)] = names(other)["RESUMED"]
    assert not had_ended
    assert contents == ["one", "first heard one"]
    assert values == {"plain": {"a": [1]}}
    # The first one has its own still, and goes on with it.
    assert chat.say("four").messages()[-1] == "first heard one four"
    assert names(one)["RESUMED"] == []


def test_an_object_that_was_replaced_elsewhere_is_made_again(make_app: AppMaker) -> None:
    source = (
        AGENT
        + RESUMES
        + """
    @cl.on_stop
    def stop(): pass
    """
    )
    changes = source.replace(
        'agent = cl.user_session.get("agent")',
        'agent = cl.user_session.get("agent") if message.content != "new" else Agent("new")\n'
        '        cl.user_session.set("agent", agent)',
    )
    one, other = make_app(changes), make_app(changes)
    chat = Chat(one).say("one")
    there = elsewhere(other, chat).say("new").say("two")
    assert there.messages()[-1] == "new heard new two"
    assert chat.say("three").messages()[-1] == "again heard one new two three"
    assert len(names(one)["RESUMED"]) == 1


def test_after_a_restart_a_missing_callback_is_told(make_app: AppMaker, log: LogReader) -> None:
    chat = Chat(make_app(AGENT)).say("one")
    after = elsewhere(make_app(AGENT), chat).say("two")
    assert len(after.messages("error")) == 1
    assert LOST not in after.page().text
    told = log.one("turn.failed")["traceback"]
    assert LOST in told
    assert "Write a function with @on_chat_resume" in told
    assert "user_session.set('agent', ...)" in told
    # Nothing is lost where the object is.
    assert chat.say("three").messages()[-1] == "first heard one three"


def test_a_callback_that_leaves_out_the_key_is_told(make_app: AppMaker, log: LogReader) -> None:
    forgets = RESUMES.replace('cl.user_session.set("agent", again)', "pass")
    chat = Chat(make_app(AGENT + forgets)).say("one")
    other = make_app(AGENT + forgets)
    elsewhere(other, chat).say("two").say("three")
    failures = [event["traceback"] for event in log.events("turn.failed")]
    assert len(failures) == 2
    assert all("has run here, and has not set 'agent'" in each for each in failures)
    assert len(names(other)["RESUMED"]) == 1


def test_whoever_does_not_read_it_needs_no_object(make_app: AppMaker) -> None:
    source = AGENT.replace('agent = cl.user_session.get("agent")', 'agent = Agent("own")')
    chat = Chat(make_app(source)).say("one")
    there = elsewhere(make_app(source), chat).say("two")
    assert there.messages()[-1] == "own heard two"
    assert there.messages("error") == []


def test_what_resumes_may_look_whether_there_is_one(make_app: AppMaker) -> None:
    looks = RESUMES.replace("again = ", 'assert cl.user_session.get("agent") is None; again = ')
    chat = Chat(make_app(AGENT + looks)).say("one")
    assert elsewhere(make_app(AGENT + looks), chat).say("two").messages()[-1].startswith("again")


def test_a_chat_that_was_silent_for_too_long_is_resumed(make_app: AppMaker) -> None:
    app = make_app(AGENT + RESUMES, object_idle_minutes="0.000001")
    chat = Chat(app).say("one")
    assert chat.messages()[-1] == "again heard one"
    [(had_ended, _, _)] = names(app)["RESUMED"]
    assert not had_ended


def test_the_chat_that_was_silent_longest_goes_first(make_app: AppMaker) -> None:
    app = make_app(AGENT + RESUMES, object_chats="2")
    chats = [Chat(app).say(name) for name in ("a", "b", "c")]
    for chat in reversed(chats):
        chat.say("again")
    assert [chat.messages()[-1].split()[0] for chat in chats] == ["again", "first", "first"]


def test_an_object_that_is_forgotten_is_not_closed_and_is_freed(make_app: AppMaker) -> None:
    source = AGENT.replace("AGENTS.append(agent)", "pass").replace(
        'cl.user_session.set("agent", Agent("first"))',
        'agent = Agent("first"); AGENTS.append(weakref.ref(agent))\n'
        '        cl.user_session.set("agent", agent)',
    )
    app = make_app("\n    import weakref" + source, object_chats="1")
    chats = [Chat(app), Chat(app)]
    assert chats
    wait_for_background()
    gc.collect()
    assert [each() is None for each in names(app)["AGENTS"]] == [True, False]


def test_an_answer_that_is_written_again_has_the_object_of_then(make_app: AppMaker) -> None:
    source = AGENT.replace(
        "agent.heard.append(message.content)",
        'agent = Agent(agent.name + "+")\n        cl.user_session.set("agent", agent)',
    )
    chat = Chat(make_app(source)).say("one")
    assert chat.messages()[-1] == "first+ heard"
    for _ in range(2):
        retry(chat)
        assert chat.messages()[-1] == "first+ heard"
    assert chat.say("two").messages()[-1] == "first++ heard"


def test_what_was_changed_in_place_stays_changed_when_written_again(make_app: AppMaker) -> None:
    chat = Chat(make_app(AGENT)).say("one")
    retry(chat)
    assert chat.messages()[-1] == "first heard one one"


def test_a_deleted_chat_is_forgotten(make_app: AppMaker) -> None:
    app = make_app(AGENT)
    kept, deleted = Chat(app).say("one"), Chat(app).say("one")
    objects = app.extensions["conversation"].objects
    answer = deleted.visitor.post(f"{deleted.address}/delete")
    assert answer.status_code == 303
    with app.app_context():
        assert forget_objects() == 0  # its user may want it back
    run_sql(app, "UPDATE chats SET deleted_at = '2020-01-01 00:00:00' WHERE deleted_at IS NOT NULL")
    with app.app_context():
        assert forget_objects() == 1
    assert objects.chat_ids == [kept.address.rpartition("/")[2]]


def test_an_app_with_plain_values_keeps_nothing_in_memory(make_app: AppMaker) -> None:
    app = make_app(keeping("[1]"))
    Chat(app).say("one")
    assert app.extensions["conversation"].objects.chat_ids == []
    assert stored_values(app) == {"kept": [1]}


@pytest.mark.parametrize(("resumes", "level"), [("", "WARNING"), (RESUMES, "INFO")])
def test_the_log_tells_once_what_an_object_means(
    make_app: AppMaker, log: LogReader, resumes: str, level: str
) -> None:
    app = make_app(AGENT + resumes)
    Chat(app).say("one")
    Chat(app).say("two")
    event = log.one("session.object")
    assert (event["key"], event["type"], event["level"]) == ("agent", "Agent", level)
    assert "@on_chat_resume" in event["advice"]


@pytest.mark.parametrize("key", ["id", "user", "chat_profile", "env", "client_type"])
def test_a_reserved_key_stays_and_is_logged(make_app: AppMaker, log: LogReader, key: str) -> None:
    app = make_app(f"""
        import webapp as cl
        @cl.on_message
        def answer():
            before = cl.user_session.get({key!r})
            cl.user_session.set({key!r}, "mine")
            assert cl.user_session.get({key!r}) == before != "mine"
            cl.Message("fine").send()
    """)
    assert Chat(app).say("one").messages() == ["fine"]
    assert log.one("session.reserved_key")["key"] == key


def test_reserved_keys_of_chainlit_have_values(make_app: AppMaker) -> None:
    app = make_app("""
        import webapp as cl
        @cl.on_message
        def answer():
            env = cl.user_session.get("env")
            cl.Message(f"{env.get('KEY')} {cl.user_session.get('client_type')}").send()
    """)
    assert Chat(app).say("one").messages() == ["None webapp"]


def test_an_accessor_reads_sets_resets_and_applies(make_app: AppMaker) -> None:
    app = make_app("""
        import webapp as cl
        number = cl.user_session.create_accessor("number", 0, apply_fn=lambda n: n + 1)
        names = cl.user_session.create_accessor("names", [])
        @cl.on_message
        def answer(message):
            names.get().append(message.content)
            said = [number.get(), number.apply(), number.apply(), names.get()]
            number.set(number.get() + 5)
            said.append(number.get())
            if message.content == "reset":
                number.reset()
            cl.Message(" ".join(map(str, said))).send()
    """)
    chat = Chat(app).say("a").say("reset").say("b")
    assert chat.messages() == ["0 1 2 [] 7", "7 8 9 [] 14", "0 1 2 [] 7"]


@pytest.mark.slow
def test_two_servers_and_a_restart(tmp_path: Path, make_app: AppMaker, sqlite_url: str) -> None:
    settings = production(sqlite_url, make_app.path(AGENT + RESUMES))
    shape = ("--workers", "1", "--threads", "4")
    with gunicorn(tmp_path, settings, *shape) as other:
        with gunicorn(tmp_path, settings, *shape) as one:
            talker = Talker(one.port).start()
            for server, content in ((one, "1"), (other, "2"), (other, "3"), (one, "4")):
                talker.move_to(server.port)
                talker.said(content)
                talker.wait_for_end()
        with gunicorn(tmp_path, settings, *shape) as restarted:
            talker.move_to(restarted.port)
            talker.said("5")
            shown = [each.text for each in talker.wait_for_end() if each.kind == "assistant"]
    assert shown == [
        "first heard 1",
        "again heard 1 2",
        "again heard 1 2 3",
        "first heard 1 4",
        "again heard 1 2 3 4 5",
    ]
