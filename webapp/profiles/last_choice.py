"""The profile that a user chose last, for their next session on any device."""

from __future__ import annotations

from flask import Flask, g
from sqlalchemy import bindparam, delete, select
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from webapp.accounts.login import viewer
from webapp.database.engines import read_connection, utc_now, write_transaction
from webapp.database.upserts import insert_or_change
from webapp.profiles.models import Preference

# Built once: the first page of each session asks this.
_FIND = select(Preference.profile).where(Preference.owner == bindparam("owner_id"))
_FORGET = delete(Preference).where(Preference.owner == bindparam("owner_id"))
# Only this name: another device may have chosen a different one in the meantime.
_FORGET_NAME = _FORGET.where(Preference.profile == bindparam("name"))


def find_last_choice() -> str | None:
    """Return the name of the profile that this user chose last. It is read once per request."""
    owner = _owner()
    if owner is None:
        return None
    if "remembered_profile" not in g:
        with read_connection() as connection:
            g.remembered_profile = connection.execute(
                _FIND, {"owner_id": owner}
            ).scalar_one_or_none()
    name: str | None = g.remembered_profile
    return name


def remember_name(connection: Connection, name: str) -> None:
    """Keep the choice of a signed-in user for their next sessions, in the caller's transaction."""
    owner = _owner()
    if owner is not None:
        choice = {"owner": owner, "profile": name, "changed_at": utc_now()}
        statement = insert_or_change(
            connection.dialect.name, Preference, ("owner",), "profile", "changed_at"
        )
        connection.execute(statement, choice)
        g.pop("remembered_profile", None)


def forget_name(name: str) -> None:
    """Forget a choice that is no longer offered."""
    owner = _owner()
    if owner is None:
        return
    with write_transaction() as connection:
        connection.execute(_FORGET_NAME, {"owner_id": owner, "name": name})
    g.pop("remembered_profile", None)


def forget_choice_of_user(_app: Flask, *, session: Session, username: str) -> None:
    """Forget the choice of a user whose account is removed, in the caller's transaction."""
    session.execute(_FORGET, {"owner_id": f"user:{username}"})


def _owner() -> str | None:
    who = viewer()
    return f"user:{who.identifier}" if who else None
