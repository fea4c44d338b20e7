"""The elements that show a chart of another library."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from typing import Any

from webapp.authoring.chat_message import ElementDisplay, NewFile, StoredFile
from webapp.authoring.elements.element import Element, ElementSize
from webapp.authoring.elements.snapshot import Snapshot
from webapp.authoring.errors import MisuseError, refuse_unknown_arguments

HEIGHTS = {"small": 280, "medium": 420, "large": 600}  # pixels
LOWEST, HIGHEST = 80, 4_000
TITLE_LIMIT = 200
# Rows on one page of the table with its data.
DATA_ROWS = 50


@refuse_unknown_arguments
class Plotly(Element):
    """A chart of Plotly that people zoom into and hover over.

    It is drawn by the script of the package ``plotly``, in a frame that can reach nothing else on
    the page. Below it is a link to its data as a table.

    Parameters
    ----------
    figure:
        A figure of Plotly, such as what ``plotly.express.line`` returns.
    name:
        What a screen reader says in the place of the chart. Without it, the title of the figure.
    display:
        Where it is shown, as for each `Element`.
    size:
        ``"small"``, ``"medium"`` or ``"large"``: how high it is. The height that the figure itself
        has comes first.

    Example
    -------
    ::

        figure = plotly.express.bar(x=["Bern", "Basel"], y=[134, 173], title="People")
        chart = cl.Plotly(figure=figure, name="People per city")
        await cl.Message(content="Here it is:", elements=[chart]).send()
    """

    kind = "plotly"

    def __init__(
        self,
        *,
        figure: Any,
        name: str = "",
        display: ElementDisplay = "inline",
        size: ElementSize | None = None,
    ) -> None:
        if not hasattr(figure, "to_json"):
            raise MisuseError(
                f"Plotly figure must be a figure of Plotly, not {type(figure).__name__}."
            )
        super().__init__(name=name, display=display, size=size)
        self.figure = figure
        self._snapshot: Snapshot = Snapshot(figure, _to_json)
        self._shown: dict[str, Any] = {}

    def new_files(self) -> list[NewFile]:
        """Return the figure as JSON."""
        text: str = self._snapshot.of(self.figure)
        figure = json.loads(text)
        if not isinstance(figure, dict) or not isinstance(figure.get("data"), list):
            raise MisuseError(
                f"Plotly figure must be a figure of Plotly, not {type(self.figure).__name__}."
            )
        layout = figure.get("layout", {})
        title = layout.get("title")
        title = title.get("text") if isinstance(title, dict) else title
        height = layout.get("height") or HEIGHTS[self.size or "medium"]
        self._shown = {
            "height": round(min(max(height, LOWEST), HIGHEST)),
            "page_rows": DATA_ROWS,
            **({"title": title[:TITLE_LIMIT]} if isinstance(title, str) else {}),
        }
        content = text.encode()
        name = f"{self.name or 'chart'}.json"
        return [NewFile(id=self._id, name=name, mime="application/json", source=content)]

    def details(self, stored: Sequence[StoredFile]) -> dict[str, Any]:
        """Return its height and title."""
        del stored
        return self._shown


@refuse_unknown_arguments
class Pyplot(Element):
    """A figure of matplotlib, as a picture for light pages and one for dark pages.

    Black on white becomes the colours of the page. What you gave a colour of its own keeps it, and
    a figure whose ground is not white is shown as it is.

    Parameters
    ----------
    figure:
        A ``matplotlib.figure.Figure``. It is shown as it is now, and you may clear it and draw the
        next one.
    name:
        What a screen reader says in the place of the figure. Without it, the titles in the figure.
    display:
        Where it is shown, as for each `Element`.
    size:
        ``"small"``, ``"medium"`` or ``"large"``: how much room it may take.

    Example
    -------
    ::

        figure, axes = pyplot.subplots()
        axes.plot([1, 2, 4])
        chart = cl.Pyplot(figure=figure, name="Growth")
        await cl.Message(content="It doubles:", elements=[chart]).send()
    """

    kind = "pyplot"

    def __init__(
        self,
        *,
        figure: Any,
        name: str = "",
        display: ElementDisplay = "inline",
        size: ElementSize | None = None,
    ) -> None:
        # The module pyplot has `savefig`, too.
        if not hasattr(figure, "savefig") or not hasattr(figure, "get_size_inches"):
            raise MisuseError(
                "Pyplot figure must be a figure of matplotlib, such as pyplot.gcf(), not "
                f"{type(figure).__name__}."
            )
        super().__init__(name=name, display=display, size=size)
        from webapp.authoring.elements import figure_pictures  # noqa: PLC0415 - needs matplotlib

        self.figure = figure
        self._draw = figure_pictures.draw_figure
        self._snapshot: Snapshot = Snapshot(figure, figure_pictures.keep_figure)
        self._shown: dict[str, Any] = {}

    def new_files(self) -> list[NewFile]:
        """Return the figure as a picture, and the one for dark pages if it is another one."""
        drawn = self._draw(self._snapshot.of(self.figure))
        self._shown = {
            "size": self.size or "medium",
            "width": drawn.width,
            "height": drawn.height,
            "alt": (self.name or drawn.title or "Figure")[:TITLE_LIMIT],
        }
        # With an ending, or it would be saved without one.
        name = f"{self.name or 'figure'}.{drawn.ending}"
        files = [NewFile(id=self._id, name=name, mime=None, source=drawn.light)]
        if drawn.dark is not None:
            dark_id = uuid.uuid4()
            self._shown["dark"] = str(dark_id)
            files.append(NewFile(id=dark_id, name=name, mime=None, source=drawn.dark))
        return files

    def details(self, stored: Sequence[StoredFile]) -> dict[str, Any]:
        """Return its size, its text, and the id of the picture for dark pages."""
        del stored
        return self._shown


def _to_json(figure: Any) -> str:
    text: str = figure.to_json()
    return text
