"""Finding things: glossary, index, bibliography, search, syllabus, status, site map."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from html import unescape
from urllib.parse import unquote

import pytest
import yaml
from books import ROOT, TinyBook, built_book

BOOK = ROOT / "book"
PAGES = sorted(BOOK.rglob("*.md"))
TERM = re.compile(r"\{term\}`([^`]+)`")
# Printed before there were DOIs, and not on a page of its publisher.
WITHOUT_ADDRESS = {"miyasawa1961", "wiener1949"}


def reading_order() -> list[str]:
    toc = yaml.safe_load((BOOK / "_toc.yml").read_text(encoding="utf-8"))

    def below(entries: list[dict]) -> Iterator[str]:
        for entry in entries:
            yield entry["file"]
            yield from below(entry.get("sections", []))

    return [
        toc["root"],
        *(file for part in toc["parts"] for file in below(part["chapters"])),
    ]


def chapters() -> list[str]:
    """The pages with an exercise, in reading order."""
    return [file for file in reading_order() if (ROOT / "exercises" / file).exists()]


def source(name: str) -> str:
    return (BOOK / f"{name}.md").read_text(encoding="utf-8")


def squeezed(text: str) -> str:
    return " ".join(text.split())


# --- glossary ---------------------------------------------------------------------


def glossary_entries() -> list[list[str]]:
    """The names of each entry, in the order of the file."""
    body = source("glossary").split(":::{glossary}\n")[1].split("\n:::")[0]
    return [
        [line.split(" : ")[0] for line in entry.splitlines() if line[0] != " "]
        for entry in body.split("\n\n")
    ]


def term_links(name: str) -> list[tuple[int, str, str]]:
    """Where a page links a term, the words that it uses, and the term."""
    found = []
    for match in TERM.finditer(source(name)):
        words, _, target = squeezed(match[1]).partition(" <")
        found.append((match.start(), words, target.rstrip(">") or words))
    return found


def test_glossary_is_sorted():
    def key(name: str) -> str:
        return name.casefold().replace("β", "beta").replace("é", "e")

    names = [names[0] for names in glossary_entries()]
    assert names == sorted(names, key=key)
    assert len(names) > 60


def test_every_term_is_used_in_a_chapter():
    used = {
        target.casefold() for name in chapters() for _, _, target in term_links(name)
    }
    for names in glossary_entries():
        assert used & {name.casefold() for name in names}, f"no chapter uses {names}"


@pytest.mark.parametrize("name", chapters())
def test_chapter_links_a_term_once_and_where_it_comes_first(name):
    entries = {
        alias.casefold(): names[0] for names in glossary_entries() for alias in names
    }
    links = term_links(name)
    assert len(links) >= 10
    linked = [entries[target.casefold()] for _, _, target in links]
    assert len(linked) == len(set(linked)), "a term is linked twice"
    prose = running_prose(source(name))
    for start, words, target in links:
        pattern = (
            r"(?<![\w-])" + r"\s+".join(map(re.escape, words.split())) + r"(?![\w-])"
        )
        for match in re.finditer(pattern, prose[:start], flags=re.IGNORECASE):
            # "PCA" in "probabilistic PCA", which has an entry of its own
            longer = any(
                other != target
                and words.casefold() in other.casefold()
                and other.casefold()
                in squeezed(prose[match.start() - 30 :][:90]).casefold()
                for other in entries
            )
            assert longer, f"{name}: {words!r} comes before its link"


def running_prose(text: str) -> str:
    """The text with all else blanked out, at the same places."""
    patterns = [
        r"\A---\n.*?\n---\n",  # front matter
        r"^(`{3,}).*?^\1",  # code, figures
        r"^(:{3,})\{(?:dropdown|admonition\} (?:What you|Predict)).*?^\1$",
        r"^\$\$.*?^\$\$.*?$",
        r"^(?:#|\||:::|:\w|>).*?$",  # headings, tables, directives, quotations
        r"\*\*What it costs.*?\n\n",
        r"\{[\w:-]+\}`[^`]*`",  # roles
        r"\[[^\]]*\]\([^)]*\)",  # links
        r"`[^`\n]*`",
        r"\$(?:(?!\n\n)[^$])*\$",
    ]
    for pattern in patterns:
        text = re.sub(
            pattern,
            lambda match: re.sub(r"[^\n]", "\0", match[0]),
            text,
            flags=re.MULTILINE | re.DOTALL if "*?" in pattern else re.MULTILINE,
        )
    return text


def test_no_link_in_a_heading():
    for page in PAGES:
        for line in page.read_text(encoding="utf-8").splitlines():
            assert not (line.startswith("#") and "{term}" in line), (page.name, line)


def test_glossary_says_where_a_term_is_used():
    text = (built_book() / "glossary.html").read_text(encoding="utf-8")
    entry = text.partition('id="term-posterior-collapse"')[2].partition("<dt")[0]
    assert "<strong><a" in entry
    target = re.search(r'href="(vae-limits\.html)#(use-posterior-collapse)"', entry)
    assert f'id="{target[2]}"' in (built_book() / target[1]).read_text(encoding="utf-8")


def test_index_names_chapters_and_every_link_in_it_leads_somewhere():
    text = (built_book() / "genindex.html").read_text(encoding="utf-8")
    body = text.partition("<article")[2].partition("</article")[0]
    assert ">The VAE’s limits</" in body
    assert ">[1]<" not in body
    pages: dict[str, str] = {}
    links = re.findall(r'href="([\w-]+\.html)#([^"]+)"', body)
    assert len(links) > 300
    for page, anchor in links:
        content = pages.setdefault(page, (built_book() / page).read_text("utf-8"))
        assert f'id="{unquote(anchor)}"' in content, f"{page}#{anchor}"


# --- bibliography -----------------------------------------------------------------


def bibliography() -> dict[str, str]:
    text = (BOOK / "references.bib").read_text(encoding="utf-8")
    entries = re.findall(r"^@\w+\{([^,]+),(.*?)^\}", text, flags=re.M | re.S)
    keys = [key for key, _ in entries]
    assert len(keys) == len(set(keys)) and keys == sorted(keys)
    return dict(entries)


def test_every_entry_is_cited_and_every_citation_has_an_entry():
    cited = set()
    for page in PAGES:
        for match in re.finditer(r"\{cite:\w+\}`([^`]+)`", page.read_text("utf-8")):
            cited |= {key.strip() for key in match[1].split(",")}
    assert cited == set(bibliography())


def test_entries_have_a_doi_or_an_address_and_dois_are_well_formed():
    for key, fields in bibliography().items():
        doi = re.search(r"^  doi = \{(.*?)\},?$", fields, flags=re.M)
        url = re.search(r"^  url = \{(https?://\S+)\},?$", fields, flags=re.M)
        assert doi or url or key in WITHOUT_ADDRESS, f"{key}: neither DOI nor URL"
        if doi:
            assert re.fullmatch(r"10\.\d{4,9}/[^\s{}]+", doi[1]), f"{key}: {doi[1]}"
        if doi and "arxiv" in doi[1].lower():
            assert re.fullmatch(r"10\.48550/arXiv\.\d{4}\.\d{4,5}", doi[1]), doi[1]


def test_dois_are_links():
    text = unescape((built_book() / "bibliography.html").read_text(encoding="utf-8"))
    for key, fields in bibliography().items():
        if doi := re.search(r"^  doi = \{(.*?)\}", fields, flags=re.M):
            assert f'href="https://doi.org/{doi[1]}"' in unquote(text), key


# --- what a page says of itself, and where it leads -------------------------------


def test_descriptions_fit_and_differ():
    descriptions = {}
    for page in PAGES:
        head = yaml.safe_load(page.read_text(encoding="utf-8").split("---\n")[1])
        descriptions[page.name] = head["myst"]["html_meta"]["description"]
    for name, text in descriptions.items():
        assert 70 <= len(text) <= 160, f"{name}: {len(text)} characters"
    assert len(set(descriptions.values())) == len(descriptions)


def test_next_and_previous_follow_the_table_of_contents():
    order = reading_order()
    order.remove("genindex")  # which Sphinx writes, without such links
    for name, following in itertools.pairwise(order):
        page = (built_book() / f"{name}.html").read_text(encoding="utf-8")
        foot = page.partition('class="prev-next-area"')[2]
        assert re.search(
            rf'class="right-next"\s+href="[./]*{following}\.html"', foot
        ), name
        page = (built_book() / f"{following}.html").read_text(encoding="utf-8")
        foot = page.partition('class="prev-next-area"')[2]
        assert re.search(rf'class="left-prev"\s+href="[./]*{name}\.html"', foot), (
            following
        )


# --- syllabus, status, site map: on a tiny book -----------------------------------

GLOSSARY = """\
---
myst: {html_meta: {description: The terms of a tiny book.}}
---
# Glossary

:::{glossary}
code
CD
  What an encoder makes.
:::
"""

STATUS = """\
---
myst: {html_meta: {description: What was executed.}}
---
# Status

```{course-overview}
```

```{chapter-facts} chapter
Nothing at all.
```

```{course-path}
first: chapter
```

```{execution-status}
```

```{recorded-experiments}
```
"""

CHAPTER = """\
---
jupytext: {text_representation: {format_name: myst}}
kernelspec: {display_name: Python 3, name: python3}
myst: {html_meta: {description: What one learns here.}}
---
# A chapter

It takes {reading-time}`all`. The **{term}`code`** is short.

```{code-cell} ipython3
import time
from latentspaces import load
print(load("sweep")["data"])
```
"""

RESULT = {
    "data": "real",
    "seeds": [0, 1, 2],
    "date": "2025-01-31",
    "versions": {"torch": "2.9.0"},
}
ADDRESS = {"GITHUB_REPOSITORY": "Some-One/tiny"}
CELLS = [
    {"metadata": {"nbgrader": {"grade": grade, "points": 4}}} for grade in (0, 1, 1)
]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> TinyBook:
    book = TinyBook.create(tmp_path_factory.mktemp("finding"))
    book.write("book/chapter.md", CHAPTER)
    book.write("book/status.md", STATUS)
    book.write("book/glossary.md", GLOSSARY)
    book.replace("book/index.md", " and {ref}`the second section <second>`", "")
    book.write("exercises/chapter/chapter.ipynb", json.dumps({"cells": CELLS}))
    book.write("latentspaces/results/sweep.json", json.dumps(RESULT))
    toc = (book.root / "book" / "_toc.yml").read_text(encoding="utf-8")
    book.write("book/_toc.yml", f"{toc}- file: glossary\n- file: status\n")
    result = book.build(**ADDRESS)
    assert result.returncode == 0, result.stdout
    return book


def words(page: str) -> str:
    body = page.partition("<article")[2].partition("</article")[0]
    return squeezed(unescape(re.sub(r"<[^>]+>", " ", body)))


def test_syllabus_and_status_are_computed(tiny):
    page = tiny.read("html/status.html")
    text = words(page)
    assert "What one learns here." in text
    assert "Presupposes : Nothing at all." in text
    assert "2 questions, 8 points" in text
    assert "Fashion-MNIST (real data)" in text
    assert "sweep A chapter real 3 2025-01-31 2.9.0" in text
    assert 'href="notebooks/chapter.ipynb"' in page
    assert re.search(r'href="_downloads/\w+/chapter\.ipynb"', page)
    assert "https://colab.research.google.com/github/Some-One/tiny/blob/" in page
    assert "It takes 5 minutes ." in words(tiny.read("html/chapter.html"))


def test_status_follows_an_execution_and_keeps_it_from_the_cache(tiny):
    before = shown_seconds(tiny)
    longer = f"import time; time.sleep({before + 3})\n"  # even where before was busy
    tiny.replace("book/chapter.md", "import time\n", longer)
    result = tiny.build(**ADDRESS)
    executed = re.search(r"chapter executed in (\d+) s", result.stdout)
    assert shown_seconds(tiny) == int(executed[1]) != before
    # And back: the page and its time come from the cache.
    tiny.replace("book/chapter.md", longer, "import time\n")
    result = tiny.build(**ADDRESS)
    assert "chapter from the cache" in result.stdout
    assert shown_seconds(tiny) == before


def test_glossary_and_index_follow_the_chapters(tiny):
    before = tiny.read("html/glossary.html"), tiny.read("html/genindex.html")
    assert all("chapter.html#use-code" in page for page in before)
    assert "<strong><a" in before[0].partition('class="term-uses"')[2]
    tiny.replace("book/chapter.md", "The **{term}`code`** is short.", "Nothing.")
    assert tiny.build(**ADDRESS).returncode == 0
    after = tiny.read("html/glossary.html"), tiny.read("html/genindex.html")
    assert not any("chapter.html#use-code" in page for page in after)
    tiny.replace("book/chapter.md", "Nothing.", "The **{term}`code`** is short.")
    assert tiny.build(**ADDRESS).returncode == 0


def shown_seconds(book: TinyBook) -> int:
    text = words(book.read("html/status.html"))
    return int(re.search(r"A chapter \d{4}-\d\d-\d\d (\d+) s succeeded", text)[1])


def test_site_map_has_every_page_at_the_sites_address(tiny):
    site = "https://some-one.github.io/tiny/"
    found = re.findall("<loc>(.*?)</loc>", tiny.read("html/sitemap.xml"))
    names = ("index", "chapter", "glossary", "status")
    assert found == [f"{site}{name}.html" for name in names]
    for name in names:
        page = tiny.read(f"html/{name}.html")
        assert f'<link rel="canonical" href="{site}{name}.html"' in page
        assert f'<meta property="og:url" content="{site}{name}.html"' in page
    page = tiny.read("html/chapter.html")
    assert '<meta property="og:title" content="A chapter"' in page
    assert '<meta property="og:description" content="What one learns here."' in page
    image = re.search(rf'property="og:image" content="{site}(.*?)"', page)[1]
    assert (tiny.root / "_build" / "html" / image).exists()
    assert 'name="robots" content="noindex"' in tiny.read("html/search.html")


def test_without_an_address_there_is_none(tiny):
    assert tiny.build().returncode == 0
    assert not (tiny.root / "_build" / "html" / "sitemap.xml").exists()
    text = tiny.read("html/chapter.html")
    assert 'rel="canonical"' not in text
    assert "og:url" not in text and "og:image" not in text
    assert tiny.build(**ADDRESS).returncode == 0


def test_unknown_chapter_is_named(tiny):
    tiny.replace("book/status.md", "first: chapter", "first: chaptre")
    result = tiny.build(**ADDRESS)
    tiny.replace("book/status.md", "first: chaptre", "first: chapter")
    assert result.returncode and "no chapter 'chaptre'" in result.stdout


# --- search -----------------------------------------------------------------------

SEARCHES = {
    "reparameterisation": "vae.html",
    "reparameterization": "vae.html",
    "ELBO": "vae.html",
    "evidence lower bound": "vae.html",
    "Fréchet": "gan.html",
    "frechet distance": "gan.html",
    "posterior collapse": "vae-limits.html",
    "Muon": "autoencoder.html",
    "normalization": "manifold-learning.html",
    "t-SNE": "manifold-learning.html",
    "Kullback-Leibler": "four-lenses.html",
    "AUROC": "anomaly-detection.html",
    "Tweedie": "denoising.html",
    "GAN": "gan.html",
    "VAE": "vae.html",
    "notation": "notation.html",
    "LATENTSPACES_DATA": "data.html",
}


@pytest.mark.parametrize("width", [1280, 390])
def test_search_from_a_disk_finds_the_right_chapter_first(browser, width):
    context = browser.new_context(
        viewport={"width": width, "height": 900}, offline=True, color_scheme="dark"
    )
    page = context.new_page()
    complaints = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "console",
        lambda message: message.type == "error" and complaints.append(message.text),
    )
    for query, expected in SEARCHES.items():
        page.goto((built_book() / "search.html").as_uri() + f"?q={query}")
        page.wait_for_selector("#search-results ul.search > li")
        first = page.locator("#search-results ul.search > li a").first
        assert first.get_attribute("href").partition("#")[0] == expected, query
        assert len(page.locator("#search-results .context").first.inner_text()) > 40
        assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth")
        # It leads to a place that is there.
        path, _, anchor = first.get_attribute("href").partition("#")
        if anchor:
            content = (built_book() / path).read_text(encoding="utf-8")
            assert f'id="{unquote(anchor)}"' in content
    context.close()
    assert not complaints, complaints


def test_search_by_keyboard_and_without_a_result(browser):
    context = browser.new_context(offline=True)
    page = context.new_page()
    page.goto((built_book() / "vae.html").as_uri())
    page.keyboard.press("Control+k")
    page.keyboard.type("posterior collapse")
    page.keyboard.press("Enter")
    page.wait_for_selector("#search-results mark")
    assert page.locator("#search-results mark").first.inner_text() == "Posterior"
    page.goto((built_book() / "search.html").as_uri() + "?q=<b>xyzzy</b>")
    status = page.locator("#search-results [role=status]").inner_text()
    assert "No page has “<b>xyzzy</b>”" in status
    context.close()
