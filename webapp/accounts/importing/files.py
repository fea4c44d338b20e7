"""The files of `users import` and `users export`: CSV, JSON and TOML."""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from webapp.accounts.details import DetailsError, strict_json
from webapp.accounts.models import Account
from webapp.console import SHOWN_CHARACTERS, count_noun, escape_formula, unescape_formula

FORMATS = ("csv", "json", "toml")
COLUMNS = (
    "username",
    "display_name",
    "role",
    "metadata",
    "password",
    "password_hash",
    "disabled",
)
MAX_FILE_BYTES = 64 * 1024 * 1024
TOML_TABLE = "users"
DELIMITERS = ",;\t"
SHOWN_COLUMNS = 10
# How files of Excel, LibreOffice and Numbers begin: as ZIP archives, or as files of old Excel.
WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_LINE_END = re.compile(r"[\r\n]")
_SEPARATOR_LINE = re.compile(r'"?sep=([^\w\r\n"])"?[\r\n]', re.IGNORECASE)


class AccountFileError(ValueError):
    """A file cannot be imported. ``problems`` has one line for each problem."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class Row:
    """One account of a file: where it is, and its cells that are not empty."""

    place: str
    values: dict[str, Any]


def guess_format(name: str) -> str | None:
    """Return the format that fits a file name, or ``None``."""
    ending = PurePath(name).suffix.lower().removeprefix(".")
    return ending if ending in FORMATS else None


def read_rows(data: bytes, file_format: str) -> list[Row]:
    """Return the accounts of a file, in their order.

    Raises
    ------
    AccountFileError
        With every problem in the form of the file.
    """
    if len(data) > MAX_FILE_BYTES:
        raise AccountFileError([f"it is larger than {MAX_FILE_BYTES // 1024**2} MB; split it"])
    if data.startswith(WORKBOOKS):
        raise AccountFileError(["it is a workbook, not text; save it as CSV UTF-8"])
    encoding = "utf-8"
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"  # what Excel calls Unicode text, and what PowerShell writes
    elif b"\0" in data[:2]:
        # Without that mark, one of the first two bytes is 0 if the text begins with ASCII.
        encoding = "utf-16-be" if data[:1] == b"\0" else "utf-16-le"
    try:
        text = data.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = _line_number(data[: error.start].decode(encoding))
        raise AccountFileError(
            [f"line {line}: is not UTF-8 text; save the file as UTF-8 (in Excel: CSV UTF-8)"]
        ) from error
    if "\0" in text:
        line = _line_number(text.partition("\0")[0])
        raise AccountFileError([f"line {line}: has a NUL character"])
    rows = {"csv": _csv_rows, "json": _json_rows, "toml": _toml_rows}[file_format](text)
    if not rows:
        raise AccountFileError(["there are no users in it"])
    return rows


def format_accounts(accounts: Iterable[Account], file_format: str, *, with_hashes: bool) -> str:
    """Return the text of a file from which `read_rows` gets the same accounts back."""
    entries: list[dict[str, Any]] = []
    for account in accounts:
        entry = {
            "username": account.username,
            "display_name": account.display_name,
            "metadata": account.details,
            "disabled": account.disabled,
        }
        entries.append(entry | ({"password_hash": account.password_hash} if with_hashes else {}))
    if file_format == "json":
        return json.dumps(entries, ensure_ascii=False, indent=2) + "\n"
    return _format_csv(entries) if file_format == "csv" else _format_toml(entries)


def _line_number(text_before: str) -> int:
    return text_before.count("\n") + 1


def _csv_rows(text: str) -> list[Row]:
    # Excel writes such a line, and reads it: https://www.rfc-editor.org/rfc/rfc4180 has none.
    declared = _SEPARATOR_LINE.match(text)
    # Excel separates by semicolons where numbers have a comma, as in German and French.
    first_line = _LINE_END.split(text.lstrip(f"{DELIMITERS}\r\n "), maxsplit=1)[0]
    delimiter = declared[1] if declared else max(DELIMITERS, key=first_line.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        if declared:
            next(reader)
        # Cleared rows stay in the file as bare delimiters, also above the header.
        cells = next((row for row in reader if _is_filled(row)), [])
        header_line = reader.line_num or 1
        header = _without_empty_end(["_".join(name.split()).casefold() for name in cells])
        problems = _find_header_problems(header)
        if problems:
            raise AccountFileError([f"line {header_line}: {problem}" for problem in problems])
        return list(_read_csv_rows(reader, header))
    except csv.Error as error:
        raise AccountFileError([f"line {reader.line_num}: is not CSV: {error}"]) from error


def _find_header_problems(header: list[str]) -> list[str]:
    if set(header).isdisjoint(COLUMNS):
        # This may be a user, because the header is missing. It is not shown: it has a password.
        return [f"must name the columns, one of them username; there are {', '.join(COLUMNS)}"]
    if "username" not in header:
        found = ", ".join(name[:SHOWN_CHARACTERS] for name in header[:SHOWN_COLUMNS])
        return [f"has no column username; its columns are {found}"]
    # A column without a name may stand there if it is empty.
    problems = _find_unknown_columns(name for name in header if name)
    return problems + [f"{name} appears twice" for name in COLUMNS if header.count(name) > 1]


def _read_csv_rows(reader: Any, header: list[str]) -> Iterator[Row]:
    problems = []
    first_line = reader.line_num + 1
    for row in reader:
        place, first_line = f"line {first_line}", reader.line_num + 1
        if not _is_filled(row):
            continue
        cells = row[: len(header)] + _without_empty_end(row[len(header) :])
        if len(cells) != len(header):
            found = count_noun(len(cells), "cell")
            problems.append(f"{place}: has {found} instead of {len(header)}")
            continue
        values = {
            # A password is taken as it stands. Nobody exports one.
            name: cell if name == "password" else unescape_formula(cell)
            for name, cell in zip(header, cells, strict=True)
            if cell.strip()
        }
        if "" in values:
            problems.append(f"{place}: has a cell in a column without a name")
        yield Row(place, values)
    if problems:
        raise AccountFileError(problems)


def _is_filled(cells: list[str]) -> bool:
    return any(cell.strip() for cell in cells)


def _without_empty_end(cells: list[str]) -> list[str]:
    filled = [number for number, cell in enumerate(cells, start=1) if cell.strip()]
    return cells[: filled[-1] if filled else 0]


def _json_rows(text: str) -> list[Row]:
    try:
        found = strict_json(text, "it")
    except DetailsError as error:
        raise AccountFileError([str(error)]) from error
    return _entry_rows(found.get(TOML_TABLE) if isinstance(found, dict) else found)


def _toml_rows(text: str) -> list[Row]:
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise AccountFileError([f"it is not TOML: {error}"]) from error
    except RecursionError as error:
        raise AccountFileError(["it is nested too deeply"]) from error
    except ValueError as error:
        # Python refuses integers of more than 4,300 digits.
        raise AccountFileError(["it contains a number that is too long"]) from error
    return _entry_rows(found.get(TOML_TABLE))


def _entry_rows(found: object) -> list[Row]:
    if not isinstance(found, list):
        raise AccountFileError(
            [f"must be a list of users (in TOML, a [[{TOML_TABLE}]] table for each)"]
        )
    rows, problems = [], []
    for number, entry in enumerate(found, start=1):
        place = f"entry {number}"
        if not isinstance(entry, dict):
            problems.append(f"{place}: must have names and values, such as username")
            continue
        problems += [f"{place}: {problem}" for problem in _find_unknown_columns(entry)]
        rows.append(Row(place, {k: v for k, v in entry.items() if v is not None and v != ""}))
    if problems:
        raise AccountFileError(problems)
    return rows


def _find_unknown_columns(names: Iterable[str]) -> list[str]:
    return [
        f"unknown column {name[:SHOWN_CHARACTERS]!r}; there are {', '.join(COLUMNS)}"
        for name in names
        if name not in COLUMNS
    ]


def _format_csv(entries: list[dict[str, Any]]) -> str:
    def to_cell(value: object) -> str:
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, dict):
            return json.dumps(value, ensure_ascii=False)
        return "" if value is None else str(value)

    file = io.StringIO(newline="")
    names = list(entries[0]) if entries else ["username", "display_name", "metadata", "disabled"]
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(
        [escape_formula(to_cell(value)) for value in entry.values()] for entry in entries
    )
    return file.getvalue()


def _format_toml(entries: list[dict[str, Any]]) -> str:
    tables = []
    for entry in entries:
        lines = [f"[[{TOML_TABLE}]]"]
        for name, value in entry.items():
            if value is None:
                continue
            text = json.dumps(value, ensure_ascii=False)
            # Metadata is JSON in a TOML string, because TOML has no null.
            quoted = json.dumps(text, ensure_ascii=False) if isinstance(value, dict) else text
            lines.append(f"{name} = {quoted}")
        tables.append("\n".join(lines))
    return "\n\n".join(tables) + "\n"
