"""What can go wrong between the engine and what it is given."""

from __future__ import annotations


class StoreUnavailableError(Exception):
    """The store cannot be reached at the moment. Nothing was stored."""
