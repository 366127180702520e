"""Recorded results: what ``make experiments`` measured over several seeds.

Each is a JSON file beside this one, made by :mod:`latentspaces.experiments`.
"""

from __future__ import annotations

import html
import json
from importlib import resources
from typing import Any

__all__ = ["load", "names", "table"]


def names() -> list[str]:
    """Names of the recorded results, in alphabetical order."""
    files = (entry.name for entry in resources.files(__name__).iterdir())
    return sorted(name[: -len(".json")] for name in files if name.endswith(".json"))


def load(name: str) -> dict[str, Any]:
    """One recorded result.

    Parameters
    ----------
    name : str
        Such as ``"autoencoder-bottleneck"``; :func:`names` lists them.

    Returns
    -------
    dict
        With the keys

        ``recipe``
            what was done, as a dict of numbers and words;
        ``seeds``
            the seeds that were run;
        ``data``
            ``"real"`` or ``"drawn"``;
        ``versions``
            of Python and torch;
        ``date``
            when, as YYYY-MM-DD;
        ``digest``
            of the recipe and the code, by which a later run sees what changed;
        ``rows``
            a list of dicts: settings are plain values, and each measure is a dict
            of ``mean``, ``std`` (between the seeds, with n - 1) and ``values``,
            one for each seed.

    Raises
    ------
    ValueError
        If there is no result of that name.
    """
    file = resources.files(__name__).joinpath(f"{name}.json")
    if name not in names():
        raise ValueError(
            f"there is no recorded result {name!r}; there are: {', '.join(names())}; "
            "make experiments records what is missing"
        )
    return json.loads(file.read_text(encoding="utf-8"))


def table(name: str, columns: dict[str, str], *, data: str = "") -> None:
    """Show a recorded result in a notebook as a table, labelled as recorded.

    A measure is given as mean ± standard deviation between the seeds.

    Parameters
    ----------
    name : str
        Of the result, as for :func:`load`.
    columns : dict of str to str
        Heading of each column, and the setting or measure that it shows; a measure
        may be followed by a number format, as in ``"test_error:.4f"``.
    data : str
        What the result was recorded on, if it was not the data set of the chapter.

    Raises
    ------
    ValueError
        If there is no result of that name, or a row lacks one of the columns.
    """
    recorded = load(name)
    lines = []
    for row in recorded["rows"]:
        cells = (_as_text(name, row, column) for column in columns.values())
        lines.append("".join(f"<td>{html.escape(cell)}</td>" for cell in cells))
    head = "".join(f'<th scope="col">{html.escape(title)}</th>' for title in columns)
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    kind = {"real": "the real data", "drawn": "the drawn stand-in"}[recorded["data"]]
    note = (
        f"Recorded on {data or kind}, {recorded['date']}; "
        f"mean ± standard deviation over {len(recorded['seeds'])} seeds."
    )
    page = (
        f'<table class="table recorded"><caption>{html.escape(note)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )
    from IPython.display import HTML, display

    display(HTML(page))


def _as_text(name: str, row: dict[str, Any], column: str) -> str:
    key, _, form = column.partition(":")
    if key not in row:
        raise ValueError(f"{name}: no {key!r} in the row {row}")
    if not isinstance(row[key], dict):
        return str(row[key])
    mean, std = (format(row[key][part], form or ".4f") for part in ("mean", "std"))
    return mean if float(std) == 0 else f"{mean} ± {std}"
