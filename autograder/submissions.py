"""A class's hand-ins: a folder, or a zip of one, with a folder for each student."""

from __future__ import annotations

import hashlib
import lzma
import re
import stat
import struct
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TypeVar

from autograder.errors import CourseError, SubmissionError
from autograder.execution import Submission
from autograder.notebooks import LARGEST

T = TypeVar("T")
IGNORED = ("__MACOSX", "__pycache__")
LONGEST_NAME = 100  # characters; nbgrader's column holds more
LARGEST_NAME = 200  # bytes; a file's name holds 255, and something is added to it
#: nbgrader's pages show a student's name as it is: no HTML, nothing that is not seen.
UNFIT = re.compile(
    r"[\x00-\x1f\x7f-\x9f<>\"&\\\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
#: What the libraries that unpack raise for a damaged archive.
BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    NotImplementedError,
    OSError,
    RuntimeError,
    ValueError,
)


@dataclass(frozen=True)
class HandIn:
    """One student's hand-in, whose content is read when its turn comes."""

    student: str
    notes: tuple[str, ...]
    load: Callable[[], bytes]

    def read(self) -> Submission:
        """Return the submission; one that cannot be read says why."""
        try:
            return Submission(self.student, self.load(), notes=self.notes)
        except SubmissionError as error:
            return Submission(self.student, None, str(error), self.notes)


def find(place: Path, name: str) -> list[HandIn]:
    """Return the hand-ins of an assignment, one for each student, sorted.

    Parameters
    ----------
    place
        A folder with ``STUDENT/NAME.ipynb``, or a zip file of such a folder. Any other
        single notebook in a student's folder is taken too, with a note.
    name
        The assignment.

    Raises
    ------
    CourseError
        If there is no class here.
    SubmissionError
        If an archive holds links, or names that lead out of it.
    """
    if place.is_dir():
        found = _folder(place, name)
    elif place.is_file():
        found = _zip(place, name)
    else:
        raise CourseError(
            f"{place}: no such folder or zip file; expected one folder for each "
            f"student with {name}.ipynb in it"
        )
    if not found:
        raise CourseError(
            f"{place}: no student's folder in it; expected STUDENT/{name}.ipynb"
        )
    return _apart(found)


def _apart(found: list[HandIn]) -> list[HandIn]:
    """Give hand-ins that would share a name, of which one was changed, one each."""
    kept, names = [], {item.student for item in found if not item.notes}
    for item in found:
        student, number = item.student, 2
        while item.notes and student in names:
            student = f"{item.student[:LONGEST_NAME]}-{number}"
            number += 1
        names.add(student)
        kept.append(replace(item, student=student))
    return kept


def _folder(place: Path, name: str) -> list[HandIn]:
    found = []
    for folder in sorted(place.iterdir()):
        if not folder.is_dir() or not _is_shown(folder.name):
            continue
        paths = {
            path.relative_to(folder).as_posix(): path
            for path in sorted(folder.rglob("*"))
            if _is_notebook(path.name)
            and all(_is_shown(part) for part in path.relative_to(folder).parts)
        }
        linked = folder.is_symlink()
        found.append(_hand_in(folder.name, paths, name, _File(linked)))
    return found


@dataclass(frozen=True)
class _File:
    """Reads a notebook from the disk."""

    linked: bool

    def __call__(self, path: Path) -> bytes:
        if self.linked or path.is_symlink():
            raise SubmissionError(f"{path.name} is a link instead of a file")
        try:
            found = path.stat()
            if not stat.S_ISREG(found.st_mode):  # reading a pipe would never end
                raise SubmissionError(f"{path.name} is not a file")
            _check_size(path.name, found.st_size)
            return path.read_bytes()
        except OSError as error:
            raise SubmissionError(
                f"{path.name} cannot be read ({error.strerror})"
            ) from None


def _zip(place: Path, name: str) -> list[HandIn]:
    try:
        archive = zipfile.ZipFile(place)
    except zipfile.BadZipFile:
        raise SubmissionError(
            f"{place}: neither a folder nor a zip file that can be opened"
        ) from None

    def load(info: zipfile.ZipInfo) -> bytes:
        _check_size(info.filename, info.file_size)
        try:
            return archive.read(info)
        except BROKEN as error:
            raise SubmissionError(
                f"{info.filename} cannot be unpacked ({error})"
            ) from None

    students = _students(archive, place)
    return [
        _hand_in(student, students[student], name, load) for student in sorted(students)
    ]


def _students(
    archive: zipfile.ZipFile, place: Path
) -> dict[str, dict[str, zipfile.ZipInfo]]:
    """Return each student's notebooks by their path in the student's folder."""
    entries = []
    for info in archive.infolist():
        path = PurePosixPath(info.filename.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or re.match("[A-Za-z]:", str(path)):
            raise SubmissionError(f"{place}: refused, {path} leads out of the archive")
        if stat.S_ISLNK(info.external_attr >> 16):
            raise SubmissionError(f"{place}: refused, {path} is a link")
        if path.parts and all(_is_shown(part) for part in path.parts):
            entries.append((path.parts, info))
    # A zip of the class's folder itself has that folder alone at its top.
    tops = {parts[0] for parts, _ in entries}
    files = [parts for parts, info in entries if not info.is_dir()]
    depth = int(len(tops) == 1 and all(len(parts) > 2 for parts in files))
    students: dict[str, dict[str, zipfile.ZipInfo]] = defaultdict(dict)
    for parts, info in entries:
        if len(parts) > depth + 1 - info.is_dir():
            found = students[parts[depth]]
            if _is_notebook(parts[-1]) and not info.is_dir():
                found["/".join(parts[depth + 1 :])] = info
    return students


def _hand_in(
    folder: str, found: dict[str, T], name: str, load: Callable[[T], bytes]
) -> HandIn:
    student, notes = _identify(folder)
    try:
        chosen = _choose(list(found), name)
    except SubmissionError as error:
        problem = error

        def fail() -> bytes:
            raise problem

        return HandIn(student, notes, fail)
    if chosen not in (f"{name}.ipynb", f"{name}/{name}.ipynb"):
        notes += (f"the notebook was named {chosen}",)
    if len(found) > 1:
        notes += (f"of {len(found)} notebooks {chosen} was taken",)
    return HandIn(student, notes, lambda: load(found[chosen]))


def _choose(found: list[str], name: str) -> str:
    """Return which of a student's notebooks to take."""
    for expected in (f"{name}.ipynb", f"{name}/{name}.ipynb"):
        if expected in found:
            return expected
    if len(found) == 1:
        return found[0]
    if not found:
        raise SubmissionError("no notebook in the student's folder")
    names = ", ".join(found[:5])
    raise SubmissionError(f"{len(found)} notebooks ({names}), none is {name}.ipynb")


def _check_size(name: str, size: int) -> None:
    if size > LARGEST:
        raise SubmissionError(f"{name} is larger than {LARGEST // 2**20} MB")


def _is_notebook(name: str) -> bool:
    return name.lower().endswith(".ipynb")


def _is_shown(part: str) -> bool:
    return not part.startswith(".") and part not in IGNORED


def _identify(folder: str) -> tuple[str, tuple[str, ...]]:
    """Return the student's name in the gradebook, and a note if it had to differ."""
    student = UNFIT.sub("_", folder).strip()[:LONGEST_NAME]
    student = student.encode()[:LARGEST_NAME].decode("utf-8", "ignore")
    if student == folder:
        return student, ()
    digest = hashlib.sha256(folder.encode("utf-8", "replace")).hexdigest()[:8]
    return f"{student}-{digest}", (f"the folder was named {folder!r}",)
