"""What a page says of an assignment, taken from the assignment's own notebooks.

Questions, points and objectives come from ``exercises/NAME/NAME.ipynb``, the number of
hidden tests from ``solutions/``, the time of the machine from ``book/timings.json``
(``python book/timings.py``). A page that contradicts them, or names a section that its
chapter does not have, fails the build.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective, SphinxRole
from sphinx.util.nodes import make_refnode

from . import addresses

if TYPE_CHECKING:
    from autograder.notebooks import Question

LOGGER = logging.getLogger(__name__)

HIDDEN = re.compile(r"### BEGIN HIDDEN TESTS\n(.*?)### END HIDDEN TESTS", re.DOTALL)
ASSERTION = re.compile(r"^\s*assert\b", re.MULTILINE)
#: A row of the table that opens an exercise: number and title, points, minutes.
ROW = re.compile(r"^\| (\d+) (.+?) \| ([\d +]+) \| (\d+) \|$", re.MULTILINE)
OBJECTIVES = "**After this assignment you can**"


def setup(app: Sphinx) -> None:
    for directive in (Facts, Objectives, Questions, Checks, Overview, Limits):
        app.add_directive(directive.name_in_page, directive)
    app.add_role("chapter-section", SectionRole())
    app.connect("doctree-resolved", link_sections)


# --- what the notebooks say -----------------------------------------------------


@dataclass(frozen=True)
class Group:
    """One row of the exercise's own table: a question and its parts."""

    number: str
    title: str
    minutes: int
    parts: tuple[Question, ...]


@dataclass(frozen=True)
class Assignment:
    """An assignment, as its notebooks describe it."""

    name: str
    title: str
    objectives: str
    groups: tuple[Group, ...]
    visible: int  # assertions in the released test cells
    hidden: int  # assertions in the source alone
    with_hidden: int  # how many questions have some

    @property
    def parts(self) -> list[Question]:
        return [part for group in self.groups for part in group.parts]

    @property
    def points(self) -> float:
        return sum(part.points for part in self.parts)

    @property
    def written(self) -> float:
        return sum(part.points for part in self.parts if part.written)

    @property
    def minutes(self) -> int:
        return sum(group.minutes for group in self.groups)


def sources(root: Path, name: str) -> tuple[Path, Path]:
    """The released notebook and the one that it is made from."""
    found = tuple(root / kind / name / f"{name}.ipynb" for kind in KINDS)
    for path in found:
        if not path.is_file():
            raise ValueError(f"{name}: no assignment of this name, {path} is missing")
    return found


KINDS = ("exercises", "solutions")


def read(root: Path, name: str) -> Assignment:
    """Read an assignment; ValueError where its own table contradicts its cells."""
    from autograder import notebooks  # the tiny book of the tests has none

    released, source = map(notebooks.read, sources(root, name))
    opening = released.cells[0].source
    asked = notebooks.questions(released)
    groups = []
    for number, title, points, minutes in ROW.findall(opening):
        pattern = rf"Question {number}[a-z]? "
        parts = tuple(part for part in asked if re.match(pattern, part.title))
        if " + ".join(f"{part.points:g}" for part in parts) != points:
            raise ValueError(
                f"{name}: the table in its first cell gives question {number} "
                f"{points} points, its cells do not"
            )
        groups.append(Group(number, title, int(minutes), parts))
    if sum(len(group.parts) for group in groups) != len(asked):
        raise ValueError(f"{name}: the table in its first cell misses a question")
    tests = [cell.source for cell in released.cells if notebooks.is_test(cell)]
    hidden = [
        len(ASSERTION.findall("".join(HIDDEN.findall(cell.source))))
        for cell in source.cells
        if notebooks.is_test(cell)
    ]
    if OBJECTIVES not in opening:
        raise ValueError(f"{name}: its first cell lacks {OBJECTIVES}")
    objectives = opening.partition(OBJECTIVES)[2].strip().partition("\n\n")[0]
    return Assignment(
        name=name,
        title=notebooks.heading(released.cells[0]).removesuffix(": the assignment"),
        objectives=objectives,
        groups=tuple(groups),
        visible=sum(len(ASSERTION.findall(test)) for test in tests),
        hidden=sum(hidden),
        with_hidden=sum(map(bool, hidden)),
    )


# --- directives -----------------------------------------------------------------


class FromNotebook(SphinxDirective):
    """Writes Markdown about the assignment that its argument names."""

    name_in_page: ClassVar[str]
    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        try:
            text = self.text()
        except ValueError as error:
            LOGGER.warning(str(error), location=self.get_location())
            return []
        parent = nodes.Element()
        lines = StringList(text.splitlines(), source=self.env.docname)
        self.state.nested_parse(lines, self.content_offset, parent)
        for table in parent.findall(nodes.table):
            table["classes"].append("assignment")
        return parent.children

    def text(self) -> str:
        raise NotImplementedError

    @property
    def root(self) -> Path:
        return Path(self.config.coursebook_root)

    def assignment(self, name: str) -> Assignment:
        for path in sources(self.root, name):
            self.env.note_dependency(str(path))
        return read(self.root, name)

    def timings(self) -> dict:
        path = self.root / "book" / "timings.json"
        self.env.note_dependency(str(path))
        return json.loads(path.read_text(encoding="utf-8"))

    def seconds(self, name: str) -> int:
        found = self.timings()["seconds"].get(name)
        if found is None:
            raise ValueError(f"{name}: no time on record; run python book/timings.py")
        return max(1, round(found))

    def get(self, name: str) -> str:
        """Links to the notebook: download, and Colab where it can be had from."""
        path = f"../exercises/{name}/{name}.ipynb"
        links = [f"{{download}}`{name}.ipynb <{path}>`"]
        if repository := self.config.coursebook_repository:
            url = addresses.exercise_on_colab(repository, name)
            links.append(f"[open it on Colab]({url})")
        return ", or ".join(links)


class Facts(FromNotebook):
    """The numbers of an assignment, and where to get it."""

    name_in_page = "assignment-facts"

    def text(self) -> str:
        [name] = self.arguments
        it = self.assignment(name)
        tested = it.points - it.written
        made = self.timings()["made"]
        return f"""\
**Questions**
: {len(it.parts)}, for {it.points:g} points: {tested:g} are marked by tests, \
{it.written:g} by a person.

**Your time**
: about {it.minutes} minutes when the chapter is fresh. This is an estimate of the \
authors; no class has been timed.

**The machine's time**
: {self.seconds(name)} seconds of one processor core for the whole notebook with the \
reference answers, the import of PyTorch included (recorded with PyTorch \
{made["torch"]}, no GPU).

**Before**
: the chapter {{doc}}`{name}`. The notebook draws its own data; nothing is downloaded.

**Get it**
: {self.get(name)}. In a copy of the course it is in the folder `exercises/{name}`."""


class Objectives(FromNotebook):
    """What a student can do afterwards, as the exercise itself says it."""

    name_in_page = "assignment-objectives"

    def text(self) -> str:
        return self.assignment(self.arguments[0]).objectives


class Questions(FromNotebook):
    """The table of questions.

    The content says what to read when stuck, one line a question: its number, a colon,
    and titles of the chapter's sections with ``|`` between them.
    """

    name_in_page = "assignment-questions"
    has_content = True

    def text(self) -> str:
        [name] = self.arguments
        it = self.assignment(name)
        self.env.note_dependency(self.env.doc2path(name))  # its sections are linked
        read = dict(
            (part.strip() for part in line.split(":", 1))
            for line in self.content
            if line
        )
        if list(read) != [group.number for group in it.groups]:
            raise ValueError(
                f"{name}: has the questions {[group.number for group in it.groups]}, "
                f"the page says what to read for {list(read)}"
            )
        lines = [
            "| question | points | minutes | when stuck, read |",
            "|---|---|---|---|",
        ]
        for group in it.groups:
            points = " + ".join(
                f"{part.points:g}{' (read)' if part.written else ''}"
                for part in group.parts
            )
            links = "; ".join(
                f"{{chapter-section}}`{name}: {title.strip()}`"
                for title in read[group.number].split("|")
            )
            title = f"{group.number} {group.title}"
            lines.append(f"| {title} | {points} | {group.minutes} | {links} |")
        return "\n".join(lines)


class Checks(FromNotebook):
    """How many tests there are, seen and not seen."""

    name_in_page = "assignment-checks"

    def text(self) -> str:
        [name] = self.arguments
        it = self.assignment(name)
        tested = [part for part in it.parts if not part.written]
        every = it.with_hidden == len(tested)
        some = "all" if every else f"{it.with_hidden} of the"
        return f"""\
The cells below your answers hold {it.visible} assertions, whose messages are hints. \
Another {it.hidden} are run when your work is marked, on inputs that you do not see; \
{some} {len(tested)} tested questions have some of them. \
`autograder check {name}.ipynb` runs the visible ones. The answer in words, \
{it.written:g} points, is read by a person; the cell above it says what is asked. \
{{doc}}`assignments` says what a pass promises and what it does not, and which limits \
there are."""


class Overview(FromNotebook):
    """All assignments in one table, in the order of the arguments."""

    name_in_page = "assignment-overview"
    optional_arguments = 100

    def text(self) -> str:
        lines = [
            "| assignment | points | minutes | seconds |",
            "|---|---|---|---|",
        ]
        for name in self.arguments:
            it = self.assignment(name)
            link = f"{{doc}}`{it.title} <assignment-{name}>`"
            numbers = f"{it.points:g} | {it.minutes}"
            lines.append(f"| {link} | {numbers} | {self.seconds(name)} |")
        return "\n".join(lines)


class Limits(FromNotebook):
    """What grading allows a submission, unless the teacher says otherwise."""

    name_in_page = "assignment-limits"
    required_arguments = 0

    def text(self) -> str:
        from autograder import cli

        limits = cli.parse(["grade", "NAME", "FOLDER"])
        return f"""\
**Limits.** When your work is marked, a cell may run {limits.timeout} seconds, the \
whole notebook {limits.total_timeout // 60} minutes, and everything together may hold \
{limits.memory:g} GB of memory, unless your teacher says otherwise. There is no \
network. A cell that runs over a limit costs its own question, and the rest is marked. \
The reference answers need a small part of all this."""


# --- links to a section by its title --------------------------------------------


class ChapterSection(nodes.Inline, nodes.TextElement):
    """A link to be: resolved when all pages have been read."""


class SectionRole(SphinxRole):
    """``PAGE: TITLE``, a link to the section of this title on that page."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        page, _, title = self.text.partition(": ")
        return [ChapterSection(title, title, page=page)], []


def link_sections(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    for node in list(doctree.findall(ChapterSection)):
        page, title = node["page"], node.astext()
        anchor = anchors(app, page).get(title)
        text = nodes.inline("", title)
        if anchor is None:
            LOGGER.warning(
                f"{page} has no section {title!r}: name one that it has",
                location=docname,
                type="coursebook",
            )
            node.replace_self(text)
        else:
            link = make_refnode(app.builder, docname, page, anchor, text)
            node.replace_self(link)


def anchors(app: Sphinx, page: str) -> dict[str, str]:
    """The sections of a page: their ids by their titles."""
    toc = app.env.tocs.get(page, nodes.bullet_list())
    return {
        link.astext(): link["anchorname"].removeprefix("#")
        for link in toc.findall(nodes.reference)
    }
