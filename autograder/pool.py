"""Grading several submissions at a time, on any ``concurrent.futures`` executor."""

from __future__ import annotations

import multiprocessing
import os
import resource
import shutil
import signal
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent import futures
from concurrent.futures import BrokenExecutor
from multiprocessing import util
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from multiprocessing.queues import SimpleQueue
from typing import Self

from autograder.execution import Executor, Release, Result, Submission

#: The processor core to which this worker holds what it runs; None for any.
core: int | None = None


MEMORY = 3 * 2**30  # bytes that a worker may take
OURS = (signal.SIGINT, signal.SIGHUP)  # what a terminal sends to all in front of it


class Pool:
    """Workers, and new ones in their place if they die.

    Parameters
    ----------
    make
        Makes the executor on which the work is done.
    size
        How many submissions it works on at a time.
    """

    def __init__(self, make: Callable[[], futures.Executor], size: int) -> None:
        self._make, self.size = make, size
        self._executor: futures.Executor | None = None

    def submit(
        self, executor: Executor, submission: Submission, release: Release
    ) -> futures.Future[Result]:
        """Have a submission graded."""
        try:
            return self.start().submit(executor.grade, submission, release)
        except BrokenExecutor:  # a worker died while it had nothing to do
            self.close()
            return self.start().submit(executor.grade, submission, release)

    def start(self) -> futures.Executor:
        """Return the workers, started if there are none."""
        if self._executor is None:
            self._executor = self._make()
        return self._executor

    def wait(self, working: Collection[futures.Future]) -> Collection[futures.Future]:
        """Wait until some are finished, and return them."""
        return futures.wait(working, return_when=futures.FIRST_COMPLETED).done

    def error(self, future: futures.Future) -> BaseException | None:
        """Return what grading raised; BrokenExecutor if its worker died."""
        return future.exception()

    def renew(self, working: Collection[futures.Future]) -> list[futures.Future]:
        """Forget workers that died, and return what is lost with them."""
        self.close()
        return list(working)

    def close(self) -> None:
        """End the workers."""
        if self._executor is not None:
            self._executor.shutdown(wait=False, cancel_futures=True)
            self._executor = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def local(workers: int, cores: Sequence[int] = ()) -> Pool:
    """Return a pool of processes on this machine, each with a core of its own.

    The cores are those given, or all; one process alone is held to none of all.
    """
    if not cores and workers > 1 and hasattr(os, "sched_getaffinity"):
        cores = sorted(os.sched_getaffinity(0))

    def make() -> futures.Executor:
        # Not forked from this process, since a fork of one with threads may hang, but
        # from one that has imported what grading needs, and does nothing else.
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["autograder.pipeline.grade"])
        # Ctrl-C and a closed terminal are for this process alone, also while that one
        # starts: what blocks them here blocks them there.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, OURS)
        try:
            queue: SimpleQueue[int | None] = context.SimpleQueue()
            for number in range(workers):
                queue.put(cores[number % len(cores)] if cores else None)
            made = _Workers(workers, context, queue)
            made.submit(os.getpid)  # starts that one, before there is a submission
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return made

    pool = Pool(make, workers)
    pool.start()
    return pool


class _Workers(futures.ProcessPoolExecutor):
    """Processes that end when this is shut down, and when we end, however that comes.

    Those of ``concurrent.futures`` would finish what they have in hand, and after a
    ``kill -9`` wait for ever: each holds open the pipe by which it would see the end.
    """

    def __init__(
        self, workers: int, context: ForkServerContext, cores: SimpleQueue[int | None]
    ) -> None:
        theirs, self._lifeline = context.Pipe(duplex=False)
        # Kept: each worker gets a copy of it when it starts.
        self._theirs, start = theirs, (theirs, cores)
        super().__init__(workers, context, initializer=_begin, initargs=start)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the processes, whatever they are doing."""
        super().shutdown(wait=False, cancel_futures=cancel_futures)
        self._lifeline.close()
        self._theirs.close()


def _begin(lifeline: Connection, cores: SimpleQueue[int | None]) -> None:
    global core
    threading.Thread(target=_end_with, args=(lifeline,), daemon=True).start()
    core = cores.get()
    for one in OURS:
        signal.signal(one, signal.SIG_IGN)
    # What a student's process sends has no bound that ZeroMQ would know: at worst
    # this worker ends, not the machine.
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))


def _end_with(lifeline: Connection) -> None:
    """Wait until the other end is closed, by the parent or by its end; end too."""
    lifeline.poll(None)
    parent = multiprocessing.parent_process()
    assert parent is not None, "this is no worker"
    parent.join(0.1)
    if not parent.is_alive():  # it had no time to remove the folder of its sockets
        shutil.rmtree(util.get_temp_dir(), ignore_errors=True)
    os._exit(0)


def run(
    executor: Executor,
    release: Release,
    submissions: Iterable[Submission],
    pool: Pool | None = None,
) -> Iterator[tuple[Submission, Result | Exception]]:
    """Grade submissions, and give each with its result as it comes.

    Parameters
    ----------
    executor, release
        What grades, and what was set.
    submissions
        Taken as they are needed: memory does not grow with the class.
    pool
        Where to run; None for this process.

    Yields
    ------
    A submission with its result, or with what its grading raised.
    """
    if pool is None:
        for submission in submissions:
            try:
                yield submission, executor.grade(submission, release)
            except Exception as error:
                yield submission, error
        return
    source = iter(submissions)
    suspects: list[Submission] = []  # were being graded when a worker died
    tried: set[str] = set()
    working: dict[futures.Future[Result], Submission] = {}
    while True:
        # Suspects run alone, so that it is seen whose fault it is.
        if suspects and not working:
            submission = suspects.pop()
            working[pool.submit(executor, submission, release)] = submission
        while not suspects and not tried and len(working) < 2 * pool.size:
            submission = next(source, None)
            if submission is None:
                break
            working[pool.submit(executor, submission, release)] = submission
        if not working:
            return
        broken = False
        for future in pool.wait(working):
            submission = working.pop(future)
            error = pool.error(future)
            if isinstance(error, BrokenExecutor) and submission.student not in tried:
                broken = True
                suspects.append(submission)
                tried.add(submission.student)
                continue
            tried.discard(submission.student)
            if isinstance(error, BrokenExecutor):
                broken = True
                error = RuntimeError("a process of the grader died on it, twice")
            if error is None:
                yield submission, future.result()
            elif isinstance(error, Exception):
                yield submission, error
            else:
                raise error
        if broken:
            lost = [working.pop(future) for future in pool.renew(working)]
            suspects += lost
            tried |= {submission.student for submission in lost}
