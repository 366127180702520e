"""What answers the examiner's requests, inside the student's process.

It is as untrusted as the code around it, which may change it at will: all that can be
gained is another answer. What is plain goes out by value; the rest stays here, and a
number, the handle, stands for it.
"""

from __future__ import annotations

import base64
import contextlib
import io
import itertools
import json
import operator
import pickle
import random
import secrets
import traceback
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import zmq

from autograder.pipeline import values, wire

REQUEST, REPLY = "autograder_request", "autograder_reply"  # kinds of messages
SERVE = "autograder_serve"
TEXT = 2000  # characters of an error's text
TRACEBACK = 8000  # characters of its traceback, the end of it
CLASSES = 40  # classes of an object that are named
NAME = 200  # characters of a name

Message = tuple[dict[str, Any], list[bytes]]

#: What may be asked for, on values that came with the request.
OPERATIONS: dict[str, Callable[..., Any]] = {
    "call": lambda function, args, kwargs: function(*args, **kwargs),
    "attribute": getattr,
    "set_attribute": setattr,
    "item": operator.getitem,
    "set_item": operator.setitem,
    "length": len,
    "iterate": iter,
    "next": next,
    "is_instance": isinstance,
    "is_subclass": issubclass,
    "seed": lambda: None,
}


class Servant:
    """Answers requests about one namespace.

    Parameters
    ----------
    namespace
        The student's names.
    """

    def __init__(self, namespace: dict[str, Any]) -> None:
        self.namespace = namespace
        self.kept: dict[int, Any] = {}
        # A handle of an earlier process must not be taken for one of this.
        self.handles = itertools.count(secrets.randbits(48))

    def answer(self, header: dict[str, Any], buffers: list[bytes]) -> Message:
        """Return the reply to a request; never raises for what the answer does.

        Parameters
        ----------
        header
            ``op``, one of :data:`OPERATIONS` or ``name``; ``operands``, the tree of a
            tuple; and, if wanted, ``grad``, whether gradients are recorded, ``seed``,
            and ``forget``, a list of handles.
        buffers
            Those of the tree.

        Returns
        -------
        A header with one of ``value``, a tree, ``end``, or ``error``; and buffers.
        """
        try:
            for handle in header.get("forget", []):
                self.kept.pop(handle, None)
            if "seed" in header:
                seed(header["seed"])
            operation = OPERATIONS.get(header["op"], self.name)
            operands = values.decode(
                header.get("operands", ["tuple"]), buffers, self.resolve
            )
            with torch.set_grad_enabled(header.get("grad", True)):
                try:
                    value = operation(*operands)
                except StopIteration:
                    if operation is not next:
                        raise
                    return {"end": True}, []
            tree, parts = values.encode(value, self.keep)
            reply = {"value": tree}
            if wire.size(reply, parts) > wire.LARGEST:
                raise wire.CannotCross(
                    f"the value is larger than {wire.LARGEST // 2**20} MiB"
                )
            if wire.size(reply, []) > wire.LARGEST_TEXT - wire.SLACK:
                raise wire.CannotCross(
                    "the value has too many parts; is a tensor or an array meant?"
                )
            return reply, parts
        except BaseException as error:
            return {"error": describe(error)}, []

    def name(self, name: str) -> tuple[Any, ...]:
        """Return the value of a global name in a tuple, which is empty without one."""
        return (self.namespace[name],) if name in self.namespace else ()

    def keep(self, value: Any) -> dict[str, Any]:
        """Return the tree's object for what stays here."""
        handle = next(self.handles)
        self.kept[handle] = value
        reference = {
            "handle": handle,
            "class": _clean(type(value).__name__[:NAME]),
            "classes": names(type(value)),
            "callable": callable(value),
        }
        if isinstance(value, type):
            reference["bases"] = names(value)
        return reference

    def resolve(self, node: dict[str, Any]) -> Any:
        """Return what stayed here, or what the examiner sent as a pickle."""
        if "handle" in node:
            return self.find(node["handle"])
        content = base64.b64decode(node["pickle"])
        try:
            return _Unpickler(content, self.find).load()
        except Exception as error:
            raise wire.CannotCross(
                "what the check sent could not be rebuilt: "
                f"{type(error).__name__}: {error}"
            ) from error

    def find(self, handle: int) -> Any:
        """Return what stayed here under a handle."""
        if handle not in self.kept:
            raise wire.CannotCross("the object is gone: its process has ended")
        return self.kept[handle]


class _Unpickler(pickle.Unpickler):
    """Loads what the examiner pickled; there, proxies became their handles."""

    def __init__(self, content: bytes, find: Callable[[int], Any]) -> None:
        super().__init__(io.BytesIO(content))
        self.find = find

    def persistent_load(self, handle: int) -> Any:
        return self.find(handle)


def seed(number: int) -> None:
    """Seed the generators of Python, NumPy and torch."""
    random.seed(number)
    np.random.seed(number % 2**32)
    # torch.manual_seed would also tell each kind of accelerator, of which there is none
    # here, and for each of them write down its caller's traceback.
    torch.default_generator.manual_seed(number)


def names(kind: type) -> list[str]:
    """Return a class and those that it inherits from, as ``module:qualified name``."""
    classes = kind.__mro__[:CLASSES]
    return [_clean(f"{c.__module__}:{c.__qualname__}"[:NAME]) for c in classes]


def describe(error: BaseException) -> dict[str, Any]:
    """Return an error as a dictionary of strings, whatever it does to prevent that."""
    try:
        text = str(error)
    except BaseException:
        text = ""
    try:
        lines = "".join(traceback.format_exception(error))
    except BaseException:
        lines = ""
    kinds = type(error).__mro__
    return {
        "class": _clean(type(error).__name__[:NAME]),
        "builtins": [c.__name__ for c in kinds if c.__module__ == "builtins"],
        "text": _clean(text[:TEXT]),
        "traceback": _clean(lines[-TRACEBACK:]),
        "cannot_cross": isinstance(error, wire.CannotCross),
    }


def _clean(text: str) -> str:
    """Return a text that JSON in UTF-8 can hold: no lone surrogates."""
    return text.encode("utf-8", "replace").decode()


def install(kernel: Any, address: str) -> Servant:
    """Let an ipykernel answer requests, by two kinds of messages of its own.

    The content of an ``autograder_request`` is a request's header; the reply comes on
    the same channel. (A comm's messages are published, together with all that is
    printed, and publishing drops what the other side is too slow to take.) After an
    ``autograder_serve`` nothing else is done: the kernel answers the requests that come
    over a socket of their own, each many times sooner than as a message.
    """
    servant = Servant(kernel.shell.user_ns)
    socket = zmq.Context.instance().socket(zmq.PAIR)
    socket.bind(address)

    def received(stream: Any, identity: Any, message: dict[str, Any]) -> None:
        buffers = [bytes(part) for part in message["buffers"]]
        reply, parts = servant.answer(message["content"], buffers)
        kernel.session.send(
            stream, REPLY, reply, parent=message, ident=identity, buffers=parts
        )

    def serving(stream: Any, identity: Any, message: dict[str, Any]) -> None:
        while True:
            with contextlib.suppress(KeyboardInterrupt):  # meant for an answer
                header, *buffers = socket.recv_multipart()
                request = json.loads(header)
                reply, parts = servant.answer(request, buffers)
                reply["id"] = request["id"]
                socket.send_multipart([json.dumps(reply).encode(), *parts])

    kernel.shell_handlers[REQUEST] = received
    kernel.shell_handlers[SERVE] = serving
    return servant
