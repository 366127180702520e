"""The whole book as one PDF: nothing that the pages have is missing from it.

The formulas and pictures of the real book take a while to print, so its PDF is made by
the publishing workflow (`make pdf`, which fails where one of them would be missing);
here the machinery prints a tiny book that has one of everything.
"""

from __future__ import annotations

import re
import sys

import pytest
from books import ROOT, TinyBook, built_book
from browser import launch
from playwright.sync_api import sync_playwright
from pypdf import PdfReader

sys.path.insert(0, str(ROOT / "book"))
import pdf

# The tiny book's picture is cut short, which nobody else minds. This one is whole.
DOT = "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"


@pytest.fixture(scope="module")
def book(tmp_path_factory) -> TinyBook:
    with sync_playwright() as playwright:
        launch(playwright).close()  # or skip
    tiny = TinyBook.create(tmp_path_factory.mktemp("tiny"))
    tiny.replace("book/chapter.md", "R0lGODlhAQABAAAAACw=", DOT)
    result = tiny.build("--pdf")
    assert result.returncode == 0, result.stdout
    return tiny


@pytest.fixture(scope="module")
def printed(book) -> PdfReader:
    return PdfReader(book.root / "_build" / "html" / "latent-spaces.pdf")


def text_of(reader: PdfReader) -> str:
    return re.sub(r"\s+", " ", " ".join(page.extract_text() for page in reader.pages))


def titles(outline: list) -> list[str]:
    return [
        title
        for item in outline
        for title in (titles(item) if isinstance(item, list) else [item.title])
    ]


def test_every_section_is_in_the_text_and_in_the_outline(printed):
    text = text_of(printed)
    for title in ("Tiny book", "A chapter with one of everything", "Second section"):
        assert title in text
        assert title in titles(printed.outline)


def test_what_is_folded_on_the_screen_is_printed(printed):
    text = text_of(printed)
    assert "a nested note." in text  # in a dropdown
    assert "hidden = answer + 1" in text  # code behind a button
    assert "One." in text and "Two." in text  # both tabs
    assert "hello from the library" in text  # an output


def test_one_page_prints_whole_and_light_and_is_then_as_it_was(book, tmp_path):
    with sync_playwright() as playwright:
        browser = launch(playwright)
        page = browser.new_page(color_scheme="dark", offline=True)
        page.goto((book.root / "_build" / "html" / "chapter.html").as_uri())
        page.evaluate("MathJax.startup.promise")
        closed = page.locator("details:not([open])").count()
        page.evaluate(
            """addEventListener("beforeprint", () => {
                 window.printed = document.documentElement.dataset.theme; })"""
        )
        page.pdf(path=tmp_path / "page.pdf")
        assert page.evaluate("window.printed") == "light"
        assert page.evaluate("document.documentElement.dataset.theme") == "dark"
        assert page.locator("details:not([open])").count() == closed > 0
        browser.close()
    text = text_of(PdfReader(tmp_path / "page.pdf"))
    for part in ("a nested note.", "hidden = answer + 1", "One.", "Two."):
        assert part in text
    assert "Search" not in text
    assert text.count("A chapter with one of everything") == 1


def test_text_for_screen_readers_is_not_printed(printed):
    # MathML for screen readers has letters; on paper formulas are drawn.
    assert "𝜃" not in text_of(printed)
    assert "Hide code cell" not in text_of(printed)


def test_pictures_are_there(printed):
    # The mark is drawn in lines; the cell's output is an image of pixels.
    assert sum(len(page.images) for page in printed.pages) >= 1


def test_pages_are_numbered_and_the_contents_lead_to_them(printed):
    text = text_of(printed)
    chapter = next(
        number
        for number, page in enumerate(printed.pages, start=1)
        if "The answer is 42.0" in re.sub(r"\s+", " ", page.extract_text())
    )
    assert f"A chapter with one of everything{chapter}" in text.replace(
        "everything ", "everything"
    )
    assert printed.pages[chapter - 1].extract_text().strip().startswith(str(chapter))


def test_links_between_pages_lead_to_places_in_the_book(printed):
    places = set(printed.named_destinations)
    inner = outer = 0
    for page in printed.pages:
        for annotation in page.get("/Annots") or []:
            link = annotation.get_object()
            if "/Dest" in link:
                assert str(link["/Dest"]) in places
                inner += 1
            elif "/A" in link:
                assert link["/A"]["/URI"].startswith("http")
                outer += 1
    assert inner >= 5


def test_it_is_tagged_and_says_what_it_is(printed):
    root = printed.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"]
    assert "/StructTreeRoot" in root
    assert root["/Lang"] == "en"
    assert printed.metadata.title.startswith("Latent Spaces")
    assert printed.metadata.author


def test_pages_link_to_it_only_where_it_exists(book):
    html = book.root / "_build" / "html"
    assert 'href="latent-spaces.pdf"' in book.read("html/chapter.html")
    assert book.build().returncode == 0
    assert "latent-spaces.pdf" not in book.read("html/chapter.html")
    assert not (html / "latent-spaces.pdf").exists()


def test_a_missing_picture_is_an_error(book, tmp_path):
    html = tmp_path / "html"
    html.mkdir()
    page = book.read("html/index.html").replace("_static", "_nowhere")
    page = page.replace("</article>", '<img src="gone.png" alt="x"></article>')
    (html / "index.html").write_text(page, encoding="utf-8")
    toc = tmp_path / "_toc.yml"
    toc.write_text("format: jb-book\nroot: index\n")
    with pytest.raises(RuntimeError, match=r"missing on paper.*gone\.png"):
        pdf.write_pdf(html, toc, tmp_path / "book.pdf")


def test_the_document_has_all_of_the_real_book():
    import yaml

    toc = yaml.safe_load((ROOT / "book" / "_toc.yml").read_text(encoding="utf-8"))
    html = built_book()
    names = list(pdf.docnames(toc))
    whole = pdf.BeautifulSoup(pdf.whole_book(html, names), "html.parser")
    for name in names:
        page = pdf.BeautifulSoup(
            (html / f"{name}.html").read_text("utf-8"), "html.parser"
        )
        before, after = page.article, whole.find(id=f"{name}--")
        for kind in (
            "h1",
            "h2",
            "h3",
            "img",
            "table",
            "pre",
            ".math",
            "details",
            "figure",
        ):
            assert len(after.select(kind)) == len(before.select(kind)), (name, kind)
    # Names are unique, and every link inside leads to one.
    ids = [tag["id"] for tag in whole.find_all(id=True)]
    assert len(ids) == len(set(ids))
    for link in whole.select('a[href^="#"]'):
        assert link["href"][1:] in ids, link["href"]
