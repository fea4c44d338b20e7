"""The pictures in the folder `public` that stand for the site and for authors."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import quote

from webapp.web.assets import public_file

# Of those that a browser shows, the first that is there.
ENDINGS = ("svg", "png", "webp", "jpg", "jpeg", "gif", "ico")
# More pictures of authors are not looked at.
AVATARS_READ = 1_000
_SEPARATORS = re.compile(r"[ .]")


def find_picture(folder: Path | None, name: str) -> str | None:
    """Return the address below the site of a picture such as ``favicon``, with any ending."""
    for ending in ENDINGS:
        if public_file(folder, f"{name}.{ending}") is not None:
            return f"/public/{name}.{ending}"
    return None


def find_avatars(folder: Path | None) -> dict[str, str]:
    """Return the addresses of the pictures of authors, by the key of their name."""
    if folder is None:
        return {}
    try:
        files = sorted((folder / "avatars").iterdir())[:AVATARS_READ]
    except OSError:
        files = []
    found: dict[str, str] = {}
    for file in files:
        is_picture = file.suffix[1:].lower() in ENDINGS
        if is_picture and public_file(folder, f"avatars/{file.name}") is not None:
            found.setdefault(avatar_key(file.stem), f"/public/avatars/{quote(file.name)}")
    return found


def avatar_key(author: str) -> str:
    """Return the name of an author as it stands in the name of a file: ``My App`` is ``my_app``."""
    return _SEPARATORS.sub("_", author.strip().lower())
