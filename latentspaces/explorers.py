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
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor, nn

from latentspaces import plots
from latentspaces.data import Split

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
    "swiss_roll",
    "threshold",
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


def threshold(
    detectors: Mapping[str, Callable[[Tensor], Tensor]],
    validation: Split,
    test: Split,
    *,
    settings: Mapping[str, Mapping[str, float]],
    alt: str,
    title: str = "Where to cut the queue",
) -> None:
    """Two histograms with a threshold to drag: its mistakes and what they cost.

    Thresholds are chosen on the validation beats; what they are worth, the test beats
    tell. The figure behind it has the first detector's scores of the test beats, and
    for each setting the threshold that is the cheapest on the validation beats.

    Parameters
    ----------
    detectors : mapping of str to callable
        From beats (n, d) to scores (n,), which are positive, and larger for anomalies.
    validation, test : Split
        ``x`` of shape (n, d), ``y`` 1 for normal and 0 for abnormal.
    settings : mapping of str to mapping
        For each, ``prevalence``, the share of anomalies, and ``miss``, the cost of one
        that is not flagged, in false alarms. The explorer begins with the first.
    alt : str
        What the figure shows, for a reader who does not see it.
    title : str

    Raises
    ------
    ValueError
        If a split lacks one of the classes, a score is not positive, ``alt`` is empty,
        or all is too large for a page.
    """
    splits = (validation, test)
    for part in splits:
        if sorted(part.y.unique().tolist()) != [0, 1]:
            raise ValueError(
                f"a split has the labels {part.y.unique().tolist()}, expected beats of "
                "both kinds, 1 for normal and 0 for abnormal"
            )
    abnormal = [part.y.cpu() == 0 for part in splits]
    scores: list[list[Tensor]] = []
    for name, detector in detectors.items():
        with torch.no_grad():
            scores.append([detector(part.x).float().cpu() for part in splits])
        least = min(float(s.min()) for s in scores[-1])
        if not least > 0:
            raise ValueError(
                f"the detector {name!r} gives a score of {least:g}; the axis is "
                "logarithmic, so scores must be positive"
            )
    prices = [(price["prevalence"], price["miss"]) for price in settings.values()]
    beats = [part.x[:, ::2].float().cpu() for part in splits]  # small curves
    low = min(float(x.min()) for x in beats)
    high = max(float(x.max()) for x in beats)
    contents = {
        "detectors": list(detectors),
        "scores": [[array(s) for s in pair] for pair in scores],
        "abnormal": [array(a.to(torch.uint8)) for a in abnormal],
        "beats": [
            array(((x - low) / (high - low) * 255).round().to(torch.uint8))
            for x in beats
        ],
        "low": low,
        "high": high,
        "usual": array(beats[0][~abnormal[0]].mean(0)),
        "price": prices[0],
        "colours": list(plots.COLOURS),
        "checks": _mistakes_to_check(scores, abnormal, prices),
    }
    cut = {
        name: _cheapest(scores[0][0], abnormal[0], *price)
        for name, price in zip(settings, prices, strict=True)
    }
    figure = _cut_histograms(scores[0][1], abnormal[1], cut, next(iter(detectors)))
    show("threshold", contents, figure, title=title, alt=alt)


def _mistakes(
    s: Tensor, abnormal: Tensor, tau: Tensor, prevalence: float, miss: float
) -> list[float]:
    """Four counts and all rates of a threshold, the expected cost of a beat last."""
    flagged = s > tau
    hits, alarms = int((flagged & abnormal).sum()), int((flagged & ~abnormal).sum())
    misses, passed = int(abnormal.sum()) - hits, int((~abnormal).sum()) - alarms
    recall, false = hits / (hits + misses), alarms / (alarms + passed)
    found, wrongly = prevalence * recall, (1 - prevalence) * false
    return [
        passed, alarms, misses, hits, recall, false,
        (hits + passed) / len(s),
        hits / max(1, hits + alarms),
        2 * hits / (2 * hits + alarms + misses),
        found / (found + wrongly) if hits + alarms else 0.0,
        prevalence * miss * (1 - recall) + (1 - prevalence) * false,
    ]  # fmt: skip


def _cheapest(s: Tensor, abnormal: Tensor, prevalence: float, miss: float) -> Tensor:
    """The score that, as the threshold, costs least; the smallest of equals."""
    levels, place = s.unique(return_inverse=True)
    counts = torch.zeros(2, len(levels), dtype=torch.float64)
    counts.index_put_((abnormal.long(), place), torch.ones(()).double(), True)
    passed, missed = (counts / counts.sum(1, keepdim=True)).cumsum(1)
    cost = prevalence * miss * missed + (1 - prevalence) * (1 - passed)
    return levels[cost.argmin()]


def _mistakes_to_check(
    scores: list[list[Tensor]],
    abnormal: list[Tensor],
    prices: list[tuple[float, float]],
) -> dict[str, Any]:
    """Inputs: detector, split, threshold, prevalence, cost of a miss."""
    inputs, outputs = [], []
    for i, pair in enumerate(scores):
        for part, (s, positive) in enumerate(zip(pair, abnormal, strict=True)):
            wins = s[positive, None] > s[None, ~positive]
            ties = s[positive, None] == s[None, ~positive]
            auroc = float((wins.double() + 0.5 * ties.double()).mean())
            usual = pair[0][~abnormal[0]].sort().values
            promised = usual[math.ceil(0.95 * (len(usual) + 1)) - 1]
            for j, quantile in enumerate((0.2, 0.5, 0.6, 0.9)):
                tau = s.sort().values[int(quantile * len(s))]
                price = prices[j % len(prices)]
                cheap = _cheapest(pair[0], abnormal[0], *price)
                least = _mistakes(pair[0], abnormal[0], cheap, *price)[-1]
                inputs.append([i, part, float(tau), *price])
                outputs.append([
                    *_mistakes(s, positive, tau, *price),
                    auroc, least, float(promised),
                ])  # fmt: skip
    return {
        "inputs": array(torch.tensor(inputs)),
        "outputs": array(torch.tensor(outputs)),
    }


def _cut_histograms(
    s: Tensor, abnormal: Tensor, cut: Mapping[str, Tensor], name: str
) -> Figure:
    fig, axis = plots.subplots()
    ends = math.log10(float(s.min())), math.log10(float(s.max()))
    bins = torch.logspace(*ends, 50).tolist()
    for chosen, kind, colour, hatch in (
        (~abnormal, "normal", plots.COLOURS[0], ""),
        (abnormal, "abnormal", plots.COLOURS[1], "//"),
    ):
        axis.hist(
            s[chosen].tolist(), bins, label=kind, alpha=0.6, color=colour, hatch=hatch
        )
    for (setting, tau), style in zip(cut.items(), ("-", "--", ":", "-."), strict=False):
        axis.axvline(float(tau), color="black", linestyle=style, label=setting)
    axis.set(xscale="log", xlabel=f"score, {name}", ylabel="test beats")
    axis.legend(loc="upper left", fontsize=9)
    return fig


def swiss_roll(
    t: Tensor,
    h: Tensor,
    *,
    start: tuple[float, float],
    goal: tuple[float, float],
    neighbours: tuple[int, int] = (6, 40),
    alt: str,
    title: str = "Near in space, far on the sheet",
) -> None:
    """A point to move over a rolled-up sheet, its neighbours, and the way to another.

    The roll is (t cos t, h, t sin t). The figure behind it has the shortest path from
    start to goal on two neighbourhood graphs, one with few edges and one with many.

    Parameters
    ----------
    t, h : Tensor, shape (n,)
        Points on the sheet: angle in radians, and place along the roll's axis, from 0.
    start : two floats
        t and h of the point that the reader moves. It is not one of the n points.
    goal : two floats
        t and h of the point to which the way is measured.
    neighbours : two ints
        How many nearest points each point is connected with at first, and at most.
    alt : str
        What the figure shows, for a reader who does not see it.
    title : str

    Raises
    ------
    ValueError
        If shapes do not fit together, there are no more points than neighbours, the
        graph at first does not connect start and goal, or ``alt`` is empty.
    """
    if t.shape != h.shape or t.ndim != 1:
        raise ValueError(
            f"t has shape {tuple(t.shape)} and h {tuple(h.shape)}, expected (n,) both"
        )
    few, most = neighbours
    if not 0 < few <= most < len(t):
        raise ValueError(
            f"neighbours are {neighbours} for {len(t)} points, expected two numbers in "
            "order, from 1 to fewer than there are points"
        )
    t, h = (
        torch.cat([torch.tensor([end]), values.detach().float().cpu()])
        for end, values in zip(goal, (t, h), strict=True)
    )
    off = torch.randn(len(t), 3, generator=torch.Generator().manual_seed(0))
    off[0] = 0.0  # the goal stays on the sheet
    asked = [
        (*start, few, 0.0),
        (*start, most, 0.0),
        (*start, most // 2, 1.0),
        (float(t[1]) + 0.1, float(h[1]), few, 0.0),
        (float(t[2]) - 0.1, float(h[2]), most // 2, 0.5),
        (*goal, few, 0.0),
    ]
    contents = {
        "t": array(t),
        "h": array(h),
        "off": array(off),
        "start": start,
        "neighbours": neighbours,
        "colours": list(plots.COLOURS),
        "checks": {
            "inputs": array(torch.tensor(asked)),
            "outputs": array(
                torch.tensor([_roll_distances(t, h, off, *row)[0] for row in asked])
            ),
        },
    }
    ways = [_roll_distances(t, h, off, *start, m, 0.0)[1] for m in neighbours]
    figure = _rolls_with_paths(t, h, ways, neighbours)
    show("swiss-roll", contents, figure, title=title, alt=alt)


def _roll(t: Tensor, h: Tensor) -> Tensor:
    return torch.stack([t * t.cos(), h, t * t.sin()], dim=-1)


def _unrolled(t: Tensor, h: Tensor) -> Tensor:
    return torch.stack([(t * (1 + t**2).sqrt() + t.asinh()) / 2, h], dim=-1)


def _roll_distances(
    t: Tensor, h: Tensor, off: Tensor, t_a: float, h_a: float, m: int, noise: float
) -> tuple[list[float], Tensor]:
    """From a point A to the goal, the first of the points, and to A's m nearest.

    The list has the straight distance to the goal, the one along the sheet and the one
    on the graph; the sums of both distances to A's neighbours; how many of these are
    more than half a turn away; and how many of the graph's edges are as long as that.
    Beside it the places (steps, 3) that the path on the graph goes through.
    """
    # As the page has them: single precision, computed with in double.
    t, h, off = (values.double() for values in (t, h, off))
    t_a, h_a, noise = torch.tensor([t_a, h_a, noise]).double()
    points, sheet = _roll(t, h) + noise * off, _unrolled(t, h)
    a, a_sheet = _roll(t_a, h_a), _unrolled(t_a, h_a)
    straight, along = (points - a).norm(dim=1), (sheet - a_sheet).norm(dim=1)
    near = straight.topk(m, largest=False).indices

    between = torch.cdist(points, points, compute_mode="donot_use_mm_for_euclid_dist")
    between.fill_diagonal_(math.inf)
    edge = torch.zeros_like(between, dtype=torch.bool)
    edge.scatter_(1, between.topk(m, largest=False).indices, True)
    edge |= edge.T.clone()
    length = between.masked_fill(~edge, math.inf)
    walked = torch.full_like(t, math.inf)
    walked[0] = 0.0
    while True:  # Bellman and Ford
        shorter = torch.minimum(walked, (length + walked).amin(1))
        if torch.equal(shorter, walked):
            break
        walked = shorter
    ways = straight[near] + walked[near]
    if ways.min() == math.inf:
        raise ValueError(
            f"with {m} neighbours for each point there is no way from A to the goal: "
            "take more neighbours, or more points"
        )
    path, at = [a], int(near[ways.argmin()])
    while at != 0:
        path.append(points[at])
        at = int((length[at] + walked).argmin())
    jumps = edge & ((t[:, None] - t).abs() > math.pi)
    numbers = [
        straight[0], along[0], ways.min(), straight[near].sum(), along[near].sum(),
        ((t[near] - t_a).abs() > math.pi).sum(), jumps.sum() // 2,
    ]  # fmt: skip
    return [float(number) for number in numbers], torch.stack([*path, points[0]])


def _rolls_with_paths(
    t: Tensor, h: Tensor, ways: Sequence[Tensor], neighbours: Sequence[int]
) -> Figure:
    fig, axes = plots.subplots(1, 2, width=6, height=3.2, sharex=True, sharey=True)
    roll = _roll(t, h)
    for axis, path, m in zip(axes, ways, neighbours, strict=True):
        axis.scatter(roll[:, 0], roll[:, 2], c=t, cmap="cividis", s=8)
        axis.plot(path[:, 0], path[:, 2], color="black", linewidth=1.5)
        for end, name, move in ((path[0], "A", (0, -20)), (path[-1], "B", (12, 0))):
            axis.plot(end[0], end[2], "o", color=plots.COLOURS[4])
            axis.annotate(
                f"${name}$", (float(end[0]), float(end[2])), xytext=move,
                textcoords="offset points", fontsize=14, va="center",
                bbox={"boxstyle": "round,pad=0.1", "fc": "white"},
            )  # fmt: skip
        axis.set(xlabel="$x_1$", title=f"{m} neighbours each")
        axis.set_aspect("equal")
    axes[0].set_ylabel("$x_3$")
    return fig


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
