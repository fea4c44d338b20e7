"""The page of one's own account, in a browser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from tests.browser.conftest import PHONE, NewPage
from tests.browser.guard import Guard
from tests.browser.site import Site
from tests.browser.steps import log_in, notices, started
from tests.browser.test_accessibility import COLOURS, findings, has_a_sound_outline
from tests.cli_support import GOOD_PASSWORD, CommandLine
from tests.support.apps import AppMaker

pytestmark = pytest.mark.browser

NEW_PASSWORD = "marble lantern otter"
SEEDED = """
    import webapp as cl

    cl.password_auth_callback(cl.seeded_user)
"""
OVERFLOWS = "document.documentElement.scrollWidth > innerWidth"


@pytest.fixture
def site(
    make_app: AppMaker, serve: Callable[[Flask], Site], sqlite_url: str, tmp_path: Path
) -> Site:
    """Return a site with the seeded user Alice."""
    CommandLine(tmp_path, sqlite_url).add("alice")
    return serve(make_app(SEEDED))


def account(page: Page, site: Site) -> None:
    """Log Alice in and open her account."""
    log_in(page, site, "alice", GOOD_PASSWORD)
    page.get_by_test_id("chat").wait_for()
    page.goto(f"{site}/account")


def change(page: Page, current: str = GOOD_PASSWORD, new: str = NEW_PASSWORD) -> None:
    """Fill in the form and send it."""
    page.get_by_label("Current password", exact=True).fill(current)
    page.get_by_label("New password", exact=True).fill(new)
    page.get_by_role("button", name="Change password").click()


def test_the_menu_leads_to_the_account(desktop: Page, site: Site) -> None:
    log_in(desktop, site, "alice", GOOD_PASSWORD)
    started(desktop)
    desktop.locator("#user-button").click()
    desktop.get_by_role("link", name="Your account").click()
    expect(desktop.get_by_role("heading", level=1)).to_have_text("Your account")


def test_sign_another_device_out_and_change_the_password(new_page: NewPage, site: Site) -> None:
    here, there = new_page(), new_page(**PHONE)
    for page in (there, here):
        account(page, site)
    expect(here.get_by_test_id("session")).to_have_count(2)
    expect(here.get_by_test_id("session").first).to_contain_text("This device")
    here.get_by_role("button", name="Sign out Chrome").last.click()
    here.get_by_label("Current password", exact=True).fill(GOOD_PASSWORD)
    here.get_by_role("button", name="Sign out that device").click()
    expect(notices(here)).to_have_text("That device was signed out.")
    there.reload()
    expect(there.get_by_test_id("login-form")).to_be_visible()
    change(here)
    expect(notices(here)).to_contain_text("Your password was changed")
    log_in(there, site, "alice", NEW_PASSWORD)
    started(there)


def test_passwords_can_be_looked_at_while_they_are_typed(desktop: Page, site: Site) -> None:
    account(desktop, site)
    field = desktop.get_by_label("New password", exact=True)
    field.fill(NEW_PASSWORD)
    desktop.get_by_role("button", name="Show new password").click()
    expect(field).to_have_attribute("type", "text")
    expect(desktop.locator("#current-password")).to_have_attribute("type", "password")


def test_a_wrong_password_is_told_at_its_field(desktop: Page, site: Site, guard: Guard) -> None:
    guard.expect("status of 422")
    account(desktop, site)
    change(desktop, current="wrong")
    field = desktop.get_by_label("Current password", exact=True)
    expect(field).to_be_focused()
    expect(field).to_have_value("")
    expect(field).to_have_accessible_description(
        "That is not your current password. Check it and try again."
    )
    assert findings(desktop) == []


def test_axe_finds_nothing_and_nothing_overflows(new_page: NewPage, site: Site) -> None:
    account(new_page(user_agent="x" * 190), site)
    for options, widths in (({}, (1280, 320)), (PHONE, (390,))):
        page = new_page(**options)
        account(page, site)
        has_a_sound_outline(page)
        for width in widths:
            page.set_viewport_size({"width": width, "height": 800})
            page.emulate_media(color_scheme="light", reduced_motion="no-preference")
            page.reload()
            assert findings(page) == []
            assert not page.evaluate(OVERFLOWS), width
            page.emulate_media(color_scheme="dark", reduced_motion="reduce")
            assert findings(page, COLOURS) == []


def test_without_javascript(new_page: NewPage, site: Site) -> None:
    page = new_page(java_script_enabled=False)
    log_in(new_page(), site, "alice", GOOD_PASSWORD)
    log_in(page, site, "alice", GOOD_PASSWORD)
    page.locator("#user-button").click()
    page.get_by_test_id("account").click()
    change(page)
    expect(notices(page)).to_contain_text("Your password was changed")
    expect(page.get_by_test_id("session")).to_have_count(1)
    page.get_by_role("button", name="Sign out Chrome").click()
    expect(page.get_by_test_id("login-form")).to_be_visible()


def test_choosing_a_new_chat_from_the_account_works(desktop: Page, site: Site) -> None:
    account(desktop, site)
    desktop.get_by_test_id("new-chat").click()
    started(desktop)
    desktop.go_back()
    expect(desktop.get_by_role("heading", level=1)).to_have_text("Your account")
