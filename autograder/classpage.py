"""The class report as one page, for a browser.

Nothing in it runs, and nothing is fetched: all text is escaped, and the page's own
policy forbids both.
"""

from __future__ import annotations

import html
import statistics
from collections import Counter
from collections.abc import Iterable, Sequence

from autograder.intake import dates
from autograder.likeness import Pair
from autograder.results import FEWEST, Report, Summary, headline, number

POLICY = "default-src 'none'; style-src 'unsafe-inline'"
BARS = 10
NAMED = 8  # students that are named where there may be many
HINTS = 3  # of a question
LONG = 30  # characters for which a narrow column would be hard to read
SHORT = 20  # characters that stay on one line
STYLE = """
:root { color-scheme: light dark; --bar: #2a6f97; --line: #8886; }
@media (prefers-color-scheme: dark) { :root { --bar: #7cc4e8; } }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 70rem; margin: auto;
       padding: 1rem; }
.wide { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; }
caption { text-align: left; padding: .3rem 0; }
/* Beside a wide table on a phone, it stays where it can be read. */
caption span { display: block; position: sticky; left: 0;
               max-width: min(45rem, calc(100vw - 2rem)); }
p { max-width: 45rem; }
a { color: inherit; }
nav { display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; }
th, td { text-align: left; padding: .3rem .7rem; border-bottom: 1px solid var(--line);
         vertical-align: top; font-weight: normal; overflow-wrap: break-word;
         max-width: 28rem; unicode-bidi: isolate; }
thead th { font-weight: bold; white-space: nowrap; }
.share { white-space: nowrap; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
.long { min-width: 14rem; }
.short { white-space: nowrap; }
meter { width: 6rem; }
ul { margin: 0; padding-left: 1.2rem; }
svg { width: 100%; max-width: 40rem; height: auto; font: 13px system-ui, sans-serif; }
svg rect { fill: var(--bar); }
svg text { fill: currentColor; text-anchor: middle; }
svg line { stroke: currentColor; }
figure { margin: 1rem 0; }
@media print {
  body { max-width: none; font-size: .8rem; }
  .wide { overflow: visible; }
  tr, figure { break-inside: avoid; }
}
"""


class Meter(float):
    """A share, shown as a bar."""


class Listed(tuple[str, ...]):
    """Texts, shown as a list."""


Cell = str | float | Meter | Listed | None


def page(report: Report, alike: Sequence[Pair] = ()) -> str:
    """Return the report as one self-contained HTML page.

    Parameters
    ----------
    report
        The class.
    alike
        The pairs of students whose answers are alike.
    """
    title = html.escape(f"{report.release.name}: class report")
    parts = {
        "Points": [_histogram(report), *_groups(report)],
        "Questions": _questions(report),
        "Failures, repairs, limits and time": _running(report),
        "Answers that are alike": _alike(report, alike),
        "Students": [_students(report)],
    }
    links = (f'<a href="#part-{n}">{name}</a>' for n, name in enumerate(parts))
    body = [
        f"<h1>{title}</h1>",
        f"<p>{html.escape(headline(report))}.</p>",
        f'<nav aria-label="Parts">{" ".join(links)}</nav>',
    ]
    for n, (name, texts) in enumerate(parts.items()):
        body += [f'<h2 id="part-{n}">{name}</h2>', *texts]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{STYLE}</style></head><body><main>\n"
        + "\n".join(body)
        + "\n</main></body></html>\n"
    )


def _histogram(report: Report) -> str:
    totals, most = report.totals, report.most or 1.0
    if not totals:
        return "<p>No submission could be run.</p>"
    bins = Counter(min(BARS - 1, max(0, int(BARS * x / most))) for x in totals)
    edges = [number(most * n / BARS) for n in range(BARS + 1)]
    counts = [bins[n] for n in range(BARS)]
    said = "; ".join(
        f"{edges[n]} to {edges[n + 1]} points: {counts[n]}" for n in range(BARS)
    )
    parts = []
    for n, count in enumerate(counts):
        height = 150 * count / max(counts)
        parts.append(
            f'<rect x="{22 + 56 * n}" y="{170 - height:.1f}" width="52" '
            f'height="{height:.1f}"/>'
        )
        if count:
            parts.append(
                f'<text x="{48 + 56 * n}" y="{165 - height:.1f}">{count}</text>'
            )
    parts += [
        f'<text x="{20 + 56 * n}" y="188">{edge}</text>' for n, edge in enumerate(edges)
    ]
    return (
        f'<figure><svg viewBox="0 0 600 215" role="img" aria-label="Histogram of the '
        f'submissions by points. {said}."><line x1="20" x2="580" y1="170" y2="170"/>'
        + "".join(parts)
        + '<text x="300" y="210">points</text></svg><figcaption>How many submissions '
        f"earned how many points: mean {number(statistics.mean(totals))}, median "
        f"{number(statistics.median(totals))} of {number(report.most)}. "
        "An answer that nobody has read yet counts as nothing.</figcaption></figure>"
    )


def _groups(report: Report) -> Iterable[str]:
    if groups := report.groups():
        rows = [
            [group or "(none)", float(len(totals)), statistics.mean(totals)]
            for group, totals in groups.items()
        ]
        text = "The roster's groups: submissions that could be run, and their mean."
        yield _table(text, ("group", "submissions", "mean"), rows)


def _questions(report: Report) -> Iterable[str]:
    parts, ran = report.summaries(), len(report.run)
    yield _table(
        "The difficulty of a question is its mean share of the points: the less, the "
        "harder. Its discrimination is the correlation of its points with those of all "
        "other questions: where it is near 0 or negative, look at the check. Its time "
        "is the median of what answer and check ran. A ? stands until all are read.",
        (
            *("", "question", "points", "mean", "share", "discrimination"),
            *("passed", "tried", "to be read", "time"),
        ),
        [
            [
                f"Q{n}",
                part.title,
                part.points,
                part.mean,
                Meter(part.share) if part.share is not None else None,
                _correlation(part, ran),
                f"{part.passed} of {ran}",
                float(part.attempted),
                float(part.waiting),
                _time(part.seconds) if part.seconds is not None else "",
            ]
            for n, part in enumerate(parts, start=1)
        ],
    )
    hints: list[list[Cell]] = [
        [f"Q{n}", float(count), hint]
        for n, part in enumerate(parts, start=1)
        for hint, count in part.hints[:HINTS]
    ]
    if hints:
        text = "What students were told most often: what went wrong, and how many."
        yield _table(text, ("", "students", "hint"), hints)


def _correlation(part: Summary, ran: int) -> str:
    if part.discrimination is not None:
        return f"{part.discrimination:.2f}".replace("-", "\N{MINUS SIGN}")
    if ran < FEWEST:
        return "too few"
    return "not all read" if part.waiting else "all alike"


def _running(report: Report) -> Iterable[str]:
    seconds = sorted(row.record.seconds for row in report.run)
    if seconds:
        longest = max(report.run, key=lambda row: row.record.seconds).record
        most = seconds[min(len(seconds) - 1, int(0.95 * len(seconds)))]
        said = (
            f"Grading a submission took {_time(statistics.median(seconds))} (median); "
            f"95 % took less than {_time(most)}, the longest, of {longest.student}, "
            f"{_time(longest.seconds)}."
        )
        yield f"<p>{html.escape(said)}</p>"
    for text, found in (
        ("What could not be run, and has no points.", report.failures()),
        ("What had to be mended before it could be run.", report.repairs()),
        ("Limits that submissions met: it costs the question.", report.limits()),
    ):
        if found:
            rows = [[what, float(len(who)), _some(who)] for what, who in found.items()]
            yield _table(text, ("what", "how many", "students"), rows)
        else:
            yield f"<p>{html.escape(text)} None.</p>"


def _time(seconds: float) -> str:
    if seconds < 0.05:
        return "< 0.1 s"
    return f"{seconds:.1f} s" if seconds < 60 else dates.span(seconds)


def _some(students: Sequence[str]) -> str:
    more = len(students) - NAMED
    return ", ".join(students[:NAMED]) + (f" and {more} more" if more > 0 else "")


def _alike(report: Report, alike: Sequence[Pair]) -> Iterable[str]:
    yield (
        "<p>A list to look into, not an accusation: short answers to the same question "
        "are often alike, and students may be meant to work together. Names, comments "
        "and layout do not count, nor does what was handed out, or what more than a "
        "tenth of the class wrote: that is taken for the usual way.</p>"
    )
    if not alike:
        yield "<p>None.</p>"
        return
    numbers = {q.id: n for n, q in enumerate(report.release.questions, start=1)}
    groups = {row.record.student: row.group for row in report.rows}
    rows: list[list[Cell]] = []
    for pair in alike:
        one, other = (groups.get(student, "") for student in pair.students)
        parts = sorted((numbers[q], share) for q, share in pair.questions.items())
        rows.append([*pair.students, Meter(pair.share)])
        rows[-1].append(", ".join(f"Q{n} ({share:.0%})" for n, share in parts))
        rows[-1].append(one if one == other else "")
    head = ("student", "and", "in common", "questions", "both of group")
    yield _table("Pairs, those first who share most that few others wrote.", head, rows)


def _students(report: Report) -> str:
    ids = [question.id for question in report.release.questions]
    named = any(row.name for row in report.rows)
    head = ["student", *["name"] * named, "status", "points"]
    head += [f"Q{n + 1}" for n in range(len(ids))]
    rows: list[list[Cell]] = [
        [
            row.record.student,
            *[row.name] * named,
            row.record.status.value,
            row.total,
            *(row.points.get(i) for i in ids),
            Listed(row.notes),
        ]
        for row in report.rows
    ]
    text = "All of the class. A ? waits for a person, in nbgrader's formgrader."
    return _table(text, (*head, "notes"), rows)


def _table(caption: str, head: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    top = "".join(
        f'<th scope="col">{html.escape(cell)}</th>' if cell else "<td></td>"
        for cell in head
    )
    lines = [
        f'<tr><th scope="row"{_width(str(first))}>{html.escape(str(first))}</th>'
        f"{''.join(_cell(cell) for cell in rest)}</tr>"
        for first, *rest in rows
    ]
    text = html.escape(caption)
    return (
        # It can be scrolled from the keyboard too.
        f'<div class="wide" tabindex="0" role="region" aria-label="{text}">'
        f"<table><caption><span>{text}</span></caption>"
        f"<thead><tr>{top}</tr></thead>\n<tbody>"
        + "\n".join(lines)
        + "</tbody></table></div>"
    )


def _cell(cell: Cell) -> str:
    if isinstance(cell, Meter):
        return f'<td class="share"><meter value="{cell:.3f}"></meter> {cell:.0%}</td>'
    if isinstance(cell, Listed):
        items = "".join(f"<li>{html.escape(text)}</li>" for text in cell)
        return f'<td class="long"><ul>{items}</ul></td>' if items else "<td></td>"
    if isinstance(cell, str):
        return f"<td{_width(cell)}>{html.escape(cell)}</td>"
    return f'<td class="number">{html.escape(number(cell))}</td>'


def _width(text: str) -> str:
    if len(text) > LONG:
        return ' class="long"'
    return ' class="short"' if SHORT >= len(text) > len("Q10") else ""
