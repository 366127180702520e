"""What comes out for the class: tables and a page, made here from made-up records."""

from __future__ import annotations

import csv
from dataclasses import replace

import pytest
import tiny_assignment as tiny

from autograder import release, tables
from autograder.execution import Mark, Outcome, Status
from autograder.grading import Record
from autograder.intake.roster import Person
from autograder.lateness import Late
from autograder.results import Report, Row

ADD, AREA, EXPLAIN = "add-test", "area-test", "explain"  # 2, 3 and 5 points
HOSTILE = (
    '=HYPERLINK("http://x.test")',
    "+1+1",
    "-1+1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "  =1",
    "\n=1",
    "\u200b=1",
    "\ufeff=1",
    "\xa0=1",
    "＝1",
    "＋1",
    "－1",
    "＠SUM(A1)",
    "a;=1",
    "a; +1",
    "a\n=1",
)
HARMLESS = ('a "quoted", name', "Zoë", "a-b", "a=b", "-1.5", "line\nanother", "1;2")


@pytest.fixture(scope="module")
def assignment(tmp_path_factory):
    return release.load(tiny.course(tmp_path_factory.mktemp("given")), tiny.NAME)


def row(student, add=2.0, area=3.0, explain=5.0, hints=("", ""), **parts) -> Row:
    """Return a graded submission."""
    points = {ADD: add, AREA: area, EXPLAIN: explain}
    most = {ADD: 2.0, AREA: 3.0}
    marks = [
        Mark(
            q, points[q], Outcome.PASSED if points[q] == most[q] else Outcome.FAILED, h
        )
        for q, h in zip(most, hints, strict=True)
    ]
    marks.append(Mark(EXPLAIN, None, Outcome.WRITTEN))
    late = parts.pop("late", Late())
    said = {
        **{"digest": "d", "status": Status.GRADED, "message": "", "repairs": ()},
        **{"seconds": 1.0, "date": "2026-12-01T00:00:00Z"},
        **parts,
    }
    record = Record(student=student, assignment=tiny.NAME, marks=tuple(marks), **said)
    return Row(record, points, late)


def read(path, encoding="utf-8"):
    with path.open(encoding=encoding, newline="") as file:
        return list(csv.DictReader(file, strict=True))


@pytest.mark.parametrize("text", HOSTILE)
def test_what_a_spreadsheet_would_run_becomes_text(text):
    cell = tables.safe(text)
    assert cell.replace("'", "") == text
    assert tables.safe(cell) == cell
    for part in cell.replace(";", "\n").split("\n"):
        begin = part.strip("\ufeff\u200b \t\r\xa0")
        assert not begin or begin[0] not in "=+-@＝＋－＠"


@pytest.mark.parametrize("text", HARMLESS)
def test_other_text_stays_as_it_is(text):
    assert tables.safe(text) == text


def test_tables_come_back_through_a_csv_reader(tmp_path, assignment):
    hints = [f"got {name}" for name in (*HOSTILE, *HARMLESS)]
    rows = [
        row(name, add=0.0, hints=(hint, ""), message=hint, repairs=(name,))
        for name, hint in zip((*HOSTILE, *HARMLESS), hints, strict=True)
    ]
    made = Report(assignment, tuple(rows))
    paths, notes = tables.write(tmp_path, made)
    assert [path.name for path in paths] == ["marks.csv", "report.csv"]
    assert notes == [
        "no canvas.csv and moodle.csv: they need a roster "
        "(`autograder grade --roster FILE`)"
    ]
    found = read(tmp_path / "marks.csv")
    assert len(found) == len(rows)
    for back, given in zip(found, rows, strict=True):
        assert back["student"] == tables.safe(given.record.student)
        assert back["message"] == tables.safe(given.record.message)
        assert (back["points"], back["add-test"], back["explain"]) == ("8", "0", "5")
        assert None not in back


PEOPLE = {
    "ann@x.test": Person("ann@x.test", "Ann", "Ö", "ann@x.test", "101", "A"),
    "bob": Person("bob", '=B";', "Two, Jr", "bob@x.test", "102"),
    "cy": Person("cy", lms_user_id="103"),
    "dan": Person("dan", "D", "Four"),
    "eve": Person("eve", "E", "Five", "", "105"),
}


@pytest.fixture
def rostered(assignment):
    nothing = replace(row("eve").record, status=Status.MISSING)
    return Report(
        assignment,
        (
            row("ann@x.test", add=0.0, hints=("it must be <b>3</b> & more", "")),
            row("bob", area=1.5, late=Late(60.0, 0.25)),
            row("cy", explain=None),
            row("dan"),
            Row(nothing, {ADD: 0.0, AREA: 0.0, EXPLAIN: 0.0}),
            row("ghost"),
        ),
        PEOPLE,
    )


def test_canvas_imports_who_has_a_grade(tmp_path, rostered):
    paths, notes = tables.write(tmp_path, rostered)
    assert [path.name for path in paths[2:]] == ["canvas.csv", "moodle.csv"]
    assert notes == [
        "canvas.csv and moodle.csv leave out students: 1 with written answers to be "
        "read, 2 whose number the roster does not have, 1 who handed nothing in"
    ]
    content = (tmp_path / "canvas.csv").read_bytes()
    assert content.startswith(b"Student,ID,SIS User ID,SIS Login ID,Section,sample\r\n")
    first, *rest = read(tmp_path / "canvas.csv")
    assert first["Student"] == "    Points Possible"
    assert (first["sample"], first["ID"]) == ("10", "")
    assert [tuple(found.values()) for found in rest] == [
        ("Ö, Ann", "101", "", "ann@x.test", "A", "8"),
        ('Two, Jr, =B";', "102", "", "bob", "", "8.25"),
    ]


def test_moodle_imports_who_has_a_grade(tmp_path, rostered):
    tables.write(tmp_path, rostered)
    assert (tmp_path / "moodle.csv").read_bytes().startswith(b"\xef\xbb\xbfIdentifier,")
    ann, bob = read(tmp_path / "moodle.csv", "utf-8-sig")
    assert {**ann, "Feedback comments": ""} == {
        **{"Identifier": "Participant 101", "Full name": "Ann Ö"},
        **{"Email address": "ann@x.test", "Grade": "8", "Maximum grade": "10"},
        **{"Last modified (grade)": "-", "Feedback comments": ""},
    }
    assert ann["Feedback comments"] == (
        "Question 1, Add: 0 of 2. it must be &lt;b&gt;3&lt;/b&gt; &amp; more<br>"
        "Question 2, Area: 3 of 3.<br>Question 3, Explain: 5 of 5."
    )
    assert bob["Full name"] == "'=B\"; Two, Jr"
    assert bob["Feedback comments"].endswith("late by 1 min: 0.25 points taken off")


def test_tables_of_an_earlier_roster_do_not_stay(tmp_path, rostered):
    tables.write(tmp_path, rostered)
    _, notes = tables.write(tmp_path, replace(rostered, people={"s": Person("s")}))
    assert notes == [
        "no canvas.csv and moodle.csv: the roster has no column 'lms id' with the "
        "numbers of the users"
    ]
    assert not (tmp_path / "canvas.csv").exists()
    assert not (tmp_path / "moodle.csv").exists()
