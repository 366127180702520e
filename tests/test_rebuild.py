"""Whatever is handed in, it is read, or refused with a reason; nothing breaks."""

from __future__ import annotations

import bz2
import copy
import itertools
import json
import os
import threading
import zipfile
import zlib
from contextlib import suppress
from pathlib import Path

import odd_submissions
import pytest
import tiny_assignment as tiny
from nbformat import NotebookNode
from odd_submissions import FULL, NAME, Odd, cell, text

from autograder import cli, demo, grading, notebooks, release, submissions
from autograder.errors import NotebookError, SubmissionError
from autograder.execution import Release
from autograder.pipeline import rebuild

ANSWERS = ("add", "area", "explain")
#: Two halves, a stub and a copy, retyped or not: what is joined is still the answer.
SAME = {"split": "def add(a, b):\n\n    return a + b"}


@pytest.fixture(scope="module")
def assignment(tmp_path_factory: pytest.TempPathFactory) -> Release:
    return release.load(tiny.course(tmp_path_factory.mktemp("given")), tiny.NAME)


@pytest.fixture(scope="module")
def class_of_odd(assignment: Release) -> dict[str, Odd]:
    return odd_submissions.odd(assignment, tiny.RIGHT)


STUDENTS = [
    *("not-json", "html-page", "picture", "empty", "blank-lines", "truncated"),
    *("a-list", "no-cells", "another", "too-large", "deep", "million-cells"),
    *("million-objects", "long-number", "long-source", "large-outputs"),
    *("large-lists", "not-a-number", "same-key-twice", "byte-order-mark", "utf-16"),
    *("utf-16-no-mark", "utf-32", "latin-1", "windows", "old-mac"),
    *("control-characters", "half-a-character", "format-3", "format-4.0"),
    *("format-4.5", "colab", "vscode", "pycharm", "jupytext", "lines-in-lists"),
    *("ids-alone", "metadata-alone", "other-name", "capital-ending", "sub-folder"),
    *("nothing", "two", "two-one-named", "<img src=x onerror=alert(1)>"),
    *("duplicated", "stub-copied", "stub-before", "split", "test-duplicated"),
    *("reordered", "answer-missing", "tests-missing", "tests-edited"),
    *("tests-skipped", "given-changed", "answer-retyped", "test-retyped"),
    *("written-retyped", "added", "pictures", "odd-metadata", "magic", "cell-magic"),
    *("shell", "asks", "plots", "prints-megabytes", "no-python"),
]


def test_every_odd_submission_is_tried(class_of_odd):
    assert sorted(class_of_odd) == sorted(STUDENTS)


def hand_in(root: Path, student: str, files: dict[str, bytes]) -> submissions.HandIn:
    """Write one student's folder and find it."""
    for name, content in files.items():
        path = root / student / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    [found] = submissions.find(root, tiny.NAME)
    return found


def outcome(
    assignment: Release, found: submissions.HandIn
) -> tuple[NotebookNode | None, str]:
    """Return the rebuilt notebook, if any, and all that the row would say."""
    submission = found.read()
    notes = " ".join(submission.notes)
    if submission.content is None:
        return None, f"{submission.problem} {notes}"
    try:
        notebook, repairs = rebuild.read(assignment, submission.content)
    except NotebookError as error:
        return None, f"{error} {notes}"
    return notebook, " ".join([notes, *repairs]).strip()


@pytest.mark.parametrize("student", STUDENTS)
def test_odd_submission_is_rebuilt_or_refused_and_the_row_says_why(
    assignment, class_of_odd, tmp_path, student
):
    odd = class_of_odd[student]
    notebook, said = outcome(assignment, hand_in(tmp_path, student, odd.files))
    if odd.marks is None:
        assert notebook is None
    else:
        assert_rebuilt(assignment, notebook)
        if odd.marks == FULL and student not in RUNS:
            assert_answered(notebook, student)
    assert odd.found in said
    assert bool(said) == bool(odd.found), said


#: Those whose source is what is odd.
RUNS = ("magic", "cell-magic", "shell", "asks", "plots", "prints-megabytes")


@pytest.mark.parametrize("student", [*RUNS, "no-python"])
def test_source_that_is_odd_passes_unharmed(assignment, class_of_odd, student):
    [content] = class_of_odd[student].files.values()
    handed_in = json.loads(content)
    [source] = [c["source"] for c in handed_in["cells"] if c["id"] == "add"]
    notebook, _ = rebuild.read(assignment, content)
    assert cell(notebook, "add").source == source


def assert_rebuilt(assignment: Release, notebook: NotebookNode) -> None:
    """Everything but the answers is the assignment's own."""
    pairs = zip(notebook.cells, assignment.graded.cells, strict=True)
    for found, given in pairs:
        name = given["id"]
        assert {**found, "source": ""} == {**given, "source": ""}
        assert name in ANSWERS or found.source == given.source
    assert notebook.metadata == assignment.graded.metadata
    notebooks.write(notebook).encode()


def assert_answered(notebook: NotebookNode, student: str) -> None:
    for name, answer in tiny.RIGHT.items():
        source = cell(notebook, name).source
        if name == "add":
            answer = SAME.get(student, answer)
            source = source.partition("  # ")[0].removeprefix("# ä ö ü\n")
        assert source == answer


def test_answer_that_still_holds_the_stub_is_kept_beside_a_copy(assignment):
    notebook = demo.fill(assignment.released, tiny.RIGHT)
    mine = tiny.RIGHT["add"] + "\n    # YOUR CODE HERE\n    raise NotImplementedError()"
    cell(notebook, "add").source = mine
    notebook.cells.append(cell(assignment.released, "add"))
    rebuilt, _ = rebuild.rebuild(assignment, notebook)
    assert cell(rebuilt, "add").source == mine


def test_control_characters_do_not_reach_the_kernel(assignment, class_of_odd):
    notebook, _ = rebuild.read(
        assignment, class_of_odd["control-characters"].files[NAME]
    )
    assert cell(notebook, "add").source == tiny.RIGHT["add"] + "  # [31m"


def test_markdown_and_its_html_pass_through_as_they_are(assignment):
    source = "<b>*so*</b>\n\n<script>alert(1)</script> $a < b$"
    notebook = demo.fill(assignment.released, {"explain": source})
    rebuilt, repairs = rebuild.rebuild(assignment, notebook)
    assert cell(rebuilt, "explain").source == source
    assert repairs == ()


def test_joined_copies_cannot_grow_beyond_the_limit(assignment):
    notebook = demo.fill(assignment.released, tiny.RIGHT)
    for number in range(1000):
        source = "#" * 500 + str(number)
        notebook.cells.append(tiny.cell("code", source, "add", solution=True))
    rebuilt, repairs = rebuild.rebuild(assignment, notebook)
    assert len(cell(rebuilt, "add").source) < 1000
    assert any("answer cell add was left out" in repair for repair in repairs)


WRONG = (None, True, 0, 1e400, float("nan"), "x", "add", [], ["x"], {}, {"a": 1})
PARTS = ("cell_type", "source", "id", "metadata", "outputs", "attachments")
ROLES = ("grade_id", "grade", "solution", "locked", "points", "schema_version")


@pytest.mark.parametrize("wrong", WRONG, ids=range(len(WRONG)))
def test_any_part_may_have_any_type(assignment, wrong):
    data = json.loads(text(demo.fill(assignment.released, tiny.RIGHT)))
    for part, role in itertools.product((*PARTS, "tags"), ROLES):
        changed = json.loads(json.dumps(data))
        for one in changed["cells"]:
            value = copy.deepcopy(wrong)
            (one["metadata"] if part == "tags" else one)[part] = value
            if isinstance(one["metadata"], dict):
                found = one["metadata"].setdefault("nbgrader", {})
                found[role] = wrong
        with suppress(NotebookError):
            notebook, _ = rebuild.read(assignment, json.dumps(changed).encode())
            assert_rebuilt(assignment, notebook)


def test_any_cut_and_any_broken_byte_is_read_or_refused(assignment):
    content = text(demo.fill(assignment.released, tiny.RIGHT))
    for index in range(0, len(content), 37):
        for broken in (
            content[:index],
            content[:index] + b"\xff" + content[index:],
            content[:index] + b'"' + content[index + 1 :],
            content[:index] + b"\x00" * 3 + content[index:],
        ):
            with suppress(NotebookError):
                notebook, _ = rebuild.read(assignment, broken)
                assert_rebuilt(assignment, notebook)


# Finding the file


def test_pipe_in_place_of_a_file_does_not_hold_up_the_class(tmp_path):
    (tmp_path / "ann").mkdir()
    os.mkfifo(tmp_path / "ann" / NAME)
    [found] = submissions.find(tmp_path, tiny.NAME)
    read = []
    thread = threading.Thread(target=lambda: read.append(found.read()), daemon=True)
    thread.start()
    thread.join(timeout=10)
    assert read and read[0].problem == "sample.ipynb is not a file"


def test_folder_in_place_of_a_file_is_said(tmp_path):
    (tmp_path / "ann" / NAME).mkdir(parents=True)
    [found] = submissions.find(tmp_path, tiny.NAME)
    assert found.read().problem == "sample.ipynb is not a file"


METHODS = (zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)


@pytest.mark.parametrize("method", METHODS)
def test_damaged_archive_costs_only_the_damaged_student(tmp_path, method):
    path = tmp_path / "class.zip"
    content = os.urandom(3000)
    with zipfile.ZipFile(path, "w", method) as archive:
        for student in ("ann", "ben"):
            archive.writestr(f"{student}/{NAME}", content)
        start = archive.getinfo(f"ann/{NAME}").header_offset + 60
    data = bytearray(path.read_bytes())
    data[start : start + 500] = bytes(500)
    path.write_bytes(data)
    ann, ben = (found.read() for found in submissions.find(path, tiny.NAME))
    assert "cannot be unpacked" in ann.problem
    assert ben.content == content


def test_broken_streams_raise_what_is_caught():
    for unpack in (zlib.decompress, bz2.decompress):
        with pytest.raises(submissions.BROKEN):
            unpack(b"no such stream")


def test_archive_that_unpacks_to_too_much_is_refused_unread(tmp_path, monkeypatch):
    monkeypatch.setattr(submissions, "LARGEST", 10**6)
    path = tmp_path / "class.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"ann/{NAME}", bytes(10**6 + 1))
    [found] = submissions.find(path, tiny.NAME)
    assert "is larger than" in found.read().problem


NAMES = {
    '"><img src=x onerror=alert(1)>': "__",
    "</script><script>alert(1)": "_",
    "&lt;b&gt;": "_lt;b_gt;",
    "a\u202eb": "a_b",
    "\u200b": "_",
    "語" * 100: "語",
}


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_name_that_a_page_could_run_is_replaced_and_said(tmp_path, name):
    path = tmp_path / "class.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name.replace('/', ':')}/{NAME}", b"{}")
        archive.writestr(f"ben/{NAME}", b"{}")
    students = [found.student for found in submissions.find(path, tiny.NAME)]
    [student] = set(students) - {"ben"}
    assert not set(student) & set('<>"&\\\u202e\u200b\n')
    assert NAMES[name] in student
    assert len(f".{student}.json.part".encode()) <= 255


@pytest.mark.parametrize("name", ["José Pérez", "O'Brien, Ann", "李雷", "=1", "a+b"])
def test_ordinary_name_is_kept(tmp_path, name):
    (tmp_path / name).mkdir()
    [found] = submissions.find(tmp_path, tiny.NAME)
    assert (found.student, found.notes) == (name, ())


def test_archive_that_is_none_is_refused_by_name(tmp_path):
    (tmp_path / "class.zip").write_bytes(b"PK\x03\x04")
    with pytest.raises(SubmissionError, match="neither a folder nor a zip file"):
        submissions.find(tmp_path / "class.zip", tiny.NAME)


# All of them, graded for real as one class


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """Hand all of them in, grade them by the command; return what became of each."""
    course = tiny.course(tmp_path_factory.mktemp("odd"))
    found = odd_submissions.odd(release.load(course, tiny.NAME), tiny.RIGHT)
    for student, given in found.items():
        for path, content in given.files.items():
            file = course.root / "class" / student / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(course.root)
        assert cli.main(["grade", tiny.NAME, "class", "--timeout", "20"]) == 0
    folders = sorted(path.name for path in (course.root / "class").iterdir())
    names = [item.student for item in submissions.find(course.root / "class", "sample")]
    records = {record.student: record for record in grading.records(course, "sample")}
    assert len(records) == len(found)
    return {
        folder: (course, records[name])
        for folder, name in zip(folders, names, strict=True)
    }


@pytest.mark.parametrize("student", STUDENTS)
def test_odd_submission_is_graded_and_its_row_says_what_was_found(
    graded, class_of_odd, student
):
    course, record = graded[student]
    hand_in = class_of_odd[student]
    assert hand_in.found in " ".join([record.message, *record.repairs])
    earned = {mark.question: mark.points for mark in record.marks}
    if hand_in.marks is None:
        assert record.status == "failed"
    else:
        assert {name: earned[name] for name in hand_in.marks} == hand_in.marks
    assert course.feedback("sample", record.student).stat().st_size < 2**20
    assert course.autograded("sample", record.student).stat().st_size < 2**20
