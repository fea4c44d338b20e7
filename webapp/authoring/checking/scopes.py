"""What a name stands for in a Python file, as far as that can be read."""

from __future__ import annotations

import ast
import builtins
from dataclasses import dataclass, field

# A module, and the attributes after it. CALL stands for a call of what comes before it.
Path = tuple[str, ...]
CALL = "()"
CHAINLIT, ALIAS, PACKAGE = "chainlit", "chat_profiles", "webapp"
FRAMEWORKS = (CHAINLIT, ALIAS, PACKAGE)

Function = ast.FunctionDef | ast.AsyncFunctionDef
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
NewScope = Function | ast.Lambda | ast.ClassDef | Comprehension
# What a callback is given, where its function says no type.
GIVEN_TO_CALLBACKS = {
    "on_message": "Message",
    "on_feedback": "Feedback",
    "action_callback": "Action",
}


def own_module(name: str) -> str | None:
    """Return a module of one of the three names of the framework as one of ``webapp``."""
    root, dot, rest = name.partition(".")
    return f"{PACKAGE}{dot}{rest}" if root in FRAMEWORKS else None


@dataclass(kw_only=True)
class Scope:
    """The names that a module, a class or a function binds."""

    node: ast.AST
    parent: Scope | None = None
    # What each name is bound to: a path, an expression that gives it, or `None` for anything else.
    bindings: dict[str, list[Path | ast.expr | None]] = field(default_factory=dict)
    elsewhere: set[str] = field(default_factory=set)
    known: dict[str, Path | None] = field(default_factory=dict)
    # The modules of which all names are imported: those of the framework, and `None` for others.
    stars: list[str | None] = field(default_factory=list)

    def bind(self, name: str, value: Path | ast.expr | None) -> None:
        self.bindings.setdefault(name, []).append(value)

    def find(self, name: str) -> Path | None:
        """Return what ``name`` stands for here, if it is a thing of the framework only."""
        scope: Scope | None = self
        while scope is not None:
            # What a class binds is not seen in its methods.
            seen = scope is self or not isinstance(scope.node, ast.ClassDef)
            if seen and name in scope.bindings and name not in scope.elsewhere:
                return scope.read(name)
            scope = scope.parent
        return self.find_starred(name)

    def find_starred(self, name: str) -> Path | None:
        """Return what a name stands for that nothing binds but ``from chat_profiles import *``."""
        scope: Scope | None = self
        stars: list[str | None] = []
        while scope is not None:
            if name in scope.bindings:
                return None
            stars, scope = scope.stars, scope.parent
        is_ours = stars == [PACKAGE] and not hasattr(builtins, name)
        return (PACKAGE, name) if is_ours else None

    def read(self, name: str) -> Path | None:
        """Return what all bindings of ``name`` in this scope agree on."""
        if name not in self.known:
            self.known[name] = None  # for a name that is bound to itself
            paths = {
                self.path_of(each) if isinstance(each, ast.expr) else each
                for each in self.bindings[name]
            }
            self.known[name] = paths.pop() if len(paths) == 1 else None
        return self.known[name]

    def path_of(self, node: ast.expr) -> Path | None:
        """Return the path of an expression, if it begins with the framework."""
        if isinstance(node, ast.Name):
            return self.find(node.id)
        if isinstance(node, ast.Attribute):
            value = self.path_of(node.value)
            return (*value, node.attr) if value else None
        if isinstance(node, ast.Call):
            value = self.path_of(node.func)
            return (*value, CALL) if value else None
        if isinstance(node, ast.Await | ast.NamedExpr):
            return self.path_of(node.value)
        return None


class _Binder(ast.NodeVisitor):
    """Binds the names of one scope, without those of the scopes in it."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            module = own_module(alias.name)
            path: Path | None = None
            if module and alias.asname:
                # Python reads `import a.b as c` as the attribute `b` of `a`.
                path = tuple(module.split("."))
            elif module:
                path = (PACKAGE,)
            self.scope.bind(alias.asname or alias.name.partition(".")[0], path)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        module = None if node.level else own_module(node.module or "")
        for alias in node.names:
            path = (module, alias.name) if module else None
            if alias.name == "*":
                self.scope.stars.append(module)
            else:
                self.scope.bind(alias.asname or alias.name, path)

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Store):
            self.scope.bind(node.id, None)

    def visit_Assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            self._bind_target(target, node.value)
        self.visit(node.value)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self._bind_target(node.target, node.value)
            self.visit(node.value)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        # In a comprehension, it binds a name of the function around it.
        self._bind_target(node.target, node.value)
        self.visit(node.value)

    def visit_withitem(self, node: ast.withitem) -> None:
        self.visit(node.context_expr)
        if node.optional_vars is not None:
            # Those of the framework give themselves.
            self._bind_target(node.optional_vars, node.context_expr)

    def visit_Global(self, node: ast.Global | ast.Nonlocal) -> None:
        self.scope.elsewhere.update(node.names)
        outer = self.scope.parent
        while outer is not None:
            for name in node.names:
                outer.bind(name, None)
            outer = outer.parent

    visit_Nonlocal = visit_Global

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        if node.name:
            self.scope.bind(node.name, None)
        self.generic_visit(node)

    def visit_MatchAs(self, node: ast.MatchAs | ast.MatchStar) -> None:
        if node.name:
            self.scope.bind(node.name, None)
        self.generic_visit(node)

    visit_MatchStar = visit_MatchAs

    def visit_MatchMapping(self, node: ast.MatchMapping) -> None:
        if node.rest:
            self.scope.bind(node.rest, None)
        self.generic_visit(node)

    def visit_FunctionDef(self, node: Function | ast.ClassDef) -> None:
        self.scope.bind(node.name, None)

    visit_AsyncFunctionDef = visit_FunctionDef
    visit_ClassDef = visit_FunctionDef

    def visit_Lambda(self, node: ast.Lambda) -> None:
        """Leave its names to a scope of its own."""

    def visit_ListComp(self, node: Comprehension) -> None:
        for each in ast.walk(node):
            if isinstance(each, ast.NamedExpr):
                self.scope.bind(each.target.id, None)

    visit_SetComp = visit_ListComp
    visit_DictComp = visit_ListComp
    visit_GeneratorExp = visit_ListComp

    def _bind_target(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Name):
            self.scope.bind(target.id, value)
        else:
            self.visit(target)


def open_scope(node: ast.Module | NewScope, parent: Scope | None) -> Scope:
    """Return the scope of a module, class, function or comprehension, with the names it binds."""
    scope = Scope(node=node, parent=parent)
    binder = _Binder(scope)
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        given = _given_path(scope, node) if not isinstance(node, ast.Lambda) else None
        for number, parameter in enumerate([*node.args.posonlyargs, *node.args.args]):
            annotated = _annotated_path(scope, parameter.annotation)
            is_given = number == 0 and parameter.annotation is None
            scope.bind(parameter.arg, given if is_given else annotated)
        for parameter in node.args.kwonlyargs:
            scope.bind(parameter.arg, _annotated_path(scope, parameter.annotation))
        for rest in (node.args.vararg, node.args.kwarg):
            if rest is not None:
                scope.bind(rest.arg, None)
    if isinstance(node, Comprehension):
        for generator in node.generators:
            binder.visit(generator.target)
    elif isinstance(node, ast.Lambda):
        binder.visit(node.body)
    else:
        for statement in node.body:
            binder.visit(statement)
    return scope


def _annotated_path(scope: Scope, annotation: ast.expr | None) -> Path | None:
    if annotation is None or scope.parent is None:
        return None
    path = scope.parent.path_of(annotation)
    return (*path, CALL) if path else None


def _given_path(scope: Scope, node: Function) -> Path | None:
    if scope.parent is None:
        return None
    paths = [scope.parent.path_of(decorator) for decorator in node.decorator_list]
    if None in paths:
        return None  # a decorator of the author may give something else
    for path in paths:
        names = [name for name in path or () if name != CALL]
        if names and names[-1] in GIVEN_TO_CALLBACKS:
            return (PACKAGE, GIVEN_TO_CALLBACKS[names[-1]], CALL)
    return None
