"""From an executed notebook to the marks: the rule, in one place."""

from __future__ import annotations

import math
from collections.abc import Mapping, Set

from nbformat import NotebookNode

from autograder import hints, notebooks
from autograder.execution import Mark, Outcome
from autograder.notebooks import Question


def mark(
    question: Question,
    cells: Mapping[str, NotebookNode],
    done: Set[str],
    timeout: int,
) -> Mark:
    """Return what a question earned.

    Parameters
    ----------
    question
        The question.
    cells
        The executed cells by their ids.
    done
        The ids of the cells that came to an end; a check that did not earns nothing.
    timeout
        The limit for a cell in seconds, for the hint.
    """
    test = cells[question.id]
    answers = [cells[name] for name in question.answers]
    blank = all(notebooks.is_blank(answer.source) for answer in answers)
    if question.written:
        if blank:
            return Mark(question.id, 0.0, Outcome.BLANK)
        return Mark(question.id, None, Outcome.WRITTEN)
    if question.id not in done:
        return Mark(question.id, 0.0, Outcome.UNTESTED)
    earned = points(test, question.points)
    if earned >= question.points:
        return Mark(question.id, earned, Outcome.PASSED)
    if blank:
        return Mark(question.id, earned, Outcome.BLANK)
    outcome = Outcome.PARTIAL if earned else Outcome.FAILED
    return Mark(question.id, earned, outcome, hints.hint(test, answers, timeout))


def points(test: NotebookNode, most: float) -> float:
    """Return the points of an executed test cell.

    nbgrader's rule: none after an error, the number that the cell's last expression
    shows, else all. Two things differ. What is on stderr is no failure; and a number
    outside 0 to ``most``, or NaN, earns nothing instead of everything.
    """
    if hints.error(test):
        return 0.0
    for output in test.outputs:
        if output.output_type == "execute_result":
            try:
                value = float(output.data.get("text/plain", ""))
            except ValueError:
                continue
            return value if math.isfinite(value) and 0 <= value <= most else 0.0
    return most
