"""The state that an agent shares, and changes to it as JSON Patch (RFC 6902)."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any

MOST_OPERATIONS = 10_000


class PatchError(ValueError):
    """A patch that does not fit the state."""


def apply_patch(state: Any, patch: Iterable[Mapping[str, Any]]) -> Any:
    """Return the state with the changes of a patch. The given one stays as it is.

    Raises
    ------
    PatchError
        A change does not fit.

    Example
    -------
    >>> apply_patch({"steps": ["a"]}, [{"op": "add", "path": "/steps/-", "value": "b"}])
    {'steps': ['a', 'b']}
    """
    root: Any = {"": copy.deepcopy(state)}
    for number, operation in enumerate(patch):
        if number >= MOST_OPERATIONS:
            raise PatchError("too many operations")
        try:
            _apply(root, operation)
        except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
            raise PatchError(f"operation {number + 1} does not fit") from error
    return root[""]


def _apply(root: Any, operation: Mapping[str, Any]) -> None:
    kind, path = operation["op"], _keys(operation["path"])
    if kind == "test":
        if _get(root, path) != operation["value"]:
            raise PatchError("the state is another one")
    elif kind == "add":
        _add(root, path, copy.deepcopy(operation["value"]))
    elif kind == "replace":
        _get(root, path)
        _remove(root, path)
        _add(root, path, copy.deepcopy(operation["value"]))
    elif kind == "remove":
        _remove(root, path)
    elif kind == "copy":
        _add(root, path, copy.deepcopy(_get(root, _keys(operation["from"]))))
    elif kind == "move":
        source = _keys(operation["from"])
        if path[: len(source)] == source and path != source:
            raise PatchError("a value cannot be moved into itself")
        _add(root, path, _remove(root, source))
    else:
        raise PatchError("an unknown operation")


def _keys(pointer: str) -> list[str]:
    """Return the keys of a JSON Pointer (RFC 6901), below the root."""
    if pointer and not pointer.startswith("/"):
        raise PatchError("a path begins with /")
    return [key.replace("~1", "/").replace("~0", "~") for key in pointer.split("/")]


def _get(root: Any, keys: list[str]) -> Any:
    value = root
    for key in keys:
        value = value[_index(value, key)]
    return value


def _add(root: Any, keys: list[str], value: Any) -> None:
    owner = _get(root, keys[:-1])
    if isinstance(owner, list):
        place = len(owner) if keys[-1] == "-" else int(_index(owner, keys[-1], most=len(owner)))
        owner.insert(place, value)
    else:
        owner[_index(owner, keys[-1])] = value


def _remove(root: Any, keys: list[str]) -> Any:
    owner = _get(root, keys[:-1])
    return owner.pop(_index(owner, keys[-1]))


def _index(owner: Any, key: str, most: int | None = None) -> str | int:
    if isinstance(owner, dict):
        return key
    if not isinstance(owner, list) or not (key.isascii() and key.isdigit()):
        raise PatchError("there is no such place")
    if int(key) > (len(owner) - 1 if most is None else most):
        raise PatchError("there is no such place")
    return int(key)
