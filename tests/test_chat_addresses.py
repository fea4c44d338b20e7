"""The addresses that the chat page makes from one, beside those of the routes."""

from __future__ import annotations

import uuid
from urllib.parse import parse_qs

import pytest
from flask import Flask, url_for

from webapp.pages.chat_addresses import addresses_of

CHAT, OTHER = uuid.uuid4(), uuid.uuid4()


@pytest.mark.parametrize("root", ["", "/behind/a proxy"])
def test_each_address_is_that_of_its_route(shared_app: Flask, root: str) -> None:
    with shared_app.test_request_context(base_url=f"http://localhost{root}"):
        made = addresses_of(CHAT)
        assert made.page == url_for("chats.show", chat_id=CHAT)
        assert made.start == url_for("chats.start")
        assert made.say == url_for("turns.say", chat_id=CHAT)
        assert made.edit == url_for("turns.edit", chat_id=CHAT)
        assert made.stop == url_for("turns.stop", chat_id=CHAT)
        assert made.retry == url_for("turns.retry", chat_id=CHAT)
        assert made.regenerate == url_for("turns.regenerate", chat_id=CHAT)
        assert made.selector == url_for("chats.selector", chat_id=CHAT)
        assert made.follow(OTHER) == url_for("turns.follow", chat_id=CHAT, turn_id=OTHER)
        answer = url_for("questions.answer", chat_id=CHAT, question_id=OTHER)
        assert made.answer(str(OTHER)) == answer
        assert made.wait(OTHER, "1,2") == f"{made.follow(OTHER)}?waiting=1%2C2"
        assert made.rate(OTHER) == url_for("feedback.rate", chat_id=CHAT, message_id=OTHER)


@pytest.mark.parametrize("profile", ["GPT-4", "a & b=c?~", "Ünï/cödé + 100 %", "", None])
def test_the_address_of_news_takes_any_profile(shared_app: Flask, profile: str | None) -> None:
    with shared_app.test_request_context():
        path, _, query = addresses_of(CHAT).news(OTHER, profile).partition("?")
        assert path == url_for("turns.news", chat_id=CHAT)
    sent = parse_qs(query, keep_blank_values=True, strict_parsing=True)
    assert sent == {"after": [str(OTHER)], "under": [profile or ""]}
