"""What an app has set in Chainlit's `.chainlit/config.toml`, as far as it means something here."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from webapp.authoring.errors import MisuseError
from webapp.authoring.loading.site_text import SiteTextError, one_line, read_site_text
from webapp.authoring.overrides.config_overrides import LAYOUTS, THEMES, Cot
from webapp.authoring.uploads.uploads import Uploads

FILE = ".chainlit/config.toml"
BYTES_READ = 200_000
NAME_LIMIT, DESCRIPTION_LIMIT, PATH_LIMIT = 100, 500, 200
_STYLESHEET = re.compile(r"/public/(?:[\w-]+/)*[\w.-]+\.css", re.ASCII)
_KEY = re.compile(r"[A-Za-z_][\w-]{0,99}", re.ASCII)
MOST_KEYS = 20
EDITING = "features.edit_message"
_THEME = "use public/theme.css; see docs/themes.md"
_SETTING = "a setting of the site says that; see docs/hosting.md"
# What has no effect here: the value that Chainlit writes into each new file, and what to do.
_WITHOUT_EFFECT: dict[str, tuple[object, str]] = {
    "project.persist_user_env": (False, "the browser of a user keeps the keys"),
    "project.session_timeout": (3600, "a chat can always be resumed"),
    "project.user_session_timeout": (1296000, _SETTING),
    "project.cache": (False, "use @cache"),
    "project.allow_origins": (["*"], "other sites cannot call this one"),
    "features.unsafe_allow_html": (False, "HTML of messages is never shown as HTML"),
    "features.latex": (False, "formulas are always shown"),
    "features.user_message_markdown": (True, "what a user types is shown as it was typed"),
    "features.auto_tag_thread": (True, "each chat knows its profile"),
    "features.allow_thread_sharing": (False, _SETTING),
    "features.favorites": (False, "a chat can be pinned"),
    "features.audio.enabled": (False, "an app cannot listen or speak"),
    "features.mcp.enabled": (False, "use chat_profiles.integrations.mcp"),
    "features.mcp.servers": ([], "use chat_profiles.integrations.mcp"),
    "UI.language": (None, "the language of the page is English"),
    "UI.default_chat_settings_open": (False, "a user opens the settings"),
    "UI.default_sidebar_state": (None, "a user folds the list of chats"),
    "UI.custom_js": (None, "pages run no scripts of yours"),
    "UI.login_page_image": (None, _THEME),
    "UI.custom_meta_url": (None, "leave it out"),
    "UI.custom_meta_image_url": (None, "leave it out"),
    "UI.logo_file_url": ("", "put public/logo_light.png and public/logo_dark.png there"),
    "UI.default_avatar_file_url": ("", "put public/avatars/NAME.png there"),
    "UI.custom_build": (None, _THEME),
    "UI.header_links": ([], "put the links into chainlit.md"),
}


@dataclass(frozen=True, kw_only=True)
class ConfigFile:
    """The settings of the file that have an effect here."""

    name: str = ""
    description: str = ""
    # A stylesheet in the folder `public`.
    stylesheet: str = ""
    cot: Cot | None = None
    # "light" or "dark" pages, and "wide" chats, where a profile does not say something else.
    theme: str = ""
    layout: str = ""
    allows_editing: bool = True
    uploads: Uploads | None = None
    # The names of what each user is asked for, such as a key of a model.
    user_keys: tuple[str, ...] = ()
    # What is wrong with it, and what has no effect here. A line each.
    problems: tuple[str, ...] = ()
    without_effect: tuple[str, ...] = ()


@dataclass
class _Reader:
    """The tables of the file. A value of the wrong type is a problem, and counts as missing."""

    tables: Mapping[str, Any]
    problems: list[str] = field(default_factory=list)

    def find(self, key: str) -> Any:
        value: Any = self.tables
        for part in key.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        return value

    def read_text(self, key: str, limit: int) -> str:
        value = self.find(key)
        if value is not None and not isinstance(value, str):
            self.refuse(key, f"must be a text, not {value!r:.60}")
            return ""
        return one_line(value or "", limit)

    def refuse(self, key: str, reason: str) -> None:
        table, _, name = key.rpartition(".")
        self.problems.append(f"{FILE}: [{table}] {name} {reason}.")


def read_config_file(folder: Path) -> ConfigFile:
    """Return what ``.chainlit/config.toml`` in ``folder`` says. A file with a fault has no effect,
    and its fault is among the problems."""
    try:
        text = read_site_text(folder / FILE, BYTES_READ)
        tables = tomllib.loads(text) if text else {}
    except SiteTextError as error:
        return ConfigFile(problems=(f"{FILE} {error}, so it is not used.",))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        reason = one_line(str(error), 200) or "it is nested too deeply"
        return ConfigFile(problems=(f"{FILE} is not TOML, so it is not used: {reason}.",))
    if not tables:
        return ConfigFile()
    reader = _Reader(tables)
    given = reader.find("UI.cot")
    cot: Cot | None = next((each for each in get_args(Cot) if each == given), None)
    if cot is None and given is not None:
        reader.refuse("UI.cot", f'must be "full", "tool_call" or "hidden", not {str(given)!r:.60}')
    lines = []
    for key, (written, instead) in _WITHOUT_EFFECT.items():
        value = reader.find(key)
        if value is not None and value != written:
            table, _, name = key.rpartition(".")
            lines.append(f"{FILE}: [{table}] {name} has no effect here: {instead}.")
    editing = reader.find(EDITING)
    if not isinstance(editing, bool | None):
        reader.refuse(EDITING, f"must be true or false, not {editing!r:.60}")
    return ConfigFile(
        name=reader.read_text("UI.name", NAME_LIMIT),
        description=reader.read_text("UI.description", DESCRIPTION_LIMIT),
        stylesheet=_read_stylesheet(reader, folder),
        cot=cot,
        theme=_read_choice(reader, "UI.default_theme", THEMES),
        layout=_read_choice(reader, "UI.layout", LAYOUTS),
        allows_editing=editing is not False,
        uploads=_read_uploads(reader),
        user_keys=_read_user_keys(reader),
        problems=tuple(reader.problems),
        without_effect=tuple(lines),
    )


def _read_stylesheet(reader: _Reader, folder: Path) -> str:
    key = "UI.custom_css"
    address = reader.read_text(key, PATH_LIMIT)
    if address and not _STYLESHEET.fullmatch(address):
        example = 'such as "/public/site.css"'
        reader.refuse(key, f"must be a file in public, {example}, not {address!r:.60}")
        return ""
    if address and not (folder / address[1:]).is_file():
        advice = f"put the file into {folder / 'public'}, or take the line out"
        reader.refuse(key, f"names {address}, which is not there: {advice}")
    return address


def _read_choice(reader: _Reader, key: str, choices: tuple[str, ...]) -> str:
    text = reader.read_text(key, PATH_LIMIT)
    if text and text not in choices:
        names = " or ".join(f'"{name}"' for name in choices)
        reader.refuse(key, f"must be {names}, not {text!r:.60}")
        return ""
    return text


def _read_uploads(reader: _Reader) -> Uploads | None:
    key = "features.spontaneous_file_upload"
    given = reader.find(key)
    if not isinstance(given, dict | None):
        reader.refuse(key, f"must be a table with enabled = true, not {given!r:.60}")
        return None
    enabled = (given or {}).get("enabled")
    if not isinstance(enabled, bool | None):
        reader.refuse(f"{key}.enabled", f"must be true or false, not {enabled!r:.60}")
    if not given or enabled is not True:
        return None
    accept = given.get("accept")
    try:
        return Uploads(
            accept=None if accept in (None, ["*/*"]) else accept,
            max_files=given.get("max_files"),
            max_megabytes=given.get("max_size_mb"),
        )
    except (MisuseError, TypeError) as error:
        reader.refuse(key, f"is not used: {one_line(str(error), 200).rstrip('.')}")
        return None


def _read_user_keys(reader: _Reader) -> tuple[str, ...]:
    key = "project.user_env"
    names = reader.find(key)
    if names is None:
        return ()
    if not isinstance(names, list):
        reader.refuse(key, 'must be a list of names, such as ["OPENAI_API_KEY"]')
        return ()
    strange = [name for name in names if not (isinstance(name, str) and _KEY.fullmatch(name))]
    if strange:
        reader.refuse(
            key,
            f"has the name {strange[0]!r:.60}, which cannot be used: a name has 1 to 100 letters "
            "without accents, digits, underscores and dashes, and begins with a letter or an "
            "underscore, such as OPENAI_API_KEY",
        )
        return ()
    if len(names) > MOST_KEYS:
        reader.refuse(key, f"has {len(names)} names, of which at most {MOST_KEYS} can be asked for")
        return ()
    return tuple(dict.fromkeys(names))
