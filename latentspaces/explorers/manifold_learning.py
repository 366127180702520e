"""A Swiss roll, and which of its points are near."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from matplotlib.figure import Figure
from torch import Tensor

from latentspaces import plots
from latentspaces.explorers.display import show
from latentspaces.explorers.packing import array


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
