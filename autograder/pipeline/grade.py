"""The pipeline: from one submission to its marks.

::

    submission ─ read ─ rebuild ─┐
                                 ├─ candidate (sandboxed, untrusted)
    release ─────────────────────┘      ▲ requests, by value
                                        ▼ plain data and tensors only
                                examiner (trusted) ─ marks

Every cell of the student runs before the first check, and every visible check before
the first hidden one. So until then no hidden input has reached the student's process,
and what it says may be quoted; afterwards it may not.
"""

from __future__ import annotations

import hashlib
import platform
import time
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from functools import cache, cached_property
from importlib import metadata
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from autograder import notebooks, outputs, pool
from autograder.errors import NotebookError
from autograder.execution import (
    Audit,
    Mark,
    Release,
    Result,
    Status,
    Submission,
    failure,
)
from autograder.notebooks import Question
from autograder.pipeline import hints, marking
from autograder.pipeline.candidate import Candidate, CandidateGone, CellRun, End
from autograder.pipeline.examiner import Check, Examiner, NoAnswer, Problem, Verdict
from autograder.pipeline.rebuild import read
from autograder.sandbox.limits import Limits
from autograder.sandbox.warm import Warm

PACKAGES = (
    *("torch", "torchvision", "numpy", "scipy", "scikit-learn", "matplotlib"),
    *("torchmetrics", "ipython", "ipykernel", "cloudpickle", "safetensors"),
)
FILES = ("notebooks", "names", "outputs", "testing")  # beside pipeline/ and sandbox/
SETUP = 120  # seconds for the cells of the assignment that the examiner runs
AGAIN = Problem(
    "an error",
    "the process had to be started again, and then the check did not pass any more",
    "",
    candidate=False,
)


@dataclass(frozen=True)
class Pipeline:
    """Grades submissions; an :class:`autograder.execution.Executor`.

    Parameters
    ----------
    warm
        The process that candidates and examiners are forked from.
    timeout
        Seconds for each cell, the student's and the check's.
    total
        Seconds for a whole submission.
    limits
        What a candidate may use otherwise.
    seeds
        Seeds of an earlier grading, by cell and check, in place of those that are drawn
        from the release.
    keys
        The hidden key of each question, where the class has a secret.
    secret
        The fingerprint of that secret.
    """

    warm: Warm
    timeout: float = 60
    total: float = 600
    limits: Limits = field(default_factory=Limits)
    seeds: Mapping[str, int] = field(default_factory=dict)
    keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    secret: str = ""

    @cached_property
    def code(self) -> str:
        """A digest of the code that marks."""
        package = Path(__file__).parents[1]
        parts = [*package.glob("pipeline/*.py"), *package.glob("sandbox/*.py")]
        parts += [package / f"{name}.py" for name in FILES]
        code = b"".join(path.read_bytes() for path in sorted(parts))
        return hashlib.sha256(code).hexdigest()[:16]

    @cached_property
    def version(self) -> str:
        """A digest of the code that marks, the limits, the sandbox and the secret."""
        how = f"{self.timeout:g} s, {self.total:g} s, {self.limits}"
        where = f"{'' if self.warm.confined else 'not '}confined"
        what = f", class secret {self.secret}" if self.secret else ""
        return f"{self.code}, {how}, {where}{what}"

    def grade(self, submission: Submission, release: Release) -> Result:
        """Rebuild the notebook, run it, and mark it.

        Raises
        ------
        AssignmentError
            If the fault is the assignment's own.
        SandboxError
            If no process could be had for it.
        """
        start = time.monotonic()
        audit = Audit(
            grader=self.code,
            versions=versions(),
            limits={"cell": self.timeout, "whole": self.total, **asdict(self.limits)},
            confined=self.warm.confined,
            secret=self.secret,
            hidden=dict(self.keys),
        )
        try:
            if submission.content is None:
                raise NotebookError(submission.problem)
            notebook, repairs = read(release, submission.content)
        except NotebookError as error:
            failed = failure(str(error), release, submission.notes)
            return replace(failed, audit=audit)
        with _Sitting(self, release, notebook, start + self.total) as sitting:
            sitting.run_cells()
            sitting.run_checks()
        outputs.clean(notebook)  # before anything in them is quoted
        marks = tuple(sitting.mark(question) for question in release.questions)
        outputs.clean(notebook)
        return Result(
            status=Status.STOPPED if sitting.over else Status.GRADED,
            message="; ".join(sitting.said()),
            marks=marks,
            repairs=submission.notes + repairs,
            notebook=notebook,
            seconds=time.monotonic() - start,
            audit=replace(
                audit,
                seeds=dict(sitting.seeds),
                seconds={name: round(s, 3) for name, s in sitting.spent.items()},
                ends={name: end.value for name, end in sitting.ends.items()},
            ),
        )


@cache
def versions() -> dict[str, str]:
    """Return the versions of Python and of what answers and checks use."""
    found = {"python": platform.python_version(), "platform": platform.platform()}
    for name in PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


class _Over(Exception):
    """The time for the whole submission is used up."""


@dataclass
class _Sitting:
    """One submission while it is graded: its two processes, and what they found."""

    pipeline: Pipeline
    release: Release
    notebook: NotebookNode
    deadline: float
    over: bool = False  # the time for the whole is used up
    ends: dict[str, End] = field(default_factory=dict)  # how a limit ended a cell
    visible: dict[str, Verdict] = field(default_factory=dict)  # of that part of a check
    final: dict[str, Verdict] = field(default_factory=dict)  # of the rest of it
    candidate: Candidate | None = None
    life: int = 0  # counts the candidates
    gone: End | None = None  # how the candidate ended while a check spoke with it
    examiner: Examiner | None = None
    rooms: int = 0  # counts the examiners
    met: dict[str, tuple[int, int]] = field(default_factory=dict)  # check -> life, room
    seeds: dict[str, int] = field(default_factory=dict)  # of cells and checks
    spent: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    def __enter__(self) -> _Sitting:
        return self

    def __exit__(self, *_: object) -> None:
        self._bury()
        if self.examiner is not None:
            self.examiner.close()

    # The student's cells

    def run_cells(self) -> None:
        """Run all cells but the checks, in order, and keep their outputs."""
        with suppress(_Over):
            for cell in self._cells():
                run = self._run(cell)
                cell.outputs = _outputs(run)
                cell.execution_count = 1

    def _cells(self) -> list[NotebookNode]:
        return [
            cell
            for cell in self.notebook.cells
            if cell.cell_type == "code"
            and not notebooks.is_test(cell)
            and cell.source.strip()
        ]

    def _run(self, cell: NotebookNode) -> CellRun:
        candidate = self._living(before=cell["id"])
        seconds = self._seconds()
        try:
            if notebooks.is_answer(cell):
                seed = {"op": "seed", "seed": self._seed(cell["id"])}
                candidate.ask(seed, [], seconds)
            start = time.monotonic()
            try:
                run = candidate.run(cell.source, seconds)
            finally:
                self.spent[cell["id"]] += time.monotonic() - start
        except CandidateGone as error:
            run = CellRun(error.end, [], 0.0)
        if run.end is not End.DONE:
            self.ends.setdefault(cell["id"], run.end)
        if run.end not in (End.DONE, End.TIME):
            self._bury()
        return run

    def _living(self, before: str = "") -> Candidate:
        """Return the candidate; in place of one that died, one that has come as far.

        It runs the earlier cells again, without those that a limit ended.
        """
        while self.candidate is None:
            self._seconds()
            warm, limits = self.pipeline.warm, self.pipeline.limits
            self.candidate = Candidate.start(warm, limits, pool.core)
            self.life += 1
            for cell in self._cells() if self.life > 1 else []:
                if cell["id"] == before or self.candidate is None:
                    break
                if cell["id"] not in self.ends:
                    self._run(cell)
        return self.candidate

    def _bury(self) -> None:
        if self.candidate is not None:
            self.candidate.close()
            self.candidate = None

    def _seconds(self) -> float:
        """Return how long the next cell or check may take."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            self.over = True
            raise _Over
        return min(self.pipeline.timeout, left)

    def _seed(self, name: str) -> int:
        text = f"{self.release.digest} {name}".encode()
        drawn = int.from_bytes(hashlib.sha256(text).digest()[:4], "big")
        return self.seeds.setdefault(name, self.pipeline.seeds.get(name, drawn))

    # The checks

    def run_checks(self) -> None:
        """Run the visible part of every check, then what is hidden of each."""
        sources = {cell["id"]: cell.source for cell in self.notebook.cells}
        checks = [
            Check(
                question.id,
                sources[question.id],
                self.release.names[question.id],
                self._seed(question.id),
                self.pipeline.keys.get(question.id, ""),
            )
            for question in self.release.questions
            if not (question.written or self._ended(question))
        ]
        with suppress(_Over):
            for check in checks:
                self._part(check, hidden=False)
            for check in checks:
                if self.visible[check.id].finished:
                    self._part(check, hidden=True)

    def _part(self, check: Check, hidden: bool) -> None:
        self._living()
        with suppress(CandidateGone):
            self._living().serve()  # from now on it runs no cell
        examiner = self._examiner()
        now = (self.life, self.rooms)
        if hidden and self.met[check.id] != now:
            # What the check got from a process that has ended is of no use any more.
            self._part(check, hidden=False)
            again = self.visible[check.id]
            if not again.finished:
                # That process may have seen hidden inputs: what it says is not quoted.
                self.visible[check.id] = replace(again, problem=AGAIN)
                return
        self.met[check.id], self.gone = now, None
        part = examiner.hidden if hidden else examiner.visible
        start = time.monotonic()
        verdict = part(check, self._seconds())
        self.spent[check.id] += time.monotonic() - start
        (self.final if hidden else self.visible)[check.id] = verdict
        if verdict.timed_out or self.gone is not None:
            self.ends[check.id] = self.gone or End.TIME

    def _examiner(self) -> Examiner:
        """Return the examiner; in place of one that died, another."""
        if self.examiner is None or not self.examiner.alive:
            if self.examiner is not None:
                self.examiner.close()
            process, connection = self.pipeline.warm.examiner(self.pipeline.limits)
            self.examiner = Examiner(process, connection, self._relay)
            self.rooms += 1
            sources = {cell["id"]: cell.source for cell in self.release.graded.cells}
            given = [(name, sources[name]) for name in self.release.given]
            self.examiner.given(given, SETUP)
        return self.examiner

    def _relay(
        self, header: dict[str, Any], buffers: list[bytes], seconds: float
    ) -> tuple[dict[str, Any], list[bytes]]:
        if self.candidate is None:
            raise NoAnswer("the student's process has ended")
        try:
            return self.candidate.ask(header, buffers, seconds)
        except CandidateGone as error:
            self.gone = error.end
            self._bury()
            raise NoAnswer("the student's process has ended") from None

    # What came of it

    def _ended(self, question: Question) -> str:
        """Return how a limit ended the answer; that costs the question."""
        for name in question.answers:
            if name in self.ends:
                return f"your cell {self._why(name)}"
        if question.id in self.ends:
            return f"your answer, called by the check, {self._why(question.id)}"
        return ""

    def _why(self, name: str) -> str:
        return hints.ended(self.ends[name], self.pipeline.timeout)

    def said(self) -> list[str]:
        """Return what there is to say to the instructor, one sentence each."""
        found = [f"{name} {self._why(name)}" for name in self.ends]
        return [*found, self._late()] if self.over else found

    def _late(self) -> str:
        return f"the time for the whole, {self.pipeline.total:g} s, was used up"

    def mark(self, question: Question) -> Mark:
        """Return the mark of a question, and leave its hint in the notebook."""
        cells = {cell["id"]: cell for cell in self.notebook.cells}
        answers = [cells[name] for name in question.answers]
        visible, verdict = (v.get(question.id) for v in (self.visible, self.final))
        if visible is not None and not visible.finished:
            verdict = visible
        ended, problem = self._ended(question), verdict and verdict.problem
        late = "" if ended or verdict else self._late()
        hint = ended or late or hints.of_answers(answers, self.pipeline.timeout)
        mark = marking.mark(
            question,
            answers,
            finished=verdict is not None and verdict.finished and not ended,
            value=verdict.value if verdict else None,
            hint=hints.short(hint or (problem.hint if problem else "")),
            ran=not late,
        )
        if not question.written:
            cells[question.id].execution_count = 1
            cells[question.id].outputs = _shown(mark, verdict)
        return mark


def _outputs(run: CellRun) -> list[NotebookNode]:
    try:
        return [nbformat.from_dict(output) for output in run.outputs]
    except RecursionError:  # nested more deeply than anyone would
        return []


def _shown(mark: Mark, verdict: Verdict | None) -> list[NotebookNode]:
    """Return the outputs of a test cell: the hint, and the rest for the instructor."""
    new = nbformat.v4.new_output
    shown = []
    if verdict is not None and verdict.stdout:
        shown.append(new("stream", name="stdout", text=verdict.stdout))
    problem = verdict.problem if verdict else None
    if mark.hint or problem:
        trace = [problem.traceback] if problem else [mark.hint]
        shown.append(new("error", ename="Hint", evalue=mark.hint, traceback=trace))
    return shown
