"""The seam: what goes into the grading of one submission, and what comes out.

An :class:`Executor` is a function from one submission to one result. It knows no
folder, no gradebook and no other submission, so it can be mapped over processes or
machines; the one that grades is :class:`autograder.pipeline.grade.Pipeline`. Only
:mod:`autograder.grading` writes what it returns.
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

import nbformat
from nbformat import NotebookNode

from autograder import notebooks
from autograder.notebooks import Question


class Status(StrEnum):
    """How the grading of a submission ended."""

    GRADED = "graded"  # every cell ran, whatever came of it
    STOPPED = "stopped"  # the kernel died or hung; what ran before that counts
    FAILED = "failed"  # nothing could be run: the message says why
    MISSING = "missing"  # nothing was handed in


class Outcome(StrEnum):
    """What became of a question."""

    PASSED = "passed"
    PARTIAL = "partial"
    FAILED = "failed"
    BLANK = "not attempted"
    WRITTEN = "to be read"  # an answer in words waits for a person
    UNTESTED = "not run"  # the submission ended before this check


@dataclass(frozen=True)
class Submission:
    """What one student handed in.

    Parameters
    ----------
    student
        The student's name in the gradebook.
    content
        The bytes of the notebook file; None if there is none to read.
    problem
        Why there is none; empty otherwise.
    notes
        What was unusual about the file, such as its name.
    submitted
        When it was handed in, in UTC and without a zone; None if nothing says.
    """

    student: str
    content: bytes | None
    problem: str = ""
    notes: tuple[str, ...] = ()
    submitted: datetime | None = None


@dataclass(frozen=True)
class Release:
    """An assignment.

    Parameters
    ----------
    name
        Its name.
    released
        The notebook that students were given.
    graded
        The same with the hidden tests.
    questions
        Its questions, in order.
    digest
        SHA-256 of all of it that decides marks.
    given
        The ids of the given cells that run beside the checks too, in order: what a
        check needs and no answer has a part in.
    names
        For each question that is tested, the names that its check uses and that live
        in the student's process, sorted.
    """

    name: str
    released: NotebookNode
    graded: NotebookNode
    questions: tuple[Question, ...]
    digest: str
    given: tuple[str, ...]
    names: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Mark:
    """What a question earned: points are None while a person has to decide."""

    question: str
    points: float | None
    outcome: Outcome
    hint: str = ""


@dataclass(frozen=True)
class Audit:
    """Under which conditions a submission was graded, to do it again.

    Parameters
    ----------
    submission, release, grader
        SHA-256 of the notebook handed in, empty if there was none to read; the digest
        of the release, hidden tests included; and that of the code that marks. The
        first two are set by whoever keeps the result.
    seeds
        By cell and check, what all generators were seeded with before it.
    versions
        Of Python and of the packages that answers and checks use.
    limits
        Seconds for a cell and for the whole, and what else its processes may use.
    confined
        Whether it ran in a sandbox.
    seconds
        Wall-clock time of each cell and each check, by its id.
    ends
        Which limit ended a cell or a check, by its id.
    secret, hidden
        The fingerprint of the class secret, empty without one; and by check the key
        that was made of it, from which the hidden inputs come.
    """

    submission: str = ""
    release: str = ""
    grader: str = ""
    seeds: Mapping[str, int] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    limits: Mapping[str, float] = field(default_factory=dict)
    confined: bool = True
    seconds: Mapping[str, float] = field(default_factory=dict)
    ends: Mapping[str, str] = field(default_factory=dict)
    secret: str = ""
    hidden: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Result:
    """What the grading of one submission found.

    Parameters
    ----------
    status, message
        How it ended, and why if it did not end well.
    marks
        One for each question of the release, in order.
    repairs
        What had to be mended before the notebook could run.
    notebook
        The executed notebook, with hidden tests: for the instructor only.
    seconds
        Wall-clock time.
    audit
        Under which conditions.
    """

    status: Status
    message: str
    marks: tuple[Mark, ...]
    repairs: tuple[str, ...]
    notebook: NotebookNode
    seconds: float
    audit: Audit = Audit()


class Executor(Protocol):
    """Grades one submission."""

    @property
    def version(self) -> str:
        """Changes whenever the marks of an unchanged submission might."""

    def grade(self, submission: Submission, release: Release) -> Result:
        """Return the result; never raises for anything that a student handed in."""


def failure(message: str, release: Release, notes: tuple[str, ...] = ()) -> Result:
    """Return the result of a submission of which nothing could be run."""
    text = f"This submission could not be graded: {html.escape(message)}"
    cell = nbformat.v4.new_markdown_cell(text, id="not-graded")
    return Result(
        status=Status.FAILED,
        message=message,
        marks=tuple(Mark(q.id, 0.0, Outcome.UNTESTED) for q in release.questions),
        repairs=notes,
        notebook=notebooks.from_parts([cell]),
        seconds=0.0,
    )
