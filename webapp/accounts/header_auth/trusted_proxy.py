"""Whether a request came through the proxy that signs users in. Anybody can send its headers."""

from __future__ import annotations

import ipaddress
import sys
from collections.abc import Collection
from functools import cache
from hmac import compare_digest
from typing import TYPE_CHECKING

from webapp.accounts.addresses import UNIX_PEERS, came_directly, is_loopback, parse_address
from webapp.authoring.loading.app_file import ChatApp
from webapp.config.reading import UNIX_SOCKET
from webapp.config.settings import PROXY_SECRET_HEADER, Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

# One of them is enough.
_TRUST_SETTINGS = {"WEBAPP_PROXY_SECRET", "WEBAPP_PROXY_ADDRESSES"}
_SECRET_KEY = "HTTP_X_PROXY_SECRET"  # noqa: S105


def find_proxy_mistrust(environ: WSGIEnvironment, settings: Settings) -> str | None:
    """Return why a request did not come through a trusted proxy; ``None`` if it did.

    The reason is for the log. Without both settings, which only a site of this machine may leave
    out, a request is trusted that this machine has sent itself.
    """
    if settings.proxy_secret:
        given = str(environ.get(_SECRET_KEY, "")).encode("latin-1", "replace")
        if not compare_digest(given, settings.proxy_secret.encode()):
            state = "differs from" if given else "is missing, and should have"
            return f"{PROXY_SECRET_HEADER} {state} the value of WEBAPP_PROXY_SECRET"
    # ProxyFix puts the address of the browser in the place of the proxy's.
    peer = environ.get("werkzeug.proxy_fix.orig", environ).get("REMOTE_ADDR")
    if settings.proxy_addresses:
        if not _is_listed(peer, settings.proxy_addresses):
            return f"it came from {peer or 'a Unix socket'}, not in WEBAPP_PROXY_ADDRESSES"
    elif not settings.proxy_secret and not came_directly(environ):
        return f"it came from {peer}, or through a proxy: set WEBAPP_PROXY_SECRET"
    return None


def find_proxy_problem(
    chat_app: ChatApp, settings: Settings, faulty: Collection[str] = ()
) -> str | None:
    """Return what to set before ``chat_app`` may be served, if its users sign in by headers.

    Parameters
    ----------
    faulty:
        The names of settings that are there, but not valid. Each has a line of its own already.
    """
    if "header_auth_callback" not in chat_app.callbacks:
        return None
    if "uwsgi" in sys.modules:
        return (
            f"{chat_app.file_name} has @header_auth_callback, and uWSGI takes a header X_Forwarded_"
            "User, which proxies let pass, for X-Forwarded-User: anybody could choose who they "
            "are. Serve it with gunicorn or Waitress."
        )
    if settings.proxy_secret or settings.proxy_addresses or _TRUST_SETTINGS & set(faulty):
        return None
    is_public = settings.production or settings.proxy_hops
    if not is_public and all(map(is_loopback, settings.trusted_hosts)):
        return None
    return (
        f"{chat_app.file_name} has @header_auth_callback, and anybody could send such headers: set "
        f"WEBAPP_PROXY_SECRET, and let your proxy send it in {PROXY_SECRET_HEADER}. Print a secret "
        "with `chat-profiles secret`. If the proxy cannot send it, set WEBAPP_PROXY_ADDRESSES."
    )


def _is_listed(peer: str | None, listed: tuple[str, ...]) -> bool:
    if peer in UNIX_PEERS:
        return UNIX_SOCKET in listed
    address = parse_address(peer)
    return address is not None and any(address in network for network in _networks(listed))


@cache
def _networks(
    listed: tuple[str, ...],
) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    return tuple(ipaddress.ip_network(each) for each in listed if each != UNIX_SOCKET)
