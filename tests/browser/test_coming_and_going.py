"""Signing out, sessions that end, servers that do not answer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from tests.browser.guard import UNREACHABLE, Guard
from tests.browser.site import Site
from tests.browser.steps import (
    choose,
    log_in,
    messages,
    notices,
    open_chat,
    open_selector,
    option,
    started,
)
from tests.support.apps import APPS, AppMaker
from tests.support.rows import run_sql
from tests.support.servers import chat_profiles_run

pytestmark = pytest.mark.browser


@pytest.fixture
def own_roles(make_app: AppMaker, serve: Callable[[Flask], Site]) -> Site:
    """Return a site with login that no other test uses."""
    return serve(make_app("roles.py"))


def sign_out(page: Page) -> None:
    """Sign out from the user menu."""
    page.locator("#user-button").click()
    page.get_by_test_id("logout").click()
    expect(page.get_by_test_id("login-form")).to_be_visible()


def test_who_is_logged_in_and_as_what_can_be_seen(desktop: Page, roles: Site) -> None:
    log_in(desktop, roles, "alice")
    started(desktop)
    expect(desktop.get_by_role("banner").get_by_text("alice", exact=True).first).to_be_visible()
    expect(desktop.get_by_role("banner").get_by_text("ADMIN", exact=True).first).to_be_visible()


def test_after_signing_out_back_shows_no_chat(desktop: Page, roles: Site) -> None:
    log_in(desktop, roles, "alice")
    started(desktop)
    choose(desktop, "public")
    sign_out(desktop)
    for _ in range(2):
        desktop.go_back()
        expect(desktop.get_by_test_id("login-form")).to_be_visible()
        expect(desktop.get_by_text("Hello alice")).to_have_count(0)


def test_a_page_from_the_browsers_memory_asks_the_server_first(desktop: Page, roles: Site) -> None:
    log_in(desktop, roles, "alice")
    started(desktop)
    desktop.context.clear_cookies()
    desktop.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
    expect(desktop.get_by_test_id("login-form")).to_be_visible()


def test_signing_out_in_another_tab_ends_this_one(desktop: Page, roles: Site, guard: Guard) -> None:
    guard.expect("status of 401", "status of 400")
    log_in(desktop, roles, "alice")
    started(desktop)
    other = desktop.context.new_page()
    other.goto(roles.url)
    started(other)
    sign_out(other)
    open_selector(desktop)
    option(desktop, "public").click()
    expect(desktop.get_by_test_id("login-form").or_(notices(desktop))).to_be_visible()
    expect(desktop.locator('[data-profile="public"][data-chat-id]')).to_have_count(0)


def test_an_expired_session_leads_to_the_login_page_and_back(
    desktop: Page, own_roles: Site, guard: Guard
) -> None:
    guard.expect("status of 401")
    log_in(desktop, own_roles, "alice")
    started(desktop)
    run_sql(own_roles.app, "UPDATE login_sessions SET seen_at = '2001-01-01 00:00:00.000000'")
    open_selector(desktop)
    option(desktop, "public").click()
    expect(desktop.get_by_test_id("login-form")).to_be_visible()
    log_in(desktop, own_roles, "alice")
    started(desktop, "team")


def test_login_returns_to_the_chat_that_was_asked_for(desktop: Page, roles: Site) -> None:
    log_in(desktop, roles, "alice")
    chat = started(desktop)
    desktop.context.clear_cookies()
    desktop.reload()
    desktop.get_by_label("Username").fill("alice")
    desktop.get_by_label("Password", exact=True).fill("alicealice")
    desktop.get_by_role("button", name="Sign in").click()
    assert started(desktop) == chat
    expect(messages(desktop)).to_contain_text(["Hello alice, this is team."])


def test_offline_says_so_keeps_the_text_and_recovers(
    desktop: Page, simple: Site, guard: Guard
) -> None:
    guard.expect(*UNREACHABLE)
    open_chat(desktop, simple)
    desktop.get_by_test_id("composer-input").fill("typed already")
    desktop.context.set_offline(True)
    open_selector(desktop)
    option(desktop, "GPT-4").click()
    expect(notices(desktop)).to_contain_text(["The server could not be reached."])
    expect(desktop.get_by_test_id("composer-input")).to_have_value("typed already")
    desktop.context.set_offline(False)
    choose(desktop, "GPT-4")
    expect(notices(desktop)).to_have_count(0)


def test_a_server_that_has_stopped_is_a_notice(desktop: Page, tmp_path: Path, guard: Guard) -> None:
    guard.expect(*UNREACHABLE)
    with chat_profiles_run(tmp_path, APPS / "simple.py") as server:
        desktop.goto(f"http://127.0.0.1:{server.port}")
        started(desktop)
        server.stop()
        desktop.get_by_test_id("new-chat").click()
        expect(notices(desktop)).to_contain_text(["The server could not be reached."])
        expect(messages(desktop)).to_have_count(1)


def test_a_page_of_a_proxy_does_not_land_in_the_chat(
    desktop: Page, simple: Site, guard: Guard
) -> None:
    guard.expect("status of 502")
    open_chat(desktop, simple)
    desktop.route("**/chats", lambda route: route.fulfill(status=502, body="<h1>Bad Gateway</h1>"))
    desktop.get_by_test_id("new-chat").click()
    expect(notices(desktop)).to_contain_text(["The server could not be reached."])
    expect(desktop.get_by_text("Bad Gateway")).to_have_count(0)


def test_a_first_start_that_fails_can_be_tried_again(
    desktop: Page, simple: Site, guard: Guard
) -> None:
    guard.expect(*UNREACHABLE)
    desktop.route("**/chats", lambda route: route.abort(), times=1)
    desktop.goto(simple.url)
    expect(notices(desktop)).to_contain_text(["The server could not be reached."])
    desktop.get_by_role("button", name="Start chat").click()
    started(desktop)
    expect(messages(desktop)).to_have_count(1)
