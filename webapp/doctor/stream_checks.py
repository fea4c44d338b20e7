"""Checks of a short stream: whether a server on the way holds it back."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

from webapp.config.settings import STREAMING_MODES
from webapp.doctor.findings import EndOfCheckError, change
from webapp.doctor.http_client import Answer, Site, get
from webapp.web.probe import TICKS
from webapp.web.sse import MIMETYPE

PATH = "/healthz/stream"
# The events are sent 0.3 s apart. Events that arrive closer together than this came in one lump.
LUMP_SECONDS = 0.1
# Of six events. A busy machine may join two or three of them. A buffer joins all of them.
LUMPS_OF_A_FLOW = 4
# The best of several attempts counts: a buffer joins events each time, a busy machine does not.
TRIES = 3
BUSY_TRIES = 5
MOST_RETRY_SECONDS = 3.0


@dataclass(frozen=True, kw_only=True)
class StreamProbe:
    """A short stream of the site as it arrived, and how the site sends answers to pages."""

    way: str
    streams: int
    server: str
    arrivals: tuple[float, ...]
    complete: bool
    answer: Answer

    @property
    def is_streamed(self) -> bool:
        """Return whether this site streams at all."""
        return self.way == "sse" and self.streams > 0

    @property
    def lumps(self) -> int:
        """Return the number of separate lumps in which the events arrived."""
        pairs = zip(self.arrivals, self.arrivals[1:], strict=False)
        return 1 + sum(later - earlier > LUMP_SECONDS for earlier, later in pairs)

    @property
    def flows(self) -> bool:
        """Return whether the events arrived one by one, as they were sent."""
        return self.lumps >= LUMPS_OF_A_FLOW


def probe_stream(site: Site, encodings: str = "identity") -> StreamProbe:
    """Return the best of a few streams of ``site``, or the first that flows.

    Raises
    ------
    EndOfCheckError
        When there is no stream, with the reason and what to do.
    """
    best = _parse(_get_stream(site, encodings))
    for _ in range(TRIES - 1):
        if best.flows or not best.is_streamed:
            break
        again = _parse(_get_stream(site, encodings))
        best = max(best, again, key=lambda probe: (probe.complete, probe.lumps))
    return best


def find_compression(site: Site) -> str:
    """Return the method by which a server compresses streams for browsers, or an empty text."""
    answer = _get_stream(site, "gzip, deflate, br, zstd")
    return answer.header("Content-Encoding").replace("identity", "")


def _get_stream(site: Site, encodings: str) -> Answer:
    for _ in range(BUSY_TRIES):
        answer = get(site, PATH, encodings)
        if answer.status != 503:
            return answer
        text = answer.header("Retry-After")
        time.sleep(min(float(text), MOST_RETRY_SECONDS) if text.isdecimal() else 1.0)
    raise EndOfCheckError(
        change(
            "busy",
            "All streams of this site are in use, or somebody else runs the doctor.",
            "Try again later. If it stays so, give the server more threads.",
        )
    )


def _parse(answer: Answer) -> StreamProbe:
    if answer.status == 200 and answer.headers.get_content_type() == MIMETYPE:
        events: list[dict[str, Any]] = []
        arrivals: list[float] = []
        rest = b""
        for seconds, piece in answer.pieces:
            *blocks, rest = (rest + piece).split(b"\n\n")
            for block in blocks:
                try:
                    data = json.loads(block.removeprefix(b"data: "))
                except ValueError:
                    data = {}
                events.append(data if isinstance(data, dict) else {})
                arrivals.append(seconds)
        first = events[0] if events else {}
        way, streams, server = first.get("way"), first.get("streams"), first.get("server")
        if way in STREAMING_MODES and isinstance(streams, int) and isinstance(server, str):
            last = {"tick": TICKS, "of": TICKS}
            complete = events[-1] == last or way != "sse" or not streams
            return StreamProbe(
                way=way,
                streams=streams,
                server=server,
                arrivals=tuple(arrivals),
                complete=complete,
                answer=answer,
            )
    raise EndOfCheckError(
        change(
            "no-probe",
            f"{PATH} does not answer as this version of Chat Profiles does ({answer.status}).",
            "Upgrade the site to this version, and let the servers in front pass this address.",
        )
    )
