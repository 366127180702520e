"""A small class, made and graded: right, wrong, blank and broken submissions.

``python -m autograder.demo [NAME]`` writes it to ``_build/demo/``.
"""

from __future__ import annotations

import copy
import re
import shutil
import sys
from pathlib import Path

from nbformat import NotebookNode

from autograder import cli, notebooks, release
from autograder.course import Course

TIMEOUT = 30  # seconds a cell: one of the class never ends
HANG = "while True:\n    pass\n"
DIE = "import os\n\nos._exit(1)\n"


def answers(course: Course, name: str) -> dict[str, str]:
    """Return the reference answers by grade id, without the marks around them."""
    return {
        cell["id"]: re.sub(r"(?m)^.*(BEGIN|END) SOLUTION.*\n?", "", cell.source)
        for cell in release.source(course, name).cells
        if notebooks.is_answer(cell)
    }


def fill(released: NotebookNode, given: dict[str, str]) -> NotebookNode:
    """Return a copy of a released notebook with these answers in it."""
    notebook = copy.deepcopy(released)
    for cell in notebook.cells:
        cell.source = given.get(cell["id"], cell.source)
    return notebook


def wrong(source: str) -> str:
    """Return an answer whose functions all return nothing, and fail every check."""
    names = re.findall(r"(?m)^(?:def|class) (\w+)", source)
    stubs = [f"def {name}(*args, **kwargs):\n    return None\n" for name in names]
    return "\n".join(stubs) or "answer = None\n"


def submissions(course: Course, name: str) -> dict[str, bytes]:
    """Return the files that the class hands in, by student."""
    released = release.load(course, name).released
    right = answers(course, name)
    code = [
        c["id"] for c in released.cells if c["id"] in right and c.cell_type == "code"
    ]
    first, last = code[0], code[-1]
    half = dict(list(right.items())[: (len(right) + 1) // 2])
    copied = fill(released, right)
    position = [cell["id"] for cell in copied.cells].index(first)
    copied.cells.insert(position, copy.deepcopy(copied.cells[position]))

    def made(given: dict[str, str]) -> bytes:
        return notebooks.write(fill(released, given)).encode()

    return {
        "right": made(right),
        "half-right": made(half),
        "blank": made({}),
        "wrong": made({**right, **{name: wrong(right[name]) for name in code}}),
        "one-cell-twice": notebooks.write(copied).encode(),
        "never-ends": made({first: HANG}),
        "kernel-dies": made({**right, last: DIE}),
        "cut-off": made(right)[:1000],
        "empty-file": b"",
    }


def write(course: Course, name: str, folder: Path) -> None:
    """Write the class as a folder of submissions, and a student without a file."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "no-notebook").mkdir(parents=True)
    for student, content in submissions(course, name).items():
        (folder / student).mkdir()
        (folder / student / f"{name}.ipynb").write_bytes(content)


def main() -> int:
    """Make the class of an assignment, the first one by default, and grade it."""
    course = Course.find()
    name = sys.argv[1] if len(sys.argv) > 1 else next(iter(course.assignments), "")
    if not name:
        print(f"{course.root / 'solutions'}: no assignment to demonstrate with yet")
        return 1
    folder = course.root / "_build" / "demo"
    submitted, graded = folder / "class", folder / "graded"
    print(f"A class of submissions for {name} is in {submitted}")
    write(course, name, submitted)
    limit = ["--timeout", str(TIMEOUT)]
    command = ["grade", name, str(submitted), "--output", str(graded), *limit]
    print("autograder", *command)
    return cli.main(command)


if __name__ == "__main__":
    sys.exit(main())
