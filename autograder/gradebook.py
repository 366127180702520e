"""nbgrader's gradebook: the one place where marks are kept, with one writer."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache
from pathlib import Path

import nbgrader
from alembic.script import ScriptDirectory
from nbgrader import api
from nbgrader.api import (
    Assignment,
    Base,
    BaseCell,
    Grade,
    Gradebook,
    InvalidEntry,
    MissingEntry,
    Notebook,
    SubmittedAssignment,
    SubmittedNotebook,
)
from nbgrader.preprocessors import ComputeChecksums, SaveCells
from sqlalchemy import URL, Engine, create_engine, inspect, make_url, text
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    InterfaceError,
    OperationalError,
    SAWarning,
)

from autograder.course import MARK, Course
from autograder.errors import GradebookError
from autograder.execution import Release, Result
from autograder.intake.roster import Person

BLANK = "No response."  # nbgrader's own comment
STUDENT = ("first_name", "last_name", "email", "lms_user_id")  # nbgrader's columns
#: A server that went away, a file that somebody else is writing: worth another try.
LOST = (OperationalError, InterfaceError)


@contextmanager
def opened(course: Course) -> Iterator[Gradebook]:
    """Open the gradebook, made if it does not exist yet.

    Raises
    ------
    GradebookError
        If it cannot be reached, is not nbgrader's, or is lost while it is open.
    """
    course.output.mkdir(parents=True, exist_ok=True)
    with _explained(course), warnings.catch_warnings():
        # nbgrader's own queries make SQLAlchemy remark on its way of adding rows.
        warnings.simplefilter("ignore", SAWarning)
        engine = _connect(course)
        with Gradebook(course.db_url) as book:
            # Its own engine would go on with a connection that a server has closed.
            book.engine.dispose()
            book.db.remove()
            book.engine = engine
            book.db.configure(bind=engine)
            yield book


def place(course: Course) -> str:
    """Return where the gradebook is, to be shown: a file's path or an address.

    There is no password in it.
    """
    url = _url(course)
    if url.get_backend_name() == "sqlite":
        return url.database or ""
    hidden = {key: "***" for key in url.query if "password" in key}
    return url.update_query_dict(hidden).render_as_string(hide_password=True)


def _url(course: Course) -> URL:
    try:
        return make_url(course.db_url)
    except (ArgumentError, ValueError):
        # Not shown: there may be a password in it.
        raise GradebookError(
            f"{course.root / MARK}: c.CourseDirectory.db_url names no database; write "
            "it as postgresql+psycopg://USER@HOST/DATABASE"
        ) from None


def _connect(course: Course) -> Engine:
    """Return an engine for a database that is empty, or this nbgrader's."""
    url = _url(course)
    try:
        engine = create_engine(url, pool_pre_ping=True)
    except (ArgumentError, ImportError) as error:
        raise GradebookError(
            f"{place(course)}: {error}. PostgreSQL is postgresql+psycopg://, and needs "
            "psycopg: pip install -c constraints.txt -e '.[postgresql]'"
        ) from error
    with engine.connect() as connection:
        tables = set(inspect(connection).get_table_names())
        version = None
        if "alembic_version" in tables:
            found = connection.execute(text("SELECT version_num FROM alembic_version"))
            version = found.scalar()
    if tables and not tables & Base.metadata.tables.keys():
        some = ", ".join(sorted(tables)[:3])
        raise GradebookError(
            f"{place(course)}: it holds other tables ({some}), and no gradebook's; "
            f"give the gradebook a database of its own in {course.root / MARK}"
        )
    if version and version != _version():
        raise GradebookError(
            f"{place(course)}: its tables are of version {version}, those of nbgrader "
            f"{nbgrader.__version__} of {_version()}; make a copy and run `nbgrader db "
            "upgrade` if they are older, else install the nbgrader that made them"
        )
    return engine


@contextmanager
def _explained(course: Course) -> Iterator[None]:
    """Say what may be wrong where a database fails."""
    try:
        yield
    except (DBAPIError, InvalidEntry) as error:
        cause = _cause(error)
        if not isinstance(cause, DBAPIError):
            raise
        said = " ".join(str(cause.orig).split())
        if _url(course).get_backend_name() == "sqlite":
            ask = (
                "is it nbgrader's, of this version (`nbgrader db upgrade`), writable, "
                "and not in use?"
            )
        else:
            ask = (
                "is the server running, is there this database (`createdb`), may this "
                "user write to it, and is the password in ~/.pgpass or PGPASSFILE? "
                f"{course.root / MARK} says where it is. Nothing that was graded is "
                "lost; the same command goes on"
            )
        raise GradebookError(f"{place(course)}: {said}; {ask}") from error


def _cause(error: Exception) -> BaseException:
    """Return what a database said, which nbgrader takes for an invalid entry."""
    if isinstance(error, InvalidEntry) and error.__context__ is not None:
        return error.__context__
    return error


@lru_cache
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
        with _explained(course):
            SaveCells().preprocess(notebook, resources)
    except RuntimeError as error:
        raise GradebookError(
            f"{place(course)}: {error}. {release.name} has gained or lost cells since "
            "its first submission was graded; move the gradebook away, or give "
            "--output another folder"
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
    except InvalidEntry as error:
        raise _cause(error) from None
    finally:
        book.db.commit = commit
    commit()


def pause(book: Gradebook) -> None:
    """End the transaction, before something that takes long.

    A server may end a connection that idles in one. Outside of one, a connection that
    was lost, as when the server was restarted, is made anew.
    """
    book.db.rollback()


def class_points(book: Gradebook, name: str) -> dict[str, dict[str, float | None]]:
    """Return everyone's points by question, None where a person has to decide."""
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
