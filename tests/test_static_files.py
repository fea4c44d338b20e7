"""What the build makes of static/ is what it says, small, and ready compressed."""

import gzip
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import brotli
import pytest
import rcssmin
import rjsmin
from flask import Flask
from werkzeug.test import Client

from scripts import build_static
from webapp.web import assets

ROOT = Path(__file__).resolve().parent.parent
STATIC = ROOT / "static"
VENDORED: list[dict[str, Any]] = json.loads((STATIC / "vendor.json").read_text())
SCRIPTS = sorted((STATIC / "js").glob("*.js"))
SHEETS = sorted((STATIC / "css").glob("*.css"))


@pytest.fixture(scope="module")
def built() -> dict[str, bytes]:
    return build_static.built_files()


@pytest.fixture(scope="module")
def served(built: dict[str, bytes]) -> list[str]:
    return sorted(name for name in built if not name.endswith((".br", ".gz", ".json")))


@pytest.mark.parametrize("entry", VENDORED, ids=lambda entry: entry["name"])
def test_a_vendored_file_is_the_published_one(entry: dict[str, Any]) -> None:
    content = (STATIC / entry["file"]).read_bytes()
    assert hashlib.sha256(content).hexdigest() == entry["sha256"]
    package = "mermaid" if entry["name"] == "mermaid" else "htmx.org"
    assert entry["source"].endswith(f"{package} {entry['version']}")
    assert entry["licence"]


def test_htmx_says_that_it_is_the_version_we_name() -> None:
    content = (STATIC / "htmx.min.js").read_bytes().replace(b"'", b'"')
    assert f'version="{VENDORED[0]["version"]}"'.encode() in content


def test_every_minified_source_is_listed_as_vendored() -> None:
    found = {str(path.relative_to(STATIC)) for path in STATIC.rglob("*.min.*")}
    assert found == {entry["file"] for entry in VENDORED}


def test_no_built_file_is_kept_in_git() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout")
    ours = ["git", "ls-files", "*.br", "*.gz", "*.bundle.js", "webapp/static"]
    assert subprocess.check_output(ours, cwd=ROOT, text=True).split() == []


def test_the_script_of_all_pages_begins_with_htmx(built: dict[str, bytes]) -> None:
    parts = [(STATIC / name).read_bytes() for name in build_static.VENDORED]
    assert built["htmx.bundle.js"].startswith(b"\n".join(parts))


def test_a_module_stands_behind_those_that_it_imports() -> None:
    modules = {
        "a": 'import { last } from "./b.js";\n\nlast();\n',
        "b": "export const last = () => {};\n",
    }
    joined = build_static.joined_scripts(modules)
    assert joined.index("const last") < joined.index("last();")
    assert not re.search(r"\b(import|export)\b", joined)


def test_the_script_of_all_pages_holds_every_module(built: dict[str, bytes]) -> None:
    own = built["htmx.bundle.js"].decode()
    for path in SCRIPTS:
        body = build_static.EXPORT.sub("", build_static.IMPORT.sub("", path.read_text()))
        assert rjsmin.jsmin(body).strip(";\n") in own, path.name


def test_two_modules_cannot_use_the_same_name() -> None:
    with pytest.raises(ValueError, match="define same"):
        build_static.joined_scripts({"a": "const same = 1;\n", "b": "export const same = 2;\n"})


@pytest.mark.parametrize("line", ["export default 1;", 'import * as a from "./a.js";'])
def test_what_cannot_be_joined_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=re.escape(line)):
        build_static.joined_scripts({"b": f"{line}\n"})


def test_what_we_ship_is_minified(built: dict[str, bytes]) -> None:
    own = built["htmx.bundle.js"].decode().splitlines()[len(build_static.VENDORED) :]
    sources = sum(len(path.read_bytes()) for path in SCRIPTS)
    assert rjsmin.jsmin("\n".join(own)) == "\n".join(own)
    assert sum(map(len, own)) < sources * 0.85

    style = built["app.css"].decode()
    assert rcssmin.cssmin(style) == style
    assert len(style) < sum(len(path.read_bytes()) for path in SHEETS) * 0.85


def test_served_files_have_compressed_siblings(built: dict[str, bytes], served: list[str]) -> None:
    assert len(served) > 20
    for name in served:
        assert gzip.decompress(built[f"{name}.gz"]) == built[name], name
        assert brotli.decompress(built[f"{name}.br"]) == built[name], name


def test_gzip_headers_tell_no_time_and_no_name(built: dict[str, bytes], served: list[str]) -> None:
    for name in served:
        assert (built[f"{name}.gz"][3], built[f"{name}.gz"][4:8]) == (0, b"\0\0\0\0"), name


def test_no_file_sends_the_browser_after_a_source_map(
    built: dict[str, bytes], served: list[str]
) -> None:
    assert [name for name in served if b"sourceMappingURL" in built[name]] == []


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_our_own_script_runs_under_a_strict_policy(script: Path) -> None:
    forbidden = r"\beval\s*\(|\bnew Function\b|\.on[a-z]+\s*=[^=]|innerHTML|document\.write"
    assert re.findall(forbidden, script.read_text()) == []


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda path: path.stem)
def test_our_stylesheet_asks_nobody_else_for_anything(sheet: Path) -> None:
    assert re.findall(r"@import|url\(\s*['\"]?(?:https?:)?//", sheet.read_text()) == []


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of what the build needs, which the app takes for its own checkout."""
    shutil.copytree(STATIC, tmp_path / "static")
    (tmp_path / "scripts").mkdir()
    shutil.copy(build_static.__file__, tmp_path / "scripts")
    (tmp_path / "webapp").mkdir()
    monkeypatch.setattr(assets, "FOLDER", tmp_path / "webapp" / "static")
    monkeypatch.setattr(assets, "SOURCES", tmp_path / "static")
    monkeypatch.setattr(assets, "BUILD_SCRIPT", tmp_path / "scripts" / "build_static.py")
    return tmp_path


def built_in(checkout: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (checkout / "webapp/static").iterdir()}


def test_the_same_sources_give_the_same_bytes_in_another_place(
    checkout: Path, built: dict[str, bytes]
) -> None:
    assets.build_if_changed()
    assert built_in(checkout) == built


def test_a_checkout_is_not_built_twice(checkout: Path) -> None:
    assets.build_if_changed()
    before = (checkout / "webapp/static/app.css").stat().st_mtime_ns
    assets.build_if_changed()
    assert (checkout / "webapp/static/app.css").stat().st_mtime_ns == before


def test_an_edited_script_is_served_at_once(checkout: Path) -> None:
    assets.build_if_changed()
    (checkout / "static/js/extra.js").write_text("const hello = 1;\n")
    assets.build_if_changed()
    assert b"hello" in built_in(checkout)["htmx.bundle.js"]


def test_a_site_that_runs_serves_what_was_edited(checkout: Path) -> None:
    client = Client(assets.static_files(Flask("nothing"), autorefresh=True))
    with client.get("/static/htmx.bundle.js") as before:
        assert b"hello" not in before.data
    (checkout / "static/js/extra.js").write_text("const hello = 1;\n")
    with client.get("/static/htmx.bundle.js") as after:
        assert b"hello" in after.data
        assert "max-age=0" in after.headers["Cache-Control"]


def test_a_removed_script_is_served_no_more(checkout: Path) -> None:
    (checkout / "static/js/extra.js").write_text("const hello = 1;\n")
    assets.build_if_changed()
    (checkout / "static/js/extra.js").unlink()
    assets.build_if_changed()
    assert b"hello" not in built_in(checkout)["htmx.bundle.js"]


def test_an_environment_without_minifiers_serves_the_joined_sources(
    checkout: Path, built: dict[str, bytes], served: list[str]
) -> None:
    for name in ("brotli", "rcssmin", "rjsmin"):
        (checkout / f"scripts/{name}.py").write_text("raise ImportError")
    script = [sys.executable, "-c", "import build_static; build_static.build()"]
    path = {**os.environ, "PYTHONPATH": str(checkout / "scripts")}
    subprocess.run(script, env=path, check=True)
    assert set(built_in(checkout)) == {"vendor.json", *served}
    assert built["app.css"] != built_in(checkout)["app.css"]

    done = subprocess.run(
        [sys.executable, str(checkout / "scripts/build_static.py")],
        env=path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, "what is shipped must be minified"
    assert "make assets" in done.stderr
