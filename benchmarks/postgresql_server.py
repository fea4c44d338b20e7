"""A PostgreSQL server as it comes, and what may stand in front of it: PgBouncer, and a counter."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from processes import cpu_seconds

USER = "postgres"


class Server:
    """A running server, with its settings as Debian delivers them."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port

    def cpu_seconds(self) -> float:
        """Return the processor time of the server and of its sessions, also of those that ended."""
        main = int((self.folder / "postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{main}/task/{main}/children").read_text().split()
        own = sum(
            cpu_seconds(int(pid)) for pid in [main, *children] if Path(f"/proc/{pid}").exists()
        )
        fields = Path(f"/proc/{main}/stat").read_text().rpartition(")")[2].split()
        return own + (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")


def url(port: int) -> str:
    """Return the URL of the database behind a port."""
    return f"postgresql://{USER}@127.0.0.1:{port}/postgres"


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def postgresql(folder: Path) -> Iterator[Server]:
    """Yield a server that counts its statements and stores as safely as it does by default."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: path.parent.name)
    if not found:
        raise SystemExit("install PostgreSQL first (Debian: apt-get install postgresql)")
    data, port = folder / "postgresql", free_port()
    folder.chmod(0o755)
    data.mkdir()
    if os.geteuid() == 0:
        shutil.chown(data, USER)
    options = (
        f"-p {port} -k '' -c listen_addresses=127.0.0.1"
        " -c shared_preload_libraries=pg_stat_statements"
    )
    _run(found[-1] / "initdb", "--auth=trust", f"--username={USER}", "-D", str(data))
    control = (found[-1] / "pg_ctl", "-D", str(data), "-w")
    _run(*control, "-l", str(data / "log"), "-o", options, "start")
    try:
        yield Server(data, port)
    finally:
        _run(*control, "-m", "fast", "stop")


@contextmanager
def pgbouncer(folder: Path, server: int) -> Iterator[int]:
    """Yield the port of a PgBouncer in transaction mode."""
    program, port = shutil.which("pgbouncer"), free_port()
    if program is None:
        raise SystemExit("install PgBouncer first (Debian: apt-get install pgbouncer)")
    configuration = folder / "pgbouncer.ini"
    configuration.write_text(
        f"[databases]\npostgres = host=127.0.0.1 port={server} user={USER}\n[pgbouncer]\n"
        f"listen_addr = 127.0.0.1\nlisten_port = {port}\nauth_type = any\nunix_socket_dir =\n"
        "pool_mode = transaction\ndefault_pool_size = 8\n"
    )
    as_user = {"user": USER} if os.geteuid() == 0 else {}
    process = subprocess.Popen([program, "-q", str(configuration)], **as_user)
    try:
        _wait(port)
        yield port
    finally:
        process.terminate()
        process.wait()


class RoundTrips:
    """Passes bytes on to a server, and counts how often a client waits for it."""

    def __init__(self, server: int) -> None:
        self.count = 0
        self._server = server
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            client = self._listener.accept()[0]
            server = socket.create_connection(("127.0.0.1", self._server))
            for one in (client, server):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            answered = threading.Event()
            ends = (client, server, answered)
            threading.Thread(target=self._pass_on, args=ends, daemon=True).start()
            threading.Thread(target=_pass_back, args=ends, daemon=True).start()

    def _pass_on(
        self, client: socket.socket, server: socket.socket, answered: threading.Event
    ) -> None:
        while data := client.recv(65_536):
            # What follows before an answer belongs to the same round trip.
            if answered.is_set():
                answered.clear()
                self.count += 1
            server.sendall(data)
        server.shutdown(socket.SHUT_WR)


def _pass_back(client: socket.socket, server: socket.socket, answered: threading.Event) -> None:
    while data := server.recv(65_536):
        answered.set()
        client.sendall(data)
    client.shutdown(socket.SHUT_WR)


def _run(program: Path, *arguments: str) -> None:
    as_user = {"user": USER} if os.geteuid() == 0 else {}
    done = subprocess.run(
        [program, *arguments],
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        **as_user,
    )
    if done.returncode:
        sys.exit(f"{program} failed")


def _wait(port: int) -> None:
    give_up = time.monotonic() + 10
    while time.monotonic() < give_up:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    sys.exit("the connection pooler did not start")
