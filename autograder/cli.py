"""The command ``autograder``."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.course import Course
from autograder.errors import AutograderError, CourseError

if TYPE_CHECKING:
    from autograder import submissions
    from autograder.cluster import Cluster
    from autograder.execution import Release
    from autograder.lateness import Lateness
    from autograder.notebooks import Question
    from autograder.pool import Pool
    from autograder.regrade import Round
    from autograder.sandbox.warm import Warm

# The other parts are imported by the commands that use them: a student who runs
# `check` need not have nbgrader.

UNCONFINED = (
    "Without a sandbox, submissions run as you, with your files and your network. "
    "Grade only what you would run yourself."
)
FAILED, BROKEN, INTERRUPTED = 1, 2, 130  # exit codes
FORMATS = ("folders", "flat", "canvas", "moodle", "exchange", "submitted")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    arguments = parse(argv)
    try:
        return arguments.run(arguments)
    except (AutograderError, OSError) as error:
        print(f"autograder: {error}", file=sys.stderr)
        return BROKEN
    except KeyboardInterrupt:
        print("\nautograder: interrupted", file=sys.stderr)
        return INTERRUPTED


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Return a command line's arguments, by default this process's own."""
    return _parser().parse_args(argv)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="autograder", description="Release, check and grade the assignments."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = _command(commands, "release", _release, "make exercises/ from solutions/")
    command.add_argument("names", nargs="*", metavar="NAME", help="default: all")
    command.add_argument(
        "--bundle", action="store_true", help="also make a zip for the students"
    )
    command.add_argument(
        "--check", action="store_true", help="write nothing; fail if out of step"
    )

    command = _command(
        commands, "check", _check, "run a notebook: each question, pass or hint"
    )
    command.add_argument("notebook", type=Path, metavar="NOTEBOOK")
    _add_timeout(command)

    command = _command(commands, "grade", _grade, "grade a class's submissions")
    command.add_argument("name", metavar="NAME", help="the assignment")
    command.add_argument(
        "place",
        type=Path,
        metavar="PLACE",
        help="a folder with STUDENT/NAME.ipynb or STUDENT.ipynb, nbgrader's exchange "
        "or submissions, a download from Canvas or Moodle, or a zip file of these",
    )
    command.add_argument(
        "--format",
        choices=FORMATS,
        default="",
        help="what the place is, where that is not plain from its names",
    )
    command.add_argument(
        "--roster",
        type=Path,
        metavar="FILE",
        help="a CSV file of the class: ids, and names, groups, extensions",
    )
    command.add_argument(
        "--due",
        metavar="DATE",
        help='when it is due, as "2026-12-01 23:59 Europe/Berlin" (default: as the '
        "gradebook says)",
    )
    _add_output(command)
    _add_timeout(command)
    command.add_argument(
        "--total-timeout",
        type=_seconds,
        default=600,
        metavar="SECONDS",
        help="limit for a whole submission (default: %(default)s)",
    )
    command.add_argument(
        "--memory",
        type=_gigabytes,
        default=2.0,
        metavar="GB",
        help="limit for a submission's processes together (default: %(default)g)",
    )
    command.add_argument(
        "--workers",
        type=_seconds,
        metavar="N",
        help=f"submissions graded at a time (default: one a core, {_cores()} here)",
    )
    command.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="grade on a Dask cluster: tls://HOST:PORT of its scheduler",
    )
    command.add_argument(
        "--tls",
        type=Path,
        metavar="DIR",
        help="certificates for it: ca.pem, cert.pem, key.pem (default: those that "
        "Dask's configuration names)",
    )
    _add_sandbox(command)
    command.add_argument(
        "--regrade",
        metavar="QUESTION",
        help="grade everyone again, and say whose points of this question changed, and "
        "by how much; marks given by hand are kept (its grade id, or Q1, Q2, ...)",
    )

    command = _command(commands, "report", _report, "say what a class got wrong")
    command.add_argument("name", metavar="NAME", help="the assignment")
    _add_output(command)

    command = _command(
        commands, "replay", _replay, "grade a submission again, and compare the marks"
    )
    command.add_argument("student", metavar="STUDENT")
    command.add_argument(
        "--assignment", default="", metavar="NAME", help="default: all that were graded"
    )
    _add_output(command)
    _add_sandbox(command)
    return parser


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    run: Callable[[argparse.Namespace], int],
    text: str,
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=text, description=f"{text.capitalize()}.")
    command.set_defaults(run=run)
    return command


def _add_timeout(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--timeout",
        type=_seconds,
        default=60,
        metavar="SECONDS",
        help="limit for each cell (default: %(default)s)",
    )


def _seconds(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"expected a whole number, 1 or more: {text}")
    return int(text)


def _gigabytes(text: str) -> float:
    try:
        size = float(text)
    except ValueError:
        size = 0.0
    # torch alone holds some 0.7 GB, most of it shared between submissions.
    if not 1 <= size <= 1024:
        raise argparse.ArgumentTypeError(f"expected a number of GB from 1, got {text}")
    return size


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _add_output(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="where gradebook, feedback and reports are (default: the course's folder)",
    )


def _add_sandbox(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--sandbox",
        choices=("linux", "none"),
        default="linux",
        help="where submissions run: confined by Linux's namespaces, or, for code "
        "that you would run yourself, as you (default: %(default)s)",
    )


def _release(arguments: argparse.Namespace) -> int:
    from autograder import bundle, release

    course = Course.find()
    names = arguments.names or course.assignments
    if not names:
        print(f"{course.root / 'solutions'}: no assignment in it yet")
    stale = False
    for name in names:
        if arguments.check:
            for path in release.stale(course, name):
                stale = True
                print(f"{path}: not what `autograder release {name}` gives; run it")
            continue
        changed = release.release(course, name)
        print(f"{name}: {_count(len(changed), 'file')} written")
        if arguments.bundle:
            print(f"{name}: {bundle.write(course, name)}")
    return FAILED if stale else 0


def _check(arguments: argparse.Namespace) -> int:
    from autograder.check import check
    from autograder.execution import Outcome

    live = sys.stderr.isatty()

    def progress(cell: str) -> None:
        if live:
            print(f"\r\x1b[Krunning {cell} ...", end="", file=sys.stderr, flush=True)

    try:
        found = check(arguments.notebook, timeout=arguments.timeout, progress=progress)
    finally:
        if live:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
    words = {Outcome.PASSED: "pass", Outcome.FAILED: "hint", Outcome.PARTIAL: "part"}
    passed = earned = most = 0.0
    for number, (question, mark) in enumerate(found.marks, start=1):
        word = words.get(mark.outcome, mark.outcome.value)
        print(f"{number:2}. {word:14}{question.title}  ({question.points:g} points)")
        if mark.hint:
            print(f"    {mark.hint}")
        passed += mark.outcome is Outcome.PASSED
        earned += mark.points or 0.0
        most += question.points
    for name in found.missing:
        print(f"    its test cell is gone: {name}; take it from the notebook given out")
    for note in found.notes:
        print(f"Note: {note}.")
    total = len(found.marks) + len(found.missing)
    written = sum(mark.outcome is Outcome.WRITTEN for _, mark in found.marks)
    waiting = f", {written} to be read by a person" if written else ""
    print(f"\n{passed:g} of {total} questions pass{waiting}.")
    print(f"{earned:g} of {most:g} points.")
    print("Grading runs further checks, which are not in your notebook.")
    return 0 if found.passed else FAILED


def _grade(arguments: argparse.Namespace) -> int:
    from autograder import files
    from autograder.course import data_folder
    from autograder.sandbox.warm import Warm, WarmProcess

    course = Course.find(arguments.output)
    course.solution(arguments.name)  # there is one, or it says so
    confined = arguments.sandbox != "none"
    if not confined:
        print(UNCONFINED, flush=True)
    with ExitStack() as cleanup:
        cleanup.enter_context(_interruptible())
        machines = None
        if arguments.scheduler or arguments.tls:
            machines = cleanup.enter_context(_machines(arguments, confined))
        what = f"`autograder grade {arguments.name}`"
        cleanup.enter_context(files.locked(course.results(arguments.name), what))
        if machines is not None:  # each has a warm process of its own
            return _grade_with(arguments, course, Warm("", confined), machines)
        # All of these import for seconds, so they do it at the same time; the first
        # of them the longest.
        warm = WarmProcess(confined, data_folder())
        cleanup.callback(warm.close)
        from autograder import pool

        workers = cleanup.enter_context(pool.local(arguments.workers or _cores()))
        return _grade_with(arguments, course, warm, workers)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Take a system's wish that we end, and a closed terminal, for Ctrl-C."""
    ends = [signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]
    # What is ignored already, as by nohup, stays so.
    ends = [one for one in ends if signal.getsignal(one) == signal.SIG_DFL]
    for one in ends:
        signal.signal(one, signal.default_int_handler)
    try:
        yield
    finally:
        for one in ends:
            signal.signal(one, signal.SIG_DFL)


def _machines(arguments: argparse.Namespace, confined: bool) -> Cluster:
    """Connect to the machines that are to grade, and say how many there are."""
    if not arguments.scheduler:
        raise CourseError(f"--tls {arguments.tls}: it goes with --scheduler tls://...")
    if arguments.workers:
        raise CourseError(
            f"--workers {arguments.workers}: with --scheduler, as many are graded at a "
            "time as the workers have threads (`dask worker --nthreads`)"
        )
    try:
        from autograder import cluster
    except ModuleNotFoundError as error:
        raise CourseError(
            f"--scheduler needs {error.name}: pip install -c constraints.txt "
            "-e '.[cluster]' in the course's folder"
        ) from None
    found = cluster.connect(arguments.scheduler, arguments.tls, confined)
    print(
        f"{found.address}: {_count(found.workers, 'worker')}, "
        f"{_count(found.size, 'submission')} at a time",
        flush=True,
    )
    return found


def _grade_with(
    arguments: argparse.Namespace, course: Course, warm: Warm, workers: Pool
) -> int:
    from tqdm import tqdm

    from autograder import grading, regrade, release, report
    from autograder.pipeline.grade import Pipeline
    from autograder.sandbox.limits import GIB, Limits

    assignment = release.load(course, arguments.name)
    limits = Limits(memory=int(arguments.memory * GIB))
    pipeline = Pipeline(
        warm.shared(), arguments.timeout, arguments.total_timeout, limits
    )
    asked = again = None
    if arguments.regrade:
        asked = regrade.question(assignment, arguments.regrade)
    found, late = _taken_in(arguments, course, assignment)
    if asked:
        again = regrade.Round(course, assignment, asked)
        if again.done:
            print(f"  graded again already, before an interruption: {len(again.done)}")
    number = 0
    # A bar for a person who waits, and a line for each submission in a log.
    bar = tqdm(total=len(found), unit=" submissions", disable=None)

    def progress(record: grading.Record, new: bool) -> None:
        nonlocal number
        number += 1
        if again and new:
            again.add(record.student)
        bar.update()
        earned = sum(mark.points or 0.0 for mark in record.marks)
        text = f"{earned:g} points, {record.seconds:.1f} s" if new else "as before"
        if record.message:
            text += f", {record.status}: {record.message}"
        if bar.disable or record.message:
            bar.write(f"[{number}/{len(found)}] {record.student}: {text}")
            sys.stdout.flush()

    def handed_in() -> Iterator[submissions.Submission]:
        warm.wait()  # not before there is nothing else left to do
        for item in found:
            yield item.read()

    try:
        with bar:
            grading.grade(
                course,
                assignment,
                handed_in(),
                pipeline,
                progress,
                workers,
                late,
                again=again is not None,
                spared=again.done if again else (),
            )
    except KeyboardInterrupt:
        print(
            f"\n{number} of {len(found)} are graded and kept; the same command goes on."
        )
        if number:
            report.write(course, report.make(course, assignment))
            _show_changes(assignment, asked, again)
        return INTERRUPTED
    _show(course, assignment)
    _show_changes(assignment, asked, again)
    if again:
        again.finish()
    return 0


def _show_changes(
    assignment: Release, asked: Question | None, again: Round | None
) -> None:
    from autograder import regrade

    if asked is not None and again is not None:
        text = regrade.text(assignment, asked, again.changes(), len(again.done))
        print(f"\n{text}")


def _taken_in(
    arguments: argparse.Namespace, course: Course, assignment: Release
) -> tuple[tuple[submissions.HandIn, ...], Lateness]:
    """Find the class, say what was found, and enter who and when into the gradebook."""
    from autograder import gradebook, grading, lateness, submissions
    from autograder.intake import dates, roster

    name, due, zone = assignment.name, None, None
    if arguments.due:
        try:
            due, zone = dates.parse(arguments.due, None), dates.zone(arguments.due)
        except ValueError as error:
            raise CourseError(f"--due: {error}") from None
    people = roster.read(arguments.roster, zone) if arguments.roster else None
    found = submissions.collect(arguments.place, name, arguments.format, people)
    late = lateness.Lateness(course, lateness.extensions(people))
    due = due or gradebook.due(course, name)
    late.check(due)
    print(f"{arguments.place}: {found.kind}, {_count(len(found.hand_ins), 'hand-in')}")
    notes = [*(people.notes if people else ()), *found.notes]
    if due:
        notes.append(f"due {dates.written(due)}")
        if timeless := sum(item.submitted is None for item in found.hand_ins):
            notes.append(f"without a time of submission, never late: {timeless}")
    if found.missing:
        some = ", ".join(person.student for person in found.missing[:10])
        more = ", ..." if found.missing[10:] else ""
        notes.append(f"nothing handed in: {len(found.missing)} ({some}{more})")
    if people:
        known = {p.student for p in people.people}
        known |= {item.student for item in found.hand_ins}
        before = [record.student for record in grading.records(course, name)]
        if strange := [student for student in before if student not in known]:
            some = ", ".join(strange[:10]) + (", ..." if strange[10:] else "")
            notes.append(
                f"graded before, and not on the roster: {len(strange)} ({some})"
            )
    for note in notes:
        print(f"  {note}")
    sys.stdout.flush()
    gradebook.register(course, assignment, due)
    if people:
        gradebook.enroll(course, people.people)
        grading.expect(course, name, people.people)
    return found.hand_ins, late


def _report(arguments: argparse.Namespace) -> int:
    from autograder import release

    course = Course.find(arguments.output)
    _show(course, release.load(course, arguments.name))
    return 0


def _show(course: Course, assignment: Release) -> None:
    from autograder import report

    made = report.make(course, assignment)
    print(f"\n{report.text(made)}\n")
    paths, notes = report.write(course, made)
    for path in paths:
        print(path)
    print(course.output / "gradebook.db")
    print(course.output / "feedback")
    for note in notes:
        print(note)


def _replay(arguments: argparse.Namespace) -> int:
    from autograder import release, replay
    from autograder.course import data_folder
    from autograder.sandbox.warm import WarmProcess

    course = Course.find(arguments.output)
    if arguments.assignment:
        course.solution(arguments.assignment)  # there is one, or it says so
    found = replay.find(course, arguments.student, arguments.assignment)
    confined = arguments.sandbox != "none"
    if not confined:
        print(UNCONFINED, flush=True)
    same = True
    with WarmProcess(confined, data_folder()) as warm:
        for record in found:
            assignment = release.load(course, record.assignment)
            again = replay.replay(course, assignment, record, warm)
            print(replay.text(again), flush=True)
            same &= again.same
    return 0 if same else FAILED


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


if __name__ == "__main__":
    sys.exit(main())
