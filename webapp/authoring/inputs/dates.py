"""The widget of `ChatSettings` for dates."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, ClassVar, Literal

from webapp.authoring.errors import MisuseError, refuse_unknown_arguments
from webapp.authoring.inputs.widgets import InputWidget

Day = str | date


@refuse_unknown_arguments
@dataclass(kw_only=True)
class DatePicker(InputWidget):
    """A field for a date, or for the first and the last day of a period.

    The value is a date as text, such as ``"2026-05-01"``; in the mode ``"range"`` a list of two.
    It is ``None`` while nothing is chosen.

    Parameters
    ----------
    id, label, tooltip, description, disabled:
        As for `InputWidget`.
    initial:
        A `datetime.date` or its text; in the mode ``"range"`` two of them.
    mode:
        ``"single"`` or ``"range"``.
    min_date, max_date:
        The first and the last day that can be chosen.
    format, placeholder:
        Have no effect: the browser shows dates as its user has them elsewhere.

    Raises
    ------
    MisuseError
        As for `InputWidget`; or a date does not exist, or lies outside the others.

    Example
    -------
    >>> DatePicker(id="Day", label="Day", initial=date(2026, 5, 1)).initial
    '2026-05-01'
    """

    type: ClassVar[str] = "datepicker"
    initial: Any = field(default=None, kw_only=False)
    mode: Literal["single", "range"] = "single"
    min_date: Day | None = None
    max_date: Day | None = None
    format: str | None = None
    placeholder: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.mode not in ("single", "range"):
            raise MisuseError(f'{self.place}: mode must be "single" or "range".')
        self.min_date = self._day("min_date", self.min_date)
        self.max_date = self._day("max_date", self.max_date)
        self._check_order("min_date and max_date", self.min_date, self.max_date)
        if self.initial is None:
            return
        if self.mode == "single":
            if isinstance(self.initial, list | tuple):
                raise MisuseError(
                    f'{self.place}: initial must be one date, or the mode must be "range".'
                )
            self.initial = self._day("initial", self.initial)
        else:
            if not isinstance(self.initial, list | tuple) or len(self.initial) != 2:
                raise MisuseError(
                    f'{self.place}: initial must be two dates, or the mode must be "single".'
                )
            self.initial = [self._day("initial", day) for day in self.initial]
            if None in self.initial:
                raise MisuseError(f"{self.place}: initial must be two dates, or None.")
            self._check_order("initial", *self.initial)
        for day in self.initial if self.mode == "range" else [self.initial]:
            self._check_order("min_date and initial", self.min_date, day)
            self._check_order("initial and max_date", day, self.max_date)

    def _day(self, argument: str, value: object) -> str | None:
        if isinstance(value, datetime):
            return value.date().isoformat()
        if isinstance(value, date):
            return value.isoformat()
        try:
            return None if value is None else date.fromisoformat(str(value)).isoformat()
        except ValueError as error:
            raise MisuseError(
                f'{self.place}: {argument} must be a date such as "2026-05-01", not {value!r:.60}.'
            ) from error

    def _check_order(self, arguments: str, first: Day | None, last: Day | None) -> None:
        if first is not None and last is not None and str(first) > str(last):
            raise MisuseError(f"{self.place}: {arguments}: {first} is later than {last}.")

    def to_dict(self) -> dict[str, Any]:
        """Return the widget as JSON."""
        return {
            **super().to_dict(),
            "mode": self.mode,
            "min_date": self.min_date,
            "max_date": self.max_date,
            "format": self.format,
            "placeholder": self.placeholder,
        }
