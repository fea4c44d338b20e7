"""How the chat looks, at the size of a phone and of a desktop: what stands where, and how loud."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.chatty import Chatty
from tests.browser.conftest import DESKTOP, PHONE, NewPage
from tests.browser.guard import Guard
from tests.browser.site import Site
from tests.browser.states import STATES
from tests.browser.steps import answer, ask, choose, ended, log_in, messages, open_chat, started
from tests.browser.test_layout import box
from tests.support.apps import AppMaker

pytestmark = pytest.mark.browser

APP = """
    import webapp as cl

    @cl.set_chat_profiles
    def chat_profiles():
        return [
            cl.ChatProfile(
                name, "Talks about what you like.",
                starters=[cl.Starter(f"Idea {n}", f"Tell me about {n}.") for n in range(count)],
            )
            for name, count in (("four", 4), ("three", 3))
        ]

    @cl.on_chat_start
    def greet():
        if cl.user_session.get("chat_profile") == "three":
            cl.Message("What shall we talk about?").send()

    @cl.on_message
    def answer(message):
        cl.Message("You said: " + message.content).send()
        cl.Message("And that is **all**.").send()
"""
SCREENS = pytest.mark.parametrize("options", [PHONE, DESKTOP], ids=["phone", "desktop"])
# A browser gives the colours of a page only as it draws them.
COLOUR = """(name) => {
    const probe = document.createElement("hr");
    document.body.append(probe);
    const root = getComputedStyle(document.documentElement);
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(`hr { color: var(${name}); }`);
    document.adoptedStyleSheets.push(sheet);
    const { color } = getComputedStyle(probe);
    probe.remove();
    document.adoptedStyleSheets.pop();
    return color;
}"""


@pytest.fixture
def site(make_app: AppMaker, serve: Callable[..., Site]) -> Site:
    return serve(make_app(APP))


def style(element: Locator, name: str, pseudo: str = "") -> str:
    """Return what a property comes to on an element."""
    script = "(e, [name, pseudo]) => getComputedStyle(e, pseudo || null)[name]"
    return str(element.evaluate(script, [name, pseudo]))


def middle(element: Locator) -> float:
    """Return where the middle of an element is, from the left."""
    found = box(element)
    return float(found["x"] + found["width"] / 2)


def seen(element: Locator) -> bool:
    """Say whether an element has room on the screen, not only in what is read aloud."""
    return bool(box(element)["width"] > 1)


def actions(page: Page) -> Locator:
    """Return the rows of what can be done with an answer."""
    return page.locator(".said:has([data-kind=assistant]) > .actions")


@SCREENS
def test_own_words_are_a_bubble_of_three_quarters(
    new_page: NewPage, site: Site, options: dict[str, Any]
) -> None:
    page = new_page(**options)
    open_chat(page, site)
    ask(page, "A long message. " * 40)
    ended(page)
    own, column = messages(page).first, box(page.get_by_test_id("messages"))
    bubble = box(own.locator(".prose"))
    assert bubble["width"] <= 0.75 * column["width"] + 1
    assert abs(bubble["x"] + bubble["width"] - column["x"] - column["width"]) < 1
    expect(own.locator(".icon")).to_have_count(0)
    assert not seen(own.get_by_text("You", exact=True))


@SCREENS
def test_a_name_stands_once_in_a_turn(
    new_page: NewPage, site: Site, options: dict[str, Any]
) -> None:
    page = new_page(**options)
    open_chat(page, site)
    ask(page, "One")
    ended(page)
    names = page.locator("[data-kind=assistant] .message-head")
    for _ in range(2):
        expect(names).to_have_count(2)
        assert [seen(name) for name in names.all()] == [True, False]
        page.reload()


def test_the_buttons_of_older_answers_show_with_the_mouse_or_the_focus(
    desktop: Page, site: Site
) -> None:
    open_chat(desktop, site)
    for text in ("One", "Two"):
        ask(desktop, text)
        ended(desktop)
    expect(actions(desktop)).to_have_count(4)
    desktop.mouse.move(5, 5)
    for row, opacity in zip(actions(desktop).all(), "0001", strict=True):
        expect(row).to_have_css("opacity", opacity)
    messages(desktop).nth(1).hover()
    expect(actions(desktop).first).to_have_css("opacity", "1")
    desktop.mouse.move(5, 5)
    expect(actions(desktop).first).to_have_css("opacity", "0")
    actions(desktop).first.get_by_test_id("rate").first.focus()
    expect(actions(desktop).first).to_have_css("opacity", "1")


def test_a_tap_shows_the_buttons_of_an_older_answer(phone: Page, site: Site) -> None:
    open_chat(phone, site)
    for text in ("One", "Two"):
        ask(phone, text)
        ended(phone)
    expect(actions(phone).first).to_have_css("opacity", "0")
    messages(phone).nth(1).tap()
    expect(actions(phone).first).to_have_css("opacity", "1")


@SCREENS
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_lines_are_quiet(
    new_page: NewPage, site: Site, options: dict[str, Any], theme: str
) -> None:
    page = new_page(**options, color_scheme=theme)
    open_chat(page, site)
    page.evaluate("document.activeElement.blur()")
    line = page.evaluate(COLOUR, "--line")
    for name in (".starter", ".composer-box", "button.selector-face"):
        element = page.locator(name).first
        expect(element).to_have_css("border-top-color", line)
        assert style(element, "borderTopWidth") == "1px"


@SCREENS
def test_lists_are_of_medium_weight_and_corners_of_two_sizes(
    new_page: NewPage, site: Site, options: dict[str, Any]
) -> None:
    page = new_page(**options)
    open_chat(page, site)
    page.locator("#profile-button").click()
    for name in (".starter-label", ".option-label"):
        assert int(style(page.locator(name).first, "fontWeight")) <= 500
    framed = page.evaluate(
        """() => [...document.querySelectorAll("body *")]
            .map((e) => getComputedStyle(e))
            .filter((s) => s.borderTopWidth !== "0px" && s.borderTopLeftRadius.endsWith("px"))
            .map((s) => s.borderTopLeftRadius)"""
    )
    assert set(framed) - {"0px"} == {"10px", "20px"}


@SCREENS
def test_words_fade_above_the_composer(
    new_page: NewPage, site: Site, options: dict[str, Any]
) -> None:
    page = new_page(**options)
    open_chat(page, site)
    ask(page, "One")
    ended(page)
    fade = page.locator(".composer")
    assert "linear-gradient" in style(fade, "backgroundImage", "::before")
    assert style(fade, "height", "::before") == "24px"
    assert style(fade, "pointerEvents", "::before") == "none"


@SCREENS
def test_to_try_again_stands_below_what_failed(
    new_page: NewPage, shared_app: Callable[[str], Site], options: dict[str, Any]
) -> None:
    page = new_page(**options)
    open_chat(page, shared_app("chatty.py"))
    ask(page, "fail")
    ended(page, "failed")
    button, field = page.get_by_test_id("retry"), page.locator("#composer")
    for _ in range(2):
        failed = box(messages(page).last)
        assert 0 < box(button)["y"] - failed["y"] - failed["height"] < 32
        lower_edge = box(field)["y"] + box(field)["height"]
        assert page.evaluate("innerHeight") - 50 < lower_edge < page.evaluate("innerHeight")
        page.reload()
        ended(page, "failed")
    # In a long chat it stays in sight above the field.
    for number in range(6):
        ask(page, f"Long message {number}. " * 40)
        ended(page)
    ask(page, "fail")
    ended(page, "failed")
    expect(button).to_be_in_viewport(ratio=1)
    assert 0 < box(field)["y"] - box(button)["y"] - box(button)["height"] < 16
    assert page.evaluate("innerHeight") - 50 < box(field)["y"] + box(field)["height"]


@SCREENS
def test_a_line_of_a_divider_is_long(
    new_page: NewPage, shared_app: Callable[[str], Site], options: dict[str, Any], guard: Guard
) -> None:
    guard.expect("status of 403")
    page = new_page(**options)
    STATES["continued"].visit(page, shared_app("chatty.py"))
    divider = page.get_by_test_id("divider")
    face, whole = box(divider.locator(".divider-face")), box(divider)
    line = float(style(divider, "inlineSize", "::before").removesuffix("px"))
    if options is PHONE:
        # One above the words, which need the width.
        assert (line, style(divider, "content", "::after")) == (whole["width"], "none")
        assert face["y"] > whole["y"]
    else:
        assert line == float(style(divider, "inlineSize", "::after").removesuffix("px")) > 100
    assert abs(middle(divider.locator(".divider-face")) - middle(divider)) < 1


@SCREENS
@pytest.mark.parametrize("path", ["/", "/profiles"])
def test_a_name_begins_on_the_side_of_its_description(
    new_page: NewPage, shared_app: Callable[[str], Site], options: dict[str, Any], path: str
) -> None:
    page = new_page(**options)
    site = shared_app("rtl.py")
    page.goto(f"{site}{path}")
    if path == "/":
        page.locator("#profile-button").click()
    for name, is_rtl in (("مساعد الكتابة", True), ("עוזר", True), ("English", False)):
        cards = page.locator(".option" if path == "/" else ".profile-card")
        card = cards.filter(has_text=name)
        label = box(card.locator(".option-label, h2 > bdi"))
        about = box(card.locator(".prose"))
        sides = [it["x"] + it["width"] if is_rtl else it["x"] for it in (label, about)]
        assert abs(sides[0] - sides[1]) < 1
        picture = card.locator(".icon").first
        assert (middle(picture) > middle(card)) == is_rtl


@SCREENS
def test_the_first_screen_has_the_composer_in_the_middle(
    new_page: NewPage, site: Site, options: dict[str, Any]
) -> None:
    page = new_page(**options)
    open_chat(page, site)
    field = box(page.locator(".composer-box"))
    height = page.evaluate("innerHeight")
    assert 0.3 * height < field["y"] + field["height"] / 2 < 0.67 * height
    ideas = [box(idea) for idea in page.get_by_test_id("starter").all()]
    assert ideas[0]["y"] == ideas[1]["y"] > field["y"] + field["height"]
    assert ideas[2]["y"] == ideas[3]["y"] > ideas[0]["y"]
    assert ideas[0]["x"] == ideas[2]["x"] < ideas[1]["x"] == ideas[3]["x"]
    expect(page.get_by_text("Talks about what you like.").locator("visible=true")).to_have_count(1)


@SCREENS
@pytest.mark.parametrize("said", [False, True], ids=["greeting", "answer"])
def test_under_a_long_text_the_composer_keeps_its_distance_from_the_edge(
    new_page: NewPage, shared_app: Callable[[str], Site], options: dict[str, Any], *, said: bool
) -> None:
    page = new_page(**options)
    open_chat(page, shared_app("wordy.py" if not said else "chatty.py"))
    if said:
        ask(page, "markdown")
        ended(page)
    height = page.evaluate("innerHeight")
    for top in (0, 200, 1_000_000):
        page.evaluate("top => scrollTo(0, top)", top)
        field = box(page.locator(".composer-box"))
        assert 12 <= height - field["y"] - field["height"] <= 0.3 * height
    assert "linear-gradient" in style(page.locator(".composer"), "backgroundImage", "::before")


@SCREENS
def test_three_ideas_leave_no_orphan_and_nothing_greets_twice(
    new_page: NewPage, site: Site, options: dict[str, Any]
) -> None:
    page = new_page(**options)
    open_chat(page, site)
    choose(page, "three")
    ideas = [box(idea) for idea in page.get_by_test_id("starter").all()]
    assert ideas[2]["width"] > 1.9 * ideas[0]["width"]
    expect(answer(page).get_by_text("What shall we talk about?")).to_be_visible()
    expect(page.locator(".greeting").get_by_text("Talks about what you like.")).to_be_hidden()
    expect(page.get_by_role("heading", name="three")).to_be_visible()
    assert not seen(answer(page).locator(".message-head"))


@pytest.mark.parametrize("width", [1280, 1920])
def test_the_profile_stands_over_the_column_of_the_chat(
    new_page: NewPage, site: Site, width: int
) -> None:
    page = new_page(viewport={"width": width, "height": 900})
    open_chat(page, site)
    for _ in range(2):
        assert abs(middle(page.locator("#profile-button")) - middle(page.locator("#chat"))) < 2
        page.get_by_test_id("fold-history").click()


@SCREENS
def test_pages_beside_the_chat_have_no_selector(
    new_page: NewPage, roles: Site, options: dict[str, Any]
) -> None:
    page = new_page(**options)
    log_in(page, roles, "alice")
    chat = started(page)
    expect(page.get_by_test_id("profile-selector")).to_have_count(1)
    for path in ("/account", "/chats/import", f"/chats/{chat}/share", "/chats"):
        page.goto(f"{roles}{path}")
        expect(page.get_by_role("banner")).to_be_visible()
        expect(page.get_by_test_id("profile-selector")).to_have_count(0)


@SCREENS
def test_a_chat_to_read_has_its_own_profile_in_the_bar(
    new_page: NewPage, chatty: Chatty, guard: Guard, options: dict[str, Any]
) -> None:
    guard.expect("status of 403")
    page = new_page(**options)
    open_chat(page, chatty.site)
    ask(page, "Hello")
    ended(page)
    chatty.offer("terse")
    ask(page, "Are you still there?")
    expect(page.locator("#read-only")).to_be_visible()
    name = page.locator("#profile-selector .selector-label").first
    expect(name).to_have_text("Chatty")
    page.wait_for_load_state("networkidle")
    expect(name).to_have_text("Chatty")
    page.reload()
    expect(name).to_have_text("Chatty")


@SCREENS
def test_an_edit_takes_the_place_of_the_text(
    new_page: NewPage, site: Site, options: dict[str, Any]
) -> None:
    page = new_page(**options)
    open_chat(page, site)
    ask(page, "One")
    ended(page)
    before = box(messages(page).first)
    page.get_by_test_id("edit").click()
    field, send = page.get_by_test_id("edit-input"), page.get_by_test_id("save")
    expect(field).to_be_visible()
    expect(messages(page).first).to_be_hidden()
    assert abs(box(field)["y"] - before["y"]) < 24
    cancel = page.get_by_test_id("edit")
    expect(cancel).to_have_text("Cancel", use_inner_text=True)
    assert abs(box(cancel)["y"] - box(send)["y"]) < 2
    assert box(cancel)["height"] == box(send)["height"]
    assert box(field)["y"] + box(field)["height"] <= box(send)["y"]
    assert 0 < box(send)["x"] - box(cancel)["x"] - box(cancel)["width"] < 24
    cancel.click()
    expect(messages(page).first).to_be_visible()
    expect(field).to_be_hidden()


@SCREENS
def test_there_is_one_button_for_another_answer(
    new_page: NewPage, site: Site, options: dict[str, Any]
) -> None:
    page = new_page(**options)
    open_chat(page, site)
    for text in ("One", "Two"):
        ask(page, text)
        ended(page)
        expect(page.get_by_test_id("regenerate")).to_have_count(1)
    page.get_by_test_id("regenerate").click()
    ended(page)
    expect(page.get_by_test_id("regenerate")).to_have_count(1)
    page.reload()
    expect(page.get_by_test_id("regenerate")).to_have_count(1)
    expect(page.locator(".said").last.get_by_test_id("regenerate")).to_be_visible()


# As printers see a page: A4 upright and on its side, in the pixels of CSS.
@pytest.mark.parametrize("size", [(718, 1047), (1047, 718)], ids=["portrait", "landscape"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_print_is_the_conversation_only(
    new_page: NewPage, chatty: Chatty, size: tuple[int, int], theme: str
) -> None:
    page = new_page(viewport={"width": size[0], "height": size[1]}, color_scheme=theme)
    open_chat(page, chatty.site)
    ask(page, "One")
    ended(page)
    page.emulate_media(media="print")
    expect(messages(page)).to_have_count(2)
    for said in messages(page).all():
        expect(said).to_be_visible()
    for around in ("banner", "navigation", "button", "textbox", "combobox", "link"):
        for element in page.get_by_role(around).all():
            expect(element).to_be_hidden()
    assert box(messages(page).first)["y"] < 60
    assert box(answer(page))["x"] < 30
    dark = page.locator("[data-kind=user] .prose").evaluate(
        "e => getComputedStyle(e).backgroundColor.match(/\\d+/g).every((part) => part < 128)"
    )
    assert not dark


@SCREENS
def test_a_list_to_choose_from_looks_like_the_field_above_it(
    new_page: NewPage, site: Site, options: dict[str, Any]
) -> None:
    page = new_page(**options)
    open_chat(page, site)
    ask(page, "One")
    ended(page)
    page.reload()
    if options is PHONE:
        page.get_by_role("button", name="Chats").click()
    select, field = page.get_by_test_id("history-filter"), page.locator(".history .finder-field")
    assert style(select, "appearance") == "none"
    for name in ("borderTopColor", "borderTopLeftRadius", "fontSize"):
        like = field.locator("input") if name == "fontSize" else field
        assert style(select, name) == style(like, name)


def test_a_picture_has_no_light_fringe(desktop: Page, simple: Site) -> None:
    desktop.emulate_media(color_scheme="dark")
    open_chat(desktop, simple)
    picture = desktop.locator(".icon img").first
    assert style(picture, "backgroundColor") == "rgba(0, 0, 0, 0)"
    assert "radial-gradient" in style(picture, "backgroundImage")


def test_on_a_phone_it_is_said_below_the_bar_who_is_signed_in(phone: Page, roles: Site) -> None:
    log_in(phone, roles, "alice")
    started(phone)
    line = phone.get_by_text("Signed in as alice · ADMIN")
    expect(line).to_be_visible()
    assert abs(middle(line) - 195) < 2
    assert style(line, "textAlign") == "center"
    assert box(line)["y"] >= box(phone.get_by_role("banner"))["height"] - 1


@SCREENS
@pytest.mark.parametrize("wrong", [False, True], ids=["first", "refused"])
def test_who_has_lost_the_password_is_told_whom_to_ask(
    new_page: NewPage, roles: Site, guard: Guard, options: dict[str, Any], *, wrong: bool
) -> None:
    guard.expect("status of 401")
    page = new_page(**options)
    page.goto(f"{roles}/login")
    if wrong:
        log_in(page, roles, "alice", "wrong")
        expect(page.get_by_role("alert")).to_be_visible()
    line = page.get_by_text("Forgot your password? Ask whoever runs this site to set a new one.")
    expect(line).to_be_in_viewport()
    button = page.get_by_role("button", name="Sign in")
    assert box(line)["y"] > box(button)["y"] + box(button)["height"]
    assert float(style(line, "fontSize").removesuffix("px")) < float(
        style(button, "fontSize").removesuffix("px")
    )


@SCREENS
def test_an_error_on_the_first_screen_is_in_line_and_it_is_said_that_nobody_answers(
    new_page: NewPage, shared_app: Callable[[str], Site], options: dict[str, Any]
) -> None:
    page = new_page(**options)
    page.goto(shared_app("failing.py").url)
    error = page.locator("[data-kind=error]")
    expect(error).to_be_visible()
    assert style(error.locator("p").first, "textAlign") == "start"
    expect(page.get_by_text("This app does not answer messages.")).to_be_visible()


@SCREENS
def test_the_page_of_all_chats_is_in_line_with_its_heading(
    new_page: NewPage, simple: Site, options: dict[str, Any]
) -> None:
    page = new_page(**options)
    page.goto(f"{simple}/chats")
    heading = box(page.get_by_role("heading", name="Chats"))
    places = [box(each) for each in page.locator(".all-chats-foot > .quiet").all()]
    signs = [box(each) for each in page.locator(".all-chats-foot > .quiet > .glyph").all()]
    assert abs(signs[0]["x"] - heading["x"]) < 2
    assert options is PHONE or len({place["y"] for place in places}) == 1
