"""Show an element on a page of its own, or in a frame."""

from __future__ import annotations

import uuid

from flask import Blueprint, Response, make_response, render_template, request, url_for
from werkzeug.exceptions import NotFound

from webapp.accounts.guard import login_needed
from webapp.authoring.chat_message import StoredFile
from webapp.database.engines import release_connection
from webapp.elements.access import FoundFile, find_file
from webapp.elements.charts.chart_table import open_chart_table
from webapp.elements.element_page import show_element
from webapp.elements.found_elements import find_element
from webapp.elements.frames.chart_frame import chart_frame
from webapp.elements.frames.frame_answers import (
    DIAGRAM_SCRIPTS,
    in_frame,
    plotly_answer,
    plotly_version,
)
from webapp.elements.pieces import reading_file
from webapp.elements.tables.opening import open_table
from webapp.elements.tables.table_page import show_table
from webapp.files.store import file_store

blueprint = Blueprint("elements", __name__)

# Of the file of a chart.
FIGURE_TYPE = "application/json"


@blueprint.get("/elements/<uuid:element_id>")
@login_needed
def show(element_id: uuid.UUID) -> Response | str:
    """Show an element on a page or in the panel beside its chat, or show a page of a table."""
    found = find_element(element_id)
    in_panel = request.args.get("in") == "panel"
    kind = found.element.kind
    if kind == "dataframe" and not in_panel:
        return show_table(found, open_table)
    if kind == "plotly" and "format" in request.args:
        return show_table(found, open_chart_table)
    return show_element(found, in_panel=in_panel)


@blueprint.get("/elements/<uuid:element_id>/frame")
@login_needed
def show_frame(element_id: uuid.UUID) -> Response:
    """Show a chart, for the frame on the page of its chat."""
    version = plotly_version()
    file: StoredFile | FoundFile | None
    try:
        element = find_element(element_id).element
        name, file = element.name, element.file if element.kind == "plotly" else None
    except NotFound:
        # A page that follows an answer asks at once, up to a second before the message is stored.
        file = find_file(element_id)
        name = ""
        if file.mime != FIGURE_TYPE:
            raise
    if file is None or version is None:
        raise NotFound
    release_connection()
    plotly_url = url_for("elements.plotly_script", v=version)
    with reading_file(element_id):
        return chart_frame(file_store(), file.sha256, name or "Chart", plotly_url)


@blueprint.get("/frames/plotly.js")
def plotly_script() -> Response:
    """Send the script that draws charts, from the package that the site has."""
    answer = plotly_answer()
    if answer is None:
        raise NotFound
    return answer


@blueprint.get("/frames/diagram")
def diagram_frame() -> Response:
    """Show an empty frame, to which the page around it gives the source of a diagram."""
    page = make_response(render_template("elements/diagram_frame.html"))
    return in_frame(page, DIAGRAM_SCRIPTS)
