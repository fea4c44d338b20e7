"""Waitress with room for a visitor, however many connections wait.

Waitress stops accepting at 100 connections, and keeps those that wait for two minutes. A request
that is half sent holds no thread there, but its connection stays as long as now and then a byte
arrives.
"""

from __future__ import annotations

import time
from typing import cast

from waitress import server as waitress_server
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.server import BaseWSGIServer, TcpWSGIServer, UnixWSGIServer

from webapp.web.connections.limits import is_silent, is_too_slow, most_connections

# How often slow requests are looked for.
LOOK_SECONDS = 5
# The part of the connections that ends when no more are possible. To find the oldest takes a look
# at each of them, so several end at once.
DROPPED_PART = 16


# Above that, Waitress refuses a form itself, with a page of its own.
MOST_FORM_BYTES = 64 * 1024 * 1024


class BoundedChannel(HTTPChannel):
    """A connection that knows when its request began to arrive, and how much of it there is."""

    began: float | None = None
    arrived = 0

    def received(self, data: bytes) -> bool:
        """Take what has arrived."""
        taken = super().received(data)
        if self.request is None:
            self.began = None
        elif self.began is None:
            self.began, self.arrived = time.time(), len(data)
        else:
            self.arrived += len(data)
        return taken

    def worth(self) -> tuple[bool, float]:
        """Return the place in the order in which connections end to make room.

        Idle connections come before half-sent requests and before those that have just come, and
        the oldest of each first.
        """
        since = self.began or self.last_activity
        return not is_silent(time.time() - since, self.began is not None), since

    @property
    def is_waiting(self) -> bool:
        """Return whether no request is answered here, and nothing is left to be sent."""
        return not (self.requests or self.total_outbufs_len or self.will_close)


class _BoundedServer(BaseWSGIServer):
    channel_class = BoundedChannel

    def readable(self) -> bool:
        """Make room if there is none, and return whether a connection can be accepted."""
        most = self.adj.connection_limit
        spare = most // DROPPED_PART
        channels = cast(dict[int, BoundedChannel], self.active_channels)
        if len(channels) > most - spare:
            waiting = [channel for channel in channels.values() if channel.is_waiting]
            waiting.sort(key=BoundedChannel.worth)
            for channel in waiting[: 2 * spare]:
                channel.will_close = True
        return super().readable()

    def maintenance(self, now: int) -> None:
        """End idle connections after their time, and requests that arrive too slowly."""
        super().maintenance(now)
        for channel in cast(dict[int, BoundedChannel], self.active_channels).values():
            if channel.began is not None and is_too_slow(now - channel.began, channel.arrived):
                channel.will_close = True


class BoundedTcpServer(_BoundedServer, TcpWSGIServer):
    """Listens on an address."""


class BoundedUnixServer(_BoundedServer, UnixWSGIServer):
    """Listens on a Unix socket."""


class BoundedAdjustments(Adjustments):
    """The options of Waitress, with other defaults for connections."""

    connection_limit = most_connections()
    cleanup_interval = LOOK_SECONDS
    # The other way takes no connection whose number is above 1,023.
    asyncore_use_poll = True


def use_bounded_servers(file_bytes: int) -> None:
    """Let every server that Waitress makes in this process make room for visitors.

    Parameters
    ----------
    file_bytes:
        How many bytes of files a request may have. Waitress keeps all of it before the app is
        asked, whoever sends it.
    """
    most = {"max_request_body_size": MOST_FORM_BYTES + file_bytes}
    vars(waitress_server).update(
        Adjustments=type("BoundedAdjustments", (BoundedAdjustments,), most),
        TcpWSGIServer=BoundedTcpServer,
        UnixWSGIServer=BoundedUnixServer,
    )
