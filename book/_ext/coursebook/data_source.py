"""Which data a page was executed with, said under its title and, if need be, on top.

``book/build.py`` looks up which data are in use before anything is executed, and keeps
the executed chapters in a cache of their own for each answer. So what is written here
is true for every output on the page, executed now or taken from the cache.
"""

from __future__ import annotations

import ast
import json
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx

from .notebooks import code_cells

# The function of latentspaces.data: the real data's name, the stand-in's.
DATA = {
    "fashion_mnist": ("Fashion-MNIST", "drawn garments"),
    "ecg5000": ("ECG5000", "drawn heartbeats"),
}


def setup(app: Sphinx) -> None:
    app.connect("config-inited", announce_stand_ins)
    app.connect("doctree-read", say_under_title)


def announce_stand_ins(app: Sphinx, config) -> None:
    """A banner on every page when any real data set is missing."""
    drawn = [
        DATA[key] for key, source in config.coursebook_data.items() if source == "drawn"
    ]
    if drawn:
        missing = " and ".join(real for real, _ in drawn)
        used = " and ".join(stand_in for _, stand_in in drawn)
        config.html_theme_options["announcement"] = (
            f"This copy of the book was built without {missing}. What its pages "
            f"compute comes from the {used} that the course draws itself."
        )


def say_under_title(app: Sphinx, doctree: nodes.document) -> None:
    """Add a line such as *Executed on: Fashion-MNIST (real data).*"""
    cells = code_cells(app, app.env.docname)
    trees = [tree for tree in map(parsed, cells) if tree is not None]
    lines = []
    used = [
        describe(key, source)
        for key, source in app.config.coursebook_data.items()
        if any(calls(tree, key) for tree in trees)
    ]
    if used:
        lines.append("Executed on: " + "; ".join(used) + ".")
    results = Path(app.config.coursebook_root) / "latentspaces" / "results"
    recorded = {
        recorded_source(results / f"{name}.json")
        for tree in trees
        for name in loaded_results(tree)
        if (results / f"{name}.json").exists()
    }
    if recorded:
        lines.append("Recorded experiments: " + "; ".join(sorted(recorded)) + ".")
    title = next(iter(doctree.findall(nodes.title)), None)
    if lines and title is not None:
        paragraph = nodes.paragraph(text=" ".join(lines), classes=["data-source"])
        title.parent.insert(title.parent.index(title) + 1, paragraph)


def describe(key: str, source: str) -> str:
    real, drawn = DATA[key]
    if source == "real":
        return f"{real} (real data)"
    return f"{drawn} (drawn stand-in for {real})"


def recorded_source(path: Path) -> str:
    source = json.loads(path.read_text(encoding="utf-8"))["data"]
    return "real data" if source == "real" else "drawn stand-in"


def parsed(cell: str) -> ast.Module | None:
    try:
        return ast.parse(cell)
    except SyntaxError:
        return None  # a magic command, which loads no data


def calls(tree: ast.Module, name: str) -> bool:
    """Whether the code calls a function of this name."""
    return any(
        name in (getattr(node.func, "id", None), getattr(node.func, "attr", None))
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
    )


def loaded_results(tree: ast.Module) -> list[str]:
    """The names in ``results.load("name")`` and ``results.table("name", ...)``."""
    return [
        node.args[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and {"load", "table"}
        & {getattr(node.func, "id", None), getattr(node.func, "attr", None)}
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    ]
