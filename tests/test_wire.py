"""What crosses the wall comes out as it went in, and nothing else comes out at all."""

from __future__ import annotations

import base64
import collections
import enum
import json
import multiprocessing
import pickle
import sys
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn

from autograder.pipeline import values, wire
from autograder.pipeline.wire import CannotCross, WireError


class Colour(enum.IntEnum):
    RED = 3


class Text(str):
    __slots__ = ()


class Point(collections.namedtuple("Point", "x y")):
    __slots__ = ()


def refuse(value: Any) -> Any:
    raise AssertionError(f"{value!r} is not plain")


def across(value: Any) -> Any:
    """Send a value through JSON as Jupyter writes it, and back."""
    tree, buffers = values.encode(value, refuse)
    text = json.dumps(tree, ensure_ascii=False, allow_nan=False)
    return values.decode(json.loads(text.encode()), buffers, refuse)


PLAIN = [
    *(None, True, False, 0, -1, 2**53, -(2**64), 0.1, -0.0, 1e300, 1 + 2j),
    *("", "é ∞ 𝄞", "\x00", "\ud800 alone", "\ud83d\ude00", b"", b"\x00\xff"),
    *([], [1, [2.0, "3"]], (), (1, (2,)), set(), {1, "a"}, frozenset({(1, 2)})),
    *({}, {"a": [1], 2: None, (3, "b"): {4}, None: 5, 1.5: ...}),
    *(range(2, 9, 3), slice(None, -1), ..., torch.float64, torch.device("cpu")),
    torch.Size([2, 3]),
]


@pytest.mark.parametrize("value", PLAIN, ids=ascii)
def test_plain_data_comes_out_equal_and_of_the_same_type(value):
    received = across(value)
    assert received == value
    assert type(received) is type(value)
    assert repr(received) == repr(value)


def test_numbers_that_json_does_not_have():
    assert repr(across([float("nan"), float("inf"), -float("inf")])) == (
        "[nan, inf, -inf]"
    )
    large = -(7 ** (2 * sys.get_int_max_str_digits()))
    assert across(large) == large
    assert repr(across(complex("nan-infj"))) == repr(complex("nan-infj"))


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (Colour.RED, 3),
        (Text("a"), "a"),
        (Point(1, 2), (1, 2)),
        (collections.OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
        (collections.Counter("aab"), {"a": 2, "b": 1}),
        (collections.defaultdict(list, a=[1]), {"a": [1]}),
    ],
)
def test_subclasses_cross_as_what_they_are_made_of(value, plain):
    assert repr(across(value)) == repr(plain)


def test_named_results_of_torch_cross_as_tuples():
    received = across(torch.tensor([3.0, 1.0]).sort())
    assert type(received) is tuple
    assert received[1].tolist() == [1, 0]


@pytest.mark.parametrize(
    "tensor",
    [
        torch.arange(6.0).reshape(2, 3).T,
        torch.tensor(True),
        torch.zeros(0, 3),
        torch.tensor(3, dtype=torch.uint16),
        torch.tensor([1.5], dtype=torch.bfloat16),
        torch.tensor([1 + 2j]).conj(),
        torch.tensor([[1 + 2j]], dtype=torch.complex128),
        torch.ones(1).expand(4),
    ],
    ids=lambda t: f"{t.dtype} {tuple(t.shape)}",
)
def test_tensors_come_out_equal(tensor):
    received = across([tensor, "between", tensor])[2]
    assert type(received) is torch.Tensor
    assert received.dtype == tensor.dtype
    assert torch.equal(received, tensor)
    assert received.is_contiguous()


def test_tensors_are_copies():
    tensor = torch.zeros(2)
    across(tensor).add_(1)
    assert tensor.sum() == 0


def test_whether_a_tensor_requires_a_gradient_is_part_of_it():
    leaf = nn.Parameter(torch.ones(2))
    received = across([leaf, leaf * 2, leaf.detach()])
    assert [t.requires_grad for t in received] == [True, True, False]
    assert [t.is_leaf for t in received] == [True, False, True]
    assert all(type(t) is torch.Tensor for t in received)
    with torch.no_grad():
        assert across(leaf * 2).requires_grad is False
        assert across(leaf).requires_grad


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6).reshape(2, 3).T,
        np.array(3.5),
        np.zeros((2, 0)),
        np.array([True, False]),
        np.array(["a", "∞b"]),
        np.array([b"ab"]),
        np.array([1 + 2j]),
        np.arange(3, dtype=">i2"),
        np.array([1.5], dtype=np.float16),
        np.ma.array([1, 2]),
    ],
    ids=lambda a: f"{a.dtype.str} {a.shape}",
)
def test_arrays_come_out_equal(array):
    received = across({"a": array})["a"]
    assert type(received) is np.ndarray
    assert received.dtype == array.dtype
    assert np.array_equal(received, array)
    received[...] = received  # it can be written to, as any other


@pytest.mark.parametrize("value", [np.float64(0.1), np.int8(3), np.True_, np.str_("é")])
def test_scalars_of_numpy_keep_their_types(value):
    assert across([value])[0] == value
    assert type(across(value)) is type(value)


def test_what_is_not_plain_is_kept_and_found_again():
    kept = []

    def keep(value):
        kept.append(value)
        return {"kept": len(kept) - 1}

    key = object()
    value = [object(), {key: 1}, {key}, {"a": len}, np.array([None]), bytearray(b"x")]
    tree, buffers = values.encode(value, keep)
    received = values.decode(tree, buffers, lambda node: kept[node["kept"]])
    assert received == value
    assert len(kept) == 6  # a dictionary or set with such a key as a whole


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


def test_a_value_that_holds_itself_is_refused():
    value: list[Any] = []
    value.append({"a": value})
    with pytest.raises(CannotCross, match="does it hold itself"):
        values.encode(value, refuse)
    assert across(nested(values.DEEPEST)) == nested(values.DEEPEST)


def test_a_value_that_doubles_is_refused():
    value: list[Any] = []
    for _ in range(40):
        value = [value, value]
    with pytest.raises(CannotCross, match=f"more than {wire.MOST} parts"):
        values.encode(value, refuse)


@pytest.mark.parametrize(
    "value",
    [
        torch.zeros(1).expand(wire.LARGEST),
        np.broadcast_to(np.zeros(1), wire.LARGEST),
        "x" * (wire.LARGEST + 1),
        bytes(wire.LARGEST + 1),
        ["x" * 2**20] * 40,
    ],
    ids=["tensor", "array", "text", "bytes", "list"],
)
def test_a_value_that_is_too_large_is_refused(value):
    with pytest.raises(CannotCross, match="larger than 32 MiB"):
        values.encode(value, refuse)


@pytest.mark.parametrize(
    "tensor",
    [
        torch.eye(2).to_sparse(),
        torch.zeros(2, device="meta"),
        torch.ones(2).to(torch.float8_e4m3fn),
    ],
    ids=["sparse", "meta", "float8"],
)
def test_a_tensor_that_is_not_dense_is_refused(tensor):
    with pytest.raises(CannotCross, match="make it dense"):
        values.encode(tensor, refuse)


# What comes from the candidate ------------------------------------------------------

ONES = [safetensors.torch.save({"0": torch.ones(2)})]
BYTES = [safetensors.torch.save({"0": torch.zeros(4, dtype=torch.uint8)})]
PICKLE = ["bytes", base64.b64encode(pickle.dumps(OSError)).decode()]

HOSTILE = {
    "empty": ([], []),
    "no tag": ([1, 2], []),
    "unknown tag": (["eval", "1"], []),
    "tag of another type": ([["list"], 1], []),
    "too few parts": (["complex", 1.0], []),
    "too many parts": (["range", 1, 2, 3, 4], []),
    "number of strings": (["complex", "1", "2"], []),
    "range of objects": (["range", {"handle": 1}, 2, 3], []),
    "number of objects": (["complex", 1.0, {"handle": 1}], []),
    "range of floats": (["range", 1.0, 2, 3], []),
    "endless range": (["range", 0, 1, 0], []),
    "float by name": (["float", "1_0"], []),
    "bytes that are none": (["bytes", "*"], []),
    "text that is none": (["str", "ffffffff"], []),
    "odd hexadecimal": (["str", "f"], []),
    "list as a key": (["set", ["list", 1]], []),
    "tensor as a key": (["dict", ["tensor", 0, 0, False], 1], ONES),
    "object as a key": (["set", {"handle": 1}], []),
    "key in a tuple": (["set", ["tuple", {"handle": 1}]], []),
    "key without a value": (["dict", 1], []),
    "dtype by name": (["dtype", "torch.onnx"], []),
    "no such device": (["device", "nowhere"], []),
    "device with a path": (["device", "cpu:../x"], []),
    "size of strings": (["size", "2"], []),
    "tensor without a buffer": (["tensor", 0, 0, False], []),
    "tensor that is not there": (["tensor", 1, 0, False], ONES),
    "tensor twice": (["list", *[["tensor", 0, 0, False]] * 2], ONES),
    "tensor under a name": (["tensor", "0", 0, False], ONES),
    "gradient of integers": (["tensor", 0, 1, False], BYTES),
    "complex of one": (["tensor", 0, 0, True], BYTES),
    "array of objects": (["array", "|O", [1], 0], BYTES),
    "array of records": (["array", "<i2,<i2", [1], 0], BYTES),
    "array of dates": (["array", "<M8[s]", [1], 0], BYTES),
    "array of a tensor": (["array", "<f4", [2], 0], ONES),
    "array that is too long": (["array", "<i4", [2], 0], BYTES),
    "array that is too short": (["array", "|i1", [3], 0], BYTES),
    "array of any length": (["array", "|i1", [-1], 0], BYTES),
    "array with a long shape": (["array", "|i1", [2] * 99, 0], BYTES),
    "array of a huge type": (["array", "<U999999999", [4], 0], BYTES),
    "array of no text": (
        ["array", "<U1", [1], 0],
        [safetensors.torch.save({"0": torch.full((4,), 255, dtype=torch.uint8)})],
    ),
    "scalar of objects": (["scalar", "|O", "00"], []),
    "scalar that is too short": (["scalar", "<f8", "00"], []),
    "no safetensors": (1, [b"\x80\x04."]),
    "a huge header": (1, [b"\xff" * 8]),
    "header beyond the end": (1, [ONES[0][:-1]]),
    "two buffers": (1, ONES * 2),
    "a pickle": (1, [pickle.dumps(print)]),
    "deep": (json.loads('["list",' * 200 + "1" + "]" * 200), []),
    "many": (["list", *range(wire.MOST + 1)], []),
    "large": (1, [safetensors.torch.save({"0": torch.zeros(wire.LARGEST // 4)})]),
    "infinitely large": (["range", 0, ["float", "inf"], 1], []),
}


class Sly:
    """An object that passes for a number."""

    def __index__(self):
        return 3


@pytest.mark.parametrize("name", HOSTILE)
def test_a_malformed_message_is_one_clean_error(name):
    tree, buffers = HOSTILE[name]
    with pytest.raises(WireError) as caught:
        values.decode(tree, buffers, lambda node: Sly())
    assert len(str(caught.value)) < 80  # it quotes nothing


def test_decoding_has_no_pickle_in_it():
    assert values.decode(PICKLE, [], refuse) == pickle.dumps(OSError)
    assert "pickle" not in vars(values)
    assert "cloudpickle" not in vars(values)


def test_objects_are_for_the_caller_to_make_sense_of():
    node = {"pickle": "x", "handle": 3}
    assert values.decode(["list", node], [], lambda n: ("found", n)) == [
        ("found", node)
    ]


def test_a_bool_is_one_of_two():
    odd = torch.full((3,), 2, dtype=torch.uint8)
    saved = safetensors.torch.save({"0": odd}).replace(b'"U8"', b'"BOOL"')
    header = int.from_bytes(saved[:8], "little")
    buffers = [(header + 2).to_bytes(8, "little") + saved[8:]]
    tensor = values.decode(["tensor", 0, 0, False], buffers, refuse)
    assert tensor.dtype is torch.bool
    assert tensor.view(torch.uint8).tolist() == [1, 1, 1]
    buffers = [safetensors.torch.save({"0": odd})]
    array = values.decode(["array", "|b1", [3], 0], buffers, refuse)
    assert array.dtype == bool
    assert array.view(np.uint8).tolist() == [1, 1, 1]
    scalar = values.decode(["scalar", "|b1", "02"], [], refuse)
    assert scalar.tobytes() == b"\x01"


# Messages over a connection ---------------------------------------------------------


@pytest.fixture
def ends():
    ours, theirs = multiprocessing.Pipe()
    with ours, theirs:
        yield ours, theirs


def test_messages_arrive_whole(ends):
    ours, theirs = ends
    wire.send(ours, {"a": ["\ud800", float("inf")]}, [b"\x00\xff"])
    wire.send(ours, {}, [])
    assert wire.receive(theirs) == ({"a": ["\ud800", float("inf")]}, [b"\x00\xff"])
    assert wire.receive(theirs) == ({}, [])
    ours.close()
    with pytest.raises(EOFError):
        wire.receive(theirs)


@pytest.mark.parametrize(
    "message",
    [
        *(b"", b"{}", b"[1]", b"[0, []]", b"[-1, {}]", b"[2, {}]", b"[0, {}, 1]"),
        *(b"\xff", b"[" * 100_000, b"[0, " + b"1" * 10_000 + b"]"),
        pickle.dumps((0, {})),
    ],
    ids=lambda m: m[:10].decode("latin-1"),
)
def test_a_message_that_cannot_be_read_is_one_clean_error(ends, message):
    ours, theirs = ends
    ours.send_bytes(message)
    with pytest.raises(WireError):
        wire.receive(theirs)


@pytest.mark.parametrize("parts", [[bytes(101)], [b"[1, {}]", bytes(95)]])
def test_a_message_that_is_too_large_is_not_read(ends, parts):
    ours, theirs = ends
    for part in parts:
        ours.send_bytes(part)
    with pytest.raises(WireError):
        wire.receive(theirs, largest=100)
