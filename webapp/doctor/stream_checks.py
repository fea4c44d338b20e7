"""Asking for a short stream, and telling from its arrival whether something holds it back."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

from webapp.config import STREAMING_MODES
from webapp.doctor.findings import EndOfCheckError, change
from webapp.doctor.http_client import Answer, Site, ask
from webapp.web.probe import TICKS
from webapp.web.sse import MIMETYPE

PATH = "/healthz/stream"
# The events are sent 0.3 s apart. What arrives within this time of one another came in one lump.
LUMP_SECONDS = 0.1
# Of six events. A machine that is busy may run two or three of them together; what buffers, all.
LUMPS_OF_A_FLOW = 4
# The best of so many: who buffers does so each time, who is busy does not.
TRIES = 3
BUSY_TRIES = 5
MOST_RETRY_SECONDS = 3.0


@dataclass(frozen=True)
class Probed:
    """A stream as it arrived: how answers reach a page at this site, and when each event came."""

    way: str
    streams: int
    server: str
    arrivals: tuple[float, ...]
    complete: bool
    answer: Answer

    @property
    def streamed(self) -> bool:
        """Say whether this site streams, so that there was something to measure."""
        return self.way == "sse" and self.streams > 0

    @property
    def lumps(self) -> int:
        """Return in how many separate lumps the events arrived."""
        pairs = zip(self.arrivals, self.arrivals[1:], strict=False)
        return 1 + sum(later - earlier > LUMP_SECONDS for earlier, later in pairs)

    @property
    def flows(self) -> bool:
        """Say whether the events arrived one by one, as they were sent."""
        return self.lumps >= LUMPS_OF_A_FLOW


def probe(site: Site, encodings: str = "identity") -> Probed:
    """Return the best of a few streams of ``site``, or the first that arrives one by one.

    Raises
    ------
    EndOfCheckError
        When there is no stream, with the reason and what to do.
    """
    best = _probed(_once(site, encodings))
    for _ in range(TRIES - 1):
        if best.flows or not best.streamed:
            break
        again = _probed(_once(site, encodings))
        best = max(best, again, key=lambda probed: (probed.complete, probed.lumps))
    return best


def compresses(site: Site) -> str:
    """Return by which method something compresses a stream for browsers; else nothing."""
    answer = _once(site, "gzip, deflate, br, zstd")
    return answer.header("Content-Encoding").replace("identity", "")


def _once(site: Site, encodings: str) -> Answer:
    for _ in range(BUSY_TRIES):
        answer = ask(site, PATH, encodings)
        if answer.status != 503:
            return answer
        time.sleep(_retry_seconds(answer))
    raise EndOfCheckError(
        change(
            "busy",
            "All streams of this site are taken, or somebody else is asking the same.",
            "Try again later; if it stays so, give the server more threads.",
        )
    )


def _retry_seconds(answer: Answer) -> float:
    text = answer.header("Retry-After")
    return min(float(text), MOST_RETRY_SECONDS) if text.isdecimal() else 1.0


def _probed(answer: Answer) -> Probed:
    if answer.status == 200 and answer.headers.get_content_type() == MIMETYPE:
        events, arrivals = _events(answer)
        first = events[0] if events else {}
        way, streams, server = first.get("way"), first.get("streams"), first.get("server")
        if way in STREAMING_MODES and isinstance(streams, int) and isinstance(server, str):
            last = {"tick": TICKS, "of": TICKS}
            complete = events[-1] == last or way != "sse" or not streams
            return Probed(way, streams, server, arrivals, complete, answer)
    raise EndOfCheckError(
        change(
            "no-probe",
            f"{PATH} does not answer as this version of Chat Profiles does ({answer.status}).",
            "Bring the site to this version, and let whatever is in front of it pass the address.",
        )
    )


def _events(answer: Answer) -> tuple[list[dict[str, Any]], tuple[float, ...]]:
    events: list[dict[str, Any]] = []
    arrivals: list[float] = []
    rest = b""
    for seconds, piece in answer.pieces:
        *blocks, rest = (rest + piece).split(b"\n\n")
        for block in blocks:
            events.append(_data(block))
            arrivals.append(seconds)
    return events, tuple(arrivals)


def _data(block: bytes) -> dict[str, Any]:
    try:
        data = json.loads(block.removeprefix(b"data: "))
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}
