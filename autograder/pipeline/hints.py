"""What a run tells a student about a question, in one sentence."""

from __future__ import annotations

import re

from nbformat import NotebookNode

from autograder.kernel import TIMED_OUT

LONGEST = 300  # characters
ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def error(cell: NotebookNode) -> NotebookNode | None:
    """Return the error that ended a cell, if one did."""
    found = [output for output in cell.outputs if output.output_type == "error"]
    return found[-1] if found else None


def hint(test: NotebookNode, answers: list[NotebookNode], timeout: int) -> str:
    """Return why a check failed: the answer's own error first, then the check's.

    Parameters
    ----------
    test
        The executed test cell.
    answers
        The executed cells of the student.
    timeout
        The limit in seconds, for the hint's text.
    """
    for cell in answers:
        if cell.cell_type == "code" and (found := error(cell)):
            return _short(f"your cell {_stopped(found, timeout)}")
    found = error(test)
    if found is None:
        return ""
    if found.ename == "AssertionError":
        return _short(found.evalue) or "a check failed that has no message"
    if found.ename == "NotImplementedError":
        return "something in your answer still raises NotImplementedError"
    return _short(f"the check {_stopped(found, timeout)}")


def plain(found: NotebookNode) -> str:
    """Return an error as one line, without the code that a traceback would quote."""
    text = f"{found.ename}: {found.evalue}" if found.evalue else found.ename
    return _short(text)


def _stopped(found: NotebookNode, timeout: int) -> str:
    if found.ename == TIMED_OUT:
        return f"was stopped after {timeout} s: does a loop never end?"
    return f"stopped with {plain(found)}"


def _short(text: str) -> str:
    text = " ".join(ANSI.sub("", text).split())
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
