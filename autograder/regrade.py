"""A question graded again for a whole class: whose points changed, and by how much."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from nbgrader.api import Gradebook

from autograder import files, gradebook, grading
from autograder.course import Course
from autograder.errors import CourseError, OutputError
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


class Round:
    """A class graded again for one question, in one run or several.

    What it needs in order to go on after an interruption is kept beside the records
    until it is finished: the points before the first run, and who is done. Whose record
    is of another release or grader by then is graded again all the same.

    Parameters
    ----------
    course, release, question
        Where, of what, and for which question.

    Attributes
    ----------
    before
        The points that each student had before the first run, by question.
    done
        Who was graded again.
    """

    def __init__(self, course: Course, release: Release, question: Question) -> None:
        number = release.questions.index(question) + 1
        self.path = course.results(release.name) / f"regrade-Q{number}.jsonl"
        self.release, self.course = release, course
        self.before: dict[str, dict[str, float | None]] = {}
        self.done: set[str] = set()
        if not self._read():
            self.before = {
                record.student: {mark.question: mark.points for mark in record.marks}
                for record in grading.records(course, release.name)
            }
        # Whole again, should the last line be half a line.
        lines = [self.before, *sorted(self.done)]
        text = "".join(json.dumps(line) + "\n" for line in lines)
        files.replace(self.path, text.encode())

    def _read(self) -> bool:
        """Take over what an interrupted run left, if there was one."""
        try:
            first, *lines = self.path.read_text("utf-8").splitlines()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise OutputError(
                f"{self.path} cannot be read ({error.strerror})"
            ) from error
        except ValueError:  # of an empty file
            first, lines = "", []
        try:
            self.before = json.loads(first)
        except ValueError:
            raise OutputError(
                f"{self.path} is damaged; delete it to begin again, and to compare "
                "with the marks as they are now"
            ) from None
        for line in lines:
            try:
                self.done.add(json.loads(line))
            except ValueError:
                break  # that run ended here
        return True

    def add(self, student: str) -> None:
        """Note that a student is done; the record is written."""
        self.done.add(student)
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(student) + "\n")
        except OSError as error:
            raise OutputError(
                f"{self.path} cannot be written ({error.strerror})"
            ) from error

    def changes(self) -> list[Change]:
        """Return what changed since before the first run, for who is done."""
        now = grading.records(self.course, self.release.name)
        with gradebook.opened(self.course) as book:
            done = [record for record in now if record.student in self.done]
            return changes(book, self.release, self.before, done)

    def finish(self) -> None:
        """Forget it: everyone is done, and what changed was said."""
        self.path.unlink(missing_ok=True)


def changes(
    book: Gradebook,
    release: Release,
    before: Mapping[str, Mapping[str, float | None]],
    now: Iterable[Record],
) -> list[Change]:
    """Return what changed, in all questions, for students who were graded before.

    ``before`` has their points by question.
    """
    found = []
    for record in now:
        if record.student not in before:
            continue
        earlier = before[record.student]
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
