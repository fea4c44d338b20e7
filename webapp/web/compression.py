"""Pages and fragments are compressed, where their length cannot give a secret away.

Compressed, an answer is shorter if a text in it repeats another. Somebody who makes your browser
ask for pages with guesses in their addresses, and sees how long the answers are, could find out
what else they hold (https://breachattack.com). docs/security.md says what keeps that from working.
"""

from __future__ import annotations

import zlib
from functools import lru_cache

from flask import Flask, Request, Response, request
from werkzeug.datastructures import Accept
from werkzeug.http import parse_accept_header

from webapp.web.htmx import wants_fragment

HTML = "text/html"
SHORTEST = 700  # bytes: below, a packet more or less is not saved
# 6 kB take 0.02 ms and become 1.7 kB. Level 9 takes half as long again, and saves no byte.
LEVEL = 5
# A window of 16 kB. What zlib takes by itself is twice as much. The system hands that out and takes
# it back for each answer, which takes longer than to compress a message.
WINDOW, MEMORY = 14, 7
GZIP = WINDOW + 16
OWN_SITES = frozenset({"same-origin", "none"})


def compress_answers(app: Flask) -> None:
    """Compress finished HTML for browsers that take gzip. A stream stays as it is."""

    @app.after_request
    def compress(response: Response) -> Response:
        parts, headers = response.response, response.headers
        # A stream of events or of a download is no list of bytes.
        if not isinstance(parts, list) or sum(map(len, parts)) < SHORTEST:
            return response
        if not headers.get("Content-Type", "").startswith(HTML):
            return response
        if "Content-Encoding" in headers or "ETag" in headers:
            return response

        headers["Vary"] = ", ".join(filter(None, (headers.get("Vary"), "Accept-Encoding")))
        sent = request._get_current_object()  # type: ignore[attr-defined]
        if may_be_guessed(sent):
            # For a proxy that would compress what comes without.
            headers["Cache-Control"] += ", no-transform"
        elif accepts_gzip(sent.headers.get("Accept-Encoding", "")):
            packer = zlib.compressobj(LEVEL, zlib.DEFLATED, GZIP, MEMORY)
            response.set_data(packer.compress(response.get_data()) + packer.flush())
            headers["Content-Encoding"] = "gzip"
        return response


def may_be_guessed(sent: Request) -> bool:
    """Return whether another site may have chosen the text in the address of a request.

    Only the query of an address comes back in a page. The header of htmx cannot come from another
    site. Browsers that do not say from where a request comes are from before 2023, or speak plain
    HTTP, which hides nothing anyway.
    """
    if not sent.query_string or wants_fragment():
        return False
    return sent.headers.get("Sec-Fetch-Site") not in OWN_SITES


@lru_cache(maxsize=32)
def accepts_gzip(accepted: str) -> bool:
    """Return whether an ``Accept-Encoding`` header allows gzip."""
    return parse_accept_header(accepted, Accept).quality("gzip") > 0
