"""What a new password must be, and how commands get one: from a prompt, standard input, or by
making one; never as an argument (R17)."""

from __future__ import annotations

import functools
import secrets
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import click

from webapp.accounts.passwords import MAX_BYTES, PasswordError, refuse_weak
from webapp.console import forget_output, note, say, write_output
from webapp.site import settings

# Without what is mistaken for something else when it is read aloud or from paper: 0 o, 1 i l.
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
GROUP = 5
GROUPS = 5  # 31 ** 25 possibilities: 123 bits


@dataclass
class NewPassword:
    """A password that a command may need; nothing is read before it does."""

    from_stdin: bool
    generate: bool
    _generated: str | None = field(default=None, repr=False)

    def read(self, username: str, display_name: str | None) -> str:
        """Return the password.

        Somebody at a terminal is asked until it is one that this user may have; elsewhere the
        caller finds out.

        Raises
        ------
        PasswordError
            When there is none to be had.
        """
        if self.from_stdin and self.generate:
            raise PasswordError("--password-stdin and --generate exclude each other")
        if self.generate:
            self._generated = _generated(settings().password_min_length)
            return self._generated
        return _from_stdin() if self.from_stdin else _from_terminal(username, display_name)

    def show(self) -> None:
        """Print a generated password, once and alone on standard output.

        Raises
        ------
        PasswordError, BadInputError
            When it cannot be seen, so that it is of no use to store it.
        """
        if self._generated is None:
            return
        try:
            write_output([f"{self._generated}\n".encode()])
        except OSError as error:
            forget_output()
            raise PasswordError(
                f"the password cannot be printed, so nothing was stored ({error.strerror}); "
                "send standard output elsewhere"
            ) from error

    def tell(self, outcome: str) -> None:
        """Print what was done; beside a generated password, on standard error."""
        if self._generated is None:
            say(outcome)
        else:
            note(f"{outcome} The password above is not stored and cannot be shown again.")


def refuse_bad_password(password: str, username: str, display_name: str | None = None) -> None:
    """Refuse a password that this user may not have.

    Raises
    ------
    PasswordError
        When it is too short, too long, or easy to guess.
    """
    names = [name for name in (display_name, settings().site_name) if name]
    refuse_weak(password, username, settings().password_min_length, names)


def password_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options for a new password, as one argument ``new_password``."""

    @click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
    @click.option("--generate", is_flag=True, help="Make a password and print it once.")
    @functools.wraps(function)
    def with_password(*args: Any, password_stdin: bool, generate: bool, **kwargs: Any) -> Any:
        return function(*args, new_password=NewPassword(password_stdin, generate), **kwargs)

    return with_password


def _generated(minimum: int) -> str:
    groups = max(GROUPS, -(-(minimum + 1) // (GROUP + 1)))
    parts = ["".join(secrets.choice(ALPHABET) for _ in range(GROUP)) for _ in range(groups)]
    return "-".join(parts)


def _from_stdin() -> str:
    # One byte more than may be hashed, and room for the line's end: enough to know it is too long.
    data = sys.stdin.buffer.read(MAX_BYTES + 3)
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        if len(data) > MAX_BYTES:
            raise PasswordError(f"the password is longer than {MAX_BYTES:,} bytes") from error
        raise PasswordError("the password on standard input is not UTF-8 text") from error
    # Only the end of the line: everything else belongs to the password (R5).
    password = text.removesuffix("\r\n" if text.endswith("\r\n") else "\n")
    if not password:
        raise PasswordError("there is no password on standard input")
    if "\n" in password:
        raise PasswordError("standard input must hold the password alone, on one line")
    return password


def _from_terminal(username: str, display_name: str | None) -> str:
    if not sys.stdin.isatty():
        raise PasswordError(
            "there is no terminal to ask on; use --password-stdin or --generate for the password"
        )
    least = settings().password_min_length
    note(
        f"The password needs at least {least} characters, and must be hard "
        "to guess: no common password, and not made of names."
    )
    while True:
        password = str(
            click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
        )
        try:
            refuse_bad_password(password, username, display_name)
        except PasswordError as error:
            note(f"That cannot be used: {error}. Try again, or press Ctrl+C.")
        else:
            return password
