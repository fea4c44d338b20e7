"""List what the product is made of, as a CycloneDX file (SBOM) in ``dist/``.

It has the packages of ``requirements/run.txt`` with their hashes, and the scripts of others in
``static/``. The same checkout gives the same file.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
import uuid
from pathlib import Path
from typing import Any

from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import DisjunctiveLicense
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from packageurl import PackageURL

CHECKOUT = Path(__file__).resolve().parent.parent
_PIN = re.compile(r"^([a-z0-9.-]+)==(\S+)((?: --hash=sha256:[0-9a-f]{64})+)$", re.MULTILINE)


def build_sbom(checkout: Path = CHECKOUT) -> str:
    """Return the list as JSON."""
    project = tomllib.loads((checkout / "pyproject.toml").read_text())["project"]
    product = Component(
        type=ComponentType.APPLICATION,
        name=project["name"],
        version=project["version"],
        description=project["description"],
        licenses=[DisjunctiveLicense(id=project["license"])],
        purl=PackageURL("pypi", name=project["name"], version=project["version"]),
        bom_ref=project["name"],
    )
    parts = [*_packages(checkout / "requirements/run.txt"), *_scripts(checkout / "static")]
    bom = Bom(components=parts)
    bom.metadata.component = product
    bom.register_dependency(product, parts)

    found: dict[str, Any] = json.loads(
        make_outputter(bom, OutputFormat.JSON, SchemaVersion.V1_6).output_as_string()
    )
    # Neither a time nor a random number: who builds again can compare.
    del found["metadata"]["timestamp"]
    name = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(found["components"], sort_keys=True))
    found["serialNumber"] = f"urn:uuid:{name}"
    return json.dumps(found, indent=2, sort_keys=True) + "\n"


def _packages(lock: Path) -> list[Component]:
    lines = re.sub(r"^\s*#.*\n", "", lock.read_text(), flags=re.MULTILINE)
    lines = re.sub(r" *\\\n *", " ", lines)
    return [
        Component(
            type=ComponentType.LIBRARY,
            name=name,
            version=version,
            purl=PackageURL("pypi", name=name, version=version),
            bom_ref=f"pypi:{name}",
            hashes=[_sha256(digest) for digest in re.findall(r"[0-9a-f]{64}", hashes)],
        )
        for name, version, hashes in _PIN.findall(lines)
    ]


def _scripts(folder: Path) -> list[Component]:
    return [
        Component(
            type=ComponentType.LIBRARY,
            name=script["name"],
            version=script["version"],
            description=script["source"],
            licenses=[DisjunctiveLicense(id=script["licence"])],
            bom_ref=f"static:{script['name']}",
            hashes=[_sha256(script["sha256"])],
        )
        for script in json.loads((folder / "vendor.json").read_text())
    ]


def _sha256(digest: str) -> HashType:
    return HashType(alg=HashAlgorithm.SHA_256, content=digest)


def main() -> None:
    """Write the list beside the wheel, or into the file that is named."""
    text = build_sbom()
    component = json.loads(text)["metadata"]["component"]
    file = CHECKOUT / "dist" / f"{component['name']}-{component['version']}.cdx.json"
    file = Path(sys.argv[1]) if len(sys.argv) > 1 else file
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    sys.stdout.write(f"Wrote {file}.\n")


if __name__ == "__main__":
    main()
