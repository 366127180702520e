"""The student's objects as the examiner sees them.

What is not plain data stays in the candidate. A :class:`Proxy` stands for it: it can be
called, its attributes and items can be read and set, it has a length and can be walked
through, and each time what comes back is plain data again, or another proxy.

What a proxy never does is answer for the student. It is equal to nothing, has no truth
value, no hash and no number in it: where a check compares, the comparison is made here,
on plain data, or :class:`~autograder.pipeline.wire.CannotCross` says that it cannot be.
All that is taken on trust is what a class is called and inherits from, and whether an
attribute is there; an object is no evidence of anything else.

Tensors and arrays are copies: what a check does to them in place does not reach the
student's, and a gradient does not flow back (:mod:`autograder.testing` has the way).
Each answer is an object of its own, so ``is`` holds between no two of them.
"""

from __future__ import annotations

import base64
import dis
import functools
import io
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import cloudpickle
import numpy as np
import torch

from autograder import testing
from autograder.pipeline import values, wire
from autograder.pipeline.wire import CannotCross, WireError

Relay = Callable[[dict[str, Any], list[bytes]], tuple[dict[str, Any], list[bytes]]]

SHOWN = 60  # characters of a class's name
LONGEST = 10**7  # items of an object
FORWARDED = ("__name__", "__qualname__", "__doc__")
#: Where the classes are that an object may be said to be an instance of.
CLAIMED = ("torch.nn", "torch.optim", "torch.utils.data", "torch.distributions")
CLAIMED += ("torchvision", "latentspaces", "collections.abc")
#: None of these: a check that has asked for one may go on without a proxy's guard.
PLAIN = (int, float, complex, str, bytes, list, tuple, set, frozenset, dict)
PLAIN += (range, slice, torch.Tensor, np.ndarray, np.generic, BaseException, type)
#: What an error of the student's comes out as. Nothing that Python itself acts on, as
#: StopIteration, which would end a loop as if all had gone well.
RAISED = {
    error.__name__: error
    for error in (
        *(ArithmeticError, AssertionError, AttributeError, BufferError, EOFError),
        *(Exception, FileExistsError, FileNotFoundError, FloatingPointError),
        *(ImportError, IndexError, KeyError, LookupError, MemoryError),
        *(ModuleNotFoundError, NameError, NotImplementedError, OSError, OverflowError),
        *(PermissionError, RecursionError, RuntimeError, TimeoutError, TypeError),
        *(UnboundLocalError, UnicodeError, ValueError, ZeroDivisionError),
    )
}
CONTROL = ("StopIteration", "StopAsyncIteration", "GeneratorExit", "SystemExit")
CONTROL += ("KeyboardInterrupt",)


class CandidateLost(BaseException):
    """The student's process gives no answers any more.

    It is not an ``Exception``, so that no check takes it for an error of the answer.
    """


class Link:
    """The examiner's end of the wire.

    Parameters
    ----------
    relay
        Takes a request to the candidate and brings the reply back; raises
        CandidateLost or WireError if there is none.
    """

    def __init__(self, relay: Relay) -> None:
        self.relay = relay
        self.lost = ""  # why there are no more answers; stays, whoever catches it
        self.changes = 0  # counts the requests that may have changed an object
        self.released: list[int] = []  # handles that nobody holds any more

    def ask(self, operation: str, *operands: Any, **more: Any) -> Any:
        """Have an operation done in the candidate, and return what comes of it.

        Raises
        ------
        CandidateLost
            If there is no answer, or none that can be understood.
        CannotCross
            If an operand cannot be sent.
        Exception
            What the operation raised there, as one of :data:`RAISED`; its attribute
            ``candidate`` is a dictionary with the original's class and traceback.
        """
        return self._exchange(operation, operands, more)[1]

    def next(self, iterator: Any) -> tuple[bool, Any]:
        """Return whether there is a next item, and the item."""
        return self._exchange("next", (iterator,), {})

    def _exchange(
        self, operation: str, operands: tuple[Any, ...], more: dict[str, Any]
    ) -> tuple[bool, Any]:
        if self.lost:
            raise CandidateLost(self.lost)
        if operation in ("call", "set_attribute", "set_item"):
            self.changes += 1
        tree, buffers = values.encode(operands, _keep)
        request = {"op": operation, "operands": tree, **more}
        request["grad"] = torch.is_grad_enabled()
        request["forget"], self.released = self.released, []
        if wire.size(request, buffers) > wire.LARGEST:
            raise CannotCross(f"the arguments exceed {wire.LARGEST // 2**20} MiB")
        try:
            reply, parts = self.relay(request, buffers)
            if "error" in reply:
                error = _error(reply["error"])
            elif reply.get("end") is True and operation == "next":
                return False, None
            elif "value" in reply:
                return True, values.decode(reply["value"], parts, self._resolve)
            else:
                raise WireError("an answer that holds none")
        except WireError as problem:
            self._lose(str(problem))
        except CandidateLost as problem:
            self.lost = str(problem)
            raise
        raise error

    def _lose(self, why: str) -> NoReturn:
        self.lost = f"the student's process sent {why}"
        raise CandidateLost(self.lost)

    def _resolve(self, node: dict[str, Any]) -> Proxy:
        handle, name = node.get("handle"), node.get("class")
        classes, bases = node.get("classes"), node.get("bases")
        for names in (classes, bases or []):
            if type(names) is not list or any(type(n) is not str for n in names):
                raise WireError("an object without its classes")
        if type(handle) is not int or type(name) is not str:
            raise WireError("an object without a name")
        kind = CallableProxy if node.get("callable") is True else Proxy
        return _make(kind, _State(self, handle, name, classes, bases))


class _State:
    """What is known of an object."""

    def __init__(
        self,
        link: Link,
        handle: int,
        name: str,
        classes: list[str],
        bases: list[str] | None,
    ) -> None:
        self.link = link
        self.handle = handle
        shown = "".join(c if c.isprintable() else "?" for c in name)
        self.name = shown[:SHOWN]
        self.claimed: type = _known(classes) or Proxy
        if bases is not None:
            self.claimed = type  # the object is a class
        self.bases = None if bases is None else (_known(bases) or object,)
        self.length: tuple[int, int] | None = None  # what it said, and when

    def __del__(self) -> None:
        self.link.released.append(self.handle)

    def hold(self, length: int, whole: bool = True) -> None:
        """Refuse what is not as long as the object said, if nothing has run since."""
        if self.length and self.length[1] == self.link.changes:
            said = self.length[0]
            if length > said or (whole and length < said):
                raise self.refusal("which does not have the length that it says")

    def refusal(self, why: str = "") -> CannotCross:
        """Return the error of a proxy that is used as if it were plain data."""
        why = why or (
            "where the check needs plain data: a number, a string, a tensor, an "
            "array, or a list, tuple, set or dictionary of these"
        )
        return CannotCross(f"the answer is an object of class '{self.name}', {why}")


class Proxy:
    """Stands for an object in the candidate; see the module's text."""

    __slots__ = ("__weakref__", "_state")

    def __getattribute__(self, name: str) -> Any:
        state = _state(self)
        if name == "__class__":
            return state.claimed
        if name == "__bases__" and state.bases is not None:
            return state.bases
        if name in REFUSED:
            return functools.partial(_refuse, self)
        if name in FORWARDED or not (name.startswith("__") and name.endswith("__")):
            return state.link.ask("attribute", self, name)
        raise AttributeError(f"{name} of a student's object is not to be had")

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(f"{name} of a student's object cannot be set")
        _state(self).link.ask("set_attribute", self, name, value)

    def __getitem__(self, key: Any) -> Any:
        return _state(self).link.ask("item", self, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        _state(self).link.ask("set_item", self, key, value)

    def __len__(self) -> int:
        state = _state(self)
        length = state.link.ask("length", self)
        if type(length) is not int or not 0 <= length <= LONGEST:
            raise state.refusal("which has no length that can be believed")
        state.hold(length)
        state.length = (length, state.link.changes)
        return length

    def __iter__(self) -> Iterator[Any]:
        state = _state(self)
        iterator = state.link.ask("iterate", self)
        if not is_proxy(iterator):
            raise state.refusal("where the check needs one to walk through")
        return _items(state, iterator)

    def __next__(self) -> Any:
        found, value = _state(self).link.next(self)
        if not found:
            raise StopIteration
        return value

    def __contains__(self, value: Any) -> bool:
        # To the end first: else an object could go on until it has named the right one.
        return value in list(self)

    def __reversed__(self) -> Iterator[Any]:
        # Python's own way ends at an IndexError, whoever raises it.
        return reversed(list(self))

    def __instancecheck__(self, instance: Any) -> bool:
        if not is_proxy(instance):
            return False
        return _state(self).link.ask("is_instance", instance, self) is True

    def __subclasscheck__(self, subclass: Any) -> bool:
        if not is_proxy(subclass):
            return False
        return _state(self).link.ask("is_subclass", subclass, self) is True

    def __repr__(self) -> str:
        return f"<{_state(self).name} in the candidate>"

    def __str__(self) -> str:
        return repr(self)

    def __format__(self, spec: str) -> str:
        if spec:
            raise _state(self).refusal()
        return repr(self)

    # An array on the other side of an operator leaves it to this side, which refuses.
    __array_ufunc__ = None


class CallableProxy(Proxy):
    """The same for what can be called."""

    __slots__ = ()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return _state(self).link.ask("call", self, args, kwargs)


def is_proxy(value: Any) -> bool:
    """Return True for an object in the candidate, whatever it says that it is."""
    return type(value) in (Proxy, CallableProxy)


def _refuse(self: Proxy, *_: Any, **__: Any) -> NoReturn:
    raise _state(self).refusal()


BINARY = "add sub mul truediv floordiv mod divmod pow matmul lshift rshift and or xor"
UNARY = "neg pos abs invert int float complex index round trunc floor ceil"
OTHER = (
    "eq ne lt le gt ge bool hash bytes fspath dir delattr delitem array array_function "
    "torch_function copy deepcopy reduce reduce_ex getstate"
)
REFUSED = {
    f"__{name}__"
    for name in (
        *OTHER.split(),
        *UNARY.split(),
        *BINARY.split(),
        *(f"r{name}" for name in BINARY.split()),
    )
}
for _name in REFUSED:
    setattr(Proxy, _name, _refuse)


def _make(kind: type[Proxy], state: _State) -> Proxy:
    proxy = object.__new__(kind)
    object.__setattr__(proxy, "_state", state)
    return proxy


def _state(proxy: Proxy) -> _State:
    return object.__getattribute__(proxy, "_state")


def _items(state: _State, iterator: Proxy) -> Iterator[Any]:
    count = 0
    while True:
        found, value = state.link.next(iterator)
        count += found
        state.hold(count, whole=not found)
        if not found:
            return
        yield value


def _known(names: list[str]) -> type | None:
    """Return the first of these classes that is here, and may be said to be meant.

    Nothing is imported, and no module's or class's own look-up is run.
    """
    for name in names:
        module, _, path = name.partition(":")
        if not any(module == p or module.startswith(f"{p}.") for p in CLAIMED):
            continue
        found: Any = sys.modules.get(module)
        for part in path.split("."):
            found = getattr(found, "__dict__", {}).get(part)
        if isinstance(found, type) and not issubclass(found, PLAIN):
            return found
    return None


def _error(node: Any) -> Exception:
    """Return what an error of the candidate's comes out as here."""
    if type(node) is not dict or type(node.get("builtins")) is not list:
        raise WireError("an error that is none")
    name, text, trace = (_text(node.get(k)) for k in ("class", "text", "traceback"))
    kind: type[Exception] = RuntimeError
    for known in node["builtins"]:
        if known in CONTROL:
            break
        if type(known) is str and known in RAISED:
            kind = RAISED[known]
            break
    if node.get("cannot_cross") is True:
        kind = CannotCross
    error = kind(text)
    error.candidate = {"class": name, "traceback": trace}  # type: ignore[attr-defined]
    return error


def _text(value: Any) -> str:
    if type(value) is not str:
        raise WireError("an error without a text")
    return value[:8000].encode("utf-8", "replace").decode()


def _keep(value: Any) -> dict[str, Any]:
    """Return the tree's object for what is not plain: a handle, or a pickle."""
    if is_proxy(value):
        return {"handle": _state(value).handle}
    stream = io.BytesIO()
    try:
        _Pickler(stream).dump(value)
    except CannotCross:
        raise
    except Exception as error:
        raise CannotCross(
            f"an object of class '{type(value).__name__}' cannot be sent to the "
            f"student's process: {error}"
        ) from error
    return {"pickle": base64.b64encode(stream.getvalue()).decode()}


class _Pickler(cloudpickle.Pickler):
    """Pickles towards the candidate; what lives there goes back as its handle."""

    def persistent_id(self, obj: Any) -> int | None:
        return _state(obj).handle if is_proxy(obj) else None

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, types.CodeType):
            _refuse_assertions(obj)
        if obj is testing.hidden_seed:
            raise CannotCross(
                "'hidden_seed' means something else in the student's process: draw "
                "beside the check, and send what was drawn"
            )
        return super().reducer_override(obj)


def _refuse_assertions(code: types.CodeType) -> None:
    operations = {instruction.opname for instruction in dis.get_instructions(code)}
    if "LOAD_ASSERTION_ERROR" in operations or "AssertionError" in code.co_names:
        raise CannotCross(
            f"'{code.co_name}' holds an assertion, and what is sent to the student's "
            "process can be read there: return what was found, and compare it here"
        )
