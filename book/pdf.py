"""Print the built book into one PDF: ``python book/build.py --pdf``, or ``make pdf``.

All pages, in reading order, become one document in which links between chapters lead to
the right place; Chromium prints it, with an outline and with tags for screen readers.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import yaml
from bs4 import BeautifulSoup, Tag
from playwright.sync_api import Browser, Error, Playwright, sync_playwright
from pypdf import PdfReader, PdfWriter
from pypdf.generic import DictionaryObject, NameObject, TextStringObject

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
AUTHOR = "The Latent Spaces authors"
OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]

# What beside a reference names an element of its page.
NAMING = ("id", "for", "name", "aria-labelledby", "aria-describedby", "aria-controls")

STYLE = """
  body { background: white; }
  article.bd-article { break-before: page; }
  .title-page { align-content: center; height: 24cm; text-align: center; }
  .title-page p { font-size: 1.4em; }
  .title-page p.note { font-size: 1em; margin: 4em auto 0; max-width: 30em; }
  .title-page img { height: 4cm; }
  .book-contents ul { list-style: none; padding-left: 1.5em; }
  .book-contents > ul { padding: 0; }
  .book-contents > ul > li { break-inside: avoid; margin-top: 0.6em; }
  .book-contents > ul > li > a { font-weight: bold; }
  .book-contents a { color: inherit; display: flex; text-decoration: none; }
  .book-contents .number { margin-left: auto; padding-left: 1em; }
  @page { @bottom-center { content: counter(page); font: 9pt sans-serif; } }
  @page :first { @bottom-center { content: none; } }
"""

# Open all, wait for formulas and pictures; answer what is missing on the paper.
PREPARE = r"""
async () => {
  for (const details of document.querySelectorAll("details")) details.open = true;
  await window.MathJax?.startup?.promise;
  await Promise.all([...document.images].map((image) => image.decode().catch(() => 0)));
  const missing = [...document.images].filter((image) => !image.naturalWidth);
  const raw = [...document.querySelectorAll(".math")].filter(
    (formula) => !formula.querySelector("mjx-container svg"));
  // The words for screen readers would be printed too, invisibly, between the lines.
  document.querySelectorAll("mjx-assistive-mml").forEach((node) => node.remove());
  const name = ({ src, alt }) => src.startsWith("data:") ? alt : src.split("/").pop();
  return [...missing.map(name),
          ...raw.map((formula) => formula.textContent.slice(0, 80))];
}
"""

FILL = """
(pages) => document.querySelectorAll(".book-contents .number").forEach(
  (number) => { number.textContent = pages[number.dataset.section] ?? ""; })
"""


def write_pdf(html: Path, toc: Path, path: Path) -> None:
    """Print the book whose pages are in ``html``, in the order of ``toc``.

    Raises
    ------
    RuntimeError
        If there is no browser, or if a picture or a formula would be missing.
    """
    source = html / "_whole.html"
    document = whole_book(html, list(docnames(yaml.safe_load(toc.read_text("utf-8")))))
    source.write_text(document, encoding="utf-8")
    try:
        with sync_playwright() as playwright:
            print_document(playwright, source, path)
    finally:
        source.unlink()


def docnames(toc: dict) -> Iterator[str]:
    """The pages in reading order, the front page first."""
    for key in ("root", "file"):
        if key in toc:
            yield toc[key]
    for key in ("parts", "chapters", "sections"):
        for part in toc.get(key, []):
            yield from docnames(part)


# --- one document of all pages --------------------------------------------------


def whole_book(html: Path, names: list[str]) -> str:
    pages = {
        name: BeautifulSoup((html / f"{name}.html").read_text("utf-8"), "html.parser")
        for name in names
    }
    front = pages[names[0]]
    head = front.head
    for tag in head.find_all(["script", "link", "meta"]):
        if not is_needed(tag):
            tag.decompose()
    canonical = front.find("link", rel="canonical")
    site = canonical["href"] if canonical else ""
    head.append(style := front.new_tag("style"))
    style.string = STYLE
    articles = [article(pages[name], name, names, site) for name in names]
    entries = [contents(tag) for tag in articles[1:]]
    # The front page's is "Front page — Title of the book".
    title = head.title.string = head.title.get_text().split(" — ")[-1]
    banner = front.find(class_="bd-header-announcement")
    note = banner.get_text(" ", strip=True) if banner else ""
    author = front.find(class_="component-author")
    cover = (
        '<section class="title-page"><img src="_static/logo.svg" alt="">'
        f"<h1>{title.split(':')[0]}</h1><p>{title.partition(':')[2].strip()}</p>"
        f"<p>{author.get_text(strip=True) if author else ''}</p>"
        f'<p class="note">{note}</p></section>'
    )
    body = "".join(str(tag) for tag in articles[1:])
    listing = (
        f'<nav class="book-contents"><h2>Contents</h2><ul>{"".join(entries)}</ul></nav>'
    )
    return (
        f'<!DOCTYPE html><html lang="en" data-theme="light">{head}<body><main>'
        f'{cover}{articles[0]}<article class="bd-article">{listing}</article>{body}'
        "</main></body></html>"
    )


def is_needed(tag: Tag) -> bool:
    """Styles and MathJax; not the page's own scripts, description and neighbours."""
    if tag.name == "script":
        return "mathjax" in (tag.get("src") or tag.get_text()).lower()
    if tag.name == "link":
        return "stylesheet" in tag.get("rel", []) or "canonical" in tag.get("rel", [])
    return tag.has_attr("charset")


def article(page: BeautifulSoup, name: str, names: list[str], site: str) -> Tag:
    """The text of one page, with names that are unique in the whole book."""
    found = page.find("article")
    for link in found.select("a.headerlink"):
        link.decompose()
    for tag in found.find_all(True):
        for attribute in NAMING:
            if value := tag.get(attribute):
                tag[attribute] = " ".join(f"{name}--{one}" for one in value.split())
        if tag.name == "a" and tag.get("href"):
            tag["href"] = target(tag["href"], name, names, site)
            if not tag["href"]:
                del tag["href"]
    found["id"] = f"{name}--"
    return found


def target(href: str, name: str, names: list[str], site: str) -> str:
    """Where a link of page ``name`` leads in the whole book; "" for nowhere."""
    parts = urlsplit(href)
    if parts.scheme or parts.netloc:
        return href
    page = parts.path.removesuffix(".html") if parts.path else name
    if page in names:
        return f"#{page}--{parts.fragment}"
    # A download or a picture: on the site, if there is one.
    return urljoin(site, href) if site else ""


def contents(page: Tag) -> str:
    """A page's title and sections, as an item of the list of contents."""

    def entry(heading: Tag) -> str:
        section = heading.find_parent("section") or page  # the index has none
        return (
            f'<a href="#{section["id"]}">{heading.get_text()}'
            f'<span class="number" data-section="{section["id"]}"></span></a>'
        )

    headings = [part for part in page.find_all("h2") if part.find_parent("section")]
    sections = "".join(f"<li>{entry(heading)}</li>" for heading in headings)
    return f"<li>{entry(page.h1)}<ul>{sections}</ul></li>"


# --- on paper -------------------------------------------------------------------


def print_document(playwright: Playwright, source: Path, path: Path) -> None:
    browser = open_browser(playwright)
    page = browser.new_page(color_scheme="light", reduced_motion="reduce", offline=True)
    page.set_default_timeout(300_000)
    page.goto(source.as_uri(), wait_until="load")
    if missing := page.evaluate(PREPARE):
        raise RuntimeError(f"would be missing on paper: {'; '.join(missing)}")
    options = dict(prefer_css_page_size=True, print_background=True)
    # Twice: the first shows which section is on which page.
    page.pdf(path=path, **options)
    page.evaluate(FILL, page_numbers(path))
    page.pdf(path=path, tagged=True, outline=True, **options)
    title = page.title()
    browser.close()
    writer = PdfWriter(clone_from=path)
    for item in outline_items(writer):
        item[NameObject("/Title")] = TextStringObject(once(item["/Title"]))
    writer.add_metadata({"/Title": title, "/Author": AUTHOR})
    writer.page_mode = "/UseOutlines"
    writer.create_viewer_preferences().display_doctitle = True
    writer.write(path)


def outline_items(writer: PdfWriter) -> Iterator[DictionaryObject]:
    """Every entry of the outline, in order."""
    waiting = [writer.root_object["/Outlines"].get("/First")]
    while waiting:
        if (reference := waiting.pop()) is not None:
            item = reference.get_object()
            yield item
            waiting += [item.get("/Next"), item.get("/First")]


def once(title: str) -> str:
    """Chromium writes a title twice when a page begins with it."""
    first, second = title[: len(title) // 2], title[len(title) // 2 :]
    return first if first == second else title


def page_numbers(path: Path) -> dict[str, int]:
    """The page, counted from 1, of each place that a link leads to."""
    reader = PdfReader(path)
    return {
        name.lstrip("/"): reader.get_destination_page_number(place) + 1
        for name, place in reader.named_destinations.items()
    }


def open_browser(playwright: Playwright) -> Browser:
    """An installed browser, or Playwright's own."""
    for executable in (*filter(None, map(shutil.which, BROWSERS)), None):
        try:
            return playwright.chromium.launch(executable_path=executable, args=OPTIONS)
        except Error:
            continue
    raise RuntimeError(
        "no browser to print with: install Chromium or Chrome, or run "
        "`playwright install chromium`"
    )
