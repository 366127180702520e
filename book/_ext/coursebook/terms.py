"""Where the glossary's terms are used: in the glossary, the index and the search.

A chapter links a term where it first uses it, with the role ``term``. From these links
follow, without being written anywhere: an entry of the index for each, the list of
chapters under each definition, and which chapter the search finds first. A chapter
*introduces* a term if it also has it in bold.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.transforms import SphinxTransform

GLOSSARY = "glossary"


class Use(NamedTuple):
    """A place where a page links a term: page, anchor, and whether it is in bold."""

    docname: str
    anchor: str
    introduced: bool


def setup(app: Sphinx) -> None:
    app.add_transform(RecordUses)
    app.connect("env-purge-doc", forget)
    app.connect("env-updated", rewrite_glossary)
    app.connect("doctree-resolved", list_uses)
    app.connect("html-page-context", name_pages)


def uses(env: BuildEnvironment) -> dict[str, list[Use]]:
    """All uses by the term as it is linked, in lower case."""
    if not hasattr(env, "coursebook_terms"):
        env.coursebook_terms = {}
    return env.coursebook_terms


class RecordUses(SphinxTransform):
    """Give each link to a term an anchor and an entry in the index."""

    default_priority = 840  # before Sphinx gathers the index's entries (850)

    def apply(self, **kwargs: Any) -> None:
        if self.env.docname == GLOSSARY:
            return
        bold = {key(node.astext()) for node in self.document.findall(nodes.strong)}
        entries = []
        for link in self.document.findall(addnodes.pending_xref):
            if link.get("reftype") != "term":
                continue
            term = key(link["reftarget"])
            anchor = f"use-{nodes.make_id(term.replace('β', 'beta'))}"
            introduced = not bold.isdisjoint({term, key(link.astext())})
            link.children[0]["ids"].append(anchor)
            use = Use(self.env.docname, anchor, introduced)
            uses(self.env).setdefault(term, []).append(use)
            main = "main" if introduced else ""
            entries.append(("single", link["reftarget"], anchor, main, None))
        if entries:
            self.document.append(addnodes.index(entries=entries))


def key(text: str) -> str:
    return " ".join(text.lower().split()).rstrip(".")


def forget(app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    for term, places in uses(env).items():
        uses(env)[term] = [place for place in places if place.docname != docname]


def rewrite_glossary(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """What stands in the glossary depends on all chapters."""
    return [GLOSSARY] if GLOSSARY in env.all_docs else []


def list_uses(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Under each definition, the chapters that use the term, in reading order."""
    if docname != GLOSSARY or app.builder.format != "html":
        return
    order = reading_order(app.env)
    for item in doctree.findall(nodes.definition_list_item):
        names = {key(term.astext()) for term in item.findall(nodes.term)}
        places = sorted(
            (place for name in names for place in uses(app.env).get(name, [])),
            key=lambda place: order.index(place.docname),
        )
        definition = item.next_node(nodes.definition)
        if not places or definition is None:
            continue
        paragraph = nodes.paragraph(classes=["term-uses"])
        for number, place in enumerate(places):
            if number:
                paragraph += nodes.Text(" · ")
            paragraph += link_to(app, place)
        definition += paragraph


def link_to(app: Sphinx, place: Use) -> nodes.Element:
    address = app.builder.get_relative_uri(GLOSSARY, place.docname)
    title = app.env.titles[place.docname].astext()
    link = nodes.reference("", title, internal=True, refuri=f"{address}#{place.anchor}")
    return nodes.strong("", "", link) if place.introduced else link


def reading_order(env: BuildEnvironment) -> list[str]:
    """All pages in the order of the table of contents, then those outside of it."""
    order = [env.config.root_doc]
    for docname in order:
        order += [d for d in env.toctree_includes.get(docname, []) if d not in order]
    return order + sorted(env.all_docs.keys() - set(order))


def name_pages(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree
) -> None:
    """In the index, name the pages instead of numbering them."""
    if templatename != "genindex.html":
        return
    order = reading_order(app.env)
    pages = {app.builder.get_target_uri(docname): docname for docname in order}
    for _, entries in context["genindexentries"]:
        for position, (name, (targets, subitems, category)) in enumerate(entries):
            named = {"glossary": [], "others": []}
            for main, uri in targets:
                docname = pages[uri.partition("#")[0]]
                kind = "glossary" if docname == GLOSSARY else "others"
                named[kind].append((order.index(docname), docname, main, uri))
            listed = [
                (app.env.titles[docname].astext(), [(main, uri)])
                for _, docname, main, uri in sorted(named["others"])
            ]
            first = [("", uri) for *_, uri in named["glossary"]]
            entries[position] = (name, [first, [*subitems, *listed], category])
