"""Recorded experiments of the chapter *Autoencoder*."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LinearLR, LRScheduler

from latentspaces import garments, metrics
from latentspaces.data import Dataset
from latentspaces.experiments import Experiment, Row
from latentspaces.training import evaluate, fit, updates

SEEDS = (0, 1, 2)
PIXELS = 28 * 28


# Models


def one_layer(code: int) -> nn.Sequential:
    """The chapter's autoencoder: one matrix in, one matrix out."""
    return nn.Sequential(
        nn.Linear(PIXELS, code), nn.ReLU(), nn.Linear(code, PIXELS), nn.Sigmoid()
    )


def deep(code: int, widths: tuple[int, ...]) -> nn.Sequential:
    """Several layers each way, and a linear code."""
    sizes = (PIXELS, *widths, code)
    layers: list[nn.Module] = []
    for i in range(len(sizes) - 1):
        layers += [nn.Linear(sizes[i], sizes[i + 1]), nn.ReLU()]
    layers.pop()
    for i in range(len(sizes) - 1, 0, -1):
        layers += [nn.Linear(sizes[i], sizes[i - 1]), nn.ReLU()]
    layers[-1] = nn.Sigmoid()
    return nn.Sequential(*layers)


class VAE(nn.Module):
    """A variational autoencoder, which has its own chapter; here to compare with."""

    def __init__(self, code: int, width: int) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Linear(PIXELS, width), nn.ReLU(), nn.Linear(width, 2 * code)
        )
        self.decoder = nn.Sequential(
            nn.Linear(code, width), nn.ReLU(), nn.Linear(width, PIXELS), nn.Sigmoid()
        )

    def loss(self, x: Tensor) -> Tensor:
        """Negative evidence lower bound in nats, with a Bernoulli likelihood."""
        mu, log_var = self.encoder(x).chunk(2, dim=1)
        z = mu + (0.5 * log_var).exp() * torch.randn_like(mu)
        divergence = 0.5 * (mu.square() + log_var.exp() - 1 - log_var).sum(1)
        likelihood = F.binary_cross_entropy(self.decoder(z), x, reduction="none").sum(1)
        return (likelihood + divergence).mean()


def squared(model: nn.Module, x: Tensor) -> Tensor:
    """Mean squared error, the chapter's loss."""
    return F.mse_loss(model(x), x)


def linears(model: nn.Module) -> list[nn.Linear]:
    return [layer for layer in model.modules() if isinstance(layer, nn.Linear)]


def glorot(model: nn.Module) -> None:
    """Start with Glorot's uniform weights and no biases."""
    for layer in linears(model):
        nn.init.xavier_uniform_(layer.weight)
        nn.init.zeros_(layer.bias)


@torch.no_grad()
def start_at_mean(model: nn.Module, x: Tensor) -> None:
    """Let the output start as the mean image: the last bias is its logit."""
    linears(model)[-1].bias.copy_(torch.logit(x.mean(0), eps=1e-3))


# Training


def muon(model: nn.Module, rate: float, bias_rate: float) -> list[Optimizer]:
    """Muon for the matrices, AdamW for the biases, no weight decay."""
    matrices = [p for p in model.parameters() if p.ndim == 2]
    biases = [p for p in model.parameters() if p.ndim < 2]
    return [
        torch.optim.Muon(matrices, lr=rate, weight_decay=0.0),
        torch.optim.AdamW(biases, lr=bias_rate, weight_decay=0.0),
    ]


def adam(model: nn.Module, rate: float, bias_rate: float) -> list[Optimizer]:
    """Adam for everything, with the rates of :func:`muon`."""
    return [
        torch.optim.Adam(
            [
                {"params": [p for p in model.parameters() if p.ndim == 2]},
                {"params": [p for p in model.parameters() if p.ndim < 2]}
                | {"lr": bias_rate},
            ],
            lr=rate,
        )
    ]


def to_zero(optimizers: list[Optimizer], total: int) -> list[LRScheduler]:
    """Lower each rate along a straight line to zero at the last update."""
    return [LinearLR(each, 1.0, 0.0, total_iters=total) for each in optimizers]


def train(
    model: nn.Module,
    x: Tensor,
    recipe: dict[str, Any],
    seed: int,
    loss: Callable[..., Tensor] = squared,
) -> float:
    """Fit one model by a recipe; returns the seconds that it took."""
    if recipe["init"] != "default":
        glorot(model)
    if recipe["mean_bias"]:
        start_at_mean(model, x)
    optimizers = (adam if recipe["adam"] else muon)(
        model, recipe["rate"], recipe["bias_rate"]
    )
    total = updates(len(x), recipe["epochs"], recipe["batch_size"])
    history = fit(
        model,
        loss,
        x,
        optimizer=optimizers,
        scheduler=to_zero(optimizers, total) if recipe["decay"] else None,
        epochs=recipe["epochs"],
        batch_size=recipe["batch_size"],
        seed=seed,
    )
    return history.seconds


def flat(images: Tensor) -> Tensor:
    return images.flatten(1)


RECIPE: dict[str, Any] = {
    "loss": "mean squared error",
    "init": "glorot",  # uniform, biases zero
    "mean_bias": True,  # decoder's bias at the logit of the mean image
    "adam": False,  # Muon for the matrices and AdamW for the biases, no weight decay
    "rate": 0.05,
    "bias_rate": 0.02,
    "decay": True,  # both rates to zero along a straight line
    "batch_size": 256,
    "epochs": 3,
}
"""The chapter's recipe, chosen on the validation images."""

PLAIN: dict[str, Any] = {
    "mean_bias": False,
    "adam": True,
    "rate": 0.001,
    "bias_rate": 0.001,
    "decay": False,
    "epochs": 10,
}
"""How tutorials train: Adam, its default rate, ten epochs."""


# What the recipe owes to each of its parts


ABLATION = RECIPE | {
    "code": 64,
    "variants": {
        "chapter": {},
        "default initialisation": {"init": "default"},
        "decoder bias at zero": {"mean_bias": False},
        "constant rates": {"decay": False, "rate": 0.01},
        "Adam 0.001": {"adam": True, "rate": 0.001, "bias_rate": 0.001},
        "Adam 0.003": {"adam": True, "rate": 0.003, "bias_rate": 0.003},
        "Adam 0.01": {"adam": True, "rate": 0.01, "bias_rate": 0.01},
        "batch 32": {"batch_size": 32},
        "batch 128": {"batch_size": 128},
        "batch 1024": {"batch_size": 1024},
        "eight epochs": {"epochs": 8},
        "plain port, batch 32": PLAIN | {"init": "default", "batch_size": 32},
        "plain port, batch 256": PLAIN | {"init": "default", "batch_size": 256},
        "tutorial": PLAIN | {"batch_size": 32},
    },
}


def ablation(data: Dataset, recipe: dict[str, Any], seed: int) -> list[Row]:
    """Train the chapter's autoencoder, changing one thing at a time."""
    rows: list[Row] = []
    for name, change in recipe["variants"].items():
        chosen = recipe | change
        torch.manual_seed(seed)
        model = one_layer(chosen["code"])
        seconds = train(model, flat(data.train.x), chosen, seed)
        measures = errors(model, data) | {
            "dead_codes": dead_codes(model, flat(data.train.x)),
            "seconds": seconds,
        }
        rows.append(({"variant": name, "epochs": chosen["epochs"]}, measures))
    return rows


def errors(model: nn.Module, data: Dataset) -> dict[str, float]:
    return {
        "validation_error": evaluate(model, squared, flat(data.validation.x)),
        "test_error": evaluate(model, squared, flat(data.test.x)),
    }


@torch.no_grad()
def dead_codes(model: nn.Sequential, x: Tensor) -> int:
    """How many code units are zero for every image."""
    return int((model[:2](x).amax(0) == 0).sum())


# Which loss


KINDS = ("squared", "absolute", "cross-entropy")
LOSSES = RECIPE | {"code": 64, "loss": list(KINDS)}


def losses(data: Dataset, recipe: dict[str, Any], seed: int) -> list[Row]:
    """Train with each loss, and score each under all of them."""
    x_test = flat(data.test.x)
    rows: list[Row] = []
    for trained in KINDS:

        def loss(model: nn.Module, x: Tensor, kind: str = trained) -> Tensor:
            return metrics.reconstruction_errors(x, model(x), kind).mean()

        torch.manual_seed(seed)
        model = one_layer(recipe["code"])
        train(model, flat(data.train.x), recipe, seed, loss)
        with torch.no_grad():
            x_hat = model(x_test)
        scores = {
            kind: metrics.reconstruction_errors(x_test, x_hat, kind).mean().item()
            for kind in KINDS
        }
        scores["dead_codes"] = dead_codes(model, flat(data.train.x))
        rows.append(({"trained_with": trained}, scores))
    return rows


# A linear autoencoder against PCA


LINEAR: dict[str, Any] = {
    "code": 64,
    "loss": "mean squared error",
    "init": "Glorot uniform, no biases, centred data",
    "schedule": "rate to zero along a straight line",
    "batch_size": 256,
    "variants": {
        "Muon, 3 epochs": {"adam": False, "rate": 0.02, "epochs": 3},
        "Muon, 6 epochs": {"adam": False, "rate": 0.02, "epochs": 6},
        "Adam, 3 epochs": {"adam": True, "rate": 0.01, "epochs": 3},
        "Adam, 6 epochs": {"adam": True, "rate": 0.01, "epochs": 6},
    },
}


def principal_components(x: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvectors (columns) and eigenvalues of the covariance, largest first."""
    centred = x - x.mean(0)
    values, vectors = torch.linalg.eigh((centred.T @ centred / len(x)).double())
    return vectors.flip(1).float(), values.flip(0)


def linear(data: Dataset, recipe: dict[str, Any], seed: int) -> list[Row]:
    """Compare the subspace of a linear autoencoder with that of PCA."""
    x, x_test = flat(data.train.x), flat(data.test.x)
    x_test = x_test - x.mean(0)
    vectors, values = principal_components(x)
    k = recipe["code"]
    exact = vectors[:, :k]

    def measures(basis: Tensor, x_hat: Tensor) -> dict[str, float]:
        cosines = metrics.principal_cosines(basis, exact)
        return {
            "mean_cosine": cosines.mean().item(),
            "least_cosine": cosines.min().item(),
            "captured_variance": metrics.captured_variance(x_test, x_hat),
            "test_error": F.mse_loss(x_hat, x_test).item(),
        }

    rows: list[Row] = []
    for name, change in recipe["variants"].items():
        chosen = recipe | change
        torch.manual_seed(seed)
        model = nn.Sequential(
            nn.Linear(PIXELS, k, bias=False), nn.Linear(k, PIXELS, bias=False)
        )
        for layer in model:
            nn.init.xavier_uniform_(layer.weight)
        optimizer = (
            torch.optim.Adam(model.parameters(), lr=chosen["rate"])
            if chosen["adam"]
            else torch.optim.Muon(
                model.parameters(), lr=chosen["rate"], weight_decay=0.0
            )
        )
        total = updates(len(x), chosen["epochs"], chosen["batch_size"])
        fit(
            model,
            squared,
            x - x.mean(0),
            optimizer=optimizer,
            scheduler=to_zero([optimizer], total),
            epochs=chosen["epochs"],
            batch_size=chosen["batch_size"],
            seed=seed,
        )
        with torch.no_grad():
            rows.append(
                ({"model": name}, measures(model[1].weight.detach(), model(x_test)))
            )
    rows.append(({"model": "PCA"}, measures(exact, x_test @ exact @ exact.T)))

    generator = torch.Generator().manual_seed(seed)
    halves = torch.randperm(len(x), generator=generator).chunk(2)
    one, other = (principal_components(x[half])[0][:, :k] for half in halves)
    cosines = metrics.principal_cosines(one, other)
    rows.append(
        (
            {"model": "PCA on one half against PCA on the other"},
            {
                "mean_cosine": cosines.mean().item(),
                "least_cosine": cosines.min().item(),
                "eigenvalue_ratio": (values[k - 1] / values[k]).item(),
            },
        )
    )
    return rows


# How narrow may the bottleneck be


BOTTLENECK = RECIPE | {"codes": [2, 4, 8, 16, 32, 64, 128, 256]}


def bottleneck(data: Dataset, recipe: dict[str, Any], seed: int) -> list[Row]:
    """Test error against the length of the code, with PCA's beside it."""
    x, x_test = flat(data.train.x), flat(data.test.x)
    vectors, _ = principal_components(x)
    rows: list[Row] = []
    for code in recipe["codes"]:
        torch.manual_seed(seed)
        model = one_layer(code)
        train(model, x, recipe, seed)
        measures = errors(model, data) | {"dead_codes": dead_codes(model, x)}
        rows.append(({"code": code, "model": "autoencoder"}, measures))
        basis = vectors[:, :code]
        x_hat = x.mean(0) + (x_test - x.mean(0)) @ basis @ basis.T
        rows.append(
            (
                {"code": code, "model": "PCA"},
                {"test_error": F.mse_loss(x_hat, x_test).item()},
            )
        )
    return rows


# Half-way between two images


HALFWAY: dict[str, Any] = RECIPE | {
    "pairs": 500,
    "code": 64,
    "deep": {"code": 16, "widths": [256, 64], "rate": 0.02, "bias_rate": 0.01},
    "vae": {"code": 16, "width": 256, "rate": 0.02, "bias_rate": 0.01},
    "deep_epochs": 5,
    "classifier": {"width": 256, "rate": 0.02, "batch_size": 128, "epochs": 3},
}
Map = Callable[[Tensor], Tensor]


def halfway(data: Dataset, recipe: dict[str, Any], seed: int) -> list[Row]:
    """How near the middle of two codes comes to a training image.

    The control is the average of the two *reconstructions*, as blurred as what the
    decoder makes of the middle. The classifier's entropy is recorded as a score that
    misleads.
    """
    x, n = flat(data.train.x), recipe["pairs"]
    entropy = class_entropy(data, recipe["classifier"], seed)
    generator = torch.Generator().manual_seed(seed)
    chosen = torch.randperm(len(data.test.x), generator=generator)[: 2 * n]
    one, other = flat(data.test.x)[chosen].chunk(2)

    def measures(images: Tensor) -> dict[str, float]:
        distance, _ = metrics.nearest_distances(images, x)
        return {"distance": distance.mean().item(), "entropy": entropy(images)}

    rows: list[Row] = [
        ({"model": "none", "image": "real"}, measures(one)),
        ({"model": "none", "image": "average of pixels"}, measures((one + other) / 2)),
    ]
    for name, (encode, decode, quality) in halfway_models(data, recipe, seed).items():
        z_one, z_other = encode(one), encode(other)
        x_one, x_other = decode(z_one), decode(z_other)
        for image, images in {
            "reconstruction": x_one,
            "average of reconstructions": (x_one + x_other) / 2,
            "middle of codes": decode((z_one + z_other) / 2),
        }.items():
            rows.append(({"model": name, "image": image}, measures(images) | quality))
    return rows


def halfway_models(
    data: Dataset, recipe: dict[str, Any], seed: int
) -> dict[str, tuple[Map, Map, dict[str, float]]]:
    """Encoder, decoder and test error of three models."""
    x, x_test = flat(data.train.x), flat(data.test.x)
    models: dict[str, tuple[Map, Map]] = {}

    torch.manual_seed(seed)
    shallow = one_layer(recipe["code"])
    train(shallow, x, recipe, seed)
    models["one layer, 64"] = shallow[:2], shallow[2:]

    chosen = recipe | {"epochs": recipe["deep_epochs"]} | recipe["deep"]
    torch.manual_seed(seed)
    many = deep(chosen["code"], tuple(chosen["widths"]))
    train(many, x, chosen, seed)
    models["deep, 16"] = many[: len(many) // 2], many[len(many) // 2 :]

    chosen = recipe | {"epochs": recipe["deep_epochs"]} | recipe["vae"]
    torch.manual_seed(seed)
    vae = VAE(chosen["code"], chosen["width"])
    train(vae, x, chosen, seed, VAE.loss)
    models["VAE, 16"] = lambda x: vae.encoder(x).chunk(2, dim=1)[0], vae.decoder

    with torch.no_grad():
        return {
            name: (
                torch.no_grad()(encode),
                torch.no_grad()(decode),
                {"test_error": F.mse_loss(decode(encode(x_test)), x_test).item()},
            )
            for name, (encode, decode) in models.items()
        }


def class_entropy(
    data: Dataset, recipe: dict[str, Any], seed: int
) -> Callable[[Tensor], float]:
    """Train a small classifier; return the mean entropy of its verdicts, in nats."""
    torch.manual_seed(seed)
    classifier = nn.Sequential(
        nn.Linear(PIXELS, recipe["width"]), nn.ReLU(), nn.Linear(recipe["width"], 10)
    )
    optimizers = muon(classifier, recipe["rate"], recipe["rate"] / 5)
    fit(
        classifier,
        lambda model, x, y: F.cross_entropy(model(x), y),
        (flat(data.train.x), data.train.y),
        optimizer=optimizers,
        scheduler=to_zero(
            optimizers,
            updates(len(data.train.x), recipe["epochs"], recipe["batch_size"]),
        ),
        epochs=recipe["epochs"],
        batch_size=recipe["batch_size"],
        seed=seed,
    )

    @torch.no_grad()
    def entropy(images: Tensor) -> float:
        log_p = classifier(images).log_softmax(1)
        return -(log_p.exp() * log_p).sum(1).mean().item()

    return entropy


# Half-way between two drawings, where the truth is known


DRAWN: dict[str, Any] = RECIPE | {
    "class": 0,
    "moving": {"x": 3.0, "y": 2.0, "tilt": 20.0},
    "images": 10_000,
    "reference": 20_000,
    "pairs": 500,
    "batch_size": 128,
    "epochs": 8,
    "models": {
        "one layer, 64": {"code": 64, "widths": []},
        "deep, 16": {"code": 16, "widths": [128, 64]},
        "deep, 3": {"code": 3, "widths": [128, 64]},
    },
}


def drawings(recipe: dict[str, Any], n: int, seed: int) -> Tensor:
    """Garments of one class, equal but for their position and tilt."""
    generator = torch.Generator().manual_seed(seed)
    factors: dict[str, float | Tensor] = dict.fromkeys(garments.FACTOR_NAMES, 0.0)
    for name, reach in recipe["moving"].items():
        factors[name] = reach * (2 * torch.rand(n, generator=generator) - 1)
    return flat(garments.draw(n, classes=[recipe["class"]], factors=factors).x)


def halfway_drawn(data: Dataset, recipe: dict[str, Any], seed: int) -> list[Row]:
    """How near the middle of two codes comes to a true drawing."""
    x = drawings(recipe, recipe["images"], 3 * seed)
    reference = drawings(recipe, recipe["reference"], 3 * seed + 1)
    one, other = drawings(recipe, 2 * recipe["pairs"], 3 * seed + 2).chunk(2)

    def distance(images: Tensor) -> dict[str, float]:
        found, _ = metrics.nearest_distances(images, reference)
        return {"distance": found.mean().item()}

    rows: list[Row] = [
        ({"model": "none", "image": "real"}, distance(one)),
        ({"model": "none", "image": "average of pixels"}, distance((one + other) / 2)),
    ]
    for name, change in recipe["models"].items():
        chosen = recipe | change
        torch.manual_seed(seed)
        model = (
            deep(chosen["code"], tuple(chosen["widths"]))
            if chosen["widths"]
            else one_layer(chosen["code"])
        )
        train(model, x, chosen, seed)
        encode, decode = model[: len(model) // 2], model[len(model) // 2 :]
        with torch.no_grad():
            z_one, z_other = encode(one), encode(other)
            x_one, x_other = decode(z_one), decode(z_other)
            for image, images in {
                "reconstruction": x_one,
                "average of reconstructions": (x_one + x_other) / 2,
                "middle of codes": decode((z_one + z_other) / 2),
            }.items():
                rows.append(({"model": name, "image": image}, distance(images)))
    return rows


# Retrieval by class


RETRIEVAL = RECIPE | {"code": 64, "queries": 2000, "k": 10}


def retrieval(data: Dataset, recipe: dict[str, Any], seed: int) -> list[Row]:
    """Precision at k of test images among the training images, pixels and codes."""
    x, y = flat(data.train.x), data.train.y
    generator = torch.Generator().manual_seed(seed)
    chosen = torch.randperm(len(data.test.x), generator=generator)[: recipe["queries"]]
    queries, labels = flat(data.test.x)[chosen], data.test.y[chosen]
    torch.manual_seed(seed)
    model = one_layer(recipe["code"])
    train(model, x, recipe, seed)
    rows: list[Row] = []
    for space, encode in (("pixels", nn.Identity()), ("codes", model[:2])):
        for similarity in ("cosine", "euclidean"):
            with torch.no_grad():
                precision = metrics.retrieval_precision(
                    encode(queries),
                    labels,
                    encode(x),
                    y,
                    k=recipe["k"],
                    similarity=similarity,
                )
            rows.append(
                ({"space": space, "similarity": similarity}, {"precision": precision})
            )
    return rows


# Codes drawn at random


RANDOM_CODES: dict[str, Any] = RECIPE | {
    "code": 64,
    "samples": 1000,
    "classifier": HALFWAY["classifier"],
}


def random_codes(data: Dataset, recipe: dict[str, Any], seed: int) -> list[Row]:
    """Decode codes from N(0, I) and from a Gaussian fitted to the codes."""
    x, n = flat(data.train.x), recipe["samples"]
    entropy = class_entropy(data, recipe["classifier"], seed)
    torch.manual_seed(seed)
    model = one_layer(recipe["code"])
    train(model, x, recipe, seed)
    encode, decode = model[:2], model[2:]
    torch.manual_seed(seed)
    with torch.no_grad():
        z = encode(x)
        standard = torch.randn(n, z.shape[1])
        # Some codes may be dead, so the covariance is only positive semi-definite.
        values, vectors = torch.linalg.eigh(z.T.cov())
        fitted = (
            z.mean(0)
            + torch.randn_like(standard) @ (values.clamp_min(0).sqrt() * vectors).T
        )
        pictures = {
            "test images": flat(data.test.x)[:n],
            "reconstructions": decode(encode(flat(data.test.x)[:n])),
            "codes from N(0, I)": decode(standard),
            "codes from N(0, I), negative ones set to 0": decode(standard.relu()),
            "codes from a fitted Gaussian": decode(fitted),
        }
    return [
        (
            {"image": name},
            {
                "distance": metrics.nearest_distances(images, x)[0].mean().item(),
                "entropy": entropy(images),
            },
        )
        for name, images in pictures.items()
    ]


EXPERIMENTS = (
    Experiment("autoencoder-ablation", ABLATION, SEEDS, ablation),
    Experiment("autoencoder-losses", LOSSES, SEEDS, losses),
    Experiment("autoencoder-linear", LINEAR, SEEDS, linear),
    Experiment("autoencoder-bottleneck", BOTTLENECK, SEEDS, bottleneck),
    Experiment("autoencoder-halfway", HALFWAY, SEEDS, halfway),
    Experiment("autoencoder-halfway-drawn", DRAWN, SEEDS, halfway_drawn, (garments,)),
    Experiment("autoencoder-retrieval", RETRIEVAL, SEEDS, retrieval),
    Experiment("autoencoder-random-codes", RANDOM_CODES, SEEDS, random_codes),
)
