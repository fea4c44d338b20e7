"""What a type checker says about an app file."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.slow
def test_decorators_keep_types_and_refuse_what_cannot_work(monkeypatch: pytest.MonkeyPatch) -> None:
    mypy = pytest.importorskip("mypy.api")
    monkeypatch.chdir(ROOT)
    # With the settings of `make lint`, so that the two share what mypy remembers.
    report, errors, status = mypy.run(["tests/type_check"])
    assert (status, errors) == (0, ""), report
