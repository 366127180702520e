"""The names in a cell: which it binds, and which it reads, told from its source alone.

Nothing is run. Where the source leaves open whether a name was bound before it is read,
the answer is that the cell reads it: a name too many costs little, and one that is
missed would be looked for in the wrong process. What cannot be seen is a name that is
only spelled in a string, as in ``globals()["x"]``.

A cell that IPython alone understands (``%magic``, ``!shell``, ``name?``) is read as
what IPython makes of it. A cell that is no Python at all binds and reads nothing, as
when it runs.
"""

from __future__ import annotations

import ast
import builtins
import copy
import symtable
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

STAR = "*"  # stands among the bound names for all that a star import may bring
BUILTINS = frozenset(dir(builtins)) | {"__name__", "__doc__", "__builtins__"}
UNSEEN = frozenset({"exec", "globals", "locals", "vars"})  # with these, names are text

PYTHON_MAGICS = ("capture", "prun", "time", "timeit")  # with Python below them
SWALLOWING = ("assertRaises", "raises", "suppress")  # the rest of a body may not run
ODD = (SyntaxError, ValueError, RecursionError, MemoryError)  # what a parser may raise
AWAIT = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT

Function = ast.FunctionDef | ast.AsyncFunctionDef
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


def bound(source: str) -> frozenset[str]:
    """Return the names that a cell may leave bound, ``*`` for a star import.

    What an ``except`` clause or a comprehension binds is gone when it ends.
    """
    tree = _parse(source)
    binder = _Binder.of(tree)
    declared = (
        symbol.get_name()
        for scope in _scopes(tree)
        for symbol in scope.get_symbols()
        if symbol.is_declared_global()
        and (symbol.is_assigned() or symbol.is_imported())
    )
    return frozenset({*binder.names, *binder.imports, *declared})


def imports(source: str) -> Mapping[str, str]:
    """Return what stands behind each name that a cell binds by an import and no more.

    ``import a.b as c`` gives ``{"c": "a.b"}``, ``from a import b`` gives
    ``{"b": "a:b"}``: equal origins are the same thing.
    """
    binder = _Binder.of(_parse(source))
    return {
        name: origins[0]
        for name, origins in binder.imports.items()
        if name not in binder.names | {STAR} and len(set(origins)) == 1
    }


def changed(source: str, *, last: bool = True) -> frozenset[str]:
    """Return the names whose values a cell changes in place, as far as it shows.

    These are ``name.part = ...``, ``name[key] = ...``, and a method called for its
    effect alone, ``name.append(1)``; not what a function does with its arguments.

    Parameters
    ----------
    source
        The cell.
    last
        Whether a method called in the last line counts: it may only show a value.
    """
    tree = _parse(source)
    if not last and tree.body and isinstance(tree.body[-1], ast.Expr):
        tree.body.pop()
    found = set()
    for node in _outside_functions(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            if isinstance(node.value.func, ast.Attribute):
                found.add(_root(node.value.func))
        elif isinstance(node, ast.Attribute | ast.Subscript) and not isinstance(
            node.ctx, ast.Load
        ):
            found.add(_root(node))
    return frozenset(found - {""})


def used(source: str) -> frozenset[str]:
    """Return the global names that a cell reads, builtins among them.

    Names that the cell has surely bound before it reads them are left out. What a
    function reads counts from where the function's own name is read, since it cannot
    be called before; if nothing in the cell reads it, from the end of the cell.
    """
    return frozenset(_Flow.of(_parse(source)).used)


def deferred(source: str) -> frozenset[str]:
    """Return the global names that a cell's functions read when they are called."""
    return frozenset(_Flow.of(_parse(source)).deferred)


def open_ended(source: str) -> bool:
    """Return True for a cell that may bind names which its source does not show."""
    return STAR in bound(source) or bool(used(source) & UNSEEN or fault(source))


def fault(source: str) -> str:
    """Say what keeps a cell from being plain Python; empty if nothing does."""
    try:
        _compile(source)
    except SyntaxError as error:
        text = f"line {error.lineno or 1}: {error.msg}"
    except ODD as error:
        return str(error) or type(error).__name__
    else:
        return ""
    if _compiles(source, AWAIT):
        return "it awaits something outside of a function"
    if _compiles(_translate(source), AWAIT):
        return f"only IPython can run it ({text})"
    return text


def _compile(source: str, flags: int = 0) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compile(source, "cell", "exec", flags, dont_inherit=True)


def _compiles(source: str, flags: int) -> bool:
    try:
        _compile(source, flags)
    except ODD:
        return False
    return True


def _parse(source: str) -> ast.Module:
    if not _compiles(source, AWAIT):
        source = _translate(source)
        if not _compiles(source, AWAIT):
            return ast.Module([], [])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _Alone().visit(ast.parse(source))


class _Alone(ast.NodeTransformer):
    """Makes functions readable away from those around them: ``nonlocal`` is dropped.

    The name that it declares is found in a function either way, and never global.
    """

    def visit_Nonlocal(self, node: ast.Nonlocal) -> ast.Pass:
        return ast.Pass()


def _translate(source: str) -> str:
    """Return the Python that IPython makes of a cell with magics."""
    # Imported only where it is needed: most cells are plain, and it takes a while.
    from IPython.core.inputtransformer2 import TransformerManager

    if source.lstrip().startswith("%%"):
        first, _, body = source.lstrip().partition("\n")
        words = first[2:].split()
        return _translate(body) if words and words[0] in PYTHON_MAGICS else ""
    try:
        return TransformerManager().transform_cell(source)
    except SyntaxError:
        return source


def _outside_functions(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, Function | ast.Lambda | ast.ClassDef):
            yield child
            yield from _outside_functions(child)


def _root(node: ast.expr) -> str:
    """Return the name at the start of ``name.part[key]``; empty if it is no name."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _scopes(tree: ast.Module) -> Iterator[symtable.SymbolTable]:
    """Return all scopes inside of this code, as Python itself resolves their names."""
    rest = symtable.symtable(ast.unparse(tree), "cell", "exec").get_children()
    while rest:
        scope = rest.pop()
        yield scope
        rest += scope.get_children()


def _reads(node: ast.stmt | ast.expr) -> set[str]:
    """Return the global names that a function reads when it is called."""
    code = node if isinstance(node, ast.stmt) else ast.Expr(node)
    found = set()
    for scope in _scopes(ast.Module([code], [])):
        for symbol in scope.get_symbols():
            # `global n; n += 1` reads n, but does not count as a reference.
            if symbol.is_declared_global() or (
                symbol.is_global() and symbol.is_referenced()
            ):
                found.add(symbol.get_name())
    for part in ast.walk(node):
        # A class looks outside for its own names, as long as it has not bound them.
        if isinstance(part, ast.ClassDef):
            body = ast.Module(part.body, [])
            found |= _Flow.of(body).used & _Binder.of(body).names
    return found - {"__class__"}


def _around(node: Function | ast.Lambda | ast.ClassDef) -> list[ast.expr]:
    """Return what is evaluated where a function or a class is defined."""
    if isinstance(node, ast.ClassDef):
        return [*node.decorator_list, *node.bases, *(k.value for k in node.keywords)]
    around = [*node.args.defaults, *(d for d in node.args.kw_defaults if d)]
    if not isinstance(node, ast.Lambda):
        arguments = (a for a in ast.walk(node.args) if isinstance(a, ast.arg))
        around += [a.annotation for a in arguments if a.annotation]
        around += [*node.decorator_list, *([node.returns] if node.returns else [])]
    return around


class _Binder(ast.NodeVisitor):
    """Collects what a cell binds; its functions and classes are not entered."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.imports: dict[str, list[str]] = {}

    @classmethod
    def of(cls, node: ast.AST) -> _Binder:
        binder = cls()
        binder.visit(node)
        return binder

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Store):
            self.names.add(node.id)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        for item in node.names:
            first = item.name.split(".")[0]
            name, origin = (item.asname, item.name) if item.asname else (first, first)
            self.imports.setdefault(name, []).append(origin)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for item in node.names:
            origin = f"{'.' * node.level}{node.module or ''}:{item.name}"
            self.imports.setdefault(item.asname or item.name, []).append(origin)

    def visit_MatchAs(self, node: ast.MatchAs | ast.MatchStar) -> None:
        self.names |= {node.name} if node.name else set()
        self.generic_visit(node)

    visit_MatchStar = visit_MatchAs

    def visit_MatchMapping(self, node: ast.MatchMapping) -> None:
        self.names |= {node.rest} if node.rest else set()
        self.generic_visit(node)

    def visit_FunctionDef(self, node: Function | ast.ClassDef) -> None:
        self.names.add(node.name)
        self.visit_Lambda(node)

    visit_AsyncFunctionDef = visit_ClassDef = visit_FunctionDef

    def visit_Lambda(self, node: Function | ast.ClassDef | ast.Lambda) -> None:
        for part in _around(node):
            self.visit(part)

    def visit_ListComp(self, node: Comprehension) -> None:
        # Its targets are its own, but what `:=` binds in it stays.
        for part in ast.walk(node):
            if isinstance(part, ast.NamedExpr):
                self.visit(part.target)

    visit_SetComp = visit_DictComp = visit_GeneratorExp = visit_ListComp


@dataclass
class _Level:
    """The cell itself, or the body of a class in it: it runs from top to bottom."""

    bound: set[str] = field(default_factory=set)  # surely, at this point
    # What each function reads that is defined here; a class stands for its methods.
    waiting: dict[str, set[str]] = field(default_factory=dict)


class _Flow(ast.NodeVisitor):
    """Follows a cell from top to bottom, and notes what it reads unbound."""

    def __init__(self) -> None:
        self.used: set[str] = set()
        self.deferred: set[str] = set()
        self.levels = [_Level()]
        self.loops = 0

    @classmethod
    def of(cls, tree: ast.Module) -> _Flow:
        flow = cls()
        flow.run(tree.body)
        for names in flow.levels[0].waiting.values():
            flow.call(names)
        return flow

    @property
    def level(self) -> _Level:
        return self.levels[-1]

    def run(self, nodes: Iterable[ast.AST]) -> None:
        for node in nodes:
            self.visit(node)

    # Names ---------------------------------------------------------------------------

    def read(self, name: str) -> None:
        if self.level is not self.levels[0]:
            self.call(self.level.waiting.get(name, set()))
            if name in self.level.bound:
                return
        self.call({name})

    def call(self, names: set[str]) -> None:
        """Note these names, and what is read by functions that have one of them."""
        cell, rest, seen = self.levels[0], list(names), set()
        while rest:
            name = rest.pop()
            if name not in seen:
                seen.add(name)
                rest += cell.waiting.get(name, ())
        self.used |= seen - cell.bound

    def define(self, node: Function | ast.ClassDef, reads: set[str]) -> None:
        self.level.bound.add(node.name)
        # A decorator or a metaclass may call it at once, and a loop comes by again.
        if node.decorator_list or getattr(node, "keywords", []) or self.loops:
            self.call(reads)
        else:
            self.level.waiting.setdefault(node.name, set()).update(reads)

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Store):
            self.level.bound.add(node.id)
            return
        self.read(node.id)
        if isinstance(node.ctx, ast.Del):
            self.level.bound.discard(node.id)

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> None:
        self.level.bound.update(_Binder.of(node).imports)

    visit_ImportFrom = visit_Import

    def visit_Assign(self, node: ast.Assign) -> None:
        self.run([node.value, *node.targets])

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self.visit(node.annotation)
        if node.value is not None:
            self.run([node.value, node.target])

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name):
            self.read(node.target.id)
        self.run([node.value, node.target])

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self.run([node.value, node.target])

    # Scopes --------------------------------------------------------------------------

    def visit_FunctionDef(self, node: Function) -> None:
        self.run(_around(node))
        reads = _reads(node)
        self.deferred |= reads
        self.define(node, reads)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self.run(_around(node))
        reads = _reads(node)
        self.deferred |= reads
        self.call(reads)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.run(_around(node))
        self.levels.append(_Level({"__module__", "__qualname__"}))
        self.run(node.body)
        methods = self.levels.pop().waiting
        self.define(node, set().union(*methods.values()))

    def visit_ListComp(self, node: Comprehension) -> None:
        # Only what it runs over at first is evaluated here. The rest is looked at as a
        # function, so that its variables are its own in every version of Python.
        first, *others = node.generators
        self.visit(first.iter)
        some = ast.Tuple([], ast.Load())
        first = ast.comprehension(first.target, some, first.ifs, first.is_async)
        inside = copy.copy(node)
        inside.generators = [first, *others]
        nothing = ast.arguments([], [], None, [], [], None, [])
        self.call(_reads(ast.Lambda(nothing, inside)))

    visit_SetComp = visit_DictComp = visit_GeneratorExp = visit_ListComp

    # Branches ------------------------------------------------------------------------

    def perhaps(self, nodes: Iterable[ast.AST]) -> None:
        """Visit what may not run, or more than once: nothing is sure because of it."""
        nodes = list(nodes)
        before = self.level.bound - _unbound(nodes)
        self.level.bound = set(before)
        self.run(nodes)
        self.level.bound = before

    def one_of(self, *ways: Iterable[ast.AST]) -> None:
        """Visit ways of which one is taken; those that leave do not count after it."""
        before, ends = self.level.bound, []
        for way in map(list, ways):
            self.level.bound = set(before)
            self.run(way)
            if not _leaves(way):
                ends.append(self.level.bound)
        self.level.bound = set.intersection(*ends) if ends else before

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        self.visit(node.values[0])
        self.perhaps(node.values[1:])

    def visit_Compare(self, node: ast.Compare) -> None:
        self.run([node.left, node.comparators[0]])
        self.perhaps(node.comparators[1:])

    def visit_Assert(self, node: ast.Assert) -> None:
        self.visit(node.test)
        self.perhaps([node.msg] if node.msg else [])

    def visit_If(self, node: ast.If) -> None:
        self.visit(node.test)
        self.one_of(node.body, node.orelse)

    def visit_IfExp(self, node: ast.IfExp) -> None:
        self.visit(node.test)
        self.one_of([node.body], [node.orelse])

    def visit_Match(self, node: ast.Match) -> None:
        self.visit(node.subject)
        for case in node.cases:
            guard = [case.guard] if case.guard else []
            self.perhaps([case.pattern, *guard, *case.body])

    def visit_MatchAs(self, node: ast.MatchAs | ast.MatchStar) -> None:
        self.generic_visit(node)
        self.level.bound |= {node.name} if node.name else set()

    visit_MatchStar = visit_MatchAs

    def visit_MatchMapping(self, node: ast.MatchMapping) -> None:
        self.generic_visit(node)
        self.level.bound |= {node.rest} if node.rest else set()

    def visit_With(self, node: ast.With | ast.AsyncWith) -> None:
        self.run(node.items)
        if any(_swallows(item.context_expr) for item in node.items):
            self.perhaps(node.body)
        else:
            self.run(node.body)

    visit_AsyncWith = visit_With

    def visit_Try(self, node: ast.Try | ast.TryStar) -> None:
        anywhere = self.level.bound - _unbound([node])
        whole = [*node.body, *node.orelse]
        self.run(whole)
        ends = [] if _leaves(whole) else [self.level.bound]
        for handler in node.handlers:
            self.level.bound = set(anywhere)
            self.visit(handler)
            ends += [] if _leaves(handler.body) else [self.level.bound]
        self.level.bound = set(anywhere)
        self.run(node.finalbody)
        if ends:
            self.level.bound |= set.intersection(*ends) - _unbound(node.finalbody)

    visit_TryStar = visit_Try

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        self.run([node.type] if node.type else [])
        self.level.bound |= {node.name} if node.name else set()
        self.run(node.body)
        self.level.bound -= {node.name}

    def visit_For(self, node: ast.For | ast.AsyncFor) -> None:
        self.visit(node.iter)
        turn = [node.target, *node.body]
        self.loops += 1
        if _has_items(node.iter) and not _jumps(node.body):
            self.level.bound -= _unbound(turn)
            self.run(turn)
        else:
            self.perhaps(turn)
        self.loops -= 1
        self.perhaps(node.orelse)

    visit_AsyncFor = visit_For

    def visit_While(self, node: ast.While) -> None:
        self.level.bound -= _unbound(node.body)
        self.loops += 1
        self.visit(node.test)
        self.perhaps(node.body)
        self.loops -= 1
        self.perhaps(node.orelse)


def _unbound(nodes: Iterable[ast.AST]) -> set[str]:
    """Return the names that these statements may unbind."""
    found = set()
    for node in nodes:
        for part in ast.walk(node):
            if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Del):
                found.add(part.id)
            elif isinstance(part, ast.ExceptHandler) and part.name:
                found.add(part.name)
    return found


def _leaves(statements: Sequence[ast.AST]) -> bool:
    """Return True if nothing after these statements runs because of them."""
    leaving = ast.Raise | ast.Break | ast.Continue
    return bool(statements) and isinstance(statements[-1], leaving)


def _jumps(nodes: Iterable[ast.AST]) -> bool:
    jumping = ast.Break | ast.Continue
    return any(isinstance(part, jumping) for node in nodes for part in ast.walk(node))


def _has_items(iterable: ast.expr) -> bool:
    """Return True for a tuple or a list written out, with something in it."""
    return isinstance(iterable, ast.Tuple | ast.List) and any(
        not isinstance(item, ast.Starred) for item in iterable.elts
    )


def _swallows(context: ast.expr) -> bool:
    """Return True for ``suppress(...)`` and its like, under whatever module."""
    called = context.func if isinstance(context, ast.Call) else context
    name = called.attr if isinstance(called, ast.Attribute) else _root(called)
    return name in SWALLOWING
