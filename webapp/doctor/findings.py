"""The findings of the doctor, as sentences for the administrator and in a stable form."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

GOOD = "good"
# Worth knowing. Nothing has to be changed.
HINT = "hint"
CHANGE = "change"


@dataclass(frozen=True)
class Finding:
    """The result of one check.

    Parameters
    ----------
    level:
        ``good``, ``hint`` or ``change``.
    code:
        A stable name for programs, such as ``buffered``.
    text:
        The finding, as a sentence.
    advice:
        The thing to do, as a sentence. Empty if there is nothing to do.
    """

    level: str
    code: str
    text: str
    advice: str = ""

    @property
    def line(self) -> str:
        """Return the finding as one line."""
        return " ".join(f"{self.text} {self.advice}".split())


def good(code: str, text: str) -> Finding:
    """Return a finding that all is well."""
    return Finding(GOOD, code, text)


def hint(code: str, text: str, advice: str = "") -> Finding:
    """Return a finding that is worth knowing."""
    return Finding(HINT, code, text, advice)


def change(code: str, text: str, advice: str = "") -> Finding:
    """Return a finding that something should change."""
    return Finding(CHANGE, code, text, advice)


class EndOfCheckError(Exception):
    """The checks cannot continue, for the reason in ``finding``."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.line)
        self.finding = finding


@dataclass(kw_only=True)
class Report:
    """All findings about one site.

    Parameters
    ----------
    checked:
        The address of the site, or ``None`` for the settings of this machine.
    """

    checked: str | None
    way: str | None = None
    streams: int | None = None
    server: str | None = None
    buffered: bool | None = None
    arrivals: tuple[float, ...] = ()
    findings: list[Finding] = field(default_factory=list)

    def add(self, *findings: Finding) -> None:
        """Add findings."""
        self.findings += findings

    @property
    def changes(self) -> int:
        """Return the number of things that should change."""
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
