"""The widgets of `ChatSettings` that offer values to choose from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from webapp.authoring.arguments import read_text, read_texts
from webapp.authoring.errors import MisuseError, refuse_unknown_arguments
from webapp.authoring.inputs.widgets import InputWidget

MOST_VALUES = 500
MOST_BOXES = 200
VALUE_LIMIT = 1_000


@dataclass(kw_only=True)
class ChoiceWidget(InputWidget):
    """What `Select`, `RadioGroup` and `MultiSelect` have in common.

    Parameters
    ----------
    values:
        What users choose from.
    items:
        The same, with labels: a dict of label and value. Give one of the two.
    """

    most_values: ClassVar[int] = MOST_VALUES
    values: list[str] = field(default_factory=list)
    items: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        if bool(self.values) == bool(self.items):
            found = "both" if self.values else "neither"
            raise MisuseError(f"{self.place}: give values or items, not {found}.")
        if self.values:
            self.values = read_texts(f"{self.place}: values", self.values, VALUE_LIMIT)
            self.items = {value: value for value in self.values}
        elif not isinstance(self.items, dict):
            raise MisuseError(
                f"{self.place}: items must be a dict of label and value, such as "
                '{"GPT-4": "gpt-4"}.'
            )
        else:
            self.items = {
                read_text(f"{self.place}: a label of items", label, VALUE_LIMIT): read_text(
                    f"{self.place}: the value of {label[:40]!r}", value, VALUE_LIMIT, empty=True
                )
                for label, value in self.items.items()
            }
        if len(self.items) > self.most_values:
            raise MisuseError(
                f"{self.place}: {len(self.items):,} values are offered, and {self.most_values} "
                "may be. Offer fewer, or let users write one in a TextInput."
            )

    def check_offered(self, argument: str, value: object) -> None:
        """Refuse a value that is not offered."""
        if value not in self.items.values():
            raise MisuseError(
                f"{self.place}: {argument} is {value!r:.60}, which is not among the values that "
                "are offered."
            )

    def to_dict(self) -> dict[str, Any]:
        """Return the widget as JSON."""
        items = [{"label": label, "value": value} for label, value in self.items.items()]
        return {**super().to_dict(), "items": items}


@dataclass(kw_only=True)
class SingleChoiceWidget(ChoiceWidget):
    """What `Select` and `RadioGroup` have in common.

    Parameters
    ----------
    initial_value, initial_index:
        The value that is chosen at first, or its place in ``values``, counted from 0. Without
        either, none is, and the value is ``None``.
    """

    initial: str | None = field(default=None, kw_only=False)
    initial_index: int | None = None
    initial_value: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        index: object = self.initial_index
        if index is not None:
            if not self.values:
                raise MisuseError(
                    f"{self.place}: initial_index counts in values. With items, give initial_value."
                )
            count = len(self.values)
            if not isinstance(index, int) or not -count <= index < count:
                raise MisuseError(
                    f"{self.place}: initial_index must be a number from 0 to {count - 1}, not "
                    f"{index!r:.60}."
                )
            self.initial = self.values[index]
        elif self.initial_value is not None:
            self.check_offered("initial_value", self.initial_value)
            self.initial = self.initial_value
        elif self.initial is not None:
            self.check_offered("initial", self.initial)


@refuse_unknown_arguments
@dataclass(kw_only=True)
class Select(SingleChoiceWidget):
    """A list to choose one text from. Its value is that text, or ``None``.

    Parameters
    ----------
    id, label, tooltip, description, disabled:
        As for `InputWidget`.
    values, items:
        What users choose from: a list, or a dict of label and value. Give one of the two.
    initial_value, initial_index, initial:
        The value that is chosen at first, or its place in ``values``.

    Raises
    ------
    MisuseError
        As for `InputWidget`; or the first value is not offered.

    Example
    -------
    >>> Select(id="Model", label="Model", values=["small", "large"], initial_index=0).initial
    'small'
    """

    type: ClassVar[str] = "select"


@refuse_unknown_arguments
@dataclass(kw_only=True)
class RadioGroup(SingleChoiceWidget):
    """A few texts to choose one from, all of which are shown. Its value is that text, or ``None``.

    Parameters
    ----------
    id, label, tooltip, description, disabled:
        As for `InputWidget`.
    values, items, initial_value, initial_index, initial:
        As for `Select`. At most 200 values.

    Example
    -------
    >>> RadioGroup(id="Tone", label="Tone", values=["kind", "short"]).initial is None
    True
    """

    type: ClassVar[str] = "radio"
    most_values: ClassVar[int] = MOST_BOXES


@refuse_unknown_arguments
@dataclass(kw_only=True)
class MultiSelect(ChoiceWidget):
    """A list to choose several texts from. Its value is a list of them, in the order offered.

    Parameters
    ----------
    id, label, tooltip, description, disabled:
        As for `InputWidget`.
    initial:
        The values that are chosen at first.
    values, items:
        As for `Select`. At most 200 values.

    Example
    -------
    >>> MultiSelect(id="Tools", label="Tools", values=["search", "code"]).initial
    []
    """

    type: ClassVar[str] = "multiselect"
    most_values: ClassVar[int] = MOST_BOXES
    initial: list[str] = field(default_factory=list, kw_only=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        chosen = read_texts(f"{self.place}: initial", self.initial or (), VALUE_LIMIT)
        for value in chosen:
            self.check_offered("initial", value)
        self.initial = [value for value in dict.fromkeys(self.items.values()) if value in chosen]
