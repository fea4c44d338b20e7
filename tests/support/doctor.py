"""Asking the doctor, and reading what it found."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tests.cli_support import CommandLine

Answer = tuple[int, Mapping[str, str], bytes]
Answers = Mapping[str, Answer]
STREAM = {"Content-Type": "text/event-stream", "Cache-Control": "no-store, no-transform"}


class Found:
    """What the doctor printed as JSON, and its exit code."""

    def __init__(self, exit_code: int, text: str) -> None:
        self.exit_code = exit_code
        self.report: dict[str, Any] = json.loads(text)
        self.findings = {f["code"]: f for f in self.report["findings"]}

    def codes(self, level: str) -> set[str]:
        """Return the codes of this level."""
        return {code for code, finding in self.findings.items() if finding["level"] == level}

    def text(self, code: str) -> str:
        """Return what a finding says."""
        return str(self.findings[code]["text"])

    def advice(self, code: str) -> str:
        """Return what a finding says is to be changed."""
        finding = self.findings[code]
        assert finding["level"] == "change"
        return str(finding["advice"])


def ask_doctor(cli: CommandLine, *arguments: str) -> Found:
    """Return what the doctor finds."""
    result = cli("doctor", *arguments, "--json")
    assert result.stdout, result.output
    return Found(result.exit_code, result.stdout)


def telling(way: str, streams: int, server: str) -> Answers:
    """Return the answers of a site whose server streams nothing."""
    first = json.dumps({"way": way, "streams": streams, "server": server})
    return {"/healthz/stream": (200, STREAM, f"data: {first}\n\n".encode())}
