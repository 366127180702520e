"""Values to a JSON tree with buffers, and back: what crosses the wall.

Plain data crosses by value. A tree is made of JSON's own ``null``, booleans, numbers
and strings; of lists ``[tag, ...]`` for everything else that is plain; and of objects
``{...}``, which stand for what is not, and mean what the two ends agree on: ``encode``
asks ``keep`` for one, ``decode`` hands it to ``resolve``. Tensors and arrays travel
beside the tree, in one buffer in the safetensors format.

What arrives from the candidate is hostile. Decoding runs nothing, imports nothing and
looks nothing up by a name from outside; it is bounded in depth, number and size; what
it returns has exactly the types listed here; and whatever is wrong with a message
comes out as one exception, :class:`WireError`.
"""

from __future__ import annotations

import base64
import re
import sys
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import safetensors.torch
import torch
from safetensors import SafetensorError

from autograder.pipeline.wire import LARGEST, MOST, CannotCross, WireError

DEEPEST = 50  # containers inside one another

Tree = Any  # None, bool, int, float, str, list or dict, as JSON has them
Keep = Callable[[Any], dict[str, Any]]
Resolve = Callable[[dict[str, Any]], Any]

DTYPES = {str(v): v for v in vars(torch).values() if isinstance(v, torch.dtype)}
COMPLEX = (torch.complex64, torch.complex128)
SENDABLE = {
    *(torch.bool, torch.uint8, torch.uint16, torch.uint32, torch.uint64),
    *(torch.int8, torch.int16, torch.int32, torch.int64),
    *(torch.float16, torch.bfloat16, torch.float32, torch.float64),
    *COMPLEX,
}
ARRAY = re.compile(r"[<>|][biufcUS][0-9]{1,9}")  # the dtypes that have no objects
NO_GRAD, LEAF, RESULT = range(3)  # does a tensor require a gradient, and as what?
#: What may be a key: its hash depends on its value alone.
KEYS = (type(None), bool, int, float, complex, str, bytes, range, type(...))
KEYS += (np.generic, torch.dtype, torch.device)


def encode(value: Any, keep: Keep) -> tuple[Tree, list[bytes]]:
    """Return a value as a tree and its buffers.

    A subclass of a plain type crosses as that type: a named tuple as a tuple, an
    ordered dictionary as a dictionary, a parameter as a tensor. ``keep`` gives the
    tree's object for whatever is not plain, and for a dictionary or a set with keys
    that are not.

    Raises
    ------
    CannotCross
        If the value is too large, too deep, or a tensor that is not dense.
    """
    encoder = _Encoder(keep)
    tree = encoder.node(value, 0)
    tensors = {str(i): tensor for i, tensor in enumerate(encoder.tensors)}
    return tree, [safetensors.torch.save(tensors)] if tensors else []


def decode(tree: Tree, buffers: list[bytes], resolve: Resolve) -> Any:
    """Return the value that a tree and its buffers stand for.

    Raises
    ------
    WireError
        If they are not what :func:`encode` gives.
    """
    try:
        return _Decoder(buffers, resolve).node(tree, 0)
    except (
        *(ArithmeticError, AssertionError, LookupError, MemoryError, RuntimeError),
        *(SafetensorError, TypeError, ValueError),
    ) as error:
        kind = type(error).__name__
        raise WireError(f"an answer that cannot be decoded ({kind})") from None


class _Encoder:
    """Walks through one value; counts, so that none is too large."""

    def __init__(self, keep: Keep) -> None:
        self.keep = keep
        self.tensors: list[torch.Tensor] = []
        self.values = 0
        self.bytes = 0

    def node(self, value: Any, depth: int) -> Tree:
        self.values += 1
        if depth > DEEPEST:
            raise CannotCross(
                f"the value is nested more than {DEEPEST} deep; does it hold itself?"
            )
        if self.values > MOST:
            raise CannotCross(
                f"the value has more than {MOST} parts; is a tensor or an array meant?"
            )
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, torch.Tensor):
            # A subclass may answer for itself whatever is asked of it.
            with torch._C.DisableTorchFunctionSubclass():
                return self.tensor(value)
        if isinstance(value, np.generic | np.ndarray):
            return self.array(value)
        if isinstance(value, int):
            value = int.__int__(value)
            return value if abs(value) < 2**53 else ["int", format(value, "x")]
        if isinstance(value, float):
            value = float.__float__(value)
            return value if abs(value) < float("inf") else ["float", repr(value)]
        if isinstance(value, complex):
            return ["complex", *self.nodes((value.real, value.imag), depth)]
        if isinstance(value, str):
            self.add(len(value))
            try:
                return str.encode(value).decode()
            except UnicodeEncodeError:  # JSON in UTF-8 has no lone surrogates
                return ["str", str.encode(value, "utf-32", "surrogatepass").hex()]
        if isinstance(value, bytes):
            self.add(len(value))
            return ["bytes", base64.b64encode(value).decode()]
        if isinstance(value, torch.Size):
            return ["size", *self.nodes(value, depth)]
        if isinstance(value, list):
            return ["list", *self.nodes(value, depth)]
        if isinstance(value, tuple):
            return ["tuple", *self.nodes(value, depth)]
        if isinstance(value, set | frozenset) and all(map(is_key, value)):
            tag = "set" if isinstance(value, set) else "frozenset"
            return [tag, *self.nodes(value, depth)]
        if isinstance(value, dict) and all(map(is_key, value)):
            flat = (part for pair in value.items() for part in pair)
            return ["dict", *self.nodes(flat, depth)]
        if isinstance(value, range | slice):
            parts = (value.start, value.stop, value.step)
            return [type(value).__name__, *self.nodes(parts, depth)]
        if value is ...:
            return ["..."]
        if isinstance(value, torch.dtype | torch.device):
            return [type(value).__name__, str(value)]
        return self.keep(value)

    def nodes(self, values: Iterable[Any], depth: int) -> list[Tree]:
        return [self.node(value, depth + 1) for value in values]

    def add(self, count: int) -> None:
        self.bytes += count
        if self.bytes > LARGEST:
            raise CannotCross(f"the value is larger than {LARGEST // 2**20} MiB")

    def tensor(self, value: torch.Tensor) -> Tree:
        strided = value.layout is torch.strided and not value.is_nested
        if not strided or value.is_meta or value.dtype not in SENDABLE:
            kind = value.dtype if strided else "sparse or nested"
            raise CannotCross(
                f"a tensor of kind {kind} cannot be sent: make it dense, of numbers"
            )
        self.add(value.numel() * value.element_size())
        grad = NO_GRAD
        if value.requires_grad:
            grad = LEAF if value.is_leaf else RESULT
        plain = value.detach().as_subclass(torch.Tensor).cpu()
        plain = plain.resolve_conj().resolve_neg()
        if value.dtype in COMPLEX:
            plain = torch.view_as_real(plain)
        self.tensors.append(plain.clone(memory_format=torch.contiguous_format))
        return ["tensor", len(self.tensors) - 1, grad, value.dtype in COMPLEX]

    def array(self, value: np.generic | np.ndarray) -> Tree:
        dtype = value.dtype.str
        if not ARRAY.fullmatch(dtype) or not value.dtype.itemsize:
            return self.keep(value)
        self.add(value.nbytes)
        if isinstance(value, np.generic):
            return ["scalar", dtype, value.tobytes().hex()]
        content = np.ascontiguousarray(value).reshape(-1).view(np.uint8)
        self.tensors.append(torch.from_numpy(content.copy()))
        return ["array", dtype, list(value.shape), len(self.tensors) - 1]


class _Decoder:
    """Walks through one tree; counts, and takes each tensor once."""

    def __init__(self, buffers: list[bytes], resolve: Resolve) -> None:
        self.resolve = resolve
        self.values = 0
        if len(buffers) > 1 or sum(len(buffer) for buffer in buffers) > LARGEST:
            raise WireError("an answer that is too large")
        self.tensors = safetensors.torch.load(bytes(buffers[0])) if buffers else {}

    def node(self, tree: Tree, depth: int) -> Any:
        self.values += 1
        if depth > DEEPEST or self.values > MOST:
            raise WireError("an answer that is too large")
        if tree is None or type(tree) in (bool, int, float, str):
            return tree
        if type(tree) is dict:
            return self.resolve(tree)
        match tree:
            case ["int", str(digits)]:
                return int(digits, 16)
            case ["float", "nan" | "inf" | "-inf" as name]:
                return float(name)
            case ["complex", real, imag]:
                return complex(*self.only(float, [real, imag], depth))
            case ["str", str(digits)]:
                return bytes.fromhex(digits).decode("utf-32", "surrogatepass")
            case ["bytes", str(text)]:
                return base64.b64decode(text, validate=True)
            case ["list", *rest]:
                return self.nodes(rest, depth)
            case ["tuple", *rest]:
                return tuple(self.nodes(rest, depth))
            case ["size", *rest]:
                return torch.Size(self.only(int, rest, depth))
            case ["set", *rest]:
                return set(self.keys(rest, depth))
            case ["frozenset", *rest]:
                return frozenset(self.keys(rest, depth))
            case ["dict", *rest]:
                keys, values = (
                    self.keys(rest[::2], depth),
                    self.nodes(rest[1::2], depth),
                )
                return dict(zip(keys, values, strict=True))
            case ["range", start, stop, step]:
                return range(*self.only(int, [start, stop, step], depth))
            case ["slice", start, stop, step]:
                return slice(*self.nodes([start, stop, step], depth))
            case ["..."]:
                return ...
            case ["dtype", str(name)]:
                return DTYPES[name]
            case ["device", str(name)]:
                return torch.device(name)
            case ["scalar", str(dtype), str(digits)]:
                return _array(dtype, [], bytes.fromhex(digits))[()]
            case ["array", str(dtype), [*shape], int(index)]:
                content = self.take(index)
                if content.dtype is not torch.uint8:
                    raise WireError("an array without its content")
                return _array(dtype, shape, content.numpy().tobytes())
            case ["tensor", int(index), int(grad), bool(is_complex)]:
                return self.tensor(index, grad, is_complex)
        raise WireError("an answer with an unknown part")

    def nodes(self, trees: list[Tree], depth: int) -> list[Any]:
        return [self.node(tree, depth + 1) for tree in trees]

    def only(self, kind: type, trees: list[Tree], depth: int) -> list[Any]:
        values = self.nodes(trees, depth)
        if any(type(value) is not kind for value in values):
            raise WireError("an answer with a part of another type")
        return values

    def keys(self, trees: list[Tree], depth: int) -> list[Any]:
        values = self.nodes(trees, depth)
        if not all(map(is_key, values)):
            raise WireError("an answer with an object as a key")
        return values

    def take(self, index: int) -> torch.Tensor:
        # Once only: a small message cannot ask for the same large tensor many times.
        tensor = self.tensors.pop(str(index))
        # A byte that is neither 0 nor 1 would be a bool equal to nothing, or to both.
        return tensor.view(torch.uint8) != 0 if tensor.dtype is torch.bool else tensor

    def tensor(self, index: int, grad: int, is_complex: bool) -> torch.Tensor:
        tensor = self.take(index)
        if is_complex:
            tensor = torch.view_as_complex(tensor)
        if grad == NO_GRAD:
            return tensor
        with torch.enable_grad():
            tensor.requires_grad_()
            return tensor if grad == LEAF else tensor.clone()


def is_key(value: Any) -> bool:
    """Return True for what may be a dictionary's key on both sides."""
    if type(value) in (tuple, frozenset):
        return all(map(is_key, value))
    return isinstance(value, KEYS)


def _array(dtype: str, shape: list[Any], content: bytes) -> np.ndarray:
    if not ARRAY.fullmatch(dtype):
        raise WireError("an array of objects")
    if any(type(length) is not int or length < 0 for length in shape):
        raise WireError("an array without a shape")
    array = np.ndarray(shape, dtype, buffer=content).copy()
    if array.nbytes != len(content):
        raise WireError("an array of another size")
    if array.dtype.kind == "b":
        return array.view(np.uint8) != 0
    if array.dtype.kind == "U":
        points = array.reshape(-1).view(f"{array.dtype.byteorder}u4")
        if (points > sys.maxunicode).any():
            raise WireError("an array of no text")
    return array
