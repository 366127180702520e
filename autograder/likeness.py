"""Answers that are alike: a list to look into, not an accusation.

Each answer is cut into runs of tokens, of which a part is kept as its fingerprints by
winnowing (Schleimer, Wilkerson and Aiken, *Winnowing: local algorithms for document
fingerprinting*, 2003). Two answers that share any 14 tokens in a row share one: RUN and
WINDOW together, less one. Names of the student's own choice all count as the same, and
texts too; comments and layout do not count; what was handed out is left out.
"""

from __future__ import annotations

import builtins
import hashlib
import io
import keyword
import tokenize
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

from nbformat import NotebookNode

from autograder.course import Course
from autograder.errors import NotebookError
from autograder.execution import Release
from autograder.grading import Record
from autograder.pipeline import rebuild

RUN = 10  # tokens in a fingerprint
WINDOW = 5  # fingerprints in a row of which one is kept
LONGEST = 50_000  # characters of an answer; more was not written by hand
USUAL = 10  # where more than one student in so many wrote it, it is the usual way
FEW = 5  # students who may share something in a small class
LEAST = 5  # fingerprints that only few have, for a pair to be named
ALIKE = 0.6  # share of common fingerprints from which a pair is named
MOST = 50  # pairs that are named
KEPT = frozenset([*keyword.kwlist, *keyword.softkwlist, *dir(builtins)])
LAYOUT = frozenset(
    [
        *(tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT),
        *(tokenize.DEDENT, tokenize.ENCODING, tokenize.ENDMARKER),
    ]
)
Prints = frozenset[tuple[str, int]]  # the id of a question, and a fingerprint


@dataclass(frozen=True)
class Pair:
    """Two students whose answers are alike.

    Parameters
    ----------
    students
        Their names in the gradebook.
    share
        Of the fingerprints of the one who has fewer, how many the other has too.
    rare
        How many of these only few others have.
    questions
        The same share for each question in which they are alike, by its id.
    """

    students: tuple[str, str]
    share: float
    rare: int
    questions: Mapping[str, float]


def find(course: Course, release: Release, records: Iterable[Record]) -> list[Pair]:
    """Compare what a class handed in; return the pairs to look into, rarest first."""
    given = prints(release, release.released)
    found = {}
    for record in records:
        path = course.submitted(release.name, record.student)
        try:
            notebook, _ = rebuild.read(release, path.read_bytes())
        except (OSError, NotebookError):
            continue  # nothing of it was run either: its record says why
        found[record.student] = prints(release, notebook) - given
    return compare(found)


def prints(release: Release, notebook: NotebookNode) -> Prints:
    """Return the fingerprints of a notebook's answers in code."""
    cells = {cell["id"]: cell for cell in notebook.cells}
    return frozenset(
        (question.id, value)
        for question in release.questions
        for name in question.answers
        if cells[name].cell_type == "code"
        for value in _prints(cells[name].source)
    )


@lru_cache(maxsize=1024)  # what was handed out comes back from many
def _prints(source: str) -> frozenset[int]:
    return frozenset(fingerprints(tokens(source)))


def tokens(source: str) -> list[str]:
    """Return the tokens of an answer, names of the student's own choice made alike.

    Names of Python and names after a dot, which are a library's, stay.
    """
    found: list[str] = []
    lines = io.StringIO(source[:LONGEST]).readline
    try:
        for token in tokenize.generate_tokens(lines):
            if token.type in LAYOUT:
                continue
            if token.type == tokenize.NAME and token.string not in KEPT:
                attribute = found[-1:] == ["."] and found[-2:] != ["self", "."]
                own = token.string if attribute or token.string == "self" else "name"
                found.append(own)
            else:
                text = token.type == tokenize.STRING
                found.append("text" if text else token.string)
    except (tokenize.TokenError, SyntaxError):
        pass  # no Python from here on: what came before counts
    return found


def fingerprints(found: list[str]) -> set[int]:
    """Return the winnowed hashes of all runs of tokens."""
    hashes = [
        int.from_bytes(
            hashlib.blake2b(
                " ".join(found[i : i + RUN]).encode(), digest_size=8
            ).digest()
        )
        for i in range(len(found) - RUN + 1)
    ]
    windows = range(max(1, len(hashes) - WINDOW + 1)) if hashes else ()
    return {min(hashes[i : i + WINDOW]) for i in windows}


def compare(found: Mapping[str, Prints]) -> list[Pair]:
    """Return the pairs that are alike, rarest first.

    Only students who share something rare are compared, found from the other side:
    by fingerprint, who has it.
    """
    owners = defaultdict(list)
    for student, own in sorted(found.items()):
        for value in own:
            owners[value].append(student)
    few = max(FEW, len(found) // USUAL)
    shared = Counter[tuple[str, str]]()
    for students in owners.values():
        if 1 < len(students) <= few:
            shared.update(combinations(students, 2))
    alike = []
    for students, rare in shared.items():
        if rare >= LEAST:
            share = _share(*(found[student] for student in students))
            if share >= ALIKE:
                alike.append((-rare, students, share))
    # In a large class thousands are; only of those that are named more is found out.
    return [
        Pair(students, share, -rare, _by_question(*(found[s] for s in students)))
        for rare, students, share in sorted(alike)[:MOST]
    ]


def _share(one: Prints, other: Prints) -> float:
    return len(one & other) / max(1, min(len(one), len(other)))


def _by_question(one: Prints, other: Prints) -> dict[str, float]:
    found = {}
    for name in sorted({question for question, _ in one & other}):
        parts = [frozenset(p for p in own if p[0] == name) for own in (one, other)]
        if (share := _share(*parts)) >= ALIKE:
            found[name] = share
    return found
