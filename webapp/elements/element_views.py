"""Show an element on a page of its own."""

from __future__ import annotations

import uuid

from flask import Blueprint, Response
from werkzeug.exceptions import NotFound

from webapp.accounts.guard import login_needed
from webapp.elements.found_elements import find_element
from webapp.elements.tables.table_page import show_table

blueprint = Blueprint("elements", __name__)


@blueprint.get("/elements/<uuid:element_id>")
@login_needed
def show(element_id: uuid.UUID) -> Response | str:
    """Show an element, or a page of a table."""
    found = find_element(element_id)
    if found.element.kind == "dataframe":
        return show_table(found)
    raise NotFound
