"""Buttons above a page that lead to its notebook: Colab, Binder, download.

The theme's own launch buttons lead to the source file, which Colab cannot open.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from . import addresses
from .notebooks import is_notebook


def setup(app: Sphinx) -> None:
    # After the theme (501), which starts the list of buttons.
    app.connect("html-page-context", add_buttons, priority=600)


def add_buttons(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree
) -> None:
    if doctree is None:  # search and index pages have no source
        return
    printing = {"type": "javascript", "javascript": "window.print()"}
    downloads = [button("pdf", "PDF", "fas fa-file-pdf") | printing]
    if name := app.config.coursebook_pdf:
        url = context["pathto"](name, 1)
        downloads.append(button("book", "Whole book, PDF", "fas fa-book", url=url))
    if is_notebook(app, pagename):
        url = f"{context['pathto']('notebooks', 1)}/{pagename}.ipynb"
        downloads.insert(0, button("notebook", "Notebook", "fas fa-code", url=url))
        if repository := app.config.coursebook_repository:
            launch = list(launch_buttons(app, repository, pagename))
            add_group(context, "Run this page", "fas fa-rocket", "launch", launch)
    add_group(context, "Download this page", "fas fa-download", "download", downloads)


def launch_buttons(
    app: Sphinx, repository: str, pagename: str
) -> Iterator[dict[str, str]]:
    """The page on Colab and Binder, and the exercise of the same name if there is one.

    The icons are not the theme's pictures, whose alt text would be read out as part of
    each button's name.
    """
    name = f"{pagename}.ipynb"
    url = addresses.colab(repository, name)
    yield button("colab", "Page on Colab", "fas fa-infinity", url=url)
    url = addresses.binder(repository, name)
    yield button("binder", "Page on Binder", "fas fa-layer-group", url=url)
    if (Path(app.config.coursebook_root) / "exercises" / pagename / name).is_file():
        url = addresses.exercise_on_colab(repository, pagename)
        yield button("exercise", "Exercise on Colab", "fas fa-pen", url=url)


def button(name: str, text: str, icon: str, **action: str) -> dict[str, str]:
    """A button of the theme: a link to a ``url``, unless its type is changed.

    Without a tooltip, which on a phone would cover the buttons below.
    """
    look = {"text": text, "icon": icon, "label": f"{name}-button"}
    return {"type": "link", **look, **action}


def add_group(context, tooltip: str, icon: str, name: str, buttons: list[dict]) -> None:
    context["header_buttons"].append(
        {
            "type": "group",
            "tooltip": tooltip,
            "icon": icon,
            "buttons": buttons,
            "label": f"{name}-buttons",
        }
    )
