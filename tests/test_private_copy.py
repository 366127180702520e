"""A private copy of the course: the page's commands, as they are written."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from books import ROOT

PAGE = ROOT / "book" / "instructors.md"
IDENTITY = {
    f"GIT_{who}_{what}": f"{who.lower()}{'@example.org' * (what == 'EMAIL')}"
    for who in ("AUTHOR", "COMMITTER")
    for what in ("NAME", "EMAIL")
}
NOTEBOOK = "solutions/autoencoder/autoencoder.ipynb"
HIDDEN = "for seed, n, d, k in ((201, 6, 5, 2), (202, 3, 4, 4), (203, 9, 3, 7)):"
OURS = HIDDEN.replace("(203, 9, 3, 7)", "(203, 8, 4, 6)")


def blocks() -> list[list[str]]:
    """Return the commands of the section's blocks, without `autograder secret`."""
    section = PAGE.read_text("utf-8").partition("## Keep tests and solutions secret")[2]
    section = section.partition("\n## ")[0]
    found = re.findall(r"```console\n(.*?)```", section, re.S)
    lines = [[line.removeprefix("$ ") for line in b.splitlines()] for b in found]
    return lines[1:]


class Machine:
    """A folder in which somebody types, with the two addresses."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # No setting of this machine's own has a part in it.
        nobody = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
        path = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        self.environment = {**os.environ, **IDENTITY, **nobody, "PATH": path}
        self.environment.pop("GITHUB_REPOSITORY", None)
        (folder / "bin").mkdir()
        program = folder / "bin" / "autograder"
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -m autograder.cli "$@"\n')
        program.chmod(0o755)
        for name in ("PUBLIC", "PRIVATE"):
            self.type(f"git init -q --bare -b main {name}")

    def type(self, command: str, inside: str = ".") -> str:
        """Run a command as it is written; return what it prints."""
        for name in ("PUBLIC", "PRIVATE"):
            command = re.sub(rf"\b{name}\b", f"{self.folder / name}.git", command)
        done = subprocess.run(
            command,
            shell=True,
            cwd=self.folder / inside,
            env=self.environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout

    def commit(self, inside: str, said: str) -> None:
        self.type(f"git add -A && git commit -qm '{said}'", inside)


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert text.count(old) == 1, old
    path.write_text(text.replace(old, new), "utf-8")


@pytest.fixture(scope="module")
def machine(tmp_path_factory) -> Machine:
    """PUBLIC with a part of the course, and PRIVATE, empty."""
    made = Machine(tmp_path_factory.mktemp("copy"))
    author = made.folder / "author"
    shutil.copytree(ROOT / "solutions/autoencoder", author / "solutions/autoencoder")
    shutil.copytree(ROOT / "exercises/autoencoder", author / "exercises/autoencoder")
    for name in ("nbgrader_config.py", ".gitignore", "README.md"):
        shutil.copy(ROOT / name, author)
    made.type("git init -q -b main && git remote add origin PUBLIC", "author")
    made.commit("author", "The course")
    made.type("git push -q origin main main:notebooks && git tag 1.0", "author")
    made.type("git push -q --tags origin", "author")
    return made


def test_an_update_arrives_and_the_private_change_survives(machine):
    mirror, update, bundle = blocks()
    for command in mirror:
        machine.type(command)
    assert not (machine.folder / "mirror").exists()
    refs = machine.type("git ls-remote PRIVATE")
    assert refs == machine.type("git ls-remote PUBLIC")
    assert {"refs/heads/main", "refs/heads/notebooks", "refs/tags/1.0"} <= {
        *refs.split()
    }

    course = machine.folder / "class"
    replace(course / NOTEBOOK, HIDDEN, OURS)
    machine.type("autograder secret && autograder release", "class")
    machine.commit("class", "A hidden test of our own")

    author = machine.folder / "author"
    replace(author / NOTEBOOK, "The cells that check", "Cells that check")
    replace(author / "README.md", "# Latent Spaces", "# Latent Spaces, again")
    machine.type("autograder release", "author")
    machine.commit("author", "Later work")
    machine.type("git push -q origin main", "author")

    for command in update:
        machine.type(command)
    assert OURS in (course / NOTEBOOK).read_text("utf-8")
    assert "Cells that check" in (course / NOTEBOOK).read_text("utf-8")
    assert "# Latent Spaces, again" in (course / "README.md").read_text("utf-8")
    machine.type("autograder release --check", "class")
    private = machine.type(f"git -C PRIVATE show main:{NOTEBOOK}")
    assert OURS in private and "Cells that check" in private
    assert OURS not in machine.type(f"git -C PUBLIC show main:{NOTEBOOK}")

    # The secret stays on the machine that grades, and nothing can go to the public one.
    assert (course / "class-secret.txt").is_file()
    assert "class-secret" not in machine.type("git -C PRIVATE ls-tree -r main")
    with pytest.raises(AssertionError, match="no-pushing-to-the-public-one"):
        machine.type("git push upstream main", "class")

    for command in bundle:
        said = machine.type(command, "class")
    archive = re.search(r"\S+\.zip", said)[0]
    with zipfile.ZipFile(archive) as opened:
        given = {name: opened.read(name).decode() for name in opened.namelist()}
    text = "\n".join(given.values())
    assert "https://github.com/OWNER/NAME" in given["autoencoder/requirements.txt"]
    for word in ("PRIVATE", "HIDDEN", "hidden_seed", OURS, "BEGIN SOLUTION"):
        assert word not in text
