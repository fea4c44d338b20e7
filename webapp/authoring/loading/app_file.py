"""What one app file registered, and which file is being loaded right now."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from webapp.authoring.errors import CallbackError, MisuseError, describe_error
from webapp.authoring.loading.script import leave_if_run_as_script
from webapp.authoring.loading.source_lines import locate_error, locate_function


@dataclass(frozen=True)
class Callback:
    """A registered function, how many of the offered arguments it takes, and its app's folder."""

    decorator: str
    function: Callable[..., Any]
    takes: int
    folder: Path | None = None

    def select_arguments(self, arguments: tuple[object, ...]) -> tuple[object, ...]:
        """Return the leading arguments that the author's function takes."""
        return arguments[: self.takes]

    def wrong_answer(self, problem: str) -> CallbackError:
        """Return the error for a return value that it may not have, with the line of its `def`."""
        place = locate_function(self.folder, self.function)
        return CallbackError(f"@{self.decorator}", problem, place)

    def failure(self, error: Exception) -> CallbackError:
        """Return the error for what the function raised, with the line that raised it."""
        place = locate_error(self.folder, error)
        return CallbackError(f"@{self.decorator}", describe_error(error), place)


@dataclass
class ChatApp:
    """One loaded app file: its callbacks, one slot per decorator."""

    name: str
    path: Path | None = None
    callbacks: dict[str, Callback] = field(default_factory=dict)
    # What `set_profile_switching` was given.
    profile_switching: str | None = None

    @property
    def login_on(self) -> bool:
        """Say whether people must log in: a callback that decides who they are turns it on."""
        return "password_auth_callback" in self.callbacks

    @property
    def switches_here(self) -> bool:
        """Say whether choosing a profile goes on in the chat, rather than starting a new one."""
        return self.profile_switching == "continue"

    @property
    def file_name(self) -> str:
        """Return the name of the app file."""
        return self.path.name if self.path else self.name

    @property
    def folder(self) -> Path | None:
        """Return the folder of the app file."""
        return self.path.parent if self.path else None

    @property
    def public_folder(self) -> Path | None:
        """Return the folder ``public`` beside the app file, whether it exists or not."""
        return self.folder / "public" if self.folder else None

    def get(self, decorator: str) -> Callback | None:
        """Return what was registered with ``decorator``, or ``None``."""
        return self.callbacks.get(decorator)

    def register(self, callback: Callback) -> None:
        """Fill the slot of a decorator, once."""
        earlier = self.callbacks.get(callback.decorator)
        if earlier is not None:
            raise MisuseError(
                f"@{callback.decorator} is used twice: on {_described(earlier.function)} and on "
                f"{_described(callback.function)}. Keep one of them."
            )
        self.callbacks[callback.decorator] = callback


# Decorators write to the app that is being loaded in this context, never to a registry of the
# process: so two apps can live in one process, and a second load starts empty.
_loading: ContextVar[ChatApp | None] = ContextVar("webapp_loading", default=None)


@contextmanager
def loading(app: ChatApp) -> Iterator[ChatApp]:
    """Make ``app`` the one that decorators register with, within the block."""
    token = _loading.set(app)
    try:
        yield app
    finally:
        _loading.reset(token)


def app_being_loaded(used: str) -> ChatApp:
    """Return the app that is being loaded, or teach how to get one loaded."""
    app = _loading.get()
    if app is None:
        leave_if_run_as_script()
        raise MisuseError(
            f"{used} was used outside an app file that is being loaded. Put it at the top "
            "level of your app file and start that with `chat-profiles run FILE.py`, or give the "
            "file to `webapp.create_app`; do not run it with `python FILE.py`."
        )
    return app


def is_loading() -> bool:
    """Say whether an app file is being loaded."""
    return _loading.get() is not None


def refuse_while_loading() -> None:
    """Refuse a load within a load: an app file that loads itself would do so for ever."""
    if is_loading():
        raise MisuseError("an app file cannot load an app; do that in a separate WSGI file.")


def _described(function: Callable[..., Any]) -> str:
    name = getattr(function, "__name__", repr(function))
    code = getattr(function, "__code__", None)
    return f"{name} (line {code.co_firstlineno})" if code else name
