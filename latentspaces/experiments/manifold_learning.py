"""Recorded experiments of the chapter *Manifold learning*."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from latentspaces.data import Dataset
from latentspaces.experiments import Experiment, Row

SEEDS = (0, 1, 2)


# Intrinsic dimension


def two_nn(x: Tensor, chunk: int = 1000) -> float:
    """Intrinsic dimension from the two nearest neighbours (Facco et al. 2017).

    The unbiased form of the maximum-likelihood estimate, (n - 1) / Σ log(r₂ / r₁).
    """
    x = x.double()  # in single precision cdist blurs small distances
    logs = []
    for part in x.split(chunk):
        r = torch.cdist(part, x).topk(3, largest=False).values  # itself, then two
        logs.append((r[:, 2] / r[:, 1])[r[:, 1] > 1e-6].log())
    log_mu = torch.cat(logs)
    return float((len(log_mu) - 1) / log_mu.sum())


DIMENSION: dict[str, Any] = {
    "sizes": [1000, 2000, 5000, 10_000, 20_000],
    "noise": [0.02, 0.05, 0.1],  # standard deviation, added to each pixel
    "noisy": 10_000,
    "cubes": [5, 10, 20],
    "points": [1000, 10_000],
    "one_class": 5000,
}


def dimension(data: Dataset, recipe: dict[str, Any], seed: int) -> list[Row]:
    """TwoNN on random subsets of the images, with noise, by class; and on cubes."""
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(data.train.x), generator=generator)
    x, y = data.train.x.flatten(1)[order], data.train.y[order]
    rows: list[Row] = []

    def add(what: str, points: Tensor, noise: float = 0.0) -> None:
        if noise:
            points = points + noise * torch.randn(points.shape, generator=generator)
        settings = {"data": what, "noise": noise, "n": len(points)}
        rows.append((settings, {"dimension": two_nn(points)}))

    for n in recipe["sizes"]:
        add("garments", x[:n])
    for noise in recipe["noise"]:
        add("garments", x[: recipe["noisy"]], noise)
    for label, name in enumerate(data.classes):
        rows.append(
            (
                {"data": name, "noise": 0.0, "n": recipe["one_class"]},
                {"dimension": two_nn(x[y == label][: recipe["one_class"]])},
            )
        )
    for k in recipe["cubes"]:
        for n in recipe["points"]:
            add(f"cube {k}", torch.rand(n, k, generator=generator))
    return rows


# Few images, narrow and wide codes


FEW_IMAGES: dict[str, Any] = {
    "images": [300, 55_000],
    "codes": [2, 64],
    "width": 128,
    "rate": 1e-3,
    "batch_size": 64,
    "updates": [300, 1000, 3000, 10_000],
    "measured": 5000,
}


def few_images(data: Dataset, recipe: dict[str, Any], seed: int) -> list[Row]:
    """Errors of narrow and wide autoencoders during training on few or all images."""
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(data.train.x), generator=generator)
    shuffled = data.train.x.flatten(1)[order]
    held_out = {
        "validation": data.validation.x.flatten(1),
        "test": data.test.x.flatten(1),
    }
    rows: list[Row] = []
    for images in recipe["images"]:
        x = shuffled[:images]
        parts = {"training": x[: recipe["measured"]]} | held_out
        for code in recipe["codes"]:
            torch.manual_seed(seed)
            model = narrow(code, recipe["width"])
            optimizer = torch.optim.Adam(model.parameters(), lr=recipe["rate"])
            for update in range(1, max(recipe["updates"]) + 1):
                batch = x[torch.randint(len(x), (recipe["batch_size"],))]
                optimizer.zero_grad()
                F.mse_loss(model(batch), batch).backward()
                optimizer.step()
                if update in recipe["updates"]:
                    with torch.no_grad():
                        errors = {
                            name: F.mse_loss(model(part), part).item()
                            for name, part in parts.items()
                        }
                    errors["ratio"] = errors["test"] / errors["training"]
                    settings = {"images": images, "code": code, "updates": update}
                    rows.append((settings, errors))
    return rows


def narrow(code: int, width: int) -> nn.Sequential:
    """An autoencoder with one hidden layer each way and a linear code."""
    return nn.Sequential(
        nn.Linear(784, width),
        nn.ReLU(),
        nn.Linear(width, code),
        nn.Linear(code, width),
        nn.ReLU(),
        nn.Linear(width, 784),
        nn.Sigmoid(),
    )


EXPERIMENTS = (
    Experiment("manifold-learning-dimension", DIMENSION, SEEDS, dimension),
    Experiment("manifold-learning-few-images", FEW_IMAGES, SEEDS, few_images),
)
