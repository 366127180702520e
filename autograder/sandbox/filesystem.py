"""What a confined process sees of the file system: Python, the data, and no more.

The tree is put together once, by the warm process, in a mount namespace of its own:
Python's environment and the data, bound read-only. Each confined process then gets
private folders in it, in memory and limited in size.
"""

from __future__ import annotations

import os
import site
import stat
import sys
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

from autograder.sandbox import linux
from autograder.sandbox.limits import Limits

HOME = "/home/student"
SOCKETS = "/run/kernel"
USER = 1000  # what the user is called inside, whoever it is outside

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
SETTINGS = (
    *("/etc/alternatives", "/etc/fonts", "/etc/ld.so.cache", "/etc/ld.so.conf"),
    *("/etc/ld.so.conf.d", "/etc/localtime", "/etc/mime.types", "/etc/timezone"),
)
DEVICES = ("full", "null", "random", "urandom")
PRIVATE = ("/proc", "/tmp", "/dev/shm", "/dev/pts", HOME, SOCKETS)
PACKAGES = ("autograder", "latentspaces")

FILES = {
    "/etc/passwd": f"student:x:{USER}:{USER}::{HOME}:/bin/sh\n",
    "/etc/group": f"student:x:{USER}:\n",
    "/etc/hosts": "127.0.0.1 localhost\n",
    "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
}
LINKS = {
    "/dev/fd": "/proc/self/fd",
    "/dev/ptmx": "pts/ptmx",
    "/dev/stdin": "/proc/self/fd/0",
    "/dev/stdout": "/proc/self/fd/1",
    "/dev/stderr": "/proc/self/fd/2",
}


def shown(data: Iterable[Path]) -> list[str]:
    """Return the places that a confined process may read.

    Python's environment and base installation, the two packages of the course
    wherever they are installed from (never the folder around them, which holds the
    solutions), the system's programs and libraries, and the data.
    """
    places = [sys.prefix, sys.base_prefix, sys.exec_prefix, *site.getsitepackages()]
    for name in PACKAGES:
        found = find_spec(name)
        places += list(found.submodule_search_locations or []) if found else []
    places += [str(path) for path in data]
    kept: list[str] = []
    for place in sorted({os.path.abspath(place) for place in places}, key=len):
        covers = any(Path(place).is_relative_to(parent) for parent in (*kept, "/usr"))
        if place != "/" and os.path.exists(place) and not covers:
            kept.append(place)
    return kept


def assemble(root: str, data: Iterable[Path]) -> None:
    """Put the shared, read-only tree together in the empty folder ``root``.

    The caller is in a mount namespace of its own, with the right to mount.
    """
    linux.mount("tmpfs", root, "tmpfs", linux.MS_NOSUID, "size=16m,mode=755")
    for folder in PRIVATE:
        os.makedirs(root + folder)
    for system in SYSTEM:
        if os.path.islink(system):
            os.symlink(os.readlink(system), root + system)
        elif os.path.isdir(system):
            _show(root, system)
    for place in SETTINGS:
        if os.path.exists(place):
            _show(root, os.path.realpath(place), place)
    for device in DEVICES:
        _show(root, f"/dev/{device}")
    # It reads the same, but cannot be mapped as shared memory that nobody counts.
    _show(root, "/dev/full", "/dev/zero")
    for place in shown(data):
        _show(root, place)
    for path, text in FILES.items():
        Path(root + path).write_text(text)
    for path, target in LINKS.items():
        os.symlink(target, root + path)
    linux.make_read_only(root)


def _show(root: str, source: str, place: str = "") -> None:
    target = root + (place or source)
    if stat.S_ISDIR(os.stat(source).st_mode):
        os.makedirs(target, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        Path(target).touch()
    linux.bind(source, target)


def enter(root: str, limits: Limits | None) -> None:
    """Make the tree this process's whole file system.

    The caller is in user and mount namespaces of its own; and if there are limits, it
    is PID 1 of a PID namespace, and private folders and ``/proc`` are added.
    """
    linux.make_private("/")
    # A mount that came from outside cannot become the root; a bind of it can.
    linux.bind(root, root)
    if limits is not None:
        _furnish(root, limits)
    linux.enter_root(root)


def _furnish(root: str, limits: Limits) -> None:
    safe = linux.MS_NOSUID | linux.MS_NODEV
    quiet = safe | linux.MS_NOEXEC
    linux.mount("proc", f"{root}/proc", "proc", quiet | linux.MS_RDONLY)
    mine = "newinstance,ptmxmode=0666,mode=620,max=64"  # of a number for all
    terminal = linux.MS_NOSUID | linux.MS_NOEXEC
    linux.mount("devpts", f"{root}/dev/pts", "devpts", terminal, mine)
    covered = _open_below(f"{root}/tmp")
    for folder, size, mode in (
        ("/tmp", limits.disk, "1777"),
        (HOME, limits.disk, "700"),
        ("/dev/shm", limits.shared_memory, "1777"),
        (SOCKETS, 1 << 20, "700"),
    ):
        options = f"size={size},nr_inodes={limits.files},mode={mode}"
        linux.mount("tmpfs", root + folder, "tmpfs", safe, options)
    for place, number in covered.items():
        os.makedirs(place)
        linux.bind(f"/proc/self/fd/{number}", place)
        os.close(number)


def _open_below(folder: str) -> dict[str, int]:
    """Open what is shown somewhere below a folder that is about to be covered.

    A course or its environment may itself lie in ``/tmp``.
    """
    found = {}
    for place, names, files in os.walk(folder):
        if place != folder and (os.path.ismount(place) or not names):
            found[place] = os.open(place, os.O_PATH)
            names.clear()
        assert not files or place in found, f"{place}: a file where a folder is shown"
    return found
