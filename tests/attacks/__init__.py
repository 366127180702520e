"""Submissions that set out to cheat or to harm, and what must hold after each.

There is one module for each aim. An attack is a class. Its docstring says what it
does and, after "Stock:", what nbgrader 0.9.6 alone does with it, as tried with
``nbgrader autograde`` (as root, 5 s a cell) and ``nbgrader generate_feedback`` on the
same notebook. The latter's pages show the hidden tests to every student in any case.

An attack really tries, but is bounded: were it not confined, it would take some
gigabytes, leave a few files with a telling name, and end by itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from importlib import import_module
from inspect import isclass
from textwrap import dedent
from typing import ClassVar

import pytest
from nbformat import NotebookNode

from attacks.assignment import POINTS, RIGHT, WRONG
from attacks.world import World
from autograder import demo, notebooks
from autograder.grading import Record
from autograder.sandbox.limits import Limits

AIMS = ("forging", "reading", "writing", "escaping", "wiring", "lying", "reports")
HONEST = ("ann", "zoe")  # the first and the last of the class: nobody may harm them
MEMORY = 2 * Limits().memory  # bytes that an attack tries to take


@dataclass(frozen=True, repr=False)
class Outcome:
    """What grading made of one attack.

    Parameters
    ----------
    record
        What the grader keeps of it.
    points
        What the gradebook says, by the name of the question.
    notebook
        The graded notebook, which the instructor opens.
    page
        The student's page.
    row
        The student's line in the table of marks.
    report, terminal
        The class report as a page, and what the command printed.
    honest_page
        The page of an honest student, to compare with.
    world
        What the attacks were aimed at.
    """

    record: Record
    points: dict[str, float | None]
    notebook: NotebookNode
    page: str
    row: dict[str, str]
    report: str
    terminal: str
    honest_page: str
    world: World

    @property
    def printed(self) -> str:
        """All the text that the student's code cells put out."""
        return "\n".join(
            str(part)
            for cell in self.notebook.cells
            if notebooks.is_answer(cell)
            for output in cell.get("outputs", [])
            for part in (
                output.get("text", ""),
                *output.get("data", {}).values(),
                output.get("ename", ""),
                output.get("evalue", ""),
                *output.get("traceback", []),
            )
        )

    @property
    def done(self) -> list[str]:
        """The attempts that came off."""
        return re.findall(r"(?m)^done: .*$", self.printed)

    @property
    def failed(self) -> list[str]:
        """The attempts that did not."""
        return re.findall(r"(?m)^failed: .*$", self.printed)

    @property
    def held(self) -> int:
        """The most bytes that the attack says it held at once."""
        found = re.findall(r"(?m)^holding (\d+) MiB$", self.printed)
        return max(map(int, found), default=0) * 2**20


def cells(**sources: str) -> dict[str, str]:
    """Return the content of the student's cells by their names."""
    return {name: dedent(source).strip() for name, source in sources.items()}


class Attack:
    """A submission whose author wants more than an answer earns.

    All questions are answered wrongly, except those that a subclass says it
    ``keeps``; ``answers`` takes the place of either.
    """

    answers: ClassVar[dict[str, str]] = cells()
    keeps: ClassVar[tuple[str, ...]] = ()  # the questions that must earn their points
    silent: ClassVar[bool] = False  # nothing that it prints need arrive

    @property
    def name(self) -> str:
        """The name, in words."""
        return re.sub(r"(?<!^)(?=[A-Z])", "-", type(self).__name__).lower()

    @property
    def folder(self) -> str:
        """The folder that it is handed in with, which is the student's name."""
        return self.name

    @property
    def stock(self) -> str:
        """What nbgrader does with it when it is alone."""
        return " ".join((self.__doc__ or "").partition("Stock:")[2].split())

    @property
    def earns(self) -> dict[str, float]:
        """The points that each question must get."""
        return {
            name: points if name in self.keeps else 0.0
            for name, points in POINTS.items()
        }

    def build(self, released: NotebookNode, world: World) -> NotebookNode:
        """Return the notebook that is handed in."""
        own = dict(self.answers)
        for name in own:
            if name in POINTS:
                own[name] = world.prelude(self.name) + "\n" + own[name]
                break
        kept = {name: RIGHT[name] for name in self.keeps}
        notebook = demo.fill(released, WRONG | kept | own)
        self.change(notebook, world)
        return notebook

    def change(self, notebook: NotebookNode, world: World) -> None:
        """Tamper with the notebook beyond its answers, in place."""

    def write(self, released: NotebookNode, world: World, name: str) -> None:
        """Hand it in."""
        folder = world.handed_in / self.folder
        folder.mkdir(parents=True)
        text = notebooks.write(self.build(released, world))
        (folder / f"{name}.ipynb").write_text(text, "utf-8")

    def holds(self, outcome: Outcome) -> None:
        """Fail if the attack came off; the marks are looked at for all of them."""


def every() -> Iterator[Attack]:
    """Return one of each attack there is."""
    for aim in AIMS:
        pytest.register_assert_rewrite(f"attacks.{aim}")
        module = import_module(f"attacks.{aim}")
        for made in vars(module).values():
            own = isclass(made) and made.__module__ == module.__name__
            # What others are made from is none itself.
            if own and issubclass(made, Attack) and not made.__subclasses__():
                yield made()


class _Live(HTMLParser):
    """Collects what a browser would run, load or obey."""

    TAGS = ("script", "iframe", "object", "embed", "form", "base", "meta", "link")
    TAGS += ("style", "svg", "math", "video", "audio", "input", "button", "frame")

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in self.TAGS:
            self.found.append(f"<{tag} {attrs}>")
        for key, value in attrs:
            address = re.sub(r"[\s\x00-\x1f]", "", value or "").lower()
            bad = re.match(r"(javascript|vbscript|data:(?!image/png)|file):?", address)
            if key.startswith("on") or (bad and key != "class"):
                self.found.append(f"<{tag} {key}={value}>")


def live(page: str) -> list[str]:
    """Return the parts of a page that a browser would run, load or obey."""
    parser = _Live()
    parser.feed(page)
    return parser.found
