"""Links that name a profile and hold a text, in a browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chatty import Chatty
from tests.browser.conftest import NewPage
from tests.browser.guard import Guard
from tests.browser.site import Site
from tests.browser.steps import (
    ask,
    choose,
    composer,
    ended,
    messages,
    notices,
    open_chat,
    started,
    wait_until,
)
from tests.support.rows import column

pytestmark = pytest.mark.browser

TEXT = "What's new (today)? 100 % & more"
LINK = "profile=public&prompt=What's+new+(today)?+100+%25+%26+more"


def sign_in(page: Page) -> None:
    """Fill in the login form that a link has led to."""
    page.get_by_label("Username").fill("alice")
    page.get_by_label("Password", exact=True).fill("alicealice")
    page.get_by_role("button", name="Sign in").click()


def sent(site: Site) -> bool:
    """Say whether the text of the link was sent."""
    return TEXT in column(site.app, "messages.content")


@pytest.mark.parametrize("path", [f"/?{LINK}", f"/p/public?{LINK.partition('&')[2]}"])
def test_a_link_leads_through_login_to_its_profile_and_its_text(
    desktop: Page, roles: Site, path: str
) -> None:
    desktop.goto(f"{roles}{path}")
    sign_in(desktop)
    chat = desktop.locator("[data-testid=chat][data-chat-id][data-profile=public]")
    chat.wait_for()
    expect(messages(desktop)).to_contain_text(["Hello alice, this is public."])
    expect(composer(desktop)).to_have_value(TEXT)
    assert not sent(roles)


def test_the_text_is_there_again_after_a_reload(desktop: Page, roles: Site) -> None:
    desktop.goto(f"{roles}/?{LINK}")
    sign_in(desktop)
    desktop.locator("[data-testid=chat][data-chat-id]").wait_for()
    desktop.reload()
    expect(composer(desktop)).to_have_value(TEXT)
    expect(desktop.get_by_test_id("chat")).to_have_attribute("data-profile", "public")


def test_a_link_is_sent_by_its_reader_and_then_gone(desktop: Page, chatty: Chatty) -> None:
    desktop.goto(f"{chatty.site}/?prompt=Good+morning")
    desktop.locator("[data-testid=chat][data-chat-id]").wait_for()
    composer(desktop).press("Enter")
    expect(ended(desktop)).to_contain_text("You said: Good morning")
    expect(composer(desktop)).to_have_value("")
    desktop.reload()
    expect(messages(desktop)).to_have_count(2)
    expect(composer(desktop)).to_have_value("")
    assert chatty.heard == ["Good morning"]


def test_an_earlier_draft_is_not_lost(desktop: Page, chatty: Chatty) -> None:
    open_chat(desktop, chatty.site)
    composer(desktop).fill("my own draft")
    desktop.goto(f"{chatty.site}/?prompt=Good+morning")
    desktop.locator("[data-testid=chat][data-chat-id]").wait_for()
    expect(composer(desktop)).to_have_value("Good morning")
    ask(desktop, "Good morning to you")
    ended(desktop)
    desktop.get_by_test_id("new-chat").click()
    expect(composer(desktop)).to_have_value("my own draft")


def test_what_is_changed_in_the_text_stays_while_the_chat_starts_and_with_another_profile(
    desktop: Page, simple: Site
) -> None:
    desktop.goto(f"{simple}/?prompt=Good+morning")
    desktop.locator("[data-testid=chat][data-chat-id]").wait_for()
    composer(desktop).fill("Good evening")
    choose_another(desktop)
    expect(composer(desktop)).to_have_value("Good evening")


def choose_another(page: Page) -> None:
    """Choose another profile in a chat whose address has the text of its link."""
    page.get_by_test_id("profile-selector").get_by_role("button").first.click()
    page.locator('[data-testid=profile-option][data-profile="GPT-4"]').click()
    page.locator('[data-testid=chat][data-chat-id][data-profile="GPT-4"]').wait_for()


def test_a_profile_that_is_not_offered_starts_nothing_by_itself(
    desktop: Page, simple: Site, guard: Guard
) -> None:
    guard.expect("status of 403")
    before = len(column(simple.app, "chats.id"))
    desktop.goto(f"{simple}/?profile=gone&prompt=Hello")
    expect(notices(desktop)).to_contain_text("profile “gone”, which is not offered to you")
    expect(desktop.get_by_role("button", name="Start chat")).to_be_visible()
    expect(desktop.get_by_text("Starting chat…")).to_be_hidden()
    expect(composer(desktop)).to_have_value("Hello")
    wait_until(desktop, "document.readyState === 'complete' && !!window.htmx")
    assert len(column(simple.app, "chats.id")) == before
    desktop.get_by_role("button", name="Start chat").click()
    desktop.locator("[data-testid=chat][data-chat-id]").wait_for()
    expect(composer(desktop)).to_have_value("Hello")


def test_after_a_refusal_another_profile_gets_the_text(
    desktop: Page, simple: Site, guard: Guard
) -> None:
    guard.expect("status of 403")
    desktop.goto(f"{simple}/?profile=gone&prompt=Hello")
    choose_another(desktop)
    expect(composer(desktop)).to_have_value("Hello")


def test_a_link_without_javascript(without_javascript: Page, roles: Site) -> None:
    page = without_javascript
    page.goto(f"{roles}/p/public?{LINK.partition('&')[2]}")
    sign_in(page)
    page.get_by_role("button", name="Start chat").click()
    expect(page.get_by_test_id("chat")).to_have_attribute("data-profile", "public")
    expect(composer(page)).to_have_value(TEXT)
    assert not sent(roles)


def test_a_refusal_without_javascript(new_page: NewPage, simple: Site, guard: Guard) -> None:
    guard.expect("status of 403")
    page = new_page(java_script_enabled=False)
    page.goto(f"{simple}/?profile=gone&prompt=Hello")
    expect(notices(page)).to_contain_text("not offered to you")
    choose_another(page)
    expect(composer(page)).to_have_value("Hello")


def test_a_hostile_link_is_text(desktop: Page, simple: Site) -> None:
    text = "</textarea><script>alert(1)</script>"
    desktop.goto(f"{simple}/?prompt={text}")
    desktop.locator("[data-testid=chat][data-chat-id]").wait_for()
    expect(composer(desktop)).to_have_value(text)


def test_a_started_link_is_chosen_for_the_next_chat(desktop: Page, simple: Site) -> None:
    desktop.goto(f"{simple}/?profile=GPT-4")
    started(desktop, "GPT-4")
    choose(desktop, "GPT-3.5")
    desktop.goto(f"{simple}/?profile=GPT-4")
    started(desktop, "GPT-4")
