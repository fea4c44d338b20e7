"""Logs, once each, what a profile overrides by a name of Chainlit's that changes nothing here."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from webapp.authoring.overrides.config_overrides import ChainlitConfigOverrides, list_unused
from webapp.authoring.profiles.profile import ChatProfile
from webapp.site import this_app
from webapp.web.log import log_event

EXTENSION = "unused_overrides"
# An app may make a profile for each user. A hint for its author need not cover all of them.
MOST_TOLD = 1_000
HINT = "docs/authoring.md says what config_overrides changes; leave the others out"


def log_unused_overrides(profiles: Iterable[ChatProfile]) -> None:
    """Log each name of ``config_overrides`` that changes nothing."""
    for profile in profiles:
        overrides = profile.config_overrides
        if not isinstance(overrides, ChainlitConfigOverrides):
            continue
        told: set[str] = this_app().extensions.setdefault(EXTENSION, set())
        names = [name for name in list_unused(overrides) if name not in told]
        if names and len(told) < MOST_TOLD:
            told.update(names)
            log_event(
                "config_overrides.unused",
                level=logging.WARNING,
                names=", ".join(names),
                profile=profile.name,
                hint=HINT,
            )
