"""Files that live as long as a request or a callback: what arrives, and local copies for the app.

A process that is killed leaves them, so they are in one folder, which a job sweeps.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from webapp.config.secret_file import make_private_folder
from webapp.config.settings import Settings
from webapp.database.engines import utc_now
from webapp.files.contents import FilesUnavailableError
from webapp.site import settings

FOLDER = "temporary"
# No request takes longer. A callback may, but it has opened its files by then.
LEFT_FOR = timedelta(days=1)


def new_temporary_path() -> Path:
    """Return a path that nothing has yet, in a folder that nobody else may read.

    Raises
    ------
    FilesUnavailableError
        The folder cannot be made.
    """
    folder = _folder(settings())
    try:
        make_private_folder(folder)
        if folder.stat().st_uid != os.geteuid():
            raise FilesUnavailableError(f"{folder} belongs to somebody else")
    except OSError as error:
        raise FilesUnavailableError(f"{folder}: {error.strerror}") from error
    return folder / uuid.uuid4().hex


def delete_temporary_files(before: datetime | None = None) -> int:
    """Delete what processes that ended have left, and return how many files and folders."""
    oldest, count = (before or utc_now() - LEFT_FOR).timestamp(), 0
    for path in _folder(settings()).glob("*"):
        with suppress(FileNotFoundError):
            if path.lstat().st_mtime < oldest:
                delete_temporary(path)
                count += 1
    return count


def delete_temporary(path: Path) -> None:
    """Delete a file or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _folder(of: Settings) -> Path:
    stored = of.files_folder
    if stored is not None:  # on the same disk
        return stored / FOLDER
    return Path(tempfile.gettempdir()) / f"chat-profiles-{os.geteuid()}"
