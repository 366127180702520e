"""What of an assignment runs where: with the student's code, or beside the checks.

While an assignment is graded, the student's cells run in one process and the checks in
another. The names that answers bind live in the first. The given cells that a check
needs, and in which no answer has a part, run in both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from nbformat import NotebookNode

from autograder import names, notebooks

BY_TEXT = frozenset({"globals", "locals"})  # what looks names up by their text


def divide(
    notebook: NotebookNode,
) -> tuple[tuple[str, ...], dict[str, tuple[str, ...]]]:
    """Divide a source that has no problems.

    Parameters
    ----------
    notebook
        The instructor's notebook, cleaned, with solutions.

    Returns
    -------
    The ids of the given cells that run beside the checks, in order; and for each check
    the names that it uses from the student's process, sorted.
    """
    cells = _cells(notebook)
    division = _divide(cells)
    return tuple(cell.id for cell in division.given), _fetched(cells, division)


def problems(notebook: NotebookNode) -> list[str]:
    """Return what cannot be graded apart from the student, one line for each."""
    cells = _cells(notebook)
    return [*_unfit(cells), *_unbound(cells), *_rebound(cells)]


@dataclass(frozen=True)
class _Cell:
    """A code cell and its names, as :mod:`autograder.names` tells them."""

    id: str
    where: str
    source: str
    answer: bool
    test: bool
    bound: frozenset[str]
    changed: frozenset[str]
    used: frozenset[str]
    deferred: frozenset[str]
    imports: Mapping[str, str]

    @property
    def given(self) -> bool:
        return not self.answer and not self.test

    def imports_like(self, other: _Cell, name: str) -> bool:
        return name in self.imports and self.imports[name] == other.imports.get(name)


def _cells(notebook: NotebookNode) -> list[_Cell]:
    return [
        _Cell(
            id=cell["id"],
            where=f"cell {number} ({cell['id']})",
            source=cell.source,
            answer=notebooks.is_answer(cell),
            test=notebooks.is_test(cell),
            bound=names.bound(cell.source),
            changed=names.changed(cell.source, last=not notebooks.is_answer(cell)),
            used=names.used(cell.source),
            deferred=names.deferred(cell.source),
            imports=names.imports(cell.source),
        )
        for number, cell in enumerate(notebook.cells, start=1)
        if cell.cell_type == "code"
    ]


@dataclass(frozen=True)
class _Division:
    """What lives where while an assignment is graded.

    Parameters
    ----------
    students
        The names that live in the student's process: what the answers bind or change
        in place, and what a given cell makes of it.
    cells
        The ids of the cells that bind them, which run in that process only.
    given
        The given cells that the examiner runs too, since a check needs them.
    """

    students: frozenset[str]
    cells: frozenset[str]
    given: tuple[_Cell, ...]


def _divide(cells: Sequence[_Cell]) -> _Division:
    modules = {name for cell in cells if not cell.test for name in cell.imports}

    def touched(cell: _Cell) -> frozenset[str]:
        # `torch.manual_seed(0)` does not make torch another thing.
        return cell.bound | cell.changed - modules

    def claimed(cell: _Cell, theirs: set[str]) -> set[str]:
        # An answer that imports again what the release imports claims nothing.
        ours = [other for other in cells if other.given and other.id not in theirs]
        return {
            name
            for name in touched(cell) - {names.STAR}
            if not any(other.imports_like(cell, name) for other in ours)
        }

    theirs: set[str] = set()
    students: set[str] = set()
    grown = True
    while grown:
        before, earlier = set(theirs), set[str]()
        for cell in cells:
            # A function may be called at any time, all else runs where it stands.
            uses = cell.used & earlier or cell.deferred & students
            if cell.answer or (cell.given and uses):
                theirs.add(cell.id)
                earlier |= claimed(cell, theirs)
        grown = theirs != before or students != earlier
        students = earlier

    checks = [cell for cell in cells if cell.test]
    needed = {name for check in checks for name in check.used} - students
    given: list[_Cell] = []
    rest = [cell for cell in cells if cell.given and cell.id not in theirs]
    while more := [c for c in rest if touched(c) & (needed | {names.STAR})]:
        needed |= {name for cell in more for name in cell.used}
        given += more
        rest = [cell for cell in rest if cell not in more]
    return _Division(
        frozenset(students),
        frozenset(theirs),
        tuple(cell for cell in cells if cell in given),
    )


def _fetched(cells: Sequence[_Cell], division: _Division) -> dict[str, tuple[str, ...]]:
    """Return for each check what it uses from the student's process."""
    bound = {name for cell in cells for name in cell.bound}
    found = {}
    for check in cells:
        if check.test:
            unknown = check.used - bound - names.BUILTINS
            if any(names.STAR in cell.bound for cell in division.given):
                unknown = frozenset()  # it comes from there
            found[check.id] = tuple(sorted(check.used & division.students | unknown))
    return found


def _unfit(cells: Sequence[_Cell]) -> list[str]:
    """Say what cannot run in the examiner, which is a plain Python process."""
    found = []
    for cell in cells:
        if not cell.test:
            continue
        if fault := names.fault(cell.source):
            found.append(f"{cell.where}: a check must be plain Python: {fault}")
        elif fault := names.fault(_without_hidden(cell.source)):
            found.append(
                f"{cell.where}: without its hidden tests it is no Python: {fault}; "
                "every block needs a statement that stays"
            )
        if names.STAR in cell.bound:
            found.append(
                f"{cell.where}: a check with `from ... import *`, which may hide any "
                "name of the student; import the names that it needs"
            )
        for name in sorted(cell.used & BY_TEXT):
            found.append(
                f"{cell.where}: uses `{name}()`, but a check sees only what it calls "
                "by name; use the names themselves"
            )
    for cell in _divide(cells).given:
        if fault := names.fault(cell.source):
            found.append(
                f"{cell.where}: a check needs this cell, so it must be plain Python: "
                f"{fault}; give the rest a cell of its own"
            )
    return found


def _without_hidden(source: str) -> str:
    """Return what nbgrader leaves of a test for the students."""
    lines, hidden = [], False
    for line in source.split("\n"):
        if "BEGIN HIDDEN TESTS" in line:
            hidden = True
        elif "END HIDDEN TESTS" in line:
            hidden = False
        elif not hidden:
            lines.append(line)
    return "\n".join(lines)


def _unbound(cells: Sequence[_Cell]) -> list[str]:
    """Say which names are bound where grading does not find them."""
    found = []
    division = _divide(cells)
    others = [cell for cell in cells if not cell.test]
    certain = not any(names.open_ended(cell.source) for cell in others)
    every = {name for cell in cells for name in cell.bound} | names.BUILTINS
    last: dict[str, _Cell] = {}  # the cell that bound a name, in the notebook's order
    for cell in cells:
        # What a function reads is looked at in `_rebound`: it is called at any time.
        now = cell.used if cell.test else cell.used - cell.deferred
        plain = not names.fault(cell.source)
        for name in sorted(now - cell.bound):
            if name in last and last[name].test:
                found.append(
                    f"{cell.where}: uses `{name}`, which the check in "
                    f"{last[name].where} binds; what a check binds is seen nowhere "
                    f"else: bind `{name}` in this cell"
                )
            elif cell.test and plain and certain and name not in every:
                found.append(
                    f"{cell.where}: uses `{name}`, which no cell binds; is it "
                    "misspelled, or one of IPython's names, which a check has not?"
                )
        for name in cell.bound:
            if name not in last or not cell.imports_like(last[name], name):
                last[name] = cell
        if not cell.test:
            continue
        for name in sorted(cell.used & division.students - cell.bound):
            binding = [c for c in others if c.id in division.cells and name in c.bound]
            if binding and all(name in c.imports for c in binding):
                found.append(
                    f"{cell.where}: uses `{name}`, which is imported only in "
                    f"{binding[0].where}, where the student's code runs; import it in "
                    "the check, or in a given cell that uses nothing of the student's"
                )
    return found


def _rebound(cells: Sequence[_Cell]) -> list[str]:
    """Say which names mean one thing in the notebook and another in grading.

    There, all answers and given cells run before all checks, and what a check binds is
    its own.
    """
    found = []
    others = [cell for cell in cells if not cell.test]
    for place, check in enumerate(cells):
        if not check.test:
            continue
        above = [cell for cell in cells[:place] if not cell.test]
        reached = _reached(check, above)
        for cell in cells[place:]:
            for name in sorted(cell.bound & reached):
                again = any(cell.imports_like(other, name) for other in above)
                if not cell.test and not again:
                    found.append(
                        f"{cell.where}: binds `{name}`, which the check in "
                        f"{check.where} uses; in grading all answers and given cells "
                        "run before all checks: give it another name"
                    )
        for cell in others:
            for name in sorted(check.bound & cell.deferred):
                if not any(check.imports_like(other, name) for other in others):
                    found.append(
                        f"{check.where}: binds `{name}`, which a function in "
                        f"{cell.where} reads; what a check binds is seen nowhere else: "
                        "give it another name, or hand it over as an argument"
                    )
    return found


def _reached(check: _Cell, above: Iterable[_Cell]) -> set[str]:
    """Return the names that a check uses, itself or through the functions it calls."""
    found = set(check.used - check.bound)
    rest = list(above)
    while more := [cell for cell in rest if cell.bound & found]:
        rest = [cell for cell in rest if cell not in more]
        found |= {name for cell in more for name in cell.deferred}
    return found
