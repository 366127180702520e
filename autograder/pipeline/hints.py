"""What a run tells a student about a question, in one sentence."""

from __future__ import annotations

import re
from collections.abc import Sequence

from nbformat import NotebookNode

from autograder.kernel import TIMED_OUT

LONGEST = 300  # characters
#: The name that IPython gives a cell, in what a syntax error says.
FILE = re.compile(r"\((?:<ipython-input-[^>]*>|\d+\.py), (?=line \d)")
ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def error(cell: NotebookNode) -> NotebookNode | None:
    """Return the error that ended a cell, if one did."""
    found = [output for output in cell.outputs if output.output_type == "error"]
    return found[-1] if found else None


def of_answers(answers: Sequence[NotebookNode], timeout: float) -> str:
    """Return the error in the student's own cells, empty if there is none.

    Parameters
    ----------
    answers
        The executed cells of the student.
    timeout
        The limit in seconds, for the hint's text.
    """
    for cell in answers:
        if cell.cell_type == "code" and (found := error(cell)):
            return short(f"your cell {_stopped(found, timeout)}")
    return ""


def of_check(test: NotebookNode, timeout: float) -> str:
    """Return why an executed test cell failed, empty if it did not."""
    found = error(test)
    if found is None:
        return ""
    if found.ename == "AssertionError":
        return short(found.evalue) or "a check failed that has no message"
    if found.ename == "NotImplementedError" and not found.evalue:  # torch has its own
        return "something in your answer still raises NotImplementedError"
    return short(f"the check {_stopped(found, timeout)}")


def plain(found: NotebookNode) -> str:
    """Return an error as one line, without the code that a traceback would quote."""
    text = f"{found.ename}: {found.evalue}" if found.evalue else found.ename
    return short(FILE.sub("(", text))


def ended(end: str, timeout: float) -> str:
    """Return how a limit ended a cell or a check, to follow a noun.

    Parameters
    ----------
    end
        A value of :class:`autograder.pipeline.candidate.End`.
    timeout
        The limit in seconds.
    """
    return {
        "time": f"was stopped after {timeout:g} s: does a loop never end?",
        "hung": f"was stopped after {timeout:g} s, and the process had to be ended: "
        "does a loop never end, and catch what should stop it?",
        "died": "ended the process: does it call exit, or run out of memory?",
        "memory": "used too much memory and was ended",
        "flood": "printed far too much and was ended",
    }[end]


def short(text: str) -> str:
    """Return a text as one line that is not too long."""
    text = " ".join(ANSI.sub("", text).split())
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _stopped(found: NotebookNode, timeout: float) -> str:
    if found.ename == TIMED_OUT:
        return ended("time", timeout)
    return f"stopped with {plain(found)}"
