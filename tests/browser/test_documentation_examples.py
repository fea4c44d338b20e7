"""The documentation's two examples, served by the real command, from login to the chat."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.guard import ICONS, Guard
from tests.browser.steps import choose, log_in, messages, open_selector, option, started
from tests.support.apps import APPS
from tests.support.servers import chat_profiles_run

pytestmark = pytest.mark.browser

SECOND_USER = (
    'if (username, password) == ("admin", "admin"):',
    'if (username, password) == ("bob", "bob"):\n'
    '        return cl.User(identifier="bob", metadata={"role": "USER"})\n'
    '    if (username, password) == ("admin", "admin"):',
)


@pytest.fixture(scope="module")
def served_simple(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve the simple example and return its address."""
    with chat_profiles_run(tmp_path_factory.mktemp("simple"), APPS / "docs_simple.py") as server:
        yield f"http://127.0.0.1:{server.port}"


@pytest.fixture(scope="module")
def served_auth(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve the example with authentication, plus a second user, and return its address."""
    folder = tmp_path_factory.mktemp("auth")
    source = (APPS / "docs_auth.py").read_text(encoding="utf-8")
    assert SECOND_USER[0] in source
    (folder / "auth.py").write_text(source.replace(*SECOND_USER), encoding="utf-8")
    with chat_profiles_run(folder, folder / "auth.py") as server:
        yield f"http://127.0.0.1:{server.port}"


def test_simple_offers_both_models_with_icon_and_rendered_description(
    desktop: Page, served_simple: str, guard: Guard
) -> None:
    desktop.goto(served_simple)
    started(desktop)
    options = open_selector(desktop).get_by_test_id("profile-option")
    expect(options.locator(".option-label")).to_have_text(["GPT-3.5", "GPT-4"])
    expect(options.locator("strong")).to_have_text(["GPT-3.5", "GPT-4"])
    expect(options.locator("img")).to_have_count(2)
    assert guard.icons == ICONS


def test_simple_starts_a_chat_with_the_chosen_model(desktop: Page, served_simple: str) -> None:
    desktop.goto(served_simple)
    started(desktop, "GPT-3.5")
    choose(desktop, "GPT-4")
    expect(messages(desktop)).to_contain_text(["starting chat using the GPT-4 chat profile"])


def test_auth_refuses_a_wrong_password_in_one_clear_line(
    desktop: Page, served_auth: str, guard: Guard
) -> None:
    guard.expect("status of 401")
    log_in(desktop, served_auth, "admin", "wrong")
    expect(desktop.get_by_role("alert")).to_have_count(1)
    expect(desktop.get_by_role("alert")).to_contain_text("password do not match")
    expect(desktop.get_by_label("Username")).to_have_value("admin")


def test_auth_starts_a_chat_for_the_admin_with_the_chosen_model(
    desktop: Page, served_auth: str
) -> None:
    log_in(desktop, served_auth, "admin", "admin")
    started(desktop, "GPT-3.5")
    expect(desktop.get_by_test_id("profile-option")).to_have_count(3)
    choose(desktop, "GPT-5")
    expect(messages(desktop)).to_contain_text(
        ["starting chat with admin using the GPT-5 chat profile"]
    )


def test_auth_shows_the_initial_of_a_profile_without_icon(desktop: Page, served_auth: str) -> None:
    log_in(desktop, served_auth, "admin", "admin")
    started(desktop)
    open_selector(desktop)
    icon = option(desktop, "GPT-3.5").locator(".icon")
    expect(icon).to_have_text("G")
    expect(icon).to_be_visible()
    expect(icon.locator("img")).to_have_count(0)


def test_auth_offers_nothing_to_a_user_who_is_no_admin(desktop: Page, served_auth: str) -> None:
    log_in(desktop, served_auth, "bob", "bob")
    started(desktop)
    expect(messages(desktop)).to_contain_text(
        ["starting chat with bob using the None chat profile"]
    )
    expect(desktop.get_by_test_id("profile-selector")).to_have_count(0)
    expect(desktop.get_by_test_id("profile-option")).to_have_count(0)
