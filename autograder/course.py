"""Where things are: a course's folders, and the folders that grading writes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.errors import CourseError

if TYPE_CHECKING:
    from traitlets.config import Config

MARK = "nbgrader_config.py"


@dataclass(frozen=True)
class Course:
    """The folders of a course.

    Parameters
    ----------
    root
        The folder with ``solutions/``, ``exercises/`` and ``nbgrader_config.py``.
    output
        nbgrader's course folder, where grading writes ``submitted/``,
        ``autograded/``, ``feedback/`` and, unless :attr:`db_url` says otherwise,
        ``gradebook.db``. By default the root, which is where nbgrader's formgrader
        looks when it is started there.
    """

    root: Path
    output: Path

    @classmethod
    def find(cls, output: Path | None = None) -> Course:
        """Find the course around the current folder, else around this package."""
        here = Path.cwd()
        for folder in (here, *here.parents, Path(__file__).resolve().parents[1]):
            if (folder / MARK).is_file() and (folder / "solutions").is_dir():
                return cls(folder, (output or folder).absolute())
        raise CourseError(
            f"{here}: no course here; run this inside the folder that has {MARK} "
            "and solutions/"
        )

    @property
    def assignments(self) -> list[str]:
        """The names of the assignments that have a notebook in ``solutions/``."""
        notebooks = (self.root / "solutions").glob("*/*.ipynb")
        return sorted(p.stem for p in notebooks if p.stem == p.parent.name)

    def solution(self, name: str) -> Path:
        """Return the instructor's notebook of an assignment."""
        if name not in self.assignments:
            known = ", ".join(self.assignments) or "none yet"
            raise CourseError(
                f"{name}: no assignment of this name, expected "
                f"{self.root / 'solutions' / name / name}.ipynb; there are: {known}"
            )
        return self.root / "solutions" / name / f"{name}.ipynb"

    def exercise(self, name: str) -> Path:
        """Return the folder of the released assignment."""
        return self.root / "exercises" / name

    def bundle(self, name: str) -> Path:
        """Return the archive for the students of a class."""
        return self.root / "_build" / "bundles" / f"{name}.zip"

    def address(self) -> str:
        """Return the web address of the course's repository, empty if it has none."""
        return repository_address(self.root)

    @cached_property
    def settings(self) -> Config:
        """What ``nbgrader_config.py`` says.

        Raises
        ------
        CourseError
            If it cannot be loaded: it is a program.
        """
        from traitlets.config import Config, PyFileConfigLoader

        path = self.root / MARK
        if str(self.root) not in sys.path:
            sys.path.append(str(self.root))  # where nbgrader, run there, finds a plugin
        try:
            loader = PyFileConfigLoader(path.name, path=str(self.root))
            return Config(loader.load_config()) if path.is_file() else Config()
        except (Exception, SystemExit) as error:
            raise CourseError(
                f"{path}: nbgrader's settings in it cannot be loaded: "
                f"{type(error).__name__}: {error}"
            ) from error

    @cached_property
    def db_url(self) -> str:
        """nbgrader's database, as SQLAlchemy names it.

        In the course's own folder it is the one that nbgrader itself would use. In
        another it is a file there: a trial leaves the class's gradebook alone.
        """
        own = ""
        if self.output == self.root:
            own = self.settings.CourseDirectory.get("db_url", "")
        file = "sqlite:///"
        if own and not str(own).startswith(file):
            return str(own)
        # A path is relative to the course here, wherever the command is run.
        name = str(own).removeprefix(file) or "gradebook.db"
        return f"{file}{self.output / name}"

    def results(self, name: str) -> Path:
        """Return the folder of an assignment's marks, records and report."""
        if self.output == self.root:
            return self.root / "_build" / "grading" / name
        return self.output / name

    def submitted(self, name: str, student: str) -> Path:
        """Return the copy of what a student handed in."""
        return self.output / "submitted" / student / name / f"{name}.ipynb"

    def autograded(self, name: str, student: str) -> Path:
        """Return the executed notebook, which formgrader shows to the instructor."""
        return self.output / "autograded" / student / name / f"{name}.ipynb"

    def feedback(self, name: str, student: str) -> Path:
        """Return the page for the student."""
        return self.output / "feedback" / student / name / f"{name}.html"


def repository_address(root: Path) -> str:
    """Return the web address of the repository of a tree, empty if it has none.

    Nothing else knows the address, so what a fork makes leads to the fork.
    """
    if name := os.environ.get("GITHUB_REPOSITORY"):
        return f"https://github.com/{name}"
    command = ["git", "-C", str(root), "remote", "get-url", "origin"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError:
        return ""
    # Without the name or token that a private clone's address may carry.
    pattern = r"(?:https://(?:[^@/]*@)?|git@)([\w.-]+)[:/]([\w./~-]+?)(?:\.git)?/?\s*"
    found = re.fullmatch(pattern, answer.stdout)
    return f"https://{found[1]}/{found[2]}" if found else ""


def data_folder() -> Path | None:
    """Return the folder with the course's data, None where there is none yet.

    It is found as :mod:`latentspaces.data` does, which would import torch.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    given = os.environ.get("LATENTSPACES_DATA")
    folder = Path(given).absolute() if given else cache / "latentspaces"
    if given and not folder.is_dir():
        raise CourseError(
            f"LATENTSPACES_DATA is {given!r}, which is not a folder; set it to the "
            "folder that holds FashionMNIST/ and ecg.csv, or unset it"
        )
    return folder if folder.is_dir() else None
