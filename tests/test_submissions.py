"""A class is found wherever teachers have it, and no archive does harm."""

from __future__ import annotations

import io
import os
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path

import pytest

from autograder import submissions
from autograder.errors import CourseError, SubmissionError
from autograder.intake import places, roster

A, B, C = b"first", b"second", b"third"


def zipped(path: Path, entries: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return path


def unpacked(path: Path, entries: dict[str, bytes]) -> Path:
    for name, content in entries.items():
        folder = path / name if name.endswith("/") else (path / name).parent
        folder.mkdir(parents=True, exist_ok=True)
        if not name.endswith("/"):
            (path / name).write_bytes(content)
    return path


def contents(found: submissions.Class) -> dict[str, bytes | None]:
    return {item.student: item.read().content for item in found.hand_ins}


def notes(found: submissions.Class, student: str) -> str:
    [item] = [item for item in found.hand_ins if item.student == student]
    submission = item.read()
    return "; ".join([submission.problem, *submission.notes]).strip("; ")


MOODLE_FOLDERS = {
    "Student One_11_assignsubmission_file/auto.ipynb": A,
    "Student Two_12_assignsubmission_file_/drafts/draft.ipynb": B,
    "Student Two_12_assignsubmission_onlinetext/onlinetext.html": b"<p>",
    "Student Three_13_assignsubmission_onlinetext_/onlinetext.html": b"<p>",
}
#: What teachers have, the words for it, and whose is what.
CLASSES = {
    "folders": (
        {"ann/auto.ipynb": A, "ben/auto.ipynb": B, "ben/notes.txt": b"x"},
        "one for each student",
        {"ann": A, "ben": B},
    ),
    "flat": (
        {"ann.ipynb": A, "ben.ipynb": B, "list.csv": b"x"},
        "notebooks named after their students",
        {"ann": A, "ben": B},
    ),
    "flat, with the assignment": (
        {"ann_auto.ipynb": A, "auto-ben_2.ipynb": B},
        "notebooks named after their students",
        {"ann": A, "ben_2": B},
    ),
    "flat, some with the assignment": (
        {"ann_auto.ipynb": A, "ben.ipynb": B},
        "notebooks named after their students",
        {"ann_auto": A, "ben": B},
    ),
    "canvas": (
        {
            "onestudent_101_9001_auto.ipynb": C,
            "onestudent_101_9007_auto-1.ipynb": A,
            "onestudent_101_9008_data.csv": b"x",
            "twostudent_LATE_102_9002_auto.ipynb": B,
            "threestudent_103_text.html": b"<p>",
            "groupa2_104_9010_my_file_7.ipynb": C,
        },
        "a download from Canvas",
        {
            "onestudent_101": A,
            "twostudent_102": B,
            "threestudent_103": None,
            "groupa2_104": C,
        },
    ),
    "canvas without names": (
        {"anon_x7Qf2_9001_auto.ipynb": A, "LATE_anon_Y01ab_9002_auto.ipynb": B},
        "a download from Canvas",
        {"anon_x7Qf2": A, "anon_Y01ab": B},
    ),
    "moodle": (
        MOODLE_FOLDERS,
        "a download from Moodle",
        {"Student One": A, "Student Two": B, "Student Three": None},
    ),
    "moodle, flat": (
        {
            "Student One_11_assignsubmission_file_auto.ipynb": A,
            "Group B-Student Two_12_assignsubmission_file_my_draft.ipynb": B,
            "Student Two_12_assignsubmission_onlinetext_onlinetext.html": b"<p>",
        },
        "a download from Moodle",
        {"Student One": A, "Group B-Student Two": B, "Student Two": None},
    ),
    "moodle without names": (
        {"Participant_11_assignsubmission_file/auto.ipynb": A},
        "a download from Moodle",
        {"Participant_11": A},
    ),
    "exchange": (
        {
            "ann+auto+2026-11-20 10:00:00.000001 UTC+Ab_-12/auto.ipynb": C,
            "ann+auto+2026-11-21 10:00:00.000001 UTC+zz/auto.ipynb": A,
            "a+b+auto+2026-11-20 10:00:00.5 UTC/auto.ipynb": B,
            "ann+other+2026-11-22 10:00:00.000001 UTC+zz/other.ipynb": C,
        },
        "nbgrader's exchange",
        {"ann": A, "a+b": B},
    ),
    "submitted": (
        {
            "ann/auto/auto.ipynb": A,
            "ann/other/other.ipynb": C,
            "ben/auto/auto.ipynb": B,
            "cat/other/other.ipynb": C,
        },
        "nbgrader's folder of submissions",
        {"ann": A, "ben": B},
    ),
}


TOPS = {
    "folders": ["", "top/"],  # that one in a zip file alone: else it is a student's
    "flat": [""],
    "exchange": ["", "top/", "inbound/", "course/inbound/"],
    "submitted": ["", "top/", "submitted/", "course/submitted/"],
}
PLACES = [
    (kind, top, make)
    for kind in CLASSES
    for top in TOPS.get(kind.partition(",")[0], ["", "top/"])
    for make in (zipped, unpacked)
    if not (kind == "folders" and top and make is unpacked)
]


@pytest.mark.parametrize(("kind", "top", "make"), PLACES)
def test_class_is_recognised(tmp_path, kind, top, make):
    entries, said, expected = CLASSES[kind]
    files = {f"{top}{name}": content for name, content in entries.items()}
    found = submissions.collect(make(tmp_path / "class.zip", files), "auto")
    assert said in found.kind
    assert contents(found) == expected


def test_what_was_not_taken_is_said(tmp_path):
    made = {
        kind: submissions.collect(
            zipped(tmp_path / f"{kind}.zip", CLASSES[kind][0]), "auto"
        )
        for kind in CLASSES
    }
    canvas, moodle = made["canvas"], made["moodle"]
    for kind, found in made.items():
        assert found.lms == (kind[:6] if kind[:6] in ("canvas", "moodle") else "")
    assert "the last, auto-1.ipynb, was taken" in notes(canvas, "onestudent_101")
    assert "marked late by Canvas" in notes(canvas, "twostudent_102")
    assert "a text or a link was handed in" in notes(canvas, "threestudent_103")
    assert "the notebook was named my_file_7.ipynb" in notes(canvas, "groupa2_104")
    assert "typed into Moodle was not read" in notes(moodle, "Student Two")
    assert "named drafts/draft.ipynb" in notes(moodle, "Student Two")
    assert "and no notebook" in notes(moodle, "Student Three")
    assert "handed in 2 times" in notes(made["exchange"], "ann")
    assert made["exchange"].notes == ("of other assignments: 1 left aside",)
    assert made["submitted"].notes == ("without a folder auto: 1 (cat)",)
    assert "1 (list.csv)" in made["flat"].notes[0]


def test_participants_of_one_name_stay_two(tmp_path):
    files = {
        f"Student One_{n}_assignsubmission_file/auto.ipynb": b"%d" % n for n in (1, 2)
    }
    found = submissions.collect(zipped(tmp_path / "class.zip", files), "auto")
    assert contents(found) == {"Student One_1": b"1", "Student One_2": b"2"}


def test_newest_of_an_exchange_counts_by_time_and_zone(tmp_path):
    times = ["2026-11-20 10:00:00 UTC", "2026-11-20 10:30:00 +0100", "2026-11-20 1"]
    files = {f"ann+auto+{t}+x/auto.ipynb": t.encode() for t in times[:2]}
    files |= {f"ann+auto+{t}+x/timestamp.txt": t.encode() for t in times[:2]}
    [item] = submissions.find(unpacked(tmp_path, files), "auto")
    submission = item.read()
    assert submission.content == times[0].encode()
    assert f"{submission.submitted}" == "2026-11-20 10:00:00"


def test_time_that_differs_from_the_folders_makes_nobody_earlier(tmp_path):
    folder = "ann+auto+2026-11-20 10:00:00 UTC+x"
    files = {f"{folder}/auto.ipynb": A}
    for stamp, expected in (
        ("2026-11-01 10:00:00 UTC", "2026-11-20 10:00:00"),
        ("2026-11-30 10:00:00 UTC", "2026-11-30 10:00:00"),
        ("yesterday", "2026-11-20 10:00:00"),
        ("", "2026-11-20 10:00:00"),
    ):
        files[f"{folder}/timestamp.txt"] = stamp.encode()
        [item] = submissions.find(unpacked(tmp_path, files), "auto")
        assert str(item.submitted) == expected
        assert "timestamp.txt" in item.notes[0]


def test_time_beside_a_notebook_is_read(tmp_path):
    files = {"ann/auto.ipynb": A, "ann/timestamp.txt": b"2026-11-20 10:00:00 UTC\n"}
    for place in (unpacked(tmp_path / "a", files), zipped(tmp_path / "z", files)):
        [item] = submissions.find(place, "auto")
        assert (str(item.submitted), item.notes) == ("2026-11-20 10:00:00", ())


AMBIGUOUS = {
    "loose and folders": ({"ann/auto.ipynb": A, "b.ipynb": B}, ("folders", "flat")),
    "canvas and not": (
        {"ann_1_2_auto.ipynb": A, "ben.ipynb": B},
        ("canvas", "flat"),
    ),
    "nameless": ({"auto.ipynb": A}, ("flat",)),
    "two in one": ({"top/a.ipynb": A, "top/b.ipynb": B}, ("folders", "flat")),
}


@pytest.mark.parametrize("case", AMBIGUOUS)
def test_what_could_be_two_things_is_asked_and_can_be_said(tmp_path, case):
    files, ways = AMBIGUOUS[case]
    place = zipped(tmp_path / "class.zip", files)
    with pytest.raises(CourseError, match=r"class\.zip: .*; say --format") as raised:
        submissions.collect(place, "auto")
    for way in ways:
        assert f"--format {way} for" in str(raised.value)
        assert submissions.collect(place, "auto", way).hand_ins


def test_format_that_does_not_fit_is_said(tmp_path):
    place = zipped(tmp_path / "class.zip", {"ann/auto.ipynb": A})
    with pytest.raises(CourseError, match="read as a download from Canvas; expected"):
        submissions.collect(place, "auto", "canvas")


def test_empty_exchange_is_no_class_of_folders(tmp_path):
    unpacked(tmp_path, {"inbound/": b"", "outbound/auto/auto.ipynb": A})
    with pytest.raises(CourseError, match="nothing that was handed in for auto"):
        submissions.collect(tmp_path, "auto")


def test_exchange_of_several_courses_is_asked_for_one(tmp_path):
    unpacked(tmp_path, {"one/inbound/": b"", "two/inbound/": b"", "two/outbound/": b""})
    with pytest.raises(CourseError, match=r"exchange of 2 courses \(one, two\); name"):
        submissions.collect(tmp_path, "auto")


def test_folder_with_the_archive_says_so(tmp_path):
    zipped(tmp_path / "class.zip", {"ann/auto.ipynb": A})
    with pytest.raises(CourseError, match="if class.zip is the class, name that"):
        submissions.collect(tmp_path, "auto")


def test_folder_that_cannot_be_read_has_a_row(tmp_path, monkeypatch):
    unpacked(tmp_path, {"ann/auto.ipynb": A, "ben/auto.ipynb": B})
    look = os.scandir

    def scan(path):
        if str(path).endswith("ann"):
            raise PermissionError(13, "Permission denied", str(path))
        return look(path)

    monkeypatch.setattr(os, "scandir", scan)
    assert problem(tmp_path) == "the folder ann cannot be read (Permission denied)"


# Who is who


ROSTER = """\
student,first name,last name,email,lms id
s1,Ann,One,ann@x.test,101
s2,Ben,Two Three,ben@x.test,102
s3,Jo,Zoë,jo@x.test,
s4,Sam,Same,,104
s5,Sam,Same,,105
"""


@pytest.fixture
def people(tmp_path):
    path = tmp_path / "roster.csv"
    path.write_text(ROSTER, "utf-8")
    return roster.read(path)


#: Files that the student s1, s2 or s3 handed in.
SENT = {
    "the id": {"s1/auto.ipynb": A, "s2/auto.ipynb": B},
    "another case": {"S1/auto.ipynb": A, "s2/auto.ipynb": B},
    "e-mail": {"ann@x.test.ipynb": A, "BEN@x.test.ipynb": B},
    "the name": {"Ann One/auto.ipynb": A, "Two Three, Ben/auto.ipynb": B},
    "underscores": {"one_ann/auto.ipynb": A, "Ben_Two_Three/auto.ipynb": B},
    "canvas": {"x_101_1_auto.ipynb": A, "y_LATE_102_2_auto.ipynb": B},
    "canvas, by name": {"oneann_7_1_auto.ipynb": A, "twothreeben_8_2_auto.ipynb": B},
    "moodle": {
        "X Y_101_assignsubmission_file/a.ipynb": A,
        "Participant_102_assignsubmission_file/a.ipynb": B,
    },
    "moodle, by name": {
        "Ann One_7_assignsubmission_file/a.ipynb": A,
        "Group A-Ben Two Three_8_assignsubmission_file/a.ipynb": B,
    },
    "exchange": {
        "s1+auto+2026-11-20 10:00:00 UTC/auto.ipynb": A,
        "s2+auto+2026-11-20 10:00:00 UTC/auto.ipynb": B,
    },
}


@pytest.mark.parametrize("way", SENT)
def test_student_is_known_by(tmp_path, people, way):
    place = zipped(tmp_path / "class.zip", SENT[way])
    found = submissions.collect(place, "auto", roster=people)
    assert contents(found) == {"s1": A, "s2": B}
    assert [person.student for person in found.missing] == ["s3", "s4", "s5"]


def test_accents_are_the_same_in_both_ways_to_write_them(tmp_path, people):
    place = zipped(tmp_path / "class.zip", {"Jo Zoe\u0308/auto.ipynb": A})
    assert contents(submissions.collect(place, "auto", roster=people)) == {"s3": A}
    [item] = submissions.find(place, "auto")
    assert (item.student, item.notes) == ("Jo Zo\u00eb", ())


def test_two_that_would_share_a_name_have_one_each(tmp_path, people):
    files = {"Zo\u00eb/auto.ipynb": A, "Zoe\u0308/auto.ipynb": B}
    files["Zo\u00eb-2/auto.ipynb"] = C
    place = unpacked(tmp_path / "class", files)
    for known in (None, people):
        found = submissions.collect(place, "auto", roster=known)
        assert sorted(contents(found).values()) == sorted([A, B, C])
        assert contents(found)["Zo\u00eb-2"] == C


def test_nobody_on_the_roster_is_kept_and_named(tmp_path, people):
    files = {"s1": A, "ghost": B, "Sam Same": C, "Ann One": b"4", "x+y": b"5"}
    files = {f"{name}/auto.ipynb": content for name, content in files.items()}
    place = zipped(tmp_path / "class.zip", files)
    found = submissions.collect(place, "auto", roster=people)
    assert contents(found) == {name.split("/")[0]: files[name] for name in files}
    assert "not on the roster" in notes(found, "ghost")
    assert "more than one on the roster could be meant (s4, s5)" in (
        notes(found, "Sam Same")
    )
    assert "s1 of the roster has another one" in notes(found, "Ann One")
    assert "not on the roster, but graded: 4 (Ann One," in "".join(found.notes)


def test_number_and_name_of_two_students_are_nobodys(tmp_path, people):
    files = {"Ben Two Three_101_assignsubmission_file/a.ipynb": A}
    place = zipped(tmp_path / "class.zip", files)
    found = submissions.collect(place, "auto", roster=people)
    assert "its number is that of s1 on the roster, its name that of s2" in (
        notes(found, "Ben Two Three")
    )


def test_stranger_cannot_take_a_students_name(tmp_path, people):
    """Two Moodle participants, one of whom is called as another's id is."""
    files = {"s1/auto.ipynb": A, "S1/auto.ipynb": B}
    found = submissions.collect(unpacked(tmp_path, files), "auto", roster=people)
    assert contents(found)["s1"] == A
    assert contents(found)["S1"] == B


# Archives that are made to do harm


def refusal(place: Path) -> str:
    with pytest.raises(SubmissionError, match="class") as raised:
        submissions.find(place, "auto")
    return str(raised.value)


def problem(place: Path, student: str = "ann") -> str:
    """Return why a student's hand-in is refused, while the other one is taken."""
    found = {item.student: item.read() for item in submissions.find(place, "auto")}
    assert found["ben"].content == B
    assert found[student].content is None
    return found[student].problem


BEN = {"ben/auto.ipynb": B}


@pytest.mark.parametrize(
    "name",
    [
        *("/etc/auto.ipynb", "ann/../../auto.ipynb", "..\\auto.ipynb", "C:/auto.ipynb"),
        *("c:auto.ipynb", "\\\\host\\share\\auto.ipynb", "ann/../ben/auto.ipynb"),
    ],
)
def test_archive_that_leads_out_is_refused(tmp_path, name):
    place = zipped(tmp_path / "class.zip", {**BEN, name: A})
    assert "leads out of the archive" in refusal(place)


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        *((0o120777, "is a link"), (0o020644, "neither a file nor a folder")),
        *((0o060644, "neither a file"), (0o010644, "neither"), (0o140644, "neither")),
    ],
)
def test_archive_with_links_or_devices_is_refused(tmp_path, kind, word):
    place = tmp_path / "class.zip"
    with zipfile.ZipFile(place, "w") as archive:
        entry = zipfile.ZipInfo("ann/auto.ipynb")
        entry.external_attr = kind << 16
        archive.writestr(entry, "/etc/passwd")
    assert word in refusal(place)
    assert "ann/auto.ipynb" in refusal(place)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    ("one", "two", "words"),
    [
        ("ann/auto.ipynb", "ann/auto.ipynb", "holds ann/auto.ipynb twice"),
        ("ann/auto.ipynb", "ann\\auto.ipynb", "holds ann/auto.ipynb twice"),
        ("ann/auto.ipynb", "ann/Auto.ipynb", "one name on some systems"),
        ("ann/auto.ipynb", "ANN/auto.ipynb", "one name on some systems"),
        ("zoë/auto.ipynb", "zoe\u0308/auto.ipynb", "one name on some systems"),
    ],
)
def test_name_that_is_there_twice_costs_its_student(tmp_path, one, two, words):
    place = tmp_path / "class.zip"
    with zipfile.ZipFile(place, "w") as archive:
        for name, content in ((one, A), ("ben/auto.ipynb", B), (two, C)):
            archive.writestr(name, content)
    assert words in problem(place, one.partition("/")[0])


def test_encrypted_entry_costs_its_student(tmp_path):
    place = zipped(tmp_path / "class.zip", {"ann/auto.ipynb": A, **BEN})
    set_flags(place, {"ann/auto.ipynb": 1})
    assert problem(place) == "ann/auto.ipynb is encrypted: refused"
    set_flags(place, {"ann/auto.ipynb": 1, "ben/auto.ipynb": 1})
    assert "it is encrypted; unpack it" in refusal(place)


def set_flags(place: Path, flags: dict[str, int]) -> None:
    """Set the bit that says so in an archive's table of contents."""
    data = bytearray(place.read_bytes())
    start = 0
    while (start := data.find(b"PK\x01\x02", start)) >= 0:
        length = struct.unpack_from("<H", data, start + 28)[0]
        name = data[start + 46 : start + 46 + length].decode()
        data[start + 8] |= flags.get(name, 0)
        start += 46
    place.write_bytes(data)


BOMB = 30 * 2**20  # bytes of nothing


@pytest.mark.parametrize(
    "method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
def test_bomb_costs_its_student_and_is_not_unpacked(tmp_path, method):
    place = tmp_path / "class.zip"
    with zipfile.ZipFile(place, "w", method) as archive:
        archive.writestr("ann/auto.ipynb", bytes(BOMB))
        archive.writestr("ben/auto.ipynb", B)
    assert "refused as a zip bomb" in problem(place)


@pytest.mark.parametrize(
    "method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
def test_bomb_that_says_it_is_small_is_not_unpacked(tmp_path, method, monkeypatch):
    place = tmp_path / "class.zip"
    with zipfile.ZipFile(place, "w", method) as archive:
        archive.writestr("ann/auto.ipynb", bytes(BOMB))
        archive.writestr("ben/auto.ipynb", B)
    packed = zipfile.ZipFile(place).getinfo("ann/auto.ipynb").compress_size
    data = place.read_bytes().replace(
        struct.pack("<LL", packed, BOMB), struct.pack("<LL", packed, 2 * packed)
    )
    place.write_bytes(data)
    largest = 0
    unpack = places._unpack

    def watched(archive, info):
        nonlocal largest
        content = unpack(archive, info)
        largest = max(largest, len(content))
        return content

    monkeypatch.setattr(places, "_unpack", watched)
    assert "damaged: its content is not what the archive says" in problem(place)
    assert largest < BOMB / 2


def test_ordinary_zeros_are_unpacked(tmp_path):
    """The proof that the tests above could fail."""
    content = bytes(places.SMALL)
    for method in (zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        place = tmp_path / f"{method}.zip"
        with zipfile.ZipFile(place, "w", method) as archive:
            archive.writestr("ann/auto.ipynb", content)
        [item] = submissions.find(place, "auto")
        assert item.read().content == content


def test_entries_that_overlap_are_refused(tmp_path):
    place = zipped(tmp_path / "class.zip", {"ann/auto.ipynb": A, **BEN})
    data = bytearray(place.read_bytes())
    second = data.rfind(b"PK\x01\x02")
    data[second + 42 : second + 46] = struct.pack("<L", 0)  # where the first one is
    place.write_bytes(data)
    assert "overlaps" in refusal(place)


def test_too_many_entries_are_refused(tmp_path, monkeypatch):
    place = zipped(tmp_path / "class.zip", {f"s{n}/auto.ipynb": A for n in range(50)})
    monkeypatch.setattr(places, "MOST_ENTRIES", 49)
    assert "50 entries, the limit is 49" in refusal(place)
    monkeypatch.setattr(places, "LARGEST_INDEX", 1000)
    assert "refused, its table of contents has" in refusal(place)


def test_total_of_nothing_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(places, "LARGEST_TOTAL", 2 * 2**20)
    files = {f"s{n}/auto.ipynb": bytes(2**20) for n in range(3)}
    assert "refused as a zip bomb" in refusal(zipped(tmp_path / "class.zip", files))


def test_archive_in_a_hand_in_is_not_opened(tmp_path):
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("auto.ipynb", A)
    files = {"ann/work.zip": inner.getvalue(), **BEN}
    found = problem(zipped(tmp_path / "class.zip", files))
    assert found == "no notebook in the student's folder; work.zip is not opened"


def tar(mode: str) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as archive:
        archive.addfile(tarfile.TarInfo("ann/auto.ipynb"), io.BytesIO())
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "word"),
    [
        *((tar("w"), "a tar archive"), (tar("w:gz"), "a gzip file, perhaps a tar")),
        *((tar("w:bz2"), "a bzip2 file"), (tar("w:xz"), "an xz file")),
        *((b"7z\xbc\xaf\x27\x1c" + bytes(99), "7-Zip"), (b"Rar!\x1a\x07", "RAR")),
        (b"hello", "neither a folder nor a zip file"),
        (b"", "neither a folder nor a zip file"),
    ],
)
def test_other_archive_is_named(tmp_path, content, word):
    place = tmp_path / "class.zip"
    place.write_bytes(content)
    assert word in refusal(place)


def test_notebook_alone_is_no_class(tmp_path):
    place = tmp_path / "class.ipynb"
    place.write_bytes(A)
    assert "put it into a folder with the student's name" in refusal(place)


def raw(place: Path, old: bytes, new: bytes) -> None:
    assert len(old) == len(new)
    place.write_bytes(place.read_bytes().replace(old, new))


def test_name_with_a_null_is_refused(tmp_path):
    place = zipped(tmp_path / "class.zip", {"ann/auto.ipynbX": A, **BEN})
    raw(place, b"ann/auto.ipynbX", b"ann/auto.ipynb\0")
    assert "has a null character in its name" in refusal(place)


def test_entry_without_a_name_is_passed_over(tmp_path):
    place = tmp_path / "class.zip"
    with zipfile.ZipFile(place, "w") as archive:
        archive.writestr("X", A)
        archive.writestr("ben/auto.ipynb", B)
    data = bytearray(place.read_bytes())
    start = data.find(b"PK\x01\x02")
    data[start + 46] = ord(".")  # the folder itself
    place.write_bytes(data)
    assert contents(submissions.collect(place, "auto")) == {"ben": B}


def test_file_with_the_name_of_a_folder_is_passed_over(tmp_path):
    files = {"top": C, "top/ann/auto.ipynb": A, "top/ben/auto.ipynb": B}
    found = submissions.collect(
        zipped(tmp_path / "class.zip", files), "auto", "folders"
    )
    assert found.hand_ins


def test_name_that_cannot_be_decoded_is_refused(tmp_path):
    place = zipped(tmp_path / "class.zip", {"zoë/auto.ipynb": A, **BEN})
    raw(place, "zoë".encode(), b"zo\xff\xff")
    assert "a name that cannot be decoded" in refusal(place)


def test_names_of_macos_are_utf_8_though_they_do_not_say_so(tmp_path):
    place = zipped(tmp_path / "class.zip", {"zoë/auto.ipynb": A, **BEN})
    data = bytearray(place.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = data.find(mark)
        data[start + offset + 1] &= ~0x08
    place.write_bytes(data)
    assert contents(submissions.collect(place, "auto")) == {"zoë": A, "ben": B}


ODD = {
    "control": "an\x1b[31mn",
    "right to left": "ann\u202egpj",
    "unseen": "a\u200bnn",
    "reserved": "CON",
    "reserved, with an ending": "nul.txt",
    "long": "a" * 3000,
    "dots": "...",
    "blank": " ann ",
}


@pytest.mark.parametrize("kind", ODD)
def test_odd_name_is_changed_and_said(tmp_path, kind):
    name = ODD[kind]
    files = {f"{name}_1_assignsubmission_file/{name}.ipynb": A}
    files["Ben Two_2_assignsubmission_file/auto.ipynb"] = B
    place = zipped(tmp_path / "class.zip", files)
    for item in submissions.find(place, "auto"):
        submission = item.read()
        if submission.content == B:
            continue
        shown = [item.student, *item.notes]
        assert not any(c in "".join(shown) for c in "\x1b\u202e\u200b")
        assert max(map(len, shown)) < 300
        assert item.student not in ("CON", "nul.txt", ".", "..")
        assert "/" not in item.student and not item.student.startswith(".")
        assert submission.content == A


@pytest.mark.parametrize("name", ["..", ".", "CON", "..\\x", ".hidden"])
def test_user_of_an_exchange_cannot_be_a_path(tmp_path, name):
    folder = f"{name}+auto+2026-11-20 10:00:00 UTC"
    place = tmp_path / "class"
    [item] = submissions.find(unpacked(place, {f"{folder}/auto.ipynb": A}), "auto")
    course = tmp_path / "out"
    path = course / "submitted" / item.student / "auto"
    assert path.resolve().parent.parent == (course / "submitted").resolve()
    assert item.student not in (name, "", ".", "..")
    assert "the folder was named" in item.notes[0]


def test_damaged_entry_is_said(tmp_path):
    place = zipped(tmp_path / "class.zip", {"ann/auto.ipynb": A, **BEN})
    crc = struct.pack("<L", zlib.crc32(A))
    place.write_bytes(place.read_bytes().replace(crc, b"\0\0\0\0"))
    assert "damaged" in problem(place)


def test_entries_are_read_one_at_a_time(tmp_path, monkeypatch):
    """Nothing is kept of one hand-in when the next is read."""
    read = []
    unpack = places._unpack
    monkeypatch.setattr(
        places, "_unpack", lambda a, i: read.append(i.filename) or unpack(a, i)
    )
    place = zipped(tmp_path / "class.zip", {"ann/auto.ipynb": A, **BEN})
    found = submissions.find(place, "auto")
    assert read == []
    for number, item in enumerate(found, start=1):
        item.read()
        assert len(read) == number
