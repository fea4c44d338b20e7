"""The job that removes unused files once a day, on sites where nobody runs `purge`."""

from __future__ import annotations

import time
from dataclasses import dataclass

from flask import Flask

from webapp.chats.unused_files import remove_unused_files
from webapp.site import this_app

EXTENSION = "file_sweep"
# A process sweeps for the first time after the first of these, and then after each of the second.
FIRST_SECONDS = 3_600.0
EVERY_SECONDS = 24 * 3_600.0


@dataclass(kw_only=True)
class SweepClock:
    """When a process sweeps the next time, on the monotonic clock."""

    due_at: float


def set_up_sweep(app: Flask) -> None:
    """Let ``app`` sweep once a day."""
    app.extensions[EXTENSION] = SweepClock(due_at=time.monotonic() + FIRST_SECONDS)


def sweep_if_due() -> int:
    """Remove unused files, once a day, and return how many that were."""
    clock: SweepClock = this_app().extensions[EXTENSION]
    if time.monotonic() < clock.due_at:
        return 0
    clock.due_at = time.monotonic() + EVERY_SECONDS
    return remove_unused_files()
