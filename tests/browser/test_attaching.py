"""Attaching files: chosen, dropped, pasted, taken out again, sent with their progress."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask import Flask
from playwright.sync_api import FilePayload, Locator, Page, expect

from tests.browser.guard import Guard
from tests.browser.site import Site
from tests.browser.steps import (
    HeldRequests,
    answer,
    composer,
    ended,
    messages,
    notices,
    open_chat,
    wait_until,
)
from tests.browser.test_accessibility import COLOURS, findings
from tests.support.apps import AppMaker
from tests.support.chats import Chat
from tests.support.rows import count
from tests.support.uploads import png, stored_contents, temporary_files, uploads_app

pytestmark = pytest.mark.browser


def text_file(name: str = "notes.txt", content: bytes = b"Hello, file") -> FilePayload:
    """Return a file of text."""
    return {"name": name, "mimeType": "text/plain", "buffer": content}


TEXT = text_file()
# How a program outside puts files over the page: there is no such thing in Playwright.
DROP = """({name, type, text}) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([text], name, {type}));
    const options = {dataTransfer: transfer, bubbles: true, cancelable: true};
    const place = document.querySelector("[data-testid=messages]");
    place.dispatchEvent(new DragEvent("dragover", options));
    const over = document.querySelector("#chat").matches(".dropping");
    place.dispatchEvent(new DragEvent("drop", options));
    return over && !document.querySelector("#chat").matches(".dropping");
}"""
PASTE = """async ({text, picture}) => {
    const transfer = new DataTransfer();
    if (picture) {
        const bytes = Uint8Array.from(picture);
        transfer.items.add(new File([bytes], "image.png", {type: "image/png"}));
    }
    if (text) transfer.setData("text/plain", text);
    const event = new ClipboardEvent("paste", {
        clipboardData: transfer, bubbles: true, cancelable: true,
    });
    return document.getElementById("composer-input").dispatchEvent(event);
}"""


PICTURE: FilePayload = {"name": "leaf.png", "mimeType": "image/png", "buffer": png()}


@pytest.fixture
def site(make_app: AppMaker, serve: Callable[[Flask], Site]) -> Site:
    """Return a site on which up to three files may be attached."""
    return serve(make_app(uploads_app("max_files=3, max_megabytes=1")))


def attached(page: Page) -> Locator:
    """Return the files in the composer."""
    return page.locator("#attachments").get_by_test_id("attachment")


def begin(page: Page, site: Site) -> Page:
    """Open a new chat that has started."""
    page.goto(site.url)
    expect(page.get_by_test_id("send")).to_be_enabled()
    return page


def test_a_file_is_chosen_shown_and_sent(desktop: Page, site: Site) -> None:
    begin(desktop, site)
    with desktop.expect_file_chooser() as chooser:
        desktop.get_by_test_id("attach").click()
    chooser.value.set_files([TEXT])
    expect(attached(desktop)).to_have_attribute("data-name", "notes.txt")
    expect(attached(desktop)).to_contain_text("11 Bytes")
    expect(composer(desktop)).to_be_focused()

    desktop.keyboard.type("Read this")
    desktop.keyboard.press("Enter")
    expect(ended(desktop)).to_contain_text("Read this|notes.txt text/plain 11|Hello, file")
    expect(attached(desktop)).to_have_count(0)
    expect(messages(desktop).first.get_by_test_id("element")).to_have_attribute(
        "data-name", "notes.txt"
    )


def test_a_line_that_breaks_before_the_first_file_is_told(
    desktop: Page, site: Site, guard: Guard
) -> None:
    begin(desktop, site)
    guard.expect("Failed to load resource", "uploads.js")
    desktop.route("**/uploads.js*", lambda route: route.abort())
    desktop.get_by_test_id("attach").set_input_files([TEXT])
    expect(notices(desktop)).to_contain_text("could not be reached")
    assert desktop.get_by_test_id("attach").evaluate("field => field.files.length") == 0

    desktop.unroute("**/uploads.js*")
    desktop.get_by_test_id("attach").set_input_files([TEXT])
    expect(attached(desktop)).to_have_attribute("data-name", "notes.txt")


@pytest.mark.parametrize("text", ["Read this", ""])
def test_a_message_that_is_sent_at_once_waits_for_its_file(
    desktop: Page, site: Site, text: str
) -> None:
    begin(desktop, site)
    held = HeldRequests(desktop, "**/uploads.js*")
    desktop.get_by_test_id("attach").set_input_files([TEXT])
    script = held.take()
    composer(desktop).fill(text)
    for _ in range(2):
        desktop.get_by_test_id("send").click()
    expect(composer(desktop)).to_have_value(text)
    assert count(site.app, "messages") == 0
    script.continue_()
    expect(ended(desktop)).to_contain_text(f"{text}|notes.txt text/plain 11|Hello, file")
    expect(messages(desktop)).to_have_count(2)
    expect(composer(desktop)).to_have_value("")


def test_a_message_whose_file_is_lost_is_not_sent_without_it(
    desktop: Page, site: Site, guard: Guard
) -> None:
    begin(desktop, site)
    guard.expect("Failed to load resource", "uploads.js")
    held = HeldRequests(desktop, "**/uploads.js*")
    desktop.get_by_test_id("attach").set_input_files([TEXT])
    script = held.take()
    composer(desktop).fill("Read this")
    desktop.get_by_test_id("send").click()
    script.abort()
    expect(notices(desktop)).to_contain_text("could not be reached")
    expect(composer(desktop)).to_have_value("Read this")
    expect(messages(desktop)).to_have_count(0)


def test_several_are_added_one_after_the_other_and_taken_out_again(
    desktop: Page, site: Site
) -> None:
    begin(desktop, site)
    for number in range(3):
        file: FilePayload = text_file(f"{number}.txt")
        desktop.get_by_test_id("attach").set_input_files([file])
    expect(attached(desktop)).to_have_count(3)
    desktop.get_by_role("button", name="Remove 1.txt").click()
    expect(attached(desktop)).to_have_count(2)
    expect(desktop.locator("#spoken")).to_have_text("Removed 1.txt")
    expect(desktop.get_by_role("button", name="Remove 2.txt")).to_be_focused()

    desktop.get_by_test_id("send").click()
    expect(ended(desktop)).to_contain_text("|0.txt text/plain 11; 2.txt text/plain 11|")


def test_files_are_dropped_onto_the_chat(desktop: Page, site: Site) -> None:
    begin(desktop, site)
    file = {"name": "dropped.csv", "type": "text/csv", "text": "a,b"}
    assert desktop.evaluate(DROP, file)
    expect(attached(desktop)).to_have_attribute("data-name", "dropped.csv")
    expect(composer(desktop)).to_be_focused()
    desktop.keyboard.press("Enter")
    expect(ended(desktop)).to_contain_text("dropped.csv text/csv 3")


def test_a_picture_is_pasted_and_has_a_thumbnail(desktop: Page, site: Site) -> None:
    begin(desktop, site)
    assert not desktop.evaluate(PASTE, {"picture": list(png())})
    expect(attached(desktop)).to_have_attribute("data-name", "image.png")
    colour = (
        attached(desktop)
        .locator("canvas")
        .evaluate("canvas => [...canvas.getContext('2d').getImageData(40, 40, 1, 1).data]")
    )
    assert colour == [0x2A, 0x7D, 0x6F, 255]


def test_a_text_that_is_pasted_with_its_picture_is_a_text(desktop: Page, site: Site) -> None:
    begin(desktop, site)
    assert desktop.evaluate(PASTE, {"picture": list(png()), "text": "A cell"})
    expect(attached(desktop)).to_have_count(0)


def test_what_cannot_be_sent_is_told_at_once(desktop: Page, site: Site) -> None:
    begin(desktop, site)
    composer(desktop).fill("My text")
    large: FilePayload = text_file("large.txt", b"a" * 1_500_000)
    desktop.get_by_test_id("attach").set_input_files([large, TEXT])
    problem = desktop.get_by_role("alert")
    expect(problem).to_contain_text("“large.txt” has 1.5 MB, and may have 1 MB.")
    expect(attached(desktop)).to_have_count(1)
    more: list[FilePayload] = [text_file(f"{number}.txt") for number in range(3)]
    desktop.get_by_test_id("attach").set_input_files(more)
    expect(problem).to_contain_text("A message may have 3 files. Send the others")
    expect(attached(desktop)).to_have_count(3)
    expect(composer(desktop)).to_have_value("My text")


def test_what_the_server_refuses_stays_in_the_composer(
    desktop: Page, serve: Callable[[Flask], Site], make_app: AppMaker, guard: Guard
) -> None:
    guard.expect("415")
    begin(desktop, serve(make_app(uploads_app('accept=["image/*"]'))))
    html: FilePayload = {**PICTURE, "buffer": b"<!doctype html><p>Hello"}
    desktop.get_by_test_id("attach").set_input_files([html])
    composer(desktop).fill("My text")
    desktop.get_by_test_id("send").click()
    expect(notices(desktop)).to_contain_text("The file “leaf.png” is of the type text/html")
    expect(attached(desktop)).to_have_attribute("data-name", "leaf.png")
    expect(composer(desktop)).to_have_value("My text")


def test_a_message_on_its_way_shows_its_progress_and_can_be_cancelled(
    desktop: Page, site: Site
) -> None:
    begin(desktop, site)
    session = desktop.context.new_cdp_session(desktop)
    session.send("Network.enable")
    session.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 100_000},
    )
    slow: FilePayload = text_file(content=b"a" * 900_000)
    desktop.get_by_test_id("attach").set_input_files([slow])
    composer(desktop).fill("My text")
    desktop.get_by_test_id("send").click()
    bar = desktop.get_by_role("progressbar", name="Sending files")
    expect(bar).to_be_visible()
    expect(desktop.locator("#pending").get_by_test_id("attachment")).to_have_count(1)
    wait_until(desktop, "document.querySelector('.uploading progress').value > 0.1")

    desktop.get_by_role("button", name="Cancel").click()
    expect(bar).to_have_count(0)
    expect(attached(desktop)).to_have_count(1)
    expect(composer(desktop)).to_have_value("My text")
    expect(desktop.locator("#spoken")).to_contain_text("Not sent.")
    assert count(site.app, "messages") == 0


def test_an_answer_streams_behind_its_files(
    desktop: Page, serve: Callable[[Flask], Site], make_app: AppMaker
) -> None:
    app = make_app(
        """
        import asyncio

        import chat_profiles as cl

        cl.set_uploads()
        GO_ON = asyncio.Event()

        @cl.on_message
        async def answer(message: cl.Message):
            if message.content == "go on":
                GO_ON.set()
                return
            reply = cl.Message()
            await reply.stream_token("é one ")
            await GO_ON.wait()
            await reply.stream_token("two")
            await reply.send()
        """
    )
    site = serve(app)
    begin(desktop, site)
    desktop.get_by_test_id("attach").set_input_files([TEXT])
    desktop.get_by_test_id("send").click()
    expect(answer(desktop)).to_contain_text("é one")
    expect(answer(desktop)).to_have_attribute("data-status", "streaming")
    Chat(app).begin("go on")
    expect(ended(desktop)).to_contain_text("é one two")


def test_the_keyboard_reaches_everything(desktop: Page, site: Site) -> None:
    # From the beginning: what opens at once would not be noticed.
    desktop.on("filechooser", lambda chooser: chooser.set_files([TEXT]))
    begin(desktop, site)
    composer(desktop).focus()
    desktop.keyboard.press("Tab")
    expect(desktop.get_by_test_id("attach")).to_be_focused()
    desktop.keyboard.press("Enter")
    expect(attached(desktop)).to_have_count(1)
    expect(composer(desktop)).to_be_focused()
    desktop.keyboard.press("Shift+Tab")
    expect(desktop.get_by_role("button", name="Remove notes.txt")).to_be_focused()
    desktop.keyboard.press("Enter")
    expect(attached(desktop)).to_have_count(0)
    expect(desktop.get_by_test_id("attach")).to_be_focused()


def test_files_stay_while_the_chat_starts_and_go_with_another_chat(
    desktop: Page, site: Site
) -> None:
    desktop.goto(site.url)
    desktop.get_by_test_id("attach").set_input_files([TEXT])
    expect(desktop.get_by_test_id("send")).to_be_enabled()
    expect(attached(desktop)).to_have_count(1)
    desktop.get_by_test_id("send").click()
    expect(ended(desktop)).to_contain_text("notes.txt")

    desktop.get_by_test_id("attach").set_input_files([TEXT])
    desktop.get_by_test_id("new-chat").click()
    expect(messages(desktop)).to_have_count(0)
    expect(attached(desktop)).to_have_count(0)


def test_a_message_without_text_has_no_bubble_and_can_get_one(desktop: Page, site: Site) -> None:
    begin(desktop, site)
    desktop.get_by_test_id("attach").set_input_files([PICTURE])
    desktop.get_by_test_id("send").click()
    expect(ended(desktop)).to_contain_text("|leaf.png image/png")
    bubble = messages(desktop).first.locator(".as-typed")
    expect(bubble).to_be_hidden()
    expect(messages(desktop).first.get_by_role("img", name="leaf.png")).to_be_visible()

    desktop.get_by_test_id("edit").click()
    desktop.get_by_test_id("edit-input").fill("A leaf")
    desktop.get_by_test_id("save").click()
    expect(ended(desktop)).to_contain_text("A leaf|leaf.png image/png")
    expect(bubble).to_have_text("A leaf")
    expect(messages(desktop).first.get_by_role("img", name="leaf.png")).to_be_visible()


def test_a_message_without_files_is_an_ordinary_form(desktop: Page, site: Site) -> None:
    begin(desktop, site)
    composer(desktop).fill("No file")
    with desktop.expect_request("**/messages") as sent:
        desktop.keyboard.press("Enter")
    assert sent.value.headers["content-type"] == "application/x-www-form-urlencoded;charset=UTF-8"
    expect(ended(desktop)).to_contain_text("No file||")


def test_nothing_is_left_of_an_app_without_uploads(desktop: Page, simple: Site) -> None:
    asked: list[str] = []
    desktop.on("request", lambda request: asked.append(request.url))
    open_chat(desktop, simple)
    expect(desktop.get_by_test_id("attach")).to_have_count(0)
    assert not [url for url in asked if "uploads" in url]


def test_it_is_accessible(desktop: Page, site: Site) -> None:
    page = desktop
    begin(page, site)
    long: FilePayload = text_file("a very long name " * 8 + ".txt")
    page.get_by_test_id("attach").set_input_files([TEXT, PICTURE, long])
    expect(attached(page).locator("canvas")).to_have_count(1)
    page.get_by_test_id("attach").set_input_files([text_file("one-more.txt")])
    expect(page.get_by_role("alert")).to_be_visible()
    for width in (320, 390, 1280):
        page.set_viewport_size({"width": width, "height": 700})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.emulate_media(color_scheme="light")
        assert findings(page) == []
        page.emulate_media(color_scheme="dark")
        assert findings(page, COLOURS) == []


def test_a_phone_sends_a_picture(phone: Page, site: Site) -> None:
    begin(phone, site)
    phone.get_by_test_id("attach").set_input_files([PICTURE])
    phone.get_by_role("button", name="Send", exact=True).tap()
    expect(ended(phone)).to_contain_text("leaf.png image/png")


def test_without_script_a_file_field_is_in_the_form(
    without_javascript: Page, site: Site, guard: Guard
) -> None:
    guard.expect("413")
    page = without_javascript
    page.goto(site.url)
    page.get_by_role("button", name="Start chat").click()
    page.get_by_label("Attach files").set_input_files([TEXT, text_file("b.txt")])
    composer(page).fill("Read")
    page.get_by_test_id("send").click()
    expect(answer(page)).to_contain_text("Read|notes.txt text/plain 11; b.txt text/plain 11|")

    large: FilePayload = text_file("large.txt", b"a" * 1_100_000)
    page.get_by_label("Attach files").set_input_files([large])
    composer(page).fill("Keep me")
    page.get_by_test_id("send").click()
    expect(notices(page)).to_contain_text(re.compile("“large.txt” is too large"))
    expect(composer(page)).to_have_value("Keep me")
    assert temporary_files(site.app) == []
    assert stored_contents(site.app) == [b"Hello, file"]
