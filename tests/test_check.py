"""What a student runs alone: each question, pass or hint, and no harm to the file."""

import copy
import json
import subprocess
import sys

import pytest
import tiny_assignment as tiny
from nbgrader.validator import Validator

from autograder import cli, demo, notebooks, release
from autograder.check import check as run
from autograder.execution import Outcome


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    course = tiny.course(tmp_path_factory.mktemp("course"))
    return release.load(course, tiny.NAME).released


@pytest.fixture
def check(released, tmp_path, capsys, monkeypatch):
    """Check the released notebook, filled and changed, away from any course."""
    monkeypatch.chdir(tmp_path)

    def run(answers, change=lambda notebook: None, timeout=20):
        notebook = demo.fill(released, answers)
        change(notebook)
        path = tmp_path / "mine.ipynb"
        path.write_text(notebooks.write(notebook), "utf-8")
        before = path.read_bytes(), path.stat().st_mtime_ns
        code = cli.main(["check", str(path), "--timeout", str(timeout)])
        assert (path.read_bytes(), path.stat().st_mtime_ns) == before
        assert [p.name for p in tmp_path.iterdir()] == ["mine.ipynb"]
        return code, capsys.readouterr().out

    return run


def test_right_answers_pass(check):
    code, output = check(tiny.RIGHT)
    assert code == 0
    assert "1. pass          Add  (2 points)" in output
    assert "2. pass          Area  (3 points)" in output
    assert "3. to be read    Explain  (5 points)" in output
    assert "2 of 3 questions pass, 1 to be read by a person.\n5 of 10" in output


def test_blank_notebook_is_not_attempted(check):
    code, output = check({})
    assert code == cli.FAILED
    assert output.count("not attempted") == 3
    assert "NotImplementedError" not in output


def test_wrong_answers_get_hints(check):
    code, output = check(
        {
            "add": "def add(a, b):\n    return a * b",
            "area": "def area(r) return r",
            "explain": " ",
        }
    )
    assert code == cli.FAILED
    assert "add(1, 2) must be 3\n" in output
    assert "your cell stopped with SyntaxError" in output
    assert "3. not attempted Explain" in output
    assert "Traceback" not in output


def test_cell_that_never_ends_is_stopped_and_the_rest_goes_on(check):
    code, output = check({**tiny.RIGHT, "add": "while True:\n    pass"}, timeout=2)
    assert code == cli.FAILED
    assert "your cell was stopped after 2 s" in output
    assert "2. pass          Area" in output


def test_cell_that_swallows_the_interrupt_passes_nothing(check):
    answer = (
        "def add(a, b):\n    import time\n    try:\n        time.sleep(60)\n"
        "    except KeyboardInterrupt:\n        pass\n    return a + b"
    )
    code, output = check({**tiny.RIGHT, "add": answer}, timeout=2)
    assert code == cli.FAILED
    assert "1. hint" in output
    assert "stopped after 2 s" in output


def test_dying_kernel_is_said_and_nothing_passes_for_silence(check):
    code, output = check({**tiny.RIGHT, "area": "import os\nos._exit(1)"})
    assert code == cli.FAILED
    assert "1. pass" in output
    assert "2. not run" in output
    assert "the kernel died in cell area" in output


def test_added_cell_is_not_run_and_said_so(check):
    def add_cell(notebook):
        extra = tiny.cell("code", "def helper(a, b):\n    return a + b")
        notebook.cells.insert(2, extra)

    answers = {**tiny.RIGHT, "add": "def add(a, b):\n    return helper(a, b)"}
    code, output = check(answers, add_cell)
    assert code == cli.FAILED
    assert "name 'helper' is not defined" in output
    assert "1 added cell was not run, as in grading" in output


def test_lost_test_cell_does_not_count_as_passed(check):
    def lose(notebook):
        notebook.cells = [c for c in notebook.cells if c["id"] != "area-test"]

    code, output = check(tiny.RIGHT, lose)
    assert code == cli.FAILED
    assert "its test cell is gone: area-test" in output


def test_skip_tag_does_not_spare_a_test(check):
    def tag(notebook):
        for cell in notebook.cells:
            cell.metadata["tags"] = ["skip-execution"]

    code, output = check({**tiny.RIGHT, "add": "def add(a, b):\n    return 0"}, tag)
    assert code == cli.FAILED
    assert "1. hint" in output


def test_copied_answer_cell_is_named(check):
    def copy_cell(notebook):
        position = [cell["id"] for cell in notebook.cells].index("add")
        notebook.cells.insert(position, copy.deepcopy(notebook.cells[position]))

    code, output = check(tiny.RIGHT, copy_cell)
    assert code == 0
    assert "there are two cells add: keep one" in output


def test_answer_that_borrows_from_a_test_cell_is_named(check):
    def bind(notebook):
        cell = next(c for c in notebook.cells if c["id"] == "add-test")
        cell.source = "zero = nothing = pi = 0\n" + cell.source

    borrowing = "def area(r):\n    pi = math.pi\n    return pi * r**2 + zero + nothing"
    code, output = check({**tiny.RIGHT, "area": borrowing}, bind)
    assert code == 0
    assert (
        "Note: your cell area uses `nothing`, `zero`, which only a test cell defines: "
        "in grading it is not there; define it in your cell." in output
    )
    assert output.count("Note") == 1


@pytest.mark.parametrize(
    ("answer", "other"),
    [
        ("area = lambda r, zero=0: math.pi * r**2 + zero", ""),
        ("zero = 0\narea = lambda r: math.pi * r**2 + zero", ""),
        ("area = lambda r: math.pi * r**2 + zero", "zero = 0\n"),  # another answer
        ("area = lambda r: math.pi * r**2 + zero", "from math import *\n"),
        ("area = lambda r: math.pi * r**2 + zero", "%time 1\n"),
        ("area = lambda r: sum([math.pi * r**2])", ""),
        ("area = lambda r: math.pi * square(r)", ""),  # bound nowhere: an error here
        ("area = lambda r: " + "+".join(["zero"] * 600), ""),
    ],
)
def test_nothing_is_said_of_what_may_be_the_students_own(check, answer, other):
    def bind(notebook):
        cell = next(c for c in notebook.cells if c["id"] == "add-test")
        cell.source = "zero = 0\nsum = sum\n" + cell.source

    answers = {**tiny.RIGHT, "area": answer, "add": other + tiny.RIGHT["add"]}
    _, output = check(answers, bind)
    assert "Note" not in output


def test_answer_that_calls_check_does_not_call_it_for_ever(check):
    calling = tiny.RIGHT["add"] + "\nout = !autograder check mine.ipynb\nprint(out)"
    calling += '\nassert "asks for a check of its own" in out[0]'
    code, _ = check({**tiny.RIGHT, "add": calling})
    assert code == 0


def test_where_nbgraders_validate_differs(released, tmp_path):
    """how-to-use.md tells students of these three."""
    notebook = demo.fill(released, tiny.RIGHT)
    extra = tiny.cell("code", "def helper(a, b):\n    return a + b")
    notebook.cells.insert(1, extra)
    answers = {c["id"]: c for c in notebook.cells}
    answers["add"].source = "def add(a, b):\n    return helper(a, b)"
    path = tmp_path / "mine.ipynb"
    path.write_text(notebooks.write(notebook), "utf-8")
    # A warning fails a test cell, here area's; a helper of an added cell is there.
    failed = [cell["source"] for cell in Validator().validate(str(path))["failed"]]
    assert failed == [answers["area-test"].source]
    found = {question.id: mark for question, mark in run(path, timeout=20).marks}
    assert found["add-test"].outcome is Outcome.FAILED
    assert found["area-test"].outcome is Outcome.PASSED
    # A test cell that was deleted is not missed.
    notebook.cells = [c for c in notebook.cells if c["id"] != "area-test"]
    path.write_text(notebooks.write(notebook), "utf-8")
    assert Validator().validate(str(path)) == {}
    assert run(path, timeout=20).missing == ("area-test",)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "no such file"),
        (b"", "the file is empty"),
        (b"PK\x03\x04\xff\xfe", "no valid JSON at line 1"),
        (b'{"cells": [', "no valid JSON at line 1"),
        (b"[]", "it has no list of cells"),
        (b'{"cells": []}', "not an assignment"),
        (b'{"cells": [{"cell_type": "code", "source": "1"}]}', "not an assignment"),
    ],
)
def test_what_is_no_assignment_is_said_clearly(tmp_path, capsys, content, expected):
    path = tmp_path / "mine.ipynb"
    if content is not None:
        path.write_bytes(content)
    assert cli.main(["check", str(path)]) == cli.BROKEN
    error = capsys.readouterr().err
    assert str(path) in error
    assert expected in error


def test_folder_is_no_notebook(tmp_path, capsys):
    assert cli.main(["check", str(tmp_path)]) == cli.BROKEN
    assert "expected a notebook" in capsys.readouterr().err


def test_check_works_with_what_colab_has(released, tmp_path):
    path = tmp_path / "mine.ipynb"
    path.write_text(json.dumps(demo.fill(released, tiny.RIGHT)), "utf-8")
    program = (
        "import sys\n"
        "for name in ('nbgrader', 'nh3', 'cloudpickle', 'tqdm', 'jupyterlab'):\n"
        "    sys.modules[name] = None\n"
        "from autograder.cli import main\n"
        f"sys.exit(main(['check', {str(path)!r}]))"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "2 of 3 questions pass" in done.stdout
