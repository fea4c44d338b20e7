"""A journey through the whole product in Firefox and in WebKit. Chromium has all other tests."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask

from tests.browser.site import Site
from tests.support.apps import AppMaker
from tests.support.browsers.driven import ENTER, DrivenBrowser
from tests.support.browsers.firefox import firefox
from tests.support.browsers.programs import find_firefox, find_webkit
from tests.support.browsers.webkit import webkit

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ANSWER = "[...document.querySelectorAll('[data-testid=message]:not([data-kind=user])')].at(-1)"
TEXTS = (
    "[...document.querySelectorAll('[data-testid=message] .prose')].map((e) => e.innerText.trim())"
)


@dataclass(frozen=True)
class Traveller:
    """Somebody with a browser, at a site whose answers the test dictates."""

    browser: DrivenBrowser
    site: Site

    def dictate(self, *tokens: str | None) -> None:
        """Let the answer that is being written grow, or end."""
        app_file: Any = sys.modules["journey"]
        app_file.DICTATED.extend(tokens)

    def say(self, text: str) -> None:
        """Write a message and send it."""
        self.browser.click("[data-testid=composer-input]")
        self.browser.type(text + ENTER)

    def sees_answer(self, text: str, status: str) -> None:
        """Wait until the last answer is this one."""
        text_is = f"{ANSWER}?.querySelector('.prose')?.innerText.trim() === {json.dumps(text)}"
        self.browser.wait(f"{text_is} && {ANSWER}.dataset.status === {json.dumps(status)}")
        if status != "streaming":
            self.browser.wait("!document.querySelector('[data-testid=stop]')")

    def sees_texts(self, *texts: str) -> None:
        """Wait until these are all messages."""
        self.browser.wait(f"JSON.stringify({TEXTS}) === JSON.stringify({json.dumps(texts)})")

    def chat(self) -> str:
        """Wait until a chat has started, and return its address."""
        shown = "document.querySelector('[data-testid=chat][data-chat-id]')"
        path = f"`/chats/${{{shown}?.dataset.chatId}}`"
        return str(self.browser.wait(f"location.pathname === {path} && {path}"))


def sign_in(traveller: Traveller) -> None:
    browser = traveller.browser
    browser.goto(traveller.site.url)
    browser.see("[data-testid=login-form]")
    browser.click("[name=username]")
    browser.type("alice")
    browser.click("[name=password]")
    browser.type("alicealice" + ENTER)
    traveller.chat()


def choose(traveller: Traveller) -> None:
    before = traveller.chat()
    traveller.browser.click("[data-testid=profile-selector] button")
    traveller.browser.click("[data-testid=profile-option][data-profile=second]")
    traveller.browser.see("[data-testid=chat][data-profile=second][data-chat-id]")
    assert traveller.chat() != before


def say(traveller: Traveller) -> None:
    traveller.say("Good morning")
    traveller.sees_answer("You said: Good morning", "complete")
    traveller.sees_texts("Good morning", "You said: Good morning")


def stream(traveller: Traveller) -> None:
    traveller.say("dictate")
    traveller.dictate("Word ")
    traveller.sees_answer("Word", "streaming")
    traveller.dictate("by ")
    traveller.sees_answer("Word by", "streaming")
    traveller.dictate("word.", None)
    traveller.sees_answer("Word by word.", "complete")


def stop(traveller: Traveller) -> None:
    traveller.say("dictate")
    traveller.dictate("Too long")
    traveller.sees_answer("Too long", "streaming")
    traveller.browser.click("[data-testid=stop]")
    traveller.sees_answer("Too long", "stopped")


def reload(traveller: Traveller) -> None:
    traveller.say("dictate")
    traveller.dictate("Before")
    traveller.sees_answer("Before", "streaming")
    traveller.browser.reload()
    traveller.sees_answer("Before", "streaming")
    traveller.dictate(" and after", None)
    traveller.sees_answer("Before and after", "complete")
    texts = traveller.browser.evaluate(TEXTS)
    traveller.browser.reload()
    traveller.sees_texts(*texts)


def go_back(traveller: Traveller) -> None:
    old, texts = traveller.chat(), traveller.browser.evaluate(TEXTS)
    traveller.browser.click("[data-testid=new-chat]")
    traveller.browser.wait(f"location.pathname !== {json.dumps(old)}")
    assert traveller.chat() != old
    traveller.say("Another chat")
    traveller.sees_texts("Another chat", "You said: Another chat")
    traveller.browser.back()
    traveller.browser.wait(f"location.pathname === {json.dumps(old)}")
    assert traveller.chat() == old
    traveller.sees_texts(*texts)


def edit(traveller: Traveller) -> None:
    traveller.say("A tpyo")
    traveller.sees_answer("You said: A tpyo", "complete")
    last = "#messages > .said:not(:has(~ .said > [data-kind=user])) > .actions"
    traveller.browser.click(f"{last} [data-testid=edit]")
    traveller.browser.click(f"{last} [data-testid=edit-input]")
    traveller.browser.type(", mended")
    traveller.browser.click(f"{last} [data-testid=save]")
    traveller.sees_answer("You said: A tpyo, mended", "complete")
    assert traveller.browser.evaluate(f"{TEXTS}.includes('A tpyo')") is False


def history(traveller: Traveller) -> None:
    here = traveller.chat()
    titles = "[...document.querySelectorAll('[data-testid=history-item]')].map((e) => e.innerText)"
    traveller.browser.wait(f"{titles}.some((title) => title.includes('Another chat'))")
    traveller.browser.click("[data-testid=history-item] a:not([aria-current], [data-testid])")
    traveller.browser.wait(f"location.pathname !== {json.dumps(here)}")
    traveller.chat()
    traveller.sees_texts("Another chat", "You said: Another chat")


JOURNEY: list[Callable[[Traveller], None]] = [
    sign_in,
    choose,
    say,
    stream,
    stop,
    reload,
    go_back,
    edit,
    history,
]


@pytest.fixture
def site(make_app: AppMaker, serve: Callable[[Flask], Site]) -> Site:
    """Return a site with login whose answers the test dictates."""
    return serve(make_app("journey.py"))


def test_the_journey_in_firefox(site: Site, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = find_firefox()
    if path is None:
        pytest.skip("Firefox is not installed (Debian: apt-get install firefox-esr)")
    with firefox(path, tmp_path_factory.mktemp("firefox")) as browser:
        for step in JOURNEY:
            step(Traveller(browser, site))
        browser.evaluate("0")
        # Firefox tells of the stream of the page that was reloaded.
        assert [p for p in browser.problems if "Error in input stream" not in p] == []


def test_the_journey_in_webkit(site: Site, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = find_webkit()
    if path is None:
        pytest.skip("WebKit is not installed (Debian: apt-get install webkit2gtk-driver xvfb)")
    with webkit(path, tmp_path_factory.mktemp("webkit")) as browser:
        for step in JOURNEY:
            step(Traveller(browser, site))
