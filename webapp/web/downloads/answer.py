"""The answer to a request for a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flask import Response, request

from webapp.web.downloads.ranges import choose_part
from webapp.web.downloads.sources import Source
from webapp.web.headers import POLICY


@dataclass(frozen=True, kw_only=True)
class Content:
    """A content that can be sent.

    Parameters
    ----------
    etag:
        Without quotes. It changes with the content.
    mime, disposition, policy, cache:
        What the headers about type, name, rights and caching say.
    open:
        Returns the bytes from one place up to another.
    """

    size: int
    etag: str
    mime: str
    disposition: str
    policy: str
    cache: str
    open: Callable[[int, int], Source]


def answer_with(content: Content) -> Response:
    """Return the answer with a content, or with the range that the request names."""
    part = choose_part(request, content.etag, content.size)
    response = Response(status=part.status, content_type=content.mime)
    headers = response.headers
    headers["Cache-Control"] = content.cache
    headers["ETag"] = f'"{content.etag}"'
    headers["Vary"] = "Cookie"
    if part.status == 304:
        del headers["Content-Type"]
        return response
    headers["Accept-Ranges"] = "bytes"
    headers[POLICY] = content.policy
    headers["Content-Disposition"] = content.disposition
    if part.status == 416:
        headers["Content-Range"] = f"bytes */{content.size}"
        headers["Cache-Control"] = "no-store"
        return response
    if part.status == 206:
        headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{content.size}"
    headers["Content-Length"] = str(part.stop - part.start)
    if request.method != "HEAD" and part.start < part.stop:
        source = content.open(part.start, part.stop)
        response.response = source
        response.call_on_close(source.close)
    return response
