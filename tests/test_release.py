"""What students are given is made from the solutions, always the same, and no more."""

import re
import subprocess
import zipfile
from pathlib import Path

import nbformat
import pytest
import tiny_assignment as tiny

from autograder import bundle, cli, demo, notebooks, release
from autograder.course import Course
from autograder.errors import AssignmentError

COURSE = Course.find()
every_assignment = pytest.mark.parametrize("name", COURSE.assignments)


@pytest.fixture
def course(tmp_path):
    return tiny.course(tmp_path)


def _secrets(course: Course, name: str) -> list[str]:
    """Return the lines of an assignment that must not leave it."""
    given = {
        line.strip()
        for cell in release.load(course, name).released.cells
        for line in cell.source.splitlines()
    }
    source = release.source(course, name)
    lines = {line.strip() for cell in source.cells for line in cell.source.splitlines()}
    # What stands in both is no secret; neither is a bracket or `).sum()`.
    return sorted(line for line in lines - given if len(line) > 15)


def _all_bytes(path: Path) -> bytes:
    with zipfile.ZipFile(path) as archive:
        return b"\n".join(archive.read(name) for name in archive.namelist())


@every_assignment
def test_committed_exercise_is_what_release_gives(name):
    assert release.stale(COURSE, name) == []


@every_assignment
def test_bundle_holds_no_solution_and_no_hidden_test(name, monkeypatch, tmp_path):
    monkeypatch.setattr(Course, "bundle", lambda self, name: tmp_path / f"{name}.zip")
    text = _all_bytes(bundle.write(COURSE, name)).decode()
    text = text.replace("\\\\", "\\").replace('\\"', '"')
    secrets = _secrets(COURSE, name)
    assert secrets
    assert [line for line in secrets if line in text] == []


def test_release_leaves_out_solutions_and_hidden_tests(course):
    released = release.files(course, tiny.NAME)["sample.ipynb"].decode()
    assert tiny.SECRET not in released
    assert tiny.ANSWER not in released
    assert "raise NotImplementedError()" in released
    assert "YOUR ANSWER HERE" in released
    assert "add(1, 2) must be 3" in released


def test_release_is_the_same_whatever_an_editor_left_in_the_source(course, tmp_path):
    noisy = tiny.solution()
    noisy.metadata["language_info"]["version"] = "3.13.1"
    noisy.metadata["kernelspec"]["display_name"] = "Another (ipykernel)"
    for number, cell in enumerate(noisy.cells):
        cell.metadata["tags"] = ["nbval-ignore-output"]
        cell.metadata["execution"] = {"iopub.status.busy": f"2024-01-0{number % 9}"}
        if cell.cell_type == "code":
            cell.execution_count = number
            cell.outputs = [nbformat.v4.new_output("stream", text="printed")]
            if notebooks.role(cell):
                cell["id"] = f"random{number}"
    other = tiny.course(tmp_path / "other", noisy)
    assert release.files(other, tiny.NAME) == release.files(course, tiny.NAME)


def test_every_code_cell_is_named_and_all_but_answers_are_locked(course):
    released = release.load(course, tiny.NAME).released
    for cell in released.cells:
        if cell.cell_type == "code":
            assert cell["id"] == notebooks.grade_id(cell)
        assert cell.metadata.get("editable", True) is notebooks.is_answer(cell)


def test_release_copies_files_beside_the_notebook(course):
    beside = course.solution(tiny.NAME).parent
    (beside / "figure.svg").write_text("<svg/>")
    (beside / ".ipynb_checkpoints").mkdir()
    (beside / ".ipynb_checkpoints" / "answers.txt").write_text(tiny.ANSWER)
    assert sorted(release.files(course, tiny.NAME)) == ["figure.svg", "sample.ipynb"]


def test_stale_exercise_is_found_and_mended(course, monkeypatch, capsys):
    monkeypatch.chdir(course.root)
    assert cli.main(["release", "--check"]) == cli.FAILED
    assert cli.main(["release"]) == 0
    assert cli.main(["release", "--check"]) == 0
    path = course.exercise(tiny.NAME) / "sample.ipynb"
    path.write_text(path.read_text() + "\n")
    capsys.readouterr()
    assert cli.main(["release", "--check"]) == cli.FAILED
    assert str(path) in capsys.readouterr().out


def test_bundle_is_the_same_each_time_and_has_what_a_student_needs(course):
    first = bundle.write(course, tiny.NAME).read_bytes()
    assert bundle.write(course, tiny.NAME).read_bytes() == first
    with zipfile.ZipFile(course.bundle(tiny.NAME)) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {bundle.STAMP}
        assert archive.namelist() == [
            "sample/README.md",
            "sample/requirements.txt",
            "sample/sample.ipynb",
        ]
    text = _all_bytes(course.bundle(tiny.NAME)).decode()
    assert "# A sample" in text
    assert "3 questions, 10 points" in text


@pytest.mark.parametrize(
    ("address", "line"),
    [
        ("git@github.com:owner/name.git", "git+https://github.com/owner/name\n"),
        ("https://me:secret@host.org/a/b", "git+https://host.org/a/b\n"),
        ("/somewhere/local", "as your teacher says"),
    ],
)
def test_bundle_installs_the_course_from_its_repository(
    course, monkeypatch, address, line
):
    monkeypatch.delenv("GITHUB_REPOSITORY", raising=False)
    for command in (["init", "-q"], ["remote", "add", "origin", address]):
        subprocess.run(["git", "-C", str(course.root), *command], check=True)
    assert line in bundle.requirements(course)


def _without(field):
    def change(notebook):
        del notebook.cells[4].metadata["nbgrader"][field]

    return change


def _set(index, **changes):
    def change(notebook):
        notebook.cells[index].metadata["nbgrader"].update(changes)

    return change


def _replace(index, old, new):
    def change(notebook):
        cell = notebook.cells[index]
        assert old in cell.source
        cell.source = cell.source.replace(old, new)

    return change


def _swap_markers(notebook):
    cell = notebook.cells[4]
    words = {"BEGIN": "END", "END": "BEGIN"}
    cell.source = re.sub("BEGIN|END", lambda found: words[found[0]], cell.source)


def _answer_after_test(notebook):
    notebook.cells[3], notebook.cells[4] = notebook.cells[4], notebook.cells[3]


def _no_roles(notebook):
    for cell in notebook.cells:
        cell.metadata.clear()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (_without("points"), "cell 5 (add-test): a graded cell without points"),
        (_set(4, points=0), "cell 5 (add-test): a graded cell without points"),
        (_set(4, points=float("nan")), "cell 5 (add-test): a graded cell without"),
        (_set(6, grade_id="add"), "cell 7 (add): two cells have this grade id"),
        (_set(6, grade_id="a b"), "cell 7 (a b): a grade id is"),
        (_set(4, task=True), "cell 5 (add-test): task cells are not supported"),
        (_replace(3, "### END SOLUTION", ""), "cell 4 (add): BEGIN and END SOLUTION"),
        (_replace(4, "### END HIDDEN TESTS", ""), "cell 5 (add-test): BEGIN and END"),
        (_swap_markers, "cell 5 (add-test): BEGIN and END HIDDEN TESTS do not pair"),
        (_replace(1, "import", "# BEGIN HIDDEN TESTS"), "cell 2 (imports): hidden"),
        (_replace(2, "Write", "BEGIN SOLUTION"), "cell 3 (add-task): a solution"),
        (_answer_after_test, "cell 4 (add-test): a test with no answer cell above"),
        (_no_roles, "no cell carries points"),
    ],
)
def test_release_refuses_a_faulty_assignment_and_names_the_cell(
    tmp_path, change, expected
):
    notebook = tiny.solution()
    change(notebook)
    course = tiny.course(tmp_path, notebook)
    with pytest.raises(AssignmentError) as error:
        release.files(course, tiny.NAME)
    assert expected in str(error.value)
    assert str(course.solution(tiny.NAME)) in str(error.value)


def test_release_refuses_an_answer_without_a_solution_region(tmp_path):
    notebook = tiny.solution()
    notebook.cells[3].source = "def add(a, b):\n    return a + b"
    with pytest.raises(
        AssignmentError, match=r"cell 4 \(add\): an answer cell without"
    ):
        release.files(tiny.course(tmp_path, notebook), tiny.NAME)


ANSWER = "def f(a):\n    return a + 1"
CHECK = "assert f(1) == 2"


def _sketch(*cells):
    """Make an assignment of cells like "given setup", "answer f" and "check f"."""
    made = []
    for role, source in cells:
        kind, name = role.split()
        text, roles = source, {}
        if kind == "answer":
            text = f"### BEGIN SOLUTION\n{source}\n### END SOLUTION"
            roles = {"solution": True}
        elif kind == "check":
            name += "-check"
            roles = {"grade": True, "locked": True, "points": 1}
        made.append(tiny.cell("code", text, name, **roles))
    return nbformat.v4.new_notebook(cells=made)


def _problems(*cells):
    return release.problems(release.clean(_sketch(*cells)))


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        # A later answer, or given cell, rebinds what a check above it uses.
        (
            [("answer f", ANSWER), ("check f", CHECK), ("answer g", "f = 1")],
            "cell 3 (g): binds `f`, which the check in cell 2 (f-check) uses",
        ),
        (
            [
                ("given a", "x = 1"),
                ("answer f", ANSWER),
                ("check f", "assert f(x) == 2"),
                ("given b", "x = 2"),
            ],
            "cell 4 (b): binds `x`, which the check in cell 3 (f-check) uses",
        ),
        (
            [
                ("given a", "x = 1\ndef helper(): return x"),
                ("answer f", ANSWER),
                ("check f", "assert f(helper()) == 2"),
                ("given b", "x = 2"),
            ],
            "cell 4 (b): binds `x`, which the check in cell 3 (f-check) uses",
        ),
        # A check uses what another check binds.
        (
            [("answer f", ANSWER), ("check f", "x = f(1)"), ("check g", "assert x")],
            "cell 3 (g-check): uses `x`, which the check in cell 2 (f-check) binds",
        ),
        (
            [
                ("answer f", ANSWER),
                ("check f", f"{CHECK}\nf = 1"),
                ("check g", "assert f(2) == 3"),
            ],
            "cell 3 (g-check): uses `f`, which the check in cell 2 (f-check) binds",
        ),
        # An answer or a given cell uses what a check binds.
        (
            [("answer f", ANSWER), ("check f", "x = f(1)"), ("answer g", "y = x")],
            "cell 3 (g): uses `x`, which the check in cell 2 (f-check) binds",
        ),
        (
            [("answer f", ANSWER), ("check f", "x = f(1)"), ("given g", "print(x)")],
            "cell 3 (g): uses `x`, which the check in cell 2 (f-check) binds",
        ),
        (
            [("answer f", "def f(): return x"), ("check f", "x = 1\nassert f()")],
            "cell 2 (f-check): binds `x`, which a function in cell 1 (f) reads",
        ),
        (
            [("answer f", ANSWER), ("check f", "x = f(1)"), ("answer g", "def g(): x")],
            "cell 2 (f-check): binds `x`, which a function in cell 3 (g) reads",
        ),
        (
            [
                ("given a", "x = 1\ndef helper(): return x"),
                ("answer f", ANSWER),
                ("check f", "x = 2\nassert f(helper()) == 3"),
            ],
            "cell 3 (f-check): binds `x`, which a function in cell 1 (a) reads",
        ),
        (
            [
                ("answer f", "def f(): return math.pi"),
                ("check f", "import math\nassert f() == math.pi"),
            ],
            "cell 2 (f-check): binds `math`, which a function in cell 1 (f) reads",
        ),
        # What the examiner runs is plain Python, whole and without its hidden tests.
        (
            [("answer f", ANSWER), ("check f", f"%time {CHECK}")],
            "cell 2 (f-check): a check must be plain Python: only IPython can run it",
        ),
        (
            [("answer f", ANSWER), ("check f", "await f(1)")],
            "cell 2 (f-check): a check must be plain Python: it awaits something",
        ),
        (
            [("answer f", ANSWER), ("check f", "assert f(1")],
            "cell 2 (f-check): a check must be plain Python: line 1: '(' was never",
        ),
        (
            [
                ("given a", "%matplotlib inline\nx = 1"),
                ("answer f", ANSWER),
                ("check f", "assert f(x)"),
            ],
            "cell 1 (a): a check needs this cell, so it must be plain Python",
        ),
        (
            [
                ("answer f", ANSWER),
                (
                    "check f",
                    "for a in (1, 2):\n    ### BEGIN HIDDEN TESTS\n"
                    "    assert f(a)\n    ### END HIDDEN TESTS\n",
                ),
            ],
            "cell 2 (f-check): without its hidden tests it is no Python: line 1",
        ),
        # Names that cannot be followed, or followed to nowhere.
        (
            [("answer f", ANSWER), ("check f", f"from math import *\n{CHECK}")],
            "cell 2 (f-check): a check with `from ... import *`",
        ),
        (
            [("answer f", ANSWER), ("check f", f"assert 'f' in globals()\n{CHECK}")],
            "cell 2 (f-check): uses `globals()`",
        ),
        (
            [("answer f", ANSWER), ("check f", "assert ff(1) == 2")],
            "cell 2 (f-check): uses `ff`, which no cell binds",
        ),
        (
            [
                ("answer f", f"import math\n{ANSWER}"),
                ("check f", "assert f(math.pi) > 4"),
            ],
            "cell 2 (f-check): uses `math`, which is imported only in cell 1 (f)",
        ),
    ],
)
def test_release_refuses_what_grading_would_see_otherwise(cells, expected):
    found = _problems(*cells)
    assert [line for line in found if line.startswith(expected)] == found
    assert len(found) == 1


@pytest.mark.parametrize(
    "cells",
    [
        # The same local names in two checks, and one that a loop may leave unbound.
        [
            ("answer f", ANSWER),
            ("check f", "for x in range(3):\n    y = f(x)\nassert y == 3"),
            ("check g", "for x in range(4):\n    y = f(x)\nassert y == 4"),
        ],
        # The same import in given cells, answers and checks, above and below.
        [
            ("given a", "import math"),
            ("answer f", "import math\ndef f(a):\n    return a + math.pi"),
            ("check f", "import math\nassert f(0) == math.pi"),
            ("answer g", "e = math.e\ndef g(): return e"),
            ("given b", "import math"),
            ("check g", "assert g() == math.e"),
        ],
        # A helper of a check's own, which reads what is bound below it.
        [
            ("answer f", ANSWER),
            ("check f", "def near(a): return abs(f(a) - b) < 1\nb = 2\nassert near(1)"),
            ("check g", "b = 3\nassert f(2) == b"),
        ],
        # A later given cell binds what a check above binds for itself.
        [
            ("answer f", ANSWER),
            ("check f", "x = 1\nassert f(x) == 2"),
            ("given b", "x = 2\nprint(x)"),
        ],
        # A dictionary that is filled bit by bit.
        [
            ("given a", "found = {}"),
            ("answer f", "found['f'] = 1"),
            ("check f", "assert found['f'] == 1"),
            ("answer g", "found['g'] = 2"),
            ("check g", "assert found['g'] == 2"),
        ],
        # Names that a star import or a magic may have bound.
        [
            ("given a", "from math import *"),
            ("answer f", ANSWER),
            ("check f", "assert f(pi) > 4"),
        ],
        [
            ("answer f", "%run f.py"),
            ("check f", "assert f(1) == 2"),
        ],
    ],
)
def test_release_takes_what_grading_sees_alike(cells):
    assert _problems(*cells) == []


def _load(tmp_path, *cells):
    course = tiny.course(tmp_path, _sketch(*cells))
    return release.load(course, tiny.NAME)


@pytest.mark.parametrize(
    ("cells", "given", "fetched"),
    [
        # Given cells that a check needs, and those that these need.
        (
            [
                ("given a", "import math"),
                ("given b", "def area(r): return math.pi * r**2"),
                ("given c", "print(area(3))\nlength = 3"),
                ("given d", "radius = 2"),
                ("answer f", ANSWER),
                ("check f", "assert f(area(radius)) > 3"),
            ],
            ("a", "b", "d"),
            {"f-check": ("f",)},
        ),
        # What a given cell makes of an answer is the student's, however indirectly.
        (
            [
                ("given a", "x = 1"),
                ("answer f", ANSWER),
                ("given b", "def twice(a): return f(f(a))"),
                ("given c", "y = twice(x)"),
                ("check f", "assert y == 3 and f(x) == 2"),
            ],
            ("a",),
            {"f-check": ("f", "y")},
        ),
        # So is what a function above the answer reads of it, when it is called.
        (
            [
                ("given a", "def twice(a): return f(f(a))"),
                ("answer f", ANSWER),
                ("check f", "assert twice(1) == 3"),
            ],
            (),
            {"f-check": ("twice",)},
        ),
        # What was made before an answer rebinds its source is not.
        (
            [
                ("given a", "data = [1, 2, 3]"),
                ("given b", "held_out = data[1:]"),
                ("answer f", "data = data[:1]"),
                ("check f", "assert data == [1] and held_out == [2, 3]"),
            ],
            ("a", "b"),
            {"f-check": ("data",)},
        ),
        # What an answer changes in place is the student's; to look at it is no change.
        (
            [
                ("given a", "found, seen = {}, []"),
                ("answer f", "found['f'] = 1\nseen.copy()"),
                ("check f", "assert found and not seen"),
            ],
            ("a",),
            {"f-check": ("found",)},
        ),
        # A given cell that changes what a check needs runs too.
        (
            [
                ("given a", "table = []"),
                ("given b", "table.append(1)"),
                ("given c", "print(table)"),
                ("answer f", ANSWER),
                ("check f", "assert f(table[0]) == 2"),
            ],
            ("a", "b"),
            {"f-check": ("f",)},
        ),
        # A module stays what the release imported, whoever calls it or imports it.
        (
            [
                ("given a", "import random"),
                ("given b", "random.seed(0)"),
                ("answer f", f"import random\nrandom.seed(1)\n{ANSWER}"),
                ("check f", "assert f(random.choice([1])) == 2"),
            ],
            ("a",),
            {"f-check": ("f",)},
        ),
        # A student's function may have the name of a builtin.
        (
            [("answer f", "def sum(a):\n    return 0"), ("check f", "assert sum([])")],
            (),
            {"f-check": ("sum",)},
        ),
        # A star import is needed, since nobody knows what for.
        (
            [
                ("given a", "from math import *"),
                ("answer f", ANSWER),
                ("check f", "assert f(pi) > 4"),
            ],
            ("a",),
            {"f-check": ("f",)},
        ),
        # A name that is bound unseen can only be the student's.
        (
            [("answer f", "%run f.py"), ("check f", "assert f(1) == 2")],
            (),
            {"f-check": ("f",)},
        ),
        # A check's own names are its own, and the reference decides the student's.
        (
            [
                ("answer f", ANSWER),
                ("check f", "for a in range(2):\n    b = f(a)\nassert b == 2"),
                ("check g", "assert True"),
            ],
            (),
            {"f-check": ("f",), "g-check": ()},
        ),
    ],
)
def test_names_are_divided_between_examiner_and_student(
    tmp_path, cells, given, fetched
):
    made = _load(tmp_path, *cells)
    assert made.given == given
    assert dict(made.names) == fetched


def test_digest_changes_with_the_names_that_a_check_fetches(tmp_path):
    cells = [("given a", "x = 1"), ("answer f", ANSWER), ("check f", "assert f(x)")]
    one = _load(tmp_path / "one", *cells)
    cells[1] = ("answer f", f"x = 2\n{ANSWER}")
    other = _load(tmp_path / "other", *cells)
    assert one.names != other.names
    assert notebooks.write(one.graded) == notebooks.write(other.graded)
    assert one.digest != other.digest


def test_division_of_the_autoencoder_assignment():
    made = release.load(COURSE, "autoencoder")
    assert made.given == ("setup", "data", "pulse-autoencoder")
    assert made.names["tied-check"] == ("tied_parameters", "tied_run")
    assert made.names["train-check"] == ("train_autoencoder",)
    tests = [question.id for question in made.questions if not question.written]
    assert list(made.names) == tests
    assert all(made.names.values())


def test_unknown_assignment_is_named_with_those_that_exist(course, monkeypatch, capsys):
    monkeypatch.chdir(course.root)
    assert cli.main(["release", "simple"]) == cli.BROKEN
    error = capsys.readouterr().err
    assert "simple: no assignment of this name" in error
    assert "there are: sample" in error


def test_reference_answers_fill_the_release(course):
    made = release.load(course, tiny.NAME)
    filled = demo.fill(made.released, demo.answers(course, tiny.NAME))
    sources = [cell.source for cell in filled.cells]
    assert any(tiny.ANSWER in source for source in sources)
    assert not any("SOLUTION" in source for source in sources)
