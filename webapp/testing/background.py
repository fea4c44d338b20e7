"""What an app does in the background, which a test waits for."""

from __future__ import annotations

import threading
from collections.abc import Set

# What a request leaves behind to be done, with a connection of its own.
BACKGROUND = {
    "webapp-housekeeping",
    "webapp-deletion",
    "webapp-chat-end",
    "webapp-feedback",
    "webapp-files",
}
BACKGROUND_SECONDS = 10.0


def wait_for_background(names: Set[str] = BACKGROUND) -> None:
    """Wait until nothing is done in the background any more that a request has begun."""
    for thread in threading.enumerate():
        if thread.name in names:
            thread.join(BACKGROUND_SECONDS)
