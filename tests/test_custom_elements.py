"""An app's own elements: templates beside the app file, in a sandbox, cleaned for the page."""

from __future__ import annotations

import json
import re
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.support.apps import AppMaker
from tests.support.chats import Chat
from tests.support.html import Element, parse
from tests.support.log import LogReader
from tests.support.people import Visitor
from tests.support.rows import column
from tests.test_sharing import shared
from webapp.authoring.chat_message import ElementData
from webapp.authoring.elements.custom import CustomElement
from webapp.authoring.elements.custom_forms import TemplateActions
from webapp.authoring.elements.custom_templates import render_custom
from webapp.authoring.errors import MisuseError
from webapp.elements.custom_html import custom_html

SENDS = """
    import webapp as cl

    @cl.password_auth_callback
    def let_in(username, password):
        return cl.User(identifier=username) if password == username * 2 else None

    @cl.on_message
    def answer(message):
        ticket = cl.CustomElement(name="Ticket", props={"title": message.content, "open": True})
        cl.Message(content="Your ticket:", elements=[ticket]).send()
        if message.content == "closed":
            ticket.props["open"] = False
            ticket.update()
"""
NO_ACTIONS = TemplateActions(uuid.UUID(int=1))
TICKET = """
<section class="ticket" id="top">
  <h2>{{ props.title }}</h2>
  {% if props.open %}<p>Open</p>{% else %}<p>Done</p>{% endif %}
  <a href="#top">Up</a>
</section>
"""


@pytest.fixture
def templates(make_app: AppMaker) -> Path:
    """Return the folder of templates beside the app file, with one in it."""
    folder = make_app.folder / "elements"
    folder.mkdir()
    (folder / "Ticket.html").write_text(TICKET)
    return folder


@pytest.fixture
def alice(make_app: AppMaker, templates: Path) -> Visitor:
    """Return Alice, signed in to an app that answers with its own element."""
    return Visitor(make_app(SENDS, WEBAPP_SHARING="true")).logged_in("alice")


def ask(visitor: Visitor, text: str = "A lamp") -> tuple[Chat, Element]:
    """Write a message, and return the chat and the element of the answer."""
    chat = Chat.of(visitor).say(text)
    return chat, chat.page().one(data_kind="custom")


def html_of(folder: Path, template: str, **props: Any) -> str:
    """Return what a page takes of a template."""
    (folder / "elements").mkdir(exist_ok=True)
    (folder / "elements" / "Some.html").write_text(template)
    element = ElementData(id=uuid.UUID(int=1), kind="custom", name="Some", details={"props": props})
    found = custom_html(folder, element, "/site")
    assert found is not None
    return str(found)


def test_an_element_of_its_own_is_shown_reloaded_and_updated(alice: Visitor) -> None:
    chat, element = ask(alice)
    assert element["data-name"] == "Ticket"
    assert element.one("h2").text == "A lamp"
    assert element.one("p").text == "Open"
    closed = Chat.at(alice, chat.address).say("closed").page().all(data_kind="custom")[-1]
    assert closed.one("p").text == "Done"


def test_readers_of_a_shared_chat_see_it(alice: Visitor) -> None:
    chat, _ = ask(alice)
    bob = Visitor(alice.app).logged_in("bob")
    page = parse(bob.get(shared(alice, chat.address)).text)
    assert page.one(data_kind="custom").one("h2").text == "A lamp"


def test_its_page_is_of_its_owner(alice: Visitor) -> None:
    chat, _ = ask(alice)
    [said] = chat.page().all(data_testid="message", data_kind="assistant")
    [[stored]] = [found for found in column(alice.app, "messages.elements") if found]
    address = f"/elements/{stored['id']}?message={said['data-message-id']}"
    shown = parse(alice.get(address).text).one(data_kind="custom")
    assert "A lamp" in shown.text
    assert Visitor(alice.app).logged_in("bob").get(address).status_code == 404
    alice.post(f"{chat.address}/delete")
    assert alice.get(address).status_code == 404


def test_its_ids_are_its_own(alice: Visitor) -> None:
    chat, _ = ask(alice)
    chat.say("Another lamp")
    found = [it.one("section")["id"] for it in chat.page().all(data_kind="custom")]
    links = [it.one("a")["href"] for it in chat.page().all(data_kind="custom")]
    assert len(set(found)) == 2
    assert links == [f"#{it}" for it in found]


@pytest.mark.parametrize(
    "text",
    ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ 7 * 7 }}", "\u202eabc"],
)
def test_props_are_text(alice: Visitor, text: str) -> None:
    _, element = ask(alice, text)
    assert element.one("h2").text == text
    assert not element.all("script")
    assert not element.all("img")


@pytest.mark.parametrize(
    "template",
    [
        "<a href={{ props.x }}>x</a>",
        "<div class={{ props.x }}>x</div>",
        "<p {{ props.x }}>x</p>",
        "{{ props.x|safe }}",
        '<svg viewBox="0 0 1 1"><a href="{{ props.x }}"><text>x</text></a></svg>',
    ],
)
@pytest.mark.parametrize(
    "x",
    [
        "javascript:alert(1)",
        "x onclick=alert(1) hx-get=/logout data-script=/x style=color:red",
        "<iframe src=/></iframe><form action=/logout><button>x</button></form>",
        "<svg><style>*{}</style><foreignObject><img src=x onerror=alert(1)></foreignObject></svg>",
        "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
        "data:text/html,<script>alert(1)</script>",
    ],
)
def test_no_page_takes_anything_active_from_props(tmp_path: Path, template: str, x: str) -> None:
    for found in parse(html_of(tmp_path, template, x=x)).walk():
        assert found.tag not in ("script", "style", "iframe", "form", "button", "math", "input")
        for name, value in found.attributes.items():
            assert not name.startswith(("on", "hx-", "data-")), found.attributes
            assert name != "style"
            if name in ("href", "src"):
                assert not value.strip().lower().startswith(("javascript:", "data:")), value


def test_pictures_come_from_the_public_folder_and_drawings_are_kept(tmp_path: Path) -> None:
    html = html_of(
        tmp_path,
        '<img src="/public/a b.png" alt="A"><img src="https://x.example/y.png" alt="B">'
        '<svg viewBox="0 0 9 9"><path d="M0 0h9" stroke="red" fill="url(#x)"/></svg>'
        '<progress value="3" max="9"></progress>',
    )
    page = parse(html)
    assert [it.get("src") for it in page.all("img")] == ["/site/public/a%20b.png", None]
    assert page.one("path")["d"] == "M0 0h9"
    assert page.one("path").get("fill") is None
    assert 'viewBox="0 0 9 9"' in html
    assert page.one("progress")["max"] == "9"


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("<p>\n{% if %}</p>", r"elements/Ticket\.html:2: .*"),
        ("<p>\n\n{{ props.title.nothing.more }}</p>", r"elements/Ticket\.html:3: .*UndefinedError"),
        ("{{ 1 / 0 }}", r"elements/Ticket\.html:1: ZeroDivisionError"),
        ("{% include 'Missing.html' %}", r"elements/Ticket\.html: there is no Missing\.html"),
        ("{{ props.__class__.__mro__ }}", r"elements/Ticket\.html:1: .*SecurityError"),
        ("<b>\n<script>x</script>", r"elements/Ticket\.html:2 has a script"),
        ('<b style="color: red">x</b>', r"elements/Ticket\.html:1 has a style"),
        ('<b onclick="x()">x</b>', r"elements/Ticket\.html:1 has a script in an attribute"),
        ('<b hx-get="/x">x</b>', r"elements/Ticket\.html:1 has an attribute of htmx"),
        ("<form><button>x</button></form>", r"elements/Ticket\.html has a form without an action"),
        ('<form action="/logout"></form>', r"elements/Ticket\.html:1 has an address"),
        ("<button>x</button>", r"elements/Ticket\.html has a button that does nothing"),
        ("<input name='a'>", r"elements/Ticket\.html has a field outside a form"),
        (
            "<form {{ action('a') }}><input type='password' name='a'></form>",
            r"elements/Ticket\.html has an <input type=.*password.*>, which no page takes",
        ),
        ("\n{{ action('') }}", r"elements/Ticket\.html:2: Action name must not be empty"),
        ("{{ action('a', {1: 2}) }}", r"elements/Ticket\.html:1: Action payload cannot be stored"),
        ("{{ 'x' * 300000 }}", r"elements/Ticket\.html makes 300,000 characters"),
    ],
)
def test_a_mistake_in_a_template_is_its_authors_with_file_and_line(
    alice: Visitor, templates: Path, log: LogReader, template: str, reason: str
) -> None:
    (templates / "Ticket.html").write_text(template)
    page = Chat.of(alice).say("A lamp").page()
    assert not page.all(data_kind="custom")
    assert page.all(data_kind="error")
    log.one("turn.failed")
    assert re.search(f"CustomTemplateError: {reason}", log.text.replace("\\n", "\n")), log.text


def test_jsx_is_refused_with_what_to_write(make_app: AppMaker, log: LogReader) -> None:
    folder = make_app.folder / "public" / "elements"
    folder.mkdir(parents=True)
    (folder / "Ticket.jsx").write_text("export default () => null")
    Chat.of(Visitor(make_app(SENDS)).logged_in("alice")).say("A lamp")
    log.one("turn.failed")
    assert "public/elements/Ticket.jsx is JSX, which is not run here." in log.text
    assert "Write elements/Ticket.html beside the app file" in log.text


@pytest.mark.parametrize("name", ["../secret", "a/b", "", "a.html", "x" * 101, "é"])
def test_a_name_leads_to_no_other_folder(tmp_path: Path, name: str) -> None:
    element = ElementData(id=uuid.UUID(int=1), kind="custom", name=name)
    assert custom_html(tmp_path, element, "") is None


def test_a_template_that_was_removed_leaves_the_message(alice: Visitor, templates: Path) -> None:
    chat, _ = ask(alice)
    (templates / "Ticket.html").unlink()
    page = chat.page()
    assert "This part of the message cannot be shown." in page.one(data_kind="custom").text
    assert "Your ticket:" in page.text


def test_templates_share_parts_and_see_props_only(tmp_path: Path) -> None:
    folder = tmp_path / "elements"
    folder.mkdir()
    (folder / "_row.html").write_text("<li>{{ item }}</li>")
    (folder / "List.html").write_text(
        "<ul>{% for item in props['items'] %}{% include '_row.html' %}{% endfor %}</ul>"
        "{{ request }}{{ config }}{{ g }}"
    )
    html = render_custom(folder / "List.html", {"items": ["a", "<b>"]}, NO_ACTIONS)
    assert html == "<ul><li>a</li><li>&lt;b&gt;</li></ul>"
    (folder / "Up.html").write_text("{% include '../secret.html' %}")
    with pytest.raises(MisuseError, match="secret"):
        render_custom(folder / "Up.html", {}, NO_ACTIONS)


def test_props_that_cannot_be_stored_are_refused() -> None:
    circle: dict[str, Any] = {}
    circle["me"] = circle
    for props in (
        {"x": object()},
        {"x": {1: 2}},
        {"x": "y" * 200_000},
        circle,
        {"x": float("nan")},
    ):
        with pytest.raises(MisuseError, match=r"CustomElement Ticket: .*Give text, numbers"):
            CustomElement(name="Ticket", props=props).new_files()
    assert json.dumps(CustomElement(name="Ticket").props) == "{}"
