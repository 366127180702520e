"""Every grade says how it came about, and can be had again."""

from __future__ import annotations

import hashlib
import json
import os

import pytest
import tiny_assignment as tiny

from autograder import cli, demo, grading, notebooks, release, replay
from autograder.errors import CourseError

CHANCE = "import random\n\ndef add(a, b):\n    return a + b\n\nx = random.random()\n"
HANGS = "def area(r):\n    while True:\n        pass\n"
CLASS = {
    "right": {"add": CHANCE, "area": tiny.RIGHT["area"]},
    "hangs": {"add": tiny.RIGHT["add"], "area": HANGS},
}


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """Grade a small class for real."""
    root = tmp_path_factory.mktemp("course")
    made = tiny.course(root)
    released = release.load(made, tiny.NAME).released
    for student, answers in CLASS.items():
        (root / "class" / student).mkdir(parents=True)
        content = notebooks.write(demo.fill(released, answers))
        (root / "class" / student / "sample.ipynb").write_text(content, "utf-8")
    (root / "class" / "broken").mkdir()
    (root / "class" / "broken" / "sample.ipynb").write_bytes(b"{")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        assert cli.main(["grade", "sample", "class", "--timeout", "3"]) == 0
    return made


@pytest.fixture
def here(course, monkeypatch):
    """Go to the course; after the test, its files must be as they were."""
    monkeypatch.chdir(course.root)
    before = _files(course)
    yield course
    assert _files(course) == before


def _files(course):
    paths = sorted(p for p in course.root.rglob("*") if p.is_file())
    return {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in paths}


def test_record_says_how_each_grade_came_about(course):
    found = grading.record_of(course, tiny.NAME, "hangs")
    audit = found.audit
    content = course.submitted(tiny.NAME, "hangs").read_bytes()
    assert audit.submission == hashlib.sha256(content).hexdigest()
    assert audit.release == release.load(course, tiny.NAME).digest
    assert audit.grader and audit.confined
    assert (audit.limits["cell"], audit.limits["whole"]) == (3, 600)
    assert audit.limits["memory"] == 2 * 2**30
    assert {"python", "torch", "numpy"} <= audit.versions.keys()
    assert {"add", "area", "add-test", "area-test"} == audit.seeds.keys()
    assert len(set(audit.seeds.values())) == 4
    assert {"imports", "add", "area-test"} <= audit.seconds.keys()
    assert audit.ends == {"area-test": "time"}
    assert audit.seconds["area-test"] > audit.seconds["add-test"]
    broken = grading.record_of(course, tiny.NAME, "broken").audit
    assert broken.submission == hashlib.sha256(b"{").hexdigest()
    assert broken.limits == audit.limits


@pytest.mark.parametrize(
    ("student", "said"), [("right", "5"), ("hangs", "2"), ("broken", "0")]
)
def test_same_marks_again_and_nothing_written(here, capsys, student, said):
    assert cli.main(["replay", student]) == 0
    output = capsys.readouterr().out
    assert f"{student}, sample: the marks are the same as on 20" in output
    assert f": {said} points" in output
    assert "changed since" not in output


@pytest.fixture
def changed(here):
    """Return a function that changes what is recorded, put back after the test."""
    path = here.results(tiny.NAME) / "records" / "right.json"
    times, text = path.stat(), path.read_text("utf-8")

    def change(**parts):
        data = json.loads(text)
        data["audit"] |= parts.pop("audit", {})
        path.write_text(json.dumps(data | parts), "utf-8")
        return data

    yield change
    path.write_text(text, "utf-8")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def test_other_marks_are_told_with_what_has_changed(changed, capsys):
    marks = changed()["marks"]
    marks[1] |= {"points": 1.0, "outcome": "partial"}
    versions = {"torch": "0.1", "python": "3"}
    changed(
        marks=marks,
        audit={"versions": versions, "release": "x", "grader": "y", "confined": False},
    )
    assert cli.main(["replay", "right", "--assignment", "sample"]) == cli.FAILED
    output = capsys.readouterr().out
    assert "right, sample: the marks are not those of 20" in output
    assert "  Area: 1 then, 3 now\n" in output
    assert "Add:" not in output
    for what in (
        "the assignment (its release",
        "the grader",
        "torch (was 0.1, now ",
        "the sandbox (was none, now there)",
    ):
        assert what in output


def test_where_nothing_changed_chance_is_named(changed, capsys):
    marks = changed()["marks"]
    marks[0] |= {"points": 0.0, "outcome": "failed"}
    changed(marks=marks)
    assert cli.main(["replay", "right"]) == cli.FAILED
    assert replay.UNCHANGED in capsys.readouterr().out


def test_recorded_limits_and_seeds_are_used(changed, monkeypatch):
    changed(audit={"seeds": {"add": 7}})
    seen = []

    class Pipeline(replay.Pipeline):
        def grade(self, submission, assignment):
            seen.append((self, super().grade(submission, assignment)))
            return seen[0][1]

    monkeypatch.setattr(replay, "Pipeline", Pipeline)
    assert cli.main(["replay", "right"]) == 0
    [(pipeline, result)] = seen
    assert (pipeline.timeout, pipeline.total) == (3, 600)
    assert result.audit.seeds["add"] == 7 != result.audit.seeds["area"]


def test_who_was_not_graded_is_said(here, capsys):
    assert cli.main(["replay", "rihgt"]) == cli.BROKEN
    assert "rihgt: no record of any assignment; there are: right" in (
        capsys.readouterr().err
    )
    assert cli.main(["replay", "right", "--assignment", "x"]) == cli.BROKEN
    assert "x: no assignment of this name" in capsys.readouterr().err


def test_copy_that_is_gone_is_said(here):
    found = grading.record_of(here, tiny.NAME, "right")
    path = here.submitted(tiny.NAME, "right")
    aside = path.with_suffix(".aside")
    path.rename(aside)
    try:
        with pytest.raises(CourseError, match="cannot be read"):
            replay.replay(here, release.load(here, tiny.NAME), found, None)
    finally:
        aside.rename(path)
