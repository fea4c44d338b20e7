"""`chat-profiles run` serves an app file as a real process."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.apps import APPS
from tests.support.servers import chat_profiles_run
from tests.support.wire import RemoteVisitor

pytestmark = pytest.mark.slow


def test_run_serves_an_app_file_in_an_empty_folder(tmp_path: Path) -> None:
    with chat_profiles_run(tmp_path, APPS / "simple.py") as server:
        visitor = RemoteVisitor(server.port)
        started = visitor.start_chat()
        assert "the GPT-4 chat profile" in visitor.get(f"/chats/{started.chat_id}").text
        assert (tmp_path / "instance" / "secret_key").stat().st_mode & 0o777 == 0o600
    assert "Traceback" not in server.log
