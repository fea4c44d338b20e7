"""The lock files install the same, complete set of packages everywhere."""

import re
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
PIN = re.compile(r"(?P<name>[a-z0-9][a-z0-9.-]*)==(?P<version>\S+)(?P<hashes>( --hash=\S+)*)")
PYTHONS = ["3.11", "3.12", "3.13", "3.14"]
SYSTEMS = {"linux": "Linux", "darwin": "Darwin"}


def entries(lock: Path) -> list[str]:
    """List the lock's requirements, each on one line, without comments."""
    text = re.sub(r"^\s*#.*\n", "", lock.read_text(), flags=re.MULTILINE)
    return [" ".join(line.split()) for line in text.replace("\\\n", " ").splitlines() if line]


def pins(name: str) -> dict[str, str]:
    matches = (PIN.fullmatch(entry) for entry in entries(ROOT / "requirements" / name))
    return {match["name"]: match["version"] for match in matches if match}


def hashes(lock: Path, package: str) -> list[str]:
    return next(e for e in entries(lock) if e.startswith(f"{package}==")).split()[1:]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_requirement_is_a_pin_with_sha256_hashes(lock: Path) -> None:
    assert entries(lock)
    for entry in entries(lock):
        assert re.fullmatch(r"\S+==\S+( --hash=sha256:[0-9a-f]{64})+", entry), entry[:80]
        assert PIN.fullmatch(entry), entry[:80]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_names_no_host_and_no_path(lock: Path) -> None:
    text = re.sub(r"# +-c requirements/\w+\.txt|-r requirements/\w+\.in", "", lock.read_text())
    assert "/" not in text
    assert "\\" not in text.replace("\\\n", "\n")
    assert not re.search(r"index-url|find-links|trusted-host|@|localhost", text)


@pytest.mark.parametrize("package", ["cffi", "markupsafe", "nh3", "sqlalchemy"])
def test_compiled_packages_are_locked_for_many_platforms(package: str) -> None:
    assert len(hashes(ROOT / "requirements" / "run.txt", package)) > 20


@pytest.mark.parametrize(
    ("lock", "requirements"),
    [
        ("run.txt", [*PROJECT["dependencies"], *EXTRAS["gunicorn"]]),
        ("test.txt", [*PROJECT["dependencies"], *EXTRAS["test"], *EXTRAS["lint"]]),
        ("test.txt", [*EXTRAS["gunicorn"], *EXTRAS["postgresql"]]),
    ],
)
def test_pins_are_within_the_ranges_of_the_project(lock: str, requirements: list[str]) -> None:
    locked = pins(lock)
    for requirement in map(Requirement, requirements):
        version = locked[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version), f"{requirement} is locked at {version}"


@pytest.mark.parametrize("smaller", ["run.txt", "build.txt", "sbom.txt"])
def test_the_test_lock_holds_the_others_at_the_same_versions(smaller: str) -> None:
    assert pins(smaller).items() <= pins("test.txt").items()


def test_the_run_lock_brings_no_tools() -> None:
    assert not {"pytest", "hatchling", "playwright", "pip", "setuptools"} & pins("run.txt").keys()


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("lock", ["run.txt", "build.txt", "test.txt"])
def test_a_lock_is_complete_for_each_python(lock: str, python: str, system: str) -> None:
    locked = pins(lock)
    for package in locked:
        for needed in needs(package, python, system):
            assert needed in locked, f"{package} needs {needed} on Python {python}, {system}"


def needs(package: str, python: str, system: str) -> Iterator[str]:
    """Name what an installed package requires there, without its extras."""
    there: dict[str, str] = {
        **{name: str(value) for name, value in default_environment().items()},
        "python_version": python,
        "python_full_version": f"{python}.0",
        "sys_platform": system,
        "platform_system": SYSTEMS[system],
        "extra": "",
    }
    for requirement in requirements_of(package):
        if requirement.marker is None or requirement.marker.evaluate(there):
            yield canonicalize_name(requirement.name)


@cache
def requirements_of(package: str) -> tuple[Requirement, ...]:
    return tuple(map(Requirement, metadata.requires(package) or []))


def test_this_environment_has_the_locked_versions() -> None:
    installed = {name: metadata.version(name) for name in pins("test.txt")}
    locked = pins("test.txt")
    assert {n: v for n, v in installed.items() if Version(v) != Version(locked[n])} == {}
