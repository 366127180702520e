"""A class, graded: each submission once, and nothing lost when it is interrupted."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import nbformat
from nbconvert.exporters import HTMLExporter, NotebookExporter
from nbformat import NotebookNode
from nbgrader.api import Gradebook
from nbgrader.converters.base import NbGraderException

from autograder import feedback, files, gradebook, notebooks, outputs, prose
from autograder.course import Course
from autograder.errors import AssignmentError, ClusterError, OutputError
from autograder.execution import (
    Audit,
    Executor,
    Mark,
    Outcome,
    Release,
    Result,
    Status,
    Submission,
    failure,
)
from autograder.intake.roster import Person
from autograder.lateness import Lateness
from autograder.pool import Pool, run

KEPT = (*gradebook.STUDENT, "group", "lms")  # of what a roster says of a student


class NoAutograde(NotebookExporter):
    """Stops ``nbgrader autograde`` before it does anything.

    nbgrader_config.py names this class: a click on a flash in formgrader would run a
    student's code as the teacher, and overwrite what was graded.
    """

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.log.error(
            "nbgrader would run students' code as you, with your files and your "
            "network. Nothing was run or changed; `autograder grade` does it in a "
            "sandbox, and grades only what is new or changed"
        )
        raise NbGraderException("use `autograder grade` instead")


@dataclass(frozen=True)
class Record:
    """What is kept of the grading of one submission, beside the gradebook's marks.

    Parameters
    ----------
    student, assignment
        Whose and of what.
    digest
        Of the submission, the release and the executor: while it is the same, grading
        again would find the same.
    status, message, repairs, marks, seconds
        As in :class:`autograder.execution.Result`.
    date
        When, in UTC.
    audit
        Under which conditions, so that it can be done again.
    """

    student: str
    assignment: str
    digest: str
    status: Status
    message: str
    repairs: tuple[str, ...]
    marks: tuple[Mark, ...]
    seconds: float
    date: str
    audit: Audit = Audit()  # noqa: RUF009 (it is frozen)


def records(course: Course, name: str) -> list[Record]:
    """Return the records of an assignment, sorted by student."""
    folder = course.results(name) / "records"
    paths = sorted(folder.iterdir()) if folder.exists() else []
    found = [_read(path) for path in paths if path.suffix == ".json"]
    return sorted((record for record in found if record), key=lambda r: r.student)


def record_of(course: Course, name: str, student: str) -> Record | None:
    """Return the record of a submission, None if it was not graded yet."""
    return _read(_path(course, name, student))


def grade(
    course: Course,
    release: Release,
    submissions: Iterable[Submission],
    executor: Executor,
    progress: Callable[[Record, bool], None] = lambda record, new: None,
    pool: Pool | None = None,
    late: Lateness | None = None,
    again: bool = False,
    spared: Container[str] = (),
) -> list[Record]:
    """Grade what is new or changed, and write everything that comes of it.

    Parameters
    ----------
    course, release
        Where to write, and what was set.
    submissions
        The class; read one at a time, a few ahead of what is being graded.
    executor
        Grades one submission.
    progress
        Called after each submission, with False if it had been graded before.
    pool
        Where the executor runs; None for this process.
    late
        Enters times of submission and late penalties; None for those of the course
        without a roster.
    again
        Whether to grade everyone, changed or not.
    spared
        Students who are graded only if something changed, whatever ``again`` says.

    Returns
    -------
    One record for each submission, in the order of the class.

    Raises
    ------
    OutputError, GradebookError
        If the results cannot be written. Whoever has a record by then keeps it.
    """
    late = late or Lateness(course)
    gradebook.register(course, release)
    pages = feedback.exporter(course)
    done: dict[str, Record] = {}
    digests: dict[str, str] = {}
    with gradebook.opened(course) as book:

        def refresh(student: str, submitted: datetime | None) -> None:
            """Bring what depends on the date up to date, without grading again."""
            if late.enter(book, release.name, student, submitted, keep=True):
                _stamp(course, release.name, student, submitted)
                _page(course, release.name, student, book, pages)

        def wanted() -> Iterator[Submission]:
            for submission in submissions:
                student = submission.student
                done[student] = None  # type: ignore[assignment]  # keeps the order
                digest = _digest(submission, release, executor)
                record = _read(_path(course, release.name, student))
                if (
                    (not again or student in spared)
                    and record is not None
                    and record.digest == digest
                    and _is_complete(course, release.name, student)
                    and gradebook.has(book, release.name, student)
                ):
                    done[student] = record
                    refresh(student, submission.submitted)
                    progress(record, False)
                else:
                    digests[student] = digest
                    gradebook.pause(book)
                    yield submission

        for submission, found in run(executor, release, wanted(), pool):
            digest = digests.pop(submission.student)
            try:
                if isinstance(found, Exception):
                    raise found
                result = found
                try:
                    _write(course, release, submission, result, book, pages, late)
                except gradebook.LOST:
                    book.db.rollback()
                    _write(course, release, submission, result, book, pages, late)
            # It would be the same for the whole class.
            except (AssignmentError, ClusterError, OutputError, *gradebook.LOST):
                raise
            except Exception as error:  # one submission must not stop the class
                text = f"the grader failed: {type(error).__name__}: {error}"
                result = failure(text, release, submission.notes)
                digest = ""  # whatever it was, it is tried again next time
                book.db.rollback()
                _write(course, release, submission, result, book, pages, late)
            record = _record(submission, release, digest, result)
            gradebook.pause(book)
            path = _path(course, release.name, submission.student)
            # Last: a record says that all the rest has been written.
            text = json.dumps(asdict(record), indent=1)
            files.replace(path, text.encode(), closed=bool(record.audit.hidden))
            done[submission.student] = record
            progress(record, True)
        for record in records(course, release.name):  # whose date may be another now
            if record.student not in done and gradebook.has(
                book, release.name, record.student
            ):
                refresh(record.student, None)
    return list(done.values())


def _write(
    course: Course,
    release: Release,
    submission: Submission,
    result: Result,
    book: Gradebook,
    pages: HTMLExporter,
    late: Lateness,
) -> None:
    name, student = release.name, submission.student
    same = _handed_in(course, name, student) == submission.content
    gradebook.enter(book, release, student, result)
    late.enter(book, name, student, submission.submitted, keep=same)
    if submission.content is not None:
        files.replace(course.submitted(name, student), submission.content)
    _stamp(course, name, student, submission.submitted, keep=same)
    outputs.clean(result.notebook)
    prose.clean(result.notebook, release.released)
    text = notebooks.write(result.notebook)
    # A program can print what no file can hold: half a surrogate pair.
    files.replace(course.autograded(name, student), text.encode("utf-8", "replace"))
    _page(course, name, student, book, pages, result.notebook)


def _page(
    course: Course,
    name: str,
    student: str,
    book: Gradebook,
    pages: HTMLExporter,
    notebook: NotebookNode | None = None,
) -> None:
    """Write the student's page, of the graded notebook as it is kept by default."""
    if notebook is None:
        notebook = nbformat.read(course.autograded(name, student), as_version=4)
    page = feedback.page(pages, book, name, student, notebook)
    files.replace(course.feedback(name, student), page.encode("utf-8", "replace"))


def _stamp(
    course: Course,
    name: str,
    student: str,
    submitted: datetime | None,
    keep: bool = True,
) -> None:
    """Write the time beside what was handed in, where nbgrader looks for it."""
    path = course.submitted(name, student).with_name("timestamp.txt")
    if submitted is not None:
        files.replace(path, f"{submitted} UTC".encode())
    elif not keep:
        path.unlink(missing_ok=True)


def _handed_in(course: Course, name: str, student: str) -> bytes | None:
    try:
        return course.submitted(name, student).read_bytes()
    except OSError:
        return None


def expect(course: Course, name: str, people: Iterable[Person], lms: str = "") -> None:
    """Keep who is in the class, so that who hands nothing in has a row too.

    The numbers of the users are kept with each assignment: Moodle's differ. Where the
    roster does not say whose they are, they are taken for those of ``lms``.
    """
    said = {p.student: {key: getattr(p, key) for key in KEPT} for p in people}
    for parts in said.values():
        parts["lms"] = parts["lms"] or lms
    files.replace(_class(course, name), json.dumps(said, indent=1).encode())


def expected(course: Course, name: str) -> dict[str, Person]:
    """Return who is in the class, by student; nobody without a roster."""
    try:
        said = json.loads(_class(course, name).read_text("utf-8"))
        return {student: Person(student, **parts) for student, parts in said.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def missing(course: Course, release: Release) -> list[Record]:
    """Return a record of nothing for each of the class who handed nothing in yet."""
    here = {record.student for record in records(course, release.name)}
    nothing = replace(failure("nothing was handed in", release), status=Status.MISSING)
    return [
        _record(Submission(student, None), release, "", nothing)
        for student in sorted(expected(course, release.name))
        if student not in here
    ]


def _class(course: Course, name: str) -> Path:
    return course.results(name) / "class.json"


def _record(
    submission: Submission, release: Release, digest: str, result: Result
) -> Record:
    return Record(
        student=submission.student,
        assignment=release.name,
        digest=digest,
        status=result.status,
        message=result.message,
        repairs=result.repairs,
        marks=result.marks,
        seconds=round(result.seconds, 2),
        date=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        audit=replace(
            result.audit,
            submission=fingerprint(submission.content),
            release=release.digest,
        ),
    )


def fingerprint(content: bytes | None) -> str:
    """Return SHA-256 of what was handed in, empty if there was nothing to read."""
    return "" if content is None else hashlib.sha256(content).hexdigest()


def _digest(submission: Submission, release: Release, executor: Executor) -> str:
    parts = (
        submission.content or b"",
        submission.problem.encode(),
        "\n".join(submission.notes).encode(),
        release.digest.encode(),
        executor.version.encode(),
    )
    hashes = b"".join(hashlib.sha256(part).digest() for part in parts)
    return hashlib.sha256(hashes).hexdigest()


def _path(course: Course, name: str, student: str) -> Path:
    return course.results(name) / "records" / f"{student}.json"


def _is_complete(course: Course, name: str, student: str) -> bool:
    return (
        course.autograded(name, student).is_file()
        and course.feedback(name, student).is_file()
    )


def _read(path: Path) -> Record | None:
    """Read a record; None if there is none, or one of another version.

    Raises
    ------
    OutputError
        If there is one that may not be read.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise OutputError(f"{path} cannot be read ({error.strerror})") from error
    try:
        data = json.loads(content)
        marks = [
            Mark(**{**mark, "outcome": Outcome(mark["outcome"])})
            for mark in data["marks"]
        ]
        return Record(
            **{
                **data,
                "status": Status(data["status"]),
                "repairs": tuple(data["repairs"]),
                "marks": tuple(marks),
                "audit": Audit(**data.get("audit", {})),
            }
        )
    except (ValueError, KeyError, TypeError):
        return None
