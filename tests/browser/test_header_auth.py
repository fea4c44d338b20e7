"""Sign-in by a proxy, as people see it: at once, by a button, or not at all."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from tests.browser.conftest import PHONE, NewPage
from tests.browser.guard import Guard
from tests.browser.site import Site
from tests.browser.test_accessibility import (
    findings,
    has_a_sound_outline,
    nothing_is_wider_than_the_screen,
)
from tests.support.apps import AppMaker
from tests.support.rows import column

pytestmark = pytest.mark.browser

NAME = "X-Forwarded-User"


@pytest.fixture
def site(make_app: AppMaker, serve: Callable[[Flask], Site]) -> Site:
    return serve(make_app("by_proxy.py"))


@pytest.fixture
def either(make_app: AppMaker, serve: Callable[[Flask], Site]) -> Site:
    return serve(make_app("by_proxy_or_password.py"))


def vouch_for(page: Page, name: str) -> None:
    page.context.set_extra_http_headers({NAME: name})


def is_user(page: Page, name: str) -> None:
    expect(page.locator("#user-button")).to_contain_text(name)


def test_whom_the_proxy_vouches_for_is_at_once_in(desktop: Page, site: Site) -> None:
    vouch_for(desktop, "ada")
    desktop.goto(f"{site}/account")
    is_user(desktop, "ada")
    assert desktop.url == f"{site}/account"


def test_the_way_back_does_not_lead_through_the_sign_in(desktop: Page, site: Site) -> None:
    desktop.goto("about:blank")
    vouch_for(desktop, "ada")
    desktop.goto(f"{site}/account")
    is_user(desktop, "ada")
    desktop.go_back()
    expect(desktop).to_have_url("about:blank")


def test_without_a_script_there_is_a_button(without_javascript: Page, site: Site) -> None:
    page = without_javascript
    vouch_for(page, "ada")
    page.goto(site.url)
    page.get_by_role("button", name="Sign in").click()
    is_user(page, "ada")


def test_a_refusal_is_an_alert_and_one_sign_in_only(
    desktop: Page, site: Site, guard: Guard
) -> None:
    guard.expect("401 (UNAUTHORIZED)")
    sent: list[str] = []
    desktop.on("request", lambda r: sent.append(r.url) if r.method == "POST" else None)
    vouch_for(desktop, "stranger")
    desktop.goto(site.url)
    expect(desktop.get_by_role("alert")).to_contain_text("This site does not let in")
    desktop.wait_for_timeout(500)
    assert sent == [f"{site}/login/headers"]
    vouch_for(desktop, "ada")
    desktop.get_by_role("button", name="Try again").click()
    is_user(desktop, "ada")


def test_who_signs_out_stays_out_until_a_click(desktop: Page, site: Site) -> None:
    vouch_for(desktop, "ada")
    desktop.goto(site.url)
    desktop.locator("#user-button").click()
    desktop.get_by_role("button", name="Sign out").click()
    expect(desktop.get_by_text("You are signed out of this site.")).to_be_visible()
    desktop.wait_for_timeout(500)
    assert column(site.app, "login_sessions.identifier") == []
    desktop.get_by_role("button", name="Sign in").click()
    is_user(desktop, "ada")


def test_another_user_of_the_browser_is_signed_in_by_the_next_click(
    desktop: Page, site: Site, guard: Guard
) -> None:
    guard.expect("401 (UNAUTHORIZED)")
    vouch_for(desktop, "ada")
    desktop.goto(site.url)
    is_user(desktop, "ada")
    expect(desktop.get_by_test_id("chat")).to_be_visible()
    vouch_for(desktop, "bob")
    desktop.get_by_test_id("new-chat").click()
    is_user(desktop, "bob")
    assert column(site.app, "login_sessions.identifier") == ["bob"]


def test_a_site_with_both_signs_in_by_the_proxy_or_asks_for_a_password(
    new_page: NewPage, either: Site, guard: Guard
) -> None:
    guard.expect("401 (UNAUTHORIZED)")
    ada, bob = new_page(), new_page()
    vouch_for(ada, "ada")
    ada.goto(either.url)
    is_user(ada, "ada")
    bob.goto(either.url)
    expect(bob.get_by_role("status")).to_contain_text("Enter your username")
    expect(bob.get_by_label("Username")).to_be_focused()
    bob.get_by_label("Username").fill("bob")
    bob.get_by_label("Password", exact=True).fill("bobbob")
    bob.get_by_role("button", name="Sign in").click()
    is_user(bob, "bob")


def test_a_look_at_the_page_in_a_frame_or_by_fetch_signs_nobody_in(
    desktop: Page, site: Site
) -> None:
    vouch_for(desktop, "ada")
    desktop.goto(f"{site}/login?auto=no")
    assert desktop.evaluate("fetch('/login').then((r) => r.status)") == 200
    assert column(site.app, "login_sessions.identifier") == []


def test_the_page_for_who_came_around_the_proxy_is_sound(
    new_page: NewPage, make_app: AppMaker, serve: Callable[[Flask], Site], guard: Guard
) -> None:
    guard.expect("403 (FORBIDDEN)")
    site = serve(make_app("by_proxy.py", proxy_addresses="10.0.0.7"))
    for options in ({}, PHONE, {"color_scheme": "dark"}):
        page = new_page(**options)
        vouch_for(page, "ada")
        page.goto(site.url)
        expect(page.get_by_role("alert")).to_contain_text("did not come through it")
        expect(page.get_by_role("button")).to_have_count(0)
        assert findings(page) == []
        has_a_sound_outline(page)
    nothing_is_wider_than_the_screen(page)
