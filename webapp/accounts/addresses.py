"""Addresses of browsers, as they are counted and stored."""

from __future__ import annotations

import ipaddress

IP_LIMIT = 64
UNKNOWN = "unknown"


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
