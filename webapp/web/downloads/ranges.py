"""Which part of a file a request asks for (RFC 9110, sections 13 and 14)."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Request


@dataclass(frozen=True, kw_only=True)
class Part:
    """The part of a file that an answer has.

    Parameters
    ----------
    status:
        200 for all of it, 206 for a range, 304 if the browser has it, 416 if it has no such range.
    start, stop:
        The first byte, and the one after the last.
    """

    status: int
    start: int
    stop: int


def choose_part(sent: Request, etag: str, size: int) -> Part:
    """Return what to answer to a request for a file.

    Several ranges at once are answered with the whole file, which the standard allows.
    """
    if sent.if_none_match.contains_weak(etag):
        return Part(status=304, start=0, stop=0)
    asked = sent.range if sent.method == "GET" else None
    # A browser that has the beginning of another content wants all of this one.
    has_another = sent.headers.get("If-Range", f'"{etag}"') != f'"{etag}"'
    if asked is None or asked.units != "bytes" or len(asked.ranges) != 1 or has_another:
        return Part(status=200, start=0, stop=size)
    found = asked.range_for_length(size)
    last = -(asked.ranges[0][0] or 0)
    if last > size:
        found = (0, size)  # a file with fewer bytes than the last ones asked for is sent whole
    if found is None or found[0] >= min(found[1], size):
        return Part(status=416, start=0, stop=0)
    return Part(status=206, start=found[0], stop=found[1])
