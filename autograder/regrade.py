"""A question graded again for a whole class: whose points changed, and by how much."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from nbgrader.api import Gradebook

from autograder import gradebook
from autograder.errors import CourseError
from autograder.execution import Release
from autograder.grading import Record
from autograder.notebooks import Question


@dataclass(frozen=True)
class Change:
    """Points by the checks, before and now; ``kept`` is the mark given by hand, if any.

    While there is one, it is what counts.
    """

    student: str
    question: str
    before: float
    now: float
    kept: float | None


def question(release: Release, text: str) -> Question:
    """Return the question that a person means by its grade id, or by Q3.

    Raises
    ------
    CourseError
        If there is none.
    """
    number = re.fullmatch(r"[Qq]?([1-9]\d?)", text)
    for n, found in enumerate(release.questions, start=1):
        if text == found.id or (number and int(number[1]) == n):
            return found
    known = ", ".join(f"Q{n} {q.id}" for n, q in enumerate(release.questions, start=1))
    raise CourseError(f"{release.name} has no question {text!r}; there are: {known}")


def changes(
    book: Gradebook,
    release: Release,
    before: Mapping[str, Record],
    now: Iterable[Record],
) -> list[Change]:
    """Return what changed, in all questions, for students who were graded before."""
    found = []
    for record in now:
        if record.student not in before:
            continue
        earlier = {m.question: m.points for m in before[record.student].marks}
        by_hand = gradebook.by_hand(book, release.name, record.student)
        for mark in record.marks:
            was = earlier.get(mark.question)
            if was is None or mark.points is None or was == mark.points:
                continue
            kept = by_hand.get(mark.question)
            found.append(Change(record.student, mark.question, was, mark.points, kept))
    return found


def text(release: Release, asked: Question, found: list[Change], count: int) -> str:
    """Return what to say about it: the question that was asked for, then others."""
    here = [change for change in found if change.question == asked.id]
    others = [change for change in found if change.question != asked.id]
    lines = [f"{asked.title}: graded again for {count}, changed for {len(here)}"]
    lines += map(_line, here)
    if others:
        lines.append("Other questions have other marks now as well:")
        names = {q.id: f"Q{n}" for n, q in enumerate(release.questions, start=1)}
        lines += [f"{_line(one)}, {names[one.question]}" for one in others]
    return "\n".join(lines)


def _line(change: Change) -> str:
    by = change.now - change.before
    line = f"  {change.student}: {change.before:g} to {change.now:g} ({by:+g})"
    if change.kept is not None:
        line += f"; the mark given by hand, {change.kept:g}, is kept: look at it again"
    return line
