"""What drives the process in which the checks run."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any, Protocol

from autograder.errors import AssignmentError, SandboxError
from autograder.pipeline import wire
from autograder.pipeline.wire import Message, WireError

PATIENCE = 5  # seconds for an interrupted check to stop before its process is killed


@dataclass(frozen=True)
class Check:
    """A test cell.

    Parameters
    ----------
    id
        Its grade id.
    source
        Its source, with hidden tests.
    names
        The student's names that it uses.
    seed
        What all generators are seeded with before each of its parts.
    hidden
        The key, in hexadecimal digits, from which its hidden part makes its seeds;
        empty where the class has no secret.
    """

    id: str
    source: str
    names: tuple[str, ...]
    seed: int
    hidden: str = field(default="", repr=False)


@dataclass(frozen=True)
class Problem:
    """What stopped a check.

    Parameters
    ----------
    kind
        The error's class, or "an error" if the name is not to be repeated.
    hint
        One sentence that may be shown to the student.
    traceback
        For the instructor.
    candidate
        True if the student's code raised it, False if it arose in the check.
    """

    kind: str
    hint: str
    traceback: str
    candidate: bool


@dataclass(frozen=True)
class Verdict:
    """What came of a part of a check.

    Parameters
    ----------
    finished
        True if it came to its end; nothing else is evidence of a right answer.
    value
        The number that the cell's last expression gave; None if it gave none, NaN if
        it gave something else where a number was to be expected.
    problem
        What stopped it, if it did not come to its end.
    stdout
        What it printed, for the instructor.
    lost
        True if the student's process gave no answer.
    timed_out
        True if the time was up.
    died
        True if the examiner's process is no more, or was none any more.
    """

    finished: bool
    value: float | None = None
    problem: Problem | None = None
    stdout: str = ""
    lost: bool = False
    timed_out: bool = False
    died: bool = False


class NoAnswer(Exception):
    """Raised by a relay: the candidate did not answer; the text says why."""


class Process(Protocol):
    """A process that can be interrupted and ended."""

    def send_signal(self, signum: int) -> None:
        """Send a signal."""

    def kill(self) -> None:
        """End it."""

    def close(self) -> None:
        """Let go of it."""


class Examiner:
    """Drives a process that runs :func:`serve`.

    Parameters
    ----------
    process
        The process.
    connection
        Our end of the connection to it.
    relay
        Takes a request to the candidate, within some seconds, and brings the reply
        back; raises NoAnswer.

    Attributes
    ----------
    alive
        False once the process has ended or was killed: every later verdict says so.
    """

    def __init__(
        self,
        process: Process,
        connection: Connection,
        relay: Callable[[dict[str, Any], list[bytes], float], Message],
    ) -> None:
        self.process, self.connection, self.relay = process, connection, relay
        self.alive = True

    def given(self, cells: Sequence[tuple[str, str]], seconds: float) -> None:
        """Run the cells that all checks build on: pairs of an id and a source.

        Raises
        ------
        AssignmentError
            If one of them does not come to its end.
        SandboxError
            If they take too long.
        """
        done, timed_out = self._converse({"do": "given", "cells": cells}, seconds)
        if timed_out:
            # On a machine that someone else keeps busy this may be nobody's fault.
            raise SandboxError(
                f"the assignment's given cells did not come to an end in {seconds:g} s"
            )
        if why := done["error"] if done else "the process ended":
            raise AssignmentError(
                f"the given cells do not run before the checks: {why}"
            )

    def visible(self, check: Check, seconds: float) -> Verdict:
        """Run the visible part of a check."""
        return self._part("visible", check, seconds, hidden="")

    def hidden(self, check: Check, seconds: float) -> Verdict:
        """Run the rest of a check, whose visible part came to its end."""
        return self._part("hidden", check, seconds, hidden=check.hidden)

    def close(self) -> None:
        """End the process."""
        self.alive = False
        self.connection.close()
        self.process.kill()
        self.process.close()

    def _part(self, part: str, check: Check, seconds: float, hidden: str) -> Verdict:
        header = {"do": part, "id": check.id, "source": check.source}
        header |= {"names": list(check.names), "seed": check.seed, "hidden": hidden}
        done, timed_out = self._converse(header, seconds)
        if done is None:
            return Verdict(False, timed_out=timed_out, died=True)
        problem = Problem(**done.pop("problem")) if done["problem"] else None
        done |= {"problem": problem, "timed_out": timed_out and not done["finished"]}
        return Verdict(**done)

    def _converse(
        self, header: dict[str, Any], seconds: float
    ) -> tuple[dict[str, Any] | None, bool]:
        """Send an order; return what came of it, if anything, and if time was up."""
        if not self.alive:
            return None, False
        end = time.monotonic() + seconds
        patience = 0  # seconds beyond the end; none before it was interrupted
        try:
            wire.send(self.connection, header, [])
            while True:
                left = end - time.monotonic()
                if self.connection.poll(max(left + patience, 0)):
                    message, buffers = wire.receive(self.connection)
                    if "done" in message:
                        return message["done"], time.monotonic() > end
                    left = end - time.monotonic()
                    wire.send(self.connection, *self._fetch(message, buffers, left))
                elif not patience:
                    self.process.send_signal(signal.SIGINT)
                    patience = PATIENCE
                else:
                    break
        except (OSError, EOFError, WireError):
            pass  # it is dead, or as good as that
        self.alive = False
        self.process.kill()
        return None, time.monotonic() > end

    def _fetch(
        self, message: dict[str, Any], buffers: list[bytes], seconds: float
    ) -> Message:
        try:
            if seconds <= 0:
                raise NoAnswer("the time is up")
            reply, parts = self.relay(message["ask"], buffers, seconds)
            if len(parts) > 1 or wire.size(reply, parts) > wire.LARGEST:
                raise NoAnswer("the student's process sent too much")
        except NoAnswer as error:
            return {"lost": str(error)}, []
        except (RecursionError, TypeError, ValueError):  # nothing that JSON can hold
            return {"lost": "the student's process sent what cannot be read"}, []
        return {"answer": reply}, parts
