"""An app file that is started with `python app.py` rather than with the command."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def python(*arguments: str, folder: Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )


SCRIPT = "import webapp as cl\n@cl.on_chat_start\ndef start(): ...\n"


def test_an_app_file_that_is_run_by_itself_ends_with_one_line(tmp_path: Path) -> None:
    (tmp_path / "chat.py").write_text(SCRIPT)
    ended = python("chat.py", folder=tmp_path)
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
    assert ended.stderr.startswith(f"Error: {tmp_path}/chat.py:2: ")
    assert f"start it with `chat-profiles run {tmp_path}/chat.py`" in ended.stderr


def test_an_app_file_that_is_imported_elsewhere_raises(tmp_path: Path) -> None:
    (tmp_path / "chat.py").write_text(SCRIPT)
    (tmp_path / "main.py").write_text(
        "from webapp.authoring.errors import MisuseError\n"
        "try:\n    import chat\nexcept MisuseError as error:\n    print('raised')\n"
    )
    assert python("main.py", folder=tmp_path).stdout == "raised\n"


def test_an_interactive_python_goes_on_after_a_decorator(tmp_path: Path) -> None:
    typed = "import webapp\nwebapp.on_chat_start(print)\nprint('still here')\n"
    ended = python("-i", "-q", "-", folder=tmp_path, stdin=typed)
    assert (ended.returncode, ended.stdout) == (0, "still here\n")
    assert "MisuseError" in ended.stderr
