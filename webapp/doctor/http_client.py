"""A small HTTP client that notes when each piece of an answer arrives.

It asks one host and no other, without cookies, passwords or the proxies of the environment.
"""

from __future__ import annotations

import socket
import ssl
import time
from dataclasses import dataclass, replace
from email.message import Message
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from ipaddress import ip_address
from urllib.parse import SplitResult, urljoin, urlsplit

from webapp.console import BadInputError
from webapp.doctor.findings import EndOfCheckError, Finding, change

TIMEOUT_SECONDS = 10.0
# The longest and the largest answer that is read, whatever server sends it.
ANSWER_SECONDS = 20.0
MOST_BYTES = 256 * 1024
EXAMPLE = "write it as https://chat.example.org"
HTTP_1_0 = 10
REDIRECTS = (301, 302, 303, 307, 308)


@dataclass(frozen=True)
class Site:
    """The address of a site."""

    scheme: str
    host: str
    port: int | None = None
    path: str = ""

    @classmethod
    def from_url(cls, text: str) -> Site:
        """Return the site whose address somebody typed.

        Raises
        ------
        BadInputError
            When ``text`` is not the address of a site. The line says how to write one.
        """
        try:
            url = _split(text)
        except ValueError as error:
            raise BadInputError(f"{text!r} is not the address of a site; {EXAMPLE}") from error
        if url.scheme not in ("http", "https") or not url.hostname:
            raise BadInputError(f"{text!r} is not the address of a site; {EXAMPLE}")
        if url.username is not None or url.password is not None:
            raise BadInputError(f"the address holds a user name or password; {EXAMPLE}")
        if url.query or url.fragment:
            raise BadInputError(f"{text!r} has more than the address of the site; {EXAMPLE}")
        return cls(url.scheme, url.hostname, url.port, url.path.rstrip("/"))

    @property
    def url(self) -> str:
        """Return the address as text."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port is None else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.path}"

    @property
    def is_loopback(self) -> bool:
        """Return whether the site is on this machine."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def over_https(self, port: int | None) -> Site:
        """Return the same site over HTTPS."""
        return replace(self, scheme="https", port=port)

    def target(self, path: str, location: str) -> SplitResult | None:
        """Return the target of a redirect from ``path``, or ``None`` if it is not an address."""
        try:
            return _split(urljoin(self.url + path, location))
        except ValueError:
            return None


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The answer of a site.

    Parameters
    ----------
    pieces:
        The pieces of the body, each with the seconds from the request to its arrival.
    complete:
        Whether the answer came to its end.
    """

    status: int
    headers: Message
    version: int
    pieces: tuple[tuple[float, bytes], ...]
    complete: bool

    @property
    def text(self) -> str:
        """Return the body."""
        return b"".join(piece for _, piece in self.pieces).decode(errors="replace")

    def header(self, name: str) -> str:
        """Return a header, or an empty text."""
        return str(self.headers.get(name, ""))


def get(site: Site, path: str, encodings: str = "identity") -> Answer:
    """Return what ``site`` answers to a GET of ``path``. A redirect is not followed.

    Parameters
    ----------
    encodings:
        The compression that the answer may have, as in ``Accept-Encoding``.

    Raises
    ------
    EndOfCheckError
        When there is no answer, with the reason and what to do.
    """
    connection: HTTPConnection
    if site.scheme == "http":
        connection = HTTPConnection(site.host, site.port, timeout=TIMEOUT_SECONDS)
    else:
        context = ssl.create_default_context()
        connection = HTTPSConnection(site.host, site.port, timeout=TIMEOUT_SECONDS, context=context)
    headers = {
        "Accept": "*/*",
        "Accept-Encoding": encodings,
        "User-Agent": "chat-profiles doctor",
    }
    began = time.monotonic()
    try:
        connection.request("GET", site.path + path, headers=headers)
        response = connection.getresponse()
        pieces, complete = _read(response, began)
        return Answer(
            status=response.status,
            headers=response.headers,
            version=response.version,
            pieces=pieces,
            complete=complete,
        )
    except (HTTPException, OSError) as error:
        raise EndOfCheckError(_explain(site, error)) from error
    finally:
        connection.close()


def _split(text: str) -> SplitResult:
    if not text.isprintable() or " " in text:
        raise ValueError(text)
    url = urlsplit(text)
    # Both raise when there can be no such port or name.
    _ = url.port, (url.hostname or "").encode("idna")
    return url


def _read(response: HTTPResponse, began: float) -> tuple[tuple[tuple[float, bytes], ...], bool]:
    pieces: list[tuple[float, bytes]] = []
    left = MOST_BYTES
    while left > 0 and time.monotonic() - began < ANSWER_SECONDS:
        try:
            piece = response.read1(left)
        except (OSError, HTTPException):
            return tuple(pieces), False
        if not piece:
            return tuple(pieces), True
        pieces.append((time.monotonic() - began, piece))
        left -= len(piece)
    return tuple(pieces), False


def _explain(site: Site, error: HTTPException | OSError) -> Finding:
    if isinstance(error, ssl.SSLCertVerificationError):
        return change(
            "certificate",
            f"The certificate of {site.host} is not accepted: {error.verify_message}.",
            "Install a certificate for this name from an authority that browsers know, with the "
            "certificates between them.",
        )
    if isinstance(error, ssl.SSLError):
        return change(
            "tls",
            f"There is no TLS at {site.url}: {error.reason or error}.",
            "Check the port, and that TLS is switched on there.",
        )
    if isinstance(error, HTTPException):
        return change(
            "no-http",
            f"The server at {site.url} does not speak HTTP, or closes the connection.",
            "Check the port, and whether it wants https instead of http.",
        )
    if isinstance(error, socket.gaierror):
        return change(
            "unknown-name",
            f"The name {site.host} has no address.",
            "Check its spelling, and its entry in the DNS.",
        )
    if isinstance(error, TimeoutError):
        return change(
            "timeout",
            f"{site.url} does not answer within {TIMEOUT_SECONDS:g} s.",
            "Check that the server runs, and that no firewall drops the requests.",
        )
    return change(
        "refused",
        f"{site.url} cannot be reached: {error.strerror or error}.",
        "Check that the server runs and listens on this address and port.",
    )
