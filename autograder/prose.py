"""Students' Markdown, rendered and made inert before anybody opens it.

nbgrader's formgrader renders the Markdown of a graded notebook as it stands, raw HTML
and scripts included, in the instructor's browser. So it is rendered here first, by the
same renderer; what comes out is reduced to a few harmless tags; and that is stored in
place of the Markdown, in a form that renders to itself.
"""

from __future__ import annotations

import html
import re

import nh3
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbformat import NotebookNode
from pygments.token import STANDARD_TYPES

from autograder import outputs

#: Characters; the renderer's time grows with the square of some texts' length.
LONGEST = 20_000
LONGEST_MADE = 10 * LONGEST  # characters of HTML
LONGEST_STORED = 50 * LONGEST
DEEPEST = 50  # tags inside each other
#: A box that nothing in it can leave: a formula may be as tall as it likes.
BOX = '<div style="contain: content; overflow: auto">{}</div>'
STORED = re.compile(re.escape(BOX).replace(r"\{\}", "(.*)"))

#: Commands with which a formula could link, load, or pose as a part of the page.
MACROS = re.compile(
    r"\\+(?=(?:href|url|style|class|cssId|data|require|unicode|mmlToken"
    r"|Newextarrow|newextarrow|texttip|mathtip|toggle|includegraphics)(?![A-Za-z]))"
)
CHECKBOX = re.compile(r'<input class="task-list-item-checkbox"[^<>]*?( checked)?/?>')
TAG = re.compile(r"<(/?)[a-z]")
HOLLOW = re.compile(r"<(?:br|hr)>")

#: What Markdown makes, and no more: no id, and no class but those of coloured code,
#: for the page around it looks for its own parts by both.
CLEANER = nh3.Cleaner(
    tags={
        *("a", "b", "blockquote", "br", "code", "dd", "del", "div", "dl", "dt", "em"),
        *("h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "li", "ol", "p", "pre"),
        *("span", "strong", "sub", "sup", "table", "tbody", "td", "th", "thead"),
        *("tr", "ul"),
    },
    attributes={"a": {"href", "title"}, "td": {"style"}, "th": {"style"}},
    allowed_classes={"div": {"highlight"}, "span": {*STANDARD_TYPES.values()} - {""}},
    filter_style_properties={"text-align"},
    url_schemes={"http", "https", "mailto"},
    url_relative="deny",
    link_rel="noopener noreferrer",
)


class _Renderer(IPythonRenderer):
    """nbconvert's renderer, without what would be loaded from somewhere."""

    def image(self, text: str, url: str, title: str | None = None) -> str:
        """Render a picture as its description."""
        return f"[picture: {text or 'without a description'}]"


def inert(source: str) -> str:
    """Return the HTML of a student's Markdown: links, but nothing that runs or loads.

    Mathematics between dollars stays as it is, for MathJax. What was :func:`stored`
    before comes out as it went in.
    """
    source = outputs.COLOUR.sub("", outputs.text(source))
    found = STORED.fullmatch(source) if len(source) <= LONGEST_STORED else None
    made = _harmless(found[1]) if found else _rendered(source)
    return BOX.format(made if _depth(made) <= DEEPEST else _quoted(source))


def stored(source: str) -> str:
    """Return Markdown that renders to the inert HTML of this Markdown.

    A line that begins with a tag is an HTML block as far as the next blank line. So
    all is one line, with the line breaks inside it as character references.
    """
    return inert(source).replace("\n", "&#10;")


def clean(notebook: NotebookNode, given: NotebookNode) -> None:
    """Make all prose inert, in place, that is not word for word the assignment's own.

    Parameters
    ----------
    notebook
        The graded notebook, or what says why there is none.
    given
        The assignment.
    """
    own = {cell.source for cell in given.cells if cell.cell_type == "markdown"}
    for cell in notebook.cells:
        if cell.cell_type != "code" and cell.source not in own:
            cell.source = stored(cell.source)
            cell.pop("attachments", None)


def _rendered(source: str) -> str:
    if len(source) > LONGEST:
        note = f"[... shown as it was written: {len(source)} characters]\n\n"
        return _quoted(note + source)
    renderer = _Renderer(escape=False, exclude_anchor_links=True)
    try:
        made = MarkdownWithMath(renderer=renderer).render(source)
    except Exception:  # there is text at which it stumbles: "```&nbsp;" for one
        return _quoted(source)
    made = _harmless(CHECKBOX.sub(lambda found: "☑ " if found[1] else "☐ ", made))
    return made if len(made) <= LONGEST_MADE else _quoted(source)


def _harmless(made: str) -> str:
    return MACROS.sub("", CLEANER.clean(made))


def _quoted(source: str) -> str:
    return f"<pre>{html.escape(source)}</pre>"


def _depth(made: str) -> int:
    deepest = depth = 0
    for found in TAG.finditer(HOLLOW.sub("", made)):
        depth += -1 if found[1] else 1
        deepest = max(deepest, depth)
    return deepest
