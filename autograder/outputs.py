"""Outputs that can be shown: text, errors and PNG pictures, nothing that could run."""

from __future__ import annotations

import re

from nbformat import NotebookNode

BASE64 = re.compile(r"[A-Za-z0-9+/=\s]*")


def cut(notebook: NotebookNode) -> None:
    """Drop from all outputs, in place, what is neither text nor a PNG picture.

    nbgrader's pages render HTML, SVG and JavaScript as they come, also in the
    instructor's browser.
    """
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if "data" not in output:
                continue
            output.metadata = {}  # the sizes in it become HTML attributes
            kinds = ", ".join(output.data)
            output.data = {
                kind: value
                for kind, value in output.data.items()
                if kind == "text/plain"
                or (kind == "image/png" and BASE64.fullmatch(str(value)))
            } or {"text/plain": f"[not shown: {kinds}]"}
