"""`ChainlitConfigOverrides`: what a profile changes of the site, by Chainlit's names.

All names of Chainlit are taken, also those that have no meaning here, so that an app can move over.
`list_unused` tells which of them change nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Literal

from webapp.authoring.errors import MisuseError

# Which steps users see: all, only those of type "tool", or none.
Cot = Literal["full", "tool_call", "hidden"]

# What changes something here, beside `features.spontaneous_file_upload`.
USED = frozenset(
    {
        *("ui.name", "ui.description", "ui.cot", "ui.default_theme", "ui.layout"),
        "features.edit_message",
    }
)
UPLOADS = "features.spontaneous_file_upload"
USED_OF_UPLOADS = frozenset({"enabled", "accept", "max_files", "max_size_mb"})
# What is so anyway. With another value, the name counts as unused.
ALWAYS_SO: Mapping[str, object] = {
    "features.latex": True,
    "features.user_message_markdown": True,
    "features.unsafe_allow_html": False,
    "features.auto_tag_thread": False,
    "features.favorites": False,
    "features.mcp.enabled": False,
    "features.audio.enabled": False,
    "ui.confirm_new_chat": False,
}
# A style sheet changes something if it is a file of the app. Others would be of another origin.
STYLESHEET = "ui.custom_css"
PUBLIC = "/public/"
THEMES = ("light", "dark")
LAYOUTS = ("default", "wide")


class ConfigSection:
    """Some settings by their names. Those that were not given are ``None``.

    A dict counts as the section that Chainlit has in its place. Names that nobody knows are kept as
    well: Chainlit ignores them.
    """

    _sections: ClassVar[Mapping[str, type[ConfigSection]]] = {}

    def __init__(self, **values: Any) -> None:
        for name, value in values.items():
            section = self._sections.get(name)
            given = (
                section(**value) if section is not None and isinstance(value, Mapping) else value
            )
            setattr(self, name, given)

    def __repr__(self) -> str:
        given = ", ".join(f"{name}={value!r}" for name, value in vars(self).items())
        return f"{type(self).__name__}({given})"

    def flatten(self, prefix: str = "") -> Iterator[tuple[str, object]]:
        """Yield each name with dots, such as ``ui.name``, and its value."""
        for name, value in vars(self).items():
            if isinstance(value, ConfigSection):
                yield from value.flatten(f"{prefix}{name}.")
            elif value is not None:
                yield f"{prefix}{name}", value


class SpontaneousFileUploadFeature(ConfigSection):
    """Which files users may attach, as `Uploads` says."""

    enabled: bool | None = None
    accept: list[str] | dict[str, list[str]] | None = None
    max_files: int | None = None
    max_size_mb: float | None = None


class AudioFeature(ConfigSection):
    """Sound, which an app cannot take here."""

    enabled: bool | None = None
    sample_rate: int | None = None


class StdioMcpServer(ConfigSection):
    """A server of tools that is a program."""

    name: str | None = None
    type: str | None = None
    command: str | None = None
    env: dict[str, str] | None = None


class SseMcpServer(ConfigSection):
    """A server of tools at an address."""

    name: str | None = None
    type: str | None = None
    url: str | None = None
    headers: dict[str, str] | None = None


class StreamableHttpMcpServer(SseMcpServer):
    """A server of tools at an address."""


class McpUserServersFeature(ConfigSection):
    """Servers of tools that users bring along, which they cannot here."""

    enabled: bool | None = None
    allowed_urls: list[str] | None = None


class McpFeature(ConfigSection):
    """Servers of tools. Here the admin lists them."""

    enabled: bool | None = None
    servers: list[Any] | None = None
    user_servers: McpUserServersFeature | None = None

    _sections: ClassVar = {"user_servers": McpUserServersFeature}


class SlackFeature(ConfigSection):
    """Messages by Slack, which do not reach an app here."""

    reaction_on_message_received: bool | None = None


class FeaturesSettings(ConfigSection):
    """What users can do."""

    spontaneous_file_upload: SpontaneousFileUploadFeature | None = None
    audio: AudioFeature | None = None
    mcp: McpFeature | None = None
    slack: SlackFeature | None = None
    latex: bool | None = None
    user_message_markdown: bool | None = None
    user_message_autoscroll: bool | None = None
    assistant_message_autoscroll: bool | None = None
    unsafe_allow_html: bool | None = None
    auto_tag_thread: bool | None = None
    edit_message: bool | None = None
    allow_thread_sharing: bool | None = None
    favorites: bool | None = None

    _sections: ClassVar = {
        "spontaneous_file_upload": SpontaneousFileUploadFeature,
        "audio": AudioFeature,
        "mcp": McpFeature,
        "slack": SlackFeature,
    }


class HeaderLink(ConfigSection):
    """A link in the top bar, which has none here."""

    name: str | None = None
    icon_url: str | None = None
    url: str | None = None
    display_name: str | None = None
    target: str | None = None


class UISettings(ConfigSection):
    """How a page looks, and which steps it shows."""

    name: str | None = None
    description: str | None = None
    cot: str | None = None
    default_theme: str | None = None
    language: str | None = None
    layout: str | None = None
    default_sidebar_state: str | None = None
    chat_settings_location: str | None = None
    default_chat_settings_open: bool | None = None
    confirm_new_chat: bool | None = None
    github: str | None = None
    custom_css: str | None = None
    custom_css_attributes: str | None = None
    custom_js: str | None = None
    custom_js_attributes: str | None = None
    alert_style: str | None = None
    login_page_image: str | None = None
    login_page_image_filter: str | None = None
    login_page_image_dark_filter: str | None = None
    custom_meta_url: str | None = None
    custom_meta_image_url: str | None = None
    logo_file_url: str | None = None
    default_avatar_file_url: str | None = None
    avatar_size: int | None = None
    custom_build: str | None = None
    header_links: list[HeaderLink] | None = None


class ProjectSettings(ConfigSection):
    """How a site is run. Here the admin says so, by ``WEBAPP_`` variables, for all profiles."""

    allow_origins: list[str] | None = None
    transports: list[str] | None = None
    user_env: list[str] | None = None
    lc_cache_path: str | None = None
    session_timeout: int | None = None
    user_session_timeout: int | None = None
    cache: bool | None = None
    persist_user_env: bool | None = None
    mask_user_env: bool | None = None


class ChainlitConfigOverrides(ConfigSection):
    """What a profile changes: ``ChatProfile(config_overrides=...)``.

    Parameters
    ----------
    ui:
        A `UISettings`: the name and the description of the site, its colours, the width of the
        chat, and which steps are shown.
    features:
        A `FeaturesSettings`: whether users may attach files, and edit what they have written.
    project:
        A `ProjectSettings`. It changes nothing here.

    Example
    -------
    >>> ChainlitConfigOverrides(ui=UISettings(name="Legal desk")).ui.name
    'Legal desk'
    """

    ui: UISettings | None = None
    features: FeaturesSettings | None = None
    project: ProjectSettings | None = None

    _sections: ClassVar = {
        "ui": UISettings,
        "features": FeaturesSettings,
        "project": ProjectSettings,
    }


def read_overrides(profile: str, given: object) -> ChainlitConfigOverrides | None:
    """Return the overrides of a profile, of an object or a dict.

    Raises
    ------
    MisuseError
        They are something else, or a value cannot be.
    """
    if given is None:
        return None
    where = f"ChatProfile {profile[:40]!r}: config_overrides"
    if isinstance(given, Mapping):
        given = ChainlitConfigOverrides(**given)
    if not isinstance(given, ChainlitConfigOverrides):
        days = f" Write keep_days={given}." if isinstance(given, int) else ""
        raise MisuseError(
            f"{where}, the seventh argument, must be a ChainlitConfigOverrides of "
            f"chat_profiles.config, a dict or None.{days}"
        )
    for name, kind in given._sections.items():
        section = getattr(given, name)
        if section is not None and not isinstance(section, kind):
            raise MisuseError(f"{where}.{name} must be {kind.__name__}, a dict or None.")
    _refuse_values(where, dict(given.flatten()))
    return given


def _refuse_values(where: str, values: Mapping[str, object]) -> None:
    if values.get("features.unsafe_allow_html"):
        raise MisuseError(
            f"{where}.features.unsafe_allow_html is refused: what a model writes must not become "
            "HTML of the page. Leave it out, and show HTML of your own with a CustomElement."
        )
    for name in ("ui.name", "ui.description", STYLESHEET):
        if not isinstance(values.get(name, ""), str):
            raise MisuseError(f"{where}.{name} must be text.")
    for name, choices in (("ui.default_theme", THEMES), ("ui.layout", LAYOUTS)):
        if values.get(name) not in (None, *choices):
            raise MisuseError(f'{where}.{name} must be "{choices[0]}", "{choices[1]}" or None.')
    if not isinstance(values.get("features.edit_message", False), bool):
        raise MisuseError(f"{where}.features.edit_message must be True or False.")


def list_unused(overrides: ChainlitConfigOverrides) -> list[str]:
    """Return the names, such as ``ui.github``, that change nothing here."""
    return [
        name
        for name, value in overrides.flatten()
        if name not in USED
        and not (name == STYLESHEET and str(value).startswith(PUBLIC))
        and not (name.startswith(f"{UPLOADS}.") and name.rpartition(".")[2] in USED_OF_UPLOADS)
        and not (name in ALWAYS_SO and ALWAYS_SO[name] == value)
    ]
