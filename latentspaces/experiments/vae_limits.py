"""Recorded experiments of the chapter *The VAE's limits*."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim.lr_scheduler import LinearLR

from latentspaces import classifier, garments, metrics
from latentspaces.data import Dataset
from latentspaces.experiments import Experiment, Row
from latentspaces.training import fit, updates

SEEDS = (0, 1, 2)
PIXELS = 28 * 28


class VAE(nn.Module):
    """The chapter's model: one hidden layer each way, a Bernoulli decoder.

    With ``past`` the decoder also sees the pixels before the one that it predicts, in
    reading order, through one masked matrix.
    """

    def __init__(self, code: int, width: int, past: bool = False) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Linear(PIXELS, width), nn.ReLU(), nn.Linear(width, 2 * code)
        )
        self.decoder = nn.Sequential(
            nn.Linear(code, width), nn.ReLU(), nn.Linear(width, PIXELS)
        )
        self.past = nn.Parameter(torch.zeros(PIXELS, PIXELS)) if past else None

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mu, log_var = self.encoder(x).chunk(2, dim=1)
        return mu, log_var

    def terms(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Distortion (n,) and the KL of each unit (n, k), in nats."""
        mu, log_var = self.encode(x)
        z = mu + (log_var / 2).exp() * torch.randn_like(mu)
        logits = self.decoder(z)
        if self.past is not None:
            logits = logits + x @ self.past.tril(-1).T
        distortion = F.binary_cross_entropy_with_logits(
            logits, x, reduction="none"
        ).sum(1)
        return distortion, 0.5 * (mu.square() + log_var.exp() - 1 - log_var)


def train(
    x: Tensor,
    recipe: dict[str, Any],
    seed: int,
    objective: Callable[[Tensor, Tensor, float], Tensor],
) -> VAE:
    """Fit a VAE; the objective gets both terms and the share of training done."""
    torch.manual_seed(seed)
    model = VAE(recipe["code"], recipe["width"], recipe["past"])
    for layer in model.modules():
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
    with torch.no_grad():
        model.decoder[-1].bias.copy_(torch.logit(x.mean(0), eps=1e-3))
    matrices = [p for p in model.parameters() if p.ndim == 2]
    biases = [p for p in model.parameters() if p.ndim < 2]
    if recipe["adam"]:
        optimizers = [torch.optim.Adam(model.parameters(), lr=recipe["rate"])]
    else:
        optimizers = [
            torch.optim.Muon(matrices, lr=recipe["rate"], weight_decay=0.0),
            torch.optim.AdamW(biases, lr=recipe["bias_rate"], weight_decay=0.0),
        ]
    total = updates(len(x), recipe["epochs"], recipe["batch_size"])
    step = 0

    def loss(model: VAE, x: Tensor) -> Tensor:
        nonlocal step
        value = objective(*model.terms(x), step / total)
        step += 1
        return value

    fit(
        model,
        loss,
        x,
        optimizer=optimizers,
        scheduler=[LinearLR(each, 1.0, 0.0, total) for each in optimizers],
        epochs=recipe["epochs"],
        batch_size=recipe["batch_size"],
        seed=seed,
    )
    return model


@torch.no_grad()
def judge(model: VAE, x: Tensor) -> dict[str, float]:
    """Rate, distortion, their sum and the active units, on held-out images."""
    torch.manual_seed(0)
    distortion, divergence = model.terms(x)
    rate = divergence.sum(1).mean().item()
    return {
        "rate": rate,
        "distortion": distortion.mean().item(),
        "negative_elbo": rate + distortion.mean().item(),
        "active": float((model.encode(x)[0].var(0) > 0.01).sum()),
    }


def flat(images: Tensor) -> Tensor:
    return images.flatten(1)


RECIPE: dict[str, Any] = {
    "loss": "distortion + beta * rate, in nats, Bernoulli decoder on grey pixels",
    "code": 20,
    "width": 256,
    "past": False,  # whether the decoder sees earlier pixels
    "init": "glorot, decoder bias at the logit of the mean image",
    "adam": False,  # Muon for the matrices and AdamW for the biases
    "rate": 0.02,
    "bias_rate": 0.005,
    "decay": True,  # rates to zero along a straight line
    "batch_size": 256,
    "epochs": 3,
}
"""The chapter's recipe, chosen on the validation images."""


# Rate and distortion


RATE_DISTORTION = RECIPE | {
    "epochs": 2,
    "betas": [0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0],
    "images": 5_000,
}


def rate_distortion(data: Dataset, recipe: dict[str, Any], seed: int) -> list[Row]:
    """Train with several weights on the KL, and judge codes, pictures and samples."""
    ruler = classifier.load()
    n = recipe["images"]
    x, x_test = flat(data.train.x), flat(data.test.x)

    def features(images: Tensor) -> Tensor:
        return ruler.features(images.view(-1, 1, 28, 28))

    real = features(x_test[:n])
    floor = metrics.frechet_distance(features(x[:n]), real)
    rows: list[Row] = []
    for beta in recipe["betas"]:
        model = train(
            x, recipe, seed, lambda d, r, t, beta=beta: (d + beta * r.sum(1)).mean()
        )
        measures = judge(model, x_test)
        torch.manual_seed(seed)
        with torch.no_grad():
            mu, log_var = model.encode(x_test[n : 2 * n])
            z = mu + (log_var / 2).exp() * torch.randn_like(mu)
            pictures = {
                "reconstruction": model.decoder(z).sigmoid(),
                "sample": model.decoder(torch.randn_like(mu)).sigmoid(),
            }
        for name, images in pictures.items():
            measures[f"frechet_{name}"] = metrics.frechet_distance(
                features(images), real
            )
        rows.append(({"beta": beta}, measures | {"frechet_floor": floor}))
    return rows


# Collapse by the optimisation


COLLAPSE = RECIPE | {
    "code": 10,
    "adam": True,
    "rate": 0.002,
    "images": 20_000,
    "epochs": 5,
    "free": 0.5,  # nats for each unit
    "warm_up": 0.4,  # share of the training in which the weight rises from 0 to 1
    "heavy": 100.0,  # weight on the KL in the first part of the training
    "heavy_until": 0.2,
    "variants": {
        "plain": {},
        "annealed": {"schedule": "rising"},
        "free bits": {"schedule": "free"},
        "heavy start": {"schedule": "heavy"},
        "heavy start, then annealed": {"schedule": "heavy, rising"},
        "heavy start, Muon": {"schedule": "heavy", "adam": False, "rate": 0.02},
        "plain, Muon": {"adam": False, "rate": 0.02},
        "autoregressive, plain": {"past": True},
        "autoregressive, annealed": {"past": True, "schedule": "rising"},
        "autoregressive, free bits": {"past": True, "schedule": "free"},
    },
}


def collapse(data: Dataset, recipe: dict[str, Any], seed: int) -> list[Row]:
    """Vary how the KL is weighted during training; the model stays what it is."""
    x, x_test = flat(data.train.x)[: recipe["images"]], flat(data.test.x)
    rows: list[Row] = []
    for name, change in recipe["variants"].items():
        chosen = {"schedule": "plain"} | recipe | change
        model = train(x, chosen, seed, weighted(chosen))
        rows.append(({"variant": name}, judge(model, x_test)))
    return rows


def weighted(recipe: dict[str, Any]) -> Callable[[Tensor, Tensor, float], Tensor]:
    """The objective of one of the variants."""
    schedule, until = recipe["schedule"], recipe["heavy_until"]

    def weight(t: float) -> float:
        if schedule.startswith("heavy") and t < until:
            return recipe["heavy"]
        if schedule == "rising":
            return min(1.0, t / recipe["warm_up"])
        if schedule == "heavy, rising":
            return min(1.0, (t - until) / recipe["warm_up"])
        return 1.0

    def objective(distortion: Tensor, divergence: Tensor, t: float) -> Tensor:
        each = divergence.mean(0)  # (k,)
        if schedule == "free":
            each = each.clamp_min(recipe["free"])
        return distortion.mean() + weight(t) * each.sum()

    return objective


# Disentanglement


DISENTANGLEMENT = RECIPE | {
    "code": 10,
    "class": 0,
    "moving": {"x": 3.0, "y": 2.0, "tilt": 15.0, "width": 1.0, "shade": 1.0},
    "images": 10_000,
    "held_out": 5_000,
    "batch_size": 128,
    "epochs": 8,
    "bins": 20,
    "betas": [1.0, 4.0, 16.0],
}


def shirts(recipe: dict[str, Any], n: int, seed: int) -> tuple[Tensor, Tensor]:
    """T-shirts (n, 784) of which a few factors vary, and those factors, -1 to 1."""
    generator = torch.Generator().manual_seed(seed)
    reach = recipe["moving"]
    v = 2 * torch.rand(n, len(reach), generator=generator) - 1
    factors: dict[str, float | Tensor] = dict.fromkeys(garments.FACTOR_NAMES, 0.0)
    factors["texture"] = -1.0
    for j, (name, size) in enumerate(reach.items()):
        factors[name] = size * v[:, j]
    return flat(garments.draw(n, classes=[recipe["class"]], factors=factors).x), v


def mutual_information(a: Tensor, b: Tensor, bins: int) -> Tensor:
    """Mutual information of each column of a with each of b, in nats, by counting.

    Each column is cut into bins that hold equally many samples.
    """
    n = len(a)
    cuts = [
        (column.argsort().argsort() * bins // n) for column in torch.cat([a, b], 1).T
    ]
    table = torch.empty(a.shape[1], b.shape[1])
    for i in range(a.shape[1]):
        for j in range(b.shape[1]):
            pair = cuts[i] * bins + cuts[a.shape[1] + j]
            p = torch.bincount(pair, minlength=bins * bins).double() / n
            entropy = -(p[p > 0] * p[p > 0].log()).sum()
            table[i, j] = 2 * math.log(bins) - entropy
    return table


def gap(table: Tensor, bins: int) -> Tensor:
    """Mutual information gap of each factor (Chen et al. 2018)."""
    best = table.topk(2, dim=0).values
    return (best[0] - best[1]) / math.log(bins)


def explained(z: Tensor, v: Tensor) -> Tensor:
    """Share of each factor's variance that a linear map of the codes explains."""
    z = torch.cat([z, torch.ones(len(z), 1)], 1)
    half = len(z) // 2
    found = torch.linalg.lstsq(z[:half], v[:half]).solution
    rest = (v[half:] - z[half:] @ found).square().sum(0)
    return 1 - rest / (v[half:] - v[half:].mean(0)).square().sum(0)


def disentanglement(data: Dataset, recipe: dict[str, Any], seed: int) -> list[Row]:
    """Compare codes with the true factors: gap and linear probe, over β."""
    x, _ = shirts(recipe, recipe["images"], 0)
    x_test, v = shirts(recipe, recipe["held_out"], 1)
    bins = recipe["bins"]
    rows: list[Row] = []

    def measures(z: Tensor) -> dict[str, float]:
        each = gap(mutual_information(z, v, bins), bins)
        names = zip(recipe["moving"], each.tolist(), strict=True)
        return {
            "gap": each.mean().item(),
            "explained": explained(z, v).mean().item(),
        } | {f"gap_{name}": value for name, value in names}

    directions = torch.linalg.eigh(x.T.cov()).eigenvectors.flip(1)
    codes = (x_test - x.mean(0)) @ directions[:, : recipe["code"]]
    rows.append(({"model": "PCA", "axes": "as found"}, measures(codes)))
    for beta in recipe["betas"]:
        model = train(
            x, recipe, seed, lambda d, r, t, beta=beta: (d + beta * r.sum(1)).mean()
        )
        torch.manual_seed(seed)
        rotation = torch.linalg.qr(torch.randn(recipe["code"], recipe["code"])).Q
        with torch.no_grad():
            mu = model.encode(x_test)[0]
        quality = judge(model, x_test)
        name = f"VAE, β = {beta:g}"
        rows.append(({"model": name, "axes": "as found"}, measures(mu) | quality))
        rows.append(
            ({"model": name, "axes": "turned"}, measures(mu @ rotation) | quality)
        )
    return rows


EXPERIMENTS = (
    Experiment("vae-limits-collapse", COLLAPSE, SEEDS, collapse),
    Experiment(
        "vae-limits-disentanglement",
        DISENTANGLEMENT,
        SEEDS,
        disentanglement,
        (garments,),
    ),
    Experiment(
        "vae-limits-rate-distortion",
        RATE_DISTORTION,
        SEEDS,
        rate_distortion,
        (classifier, metrics),
    ),
)
