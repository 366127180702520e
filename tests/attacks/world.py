"""What there is to attack: a course, a machine, and somebody who listens."""

from __future__ import annotations

import os
import secrets
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

# What every attack finds defined. It says what came of each attempt, since whoever
# wrote it wants to be found out.
PRELUDE = """\
import os, re, signal, socket, subprocess, sys, threading, time
from pathlib import Path
{world}

def attempt(what, action):
    try:
        found = action()
    except BaseException as error:
        print(f"failed: {{what}}: {{type(error).__name__}}: {{error}}", flush=True)
    else:
        print(f"done: {{what}}: {{str(found)[:2000]}}", flush=True)

print("attacking:", NAME, flush=True)
"""


@dataclass(frozen=True)
class World:
    """What there is to attack, and what is seen of it from outside.

    Parameters
    ----------
    course
        The course's folder.
    handed_in
        The folder of the class.
    outside
        A folder that everyone may write, beside the course.
    home
        The home of the person who grades.
    ports
        The ports that listen on this machine: TCP, TCP version 6, UDP.
    pids
        The PID namespace of the grader, as ``/proc/self/ns/pid`` names it.
    token
        A secret in the grader's environment.
    memory, disk
        The most bytes that an attack may take if nothing stops it.
    heard
        What reached one of the listeners.
    """

    course: Path
    handed_in: Path
    outside: Path
    home: Path
    ports: tuple[int, int, int]
    pids: str
    token: str
    memory: int
    disk: int
    heard: list[str] = field(default_factory=list)

    @property
    def results(self) -> Path:
        """Where the tables and the report of the class are written."""
        return self.course / "_build" / "grading" / "sample"

    @property
    def socket(self) -> Path:
        """The Unix socket that listens."""
        return self.outside / "listener"

    @property
    def abstract(self) -> str:
        """The name of the abstract socket that listens, without its first zero."""
        return f"attacked-{self.ports[0]}"

    def marker(self, name: str) -> str:
        """Return what an attack writes on all that it leaves behind."""
        return f"{name}-was-here-{self.ports[0]}"

    def prelude(self, name: str) -> str:
        """Return the code that tells an attack where everything is."""
        known = {
            "NAME": name,
            "MARKER": self.marker(name),
            "COURSE": str(self.course),
            "CLASS": str(self.handed_in),
            "OUTSIDE": str(self.outside),
            "HOME": str(self.home),
            "PORTS": self.ports,
            "SOCKET": str(self.socket),
            "ABSTRACT": "\0" + self.abstract,
            "PIDS": self.pids,
            "MEMORY": self.memory,
            "DISK": self.disk,
            "SCALE": self.ports[0],
        }
        lines = "\n".join(f"{key} = {value!r}" for key, value in known.items())
        return PRELUDE.format(world=lines)

    def exists(self, path: str) -> bool:
        """Return True if there is such a file outside."""
        return Path(path).exists()

    def read(self, path: str) -> str:
        """Return what a file of the kernel says outside; empty if it has none."""
        return Path(path).read_text() if Path(path).exists() else ""

    def alive(self, name: str) -> list[str]:
        """Return the command lines of the processes that an attack left running."""
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                line = path.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            except OSError:
                continue  # it ended just now
            if self.marker(name) in line:
                found.append(line)
        return found


@contextmanager
def opened(course: Path, handed_in: Path, memory: int, disk: int) -> Iterator[World]:
    """Make the surroundings of a course: listeners, a home, a folder for everyone.

    Parameters
    ----------
    course, handed_in
        The course's folder, and that of the class.
    memory, disk
        The most bytes that an attack may take if nothing stops it.
    """
    outside, home = course.parent / "outside", course.parent / "home"
    outside.mkdir()
    outside.chmod(0o777)
    (home / ".ssh").mkdir(parents=True)
    (home / ".ssh" / "id_test").write_text("a private key")
    heard: list[str] = []
    with ExitStack() as stack:
        tcp = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        tcp6 = stack.enter_context(
            socket.create_server(("::1", 0), family=socket.AF_INET6)
        )
        udp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        udp.bind(("127.0.0.1", 0))
        ports = tuple(end.getsockname()[1] for end in (tcp, tcp6, udp))
        world = World(
            course=course,
            handed_in=handed_in,
            outside=outside,
            home=home,
            ports=ports,
            pids=os.readlink("/proc/self/ns/pid"),
            token=secrets.token_hex(),
            memory=memory,
            disk=disk,
            heard=heard,
        )
        listeners = [tcp, tcp6]
        for address in (str(world.socket), "\0" + world.abstract):
            end = stack.enter_context(socket.socket(socket.AF_UNIX))
            end.bind(address)
            end.listen()
            listeners.append(end)
        world.socket.chmod(0o777)
        for end in listeners:
            threading.Thread(target=_listen, args=(end, heard), daemon=True).start()
        threading.Thread(target=_receive, args=(udp, heard), daemon=True).start()
        yield world


def _listen(end: socket.socket, heard: list[str]) -> None:
    """Keep what is said on each connection, until the socket is closed."""
    while end.fileno() >= 0:
        try:
            connection, _ = end.accept()
        except OSError:
            return
        with connection:
            connection.settimeout(1)
            try:
                heard.append(connection.recv(1000).decode("utf-8", "replace") or "?")
            except OSError:
                heard.append("?")


def _receive(end: socket.socket, heard: list[str]) -> None:
    """Keep what is sent, until the socket is closed."""
    while end.fileno() >= 0:
        try:
            heard.append(end.recv(1000).decode("utf-8", "replace"))
        except OSError:
            return
