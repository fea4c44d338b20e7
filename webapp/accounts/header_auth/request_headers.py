"""The headers of a request, as `@header_auth_callback` reads them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterator, Mapping
from typing import cast

from flask import Request
from flask.globals import app_ctx

from webapp.accounts.sessions.interface import DatabaseSessions
from webapp.config.settings import PROXY_SECRET_HEADER

COOKIE = "cookie"
# Stands for all names, also of headers that are not there. No header has it.
EVERY_NAME = ""
# What browsers and proxies send for everybody, whoever they are.
_OF_EVERYBODY = re.compile(
    r"accept(-.*)?|sec-.*|content-.*|cookie|host|user-agent|referer|origin|connection|via|"
    r"cache-control|pragma|priority|te|dnt|upgrade-insecure-requests|"
    r"forwarded|x-forwarded-(for|host|port|prefix|proto|server|uri|method)|x-real-ip|x-request-id"
)
_HIDDEN = PROXY_SECRET_HEADER.lower()
_PREFIX = "HTTP_"
_WITHOUT_PREFIX = ("CONTENT_TYPE", "CONTENT_LENGTH")


class RequestHeaders(Mapping[str, str]):
    """Headers by their names in any case, which note the names that somebody reads.

    The secret of the proxy and the cookie of this site are not among them. A header that came
    twice has both values, joined by a comma, as the server has joined them.
    """

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = {name.lower(): value for name, value in values.items()}
        self._read: set[str] = set()

    def __getitem__(self, name: str) -> str:
        key = name.lower()
        self._read.add(key)
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        # Whoever goes through all of them may have looked for one that is not there.
        self._read.add(EVERY_NAME)
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        # Not the values: a log may get this.
        return f"<{type(self).__name__}: {', '.join(self._values)}>"

    @property
    def names_read(self) -> list[str]:
        """Return the names that were read, also of headers that are not there."""
        return sorted(self._read)

    @property
    def may_name_user(self) -> bool:
        """Return whether a header was read that is there and differs from user to user."""
        read = self._values if EVERY_NAME in self._read else self._read & self._values.keys()
        return any(self._values[name] and not _OF_EVERYBODY.fullmatch(name) for name in read)

    def digest(self, names: Collection[str]) -> str:
        """Return a hash of the headers with these names, and of which of them are not there."""
        values: list[object] = [[name, self._values.get(name)] for name in names]
        if EVERY_NAME in names:
            values += sorted(self._values.items())
        return hashlib.sha256(json.dumps(values).encode()).hexdigest()


def read_headers(sent: Request) -> RequestHeaders:
    """Return the headers of a request."""
    values = {
        key.removeprefix(_PREFIX).replace("_", "-").lower(): _decode(value)
        for key, value in sent.environ.items()
        if key.startswith(_PREFIX) or (key in _WITHOUT_PREFIX and value)
    }
    values.pop(_HIDDEN, None)
    if COOKIE in values:
        others = _without_own(values.pop(COOKIE), sent)
        if others:
            values[COOKIE] = others
    return RequestHeaders(values)


def _without_own(cookies: str, sent: Request) -> str:
    """Return the cookies that others have set, such as the proxy."""
    sessions = cast(DatabaseSessions, app_ctx.app.session_interface)
    own = sessions.cookie_names(sent)
    pairs = [(pair.partition("=")[0].strip(), pair.strip()) for pair in cookies.split(";")]
    return "; ".join(
        pair for name, pair in pairs if name not in own and not name.startswith(f"{own[0]}-")
    )


def _decode(value: str) -> str:
    """Return the text of a header, whose bytes a server gives as Latin-1 (PEP 3333).

    Most proxies send names in UTF-8.
    """
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        return value
