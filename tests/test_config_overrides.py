"""What a profile changes of the site by Chainlit's `config_overrides`, held on the server."""

from __future__ import annotations

import uuid

import pytest
from flask import Flask

from tests.support.apps import AppMaker
from tests.support.chats import Chat
from tests.support.html import parse
from tests.support.log import LogReader
from tests.support.people import HTMX, Visitor
from webapp.authoring.overrides.config_overrides import list_unused
from webapp.authoring.profiles.profile import ChatProfile
from webapp.authoring.uploads.uploads import Uploads
from webapp.config import (
    ChainlitConfigOverrides,
    FeaturesSettings,
    SpontaneousFileUploadFeature,
    StdioMcpServer,
    UISettings,
)

APP = """
    import chat_profiles as cl
    from chat_profiles.config import (
        ChainlitConfigOverrides,
        FeaturesSettings,
        McpFeature,
        UISettings,
    )

    @cl.set_chat_profiles
    async def profiles():
        return [
            cl.ChatProfile("plain", "As the site says."),
            cl.ChatProfile(
                "own",
                "Different.",
                config_overrides=ChainlitConfigOverrides(
                    ui=UISettings(
                        name="Night desk",
                        description="Help at <night>.",
                        cot="hidden",
                        default_theme="dark",
                        layout="wide",
                        custom_css="/public/night.css",
                        github="https://example.org",
                    ),
                    features=FeaturesSettings(
                        edit_message=False,
                        latex=True,
                        mcp=McpFeature(enabled=True, stdio={"enabled": True}),
                    ),
                ),
            ),
        ]

    @cl.on_message
    async def answer(message):
        async with cl.Step(name="Thinking") as step:
            step.output = "hm"
        await cl.Message("Answer").send()
"""
CSV = Uploads(["text/csv", ".csv"])


@pytest.fixture
def app(make_app: AppMaker) -> Flask:
    """Return an app with a profile that overrides, and one that does not."""
    return make_app(APP, site_name="The site")


def test_a_profile_has_a_name_and_looks_of_its_own(app: Flask) -> None:
    page = Chat(app, "own").page()
    assert page.one("bdi", **{"class": "home-name"}).text == "Night desk"
    assert page.one("title").text == "own · Night desk"
    assert page.one("meta", name="description")["content"] == "Help at <night>."
    section = page.one(data_testid="chat")
    assert (section["data-theme"], section["data-layout"]) == ("dark", "wide")
    assert [link["href"] for link in section.all("link")][1:] == ["/public/night.css"]


def test_another_profile_has_those_of_the_site(app: Flask) -> None:
    page = Chat(app, "plain").page()
    assert page.one("bdi", **{"class": "home-name"}).text == "The site"
    assert page.all("meta", name="description") == []
    section = page.one(data_testid="chat")
    assert (section.get("data-theme"), section.get("data-layout")) == (None, None)
    assert "looks.css" not in Visitor(app).get("/").text


@pytest.mark.parametrize(("profile", "name"), [("own", "Night desk"), ("plain", "The site")])
def test_a_new_selector_of_a_chat_names_the_site(app: Flask, profile: str, name: str) -> None:
    chat = Chat(app, profile)
    fragment = chat.visitor.get(f"{chat.address}/profile", headers=HTMX)
    assert parse(fragment.text).one("bdi", **{"class": "home-name"}).text == name


@pytest.mark.parametrize(("profile", "name"), [("own", "Night desk"), ("plain", "The site")])
def test_the_bar_follows_the_profile(app: Flask, profile: str, name: str) -> None:
    visitor = Visitor(app)
    swapped = visitor.post("/chats", {"profile": profile}, headers=HTMX)
    assert parse(swapped.text).one("bdi", **{"class": "home-name"}).text == name


def test_steps_are_hidden_where_the_profile_says_so(app: Flask) -> None:
    own, plain = Chat(app, "own").say("Hi").page(), Chat(app, "plain").say("Hi").page()
    assert own.all(data_testid="step") == []
    assert len(plain.all(data_testid="step")) == 1


def test_editing_is_refused_where_the_profile_says_so(app: Flask) -> None:
    chat = Chat(app, "own").say("Hi")
    page = chat.page()
    assert page.all(data_testid="edit") == []
    [message] = page.all(data_testid="message", data_kind="user")
    form = {"message": message["data-message-id"], "content": "Bye", "key": str(uuid.uuid4())}
    answer = chat.visitor.post(f"{chat.address}/edit", form)
    assert answer.status_code == 409
    assert "With “own”, a message stays as it was sent." in parse(answer.text).text
    assert chat.messages() == ["Answer"]
    assert Chat(app, "plain").say("Hi").page().all(data_testid="edit") != []


def test_what_changes_nothing_is_logged_once(app: Flask, log: LogReader) -> None:
    visitor = Visitor(app)
    visitor.get("/")
    visitor.get("/")
    event = log.one("config_overrides.unused")
    assert event["names"] == "ui.github, features.mcp.enabled, features.mcp.stdio"
    assert event["profile"] == "own"


def test_a_dict_says_the_same() -> None:
    given = {
        "ui": {"name": "Desk", "cot": "tool_call"},
        "features": {"spontaneous_file_upload": {"accept": ["image/*"], "max_size_mb": 2}},
    }
    by_dict = ChatProfile("a", "", config_overrides=given)
    assert (by_dict.site_name, by_dict.cot) == ("Desk", "tool_call")
    assert by_dict.uploads == Uploads(["image/*"], max_megabytes=2)


@pytest.mark.parametrize(
    ("feature", "uploads"),
    [
        (SpontaneousFileUploadFeature(enabled=False, max_files=2), False),
        (SpontaneousFileUploadFeature(enabled=True), True),
        (SpontaneousFileUploadFeature(), None),
        (SpontaneousFileUploadFeature(max_files=2), Uploads(max_files=2)),
        (
            SpontaneousFileUploadFeature(accept={"text/csv": [".csv"]}),
            Uploads(["text/csv", ".csv"]),
        ),
    ],
)
def test_file_upload_is_what_uploads_says(
    feature: SpontaneousFileUploadFeature, uploads: Uploads | bool | None
) -> None:
    overrides = ChainlitConfigOverrides(features=FeaturesSettings(spontaneous_file_upload=feature))
    assert ChatProfile("a", "", config_overrides=overrides).uploads == uploads


def test_arguments_of_the_profile_come_first() -> None:
    overrides = {"ui": {"cot": "full"}, "features": {"spontaneous_file_upload": True}}
    profile = ChatProfile("a", "", config_overrides=overrides, cot="hidden", uploads=False)
    assert (profile.cot, profile.uploads) == ("hidden", False)


def test_the_seventh_argument_is_config_overrides() -> None:
    overrides = ChainlitConfigOverrides(ui=UISettings(name="Desk"))
    profile = ChatProfile("a", "b", None, None, False, None, overrides)
    assert (profile.site_name, profile.keep_days) == ("Desk", None)


def test_a_style_sheet_from_elsewhere_changes_nothing() -> None:
    away = ChainlitConfigOverrides(ui=UISettings(custom_css="https://example.org/a.css"))
    assert ChatProfile("a", "", config_overrides=away).stylesheet is None
    assert list_unused(away) == ["ui.custom_css"]


def test_servers_of_tools_are_taken_and_told() -> None:
    server = StdioMcpServer(name="shell", type="stdio", command="run")
    tools = ChainlitConfigOverrides(features={"mcp": {"enabled": True, "servers": [server]}})
    ChatProfile("a", "", config_overrides=tools)
    assert list_unused(tools) == ["features.mcp.enabled", "features.mcp.servers"]


def test_names_that_say_what_is_so_anyway_are_not_told() -> None:
    same = {"features": {"latex": True, "mcp": {"enabled": False}, "unsafe_allow_html": False}}
    overrides = ChatProfile("a", "", config_overrides=same).config_overrides
    assert isinstance(overrides, ChainlitConfigOverrides)
    assert list_unused(overrides) == []
