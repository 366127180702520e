"""The notebooks that Colab, Binder and the download buttons lead to."""

from __future__ import annotations

import re
import sys

import nbformat
import pytest
from books import ROOT, TinyBook, built_book
from markdown_it import MarkdownIt
from nbclient import NotebookClient

# Directives, roles, labels, comments and front matter of MyST.
MYST = re.compile(r":::|```\{|\{[\w:-]+\}`|^\([\w-]+\)=|^\+\+\+|^%|^---\n\w", re.M)


@pytest.fixture(scope="module")
def book(tmp_path_factory) -> TinyBook:
    tiny = TinyBook.create(tmp_path_factory.mktemp("notebooks"))
    result = tiny.build(GITHUB_REPOSITORY="someone/fork")
    assert result.returncode == 0, result.stdout
    return tiny


@pytest.fixture(scope="module")
def notebook(book):
    return nbformat.reads(book.read("html/notebooks/chapter.ipynb"), as_version=4)


@pytest.fixture(scope="module")
def text(notebook) -> str:
    cells = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    return "\n\n".join(cells)


@pytest.fixture(scope="module")
def writer():
    sys.path.insert(0, str(ROOT / "book" / "_ext"))
    try:
        from coursebook import markdown
    finally:
        sys.path.pop(0)
    return markdown


def test_notebook_runs_from_top_to_bottom(book, notebook, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(book.root))
    run = NotebookClient(nbformat.from_dict(notebook), timeout=60).execute()
    outputs = "".join(str(cell.outputs) for cell in run.cells if "outputs" in cell)
    assert "hello from the library" in outputs
    assert "hidden is 43" in outputs
    # What the course does not install must not be needed.
    assert "myst_nb" not in "".join(cell.source for cell in run.cells)


def test_notebook_is_valid_and_carries_no_output(notebook):
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and not cell.metadata for cell in code)
    assert notebook.metadata.kernelspec.name == "python3"


def test_no_myst_is_left(text):
    assert not MYST.search(text), MYST.search(text)


def test_first_code_cell_installs_the_course_from_the_fork(notebook):
    first = next(cell for cell in notebook.cells if cell.cell_type == "code")
    assert '["git+https://github.com/someone/fork"]' in first.source
    assert 'find_spec("latentspaces") is None' in first.source


def test_code_hidden_in_the_page_is_kept(notebook):
    code = "\n".join(c.source for c in notebook.cells if c.cell_type == "code")
    assert "answer = 6 * 7" in code
    assert "hidden = answer + 1" in code
    assert 'print("hidden is", hidden)' in code
    assert "not_executed" not in code
    # What it hands to the text is not: there is no text left to take it.
    assert "quote(" not in code


@pytest.mark.parametrize(
    "expected",
    [
        "The answer is 42.0;",  # {glue:text}
        "Pearson [1901] knew",  # {cite:t}
        "(https://someone.github.io/fork/index.html)",  # a link to another page
        # {eq}, {numref}, {ref}
        "Equation (1), Figure 1, Table 1 and *Second section*.",
        r"\end{aligned} \tag{1}",
        r"\hat{x} = f_\theta(g_\phi(x)) \tag{2}",
        "\\begin{align}\na &= b \\\\\nc &= d\n\\end{align}",
        "![Two triangles](data:image/svg+xml;base64,",
        "**Figure 1.** What to see in the mark.",
        "**Figure 2.** What the cell drew.",
        r"| a \| b | $n$ |",
        "> **You will learn**\n>\n> - to *read* and to **write**,",
        "> - that $a < b$ and `code_with_underscores`.",
        r"A literal $5$ and 5 \* 3 \* 2.",
        "<summary>The derivation of $x$ &amp; more</summary>\n\nInside",
        "> **Note**\n>\n> a nested note.",
        "**Second**\n\nTwo.",
        "**Card title**\n\nCard text.",
        "- **Term**: Its definition.",
        "2. two\n\n   with a second paragraph",
        "```python\nnot_executed = True\n```",
        "[1] A footnote.",
        "*Philosophical Magazine*",  # {bibliography}
    ],
)
def test_directive_becomes_plain_markdown(text, expected):
    assert expected in text


def test_markdown_reads_as_it_was_meant(text):
    html = MarkdownIt("commonmark").enable("table").render(text)
    assert html.count("<h1>") == 1
    assert html.count("<table>") == 1
    assert html.count("<blockquote>") == 3
    assert "<em>read</em>" in html
    assert "$a &lt; b$" in html


def test_unknown_content_is_named_instead_of_lost(writer):
    from docutils import nodes
    from sphinx.errors import ExtensionError

    class Explorer(nodes.General, nodes.Element):
        pass

    markdown = writer.MarkdownWriter(ROOT, lambda uri: "", {})
    with pytest.raises(ExtensionError, match="kind Explorer"):
        markdown.block(Explorer())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5 * 3", r"5 \* 3"),
        ("$5 and <b>", r"\$5 and \<b>"),
        ("latent_map", "latent_map"),
        ("_private and mu_", r"\_private and mu\_"),
        ("a ` tick", r"a \` tick"),
    ],
)
def test_escaped_text_reads_as_itself(writer, text, expected):
    assert writer.escaped(text) == expected
    html = MarkdownIt("commonmark").renderInline(writer.escaped(text))
    shown = html.replace("&lt;", "<").replace("&gt;", ">").replace(r"\$", "$")
    assert shown == text


def test_chapters_of_the_book_become_clean_notebooks():
    paths = sorted((built_book() / "notebooks").glob("*.ipynb"))
    assert paths
    for path in paths:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                found = MYST.search(re.sub(r"```.*?```", "", cell.source, flags=re.S))
                assert not found, f"{path.name}: {found} in {cell.source}"


def test_equations_and_figures_have_the_numbers_of_the_page():
    numbered = 0
    for path in sorted((built_book() / "notebooks").glob("*.ipynb")):
        page = (built_book() / f"{path.stem}.html").read_text(encoding="utf-8")
        cells = nbformat.read(path, as_version=4).cells
        text = "".join(cell.source for cell in cells if cell.cell_type == "markdown")
        tags = re.findall(r"\\tag\{(\d+)\}", text)
        assert tags == re.findall(r'<span class="eqno">\((\d+)\)', page), path.name
        figures = re.findall(r"\*\*Figure (\d+)\.\*\*", text)
        shown = re.findall(r'"caption-number">Figure (\d+) </span>', page)
        assert figures == shown, path.name
        numbered += len(tags)
    assert numbered


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("quote(a='1')", ""),
        ("x = 1\nquote(\n    **{'a': f'{x}'}\n)\nprint(x)", "x = 1\nprint(x)"),
        ("for a in 'ab':\n    quote(**{a: a})", "for a in 'ab':\n    quote(**{a: a})"),
        ("quoted = quote\n%time quote(a='1')", "quoted = quote\n%time quote(a='1')"),
    ],
)
def test_calls_that_only_hand_numbers_to_the_text_are_left_out(source, expected):
    sys.path.insert(0, str(ROOT / "book" / "_ext"))
    try:
        from coursebook.notebooks import without_quotes
    finally:
        sys.path.pop(0)
    assert without_quotes(source) == expected


def test_link_to_a_file_of_the_page_leads_to_the_site(writer):
    from sphinx import addnodes

    def site(uri):
        return f"https://someone.github.io/fork/{uri}"

    node = addnodes.download_reference(
        "", "the exercise", filename="ab12/exercise.ipynb"
    )
    markdown = writer.MarkdownWriter(ROOT, site, {})
    link = "https://someone.github.io/fork/_downloads/ab12/exercise.ipynb"
    assert markdown.inline(node) == f"[the exercise]({link})"
