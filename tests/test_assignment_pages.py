"""A page about an assignment says what the assignment's notebooks say."""

from __future__ import annotations

import json
import re
import shutil
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from books import ROOT, TOC, TinyBook, built_book

from autograder import cli, notebooks
from autograder.course import Course

sys.path.insert(0, str(ROOT / "book" / "_ext"))
from coursebook import assignments

COURSE = Course(ROOT, ROOT)
every_assignment = pytest.mark.parametrize("name", COURSE.assignments)


class Page(HTMLParser):
    """The rows of a page's tables, its links and its ids."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.inside = False
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.ids.add(found.get("id") or "")
        if tag == "a":
            self.links.append(found.get("href") or "")
        if tag == "tr":
            self.rows.append([])
        if tag == "td":
            self.inside = True
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        self.inside = self.inside and tag != "td"

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.rows[-1][-1] += data


@every_assignment
def test_task_says_the_points_that_it_carries(name):
    said = ""
    for cell in notebooks.read(COURSE.exercise(name) / f"{name}.ipynb").cells:
        if cell.cell_type == "markdown" and not notebooks.is_answer(cell):
            found = re.search(r"^\*(\d+) points?\b", cell.source, re.MULTILINE)
            said = found[1] if found else said
        if notebooks.is_graded(cell):
            points = notebooks.role(cell)["points"]
            assert said == str(points), f"{cell['id']}: {points}, the task says {said}"


@every_assignment
def test_page_lists_the_questions_and_links_to_sections_that_exist(name):
    html = built_book()
    page = Page(html / f"assignment-{name}.html")
    asked = notebooks.questions(notebooks.read(COURSE.exercise(name) / f"{name}.ipynb"))
    points = [
        int(number)
        for row in page.rows
        if len(row) == 4
        for number in re.findall(r"\d+", row[1])
    ]
    assert points == [question.points for question in asked]
    chapter = Page(html / f"{name}.html")
    sections = [link for link in page.links if link.startswith(f"{name}.html#")]
    assert len(sections) >= 5
    for link in sections:
        assert link.partition("#")[2] in chapter.ids
    assert any(f"assignment-{name}.html" in link for link in chapter.links)
    assert any(link.endswith(f"/{name}.ipynb") for link in page.links)


def test_landing_page_names_the_limits_that_grading_has():
    text = (built_book() / "assignments.html").read_text(encoding="utf-8")
    limits = cli.parse(["grade", "NAME", "FOLDER"])
    for words in (f"{limits.timeout} seconds", f"{limits.memory:g} GB"):
        assert words in re.sub(r"\s+", " ", text)


def copy(name: str, root: Path, change: tuple[str, str] = ("", "")) -> None:
    """Copy an assignment under the name ``chapter``, with one change to its text."""
    for kind in assignments.KINDS:
        target = root / kind / "chapter" / "chapter.ipynb"
        target.parent.mkdir(parents=True, exist_ok=True)
        text = (ROOT / kind / name / f"{name}.ipynb").read_text(encoding="utf-8")
        assert change[0] in text
        target.write_text(text.replace(*change), encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("| 6 | 7 |", "| 7 | 7 |", "gives question 1 7 points, its cells do not"),
        ("| 5 Draw from", "| Draw from", "misses a question"),
        ("**After this", "**Before this", "lacks"),
    ],
)
def test_table_that_contradicts_the_cells_is_refused(tmp_path, old, new, complaint):
    copy("four-lenses", tmp_path, (old, new))
    with pytest.raises(ValueError, match=complaint):
        assignments.read(tmp_path, "chapter")


PAGE = """\
---
myst:
  html_meta:
    description: An assignment.
---
# Assignment

```{assignment-facts} chapter
```

```{assignment-questions} chapter
1: Second section
2: Second section
3: Second section
4: Second section
5: Second section
6: Second section
7: Second section
```
"""


def test_link_leads_to_the_fork_and_a_section_that_is_gone_fails_the_build(tmp_path):
    book = TinyBook.create(tmp_path)
    copy("four-lenses", tmp_path)
    times = json.dumps({"made": {"torch": "2"}, "seconds": {"chapter": 2.4}})
    book.write("book/timings.json", times)
    book.write("book/assignment.md", PAGE)
    book.write("book/_toc.yml", f"{TOC}- file: assignment\n")
    result = book.build(GITHUB_REPOSITORY="someone/fork")
    assert result.returncode == 0, result.stdout
    page = book.read("html/assignment.html")
    assert (
        "https://colab.research.google.com/github/someone/fork/blob/main/"
        "exercises/chapter/chapter.ipynb" in page
    )
    assert "2 seconds of one processor core" in re.sub(r"\s+", " ", page)
    book.replace("book/assignment.md", "7: Second section", "7: A section")
    result = book.build()
    assert result.returncode == 1
    assert "chapter has no section 'A section'" in result.stdout
    shutil.rmtree(tmp_path / "exercises")
    assert "no assignment of this name" in book.build().stdout
