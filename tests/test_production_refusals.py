"""A production start that would not be safe ends with a clear line for each reason."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.servers import gunicorn_command, production, run, running, waitress_command

pytestmark = pytest.mark.slow

GUNICORN_STATUS = 4
STATUS = 78
SERVERS = {
    "gunicorn": (gunicorn_command("--workers", "1", "--threads", "32"), GUNICORN_STATUS),
    "waitress": (waitress_command(), STATUS),
}
PRELOAD = (gunicorn_command("--workers", "4", "--threads", "4", "--preload"), GUNICORN_STATUS)


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest) -> tuple[list[str], int]:
    """Return each server's command in turn, and the status with which it refuses."""
    return SERVERS[request.param]


REFUSED = {
    "no secret": ({"WEBAPP_SECRET_KEY": ""}, "WEBAPP_SECRET_KEY is not set"),
    "short secret": ({"WEBAPP_SECRET_KEY": "k3y-of-31-bytes-is-one-short-ab"}, "shorter than 32"),
    "no trusted hosts": ({"WEBAPP_TRUSTED_HOSTS": ""}, "WEBAPP_TRUSTED_HOSTS is not set"),
    "no app file": ({"WEBAPP_CHAT": "missing.py"}, "there is no such file"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_unsafe_setting_is_refused(
    tmp_path: Path, sqlite_url: str, server: tuple[list[str], int], case: str
) -> None:
    settings, line = REFUSED[case]
    _refuses(server, tmp_path, {**production(sqlite_url), **settings}, line)


def test_all_reasons_are_told_at_once(
    tmp_path: Path, sqlite_url: str, server: tuple[list[str], int]
) -> None:
    _execute(sqlite_url, "DELETE FROM alembic_version")
    app_file = tmp_path / "broken.py"
    app_file.write_text("import chat_profiles as cl\n\ncl.on_chat_strat(lambda: None)\n")
    settings = {
        "WEBAPP_SECRET_KEY": "short",
        "WEBAPP_SECRET_KEY_FALLBACKS": "shorter",
        "WEBAPP_TRUSTED_HOSTS": "https://chat.example.org",
        "WEBAPP_PROXY_HOPS": "many",
        "WEBAPP_SHARING": "perhaps",
        "WEBAPP_SITENAME": "My site",
        "FLASK_DEBUG": "1",
    }
    told = _refused(server, tmp_path, {**production(sqlite_url, app_file), **settings})
    assert {line.split()[0].rstrip(":") for line in told} == {
        *(settings.keys() - {"FLASK_DEBUG"}),
        "DEBUG",
        f"{app_file}:3",
        "The",
    }
    assert len(told) == 9
    assert "run `chat-profiles db upgrade`" in told[-1]


def test_a_refused_start_makes_no_database(tmp_path: Path, server: tuple[list[str], int]) -> None:
    url = f"sqlite:///{tmp_path}/made/chat.sqlite3"
    told = _refused(server, tmp_path, {**production(url), "WEBAPP_SECRET_KEY": ""})
    assert len(told) == 1
    assert not (tmp_path / "made").exists()


def test_broken_app_file_is_refused(
    tmp_path: Path, sqlite_url: str, server: tuple[list[str], int]
) -> None:
    app_file = tmp_path / "broken.py"
    app_file.write_text("import webapp as cl\n\ncl.on_chat_strat(lambda: None)\n")
    _refuses(server, tmp_path, production(sqlite_url, app_file), f"{app_file}:3")


def test_old_schema_is_refused(
    tmp_path: Path, sqlite_url: str, server: tuple[list[str], int]
) -> None:
    _execute(sqlite_url, "DELETE FROM alembic_version")
    _refuses(server, tmp_path, production(sqlite_url), "run `chat-profiles db upgrade`")


def test_refusals_are_the_same_with_preload(tmp_path: Path, sqlite_url: str) -> None:
    no_secret = {**production(sqlite_url), "WEBAPP_SECRET_KEY": ""}
    _refuses(PRELOAD, tmp_path, no_secret, "WEBAPP_SECRET_KEY is not set")
    _execute(sqlite_url, "DELETE FROM alembic_version")
    _refuses(PRELOAD, tmp_path, production(sqlite_url), "run `chat-profiles db upgrade`")


def test_several_workers_refuse_and_are_not_started_again(tmp_path: Path, sqlite_url: str) -> None:
    _execute(sqlite_url, "DELETE FROM alembic_version")
    command = gunicorn_command("--workers", "4", "--threads", "4")
    status, output = run(command, tmp_path, production(sqlite_url))
    # A second worker that refuses while gunicorn is already stopping makes it stumble over its
    # own feet: status 1 and a traceback, in which nothing is ours. --preload has no such race.
    assert status in (GUNICORN_STATUS, 1), output
    assert "run `chat-profiles db upgrade`" in output
    assert output.count("Booting worker") <= 4
    assert "/webapp/" not in output


def test_newer_schema_is_told_and_serves_no_chat(
    tmp_path: Path, sqlite_url: str, server: tuple[list[str], int]
) -> None:
    # A process that ended would end the ones that still serve, in the middle of an upgrade.
    _execute(sqlite_url, "UPDATE alembic_version SET version_num = '9999'")
    _execute(sqlite_url, "UPDATE schema_compatibility SET oldest_program = '9999'")
    with running(server[0], tmp_path, production(sqlite_url)) as started:
        started.wait_for("/readyz", 503)
        assert started.status("/healthz") == 200
        assert started.status("/") == 503
    told = [line for line in started.log.splitlines() if line.startswith("chat-profiles: ")]
    assert len(told) == 1
    assert "newer version of chat-profiles" in told[0]
    assert "Traceback" not in started.log


def test_newcomers_secret_is_not_in_the_refusal(tmp_path: Path, sqlite_url: str) -> None:
    settings = {**production(sqlite_url), "WEBAPP_SECRET_KEY": "short-and-secret"}
    _, output = run(waitress_command(), tmp_path, settings)
    assert "short-and-secret" not in output


def _execute(url: str, statement: str) -> None:
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection, connection:
        connection.execute(statement)


def _refuses(
    server: tuple[list[str], int], folder: Path, settings: dict[str, str], line: str
) -> None:
    [told] = _refused(server, folder, settings)
    assert line in told


def _refused(server: tuple[list[str], int], folder: Path, settings: dict[str, str]) -> list[str]:
    """Return the lines with which a server refuses to start."""
    command, expected = server
    status, output = run(command, folder, settings)
    assert status == expected, output
    assert "Traceback" not in output
    name = "chat-profiles: "
    return [each.removeprefix(name) for each in output.splitlines() if each.startswith(name)]
