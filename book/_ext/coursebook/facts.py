"""What the book knows about its own pages: description, reading time, execution.

Measured when a page is read, kept with the page, shown where a page asks for it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from .notebooks import is_notebook

# The rule by which reading time is reckoned; the syllabus says it to the reader.
WORDS_PER_MINUTE = 130
SECONDS_PER_FORMULA = 30  # displayed ones; one within a line counts as a word
SECONDS_PER_CODE_LINE = 4
SECONDS_PER_FIGURE = 30

LINE, DISPLAYED, CODE, FIGURE = (
    nodes.math,
    nodes.math_block,
    nodes.literal_block,
    nodes.image,
)


@dataclass
class Reading:
    """How much there is to read: on the page, or in its closed boxes."""

    words: int = 0
    formulas: int = 0
    code_lines: int = 0
    figures: int = 0

    @property
    def minutes(self) -> float:
        seconds = (
            self.formulas * SECONDS_PER_FORMULA
            + self.code_lines * SECONDS_PER_CODE_LINE
            + self.figures * SECONDS_PER_FIGURE
        )
        return self.words / WORDS_PER_MINUTE + seconds / 60


@dataclass
class Facts:
    """What is known about a page."""

    description: str = ""
    open: Reading = field(default_factory=Reading)
    boxes: Reading = field(default_factory=Reading)
    sections: list[tuple[str, str, str]] = field(default_factory=list)  # see search


@dataclass
class Execution:
    """How the cells of a page were executed, now or when the cache was filled."""

    seconds: float
    when: float  # seconds since 1970, UTC
    error: str  # the exception's name, empty if there was none


@dataclass
class Assignment:
    """The released notebook that goes with a chapter."""

    path: Path
    questions: int
    points: int


def setup(app: Sphinx) -> None:
    # After MyST-NB and the line under the title, which is not for reading.
    app.connect("doctree-read", measure_page)
    app.connect("env-purge-doc", lambda app, env, docname: pages(env).pop(docname, 0))


def pages(env: BuildEnvironment) -> dict[str, Facts]:
    if not hasattr(env, "coursebook_pages"):
        env.coursebook_pages = {}
    return env.coursebook_pages


def measure_page(app: Sphinx, doctree: nodes.document) -> None:
    facts = Facts()
    for meta in doctree.findall(nodes.meta):
        if meta.get("name") == "description":
            facts.description = meta["content"]
    measure(doctree, facts, facts.open)
    pages(app.env)[app.env.docname] = facts


def measure(node: nodes.Node, facts: Facts, reading: Reading) -> None:
    """Add what is in a node, and below it, to where it belongs."""
    if isinstance(node, nodes.Element):
        classes = node.get("classes", [])
        if node.get("design_component") == "dropdown":
            reading = facts.boxes
        if "cell_output" in classes:
            reading.figures += any(True for _ in node.findall(is_picture))
            return
        if "tag_hide-input" in classes:
            for child in node.children:
                folded = "cell_input" in child.get("classes", [])
                measure(child, facts, facts.boxes if folded else reading)
            return
    if isinstance(node, nodes.Text):
        reading.words += len(node.split())
    elif isinstance(node, LINE):
        reading.words += 1
    elif isinstance(node, DISPLAYED):
        reading.formulas += 1
    elif isinstance(node, CODE):
        reading.code_lines += sum(1 for line in node.astext().split("\n") if line)
    elif isinstance(node, FIGURE):
        reading.figures += 1
    elif not isinstance(node, nodes.Invisible | nodes.raw | nodes.comment):
        for child in node.children:
            measure(child, facts, reading)


def is_picture(node: nodes.Node) -> bool:
    return isinstance(node, nodes.image) or (
        isinstance(node, nodes.raw) and "<img" in node.astext()
    )


def execution(env: BuildEnvironment, docname: str) -> Execution | None:
    """When and how long a page was executed; None for a page without code."""
    data = getattr(env, "nb_metadata", {}).get(docname, {}).get("exec_data")
    if not data:
        return None
    return Execution(data["runtime"] or 0.0, data["mtime"], data["error"] or "")


def assignment(app: Sphinx, docname: str) -> Assignment | None:
    """The exercise of the same name, if there is one."""
    root = Path(app.config.coursebook_root)
    path = root / "exercises" / docname / f"{docname}.ipynb"
    if not path.exists():
        return None
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    graded = [cell["metadata"].get("nbgrader", {}) for cell in cells]
    points = [cell["points"] for cell in graded if cell.get("grade")]
    return Assignment(path, len(points), round(sum(points)))


def chapters(env: BuildEnvironment) -> list[str]:
    """The pages with an assignment, in reading order."""
    from .terms import reading_order

    return [
        docname
        for docname in reading_order(env)
        if is_notebook(env.app, docname) and assignment(env.app, docname)
    ]
