"""Buttons above a page that lead to its notebook: Colab, Binder, download.

The theme's own launch buttons lead to the source file, which Colab cannot open.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from . import addresses
from .notebooks import is_notebook

LOGO = "_static/images/logo_"  # the theme's pictures


def setup(app: Sphinx) -> None:
    # After the theme (501), which starts the list of buttons.
    app.connect("html-page-context", add_buttons, priority=600)


def add_buttons(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree
) -> None:
    if doctree is None:  # search and index pages have no source
        return
    printing = {"type": "javascript", "javascript": "window.print()"}
    downloads = [button("pdf", "Print, or save as PDF", "fas fa-file-pdf", **printing)]
    if is_notebook(app, pagename):
        name = f"{pagename}.ipynb"
        url = f"{context['pathto']('notebooks', 1)}/{name}"
        downloads.insert(0, button("notebook", "Notebook", "fas fa-code", url=url))
        if repository := app.config.coursebook_repository:
            colab = addresses.colab(repository, name)
            binder = addresses.binder(repository, name)
            launch = [
                button("colab", "Page on Colab", f"{LOGO}colab.png", url=colab),
                button("binder", "Page on Binder", f"{LOGO}binder.svg", url=binder),
            ]
            exercise = f"exercises/{pagename}/{pagename}.ipynb"
            if (Path(app.config.coursebook_root) / exercise).is_file():
                url = addresses.exercise_on_colab(repository, pagename)
                launch.append(
                    button("exercise", "Exercise on Colab", f"{LOGO}colab.png", url=url)
                )
            add_group(context, "Run this page", "fas fa-rocket", "launch", launch)
    add_group(context, "Download this page", "fas fa-download", "download", downloads)


def button(name: str, text: str, icon: str, **action: str) -> dict[str, str]:
    """A button of the theme: a link with a ``url``, unless ``action`` says more."""
    look = {"text": text, "tooltip": text, "icon": icon, "label": f"{name}-button"}
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
