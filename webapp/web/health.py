"""Two answers for whoever watches the process."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, make_response
from sqlalchemy.exc import SQLAlchemyError

from webapp.database import db
from webapp.schema import SchemaState, schema_state

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def healthz() -> Response:
    """Say that the process is alive."""
    return _plain("ok", 200)


@blueprint.get("/readyz")
def readyz() -> Response:
    """Say whether it can serve: the database answers, and its schema is current."""
    try:
        state = schema_state(db.session.connection())
    except SQLAlchemyError as error:
        current_app.logger.warning("not ready: %s", type(error).__name__)
        return _plain("the database does not answer", 503)
    if state is not SchemaState.CURRENT:
        return _plain(f"the schema is {state.value}; run `chat-profiles db upgrade`", 503)
    return _plain("ready", 200)


def _plain(text: str, status: int) -> Response:
    response = make_response(text + "\n", status)
    response.mimetype = "text/plain"
    if status == 503:
        response.headers["Retry-After"] = "5"
    return response
