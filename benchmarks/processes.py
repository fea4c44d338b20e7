"""What a process costs, as Linux counts it in `/proc`."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Footprint:
    """Memory in kB, open files, and threads of a process; some of the files are a database."""

    memory: int
    files: int
    threads: int
    database_files: int = 0

    def __str__(self) -> str:
        database = f"{self.database_files:4} of the database"
        memory = f"{self.memory / 1_024:7.1f} MiB"
        return f"{memory}{self.files:6} files,{database}{self.threads:6} threads"


def footprint(pid: int) -> Footprint:
    """Return what a process holds now."""
    status = Path(f"/proc/{pid}/status").read_text()
    files = [_target(file) for file in Path(f"/proc/{pid}/fd").iterdir()]
    return Footprint(
        _number(status, "VmRSS"),
        len(files),
        _number(status, "Threads"),
        sum(".sqlite3" in file for file in files),
    )


def shared_memory(pid: int) -> int:
    """Return the kB of a process, of which it counts what it shares with others in part (PSS)."""
    return _number(Path(f"/proc/{pid}/smaps_rollup").read_text(), "Pss")


def cpu_seconds(pid: int) -> float:
    """Return the processor time of a process, its own and the system's for it."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def thread_seconds(pid: int) -> dict[int, float]:
    """Return the processor time of each thread that a process has now."""
    found = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        nanoseconds = (task / "schedstat").read_text().split()[0]
        found[int(task.name)] = int(nanoseconds) / 1e9
    return found


def _target(file: Path) -> str:
    try:
        return str(file.readlink())
    except FileNotFoundError:  # closed while we looked
        return ""


def _number(status: str, name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+)", status, re.MULTILINE)
    if found is None:
        raise SystemExit("this needs Linux: /proc/<pid>/status says nothing about the process")
    return int(found[1])
