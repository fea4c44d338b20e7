"""A loaded app file with its callbacks, and the app file that is being loaded right now."""

from __future__ import annotations

import inspect
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import FrameType
from typing import Any

from webapp.authoring.errors import CallbackError, MisuseError, describe_error
from webapp.authoring.loading.config_file import ConfigFile
from webapp.authoring.loading.source_lines import (
    is_in_framework,
    locate_error,
    locate_function,
)
from webapp.authoring.overrides.config_overrides import Cot
from webapp.authoring.uploads.uploads import Uploads

logger = logging.getLogger("webapp")

EXIT_BAD_INPUT = 2
SIGN_IN_CALLBACKS = ("password_auth_callback", "header_auth_callback")


# A coroutine function is quick after so many calls in a row that waited for nothing, and took no
# longer than a request waits for an answer anyway.
QUICK_SECONDS = 0.1
QUICK_CALLS = 3
# It has to be quick so many times more after a call that waited, or blocked its thread for long. A
# call that took a little longer may only have been short of a processor.
LONG_SECONDS = 1.0
CALLS_AFTER_A_LONG_ONE = 20


class Pace:
    """How quick the last calls of a callback were. A quick one may run in a request's thread."""

    def __init__(self) -> None:
        self.quick_calls = 0
        # It failed in a request's thread. It may hold an object that works in the loop's only.
        self.needs_own_thread = False

    @property
    def is_quick(self) -> bool:
        return self.quick_calls >= QUICK_CALLS and not self.needs_own_thread

    def note_call(self, seconds: float, *, waited: bool) -> None:
        """Count a call that has ended."""
        if waited or seconds > LONG_SECONDS:
            self.quick_calls = -CALLS_AFTER_A_LONG_ONE
        elif seconds > QUICK_SECONDS:
            self.quick_calls = min(self.quick_calls, 0)
        elif self.quick_calls < QUICK_CALLS:
            self.quick_calls += 1


@dataclass(frozen=True)
class Callback:
    """A registered function, how many arguments it takes, and the folder of its app file."""

    decorator: str
    function: Callable[..., Any]
    takes: int
    folder: Path | None = None
    pace: Pace = field(default_factory=Pace, compare=False, repr=False)

    @cached_property
    def is_coroutine(self) -> bool:
        """Whether calling the function makes a coroutine, which has to be awaited."""
        return inspect.iscoroutinefunction(self.function)

    @cached_property
    def _advised(self) -> set[str]:
        """The events by which the log has advised its author."""
        return set()

    def select_arguments(self, arguments: tuple[object, ...]) -> tuple[object, ...]:
        """Return the leading arguments that the author's function takes."""
        return arguments[: self.takes]

    def wrong_answer(self, problem: str) -> CallbackError:
        """Return the error for a return value that it may not have, with the line of its `def`."""
        place = locate_function(self.folder, self.function)
        return CallbackError(f"@{self.decorator}", problem, place)

    def advise(self, event: str, advice: str, **details: object) -> None:
        """Log, once in each process, what the author probably wants to change."""
        if event not in self._advised:
            self._advised.add(event)
            place = locate_function(self.folder, self.function)
            fields = {"callback": f"@{self.decorator}", "place": place, **details, "advice": advice}
            logger.warning(event, extra={"fields": fields})

    def failure(self, error: Exception) -> CallbackError:
        """Return the error for what the function raised, with the line that raised it."""
        place = locate_error(self.folder, error)
        return CallbackError(f"@{self.decorator}", describe_error(error), place)


@dataclass(kw_only=True)
class ChatApp:
    """One loaded app file: its callbacks, one slot per decorator."""

    name: str
    path: Path | None = None
    callbacks: dict[str, Callback] = field(default_factory=dict)
    # The argument of `set_profile_switching`.
    profile_switching: str | None = None
    # The argument of `set_cot`.
    cot: Cot | None = None
    # The rules of `set_uploads`, which a profile may replace.
    uploads: Uploads | None = None
    # What the app file calls the site.
    site_name: str = ""
    site_description: str = ""
    # What the app set in Chainlit's file of settings.
    config: ConfigFile = field(default_factory=ConfigFile)

    @property
    def login_on(self) -> bool:
        """Whether users must sign in: an app with a callback that lets them in asks them to."""
        return not self.callbacks.keys().isdisjoint(SIGN_IN_CALLBACKS)

    @property
    def switches_here(self) -> bool:
        """Whether choosing a profile continues the chat instead of starting a new one."""
        return self.profile_switching == "continue"

    @property
    def may_take_uploads(self) -> bool:
        """Whether there may be a chat whose user can attach files."""
        return self.uploads is not None or "set_chat_profiles" in self.callbacks

    @property
    def file_name(self) -> str:
        return self.path.name if self.path else self.name

    @property
    def folder(self) -> Path | None:
        return self.path.parent if self.path else None

    @property
    def public_folder(self) -> Path | None:
        """The folder ``public`` beside the app file, which need not exist."""
        return self.folder / "public" if self.folder else None

    def get(self, decorator: str) -> Callback | None:
        return self.callbacks.get(decorator)

    def use_config(self, config: ConfigFile) -> None:
        """Take what the app file itself has not said from Chainlit's file of settings."""
        self.config = replace(
            config,
            name=self.site_name or config.name,
            description=self.site_description or config.description,
        )
        self.cot = self.cot or config.cot
        self.uploads = self.uploads or config.uploads

    def register(self, callback: Callback) -> None:
        """Keep the callback; refuse a second one for the same decorator."""
        earlier = self.callbacks.get(callback.decorator)
        if earlier is not None:
            raise MisuseError(
                f"@{callback.decorator} is used twice: on {_describe(earlier.function)} and on "
                f"{_describe(callback.function)}. Keep one of them."
            )
        self.callbacks[callback.decorator] = callback


# Decorators register with the app that is being loaded in this context. A registry of the process
# would mix two apps, and a second load would not start empty.
_loading: ContextVar[ChatApp | None] = ContextVar("webapp_loading", default=None)


@contextmanager
def loading(app: ChatApp) -> Iterator[ChatApp]:
    """Let decorators register with ``app`` within the block."""
    token = _loading.set(app)
    try:
        yield app
    finally:
        _loading.reset(token)


def app_being_loaded(used: str) -> ChatApp:
    """Return the app that is being loaded, or explain how to load one."""
    app = _loading.get()
    if app is None and _is_in_child_process():
        # It imports the file for one of its functions. Nobody calls the callbacks there.
        return ChatApp(name="")
    if app is None:
        _leave_if_run_as_script()
        raise MisuseError(
            f"{used} was used outside an app file that is being loaded. Put it at the top "
            "level of your app file and start that with `chat-profiles run FILE.py`, or give the "
            "file to `chat_profiles.create_app`; do not run it with `python FILE.py`."
        )
    return app


def _is_in_child_process() -> bool:
    """Return whether `multiprocessing` made this process, for example for a pool."""
    # Whoever made it has imported the module, so no other process needs to.
    process = sys.modules.get("multiprocessing.process")
    if process is None:
        return False
    if process.current_process().name != "MainProcess":
        return True
    # The server of the method "forkserver" may import the file before it has a name.
    frame: FrameType | None = sys._getframe()
    while frame is not None and frame.f_globals.get("__name__") != "multiprocessing.forkserver":
        frame = frame.f_back
    return frame is not None


def _leave_if_run_as_script() -> None:
    """End the process with one line if the app file was started by itself.

    An interactive Python is ``__main__`` too, but has no file. It must not end.
    """
    frame: FrameType | None = sys._getframe()
    while frame is not None and is_in_framework(Path(frame.f_code.co_filename)):
        frame = frame.f_back
    if frame is None or frame.f_globals.get("__name__") != "__main__":
        return
    file = frame.f_globals.get("__file__")
    if file:
        sys.stderr.write(
            f"Error: {file}:{frame.f_lineno}: an app file does nothing when it is run by itself; "
            f"start it with `chat-profiles run {file}`, or give it to `chat_profiles.create_app`.\n"
        )
        raise SystemExit(EXIT_BAD_INPUT)


def is_loading() -> bool:
    return _loading.get() is not None


def refuse_while_loading() -> None:
    """Refuse a load within a load: an app file that loads itself would never end."""
    if is_loading():
        raise MisuseError("an app file cannot load an app. Load it in a separate WSGI file.")


def _describe(function: Callable[..., Any]) -> str:
    name = getattr(function, "__name__", repr(function))
    code = getattr(function, "__code__", None)
    return f"{name} (line {code.co_firstlineno})" if code else name
