"""The notebook that is graded: the release, with a student's answers put in."""

from __future__ import annotations

import copy
import re
from collections import defaultdict

from nbformat import NotebookNode

from autograder import notebooks
from autograder.errors import NotebookError
from autograder.execution import Release

LONGEST = 100_000  # characters of an answer
CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")


def read(release: Release, content: bytes) -> tuple[NotebookNode, tuple[str, ...]]:
    """Read a submission's file and put its answers into the release.

    Parameters
    ----------
    release
        The assignment.
    content
        The file, whatever it is.

    Returns
    -------
    The notebook to run, and what was odd or had to be repaired, one sentence each.

    Raises
    ------
    NotebookError
        Saying why there is nothing to run.
    """
    submitted, notes = notebooks.examine(content)
    known = {cell["id"] for cell in release.graded.cells if notebooks.role(cell)}
    if not any({notebooks.grade_id(c), c["id"]} & known for c in submitted.cells):
        raise NotebookError("none of its cells belongs to this assignment")
    notebook, repairs = rebuild(release, submitted)
    return notebook, notes + repairs


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
    if any("skip-execution" in _tags(cell) for cell in cells):
        repairs.append(f"{kind} cell {name} was tagged to be skipped")
    return repairs


def _tags(cell: NotebookNode) -> list[object]:
    tags = cell.metadata.get("tags")
    return tags if isinstance(tags, list) else []


def _answer(given: NotebookNode, cells: list[NotebookNode]) -> tuple[str, list[str]]:
    """Return the source of an answer that may have been split or copied."""
    name = given["id"]
    repairs = []
    if any(cell.cell_type != given.cell_type for cell in cells):
        repairs.append(f"answer cell {name} was no longer a {given.cell_type} cell")
    if any("attachments" in cell for cell in cells):
        repairs.append(f"pictures inside answer cell {name} were left out")
    source = cells[0].source
    if len(cells) > 1:
        repairs.append(f"answer cell {name} was there {len(cells)} times: joined")
        source = _joined(given.source, [cell.source for cell in cells])
    if CONTROL.search(source):
        repairs.append(f"control characters in answer cell {name} were left out")
        source = CONTROL.sub("", source)
    if len(source) > LONGEST:
        repairs.append(
            f"answer cell {name} was left out: it has {len(source)} characters, the "
            f"limit is {LONGEST}"
        )
        source = given.source
    return source, repairs


def _joined(given: str, sources: list[str]) -> str:
    written = [s for s in sources if s.strip() not in ("", given.strip())]
    # A copy of the empty form would raise and hide the answer that comes after it.
    parts = [source for source in written if not notebooks.is_blank(source)] or written
    return "\n\n".join(dict.fromkeys(parts)) or given
