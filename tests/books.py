"""The real book, built when a test needs it, and a tiny one to try the machinery on."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def built_book() -> Path:
    """The folder of the real book's pages, up to date."""
    if build_once():
        pytest.fail("book/build.py failed", pytrace=False)
    return ROOT / "_build" / "html"


@functools.cache
def build_once() -> int:
    return subprocess.run([sys.executable, str(ROOT / "book" / "build.py")]).returncode


INDEX = """\
---
myst:
  html_meta:
    description: The front page of a tiny book.
---
# Tiny book

See {doc}`chapter` and {ref}`the second section <second>`.
"""

CHAPTER = """\
---
jupytext:
  text_representation:
    format_name: myst
kernelspec:
  display_name: Python 3
  name: python3
myst:
  html_meta:
    description: A chapter with one of everything.
---
# A chapter with one of everything

:::{admonition} You will learn
:class: tip
- to *read* and to **write**,
- that $a < b$ and `code_with_underscores`.
:::

```{code-cell} ipython3
from latentspaces import data, greeting, load
x = data.fashion_mnist()
print(greeting(), x.source, load("sweep")["rows"])
```

```{code-cell} ipython3
:tags: [remove-cell]
from latentspaces.quotes import quote
answer = 6 * 7
quote(answer=f"{answer:.1f}")
```

The answer is {glue:text}`answer`; {cite:t}`pearson1901` knew, and so does
[the front page](index.md) {cite:p}`pearson1901`. A literal $5$ and 5 * 3 * 2.

(second)=
## Second section

```{math}
:label: eq-loss
L(\\phi) &= \\lVert x - \\hat{x} \\rVert^2 \\\\
         &\\geq 0
```

Equation {eq}`eq-loss`, {numref}`fig-mark`, {numref}`tab-sizes` and {ref}`second`.

$$
\\hat{x} = f_\\theta(g_\\phi(x))
$$ (eq-model)

\\begin{align}
a &= b \\\\
c &= d
\\end{align}

:::{figure} _static/mark.svg
:name: fig-mark
:alt: Two triangles

What to see in the mark.
:::

:::{table} Sizes
:name: tab-sizes
| what | how many |
|---|---|
| a \\| b | $n$ |
:::

::::{dropdown} The derivation of $x$ & more
Inside, with $\\int x\\,dx$ and

:::{note}
a nested note.
:::
::::

```{code-cell} ipython3
:tags: [hide-input]
:mystnb:
:  figure:
:    name: fig-output
:    caption: What the cell drew.
from IPython.display import HTML
hidden = answer + 1
HTML('<img alt="A dot" src="data:image/gif;base64,R0lGODlhAQABAAAAACw=">')
```

:::::{tab-set}
::::{tab-item} First
One.
::::
::::{tab-item} Second
Two.
::::
:::::

::::{grid} 2
:::{grid-item-card} Card title
Card text.
:::
::::

Term
: Its definition.

:::{glossary}
latent
  What is not seen.
:::

A {term}`latent` thing.[^note]

1. one
2. two

   with a second paragraph

> Quoted.

```python
not_executed = True
```

[^note]: A footnote.

```{code-cell} ipython3
:tags: [remove-input]
print("hidden is", hidden)
assert hidden == 43
```

```{bibliography}
```
"""

LIBRARY = """\
import json
from pathlib import Path

def greeting():
    return "hello from the library"

def load(name):
    return json.loads((Path(__file__).parent / f"results/{name}.json").read_text())
"""

RESULTS = """\
{"data": "real", "rows": [1, 2, 3]}
"""

DATA = """\
import os
from types import SimpleNamespace

def sources():
    source = os.environ.get("TINY_SOURCE", "real")
    return {"fashion_mnist": source, "ecg5000": source}

def fashion_mnist():
    return SimpleNamespace(source=sources()["fashion_mnist"])
"""

MARK = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><path d="M0 0L9 9V0Z"/></svg>
"""

BIBLIOGRAPHY = """\
@article{pearson1901,
  author = {Pearson, Karl},
  title = {On lines and planes of closest fit to systems of points in space},
  journal = {Philosophical Magazine},
  volume = {2},
  year = {1901}
}
"""

TOC = """\
format: jb-book
root: index
chapters:
- file: chapter
"""


@dataclass
class TinyBook:
    """A book in a folder of its own; ``build`` runs its copy of book/build.py."""

    root: Path

    @classmethod
    def create(cls, root: Path) -> TinyBook:
        """Copy the machinery of the real book and write a small one around it."""
        ignore = shutil.ignore_patterns("__pycache__")
        (root / "book").mkdir(parents=True)
        shutil.copy(ROOT / "_config.yml", root)
        for name in ("build.py", "pdf.py"):
            shutil.copy(ROOT / "book" / name, root / "book")
        for folder in ("_ext", "_static"):
            source = ROOT / "book" / folder
            shutil.copytree(source, root / "book" / folder, ignore=ignore)
        book = cls(root)
        book.write("book/_toc.yml", TOC)
        book.write("book/index.md", INDEX)
        book.write("book/chapter.md", CHAPTER)
        book.write("book/references.bib", BIBLIOGRAPHY)
        book.write("book/_static/mark.svg", MARK)
        book.write("latentspaces/__init__.py", LIBRARY)
        book.write("latentspaces/data.py", DATA)
        book.write("latentspaces/results/sweep.json", RESULTS)
        shutil.copy(ROOT / "latentspaces" / "quotes.py", root / "latentspaces")
        return book

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def replace(self, name: str, old: str, new: str) -> None:
        text = (self.root / name).read_text(encoding="utf-8")
        assert old in text
        self.write(name, text.replace(old, new))

    def read(self, name: str) -> str:
        return (self.root / "_build" / name).read_text(encoding="utf-8")

    def build(
        self, *options: str, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Build; standard error, with progress and warnings, is in ``stdout``."""
        inherited = {
            name: value
            for name, value in os.environ.items()
            if name not in {"GITHUB_REPOSITORY", "LATENTSPACES_DATA"}
        }
        return subprocess.run(
            [sys.executable, str(self.root / "book" / "build.py"), *options],
            env=inherited | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
