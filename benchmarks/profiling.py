"""Profiles of the threads of a server, by the processor time that each has used.

With `BENCH_PROFILE` in the environment every thread that starts later is profiled, and `store`
puts what there is by then into that folder. It costs more than what is measured, so look at shares.
"""

from __future__ import annotations

import cProfile
import io
import os
import pstats
import re
import threading
import time
from collections import defaultdict
from pathlib import Path

FOLDER = "BENCH_PROFILE"
_running: dict[int, tuple[str, cProfile.Profile]] = {}


def begin_if_asked() -> None:
    """Profile every thread that starts from now on, if the environment says so."""
    if FOLDER not in os.environ:
        return
    run = threading.Thread.run

    def profiled(thread: threading.Thread) -> None:
        profile = cProfile.Profile(time.thread_time)
        _running[threading.get_ident()] = (thread.name, profile)
        profile.runcall(run, thread)

    threading.Thread.run = profiled  # type: ignore[method-assign]


def store() -> None:
    """Store what each kind of thread has done until now."""
    kinds: dict[str, list[cProfile.Profile]] = defaultdict(list)
    for name, profile in list(_running.values()):
        profile.snapshot_stats()
        if profile.stats:
            kinds[re.sub(r"\W|[\d_]+", "", name) or "thread"].append(profile)
    for kind, profiles in kinds.items():
        stats = pstats.Stats(profiles[0])
        for profile in profiles[1:]:
            stats.add(profile)
        stats.dump_stats(Path(os.environ[FOLDER]) / f"{kind}.prof")


def show(folder: Path, lines: int) -> None:
    """Print where each kind of thread spent its time."""
    for file in sorted(folder.glob("*.prof")):
        text = io.StringIO()
        stats = pstats.Stats(str(file), stream=text).strip_dirs()
        stats.sort_stats("cumulative").print_stats(lines)
        stats.sort_stats("tottime").print_stats(lines)
        print(f"--- {file.stem}\n{text.getvalue()}")
