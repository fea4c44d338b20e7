"""Show an element on a page of its own."""

from __future__ import annotations

import uuid

from flask import Blueprint, Response, request

from webapp.accounts.guard import login_needed
from webapp.elements.element_page import show_element
from webapp.elements.found_elements import find_element
from webapp.elements.tables.table_page import show_table

blueprint = Blueprint("elements", __name__)


@blueprint.get("/elements/<uuid:element_id>")
@login_needed
def show(element_id: uuid.UUID) -> Response | str:
    """Show an element on a page or in the panel beside its chat, or show a page of a table."""
    found = find_element(element_id)
    in_panel = request.args.get("in") == "panel"
    if found.element.kind == "dataframe" and not in_panel:
        return show_table(found)
    return show_element(found, in_panel=in_panel)
