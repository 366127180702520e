"""Outputs that can be shown: text, errors and PNG pictures, nothing that could run.

What a cell showed was written by the process that ran the student's code, which may
say anything. So an output is never passed on: a new one is made of the few parts that
are known to be harmless, each of its proper type and of a bounded size.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Any

import nbformat
from nbformat import NotebookNode

from autograder import notebooks

MOST_TEXT = 100_000  # characters a cell
MOST_TEXT_IN_ALL = 1_000_000  # characters a notebook
MOST_LINES = 1000  # a cell
LONGEST_LINE = 2000  # characters
MOST_OUTPUTS = 100  # a cell
LONGEST_NAME = 200  # characters of an exception's name
LARGEST_PICTURE = 2 * 2**20  # bytes
LARGEST_PICTURES = 10 * 2**20  # bytes a notebook
MOST_PIXELS = 16_000_000  # a browser unpacks each to four bytes
LONGEST_SIDE = 10_000  # pixels
MOST_COLOURS = 2000  # changes of colour in a text; a page needs a tag for each

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
PICTURE = "A picture that this cell drew"
COLOUR = re.compile(r"\x1b\[[0-9;]{0,20}m")
#: Control characters, and those that turn the direction of the text around them.
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
BUT_COLOUR = re.compile(rf"({COLOUR.pattern})|{CONTROL.pattern}")
#: What this module says of what it left out: cleaning twice is cleaning once.
NOTE = re.compile(r"\[\.\.\. [\d ]+ more [a-z]+ not shown\]$")
LONGEST_NOTE = 60  # characters
KIND = re.compile(r"[a-z0-9][a-z0-9.+/-]{0,60}")


@dataclass
class _Room:
    """How much more may be shown, of a notebook and of the cell in it."""

    text_in_all: int = MOST_TEXT_IN_ALL
    pictures: int = LARGEST_PICTURES
    text: int = MOST_TEXT
    lines: int = MOST_LINES

    def start_cell(self) -> None:
        self.text = min(MOST_TEXT, self.text_in_all)
        self.lines = MOST_LINES

    def take_line(self, length: int) -> None:
        self.text -= length + 1
        self.text_in_all -= length + 1
        self.lines -= 1

    @property
    def is_full(self) -> bool:
        return self.text <= 0 or self.lines <= 0


def clean(notebook: NotebookNode) -> None:
    """Replace all outputs, in place, by what can be shown of them.

    nbgrader's pages render HTML, SVG, Markdown and JavaScript as they come, also in
    the instructor's browser. What the kernel said about the notebook goes too.
    """
    notebook.metadata = notebooks.from_parts([]).metadata
    room = _Room()
    for cell in notebook.cells:
        shown = cell.pop("outputs", None)
        count = _count(cell.pop("execution_count", None))
        if cell.cell_type == "code":
            cell.execution_count = count
            cell.outputs = _clean(shown, count, room)


def picture(data: object) -> bytes | None:
    """Return a PNG picture given in base64, None if it is not one of bearable size."""
    if not isinstance(data, str) or len(data) > 2 * LARGEST_PICTURE:
        return None
    try:
        found = base64.b64decode("".join(data.split()), validate=True)
    except (binascii.Error, ValueError):
        return None
    width, height = (int.from_bytes(found[i : i + 4], "big") for i in (16, 20))
    fits = 0 < width <= LONGEST_SIDE and 0 < height <= LONGEST_SIDE
    if not fits or width * height > MOST_PIXELS or len(found) > LARGEST_PICTURE:
        return None
    return found if found.startswith(PNG) else None


def text(value: object) -> str:
    """Return a text as a page can hold it: no control characters but of colour."""
    if not isinstance(value, str):
        return ""
    # A lone surrogate is legal in JSON and can be written to no file.
    value = value.encode("utf-8", "replace").decode("utf-8").replace("\r\n", "\n")
    if "\r" in value:
        # A progress bar overwrites its line; a terminal shows what came last.
        lines = value.split("\n")
        value = "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in lines)
    value = BUT_COLOUR.sub(r"\1", value)
    if value.count("\x1b") > MOST_COLOURS:
        value = COLOUR.sub("", value)
    return value


def _count(value: object) -> int | None:
    known = isinstance(value, int) and not isinstance(value, bool)
    return value if known and 0 <= value < 10**6 else None


def _clean(shown: object, count: int | None, room: _Room) -> list[NotebookNode]:
    """Return new outputs of a cell."""
    room.start_cell()
    shown = shown if isinstance(shown, list) else []
    made: list[NotebookNode] = []
    for index, output in enumerate(shown):
        rest = len(shown) - index
        if (index == MOST_OUTPUTS or room.is_full) and not _is_note(shown[index:]):
            note = f"[... {_number(rest, 'more output')} not shown]"
            made.append(_stream("stderr", note))
            break
        if isinstance(output, dict) and (new := _one(output, count, room)):
            made.append(new)
    return made


def _is_note(outputs: list[Any]) -> bool:
    [first, *more] = outputs
    said = first.get("text") if isinstance(first, dict) else None
    return not more and isinstance(said, str) and NOTE.fullmatch(said) is not None


def _one(output: dict[str, Any], count: int | None, room: _Room) -> NotebookNode | None:
    kind = output.get("output_type")
    if kind == "stream":
        name = "stderr" if output.get("name") == "stderr" else "stdout"
        return _stream(name, _cut(output.get("text"), room))
    if kind == "error":
        return _error(output, room)
    if kind in ("execute_result", "display_data"):
        data = output.get("data")
        made = _data(data if isinstance(data, dict) else {}, room)
        if kind == "execute_result":
            made["execution_count"] = count
        return nbformat.from_dict({"output_type": kind, **made})
    return None


def _stream(name: str, shown: str) -> NotebookNode:
    return nbformat.from_dict({"output_type": "stream", "name": name, "text": shown})


def _error(output: dict[str, Any], room: _Room) -> NotebookNode:
    name = " ".join(text(output.get("ename")).split())[:LONGEST_NAME]
    value = text(output.get("evalue"))[:LONGEST_LINE]
    frames = output.get("traceback")
    frames = [f for f in frames if isinstance(f, str)] if type(frames) is list else []
    shown = _cut("\n".join(frames) or f"{name}: {value}", room)
    made = {"output_type": "error", "ename": name, "evalue": value}
    return nbformat.from_dict({**made, "traceback": [shown]})


def _data(data: dict[str, Any], room: _Room) -> dict[str, Any]:
    """Return the data and metadata of a result: a picture, else text, else names."""
    plain = text(data.get("text/plain")).strip("\n")
    found = picture(data.get("image/png"))
    if found and len(found) <= room.pictures:
        room.pictures -= len(found)
        png = {"image/png": base64.b64encode(found).decode()}
        metadata = {"image/png": {"alt": PICTURE}}
        return {"data": {**png, "text/plain": _cut(plain, room)}, "metadata": metadata}
    if "image/png" in data:
        plain += "\n[not shown: a picture that is too large or broken]"
    elif not plain:
        kinds = [kind for kind in data if isinstance(kind, str)]
        kinds = [kind for kind in kinds if KIND.fullmatch(kind)][:5]
        plain = f"[not shown: {', '.join(kinds) or 'nothing known'}]"
    return {"data": {"text/plain": _cut(plain.strip("\n"), room)}, "metadata": {}}


def _cut(value: object, room: _Room) -> str:
    """Return as much of a text as there is room for, and how much more there was."""
    whole = text(value)
    lines = whole.removesuffix("\n").split("\n")
    shown = []
    for index, line in enumerate(lines):
        rest = len(lines) - index
        if room.is_full and not (rest == 1 and NOTE.fullmatch(line)):
            shown.append(f"[... {_number(rest, 'more line')} not shown]")
            break
        most = max(0, min(LONGEST_LINE, room.text))
        room.take_line(min(len(line), most))
        over = len(line) - most
        if over > 0 and not (over <= LONGEST_NOTE and NOTE.search(line)):
            # The cut may have split a colour's code, and may have left one open.
            more = _number(over, "more character")
            line = text(line[:most]) + f"\x1b[0m [... {more} not shown]"
        shown.append(line)
    return "\n".join(shown) + "\n" * whole.endswith("\n")


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}".replace(",", " ")
