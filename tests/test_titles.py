"""The title that a chat gets from the first thing its user said."""

from __future__ import annotations

import unicodedata

import pytest
from flask import Flask

from tests.support.apps import AppMaker
from tests.support.chats import Chat
from tests.support.corpus import samples, text_of
from tests.support.rows import column, run_sql
from webapp.authoring.text import clean_text, is_visible
from webapp.chats.titles import MADE_TITLE_LIMIT, make_title

ECHO = """
    import webapp as cl

    @cl.on_message
    def answer(message):
        cl.Message("Answer to " + message.content).send()
"""
COUPLE = "👩🏽\u200d💻"


@pytest.fixture
def echo_app(make_app: AppMaker, either_url: str) -> Flask:
    """Return an app that answers, on each database in turn."""
    make_app.database_url = either_url
    return make_app(ECHO)


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("How do I sort?", "How do I sort?"),
        ("\n \t\n  How   do\tI \nsort?", "How do I"),
        ("```python\nprint(1)\n```", "print(1)"),
        ("~~~\ncode", "code"),
        ("```", "```"),
        ("\u200b\n\u2060\nseen", "seen"),
        ("?!", "?!"),
        ("***\nafter", "***"),
        ("שלום עולם", "שלום עולם"),
        ("", None),
        (" \n\u200b\n", None),
    ],
)
def test_the_first_visible_line_is_the_title(text: str, title: str | None) -> None:
    assert make_title(text) == title


def test_a_long_line_is_cut_at_a_word() -> None:
    title = make_title("word " * 40) or ""
    assert title == "word " * 15 + "word…"
    assert len(title) <= MADE_TITLE_LIMIT


def test_a_line_without_spaces_is_cut_where_its_place_is_over() -> None:
    assert make_title("x" * 200) == "x" * (MADE_TITLE_LIMIT - 1) + "…"


def test_two_hundred_emoji_are_cut_between_two_of_them() -> None:
    title = make_title(COUPLE * 200) or ""
    assert len(title) <= MADE_TITLE_LIMIT
    assert title.removesuffix("…") == COUPLE * (len(title) // len(COUPLE))


def test_an_accent_is_not_cut_off_from_its_letter() -> None:
    title = make_title("e\u0301" * 200) or ""
    assert title.endswith("e\u0301…")
    assert len(unicodedata.normalize("NFC", title)) == MADE_TITLE_LIMIT // 2


def test_any_text_has_a_short_title_of_one_line_if_it_shows_anything() -> None:
    for text in (clean_text(text_of(sample)[:100_000]) for sample in samples("nasty_strings")):
        title = make_title(text)
        assert (title is not None) == is_visible(text), text
        assert title is None or (0 < len(title) <= MADE_TITLE_LIMIT and "\n" not in title)


def test_a_chat_has_no_title_before_its_user_says_something(echo_app: Flask) -> None:
    chat = Chat(echo_app)
    assert column(echo_app, "chats.title") == [None]
    chat.say("\n  How do I   sort?\nThanks")
    assert column(echo_app, "chats.title") == ["How do I sort?"]


def test_the_second_message_does_not_change_the_title(echo_app: Flask) -> None:
    Chat(echo_app).say("first").say("second")
    assert column(echo_app, "chats.title") == ["first"]


def test_a_title_that_the_user_gave_stays(echo_app: Flask) -> None:
    chat = Chat(echo_app)
    run_sql(echo_app, "UPDATE chats SET title = 'Mine'")
    chat.say("first")
    assert column(echo_app, "chats.title") == ["Mine"]
