"""Plain Markdown, as notebooks show it, from a page that Sphinx has resolved.

A node of a kind that is not listed here raises an error that names it: text must not
be lost silently when a chapter begins to use something new.
"""

from __future__ import annotations

import base64
import html
import mimetypes
import re
from collections.abc import Callable, Iterable
from pathlib import Path

from docutils import nodes
from sphinx.errors import ExtensionError

# Nothing of these belongs into a notebook: anchors, metadata, tables of contents.
SKIPPED = {
    "comment", "compound", "field_list", "index", "meta", "pending", "raw",
    "sd_tab_input", "substitution_definition", "system_message", "tabular_col_spec",
    "target", "toctree",
}  # fmt: skip

# Wrappers that say how a block looks in the page; their content stays.
TRANSPARENT = {
    "caption", "compact_paragraph", "container", "glossary", "legend", "only",
    "block_quote_content", "start_of_file",
}  # fmt: skip

ADMONITIONS = {
    "admonition", "attention", "caution", "danger", "error", "hint", "important",
    "exercise_enumerable_node", "exercise_node",
    "note", "seealso", "sidebar", "tip", "topic", "warning",
}  # fmt: skip


class MarkdownWriter:
    """Writes resolved docutils nodes as Markdown.

    Parameters
    ----------
    folder : Path
        Where the ``uri`` of images starts. Images are embedded.
    link : callable
        From an address relative to the page to an absolute one, or ``""`` where there
        is none: then only the link's text remains.
    numbers : dict
        Sphinx's numbers of figures and tables: ``{"figure": {id: (3,)}, ...}``.
    """

    def __init__(
        self,
        folder: Path,
        link: Callable[[str], str],
        numbers: dict[str, dict[str, tuple[int, ...]]],
    ) -> None:
        self.folder = folder
        self.link = link
        self.numbers = numbers

    # --- blocks -----------------------------------------------------------------

    def block(self, node: nodes.Node) -> str:
        """One block, without blank lines around it; empty if there is nothing."""
        kind = type(node).__name__
        if kind in SKIPPED or "data-source" in classes(node):
            return ""
        if kind in ADMONITIONS:
            return self.admonition(node)
        if "sd-card-title" in classes(node):
            return f"**{self.blocks(node.children)}**"
        if kind in TRANSPARENT:
            return self.blocks(node.children)
        method = getattr(self, f"block_{kind}", None)
        if method is None:
            if isinstance(node, nodes.Text | nodes.Inline):
                return self.inline(node)
            raise ExtensionError(
                f"{node.source}:{node.line}: no Markdown for a node of kind {kind}; "
                "add it to book/_ext/coursebook/markdown.py"
            )
        return method(node)

    def blocks(self, children: Iterable[nodes.Node]) -> str:
        return "\n\n".join(filter(None, map(self.block, children)))

    def block_paragraph(self, node: nodes.Element) -> str:
        # What would begin a heading, a list or a quotation is text here.
        text = self.inlines(node).strip()
        return re.sub(r"^(\s*\d*)([#>+.)-])(?=\s)", r"\1\\\2", text)

    block_rubric = block_term = block_dropdown_title = block_paragraph
    block_PassthroughTextElement = block_attribution = block_paragraph

    def block_transition(self, node: nodes.Element) -> str:
        return "---"

    def block_literal_block(self, node: nodes.Element) -> str:
        language = node.get("language", "")
        language = "" if language in {"none", "default"} else language
        return f"```{language}\n{node.astext().rstrip()}\n```"

    def block_math_block(self, node: nodes.Element) -> str:
        latex, ids = node.astext().strip(), node["ids"]
        if node.get("nowrap"):
            return latex
        if r"\\" in latex and not latex.startswith(r"\begin"):
            latex = f"\\begin{{aligned}}\n{latex}\n\\end{{aligned}}"
        # Not node["number"], which counts within the page: the page's own numbers, and
        # the references to them, go through the whole book.
        for number in filter(None, map(self.numbers.get("displaymath", {}).get, ids)):
            latex = rf"{latex} \tag{{{'.'.join(map(str, number))}}}"
        return f"$$\n{latex}\n$$"

    def block_bullet_list(self, node: nodes.Element) -> str:
        return "\n".join(self.item("- ", child) for child in node.children)

    def block_enumerated_list(self, node: nodes.Element) -> str:
        start = node.get("start", 1)
        return "\n".join(
            self.item(f"{number}. ", child)
            for number, child in enumerate(node.children, start)
        )

    def item(self, mark: str, node: nodes.Element) -> str:
        return mark + indent(self.blocks(node.children), " " * len(mark)).lstrip()

    def block_definition_list(self, node: nodes.Element) -> str:
        return "\n".join(map(self.block_definition_list_item, node.children))

    def block_definition_list_item(self, node: nodes.Element) -> str:
        terms = [child for child in node.children if isinstance(child, nodes.term)]
        rest = [child for child in node.children if not isinstance(child, nodes.term)]
        heading = ", ".join(f"**{self.inlines(term).strip()}**" for term in terms)
        return "- " + indent(f"{heading}: {self.blocks(rest)}", "  ").lstrip()

    def block_definition(self, node: nodes.Element) -> str:
        return self.blocks(node.children)

    def block_line_block(self, node: nodes.Element) -> str:
        return "  \n".join(self.inlines(line) for line in node.findall(nodes.line))

    def block_block_quote(self, node: nodes.Element) -> str:
        return quoted(self.blocks(node.children))

    def block_footnote(self, node: nodes.Element) -> str:
        label, *rest = node.children
        return f"[{label.astext()}] {self.blocks(rest)}"

    block_citation = block_footnote

    # --- admonitions, dropdowns, tabs -------------------------------------------

    def admonition(self, node: nodes.Element) -> str:
        title = type(node).__name__.capitalize()
        rest = node.children
        if rest and isinstance(rest[0], nodes.title):
            title, rest = self.inlines(rest[0]), rest[1:]
        if type(node).__name__ == "exercise_enumerable_node":
            title = f"Exercise{self.number('exercise', node)}{title}"
        if "dropdown" in classes(node):
            return details(plain(node.children[0]), self.blocks(rest))
        return quoted(f"**{title}**\n\n{self.blocks(rest)}")

    def block_dropdown_main(self, node: nodes.Element) -> str:
        title, *rest = node.children
        return details(plain(title), self.blocks(rest))

    block_solution_node = block_dropdown_main

    def block_sd_tab_label(self, node: nodes.Element) -> str:
        return f"**{self.inlines(node).strip()}**"

    # --- quizzes ----------------------------------------------------------------

    def block_quiz(self, node: nodes.Element) -> str:
        question, *rest = node.children
        options = [child for child in rest if type(child).__name__ == "quiz_option"]
        body = [child for child in rest if child not in options]
        choices = [(o["letter"], o.children[0]) for o in options]
        answers = [(f"{o['letter']}: {o['said']}", o.children[1]) for o in options]
        title = f"**{self.inlines(question).strip()}**"
        answer = details("Answer", self.lettered(answers))
        parts = [title, self.blocks(body), self.lettered(choices), answer]
        return "\n\n".join(filter(None, parts))

    def lettered(self, items: list[tuple[str, nodes.Element]]) -> str:
        return "\n".join(
            "- " + indent(f"**{mark}** {self.blocks(node.children)}", "  ").lstrip()
            for mark, node in items
        )

    # --- tables, figures, images ------------------------------------------------

    def block_table(self, node: nodes.Element) -> str:
        rows = [
            [self.table_cell(entry) for entry in row.children]
            for row in node.findall(nodes.row)
        ]
        if not any(node.findall(nodes.thead)):
            rows.insert(0, [""] * len(rows[0]))
        rows.insert(1, ["---"] * len(rows[0]))
        lines = "\n".join(f"| {' | '.join(row)} |" for row in rows)
        return "\n\n".join(filter(None, [self.caption(node), lines]))

    def table_cell(self, entry: nodes.Element) -> str:
        if entry.get("morecols") or entry.get("morerows"):
            raise ExtensionError(
                f"{entry.source}:{entry.line}: Markdown has no cell over several "
                "columns or rows"
            )
        text = self.blocks(entry.children).replace("|", r"\|")
        return text.replace("\n\n", "<br>").replace("\n", " ")

    def block_figure(self, node: nodes.Element) -> str:
        images = [image for image in node.findall(nodes.image)]
        return "\n\n".join([*map(self.block_image, images), self.caption(node)])

    def caption(self, node: nodes.Element) -> str:
        """*Figure 3. What to see.* The number is the page's."""
        kind = type(node).__name__
        wanted = nodes.title if kind == "table" else nodes.caption
        text = "".join(
            self.inlines(child) for child in node.children if isinstance(child, wanted)
        )
        legends = self.blocks(node.findall(nodes.legend))
        if number := self.number(kind, node):
            text = f"**{kind.capitalize()}{number}.** {text}"
        return "\n\n".join(filter(None, [text, legends]))

    def number(self, kind: str, node: nodes.Element) -> str:
        """The page's number with a space before it, or nothing."""
        numbers = self.numbers.get(kind, {})
        number = next((numbers[id_] for id_ in node["ids"] if id_ in numbers), ())
        return f" {'.'.join(map(str, number))}" if number else ""

    def block_image(self, node: nodes.Element) -> str:
        uri = node["uri"]
        if "://" not in uri and not uri.startswith("data:"):
            path = self.folder / uri
            kind, _ = mimetypes.guess_type(path.name)
            content = base64.b64encode(path.read_bytes()).decode()
            uri = f"data:{kind};base64,{content}"
        return f"![{node.get('alt', '')}]({uri})"

    # --- within a line ----------------------------------------------------------

    def inlines(self, node: nodes.Element) -> str:
        return "".join(map(self.inline, node.children))

    def inline(self, node: nodes.Node) -> str:
        if isinstance(node, nodes.Text):
            return escaped(node.astext())
        method = getattr(self, f"inline_{type(node).__name__}", None)
        if method is not None:
            return method(node)
        if type(node).__name__ in SKIPPED:
            return ""
        # All other inline nodes (roles, spans, terms) only carry text.
        return self.inlines(node)

    def inline_emphasis(self, node: nodes.Element) -> str:
        return f"*{self.inlines(node)}*"

    def inline_strong(self, node: nodes.Element) -> str:
        return f"**{self.inlines(node)}**"

    def inline_literal(self, node: nodes.Element) -> str:
        text = node.astext()
        return f"`` {text} ``" if "`" in text else f"`{text}`"

    def inline_download_reference(self, node: nodes.Element) -> str:
        text = self.inlines(node)  # the file stays with the page
        uri = self.link(f"_downloads/{node['filename']}") if "filename" in node else ""
        return f"[{text}]({uri})" if uri else text

    def inline_math(self, node: nodes.Element) -> str:
        return f"${node.astext().strip()}$"

    def inline_subscript(self, node: nodes.Element) -> str:
        return f"<sub>{self.inlines(node)}</sub>"

    def inline_superscript(self, node: nodes.Element) -> str:
        return f"<sup>{self.inlines(node)}</sup>"

    def inline_footnote_reference(self, node: nodes.Element) -> str:
        return f"[{node.astext()}]"

    def inline_image(self, node: nodes.Element) -> str:
        return self.block_image(node)

    def inline_reference(self, node: nodes.Element) -> str:
        text = self.inlines(node)
        uri = node.get("refuri", "")
        if not uri or uri.startswith("#"):
            uri = ""  # a place in this page
        elif "://" not in uri and not uri.startswith("mailto:"):
            uri = self.link(uri)
        if uri:
            return f"[{text}]({uri})"
        # A title amid a sentence. "Figure 1" and "(2)" stand for themselves.
        titles = any("std-ref" in classes(child) for child in node.children)
        return f"*{text}*" if titles and "*" not in text else text


def classes(node: nodes.Node) -> list[str]:
    return node.get("classes", []) if isinstance(node, nodes.Element) else []


def escaped(text: str) -> str:
    """Text in which no character means Markdown, HTML or TeX."""
    text = re.sub(r"([\\`*$<])", r"\\\1", text)
    return re.sub(r"(?<![^\W_])_|_(?![^\W_])", r"\\_", text)


def indent(text: str, prefix: str) -> str:
    return "\n".join(prefix + line if line else line for line in text.split("\n"))


def quoted(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.split("\n"))


def plain(node: nodes.Element) -> str:
    """Text without markup, for where Markdown is not read.

    Formulas are: notebooks typeset what stands between dollars there too.
    """
    texts = node.findall(nodes.Text)
    return "".join(
        f"${text}$" if isinstance(text.parent, nodes.math) else text
        for text in texts
        if not isinstance(text.parent, nodes.raw)
    )


def details(title: str, text: str) -> str:
    title = html.escape(title.strip(), quote=False)
    return f"<details>\n<summary>{title}</summary>\n\n{text}\n\n</details>"
