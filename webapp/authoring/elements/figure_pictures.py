"""Pictures of a figure of matplotlib. Imported only where there is one."""

from __future__ import annotations

import copy
import io
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from matplotlib.collections import Collection
from matplotlib.colors import same_color, to_rgba
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text

# A drawing of many points is smaller as a picture of dots.
SVG_BYTES = 300_000
DOTS_PER_PIXEL = 2
PIXELS_PER_INCH = 96
POINTS_PER_INCH = 72
# Colours with less are greys. On a dark page, black becomes the lightest, and white the darkest.
SATURATION = 0.06
LIGHTEST, DARKEST = 0.92, 0.09
COLOURS: dict[type, tuple[str, ...]] = {
    Line2D: ("markeredgecolor", "markerfacecolor", "color"),
    Patch: ("facecolor", "edgecolor"),
}
CLEAR = (0.0, 0.0, 0.0, 0.0)
_SIZE = re.compile(rb'<svg[^>]* width="([\d.]+)pt" height="([\d.]+)pt"')
# What matplotlib shares between all figures is not made for threads.
_drawing = threading.Lock()


@dataclass(frozen=True, kw_only=True)
class DrawnFigure:
    """The pictures of a figure, and its width and height in pixels."""

    light: bytes
    dark: bytes | None
    ending: str
    width: int
    height: int
    title: str


def keep_figure(figure: Any) -> Any:
    """Return a figure as it is now, to be drawn later: drawing takes long."""
    kind: Any = type(figure)
    kept = kind.__new__(kind)
    try:
        state = figure.__getstate__()
        state.pop("_restore_to_pylab", None)  # or the copy would be the current figure of pyplot
        kept.__setstate__(copy.deepcopy(state, {id(figure): kept}))
    except (TypeError, ValueError, AttributeError, NotImplementedError, RecursionError):
        return draw_figure(figure)  # it has something that cannot be copied
    return kept


def draw_figure(figure: Any) -> DrawnFigure:
    """Return pictures of a figure for light and for dark pages. The figure stays as it is."""
    if isinstance(figure, DrawnFigure):
        return figure
    with _drawing:
        titles = [figure.get_suptitle(), *(axes.get_title() for axes in figure.axes)]
        is_plain = _is_clear_or_white(figure.get_facecolor())
        light = _save(figure, "svg", is_plain=is_plain)
        size = _SIZE.search(light, 0, 2_000)
        kind = "svg" if len(light) <= SVG_BYTES else "png"
        if kind == "png":
            light = _save(figure, kind, is_plain=is_plain)
        dark = _save(figure, kind, is_plain=True, is_dark=True) if is_plain else None
    points = map(float, size.groups() if size else figure.get_size_inches() * POINTS_PER_INCH)
    width, height = (round(it * PIXELS_PER_INCH / POINTS_PER_INCH) for it in points)
    title = ", ".join(filter(None, titles))
    return DrawnFigure(light=light, dark=dark, ending=kind, width=width, height=height, title=title)


def _save(figure: Any, kind: str, *, is_plain: bool, is_dark: bool = False) -> bytes:
    file = io.BytesIO()
    undo: list[Callable[[], object]] = []
    try:
        if is_plain:
            for axes in figure.axes:
                if _is_clear_or_white(axes.get_facecolor()):
                    _change(axes.patch, "facecolor", CLEAR, undo)
        if is_dark:
            _invert_greys(figure, undo)
        figure.savefig(
            file,
            format=kind,
            bbox_inches="tight",
            dpi=DOTS_PER_PIXEL * PIXELS_PER_INCH,
            facecolor=CLEAR if is_plain else "auto",
            # Without the time, the same figure is the same file.
            metadata={"Date": None} if kind == "svg" else None,
        )
    finally:
        for step in reversed(undo):
            step()
    return file.getvalue()


def _invert_greys(figure: Any, undo: list[Callable[[], object]]) -> None:
    """Give all that is grey, black or white the colours of a dark page."""
    for artist in figure.findobj():
        if artist is figure.patch:
            continue
        if isinstance(artist, Text):
            # Light letters were chosen for the colour behind them.
            grey = _grey(artist.get_color())
            if grey is not None and grey < 0.5:
                _change(artist, "color", _inverted(artist.get_color()), undo)
        elif isinstance(artist, Collection) and artist.get_array() is None:
            for name in ("facecolor", "edgecolor"):
                colours = getattr(artist, f"get_{name}")()
                if not isinstance(colours, str) and len(colours):
                    _change(artist, name, [_inverted(it) for it in colours], undo)
        else:
            for name in next((it for kind, it in COLOURS.items() if isinstance(artist, kind)), ()):
                colour = getattr(artist, f"get_{name}")()
                _change(artist, name, _inverted(colour), undo)


def _change(artist: Any, name: str, value: object, undo: list[Callable[[], object]]) -> None:
    before = getattr(artist, f"get_{name}")()
    if value is before:
        return
    undo.append(lambda: getattr(artist, f"set_{name}")(before))
    getattr(artist, f"set_{name}")(value)


def _grey(colour: Any) -> float | None:
    """Return how light a grey is, from 0 to 1. ``None`` for colours and for what is not seen."""
    if isinstance(colour, str) and colour in ("none", "auto"):
        return None
    red, green, blue, alpha = to_rgba(colour)
    lowest, highest = min(red, green, blue), max(red, green, blue)
    return (lowest + highest) / 2 if alpha and highest - lowest <= SATURATION else None


def _inverted(colour: Any) -> Any:
    grey = _grey(colour)
    if grey is None:
        return colour
    level = LIGHTEST - grey * (LIGHTEST - DARKEST)
    return (level, level, level, to_rgba(colour)[3])


def _is_clear_or_white(colour: Any) -> bool:
    return to_rgba(colour)[3] == 0 or same_color(colour, "white")
