"""Tables, charts, figures and diagrams as people meet them."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from flask import Flask, request, request_started
from playwright.sync_api import Browser, FrameLocator, Page, expect

from tests.browser.conftest import DESKTOP, PHONE, NewPage
from tests.browser.guard import Guard
from tests.browser.site import Site
from tests.browser.steps import ask, ended, open_chat, scripts_loaded, wait_until
from tests.browser.test_accessibility import findings
from tests.support.apps import AppMaker
from tests.support.browsers.driven import ENTER, SECONDS, DrivenBrowser
from tests.support.browsers.firefox import firefox
from tests.support.browsers.programs import find_firefox, find_webkit
from tests.support.browsers.webkit import webkit

pytestmark = pytest.mark.browser
BOTH = pytest.mark.parametrize("screen", [DESKTOP, PHONE], ids=["desktop", "phone"])
# What Chromium says of WebGL without a graphics card.
NO_GRAPHICS_CARD = "GPU stall due to ReadPixels"


@pytest.fixture
def site(make_app: AppMaker, serve: Callable[[Flask], Site]) -> Site:
    """Serve an app that answers with what it is asked for."""
    return serve(make_app("data.py"))


def show(page: Page, site: Site, what: str) -> None:
    """Ask for something, and wait until it is there."""
    open_chat(page, site)
    ask(page, what)
    ended(page)


def chart(page: Page) -> FrameLocator:
    """Return what is in the frame of the only chart."""
    return page.frame_locator("[data-kind=plotly] iframe")


@BOTH
def test_a_table_is_paged_and_sorted_in_its_place(
    new_page: NewPage, site: Site, screen: dict[str, object]
) -> None:
    page = new_page(**screen)
    show(page, site, "table")
    address = page.url
    table = page.locator("[data-kind=dataframe]")
    table.get_by_role("link", name="Next").click()
    expect(table).to_contain_text("11–20 of 95")
    # The link to the page after that has the focus, so a second press leads on.
    expect(table.get_by_role("link", name="Next")).to_be_focused()
    page.keyboard.press("Enter")
    expect(table).to_contain_text("21–30 of 95")
    table.get_by_role("link", name="people").click()
    expect(table.locator("th[aria-sort=ascending]")).to_have_text("people▲")
    expect(table).to_contain_text("1–10 of 95")
    table.get_by_role("link", name="people").click()
    expect(table.locator("tbody tr").first).to_contain_text("100000")
    assert page.url == address
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert findings(page) == []


def test_a_wide_table_scrolls_by_keyboard(new_page: NewPage, site: Site) -> None:
    page = new_page(viewport={"width": 320, "height": 700})
    show(page, site, "table")
    box = page.locator(".table-box")
    box.focus()
    page.evaluate(
        "document.activeElement.addEventListener('scroll', (it) => it.target.id = 'went')"
    )
    page.keyboard.press("ArrowRight")
    expect(box).to_have_id("went")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_without_javascript_the_links_of_a_table_lead_to_pages(
    new_page: NewPage, site: Site
) -> None:
    page = new_page(java_script_enabled=False, **DESKTOP)
    page.goto(site.url)
    page.get_by_role("button", name="Start").click()
    page.get_by_label("Message").fill("table chart figure")
    page.get_by_role("button", name="Send").click()
    expect(page.locator("[data-kind=pyplot]")).to_be_visible()  # the page asks again by itself
    page.locator("[data-kind=dataframe]").get_by_role("link", name="Next").click()
    expect(page.locator("tbody tr")).to_have_count(10)
    expect(page.locator("main")).to_contain_text("11–20 of 95")
    page.get_by_role("link", name="Back to the chat").click()
    expect(page.locator("[data-kind=pyplot] img")).to_be_visible()
    page.get_by_role("link", name="Data as a table").click()
    expect(page.locator("tbody tr")).to_have_count(24)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_chart_is_drawn_in_the_colours_of_the_page(
    new_page: NewPage, site: Site, scheme: str
) -> None:
    page = new_page(color_scheme=scheme, **PHONE)
    show(page, site, "chart")
    title = chart(page).locator(".gtitle")
    expect(title).to_have_text("Rain")
    fill = "rgb(24, 32, 30)" if scheme == "light" else "rgb(233, 238, 236)"
    expect(title).to_have_css("fill", fill)
    for width in (390, 1280):
        page.set_viewport_size({"width": width, "height": 844})
        expect(chart(page).locator(".bars path").first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert findings(page) == []


def test_the_library_is_loaded_once_for_all_charts(chromium: Browser, site: Site) -> None:
    asked: list[str] = []
    request_started.connect(lambda _: asked.append(request.path), site.app, weak=False)
    # Without the guard, whose routes switch the cache off.
    page = chromium.new_context(**DESKTOP).new_page()
    show(page, site, "chart")
    expect(chart(page).locator(".gtitle")).to_have_text("Rain")
    ask(page, "another chart")
    ended(page)
    last = page.locator("[data-kind=plotly] iframe").last.content_frame
    expect(last.locator(".gtitle")).to_have_text("Rain")
    page.reload()
    expect(last.locator(".gtitle")).to_have_text("Rain")
    assert asked.count("/frames/plotly.js") == 1
    page.context.close()


def test_a_frame_gets_nothing_but_its_library(new_page: NewPage, site: Site) -> None:
    page = new_page(**DESKTOP)
    show(page, site, "chart")
    expect(chart(page).locator(".gtitle")).to_have_text("Rain")
    (frame,) = [it for it in page.frames if it.url.endswith("/frame")]
    ask_for = """(address) => new Promise((done) => {
        addEventListener("message", ({ data }) => done(data));
        setTimeout(() => done("nothing"), 500);
        parent.postMessage({ library: address }, "*");
    })"""
    for address in ("/", page.url, "/static/../chats", "https://example.org/frames/plotly.js"):
        assert frame.evaluate(ask_for, address) == "nothing"


def test_many_points_are_drawn_with_webgl(new_page: NewPage, site: Site, guard: Guard) -> None:
    guard.expect(NO_GRAPHICS_CARD)
    page = new_page(**DESKTOP)
    show(page, site, "large chart")
    expect(chart(page).locator("canvas").first).to_be_attached()
    expect(chart(page).locator(".gtitle")).to_have_text("Rain")


def test_a_chart_reaches_neither_the_page_nor_another_address(
    new_page: NewPage, site: Site, guard: Guard
) -> None:
    guard.expect("violates the", "CSP violation: connect-src")
    page = new_page(**DESKTOP)
    show(page, site, "chart")
    expect(chart(page).locator(".gtitle")).to_have_text("Rain")
    (frame,) = [it for it in page.frames if it.url.endswith("/frame")]
    assert frame.evaluate("self.origin") == "null"
    tries = {
        "page": "() => { try { return parent.document.title; } catch (it) { return it.name; } }",
        "cookie": "() => { try { return document.cookie; } catch (it) { return it.name; } }",
        "fetch": "() => fetch('/').then(() => 'reached', (it) => it.name)",
    }
    found = {name: frame.evaluate(code) for name, code in tries.items()}
    assert found == {"page": "SecurityError", "cookie": "SecurityError", "fetch": "TypeError"}


@BOTH
def test_a_figure_has_its_place_before_it_is_loaded(
    new_page: NewPage, site: Site, screen: dict[str, object]
) -> None:
    page = new_page(color_scheme="dark", **screen)
    show(page, site, "figure")
    image = page.locator("[data-kind=pyplot] img")
    expect(image).to_be_visible()
    expect(image).to_have_attribute("alt", "Growth over four weeks")
    wait_until(page, "document.querySelector('[data-kind=pyplot] img').naturalWidth > 0")
    assert image.evaluate("it => it.currentSrc !== it.src")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert findings(page) == []


@pytest.mark.parametrize(("screen", "scheme"), [(DESKTOP, "light"), (PHONE, "dark")])
def test_a_diagram_is_drawn_when_somebody_asks_for_it(
    new_page: NewPage, site: Site, screen: dict[str, object], scheme: str
) -> None:
    page = new_page(color_scheme=scheme, **screen)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    show(page, site, "diagram")
    button = page.get_by_role("button", name="Show as diagram")
    expect(button).to_be_visible()
    assert not [it for it in asked if "mermaid" in it]
    code = page.locator("pre:has(code.language-mermaid)")
    button.press("Enter")
    expect(page.frame_locator(".diagram iframe").locator("svg")).to_contain_text("Eat it")
    expect(code).to_be_hidden()
    height = page.locator(".diagram iframe").evaluate("it => it.clientHeight")
    assert 40 <= height < 600
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert findings(page) == []
    page.get_by_role("button", name="Show as code").press("Enter")
    expect(code).to_be_visible()
    expect(page.locator(".diagram iframe")).to_have_count(0)


def test_what_is_no_diagram_stays_code_and_says_why(new_page: NewPage, site: Site) -> None:
    page = new_page(**DESKTOP)
    show(page, site, "broken diagram")
    page.get_by_role("button", name="Show as diagram").click()
    expect(page.locator(".diagram [role=status]")).to_contain_text("cannot be drawn")
    expect(page.locator("pre:has(code.language-mermaid)")).to_be_visible()


def test_nobody_else_can_tell_the_page_how_high_a_diagram_is(new_page: NewPage, site: Site) -> None:
    page = new_page(**DESKTOP)
    show(page, site, "diagram")
    page.get_by_role("button", name="Show as diagram").click()
    # The frame has told how high it is.
    expect(page.locator("pre:has(code.language-mermaid)")).to_be_hidden()
    before = page.locator(".diagram iframe").evaluate("it => it.clientHeight")
    page.evaluate(
        """() => new Promise((come) => {
            addEventListener("message", ({ source }) => source === window && come());
            postMessage({ height: 3999 }, "*");
        })"""
    )
    assert page.locator(".diagram iframe").evaluate("it => it.clientHeight") == before


@BOTH
def test_an_element_of_its_own_is_shown_as_its_template_says(
    new_page: NewPage, site: Site, screen: dict[str, object]
) -> None:
    page = new_page(**screen)
    show(page, site, "custom")
    element = page.locator("[data-kind=custom]")
    expect(element.get_by_role("heading")).to_have_text("A <lamp> is broken")
    expect(element.get_by_role("progressbar")).to_be_visible()
    expect(element.get_by_role("img", name="Hours of each day")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert findings(page) == []


def test_tables_charts_and_figures_are_shown_beside_the_chat(new_page: NewPage, site: Site) -> None:
    page = new_page(**DESKTOP)
    show(page, site, "side table chart figure")
    scripts_loaded(page)
    panel = page.get_by_test_id("side-panel")
    page.get_by_role("link", name="Cities of the year").click()
    panel.get_by_role("link", name="Next").click()
    expect(panel).to_contain_text("51–95 of 95")
    expect(panel.get_by_role("button", name="Close")).to_be_visible()
    assert findings(page) == []
    page.get_by_role("link", name="Rain by month").click()
    expect(panel.frame_locator("iframe").locator(".gtitle")).to_have_text("Rain")
    page.get_by_role("link", name="Growth over four weeks").click()
    expect(panel.get_by_role("img", name="Growth over four weeks")).to_be_visible()
    assert findings(page) == []


def test_no_kind_is_wider_than_the_page(new_page: NewPage, site: Site) -> None:
    page = new_page(viewport={"width": 320, "height": 800})
    show(page, site, "table chart figure custom")
    expect(chart(page).locator(".gtitle")).to_have_text("Rain")
    for width in (320, 390, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert findings(page) == []


def draw_elsewhere(browser: DrivenBrowser, site: Site) -> None:
    """Let another browser draw a chart and a diagram, and wait until both are drawn."""
    asked: list[str] = []
    request_started.connect(lambda _: asked.append(request.path), site.app, weak=False)
    browser.goto(site.url)
    browser.click("[data-testid=composer-input]")
    browser.type("chart" + ENTER)
    browser.see("[data-kind=plotly] iframe")
    give_up = time.monotonic() + SECONDS
    # Only the script of the frame asks for it.
    while "/frames/plotly.js" not in asked:
        assert time.monotonic() < give_up, asked
        time.sleep(0.05)
    browser.wait("!document.querySelector('[data-testid=stop]')")
    browser.click("[data-testid=composer-input]")
    browser.type("diagram" + ENTER)
    browser.click(".diagram button")
    # The frame has told how high it is, so it got the source and has drawn it.
    browser.wait("document.querySelector('.diagram iframe')?.height > 0 && "
                 "document.querySelector('pre[data-diagram]').hidden")  # fmt: skip


@pytest.mark.slow
def test_firefox_draws_charts_and_diagrams(
    site: Site, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = find_firefox()
    if path is None:
        pytest.skip("Firefox is not installed (Debian: apt-get install firefox-esr)")
    with firefox(path, tmp_path_factory.mktemp("firefox")) as browser:
        draw_elsewhere(browser, site)
        assert browser.problems == []


@pytest.mark.slow
def test_webkit_draws_charts_and_diagrams(
    site: Site, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = find_webkit()
    if path is None:
        pytest.skip("WebKit is not installed (Debian: apt-get install webkit2gtk-driver xvfb)")
    with webkit(path, tmp_path_factory.mktemp("webkit")) as browser:
        draw_elsewhere(browser, site)
