"""The other name of this package: `chat_profiles` is `webapp`, with the same modules."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType

ALIAS = "chat_profiles"


class PackageAlias(MetaPathFinder, Loader):
    """Finds ``chat_profiles.x`` as the module ``webapp.x``, so that no module is there twice."""

    def __init__(self, package: str) -> None:
        self._package = package

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return how to import a module under the other name, if there is such a module."""
        del path, target
        alias, _, rest = fullname.partition(".")
        # `python -m chat_profiles` runs the file itself, which therefore needs its own loader.
        if alias != ALIAS or rest in ("", "__main__"):
            return None
        found = find_spec(f"{self._package}.{rest}")
        if found is None:
            return None
        return ModuleSpec(fullname, self, origin=found.origin, loader_state=found)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Return the module itself."""
        return import_module(spec.loader_state.name)

    def exec_module(self, module: ModuleType) -> None:
        """Give the module its own specification back. Python has replaced it by that of the alias,
        and would reload the module as something else."""
        spec = module.__spec__
        if spec is not None:
            module.__spec__ = spec.loader_state


def add_alias(package: str) -> None:
    """Let ``import chat_profiles`` return the package, wherever its modules are imported."""
    if ALIAS not in sys.modules or sys.modules[ALIAS] is not sys.modules[package]:
        sys.meta_path.insert(0, PackageAlias(package))
        sys.modules[ALIAS] = sys.modules[package]
