"""The instructors' page: its commands, as they are written, in the page's order."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys

import pytest
from books import ROOT

from autograder import demo
from autograder.course import Course

PAGE = ROOT / "book" / "instructors.md"
# Tested by others: test_private_copy.py, test_formgrader.py, test_postgresql.py and, of
# the cluster, test_cluster.py.
ELSEWHERE = (
    *("make grade-demo", "source ", "python -m pytest "),
    *("git ", "rm -rf mirror", "GITHUB_REPOSITORY="),
    *("jupyter lab", "nbgrader generate_feedback ", "createdb ", "pip install "),
)
CLUSTER = re.compile(r"mkdir tls|openssl |cp tls/|dask |.*--tls tls")


def commands() -> list[str]:
    blocks = re.findall(r"```console\n(.*?)```", PAGE.read_text("utf-8"), re.S)
    lines = [line for block in blocks for line in block.splitlines()]
    assert all(line.startswith("$ ") for line in lines), lines
    return [
        line[2:]
        for line in lines
        if not line[2:].startswith(ELSEWHERE) and not CLUSTER.match(line[2:])
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A course with the page's assignment, and a class of two that hands it in."""
    folder = tmp_path_factory.mktemp("instructor")
    shutil.copy(ROOT / "nbgrader_config.py", folder)
    for part in ("solutions", "exercises"):
        shutil.copytree(ROOT / part / "autoencoder", folder / part / "autoencoder")
    handed_in = demo.submissions(Course(folder, folder), "autoencoder")
    # The page says STUDENT where the reader has a name.
    for student, demo_name in (("STUDENT", "right"), ("ann", "blank")):
        path = folder / "submissions" / student / "autoencoder.ipynb"
        path.parent.mkdir(parents=True)
        path.write_bytes(handed_in[demo_name])
    shutil.make_archive(str(folder / "submissions"), "zip", folder / "submissions")
    (folder / "roster.csv").write_text("student;extension\nSTUDENT;2\nann;\nbo;\n")
    return folder


def test_every_command_works_as_it_is_written(folder):
    said = {}
    for command in commands():
        program, *arguments = shlex.split(command)
        assert program == "autograder", command
        done = subprocess.run(
            [sys.executable, "-m", "autograder.cli", *arguments],
            cwd=folder,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        said[command] = done.stdout
    assert len(said) >= 6
    (again,) = (text for command, text in said.items() if "--regrade" in command)
    assert "graded again for 2, changed for 0" in again
    (replayed,) = (text for command, text in said.items() if "replay" in command)
    assert "the marks are the same" in replayed
    assert (folder / "_build/grading/autoencoder/report.html").is_file()
    assert (folder / "feedback/STUDENT/autoencoder/autoencoder.html").is_file()
