"""Settings from the environment, and what production refuses."""

from __future__ import annotations

import dataclasses
import stat
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from tests.support.apps import SECRET, AppMaker
from webapp import create_app
from webapp.config.secret_file import new_secret, read_or_make_secret
from webapp.config.settings import Settings
from webapp.config.startup_error import StartupError

# Every setting: a value, what it becomes, and a value that is refused (None: any text is taken).
SETTINGS: dict[str, tuple[str, object, str | None]] = {
    "WEBAPP_CHAT": ("/srv/chat.py", "/srv/chat.py", None),
    "WEBAPP_SECRET_KEY": (" key ", "key", None),
    "WEBAPP_SECRET_KEY_FALLBACKS": ("one, two,", ("one", "two"), None),
    "WEBAPP_DATABASE_URL": ("sqlite:///x", "sqlite:///x", None),
    "WEBAPP_TRUSTED_HOSTS": (
        "A.example, .b.example,[::1],localhost:8000,bücher.example",
        ("a.example", ".b.example", "[::1]", "localhost:8000", "bücher.example"),
        None,
    ),
    "WEBAPP_DATABASE_POOL": ("2", 2, "0"),
    "WEBAPP_DATABASE_TIMEOUT": ("2.5", 2.5, "0"),
    "WEBAPP_PROXY_HOPS": ("2", 2, "11"),
    "WEBAPP_PROXY_SECRET": (" key ", "key", None),
    "WEBAPP_PROXY_ADDRESSES": (
        "10.0.0.7, 10.1.0.0/16,::1,unix",
        ("10.0.0.7", "10.1.0.0/16", "::1", "unix"),
        "proxy.example.org",
    ),
    "WEBAPP_INSECURE_COOKIES": ("yes", True, "maybe"),
    "WEBAPP_COOKIE_NAME": ("__Host-support.chat-1", "support.chat-1", "a;b"),
    "WEBAPP_STREAMING": ("poll", "poll", "POLL"),
    "WEBAPP_SITE_NAME": ("My site", "My site", None),
    "WEBAPP_CHAT_START_SECONDS": ("2.5", 2.5, "0"),
    "WEBAPP_CALLBACK_SECONDS": ("3", 3.0, "soon"),
    "WEBAPP_TURN_SECONDS": ("30", 30.0, "0"),
    "WEBAPP_TURN_IDLE_SECONDS": ("10", 10.0, "never"),
    "WEBAPP_TURNS_PER_USER": ("3", 3, "0"),
    "WEBAPP_TURNS_PER_ADDRESS": ("30", 30, "0"),
    "WEBAPP_STARTS_PER_ADDRESS": ("200", 200, "-1"),
    "WEBAPP_MESSAGES_PER_ADDRESS": ("300", 300, "0"),
    "WEBAPP_IMPORTS_PER_HOUR": ("50", 50, "0"),
    "WEBAPP_MAX_STREAMS": ("0", 0, "many"),
    "WEBAPP_SHUTDOWN_SECONDS": ("5", 5.0, "-1"),
    "WEBAPP_CHAT_IDLE_MINUTES": ("15", 15.0, "0"),
    "WEBAPP_FRAME_ANCESTORS": (
        "https://portal.example.org",
        ("https://portal.example.org",),
        "portal.example.org/path",
    ),
    "WEBAPP_OBJECT_CHATS": ("50", 50, "0"),
    "WEBAPP_OBJECT_IDLE_MINUTES": ("90", 90.0, "0"),
    "WEBAPP_TIMEZONE": ("Europe/Paris", "Europe/Paris", "Middle-earth/Shire"),
    "WEBAPP_STARTERS": ("fill", "fill", "ask"),
    "WEBAPP_MESSAGE_BYTES": ("65536", 65_536, "1023"),
    "WEBAPP_FILES_URL": ("s3://my-files/chat", "s3://my-files/chat", "http://files.example"),
    "WEBAPP_FILE_BYTES": ("104857600", 104_857_600, "1"),
    "WEBAPP_FILES_PER_MESSAGE": ("3", 3, "101"),
    "WEBAPP_FILE_BYTES_PER_USER": ("1048576", 1_048_576, "1"),
    "WEBAPP_FILE_BYTES_PER_ADDRESS": ("1048576", 1_048_576, "1"),
    "WEBAPP_FILES_SENDFILE": ("X-Accel-Redirect:/inside", "X-Accel-Redirect:/inside", "yes"),
    "WEBAPP_SHARING": ("yes", True, "everybody"),
    "WEBAPP_MCP_SERVERS": (__file__, __file__, "/nowhere/mcp.json"),
    "WEBAPP_API": ("on", True, "maybe"),
    "WEBAPP_SESSION_IDLE_HOURS": ("1", 1.0, "-1"),
    "WEBAPP_SESSION_HOURS": ("48", 48.0, "nan"),
    "WEBAPP_PASSWORD_MIN_LENGTH": ("12", 12, "7"),
    "WEBAPP_AUDIT_DAYS": ("30", 30, "0"),
    "WEBAPP_SQLITE_SYNCHRONOUS": ("NORMAL", "NORMAL", "OFF"),
    "WEBAPP_LOG_LEVEL": ("Debug", "DEBUG", "LOUD"),
}
NOT_FROM_OUTSIDE = {"production", "flask"}
UNSAFE: list[tuple[dict[str, Any], str]] = [
    ({"WEBAPP_SECRET_KEY": ""}, "WEBAPP_SECRET_KEY is not set"),
    ({"WEBAPP_SECRET_KEY": None}, "WEBAPP_SECRET_KEY is not set"),
    ({"WEBAPP_SECRET_KEY": "x7Hq" * 7}, "shorter than 32 bytes"),
    ({"WEBAPP_SECRET_KEY": "a" * 64}, "can be guessed"),
    ({"WEBAPP_SECRET_KEY": "changeme-changeme-changeme-0123456789"}, "can be guessed"),
    ({"WEBAPP_SECRET_KEY": "your-secret-key-goes-here-0123456789"}, "can be guessed"),
    ({"WEBAPP_SECRET_KEY_FALLBACKS": SECRET}, "also used as another secret"),
    ({"WEBAPP_SECRET_KEY_FALLBACKS": "short"}, "FALLBACKS holds a key shorter than 32"),
    ({"WEBAPP_SECRET_KEY_FALLBACKS": f"{'k' * 40},short"}, "number 2 of 2"),
    ({"WEBAPP_DATABASE_URL": f"postgresql://u:{SECRET}@h/d"}, "also used as another secret"),
    ({"WEBAPP_PROXY_SECRET": "short"}, "WEBAPP_PROXY_SECRET must be 32 or more"),
    ({"WEBAPP_PROXY_SECRET": SECRET}, "WEBAPP_PROXY_SECRET is also used as another secret"),
    ({"WEBAPP_PROXY_ADDRESSES": "10.0.0.1/8"}, "or unix for a Unix socket, not '10.0.0.1/8'"),
    ({"WEBAPP_TRUSTED_HOSTS": ""}, "WEBAPP_TRUSTED_HOSTS is not set"),
    ({"WEBAPP_TRUSTED_HOSTS": "https://chat.example.org"}, "which is not a host name"),
    ({"WEBAPP_TRUSTED_HOSTS": "*.example.org"}, ".example.org for all names below it"),
    ({"WEBAPP_TRUSTED_HOSTS": "*"}, "no star"),
    ({"WEBAPP_TRUSTED_HOSTS": "a.example b.example"}, "which is not a host name"),
    ({"WEBAPP_TRUSTED_HOSTS": " , "}, "WEBAPP_TRUSTED_HOSTS is not set"),
    ({"DEBUG": True}, "DEBUG (or FLASK_DEBUG) is set"),
    ({"LOGIN_DISABLED": True}, "LOGIN_DISABLED is set"),
    ({"LOGIN_DISABLED": "0"}, "LOGIN_DISABLED is set"),
    ({"WTF_CSRF_ENABLED": False}, "WTF_CSRF_ENABLED is off"),
    ({"WTF_CSRF_ENABLED": 0}, "WTF_CSRF_ENABLED is off"),
    ({"WTF_CSRF_ENABLED": None}, "WTF_CSRF_ENABLED is off"),
    ({"WTF_CSRF_CHECK_DEFAULT": False}, "WTF_CSRF_CHECK_DEFAULT is off"),
    ({"WEBAPP_DATABASE_URL": "nonsense"}, "WEBAPP_DATABASE_URL is not a database URL"),
    ({"WEBAPP_DATABASE_URL": "postgresql://u:p@h:port/d"}, "is not a database URL"),
    ({"WEBAPP_DATABASE_URL": "postgresql://u:p@h:/d"}, "is not a database URL"),
    ({"WEBAPP_DATABASE_URL": "postgresql://u:p@h:1,i:2/d"}, "is not a database URL"),
    ({"WEBAPP_DATABASE_URL": "postgresql://u:p@[::1/d"}, "is not a database URL"),
    ({"WEBAPP_DATABASE_URL": "postgresql://u:s@cret@h/d"}, "In a password, write %40 for @"),
    ({"WEBAPP_DATABASE_URL": "postgresql://u:s@cret:et@h/d"}, "In a password, write %40 for @"),
    ({"WEBAPP_DATABASE_URL": "sqlite://srv/chat.sqlite3"}, "must name a file"),
    ({"WEBAPP_DATABASE_URL": "mysql://h/d"}, "must be a sqlite:// or postgresql:// URL"),
    ({"WEBAPP_DATABASE_URL": "sqlite://"}, "must name a file"),
    ({"WEBAPP_DATABASE_URL": "postgresql+asyncpg://h/d"}, "must be a sqlite:// or postgresql:// U"),
    ({"WEBAPP_SECRET_KEY": "\udcff" * 32}, "WEBAPP_SECRET_KEY is not text in UTF-8"),
    ({"WEBAPP_SECRET_KEY_FALLBACKS": "\udcff" * 32}, "_FALLBACKS is not text in UTF-8"),
    ({"WEBAPP_SITE_NAME": "Caf\udce9"}, "WEBAPP_SITE_NAME is not text in UTF-8"),
    ({"WEBAPP_MCP_SERVERS": "a" * 300}, "the path of a JSON file that this process can read"),
    ({"WEBAPP_SITENAME": "x"}, "not a setting; did you mean WEBAPP_SITE_NAME?"),
    ({"WEBAPP_COLOUR": "x"}, "WEBAPP_COLOUR is not a setting."),
    ({"WEBAPP_DATABASE_URL": "sqlite:///:memory:"}, "must name a file"),
    ({"WEBAPP_DATABASE_URL": "sqlite:////srv/chat?timeout=9"}, "cannot be set there: timeout"),
    ({"WEBAPP_FILES_URL": "s3:///prefix"}, "must be a folder, such as /srv/chat/files, or obj"),
    ({"WEBAPP_FILES_URL": "s3://Bucket"}, "such as s3://bucket/prefix"),
    ({"WEBAPP_FILES_URL": "s3://b-1", "WEBAPP_FILES_SENDFILE": "X-Sendfile"}, "remove one of them"),
    ({"WEBAPP_FILES_SENDFILE": "X-Accel-Redirect:inside"}, "with the path of the location"),
    ({"WEBAPP_DATABASE_URL": "postgresql://h/d?autocommit=1"}, "be set there: autocommit"),
]


def field_of(name: str) -> str:
    return name.removeprefix("WEBAPP_").lower()


def test_every_setting_is_tried_here() -> None:
    fields = {field.name for field in dataclasses.fields(Settings)} - NOT_FROM_OUTSIDE
    assert {field_of(name) for name in SETTINGS} == fields


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_is_read_from_the_environment(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given, read, _ = SETTINGS[name]
    assert getattr(Settings.from_environment(), field_of(name)) != read
    monkeypatch.setenv(name, given)
    assert getattr(Settings.from_environment(), field_of(name)) == read


@pytest.mark.parametrize("name", SETTINGS)
def test_what_is_given_in_code_wins(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given, read, _ = SETTINGS[name]
    monkeypatch.setenv(name, "from the environment")
    assert getattr(Settings.from_environment({name: given}), field_of(name)) == read


@pytest.mark.parametrize("name", [name for name, (_, _, bad) in SETTINGS.items() if bad])
def test_a_value_that_makes_no_sense_is_refused_by_name(name: str) -> None:
    with pytest.raises(StartupError) as caught:
        Settings.from_environment({name: SETTINGS[name][2]})
    assert str(caught.value).startswith(f"{name} must be ")
    # The address of files may have a password in it.
    assert (repr(SETTINGS[name][2]) in str(caught.value)) == (name != "WEBAPP_FILES_URL")
    assert caught.value.code == 78


@pytest.mark.parametrize("value", ["٣", "1.5", "-1", "0x1", "1e3", "99999999999999999999"])
def test_a_whole_number_is_plain_digits(value: str) -> None:
    with pytest.raises(StartupError, match="whole number from 0 to 10"):
        Settings.from_environment({"WEBAPP_PROXY_HOPS": value})


@pytest.mark.parametrize(("unsafe", "says"), UNSAFE, ids=lambda value: str(value)[:50])
def test_production_refuses_to_be_unsafe(
    make_app: AppMaker, unsafe: dict[str, Any], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(StartupError) as caught:
        create_app(make_app.path("simple.py"), {**make_app.config(), **unsafe})
    line = capsys.readouterr().err
    assert says in line
    assert line.startswith("chat-profiles: ")
    assert line.count("\n") == 1
    assert SECRET not in line
    assert caught.value.code == 78


@pytest.mark.parametrize(
    ("app_file", "wrong", "says"),
    [
        (
            "by_proxy.py",
            {"WEBAPP_PROXY_ADDRESSES": "proxy.example.org"},
            "WEBAPP_PROXY_ADDRESSES must be",
        ),
        (
            "by_proxy.py",
            {"WEBAPP_PROXY_ADDRESSES": "", "WEBAPP_PROXY_SECRET": "short"},
            "WEBAPP_PROXY_SECRET must be",
        ),
        (
            "by_proxy.py",
            {"WEBAPP_PROXY_ADDRESSES": "", "WEBAPP_PROXY_ADRESSES": "10.0.0.7"},
            "did you mean WEBAPP_PROXY_ADDRESSES?",
        ),
        (
            "simple.py",
            {"WEBAPP_TRUSTED_HOSTS": "", "WEBAPP_TRUSTED_HOST": "localhost"},
            "did you mean WEBAPP_TRUSTED_HOSTS?",
        ),
        (
            "simple.py",
            {"WEBAPP_SECRET_KEY": "", "WEBAPP_SECRETKEY": SECRET},
            "did you mean WEBAPP_SECRET_KEY?",
        ),
        (None, {"WEBAPP_CHATT": "app.py"}, "did you mean WEBAPP_CHAT?"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_a_setting_that_is_wrong_is_not_called_missing_too(
    make_app: AppMaker,
    app_file: str | None,
    wrong: dict[str, Any],
    says: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(StartupError) as caught:
        create_app(app_file and make_app.path(app_file), {**make_app.config(), **wrong})
    [line] = caught.value.lines
    assert says in line
    assert capsys.readouterr().err == f"chat-profiles: {line}\n"


def test_a_misspelt_name_is_told_beside_the_fault_of_the_setting_itself() -> None:
    with pytest.raises(StartupError) as caught:
        Settings.from_environment({"WEBAPP_PROXY_HOPS": "x", "WEBAPP_PROXY_HOP": "1"})
    assert [line.split()[0] for line in caught.value.lines] == [
        "WEBAPP_PROXY_HOPS",
        "WEBAPP_PROXY_HOP",
    ]


@pytest.mark.parametrize("value", ["1", "true", "yes"])
def test_production_refuses_flasks_debug_switch(
    make_app: AppMaker, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("FLASK_DEBUG", value)
    with pytest.raises(StartupError, match="FLASK_DEBUG"):
        make_app("simple.py")


def test_production_needs_an_app_file(make_app: AppMaker) -> None:
    with pytest.raises(StartupError, match="WEBAPP_CHAT is not set"):
        create_app(config=make_app.config())


def test_under_gunicorn_the_status_stops_the_arbiter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "gunicorn.arbiter", object())
    assert StartupError("x").code == 4


def test_gevents_threads_are_refused(make_app: AppMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    class Monkey:
        @staticmethod
        def is_module_patched(name: str) -> bool:
            return name == "threading"

    monkeypatch.setitem(__import__("sys").modules, "gevent.monkey", Monkey)
    with pytest.raises(StartupError, match="gunicorn --workers 1 --threads 32"):
        make_app("simple.py")


def test_settings_reach_the_app(make_app: AppMaker) -> None:
    app = make_app("simple.py", site_name="Tea & Co", MY_OWN="kept")
    assert isinstance(app, Flask)
    assert app.config["MY_OWN"] == "kept"
    assert "Tea &amp; Co" in app.test_client().get("/").text


def test_the_limits_of_a_request_are_not_settings(make_app: AppMaker) -> None:
    app = make_app("simple.py", MAX_CONTENT_LENGTH=10**9, SECRET_KEY="mine")
    assert app.config["MAX_CONTENT_LENGTH"] == 256 * 1024
    assert app.config["SECRET_KEY"] == SECRET


def test_development_needs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = Settings.from_environment().for_development(("localhost",))
    settings.refuse_if_unsafe()
    assert (settings.production, settings.insecure_cookies) == (False, True)
    assert settings.trusted_hosts == ("localhost",)
    assert settings.secret_key == Settings().for_development(()).secret_key


def test_the_kept_secret_is_private(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "instance"
    secret = read_or_make_secret(folder)
    assert len(bytes.fromhex(secret)) == 32
    assert read_or_make_secret(folder) == secret
    assert stat.S_IMODE((folder / "secret_key").stat().st_mode) == 0o600
    assert (
        stat.S_IMODE(folder.stat().st_mode) == stat.S_IMODE(folder.parent.stat().st_mode) == 0o700
    )


def test_fresh_secrets_differ_and_are_accepted() -> None:
    assert new_secret() != new_secret()
    Settings(secret_key=new_secret(), trusted_hosts=("a.example",)).refuse_if_unsafe()


@pytest.mark.parametrize(
    ("given", "driver"),
    [
        ("postgresql://h/d", "postgresql+psycopg"),
        ("postgres://h/d", "postgresql+psycopg"),
        ("postgresql+psycopg://h/d", "postgresql+psycopg"),
    ],
)
def test_a_bare_postgresql_url_means_psycopg_3(given: str, driver: str) -> None:
    assert Settings(database_url=given).url.drivername == driver


@pytest.mark.parametrize("name", ["WEBAPP_CHATT", "WEBAPP_SECERT_KEY", "WEBAPP_SESION_HOURS"])
def test_a_misspelt_variable_is_told(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "x")
    with pytest.raises(StartupError, match=f"{name} is not a setting; did you mean WEBAPP_"):
        Settings.from_environment()


@pytest.mark.parametrize("name", ["WEBAPP_MODEL", "WEBAPP_HOST", "WEBAPP_PORT", "WEBAPP_SECRET"])
def test_somebody_elses_variable_is_left_alone(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "x")
    assert Settings.from_environment() == Settings()


def test_the_default_database_is_in_the_instance_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert Settings().url.database == str(tmp_path / "instance" / "chat.sqlite3")
