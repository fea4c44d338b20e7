"""Starting the servers that are measured: gunicorn in a process of its own, on loopback."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

HERE = Path(__file__).parent
START_SECONDS = 20.0
STOP_SECONDS = 60.0


@dataclass(frozen=True)
class Served:
    """A server that answers: its port, and the processes of its workers."""

    port: int
    process: subprocess.Popen[bytes]

    def workers(self) -> list[int]:
        """Return the process ids of the workers (Linux)."""
        tasks = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        return [int(child) for task in tasks for child in task.read_text().split()]


@contextmanager
def our_app(
    folder: Path, site: str = "chat.py", flags: Sequence[str] = (), **settings: str
) -> Iterator[Served]:
    """Yield our app serving a file of ``site/``, in production, with its database in ``folder``.

    ``flags`` are for gunicorn. ``settings`` are ``WEBAPP_`` names without the prefix, in lower
    case.
    """
    given = {
        "WEBAPP_CHAT": str(HERE / "site" / site),
        "WEBAPP_SECRET_KEY": secrets.token_hex(32),
        "WEBAPP_TRUSTED_HOSTS": "127.0.0.1",
        "WEBAPP_INSECURE_COOKIES": "true",
        "WEBAPP_DATABASE_URL": f"sqlite:///{folder / 'ours.sqlite3'}",
        # Everybody here has the same address.
        "WEBAPP_STARTS_PER_ADDRESS": "100000",
        "WEBAPP_MESSAGES_PER_ADDRESS": "100000",
        "WEBAPP_TURNS_PER_ADDRESS": "100000",
        **{f"WEBAPP_{name.upper()}": value for name, value in settings.items()},
    }
    with _gunicorn("webapp:create_app()", folder, given, flags) as served:
        yield served


@contextmanager
def bare_app(folder: Path, module: str = "bare_app", *, orm: bool = False) -> Iterator[Served]:
    """Yield the bare app of a module, with its database in ``folder``."""
    given = {"BARE_DATABASE": str(folder / f"{module}{'-orm' if orm else ''}.sqlite3")}
    if orm:
        given["BARE_ORM"] = "yes"
    with _gunicorn(f"{module}:create_app()", folder, given) as served:
        yield served


@contextmanager
def _gunicorn(
    app: str, folder: Path, settings: dict[str, str], flags: Sequence[str] = ()
) -> Iterator[Served]:
    # Asked to end, a program must still stop its servers.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    port = _free_port()
    log = folder / f"{app.partition(':')[0]}-{port}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "gunicorn", app, "--bind", f"127.0.0.1:{port}"),
                *("--workers", "1", "--threads", "32", "--no-control-socket"),
                *flags,
            ],
            cwd=folder,
            env=_environment(settings),
            stdout=output,
            stderr=output,
        )
    try:
        _wait(process, port, log)
        yield Served(port, process)
    finally:
        process.terminate()
        # Turns that are under way are waited for.
        process.wait(STOP_SECONDS)


def _environment(settings: dict[str, str]) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("WEBAPP_", "FLASK_"))}
    return {**kept, "PYTHONPATH": f"{HERE.parent}{os.pathsep}{HERE}", **settings}


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    give_up = time.monotonic() + START_SECONDS
    while time.monotonic() < give_up and process.poll() is None:
        connection = HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/healthz")
            connection.getresponse()
        except OSError:
            time.sleep(0.05)
        else:
            return
        finally:
            connection.close()
    raise SystemExit(f"the server did not start:\n{log.read_text(errors='replace')}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
