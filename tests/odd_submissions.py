"""Submissions that no grader expects: what students' editors, disks and uploads make.

Each says which files are handed in, the words that its row of the results must hold,
and the marks that it must get.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import nbformat
import tiny_assignment as tiny
from nbformat import NotebookNode

from autograder import demo, notebooks
from autograder.execution import Release

FULL = {"add-test": 2.0, "area-test": 3.0}
NAME = f"{tiny.NAME}.ipynb"
STUB = "def add(a, b):\n    # YOUR CODE HERE\n    raise NotImplementedError()"
LARGE = 50 * 2**20  # bytes


@dataclass(frozen=True)
class Odd:
    """One student's hand-in.

    Parameters
    ----------
    files
        What is in the student's folder, by path.
    found
        Words that the row must hold, in its message or its repairs; empty if there is
        nothing to say.
    marks
        The points of each tested question, None if nothing can be run.
    """

    files: dict[str, bytes]
    found: str
    marks: dict[str, float] | None


def odd(assignment: Release, right: dict[str, str]) -> dict[str, Odd]:
    """Return odd submissions of the tiny assignment by student.

    Parameters
    ----------
    assignment
        The tiny assignment.
    right
        Answers that earn all the points there are.
    """

    def filled(**answers: str) -> NotebookNode:
        return demo.fill(assignment.released, {**right, **answers})

    def graded(found: str, change: Callable[[NotebookNode], None]) -> Odd:
        notebook = filled()
        change(notebook)
        return Odd({NAME: text(notebook)}, found, FULL)

    def answered(marks: dict[str, float] = FULL, /, **answers: str) -> Odd:
        return Odd({NAME: text(filled(**answers))}, "", marks)

    def refused(content: bytes, found: str) -> Odd:
        return Odd({NAME: content}, found, None)

    good = text(filled())
    data = json.loads(good)
    return {
        # Files that are no notebook
        "not-json": refused(b"Dear all, here is my notebook.", "no valid JSON at line"),
        "html-page": refused(b"<!DOCTYPE html><p>Log in</p>", "no valid JSON at line"),
        "picture": refused(b"\x89PNG\r\n\x1a\n" + bytes(99), "no valid JSON at line"),
        "empty": refused(b"", "the file is empty"),
        "blank-lines": refused(b" \n\n", "the file is empty"),
        "truncated": refused(good[: len(good) // 2], "the file seems to be cut off"),
        "a-list": refused(b"[1, 2]", "it has no list of cells"),
        "no-cells": refused(b'{"cells": {}}', "it has no list of cells"),
        "another": refused(
            notebooks.write(nbformat.v4.new_notebook()).encode(), "none of its cells"
        ),
        # Files that would take all memory or time
        "too-large": refused(b"[" + b"0," * LARGE + b"0]", "is larger than 100 MB"),
        "deep": refused(b'{"cells": ' + b"[" * 10**5, "nested too deeply"),
        "million-cells": refused(
            b'{"cells": [' + b"{}," * 10**6 + b"{}]}", "1000001 cells, the limit is"
        ),
        "million-objects": refused(
            b'{"cells": [' + b'{"a":0},' * 5 * 10**6 + b"{}]}", "MB of memory"
        ),
        "long-number": refused(
            good.replace(b'"nbformat": 4', b'"nbformat": ' + b"9" * 5000), "many digits"
        ),
        "long-source": Odd(
            {NAME: text(filled(add="#" * 20_000_000))},
            "answer cell add was left out: it has 20000000 characters",
            {**FULL, "add-test": 0.0},
        ),
        "large-outputs": graded("", _outputs(LARGE)),
        "large-lists": graded("", _output_lines(LARGE // 16)),
        "not-a-number": Odd(
            {NAME: good.replace(b'"nbformat": 4', b'"nbformat": NaN')}, "", FULL
        ),
        "same-key-twice": Odd({NAME: b'{"cells": 1,' + good.lstrip()[1:]}, "", FULL),
        # Encodings and line ends
        "byte-order-mark": Odd({NAME: b"\xef\xbb\xbf" + good}, "", FULL),
        "utf-16": Odd({NAME: good.decode().encode("utf-16")}, "UTF-16 text", FULL),
        "utf-16-no-mark": Odd(
            {NAME: good.decode().encode("utf-16-le")}, "UTF-16-LE text", FULL
        ),
        "utf-32": Odd({NAME: good.decode().encode("utf-32")}, "UTF-32 text", FULL),
        "latin-1": Odd(
            {
                NAME: text(filled(add="# ä ö ü\n" + right["add"]))
                .decode()
                .encode("cp1252")
            },
            "read as Windows-1252",
            FULL,
        ),
        "windows": graded("those of Windows", _replaced("\n", "\r\n")),
        "old-mac": graded("those of old Macs", _replaced("\n", "\r")),
        "control-characters": Odd(
            {NAME: text(filled(add=right["add"] + "  # \0\x08\x1b[31m"))},
            "control characters in answer cell add were left out",
            FULL,
        ),
        "half-a-character": answered(add=right["add"] + "  # \ud800"),
        # Formats and editors
        "format-3": Odd({NAME: _version_3(data)}, "format 3", FULL),
        "format-4.0": graded("", _version_4_0),
        "format-4.5": Odd({NAME: good}, "", FULL),
        "colab": graded("", _colab),
        "vscode": graded("", _vscode),
        "pycharm": graded("", _pycharm),
        "jupytext": graded("", _jupytext),
        "lines-in-lists": Odd({NAME: _listed(data)}, "", FULL),
        "ids-alone": graded("", _without_metadata),
        "metadata-alone": graded("", _other_ids),
        # Names and places of files
        "other-name": Odd({"final version.ipynb": good}, "final version.ipynb", FULL),
        "capital-ending": Odd({"sample.IPYNB": good}, "sample.IPYNB", FULL),
        "sub-folder": Odd({"work/week 3/draft.ipynb": good}, "week 3/draft", FULL),
        "nothing": Odd({"notes.txt": b"none"}, "no notebook in the", None),
        "two": Odd({"a.ipynb": good, "b.ipynb": good}, "2 notebooks (a.ip", None),
        "two-one-named": Odd(
            {NAME: good, "sample (1).ipynb": b"{}"}, "of 2 notebooks sample", FULL
        ),
        "<img src=x onerror=alert(1)>": Odd({NAME: good}, "the folder was named", FULL),
        # Cells that were moved, lost, copied or changed
        "duplicated": graded("add was there 2 times: joined", _duplicate("add")),
        "stub-copied": graded("add was there 2 times: joined", _duplicate("add", STUB)),
        "stub-before": graded(
            "add was there 2 times: joined", _duplicate("add", STUB, before=True)
        ),
        "split": graded("add was there 2 times: joined", _split),
        "test-duplicated": graded(
            "test cell add-test was there 2 times", _duplicate("add-test")
        ),
        "reordered": graded("in another order", lambda n: n.cells.reverse()),
        "answer-missing": Odd(
            {NAME: text(_without(filled(), "area"))},
            "answer cell area was missing",
            {**FULL, "area-test": 0.0},
        ),
        "tests-missing": graded(
            "test cell add-test was missing", lambda n: _without(n, "add-test")
        ),
        "tests-edited": graded(
            "test cell add-test was changed", _set("add-test", source="pass")
        ),
        "tests-skipped": graded("tagged to be skipped", _skip),
        "given-changed": graded(
            "given cell imports was changed", _set("imports", source="import os")
        ),
        "answer-retyped": graded(
            "add was no longer a code cell", _set("add", cell_type="markdown")
        ),
        "test-retyped": graded(
            "test cell add-test was changed", _set("add-test", cell_type="raw")
        ),
        "written-retyped": graded(
            "explain was no longer a markdown cell", _set("explain", cell_type="code")
        ),
        "added": graded("1 added code cell left out", _add),
        "pictures": graded("pictures inside answer cell explain", _attach),
        "odd-metadata": graded("", _odd_metadata),
        # What the code does
        "magic": answered(add=f"%matplotlib inline\n{right['add']}\n%who"),
        "cell-magic": answered(add=f"%%time\n{right['add']}"),
        "shell": answered(add=f"!echo hello\n{right['add']}\nfiles = !ls"),
        "asks": answered(add=f"{right['add']}\nname = input('Your name? ')"),
        "plots": answered(
            add=f"{right['add']}\n"
            "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()"
        ),
        "prints-megabytes": answered(
            add=f"{right['add']}\nfor i in range(20_000):\n    print(i, 'y' * 100)"
        ),
        "no-python": answered({**FULL, "add-test": 0.0}, add="def add(a, b) return"),
    }


def text(notebook: NotebookNode) -> bytes:
    """Return a notebook's file; a lone surrogate is written as JSON can write it."""
    return json.dumps(notebook, ensure_ascii=False, indent=1).encode(
        "utf-8", "backslashreplace"
    )


def cell(notebook: NotebookNode, name: str) -> NotebookNode:
    """Return the cell of this id."""
    return next(c for c in notebook.cells if c["id"] == name)


def _outputs(size: int) -> Callable[[NotebookNode], None]:
    def change(notebook: NotebookNode) -> None:
        text = "[1, {2}] " * (size // 9)
        printed = {"output_type": "stream", "name": "stdout", "text": text}
        picture = {
            "output_type": "display_data",
            "data": {"image/png": "A" * 10**6},
            "metadata": {},
        }
        cell(notebook, "add").outputs = [nbformat.from_dict(printed)]
        cell(notebook, "area").outputs = [nbformat.from_dict(picture)]

    return change


def _output_lines(count: int) -> Callable[[NotebookNode], None]:
    def change(notebook: NotebookNode) -> None:
        printed = {"output_type": "stream", "name": "stdout", "text": ["[1]\n"] * count}
        cell(notebook, "add").outputs = [printed]

    return change


def _replaced(old: str, new: str) -> Callable[[NotebookNode], None]:
    def change(notebook: NotebookNode) -> None:
        for one in notebook.cells:
            one.source = one.source.replace(old, new)

    return change


def _set(name: str, **values: str) -> Callable[[NotebookNode], None]:
    return lambda notebook: cell(notebook, name).update(values)


def _version_3(data: dict[str, Any]) -> bytes:
    cells = [{"cell_type": "heading", "level": 1, "source": "A", "metadata": {}}]
    for one in copy.deepcopy(data["cells"]):
        del one["id"]
        if one["cell_type"] == "code":
            one |= {"input": one.pop("source"), "language": "python"}
            one["prompt_number"] = one.pop("execution_count")
        cells.append(one)
    sheets = [{"cells": cells, "metadata": {}}]
    made = {"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": sheets}
    return json.dumps(made).encode()


def _version_4_0(notebook: NotebookNode) -> None:
    notebook.nbformat_minor = 0
    for one in notebook.cells:
        del one["id"]


def _colab(notebook: NotebookNode) -> None:
    notebook.nbformat_minor = 0
    notebook.metadata = {"colab": {"provenance": [], "gpuType": "T4"}}
    for one in notebook.cells:
        one.metadata = {"id": one.pop("id"), "colab": {"base_uri": "https://localhost"}}


def _vscode(notebook: NotebookNode) -> None:
    notebook.metadata["vscode"] = {"interpreter": {"hash": "0"}}
    for index, one in enumerate(notebook.cells):
        one["id"] = f"b{index}c0ffee"
        one.metadata["vscode"] = {"languageId": "python"}


def _pycharm(notebook: NotebookNode) -> None:
    for one in notebook.cells:
        one.pop("id")
        one.metadata["pycharm"] = {"name": "#%%\n", "is_executing": True}
        one.metadata["collapsed"] = False


def _jupytext(notebook: NotebookNode) -> None:
    notebook.metadata["jupytext"] = {"formats": "ipynb,py:percent"}
    for one in notebook.cells:
        one.metadata |= {"lines_to_next_cell": 2, "jupyter": {"source_hidden": True}}


def _listed(data: dict[str, Any]) -> bytes:
    cells = [
        {**one, "source": one["source"].splitlines(keepends=True)}
        for one in data["cells"]
    ]
    return json.dumps({**data, "cells": cells}).encode()


def _without_metadata(notebook: NotebookNode) -> None:
    for one in notebook.cells:
        one.metadata = {}


def _other_ids(notebook: NotebookNode) -> None:
    for index, one in enumerate(notebook.cells):
        one["id"] = f"cell-{index}"


def _duplicate(
    name: str, source: str | None = None, before: bool = False
) -> Callable[[NotebookNode], None]:
    def change(notebook: NotebookNode) -> None:
        copied = copy.deepcopy(cell(notebook, name))
        copied.source = source or copied.source
        position = notebook.cells.index(cell(notebook, name))
        notebook.cells.insert(position + (not before), copied)

    return change


def _split(notebook: NotebookNode) -> None:
    """Split a cell as JupyterLab does: both halves keep the metadata."""
    first = cell(notebook, "add")
    second = copy.deepcopy(first)
    second["id"] = "0badcafe"
    first.source, _, second.source = first.source.partition("\n")
    notebook.cells.insert(notebook.cells.index(first) + 1, second)


def _without(notebook: NotebookNode, name: str) -> NotebookNode:
    notebook.cells.remove(cell(notebook, name))
    return notebook


def _skip(notebook: NotebookNode) -> None:
    cell(notebook, "add-test").metadata["tags"] = ["skip-execution"]


def _add(notebook: NotebookNode) -> None:
    notebook.cells.insert(5, nbformat.v4.new_code_cell("raise SystemExit"))


def _attach(notebook: NotebookNode) -> None:
    cell(notebook, "explain").attachments = {"a.png": {"image/png": "AAAA"}}


def _odd_metadata(notebook: NotebookNode) -> None:
    """Give parts that are ignored a wrong type."""
    tags: Any = 0
    for _ in range(300):
        tags = {"tags": tags}
    for one in notebook.cells:
        one.metadata |= {"tags": tags, "collapsed": "yes", "scrolled": []}
        one.metadata["nbgrader"] = {
            **one.metadata.get("nbgrader", {}),
            "points": -(10**9),
            "schema_version": "x",
        }
    notebook.metadata = nbformat.from_dict({"kernelspec": 3, "language_info": []})
