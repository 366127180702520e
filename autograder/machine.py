"""One machine of a cluster: what a Dask worker does with the submissions it gets.

Dask brings them, and takes the results back. They are graded as on one machine alone:
by a warm process, and by processes of which each has one submission at a time, so that
one that dies takes no other along.
"""

from __future__ import annotations

import asyncio
import hashlib
import multiprocessing
import os
import pickle
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from queue import SimpleQueue

from distributed import Worker, get_worker

from autograder import pool
from autograder.course import data_folder
from autograder.errors import AutograderError, ClusterError
from autograder.execution import Release, Result, Submission
from autograder.pipeline.grade import Pipeline, versions
from autograder.sandbox.warm import Warm, WarmProcess

IDLE = 60  # seconds without a submission after which a grader is closed
DATA = ("FashionMNIST", "ecg.csv")
CODE = (".py", ".json", ".crc32", ".safetensors")


@dataclass(frozen=True)
class Terms:
    """On which a machine may grade.

    Parameters
    ----------
    conditions
        What must be as it is where the class is graded: see :func:`conditions`.
    confined
        Whether submissions run in a sandbox.
    """

    conditions: tuple[tuple[str, str], ...]
    confined: bool


def conditions() -> dict[str, str]:
    """Return what marks depend on here: the course's code, versions, and data."""
    code = _LOADED if _code() == _LOADED else "changed since this process started"
    found = {"the course's code": code}
    found |= {name: text for name, text in versions().items() if name != "platform"}
    found |= {name: metadata.version(name) for name in ("dask", "distributed")}
    folder = data_folder()
    here = [name for name in DATA if folder is not None and (folder / name).exists()]
    found["the course's data"] = ", ".join(here) or "none but what it draws"
    return found


def _code() -> str:
    """Return a digest of both packages: what grades, and what answers import."""
    root = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for package in ("autograder", "latentspaces"):
        for path in sorted((root / package).rglob("*")):
            if path.suffix in CODE:
                digest.update(f"{path.relative_to(root)}\0".encode())
                digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


_LOADED = _code()


def differences(wanted: Mapping[str, str]) -> str:
    """Say what is not here as it should be; empty if all is."""
    found = conditions()
    return ", ".join(
        f"{name} is {found.get(name, 'missing')}, not {value}"
        for name, value in wanted.items()
        if found.get(name) != value
    )


async def prepare(terms: Terms, dask_worker: Worker) -> None:
    """Start what grades, so that it is seen before the first submission if it can.

    Raises
    ------
    ClusterError
        If this machine cannot grade on these terms.
    """

    def start() -> None:
        with _grader(terms, dask_worker):
            pass

    await asyncio.to_thread(start)  # it takes seconds, in which Dask has to answer


def grade(terms: Terms, order: bytes, submission: Submission) -> Result:
    """Grade a submission; ``order`` is the pickled pipeline and release."""
    with _grader(terms, get_worker()) as grader:
        return grader.grade(order, submission)


class Grader:
    """A warm process, and processes with one submission each.

    Parameters
    ----------
    confined
        Whether submissions run in a sandbox.
    places
        How many submissions are graded at a time.
    """

    def __init__(self, confined: bool, places: int) -> None:
        cores = sorted(os.sched_getaffinity(0))
        # With fewer places than cores there may be another worker on this machine.
        held = [[core] for core in cores] if places == len(cores) else [[]] * places
        self.users = 0
        self.timer: threading.Timer | None = None
        self._warm = WarmProcess(confined, data_folder())
        self._pools: list[pool.Pool] = []
        try:
            self._pools += [pool.local(1, cores) for cores in held]
            self._warm.wait()
        except BaseException:
            self.close()
            raise
        self._free: SimpleQueue[pool.Pool] = SimpleQueue()
        for place in self._pools:
            self._free.put(place)

    @property
    def alive(self) -> bool:
        """False if the warm process has ended."""
        return self._warm.alive

    def grade(self, order: bytes, submission: Submission) -> Result:
        """Grade a submission, once there is a place for it."""
        pipeline, release = _unpacked(order, self._warm.address, self._warm.confined)
        place = self._free.get()
        try:
            [(_, found)] = pool.run(pipeline, release, [submission], place)
        finally:
            self._free.put(place)
        if isinstance(found, Exception):
            raise found
        return found

    def close(self) -> None:
        """End all its processes."""
        for place in self._pools:
            place.close()
        self._warm.close()


@lru_cache(maxsize=4)
def _unpacked(order: bytes, address: str, confined: bool) -> tuple[Pipeline, Release]:
    pipeline, release = pickle.loads(order)
    pipeline = replace(pipeline, warm=Warm(address, confined))
    _ = pipeline.code  # reads files: once, not for each submission
    return pipeline, release


_graders: dict[Terms, Grader] = {}
_lock = threading.Lock()


@contextmanager
def _grader(terms: Terms, worker: Worker) -> Iterator[Grader]:
    """Give this process's grader, made if there is none, and closed when it is idle.

    Whoever asked for it may be killed, so nobody need say that it is no longer needed.
    """
    with _lock:
        grader = _graders.get(terms)
        if grader is None or not grader.alive:
            _graders.pop(terms, None)
            grader = _graders[terms] = _made(terms, worker)
        grader.users += 1
        if grader.timer is not None:
            grader.timer.cancel()
    try:
        yield grader
    finally:
        with _lock:
            grader.users -= 1
            if grader.users == 0:
                grader.timer = threading.Timer(IDLE, _close, (terms, grader))
                grader.timer.daemon = True
                grader.timer.start()


def _close(terms: Terms, grader: Grader) -> None:
    with _lock:
        if grader.users == 0:
            if _graders.get(terms) is grader:
                del _graders[terms]
            grader.close()


def _made(terms: Terms, worker: Worker) -> Grader:
    who = f"worker {worker.address} on {socket.gethostname()}"
    if multiprocessing.current_process().daemon:
        raise ClusterError(
            f"{who} may start no processes; start it with `dask worker --no-nanny`"
        )
    try:
        if wrong := differences(dict(terms.conditions)):
            raise ClusterError(f"{who}: {wrong}")
        return Grader(terms.confined, worker.state.nthreads)
    except (AutograderError, OSError) as error:
        text = str(error)
        raise ClusterError(text if text.startswith(who) else f"{who}: {text}") from None
