"""The forms and buttons in the templates of an app's own elements."""

from __future__ import annotations

# What the names of their fields begin with when they are sent, so that none is one of ours.
FIELD_PREFIX = "form."
