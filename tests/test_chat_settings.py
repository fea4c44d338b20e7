"""The settings of a chat: shown, checked, saved, kept, and told to the app."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.support.apps import AppMaker
from tests.support.chats import Chat
from tests.support.html import Element, parse
from tests.support.people import HTMX, Visitor
from tests.support.rows import column, count, every_row, run_sql
from webapp.authoring.inputs.reading import list_widgets, texts_of
from webapp.database.engines import write_session, write_transaction
from webapp.signals import removing_user
from webapp.turns.settings.defaults import store_setting_defaults

INITIAL = {
    "Model": "small",
    "Streaming": True,
    "Temperature": 1,
    "Steps": 30,
    "Name": None,
    "Prompt": "Be kind.",
    "Seed": None,
    "Weight": 0.5,
    "Stop": ["Answer:", "one, two"],
    "Tools": ["search"],
    "Sources": False,
    "Tone": None,
    "Day": "2026-05-01",
    "Period": None,
    "Locked": True,
}
OTHERS = {
    "Model": "large",
    "Streaming": False,
    "Temperature": 0.4,
    "Steps": 36,
    "Name": "Ada",
    "Prompt": "Be\nshort.",
    "Seed": 7,
    "Weight": 2.0,
    "Stop": ["one", "two, three"],
    "Tools": ["search", "code"],
    "Sources": True,
    "Tone": "short",
    "Day": "2026-02-28",
    "Period": ["2026-05-01", "2026-05-03"],
    "Locked": True,
}


@pytest.fixture
def app(make_app: AppMaker) -> Flask:
    return make_app("settings.py")


@pytest.fixture
def chat(app: Flask) -> Chat:
    return Chat(app, "Plain")


def form_of(page: Element) -> list[tuple[str, str]]:
    """Return what a browser would send of the form."""
    sent = []
    for field in page.one("form", id="settings-form").walk():
        name = field.get("name")
        if not name or field.get("disabled") is not None or field.tag == "button":
            continue
        if field.tag == "select":
            options = field.all("option")
            chosen = [o for o in options if o.get("selected") is not None] or options[:1]
            sent += [(name, option["value"]) for option in chosen]
        elif field.tag == "textarea":
            sent.append((name, field.text.removeprefix("\n")))
        elif field.get("type") not in ("checkbox", "radio") or field.get("checked") is not None:
            sent.append((name, field["value"]))
    return sent


def fields_for(chat: Chat, values: dict[str, Any]) -> dict[str, list[str]]:
    """Return the fields that set these values, and leave the others as they are."""
    (inputs,) = [i for i in column(chat.visitor.app, "chats.inputs") if i][-1:]
    widgets = {widget["id"]: widget for widget in list_widgets(inputs["settings"]["widgets"])}
    wanted = inputs["settings"]["values"] | values
    texts = {key: texts_of(widgets[key], wanted[key]) for key in widgets}
    return {f"setting-{key}": texts[key] for key in widgets if not widgets[key]["disabled"]}


def save(
    chat: Chat, values: dict[str, Any], others: dict[str, Any] | None = None, *, htmx: bool = False
) -> TestResponse:
    """Save values as the form does, with other fields in addition or in the place of theirs."""
    fields = {**fields_for(chat, values), "key": str(uuid.uuid4()), **(others or {})}
    sent = {name: value for name, value in fields.items() if value is not None}
    return chat.visitor.post(f"{chat.address}/settings", sent, htmx=htmx)


def set_in(chat: Chat) -> dict[str, Any]:
    """Return what the app has in `user_session`."""
    answer = chat.until_answered().say("what?").messages()[-1]
    found: dict[str, Any] = json.loads(answer)
    return found


def test_chat_begins_with_the_initial_values(chat: Chat) -> None:
    assert chat.messages() == ["started with {}, True, dict"]
    assert set_in(chat) == INITIAL
    assert type(set_in(chat)["Temperature"]) is int


def test_button_leads_to_a_page_with_every_widget(chat: Chat) -> None:
    (button,) = chat.page().all("a", data_testid="settings")
    page = parse(chat.visitor.get(button["href"]).text)
    shown = page.one(data_testid="settings-panel").all(data_testid="setting")
    assert [setting["data-id"] for setting in shown] == list(INITIAL)


def test_htmx_gets_the_panel(chat: Chat) -> None:
    panel = parse(chat.visitor.get(f"{chat.address}/settings", headers=HTMX).text)
    assert [child.tag for child in panel.children if isinstance(child, Element)] == ["dialog"]
    assert len(panel.all(data_testid="setting")) == len(INITIAL)


def test_form_that_is_sent_as_it_is_changes_nothing(chat: Chat) -> None:
    page = parse(chat.visitor.get(f"{chat.address}/settings").text)
    sent: dict[str, list[str]] = {}
    for name, value in form_of(page):
        sent.setdefault(name, []).append(value)
    assert chat.visitor.post(f"{chat.address}/settings", sent).status_code == 303
    assert set_in(chat) == INITIAL


def test_values_are_saved_with_their_types_and_told_to_the_app(chat: Chat) -> None:
    assert save(chat, OTHERS).status_code == 303
    chat.until_answered()
    assert chat.messages()[-1] == "now large"
    saved = set_in(chat)
    assert saved == OTHERS
    assert [type(saved[key]) for key in ("Steps", "Weight", "Seed")] == [int, float, int]
    page = parse(chat.visitor.get(f"{chat.address}/settings").text)
    assert page.one("input", name="setting-Temperature")["value"] == "0.4"


def test_tabs_group_the_widgets(app: Flask) -> None:
    chat = Chat(app, "Tabs")
    page = parse(chat.visitor.get(f"{chat.address}/settings").text)
    main, more = page.one(id="settings-panel").all("details")
    assert [tab.one("summary").text for tab in (main, more)] == ["Main", "More"]
    assert (main.get("open"), more.get("open")) == ("", None)
    save(chat, OTHERS)
    assert set_in(chat) == OTHERS


@pytest.mark.parametrize(
    ("key", "texts", "said"),
    [
        ("Model", ["huge"], "Choose one of the values"),
        ("Model", [""], "Choose one of the values"),
        ("Model", ["small", "large"], "sent more than once"),
        ("Model", [], "not sent"),
        ("Model", ["sm\u202eall"], "Choose one of the values"),
        ("Streaming", ["yes"], "on or off"),
        ("Streaming", ["on", "on"], "sent more than once"),
        ("Temperature", ["3"], "from 0 to 2, in steps of 0.1"),
        ("Temperature", ["-0.1"], "from 0 to 2"),
        ("Temperature", ["0.45"], "in steps of 0.1"),
        ("Temperature", ["nan"], "from 0 to 2"),
        ("Temperature", ["1e999"], "from 0 to 2"),
        ("Temperature", ["1e9999999"], "from 0 to 2"),
        ("Temperature", ["\u0661"], "from 0 to 2"),
        ("Temperature", [""], "from 0 to 2"),
        ("Temperature", [], "not sent"),
        ("Steps", ["1.5"], "from 0 to 150"),
        ("Steps", ["9" * 5_000], "from 0 to 150"),
        ("Name", ["x" * 20_001], "20,001 characters"),
        ("Name", [], "not sent"),
        ("Name", ["a", "b"], "sent more than once"),
        ("Seed", ["many"], "Write a number"),
        ("Seed", ["inf"], "Write a number"),
        ("Seed", ["1_000"], "Write a number"),
        ("Seed", ["1" * 30], "Write a number"),
        ("Seed", ["1e40"], "Write a number"),
        ("Stop", ["x" * 201], "tags of 200 characters"),
        ("Stop", [",".join(map(str, range(101)))], "at most 100 tags"),
        ("Stop", ["x," * 30_000], "at most 100 tags"),
        ("Stop", ["a", "b"], "sent more than once"),
        ("Tools", ["search", "shell"], "Choose among the values"),
        ("Tools", ["search", "search"], "Choose among the values"),
        ("Sources", ["true"], "on or off"),
        ("Tone", ["rude"], "Choose one of the values"),
        ("Tone", ["kind", "short"], "sent more than once"),
        ("Day", ["2026-02-30"], "Choose a date."),
        ("Day", ["20260228"], "Choose a date."),
        ("Day", ["2025-12-31"], "from 2026-01-01 up to 2026-12-31"),
        ("Day", ["2026-01-01", "2026-01-02"], "sent more than once"),
        ("Period", ["2026-05-03", "2026-05-01"], "not before the first"),
        ("Period", ["", "2026-05-01"], "first and the last day"),
        ("Period", ["2026-05-01", "2026-05-02", "2026-05-03"], "first and the last day"),
        ("Period", ["tomorrow", ""], "Choose a date."),
        ("Gone", ["1"], "not there any more"),
    ],
)
def test_value_that_a_widget_does_not_take_is_refused(
    shared_settings_chat: Chat, key: str, texts: list[str], said: str
) -> None:
    chat = shared_settings_chat
    before = every_row(chat.visitor.app)
    other = {"Prompt": "Kept <b>text</b>"} if key != "Prompt" else {"Name": "Ada"}
    refused = save(chat, other, {f"setting-{key}": texts or None})
    assert refused.status_code == 422
    page = parse(refused.text)
    problems = page.one(id="settings-problems")
    assert said in problems.text
    assert page.one("textarea", name="setting-Prompt").text.strip() == "Kept <b>text</b>"
    shown = page.all(data_testid="setting", data_id=key)
    if shown:
        (link,) = problems.all("a")
        assert page.one(id=link["href"].removeprefix("#"))
        assert said in shown[0].text
    assert every_row(chat.visitor.app) == before


@pytest.fixture(scope="module")
def shared_settings_chat(sqlite_template: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("settings")
    file = folder / "chat.sqlite3"
    file.write_bytes(sqlite_template.read_bytes())
    with AppMaker.in_folder(folder, f"sqlite:///{file}") as make:
        yield Chat(make("settings.py"), "Plain")


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("Name", "a\x00b\r\nc\ud800", "ab c\ufffd\ufffd\ufffd"),
        ("Name", "\u202eevil", "\u202eevil"),
        ("Name", " ", " "),
        ("Prompt", "", None),
        ("Temperature", "+2", 2.0),
        ("Temperature", "2.0", 2.0),
        ("Temperature", "1.30", 1.3),
        ("Seed", "-3", -3),
        ("Seed", "2.5", 2.5),
        ("Seed", "1e3", 1000),
        ("Weight", "3", 3.0),
        ("Weight", "", None),
        ("Stop", ' a ,\n"b, c",,a\n', ["a", "b, c"]),
        ("Stop", "", []),
        ("Day", "", None),
    ],
)
def test_text_becomes_the_value_that_the_author_expects(
    shared_settings_chat: Chat, key: str, text: str, value: Any
) -> None:
    chat = shared_settings_chat
    sent = text.encode(errors="surrogatepass") if "\ud800" in text else text
    silent = {"Name": "silent"} if key != "Name" else {}
    assert save(chat, silent, {f"setting-{key}": sent}).status_code == 303
    chat.until_answered()
    saved = column(chat.visitor.app, "chats.inputs")[0]["settings"]["values"][key]
    assert saved == value
    assert type(saved) is type(value)


def test_one_day_is_a_period(chat: Chat) -> None:
    save(chat, {}, {"setting-Period": ["2026-05-01", ""]})
    assert set_in(chat)["Period"] == ["2026-05-01", "2026-05-01"]


def test_disabled_setting_keeps_its_value_whatever_is_sent(chat: Chat) -> None:
    assert save(chat, {}, {"setting-Locked": "off"}).status_code == 303
    assert set_in(chat)["Locked"] is True


def test_other_fields_are_refused(chat: Chat) -> None:
    before = every_row(chat.visitor.app)
    assert save(chat, {}, {"other": "1"}).status_code == 400
    assert save(chat, {}, {"do": "explode"}).status_code == 400
    assert save(chat, {}, {"key": "1"}).status_code == 400
    assert save(chat, {}, {"key": [str(uuid.uuid4())] * 2}).status_code == 400
    assert every_row(chat.visitor.app) == before


def test_form_that_is_sent_twice_tells_the_app_once(chat: Chat) -> None:
    key = str(uuid.uuid4())
    save(chat, {"Model": "large"}, {"key": key})
    chat.until_answered()
    assert save(chat, {"Model": "large"}, {"key": key}).status_code == 303
    assert chat.messages().count("now large") == 1


def test_form_is_kept_while_an_answer_comes(chat: Chat) -> None:
    chat.begin("wait")
    refused = save(chat, {"Name": "Ada"}, htmx=True)
    assert refused.status_code == 409
    assert "An answer is still being written" in refused.text
    assert refused.headers["HX-Retarget"] == "#settings-form"
    assert parse(refused.text).one("input", name="setting-Name")["value"] == "Ada"
    chat.stop()
    chat.until_answered()
    assert column(chat.visitor.app, "chats.inputs")[0]["settings"]["values"] == INITIAL


def test_message_is_refused_while_the_app_takes_settings(chat: Chat) -> None:
    save(chat, {"Name": "wait"})
    said = {"content": "Hello", "key": str(uuid.uuid4())}
    assert chat.visitor.post(f"{chat.address}/messages", said).status_code == 409
    chat.stop()


def test_settings_are_stored_before_the_app_hears_of_them(chat: Chat) -> None:
    save(chat, {"Name": "wait"})
    assert chat.is_answering()
    assert column(chat.visitor.app, "chats.inputs")[0]["settings"]["values"]["Name"] == "wait"
    assert column(chat.visitor.app, "setting_defaults.values")[0]["Name"] == "wait"
    chat.stop()


def test_saving_closes_the_panel_and_brings_what_the_app_said(chat: Chat) -> None:
    saved = save(chat, {"Model": "large"}, htmx=True)
    assert saved.headers["HX-Retarget"] == "#chat"
    page = parse(saved.text)
    assert "now large" in page.one("section", id="chat").text
    assert page.one("hx-partial", hx_target="#settings-place").text == ""


def test_app_that_says_nothing_leaves_nothing_in_the_chat(chat: Chat) -> None:
    before = count(chat.visitor.app, "messages")
    save(chat, {"Name": "silent"}, htmx=True)
    assert count(chat.visitor.app, "messages") == before
    assert column(chat.visitor.app, "chats.written") == [False]


def test_settings_are_saved_although_the_app_fails(chat: Chat) -> None:
    save(chat, {"Name": "fail"})
    chat.until_answered()
    assert "The settings are saved, but something went wrong" in chat.messages("error")[-1]
    assert set_in(chat)["Name"] == "fail"


def test_reset_brings_the_initial_values_back(chat: Chat) -> None:
    save(chat, OTHERS)
    chat.until_answered()
    assert save(chat, {"Name": "unsaved"}, {"do": "reset"}).status_code == 303
    assert set_in(chat) == INITIAL
    assert count(chat.visitor.app, "setting_defaults") == 0


def test_next_chat_of_the_profile_begins_with_what_was_set(chat: Chat) -> None:
    save(chat, OTHERS)
    chat.until_answered()
    again = Chat.of(chat.visitor, "Plain")
    assert again.messages() == ["started with {}, True, dict"]
    assert set_in(again) == OTHERS
    assert set_in(Chat.of(chat.visitor, "Tabs")) == INITIAL
    assert set_in(Chat(chat.visitor.app, "Plain")) == INITIAL


def test_what_does_not_fit_the_next_chat_is_left_out(chat: Chat, make_app: AppMaker) -> None:
    save(chat, OTHERS)
    chat.until_answered()
    other = make_app("""
        import webapp as cl
        from webapp.input_widget import *

        @cl.set_chat_profiles
        def profiles():
            return [cl.ChatProfile("Plain", "All in one.")]

        @cl.on_chat_start
        async def start():
            await cl.ChatSettings([
                Select("Model", "Model", values=["small", "medium"], initial_index=1),
                Slider("Temperature", "Temperature", 0, min=0, max=1, step=0.25),
                Slider("Steps", "Steps", 0, min=0, max=50),
                Switch("Name", "Name"),
                TextInput("Streaming", "Streaming"),
                Select("Tone", "Tone", items={"Short": "short"}, disabled=True),
            ]).send()
            await cl.Message(str(cl.user_session.get("chat_settings"))).send()
    """)
    visitor = chat.visitor
    visitor.client.application = other
    started = Chat.of(visitor, "Plain").messages()[0]
    assert started == (
        "{'Model': 'medium', 'Temperature': 0, 'Steps': 36, 'Name': False, 'Streaming': None, "
        "'Tone': None}"
    )


def test_chat_without_settings_has_no_page_for_them(app: Flask) -> None:
    chat = Chat(app, "None")
    assert not chat.page().all(data_testid="settings")
    assert chat.visitor.get(f"{chat.address}/settings").status_code == 404
    saved = chat.visitor.post(f"{chat.address}/settings", {"key": str(uuid.uuid4())})
    assert saved.status_code == 404


def test_settings_of_others_are_not_found(chat: Chat) -> None:
    stranger = Visitor(chat.visitor.app)
    stranger.start_chat("Plain")
    assert stranger.get(f"{chat.address}/settings").status_code == 404
    before = every_row(chat.visitor.app)
    form = {**fields_for(chat, OTHERS), "key": str(uuid.uuid4())}
    assert stranger.post(f"{chat.address}/settings", form).status_code == 404
    assert every_row(chat.visitor.app) == before


def test_settings_of_an_ended_chat_stay(chat: Chat) -> None:
    run_sql(chat.visitor.app, "UPDATE chats SET ended_at = '2026-01-01'")
    page = parse(chat.visitor.get(f"{chat.address}/settings").text)
    assert "This chat has ended." in page.text
    assert page.one("fieldset", class_="settings-fields").get("disabled") is not None
    assert not page.all("button", data_testid="save-settings")
    before = every_row(chat.visitor.app)
    refused = save(chat, OTHERS)
    assert refused.status_code == 409
    assert "Write a message to continue it" in refused.text
    assert every_row(chat.visitor.app) == before


def test_settings_stay_when_the_profile_was_withdrawn(chat: Chat, make_app: AppMaker) -> None:
    chat.say("Hello")
    text = make_app.path("settings.py").read_text()
    visitor = chat.visitor
    form = {**fields_for(chat, OTHERS), "key": str(uuid.uuid4())}
    visitor.client.application = make_app(text.replace('"Plain"', '"Other"'))
    assert not chat.page().all(data_testid="settings")
    assert "no longer available" in visitor.get(f"{chat.address}/settings").text
    refused = visitor.post(f"{chat.address}/settings", form)
    assert refused.status_code == 403
    assert "no longer available" in refused.text
    assert column(visitor.app, "chats.inputs")[0]["settings"]["values"] == INITIAL


def test_exports_and_shared_chats_have_no_settings(make_app: AppMaker) -> None:
    chat = Chat(make_app("settings.py", sharing="yes"), "Plain")
    save(chat, {"Prompt": "secret prompt"})
    chat.until_answered()
    run_sql(chat.visitor.app, "UPDATE chats SET written = true")
    exported = chat.visitor.get(f"{chat.address}/export").text
    chat.visitor.post(f"{chat.address}/share")
    (token,) = column(chat.visitor.app, "shares.token")
    shared = chat.visitor.get(f"/shared/{token}").text
    for text in (exported, shared):
        assert "now small" in text
        assert "secret prompt" not in text
        assert "settings" not in text


def test_visitors_from_one_address_change_settings_only_so_often(make_app: AppMaker) -> None:
    chat = Chat(make_app("settings.py", messages_per_address=2), "Plain")
    for model in ("large", "small"):
        assert save(chat, {"Model": model}).status_code == 303
        chat.until_answered()
    refused = save(chat, {"Name": "kept"})
    assert refused.status_code == 429
    assert parse(refused.text).one("input", name="setting-Name")["value"] == "kept"


def test_removing_an_account_removes_what_was_set(make_app: AppMaker) -> None:
    app = make_app("settings.py")
    with app.app_context(), write_transaction() as connection:
        store_setting_defaults(connection, "user:alice", "Plain", {"Model": "large"})
        store_setting_defaults(connection, "user:bob", None, {"Model": "large"})
    with app.app_context(), write_session() as session:
        removing_user.send(session=session, username="alice")
    assert column(app, "setting_defaults.owner") == ["user:bob"]


@pytest.mark.postgresql
def test_settings_work_on_postgresql(tmp_path: Path, postgresql_url: str) -> None:
    with AppMaker.in_folder(tmp_path, postgresql_url) as make:
        chat = Chat(make("settings.py"), "Plain")
        save(chat, OTHERS)
        chat.until_answered()
        assert chat.messages()[-1] == "now large"
        key = str(uuid.uuid4())
        for _ in range(2):
            assert save(chat, {"Seed": 8}, {"key": key}).status_code == 303
            chat.until_answered()
        assert set_in(chat) == OTHERS | {"Seed": 8}
        again = Chat.of(chat.visitor, "Plain")
        assert set_in(again) == OTHERS | {"Seed": 8}
        again.begin("wait")
        refused = again.visitor.post(
            f"{again.address}/settings", {"key": key, "setting-Model": "small"}
        )
        assert refused.status_code == 409
        again.stop()


def test_stranger_signs_in_first(make_app: AppMaker) -> None:
    text = make_app.path("settings.py").read_text()
    app = make_app(f"{text}\n\ncl.password_auth_callback(lambda name, _: cl.User(name))\n")
    alice = Visitor(app).logged_in("alice")
    address = alice.start_chat("Plain")
    stranger = Visitor(app)
    assert "/login" in (stranger.get(f"{address}/settings").location or "")
    posted = stranger.post(f"{address}/settings", {"key": str(uuid.uuid4())})
    assert posted.status_code in (302, 303, 401)
    bob = Visitor(app).logged_in("bob")
    assert bob.get(f"{address}/settings").status_code == 404
    chat = Chat.at(alice, address)
    save(chat, OTHERS)
    chat.until_answered()
    elsewhere = Visitor(app).logged_in("alice")
    assert set_in(Chat.of(elsewhere, "Plain")) == OTHERS
    assert set_in(Chat.of(bob, "Plain")) == INITIAL
