"""nbgrader's feedback page for a student, without the hidden tests."""

from __future__ import annotations

from jinja2 import pass_context
from jinja2.runtime import Context
from nbconvert.exporters import HTMLExporter
from nbconvert.exporters.exporter import ResourcesDict
from nbconvert.preprocessors.sanitize import SanitizeHTML
from nbformat import NotebookNode
from nbgrader.converters import GenerateFeedback
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import ClearHiddenTests
from traitlets.config import Config

from autograder import hints, notebooks
from autograder.course import Course
from autograder.kernel import quiet

#: What Markdown makes, and no more.
CLEANER = SanitizeHTML(
    tags=[
        *("a", "b", "blockquote", "br", "code", "del", "div", "em", "hr", "i"),
        *("h1", "h2", "h3", "h4", "h5", "h6", "li", "ol", "p", "pre", "span"),
        *("strong", "sub", "sup", "table", "tbody", "td", "th", "thead", "tr", "ul"),
    ],
    attributes={"a": ["href", "title"], "*": ["class", "id"]},
)


class FeedbackExporter(HTMLExporter):
    """Makes pages in which nothing that a student wrote can run.

    nbgrader_config.py names this class and :func:`hide_tests` too, so that ``nbgrader
    generate_feedback`` and formgrader give the same pages.
    """

    @pass_context
    def markdown2html(self, context: Context, source: str) -> str:
        """Render Markdown, and clean it unless it is the assignment's own."""
        made = super().markdown2html(context, source)
        cell = context.get("cell")
        if cell is not None and not notebooks.is_answer(cell):
            return made
        return CLEANER.sanitize_html_tags(made)


def hide_tests(
    notebook: NotebookNode, resources: ResourcesDict
) -> tuple[NotebookNode, ResourcesDict]:
    """Leave of a test cell what the student was given, and its hint, in place.

    The source of hidden tests goes, and with it the traceback that quotes it and
    what the test printed. This is a preprocessor, as nbconvert calls them.
    """
    ClearHiddenTests().preprocess(notebook, resources)
    for cell in notebook.cells:
        if notebooks.is_test(cell) and cell.cell_type == "code":
            found = hints.error(cell)
            cell.outputs = [found] if found else []
            if found:
                text = hints.plain(found)
                found.update(evalue=text, traceback=[text])
    return notebook, resources


def exporter(course: Course) -> HTMLExporter:
    """Return nbgrader's exporter of feedback pages, for any number of them."""
    config = Config()
    config.CourseDirectory.root = str(course.output)
    config.CourseDirectory.db_url = course.db_url
    folders = CourseDirectory(config=config)
    nbgrader = GenerateFeedback(coursedir=folders, config=config, log=quiet)
    made = FeedbackExporter(config=nbgrader.config)
    for preprocessor in (hide_tests, *nbgrader.preprocessors):
        made.register_preprocessor(preprocessor, enabled=True)
    return made


def page(
    exporter: HTMLExporter,
    course: Course,
    name: str,
    student: str,
    notebook: NotebookNode,
) -> str:
    """Return the page of a student, with the scores that the gradebook holds."""
    names = {"student": student, "assignment": name, "notebook": name}
    resources = {
        "unique_key": name,
        "output_files_dir": f"{name}_files",
        "nbgrader": {**names, "db_url": course.db_url},
    }
    html, _ = exporter.from_notebook_node(notebook, resources=resources)
    return html
