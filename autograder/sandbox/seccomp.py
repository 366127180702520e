"""The system calls that a submission has no use for, refused by a seccomp filter.

Namespaces and limits do the confining. This closes what they leave open: memory that
no limit counts (memfd, System V segments), keyrings and sockets that no namespace
holds (vsock), and parts of the kernel in which holes are found most often. A refused
call fails with EPERM or ENOSYS, as on a system that lacks it.

Source: ``seccomp(2)`` and ``bpf_helpers`` of the Linux manual; the numbers of the calls
are those of ``asm/unistd_64.h`` and ``asm-generic/unistd.h``.
"""

from __future__ import annotations

import errno
import platform
import socket
import struct

from autograder.sandbox import linux

_KINDS = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}

#: Refused with EPERM: name -> the number on x86_64 and on aarch64.
REFUSED = {
    "acct": (163, 89),
    "add_key": (248, 217),
    "bpf": (321, 280),
    "delete_module": (176, 106),
    "fanotify_init": (300, 262),
    "finit_module": (313, 273),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fsopen": (430, 430),
    "fspick": (433, 433),
    "init_module": (175, 105),
    "io_setup": (206, 0),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "io_uring_setup": (425, 425),
    "kcmp": (312, 272),
    "kexec_load": (246, 104),
    "keyctl": (250, 219),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "mount": (165, 40),
    "mount_setattr": (442, 442),
    "move_mount": (429, 429),
    "mq_open": (240, 180),
    "msgget": (68, 186),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "open_tree": (428, 428),
    "perf_event_open": (298, 241),
    "pidfd_getfd": (438, 438),
    "pivot_root": (155, 41),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "ptrace": (101, 117),
    "quotactl": (179, 60),
    "reboot": (169, 142),
    "request_key": (249, 218),
    # A process keeps to the core that it was given: a bomb of processes in one
    # submission must not slow another down.
    "sched_setaffinity": (203, 122),
    "semget": (64, 190),
    "setns": (308, 268),
    "shmget": (29, 194),
    "swapon": (167, 224),
    "umount2": (166, 39),
    "unshare": (272, 97),
    "userfaultfd": (323, 282),
    "vmsplice": (278, 75),
}
_CLONE, _CLONE3, _SOCKET, _SOCKETPAIR = (56, 220), (435, 435), (41, 198), (53, 199)
_NAMESPACES = (
    linux.CLONE_NEWNS
    | linux.CLONE_NEWCGROUP
    | linux.CLONE_NEWUTS
    | linux.CLONE_NEWIPC
    | linux.CLONE_NEWUSER
    | linux.CLONE_NEWPID
    | linux.CLONE_NEWNET
)
# By netlink a process lists the network's interfaces: here, its own loopback alone.
_MMAP, _SETSOCKOPT = (9, 222), (54, 208)
_SHARED_ANONYMOUS = 0x21  # memory that stays when it is no longer mapped
_BUFFERS = (7, 8, 32, 33)  # SO_SNDBUF, SO_RCVBUF, and the same by force
_FAMILIES = (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, 16)

_LOAD, _RETURN, _JUMP_EQUAL, _JUMP_GREATER_EQUAL, _JUMP_SET = 0x20, 6, 0x15, 0x35, 0x45
_AND = 0x54
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data
_SECOND_ARGUMENT, _THIRD_ARGUMENT, _FOURTH_ARGUMENT = 24, 32, 40
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000


def program() -> bytes:
    """Return the filter for this machine.

    Raises
    ------
    OSError
        On a processor for which the table has no numbers.
    """
    machine = platform.machine()
    if machine not in _KINDS:
        raise OSError(
            errno.ENOSYS, f"no list of system calls for {machine}, only {list(_KINDS)}"
        )
    column, architecture = _KINDS[machine]

    def step(code: int, value: int, then: int = 0, other: int = 0) -> bytes:
        return struct.pack("=HBBI", code, then, other, value)

    refuse = step(_RETURN, _ERRNO | errno.EPERM)
    parts = [
        step(_LOAD, _ARCHITECTURE),
        step(_JUMP_EQUAL, architecture, then=1),
        step(_RETURN, _KILL),  # a 32-bit call has other numbers
        step(_LOAD, _NUMBER),
        step(_JUMP_GREATER_EQUAL, 0x40000000, other=1),
        refuse,  # the x32 calls, which also have other numbers
        # Its flags lie in memory, where a filter cannot look: the C library falls
        # back to clone.
        step(_JUMP_EQUAL, _CLONE3[column], other=1),
        step(_RETURN, _ERRNO | errno.ENOSYS),
    ]
    for numbers in REFUSED.values():
        parts += [step(_JUMP_EQUAL, numbers[column], other=1), refuse]
    parts += [
        step(_JUMP_EQUAL, _CLONE[column], other=4),
        step(_LOAD, _FIRST_ARGUMENT),
        step(_JUMP_SET, _NAMESPACES, other=1),
        refuse,
        step(_RETURN, _ALLOW),
    ]
    parts += [
        step(_JUMP_EQUAL, _MMAP[column], other=5),
        step(_LOAD, _FOURTH_ARGUMENT),
        step(_AND, _SHARED_ANONYMOUS),
        step(_JUMP_EQUAL, _SHARED_ANONYMOUS, other=1),
        refuse,
        step(_RETURN, _ALLOW),
        # The room in sockets is memory of no process: it stays as small as it is.
        step(_JUMP_EQUAL, _SETSOCKOPT[column], other=5 + len(_BUFFERS)),
        step(_LOAD, _SECOND_ARGUMENT),
        step(_JUMP_EQUAL, socket.SOL_SOCKET, other=1 + len(_BUFFERS)),
        step(_LOAD, _THIRD_ARGUMENT),
        *(
            step(_JUMP_EQUAL, name, then=len(_BUFFERS) - place)
            for place, name in enumerate(_BUFFERS)
        ),
        step(_RETURN, _ALLOW),
        refuse,
    ]
    for call in (_SOCKET, _SOCKETPAIR):
        after = len(_FAMILIES) + 2
        parts += [
            step(_JUMP_EQUAL, call[column], other=after + 1),
            step(_LOAD, _FIRST_ARGUMENT),
            *(
                step(_JUMP_EQUAL, family, then=len(_FAMILIES) - place)
                for place, family in enumerate(_FAMILIES)
            ),
            step(_RETURN, _ERRNO | errno.EAFNOSUPPORT),
            step(_RETURN, _ALLOW),
        ]
    return b"".join([*parts, step(_RETURN, _ALLOW)])
