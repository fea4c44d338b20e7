"""What static/ holds is what it says, small, and ready compressed."""

import gzip
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import brotli
import pytest

from scripts import compress_static

STATIC = Path(__file__).resolve().parent.parent / "static"
VENDORED: list[dict[str, Any]] = json.loads((STATIC / "vendor.json").read_text())
COMPRESSED = {".css", ".js", ".svg"}
SOURCES = sorted(path for path in STATIC.rglob("*") if path.suffix in COMPRESSED)
BUNDLE = STATIC / "htmx.bundle.js"
APP = STATIC / "app.js"
OWN_SCRIPTS = [
    path
    for path in SOURCES
    if path.suffix == ".js" and path.name not in {BUNDLE.name, *(e["file"] for e in VENDORED)}
]


def name(path: Path) -> str:
    return path.relative_to(STATIC).as_posix()


def beside(source: Path, suffix: str) -> bytes:
    packed = source.with_name(source.name + suffix)
    assert packed.exists(), f"{packed.name} is missing. Run: make assets"
    return packed.read_bytes()


@pytest.mark.parametrize("entry", VENDORED, ids=lambda entry: entry["name"])
def test_a_vendored_file_is_the_published_one(entry: dict[str, Any]) -> None:
    content = (STATIC / entry["file"]).read_bytes()
    assert hashlib.sha256(content).hexdigest() == entry["sha256"]
    assert entry["source"].endswith(f"htmx.org {entry['version']}")
    assert entry["licence"]


def test_htmx_says_that_it_is_the_version_we_name() -> None:
    content = (STATIC / "htmx.min.js").read_bytes().replace(b"'", b'"')
    assert f'version="{VENDORED[0]["version"]}"'.encode() in content


def test_the_script_of_all_pages_is_joined_of_the_others() -> None:
    assert compress_static.bundled() == BUNDLE.read_bytes(), "Run: make assets"
    parts = [(STATIC / part).read_bytes() for part in ("htmx.min.js", "htmx-sse.min.js")]
    assert BUNDLE.read_bytes().startswith(b"\n".join(parts))


def test_our_script_says_the_same_without_its_indentation() -> None:
    # Of text that goes over several lines, the indentation would be a part.
    assert [line for line in APP.read_text().splitlines() if line.count("`") % 2] == []


def test_every_minified_file_is_listed_as_vendored() -> None:
    assert {path.name for path in STATIC.rglob("*.min.*") if path.suffix in COMPRESSED} == {
        entry["file"] for entry in VENDORED
    }


@pytest.mark.parametrize("source", SOURCES, ids=name)
def test_compressed_siblings_are_current(source: Path) -> None:
    remedy = "Run: make assets"
    assert gzip.decompress(beside(source, ".gz")) == source.read_bytes(), remedy
    assert brotli.decompress(beside(source, ".br")) == source.read_bytes(), remedy


@pytest.mark.parametrize("source", SOURCES, ids=name)
def test_gzip_headers_tell_no_time_and_no_name(source: Path) -> None:
    flags, modified = beside(source, ".gz")[3], beside(source, ".gz")[4:8]
    assert (flags, modified) == (0, b"\0\0\0\0")


def test_no_compressed_file_outlives_its_source() -> None:
    packed = [path for path in STATIC.rglob("*") if path.suffix in {".br", ".gz"}]
    assert [name(path) for path in packed if not path.with_suffix("").exists()] == []


@pytest.mark.parametrize("source", [s for s in SOURCES if s.suffix != ".svg"], ids=name)
def test_no_file_sends_the_browser_after_a_source_map(source: Path) -> None:
    assert b"sourceMappingURL" not in source.read_bytes()


def test_our_own_script_is_at_most_4_kb_on_the_wire() -> None:
    assert OWN_SCRIPTS == [APP]
    assert len(compress_static.with_gzip(compress_static.slim(APP.read_bytes()))) <= 4096


@pytest.mark.parametrize("script", OWN_SCRIPTS, ids=name)
def test_our_own_script_runs_under_a_strict_policy(script: Path) -> None:
    forbidden = r"\beval\s*\(|\bnew Function\b|\.on[a-z]+\s*=[^=]|innerHTML|document\.write"
    assert re.findall(forbidden, script.read_text()) == []


@pytest.mark.parametrize("sheet", [s for s in SOURCES if s.suffix == ".css"], ids=name)
def test_our_stylesheet_asks_nobody_else_for_anything(sheet: Path) -> None:
    assert re.findall(r"@import|url\(\s*['\"]?(?:https?:)?//", sheet.read_text()) == []
