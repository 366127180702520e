"""A class's marks as CSV: for a spreadsheet, for Canvas, and for Moodle.

Canvas takes ``canvas.csv`` at Grades, Import; it finds a student by the number in the
column *ID*, and the assignment by its name. Moodle takes ``moodle.csv`` at an
assignment's *Upload grading worksheet*; it finds a student by the number that it gave
the participant for this assignment. Neither file has a row for whom there is no grade
yet, so that nothing that is entered there already is lost.
"""

from __future__ import annotations

import csv
import html
import io
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from autograder import files
from autograder.execution import Status
from autograder.intake.roster import Person
from autograder.results import Report, Row, number

NUMBER = re.compile(r"-|-?\d+(?:\.\d+)?")  # and what stands for none
FORMULA = frozenset("=+-@")  # and their full-width forms: what a spreadsheet would run
#: Where a spreadsheet that separates by semicolons would begin another cell.
INNER = re.compile(r"(?<=[;\t\r\n])(?=\s*[=+\-@＝＋－＠])")


def safe(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula.

    One that might be taken for one gets an apostrophe before it. Spaces, and what is
    not seen, do not count as its beginning; plain numbers stay as they are.
    """
    if NUMBER.fullmatch(cell):
        return cell
    cell = INNER.sub("'", cell.replace("\0", ""))
    start = next((mark for mark in cell if not _is_unseen(mark)), "")
    begins = unicodedata.normalize("NFKC", start) in FORMULA
    return f"'{cell}" if begins or cell.startswith(("\t", "\r", "\n")) else cell


def _is_unseen(mark: str) -> bool:
    return mark.isspace() or unicodedata.category(mark) in ("Cc", "Cf")


def write(folder: Path, report: Report) -> tuple[list[Path], list[str]]:
    """Write all tables that there can be.

    Returns
    -------
    The files, and a sentence if there are none for Canvas and Moodle, or if they leave
    somebody out.
    """
    _csv(folder / "marks.csv", marks(report))
    _csv(folder / "report.csv", questions(report))
    made = [folder / "marks.csv", folder / "report.csv"]
    paths = [folder / f"{name}.csv" for name, _, _ in LMS]
    graded, why = _ready(report)
    names = " and ".join(path.name for path in paths)
    for path, (_, table, encoding) in zip(paths, LMS, strict=True):
        path.unlink(missing_ok=True)  # of an earlier run: out of date now
        if graded:
            _csv(path, table(report, graded), encoding)
            made.append(path)
    if not graded:
        return made, [f"no {names}: {why}"]
    return made, [f"{names} leave out students: {why}"] if why else []


def marks(report: Report) -> list[list[str]]:
    """Return a row for each student, with the points of each question."""
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


def questions(report: Report) -> list[list[str]]:
    """Return a row for each question."""
    head = ["question", "title", "points", "attempted", "passed", "to_be_read", "mean"]
    table = [[*head, "commonest_hint"]]
    for question, part in zip(
        report.release.questions, report.summaries(), strict=True
    ):
        counts = [str(part.attempted), str(part.passed), str(part.waiting)]
        table.append([question.id, part.title, number(part.points), *counts])
        table[-1] += [number(part.mean), part.hint]
    return table


Graded = Sequence[tuple[Row, Person]]


def canvas(report: Report, graded: Graded) -> list[list[str]]:
    """Return what Canvas's gradebook imports.

    The last column must not end in a number in parentheses: Canvas would take that
    for the number of the assignment.
    """
    head = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section"]
    table = [
        [*head, report.release.name],
        ["    Points Possible", "", "", "", "", number(report.most)],
    ]
    for row, person in graded:
        name = ", ".join(filter(None, (person.last_name, person.first_name)))
        table.append([name or person.student, person.lms_user_id, "", person.student])
        table[-1] += [person.group, number(_earned(row))]
    return table


def moodle(report: Report, graded: Graded) -> list[list[str]]:
    """Return a grading worksheet as Moodle takes it back.

    Its last column but one must be there. As it says nothing, Moodle asks before it
    replaces a grade that it has.
    """
    head = ["Identifier", "Full name", "Email address", "Grade", "Maximum grade"]
    table = [[*head, "Last modified (grade)", "Feedback comments"]]
    for row, person in graded:
        name = " ".join(filter(None, (person.first_name, person.last_name)))
        table.append([f"Participant {person.lms_user_id}", name or person.student])
        table[-1] += [person.email, number(_earned(row)), number(report.most), "-"]
        table[-1].append(_feedback(report, row))
    return table


#: The name of the file, what is in it, and how. Spreadsheets need the mark at the
#: beginning to see that it is UTF-8; Moodle drops it, Canvas does not.
LMS: tuple[tuple[str, Callable[[Report, Graded], list[list[str]]], str], ...] = (
    ("canvas", canvas, "utf-8"),
    ("moodle", moodle, "utf-8-sig"),
)


def _ready(report: Report) -> tuple[list[tuple[Row, Person]], str]:
    """Return whose grade can be entered, and why that of the others cannot."""
    if not report.people:
        return [], "they need a roster (`autograder grade --roster FILE`)"
    if not any(person.lms_user_id for person in report.people.values()):
        return [], "the roster has no column 'lms id' with the numbers of the users"
    ready, out = [], Counter[str]()
    for row in report.rows:
        person = report.people.get(row.record.student)
        if person is None or not re.fullmatch("[0-9]+", person.lms_user_id):
            out["whose number the roster does not have"] += 1
        elif row.record.status == Status.MISSING:
            out["who handed nothing in"] += 1
        elif any(row.points.get(q.id) is None for q in report.release.questions):
            out["with written answers to be read"] += 1
        else:
            ready.append((row, person))
    return ready, ", ".join(f"{count} {reason}" for reason, count in out.items())


def _earned(row: Row) -> float:
    """Return the points that another system takes: not less than none."""
    return max(0.0, row.total)


def _feedback(report: Report, row: Row) -> str:
    """Return a comment in HTML, as Moodle keeps it."""
    hints = {mark.question: mark.hint for mark in row.record.marks}
    lines = [] if row.record.status != Status.FAILED else [row.record.message]
    for n, question in enumerate(report.release.questions, start=1):
        earned, most = number(row.points.get(question.id)), number(question.points)
        hint = f" {hints[question.id]}" if hints.get(question.id) else ""
        title = question.title
        if not title.startswith("Question "):
            title = f"Question {n}, {title}"
        lines.append(f"{title}: {earned} of {most}.{hint}")
    if row.late.penalty:
        lines.append(str(row.late))
    return "<br>".join(html.escape(line, quote=False) for line in lines)


def _csv(path: Path, table: list[list[str]], encoding: str = "utf-8") -> None:
    file = io.StringIO(newline="")
    csv.writer(file).writerows([safe(cell) for cell in row] for row in table)
    files.replace(path, file.getvalue().encode(encoding, "replace"))
