"""Names that are a bare participle, and so say neither what a thing is nor what it does.

A class is named by one when the last word of its name is a past participle: `Asked`, `_Told`,
`ProfileNotOffered`. `StoredChat` and `StoppedError` are nouns.

A function is named by one when nothing else is in its name but small words: `taken`, `not_taken`,
`asked_before`, `replaced_by`. With a noun or a verb it is more than bare: `session_ended`,
`find_shared`, `stored_copy`, and a question: `is_pinned`. A property is read like an attribute,
so it may be named like one.

What is the same word in the infinitive is taken for a verb: `read`, `set`, `run`, `cut`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.house.functions import Function
from benchmarks.house.tree import FunctionNode, Module, Tree


def list_words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Words in -ed that are no participles. Others, such as `shared`, `used` or `allowed`, are.
NOT_PARTICIPLES = list_words(
    "bed bleed breed creed deed embed exceed feed heed hundred indeed kindred naked need "
    "proceed red reed sacred seed shed shred sled speed succeed weed wicked"
)
IRREGULAR = list_words(
    "awoken beaten begun bent bitten borne bought bound broken brought built caught chosen "
    "dealt done drawn driven drunk dug eaten fallen fed felt forbidden forgotten fought found "
    "frozen given gone gotten grown heard held hidden hung kept known laid lain learnt led "
    "left lent lit lost made meant met mistaken overridden overwritten paid proven rewritten "
    "ridden risen said seen sent shaken shot shown shrunk slept sold sought spent spoken "
    "spoilt sprung stolen stood struck stuck sung sunk swept sworn taken taught thought "
    "thrown told torn unbound understood undone unheard unknown unmade unseen unsent unshown "
    "untold withdrawn woken won worn wound woven written"
)
SMALL_WORDS = list_words(
    "about after again all already always any anew as at away back before both by down each "
    "ever first for from here how if in into it just last lately more most never no not now "
    "of off on once only out over per since so some still than that them there they through "
    "to together too up us we well what when where while who with within without yet"
)


@dataclass(frozen=True, kw_only=True)
class Class:
    module: Module
    node: ast.ClassDef

    @property
    def name(self) -> str:
        return self.node.name

    def __str__(self) -> str:
        return f"{self.module.locate(self.node)} {self.name}"


def list_classes(tree: Tree) -> list[Class]:
    return [
        Class(module=module, node=node)
        for module, node in tree.walk()
        if isinstance(node, ast.ClassDef)
    ]


def find_participle_classes(classes: Sequence[Class]) -> list[Class]:
    return [each for each in classes if is_participle(split_words(each.name)[-1])]


def find_participle_functions(functions: Sequence[Function]) -> list[Function]:
    return [
        function
        for function in functions
        if not function.is_dunder
        and is_bare(split_words(function.name))
        and not is_property(function.node)
    ]


def is_bare(words: Sequence[str]) -> bool:
    """Tell whether these are participles and small words alone."""
    large = [word for word in words if word not in SMALL_WORDS]
    return bool(large) and all(is_participle(word) for word in large)


def is_participle(word: str) -> bool:
    return word in IRREGULAR or (word.endswith("ed") and word not in NOT_PARTICIPLES)


def split_words(name: str) -> list[str]:
    """Split `snake_case` and `CamelCase` into small words; `_` alone is a word of its own."""
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)
    return [word.lower() for word in words] or [name]


def is_property(node: FunctionNode) -> bool:
    return any("property" in ast.unparse(decorator) for decorator in node.decorator_list)
