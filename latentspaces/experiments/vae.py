"""Recorded experiments of the chapter *Variational autoencoder*."""

from __future__ import annotations

import copy
import itertools
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim.lr_scheduler import LinearLR

from latentspaces import metrics
from latentspaces.data import Dataset
from latentspaces.experiments import Experiment, Kept, Row
from latentspaces.training import evaluate, fit, updates

SEEDS = (0, 1, 2)
PIXELS = 28 * 28


# The chapter's model and its loss


def dense(*sizes: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for a, b in itertools.pairwise(sizes):
        layers += [nn.Linear(a, b), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


class VAE(nn.Module):
    """Dense encoder to mean and log variance, dense decoder to logits."""

    def __init__(self, code: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.encoder = dense(PIXELS, *widths, 2 * code)
        self.decoder = dense(code, *widths[::-1], PIXELS)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mu, log_var = self.encoder(x).chunk(2, dim=1)
        return mu, log_var

    def decode(self, z: Tensor) -> Tensor:
        return self.decoder(z)


def costs(model: VAE, x: Tensor) -> tuple[Tensor, Tensor]:
    """Nats for the pixels and for the code, each of shape (n,)."""
    mu, log_var = model.encode(x)
    z = mu + (0.5 * log_var).exp() * torch.randn_like(mu)
    pixels = F.binary_cross_entropy_with_logits(model.decode(z), x, reduction="none")
    return pixels.sum(1), metrics.kl_to_standard_normal(mu, log_var)


def negative_elbo(model: VAE, x: Tensor) -> Tensor:
    pixels, code = costs(model, x)
    return (pixels + code).mean()


def start_well(model: nn.Module, x: Tensor) -> None:
    """Glorot's weights, no biases but the last: the logit of the mean image."""
    layers = [m for m in model.modules() if isinstance(m, nn.Linear)]
    for layer in layers:
        nn.init.xavier_uniform_(layer.weight)
        nn.init.zeros_(layer.bias)
    with torch.no_grad():
        layers[-1].bias.copy_(torch.logit(x.mean(0), eps=1e-3))


def train(x: Tensor, recipe: dict[str, Any], seed: int) -> VAE:
    torch.manual_seed(seed)
    model = VAE(recipe["code"], tuple(recipe["widths"]))
    start_well(model, x)
    optimizers = [
        torch.optim.Muon(
            [p for p in model.parameters() if p.ndim == 2],
            lr=recipe["rate"],
            weight_decay=0.0,
        ),
        torch.optim.AdamW(
            [p for p in model.parameters() if p.ndim < 2],
            lr=recipe["rate"] / 5,
            weight_decay=0.0,
        ),
    ]
    total = updates(len(x), recipe["epochs"], recipe["batch_size"])
    fit(
        model,
        negative_elbo,
        x,
        optimizer=optimizers,
        scheduler=[LinearLR(o, 1.0, 0.0, total_iters=total) for o in optimizers],
        epochs=recipe["epochs"],
        batch_size=recipe["batch_size"],
        seed=seed,
    )
    return model


@torch.no_grad()
def measure(
    model: VAE, data: Dataset, recipe: dict[str, Any], seed: int
) -> dict[str, float]:
    """Costs of grey images, and the bound for images that were drawn from them."""
    x_test = data.test.x.flatten(1)
    torch.manual_seed(seed)
    x_valid = data.validation.x.flatten(1)
    valid = [evaluate(model, negative_elbo, x_valid) for _ in range(4)]
    pixels, code = costs(model, x_test)
    mu, log_var = model.encode(x_test)
    each = 0.5 * (mu.square() + log_var.expm1() - log_var).mean(0)

    grey = x_test[: recipe["bound_images"]]
    drawn = torch.bernoulli(grey)
    encoded = model.encode(grey)

    def log_likelihood(x: Tensor, z: Tensor) -> Tensor:
        logits = model.decode(z)
        return -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(1)

    bound = metrics.importance_weighted_bound(
        drawn,
        lambda _: encoded,
        log_likelihood,
        samples=recipe["bound_samples"],
        seed=seed,
    )
    return {
        "validation_loss": sum(valid) / len(valid),
        "test_loss": (pixels + code).mean().item(),
        "test_pixels": pixels.mean().item(),
        "test_kl": code.mean().item(),
        "active": float((each > 0.01).sum()),
        "drawn_bound": -bound.mean().item(),
    }


# The chapter's own runs


RECIPE: dict[str, Any] = {
    "loss": "-ELBO, Bernoulli pixels, one code for each image",
    "optimizer": "Muon for the matrices, AdamW (a fifth of the rate) for the biases",
    "rate": 0.02,  # to zero along a straight line
    "batch_size": 256,
    "bound_images": 500,
    "bound_samples": 200,
}

LIVE = RECIPE | {"widths": [256, 128], "epochs": 5, "codes": [2, 10]}


def live(data: Dataset, recipe: dict[str, Any], seed: int) -> list[Row]:
    """The two VAEs that the chapter trains."""
    rows: list[Row] = []
    for code in recipe["codes"]:
        chosen = recipe | {"code": code}
        model = train(data.train.x.flatten(1), chosen, seed)
        settings = {"model": "in the chapter", "code": code, "epochs": recipe["epochs"]}
        rows.append((settings, measure(model, data, recipe, seed)))
    return rows


# Trained longer, and kept


LONG = RECIPE | {
    "widths": [448, 256],
    "code": 16,
    "rate": 0.03,
    "batch_size": 512,
    "epochs": 14,
}


def long(
    data: Dataset, recipe: dict[str, Any], seed: int
) -> tuple[list[Row], nn.Module]:
    """The same model, wider and trained longer; measured in the kept precision."""
    kept = train(data.train.x.flatten(1), recipe, seed).half()
    measures = measure(copy.deepcopy(kept).float(), data, recipe, seed)
    settings = {
        "model": "checkpoint",
        "code": recipe["code"],
        "epochs": recipe["epochs"],
    }
    return [(settings, measures)], kept


EXPERIMENTS = (
    Experiment(
        "vae-long", LONG, SEEDS, long, (metrics,), Kept("vae", "validation_loss")
    ),
    Experiment("vae-live", LIVE, SEEDS, live, (metrics,)),
)
