"""What it costs a message and its answer that both can be found."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from pathlib import Path

from history_visitor import Visitor, app_with

from webapp.chats.search_index import index_pending

QUESTIONS = {"10 words": " ".join(f"ask{n}" for n in range(10)), "4,000 words": "word " * 4_000}


def message_costs(
    file: Path, messages: int, clock: Callable[[], float]
) -> dict[str, tuple[float, float]]:
    """Return the middle time of a message of each length, without the index and with it.

    Answers have 40 words, and are awaited: both are stored when the time is over. A site writes the
    index behind, for many messages at once. Here it is written after each.
    """
    with app_with(f"sqlite:///{file}") as app:
        visitor = Visitor(app).logged_in()
        chat = visitor.begin_chat()
        found = {}
        for name, text in QUESTIONS.items():
            without, with_index = [], []
            for number in range(messages):
                began = clock()
                visitor.say(chat, f"{text} {number}")
                said = clock()
                with app.app_context():
                    index_pending()
                without.append(said - began)
                with_index.append(clock() - began)
            found[name] = (statistics.median(without), statistics.median(with_index))
        return found
