"""`ChatSettings` as authors use it: the widgets, `send`, `refresh`, and misuse with its remedy."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from flask import Flask

import webapp
from tests.support.apps import AppMaker
from tests.support.chats import Chat
from tests.support.html import parse
from tests.support.people import HTMX
from tests.support.rows import column, run_sql
from tests.test_chat_settings import save
from webapp import ChatSettings, input_widget
from webapp.authoring.errors import MisuseError
from webapp.authoring.inputs.reading import fit_setting, texts_of
from webapp.input_widget import (
    DatePicker,
    InputWidget,
    MultiSelect,
    NumberInput,
    RadioGroup,
    Select,
    Slider,
    Switch,
    Tab,
    Tags,
    TextInput,
)
from webapp.testing.background import wait_for_background

EDITING = """
    import asyncio

    import webapp as cl
    from webapp.input_widget import Select, TextInput

    MODELS = {"A": ["a1", "a2"], "B": ["b1"]}

    def widgets(provider, model=None):
        return [
            Select("Provider", "Provider", values=["A", "B"], initial_value=provider),
            Select("Model", "Model", values=MODELS[provider], initial_value=model),
            TextInput("Note", "Note"),
        ]

    @cl.on_chat_start
    async def start():
        await cl.ChatSettings(widgets("A", "a1")).send()

    @cl.on_settings_edit
    async def edit(settings):
        if settings["Note"] == "say":
            await cl.Message("You edit.").send()
        if settings["Note"] == "send":
            await cl.ChatSettings(widgets("B", "b1")).send()
        if settings["Provider"] == "B":
            await cl.ChatSettings(widgets("B")).refresh()

    @cl.on_message
    async def answer(message):
        if message.content == "wait":
            await asyncio.sleep(20)
        if message.content == "show":
            await cl.ChatSettings(widgets("A", "a2")).send()
        if message.content == "take away":
            await cl.ChatSettings([]).send()
        await cl.Message(str(cl.user_session.get("chat_settings"))).send()
"""


# Used in ways that a type checker refuses.
wrong: Any = input_widget
webapp_names: Any = webapp


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: wrong.Switch("", "Label"), "id is empty"),
        (lambda: wrong.Switch("a\nb", "Label"), "more than one line"),
        (lambda: wrong.Switch("x" * 101, "Label"), "101 characters"),
        (lambda: wrong.Switch("a", ""), "label is empty"),
        (lambda: wrong.Switch("a", "\u200b"), "label is empty"),
        (lambda: wrong.Switch(1, "Label"), "id must be text, not int"),
        (lambda: wrong.Switch("a", "Label", "yes"), "initial must be True or False"),
        (lambda: wrong.Switch("a", "Label", tooltip=5), "tooltip must be text"),
        (lambda: wrong.Switch("a", "Label", disabled="no"), "disabled must be True or False"),
        (lambda: wrong.Switch("a", "Label", initail=True), "did you mean initial?"),
        (lambda: wrong.Checkbox("a", "Label", 1), "initial must be True or False"),
        (lambda: wrong.Slider("a", "Label", "5"), "initial must be a number"),
        (lambda: wrong.Slider("a", "Label", True), "initial must be a number"),
        (lambda: wrong.Slider("a", "Label", 11), "between min and max"),
        (lambda: wrong.Slider("a", "Label", min=3, max=3), "min must be lower than max"),
        (lambda: wrong.Slider("a", "Label", step=0), "step must be a number above 0"),
        (lambda: wrong.Slider("a", "Label", max=float("nan")), "max must be a number"),
        (lambda: wrong.Slider("a", "Label", max=10**400), "max must be a number"),
        (lambda: wrong.TextInput("a", "Label", 5), "initial must be text"),
        (lambda: wrong.TextInput("a", "Label", "x" * 20_001), "may have 20,000"),
        (lambda: wrong.TextInput("a", "Label", multiline=1), "multiline must be True or False"),
        (lambda: wrong.NumberInput("a", "Label", float("inf")), "initial must be a number"),
        (lambda: wrong.Tags("a", "Label", "one, two"), "initial must be a list of text"),
        (lambda: wrong.Tags("a", "Label", [1]), "initial, item 0, must be text"),
        (lambda: wrong.Tags("a", "Label", list(map(str, range(101)))), "may have 100"),
        (lambda: wrong.Select("a", "Label"), "give values or items, not neither"),
        (lambda: wrong.Select("a", "Label", values=["x"], items={"x": "x"}), "not both"),
        (lambda: wrong.Select("a", "Label", values="xyz"), "values must be a list"),
        (lambda: wrong.Select("a", "Label", values=[1, 2]), "values, item 0, must be text"),
        (lambda: wrong.Select("a", "Label", items=["x"]), "items must be a dict"),
        (lambda: wrong.Select("a", "Label", items={"x": 1}), "the value of 'x' must be text"),
        (lambda: wrong.Select("a", "Label", values=["x"], initial_index=1), "from 0 to 0"),
        (
            lambda: wrong.Select("a", "Label", items={"x": "x"}, initial_index=0),
            "give initial_value",
        ),
        (
            lambda: wrong.Select("a", "Label", values=["x"], initial_value="y"),
            "not among the values",
        ),
        (lambda: wrong.RadioGroup("a", "Label", values=[str(n) for n in range(201)]), "200 may be"),
        (lambda: wrong.MultiSelect("a", "Label", ["y"], values=["x"]), "not among the values"),
        (lambda: wrong.DatePicker("a", "Label", "tomorrow"), "must be a date such as"),
        (lambda: wrong.DatePicker("a", "Label", mode="week"), 'mode must be "single" or "range"'),
        (lambda: wrong.DatePicker("a", "Label", ("2026-01-01", "2026-01-02")), "must be one date"),
        (lambda: wrong.DatePicker("a", "Label", "2026-01-01", mode="range"), "must be two dates"),
        (
            lambda: wrong.DatePicker("a", "Label", ("2026-01-02", "2026-01-01"), mode="range"),
            "is later than",
        ),
        (
            lambda: wrong.DatePicker("a", "Label", "2026-01-01", min_date="2026-01-02"),
            "is later than",
        ),
        (
            lambda: wrong.DatePicker("a", "L", min_date="2026-02-01", max_date="2026-01-02"),
            "later than",
        ),
        (lambda: wrong.Tab("a", "Label", [wrong.Tab("b", "Label")]), "and of no tabs"),
        (lambda: wrong.Tab("", "Label"), "id is empty"),
        (lambda: webapp_names.ChatSettings(wrong.Switch("a", "Label")), "takes a list of widgets"),
        (lambda: webapp_names.ChatSettings(["a"]), "takes a list of widgets"),
        (lambda: webapp_names.ChatSettings(tabs=[]), "does not take tabs"),
        (
            lambda: webapp_names.ChatSettings(
                [wrong.Switch("a", "A"), wrong.Tab("t", "T", [wrong.Checkbox("a", "B")])]
            ),
            "two widgets have the id 'a'",
        ),
        (
            lambda: webapp_names.ChatSettings([wrong.Switch(str(n), "A") for n in range(401)]),
            "401 widgets and choices",
        ),
        (lambda: webapp_names.ChatSettings([wrong.Switch("a", "A")]).send(), "outside a chat"),
        (lambda: webapp_names.ChatSettings([wrong.Switch("a", "A")]).refresh(), "outside a chat"),
    ],
)
def test_misuse_says_what_to_change(make: Callable[[], Any], said: str) -> None:
    with pytest.raises(MisuseError, match=said.replace("(", r"\(").replace("?", r"\?")):
        make()


def test_initial_values_are_those_of_chainlit() -> None:
    settings = ChatSettings(
        [
            Select("index", "A", values=["x", "y"], initial_index=1),
            Select("item", "A", items={"X": "x"}, initial_value="x"),
            Select("none", "A", values=["x"]),
            Slider("low", "A", min=1, max=5),
            Slider("zero", "A"),
            NumberInput("number", "A"),
            Tags("tags", "A"),
            MultiSelect("order", "A", ["b", "a"], values=["a", "b"]),
            DatePicker("day", "A", date(2026, 5, 1)),
            DatePicker("days", "A", ("2026-05-01", date(2026, 5, 2)), mode="range"),
            Tab("tab", "A", [Switch("inside", "A", initial=True)]),
        ]
    ).settings()
    assert settings == {
        "index": "y",
        "item": "x",
        "none": None,
        "low": 1,
        "zero": 0,
        "number": None,
        "tags": [],
        "order": ["a", "b"],
        "day": "2026-05-01",
        "days": ["2026-05-01", "2026-05-02"],
        "inside": True,
    }


def test_widgets_are_json() -> None:
    widget = Slider("a", "Label", 1, tooltip="tip", max=2, description="more")
    assert json.loads(json.dumps(widget.to_dict())) == {
        "type": "slider",
        "id": "a",
        "label": "Label",
        "initial": 1,
        "tooltip": "tip",
        "description": "more",
        "disabled": False,
        "min": 0,
        "max": 2,
        "step": 1,
    }


@pytest.mark.parametrize(
    ("widget", "value"),
    [
        (Switch("a", "A"), True),
        (Slider("a", "A", 0.5, max=1, step=0.1), 0.3),
        (Slider("a", "A", min=-1e-7, max=1e-7, step=1e-8), 3e-8),
        (TextInput("a", "A", multiline=True), "one\ntwo"),
        (NumberInput("a", "A"), -12345678901234567),
        (Tags("a", "A"), ['say "hi"', "a, b", "c"]),
        (MultiSelect("a", "A", values=["x", "y,z"]), ["y,z"]),
        (RadioGroup("a", "A", items={"None": ""}), ""),
        (RadioGroup("a", "A", values=["x"]), None),
        (DatePicker("a", "A"), "2024-02-29"),
        (DatePicker("a", "A", mode="range"), None),
    ],
)
def test_value_that_was_shown_is_read_as_it_was(widget: InputWidget, value: Any) -> None:
    shown = widget.to_dict()
    assert fit_setting(shown, value) == value
    assert len(texts_of(shown, value)) <= 2


@pytest.fixture
def editing(make_app: AppMaker) -> Flask:
    return make_app(EDITING)


def edit(chat: Chat, **values: str) -> Any:
    """Change a value in the form, as the panel tells the server."""
    fields = {"Provider": "A", "Model": "a1", "Note": "", **values}
    sent = {f"setting-{key}": value for key, value in fields.items()}
    form = {**sent, "key": str(uuid.uuid4()), "do": "edit"}
    return chat.visitor.post(f"{chat.address}/settings", form, htmx=True)


def models_of(html: str) -> list[str]:
    """Return the models that a form offers."""
    return [option["value"] for option in parse(html).one(id="setting-1").all("option")]


def test_edit_brings_another_form_and_saves_nothing(editing: Flask) -> None:
    chat = Chat(editing)
    edited = edit(chat, Provider="B")
    assert edited.headers["HX-Retarget"] == "#settings-form"
    assert models_of(edited.text) == ["", "b1"]
    chosen = parse(edited.text).one(id="setting-0").all("option", selected="")
    assert [option["value"] for option in chosen] == ["B"]
    assert column(editing, "chats.inputs")[0]["settings"]["values"]["Provider"] == "A"
    assert column(editing, "messages.content") == []


def test_edit_keeps_what_was_written_in_the_other_fields(editing: Flask) -> None:
    chat = Chat(editing)
    edited = parse(edit(chat, Provider="B", Note="half a").text)
    assert edited.one(id="setting-2")["value"] == "half a"
    assert edited.one(id="setting-1").all("option", selected="") == []


def test_edit_that_changes_no_form_leaves_it_as_it_is(editing: Flask) -> None:
    chat = Chat(editing)
    assert edit(chat, Note="x").status_code == 204
    assert column(editing, "messages.content") == []


def test_edit_may_set_values_and_say_something(editing: Flask) -> None:
    chat = Chat(editing)
    edit(chat, Note="send")
    assert column(editing, "chats.inputs")[0]["settings"]["values"]["Model"] == "b1"
    said = edit(chat, Note="say")
    assert said.headers["HX-Retarget"] == "#chat"
    assert "You edit." in said.text
    both = edit(chat, Note="say", Provider="B", Model="")
    assert "You edit." in both.text


def test_edit_with_a_value_that_is_not_offered_tells_the_old_one(editing: Flask) -> None:
    chat = Chat(editing)
    assert edit(chat, Provider="C").status_code == 204


def test_edit_waits_for_the_answer(editing: Flask) -> None:
    chat = Chat(editing)
    chat.begin("wait")
    assert edit(chat, Provider="B").status_code == 409
    chat.stop()


def test_form_calls_the_app_only_if_it_wants_to_know(editing: Flask, make_app: AppMaker) -> None:
    chat = Chat(editing)
    address = f"{chat.address}/settings"
    assert 'value="edit"' in chat.visitor.get(address, headers=HTMX).text
    chat.visitor.client.application = make_app(EDITING.replace("@cl.on_settings_edit", ""))
    assert 'value="edit"' not in chat.visitor.get(address, headers=HTMX).text
    assert edit(chat, Provider="B").status_code == 204


def test_settings_are_saved_without_a_callback(make_app: AppMaker, either_url: str) -> None:
    make_app.database_url = either_url
    editing = make_app(EDITING)
    chat = Chat(editing)
    assert save(chat, {"Model": "a2"}, htmx=True).status_code == 200
    assert "'Model': 'a2'" in chat.say("?").messages()[-1]
    assert column(editing, "setting_defaults.values")[0]["Model"] == "a2"
    assert len(column(editing, "turns.id")) == 1


def test_settings_without_a_callback_wait_for_the_answer_too(editing: Flask) -> None:
    chat = Chat(editing)
    chat.begin("wait")
    assert save(chat, {"Model": "a2"}).status_code == 409
    chat.stop()
    chat.until_answered()
    run_sql(editing, "UPDATE chats SET ended_at = '2026-01-01'")
    assert save(chat, {"Model": "a2"}).status_code == 409
    assert column(editing, "chats.inputs")[0]["settings"]["values"]["Model"] == "a1"


def test_app_sets_other_values_in_an_answer(editing: Flask) -> None:
    chat = Chat(editing)
    save(chat, {"Note": "mine"})
    assert chat.say("show").messages()[-1] == "{'Provider': 'A', 'Model': 'a2', 'Note': None}"


def test_app_takes_the_settings_away(editing: Flask) -> None:
    chat = Chat(editing)
    assert chat.say("take away").messages()[-1] == "{}"
    assert column(editing, "chats.inputs") == [None]
    assert not chat.page().all(data_testid="settings")


def test_resumed_chat_keeps_what_was_set(make_app: AppMaker) -> None:
    resuming = "\n    @cl.on_chat_resume\n    async def resume():\n        await start()\n"
    app = make_app(EDITING + resuming)
    chat = Chat(app)
    chat.say("?")
    save(chat, {"Model": "a2", "Note": "mine"})
    run_sql(app, "UPDATE chats SET ended_at = '2026-01-01'")
    assert chat.say("?").messages()[-1] == "{'Provider': 'A', 'Model': 'a2', 'Note': 'mine'}"


def test_resumed_and_ended_chats_know_what_is_set(make_app: AppMaker) -> None:
    ending = """
    @cl.on_chat_resume
    async def resume(thread: cl.ThreadDict):
        model = thread["metadata"]["chat_settings"]["Model"]
        await cl.Message(f"resumed with {model}").send()

    @cl.on_chat_end
    def end():
        model = cl.user_session.get("chat_settings")["Model"]
        cl.Message(f"ended with {model}").send()
    """
    app = make_app(EDITING + ending)
    chat = Chat(app)
    chat.say("?")
    save(chat, {"Model": "a2"})
    Chat.of(chat.visitor)
    wait_for_background({"webapp-chat-end"})
    assert chat.messages()[-1] == "ended with a2"
    chat.say("again")
    assert "resumed with a2" in chat.messages()


def test_ids_and_labels_are_text_whatever_they_hold(make_app: AppMaker) -> None:
    ids = [
        'a"b',
        "<i>",
        "x&y=z",
        "e\u0301\u202e",
        "a b\tc",
        "%41+",
        "setting-",
        "key",
        "csrf_token",
    ]
    app = make_app(f"""
        import webapp as cl
        from webapp.input_widget import Checkbox, Select

        @cl.on_chat_start
        def start():
            cl.ChatSettings([
                Select(key, "<script>alert(1)</script>", values=["a", '"><b>'], initial_index=0,
                       tooltip="</p><b>", description="\u202etxt")
                for key in {ids!r}
            ]).send()
    """)
    chat = Chat(app)
    page = parse(chat.visitor.get(f"{chat.address}/settings").text)
    shown = page.all(data_testid="setting")
    assert [setting["data-id"] for setting in shown] == ids
    assert all(not setting.all("script") and not setting.all("b") for setting in shown)
    assert save(chat, dict.fromkeys(ids, '"><b>')).status_code == 303
    values = column(app, "chats.inputs")[0]["settings"]["values"]
    assert values == dict.fromkeys(ids, '"><b>')
    refused = save(chat, {}, {f"setting-{key}": "<b>c</b>" for key in ids})
    assert refused.status_code == 422
    problems = parse(refused.text).one(id="settings-problems")
    assert len(problems.all("li")) == len(ids)
    assert not problems.all("script")


def test_form_may_have_as_many_fields_as_its_widgets(make_app: AppMaker) -> None:
    app = make_app("""
        import webapp as cl
        from webapp.input_widget import DatePicker, MultiSelect

        @cl.on_chat_start
        def start():
            boxes = MultiSelect("many", "Many", values=[str(n) for n in range(199)])
            days = [DatePicker(f"day {n}", "Day", mode="range") for n in range(200)]
            cl.ChatSettings([boxes, *days]).send()
    """)
    chat = Chat(app)
    every = [str(number) for number in range(199)]
    period = ["2026-05-01", "2026-05-02"]
    values = {"many": every, **{f"day {number}": period for number in range(200)}}
    assert save(chat, values).status_code == 303
    assert column(app, "chats.inputs")[0]["settings"]["values"] == values
    more = {"other": ["1"] * 400}
    assert save(chat, values, more).status_code == 400


def test_settings_that_are_too_long_together_are_refused(make_app: AppMaker) -> None:
    app = make_app("""
        import webapp as cl
        from webapp.input_widget import TextInput

        @cl.on_chat_start
        def start():
            cl.ChatSettings([TextInput(str(n), str(n), "x" * 15_000) for n in range(6)]).send()
    """)
    chat = Chat(app)
    refused = save(chat, {str(number): "y" * 20_000 for number in range(6)})
    assert refused.status_code == 422
    assert "too long together" in refused.text
    assert refused.text.count("y" * 20_000) == 6


def test_settings_are_saved_on_another_worker(editing: Flask, make_app: AppMaker) -> None:
    chat = Chat(editing)
    chat.visitor.client.application = make_app(EDITING)
    assert save(chat, {"Model": "a2"}).status_code == 303
    chat.visitor.client.application = editing
    assert "'Model': 'a2'" in chat.say("?").messages()[-1]
    chat.begin("wait")
    chat.visitor.client.application = make_app(EDITING)
    assert save(chat, {"Model": "a1"}).status_code == 409
    chat.visitor.client.application = editing
    chat.stop()


def test_values_can_be_awaited_in_any_way(make_app: AppMaker) -> None:
    app = make_app("""
        import asyncio
        import webapp as cl
        from webapp.input_widget import Switch

        @cl.on_chat_start
        def start():
            settings = cl.run_sync(cl.ChatSettings([Switch("a", "A")]).send())
            cl.Message(f"{settings} {type(settings).__name__}").send()

        @cl.on_message
        async def answer():
            form = cl.ChatSettings([Switch("a", "A", True)])
            await cl.Message(str(await asyncio.gather(form.refresh(), form.send()))).send()
    """)
    chat = Chat(app)
    assert chat.messages() == ["{'a': False} dict"]
    assert chat.say("?").messages()[-1] == "[{'a': True}, {'a': True}]"


def test_values_can_be_read_without_awaiting(make_app: AppMaker) -> None:
    app = make_app("""
        import webapp as cl
        from webapp import input_widget

        @cl.on_chat_start
        def start():
            settings = cl.ChatSettings([cl.input_widget.Switch("a", "A", True)]).send()
            cl.user_session.set("chat_settings", {"a": False})
            assert cl.context.session.chat_settings == settings
            cl.Message(f"{settings['a']} {cl.user_session.get('chat_settings')}").send()
    """)
    assert Chat(app).messages() == ["True {'a': True}"]
