"""Trained models in the page: from PyTorch to what the book's JavaScript reads.

A chapter calls one function, such as :func:`latent_pad`, with what it has just trained.
The cell's output then holds a figure, for print, for notebooks and for readers without
JavaScript, and beside it the model in compact form. In the book, the scripts in
``book/_static/explorers/`` put something to play with in the figure's place. All that
they need is in the output, so a page made from cached outputs is complete.

Weight matrices are rounded to 8 bits, a scale for each row; small ones stay as they
are. What PyTorch itself answers at a few inputs, before rounding, travels along
(``checks``), and a test compares the page's answers with it.
"""

from __future__ import annotations

import base64
import copy
import html
import io
import json
from collections.abc import Callable, Sequence
from typing import Any

import torch
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor, nn

from latentspaces import plots

__all__ = [
    "LIMIT",
    "Skip",
    "denoiser",
    "latent_pad",
    "pack",
    "rounded",
    "traversal",
]

LIMIT = 600_000
"""The most bytes that one explorer may add to a page."""

EXACT = 16_384
"""Matrices with at most this many numbers are not rounded."""

_CODES = {torch.float32: "f4", torch.uint8: "u1", torch.int8: "i1", torch.int16: "i2"}


class Skip(nn.Module):
    """A residual connection, x + f(x) with f the given modules in a row.

    Parameters
    ----------
    *modules : nn.Module
        Together they must keep the shape of their input.
    """

    def __init__(self, *modules: nn.Module) -> None:
        super().__init__()
        self.body = nn.Sequential(*modules)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


# --- a model in compact form -----------------------------------------------------


def pack(model: nn.Module, inputs: Tensor | None = None) -> list[dict[str, Any]]:
    """A feed-forward network as a list of layers that can be written as JSON.

    Parameters
    ----------
    model : nn.Module
        An ``nn.Sequential``, nested or not, of the layers named in the error below.
    inputs : Tensor, shape (n, ...), optional
        Typical inputs, some thousand: linear layers are then rounded so that the
        answers to these change least.

    Returns
    -------
    list of dict
        One entry for each layer, in order.

    Raises
    ------
    ValueError
        If the model has a layer that the page cannot compute.
    """
    match model:
        case nn.Sequential():
            layers = []
            for child in model:
                layers += pack(child, inputs)
                if inputs is not None:
                    with torch.no_grad():
                        inputs = child(inputs)
            return layers
        case Skip():
            return [{"op": "skip", "body": pack(model.body, inputs)}]
        case nn.Linear():
            return [{"op": "linear", **_parameters(model, inputs)}]
        case nn.Conv2d() if _is_plain(model):
            return [{"op": "conv", "size": model.kernel_size[0], **_parameters(model)}]
        case nn.LeakyReLU():
            return [{"op": "leaky", "slope": model.negative_slope}]
        case nn.ReLU() | nn.Sigmoid() | nn.SiLU() | nn.Tanh():
            return [{"op": type(model).__name__.lower()}]
        case nn.PixelShuffle():
            return [{"op": "shuffle", "factor": model.upscale_factor}]
        case nn.PixelUnshuffle():
            return [{"op": "unshuffle", "factor": model.downscale_factor}]
        case nn.Unflatten():
            return [{"op": "shape", "shape": list(model.unflattened_size)}]
        case nn.Flatten():
            return [{"op": "shape", "shape": None}]
    raise ValueError(
        f"{model} cannot be computed in the page; what can: Sequential, Skip, Linear, "
        "Conv2d (odd square kernel, stride 1, padding that keeps the size), ReLU, "
        "LeakyReLU, SiLU, Tanh, Sigmoid, PixelShuffle, PixelUnshuffle, Flatten, "
        "Unflatten. Rewrite the model with these, or add the layer here and in "
        "book/_static/explorers/core.js"
    )


def _is_plain(layer: nn.Conv2d) -> bool:
    size = layer.kernel_size[0]
    return (
        layer.kernel_size == (size, size)
        and layer.padding in ((size // 2, size // 2), "same")
        and size % 2 == 1
        and layer.stride == layer.dilation == (1, 1)
        and layer.groups == 1
        and layer.padding_mode == "zeros"
    )


def _parameters(
    layer: nn.Linear | nn.Conv2d, inputs: Tensor | None = None
) -> dict[str, Any]:
    matrix = layer.weight.detach().float().cpu().flatten(1)
    packed: dict[str, Any] = {"shape": list(matrix.shape)}
    if layer.bias is not None:
        packed["bias"] = array(layer.bias.detach().float())
    if matrix.numel() <= EXACT:
        return packed | {"weight": array(matrix)}
    scale, whole = _rounded(matrix, inputs)
    return packed | {"weight": array(whole.to(torch.int8)), "scale": array(scale)}


def _rounded(matrix: Tensor, inputs: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Scale (rows,) and whole numbers from -127 to 127, matrix ≈ scale · whole.

    With inputs (n, columns), column after column is rounded, the one with the largest
    inputs first, and those that are left make up for the error on these inputs as well
    as they can (Frantar et al., 2023, GPTQ, arXiv:2210.17323).
    """
    scale = matrix.abs().amax(1).clamp_min(1e-12) / 127
    whole = matrix / scale[:, None]
    if inputs is None:
        return scale, whole.round()
    square = inputs.double().T @ inputs.double()
    square += 0.001 * square.diag().mean() * torch.eye(len(square))
    order = square.diag().argsort(descending=True)
    pull = torch.linalg.cholesky(square[order][:, order].inverse(), upper=True)
    rest = whole[:, order].double()
    for j in range(len(order)):
        exact = rest[:, j].clone()
        rest[:, j] = exact.round().clamp(-127, 127)
        error = (exact - rest[:, j]) / pull[j, j]
        rest[:, j + 1 :] -= error[:, None] * pull[j, j + 1 :]
    return scale, rest[:, order.argsort()].float()


def rounded(model: nn.Module) -> nn.Module:
    """The model, on the CPU, with the weights that the page computes with.

    Parameters
    ----------
    model : nn.Module
        Left as it is.

    Returns
    -------
    nn.Module
        A copy whose larger matrices are rounded as :func:`pack` rounds them.
    """
    answer = copy.deepcopy(model).float().cpu()
    with torch.no_grad():
        for layer in answer.modules():
            if (
                isinstance(layer, nn.Linear | nn.Conv2d)
                and layer.weight.numel() > EXACT
            ):
                scale, whole = _rounded(layer.weight.flatten(1))
                layer.weight.copy_((scale[:, None] * whole).view_as(layer.weight))
    return answer


def array(x: Tensor) -> dict[str, Any]:
    """A tensor as JSON: type code, shape, and the bytes in base64, little end first.

    Raises
    ------
    ValueError
        If the type is none of float32, uint8, int8 and int16.
    """
    if x.dtype not in _CODES:
        known = ", ".join(str(dtype) for dtype in _CODES)
        raise ValueError(f"dtype is {x.dtype}, expected one of {known}")
    data = x.detach().cpu().contiguous().numpy()
    data = data.astype(data.dtype.newbyteorder("<"), copy=False)
    encoded = base64.b64encode(data.tobytes()).decode("ascii")
    return {"type": _CODES[x.dtype], "shape": list(x.shape), "data": encoded}


def sprite(images: Tensor) -> dict[str, Any]:
    """Small grey images as one PNG, one below the other.

    Parameters
    ----------
    images : Tensor, shape (n, height, width)
        Black 0 to white 1.

    Returns
    -------
    dict
        ``shape`` and ``png``, the file in base64.
    """
    n, height, width = images.shape
    # 32 greys are enough for a small picture, and halve the file.
    levels = ((images.clamp(0, 1) * 31).round() * 255 / 31).round().to(torch.uint8)
    file = io.BytesIO()
    picture = Image.fromarray(levels.reshape(n * height, width).cpu().numpy())
    picture.save(file, format="png", optimize=True)
    png = base64.b64encode(file.getvalue()).decode("ascii")
    return {"shape": [n, height, width], "png": png}


def checks(model: Callable[[Tensor], Tensor], x: Tensor) -> dict[str, Any]:
    """What PyTorch answers at some inputs, for the test that compares the page with it.

    Parameters
    ----------
    model : callable
        Takes a batch. It is the model as it was trained, not the rounded one.
    x : Tensor, shape (n, ...)

    Returns
    -------
    dict
        ``inputs`` and ``outputs``.
    """
    with torch.no_grad():
        return {"inputs": array(x.float()), "outputs": array(model(x).float())}


# --- what a cell shows -----------------------------------------------------------


def show(
    kind: str, contents: dict[str, Any], figure: Figure, *, title: str, alt: str
) -> None:
    """Display an explorer in a notebook: its figure, and what the page's script needs.

    Parameters
    ----------
    kind : str
        The script ``book/_static/explorers/KIND.js`` brings it to life.
    contents : dict
        Anything that can be written as JSON; tensors by :func:`array`.
    figure : Figure
        What it shows before, without and on paper.
    title : str
        The explorer's name, above it.
    alt : str
        What the figure shows, for a reader who does not see it.

    Raises
    ------
    ValueError
        If ``alt`` is empty, or the explorer is larger than :data:`LIMIT`.
    """
    shown = plots.bundle(figure, alt)
    # "<" could end the script element, whatever the JSON says.
    written = json.dumps(contents, separators=(",", ":")).replace("<", "\\u003c")
    page = (
        f'<div class="explorer" data-explorer="{html.escape(kind)}" '
        f'data-title="{html.escape(title)}">'
        f'<div class="explorer-figure">{shown["text/html"]}</div>'
        f'<script type="application/json">{written}</script></div>'
    )
    if len(page) > LIMIT:
        raise ValueError(
            f"the explorer {kind!r} has {len(page):,} bytes, expected at most "
            f"{LIMIT:,}: show fewer points or images, or a smaller model"
        )
    try:
        from IPython import get_ipython
        from IPython.display import display
    except ImportError:
        return
    if get_ipython() is not None:
        display(shown | {"text/html": page}, raw=True)


def latent_pad(
    decoder: nn.Module,
    z: Tensor,
    y: Tensor,
    images: Tensor,
    classes: Sequence[str],
    *,
    alt: str,
    title: str = "A map to walk in",
    start: Sequence[float] | None = None,
) -> None:
    """A plane of codes to drag a finger over, and what the decoder draws there.

    The figure behind it is the plane decoded at 12 by 12 places.

    Parameters
    ----------
    decoder : nn.Module
        From (n, 2) to (n, 784) or (n, 1, 28, 28), black 0 to white 1. What layers it
        may have, :func:`pack` says.
    z : Tensor, shape (n, 2)
        Codes of images that the model has not been trained on.
    y : Tensor of int64, shape (n,)
        Index into ``classes``.
    images : Tensor, shape (n, 28, 28)
        The images themselves, of which the nearest one is shown beside the answer.
    classes : sequence of str
    alt : str
        What the figure shows, for a reader who does not see it.
    title : str
    start : two floats, optional
        Where the finger is at first; the first code if not given.

    Raises
    ------
    ValueError
        If shapes do not fit together, ``alt`` is empty, or all is too large for a page.
    """
    if z.ndim != 2 or z.shape[1] != 2 or not len(z) == len(y) == len(images):
        raise ValueError(
            f"z has shape {tuple(z.shape)}, y {tuple(y.shape)} and images "
            f"{tuple(images.shape)}, expected (n, 2), (n,) and (n, 28, 28)"
        )
    z = z.detach().float().cpu()
    low, high = z.quantile(0.01, dim=0), z.quantile(0.99, dim=0)
    margin = 0.06 * (high - low)
    low, high = low - margin, high + margin
    steps = torch.linspace(0, 1, 12)
    columns = low[0] + (high[0] - low[0]) * steps
    rows = high[1] - (high[1] - low[1]) * steps
    points = torch.stack(torch.meshgrid(rows, columns, indexing="ij"), -1).flip(-1)
    with torch.no_grad():
        sheet = decoder(points.view(-1, 2)).view(12, 12, 28, 28)
    begin = z[0] if start is None else torch.tensor(start)
    contents = {
        "decoder": pack(decoder),
        "codes": array(z),
        "labels": array(y.to(torch.uint8)),
        "images": sprite(images.view(-1, 28, 28)),
        "classes": list(classes),
        "colours": list(plots.COLOURS),
        "low": low.tolist(),
        "high": high.tolist(),
        "start": begin.tolist(),
        "checks": checks(decoder, torch.stack([begin, low, high, *z[1:4]])),
    }
    show("latent-pad", contents, plots.grid_figure(sheet), title=title, alt=alt)


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


def traversal(
    decoder: nn.Module,
    nats: Tensor,
    mu: Tensor,
    images: Tensor,
    names: Sequence[str],
    *,
    alt: str,
    title: str = "One code unit at a time",
) -> None:
    """A slider for each code unit of a VAE, and what the decoder draws.

    The units that the encoder pays most for come first. The figure behind it shows the
    code of the first image, each of the first six units in turn going from -3 to 3.

    Parameters
    ----------
    decoder : nn.Module
        From (n, k) to (n, 784) or (n, 1, 28, 28), black 0 to white 1. What layers it
        may have, :func:`pack` says.
    nats : Tensor, shape (k,)
        Divergence from the prior of each unit, a mean over images.
    mu : Tensor, shape (m, k)
        The encoder's mean for each of the images below.
    images : Tensor, shape (m, 1, 28, 28) or (m, 28, 28)
        Images to begin with, of 8 bits.
    names : sequence of str
        What each image shows.
    alt : str
        What the figure shows, for a reader who does not see it.
    title : str

    Raises
    ------
    ValueError
        If shapes do not fit together, ``alt`` is empty, or all is too large for a page.
    """
    k = len(nats)
    if mu.ndim != 2 or mu.shape[1] != k or not len(mu) == len(images) == len(names):
        raise ValueError(
            f"mu has shape {tuple(mu.shape)} and images {tuple(images.shape)}, for "
            f"{k} units and {len(names)} names, expected (m, {k}), (m, 28, 28) and m "
            "names"
        )
    nats, mu = nats.detach().float().cpu(), mu.detach().float().cpu()
    order = nats.argsort(descending=True)
    shown, values = order[:6], torch.linspace(-3, 3, 7)
    paths = mu[:1].repeat(len(shown), 7, 1)  # (units, 7, k)
    for row, unit in enumerate(shown):
        paths[row, :, unit] = values
    with torch.no_grad():
        sheet = decoder(paths.view(-1, k)).view(-1, 7, 28, 28)
    figure = plots.grid_figure(
        sheet,
        [f"$z_{{{unit + 1}}}$\n{nats[unit]:.1f} nats" for unit in shown.tolist()],
        [f"{value:.0f}".replace("-", "\u2212") for value in values.tolist()],
    )
    # Wider than the prior: sliders reach farther.
    draws = 1.3 * torch.randn(4000, k, generator=torch.Generator().manual_seed(0))
    tried = torch.cat([torch.zeros(1, k), mu[:2], draws[:1], paths[0, -1:]])
    contents = {
        "decoder": pack(decoder, draws),
        "nats": nats.tolist(),
        "order": order.tolist(),
        "codes": array(mu),
        "images": array((images.reshape(-1, 28, 28) * 255).round().to(torch.uint8)),
        "names": list(names),
        "norms": norm_range(k),
        "checks": checks(decoder, tried),
    }
    show("traversal", contents, figure, title=title, alt=alt)


def norm_range(k: int, share: float = 0.95) -> list[float]:
    """Between which lengths a share of all standard normal vectors lies.

    The length of a vector with k independent standard normal coordinates has a chi
    distribution with k degrees of freedom; as many are shorter as are longer.

    Parameters
    ----------
    k : int
    share : float

    Returns
    -------
    list of two float
    """
    length = torch.linspace(0, 3 * k**0.5 + 5, 100_001, dtype=torch.double)
    below = torch.special.gammainc(torch.tensor(k / 2.0).double(), length**2 / 2)
    tails = torch.tensor([(1 - share) / 2, (1 + share) / 2]).double()
    return length[torch.searchsorted(below, tails)].tolist()
