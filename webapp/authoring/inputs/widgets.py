"""The widgets of `ChatSettings`: switches, sliders, numbers, texts and tags."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from webapp.authoring.arguments import check_bool, check_number, read_text, read_texts
from webapp.authoring.errors import MisuseError, refuse_unknown_arguments

ID_LIMIT = 100
LABEL_LIMIT = 200
HINT_LIMIT = 2_000
# In a form, a character may take nine bytes of the 256 kB that may be sent.
TEXT_LIMIT = 20_000
MOST_TAGS = 100
TAG_LIMIT = 200


@dataclass(kw_only=True)
class InputWidget:
    """What all widgets of `ChatSettings` have. Use one of the others.

    Parameters
    ----------
    id:
        The key of its value, unique in the form. 1 to 100 characters in one line.
    label:
        What users read beside it.
    initial:
        The value that it begins with.
    tooltip, description:
        What users read below it.
    disabled:
        Whether users can see it, but not change it.

    Raises
    ------
    MisuseError
        An argument has the wrong type, or is empty or too long.
    """

    type: ClassVar[str] = ""

    id: str = field(kw_only=False)
    label: str = field(kw_only=False)
    initial: Any = field(default=None, kw_only=False)
    tooltip: str | None = None
    description: str | None = None
    disabled: bool | None = False

    def __post_init__(self) -> None:
        name = type(self).__name__
        self.id = read_text(f"{name}: id", self.id, ID_LIMIT)
        if "\n" in self.id:
            raise MisuseError(f"{name}: the id {self.id[:40]!r} has more than one line.")
        self.label = read_text(f"{self.place}: label", self.label, LABEL_LIMIT)
        for hint in ("tooltip", "description", "placeholder"):
            text = getattr(self, hint, None)
            if text is not None:
                cleaned = read_text(f"{self.place}: {hint}", text, HINT_LIMIT, empty=True)
                setattr(self, hint, cleaned)
        self.disabled = check_bool(f"{self.place}: disabled", self.disabled or False)

    @property
    def place(self) -> str:
        """Return how an error names it."""
        return f"{type(self).__name__} {self.id[:40]!r}"

    def to_dict(self) -> dict[str, Any]:
        """Return the widget as JSON."""
        return {
            "type": self.type,
            "id": self.id,
            "label": self.label,
            "initial": self.initial,
            "tooltip": self.tooltip,
            "description": self.description,
            "disabled": self.disabled,
        }


@dataclass(kw_only=True)
class OnOffWidget(InputWidget):
    """What `Switch` and `Checkbox` have in common."""

    initial: bool = field(default=False, kw_only=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_bool(f"{self.place}: initial", self.initial)


@refuse_unknown_arguments
@dataclass(kw_only=True)
class Switch(OnOffWidget):
    """A switch. Its value is ``True`` or ``False``.

    Parameters
    ----------
    id, label, initial, tooltip, description, disabled:
        As for `InputWidget`.

    Example
    -------
    >>> Switch(id="Streaming", label="Stream the answer", initial=True).initial
    True
    """

    type: ClassVar[str] = "switch"


@refuse_unknown_arguments
@dataclass(kw_only=True)
class Checkbox(OnOffWidget):
    """A box to tick. Its value is ``True`` or ``False``.

    Parameters
    ----------
    id, label, initial, tooltip, description, disabled:
        As for `InputWidget`.

    Example
    -------
    >>> Checkbox(id="Sources", label="Show the sources").initial
    False
    """

    type: ClassVar[str] = "checkbox"


@refuse_unknown_arguments
@dataclass(kw_only=True)
class Slider(InputWidget):
    """A number between two others. The value is an ``int`` if all arguments are.

    Parameters
    ----------
    id, label, tooltip, description, disabled:
        As for `InputWidget`.
    initial:
        The number that it begins with; 0 if you leave it out, or ``min`` if that is higher.
    min, max, step:
        The lowest and the highest number, and how far apart two of them are.

    Raises
    ------
    MisuseError
        As for `InputWidget`; or ``initial`` is not between ``min`` and ``max``.

    Example
    -------
    >>> Slider(id="Temperature", label="Temperature", initial=1, min=0, max=2, step=0.1).max
    2
    """

    type: ClassVar[str] = "slider"
    initial: float | None = field(default=None, kw_only=False)
    min: float = 0
    max: float = 10
    step: float = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        for argument in ("min", "max", "step"):
            check_number(f"{self.place}: {argument}", getattr(self, argument))
        if not self.min < self.max:
            raise MisuseError(
                f"{self.place}: min must be lower than max, and {self.min} is not lower than "
                f"{self.max}."
            )
        if self.step <= 0:
            raise MisuseError(f"{self.place}: step must be a number above 0, not {self.step}.")
        if self.initial is None:
            self.initial = 0 if self.min <= 0 <= self.max else self.min
        if not self.min <= check_number(f"{self.place}: initial", self.initial) <= self.max:
            raise MisuseError(
                f"{self.place}: initial must lie between min and max ({self.min} to {self.max}), "
                f"not at {self.initial}."
            )

    def to_dict(self) -> dict[str, Any]:
        """Return the widget as JSON."""
        return {**super().to_dict(), "min": self.min, "max": self.max, "step": self.step}


@refuse_unknown_arguments
@dataclass(kw_only=True)
class TextInput(InputWidget):
    """A field for text. Its value is text, or ``None`` while it is empty.

    Parameters
    ----------
    id, label, initial, tooltip, description, disabled:
        As for `InputWidget`. ``initial`` has at most 20,000 characters.
    placeholder:
        What the empty field shows.
    multiline:
        Whether the text may have several lines.

    Example
    -------
    >>> TextInput(id="Name", label="Your name", placeholder="Ada").multiline
    False
    """

    type: ClassVar[str] = "textinput"
    initial: str | None = field(default=None, kw_only=False)
    placeholder: str | None = None
    multiline: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_bool(f"{self.place}: multiline", self.multiline)
        if self.initial is not None:
            place = f"{self.place}: initial"
            self.initial = read_text(place, self.initial, TEXT_LIMIT, empty=True)

    def to_dict(self) -> dict[str, Any]:
        """Return the widget as JSON."""
        more = {"placeholder": self.placeholder, "multiline": self.multiline}
        return {**super().to_dict(), **more}


@refuse_unknown_arguments
@dataclass(kw_only=True)
class NumberInput(InputWidget):
    """A field for a number. Its value is an ``int``, a ``float``, or ``None`` while it is empty.

    Parameters
    ----------
    id, label, initial, tooltip, description, disabled:
        As for `InputWidget`. With a ``float`` as ``initial``, the value is always one.
    placeholder:
        What the empty field shows.

    Example
    -------
    >>> NumberInput(id="Seed", label="Seed", initial=42).initial
    42
    """

    type: ClassVar[str] = "numberinput"
    initial: float | None = field(default=None, kw_only=False)
    placeholder: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.initial is not None:
            check_number(f"{self.place}: initial", self.initial)

    def to_dict(self) -> dict[str, Any]:
        """Return the widget as JSON."""
        return {**super().to_dict(), "placeholder": self.placeholder}


@refuse_unknown_arguments
@dataclass(kw_only=True)
class Tags(InputWidget):
    """A field for several short texts. Its value is a list of text.

    Parameters
    ----------
    id, label, initial, tooltip, description, disabled:
        As for `InputWidget`. ``initial`` is a list of at most 100 texts of 200 characters each.
    values:
        Has no effect. Chainlit takes it, too.

    Example
    -------
    >>> Tags(id="Stop", label="Stop words", initial=["Answer:"]).initial
    ['Answer:']
    """

    type: ClassVar[str] = "tags"
    initial: list[str] = field(default_factory=list, kw_only=False)
    values: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__post_init__()
        tags = read_texts(f"{self.place}: initial", self.initial or (), TAG_LIMIT)
        self.initial = [tag.replace("\n", " ").strip() for tag in tags]
        if len(self.initial) > MOST_TAGS:
            raise MisuseError(
                f"{self.place}: initial has {len(self.initial)} tags and may have {MOST_TAGS}."
            )
