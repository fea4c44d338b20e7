"""What people do and see, in the words of the page's stable hooks."""

from __future__ import annotations

import time

from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.site import Site

# Far more than anything takes: on a busy machine a page may stand still for some seconds.
SECONDS = 20.0


def log_in(page: Page, site: Site | str, username: str, password: str | None = None) -> None:
    """Fill in the login form and send it."""
    page.goto(f"{site}/login")
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password", exact=True).fill(password or username * 2)
    page.get_by_role("button", name="Sign in").click()


def started(page: Page, profile: str | None = None) -> str:
    """Wait until a chat has started, and return its id."""
    which = "" if profile is None else f'[data-profile="{profile}"]'
    chat = page.locator(f"[data-testid=chat][data-chat-id]{which}")
    chat.wait_for()
    page.wait_for_url(f"**/chats/{chat.get_attribute('data-chat-id')}")
    return str(chat.get_attribute("data-chat-id"))


def open_chat(page: Page, site: Site) -> str:
    """Open the site and return the id of the chat that starts by itself."""
    page.goto(site.url)
    return started(page)


def panel(page: Page) -> Locator:
    """Return the list of profiles."""
    return page.locator("#profile-panel")


def open_selector(page: Page) -> Locator:
    """Open the list of profiles and return it."""
    page.get_by_test_id("profile-selector").get_by_role("button").first.click()
    expect(panel(page)).to_be_visible()
    return panel(page)


def open_settings(page: Page) -> Locator:
    """Open the settings of the chat, and return the panel."""
    page.get_by_test_id("settings").click()
    opened = page.get_by_test_id("settings-panel")
    expect(opened).to_be_visible()
    return opened


def option(page: Page, name: str) -> Locator:
    """Return a profile in the list."""
    return page.locator(f'[data-testid=profile-option][data-profile="{name}"]')


def choose(page: Page, name: str) -> str:
    """Choose a profile from the list and return the id of the chat that starts."""
    open_selector(page)
    option(page, name).click()
    return started(page, name)


def messages(page: Page) -> Locator:
    """Return the messages of the chat."""
    return page.get_by_test_id("messages").get_by_test_id("message")


def notices(page: Page) -> Locator:
    """Return what the page has to tell."""
    return page.get_by_test_id("notice")


def focus_is(page: Page, name: str) -> None:
    """Wait until the focus is on a profile, or on the element with that id or test id."""
    ways = (f'[data-profile="{name}"]', f'[id="{name}"]', f'[data-testid="{name}"]')
    expect(page.locator(", ".join(f"{way}:focus" for way in ways))).to_have_count(1)


def composer(page: Page) -> Locator:
    """Return the field for a message."""
    return page.get_by_test_id("composer-input")


def ask(page: Page, text: str) -> None:
    """Write a message and send it with Enter, which on touch needs another key with it."""
    composer(page).fill(text)
    has_mouse = page.evaluate("matchMedia('(hover: hover)').matches")
    composer(page).press("Enter" if has_mouse else "Control+Enter")


def of_input_method(field: Locator, key: str) -> bool:
    """Press a key that ends a word of an input method, as Safari tells of it.

    Return whether the browser would do with it what it does in any field.
    """
    options = f"{{key: '{key}', keyCode: 229, bubbles: true, cancelable: true}}"
    return bool(field.evaluate(f"e => e.dispatchEvent(new KeyboardEvent('keydown', {options}))"))


def answer(page: Page) -> Locator:
    """Return the last message that is not the user's."""
    return page.locator("[data-testid=message]:not([data-kind=user])").last


def ended(page: Page, status: str = "complete") -> Locator:
    """Wait until the last answer has ended so, and nothing runs; return it."""
    expect(answer(page)).to_have_attribute("data-status", status)
    idle(page)
    return answer(page)


def idle(page: Page) -> None:
    """Wait until no answer is being written and the next message can be sent."""
    # What was entered right after a page was drawn may have been sent as a form, without script.
    page.wait_for_load_state()
    expect(page.get_by_test_id("stop")).to_have_count(0)
    expect(page.locator("form.htmx-request")).to_have_count(0)


def wait_until(page: Page, expression: str) -> None:
    """Wait until an expression is true; Playwright's own way needs what the page's policy bars."""
    give_up = time.monotonic() + SECONDS
    while not page.evaluate(expression):
        assert time.monotonic() < give_up, f"never true: {expression}"
        page.wait_for_timeout(20)


def scripts_loaded(page: Page) -> None:
    """Wait until the scripts that what is shown asks for have run: they come after it."""
    page.evaluate(
        """() => Promise.all([...document.querySelectorAll("[data-script]")]
            .map(({ dataset }) => import(dataset.script))).then(() => null)"""
    )


class HeldRequests:
    """The requests of a page to some addresses, which go on when a test says so."""

    def __init__(self, page: Page, addresses: str) -> None:
        self._page = page
        self._routes: list[Route] = []
        page.route(addresses, self._hold)

    # Playwright takes no method of a list.
    def _hold(self, route: Route) -> None:
        self._routes.append(route)

    def take(self) -> Route:
        """Return the oldest that waits, once there is one."""
        give_up = time.monotonic() + SECONDS
        while not self._routes:
            assert time.monotonic() < give_up, "nothing was asked for"
            self._page.wait_for_timeout(20)
        return self._routes.pop(0)


def look_at(page: Page) -> None:
    """Turn to a page, as by clicking on its window; under a driver every window has the focus."""
    # A turn that was drawn just now hears of nothing yet.
    expect(page.locator("#turn[data-htmx-powered]")).to_have_count(1)
    page.evaluate("dispatchEvent(new Event('focus'))")


def scroll_to(page: Page, top: int | str) -> None:
    """Scroll the page, and wait until it has heard of that: its event comes with the next frame."""
    page.evaluate(
        f"""() => new Promise((heard) => {{
            const before = scrollY;
            scrollTo(0, {top});
            if (scrollY === before) heard();
            else addEventListener("scroll", heard, {{ once: true }});
        }})"""
    )


def wheel(page: Page, by: int) -> int:
    """Turn the mouse wheel over the page, and return where its scrolling came to rest."""
    page.evaluate(
        """() => {
            window.rested = null;
            addEventListener("scroll", () => { window.rested = null; });
            addEventListener("scrollend", () => { window.rested = scrollY; });
        }"""
    )
    before = page.evaluate("scrollY")
    page.mouse.move(640, 400)
    page.mouse.wheel(0, by)
    wait_until(page, f"![null, {before}].includes(window.rested)")
    return int(page.evaluate("window.rested"))
