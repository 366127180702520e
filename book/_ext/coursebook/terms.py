"""Where the glossary's terms are used: in the glossary, the index and the search.

A chapter links a term where it first uses it, with the role ``term``. From these links
follow, without being written anywhere: an entry of the index for each, the list of
chapters under each definition, and which chapter the search finds first. A chapter
*introduces* a term if it also has it in bold.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.transforms import SphinxTransform

from . import tables

GLOSSARY = "glossary"


class Use(NamedTuple):
    """A place where a page links a term.

    ``section`` is the anchor of the section around it, empty for the page's first one;
    ``introduced`` says that the page has the term in bold.
    """

    docname: str
    anchor: str
    section: str
    introduced: bool


def setup(app: Sphinx) -> None:
    app.add_transform(RecordUses)
    app.connect("env-purge-doc", forget)
    app.connect("doctree-read", record_entries)
    app.connect("env-updated", update_index)
    app.connect("doctree-resolved", list_uses)
    app.connect("html-page-context", name_pages)


def uses(env: BuildEnvironment) -> dict[str, list[Use]]:
    """All uses by the term as it is linked, in lower case."""
    if not hasattr(env, "coursebook_terms"):
        env.coursebook_terms = {}
    return env.coursebook_terms


class RecordUses(SphinxTransform):
    """Give each link to a term an anchor, and remember it."""

    default_priority = 840

    def apply(self, **kwargs: Any) -> None:
        if self.env.docname == GLOSSARY:
            return
        bold = {key(node.astext()) for node in self.document.findall(nodes.strong)}
        for link in self.document.findall(addnodes.pending_xref):
            if link.get("reftype") != "term":
                continue
            term = key(link["reftarget"])
            anchor = f"use-{nodes.make_id(term.replace('β', 'beta'))}"
            introduced = not bold.isdisjoint({term, key(link.astext())})
            link.children[0]["ids"].append(anchor)
            use = Use(self.env.docname, anchor, section_around(link), introduced)
            uses(self.env).setdefault(term, []).append(use)


def section_around(node: nodes.Node) -> str:
    while not isinstance(node, nodes.section):
        node = node.parent
    return "" if isinstance(node.parent, nodes.document) else node["ids"][0]


def key(text: str) -> str:
    return " ".join(text.lower().replace("’", "'").split()).rstrip(".")


def forget(app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    for term, places in uses(env).items():
        uses(env)[term] = [place for place in places if place.docname != docname]


def record_entries(app: Sphinx, doctree: nodes.document) -> None:
    """Which names of the glossary mean the same, and where each stands."""
    if app.env.docname == GLOSSARY:
        app.env.coursebook_entries = [
            {term.astext(): term["ids"][0] for term in item.findall(nodes.term)}
            for item in doctree.findall(nodes.definition_list_item)
        ]


def entries(env: BuildEnvironment) -> list[dict[str, str]]:
    """The entries of the glossary: all names of each, with their anchors."""
    return getattr(env, "coursebook_entries", [])


def uses_of(env: BuildEnvironment, names: Iterable[str]) -> list[Use]:
    """Where a page links one of these names, in reading order."""
    order = reading_order(env)
    places = (place for name in names for place in uses(env).get(key(name), []))
    return sorted(places, key=lambda place: order.index(place.docname))


def glossary_places(env: BuildEnvironment) -> list[tuple[list[str], list[tuple]]]:
    """For the search: an entry's names, and (page, section, weight) of its places."""
    return [
        (
            list(names),
            [(GLOSSARY, next(iter(names.values())), 0.9)]
            + [
                (use.docname, use.section, 1)
                for use in uses_of(env, names)
                if use.introduced
            ],
        )
        for names in entries(env)
    ]


def update_index(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Enter the uses into the index, under every name of the entry.

    The glossary has to be written anew: what stands in it depends on all chapters.
    """
    index = env.domaindata["index"]["entries"]
    for docname, found in index.items():
        index[docname] = [entry for entry in found if not entry[2].startswith("use-")]
    for names in entries(env):
        for use in uses_of(env, names):
            main = "main" if use.introduced else ""
            index.setdefault(use.docname, []).extend(
                ("single", name, use.anchor, main, None) for name in names
            )
    return [GLOSSARY] if GLOSSARY in env.all_docs else []


def list_uses(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Under each definition, the chapters that use the term."""
    if docname != GLOSSARY or app.builder.format != "html":
        return
    for item in doctree.findall(nodes.definition_list_item):
        names = [term.astext() for term in item.findall(nodes.term)]
        links = [link_to(app, place) for place in uses_of(app.env, names)]
        if links:
            listed = tables.separated(links)
            definition = item.next_node(nodes.definition)
            definition += nodes.paragraph("", "", *listed, classes=["term-uses"])


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
