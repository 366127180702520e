"""Recorded experiments of the chapter *Anomaly detection*.

A seed decides the split of the beats as well as the start and the order of training,
so that what is recorded as spread includes which beats happened to be tested.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim.lr_scheduler import LinearLR

from latentspaces import metrics
from latentspaces.data import Dataset, ecg5000
from latentspaces.experiments import Experiment, Row
from latentspaces.training import fit, updates

SEEDS = (0, 1, 2, 3, 4)
POINTS = 140
Score = Callable[[Tensor], Tensor]


def beats(data: Dataset, seed: int) -> Dataset:
    """The heartbeats, split by the seed, from where ``data`` came from."""
    found = ecg5000(seed=seed)
    if found.source != data.source:
        raise RuntimeError(
            f"the heartbeats are {found.source} and {data.name} are {data.source}: "
            "have both real or both drawn, since the result says which it was"
        )
    return found


# Models


def overview_network() -> nn.Sequential:
    """140-32-16-8-16-32-140, with the initial weights of Keras."""
    sizes = (POINTS, 32, 16, 8, 16, 32, POINTS)
    layers: list[nn.Module] = []
    for i in range(len(sizes) - 1):
        layers += [nn.Linear(sizes[i], sizes[i + 1]), nn.ReLU()]
    layers[-1] = nn.Sigmoid()
    for layer in layers:
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
    return nn.Sequential(*layers)


def linear_code(code: int) -> nn.Sequential:
    """140-64-32-code and back, no nonlinearity at the code and at the output."""
    sizes = (POINTS, 64, 32, code, 32, 64, POINTS)
    layers: list[nn.Module] = []
    for i in range(len(sizes) - 1):
        layers += [nn.Linear(sizes[i], sizes[i + 1]), nn.ReLU()]
    del layers[-1], layers[5]
    return nn.Sequential(*layers)


def train_linear_code(x: Tensor, code: int, recipe: dict[str, Any], seed: int) -> Score:
    """Fit the autoencoder with linear code; returns its squared error as a score."""
    torch.manual_seed(seed)
    model = linear_code(code)
    adam = torch.optim.Adam(model.parameters(), lr=recipe["rate"])
    total = updates(len(x), recipe["epochs"], recipe["batch_size"])
    fit(
        model,
        lambda model, x: F.mse_loss(model(x), x),
        x,
        optimizer=adam,
        scheduler=LinearLR(adam, 1.0, 0.0, total),
        epochs=recipe["epochs"],
        batch_size=recipe["batch_size"],
        seed=seed,
    )
    return lambda x: metrics.reconstruction_errors(x, model(x))


def pca(x: Tensor, k: int) -> Score:
    """Squared distance to the plane of the first k principal directions."""
    mean = x.mean(0)
    vectors = torch.linalg.eigh((x - mean).T @ (x - mean))[1].flip(1)[:, :k]

    def score(x: Tensor) -> Tensor:
        x_hat = mean + (x - mean) @ vectors @ vectors.T
        return metrics.reconstruction_errors(x, x_hat)

    return score


def judged(scores: Tensor, y: Tensor) -> float:
    """AUROC with the abnormal beats as positive."""
    return metrics.auroc(scores, y == 0)


# The overview's detector as it stands, and the constant behind it


OVERVIEW: dict[str, Any] = {
    "network": "140-32-16-8-16-32-140, ReLU, sigmoid at the output",
    "init": "Glorot uniform, biases zero",
    "scale": "all data by the least and largest training value, to [0, 1]",
    "loss": "mean absolute error",
    "rate": 1e-3,
    "eps": 1e-7,
    "batch_size": 512,
    "epochs": [20, 380],
    "threshold": "mean + 1 standard deviation of the training errors",
}


@torch.no_grad()
def overview_measures(score: Score, normal: Tensor, x: Tensor, y: Tensor):
    """Accuracy, precision and recall with *normal* as positive, and AUROC."""
    errors = score(normal)
    threshold = errors.mean() + errors.std(correction=0)
    scores = score(x)
    called, is_normal = scores < threshold, y == 1
    return {
        "accuracy": (called == is_normal).float().mean().item(),
        "precision": is_normal[called].float().mean().item(),
        "recall": called[is_normal].float().mean().item(),
        "auroc": judged(scores, y),
    }


def overview(data: Dataset, recipe: dict[str, Any], seed: int) -> list[Row]:
    """The network after few and after many updates, and the median beat."""
    split = beats(data, seed)
    x = torch.cat([split.train.x, split.validation.x])
    y = torch.cat([split.train.y, split.validation.y])
    low, high = x.min(), x.max()
    normal, x_test = ((part - low) / (high - low) for part in (x[y == 1], split.test.x))
    y_test = split.test.y
    median = normal.median(0).values

    def constant(x: Tensor) -> Tensor:
        return (x - median).abs().mean(1)

    measured = overview_measures(constant, normal, x_test, y_test)
    rows: list[Row] = [({"model": "median beat", "updates": 0}, measured)]
    for epochs in recipe["epochs"]:
        torch.manual_seed(seed)
        model = overview_network()
        adam = torch.optim.Adam(
            model.parameters(), lr=recipe["rate"], eps=recipe["eps"]
        )
        fit(
            model,
            lambda model, x: F.l1_loss(model(x), x),
            normal,
            optimizer=adam,
            epochs=epochs,
            batch_size=recipe["batch_size"],
            seed=seed,
        )

        def score(x: Tensor, model: nn.Module = model) -> Tensor:
            return metrics.reconstruction_errors(x, model(x), "absolute")

        measured = overview_measures(score, normal, x_test, y_test)
        with torch.no_grad():
            both = torch.stack([score(x_test), constant(x_test)])
            moves = model(normal).var(0).sum() / normal.var(0).sum()
        measured["correlation"] = torch.corrcoef(both)[0, 1].item()
        measured["output_variance"] = moves.item()
        count = updates(len(normal), epochs, recipe["batch_size"])
        rows.append(({"model": "network", "updates": count}, measured))
    return rows


# Five detectors under one protocol


DETECTORS: dict[str, Any] = {
    "components": 2,
    "neighbours": 5,
    "network": "140-64-32-8-32-64-140, ReLU, linear code and output",
    "code": 8,
    "rate": 3e-3,  # Adam, to zero along a straight line
    "batch_size": 64,
    "epochs": 50,
    "alpha": 0.05,
}


def fitted(normal: Tensor, recipe: dict[str, Any], seed: int) -> dict[str, Score]:
    """Each detector's score, fitted on normal beats."""
    median, mean = normal.median(0).values, normal.mean(0)
    neighbours = recipe["neighbours"]
    return {
        "median beat, absolute error": lambda x: (x - median).abs().mean(1),
        "mean beat, squared error": lambda x: (x - mean).square().mean(1),
        "PCA": pca(normal, recipe["components"]),
        "autoencoder, linear code": train_linear_code(
            normal, recipe["code"], recipe, seed
        ),
        "nearest neighbours": lambda x: (
            torch.cdist(x, normal).topk(neighbours, largest=False).values.mean(1)
        ),
    }


def at_rate(scores: Tensor, alpha: float) -> Tensor:
    """The threshold that a new score of the same kind exceeds with probability α."""
    rank = math.ceil((1 - alpha) * (len(scores) + 1))
    return scores.sort().values[rank - 1]


@torch.no_grad()
def detectors(data: Dataset, recipe: dict[str, Any], seed: int) -> list[Row]:
    """AUROC, and the rates at thresholds taken from three places."""
    split = beats(data, seed)
    normal = split.train.x[split.train.y == 1]
    with torch.enable_grad():
        scores = fitted(normal, recipe, seed)
    y, abnormal = split.validation.y, split.test.y == 0
    rows: list[Row] = []
    for name, score in scores.items():
        on_normal = score(normal)
        on_valid, on_test = score(split.validation.x), score(split.test.x)
        held_out = at_rate(on_valid[y == 1], recipe["alpha"])
        hits = (on_valid[None, :] > on_valid[:, None]) == (y == 0)
        best = on_valid[hits.float().mean(1).argmax()]
        fit_too = at_rate(on_normal, recipe["alpha"])
        rows.append(
            (
                {"detector": name},
                {
                    "auroc": judged(on_test, split.test.y),
                    "auroc_validation": judged(on_valid, y),
                    "accuracy": ((on_test > best) == abnormal).float().mean().item(),
                    "recall": (on_test > held_out)[abnormal].float().mean().item(),
                    "false_alarms": (on_test > held_out)[~abnormal]
                    .float()
                    .mean()
                    .item(),
                    "false_alarms_training": (on_test > fit_too)[~abnormal]
                    .float()
                    .mean()
                    .item(),
                },
            )
        )
    return rows


# Too good a reconstructor


WIDTHS: dict[str, Any] = DETECTORS | {
    "components": [0, 1, 2, 4, 8, 16, 32, 48, 64, 80, 100, 120],
    "codes": [2, 8, 32],
}


@torch.no_grad()
def widths(data: Dataset, recipe: dict[str, Any], seed: int) -> list[Row]:
    """AUROC and error of PCA and of the autoencoder against the width of the code."""
    split = beats(data, seed)
    normal = split.train.x[split.train.y == 1]
    held_out = split.validation.x[split.validation.y == 1]
    rows: list[Row] = []

    def add(model: str, k: int, score: Score) -> None:
        measured = {
            "auroc": judged(score(split.test.x), split.test.y),
            "auroc_validation": judged(score(split.validation.x), split.validation.y),
            "error": score(held_out).mean().item(),
        }
        rows.append(({"model": model, "code": k}, measured))

    for k in recipe["components"]:
        add("PCA", k, pca(normal, k))
    for k in recipe["codes"]:
        with torch.enable_grad():
            score = train_linear_code(normal, k, recipe, seed)
        add("autoencoder", k, score)
    return rows


EXPERIMENTS = (
    Experiment("anomaly-detection-overview", OVERVIEW, SEEDS, overview),
    Experiment("anomaly-detection-detectors", DETECTORS, SEEDS, detectors),
    Experiment("anomaly-detection-widths", WIDTHS, SEEDS, widths),
)
