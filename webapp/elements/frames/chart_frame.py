"""The frame in which a chart of Plotly is drawn."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Response, render_template

from webapp.authoring.chat_message import StoredFile
from webapp.elements.frames.frame_answers import CHART_SCRIPTS, frame_answer
from webapp.files.store import FileStore

# Where the figure stands in the template.
FIGURE = "@figure@"


def chart_frame(store: FileStore, file: StoredFile, title: str, plotly_url: str) -> Response:
    """Return the frame with a figure, which is read from the store while it is sent.

    Raises
    ------
    FileNotFoundError
        The file is not in the store.
    """
    html = render_template("elements/chart_frame.html", title=title, plotly_url=plotly_url)
    before, _, after = html.partition(FIGURE)
    pieces = store.read(file.sha256)
    first = next(pieces, b"")  # what is gone is told before the answer begins
    return frame_answer(_write(before, first, pieces, after), CHART_SCRIPTS)


def _write(before: str, first: bytes, others: Iterator[bytes], after: str) -> Iterator[bytes]:
    yield before.encode()
    yield _escape(first)
    for piece in others:
        yield _escape(piece)
    yield after.encode()


def _escape(piece: bytes) -> bytes:
    # In JSON, these signs stand in texts only. In HTML, they would begin something else.
    return piece.replace(b"<", b"\\u003c").replace(b"&", b"\\u0026")
