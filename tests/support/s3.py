"""An S3 server of our own on loopback: moto's, in a process of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.ports import free_port
from tests.support.servers import PATIENCE

# Fixed, and worth nothing: the server takes any.
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_REGION": "us-east-1",
}


@dataclass
class S3Server:
    """A server, and how a program reaches it."""

    port: int
    log: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """Return the variables with which a program finds the server."""
        return {**CREDENTIALS, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}"}

    def start(self) -> None:
        """Start the server, empty, and wait until it answers."""
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        give_up = time.monotonic() + PATIENCE
        while True:
            try:
                address = f"http://127.0.0.1:{self.port}/moto-api/"
                with urllib.request.urlopen(address, timeout=PATIENCE):
                    return
            except (urllib.error.URLError, OSError):
                assert self.process.poll() is None, self.log.read_text()
                assert time.monotonic() < give_up, self.log.read_text()
                time.sleep(0.1)

    def stop(self) -> None:
        """End the server. What it holds is gone."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def pause(self) -> None:
        """Let the server answer nobody. It keeps what it has."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let the server answer again."""
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def new_bucket(self) -> str:
        """Make a bucket, and return its address."""
        name = f"files-{uuid.uuid4().hex}"
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/{name}",
            method="PUT",
            headers={
                # Moto reads the credential and checks no signature.
                "Authorization": "AWS4-HMAC-SHA256 Credential=testing/20260101/us-east-1/s3/"
                "aws4_request, SignedHeaders=host, Signature=0"
            },
        )
        with urllib.request.urlopen(request, timeout=PATIENCE):
            return f"s3://{name}/chat"


@contextmanager
def s3_server(folder: Path) -> Iterator[S3Server]:
    """Start a server on a free port, and end it."""
    server = S3Server(free_port(), folder / "moto.log")
    try:
        server.start()
        yield server
    finally:
        server.stop()
