"""The site's log has all its fields, whatever an app file does to Python's logging."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.apps import AppMaker

ROOT = Path(__file__).parent.parent
APP = """
import logging
import logging.config
import webapp as cl

def configure():
    {configure}

{when_loaded}

@cl.password_auth_callback
def auth(username, password):
    {when_called}
    return None

@cl.set_chat_profiles
def profiles():
    raise RuntimeError("no list")
"""
SIGN_IN = """
from webapp import create_app
app = create_app({file!r}, {config!r})

@app.get("/broken")
def broken():
    raise ZeroDivisionError

client = app.test_client()
page = client.get("/login").text
token = page.partition('csrf_token" value="')[2].partition('"')[0]
client.post("/login", data=dict(csrf_token=token, username="bob", password="wrong"))
client.get("/broken")
"""
CONFIGURATIONS = {
    "basic": "logging.basicConfig(level=logging.INFO, format='%(levelname)s %(message)s')",
    "force": "logging.basicConfig(level=logging.DEBUG, force=True)",
    "quiet root": "logging.getLogger().setLevel(logging.CRITICAL)",
    "root handler": "logging.getLogger().addHandler(logging.NullHandler())",
    "dict": "logging.config.dictConfig({'version': 1, 'root': {'level': 'WARNING'}})",
    "dict with a handler": (
        "logging.config.dictConfig({'version': 1, 'disable_existing_loggers': True, "
        "'handlers': {'h': {'class': 'logging.StreamHandler'}}, 'root': {'handlers': ['h']}})"
    ),
    "disabled": "logging.disable(logging.CRITICAL)",
    "every logger": (
        "logging.basicConfig(force=True)\\n"
        "    for name in logging.root.manager.loggerDict:\\n"
        "        logging.getLogger(name).setLevel(logging.ERROR)\\n"
        "        logging.getLogger(name).disabled = True"
    ).replace("\\n", "\n"),
}


@pytest.mark.parametrize(
    ("configuration", "moment"),
    [
        (configuration, moment)
        for configuration in CONFIGURATIONS
        for moment in ("when_loaded", "when_called")
        # An app file that raises the level of our logger while the site runs means it.
        if (configuration, moment) != ("every logger", "when_called")
    ],
)
def test_events_keep_their_fields(
    make_app: AppMaker, tmp_path: Path, configuration: str, moment: str
) -> None:
    calls = {"when_loaded": "", "when_called": "", moment: "configure()"}
    file = tmp_path / "noisy.py"
    file.write_text(APP.format(configure=CONFIGURATIONS[configuration], **calls))
    result = subprocess.run(
        [sys.executable, "-c", SIGN_IN.format(file=str(file), config=make_app.config())],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    lines = [json.loads(line) for line in result.stderr.splitlines() if line.startswith("{")]
    [failed, broken] = [line for line in lines if line["level"] != "DEBUG"]
    assert failed["event"] == "login.failed"
    assert failed["ip"] == "127.0.0.1"
    assert failed["request"]
    assert "ZeroDivisionError" in broken["traceback"]
    assert broken["request"] != failed["request"]
    # Once: no handler of the root repeats an event in its own words.
    assert result.stderr.count("login.failed") == 1
