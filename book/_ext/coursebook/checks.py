"""What every page must have: alt text on images, a description, headings in order.

Each complaint is a Sphinx warning, and warnings fail the build.
"""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import PurePosixPath
from typing import Any

from sphinx.application import Sphinx
from sphinx.util import logging

LOGGER = logging.getLogger(__name__)


def setup(app: Sphinx) -> None:
    app.connect("html-page-context", check_page, priority=900)


def check_page(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree
) -> None:
    if doctree is None:
        return
    page = Page()
    page.feed(context["body"])
    for complaint in page.complaints:
        LOGGER.warning(complaint, location=pagename, type="coursebook")
    if 'name="description"' not in context.get("metatags", ""):
        LOGGER.warning(
            "no description: add myst.html_meta.description to the front matter",
            location=pagename,
            type="coursebook",
        )


class Page(HTMLParser):
    """Reads the body of a page and gathers what is wrong with it."""

    def __init__(self) -> None:
        super().__init__()
        self.complaints: list[str] = []
        self.level = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "img":
            self.check_image(dict(attrs))
        elif len(tag) == 2 and tag[0] == "h" and tag[1].isdigit():
            self.check_heading(int(tag[1]))

    def check_image(self, attributes: dict[str, str | None]) -> None:
        source = (attributes.get("src") or "")[:60]
        alt = (attributes.get("alt") or "").strip()
        # Sphinx puts the file's name where the author gave no alt text.
        suffix = PurePosixPath(alt).suffix.lower()
        if not alt or suffix in {".png", ".jpg", ".jpeg", ".svg", ".gif", ".webp"}:
            self.complaints.append(f"image without alt text: {source}")

    def check_heading(self, level: int) -> None:
        if level > self.level + 1:
            self.complaints.append(f"heading h{level} follows h{self.level}")
        if level == 1 and self.level:
            self.complaints.append("a second h1: a page has one title")
        self.level = level
