"""What students are given is made from the solutions, always the same, and no more."""

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
