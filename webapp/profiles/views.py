"""The selector."""

from __future__ import annotations

from flask import Blueprint, render_template

from webapp.accounts.guard import login_needed
from webapp.profiles.offer import chosen_name, offered_profiles
from webapp.web.htmx import wants_fragment

blueprint = Blueprint("profiles", __name__)


@blueprint.get("/profiles")
@login_needed
def selector() -> str:
    """Show what can be picked now: the selector for htmx, else a page to read and pick from."""
    offer = offered_profiles()
    return render_template(
        "profiles/_selector.html" if wants_fragment() else "profiles/page.html",
        offer=offer,
        current=offer.default(chosen_name()),
    )
