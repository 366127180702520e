"""The list of a class: who the students are, as a table that spreadsheets write.

A CSV file with a line of column names; all but the first are optional, in any order
and any case:

==============  ======================================================================
``student``     the name in the gradebook; also *student id*, *username*, *login*, *sis
                login id*, *id number*, *sis user id* or *id*
``name``        the full name, also *full name*; or ``first name`` and ``last name``
``email``       also *email address*
``lms id``      Canvas's number of the user, Moodle's of the participant; also *canvas
                id*, *moodle id*, *participant* or *identifier*
``group``       also *groups* or *section*
``extension``   days, or the student's own due date; also *due* or *due date*
``submitted``   when the student handed in, where the archive does not say it
==============  ======================================================================

Canvas's export of its gradebook and Moodle's grading worksheet, in English, can be read
as they are.
"""

from __future__ import annotations

import csv
import difflib
import io
import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

from autograder.errors import RosterError
from autograder.intake import dates, names
from autograder.intake.layouts import Sender

LARGEST = 20 * 2**20  # bytes
LONGEST = 128  # characters that nbgrader's columns hold
MOST_ERRORS = 10  # that are named at once
#: Names of each column, the preferred ones first.
COLUMNS = {
    "student": (
        *("student id", "student", "username", "user name", "login", "login id"),
        *("sis login id", "id number", "sis user id", "id"),
    ),
    "name": ("name", "full name", "student name", "display name", "student"),
    "first_name": ("first name", "given name"),
    "last_name": ("last name", "surname", "family name"),
    "email": ("email", "e mail", "email address", "e mail address", "mail"),
    "lms_user_id": (
        *("lms id", "lms user id", "canvas id", "canvas user id", "moodle id"),
        *("participant", "participant id", "identifier"),
    ),
    "sis_id": ("sis id", "sis user id", "sis login id", "id number", "username", "id"),
    "group": ("group", "groups", "section"),
    "extension": ("extension", "extension days", "due", "due date", "extended until"),
    "submitted": ("submitted", "submitted at", "last modified (submission)"),
}
#: Columns of Canvas's and Moodle's own files that are of no use here.
KNOWN = re.compile(
    r"status|grade|maximum grade|grade can be changed|last modified \(grade\)|"
    r"feedback comments|online text|.* \(\d+\)|(?:.* )?(?:current|final|unposted).*|"
    r"root account|integration id"
)
#: As Moodle writes them in English; other languages' are left aside, with a note.
MOODLE_TIMES = ("%A, %d %B %Y, %I:%M %p", "%A, %d %B %Y, %H:%M")
SHORTENED = re.compile(r"\d[.,]\d+E\+\d+")  # what a spreadsheet makes of a long number


@dataclass(frozen=True)
class Person:
    """A student on the roster.

    Parameters
    ----------
    student
        The name in the gradebook.
    first_name, last_name, email, lms_user_id, group
        As on the roster; empty where it has none.
    lms
        Whose number the ``lms_user_id`` is, "canvas" or "moodle"; empty if the column's
        name does not say.
    names
        The ways in which the full name may be written.
    keys
        Other ids of the student.
    extension
        How much later the work is due, or when, in UTC; None for no later.
    submitted
        When it was handed in, in UTC, if the roster says so.
    """

    student: str
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    lms_user_id: str = ""
    group: str = ""
    lms: str = ""
    names: frozenset[str] = frozenset()
    keys: frozenset[str] = frozenset()
    extension: timedelta | datetime | None = None
    submitted: datetime | None = None

    @property
    def full_name(self) -> str:
        """First and last name, as far as they are known."""
        return " ".join(filter(None, (self.first_name, self.last_name)))


@dataclass(frozen=True)
class Roster:
    """A class's students.

    Parameters
    ----------
    people
        In the order of the file.
    columns
        What the file says of them.
    notes
        What there is to say about the file.
    """

    people: tuple[Person, ...]
    columns: frozenset[str]
    notes: tuple[str, ...] = ()

    def match(self, senders: Iterable[Sender]) -> tuple[list[Person | None], list[str]]:
        """Say who handed in: of each sender the student, None if nobody is known.

        Ids come before names, and names that two students share say nothing. Nobody
        is taken twice. The second list says why a sender is not known, if there is
        something to say.
        """
        senders = list(senders)
        found: list[Person | None] = [None] * len(senders)
        why = [""] * len(senders)
        taken: set[str] = set()
        named = self._by(lambda person: person.names)
        for of_person, of_sender in WAYS:
            known = self._by(of_person)
            for index, sender in enumerate(senders):
                if found[index] is not None or why[index]:
                    continue
                people = {
                    p.student: p for k in of_sender(sender) for p in known.get(k, ())
                }
                if len(people) > 1:
                    some = ", ".join(sorted(people)[:3])
                    why[index] = f"more than one on the roster could be meant ({some})"
                elif people:
                    [person] = people.values()
                    others = [p for k in _forms(sender.name) for p in named.get(k, ())]
                    if others and person not in others:
                        why[index] = (
                            f"its number is that of {person.student} on the roster, "
                            f"its name that of {others[0].student}"
                        )
                    elif person.student in taken:
                        why[index] = f"{person.student} of the roster has another one"
                    else:
                        found[index] = person
                        taken.add(person.student)
        return found, why

    def _by(self, key: Callable[[Person], Iterable[str]]) -> dict[str, list[Person]]:
        made = defaultdict(list)
        for person in self.people:
            for text in key(person):
                made[text].append(person)
        return made


def _forms(name: str) -> list[str]:
    """Return how a name in an archive may be on a roster: the rest is a group's."""
    parts = name.split("-")
    return [names.words("-".join(parts[n:])) for n in range(len(parts)) if name]


#: How a student of the roster and a sender are called, the surest ways first.
WAYS: tuple[
    tuple[Callable[[Person], Iterable[str]], Callable[[Sender], Iterable[str]]], ...
] = (
    (lambda p: [p.student], lambda s: [s.key]),
    (lambda p: [p.lms_user_id] if p.lms_user_id else [], lambda s: [s.id or s.key]),
    (lambda p: [names.same(p.student)], lambda s: [names.same(s.key)]),
    (lambda p: p.keys, lambda s: [names.same(s.key)]),
    (lambda p: p.names, lambda s: _forms(s.name or s.key)[:1]),
    (lambda p: p.names, lambda s: _forms(s.name)[1:]),
    (
        lambda p: {names.run_together(name) for name in p.names},
        lambda s: [names.run_together(s.name)] if s.name else [],
    ),
)


def read(path: Path, zone: tzinfo | None = None) -> Roster:
    """Read a roster.

    Parameters
    ----------
    path
        A CSV file in UTF-8, with commas, semicolons or tabs.
    zone
        The time zone of its dates that name none; None for UTC.

    Raises
    ------
    RosterError
        If it cannot be read, or says what cannot be; all mistakes are named by their
        rows.
    """
    rows = _rows(path)
    head, rows = rows[0], rows[1:]
    columns, notes = _columns(path, head[1], [cells for _, cells in rows])
    # This column is not the teacher's own: what cannot be read in it is left aside.
    of_moodle = _plain(head[1][columns.get("submitted", 0)]).startswith("last modified")
    lms = _whose(head[1], columns)
    unread = ""
    errors: list[str] = []
    people: list[Person] = []
    lines: dict[tuple[str, str], int] = {}
    for line, cells in rows:
        if _is_canvas_extra(cells):
            continue
        if len(cells) > len(head[1]) and any(cells[len(head[1]) :]):
            errors.append(
                f"row {line}: {len(cells)} fields, the first row has {len(head[1])}; "
                "put a field with a comma in quotes"
            )
            continue
        cells += [""] * (len(head[1]) - len(cells))
        value = {role: cells[index] for role, index in columns.items()}
        if of_moodle and not _is_time(value["submitted"], zone):
            unread = unread or value["submitted"]
            value["submitted"] = ""
        try:
            person = replace(_person(value, zone), lms=lms)
        except ValueError as error:
            errors.append(f"row {line}: {error}")
            continue
        unique = {"student": person.student, "lms id": person.lms_user_id}
        for role, text in {**unique, "email": person.email}.items():
            if not text:
                continue
            before = lines.setdefault((role, names.same(text)), line)
            if before != line:
                errors.append(
                    f"row {line}: {role} '{names.shown(text)}' is in row {before} too"
                )
        people.append(person)
    if unread:
        title = head[1][columns["submitted"]]
        notes.append(f"'{title}' has times that are not read: '{names.shown(unread)}'")
    if not (people or errors):
        errors.append("no student in it")
    if errors:
        more = [f"and {len(errors) - MOST_ERRORS} more"] if errors[MOST_ERRORS:] else []
        text = "\n  ".join([*errors[:MOST_ERRORS], *more])
        raise RosterError(f"{path}: {text}")
    return Roster(tuple(people), frozenset(columns), tuple(notes))


def _rows(path: Path) -> list[tuple[int, list[str]]]:
    """Return the rows with the number of their first line, without the empty ones."""
    try:
        if path.stat().st_size > LARGEST:
            raise RosterError(f"{path}: larger than {LARGEST // 2**20} MB, no roster")
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RosterError(
            f"{path}: byte {error.start} is not UTF-8; save it as 'CSV UTF-8'"
        ) from None
    except OSError as error:
        raise RosterError(f"{path}: cannot be read ({error.strerror})") from None
    if "\0" in text:
        raise RosterError(f"{path}: no text, it has null characters; save it as CSV")
    first = 1
    if found := re.match(r"sep=(.)\r?\n", text):  # Excel's own way to say it
        text, first, delimiter = text[found.end() :], 2, found[1]
    else:
        head = text.lstrip().partition("\n")[0]
        delimiter = max(",;\t", key=lambda mark: _worth(head, mark))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows, line = [], 0
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append((first + line, [cell.strip() for cell in cells]))
            line = reader.line_num
    except csv.Error as error:
        raise RosterError(f"{path}: row {first + line}: {error}") from None
    if not rows:
        raise RosterError(f"{path}: it is empty; expected a row of column names")
    return rows


def _worth(head: str, delimiter: str) -> tuple[int, int]:
    """Say how much of a first row makes sense with a delimiter."""
    cells = {_plain(cell.strip('" \r')) for cell in head.split(delimiter)}
    roles = sum(bool(cells & set(aliases)) for aliases in COLUMNS.values())
    return roles, len(cells)


def _plain(text: str) -> str:
    return " ".join(re.sub(r"[_\-.*:]", " ", text.casefold()).split())


def _columns(
    path: Path, head: list[str], rows: list[list[str]]
) -> tuple[dict[str, int], list[str]]:
    """Return where each column is, and what to say about the others."""

    def empty(index: int) -> bool:
        return not any(cells[index] for cells in rows if index < len(cells))

    plain = [_plain(cell) for cell in head]
    twice = sorted(
        {n for n in plain if n and plain.count(n) > 1 and not KNOWN.fullmatch(n)}
    )
    if twice:
        raise RosterError(f"{path}: more than one column '{names.shown(twice[0])}'")
    aliases = dict(COLUMNS)
    if "student" in plain and {"sis login id", "sis user id"} & set(plain):
        # Canvas's export, where "Student" is the name and "ID" Canvas's own number.
        aliases["name"] = ("student",)
        aliases["lms_user_id"] = ("id",)
        aliases["student"] = ("sis login id", "sis user id")
    found: dict[str, int] = {}
    for role, texts in aliases.items():
        for text in texts:
            index = plain.index(text) if text in plain else -1
            if index < 0 or index in found.values():
                continue
            # Moodle's worksheet has a column of id numbers, used or not.
            if role != "student" or not empty(index) or text == "student":
                found[role] = index
                break
    if "student" not in found and "email" in found:
        found["student"] = found["email"]
    if "student" not in found:
        there = ", ".join(f"'{names.shown(cell)}'" for cell in head[:8])
        raise RosterError(
            f"{path}: no column 'student' with the ids; there are: {there}"
        )
    rest = [
        (head[i], text)
        for i, text in enumerate(plain)
        if text and i not in found.values() and not KNOWN.fullmatch(text)
    ]
    words = {text: role for role, texts in COLUMNS.items() for text in texts}
    for original, text in rest:
        close = difflib.get_close_matches(text, words, 1, cutoff=0.85)
        if close and words[close[0]] not in found:
            raise RosterError(
                f"{path}: unknown column '{names.shown(original)}'; is it {close[0]!r}?"
            )
    if not rest:
        return found, []
    some = ", ".join(f"'{names.shown(original)}'" for original, _ in rest[:8])
    return found, [f"columns that are not used: {some}" + (", ..." if rest[8:] else "")]


def _whose(head: list[str], columns: dict[str, int]) -> str:
    """Return whose numbers the users' numbers are, by the name of their column."""
    if "lms_user_id" not in columns:
        return ""
    name = _plain(head[columns["lms_user_id"]])
    if name == "id" or name.startswith("canvas"):  # Canvas's export has it as "ID"
        return "canvas"
    return "" if name.startswith("lms") else "moodle"


def _is_canvas_extra(cells: list[str]) -> bool:
    """Return True for the rows about assignments in Canvas's export."""
    return cells[0] in ("Points Possible", "Manual Posting", "Student, Test")


def _person(value: dict[str, str], zone: tzinfo | None) -> Person:
    student = value["student"]
    if not student:
        name = value.get("name") or value.get("last_name") or value.get("email")
        of = f" (of {names.shown(name)})" if name else ""
        raise ValueError(f"no student id{of}")
    if SHORTENED.fullmatch(student):
        raise ValueError(
            f"student {student!r} is a number that a spreadsheet has shortened; make "
            "the column text"
        )
    if names.student(student) != student:
        raise ValueError(
            f"student '{names.shown(student)}' cannot be a name in the gradebook: too "
            "long, or with characters that the name of a folder cannot have"
        )
    for role, text in value.items():
        if role != "name" and len(text) > LONGEST:
            raise ValueError(
                f"{role.replace('_', ' ')} has more than {LONGEST} characters"
            )
    name, first, last = (value.get(k, "") for k in ("name", "first_name", "last_name"))
    if name and not (first or last):
        last, comma, first = (part.strip() for part in name.partition(","))
        if not comma:
            first, _, last = name.rpartition(" ")
    forms = {name, f"{first} {last}", f"{last} {first}"}
    lms = value.get("lms_user_id", "")
    if number := re.fullmatch(r"\D+\s(\d+)", lms):  # Moodle's "Participant 1234"
        lms = number[1]
    keys = {value.get("sis_id", ""), value.get("email", "")}
    submitted = value.get("submitted", "")
    return Person(
        student=student,
        first_name=first,
        last_name=last,
        email=value.get("email", ""),
        lms_user_id=lms,
        group=value.get("group", ""),
        names=frozenset(filter(None, map(names.words, forms))),
        keys=frozenset(names.same(key) for key in keys if key),
        extension=_extension(value.get("extension", ""), zone),
        submitted=_submitted(submitted, zone),
    )


def _extension(text: str, zone: tzinfo | None) -> timedelta | datetime | None:
    if not text or text == "-":
        return None
    found = re.fullmatch(r"(\d{1,4}(?:[.,]\d+)?)(?:\s*(?:d|days?))?", text)
    if found:
        return timedelta(days=float(found[1].replace(",", ".")))
    try:
        return dates.parse(text, zone or dates.UTC)
    except ValueError as error:
        raise ValueError(f"extension: {error}, or the number of days") from None


def _submitted(text: str, zone: tzinfo | None) -> datetime | None:
    if text in ("", "-"):
        return None
    for form in MOODLE_TIMES:
        try:
            found = datetime.strptime(text, form).replace(tzinfo=zone or dates.UTC)
            return found.astimezone(dates.UTC).replace(tzinfo=None)
        except (ValueError, OverflowError):
            continue
    try:
        return dates.parse(text, zone or dates.UTC)
    except ValueError as error:
        raise ValueError(f"submitted: {error}") from None


def _is_time(text: str, zone: tzinfo | None) -> bool:
    try:
        _submitted(text, zone)
    except ValueError:
        return False
    return True
