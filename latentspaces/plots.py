"""Figures in one style: colour-blind safe, large print, alt text required.

Figures are drawn small (at most 600 CSS pixels wide) with large print, so that the
text can still be read when a phone shrinks them to half that width.
"""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from latentspaces.training import History

__all__ = [
    "COLOURS",
    "MARKERS",
    "image_grid",
    "latent_map",
    "show",
    "subplots",
    "training_curves",
]

COLOURS = (
    "#0072B2",  # blue
    "#E69F00",  # orange
    "#009E73",  # bluish green
    "#CC79A7",  # reddish purple
    "#D55E00",  # vermilion
    "#56B4E9",  # sky blue
    "#000000",  # black
    "#F0E442",  # yellow
    "#7F7F7F",  # grey: these two extend the palette to ten classes
    "#6B3E1D",  # brown
)
"""The colour-blind safe palette of Okabe and Ito (2008), and two more.

Ten colours are too many to be told apart by hue alone, so classes get a marker or a
written name as well.
"""

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "*")

_PIXELS_PER_INCH = 100  # CSS pixels, so a figure of 6 inches is 600 wide
_RETINA = 2
_STYLE: dict[str, Any] = {
    "figure.dpi": _PIXELS_PER_INCH,
    "figure.constrained_layout.use": True,
    "figure.facecolor": "white",
    "font.size": 12,
    "axes.titlesize": 12,
    "axes.labelsize": 12,
    "xtick.labelsize": 11,
    "ytick.labelsize": 11,
    "legend.fontsize": 11,
    "legend.frameon": False,
    "axes.prop_cycle": matplotlib.cycler(color=COLOURS),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.8,
    "axes.axisbelow": True,
    "lines.linewidth": 2,
    "image.cmap": "gray",
}


def show(fig: Figure, *, alt: str) -> None:
    """Display a figure in a notebook with its text alternative, and close it.

    The output holds an HTML image with the alt text, for pages, and the plain PNG,
    for what reads only that. Outside a notebook it does nothing but close.

    Parameters
    ----------
    fig : Figure
    alt : str
        What the figure shows, for a reader who does not see it.

    Raises
    ------
    ValueError
        If ``alt`` is empty.
    """
    shown = bundle(fig, alt)
    plt.close(fig)
    try:
        from IPython import get_ipython
        from IPython.display import display
    except ImportError:
        return
    if get_ipython() is not None:
        display(shown, raw=True)


def subplots(
    rows: int = 1,
    columns: int = 1,
    *,
    width: float = 5.6,
    height: float = 3.4,
    **options: Any,
) -> tuple[Figure, Any]:
    """``matplotlib.pyplot.subplots`` in the style of the book.

    Parameters
    ----------
    rows, columns : int
    width, height : float
        Of the whole figure in inches, 100 CSS pixels each; keep the width to 6.
    **options
        Passed on to :meth:`matplotlib.figure.Figure.subplots`.

    Returns
    -------
    Figure, Axes or array of Axes
        For :func:`show`.
    """
    with matplotlib.rc_context(_STYLE):
        # Not made by pyplot, which would display it a second time.
        fig = Figure(figsize=(width, height))
        return fig, fig.subplots(rows, columns, **options)


def image_grid(
    images: Tensor,
    *,
    alt: str,
    rows: Sequence[str] | None = None,
    titles: Sequence[str] | None = None,
    columns: int = 10,
) -> None:
    """Show grey images in a grid, black 0 to white 1, values beyond clipped.

    Parameters
    ----------
    images : Tensor, shape (n, height, width), (n, 1, height, width) or
            (rows, columns, [1,] height, width)
        In the last form each row of the grid is given as such.
    alt : str
        What the grid shows, for a reader who does not see it.
    rows : sequence of str, optional
        A label at the left of each row.
    titles : sequence of str, optional
        A title above each column of the first row; or above each image, if there
        are as many titles as images.
    columns : int
        How many images in a row, if ``images`` is not given by rows.

    Raises
    ------
    ValueError
        If ``alt`` is empty, a shape is not one of these, or labels do not match.
    """
    _check_alt(alt)
    show(grid_figure(images, rows, titles, columns), alt=alt)


def training_curves(
    histories: History | dict[str, History],
    *,
    alt: str,
    ylabel: str = "loss",
    log: bool = False,
) -> None:
    """Show training loss (dashed) and validation loss (solid) against the epoch.

    Parameters
    ----------
    histories : History or dict of str to History
        One run, or several with their names.
    alt : str
        What the curves show, for a reader who does not see it.
    ylabel : str
        Name and unit of the loss.
    log : bool
        Whether the losses are drawn on a logarithmic axis.

    Raises
    ------
    ValueError
        If ``alt`` is empty or a history has no epoch.
    """
    _check_alt(alt)
    show(_draw_training_curves(histories, ylabel, log), alt=alt)


def latent_map(
    z: Tensor,
    y: Tensor,
    classes: Sequence[str],
    *,
    alt: str,
    labels: tuple[str, str] = ("$z_1$", "$z_2$"),
) -> None:
    """Show two-dimensional codes, one colour and one marker a class, names written in.

    Parameters
    ----------
    z : Tensor, shape (n, 2)
        One or two thousand points are enough, and more hide one another.
    y : Tensor of int64, shape (n,)
        Index into ``classes``.
    classes : sequence of str
        At most ten.
    alt : str
        What the map shows, for a reader who does not see it.
    labels : tuple of two str
        Names of the axes.

    Raises
    ------
    ValueError
        If ``alt`` is empty, or ``z``, ``y`` and ``classes`` do not fit together.
    """
    _check_alt(alt)
    show(_draw_latent_map(z, y, classes, labels), alt=alt)


def grid_figure(
    images: Tensor,
    rows: Sequence[str] | None = None,
    titles: Sequence[str] | None = None,
    columns: int = 10,
) -> Figure:
    """The figure that :func:`image_grid` shows."""
    by_rows, pictures = _as_pictures(images)
    if by_rows:
        columns = images.shape[1]
    count = len(pictures)
    columns = min(columns, count)
    n_rows = -(-count // columns)
    if rows is not None and len(rows) != n_rows:
        raise ValueError(
            f"{len(rows)} row labels for {n_rows} rows ({count} images, {columns} in "
            "a row); give one label for each row"
        )
    if titles is not None and len(titles) not in (columns, count):
        raise ValueError(
            f"{len(titles)} titles for {columns} columns and {count} images; give one "
            "for each column or one for each image"
        )
    each = len(titles) == count if titles is not None else False

    # In inches; laid out by hand, so that images touch and every title has its room.
    gap, line = 0.04, 0.2
    longest = max(
        (len(part) for row in rows or () for part in row.split("\n")), default=0
    )
    margin = 0.2 + 0.085 * longest if longest else 0.0
    cell = min(1.1, (6.0 - margin) / columns) - gap
    above = line * max((title.count("\n") + 1 for title in titles or ()), default=0)
    width = margin + columns * (cell + gap)
    height = n_rows * (cell + gap) + above * (n_rows if each else 1)

    with matplotlib.rc_context(_STYLE):
        fig = Figure(figsize=(width, height), layout="none")
    top = height
    for i, picture in enumerate(pictures):
        row, column = divmod(i, columns)
        if column == 0:
            top -= cell + gap + (above if each or row == 0 else 0.0)
        left = margin + column * (cell + gap)
        axis = fig.add_axes(
            (left / width, (top + gap / 2) / height, cell / width, cell / height)
        )
        axis.set_axis_off()
        axis.imshow(picture, vmin=0, vmax=1, cmap="gray", interpolation="nearest")
        if titles is not None and (each or row == 0):
            axis.set_title(titles[i], fontsize=11, pad=3)
        if rows is not None and column == 0:
            axis.text(
                -0.1 / cell,
                0.5,
                rows[row],
                transform=axis.transAxes,
                ha="right",
                va="center",
                fontsize=12,
            )
    return fig


def _as_pictures(images: Tensor) -> tuple[bool, Any]:
    """Whether the grid is given by rows, and the images one after the other."""
    shape = tuple(images.shape)
    by_rows = len(shape) == 5 or (len(shape) == 4 and shape[1] != 1)
    pictures = images.detach().float().cpu()
    if by_rows:
        pictures = pictures.flatten(0, 1)
    if pictures.ndim == 4 and pictures.shape[1] == 1:
        pictures = pictures[:, 0]
    if pictures.ndim != 3 or len(pictures) == 0:
        raise ValueError(
            f"images has shape {shape}, expected (n, height, width), (n, 1, height, "
            "width) or (rows, columns, height, width), with at least one image"
        )
    return by_rows, pictures.numpy()


def _draw_training_curves(
    histories: History | dict[str, History], ylabel: str, log: bool
) -> Figure:
    if isinstance(histories, History):
        histories = {"": histories}
    fig, axis = subplots()
    longest = 0
    for i, (name, history) in enumerate(histories.items()):
        if not history.train:
            raise ValueError(
                f"the history {name!r} has no epoch: was the model fitted?"
            )
        epochs = range(1, len(history.train) + 1)
        longest = max(longest, len(history.train))
        style: dict[str, Any] = {
            "color": COLOURS[i % len(COLOURS)],
            "marker": MARKERS[i % len(MARKERS)] if len(epochs) <= 30 else None,
        }
        prefix = f"{name}, " if name else ""
        axis.plot(epochs, history.train, "--", label=f"{prefix}training", **style)
        if history.validation:
            axis.plot(epochs, history.validation, label=f"{prefix}validation", **style)
    axis.set_xlabel("epoch")
    axis.set_ylabel(ylabel)
    axis.xaxis.get_major_locator().set_params(integer=True)
    axis.set_xlim(1 - 0.05 * longest, longest * 1.05)
    if log:
        axis.set_yscale("log")
    axis.legend(frameon=False, fontsize=11)
    return fig


def _draw_latent_map(
    z: Tensor, y: Tensor, classes: Sequence[str], labels: tuple[str, str]
) -> Figure:
    if z.ndim != 2 or z.shape[1] != 2 or len(z) != len(y) or len(z) == 0:
        raise ValueError(
            f"z has shape {tuple(z.shape)} and y {tuple(y.shape)}, expected (n, 2) and "
            "(n,) with at least one point"
        )
    if len(classes) > len(COLOURS):
        raise ValueError(
            f"{len(classes)} classes, but only {len(COLOURS)} can be told apart: "
            "show fewer, or join some"
        )
    if not 0 <= int(y.min()) <= int(y.max()) < len(classes):
        raise ValueError(
            f"y has labels from {int(y.min())} to {int(y.max())}, expected 0 to "
            f"{len(classes) - 1}, the places in classes"
        )
    z, y = z.detach().float().cpu(), y.cpu()
    fig, axis = subplots(width=5.8, height=5.4)
    present = [c for c in range(len(classes)) if bool((y == c).any())]
    for c in present:
        axis.scatter(
            *z[y == c].T.numpy(),
            s=16,
            color=COLOURS[c],
            marker=MARKERS[c],
            linewidths=0,
            alpha=0.6,
        )
    axis.set_xlabel(labels[0])
    axis.set_ylabel(labels[1])
    axis.margins(0.05)
    _name_classes(fig, axis, {c: z[y == c] for c in present}, classes)
    return fig


def _name_classes(
    fig: Figure, axis: Axes, points: dict[int, Tensor], classes: Sequence[str]
) -> None:
    """Write each class's name at its middle, pushed apart where names collide."""
    canvas = FigureCanvasAgg(fig)
    names = [
        axis.annotate(
            classes[c],
            z.median(0).values.tolist(),
            xytext=(0, 0),
            textcoords="offset pixels",
            ha="center",
            va="center",
            fontsize=11,
            bbox={
                "boxstyle": "round,pad=0.2",
                "facecolor": "white",
                "edgecolor": COLOURS[c],
                "linewidth": 2,
                "alpha": 0.9,
            },
            arrowprops={"arrowstyle": "-", "color": "black", "linewidth": 0.8},
        )
        for c, z in points.items()
    ]
    fig.draw_without_rendering()  # lays out, so that positions in pixels are known
    boxes = [name.get_bbox_patch().get_window_extent(canvas.renderer) for name in names]
    middles = torch.tensor([[(b.x0 + b.x1) / 2, (b.y0 + b.y1) / 2] for b in boxes])
    sizes = torch.tensor([[b.width + 3, b.height + 3] for b in boxes])
    frame = axis.get_window_extent(canvas.renderer)
    low = torch.tensor([frame.x0, frame.y0]) + sizes / 2
    high = torch.tensor([frame.x1, frame.y1]) - sizes / 2
    places = _pushed_apart(middles, sizes, low, high)
    for name, shift in zip(names, (places - middles).tolist(), strict=True):
        # One pixel while laying out; savefig scales "offset points", not pixels.
        name.set_position([value * 72 / fig.dpi for value in shift])
        name.anncoords = "offset points"


def _pushed_apart(middles: Tensor, sizes: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Move boxes as little as needed until none overlaps, within [low, high]."""
    places = middles.clone()
    for _ in range(500):
        moved = False
        for i in range(len(places)):
            for j in range(i):
                gap = places[i] - places[j]
                overlap = (sizes[i] + sizes[j]) / 2 - gap.abs()
                if overlap.min() <= 0:
                    continue
                axis = int(overlap.argmin())
                push = float(overlap[axis]) / 2 + 0.5
                push = push if gap[axis] >= 0 else -push
                places[i, axis] += push
                places[j, axis] -= push
                moved = True
        places = places.clamp(low, high)
        if not moved:
            break
    return places


def bundle(fig: Figure, alt: str) -> dict[str, str]:
    """A figure as HTML with its alt text, as PNG and as text, by media type."""
    _check_alt(alt)
    drawn = io.BytesIO()
    with matplotlib.rc_context(_STYLE):
        fig.savefig(drawn, format="png", dpi=_RETINA * _PIXELS_PER_INCH)
    # A palette of 256 colours makes a scatter plot's file a third as large.
    small = io.BytesIO()
    Image.open(drawn).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(
        small, format="png", optimize=True
    )
    png = base64.b64encode(small.getvalue()).decode("ascii")
    width = round(fig.get_figwidth() * _PIXELS_PER_INCH)
    image = (
        f'<img alt="{html.escape(alt)}" width="{width}" '
        f'style="max-width:100%;height:auto" src="data:image/png;base64,{png}">'
    )
    return {"text/html": image, "image/png": png, "text/plain": f"Figure: {alt}"}


def _check_alt(alt: str) -> None:
    if not isinstance(alt, str) or not alt.strip():
        raise ValueError(
            f"alt is {alt!r}, expected a sentence that says what the figure shows, "
            "for a reader who does not see it"
        )
