"""What a process holds at the moment, as Linux tells it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Holdings:
    """Memory in kB, open files and threads of a process."""

    memory: int
    files: int
    threads: int


def holdings(pid: int) -> Holdings:
    """Return what a process holds."""
    status = Path(f"/proc/{pid}/status").read_text()
    return Holdings(
        memory=_number(status, "VmRSS"),
        files=len(list(Path(f"/proc/{pid}/fd").iterdir())),
        threads=_number(status, "Threads"),
    )


def peak_memory(pid: int) -> int:
    """Return the most memory that a process has held, in kB."""
    return _number(Path(f"/proc/{pid}/status").read_text(), "VmHWM")


def _number(status: str, name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+)", status, re.MULTILINE)
    assert found is not None, status
    return int(found[1])
