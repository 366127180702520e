"""Recorded experiments of the chapter *Generative adversarial network*."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from latentspaces import classifier, metrics
from latentspaces.data import Dataset
from latentspaces.experiments import Experiment, Kept, Row
from latentspaces.training import fit

SEEDS = (0, 1, 2)


# Models


def generator(k: int) -> nn.Sequential:
    """The chapter's generator: a 7 × 7 map, twice doubled by pixel shuffling."""
    return nn.Sequential(
        nn.Linear(k, 64 * 7 * 7),
        nn.Unflatten(1, (64, 7, 7)),
        nn.LeakyReLU(0.2),
        nn.Conv2d(64, 128, 3, padding=1),
        nn.PixelShuffle(2),
        nn.LeakyReLU(0.2),
        nn.Conv2d(32, 32, 3, padding=1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(32, 4, 3, padding=1),
        nn.PixelShuffle(2),
        nn.Sigmoid(),
    )


def discriminator(outputs: int = 1) -> nn.Sequential:
    """The chapter's discriminator; with more outputs, an encoder of the same make."""
    return nn.Sequential(
        nn.Conv2d(1, 24, 4, stride=2, padding=1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(24, 48, 4, stride=2, padding=1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(48, 96, 4, stride=2, padding=1),
        nn.LeakyReLU(0.2),
        nn.Flatten(),
        nn.Linear(96 * 3 * 3, outputs),
    )


def he_start(model: nn.Module) -> None:
    """Weights that keep a signal's size through leaky ReLUs (He et al. 2015)."""
    for layer in model.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_normal_(layer.weight, a=0.2)
            nn.init.zeros_(layer.bias)


class Centre(nn.Module):
    """Grey values from [0, 1] to [-1, 1], as DCGAN wants them."""

    def forward(self, x: Tensor) -> Tensor:
        return 2 * x - 1


class Uncentre(nn.Module):
    """Grey values from [-1, 1] to [0, 1]."""

    def forward(self, x: Tensor) -> Tensor:
        return (x + 1) / 2


def dcgan_generator(k: int) -> nn.Sequential:
    """Radford, Metz & Chintala (2016), with two doublings instead of four."""
    return nn.Sequential(
        nn.Unflatten(1, (k, 1, 1)),
        nn.ConvTranspose2d(k, 128, 7, bias=False),
        nn.BatchNorm2d(128),
        nn.ReLU(),
        nn.ConvTranspose2d(128, 64, 4, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        nn.ConvTranspose2d(64, 1, 4, stride=2, padding=1),
        nn.Tanh(),
        Uncentre(),
    )


def dcgan_discriminator() -> nn.Sequential:
    """Its opponent, with batch normalisation as well."""
    return nn.Sequential(
        Centre(),
        nn.Conv2d(1, 64, 4, stride=2, padding=1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(64, 128, 4, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(128),
        nn.LeakyReLU(0.2),
        nn.Flatten(),
        nn.Linear(128 * 7 * 7, 1),
    )


def dcgan_start(model: nn.Module) -> None:
    """Weights from N(0, 0.02²), as that paper starts."""
    for layer in model.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            nn.init.normal_(layer.weight, 0.0, 0.02)
        elif isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.weight, 1.0, 0.02)


def size(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


# The game


def d_loss(real: Tensor, fake: Tensor) -> Tensor:
    """Binary cross-entropy of the discriminator, from logits."""
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def g_loss(fake: Tensor) -> Tensor:
    """The non-saturating loss of the generator, from logits."""
    return F.softplus(-fake).mean()


def r1_penalty(real: Tensor, x: Tensor) -> Tensor:
    """Mean squared length of the gradient of the logits at real examples."""
    (slope,) = torch.autograd.grad(real.sum(), x, create_graph=True)
    return slope.flatten(1).square().sum(1).mean()


def step(optimizer: Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def adams(recipe: dict[str, Any], *models: nn.Module) -> list[Adam]:
    return [
        Adam(model.parameters(), lr=recipe["rate"], betas=tuple(recipe["betas"]))
        for model in models
    ]


def batches(x: Tensor, size: int) -> Iterator[Tensor]:
    """Shuffled batches without end, the short last one of each epoch left out."""
    while True:
        for index in torch.randperm(len(x)).split(size):
            if len(index) == size:
                yield x[index]


# Ring of eight


RING: dict[str, Any] = {
    "modes": 8,
    "spread": 0.05,  # standard deviation of each mode, on a ring of radius 1
    "radius": 0.2,  # a sample is good within this distance of a mode
    "width": 64,
    "batch_size": 128,
    "rate": 0.001,
    "betas": [0.0, 0.99],
    "samples": 2000,
    "frozen": 300,  # steps of the generator against the discriminator as it was left
    "variants": {
        "one step each": {"rounds": 1500, "g_steps": 1, "gamma": 0.0},
        "one step each, R1": {"rounds": 1500, "g_steps": 1, "gamma": 0.1},
        "ten of G": {"rounds": 500, "g_steps": 10, "gamma": 0.0},
        "ten of G, R1": {"rounds": 500, "g_steps": 10, "gamma": 0.1},
    },
}


def ring_modes(count: int) -> Tensor:
    angle = 2 * math.pi * torch.arange(count) / count
    return torch.stack([angle.cos(), angle.sin()], 1)


def dense(outputs: int, width: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(2, width),
        nn.ReLU(),
        nn.Linear(width, width),
        nn.ReLU(),
        nn.Linear(width, outputs),
    )


def ring(data: Dataset, recipe: dict[str, Any], seed: int) -> list[Row]:
    """Modes that a small generator covers, and what it does when D is frozen."""
    modes, n = ring_modes(recipe["modes"]), recipe["batch_size"]
    rows: list[Row] = []
    for name, chosen in recipe["variants"].items():
        torch.manual_seed(seed)
        g, d = dense(2, recipe["width"]), dense(1, recipe["width"])
        adam_g, adam_d = adams(recipe, g, d)

        def teach_g(
            g: nn.Module = g, d: nn.Module = d, adam: Optimizer = adam_g
        ) -> None:
            step(adam, g_loss(d(g(torch.randn(n, 2)))))

        def seen(g: nn.Module = g) -> dict[str, float]:
            with torch.no_grad():
                x = g(torch.randn(recipe["samples"], 2))
            covered, good = metrics.modes_covered(x, modes, recipe["radius"])
            return {"modes": covered, "good": good, "spread": x.std(0).mean().item()}

        start = time.process_time()
        for _ in range(chosen["rounds"]):
            x = modes[torch.randint(len(modes), (n,))]
            x = (x + recipe["spread"] * torch.randn(n, 2)).requires_grad_()
            with torch.no_grad():
                x_fake = g(torch.randn(n, 2))
            real = d(x)
            loss = d_loss(real, d(x_fake))
            if chosen["gamma"]:
                loss = loss + chosen["gamma"] / 2 * r1_penalty(real, x)
            step(adam_d, loss)
            for _ in range(chosen["g_steps"]):
                teach_g()
        seconds = time.process_time() - start
        measures = seen()
        for _ in range(recipe["frozen"]):
            teach_g()
        measures |= {f"frozen_{key}": value for key, value in seen().items()}
        rows.append(({"variant": name}, measures | {"seconds": seconds}))
    return rows


# Garments


GARMENTS: dict[str, Any] = {
    "k": 64,
    "batch_size": 32,
    "rate": 0.002,
    "betas": [0.0, 0.99],
    "gamma": 0.5,  # of R1, which is taken
    "every": 8,  # updates, and then counts eightfold
    "average": 0.998,  # decay of the averaged weights
    "decay": True,  # in the second half the rate falls along a straight line to zero
    "samples": 5000,
    "he": False,  # He's initial weights; else PyTorch's
    "dcgan": False,
    "marks": [500, 1000, 2000, 4000, 8000],  # updates after which we look
}
"""The chapter's recipe, chosen on the validation images."""


class Judge:
    """Fréchet distance of a generator's samples to a split, on classifier features."""

    def __init__(self, data: Dataset, samples: int) -> None:
        self.features, self.samples = classifier.load().features, samples
        self.validation = self.features(data.validation.x)
        self.test = self.features(data.test.x[:samples])

    @torch.no_grad()
    def draw(self, model: nn.Module, k: int) -> Tensor:
        noise = torch.Generator().manual_seed(0)
        z = torch.randn(self.samples, k, generator=noise)
        return torch.cat([model(part) for part in z.split(500)])

    def distances(self, model: nn.Module, k: int) -> dict[str, float]:
        found = self.features(self.draw(model, k))
        return {
            "validation_distance": metrics.frechet_distance(found, self.validation),
            "test_distance": metrics.frechet_distance(found, self.test),
        }


def channels_last(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def follow(average: nn.Module, model: nn.Module, decay: float) -> None:
    """Move the averaged weights a little towards the present ones."""
    for slow, fast in zip(average.parameters(), model.parameters(), strict=True):
        slow.lerp_(fast, 1 - decay)


def play(
    data: Dataset,
    recipe: dict[str, Any],
    seed: int,
    see: Callable[[int, float, nn.Module, nn.Module], None],
) -> None:
    """Train; at each mark call ``see(updates, CPU seconds, average, model)``."""
    torch.manual_seed(seed)
    k, n, last = recipe["k"], recipe["batch_size"], recipe["marks"][-1]
    g, d = (
        (dcgan_generator(k), dcgan_discriminator())
        if recipe["dcgan"]
        else (generator(k), discriminator())
    )
    for model in (g, d):
        if recipe["dcgan"]:
            dcgan_start(model)
        elif recipe["he"]:
            he_start(model)
        model.to(memory_format=torch.channels_last)
    average = copy.deepcopy(g)
    adam_g, adam_d = adams(recipe, g, d)
    spent = 0.0
    for update, x in enumerate(batches(data.train.x, n)):
        start = time.process_time()
        if recipe["decay"]:
            for adam in (adam_g, adam_d):
                adam.param_groups[0]["lr"] = recipe["rate"] * min(
                    1.0, 2 - 2 * update / last
                )
        x = channels_last(x)
        with_r1 = recipe["gamma"] > 0 and update % recipe["every"] == 0
        x.requires_grad_(with_r1)
        x_fake = g(torch.randn(n, k))
        real = d(x)
        loss = d_loss(real, d(x_fake.detach()))
        if with_r1:
            share = recipe["every"] * recipe["gamma"] / 2
            loss = loss + share * r1_penalty(real, x)
        step(adam_d, loss)
        d.requires_grad_(False)
        step(adam_g, g_loss(d(x_fake)))
        d.requires_grad_(True)
        if recipe["average"]:
            follow(average, g, min(recipe["average"], (update + 1) / (update + 10)))
        spent += time.process_time() - start
        if update + 1 in recipe["marks"]:
            see(update + 1, spent, average if recipe["average"] else g, g)
        if update + 1 == last:
            return


def garments(
    data: Dataset, recipe: dict[str, Any], seed: int
) -> tuple[list[Row], nn.Module]:
    """Train the chapter's generator; keep the averaged weights of the best mark."""
    judge, k = Judge(data, recipe["samples"]), recipe["k"]
    rows: list[Row] = []
    best: list[tuple[dict[str, float], nn.Module]] = []

    def see(updates: int, seconds: float, average: nn.Module, g: nn.Module) -> None:
        measures = judge.distances(average, k)
        now = judge.distances(g, k)
        measures |= {f"unaveraged_{name}": value for name, value in now.items()}
        measures["seconds"] = seconds
        rows.append(({"updates": updates}, measures))
        least = "validation_distance"
        if not best or measures[least] < best[0][0][least]:
            best[:] = [(measures, copy.deepcopy(average))]

    play(data, recipe, seed, see)
    chosen = best[0][1].to(memory_format=torch.contiguous_format).half()
    halved = copy.deepcopy(chosen).float()
    kept = best[0][0] | judge.distances(halved, k)
    kept["sharpness"] = sharpness(judge.draw(halved, k)) / sharpness(data.test.x)
    return [({"updates": "chosen"}, kept), *rows], chosen


PLAIN: dict[str, Any] = {
    "batch_size": 64,
    "rate": 0.0002,
    "betas": [0.5, 0.999],
    "gamma": 0.0,
    "average": 0.0,
    "decay": False,
}
"""How DCGAN is usually trained, here without averaged weights and without penalty."""

RECIPES: dict[str, Any] = GARMENTS | {
    "variants": {
        "DCGAN, usual recipe": PLAIN | {"dcgan": True, "k": 100, "marks": [170]},
        "DCGAN, our recipe": {"dcgan": True, "k": 100, "marks": [320]},
        "ours, usual recipe": PLAIN | {"marks": [400]},
        "ours, our recipe": {"marks": [620]},
        "… at half the rate": {"marks": [620], "rate": 0.001},
        "… from He's start": {"marks": [620], "he": True},
    },
}
"""Updates that take about the same CPU time."""


def recipes(data: Dataset, recipe: dict[str, Any], seed: int) -> list[Row]:
    """Two architectures, two sets of hyperparameters, the same CPU time."""
    judge = Judge(data, recipe["samples"])
    rows: list[Row] = []
    for name, change in recipe["variants"].items():
        chosen = recipe | change

        def see(
            updates: int,
            seconds: float,
            average: nn.Module,
            g: nn.Module,
            name: str = name,
            k: int = chosen["k"],
        ) -> None:
            measures = judge.distances(average, k) | {"seconds": seconds}
            rows.append(({"variant": name, "updates": updates}, measures))

        play(data, chosen, seed, see)
    return rows


# The same decoder, trained as that of a variational autoencoder


VAE: dict[str, Any] = {
    "k": 64,
    "rate": 0.001,
    "batch_size": 64,
    "epochs": 3,
    "samples": 5000,
}


class Autoencoder(nn.Module):
    """A variational autoencoder made of the generator and its opponent's body."""

    def __init__(self, k: int) -> None:
        super().__init__()
        self.encoder, self.decoder = discriminator(2 * k), generator(k)

    def loss(self, x: Tensor) -> Tensor:
        """Negative evidence lower bound in nats, with a Bernoulli likelihood."""
        mu, log_var = self.encoder(x).chunk(2, 1)
        z = mu + (0.5 * log_var).exp() * torch.randn_like(mu)
        divergence = 0.5 * (mu.square() + log_var.exp() - 1 - log_var).sum(1)
        misfit = F.binary_cross_entropy(self.decoder(z), x, reduction="none")
        return (misfit.sum((1, 2, 3)) + divergence).mean()


def vae(
    data: Dataset, recipe: dict[str, Any], seed: int
) -> tuple[list[Row], nn.Module]:
    """Train the generator's architecture by maximum likelihood."""
    judge, k = Judge(data, recipe["samples"]), recipe["k"]
    torch.manual_seed(seed)
    model = Autoencoder(k).to(memory_format=torch.channels_last)
    start = time.process_time()
    fit(
        model,
        lambda model, x: model.loss(x),
        channels_last(data.train.x),
        optimizer=Adam(model.parameters(), lr=recipe["rate"]),
        epochs=recipe["epochs"],
        batch_size=recipe["batch_size"],
        seed=seed,
    )
    seconds = time.process_time() - start
    decoder = model.decoder.to(memory_format=torch.contiguous_format)
    x = data.test.x[: recipe["samples"]]
    with torch.no_grad():
        x_hat = torch.cat(
            [decoder(model.encoder(part)[:, :k]) for part in x.split(500)]
        )
    samples = judge.draw(decoder, k)
    rows: list[Row] = []
    for name, images in (
        ("samples", samples),
        ("reconstructions", x_hat),
        ("real", data.train.x[: recipe["samples"]]),
    ):
        found = judge.features(images)
        measures = {
            "validation_distance": metrics.frechet_distance(found, judge.validation),
            "test_distance": metrics.frechet_distance(found, judge.test),
            "sharpness": sharpness(images) / sharpness(x),
        }
        rows.append(({"images": name}, measures | {"seconds": seconds}))
    return rows, decoder.half()


def sharpness(x: Tensor) -> float:
    """Mean absolute difference of neighbouring pixels."""
    return (x.diff(dim=2).abs().mean() + x.diff(dim=3).abs().mean()).item()


EXPERIMENTS = (
    Experiment(
        "gan-garments",
        GARMENTS,
        SEEDS,
        garments,
        uses=(metrics, classifier),
        keeps=Kept("gan", least="validation_distance"),
    ),
    Experiment("gan-recipes", RECIPES, SEEDS, recipes, uses=(metrics, classifier)),
    Experiment(
        "gan-vae",
        VAE,
        SEEDS,
        vae,
        uses=(metrics, classifier),
        keeps=Kept("gan-vae", least="validation_distance"),
    ),
    Experiment("gan-ring", RING, SEEDS, ring, uses=(metrics,)),
)
