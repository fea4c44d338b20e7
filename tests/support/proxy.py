"""A small proxy that sends each connection to the next server in turn, with no affinity."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle

from tests.support.servers import PATIENCE

READ_BYTES = 65_536


class AlternatingProxy:
    """Passes bytes on; as its clients ask once per connection, each request takes its turn.

    Parameters
    ----------
    ports:
        Where the servers listen on loopback.
    """

    def __init__(self, ports: Sequence[int]) -> None:
        self.passed_on = dict.fromkeys(ports, 0)
        self.port = 0
        self._next = cycle(ports)
        self._tasks: set[asyncio.Task[None]] = set()

    async def listen(self) -> asyncio.Server:
        """Start to listen on a free port of loopback."""
        server = await asyncio.start_server(self._take, "127.0.0.1", 0)
        self.port = int(server.sockets[0].getsockname()[1])
        return server

    async def hang_up(self) -> None:
        """End whatever is still under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._pass_on(reader, writer)
        except asyncio.CancelledError:
            pass  # the proxy ends
        finally:
            self._tasks.discard(task)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        port = next(self._next)
        self.passed_on[port] += 1
        with contextlib.suppress(OSError), contextlib.closing(writer):
            from_server, to_server = await asyncio.open_connection("127.0.0.1", port)
            with contextlib.closing(to_server):
                await _either(_pump(reader, to_server), _pump(from_server, writer))


@contextmanager
def alternating_between(*ports: int) -> Iterator[AlternatingProxy]:
    """Yield a proxy in front of servers, listening in a thread of its own."""
    proxy = AlternatingProxy(ports)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="proxy")
    thread.start()
    try:
        server = asyncio.run_coroutine_threadsafe(proxy.listen(), loop).result(PATIENCE)
        try:
            yield proxy
        finally:
            loop.call_soon_threadsafe(server.close)
            asyncio.run_coroutine_threadsafe(proxy.hang_up(), loop).result(PATIENCE)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _either(*pumps: Coroutine[None, None, None]) -> None:
    """Run both ways of a connection until one of the two ends hangs up."""
    tasks = [asyncio.create_task(pump) for pump in pumps]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(READ_BYTES):
        writer.write(data)
        await writer.drain()
