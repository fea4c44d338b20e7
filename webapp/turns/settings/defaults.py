"""What a user set last under a profile: their next chat with it begins so."""

from __future__ import annotations

from typing import Any

from flask import Flask
from sqlalchemy import bindparam, delete, select
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from webapp.chats.models import SettingDefaults
from webapp.database.engines import read_connection, utc_now
from webapp.database.upserts import insert_or_change

_OF_OWNER = SettingDefaults.owner == bindparam("of_owner")
_UNDER = SettingDefaults.profile == bindparam("under")
_FIND = select(SettingDefaults.values).where(_OF_OWNER, _UNDER)
_FORGET = delete(SettingDefaults).where(_OF_OWNER, _UNDER)
_FORGET_ALL = delete(SettingDefaults).where(_OF_OWNER)


def find_setting_defaults(app: Flask, owner: str, profile: str | None) -> dict[str, Any]:
    """Return what a user set last under a profile. The author's code calls this, in any thread."""
    with app.app_context(), read_connection() as connection:
        which = {"of_owner": owner, "under": profile or ""}
        found = connection.execute(_FIND, which).scalar_one_or_none()
    return found or {}


def store_setting_defaults(
    connection: Connection, owner: str, profile: str | None, values: dict[str, Any]
) -> None:
    """Let the next chat of a user with a profile begin with these values."""
    row = {"owner": owner, "profile": profile or "", "values": values, "changed_at": utc_now()}
    key = ("owner", "profile")
    statement = insert_or_change(
        connection.dialect.name, SettingDefaults, key, "values", "changed_at"
    )
    connection.execute(statement, row)


def forget_setting_defaults(connection: Connection, owner: str, profile: str | None) -> None:
    """Let the next chat of a user with a profile begin as the app says."""
    connection.execute(_FORGET, {"of_owner": owner, "under": profile or ""})


def forget_defaults_of_user(_app: Flask, *, session: Session, username: str) -> None:
    """Forget what a user has set whose account is removed, in the caller's transaction."""
    session.execute(_FORGET_ALL, {"of_owner": f"user:{username}"})
