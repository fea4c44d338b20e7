"""A short stream that anybody may ask for: it shows whether words arrive one by one here.

`chat-profiles doctor` measures when its events arrive. It needs no session and no database, and
tells no more than a reader of any answer could find out: no version, no setting that is a secret.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from flask import Blueprint, Flask, Response, current_app, make_response, request

from webapp.site import settings
from webapp.web.server import Host, host_of, most_streams, way_to_watch
from webapp.web.sse import HEADERS, MIMETYPE, Slot, Slots, event

EXTENSION = "probe"
TICKS = 5
TICK_SECONDS = 0.3
RETRY_SECONDS = 2
# What a server that we do not know calls itself may be more than the public should read (R42).
SERVERS = {name.lower(): name for name in ("gunicorn", "mod_wsgi", "uWSGI", "waitress", "werkzeug")}

blueprint = Blueprint("probe", __name__)


@dataclass(frozen=True)
class Probes:
    """The probes that run in this process, which are streams among the others."""

    streams: Slots
    running: Slots = field(default_factory=Slots)

    def begin(self, most_streams: int) -> tuple[Slot, ...]:
        """Begin a probe, and return the places it takes; none if one runs or there is no stream."""
        running = self.running.take(1)
        stream = self.streams.take(most_streams) if running else None
        return (running, stream) if running and stream else ()


def set_up_probe(app: Flask, streams: Slots) -> None:
    """Let ``app`` be probed; a probe takes the place of one of its ``streams``."""
    app.extensions[EXTENSION] = Probes(streams)


@blueprint.get("/healthz/stream")
def stream() -> Response:
    """Say how answers reach a page here; where they are streamed, show it for 1.5 s."""
    host = host_of(request.environ)
    way, most = way_to_watch(settings(), host), most_streams(settings(), host)
    server = SERVERS.get(host.name.lower(), "unknown")
    first = event(json.dumps({"way": way, "streams": most, "server": server}))
    if way != "sse" or not most or request.method == "HEAD":
        return Response(first, mimetype=MIMETYPE, headers=HEADERS)
    probes: Probes = current_app.extensions[EXTENSION]
    places = probes.begin(most)
    if not places:
        return _busy()
    response = Response(_events(first, host), mimetype=MIMETYPE, headers=HEADERS)
    for place in places:
        response.call_on_close(place.give_back)
    return response


def _events(first: bytes, host: Host) -> Iterator[bytes]:
    yield first
    for number in range(1, TICKS + 1):
        time.sleep(TICK_SECONDS)
        if host.leaving:
            return
        yield event(json.dumps({"tick": number, "of": TICKS}))


def _busy() -> Response:
    response = make_response("another probe is running, or all streams are taken\n", 503)
    response.mimetype = "text/plain"
    response.headers["Retry-After"] = str(RETRY_SECONDS)
    return response
