"""Late submissions: nbgrader's own rule, entered as nbgrader enters it.

nbgrader_config.py names the rule, as for nbgrader itself::

    c.AssignLatePenalties.plugin_class = "nbgrader.plugins.LateSubmissionPlugin"
    c.LateSubmissionPlugin.penalty_method = "zero"

The due date is the assignment's in the gradebook, the time of submission and an
extension are the submission's; nbgrader's preprocessor compares them, asks the plugin,
and writes the penalty that formgrader, exports and feedback show.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path

from nbgrader.api import (
    Assignment,
    Gradebook,
    SubmittedAssignment,
    SubmittedNotebook,
)
from nbgrader.preprocessors import AssignLatePenalties
from sqlalchemy.exc import DBAPIError

from autograder import notebooks
from autograder.course import MARK, Course
from autograder.errors import PenaltyError, RosterError
from autograder.intake import dates
from autograder.intake.roster import Roster
from autograder.kernel import quiet


@dataclass(frozen=True)
class Late:
    """What a gradebook says of a submission's time.

    Parameters
    ----------
    seconds
        How much later than due, extension included; 0 for in time.
    penalty
        The points that this costs.
    """

    seconds: float = 0.0
    penalty: float = 0.0

    def __str__(self) -> str:
        if not self.seconds:
            return ""
        cost = f"{self.penalty:.2f}".rstrip("0").rstrip(".")
        points = "point" if cost == "1" else "points"
        costs = f"{cost} {points} taken off" if self.penalty else "no penalty"
        return f"late by {dates.span(self.seconds)}: {costs}"


@dataclass(frozen=True)
class Lateness:
    """Enters times, extensions and penalties.

    Parameters
    ----------
    course
        Whose ``nbgrader_config.py`` and gradebook.
    extensions
        By student, as a stretch or as a due date in UTC; None to leave those of the
        gradebook as they are.
    """

    course: Course
    extensions: Mapping[str, timedelta | datetime] | None = None

    def check(self, due: datetime | None) -> None:
        """Load the rule, and compare the extensions with the due date, in UTC.

        Raises
        ------
        PenaltyError
            If nbgrader_config.py, or the plugin that it names, cannot be loaded.
        RosterError
            If an extension ends before the assignment is due, or it is never due.
        """
        _ = self._preprocessor
        if due is None and self.extensions:
            student = min(self.extensions)
            raise RosterError(
                f"the roster gives {student} an extension, and there is no due date; "
                'say it by --due "2026-12-01 23:59 Europe/Berlin"'
            )
        for student, given in (self.extensions or {}).items():
            if isinstance(given, datetime) and given < due:
                raise RosterError(
                    f"{student}'s own due date, {dates.written(given)}, is before that "
                    f"of the assignment, {dates.written(due)}"
                )

    def enter(
        self,
        book: Gradebook,
        name: str,
        student: str,
        submitted: datetime | None,
        keep: bool = False,
    ) -> bool:
        """Enter when a submission came, and what that costs.

        Parameters
        ----------
        book, name, student
            Where, of which assignment and whose; the marks are entered already.
        submitted
            When, in UTC.
        keep
            Whether the time in the gradebook stays if there is no other.

        Returns
        -------
        Whether anything is another now.

        Raises
        ------
        PenaltyError
            If the plugin fails.
        """
        submission = book.find_submission(name, student)
        [notebook] = submission.notebooks
        before = (submission.timestamp, submission.extension)
        if submitted is not None or not keep:
            submission.timestamp = submitted
        if self.extensions is not None:
            submission.extension = self._extension(submission, student)
        after = (submission.timestamp, submission.extension)
        penalty = notebook.late_submission_penalty
        if before != after:
            book.db.commit()
        if seconds_late(submission) or penalty is not None:
            self._assign(book, name, student)
        return before != after or penalty != notebook.late_submission_penalty

    def _extension(
        self, submission: SubmittedAssignment, student: str
    ) -> timedelta | None:
        given = (self.extensions or {}).get(student)
        due = submission.assignment.duedate
        if isinstance(given, datetime):
            return given - due if due else None
        return given if due else None

    def _assign(self, book: Gradebook, name: str, student: str) -> None:
        names = {"assignment": name, "notebook": name, "student": student}
        resources = {"nbgrader": {**names, "db_url": self.course.db_url}}
        preprocessor = self._preprocessor
        try:
            preprocessor(notebooks.from_parts([]), resources)
        except DBAPIError:
            raise
        except Exception as error:  # the plugin is anyone's code
            raise PenaltyError(
                f"{_source(self.course)}: the late penalty plugin "
                f"{preprocessor.plugin_class.__name__} failed for {student}: "
                f"{type(error).__name__}: {error}"
            ) from error
        book.db.expire_all()  # it wrote through a connection of its own

    @cached_property
    def _preprocessor(self) -> AssignLatePenalties:
        settings = self.course.settings
        try:
            return AssignLatePenalties(config=settings, log=quiet)
        except (Exception, SystemExit) as error:  # the plugin is a program
            raise PenaltyError(
                f"{_source(self.course)}: the late penalties in it cannot be loaded: "
                f"{type(error).__name__}: {error}"
            ) from error


def _source(course: Course) -> Path:
    return course.root / MARK


def seconds_late(submission: SubmittedAssignment) -> float:
    """Return how much later than due a submission came."""
    if submission.assignment.duedate is None:
        return 0.0  # nbgrader would add an extension to nothing
    return float(submission.total_seconds_late)


def of_class(book: Gradebook, name: str) -> dict[str, Late]:
    """Return what the gradebook says of the time of each submission, by student."""
    rows = (
        book.db.query(
            SubmittedAssignment.student_id,
            SubmittedAssignment.timestamp,
            SubmittedAssignment.extension,
            Assignment.duedate,
            SubmittedNotebook.late_submission_penalty,
        )
        .join(Assignment, Assignment.id == SubmittedAssignment.assignment_id)
        .join(
            SubmittedNotebook, SubmittedNotebook.assignment_id == SubmittedAssignment.id
        )
        .filter(Assignment.name == name)
    )
    found: dict[str, Late] = {}
    for student, time, extension, due, penalty in rows:
        over = timedelta(0)
        if time is not None and due is not None:
            over = time - due - (extension or timedelta(0))
        before = found.get(student, Late()).penalty
        seconds = max(0.0, over.total_seconds())
        found[student] = Late(seconds, before + float(penalty or 0.0))
    return found


def extensions(roster: Roster | None) -> dict[str, timedelta | datetime] | None:
    """Return the extensions of a roster, None if it says nothing about them."""
    if roster is None or "extension" not in roster.columns:
        return None
    return {p.student: p.extension for p in roster.people if p.extension is not None}
