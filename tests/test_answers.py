"""Every answer that we thought of gets the marks that it deserves."""

from __future__ import annotations

import contextlib
import functools
import importlib
import io
import os
import pkgutil
import secrets
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import answers
import pytest
import torch
from answers import Answer, swap

from autograder import notebooks
from autograder.course import Course, data_folder
from autograder.execution import Release
from autograder.pipeline.candidate import Candidate, End
from autograder.pipeline.examiner import Check, Examiner, Verdict
from autograder.pipeline.hints import LONGEST
from autograder.release import load
from autograder.sandbox.warm import WarmProcess
from autograder.secret import Secret

ROOT = Path(__file__).resolve().parents[1]
LIMIT = 120  # seconds for a cell, on a busy machine
#: What the large run draws hidden inputs from; given, a run is repeated.
SECRET = os.environ.get("CLASS_SECRET") or secrets.token_hex(32)
NAMES = [module.name for module in pkgutil.iter_modules(answers.__path__)]
ANSWERS = [
    pytest.param(name, answer, id=f"{name}: {answer}")
    for name in NAMES
    for answer in importlib.import_module(f"answers.{name}").ANSWERS
]


@dataclass(frozen=True)
class Paper:
    """An assignment, taken apart: what is given, what is asked, how it is marked."""

    release: Release
    given: dict[str, Any]  # the names that the provided cells define
    questions: dict[str, notebooks.Question]  # by the grade id of the student's cell
    checks: dict[str, str]  # with hidden tests, by the same id
    released: dict[str, str]  # the student's cells as handed out
    reference: dict[str, str]  # the same, answered


@functools.cache
def paper(name: str) -> Paper:
    """Read an assignment as grading reads it, and run its provided cells once."""
    course = Course(ROOT, ROOT)
    release = load(course, name)
    source = {cell["id"]: cell.source for cell in release.graded.cells}
    visible = {cell["id"]: cell.source for cell in release.released.cells}
    solved = {c["id"]: c.source for c in notebooks.read(course.solution(name)).cells}
    given: dict[str, Any] = {}
    for cell in release.released.cells:
        role = notebooks.is_answer(cell) or notebooks.is_graded(cell)
        if cell.cell_type == "code" and not role:
            execute(cell.source, given)
    asked = [question for question in release.questions if not question.written]
    assert all(len(question.answers) == 1 for question in asked)
    cells = {question.answers[0]: question for question in asked}
    return Paper(
        release=release,
        given=given,
        questions=cells,
        checks={cell: source[question.id] for cell, question in cells.items()},
        released={cell: visible[cell] for cell in cells},
        reference={cell: solved[cell] for cell in cells},
    )


def execute(source: str, namespace: dict[str, Any]) -> None:
    """Run a cell without letting it print."""
    with contextlib.redirect_stdout(io.StringIO()):
        exec(compile(source, "<cell>", "exec"), namespace)


def failure(given: dict[str, Any], answer: str, check: str) -> Exception | None:
    """Run one answer and its check alone; return what stopped them, if anything."""
    namespace = dict(given)
    torch.manual_seed(0)
    try:
        execute(answer, namespace)
        execute(check, namespace)
    except Exception as error:
        return error
    return None


class Desk:
    """Grades answers one by one, as a submission's are, each question from one fork."""

    def __init__(self, warm: WarmProcess) -> None:
        self.warm = warm
        self.at: tuple[str, str] | None = None  # the assignment and question
        self.candidate: Candidate | None = None
        self.examiner: Examiner | None = None
        self.found: dict[tuple[Answer, str], tuple[Verdict, Verdict | None]] = {}

    def grade(
        self, name: str, answer: Answer, secret: Secret | None = None
    ) -> tuple[Verdict, Verdict | None]:
        """Return what came of the visible part of the check, and of the hidden one."""
        place = answer, secret.fingerprint if secret else ""
        if place not in self.found:
            exam = paper(name)
            if self.at != (name, answer.question):
                self.close()
                self.open(exam.release)
                self.at = (name, answer.question)
            run = self.candidate.run(answer.source, LIMIT)
            assert run.end is End.DONE, answer
            question = exam.questions[answer.question].id
            names = exam.release.names[question]
            key = secret.keys(name, [question])[question] if secret else ""
            check = Check(question, exam.checks[answer.question], names, 0, key)
            visible = self.examiner.visible(check, LIMIT)
            hidden = self.examiner.hidden(check, LIMIT) if visible.finished else None
            self.found[place] = (visible, hidden)
        return self.found[place]

    def open(self, release: Release) -> None:
        """Start both processes, with what the assignment gives."""
        sources = {cell["id"]: cell.source for cell in release.graded.cells}
        given = [(name, sources[name]) for name in release.given]
        self.candidate = Candidate(self.warm)
        for _, source in given:
            self.candidate.run(source, LIMIT)
        self.examiner = Examiner(*self.warm.examiner(), self.candidate.ask)
        self.examiner.given(given, LIMIT)

    def close(self) -> None:
        """End both processes."""
        for process in (self.candidate, self.examiner):
            if process is not None:
                process.close()


@pytest.fixture(scope="module")
def desk():
    with WarmProcess(data=data_folder()) as warm:
        made = Desk(warm)
        yield made
        made.close()


@pytest.mark.parametrize(("name", "answer"), ANSWERS)
def test_answer_gets_the_marks_that_it_deserves(desk, name, answer: Answer):
    points = paper(name).questions[answer.question].points
    visible, hidden = desk.grade(name, answer)
    problem = visible.problem or hidden.problem
    assert (0 if problem else points) == answer.marks, problem
    if problem:
        assert problem.kind == "AssertionError", problem
        assert problem.hint.strip()
        assert answer.says in problem.hint
        assert len(problem.hint) <= LONGEST


@pytest.mark.parametrize(("name", "answer"), ANSWERS)
def test_check_finds_the_same_in_the_students_own_notebook(desk, name, answer: Answer):
    exam = paper(name)
    stopped = failure(exam.given, answer.source, exam.checks[answer.question])
    visible, hidden = desk.grade(name, answer)
    problem = visible.problem or hidden.problem
    assert bool(stopped) == bool(problem)
    if stopped:
        assert isinstance(stopped, AssertionError), repr(stopped)
        assert answer.says in str(stopped)


@pytest.mark.large
@pytest.mark.parametrize("name", NAMES)
def test_marks_are_the_same_under_any_class_secret(desk, name):
    """CLASS_SECRET, 64 hexadecimal digits, repeats a run; else it is drawn."""
    exam, secret = paper(name), Secret(bytes.fromhex(SECRET))
    found = [*importlib.import_module(f"answers.{name}").ANSWERS]
    for cell, question in exam.questions.items():
        reference, blank = exam.reference[cell], exam.released[cell]
        found.append(Answer(cell, question.points, "the reference", reference))
        found.append(Answer(cell, 0, "as handed out", blank))
    others = []
    for answer in sorted(found, key=lambda a: [*exam.questions].index(a.question)):
        visible, hidden = desk.grade(name, answer, secret)
        problem = visible.problem or hidden.problem
        points = 0 if problem else exam.questions[answer.question].points
        if points != answer.marks:
            others.append(f"{answer}: {points}, not {answer.marks} ({problem})")
    assert others == [], f"CLASS_SECRET={SECRET} repeats it"


@pytest.mark.parametrize("name", NAMES)
def test_every_question_has_enough_right_and_wrong_answers(name):
    exam = paper(name)
    found = importlib.import_module(f"answers.{name}").ANSWERS
    right = Counter(a.question for a in found if a.marks)
    wrong = Counter(a.question for a in found if not a.marks)
    assert set(exam.questions) == set(right) == set(wrong)
    assert min(right.values()) >= 3
    assert min(wrong.values()) >= 6


@pytest.mark.parametrize("name", NAMES)
def test_hidden_tests_catch_answers_that_the_visible_ones_pass(desk, name):
    found = importlib.import_module(f"answers.{name}").ANSWERS
    wrong = [answer for answer in found if not answer.marks]
    caught = {a.question for a in wrong if desk.grade(name, a)[0].finished}
    assert caught == set(paper(name).questions)


@pytest.mark.parametrize("name", NAMES)
def test_reference_earns_every_point_with_each_question_alone(name):
    exam = paper(name)
    for cell, source in exam.reference.items():
        assert failure(exam.given, source, exam.checks[cell]) is None, cell


@pytest.mark.parametrize("name", NAMES)
def test_released_exercise_fails_every_check(name):
    exam = paper(name)
    exercise = notebooks.read(ROOT / "exercises" / name / f"{name}.ipynb")
    handed_out = {cell["id"]: cell.source for cell in exercise.cells}
    for cell, question in exam.questions.items():
        for check in (exam.checks[cell], handed_out[question.id]):
            stopped = failure(exam.given, handed_out[cell], check)
            assert isinstance(stopped, NotImplementedError), cell


def test_points_of_the_autoencoder_assignment_add_up():
    questions = load(Course(ROOT, ROOT), "autoencoder").questions
    assert sum(q.points for q in questions if not q.written) == 40
    assert sum(q.points for q in questions if q.written) == 6


def test_numbers_quoted_in_the_autoencoder_assignment_are_true():
    exam = paper("autoencoder")
    text = notebooks.read(ROOT / "exercises/autoencoder/autoencoder.ipynb")
    task = {cell["id"]: cell.source for cell in text.cells}
    pulses = exam.given["pulses"]
    x, x_new = pulses(512, 0), pulses(512, 1)
    mean = x.mean(dim=0)
    v = torch.linalg.svd(x - mean, full_matrices=False)[2][:2]
    pca = (mean + (x_new - mean) @ v.T @ v - x_new).square().mean().item()
    constant = (mean - x_new).square().mean().item()
    assert f"{pca:.4f}" in task["train-task"]
    assert f"{constant:.4f}" in task["train-task"]
    assert f"{pca / 2:.4f}" in task["train-task"]
    assert f"{4 * pca:.3f}" in task["repair-task"]


def test_swap_refuses_to_leave_an_answer_right():
    with pytest.raises(ValueError, match="is not in the answer"):
        swap("a + b", ("c", "d"))
