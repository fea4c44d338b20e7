"""What a browser sends for a widget of `ChatSettings`: checked, and made the value of its type.

A widget is a dict here, as `InputWidget.to_dict` made it: whoever reads the form may be another
process than the one that ran the app's code.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from webapp.authoring.inputs.widgets import MOST_TAGS, TAG_LIMIT, TEXT_LIMIT
from webapp.authoring.text import clean_text, is_visible

Widget = Mapping[str, Any]
NOT_OFFERED = "Choose one of the values that are offered."
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
# Longer ones are no numbers that a form sends.
_NUMBER_LIMIT = 40
# An int of that many digits is not exact in a browser any more.
_MOST_DIGITS = 18


class SettingError(ValueError):
    """A value that a widget does not take. The text tells its user what to change."""


def list_widgets(shown: Sequence[Widget]) -> list[Widget]:
    """Return the widgets of a form, with those in its tabs."""
    return [widget for each in shown for widget in each.get("inputs", [each])]


def read_setting(widget: Widget, texts: Sequence[str]) -> Any:
    """Return the value for what a form sent under the name of a widget.

    Parameters
    ----------
    texts:
        What was sent. A box that is not ticked sends nothing, a period sends two days.

    Raises
    ------
    SettingError
        The widget does not take it.
    """
    kind: str = widget["type"]
    cleaned = [clean_text(text) for text in texts]
    several = kind == "multiselect" or (kind == "datepicker" and widget["mode"] == "range")
    if len(cleaned) > 1 and not several:
        raise SettingError("It was sent more than once. Reload the page, then set it again.")
    if not cleaned and kind in ("slider", "select", "textinput", "numberinput", "tags"):
        raise SettingError("It was not sent. Reload the page, then set it again.")
    return _READERS[kind](widget, cleaned)


def texts_of(widget: Widget, value: Any) -> list[str]:
    """Return what a form sends for a value: the other way of `read_setting`."""
    kind = widget["type"]
    if kind in ("switch", "checkbox"):
        return ["on"] if value is True else []
    if kind == "tags":
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        for tag in value or []:
            writer.writerow([tag])
        return [text.getvalue().removesuffix("\n")]
    if kind == "multiselect":
        return list(value or [])
    if kind == "datepicker" and widget["mode"] == "range":
        return list(value or ["", ""])
    if value is None:
        return [] if kind == "radio" else [""]
    return [str(value)]


def fit_setting(widget: Widget, value: Any) -> Any:
    """Return a value that was kept, for a widget that may have changed since.

    Raises
    ------
    SettingError
        The widget does not take it any more.
    """
    initial = widget["initial"]
    like = bool if isinstance(initial, bool) else list if isinstance(initial, list) else None
    if like is not None and not isinstance(value, like) and value is not None:
        raise SettingError(NOT_OFFERED)
    if isinstance(value, bool) and like is not bool:
        raise SettingError(NOT_OFFERED)
    if isinstance(value, list) and not all(isinstance(item, str) for item in value):
        raise SettingError(NOT_OFFERED)
    if not isinstance(value, str | int | float | list | None):
        raise SettingError(NOT_OFFERED)
    return read_setting(widget, texts_of(widget, value))


def _read_box(widget: Widget, texts: Sequence[str]) -> bool:
    del widget
    if texts not in ([], ["on"]):
        raise SettingError("Switch it on or off.")
    return bool(texts)


def _read_choice(widget: Widget, texts: Sequence[str]) -> str | None:
    offered = {item["value"] for item in widget["items"]}
    chosen = texts[0] if texts else ""
    if chosen in offered:
        return chosen
    if chosen or widget["initial"] is not None:
        raise SettingError(NOT_OFFERED)
    return None


def _read_choices(widget: Widget, texts: Sequence[str]) -> list[str]:
    offered = dict.fromkeys(item["value"] for item in widget["items"])
    if len(set(texts)) != len(texts) or not set(texts) <= offered.keys():
        raise SettingError("Choose among the values that are offered, each once.")
    return [value for value in offered if value in texts]


def _read_text(widget: Widget, texts: Sequence[str]) -> str | None:
    text = texts[0]
    if not widget["multiline"]:
        text = text.replace("\n", " ")
    if len(text) > TEXT_LIMIT:
        raise SettingError(
            f"Shorten it: it has {len(text):,} characters and may have {TEXT_LIMIT:,}."
        )
    return text or None


def _read_number(widget: Widget, texts: Sequence[str]) -> float | None:
    if not texts[0].strip():
        return None
    return _number(texts[0], "Write a number, such as 5 or 0.5.", [widget["initial"]])


def _read_slider(widget: Widget, texts: Sequence[str]) -> float:
    low, high, step = widget["min"], widget["max"], widget["step"]
    problem = f"Choose a number from {low} to {high}, in steps of {step}."
    number = _number(texts[0], problem, [low, high, step, widget["initial"]])
    steps = (Decimal(str(number)) - Decimal(str(low))) / Decimal(str(step))
    if not low <= number <= high or abs(steps - round(steps)) > Decimal("1e-6"):
        raise SettingError(problem)
    return number


def _number(text: str, problem: str, like: Sequence[object]) -> float:
    """Return a number: a float if one of those it is like is one."""
    text = text.strip()
    if len(text) > _NUMBER_LIMIT or not _NUMBER.fullmatch(text):
        raise SettingError(problem)
    exact = Decimal(text)
    if exact and exact.adjusted() > _MOST_DIGITS - 1:
        raise SettingError(problem)
    is_whole = exact == exact.to_integral_value()
    if is_whole and not any(isinstance(number, float) for number in like):
        return int(exact)
    return float(exact)


def _read_tags(widget: Widget, texts: Sequence[str]) -> list[str]:
    del widget
    if len(texts[0]) > 2 * MOST_TAGS * TAG_LIMIT:
        raise SettingError(f"Write at most {MOST_TAGS} tags.")
    # A tag with a comma stands in quotes, as in a CSV file.
    rows = csv.reader(io.StringIO(texts[0]), skipinitialspace=True)
    written = (" ".join(tag.split()) for row in rows for tag in row)
    tags = [tag for tag in dict.fromkeys(written) if is_visible(tag)]
    if len(tags) > MOST_TAGS or any(len(tag) > TAG_LIMIT for tag in tags):
        raise SettingError(f"Write at most {MOST_TAGS} tags of {TAG_LIMIT} characters each.")
    return tags


def _read_dates(widget: Widget, texts: Sequence[str]) -> Any:
    if widget["mode"] == "single":
        return _day(widget, texts[0]) if texts and texts[0] else None
    days = [_day(widget, text) for text in texts if text]
    if len(texts) > 2 or (len(days) == 1 and not texts[0]):
        raise SettingError("Choose the first and the last day.")
    if not days:
        return None
    first, last = days[0], days[-1]
    if first > last:
        raise SettingError(f"Choose a last day that is not before the first, {first}.")
    return [first, last]


def _day(widget: Widget, text: str) -> str:
    earliest, latest = widget["min_date"], widget["max_date"]
    try:
        day = date.fromisoformat(text).isoformat() if _DAY.fullmatch(text) else ""
    except ValueError:
        day = ""
    if not day:
        raise SettingError("Choose a date.")
    if (earliest and day < earliest) or (latest and day > latest):
        bounds = [f"from {earliest}"] if earliest else []
        bounds += [f"up to {latest}"] if latest else []
        raise SettingError(f"Choose a date {' '.join(bounds)}.")
    return day


_READERS: Mapping[str, Callable[[Widget, Sequence[str]], Any]] = {
    "switch": _read_box,
    "checkbox": _read_box,
    "select": _read_choice,
    "radio": _read_choice,
    "multiselect": _read_choices,
    "textinput": _read_text,
    "numberinput": _read_number,
    "slider": _read_slider,
    "tags": _read_tags,
    "datepicker": _read_dates,
}
