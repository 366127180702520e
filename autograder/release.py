"""From the instructor's notebook to the students': nbgrader, made reproducible."""

from __future__ import annotations

import hashlib
import json
import math
import re
import tempfile
from pathlib import Path
from typing import Any

from nbformat import NotebookNode
from nbgrader.converters import GenerateAssignment
from nbgrader.converters.base import NbGraderException
from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config

from autograder import division, notebooks
from autograder.course import Course
from autograder.errors import AssignmentError
from autograder.execution import Release
from autograder.kernel import quiet

CELL_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
REGIONS = ("SOLUTION", "HIDDEN TESTS")
SKIPPED = (".ipynb_checkpoints", "__pycache__")
SCHEMA = 3  # of nbgrader's cell metadata


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
    return [*found, *division.problems(notebook)]


def _is_positive(value: Any) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and math.isfinite(value)
        and value > 0
    )


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
    return _files(course, name, source(course, name))


def _files(course: Course, name: str, notebook: NotebookNode) -> dict[str, bytes]:
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
    content = _files(course, name, solved)[f"{name}.ipynb"]
    released, graded = notebooks.parse(content), notebooks.parse(content)
    for cell in graded.cells:
        cell.source = tests.get(cell["id"], cell.source)
    given, fetched = division.divide(solved)
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
