"""A process that has imported what notebooks import, and is forked for each of them.

``import torch`` takes seconds; a fork takes milliseconds. The process imports, and
does nothing else: it never runs a tensor operation, since a child of a process that
did may hang in its first parallel one, starts no thread, and never learns anything of
an assignment or a submission that a child could find in its memory.
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import importlib
import itertools
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict
from multiprocessing.connection import Connection
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

from autograder.errors import SandboxError
from autograder.sandbox import child, filesystem, linux
from autograder.sandbox.limits import Limits

IMPORTS = (
    *("torch", "torch.utils.data", "torchvision", "matplotlib.pyplot"),
    *("matplotlib_inline.config", "matplotlib.backends.backend_agg"),
    # What a kernel imports while it starts.
    *("ipykernel.kernelapp", "ipykernel.ipkernel", "ipykernel.debugger"),
    *("IPython.core.completer", "IPython.core.completerlib", "IPython.core.magics"),
    *("IPython.core.magics.ast_mod", "IPython.core.magics.execution"),
    *("IPython.core.logger", "IPython.core.pylabtools"),
    *("IPython.extensions.storemagic", "IPython.utils.module_paths"),
    *("IPython.utils.wildcard", "IPython.core.debugger", "IPython.core.oinspect"),
    *("encodings.ascii", "encodings.idna", "encodings.latin_1", "faulthandler"),
    *("tornado.platform.asyncio", "tornado.queues", "multiprocessing.connection"),
    *("autograder.pipeline.servant", "autograder.pipeline.examination"),
)
#: One thread each: two candidates with two threads on two cores wait for each other.
THREADS = ("OMP", "MKL", "OPENBLAS", "NUMEXPR", "VECLIB_MAXIMUM")
PATIENCE = 120  # seconds for the imports on a busy machine
KIND = socket.SOCK_SEQPACKET if sys.platform == "linux" else socket.SOCK_STREAM

REMEDY = """\
Submissions can not be confined on this system: {reason}
Grading needs Linux 5.12 or later with user namespaces, as root or as anyone.
 - Ubuntu 23.10 and later: sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0
 - Debian, older kernels: sudo sysctl kernel.unprivileged_userns_clone=1
 - in a container: docker run --security-opt seccomp=unconfined
   --security-opt apparmor=unconfined --security-opt systempaths=unconfined
   --cap-add SYS_ADMIN ...
 - macOS and Windows: use such a container, or a Linux machine.
To run the submissions unconfined, as you, with your files and your network, ask for it
by name: --sandbox none. Do that only for code that you would run yourself."""


class ForkedProcess:
    """A fork of the warm process; its methods are those of ``subprocess.Popen``.

    Parameters
    ----------
    control
        Our end of its control socket.

    Attributes
    ----------
    folder
        A descriptor of the folder in which a confined process keeps its sockets,
        which is in no file system that we see; None for an unconfined one.
    why
        Which limit ended it, such as "memory"; empty if none did.
    """

    stdin = stdout = stderr = None
    pid = 0  # in a namespace that is not ours

    def __init__(self, control: socket.socket, confined: bool) -> None:
        self._control = control
        self._own: int | None = None  # for signals, where no keeper passes them on
        self.folder: int | None = None
        self.returncode: int | None = None
        self.why = ""
        if confined:
            message, folders = self._receive()
            if not message:
                raise SandboxError("the process ended before it was confined")
            if "own" in message:
                [self._own] = folders
            else:
                [self.folder] = folders

    def _receive(self) -> tuple[dict[str, Any], list[int]]:
        try:
            data, folders, _, _ = socket.recv_fds(self._control, 65536, 1)
        except ConnectionResetError:
            # It ended before it read a signal from us. That is reported once; what it
            # said before its end is still there.
            data, folders, _, _ = socket.recv_fds(self._control, 65536, 1)
        message = json.loads(data) if data else {}
        if "error" in message:
            self.close()
            raise SandboxError(message["error"])
        return message, folders

    def fileno(self) -> int:
        """Return a descriptor that can be read from when the process has ended."""
        return self._control.fileno()

    def poll(self) -> int | None:
        """Return the exit code, or None while it runs."""
        return self.wait(0)

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait for the end of the process and of all that it started.

        Returns None if that does not come within ``timeout`` seconds.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while self._control.fileno() >= 0:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            if not select.select([self._control], [], [], left)[0]:
                return self.returncode if left is None else None
            message, _ = self._receive()
            if message:
                self.returncode, self.why = message["exit"], message["why"]
            else:  # the keeper has ended, and with it everything
                self.close()
        return self.returncode

    def send_signal(self, signum: int) -> None:
        """Send a signal to the process and its group."""
        if self._own is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._own, signum)
            return
        with contextlib.suppress(OSError):
            self._control.send(json.dumps({"signal": signum}).encode())

    def terminate(self) -> None:
        """End it, with all that it started."""
        self.kill()

    def kill(self) -> None:
        """End it, with all that it started."""
        self.send_signal(signal.SIGKILL)

    def close(self) -> None:
        """Let go of the process: what still runs of it is ended by its keeper."""
        self._control.close()
        for number in (self.folder, self._own):
            if number is not None:
                os.close(number)
        self.folder = self._own = None
        if self.returncode is None:
            self.returncode = -signal.SIGKILL


class Warm:
    """A warm process, started by this one or by another.

    Parameters
    ----------
    address
        The path of its socket.
    confined
        True if its forks live in a sandbox.
    """

    def __init__(self, address: str, confined: bool) -> None:
        self.address, self.confined = address, confined

    def wait(self) -> None:
        """Wait until it is ready; whoever started it has waited."""

    def shared(self) -> Warm:
        """Return what another process needs in order to fork from it."""
        return Warm(self.address, self.confined)

    def _fork(self, wanted: dict[str, Any], keep: int | None) -> ForkedProcess:
        control = socket.socket(socket.AF_UNIX, KIND)
        control.connect(self.address)
        message = json.dumps(wanted).encode()
        socket.send_fds(control, [message], [] if keep is None else [keep])
        return ForkedProcess(control, self.confined)

    def kernel(
        self,
        arguments: list[str],
        *,
        environment: Mapping[str, str] | None = None,
        folder: str | None = None,
        connection: Mapping[str, Any] | None = None,
        limits: Limits | None = None,
        core: int | None = None,
        servant: bool = False,
    ) -> ForkedProcess:
        """Fork an IPython kernel.

        Parameters
        ----------
        arguments
            As ``python -m ipykernel_launcher`` takes them.
        environment, folder
            For an unconfined kernel; a confined one has an environment and a home of
            its own.
        connection
            The content of a confined kernel's connection file.
        limits, core
            For a confined kernel: what it may use, and the core it is held to.
        servant
            True to let it answer an examiner's requests.
        """
        wanted = {
            "run": "kernel",
            "arguments": arguments,
            "environment": dict(environment) if environment is not None else None,
            "folder": folder,
            "connection": dict(connection) if connection is not None else None,
            "limits": asdict(limits or Limits()),
            "core": core,
            "servant": servant,
        }
        return self._fork(wanted, None)

    def examiner(
        self, limits: Limits | None = None
    ) -> tuple[ForkedProcess, Connection]:
        """Fork an examiner; return it and the connection over which it is driven."""
        ours, theirs = socket.socketpair()
        wanted = {"run": "examiner", "limits": asdict(limits or Limits()), "core": None}
        with theirs:
            process = self._fork(wanted, theirs.fileno())
        return process, Connection(ours.detach())


class WarmProcess(Warm):
    """A warm process of our own: it ends when this object is closed or we end.

    It takes seconds to import what it needs: :meth:`wait` for it before it is used.

    Parameters
    ----------
    confined
        True to put its forks into a sandbox.
    data
        The folder with the course's data, which a sandbox shows; None for the drawn
        stand-ins.
    environment
        Variables for its forks, besides those that every one needs.
    """

    def __init__(
        self,
        confined: bool = True,
        data: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        # The forks of root's warm process are no longer root when they pass through it.
        where = "/tmp" if os.getuid() == 0 else None
        self._place = tempfile.TemporaryDirectory(prefix="autograder-", dir=where)
        folder = Path(self._place.name)
        folder.chmod(0o711)
        (folder / "root").mkdir()
        (folder / "private").mkdir(mode=0o700)
        super().__init__(str(folder / "private" / "socket"), confined)
        ours, theirs = socket.socketpair()
        self._lifeline = ours
        places = [str(data)] if data else []
        given = {"LATENTSPACES_DATA": str(data)} if data else {}
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "autograder.sandbox.warm", str(folder)],
                stdin=theirs,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env=_environment({**given, **(environment or {})}),
                start_new_session=True,  # Ctrl-C is for us; it ends with us
            )
        wanted = json.dumps({"data": places, "confined": confined})
        with contextlib.suppress(BrokenPipeError):  # seen when we wait for its answer
            ours.sendall(wanted.encode() + b"\n")

    def wait(self) -> None:
        """Wait until the process is ready; also done by ``with``.

        Raises
        ------
        SandboxError
            If this system cannot confine: why, and what can be done.
        """
        self._lifeline.settimeout(PATIENCE)
        try:
            with self._lifeline.makefile() as answers:
                answer = answers.readline()
        except OSError:  # it ended, or was too slow
            answer = ""
        problem = json.loads(answer)["error"] if answer else "it ended at once"
        if not problem and self.confined:
            problem = self._probe()
        if problem:
            self.close()
            raise SandboxError(
                REMEDY.format(reason=problem)
                if self.confined
                else f"the warm process could not start: {problem}"
            )

    def _probe(self) -> str:
        """Try the sandbox once; return what is wrong with it."""
        try:
            process = self._fork({"run": "probe", "limits": asdict(Limits())}, None)
            code = process.wait(PATIENCE)
        except SandboxError as error:
            return str(error)
        if code != 0:
            return f"{sys.prefix} cannot be read by an unprivileged user ({code})"
        return ""

    @property
    def alive(self) -> bool:
        """False if the process has ended."""
        return self._process.poll() is None

    def close(self) -> None:
        """End the process and all its forks."""
        self._lifeline.close()
        self._process.wait()
        self._place.cleanup()

    def __enter__(self) -> WarmProcess:
        self.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _environment(wanted: Mapping[str, str]) -> dict[str, str]:
    """Return all that a fork can see of an environment: nothing of ours is in it."""
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return {
        "HOME": filesystem.HOME,
        "LATENTSPACES_OFFLINE": "1",  # where there is no network, none is looked for
        "LANG": "C.UTF-8",
        "LOGNAME": "student",
        # The list of fonts takes seconds to make, and is read when pyplot is imported.
        "MPLCONFIGDIR": str(Path(cache) / "matplotlib"),
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "PATH": f"{Path(sys.prefix) / 'bin'}:/usr/local/bin:/usr/bin:/bin",
        "TZ": "UTC",
        "USER": "student",
        **{f"{name}_NUM_THREADS": "1" for name in THREADS},
        **wanted,
    }


# What follows runs in the warm process.


def main() -> None:
    """Import, then fork on request until the lifeline is cut; leave nothing behind."""
    folder = sys.argv[1]
    lifeline = socket.socket(fileno=0)
    try:
        with lifeline.makefile() as requests:
            request = requests.readline()
        if request:
            wanted = json.loads(request)
            root = f"{folder}/root" if wanted["confined"] else None
            _prepare(folder, lifeline, root, [Path(place) for place in wanted["data"]])
    finally:
        _leave(folder)


def _leave(folder: str) -> None:
    """Remove our folder: who started us does that too, but may have been killed."""
    with contextlib.suppress(OSError):
        linux.unmount(f"{folder}/root")
    # What a mount that stayed would show is no rubbish of ours: the empty folder goes,
    # or nothing.
    with contextlib.suppress(OSError):
        os.rmdir(f"{folder}/root")
        shutil.rmtree(f"{folder}/private")
        os.rmdir(folder)


def _prepare(
    folder: str, lifeline: socket.socket, root: str | None, data: list[Path]
) -> None:
    gc.disable()  # a fifth of the time of the imports
    try:
        if root is not None:
            _make_room(root, data)
        for name in IMPORTS:
            importlib.import_module(name)
            if select.select([lifeline], [], [], 0)[0]:
                return  # who wanted them has gone
        server = socket.socket(socket.AF_UNIX, KIND)
        server.bind(f"{folder}/private/socket")
        server.listen(64)
    except (OSError, ImportError) as error:
        with contextlib.suppress(OSError):  # nobody may be left to read it
            lifeline.sendall(json.dumps({"error": str(error)}).encode() + b"\n")
        return
    gc.freeze()  # else each child copies every page that its collector touches
    gc.enable()
    if sys.platform == "linux":
        linux.use_huge_pages()
    with contextlib.suppress(OSError):
        lifeline.sendall(json.dumps({"error": ""}).encode() + b"\n")
    _serve(server, lifeline, root)


def _make_room(root: str, data: list[Path]) -> None:
    """Give this process mounts of its own, and put the forks' file system together."""
    if os.getuid() == 0:
        linux.unshare(linux.CLONE_NEWNS)
    else:
        user, group = os.getuid(), os.getgid()
        linux.unshare(linux.CLONE_NEWUSER | linux.CLONE_NEWNS)
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    linux.make_private("/")
    filesystem.assemble(root, data)


def _serve(server: socket.socket, lifeline: socket.socket, root: str | None) -> None:
    # What the kernel counts for each user, one submission cannot use up for another.
    users = itertools.cycle(range(child.USERS, child.USERS + 2**24))
    poll = select.poll()
    poll.register(server, select.POLLIN)
    poll.register(lifeline, select.POLLIN)
    while True:
        ready = {number for number, _ in poll.poll(1000)}
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if lifeline.fileno() in ready:
            return
        if server.fileno() not in ready:
            continue
        control, _ = server.accept()
        user = next(users)
        with control:
            if os.fork() == 0:
                try:
                    server.close()
                    lifeline.close()
                    _answer(control, root, user)
                finally:  # what follows is not for a fork
                    os._exit(child.FAILED)


def _answer(control: socket.socket, root: str | None, user: int) -> None:
    """Become what was asked for; never returns."""
    data, kept, _, _ = socket.recv_fds(control, 1 << 20, 1)
    wanted = json.loads(data)
    # Not one of the standard descriptors, which will lead to nowhere.
    keep = fcntl.fcntl(kept[0], fcntl.F_DUPFD_CLOEXEC, 3) if kept else None
    runs = {"kernel": _run_kernel, "examiner": _run_examiner, "probe": _run_probe}
    run = runs[wanted["run"]]
    if root is None:
        child.start_unconfined(control, keep, lambda: run(wanted, keep))
        return
    most = Limits(**wanted["limits"])
    if wanted["run"] == "examiner":
        child.start_trusted(control, root, most, user, keep, lambda: run(wanted, keep))
    core = wanted.get("core")
    child.start_confined(
        control, root, most, user, core, keep, lambda: run(wanted, keep)
    )


def _run_kernel(wanted: dict[str, Any], _: int | None) -> int:
    from ipykernel.kernelapp import IPKernelApp

    if wanted["environment"] is not None:
        os.environ.clear()
        os.environ.update(wanted["environment"])
    else:
        os.environ.pop("MPLCONFIGDIR", None)
    if wanted["folder"] is not None:
        os.chdir(wanted["folder"])
    arguments = wanted["arguments"]
    if wanted["connection"] is not None:
        path = f"{filesystem.SOCKETS}/connection.json"
        Path(path).write_text(json.dumps(wanted["connection"]))
        arguments = ["-f", path, *arguments]
    sys.path[0] = ""  # as in a notebook: the folder that it works in
    application = IPKernelApp.instance()
    gc.disable()  # what is made now stays
    # It would list the files of all modules, thousands, for a debugger to leave out.
    with mock.patch("ipykernel.ipkernel.sys", SimpleNamespace(modules={})):
        application.initialize(arguments)
    gc.freeze()
    gc.enable()
    if "matplotlib_inline" in os.environ.get("MPLBACKEND", ""):
        # Its backend ties itself to IPython where it is imported first, but pyplot,
        # which would import it, is here already.
        application.shell.enable_matplotlib("inline")
    if wanted["servant"]:
        from autograder.pipeline import servant, wire

        servant.install(application.kernel, f"ipc://{application.ip}-6")
        # A socket's file is there before anything listens on it; this one comes last.
        Path(f"{application.ip}-6{wire.READY}").touch()
    application.start()
    return 0


def _run_examiner(_: dict[str, Any], keep: int | None) -> int:
    from autograder.pipeline import examination

    assert keep is not None
    examination.serve(Connection(keep))
    return 0


def _run_probe(_: dict[str, Any], __: int | None) -> int:
    with open(os.__file__), open(json.__file__):
        return 0


if __name__ == "__main__":
    # As a module of its own name, so that a child finds one `warm`, not two.
    from autograder.sandbox import warm

    warm.main()
    os._exit(0)  # nothing is left to do, and torch takes its time to do it
