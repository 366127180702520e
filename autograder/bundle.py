"""The archive that a class is given: an assignment and how to begin, nothing more."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

from autograder import notebooks, release
from autograder.course import Course

STAMP = (1980, 1, 1, 0, 0, 0)  # the zip format's first second: no clock in the bytes

README = """\
# {title}

{questions} questions, {points:g} points. Answer in the cells that say
`YOUR CODE HERE` or `YOUR ANSWER HERE`, and in these only: when the notebook is
graded, cells that you add are left out, and all others are put back as they were.

Begin, with Python 3.11 to 3.13:

    python -m venv .venv
    . .venv/bin/activate          # Windows: .venv\\Scripts\\activate
    python -m pip install -r requirements.txt
    jupyter lab {name}.ipynb

Check what you have, at any time:

    autograder check {name}.ipynb

It says for each question that it passes, or gives a hint. Grading runs further
checks that are not in this file. Hand in `{name}.ipynb` under this name.
"""


def write(course: Course, name: str) -> Path:
    """Write the archive of an assignment; the same bytes for the same release."""
    files = release.files(course, name)
    notebook = notebooks.parse(files[f"{name}.ipynb"])
    asked = notebooks.questions(notebook)
    titles = (notebooks.heading(cell) for cell in notebook.cells)
    readme = README.format(
        title=next((title for title in titles if title), name),
        name=name,
        questions=len(asked),
        points=sum(question.points for question in asked),
    )
    files = {
        **files,
        "README.md": readme.encode(),
        "requirements.txt": requirements(course).encode(),
    }
    content = io.BytesIO()
    # Stored, not deflated: compressed bytes differ between versions of zlib.
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
        for part in sorted(files):
            entry = zipfile.ZipInfo(f"{name}/{part}", STAMP)
            entry.create_system = 3  # Unix, wherever it is made
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, files[part])
    path = course.bundle(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.getvalue())
    return path


def requirements(course: Course) -> str:
    """Return what a student installs: the course, from where it is published."""
    place = course.address()
    line = (
        f"latentspaces @ git+{place}"
        if place
        else "# The course itself: install it as your teacher says."
    )
    return f"{line}\njupyterlab\nnbclient\nnbformat\nipykernel\n"
