"""Ports of loopback for servers that tests start."""

from __future__ import annotations

import os
import random
import socket
from itertools import count

# Below the ports that systems give to whoever asks for any: one of those may be taken between its
# choice and the start of its server, and the test would talk to another. Test processes side by
# side have ranges of their own, and runs side by side likely begin at different places.
FIRST, EACH, RANGES = 10_000, 3_500, 6
_OWN = FIRST + EACH * (int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % RANGES)
_NUMBERS = count(random.randrange(EACH))


def free_port() -> int:
    """Return a port that nobody listens on now, and that nobody is given by chance."""
    for _ in range(EACH):
        port = _OWN + next(_NUMBERS) % EACH
        with socket.socket() as probe:
            # As servers do: what was closed a moment ago is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError(f"no port of {_OWN} to {_OWN + EACH} is free")
