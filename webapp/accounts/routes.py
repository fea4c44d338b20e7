"""What the views about accounts hang on: they are two modules, and their addresses one family."""

from __future__ import annotations

from flask import Blueprint

blueprint = Blueprint("accounts", __name__)
