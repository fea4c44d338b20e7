"""How many connections a process keeps, and how long a request may take to arrive."""

from __future__ import annotations

import os

# How long a connection may send nothing, or only a part of a request.
ARRIVAL_SECONDS = 20.0
# How long a new connection may take to its first byte. Until then it does not make room for others:
# a visitor's connection is silent at first, too.
FIRST_BYTE_SECONDS = 1.0
# A large form may take longer, as long as it arrives at this rate.
LEAST_BYTES_PER_SECOND = 4 * 1024
MOST_CONNECTIONS = 4_000
# Files that are not connections: the database, the log, and what the app opens.
OTHER_FILES = 200


def most_connections() -> int:
    """Return how many connections this process can keep with the files that it may open."""
    files = os.sysconf("SC_OPEN_MAX")
    if files <= 0:
        return MOST_CONNECTIONS
    return min(MOST_CONNECTIONS, max(files // 2, files - OTHER_FILES))


def is_silent(seconds: float, received: int) -> bool:
    """Return whether a connection that has waited so long has sent nothing in good time."""
    return not received and seconds > FIRST_BYTE_SECONDS


def is_too_slow(seconds: float, received: int) -> bool:
    """Return whether a request that began to arrive so long ago should be given up."""
    return seconds_left(seconds, received) < 0


def seconds_left(seconds: float, received: int) -> float:
    """Return how long to wait for more of a request that began to arrive so long ago."""
    return ARRIVAL_SECONDS + received / LEAST_BYTES_PER_SECOND - seconds
