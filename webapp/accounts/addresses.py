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
    site = _site(key)
    return [(key, 1), (str(site), SHARE_OF_SITE)] if site else [(key, 1)]


def keys_of_site(key: str) -> list[str]:
    """Return the keys of all networks of the /56 in which a key of IPv6 is; none for other keys."""
    site = _site(key)
    return [str(network) for network in site.subnets(new_prefix=64)] if site else []


def _site(key: str) -> ipaddress.IPv6Network | None:
    return ipaddress.IPv6Network(key).supernet(new_prefix=56) if "/" in key else None


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
