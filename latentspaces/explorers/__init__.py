"""Trained models in the page: from PyTorch to what the book's JavaScript reads.

A chapter calls one function, such as :func:`latent_pad`, with what it has just trained.
The cell's output then holds a figure, for print, for notebooks and for readers without
JavaScript, and beside it the model in compact form. In the book, the scripts in
``book/_static/explorers/`` put something to play with in the figure's place. All that
they need is in the output, so a page made from cached outputs is complete.
"""

from latentspaces.explorers.anomaly_detection import threshold
from latentspaces.explorers.autoencoder import latent_pad
from latentspaces.explorers.denoising import denoiser
from latentspaces.explorers.display import LIMIT, show
from latentspaces.explorers.gan import dirac_gan, discriminator
from latentspaces.explorers.manifold_learning import swiss_roll
from latentspaces.explorers.packing import Skip, array, checks, pack, rounded, sprite
from latentspaces.explorers.vae import traversal

__all__ = [
    "LIMIT",
    "Skip",
    "array",
    "checks",
    "denoiser",
    "dirac_gan",
    "discriminator",
    "latent_pad",
    "pack",
    "rounded",
    "show",
    "sprite",
    "swiss_roll",
    "threshold",
    "traversal",
]
