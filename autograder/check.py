"""What a student runs alone: every question of one notebook, pass or hint."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode

from autograder import kernel, names, notebooks
from autograder.errors import NotebookError
from autograder.execution import Mark, Outcome
from autograder.notebooks import Question
from autograder.pipeline import hints, marking


@dataclass(frozen=True)
class Check:
    """The questions of a notebook with their marks, and what else to know."""

    marks: tuple[tuple[Question, Mark], ...]
    missing: tuple[str, ...]  # the ids of questions whose test cell is gone
    notes: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """True if nothing is left to do."""
        good = (Outcome.PASSED, Outcome.WRITTEN)
        return not self.missing and all(mark.outcome in good for _, mark in self.marks)


def check(
    path: Path,
    *,
    timeout: int,
    progress: Callable[[str], None] = lambda cell: None,
) -> Check:
    """Run a student's notebook in a fresh kernel; the file is never changed.

    Parameters
    ----------
    path
        The notebook.
    timeout
        Seconds for each cell.
    progress
        Called with the id of each cell before it runs.

    Raises
    ------
    NotebookError
        If the file is missing, or is no notebook of an assignment; or if this is
        called from a cell that is being checked, which would never end.
    """
    if os.environ.get(kernel.RUNNING):
        raise NotebookError(
            f"{path}: a cell that is being checked asks for a check of its own; take "
            "that line out of your answer"
        )
    notebook, notes = _prepare(notebooks.read(path))
    notes += _borrowed(notebook)
    asked = notebooks.questions(notebook)
    if not asked:
        raise NotebookError(
            f"{path}: not an assignment, no cell in it carries points; expected a "
            "notebook from exercises/. If it was one, your editor dropped the cells' "
            "metadata: copy your answers into a fresh copy"
        )
    done, problem = kernel.run(
        notebook,
        path.absolute().parent,
        timeout=timeout,
        before=lambda cell: progress(cell["id"]),
    )
    cells = {cell["id"]: cell for cell in notebook.cells}
    if problem:
        notes.append(f"{problem}; the cells after it did not run")
    return Check(
        marks=tuple((q, _mark(q, cells, done, timeout)) for q in asked),
        missing=tuple(name for name in _expected(notebook) if name not in cells),
        notes=tuple(notes),
    )


def _mark(
    question: Question,
    cells: Mapping[str, NotebookNode],
    done: Set[str],
    timeout: int,
) -> Mark:
    """Return what a question earns by its executed cells."""
    test = cells[question.id]
    answers = [cells[name] for name in question.answers]
    if question.written:
        return marking.mark(question, answers, finished=False)
    return marking.mark(
        question,
        answers,
        finished=question.id in done and hints.error(test) is None,
        value=_value(test),
        hint=hints.of_answers(answers, timeout) or hints.of_check(test, timeout),
        ran=question.id in done,
    )


def _value(test: NotebookNode) -> float | None:
    """Return the number that a cell's last expression shows, if it shows one."""
    for output in test.outputs:
        if output.output_type == "execute_result":
            try:
                return float(output.data.get("text/plain", ""))
            except ValueError:
                return None
    return None


def _expected(notebook: NotebookNode) -> list[str]:
    """Return the questions that the release put on record in the notebook."""
    record = notebook.metadata.get("autograder")
    found = record.get("questions") if isinstance(record, dict) else None
    return [name for name in found or [] if isinstance(name, str)]


def _prepare(notebook: NotebookNode) -> tuple[NotebookNode, list[str]]:
    """Return what grading would run of a notebook, by its own metadata."""
    # An editor may drop the notebook's metadata and keep the cells'.
    released = isinstance(notebook.metadata.get("autograder"), dict) or any(
        "checksum" in notebooks.role(cell) for cell in notebook.cells
    )
    kept, notes, added = [], [], 0
    names: set[str] = set()
    for index, cell in enumerate(notebook.cells):
        name = notebooks.grade_id(cell)
        if released and cell.cell_type == "code" and not name:
            added += bool(cell.source.strip())
            continue
        if name in names:
            notes.append(f"there are two cells {name}: keep one")
            if not notebooks.is_answer(cell):
                continue
            # Both are answers to the question that follows, in their order.
            name = notebooks.role(cell)["grade_id"] = f"{name}-{index}"
        cell.metadata.pop("tags", None)
        cell["id"] = name or f"prose-{index}"
        names.add(cell["id"])
        kept.append(cell)
    if added:
        cells = "cell was" if added == 1 else "cells were"
        notes.append(
            f"{added} added {cells} not run, as in grading: what an answer needs "
            "belongs in its own cell"
        )
    notebook.cells = kept
    return notebook, notes


def _borrowed(notebook: NotebookNode) -> list[str]:
    """Say which answers use a name that only a test cell binds.

    Here the test cells run in the same kernel, so it may be there; in grading they do
    not. Nothing is said where a magic, a star import or the like leaves it open.
    """
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    own = {c["id"]: c.source for c in code if not notebooks.is_test(c)}
    try:
        bound = {name for source in own.values() for name in names.bound(source)}
        used = {name: names.used(source) for name, source in own.items()}
        tests = {
            name
            for cell in code
            if notebooks.is_test(cell)
            for name in names.bound(cell.source)
        }
        if any(map(names.open_ended, own.values())):
            return []
    except RecursionError:  # an expression too deeply nested to look into
        return []
    notes = []
    for cell in code:
        if not notebooks.is_answer(cell):
            continue
        if found := sorted(used[cell["id"]] & tests - bound - names.BUILTINS):
            listed = ", ".join(f"`{name}`" for name in found)
            notes.append(
                f"your cell {cell['id']} uses {listed}, which only a test cell "
                "defines: in grading it is not there; define it in your cell"
            )
    return notes
