"""Weights of models that take longer to train than a chapter may.

They are made by ``python -m latentspaces.experiments``, as a part of an experiment
that is recorded over several seeds, and lie beside this file as
``NAME.safetensors``. Each says how it was made: recipe, seed, metrics, data, versions.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.torch import save
from torch import nn

__all__ = ["FOLDER", "LARGEST", "about", "names", "restore", "store"]

FOLDER = Path(__file__).parent
"""Where the checkpoints are stored."""

LARGEST = 2_000_000
"""Bytes that one checkpoint may have: every reader's download contains all of them."""


def names(folder: Path = FOLDER) -> list[str]:
    """All checkpoints, such as ``"classifier"``, in alphabetical order."""
    return sorted(file.stem for file in folder.glob("*.safetensors"))


def about(name: str, folder: Path = FOLDER) -> dict[str, Any]:
    """How a checkpoint was made.

    Returns
    -------
    dict
        ``recipe``, ``seed``, ``metrics``, ``data`` (``"real"`` or ``"drawn"``),
        ``versions``, ``date`` and ``digest``.

    Raises
    ------
    ValueError
        If there is no such checkpoint.
    """
    with safe_open(_file(name, folder), framework="pt") as file:
        metadata = file.metadata()
    return {key: json.loads(text) for key, text in metadata.items()}


def restore(name: str, model: nn.Module, folder: Path = FOLDER) -> dict[str, Any]:
    """Put a checkpoint's weights into a model, and the model into evaluation mode.

    Parameters
    ----------
    name : str
    model : nn.Module
        Of the architecture that the checkpoint was made with. Weights stored in half
        precision are widened to the model's own.

    Returns
    -------
    dict
        As :func:`about` gives it.

    Raises
    ------
    ValueError
        If there is no such checkpoint, or the model has other weights.
    """
    with safe_open(_file(name, folder), framework="pt") as file:
        weights = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise ValueError(
            f"the checkpoint {name!r} does not fit the model: {error}"
        ) from error
    model.eval()
    return about(name, folder)


def store(
    name: str, model: nn.Module, metadata: Mapping[str, Any], folder: Path = FOLDER
) -> None:
    """Write a model's weights with what is to be known about them.

    Parameters
    ----------
    name : str
    model : nn.Module
        Half its precision first (``model.half()``) if it would be too large.
    metadata : mapping
        Anything that JSON can hold.

    Raises
    ------
    ValueError
        If the file would have more than `LARGEST` bytes.
    """
    content = save(
        {key: value.contiguous() for key, value in model.state_dict().items()},
        {key: json.dumps(value, allow_nan=False) for key, value in metadata.items()},
    )
    if len(content) > LARGEST:
        raise ValueError(
            f"the checkpoint {name!r} would have {len(content):,} bytes, at most "
            f"{LARGEST:,} are allowed: halve its precision or choose a smaller model"
        )
    (folder / f"{name}.safetensors").write_bytes(content)


def _file(name: str, folder: Path) -> Path:
    file = folder / f"{name}.safetensors"
    if not file.exists():
        raise ValueError(
            f"no checkpoint {name!r}; there are: {', '.join(names(folder)) or 'none'}"
        )
    return file
