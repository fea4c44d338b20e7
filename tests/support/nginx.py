"""A real nginx in front of a site."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.ports import free_port
from tests.support.servers import PATIENCE

NGINX = shutil.which("nginx") or "/usr/sbin/nginx"
needs_nginx = pytest.mark.skipif(not Path(NGINX).exists(), reason="nginx is not installed")


@contextmanager
def nginx(folder: Path, location: str) -> Iterator[int]:
    """Yield the port of an nginx whose only server has this configuration."""
    port = free_port()
    # Its workers would be another user, who may not write here.
    user = "user root root;" if os.geteuid() == 0 else ""
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    places = "\n".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    file, log = folder / "nginx.conf", folder / "nginx.log"
    file.write_text(
        f"daemon off; {user} pid {folder}/nginx.pid; error_log {log};\n"
        f"events {{ worker_connections 4000; }}\n"
        f"http {{ access_log off; {places}\n"
        f"server {{ listen 127.0.0.1:{port};\n{location}\n}} }}\n"
    )
    process = subprocess.Popen([NGINX, "-c", str(file), "-e", str(log)], cwd=folder)
    try:
        give_up = time.monotonic() + PATIENCE
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < give_up, log.read_text()
                time.sleep(0.02)
        yield port
    finally:
        process.terminate()
        process.wait(PATIENCE)
