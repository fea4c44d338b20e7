"""`config` of Chainlit, as far as an app file may set it: what the site is called."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from webapp.authoring.errors import MisuseError
from webapp.authoring.loading.app_file import app_being_loaded
from webapp.authoring.loading.config_file import DESCRIPTION_LIMIT, NAME_LIMIT
from webapp.authoring.loading.missing_names import (
    CONFIG_NOT_YET,
    CONFIG_UI_NOT_YET,
    missing_name,
)
from webapp.authoring.loading.site_text import one_line


class SiteName:
    """The name and the description of the site. Set them at the top level of the app file."""

    __slots__ = ()

    @property
    def name(self) -> str:
        """The name of the site, if the app file has set it."""
        return app_being_loaded("config.ui.name").site_name

    @name.setter
    def name(self, name: str) -> None:
        app_being_loaded("config.ui.name").site_name = _read("name", name, NAME_LIMIT)

    @property
    def description(self) -> str:
        """What search engines are told of the site, if the app file has set it."""
        return app_being_loaded("config.ui.description").site_description

    @description.setter
    def description(self, text: str) -> None:
        app = app_being_loaded("config.ui.description")
        app.site_description = _read("description", text, DESCRIPTION_LIMIT)

    if not TYPE_CHECKING:  # or a type checker would accept every name

        def __getattr__(self, name: str) -> NoReturn:
            """Explain what to use instead of a name that does not exist."""
            raise missing_name("config.ui", name, ("name", "description"), CONFIG_UI_NOT_YET)


class AppConfig:
    """What an app file sets of its site.

    Example
    -------
    ::

        from chat_profiles.config import config

        config.ui.name = "Legal desk"
    """

    __slots__ = ()

    @property
    def ui(self) -> SiteName:
        """The name and the description of the site."""
        return SiteName()

    if not TYPE_CHECKING:  # or a type checker would accept every name

        def __getattr__(self, name: str) -> NoReturn:
            """Explain what to use instead of a name that does not exist."""
            raise missing_name("config", name, ("ui",), CONFIG_NOT_YET)


def _read(what: str, text: object, limit: int) -> str:
    if not isinstance(text, str):
        raise MisuseError(f"config.ui.{what} must be a text, not {text!r:.80}.")
    return one_line(text, limit)


config = AppConfig()
