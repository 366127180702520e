"""Buttons above a page that lead to its notebook: Colab, Binder, download.

The theme's own launch buttons lead to the source file, which Colab cannot open.
"""

from __future__ import annotations

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
    downloads = [button("PDF", "Print or save as PDF", "fas fa-file-pdf", **printing)]
    if name := app.config.coursebook_pdf:
        url = context["pathto"](name, 1)
        downloads.append(
            button("Book as PDF", "Download the whole book", "fas fa-book", url=url)
        )
    if is_notebook(app, pagename):
        name = f"{pagename}.ipynb"
        url = f"{context['pathto']('notebooks', 1)}/{name}"
        downloads.insert(
            0, button("Notebook", "Download as a notebook", "fas fa-code", url=url)
        )
        if repository := app.config.coursebook_repository:
            colab = addresses.colab(repository, name)
            binder = addresses.binder(repository, name)
            images = "_static/images/logo_"
            launch = [
                button("Colab", "Run on Colab", f"{images}colab.png", url=colab),
                button("Binder", "Run on Binder", f"{images}binder.svg", url=binder),
            ]
            add_group(context, "Run this page", "fas fa-rocket", "launch", launch)
    add_group(context, "Download this page", "fas fa-download", "download", downloads)


def button(text: str, tooltip: str, icon: str, **action: str) -> dict[str, str]:
    """A button of the theme: a link with a ``url``, unless ``action`` says more."""
    label = f"{text.lower().replace(' ', '-')}-button"
    look = {"text": text, "tooltip": tooltip, "icon": icon, "label": label}
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
