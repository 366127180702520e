"""What a confined process may use, and the watch over what no limit can hold."""

from __future__ import annotations

import os
import resource
from dataclasses import dataclass

GIB, MIB = 2**30, 2**20
PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Limits:
    """The limits of one submission.

    Parameters
    ----------
    memory
        Bytes that its processes may hold together.
    processes
        Processes and threads.
    disk
        Bytes in its home folder, and as many again in ``/tmp``.
    shared_memory
        Bytes in ``/dev/shm``, through which workers of a DataLoader pass tensors.
    files
        Files and folders in each of these.
    open_files
        Open files of a process.
    """

    memory: int = 2 * GIB
    processes: int = 128
    disk: int = 256 * MIB
    shared_memory: int = 256 * MIB
    files: int = 20_000
    open_files: int = 256


def apply(limits: Limits) -> None:
    """Set the limits of this process that the kernel itself can hold.

    Resident memory is not among them: the address space is bounded instead, beyond
    what the process has mapped already, and :func:`memory` is watched.
    """
    with open("/proc/self/statm") as file:
        mapped = int(file.read().split()[0]) * PAGE
    # Threads reserve address space (8 MiB for the stack, 64 MiB for an arena) that
    # they do not use.
    slack = 2 * GIB
    for what, most in (
        (resource.RLIMIT_AS, mapped + limits.memory + slack),
        (resource.RLIMIT_NPROC, limits.processes),
        (resource.RLIMIT_FSIZE, max(limits.disk, limits.shared_memory)),
        (resource.RLIMIT_NOFILE, limits.open_files),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
    ):
        hard = resource.getrlimit(what)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (most, most))


def memory(limit: int) -> int:
    """Return the bytes that all processes but PID 1 hold, as PID 1 sees them.

    A page that several of them share counts once (PSS). That takes milliseconds to
    find out, so it is asked only where the sum of the resident sizes, which counts
    such a page several times and costs nothing, is above ``limit``.
    """
    processes = [name for name in os.listdir("/proc") if name.isdecimal()]
    processes.remove("1")
    resident = sum(_resident(process) for process in processes)
    if resident <= limit:
        return resident
    return sum(_proportional(process) for process in processes)


def _resident(process: str) -> int:
    try:
        with open(f"/proc/{process}/statm") as file:
            pages = int(file.read().split()[1])
        if not pages:
            # Its first thread has ended, or all of it: the others tell.
            for task in os.listdir(f"/proc/{process}/task"):
                with open(f"/proc/{process}/task/{task}/statm") as file:
                    pages = max(pages, int(file.read().split()[1]))
        return pages * PAGE
    except (FileNotFoundError, ProcessLookupError):
        return 0  # it has just ended


def _proportional(process: str) -> int:
    try:
        with open(f"/proc/{process}/smaps_rollup") as file:
            for line in file:
                if line.startswith("Pss:"):
                    return int(line.split()[1]) * 1024
    except (FileNotFoundError, PermissionError, ProcessLookupError):
        pass  # a process can prevent the look; then all that is resident is its own
    return _resident(process)
