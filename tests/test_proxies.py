"""Proxies work as the objects that they stand for, and never answer for them."""

from __future__ import annotations

import collections.abc
import copy
import fractions
import inspect
import json
import math
import operator
import os
import pickle
import random
import statistics
import sys
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from autograder import testing
from autograder.pipeline import proxies, values
from autograder.pipeline.proxies import CandidateLost, Link, Proxy
from autograder.pipeline.servant import Servant
from autograder.pipeline.wire import CannotCross, WireError


class Student:
    """A candidate in this process: names that look up the student's, and a link."""

    def __init__(self, source: str) -> None:
        self.namespace: dict[str, Any] = {"__name__": "__main__"}
        exec(source, self.namespace)
        self.servant = Servant(self.namespace)
        self.link = Link(self.relay)
        self.requests = 0

    def relay(self, header: dict[str, Any], buffers: list[bytes]) -> Any:
        self.requests += 1
        reply, parts = self.servant.answer(json.loads(json.dumps(header)), buffers)
        return json.loads(json.dumps(reply, allow_nan=False)), parts

    def __getattr__(self, name: str) -> Any:
        (value,) = self.link.ask("name", name)
        return value


HONEST = '''
import torch
from torch import nn

number = 3
numbers = [1, {"a": (2.0, "x")}]

def add(a, b=1, *, c=0):
    """Add."""
    return a + b + c

def apply(function, *args):
    return function(*args)

def count(n):
    yield from range(n)

class Net(nn.Module):
    def __init__(self, d=2):
        super().__init__()
        self.layer = nn.Linear(d, 1)
        self.layers = nn.ModuleList([nn.Linear(1, 1) for _ in range(3)])
        self.size = d

    def forward(self, x):
        return self.layer(x)

class Box:
    def __init__(self, items):
        self.items = list(items)
    def __len__(self):
        return len(self.items)
    def __getitem__(self, key):
        return self.items[key]
    def __setitem__(self, key, value):
        self.items[key] = value
    def add(self, item):
        self.items.append(item)

class MyError(ValueError):
    pass

def fail(name, text="so"):
    raise {"mine": MyError, **vars(__import__("builtins"))}[name](text)
'''


@pytest.fixture(scope="module")
def honest():
    return Student(HONEST)


def test_plain_names_are_values_and_the_rest_are_proxies(honest):
    assert honest.number == 3
    assert honest.numbers == [1, {"a": (2.0, "x")}]
    assert proxies.is_proxy(honest.Net)
    assert honest.link.ask("name", "nothing") == ()


def test_functions_are_called_by_value(honest):
    assert honest.add(1) == 2
    assert honest.add(1, 2, c=3) == 6
    x = torch.arange(3.0)
    assert torch.equal(honest.add(x, x), 2 * x)
    assert honest.add.__name__ == "add"
    assert honest.add.__doc__ == "Add."
    assert callable(honest.add)
    assert not callable(honest.Box([]))


def test_modules_are_seen_as_modules(honest):
    model = honest.Net(4)
    assert isinstance(model, nn.Module)
    assert not isinstance(model, nn.Linear)
    assert isinstance(model.layer, nn.Linear)
    assert isinstance(model, honest.Net)
    assert not isinstance(model.layer, honest.Net)
    assert not isinstance(3, honest.Net)
    assert isinstance(honest.Net, type)
    assert inspect.isclass(honest.Net)
    assert issubclass(honest.Net, nn.Module)
    assert not issubclass(honest.Net, nn.Linear)
    assert issubclass(honest.Net, honest.Net)
    assert not issubclass(honest.Box, honest.Net)
    assert not issubclass(honest.Box, nn.Module)
    assert model.size == 4
    assert model.eval().training is False
    assert sum(p.numel() for p in model.parameters()) == 4 + 1 + 3 * 2
    assert [name for name, _ in model.named_parameters()][:2] == [
        "layer.weight",
        "layer.bias",
    ]
    assert model.state_dict()["layer.weight"].shape == (1, 4)
    assert model(torch.ones(2, 4)).shape == (2, 1)
    assert [isinstance(m, nn.Linear) for m in model.layers] == [True] * 3
    assert len(model.layers) == 3


def test_attributes_and_items_are_set_there(honest):
    model = honest.Net()
    model.size = 7
    assert model.size == 7
    assert hasattr(model, "layer")
    assert not hasattr(model, "encoder")
    assert getattr(model, "encoder", None) is None
    box = honest.Box("abc")
    box[0] = "z"
    assert box[0] == "z"
    assert box[1:] == ["b", "c"]
    box.add("d")
    assert len(box) == 4
    assert list(box) == ["z", "b", "c", "d"]
    assert list(reversed(box)) == ["d", "c", "b", "z"]
    assert "c" in box
    assert "x" not in box
    with pytest.raises(IndexError):
        box[9]


def test_loops_take_one_item_at_a_time(honest):
    before = honest.requests
    items = iter(honest.count(10**9))
    assert [next(items), next(items)] == [0, 1]
    assert honest.requests - before < 6
    generator = honest.count(2)
    assert [next(generator), next(generator), next(generator, "end")] == [0, 1, "end"]
    assert list(zip("ab", honest.count(2), strict=True)) == [("a", 0), ("b", 1)]
    first, *rest = honest.count(3)
    assert (first, rest) == (0, [1, 2])
    with pytest.raises(TypeError, match="not iterable"):
        iter(honest.add)


def test_proxies_go_back_as_themselves(honest):
    model = honest.Net()
    x = torch.ones(1, 2)
    assert torch.equal(honest.apply(model, x), model(x))
    pick = honest.apply
    assert honest.apply(lambda parts: parts["m"][0].size, {"m": [model]}) == 2
    assert honest.apply(lambda: pick(model, x).shape) == (1, 1)  # in a closure


def test_what_a_test_defines_is_sent(honest):
    class Double(nn.Module):
        def forward(self, x):
            return 2 * x

    assert honest.apply(Double(), torch.ones(1)).item() == 2
    generator = torch.Generator().manual_seed(3)
    drawn = honest.apply(
        lambda g: torch.rand(2, generator=g), torch.Generator().manual_seed(3)
    )
    assert torch.equal(drawn, torch.rand(2, generator=generator))
    assert honest.apply(math.sqrt, 4) == 2
    with pytest.raises(CannotCross, match="class 'generator' cannot be sent"):
        honest.apply(i for i in [1])


def test_tensors_are_copies(honest):
    model = honest.Net()
    before = model.layer.weight
    model.layer.weight.data.fill_(0)
    assert torch.equal(model.layer.weight, before)


def test_gradients_are_recorded_where_the_check_records_them(honest):
    model = honest.Net()
    assert model(torch.ones(1, 2)).requires_grad
    with torch.no_grad():
        assert not model(torch.ones(1, 2)).requires_grad


def test_an_object_that_is_no_longer_held_is_let_go(honest):
    model = honest.Net()
    kept = len(honest.servant.kept)
    for _ in range(10):
        model.eval()
    assert len(honest.servant.kept) <= kept + 2


def test_functions_of_a_test_run_in_the_candidate(honest, monkeypatch):
    def gradients(model, x):
        model(x).sum().backward()
        return [p.grad for p in model.parameters()]

    x = torch.ones(3, 2)
    local = testing.in_candidate(gradients, nn.Linear(2, 1), x)
    monkeypatch.setattr(
        testing, "_ship", lambda f, *operands: honest.link.ask("call", f, *operands)
    )
    found = testing.in_candidate(gradients, honest.Net().layer, x)
    assert all(map(torch.equal, found, local))
    assert found[0].tolist() == [[3, 3]]

    def same(a, b, *, other):
        return a is b, a is other

    model = honest.Net()
    assert testing.in_candidate(same, model, model, other=[]) == (True, False)


# As text, since pytest rewrites the assertions that it finds in this file.
ASSERTIONS = """
def assertion(x):
    assert x == 86028121

def raises(x):
    if x != 86028121:
        raise AssertionError

def calls(x):
    return assertion(x)

def inner(x):
    return [lambda y: [assertion(z) for z in y] for _ in x]

class Holder:
    def __call__(self, x):
        assert x
"""


@pytest.mark.parametrize(
    "function",
    ["assertion", "raises", "calls", "inner", "Holder", "Holder()", "[{1: raises}]"],
)
def test_a_function_with_an_assertion_is_not_sent(honest, function):
    cell: dict[str, Any] = {"__name__": "__main__"}
    exec(ASSERTIONS, cell)
    apply, before = honest.apply, honest.requests
    with pytest.raises(CannotCross, match="holds an assertion"):
        apply(eval(function, cell), 3)
    assert honest.requests == before


# What a proxy refuses ---------------------------------------------------------------

SNEAKY = """
class Sneaky:
    def yes(self, *args, **kwargs):
        return True
    def three(self, *args, **kwargs):
        return 3
    def me(self, *args, **kwargs):
        return self
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __bool__ = yes
    __contains__ = __instancecheck__ = __subclasscheck__ = yes
    __int__ = __index__ = __hash__ = __round__ = __trunc__ = three
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __abs__ = me
    __neg__ = __pow__ = __matmul__ = __rmatmul__ = __enter__ = __and__ = me
    __call__ = __await__ = __copy__ = __deepcopy__ = __getattr__ = me
    __exit__ = yes
    __match_args__ = ("a", "b")
    def __float__(self):
        return 3.0
    def __complex__(self):
        return 3j
    def __str__(self):
        return "3"
    __repr__ = __str__
    def __format__(self, spec):
        return "3"
    def __fspath__(self):
        return "/dev/null"
    def __bytes__(self):
        return b"3"
    def __iter__(self):
        return iter([])
    def __len__(self):
        return 0
    def __array__(self, *args, **kwargs):
        import numpy
        return numpy.ones(3)
    @property
    def __array_interface__(self):
        return self.__array__().__array_interface__
    @classmethod
    def __torch_function__(cls, *args, **kwargs):
        return True
    def __array_ufunc__(self, *args, **kwargs):
        return True
    __array_function__ = __array_ufunc__

sneaky = Sneaky()

def right(kind, value):
    body = {k: v for k, v in vars(Sneaky).items() if k in (
        "__eq__", "__ne__", "__lt__", "__gt__", "__hash__", "__bool__", "__sub__",
        "__add__", "__abs__", "__float__", "__int__", "__contains__", "__len__",
    )}
    body["__torch_function__"] = Sneaky.__torch_function__
    made = type("Right", (kind,), body)
    return value.as_subclass(made) if hasattr(value, "as_subclass") else made(value)

class Long: pass
Long.__name__ = "<b>\\x1b[1m" + "x" * 1000
long = Long()
"""


@pytest.fixture(scope="module")
def liar():
    return Student(SNEAKY)


T, A = torch.ones(3), np.ones(3)
USES = {
    "==": lambda p: p == 3,
    "3 ==": lambda p: 3 == p,  # noqa: SIM300
    "!=": lambda p: p != 3,
    "== itself": lambda p: p == p,
    "<": lambda p: p < 3,
    "<=": lambda p: p <= 3,
    "3 <": lambda p: 3 < p,  # noqa: SIM300
    ">=": lambda p: p >= 3,
    "between": lambda p: 2 < p < 4,
    "bool": bool,
    "not": lambda p: not p,
    "and": lambda p: p and True,
    "any": lambda p: any([p]),
    "hash": hash,
    "set": lambda p: {p},
    "key": lambda p: {p: 1},
    "look-up": lambda p: {3: 1}.get(p),
    "in a set": lambda p: p in {3},
    "in a list": lambda p: p in [3],
    "list of": lambda p: [p] == [3],
    "tuple of": lambda p: (3,) == (p,),  # noqa: SIM300
    "dict of": lambda p: {"a": 3} == {"a": p},  # noqa: SIM300
    "count": lambda p: [3].count(p),
    "index": lambda p: [3].index(p),
    "max": lambda p: max(3, p),
    "sorted": lambda p: sorted([p, 3]),
    "+": lambda p: p + 1,
    "1 +": lambda p: 1 + p,
    "+=": lambda p: operator.iadd(1, p),
    "-": lambda p: p - 3,
    "3 -": lambda p: 3 - p,
    "*": lambda p: p * 1,
    "list *": lambda p: [1] * p,
    "/": lambda p: p / 1,
    "//": lambda p: p // 1,
    "%": lambda p: p % 2,
    "text %": lambda p: "%d" % p,  # noqa: UP031
    "**": lambda p: p**2,
    "@": lambda p: p @ T,
    "&": lambda p: p & 1,
    "1 <<": lambda p: 1 << p,
    "divmod": lambda p: divmod(p, 2),
    "negative": lambda p: -p,
    "invert": lambda p: ~p,
    "abs": abs,
    "abs of difference": lambda p: abs(p - 3) < 1e-4,
    "sum": lambda p: sum([p]),
    "float": float,
    "int": int,
    "complex": complex,
    "bytes": bytes,
    "index of a list": lambda p: [0, 1, 2, 3][p],
    "range": lambda p: range(p),
    "round": round,
    "round to 2": lambda p: round(p, 2),
    "floor": math.floor,
    "ceil": math.ceil,
    "trunc": math.trunc,
    "isclose": lambda p: math.isclose(p, 3),
    "isnan": math.isnan,
    "sqrt": math.sqrt,
    "fraction": lambda p: fractions.Fraction(3) == p,
    "mean": lambda p: statistics.mean([p]),
    "format": lambda p: f"{p:.4f}",
    "format padded": lambda p: f"{p:>3}",
    "open": open,
    "fspath": os.fspath,
    "dir": dir,
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "deepcopy of a list": lambda p: copy.deepcopy([p]),
    "pickle": pickle.dumps,
    "pickle by Python": lambda p: pickle._dumps(p),
    "pickle, the oldest": lambda p: pickle.dumps(p, 0),
    "delete an attribute": lambda p: delattr(p, "a"),
    "delete an item": lambda p: operator.delitem(p, 0),
    "case 3": lambda p: operator.eq(p, 3),
    "array ==": lambda p: np.ones(3) == p,
    "== array": lambda p: p == A,
    "array <": lambda p: p > A,
    "array +": lambda p: A + p,
    "np.asarray": np.asarray,
    "np.array of": lambda p: np.array([p, 3]),
    "np.array of lists": lambda p: np.array([[p], [p]], dtype=object),
    "np.float64": np.float64,
    "np.equal": lambda p: np.equal(A, p),
    "np.isclose": lambda p: np.isclose(p, 3),
    "np.allclose": lambda p: np.allclose(p, A),
    "np.array_equal": lambda p: np.array_equal(p, 5 * A),
    "np.array_equiv": lambda p: np.array_equiv(5 * A, p),
    "np.testing": lambda p: np.testing.assert_allclose(p, A),
    "np.testing of equality": lambda p: np.testing.assert_equal(p, 3),
    "np.shape": np.shape,
    "np.sum": np.sum,
    "np.isin": lambda p: np.isin(p, A),
    "tensor ==": lambda p: torch.ones(3) == p,
    "== tensor": lambda p: p == T,
    "tensor <": lambda p: p > T,
    "tensor +": lambda p: T + p,
    "+ tensor": lambda p: p + T,
    "tensor @": lambda p: T @ p,
    "tensor set": lambda p: T.clone().__setitem__(0, p),
    "tensor item": lambda p: T[p],
    "torch.allclose": lambda p: torch.allclose(p, T),
    "torch.allclose, second": lambda p: torch.allclose(T, p),
    "torch.equal": lambda p: torch.equal(p, T),
    "torch.isclose": lambda p: torch.isclose(T, p),
    "torch.stack": lambda p: torch.stack([p, T]),
    "torch.testing": lambda p: torch.testing.assert_close(p, T),
    "in a tensor": lambda p: p in T,
    "loss": lambda p: nn.functional.mse_loss(p, T),
    "layer": lambda p: nn.Linear(3, 1)(p),
    "random": lambda p: random.Random(p),
}


#: Where a library looks first, and says itself what it needs.
OTHERWISE = {
    "mean": ValueError,
    "np.equal": TypeError,
    "torch.testing": TypeError,
    "in a tensor": RuntimeError,
    "random": TypeError,
}


@pytest.mark.parametrize("name", USES)
def test_a_proxy_is_no_evidence(liar, name):
    sneaky = liar.sneaky
    with pytest.raises(OTHERWISE.get(name, CannotCross)):
        USES[name](sneaky)


WRONG = [0, 0.5, 1j, "a", b"a", [0], (0,), {0}, frozenset({0}), {"a": 0}]


@pytest.mark.parametrize("value", [*WRONG, torch.zeros(2), np.zeros(2)], ids=str)
def test_a_subclass_that_is_always_right_crosses_as_what_it_holds(liar, value):
    kind = type(value)
    sent = liar.namespace["right"](kind, value) if kind is not np.ndarray else None
    if sent is None:
        sent = value.view(type("Right", (np.ndarray,), {"__eq__": lambda a, b: True}))
    liar.namespace["wrong"] = lambda: sent
    received = liar.wrong()
    assert type(received) is kind
    assert repr(received) == repr(value)


def test_the_refusal_is_one_clear_sentence(liar):
    with pytest.raises(CannotCross) as caught:
        assert liar.sneaky == 3
    assert str(caught.value) == (
        "the answer is an object of class 'Sneaky', where the check needs plain data: "
        "a number, a string, a tensor, an array, or a list, tuple, set or dictionary "
        "of these"
    )


def test_refusing_asks_the_candidate_nothing(liar):
    sneaky, before = liar.sneaky, liar.requests
    for use in ("==", "bool", "+", "np.asarray", "torch.allclose", "deepcopy"):
        with pytest.raises(CannotCross):
            USES[use](sneaky)
    assert liar.requests == before


def test_a_proxy_shows_itself_in_one_form(liar):
    assert (
        repr(liar.sneaky)
        == str(liar.sneaky)
        == f"{liar.sneaky}"
        == ("<Sneaky in the candidate>")
    )
    assert f"{liar.sneaky!r} {[liar.sneaky]}".count("Sneaky in the candidate") == 2
    assert repr(liar.long) == "<<b>?[1m" + "x" * 53 + " in the candidate>"


def test_a_proxy_is_no_context_no_awaitable_and_no_class(liar):
    with pytest.raises(TypeError), liar.sneaky:
        pass

    async def wait():
        await liar.sneaky

    with pytest.raises(TypeError):
        wait().send(None)
    with pytest.raises(TypeError):
        type("Sub", (liar.Sneaky,), {})
    with pytest.raises(TypeError):

        class Sub(liar.Sneaky):
            pass

    with pytest.raises(TypeError):
        raise liar.sneaky

    def catch():
        try:
            raise ValueError
        except liar.Sneaky:
            pass

    with pytest.raises(TypeError, match="catching classes"):
        catch()


def test_a_proxy_matches_no_pattern_of_data(liar):
    sneaky = liar.sneaky
    match sneaky:
        case int() | float() | str() | bytes() | list() | tuple() | dict():
            raise AssertionError
        case [*_] | {}:
            raise AssertionError
        case None | True | False:
            raise AssertionError

    def match_class():
        match sneaky:
            case liar.Sneaky():
                return True

    def match_number():
        match sneaky:
            case 3:
                return True

    with pytest.raises(TypeError, match="class pattern|match pattern"):
        match_class()
    with pytest.raises(CannotCross):
        match_number()


def test_special_attributes_are_not_forwarded(liar):
    sneaky, before = liar.sneaky, liar.requests
    for name in ("__dict__", "__array_interface__", "__cuda_array_interface__"):
        assert not hasattr(sneaky, name)
    for name in ("__len__", "__iter__", "__wrapped__", "__index__x__", "__mro__"):
        assert not hasattr(sneaky, name)
    with pytest.raises(AttributeError):
        sneaky.__class__ = int
    with pytest.raises(TypeError):
        vars(sneaky)
    assert liar.requests == before


def test_a_students_attribute_cannot_reach_a_proxys_state(liar):
    sneaky = liar.sneaky
    sneaky._state = 3
    assert sneaky._state == 3  # the student's attribute, not ours
    assert repr(sneaky) == "<Sneaky in the candidate>"


def claim(*names: str, bases: list[str] | None = None) -> Any:
    node = {"handle": 1, "class": "Liar", "classes": list(names), "callable": True}
    if bases is not None:
        node["bases"] = bases
    return Link(lambda header, buffers: ({"value": node}, [])).ask("name", "x")


@pytest.mark.parametrize("kind", [int, float, str, bytes, list, tuple, set, dict, bool])
def test_nothing_may_be_said_to_be_plain_data(kind):
    assert not isinstance(claim(f"builtins:{kind.__name__}"), kind)
    assert not issubclass(claim(bases=[f"builtins:{kind.__name__}"]), kind)


@pytest.mark.parametrize(
    "name",
    [
        *("torch:Tensor", "torch._tensor:Tensor", "torch.nn.parameter:Parameter"),
        *("torch.nn:Parameter", "torch.nn.parameter:Buffer", "numpy:ndarray"),
        *("torch:Size", "collections:OrderedDict", "builtins:type", "builtins:object"),
        *("numbers:Number", "decimal:Decimal", "types:FunctionType", "os:PathLike"),
        *("torch.nn:functional.Tensor", "collections.abc:abc.ABCMeta"),
        *(
            "torch.nn:modules",
            "torch.nn:",
            "",
            ":",
            "nothing",
            "torch.nn:Module.forward",
        ),
    ],
)
def test_a_claim_of_another_class_is_not_believed(name):
    liar = claim(name)
    assert liar.__class__ is Proxy
    for kind in (torch.Tensor, np.ndarray, nn.Parameter, int, list, type):
        assert not isinstance(liar, kind)


def test_a_claim_imports_nothing(monkeypatch):
    monkeypatch.delitem(sys.modules, "torch.utils.data.datapipes", raising=False)
    assert claim("torch.nn.nowhere:Module").__class__ is Proxy
    assert claim("torch.utils.data.datapipes:Nothing").__class__ is Proxy
    assert "torch.utils.data.datapipes" not in sys.modules
    assert "torch.nn.nowhere" not in sys.modules


def test_a_claim_of_a_module_is_believed():
    assert isinstance(claim("x:Y", "torch.nn.modules.module:Module"), nn.Module)
    assert isinstance(claim("collections.abc:Mapping"), collections.abc.Mapping)
    assert issubclass(claim(bases=["torch.nn.modules.module:Module"]), nn.Module)
    assert not isinstance(claim("torch.nn.modules.module:Module"), nn.Linear)


# Lengths, loops, attributes ---------------------------------------------------------

LYING = """
class Guesses:
    '''Says that it has three items, and goes through all that there may be.'''
    said = 3
    def __len__(self):
        return self.said
    def __iter__(self):
        return iter(range(100))
    def __getitem__(self, key):
        raise IndexError

class Changing(Guesses):
    calls = 0
    def __len__(self):
        self.calls += 1
        return self.calls

class Short(Guesses):
    def __iter__(self):
        return iter([])

class Endless:
    def __getattr__(self, name):
        raise AttributeError(name)
    def __iter__(self):
        import itertools
        return itertools.count()

class Grows:
    def __init__(self):
        self.items = []
    def __len__(self):
        return len(self.items)
    def __iter__(self):
        return iter(self.items)
    def add(self, item):
        self.items.append(item)

def length(n):
    made = Guesses()
    made.said = n
    return made
"""


@pytest.fixture
def lying():
    return Student(LYING)


def test_an_object_is_held_to_its_length(lying):
    guesses = lying.Guesses()
    assert len(guesses) == 3
    with pytest.raises(CannotCross, match="does not have the length that it says"):
        assert 42 in guesses
    with pytest.raises(CannotCross):
        assert any(item == 42 for item in guesses)
    with pytest.raises(CannotCross):
        list(lying.Guesses())
    changing = lying.Changing()
    with pytest.raises(CannotCross):
        assert len(changing) == 1 and len(changing) == 2
    short = lying.Short()
    with pytest.raises(CannotCross):
        assert len(short) == 3 and all(item == 1 for item in short)


def test_an_honest_object_may_grow(lying):
    box = lying.Grows()
    assert len(box) == 0
    box.add(1)
    assert list(box) == [1]
    assert len(box) == 1
    assert 1 in box


@pytest.mark.parametrize("length", ["-1", "True", "3.0", "'3'", "None", "10**12"])
def test_a_length_is_a_number_of_items(length):
    # The servant's own `len` refuses these: the student has to have replaced it.
    student = Student(LYING)
    guesses = student.Guesses()
    student.relay = lambda header, buffers: (
        {"value": values.encode(said, None)[0]},
        [],
    )
    student.link.relay = student.relay
    said = eval(length)
    with pytest.raises(CannotCross, match="no length"):
        len(guesses)


def test_an_endless_object_is_not_searched_as_long_as_it_likes(lying):
    taken = 0
    relay = lying.relay

    def limited(header, buffers):
        nonlocal taken
        taken += 1
        if taken > 200:
            raise CandidateLost("the time is up")
        return relay(header, buffers)

    lying.link.relay = limited
    with pytest.raises(CandidateLost):
        assert 42 in lying.Endless()


def test_only_next_ends_a_loop():
    for operation in ("call", "item", "attribute", "length", "iterate"):
        link = Link(lambda header, buffers: ({"end": True}, []))
        with pytest.raises(CandidateLost):
            link.ask(operation, 1)
        assert link.lost


def test_reversed_does_not_end_at_an_error(lying):
    with pytest.raises(CannotCross):
        assert all(item == 42 for item in reversed(lying.Guesses()))


def test_iter_has_to_give_an_iterator():
    link = Link(lambda header, buffers: ({"value": ["list", 1]}, []))
    node = {"handle": 1, "class": "A", "classes": []}
    proxy = link._resolve(node)
    with pytest.raises(CannotCross, match="walk through"):
        list(proxy)


def test_two_answers_are_never_the_same_object(honest):
    assert honest.Net is not honest.Net
    model = honest.Net()
    assert model is model
    with pytest.raises(CannotCross):
        assert [model.eval()] == [model]


# Errors -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        *[(k.__name__, k) for k in (ValueError, KeyError, ZeroDivisionError, OSError)],
        *[(k.__name__, k) for k in (AttributeError, NotImplementedError, TypeError)],
        ("mine", ValueError),
        ("Exception", Exception),
        ("AssertionError", AssertionError),
        ("StopIteration", RuntimeError),
        ("StopAsyncIteration", RuntimeError),
        ("GeneratorExit", RuntimeError),
        ("KeyboardInterrupt", RuntimeError),
        ("SystemExit", RuntimeError),
        ("BaseException", RuntimeError),
        ("UserWarning", Exception),
    ],
)
def test_an_error_comes_out_as_pythons_nearest(honest, name, kind):
    with pytest.raises(BaseException, match="because") as caught:
        honest.fail(name, "because")
    assert type(caught.value) is kind
    assert caught.value.candidate["class"] == {"mine": "MyError"}.get(name, name)
    assert "in fail" in caught.value.candidate["traceback"]


def test_an_error_cannot_end_a_loop_of_the_check(honest):
    with pytest.raises(RuntimeError):
        assert all(honest.fail(name) == 1 for name in ["StopIteration"])
    with pytest.raises(RuntimeError):
        assert all(map(honest.fail, ["StopIteration"]))
    with pytest.raises(RuntimeError):
        assert list(map(honest.fail, ["StopIteration"])) == []
    with pytest.raises(RuntimeError):
        for _ in iter(lambda: honest.fail("StopIteration"), 3):
            pass


AWFUL = """
class Awful(Exception):
    def __str__(self):
        raise SystemExit
    __repr__ = __str__

def fail(): raise Awful
def deep(): deep()
def long(): raise ValueError("x" * 10**6 + "\\ud800")
def surrogate(): raise ValueError("\\ud800")
def quit(): import sys; sys.exit(0)
def cyclic():
    x = []; x.append(x)
    return x
def large(): return "\\x00" * 2**24
"""


@pytest.mark.parametrize(
    ("name", "kind", "text"),
    [
        ("fail", Exception, ""),
        ("deep", RecursionError, "maximum recursion"),
        ("long", ValueError, "xxx"),
        ("surrogate", ValueError, "?"),
        ("quit", RuntimeError, "0"),
        ("cyclic", CannotCross, "does it hold itself"),
        ("large", CannotCross, "larger than 32 MiB"),
    ],
)
def test_whatever_is_raised_is_an_ordinary_error_here(name, kind, text):
    student = Student(AWFUL)
    with pytest.raises(kind) as caught:
        getattr(student, name)()
    assert type(caught.value) is kind
    assert text in str(caught.value)
    assert len(str(caught.value)) <= 8000
    str(caught.value).encode()
    assert student.link.lost == ""


# A candidate that does not keep to the protocol -------------------------------------

REPLIES = {
    "nothing": {},
    "an end": {"end": True},
    "no tree": {"value": ["eval", "1"]},
    "an error that is none": {"error": "ValueError"},
    "an error without a class": {"error": {"builtins": []}},
    "an error with numbers": {
        "error": {"builtins": [], "class": 1, "text": 2, "traceback": 3}
    },
    "an error of no classes": {"error": {"builtins": {}}},
    "an object without a handle": {"value": {"class": "A", "classes": []}},
    "an object with a text as handle": {
        "value": {"handle": "1", "class": "A", "classes": []}
    },
    "an object without classes": {"value": {"handle": 1, "class": "A"}},
    "an object of numbers": {"value": {"handle": 1, "class": "A", "classes": [1]}},
    "an object with numbers as bases": {
        "value": {"handle": 1, "class": "A", "classes": [], "bases": [1]}
    },
    "an object without a name": {"value": {"handle": 1, "class": 3, "classes": []}},
    "a pickle": {"value": {"pickle": "gASVHAAAAAAAAACMCGJ1aWx0aW5zlIwFcHJpbnSUk5Qu"}},
}


@pytest.mark.parametrize("name", REPLIES)
def test_an_answer_that_is_none_loses_the_candidate_for_good(name):
    link = Link(lambda header, buffers: (REPLIES[name], []))
    with pytest.raises(CandidateLost) as caught:
        link.ask("call", 1, (), {})
    assert not isinstance(caught.value, Exception)  # which a check may catch
    assert link.lost
    link.relay = lambda header, buffers: ({"value": 1}, [])
    with pytest.raises(CandidateLost):
        link.ask("call", 1, (), {})


@pytest.mark.parametrize("problem", [CandidateLost("x"), WireError("x")])
def test_a_relay_without_an_answer_loses_the_candidate(problem):
    def relay(header, buffers):
        raise problem

    link = Link(relay)
    with pytest.raises(CandidateLost):
        link.ask("name", "x")
    assert "x" in link.lost


@pytest.mark.parametrize(
    "known", [[1], [None], [["ValueError"]], ["nothing"], ["exit"]]
)
def test_an_error_of_unknown_classes_is_a_runtime_error(known):
    node = {"builtins": known, "class": "A", "text": "b", "traceback": ""}
    with pytest.raises(RuntimeError, match="b"):
        Link(lambda header, buffers: ({"error": node}, [])).ask("name", "x")


def test_a_handle_of_another_process_is_not_taken_for_one_of_this():
    old, new = Student(HONEST), Student(HONEST)
    model = old.Net()
    old.link.relay = new.relay
    with pytest.raises(CannotCross, match="its process has ended"):
        model.eval()


def test_the_servant_answers_whatever_it_is_asked():
    servant = Servant({})
    for header in ({}, {"op": 3}, {"op": "x"}, {"op": "call", "operands": 3}):
        reply, buffers = servant.answer(header, [])
        assert set(reply) == {"error"} and buffers == []
    servant.answer({"op": "seed", "seed": 5}, [])
    drawn = random.random(), np.random.rand(), torch.rand(1).item()
    servant.answer({"op": "seed", "seed": 5}, [])
    assert drawn == (random.random(), np.random.rand(), torch.rand(1).item())
