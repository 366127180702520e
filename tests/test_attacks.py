"""A class of submissions that cheat and harm, graded for real: none comes off."""

from __future__ import annotations

import csv
import ctypes
import hashlib
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import attacks
import nbformat
import pytest
import tiny_assignment as tiny
from attacks import HONEST, MEMORY, Attack, Outcome, assignment
from attacks.world import World, opened

from autograder import demo, gradebook, grading, notebooks, release, secret, submissions
from autograder.course import Course
from autograder.sandbox.limits import Limits

ATTACKS = tuple(attacks.every())
TIMEOUT = 5  # seconds for each cell
PATIENCE = 900  # seconds for the whole class
BECOME_REAPER = 36  # prctl: orphans below become children of this process


@dataclass(frozen=True)
class Class:
    """The class, graded; and what could be seen of the machine before and after."""

    course: Course
    world: World
    code: int
    terminal: str
    students: dict[str, str]  # by the folder's name
    changed: set[str]
    mounts: tuple[str, str]
    left: list[str]

    def outcome(self, folder: str) -> Outcome:
        """Return what became of a submission."""
        course, student = self.course, self.students[folder]
        results = course.results(tiny.NAME)
        with (results / "marks.csv").open(encoding="utf-8", newline="") as file:
            rows = {
                row["student"].removeprefix("'"): row for row in csv.DictReader(file)
            }
        records = {found.student: found for found in grading.records(course, tiny.NAME)}
        with gradebook.opened(course) as book:
            points = gradebook.class_points(book, tiny.NAME)[student]
        return Outcome(
            record=records[student],
            points=points,
            notebook=nbformat.v4.reads(
                course.autograded(tiny.NAME, student).read_text("utf-8")
            ),
            page=course.feedback(tiny.NAME, student).read_text("utf-8"),
            row=rows[student],
            report=(results / "report.html").read_text("utf-8"),
            terminal=self.terminal,
            honest_page=course.feedback(tiny.NAME, HONEST[0]).read_text("utf-8"),
            world=self.world,
        )


@pytest.fixture(scope="module")
def graded() -> Iterator[Class]:
    """Grade all attacks and two honest students by one command."""
    with tempfile.TemporaryDirectory(
        prefix="attacked-", dir="/var/tmp", ignore_cleanup_errors=True
    ) as folder:
        root = Path(folder).resolve()
        root.chmod(0o755)  # as a course's folder is: nothing but the wall protects it
        course = tiny.course(root / "course", assignment.solution())
        secret.make(course)
        handed_in = course.root / "class"
        with opened(course.root, handed_in, MEMORY, 2 * Limits().disk) as world:
            _hand_in(course, world)
            yield _grade(course, world)
        # Whatever did come off is not left on the machine that tests it.
        for path in _left(world):
            subprocess.run(["rm", "-rf", "--", path], check=True)


def _hand_in(course: Course, world: World, attacks: Iterable[Attack] = ATTACKS) -> None:
    released = release.load(course, tiny.NAME).released
    for student in HONEST:
        (world.handed_in / student).mkdir(parents=True)
        text = notebooks.write(demo.fill(released, assignment.RIGHT))
        (world.handed_in / student / f"{tiny.NAME}.ipynb").write_text(text)
    for attack in attacks:
        attack.write(released, world, tiny.NAME)


def _grade(course: Course, world: World) -> Class:
    ctypes.CDLL(None).prctl(BECOME_REAPER, 1, 0, 0, 0)
    mounts, digests = Path("/proc/self/mounts").read_text(), _digests(world)
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    environment = {"HOME": str(world.home), "XDG_CACHE_HOME": cache}
    command = ["grade", tiny.NAME, "class", "--timeout", str(TIMEOUT)]
    done = subprocess.run(
        [sys.executable, "-m", "autograder.cli", *command],
        cwd=course.root,
        env={**os.environ, **environment, "GRADER_TOKEN": world.token},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        timeout=PATIENCE,
    )
    terminal = done.stdout.decode("utf-8", "replace")
    alive = _descendants(os.getpid())
    ctypes.CDLL(None).prctl(BECOME_REAPER, 0, 0, 0, 0)
    after = _digests(world)
    folders = sorted(path.name for path in world.handed_in.iterdir())
    students = [item.student for item in submissions.find(world.handed_in, tiny.NAME)]
    return Class(
        course=course,
        world=world,
        code=done.returncode,
        terminal=terminal,
        students=dict(zip(folders, students, strict=True)),
        changed={path for path in digests if digests[path] != after.get(path)},
        mounts=(mounts, Path("/proc/self/mounts").read_text()),
        left=alive + _left(world),
    )


def _digests(world: World) -> dict[str, str]:
    """Return a digest of every file that grading has no business with."""
    tops = (world.course / "solutions", world.handed_in, world.home / ".ssh")
    files = [path for top in tops for path in top.rglob("*") if path.is_file()]
    files += [world.course / name for name in ("nbgrader_config.py", secret.NAME)]
    return {
        str(p): hashlib.sha256(p.read_bytes()).hexdigest() for p in files if p.exists()
    }


def _descendants(process: int) -> list[str]:
    """Return the command lines of all processes that came from this one."""
    found = []
    try:
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    except OSError:
        return []
    for child in children:
        try:
            line = Path(f"/proc/{child}/cmdline").read_bytes().replace(b"\0", b" ")
        except OSError:
            continue
        if line:  # else it has ended, and waits to be asked for its exit code
            found += [line.decode("utf-8", "replace"), *_descendants(int(child))]
    return found


def _left(world: World) -> list[str]:
    """Return the files that carry the mark of an attack, wherever they might be."""
    places = {"/tmp", "/var/tmp", "/dev/shm", "/run", "/mnt", str(world.course.parent)}
    places |= {str(Path.home()), *sys.path, str(Path(grading.__file__).parent)}
    number = world.ports[0]
    command = ["find", *filter(os.path.isdir, places), "-maxdepth", "4"]
    command += ["(", "-name", f"*-was-here-{number}*", "-o", "-name", f"notes-{number}"]
    command += [")", "-prune", "-print"]
    found = subprocess.run(command, capture_output=True, text=True, errors="replace")
    return found.stdout.splitlines()


def _earned(outcome: Outcome) -> dict[str, float | None]:
    return {name: outcome.points[f"{name}-test"] for name in assignment.POINTS}


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_attack_does_not_come_off(graded: Class, attack: Attack) -> None:
    outcome = graded.outcome(attack.folder)
    said = [outcome.record.message, *(mark.hint for mark in outcome.record.marks)]
    assert _earned(outcome) == attack.earns, said
    if set(attack.answers) & set(assignment.POINTS) and not attack.silent:
        assert f"attacking: {attack.name}" in outcome.printed  # or nothing was tried
    keys = outcome.record.audit.hidden
    assert keys.keys() == outcome.points.keys()
    hidden = [assignment.WORD, *assignment.NUMBERS, outcome.world.token]
    hidden += [*keys.values(), secret.path(graded.course).read_text().strip()]
    for word in hidden:
        for text in (outcome.page, outcome.printed, outcome.report, outcome.terminal):
            assert word not in text
    if "HIDDEN" not in " ".join(attack.answers.values()):
        assert "HIDDEN" not in outcome.page
    attack.holds(outcome)


@pytest.mark.parametrize("student", HONEST)
def test_honest_student_among_them_gets_the_marks(graded: Class, student: str) -> None:
    outcome = graded.outcome(student)
    assert _earned(outcome) == assignment.POINTS
    assert outcome.points["why"] is None
    assert outcome.record.status == "graded"
    assert outcome.record.repairs == ()


def test_without_a_secret_the_published_seed_is_all_it_takes(tmp_path) -> None:
    """The two attacks on it are no straw men."""
    names = {"answers-from-a-table", "looks-for-the-key"}
    course = tiny.course(tmp_path / "course", assignment.solution())
    with opened(course.root, course.root / "class", 2**20, 2**20) as world:
        _hand_in(course, world, [a for a in ATTACKS if a.name in names])
        found = _grade(course, world)
    for folder in names:
        assert found.outcome(folder).points["total-test"] == assignment.POINTS["total"]


def test_everyone_has_a_row_and_the_command_ends_well(graded: Class) -> None:
    assert graded.code == 0, graded.terminal
    outcomes = [graded.outcome(folder) for folder in graded.students]
    assert len(outcomes) == len(ATTACKS) + len(HONEST)
    assert len({outcome.row["student"] for outcome in outcomes}) == len(outcomes)


def test_no_process_and_no_file_survives(graded: Class) -> None:
    assert graded.left == []


def test_no_mount_survives(graded: Class) -> None:
    before, after = graded.mounts
    assert before == after


def test_nobody_was_reached(graded: Class) -> None:
    assert graded.world.heard == []


def test_course_and_hand_ins_are_as_they_were(graded: Class) -> None:
    assert graded.changed == set()
    known = {"_build", "autograded", "feedback", "gradebook.db", "submitted"}
    given = {"class", "solutions", "nbgrader_config.py", secret.NAME}
    assert {path.name for path in graded.course.root.iterdir()} == known | given


def test_every_attack_says_what_nbgrader_alone_does_with_it() -> None:
    for attack in ATTACKS:
        assert re.search(r"\w{3}.*\.$", attack.stock), attack.name


def test_names_of_attacks_are_their_own() -> None:
    folders = [attack.folder for attack in ATTACKS]
    assert len(set(folders)) == len(folders) >= 45
