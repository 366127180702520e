"""The notebook that is graded: the release, with a student's answers put in."""

from __future__ import annotations

import copy
from collections import defaultdict

from nbformat import NotebookNode

from autograder import notebooks
from autograder.execution import Release


def rebuild(
    release: Release, submitted: NotebookNode
) -> tuple[NotebookNode, tuple[str, ...]]:
    """Put the answers of a submission into the release.

    Only the source of the student's cells is taken, matched by grade id. Everything
    else comes from the release, so metadata, tags and outputs that were handed in do
    not matter, nor do test cells that were lost, moved, copied or edited.

    Parameters
    ----------
    release
        The assignment.
    submitted
        What the student handed in, as :func:`autograder.notebooks.parse` gives it.

    Returns
    -------
    The notebook to run, and what had to be repaired, one sentence each.
    """
    known = {cell["id"]: cell for cell in release.released.cells}
    found: dict[str, list[NotebookNode]] = defaultdict(list)
    added = 0
    for cell in submitted.cells:
        name = notebooks.grade_id(cell)
        # Some editors drop nbgrader's metadata; the cell's own id is the same name.
        name = name if name in known else cell["id"]
        if name in known:
            found[name].append(cell)
        elif cell.cell_type == "code" and cell.source.strip():
            added += 1

    notebook = copy.deepcopy(release.graded)
    repairs = []
    for cell in notebook.cells:
        name = cell["id"]
        cells = found.get(name, [])
        if not notebooks.is_answer(cell):
            if notebooks.role(cell):
                repairs += _compare(known[name], cells)
        elif cells:
            cell.source, repair = _answer(known[name], cells)
            repairs += repair
        else:
            repairs.append(f"answer cell {name} was missing")
    if list(found) != [name for name in known if name in found]:
        repairs.append("cells were in another order")
    if added:
        cells = "cell" if added == 1 else "cells"
        repairs.append(f"{added} added code {cells} left out")
    return notebook, tuple(repairs)


def _compare(given: NotebookNode, cells: list[NotebookNode]) -> list[str]:
    """Say what happened to a cell that was not the student's to change."""
    kind = "test" if notebooks.is_test(given) else "given"
    name = given["id"]
    if not cells:
        return [f"{kind} cell {name} was missing"]
    changed = any(
        cell.source.strip() != given.source.strip() or cell.cell_type != given.cell_type
        for cell in cells
    )
    repairs = [f"{kind} cell {name} was changed"] if changed else []
    if len(cells) > 1:
        repairs.append(f"{kind} cell {name} was there {len(cells)} times")
    if any("skip-execution" in str(cell.metadata.get("tags", "")) for cell in cells):
        repairs.append(f"{kind} cell {name} was tagged to be skipped")
    return repairs


def _answer(given: NotebookNode, cells: list[NotebookNode]) -> tuple[str, list[str]]:
    """Return the source of an answer that may have been split or copied."""
    name = given["id"]
    repairs = []
    if any(cell.cell_type != given.cell_type for cell in cells):
        repairs.append(f"answer cell {name} was no longer a {given.cell_type} cell")
    if len(cells) == 1:
        return cells[0].source, repairs
    repairs.append(f"answer cell {name} was there {len(cells)} times: joined")
    # A copy of the empty form would raise and hide the answer that comes after it.
    parts = [cell.source for cell in cells if not notebooks.is_blank(cell.source)]
    return "\n\n".join(dict.fromkeys(parts)) or given.source, repairs
