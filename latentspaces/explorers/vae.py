"""A slider for each code unit."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from latentspaces import plots
from latentspaces.explorers.display import show
from latentspaces.explorers.packing import array, checks, pack


def traversal(
    decoder: nn.Module,
    nats: Tensor,
    mu: Tensor,
    images: Tensor,
    names: Sequence[str],
    *,
    alt: str,
    title: str = "One code unit at a time",
) -> None:
    """A slider for each code unit of a VAE, and what the decoder draws.

    The units that the encoder pays most for come first. The figure behind it shows the
    code of the first image, each of the first six units in turn going from -3 to 3.

    Parameters
    ----------
    decoder : nn.Module
        From (n, k) to (n, 784) or (n, 1, 28, 28), black 0 to white 1. What layers it
        may have, :func:`pack` says.
    nats : Tensor, shape (k,)
        Divergence from the prior of each unit, a mean over images.
    mu : Tensor, shape (m, k)
        The encoder's mean for each of the images below.
    images : Tensor, shape (m, 1, 28, 28) or (m, 28, 28)
        Images to begin with, of 8 bits.
    names : sequence of str
        What each image shows.
    alt : str
        What the figure shows, for a reader who does not see it.
    title : str

    Raises
    ------
    ValueError
        If shapes do not fit together, ``alt`` is empty, or all is too large for a page.
    """
    k = len(nats)
    if mu.ndim != 2 or mu.shape[1] != k or not len(mu) == len(images) == len(names):
        raise ValueError(
            f"mu has shape {tuple(mu.shape)} and images {tuple(images.shape)}, for "
            f"{k} units and {len(names)} names, expected (m, {k}), (m, 28, 28) and m "
            "names"
        )
    nats, mu = nats.detach().float().cpu(), mu.detach().float().cpu()
    order = nats.argsort(descending=True)
    shown, values = order[:6], torch.linspace(-3, 3, 7)
    paths = mu[:1].repeat(len(shown), 7, 1)  # (units, 7, k)
    for row, unit in enumerate(shown):
        paths[row, :, unit] = values
    with torch.no_grad():
        sheet = decoder(paths.view(-1, k)).view(-1, 7, 28, 28)
    figure = plots.grid_figure(
        sheet,
        [f"$z_{{{unit + 1}}}$\n{nats[unit]:.1f} nats" for unit in shown.tolist()],
        [f"{value:.0f}".replace("-", "\u2212") for value in values.tolist()],
    )
    # Wider than the prior: sliders reach farther.
    draws = 1.3 * torch.randn(4000, k, generator=torch.Generator().manual_seed(0))
    tried = torch.cat([torch.zeros(1, k), mu[:2], draws[:1], paths[0, -1:]])
    contents = {
        "decoder": pack(decoder, draws),
        "nats": nats.tolist(),
        "order": order.tolist(),
        "codes": array(mu),
        "images": array((images.reshape(-1, 28, 28) * 255).round().to(torch.uint8)),
        "names": list(names),
        "norms": norm_range(k),
        "checks": checks(decoder, tried),
    }
    show("traversal", contents, figure, title=title, alt=alt)


def norm_range(k: int, share: float = 0.95) -> list[float]:
    """Between which lengths a share of all standard normal vectors lies.

    The length of a vector with k independent standard normal coordinates has a chi
    distribution with k degrees of freedom; as many are shorter as are longer.

    Parameters
    ----------
    k : int
    share : float

    Returns
    -------
    list of two float
    """
    length = torch.linspace(0, 3 * k**0.5 + 5, 100_001, dtype=torch.double)
    below = torch.special.gammainc(torch.tensor(k / 2.0).double(), length**2 / 2)
    tails = torch.tensor([(1 - share) / 2, (1 + share) / 2]).double()
    return length[torch.searchsorted(below, tails)].tolist()
