"""Each chapter as a notebook that runs on its own, here, on Colab and on Binder.

The text is taken from the page after Sphinx has resolved it, so citations, references,
numbers and computed values are in it, and written as plain Markdown. The code is that
of the chapter, including cells that the page hides; only what hands numbers to the
page's text is left out. Outputs are left out too.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from urllib.parse import urljoin

import nbformat
from docutils import nodes
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from sphinx.application import Sphinx

from . import addresses
from .markdown import MarkdownWriter

FOLDER = "notebooks"

# Not %pip, which goes on when it fails, so that the next cell is the one to complain.
# Naming the installed versions makes pip keep them, or say that it can't.
INSTALL = """\
# In a fresh environment (Colab): install the course, and leave PyTorch as it is.
import importlib.util

if importlib.util.find_spec("latentspaces") is None:
    import subprocess
    import sys
    from importlib.metadata import PackageNotFoundError, version

    wanted = ["{source}"]
    for name, oldest in {{"torch": (2, 9), "torchvision": (0, 24)}}.items():
        try:
            found = version(name)
        except PackageNotFoundError:
            continue  # it comes with the course
        if tuple(map(int, found.split(".")[:2])) < oldest:
            raise ImportError(
                f"The course needs {{name}} {{oldest[0]}}.{{oldest[1]}} or later, and "
                f"here is {{found}}. On Colab, choose the latest version under "
                "Runtime > Change runtime type. Elsewhere, or if that is too old too: "
                "pip install --upgrade torch torchvision, then restart the kernel."
            )
        wanted.append(f"{{name}}=={{found}}")
    print("Installing the course, about a minute ...")
    command = [sys.executable, "-m", "pip", "install", "--quiet", *wanted]
    pip = subprocess.run(command, text=True, capture_output=True)
    if pip.returncode:
        what = "The course could not be installed. pip says:"
        raise ImportError(f"{{what}}\\n{{pip.stderr}}")
    importlib.invalidate_caches()

import latentspaces"""

# Without a known repository there is nothing to install from.
INSTALL_BY_HAND = """\
try:
    import latentspaces
except ModuleNotFoundError as error:
    message = "install the course first: pip install -e FOLDER-OF-THE-COURSE"
    raise ModuleNotFoundError(message) from error"""


def setup(app: Sphinx) -> None:
    app.connect("doctree-resolved", write_notebook)


def is_notebook(app: Sphinx, docname: str) -> bool:
    """Whether a page has code cells that are executed."""
    return "kernelspec" in app.env.metadata.get(docname, {})


def code_cells(app: Sphinx, docname: str) -> list[str]:
    """The source of the code cells of a page, in order, hidden ones included."""
    return list(cells_by_index(app, docname).values())


def cells_by_index(app: Sphinx, docname: str) -> dict[int, str]:
    """Code cells by their index in the notebook that MyST-NB executed."""
    if not is_notebook(app, docname):
        return {}
    path = Path(app.outdir).parent / "jupyter_execute" / f"{docname}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    return {
        index: cell.source
        for index, cell in enumerate(notebook.cells)
        if cell.cell_type == "code"
    }


def write_notebook(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Convert one page, if it is a notebook, to ``notebooks/DOCNAME.ipynb``."""
    if app.builder.format != "html" or not is_notebook(app, docname):
        return
    repository = app.config.coursebook_repository
    page = f"{addresses.site(repository)}{docname}.html" if repository else ""
    writer = MarkdownWriter(
        folder=Path(app.srcdir),
        link=lambda uri: urljoin(page, uri) if page else "",
        numbers=app.env.toc_fignumbers.get(docname, {}),
    )
    cells = list(convert(doctree, cells_by_index(app, docname), writer))
    name = app.config.html_title
    book = f"[{name}]({page})" if page else name
    title, _, rest = cells[0].source.partition("\n\n")
    origin = (
        f"*This notebook was generated from a page of {book}. Numbers in its text are "
        "from the run that made the page; yours may differ a little, or more on other "
        "data.*"
    )
    cells[0].source = f"{title}\n\n{origin}\n\n{rest}".rstrip()
    source = addresses.install(repository) if repository else ""
    install = INSTALL.format(source=source) if repository else INSTALL_BY_HAND
    cells.insert(1, new_code_cell(install))
    notebook = as_notebook(cells)
    path = Path(app.outdir) / FOLDER / f"{docname}.ipynb"
    path.parent.mkdir(exist_ok=True)
    nbformat.write(notebook, path)


def convert(
    doctree: nodes.document, sources: dict[int, str], writer: MarkdownWriter
) -> Iterator[NotebookNode]:
    """Markdown cells, split at headings, and code cells, in the page's order."""
    sources = dict(sources)
    shown = {node["cell_index"] for node in doctree.findall(is_code_cell)}
    text: list[str] = []

    def flush() -> Iterator[NotebookNode]:
        if blocks := [block for block in text if block]:
            yield new_markdown_cell("\n\n".join(blocks))
        text.clear()

    def code_up_to(last: int) -> Iterator[NotebookNode]:
        for index in [index for index in sources if index <= last]:
            if source := without_quotes(sources.pop(index)):
                yield new_code_cell(source)

    def removed() -> Iterator[NotebookNode]:
        # Cells that the page removes are still part of the program. They stand beside
        # the shown cell before them, not amid the text about it.
        before_next = list(takewhile(lambda index: index not in shown, sources))
        if before_next:
            yield from flush()
            yield from code_up_to(before_next[-1])

    def walk(parent: nodes.Element, level: int) -> Iterator[NotebookNode]:
        for node in parent.children:
            if isinstance(node, nodes.section):
                yield from flush()
                yield from walk(node, level + 1)
            elif isinstance(node, nodes.title):
                text.append("#" * level + " " + writer.inlines(node))
            elif is_code_cell(node):
                yield from flush()
                yield from code_up_to(node["cell_index"])
                text.extend(map(writer.caption, node.findall(nodes.figure)))
                yield from removed()
            else:
                text.append(writer.block(node))

    yield from walk(doctree, 0)
    yield from flush()
    yield from code_up_to(max(sources, default=0))


def without_quotes(source: str) -> str:
    """The code without its calls of ``quote``, which show nothing in a notebook."""
    try:
        statements = ast.parse(source).body
    except SyntaxError:
        return source  # a magic command
    lines = source.split("\n")
    for node in reversed(statements):
        match node:
            case ast.Expr(value=ast.Call(func=ast.Name(id="quote"))):
                del lines[node.lineno - 1 : node.end_lineno]
    return "\n".join(lines).strip("\n")


def is_code_cell(node: nodes.Node) -> bool:
    return isinstance(node, nodes.container) and node.get("nb_element") == "cell_code"


def as_notebook(cells: list[NotebookNode]) -> NotebookNode:
    """A notebook that is the same byte for byte each time."""
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    return new_notebook(
        cells=cells,
        metadata={
            "kernelspec": {
                "display_name": "Python 3",
                "language": "python",
                "name": "python3",
            },
            "language_info": {"name": "python"},
        },
    )
