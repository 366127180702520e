"""nbgrader's feedback page for a student, without the hidden tests."""

from __future__ import annotations

import copy
import html
from functools import lru_cache
from typing import Any

import nbformat
from jinja2 import pass_context
from jinja2.runtime import Context
from nbconvert.exporters import HTMLExporter, TemplateExporter
from nbconvert.exporters.exporter import ResourcesDict
from nbconvert.filters.highlight import Highlight2HTML
from nbconvert.filters.markdown_mistune import markdown2html_mistune
from nbconvert.preprocessors import CSSHTMLHeaderPreprocessor
from nbformat import NotebookNode
from nbgrader.api import BaseCell, Comment, Grade, Gradebook
from nbgrader.converters import GenerateFeedback
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import ClearHiddenTests
from traitlets.config import Config

from autograder import notebooks, outputs, prose
from autograder.course import Course
from autograder.gradebook import BLANK
from autograder.kernel import quiet
from autograder.notebooks import Question
from autograder.pipeline import hints

LONGEST_COLOURED = 20_000  # characters; some code takes the square of its length


class FeedbackExporter(HTMLExporter):
    """Makes pages in which nothing that a student wrote can run.

    nbgrader_config.py names this class, :func:`hide_tests` and :func:`summarise` too,
    so that ``nbgrader generate_feedback`` gives the same pages.
    """

    def __init__(self, config: Config | None = None, **settings: Any) -> None:
        # A check of the notebook after each of its dozen steps would take longer than
        # the page; one after the last finds the same.
        settings.setdefault("optimistic_validation", True)
        super().__init__(config=config, **settings)
        self.register_filter("highlight_code", _highlight)

    def from_notebook_node(
        self,
        nb: NotebookNode,
        resources: dict[str, Any] | None = None,
        **settings: Any,
    ) -> tuple[str, dict[str, Any]]:
        """Render a notebook, whose outputs are reduced to what can be shown.

        nbconvert's own method reads the finished page again, to describe pictures
        that have no description; here they all have one.
        """
        notebook = copy.deepcopy(nb)
        outputs.clean(notebook)
        resources = self._init_resources(resources)
        make = TemplateExporter.from_notebook_node
        return make(self, notebook, resources, **settings)

    @pass_context
    def markdown2html(self, context: Context, source: str) -> str:
        """Render Markdown, inert unless it is the assignment's own."""
        cell = context.get("cell")
        if source and source == context["resources"].get("summary"):
            return source  # of :func:`summarise`, and HTML already
        if cell is None or notebooks.is_answer(cell):
            return prose.inert(source)
        if cell.get("attachments"):
            return super().markdown2html(context, source)
        return _markdown(source)


# A class's pages share the assignment's own cells.


@lru_cache(maxsize=256)
def _markdown(source: str) -> str:
    return markdown2html_mistune(source)


def _highlight(
    source: str, language: str | None = None, metadata: dict[str, Any] | None = None
) -> str:
    """Colour code; nbconvert's own filter takes any language that a magic names."""
    if len(source) > LONGEST_COLOURED:
        return f'<div class="highlight"><pre>{html.escape(source)}</pre></div>'
    return _coloured(source)


@lru_cache(maxsize=256)
def _coloured(source: str) -> str:
    return Highlight2HTML(pygments_lexer="python")(source)


def hide_tests(
    notebook: NotebookNode, resources: ResourcesDict
) -> tuple[NotebookNode, ResourcesDict]:
    """Leave of a test cell what the student was given, and its hint, in place.

    The source of hidden tests goes, and with it the traceback that quotes it and
    what the test printed. This is a preprocessor, as nbconvert calls them.
    """
    clear = ClearHiddenTests()
    for index, cell in enumerate(notebook.cells):
        # Only here: a student's own cell may hold the words that mark a region.
        if notebooks.is_test(cell) and cell.cell_type == "code":
            clear.preprocess_cell(cell, resources, index)
            found = hints.error(cell)
            cell.outputs = [found] if found else []
            if found:
                text = hints.plain(found)
                found.update(evalue=text, traceback=[text])
    return notebook, resources


def summarise(
    notebook: NotebookNode, resources: ResourcesDict
) -> tuple[NotebookNode, ResourcesDict]:
    """Put at the top what came of each question, and what to do about it.

    This is a preprocessor too, for after the scores are in the cells.
    """
    said = resources["nbgrader"]
    parts = [_question(notebook, q) for q in notebooks.questions(notebook)]
    first = f"You have {_number(said['score'])} of {_number(said['max_score'])} points"
    if said["late_penalty"]:
        cost = _number(said["late_penalty"])
        first += f", after {cost} taken off because it came late"
    if parts:
        done = all(part is None for _, part in parts)
        first += (
            ": all that there are. Well done!"
            if done
            else (". Below, question by question, is where to look.")
        )
    else:
        first += (
            ": nothing in it could be run, and below is why. Your teacher can help."
        )
    items = "".join(
        f"<li>{link}: {'passed' if part is None else part}.</li>"
        for link, part in parts
    )
    source = (
        f'<section aria-label="Summary"><p><b>{html.escape(first)}</b></p>'
        f"<ul>{items}</ul></section>"
    )
    notebook.cells.insert(0, nbformat.v4.new_markdown_cell(source, id="summary"))
    resources["summary"] = source
    return notebook, resources


def _question(notebook: NotebookNode, question: Question) -> tuple[str, str | None]:
    """Return a link to a question, and in HTML what to say; None if it passed."""
    cells = {notebooks.grade_id(cell): cell for cell in notebook.cells}
    name = html.escape(question.id)
    link = f'<a href="#{name}">{_plain(question.title)}</a>'
    cell = cells[question.id]
    score = notebooks.role(cell).get("score") or 0.0
    if question.points and score >= question.points:
        return link, None
    text = f"{_number(score)} of {_number(question.points)} points"
    comments = [notebooks.role(cells[a]).get("comment") for a in question.answers]
    if comments and all(comment == BLANK for comment in comments):
        return link, f"{text}; there was no answer yet"
    if question.written:
        return link, f"{text} so far; a person reads your answer"
    found = hints.error(cell)
    # As hide_tests has left it.
    hint = found.evalue.removeprefix("Hint: ") if found else ""
    # A hint may quote what the student wrote.
    return link, f"{text}. What went wrong: {_plain(hint)}" if hint else text


def _plain(text: str) -> str:
    """Return a text in HTML that MathJax leaves alone."""
    return f'<code style="all: unset">{html.escape(text.rstrip("."))}</code>'


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def exporter(course: Course) -> HTMLExporter:
    """Return nbgrader's exporter of feedback pages, for any number of them."""
    config = Config()
    config.CourseDirectory.root = str(course.output)
    config.CourseDirectory.db_url = course.db_url
    folders = CourseDirectory(config=config)
    nbgrader = GenerateFeedback(coursedir=folders, config=config, log=quiet)
    made = FeedbackExporter(config=nbgrader.config)
    for preprocessor in (hide_tests, summarise, CSSHTMLHeaderPreprocessor):
        made.register_preprocessor(preprocessor, enabled=True)
    return made


def page(
    exporter: HTMLExporter,
    book: Gradebook,
    name: str,
    student: str,
    notebook: NotebookNode,
) -> str:
    """Return the page of a student, with the scores that the gradebook holds.

    Parameters
    ----------
    exporter
        As :func:`exporter` gives it.
    book
        The gradebook, open.
    name, student
        Of which assignment, and whose.
    notebook
        The graded notebook.
    """
    scored = copy.deepcopy(notebook)
    resources = {
        "unique_key": name,
        "output_files_dir": f"{name}_files",
        "nbgrader": {
            **{"student": student, "assignment": name, "notebook": name},
            **_enter_scores(scored, book, name, student),
        },
    }
    made, _ = exporter.from_notebook_node(scored, resources=resources)
    return made


def _enter_scores(
    notebook: NotebookNode, book: Gradebook, name: str, student: str
) -> dict[str, float]:
    """Write scores and comments into the cells, as nbgrader's GetGrades does.

    That one opens the database anew for each page, and asks it once for each cell.
    """
    whole = book.find_submission_notebook(name, name, student)
    cells = book.db.query(BaseCell.name, Grade.score).join(Grade.cell)
    scores = dict(map(tuple, cells.filter(Grade.notebook_id == whole.id)))
    cells = book.db.query(BaseCell.name, Comment.comment).join(Comment.cell)
    comments = dict(map(tuple, cells.filter(Comment.notebook_id == whole.id)))
    for cell in notebook.cells:
        role = notebooks.role(cell)
        if notebooks.is_graded(cell):
            role["score"] = scores[notebooks.grade_id(cell)]
        if notebooks.is_answer(cell):
            role["comment"] = comments[notebooks.grade_id(cell)]
    penalty = whole.late_submission_penalty or 0
    return {
        "score": whole.score - penalty,
        "max_score": whole.max_score,
        "late_penalty": penalty,
    }
