"""Validating the rows of an imported file. All problems of all rows are reported together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import select

from webapp.accounts.details import (
    DetailsError,
    metadata_from_json,
    validate_display_name,
    validate_metadata,
)
from webapp.accounts.directory import refuse_two_roles
from webapp.accounts.importing.files import AccountFileError, Row
from webapp.accounts.models import Account
from webapp.accounts.passwords import PasswordError, is_argon2_hash, refuse_weak
from webapp.accounts.usernames import UsernameError, skeleton, validate_username
from webapp.console import SHOWN_CHARACTERS
from webapp.database.engines import db, release_connection
from webapp.site import settings

NAMES_AT_ONCE = 400  # SQLite takes 999 parameters in old versions
# Excel writes true and false in its own language.
TRUE = "true yes 1 wahr vrai verdadero vero verdadeiro waar prawda sant sand tosi pravda igaz"
FALSE = "false no 0 falsch faux falso onwaar fałsz falskt falsk epätosi nepravda hamis"
BOOLEANS = dict.fromkeys(TRUE.split(), True) | dict.fromkeys(FALSE.split(), False)

Item = TypeVar("Item")
# Yields the items one by one and shows the progress. Takes the items, their number, and a title.
Progress = Callable[[Iterable[Item], int, str], Iterable[Item]]


@dataclass(frozen=True, kw_only=True)
class ImportedAccount:
    """An account as the file has it. ``None`` keeps what the database has."""

    place: str
    username: str
    display_name: str | None
    details: dict[str, Any] | None
    role: str | None
    password: str | None
    password_hash: str | None
    disabled: bool | None


def validate_rows(rows: list[Row], progress: Progress[Row]) -> list[ImportedAccount]:
    """Return the accounts of the rows.

    Raises
    ------
    AccountFileError
        With every problem of every row.
    """
    found, problems = [], []
    for row in progress(rows, len(rows), "Checking"):
        try:
            found.append(_validate_row(row))
        except (UsernameError, PasswordError, DetailsError) as error:
            problems.append(f"{row.place}: {error}")
    problems += _find_duplicates(found)
    release_connection()
    if problems:
        raise AccountFileError(problems)
    return found


def batches(items: list[str]) -> Iterator[list[str]]:
    """Split names into lists that fit into one query."""
    for start in range(0, len(items), NAMES_AT_ONCE):
        yield items[start : start + NAMES_AT_ONCE]


def _validate_row(row: Row) -> ImportedAccount:
    values = row.values
    name = validate_username(_text(values, "username") or "")
    shown = validate_display_name(_text(values, "display_name") or "")
    metadata, details = values.get("metadata"), None
    if metadata is not None:
        is_text = isinstance(metadata, str)
        details = metadata_from_json(metadata) if is_text else validate_metadata(metadata)
    role = _text(values, "role")
    refuse_two_roles(details, role)
    if role is not None:
        role = validate_metadata({"role": role})["role"]
    password = _validate_password(values, name, shown)
    ready_hash = _text(values, "password_hash")
    if ready_hash is not None and not is_argon2_hash(ready_hash):
        raise PasswordError(
            "password_hash is not an argon2id hash with 7 to 128 MiB of memory and 1 to 10 rounds"
        )
    return ImportedAccount(
        place=row.place,
        username=name,
        display_name=shown,
        details=details,
        role=role,
        password=password,
        password_hash=ready_hash,
        disabled=_parse_boolean(values.get("disabled")),
    )


def _text(values: Mapping[str, Any], column: str) -> str | None:
    value = values.get(column)
    if value is not None and not isinstance(value, str):
        raise DetailsError(f"{column} must be text")
    return value


def _validate_password(values: Mapping[str, Any], name: str, shown: str | None) -> str | None:
    password = _text(values, "password")
    if password is None:
        return None
    if "password_hash" in values:
        raise PasswordError("has both a password and a password_hash; keep one of them")
    if password.startswith("$argon2"):
        raise PasswordError("the password looks like a hash; put it into the column password_hash")
    refuse_weak(password, name, settings().password_min_length, [shown] if shown else [])
    return password


def _parse_boolean(value: object) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    found = BOOLEANS.get(str(value).strip().lower())
    if found is None:
        shown = str(value)[:SHOWN_CHARACTERS]
        raise DetailsError(f"disabled must be true or false, not {shown!r}")
    return found


def _find_duplicates(accounts: list[ImportedAccount]) -> list[str]:
    problems = []
    first: dict[str, ImportedAccount] = {}
    for each in accounts:
        other = first.setdefault(skeleton(each.username), each)
        if other is not each and other.username == each.username:
            problems.append(f"{each.place}: {each.username!r} appears at {other.place} already")
        elif other is not each:
            problems.append(
                f"{each.place}: {each.username!r} looks like {other.username!r} at {other.place}"
            )

    owners: dict[str, str] = {}
    for some in batches(list(first)):
        rows = db.session.execute(
            select(Account.skeleton, Account.username).where(Account.skeleton.in_(some))
        )
        owners.update({row.skeleton: row.username for row in rows})
    for shape, each in first.items():
        owner = owners.get(shape, each.username)
        if owner != each.username:
            problems.append(f"{each.place}: {each.username!r} looks like the user {owner!r}")
    return problems
