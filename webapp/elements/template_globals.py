"""What the templates of elements call."""

from __future__ import annotations

from functools import partial

from flask import Flask

from webapp.authoring.loading.app_file import ChatApp
from webapp.elements.custom_html import custom_html, form_html
from webapp.elements.frames.frame_answers import plotly_version
from webapp.elements.tables.table_view import first_table_view
from webapp.profiles.missing_files import EXTENSION, MissingFiles


def set_up_elements(app: Flask, chat_app: ChatApp) -> None:
    """Give the templates of ``app`` what those of elements call."""
    missing: MissingFiles = app.extensions[EXTENSION]
    app.jinja_env.globals.update(
        custom_html=partial(custom_html, chat_app.folder, missing=missing),
        form_html=partial(form_html, chat_app.folder, missing=missing),
        first_table_view=first_table_view,
        plotly_version=plotly_version,
    )
