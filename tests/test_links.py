"""Links inside the book and the repository lead somewhere; nothing is unresolved.

Links to other sites are tried once a week, by .github/workflows/links.yml.
"""

from __future__ import annotations

import functools
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from books import ROOT, built_book


class Links(HTMLParser):
    """The names on a page, where its links lead, its text outside code."""

    CODE = frozenset({"code", "pre", "script", "style"})

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.links: list[str] = []
        self.complaints: list[str] = []
        self.text: list[str] = []
        self.depth = 0  # of elements whose text is code

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.names.update(filter(None, map(attributes.get, ("id", "name"))))
        for name in ("href", "src", "data-src", "poster"):
            if link := attributes.get(name):
                self.links.append(link)
        self.links += [
            part.split()[0]
            for part in (attributes.get("srcset") or "").split(",")
            if part
        ]
        kinds = set((attributes.get("class") or "").split())
        for kind in kinds & {"problematic", "system-message"}:
            self.complaints.append(f"{kind}: <{tag}>")
        if tag == "a" and attributes.get("href") == "":
            self.complaints.append("a link to nowhere")
        self.depth += tag in self.CODE

    def handle_endtag(self, tag):
        self.depth -= tag in self.CODE

    def handle_data(self, data):
        if not self.depth:
            self.text.append(data)


# What Sphinx and its extensions leave where they could not resolve something.
LEFTOVERS = re.compile(
    r"\?\?|\[\?\]|\{(?:ref|doc|eq|numref|cite(?::[tp])?|glue(?::\w+)?|term|download)\}"
    r"|\(\?\)|\bNone, None\b|unresolved|undefined (?:label|reference)"
)


@functools.cache
def read(path: Path) -> Links:
    page = Links()
    page.feed(path.read_text(encoding="utf-8"))
    return page


def dead_links(folder: Path) -> list[str]:
    """What is wrong with the links of all pages under a folder."""
    found = []
    for path in sorted(folder.rglob("*.html")):
        if "_static" in path.relative_to(folder).parts:
            continue  # the theme's own files
        page = read(path)
        name = path.relative_to(folder).as_posix()
        found += [f"{name}: {one}" for one in page.complaints]
        for link in dict.fromkeys(page.links):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            goal = path.parent / unquote(parts.path) if parts.path else path
            if not goal.exists():
                found.append(f"{name}: no such file: {link}")
            elif parts.fragment and not has_place(goal, unquote(parts.fragment)):
                found.append(f"{name}: no such place: {link}")
    return found


def has_place(path: Path, name: str) -> bool:
    return path.suffix != ".html" or name in read(path).names


def test_every_link_inside_the_book_leads_somewhere():
    book = built_book()
    assert len(read(book / "index.html").links) > 20
    assert not (found := dead_links(book)), "\n".join(found)


def test_no_page_has_an_unresolved_reference():
    found = []
    for path in sorted(built_book().glob("*.html")):
        for text in read(path).text:
            if match := LEFTOVERS.search(text):
                found.append(f"{path.name}: {match[0]!r} in {text.strip()[:80]!r}")
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("broken", "complaint"),
    [
        ("<a href='missing.html'>x</a>", "no such file: missing.html"),
        ("<a href='other.html#nowhere'>x</a>", "no such place: other.html#nowhere"),
        ("<a href='#nowhere'>x</a>", "no such place: #nowhere"),
        ("<img src='_images/missing.png'>", "no such file"),
        ("<span class='problematic'>x</span>", "problematic"),
        ("<a href=''>x</a>", "nowhere"),
    ],
)
def test_a_dead_link_is_noticed(tmp_path, broken, complaint):
    (tmp_path / "other.html").write_text("<p id='here'>x</p>")
    (tmp_path / "page.html").write_text(f"<a href='other.html#here'>x</a>{broken}")
    found = dead_links(tmp_path)
    assert len(found) == 1
    assert complaint in found[0]


@pytest.mark.parametrize(
    "text", ["see ??", "{ref}`x`", "{glue:text}`error`", "[?]", "{cite:p}`x`"]
)
def test_an_unresolved_reference_is_noticed(text):
    assert LEFTOVERS.search(text)


# --- Markdown outside the book --------------------------------------------------

MARKDOWN_LINK = re.compile(r"\]\((?P<link>[^)\s]+)\)")


def headings(path: Path) -> set[str]:
    """The anchors that GitHub makes of a file's headings."""
    titles = re.findall(r"^#+ +(.+)$", path.read_text(encoding="utf-8"), re.M)
    return {
        re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles
    }


def test_every_link_of_the_files_at_the_top_leads_somewhere():
    found = []
    for path in sorted(ROOT.glob("*.md")):
        for match in MARKDOWN_LINK.finditer(path.read_text(encoding="utf-8")):
            parts = urlsplit(match["link"])
            if parts.scheme:
                continue
            goal = ROOT / parts.path if parts.path else path
            if not goal.exists():
                found.append(f"{path.name}: no such file: {match['link']}")
            elif parts.fragment and parts.fragment not in headings(goal):
                found.append(f"{path.name}: no such heading: {match['link']}")
    assert not found, "\n".join(found)
