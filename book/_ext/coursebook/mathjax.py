"""MathJax, copied from the installed package into the book.

The package ``django-static-mathjax`` is MathJax's own distribution in a wheel (no
Django needed). The one file with SVG output is enough for the whole book; the small
extensions beside it are loaded only where a formula uses them.
"""

from __future__ import annotations

import shutil
from importlib.resources import as_file, files
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

CARRIED = ("tex-svg.js", "input/tex/extensions")


def setup(app: Sphinx) -> None:
    app.connect("builder-inited", copy_mathjax)


def copy_mathjax(app: Sphinx) -> None:
    goal = Path(app.outdir) / "_static" / "mathjax"
    if (goal / "LICENSE").exists():
        return
    try:
        package = files("mathjax") / "static" / "mathjax"
    except ModuleNotFoundError as error:
        raise ExtensionError(
            "MathJax is not installed: pip install django-static-mathjax"
        ) from error
    with as_file(package) as distribution:
        for name in CARRIED:
            source = distribution / "es5" / name
            (goal / name).parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, goal / name, dirs_exist_ok=True)
            else:
                shutil.copyfile(source, goal / name)
        # Last, because its presence says that all the rest is there.
        shutil.copyfile(distribution / "LICENSE", goal / "LICENSE")
