"""What an app does about the schema of a database that was down when it started (R61, R70)."""

from __future__ import annotations

import logging
from contextlib import nullcontext, suppress

from flask import current_app, request
from werkzeug.exceptions import ServiceUnavailable

from webapp.config import Settings, StartupError
from webapp.database.schema import settle_schema
from webapp.web.errors import RETRY_SECONDS, log_unavailable
from webapp.web.log import log_event

EXTENSION = "late_schema"
# They answer whether or not there is a database.
NEED_NO_DATABASE = ("health.healthz", "probe.stream")


class LateSchema:
    """Looks at the schema when a request comes: it may be empty or old.

    In the request rather than in a thread, since threads do not survive the fork of a server that
    loads the app first.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._settled = False

    def settle(self) -> None:
        """Make the schema of an empty database, and return once it is current.

        Raises
        ------
        ServiceUnavailable
            While the schema is old, or newer than this program, or its file cannot be used.
        SQLAlchemyError
            While the database cannot be reached.
        """
        if self._settled:
            return
        try:
            settle_schema(self._settings, upgrade_old=False)
        except StartupError as error:
            log_event("schema.refused", level=logging.ERROR, problem=error.line)
            raise ServiceUnavailable(retry_after=RETRY_SECONDS) from error
        except OSError as error:
            log_unavailable(error)
            raise ServiceUnavailable(retry_after=RETRY_SECONDS) from error
        self._settled = True
        log_event("database.back")


def wait_for_schema() -> None:
    """Let a request pass if the schema is current, as it is unless the database was down."""
    late: LateSchema | None = current_app.extensions.get(EXTENSION)
    if late is None or request.endpoint in NEED_NO_DATABASE:
        return
    # `/readyz` says in its own words what is wrong.
    with suppress(ServiceUnavailable) if request.endpoint == "health.readyz" else nullcontext():
        late.settle()
