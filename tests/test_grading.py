"""A class is graded: every submission gets its row, and nobody stops the others."""

import copy
import csv
import json
import shutil
import subprocess
import sys
import zipfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
import tiny_assignment as tiny
from nbgrader.api import Gradebook

from autograder import (
    cli,
    demo,
    feedback,
    gradebook,
    grading,
    notebooks,
    regrade,
    release,
    report,
    submissions,
)
from autograder.course import Course, data_folder
from autograder.errors import (
    CourseError,
    GradebookError,
    NotebookError,
    SubmissionError,
)
from autograder.execution import Mark, Outcome, Status, Submission, failure
from autograder.pipeline.grade import Pipeline
from autograder.pipeline.rebuild import rebuild
from autograder.sandbox.warm import WarmProcess

COURSE = Course.find()
LONG = 300  # seconds a cell for the real assignments, on a busy machine
TESTS = ("add-test", "area-test")  # of the tiny assignment
every_assignment = pytest.mark.parametrize("name", COURSE.assignments)

ONLY_VISIBLE = {**tiny.RIGHT, "add": "def add(a, b):\n    return 3"}
SCRIPT = "<script>alert('%s')</script>"
LIVELY = "**Because**\n\n- so\n\n[x](javascript:alert)" + SCRIPT % "from an answer"


# The assignments of the course


@every_assignment
def test_released_exercise_fails_every_check_and_reference_passes_every_one(name):
    assignment = release.load(COURSE, name)
    reference = demo.fill(assignment.released, demo.answers(COURSE, name))
    with WarmProcess(data=data_folder()) as warm:
        executor = Pipeline(warm, timeout=LONG, total=LONG)
        for notebook, share in ((assignment.released, 0.0), (reference, 1.0)):
            content = notebooks.write(notebook).encode()
            result = executor.grade(Submission("student", content), assignment)
            assert result.status is Status.GRADED, result.message
            assert result.repairs == ()
            for question, mark in zip(assignment.questions, result.marks, strict=True):
                if not question.written:
                    assert mark.points == share * question.points, (question, mark)


# A class of the tiny assignment, graded once


@pytest.fixture(scope="module")
def assignment(tmp_path_factory):
    return release.load(tiny.course(tmp_path_factory.mktemp("given")), tiny.NAME)


def _filled(assignment, answers, change=lambda notebook: None) -> bytes:
    notebook = demo.fill(assignment.released, answers)
    change(notebook)
    return notebooks.write(notebook).encode()


def _cell(notebook, name):
    return next(cell for cell in notebook.cells if cell["id"] == name)


def _cheat(notebook):
    for name in TESTS:
        cell = _cell(notebook, name)
        cell.source = "pass"
        cell.metadata = nbformat.from_dict({"tags": ["skip-execution"]})


def _lose(notebook):
    notebook.cells = [_cell(notebook, "area"), _cell(notebook, "add")]


def _copy(notebook):
    position = [cell["id"] for cell in notebook.cells].index("add")
    for cell in (copy.deepcopy(notebook.cells[position]) for _ in range(2)):
        cell.source = (
            "def add(a, b):\n    # YOUR CODE HERE\n    raise NotImplementedError()"
        )
        notebook.cells.insert(position + 1, cell)


def _windows(notebook):
    for cell in notebook.cells:
        cell.source = cell.source.replace("\n", "\r\n")


def _colab(notebook):
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict({"id": cell.pop("id")})
    notebook.nbformat_minor = 0


def _class(assignment) -> dict[str, bytes]:
    kinds = ("text/html", "text/markdown", "image/svg+xml", "image/png")
    kinds += ("application/javascript", "text/latex")
    printing = tiny.RIGHT["add"] + (
        "\nimport sys\nprint('careful', file=sys.stderr)\n"
        "from IPython.display import display\n"
    )
    for kind in kinds:
        live = '">' + SCRIPT % "from an output"
        printing += f"display({{{kind!r}: {live!r}}}, raw=True)\n"
    return {
        "right": _filled(assignment, tiny.RIGHT),
        "prints": _filled(
            assignment,
            {**tiny.RIGHT, "add": printing, "explain": LIVELY},
        ),
        "half": _filled(assignment, {"add": tiny.RIGHT["add"]}),
        "blank": _filled(assignment, {}),
        "emptied": _filled(assignment, dict.fromkeys(tiny.RIGHT, "")),
        "only-visible": _filled(assignment, ONLY_VISIBLE),
        "cheats": _filled(assignment, {"add": "add = 0", "area": "area = 0"}, _cheat),
        "loses-tests": _filled(assignment, tiny.RIGHT, _lose),
        "copied": _filled(assignment, tiny.RIGHT, _copy),
        "windows": _filled(assignment, tiny.RIGHT, _windows),
        "colab": _filled(assignment, tiny.RIGHT, _colab),
        "dies": _filled(assignment, {**tiny.RIGHT, "area": "import os; os._exit(1)"}),
        "hangs": _filled(assignment, {**tiny.RIGHT, "add": "while True: pass"}),
        "=cut-off": _filled(assignment, tiny.RIGHT)[:1000],
        "empty": b"",
        "another": notebooks.write(nbformat.v4.new_notebook()).encode(),
    }


@pytest.fixture(scope="module")
def graded(assignment, tmp_path_factory):
    """Grade the class by the command, from a fresh clone; return course and rows."""
    root = tmp_path_factory.mktemp("course")
    course = tiny.course(root)
    folder = root / "class"
    for student, content in _class(assignment).items():
        (folder / student).mkdir(parents=True)
        (folder / student / "sample.ipynb").write_bytes(content)
    (folder / "nothing").mkdir()
    (folder / "two").mkdir()
    for name in ("a.ipynb", "b.ipynb"):
        (folder / "two" / name).write_bytes(b"{}")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        assert cli.main(["grade", "sample", "class", "--timeout", "3"]) == 0
    return course, {row["student"]: row for row in _rows(course)}


def _rows(course: Course) -> list[dict[str, str]]:
    path = course.results(tiny.NAME) / "marks.csv"
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_submission_has_a_row(graded, assignment):
    _, rows = graded
    students = {*_class(assignment), "nothing", "two"} - {"=cut-off"} | {"'=cut-off"}
    assert set(rows) == students


@pytest.mark.parametrize(
    ("student", "add", "area"),
    [
        ("right", "2", "3"),
        ("prints", "2", "3"),
        ("half", "2", "0"),
        ("blank", "0", "0"),
        ("emptied", "0", "0"),
        ("only-visible", "0", "3"),
        ("cheats", "0", "0"),
        ("loses-tests", "2", "3"),
        ("copied", "2", "3"),
        ("windows", "2", "3"),
        ("colab", "2", "3"),
        ("dies", "2", "0"),
        ("hangs", "0", "3"),
    ],
)
def test_marks_are_those_earned(graded, student, add, area):
    _, rows = graded
    assert (rows[student]["add-test"], rows[student]["area-test"]) == (add, area)


@pytest.mark.parametrize(
    ("student", "message"),
    [
        ("'=cut-off", "not a notebook: no valid JSON at line"),
        ("empty", "the file is empty"),
        ("another", "none of its cells belongs to this assignment"),
        ("nothing", "no notebook in the student's folder"),
        ("two", "2 notebooks (a.ipynb, b.ipynb), none is sample.ipynb"),
    ],
)
def test_broken_submission_has_a_row_with_the_reason(graded, student, message):
    _, rows = graded
    assert rows[student]["status"] == "failed"
    assert message in rows[student]["message"]
    assert rows[student]["points"] == "0"


@pytest.mark.parametrize(
    ("student", "repair"),
    [
        ("cheats", "test cell add-test was changed"),
        ("cheats", "test cell area-test was tagged to be skipped"),
        ("loses-tests", "test cell add-test was missing"),
        ("loses-tests", "cells were in another order"),
        ("copied", "answer cell add was there 3 times: joined"),
    ],
)
def test_repairs_are_reported(graded, student, repair):
    _, rows = graded
    assert repair in rows[student]["repairs"]


def test_written_answer_waits_for_a_person_unless_it_is_blank(graded):
    _, rows = graded
    assert rows["right"]["explain"] == ""
    assert rows["blank"]["explain"] == "0"


def test_cells_that_a_limit_ended_are_named(graded):
    _, rows = graded
    assert rows["dies"]["status"] == rows["hangs"]["status"] == "graded"
    assert "area ended the process" in rows["dies"]["message"]
    assert "add was stopped after 3 s" in rows["hangs"]["message"]


def test_marks_are_in_the_gradebook(graded):
    course, rows = graded
    with Gradebook(course.db_url) as book:
        for student in ("right", "half", "empty"):
            submission = book.find_submission("sample", student)
            assert submission.score == float(rows[student]["points"])
            assert submission.max_score == 10
        assert book.find_submission("sample", "right").needs_manual_grade
        assert not book.find_submission("sample", "blank").needs_manual_grade


def test_feedback_has_the_hint_and_neither_hidden_tests_nor_scripts(graded):
    course, rows = graded
    for student in rows:
        page = course.feedback("sample", student.lstrip("'")).read_text("utf-8")
        assert tiny.SECRET not in page
        assert "HIDDEN" not in page
        assert "<script>alert" not in page
        assert 'href="javascript' not in page
    page = course.feedback("sample", "only-visible").read_text("utf-8")
    assert "negative numbers count too" in page
    for kind in ("h2", "p", "strong", "li"):
        assert f"<{kind}" in course.feedback("sample", "prints").read_text("utf-8")
    page = course.feedback("sample", "=cut-off").read_text("utf-8")
    assert "could not be graded: not a notebook" in page
    hidden = course.autograded("sample", "only-visible").read_text("utf-8")
    assert tiny.SECRET in hidden  # the instructor, in formgrader, sees all


def test_nbgrader_itself_gives_feedback_without_hidden_tests(graded, tmp_path):
    course, _ = graded
    for part in ("autograded", "gradebook.db"):
        source = course.root / part
        (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / part)
    shutil.copy(COURSE.root / "nbgrader_config.py", tmp_path)
    command = [sys.executable, "-m", "nbgrader", "generate_feedback", "sample"]
    student = "--student=only-visible"
    subprocess.run([*command, student], cwd=tmp_path, check=True, capture_output=True)
    page = (tmp_path / "feedback/only-visible/sample/sample.html").read_text("utf-8")
    assert "negative numbers count too" in page
    assert "What went wrong: " in page
    assert tiny.SECRET not in page


def test_report_names_means_hints_and_failures(graded, monkeypatch, capsys):
    course, _ = graded
    monkeypatch.chdir(course.root)
    assert cli.main(["report", "sample"]) == 0
    output = capsys.readouterr().out
    assert "18 submissions, 13 could be run" in output
    assert "8 of 13 passed" in output
    assert "commonest hint:" in output
    assert "empty: the file is empty" in output
    assert "copied: answer cell add was there 3 times: joined" in output
    assert str(course.results("sample") / "report.html") in output


def test_nothing_is_written_outside_the_known_folders(graded):
    course, _ = graded
    known = {"_build", "autograded", "feedback", "gradebook.db", "submitted"}
    given = {"class", "solutions", "nbgrader_config.py"}
    assert {path.name for path in course.root.iterdir()} == known | given


# The class's book-keeping, with an executor that runs nothing


PRINTED = {"output_type": "stream", "name": "stdout", "text": "printed"}


class Counting:
    """Gives everyone a point a question, and remembers who was graded."""

    version = "1"

    def __init__(self):
        self.graded = []
        self.fail = {}
        self.output = {}  # what the student's notebook shows
        self.points = {}  # by question, where it is not 1

    def grade(self, submission, assignment):
        self.graded.append(submission.student)
        if submission.student in self.fail:
            raise self.fail[submission.student]
        result = failure("", assignment)
        marks = tuple(
            Mark(
                q.id,
                self.points.get(q.id, 1.0),
                Outcome.PARTIAL,
                SCRIPT % "from a hint",
            )
            for q in assignment.questions
        )
        cell = nbformat.v4.new_code_cell("", id="cell")
        cell.outputs = [
            nbformat.from_dict(self.output.get(submission.student, PRINTED))
        ]
        notebook = notebooks.from_parts([cell])
        return replace(result, status=Status.GRADED, marks=marks, notebook=notebook)


@pytest.fixture(scope="module")
def empty_gradebook(tmp_path_factory):
    """Make a gradebook once, and let tests copy it: nbgrader takes seconds for it."""
    course = tiny.course(tmp_path_factory.mktemp("empty"))
    with gradebook.opened(course):
        return course.output / "gradebook.db"


@pytest.fixture
def class_of_three(assignment, empty_gradebook, tmp_path):
    course = tiny.course(tmp_path)
    shutil.copy(empty_gradebook, tmp_path)
    executor = Counting()
    contents = {name: name.encode() for name in ("ann", "ben", "<b>eve")}

    def grade():
        executor.graded.clear()
        handed_in = [Submission(name, text) for name, text in contents.items()]
        return grading.grade(course, assignment, handed_in, executor)

    return course, executor, contents, grade


def test_second_run_grades_only_what_changed(class_of_three):
    _, executor, contents, grade = class_of_three
    grade()
    assert executor.graded == list(contents)
    grade()
    assert executor.graded == []
    contents["ben"] = b"better"
    grade()
    assert executor.graded == ["ben"]
    executor.version = "2"
    grade()
    assert executor.graded == list(contents)


def test_what_was_deleted_is_graded_again(class_of_three, empty_gradebook):
    course, executor, _, grade = class_of_three
    grade()
    course.feedback("sample", "ann").unlink()
    grade()
    assert executor.graded == ["ann"]
    shutil.copy(empty_gradebook, course.output)
    grade()
    assert len(executor.graded) == 3


def test_manual_marks_survive_grading_again(class_of_three, assignment):
    course, _, contents, grade = class_of_three
    grade()
    with Gradebook(course.db_url) as book:
        mark = book.find_grade("explain", "sample", "sample", "ann")
        mark.manual_score = 4.0
        book.db.commit()
    contents["ann"] = b"changed"
    grade()
    with Gradebook(course.db_url) as book:
        mark = book.find_grade("explain", "sample", "sample", "ann")
        assert mark.score == 4.0
        assert mark.needs_manual_grade
    rows = report.make(course, assignment).rows
    assert {row.record.student: row.total for row in rows}["ann"] == 6.0


def test_question_graded_again_says_who_changed_and_keeps_marks_by_hand(
    class_of_three, assignment
):
    course, executor, contents, grade = class_of_three
    grade()
    before = {
        record.student: {mark.question: mark.points for mark in record.marks}
        for record in grading.records(course, "sample")
    }
    with Gradebook(course.db_url) as book:
        mark = book.find_grade("add-test", "sample", "sample", "ben")
        mark.manual_score = 1.5
        book.db.commit()
    executor.points["add-test"] = 2.0
    executor.graded.clear()
    handed_in = [Submission(name, text) for name, text in contents.items()]
    now = grading.grade(course, assignment, handed_in, executor, again=True)
    assert executor.graded == list(contents)
    asked = regrade.question(assignment, "Q1")
    assert asked == regrade.question(assignment, "add-test")
    with gradebook.opened(course) as book:
        found = regrade.changes(book, assignment, before, now)
        assert book.find_grade("add-test", "sample", "sample", "ben").score == 1.5
    said = regrade.text(assignment, asked, found, len(now))
    assert "graded again for 3, changed for 3" in said
    assert "  ann: 1 to 2 (+1)" in said.splitlines()
    assert "ben: 1 to 2 (+1); the mark given by hand, 1.5, is kept" in said
    assert "Other questions" not in said
    other = regrade.question(assignment, "area-test")
    assert "Q1" in regrade.text(assignment, other, found, len(now))
    with pytest.raises(CourseError, match="no question 'Q9'; there are: Q1 add-test"):
        regrade.question(assignment, "Q9")


def test_interrupted_class_keeps_what_was_graded_and_goes_on(class_of_three):
    course, executor, _, grade = class_of_three
    executor.fail["ben"] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        grade()
    assert [record.student for record in grading.records(course, "sample")] == ["ann"]
    executor.fail.clear()
    assert len(grade()) == 3
    assert executor.graded == ["ben", "<b>eve"]


def test_grader_that_fails_on_one_goes_on_with_the_others(class_of_three):
    _, executor, _, grade = class_of_three
    executor.fail["ben"] = ZeroDivisionError("oops")
    records = {record.student: record for record in grade()}
    assert records["ben"].status is Status.FAILED
    assert "ZeroDivisionError: oops" in records["ben"].message
    assert records["ann"].status is Status.GRADED
    grade()
    assert executor.graded == ["ben"]


def test_page_that_cannot_be_made_stops_nobody(class_of_three, monkeypatch):
    course, executor, _, grade = class_of_three
    make = feedback.page

    def fail(exporter, book, name, student, notebook):
        if student == "ann" and notebook.cells[0]["id"] != "not-graded":
            raise ZeroDivisionError("oops")
        return make(exporter, book, name, student, notebook)

    monkeypatch.setattr(feedback, "page", fail)
    executor.output["ben"] = {**PRINTED, "text": "half a pair: \ud800"}
    records = {record.student: record for record in grade()}
    assert "the grader failed" in records["ann"].message
    assert records["ben"].status is Status.GRADED
    assert "half a pair: ?" in course.feedback("sample", "ben").read_text("utf-8")


def test_report_of_nothing_says_what_to_do(class_of_three, assignment):
    course, _, _, _ = class_of_three
    with pytest.raises(CourseError, match="nothing has been graded here yet"):
        report.make(course, assignment)


def test_report_page_escapes_what_students_wrote(class_of_three, assignment):
    course, _, _, grade = class_of_three
    grade()
    page = report.page(report.make(course, assignment))
    assert "&lt;b&gt;eve" in page
    assert "<b>eve" not in page
    assert "<script" not in page


def test_spreadsheet_runs_no_cell(class_of_three, assignment):
    course, _, contents, grade = class_of_three
    contents["=1+1"] = b""
    grade()
    report.write(course, report.make(course, assignment))
    assert "'=1+1" in {row["student"] for row in _rows(course)}


def test_changed_assignment_is_refused_by_name_once_there_are_submissions(
    class_of_three, tmp_path
):
    course, executor, _, grade = class_of_three
    grade()
    notebook = tiny.solution()
    notebook.cells[4].metadata["nbgrader"]["grade_id"] = "renamed"
    other = release.load(tiny.course(tmp_path / "other", notebook), tiny.NAME)
    with pytest.raises(GradebookError, match=r"sample has gained or lost cells"):
        grading.grade(course, other, [], executor)


def test_file_that_is_no_gradebook_is_named(assignment, tmp_path, monkeypatch, capsys):
    course = tiny.course(tmp_path)
    (tmp_path / "gradebook.db").write_bytes(b"no database" * 100)
    (tmp_path / "class" / "ann").mkdir(parents=True)
    monkeypatch.chdir(course.root)
    assert cli.main(["grade", "sample", "class"]) == cli.BROKEN
    assert f"{tmp_path / 'gradebook.db'}: file is not a" in capsys.readouterr().err


# Reading a class


def _zip(path: Path, entries: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize("top", ["", "class/"])
def test_zip_holds_the_same_class_as_the_folder(tmp_path, top):
    entries = {
        "ann/sample.ipynb": b"1",
        "ben/sub/draft.ipynb": b"2",
        "cat/sample/sample.ipynb": b"3",
        "dan/notes.txt": b"none",
        "__MACOSX/ann/._sample.ipynb": b"no",
        "ann/.ipynb_checkpoints/sample-checkpoint.ipynb": b"no",
    }
    for name, content in entries.items():
        (tmp_path / "class" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "class" / name).write_bytes(content)
    if top:
        entries = {f"{top}{name}": content for name, content in entries.items()}
        entries["class/deep/er/than/two.ipynb"] = b"4"
        (tmp_path / "class/deep/er/than").mkdir(parents=True)
        (tmp_path / "class/deep/er/than/two.ipynb").write_bytes(b"4")
    archive = _zip(tmp_path / "class.zip", entries)
    folder, zipped = (
        [item.read() for item in submissions.find(place, "sample")]
        for place in (tmp_path / "class", archive)
    )
    assert zipped == folder
    found = {item.student: item for item in folder}
    assert found["ann"] == Submission("ann", b"1")
    assert found["ben"].notes == ("the notebook was named sub/draft.ipynb",)
    assert found["cat"].content == b"3"
    assert found["dan"].problem == "no notebook in the student's folder"


@pytest.mark.parametrize(
    "name", ["/etc/sample.ipynb", "ann/../../sample.ipynb", "C:/sample.ipynb", "..\\x"]
)
def test_archive_that_leads_out_is_refused_by_name(tmp_path, name):
    path = _zip(tmp_path / "class.zip", {"ann/sample.ipynb": b"1", name: b"2"})
    with pytest.raises(SubmissionError, match="leads out of the archive"):
        submissions.find(path, "sample")


def test_archive_with_a_link_is_refused_by_name(tmp_path):
    path = tmp_path / "class.zip"
    with zipfile.ZipFile(path, "w") as archive:
        entry = zipfile.ZipInfo("ann/sample.ipynb")
        entry.external_attr = 0o120777 << 16
        archive.writestr(entry, "/etc/passwd")
    with pytest.raises(SubmissionError, match=r"ann/sample\.ipynb is a link"):
        submissions.find(path, "sample")


def test_link_in_a_folder_is_not_followed(tmp_path):
    (tmp_path / "secret").write_text("{}")
    (tmp_path / "class" / "ann").mkdir(parents=True)
    (tmp_path / "class" / "ann" / "sample.ipynb").symlink_to(tmp_path / "secret")
    [item] = submissions.find(tmp_path / "class", "sample")
    assert item.read().content is None
    assert item.read().problem == "sample.ipynb is a link instead of a file"


def test_odd_folder_name_is_entered_under_another_and_said_so(tmp_path):
    (tmp_path / "ann\n ").mkdir()
    [item] = submissions.find(tmp_path, "sample")
    assert item.student.startswith("ann_-")
    assert item.notes == ("the folder was named 'ann\\n '",)


@pytest.mark.parametrize("place", ["nowhere", "empty", "file.txt"])
def test_place_without_a_class_is_said(tmp_path, place):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.txt").write_text("no zip")
    with pytest.raises((CourseError, SubmissionError), match=place):
        submissions.find(tmp_path / place, "sample")


# Reading a notebook that anyone may have written


ODD = [
    {"cells": [None, 1, [], {}]},
    {"cells": [{"cell_type": 3, "source": 4, "metadata": []}]},
    {"cells": [{"cell_type": "code", "source": [1, "x"], "id": ["add"]}]},
    {"cells": [{"cell_type": "code", "metadata": {"nbgrader": "x"}, "source": "x"}]},
    {"cells": [{"cell_type": "code", "metadata": {"nbgrader": {"grade_id": {}}}}]},
    {"cells": [{"cell_type": "markdown", "id": "add", "source": "\ud800"}]},
    {"metadata": 1, "cells": [{"id": "add", "cell_type": "raw", "source": "x"}]},
    {"worksheets": [{"cells": [{"cell_type": "code", "input": "x = 1"}]}]},
    {"worksheets": [1], "nbformat": 3},
    {"worksheets": [{"cells": [{"cell_type": "heading"}]}]},
]


@pytest.mark.parametrize("data", ODD, ids=range(len(ODD)))
def test_odd_notebook_is_read_or_refused_but_never_breaks(assignment, data):
    with suppress(NotebookError):
        submitted = notebooks.parse(json.dumps(data).encode())
        _assert_rebuilt(assignment, submitted)


def _assert_rebuilt(assignment, submitted):
    notebook, _ = rebuild(assignment, submitted)
    notebooks.write(notebook).encode()
    assert [cell["id"] for cell in notebook.cells] == [
        cell["id"] for cell in assignment.graded.cells
    ]


def test_split_answer_is_joined(assignment):
    notebook = demo.fill(assignment.released, tiny.RIGHT)
    position = [cell["id"] for cell in notebook.cells].index("add")
    second = copy.deepcopy(notebook.cells[position])
    notebook.cells[position].source = "def add(a, b):"
    second["id"] = "random"
    second.source = "    return a + b"
    notebook.cells.insert(position + 1, second)
    rebuilt, repairs = rebuild(assignment, notebook)
    assert _cell(rebuilt, "add").source == "def add(a, b):\n\n    return a + b"
    assert repairs == ("answer cell add was there 2 times: joined",)


def test_untouched_submission_needs_no_repair(assignment):
    notebook, repairs = rebuild(assignment, assignment.released)
    assert repairs == ()
    assert notebook == assignment.graded
