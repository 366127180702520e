"""What a class got right and wrong: on the terminal, as CSV, and as one page."""

from __future__ import annotations

import csv
import html
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from autograder import gradebook, lateness
from autograder.course import Course
from autograder.errors import CourseError
from autograder.execution import Outcome, Release, Status
from autograder.grading import Record, expected, missing, records
from autograder.lateness import Late

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would run


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
    groups = expected(course, release.name)
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
            rows.append(Row(record, points, late, groups.get(record.student, "")))
    return Report(release, tuple(rows))


def number(value: float | None) -> str:
    """Return points as people write them: 2, 2.5, or ? while nobody has decided."""
    return "?" if value is None else f"{value:.2f}".rstrip("0").rstrip(".")


def text(report: Report) -> str:
    """Return the report for a terminal."""
    names = [f"Q{n}" for n in range(1, len(report.release.questions) + 1)]
    table = [["student", "status", "points", *names]]
    for row in report.rows:
        table.append([row.record.student, row.record.status, number(row.total)])
        table[-1] += [number(row.points.get(q.id)) for q in report.release.questions]
    lines = [f"{report.release.name}: {_headline(report)}", "", *_align(table), ""]
    for name, part in zip(names, report.summaries(), strict=True):
        lines.append(
            f"{name}  {part.title}: mean {number(part.mean)} of {number(part.points)}, "
            f"{part.passed} of {len(report.run)} passed, {part.attempted} tried"
            + (f", {part.waiting} to be read" if part.waiting else "")
        )
        if part.hint:
            lines.append(f"    commonest hint: {part.hint}")
    if noted := _noted(report):
        lines += ["", "Repairs and failures"]
        lines += [f"  {student}: {note}" for student, note in noted]
    return "\n".join(lines)


def _headline(report: Report) -> str:
    waiting = sum(part.waiting for part in report.summaries())
    missing = sum(row.record.status == Status.MISSING for row in report.rows)
    return (
        f"{len(report.rows) - missing} submissions, {len(report.run)} could be run, "
        + (f"{missing} handed nothing in, " if missing else "")
        + f"mean {number(report.mean)} of {number(report.most)} points"
        + (f" before {waiting} written answers are read" if waiting else "")
    )


def _noted(report: Report) -> list[tuple[str, str]]:
    return [(row.record.student, note) for row in report.rows for note in row.notes]


def _align(table: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
    return [
        "  ".join(
            cell.ljust(width) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in table
    ]


def write(course: Course, report: Report) -> list[Path]:
    """Write marks.csv, report.csv and report.html; return their paths."""
    folder = course.results(report.release.name)
    folder.mkdir(parents=True, exist_ok=True)
    _csv(folder / "marks.csv", _marks(report))
    _csv(folder / "report.csv", _questions(report))
    (folder / "report.html").write_text(page(report), "utf-8")
    return [folder / part for part in ("marks.csv", "report.csv", "report.html")]


def _marks(report: Report) -> list[list[str]]:
    ids = [question.id for question in report.release.questions]
    head = ["student", "status", "points", "max_points", "late_penalty"]
    table = [[*head, *ids, "message", "repairs", "group"]]
    for row in report.rows:
        record = row.record
        table.append([record.student, record.status, number(row.total)])
        table[-1] += [number(report.most), number(row.late.penalty)]
        table[-1] += [
            "" if row.points.get(i) is None else number(row.points[i]) for i in ids
        ]
        table[-1] += [record.message, "; ".join(row.notes[bool(record.message) :])]
        table[-1].append(row.group)
    return table


def _questions(report: Report) -> list[list[str]]:
    head = ["question", "title", "points", "attempted", "passed", "to_be_read", "mean"]
    table = [[*head, "commonest_hint"]]
    for question, part in zip(
        report.release.questions, report.summaries(), strict=True
    ):
        counts = [str(part.attempted), str(part.passed), str(part.waiting)]
        table.append([question.id, part.title, number(part.points), *counts])
        table[-1] += [number(part.mean), part.hint]
    return table


def _csv(path: Path, table: list[list[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        for row in table:
            safe = [f"'{cell}" if cell.startswith(FORMULA) else cell for cell in row]
            csv.writer(file).writerow(safe)


STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: auto;
       padding: 1rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; margin: 1rem 0; }
th, td { text-align: left; padding: .3rem .7rem; border-bottom: 1px solid #8886;
         vertical-align: top; }
meter { width: 6rem; }
"""


def page(report: Report) -> str:
    """Return the report as one self-contained HTML page, all text escaped."""
    title = f"{report.release.name}: class report"
    ids = [question.id for question in report.release.questions]
    ran = max(1, len(report.run))
    asked = [
        [
            f"Q{n}",
            part.title,
            number(part.points),
            number(part.mean),
            f"{part.passed} of {len(report.run)}",
            Meter(part.passed / ran),
            str(part.attempted),
            part.hint,
        ]
        for n, part in enumerate(report.summaries(), start=1)
    ]
    students = [
        [
            row.record.student,
            row.record.status,
            number(row.total),
            *(number(row.points.get(i)) for i in ids),
            "; ".join(row.notes),
        ]
        for row in report.rows
    ]
    names = [f"Q{n}" for n in range(1, len(ids) + 1)]
    head = ["", "question", "points", "mean", "passed", "", "tried", "commonest hint"]
    body = [
        f"<h1>{html.escape(title)}</h1>",
        f"<p>{html.escape(_headline(report))}.</p>",
        "<h2>Questions</h2>",
        _table(head, asked),
        "<h2>Students</h2>",
        "<p>A ? waits for a person, in nbgrader's formgrader.</p>",
        _table(["student", "status", "points", *names, "notes"], students),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{STYLE}</style></head><body>\n"
        + "\n".join(body)
        + "\n</body></html>\n"
    )


class Meter(float):
    """A share, shown as a bar."""


def _table(head: list[str], rows: Sequence[Sequence[str | Meter]]) -> str:
    top = "".join(f"<th>{html.escape(cell)}</th>" for cell in head)
    lines = [f"<tr>{''.join(_cell(cell) for cell in row)}</tr>" for row in rows]
    return (
        f'<div class="wide"><table><thead><tr>{top}</tr></thead>\n<tbody>'
        + "\n".join(lines)
        + "</tbody></table></div>"
    )


def _cell(cell: str | Meter) -> str:
    if isinstance(cell, Meter):
        return f'<td><meter value="{cell:.3f}">{cell:.0%}</meter></td>'
    return f"<td>{html.escape(cell)}</td>"
