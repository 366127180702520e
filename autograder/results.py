"""A class's marks of one assignment, as the gradebook and the records have them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from autograder import gradebook, lateness
from autograder.course import Course
from autograder.errors import CourseError
from autograder.execution import Outcome, Release, Status
from autograder.grading import Record, expected, missing, records
from autograder.intake.roster import Person
from autograder.lateness import Late


@dataclass(frozen=True)
class Row:
    """A submission: its record, and its points as the gradebook has them now."""

    record: Record
    points: dict[str, float | None]
    late: Late = Late()  # noqa: RUF009 (it is frozen)
    group: str = ""

    @property
    def total(self) -> float:
        """The sum of the points, less what being late costs.

        What waits for a person counts as nothing yet.
        """
        return sum(value or 0.0 for value in self.points.values()) - self.late.penalty

    @property
    def notes(self) -> list[str]:
        """What there is to say about it."""
        said = (self.record.message, str(self.late), *self.record.repairs)
        return [note for note in said if note]


@dataclass(frozen=True)
class Summary:
    """How the class did in a question, over the submissions that could be run."""

    title: str
    points: float
    attempted: int
    passed: int
    waiting: int
    mean: float
    hint: str


@dataclass(frozen=True)
class Report:
    """A class's marks of one assignment."""

    release: Release
    rows: tuple[Row, ...]
    people: Mapping[str, Person] = field(default_factory=dict)  # of the roster

    @property
    def most(self) -> float:
        """The most points that can be earned."""
        return sum(question.points for question in self.release.questions)

    @property
    def run(self) -> list[Row]:
        """The submissions that could be run."""
        not_run = (Status.FAILED, Status.MISSING)
        return [row for row in self.rows if row.record.status not in not_run]

    @property
    def mean(self) -> float:
        """The mean total of the submissions that could be run."""
        return sum(row.total for row in self.run) / max(1, len(self.run))

    def summaries(self) -> list[Summary]:
        """Return how the class did, question by question."""
        found = []
        for question in self.release.questions:
            values = [row.points.get(question.id) for row in self.run]
            marks = [
                mark
                for row in self.run
                for mark in row.record.marks
                if mark.question == question.id
            ]
            hints = Counter(mark.hint for mark in marks if mark.hint)
            unseen = (Outcome.BLANK, Outcome.UNTESTED)
            given = [value for value in values if value is not None]
            found.append(
                Summary(
                    title=question.title,
                    points=question.points,
                    attempted=sum(mark.outcome not in unseen for mark in marks),
                    passed=sum(value >= question.points for value in given),
                    waiting=len(values) - len(given),
                    mean=sum(given) / max(1, len(given)),
                    hint=hints.most_common(1)[0][0] if hints else "",
                )
            )
        return found


def make(course: Course, release: Release) -> Report:
    """Read the gradebook and the records of an assignment."""
    found = [*records(course, release.name), *missing(course, release)]
    people = expected(course, release.name)
    if not found:
        raise CourseError(
            f"{course.results(release.name)}: nothing has been graded here yet; run "
            f"`autograder grade {release.name} FOLDER` first"
        )
    with gradebook.opened(course) as book:
        rows = []
        for record in sorted(found, key=lambda record: record.student):
            late = Late()
            if gradebook.has(book, release.name, record.student):
                points = gradebook.points(book, release.name, record.student)
                late = lateness.of(book, release.name, record.student)
            else:
                points = {mark.question: mark.points for mark in record.marks}
            person = people.get(record.student)
            rows.append(Row(record, points, late, person.group if person else ""))
    return Report(release, tuple(rows), people)


def number(value: float | None) -> str:
    """Return points as people write them: 2, 2.5, or ? while nobody has decided."""
    return "?" if value is None else f"{value:.2f}".rstrip("0").rstrip(".")


def headline(report: Report) -> str:
    """Return the class in one line."""
    waiting = sum(part.waiting for part in report.summaries())
    missing = sum(row.record.status == Status.MISSING for row in report.rows)
    return (
        f"{len(report.rows) - missing} submissions, {len(report.run)} could be run, "
        + (f"{missing} handed nothing in, " if missing else "")
        + f"mean {number(report.mean)} of {number(report.most)} points"
        + (f" before {waiting} written answers are read" if waiting else "")
    )
