"""The file `.env` beside an app file, for `chat-profiles run`."""

from __future__ import annotations

import io
import logging
import os
from pathlib import Path

from dotenv import dotenv_values
from dotenv.parser import parse_stream

from webapp.authoring.loading.site_text import SiteTextError, read_site_text
from webapp.console import BadInputError, note

FILE = ".env"
BYTES_READ = 1_000_000
# The names that came from the file. A process that starts again for a saved file must not take them
# for names that were set before.
NAMES = "CHAT_PROFILES_ENV_NAMES"


def read_env_file(app: str) -> None:
    """Set what ``.env`` beside the app file says. A variable that is set already stays.

    Raises
    ------
    BadInputError
        The file cannot be read, or holds what cannot be a variable.
    """
    path = (Path(app).resolve().parent if Path(app).is_file() else Path.cwd()) / FILE
    try:
        text = read_site_text(path, BYTES_READ)
    except SiteTextError as error:
        raise BadInputError(f"{path} {error}.") from error
    if text is None:
        return
    for binding in parse_stream(io.StringIO(text)):
        if binding.error:
            note(f"{path}:{binding.original.line} is no NAME=value, so it is left out.")
    # It would say the same without the name of the file.
    logging.getLogger("dotenv.main").setLevel(logging.ERROR)
    for name in os.environ.pop(NAMES, "").split():
        os.environ.pop(name, None)
    values = dotenv_values(stream=io.StringIO(text))
    read = {
        name: value
        for name, value in values.items()
        if value is not None and name not in os.environ
    }
    if any("\0" in value or "\0" in name or not name for name, value in read.items()):
        raise BadInputError(f"{path} holds a zero byte, which no variable can have.")
    os.environ.update(read)
    os.environ[NAMES] = " ".join(read)
