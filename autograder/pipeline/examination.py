"""The process in which the checks run.

It holds the checks' source and the expected values, so the student's code is never in
it, and all that it learns of the answers comes through proxies. It has no way to the
candidate of its own: it hands each request to the worker that drives it, an
:class:`autograder.pipeline.examiner.Examiner`, and waits for the reply.

A check runs in two parts, the visible one and, from the first statement that touches
a region of hidden tests, the hidden one. While the hidden parts run, the student's
process learns hidden inputs, so of what it says nothing is repeated to the student.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import hmac
import io
import linecache
import signal
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
import torch

from autograder import testing
from autograder.pipeline import servant, wire
from autograder.pipeline.proxies import CandidateLost, Link, is_proxy
from autograder.pipeline.wire import CannotCross, Message

BEGIN, END = "BEGIN HIDDEN TESTS", "END HIDDEN TESTS"
PRINTED = 100_000  # characters of a check's output that are kept
HINT = 1000  # characters
TRACEBACK = 20_000  # characters


def serve(connection: Connection) -> None:
    """Run what comes over a connection, until it is closed; in the main thread."""
    server = _Server(connection)
    signal.signal(signal.SIGINT, server.interrupt)
    testing._ship = lambda function, *operands: server.link.ask(
        "call", function, *operands
    )
    while True:
        try:
            order, _ = wire.receive(connection)
        except EOFError:
            return
        wire.send(connection, {"done": server.do(order)}, [])


@dataclass
class _Sheet:
    """A check while it is worked on."""

    namespace: dict[str, Any]
    seed: int
    names: list[str]
    fetched: dict[str, Any] = field(default_factory=dict)
    rest: list[ast.stmt] = field(default_factory=list)
    file: str = ""
    value: float | None = None
    whole: bool = True  # it has come as far as it should have


class _Server:
    """The process's state: the given names, the checks, the link to the candidate."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.link = Link(self.relay)
        self.given: dict[str, Any] = {"__name__": "__main__"}
        self.sheets: dict[str, _Sheet] = {}
        # Where an interrupt may strike. A message is always sent and read to its end;
        # if the time is up, the reply will say so.
        self.running = self.talking = False

    def do(self, order: dict[str, Any]) -> dict[str, Any]:
        if order["do"] == "given":
            return self.run_given(order["cells"])
        if order["do"] == "visible":
            sheet = _Sheet(dict(self.given), order["seed"], order["names"])
            self.sheets[order["id"]] = sheet

            def begin() -> None:
                sheet.file = f"<check {order['id']}>"
                statements = _parse(order["source"], sheet.file)
                first = _first_hidden(order["source"], statements)
                sheet.rest = statements[first:]
                self.run(sheet, statements[:first], last=not sheet.rest)

            return self.examine(sheet, begin, hidden=False)
        key = bytes.fromhex(order["hidden"])
        # What is kept of a check is let go with its last part.
        sheet = self.sheets.pop(order["id"], _Sheet({}, 0, [], whole=False))

        def go_on() -> None:
            self.run(sheet, sheet.rest, last=bool(sheet.rest))

        testing._hide = partial(draw, key) if key else None
        try:
            return self.examine(sheet, go_on, hidden=True)
        finally:
            testing._hide = None

    def run_given(self, cells: list[tuple[str, str]]) -> dict[str, Any]:
        for name, source in cells:
            file = f"<given {name}>"

            def cell(source: str = source, file: str = file) -> None:
                statements = _parse(source, file)
                exec(_compile(ast.Module(statements, []), file), self.given)

            _, error = self.guard(cell)
            if error is not None:
                return {"error": f"cell {name}: {_traceback(error)}"}
        return {"error": ""}

    def examine(
        self, sheet: _Sheet, work: Callable[[], None], hidden: bool
    ) -> dict[str, Any]:
        """Do a part of a check, and say what came of it."""
        self.link.lost = ""  # another candidate may be there by now

        def part() -> None:
            if not sheet.whole:
                raise RuntimeError("the visible part did not come to its end")
            self.fetch(sheet)
            work()

        printed, error = self.guard(part)
        if self.link.lost:  # whether the check has noticed or not
            error = CandidateLost(self.link.lost)
        sheet.whole = error is None
        return {
            "finished": sheet.whole,
            "value": sheet.value if sheet.whole else None,
            "problem": _problem(error, hidden) if error else None,
            "stdout": printed,
            "lost": bool(self.link.lost),
        }

    def fetch(self, sheet: _Sheet) -> None:
        """Seed both sides, and put the student's names into the check's namespace.

        Before the hidden part they are fetched again, since another process may have
        taken the student's place; except what the check has bound anew. The student's
        side is told its seed, so where there is a key, ours is another.
        """
        self.link.ask("seed", seed=sheet.seed)
        for name in sheet.names:
            mine = sheet.namespace.get(name)
            if name in sheet.fetched and mine is not sheet.fetched[name]:
                continue
            found = self.link.ask("name", name)
            if found:
                (sheet.namespace[name],) = (sheet.fetched[name],) = found
        servant.seed(testing.hidden_seed(sheet.seed))

    def run(self, sheet: _Sheet, statements: list[ast.stmt], last: bool) -> None:
        """Run statements of a check; if they are its last, see what it comes to."""
        final = statements[-1] if statements and last else None
        shown = isinstance(final, ast.Expr)
        body = ast.Module(statements[:-1] if shown else statements, [])
        exec(_compile(body, sheet.file), sheet.namespace)
        if shown:
            code = _compile(ast.Expression(final.value), sheet.file)
            sheet.value = _number(eval(code, sheet.namespace))

    def guard(self, work: Callable[[], None]) -> tuple[str, BaseException | None]:
        """Do something, whatever it does; return what it printed and raised."""
        printed = _Printed()
        error: BaseException | None = None
        try:
            with (
                contextlib.redirect_stdout(printed),
                contextlib.redirect_stderr(printed),
            ):
                try:
                    self.running = True
                    work()
                finally:
                    self.running = False
        except BaseException as raised:
            self.running = False
            error = raised
        return _clean(printed.getvalue()), error

    def relay(self, request: dict[str, Any], buffers: list[bytes]) -> Message:
        self.talking = True
        try:
            wire.send(self.connection, {"ask": request}, buffers)
            header, parts = wire.receive(self.connection)
        except EOFError:
            raise CandidateLost("nobody is there to ask") from None
        finally:
            self.talking = False
        if "lost" in header:
            raise CandidateLost(header["lost"])
        return header["answer"], parts

    def interrupt(self, *_: object) -> None:
        """Stop the check that runs, if one does; a signal handler."""
        if self.running and not self.talking:
            raise KeyboardInterrupt


def draw(key: bytes, seed: int) -> int:
    """Return the seed, below 2**31, that a question's key makes of a plain one."""
    digest = hmac.digest(key, str(int(seed)).encode(), "sha256")
    return int.from_bytes(digest[:4], "big") >> 1


class _Printed(io.StringIO):
    """Keeps the beginning of what is printed."""

    def write(self, text: str) -> int:
        super().write(text[: max(PRINTED - self.tell(), 0)])
        return len(text)


def _parse(source: str, file: str) -> list[ast.stmt]:
    # So that a traceback shows the lines of the cell.
    linecache.cache[file] = (len(source), None, source.splitlines(True), file)
    return ast.parse(source, file).body


def _compile(tree: ast.Module | ast.Expression, file: str) -> Any:
    mode = "exec" if isinstance(tree, ast.Module) else "eval"
    return compile(tree, file, mode, dont_inherit=True)


def _first_hidden(source: str, statements: list[ast.stmt]) -> int:
    """Return the index of the first statement that touches a region of hidden tests.

    As for nbgrader, a line with the mark in it is one, whatever else is there.
    """
    hidden, inside = set(), False
    for number, line in enumerate(source.split("\n"), start=1):
        inside = inside or BEGIN in line
        if inside:
            hidden.add(number)
        if END in line:
            inside = False
    for index, statement in enumerate(statements):
        around = [statement, *getattr(statement, "decorator_list", [])]
        first = min(part.lineno for part in around)
        if hidden & set(range(first, (statement.end_lineno or first) + 1)):
            return index
    return len(statements)


def _number(value: Any) -> float | None:
    """Return the points that the value of a last expression stands for.

    What an answer's types can make of a number, such as a sum of tensors, must not
    pass for a cell that ends without one.
    """
    try:
        if isinstance(value, np.generic | np.ndarray | torch.Tensor):
            return float(value.item())
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
    except (OverflowError, RuntimeError, TypeError, ValueError):
        return float("nan")
    return float("nan") if is_proxy(value) or isinstance(value, complex) else None


def _problem(error: BaseException, hidden: bool) -> dict[str, Any]:
    """Return what a :class:`Problem` holds."""
    origin = getattr(error, "candidate", None)
    kind, text = type(error).__name__, " ".join(str(error).split())
    text = "".join(c for c in _clean(text) if c.isprintable())
    if origin and not hidden:
        kind = origin["class"]
    if hidden and not (hasattr(builtins, kind) or isinstance(error, CannotCross)):
        kind = "an error"
    if isinstance(error, CandidateLost):
        hint = f"there was no answer: {text}"
    elif isinstance(error, CannotCross):
        plain = "the answer is an object, where the check needs plain data"
        hint = plain if hidden else text
    elif isinstance(error, NotImplementedError) and not text:  # torch has its own
        hint = "something in your answer still raises NotImplementedError"
    elif isinstance(error, AssertionError) and (not hidden or _is_own(error)):
        hint = text or "a check failed that has no message"
    elif isinstance(error, AssertionError) and not origin:
        # A library's message compares with what was expected.
        hint = "a further check failed"
    else:
        what = kind if hidden or not text else f"{kind}: {text}"
        hint = f"the check stopped with {what}"
    trace = _traceback(error)
    if origin:
        trace += f"\nIn the student's process:\n\n{origin['traceback']}"
    return {
        "kind": _clean(kind),
        "hint": hint[:HINT],
        "traceback": trace[-TRACEBACK:],
        "candidate": bool(origin),
    }


def _is_own(error: BaseException) -> bool:
    """Return True if a statement of the assignment itself raised an error."""
    frames = list(traceback.walk_tb(error.__traceback__))
    file = frames[-1][0].f_code.co_filename if frames else ""
    return file.startswith(("<check ", "<given "))


def _traceback(error: BaseException) -> str:
    """Return an error's traceback from the cell on, without our own frames before."""
    start = error.__traceback__
    while start and not start.tb_frame.f_code.co_filename.startswith("<"):
        start = start.tb_next
    lines = traceback.format_exception(type(error), error, start)
    return _clean("".join(lines))[-TRACEBACK:]


def _clean(text: str) -> str:
    """Return a text that can be written to any file: no lone surrogates."""
    return text.encode("utf-8", "replace").decode()
