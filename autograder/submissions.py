"""A class's hand-ins, one for each student, wherever they come from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path

from autograder.errors import SubmissionError
from autograder.execution import Submission
from autograder.intake import layouts, places
from autograder.intake.layouts import Found
from autograder.intake.names import LONGEST, composed, shown, student
from autograder.intake.places import BROKEN, File
from autograder.intake.roster import Person, Roster
from autograder.notebooks import LARGEST

__all__ = ["BROKEN", "Class", "HandIn", "collect", "find"]

PACKED = (".zip", ".7z", ".rar", ".tar", ".gz", ".tgz", ".xz", ".bz2")


@dataclass(frozen=True)
class HandIn:
    """One student's hand-in, whose content is read when its turn comes.

    Parameters
    ----------
    student
        The name in the gradebook.
    notes
        What was unusual about it.
    load
        Reads the notebook.
    submitted
        When it was handed in, in UTC; None if nothing says.
    """

    student: str
    notes: tuple[str, ...]
    load: Callable[[], bytes]
    submitted: datetime | None = None

    def read(self) -> Submission:
        """Return the submission; one that cannot be read says why."""
        content, problem = None, ""
        try:
            content = self.load()
        except SubmissionError as error:
            problem = str(error)
        return Submission(self.student, content, problem, self.notes, self.submitted)


@dataclass(frozen=True)
class Class:
    """The hand-ins of a class.

    Parameters
    ----------
    hand_ins
        One for each student who handed in, in the order of the files' names.
    kind
        What the place was recognised as, in words.
    notes
        What there is to say about the whole.
    missing
        Who of the roster handed nothing in.
    lms
        "canvas" or "moodle" if it is a download from there, else empty.
    """

    hand_ins: tuple[HandIn, ...]
    kind: str
    notes: tuple[str, ...]
    missing: tuple[Person, ...] = ()
    lms: str = ""


def find(place: Path, name: str) -> list[HandIn]:
    """Return the hand-ins of an assignment, one for each student.

    Parameters
    ----------
    place
        A folder or a zip file, as :func:`collect` takes it.
    name
        The assignment.

    Raises
    ------
    CourseError
        If there is no class here.
    SubmissionError
        If an archive is made to do harm.
    """
    return list(collect(place, name).hand_ins)


def collect(
    place: Path, name: str, layout: str = "", roster: Roster | None = None
) -> Class:
    """Return the hand-ins of an assignment, and who handed nothing in.

    Parameters
    ----------
    place
        A folder with ``STUDENT/NAME.ipynb`` or ``STUDENT.ipynb``, nbgrader's exchange
        or its submissions, what Canvas or Moodle gives to download, or a zip file of
        any of these. In a student's folder, any other single notebook is taken too,
        with a note.
    name
        The assignment.
    layout
        Which of :data:`autograder.intake.layouts.LAYOUTS` it is; empty to recognise it.
    roster
        Who the students are; None to take their names from the files.

    Raises
    ------
    CourseError, SubmissionError
        As :func:`find`.
    """
    read = layouts.read(places.look(place), name, layout)
    for item in read.found:
        item.sender = replace(item.sender, key=composed(item.sender.key))
    people: list[Person | None] = [None] * len(read.found)
    notes, missing = list(read.notes), ()
    if roster is not None:
        people, why = roster.match(item.sender for item in read.found)
        for item, person, reason in zip(read.found, people, why, strict=True):
            if person is None:
                item.notes.append(f"not on the roster{f': {reason}' if reason else ''}")
        here = {person.student for person in people if person}
        missing = tuple(p for p in roster.people if p.student not in here)
    students = _named(read.found, people, roster)
    made = [
        _hand_in(item, student, name, person)
        for item, student, person in zip(read.found, students, people, strict=True)
    ]
    if roster is not None and None in people:
        nobody = [s for s, p in zip(students, people, strict=True) if p is None]
        some = ", ".join(nobody[:10]) + (", ..." if nobody[10:] else "")
        notes.append(f"not on the roster, but graded: {len(nobody)} ({some})")
    return Class(tuple(made), read.kind, tuple(notes), missing, read.lms)


def _named(
    found: Sequence[Found], people: Sequence[Person | None], roster: Roster | None
) -> list[str]:
    """Return each hand-in's name in the gradebook; no two have the same.

    Who is on the roster has that name, whoever can has the name of the files, and
    what cannot be a name is changed.
    """
    names = [
        p.student if p else student(f.sender.key)
        for f, p in zip(found, people, strict=True)
    ]
    taken = {person.student for person in roster.people} if roster else set()
    own = {f.sender.key for f, p in zip(found, people, strict=True) if not p} - taken
    made = []
    for item, person, first in zip(found, people, names, strict=True):
        name, number = first, 2
        while not person and (
            name in taken or (name in own and name != item.sender.key)
        ):
            name = f"{first[:LONGEST]}-{number}"
            number += 1
        taken.add(name)
        made.append(name)
    return made


def _hand_in(item: Found, student: str, name: str, person: Person | None) -> HandIn:
    notes = []
    if person is None and student != item.sender.key:
        notes.append(f"the folder was named {item.sender.key[:LONGEST]!r}")
    notes += item.notes
    submitted = item.submitted or (person.submitted if person else None)
    try:
        chosen = _choose(item, name)
    except SubmissionError as error:
        return HandIn(student, tuple(notes), _failing(error), submitted)
    if chosen not in (f"{name}.ipynb", f"{name}/{name}.ipynb"):
        notes.append(f"the notebook was named {shown(chosen)}")
    if len(item.files) > 1:
        notes.append(f"of {len(item.files)} notebooks {shown(chosen)} was taken")
    load = partial(_load, item.files[chosen], chosen)
    return HandIn(student, tuple(notes), load, submitted)


def _choose(item: Found, name: str) -> str:
    """Return which of a student's notebooks to take."""
    found = list(item.files)
    for expected in (f"{name}.ipynb", f"{name}/{name}.ipynb"):
        if expected in found:
            return expected
    if len(found) == 1:
        return found[0]
    if found:
        some = ", ".join(map(shown, found[:5]))
        raise SubmissionError(f"{len(found)} notebooks ({some}), none is {name}.ipynb")
    text = item.problem or "no notebook in the student's folder"
    packed = [path for path in item.others if path.lower().endswith(PACKED)]
    if packed:
        text += f"; {shown(packed[0])} is not opened"
    raise SubmissionError(text)


def _load(file: File, path: str) -> bytes:
    if file.size() > LARGEST:
        raise SubmissionError(f"{shown(path)} is larger than {LARGEST // 2**20} MB")
    return file.read()


def _failing(error: SubmissionError) -> Callable[[], bytes]:
    def fail() -> bytes:
        raise error

    return fail
