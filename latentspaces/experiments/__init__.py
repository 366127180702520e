"""Experiments that take too long for a chapter: several seeds, sweeps, long runs.

One module a chapter lists its experiments as ``EXPERIMENTS``; ``python -m
latentspaces.experiments`` runs those that changed and stores what they measured as
:mod:`latentspaces.results`, and the model that one of them keeps as one of
:mod:`latentspaces.checkpoints`.
"""

from __future__ import annotations

import ast
import datetime
import hashlib
import io
import json
import math
import platform
import statistics
import sys
import time
import tokenize
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn

from latentspaces import checkpoints, results, training
from latentspaces.data import Dataset

__all__ = ["FOLDER", "Experiment", "Kept", "digest", "is_recorded", "record"]

FOLDER = Path(results.__file__).parent
"""Where the results are stored."""

Row = tuple[dict[str, Any], dict[str, float]]


@dataclass(frozen=True)
class Kept:
    """The checkpoint that an experiment leaves.

    Attributes
    ----------
    name : str
        Of the checkpoint, such as ``"classifier"``.
    least : str
        The measure, taken on the validation split, by which one of the seeds' models
        is chosen: in the experiment's first row, smaller is better.
    """

    name: str
    least: str


@dataclass(frozen=True)
class Experiment:
    """Something to measure over several seeds.

    Attributes
    ----------
    name : str
        Of the result, such as ``"autoencoder-bottleneck"``.
    recipe : dict
        The numbers that ``run`` works with, as they are stored with the result.
    seeds : tuple of int
    run : callable
        ``run(data, recipe, seed)`` returns rows: pairs of the settings (what tells
        one row from another, the same for each seed) and the measures (numbers). If
        something is kept, it returns a pair of the rows and the trained model.
    uses : tuple of modules
        Modules of the course, beside ``training``, that decide the numbers.
    keeps : Kept, optional
        Which of the trained models becomes a checkpoint.
    """

    name: str
    recipe: dict[str, Any]
    seeds: tuple[int, ...]
    run: Callable[
        [Dataset, dict[str, Any], int], list[Row] | tuple[list[Row], nn.Module]
    ]
    uses: tuple[ModuleType, ...] = ()
    keeps: Kept | None = None


def digest(experiment: Experiment) -> str:
    """What the result depends on, as a hash: recipe, seeds and code.

    The code is the experiment's module, ``training.py`` and what it ``uses``, without
    comments, blank lines and docstrings, so that better words ask for no new run.
    """
    modules = (sys.modules[experiment.run.__module__], training, *experiment.uses)
    content = {
        "name": experiment.name,
        "recipe": experiment.recipe,
        "seeds": experiment.seeds,
        "code": [
            _bare_code(Path(module.__file__ or "").read_text("utf-8"))
            for module in modules
        ],
    }
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def is_recorded(experiment: Experiment, folder: Path = FOLDER) -> bool:
    """Whether the stored result is what the present recipe and code would give."""
    stored = _stored(experiment, folder)
    if stored is None or stored["digest"] != digest(experiment):
        return False
    kept = experiment.keeps
    if kept is None:
        return True
    where = _beside(folder)
    return (
        kept.name in checkpoints.names(where)
        and checkpoints.about(kept.name, where)["digest"] == stored["digest"]
    )


def record(
    experiment: Experiment, data: Dataset, folder: Path = FOLDER
) -> dict[str, Any]:
    """Run an experiment for each of its seeds and store what it measured.

    If it keeps a model, the best seed's is stored as a checkpoint.

    Parameters
    ----------
    experiment : Experiment
    data : Dataset
    folder : Path
        Where ``NAME.json`` is written; a checkpoint goes to the course's own folder,
        or into this one if another is given.

    Returns
    -------
    dict
        As :func:`latentspaces.results.load` gives it.

    Raises
    ------
    RuntimeError
        If a result on real data would be replaced by one on the stand-in.
    ValueError
        If a measure is not a finite number, or a checkpoint is too large.
    """
    stored = _stored(experiment, folder)
    if stored is not None and stored["data"] == "real" and data.source != "real":
        raise RuntimeError(
            f"{experiment.name}: the stored result is on real data and this machine "
            f"has only {data.name}; set LATENTSPACES_DATA to the folder of the real "
            f"data, or delete {folder / experiment.name}.json first"
        )
    kept = experiment.keeps
    best: tuple[int, dict[str, float], nn.Module] | None = None
    collected: dict[str, tuple[dict[str, Any], dict[str, list[float]]]] = {}
    for seed in experiment.seeds:
        start = time.perf_counter()
        print(f"{experiment.name}, seed {seed} … ", end="", flush=True)
        outcome = experiment.run(data, experiment.recipe, seed)
        rows, model = outcome if isinstance(outcome, tuple) else (outcome, None)
        if kept:
            if model is None:
                raise TypeError(f"{experiment.name} keeps a model and returned none")
            measured = rows[0][1]
            if best is None or measured[kept.least] < best[1][kept.least]:
                best = seed, measured, model
        for settings, measures in rows:
            key = json.dumps(settings, sort_keys=True)
            _, values = collected.setdefault(key, (settings, {}))
            for name, value in measures.items():
                if not math.isfinite(value):
                    raise ValueError(
                        f"{experiment.name}, seed {seed}: {name} is {value} for "
                        f"{settings}, expected a finite number"
                    )
                values.setdefault(name, []).append(float(value))
        print(f"{time.perf_counter() - start:.0f} s", flush=True)
    made = {
        "recipe": experiment.recipe,
        "data": data.source,
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__.split("+")[0],
        },
        "date": datetime.date.today().isoformat(),
        "digest": digest(experiment),
    }
    if best is not None:
        seed, measured, model = best
        facts = made | {"seed": seed, "metrics": measured}
        checkpoints.store(experiment.keeps.name, model, facts, _beside(folder))
    result = made | {
        "seeds": list(experiment.seeds),
        "rows": [
            settings | {name: _summary(v) for name, v in values.items()}
            for settings, values in collected.values()
        ],
    }
    text = json.dumps(result, indent=1, ensure_ascii=False, allow_nan=False)
    (folder / f"{experiment.name}.json").write_text(text + "\n", encoding="utf-8")
    return result


def _beside(folder: Path) -> Path:
    """Where the checkpoints of the results in this folder are."""
    return checkpoints.FOLDER if folder == FOLDER else folder


def _summary(values: list[float]) -> dict[str, Any]:
    def short(value: float) -> float:
        return float(f"{value:.6g}")

    return {
        "mean": short(statistics.fmean(values)),
        "std": short(statistics.stdev(values)) if len(values) > 1 else 0.0,
        "values": [short(value) for value in values],
    }


def _stored(experiment: Experiment, folder: Path) -> dict[str, Any] | None:
    file = folder / f"{experiment.name}.json"
    return json.loads(file.read_text("utf-8")) if file.exists() else None


def _bare_code(source: str) -> str:
    """Source without comments, docstrings and blank lines, the same on every Python."""
    lines = source.splitlines()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    for node in ast.walk(ast.parse(source)):
        if (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        ):
            for row in range(node.lineno, (node.end_lineno or node.lineno) + 1):
                lines[row - 1] = ""
    return "\n".join(line.rstrip() for line in lines if line.strip())
