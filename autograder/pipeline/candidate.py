"""The student's side of a grading: an IPython kernel that nobody trusts.

All that comes from it is data. It may say anything on its sockets, say nothing, or
end: what it says is limited in size, and whatever does not fit the protocol is dropped.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import secrets
import signal
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import zmq
from jupyter_client.session import Session

from autograder.errors import SandboxError
from autograder.pipeline import wire
from autograder.pipeline.wire import LARGEST_TEXT
from autograder.sandbox import filesystem
from autograder.sandbox.limits import Limits
from autograder.sandbox.warm import Warm

CHANNELS = ("shell", "iopub", "stdin", "control", "hb")
START = 30  # seconds for a forked kernel to answer
PATIENCE = 5  # seconds for an interrupted cell to stop before it is killed
LAG = 2  # seconds for the outputs of a cell that has replied
LARGEST = 64 * 2**20  # bytes of a part of a message, else the socket is closed
LONGEST_PLACE = 100  # bytes; a socket's address holds 103 at least, with its number
FRAME = 64  # bytes that a part takes beside its content
KEPT = 8 * 2**20  # bytes of a cell's messages that are kept
FLOOD = 128 * 2**20  # bytes of a cell's messages that end it
AT_ONCE = 64  # messages that are read before the clock is looked at again
TRIES = 3  # to start a candidate, on a machine that refuses now and then
SHOWN = ("stream", "display_data", "execute_result", "error")
ARGUMENTS = ("--HistoryManager.enabled=False",)


class End(StrEnum):
    """How the run of a cell ended."""

    DONE = "done"  # well, or with an ordinary error
    TIME = "time"  # it was interrupted, and stopped
    HUNG = "hung"  # it was interrupted, did not stop, and was killed
    DIED = "died"  # the process ended
    MEMORY = "memory"  # the process was ended: it held too much memory
    FLOOD = "flood"  # the process was ended: it printed too much


@dataclass(frozen=True)
class CellRun:
    """What came of a cell: how it ended, its outputs as they came, and its seconds."""

    end: End
    outputs: list[dict[str, Any]]
    seconds: float


class CandidateGone(Exception):
    """The student's process is no more."""

    def __init__(self, end: End) -> None:
        super().__init__(end.value)
        self.end = end


class Candidate:
    """A kernel for one submission; a context manager.

    Parameters
    ----------
    warm
        The process to fork it from.
    limits
        What it may use, if it is confined.
    core
        The processor core it is held to; None for any.
    """

    def __init__(
        self, warm: Warm, limits: Limits | None = None, core: int | None = None
    ) -> None:
        self._cleanup = ExitStack()
        try:
            self._start(warm, limits or Limits(), core)
        except BaseException:
            self._cleanup.close()
            raise

    @classmethod
    def start(
        cls, warm: Warm, limits: Limits | None = None, core: int | None = None
    ) -> Candidate:
        """Make a candidate; try again if the system refuses once.

        A worker starts the next one at the same time, for the next call: of the tenth
        of a second that this takes, most is waiting.
        """
        global _next
        wanted = (warm.address, limits, core)
        ahead, _next = _next, None
        if multiprocessing.parent_process() is not None:
            _next = wanted, _threads.submit(cls._try, warm, limits, core)
        # One that could not start while an earlier submission was graded, or has ended
        # since, is nothing that this one should suffer from: it gets another.
        if ahead is not None and ahead[1].exception() is None:
            candidate = ahead[1].result()
            if ahead[0] == wanted and candidate.process.poll() is None:
                return candidate
            candidate.close()
        return cls._try(warm, limits, core)

    @classmethod
    def _try(cls, warm: Warm, limits: Limits | None, core: int | None) -> Candidate:
        for _ in range(TRIES - 1):
            try:
                return cls(warm, limits, core)
            except (CandidateGone, SandboxError, OSError):
                time.sleep(1)
        return cls(warm, limits, core)

    def _start(self, warm: Warm, limits: Limits, core: int | None) -> None:
        key = secrets.token_hex(32)
        connection = {"transport": "ipc", "key": key, "signature_scheme": "hmac-sha256"}
        for number, channel in enumerate(CHANNELS, start=1):
            connection[f"{channel}_port"] = number
        if warm.confined:
            connection["ip"] = f"{filesystem.SOCKETS}/s"
            self.process = warm.kernel(
                list(ARGUMENTS),
                connection=connection,
                limits=limits,
                core=core,
                servant=True,
            )
            # The folder of its sockets is in no file system of ours: a descriptor of
            # it is the only way there.
            place = f"/proc/self/fd/{self.process.folder}/s"
        else:
            # Where the warm process removes it, should nobody else be left.
            near = Path(warm.address).parent
            folder = self._cleanup.enter_context(
                tempfile.TemporaryDirectory(ignore_cleanup_errors=True, dir=near)
            )
            place = connection["ip"] = f"{folder}/s"
            if len(os.fsencode(place)) > LONGEST_PLACE:
                raise SandboxError(
                    f"{near}: too long for the address of a socket; set TMPDIR to a "
                    "folder with a shorter path, as /tmp"
                )
            home = Path(folder, "home")
            home.mkdir()
            file = Path(folder, "connection.json")
            file.write_text(json.dumps(connection))
            self.process = warm.kernel(
                ["-f", str(file), *ARGUMENTS], folder=str(home), servant=True
            )
        self._cleanup.callback(self._end_process)
        self._serving = False
        self._session = Session(key=key.encode(), username="", check_pid=False)
        self._context = zmq.Context()
        self._cleanup.callback(self._context.destroy, linger=0)
        self._await_sockets(place)
        self._shell = self._connect(zmq.DEALER, f"ipc://{place}-1")
        self._iopub = self._connect(zmq.SUB, f"ipc://{place}-2")
        self._direct = self._connect(zmq.PAIR, f"ipc://{place}-6")
        self._poller = zmq.Poller()
        self._poller.register(self._shell, zmq.POLLIN)
        self._poller.register(self._iopub, zmq.POLLIN)
        self._poller.register(self._direct, zmq.POLLIN)
        self._poller.register(self.process.fileno(), zmq.POLLIN)
        self._greet()

    def _end_process(self) -> None:
        self.process.kill()
        if self.process.wait(START) is None:
            raise SandboxError("a student's process cannot be ended")
        self.process.close()

    def _await_sockets(self, place: str) -> None:
        deadline = time.monotonic() + START
        # A connection that is refused is never tried again (see below), so it is not
        # enough that the sockets' files are there.
        while not Path(f"{place}-6{wire.READY}").exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise SandboxError(
                    "the kernel did not start"
                    + (f" ({self.process.why})" if self.process.why else "")
                )
            time.sleep(0.005)

    def _connect(self, kind: int, address: str) -> zmq.Socket[bytes]:
        socket = self._context.socket(kind)
        socket.setsockopt(zmq.MAXMSGSIZE, LARGEST)
        socket.setsockopt(zmq.RCVHWM, 64)
        socket.setsockopt(zmq.LINGER, 0)
        # Whatever is at the address later on, and whoever put it there, nothing is
        # connected to it; and nothing waits for one that has closed its end.
        socket.setsockopt(zmq.RECONNECT_IVL, -1)
        socket.setsockopt(zmq.SNDTIMEO, int(1000 * PATIENCE))
        if kind == zmq.SUB:
            socket.setsockopt(zmq.SUBSCRIBE, b"")
        socket.connect(address)
        return socket

    def _greet(self) -> None:
        """Wait until the kernel answers, and until we hear all that it publishes."""
        deadline = time.monotonic() + START
        heard: set[str] = set()
        sent: set[str] = set()
        again = 0.0
        while heard != {"shell", "iopub"}:
            now = time.monotonic()
            if now > deadline:
                raise SandboxError(f"the kernel did not answer in {START} s")
            if now >= again:  # what was published before we listened is lost
                sent.add(self._send("kernel_info_request", {}))
                again = now + 0.2
            for channel, message in self._messages(0.1):
                if message["parent_header"].get("msg_id") in sent:
                    heard.add(channel)

    def run(self, source: str, seconds: float) -> CellRun:
        """Run a cell; whatever happens in it, the outcome says so.

        Parameters
        ----------
        source
            The cell's source.
        seconds
            How long it may take before it is interrupted.
        """
        start = time.monotonic()
        collected = _Outputs()
        content = {
            "code": source,
            "silent": False,
            "store_history": True,
            "user_expressions": {},
            "allow_stdin": False,
            "stop_on_error": False,
        }
        try:
            request = self._send("execute_request", content)
            end = self._follow(request, seconds, collected)
        except CandidateGone as error:
            end = error.end
        return CellRun(end, collected.finish(), time.monotonic() - start)

    def _follow(self, request: str, seconds: float, outputs: _Outputs) -> End:
        deadline, interrupted = time.monotonic() + seconds, False
        replied = idle = False
        while not (replied and idle):
            left = deadline - time.monotonic()
            if left <= 0:
                if replied:
                    break  # its last outputs are late; a thread may hold them up
                if interrupted:
                    self._end_process()
                    return End.HUNG
                self.process.send_signal(signal.SIGINT)
                deadline, interrupted = time.monotonic() + PATIENCE, True
                continue
            for channel, message in self._messages(left, outputs):
                if message["parent_header"].get("msg_id") != request:
                    continue
                kind, content = message["header"].get("msg_type"), message["content"]
                if channel == "shell" and kind == "execute_reply":
                    replied = True
                    deadline = min(deadline, time.monotonic() + LAG)
                elif channel == "iopub" and kind == "status":
                    idle = idle or content.get("execution_state") == "idle"
                elif channel == "iopub":
                    outputs.add(kind, content)
            if outputs.received > FLOOD:
                self._end_process()
                return End.FLOOD
        return End.TIME if interrupted else End.DONE

    def serve(self) -> None:
        """Let it do nothing any more but answer requests, which is much quicker.

        Raises
        ------
        CandidateGone
            If it does not listen any more.
        """
        if not self._serving:
            self._send("autograder_serve", {})
            self._serving = True

    def _send(
        self, kind: str, content: dict[str, Any], buffers: list[bytes] | None = None
    ) -> str:
        """Send a message to the kernel; return its id."""
        try:
            message = self._session.send(self._shell, kind, content, buffers=buffers)
        except zmq.Again:  # it has closed its end, or does not read
            self._end_process()
            raise CandidateGone(End.HUNG) from None
        return message["header"]["msg_id"]

    def _request(self, header: dict[str, Any], buffers: list[bytes]) -> str:
        if not self._serving:
            return self._send("autograder_request", header, buffers)
        number = secrets.token_hex(8)
        text = json.dumps({**header, "id": number}).encode()
        try:
            self._direct.send_multipart([text, *buffers])
        except zmq.Again:
            self._end_process()
            raise CandidateGone(End.HUNG) from None
        return number

    def ask(
        self, header: dict[str, Any], buffers: list[bytes], seconds: float
    ) -> tuple[dict[str, Any], list[bytes]]:
        """Send an examiner's request; return the answer, which may say anything.

        Raises
        ------
        CandidateGone
            If there is no answer: the process ended, or had to be.
        """
        request = self._request(header, buffers)
        deadline, interrupted = time.monotonic() + seconds, False
        received = _Outputs()
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                if interrupted:
                    self._end_process()
                    raise CandidateGone(End.HUNG)
                self.process.send_signal(signal.SIGINT)
                deadline, interrupted = time.monotonic() + PATIENCE, True
                continue
            for channel, message in self._messages(left, received):
                if channel == "direct" and message["content"].get("id") == request:
                    return message["content"], message["buffers"]
                parent = message["parent_header"].get("msg_id")
                if channel == "shell" and parent == request:
                    parts = [bytes(part) for part in message["buffers"]]
                    return message["content"], parts
            if received.received > FLOOD:
                self._end_process()
                raise CandidateGone(End.FLOOD)

    def _messages(
        self, seconds: float, count: _Outputs | None = None
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """Wait for messages, and give those that can be read.

        Raises
        ------
        CandidateGone
            If the process ends.
        """
        ready = dict(self._poller.poll(max(1, int(1000 * seconds))))
        channels = {
            "iopub": self._iopub,
            "shell": self._shell,
            "direct": self._direct,
        }
        for channel, socket in channels.items():
            for _ in range(AT_ONCE if socket in ready else 0):
                try:
                    parts = socket.recv_multipart(zmq.NOBLOCK)
                except zmq.Again:
                    break
                if count is not None:
                    count.received += sum(len(part) + FRAME for part in parts)
                    if count.received > FLOOD:
                        return
                read = self._read_direct if channel == "direct" else self._read
                if (message := read(parts)) is not None:
                    yield channel, message
        if self.process.fileno() in ready and self.process.poll() is not None:
            why = self.process.why
            raise CandidateGone(End(why) if why else End.DIED)

    def _read(self, parts: list[bytes]) -> dict[str, Any] | None:
        """Return a message, or None if it is none: the other side may send anything."""
        try:
            _, parts = self._session.feed_identities(parts)
            # Signature, header, parent, metadata, content; then the buffers.
            if sum(map(len, parts[:5])) > LARGEST_TEXT:
                return None
            message = self._session.deserialize(parts)
        except (ValueError, TypeError, KeyError, IndexError, AttributeError):
            return None
        except RecursionError:  # JSON that is nested too deeply
            return None
        names = ("header", "parent_header", "content")
        return message if all(isinstance(message[n], dict) for n in names) else None

    def _read_direct(self, parts: list[bytes]) -> dict[str, Any] | None:
        if len(parts[0]) > LARGEST_TEXT:
            return None
        try:
            content = json.loads(parts[0])
        except (ValueError, RecursionError):
            return None
        if not isinstance(content, dict):
            return None
        return {"content": content, "buffers": parts[1:], "parent_header": {}}

    def close(self) -> None:
        """End the process, and everything that it started."""
        self._cleanup.close()

    def __enter__(self) -> Candidate:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


_threads = ThreadPoolExecutor(1)
_next: tuple[tuple[object, ...], Future[Candidate]] | None = None


class _Outputs:
    """A cell's outputs as its messages come in; the size is bounded, not the types."""

    def __init__(self) -> None:
        self.received = 0  # bytes of all messages
        self._outputs: list[dict[str, Any]] = []
        self._displays: dict[str, int] = {}
        self._clear = False

    def add(self, kind: object, content: dict[str, Any]) -> None:
        if self.received > KEPT and kind != "error":
            return
        if kind == "clear_output":
            self._clear = True
            if not content.get("wait"):
                self._outputs, self._displays, self._clear = [], {}, False
            return
        if kind == "update_display_data":
            place = self._displays.get(_display(content))
            if place is not None:
                self._outputs[place]["data"] = content.get("data")
            return
        if kind not in SHOWN:
            return
        if self._clear:
            self._outputs, self._displays, self._clear = [], {}, False
        if kind == "display_data" and _display(content):
            self._displays[_display(content)] = len(self._outputs)
        self._outputs.append({**content, "output_type": kind})

    def finish(self) -> list[dict[str, Any]]:
        """Return the outputs, with the parts of a stream put together."""
        merged: list[dict[str, Any]] = []
        parts: list[str] = []
        for output in [*self._outputs, {}]:
            last = merged[-1] if merged else {}
            if (
                output.get("output_type") == last.get("output_type") == "stream"
                and output.get("name") == last.get("name")
                and isinstance(output.get("text"), str)
            ):
                parts.append(output["text"])
                continue
            if parts:
                last["text"] = _overwrite("".join(parts))
            parts = []
            if output.get("output_type") == "stream":
                parts = [output["text"]] if isinstance(output.get("text"), str) else []
            merged.append(output)
        return merged[:-1]


def _display(content: dict[str, Any]) -> str:
    transient = content.get("transient")
    found = transient.get("display_id") if isinstance(transient, dict) else None
    return found if isinstance(found, str) else ""


def _overwrite(text: str) -> str:
    """Return a stream as a terminal shows it: a progress bar's last state."""
    lines = text.replace("\r\n", "\n").split("\n")
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in lines)
