"""Directives for the syllabus and the status page, whose numbers are measured.

Each leaves a placeholder when its page is read. When all pages have been read, and so
also when a chapter came from the cache, the placeholder is filled in.

``{course-overview}``
    a table of all chapters: reading, computing, assignment, and the sums;
``{chapter-facts} NAME``
    what one learns in a chapter, how long it takes, what can be downloaded, where it
    runs; the directive's content says what it presupposes;
``{course-path}``
    lines ``label: chapter, chapter`` as a table with the times;
``{reading-rule}``
    how reading time is reckoned, in a few sentences;
``{reading-time}`all` ``
    a role: the time for the page on which it stands, with every box (``all``) or
    without (``open``);
``{execution-status}``
    with which versions and data the chapters were executed, when, for how long;
``{recorded-experiments}``
    the long runs whose results are shipped, with data, seeds and date.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxDirective, SphinxRole

from . import addresses, facts, tables
from .data_source import describe, loaded_results, parsed
from .notebooks import FOLDER, code_cells
from .tables import Cell, to_five

PACKAGES = ("torch", "torchvision", "numpy", "scikit-learn", "matplotlib")


class Placeholder(nodes.General, nodes.Element):
    """Where a computed table will stand; ``kind`` names what fills it in."""


def setup(app: Sphinx) -> None:
    app.add_node(Placeholder)
    for kind in FILLED_BY:
        app.add_directive(kind, DIRECTIVES.get(kind, Computed))
    app.add_role("reading-time", ReadingTime())
    app.connect("doctree-read", say_reading_time, priority=600)  # after facts
    app.connect("env-updated", rewrite)
    # Before the notebooks are written, although no notebook has one so far.
    app.connect("doctree-resolved", fill_in, priority=400)


class Computed(SphinxDirective):
    """A directive without arguments."""

    def run(self) -> list[nodes.Node]:
        computed_pages(self.env).add(self.env.docname)
        return [Placeholder(kind=self.name)]


class ChapterFacts(SphinxDirective):
    required_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        name = self.arguments[0]
        computed_pages(self.env).add(self.env.docname)
        task = facts.assignment(self.env.app, name)
        if task is None:
            raise self.error(
                f"{self.name}: no chapter {name!r}, or it has no notebook "
                f"exercises/{name}/{name}.ipynb"
            )
        self.env.note_dependency(str(task.path))
        presupposed = nodes.container()
        self.state.nested_parse(self.content, self.content_offset, presupposed)
        # Made here and not later, so that Sphinx copies the file.
        download = addnodes.download_reference(
            "", "assignment", refdomain="", reftype="download",
            reftarget=f"/../exercises/{name}/{name}.ipynb", refdoc=self.env.docname,
        )  # fmt: skip
        return [Placeholder("", presupposed, download, kind=self.name, chapter=name)]


class CoursePath(SphinxDirective):
    has_content = True

    def run(self) -> list[nodes.Node]:
        computed_pages(self.env).add(self.env.docname)
        steps = []
        for line in filter(None, self.content):
            label, _, names = line.partition(":")
            chapters = [name.strip() for name in names.split(",")]
            for name in chapters:
                if facts.assignment(self.env.app, name) is None:
                    raise self.error(f"{self.name}: no chapter {name!r} in {line!r}")
            steps.append((label.strip(), chapters))
        return [Placeholder(kind=self.name, steps=steps)]


class ReadingTime(SphinxRole):
    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        if self.text not in ("all", "open"):
            message = self.inliner.reporter.error(
                f"reading-time: 'all' or 'open', not {self.text!r}", line=self.lineno
            )
            return [], [message]
        return [nodes.inline(classes=["reading-time"], boxes=self.text == "all")], []


def computed_pages(env: BuildEnvironment) -> set[str]:
    if not hasattr(env, "coursebook_computed"):
        env.coursebook_computed = set()
    return env.coursebook_computed


def rewrite(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Write these pages anew each time: any other page may have changed."""
    return sorted(computed_pages(env) & env.all_docs.keys())


def say_reading_time(app: Sphinx, doctree: nodes.document) -> None:
    for node in doctree.findall(nodes.inline):
        if "reading-time" in node["classes"]:
            times = Page(app, app.env.docname).minutes(app.env.docname)
            node += nodes.Text(f"{to_five(times[node['boxes']])} minutes")


def fill_in(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    for node in list(doctree.findall(Placeholder)):
        node.replace_self(FILLED_BY[node["kind"]](Page(app, docname), node))


class Page:
    """The page on which something is shown: links start there."""

    def __init__(self, app: Sphinx, docname: str) -> None:
        self.app, self.env, self.docname = app, app.env, docname

    def link(self, docname: str) -> nodes.reference:
        uri = self.app.builder.get_relative_uri(self.docname, docname)
        return tables.link(self.env.titles[docname].astext(), uri)

    def facts(self, docname: str) -> facts.Facts:
        return facts.pages(self.env)[docname]

    def minutes(self, docname: str) -> tuple[float, float]:
        """Reading without the boxes that open, and with all of them."""
        page = self.facts(docname)
        return page.open.minutes, page.open.minutes + page.boxes.minutes

    def seconds(self, docname: str) -> float:
        execution = facts.execution(self.env, docname)
        return execution.seconds if execution else 0.0


# --- the syllabus -----------------------------------------------------------------


def overview(page: Page, node: Placeholder) -> list[nodes.Node]:
    heads = ["chapter", "reading", "cells", "questions"]
    rows, sums = [], [0, 0, 0, 0]
    for number, name in enumerate(facts.chapters(page.env), 1):
        questions = facts.assignment(page.app, name).questions
        least, most = map(tables.to_five, page.minutes(name))
        seconds = page.seconds(name)
        new = [least, most, seconds, questions]
        sums = [a + b for a, b in zip(sums, new, strict=True)]
        title = [nodes.Text(f"{number} · "), page.link(name)]
        times = [f"{least}–{most} min", f"{seconds:.0f} s"]
        rows.append([title, *times, str(questions)])
    least, most, seconds, questions = sums
    times = [f"{least / 60:.0f}–{most / 60:.0f} hours", f"{seconds / 60:.0f} min"]
    return [tables.table(heads, rows, foot=["all", *times, str(questions)])]


def chapter_facts(page: Page, node: Placeholder) -> list[nodes.Node]:
    name = node["chapter"]
    presupposed, assignment = node.children
    reading, boxes = map(tables.to_five, page.minutes(name))
    task = facts.assignment(page.app, name)
    notebook = f"{name}.ipynb"
    downloads = [tables.link("notebook", f"{FOLDER}/{notebook}"), assignment]
    pairs: list[tuple[str, Cell]] = [
        ("Presupposes", presupposed.children[0].children),
        ("Reading", f"{reading} minutes; {boxes} with every box opened"),
        ("Cells", f"executed in {page.seconds(name):.0f} seconds"),
        ("Assignment", f"{task.questions} questions, {task.points} points"),
        ("Download", tables.separated(downloads)),
    ]
    if repository := page.app.config.coursebook_repository:
        places = {"Colab": addresses.colab, "Binder": addresses.binder}
        runs = [
            tables.link(place, address(repository, notebook), internal=False)
            for place, address in places.items()
        ]
        pairs.append(("Run", tables.separated(runs)))
    learned = nodes.paragraph("", page.facts(name).description)
    return [learned, tables.facts(pairs)]


def course_path(page: Page, node: Placeholder) -> list[nodes.Node]:
    rows, total = [], 0
    for label, names in node["steps"]:
        minutes = sum(tables.to_five(page.minutes(name)[1]) for name in names)
        total += minutes
        links = tables.separated([page.link(name) for name in names], ", ")
        rows.append([label, links, f"{minutes} min"])
    heads = ["when", "chapter", "reading"]
    return [tables.table(heads, rows, foot=["all", "", f"{total / 60:.1f} hours"])]


def reading_rule(page: Page, node: Placeholder) -> list[nodes.Node]:
    text = (
        f"Reading time is that of a student with a pencil: "
        f"{facts.WORDS_PER_MINUTE} words a minute, a "
        f"formula within a line counting as a word, plus "
        f"{facts.SECONDS_PER_FORMULA} seconds for each displayed formula, "
        f"{facts.SECONDS_PER_FIGURE} for each figure and "
        f"{facts.SECONDS_PER_CODE_LINE} for each line of code. Boxes that open, "
        "folded code among them, make the difference between the two numbers of a "
        "chapter. The time of the cells is what they took when the pages that you see "
        "were computed."
    )
    return [nodes.paragraph("", text)]


# --- the status page --------------------------------------------------------------


def execution_status(page: Page, node: Placeholder) -> list[nodes.Node]:
    config = page.app.config
    data = [describe(key, source) for key, source in config.coursebook_data.items()]
    versions = [f"Python {platform.python_version()}"]
    versions += [f"{package} {version(package)}" for package in PACKAGES]
    pairs = [("Data", "; ".join(data)), ("Versions", ", ".join(versions))]
    rows, total = [], 0.0
    from .terms import reading_order

    for docname in reading_order(page.env):
        if execution := facts.execution(page.env, docname):
            total += execution.seconds
            when = datetime.fromtimestamp(execution.when, UTC)
            result = f"failed: {execution.error}" if execution.error else "succeeded"
            rows.append([
                [page.link(docname)], f"{when:%Y-%m-%d}",
                f"{execution.seconds:.0f} s", result,
            ])  # fmt: skip
    heads = ["page", "executed", "time", "result"]
    foot = ["all", "", f"{total / 60:.0f} min", ""]
    return [tables.facts(pairs), tables.table(heads, rows, foot)]


def recorded_experiments(page: Page, node: Placeholder) -> list[nodes.Node]:
    shown: dict[str, list[str]] = {}
    for docname in facts.chapters(page.env):
        for tree in filter(None, map(parsed, code_cells(page.app, docname))):
            for name in loaded_results(tree):
                shown.setdefault(name, [])
                if docname not in shown[name]:
                    shown[name].append(docname)
    rows = []
    folder = Path(page.app.config.coursebook_root) / "latentspaces" / "results"
    for path in sorted(folder.glob("*.json")):
        result = json.loads(path.read_text(encoding="utf-8"))
        source = "real" if result["data"] == "real" else "drawn"
        places = [page.link(docname) for docname in shown.get(path.stem, [])]
        rows.append([
            path.stem.replace("-", " "), tables.separated(places, ", ") or "–",
            source, str(len(result["seeds"])), result["date"],
            result["versions"]["torch"],
        ])  # fmt: skip
    heads = ["experiment", "shown in", "data", "seeds", "recorded on", "PyTorch"]
    return [tables.table(heads, rows)]


FILLED_BY: dict[str, Callable[[Page, Placeholder], list[nodes.Node]]] = {
    "course-overview": overview,
    "chapter-facts": chapter_facts,
    "course-path": course_path,
    "reading-rule": reading_rule,
    "execution-status": execution_status,
    "recorded-experiments": recorded_experiments,
}
DIRECTIVES = {"chapter-facts": ChapterFacts, "course-path": CoursePath}
