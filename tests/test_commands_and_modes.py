"""Commands and modes: what a user chooses beside the composer, held to what the chat offers."""

from __future__ import annotations

import json
import re
import uuid
from typing import Any

import pytest
from flask import Flask

from tests.support.apps import AppMaker
from tests.support.chats import Chat
from tests.support.html import Element, parse
from tests.support.log import LogReader
from tests.support.people import HTMX, Visitor
from tests.support.rows import column
from webapp import context
from webapp.authoring.errors import MisuseError
from webapp.config.startup_error import StartupError

APP = """
    import chat_profiles as cl

    SEEN = []
    COMMANDS = [
        {"id": "Picture", "icon": "image", "description": "Use a <model>"},
        {"id": "Search", "description": "Find on the web", "button": True},
        {"id": "Canvas", "description": "", "persistent": True},
    ]
    MODES = [
        cl.Mode("model", "Model", [
            cl.ModeOption("pro", "Pro", "Most capable", "sparkles"),
            cl.ModeOption(id="flash", name="Flash", description="Quick", default=True),
        ]),
        cl.Mode(id="effort", name="Effort", options=[
            cl.ModeOption("low", "Low"), cl.ModeOption("high", "High"),
        ]),
        cl.Mode("empty", "Empty"),
    ]

    @cl.on_chat_start
    async def start():
        await cl.context.emitter.set_commands(COMMANDS)
        cl.context.emitter.set_modes(MODES)

    @cl.set_starters
    def starters():
        return [cl.Starter("Hello", "Hello", command="wave")]

    @cl.on_message
    async def answer(message):
        SEEN.append((message.command, message.modes))
        if message.content == "none":
            await cl.context.emitter.set_commands([])
        if message.content == "select":
            await cl.context.emitter.set_commands([{**c, "selected": True} for c in COMMANDS])
        if message.content == "other modes":
            await cl.context.emitter.set_modes([cl.Mode("model", "Model", MODES[0].options[:1])])
        if message.content == "rename":
            message.metadata = {"kept": True}
            await message.update()
        await cl.Message(f"Command: {message.command}").send()

    @cl.on_stop
    def stopped():
        pass
"""
FIRST = {"model": "flash", "effort": "low"}


@pytest.fixture
def app(make_app: AppMaker) -> Flask:
    """Return an app with commands and modes."""
    return make_app(APP)


@pytest.fixture
def chat(app: Flask) -> Chat:
    """Return a chat of that app."""
    return Chat(app)


def seen(chat: Chat) -> list[tuple[str | None, dict[str, str] | None]]:
    """Return what the app has got with each message."""
    callback = chat.visitor.app.extensions["chat_app"].callbacks["on_message"].function
    found: list[tuple[str | None, dict[str, str] | None]] = callback.__globals__["SEEN"]
    return found


def send(chat: Chat, content: str = "Hi", headers: Any = None, **fields: str) -> Any:
    """Send the form of the composer with further fields, and return the response."""
    form = {"content": content, "key": str(uuid.uuid4()), **fields}
    answer = chat.visitor.post(f"{chat.address}/messages", form, headers=headers or {})
    if answer.status_code < 400:
        chat.until_answered()
    return answer


def picker(page: Element, name: str) -> Element:
    """Return the field of a mode."""
    return page.one("select", data_testid="mode", data_name=name)


def chosen(field: Element) -> str | None:
    """Return the value of the option that a field begins with."""
    return next((it["value"] for it in field.all("option") if it.get("selected") is not None), None)


def command_field(chat: Chat) -> Element:
    """Return the field of the commands."""
    return chat.page().one("select", name="command")


def test_the_form_has_a_field_of_the_commands(chat: Chat) -> None:
    field = command_field(chat)
    assert field["form"] == "composer"
    commands = field.all("option", data_testid="command")
    assert [it["data-name"] for it in commands] == ["Picture", "Search", "Canvas"]
    texts = ["Picture: Use a <model>", "Search: Find on the web", "Canvas"]
    assert [it.text for it in commands] == texts
    assert [it.get("data-button") is not None for it in commands] == [False, True, False]


def test_a_command_has_the_picture_of_its_icon(chat: Chat) -> None:
    [picture] = [it for it in chat.page().all("template") if it.get("data-command")]
    assert picture["data-command"] == "Picture"
    assert picture.one("svg")


def test_an_option_has_the_picture_of_its_icon(chat: Chat) -> None:
    page = chat.page()
    options = picker(page, "model").all("option")
    assert [bool(it.all("svg")) for it in options] == [True, False]
    # A mode without icons has not a byte more.
    assert picker(page, "effort").all("button") == []


def test_the_form_has_a_field_of_each_mode(chat: Chat) -> None:
    page = chat.page()
    assert [it["name"] for it in page.all(data_testid="mode")] == ["mode-model", "mode-effort"]
    field = picker(page, "model")
    assert [it.text for it in field.all("option")] == ["Pro", "Flash"]
    assert field.one("option", value="pro")["data-description"] == "Most capable"
    assert (chosen(field), chosen(picker(page, "effort"))) == ("flash", "low")


def test_the_message_has_the_command_and_the_modes(chat: Chat) -> None:
    send(chat, command="Search", **{"mode-model": "pro", "mode-effort": "high"})
    modes = {"model": "pro", "effort": "high"}
    assert seen(chat) == [("Search", modes)]
    assert {"command": "Search", "modes": modes} in column(chat.visitor.app, "messages.details")
    said = chat.page().one(data_testid="message", data_kind="user")
    assert said.one(data_testid="message-command").text == "Search"


def test_what_is_not_chosen_is_as_the_app_marks_it(chat: Chat) -> None:
    send(chat, command="")
    assert seen(chat) == [(None, FIRST)]
    assert chat.page().all(data_testid="message-command") == []


def test_options_stay_chosen(chat: Chat) -> None:
    send(chat, **{"mode-model": "pro", "mode-effort": "low"})
    assert chosen(picker(chat.page(), "model")) == "pro"
    send(chat)
    assert seen(chat)[-1] == (None, {"model": "pro", "effort": "low"})


def test_a_persistent_command_stays_chosen(chat: Chat) -> None:
    send(chat, command="Canvas")
    assert chosen(command_field(chat)) == "Canvas"
    send(chat, command="Search")
    assert chosen(command_field(chat)) is None


def test_a_selected_command_is_chosen_until_a_message_is_sent(chat: Chat) -> None:
    send(chat, "select")
    assert chosen(command_field(chat)) == "Picture"
    send(chat, command="Picture")
    assert chosen(command_field(chat)) is None


def test_commands_are_replaced_and_taken_away(chat: Chat) -> None:
    send(chat, "none", command="Picture")
    page = chat.page()
    assert page.all(name="command") == []
    assert len(page.all(data_testid="mode")) == 2
    assert send(chat, command="Picture").status_code == 422


def test_an_option_that_is_gone_gives_way_to_the_default(chat: Chat) -> None:
    send(chat, "other modes", **{"mode-model": "flash", "mode-effort": "high"})
    page = chat.page()
    assert [it["data-name"] for it in page.all(data_testid="mode")] == ["model"]
    assert chosen(picker(page, "model")) == "pro"


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"command": "Delete"}, "The command “Delete” is not offered"),
        ({"command": "wave"}, "The command “wave” is not offered"),
        ({"command": "search"}, "The command “search” is not offered"),
        ({"mode-model": "ultra"}, "The option “ultra” is not offered"),
        ({"mode-speed": "low"}, "The mode “speed” is not offered"),
        ({"mode-empty": ""}, "The mode “empty” is not offered"),
        ({"mode-": "low"}, "The mode “” is not offered"),
    ],
)
@pytest.mark.parametrize("headers", [{}, HTMX])
def test_what_the_chat_does_not_offer_runs_nothing(
    chat: Chat, fields: dict[str, str], told: str, headers: dict[str, str]
) -> None:
    answer = send(chat, "A long text", headers, **fields)
    assert answer.status_code == 422
    assert told in parse(answer.text).text
    if not headers:  # htmx leaves the field as it is
        assert parse(answer.text).one(data_testid="composer-input").text.strip() == "A long text"
    assert (seen(chat), chat.messages()) == ([], [])


def test_other_fields_are_refused_as_before(chat: Chat) -> None:
    assert send(chat, modes="pro").status_code == 400
    send(chat)
    [message] = chat.page().all(data_testid="message", data_kind="user")
    edited = {"message": message["data-message-id"], "content": "Bye", "key": str(uuid.uuid4())}
    answer = chat.visitor.post(f"{chat.address}/edit", edited | {"command": "Search"})
    assert answer.status_code == 400


def test_a_starter_has_its_own_command_and_the_modes(chat: Chat) -> None:
    send(chat, "Hello", command="wave", **{"mode-model": "pro"})
    assert seen(chat) == [("wave", {"model": "pro", "effort": "low"})]


def test_editing_and_answering_again_keep_both(chat: Chat) -> None:
    send(chat, command="Search", **{"mode-model": "pro"})
    kept = ("Search", {"model": "pro", "effort": "low"})
    send(chat, **{"mode-model": "flash"})
    page = chat.page()
    again = page.one(id="regenerate")
    fields = {it["name"]: it["value"] for it in again.all("input", type="hidden")}
    assert chat.visitor.post(again["action"], fields).status_code == 303
    chat.until_answered()
    assert seen(chat) == [kept, (None, FIRST), (None, FIRST)]
    message = chat.page().all(data_testid="message", data_kind="user")[-1]
    form = {"message": message["data-message-id"], "content": "Bye", "key": str(uuid.uuid4())}
    assert chat.visitor.post(f"{chat.address}/edit", form).status_code == 303
    chat.until_answered()
    assert seen(chat)[-1] == (None, FIRST)


def test_a_message_that_the_app_changes_keeps_both(chat: Chat) -> None:
    send(chat, "rename", command="Search")
    kept = {"metadata": {"kept": True}, "command": "Search", "modes": FIRST}
    assert kept in column(chat.visitor.app, "messages.details")


def test_a_chat_keeps_what_it_offers(app: Flask, chat: Chat) -> None:
    other = Chat(app)
    send(other, "none")
    assert len(command_field(chat).all(data_testid="command")) == 3


def test_both_go_out_and_come_in(chat: Chat) -> None:
    send(chat, command="Search", **{"mode-model": "pro"})
    exported = chat.visitor.get(f"{chat.address}/export?format=json").text
    [question] = [it for it in json.loads(exported)["chats"][0]["messages"] if it["kind"] == "user"]
    details = {"command": "Search", "modes": {"model": "pro", "effort": "low"}}
    assert question["details"] == details
    answer = chat.visitor.post("/chats/import", {"data": exported})
    assert answer.status_code == 303
    copy = Chat.at(chat.visitor, answer.headers["Location"])
    assert copy.page().one(data_testid="message-command").text == "Search"
    assert column(chat.visitor.app, "messages.details").count(details) == 2


def test_a_chat_without_them_has_no_fields(make_app: AppMaker) -> None:
    chat = Chat(make_app("simple.py"))
    page = chat.visitor.get(chat.address).text
    assert [word for word in ("choices", "composer.css", 'id="inputs"') if word in page] == []


MISUSES = {
    "set_commands('Search')": "set_commands() takes a list of dicts",
    "set_commands(['Search'])": "set_commands() takes a list of dicts",
    "set_commands([{'name': 'Search'}])": "A command needs an id",
    "set_commands([{'id': ' '}])": "A command needs an id",
    "set_commands([{'id': 'a', 'descripton': 'b'}])": "did you mean 'description'?",
    "set_commands([{'id': 'a', 'description': 1}])": "The description of the command 'a' must be",
    "set_modes([cl.Mode('a', 'A', [cl.ModeOption('b', 'B', None, 1)])])": "icon must be text",
    "set_commands([{'id': 'a', 'icon': 1}])": "The icon of the command 'a' must be text",
    "set_commands([{'id': 'a', 'button': 'yes'}])": "'button' of the command 'a' must be True",
    "set_commands([{'id': 'a'}, {'id': 'a'}])": "the id 'a' twice",
    "set_commands([{'id': str(i)} for i in range(101)])": "101 commands, and a chat may have 100",
    "set_modes([{'id': 'model'}])": "set_modes() takes a list of Mode",
    "set_modes([cl.Mode('a', 'A'), cl.Mode('a', 'B')])": "the id 'a' twice",
    "set_modes([cl.Mode(str(i), 'A') for i in range(21)])": "21 modes, and a chat may have 20",
    "set_modes([cl.Mode('a', 'A', ['b'])])": "Mode 'a': options must be a list of ModeOption",
    "set_modes([cl.Mode('', 'A')])": "Mode id must be text of 1 to 200 characters",
    "set_modes([cl.Mode('a', 'A', [cl.ModeOption('b', 1)])])": "ModeOption name must be text",
    "set_modes([cl.ModeOption('b', 'B', 1)])": "ModeOption 'b': description must be text",
    "set_modes([cl.ModeOption('b', 'B', default=1)])": "default must be True or False",
    "set_modes([cl.Mode('a', 'A', [cl.ModeOption('b', 'B')] * 2)])": "the id 'b' twice",
}


@pytest.mark.parametrize("call", MISUSES)
def test_misuse_says_what_to_change(make_app: AppMaker, log: LogReader, call: str) -> None:
    source = f"import webapp as cl\n@cl.on_message\ndef a():\n    cl.context.emitter.{call}\n"
    chat = Chat(make_app(source)).say("Hi")
    assert MISUSES[call] in log.text
    assert chat.page().one(data_testid="message", data_kind="error")


@pytest.mark.parametrize(
    ("call", "told"),
    [
        ("send_step(None)", "context.emitter.send_step does not exist in this version: send a"),
        ("set_comands([])", "did you mean set_commands?"),
    ],
)
def test_what_the_emitter_has_not_is_told_at_load_and_at_run(
    make_app: AppMaker, log: LogReader, call: str, told: str
) -> None:
    source = "import webapp as cl\n@cl.on_message\ndef a():\n    {}.emitter." + call
    with pytest.raises(StartupError, match=re.escape(told)):
        make_app(source.format("cl.context"))
    Chat(make_app(source.format("getattr(cl, 'context')"))).say("Hi")
    assert told in log.text


def test_a_callback_of_no_turn_cannot_set_them(make_app: AppMaker, log: LogReader) -> None:
    source = """
        import webapp as cl

        @cl.on_message
        def answer():
            pass

        @cl.on_chat_end
        def ended():
            cl.context.emitter.set_commands([{"id": "Search"}])
    """
    visitor = Visitor(make_app(source))
    Chat.of(visitor).say("Hi")
    Chat.of(visitor)
    log.wait_for("chat_end.failed")
    assert "commands of this chat were set in a callback that belongs to no turn" in log.text


def test_they_can_be_set_when_a_chat_is_resumed_and_when_it_is_stopped(make_app: AppMaker) -> None:
    source = """
        import asyncio
        import webapp as cl

        CHOSEN = []

        @cl.on_chat_resume
        def resume(thread):
            CHOSEN.extend((it["command"], it["modes"]) for it in thread["steps"])
            CHOSEN.extend((it.command, it.modes) for it in thread.messages)
            cl.context.emitter.set_commands([{"id": "Resumed"}])

        @cl.on_stop
        def stopped():
            cl.context.emitter.set_modes([cl.Mode("after", "After", [cl.ModeOption("a", "A")])])

        @cl.set_starters
        def starters():
            return [cl.Starter("Hi", "Hi", "wave")]

        @cl.on_message
        async def answer(message):
            await asyncio.sleep(60 if message.content == "wait" else 0)
    """
    visitor = Visitor(make_app(source))
    chat = Chat.of(visitor)
    send(chat, command="wave")
    Chat.of(visitor)
    visitor.post(f"{chat.address}/resume")
    chat.until_answered()
    callback = visitor.app.extensions["chat_app"].callbacks["on_message"].function
    assert callback.__globals__["CHOSEN"] == [("wave", None), ("wave", None)]
    assert [it["data-name"] for it in chat.page().all(data_testid="command")] == ["Resumed"]
    chat.begin("wait")
    chat.stop()
    chat.until_answered()
    assert [it["data-name"] for it in chat.page().all(data_testid="mode")] == ["after"]


def test_a_choice_is_sent_even_where_there_is_no_room_to_keep_it(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webapp.authoring.inputs.inputs.CHARACTERS_LIMIT", 10)
    send(chat, command="Canvas")
    assert seen(chat) == [("Canvas", FIRST)]
    assert chosen(command_field(chat)) is None


def test_outside_a_chat_the_emitter_says_where_it_works() -> None:
    with pytest.raises(MisuseError, match=r"context\.emitter was used outside"):
        _ = context.emitter
