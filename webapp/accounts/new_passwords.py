"""The rules for a new password, and how a command gets one.

It asks at the terminal, reads standard input, or generates the password. An argument would be
visible to others in the list of processes.
"""

from __future__ import annotations

import functools
import os
import secrets
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import click

from webapp.accounts.passwords import MAX_BYTES, PasswordError, refuse_weak
from webapp.console import forget_output, labelled_block, note, say, write_output
from webapp.site import settings

# Without the characters that are easily confused on paper: 0 and o, 1, i and l.
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
GROUP = 5
GROUPS = 5  # 31 ** 25 possibilities: 123 bits


@dataclass
class NewPassword:
    """A password for a command, which is read only when the command needs it."""

    from_stdin: bool
    generate: bool
    _username: str = ""
    _password: str | None = field(default=None, repr=False)

    def read(self, username: str, display_name: str | None) -> str:
        """Return the password.

        At a terminal, ask until the password is one that this user may have. A password from
        standard input is not judged here.

        Raises
        ------
        PasswordError
            There is no password to read.
        """
        if self.from_stdin and self.generate:
            raise PasswordError("--password-stdin and --generate exclude each other")
        if self.generate:
            self._username, self._password = username, generate_password()
            return self._password
        return _from_stdin() if self.from_stdin else _from_terminal(username, display_name)

    def show(self) -> None:
        """Print a generated password on standard output, once.

        There it stands alone, for a program that reads it. If standard error goes to the same
        place, people read both, so it is printed with labels.

        Raises
        ------
        PasswordError, BadInputError
            The password cannot be printed, so it must not be stored.
        """
        if self._password is None:
            return
        text = f"{self._password}\n"
        if _outputs_are_one():
            text = labelled_block({"User": self._username, "Password": self._password})
        try:
            write_output([text.encode()])
        except OSError as error:
            forget_output()
            raise PasswordError(
                f"the password cannot be printed, so nothing was stored ({error.strerror}); "
                "send standard output elsewhere"
            ) from error

    def tell(self, outcome: str) -> None:
        """Print the outcome. It goes to standard error if a password is on standard output."""
        if self._password is None:
            say(outcome)
        else:
            place = "above" if _outputs_are_one() else "on standard output"
            note(f"{outcome} The password {place} is not stored and cannot be shown again.")


def generate_password() -> str:
    """Return a password that nobody can guess, at least as long as this site demands."""
    minimum = settings().password_min_length
    groups = max(GROUPS, -(-(minimum + 1) // (GROUP + 1)))
    return "-".join("".join(secrets.choice(ALPHABET) for _ in range(GROUP)) for _ in range(groups))


def refuse_bad_password(password: str, username: str, display_name: str | None = None) -> None:
    """Refuse a password that this user may not have.

    Raises
    ------
    PasswordError
        It is too short, too long, or easy to guess.
    """
    names = [name for name in (display_name, settings().site_name) if name]
    refuse_weak(password, username, settings().password_min_length, names)


def password_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options for a new password to a command, which gets them as ``new_password``."""

    @click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
    @click.option("--generate", is_flag=True, help="Generate a password and print it once.")
    @functools.wraps(function)
    def with_password(*args: Any, password_stdin: bool, generate: bool, **kwargs: Any) -> Any:
        return function(*args, new_password=NewPassword(password_stdin, generate), **kwargs)

    return with_password


def _outputs_are_one() -> bool:
    """Return whether standard output and error go to one terminal, pipe or file."""
    try:
        out, err = (os.fstat(stream.fileno()) for stream in (sys.stdout, sys.stderr))
    except (AttributeError, OSError, ValueError):  # a stream is closed, or not a real one
        return False
    return os.path.samestat(out, err)


def _from_stdin() -> str:
    # One byte more than may be hashed, and room for a line end: enough to see that it is too long.
    data = sys.stdin.buffer.read(MAX_BYTES + 3)
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        if len(data) > MAX_BYTES:
            raise PasswordError(f"the password is longer than {MAX_BYTES:,} bytes") from error
        raise PasswordError("the password on standard input is not UTF-8 text") from error
    # Only the line end goes. Everything else belongs to the password.
    password = text.removesuffix("\r\n" if text.endswith("\r\n") else "\n")
    if not password:
        raise PasswordError("there is no password on standard input")
    if "\n" in password:
        raise PasswordError("standard input must hold the password alone, on one line")
    return password


def _from_terminal(username: str, display_name: str | None) -> str:
    if not sys.stdin.isatty():
        raise PasswordError(
            "there is no terminal to ask for the password; use --password-stdin or --generate"
        )
    least = settings().password_min_length
    note(
        f"The password needs at least {least} characters, and must be hard "
        "to guess: no common password, and not made of names."
    )
    note(f"User: {username}")
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
