"""The looks of a site: what its author has put beside the app file, read once at the start."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass, field

from flask import Flask, request
from flask.globals import app_ctx

from webapp.authoring.loading.app_file import ChatApp
from webapp.branding.colours import read_colours
from webapp.branding.pictures import avatar_key, find_avatars, find_picture
from webapp.branding.readme import read_readmes
from webapp.web.log import log_event

LOOKS = "looks"
# The logo takes the place of the initial. These rules are in the stylesheet of sites with a logo.
_LOGO_RULES = (
    ".logo{display:block;flex:none}.logo img{display:block;inline-size:auto;"
    "max-inline-size:min(12rem,60vw);block-size:1.75rem;object-fit:contain}"
    ".greeting .logo img,.card .logo img{block-size:3.5rem}\n"
)


@dataclass(frozen=True, kw_only=True)
class Logo:
    """The addresses of a logo below the site, for light and for dark pages."""

    light: str
    dark: str


@dataclass(frozen=True, kw_only=True)
class Looks:
    """What an author has put beside the app file. Most sites have none of it."""

    description: str = ""
    favicon: str | None = None
    logo: Logo | None = None
    # Our tokens, and a file of the author that comes after them.
    styles: str = ""
    stylesheet: str = ""
    avatars: dict[str, str] = field(default_factory=dict)
    readmes: dict[str, str] = field(default_factory=dict)
    # A line for each file, or value in it, that has no effect.
    problems: tuple[str, ...] = ()

    @property
    def version(self) -> str:
        """Return what changes with the styles."""
        return hashlib.sha256(self.styles.encode()).hexdigest()[:12]

    def find_avatar(self, *names: str) -> str | None:
        """Return the address of the picture of an author with one of these names."""
        if not self.avatars:
            return None
        return next(filter(None, map(self.avatars.get, map(avatar_key, names))), None)


def read_looks(chat_app: ChatApp) -> Looks:
    """Return the looks of a site. Nothing in these files can keep it from starting."""
    folder, public = chat_app.folder, chat_app.public_folder
    if folder is None:
        return Looks()
    styles, of_colours = read_colours(folder)
    readmes, of_readmes = read_readmes(folder)
    light, dark = find_picture(public, "logo_light"), find_picture(public, "logo_dark")
    logo = Logo(light=light or dark or "", dark=dark or light or "") if light or dark else None
    # What Chainlit's file of settings asks for. Rules of a profile outweigh these.
    config = chat_app.config
    if config.theme:
        styles += f":root{{color-scheme:{config.theme}}}\n"
    if config.layout == "wide":
        styles += "#chat:not([data-layout=default]){--column:72rem}\n"
    return Looks(
        description=chat_app.config.description,
        favicon=find_picture(public, "favicon"),
        logo=logo,
        styles=styles + (_LOGO_RULES if logo else ""),
        stylesheet=chat_app.config.stylesheet,
        avatars=find_avatars(public),
        readmes=readmes,
        problems=(*chat_app.config.problems, *of_colours, *of_readmes),
    )


def set_up_looks(app: Flask, chat_app: ChatApp) -> None:
    """Keep the looks in ``app``, give them to its templates, and log what is wrong with them."""
    found = read_looks(chat_app)
    app.extensions[LOOKS] = found
    app.jinja_env.globals.update(
        looks=found,
        # Below the address of the request, also on error pages, where `url_for` may fail.
        below_site=lambda path: f"{request.script_root}{path}",
    )
    for line in found.problems:
        log_event("looks.problem", level=logging.WARNING, problem=line)


def looks() -> Looks:
    """Return the looks of this site."""
    found: Looks = app_ctx.app.extensions[LOOKS]
    return found
