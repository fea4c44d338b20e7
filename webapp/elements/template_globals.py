"""What the templates of elements call."""

from __future__ import annotations

from flask import Flask

from webapp.elements.frames.frame_answers import plotly_version
from webapp.elements.tables.table_view import first_table_view


def set_up_elements(app: Flask) -> None:
    """Give the templates of ``app`` what those of elements call."""
    app.jinja_env.globals.update(first_table_view=first_table_view, plotly_version=plotly_version)
