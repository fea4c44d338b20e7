"""What users attach to their messages: how it is taken, stored, shown, and given to the app."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest
from werkzeug.test import TestResponse

from tests.support.apps import AppMaker
from tests.support.chats import Chat
from tests.support.html import parse
from tests.support.people import Visitor
from tests.support.rows import column, count, run_sql
from tests.support.s3 import s3_server
from tests.support.uploads import (
    attach,
    png,
    say_with,
    stored_contents,
    temporary_files,
    uploads_app,
)
from webapp.testing.background import wait_for_background


def test_the_app_gets_what_was_attached(make_app: AppMaker) -> None:
    chat = Chat(make_app(uploads_app()))
    say_with(chat, ("a.txt", b"Hello, file"), ("b.csv", b"x,y"))
    assert chat.messages() == ["See|a.txt text/plain 11; b.csv text/csv 3|Hello, file; x,y"]


def test_a_message_shows_its_files_and_keeps_them(make_app: AppMaker) -> None:
    app = make_app(uploads_app())
    chat = Chat(app)
    say_with(chat, ("a.txt", b"Hello, file"))
    page = parse(chat.visitor.get(chat.address).text)
    [element] = page.all(data_testid="element")
    assert (element["data-kind"], element["data-name"]) == ("file", "a.txt")
    assert stored_contents(app) == [b"Hello, file"]
    assert column(app, "files.uploaded_by") == column(app, "chats.owner")
    assert column(app, "files.message_id")[0] in column(app, "messages.id")


def test_nothing_is_left_beside_the_store(make_app: AppMaker) -> None:
    app = make_app(uploads_app())
    say_with(Chat(app), ("a.txt", b"Hello, file"))
    assert temporary_files(app) == []


def test_files_need_no_text(make_app: AppMaker) -> None:
    chat = Chat(make_app(uploads_app()))
    say_with(chat, ("a.txt", b"Hello"), content="")
    assert chat.messages() == ["|a.txt text/plain 5|Hello"]
    assert column(chat.visitor.app, "chats.title") == ["a.txt"]


def test_neither_text_nor_files_is_refused(make_app: AppMaker) -> None:
    chat = Chat(make_app(uploads_app()))
    answer = attach(chat, ("", b""), content=" ")
    assert answer.status_code == 422
    assert "Choose your files again" not in answer.text
    assert count(chat.visitor.app, "messages") == 0


def test_a_form_without_a_chosen_file_is_a_message(make_app: AppMaker) -> None:
    chat = Chat(make_app(uploads_app()))
    say_with(chat, ("", b""))
    assert chat.messages() == ["See||"]


def test_a_form_sent_twice_counts_once(make_app: AppMaker) -> None:
    app = make_app(uploads_app())
    chat, key = Chat(app), str(uuid.uuid4())
    for _ in range(2):
        assert attach(chat, ("a.txt", b"Hello"), key=key).status_code == 303
        chat.until_answered()
    assert count(app, "files") == 1
    assert column(app, "messages.kind").count("user") == 1


def test_the_same_form_with_other_files_is_refused(make_app: AppMaker) -> None:
    app = make_app(uploads_app())
    chat, key = Chat(app), str(uuid.uuid4())
    assert attach(chat, ("a.txt", b"Hello"), key=key).status_code == 303
    chat.until_answered()
    answer = attach(chat, ("a.txt", b"Another"), key=key)
    assert answer.status_code == 409
    assert stored_contents(app) == [b"Hello"]


def test_another_answer_gets_the_files_again(make_app: AppMaker) -> None:
    chat = Chat(make_app(uploads_app()))
    say_with(chat, ("a.txt", b"Hello"))
    form = parse(chat.visitor.get(chat.address).text).one(id="regenerate")
    sent = {field["name"]: field["value"] for field in form.all("input")}
    assert chat.visitor.post(f"{chat.address}/regenerate", sent).status_code == 303
    chat.until_answered()
    assert chat.messages() == ["See|a.txt text/plain 5|Hello"]
    assert temporary_files(chat.visitor.app) == []


def edit(chat: Chat, content: str) -> TestResponse:
    """Send another text for the last message."""
    page = parse(chat.visitor.get(chat.address).text)
    [form] = [form for form in page.all("form") if str(form["action"]).endswith("/edit")]
    sent = {field["name"]: field["value"] for field in form.all("input")}
    return chat.visitor.post(f"{chat.address}/edit", {**sent, "content": content})


def test_an_edited_message_keeps_its_files(make_app: AppMaker) -> None:
    app = make_app(uploads_app())
    chat = Chat(app)
    say_with(chat, ("a.txt", b"Hello"))
    answer = edit(chat, "Look")
    assert answer.status_code == 303
    chat.until_answered()
    assert chat.messages() == ["Look|a.txt text/plain 5|Hello"]
    [element] = parse(chat.visitor.get(chat.address).text).all(data_testid="element")
    assert element["data-name"] == "a.txt"
    assert len(set(column(app, "files.message_id"))) == 2


def test_the_text_of_a_message_with_files_may_be_removed(make_app: AppMaker) -> None:
    chat = Chat(make_app(uploads_app()))
    say_with(chat, ("a.txt", b"Hello"))
    assert edit(chat, "").status_code == 303
    assert chat.until_answered().messages() == ["|a.txt text/plain 5|Hello"]


def test_an_app_may_change_its_copy_and_show_it(make_app: AppMaker) -> None:
    app = make_app(
        """
        import chat_profiles as cl

        cl.set_uploads()

        @cl.on_message
        def answer(message):
            [given] = message.elements
            assert isinstance(given, cl.File)
            with open(given.path, "a") as file:
                file.write(", changed")
            cl.Message("Look", elements=[given]).send()
        """
    )
    chat = Chat(app)
    say_with(chat, ("a.txt", b"Hello"))
    assert chat.messages() == ["Look"]
    assert stored_contents(app) == [b"Hello", b"Hello, changed"]


LATER = """
    import chat_profiles as cl

    cl.set_uploads()
    KEPT = []

    @cl.on_message
    async def answer(message):
        if message.elements:
            KEPT.extend([message, *message.elements])
            return
        if message.content == "remove":
            await KEPT[0].remove()
            return
        try:
            await cl.Message("Look", elements=KEPT[1:]).send()
        except Exception as error:
            await cl.Message(str(error)).send()
"""


def test_a_later_answer_may_show_what_was_attached(make_app: AppMaker) -> None:
    app = make_app(LATER)
    chat = Chat(app)
    say_with(chat, ("a.txt", b"Hello"), ("dot.png", png(3, 2)))
    [*_, text, picture] = chat.say("show").page().all(data_testid="element")
    assert chat.visitor.get(text.one("a")["href"]).data == b"Hello"
    assert picture.one("img")["width"] == "3"
    assert stored_contents(app).count(b"Hello") == 1


def test_what_was_attached_and_is_removed_cannot_be_shown(make_app: AppMaker) -> None:
    chat = Chat(make_app(LATER))
    say_with(chat, ("a.txt", b"Hello"))
    chat.say("remove")
    wait_for_background()
    assert chat.say("show").messages()[-1] == (
        "The file a.txt is gone: the message that it came with was removed."
    )


def test_a_refused_message_leaves_no_content(make_app: AppMaker) -> None:
    app = make_app(
        """
        import asyncio

        import chat_profiles as cl

        cl.set_uploads()

        @cl.on_message
        async def answer(message: cl.Message):
            await cl.Message("One moment").send()
            await asyncio.sleep(60)
        """
    )
    chat = Chat(app)
    assert attach(chat, ("a.txt", b"First")).status_code == 303
    assert attach(chat, ("b.txt", b"Second")).status_code == 409
    assert stored_contents(app) == [b"First"]


EXAMPLES = Path(__file__).parent.parent / "examples"
MP3 = b"ID3\x03\x00\x00\x00\x00\x00\x00\xff\xfb\x90\x00" + b"\x00" * 200
WEBM = bytes.fromhex("1a45dfa39f4286810142f7810142f2810442f38108428284") + b"webm"
SCRIPTED = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
KINDS = {
    "leaf.png": (png(30, 20), "image"),
    "paper.pdf": (b"%PDF-1.4 " + b"a" * 50, "pdf"),
    "song.mp3": (MP3, "audio"),
    "film.webm": (WEBM, "video"),
    "data.csv": (b"a,b", "file"),
    "drawing.svg": (SCRIPTED, "image"),
}


@pytest.mark.parametrize("name", KINDS)
def test_each_kind_is_shown_as_what_it_is(make_app: AppMaker, name: str) -> None:
    content, kind = KINDS[name]
    chat = Chat(make_app(uploads_app()))
    say_with(chat, (name, content))
    [element] = parse(chat.visitor.get(chat.address).text).all(data_testid="element")
    assert (element["data-kind"], element["data-name"]) == (kind, name)


def test_a_picture_tells_its_size_and_is_small(make_app: AppMaker) -> None:
    chat = Chat(make_app(uploads_app()))
    say_with(chat, ("leaf.png", png(30, 20)))
    picture = parse(chat.visitor.get(chat.address).text).one(data_testid="element").one("img")
    assert (picture["width"], picture["height"], picture["alt"]) == ("30", "20", "leaf.png")


def test_a_script_in_a_drawing_never_runs(make_app: AppMaker) -> None:
    chat = Chat(make_app(uploads_app()))
    say_with(chat, ("drawing.svg", SCRIPTED))
    source = parse(chat.visitor.get(chat.address).text).one(data_testid="element").one("img")["src"]
    answer = chat.visitor.get(str(source))
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert "sandbox" in answer.headers["Content-Security-Policy"]


def test_the_app_gets_an_object_of_the_kind(make_app: AppMaker) -> None:
    app = make_app(
        """
        import chat_profiles as cl

        cl.set_uploads()

        @cl.on_message
        def answer(message):
            [given] = message.elements
            assert isinstance(given, cl.Image)
            assert not isinstance(given, cl.Pdf)
            cl.Message(f"{type(given).__name__} {given.name} {given.size}").send()
        """
    )
    content = png()
    chat = Chat(app)
    say_with(chat, ("leaf.png", content))
    assert chat.messages() == [f"Image leaf.png {len(content)}"]


def test_a_message_of_files_alone_breaks_neither_history_nor_resuming(make_app: AppMaker) -> None:
    app = make_app(
        """
        import chat_profiles as cl

        cl.set_uploads()

        @cl.on_chat_resume
        def resume(chat):
            cl.Message(f"{len(chat.messages)} messages").send()

        @cl.on_message
        def answer(message):
            said = [each["content"] for each in cl.chat_history()]
            cl.Message(f"{len(message.elements)} files after {said}").send()
        """,
    )
    chat = Chat(app)
    say_with(chat, ("a.txt", b"Hello"), content="")
    assert chat.messages() == ["1 files after []"]
    run_sql(app, "UPDATE chats SET ended_at = active_at")
    say_with(chat, ("b.txt", b"Hello"), content="And this")
    # `@on_chat_resume` is told of the message without text, and `chat_history()` leaves it out.
    history = ["1 files after []", "2 messages", "And this"]
    assert chat.messages()[1:] == ["2 messages", f"1 files after {history}"]


def test_a_shared_chat_shows_what_was_attached(make_app: AppMaker) -> None:
    app = make_app(uploads_app(), sharing="yes")
    chat = Chat(app)
    say_with(chat, ("a.txt", b"Hello, file"))
    chat.visitor.post(f"{chat.address}/share")
    [token] = column(app, "shares.token")
    reader = Visitor(app)
    page = parse(reader.get(f"/shared/{token}").text)
    element = page.one(data_testid="element")
    assert element["data-name"] == "a.txt"
    assert reader.get(str(element.one("a")["href"])).data == b"Hello, file"


def test_a_file_in_object_storage_is_a_local_file_for_the_app(
    make_app: AppMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with s3_server(tmp_path) as s3:
        for name, value in s3.environment.items():
            monkeypatch.setenv(name, value)
        app = make_app(uploads_app(), files_url=s3.new_bucket())
        chat = Chat(app)
        say_with(chat, ("a.txt", b"Hello, file"))
        assert chat.messages() == ["See|a.txt text/plain 11|Hello, file"]
        # Another answer fetches it from there.
        form = parse(chat.visitor.get(chat.address).text).one(id="regenerate")
        sent = {field["name"]: field["value"] for field in form.all("input")}
        assert chat.visitor.post(f"{chat.address}/regenerate", sent).status_code == 303
        assert chat.until_answered().messages() == ["See|a.txt text/plain 11|Hello, file"]
        [folder] = tmp_path.glob("chat-profiles-*")
        assert list(folder.iterdir()) == []

        s3.stop()
        answer = attach(chat, ("b.txt", b"Another"), content="Keep this")
        assert answer.status_code == 503
        assert "Files cannot be stored at the moment" in answer.text
        assert parse(answer.text).one(data_testid="composer-input").text.strip() == "Keep this"
        assert list(folder.iterdir()) == []


def test_both_databases_take_files(either_url: str, tmp_path: Path) -> None:
    with AppMaker.in_folder(tmp_path, either_url) as make_app:
        app = make_app(uploads_app(), file_bytes_per_user=2_000)
        chat = Chat(app)
        say_with(chat, ("a.txt", b"Hello"), ("b.txt", b"Hello"))
        assert edit(chat, "Look").status_code == 303
        chat.until_answered()
        assert chat.messages() == ["Look|a.txt text/plain 5; b.txt text/plain 5|Hello; Hello"]
        assert stored_contents(app) == [b"Hello"]
        assert attach(chat, ("c.txt", b"c" * 1_995)).status_code == 413
        assert attach(chat, ("c.txt", b"c" * 1_990)).status_code == 303


def test_the_example_reads_what_is_attached(make_app: AppMaker) -> None:
    app = make_app(EXAMPLES / "attachments.py")
    chat = Chat(app, "Tables")
    say_with(chat, ("cities.csv", b"city,sales\nBern,12\nRome,7\n"))
    assert chat.messages()[-1] == "cities.csv has 2 rows."
    assert attach(chat, ("leaf.png", png())).status_code == 415
    chat = Chat(app, "Everything")
    say_with(chat, ("leaf.png", png()), ("notes.txt", b"one\ntwo"))
    assert chat.messages()[-2:] == ["You sent the picture leaf.png:", "notes.txt has 2 lines."]
