"""The benchmarks know the parts of the app that they measure."""

from __future__ import annotations

import pytest

from benchmarks.stopwatches import WATCHED, find


@pytest.mark.parametrize("where", WATCHED.values())
def test_what_the_stopwatches_watch_is_there(where: str) -> None:
    owner, name = find(where)
    assert callable(getattr(owner, name))
