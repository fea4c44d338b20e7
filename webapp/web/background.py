"""Work that no request waits for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import ParamSpec

from webapp.site import this_app
from webapp.web.errors import UNAVAILABLE, log_unavailable
from webapp.web.log import log_failure

P = ParamSpec("P")


def in_background(
    name: str, function: Callable[P, object], *args: P.args, **kwargs: P.kwargs
) -> None:
    """Call ``function`` in a thread of its own, in the context of this app.

    Its errors are logged. The thread is called ``webapp-<name>``, and the process does not wait for
    it when it ends.
    """
    app = this_app()

    def run() -> None:
        with app.app_context():
            try:
                function(*args, **kwargs)
            except UNAVAILABLE as error:
                log_unavailable(error)
            except Exception as error:
                log_failure("background.failed", error, thread=name)
                raise

    threading.Thread(target=run, name=f"webapp-{name}", daemon=True).start()
