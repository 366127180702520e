"""Submissions a minute: ``autograder grade`` against ``nbgrader autograde``.

Two classes, each graded by both in one run from the same files: honest submissions
with light cells, and a mixed one (wrong, slow, dying). The assignment is made of those
questions of *Autoencoder* that train nothing. For the second class the figure is the
time beyond the students' own cells, which are known: those that sleep.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path
from typing import Any

from nbgrader.api import Gradebook, MissingEntry

from autograder import demo, notebooks, release
from autograder.course import Course

NAME = "light"
LAST = "start-check"  # the questions after it train
NAP = 0.5  # seconds that each answer of a slow submission sleeps
HONEST, FEW, MIXED = 40, 8, 39  # submissions


def measure(quick: bool = False) -> dict[str, Any]:
    """Grade both classes by both, and print a table."""
    honest, few, mixed = (FEW, FEW // 2, 6) if quick else (HONEST, FEW, MIXED)
    with tempfile.TemporaryDirectory() as folder:
        course = _course(Path(folder))
        right = demo.answers(course, NAME)
        code = [name for name, source in right.items() if "def " in source]
        wrong = {**right, **{name: demo.wrong(right[name]) for name in code}}
        nap = f"\nimport time\ntime.sleep({NAP})\n"
        slow = {**right, **{name: right[name] + nap for name in code}}
        dying = {**right, code[-1]: demo.DIE}
        own = mixed // 3 * NAP * len(code)
        workers = len(os.sched_getaffinity(0))

        first = _class(course, "few", [right] * few)
        ours_few = _ours(course, first)
        second = _class(course, "honest", [right] * honest)
        ours, theirs = _ours(course, second), _theirs(course, second)
        kinds = [wrong, slow, dying] * (mixed // 3)
        third = _class(course, "mixed", kinds)
        ours_mixed, theirs_mixed = _ours(course, third), _theirs(course, third)

    assert ours["marks"] == theirs["marks"], "the two disagree on honest submissions"
    for student, marks in theirs_mixed["marks"].items():
        # A kernel that dies costs the whole submission in nbgrader.
        assert not marks or marks == ours_mixed["marks"][student], student
    beyond = theirs_mixed["seconds"] - own
    ours_beyond = ours_mixed["seconds"] - own / workers
    found = {
        "submissions": honest,
        "workers": workers,
        "nbgrader_a_minute": round(60 * honest / theirs["seconds"], 1),
        "autograder_a_minute": round(60 * honest / ours["seconds"], 1),
        "ratio": round(theirs["seconds"] / ours["seconds"], 2),
        "cpu_seconds_for_one_more": round(
            (ours["cpu"] - ours_few["cpu"]) / (honest - few), 3
        ),
        "mixed_submissions": mixed,
        "own_seconds": own,
        "nbgrader_seconds_beyond": round(beyond, 1),
        "autograder_seconds_beyond": round(ours_beyond, 1),
        "overhead_ratio": round(ours_beyond / beyond, 4),
    }
    for name, value in found.items():
        print(f"grading.{name}: {value}")
    return found


def _course(root: Path) -> Course:
    """Make a course with the questions of the assignment that train nothing."""
    given = release.source(Course.find(), "autoencoder")
    last = [cell["id"] for cell in given.cells].index(LAST)
    given.cells = given.cells[: last + 1]
    folder = root / "solutions" / NAME
    folder.mkdir(parents=True)
    (folder / f"{NAME}.ipynb").write_text(notebooks.write(given), "utf-8")
    (root / "nbgrader_config.py").write_text(
        "c = get_config()\n"
        'c.CourseDirectory.source_directory = "solutions"\n'
        'c.CourseDirectory.release_directory = "exercises"\n'
    )
    return Course(root, root)


def _class(course: Course, name: str, answers: list[dict[str, str]]) -> Path:
    """Write a class in a course folder of its own, as nbgrader wants it."""
    root = course.root / name
    released = release.load(course, NAME).released
    for number, given in enumerate(answers):
        folder = root / "submitted" / f"s{number:03}" / NAME
        folder.mkdir(parents=True)
        text = notebooks.write(demo.fill(released, given))
        (folder / f"{NAME}.ipynb").write_text(text, "utf-8")
    for part in ("solutions", "nbgrader_config.py"):
        (root / part).symlink_to(course.root / part)
    return root


def _ours(course: Course, root: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "autograder.cli", "grade", NAME, "submitted"]
    return _timed([*command, "--output", "graded"], root, root / "graded")


def _theirs(course: Course, root: Path) -> dict[str, Any]:
    nbgrader = [sys.executable, "-m", "nbgrader"]
    made = [*nbgrader, "generate_assignment", NAME, "--quiet"]
    subprocess.run(made, cwd=root, check=True, env=_environment())
    return _timed([*nbgrader, "autograde", NAME, "--quiet"], root, root)


def _environment() -> dict[str, str]:
    """Return an environment in which nbgrader finds the command alembic."""
    scripts = sysconfig.get_path("scripts")
    return {**os.environ, "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"}


def _timed(command: list[str], folder: Path, output: Path) -> dict[str, Any]:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    run = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, env=_environment()
    )
    seconds = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if not any((output / "autograded").glob("*")):
        raise RuntimeError(f"{' '.join(command)}: {run.stderr[-2000:]}")
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"seconds": seconds, "cpu": used, "marks": _marks(folder, output)}


def _marks(folder: Path, output: Path) -> dict[str, dict[str, float]]:
    """Return each student's marks by question; empty if the grading failed."""
    found = {}
    with Gradebook(f"sqlite:///{output / 'gradebook.db'}") as book:
        for path in (folder / "submitted").iterdir():
            try:
                submission = book.find_submission_notebook(NAME, NAME, path.name)
                graded = (output / "autograded" / path.name / NAME).exists()
            except MissingEntry:
                graded = False
            found[path.name] = (
                {grade.name: grade.auto_score for grade in submission.grades}
                if graded
                else {}
            )
    return found
