"""What a class got right and wrong: on the terminal, as tables, and as one page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from autograder import files, likeness, tables
from autograder.classpage import page
from autograder.course import Course
from autograder.results import Report, headline, make, number

__all__ = ["make", "page", "text", "write"]


def text(report: Report) -> str:
    """Return the report for a terminal."""
    names = [f"Q{n}" for n in range(1, len(report.release.questions) + 1)]
    table = [["student", "status", "points", *names]]
    for row in report.rows:
        table.append([row.record.student, row.record.status, number(row.total)])
        table[-1] += [number(row.points.get(q.id)) for q in report.release.questions]
    lines = [f"{report.release.name}: {headline(report)}", "", *_align(table), ""]
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


def write(course: Course, report: Report) -> tuple[list[Path], list[str]]:
    """Write the tables and the page.

    Returns
    -------
    Their paths, and what there is to say about tables that could not be written.
    """
    folder = course.results(report.release.name)
    paths, notes = tables.write(folder, report)
    alike = likeness.find(course, report.release, (row.record for row in report.run))
    text = page(report, alike)
    files.replace(folder / "report.html", text.encode("utf-8", "replace"))
    return [*paths, folder / "report.html"], notes
