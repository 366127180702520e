"""A roster is read as spreadsheets and platforms write it, or refused by row."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from autograder.errors import RosterError
from autograder.intake import dates, roster

PLAIN = "student,name,email\ns1,Ann One,a@x.test\ns2,Ben Two,b@x.test\n"


def read(tmp_path, text, **settings):
    path = tmp_path / "roster.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return roster.read(path, **settings)


def refused(tmp_path, text) -> str:
    with pytest.raises(RosterError, match=r"roster\.csv: ") as raised:
        read(tmp_path, text)
    return str(raised.value)


WRITTEN = {
    "plain": PLAIN,
    "byte order mark": b"\xef\xbb\xbf" + PLAIN.encode(),
    "semicolons": PLAIN.replace(",", ";"),
    "tabs": PLAIN.replace(",", "\t"),
    "said by Excel": "sep=;\r\n" + PLAIN.replace(",", ";"),
    "of Windows": PLAIN.replace("\n", "\r\n"),
    "quotes": '"student";"name";"email"\n"s1";"Ann One;";a@x.test\n'
    's2;"Two, Ben";"b@x.test"',
    "spaces, empty rows": PLAIN.replace(",", " , ").replace("\n", "\n\n,,\n"),
    "other names": PLAIN.replace("student,name,email", "User_Name,Full-Name,E-Mail"),
    "another order": "EMAIL,Name,Student\na@x.test,Ann One,s1\nb@x.test,Ben Two,s2\n",
}


@pytest.mark.parametrize("way", WRITTEN)
def test_roster_is_read(tmp_path, way):
    people = read(tmp_path, WRITTEN[way]).people
    found = [(p.student, p.first_name, p.email) for p in people]
    assert found == [("s1", "Ann", "a@x.test"), ("s2", "Ben", "b@x.test")]
    assert [p.last_name.strip(";") for p in people] == ["One", "Two"]


def test_canvas_export_is_a_roster(tmp_path):
    text = (
        "Student,ID,SIS User ID,SIS Login ID,Section,Auto (123),Current Score\n"
        '"    Points Possible",,,,,10,\n'
        '"One, Ann",101,S-77,ann1,Lab A,,\n"Student, Test",9,,,Lab A,,\n'
    )
    made = read(tmp_path, text)
    [ann] = made.people
    assert (ann.student, ann.lms_user_id, ann.group) == ("ann1", "101", "Lab A")
    assert (ann.first_name, ann.last_name) == ("Ann", "One")
    assert "s-77" in ann.keys
    assert ann.lms == "canvas"
    assert made.notes == ()


def test_moodle_worksheet_is_a_roster(tmp_path):
    text = (
        "Identifier,Full name,ID number,Email address,Status,Grade,Maximum Grade,"
        '"Last modified (submission)","Feedback comments"\n'
        "Participant 811,Ann One,,a@x.test,Submitted,,10,"
        '"Tuesday, 1 December 2026, 1:05 PM",\n'
        '"Teilnehmer/in 812",Ben Two,,b@x.test,-,,10.00,-,\n'
    )
    ann, ben = read(tmp_path, text, zone=ZoneInfo("Europe/Berlin")).people
    assert (ann.submitted, ben.submitted) == (datetime(2026, 12, 1, 12, 5), None)
    other = read(tmp_path, text.replace("Tuesday, 1 December", "Dienstag, 1. Dezember"))
    assert other.people[0].submitted is None
    assert "'Last modified (submission)' has times that are not read" in other.notes[0]
    assert (ann.student, ann.lms_user_id) == ("a@x.test", "811")
    assert (ben.student, ben.lms_user_id) == ("b@x.test", "812")
    assert ann.lms == "moodle"
    named = read(
        tmp_path, text.replace("One,,", "One,4711,").replace("Two,,", "Two,2,")
    )
    assert [person.student for person in named.people] == ["4711", "2"]


@pytest.mark.parametrize(
    ("column", "lms"),
    [
        *[("lms id", ""), ("Canvas ID", "canvas"), ("moodle_id", "moodle")],
        *[("participant", "moodle"), ("email", "")],
    ],
)
def test_column_says_whose_the_numbers_are(tmp_path, column, lms):
    [person] = read(tmp_path, f"student,{column}\nann,12\n").people
    assert person.lms == lms


def test_extensions_are_days_or_dates(tmp_path):
    text = "student;extension\na;3\nb;1,5\nc;2 days\nd;2026-12-05\ne;5.12.2026 12:00\n"
    text += "f;2026-12-05 12:00 UTC\ng;\nh;-\n"
    zone = ZoneInfo("Europe/Berlin")
    found = {p.student: p.extension for p in read(tmp_path, text, zone=zone).people}
    assert found == {
        "a": timedelta(days=3),
        "b": timedelta(days=1.5),
        "c": timedelta(days=2),
        "d": datetime(2026, 12, 5, 22, 59, 59),
        "e": datetime(2026, 12, 5, 11),
        "f": datetime(2026, 12, 5, 12),
        "g": None,
        "h": None,
    }


MISTAKES = {
    "empty": ("", "it is empty; expected a row of column names"),
    "nobody": ("student,name\n", "no student in it"),
    "no id": ("name,email\n", "no student in it"),
    "no column": ("name,group\nAnn,A\n", "no column 'student' with the ids; there are"),
    "empty id": ("student,name\n,Ann One\n", "row 2: no student id (of Ann One)"),
    "twice": ("student\ns1\ns2\ns1\n", "row 4: student 's1' is in row 2 too"),
    "twice but for case": ("student\ns1\nS1\n", "row 3: student 'S1' is in row 2 too"),
    "number twice": (
        "student,canvas id\ns1,7\ns2,7\n",
        "row 3: lms id '7' is in row 2 too",
    ),
    "e-mail twice": (
        "student,mail\ns1,a@x.test\ns2,A@x.test\n",
        "row 3: email 'A@x.test' is in row 2 too",
    ),
    "bad date": (
        "student,extension\ns1,soon\n",
        "row 2: extension: 'soon' is no date; write it as 2026-12-01 23:59 "
        "Europe/Berlin, or the number of days",
    ),
    "no such day": (
        "student,due\ns1,2026-02-30\n",
        "row 2: extension: '2026-02-30' is no",
    ),
    "month or day": ("student,due\ns1,12/05/2026\n", "'12/05/2026' is no date"),
    "no zone": (
        "student,due\ns1,2026-12-05 10:00 Nowhere/X\n",
        "'Nowhere/X' is no time",
    ),
    "no time": ("student,submitted\ns1,late\n", "row 2: submitted: 'late' is no date"),
    "typing error": (
        "student,extention\ns1,3\n",
        "unknown column 'extention'; is it 'extension'?",
    ),
    "column twice": ("student,name,name\ns1,a,b\n", "more than one column 'name'"),
    "too many fields": (
        "student,name\ns1,One, Ann\n",
        "row 2: 3 fields, the first row",
    ),
    "open quote": ('student,name\ns1,"Ann\n', "row 2: unexpected end of data"),
    "a path": ("student\n../../etc\n", "cannot be a name in the gradebook"),
    "above": ("student\n..\n", "row 2: student '..' cannot be a name in the gradebook"),
    "markup": ("student\n<b>x</b>\n", "cannot be a name in the gradebook"),
    "unseen": ("student\na\u202eb\n", r"student 'a\u202eb' cannot be"),
    "long": (f"student\n{'x' * 300}\n", "row 2: student 'xxxxx"),
    "long e-mail": (
        f"student,email\ns1,{'x' * 300}\n",
        "row 2: email has more than 128",
    ),
    "shortened": (
        "student\n1.23457E+11\n",
        "a number that a spreadsheet has shortened",
    ),
    "not UTF-8": (
        b"student\nJos\xe9\n",
        "byte 11 is not UTF-8; save it as 'CSV UTF-8'",
    ),
    "UTF-16": ("student\ns1\n".encode("utf-16"), "byte 0 is not UTF-8"),
    "a workbook": (
        b"PK\x03\x04\0\0",
        "no text, it has null characters; save it as CSV",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake_is_named(tmp_path, mistake):
    text, said = MISTAKES[mistake]
    assert said in refused(tmp_path, text)


def test_all_mistakes_are_named_at_once_but_not_hundreds(tmp_path):
    said = refused(tmp_path, "student,due\n" + "s1,never\n" * 50)
    assert said.count("\n") == roster.MOST_ERRORS
    assert "row 2:" in said and "row 11:" in said and "and 40 more" in said


def test_columns_that_are_not_used_are_named(tmp_path):
    made = read(tmp_path, "student,phone,Remarks\ns1,1,x\n")
    assert made.notes == ("columns that are not used: 'phone', 'Remarks'",)


def test_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(RosterError, match="none.csv: cannot be read"):
        roster.read(tmp_path / "none.csv")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-12-01 23:59 Europe/Berlin", "2026-12-01 22:59:00"),
        ("2026-07-01 23:59 Europe/Berlin", "2026-07-01 21:59:00"),
        ("2026-12-01T23:59:00Z", "2026-12-01 23:59:00"),
        ("2026-12-01 23:59:10.123456 UTC", "2026-12-01 23:59:10.123456"),
        ("2026-12-01 23:59 +0530", "2026-12-01 18:29:00"),
        ("2026-12-01 23:59-05:00", "2026-12-02 04:59:00"),
        ("1.12.2026 Europe/Berlin", "2026-12-01 22:59:59"),
        ("2026-10-25 02:30 Europe/Berlin", "2026-10-25 01:30:00"),  # the later one
    ],
)
def test_date_is_turned_into_utc(text, expected):
    assert str(dates.parse(text, None)) == expected


@pytest.mark.parametrize("text", ["2026-12-01 23:59", "2026-12-01"])
def test_time_without_a_zone_can_be_refused(text):
    with pytest.raises(ValueError, match="names no time zone"):
        dates.parse(text, None)
    assert dates.parse(text).day == 1


@pytest.mark.parametrize(
    "text",
    ["", "tomorrow", "2026-13-01", "2026-12-01 25:00", "0000-01-01", "2026-1-1 x"],
)
def test_what_is_no_date_is_refused(text):
    with pytest.raises(ValueError, match=r"is no (date|time zone)"):
        dates.parse(text)
