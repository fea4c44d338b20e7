"""The offer changes while a page is open."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from tests.browser.guard import Guard
from tests.browser.site import Site
from tests.browser.steps import (
    choose,
    notices,
    open_chat,
    open_selector,
    option,
    started,
)
from tests.support.apps import AppMaker
from tests.support.recorder import Recorder
from webapp import ChatProfile, Starter

pytestmark = pytest.mark.browser


@pytest.fixture
def recorder(make_app: AppMaker) -> Recorder:
    """Return an app with the profiles one, two (default) and three, which a test can change."""
    return Recorder(make_app)


@pytest.fixture
def site(recorder: Recorder, serve: Callable[[Flask], Site]) -> Site:
    """Return the recorder's app, served."""
    return serve(recorder.app)


def test_choosing_a_withdrawn_profile_starts_nothing(
    desktop: Page, site: Site, recorder: Recorder, guard: Guard
) -> None:
    guard.expect("status of 403")
    chat = open_chat(desktop, site)
    recorder.offer("one", "two")
    open_selector(desktop)
    option(desktop, "three").click()
    expect(notices(desktop)).to_contain_text(["“three” is not offered to you"])
    expect(desktop.get_by_test_id("chat")).to_have_attribute("data-chat-id", chat)
    assert recorder.started == ["two"]


def test_the_selector_shows_by_itself_what_is_offered_now(
    desktop: Page, site: Site, recorder: Recorder, guard: Guard
) -> None:
    guard.expect("status of 403")
    open_chat(desktop, site)
    recorder.offer("one", "two")
    open_selector(desktop)
    option(desktop, "three").click()
    expect(option(desktop, "three")).to_have_count(0)
    choose(desktop, "one")
    expect(notices(desktop)).to_have_count(0)


def test_text_stays_when_a_choice_is_refused(
    desktop: Page, site: Site, recorder: Recorder, guard: Guard
) -> None:
    guard.expect("status of 403")
    open_chat(desktop, site)
    desktop.get_by_test_id("composer-input").fill("typed already")
    recorder.offer("one", "two")
    open_selector(desktop)
    option(desktop, "three").click()
    expect(notices(desktop)).to_have_count(1)
    expect(desktop.get_by_test_id("composer-input")).to_have_value("typed already")


def test_a_vanished_choice_gives_way_with_a_notice(
    desktop: Page, site: Site, recorder: Recorder
) -> None:
    open_chat(desktop, site)
    choose(desktop, "three")
    recorder.offer("one", "two")
    desktop.goto(site.url)
    started(desktop, "one")
    expect(notices(desktop)).to_contain_text(["“three” is no longer available"])


def test_a_withdrawn_profile_leaves_its_chat_readable(
    desktop: Page, site: Site, recorder: Recorder
) -> None:
    open_chat(desktop, site)
    chat = choose(desktop, "three")
    recorder.offer("one", "two")
    desktop.reload()
    assert started(desktop, "three") == chat
    expect(notices(desktop)).to_contain_text(["“three” of this chat is no longer available"])


ELSEWHERE = "https://picsum.photos/200"


def test_icons_from_elsewhere_that_are_not_shown_at_first_can_come(
    desktop: Page, site: Site, recorder: Recorder
) -> None:
    starter = Starter("Plan a trip", "Help me plan a weekend.", icon=ELSEWHERE)
    recorder.offer("one", ChatProfile("two", "", starters=[starter]))
    open_chat(desktop, site)
    choose(desktop, "two")
    expect(desktop.get_by_test_id("starter").locator("img")).to_have_attribute("src", ELSEWHERE)
    expect(desktop.get_by_test_id("starter").locator("img")).to_be_visible()


def test_an_icon_that_the_page_may_not_load_yet_is_an_initial_until_it_is_loaded_anew(
    desktop: Page, site: Site, recorder: Recorder
) -> None:  # The guard fails this test for a violation of the page's policy
    open_chat(desktop, site)
    recorder.offer("one", ChatProfile("two", "", icon=ELSEWHERE, default=True))
    desktop.get_by_test_id("new-chat").click()
    expect(desktop.get_by_test_id("profile-option")).to_have_count(2)
    started(desktop, "two")
    face = desktop.locator("#profile-button .icon")
    expect(face).to_have_text("T")
    expect(desktop.locator("img")).to_have_count(0)
    desktop.reload()
    expect(face.locator("img")).to_have_attribute("src", ELSEWHERE)


def test_an_offer_shrunk_to_nothing_takes_the_selector_away(
    desktop: Page, site: Site, recorder: Recorder, guard: Guard
) -> None:
    guard.expect("status of 403")
    open_chat(desktop, site)
    recorder.offer()
    open_selector(desktop)
    option(desktop, "three").click()
    expect(desktop.get_by_test_id("profile-selector")).to_have_count(0)
    desktop.get_by_test_id("new-chat").click()
    started(desktop, "")
