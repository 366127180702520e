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
    "array",
    "checks",
    "dirac_gan",
    "discriminator",
    "latent_pad",
    "pack",
    "rounded",
    "show",
    "sprite",
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


def pack(model: nn.Module) -> list[dict[str, Any]]:
    """A feed-forward network as a list of layers that can be written as JSON.

    Parameters
    ----------
    model : nn.Module
        An ``nn.Sequential``, nested or not, of the layers named in the error below.

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
            return [layer for child in model for layer in pack(child)]
        case Skip():
            return [{"op": "skip", "body": pack(model.body)}]
        case nn.Linear():
            return [{"op": "linear", **_parameters(model)}]
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


def _parameters(layer: nn.Linear | nn.Conv2d) -> dict[str, Any]:
    matrix = layer.weight.detach().float().cpu().flatten(1)
    packed: dict[str, Any] = {"shape": list(matrix.shape)}
    if layer.bias is not None:
        packed["bias"] = array(layer.bias.detach().float())
    if matrix.numel() <= EXACT:
        return packed | {"weight": array(matrix)}
    scale, whole = _rounded(matrix)
    return packed | {"weight": array(whole.to(torch.int8)), "scale": array(scale)}


def _rounded(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Scale (rows,) and whole numbers from -127 to 127, matrix ≈ scale · whole."""
    scale = matrix.abs().amax(1).clamp_min(1e-12) / 127
    return scale, (matrix / scale[:, None]).round()


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


def discriminator(
    d: nn.Module,
    p: torch.distributions.MixtureSameFamily,
    q: torch.distributions.Normal,
    figure: Figure,
    *,
    alt: str,
    low: float = -6.0,
    high: float = 6.0,
    title: str = "Move the generator, train the discriminator",
) -> None:
    """A discriminator of numbers against the best one; the generator can be moved.

    In the page the discriminator goes on training, and so can the generator.

    Parameters
    ----------
    d : nn.Module
        Linear layers with ReLU between, from (n, 1) to (n, 1), logits.
    p : MixtureSameFamily of Normal
        The data.
    q : Normal
        The generator's distribution when ``d`` was trained.
    figure : Figure
        What is there on paper and without JavaScript.
    alt : str
        What the figure shows, for a reader who does not see it.
    low, high : float
        Ends of the axis.
    title : str

    Raises
    ------
    ValueError
        If ``alt`` is empty, or ``d`` has other layers.
    """
    layers = pack(d)
    if any(layer["op"] not in ("linear", "relu") for layer in layers):
        raise ValueError(
            f"{d} has other layers than Linear and ReLU, which are expected"
        )
    x = torch.linspace(low, high, 7)[:, None].requires_grad_()
    rows = []
    for point in x:
        logit = d(point)
        slope, *weights = torch.autograd.grad(
            logit.sum(), [x, *d.parameters()], retain_graph=True
        )
        length = sum(g.square().sum() for g in weights) ** 0.5
        rows.append([logit.item(), slope.sum().item(), length.item()])
    parts = p.component_distribution
    contents = {
        "d": layers,
        "p": [
            {"weight": w, "mean": m, "sd": s}
            for w, m, s in zip(
                p.mixture_distribution.probs.tolist(),
                parts.loc.tolist(),
                parts.scale.tolist(),
                strict=True,
            )
        ],
        "q": {"mean": float(q.loc), "sd": float(q.scale)},
        "low": low,
        "high": high,
        "checks": {"inputs": array(x.detach()), "outputs": array(torch.tensor(rows))},
    }
    show("discriminator", contents, figure, title=title, alt=alt)


def dirac_gan(
    simulate: Callable[[float], Tensor],
    figure: Figure,
    *,
    alt: str,
    gamma: float = 0.0,
    rate: float = 0.1,
    reach: float = 2.6,
    title: str = "The smallest GAN: choose where it starts",
) -> None:
    """The field and the steps of the Dirac-GAN, from a point that the reader chooses.

    Parameters
    ----------
    simulate : callable
        From a penalty to the path (steps + 1, 2) of generator and discriminator, with
        the min-max loss and steps of size ``rate``.
    figure : Figure
        What is there on paper and without JavaScript.
    alt : str
        What the figure shows, for a reader who does not see it.
    gamma, rate : float
        Penalty and step size at first.
    reach : float
        Half the width of the plane that is shown.
    title : str

    Raises
    ------
    ValueError
        If ``alt`` is empty.
    """
    gammas = torch.tensor([0.0, 0.3, 1.0])
    paths = [simulate(float(value)) for value in gammas]
    contents = {
        "start": paths[0][0].tolist(),
        "steps": len(paths[0]) - 1,
        "gamma": gamma,
        "rate": rate,
        "reach": reach,
        "checks": {
            "inputs": array(gammas),
            "outputs": array(torch.stack([path.flatten() for path in paths])),
        },
    }
    show("dirac-gan", contents, figure, title=title, alt=alt)
