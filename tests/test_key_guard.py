"""Whatever this process writes of errors, and whoever writes it, has no key of a user in it."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest

from webapp.user_keys import key_guard
from webapp.user_keys.key_guard import KeyGuard

ROOT = Path(__file__).resolve().parent.parent
KEY = "sk-proj-0123456789-abcdefghijklmnopqrstuvwxyz-'quoted'-/of/alice"
APP = """
import asyncio, gc, logging, os, sys, threading, time, warnings
from concurrent.futures import ThreadPoolExecutor
import chat_profiles as cl

class Breaks:
    def __del__(self):
        raise ValueError("__del__ " + self.key)

async def fails(key):
    raise ValueError("task " + key)

def raises(key):
    raise ValueError("called " + key)

@cl.on_message
async def answer(message):
    key = cl.context.session.user_env["MODEL_KEY"]
    loop = asyncio.get_running_loop()
    task = asyncio.create_task(fails(key))
    await asyncio.wait([task])
    del task
    gc.collect()
    loop.call_soon(time.sleep, 0.15)
    loop.call_soon(lambda given: time.sleep(0.15), key)
    loop.call_soon(raises, key)
    await asyncio.sleep(0.2)
    thread = threading.Thread(target=raises, args=(key,))
    thread.start()
    thread.join()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(int).add_done_callback(lambda done: raises(key))
    warnings.warn("warned " + key)
    broken = Breaks()
    broken.key = key
    del broken
    logging.getLogger("httpx").warning("GET %s", "https://api.example/?key=" + key)
    try:
        raises(key)
    except ValueError:
        logging.getLogger("gunicorn.error").exception("Error handling request")
    await cl.Message("done").send()
"""
TALK = """
import sys
from chat_profiles.testing import ChatTester
with ChatTester("app.py") as chat:
    chat.enter_keys(MODEL_KEY=sys.argv[1])
    print(chat.say("go"))
"""
# How each of these says it.
TOLD = (
    "Task exception was never retrieved",
    "ValueError: task [hidden key]",
    "Executing <Handle",
    "Exception in callback raises(",
    "ValueError: called [hidden key]",
    "Exception in thread ",
    "exception calling callback for <Future",
    "UserWarning: warned [hidden key]",
    "Exception ignored",
    "ValueError: __del__ [hidden key]",
    "GET https://api.example/?key=[hidden key]",
    "Error handling request",
)


def test_what_others_write_of_errors_has_no_key_in_it(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / ".chainlit").mkdir()
    (tmp_path / ".chainlit" / "config.toml").write_text('[project]\nuser_env = ["MODEL_KEY"]\n')
    done = subprocess.run(
        [sys.executable, "-c", TALK, KEY],
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONASYNCIODEBUG": "1",
            "PYTHONPATH": f"{ROOT / 'webapp' / 'alias'}:{ROOT}",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    written = done.stdout + done.stderr
    assert done.returncode == 0, written
    assert [each for each in TOLD if each not in written] == []
    assert "0123456789" not in written
    assert "/of/alice" not in written


@pytest.fixture
def guard() -> KeyGuard:
    guard = KeyGuard(logging.LogRecord)
    guard.remember([KEY])
    return guard


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"a {KEY} b {KEY}", "a [hidden key] b [hidden key]"),
        (repr(KEY), '"[hidden key]"'),
        (f"{KEY[:13]}...{KEY[-14:]}", "[hidden key]"),
        (f"<Handle f('{KEY[:12]}...{KEY[-9:]}') x>", "<Handle f('[hidden key]') x>"),
        (f"...{KEY[-9:]}", "[hidden key]"),
        (f"another {KEY[-9:]}", f"another {KEY[-9:]}"),
        ("", ""),
    ],
)
def test_a_key_is_hidden_whole_or_abbreviated(guard: KeyGuard, text: str, shown: str) -> None:
    assert guard.hide(text) == shown


@pytest.mark.parametrize("key", ["ValueError", "x" * 15, "Traceback (most recent call last)"])
def test_what_a_user_calls_a_key_blots_out_no_words(key: str) -> None:
    guard = KeyGuard(logging.LogRecord)
    guard.remember([key])
    assert guard.hide(f"a {key} b") == f"a {key} b"


def test_the_keys_entered_last_are_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_guard, "MOST_KEYS", 3)
    guard = KeyGuard(logging.LogRecord)
    keys = [f"key-of-a-user-number-{number}/x'" for number in range(5)]
    guard.remember([*keys, *keys])
    hidden = [guard.hide(key) for key in keys]
    assert hidden == [*keys[:2], *["[hidden key]"] * 3]


@pytest.mark.parametrize(
    ("name", "level", "is_hidden"),
    [
        ("gunicorn.access", logging.INFO, False),
        ("werkzeug", logging.INFO, False),
        ("werkzeug", logging.ERROR, True),
        ("webapp", logging.WARNING, False),
        ("webapp.app", logging.INFO, True),
        ("asyncio", logging.DEBUG, True),
    ],
)
def test_a_user_cannot_blot_out_who_asked_for_what(
    guard: KeyGuard, name: str, level: int, is_hidden: bool
) -> None:
    record = guard(name, level, "file.py", 1, "%s asks", (KEY,), None)
    assert record.getMessage() == ("[hidden key] asks" if is_hidden else f"{KEY} asks")


def test_a_record_without_a_key_is_left_as_it_is(guard: KeyGuard) -> None:
    try:
        raise ValueError("x")
    except ValueError as error:
        known = (type(error), error, error.__traceback__)
    record = guard("x", logging.ERROR, "file.py", 1, "%s of %s", ("a", 1), known)
    assert (record.msg, record.args, record.exc_info) == ("%s of %s", ("a", 1), known)
    assert record.exc_text is None


def test_a_record_whose_arguments_do_not_fit_is_told_by_logging(guard: KeyGuard) -> None:
    record = guard("x", logging.ERROR, "file.py", 1, "%d", ("text",), None)
    assert record.args == ("text",)


def test_a_handler_that_writes_the_error_itself_gets_none_with_a_key(guard: KeyGuard) -> None:
    try:
        raise ValueError(KEY)
    except ValueError as error:
        known = (type(error), error, error.__traceback__)
    record = guard("x", logging.ERROR, "file.py", 1, "failed", (), known)
    assert record.exc_info is None
    written = StringIO()
    logging.StreamHandler(written).handle(record)
    assert written.getvalue().endswith("ValueError: [hidden key]\n")
