"""Where the folders that are not Python lie: inside an installed package, or beside a checkout."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def resource_folder(name: str) -> Path:
    """Return the folder ``templates`` or ``migrations``.

    A wheel holds them inside the package; in a checkout, which an editable install points to,
    they lie beside it.

    Raises
    ------
    FileNotFoundError
        When the installation is incomplete.
    """
    for candidate in (PACKAGE / name, PACKAGE.parent / name):
        if candidate.is_dir():
            return candidate
    raise FileNotFoundError(f"the folder {name!r} of chat-profiles is missing; install it again")
