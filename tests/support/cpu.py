"""How much processor time a piece of work takes, told alike on every machine."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

# What `_do_known_work` takes on the machine that the limits of the tests were chosen on.
KNOWN_SECONDS = 0.012
TRIES = 4


def cpu_seconds(
    work: Callable[[], object], limit: float, clock: Callable[[], float] = time.thread_time
) -> float:
    """Return the CPU seconds of the work, at its quickest, on a machine of usual speed.

    What is slow is slow each time. What shares its core with another program is not, so the work is
    done again while it takes longer than the limit. How slow the machine is by itself is told by
    work that is known, done just after. The garbage collector waits: a pass over all that the tests
    have loaded would be counted as the work's.

    Parameters
    ----------
    work
        What is measured. It must cost as much when it is done again.
    limit
        The seconds that are few enough.
    clock
        `time.process_time` if other threads do a part of the work.
    """
    least = float("inf")
    for _ in range(TRIES):
        least = min(least, timed(work, clock))
        if least >= limit:
            least = min(least, least / slowness())
        if least < limit:
            break
    return least


def timed(work: Callable[[], object], clock: Callable[[], float] = time.thread_time) -> float:
    """Return the CPU seconds of the work, done once, without the garbage collector's."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        began = clock()
        work()
        return clock() - began
    finally:
        if was_enabled:
            gc.enable()


def slowness() -> float:
    """Return how many times as slow as usual the machine is now, and 1 if it is quicker."""
    return max(1.0, timed(_do_known_work) / KNOWN_SECONDS)


def _do_known_work() -> int:
    words = [f"{number} words of a text" for number in range(70_000)]
    return sum(len(word.split(" ")) for word in words if word.startswith("7") or "9" in word)
