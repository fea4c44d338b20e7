"""The samples of hostile and odd input in tests/corpus/."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent.parent / "corpus"


def samples(name: str) -> list[dict[str, Any]]:
    """Return the rows of a corpus, each with an ``id``."""
    lines = (FOLDER / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def text_of(sample: dict[str, Any]) -> str:
    """Return the sample's text, made from its recipe when it is long."""
    if "gen" in sample:
        return str(sample["gen"]["unit"]) * int(sample["gen"]["count"])
    return str(sample.get("value", sample.get("payload")))


def sample_id(sample: dict[str, Any]) -> str:
    """Return the name of a sample in a test's id."""
    return str(sample["id"])
