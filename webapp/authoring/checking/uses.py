"""The places of a Python file that use names of the framework."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from dataclasses import dataclass

from webapp.authoring.checking.scopes import (
    ALIAS,
    CHAINLIT,
    Comprehension,
    Function,
    NewScope,
    Path,
    open_scope,
    own_module,
)
from webapp.authoring.loading.missing_names import NOT_YET

IMPORT_ERRORS = {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"}
ATTRIBUTE_ERRORS = {"AttributeError", "NameError"}
# A longer line is cut.
LINE_SHOWN = 100
_PUBLIC_FILE = re.compile(r"/?public/[^?#\n]+\.\w+(\?.*)?")


@dataclass(frozen=True, kw_only=True)
class Use:
    """One use of a name: imported, read, set or called."""

    line: int
    path: Path
    is_set: bool = False
    # The names of the arguments of a call, and the lines on which they stand.
    arguments: tuple[tuple[str, int], ...] = ()
    # The line to write instead, of an import of Chainlit.
    instead: str = ""


class UseFinder(ast.NodeVisitor):
    """Finds each use in a file that Python would reach. What the file itself expects to fail is
    left out: imports and names in a `try`, or after `hasattr`."""

    def __init__(self, tree: ast.Module) -> None:
        self.uses: list[Use] = []
        self.modules: list[tuple[int, str, tuple[str, ...]]] = []
        self.attributes_set: set[str] = set()
        self.asked_for: set[str] = set()
        self.public_files: list[tuple[int, str]] = []
        self._scope = open_scope(tree, None)
        self._expected: set[str] = set()
        self._reads_annotations = True
        for statement in tree.body:
            self.visit(statement)

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self.modules.append((0, alias.name, ()))
            module = own_module(alias.name)
            if module and not self._expected & IMPORT_ERRORS:
                instead = ""
                if alias.name.partition(".")[0] == CHAINLIT:
                    name = alias.asname or (None if "." in alias.name else CHAINLIT)
                    instead = ast.unparse(ast.Import([ast.alias(_renamed(alias.name), name)]))
                self.uses.append(Use(line=node.lineno, path=(module,), instead=instead))

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if node.module == "__future__":
            self._reads_annotations &= all(each.name != "annotations" for each in node.names)
        names = tuple(each.name for each in node.names)
        self.modules.append((node.level, node.module or "", names))
        module = None if node.level else own_module(node.module or "")
        if not module or self._expected & IMPORT_ERRORS:
            return
        instead = ""
        if (node.module or "").partition(".")[0] == CHAINLIT:
            renamed = ast.ImportFrom(_renamed(node.module or ""), node.names, 0)
            instead = ast.unparse(renamed)
            if len(instead) > LINE_SHOWN:
                instead = f"{instead.partition(' import ')[0]} import ..."
        self.uses.append(Use(line=node.lineno, path=(module,), instead=instead))
        for alias in node.names:
            if alias.name != "*":
                self.uses.append(Use(line=alias.lineno, path=(module, alias.name)))

    def visit_Attribute(self, node: ast.Attribute) -> None:
        is_set = not isinstance(node.ctx, ast.Load)
        if is_set:
            self.attributes_set.add(node.attr)
        path = self._scope.path_of(node)
        if path and not self._expected & ATTRIBUTE_ERRORS:
            line = node.end_lineno or node.lineno
            self.uses.append(Use(line=line, path=path, is_set=is_set))
        self.visit(node.value)

    def visit_Call(self, node: ast.Call) -> None:
        path = self._scope.path_of(node.func)
        arguments = tuple(
            (each.arg, each.value.lineno) for each in node.keywords if each.arg is not None
        )
        if path and arguments:
            self.uses.append(Use(line=node.lineno, path=path, arguments=arguments))
        match node:
            case ast.Call(ast.Name("getattr"), [value, ast.Constant(str(name))]):
                asked = ast.Attribute(value, name, ast.Load(), end_lineno=node.lineno)
                self.visit_Attribute(asked)
            case ast.Call(ast.Name("hasattr" | "getattr"), [_, ast.Constant(str(name)), *_]):
                self.asked_for.add(name)
        self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        # Where all names are imported at once, no import says which.
        path = self._scope.find_starred(node.id) if node.id in NOT_YET else None
        if path and not self._expected & ATTRIBUTE_ERRORS:
            self.uses.append(Use(line=node.lineno, path=path))

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str) and _PUBLIC_FILE.fullmatch(node.value):
            self.public_files.append((node.lineno, node.value))

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        # Of an address that is put together, no part is a file.
        self._visit_all([each for each in node.values if isinstance(each, ast.FormattedValue)])

    def visit_Try(self, node: ast.Try) -> None:
        before = self._expected
        self._expected = before | {name for each in node.handlers for name in _caught(each)}
        self._visit_all(node.body)
        self._expected = before
        self._visit_all([*node.handlers, *node.orelse, *node.finalbody])

    def visit_If(self, node: ast.If) -> None:
        if not _is_never_run(node.test):
            self._visit_all([node.test, *node.body])
        self._visit_all(node.orelse)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        # Python does not look at that of a local variable.
        is_local = isinstance(self._scope.node, Function)
        if self._reads_annotations and not is_local:
            self.visit(node.annotation)
        self._visit_all([node.target, *([node.value] if node.value else [])])

    def visit_FunctionDef(self, node: Function) -> None:
        arguments = node.args
        self._visit_all(node.decorator_list)
        self._visit_all([*arguments.defaults, *[each for each in arguments.kw_defaults if each]])
        if self._reads_annotations:
            parameters = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
            parameters += [each for each in (arguments.vararg, arguments.kwarg) if each]
            self._visit_all([each.annotation for each in parameters if each.annotation])
            self._visit_all([node.returns] if node.returns else [])
        self._visit_within(node, node.body)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._visit_all([*node.decorator_list, *node.bases, *node.keywords])
        self._visit_within(node, node.body)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._visit_all([*node.args.defaults, *[each for each in node.args.kw_defaults if each]])
        self._visit_within(node, [node.body])

    def visit_ListComp(self, node: Comprehension) -> None:
        self._visit_within(node, list(ast.iter_child_nodes(node)))

    visit_SetComp = visit_ListComp
    visit_DictComp = visit_ListComp
    visit_GeneratorExp = visit_ListComp

    def _visit_within(self, node: NewScope, children: Iterable[ast.AST]) -> None:
        scope, expected = self._scope, self._expected
        self._scope = open_scope(node, scope)
        if isinstance(node, Function | ast.Lambda):
            # It is called later, outside of the `try`.
            self._expected = set()
        self._visit_all(children)
        self._scope, self._expected = scope, expected

    def _visit_all(self, nodes: Iterable[ast.AST]) -> None:
        for node in nodes:
            self.visit(node)


def _renamed(module: str) -> str:
    return module.replace(CHAINLIT, ALIAS, 1)


def _caught(handler: ast.ExceptHandler) -> set[str]:
    """Return the names of the errors that a handler catches."""
    if handler.type is None:
        return {"BaseException"}
    nodes = ast.walk(handler.type)
    return {
        each.id if isinstance(each, ast.Name) else each.attr
        for each in nodes
        if isinstance(each, ast.Name | ast.Attribute)
    }


def _is_never_run(test: ast.expr) -> bool:
    """Return whether Python does not run what is below this condition when it loads the file."""
    name = test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", "")
    if name == "TYPE_CHECKING":
        return True
    left = test.left if isinstance(test, ast.Compare) else None
    return isinstance(left, ast.Name) and left.id == "__name__"
