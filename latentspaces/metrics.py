"""Numbers that judge a reconstruction, a code, or a score.

Everything takes tensors; images may have any shape after the first dimension,
which counts the samples.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = [
    "auroc",
    "captured_variance",
    "nearest_distances",
    "principal_cosines",
    "psnr",
    "reconstruction_errors",
    "retrieval_precision",
    "ssim",
]

Error = Literal["squared", "absolute", "cross-entropy"]
Similarity = Literal["cosine", "euclidean"]


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
        If torchmetrics, which is part of ``latentspaces[book]``, is not installed.
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
        If scikit-learn, which is part of ``latentspaces[book]``, is not installed.
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


def _missing(function: str, package: str) -> ImportError:
    return ImportError(
        f"metrics.{function} needs {package}, which is not installed: "
        'pip install "latentspaces[book]"'
    )
