"""The class report as one page, for a browser."""

from __future__ import annotations

import html
from collections.abc import Sequence

from autograder.results import Report, headline, number

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
        f"<p>{html.escape(headline(report))}.</p>",
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
