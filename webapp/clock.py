"""The clock of a viewer: in the time zone of their browser, or else of the site."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from flask import request

from webapp.site import settings

# The script of each page puts the time zone of the browser here.
ZONE_COOKIE = "zone"
_ZONE = re.compile(r"[A-Za-z][\w+-]{0,30}(?:/[\w+-]{1,30}){0,2}", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Clock:
    """What time it is for a viewer, and how times are written for them.

    Parameters
    ----------
    zone
        The time zone of all times.
    now
        The time at which the page is made.
    """

    zone: tzinfo
    now: datetime

    def local(self, time: datetime) -> datetime:
        """Return a time in the viewer's zone. The first and the last of all stay as they are."""
        try:
            return time.astimezone(self.zone)
        except OverflowError:  # it would be in the year 0 or 10,000
            return time

    def short(self, time: datetime) -> str:
        """Return the time of day, and the date unless it is today.

        Example
        -------
        >>> clock = Clock(zone=UTC, now=datetime(2026, 11, 3, tzinfo=UTC))
        >>> clock.short(datetime(2026, 11, 3, 9, 5, tzinfo=UTC))
        '09:05'
        >>> clock.short(datetime(2026, 10, 31, 9, 5, tzinfo=UTC))
        '31 Oct 2026, 09:05'
        """
        local = self.local(time)
        if local.date() == self.local(self.now).date():
            return f"{local:%H:%M}"
        return f"{local.day} {local:%b} {local.year}, {local:%H:%M}"

    def exact(self, time: datetime) -> str:
        """Return the date and the time to the second, with the name of the zone."""
        local = self.local(time)
        return f"{local.day} {local:%B} {local.year}, {local:%H:%M:%S %Z}"

    def short_day(self, time: datetime, *, or_time: bool = False) -> str:
        """Return the date for a narrow place.

        Parameters
        ----------
        or_time
            Whether a time of today is the time of day instead.

        Example
        -------
        >>> clock = Clock(zone=UTC, now=datetime(2026, 11, 3, tzinfo=UTC))
        >>> clock.short_day(datetime(2026, 11, 3, 9, 5, tzinfo=UTC))
        '3 Nov 2026'
        >>> clock.short_day(datetime(2026, 11, 3, 9, 5, tzinfo=UTC), or_time=True)
        '09:05'
        """
        local = self.local(time)
        # A later day means that a clock was set back.
        if or_time and local.date() >= self.local(self.now).date():
            return f"{local:%H:%M}"
        return f"{local.day} {local:%b} {local.year}"

    def day(self, time: datetime) -> str:
        """Return the date."""
        local = self.local(time)
        return f"{local.day} {local:%B} {local.year}"


def viewer_clock() -> Clock:
    """Return the clock for the viewer of this request."""
    zone = _find_zone(request.cookies.get(ZONE_COOKIE, ""))
    return Clock(zone=zone or settings().zone, now=datetime.now(UTC))


@lru_cache(maxsize=128)
def _find_zone(name: str) -> ZoneInfo | None:
    """Return a time zone that this machine knows, or ``None``."""
    if not _ZONE.fullmatch(name):
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # unknown, or a folder of zones
        return None
