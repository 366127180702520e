"""Late penalties are nbgrader's: its plugin, its gradebook, its pages and exports."""

from __future__ import annotations

import csv
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import tiny_assignment as tiny
from nbgrader.api import Gradebook

from autograder import cli, gradebook, grading, lateness, notebooks, release, report
from autograder.errors import CourseError, PenaltyError, RosterError
from autograder.execution import Mark, Outcome, Status, Submission, failure
from autograder.intake import roster

DUE = datetime(2026, 12, 1, 23)
HALF = """
from nbgrader.plugins import BasePlugin


class Half(BasePlugin):
    def late_submission_penalty(self, student_id, score, total_seconds_late):
        return score / 2
"""
CONFIG = 'c = get_config()\nc.AssignLatePenalties.plugin_class = "half.Half"\n'


class Executor:
    """Gives everyone two points a question."""

    version = "1"

    def __init__(self):
        self.graded = []

    def grade(self, submission, assignment):
        self.graded.append(submission.student)
        marks = tuple(Mark(q.id, 2.0, Outcome.PASSED) for q in assignment.questions)
        made = failure("", assignment, submission.notes)
        notebook = notebooks.from_parts([])
        return replace(made, status=Status.GRADED, marks=marks, notebook=notebook)


@pytest.fixture(scope="module")
def assignment(tmp_path_factory):
    return release.load(tiny.course(tmp_path_factory.mktemp("given")), tiny.NAME)


@pytest.fixture(scope="module")
def empty_gradebook(tmp_path_factory):
    course = tiny.course(tmp_path_factory.mktemp("empty"))
    with gradebook.opened(course):
        return course.output / "gradebook.db"


@pytest.fixture
def course(tmp_path, empty_gradebook, monkeypatch):
    made = tiny.course(tmp_path)
    shutil.copy(empty_gradebook, tmp_path)
    (tmp_path / "half.py").write_text(HALF)
    (tmp_path / "nbgrader_config.py").write_text(CONFIG)
    monkeypatch.delitem(sys.modules, "half", raising=False)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return made


def grade(course, assignment, times, executor=None, due=DUE, extensions=None):
    gradebook.register(course, assignment, due)
    late = lateness.Lateness(course, extensions)
    late.check(due)
    handed_in = [
        Submission(student, b"x", submitted=time) for student, time in times.items()
    ]
    grading.grade(course, assignment, handed_in, executor or Executor(), late=late)


def penalties(course) -> dict[str, float | None]:
    with Gradebook(course.db_url) as book:
        return {
            s.student_id: s.notebooks[0].late_submission_penalty
            for s in book.assignment_submissions(tiny.NAME)
        }


def hours(number: float) -> datetime:
    return DUE + timedelta(hours=number)


CLASS = {
    "in-time": hours(-1),
    "on-the-dot": hours(0),
    "late": hours(2),
    "unknown": None,
}


def test_penalty_of_the_plugin_is_in_gradebook_report_and_feedback(course, assignment):
    grade(course, assignment, CLASS)
    expected = {"in-time": None, "on-the-dot": None, "late": 3.0, "unknown": None}
    assert penalties(course) == expected
    made = report.make(course, assignment)
    assert {row.record.student: row.total for row in made.rows} == {
        **{"in-time": 6.0, "on-the-dot": 6.0, "late": 3.0, "unknown": 6.0}
    }
    for text in (report.text(made), report.page(made)):
        assert "late by 2 h: 3 points taken off" in text
    page = course.feedback(tiny.NAME, "late").read_text("utf-8")
    assert "Late submission penalty (Score: -3.0)" in page
    page = course.feedback(tiny.NAME, "in-time").read_text("utf-8")
    assert "Late submission penalty (" not in page
    report.write(course, made)
    with (course.results(tiny.NAME) / "marks.csv").open(encoding="utf-8") as file:
        rows = {row["student"]: row for row in csv.DictReader(file)}
    assert (rows["late"]["points"], rows["late"]["late_penalty"]) == ("3", "3")


def test_nbgrader_exports_the_same_score_and_time(course, assignment):
    grade(course, assignment, CLASS)
    command = [sys.executable, "-m", "nbgrader", "export", "--to=grades.csv"]
    subprocess.run(command, cwd=course.root, check=True, capture_output=True)
    with (course.root / "grades.csv").open(encoding="utf-8") as file:
        rows = {row["student_id"]: row for row in csv.DictReader(file)}
    late = rows["late"]
    assert (late["raw_score"], late["score"]) == ("6.0", "3.0")
    assert late["late_submission_penalty"] == "3.0"
    assert late["timestamp"] == str(CLASS["late"])
    assert late["duedate"] == str(DUE)
    stamp = course.submitted(tiny.NAME, "late").with_name("timestamp.txt")
    assert stamp.read_text() == f"{CLASS['late']} UTC"


def test_due_date_extension_and_rule_may_change_without_grading_again(
    course, assignment
):
    executor = Executor()
    grade(course, assignment, CLASS, executor)
    executor.graded.clear()
    page = course.feedback(tiny.NAME, "late")
    for due, extensions, penalty in (
        (hours(1), None, 3.0),
        (hours(3), None, None),
        (DUE, {"late": timedelta(hours=1)}, 3.0),
        (DUE, {"late": timedelta(hours=2)}, None),
        (DUE, {"late": hours(5)}, None),
        (DUE, {}, 3.0),
    ):
        grade(course, assignment, CLASS, executor, due, extensions)
        assert penalties(course)["late"] == penalty
        shown = "Late submission penalty (" in page.read_text("utf-8")
        assert shown == (penalty is not None)
    assert executor.graded == []


def test_who_is_not_in_this_hand_in_is_compared_with_the_new_date_too(
    course, assignment
):
    grade(course, assignment, CLASS)
    grade(course, assignment, {"new": hours(-3)}, due=hours(-2))
    assert penalties(course) == {
        **{"in-time": 3.0, "on-the-dot": 3.0, "late": 3.0, "unknown": None},
        "new": None,
    }


def test_manual_marks_count_in_the_penalty(course, assignment):
    grade(course, assignment, CLASS)
    with Gradebook(course.db_url) as book:
        book.find_grade("explain", "sample", "sample", "late").manual_score = 5.0
        book.db.commit()
    grade(course, assignment, CLASS)
    assert penalties(course)["late"] == 4.5


def test_time_in_the_gradebook_stays_if_there_is_no_other(course, assignment):
    grade(course, assignment, {"late": hours(2)})
    grade(course, assignment, {"late": None})
    assert penalties(course)["late"] == 3.0
    late = lateness.Lateness(course)
    other = [Submission("late", b"another file")]
    grading.grade(course, assignment, other, Executor(), late=late)
    assert penalties(course)["late"] is None
    assert not course.submitted(tiny.NAME, "late").with_name("timestamp.txt").exists()


def test_nbgraders_own_plugin_takes_all(course, assignment):
    (course.root / "nbgrader_config.py").write_text(
        "c = get_config()\nc.LateSubmissionPlugin.penalty_method = 'zero'\n"
    )
    grade(course, assignment, CLASS)
    assert penalties(course)["late"] == 6.0
    assert penalties(course)["in-time"] is None


def test_without_a_rule_being_late_is_said_and_costs_nothing(course, assignment):
    (course.root / "nbgrader_config.py").write_text("")
    grade(course, assignment, CLASS)
    assert penalties(course)["late"] is None
    text = report.text(report.make(course, assignment))
    assert "late: late by 2 h: no penalty" in text


@pytest.mark.parametrize("answer", [-1, 100])
def test_penalty_is_kept_between_nothing_and_all(course, assignment, answer):
    (course.root / "half.py").write_text(HALF.replace("score / 2", str(answer)))
    grade(course, assignment, CLASS)
    assert penalties(course)["late"] == (0 if answer < 0 else 6.0)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ("c = get_config(", "SyntaxError"),
        ("import nowhere_at_all", "ModuleNotFoundError"),
        (CONFIG.replace("half.Half", "half.Other"), "Other"),
        (CONFIG.replace("half.Half", "half"), "half"),
        ("raise SystemExit('no')", "SystemExit: no"),
    ],
)
def test_rule_that_cannot_be_loaded_is_named_before_anything_runs(
    course, assignment, config, said
):
    (course.root / "nbgrader_config.py").write_text(config)
    errors = (CourseError, PenaltyError)
    with pytest.raises(errors, match=r"nbgrader_config\.py: .*") as raised:
        grade(course, assignment, CLASS)
    assert said in str(raised.value)


def test_rule_that_fails_is_named_and_nothing_is_lost(course, assignment):
    (course.root / "half.py").write_text(HALF.replace("score / 2", "score / 0"))
    with pytest.raises(
        PenaltyError, match=r"plugin Half failed for late: ZeroDivisionError"
    ):
        grade(course, assignment, CLASS)
    (course.root / "half.py").write_text(HALF)
    sys.modules.pop("half", None)
    executor = Executor()
    grade(course, assignment, CLASS, executor)
    assert executor.graded == ["late", "unknown"]
    assert penalties(course)["late"] == 3.0


def test_extension_before_the_due_date_is_refused(course, assignment):
    with pytest.raises(
        RosterError, match="late's own due date, 2026-12-01 22:00:00 UTC"
    ):
        grade(course, assignment, CLASS, extensions={"late": hours(-1)})
    with pytest.raises(
        RosterError, match="gives late an extension, and there is no due"
    ):
        lateness.Lateness(course, {"late": timedelta(1)}).check(None)


# By the command


ROSTER = """\
Student;Name;E-Mail;Canvas ID;Group;Extension
s1;One, Ann;ann@x.test;101;A;
s2;Ben Two;ben@x.test;102;B;1,5
s3;Cat Three;cat@x.test;103;B;
"""


@pytest.fixture
def graded(course, assignment, monkeypatch):
    """Replace what runs submissions by what gives everyone two points a question."""
    inbound = course.root / "exchange" / "inbound"
    for user, time in (("s1", "00:10:00"), ("s2", "12:00:00"), ("ghost", "00:00:00")):
        folder = inbound / f"{user}+sample+2026-12-02 {time}.000000 UTC+x"
        folder.mkdir(parents=True)
        (folder / "sample.ipynb").write_bytes(b"x")
    (course.root / "roster.csv").write_text(ROSTER, "utf-8")
    monkeypatch.chdir(course.root)

    def run(executor, release, submissions, pool):
        for submission in submissions:
            yield submission, Executor().grade(submission, release)

    monkeypatch.setattr(grading, "run", run)
    return ["grade", "sample", "exchange", "--sandbox", "none"]


def test_class_from_the_exchange_with_roster_and_due_date(graded, course, capsys):
    when = ["--due", "2026-12-01 23:59 Europe/Berlin", "--roster", "roster.csv"]
    assert cli.main([*graded, *when]) == 0
    output = capsys.readouterr().out
    assert "exchange: nbgrader's exchange, 3 hand-ins" in output
    assert "due 2026-12-01 22:59:00 UTC" in output
    assert "not on the roster, but graded: 1 (ghost)" in output
    assert "nothing handed in: 1 (s3)" in output
    assert "s1: late by 1 h 11 min: 3 points taken off" in output
    assert "1 handed nothing in" in output
    assert penalties(course) == {"s1": 3.0, "s2": None, "ghost": 3.0}
    with Gradebook(course.db_url) as book:
        found = book.find_student("s1")
        assert (found.first_name, found.last_name) == ("Ann", "One")
        assert (found.email, found.lms_user_id) == ("ann@x.test", "101")
        assert book.find_student("s3").submissions == []
    with (course.results(tiny.NAME) / "marks.csv").open(encoding="utf-8") as file:
        rows = {row["student"]: row for row in csv.DictReader(file)}
    assert (rows["s3"]["status"], rows["s3"]["points"]) == ("missing", "0")
    assert rows["s3"]["message"] == "nothing was handed in"
    assert [rows[s]["group"] for s in ("s1", "s3", "ghost")] == ["A", "B", ""]


def test_who_handed_nothing_in_may_do_so_later(graded, course, capsys):
    assert cli.main([*graded, "--roster", "roster.csv", "--due", "2026-12-01 UTC"]) == 0
    late = course.root / "late" / "s3"
    late.mkdir(parents=True)
    (late / "sample.ipynb").write_bytes(b"x")
    capsys.readouterr()
    assert cli.main(["grade", "sample", "late", *graded[3:]]) == 0
    assert "due 2026-12-01 23:59:59 UTC" in capsys.readouterr().out
    assignment = release.load(course, tiny.NAME)
    rows = {r.record.student: r for r in report.make(course, assignment).rows}
    assert sorted(rows) == ["ghost", "s1", "s2", "s3"]
    assert rows["s3"].record.status is Status.GRADED
    assert rows["s3"].total == 6.0


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--due", "tomorrow", "--due: 'tomorrow' is no date; write it as"),
        ("--due", "2026-12-01 23:59", "names no time zone"),
        ("--roster", "none.csv", "none.csv: cannot be read"),
        ("--format", "moodle", "read as a download from Moodle; expected"),
    ],
)
def test_what_cannot_be_is_said(graded, capsys, option, value, said):
    assert cli.main([*graded, option, value]) == cli.BROKEN
    assert said in capsys.readouterr().err


def test_roster_of_people_alone_leaves_dates_alone(tmp_path):
    path: Path = tmp_path / "roster.csv"
    path.write_text("student\ns1\n")
    assert lateness.extensions(roster.read(path)) is None
    path.write_text("student,extension\ns1,\n")
    assert lateness.extensions(roster.read(path)) == {}
