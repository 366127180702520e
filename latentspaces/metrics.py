"""Numbers that judge a reconstruction, a code, or a score.

Everything takes tensors; images may have any shape after the first dimension,
which counts the samples.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = [
    "auroc",
    "captured_variance",
    "elbo",
    "frechet_distance",
    "importance_weighted_bound",
    "kl_to_standard_normal",
    "modes_covered",
    "nearest_distances",
    "principal_cosines",
    "psnr",
    "reconstruction_errors",
    "retrieval_precision",
    "ssim",
]

Error = Literal["squared", "absolute", "cross-entropy"]
Similarity = Literal["cosine", "euclidean"]
Encode = Callable[[Tensor], tuple[Tensor, Tensor]]
LogLikelihood = Callable[[Tensor, Tensor], Tensor]


def reconstruction_errors(x: Tensor, x_hat: Tensor, kind: Error = "squared") -> Tensor:
    """Reconstruction error of each sample, averaged over its pixels.

    Parameters
    ----------
    x, x_hat : Tensor, shape (n, ...)
        Data and reconstructions. The cross-entropy needs both in [0, 1].
    kind : {"squared", "absolute", "cross-entropy"}
        What is averaged: (x - x̂)², |x - x̂|, or the Bernoulli cross-entropy in nats.

    Returns
    -------
    Tensor, shape (n,)

    Raises
    ------
    ValueError
        If the shapes differ, or ``kind`` is none of the three.
    """
    _check_same_shape("x", x, "x_hat", x_hat)
    if kind == "squared":
        each = (x - x_hat).square()
    elif kind == "absolute":
        each = (x - x_hat).abs()
    elif kind == "cross-entropy":
        each = F.binary_cross_entropy(x_hat, x, reduction="none")
    else:
        raise ValueError(
            f"kind is {kind!r}, expected 'squared', 'absolute' or 'cross-entropy'"
        )
    return each.flatten(1).mean(1)


def psnr(x: Tensor, x_hat: Tensor, *, data_range: float = 1.0) -> float:
    """Peak signal-to-noise ratio in decibels, over all samples together.

    It is 10 log₁₀(range² / mean squared error): higher is better, infinite if equal.

    Parameters
    ----------
    x, x_hat : Tensor, equal shapes
    data_range : float
        Difference between the largest and the smallest possible value.
    """
    _check_same_shape("x", x, "x_hat", x_hat)
    error = (x - x_hat).square().mean().item()
    return math.inf if error == 0 else 10 * math.log10(data_range**2 / error)


def ssim(x: Tensor, x_hat: Tensor, *, data_range: float = 1.0) -> float:
    """Structural similarity, the mean over the samples; 1 if equal.

    Computed by torchmetrics: Gaussian window of 11 pixels, borders mirrored (Wang et
    al. 2004).

    Parameters
    ----------
    x, x_hat : Tensor, shape (n, channels, height, width)
    data_range : float
        Difference between the largest and the smallest possible value.

    Raises
    ------
    ImportError
        If torchmetrics is not installed.
    """
    _check_same_shape("x", x, "x_hat", x_hat)
    if x.ndim != 4:
        raise ValueError(
            f"x has shape {tuple(x.shape)}, expected (n, channels, height, width); "
            "flat images must be reshaped first"
        )
    try:
        from torchmetrics.functional.image import (
            structural_similarity_index_measure,
        )
    except ImportError as error:
        raise _missing("ssim", "torchmetrics") from error
    return structural_similarity_index_measure(x_hat, x, data_range=data_range).item()


def auroc(scores: Tensor, positive: Tensor) -> float:
    """Area under the receiver operating characteristic curve.

    The probability that a positive sample scores higher than a negative one.

    Parameters
    ----------
    scores : Tensor, shape (n,)
        Higher means more likely positive.
    positive : Tensor, shape (n,)
        1 or True for the positive class, 0 or False for the other.

    Raises
    ------
    ValueError
        If the lengths differ or one of the two classes is absent.
    ImportError
        If scikit-learn is not installed.
    """
    _check_same_shape("scores", scores, "positive", positive)
    labels = positive.bool()
    if labels.all() or not labels.any():
        raise ValueError(
            f"all {len(labels)} samples are of one class, so there is nothing to "
            "rank: AUROC needs positive and negative samples"
        )
    try:
        from sklearn.metrics import roc_auc_score
    except ImportError as error:
        raise _missing("auroc", "scikit-learn") from error
    return float(roc_auc_score(labels.cpu().numpy(), scores.detach().cpu().numpy()))


def captured_variance(x: Tensor, x_hat: Tensor) -> float:
    """Share of the data's variance that the reconstruction keeps.

    1 - Σ‖x - x̂‖² / Σ‖x - mean‖²: 1 if perfect, 0 for the constant mean, negative
    for worse than that. For PCA it is the explained variance ratio.

    Parameters
    ----------
    x, x_hat : Tensor, shape (n, ...)
    """
    _check_same_shape("x", x, "x_hat", x_hat)
    total = (x - x.mean(0)).square().sum()
    if total == 0:
        raise ValueError("the samples of x are all equal: there is no variance to keep")
    return 1 - ((x - x_hat).square().sum() / total).item()


def principal_cosines(a: Tensor, b: Tensor) -> Tensor:
    """Cosines of the principal angles between two subspaces.

    All 1 if one subspace contains the other, all 0 if they are orthogonal.
    Computed as the singular values of QₐᵀQ_b, where the columns of Qₐ and Q_b are
    orthonormal bases (Björck & Golub 1973).

    Parameters
    ----------
    a : Tensor, shape (d, k)
    b : Tensor, shape (d, m)
        Each column is a vector; the columns span the subspace and must be
        linearly independent. A decoder's weight has this shape, an encoder's is
        its transpose.

    Returns
    -------
    Tensor, shape (min(k, m),)
        In descending order, between 0 and 1, double precision.
    """
    if a.ndim != 2 or b.ndim != 2 or a.shape[0] != b.shape[0]:
        raise ValueError(
            f"a has shape {tuple(a.shape)} and b {tuple(b.shape)}, expected (d, k) and "
            "(d, m) with the same d: one spanning vector in each column"
        )
    bases = []
    for name, matrix in (("a", a), ("b", b)):
        if matrix.shape[1] > matrix.shape[0]:
            raise ValueError(
                f"{name} has shape {tuple(matrix.shape)}: more columns than rows, so "
                f"they cannot be independent; transpose it with {name}.T?"
            )
        # In single precision the cosine of a small angle loses half its digits.
        basis, triangle = torch.linalg.qr(matrix.detach().double())
        pivots = triangle.diagonal().abs()
        if pivots.min() <= 1e-10 * pivots.max():
            raise ValueError(
                f"the {matrix.shape[1]} columns of {name} are linearly dependent: "
                "drop those that are zero or repeated"
            )
        bases.append(basis)
    return torch.linalg.svdvals(bases[0].T @ bases[1]).clamp(0, 1)


def nearest_distances(
    x: Tensor, reference: Tensor, *, chunk: int = 500
) -> tuple[Tensor, Tensor]:
    """Euclidean distance from each sample to the nearest reference sample.

    Parameters
    ----------
    x : Tensor, shape (n, ...)
    reference : Tensor, shape (m, ...)
        If ``x`` is part of it, a sample's nearest is itself, at distance 0.
    chunk : int
        Samples of ``x`` to compare at a time; it bounds the memory.

    Returns
    -------
    distance : Tensor, shape (n,)
    index : Tensor, shape (n,)
        Where in ``reference`` the nearest one is.
    """
    _check_same_width("x", x, "reference", reference)
    x, reference = x.flatten(1), reference.flatten(1)
    index = torch.cat(
        [torch.cdist(part, reference).argmin(1) for part in x.split(chunk)]
    )
    # cdist multiplies matrices, which blurs small distances: measure them again.
    return (x - reference[index]).norm(dim=1), index


def retrieval_precision(
    queries: Tensor,
    query_labels: Tensor,
    gallery: Tensor,
    gallery_labels: Tensor,
    *,
    k: int = 10,
    similarity: Similarity = "cosine",
    chunk: int = 500,
) -> float:
    """Share of the k nearest gallery samples that have the query's class.

    Parameters
    ----------
    queries : Tensor, shape (n, ...)
    query_labels : Tensor, shape (n,)
    gallery : Tensor, shape (m, ...)
        Must not contain the queries themselves.
    gallery_labels : Tensor, shape (m,)
    k : int
    similarity : {"cosine", "euclidean"}
        What makes a sample near.
    chunk : int
        Queries to compare at a time; it bounds the memory.

    Returns
    -------
    float
        Precision at k, the mean over the queries.
    """
    _check_same_width("queries", queries, "gallery", gallery)
    for name, samples, labels in (
        ("query", queries, query_labels),
        ("gallery", gallery, gallery_labels),
    ):
        if len(samples) != len(labels):
            raise ValueError(
                f"{len(samples)} {name} samples have {len(labels)} labels, expected "
                "one label for each sample"
            )
    if not 1 <= k <= len(gallery):
        raise ValueError(
            f"k is {k}, expected 1 to {len(gallery)}, the number of gallery samples"
        )
    queries, gallery = queries.flatten(1), gallery.flatten(1)
    if similarity == "cosine":
        # On the unit sphere the nearest by distance is the nearest by angle.
        queries, gallery = F.normalize(queries), F.normalize(gallery)
    elif similarity != "euclidean":
        raise ValueError(
            f"similarity is {similarity!r}, expected 'cosine' or 'euclidean'"
        )
    hits = 0
    for part, labels in zip(
        queries.split(chunk), query_labels.split(chunk), strict=True
    ):
        nearest = torch.cdist(part, gallery).topk(k, largest=False).indices
        hits += (gallery_labels[nearest] == labels[:, None]).sum().item()
    return hits / (len(queries) * k)


def kl_to_standard_normal(mu: Tensor, log_var: Tensor) -> Tensor:
    """Kullback-Leibler divergence of N(μ, diag σ²) from N(0, I), in nats.

    It is ½ Σⱼ (μⱼ² + σⱼ² - 1 - log σⱼ²) (Kingma & Welling 2014, appendix B).

    Parameters
    ----------
    mu, log_var : Tensor, shape (n, k)
        Means and logarithms of the variances.

    Returns
    -------
    Tensor, shape (n,)
    """
    _check_same_shape("mu", mu, "log_var", log_var)
    # expm1, so that a variance near 1 does not lose its digits to the subtraction.
    return 0.5 * (mu.square() + log_var.expm1() - log_var).flatten(1).sum(1)


@torch.no_grad()
def elbo(
    x: Tensor,
    encode: Encode,
    log_likelihood: LogLikelihood,
    *,
    samples: int = 1,
    seed: int = 0,
) -> Tensor:
    """Evidence lower bound of each example, in nats.

    E_q[log p(x|z)] - KL(q(z|x) ‖ p(z)), with q(z|x) = N(μ, diag σ²), p(z) = N(0, I),
    the divergence in closed form and the expectation over drawn z (Kingma & Welling
    2014, equation 7).

    Parameters
    ----------
    x : Tensor, shape (n, ...)
    encode : callable
        ``encode(x)`` returns ``mu`` and ``log_var``, both of shape (n, k).
    log_likelihood : callable
        ``log_likelihood(x, z)`` returns log p(x|z) of each example, shape (n,).
    samples : int
        How many z are drawn for each example; more make it less noisy, not higher.
    seed : int
        Decides them; the caller's random state is left as it was.

    Returns
    -------
    Tensor, shape (n,)

    Raises
    ------
    ValueError
        If ``samples`` is below 1 or a shape is another.
    """
    mu, log_var, draws = _posterior_draws(x, encode, samples, seed)
    total = sum(_log_likelihoods(log_likelihood, x, z) for z, _ in draws)
    return total / samples - kl_to_standard_normal(mu, log_var)


@torch.no_grad()
def importance_weighted_bound(
    x: Tensor,
    encode: Encode,
    log_likelihood: LogLikelihood,
    *,
    samples: int,
    seed: int = 0,
) -> Tensor:
    """Importance-weighted bound on log p(x) of each example, in nats.

    log of the mean of p(x|z) p(z) / q(z|x) over drawn z (Burda, Grosse & Salakhutdinov
    2016, equation 8): its expectation is the evidence lower bound for one sample, and
    rises towards log p(x) with their number.

    Parameters
    ----------
    x, encode, log_likelihood, seed
        As for :func:`elbo`.
    samples : int
        How many z are drawn for each example.

    Returns
    -------
    Tensor, shape (n,)

    Raises
    ------
    ValueError
        If ``samples`` is below 1 or a shape is another.
    """
    _, log_var, draws = _posterior_draws(x, encode, samples, seed)
    running = log_var.new_full((len(x),), -math.inf)
    for z, eps in draws:
        # log p(z) - log q(z|x): the constants of the two normal densities cancel.
        log_prior_ratio = 0.5 * (eps.square() + log_var - z.square()).sum(1)
        log_weight = _log_likelihoods(log_likelihood, x, z) + log_prior_ratio
        running = torch.logaddexp(running, log_weight)
    return running - math.log(samples)


def frechet_distance(a: Tensor, b: Tensor) -> float:
    """Fréchet distance between Gaussians fitted to two sets of features.

    ‖μₐ - μ_b‖² + tr(Cₐ + C_b - 2 (Cₐ C_b)^½), in squared units of the features
    (Dowson & Landau 1982; for generated images Heusel et al. 2017). It is biased
    upwards, the more the fewer samples there are: compare it only with distances
    between sets as large, and with that of two sets of real images.

    Parameters
    ----------
    a : Tensor, shape (n, d)
    b : Tensor, shape (m, d)
        A feature vector in each row, such as
        :meth:`latentspaces.classifier.GarmentClassifier.features` gives.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If the widths differ, a set has fewer than two rows, or a feature is not
        finite.
    """
    for name, features in (("a", a), ("b", b)):
        if features.ndim != 2 or len(features) < 2:
            raise ValueError(
                f"{name} has shape {tuple(features.shape)}, expected (n, d) with a "
                "feature vector in each of at least two rows"
            )
        if not features.isfinite().all():
            raise ValueError(
                f"{name} contains NaN or infinite features: look at the images, or at "
                "the generator that made them"
            )
    _check_same_width("a", a, "b", b)
    a, b = a.detach().double(), b.detach().double()
    gap = (a.mean(0) - b.mean(0)).square().sum()
    # tr (Cₐ C_b)^½ is the sum of the singular values of Rₐᵀ R_b for any roots
    # C = R Rᵀ. Centred features, transposed, are such roots, up to a factor; their
    # triangles from a QR decomposition are the small ones. No inverse is taken, so a
    # covariance without full rank does no harm.
    roots = [
        torch.linalg.qr((x - x.mean(0)) / math.sqrt(len(x) - 1), mode="r").R
        for x in (a, b)
    ]
    spread = sum(root.square().sum() for root in roots)
    shared = torch.linalg.svdvals(roots[0] @ roots[1].T).sum()
    return max(0.0, (gap + spread - 2 * shared).item())


def modes_covered(
    x: Tensor, modes: Tensor, radius: float, *, share: float = 0.01
) -> tuple[int, float]:
    """How many of the known modes of a distribution its samples reach.

    Parameters
    ----------
    x : Tensor, shape (n, d)
        Samples.
    modes : Tensor, shape (m, d)
        The modes' centres.
    radius : float
        A sample is *good* if it lies within this Euclidean distance of its nearest
        mode.
    share : float
        A mode counts as covered if at least this share of **all** samples are good
        and nearest to it.

    Returns
    -------
    covered : int
        From 0 to m.
    good : float
        Share of good samples, from 0 to 1.

    Raises
    ------
    ValueError
        If the shapes do not fit, or ``radius`` or ``share`` is not above 0.
    """
    if len(x) == 0 or len(modes) == 0:
        raise ValueError(
            f"x has {len(x)} samples and there are {len(modes)} modes, expected at "
            "least one of each"
        )
    _check_same_width("x", x, "modes", modes)
    for name, value in (("radius", radius), ("share", share)):
        if not value > 0:
            raise ValueError(f"{name} is {value}, expected a number above 0")
    distance, nearest = nearest_distances(x, modes)
    good = distance <= radius
    counts = nearest[good].bincount(minlength=len(modes))
    covered = int((counts >= share * len(x)).sum())
    return covered, good.double().mean().item()


def _check_same_shape(name_a: str, a: Tensor, name_b: str, b: Tensor) -> None:
    if a.shape != b.shape:
        raise ValueError(
            f"{name_a} has shape {tuple(a.shape)} and {name_b} {tuple(b.shape)}, "
            "expected equal shapes; reshape one of them"
        )
    if a.numel() == 0:
        raise ValueError(f"{name_a} is empty (shape {tuple(a.shape)})")


def _check_same_width(name_a: str, a: Tensor, name_b: str, b: Tensor) -> None:
    if a.ndim < 2 or b.ndim < 2 or a[0].numel() != b[0].numel():
        raise ValueError(
            f"{name_a} has shape {tuple(a.shape)} and {name_b} {tuple(b.shape)}, "
            "expected samples in the first dimension and as many values in each"
        )


def _posterior_draws(
    x: Tensor, encode: Encode, samples: int, seed: int
) -> tuple[Tensor, Tensor, Iterator[tuple[Tensor, Tensor]]]:
    """Mean and log variance of q(z|x), and draws of z with the ε behind them."""
    if samples < 1:
        raise ValueError(f"samples is {samples}, expected 1 or more")
    mu, log_var = encode(x)
    _check_same_shape("mu", mu, "log_var", log_var)
    if mu.ndim != 2 or len(mu) != len(x):
        raise ValueError(
            f"encode gave mu of shape {tuple(mu.shape)} for {len(x)} examples, "
            f"expected ({len(x)}, k)"
        )

    def draws() -> Iterator[tuple[Tensor, Tensor]]:
        generator = torch.Generator().manual_seed(seed)
        for _ in range(samples):
            # Drawn on the CPU, so that a seed gives one result on every device.
            eps = torch.randn(mu.shape, generator=generator, dtype=mu.dtype)
            eps = eps.to(mu.device)
            yield mu + (0.5 * log_var).exp() * eps, eps

    return mu, log_var, draws()


def _log_likelihoods(log_likelihood: LogLikelihood, x: Tensor, z: Tensor) -> Tensor:
    value = log_likelihood(x, z)
    if value.shape != (len(x),):
        raise ValueError(
            f"log_likelihood gave shape {tuple(value.shape)} for {len(x)} examples, "
            f"expected ({len(x)},): sum over the pixels, not over the examples"
        )
    return value


def _missing(function: str, package: str) -> ImportError:
    return ImportError(
        f"metrics.{function} needs {package}, which is not installed: "
        'pip install "latentspaces[book]"'
    )
