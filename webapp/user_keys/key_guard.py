"""Hides the keys of users in what this process logs or prints of errors, whoever does it.

Our own log knows whose error it logs. asyncio, a server, a library or Python itself knows nothing
of users, and may speak of an error much later: when a task is collected, for example.
"""

from __future__ import annotations

import logging
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterable
from typing import Any, TextIO
from urllib.parse import quote

from webapp.web.log import HIDDEN
from webapp.web.log import logger as own_logger

# Of whoever entered keys last. More of them are forgotten.
MOST_KEYS = 10_000
# A user chooses what counts as a key. A short one, or one with spaces, could blot out words.
SHORTEST = 16
# A key is looked for by its end: many begin alike.
END = 8
MOST_ALIKE = 50
# What is long is abbreviated by asyncio: 'sk-0123...cdef'.
GAP = "..."
# A user could choose a key that stands in each line of these, which hold no errors.
ACCESS_LOGS = ("gunicorn.access", "werkzeug")


class KeyGuard:
    """Makes the records of `logging`, without the keys of users in them."""

    def __init__(self, make_record: Callable[..., logging.LogRecord]) -> None:
        self._make_record = make_record
        self._lock = threading.Lock()
        self._keys: dict[str, None] = {}
        self._by_end: dict[str, tuple[str, ...]] = {}

    def __call__(self, *args: Any, **kwargs: Any) -> logging.LogRecord:
        """Return a record, as `logging.LogRecord` does."""
        record = self._make_record(*args, **kwargs)
        if self._by_end:
            self._clean(record)
        return record

    def remember(self, keys: Iterable[str]) -> None:
        """Hide these keys from now on."""
        for key in keys:
            if key in self._keys or len(key) < SHORTEST or any(c.isspace() for c in key):
                continue
            with self._lock:
                self._keys[key] = None
                self._change(key, self._add)
                if len(self._keys) > MOST_KEYS:
                    oldest = next(iter(self._keys))
                    del self._keys[oldest]
                    self._change(oldest, self._remove)

    def hide(self, text: str) -> str:
        """Return ``text`` without the keys, as they are or abbreviated."""
        end = len(text)
        while end >= END:
            starts = [
                _find_start(text, end, w) for w in self._by_end.get(text[end - END : end], ())
            ]
            start = min((each for each in starts if each is not None), default=None)
            if start is None:
                end -= 1
            else:
                text = f"{text[:start]}{HIDDEN}{text[end:]}"
                end = start
        return text

    def _change(self, key: str, change: Callable[[str], None]) -> None:
        # As it is, as Python quotes it, and as a part of an address.
        for written in {key, repr(key)[1:-1], quote(key, safe="")}:
            change(written)

    def _add(self, written: str) -> None:
        end = written[-END:]
        self._by_end[end] = (*self._by_end.get(end, ()), written)[-MOST_ALIKE:]

    def _remove(self, written: str) -> None:
        end = written[-END:]
        left = tuple(each for each in self._by_end.get(end, ()) if each != written)
        if left:
            self._by_end[end] = left
        else:
            self._by_end.pop(end, None)

    def _clean(self, record: logging.LogRecord) -> None:
        is_own = record.name == own_logger.name
        if not is_own and not (record.name in ACCESS_LOGS and record.levelno < logging.WARNING):
            try:
                text = record.getMessage()
            except Exception:  # noqa: BLE001 - an argument of anybody; logging tells of it
                return
            hidden = self.hide(text)
            if hidden != text:
                record.msg, record.args = hidden, None
        if record.exc_info and record.exc_info[1]:
            trace = logging.Formatter().formatException(record.exc_info)
            hidden = self.hide(trace)
            if hidden != trace:
                record.exc_text = hidden
                if not is_own:
                    # Other handlers may write the error itself. They write `exc_text` without it.
                    record.exc_info = None


def _find_start(text: str, end: int, written: str) -> int | None:
    """Return where a key begins that ends at ``end``, if it does, as a whole or abbreviated."""
    if text.endswith(written, 0, end):
        return end - len(written)
    length = END
    while length < len(written) and text[end - length - 1 : end] == written[-length - 1 :]:
        length += 1
    before = text[: end - length]
    if not before.endswith(GAP):
        return None
    before = before.removesuffix(GAP)
    rest = len(written) - length
    return len(before) - next(n for n in range(rest, -1, -1) if before.endswith(written[:n]))


def use_key_guard() -> KeyGuard:
    """Return the guard of this process, which begins to work with the first call."""
    maker = logging.getLogRecordFactory()
    if isinstance(maker, KeyGuard):
        return maker
    guard = KeyGuard(maker)
    logging.setLogRecordFactory(guard)
    _guard_threads(guard)
    _guard_collected(guard)
    _guard_warnings(guard)
    return guard


def _guard_threads(guard: KeyGuard) -> None:
    """Hide keys in what Python prints of an error that ends a thread of the author."""
    print_error = threading.excepthook

    def print_hidden(args: threading.ExceptHookArgs) -> None:
        text = _format(args.exc_type, args.exc_value, args.exc_traceback)
        hidden = guard.hide(text)
        if hidden == text or args.exc_type is SystemExit:  # of which nothing is printed
            print_error(args)
        elif sys.stderr is not None:
            name = args.thread.name if args.thread else threading.get_ident()
            sys.stderr.write(f"Exception in thread {name}:\n{hidden}")

    threading.excepthook = print_hidden


def _guard_collected(guard: KeyGuard) -> None:
    """Hide keys in what Python prints of an error that nobody can catch, as in ``__del__``."""
    print_error = sys.unraisablehook

    def print_hidden(args: sys.UnraisableHookArgs) -> None:
        text = _format(args.exc_type, args.exc_value, args.exc_traceback)
        hidden = guard.hide(text)
        if hidden == text:
            print_error(args)
        elif sys.stderr is not None:
            sys.stderr.write(f"{args.err_msg or 'Exception ignored'}:\n{hidden}")

    sys.unraisablehook = print_hidden


def _guard_warnings(guard: KeyGuard) -> None:
    show = warnings.showwarning

    def show_hidden(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        text = str(message)
        hidden = guard.hide(text)
        show(message if hidden == text else hidden, category, filename, lineno, file, line)

    warnings.showwarning = show_hidden


def _format(kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> str:
    return "".join(traceback.format_exception(kind, error, trace)) if kind else ""
