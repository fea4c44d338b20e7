"""The command groups `users` and `sessions`, for `chat-profiles` and for `flask`."""

from __future__ import annotations

from flask import Flask

from webapp.accounts.commands.imports import users
from webapp.accounts.commands.sessions import sessions

__all__ = ["add_to", "sessions", "users"]


def add_to(app: Flask) -> None:
    """Add the groups to ``app.cli``, so that ``flask --app ... users list`` works too."""
    app.cli.add_command(users)
    app.cli.add_command(sessions)
