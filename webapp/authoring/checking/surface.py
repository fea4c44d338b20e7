"""What the names of an app file lead to: whether each of them exists here."""

from __future__ import annotations

import inspect
import sys
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path as FilePath
from types import FunctionType, ModuleType

from webapp.authoring.checking.scopes import ALIAS as NAME
from webapp.authoring.checking.scopes import CALL, PACKAGE, Path
from webapp.authoring.checking.uses import Use
from webapp.authoring.errors import explain_unknown_argument
from webapp.authoring.loading import missing_names
from webapp.authoring.loading.missing_names import NOT_YET, missing_name, shown_name
from webapp.authoring.loading.submodules import (
    NO_SUBMODULES,
    OWN_NAMES,
    SUBMODULES,
    is_public,
    missing_member,
)

_FOLDER = FilePath(__file__).parents[2]
# The names that a class does not have, and how the class is called in an app file.
_TABLES: dict[str, tuple[str, Mapping[str, str]]] = {
    "Action": ("Action", missing_names.ACTION_NOT_YET),
    "AppConfig": ("config", missing_names.CONFIG_NOT_YET),
    "SiteName": ("config.ui", missing_names.CONFIG_UI_NOT_YET),
    "Message": ("Message", missing_names.MESSAGE_NOT_YET),
    "Step": ("Step", missing_names.STEP_NOT_YET),
    "RunContext": ("context", missing_names.CONTEXT_NOT_YET),
    "SessionContext": ("context.session", missing_names.SESSION_NOT_YET),
    "Emitter": ("context.emitter", missing_names.EMITTER_NOT_YET),
    "Feedback": ("Feedback", missing_names.FEEDBACK_NOT_YET),
    "UserSession": ("user_session", {}),
    "RunningConversation": ("chat_context", {}),
}


@dataclass(frozen=True)
class Found:
    """What a path leads to. Without a value, that cannot be read from the file."""

    value: object = None
    is_instance: bool = False
    # Whose function it is.
    owner: type | None = None
    # One object for all apps, such as `user_session`, to which authors add no attributes.
    is_shared: bool = False
    # A module that exists, but was not imported.
    module: str = ""


UNREADABLE = Found()


@dataclass(frozen=True, order=True)
class Flaw:
    """What is wrong with a use: its line, the name, and what to use instead."""

    line: int
    name: str
    text: str


class MissingError(Exception):
    """A name that does not exist, with what to use instead."""


class Surface:
    """The public names of this package, as app files see them."""

    def __init__(self) -> None:
        self._package = sys.modules[PACKAGE]
        self._found: dict[Path, Found | MissingError] = {}

    def find(self, path: Path) -> Found:
        """Return what a path leads to.

        Raises
        ------
        MissingError
            Its last name does not exist. If that is an earlier one, the path is unreadable.
        """
        if path not in self._found:
            try:
                self._found[path] = self._find(path)
            except MissingError as error:
                self._found[path] = error
        found = self._found[path]
        if isinstance(found, MissingError):
            raise found
        return found

    def _find(self, path: Path) -> Found:
        if len(path) == 1:
            return self._find_module(path[0])
        try:
            before = self.find(path[:-1])
        except MissingError:
            return UNREADABLE
        name = path[-1]
        if name == CALL:
            return _call(before)
        if before.module:
            return self._find_member(before.module, name)
        if isinstance(before.value, type) and not name.startswith("__"):
            return _find_attribute(before, before.value, name)
        return UNREADABLE

    def _find_module(self, name: str) -> Found:
        _, _, place = name.partition(".")
        shown = shown_name(name)
        if not place or place in SUBMODULES or _is_module(place):
            return Found(module=name)
        root = place.partition(".")[0]
        if root in SUBMODULES and "." in place:
            raise MissingError(f"{shown} does not exist: import from {NAME}.{root}")
        if root in NO_SUBMODULES:
            hints = {place: NO_SUBMODULES[root]}
            raise MissingError(str(missing_name(PACKAGE, place, (), hints)))
        if similar := get_close_matches(place, SUBMODULES, 1, 0.8):
            raise MissingError(f"{shown} does not exist; did you mean {NAME}.{similar[0]}?")
        raise MissingError(
            f"{shown} does not exist. {NAME} and {PACKAGE} are names of this framework, so give "
            "your own folder or file another name."
        )

    def _find_member(self, module: str, name: str) -> Found:
        place = module.partition(".")[2]
        if name.startswith("__"):
            return UNREADABLE
        if place in SUBMODULES and not _is_module(place):
            return self._find_in_submodule(place, name)
        imported = sys.modules.get(module)
        if imported is not None and name in vars(imported):
            return _describe(vars(imported)[name])
        if not place:
            return self._find_in_package(name)
        if _is_module(f"{place}.{name}"):
            return Found(module=f"{module}.{name}")
        if imported is None or hasattr(imported, "__getattr__"):
            return UNREADABLE
        raise MissingError(str(missing_member(place, name, self._package)))

    def _find_in_submodule(self, place: str, name: str) -> Found:
        is_known = name in SUBMODULES[place].split()
        if is_known and name in OWN_NAMES:
            return UNREADABLE
        if is_known and is_public(self._package, name):
            return self._find_member(PACKAGE, name)
        raise MissingError(str(missing_member(place, name, self._package)))

    def _find_in_package(self, name: str) -> Found:
        if name in self._package.INTEGRATIONS:
            return UNREADABLE
        if (name in SUBMODULES and name not in NOT_YET) or _is_module(name):
            return Found(module=f"{PACKAGE}.{name}")
        public = [*self._package.__all__, *self._package.INTEGRATIONS]
        raise MissingError(str(missing_name(PACKAGE, name, public, NOT_YET | NO_SUBMODULES)))

    def find_flaws(self, use: Use, set_elsewhere: set[str]) -> list[Flaw]:
        """Return what is wrong with a use.

        Parameters
        ----------
        set_elsewhere:
            Attributes that the file sets somewhere, on whatever.
        """
        name = ".".join(part for part in use.path if part != CALL)
        try:
            found = self.find(use.path)
        except MissingError as error:
            if use.arguments:
                return []  # where the name stands, it is told already
            may_be_set = use.is_set or use.path[-1] in set_elsewhere
            if may_be_set and not self._is_closed(use.path[:-1]):
                return []
            return [Flaw(use.line, shown_name(name), str(error))]
        return _check_arguments(found, use) if use.arguments else []

    def _is_closed(self, path: Path) -> bool:
        """Return whether nobody can add attributes to what ``path`` leads to."""
        try:
            found = self.find(path) if path else UNREADABLE
        except MissingError:
            return False
        if not isinstance(found.value, type) or not found.is_instance:
            return True
        return found.is_shared or "__setattr__" in _own_names(found.value)


def _is_module(place: str) -> bool:
    path = _FOLDER.joinpath(*place.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def _describe(value: object) -> Found:
    if isinstance(value, ModuleType):
        name = value.__name__
        return Found(module=name) if name.partition(".")[0] == PACKAGE else UNREADABLE
    if isinstance(value, FunctionType):
        return Found(value) if value.__module__.startswith(PACKAGE) else UNREADABLE
    cls = value if isinstance(value, type) else type(value)
    if not cls.__module__.startswith(PACKAGE):
        return UNREADABLE
    is_instance = not isinstance(value, type)
    return Found(cls, is_instance=is_instance, is_shared=is_instance)


def _call(found: Found) -> Found:
    if isinstance(found.value, FunctionType):
        return _returned(found.value, found.owner)
    if isinstance(found.value, type) and not found.is_instance:
        return Found(found.value, is_instance=True)
    return UNREADABLE


def _returned(function: FunctionType, owner: type | None) -> Found:
    """Return what a function says that it returns."""
    try:
        returned = typing.get_type_hints(function).get("return")
    except (NameError, TypeError, AttributeError):  # a type that is imported for checkers only
        return UNREADABLE
    if returned is typing.Self and owner is not None:
        return Found(owner, is_instance=True)
    if isinstance(returned, type) and returned.__module__.startswith(PACKAGE):
        return Found(returned, is_instance=True)
    return UNREADABLE


def _find_attribute(before: Found, cls: type, name: str) -> Found:
    if name in _attributes(cls):
        value = inspect.getattr_static(cls, name, None)
        if isinstance(value, classmethod | staticmethod):
            value = value.__func__
        if isinstance(value, FunctionType):
            return Found(value, owner=cls)
        getter = value.fget if isinstance(value, property) else None
        if isinstance(getter, FunctionType) and before.is_instance:
            return _returned(getter, cls)
        return UNREADABLE
    shown, hints = _table(cls)
    is_sure = (
        not before.is_instance
        or before.is_shared
        or name in hints
        or "__getattr__" in _own_names(cls)
    )
    if not is_sure:
        return UNREADABLE
    present = [each for each in _attributes(cls) if not each.startswith("_")]
    raise MissingError(str(missing_name(shown, name, present, hints)))


def _table(cls: type) -> tuple[str, Mapping[str, str]]:
    for each in cls.__mro__:
        if each.__name__ in _TABLES:
            return _TABLES[each.__name__]
    return cls.__name__, {}


def _own_names(cls: type) -> set[str]:
    ours = [each for each in cls.__mro__ if each.__module__.startswith(PACKAGE)]
    return {name for each in ours for name in vars(each)}


def _attributes(cls: type) -> set[str]:
    """Return the attributes of a class and its instances, and some names more."""
    names = set(dir(cls))
    for each in cls.__mro__:
        names.update(inspect.get_annotations(each))
        # What it sets on itself is among the names that its code uses.
        init = inspect.unwrap(vars(each)["__init__"]) if "__init__" in vars(each) else None
        if isinstance(init, FunctionType):
            names.update(init.__code__.co_names)
            names.update(init.__code__.co_varnames)
    return names


def _check_arguments(found: Found, use: Use) -> list[Flaw]:
    value = found.value
    if found.is_instance or not isinstance(value, type | FunctionType):
        return []
    try:
        parameters = inspect.signature(value).parameters
    except (TypeError, ValueError):
        return []
    takes_any = any(each.kind is each.VAR_KEYWORD for each in parameters.values())
    # A decorator that takes no arguments says so itself.
    if takes_any or list(parameters) == ["callback"]:
        return []
    names = [name for name in parameters if name not in ("self", "cls")]
    owner = found.owner or (value if isinstance(value, type) else None)
    shown, hints = _table(owner) if owner else ("", {})
    shown = value.__name__ if isinstance(value, type) else f"{shown}.{value.__name__}".lstrip(".")
    flaws = []
    taken = {*parameters, *getattr(value, "_ignored", ())}
    for name, line in use.arguments:
        if name in taken:
            continue
        text = explain_unknown_argument(shown, name, names)
        if name in hints:
            text = f"{shown} does not take {name}: {hints[name]}."
        flaws.append(Flaw(line, f"{shown}({name}=)", text))
    return flaws
