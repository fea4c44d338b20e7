"""The commands `purge`, `report` and `audit`, for `chat-profiles` and for `flask`."""

from __future__ import annotations

from flask import Flask

from webapp.upkeep.audit_command import audit
from webapp.upkeep.purge_command import purge
from webapp.upkeep.report_command import report

COMMANDS = (purge, report, audit)


def add_to(app: Flask) -> None:
    """Hang the commands on ``app.cli``, so that ``flask --app ... purge`` works too."""
    for command in COMMANDS:
        app.cli.add_command(command)
