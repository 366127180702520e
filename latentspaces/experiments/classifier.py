"""The classifier on whose features images are compared, and what it tells apart."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim.lr_scheduler import OneCycleLR

from latentspaces import classifier, metrics
from latentspaces.classifier import GarmentClassifier
from latentspaces.data import Dataset
from latentspaces.experiments import Experiment, Kept, Row
from latentspaces.training import evaluate, fit, updates


def cross_entropy(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """Cross-entropy of the labels in nats, with each image mirrored half of the time.

    Only while training; a mirrored garment is a garment of the same class.
    """
    if model.training:
        mirrored = torch.rand(len(x)) < 0.5
        x = torch.where(mirrored[:, None, None, None], x.flip(3), x)
    return F.cross_entropy(model(x), y)


@torch.no_grad()
def error_rate(model: nn.Module, x: Tensor, y: Tensor) -> float:
    """Share of images that get a wrong class."""
    model.eval()
    guesses = torch.cat([model(part).argmax(1) for part in x.split(1000)])
    return (guesses != y).float().mean().item()


def gaussian_images(x: Tensor, n: int, components: int) -> Tensor:
    """Images drawn from a Gaussian on the principal components of x, clipped."""
    flat = x.flatten(1)
    mean = flat.mean(0)
    eigenvalues, u = torch.linalg.eigh((flat - mean).T @ (flat - mean) / len(flat))
    u, spread = u[:, -components:], eigenvalues[-components:].sqrt()
    drawn = mean + (torch.randn(n, components) * spread) @ u.T
    return drawn.clamp(0, 1).view(n, 1, 28, 28)


def run_classifier(
    data: Dataset, recipe: dict[str, Any], seed: int
) -> tuple[list[Row], nn.Module]:
    """Train one classifier; measure its errors, and its ruler's marks."""
    torch.manual_seed(seed)
    model = GarmentClassifier()
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=recipe["rate"], weight_decay=recipe["weight_decay"]
    )
    total = updates(len(data.train), recipe["epochs"], recipe["batch_size"])
    fit(
        model,
        cross_entropy,
        (data.train.x, data.train.y),
        optimizer=optimizer,
        epochs=recipe["epochs"],
        batch_size=recipe["batch_size"],
        scheduler=OneCycleLR(optimizer, recipe["rate"], total_steps=total),
        seed=seed,
    )
    n = recipe["images"]
    torch.manual_seed(seed)
    valid, test = data.validation, data.test
    mixed = torch.randperm(len(test))
    real = model.features(test.x)
    images = {
        "PCA-Gaussian": gaussian_images(data.train.x, n, recipe["components"]),
        "uniform noise": torch.rand(n, 1, 28, 28),
        "training images": data.train.x[torch.randperm(len(data.train))[:n]],
    }
    measures = {
        "validation_loss": evaluate(model, cross_entropy, (valid.x, valid.y)),
        "validation_error": error_rate(model, valid.x, valid.y),
        "test_error": error_rate(model, test.x, test.y),
        "halves of the test images": metrics.frechet_distance(
            real[mixed[: len(mixed) // 2]], real[mixed[len(mixed) // 2 :]]
        ),
    }
    for name, x in images.items():
        measures[name] = metrics.frechet_distance(model.features(x), real)
    return [({"features": classifier.FEATURES}, measures)], model


EXPERIMENTS = [
    Experiment(
        name="classifier",
        recipe={
            "epochs": 12,
            "batch_size": 256,
            "rate": 3e-3,
            "weight_decay": 0.01,
            "images": 10_000,
            "components": 64,
        },
        seeds=(0, 1, 2),
        run=run_classifier,
        uses=(classifier,),
        keeps=Kept("classifier", least="validation_loss"),
    ),
]
