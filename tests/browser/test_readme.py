"""A site with a readme, a logo, colours and pictures of its own, in a browser."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from tests.browser.site import Site
from tests.browser.steps import ask, messages
from tests.browser.test_accessibility import (
    findings,
    has_a_sound_outline,
    nothing_is_wider_than_the_screen,
)
from tests.support.apps import AppMaker

pytestmark = pytest.mark.browser

APP = """
import webapp as cl

@cl.on_message
def answer(message):
    cl.Message("Rain", author="Weather Bot").send()
"""
PICTURE = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 80 20"><path d="M0 0h80v20z"/></svg>'
)
README = """\
# Welcome

Ask about **rain**.

| day | rain |
|---|---|
| Monday | 3 mm |
"""
FILES = {
    "chainlit.md": README,
    "public/logo_light.svg": PICTURE,
    "public/avatars/weather_bot.svg": PICTURE,
    "public/theme.json": (
        '{"variables": {"light": {"--background": "40 40% 97%", "--primary": "14 80% 36%"}, '
        '"dark": {"--background": "20 20% 10%", "--primary": "24 90% 65%"}}}'
    ),
}


@pytest.fixture
def site(make_app: AppMaker, serve: Callable[[Flask], Site]) -> Site:
    for name, content in FILES.items():
        path = make_app.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return serve(make_app(APP))


def test_readme_logo_and_colours_are_sound_in_both_themes(desktop: Page, site: Site) -> None:
    desktop.goto(str(site))
    ask(desktop, "And tomorrow?")
    picture = messages(desktop).last.locator(".icon img")
    expect(picture).to_have_attribute("src", "/public/avatars/weather_bot.svg")
    assert desktop.evaluate("getComputedStyle(document.body).backgroundColor") == (
        "rgb(250, 248, 244)"
    )
    home = desktop.get_by_role("link", name="Chat Profiles", exact=True)
    logo = home.locator("img").bounding_box()
    assert logo
    assert (logo["width"], logo["height"]) == (112, 28)
    assert findings(desktop) == []

    address = desktop.url
    desktop.get_by_test_id("readme").click()
    expect(desktop.get_by_role("heading", name="Welcome")).to_be_visible()
    has_a_sound_outline(desktop)
    for theme in ("light", "dark"):
        desktop.emulate_media(color_scheme=theme)
        assert findings(desktop) == []
    nothing_is_wider_than_the_screen(desktop)
    desktop.get_by_role("link", name="Back to the chat").click()
    expect(desktop).to_have_url(address)
    assert findings(desktop) == []


def test_the_readme_needs_no_script(without_javascript: Page, site: Site) -> None:
    without_javascript.goto(str(site))
    without_javascript.get_by_test_id("readme").click()
    expect(without_javascript.get_by_role("cell", name="3 mm")).to_be_visible()
