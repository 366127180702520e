"""The system calls that Python's ``os`` does not have, each as one function."""

from __future__ import annotations

import ctypes
import fcntl
import os
import platform
import socket
import struct

CLONE_NEWNS = 0x00020000
CLONE_NEWCGROUP = 0x02000000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_RDONLY = 1
MS_NOSUID = 2
MS_NODEV = 4
MS_NOEXEC = 8
MS_BIND = 4096
MS_REC = 16384
MS_PRIVATE = 1 << 18
MNT_DETACH = 2

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_SECCOMP = 22
_PR_CAPBSET_READ = 23
_PR_CAPBSET_DROP = 24
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_CLEAR_ALL = 4
_SECCOMP_MODE_FILTER = 2
_MOUNT_ATTR_RDONLY = 1
_MOUNT_ATTR_NOSUID = 2
_AT_RECURSIVE = 0x8000
_AT_FDCWD = -100
_IFF_UP = 1
_MADV_HUGEPAGE = 14
_MADV_COLLAPSE = 25
_SIOCSIFFLAGS = 0x8914
_CAPABILITY_VERSION_3 = 0x20080522

# The same numbers on every architecture but where the table says otherwise.
_MOUNT_SETATTR = 442
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def unshare(flags: int) -> None:
    """Move this process into namespaces of its own."""
    _check(_libc.unshare(ctypes.c_int(flags)), "unshare")


def mount(
    source: str, target: str, kind: str = "", flags: int = 0, options: str = ""
) -> None:
    """Mount a file system, or bind one place to another."""
    _check(
        _libc.mount(
            source.encode(),
            os.fsencode(target),
            kind.encode() or None,
            ctypes.c_ulong(flags),
            options.encode() or None,
        ),
        f"mount {target}",
    )


def bind(source: str, target: str) -> None:
    """Show a file or a folder, with all that is mounted in it, at a second place."""
    _check(
        _libc.mount(
            os.fsencode(source),
            os.fsencode(target),
            None,
            ctypes.c_ulong(MS_BIND | MS_REC),
            None,
        ),
        f"bind {source} to {target}",
    )


def unmount(target: str) -> None:
    """Take a mount, with all that is in it, out of the tree."""
    _check(
        _libc.umount2(os.fsencode(target), ctypes.c_int(MNT_DETACH)),
        f"unmount {target}",
    )


def make_private(target: str) -> None:
    """Keep what is mounted from now on out of all other mount namespaces."""
    mount("", target, flags=MS_REC | MS_PRIVATE)


def use_huge_pages() -> None:
    """Gather this process's own memory into pages of 2 MiB, where that is possible.

    A fork copies an entry for each page, so it takes a fraction of the time. Kernels
    before 6.1, and those that have no such pages, leave the memory as it is.
    """
    with open("/proc/self/maps") as file:
        lines = [line.split() for line in file]
    for span, rights, _, _, inode, *name in lines:
        if rights == "rw-p" and inode == "0" and name in ([], ["[heap]"]):
            first, last = (int(end, 16) for end in span.split("-"))
            place, length = ctypes.c_void_p(first), ctypes.c_size_t(last - first)
            _libc.madvise(place, length, ctypes.c_int(_MADV_HUGEPAGE))
            _libc.madvise(place, length, ctypes.c_int(_MADV_COLLAPSE))


class _MountAttributes(ctypes.Structure):
    _fields_ = (
        ("attr_set", ctypes.c_uint64),
        ("attr_clr", ctypes.c_uint64),
        ("propagation", ctypes.c_uint64),
        ("userns_fd", ctypes.c_uint64),
    )


def make_read_only(target: str) -> None:
    """Make a mount and everything below it read-only, and set-uid bits void."""
    wanted = _MountAttributes(attr_set=_MOUNT_ATTR_RDONLY | _MOUNT_ATTR_NOSUID)
    _check(
        _libc.syscall(
            ctypes.c_long(_MOUNT_SETATTR),
            ctypes.c_int(_AT_FDCWD),
            os.fsencode(target),
            ctypes.c_uint(_AT_RECURSIVE),
            ctypes.byref(wanted),
            ctypes.c_size_t(ctypes.sizeof(wanted)),
        ),
        f"make {target} read-only",
    )


def enter_root(folder: str) -> None:
    """Make a mounted folder the root of the file system, and forget the old one."""
    os.chdir(folder)
    number = _PIVOT_ROOT[platform.machine()]
    _check(_libc.syscall(ctypes.c_long(number), b".", b"."), f"pivot_root {folder}")
    _check(_libc.umount2(b".", ctypes.c_int(MNT_DETACH)), "umount the old root")
    os.chdir("/")


def _prctl(option: int, value: int, third: int = 0, what: str = "prctl") -> None:
    arguments = (ctypes.c_ulong(n) for n in (value, third, 0, 0))
    _check(_libc.prctl(ctypes.c_int(option), *arguments), what)


def set_dumpable(value: bool) -> None:
    """Say whether others of the same user may look into this process."""
    _prctl(_PR_SET_DUMPABLE, int(value), what="PR_SET_DUMPABLE")


def die_with_parent(signum: int) -> None:
    """Ask for a signal when the parent dies."""
    _prctl(_PR_SET_PDEATHSIG, signum, what="PR_SET_PDEATHSIG")


def adopt_orphans() -> None:
    """Become the parent of all descendants whose own parent dies."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1, what="PR_SET_CHILD_SUBREAPER")


def no_new_privileges() -> None:
    """Give up what a set-uid program would bring, for ever."""
    _prctl(_PR_SET_NO_NEW_PRIVS, 1, what="PR_SET_NO_NEW_PRIVS")


def raise_loopback() -> None:
    """Let a new network namespace have the one interface that leads nowhere."""
    request = struct.pack("16sh14x", b"lo", _IFF_UP)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, request)


class _CapabilityHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _CapabilityData(ctypes.Structure):
    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


def drop_capabilities() -> None:
    """Give up every capability, also those that a later exec could bring."""
    capability = 0
    while _libc.prctl(ctypes.c_int(_PR_CAPBSET_READ), ctypes.c_ulong(capability)) >= 0:
        _prctl(_PR_CAPBSET_DROP, capability, what="PR_CAPBSET_DROP")
        capability += 1
    _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, what="PR_CAP_AMBIENT")
    header = _CapabilityHeader(version=_CAPABILITY_VERSION_3, pid=0)
    data = (_CapabilityData * 2)()
    _check(_libc.capset(ctypes.byref(header), ctypes.byref(data)), "capset")


class _Filter(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("program", ctypes.c_char_p))


def filter_system_calls(program: bytes) -> None:
    """Install a seccomp filter, given as BPF instructions of eight bytes each."""
    wanted = _Filter(length=len(program) // 8, program=program)
    address = ctypes.cast(ctypes.byref(wanted), ctypes.c_void_p).value
    assert address is not None
    _prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, address, what="PR_SET_SECCOMP")
