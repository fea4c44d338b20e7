"""Elements: what a message shows beside its text, from the author's code to the page."""

from __future__ import annotations

import base64
import re
import textwrap
import threading
import uuid
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from tests.support.apps import AppMaker
from tests.support.chats import Chat
from tests.support.files import contents
from tests.support.html import Element, parse
from tests.support.log import LogReader
from tests.support.people import HTMX, Visitor
from tests.support.rows import column, count, run_sql
from webapp.authoring.chat_message import StoredFile
from webapp.files.saving import save_files
from webapp.testing.background import wait_for_background
from webapp.web.server import SEEN_AT_ONCE

# One pixel, and an SVG with a script.
PNG = (
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c63f8cfc0f01f0005000201f5c6ab2b0000000049454e44ae426082"
)
SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"><script>alert(1)</script></svg>'
)
APP = """
import asyncio
from pathlib import Path

import webapp as cl

PNG = bytes.fromhex("{png}")
SVG = '{svg}'
KEPT = {{}}

@cl.on_message
{head} answer(message):
{body}
"""
# The code of an element, its kind, and what the page has of it.
KINDS = {
    "image": "cl.Image(name='a dot', content=PNG, size='small')",
    "file": "cl.File(name='table.csv', content='a,b')",
    "pdf": "cl.Pdf(name='paper.pdf', content=b'%PDF-1.4 x', page=2)",
    "audio": "cl.Audio(name='beep', content=b'RIFF....WAVEfmt ')",
    "video": "cl.Video(name='tour', content=b'....ftypisom', size='large')",
    "text": "cl.Text(name='notes', content='some **bold** text')",
}


def app_with(make_app: AppMaker, body: str, head: str = "async def") -> Flask:
    text = textwrap.indent(textwrap.dedent(body), "    ")
    app = APP.format(head=head, body=text, png=PNG, svg=SVG)
    return make_app(app, sharing=True, streaming="sse")


def elements_of(chat: Chat) -> list[Element]:
    return chat.page().all(data_testid="element")


@pytest.mark.parametrize("head", ["def", "async def"])
@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_shown_and_is_there_after_a_reload(
    make_app: AppMaker, kind: str, head: str
) -> None:
    app = app_with(make_app, f"cl.Message('Look:', elements=[{KINDS[kind]}]).send()", head)
    chat = Chat(app).say("a")
    for _ in range(2):
        [element] = elements_of(chat)
        assert (element["data-kind"], element["data-display"]) == (kind, "inline")
        assert chat.messages() == ["Look:"]
    [address] = {
        (it.get("src") or it["href"]).partition("#")[0]
        for it in element.walk()
        if "/files/" in (it.get("src") or it.get("href") or "")
    }
    assert chat.visitor.get(address).status_code == 200
    assert Visitor(app).get(address).status_code == 404


def addresses_in(element: Element) -> list[str]:
    """Return the addresses of files in an element, each once."""
    found = (it.get("src") or it.get("href") or "" for it in element.walk())
    return list(dict.fromkeys(it.partition("#")[0] for it in found if "/files/" in it))


def kept(app: Flask) -> dict[str, Any]:
    """Return what the app file keeps."""
    found: dict[str, Any] = app.extensions["chat_app"].callbacks["on_message"].function.__globals__
    values: dict[str, Any] = found["KEPT"]
    return values


def shared(chat: Chat) -> str:
    """Share a chat, and return the address of its link."""
    chat.visitor.post(f"{chat.address}/share")
    page = parse(chat.visitor.get(f"{chat.address}/share").text)
    return re.search(r"/shared/[\w-]+", page.one(data_testid="share-link")["value"])[0]  # type: ignore[index]


def test_a_picture_says_its_size_and_its_name(make_app: AppMaker) -> None:
    chat = Chat(app_with(make_app, f"cl.Message('a', elements=[{KINDS['image']}]).send()"))
    [element] = elements_of(chat.say("x"))
    picture = element.one("img")
    assert (picture["width"], picture["height"], picture["alt"]) == ("1", "1", "a dot")
    assert picture["loading"] == "lazy"
    assert element.one("a").classes == ["picture", "small"]


def test_a_picture_without_a_name_has_some_words(make_app: AppMaker) -> None:
    chat = Chat(app_with(make_app, "cl.Message('', elements=[cl.Image(content=PNG)]).send()"))
    [element] = elements_of(chat.say("x"))
    assert element.one("img")["alt"] == "Picture"


def test_an_svg_is_a_picture_and_nothing_else(make_app: AppMaker) -> None:
    body = "cl.Message('a', elements=[cl.Image(name='a.svg', content=SVG)]).send()"
    chat = Chat(app_with(make_app, body)).say("x")
    [element] = elements_of(chat)
    assert element.one("img")["width"] == "40"
    assert element.all("svg") == element.all("object") == element.all("iframe") == []
    answer = chat.visitor.get(element.one("img")["src"])
    assert answer.headers["Content-Security-Policy"].startswith("sandbox;")


def test_a_document_opens_at_its_page(make_app: AppMaker) -> None:
    chat = Chat(app_with(make_app, f"cl.Message('a', elements=[{KINDS['pdf']}]).send()")).say("x")
    [element] = elements_of(chat)
    assert element.one("iframe")["src"].endswith("#page=2")
    assert element.one("details").get("open") is None
    answer = chat.visitor.get(element.one("a")["href"])
    assert "frame-ancestors 'self'" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("code", "has", "has_not"),
    [
        ("cl.Audio(content=b'x')", ["controls"], ["autoplay"]),
        ("cl.Audio(content=b'x', auto_play=True)", ["controls", "autoplay"], []),
        ("cl.Video(content=b'x', player_config={'loop': True})", ["controls", "loop"], ["muted"]),
        (
            "cl.Video(content=b'x', player_config={'playing': True, 'muted': True, 'odd': 1})",
            ["controls", "autoplay", "muted"],
            ["odd"],
        ),
        ("cl.Video(content=b'x', player_config={'controls': False})", ["controls"], []),
        (
            "cl.Video(content=b'x', player_config={'controls': False, 'playing': True})",
            ["autoplay"],
            ["controls"],
        ),
    ],
)
def test_a_player_does_what_its_options_say(
    make_app: AppMaker, code: str, has: list[str], has_not: list[str]
) -> None:
    body = f"cl.Message('a', elements=[{code}]).send() if message.content == 'a' else None"
    chat = Chat(app_with(make_app, body)).say("a")
    [element] = elements_of(chat)
    [player] = [it for it in element.walk() if it.tag in ("audio", "video")]
    assert [it for it in has if player.get(it) is None] == []
    assert [it for it in has_not if player.get(it) is not None] == []


def test_only_the_newest_message_begins_to_play(make_app: AppMaker) -> None:
    body = "cl.Message('a', elements=[cl.Audio(content=b'x', auto_play=True)]).send()"
    chat = Chat(app_with(make_app, body)).say("a").say("b")
    assert [it.get("autoplay") for it in chat.page().all("audio")] == [None, ""]


def test_code_is_coloured_and_prose_is_markdown(make_app: AppMaker) -> None:
    body = """
        code = cl.Text(name="q", content="x = 1 # ```", language="python")
        await cl.Message("a", elements=[cl.Text(content="**b** <b onclick=x>c</b>"), code]).send()
    """
    prose, code = elements_of(Chat(app_with(make_app, body)).say("x"))
    assert prose.one("strong").text == "b"
    assert [it for it in prose.walk() if it.get("onclick")] == []
    assert code.one("code").classes == ["language-python"]
    assert code.one("code").text.strip() == "x = 1 # ```"


def test_of_a_long_text_the_beginning_is_shown_and_its_page_has_all(make_app: AppMaker) -> None:
    body = """
        text = "word " * 4_000 + "the end"
        for display in ("inline", "page"):
            element = cl.Text(name="long one", content=text, display=display)
            await cl.Message("see the long one", elements=[element]).send()
    """
    chat = Chat(app_with(make_app, body)).say("x")
    [element] = elements_of(chat)
    assert "the end" not in element.text
    assert "This is the beginning." in element.text
    [link] = chat.page().all(data_testid="element-link")
    assert "the end" in chat.visitor.get(link["href"]).text


@pytest.mark.parametrize("display", ["side", "page"])
def test_a_name_in_the_text_opens_the_element(make_app: AppMaker, display: str) -> None:
    body = f"""
        it = cl.Text(name="the notes", content="Inside", display="{display}")
        await cl.Message("See **the notes**, not `the notes`.", elements=[it]).send()
    """
    app = app_with(make_app, body)
    chat = Chat(app).say("x")
    assert elements_of(chat) == []
    [link] = chat.page().all(data_testid="element-link")
    assert (link.text, link["data-name"]) == ("the notes", "the notes")
    page = parse(chat.visitor.get(link["href"]).text)
    [element] = page.all(data_testid="element")
    assert (element["data-display"], element.one("section")["aria-label"]) == (display, "the notes")
    assert "Inside" in element.text
    assert chat.address in [(it.get("href") or "").partition("#")[0] for it in page.all("a")]
    assert Visitor(app).get(link["href"]).status_code == 404
    panel = parse(chat.visitor.get(f"{link['href']}&in=panel", headers=HTMX).text)
    assert panel.one("h2").text == "the notes"


def test_without_its_name_in_the_text_an_element_has_a_card(make_app: AppMaker) -> None:
    body = """
        first = cl.Text(name="one", content="1", display="side")
        second = cl.File(name="two", content="2", display="page")
        await cl.Message("Only one is here.", elements=[first, second]).send()
    """
    chat = Chat(app_with(make_app, body)).say("x")
    links = chat.page().all(data_testid="element-link")
    assert [(link.text.strip(), "file-card" in link.classes) for link in links] == [
        ("one", False),
        ("two", True),
    ]


def test_hostile_names_stay_text(make_app: AppMaker) -> None:
    body = """
        names = ["<script>x</script>", '"><img src=x>', "../../a", "\\u202egpj.exe", "\\x00a", " "]
        for display in ("inline", "side"):
            them = [cl.Text(name=name, content="x", display=display) for name in names]
            await cl.Message(" and ".join(names), elements=them).send()
    """
    app = app_with(make_app, body)
    chat = Chat(app).say("x")
    page = chat.page()
    assert [it for it in page.all("img") if it.get("src") == "x"] == []
    assert [it for it in page.all("script") if it.text == "x"] == []
    for element in elements_of(chat):
        for address in addresses_in(element):
            assert chat.visitor.get(address).status_code == 200
    for link in page.all(data_testid="element-link"):
        assert chat.visitor.get(link["href"]).status_code == 200


@pytest.mark.parametrize("address", ["/elements/{}", "/elements/{}?message={}", "/elements/{}?x=y"])
def test_what_is_not_there_is_not_found(make_app: AppMaker, address: str) -> None:
    chat = Chat(app_with(make_app, "pass"))
    nobody = "00000000-0000-4000-8000-000000000000"
    assert chat.visitor.get(address.format(nobody, nobody)).status_code == 404
    assert chat.visitor.get(f"/elements/{nobody}?message=7").status_code == 400
    assert chat.visitor.get(f"/elements/{nobody}?share=a&share=b").status_code == 400


def test_elements_come_while_the_answer_streams(make_app: AppMaker) -> None:
    body = """
        notes = cl.Text(name="the notes", content="Inside", display="side")
        m = cl.Message("", elements=[cl.Image(name="dot", content=PNG), notes])
        await m.stream_token("Begin ")
        await m.send()
        for token in ("with ", "the ", "not", "es", " here."):
            await m.stream_token(token)
            await asyncio.sleep(0.15)
        await m.update()
    """
    chat = Chat(app_with(make_app, body))
    form = {"content": "x", "key": str(uuid.uuid4())}
    threads = {"wsgi.multithread": True, SEEN_AT_ONCE: 8}
    answer = chat.visitor.post(
        f"{chat.address}/messages", form, htmx=True, environ_overrides=threads
    )
    assert answer.mimetype == "text/event-stream"
    streamed = answer.text
    assert streamed.count('data-kind="image"') >= 1
    assert 'data-testid="element-link" data-name="the notes" data-panel>the notes</a>' in streamed


def test_a_shared_chat_shows_its_elements_as_they_were(make_app: AppMaker) -> None:
    body = """
        if message.content == "remove":
            await cl.Message("", id=KEPT["id"]).remove()
            return
        notes = cl.Text(name="the notes", content="Inside", display="side")
        m = await cl.Message("See the notes", elements=[cl.Image(content=PNG), notes]).send()
        KEPT["id"] = m.id
    """
    app = app_with(make_app, body)
    chat = Chat(app).say("x")
    link = shared(chat)
    chat.say("remove")
    reader = Visitor(app)
    page = parse(reader.get(link).text)
    [element] = page.all(data_testid="element")
    [address] = addresses_in(element)
    assert reader.get(address).status_code == 200
    [notes] = page.all(data_testid="element-link")
    assert "Inside" in reader.get(notes["href"]).text
    assert reader.get(address.partition("?")[0]).status_code == 404
    assert reader.get(notes["href"].replace("share=", "share=x")).status_code == 404
    chat.visitor.post(f"{chat.address}/unshare")
    assert reader.get(address).status_code == 404
    assert reader.get(notes["href"]).status_code == 404


def test_an_element_joins_a_message_that_was_sent(make_app: AppMaker) -> None:
    body = """
        m = await cl.Message("a").send()
        await cl.File(name="one", content="1").send(for_id=m.id)
        m.content = "b"
        await m.update()
    """
    chat = Chat(app_with(make_app, body)).say("x")
    assert [it["data-name"] for it in elements_of(chat)] == ["one"]
    assert chat.messages() == ["b"]


@pytest.mark.parametrize("which", ["earlier answer", "user's message"])
def test_an_element_joins_a_message_of_before(make_app: AppMaker, which: str) -> None:
    body = f"""
        if message.content == "first":
            m = await cl.Message("answer", elements=[cl.File(name="one", content="1")]).send()
            KEPT["id"] = m.id if {which!r} == "earlier answer" else message.id
        else:
            await cl.File(name="two", content="2").send(for_id=KEPT["id"])
    """
    chat = Chat(app_with(make_app, body)).say("first").say("second")
    assert chat.messages() == ["answer"]
    names = {"one", "two"}
    assert {it["data-name"] for it in elements_of(chat)} == names
    assert "first" in chat.page().text


def test_for_id_names_a_message_of_this_chat(make_app: AppMaker, log: LogReader) -> None:
    body = """
        for key in ("7", "00000000-0000-4000-8000-000000000000", KEPT.get("id")):
            try:
                await cl.File(name="one", content="1").send(for_id=key)
            except Exception as error:
                await cl.Message(str(error)).send()
        KEPT["id"] = message.id
    """
    app = app_with(make_app, body)
    first, second = Chat(app).say("x"), Chat(app).say("y")
    assert "for_id is the id of a message, not '7'" in first.messages()[0]
    assert "has no message with the id" in first.messages()[1]
    assert "belongs to another chat" in second.messages()[2]
    assert elements_of(first) == elements_of(second) == []


def test_an_update_shows_the_new_file_in_the_old_place(make_app: AppMaker) -> None:
    body = """
        them = [cl.File(name=name, content="old " + name) for name in ("one", "two")]
        await cl.Message("a", elements=them).send()
        them[0].content = "new"
        await them[0].update()
    """
    app = app_with(make_app, body)
    chat = Chat(app).say("x")
    first, second = elements_of(chat)
    assert (first["data-name"], second["data-name"]) == ("one", "two")
    assert chat.visitor.get(addresses_in(first)[0]).data == b"new"
    assert contents(app) == [b"new", b"old two"]


@pytest.mark.parametrize(
    "body",
    [
        "await one.remove()",
        "await m.remove(); await cl.Message('b').send()",
        "KEPT['gone'] = m",
    ],
)
def test_what_is_removed_is_gone_with_its_file(make_app: AppMaker, body: str) -> None:
    body = f"""
        if message.content == "again":
            await KEPT["gone"].remove()
            return
        one = cl.File(name="one", content="secret")
        m = await cl.Message("a", elements=[one]).send()
        KEPT["address"] = f"/files/{{one.id}}/one"
        {body}
    """
    app = app_with(make_app, body)
    chat = Chat(app).say("x")
    address = kept(app)["address"]
    if "gone" in kept(app):
        assert chat.visitor.get(address).data == b"secret"
        chat.say("again")
    wait_for_background()
    assert elements_of(chat) == []
    assert chat.visitor.get(address).status_code == 404
    assert count(app, "files") == 0
    assert contents(app) == []


def test_the_same_picture_in_two_messages_is_two_elements(make_app: AppMaker) -> None:
    body = """
        one = cl.Image(name="one", content=PNG)
        first = await cl.Message("a", elements=[one]).send()
        await cl.Message("b", elements=[one]).send()
        await first.remove()
    """
    app = app_with(make_app, body)
    chat = Chat(app).say("x")
    [element] = elements_of(chat)
    assert chat.visitor.get(addresses_in(element)[0]).status_code == 200


def test_what_is_not_awaited_is_shown_all_the_same(make_app: AppMaker) -> None:
    body = "cl.Message('a', elements=[cl.File(name='one', content='1')]).send()"
    assert len(elements_of(Chat(app_with(make_app, body)).say("x"))) == 1


@pytest.mark.parametrize("how", ["await ", ""])
@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("cl.File(name='a', path='/nowhere')", "there is no file at /nowhere"),
        ("cl.File(name='a')", "needs one of path, url and content"),
        ("cl.File(name='a', content='b', url='c')", "needs one of path, url and content"),
        ("cl.File(name='a', content=7)", "content must be bytes or text, not int"),
        ("cl.Image(name='a', url='data:image/png;base64,a?b')", "holds no content"),
        ("cl.Image(name='a', url='data:image/png')", "holds no content"),
        ("cl.Image(name='a', url='data:,a', content='b')", "needs one of path, url and content"),
    ],
)
def test_what_cannot_be_shown_teaches_the_author(
    make_app: AppMaker, log: LogReader, how: str, code: str, says: str
) -> None:
    body = f"{how}cl.Message('a', elements=[{code}]).send()"
    Chat(app_with(make_app, body)).say("x")
    assert says in log.one("turn.failed")["traceback"]


@pytest.mark.parametrize(
    "fails",
    [
        "await m.send()",
        "await asyncio.create_task(m.send())",
        "await asyncio.gather(m.send(), cl.Message('beside').send())",
        "await m.update()",
        "await cl.File(path='/nowhere').send(for_id=before.id)",
        "await asyncio.gather(cl.File(path='/nowhere').send(for_id=before.id))",
        "await cl.Step(name='a', elements=m.elements).send()",
        "await cl.ElementSidebar.set_elements(m.elements)",
    ],
)
def test_an_app_that_catches_what_cannot_be_shown_goes_on(make_app: AppMaker, fails: str) -> None:
    body = f"""
        before = await cl.Message("before").send()
        m = cl.Message("a", elements=[cl.File(name="a", path="/nowhere")])
        try:
            {fails}
        except Exception as error:
            await cl.Message(f"It says: {{error}}").send()
        m.elements = []
        await m.send()
    """
    chat = Chat(app_with(make_app, body)).say("x")
    page = chat.page()
    assert "It says: File: there is no file at /nowhere." in page.text
    assert page.all(data_kind="error") == page.all(data_status="failed") == []
    assert "a" in chat.messages()


def test_elements_that_are_sent_at_once_come_in_their_order(make_app: AppMaker) -> None:
    body = """
        m = await cl.Message("a").send()
        sizes = (8_000_000, 1, 4_000_000, 1, 1)
        files = [cl.File(name=str(n), content=bytes(size)) for n, size in enumerate(sizes)]
        late = cl.File(name="late", path="/nowhere")
        sent = await asyncio.gather(
            *[it.send(for_id=m.id) for it in [*files[:1], late, *files[1:]]], return_exceptions=True
        )
        assert [type(it).__name__ for it in sent].count("MisuseError") == 1
    """
    chat = Chat(app_with(make_app, body)).say("x")
    assert [it["data-name"] for it in elements_of(chat)] == list("01234")


def test_saving_holds_up_no_other_chat(make_app: AppMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    threads = []

    def note(*args: Any) -> list[StoredFile]:
        threads.append(threading.current_thread().name)
        return save_files(*args)

    monkeypatch.setattr("webapp.turns.contexts.save_files", note)
    body = "await cl.Message('a', elements=[cl.File(name='one', content='1')]).send()"
    assert len(elements_of(Chat(app_with(make_app, body)).say("x"))) == 1
    assert threads == ["webapp-save"]


FAR = "https://far.example"


def test_an_address_elsewhere_is_shown_where_the_page_lists_its_origin(make_app: AppMaker) -> None:
    body = f"""
        them = [
            cl.Image(name="one", url="{FAR}/one.png"),
            cl.Video(name="two", url="{FAR}/two.mp4"),
            cl.File(name="three", url="{FAR}/three.zip"),
            cl.Image(name="four", url="/public/four.png"),
            cl.Image(name="five", url="https://side.example/five.png", display="side"),
        ]
        await cl.Message("a", elements=them).send()
    """
    chat = Chat(app_with(make_app, body)).say("x")
    answer = chat.visitor.get(chat.address)
    policy = answer.headers["Content-Security-Policy"]
    both = f"{FAR} https://side.example"
    assert f"img-src 'self' {both}; media-src 'self' {both};" in policy
    assert f'"X-Icon-Origins": "{both}"' in answer.text
    page = parse(answer.text)
    assert page.one("video")["src"] == f"{FAR}/two.mp4"
    assert [it["src"] for it in page.all("img")] == [f"{FAR}/one.png", "/public/four.png"]
    panel = f"{page.one(data_testid='element-link')['href']}&in=panel"
    shown = chat.visitor.get(panel, headers={**HTMX, "X-Icon-Origins": both})
    assert parse(shown.text).one("img")["src"] == "https://side.example/five.png"
    # A fragment cannot change the policy of its page.
    refused = chat.visitor.get(panel, headers={**HTMX, "X-Icon-Origins": FAR})
    assert parse(refused.text).all("img") == []
    fragment = chat.visitor.get(f"{chat.address}/news", headers={**HTMX, "X-Icon-Origins": ""})
    assert f'src="{FAR}' not in fragment.text


@pytest.mark.parametrize("url", ["javascript:alert(1)", "//far.example/x", "https://a b/", "x"])
def test_an_odd_address_is_no_link(make_app: AppMaker, url: str) -> None:
    body = f"""
        for kind in (cl.Image, cl.File, cl.Pdf, cl.Audio, cl.Video, cl.Text):
            await cl.Message("a", elements=[kind(name="b", url="{url}")]).send()
    """
    for element in elements_of(Chat(app_with(make_app, body)).say("x")):
        assert "cannot be opened" in element.text
        assert [it for it in element.walk() if it.get("href") or it.get("src")] == []


def test_an_app_opens_a_panel_and_closes_it(make_app: AppMaker) -> None:
    body = """
        if message.content == "close":
            await cl.ElementSidebar.set_elements([])
            return
        await cl.ElementSidebar.set_title("Sources")
        them = [cl.Text(name=message.content, content="Inside " + message.content)]
        await cl.ElementSidebar.set_elements(them, key=message.content)
        await cl.Message("opened").send()
    """
    app = app_with(make_app, body)
    chat = Chat(app).say("one")
    [card] = chat.page().all(data_testid="element-link")
    panel = parse(chat.visitor.get(f"{card['href']}&in=panel", headers=HTMX).text)
    assert (panel.one("h2").text, "Inside one" in panel.text) == ("Sources", True)
    chat.say("one").say("two")
    # With the same key it stays. What was opened before can be opened again.
    links = chat.page().all(data_testid="element-link")
    assert [it["data-name"] for it in links] == ["one", "two"]
    cards = [it for it in chat.say("close").page().all("ul") if it.get("data-sidebar")]
    assert [it.get("data-closed") for it in cards] == [None, ""]


def test_a_panel_is_changed_in_the_same_call(make_app: AppMaker) -> None:
    body = """
        await cl.ElementSidebar.set_elements([cl.Text(name="one", content="1")])
        await cl.ElementSidebar.set_elements([cl.Text(name="two", content="2")])
        await cl.ElementSidebar.set_title("Later")
    """
    app = app_with(make_app, body)
    chat = Chat(app).say("x")
    [card] = chat.page().all(data_testid="element-link")
    assert card["data-name"] == "two"
    assert "Later" in chat.visitor.get(card["href"]).text
    assert contents(app) == [b"2"]


def test_an_imported_chat_loads_nothing_from_elsewhere(make_app: AppMaker) -> None:
    body = f"await cl.Message('a', elements=[cl.Image(name='b', url='{FAR}/b.png')]).send()"
    chat = Chat(app_with(make_app, body)).say("x")
    run_sql(chat.visitor.app, "UPDATE chats SET imported_at = created_at")
    link = shared(chat)
    for address in (chat.address, link):
        answer = chat.visitor.get(address)
        assert FAR not in answer.headers["Content-Security-Policy"]
        assert "<img" not in answer.text
        assert f'href="{FAR}/b.png"' in answer.text
    assert parse(chat.visitor.get(chat.address).text).all("img") == []


def test_a_start_shows_elements(make_app: AppMaker) -> None:
    app = make_app(
        """
        import webapp as cl

        @cl.on_chat_start
        async def start():
            await cl.Message("Hi", elements=[cl.File(name="rules", content="Be kind")]).send()
            await cl.ElementSidebar.set_elements([cl.Text(content="Welcome", name="Welcome")])

        @cl.on_message
        async def answer(message):
            pass
        """
    )
    chat = Chat(app)
    [element] = elements_of(chat)
    assert chat.visitor.get(addresses_in(element)[0]).data == b"Be kind"
    assert "Welcome" in chat.page().one(data_testid="element-link").text


def test_an_end_shows_elements(make_app: AppMaker) -> None:
    app = make_app(
        """
        import webapp as cl

        @cl.on_message
        async def answer(message):
            await cl.Message("a").send()

        @cl.on_chat_end
        async def end():
            await cl.Message("Bye", elements=[cl.File(name="summary", content="Short")]).send()
        """
    )
    chat = Chat(app).say("x")
    chat.visitor.start_chat()
    wait_for_background()
    assert [it["data-name"] for it in elements_of(chat)] == ["summary"]


def test_an_element_twice_in_a_message_is_shown_once(make_app: AppMaker) -> None:
    body = """
        one = cl.Image(name="one", content=PNG)
        assert (one.type, cl.Element(content="a").type) == ("image", "file")
        m = await cl.Message("a", elements=[one, one]).send()
        assert one.for_id == m.id
        m.elements.append(cl.Element(name="two", content="2"))
        await m.update()
        await m.send()
    """
    chat = Chat(app_with(make_app, body)).say("x")
    assert [it["data-kind"] for it in elements_of(chat)] == ["image", "file"]


def test_an_app_as_chainlit_documents_it(make_app: AppMaker, tmp_path: Path) -> None:
    (tmp_path / "cat.png").write_bytes(bytes.fromhex(PNG))
    app = make_app(
        f"""
        import webapp as cl

        @cl.on_chat_start
        async def start():
            elements = [
                cl.Image(path="{tmp_path}/cat.png", name="image1", display="inline"),
                cl.Text(name="text1", content="Here is a side text", display="side"),
                cl.Text(name="text2", content="Here is a page text", display="page"),
                cl.Pdf(name="pdf1", display="inline", path="{tmp_path}/cat.png", page=1),
            ]
            await cl.Message(
                content="Here is image1, a nice image of a cat! As well as text1 and text2!",
                elements=elements,
            ).send()

        @cl.on_message
        async def main(msg: cl.Message):
            images = [file for file in msg.elements if "image" in file.mime]
            if not msg.elements:
                await cl.Message(content="No file attached", actions=[]).send()
        """
    )
    chat = Chat(app)
    assert [it["data-name"] for it in elements_of(chat)] == ["image1", "pdf1"]
    links = chat.page().all(data_testid="element-link")
    assert [it["data-name"] for it in links] == ["text1", "text2"]
    assert chat.say("a").messages()[-1] == "No file attached"


def test_arguments_that_chainlit_has_are_taken(make_app: AppMaker) -> None:
    body = """
        fields = {
            "id": "a", "thread_id": "b", "for_id": None, "object_key": None, "chainlit_key": "c"
        }
        for kind in (cl.Image, cl.File, cl.Pdf, cl.Audio, cl.Video):
            KEPT[kind.__name__] = kind(content=b"a", language="python", **fields)
        KEPT["Text"] = cl.Text(content="a", language="python", id="a", chainlit_key="c")
        KEPT["Dataframe"] = cl.Dataframe(data=[{"a": 1}], id="a", thread_id="b", language=None)
        m = await cl.Message("a", elements=list(KEPT.values())).send()
        late = await cl.File(content="b").send(for_id=m.id, persist=False)
        KEPT["ids"] = {it.id for it in [*m.elements, late]}
        assert KEPT["Text"].language == "python"
    """
    app = app_with(make_app, body)
    assert len(elements_of(Chat(app).say("x"))) == 8
    assert len({uuid.UUID(it) for it in kept(app)["ids"]}) == 8


@pytest.mark.parametrize(
    ("url", "content"),
    [
        (f"data:image/png;base64,{base64.b64encode(bytes.fromhex(PNG)).decode()}", PNG),
        (f"DATA:image/png;base64,{base64.encodebytes(bytes.fromhex(PNG)).decode()}", PNG),
        (f"data:;base64,{base64.b64encode(bytes.fromhex(PNG)).decode().rstrip('=')}", PNG),
        ("data:text/plain;charset=utf-8,Gr%C3%BC%C3%9Fe", "Grüße".encode().hex()),
        ("data:,", ""),
        (f"data:text/plain,{'a' * 20_000}", (b"a" * 20_000).hex()),
    ],
)
def test_an_address_may_be_the_content(make_app: AppMaker, url: str, content: str) -> None:
    body = f"await cl.Message('a', elements=[cl.Image(name='a', url={url!r})]).send()"
    chat = Chat(app_with(make_app, body)).say("x")
    [element] = elements_of(chat)
    assert "data:" not in element.one("img")["src"]
    assert chat.visitor.get(addresses_in(element)[0]).data.hex() == content
    assert element.one("img").get("width") == ("1" if content == PNG else None)


def test_content_is_bytes_of_any_kind(make_app: AppMaker) -> None:
    body = """
        for content in (b"abc", bytearray(b"abc"), memoryview(b"abc")):
            await cl.Message("a", elements=[cl.File(name="a.bin", content=content)]).send()
        await cl.Message("a", elements=[cl.File(name="a.bin", path=__file__, content="")]).send()
        await cl.Message("a", elements=[cl.Image(name="a", content=bytearray(PNG))]).send()
    """
    chat = Chat(app_with(make_app, body)).say("x")
    *files, picture = elements_of(chat)
    contents_of = [chat.visitor.get(addresses_in(it)[0]).data for it in files]
    assert contents_of[:3] == [b"abc"] * 3
    assert b"import webapp" in contents_of[3]
    assert picture.one("img")["width"] == "1"


@pytest.mark.parametrize(("page", "opens"), [("3", "#page=3"), (2.0, "#page=2"), (0, "#page=1")])
def test_the_page_of_a_document_comes_as_readers_of_it_give_it(
    make_app: AppMaker, page: object, opens: str
) -> None:
    body = f"await cl.Message('a', elements=[cl.Pdf(content=b'%PDF-1.4', page={page!r})]).send()"
    [element] = elements_of(Chat(app_with(make_app, body)).say("x"))
    addresses = [it.get("src") or it.get("href") or "" for it in element.walk()]
    assert any(it.endswith(opens) for it in addresses)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le with a mark"])
@pytest.mark.parametrize("length", [1, 5_000])
def test_a_text_is_read_in_the_encoding_that_its_mark_says(
    make_app: AppMaker, tmp_path: Path, encoding: str, length: int
) -> None:
    text = "# Überschrift\n\n" + "Grüße " * length
    if encoding.endswith("mark"):
        text, encoding = f"\ufeff{text}", "utf-16-le"
    (tmp_path / "a.md").write_bytes(text.encode(encoding))
    body = f"""
        path = Path("{tmp_path}/a.md")
        given = (cl.Text(name="a", path=path), cl.Text(name="b", content=path.read_bytes()))
        await cl.Message("a", elements=given).send()
    """
    chat = Chat(app_with(make_app, body)).say("x")
    for element in elements_of(chat):
        assert "Überschrift" in [it.text for it in element.walk() if re.fullmatch("h[1-6]", it.tag)]
        assert "Grüße" in element.text
        element_id = re.search(r"[0-9a-f-]{36}", addresses_in(element)[0])[0]  # type: ignore[index]
        assert "# Überschrift" not in chat.visitor.get(f"/elements/{element_id}").text


def test_an_element_joins_a_step_of_an_earlier_answer(make_app: AppMaker) -> None:
    body = """
        if message.content == "begin":
            async with cl.Step(name="Search") as step:
                KEPT["before"] = cl.Step(name="Asked for its id").id
            KEPT["step"] = step.id
            again = await cl.Step(name="again").send()
            KEPT["same"] = again.id
            await again.remove()
            await again.send()
            return
        late = cl.File(name="late", content="1")
        await late.send(for_id=KEPT["step"])
        await cl.TaskList([cl.Task("a", cl.TaskStatus.DONE, forId=KEPT["step"])]).send()
    """
    app = app_with(make_app, body)
    page = Chat(app).say("begin").say("on").page()
    search, again = page.all(data_testid="step")
    assert [it["data-name"] for it in search.all(data_testid="element")] == ["late"]
    assert page.one(data_testid="task").one("a")["href"] == f"#{search['id']}"
    assert again["data-message-id"] != kept(app)["same"]


def test_to_remove_what_was_not_sent_does_nothing(make_app: AppMaker) -> None:
    body = """
        one, two = (cl.File(name=name, content=name) for name in ("one", "two"))
        await one.remove()
        await cl.Message("a", elements=[one, two]).send()
        await two.remove()
        await two.remove()
        gone = cl.File(name="gone", content="gone")
        await (await cl.Message("b", elements=[gone]).send()).remove()
        await gone.remove()
        tasks = cl.TaskList([cl.Task("a")])
        await tasks.remove()
        await tasks.send()
        await tasks.remove()
        await tasks.remove()
    """
    chat = Chat(app_with(make_app, body)).say("x")
    assert [it["data-name"] for it in elements_of(chat)] == ["one"]
    assert chat.page().all(data_testid="task-list") == []


@pytest.mark.parametrize("kind", ["image", "pdf", "audio", "video", "file", "text"])
def test_an_element_is_made_of_its_dictionary(make_app: AppMaker, kind: str) -> None:
    body = f"""
        one = {KINDS[kind]}
        await cl.Message("a", elements=[one]).send()
        element = one.to_dict()
        assert (element["id"], element["forId"]) == (one.id, one.for_id)
        two = cl.element.Element.from_dict({{**element, "content": one.content}})
        assert type(two) is type(one)
        for key in ("name", "page", "size", "auto_play", "language"):
            assert getattr(two, key, None) == getattr(one, key, None)
        await cl.Message("b", elements=[two]).send()
    """
    chat = Chat(app_with(make_app, body)).say("x")
    assert [it["data-kind"] for it in elements_of(chat)] == [kind, kind]


def test_a_dictionary_of_another_kind_is_a_file(make_app: AppMaker) -> None:
    body = """
        tasks = {"type": "tasklist", "content": "{}", "size": 5}
        picture = {"type": "image", "url": "https://far.example/a.png", "size": 300, "path": None}
        made = [cl.Element.from_dict(it) for it in (tasks, picture)]
        await cl.Message("a", elements=made).send()
        kinds = ("image/png", "application/pdf", "audio/wav", "video/mp4", "text/csv")
        KEPT["kinds"] = [cl.Element.infer_type_from_mime(it) for it in kinds]
    """
    app = app_with(make_app, body)
    assert [it["data-kind"] for it in elements_of(Chat(app).say("x"))] == ["file", "image"]
    assert kept(app)["kinds"] == ["image", "pdf", "audio", "video", "file"]


def test_odd_names_and_texts_are_shown(make_app: AppMaker) -> None:
    body = """
        for name in (None, "", 7, "half \\ud83d"):
            for kind in (cl.Text, cl.File, cl.Image):
                await cl.Message("a", elements=[kind(name=name, content="half \\ud83d")]).send()
    """
    chat = Chat(app_with(make_app, body)).say("x")
    shown = elements_of(chat)
    assert len(shown) == 12
    assert {it["data-name"] for it in shown} == {"", "7", "half \ufffd"}
    assert chat.visitor.get(addresses_in(shown[0])[0]).data == b"half ?"


def test_an_element_opens_before_its_message_is_stored(make_app: AppMaker) -> None:
    app = make_app("""
        import asyncio
        import webapp as cl

        @cl.on_message
        async def answer(message):
            await cl.ElementSidebar.set_elements([cl.Text(name="notes", content="Remember")])
            await asyncio.sleep(30)
    """)
    chat = Chat(app)
    chat.begin("go")
    chat.until(lambda: bool(column(app, "files.id")))
    [element] = column(app, "files.id")
    assert "Remember" in chat.visitor.get(f"/elements/{uuid.UUID(str(element))}").text
    assert Visitor(app).get(f"/elements/{uuid.UUID(str(element))}").status_code == 404
    chat.stop()
