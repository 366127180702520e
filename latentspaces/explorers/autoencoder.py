"""A plane of codes to walk in."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from latentspaces import plots
from latentspaces.explorers.display import show
from latentspaces.explorers.packing import array, checks, pack, sprite


def latent_pad(
    decoder: nn.Module,
    z: Tensor,
    y: Tensor,
    images: Tensor,
    classes: Sequence[str],
    *,
    alt: str,
    title: str = "A map to walk in",
    start: Sequence[float] | None = None,
) -> None:
    """A plane of codes to drag a finger over, and what the decoder draws there.

    The figure behind it is the plane decoded at 12 by 12 places.

    Parameters
    ----------
    decoder : nn.Module
        From (n, 2) to (n, 784) or (n, 1, 28, 28), black 0 to white 1. What layers it
        may have, :func:`pack` says.
    z : Tensor, shape (n, 2)
        Codes of images that the model has not been trained on.
    y : Tensor of int64, shape (n,)
        Index into ``classes``.
    images : Tensor, shape (n, 28, 28)
        The images themselves, of which the nearest one is shown beside the answer.
    classes : sequence of str
    alt : str
        What the figure shows, for a reader who does not see it.
    title : str
    start : two floats, optional
        Where the finger is at first; the first code if not given.

    Raises
    ------
    ValueError
        If shapes do not fit together, ``alt`` is empty, or all is too large for a page.
    """
    if z.ndim != 2 or z.shape[1] != 2 or not len(z) == len(y) == len(images):
        raise ValueError(
            f"z has shape {tuple(z.shape)}, y {tuple(y.shape)} and images "
            f"{tuple(images.shape)}, expected (n, 2), (n,) and (n, 28, 28)"
        )
    z = z.detach().float().cpu()
    low, high = z.quantile(0.01, dim=0), z.quantile(0.99, dim=0)
    margin = 0.06 * (high - low)
    low, high = low - margin, high + margin
    steps = torch.linspace(0, 1, 12)
    columns = low[0] + (high[0] - low[0]) * steps
    rows = high[1] - (high[1] - low[1]) * steps
    points = torch.stack(torch.meshgrid(rows, columns, indexing="ij"), -1).flip(-1)
    with torch.no_grad():
        sheet = decoder(points.view(-1, 2)).view(12, 12, 28, 28)
    begin = z[0] if start is None else torch.tensor(start)
    contents = {
        "decoder": pack(decoder),
        "codes": array(z),
        "labels": array(y.to(torch.uint8)),
        "images": sprite(images.view(-1, 28, 28)),
        "classes": list(classes),
        "colours": list(plots.COLOURS),
        "low": low.tolist(),
        "high": high.tolist(),
        "start": begin.tolist(),
        "checks": checks(decoder, torch.stack([begin, low, high, *z[1:4]])),
    }
    show("latent-pad", contents, plots.grid_figure(sheet), title=title, alt=alt)
