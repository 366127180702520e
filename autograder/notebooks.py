"""Notebooks as this package reads them: cells, their roles, and their questions."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from autograder.errors import NotebookError

LARGEST = 100 * 2**20  # bytes; a notebook beyond this was not made by hand
LARGEST_IN_MEMORY = 2**30  # bytes, as estimated from what the file consists of
MOST_CELLS = 10_000
#: A string in JSON. It gives nothing back that it has matched, so it takes linear time.
STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
CODE_STUB = re.compile(r"#\s*YOUR CODE HERE\s+raise NotImplementedError\(\)")
TEXT_STUB = "YOUR ANSWER HERE"


@dataclass(frozen=True)
class Question:
    """One marked cell and the cells in which a student answers it.

    Parameters
    ----------
    id
        nbgrader's grade id of the cell that carries the points.
    title
        The heading above it.
    points
        The most that can be earned.
    written
        True if a person marks it, False if the cell is a test.
    answers
        The grade ids of the student's cells.
    """

    id: str
    title: str
    points: float
    written: bool
    answers: tuple[str, ...]


def read(path: Path) -> NotebookNode:
    """Read a notebook file; NotebookError if it is missing or is not one."""
    if not path.exists():
        raise NotebookError(f"{path}: no such file")
    if not path.is_file():
        raise NotebookError(f"{path}: not a file, expected a notebook (.ipynb)")
    try:
        return parse(path.read_bytes())
    except NotebookError as error:
        raise NotebookError(f"{path}: {error}") from None
    except OSError as error:
        raise NotebookError(f"{path}: cannot be read ({error.strerror})") from None


def parse(content: bytes) -> NotebookNode:
    """Make a version 4 notebook of a file's content; see :func:`examine`."""
    notebook, _ = examine(content)
    return notebook


def examine(content: bytes) -> tuple[NotebookNode, tuple[str, ...]]:
    """Make a version 4 notebook of a file's content, and say what was odd about it.

    Whoever wrote the file may have written anything: every part that is used later
    is brought to its proper type here, outputs are left out, and nothing else is
    trusted.

    Returns
    -------
    The notebook, and one sentence for each oddity that did not matter.

    Raises
    ------
    NotebookError
        Saying what the content is instead of a notebook.
    """
    if not content.strip():
        raise NotebookError("the file is empty")
    if len(content) > LARGEST:
        raise NotebookError(
            f"the file has {len(content) / 2**20:.0f} MB, the limit is "
            f"{LARGEST // 2**20} MB; clear the outputs"
        )
    text, notes = _decode(content)
    try:
        data = _load(text)
        if isinstance(data, dict) and isinstance(data.get("worksheets"), list):
            data = _from_version_3(data)
            notes.append("the notebook was of format 3")
        if not isinstance(data, dict) or not isinstance(data.get("cells"), list):
            raise NotebookError("not a notebook: it has no list of cells")
        if len(data["cells"]) > MOST_CELLS:
            raise NotebookError(
                f"it has {len(data['cells'])} cells, the limit is {MOST_CELLS}"
            )
        cells = [_cell(cell) for cell in data["cells"] if isinstance(cell, dict)]
        notebook = from_parts(cells)
        if isinstance(metadata := data.get("metadata"), dict):
            notebook.metadata = nbformat.from_dict(metadata)
    except RecursionError:
        raise NotebookError("not a notebook: nested too deeply") from None
    ends = [cell.source for cell in notebook.cells if "\r" in cell.source]
    if ends:
        windows = any("\r\n" in source for source in ends)
        notes.append(f"line ends were those of {'Windows' if windows else 'old Macs'}")
    for cell in notebook.cells:
        cell.source = cell.source.replace("\r\n", "\n").replace("\r", "\n")
    return notebook, tuple(notes)


def _decode(content: bytes) -> tuple[str, list[str]]:
    """Return the text of a file, and a note unless it was UTF-8."""
    encoding = json.detect_encoding(content)
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        where = f"the file was not {encoding.upper()} text (byte {error.start})"
        # What Windows' editors write: all it can spoil are letters beyond ASCII.
        return content.decode("cp1252", "replace"), [f"{where}, read as Windows-1252"]
    if encoding.startswith("utf-8"):
        return text, []
    return text, [f"the file was {encoding.upper()} text instead of UTF-8"]


def _load(text: str) -> Any:
    """Read JSON that does not unpack to gigabytes."""
    size = _memory(text)
    if size > LARGEST_IN_MEMORY:
        # Most of the marks may be letters of an output's text: count without strings.
        size = _memory(STRING.sub("", text))
    if size > LARGEST_IN_MEMORY:
        raise NotebookError(
            f"it would take {size / 2**20:.0f} MB of memory, the limit is "
            f"{LARGEST_IN_MEMORY // 2**20} MB; clear the outputs"
        )
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        cut = "" if text.rstrip().endswith("}") else "; the file seems to be cut off"
        raise NotebookError(
            f"not a notebook: no valid JSON at line {error.lineno} ({error.msg}){cut}"
        ) from None
    except ValueError:
        raise NotebookError("not a notebook: a number has too many digits") from None


def _memory(text: str) -> int:
    """Return about how many bytes the objects of a JSON text take, or a few more."""
    return text.count("{") * 232 + text.count("[") * 64 + text.count(",") * 72


def _from_version_3(data: dict[str, Any]) -> dict[str, Any]:
    """Return the cells of a version 3 notebook as those of version 4."""
    cells = []
    for sheet in data["worksheets"]:
        found = sheet.get("cells") if isinstance(sheet, dict) else None
        for cell in found if isinstance(found, list) else []:
            if isinstance(cell, dict):
                cell = dict(cell)
                if cell.get("cell_type") == "code":
                    cell["source"] = cell.get("input", "")
                if cell.get("cell_type") in ("heading", "html"):
                    cell["cell_type"] = "markdown"
                cells.append(cell)
    return {"cells": cells, "metadata": data.get("metadata")}


def _cell(data: dict[str, Any]) -> dict[str, Any]:
    source = data.get("source", "")
    if isinstance(source, list):
        source = "".join(line for line in source if isinstance(line, str))
    if not isinstance(source, str):
        source = ""
    # A lone surrogate is legal in JSON and can be written to no file.
    source = source.encode("utf-8", "replace").decode("utf-8")
    metadata = data.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    # Colab keeps a cell's id in its metadata.
    name = data.get("id", metadata.get("id"))
    kind = data.get("cell_type")
    cell = {
        "cell_type": kind if kind in ("code", "markdown") else "raw",
        "id": name if isinstance(name, str) else "",
        "metadata": metadata,
        "source": source,
    }
    if kind == "code":
        cell |= {"execution_count": None, "outputs": []}
    if kind == "markdown" and isinstance(data.get("attachments"), dict):
        cell["attachments"] = data["attachments"]
    return cell


def from_parts(cells: list[dict[str, Any]]) -> NotebookNode:
    """Make a notebook of these cells, for any Python 3 kernel; nothing is validated."""
    return nbformat.from_dict(
        {
            "cells": cells,
            "metadata": {
                "kernelspec": {
                    "display_name": "Python 3",
                    "language": "python",
                    "name": "python3",
                },
                "language_info": {"name": "python"},
            },
            "nbformat": 4,
            "nbformat_minor": 5,
        }
    )


def write(notebook: NotebookNode) -> str:
    """Return the text of a notebook file: the same for the same notebook."""
    return nbformat.v4.writes(notebook) + "\n"


def role(cell: NotebookNode) -> dict[str, Any]:
    """Return nbgrader's metadata of a cell, empty if it has none."""
    found = cell.metadata.get("nbgrader")
    return found if isinstance(found, dict) else {}


def grade_id(cell: NotebookNode) -> str:
    """Return nbgrader's id of a cell, empty if it has none."""
    found = role(cell).get("grade_id")
    return found if isinstance(found, str) else ""


def is_answer(cell: NotebookNode) -> bool:
    """Return True for a cell that the student fills in."""
    return role(cell).get("solution") is True


def is_graded(cell: NotebookNode) -> bool:
    """Return True for a cell that carries points."""
    return role(cell).get("grade") is True


def is_test(cell: NotebookNode) -> bool:
    """Return True for a cell whose run decides its points."""
    return is_graded(cell) and not is_answer(cell)


def is_blank(source: str) -> bool:
    """Return True if an answer's source still is what was handed out, or empty."""
    text = source.strip()
    return not text or text == TEXT_STUB or CODE_STUB.search(text) is not None


def heading(cell: NotebookNode) -> str:
    """Return the first heading of a prose cell as plain text, or an empty string."""
    if cell.cell_type != "markdown" or is_answer(cell):
        return ""
    found = re.search(r"^#{1,6}[ \t]+(.+?)[ \t#]*$", cell.source, re.MULTILINE)
    return re.sub(r"[`*]", "", found[1]).strip() if found else ""


def questions(notebook: NotebookNode) -> tuple[Question, ...]:
    """Return the questions of an assignment, in the notebook's order."""
    found: list[Question] = []
    title, answers, complete = "", [], False
    for cell in notebook.cells:
        title = heading(cell) or title
        if is_answer(cell):
            answers = [grade_id(cell)] if complete else [*answers, grade_id(cell)]
            complete = False
        if is_graded(cell):
            complete = True
            name = title or grade_id(cell)
            if any(question.title == name for question in found):
                name = f"{name} ({grade_id(cell)})"
            points = role(cell).get("points")
            found.append(
                Question(
                    id=grade_id(cell),
                    title=name,
                    points=float(points) if isinstance(points, int | float) else 0.0,
                    written=is_answer(cell),
                    answers=tuple(answers),
                )
            )
    return tuple(found)
