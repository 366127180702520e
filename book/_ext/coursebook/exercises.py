"""Exercise and solution boxes: those of sphinx-exercise, with a native dropdown.

An exercise is ``{exercise} TITLE`` with a ``:label:``, and below it stands its
``{solution} LABEL``. It is shown as ``<details>``, like the other boxes that open: that
needs no script, and a browser's search finds what is in it.
"""

from __future__ import annotations

from docutils import nodes
from sphinx.application import Sphinx
from sphinx_exercise.nodes import is_extension_node, solution_node


def setup(app: Sphinx) -> None:
    app.setup_extension("sphinx_exercise")
    app.add_node(solution_node, override=True, html=(visit_solution, depart_solution))
    app.connect("doctree-read", unwrap_contents)


def unwrap_contents(app: Sphinx, doctree: nodes.document) -> None:
    """Take the boxes' contents out of sections that all have the same id."""
    for box in list(doctree.findall(is_extension_node)):
        title, *contents = box.children
        box.children = [title]
        for child in contents:
            # Not replace_self, which would hand the id on to the first child.
            box += child.children if isinstance(child, nodes.section) else child


def visit_solution(self, node: solution_node) -> None:
    self.body.append(self.starttag(node, "details", CLASS="admonition"))
    self.body.append('<summary class="admonition-title">')
    for child in node.pop(0).children:
        child.walkabout(self)
    self.body.append("</summary>\n")


def depart_solution(self, node: solution_node) -> None:
    self.body.append("</details>\n")
