"""The frame in which a chart of Plotly is drawn."""

from __future__ import annotations

from collections.abc import Generator, Iterator

from flask import Response, render_template

from webapp.elements.frames.frame_answers import CHART_SCRIPTS, in_frame
from webapp.elements.pieces import answer_in_pieces
from webapp.files.store import FileStore

# Where the figure stands in the template.
FIGURE = "@figure@"


def chart_frame(store: FileStore, sha256: str, title: str, plotly_url: str) -> Response:
    """Return the frame with a figure, which is read from the store while it is sent.

    Raises
    ------
    FileNotFoundError, FilesUnavailableError
        The file is not in the store, or the store does not answer.
    """
    html = render_template("elements/chart_frame.html", title=title, plotly_url=plotly_url)
    before, _, after = html.partition(FIGURE)
    answer = answer_in_pieces(_write(before, store.read(sha256), after), "text/html")
    return in_frame(answer, CHART_SCRIPTS)


def _write(before: str, pieces: Iterator[bytes], after: str) -> Generator[bytes]:
    yield before.encode()
    for piece in pieces:
        # In JSON, these signs stand in texts only. In HTML, they would begin something else.
        yield piece.replace(b"<", b"\\u003c").replace(b"&", b"\\u0026")
    yield after.encode()
