"""The pages of a table, and the table as a file."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager
from dataclasses import replace

from flask import Response, render_template, request, url_for
from werkzeug.exceptions import BadRequest

from webapp.authoring.chat_message import StoredFile
from webapp.database.engines import release_connection
from webapp.elements.found_elements import FoundElement
from webapp.elements.pieces import answer_in_pieces, reading_file
from webapp.elements.tables.orders import Orders
from webapp.elements.tables.table_file import TableFile, UnreadableTableError
from webapp.elements.tables.table_view import TableView, read_table_view
from webapp.files.names import clean_file_name, content_disposition
from webapp.files.store import FileStore, file_store
from webapp.pages.participants import Participants, build_participants
from webapp.site import this_app
from webapp.web.htmx import wants_fragment

EXTENSION = "table_orders"
Opening = Callable[[FileStore, StoredFile], AbstractContextManager[TableFile]]
_PAGE = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)


def show_table(found: FoundElement, opening: Opening) -> Response | str:
    """Show a page of a table, or send the table as CSV, as the address says.

    Parameters
    ----------
    opening:
        Opens the file of the element as a table.

    Raises
    ------
    BadRequest
        The address is not one that a page of ours has.
    """
    form = _only_one("format")
    if form == "csv":
        file = _file_of(found)
        release_connection()
        with reading_file(found.element.id):
            response = answer_in_pieces(_write_csv(opening(file_store(), file)), "text/csv")
        name = clean_file_name(f"{found.element.name or 'table'}.csv")
        response.headers["Content-Disposition"] = content_disposition(name, shown=False)
        return response
    if form not in (None, "table"):
        raise BadRequest
    view = _read_view(found, opening)
    values = {
        "element": found.element,
        "participants": participants_for(found),
        "table": view,
    }
    if wants_fragment():
        return render_template("elements/_dataframe.html", **values)
    back = (
        url_for("sharing.view", token=found.share)
        if found.share
        else url_for("chats.show", chat_id=found.chat_id)
    )
    title = found.element.name or "Table"
    return render_template("elements/table_page.html", back=back, title=title, **values)


def participants_for(found: FoundElement) -> Participants:
    """Return what makes the addresses of an element, for the reader of a link as well."""
    return replace(build_participants(()), share=found.share)


def _read_view(found: FoundElement, opening: Opening) -> TableView:
    page = _only_one("page") or "1"
    sort, descending = _only_one("sort"), _only_one("desc") is not None
    if not _PAGE.fullmatch(page):
        raise BadRequest
    orders: Orders = this_app().extensions.setdefault(EXTENSION, Orders())
    release_connection()
    with reading_file(found.element.id), opening(file_store(), _file_of(found)) as table:
        return read_table_view(
            found.element, table, orders, page=int(page), sort=sort, descending=descending
        )


def _write_csv(opened: AbstractContextManager[TableFile]) -> Generator[bytes]:
    with opened as table:
        yield from table.write_csv()


def _file_of(found: FoundElement) -> StoredFile:
    if found.element.file is None:
        raise UnreadableTableError
    return found.element.file


def _only_one(name: str) -> str | None:
    values = request.args.getlist(name)
    if len(values) > 1:
        raise BadRequest
    return values[0] if values else None
