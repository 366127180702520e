"""From the instructor's notebook to the students': nbgrader, made reproducible."""

from __future__ import annotations

import hashlib
import json
import math
import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbformat import NotebookNode
from nbgrader.converters import GenerateAssignment
from nbgrader.converters.base import NbGraderException
from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config

from autograder import names, notebooks
from autograder.course import Course
from autograder.errors import AssignmentError
from autograder.execution import Release
from autograder.kernel import quiet

CELL_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
REGIONS = ("SOLUTION", "HIDDEN TESTS")
SKIPPED = (".ipynb_checkpoints", "__pycache__")
SCHEMA = 3  # of nbgrader's cell metadata
BY_TEXT = frozenset({"globals", "locals"})  # what looks names up by their text


def clean(notebook: NotebookNode) -> NotebookNode:
    """Return a copy of a source without anything that differs from run to run.

    Outputs, counts, execution times, tags, editor's metadata and the version of
    Python are left out. The id of a cell becomes its grade id. A code cell without
    a role becomes a locked one, so that every code cell of a release has a name and
    a cell which a student adds can be told from it.
    """
    cells = []
    for index, cell in enumerate(notebook.cells):
        meta = notebooks.role(cell)
        name = notebooks.grade_id(cell) or cell["id"] or f"cell-{index}"
        if meta or cell.cell_type == "code":
            role = {
                "grade": meta.get("grade") is True,
                "grade_id": name,
                "locked": meta.get("locked") is True or not meta,
                "schema_version": meta.get("schema_version", SCHEMA),
                "solution": meta.get("solution") is True,
                "task": meta.get("task") is True,
            }
            if role["grade"] and "points" in meta:
                role["points"] = meta["points"]
            metadata = {"nbgrader": role}
        else:
            metadata = {}
        copy = {"cell_type": cell.cell_type, "id": name, "metadata": metadata}
        if cell.cell_type == "code":
            copy |= {"execution_count": None, "outputs": []}
        if "attachments" in cell:
            copy["attachments"] = cell["attachments"]
        cells.append({**copy, "source": cell.source})
    return notebooks.from_parts(cells)


def problems(notebook: NotebookNode) -> list[str]:
    """Return what keeps a cleaned source from being released, one line for each."""
    found: list[str] = []
    seen: set[str] = set()
    unanswered = True
    for number, cell in enumerate(notebook.cells, start=1):
        name = cell["id"]
        where = f"cell {number} ({name})"
        answer, test = notebooks.is_answer(cell), notebooks.is_test(cell)
        if not CELL_ID.fullmatch(name):
            found.append(f"{where}: a grade id is 1 to 64 letters, digits, '-' or '_'")
        if name in seen:
            found.append(f"{where}: two cells have this grade id, give each its own")
        seen.add(name)
        if notebooks.role(cell).get("task"):
            found.append(f"{where}: task cells are not supported, use a written answer")
        for region in REGIONS:
            marks = re.findall(rf"(BEGIN|END) {region}", cell.source)
            if marks != ["BEGIN", "END"] * (len(marks) // 2):
                found.append(f"{where}: BEGIN and END {region} do not pair, in order")
        if answer and cell.cell_type == "code" and "BEGIN SOLUTION" not in cell.source:
            found.append(
                f"{where}: an answer cell without a solution region; mark what the "
                "student writes with ### BEGIN SOLUTION and ### END SOLUTION"
            )
        if not answer and "BEGIN SOLUTION" in cell.source:
            found.append(
                f"{where}: a solution region in a cell that is no answer; it would "
                "be marked, but as what? give the cell nbgrader's role 'solution'"
            )
        if not test and "BEGIN HIDDEN TESTS" in cell.source:
            found.append(f"{where}: hidden tests outside a test cell")
        if notebooks.is_graded(cell):
            points = notebooks.role(cell).get("points")
            if not _is_positive(points):
                found.append(
                    f"{where}: a graded cell without points; expected a number above "
                    f"0, found {points!r}"
                )
        if test and cell.cell_type != "code":
            found.append(f"{where}: a test must be a code cell, not {cell.cell_type}")
        unanswered = unanswered and not answer
        if test and unanswered:
            found.append(f"{where}: a test with no answer cell above it tests nothing")
    if not notebooks.questions(notebook):
        found.append("no cell carries points: this is not an nbgrader assignment")
    cells = _cells(notebook)
    return [*found, *_unfit(cells), *_unbound(cells), *_rebound(cells)]


def _is_positive(value: Any) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and math.isfinite(value)
        and value > 0
    )


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


def source(course: Course, name: str) -> NotebookNode:
    """Read, clean and check the instructor's notebook of an assignment.

    Raises
    ------
    AssignmentError
        Naming each cell that keeps it from being released, and the way out.
    """
    path = course.solution(name)
    notebook = clean(notebooks.read(path))
    if found := problems(notebook):
        lines = "\n  ".join(found)
        raise AssignmentError(f"{path} cannot be released:\n  {lines}")
    return notebook


def files(course: Course, name: str) -> dict[str, bytes]:
    """Return the released assignment: each file's name and content.

    nbgrader's ``generate_assignment`` runs on the cleaned copy, without a database, in
    a folder that is thrown away.
    """
    notebook = source(course, name)
    beside = course.solution(name).parent
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        copy = root / "source" / name
        for path in sorted(beside.rglob("*")):
            part = path.relative_to(beside)
            if path.suffix == ".ipynb" or set(SKIPPED) & set(part.parts):
                continue
            if path.is_file():
                (copy / part).parent.mkdir(parents=True, exist_ok=True)
                (copy / part).write_bytes(path.read_bytes())
        copy.mkdir(parents=True, exist_ok=True)
        (copy / f"{name}.ipynb").write_text(notebooks.write(notebook), "utf-8")
        _generate(root, name)
        made = root / "release" / name
        released = {
            path.relative_to(made).as_posix(): path.read_bytes()
            for path in sorted(made.rglob("*"))
            if path.is_file()
        }
    # Written anew, so that no version of nbconvert has a say in the bytes.
    main = f"{name}.ipynb"
    parsed = notebooks.parse(released[main])
    released[main] = notebooks.write(_finish(parsed, name)).encode()
    return released


def _generate(root: Path, name: str) -> None:
    config = Config()
    config.CourseDirectory.root = str(root)
    config.CourseDirectory.assignment_id = name
    config.GenerateAssignment.no_database = True
    config.SaveCells.enabled = False
    config.LockCells.lock_all_cells = True
    folders = CourseDirectory(config=config, log=quiet)
    try:
        GenerateAssignment(coursedir=folders, config=config, log=quiet).start()
    except NbGraderException:
        raise AssignmentError(f"{name}: nbgrader cannot release it") from None


def _finish(notebook: NotebookNode, name: str) -> NotebookNode:
    cells = [{key: cell[key] for key in sorted(cell)} for cell in notebook.cells]
    released = notebooks.from_parts(cells)
    # With this, `check` knows a question whose test cell was deleted.
    released.metadata["autograder"] = {
        "assignment": name,
        "questions": [question.id for question in notebooks.questions(released)],
    }
    return released


def release(course: Course, name: str) -> list[Path]:
    """Write an assignment to ``exercises/``; return the files that changed."""
    changed = []
    for part, content in files(course, name).items():
        path = course.exercise(name) / part
        if not path.is_file() or path.read_bytes() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            changed.append(path)
    return changed


def stale(course: Course, name: str) -> list[Path]:
    """Return the files of ``exercises/`` that are not what ``release`` gives."""
    return [
        course.exercise(name) / part
        for part, content in files(course, name).items()
        if not (course.exercise(name) / part).is_file()
        or (course.exercise(name) / part).read_bytes() != content
    ]


def load(course: Course, name: str) -> Release:
    """Return an assignment as grading needs it, hidden tests included."""
    solved = source(course, name)
    tests = {
        cell["id"]: cell.source for cell in solved.cells if notebooks.is_test(cell)
    }
    content = files(course, name)[f"{name}.ipynb"]
    released, graded = notebooks.parse(content), notebooks.parse(content)
    for cell in graded.cells:
        cell.source = tests.get(cell["id"], cell.source)
    cells = _cells(solved)
    division = _divide(cells)
    given = tuple(cell.id for cell in division.given)
    fetched = _fetched(cells, division)
    known = notebooks.write(graded) + json.dumps([given, fetched])
    return Release(
        name=name,
        released=released,
        graded=graded,
        questions=notebooks.questions(graded),
        digest=hashlib.sha256(known.encode()).hexdigest(),
        given=given,
        names=fetched,
    )
