"""A threshold to drag through a detector's scores."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor

from latentspaces import plots
from latentspaces.data import Split
from latentspaces.explorers.display import show
from latentspaces.explorers.packing import array


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
        If a split lacks one of the classes, validation has fewer than 19 normal beats,
        a score is not positive, ``alt`` is empty, or all is too large for a page.
    """
    splits = (validation, test)
    for part in splits:
        if sorted(part.y.unique().tolist()) != [0, 1]:
            raise ValueError(
                f"a split has the labels {part.y.unique().tolist()}, expected beats of "
                "both kinds, 1 for normal and 0 for abnormal"
            )
    abnormal = [part.y.cpu() == 0 for part in splits]
    held_out = int((~abnormal[0]).sum())
    if held_out < 19:
        raise ValueError(
            f"validation has {held_out} normal beats, and a threshold with 5 % false "
            "alarms takes at least 19"
        )
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
