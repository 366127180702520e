"""The small garment classifier that the course trained once and ships.

It is a ruler, not a lesson: distances between sets of images are measured on its
features (:func:`latentspaces.metrics.frechet_distance`), so that every reader's number
is on one scale. Its experiment is :mod:`latentspaces.experiments.classifier`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from latentspaces import checkpoints

__all__ = ["FEATURES", "GarmentClassifier", "load"]

FEATURES = 64
"""Numbers in the last hidden layer, on which images are compared."""


class GarmentClassifier(nn.Module):
    """Two strided convolutions, one hidden layer, ten classes."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 32, 3, stride=2, padding=1),  # (n, 32, 14, 14)
            nn.ReLU(),
            nn.Conv2d(32, 64, 3, stride=2, padding=1),  # (n, 64, 7, 7)
            nn.ReLU(),
            nn.Flatten(),
            nn.Dropout(0.25),
            nn.Linear(64 * 7 * 7, FEATURES),
            nn.ReLU(),
        )
        self.head = nn.Sequential(nn.Dropout(0.25), nn.Linear(FEATURES, 10))

    def forward(self, x: Tensor) -> Tensor:
        """Logits of the ten classes.

        Parameters
        ----------
        x : Tensor, shape (n, 1, 28, 28)
            Images in [0, 1].

        Returns
        -------
        Tensor, shape (n, 10)
        """
        return self.head(self.body(x))

    @torch.no_grad()
    def features(self, x: Tensor, *, chunk: int = 1000) -> Tensor:
        """What the last hidden layer answers, without gradients.

        Parameters
        ----------
        x : Tensor, shape (n, 1, 28, 28)
            Images in [0, 1].
        chunk : int
            Images to process at a time; it bounds the memory.

        Returns
        -------
        Tensor, shape (n, 64)
            None below 0.

        Raises
        ------
        ValueError
            If the shape is another.
        """
        if x.ndim != 4 or x.shape[1:] != (1, 28, 28) or len(x) == 0:
            raise ValueError(
                f"x has shape {tuple(x.shape)}, expected (n, 1, 28, 28) with at least "
                "one image; flat images must be reshaped first: x.view(-1, 1, 28, 28)"
            )
        return torch.cat([self.body(part) for part in x.split(chunk)])


def load() -> GarmentClassifier:
    """The trained classifier, in evaluation mode; its parameters ask for no gradient.

    :func:`latentspaces.checkpoints.about` (``"classifier"``) says how it was made.
    """
    model = GarmentClassifier()
    checkpoints.restore("classifier", model)
    return model.requires_grad_(False)
