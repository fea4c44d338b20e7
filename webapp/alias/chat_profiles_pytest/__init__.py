"""The plugin of pytest: the fixtures `chat`, `chat_tester` and `fake_model`.

pytest imports it in every project of an environment that has this package. So the framework is
imported only by the first test that uses a fixture.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from webapp.testing.chat_tester import ChatTester
    from webapp.testing.fake_model import FakeModel

APP_FILE = "chat_app"
# What `webapp.testing.transcript` reads.
UPDATE = "CHAT_PROFILES_UPDATE_TRANSCRIPTS"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that writes transcripts, and the setting that names the app file."""
    group = parser.getgroup("chat-profiles")
    group.addoption(
        "--update-transcripts",
        action="store_true",
        help="Write the files that chat.assert_transcript() compares with, as the chats are now.",
    )
    parser.addini(APP_FILE, "The app file of the fixture `chat`.", default="app.py")


def pytest_configure(config: pytest.Config) -> None:
    """Add the marker, and hand the option on."""
    config.addinivalue_line(
        "markers", f"{APP_FILE}(path, **options): the app file of the fixture `chat`"
    )
    if config.getoption("--update-transcripts"):
        os.environ[UPDATE] = "1"


def pytest_unconfigure(config: pytest.Config) -> None:
    """Take the option back, for a pytest that runs in this one."""
    if config.getoption("--update-transcripts"):
        os.environ.pop(UPDATE, None)


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    """Say what the app has said, where a test has looked for something else in an answer."""
    # Not imported here: without the module, no test has got an answer.
    answers = sys.modules.get("webapp.testing.answers")
    if answers is None or op not in ("in", "not in") or not isinstance(right, answers.Answer):
        return None
    said = right.text.splitlines() or ["(nothing)"]
    return [f"{left!r} {op} what the app said ({right.status}):", *said]


@pytest.fixture
def chat_tester(request: pytest.FixtureRequest) -> Iterator[Callable[..., ChatTester]]:
    """Return a function that makes a `ChatTester`, which is closed after the test.

    An app file is looked for beside the test, and then from the folder of the whole project.
    """
    made: list[ChatTester] = []

    def make(app_file: str | Path = "", **options: Any) -> ChatTester:
        named = app_file or request.config.getini(APP_FILE)
        folders = (request.path.parent, request.config.rootpath)
        found = next((f / named for f in folders if (f / named).is_file()), named)
        made.append(_kit().ChatTester(found, **options))
        return made[-1]

    yield make
    for tester in made:
        tester.close()


@pytest.fixture
def chat(request: pytest.FixtureRequest, chat_tester: Callable[..., ChatTester]) -> ChatTester:
    """Return a `ChatTester` for ``app.py``, or the file that a marker or the setting names."""
    marker = request.node.get_closest_marker(APP_FILE)
    return chat_tester(*marker.args, **marker.kwargs) if marker else chat_tester()


@pytest.fixture
def fake_model(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., FakeModel]]:
    """Return a function that makes a `FakeModel`, which clients of OpenAI find by themselves.

    Call it before the app is loaded: most app files make their client at once.
    """
    made: list[FakeModel] = []

    def make(script: Any) -> FakeModel:
        made.append(_kit().FakeModel(script))
        for name, value in made[-1].environ.items():
            monkeypatch.setenv(name, value)
        return made[-1]

    yield make
    for model in made:
        model.close()
    for model in made:
        model.raise_failure()


def _kit() -> Any:
    # Not at the top: most projects of an environment have no chats.
    return import_module("webapp.testing")
