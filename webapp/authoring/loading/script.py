"""One line instead of a traceback when an app file is run by itself, with ``python app.py``."""

from __future__ import annotations

import sys
from pathlib import Path
from types import FrameType

from webapp.authoring.loading.source_lines import is_in_framework

EXIT_BAD_INPUT = 2


def leave_if_run_as_script() -> None:
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
            f"start it with `chat-profiles run {file}`, or give it to `webapp.create_app`.\n"
        )
        raise SystemExit(EXIT_BAD_INPUT)
