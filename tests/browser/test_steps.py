"""Steps in a browser: they come into their places, and stay as the user has left them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import NewPage
from tests.browser.site import Site
from tests.browser.steps import answer, ask, composer, ended, open_chat, started
from tests.support.apps import AppMaker

pytestmark = pytest.mark.browser

OUTER, INNER = "Compare the weather of several cities", "Write it down"
Serve = Callable[[Flask], Site]


@pytest.fixture(params=["auto", "poll"])
def site(make_app: AppMaker, serve: Serve, request: pytest.FixtureRequest) -> Site:
    """Return a site that works in steps, which pages watch by a stream or by asking."""
    return serve(make_app("stepper.py", streaming=request.param))


def step(page: Page, name: str) -> Locator:
    """Return the first step with a name."""
    return page.locator(f"[data-testid=step][data-name='{name}']").first


def toggle(found: Locator) -> None:
    """Open or close a step."""
    found.locator("> summary").click()


def go_on() -> None:
    """Let the work end."""
    app_file: Any = sys.modules["stepper"]
    app_file.GO_ON.set()


def test_a_step_stays_as_the_user_has_left_it(desktop: Page, site: Site) -> None:
    open_chat(desktop, site)
    ask(desktop, "run")
    outer, inner = step(desktop, OUTER), step(desktop, INNER)
    expect(outer).to_have_attribute("data-status", "streaming")
    expect(desktop.get_by_text("It is as warm in Bern")).to_be_hidden()
    toggle(outer)
    expect(inner.get_by_text("Running")).to_be_visible()
    toggle(inner)
    expect(desktop.get_by_text("It is as warm in Bern")).to_be_visible()
    inner.locator("> summary").focus()
    go_on()

    ended(desktop)
    expect(outer).to_have_attribute("data-status", "complete")
    expect(desktop.get_by_text("It is as warm in Bern as in Rome.")).to_be_visible()
    expect(inner.locator("> summary")).to_be_focused()
    expect(outer.get_by_text("Both have 21 degrees.")).to_be_visible()
    expect(outer.get_by_test_id("step")).to_have_count(7)
    expect(step(desktop, "Weather").get_by_test_id("step")).to_have_count(1)
    toggle(outer)
    expect(inner).to_be_hidden()

    desktop.reload()
    expect(step(desktop, OUTER).get_by_test_id("step")).to_have_count(7)
    expect(step(desktop, INNER)).to_be_hidden()


def test_steps_work_with_the_keyboard(desktop: Page, site: Site) -> None:
    open_chat(desktop, site)
    ask(desktop, "Compare")
    ended(desktop)
    step(desktop, OUTER).locator("> summary").focus()
    desktop.keyboard.press("Enter")
    desktop.keyboard.press("Tab")
    desktop.keyboard.press("Space")
    expect(step(desktop, "Weather").get_by_text("strength")).to_be_visible()


def test_only_answers_are_read_aloud(desktop: Page, site: Site) -> None:
    open_chat(desktop, site)
    ask(desktop, "run")
    expect(step(desktop, OUTER)).to_be_visible()
    expect(desktop.locator("#spoken")).not_to_contain_text("Weather")
    go_on()
    ended(desktop)
    expect(desktop.locator("#spoken")).to_have_text(
        "Chat Profiles: It is as warm in Bern as in Rome: 21 degrees."
    )


def test_stop_ends_the_steps_that_run(desktop: Page, site: Site) -> None:
    open_chat(desktop, site)
    ask(desktop, "run")
    expect(step(desktop, INNER)).to_have_attribute("data-status", "streaming")
    desktop.get_by_test_id("stop").click()
    expect(step(desktop, INNER)).to_have_attribute("data-status", "stopped")
    expect(step(desktop, OUTER).get_by_text("Stopped").first).to_be_visible()
    expect(desktop.get_by_test_id("task").last).to_have_attribute("data-status", "stopped")
    expect(desktop.get_by_test_id("retry")).to_be_visible()


@pytest.mark.parametrize(("motion", "moves"), [("no-preference", "pulse"), ("reduce", "none")])
def test_the_sign_of_work_moves_only_for_those_who_like_it(
    desktop: Page, site: Site, motion: Any, moves: str
) -> None:
    desktop.emulate_media(reduced_motion=motion)
    open_chat(desktop, site)
    ask(desktop, "run")
    sign = step(desktop, OUTER).get_by_text("Running").first
    expect(sign).to_be_visible()
    assert sign.evaluate("(e) => getComputedStyle(e, '::after').animationName") == moves
    go_on()
    ended(desktop)


def test_without_a_script_steps_open_and_close(
    new_page: NewPage, make_app: AppMaker, serve: Serve
) -> None:
    site = serve(make_app("stepper.py"))
    page = new_page(java_script_enabled=False, viewport={"width": 390, "height": 800})
    page.goto(site.url)
    page.get_by_role("button", name="Start chat").click()
    started(page)
    composer(page).fill("Compare")
    page.get_by_test_id("send").click()
    expect(answer(page)).to_contain_text("21 degrees")
    toggle(step(page, OUTER))
    toggle(step(page, INNER))
    expect(page.get_by_text("It is as warm in Bern as in Rome.")).to_be_visible()
    failed = page.locator("[data-testid=step][data-status=failed]").first
    expect(failed.locator("> summary")).to_contain_text("Failed")
