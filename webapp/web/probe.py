"""A short stream that anybody may request, to see whether events arrive one by one.

`chat-profiles doctor` measures when its events arrive. The stream needs no session and no database.
It shows no version and no secret, only what you could find out from any answer of the site.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from flask import Blueprint, Flask, Response, current_app, make_response, request

from webapp.site import settings
from webapp.web.server import Host, max_held_threads, most_streams, way_to_watch
from webapp.web.sse import HEADERS, MIMETYPE, Slot, Slots, event
from webapp.web.streaming.handover import host_of_streams

EXTENSION = "probe"
TICKS = 5
TICK_SECONDS = 0.3
RETRY_SECONDS = 2
# The header with the address of the site as the app knows it, which a proxy may have changed.
SERVED_AT = "X-Served-At"
# The name of an unknown server may hold more than the public should read, such as a version.
SERVERS = {name.lower(): name for name in ("gunicorn", "mod_wsgi", "uWSGI", "waitress", "werkzeug")}

blueprint = Blueprint("probe", __name__)


@dataclass(frozen=True)
class Probes:
    """The probes that run in this process. A probe counts as a stream."""

    streams: Slots
    running: Slots = field(default_factory=Slots)

    def begin(self, most_streams: int) -> tuple[Slot, ...]:
        """Return the slots of a new probe, or none if one is running or no stream is free."""
        running = self.running.take(1)
        stream = self.streams.take(most_streams) if running else None
        return (running, stream) if running and stream else ()


def set_up_probe(app: Flask, streams: Slots) -> None:
    """Let ``app`` be probed. A probe takes one of its ``streams``."""
    app.extensions[EXTENSION] = Probes(streams)


@blueprint.get("/healthz/stream")
def stream() -> Response:
    """Send how answers reach a page here. If they are streamed, send events for 1.5 s."""
    host = host_of_streams()
    way, most = way_to_watch(settings(), host), most_streams(settings(), host)
    server = SERVERS.get(host.name.lower(), "unknown")
    first = event(json.dumps({"way": way, "streams": most, "server": server}))
    headers = HEADERS | {SERVED_AT: f"//{request.host}{request.script_root}"}
    if way != "sse" or not most or request.method == "HEAD":
        return Response(first, mimetype=MIMETYPE, headers=headers)
    probes: Probes = current_app.extensions[EXTENSION]
    # Unlike the other streams, a probe always holds a thread.
    slots = probes.begin(max_held_threads(host) if host.hands_over else most)
    if not slots:
        response = make_response("another probe is running, or all streams are taken\n", 503)
        response.mimetype = "text/plain"
        response.headers["Retry-After"] = str(RETRY_SECONDS)
        return response
    response = Response(_events(first, host), mimetype=MIMETYPE, headers=headers)
    for slot in slots:
        response.call_on_close(slot.give_back)
    return response


def _events(first: bytes, host: Host) -> Iterator[bytes]:
    yield first
    for number in range(1, TICKS + 1):
        time.sleep(TICK_SECONDS)
        if host.is_stopping:
            return
        yield event(json.dumps({"tick": number, "of": TICKS}))
