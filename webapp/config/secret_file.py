"""The secret of an installation: made at the first start, in a folder that only its owner reads."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

SECRET_BYTES = 32


def instance_folder() -> Path:
    """Return the folder for the database and the secret of this installation."""
    return Path.cwd() / "instance"


def read_or_make_secret(folder: Path) -> str:
    """Return the secret in ``folder``. It is made on first use, readable by its owner only."""
    path = folder / "secret_key"
    if not path.exists():
        make_private_folder(folder)
        # O_EXCL: of two first starts at once, one writes and both read the same secret.
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return read_or_make_secret(folder)
        with os.fdopen(descriptor, "w") as file:
            file.write(new_secret())
    return path.read_text().strip()


def new_secret() -> str:
    """Return a fresh secret of 256 random bits, as 64 hexadecimal digits."""
    return secrets.token_hex(SECRET_BYTES)


def make_private_folder(folder: Path) -> None:
    """Make ``folder`` and its missing parents, closed to everybody but their owner."""
    missing = [f for f in (folder, *folder.parents) if not f.exists()]
    for each in reversed(missing):
        each.mkdir(mode=0o700, exist_ok=True)
