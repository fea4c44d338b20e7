"""stand-in"""

from typing import Any


class Found:
    hits: list[Any] = []
    next = None
    nothing_to_look_for = False


def search(*a: Any) -> Found:
    return Found()
