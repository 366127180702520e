"""The text that the search page searches, section by section, as one script.

What searches it is ``search.js`` beside this file. (Jupyter Book would load a script in
``book/_static`` into every page.) A script can be loaded from a disk, where a browser
refuses to fetch anything else.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from . import facts
from .terms import glossary_places, reading_order

TEXT, SEARCH = "search-text.js", "search.js"
# Chapters come before pages that only list things.
LISTS = 0.5

UNREAD = (
    nodes.section, nodes.title, nodes.literal_block, nodes.raw, nodes.Invisible,
    nodes.image, addnodes.download_reference,
)  # fmt: skip

Section = tuple[str, str, str]  # anchor, heading, text


def setup(app: Sphinx) -> None:
    app.connect("doctree-read", record_sections, priority=700)  # after facts
    app.connect("html-page-context", load_on_the_search_page)
    app.connect("build-finished", write_text)


def record_sections(app: Sphinx, doctree: nodes.document) -> None:
    facts.pages(app.env)[app.env.docname].sections = list(sections(doctree))


def sections(doctree: nodes.document) -> Iterator[Section]:
    """The sections of a page, the first without an anchor; entries of a glossary."""
    for section in doctree.findall(nodes.section):
        title = section.next_node(nodes.title).astext()
        top = section.parent is doctree
        yield "" if top else section["ids"][0], title, text_of(section)
    for item in doctree.findall(nodes.definition_list_item):
        terms = list(item.findall(nodes.term))
        if terms and terms[0]["ids"]:
            heading = ", ".join(term.astext() for term in terms)
            definition = text_of(item.next_node(nodes.definition))
            yield terms[0]["ids"][0], heading, definition


def text_of(section: nodes.Element) -> str:
    """The words of a section without its subsections, code and formulas."""
    words = re.sub(r"\s+", " ", "".join(pieces(section)))
    return re.sub(r"\( ?… ?\)|…(?: …)+", "…", words).strip()


def pieces(node: nodes.Node) -> Iterator[str]:
    for child in node.children:
        if isinstance(child, nodes.Text):
            yield child.astext()
        elif isinstance(child, addnodes.pending_xref):
            yield from words_of_link(child)
        elif isinstance(child, nodes.math_block):
            yield " … "
        elif isinstance(child, nodes.math) or "glue" in type(child).__name__.lower():
            yield "…"
        elif isinstance(child, addnodes.glossary):
            continue  # its entries are sections of their own
        elif not isinstance(child, UNREAD) and "data-source" not in child["classes"]:
            yield from pieces(child)
    if not isinstance(node, nodes.Inline):
        yield " "


def words_of_link(link: addnodes.pending_xref) -> Iterator[str]:
    """What a link will say, as far as that is known before it is resolved."""
    target = link["reftarget"]
    if link["reftype"] == "doc" and not link["refexplicit"]:
        yield f"\0{target}\0"  # its title, see write_text
    elif link["refdomain"] == "cite":
        authors = [re.sub(r"\d.*", "", key).title() for key in target.split(",")]
        yield " and ".join(authors) if link["reftype"] == "t" else ""
    elif link["reftype"] in {"eq", "ref", "numref"} and not link["refexplicit"]:
        yield "…"
    else:
        yield from pieces(link)


def load_on_the_search_page(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree
) -> None:
    if pagename == "search":
        for name in (TEXT, SEARCH):
            app.add_js_file(name, loading_method="defer")


def title_of(env: BuildEnvironment) -> Callable[[re.Match[str]], str]:
    def title(match: re.Match[str]) -> str:
        docname = match[1].strip("/").removesuffix(".md")
        return env.titles[docname].astext() if docname in env.titles else docname

    return title


def write_text(app: Sphinx, exception: Exception | None) -> None:
    if exception or app.builder.name != "html":
        return
    chapters = set(facts.chapters(app.env))
    pages = [
        [
            docname,
            app.env.titles[docname].astext(),
            1 if docname in chapters else LISTS,
            [
                (anchor, heading, re.sub("\0(.*?)\0", title_of(app.env), text))
                for anchor, heading, text in facts.pages(app.env)[docname].sections
            ],
        ]
        for docname in reading_order(app.env)
        if docname != "genindex"
    ]
    content = {"pages": pages, "glossary": glossary_places(app.env)}
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    goal = Path(app.outdir) / "_static"
    (goal / TEXT).write_text(f"const SEARCH_TEXT = {text};\n", encoding="utf-8")
    shutil.copy(Path(__file__).with_name(SEARCH), goal)
