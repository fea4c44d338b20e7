"""Questions that are answered with files."""

from __future__ import annotations

import pytest

from tests.support.apps import AppMaker
from tests.support.chats import Chat
from tests.support.questions import answer, asks, open_question, send_files, statuses
from tests.support.rows import column, count
from tests.support.uploads import Sent, stored_contents, temporary_files

APP = """
    from pathlib import Path

    import chat_profiles as cl

    @cl.on_chat_start
    async def start():
        files = await cl.AskFileMessage(
            content="Send me a text!", accept={{"text/plain": [".py"]}}, max_size_mb=0.01, {more}
            timeout=30,
        ).send()
        for file in files:
            text = Path(file.path).read_text()
            await cl.Message(f"{{file.name}} {{file.size}} {{file.type}} {{text}}").send()
"""
ONE = APP.format(more="")
TWO = APP.format(more="max_files=2,")
HELLO: Sent = ("hello.txt", b"Hello, file", "text/plain")


def test_the_callback_reads_what_was_sent(make_app: AppMaker) -> None:
    app = make_app(ONE)
    chat = asks(app)
    assert send_files(chat, HELLO).status_code == 303
    chat.until_answered()
    assert chat.messages() == ["Send me a text!", "hello.txt 11 text/plain Hello, file"]
    assert statuses(chat) == ["answered"]
    [element] = chat.page().all(data_testid="element")
    assert element["data-name"] == "hello.txt"
    assert chat.messages("user") == []
    assert column(app, "files.uploaded_by") == column(app, "chats.owner")
    assert temporary_files(app) == []


def test_several_files_are_sent_at_once(make_app: AppMaker) -> None:
    chat = asks(make_app(TWO))
    send_files(chat, HELLO, ("a.py", b"print(1)", "text/x-python"))
    assert chat.until_answered().messages()[1:] == [
        "hello.txt 11 text/plain Hello, file",
        "a.py 8 text/x-python print(1)",
    ]


@pytest.mark.parametrize(
    ("files", "status"),
    [
        ([("a.cpp", b"int main() {}", "text/x-c")], 415),
        ([("a.png", b"\x89PNG\r\n\x1a\n", "text/plain")], 415),
        ([("a.txt", b"x" * 20_000, "text/plain")], 413),
        ([HELLO, HELLO], 413),
        ([("", b"")], 422),
    ],
)
def test_files_that_were_not_asked_for_leave_the_question_open(
    make_app: AppMaker, files: list[Sent], status: int
) -> None:
    app = make_app(ONE)
    chat = asks(app)
    assert send_files(chat, *files).status_code == status
    assert statuses(chat) == ["open"]
    assert (stored_contents(app), temporary_files(app), count(app, "files")) == ([], [], 0)
    assert send_files(chat, HELLO).status_code == 303


def test_a_form_without_files_is_refused(make_app: AppMaker) -> None:
    chat = asks(make_app(ONE))
    assert answer(chat).status_code == 422
    assert answer(chat, content="text").status_code == 400


def test_the_second_files_are_refused_and_not_stored(make_app: AppMaker) -> None:
    app = make_app(ONE)
    chat = asks(app)
    question = open_question(chat)
    assert question is not None
    other = Chat.at(chat.visitor.twin(), chat.address)
    other.page()
    send_files(chat, HELLO)
    address = str(question.one("form")["action"])
    refused = other.visitor.post(address, {"key": "0" * 8 + "-0000-4000-8000-" + "0" * 12})
    assert refused.status_code == 409
    assert stored_contents(app) == [b"Hello, file"]


def test_a_text_question_takes_no_files(make_app: AppMaker) -> None:
    app = make_app("""
        import chat_profiles as cl

        @cl.on_chat_start
        async def start():
            await cl.AskUserMessage("Name?").send()
    """)
    chat = asks(app)
    assert send_files(chat, HELLO).status_code == 415
    assert (stored_contents(app), statuses(chat)) == ([], ["open"])


def test_a_def_reads_files_too(make_app: AppMaker) -> None:
    chat = asks(make_app(ONE.replace("async def", "def").replace("await ", "")))
    send_files(chat, HELLO)
    assert chat.until_answered().messages()[1:] == ["hello.txt 11 text/plain Hello, file"]
