"""The schema of a database that could not be reached when the app started."""

from __future__ import annotations

import logging
from contextlib import nullcontext, suppress

from flask import current_app, request
from werkzeug.exceptions import ServiceUnavailable

from webapp.config.settings import Settings
from webapp.config.startup_error import StartupError
from webapp.database.schema import settle_schema
from webapp.web.errors import RETRY_SECONDS, log_unavailable
from webapp.web.log import log_event

EXTENSION = "late_schema"
# These endpoints answer without a database.
NEED_NO_DATABASE = ("health.healthz", "probe.stream")


class LateSchema:
    """Checks the schema when a request comes, since it may be empty or old.

    It does so in the request. A thread would not survive the fork of a server that loads the app
    before it starts its workers.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._settled = False

    def settle(self) -> None:
        """Make the schema of an empty database. Return once the schema is current.

        Raises
        ------
        ServiceUnavailable
            The schema is old or newer than this program, or the file cannot be used.
        SQLAlchemyError
            The database cannot be reached.
        """
        if self._settled:
            return
        try:
            settle_schema(self._settings, upgrade_old=False)
        except StartupError as error:
            log_event("schema.refused", level=logging.ERROR, problem=str(error))
            raise ServiceUnavailable(retry_after=RETRY_SECONDS) from error
        except OSError as error:
            log_unavailable(error)
            raise ServiceUnavailable(retry_after=RETRY_SECONDS) from error
        self._settled = True
        log_event("database.back")


def wait_for_schema() -> None:
    """Let a request pass if the schema is current. Only a database that was down needs a check."""
    late: LateSchema | None = current_app.extensions.get(EXTENSION)
    if late is None or request.endpoint in NEED_NO_DATABASE:
        return
    # `/readyz` explains the problem itself.
    with suppress(ServiceUnavailable) if request.endpoint == "health.readyz" else nullcontext():
        late.settle()
