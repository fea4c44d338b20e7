"""`StartupError`: the app refuses to start, and says what to change."""

from __future__ import annotations

import sys

EXIT_CONFIG = 78  # EX_CONFIG of sysexits.h
# gunicorn starts a worker that exits with any other status again, for ever; with this one it stops.
EXIT_GUNICORN_APP_LOAD_ERROR = 4


class StartupError(SystemExit):
    """The app refuses to start, and says what to change, with a line for each problem.

    It is a `SystemExit` with status 78 (4 under gunicorn), so that a server which loads the app
    exits with the lines and without a traceback. They are its text.
    """

    def __init__(self, *lines: str) -> None:
        in_gunicorn = "gunicorn.arbiter" in sys.modules
        super().__init__(EXIT_GUNICORN_APP_LOAD_ERROR if in_gunicorn else EXIT_CONFIG)
        self.lines = lines

    def __str__(self) -> str:
        return "\n".join(self.lines)
