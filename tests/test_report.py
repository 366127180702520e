"""What comes out for the class: tables and a page, made here from made-up records."""

from __future__ import annotations

import csv
from dataclasses import replace

import numpy as np
import pytest
import tiny_assignment as tiny

from autograder import release, report, tables
from autograder.execution import Audit, Mark, Outcome, Status
from autograder.grading import Record
from autograder.intake.roster import Person
from autograder.lateness import Late
from autograder.likeness import Pair
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


@pytest.mark.parametrize(("lms", "other"), [("canvas", "moodle"), ("moodle", "canvas")])
def test_numbers_of_one_system_are_not_given_to_the_other(
    tmp_path, rostered, lms, other
):
    tables.write(tmp_path, rostered)  # of a roster that did not say whose they are
    people = {name: replace(person, lms=lms) for name, person in PEOPLE.items()}
    paths, notes = tables.write(tmp_path, replace(rostered, people=people))
    assert [path.name for path in paths[2:]] == [f"{lms}.csv"]
    assert notes[0].startswith(f"{lms}.csv leave out students: 1 with")
    assert not (tmp_path / f"{other}.csv").exists()


def test_tables_of_an_earlier_roster_do_not_stay(tmp_path, rostered):
    tables.write(tmp_path, rostered)
    _, notes = tables.write(tmp_path, replace(rostered, people={"s": Person("s")}))
    assert notes == [
        "no canvas.csv and moodle.csv: the roster has no column 'lms id' with the "
        "numbers of the users"
    ]
    assert not (tmp_path / "canvas.csv").exists()
    assert not (tmp_path / "moodle.csv").exists()


# The page


EVIL = (
    "<script>document.title = 'ran'</script>",
    "<img src=http://x.test/a.png onerror=\"document.title = 'ran'\">",
    '"><svg onload="document.title = \'ran\'">',
    "</style><style>@import 'http://x.test/a.css';</style>",
    "</title><base href=//x.test><link rel=stylesheet href=a.css>",
    "\u202etxt.exe&lt;<!--",
    "x" * 500,
)


def test_nothing_that_students_wrote_runs_in_the_page(tmp_path, assignment, browser):
    rows = [
        replace(
            row(text, add=0.0, hints=(text, text), message=text, repairs=(text,)),
            group=text,
        )
        for text in EVIL
    ]
    pairs = [Pair((one, EVIL[-1]), 0.9, 7, {ADD: 0.9}) for one in EVIL[:-1]]
    (tmp_path / "report.html").write_text(
        report.page(Report(assignment, tuple(rows)), pairs), "utf-8"
    )
    page = browser.new_page(viewport={"width": 390, "height": 800})
    requests, errors = [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text))
    address = (tmp_path / "report.html").as_uri()
    page.goto(address)
    page.wait_for_timeout(200)
    assert page.title() == "sample: class report"
    assert requests == [address]
    assert errors == []
    assert page.locator("script, img, base, link, main style, [onerror]").count() == 0
    table = page.locator("table").last
    for n, text in enumerate(EVIL):
        assert table.locator("tbody th").nth(n).inner_text() == text
    # On a phone, the tables scroll and the page does not.
    width = "document.scrollingElement.scrollWidth"
    assert page.evaluate(width) <= 390
    page.close()


def test_page_forbids_what_it_does_not_need(tmp_path, assignment, browser):
    text = report.page(Report(assignment, (row("s"),)))
    live = "<script>document.title = 'ran'</script><img src='http://x.test/a.png'>"
    (tmp_path / "report.html").write_text(text.replace("</main>", live), "utf-8")
    page = browser.new_page()
    requests = []
    page.on("requestfinished", lambda request: requests.append(request.url))
    page.goto((tmp_path / "report.html").as_uri())
    page.wait_for_timeout(200)
    assert page.title() == "sample: class report"
    assert len(requests) == 1
    page.close()


def test_every_table_has_a_caption_and_headers(assignment):
    rows = [row(f"s{n}", hints=("a", "b"), repairs=("c",)) for n in range(3)]
    audit = Audit(ends={"add": "memory"})
    rows.append(row("big", audit=audit, status=Status.STOPPED))
    page = report.page(Report(assignment, tuple(rows)), [Pair(("s1", "s2"), 1, 9, {})])
    tables = page.split("<table>")[1:]
    assert len(tables) == 6  # no failure, no group
    for table in tables:
        assert table.startswith("<caption>")
        assert '<th scope="col">' in table
        assert table.count('<th scope="row"') == table.count("<tr>") - 1
    assert 'memory</th><td class="number">1</td><td>big</td>' in page
    assert ">time for the whole</th>" in page
    assert 'role="img" aria-label="Histogram of the submissions by points.' in page
    assert "9 to 10 points: 4." in page


@pytest.mark.parametrize("rows", [0, 1])
def test_page_of_hardly_anybody(assignment, rows):
    made = report.page(Report(assignment, tuple(row("s") for _ in range(rows))))
    assert ("No submission could be run" in made) == (rows == 0)
    assert made.count("too few") == 3 * rows or rows == 0


# The numbers


def test_discrimination_is_the_correlation_with_the_other_questions(assignment):
    adds = [2, 2, 2, 2, 2, 0, 0, 0, 0, 2]
    areas = [3, 3, 3, 3, 1, 1, 0, 0, 0, 0]
    explains = [5, 4, 5, 4, 5, 1, 0, 2, 0, 1]
    rows = [
        row(f"s{n}", *map(float, points))
        for n, points in enumerate(zip(adds, areas, explains, strict=True))
    ]
    parts = Report(assignment, tuple(rows)).summaries()
    rest = np.add(areas, explains)
    assert parts[0].discrimination == pytest.approx(np.corrcoef(adds, rest)[0, 1])
    assert [part.share for part in parts] == [
        *(0.6, pytest.approx(1.4 / 3), pytest.approx(0.54))
    ]
    # Nothing is said of few, of those that are all alike, or before all are read.
    for changed in (rows[:9], [replace(r, points={**r.points, ADD: 2}) for r in rows]):
        [part, *_] = Report(assignment, tuple(changed)).summaries()
        assert part.discrimination is None
    waits = replace(rows[0], points={**rows[0].points, EXPLAIN: None})
    first, _, last = Report(assignment, (waits, *rows[1:])).summaries()
    assert last.discrimination is None
    assert first.discrimination == pytest.approx(np.corrcoef(adds, areas)[0, 1])


def test_limits_and_repairs_are_counted_by_student(assignment):
    made = Report(
        assignment,
        (
            row("a", audit=Audit(ends={"add": "time", "area": "time"})),
            row("b", audit=Audit(ends={"add": "memory"}), repairs=("one", "two")),
            row("c", audit=Audit(ends={"add": "time"}), repairs=("two",)),
            row("d", status=Status.FAILED, message="not a notebook"),
        ),
    )
    assert made.limits() == {"time for a cell": ["a", "c"], "memory": ["b"]}
    assert made.repairs() == {"two": ["b", "c"], "one": ["b"]}
    assert made.failures() == {"not a notebook": ["d"]}


def test_question_with_answers_to_be_read_has_no_mean_yet(tmp_path, assignment):
    rows = (row("a", explain=None), row("blank", explain=0.0))
    made = Report(assignment, rows)
    assert [part.mean for part in made.summaries()] == [2, 3, None]
    assert "Explain: mean ? of 5" in report.text(made)
    tables.write(tmp_path, made)
    assert [found["mean"] for found in read(tmp_path / "report.csv")] == ["2", "3", ""]


def test_groups_names_and_times_are_shown(assignment):
    spent = [{"add": 1.0, "add-test": 0.5}, {"add": 3.0}, {"add-test": 0.25}]
    rows = [
        replace(row(f"s{n}", add=float(n), audit=Audit(seconds=seconds)), group=group)
        for n, (seconds, group) in enumerate(zip(spent, ("A", "A", ""), strict=True))
    ]
    made = Report(assignment, (replace(rows[0], name="Ann & Co"), *rows[1:]))
    assert made.groups() == {"": [10.0], "A": [8.0, 9.0]}
    assert [part.seconds for part in made.summaries()] == [1.5, 0.0, None]
    page = report.page(made)
    assert '<th scope="row">A</th><td class="number">2</td>' in page
    assert ">Ann &amp; Co</td>" in page
    assert "1.5 s</td>" in page
