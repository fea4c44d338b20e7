"""The profile that an account has chosen last: for its next session, on any device."""

from __future__ import annotations

from typing import Any

from flask import Flask, g
from sqlalchemy import bindparam, delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from webapp.accounts.login import viewer
from webapp.database.engines import read_connection, utc_now, write_transaction
from webapp.profiles.models import Preference

# Built once: the first page of each session asks this.
_FIND = select(Preference.profile).where(Preference.owner == bindparam("of_owner"))
_FORGET = delete(Preference).where(Preference.owner == bindparam("of_owner"))
# Only the name that was looked at: another device may have chosen a new one meanwhile.
_FORGET_NAME = _FORGET.where(Preference.profile == bindparam("name"))


def remembered_name() -> str | None:
    """Return the name this account has chosen last; looked up once per request, if at all."""
    owner = _owner()
    if owner is None:
        return None
    if "remembered_profile" not in g:
        with read_connection() as connection:
            g.remembered_profile = connection.execute(
                _FIND, {"of_owner": owner}
            ).scalar_one_or_none()
    name: str | None = g.remembered_profile
    return name


def remember(name: str) -> None:
    """Keep a choice for the next sessions of whoever is logged in."""
    owner = _owner()
    if owner is None:
        return
    with write_transaction() as connection:
        connection.execute(_upsert(connection, owner, name))
    g.remembered_profile = name


def forget_name(name: str) -> None:
    """Forget a choice that is no longer offered."""
    owner = _owner()
    if owner is None:
        return
    with write_transaction() as connection:
        connection.execute(_FORGET_NAME, {"of_owner": owner, "name": name})
    g.pop("remembered_profile", None)


def forget_choice_of_user(_app: Flask, *, session: Session, username: str) -> None:
    """Forget what a user has chosen, in the caller's transaction: their account is removed."""
    session.execute(_FORGET, {"of_owner": f"user:{username}"})


def _owner() -> str | None:
    who = viewer()
    return f"user:{who.identifier}" if who else None


def _upsert(connection: Connection, owner: str, name: str) -> Any:
    values = {"profile": name, "changed_at": utc_now()}
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    new = insert(Preference).values(owner=owner, **values)
    return new.on_conflict_do_update(index_elements=["owner"], set_=values)
