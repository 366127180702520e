"""Drawn heartbeats: a stand-in for ECG5000 whose true factors are known.

Five classes of 140-point beats with the meanings, the proportions and the look of
ECG5000 (UCR archive, Dau et al. 2019; record chf07 of PhysioNet's BIDMC congestive
heart failure database, Goldberger et al. 2000), made by the dynamical model of
McSharry, Clifford, Tarassenko & Smith, "A dynamical model for generating synthetic
electrocardiogram signals", IEEE Trans. Biomed. Eng. 50(3):289-294, 2003.

In that model a point runs round the unit circle, one turn a beat, and the voltage z is
pushed up or down as it passes the waves P, Q, R, S and T (its equation 1):

    dz/dt = - sum_i a_i (theta - theta_i) exp(-(theta - theta_i)^2 / (2 b_i^2)) - z

Four things are ours. On the circle the plane's two equations say no more than
dtheta/dt = omega, so that only z is integrated. A wave is given by the height it would
reach without the leak -z, h = a b^2 / omega, in place of a. The T wave is two events, a
trough and a hump. And, as in ECG5000, a window starts just after one R peak and ends
with the next beat's R and S, which come early and broad after a premature beat: these
two have events of their own, and angles run on past 2 pi rather than wrapping.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

CLASSES = (
    "normal",
    "R-on-T premature ventricular contraction",
    "premature ventricular contraction",
    "supraventricular premature beat",
    "unclassified",
)
COUNTS = (2919, 1767, 96, 194, 24)  # in ECG5000's 5,000 beats
WAVES = ("R", "S", "T trough", "T hump", "P", "Q", "next R", "next S")
FACTOR_NAMES = (
    "rate",
    "severity",
    "wander",
    "wander phase",
    "noise",
    *(f"{wave} angle" for wave in WAVES),
    *(f"{wave} height" for wave in WAVES),
    *(f"{wave} width" for wave in WAVES),
)

_POINTS = 140
_SAMPLE = 2 * math.pi / _POINTS  # radians from one point to the next
_START = 6  # the window starts so many points after the R peak, which is at angle 0
_LEAD = 12  # points integrated before the window, so that its start has no transient
_RATE = 75.0  # beats a minute at which the tables below hold
# Beats integrated together. With 8 waves each they stay below 32,768 elements, where
# torch starts to split work over threads: the same bytes for any number of threads.
_CHUNK = 2048

# For each class and wave: place (points from the window's start), height, width
# (points), and how much each varies from beat to beat (points, height, log width).
# Places, heights and widths are least-squares fits of the model to beats of ECG5000;
# the variations start there too, and were then set so that the detectors that work on
# ECG5000 score about as well here.
_TABLES = (
    (  # normal
        (-2.1, 3.6, 2.3, 0.5, 0.75, 0.08),
        (2.9, -4.3, 2.8, 0.4, 0.50, 0.09),
        (34.0, -0.67, 7.9, 1.2, 0.38, 0.12),
        (78.5, 0.74, 13.8, 0.9, 0.30, 0.12),
        (104.0, 2.04, 4.8, 1.4, 0.42, 0.10),
        (120.0, 0.04, 7.1, 0.6, 0.60, 0.12),
        (133.4, 1.77, 3.7, 1.0, 0.60, 0.20),
        (142.6, -2.1, 2.3, 1.2, 0.75, 0.12),
    ),
    (  # R-on-T premature ventricular contraction
        (-1.9, 1.5, 2.5, 1.0, 0.40, 0.08),
        (5.0, -2.97, 4.5, 1.4, 0.45, 0.11),
        (51.8, -0.30, 14.9, 1.5, 0.22, 0.10),
        (79.9, 0.09, 14.5, 1.5, 0.22, 0.10),
        (108.2, 0.34, 13.1, 1.5, 0.25, 0.10),
        (124.8, -0.32, 4.8, 1.2, 0.40, 0.10),
        (132.0, 0.61, 2.5, 1.3, 0.40, 0.10),
        (134.9, -4.43, 3.2, 1.7, 0.45, 0.14),
    ),
    (  # premature ventricular contraction
        (-2.5, 1.26, 2.6, 1.3, 0.30, 0.08),
        (4.1, -2.0, 3.7, 1.2, 0.40, 0.12),
        (44.3, -0.29, 14.6, 1.5, 0.25, 0.10),
        (79.8, 0.18, 14.0, 2.0, 0.25, 0.10),
        (106.9, 0.44, 9.6, 1.5, 0.28, 0.10),
        (116.8, 1.12, 4.7, 1.0, 0.25, 0.08),
        (125.1, 2.69, 4.1, 1.4, 0.35, 0.15),
        (138.5, -2.44, 3.1, 1.8, 0.55, 0.16),
    ),
    (  # supraventricular premature beat
        (-1.6, 1.56, 2.5, 2.2, 0.40, 0.15),
        (4.3, -3.05, 3.7, 2.2, 0.60, 0.20),
        (47.2, -0.35, 15.2, 4.0, 0.50, 0.25),
        (87.0, 0.28, 10.9, 2.3, 0.40, 0.20),
        (110.7, 0.84, 9.9, 2.1, 0.45, 0.16),
        (123.1, 0.45, 5.0, 1.3, 0.45, 0.10),
        (134.1, 2.21, 6.8, 2.5, 0.60, 0.19),
        (145.9, -0.79, 3.8, 2.0, 0.55, 0.10),
    ),
    (  # unclassified: no two alike
        (-2.0, 2.0, 2.5, 2.5, 1.20, 0.25),
        (4.5, -2.5, 4.0, 2.5, 1.20, 0.30),
        (44.0, -0.40, 14.0, 8.0, 0.90, 0.30),
        (80.0, 0.40, 13.0, 8.0, 0.90, 0.30),
        (104.0, 0.20, 8.0, 6.0, 1.80, 0.30),
        (120.0, 0.30, 6.0, 3.0, 0.90, 0.25),
        (132.0, 1.50, 4.5, 4.0, 1.20, 0.30),
        (138.0, -2.0, 3.5, 4.0, 1.60, 0.30),
    ),
)


class Drawn(NamedTuple):
    """Beats with the factors that they were drawn from.

    Attributes
    ----------
    x : Tensor
        Beats, float32, shape (n, 140); each has mean 0 and standard deviation 1 (with
        n - 1 in its denominator), as in ECG5000, so voltages have no unit.
    y : Tensor
        Classes 0 to 4, indices into ``CLASSES`` (0 is normal), int64, shape (n,).
    factors : Tensor
        True factors, float32, shape (n, k). ``rate`` in beats a minute; ``severity``,
        how far the beat was moved from the normal beat (0) towards its class (1);
        ``wander``, the height of the baseline's slow drift, and ``noise``, the standard
        deviation of the measurement noise, in units of the voltage before it is
        standardised; ``wander phase`` in radians; and of each wave the ``angle`` in
        radians after the R peak before the window, the ``height`` in the same units of
        voltage and the ``width`` (b) in radians. They decide the beat up to the noise,
        whose 140 values come from the seed.
    factor_names : tuple of str
        Names of the k columns of ``factors``.
    """

    x: Tensor
    y: Tensor
    factors: Tensor
    factor_names: tuple[str, ...]


def draw(n: int, *, seed: int = 0, classes: Sequence[int] | None = None) -> Drawn:
    """Draw n heartbeats with random factors.

    Parameters
    ----------
    n : int
        Number of beats.
    seed : int
        Seed of factors and noise; the same seed gives the same bytes.
    classes : sequence of int, optional
        Classes to draw from, all five by default. Each gets its share of n in
        ECG5000's proportions (``COUNTS``), rounded, in random order.

    Returns
    -------
    Drawn

    Raises
    ------
    ValueError
        If n is below 1 or a class is not 0 to 4.

    Examples
    --------
    >>> draw(5000).y.bincount().tolist()
    [2919, 1767, 96, 194, 24]
    """
    if n < 1:
        raise ValueError(f"n is {n}, expected at least 1 beat")
    ids = list(range(5) if classes is None else classes)
    if not ids or not set(ids) <= set(range(5)):
        raise ValueError(f"classes is {classes}, expected numbers from 0 to 4")
    generator = torch.Generator().manual_seed(seed)
    y = _classes(n, ids)[torch.randperm(n, generator=generator)]
    factors = _factors(y, generator)
    noise = torch.randn(n, _POINTS, generator=generator) * factors[:, 4:5]
    x = _voltage(factors) + noise
    x = x - x.mean(1, keepdim=True)
    return Drawn(x / x.std(1, keepdim=True), y, factors, FACTOR_NAMES)


def _classes(n: int, ids: list[int]) -> Tensor:
    """n classes in order, their shares rounded so that they add up to n."""
    share = torch.tensor([COUNTS[i] for i in ids], dtype=torch.float64)
    ends = (share.cumsum(0) / share.sum() * n).round().long()
    counts = ends.diff(prepend=ends.new_zeros(1))
    return torch.tensor(ids).repeat_interleave(counts)


def _factors(y: Tensor, generator: torch.Generator) -> Tensor:
    n = len(y)
    tables = torch.tensor(_TABLES)
    # Some ectopic beats are nearly normal (fusion beats): part of the way from normal.
    severity = 1 - 0.6 * torch.rand(n, 1, generator=generator) ** 8
    severity[y == 0] = 0.0
    table = tables[0] + severity[:, :, None] * (tables[y] - tables[0])
    place, height, width, *varies = table.unbind(2)
    # Heavy tails, as in the record: a few beats stray much further than the others.
    stray = (0.4 * torch.randn(n, 1, generator=generator)).exp()
    deviate = torch.randn(3, n, len(WAVES), generator=generator) * stray
    shift = 0.4 * torch.randn(n, 1, generator=generator) * stray
    place = place + varies[0] * deviate[0] + shift
    height = height + varies[1] * deviate[1]
    width = width * (varies[2] * deviate[2]).clamp(-0.7, 0.7).exp()
    rate = _RATE + 5 * torch.randn(n, 1, generator=generator)
    wander = 0.3 * torch.randn(n, 1, generator=generator).abs() * stray
    phase = 2 * math.pi * torch.rand(n, 1, generator=generator)
    noise = 0.03 + 0.07 * torch.rand(n, 1, generator=generator)
    noise[y > 0] *= 0.75  # the record's ectopic beats are smoother than its normal ones
    # Waves last a fixed time more than a fixed part of a beat: at a faster rate they
    # fill more of the circle (McSharry et al. scale angles and widths likewise).
    width = width * (rate / _RATE).sqrt()
    angles, widths = (place + _START) * _SAMPLE, width * _SAMPLE
    return torch.cat(
        [rate, severity, wander, phase, noise, angles, height, widths], dim=1
    )


def _voltage(factors: Tensor) -> Tensor:
    """Integrate dz/dt of each beat and add the wandering baseline, shape (n, 140)."""
    return torch.cat([_integrate(chunk) for chunk in factors.split(_CHUNK)])


def _integrate(factors: Tensor) -> Tensor:
    """Runge-Kutta of order 4, a step for each point."""
    rate, _, wander, phase = factors[:, :4].unbind(1)
    angle, height, width = factors[:, 5:].unflatten(1, (3, len(WAVES))).unbind(1)
    omega = 2 * math.pi * rate / 60  # radians a second
    push = height * omega[:, None] / width**2

    def slope(theta: float, z: Tensor) -> Tensor:
        offset = theta - angle
        pull = push * offset * (-0.5 * (offset / width) ** 2).exp()
        return -(pull.sum(1) + z) / omega  # dz/dtheta = (dz/dt) / omega

    z, points = torch.zeros(len(factors)), []
    for i in range(-_LEAD, _POINTS):
        theta, step = (_START + i) * _SAMPLE, _SAMPLE
        if i >= 0:
            points.append(z + wander * (theta / 2 + phase).sin())
        k1 = slope(theta, z)
        k2 = slope(theta + step / 2, z + step / 2 * k1)
        k3 = slope(theta + step / 2, z + step / 2 * k2)
        k4 = slope(theta + step, z + step * k3)
        z = z + step / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return torch.stack(points, dim=1)
