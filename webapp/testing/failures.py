"""The failures of an app that is tested: what its callbacks raise, as their author wants it."""

from __future__ import annotations

import logging
import sysconfig
from itertools import dropwhile
from pathlib import Path
from types import TracebackType

from flask import Flask, has_app_context

from webapp.authoring.errors import CallbackError
from webapp.site import this_app
from webapp.web.errors import request_id

# pytest shows no line of this module in a traceback.
__tracebackhide__ = True

# Where an app notes that its tester is closed.
CLOSED = "chat_tester_closed"
_FRAMEWORK = Path(__file__).parents[1]
_STANDARD_LIBRARY = Path(sysconfig.get_path("stdlib"))


class ChatTestError(Exception):
    """Something cannot be done in a test. The message says what to change."""


class RefusedError(ChatTestError):
    """The site has refused a request, as it would refuse that of a browser.

    Parameters
    ----------
    status:
        The HTTP status, such as 403 for a profile that is not offered.
    told:
        What the user reads.
    hint:
        What the author can do.
    """

    def __init__(self, status: int, told: str, hint: str = "") -> None:
        super().__init__(f"{status}: {told} {hint}".rstrip())
        self.status = status
        self.told = told


class ChatTimeoutError(ChatTestError, TimeoutError):
    """An answer was not complete in time. The message has what was said so far."""


class FailureLog(logging.Filter):
    """Collects what fails in one app, wherever it fails: all failures of callbacks are logged.

    They are raised in the test, so the log of the test does not have them once more.

    A turn fails outside its request, and its log has the id of that.
    """

    def __init__(self) -> None:
        super().__init__()
        self._app: Flask | None = None
        self._requests: set[str] = set()
        self._errors: list[BaseException] = []

    def watch(self, app: Flask) -> None:
        """Collect what fails in this app from now on."""
        self._app = app
        app.before_request(lambda: self._requests.add(request_id()))

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep the error of a record if it is one of this app, and let all others pass."""
        error = record.exc_info[1] if record.exc_info else None
        request = getattr(record, "fields", {}).get("request")
        is_ours = has_app_context() and this_app() is self._app
        if error is None or not (is_ours or request in self._requests):
            return True
        self._errors.append(error)
        return False

    def take(self) -> BaseException | None:
        """Return the first failure since the last call, as the author knows it."""
        errors, self._errors = self._errors, []
        return authors_error(errors[0]) if errors else None


def authors_error(error: BaseException) -> BaseException:
    """Return what the author's code raised, with the frames of the author's code alone.

    Where the framework itself complains, for example of what a callback returned, its error is
    returned. That error names the line.
    """
    while isinstance(error, CallbackError) and error.__cause__ is not None:
        error = error.__cause__
    trace = error.__traceback__
    entries = []
    while trace is not None:
        entries.append(trace)
        trace = trace.tb_next
    # What comes first in the standard library has called the author: threads, and asyncio.
    outer = (_FRAMEWORK, _STANDARD_LIBRARY)
    inner = dropwhile(lambda entry: any(map(_file_of(entry).is_relative_to, outer)), entries)
    kept = [entry for entry in inner if not _file_of(entry).is_relative_to(_FRAMEWORK)]
    cut: TracebackType | None = None
    for entry in reversed(kept or entries):  # without any, the error is the framework's own
        cut = TracebackType(cut, entry.tb_frame, entry.tb_lasti, entry.tb_lineno)
    return error.with_traceback(cut)


def _file_of(entry: TracebackType) -> Path:
    return Path(entry.tb_frame.f_code.co_filename)
