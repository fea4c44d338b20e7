"""`Tab`: a group of widgets in `ChatSettings`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from webapp.authoring.arguments import read_text
from webapp.authoring.errors import MisuseError, refuse_unknown_arguments
from webapp.authoring.inputs.widgets import ID_LIMIT, LABEL_LIMIT, InputWidget


@refuse_unknown_arguments
@dataclass
class Tab:
    """A group of widgets under a label.

    Parameters
    ----------
    id:
        Tells it from the other tabs.
    label:
        What users read above the widgets.
    inputs:
        The widgets. A tab has no tabs of its own.

    Raises
    ------
    MisuseError
        An argument has the wrong type, or is empty or too long.

    Example
    -------
    >>> Tab(id="model", label="Model", inputs=[]).label
    'Model'
    """

    id: str
    label: str
    inputs: Sequence[InputWidget] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.id = read_text("Tab: id", self.id, ID_LIMIT)
        self.label = read_text(f"Tab {self.id!r}: label", self.label, LABEL_LIMIT)
        inputs: object = self.inputs
        if not isinstance(inputs, list | tuple) or not all(
            isinstance(widget, InputWidget) for widget in inputs
        ):
            raise MisuseError(
                f"Tab {self.id[:40]!r}: inputs must be a list of widgets, such as Slider and "
                "Select, and of no tabs."
            )

    def to_dict(self) -> dict[str, Any]:
        """Return the tab as JSON."""
        inputs = [widget.to_dict() for widget in self.inputs]
        return {"id": self.id, "label": self.label, "inputs": inputs}
