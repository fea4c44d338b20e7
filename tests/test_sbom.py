"""What the product is made of is listed with each build."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from scripts.build_sbom import build_sbom
from tests.test_lock_files import PROJECT, entries, hashes, pins

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def sbom() -> dict[str, Any]:
    """Return the list of this checkout."""
    found: dict[str, Any] = json.loads(build_sbom())
    return found


def test_it_is_of_a_known_format_and_of_this_product(sbom: dict[str, Any]) -> None:
    assert (sbom["bomFormat"], sbom["specVersion"]) == ("CycloneDX", "1.6")
    assert re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", sbom["serialNumber"])
    product = sbom["metadata"]["component"]
    assert (product["name"], product["version"]) == (PROJECT["name"], PROJECT["version"])
    assert product["licenses"] == [{"license": {"id": "BSD-3-Clause"}}]


def test_it_has_every_package_that_is_installed_with_its_hashes(sbom: dict[str, Any]) -> None:
    packages = {
        part["name"]: part for part in sbom["components"] if part["bom-ref"].startswith("pypi:")
    }
    assert {name: part["version"] for name, part in packages.items()} == pins("run.txt")
    lock = ROOT / "requirements" / "run.txt"
    assert len(packages) == len(entries(lock)) > 20
    for name, part in packages.items():
        assert part["purl"] == f"pkg:pypi/{name}@{part['version']}"
        listed = {f"--hash=sha256:{one['content']}" for one in part["hashes"]}
        assert listed == set(hashes(lock, name))


def test_it_has_the_scripts_of_others(sbom: dict[str, Any]) -> None:
    vendored = json.loads((ROOT / "static" / "vendor.json").read_text())
    scripts = [part for part in sbom["components"] if part["bom-ref"].startswith("static:")]
    assert sorted((part["name"], part["version"]) for part in scripts) == sorted(
        (script["name"], script["version"]) for script in vendored
    )


def test_the_product_depends_on_all_of_them(sbom: dict[str, Any]) -> None:
    [needs] = [one["dependsOn"] for one in sbom["dependencies"] if one["ref"] == PROJECT["name"]]
    assert set(needs) == {part["bom-ref"] for part in sbom["components"]}


def test_the_same_checkout_gives_the_same_list() -> None:
    assert build_sbom() == build_sbom()
