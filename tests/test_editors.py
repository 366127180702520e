"""Whatever editor saved a notebook, `check` and `grade` give it the same marks."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import tiny_assignment as tiny
from editors import EDITORS, nbconvert

from autograder import check, cli, demo, notebooks, release
from autograder.course import Course
from autograder.execution import Release
from autograder.pipeline import rebuild

COURSE = Course.find()
#: Of the tiny assignment: all right; one right, one wrong, one left blank.
STUDENTS = {
    "right": tiny.RIGHT,
    "half": {"add": tiny.RIGHT["add"], "area": "def area(r):\n    return r"},
}
MARKS = {"right": (2.0, 3.0), "half": (2.0, 0.0)}
every_editor = pytest.mark.parametrize("editor", EDITORS, ids=lambda e: e.__name__)


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Course:
    return tiny.course(tmp_path_factory.mktemp("course"))


@pytest.fixture(scope="module")
def assignment(course: Course) -> Release:
    return release.load(course, tiny.NAME)


@every_editor
def test_check_says_the_same_of_a_notebook_that_an_editor_saved(
    assignment, tmp_path, editor
):
    path = tmp_path / "mine.ipynb"
    path.write_bytes(editor(demo.fill(assignment.released, STUDENTS["half"])))
    found = check.check(path, timeout=20)
    assert not found.missing
    assert all("not run, as in grading" in note for note in found.notes)
    marks = {question.id: mark.points for question, mark in found.marks}
    assert (marks["add-test"], marks["area-test"]) == MARKS["half"]


def test_grade_gives_the_same_marks_whatever_editor_saved(course, assignment):
    folder = course.root / "class"
    for editor in EDITORS:
        for student, answers in STUDENTS.items():
            path = folder / f"{editor.__name__}-{student}" / f"{tiny.NAME}.ipynb"
            path.parent.mkdir(parents=True)
            path.write_bytes(editor(demo.fill(assignment.released, answers)))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(course.root)
        assert cli.main(["grade", tiny.NAME, "class", "--timeout", "20"]) == 0
    table = course.results(tiny.NAME) / "marks.csv"
    with table.open(encoding="utf-8", newline="") as file:
        rows = {row["student"]: row for row in csv.DictReader(file)}
    assert len(rows) == len(EDITORS) * len(STUDENTS)
    for name, row in rows.items():
        student = name.rpartition("-")[2]
        assert (float(row["add-test"]), float(row["area-test"])) == MARKS[student], name


@pytest.mark.parametrize("name", COURSE.assignments)
def test_answers_to_a_real_assignment_survive_every_editor(name):
    released = COURSE.exercise(name) / f"{name}.ipynb"
    notebook = notebooks.read(released)
    given = Release(name, notebook, notebook, notebooks.questions(notebook), "", {}, {})
    right = demo.answers(COURSE, name)
    half = {key: right[key] for key in list(right)[::2]}
    for editor in (one for one in EDITORS if one is not nbconvert):  # it runs them
        for answers in (right, half):
            filled = demo.fill(notebook, answers)
            rebuilt, repairs = rebuild.read(given, editor(filled))
            for found, expected in zip(rebuilt.cells, filled.cells, strict=True):
                assert found.source.strip() == expected.source.strip(), editor
            assert not [r for r in repairs if "added code cell" not in r], editor


def test_cells_without_any_name_are_said_to_be_lost(assignment, tmp_path, capsys):
    notebook = demo.fill(assignment.released, tiny.RIGHT)
    for number, cell in enumerate(notebook.cells):
        cell.metadata, cell["id"] = {}, f"cell-{number}"
    path = Path(tmp_path / "mine.ipynb")
    path.write_text(notebooks.write(notebook), "utf-8")
    assert cli.main(["check", str(path)]) == cli.BROKEN
    assert "copy your answers into a fresh copy" in capsys.readouterr().err
