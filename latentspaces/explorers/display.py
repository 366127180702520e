"""What a cell shows: a figure, and what the page's script needs."""

from __future__ import annotations

import html
import json
from typing import Any

from matplotlib.figure import Figure

from latentspaces import plots

LIMIT = 600_000
"""The most bytes that one explorer may add to a page."""


def show(
    kind: str, contents: dict[str, Any], figure: Figure, *, title: str, alt: str
) -> None:
    """Display an explorer in a notebook: its figure, and what the page's script needs.

    Parameters
    ----------
    kind : str
        The script ``book/_static/explorers/KIND.js`` brings it to life.
    contents : dict
        Anything that can be written as JSON; tensors by :func:`array`.
    figure : Figure
        What it shows before, without and on paper.
    title : str
        The explorer's name, above it.
    alt : str
        What the figure shows, for a reader who does not see it.

    Raises
    ------
    ValueError
        If ``alt`` is empty, or the explorer is larger than :data:`LIMIT`.
    """
    shown = plots.bundle(figure, alt)
    # "<" could end the script element, whatever the JSON says.
    written = json.dumps(contents, separators=(",", ":")).replace("<", "\\u003c")
    page = (
        f'<div class="explorer" data-explorer="{html.escape(kind)}" '
        f'data-title="{html.escape(title)}">'
        f'<div class="explorer-figure">{shown["text/html"]}</div>'
        f'<script type="application/json">{written}</script></div>'
    )
    if len(page) > LIMIT:
        raise ValueError(
            f"the explorer {kind!r} has {len(page):,} bytes, expected at most "
            f"{LIMIT:,}: show fewer points or images, or a smaller model"
        )
    try:
        from IPython import get_ipython
        from IPython.display import display
    except ImportError:
        return
    if get_ipython() is not None:
        display(shown | {"text/html": page}, raw=True)
