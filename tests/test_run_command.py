"""`chat-profiles run`: it serves, says where, ends quietly, and refuses what cannot work."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from email.message import Message
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import pytest

from tests.cli_support import CommandLine
from tests.support.fork_server import ForkedProcess
from webapp.accounts.seeded_accounts import check_password
from webapp.config.settings import Settings
from webapp.config.startup_error import StartupError
from webapp.serving import hosts_to_trust

SIMPLE = """
import webapp as cl

@cl.set_chat_profiles
def profiles():
    return [cl.ChatProfile(name="Plain", markdown_description="The plain one.")]
"""
WITH_ACCOUNTS = SIMPLE + "\ncl.password_auth_callback(cl.seeded_user)\n"
BROKEN = "import webapp\n\ndef broken(:\n"
# Presses Ctrl+C as soon as the address is there.
IMPATIENT = """
import os, signal
import webapp.serving

def say_and_interrupt(*where, say=webapp.serving._print_address):
    say(*where)
    os.kill(os.getpid(), signal.SIGINT)

webapp.serving._print_address = say_and_interrupt
"""
# Holds the only thread at a page until another request waits for it. With `--threads 1`.
ONE_WAITS = """
import threading
import webapp as cl
from waitress.task import ThreadedTaskDispatcher

arrived = threading.Semaphore(0)

def add_task(self, task, add=ThreadedTaskDispatcher.add_task):
    add(self, task)
    arrived.release()

ThreadedTaskDispatcher.add_task = add_task

@cl.set_chat_profiles
def profiles():
    for _ in range(2):
        assert arrived.acquire(timeout=60)
    return [cl.ChatProfile(name="Plain", markdown_description="The plain one.")]
"""
# Holds the thread until the process ends, which waits for no thread.
ONE_STAYS = """
import threading
import webapp as cl
from waitress.task import ThreadedTaskDispatcher

def shutdown(self, shut_down=ThreadedTaskDispatcher.shutdown):
    shut_down(self, timeout=0)

ThreadedTaskDispatcher.shutdown = shutdown

@cl.set_chat_profiles
def profiles():
    print("It is held.", flush=True)
    threading.Event().wait()
"""
SECONDS = 60.0
HAS_IPV6 = Path("/proc/net/if_inet6").exists()


class Running:
    """A `chat-profiles run` of an app file."""

    def __init__(self, process: subprocess.Popen[str] | ForkedProcess) -> None:
        self.process = process
        assert process.stdout
        # The block of a demo begins with an empty line.
        self.line = process.stdout.readline().strip("\n") or process.stdout.readline()
        found = re.search(r"http://(\S+):(\d+)\s", f"{self.line}\n")
        assert found, self.line + self.end(signal.SIGTERM)[2]
        self.host, self.port = found[1], int(found[2])

    def get(self, path: str, host: str = "", at: str = "") -> tuple[int, str]:
        """Return status and text of a GET."""
        headers = {"Host": host or f"{self.host}:{self.port}"}
        with closing(HTTPConnection(at or self.host, self.port, timeout=SECONDS)) as connection:
            connection.request("GET", path, headers=headers)
            response = connection.getresponse()
            return response.status, response.read().decode()

    def stop(self) -> None:
        """End it and its children, however it got there."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe:
                pipe.close()
        self.process.wait(SECONDS)

    def end(self, with_signal: signal.Signals) -> tuple[int, str, str]:
        """End it as a terminal or a service manager does; return exit code, output and error."""
        os.killpg(self.process.pid, with_signal)
        out, err = self.process.communicate(timeout=SECONDS)
        return self.process.returncode, out, err


@pytest.fixture
def cli(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path, f"sqlite:///{tmp_path}/instance/chat.sqlite3")


@pytest.fixture
def run(cli: CommandLine) -> Iterator[Callable[..., Running]]:
    """Return `run(source, *options)`, which serves an app file on a free port."""
    started: list[Running] = []

    def start(source: str, *options: str, **settings: str) -> Running:
        (cli.folder / "app.py").write_text(source)
        process = cli.start("run", "app.py", "--port", "0", *options, **settings)
        started.append(Running(process))
        return started[-1]

    yield start
    for each in started:
        each.stop()


def eventually(answer: Callable[[], tuple[int, str]], status: int) -> str:
    give_up = time.monotonic() + SECONDS
    while True:
        try:
            found, text = answer()
        except (OSError, HTTPException):  # a restart refuses connections and cuts answers
            found, text = 0, ""
        if found == status:
            return text
        assert time.monotonic() < give_up, f"{found}: {text}"
        time.sleep(0.1)


def save(file: Path, text: str) -> None:
    """Save at one blow, so that no restart finds the file emptied and not yet written."""
    written = file.with_suffix(".new")
    written.write_text(text)
    written.replace(file)


def test_run_serves_says_where_and_ends_quietly(
    run: Callable[..., Running], cli: CommandLine
) -> None:
    server = run(SIMPLE)
    assert server.line == (
        f"Chat Profiles is serving app.py at http://127.0.0.1:{server.port} — press Ctrl+C to stop"
    )
    assert server.get("/healthz")[0] == 200
    status, page = server.get("/")
    assert status == 200
    assert "Plain" in page
    assert server.end(signal.SIGTERM) == (0, "", "")
    assert (cli.folder / "instance" / "secret_key").stat().st_mode & 0o077 == 0


def test_ctrl_c_ends_quietly(run: Callable[..., Running]) -> None:
    assert run(SIMPLE).end(signal.SIGINT) == (0, "", "")


def test_a_request_that_waits_for_a_thread_is_not_told(run: Callable[..., Running]) -> None:
    server = run(ONE_WAITS, "--threads", "1")
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(server.get, ["/", "/healthz"]))
    assert [status for status, _ in answers] == [200, 200]
    assert server.end(signal.SIGINT) == (0, "", "")


def test_ctrl_c_ends_quietly_while_a_function_runs(run: Callable[..., Running]) -> None:
    server = run(ONE_STAYS)
    with closing(HTTPConnection(server.host, server.port, timeout=SECONDS)) as connection:
        connection.request("GET", "/")
        assert server.process.stdout
        assert server.process.stdout.readline() == "It is held.\n"
        assert server.end(signal.SIGINT) == (0, "", "")


@pytest.mark.parametrize("options", [(), ("--reload",)])
def test_ctrl_c_ends_quietly_before_the_server_runs(
    cli: CommandLine, options: tuple[str, ...]
) -> None:
    (cli.folder / "app.py").write_text(SIMPLE)
    process = cli.start("run", "app.py", "--port", "0", *options, code=IMPATIENT)
    _, err = process.communicate(timeout=SECONDS)
    assert (process.returncode, err) == (0, "")


def test_run_answers_to_its_own_names_only(run: Callable[..., Running]) -> None:
    server = run(SIMPLE)
    for host in ("127.0.0.1", "localhost", f"localhost:{server.port}", "127.0.0.1:80"):
        assert server.get("/healthz", host)[0] == 200
    for host in ("evil.example", "localhost.evil.example", "127.0.0.1.evil.example"):
        assert server.get("/healthz", host)[0] == 400


def test_every_address_needs_names(run: Callable[..., Running]) -> None:
    server = run(SIMPLE, "--host", "0.0.0.0", WEBAPP_TRUSTED_HOSTS="localhost,chat.example")
    assert f"http://localhost:{server.port} " in server.line
    assert server.get("/healthz", "chat.example:8000")[0] == 200


def test_run_says_how_to_add_the_first_user(run: Callable[..., Running], cli: CommandLine) -> None:
    assert "users add" in run(WITH_ACCOUNTS).end(signal.SIGTERM)[2]
    cli.add("alice")
    assert run(WITH_ACCOUNTS).end(signal.SIGTERM)[2] == ""


def test_a_demo_ends_with_one_labelled_block(run: Callable[..., Running], cli: CommandLine) -> None:
    for start in ("first", "second"):
        server = run(WITH_ACCOUNTS, "--demo")
        block = [server.line.strip()]
        assert server.process.stdout
        while line := server.process.stdout.readline().strip():
            block.append(line)
        labels = dict(line.split(":", 1) for line in block)
        assert list(labels) == ["Address", "User", "Password", "Note", "To stop"]
        assert labels["User"].strip() == "demo"
        password = labels["Password"].strip()
        with cli.app():
            signed_in = check_password("demo", password)
        assert (signed_in is not None) == (start == "first")
        _, out, err = server.end(signal.SIGTERM)
        assert out == ""
        assert "Nobody can sign in" not in err
        assert ("users set-password demo" in labels["Note"]) == (start == "second")
    [demo] = json.loads(cli.ok("users", "list", "--json"))
    assert demo["metadata"] == {"role": "ADMIN"}


@pytest.mark.parametrize("options", [(), ("--reload",)])
def test_run_says_that_an_app_file_registers_nothing(
    run: Callable[..., Running], options: tuple[str, ...]
) -> None:
    server = run("import webapp\n\ndef profiles(): ...\n", *options)
    eventually(lambda: server.get("/healthz"), 200)
    ended = server.end(signal.SIGTERM)
    assert ended[2] == "app.py registers nothing; did you forget the decorators?\n"


def test_a_taken_port_is_one_line(cli: CommandLine) -> None:
    (cli.folder / "app.py").write_text(SIMPLE)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for options in ([], ["--reload"]):
            code, out, err = cli.process("run", "app.py", "--port", port, *options)
            assert (code, out) == (2, "")
            assert err == (
                f"Error: port {port} is in use; stop the program that uses it, or choose another "
                "with --port\n"
            )


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "Missing argument 'APP.py' (see `chat-profiles run --help`)\n"),
        (["gone.py"], "gone.py: there is no such file"),
        (["gone.py", "--reload"], "gone.py: there is no such file"),
        (["gone_module"], "neither a file nor a module"),
        (["folder"], "folder: is a folder; give the path of your app file"),
        (["folder", "--reload"], "folder: is a folder"),
        (["notes.txt"], "notes.txt: is not a Python file"),
        (["notes.txt", "--reload"], "notes.txt: is not a Python file"),
        (["twice"], "did you mean twice.py?"),
        (["twice.txt"], "twice.txt: there is no such file; did you mean twice.py?"),
        (["folder/gone.txt"], "folder/gone.txt: there is no such file"),
        ([""], "'': is not a Python file"),
        (["broken.py"], "broken.py:3: SyntaxError"),
        (["raises.py"], "raises.py:1: ZeroDivisionError"),
        (["twice.py"], "is used twice"),
        (["exits.py"], "sys.exit()"),
        (["app.py", "--port", "65536"], "'65536' is not a whole number from 0 to 65535 (see"),
        (["app.py", "--port", "http"], "'http' is not a whole number from 0 to 65535"),
        (["app.py", "--port", "9" * 5_000], "is not a whole number"),
        (["app.py", "--threads", "0"], "'0' is not a whole number from 1 to 1000"),
        (["app.py", "--host", "0.0.0.0"], "WEBAPP_TRUSTED_HOSTS"),
        (["app.py", "--host", "::", "--reload"], "WEBAPP_TRUSTED_HOSTS"),
        (["app.py", "--host", ""], "WEBAPP_TRUSTED_HOSTS"),
        (["app.py", "other.py"], "unexpected extra argument"),
    ],
    ids=lambda value: " ".join(value)[:50] if isinstance(value, list) else "",
)
def test_bad_input_is_one_line_and_makes_nothing(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch, arguments: list[str], reason: str
) -> None:
    files = {
        "app.py": SIMPLE,
        "broken.py": BROKEN,
        "raises.py": "1 / 0\n",
        "twice.py": "import webapp\nfor _ in '12':\n    webapp.on_chat_start(lambda: None)\n",
        "exits.py": "import sys\nsys.exit(0)\n",
        "notes.txt": "",
    }
    for name, source in files.items():
        (cli.folder / name).write_text(source)
    (cli.folder / "folder").mkdir()
    monkeypatch.chdir(cli.folder)
    assert reason in cli.refused("run", *arguments)
    assert not (cli.folder / "instance").exists()


@pytest.mark.parametrize(
    ("name", "value"), [("WEBAPP_SECRET_KEY", "short"), ("WEBAPP_CHAT_START_SECONDS", "soon")]
)
def test_bad_settings_are_one_line(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    (cli.folder / "app.py").write_text(SIMPLE)
    monkeypatch.chdir(cli.folder)
    monkeypatch.setenv(name, value)
    assert name in cli.refused("run", "app.py")


def test_a_broken_file_has_the_exit_code_of_a_real_process(cli: CommandLine) -> None:
    (cli.folder / "app.py").write_text(BROKEN)
    code, out, err = cli.process("run", "app.py")
    assert (code, out) == (2, "")
    assert err == f"Error: {cli.folder}/app.py:3: SyntaxError: invalid syntax\n"


def test_reload_follows_the_file_through_mistakes(
    run: Callable[..., Running], cli: CommandLine
) -> None:
    server = run(SIMPLE, "--reload")
    assert "Plain" in eventually(lambda: server.get("/"), 200)
    file = cli.folder / "app.py"
    save(file, BROKEN)
    page = eventually(lambda: server.get("/"), 500)
    assert "app.py:3: SyntaxError" in page
    assert "<script>" in page, "the page asks for itself until the file is mended"
    save(file, SIMPLE.replace("Plain", "Mended"))
    assert "Mended" in eventually(lambda: server.get("/"), 200)
    code, _, err = server.end(signal.SIGINT)
    assert code == 0
    assert "Traceback" not in err


def test_reload_sends_our_headers_and_no_version(
    run: Callable[..., Running], cli: CommandLine
) -> None:
    server = run(SIMPLE, "--reload")
    eventually(lambda: server.get("/"), 200)
    fine = headers_of(server)
    save(cli.folder / "app.py", BROKEN)
    eventually(lambda: server.get("/"), 500)
    for headers in (fine, headers_of(server)):
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert not re.search(r"\d", headers.get("Server", ""))


def headers_of(server: Running) -> Message:
    with closing(HTTPConnection(server.host, server.port, timeout=SECONDS)) as connection:
        connection.request("GET", "/")
        return connection.getresponse().headers


def test_reload_ends_with_its_child(run: Callable[..., Running]) -> None:
    server = run(SIMPLE, "--reload")
    eventually(lambda: server.get("/healthz"), 200)
    server.process.terminate()
    assert server.process.wait(SECONDS) == 0
    with pytest.raises(OSError, match="refused"):
        server.get("/healthz")


@pytest.mark.parametrize(
    ("host", "trusted"),
    [
        ("127.0.0.1", ("127.0.0.1", "localhost", "[::1]")),
        ("192.0.2.7", ("192.0.2.7", "localhost", "127.0.0.1", "[::1]")),
        ("chat.example", ("chat.example", "localhost", "127.0.0.1", "[::1]")),
        ("::1", ("localhost", "127.0.0.1", "[::1]")),
    ],
)
def test_a_plain_address_or_name_is_trusted(host: str, trusted: tuple[str, ...]) -> None:
    assert hosts_to_trust(host, Settings()) == trusted


def test_configured_names_win() -> None:
    settings = Settings(trusted_hosts=("chat.example",))
    assert hosts_to_trust("0.0.0.0", settings) == ("chat.example",)
    assert hosts_to_trust("fd00::7", settings) == ("chat.example",)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "*", "fd00::7"])
def test_an_address_that_is_no_name_needs_one(host: str) -> None:
    with pytest.raises(StartupError, match="WEBAPP_TRUSTED_HOSTS"):
        hosts_to_trust(host, Settings())


@pytest.mark.skipif(not HAS_IPV6, reason="this machine has no IPv6")
def test_ipv6_loopback_is_reached_as_localhost(run: Callable[..., Running]) -> None:
    server = run(SIMPLE, "--host", "::1")
    assert server.host == "localhost"
    assert server.get("/healthz", at="::1")[0] == 200
