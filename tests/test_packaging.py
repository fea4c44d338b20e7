"""The wheel is the whole product: installed elsewhere, it serves without the checkout."""

import http.client
import os
import re
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import urlencode

import pytest

from scripts import build_static
from tests.support.ports import free_port
from tests.support.servers import PATIENCE

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent
RUN_LOCK = ROOT / "requirements" / "run.txt"
PASSWORD = "correct-horse-battery-staple"
APP_FILE = """\
import chat_profiles as cl

cl.password_auth_callback(cl.seeded_user)


@cl.set_chat_profiles
def profiles():
    return [cl.ChatProfile(name="Packed", markdown_description="From a **wheel**.")]
"""
# Runs whenever the new environment's Python starts, and notes what is read of the checkout.
WATCH = """\
import os, sys

def note(event, arguments):
    if event in ("open", "os.listdir", "os.scandir") and arguments:
        path = arguments[0]
        path = isinstance(path, (str, bytes)) and os.path.abspath(os.fsdecode(path))
        if path and path.startswith({root!r}):
            with open({log!r}, "a") as log:
                print(path, file=log)

sys.addaudithook(note)
"""


def build(source: Path, kind: str, folder: Path) -> Path:
    """Build without network and without isolation; return the one file that came out."""
    folder.mkdir()
    command = [sys.executable, "-m", "build", "--no-isolation", f"--{kind}", "--outdir"]
    run([*command, str(folder), str(source)], cwd=folder)
    (built,) = folder.iterdir()
    return built


def run(
    command: list[str], cwd: Path, env: dict[str, str] | None = None, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        command, cwd=cwd, env=env, input=stdin, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done


def files_in_wheel(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return sorted(archive.namelist())


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(ROOT, "wheel", tmp_path_factory.mktemp("wheel") / "out")


@pytest.fixture(scope="module")
def unpacked_sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sdist")
    archive = build(ROOT, "sdist", folder / "out")
    run([sys.executable, "-m", "tarfile", "--extract", str(archive), str(folder)], cwd=folder)
    (unpacked,) = folder.glob("chat_profiles-*")
    return unpacked


@dataclass(frozen=True)
class Installed:
    """The wheel in an environment of its own, and a folder for one site."""

    environment: Path
    site: Path
    seen_of_the_checkout: Path

    @property
    def variables(self) -> dict[str, str]:
        ours = ("PYTHON", "VIRTUAL_ENV", "WEBAPP_", "FLASK_", "CHAT_PROFILES_", "COV")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        return kept | {"HOME": str(self.site)}

    @property
    def command(self) -> str:
        return str(self.environment / "bin" / "chat-profiles")

    def chat_profiles(self, *arguments: str, stdin: str = "") -> str:
        return run([self.command, *arguments], self.site, self.variables, stdin).stdout

    def python(self, code: str) -> str:
        python = str(self.environment / "bin" / "python")
        return run([python, "-c", code], self.site, self.variables).stdout.strip()


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    folder = tmp_path_factory.mktemp("installed")
    site = folder / "site"
    site.mkdir()
    (site / "app.py").write_text(APP_FILE)
    environment = folder / "environment"
    run([sys.executable, "-m", "venv", "--without-pip", str(environment)], cwd=folder)
    pip = [sys.executable, "-m", "pip", "--python", str(environment / "bin" / "python")]
    pip += ["install", "--no-compile"]  # a few of the modules are imported here
    run([*pip, "--quiet", "--require-hashes", "-r", str(RUN_LOCK)], cwd=folder)
    run([*pip, "--quiet", "--no-index", "--no-deps", str(wheel)], cwd=folder)
    watch_the_checkout(environment, folder / "seen")
    return Installed(environment, site, folder / "seen")


def watch_the_checkout(environment: Path, log: Path) -> None:
    (packages,) = environment.glob("lib/python*/site-packages")
    code = WATCH.format(root=f"{ROOT}{os.sep}", log=str(log))
    (packages / "watch_the_checkout.py").write_text(code)
    (packages / "watch_the_checkout.pth").write_text("import watch_the_checkout\n")


@dataclass
class Browser:
    """Just enough of a browser: one address, kept cookies."""

    port: int
    cookies: SimpleCookie

    def request(
        self, method: str, path: str, form: dict[str, str] | None = None
    ) -> tuple[http.client.HTTPResponse, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        body = urlencode(form) if form is not None else None
        try:
            connection.request(method, path, body, self.headers())
            response = connection.getresponse()
            text = response.read().decode()
        finally:
            connection.close()
        for header in response.msg.get_all("Set-Cookie", []):
            self.cookies.load(header)
        return response, text

    def headers(self) -> dict[str, str]:
        jar = "; ".join(f"{name}={morsel.value}" for name, morsel in self.cookies.items())
        return {
            "Content-Type": "application/x-www-form-urlencoded",
            "Cookie": jar,
            "Origin": f"http://127.0.0.1:{self.port}",
            "Referer": f"http://127.0.0.1:{self.port}/login",
        }


@pytest.fixture(scope="module")
def browser(installed: Installed) -> Iterator[Browser]:
    installed.chat_profiles("db", "upgrade")
    installed.chat_profiles("users", "add", "alice", "--password-stdin", stdin=f"{PASSWORD}\n")
    with serving(installed) as port:
        yield Browser(port, SimpleCookie())


@contextmanager
def serving(installed: Installed) -> Iterator[int]:
    port = free_port()
    log = installed.site / "server.log"
    with log.open("w") as output:
        server = subprocess.Popen(
            [installed.command, "run", "app.py", "--port", str(port)],
            cwd=installed.site,
            env=installed.variables,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            wait_until_up(server, port, log)
            yield port
        finally:
            server.terminate()
            server.wait(timeout=PATIENCE)


def wait_until_up(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and server.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    pytest.fail(f"chat-profiles run did not come up:\n{log.read_text()}")


def csrf_token(page: str) -> str:
    field = re.search(r'<input[^>]*name="csrf_token"[^>]*>', page)
    value = field and re.search(r'value="([^"]+)"', field[0])
    assert value, "the login form has no CSRF token"
    return value[1]


def test_the_wheel_holds_the_app_and_nothing_else(wheel: Path) -> None:
    names = files_in_wheel(wheel)
    top = {name.split("/")[0] for name in names}
    described = f"{'-'.join(wheel.name.split('-')[:2])}.dist-info"
    assert top == {"chat_profiles", "chat_profiles_pytest", "webapp", described}
    assert [n for n in names if "__pycache__" in n or n.endswith((".pyc", ".sqlite3"))] == []


@pytest.mark.parametrize("folder", ["migrations", "templates"])
def test_the_wheel_holds_every_file_of(folder: str, wheel: Path) -> None:
    here = {
        f"webapp/{path.relative_to(ROOT).as_posix()}"
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert here
    assert here <= set(files_in_wheel(wheel))


def test_the_wheel_holds_the_built_static_files_and_no_sources_of_them(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.startswith("webapp/static/")]
        static = {name.removeprefix("webapp/static/"): archive.read(name) for name in names}
    assert static == build_static.built_files()


def test_the_wheel_tells_that_it_is_typed_and_under_which_licence(wheel: Path) -> None:
    names = files_in_wheel(wheel)
    assert {"webapp/py.typed", "chat_profiles/py.typed"} <= set(names)
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def test_the_source_archive_builds_the_same_wheel(
    wheel: Path, unpacked_sdist: Path, tmp_path: Path
) -> None:
    again = build(unpacked_sdist, "wheel", tmp_path / "out")
    assert files_in_wheel(again) == files_in_wheel(wheel)


def test_the_source_archive_is_a_whole_project(unpacked_sdist: Path) -> None:
    expected = [
        "README.md",
        "SECURITY.md",
        "docs/images/chat.png",
        "LICENSE",
        "Makefile",
        "requirements/run.txt",
        "tests/conftest.py",
    ]
    assert [name for name in expected if not (unpacked_sdist / name).is_file()] == []
    assert not (unpacked_sdist / "instance").exists()


@pytest.mark.parametrize("name", ["webapp", "chat_profiles"])
def test_the_package_is_imported_from_the_new_environment(installed: Installed, name: str) -> None:
    file = installed.python(f"import {name}; print({name}.__file__)")
    assert Path(file).is_relative_to(installed.environment)
    show_help = "import runpy, sys; sys.argv[1:] = ['--help']; runpy.run_module"
    run_it = f"{show_help}({name!r}, None, '__main__')"
    assert "Usage: chat-profiles" in installed.python(run_it)


def test_authors_can_test_their_app_with_what_is_installed(installed: Installed) -> None:
    entry_points = "from importlib.metadata import entry_points; print(*entry_points("
    found = installed.python(f"{entry_points}group='pytest11', name='chat_profiles_pytest'))")
    assert "value='chat_profiles_pytest'" in found
    spec = "import importlib.util as util; print(util.find_spec('chat_profiles_pytest').origin)"
    assert Path(installed.python(spec)).is_relative_to(installed.environment)
    # The kit itself knows no pytest, which is not installed there.
    talk = "from chat_profiles.testing import ChatTester\nwith ChatTester('app.py') as chat:\n"
    told = installed.python(f"{talk}    print(*chat.sign_in('ada').profiles, chat.start().status)")
    assert told == "Packed complete"


def test_the_login_page_is_served(browser: Browser) -> None:
    response, page = browser.request("GET", "/login")
    assert response.status == 200
    assert 'data-testid="login-form"' in page


def test_static_files_are_served_for_good(browser: Browser) -> None:
    _, page = browser.request("GET", "/login")
    urls = set(re.findall(r'(?:href|src)="(/static/[^"]+\.(?:css|js)[^"]*)"', page))
    assert urls
    for url in urls:
        response, _ = browser.request("GET", url)
        assert response.status == 200, url
        assert "immutable" in response.headers["Cache-Control"], url


def test_a_seeded_user_can_log_in(browser: Browser) -> None:
    _, page = browser.request("GET", "/login")
    form = {"username": "alice", "password": PASSWORD, "csrf_token": csrf_token(page)}
    response, _ = browser.request("POST", "/login", form)
    assert response.status == 303
    response, page = browser.request("GET", "/")
    assert response.status == 200
    assert "alice" in page
    assert "Packed" in page


@pytest.mark.usefixtures("browser")
def test_nothing_is_read_from_the_checkout(installed: Installed) -> None:
    installed.python(f"open({str(RUN_LOCK)!r})")
    seen = installed.seen_of_the_checkout.read_text().splitlines()
    assert set(seen) == {str(RUN_LOCK)}, "more than the file we opened to see that we would notice"
