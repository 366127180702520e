"""From a fork of the warm process to a confined one, and its end.

::

    warm ── keeper ── PID 1 of the namespaces ── the process itself
             │             │
             └── control ──┘     a socket: signals in, the exit code out

The keeper and PID 1 are ours. What was started, and all that it starts, lives in the
namespaces and dies with PID 1; PID 1 dies with the keeper, the keeper with the warm
process, and all of them when the other end of the control socket is closed.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Iterable
from contextlib import suppress

from autograder.sandbox import filesystem, limits, linux, seccomp
from autograder.sandbox.limits import Limits

NOBODY = 65534  # the group of all; each has a user of its own
USERS = 2**30  # the first of them: no file belongs to it
TICK = 100  # milliseconds between two looks at the memory
FAILED = 70  # exit code of a process that could not be confined
LAST = 200  # a descriptor within every limit, and above all that are in use
NAMESPACES = (
    linux.CLONE_NEWUSER
    | linux.CLONE_NEWNS
    | linux.CLONE_NEWNET
    | linux.CLONE_NEWIPC
    | linux.CLONE_NEWUTS
    | linux.CLONE_NEWCGROUP
)


def start_confined(
    control: socket.socket,
    root: str,
    most: Limits,
    user: int,
    core: int | None,
    keep: int | None,
    run: Callable[[], int],
) -> None:
    """Confine this fork of the warm process, and run something in it; never returns.

    Parameters
    ----------
    control
        Our end of the control socket.
    root
        The tree made by :func:`autograder.sandbox.filesystem.assemble`.
    most
        Its limits.
    user
        Who it is outside of the sandbox, if we are root.
    core
        The processor core to which it is held; None for any.
    keep
        The one descriptor that stays open, if any.
    run
        What to run; its result is the exit code.
    """
    with _reporting(control):
        _leave(NAMESPACES | linux.CLONE_NEWPID, user)
        first = os.fork()
        if first == 0:
            _be_first(control, root, most, core, keep, run)
    _keep(control, first)


def start_trusted(
    control: socket.socket,
    root: str,
    most: Limits,
    user: int,
    keep: int | None,
    run: Callable[[], int],
) -> None:
    """Run our own code in this fork of the warm process; never returns.

    It starts no process and needs no file, so it gets no folder, no ``/proc`` and no
    PID namespace: that would take two more forks of a large process.
    """
    with _reporting(control):
        self = os.pidfd_open(os.getpid())  # by which it gets its signals
        limits.apply(most)
        _leave(NAMESPACES, user)
        filesystem.enter(root, None)
        linux.drop_capabilities()
        linux.no_new_privileges()
        linux.filter_system_calls(seccomp.program())
        socket.send_fds(control, [_message(own=True)], [self])
        # The copy outlives the others: its end tells that we have ended.
        os.dup2(control.fileno(), LAST)
    _become((keep, LAST), run)


def _leave(namespaces: int, user: int) -> None:
    """Leave the outside behind: its root, if we are that, and its namespaces."""
    parent = os.getppid()
    if os.getuid() == 0:
        # Before the namespaces are made: root of the outside would keep the right
        # to write the kernel's settings, and no process limit would hold it.
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(user, user, user)
    _stay_with(parent)
    linux.set_dumpable(True)  # or /proc/self would belong to root
    outside, group = os.getuid(), os.getgid()
    linux.unshare(namespaces)
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"{filesystem.USER} {outside} 1")
    _write("/proc/self/gid_map", f"{filesystem.USER} {group} 1")


def start_unconfined(
    control: socket.socket, keep: int | None, run: Callable[[], int]
) -> None:
    """Run something in a fork of this fork, with no wall around it; never returns."""
    above = None
    with _reporting(control):
        if sys.platform == "linux":
            # Not a signal that ends us with the warm process: what runs under us has
            # no namespace that would end with us, so we have to end it.
            above = os.pidfd_open(os.getppid())
            linux.adopt_orphans()
        keeper, process = os.getpid(), os.fork()
        if process == 0:
            if sys.platform == "linux":
                _stay_with(keeper)
            os.setsid()
            _become((keep,), run)
    code, _ = _attend(control, process, None, above)
    _end_group(process)
    _finish(control, code, "")


def _be_first(
    control: socket.socket,
    root: str,
    most: Limits,
    core: int | None,
    keep: int | None,
    run: Callable[[], int],
) -> None:
    with _reporting(control):
        _stay_with(0)  # the keeper is outside of this PID namespace
        # PID 1 gets no signal from inside for which it has no handler.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        filesystem.enter(root, most)
        socket.sethostname("sandbox")
        linux.raise_loopback()  # IPython's own threads talk over it
        folder = os.open(filesystem.SOCKETS, os.O_PATH | os.O_DIRECTORY)
        socket.send_fds(control, [_message(folder=True)], [folder])
        os.close(folder)
        process = os.fork()
        if process == 0:
            with _reporting(control):
                os.setsid()
                os.nice(10)  # what watches and what grades comes first
                if core is not None:
                    os.sched_setaffinity(0, {core})
                # Root of the namespace could lift limits and undo mounts.
                linux.drop_capabilities()
                linux.no_new_privileges()
                limits.apply(most)
                linux.filter_system_calls(seccomp.program())
                os.chdir(filesystem.HOME)
            _become((keep,), run)
        linux.set_dumpable(False)  # the same user shall not look into PID 1
        linux.drop_capabilities()
        linux.no_new_privileges()
        _close_all_but(control.fileno())
    code, why = _attend(control, process, most)
    # They would die with us, but nobody would count the time that they took.
    with suppress(ProcessLookupError):
        os.kill(-1, signal.SIGKILL)
    with suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)
    _finish(control, code, why)


def _become(kept: Iterable[int | None], run: Callable[[], int]) -> None:
    """Run what was asked for, with nothing inherited; never returns."""
    code = FAILED
    try:
        _close_all_but(*kept)
        code = run()
    finally:
        # No exit handler and no buffer of the warm process is for this one.
        os._exit(code)


def _attend(
    control: socket.socket, process: int, most: Limits | None, above: int | None = None
) -> tuple[int, str]:
    """Pass on signals and watch the memory until the process or its owner is gone.

    ``above`` is a descriptor that can be read from when nobody wants it any more.
    """
    poll = select.poll()
    poll.register(control, select.POLLIN)
    if sys.platform == "linux":
        poll.register(os.pidfd_open(process), select.POLLIN)  # its end wakes us
    if above is not None:
        poll.register(above, select.POLLIN)
    while True:
        ready = [number for number, _ in poll.poll(TICK)]
        if above in ready:
            return -signal.SIGKILL, ""
        if control.fileno() in ready:
            message = control.recv(4096)
            wanted = json.loads(message)["signal"] if message else signal.SIGKILL
            if wanted == signal.SIGKILL:
                return -signal.SIGKILL, ""
            with suppress(ProcessLookupError):
                os.killpg(process, wanted)
        while True:
            ended, status = _reap()
            if not ended:
                break
            if ended == process:
                return os.waitstatus_to_exitcode(status), ""
        if most and _is_over(most):
            return -signal.SIGKILL, "memory"


def _is_over(most: Limits) -> bool:
    # Twice: of pages that many share, a process that ends in between leaves its part
    # to those that are looked at later.
    return all(limits.memory(most.memory) > most.memory for _ in range(2))


def _reap() -> tuple[int, int]:
    try:
        return os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return 0, 0


def _keep(control: socket.socket, first: int) -> None:
    """Wait for PID 1; end it when the owner is gone and it has not noticed."""
    _close_all_but(control.fileno())
    ended = os.pidfd_open(first)
    poll = select.poll()
    poll.register(ended, select.POLLIN)
    poll.register(control, 0)  # reports the end of the other side, and nothing else
    while not any(number == ended for number, _ in poll.poll()):
        alone = select.poll()
        alone.register(ended, select.POLLIN)
        if not alone.poll(10 * TICK):
            os.kill(first, signal.SIGKILL)
    # All of the namespace is gone when PID 1 has been waited for.
    os.waitpid(first, 0)
    os._exit(0)


def _end_group(process: int) -> None:
    """End what an unconfined process left behind: its group, and our orphans."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process, signal.SIGKILL)
    children = f"/proc/self/task/{os.getpid()}/children"
    while os.path.exists(children):
        with open(children) as file:
            left = [int(number) for number in file.read().split()]
        if not left:
            return
        for number in left:
            with suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(number, 0)


def _stay_with(parent: int) -> None:
    linux.die_with_parent(signal.SIGKILL)
    if os.getppid() != parent:  # it died before it could be asked for
        os._exit(FAILED)


def _close_all_but(*kept: int | None) -> None:
    """Close every descriptor, and let the standard ones lead to nowhere."""
    first = 3
    for number in sorted(number for number in kept if number is not None):
        os.closerange(first, number)
        first = number + 1
    os.closerange(first, 1 << 20)  # past any limit: the kernel stops at the last
    null = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(null, number)
    os.close(null)


def _finish(control: socket.socket, code: int, why: str) -> None:
    with suppress(OSError):  # nobody may be left to read it
        control.send(_message(exit=code, why=why))
    os._exit(0)


class _reporting:
    """Sends what goes wrong to the other end of the control socket, and exits."""

    def __init__(self, control: socket.socket) -> None:
        # A copy of the number: the socket object may be detached by then.
        self.number = control.fileno()

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, _: object) -> None:
        if error is None:
            return
        text = "".join(traceback.format_exception_only(error)).strip()
        with suppress(OSError):
            os.write(self.number, _message(error=text, trace=traceback.format_exc()))
        os._exit(FAILED)


def _message(**parts: object) -> bytes:
    return json.dumps(parts).encode()[:60_000]


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)
