"""What it costs a message and its answer that both can be found."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from unittest.mock import patch

from history_visitor import Visitor, app_with

# Who makes something findable.
INDEXING = (
    "webapp.turns.beginning.index_messages",
    "webapp.turns.beginning.index_first_question",
    "webapp.turns.steps.index_turn",
)
QUESTIONS = {"10 words": " ".join(f"ask{n}" for n in range(10)), "4,000 words": "word " * 4_000}


def message_costs(
    file: Path, messages: int, clock: Callable[[], float]
) -> dict[str, tuple[float, float]]:
    """Return the middle time of a message of each length, without the index and with it.

    Answers have 40 words, and are awaited: both are stored when the time is over.
    """
    with app_with(file) as app:
        visitor = Visitor(app).logged_in()
        return {name: _costs(visitor, text, messages, clock) for name, text in QUESTIONS.items()}


def _costs(
    visitor: Visitor, text: str, messages: int, clock: Callable[[], float]
) -> tuple[float, float]:
    times: dict[bool, list[float]] = {False: [], True: []}
    chats = {is_indexed: visitor.begin_chat() for is_indexed in times}
    for number in range(messages):
        for is_indexed, chat in chats.items():
            with _as_it_is() if is_indexed else _without_index():
                began = clock()
                visitor.say(chat, f"{text} {number}")
                times[is_indexed].append(clock() - began)
    return statistics.median(times[False]), statistics.median(times[True])


@contextmanager
def _as_it_is() -> Iterator[None]:
    yield


@contextmanager
def _without_index() -> Iterator[None]:
    with ExitStack() as stack:
        for name in INDEXING:
            stack.enter_context(patch(name))
        yield
