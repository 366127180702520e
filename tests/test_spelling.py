"""One spelling for each technical term, and no common typing error."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from books import ROOT

# The form that the course uses, and a pattern of the others. Names of functions and
# packages are code, which is not looked at; titles that are cited keep their spelling.
TERMS = {
    "autoencoder": r"\b[Aa]uto[- ][Ee]ncod",
    "backpropagation": r"\b[Bb]ack[- ][Pp]ropagat",
    "bottleneck": r"\b[Bb]ottle[- ]neck",
    "data set": r"\b[Dd]ata-?sets?\b",
    "Dirac-GAN": r"\bDirac GAN|\bDiracGAN",
    "Fashion-MNIST": r"\b[Ff]ashion[ _]?(?:MNIST|[Mm]nist)\b|\bfashion-MNIST",
    "Fréchet": r"\bFrechet|\bFrèchet",
    "Gaussian": r"\bgaussian",
    "hyperparameter": r"\b[Hh]yper[- ]parameter",
    "Jensen–Shannon": r"\bJensen[- ]Shannon",
    "Kullback–Leibler": r"\bKull?back[- ]Lei?bler",
    "minibatch": r"\b[Mm]ini[- ][Bb]atch",
    "nbgrader": r"\b(?:NBgrader|NbGrader|Nbgrader|nbGrader)\b",
    "over-fit": r"\b[Oo]verfit",
    "pretrained": r"\b[Pp]re-train",
    "PyTorch": r"\b(?:Pytorch|pytorch|Py Torch|pyTorch)\b",
    "scikit-learn": r"\b(?:[Ss]cikit learn|[Ss]kl?earn|Scikit-Learn)\b",
    "Swiss roll": r"\bswiss[- ]roll|\bSwiss[- ]Roll|\bSwiss-roll",
    "t-SNE": r"\b(?:T-SNE|tSNE|t-sne|TSNE)\b",
    "z-score": r"\b[Zz] score",
}

# The book is in British English with -ise.
BRITISH = {
    "-ise": r"(?i)\b\w*(?:real|general|initial|regular|normal|optim|maxim|minim|eter"
    r"|stabil|summar|visual|organ|character|penal|standard|vector|discret|emphas"
    r"|recogn|marginal|local|util)iz(?:e|es|ed|er|ers|ing|ations?)\b",
    "analyse": r"\b[Aa]nalyz(?:e|es|ed|ing)\b",
    "behaviour": r"\b[Bb]ehavior",
    "centre": r"\b[Cc]enter(?:s|ed)?\b",
    "colour": r"\b[Cc]olor(?:s|ed|ing)?\b",
    "favour": r"\b[Ff]avor",
    "grey": r"\b[Gg]ray",
    "labelled": r"\b(?:[Uu]n)?[Ll]abel(?:ed|ing)\b",
    "modelled": r"\b[Mm]odel(?:ed|ing)\b",
    "neighbour": r"\b[Nn]eighbor",
}

# Code, addresses and formulas; options of a directive, but not what is shown of them.
IGNORED = re.compile(
    r"`[^`\n]*`|https?://\S+|\]\([^)]*\)|\$[^$]*\$|^:(?!alt|caption)[\w-]+:[^\n]*$",
    re.M,
)


def prose_of_markdown(text: str) -> str:
    """The text without front matter, code, formulas and addresses; lines are kept."""

    def blank(match: re.Match) -> str:
        return re.sub(r"[^\n]", " ", match[0])

    text = re.sub(r"\A---\n.*?\n---\n", blank, text, flags=re.S)
    # A fence of code; directives such as ```{figure} hold prose.
    text = re.sub(
        r"^(`{3,})(?!\{(?!code-cell|code-block|math))[^\n]*\n.*?^\1\s*$",
        blank,
        text,
        flags=re.S | re.M,
    )
    text = re.sub(r"^\$\$.*?^\$\$", blank, text, flags=re.S | re.M)
    return IGNORED.sub(blank, text)


def prose_of_notebook(text: str) -> str:
    cells = json.loads(text)["cells"]
    sources = ("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
    return prose_of_markdown("\n".join(sources))


def messages_of_python(text: str) -> str:
    """What a program says: its strings that have a space, each on a line."""
    strings = (
        node.value
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
    prose = "\n".join(one for one in strings if " " in one)
    # Style sheets and names of folders are code.
    return re.sub(r"[\w-]*color(?:-scheme)?:|\w+/", " ", prose)


READERS = {".md": prose_of_markdown, ".ipynb": prose_of_notebook}
SOURCES = ("*.md", "book/**/*.md", "solutions/*/*.ipynb", "exercises/*/*.ipynb")
PROGRAMS = ("autograder/**/*.py",)


def texts() -> Iterator[tuple[Path, str]]:
    for pattern in (*SOURCES, *PROGRAMS):
        for path in sorted(ROOT.glob(pattern)):
            reader = READERS.get(path.suffix, messages_of_python)
            yield path, reader(path.read_text(encoding="utf-8"))


def misspelt(text: str) -> Iterator[str]:
    for form, pattern in (TERMS | BRITISH).items():
        for match in re.finditer(pattern, text):
            line = text[: match.start()].count("\n") + 1
            yield f"{line}: {match[0]!r}; the course writes {form!r}"


def test_every_technical_term_has_one_spelling():
    complaints, read = [], 0
    for path, text in texts():
        read += 1
        complaints += [f"{path.relative_to(ROOT)}:{one}" for one in misspelt(text)]
    assert read > 60
    assert not complaints, "\n".join(complaints)


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("An auto-encoder", "autoencoder"),
        ("the Frechet distance", "Fréchet"),
        ("swiss roll", "Swiss roll"),
        ("a mini-batch", "minibatch"),
        ("Reparameterization", "-ise"),
        ("fashion-MNIST", "Fashion-MNIST"),
        ("in pytorch", "PyTorch"),
        ("tSNE", "t-SNE"),
        ("Kullback-Leibler", "Kullback–Leibler"),
        ("nearest neighbors", "neighbour"),
        ("it was initialized", "-ise"),
    ],
)
def test_another_spelling_is_noticed(text, form):
    assert any(repr(form) in one for one in misspelt(text))


@pytest.mark.parametrize(
    "text",
    [
        "An `auto-encoder` in code",
        "```python\ncolor = 'gray'\n```\n",
        "```{code-cell} ipython3\nnormalize(x, color)\n```\n",
        "autoencoders on Fashion-MNIST",
        "a prize of a size to seize",
    ],
)
def test_code_and_the_right_spelling_pass(text):
    assert not list(misspelt(prose_of_markdown(text)))


def test_prose_in_a_directive_is_read():
    text = "```{figure} a.svg\n:alt: An auto-encoder.\n```\n"
    assert list(misspelt(prose_of_markdown(text)))


def test_codespell_finds_nothing():
    names = ["*.md", "book", "solutions", "exercises", "latentspaces", "autograder"]
    paths = [path for name in names for path in map(str, ROOT.glob(name))]
    command = [sys.executable, "-m", "codespell_lib", *paths]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_codespell_would_find_something(tmp_path):
    path = tmp_path / "page.md"
    path.write_text("A fucntion.\n")
    command = [sys.executable, "-m", "codespell_lib", str(path)]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert answer.returncode != 0
