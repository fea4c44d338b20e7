"""`chat-profiles doctor` without a URL: what it finds in the settings here; it changes nothing."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli_support import CommandLine
from tests.support.apps import SECRET
from tests.support.doctor import Found, ask_doctor
from webapp.authoring.loading.loader import load_chat_app
from webapp.config.settings import Settings
from webapp.database.schema import upgrade
from webapp.doctor import local_checks
from webapp.doctor.findings import GOOD, HINT
from webapp.doctor.needed_packages import find_needed_packages

SIMPLE = """
import webapp as cl

@cl.set_chat_profiles
def profiles():
    return [cl.ChatProfile(name="Plain", markdown_description="The plain one.")]
"""


Check = Callable[[], Found]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the current folder, with an app file and the settings of a production site."""
    (tmp_path / "app.py").write_text(SIMPLE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WEBAPP_CHAT", "app.py")
    monkeypatch.setenv("WEBAPP_SECRET_KEY", SECRET)
    monkeypatch.setenv("WEBAPP_TRUSTED_HOSTS", "chat.example.org")
    return tmp_path


@pytest.fixture
def database(folder: Path) -> Path:
    """Return the file of a database with the current schema."""
    file = folder / "instance" / "chat.sqlite3"
    upgrade(Settings(database_url=f"sqlite:///{file}"))
    return file


@pytest.fixture
def check(folder: Path) -> Check:
    """Return `check()`, which asks the doctor and sees that nothing has changed."""
    cli = CommandLine(folder, "")

    def ask() -> Found:
        before = everything(folder)
        result = cli("doctor", "--json")
        assert everything(folder) == before
        assert SECRET not in result.output
        return Found(result.exit_code, result.stdout)

    return ask


def everything(folder: Path) -> dict[str, tuple[int, bytes]]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path): (path.stat().st_mode, path.read_bytes()) for path in files}


@pytest.mark.usefixtures("database")
def test_settings_in_order_are_well_and_the_app_streams(check: Check) -> None:
    found = check()
    assert (found.exit_code, found.codes("change")) == (0, set())
    assert {"safe", "database", "app-file", "ready", "sse", "flows"} <= found.codes("good")
    assert (found.report["checked"], found.report["server"]) == (None, "waitress")
    assert (found.report["streams"], found.report["buffered"]) == (6, False)
    advice = found.findings["ask-the-site"]["advice"]
    assert "`chat-profiles doctor https://chat.example.org`" in advice


@pytest.mark.parametrize(
    ("line", "module", "package"),
    [
        ("cl.LangchainCallbackHandler()", "langchain_core", "chat-profiles[langchain]"),
        ("cl.LlamaIndexCallbackHandler()", "llama_index", "chat-profiles[llama-index]"),
        ("cl.instrument_openai()", "openai", "chat-profiles[openai]"),
        ("from chat_profiles.integrations import ag_ui", "ag_ui", "chat-profiles[ag-ui]"),
        ("from webapp.integrations import mcp", "mcp", "chat-profiles[mcp]"),
        ("cl.Dataframe(data=[])", "pyarrow", "chat-profiles[tables]"),
        ("cl.Plotly(figure=None)", "plotly", "plotly"),
        ("cl.Pyplot(figure=None)", "matplotlib", "matplotlib"),
    ],
)
def test_a_package_that_the_app_calls_for_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch, line: str, module: str, package: str
) -> None:
    use = f"import webapp as cl\n@cl.on_message\nasync def answer(message):\n    {line}\n"
    (folder / f"uses_{module}.py").write_text(use)
    (folder / "app.py").write_text(f"import uses_{module}\n{SIMPLE}")
    app = load_chat_app(folder / "app.py")
    assert [*find_needed_packages(app, Settings())] == []
    # Python's own mark of a module that is not there.
    monkeypatch.setitem(sys.modules, module, None)
    [finding] = find_needed_packages(app, Settings())
    assert (finding.level, finding.advice) == (HINT, f"Run pip install '{package}'.")
    (folder / "app.py").write_text(SIMPLE)
    assert [*find_needed_packages(load_chat_app(folder / "app.py"), Settings())] == []


@pytest.mark.usefixtures("database")
def test_what_keys_of_users_and_servers_of_tools_call_for_is_named(
    check: Check, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / ".chainlit").mkdir()
    (folder / ".chainlit" / "config.toml").write_text('[project]\nuser_env = ["OPENAI_API_KEY"]\n')
    (folder / "tools.json").write_text('{"mcpServers": {"here": {"command": "true"}}}')
    monkeypatch.setenv("WEBAPP_MCP_SERVERS", "tools.json")
    assert "needs-package" not in check().findings
    for module in ("cryptography", "mcp"):
        monkeypatch.setitem(sys.modules, module, None)
    found = check()
    assert found.exit_code == 0
    lines = [each["advice"] for each in found.report["findings"] if each["code"] == "needs-package"]
    assert lines == [
        "Run pip install 'chat-profiles[mcp]'.",
        "Run pip install 'chat-profiles[user-keys]'.",
    ]


@pytest.mark.usefixtures("database")
def test_what_object_storage_calls_for_is_named(
    check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEBAPP_FILES_URL", "s3://bucket")
    monkeypatch.setitem(sys.modules, "obstore", None)
    assert "pip install 'chat-profiles[s3]'" in check().text("settings")


@pytest.mark.usefixtures("database")
def test_no_thread_and_no_port_is_left(check: Check) -> None:
    before = set(threading.enumerate())
    check()
    assert set(threading.enumerate()) - before == set()


def test_a_database_that_is_not_there_is_told_and_not_made(check: Check, folder: Path) -> None:
    found = check()
    assert (found.exit_code, "no-database" in found.codes("hint")) == (0, True)
    assert found.report["way"] == "sse"
    assert not (folder / "instance").exists()


@pytest.mark.parametrize("name", ["WEBAPP_SECRET_KEY", "WEBAPP_TRUSTED_HOSTS"])
def test_what_production_needs_is_told_and_not_made(
    check: Check, folder: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.delenv(name)
    found = check()
    assert (found.exit_code, found.codes("change")) == (1, {"unsafe"})
    assert f"{name} is not set" in found.text("unsafe")
    assert found.report["way"] == "sse"
    assert not (folder / "instance").exists()


def test_every_problem_with_safety_is_told_at_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WEBAPP_SECRET_KEY")
    monkeypatch.delenv("WEBAPP_TRUSTED_HOSTS")
    result = CommandLine(folder, "")("doctor")
    assert "CHANGE  WEBAPP_SECRET_KEY is not set." in result.stdout
    assert "CHANGE  WEBAPP_TRUSTED_HOSTS is not set:" in result.stdout


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WEBAPP_CHAT_START_SECONDS", "soon"),
        ("WEBAPP_DATABASE_URL", "mysql://localhost/chat"),
        ("WEBAPP_STREAMNG", "poll"),
    ],
)
def test_a_setting_that_is_not_understood_ends_the_check(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    url = value if name == "WEBAPP_DATABASE_URL" else ""
    found = ask_doctor(CommandLine(folder, url))
    assert (found.exit_code, found.codes("change")) == (1, {"settings"})
    assert name in found.text("settings")


@pytest.mark.parametrize(
    ("source", "code", "text"),
    [
        ("import webapp\n\ndef broken(:\n", "app-file", "app.py:3: SyntaxError"),
        ("import webapp\n", "empty-app-file", "registers nothing"),
        (None, "app-file", "there is no such file"),
    ],
)
def test_an_app_file_with_a_problem_is_told(
    check: Check, folder: Path, source: str | None, code: str, text: str
) -> None:
    file = folder / "app.py"
    file.unlink()
    if source is not None:
        file.write_text(source)
    found = check()
    assert (found.exit_code, found.codes("change")) == (1, {code})
    assert text in found.text(code)


def test_without_an_app_file_it_says_what_to_set(
    check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WEBAPP_CHAT")
    assert "WEBAPP_CHAT" in check().text("no-app-file")


def test_a_database_that_is_none_is_told(check: Check, database: Path) -> None:
    database.write_bytes(b"no database at all, but long enough to be read as a page of one" * 40)
    found = check()
    assert found.codes("change") == {"database"}
    assert "damaged" in found.text("database")


def test_an_empty_database_is_told(check: Check, database: Path) -> None:
    database.write_bytes(b"")
    assert "db upgrade" in check().text("database")


def test_files_that_others_can_read_are_told(check: Check, database: Path) -> None:
    database.chmod(0o644)
    found = check()
    assert found.codes("change") == {"open-file"}
    assert f"chmod 600 {database}" in found.text("open-file")


@pytest.mark.usefixtures("database")
def test_a_kept_secret_that_others_can_read_is_told(check: Check, folder: Path) -> None:
    secret = folder / "instance" / "secret_key"
    secret.write_text(SECRET)
    secret.chmod(0o644)
    assert str(secret) in check().text("open-file")


@pytest.mark.usefixtures("database")
def test_files_of_chats_that_others_can_read_are_told(check: Check, folder: Path) -> None:
    files = folder / "instance" / "files"
    files.mkdir(mode=0o755)
    files.chmod(0o755)
    assert f"chmod o-rwx {files}" in check().text("open-file")


@pytest.mark.usefixtures("database")
def test_a_place_for_files_that_is_closed_is_told(
    check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)
    assert check().codes("change") == {"closed-files"}


@pytest.mark.usefixtures("database")
def test_object_storage_that_is_down_is_told(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    names = {"ACCESS_KEY_ID": "key", "SECRET_ACCESS_KEY": SECRET, "REGION": "us-east-1"}
    for name, value in {**names, "ENDPOINT_URL": "http://127.0.0.1:9"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setenv("WEBAPP_FILES_URL", "s3://bucket-1")
    assert check().codes("change") == {"no-files"}


def test_a_folder_that_is_closed_is_told(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)  # the tests may run as root, who may all
    assert "closed-folder" in check().codes("change")


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("way", ["sse", "poll", "inline"])
def test_a_forced_way_to_watch_is_noted(
    check: Check, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.setenv("WEBAPP_STREAMING", way)
    found = check()
    assert (found.exit_code, found.report["way"]) == (0, way)
    assert f"WEBAPP_STREAMING={way}" in found.text("forced")


@pytest.mark.usefixtures("database")
def test_no_streams_at_all_is_told(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBAPP_MAX_STREAMS", "0")
    found = check()
    assert (found.report["way"], found.codes("change")) == ("poll", {"poll"})
    assert "WEBAPP_MAX_STREAMS" in found.findings["poll"]["advice"]


@pytest.mark.usefixtures("database")
def test_the_servers_of_this_python_are_named(
    check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_checks, "SERVERS", ("waitress", "no-such-server"))
    text = check().text("servers")
    assert text.startswith("Installed in this Python: waitress ")
    assert "no-such" not in text


def test_a_postgresql_that_is_down_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = "postgresql://chat:violet-tractor@127.0.0.1:9/chat"
    result = CommandLine(folder, url)("doctor", "--json")
    found = Found(result.exit_code, result.stdout)
    assert found.codes("change") == {"database"}
    assert found.report["way"] == "sse"
    assert "violet-tractor" not in result.output


def test_a_process_of_its_own_ends_with_the_exit_code_and_quietly(folder: Path) -> None:
    code, out, err = CommandLine(folder, "").process("doctor")
    assert (code, err) == (0, "")
    assert out.splitlines()[-1] == "Nothing to change."


PROXIED = """
import webapp as cl

@cl.header_auth_callback
def auth(headers):
    return None
"""


def test_headers_that_anybody_could_forge_are_a_thing_to_change(
    folder: Path, database: Path, check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "app.py").write_text(PROXIED)
    found = check()
    assert "header-sign-in" in found.codes("change")
    assert "WEBAPP_PROXY_SECRET" in found.text("header-sign-in")

    monkeypatch.setenv("WEBAPP_PROXY_ADDRESSES", "10.0.0.7")
    found = check()
    assert found.findings["header-sign-in"]["level"] == HINT
    assert "10.0.0.7" in found.text("header-sign-in")
    assert "X-Proxy-Secret" in found.findings["header-sign-in"]["advice"]

    monkeypatch.setenv("WEBAPP_PROXY_SECRET", "0123456789abcdef" * 3)
    found = check()
    assert found.findings["header-sign-in"]["level"] == GOOD
    assert "0123456789abcdef" not in str(found)


def test_an_app_without_such_headers_is_not_asked_for_a_proxy(check: Check, database: Path) -> None:
    assert "header-sign-in" not in check().findings
