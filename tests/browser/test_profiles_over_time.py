"""Profiles are withdrawn, chosen anew and switched by the app, in a chat that goes on."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from playwright.sync_api import Locator, Page, expect

from tests.browser.guard import Guard
from tests.browser.site import Site
from tests.browser.steps import (
    HeldRequests,
    ask,
    choose,
    composer,
    ended,
    focus_is,
    idle,
    look_at,
    messages,
    notices,
    open_selector,
    option,
    panel,
    started,
    wait_until,
)
from tests.browser.steps import log_in as log_in_at
from tests.support.apps import AppMaker
from tests.support.over_time import OverTime

pytestmark = pytest.mark.browser
ANEW = "Choosing one starts a new chat."
GOES_ON = "Choosing one goes on in this chat with it."


@pytest.fixture
def over_time(make_app: AppMaker) -> OverTime:
    """Return an app in which a choice goes on in the chat."""
    return OverTime(make_app, 'cl.set_profile_switching("continue")')


@pytest.fixture
def site(over_time: OverTime, serve: Callable[[Flask], Site]) -> Site:
    """Return it, served."""
    return serve(over_time.app)


def log_in(page: Page, site: Site) -> None:
    log_in_at(page, site, "alice")
    started(page)


def divider(page: Page) -> Locator:
    """Return what the divider says."""
    return page.get_by_test_id("divider").locator("p")


def chat_under(page: Page, site: Site, profile: str) -> str:
    """Have a chat under a profile, in which something was said."""
    log_in(page, site)
    chat = choose(page, profile)
    ask(page, "Good morning")
    # Its greeting had ended before.
    expect(messages(page).last).to_contain_text(f"{profile}: Good morning")
    ended(page)
    return chat


def test_a_withdrawn_profile_end_to_end(
    desktop: Page, site: Site, over_time: OverTime, guard: Guard
) -> None:
    guard.expect("status of 403")
    old = chat_under(desktop, site, "rhyme")
    over_time.offer("plain", "law")
    ask(desktop, "Are you there?")
    expect(notices(desktop)).to_contain_text(["“Rhyme” of this chat is no longer available"])
    desktop.get_by_role("button", name="Continue with Plain").click()
    new = started(desktop, "plain")
    assert new != old
    expect(divider(desktop)).to_have_text("Continued from “Good morning” with Plain")
    expect(messages(desktop).first).to_contain_text("Hello from rhyme.")
    expect(messages(desktop).first.locator(".author")).to_have_text("Rhyme")
    expect(composer(desktop)).to_have_value("Are you there?")
    composer(desktop).press("Enter")
    expect(ended(desktop)).to_contain_text("plain: Are you there?")
    desktop.go_back()
    started(desktop, "rhyme")
    expect(notices(desktop)).to_contain_text(["no longer available"])
    expect(messages(desktop)).to_have_count(3)


def test_a_withdrawn_profile_without_script(
    without_javascript: Page, site: Site, over_time: OverTime
) -> None:
    page = without_javascript
    log_in_at(page, site, "alice")
    page.get_by_role("button", name="Start chat").click()
    page.get_by_test_id("profile-selector").get_by_role("button").first.click()
    option(page, "rhyme").click()
    page.locator('[data-testid=chat][data-profile="rhyme"]').wait_for()
    over_time.offer(*(f"p{number}" for number in range(6)))
    page.reload()
    page.get_by_label("Another profile").select_option("p3")
    page.get_by_role("button", name="Continue", exact=True).click()
    expect(page.get_by_test_id("chat")).to_have_attribute("data-profile", "p3")
    expect(divider(page)).to_have_text("Continued from an earlier chat with P3")
    composer(page).fill("Hello again")
    page.get_by_test_id("send").click()
    expect(messages(page).last).to_contain_text("p3: Hello again")


def test_a_choice_goes_on_in_the_chat(desktop: Page, site: Site) -> None:
    log_in(desktop, site)
    expect(open_selector(desktop)).to_contain_text(ANEW)
    desktop.keyboard.press("Escape")
    ask(desktop, "Good morning")
    expect(messages(desktop).last).to_contain_text("plain: Good morning")
    ended(desktop)
    expect(open_selector(desktop)).to_contain_text(GOES_ON)
    chat = desktop.get_by_test_id("chat").get_attribute("data-chat-id")
    option(desktop, "rhyme").click()
    expect(divider(desktop)).to_have_text("Now with Rhyme")
    assert started(desktop, "rhyme") == chat
    expect(panel(desktop)).to_be_hidden()
    focus_is(desktop, "composer-input")
    expect(desktop.locator("#spoken")).to_have_text("Now with Rhyme")
    expect(desktop.locator("#profile-button")).to_contain_text("Rhyme")
    expect(desktop).to_have_title("Good morning · Chat Profiles")
    ask(desktop, "And now?")
    expect(ended(desktop)).to_contain_text("rhyme: And now?")


def test_text_stays_when_a_choice_goes_on(desktop: Page, site: Site) -> None:
    chat_under(desktop, site, "plain")
    composer(desktop).fill("typed already")
    open_selector(desktop)
    option(desktop, "law").click()
    expect(divider(desktop)).to_have_text("Now with Law")
    expect(composer(desktop)).to_have_value("typed already")


def test_what_is_entered_while_a_choice_is_on_its_way_is_sent_once(
    desktop: Page, site: Site
) -> None:
    chat_under(desktop, site, "plain")
    held = HeldRequests(desktop, "**/profile")
    open_selector(desktop)
    option(desktop, "law").click()
    route = held.take()
    ask(desktop, "Is that so?")
    expect(composer(desktop)).to_have_value("Is that so?")
    route.continue_()
    expect(ended(desktop)).to_contain_text("law: Is that so?")
    expect(composer(desktop)).to_have_value("")
    ask(desktop, "Once more")
    expect(ended(desktop)).to_contain_text("law: Once more")
    expect(desktop.locator("[data-kind=user]")).to_have_count(3)


def test_a_choice_goes_on_without_script(without_javascript: Page, site: Site) -> None:
    page = without_javascript
    log_in_at(page, site, "alice")
    page.get_by_role("button", name="Start chat").click()
    composer(page).fill("Good morning")
    page.get_by_test_id("send").click()
    expect(messages(page).last).to_contain_text("plain: Good morning")
    chat = page.get_by_test_id("chat").get_attribute("data-chat-id")
    page.get_by_test_id("profile-selector").get_by_role("button").first.click()
    option(page, "rhyme").click()
    expect(divider(page)).to_have_text("Now with Rhyme")
    expect(page.get_by_test_id("chat")).to_have_attribute("data-chat-id", str(chat))


def test_a_choice_while_an_answer_is_written_is_told(
    desktop: Page, site: Site, over_time: OverTime, guard: Guard
) -> None:
    guard.expect("status of 409")
    chat_under(desktop, site, "plain")
    ask(desktop, "wait")
    expect(desktop.get_by_test_id("stop")).to_be_visible()
    open_selector(desktop)
    option(desktop, "law").click()
    expect(notices(desktop)).to_contain_text(["An answer is still being written in this chat."])
    over_time.go_on()
    idle(desktop)
    expect(divider(desktop)).to_have_count(0)


@pytest.mark.parametrize("streaming", ["sse", "poll"])
def test_the_app_switches_while_its_answer_comes(
    desktop: Page,
    make_app: AppMaker,
    serve: Callable[[Flask], Site],
    streaming: str,
) -> None:
    over_time = OverTime(make_app, streaming=streaming)
    log_in(desktop, serve(over_time.app))
    ask(desktop, "one; switch rhyme; wait; two")
    expect(divider(desktop)).to_have_text("Now with Rhyme")
    expect(desktop.locator("#profile-button")).to_contain_text("Rhyme")
    over_time.go_on()
    expect(ended(desktop)).to_contain_text("rhyme: two")
    lines = desktop.locator("#messages :is(.message, .divider)").evaluate_all(
        "all => all.map((e) => e.dataset.testid)"
    )
    assert lines == ["message"] * 3 + ["divider", "message"]
    expect(open_selector(desktop)).to_contain_text(ANEW)
    expect(option(desktop, "rhyme")).to_have_attribute("aria-checked", "true")


def test_a_switch_while_an_answer_comes_is_heard(
    desktop: Page, site: Site, over_time: OverTime
) -> None:
    chat_under(desktop, site, "plain")
    ask(desktop, "wait; switch rhyme")
    expect(desktop.get_by_test_id("stop")).to_be_visible()
    over_time.go_on()
    expect(desktop.locator("#spoken")).to_have_text("Now with Rhyme")


def test_a_page_left_open_follows_a_choice_made_elsewhere(desktop: Page, site: Site) -> None:
    chat_under(desktop, site, "plain")
    other = desktop.context.new_page()
    other.goto(desktop.url)
    open_selector(other)
    option(other, "law").click()
    expect(divider(other)).to_have_text("Now with Law")
    look_at(desktop)
    expect(divider(desktop)).to_have_text("Now with Law")
    wait_until(desktop, "!document.querySelector('.htmx-request')")
