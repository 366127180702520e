"""Noise to add, and a denoiser to take it out again."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from latentspaces import plots
from latentspaces.explorers.display import show
from latentspaces.explorers.packing import array, checks, pack


def denoiser(
    model: nn.Module,
    images: Tensor,
    names: Sequence[str],
    *,
    trained_at: float,
    alt: str,
    title: str = "Add noise, and take it out again",
    highest: float = 0.6,
) -> None:
    """Images to add noise to, as much as one likes, and what the denoiser answers.

    Noisy images are clipped to [0, 1], and so are the answers before they are judged.
    The figure behind it shows the first image at seven levels from 0 to ``highest``.

    Parameters
    ----------
    model : nn.Module
        From (n, 1, height, width) to the same, black 0 to white 1. What layers it may
        have, :func:`pack` says.
    images : Tensor, shape (n, 1, height, width)
        Clean images of 8 bits, that is, multiples of 1/255, none of them trained on.
    names : sequence of str
        What each image shows.
    trained_at : float
        The noise level of the training, marked in the diagram.
    alt : str
        What the figure shows, for a reader who does not see it.
    title : str
    highest : float
        The largest noise level, in units of the pixels.

    Raises
    ------
    ValueError
        If shapes do not fit together, ``alt`` is empty, or all is too large for a page.
    """
    if images.ndim != 4 or images.shape[1] != 1 or len(images) != len(names):
        raise ValueError(
            f"images has shape {tuple(images.shape)} with {len(names)} names, expected "
            "(n, 1, height, width) with n names"
        )
    images = images.detach().float().cpu()
    levels = torch.linspace(0, highest, 7)
    noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(0))
    noisy = (images[:1] + levels.view(-1, 1, 1, 1) * noise[:1]).clamp(0, 1)
    with torch.no_grad():
        answer = model(noisy).clamp(0, 1)
    heads = ["no noise", *(f"σ = {level:.1f}" for level in levels[1:].tolist())]
    error = (answer - images[:1]).square().mean((1, 2, 3))
    feet = [f"{psnr:.1f} dB" for psnr in (-10 * error.log10()).tolist()]
    figure = plots.grid_figure(
        torch.stack([noisy, answer])[:, :, 0], ["noisy", "denoised"], heads + feet
    )
    # Clean, at the level of the training, far above it, and two images in between.
    places = torch.tensor([0.0, trained_at, highest, trained_at / 2, 2 * trained_at])
    which = torch.arange(5) % len(images)
    tried = (images[which] + places.view(-1, 1, 1, 1) * noise[which]).clamp(0, 1)
    contents = {
        "denoiser": pack(model),
        "images": array((images[:, 0] * 255).round().to(torch.uint8)),
        "names": list(names),
        "trained_at": trained_at,
        "highest": highest,
        "checks": checks(model, tried),
    }
    show("denoiser", contents, figure, title=title, alt=alt)
