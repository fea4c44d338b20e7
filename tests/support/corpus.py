"""The samples of hostile and odd input in tests/corpus/."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
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


def check_each(check: Callable[[dict[str, Any]], None], rows: Iterable[dict[str, Any]]) -> None:
    """Check all samples in one test, and fail with the name of each that is not as it should be.

    A test of its own for each of some hundred samples takes longer than the samples themselves.
    """
    found = []
    for sample in rows:
        try:
            check(sample)
        except AssertionError as error:
            found.append(f"{sample_id(sample)}: {error}")
        except Exception as error:
            error.add_note(f"It came with the sample {sample_id(sample)}.")
            raise
    assert not found, "\n".join(found)
