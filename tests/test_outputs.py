"""What is kept of a cell's outputs: text, errors and pictures, made anew."""

from __future__ import annotations

import base64
import copy
import itertools
import struct
import zlib
from typing import Any

import nbformat
import pytest
from nbformat import NotebookNode

from autograder import notebooks, outputs


def png(width: int = 2, height: int = 2, padding: int = 0) -> str:
    """Return a PNG picture in base64."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    made = b"\x89PNG\r\n\x1a\n"
    made += chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    made += chunk(b"IDAT", zlib.compress(bytes((width + 1) * min(height, 9))))
    made += chunk(b"tEXt", bytes(padding)) + chunk(b"IEND", b"")
    return base64.b64encode(made).decode()


def stream(text: Any, name: Any = "stdout", **more: Any) -> dict[str, Any]:
    """Return what a cell printed."""
    return {"output_type": "stream", "name": name, "text": text, **more}


def shown(**data: Any) -> dict[str, Any]:
    """Return what a cell displayed, with ``_`` for ``/`` in the kinds."""
    data = {kind.replace("_", "/", 1): value for kind, value in data.items()}
    return {"output_type": "display_data", "data": data, "metadata": {}}


def cleaned(*cells: list[Any], count: Any = 1) -> NotebookNode:
    """Return a notebook of cells with these outputs, cleaned and valid."""
    notebook = notebooks.from_parts([])
    for index, found in enumerate(cells):
        cell = nbformat.v4.new_code_cell("", id=f"cell-{index}")
        cell.outputs = [nbformat.from_dict(output) for output in found]
        cell.execution_count = count
        notebook.cells.append(cell)
    outputs.clean(notebook)
    nbformat.validate(notebook)
    notebooks.write(notebook).encode()
    return notebook


def one(output: Any) -> NotebookNode:
    """Return an output, cleaned."""
    [found] = cleaned([output]).cells[0].outputs
    return found


def test_what_is_harmless_is_kept():
    picture = png()
    assert one(stream("a\n\tb\n")) == stream("a\n\tb\n")
    assert one(stream("a", "stderr")) == stream("a", "stderr")
    made = one(shown(image_png=picture, text_plain="<Figure>"))
    assert made.data == {"image/png": picture, "text/plain": "<Figure>"}
    error = {
        "output_type": "error",
        "ename": "ValueError",
        "evalue": "no",
        "traceback": ["\x1b[31mline 1\x1b[0m"],
    }
    assert one(error) == error
    result = {**shown(text_plain="3"), "output_type": "execute_result"}
    assert one({**result, "execution_count": 7}) == {**result, "execution_count": 1}


KINDS = (
    *("text/html", "text/markdown", "text/latex", "image/svg+xml", "image/jpeg"),
    *("application/javascript", "application/json", "application/pdf", "video/mp4"),
    *("application/vnd.jupyter.widget-view+json", "text/vnd.mermaid", "TEXT/HTML"),
)


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_browser_would_run_is_dropped_and_named(kind):
    made = one({**shown(), "data": {kind: "<script>alert(1)</script>"}})
    name = kind if kind.islower() else "nothing known"
    assert made.data == {"text/plain": f"[not shown: {name}]"}
    beside = {kind: "<script>", "text/plain": "a table"}
    assert one({**shown(), "data": beside}).data == {"text/plain": "a table"}


def test_names_of_kinds_are_not_passed_on_as_they_come():
    data = {"<script>": "x", "x" * 1000: "x", **{f"a/{i}": "x" for i in range(99)}}
    made = one({**shown(), "data": data}).data["text/plain"]
    assert made == "[not shown: a/0, a/1, a/2, a/3, a/4]"


def test_metadata_and_unknown_parts_are_dropped():
    odd = {"onerror": "alert(1)", "transient": {"display_id": "x"}, "id": "<script>"}
    attributes = {"image/png": {"width": "1 onerror=alert(1)", "alt": '"><script>'}}
    assert one(stream("a", **odd)) == stream("a")
    made = one({**shown(image_png=png()), **odd, "metadata": attributes})
    assert made.metadata == {"image/png": {"alt": outputs.PICTURE}}
    assert set(made) == {"output_type", "data", "metadata"}
    notebook = notebooks.from_parts([])
    notebook.metadata["widgets"] = {"application/vnd.jupyter.widget-state+json": odd}
    notebook.metadata["language_info"] = {"name": "perl"}
    outputs.clean(notebook)
    assert notebook.metadata == notebooks.from_parts([]).metadata


WRONG = (None, True, 1, 1.5, float("nan"), "x", [], ["x"], [None], {}, {"x": [1]})
PARTS = ("output_type", "name", "text", "ename", "evalue", "traceback", "data")


def test_any_part_may_have_any_type():
    given = {**stream("a"), "ename": "E", "evalue": "v", "traceback": ["t"], "data": {}}
    types = ("stream", "error", "display_data", "execute_result", "update_display_data")
    for kind, part, wrong in itertools.product(types, PARTS, WRONG):
        cleaned([{**given, "output_type": kind, part: wrong}], count=wrong)
        data = {"text/plain": wrong, "image/png": wrong, "text/html": wrong}
        cleaned([{**given, "output_type": kind, "data": data}])
    for wrong in WRONG:
        notebook = cleaned([])
        notebook.cells[0].outputs = wrong
        outputs.clean(notebook)
        assert notebook.cells[0].outputs == []
        cleaned([wrong] if isinstance(wrong, dict) else [])


@pytest.mark.parametrize("count", ["<script>", -1, 10**9, True, [1], 1.0, None])
def test_number_of_a_cell_is_a_number(count):
    assert cleaned([], count=count).cells[0].execution_count is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\0b\x07c\x1b]0;title\x07d\x9b", "abc]0;titled"),
        ("\x1b[1;31mred\x1b[0m \x1b[2J\x1b[<m", "\x1b[1;31mred\x1b[0m [2J[<m"),
        ("10%\r50%\r100%\nnext", "100%\nnext"),
        ("100%\r", "100%"),
        ("a\r\nb", "a\nb"),
        ("half \ud800", "half ?"),
        ("\u202eright to left\u2066", "right to left"),
        ("ä ☑ 😀", "ä ☑ 😀"),
    ],
)
def test_control_characters_are_removed_but_colours_are_kept(text, expected):
    assert one(stream(text)).text == expected
    error = one(
        {"output_type": "error", "ename": text, "evalue": text, "traceback": [text]}
    )
    assert error.traceback == [expected] and error.evalue == expected
    assert one(shown(text_plain=text)).data["text/plain"] == expected


def test_too_many_colours_become_none():
    assert "\x1b" not in one(stream("\x1b[31mx\x1b[0my\n" * 1001)).text


BROKEN = {
    "no base64": "!" + png(),
    "markup": png() + '"><script>alert(1)</script>',
    "no picture": base64.b64encode(b"<svg onload=alert(1)>" * 9).decode(),
    "another kind": base64.b64encode(b"X" + base64.b64decode(png())[1:]).decode(),
    "only the mark": base64.b64encode(b"\x89PNG\r\n\x1a\n").decode(),
    "empty": "",
    "too many bytes": png(padding=2 * 2**20),
    "too many pixels": png(9000, 9000),
    "too long": png(10_001, 1),
    "no pixels": png(0, 1),
    "letters beyond": png() + "ä",
}


@pytest.mark.parametrize("why", BROKEN)
def test_picture_that_is_none_or_too_large_is_not_shown(why):
    made = one(shown(image_png=BROKEN[why], text_plain="<Figure>"))
    expected = "<Figure>\n[not shown: a picture that is too large or broken]"
    assert made.data == {"text/plain": expected}


def test_pictures_of_a_notebook_are_limited_together():
    picture = shown(image_png=png(padding=2**20))
    cells = cleaned(*[[picture]] * 12).cells
    kept = ["image/png" in cell.outputs[0].data for cell in cells]
    assert kept == [True] * 9 + [False] * 3


def test_long_line_says_how_much_is_missing():
    made = one(stream("x" * 14_345 + "\nnext")).text
    note = "\x1b[0m [... 12 345 more characters not shown]"
    assert made == "x" * 2000 + note + "\nnext"


def test_colour_that_was_cut_ends_there():
    made = one(stream("x" * 1998 + "\x1b[31m" + "y" * 500)).text
    assert made.startswith("x" * 1998 + "[\x1b[0m [... ")


def test_too_many_lines_say_how_many_are_missing():
    made = one(stream("line\n" * 1500)).text
    assert made == "line\n" * 1000 + "[... 500 more lines not shown]\n"
    assert one(stream("line\n" * 1000)).text == "line\n" * 1000


def test_text_of_a_cell_is_limited_over_its_outputs():
    many = [stream("x" * 999 + "\n", name) for name in ("stdout", "stderr") * 80]
    found = cleaned(many).cells[0].outputs
    assert len(found) == 101
    assert found[-1].text == "[... 60 more outputs not shown]"
    lines = cleaned([stream(("x" * 1999 + "\n") * 80)]).cells[0].outputs[0].text
    assert lines.endswith("[... 30 more lines not shown]\n")


def test_number_of_outputs_is_limited():
    found = cleaned([stream("x", name) for name in ("stdout", "stderr") * 80]).cells[0]
    assert len(found.outputs) == 101
    assert found.outputs[-1].text == "[... 60 more outputs not shown]"


def test_text_of_a_notebook_is_limited_over_its_cells():
    lines = ("x" * 999 + "\n") * 100
    cells = cleaned(*[[stream(lines)]] * 12).cells
    assert [cell.outputs[0].text for cell in cells[:10]] == [lines] * 10
    assert cells[10].outputs[0].text == "[... 1 more output not shown]"


def test_error_is_limited_too():
    error = {"output_type": "error", "ename": "E" * 999, "evalue": "v" * 9999}
    made = one({**error, "traceback": ["frame\n" * 900] * 2})
    assert len(made.ename) == 200 and len(made.evalue) == 2000
    assert made.traceback[0].endswith("[... 801 more lines not shown]\n")
    assert one({**error, "evalue": "no", "traceback": []}).traceback == [
        f"{'E' * 200}: no"
    ]


def test_cleaning_again_changes_nothing():
    cells = [
        [stream("x" * 14_345 + "\n\x1b[31mnext"), shown(text_html="<b>")],
        [stream("line\n" * 1500), shown(image_png=png(), text_plain="y")],
        [stream("x" * 999 + "\n", name) for name in ("stdout", "stderr") * 80],
        [shown(image_png="broken"), stream(("x" * 1999 + "\n") * 80)],
        [{"output_type": "error", "ename": "E", "evalue": "v", "traceback": []}],
    ]
    once = cleaned(*cells)
    twice = copy.deepcopy(once)
    outputs.clean(twice)
    assert twice == once
