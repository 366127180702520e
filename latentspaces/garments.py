"""Drawn garments: a stand-in for Fashion-MNIST whose true factors are known.

Ten classes with the names, the order and the format of Fashion-MNIST (Xiao, Rasul &
Vollgraf 2017, arXiv:1708.07747), drawn from continuous factors with signed distance
functions. Nothing but the factors decides a pixel: there is no noise that they do not
record, so a chapter can compare what a model found with what is true.

A picture is a stack of shapes. A shape is a signed distance (negative inside, in
pixels) at each pixel's centre; a step about one pixel wide turns it into coverage, so
edges are anti-aliased and every pixel moves smoothly with every factor. The distance
functions are the usual closed forms (Quilez, "2D distance functions",
https://iquilezles.org/articles/distfunctions2d/).

Coordinates: ``u`` to the right and ``v`` down, in pixels, from the image's centre, so
that both run from -13.5 to 13.5. Shoes point to the left, as in Fashion-MNIST.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)

# The range from which `draw` takes each factor, uniformly.
RANGES: dict[str, tuple[float, float]] = {
    "width": (-1.0, 1.0),  # of the body; toe to heel of shoes
    "length": (-1.0, 1.0),  # of body or skirt; tongue, shaft or sole of shoes
    "sleeve": (-1.0, 1.0),  # length of sleeves; height of a toe strap; grip of a bag
    "spread": (-1.0, 1.0),  # how far sleeves, legs, handles stand apart; toe of shoes
    "flare": (-1.0, 1.0),  # of the hem; shaft of a boot; taper of a bag
    "neck": (-1.0, 1.0),  # neck hole, lapels, collar; ankle of shoes; flap of a bag
    "rise": (-1.0, 1.0),  # shaft, strap, handle, crotch, waist; lapel; curve of a hem
    "heel": (-1.0, 1.0),  # height of the heel; sole of a sneaker
    "detail": (-1.0, 1.0),  # how clearly collars, buttons, belts, flaps, prints show
    "shade": (-1.0, 1.0),  # grey of the cloth, dark to light
    "contrast": (-1.0, 1.0),  # second grey, of trims, soles and straps, dark to light
    "texture": (-1.0, 1.0),  # strength of the pattern; none at -1, where pitch is idle
    "pitch": (-1.0, 1.0),  # spacing of the pattern, narrow to wide
    "light": (-1.0, 1.0),  # from the left or from the right
    "tilt": (-7.0, 7.0),  # degrees clockwise
    "x": (-1.5, 1.5),  # pixels to the right
    "y": (-1.0, 1.0),  # pixels down
}
FACTOR_NAMES = tuple(RANGES)

_SIZE = 28
_EDGE = 1.2  # width in pixels of the step from outside to inside
# A tensor of 32 images stays below 32,768 elements, where torch starts to split work
# over threads (and so to choose which elements its vector units round), and fits into
# a core's cache: the same bytes for any number of threads, and faster.
_CHUNK = 32

Field = Tensor  # (m, 784): a value at each pixel of m images
Number = Tensor | float  # a value for each image, (m, 1), or one for all
Point = tuple[Number, Number]


class Drawn(NamedTuple):
    """Images with the factors that they were drawn from.

    Attributes
    ----------
    x : Tensor
        Images, float32 in [0, 1], shape (n, 1, 28, 28), black background.
    y : Tensor
        Classes 0 to 9, indices into ``CLASSES``, int64, shape (n,).
    factors : Tensor
        True factors, float32, shape (n, k). ``tilt`` is in degrees clockwise, ``x``
        and ``y`` are in pixels right and down, the others have no unit and run from
        -1 to 1 (see ``RANGES``).
    factor_names : tuple of str
        Names of the k columns of ``factors``.
    active : Tensor
        Bool, shape (10, k): whether a factor changes the picture of a class.
    """

    x: Tensor
    y: Tensor
    factors: Tensor
    factor_names: tuple[str, ...]
    active: Tensor


def draw(
    n: int,
    *,
    seed: int = 0,
    classes: Sequence[int] | None = None,
    factors: Mapping[str, float | Tensor] | None = None,
) -> Drawn:
    """Draw n garments with random factors.

    Parameters
    ----------
    n : int
        Number of images.
    seed : int
        Seed of the factors; the same seed gives the same bytes.
    classes : sequence of int, optional
        Classes to draw from, all ten by default. Each gets n / len(classes) images,
        give or take one, in random order.
    factors : mapping of str to float or Tensor, optional
        Factors to hold at a value, or at n values (shape (n,)), in the units of
        ``Drawn.factors``; all others are uniform over ``RANGES``. A value outside
        its range is drawn as asked.

    Returns
    -------
    Drawn

    Raises
    ------
    ValueError
        If n is below 1, a class is not 0 to 9, a factor has no such name, or its
        values have another shape or are not finite.

    Examples
    --------
    A thousand boots that differ in tilt and heel only:

    >>> held = dict.fromkeys(FACTOR_NAMES, 0.0)
    >>> del held["tilt"], held["heel"]
    >>> draw(1000, classes=[9], factors=held).x.shape
    torch.Size([1000, 1, 28, 28])
    """
    if n < 1:
        raise ValueError(f"n is {n}, expected at least 1 image")
    ids = torch.tensor(list(range(10) if classes is None else classes))
    if ids.numel() == 0 or not ((ids >= 0) & (ids < 10)).all():
        raise ValueError(f"classes is {classes}, expected numbers from 0 to 9")
    generator = torch.Generator().manual_seed(seed)
    y = ids[torch.arange(n) % len(ids)][torch.randperm(n, generator=generator)]
    low, high = torch.tensor(list(RANGES.values())).unbind(1)
    values = low + (high - low) * torch.rand(n, len(RANGES), generator=generator)
    for name, value in (factors or {}).items():
        if name not in RANGES:
            raise ValueError(
                f"factor {name!r} is unknown, choose from {', '.join(RANGES)}"
            )
        value = torch.as_tensor(value, dtype=torch.float32)
        if value.shape not in ((), (n,)) or not value.isfinite().all():
            raise ValueError(
                f"factor {name!r} has shape {tuple(value.shape)}, expected one finite "
                f"number or {n} of them, one for each image"
            )
        values[:, FACTOR_NAMES.index(name)] = value
    return Drawn(render(y, values), y, values, FACTOR_NAMES, active_factors())


def render(y: Tensor, factors: Tensor) -> Tensor:
    """Draw exactly the given garments.

    Parameters
    ----------
    y : Tensor
        Classes 0 to 9, int64, shape (n,).
    factors : Tensor
        All factors in the order of ``FACTOR_NAMES``, shape (n, k), units as in
        ``Drawn.factors``.

    Returns
    -------
    Tensor
        Images, float32 in [0, 1], shape (n, 1, 28, 28).

    Raises
    ------
    ValueError
        If the two shapes do not agree with each other or with ``FACTOR_NAMES``, or a
        class is not 0 to 9.
    """
    expected = (len(y), len(FACTOR_NAMES))
    if tuple(factors.shape) != expected:
        raise ValueError(
            f"factors has shape {tuple(factors.shape)}, expected {expected}: one row "
            f"for each class in y, columns {', '.join(FACTOR_NAMES)}"
        )
    if not ((y >= 0) & (y < len(CLASSES))).all():
        raise ValueError(f"y has classes {y.unique().tolist()}, expected 0 to 9")
    x = torch.empty(len(y), _SIZE * _SIZE)
    for label, garment in enumerate(_GARMENTS):
        for rows in (y == label).nonzero()[:, 0].split(_CHUNK):
            sheet = _Sheet(factors[rows].float())
            garment(sheet)
            x[rows] = sheet.ink.clamp(0, 1)
    return x.reshape(-1, 1, _SIZE, _SIZE)


def active_factors() -> Tensor:
    """Tell which factors change the picture of which class.

    Returns
    -------
    Tensor
        Bool, shape (10, k), columns in the order of ``FACTOR_NAMES``.
    """
    return torch.tensor(
        [[name in _ACTIVE[c] for name in FACTOR_NAMES] for c in range(len(CLASSES))]
    )


# Shapes: signed distances in pixels, negative inside.


def _smooth(t: Tensor) -> Tensor:
    """Rise from 0 to 1 for t from 0 to 1, with no kink at either end."""
    t = t.clamp(0, 1)
    return t * t * (3 - 2 * t)


def _cover(distance: Field) -> Field:
    return _smooth(0.5 - distance / _EDGE)


def _both(*distances: Field) -> Field:
    out = distances[0]
    for distance in distances[1:]:
        out = torch.maximum(out, distance)
    return out


def _either(a: Field, b: Field, blend: float = 0.0) -> Field:
    """Unite two shapes, with a fillet of about `blend` pixels where they meet."""
    if not blend:
        return torch.minimum(a, b)
    h = (blend - (a - b).abs()).clamp(min=0) / blend
    return torch.minimum(a, b) - h * h * (blend / 4)


def _capsule(
    u: Field, v: Field, a: Point, b: Point, start: Number, end: Number
) -> Field:
    """A stroke from a to b whose radius goes from `start` to `end`."""
    du, dv = b[0] - a[0], b[1] - a[1]
    pu, pv = u - a[0], v - a[1]
    h = ((pu * du + pv * dv) / (du * du + dv * dv + 1e-6)).clamp(0, 1)
    pu, pv = pu - h * du, pv - h * dv
    return (pu * pu + pv * pv + 1e-6).sqrt() - (start + h * (end - start))


def _ellipse(u: Field, v: Field, centre: Point, ru: Number, rv: Number) -> Field:
    pu, pv = (u - centre[0]) / ru, (v - centre[1]) / rv
    k = (pu * pu + pv * pv + 1e-6).sqrt()
    qu, qv = pu / ru, pv / rv
    return k * (k - 1) / (qu * qu + qv * qv + 1e-6).sqrt()


def _left_of(u: Field, v: Field, a: Point, b: Point) -> Field:
    """The half plane to the left of somebody who walks from a to b (v is down)."""
    du, dv = b[0] - a[0], b[1] - a[1]
    length = (du * du + dv * dv) ** 0.5
    return ((v - a[1]) * du - (u - a[0]) * dv) / length


def _polygon(u: Field, v: Field, *corners: Point) -> Field:
    """A convex polygon, its corners given counter-clockwise on the screen."""
    following = (*corners[1:], corners[0])
    return _both(
        *(_left_of(u, v, a, b) for a, b in zip(corners, following, strict=True))
    )


def _box(u: Field, v: Field, centre: Point, ru: Number, rv: Number) -> Field:
    return torch.maximum((u - centre[0]).abs() - ru, (v - centre[1]).abs() - rv)


def _rim(distance: Field, thickness: Number) -> Field:
    return distance.abs() - thickness


class _Sheet:
    """A chunk of images of one class while they are drawn: factors, grid, ink."""

    def __init__(self, factors: Tensor):
        self.f = dict(zip(FACTOR_NAMES, factors.unsqueeze(2).unbind(1), strict=True))
        axis = torch.arange(_SIZE) - (_SIZE - 1) / 2
        v, u = (t.reshape(1, -1) for t in torch.meshgrid(axis, axis, indexing="ij"))
        angle = self.f["tilt"] * (math.pi / 180)
        cos, sin = angle.cos(), angle.sin()
        u, v = u - self.f["x"], v - self.f["y"]
        self.u, self.v = u * cos + v * sin, v * cos - u * sin
        self.a = self.u.abs()  # what is symmetric is drawn once, in (|u|, v)
        self.ink = torch.zeros_like(self.u)
        self.shade = 0.67 + 0.32 * self.f["shade"]
        self.second = 0.5 * self.shade + 0.5 * (0.60 + 0.42 * self.f["contrast"])
        # Some garments hardly show what tells their class: classes overlap a little.
        self.mark = 1 - ((1 - self.f["detail"]) / 2) ** 3
        self.side = 1 + self.f["light"] * self.u * 0.017

    def paint(self, distance: Field, shade: Number, strength: Number = 1.0) -> None:
        """Cover a shape with a grey (1 is white)."""
        self.ink = self.ink + _cover(distance) * strength * (shade - self.ink)

    def line(self, distance: Field, strength: Number) -> None:
        """Darken (or lighten, strength below 0) what is there: seams and folds."""
        self.ink = self.ink * (1 - strength * _cover(distance))

    def volume(self, distance: Field, depth: float = 2.5) -> Field:
        """Shade a shape as a cushion lit from one side."""
        inner = _smooth(-distance / depth)
        return self.side * (0.82 + 0.18 * inner)

    def waves(self, *along: Field, depth: float = 0.55) -> Field:
        """A woven or printed pattern: 1, less waves along the given coordinates."""
        amount = (self.f["texture"] + 1) / 2
        turns = 2 * math.pi / (4.8 + 1.4 * self.f["pitch"])
        out = (along[0] * turns).sin()
        for field in along[1:]:
            out = out + (field * turns).sin()
        return 1 - depth * amount**3 * (0.5 - 0.5 / len(along) * out)


# Tops share a body and sleeves; what makes the class is drawn on them.


def _body(
    s: _Sheet,
    shoulder: Number,
    chest: Number,
    hem: Number,
    bottom: Number,
    drop: float = 2.2,
    curve: Number = 0.0,
) -> Field:
    """A torso: sloping shoulders, sides from chest to hem, a (curved) bottom edge."""
    side = s.a - shoulder - (chest - shoulder) * _smooth((s.v + 11) / 5)
    side = side - (hem - chest) * _smooth((s.v + 7) / 19)
    top = _left_of(s.a, s.v, (shoulder, -13.4 + drop), (2.5, -13.4))
    ratio = s.a / hem
    return _both(side, top, s.v - bottom + curve * ratio * ratio)


def _sleeve(
    s: _Sheet,
    shoulder: Point,
    angle: Number,
    length: Number,
    r0: Number,
    r1: Number,
    bow: float = 0.0,
) -> tuple[Field, Field]:
    """A sleeve that ends in a straight cuff; also the way along it, 0 at the cuff."""
    a = s.a - bow * (1 - (s.v / 11) ** 2)
    angle = torch.as_tensor(angle)
    du, dv = angle.sin(), angle.cos()
    cuff = shoulder[0] + length * du, shoulder[1] + length * dv
    past = (a - cuff[0]) * du + (s.v - cuff[1]) * dv
    return torch.maximum(_capsule(a, s.v, shoulder, cuff, r0, r1), past), past


def _neckline(
    s: _Sheet, body: Field, width: Number, depth: Number, band: Number, inside: Number
) -> None:
    """Cut the neck hole, edged by a band of the second shade."""
    hole = _ellipse(s.a, s.v, (0.0, -13.6), width, depth)
    s.paint(torch.maximum(hole - 1.0, body), s.second * 0.95, band)
    s.paint(hole, inside)


def _tshirt(s: _Sheet) -> None:
    f = s.f
    shoulder = 6.4 + 0.7 * f["width"]
    chest, bottom = shoulder - 0.3, 11.4 + 1.8 * f["length"]
    body = _body(s, shoulder, chest, chest + 0.3 + 1.0 * f["flare"], bottom)
    length = 6.6 + 3.4 * f["sleeve"]
    sleeve, past = _sleeve(
        s,
        (shoulder - 1.2, -8.6),
        0.8 + 0.25 * f["spread"] - 0.1 * f["sleeve"],
        length,
        2.8,
        2.6,
    )
    cloth = s.shade * s.waves(s.v)
    s.paint(sleeve, cloth * s.volume(sleeve) * 0.93)
    s.line(torch.maximum(sleeve, _rim(past + 1.1, 0.1)), 0.35)
    s.paint(body, cloth * s.volume(body))
    s.line(torch.maximum(body, _rim(s.v - bottom + 1.2, 0.1)), 0.3)
    badge = _ellipse(s.u, s.v, (0.0, -2.5), 3.6, 2.4)
    s.paint(badge, s.second, s.mark)
    s.paint(_box(s.u, s.v, (0.0, -2.5), 1.9, 0.5), s.shade, s.mark)
    _neckline(s, body, 3.4 + 0.6 * f["neck"], 2.5 + 1.1 * f["neck"], 0.7 * s.mark, 0.0)


def _trouser(s: _Sheet) -> None:
    f = s.f
    hip = 4.4 + 0.7 * f["width"]
    bottom = 12.2 + 1.3 * f["length"]
    crotch = -5.2 + 1.6 * f["rise"]
    spread = 3.4 + 1.0 * f["spread"]
    foot = 1.75 + 0.65 * f["flare"]
    down = ((s.v - crotch) / (bottom - crotch)).clamp(-1, 1)
    outer = hip + (spread + foot - hip) * down.clamp(min=0) - 0.9 * _smooth(-down)
    inner = (spread - foot) * 1.15 * down / (down.clamp(min=0) + 0.15)
    shape = _both(s.a - outer, inner - s.a, -13.6 - s.v, s.v - bottom)
    cloth = s.shade * s.waves(s.v + 0.5 * s.a, depth=0.3)
    s.paint(shape, cloth * s.volume(shape, 2.0))
    crease = s.a - (outer + inner.clamp(min=0)) / 2
    s.line(_both(_rim(crease, 0.25), shape + 0.4, crotch - 3 - s.v), -0.22 * s.mark)
    s.line(_both(_rim(s.u, 0.15), s.v - crotch, shape), 0.45)
    s.paint(_both(shape, s.v + 11.9), s.second, s.mark)
    s.line(_both(_rim(s.v + 11.6, 0.2), shape), 0.5)
    pocket = _capsule(s.a, s.v, (hip - 1.9, -11.4), (hip - 0.3, -8.6), 0.15, 0.15)
    s.line(pocket, 0.4)


def _pullover(s: _Sheet) -> None:
    f = s.f
    shoulder = 5.6 + 0.6 * f["width"]
    chest, bottom = shoulder + 0.5, 11.2 + 1.8 * f["length"]
    body = _body(s, shoulder, chest, chest - 0.1 + 0.7 * f["flare"], bottom)
    angle, length = 0.27 + 0.08 * f["spread"], 19.2 + 2.4 * f["sleeve"]
    sleeve, past = _sleeve(s, (shoulder - 0.9, -9.6), angle, length, 2.4, 1.8, bow=0.9)
    cloth = s.shade * s.waves(s.v)
    s.paint(sleeve, cloth * s.volume(sleeve) * 0.92)
    s.paint(torch.maximum(sleeve, -1.9 - past), s.second * 0.9, s.mark)
    s.line(torch.maximum(sleeve, _rim(body, 0.45)), 0.65)
    s.paint(body, cloth * s.volume(body))
    s.paint(torch.maximum(body, bottom - 2.1 - s.v), s.second * 0.9, s.mark)
    s.line(torch.maximum(body, _rim(s.v - bottom + 2.2, 0.1)), 0.4)
    _neckline(
        s, body, 2.9 + 0.5 * f["neck"], 1.7 + 0.6 * f["neck"], s.mark, 0.3 * s.shade
    )


def _dress(s: _Sheet) -> None:
    f = s.f
    shoulder = 4.2 + 0.8 * f["width"]
    waist, bottom = shoulder - 0.6, 12.6 + 1.0 * f["length"]
    hem = 5.4 + 1.9 * f["flare"] + 0.5 * f["width"]
    seam = -2.6 + 1.8 * f["rise"]
    down = ((s.v - seam) / (bottom - seam)).clamp(max=1)
    width = torch.where(
        down < 0,
        waist + (shoulder - waist) * _smooth((seam - s.v) / 7),
        waist + (hem - waist) * down * (1.3 - 0.3 * down),
    )
    top = _left_of(s.a, s.v, (shoulder, -12.2), (2.0, -13.5))
    body = _both(s.a - width, top, s.v - bottom)
    length = 7.0 + 7.5 * f["sleeve"]
    sleeve, _ = _sleeve(
        s, (shoulder - 1.2, -10.6), 0.42 - 0.14 * f["spread"], length, 1.9, 1.6
    )
    cloth = s.shade * s.waves(s.v)
    s.paint(sleeve, cloth * s.volume(sleeve, 1.5) * 0.85)
    s.paint(body, cloth * s.volume(body, 2.0))
    fold = (s.u / width * 10.0).cos() * down.clamp(min=0)
    s.ink = s.ink * (1 - 0.16 * s.mark * fold * _cover(body))
    s.paint(torch.maximum(body, _rim(s.v - seam, 0.7)), s.second, s.mark)
    hole = _ellipse(s.a, s.v, (0.0, -13.6), 2.5 + 0.3 * f["neck"], 3 + 1.6 * f["neck"])
    s.paint(hole, 0.0)


def _coat(s: _Sheet) -> None:
    f = s.f
    shoulder = 5.6 + 0.6 * f["width"]
    chest, bottom = shoulder + 0.8, 12.2 + 1.4 * f["length"]
    hem = chest + 0.7 + 0.8 * f["flare"]
    body = _body(s, shoulder, chest, hem, bottom, drop=2.8)
    angle, length = 0.24 + 0.05 * f["spread"], 19.4 + 1.6 * f["sleeve"]
    sleeve, past = _sleeve(s, (shoulder - 0.8, -8.9), angle, length, 2.8, 2.1, bow=0.6)
    cloth = s.shade * s.waves(0.8 * (s.u + s.v), 0.8 * (s.u - s.v))
    s.paint(sleeve, cloth * s.volume(sleeve) * 0.85)
    s.line(torch.maximum(sleeve, _rim(past + 1.9, 0.2)), 0.4)
    s.line(torch.maximum(sleeve, _rim(body, 0.5)), 0.7)
    s.paint(body, cloth * s.volume(body))
    # lining seen in the opening, lapels on both sides of it, then the closed front
    vee = -4.5 + 3.0 * f["neck"]
    opening = _left_of(s.a, s.v, (0.0, vee), (2.9, -13.6))
    s.paint(opening, 0.25 * s.shade, s.mark)
    lapel = _polygon(
        s.a,
        s.v,
        (0.0, vee + 0.6),
        (3.0 + 0.6 * f["rise"], -8.6 - 0.8 * f["rise"]),
        (4.3 + 0.5 * f["rise"], -11.2),
        (2.7, -13.5),
    )
    s.paint(lapel, s.second, s.mark)
    s.line(_rim(lapel, 0.2), 0.35 * s.mark)
    s.line(_both(_rim(s.u, 0.3), vee - s.v, body), 0.15 + 0.6 * s.mark)
    for step in range(4):
        button = _ellipse(s.u, s.v, (1.6, vee + 2.4 + 3.4 * step), 0.55, 0.55)
        s.paint(button, s.second, s.mark)
    pocket = _capsule(s.a, s.v, (3.0, 6.6), (chest - 0.9, 5.4), 0.25, 0.25)
    s.line(pocket, 0.55 * s.mark)


def _shirt(s: _Sheet) -> None:
    f = s.f
    shoulder = 5.7 + 0.6 * f["width"]
    chest, bottom = shoulder + 0.2, 12.2 + 1.4 * f["length"]
    body = _body(
        s,
        shoulder,
        chest,
        chest + 0.1 + 0.8 * f["flare"],
        bottom,
        curve=1.6 + 1.4 * f["rise"],
    )
    length = 13.5 + 6.8 * f["sleeve"]
    angle = 0.36 - 0.08 * f["sleeve"] + 0.06 * f["spread"]
    sleeve, past = _sleeve(s, (shoulder - 0.9, -9.6), angle, length, 2.5, 1.9, bow=0.7)
    cloth = s.shade * s.waves(s.u, s.v)
    s.paint(sleeve, cloth * s.volume(sleeve) * 0.88)
    s.line(torch.maximum(sleeve, _rim(past + 1.7, 0.2)), 0.45)
    s.line(torch.maximum(sleeve, _rim(body, 0.4)), 0.6)
    s.paint(body, cloth * s.volume(body))
    s.paint(_both(_rim(s.u, 0.85), body, -10.5 - s.v), s.second, s.mark)
    s.line(_both(_rim(s.u - 1.2, 0.15), body, -10.5 - s.v), 0.45 * s.mark)
    for step in range(6):
        s.line(_ellipse(s.u, s.v, (0.0, -8.4 + 3.6 * step), 0.5, 0.5), 0.8 * s.mark)
    s.paint(_ellipse(s.a, s.v, (0.0, -13.6), 2.6, 2.2), 0.15)
    reach = 3.4 + 0.7 * f["neck"]
    collar = _polygon(
        s.a,
        s.v,
        (0.2, -11.2),
        (reach - 0.8, -8.9 + 0.6 * f["neck"]),
        (reach + 0.4, -12.3),
        (2.2, -13.6),
    )
    s.paint(collar, s.second, s.mark)
    s.line(torch.maximum(_rim(collar, 0.25), -11.9 - s.v), 0.4 * s.mark)


# Shoes and bags are drawn from the side, in (u, v).


def _sandal(s: _Sheet) -> None:
    f = s.f
    half = 11.3 + 1.0 * f["width"]
    lift = 5.2 + 4.6 * f["heel"]
    thick = 1.1 + 0.5 * f["length"]
    ground = 5.5 + 0.36 * lift
    toe, ball = (-half, ground - thick), (-half * 0.35, ground - thick)
    back = (half * 0.72, ground - thick - lift)
    end = (half - 1.2, ground - thick - lift - 0.4)
    sole = _capsule(s.u, s.v, toe, ball, thick * 0.8, thick)
    sole = _either(sole, _capsule(s.u, s.v, ball, back, thick, thick), 2.0)
    sole = _either(sole, _capsule(s.u, s.v, back, end, thick, thick), 1.0)
    heel = _polygon(
        s.u,
        s.v,
        (half - 3.4 + 0.14 * lift, ground + 0.4),
        (half - 0.6, ground + 0.4),
        (half + 0.2, end[1]),
        (half - 5.5, end[1] + 0.8),
    )
    ankle = end[1] - 6.4 - 1.8 * f["rise"]
    strap, bright = 0.75 + 0.25 * f["neck"], (0.3 + 0.7 * s.second) * s.side
    # far straps first, then the sole, then the near ones
    front = (half * 0.34, ankle + 0.6)
    for a, b in (
        ((half - 1.4, end[1]), (half - 2.0, ankle)),
        ((half - 2.0, ankle), front),
        (front, (half * 0.12 - 1.0, ankle + 3.4)),
    ):
        s.paint(_capsule(s.u, s.v, a, b, strap, strap), bright)
    s.paint(_either(sole, heel), (0.2 + 0.75 * s.shade) * s.side * s.waves(s.u))
    s.line(_rim(s.v - (ground - 0.3), 0.25), 0.4)
    arch = -half * 0.5 + 1.4 * f["spread"]
    hoop = _ellipse(s.u, s.v, (arch, ground - thick), 4.2, 4.4 + 0.9 * f["sleeve"])
    above = s.v - ground + thick
    s.paint(torch.maximum(hoop, above), bright * 0.8, 1 - s.mark)
    s.paint(torch.maximum(_rim(hoop, strap), above), bright)
    cross = (arch + 2.0, ground - thick - 3.6)
    s.paint(_capsule(s.u, s.v, cross, front, strap, strap), bright * 0.85)


def _sneaker(s: _Sheet) -> None:
    f = s.f
    half = 12.0 + 0.9 * f["width"]
    thick = 1.35 + 0.45 * f["heel"]
    ground = 6.4
    toe = ground - 2 * thick - 3.0 - 0.6 * f["spread"]
    collar = toe - 5.0 - 2.2 * f["rise"]
    tongue = 0.5 + 1.5 * f["length"]
    climb = _smooth((s.u + half - 1) / (half + tongue - 1))
    dip = _smooth((s.u - tongue) / 2.5) * (1 - _smooth((s.u - half + 5) / 4))
    top = toe + (collar - toe) * climb + (2.1 + 0.6 * f["neck"]) * dip
    nose = _ellipse(s.u, s.v, (-half + 5, ground), 5.4, ground - toe + 0.4)
    upper = _both((top - s.v) * 0.85, s.v - ground, s.u - half + 0.6)
    upper = _both(upper, torch.minimum(nose, -half + 5 - s.u))
    cloth = s.shade * s.waves(s.u - s.v)
    s.paint(upper, cloth * s.volume(upper, 3.0))
    throat = _both(upper, tongue - 0.5 - s.u, s.v - top - 1.5, s.u - half + 3.5)
    s.line(throat, 0.5)
    stripe = _polygon(
        s.u,
        s.v,
        (0.5, ground - 2 * thick),
        (3.8, ground - 2 * thick),
        (tongue + 4.5, collar + 3.2),
        (tongue + 2.8, collar + 3.2),
    )
    s.paint(_both(stripe, upper), s.second, s.mark)
    for step in range(4):
        at = tongue - 1.6 - 2.0 * step
        mid = toe + (collar - toe) * _smooth((at + half - 1) / (half + tongue - 1))
        lace = _capsule(
            s.u, s.v, (at - 0.4, mid + 0.4), (at + 0.9, mid + 2.6), 0.4, 0.4
        )
        s.paint(lace, 0.35 + 0.6 * s.second, s.mark)
    s.line(_both(_rim(_ellipse(s.u, s.v, (-half, ground), 6, 5.5), 0.2), upper), 0.4)
    sole = _box(s.u, s.v, (0.0, ground - thick + 1.2), half - 1.0, thick - 1.0) - 1.0
    s.paint(sole, 0.3 + 0.7 * s.second)
    s.line(_both(_rim(s.v - ground + 2 * thick - 1.2, 0.2), upper), 0.45)


def _bag(s: _Sheet) -> None:
    f = s.f
    half = 10.8 + 2.0 * f["width"]
    tall = 7.2 + 1.8 * f["length"]
    bottom = 12.2
    top = bottom - 2 * tall
    down = ((s.v - top) / (2 * tall)).clamp(0, 1)
    width = half - (1.3 - 1.8 * f["flare"]) * (1 - down)
    corner = 1.2
    side = (s.a - width + corner).clamp(min=0)
    over = (torch.maximum(top - s.v, s.v - bottom) + corner).clamp(min=0)
    inside = torch.maximum(s.a - width, torch.maximum(top - s.v, s.v - bottom))
    body = (side * side + over * over + 1e-6).sqrt() - corner
    body = torch.where(inside < -corner, inside, body)
    reach = 4.6 + 1.2 * f["spread"]
    high = 5.2 + 3.8 * f["rise"]
    handle = _ellipse(s.u, s.v, (0.0, top + 0.6), reach, high)
    grip = 0.6 + 0.2 * f["sleeve"]
    s.paint(torch.maximum(_rim(handle, grip), s.v - top), s.second * s.side)
    cloth = s.shade * s.waves(0.8 * (s.u + s.v), 0.8 * (s.u - s.v))
    s.paint(body, cloth * s.volume(body, 3.0))
    flap = _both(body, s.v - top - (5.2 + 2.0 * f["neck"]) + 0.03 * s.u * s.u)
    s.paint(flap, s.second * s.side, s.mark)
    s.line(torch.maximum(_rim(flap, 0.3), body + 0.5), 0.5 * s.mark)
    clasp = (0.0, top + 5.0 + 2.0 * f["neck"])
    s.paint(_box(s.u, s.v, clasp, 1.0, 0.9), 0.95 - 0.6 * s.shade, s.mark)
    s.line(_both(_rim(body + 1.2, 0.1), top + 1 - s.v), 0.18)


def _boot(s: _Sheet) -> None:
    f = s.f
    half = 11.3 + 1.0 * f["width"]
    lift = 4.0 + 2.8 * f["heel"]
    ground = 12.0
    shaft = -7.0 - 4.0 * f["rise"]
    front = -0.6 + 1.4 * f["length"]
    sole_up = lift * _smooth((s.u + half * 0.5) / (half * 0.9))
    under = ground - 1.2 - sole_up
    toe = ground - 4.8 - 0.8 * f["spread"]
    top = toe - 4.0 * _smooth((s.u + half) / (half + front))
    vamp = _both(top - s.v, s.v - under, s.u - half + 1.5)
    nose = _ellipse(s.u, s.v, (-half + 4.5, ground), 4.8, ground - toe + 0.6)
    vamp = _both(vamp, torch.minimum(nose, -half + 4.5 - s.u))
    lean = 0.10 * (s.v - shaft) * f["flare"]
    leg = _both(
        front - s.u - 0.2,
        s.u - half + 1.5 + 0.6 * f["flare"] - lean,
        shaft - s.v,
        s.v - under,
    )
    upper = _either(vamp, leg, 5.0)
    cloth = s.shade * s.waves(0.7 * (s.u + s.v), 0.7 * (s.u - s.v), depth=0.3)
    s.paint(upper, cloth * s.volume(upper, 3.0))
    panel = _both(
        (s.u - front - 4.6).abs() - 1.6 - 0.03 * (s.v - ground), s.v + 0.5, upper
    )
    s.paint(panel, s.second, s.mark)
    s.line(_both(_rim(s.v - shaft - 1.3, 0.15), upper), 0.4)
    s.line(_both(_rim(_ellipse(s.u, s.v, (-half, ground), 7, 7), 0.2), upper), 0.35)
    heel = _polygon(
        s.u,
        s.v,
        (half - 5.6 + 0.35 * lift, ground),
        (half - 1.6, ground),
        (half - 1.2, ground - lift - 1.2),
        (half - 6.6, ground - lift - 0.6),
    )
    welt = _both((s.v - under - 0.9).abs() - 0.8, s.a - half + 0.8)
    s.paint(_either(welt, heel), 0.75 * s.second)


_GARMENTS: tuple[Callable[[_Sheet], None], ...] = (
    _tshirt,
    _trouser,
    _pullover,
    _dress,
    _coat,
    _sandal,
    _shirt,
    _sneaker,
    _bag,
    _boot,
)
_ALL = {"width", "length", "detail", "shade", "contrast", "texture", "pitch", "light"}
_ALL |= {"tilt", "x", "y"}
_TOP = _ALL | {"sleeve", "spread", "flare", "neck"}
_ACTIVE: tuple[set[str], ...] = (
    _TOP,
    _ALL | {"rise", "spread", "flare"},
    _TOP,
    _TOP | {"rise"},
    _TOP | {"rise"},
    _ALL | {"heel", "rise", "neck", "spread", "sleeve"},
    _TOP | {"rise"},
    _ALL | {"heel", "rise", "neck", "spread"},
    _ALL | {"rise", "neck", "spread", "sleeve", "flare"},
    _ALL | {"heel", "rise", "spread", "flare"},
)
