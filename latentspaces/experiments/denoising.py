"""Recorded experiments of the chapter *Denoising*."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LinearLR, OneCycleLR

from latentspaces import metrics
from latentspaces.data import Dataset
from latentspaces.experiments import Experiment, Row
from latentspaces.training import fit, updates

SEEDS = (0, 1, 2)


# Corruption


def corrupt(x: Tensor, sigma: float | Tensor) -> Tensor:
    """Add Gaussian noise and clip to [0, 1], as the overview does."""
    return (x + sigma * torch.randn_like(x)).clamp(0, 1)


# Models


class Conv(nn.Module):
    """A 3 × 3 convolution whose weights are one matrix, as Muon takes them."""

    def __init__(self, inputs: int, outputs: int, *, zero: bool = False) -> None:
        super().__init__()
        self.shape = outputs, inputs, 3, 3
        bound = 0.0 if zero else (9 * inputs) ** -0.5
        weight = torch.empty(outputs, 9 * inputs).uniform_(-bound, bound)
        self.weight = nn.Parameter(weight)
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight.view(self.shape), self.bias, padding=1)


class Denoiser(nn.Module):
    """The chapter's network: predicts the correction, at half the resolution."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = Conv(4, width)
        self.middle = nn.Sequential(
            Conv(width, width), nn.ReLU(), Conv(width, width, zero=True)
        )
        self.last = Conv(width, 4, zero=True)

    def forward(self, x: Tensor) -> Tensor:
        h = self.first(F.pixel_unshuffle(x, 2))
        h = h + self.middle(h)
        return x + F.pixel_shuffle(self.last(h.relu()), 2)


def overview() -> nn.Sequential:
    """The overview's network, 16-8 | 8-16-1, with PyTorch's initialisation."""
    up = {"stride": 2, "padding": 1, "output_padding": 1}
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, 8, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.ConvTranspose2d(8, 8, 3, **up),
        nn.ReLU(),
        nn.ConvTranspose2d(8, 16, 3, **up),
        nn.ReLU(),
        nn.Conv2d(16, 1, 3, padding=1),
        nn.Sigmoid(),
    )


def dense(width: int) -> nn.Sequential:
    """The chapter's dense network: one hidden layer."""
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(784, width),
        nn.ReLU(),
        nn.Linear(width, 784),
        nn.Sigmoid(),
        nn.Unflatten(1, (1, 28, 28)),
    )


def build(recipe: dict[str, Any]) -> nn.Module:
    """The network that a recipe names."""
    if recipe["net"] == "overview":
        return overview()
    return {"dense": dense, "residual": Denoiser}[recipe["net"]](recipe["width"])


# Training


def muon(model: nn.Module, rate: float) -> list[Optimizer]:
    """Muon for the matrices, AdamW for the biases, no weight decay."""
    matrices = [p for p in model.parameters() if p.ndim == 2]
    biases = [p for p in model.parameters() if p.ndim < 2]
    return [
        torch.optim.Muon(matrices, lr=rate, weight_decay=0.0),
        torch.optim.AdamW(biases, lr=3e-3, weight_decay=0.0),
    ]


def train(model: nn.Module, x: Tensor, recipe: dict[str, Any], seed: int) -> nn.Module:
    """Fit a denoiser; the noise is drawn afresh for every batch.

    If ``sigma`` is a pair, each image gets a level drawn uniformly between the two.
    """
    sigma, epochs = recipe["sigma"], recipe["epochs"]
    total = updates(len(x), epochs, recipe["batch_size"])
    if recipe["muon"]:
        optimizers = muon(model, recipe["rate"])
        schedulers = [LinearLR(each, 1.0, 0.0, total) for each in optimizers]
    else:
        optimizers = [torch.optim.Adam(model.parameters(), lr=recipe["rate"])]
        schedulers = [OneCycleLR(optimizers[0], recipe["rate"], total_steps=total)]

    def loss(model: nn.Module, x: Tensor) -> Tensor:
        level: float | Tensor = sigma
        if not isinstance(sigma, float):
            low, high = sigma
            level = low + (high - low) * torch.rand(len(x), 1, 1, 1)
        return F.mse_loss(model(corrupt(x, level)), x)

    fit(
        model,
        loss,
        x,
        optimizer=optimizers,
        scheduler=schedulers,
        epochs=epochs,
        batch_size=recipe["batch_size"],
        seed=seed,
    )
    return model


@torch.no_grad()
def denoised(model: nn.Module, x: Tensor) -> Tensor:
    """The network's answers, clipped to [0, 1]."""
    return torch.cat([model(part).clamp(0, 1) for part in x.split(1000)])


RECIPE: dict[str, Any] = {
    "sigma": 0.2,
    "net": "residual",
    "width": 32,
    "muon": True,  # and AdamW at 0.003 for the biases, both rates falling to zero
    "rate": 0.02,
    "batch_size": 128,
    "epochs": 1,
}
"""The chapter's recipe, chosen on the validation images."""


# The networks of the chapter, side by side


NETS: dict[str, Any] = RECIPE | {
    "images": 2000,  # of the test images, for SSIM
    "variants": {
        "overview's": {
            "net": "overview",
            "muon": False,  # Adam with a rate that rises and falls in one cycle
            "rate": 4e-3,
            "batch_size": 64,
            "epochs": 4,
        },
        "dense, 512": {"net": "dense", "width": 512, "rate": 0.05, "epochs": 4},
        "residual, Adam": {"muon": False, "rate": 3e-3, "batch_size": 64},
        "residual, Muon": {},
    },
}


def nets(data: Dataset, recipe: dict[str, Any], seed: int) -> list[Row]:
    """Train each network and measure it on the test images.

    The error *from clean images* is what the network makes of images without noise,
    against the same images: the number behind a figure that encodes clean images.
    """
    x = data.test.x
    torch.manual_seed(1000 + seed)
    x_noisy = corrupt(x, recipe["sigma"])
    rows: list[Row] = []
    for name, change in recipe["variants"].items():
        chosen = recipe | change
        torch.manual_seed(seed)
        model = train(build(chosen), data.train.x, chosen, seed)
        x_hat, n = denoised(model, x_noisy), recipe["images"]
        measures = {
            "parameters": sum(p.numel() for p in model.parameters()),
            "test_error": F.mse_loss(x_hat, x).item(),
            "psnr": metrics.psnr(x, x_hat),
            "ssim": metrics.ssim(x[:n], x_hat[:n]),
            "error_from_clean": F.mse_loss(denoised(model, x), x).item(),
        }
        rows.append(({"net": name, "epochs": chosen["epochs"]}, measures))
    return rows


# Trained at one noise level, used at another


LEVELS: dict[str, Any] = RECIPE | {
    "train_images": 20_000,
    "test_images": 2000,
    "levels": {"0.1": 0.1, "0.2": 0.2, "0.4": 0.4, "0 to 0.5": [0.0, 0.5]},
    "test_sigmas": [0.0, 0.1, 0.2, 0.3, 0.4, 0.5],
}


def levels(data: Dataset, recipe: dict[str, Any], seed: int) -> list[Row]:
    """Error at each test level of networks trained at each training level."""
    x, x_test = data.train.x[: recipe["train_images"]], data.test.x
    x_test = x_test[: recipe["test_images"]]
    rows: list[Row] = []
    for name, sigma in recipe["levels"].items():
        torch.manual_seed(seed)
        model = train(build(recipe), x, recipe | {"sigma": sigma}, seed)
        for level in recipe["test_sigmas"]:
            torch.manual_seed(1000 + seed)
            x_noisy = corrupt(x_test, level)
            rows.append(
                (
                    {"trained_at": name, "sigma": level},
                    {
                        "test_error": F.mse_loss(
                            denoised(model, x_noisy), x_test
                        ).item(),
                        "noisy_error": F.mse_loss(x_noisy, x_test).item(),
                    },
                )
            )
    return rows


EXPERIMENTS = (
    Experiment("denoising-levels", LEVELS, SEEDS, levels, (metrics,)),
    Experiment("denoising-nets", NETS, SEEDS, nets, (metrics,)),
)
