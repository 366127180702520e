"""A submission graded again as it was, to see whether its marks are the same."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass, fields

from autograder import grading
from autograder.course import Course
from autograder.errors import CourseError
from autograder.execution import Audit, Release, Status, Submission
from autograder.grading import Record
from autograder.pipeline.grade import Pipeline
from autograder.sandbox.limits import Limits
from autograder.sandbox.warm import Warm

UNCHANGED = (
    "nothing that is recorded has changed: it may depend on time, on memory, or on "
    "chance that no seed holds"
)


@dataclass(frozen=True)
class Difference:
    """A question whose marks are not the same again: points None are a person's."""

    title: str
    before: float | None
    now: float | None
    hint: str


@dataclass(frozen=True)
class Replay:
    """What came of it.

    Parameters
    ----------
    record
        Of the grading that counts.
    differences
        The questions that earn other points now.
    changes
        What has changed since, one phrase each.
    """

    record: Record
    differences: tuple[Difference, ...]
    changes: tuple[str, ...]

    @property
    def same(self) -> bool:
        """Whether the marks are the same."""
        return not self.differences


def find(course: Course, student: str, name: str = "") -> list[Record]:
    """Return the records of a student's graded submissions.

    Parameters
    ----------
    course, student
        Where, and whose.
    name
        The assignment; empty for all that were graded.

    Raises
    ------
    CourseError
        If there is none.
    """
    names = [name] if name else course.assignments
    found = [grading.record_of(course, part, student) for part in names]
    kept = [record for record in found if record and record.student == student]
    if kept:
        return kept
    known = {r.student for part in names for r in grading.records(course, part)}
    close = difflib.get_close_matches(student, sorted(known), 3) or sorted(known)[:3]
    there = f"there are: {', '.join(close)}, ..." if close else "nothing is graded here"
    raise CourseError(f"{student}: no record of {name or 'any assignment'}; {there}")


def replay(course: Course, release: Release, record: Record, warm: Warm) -> Replay:
    """Grade the kept copy of a submission under the recorded conditions.

    Nothing is written.

    Raises
    ------
    CourseError
        If the copy is gone, or the record does not say enough.
    """
    audit = record.audit
    if not audit.limits:
        raise CourseError(
            f"{record.student}, {record.assignment}: its record does not say under "
            f"which conditions it was graded; `autograder grade {record.assignment}` "
            "grades it anew"
        )
    names = {field.name for field in fields(Limits)}
    limits = {key: int(most) for key, most in audit.limits.items() if key in names}
    pipeline = Pipeline(
        warm,
        audit.limits["cell"],
        audit.limits["whole"],
        Limits(**limits),
        dict(audit.seeds),
        dict(audit.hidden),
        audit.secret,
    )
    content = _kept(course, record)
    problem = record.message if content is None else ""
    result = pipeline.grade(Submission(record.student, content, problem), release)
    before = {mark.question: mark.points for mark in record.marks}
    differences = [
        Difference(question.title, before.get(question.id), mark.points, mark.hint)
        for question, mark in zip(release.questions, result.marks, strict=True)
        if mark.question not in before or before[mark.question] != mark.points
    ]
    gone = before.keys() - {question.id for question in release.questions}
    differences += [Difference(q, before[q], None, "not set now") for q in sorted(gone)]
    changes = [*_changes(audit, result.audit)]
    if audit.release != release.digest:
        changes.insert(0, "the assignment (its release, or its hidden tests)")
    if audit.submission != grading.fingerprint(content):
        changes.insert(0, "the kept copy of the submission")
    return Replay(record, tuple(differences), tuple(changes))


def _kept(course: Course, record: Record) -> bytes | None:
    if not record.audit.submission:
        return None  # there was nothing to read; a copy would be of an earlier one
    path = course.submitted(record.assignment, record.student)
    try:
        return path.read_bytes()
    except OSError as error:
        raise CourseError(
            f"{path}: the copy of what was graded cannot be read ({error.strerror})"
        ) from None


def _changes(before: Audit, now: Audit) -> Iterator[str]:
    if before.grader != now.grader:
        yield "the grader"
    for package in sorted(before.versions.keys() | now.versions.keys()):
        was, new = (a.versions.get(package, "none") for a in (before, now))
        if was != new:
            yield f"{package} (was {was}, now {new})"
    if before.confined != now.confined:
        yield (
            "the sandbox (was there, now none)"
            if before.confined
            else ("the sandbox (was none, now there)")
        )
    if before.limits != now.limits:
        yield "the kinds of limits"


def text(found: Replay) -> str:
    """Return what to say about it."""
    record = found.record
    who = f"{record.student}, {record.assignment}"
    since = ", ".join(found.changes)
    if found.same:
        earned = sum(mark.points or 0.0 for mark in record.marks)
        what = f"the marks are the same as on {record.date}: {earned:g} points"
        if record.status == Status.FAILED:
            what += f" ({record.message})"
        return f"{who}: {what}" + (f"\n  changed since: {since}" if since else "")
    lines = [f"{who}: the marks are not those of {record.date}"]
    for part in found.differences:
        then, now = (_points(points) for points in (part.before, part.now))
        hint = f" ({part.hint})" if part.hint else ""
        lines.append(f"  {part.title}: {then} then, {now} now{hint}")
    lines.append(f"  changed since: {since}" if since else f"  {UNCHANGED}")
    return "\n".join(lines)


def _points(points: float | None) -> str:
    return "none yet" if points is None else f"{points:g}"
