"""nbgrader's gradebook: the one place where marks are kept, with one writer."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import nbgrader
from alembic.script import ScriptDirectory
from nbgrader import api
from nbgrader.api import (
    Assignment,
    BaseCell,
    Grade,
    Gradebook,
    MissingEntry,
    Notebook,
    SubmittedAssignment,
    SubmittedNotebook,
)
from nbgrader.preprocessors import ComputeChecksums, SaveCells
from sqlalchemy.exc import DatabaseError, SAWarning

from autograder.course import Course
from autograder.errors import GradebookError
from autograder.execution import Release, Result
from autograder.intake.roster import Person

BLANK = "No response."  # nbgrader's own comment
STUDENT = ("first_name", "last_name", "email", "lms_user_id")  # nbgrader's columns


@contextmanager
def opened(course: Course) -> Iterator[Gradebook]:
    """Open the gradebook, made if it does not exist yet."""
    course.output.mkdir(parents=True, exist_ok=True)
    try:
        with warnings.catch_warnings(), Gradebook(course.db_url) as book:
            # nbgrader's own queries make SQLAlchemy remark on its way of adding rows.
            warnings.simplefilter("ignore", SAWarning)
            yield book
    except DatabaseError as error:
        raise GradebookError(
            f"{course.output / 'gradebook.db'}: {error.orig}; is it nbgrader's, of "
            "this version (`nbgrader db upgrade`), writable, and not in use?"
        ) from error


def _version() -> str:
    """Return the version of nbgrader's tables, as it is noted in a new database."""
    scripts = ScriptDirectory(str(Path(nbgrader.__file__).with_name("alembic")))
    head = scripts.get_current_head()
    assert head is not None, "nbgrader has no version of its tables"
    return head


# nbgrader runs the command ``alembic`` for this, which takes seconds, and which an
# environment that was not activated does not have on its PATH.
api.get_alembic_version = _version


def register(course: Course, release: Release, due: datetime | None = None) -> None:
    """Enter an assignment and its cells, as ``generate_assignment`` would.

    Without a due date, in UTC, it keeps the one that it has.
    """
    with opened(course) as book:
        dates = {"duedate": due} if due else {}
        book.update_or_create_assignment(release.name, **dates)
    names = {"assignment": release.name, "notebook": release.name}
    resources = {"nbgrader": {**names, "db_url": course.db_url}}
    notebook, _ = ComputeChecksums().preprocess(copy.deepcopy(release.graded), {})
    try:
        SaveCells().preprocess(notebook, resources)
    except RuntimeError as error:
        raise GradebookError(
            f"{course.output / 'gradebook.db'}: {error}. {release.name} has gained or "
            "lost cells since its first submission was graded; move the gradebook "
            "away, or give --output another folder"
        ) from None


def due(course: Course, name: str) -> datetime | None:
    """Return when an assignment is due, in UTC; None if the gradebook does not say."""
    with opened(course) as book:
        try:
            return book.find_assignment(name).duedate
        except MissingEntry:
            return None


def enroll(course: Course, people: Iterable[Person]) -> None:
    """Enter a class's students, and of each what the roster says."""
    with opened(course) as book, _one_commit(book):
        for person in people:
            said = {name: getattr(person, name) for name in STUDENT}
            said = {name: text for name, text in said.items() if text}
            book.update_or_create_student(person.student, **said)


def has(book: Gradebook, name: str, student: str) -> bool:
    """Return True if the student's submission of an assignment was entered."""
    try:
        book.find_submission(name, student)
    except MissingEntry:
        return False
    return True


def enter(book: Gradebook, release: Release, student: str, result: Result) -> None:
    """Enter the marks of a submission; what a person gave by hand is kept."""
    name = release.name
    with _one_commit(book):
        book.update_or_create_student(student)
        book.update_or_create_submission(name, student)
        entered = book.find_submission_notebook(name, name, student)
        grades = {grade.name: grade for grade in entered.grades}
        comments = {comment.name: comment for comment in entered.comments}
        for mark, question in zip(result.marks, release.questions, strict=True):
            grade = grades[mark.question]
            grade.auto_score = mark.points
            # As in nbgrader: a person looks again at what was marked by hand before.
            by_hand = grade.manual_score is not None
            grade.needs_manual_grade = by_hand or mark.points is None
            for answer in question.answers:
                blank = mark.outcome == "not attempted"
                comments[answer].auto_comment = BLANK if blank else None


@contextmanager
def _one_commit(book: Gradebook) -> Iterator[None]:
    """Enter all or nothing: nbgrader commits after each row."""
    commit, book.db.commit = book.db.commit, book.db.flush
    try:
        yield
    finally:
        book.db.commit = commit
    commit()


def points(book: Gradebook, name: str, student: str) -> dict[str, float | None]:
    """Return a student's points by question, None where a person has to decide."""
    submission = book.find_submission_notebook(name, name, student)
    return {
        grade.name: None
        if grade.manual_score is None and grade.auto_score is None
        else float(grade.score)
        for grade in submission.grades
    }


def class_points(book: Gradebook, name: str) -> dict[str, dict[str, float | None]]:
    """Return everyone's points, as :func:`points` does, in one query."""
    rows = (
        book.db.query(
            SubmittedAssignment.student_id,
            BaseCell.name,
            Grade.auto_score,
            Grade.manual_score,
            Grade.score,
        )
        .join(SubmittedNotebook, SubmittedNotebook.id == Grade.notebook_id)
        .join(Notebook, Notebook.id == SubmittedNotebook.notebook_id)
        .join(
            SubmittedAssignment,
            SubmittedAssignment.id == SubmittedNotebook.assignment_id,
        )
        .join(Assignment, Assignment.id == SubmittedAssignment.assignment_id)
        .join(BaseCell, BaseCell.id == Grade.cell_id)
        .filter(Assignment.name == name, Notebook.name == name)
    )
    found: dict[str, dict[str, float | None]] = {}
    for student, cell, by_check, by_hand, score in rows:
        undecided = by_check is None and by_hand is None
        found.setdefault(student, {})[cell] = None if undecided else float(score)
    return found


def by_hand(book: Gradebook, name: str, student: str) -> dict[str, float]:
    """Return the marks that a person gave, by question."""
    submission = book.find_submission_notebook(name, name, student)
    return {
        grade.name: float(grade.manual_score)
        for grade in submission.grades
        if grade.manual_score is not None
    }
