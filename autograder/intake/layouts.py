"""How a class's hand-ins are named: by hand, by nbgrader, by Canvas, by Moodle.

Canvas makes one flat archive (``lib/content_zipper.rb`` of canvas-lms)::

    doejane_12345_67890_autoencoder.ipynb             name, user, file, file's name
    doejane_LATE_12345_67891_autoencoder-1.ipynb      late, and handed in again
    anon_x7Qf2_67892_autoencoder.ipynb                marked without names
    doejane_12345_text.html                           text, or a link, and no file

Moodle makes a folder, or a prefix, for each student (``mod/assign``)::

    Jane Doe_1234_assignsubmission_file/autoencoder.ipynb
    Jane Doe_1234_assignsubmission_file_autoencoder.ipynb
    Group A-Jane Doe_1234_assignsubmission_file_/autoencoder.ipynb
    Participant_1234_assignsubmission_onlinetext/onlinetext.html

The number is that of the participant in this one assignment, not of the person.

nbgrader's exchange has a folder for each hand-in, and its ``submitted`` one for each
student with all assignments::

    inbound/USER+NAME+2026-11-27 21:04:05.123456 UTC+RANDOM/NAME.ipynb
    submitted/STUDENT/NAME/NAME.ipynb
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from autograder.errors import CourseError, SubmissionError
from autograder.intake import dates
from autograder.intake.names import shown
from autograder.intake.places import File, Listing, Parts

CANVAS = re.compile(
    r"(?:(?P<name>\w*?)_(?P<late>LATE_)?(?P<user>\d+)"
    r"|(?P<late_too>LATE_)?(?P<nobody>anon_[A-Za-z0-9]+))"
    r"_(?:(?P<file>\d+)_(?P<original>.+)|(?:text|link)\.html)",
    re.DOTALL,
)
MOODLE = re.compile(
    r"(?P<name>.+?)(?:_(?P<id>\d+))?_assignsubmission_(?P<kind>[a-z]+)"
    r"(?:_(?P<original>.*))?",
    re.DOTALL,
)
EXCHANGE = re.compile(
    r"(?P<user>.+)\+(?P<name>[^+]+)\+"
    r"(?P<time>\d{4}-\d\d-\d\d[ T]\d\d[:_]\d\d[:_]\d\d(?:\.\d+)?(?:\s*\S+?)?)"
    r"(?:\+(?P<random>[^+]*))?",
    re.DOTALL,
)
AGAIN = re.compile(r"(?:-\d+| \(\d+\))+$")  # what Canvas and browsers add to a name
STAMP = "timestamp.txt"


@dataclass(frozen=True)
class Sender:
    """Who handed in, as far as the names of the files say.

    Parameters
    ----------
    key
        The name in the gradebook, if no roster knows a better one.
    name
        The person's name; of Canvas in lower case and run together.
    id
        Canvas's number of the user, or Moodle's of the participant.
    """

    key: str
    name: str = ""
    id: str = ""


@dataclass
class Found:
    """What one student handed in.

    Parameters
    ----------
    sender
        Who.
    files
        The notebooks, by their path in what the student handed in.
    others
        The names of other files in it.
    notes
        What there is to say about it.
    submitted
        When, in UTC; None if nothing says.
    problem
        Why there is no notebook, where it is known.
    """

    sender: Sender
    files: dict[str, File] = field(default_factory=dict)
    others: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    submitted: datetime | None = None
    problem: str = ""

    def add(self, path: str, file: File) -> None:
        """Take in a file of the student's."""
        if _is_notebook(path):
            self.files[path] = file
        elif path.rpartition("/")[2] != STAMP:
            self.others.append(path)


@dataclass(frozen=True)
class Class:
    """The hand-ins of a class, as they were found.

    Parameters
    ----------
    kind
        What the place was recognised as, in words.
    found
        One for each student.
    notes
        What was left aside, for the instructor.
    lms
        "canvas" or "moodle" if it is a download from there, else empty.
    """

    kind: str
    found: tuple[Found, ...]
    notes: tuple[str, ...] = ()
    lms: str = ""


def read(listing: Listing, name: str, layout: str = "") -> Class:
    """Tell whose the files of a class are.

    Parameters
    ----------
    listing
        What is in the place.
    name
        The assignment.
    layout
        One of :data:`LAYOUTS`; empty to recognise it.

    Raises
    ------
    CourseError
        If it could be more than one, or is not the one that was said.
    """
    if not layout:
        layout, listing = _recognise(listing, name)
    elif layout not in ("folders", "flat"):
        listing = next(
            (part for part in _within(listing) if _is(layout, part, name, True)),
            listing,
        )
    elif (
        listing.zipped and listing.top and (layout == "flat" or _wrapped(listing, name))
    ):
        listing = listing.below(listing.top)
    made = LAYOUTS[layout](listing, name)
    if not made.found:
        text = f"expected {FORMS[layout].format(name=name)}"
        if packed := [p[0] for p in listing.files if p[0].lower().endswith(".zip")]:
            text += f"; if {shown(packed[0])} is the class, name that"
        raise CourseError(
            f"{listing.place}: nothing that was handed in for {name}, read as "
            f"{made.kind}; {text}"
        )
    return replace(made, lms=layout) if layout in ("canvas", "moodle") else made


def _recognise(listing: Listing, name: str) -> tuple[str, Listing]:
    """Return the layout, and the folder in which it begins."""
    parts = _within(listing)
    for part in parts:
        kinds = [kind for kind in SPECIAL if _is(kind, part, name)]
        if len(kinds) > 1:
            raise _ambiguous(listing, "its names are like those of two", kinds)
        if kinds:
            return kinds[0], part
    for part in parts:
        if {("inbound",), ("outbound",)} <= part.folders:  # an exchange, still empty
            return "exchange", part.below("inbound")
        courses = sorted(p[0] for p in part.folders if p[1:] == ("inbound",))
        if courses:
            some = ", ".join(map(shown, courses[:5]))
            raise CourseError(
                f"{part.place}: the exchange of {len(courses)} courses ({some}); name "
                "the folder of one"
            )
    wrapped = listing.zipped and listing.top
    if wrapped and _wrapped(listing, name):
        listing = listing.below(listing.top)
    elif wrapped:
        inside = listing.below(listing.top)
        loose = [p for p in inside.files if len(p) == 1 and _is_notebook(p[0])]
        if len(loose) > 1 and (f"{name}.ipynb",) not in loose:
            text = f"{shown(listing.top)}/ holds {len(loose)} notebooks"
            raise _ambiguous(listing, text, ["folders", "flat"])
    loose = [p[0] for p in listing.files if len(p) == 1 and _is_notebook(p[0])]
    if not loose:
        return "folders", listing
    if any(_is_notebook(p[-1]) for p in listing.files if len(p) > 1):
        text = f"{shown(loose[0])} lies beside folders with notebooks"
        raise _ambiguous(listing, text, ["folders", "flat"])
    if loose == [f"{name}.ipynb"]:
        text = f"{name}.ipynb alone, and no student's name; put it into a folder of "
        raise _ambiguous(listing, f"{text}the student's name", ["flat"])
    return "flat", listing


def _ambiguous(listing: Listing, text: str, kinds: list[str]) -> CourseError:
    ways = [f"--format {kind} for {FORMS[kind]}" for kind in kinds]
    way = " or ".join(ways).format(name="NAME")
    return CourseError(f"{listing.place}: {text}; say {way}")


def _within(listing: Listing) -> list[Listing]:
    """Return the places where a class may begin: here, or in the only folder."""
    found = [listing]
    while (top := found[-1].top) and len(found) < 4:
        found.append(found[-1].below(top))
    # Of an exchange, or of a course.
    inside = [part.below(f) for part in found for f in ("inbound", "submitted")]
    return [*found, *(part for part in inside if part.files)]


def _wrapped(listing: Listing, name: str) -> bool:
    """Return True if the only folder is the class's, and no student's."""
    files = [p for p in listing.files if _is_notebook(p[-1])] or list(listing.files)
    if files and all(p[1:-1] == (name,) for p in files):
        return False  # STUDENT/NAME/NAME.ipynb, of one student
    return all(len(parts) > 2 for parts in files)


def _is(layout: str, listing: Listing, name: str, said: bool = False) -> bool:
    files = list(listing.files)
    tops = {p[0] for p in listing.folders if len(p) == 1}
    match layout:
        case "canvas":
            loose = [p[0] for p in files if len(p) == 1]
            notebooks = [n for n in loose if _is_notebook(n)]
            matched = [n for n in loose if CANVAS.fullmatch(n)]
            if not any(map(_is_notebook, matched)):
                return bool(matched) and len(matched) == len(loose)
            others = sorted(set(notebooks) - set(matched))
            if others and not said:
                text = f"{shown(matched[0])} is named as Canvas does, "
                text += f"{shown(others[0])} is not"
                raise _ambiguous(listing, text, ["canvas", "flat"])
            return True
        case "moodle":
            return any(MOODLE.fullmatch(n) for n in (*tops, *(p[0] for p in files)))
        case "exchange":
            return any(EXCHANGE.fullmatch(top) for top in tops)
        case "submitted":
            return _is_submitted(files, name)
    return False


def _is_submitted(files: list[Parts], name: str) -> bool:
    """Return True if each student has a folder for each assignment."""
    here = {p for p in files if len(p) > 2 and p[1] == name}
    if not here or any(len(p) < 3 and _is_notebook(p[-1]) for p in files):
        return False
    stamped = any(len(p) == 3 and p[2] == STAMP for p in here)
    others = any(
        len(p) == 3 and p[1] != name and p[2] == f"{p[1]}.ipynb" for p in files
    )
    return stamped or others


# One function for each layout


def _folders(listing: Listing, name: str) -> Class:
    found = {}
    for parts in sorted(p for p in listing.folders if len(p) == 1):
        found[parts[0]] = Found(Sender(parts[0]))
    for parts, file in sorted(listing.files.items()):
        if len(parts) > 1:
            found[parts[0]].add("/".join(parts[1:]), file)
    for folder, item in found.items():
        for path in ((folder, STAMP), (folder, name, STAMP)):
            _stamp(item, listing.files.get(path))
    kind = "a zip of folders" if listing.zipped else "a folder"
    return Class(f"{kind}, one for each student", tuple(found.values()))


def _flat(listing: Listing, name: str) -> Class:
    files = {
        parts[0][: -len(".ipynb")]: file
        for parts, file in sorted(listing.files.items())
        if len(parts) == 1 and _is_notebook(parts[0])
    }
    # Where the assignment's name stands in all of them, it is no part of the student's.
    around = re.compile(rf"(?:{re.escape(name)}[ _-])?(.+?)(?:[ _-]{re.escape(name)})?")
    short = {key: around.fullmatch(key) for key in files}
    if not all(found and found[1] != key for key, found in short.items()):
        short = {}
    found = [
        Found(Sender(short[key][1] if short else key), {f"{name}.ipynb": file})
        for key, file in files.items()
    ]
    left = [p for p in listing.files if len(p) > 1 or not _is_notebook(p[0])]
    return Class("notebooks named after their students", tuple(found), _left(left))


def _submitted(listing: Listing, name: str) -> Class:
    found: dict[str, Found] = {}
    for parts, file in sorted(listing.files.items()):
        if len(parts) > 2 and parts[1] == name:
            item = found.setdefault(parts[0], Found(Sender(parts[0])))
            item.add("/".join(parts[2:]), file)
    for student, item in found.items():
        _stamp(item, listing.files.get((student, name, STAMP)))
    missing = sorted({p[0] for p in listing.folders if len(p) == 1} - set(found))
    notes = ()
    if missing:
        text = ", ".join(map(shown, missing[:5])) + (", ..." if missing[5:] else "")
        notes = (f"without a folder {name}: {len(missing)} ({text})",)
    return Class("nbgrader's folder of submissions", tuple(found.values()), notes)


def _exchange(listing: Listing, name: str) -> Class:
    users: dict[str, list[Found]] = {}
    others = 0
    folders = {}
    for folder, *_ in sorted(p for p in listing.folders if len(p) == 1):
        match = EXCHANGE.fullmatch(folder)
        if match is None or match["name"] != name:
            others += 1
            continue
        item = folders[folder] = Found(Sender(match["user"]))
        time = match["time"].replace("_", ":")
        item.submitted = _time(time, "the folder's name", item)
        _stamp(item, listing.files.get((folder, STAMP)))
        users.setdefault(match["user"], []).append(item)
    for parts, file in sorted(listing.files.items()):
        if parts[0] in folders and parts[1:] != ("submission_secret.txt",):
            folders[parts[0]].add("/".join(parts[1:]), file)
    found = []
    for items in users.values():
        newest = max(items, key=lambda item: item.submitted or datetime.min)
        if len(items) > 1:
            newest.notes.append(f"handed in {len(items)} times: the newest was taken")
        found.append(newest)
    notes = (f"of other assignments: {others} left aside",) if others else ()
    return Class("nbgrader's exchange", tuple(found), notes)


def _canvas(listing: Listing, name: str) -> Class:
    found: dict[str, Found] = {}
    ranks: dict[str, dict[str, tuple[int, ...]]] = {}
    left = []
    for parts, file in sorted(listing.files.items()):
        match = CANVAS.fullmatch(parts[0]) if len(parts) == 1 else None
        if match is None:
            left.append(parts)
            continue
        who, user = match["name"] or "", match["user"] or match["nobody"]
        key = f"{who}_{user}" if who else user
        sender = Sender(key, who, match["user"] or "")
        item = found.setdefault(user, Found(sender))
        late = "marked late by Canvas, which gives no time: no penalty for it"
        if (match["late"] or match["late_too"]) and late not in item.notes:
            item.notes.append(late)
        original = match["original"]
        if original is None:
            item.others.append(parts[0])
            item.problem = "a text or a link was handed in instead of a notebook"
        else:
            path = original if original not in item.files else parts[0]
            item.add(path, file)
            ranks.setdefault(user, {})[path] = _rank(original, int(match["file"]))
    for user, item in found.items():
        _take_last(item, name, ranks.get(user, {}))
    return Class("a download from Canvas", tuple(found.values()), _left(left))


def _rank(original: str, file: int) -> tuple[int, ...]:
    """Return what grows with each time that a file is handed in."""
    again = AGAIN.search(original.rpartition(".")[0])
    numbers = [int(n[:9]) for n in re.findall(r"\d+", again[0])] if again else [0]
    return (max(numbers), file)


def _take_last(item: Found, name: str, ranks: dict[str, tuple[int, ...]]) -> None:
    """Leave of files that were handed in under one name the last."""
    mine = [p for p in item.files if AGAIN.sub("", p.rpartition(".")[0]) == name]
    if mine:
        last = max(mine, key=lambda path: ranks[path])
        if len(mine) > 1:
            text = (
                f"of {len(mine)} files of this name the last, {shown(last)}, was taken"
            )
            item.notes.append(text)
        files = {p: f for p, f in item.files.items() if p not in mine}
        item.files = {f"{name}.ipynb": item.files[last], **files}


def _moodle(listing: Listing, name: str) -> Class:
    found: dict[tuple[str, str], Found] = {}
    left = []

    def sent(text: str) -> tuple[Found, re.Match[str]] | None:
        match = MOODLE.fullmatch(text)
        if match is None:
            return None
        who = (match["name"].strip(), match["id"] or "")
        item = found.setdefault(who, Found(Sender(who[0], *who)))
        return item, match

    for parts in sorted(p for p in listing.folders if len(p) == 1):
        sent(parts[0])
    for parts, file in sorted(listing.files.items()):
        known = sent(parts[0])
        if known is None:
            left.append(parts)
            continue
        item, match = known
        path = "/".join(part for part in (match["original"], *parts[1:]) if part)
        if match["kind"] == "file":
            item.add(path or parts[0], file)
        else:
            text = "text typed into Moodle was not read"
            if text not in item.notes:
                item.notes.append(text)
            item.problem = "a text typed into Moodle was handed in and no notebook"
    # Participants of one name, or none, are told apart by their numbers.
    names = Counter(who for who, _ in found)
    for (who, number), item in found.items():
        if number and (names[who] > 1 or not re.search(r"\s", who)):
            item.sender = replace(item.sender, key=f"{who}_{number}")
    return Class("a download from Moodle", tuple(found.values()), _left(left))


def _stamp(item: Found, file: File | None) -> None:
    """Read the time that nbgrader wrote beside a notebook."""
    if file is None:
        return
    try:
        if file.size() > 1000:
            raise SubmissionError(f"{STAMP} is no file of nbgrader's")
        text = file.read().decode("utf-8", "replace").strip()
    except SubmissionError as error:
        item.notes.append(f"its time was not read: {error}")
        return
    before, item.submitted = item.submitted, _time(text, STAMP, item)
    if (
        before
        and item.submitted
        and before.replace(microsecond=0) != (item.submitted.replace(microsecond=0))
    ):
        # Both are written by the student's account: neither makes it earlier.
        item.notes.append(f"{STAMP} and the folder's name differ: the later counts")
        item.submitted = max(before, item.submitted)
    item.submitted = item.submitted or before


def _time(text: str, where: str, item: Found) -> datetime | None:
    try:
        return dates.parse(text)
    except ValueError:
        item.notes.append(f"{where} has no time that can be read: '{shown(text)}'")
        return None


def _left(left: list[Parts]) -> tuple[str, ...]:
    if not left:
        return ()
    some = ", ".join(shown("/".join(parts)) for parts in left[:3])
    more = ", ..." if left[3:] else ""
    return (f"files that are nobody's hand-in: {len(left)} ({some}{more})",)


def _is_notebook(name: str) -> bool:
    return name.lower().endswith(".ipynb")


SPECIAL = ("exchange", "canvas", "moodle", "submitted")
LAYOUTS: dict[str, Callable[[Listing, str], Class]] = {
    "folders": _folders,
    "flat": _flat,
    "canvas": _canvas,
    "moodle": _moodle,
    "exchange": _exchange,
    "submitted": _submitted,
}
#: What the option ``--format`` may say, and what it means.
FORMS = {
    "folders": "STUDENT/{name}.ipynb",
    "flat": "STUDENT.ipynb",
    "canvas": "Canvas's names, as in doejane_123_456_{name}.ipynb",
    "moodle": "Moodle's, as in Jane Doe_123_assignsubmission_file/{name}.ipynb",
    "exchange": "nbgrader's, as in USER+{name}+TIME/{name}.ipynb",
    "submitted": "nbgrader's, as in STUDENT/{name}/{name}.ipynb",
}
