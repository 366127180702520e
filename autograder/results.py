"""A class's marks of one assignment, as the gradebook and the records have them."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from autograder import gradebook, lateness
from autograder.course import Course
from autograder.errors import CourseError
from autograder.execution import Outcome, Release, Status
from autograder.grading import Record, expected, missing, records
from autograder.intake.roster import Person
from autograder.lateness import Late

FEWEST = 10  # submissions of which a correlation says anything
#: The limits, as :class:`autograder.pipeline.candidate.End` has them.
LIMITS = {
    "time": "time for a cell",
    "hung": "time for a cell, and it would not stop",
    "died": "none: it ended its own process",
    "memory": "memory",
    "flood": "output",
}


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
    """How the class did in a question, over the submissions that could be run.

    Parameters
    ----------
    title, points
        The question's, and the most that it gives.
    attempted, passed, waiting, marked
        How many tried, earned all there is, wait for a person, and have a mark.
    mean
        Mean points of those that have any mark.
    discrimination
        The correlation of its points with those of all other questions together
        (the corrected item-total correlation): near 1, who does well here does well
        elsewhere; near 0 or below, it may ask for something else, or be marked
        wrongly. None for fewer than :data:`FEWEST` submissions, or if all are alike.
    hints
        What students were told, with how many, the commonest first.
    """

    title: str
    points: float
    attempted: int
    passed: int
    waiting: int
    marked: int
    mean: float
    discrimination: float | None
    hints: tuple[tuple[str, int], ...]

    @property
    def hint(self) -> str:
        """The commonest hint, empty if there was none."""
        return self.hints[0][0] if self.hints else ""

    @property
    def share(self) -> float | None:
        """Its difficulty: the mean share of its points, None if nobody has any mark."""
        return self.mean / self.points if self.points and self.marked else None


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
                    marked=len(given),
                    mean=sum(given) / max(1, len(given)),
                    discrimination=self._discrimination(question.id),
                    hints=tuple(hints.most_common()),
                )
            )
        return found

    @property
    def totals(self) -> list[float]:
        """The totals of the submissions that could be run."""
        return [row.total for row in self.run]

    def limits(self) -> dict[str, list[str]]:
        """Return who met which limit, by its name, the commonest first."""
        found = defaultdict(list)
        for row in self.run:
            for end in sorted(set(row.record.audit.ends.values())):
                found[LIMITS.get(end, end)].append(row.record.student)
            if row.record.status == Status.STOPPED:
                found["time for the whole"].append(row.record.student)
        return dict(sorted(found.items(), key=lambda item: -len(item[1])))

    def repairs(self) -> dict[str, list[str]]:
        """Return whose submission needed what, the commonest first."""
        found = defaultdict(list)
        for row in self.rows:
            failed = row.record.status == Status.FAILED
            for text in {*row.record.repairs, *([row.record.message] * failed)}:
                found[text].append(row.record.student)
        return dict(sorted(found.items(), key=lambda item: (-len(item[1]), item[0])))

    def _discrimination(self, question: str) -> float | None:
        # A question that still waits for somebody would make totals that differ by
        # who has been read already.
        marked = [
            q.id
            for q in self.release.questions
            if all(row.points.get(q.id) is not None for row in self.run)
        ]
        others = [name for name in marked if name != question]
        if len(self.run) < FEWEST or question not in marked or not others:
            return None
        points = [row.points[question] or 0.0 for row in self.run]
        rest = [sum(row.points[q] or 0.0 for q in others) for row in self.run]
        try:
            return statistics.correlation(points, rest)
        except statistics.StatisticsError:  # all are alike
            return None


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
        entered = gradebook.class_points(book, release.name)
        times = lateness.of_class(book, release.name)
    rows = []
    for record in sorted(found, key=lambda record: record.student):
        student = record.student
        points = entered.get(student) or {m.question: m.points for m in record.marks}
        group = people[student].group if student in people else ""
        rows.append(Row(record, points, times.get(student, Late()), group))
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
