"""Right and wrong answers to the assignments, with the marks that each must get.

There is one module for each assignment, of the same name. Its ``ANSWERS`` holds for
every question right answers written in different ways, and wrong ones, each with the
mistake that a student makes there.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    """One answer to one question.

    Parameters
    ----------
    question
        The grade id of the cell that it is written in.
    marks
        The points that it must get.
    note
        How it differs from the reference; for a wrong one, the mistake.
    source
        The content of the student's cell.
    says
        Words that the student's hint must contain; empty for a right answer.
    """

    question: str
    marks: float
    note: str
    source: str
    says: str = ""

    def __str__(self) -> str:
        return f"{self.question}: {self.note}"


def swap(source: str, *pairs: tuple[str, str]) -> str:
    """Return the source with some parts replaced: one right answer, one slip.

    Raises
    ------
    ValueError
        If a part is not there, since the answer would then still be right.
    """
    for old, new in pairs:
        if old not in source:
            raise ValueError(f"{old!r} is not in the answer that it should change")
        source = source.replace(old, new)
    return source
