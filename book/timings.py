"""Record how long the assignments' reference answers run: ``python book/timings.py``.

Runs each as a student's `autograder check` would, in a fresh kernel, and writes
``book/timings.json``, which the assignments' pages quote. What is counted is the
processor's time, which other work on the machine hardly changes.
"""

from __future__ import annotations

import datetime
import json
import os
import platform
import resource
import tempfile
from importlib.metadata import version
from pathlib import Path

from autograder import demo, notebooks
from autograder.check import check
from autograder.course import Course

LIMIT = 300  # seconds for a cell


def main() -> None:
    course = Course.find()
    seconds = {}
    for name in course.assignments:
        released = notebooks.read(course.exercise(name) / f"{name}.ipynb")
        solved = demo.fill(released, demo.answers(course, name))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"{name}.ipynb"
            path.write_text(notebooks.write(solved), encoding="utf-8")
            seconds[name] = round(timed(path), 1)
        print(f"{name}: {seconds[name]} s")
    made = {
        "date": datetime.date.today().isoformat(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "torch": version("torch").partition("+")[0],
    }
    path = course.root / "book" / "timings.json"
    text = json.dumps({"made": made, "seconds": seconds}, indent=1)
    path.write_text(text + "\n", encoding="utf-8")


def timed(path: Path) -> float:
    """Processor seconds of one run; it must pass, or they would mean nothing."""
    before = used()
    found = check(path, timeout=LIMIT)
    if not found.passed:
        raise SystemExit(f"{path.name}: the reference answers do not pass")
    return used() - before


def used() -> float:
    """Processor seconds of this process and of the kernels that it has ended."""
    kinds = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN
    usage = [resource.getrusage(kind) for kind in kinds]
    return sum(one.ru_utime + one.ru_stime for one in usage)


if __name__ == "__main__":
    main()
