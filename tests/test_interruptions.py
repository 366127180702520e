"""Whatever ends a run, and when: what was graded stays, and the next run goes on."""

from __future__ import annotations

import csv
import random
import resource
import shutil
import signal
import sqlite3
import statistics
import sys
import time
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import large_class
import nbformat
import pytest
import tiny_assignment as tiny
from commands import Command

from autograder import (
    cli,
    files,
    gradebook,
    grading,
    notebooks,
    regrade,
    release,
    submissions,
)
from autograder.course import Course
from autograder.errors import GradebookError, OutputError
from autograder.execution import Mark, Outcome, Status, Submission, failure

SIZE, LARGE = 36, 1000  # of a class
MARGIN = 20  # MB that a process may hold in the second half more than in the first
LARGEST = 100  # MB that one hand-in, made to be large, may take for a moment


def start(folder: Path, *more: str, log: str = "said.txt") -> Command:
    """Grade a class by the command."""
    arguments = ["grade", tiny.NAME, "class.zip", "--roster", "roster.csv"]
    program = [sys.executable, "-m", "autograder.cli", *arguments, "--timeout", "3"]
    # What it prints goes where errors go: the other is the nanny's.
    shell = ["/bin/sh", "-c", 'exec "$@" >&2', "sh", *program, *more]
    return Command(shell, folder, folder.with_name(f"{folder.name}-{log}-tmp"), log)


def kept(course: Course) -> dict[str, tuple[bytes, int]]:
    """Return the records as they are on disk, and when each was written."""
    folder = course.results(tiny.NAME) / "records"
    paths = folder.glob("*.json") if folder.exists() else ()
    return {p.stem: (p.read_bytes(), p.stat().st_mtime_ns) for p in paths}


def look(course: Course) -> None:
    """See that all that is there is whole, and that nobody's record is alone."""
    if not (course.output / "gradebook.db").exists():
        assert not kept(course)
        return
    with sqlite3.connect(course.output / "gradebook.db") as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    found = {record.student: record for record in grading.records(course, tiny.NAME)}
    assert set(found) == set(kept(course))
    if not found:
        return
    with gradebook.opened(course) as book:
        entered = gradebook.class_points(book, tiny.NAME)
        for student, record in found.items():
            assert entered[student] == {
                mark.question: mark.points for mark in record.marks
            }
    for student in found:
        nbformat.read(course.autograded(tiny.NAME, student), as_version=4)
        page = course.feedback(tiny.NAME, student).read_text("utf-8")
        assert page.rstrip().endswith("</html>")
    for item in submissions.find(course.output / "submitted", tiny.NAME):
        assert item.notes == (), item.student  # no file beside the one


def rows(course: Course) -> dict[str, dict[str, str]]:
    path = course.results(tiny.NAME) / "marks.csv"
    with path.open(encoding="utf-8", newline="") as file:
        return {row["student"]: row for row in csv.DictReader(file)}


def test_run_that_is_ended_loses_nothing_that_was_graded(tmp_path):
    students = large_class.write(tmp_path, SIZE)
    course = Course(tmp_path, tmp_path)
    draw = random.Random(large_class.SEED)
    before: dict[str, tuple[bytes, int]] = {}
    # How many more records before it is ended, and how.
    ways = [
        (0, signal.SIGKILL),
        (1, signal.SIGKILL),
        (draw.randrange(2, 6), signal.SIGINT),
        (draw.randrange(2, 6), signal.SIGKILL),
        (draw.randrange(2, 6), signal.SIGTERM),
        (draw.randrange(2, 6), signal.SIGHUP),
    ]
    for more, signum in ways:
        run = start(tmp_path)
        wanted = len(before) + more
        run.wait_for(lambda: run.places and len(kept(course)) >= wanted)  # noqa: B023
        time.sleep(draw.uniform(0, 0.5))
        # A terminal tells everyone in front of it.
        run.send(signum, group=signum in (signal.SIGINT, signal.SIGHUP))
        code = run.end()
        assert code == (-signum if signum == signal.SIGKILL else cli.INTERRUPTED)
        assert "Traceback" not in run.said
        if signum != signal.SIGKILL:
            assert "are graded and kept; the same command goes on" in run.said
        look(course)
        now = kept(course)
        assert {student: now.get(student) for student in before} == before
        assert len(now) < SIZE, "it was too quick to be interrupted"
        before = now
    run = start(tmp_path)
    assert run.end() == 0, run.said
    look(course)
    now = kept(course)
    assert {student: now.get(student) for student in before} == before
    assert large_class.wrong(students, rows(course)) == []
    assert run.said.count("as before") >= len(before)


def test_second_ctrl_c_ends_the_report_and_leaves_no_half_of_it(tmp_path):
    large_class.write(tmp_path, SIZE)
    course = Course(tmp_path, tmp_path)
    run = start(tmp_path)
    run.wait_for(lambda: len(kept(course)) >= 5)
    run.send(signal.SIGINT, group=True)
    run.wait_for(lambda: "graded and kept" in run.said)
    run.send(signal.SIGINT, group=True)
    assert run.end() == cli.INTERRUPTED
    look(course)
    results = course.results(tiny.NAME)
    assert not list(results.glob(".*"))
    for page in results.glob("report.html"):
        assert page.read_text("utf-8").rstrip().endswith("</html>")


def test_second_grader_of_the_same_is_told_about_the_first(tmp_path):
    large_class.write(tmp_path, SIZE)
    course = Course(tmp_path, tmp_path)
    first = start(tmp_path)
    first.wait_for(lambda: len(kept(course)) >= 1)
    second = start(tmp_path, log="second.txt")
    assert second.end() == cli.BROKEN
    assert "`autograder grade sample` is running here already" in second.said
    assert f"process {first.pid} on" in second.said
    first.send(signal.SIGKILL)
    first.end()
    with files.locked(course.results(tiny.NAME), "a test"):  # nobody has it any more
        pass


# The book-keeping, with an executor that runs nothing


class Slow:
    """Gives a point a question, and is interrupted at one student."""

    version = "1"

    def __init__(self):
        self.graded, self.stop, self.points, self.source = [], "", 1.0, ""

    def grade(self, submission, assignment):
        if submission.student == self.stop:
            raise KeyboardInterrupt
        self.graded.append(submission.student)
        result = failure("", assignment)
        marks = [Mark(q.id, self.points, Outcome.PARTIAL) for q in assignment.questions]
        notebook = notebooks.from_parts(
            [nbformat.v4.new_code_cell(self.source, id="cell")]
        )
        return replace(
            result, status=Status.GRADED, marks=tuple(marks), notebook=notebook
        )


NAMES = ("ann", "ben", "cat", "dan")


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    course = tiny.course(tmp_path_factory.mktemp("given"))
    with gradebook.opened(course):
        return course, release.load(course, tiny.NAME)


@pytest.fixture
def graded(given, tmp_path):
    """A class of four, graded once; the executor, and a function to grade again."""
    course, assignment = Course(given[0].root, tmp_path), given[1]
    shutil.copy(given[0].output / "gradebook.db", tmp_path)
    executor = Slow()

    def grade(**more):
        executor.graded.clear()
        content = b"another" if more.pop("changed", False) else b"one"
        handed_in = [Submission(name, content) for name in NAMES]
        return grading.grade(course, assignment, handed_in, executor, **more)

    grade()
    return course, assignment, executor, grade


def _again(course, assignment, _, grade):
    """Grade the first question again, as the command does."""
    asked = regrade.question(assignment, "Q1")
    again = regrade.Round(course, assignment, asked)

    def progress(record, new):
        if new:
            again.add(record.student)

    grade(progress=progress, again=True, spared=again.done)
    return again


def test_interrupted_regrade_goes_on_and_names_all_changes(graded):
    course, _, executor, _ = graded
    executor.points, executor.stop = 2.0, "cat"
    with pytest.raises(KeyboardInterrupt):
        _again(*graded)
    assert executor.graded == ["ann", "ben"]
    [path] = course.results(tiny.NAME).glob("regrade-*")
    path.write_bytes(path.read_bytes() + b'"ca')  # it ended while it wrote
    executor.stop = ""
    again = _again(*graded)
    assert executor.graded == ["cat", "dan"]
    changes = [c for c in again.changes() if c.question == "add-test"]
    assert [(c.student, c.before, c.now) for c in changes] == [
        (name, 1.0, 2.0) for name in NAMES
    ]
    assert again.done == set(NAMES)
    again.finish()
    assert not path.exists()
    executor.points = 3.0
    again = _again(*graded)  # a round of its own
    assert executor.graded == list(NAMES)
    assert {(c.before, c.now) for c in again.changes()} == {(2.0, 3.0)}


def test_regrade_by_another_grader_begins_again_from_the_same_marks(graded):
    _, _, executor, _ = graded
    executor.points, executor.stop = 2.0, "cat"
    with pytest.raises(KeyboardInterrupt):
        _again(*graded)
    executor.points, executor.stop, executor.version = 3.0, "", "2"
    again = _again(*graded)
    assert executor.graded == list(NAMES)
    assert {(c.before, c.now) for c in again.changes()} == {(1.0, 3.0)}


@pytest.mark.parametrize("room", ["files", "gradebook"])
def test_full_disk_is_named_and_costs_nobody_a_mark(graded, room):
    course, _, executor, grade = graded
    before = kept(course)
    # A page that says that there is no room would still find room.
    size = 700_000 if room == "files" else 8192
    executor.source = "#" * 10**6 if room == "files" else ""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    executor.points = 2.0
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        with pytest.raises((OutputError, GradebookError)) as error:
            grade(changed=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert str(course.output) in str(error.value)
    assert kept(course) == before
    assert not list(course.output.rglob(".*.part"))
    assert len(grade(changed=True)) == len(NAMES)
    assert executor.graded == list(NAMES)
    look(course)


def test_record_that_cannot_be_read_is_named(graded):
    course, _, _, grade = graded
    path = course.results(tiny.NAME) / "records" / "ben.json"
    path.unlink()
    path.mkdir()
    with pytest.raises(OutputError, match=r"ben\.json cannot be read"):
        grade()


def test_half_a_file_of_a_killed_run_is_never_taken_for_one(graded):
    course, _, _, grade = graded
    for path in (
        course.results(tiny.NAME) / "records" / ".eve.json.part",
        course.submitted(tiny.NAME, "ann").with_name(f".{tiny.NAME}.ipynb.part"),
    ):
        path.write_bytes(b"half")
    assert {r.student for r in grading.records(course, tiny.NAME)} == set(NAMES)
    found = submissions.find(course.output / "submitted", tiny.NAME)
    assert [(item.student, item.notes) for item in found] == [(n, ()) for n in NAMES]
    grade(changed=True)
    assert not list((course.output / "submitted").rglob(".*.part"))


# A class of 1,000


@pytest.mark.large
def test_class_of_1000_is_graded_with_flat_memory_whatever_interrupts_it(tmp_path):
    students = large_class.write(tmp_path, LARGE)
    course = Course(tmp_path, tmp_path)
    before: dict[str, tuple[bytes, int]] = {}
    for number, signum in (
        (LARGE * 3 // 10, signal.SIGINT),
        (LARGE * 6 // 10, signal.SIGKILL),
    ):
        run = start(tmp_path)
        run.wait_for(lambda: len(kept(course)) >= number)  # noqa: B023
        run.send(signum, group=signum == signal.SIGINT)
        run.end()
        look(course)
        now = kept(course)
        assert {student: now.get(student) for student in before} == before
        before = now
    assert LARGE * 6 // 10 <= len(before) < LARGE * 9 // 10
    assert start(tmp_path).end() == 0
    look(course)
    now = kept(course)
    assert {student: now.get(student) for student in before} == before
    found = rows(course)
    assert len(found) == len(students)
    assert large_class.wrong(students, found) == []

    # All of them once more, in one run that nothing interrupts.
    half = [time.time_ns()]
    halves: tuple[dict, dict] = (defaultdict(list), defaultdict(list))

    def middle() -> bool:
        new = sum(when > half[0] for _, when in kept(course).values())
        if new > 50:  # by then everything that lasts has been loaded
            for name, size in run.sizes().items():
                halves[new > len(now) // 2][name.split()[0]].append(size)
        time.sleep(1)
        return False

    run = start(tmp_path, "--regrade", "Q1")
    run.wait_for(middle)
    assert run.end() == 0, run.said
    assert f"graded again for {len(now)}, changed for 0" in run.said
    assert large_class.wrong(students, rows(course)) == []
    for name, early in halves[0].items():
        late = halves[1][name]
        usual = [statistics.median(size for size, _ in part) for part in (early, late)]
        most = [max(size for size, _ in part) for part in (early, late)]
        opened = [min(files for _, files in part) for part in (early, late)]
        print(f"{name}: {usual} MB, at most {most}; {opened} open files at least")
        assert usual[1] <= usual[0] + MARGIN, name
        assert most[1] <= most[0] + LARGEST, name
        assert opened[1] <= opened[0] + 2, name
