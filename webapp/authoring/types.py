"""The values that an app file makes. Objects that an app pickled earlier name their class here."""

from __future__ import annotations

from webapp.authoring.profiles.profile import ChatProfile
from webapp.authoring.profiles.starters import Starter, StarterCategory
from webapp.authoring.uploads.uploads import Uploads
from webapp.authoring.users.user import PersistedUser, User

__all__ = ["ChatProfile", "PersistedUser", "Starter", "StarterCategory", "Uploads", "User"]
