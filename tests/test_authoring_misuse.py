"""Misuse is refused when the file is loaded, with a message that says what to change."""

from __future__ import annotations

import copy
import inspect
from pathlib import Path

import pytest

import webapp as cl
from webapp.authoring.errors import (
    AppFileError,
    MisuseError,
    describe_error,
    refuse_unknown_arguments,
)
from webapp.authoring.loading.loader import load_chat_app

# Body of an app file, its line with the mistake, and what the message must say.
MISTAKES = {
    "two_starts": (
        "@cl.on_chat_start\ndef first(): ...\n@cl.on_chat_start\ndef second(): ...",
        4,
        ["@on_chat_start is used twice", "first (line 2)", "second (line 4)", "Keep one"],
    ),
    "two_profiles": (
        "@cl.set_chat_profiles\ndef one(): ...\n@cl.set_chat_profiles\nasync def two(): ...",
        4,
        ["@set_chat_profiles is used twice", "one", "two"],
    ),
    "two_logins": (
        "cl.password_auth_callback(cl.seeded_user)\ncl.password_auth_callback(cl.seeded_user)",
        3,
        ["@password_auth_callback is used twice", "seeded_user"],
    ),
    "two_header_logins": (
        "@cl.header_auth_callback\ndef a(h): ...\n@cl.header_auth_callback\ndef b(h): ...",
        4,
        ["@header_auth_callback is used twice", "a (line 2)", "b (line 4)"],
    ),
    "header_login_with_two": (
        "@cl.header_auth_callback\nasync def auth(headers, request): ...",
        2,
        ["auth(headers, request) cannot be called", "`async def auth(headers)`"],
    ),
    "header_login_in_brackets": (
        "@cl.header_auth_callback()\ndef auth(headers): ...",
        2,
        ["without brackets"],
    ),
    "header_login_seeded": (
        "cl.header_auth_callback(cl.seeded_user)",
        2,
        ["seeded_user(username, password) cannot be called"],
    ),
    "start_with_parameter": (
        "@cl.on_chat_start\ndef start(user): ...",
        2,
        ["@on_chat_start: start(user) cannot be called", "no parameters", "`def start()`"],
    ),
    "three_parameters": (
        "@cl.set_chat_profiles\ndef profiles(user, language, more): ...",
        2,
        ["profiles(user, language, more)", "(current_user, language)", "may be left out"],
    ),
    "required_keyword": (
        "@cl.set_chat_profiles\ndef profiles(*, user): ...",
        2,
        ["profiles(*, user) cannot be called", "`def profiles(current_user, language)`"],
    ),
    "login_without_username": (
        "@cl.password_auth_callback\ndef auth(password): ...",
        2,
        ["auth(password) cannot be called", "`def auth(username, password)`"],
    ),
    "login_with_three": (
        "@cl.password_auth_callback\nasync def auth(a, b, c): ...",
        2,
        ["auth(a, b, c) cannot be called", "`async def auth(username, password)`"],
    ),
    "called_decorator": (
        "@cl.on_chat_start()\ndef start(): ...",
        2,
        ["@on_chat_start needs a function, not brackets", "without brackets after it"],
    ),
    "called_profiles": ("@cl.set_chat_profiles()\ndef p(): ...", 2, ["without brackets"]),
    "called_login": ("@cl.password_auth_callback()\ndef p(): ...", 2, ["without brackets"]),
    "argument_in_brackets": ("@cl.on_chat_start(when=1)\ndef p(): ...", 2, ["not brackets"]),
    "language_first": (
        "@cl.set_chat_profiles\ndef profiles(language): ...",
        2,
        ["profiles(language) cannot be called", "in this order", "(current_user, language)`"],
    ),
    "user_second": (
        "@cl.set_chat_profiles\ndef profiles(language, current_user): ...",
        2,
        ["profiles(language, current_user) cannot be called"],
    ),
    "user_after_another": (
        "@cl.set_chat_profiles\ndef profiles(user, current_user): ...",
        2,
        ["profiles(user, current_user) cannot be called"],
    ),
    "user_by_keyword_only": (
        "@cl.set_chat_profiles\ndef profiles(*, current_user=None): ...",
        2,
        ["profiles(*, current_user=None) cannot be called"],
    ),
    "password_first": (
        "@cl.password_auth_callback\ndef auth(password, username): ...",
        2,
        ["auth(password, username) cannot be called", "`def auth(username, password)`"],
    ),
    "method": (
        "class App:\n    @cl.set_chat_profiles\n    def profiles(self): ...",
        3,
        ["profiles has the parameter self", "Move it out of the class", "Thing().profiles"],
    ),
    "method_without_arguments": (
        "class App:\n    @cl.on_chat_start\n    def start(self): ...",
        3,
        ["start has the parameter self"],
    ),
    "class": (
        "@cl.on_chat_start\nclass Start: ...",
        2,
        ["needs a function, not the class Start"],
    ),
    "not_a_function": (
        "cl.set_chat_profiles([cl.ChatProfile('a', '')])",
        2,
        ["@set_chat_profiles needs a function, not list", "on the line above `def`"],
    ),
    "none": ("cl.on_chat_start(None)", 2, ["needs a function, not NoneType"]),
    "generator": (
        "@cl.on_chat_start\ndef start():\n    yield 1",
        2,
        ["start contains `yield`", "Message(...).send()"],
    ),
    "async_generator": (
        "@cl.set_chat_profiles\nasync def profiles():\n    yield 1",
        2,
        ["profiles contains `yield`", "Return the value"],
    ),
    "unreadable_signature": (
        "cl.set_chat_profiles(max)",
        2,
        ["parameters of max cannot be read", "wrap it in a `def`"],
    ),
    "send_at_top": (
        "cl.Message('hi').send()",
        2,
        ["Message.send() was used outside a chat", "inside @on_chat_start"],
    ),
    "get_at_top": (
        "cl.user_session.get('id')",
        2,
        ["user_session.get() was used outside a chat", "inside @on_chat_start"],
    ),
    "set_at_top": ("cl.user_session.set('a', 1)", 2, ["user_session.set() was used outside"]),
    "seeded_at_top": (
        "cl.seeded_user('a', 'b')",
        2,
        [
            "outside @password_auth_callback",
            "chat_profiles.password_auth_callback(chat_profiles.seeded_user)",
        ],
    ),
    "empty_name": (
        "cl.ChatProfile('', 'text')",
        2,
        ["ChatProfile name is empty", "text that can be read"],
    ),
    "name_not_text": ("cl.ChatProfile(7, 'x')", 2, ["ChatProfile name must be text"]),
    "no_description": ("cl.ChatProfile('a')", 2, ["markdown_description"]),
    "description_not_text": (
        "cl.ChatProfile('a', None)",
        2,
        ["ChatProfile markdown_description must be text"],
    ),
    "description_too_long": (
        "cl.ChatProfile('a', 'x' * 100_001)",
        2,
        ["ChatProfile 'a'", "has 100,001 characters", "may have 100,000", "link to"],
    ),
    "default_not_bool": (
        "cl.ChatProfile('a', '', default='no')",
        2,
        ["ChatProfile default must be True or False"],
    ),
    "keep_days_not_whole": (
        "cl.ChatProfile('a', '', keep_days=True)",
        2,
        ["ChatProfile 'a'", "keep_days must be a whole number of days from 1 to 36,500, or None"],
    ),
    "unknown_argument": (
        "cl.ChatProfile('a', '', model='GPT-4')",
        2,
        [
            "ChatProfile does not take model: leave it out",
            "takes name, markdown_description, icon, display_name, default, starters, "
            "config_overrides, keep_days, cot and uploads",
        ],
    ),
    "misspelt_argument": (
        "cl.ChatProfile('a', markdown_descripton='')",
        2,
        ["does not take markdown_descripton: did you mean markdown_description?"],
    ),
    "message_with_actions": (
        "cl.Message('a', actions=['b'])",
        2,
        ["Message actions must be a list of Action; one is str"],
    ),
    "message_with_one_action": (
        "cl.Message('a', actions=cl.Action('a', {}))",
        2,
        ["Message actions must be a list of Action, not Action"],
    ),
    "action_with_value": (
        "cl.Action(name='a', value='b')",
        2,
        ["Action does not take value", "use payload instead", 'payload={"value": "yes"}'],
    ),
    "action_with_description": (
        "cl.Action(name='a', payload={}, description='b')",
        2,
        ["Action does not take description", "use tooltip instead"],
    ),
    "action_with_collapsed": (
        "cl.Action('a', {}, collapsed=True)",
        2,
        ["Action does not take collapsed", "leave it out"],
    ),
    "action_with_text_as_payload": (
        "cl.Action('a', 'b')",
        2,
        ["Action payload must be a dict", "not 'b'"],
    ),
    "value_of_an_action": (
        "cl.Action('a', {}).value",
        2,
        ["Action.value does not exist", 'read payload["value"]'],
    ),
    "two_callbacks_of_one_action": (
        '@cl.action_callback("a")\ndef one(): ...\n@cl.action_callback("a")\ndef two(): ...',
        4,
        ['@action_callback("a") is used twice', "one (line 2)", "two (line 4)", "Keep one"],
    ),
    "action_callback_without_a_name": (
        "@cl.action_callback\ndef one(action): ...",
        2,
        ["needs the name of the action", '@action_callback("name") on the line above'],
    ),
    "action_callback_with_an_empty_name": (
        '@cl.action_callback(" ")\ndef one(action): ...',
        2,
        ["has 1 to 200 characters"],
    ),
    "action_callback_with_two_parameters": (
        '@cl.action_callback("a")\ndef one(action, more): ...',
        2,
        ["one(action, more) cannot be called", "`def one(action)`"],
    ),
    "message_with_unknown_argument": (
        "cl.Message('a', element=[])",
        2,
        ["Message does not take element: did you mean elements?"],
    ),
    "message_with_odd_id": ("cl.Message('a', id='7')", 2, ["Message id must be a UUID"]),
    "message_with_odd_time": (
        "cl.Message('a', created_at='noon')",
        2,
        ["created_at must be a time in ISO 8601"],
    ),
    "image_with_odd_size": (
        "cl.Image(content=b'', size='huge')",
        2,
        ['Image size must be "small", "medium" or "large"'],
    ),
    "pdf_with_odd_page": ("cl.Pdf(content=b'', page=-1)", 2, ["Pdf page must be a number from 1"]),
    "video_with_a_function": (
        "cl.Video(url='https://a.example/v', player_config={'a': print})",
        2,
        ["player_config must be short, and JSON: 'a' of it is a"],
    ),
    "icon_as_third": (
        "cl.Starter('a', 'b', '/public/c.svg')",
        2,
        ["Starter 'a': the third argument is the command. Write icon='/public/c.svg'"],
    ),
    "command_not_text": ("cl.Starter('a', 'b', 1)", 2, ["Starter command must be text or None"]),
    "categories_without_starters": (
        "cl.StarterCategory('a', starters=['b'])",
        2,
        ["StarterCategory starters must be a list of Starter"],
    ),
    "empty_category": ("cl.StarterCategory('')", 2, ["StarterCategory label is empty"]),
    "keep_days_as_seventh": (
        "cl.ChatProfile('a', '', None, None, False, None, 30)",
        2,
        ["ChatProfile 'a': config_overrides, the seventh argument, must be", "Write keep_days=30."],
    ),
    "html_from_models": (
        "cl.ChatProfile('a', '', config_overrides={'features': {'unsafe_allow_html': True}})",
        2,
        ["unsafe_allow_html is refused", "CustomElement"],
    ),
    "overrides_not_of_their_class": (
        "cl.ChatProfile('a', '', config_overrides={'ui': 'dark'})",
        2,
        ["config_overrides.ui must be UISettings, a dict or None"],
    ),
    "odd_theme": (
        "cl.ChatProfile('a', '', config_overrides={'ui': {'default_theme': 'pink'}})",
        2,
        ['ui.default_theme must be "light", "dark" or None'],
    ),
    "odd_cot": (
        "cl.ChatProfile('a', '', config_overrides={'ui': {'cot': 'some'}})",
        2,
        ['ChatProfile cot must be "full", "tool_call", "hidden" or None'],
    ),
    "odd_edit_message": (
        "cl.ChatProfile('a', '', config_overrides={'features': {'edit_message': 'no'}})",
        2,
        ["features.edit_message must be True or False"],
    ),
    "user_with_id": ("cl.User('a', id=1)", 2, ["User does not take id: ", "takes identifier"]),
    "icon_not_text": ("cl.ChatProfile('a', '', icon=1)", 2, ["icon must be text or None"]),
    "display_name_not_text": (
        "cl.ChatProfile('a', '', display_name=1)",
        2,
        ["display_name must be text or None"],
    ),
    "starters_not_starters": (
        "cl.ChatProfile('a', '', starters=['hi'])",
        2,
        ["starters must be a list of Starter"],
    ),
    "empty_starter": ("cl.Starter(' ', 'x')", 2, ["Starter label is empty"]),
    "starter_without_message": ("cl.Starter('x', '')", 2, ["Starter message is empty"]),
    "empty_identifier": ("cl.User('')", 2, ["User identifier is empty"]),
    "long_identifier": ("cl.User('x' * 256)", 2, ["identifier is longer than 255"]),
    "metadata_not_dict": ("cl.User('x', metadata=[1])", 2, ["User metadata must be a dict"]),
    "misspelt_name": (
        "cl.on_chat_starts",
        2,
        ["chat_profiles.on_chat_starts does not exist; did you mean on_chat_start?"],
    ),
    "unknown_name": ("cl.xyz", 2, ["chat_profiles.xyz does not exist; docs/authoring.md lists"]),
    "no_sound_yet": (
        "@cl.on_audio_start\ndef listen(): ...",
        2,
        [
            "chat_profiles.on_audio_start does not exist in this version: an app cannot listen or "
            "speak yet; see docs/authoring.md"
        ],
    ),
    "figure_of_another_library": (
        "cl.Plotly(figure='chart.png')",
        2,
        ["Plotly figure must be a figure of Plotly, not str"],
    ),
    "no_such_attribute_yet": (
        "cl.Message('').is_streaming",
        2,
        ["Message.is_streaming does not exist in this version", "use stream_token()"],
    ),
    "text_for_content": ("cl.Message(text='a')", 2, ["does not take text: did you mean content?"]),
    "text_for_message": (
        "cl.Starter(label='a', text='b')",
        2,
        ["does not take text: did you mean message?"],
    ),
    "file_for_path": ("cl.Image(file='a.png')", 2, ["Image does not take file: did you mean path"]),
    "options_for_values": (
        "cl.input_widget.Select('a', 'A', options=['b'])",
        2,
        ["Select does not take options: did you mean values?"],
    ),
    "kind_for_type": ("cl.step(kind='tool')", 2, ["step does not take kind: did you mean type?"]),
    "size_by_the_name_of_chainlit": (
        "cl.set_uploads(max_size_mb=2)",
        2,
        ["set_uploads does not take max_size_mb: did you mean max_megabytes?"],
    ),
    "unknown_argument_that_cannot_be_read": (
        "cl.Image(**{'file': 'a.png'})",
        2,
        ["Image does not take file: did you mean path?"],
    ),
    "action_without_payload": (
        "cl.Action('a')",
        2,
        ["MisuseError: Action needs payload. It takes name, payload, label"],
    ),
    "starter_without_anything": ("cl.Starter()", 2, ["Starter needs label and message. It takes"]),
    "profile_without_description": (
        "cl.ChatProfile(name='a')",
        2,
        ["ChatProfile needs markdown_description. It takes name"],
    ),
    "element_by_its_place": (
        "cl.Image('a.png')",
        2,
        ["Image takes no argument without a name: write Image(name=...). It takes name, path"],
    ),
    "table_by_its_place": (
        "cl.Dataframe([{'a': 1}])",
        2,
        ["Dataframe takes no argument without a name: write Dataframe(data=...)."],
    ),
    "too_many_arguments": (
        "cl.Starter('a', 'b', None, None, 'c')",
        2,
        ["Starter takes at most 4 arguments without a name. It takes label"],
    ),
    "argument_given_twice": ("cl.Starter('a', 'b', label='c')", 2, ["is given label twice"]),
    "one_element": (
        "cl.Message('a', elements=cl.Text(content='b'))",
        2,
        ["Message elements must be a list, such as [Image(...)], not Text."],
    ),
    "text_as_element": (
        "cl.Message('a', elements=['b.png'])",
        2,
        ["Message elements must be a list of elements, such as [Image(...)]. One is str."],
    ),
    "one_element_of_a_step": (
        "cl.Step(elements=cl.Text(content='b'))",
        2,
        ["Step elements must be a list"],
    ),
    "content_not_awaited": (
        "async def reply(): ...\ncl.Message(reply())",
        3,
        ["Message content is a coroutine of reply(): write `await` before its call."],
    ),
    "content_of_a_generator": (
        "def words(): yield 'a'\ncl.Message(content=words())",
        3,
        ["Message content is a generator of words(): send each part", "stream_token()"],
    ),
    "content_of_an_async_generator": (
        "async def words(): yield 'a'\ncl.Message(words())",
        3,
        ["Message content is a generator of words()"],
    ),
    "item_of_the_session": (
        "cl.user_session['agent']",
        2,
        ["user_session has no items: write user_session.get('agent')."],
    ),
    "setting_an_item_of_the_session": (
        "cl.user_session['agent'] = 1",
        2,
        ["user_session has no items: write user_session.set('agent', ...)."],
    ),
    "asking_for_an_item_of_the_session": (
        "'agent' in cl.user_session",
        2,
        ["write user_session.get('agent')."],
    ),
    "attribute_of_the_session": (
        "cl.user_session.agent = 1",
        2,
        ['user_session.agent does not exist; write user_session.get("agent") or'],
    ),
    "misspelt_method_of_the_session": (
        "cl.user_session.gett('a')",
        2,
        ["did you mean get?"],
    ),
    "misspelt_submodule": (
        "from chat_profiles.input_widgets import Select",
        2,
        ["chat_profiles.input_widgets does not exist; did you mean chat_profiles.input_widget?"],
    ),
    "misspelt_widget": (
        "from chat_profiles.input_widget import Selct",
        2,
        ["chat_profiles.input_widget.Selct does not exist; did you mean Select?"],
    ),
    "unset_variable": (
        "import os\nos.environ['NO_SUCH_KEY']",
        3,
        [": the environment variable NO_SUCH_KEY is not set.", ".env", "NO_SUCH_KEY=..."],
    ),
    "missing_key_of_a_dict": ("{}['NO_SUCH_KEY']", 2, ["KeyError: 'NO_SUCH_KEY'"]),
    "misspelt_method": ("cl.Message('').sent()", 2, ["Message.sent", "did you mean send?"]),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_message_alone_is_enough_to_fix_it(tmp_path: Path, mistake: str) -> None:
    body, line, words = MISTAKES[mistake]
    path = tmp_path / "chat.py"
    path.write_text(f"import webapp as cl\n{body}\n")
    with pytest.raises(AppFileError) as caught:
        load_chat_app(path)
    assert str(caught.value).startswith(f"{path}:{line}: ")
    assert [word for word in words if word not in str(caught.value)] == []
    assert "\n" not in str(caught.value)


def test_an_error_of_ours_is_shown_without_the_module_that_defines_it() -> None:
    assert describe_error(MisuseError("Write it.")) == "MisuseError: Write it."
    assert describe_error(KeyError("a")) == "KeyError: 'a'"


def test_an_error_within_a_call_is_raised_as_it_is() -> None:
    @refuse_unknown_arguments
    class Broken:
        def __init__(self, name: str) -> None:
            self.length = len(name)

    with pytest.raises(TypeError, match="has no len"):
        Broken(1)  # type: ignore[arg-type]
    with pytest.raises(MisuseError, match="Broken needs name"):
        Broken()  # type: ignore[call-arg]


@pytest.mark.parametrize(
    "decorator", [cl.set_chat_profiles, cl.on_chat_start, cl.password_auth_callback]
)
def test_a_decorator_outside_an_app_file_teaches(decorator: object) -> None:
    assert callable(decorator)
    with pytest.raises(MisuseError) as caught:
        decorator(lambda *_: None)
    for words in ("outside an app file", "chat-profiles run FILE.py", "chat_profiles.create_app"):
        assert words in str(caught.value)


def test_a_decorator_in_a_callback_is_refused_when_it_runs(tmp_path: Path) -> None:
    path = tmp_path / "chat.py"
    path.write_text(
        "import webapp as cl\n@cl.on_chat_start\ndef start():\n    cl.on_chat_start(print)\n"
    )
    callback = load_chat_app(path).callbacks["on_chat_start"]
    with pytest.raises(MisuseError, match="outside an app file"):
        callback.function()


def test_decorators_give_the_function_back_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "chat.py"
    path.write_text(
        "import webapp as cl\n"
        "def profiles(): ...\nassert cl.set_chat_profiles(profiles) is profiles\n"
        "async def start(): ...\nassert cl.on_chat_start(start) is start\n"
        "assert cl.password_auth_callback(cl.seeded_user) is cl.seeded_user\n"
    )
    assert set(load_chat_app(path).callbacks) == {
        "set_chat_profiles",
        "on_chat_start",
        "password_auth_callback",
    }


def test_a_class_that_names_unknown_arguments_keeps_its_signature_and_can_be_copied() -> None:
    assert str(inspect.signature(cl.Starter)).startswith("(label: 'str', message: 'str',")
    for made in (cl.ChatProfile("a", "b"), cl.User("c"), cl.Starter("d", "e")):
        assert copy.deepcopy(made) == made


@pytest.mark.parametrize(
    ("function", "takes"),
    [
        ("lambda: []", 0),
        ("lambda user: []", 1),
        ("lambda user, language: []", 2),
        ("lambda *args: []", 2),
        ("lambda **kwargs: []", 0),
        ("lambda user, *rest: []", 2),
        ("lambda user, language='fr', more=1: []", 2),
        ("lambda user, *, more=1: []", 1),
        ("functools.partial(lambda a, user: [], 1)", 1),
        ("Thing().method", 1),
        ("Thing()", 2),
    ],
)
def test_every_kind_of_callable_is_taken(tmp_path: Path, function: str, takes: int) -> None:
    path = tmp_path / "chat.py"
    path.write_text(
        "import functools\nimport webapp as cl\n"
        "class Thing:\n"
        "    def method(self, user): ...\n"
        "    def __call__(self, user, language): ...\n"
        f"cl.set_chat_profiles({function})\n"
    )
    assert load_chat_app(path).callbacks["set_chat_profiles"].takes == takes
