"""Execution as nbgrader does it: one kernel, unconfined, its rule for the points.

The student's code runs as the person who grades, with all that this person may do.
The cells that decide the marks run in the same kernel, so a submission that sets out
to cheat can. What is already better than ``nbgrader autograde``: the notebook is
rebuilt from the release, a check that did not run earns nothing, a kernel that dies
leaves the marks that were earned before, and a warning on stderr costs nothing.
"""

from __future__ import annotations

import hashlib
import tempfile
import time
from pathlib import Path

import nbgrader
from nbgrader.preprocessors import LimitOutput

from autograder import kernel, marking, notebooks
from autograder.errors import NotebookError
from autograder.execution import (
    Release,
    Result,
    Status,
    Submission,
    failure,
)
from autograder.rebuild import rebuild

#: The modules that have a say in the marks.
PARTS = (
    "execution",
    "hints",
    "kernel",
    "marking",
    "nbgrader_execution",
    "notebooks",
    "rebuild",
)


class NbgraderExecutor:
    """Grades by nbgrader's rules in an ordinary kernel.

    Parameters
    ----------
    timeout
        Seconds for each cell.
    """

    def __init__(self, timeout: int = 60) -> None:
        self.timeout = timeout

    @property
    def version(self) -> str:
        """nbgrader's version, the limit, and a digest of the code that marks."""
        folder = Path(__file__).parent
        code = b"".join((folder / f"{part}.py").read_bytes() for part in PARTS)
        digest = hashlib.sha256(code).hexdigest()[:16]
        return f"nbgrader {nbgrader.__version__}, {self.timeout} s, {digest}"

    def grade(self, submission: Submission, release: Release) -> Result:
        """Rebuild the notebook, run it, and mark what ran."""
        start = time.monotonic()
        try:
            if submission.content is None:
                raise NotebookError(submission.problem)
            submitted = notebooks.parse(submission.content)
            known = _roles(release)
            if not any(
                {notebooks.grade_id(c), c["id"]} & known for c in submitted.cells
            ):
                raise NotebookError("none of its cells belongs to this assignment")
        except NotebookError as error:
            return failure(str(error), release, submission.notes)
        notebook, repairs = rebuild(release, submitted)
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            done, problem = kernel.run(notebook, Path(folder), timeout=self.timeout)
        LimitOutput().preprocess(notebook, {})
        cells = {cell["id"]: cell for cell in notebook.cells}
        return Result(
            status=Status.STOPPED if problem else Status.GRADED,
            message=problem,
            marks=tuple(
                marking.mark(question, cells, done, self.timeout)
                for question in release.questions
            ),
            repairs=submission.notes + repairs,
            notebook=notebook,
            seconds=time.monotonic() - start,
        )


def _roles(release: Release) -> set[str]:
    return {cell["id"] for cell in release.graded.cells if notebooks.role(cell)}
