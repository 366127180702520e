"""Multiple choice with an explanation for every option, without a script or a server.

::::{quiz} Which of these are *prime*: $1$, $2$, $9$?
Text that belongs to the question, if one line is not enough.

:::{wrong} $1$
It has only one divisor.
:::
:::{right} $2$
Its divisors are 1 and 2.
:::
:::{wrong}
An option that needs more than a line stands in the body, before three hyphens.
---
Here is its explanation.
:::
::::

The page shows radio buttons in a fieldset. What is chosen decides by CSS alone which
explanation is seen (``book.css``), inside a live region, so a screen reader says it;
nothing is stored. A quiz with anything missing is a warning, which fails the build.
"""

from __future__ import annotations

from docutils import nodes
from docutils.parsers.rst import directives
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

LOGGER = logging.getLogger(__name__)

SEPARATOR = "---"
VERDICTS = {"right": "Right.", "wrong": "Not this one."}


class quiz(nodes.General, nodes.Element):
    """Children: a ``quiz_question``, further blocks of it, ``quiz_option`` nodes."""


class quiz_question(nodes.TextElement):
    """The line that names the group of options."""


class quiz_option(nodes.General, nodes.Element):
    """Children: ``quiz_label`` and ``quiz_explanation``.

    ``verdict`` is *right* or *wrong*, ``said`` is how the page says it.
    """


class quiz_label(nodes.General, nodes.Element):
    """What one may choose: blocks, or a single paragraph."""


class quiz_explanation(nodes.General, nodes.Element):
    """Why the option is right, or which mistake it is."""


def setup(app: Sphinx) -> None:
    app.add_directive("quiz", Quiz)
    for verdict in VERDICTS:
        app.add_directive(verdict, Option)
    app.add_node(quiz, html=(visit_quiz, depart_quiz))
    app.add_node(quiz_question, html=(visit_question, depart_question))
    app.add_node(quiz_option, html=(visit_option, depart_option))
    app.add_node(quiz_label, html=(visit_label, depart_label))
    app.add_node(quiz_explanation, html=(visit_explanation, depart_explanation))
    app.connect("doctree-read", check_options_are_in_a_quiz)


def warn(message: str, location) -> None:
    LOGGER.warning(message, location=location, type="coursebook", subtype="quiz")


# --- from Markdown to nodes -----------------------------------------------------


class Quiz(SphinxDirective):
    has_content = True
    required_arguments = 0
    optional_arguments = 1
    final_argument_whitespace = True
    option_spec = {"name": directives.unchanged}  # noqa: RUF012

    def run(self) -> list[nodes.Node]:
        number = self.env.new_serialno("quiz") + 1
        node = quiz(number=number)
        self.set_source_info(node)
        self.add_name(node)
        question = quiz_question()
        if self.arguments:
            children, messages = self.state.inline_text(self.arguments[0], self.lineno)
            question.extend([*children, *messages])
        node += question
        self.state.nested_parse(self.content, self.content_offset, node)
        options = [child for child in node if isinstance(child, quiz_option)]
        for place, option in enumerate(options, 1):
            option["group"] = f"quiz-{number}"
            option["letter"] = chr(ord("A") + place - 1)
        if not question.children:
            warn("quiz without a question", self.get_location())
        if len(options) < 2:
            warn(
                f"quiz with {len(options)} options, expected two or more",
                self.get_location(),
            )
        right = sum(option["verdict"] == "right" for option in options)
        if right != 1:
            warn(f"quiz with {right} right options, expected 1", self.get_location())
        return [node]


class Option(SphinxDirective):
    """``right`` or ``wrong``: the directive's own name is the verdict."""

    has_content = True
    required_arguments = 0
    optional_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        node = quiz_option(verdict=self.name, said=VERDICTS[self.name])
        label = quiz_label()
        self.set_source_info(node)
        explanation, content = quiz_explanation(), self.content
        if self.arguments:
            children, messages = self.state.inline_text(self.arguments[0], self.lineno)
            label += nodes.paragraph("", "", *children, *messages)
        else:
            lines = [line.strip() for line in content]
            cut = lines.index(SEPARATOR) if SEPARATOR in lines else len(lines)
            self.parse(content[:cut], 0, label)
            content = content[cut + 1 :]
        self.parse(content, len(self.content) - len(content), explanation)
        for part, name in ((label, "text"), (explanation, "an explanation")):
            if not part.children:
                warn(
                    f"option without {name}: {label.astext()[:60]!r}",
                    self.get_location(),
                )
        node += [label, explanation]
        return [node]

    def parse(self, content: StringList, skipped: int, node: nodes.Element) -> None:
        self.state.nested_parse(content, self.content_offset + skipped, node)


def check_options_are_in_a_quiz(app: Sphinx, doctree: nodes.document) -> None:
    for option in doctree.findall(quiz_option):
        if not isinstance(option.parent, quiz):
            message = f"{{{option['verdict']}}} outside of a {{quiz}}"
            warn(message, (app.env.docname, option.line))


# --- from nodes to HTML ---------------------------------------------------------
#
# An option is an input, its label and a live region. Whatever comes into view inside a
# live region is read out, and the explanation comes into view when its input, which
# stands before it, is checked.


def visit_quiz(self, node: quiz) -> None:
    self.body.append(self.starttag(node, "fieldset", CLASS="quiz"))


def depart_quiz(self, node: quiz) -> None:
    self.body.append("</fieldset>\n")


def visit_question(self, node: quiz_question) -> None:
    self.body.append(self.starttag(node, "legend", ""))


def depart_question(self, node: quiz_question) -> None:
    self.body.append("</legend>\n")


def visit_option(self, node: quiz_option) -> None:
    id_ = f"{node['group']}-{node['letter'].lower()}"
    self.body.append(self.starttag(node, "div", CLASS=f"quiz-option {node['verdict']}"))
    # Firefox would remember what was chosen when the page is loaded again.
    self.body.append(
        f'<input type="radio" autocomplete="off" name="{node["group"]}" id="{id_}">'
    )
    node.children[0]["for"] = id_


def depart_option(self, node: quiz_option) -> None:
    self.body.append("</div>\n")


def visit_label(self, node: quiz_label) -> None:
    self.body.append(f'<label for="{node["for"]}">')
    # A paragraph is not allowed in a label: a single one gives its text alone.
    if len(node.children) == 1 and isinstance(node.children[0], nodes.paragraph):
        for child in node.children[0].children:
            child.walkabout(self)
        self.body.append("</label>\n")
        raise nodes.SkipNode


def depart_label(self, node: quiz_label) -> None:
    self.body.append("</label>\n")


def visit_explanation(self, node: quiz_explanation) -> None:
    self.body.append('<div aria-live="polite"><div class="quiz-explanation">\n')
    self.body.append(f'<p class="quiz-verdict">{node.parent["said"]}</p>\n')


def depart_explanation(self, node: quiz_explanation) -> None:
    self.body.append("</div></div>\n")
