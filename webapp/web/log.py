"""The log: one line per event, safe to read in a terminal and to feed to a collector."""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from urllib.parse import quote

from flask import Flask, g, has_request_context, request

from webapp.authoring.errors import CallbackError

logger = logging.getLogger("webapp")
SHOWN = "shown_errors"
SHOWN_ERRORS = 100
# A shorter text may stand in any line by chance.
SECRET_LENGTH = 8
HIDDEN = "[hidden key]"
_REFERENCE = re.compile(r"\b[0-9a-f]{12}\b")


def log_event(name: str, *, level: int = logging.INFO, **fields: object) -> None:
    """Log an event, with the id and the address of the request if there is one.

    Parameters
    ----------
    name:
        A dotted word such as ``login.ok``.
    level:
        A level of `logging`.
    fields:
        Details of the event. Never a password, cookie, token or message text.

    Example
    -------
    >>> log_event("user.added", user="alice", by="cli")
    """
    enable_log()
    logger.log(level, name, extra={"fields": {**request_fields(), **fields}})


def log_failure(name: str, error: BaseException, **fields: object) -> None:
    """Log an error with its traceback, without the secrets of a `CallbackError`.

    The page shows the id of the same request.
    """
    enable_log()
    secrets = error.secrets if isinstance(error, CallbackError) else ()
    place = {"place": error.place} if isinstance(error, CallbackError) and error.place else {}
    logger.error(
        name,
        exc_info=error,
        extra={"fields": {**request_fields(), **place, **fields}, "secrets": secrets},
    )


def set_up_logging(level: str) -> None:
    """Send the events to standard error, unless the site gave our logger a handler of its own.

    What the root logger has makes no difference. An app file or a server may have given it a
    handler, whose format knows nothing of the fields of an event.
    """
    enable_log()
    # The switch of `logging.disable` is the manager's. Authors mean the loggers of libraries by it.
    logger.manager = logging.Manager(logging.root)
    logger.manager.loggerDict = logging.root.manager.loggerDict
    logger.setLevel(level)
    logger.addFilter(_hide_secrets_of_record)
    if not logger.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(_TerminalFormatter() if sys.stderr.isatty() else JSONFormatter())
        logger.addHandler(handler)
        # A handler of the root would log each event a second time.
        logger.propagate = False


def enable_log() -> None:
    """Let the log go on after a `logging.config.dictConfig`, which disables other loggers."""
    logger.disabled = False


class ShownErrors(logging.Handler):
    """Keeps the last failures of a site in development, so that its pages can show them.

    Each is kept under the reference that the page has. Nothing is stored in the database.
    """

    def __init__(self, explain: Callable[[Exception], str]) -> None:
        super().__init__(logging.ERROR)
        self._explain = explain
        self._texts: dict[str, str] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the failure that was logged, with the author's own line."""
        error = record.exc_info[1] if record.exc_info else None
        reference = {**request_fields(), **getattr(record, "fields", {})}.get("request")
        if isinstance(error, Exception) and reference:
            secrets = getattr(record, "secrets", ())
            self._texts[str(reference)] = _hide_secrets(self._explain(error), secrets)
            for oldest in list(self._texts)[:-SHOWN_ERRORS]:
                self._texts.pop(oldest, None)

    def find(self, text: str) -> str:
        """Return the failure whose reference stands in ``text``, or nothing."""
        return next((self._texts[r] for r in _REFERENCE.findall(text) if r in self._texts), "")


def show_errors(app: Flask, explain: Callable[[Exception], str]) -> None:
    """Let the pages of a site in development show each failure, as ``explain`` tells it."""
    app.extensions[SHOWN] = ShownErrors(explain)
    logger.addHandler(app.extensions[SHOWN])


def hide_errors(app: Flask) -> None:
    """Undo `show_errors`, for good."""
    shown: ShownErrors | None = app.extensions.pop(SHOWN, None)
    if shown is not None:
        logger.removeHandler(shown)
        hint = "the log has what callbacks raise, and the pages show it no longer"
        log_event("errors.hidden", level=logging.WARNING, hint=hint)


def shown_error(app: Flask, text: str) -> str:
    """Return the failure whose reference stands in ``text``; nothing outside of development."""
    keeper: ShownErrors | None = app.extensions.get(SHOWN)
    return keeper.find(text) if keeper else ""


class JSONFormatter(logging.Formatter):
    """One JSON object per line, in ASCII, so that no control character gets through."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line of JSON."""
        return json.dumps(_as_dict(record), default=str)


class _TerminalFormatter(JSONFormatter):
    """Short lines for the author. A traceback keeps its lines."""

    def format(self, record: logging.LogRecord) -> str:
        fields = _as_dict(record)
        trace = str(fields.pop("traceback", ""))
        head = f"{fields.pop('time')} {fields.pop('level')} {_printable(str(fields.pop('event')))}"
        tail = " ".join(f"{key}={json.dumps(value, default=str)}" for key, value in fields.items())
        lines = [f"  | {_printable(line)}" for line in trace.splitlines()]
        return "\n".join([f"{head} {tail}".rstrip(), *lines])


def _as_dict(record: logging.LogRecord) -> dict[str, object]:
    time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    line: dict[str, object] = {
        "time": time,
        "level": record.levelname,
        "event": record.getMessage(),
    }
    # Flask's own records get the request too: the reference on an error page must be found here.
    line.update({**request_fields(), **getattr(record, "fields", {})})
    if record.exc_text:
        line["traceback"] = record.exc_text
    elif record.exc_info:
        line["traceback"] = logging.Formatter().formatException(record.exc_info)
    return line


def _hide_secrets_of_record(record: logging.LogRecord) -> bool:
    """Write the traceback before any handler does. The handlers of logging take what is there."""
    secrets = getattr(record, "secrets", ())
    if secrets and record.exc_info:
        trace = logging.Formatter().formatException(record.exc_info)
        record.exc_text = _hide_secrets(trace, secrets)
    return True


def _hide_secrets(text: str, secrets: Collection[str]) -> str:
    # The longest first: one may be the beginning of another.
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= SECRET_LENGTH:
            # As it is, as Python quotes it, and as a part of an address.
            for written in (secret, repr(secret)[1:-1], quote(secret, safe="")):
                text = text.replace(written, HIDDEN)
    return text


def request_fields() -> dict[str, object]:
    """Return the id of the request and the address that it came from, if there is a request.

    For what is logged after the request has been answered.
    """
    if not has_request_context():
        return {}
    return {"request": g.get("request_id"), "ip": request.remote_addr}


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)
