"""`config` of Chainlit: an app file says what its site is called."""

from __future__ import annotations

import re

import pytest

from tests.support.apps import AppMaker
from tests.support.people import Visitor
from webapp.config.startup_error import StartupError

APP = """
import chat_profiles as cl
from chat_profiles.config import config

{}

@cl.on_message
def answer(message): ...
"""


def test_the_app_file_names_the_site(make_app: AppMaker) -> None:
    app = make_app(APP.format('config.ui.name = "Legal\\n desk"\nconfig.ui.description = "Ask us"'))
    page = Visitor(app).get("/", follow_redirects=True).text
    assert "<title>Legal desk" in page or "Legal desk</title>" in page
    assert '<meta name="description" content="Ask us">' in page


def test_it_comes_before_the_file_of_settings_and_after_the_setting(make_app: AppMaker) -> None:
    file = make_app.folder / ".chainlit" / "config.toml"
    file.parent.mkdir()
    file.write_text('[UI]\nname = "From the file"\n')
    named = APP.format('config.ui.name = "From the app"')
    assert "From the app" in Visitor(make_app(named)).get("/").text
    assert "From the file" in Visitor(make_app(APP.format(""))).get("/").text
    assert "From outside" in Visitor(make_app(named, site_name="From outside")).get("/").text


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("config.ui.name = 3", "config.ui.name must be a text, not 3."),
        ("config.ui.theme", "config.ui.theme does not exist in this version: write it into"),
        ("config.features", "config.features does not exist in this version: write it into"),
    ],
)
def test_misuse_says_what_to_change(make_app: AppMaker, line: str, told: str) -> None:
    with pytest.raises(StartupError, match=re.escape(told)):
        make_app(APP.format(line))


def test_a_callback_cannot_rename_the_site(make_app: AppMaker) -> None:
    from webapp.config import config  # noqa: PLC0415 - as an app file does

    with pytest.raises(Exception, match="outside an app file"):
        config.ui.name = "Late"
