"""book/build.py and the extension book/_ext/coursebook, on a tiny book."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
from pathlib import Path

import pytest
from books import ROOT, TinyBook


@pytest.fixture(scope="module")
def book(tmp_path_factory) -> TinyBook:
    """A built tiny book; the tests below build it again, in any order."""
    tiny = TinyBook.create(tmp_path_factory.mktemp("tiny"))
    result = tiny.build()
    assert result.returncode == 0, result.stdout
    assert "chapter executed in" in result.stdout
    return tiny


@pytest.fixture
def build_script():
    """book/build.py as a module."""
    path = ROOT / "book" / "build.py"
    spec = importlib.util.spec_from_file_location("build_script", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_second_build_executes_and_reads_nothing(book):
    assert book.build().returncode == 0
    again = book.build()
    assert again.returncode == 0
    assert "executed" not in again.stdout
    assert re.search(
        r"book: built in .* file:///.*/_build/html/index.html", again.stdout
    )


def test_change_in_the_library_changes_the_page(book):
    book.replace("latentspaces/__init__.py", "hello from", "changed in")
    result = book.build()
    assert "chapter executed in" in result.stdout
    assert "changed in the library" in book.read("html/chapter.html")
    # And back: now the earlier cache serves.
    book.replace("latentspaces/__init__.py", "changed in", "hello from")
    result = book.build()
    assert "chapter from the cache" in result.stdout
    assert "hello from the library" in book.read("html/chapter.html")


@pytest.mark.parametrize(
    "name", ["module.py", "results/sweep.json", "checkpoints/model.safetensors"]
)
def test_every_file_of_the_library_counts(build_script, tmp_path, monkeypatch, name):
    monkeypatch.setattr(build_script, "ROOT", tmp_path)
    path = tmp_path / "latentspaces" / name
    path.parent.mkdir(parents=True)
    digests = set()
    for content in ("one", "two"):
        path.write_text(content)
        for source in ("real", "drawn"):
            digests.add(build_script.execution_digest({"fashion_mnist": source}))
    assert len(digests) == 4


def test_pages_say_which_data_they_were_made_with(book):
    result = book.build(TINY_SOURCE="drawn")
    assert "chapter executed in" in result.stdout
    chapter, front = book.read("html/chapter.html"), book.read("html/index.html")
    assert "drawn garments (drawn stand-in for Fashion-MNIST)" in chapter
    # The chapter's table was recorded on real data: that must be said beside it.
    assert "Recorded experiments: real data." in chapter
    for page in (chapter, front):
        assert "built without Fashion-MNIST and ECG5000" in page
    assert book.build().returncode == 0
    chapter, front = book.read("html/chapter.html"), book.read("html/index.html")
    assert "Executed on: Fashion-MNIST (real data)." in chapter
    assert "Executed on" not in front
    assert "drawn" not in chapter + front


def test_old_execution_caches_are_pruned(build_script, tmp_path, monkeypatch):
    monkeypatch.setattr(build_script, "CACHES", tmp_path)
    for age, name in enumerate(["current", "recent", "old", "older"]):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (1_000_000 - age, 1_000_000 - age))
    build_script.prune_caches(keep=tmp_path / "old")
    assert {path.name for path in tmp_path.iterdir()} == {"old", "current"}


def test_change_of_the_style_sheet_reaches_the_page(book):
    path = book.root / "book" / "_static" / "book.css"
    path.write_text(path.read_text() + "\n/* a new rule */\n")
    assert book.build().returncode == 0
    assert "a new rule" in book.read("html/_static/book.css")


def test_failing_cell_fails_every_build_with_its_traceback(book):
    book.replace("book/chapter.md", "answer = 6 * 7", "answer = 6 / 0")
    for _ in range(2):
        result = book.build()
        assert result.returncode == 1
        assert "chapter FAILED (CellExecutionError)" in result.stdout
        message = re.sub(r"\x1b\[[\d;]*m", "", result.stdout)  # without colours
        assert "ZeroDivisionError: division by zero" in message
        assert "answer = 6 / 0" in message
        assert "book: built" not in result.stdout
    book.replace("book/chapter.md", "answer = 6 / 0", "answer = 6 * 7")
    assert book.build().returncode == 0


def test_page_that_a_reader_cannot_use_fails_every_build(book):
    good = (book.root / "book" / "index.md").read_text()
    book.write(
        "book/index.md",
        "# Tiny book\n\n### Too deep\n\n![](_static/mark.svg)\n\n{ref}`nowhere`\n",
    )
    for _ in range(2):
        result = book.build()
        assert result.returncode == 1
        assert "image without alt text: _images/mark.svg" in result.stdout
        assert "no description" in result.stdout
        assert "undefined label: 'nowhere'" in result.stdout
        assert re.search(r"H1 to H3|heading h3 follows h1", result.stdout)
    book.write("book/index.md", good)
    assert book.build().returncode == 0


def test_no_button_leads_nowhere_without_a_repository(book):
    assert book.build().returncode == 0
    chapter = book.read("html/chapter.html")
    assert 'href="notebooks/chapter.ipynb"' in chapter
    assert not re.search(r"github\.com|colab|mybinder", chapter)
    assert "notebooks/" not in book.read("html/index.html")


def test_buttons_of_a_fork_lead_to_the_fork(book):
    assert book.build(GITHUB_REPOSITORY="Someone/fork").returncode == 0
    chapter = book.read("html/chapter.html")
    colab = "https://colab.research.google.com/github/Someone/fork/blob/notebooks/"
    assert f"{colab}chapter.ipynb" in chapter
    assert "https://mybinder.org/v2/gh/Someone/fork/notebooks?" in chapter
    assert "https://github.com/Someone/fork/edit/main/book/chapter.md" in chapter
    assert "https://someone.github.io/fork/chapter.html" in chapter
    notebook = book.read("html/notebooks/chapter.ipynb")
    assert "git+https://github.com/Someone/fork" in notebook


@pytest.mark.parametrize(
    ("remote", "expected"),
    [
        ("https://github.com/owner/course.git", "owner/course"),
        ("https://github.com/owner/course", "owner/course"),
        ("git@github.com:owner/my.course.git", "owner/my.course"),
        ("https://example.org/owner/course.git", ""),
        (None, ""),
    ],
)
def test_repository_is_read_from_the_remote(
    build_script, tmp_path, monkeypatch, remote, expected
):
    monkeypatch.delenv("GITHUB_REPOSITORY", raising=False)
    monkeypatch.setattr(build_script, "ROOT", tmp_path)
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    if remote:
        command = ["git", "-C", str(tmp_path), "remote", "add", "origin", remote]
        subprocess.run(command, check=True)
    assert build_script.repository() == expected


def test_pages_load_nothing_from_the_network(book):
    assert book.build(GITHUB_REPOSITORY="someone/fork").returncode == 0
    html = book.root / "_build" / "html"
    for page in html.glob("*.html"):
        text = page.read_text(encoding="utf-8")
        # Nor may a script of the page know such an address, to load it later.
        assert not re.search(r"https?://[^\s\"'<]+\.(?:m?js|css|woff2?)\b", text), page
        loaded = re.findall(
            r"<(?:script|img|iframe|source|link(?! rel=\"canonical\"))\b[^>]*>", text
        )
        assert loaded
        for tag in loaded:
            assert not re.search(r"(?:src|href)=[\"']?(?:https?:)?//", tag), tag
    for style in html.glob("_static/**/*.css"):
        text = style.read_text(encoding="utf-8")
        assert not re.search(r"url\([\"']?(?:https?:)?//|@import [\"']?http", text), (
            style
        )
    for path in referenced_files(html / "chapter.html"):
        assert path.exists(), f"{path} is not in the book"


def referenced_files(page: Path) -> list[Path]:
    """The local files that a page's scripts, styles and images name."""
    tags = re.findall(r"<(?:script|img|link)\b[^>]*>", page.read_text(encoding="utf-8"))
    found = [re.search(r"(?:src|href)=\"([^\"?#]+)", tag) for tag in tags]
    names = [match[1] for match in found if match]
    return [page.parent / name for name in names if not re.match(r"\w+:", name)]
