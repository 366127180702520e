"""Submissions are graded several at a time, and a worker that dies takes none along."""

import os
import signal
import time
from concurrent.futures import BrokenExecutor
from contextlib import suppress

import pytest
import tiny_assignment as tiny

from autograder import cli, demo, grading, notebooks, pool, release
from autograder.execution import Status, Submission, failure


class Odd:
    """An executor whose process dies, or that fails, on some submissions."""

    version = "1"

    def grade(self, submission, assignment):
        if submission.student.startswith("dies"):
            os.kill(os.getpid(), signal.SIGKILL)
        if submission.student.startswith("fails"):
            raise ZeroDivisionError("oops")
        time.sleep(0.05)
        return failure(f"by {os.getpid()} on {pool.core}", assignment)


@pytest.fixture(scope="module")
def assignment(tmp_path_factory):
    return release.load(tiny.course(tmp_path_factory.mktemp("given")), tiny.NAME)


def test_every_submission_comes_back_once_whoever_dies(assignment):
    names = [f"good{i}" for i in range(12)] + ["dies1", "fails", "dies2"]
    names.sort(key=lambda name: name[::-1])
    handed_in = (Submission(name, b"") for name in names)
    with pool.local(2) as workers:
        found = {
            submission.student: result
            for submission, result in pool.run(Odd(), assignment, handed_in, workers)
        }
    assert sorted(found) == sorted(names)
    for name, result in found.items():
        if name.startswith("dies"):
            assert "died on it, twice" in str(result)
        elif name == "fails":
            assert isinstance(result, ZeroDivisionError)
        else:
            assert result.message.startswith("by ")


def test_workers_are_processes_of_their_own_each_on_a_core(assignment):
    handed_in = (Submission(f"s{i}", b"") for i in range(12))
    with pool.local(2) as workers:
        results = [
            result.message
            for _, result in pool.run(Odd(), assignment, handed_in, workers)
        ]
    processes = {message.split()[1] for message in results}
    cores = {message.split()[3] for message in results}
    assert str(os.getpid()) not in processes
    assert len(processes) == 2
    assert len(cores) == min(2, len(os.sched_getaffinity(0)))


def test_a_worker_that_died_while_it_had_nothing_to_do_is_replaced(assignment):
    with pool.local(1) as workers:
        for name in ("first", "second"):
            handed_in = [Submission(name, b"")]
            [(_, found)] = pool.run(Odd(), assignment, handed_in, workers)
            process = int(found.message.split()[1])
            os.kill(process, signal.SIGKILL)
            with suppress(BrokenExecutor):
                while True:  # until that is noticed
                    workers.start().submit(os.getpid).result()


def test_submissions_are_taken_as_they_are_needed(assignment):
    taken = []

    def handed_in():
        for i in range(40):
            taken.append(i)
            yield Submission(f"s{i}", b"")

    with pool.local(2) as workers:
        for done, _ in enumerate(pool.run(Odd(), assignment, handed_in(), workers), 1):
            assert len(taken) <= done + 2 * workers.size


def test_unconfined_grading_is_asked_for_by_name_and_says_what_it_is(
    tmp_path, monkeypatch, capsys
):
    course = tiny.course(tmp_path)
    released = release.load(course, tiny.NAME).released
    answers = {**tiny.RIGHT, "add": "def add(a, b):\n    return 3"}
    for student, given in (("ann", tiny.RIGHT), ("ben", answers)):
        folder = tmp_path / "class" / student
        folder.mkdir(parents=True)
        text = notebooks.write(demo.fill(released, given))
        (folder / "sample.ipynb").write_text(text)
    monkeypatch.chdir(tmp_path)
    assert cli.main(["grade", "sample", "class", "--sandbox", "none"]) == 0
    assert "submissions run as you" in capsys.readouterr().out
    records = {record.student: record for record in grading.records(course, "sample")}
    earned = {
        name: [mark.points for mark in record.marks if mark.points is not None]
        for name, record in records.items()
    }
    assert earned == {"ann": [2.0, 3.0], "ben": [0.0, 3.0]}
    assert records["ann"].status is Status.GRADED
