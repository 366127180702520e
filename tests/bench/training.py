"""Time to a test error of 0.0089: the chapter's recipe against the tutorial's.

Both train the dense autoencoder 784-64-784 on the same 60,000 images, on one thread.
The tutorial's recipe is Glorot's initialisation, Adam at its default rate and batches
of 32, fed by a DataLoader that transforms image by image; the chapter's keeps the
images in memory as a tensor. The clock stands still while the test error is measured.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torchvision.datasets import FashionMNIST
from torchvision.transforms import ToTensor

from latentspaces import data
from latentspaces.experiments import autoencoder as chapter
from latentspaces.training import evaluate, fit, updates

GOAL = 0.0089
EPOCHS = 10  # the tutorial's
CHECKS = 20  # of the test error in an epoch


class Reached(Exception):
    """The goal has been reached."""


class Stopwatch:
    """Counts the updates and looks at the test error now and then, off the clock.

    It stands where a scheduler does in ``fit``: it is stepped after every update.
    """

    def __init__(self, model: nn.Module, x_test: Tensor, updates_an_epoch: int) -> None:
        self.model, self.x_test = model, x_test
        self.interval = max(1, updates_an_epoch // CHECKS)
        self.updates = 0
        self.error = float("inf")
        self.seconds = 0.0
        self.start = time.perf_counter()

    def step(self) -> None:
        """Note one update; raise :class:`Reached` at the goal."""
        self.updates += 1
        if self.updates % self.interval:
            return
        self.seconds += time.perf_counter() - self.start
        self.error = evaluate(self.model, chapter.squared, self.x_test)
        if self.error <= GOAL:
            raise Reached
        self.start = time.perf_counter()


class InFiles(FashionMNIST):
    """Torchvision's data set, its own way from bytes to transformed image."""

    def __init__(self, x: Tensor, y: Tensor) -> None:
        self.data = (x[:, 0] * 255).round().byte()
        self.targets = y
        self.transform = ToTensor()
        self.target_transform = None


def measure(quick: bool = False) -> dict[str, Any]:
    """Run both recipes and print a table.

    With ``quick`` the tutorial's recipe is stopped after one epoch, so that its time,
    and the ratio, are lower bounds.
    """
    images = data.fashion_mnist()
    if images.source != "real":
        print(f"training: skipped, the goal is for Fashion-MNIST, not {images.name}")
        return {"skipped": f"needs Fashion-MNIST, found {images.name}"}
    torch.set_num_threads(1)
    x = torch.cat([images.train.x, images.validation.x])
    y = torch.cat([images.train.y, images.validation.y])
    x_test = images.test.x.flatten(1)
    flat = x.flatten(1)
    ours_model(flat, x_test, limit=30)  # what only the first updates cost

    ours = ours_model(flat, x_test)
    loader = DataLoader(InFiles(x, y), batch_size=32, shuffle=True)
    tutorial = tutorial_model(loader, x_test, epochs=1 if quick else EPOCHS)
    step = tutorial.seconds / tutorial.updates
    feeds: dict[str, Callable[[], Any]] = {
        "tensors in memory": lambda: flat[torch.randperm(len(flat))].split(32),
        "DataLoader, 2 workers": lambda: DataLoader(
            InFiles(x, y), batch_size=32, shuffle=True, num_workers=2
        ),
    }
    steps = {"DataLoader, 0 workers": step} | {
        name: seconds_an_update(feed()) for name, feed in feeds.items()
    }

    bound = "" if tutorial.error <= GOAL else "> "
    ratio = tutorial.seconds / ours.seconds
    an_epoch = len(loader)
    print(f"Seconds to a test error of {GOAL}, one thread")
    print(f"  chapter's recipe    {ours.seconds:8.1f}   (reached {ours.error:.5f})")
    print(
        f"  tutorial's recipe   {bound + format(tutorial.seconds, '.1f'):>8}   "
        f"(reached {tutorial.error:.5f} after {tutorial.updates / an_epoch:.1f} epochs)"
    )
    print(f"  ratio               {bound + format(ratio, '.1f'):>8}")
    print("Seconds for an epoch of the tutorial's recipe, fed by")
    for name, seconds in steps.items():
        print(f"  {name:<22}{seconds * an_epoch:6.1f}")
    return {
        "seconds_ours": round(ours.seconds, 2),
        "seconds_tutorial": round(tutorial.seconds, 2),
        "ratio": round(ratio, 1),
        "lower_bound": bool(bound),
        "error_ours": ours.error,
        "error_tutorial": tutorial.error,
        "seconds_an_epoch": {
            name: round(seconds * an_epoch, 2) for name, seconds in steps.items()
        },
    }


def ours_model(x: Tensor, x_test: Tensor, limit: int | None = None) -> Stopwatch:
    """The chapter's recipe until the goal, or for ``limit`` batches."""
    recipe = chapter.RECIPE
    if limit is not None:
        x = x[: limit * recipe["batch_size"]]
    torch.manual_seed(0)
    total = updates(len(x), recipe["epochs"], recipe["batch_size"])
    model = chapter.one_layer(64)
    stopwatch = Stopwatch(model, x_test, total // recipe["epochs"])
    chapter.glorot(model)
    chapter.start_at_mean(model, x)
    optimizers = chapter.muon(model, recipe["rate"], recipe["bias_rate"])
    try:
        fit(
            model,
            chapter.squared,
            x,
            optimizer=optimizers,
            scheduler=[*chapter.to_zero(optimizers, total), stopwatch],
            epochs=recipe["epochs"],
            batch_size=recipe["batch_size"],
            progress=False,
        )
    except Reached:
        return stopwatch
    if limit is None:
        raise RuntimeError(
            f"the chapter's recipe ended at a test error of {stopwatch.error:.5f}, "
            f"above {GOAL}: there is no time to compare"
        )
    return stopwatch


def tutorial_model(loader: DataLoader, x_test: Tensor, epochs: int) -> Stopwatch:
    """The tutorial's recipe until the goal, or for so many epochs."""
    torch.manual_seed(0)
    model = chapter.one_layer(64)
    chapter.glorot(model)
    optimizer = torch.optim.Adam(model.parameters())
    stopwatch = Stopwatch(model, x_test, len(loader))
    for epoch in range(1, epochs + 1):
        try:
            for x, _ in loader:
                update(model, optimizer, x.flatten(1))
                stopwatch.step()
        except Reached:
            break
        print(f"  tutorial, epoch {epoch}: {stopwatch.error:.5f}", flush=True)
    return stopwatch


def update(model: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor) -> None:
    optimizer.zero_grad()
    chapter.squared(model, x).backward()
    optimizer.step()


def seconds_an_update(batches: Any, limit: int = 400) -> float:
    """Time of one update of the tutorial's recipe, however it is fed."""
    model = chapter.one_layer(64)
    optimizer = torch.optim.Adam(model.parameters())
    warm_up = 20
    for count, batch in enumerate(batches, start=1):
        x = batch if isinstance(batch, Tensor) else batch[0]
        update(model, optimizer, x.flatten(1))
        if count == warm_up:
            start = time.perf_counter()
        if count == warm_up + limit:
            break
    return (time.perf_counter() - start) / (count - warm_up)
