"""From what a check came to, to the mark: the rule, in one place."""

from __future__ import annotations

import math
from collections.abc import Sequence

from nbformat import NotebookNode

from autograder import notebooks
from autograder.execution import Mark, Outcome
from autograder.notebooks import Question


def mark(
    question: Question,
    answers: Sequence[NotebookNode],
    *,
    finished: bool,
    value: float | None = None,
    hint: str = "",
    ran: bool = True,
) -> Mark:
    """Return what a question earned.

    Parameters
    ----------
    question
        The question.
    answers
        The student's cells.
    finished
        True if the check came to its end. Nothing else is evidence.
    value
        The number that its last expression gave, if any.
    hint
        Why it failed.
    ran
        False if the check was never begun.
    """
    blank = all(notebooks.is_blank(answer.source) for answer in answers)
    if question.written:
        if blank:
            return Mark(question.id, 0.0, Outcome.BLANK)
        return Mark(question.id, None, Outcome.WRITTEN)
    earned = points(finished, value, question.points)
    if earned >= question.points:
        return Mark(question.id, earned, Outcome.PASSED)
    if blank:
        return Mark(question.id, earned, Outcome.BLANK)
    if not ran:
        return Mark(question.id, earned, Outcome.UNTESTED, hint)
    return Mark(
        question.id, earned, Outcome.PARTIAL if earned else Outcome.FAILED, hint
    )


def points(finished: bool, value: float | None, most: float) -> float:
    """Return the points of a check.

    All or nothing, or the number that its last expression gives, as in nbgrader. Two
    things differ: what is on stderr is no failure; and a number outside 0 to ``most``,
    or NaN, earns nothing instead of everything.
    """
    if not finished:
        return 0.0
    if value is None:
        return most
    return value if math.isfinite(value) and 0 <= value <= most else 0.0
