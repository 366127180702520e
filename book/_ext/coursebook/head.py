"""What a page says of itself to search engines and to places where links are shared.

Sphinx writes the canonical link. Here are Open Graph's title, description and picture,
and the sitemap. Addresses are written only where the site's own is known (see
book/build.py): a copy on a disk has none.
"""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from . import addresses
from .facts import Facts, pages
from .terms import reading_order

PICTURE = "_static/hero.png"
PICTURE_ALT = "A grid of small garments that change step by step."


def setup(app: Sphinx) -> None:
    app.connect("html-page-context", describe_page, priority=700)
    app.connect("build-finished", write_sitemap)


def describe_page(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree
) -> None:
    tags = []
    facts = pages(app.env).get(pagename)
    if facts is None:  # the search page, which only repeats other pages
        tags.append('<meta name="robots" content="noindex" />')
    elif doctree is None:  # the index, which Sphinx wrote over the page of that name
        tags.append(
            f'<meta name="description" content="{escape(facts.description)}" />'
        )
    if facts is not None:
        tags += [
            f'<meta property="{name}" content="{escape(content)}" />'
            for name, content in open_graph(app, pagename, facts).items()
        ]
    context["metatags"] = "\n".join([context.get("metatags", ""), *tags]) + "\n"


def open_graph(app: Sphinx, pagename: str, facts: Facts) -> dict[str, str]:
    front = pagename == app.config.root_doc
    properties = {
        "og:title": app.env.titles[pagename].astext(),
        "og:type": "website" if front else "article",
        "og:description": facts.description,
        "og:site_name": app.config.html_title,
    }
    if repository := app.config.coursebook_repository:
        site = addresses.site(repository)
        properties |= {
            "og:url": site + app.builder.get_target_uri(pagename),
            "og:image": site + PICTURE,
            "og:image:alt": PICTURE_ALT,
        }
    return properties


def write_sitemap(app: Sphinx, exception: Exception | None) -> None:
    repository = app.config.coursebook_repository
    if exception or app.builder.name != "html":
        return
    path = Path(app.outdir) / "sitemap.xml"
    if not repository:
        path.unlink(missing_ok=True)
        return
    addresses_of_pages = [
        addresses.site(repository) + app.builder.get_target_uri(docname)
        for docname in reading_order(app.env)
    ]
    lines = [
        '<?xml version="1.0" encoding="utf-8"?>',
        '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">',
        *(f"<url><loc>{escape(page)}</loc></url>" for page in addresses_of_pages),
        "</urlset>",
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
