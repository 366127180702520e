"""A class of any size, whose marks are known before it is graded.

Most of it is as students are: right in several ways, wrong in those that were thought
of, half done, blank, absent. Three in a hundred are broken or hostile.

``python tests/large_class.py FOLDER SIZE [NAME]`` writes a course with the tiny
assignment, or with one of this course, the class as Moodle (or ``--canvas``) gives it
to download, and a roster.
"""

from __future__ import annotations

import argparse
import ast
import csv
import importlib
import random
import shutil
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import tiny_assignment as tiny
from answers import Answer
from odd_submissions import odd, text

from autograder import demo, release
from autograder.course import Course
from autograder.execution import Release

ROOT = Path(__file__).resolve().parents[1]
BROKEN = 0.03  # of the class
SEED = 7
BOMB = 30 * 2**20  # bytes of zeros
LARGEST = 5 * 2**20  # bytes; what is larger is tried elsewhere, alone

#: Answers to the tiny assignment, right and wrong.
TINY = [
    Answer("add", 2, "plain", tiny.RIGHT["add"]),
    Answer("add", 2, "the other way round", "def add(a, b):\n    return b + a"),
    Answer("add", 2, "a sum", "def add(*numbers):\n    return sum(numbers)"),
    Answer("add", 2, "a name", "plus = lambda a, b: a + b\nadd = plus"),
    Answer("add", 0, "what the visible test asks for", "def add(a, b):\n    return 3"),
    Answer("add", 0, "positive numbers only", "def add(a, b):\n    return abs(a) + b"),
    Answer("add", 0, "prints", "def add(a, b):\n    print(a + b)"),
    Answer("add", 0, "no Python", "def add(a, b) return a + b"),
    Answer("area", 3, "plain", tiny.RIGHT["area"]),
    Answer("area", 3, "a product", "def area(r):\n    return r * r * math.pi"),
    Answer("area", 1, "not squared", "def area(r):\n    return math.pi * r"),
    Answer("area", 0, "a diameter", "def area(r):\n    return math.pi * r**2 / 4"),
    Answer("area", 0, "an error", "def area(r):\n    return pi * r**2"),
]
#: Answers that a limit ends, in the cell or when they are called; by what they do.
HOSTILE = {
    "never-ends": "while True:\n    pass",
    "never-stops": (
        "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "while True:\n    pass"
    ),
    "ends-itself": "import os\nos._exit(0)",
    "memory": "kept = []\nwhile True:\n    kept.append(b'x' * 2**24)",
    "prints": "while True:\n    print('y' * 10_000)",
    "forks": (
        "import os, time\nfor _ in range(10_000):\n    if os.fork() == 0:\n"
        "        time.sleep(10_000)"
    ),
    "ends-when-called": "import os\nNAME = lambda *_: os._exit(0)",
    "never-returns": "def NAME(*_):\n    while True:\n        pass",
}


@dataclass(frozen=True)
class Student:
    """One of the class.

    Parameters
    ----------
    name, number
        In the roster, and the participant's at Moodle or the user's at Canvas.
    kind
        What was handed in, in a word.
    files
        That, by path; empty if nothing was handed in.
    marks
        The points of each tested question; None if nothing can be run.
    """

    name: str
    number: int
    kind: str
    files: Mapping[str, bytes]
    marks: Mapping[str, float] | None

    @property
    def status(self) -> str:
        """What the table of marks says."""
        if not self.files:
            return "missing"
        return "failed" if self.marks is None else "graded"


class Paper:
    """An assignment with the answers that are known to it.

    Parameters
    ----------
    assignment
        As it is graded.
    right
        Answers that earn all the points there are, by grade id.
    answers
        Others, with their marks.
    """

    def __init__(
        self, assignment: Release, right: dict[str, str], answers: Iterable[Answer]
    ) -> None:
        self.assignment, self.right = assignment, right
        self.file = f"{assignment.name}.ipynb"
        self.tested = [q for q in assignment.questions if not q.written]
        self.points = {question.id: question.points for question in self.tested}
        self.answers: dict[str, list[Answer]] = {q.answers[0]: [] for q in self.tested}
        for answer in answers:
            self.answers[answer.question].append(answer)

    def filled(self, answers: dict[str, str]) -> bytes:
        """Return a notebook with these answers."""
        return text(demo.fill(self.assignment.released, answers))

    def mixed(self, draw: random.Random) -> tuple[bytes, dict[str, float]]:
        """Return a notebook with an answer to each question, none of which another
        undoes, and its marks."""
        given = {k: v for k, v in self.right.items() if draw.random() < 0.9}
        marks, names = {}, set[str]()
        for question in self.tested:
            cell = question.answers[0]
            chosen = draw.choice(self.answers[cell])
            own = _names(chosen.source)
            given.pop(cell, None)
            marks[question.id] = 0.0
            if draw.random() < 0.9 and not own & names:
                given[cell] = chosen.source
                marks[question.id] = float(chosen.marks)
                names |= own
        return self.filled(given), marks

    def hostile(self, kind: str) -> tuple[bytes, dict[str, float]]:
        """Return a notebook that costs one question, and its marks."""
        question = self.tested[0]
        name = self.assignment.names[question.id][0]
        answers = {question.answers[0]: HOSTILE[kind].replace("NAME", name)}
        return self.filled({**self.right, **answers}), {**self.points, question.id: 0.0}

    def broken(self) -> dict[str, dict[str, bytes]]:
        """Return what cannot be run, by kind."""
        good = self.filled(self.right)
        made = {
            "cut-off": {self.file: good[: len(good) // 2]},
            "empty": {self.file: b""},
            "page": {self.file: b"<!DOCTYPE html><p>Log in</p>"},
            "bomb": {self.file: bytes(BOMB)},
            "packed": {"work.zip": b"PK\x05\x06" + bytes(18)},
        }
        return {**made, **{k: o.files for k, o in self._odd(None).items()}}

    def unusual(self) -> dict[str, tuple[dict[str, bytes], dict[str, float]]]:
        """Return what can be run all the same, by kind, and its marks."""
        return {
            kind: (one.files, one.marks) for kind, one in self._odd(self.points).items()
        }

    def _odd(self, kept: object) -> dict:
        if self.assignment.name != tiny.NAME:
            return {}
        return {
            kind: one
            for kind, one in odd(self.assignment, self.right).items()
            if (one.marks is None) == (kept is None)
            and len(one.files) == 1
            and "/" not in "".join(one.files)
            and not kind.startswith("<")
            and sum(map(len, one.files.values())) < LARGEST
        }


def _names(source: str) -> set[str]:
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return set()
    found = {n.name for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef)}
    return found | {
        n.id
        for statement in tree.body
        if not isinstance(statement, ast.FunctionDef | ast.ClassDef)
        for n in ast.walk(statement)
        if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    }


def paper(course: Course, name: str = tiny.NAME) -> Paper:
    """Return the tiny assignment, or one of the course's own."""
    assignment = release.load(course, name)
    if name == tiny.NAME:
        return Paper(assignment, dict(tiny.RIGHT), TINY)
    known = importlib.import_module(f"answers.{name}").ANSWERS
    return Paper(assignment, demo.answers(course, name), known)


def make(paper: Paper, size: int, seed: int = SEED) -> list[Student]:
    """Return a class; the same for the same seed."""
    draw = random.Random(seed)
    unusual, broken = paper.unusual(), paper.broken()
    bad = [*broken, *HOSTILE]
    kinds = [bad[i * len(bad) // n] for n in [round(BROKEN * size)] for i in range(n)]
    # A blank answer in words earns nothing, a given one waits for a person.
    usual = {"right": 40, "mixed": 45, "blank": 7, "absent": 3, "unusual": 5}
    rest = size - len(kinds)
    kinds += draw.choices(list(usual), list(usual.values()), k=rest)
    draw.shuffle(kinds)
    numbers = draw.sample(range(10**5, 10**6), size)
    made = []
    for place, (kind, number) in enumerate(zip(kinds, numbers, strict=True), start=1):
        files: Mapping[str, bytes] = {}
        marks: Mapping[str, float] | None = None
        if kind == "unusual":
            kind = draw.choice(list(unusual)) if unusual else "right"
        if kind in unusual:
            files, marks = unusual[kind]
        elif kind in broken:
            files = broken[kind]
        elif kind in HOSTILE:
            content, marks = paper.hostile(kind)
            files = {paper.file: content}
        elif kind == "mixed":
            content, marks = paper.mixed(draw)
            files = {paper.file: content}
        elif kind == "right":
            files, marks = {paper.file: paper.filled(paper.right)}, paper.points
        elif kind == "blank":
            files = {paper.file: paper.filled({})}
            marks = dict.fromkeys(paper.points, 0.0)
        made.append(Student(f"student-{place:04}", number, kind, files, marks))
    return made


def pack(students: Iterable[Student], path: Path, canvas: bool = False) -> None:
    """Write the class as Moodle, or Canvas, gives it to download."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, student in enumerate(students):
            folder = f"{student.name}_{student.number}_assignsubmission_file/"
            if canvas:
                name = student.name.replace("-", "")
                folder = f"{name}_{student.number}_{10**6 + number}_"
            for file, content in student.files.items():
                archive.writestr(folder + file, content)


def enrol(students: Iterable[Student], path: Path) -> None:
    """Write the class's roster."""
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["student", "name", "lms id", "group"])
        for student in students:
            group = "AB"[student.number % 2]
            table.writerow([student.name, student.name, student.number, group])


def course(folder: Path, name: str = tiny.NAME) -> Course:
    """Make a course with one assignment in a folder."""
    if name == tiny.NAME:
        return tiny.course(folder)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "nbgrader_config.py", folder)
    for part in ("solutions", "exercises"):
        shutil.copytree(ROOT / part / name, folder / part / name)
    return Course(folder, folder)


def write(
    folder: Path, size: int, name: str = tiny.NAME, canvas: bool = False
) -> list[Student]:
    """Make a course, a class and its roster in a folder; return the class."""
    made = make(paper(course(folder, name), name), size)
    pack(made, folder / "class.zip", canvas)
    enrol(made, folder / "roster.csv")
    return made


def wrong(students: Iterable[Student], rows: Mapping[str, Mapping[str, str]]) -> list:
    """Compare a class with the rows of its table of marks; return what differs."""
    found = []
    for student in students:
        row = rows.get(student.name)
        if row is None:
            found.append((student.name, student.kind, "no row"))
            continue
        if row["status"] != student.status:
            found.append((student.name, student.kind, row["status"], row["message"]))
        for question, points in (student.marks or {}).items():
            if float(row[question] or "nan") != points:
                found.append(
                    (student.name, student.kind, question, row[question], points)
                )
    names = {student.name for student in students}
    return found + [(name, "no student") for name in rows if name not in names]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("size", type=int)
    parser.add_argument("name", nargs="?", default=tiny.NAME)
    parser.add_argument("--canvas", action="store_true")
    given = parser.parse_args()
    write(given.folder, given.size, given.name, given.canvas)
