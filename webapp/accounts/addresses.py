"""Addresses of browsers, as they are counted and stored."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

from webapp.config.settings import LOOPBACK_HOSTS

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

IP_LIMIT = 64
UNKNOWN = "unknown"


# What servers name a program at the other end of a Unix socket, in the place of an address.
UNIX_PEERS = (None, "", "localhost", "unix", "unix:")
_FORWARDING = (
    "HTTP_FORWARDED",
    "HTTP_VIA",
    "HTTP_X_REAL_IP",
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PROTO",
)

# What some proxies add to an address that they forward, such as Azure's.
_WITH_PORT = re.compile(r"(?:\[(?P<six>[0-9a-fA-F:.]{2,45})\]|(?P<four>[0-9.]{7,15}))(?::\d{1,5})?")
# The addresses of IPv4 as a server of IPv6 alone sees them (RFC 6052).
_TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")

# Who has an address of IPv6 usually has a /64 network of them, and often a whole /56.
SHARE_OF_SITE = 2


def counted_networks(ip: str | None) -> list[tuple[str, int]]:
    """Return the networks under which ``ip`` is counted, and how many shares each of them has.

    Example
    -------
    >>> counted_networks("2001:db8:0:7::1")
    [('2001:db8:0:7::/64', 1), ('2001:db8::/56', 2)]
    """
    key = ip_key(ip)
    site = _site(key)
    return [(key, 1), (str(site), SHARE_OF_SITE)] if site else [(key, 1)]


def keys_of_site(key: str) -> list[str]:
    """Return the keys of all networks of the /56 in which a key of IPv6 is; none for other keys."""
    site = _site(key)
    return [str(network) for network in site.subnets(new_prefix=64)] if site else []


def _site(key: str) -> ipaddress.IPv6Network | None:
    return ipaddress.IPv6Network(key).supernet(new_prefix=56) if "/" in key else None


def is_loopback(host: str) -> bool:
    """Return whether a host name or an address is this machine itself."""
    if host in LOOPBACK_HOSTS:
        return True
    address = parse_address(host)
    return address is not None and address.is_loopback


def came_directly(environ: WSGIEnvironment) -> bool:
    """Return whether a browser of this machine has sent a request, and no proxy or tunnel has.

    A proxy with no settings adds no header, but nginx talks HTTP/1.0 then, as no browser does.
    """
    # ProxyFix puts the address of the browser in the place of the proxy's.
    peer = environ.get("werkzeug.proxy_fix.orig", environ).get("REMOTE_ADDR")
    return (
        (peer in UNIX_PEERS or is_loopback(str(peer)))
        and environ.get("SERVER_PROTOCOL") != "HTTP/1.0"
        and not any(header in environ for header in _FORWARDING)
    )


def parse_address(text: str | None) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return an address, as IPv4 if it is one that is written as IPv6; ``None`` for other text."""
    try:
        address = ipaddress.ip_address(text or "")
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def ip_key(ip: str | None) -> str:
    """Return the address, or the network, under which attempts from ``ip`` are counted."""
    with_port = _WITH_PORT.fullmatch(ip or "")
    address = parse_address(with_port["six"] or with_port["four"] if with_port else ip)
    if address is None:
        return UNKNOWN
    if isinstance(address, ipaddress.IPv6Address):
        if address in _TRANSLATED:
            return str(ipaddress.IPv4Address(address.packed[12:]))
        return str(ipaddress.ip_network((address.packed[:8] + bytes(8), 64)))
    return str(address)
