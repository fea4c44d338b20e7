"""Two addresses for programs that watch the process."""

from __future__ import annotations

from flask import Blueprint, Response, make_response
from sqlalchemy.exc import SQLAlchemyError

from webapp.database.engines import db, release_connection, try_to_write
from webapp.database.schema import SchemaState, schema_state
from webapp.web.errors import log_unavailable

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def healthz() -> Response:
    """Answer that the process is alive."""
    return _plain("ok", 200)


@blueprint.get("/readyz")
def readyz() -> Response:
    """Answer whether the database takes changes and its schema is current."""
    try:
        state = schema_state(db.session.connection())
        release_connection()
        if state is SchemaState.CURRENT:
            try_to_write()
    except SQLAlchemyError as error:
        log_unavailable(error)
        return _plain("the database does not answer, or takes no changes", 503)
    if state is not SchemaState.CURRENT:
        return _plain(f"the schema is {state.value}; run `chat-profiles db upgrade`", 503)
    return _plain("ready", 200)


def _plain(text: str, status: int) -> Response:
    response = make_response(text + "\n", status)
    response.mimetype = "text/plain"
    if status == 503:
        response.headers["Retry-After"] = "5"
    return response
