"""What one room announces to rooms that it must not import.

Each signal is declared as a function that names what its receivers get. Receivers are connected to
one app in `webapp/wiring.py`, since several apps can live in one process, and run in no particular
order.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Concatenate, Generic, ParamSpec

from blinker import Signal
from flask import Flask
from sqlalchemy.orm import Session

from webapp.authoring.users.user import User
from webapp.site import this_app

P = ParamSpec("P")


class AppSignal(Generic[P]):
    """A blinker signal whose sender is the app, and whose receivers are checked by their types."""

    def __init__(self, declaration: Callable[P, None]) -> None:
        self.__doc__ = declaration.__doc__
        self._signal = Signal(declaration.__doc__)

    def connect(self, app: Flask, receiver: Callable[Concatenate[Flask, P], None]) -> None:
        """Call ``receiver``, a function of a module, whenever ``app`` sends this signal."""
        self._signal.connect(receiver, sender=app)

    def disconnect(self, app: Flask, receiver: Callable[Concatenate[Flask, P], None]) -> None:
        """Undo `connect`."""
        self._signal.disconnect(receiver, sender=app)

    def send(self, *_: P.args, **told: P.kwargs) -> None:
        """Call the receivers of this app. What one of them raises reaches the sender."""
        self._signal.send(this_app(), _async_wrapper=None, **told)


@AppSignal
def removing_user(*, session: Session, username: str) -> None:
    """A user is being removed: delete what is theirs in this transaction."""


@AppSignal
def user_removed(*, username: str) -> None:
    """A user was removed, and the transaction is over."""


@AppSignal
def session_ended(*, session_id: uuid.UUID, user: User | None) -> None:
    """A login session has ended: its user signed out, here or from another device."""
