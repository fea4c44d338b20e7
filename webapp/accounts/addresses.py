"""Addresses of browsers, as they are counted and stored."""

from __future__ import annotations

import ipaddress

IP_LIMIT = 64
UNKNOWN = "unknown"


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
    if "/" not in key:
        return [(key, 1)]
    site = ipaddress.ip_network(key).supernet(new_prefix=56)
    return [(key, 1), (str(site), SHARE_OF_SITE)]


def ip_key(ip: str | None) -> str:
    """Return the address, or the network, under which attempts from ``ip`` are counted."""
    try:
        address = ipaddress.ip_address(ip or "")
    except ValueError:
        return UNKNOWN
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is None:
            return str(ipaddress.ip_network((address.packed[:8] + bytes(8), 64)))
        address = address.ipv4_mapped
    return str(address)
