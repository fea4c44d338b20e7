"""How the cells of a table read: numbers of one column alike, dates without a time that says
nothing, long texts cut."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from datetime import datetime, time
from decimal import Decimal
from typing import Final, Literal

from webapp.authoring.text import clean_text

ColumnKind = Literal["number", "text", "time", "other"]
NUMBER: Final = "number"
TEXT: Final = "text"
TIME: Final = "time"
OTHER: Final = "other"
KINDS = (NUMBER, TEXT, TIME, OTHER)

CELL_LIMIT = 160  # characters shown; the CSV file has them all
NAME_LIMIT = 100
DECIMALS = 6
# Other numbers are shown with an exponent.
SMALLEST, LARGEST = 1e-4, 1e15


def show_cells(values: Sequence[object]) -> list[str | None]:
    """Return what is shown of the values of one column on one page; `None` for no value."""
    decimals = max(map(_count_decimals, values), default=0)
    midnight = all(value.time() == time() for value in values if isinstance(value, datetime))
    return [
        None if value is None else _cut(_show(value, decimals, midnight=midnight))
        for value in values
    ]


def name_columns(names: Sequence[object]) -> list[str]:
    """Return the names of columns as text, each one once and not longer than people can read."""
    found: dict[str, None] = {}
    for number, name in enumerate(names, start=1):
        parts = name if isinstance(name, tuple) else (name,)  # levels, in pandas
        text = " / ".join(" ".join(clean_text(str(part)).split()) for part in parts)
        text = wanted = _cut(text, NAME_LIMIT) or f"column {number}"
        repeat = 2
        while text in found:
            text, repeat = f"{wanted} ({repeat})", repeat + 1
        found[text] = None
    return list(found)


def _show(value: object, decimals: int, *, midnight: bool) -> str:
    text = str(value)
    match value:
        case bool():
            text = text.lower()
        case float():
            text = _show_number(value, decimals)
        case datetime() if midnight:
            text = f"{value.date()}"
        case datetime():
            seconds = f":{value:%S}" if value.second else ""
            text = f"{value.date()} {value:%H:%M}{seconds} {value.tzname() or ''}".rstrip()
        case Decimal() if value.is_finite() and abs(value.adjusted()) < CELL_LIMIT:
            text = f"{value:f}"
        case bytes():
            text = f"{len(value):,} bytes"
        case list() | dict() | tuple():
            text = json.dumps(value, ensure_ascii=False, default=str)
    return text


def _show_number(value: float, decimals: int) -> str:
    if not math.isfinite(value):
        return {math.inf: "∞", -math.inf: "-∞"}.get(value, "NaN")
    if value == 0 or SMALLEST <= abs(value) < LARGEST:
        return f"{value + 0.0:.{decimals}f}"  # no minus before a zero
    return f"{value:.{DECIMALS}g}"


def _count_decimals(value: object) -> int:
    if not isinstance(value, float) or not SMALLEST <= abs(value) < LARGEST:
        return 0
    return len(f"{value:.{DECIMALS}f}".rstrip("0").partition(".")[2])


def _cut(text: str, limit: int = CELL_LIMIT) -> str:
    # Cleaned after the cut, since a cell may have millions of characters.
    short = clean_text(text[: limit + 1])
    return f"{short[:limit].rstrip()}…" if len(text) > limit else short
