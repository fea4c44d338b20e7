"""Jobs that run now and then, in a process that serves pages.

Whoever starts a chat asks whether they are due, which costs one comparison. So a process without
visitors stays idle, a command never runs them, and no request waits for them.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence

from flask import Flask

from webapp.site import this_app
from webapp.web.background import in_background
from webapp.web.errors import UNAVAILABLE, log_unavailable
from webapp.web.log import log_event

# How often the jobs run in one process, at most.
EVERY_SECONDS = 60.0
EXTENSION = "housekeeping"

# Returns how much it has done.
Job = Callable[[], int]


class Housekeeping:
    """The jobs of one app, and when they last ran in this process."""

    def __init__(self, jobs: dict[str, Job]) -> None:
        self.jobs = jobs
        self._lock = threading.Lock()
        self._running = False
        self._ran_at: float | None = None

    def run_if_due(self) -> None:
        """Run the jobs in the background, if they have not run lately and do not run now."""
        if not self._is_due():
            return
        with self._lock:
            if self._is_due():
                in_background("housekeeping", self._run, self._ran_at)
                self._running, self._ran_at = True, time.monotonic()

    def _is_due(self) -> bool:
        ran_at = self._ran_at
        return not self._running and (ran_at is None or time.monotonic() - ran_at >= EVERY_SECONDS)

    def _run(self, ran_before: float | None) -> None:
        try:
            _run_jobs(list(self.jobs.items()), ran_before)
        finally:
            with self._lock:
                self._running = False


def set_up_housekeeping(app: Flask, jobs: dict[str, Job]) -> None:
    """Let ``app`` run these jobs, in this order, when they are due."""
    app.extensions[EXTENSION] = Housekeeping(jobs)


def run_housekeeping_if_due() -> None:
    """Run the jobs of this app in the background, once a minute at most."""
    housekeeping: Housekeeping = this_app().extensions[EXTENSION]
    housekeeping.run_if_due()


def _run_jobs(jobs: Sequence[tuple[str, Job]], ran_before: float | None) -> None:
    if not jobs:
        return
    name, job = jobs[0]
    began, done, failed = time.monotonic(), 0, True
    try:
        done = job()
        failed = False
    except UNAVAILABLE as error:
        log_unavailable(error)
    finally:
        level = logging.WARNING if failed else logging.INFO if done else logging.DEBUG
        log_event(
            "housekeeping.ran",
            level=level,
            job=name,
            done=done,
            failed=failed,
            seconds=round(time.monotonic() - began, 3),
            seconds_since_last=None if ran_before is None else round(began - ran_before),
        )
        # The others run whatever has become of this one.
        _run_jobs(jobs[1:], ran_before)
