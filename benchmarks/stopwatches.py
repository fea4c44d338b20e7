"""Stopwatches on functions of the product: the processor time of each, apart from the others.

With `BENCH_STOPWATCHES` in the environment of a server they run, and its app file tells them.
"""

from __future__ import annotations

import functools
import json
import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from importlib import import_module
from typing import Any

SWITCH = "BENCH_STOPWATCHES"
# What is timed, by the name it has in the table.
WATCHED = {
    "request: all of it": "gunicorn.workers.gthread:ThreadWorker.handle_request",
    "request: until the answer begins": "flask.app:Flask.wsgi_app",
    "reader: the turn as it stands": "webapp.pages.watching:MemorySource.read",
    "reader: waiting": "webapp.pages.watching:MemorySource.wait",
    "reader: a step": "webapp.pages.watching:TurnStream.step",
    "reader: whether it may see": "webapp.pages.watching:TurnStream.look",
    "reader: Markdown": "webapp.markdown.growing:GrowingMarkdown._step",
    "reader: what has changed": "webapp.pages.live:LiveTurn.render_changes",
    "reader: templates": "webapp.pages.live:LiveTurn._render",
    "reader: events": "webapp.pages.watching:event",
    "reader: sending": "gunicorn.http.wsgi:Response.write",
    "author: stream_token": "webapp.authoring.messages.message:Message.stream_token",
    "author: transcript": "webapp.authoring.transcript:Transcript.stream",
    "keeper: looking": "webapp.engine.keeper:Keeper._look_after",
    "keeper: saving": "webapp.turns.storing:TurnRows.save",
    "keeper: who pressed Stop": "webapp.turns.storing:TurnRows.find_stop_requests",
    "keeper: alive": "webapp.turns.storing:TurnRows.beat",
}


class _Watches(threading.local):
    def __init__(self) -> None:
        self.inner: list[float] = []


_own = _Watches()
_seconds: dict[str, float] = defaultdict(float)
_calls: dict[str, int] = defaultdict(int)


def begin_if_asked() -> None:
    """Put the stopwatches on, if the environment says so."""
    if SWITCH not in os.environ:
        return
    for name, where in WATCHED.items():
        owner, last = find(where)
        setattr(owner, last, _watched(name, getattr(owner, last)))


def find(where: str) -> tuple[Any, str]:
    """Return what has the function that ``module:Class.function`` names, and its own name."""
    module, _, path = where.partition(":")
    *outer, last = path.split(".")
    return functools.reduce(getattr, outer, import_module(module)), last


def told_and_reset() -> str:
    """Return the seconds and calls of each as JSON, and begin anew."""
    found = {name: [round(_seconds[name], 6), _calls[name]] for name in WATCHED}
    _seconds.clear()
    _calls.clear()
    return json.dumps(found)


def _watched(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def timed(*args: Any, **kwargs: Any) -> Any:
        _own.inner.append(0.0)
        began = time.thread_time()
        try:
            return function(*args, **kwargs)
        finally:
            all_of_it = time.thread_time() - began
            _seconds[name] += all_of_it - _own.inner.pop()
            _calls[name] += 1
            if _own.inner:
                _own.inner[-1] += all_of_it

    return timed
