"""The selector."""

from __future__ import annotations

from flask import Blueprint, render_template

from webapp.accounts.guard import login_needed
from webapp.profiles.offer import top_bar
from webapp.web.htmx import wants_fragment

blueprint = Blueprint("profiles", __name__)


@blueprint.get("/profiles")
@login_needed
def selector() -> str:
    """Show what can be picked now: the selector for htmx, else a page to read and pick from."""
    template = "profiles/_selector.html" if wants_fragment() else "profiles/page.html"
    return render_template(template, **top_bar())
