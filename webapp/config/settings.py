"""Settings from the environment, typed; an unsafe production is refused in clear lines."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from webapp.config.reading import OBJECT_STORAGE, SettingsReader
from webapp.config.safety import (
    ALSO_ANOTHER,
    find_proxy_secret_problems,
    find_secret_problems,
    find_switch_problems,
)
from webapp.config.secret_file import instance_folder, read_or_make_secret
from webapp.config.startup_error import StartupError

LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "[::1]")
DRIVERS = ("sqlite", "sqlite+pysqlite", "postgresql", "postgresql+psycopg")
# Arguments of psycopg that are no options of a connection, and no text.
DRIVER_ARGUMENTS = ("autocommit", "context", "cursor_factory", "prepare_threshold", "row_factory")
STREAMING_MODES = ("auto", "sse", "poll", "inline")
STARTER_MODES = ("send", "fill")
SYNCHRONOUS_MODES = ("FULL", "NORMAL")
MOST_FILE_BYTES = 10 * 1024 * 1024 * 1024
MOST_FILES_PER_MESSAGE = 100
MOST_BYTES_PER_USER = 100 * 1024 * MOST_FILE_BYTES
LOG_LEVELS = ("INFO", "DEBUG", "WARNING", "ERROR")
PROXY_SECRET_HEADER = "X-Proxy-Secret"  # noqa: S105 - its name, not its value


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that can be set from outside; `from_environment` reads the ``WEBAPP_`` names."""

    chat: str | None = None
    secret_key: str = ""
    secret_key_fallbacks: tuple[str, ...] = ()
    database_url: str = ""
    database_pool: int = 5
    database_timeout: float = 5.0
    trusted_hosts: tuple[str, ...] = ()
    proxy_hops: int = 0
    proxy_secret: str = ""
    proxy_addresses: tuple[str, ...] = ()
    insecure_cookies: bool = False
    cookie_name: str = "session"
    streaming: str = "auto"
    site_name: str = ""
    chat_start_seconds: float = 30.0
    callback_seconds: float = 30.0
    turn_seconds: float = 600.0
    turn_idle_seconds: float = 120.0
    turns_per_user: int = 5
    turns_per_address: int = 20
    starts_per_address: int = 100
    messages_per_address: int = 1_000
    imports_per_hour: int = 20
    max_streams: int | None = None
    shutdown_seconds: float = 20.0
    chat_idle_minutes: float = 60.0
    frame_ancestors: tuple[str, ...] = ()
    object_chats: int = 1_000
    object_idle_minutes: float = 24 * 60.0
    timezone: str = "UTC"
    starters: str = "send"
    message_bytes: int = 256 * 1024
    files_url: str = ""
    file_bytes: int = 25 * 1024 * 1024
    files_sendfile: str = ""
    files_per_message: int = 10
    file_bytes_per_user: int = 1024 * 1024 * 1024
    file_bytes_per_address: int = 1024 * 1024 * 1024
    sharing: bool = False
    api: bool = False
    mcp_servers: str = ""
    session_idle_hours: float = 24.0
    session_hours: float = 24.0 * 14
    password_min_length: int = 8
    audit_days: int = 90
    sqlite_synchronous: str = "FULL"
    log_level: str = "INFO"
    production: bool = True
    flask: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_environment(
        cls, overrides: Mapping[str, Any] | None = None, environ: Mapping[str, str] = os.environ
    ) -> Settings:
        """Read the ``WEBAPP_`` variables. ``overrides`` has the same names and wins.

        Names in ``overrides`` that do not start with ``WEBAPP_`` are given to Flask as they are.

        Raises
        ------
        StartupError
            When values are not valid. There is a line for each, which names the variable.
        """
        settings, problems = cls.read(overrides, environ)
        if problems:
            raise StartupError(*problems.values())
        return settings

    @classmethod
    def read(
        cls, overrides: Mapping[str, Any] | None = None, environ: Mapping[str, str] = os.environ
    ) -> tuple[Settings, dict[str, str]]:
        """Return the settings, and a line for each variable whose value is not valid.

        In the place of such a value, the settings have the default.
        """
        given = dict(overrides or {})
        flask = {name: given.pop(name) for name in list(given) if not name.startswith("WEBAPP_")}
        values = {k: v for k, v in environ.items() if k.startswith("WEBAPP_")} | given
        read = SettingsReader(values)
        settings = cls(
            chat=read.value("WEBAPP_CHAT") or None,
            secret_key=read.text("WEBAPP_SECRET_KEY"),
            secret_key_fallbacks=read.names("WEBAPP_SECRET_KEY_FALLBACKS"),
            database_url=read.text("WEBAPP_DATABASE_URL"),
            database_pool=read.whole("WEBAPP_DATABASE_POOL", cls.database_pool, 1, 100),
            database_timeout=read.seconds("WEBAPP_DATABASE_TIMEOUT", cls.database_timeout),
            trusted_hosts=read.hosts("WEBAPP_TRUSTED_HOSTS"),
            proxy_hops=read.whole("WEBAPP_PROXY_HOPS", cls.proxy_hops, 0, 10),
            proxy_secret=read.text("WEBAPP_PROXY_SECRET"),
            proxy_addresses=read.networks("WEBAPP_PROXY_ADDRESSES"),
            insecure_cookies=read.yes_or_no("WEBAPP_INSECURE_COOKIES"),
            cookie_name=read.cookie_name("WEBAPP_COOKIE_NAME", cls.cookie_name),
            streaming=read.one_of("WEBAPP_STREAMING", STREAMING_MODES),
            site_name=read.text("WEBAPP_SITE_NAME"),
            chat_start_seconds=read.seconds("WEBAPP_CHAT_START_SECONDS", cls.chat_start_seconds),
            callback_seconds=read.seconds("WEBAPP_CALLBACK_SECONDS", cls.callback_seconds),
            turn_seconds=read.seconds("WEBAPP_TURN_SECONDS", cls.turn_seconds),
            turn_idle_seconds=read.seconds("WEBAPP_TURN_IDLE_SECONDS", cls.turn_idle_seconds),
            max_streams=read.whole_or_none("WEBAPP_MAX_STREAMS", 0, 10_000),
            shutdown_seconds=read.seconds("WEBAPP_SHUTDOWN_SECONDS", cls.shutdown_seconds),
            chat_idle_minutes=read.seconds("WEBAPP_CHAT_IDLE_MINUTES", cls.chat_idle_minutes),
            frame_ancestors=read.origins("WEBAPP_FRAME_ANCESTORS"),
            object_chats=read.whole("WEBAPP_OBJECT_CHATS", cls.object_chats, 1, 1_000_000),
            object_idle_minutes=read.seconds("WEBAPP_OBJECT_IDLE_MINUTES", cls.object_idle_minutes),
            timezone=read.zone("WEBAPP_TIMEZONE"),
            starters=read.one_of("WEBAPP_STARTERS", STARTER_MODES),
            sharing=read.yes_or_no("WEBAPP_SHARING"),
            api=read.yes_or_no("WEBAPP_API"),
            mcp_servers=read.json_file("WEBAPP_MCP_SERVERS"),
            session_idle_hours=read.seconds("WEBAPP_SESSION_IDLE_HOURS", cls.session_idle_hours),
            session_hours=read.seconds("WEBAPP_SESSION_HOURS", cls.session_hours),
            password_min_length=read.whole("WEBAPP_PASSWORD_MIN_LENGTH", 8, 8, 64),
            audit_days=read.whole("WEBAPP_AUDIT_DAYS", cls.audit_days, 1, 36_500),
            sqlite_synchronous=read.one_of("WEBAPP_SQLITE_SYNCHRONOUS", SYNCHRONOUS_MODES),
            log_level=read.one_of("WEBAPP_LOG_LEVEL", LOG_LEVELS, any_case=True),
            **_read_limits(read),
            flask=flask,
        )
        read.refuse_unknown_names(given)
        return settings, read.problems

    def for_development(self, hosts: tuple[str, ...]) -> Settings:
        """Return the settings of ``chat-profiles run``: plain HTTP on ``hosts``, a kept secret."""
        return replace(
            self,
            production=False,
            insecure_cookies=True,
            trusted_hosts=self.trusted_hosts or hosts,
            secret_key=self.secret_key or read_or_make_secret(instance_folder()),
        )

    @property
    def zone(self) -> ZoneInfo:
        """Return the time zone in which the days of this site begin."""
        return ZoneInfo(self.timezone)

    @property
    def url(self) -> URL:
        """Return the address of the database: SQLite in ``instance/`` unless a URL is set."""
        # Made of parts: in a URL, a folder called 100% or a#b would be read as something else.
        default = URL.create("sqlite", database=str(instance_folder() / "chat.sqlite3"))
        url = _read_url(self.database_url) if self.database_url else default
        if url.drivername == "postgres":  # what hosting providers hand out
            url = url.set(drivername="postgresql")
        if url.drivername not in DRIVERS:
            raise StartupError("WEBAPP_DATABASE_URL must be a sqlite:// or postgresql:// URL.")
        file = url.database or ""
        if url.get_backend_name() == "sqlite" and (
            url.host or not file or file.startswith((":memory:", "file:"))
        ):
            raise StartupError(
                "WEBAPP_DATABASE_URL must name a file, as sqlite:////path/chat.sqlite3 does, with "
                "four slashes: a database in memory would be lost with its process."
            )
        is_file = url.get_backend_name() == "sqlite"
        if strange := [name for name in url.query if is_file or name in DRIVER_ARGUMENTS]:
            raise StartupError(
                f"WEBAPP_DATABASE_URL has an option that cannot be set there: {strange[0]}. "
                "Remove it from the end of the URL."
            )
        # SQLAlchemy 2.0 takes psycopg2 for a bare postgresql://, 2.1 psycopg 3, which is our extra.
        is_plain = url.drivername == "postgresql"
        return url.set(drivername="postgresql+psycopg") if is_plain else url

    @property
    def files_folder(self) -> Path | None:
        """Return the folder that holds the files of chats; ``None`` if object storage does."""
        if self.files_url.startswith(OBJECT_STORAGE):
            return None
        return Path(self.files_url).absolute() if self.files_url else instance_folder() / "files"

    @property
    def files_bytes(self) -> int:
        """Return the most bytes of all files that one message may have."""
        return self.files_per_message * self.file_bytes

    def refuse_if_unsafe(self) -> None:
        """Refuse a production site that would start but not be safe.

        Raises
        ------
        StartupError
            Each line names a setting to change, and how.
        """
        problems = self.find_problems()
        if problems:
            raise StartupError(*problems.values())

    def find_problems(self) -> dict[str, str]:
        """Return what makes the site unsafe or impossible: a line for each setting to change."""
        problems = {
            **find_secret_problems(self.secret_key, self.secret_key_fallbacks),
            **find_proxy_secret_problems(
                self.proxy_secret, (self.secret_key, *self.secret_key_fallbacks)
            ),
            **find_switch_problems(self.flask, is_production=self.production),
        }
        if self.production and not self.trusted_hosts:
            problems["WEBAPP_TRUSTED_HOSTS"] = (
                "WEBAPP_TRUSTED_HOSTS is not set: give the host names that people type, separated "
                "by commas, for example WEBAPP_TRUSTED_HOSTS=chat.example.org."
            )
        if self.files_sendfile and self.files_folder is None:
            problems["WEBAPP_FILES_SENDFILE"] = (
                "WEBAPP_FILES_SENDFILE is for files in a folder, but WEBAPP_FILES_URL names object "
                "storage; remove one of them."
            )
        try:
            password = self.url.password
        except StartupError as error:
            problems["WEBAPP_DATABASE_URL"] = str(error)
        else:
            if self.secret_key and self.secret_key == password:
                problems["WEBAPP_SECRET_KEY"] = ALSO_ANOTHER
        return problems


def _read_limits(read: SettingsReader) -> dict[str, Any]:
    """Return what one user, one address and one message may have, and where files are."""
    return {
        "turns_per_user": read.whole("WEBAPP_TURNS_PER_USER", Settings.turns_per_user, 1, 1_000),
        "turns_per_address": read.whole(
            "WEBAPP_TURNS_PER_ADDRESS", Settings.turns_per_address, 1, 100_000
        ),
        "starts_per_address": read.whole(
            "WEBAPP_STARTS_PER_ADDRESS", Settings.starts_per_address, 1, 100_000
        ),
        "messages_per_address": read.whole(
            "WEBAPP_MESSAGES_PER_ADDRESS", Settings.messages_per_address, 1, 100_000
        ),
        "imports_per_hour": read.whole(
            "WEBAPP_IMPORTS_PER_HOUR", Settings.imports_per_hour, 1, 100_000
        ),
        "message_bytes": read.whole(
            "WEBAPP_MESSAGE_BYTES", Settings.message_bytes, 1_024, 1_024 * 1_024
        ),
        "files_url": read.files_url("WEBAPP_FILES_URL"),
        "file_bytes": read.whole("WEBAPP_FILE_BYTES", Settings.file_bytes, 1_024, MOST_FILE_BYTES),
        "files_sendfile": read.sendfile("WEBAPP_FILES_SENDFILE"),
        "files_per_message": read.whole(
            "WEBAPP_FILES_PER_MESSAGE", Settings.files_per_message, 1, MOST_FILES_PER_MESSAGE
        ),
        "file_bytes_per_user": read.whole(
            "WEBAPP_FILE_BYTES_PER_USER", Settings.file_bytes_per_user, 1_024, MOST_BYTES_PER_USER
        ),
        "file_bytes_per_address": read.whole(
            "WEBAPP_FILE_BYTES_PER_ADDRESS",
            Settings.file_bytes_per_address,
            1_024,
            MOST_BYTES_PER_USER,
        ),
    }


def _read_url(text: str) -> URL:
    try:
        url = make_url(text)
        # What stands there of a password would be shown with the reason why no host has that name.
        if "@" not in (url.host or ""):
            return url
        reason: Exception | None = None
    except (ArgumentError, ValueError) as error:  # the port is no number
        reason = error
    raise StartupError(
        "WEBAPP_DATABASE_URL is not a database URL; write sqlite:////path/chat.sqlite3 or "
        "postgresql://user:password@host/name. In a password, write %40 for @, %3A for : and "
        "%2F for /."
    ) from reason
