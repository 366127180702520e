"""Attacks that escape limits: memory, processes, time, disk, output, the network."""

from __future__ import annotations

from attacks import Attack, Outcome, cells
from autograder.sandbox.limits import Limits

# What a submission may hold: memory, and files in its three folders, which lie in it.
LIMIT = Limits().memory + 2 * Limits().disk + Limits().shared_memory
PATIENCE = 40  # seconds that a submission may take at a limit of 5 s for each cell


class Takes(Attack):
    """Takes more and more memory, and says how much it holds."""

    silent = True  # its process may be killed before the first word arrives

    def holds(self, outcome: Outcome) -> None:
        """It was stopped before it held all that it wanted."""
        assert outcome.held < LIMIT, outcome.held
        assert not outcome.world.alive(self.name)


class TakesMemory(Takes):
    """Lifts its own limits, then fills memory in one process.

    Stock: it gets all that there is time for: a gigabyte in the 5 s of the cell.
    """

    answers = cells(
        total="""
            import resource

            for limit in (resource.RLIMIT_AS, resource.RLIMIT_DATA):
                attempt("limit", lambda: resource.setrlimit(limit, (-1, -1)))
            blocks = []
            while len(blocks) < MEMORY // 2**26:
                blocks.append(bytearray(b"x") * 2**26)
                print("holding", 64 * len(blocks), "MiB", flush=True)
        """
    )
    keeps = ("halve",)


class TakesMemoryByForks(Takes):
    """Fills memory in many processes, each of them modest.

    Stock: it gets all that there is time for: a gigabyte in the 5 s of the cell.
    """

    answers = cells(
        total="""
            read, write = os.pipe()
            for number in range(1, MEMORY // 2**28 + 1):
                if os.fork() == 0:
                    block = bytearray(b"x") * 2**28
                    os.write(write, b"x")
                    time.sleep(15)
                    os._exit(0)
                os.read(read, 1)
                print("holding", 256 * number, "MiB", flush=True)
        """
    )


class TakesMemoryByFiles(Takes):
    """Fills memory by files that have no name, whose pages belong to no process.

    Stock: it gets all that it asks for.
    """

    answers = cells(
        total="""
            block, files = bytearray(b"x") * 2**26, []
            for number in range(1, MEMORY // 2**26 + 1):
                files.append(os.memfd_create("x"))
                written = 0
                while written < len(block):
                    written += os.write(files[-1], block)
                print("holding", 64 * number, "MiB", flush=True)
        """
    )


class TakesMemoryByFolders(Takes):
    """Fills memory by files in the folders that lie in it.

    Stock: it gets all that it asks for.
    """

    answers = cells(
        total="""
            import tempfile

            block, number, handles = bytearray(b"x") * 2**24, 0, []
            places = {"/dev/shm", tempfile.gettempdir(), "/tmp", "/run", os.getcwd()}
            for place in places:
                try:
                    for part in range(1000):
                        if number >= min(MEMORY, DISK) // 2**24:
                            break
                        handles.append(open(f"{place}/{MARKER}-{part}", "wb", 0))
                        if handles[-1].write(block) < len(block):
                            break
                        number += 1
                        print("holding", 16 * number, "MiB", flush=True)
                except OSError as error:
                    print("failed:", place, error, flush=True)
            for path in places:
                for part in Path(path).glob(f"{MARKER}-*"):
                    part.unlink()
        """
    )


class TakesMemoryBySockets(Takes):
    """Fills the buffers of sockets, which are the kernel's and belong to no process.

    Stock: it gets all that there is time for.
    """

    answers = cells(
        total="""
            read, write = os.pipe()
            SIZE = 150_000
            for number in range(1, MEMORY // 2**26 + 1):
                if os.fork() == 0:
                    ends = []
                    for _ in range(2**26 // (2 * SIZE)):
                        ends += socket.socketpair()
                    for end in ends:
                        end.setblocking(False)
                        try:
                            end.send(bytes(SIZE))
                        except BlockingIOError:
                            pass
                    os.write(write, b"x")
                    time.sleep(15)
                    os._exit(0)
                os.read(read, 1)
                print("holding", 64 * number, "MiB", flush=True)
        """
    )


class TakesSharedMemory(Takes):
    """Fills memory by anonymous mappings that are shared, and by System V segments.

    Stock: it gets all that there is time for.
    """

    answers = cells(
        total="""
            import ctypes, mmap

            libc = ctypes.CDLL(None, use_errno=True)
            libc.shmat.restype = ctypes.c_void_p
            block, number, maps = bytearray(b"x") * 2**26, 0, []
            for _ in range(MEMORY // 2**27):
                maps.append(mmap.mmap(-1, 2**26))
                maps[-1].write(block)
                number += 1
                print("holding", 64 * number, "MiB", flush=True)
                segment = libc.shmget(0, 2**26, 0o1600)
                place = libc.shmat(segment, None, 0) if segment >= 0 else None
                libc.shmctl(segment, 0, None)
                if place not in (None, 2**64 - 1):
                    ctypes.memmove(place, bytes(block), 2**26)
                    number += 1
                    print("holding", 64 * number, "MiB", flush=True)
        """
    )


class ForkBomb(Attack):
    """Starts processes that start processes, hundreds of them.

    Stock: all 300 processes start (more were not tried).
    """

    answers = cells(
        total="""
            sleep = [sys.executable, "-Sc", "import time; time.sleep(20)", MARKER]
            started = 0
            for _ in range(300):
                pid = os.fork()
                if pid == 0:
                    os.execv(sys.executable, sleep)
                started += 1
            print("started:", started, flush=True)
        """
    )
    silent = True

    def holds(self, outcome: Outcome) -> None:
        """It did not get all of them, and none is left."""
        assert "started: 300" not in outcome.printed
        assert not outcome.world.alive(self.name)


class ThreadBomb(Attack):
    """Starts threads by the thousand.

    Stock: all 5,000 threads start.
    """

    answers = cells(
        total="""
            started = 0
            def wait():
                time.sleep(20)
            for _ in range(5000):
                threading.Thread(target=wait, daemon=True).start()
                started += 1
            print("started:", started, flush=True)
        """
    )
    silent = True

    def holds(self, outcome: Outcome) -> None:
        """It did not get all of them."""
        assert "started: 5000" not in outcome.printed


class EndlessLoop(Attack):
    """Never ends, and swallows each interrupt.

    Stock: the submission fails after a second wait, and all its marks are lost; the
    next is graded.
    """

    answers = cells(
        total="""
            while True:
                try:
                    while True:
                        pass
                except KeyboardInterrupt:
                    continue
        """
    )
    keeps = ("halve", "Doubler", "is_prime")

    def holds(self, outcome: Outcome) -> None:
        """It is stopped, and the student reads why."""
        assert outcome.record.seconds < PATIENCE
        hints = {mark.question: mark.hint for mark in outcome.record.marks}
        assert "5 s" in hints["total-test"]


class EndlessCall(Attack):
    """Is never done in C, which no interrupt reaches, when a check calls it.

    Stock: the submission fails after a second wait, and all its marks are lost; the
    next is graded.
    """

    answers = cells(
        halve="""
            import collections, itertools

            signal.signal(signal.SIGTERM, signal.SIG_IGN)

            def halve(x):
                collections.deque(itertools.repeat(None), maxlen=0)
        """
    )
    keeps = ("total", "Doubler")

    def holds(self, outcome: Outcome) -> None:
        """It is stopped."""
        assert outcome.record.seconds < PATIENCE


class SlowCalls(Attack):
    """Takes nearly the limit in each of many calls.

    Stock: it is interrupted after the limit; no points.
    """

    answers = cells(
        is_prime="""
            def is_prime(n):
                time.sleep(4)
                return True if n == 7 else 0.5
        """
    )

    def holds(self, outcome: Outcome) -> None:
        """The limit is one for the whole check, not for each call."""
        assert outcome.record.seconds < 15


class SleepsInEveryCell(Attack):
    """Never ends, in every cell that there is.

    Stock: each cell is stopped at its own limit; there is none for the whole.
    """

    answers = cells(
        total="time.sleep(1000)",
        halve="time.sleep(1000)",
        is_prime="time.sleep(1000)",
    )

    def holds(self, outcome: Outcome) -> None:
        """The whole has a limit too."""
        assert outcome.record.seconds < PATIENCE


class LargeFile(Attack):
    """Writes one large file.

    Stock: it gets all that it asks for (200 MB were tried).
    """

    answers = cells(
        total="""
            block = bytes(2**24)
            with open("large", "wb", 0) as file:
                for number in range(1, DISK // 2**24 + 1):
                    if file.write(block) < len(block):
                        break
                    print("holding", 16 * number, "MiB", flush=True)
            os.unlink("large")
        """
    )
    silent = True

    def holds(self, outcome: Outcome) -> None:
        """It did not get all of it."""
        assert outcome.held < outcome.world.disk


class SparseFile(Attack):
    """Makes a file of terabytes that takes no room until it is read.

    Stock: the file is made; ``generate_feedback`` then copies it, byte for byte, until
    the disk is full (stopped after 10 GB).
    """

    answers = cells(
        total="""
            with open("sparse", "wb") as file:
                attempt("terabyte", lambda: file.truncate(2**40))
        """
    )
    silent = True

    def holds(self, outcome: Outcome) -> None:
        """There is a limit for a file's size."""
        assert "done: terabyte" not in outcome.printed


class FillsTheDisk(Attack):
    """Writes many files of a size that nobody minds.

    Stock: it gets all that it asks for (200 MB were tried).
    """

    answers = cells(
        total="""
            block, number = bytes(2**20), 0
            os.makedirs("many", exist_ok=True)
            try:
                while number < DISK // 2**20:
                    Path("many", str(number)).write_bytes(block)
                    number += 1
            finally:
                print("holding", number, "MiB", flush=True)
                import shutil
                shutil.rmtree("many")
        """
    )
    silent = True

    def holds(self, outcome: Outcome) -> None:
        """It did not get all of it."""
        assert outcome.held < outcome.world.disk


class Floods(Attack):
    """Puts out hundreds of megabytes."""

    silent = True

    def holds(self, outcome: Outcome) -> None:
        """Little of it is kept."""
        text = str(outcome.notebook)
        assert len(text) < 3_000_000, len(text)
        assert len(outcome.page) < 4_000_000, len(outcome.page)


class FloodsStdout(Floods):
    """Prints 200 MB, in lines.

    Stock: nbgrader keeps the first 1,000 lines.
    """

    answers = cells(
        total="""
            for _ in range(200):
                print(("x" * 99 + chr(10)) * 10_000)
        """
    )


class FloodsStderr(Floods):
    """Writes 200 MB to stderr, past Python too, without a line end.

    Stock: all of it is kept: a notebook and a page of 257 MB each.
    """

    answers = cells(
        total="""
            for _ in range(50):
                sys.stderr.write("x" * 2**20)
                os.write(2, b"x" * 2**20)
                os.write(1, b"x" * 2**20)
            subprocess.run("head -c 50000000 /dev/zero | tr '\\\\0' x; "
                           "head -c 50000000 /dev/zero | tr '\\\\0' x >&2", shell=True)
        """
    )


class FloodsDisplay(Floods):
    """Displays 200 MB of text, pictures and updates of one display.

    Stock: all of it is kept: a notebook and a page of 169 MB each.
    """

    answers = cells(
        total="""
            from IPython.display import display

            shown = display({"text/plain": ""}, raw=True, display_id=True)
            for number in range(40):
                display({"text/plain": "x" * 2**20}, raw=True)
                display({"image/png": "iVBORw0KGgo" + "A" * 2**21}, raw=True)
                display({"text/html": "x" * 2**20}, raw=True)
                shown.update({"text/plain": "x" * 2**20}, raw=True)
        """
    )


class FloodsCalls(Floods):
    """Puts out as much as it can while a check calls it.

    Stock: all of it is kept: a notebook and a page of 210 MB each.
    """

    answers = cells(
        total="""
            def total(numbers):
                for _ in range(100):
                    print("x" * 2**20)
                    sys.stderr.write("x" * 2**20)
        """
    )
    keeps = ("halve",)


class Survivors(Attack):
    """Starts processes that do not end with it."""

    def holds(self, outcome: Outcome) -> None:
        """They ended with it all the same."""
        assert "started" in outcome.printed
        assert not outcome.world.alive(self.name)


class LeavesSession(Survivors):
    """Starts a process in a session of its own.

    Stock: the process goes on after grading.
    """

    answers = cells(
        total="""
            subprocess.Popen(
                [sys.executable, "-Sc", "import time; time.sleep(60)", MARKER],
                start_new_session=True,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            print("started")
        """
    )


class LeavesDaemon(Survivors):
    """Forks twice, ignores signals, and starts itself anew again and again.

    Stock: the process goes on after grading.
    """

    answers = cells(
        total="""
            CODE = (
                "import os, signal, sys, time\\n"
                "for number in (1, 2, 3, 10, 12, 13, 15):\\n"
                "    signal.signal(number, signal.SIG_IGN)\\n"
                "os.closerange(0, 100)\\n"
                "for _ in range(60):\\n"
                "    time.sleep(1)\\n"
                "    if os.fork():\\n"
                "        os._exit(0)\\n"
                "    os.setsid()\\n"
            )
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    os.execv(sys.executable, [sys.executable, "-Sc", CODE, MARKER])
                os._exit(0)
            print("started")
        """
    )


class LeavesThreads(Attack):
    """Leaves threads that keep all processors busy while the checks run.

    Stock: it and the next were graded in 25 s, where others took 9.
    """

    answers = cells(
        total="""
            def spin():
                while True:
                    pass

            for _ in range(8):
                threading.Thread(target=spin, daemon=True).start()
            for _ in range(3):
                if os.fork() == 0:
                    end = time.monotonic() + 30
                    while time.monotonic() < end:
                        pass
                    os._exit(0)
        """
    )

    def holds(self, outcome: Outcome) -> None:
        """It harms itself alone: the others' marks have a test of their own."""
        assert outcome.record.seconds < PATIENCE


class KillsParent(Attack):
    """Kills its parent, and all the processes above it that it can reach.

    Stock: the parent is nbgrader: the batch ends there, and nobody after it is graded
    (tried in namespaces).
    """

    answers = cells(
        total="""
            for name in ("SIGTERM", "SIGINT", "SIGSTOP", "SIGKILL"):
                number = getattr(signal, name)
                attempt(name, lambda: os.kill(os.getppid(), number))
                time.sleep(0.2)
        """
    )
    silent = True

    def holds(self, outcome: Outcome) -> None:
        """If it hit anything, then what was its own."""
        assert outcome.record.seconds < PATIENCE


class KillsEverything(Attack):
    """Kills all processes that it may.

    Stock: nbgrader is killed with all the rest (tried in namespaces).
    """

    answers = cells(
        total="""
            same = os.readlink("/proc/self/ns/pid") == PIDS
            print("unconfined:", same, flush=True)
            if not same:
                os.kill(-1, signal.SIGKILL)
        """
    )
    silent = True

    def holds(self, outcome: Outcome) -> None:
        """It was alone: had it not been, it would have spared the machine."""
        assert "unconfined: True" not in outcome.printed
        assert outcome.record.seconds < PATIENCE


class StopsItself(Attack):
    """Stops its process, which then answers no interrupt.

    Stock: the submission fails after a second wait, and all its marks are lost; the
    next is graded.
    """

    answers = cells(total="time.sleep(1)\nos.kill(os.getpid(), signal.SIGSTOP)")
    keeps = ("halve", "Doubler", "is_prime")

    def holds(self, outcome: Outcome) -> None:
        """It costs that question."""
        assert outcome.record.seconds < PATIENCE


class ClosesDescriptors(Attack):
    """Closes all its files, those that the kernel speaks through among them.

    Stock: the kernel dies, and all marks of this submission are lost; the next is
    graded.
    """

    answers = cells(total="os.closerange(0, 4096)")
    keeps = ("halve", "Doubler", "is_prime")
    silent = True

    def holds(self, outcome: Outcome) -> None:
        """It costs that question."""
        assert outcome.record.seconds < PATIENCE


class Calls(Attack):
    """Looks for somebody to talk to."""

    def holds(self, outcome: Outcome) -> None:
        """It tried, and nobody was there."""
        assert outcome.failed
        assert not outcome.done
        assert not [line for line in outcome.world.heard if self.name in line]


class CallsNetwork(Calls):
    """Connects to services of this machine, and asks for a name in the world's.

    Stock: all that listens here is reached; names of the world could not be asked for,
    since there was no network where this was tried.
    """

    answers = cells(
        total="""
            def call(address):
                with socket.create_connection(address, timeout=2) as end:
                    end.sendall(NAME.encode())

            attempt("TCP", lambda: call(("127.0.0.1", PORTS[0])))
            attempt("TCP 6", lambda: call(("::1", PORTS[1])))
            attempt("DNS", lambda: socket.getaddrinfo("example.org", 80))
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
                here = ("127.0.0.1", PORTS[2])
                end.sendto(NAME.encode(), here)  # into its own loopback, one hopes
                attempt("out", lambda: end.sendto(NAME.encode(), ("192.0.2.1", 53)))
        """
    )


class CallsSockets(Calls):
    """Connects to Unix sockets, those with a file and those without.

    Stock: both are reached.
    """

    answers = cells(
        total="""
            def call(address):
                with socket.socket(socket.AF_UNIX) as end:
                    end.settimeout(2)
                    end.connect(address)
                    end.sendall(NAME.encode())

            attempt("socket", lambda: call(SOCKET))
            attempt("abstract socket", lambda: call(ABSTRACT))
        """
    )


class CallsThroughDescriptors(Attack):
    """Looks among the sockets that it was left for one that still reaches outside.

    Stock: the kernel's own sockets are of the internet: it has all that it needs.
    """

    answers = cells(
        total="""
            def call(fd):
                end = socket.socket(fileno=os.dup(fd))
                if end.family in (socket.AF_INET, socket.AF_INET6):
                    if end.type == socket.SOCK_STREAM:
                        end.listen(1)
                    else:
                        end.sendto(NAME.encode(), ("127.0.0.1", PORTS[2]))
                    return end.getsockname()
                raise OSError(f"no internet socket: {end.family}")

            for fd in [int(name) for name in os.listdir("/proc/self/fd")]:
                attempt(fd, lambda: call(fd))
            print("tried")
        """
    )

    def holds(self, outcome: Outcome) -> None:
        """They end at the loopback of its own, which leads nowhere."""
        assert "tried" in outcome.printed
        assert all("127.0.0.1" in line for line in outcome.done)
        assert not [line for line in outcome.world.heard if self.name in line]


class RegainsPrivileges(Attack):
    """Tries to become root again, by itself and by programs that may.

    Stock: run as root, it is root: it reads the passwords' file.
    """

    answers = cells(
        total="""
            status = Path("/proc/self/status").read_text()
            for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb", "NoNewPrivs"):
                print(re.search(rf"(?m)^{name}:.*$", status)[0])

            def read_mail():
                os.setuid(0)
                return Path("/etc/shadow").read_text()[:4]

            attempt("shadow", read_mail)
            attempt("nice", lambda: os.nice(-5))
            attempt("root's groups", lambda: os.setgroups([0]))
            for program in ("su", "mount", "newgrp"):
                attempt(program, lambda: subprocess.run(
                    [program, "--help"], stdin=subprocess.DEVNULL, check=True,
                    capture_output=True, timeout=2).args)
        """
    )

    def holds(self, outcome: Outcome) -> None:
        """It has no capability, and can get none."""
        for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb"):
            assert f"{name}:\t0000000000000000" in outcome.printed
        assert "NoNewPrivs:\t1" in outcome.printed
        for name in ("shadow", "nice", "root's groups"):
            assert f"failed: {name}" in outcome.printed


class ReachesTheKernel(Attack):
    """Asks the kernel for what no notebook needs, each time a source of holes.

    Stock: most of them are open to it.
    """

    answers = cells(
        total="""
            import ctypes

            libc = ctypes.CDLL(None, use_errno=True)
            NUMBERS = {"keyctl": 250, "bpf": 321, "userfaultfd": 323,
                       "io_uring_setup": 425, "perf_event_open": 298,
                       "init_module": 175, "open_by_handle_at": 304}
            REFUSED = (1, 13, 38)  # not permitted, no access, no such call
            if os.uname().machine == "x86_64":
                room = ctypes.create_string_buffer(256)
                for name, number in NUMBERS.items():
                    found = libc.syscall(number, 0, room, 0, 0, 0)
                    refused = found < 0 and ctypes.get_errno() in REFUSED
                    print("failed:" if refused else "done:", name, ctypes.get_errno())
            else:
                print("failed: not tried on this machine")
        """
    )

    def holds(self, outcome: Outcome) -> None:
        """It gets none of it."""
        assert outcome.failed
        assert not outcome.done
