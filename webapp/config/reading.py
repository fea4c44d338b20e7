"""Reading one setting at a time. Each that is not valid leaves a line that says what to write."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from importlib.util import find_spec
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

SIMILAR = 0.88  # of two names, from 0 to 1: another program may have a WEBAPP_ of its own
OBJECT_STORAGE = "s3://"
# In WEBAPP_PROXY_ADDRESSES, the word for a proxy that comes through a Unix socket.
UNIX_SOCKET = "unix"
_SURROGATE = re.compile("[\ud800-\udfff]")
_ORIGIN = re.compile(r"https?://(?:[a-z0-9-]+\.)*[a-z0-9-]+(?::\d{1,5})?")
_HOST = re.compile(r"(?:\.?[\w-]+(?:\.[\w-]+)*|\[[0-9a-f:.]+\])(?::\d{1,5})?")
_BUCKET = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](?:/[\w.!*'()-]+)*/?", re.ASCII)
_SENDFILE = re.compile(r"X-Sendfile|X-Accel-Redirect:(?:/[\w.~-]+)+/?", re.ASCII)


class SettingsReader:
    """Reads one variable at a time, and keeps a line for each whose value is not valid."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values
        self._names: set[str] = set()
        self.problems: dict[str, str] = {}

    def refuse_unknown_names(self, given_in_code: Mapping[str, Any]) -> None:
        """Refuse names that look like a setting, and in code every name that is none."""
        for name in sorted(self._values.keys() - self._names):
            similar = get_close_matches(name, sorted(self._names), 1, SIMILAR)
            if similar or name in given_in_code:
                hint = f"; did you mean {similar[0]}?" if similar else "."
                # A misspelt name says why the setting itself is not there.
                is_reason = similar and not self._values.get(similar[0])
                key = similar[0] if is_reason and similar[0] not in self.problems else name
                self.problems[key] = f"{name} is not a setting{hint}"

    def value(self, name: str) -> Any:
        self._names.add(name)
        value = self._values.get(name)
        # What is not UTF-8 in the environment has become surrogates.
        if isinstance(value, str) and _SURROGATE.search(value):
            self.problems[name] = f"{name} is not text in UTF-8; write it with other characters."
            return None
        return value

    def text(self, name: str) -> str:
        value = self.value(name)
        return "" if value is None else str(value).strip()

    def names(self, name: str) -> tuple[str, ...]:
        value = self.value(name) or ""
        parts = value.split(",") if isinstance(value, str) else value
        return tuple(part.strip() for part in parts if part.strip())

    def hosts(self, name: str) -> tuple[str, ...]:
        found = tuple(host.lower() for host in self.names(name))
        for host in found:
            if not _HOST.fullmatch(host):
                self.problems[name] = (
                    f"{name} holds {host!r}, which is not a host name: write chat.example.org, or "
                    ".example.org for all names below it; no scheme, no path, no star."
                )
        return found

    def networks(self, name: str) -> tuple[str, ...]:
        """Return addresses and networks, and the word for a Unix socket."""
        found = self.names(name)
        for each in found:
            try:
                _ = each == UNIX_SOCKET or ip_network(each)
            except ValueError:
                self.problems[name] = (
                    f"{name} must be addresses or networks, such as 10.0.0.5 or 10.0.0.0/24, or "
                    f"{UNIX_SOCKET} for a Unix socket, not {each!r}."
                )
                return ()
        return found

    def origins(self, name: str) -> tuple[str, ...]:
        """Return origins whose pages may have the site in a frame; ``self`` is the site itself."""
        found = tuple(
            "'self'" if origin in ("self", "'self'") else origin.lower()
            for origin in self.names(name)
        )
        for origin in found:
            if origin != "'self'" and not _ORIGIN.fullmatch(origin):
                self.problems[name] = (
                    f"{name} must be origins such as https://portal.example.org, or self for this "
                    f"site; {origin!r} is none: leave out a path or a star."
                )
        return found

    def whole(self, name: str, default: int, least: int, most: int) -> int:
        text = self.text(name)
        if not text:
            return default
        if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
            self._refuse(name, f"a whole number from {least} to {most}", text)
            return default
        return int(text)

    def whole_or_none(self, name: str, least: int, most: int) -> int | None:
        return self.whole(name, least, least, most) if self.text(name) else None

    def seconds(self, name: str, default: float) -> float:
        text = self.text(name)
        try:
            number = float(text) if text else default
        except ValueError:
            number = 0.0
        if not 0 < number < 1e6:
            self._refuse(name, f"a number greater than 0, such as {default:g}", text)
            return default
        return number

    def zone(self, name: str) -> str:
        text = self.text(name) or "UTC"
        try:
            ZoneInfo(text)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            known = "the name of a time zone that this machine knows, such as Europe/Paris"
            self._refuse(name, known, text)
            return "UTC"
        return text

    def cookie_name(self, name: str, default: str) -> str:
        text = self.text(name).removeprefix("__Host-") or default
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", text):
            kind = "1 to 64 letters, digits, dots, dashes and underscores, such as support-chat"
            self._refuse(name, kind, text)
            return default
        return text

    def files_url(self, name: str) -> str:
        text = self.text(name)
        if text.startswith(OBJECT_STORAGE) and find_spec("obstore") is None:
            self.problems[name] = (
                f"{name} names object storage, which needs one more package: "
                "pip install 'chat-profiles[s3]'."
            )
        elif "://" in text and not _BUCKET.fullmatch(text):
            self.problems[name] = (
                f"{name} must be a folder, such as /srv/chat/files, or object storage, such as "
                "s3://bucket/prefix."
            )
        else:
            return text
        return ""

    def json_file(self, name: str) -> str:
        text = self.text(name)
        try:
            is_file = not text or Path(text).is_file()
        except OSError:  # a folder on the way is closed, or the name is too long
            is_file = False
        if not is_file:
            self._refuse(name, "the path of a JSON file that this process can read", text)
            return ""
        return text

    def sendfile(self, name: str) -> str:
        text = self.text(name)
        if text and not _SENDFILE.fullmatch(text):
            path = "X-Accel-Redirect: with the path of the location, such as"
            kind = f"X-Sendfile, or {path} X-Accel-Redirect:/internal-files"
            self._refuse(name, kind, text)
            return ""
        return text

    def yes_or_no(self, name: str) -> bool:
        text = self.text(name).lower()
        if text not in ("", "0", "1", "true", "false", "yes", "no", "on", "off"):
            self._refuse(name, "true or false", text)
        return text in ("1", "true", "yes", "on")

    def one_of(self, name: str, allowed: tuple[str, ...], *, any_case: bool = False) -> str:
        text = self.text(name) or allowed[0]
        text = text.upper() if any_case else text
        if text not in allowed:
            self._refuse(name, f"one of: {', '.join(allowed)}", text)
            return allowed[0]
        return text

    def _refuse(self, name: str, kind: str, given: str) -> None:
        """Keep a line with what was given. No secret is read by a function that calls this."""
        self.problems[name] = f"{name} must be {kind}, not {given!r:.60}."
