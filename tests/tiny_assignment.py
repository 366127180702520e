"""A tiny assignment without torch, built in code: tests of grading stay quick."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from autograder import notebooks
from autograder.course import Course

NAME = "sample"
SECRET = "xylophone"  # in a hidden test: must never reach a student
ANSWER = "a + b + 0  # the reference"  # in a solution: must never reach one either


#: Answers that earn all the points there are.
RIGHT = {
    "add": "def add(a, b):\n    return a + b",
    "area": "def area(r):\n    return math.pi * r**2",
    "explain": "# A heading of mine\n\nBecause it is so.",
}


def cell(kind: str, source: str, name: str = "", **role: Any) -> NotebookNode:
    """Return a cell with nbgrader's metadata, if it has a role."""
    make = {
        "code": nbformat.v4.new_code_cell,
        "markdown": nbformat.v4.new_markdown_cell,
    }
    metadata: dict[str, Any] = {}
    if role:
        defaults = {"grade": False, "solution": False, "locked": False, "task": False}
        metadata = {
            "nbgrader": {**defaults, "schema_version": 3, "grade_id": name, **role}
        }
    made = make[kind](source, metadata=metadata)
    made["id"] = name or "extra"
    return made


def solution() -> NotebookNode:
    """Return the instructor's notebook: two tests, a partial one, a written answer."""
    return nbformat.v4.new_notebook(
        metadata={
            "kernelspec": {
                "display_name": "x",
                "language": "python",
                "name": "python3",
            },
            "language_info": {"name": "python", "version": "3.11.0"},
        },
        cells=[
            cell("markdown", "# A sample\n\nThree questions.", "title"),
            cell("code", "import math", "imports"),
            cell("markdown", "## Add\n\nWrite `add`.", "add-task"),
            cell(
                "code",
                "def add(a, b):\n"
                '    """Return the sum."""\n'
                f"    ### BEGIN SOLUTION\n    return {ANSWER}\n    ### END SOLUTION",
                "add",
                solution=True,
            ),
            cell(
                "code",
                'assert add(1, 2) == 3, "add(1, 2) must be 3"\n'
                "### BEGIN HIDDEN TESTS\n"
                f'{SECRET} = "{SECRET}"\n'
                'assert add(-1, 1) == 0, "negative numbers count too"\n'
                "### END HIDDEN TESTS",
                "add-test",
                grade=True,
                locked=True,
                points=2,
            ),
            cell("markdown", "## Area\n\nOf a circle.", "area-task"),
            cell(
                "code",
                "def area(r):\n    ### BEGIN SOLUTION\n    return math.pi * r**2\n"
                "    ### END SOLUTION",
                "area",
                solution=True,
            ),
            cell(
                "code",
                "import sys\n"
                'print("a warning", file=sys.stderr)\n'
                'assert abs(area(1) - math.pi) < 1e-9, "area(1) must be pi"\n'
                "3 if area(2) > 12 else 1",
                "area-test",
                grade=True,
                locked=True,
                points=3,
            ),
            cell("markdown", "## Explain\n\nIn words.", "explain-task"),
            cell(
                "markdown",
                "### BEGIN SOLUTION\nBecause it is so.\n### END SOLUTION",
                "explain",
                grade=True,
                solution=True,
                points=5,
            ),
        ],
    )


def course(root: Path, notebook: NotebookNode | None = None) -> Course:
    """Make a course with the sample assignment, or this one, in an empty folder."""
    folder = root / "solutions" / NAME
    folder.mkdir(parents=True)
    (root / "nbgrader_config.py").touch()
    text = notebooks.write(notebook or solution())
    (folder / f"{NAME}.ipynb").write_text(text, "utf-8")
    return Course(root, root)
