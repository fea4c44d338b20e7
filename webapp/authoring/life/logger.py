"""`logger`: the log of the site, for an app file."""

from __future__ import annotations

import logging

# A child of the logger of the site. What an app logs goes where the events go.
logger = logging.getLogger("webapp.app")
