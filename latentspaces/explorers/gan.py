"""A discriminator to train, and the smallest GAN."""

from __future__ import annotations

from collections.abc import Callable

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from latentspaces.explorers.display import show
from latentspaces.explorers.packing import array, pack


def discriminator(
    d: nn.Module,
    p: torch.distributions.MixtureSameFamily,
    q: torch.distributions.Normal,
    figure: Figure,
    *,
    alt: str,
    low: float = -6.0,
    high: float = 6.0,
    title: str = "Move the generator, train the discriminator",
) -> None:
    """A discriminator of numbers against the best one; the generator can be moved.

    In the page the discriminator goes on training, and so can the generator.

    Parameters
    ----------
    d : nn.Module
        Linear layers with ReLU between, from (n, 1) to (n, 1), logits.
    p : MixtureSameFamily of Normal
        The data.
    q : Normal
        The generator's distribution when ``d`` was trained.
    figure : Figure
        What is there on paper and without JavaScript.
    alt : str
        What the figure shows, for a reader who does not see it.
    low, high : float
        Ends of the axis.
    title : str

    Raises
    ------
    ValueError
        If ``alt`` is empty, or ``d`` has other layers.
    """
    layers = pack(d)
    if any(layer["op"] not in ("linear", "relu") for layer in layers):
        raise ValueError(
            f"{d} has other layers than Linear and ReLU, which are expected"
        )
    x = torch.linspace(low, high, 7)[:, None].requires_grad_()
    rows = []
    for point in x:
        logit = d(point)
        slope, *weights = torch.autograd.grad(
            logit.sum(), [x, *d.parameters()], retain_graph=True
        )
        length = sum(g.square().sum() for g in weights) ** 0.5
        rows.append([logit.item(), slope.sum().item(), length.item()])
    parts = p.component_distribution
    contents = {
        "d": layers,
        "p": [
            {"weight": w, "mean": m, "sd": s}
            for w, m, s in zip(
                p.mixture_distribution.probs.tolist(),
                parts.loc.tolist(),
                parts.scale.tolist(),
                strict=True,
            )
        ],
        "q": {"mean": float(q.loc), "sd": float(q.scale)},
        "low": low,
        "high": high,
        "checks": {"inputs": array(x.detach()), "outputs": array(torch.tensor(rows))},
    }
    show("discriminator", contents, figure, title=title, alt=alt)


def dirac_gan(
    simulate: Callable[[float], Tensor],
    figure: Figure,
    *,
    alt: str,
    gamma: float = 0.0,
    rate: float = 0.1,
    reach: float = 2.6,
    title: str = "The smallest GAN: choose where it starts",
) -> None:
    """The field and the steps of the Dirac-GAN, from a point that the reader chooses.

    Parameters
    ----------
    simulate : callable
        From a penalty to the path (steps + 1, 2) of generator and discriminator, with
        the min-max loss and steps of size ``rate``.
    figure : Figure
        What is there on paper and without JavaScript.
    alt : str
        What the figure shows, for a reader who does not see it.
    gamma, rate : float
        Penalty and step size at first.
    reach : float
        Half the width of the plane that is shown.
    title : str

    Raises
    ------
    ValueError
        If ``alt`` is empty.
    """
    gammas = torch.tensor([0.0, 0.3, 1.0])
    paths = [simulate(float(value)) for value in gammas]
    contents = {
        "start": paths[0][0].tolist(),
        "steps": len(paths[0]) - 1,
        "gamma": gamma,
        "rate": rate,
        "reach": reach,
        "checks": {
            "inputs": array(gammas),
            "outputs": array(torch.stack([path.flatten() for path in paths])),
        },
    }
    show("dirac-gan", contents, figure, title=title, alt=alt)
