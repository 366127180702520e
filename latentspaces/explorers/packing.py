"""A model, numbers and pictures in compact form, as JSON.

Weight matrices are rounded to 8 bits, a scale for each row; small ones stay as they
are. What PyTorch itself answers at a few inputs, before rounding, travels along
(:func:`checks`), and a test compares the page's answers with it.
"""

from __future__ import annotations

import base64
import copy
import io
from collections.abc import Callable
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn

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
        A copy whose larger matrices are rounded as :func:`pack` rounds them without
        ``inputs``.
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
