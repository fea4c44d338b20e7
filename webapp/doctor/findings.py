"""What the doctor has found, in words for whoever hosts the site and in a stable form."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

GOOD = "good"
# Worth knowing; nothing has to be done.
HINT = "hint"
CHANGE = "change"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Parameters
    ----------
    level:
        ``good``, ``hint`` or ``change``.
    code:
        A name that stays the same, such as ``buffered``; for programs.
    text:
        What was found, as a sentence.
    advice:
        What to do, as a sentence; empty where nothing is to be done.
    """

    level: str
    code: str
    text: str
    advice: str = ""

    @property
    def line(self) -> str:
        """Return it as one line."""
        return " ".join(f"{self.text} {self.advice}".split())


def good(code: str, text: str) -> Finding:
    """Return a finding about something that is as it should be."""
    return Finding(GOOD, code, text)


def hint(code: str, text: str, advice: str = "") -> Finding:
    """Return a finding that is worth knowing."""
    return Finding(HINT, code, text, advice)


def change(code: str, text: str, advice: str = "") -> Finding:
    """Return a finding about something that should be changed."""
    return Finding(CHANGE, code, text, advice)


class EndOfCheckError(Exception):
    """Nothing more can be looked at, and why."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.line)
        self.finding = finding


@dataclass
class Report:
    """Everything that was found about one site.

    Parameters
    ----------
    checked:
        Its address; ``None`` for the settings of this machine.
    """

    checked: str | None
    way: str | None = None
    streams: int | None = None
    server: str | None = None
    buffered: bool | None = None
    arrivals: tuple[float, ...] = ()
    findings: list[Finding] = field(default_factory=list)

    def add(self, *findings: Finding) -> None:
        """Add what was found."""
        self.findings += findings

    @property
    def changes(self) -> int:
        """Return how many things should be changed."""
        return sum(finding.level == CHANGE for finding in self.findings)

    def as_json(self) -> dict[str, Any]:
        """Return the report in its stable form."""
        return {
            "checked": self.checked,
            "well": not self.changes,
            "way": self.way,
            "streams": self.streams,
            "server": self.server,
            "buffered": self.buffered,
            "arrivals": [round(seconds, 3) for seconds in self.arrivals],
            "findings": [
                {"level": f.level, "code": f.code, "text": f.text, "advice": f.advice}
                for f in self.findings
            ],
        }
