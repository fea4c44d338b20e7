"""The blueprint that the two modules of views about accounts share."""

from __future__ import annotations

from flask import Blueprint

blueprint = Blueprint("accounts", __name__)
