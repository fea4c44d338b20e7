"""Hostile text changes no element and no attribute of a page, and is still there to read."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from markupsafe import Markup

from tests.support.apps import AppMaker
from tests.support.corpus import check_each, samples, text_of
from tests.support.html import Element, parse, shape_of
from tests.support.payload import Stage
from tests.support.people import Visitor
from tests.support.prose import check_elements
from webapp.authoring.text import clean_text
from webapp.markdown.growing import GrowingMarkdown
from webapp.markdown.messages import message_html

CORPUS = [s for s in samples("xss") if not s["ctx"].startswith("sse")]
ICONS = [s for s in CORPUS if s["ctx"] == "profile_icon" or s["cat"] == "url"]
RAW_HTML = [s for s in CORPUS if s["cat"] in ("raw", "htmx", "sink")]
# Where text is shown as it is, and where it is Markdown.
PLAIN = ["name", "display_name", "label", "message", "author", "identifier", "user_name", "role"]
MARKDOWN = ["description", "content"]
# Where a text can stand in the Markdown around it.
AROUND = {
    "text": "{}",
    "bold": "**{}**",
    "list": "- {}\n- [ ] {}\n\n> {}",
    "heading and link": "# {}\n\n[{}]({})",
    "table": "| a |\n|---|\n| {} |\n| b |",
    "info of a fence": "```{}\n{}\n```\n\nend",
    "fence": "```html\n{}\n```\n\nhttps://a.example/{}",
    "formulas": "$\\text{{}}$ ${}$ \\({}\\)\n\n$$\n{}\n$$\n\n\\[\\mathbf{{}}\\]",
    "callout": "> [!NOTE] {}\n> {}\n\n> [!{}]\n> a\n\n- [{}] {}",
    "footnotes": "a[^1] [^{}] {}\n\n[^1]: {}\n\n[^{}]: {}",
}


@pytest.fixture(scope="module")
def stage(sqlite_template: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Return one app for all samples: each changes nothing for the next."""
    folder = tmp_path_factory.mktemp("xss")
    file = folder / "chat.sqlite3"
    file.write_bytes(sqlite_template.read_bytes())
    with AppMaker.in_folder(folder, f"sqlite:///{file}") as maker:
        yield Stage(maker)


@dataclass(frozen=True)
class Shown:
    """A sample's text, and the pages that have it in every place at once."""

    text: str
    markdown: bool
    start: Element
    chat: Element
    fragment: Element

    @property
    def pages(self) -> list[Element]:
        return [self.start, self.chat, self.fragment]


@pytest.fixture(scope="module")
def harmless(stage: Stage) -> list[Any]:
    """Return the shape of the pages with a harmless text in every place."""
    return [outside(page) for page in stage.show(**dict.fromkeys(PLAIN + MARKDOWN, "harmless"))]


def test_hostile_text_in_every_place_is_text(stage: Stage, harmless: list[Any]) -> None:
    def check(sample: dict[str, Any]) -> None:
        text = text_of(sample)[:200]
        pages = stage.show(**dict.fromkeys(PLAIN + MARKDOWN, text))
        shown = Shown(text, sample not in RAW_HTML, *pages)

        check_that_markdown_makes_only_allowed_elements(shown)
        assert [outside(page) for page in shown.pages] == harmless
        check_that_links_below_a_description_are_safe(shown)
        check_that_plain_places_show_it(shown)
        if not shown.markdown:
            check_that_markdown_shows_html_as_text(shown)

    check_each(check, CORPUS)


def check_that_markdown_makes_only_allowed_elements(shown: Shown) -> None:
    for page in shown.pages:
        containers = page.with_class("prose")
        assert containers
        containers += page.with_class("option-links")
        for container in containers:
            check_elements(container)


def check_that_links_below_a_description_are_safe(shown: Shown) -> None:
    for container in shown.start.with_class("option-links"):
        for link in container.walk():
            assert link.tag == "a"
            assert link.attributes.keys() == {"href", "target", "rel"}
            assert re.match(r"(?i)https?://[^/\\]|mailto:|/(?![/\\])", link["href"])
            assert link["rel"].startswith("noopener noreferrer nofollow")


def check_that_plain_places_show_it(shown: Shown) -> None:
    text = clean_text(shown.text)
    option = shown.start.all(data_testid="profile-option")[0]
    assert option["data-profile"] == option["value"] == text
    assert text in option.with_class("option-label")[0].text
    assert shown.start.one(data_testid="starter")["data-label"] == text
    for class_name in ("who-name", "who-role", "starter-label", "starter-message"):
        assert [e.text for e in shown.start.with_class(class_name)] == [text], class_name
    for page in (shown.chat, shown.fragment):
        message = page.one(data_testid="message")
        assert message["data-author"] == message.with_class("author")[0].text == text


def check_that_markdown_shows_html_as_text(shown: Shown) -> None:
    option = shown.start.all(data_testid="profile-description")[0]
    said = [p.one(data_testid="message").with_class("prose")[0] for p in shown.pages[1:]]
    for container in (option, *said):
        assert letters(container.text) == letters(html.unescape(shown.text))


def test_an_icon_is_an_address_or_nothing(stage: Stage) -> None:
    allowed = {"src", "alt", "loading", "decoding", "referrerpolicy", "data-initial"}

    def check(sample: dict[str, Any]) -> None:
        for page in stage.show(icon=text_of(sample)):
            for picture in page.all("img"):
                assert re.match(r"https?://[\w.-]+(:\d+)?/|/public/", picture["src"])
                assert picture["referrerpolicy"] == "no-referrer"
                assert picture.attributes.keys() <= allowed

    check_each(check, ICONS)


def test_the_summary_in_a_button_has_no_links(stage: Stage) -> None:
    start, *_ = stage.show(description="[a](https://a.example/) <https://b.example/> **b**")
    option = start.all(data_testid="profile-option")[0]
    assert option.all("a") == []
    assert option.one("strong").text == "b"


def test_containers_of_untrusted_text_are_closed_to_htmx(stage: Stage) -> None:
    for page in stage.show():
        for container in page.with_class("prose"):
            assert "hx-ignore" in container.attributes
            assert "hx-disable" in container.attributes


@pytest.mark.parametrize("place", [p for p in PLAIN if p != "message"])
def test_bidi_controls_cannot_reorder_their_neighbours(stage: Stage, place: str) -> None:
    text = "\u202eevil\u2066 x"
    pages = stage.show(**{place: text})
    holders = [e for page in pages for e in page.walk() if text in own_text(e)]
    assert holders
    for holder in holders:
        assert holder.tag == "title" or isolated(holder, text), holder.tag


def test_a_refused_login_shows_the_name_as_text(make_app: AppMaker) -> None:
    app = make_app("roles.py")
    for number, sample in enumerate(CORPUS):
        text = text_of(sample)[:255]
        answer = Visitor(app).post(
            "/login",
            {"username": text, "password": "x"},
            environ_overrides={"REMOTE_ADDR": f"192.0.2.{number}"},
        )
        assert parse(answer.text).one(id="username")["value"] == clean_text(text).strip(), sample


def test_request_text_is_never_echoed_as_html(make_app: AppMaker) -> None:
    visitor = Visitor(make_app("simple.py"))
    payload = "<img src=x onerror=alert(1)>"
    answers = [
        visitor.post("/chats", {"profile": payload}),
        visitor.post("/chats", {payload: "1"}),
        visitor.post("/chats", {payload: "1"}, htmx=True),
        visitor.get(f"/{payload}"),
        visitor.get("/", headers={"HX-Prompt": payload, "Accept-Language": payload}),
        visitor.get("/login", query_string={"next": payload}),
    ]
    for answer in answers:
        if answer.status_code == 303:
            continue
        assert not [e for e in parse(answer.text).walk() if "onerror" in e.attributes]


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("step", [1, 5])
def test_no_step_of_a_growing_text_is_more_than_allowed(step: int, around: str) -> None:
    def check(sample: dict[str, Any]) -> None:
        split_mark = "|" if sample["ctx"] == "sse_split" else ""
        payload = clean_text(text_of(sample).replace(split_mark, ""))
        text = AROUND[around].replace("{}", payload)
        page = Markup()
        live = GrowingMarkdown()
        for end in range(step, len(text), step):
            growth = live.grow(text[:end])
            page = growth.finished if growth.restart else page + growth.finished
            # What was finished before has been looked at.
            check_elements(parse(growth.finished + growth.tail))
        last = live.finish(text)
        assert ("" if last.restart else page) + last.finished == message_html(text)

    check_each(check, samples("xss"))


def outside(page: Element) -> list[tuple[str, tuple[str, ...]]]:
    """Return the shape of a page without what stands in containers of Markdown.

    The links of a description have a container only if there are any.
    """
    links = page.with_class("option-links")
    held = {id(e) for container in page.with_class("prose") + links for e in container.walk()}
    held.update(map(id, links))
    return [shape_of(e) for e in page.walk() if id(e) not in held]


def letters(text: str) -> str:
    return "".join(c for c in clean_text(text) if c.isalnum())


def own_text(element: Element) -> str:
    return "".join(c for c in element.children if isinstance(c, str))


def isolated(element: Element, text: str) -> bool:
    """Say whether ``text`` stands alone in what isolates it: beside nothing it could turn."""
    here: Element | None = element
    while here is not None:
        if here.tag == "bdi" or here.get("dir") == "auto":
            return here.text.strip() == text.strip()
        here = here.parent
    return False
