"""How long a request may wait for a turn. Each request that waits holds a thread."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flask import request

from webapp.turns.runtime import conversation
from webapp.web.server import host_of, max_held_threads

# How long a request waits when few threads are free. The page asks for the rest anyway.
HURRIED_SECONDS = 0.02


@contextmanager
def time_to_wait(seconds: float) -> Iterator[float]:
    """Yield how long this request may wait: ``seconds``, or less if threads are scarce."""
    place = conversation().slots.take(max_held_threads(host_of(request.environ)))
    if place is None:
        yield min(seconds, HURRIED_SECONDS)
        return
    try:
        yield seconds
    finally:
        place.give_back()
