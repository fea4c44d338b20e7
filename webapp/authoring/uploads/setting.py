"""`set_uploads`: letting users attach files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from webapp.authoring.errors import MisuseError
from webapp.authoring.loading.app_file import app_being_loaded
from webapp.authoring.uploads.uploads import Uploads


def set_uploads(
    accept: Sequence[str] | Mapping[str, Sequence[str]] | None = None,
    *,
    max_files: int | None = None,
    max_megabytes: float | None = None,
) -> None:
    """Let users attach files to their messages. Without this call they cannot.

    A chat profile may have other rules: ``ChatProfile(uploads=Uploads(...))``, or none at all:
    ``ChatProfile(uploads=False)``. ``@on_message`` finds the files in ``message.elements``.

    Parameters
    ----------
    accept, max_files, max_megabytes:
        As for `Uploads`. The settings of the site bound them.

    Raises
    ------
    MisuseError
        A value is not valid, or the call is the second one or stands outside an app file.

    Example
    -------
    ::

        cl.set_uploads(accept=["image/*", ".pdf"], max_files=5, max_megabytes=10)

        @cl.on_message
        async def answer(message: cl.Message):
            for file in message.elements:
                with open(file.path, "rb") as opened:
                    ...
    """
    app = app_being_loaded("set_uploads()")
    uploads = Uploads(accept=accept, max_files=max_files, max_megabytes=max_megabytes)
    if app.uploads is not None:
        raise MisuseError("set_uploads() is used twice. Keep one of the calls.")
    app.uploads = uploads
