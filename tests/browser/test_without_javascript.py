"""Without JavaScript everything is a plain form."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PHONE, NewPage
from tests.browser.site import Site
from tests.browser.steps import log_in, messages, open_selector, option, started

pytestmark = pytest.mark.browser


def begin(page: Page, site: Site) -> None:
    """Log in as Alice and press the button that starts a chat."""
    log_in(page, site, "alice")
    page.get_by_role("button", name="Start chat").click()
    started(page, "team")


def test_log_in_and_start(without_javascript: Page, roles: Site) -> None:
    begin(without_javascript, roles)
    expect(messages(without_javascript)).to_contain_text(["Hello alice, this is team."])


def test_nothing_on_the_page_waits_for_a_script(without_javascript: Page, simple: Site) -> None:
    without_javascript.goto(simple.url)
    expect(without_javascript.get_by_text("Starting chat…")).to_be_hidden()
    expect(without_javascript.get_by_role("searchbox")).to_have_count(0)
    expect(without_javascript.get_by_role("button", name="Start chat")).to_be_visible()


def test_read_and_choose_a_profile(without_javascript: Page, roles: Site) -> None:
    begin(without_javascript, roles)
    open_selector(without_javascript)
    for description in without_javascript.get_by_test_id("profile-description").all():
        expect(description).to_be_in_viewport(ratio=1)
    option(without_javascript, "public").click()
    started(without_javascript, "public")
    expect(messages(without_javascript)).to_contain_text(["Hello alice, this is public."])


def test_choose_before_a_chat_was_started(without_javascript: Page, simple: Site) -> None:
    without_javascript.goto(simple.url)
    open_selector(without_javascript)
    option(without_javascript, "GPT-4").click()
    started(without_javascript, "GPT-4")


def test_the_choice_is_kept_for_the_next_chat(without_javascript: Page, roles: Site) -> None:
    begin(without_javascript, roles)
    open_selector(without_javascript)
    option(without_javascript, "public").click()
    first = started(without_javascript, "public")
    without_javascript.get_by_test_id("new-chat").click()
    expect(without_javascript.get_by_test_id("chat")).not_to_have_attribute("data-chat-id", first)
    started(without_javascript, "public")


def test_choose_on_the_page_of_all_profiles(without_javascript: Page, simple: Site) -> None:
    without_javascript.goto(f"{simple.url}/profiles")
    without_javascript.get_by_role("button", name="Start a chat with GPT-4").click()
    started(without_javascript, "GPT-4")


def test_sign_out(without_javascript: Page, roles: Site) -> None:
    begin(without_javascript, roles)
    without_javascript.locator("#user-button").click()
    without_javascript.get_by_test_id("logout").click()
    expect(without_javascript.get_by_test_id("login-form")).to_be_visible()


def test_a_phone_without_javascript(new_page: NewPage, simple: Site) -> None:
    page = new_page(**PHONE, java_script_enabled=False)
    page.goto(simple.url)
    open_selector(page)
    option(page, "GPT-4").tap()
    started(page, "GPT-4")
