"""Sharing a chat, and taking chats out and in, as people do it: with script and without."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from tests.browser.conftest import DESKTOP, PHONE, NewPage
from tests.browser.guard import Guard
from tests.browser.site import Site
from tests.browser.steps import log_in, messages, notices
from tests.browser.test_accessibility import findings
from tests.support.apps import AppMaker
from tests.support.exports import chat_of, export_of, store_chat, zip_of
from tests.support.files import new_file, show
from tests.support.rows import run_sql

pytestmark = pytest.mark.browser

LONG = "https://example.org/" + "a-long-path/" * 30


@pytest.fixture
def site(make_app: AppMaker, serve: Callable[[Flask], Site]) -> Site:
    """Return a site where chats can be shared."""
    return serve(make_app("roles.py", sharing="yes"))


def enter(page: Page, site: Site, name: str) -> None:
    """Log in, and wait for the page that comes after that."""
    log_in(page, site, name)
    page.wait_for_url(lambda url: "/login" not in url)


def talk(site: Site) -> str:
    """Return the address of a chat of Alice's."""
    said = ({"content": "Where to?"}, {"content": f"To **Rome**. {LONG}", "kind": "assistant"})
    return f"{site}{store_chat(site.app, *said, title='A weekend in Rome')}"


def is_sound(page: Page) -> None:
    """Check what axe-core finds, that nothing is wider than the window, and that there is one
    heading."""
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # no colour in between
        assert findings(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    expect(page.locator("h1")).to_have_count(1)


def share(page: Page, chat: str) -> str:
    """Share a chat and return its link."""
    page.goto(f"{chat}/share")
    page.get_by_test_id("share").click()
    expect(page.get_by_test_id("sharing")).to_have_attribute("data-shared", "yes")
    return page.get_by_label("Link").input_value()


def test_share_read_as_somebody_else_and_stop(new_page: NewPage, site: Site, guard: Guard) -> None:
    alice, bob = new_page(), new_page()
    enter(alice, site, "alice")
    enter(bob, site, "bob")
    link = share(alice, talk(site))
    expect(notices(alice)).to_contain_text("This chat is shared")
    bob.goto(link)
    expect(bob.get_by_role("heading", name="A weekend in Rome")).to_be_visible()
    expect(messages(bob)).to_contain_text(["Where to?", "To Rome."])
    is_sound(bob)
    alice.get_by_role("button", name="Stop sharing").click()
    expect(alice.get_by_test_id("share-link")).to_have_count(0)
    expect(notices(alice)).to_contain_text("no longer shared")
    guard.expect("status of 404")
    bob.reload()
    expect(bob.get_by_role("heading", name="Page not found")).to_be_visible()


def test_copy_the_link(new_page: NewPage, site: Site) -> None:
    page = new_page(permissions=["clipboard-read", "clipboard-write"])
    enter(page, site, "alice")
    link = share(page, talk(site))
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == link


def test_fill_the_field_from_a_file(new_page: NewPage, site: Site, tmp_path: Path) -> None:
    file = tmp_path / "chats.json"
    file.write_text(json.dumps(export_of(chat_of("Größe?", "Groß."))))
    page = new_page()
    enter(page, site, "alice")
    page.goto(f"{site}/chats/import")
    page.get_by_label("File to import").set_input_files(file)
    expect(page.get_by_label("Exported chats")).to_have_value(file.read_text())
    page.get_by_test_id("import-button").click()
    expect(messages(page)).to_contain_text(["Größe?", "Groß."])


def test_share_and_stop_without_script(new_page: NewPage, site: Site) -> None:
    page, chat = new_page(java_script_enabled=False), talk(site)
    enter(page, site, "alice")
    link = share(page, chat)
    expect(page.get_by_role("button", name="Copy link")).to_be_hidden()
    page.goto(link)
    expect(messages(page)).to_have_count(2)
    page.goto(f"{chat}/share")
    page.get_by_test_id("unshare").click()
    expect(page.get_by_test_id("sharing")).to_have_attribute("data-shared", "no")


def test_log_in_on_the_way_to_a_link(new_page: NewPage, site: Site) -> None:
    alice, bob = new_page(), new_page()
    enter(alice, site, "alice")
    link = share(alice, talk(site))
    bob.goto(link)
    bob.get_by_label("Username").fill("bob")
    bob.get_by_label("Password", exact=True).fill("bobbob")
    bob.get_by_role("button", name="Sign in").click()
    bob.wait_for_url(link)
    expect(messages(bob)).to_have_count(2)


@pytest.mark.parametrize("size", [{}, PHONE], ids=["desktop", "phone"])
def test_the_pages_are_sound(new_page: NewPage, site: Site, size: dict[str, object]) -> None:
    page = new_page(**size)
    enter(page, site, "alice")
    chat = talk(site)
    page.goto(f"{chat}/share")
    is_sound(page)
    link = share(page, chat)
    is_sound(page)
    page.goto(link)
    is_sound(page)
    page.goto(f"{site}/chats/import")
    is_sound(page)


def test_export_a_chat_and_bring_it_in(new_page: NewPage, site: Site) -> None:
    page = new_page(accept_downloads=True)
    enter(page, site, "alice")
    chat = talk(site)
    page.goto(f"{site}/chats/import")
    with page.expect_download() as waiting:
        page.evaluate(f"location.assign('{chat}/export?format=json')")
    download = waiting.value
    assert download.suggested_filename.startswith("A weekend in Rome ")
    page.get_by_label("Exported chats").fill(Path(download.path()).read_text())
    page.get_by_test_id("import-button").click()
    expect(notices(page)).to_contain_text("This chat was imported")
    expect(messages(page)).to_contain_text(["Where to?", "To Rome."])
    assert page.url.partition("?")[0] != chat


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_a_mistake_is_shown_and_what_was_pasted_stays(
    new_page: NewPage, site: Site, guard: Guard, *, script: bool
) -> None:
    guard.expect("status of 422")
    page = new_page(java_script_enabled=script)
    enter(page, site, "alice")
    page.goto(f"{site}/chats/import")
    pasted = json.dumps(export_of(chat_of("a", "b", pinned="yes")))
    field = page.get_by_label("Exported chats")
    field.fill(pasted)
    page.get_by_test_id("import-button").click()
    expect(page.get_by_role("alert")).to_have_text(
        'Nothing was imported. "pinned" of the 1st chat must be true or false.'
    )
    expect(field).to_have_value(pasted)
    if script:
        is_sound(page)
    field.fill(pasted.replace('"yes"', "true"))
    page.get_by_test_id("import-button").click()
    expect(messages(page)).to_have_count(2)


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_export_a_chat_with_files_and_bring_it_in(
    new_page: NewPage, site: Site, size: dict[str, object], *, script: bool, tmp_path: Path
) -> None:
    page = new_page(accept_downloads=True, java_script_enabled=script, **size)
    enter(page, site, "alice")
    shown = show(site.app, "user:alice", new_file(b"To Rome.", "plan.txt"))
    exported = page.request.get(f"{site}{shown.chat}/export?format=json")
    assert exported.headers["content-type"] == "application/zip"
    file = tmp_path / "chats.zip"
    file.write_bytes(exported.body())
    page.goto(f"{site}/chats/import")
    if script:
        is_sound(page)
    page.get_by_label("File to import").set_input_files(file)
    page.get_by_test_id("import-button").click()
    expect(notices(page)).to_contain_text("This chat was imported")
    element = page.get_by_test_id("element")
    expect(element).to_have_attribute("data-name", "plan.txt")
    link = element.get_by_role("link").get_attribute("href")
    assert page.request.get(f"{site}{link}").text() == "To Rome."
    if script:
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_zip_that_is_refused_says_why(
    new_page: NewPage, site: Site, guard: Guard, tmp_path: Path
) -> None:
    guard.expect("status of 422")
    page = new_page()
    enter(page, site, "alice")
    file = tmp_path / "chats.zip"
    file.write_bytes(zip_of({"../chats.json": "{}"}))
    page.goto(f"{site}/chats/import")
    page.get_by_label("File to import").set_input_files(file)
    page.get_by_test_id("import-button").click()
    expect(page.get_by_role("alert")).to_have_text(
        'Nothing was imported. The zip has "../chats.json", which is no part of an export.'
    )
    is_sound(page)


@pytest.mark.parametrize("size", [{}, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("then", ["2026-09-28", "2026-05-03"])
def test_a_date_is_in_one_line(
    new_page: NewPage, site: Site, size: dict[str, object], then: str
) -> None:
    page = new_page(**size)
    enter(page, site, "alice")
    link = share(page, talk(site))
    run_sql(site.app, "UPDATE shares SET created_at = :then", then=f"{then} 12:34:56")
    for address in (page.url, link):
        page.goto(address)
        for time in page.locator("main time").all():
            lines = "e => e.getClientRects().length"
            assert time.evaluate(lines) == 1, time.inner_text()
    # The dot before it is cut off where it would begin a line.
    line = page.locator(".facts")
    assert line.evaluate("e => getComputedStyle(e).overflowX") == "clip"
    start = line.evaluate("e => e.getBoundingClientRect().x")
    assert page.locator(".facts time").evaluate("e => e.getBoundingClientRect().x") >= start
    page.goto(f"{site}/account")
    for time in page.locator("main time").all():
        assert time.evaluate("e => e.getClientRects().length") == 1, time.inner_text()
