"""Recorded experiments of the chapter *Four lenses*."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import MultivariateNormal

from latentspaces.data import Dataset
from latentspaces.experiments import Experiment, Row

SEEDS = (0, 1, 2, 3, 4)

LogDensity = Callable[[Tensor], Tensor]
Mixture = tuple[Tensor, Tensor, Tensor]

RECIPE: dict[str, Any] = {
    "points": {"train": 300, "validation": 300, "test": 2000},
    "noise": 0.1,
    "bins": [5, 8, 10, 12, 15, 18, 20, 25, 30, 40],
    "bandwidths": [-2.0, 0.3, 40],  # powers of ten, from, to, how many
    "components": [1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 24],
    "starts": 3,
    "em_steps": 150,
    "floor": 1e-3,
    "autoencoder": {"width": 128, "rate": 5e-3, "steps": 2000},
    "prior_components": [1, 2, 4, 6, 8],
    "prior_starts": 2,
    "sigmas": [-1.2, 0.3, 31],
}


# Points near a spiral


def curve(t: Tensor) -> Tensor:
    """The spiral, shape (n, 2), at the places t in [0, 1]."""
    angle, radius = 0.3 + 5.5 * t, 0.6 + t
    return torch.stack([radius * angle.cos(), radius * angle.sin()], dim=1)


def points(n: int, noise: float, seed: int) -> Tensor:
    """Draw points (n, 2) near the spiral, more of them far out."""
    generator = torch.Generator().manual_seed(seed)
    t = torch.rand(n, generator=generator).sqrt()
    return curve(t) + noise * torch.randn(n, 2, generator=generator)


# Densities


def log_hills(
    x: Tensor, centres: Tensor, h: float, log_weight: Tensor | None = None
) -> Tensor:
    """Log density of round Gaussian hills of width h, equally heavy by default."""
    if log_weight is None:
        log_weight = torch.tensor(-math.log(len(centres)))
    square = (x[:, None] - centres).square().sum(2)
    d = x.shape[1]
    log_hill = -square / (2 * h**2) - d / 2 * math.log(2 * math.pi * h**2)
    return torch.logsumexp(log_weight + log_hill, dim=1)


def log_histogram(x: Tensor, train: Tensor, bins: int, reach: float = 2.5) -> Tensor:
    """Log density of a histogram with a tenth of a point added to each square."""

    def square(points: Tensor) -> Tensor:
        index = ((points + reach) / (2 * reach) * bins).long().clamp(0, bins - 1)
        return index[:, 0] * bins + index[:, 1]

    counts = square(train).bincount(minlength=bins**2) + 0.1
    return (counts / counts.sum() / (2 * reach / bins) ** 2).log()[square(x)]


def log_joint(x: Tensor, w: Tensor, mu: Tensor, cov: Tensor) -> Tensor:
    """Log of weight times density, of each component at each point, (n, M)."""
    return w.log() + MultivariateNormal(mu, cov).log_prob(x[:, None])


def log_mixture(x: Tensor, mixture: Mixture) -> Tensor:
    """Log density of a Gaussian mixture."""
    return log_joint(x, *mixture).logsumexp(1)


def em(x: Tensor, components: int, seed: int, recipe: dict[str, Any]) -> Mixture:
    """Fit a Gaussian mixture by expectation maximisation."""
    generator = torch.Generator().manual_seed(seed)
    d = x.shape[1]
    mu = x[torch.randperm(len(x), generator=generator)[:components]]
    w = torch.full((components,), 1 / components)
    cov = x.T.cov().reshape(d, d).expand(components, d, d)
    for _ in range(recipe["em_steps"]):
        r = log_joint(x, w, mu, cov).softmax(1)
        share = r.sum(0)
        w, mu = share / len(x), r.T @ x / share[:, None]
        gap = x[:, None] - mu
        cov = torch.einsum("nm,nmi,nmj->mij", r, gap, gap) / share[:, None, None]
        cov = cov + recipe["floor"] * torch.eye(d)
    return w, mu, cov


def log_normal(z: Tensor) -> Tensor:
    """Log density of N(0, 1) at codes of shape (n, 1)."""
    return -0.5 * z[:, 0].square() - 0.5 * math.log(2 * math.pi)


def log_decoder(
    x: Tensor, sigma: float, decoder: nn.Module, log_prior: LogDensity
) -> Tensor:
    """Log density of a decoder with prior and noise, by a sum over codes."""
    z = torch.linspace(-14, 14, 2000)[:, None]
    with torch.no_grad():
        weight = log_prior(z) + math.log(28 / 1999)
        return log_hills(x, decoder(z), sigma, weight)


# The experiment


def powers(low: float, high: float, count: int) -> list[float]:
    """Numbers from 10^low to 10^high, evenly spaced in the logarithm."""
    return torch.logspace(low, high, count).tolist()


def autoencoder(
    x: Tensor, recipe: dict[str, Any], seed: int
) -> tuple[nn.Module, nn.Module]:
    """Train the chapter's ten lines; return encoder and decoder."""
    torch.manual_seed(seed)
    width = recipe["width"]
    encoder = nn.Sequential(nn.Linear(2, width), nn.Tanh(), nn.Linear(width, 1))
    decoder = nn.Sequential(nn.Linear(1, width), nn.Tanh(), nn.Linear(width, 2))
    optimizer = torch.optim.Adam(
        [*encoder.parameters(), *decoder.parameters()], lr=recipe["rate"]
    )
    for _ in range(recipe["steps"]):
        loss = (x - decoder(encoder(x))).square().sum(1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return encoder, decoder


def densities(data: Dataset, recipe: dict[str, Any], seed: int) -> list[Row]:
    """How near five densities come to the truth, each chosen on validation points.

    The points are drawn here: the course's data are not used.
    """
    sizes = recipe["points"]
    train, valid, test = (
        points(n, recipe["noise"], 10 * seed + i) for i, n in enumerate(sizes.values())
    )

    def chosen(family: list[LogDensity]) -> LogDensity:
        return max(family, key=lambda log_density: log_density(valid).mean().item())

    mixtures = [
        em(train, m, start, recipe)
        for m in recipe["components"]
        for start in range(recipe["starts"])
    ]
    encoder, decoder = autoencoder(train, recipe["autoencoder"], seed)
    with torch.no_grad():
        z, z_valid = encoder(train), encoder(valid)
    priors = [
        em(z, m, start, recipe)
        for m in recipe["prior_components"]
        for start in range(recipe["prior_starts"])
    ]
    prior = max(priors, key=lambda one: log_mixture(z_valid, one).mean().item())
    sigmas = powers(*recipe["sigmas"])
    t = (torch.arange(2000) + 0.5) / 2000
    models: dict[str, LogDensity] = {
        "one Gaussian": lambda x: log_mixture(x, em(train, 1, 0, recipe)),
        "histogram": chosen(
            [lambda x, b=b: log_histogram(x, train, b) for b in recipe["bins"]]
        ),
        "kernels": chosen(
            [
                lambda x, h=h: log_hills(x, train, h)
                for h in powers(*recipe["bandwidths"])
            ]
        ),
        "mixture": chosen([lambda x, m=m: log_mixture(x, m) for m in mixtures]),
        "decoder, prior N(0, 1)": chosen(
            [lambda x, s=s: log_decoder(x, s, decoder, log_normal) for s in sigmas]
        ),
        "decoder, fitted prior": chosen(
            [
                lambda x, s=s: log_decoder(
                    x, s, decoder, lambda z: log_mixture(z, prior)
                )
                for s in sigmas
            ]
        ),
        "the truth": lambda x: log_hills(
            x, curve(t), recipe["noise"], (2 * t / 2000).log()
        ),
    }
    truth = models["the truth"](test)
    return [
        (
            {"model": name},
            {
                "log_likelihood": log_density(test).mean().item(),
                "divergence": (truth - log_density(test)).mean().item(),
            },
        )
        for name, log_density in models.items()
    ]


EXPERIMENTS = (Experiment("four-lenses-densities", RECIPE, SEEDS, densities),)
