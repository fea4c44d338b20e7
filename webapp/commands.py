"""The commands of a site, for `chat-profiles` and for `flask`."""

from __future__ import annotations

from webapp.accounts.commands.imports import users
from webapp.accounts.commands.sessions import sessions
from webapp.api.command import tokens
from webapp.database.commands import database
from webapp.feedback.commands import feedback
from webapp.transfer.chainlit.command import import_chainlit
from webapp.upkeep.audit_command import audit
from webapp.upkeep.purge_command import purge
from webapp.upkeep.report_command import report

COMMANDS = (
    database,
    users,
    sessions,
    tokens,
    feedback,
    purge,
    report,
    audit,
    import_chainlit,
)
