"""Attacks that write what is shared: marks, the course, the environment, the kernel."""

from __future__ import annotations

from attacks import HONEST, Attack, Outcome, cells


class Writes(Attack):
    """Leaves a file with a telling name."""

    def holds(self, outcome: Outcome) -> None:
        """It tried, and outside there is no such file."""
        assert outcome.failed or outcome.done
        assert not leftovers(outcome, self.name)


def leftovers(outcome: Outcome, name: str) -> list[str]:
    """Return the attempts that came off and can be seen from outside."""
    world = outcome.world
    found = []
    for line in outcome.printed.splitlines():
        if line.startswith("wrote: "):
            path = line.removeprefix("wrote: ")
            # A path of the same name may be another one inside.
            if world.marker(name) in path and world.exists(path):
                found.append(path)
    return found


WRITE = """
            def write(path):
                path = Path(path)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(MARKER)
                print("wrote:", path)
"""


class WritesGradebook(Attack):
    """Gives itself full marks in the gradebook, by hand and for all questions.

    Stock: every student has 4 points by hand and 10 extra for each question; the next
    submission can't be graded any more.
    """

    answers = cells(
        total="""
            import sqlite3

            def improve():
                name = f"file:{COURSE}/gradebook.db?mode=rw"
                book = sqlite3.connect(name, uri=True, timeout=1)
                book.execute("update grade set manual_score = 4, extra_credit = 10")
                book.execute("update grade_cells set max_score = 0")
                book.commit()

            def later():
                for _ in range(40):
                    time.sleep(0.5)
                    try:
                        improve()
                    except Exception:
                        pass

            attempt("marks", improve)
            if os.fork() == 0:
                os.setsid()
                for fd in range(3):
                    os.close(fd)
                later()
                os._exit(0)
        """
    )

    def holds(self, outcome: Outcome) -> None:
        """It found no gradebook; that its marks are 0 is seen with all others."""
        assert "failed: marks" in outcome.printed
        assert outcome.points["why"] == 0


class WritesCourse(Writes):
    """Writes into the course's folder, and changes the instructor's notebook.

    Stock: the file is there, and the instructor's notebook is changed.
    """

    answers = cells(
        total=WRITE
        + """
            attempt("course", lambda: write(f"{COURSE}/{MARKER}"))
            for path in Path(COURSE).rglob("sample.ipynb"):
                if path.parts[-3] in ("solutions", "source", "release"):
                    attempt(path, lambda: path.write_text(path.read_text() + " "))
        """
    )


class ReplacesAnother(Attack):
    """Replaces what the other students handed in, and hopes that they come later.

    Stock: the next student's notebook is overwritten before its turn, and fails; the
    one graded before loses the file.
    """

    answers = cells(
        total="""
            def replace(path):
                path.write_text("{}")

            for top in (CLASS, f"{COURSE}/submitted", f"{COURSE}/autograded"):
                for student in ("ann", "zoe"):
                    path = Path(top, student, "sample.ipynb")
                    attempt(path, lambda: replace(path))
                    path = Path(top, student, "sample", "sample.ipynb")
                    attempt(path, lambda: replace(path))
        """
    )

    def holds(self, outcome: Outcome) -> None:
        """The files are whole; that the others' marks are right has its own test."""
        assert outcome.failed and not outcome.done
        for student in HONEST:
            path = outcome.world.handed_in / student / "sample.ipynb"
            assert path.stat().st_size > 100


class WritesSitePackages(Writes):
    """Puts a file where every later Python would run it, and edits the grader.

    Stock: the files are there, in the environment of everything that is graded later.
    """

    answers = cells(
        total=WRITE
        + """
            import site, sysconfig

            places = {*sys.path, *site.getsitepackages(), site.getusersitepackages()}
            places |= {str(Path(torch.__file__).parent), sysconfig.get_path("scripts")}
            for place in places:
                if place and not place.endswith(".zip"):
                    attempt(place, lambda: write(f"{place}/{MARKER}.txt"))
        """
    )


class WritesHome(Writes):
    """Leaves files in the home, where start-up scripts and keys are kept.

    Stock: the files are there, one of them where IPython looks for scripts at every
    start.
    """

    answers = cells(
        total=WRITE
        + """
            for home in (HOME, os.path.expanduser("~"), "/root"):
                for part in (".ipython/profile_default/startup", ".ssh", ".config"):
                    attempt(part, lambda: write(f"{home}/{part}/{MARKER}.txt"))
        """
    )


class WritesTemporary(Writes):
    """Leaves files in the folders that all programs share.

    Stock: the files are there, and stay.
    """

    answers = cells(
        total=WRITE
        + """
            for place in ("/tmp", "/var/tmp", "/dev/shm", "/run", "/mnt", "/", OUTSIDE):
                attempt(place, lambda: write(f"{place}/{MARKER}"))
        """
    )


class WritesData(Writes):
    """Changes the data that the next submission will read, and the caches.

    Stock: the files are there, and stay.
    """

    answers = cells(
        total=WRITE
        + """
            places = [os.environ.get("LATENTSPACES_DATA", OUTSIDE), torch.hub.get_dir()]
            places += [os.environ.get("MPLCONFIGDIR", f"{HOME}/.cache")]
            for place in places:
                attempt(place, lambda: write(f"{place}/{MARKER}"))
        """
    )


class WritesKernelSettings(Attack):
    """Writes settings of the kernel under ``/proc/sys`` and ``/sys``: their own values.

    Stock: run as root, all of them are written.
    """

    answers = cells(
        total="""
            def write(path):
                text = Path(path).read_text()
                with open(path, "w") as file:
                    file.write(text)

            for name in ("kernel/core_pattern", "vm/overcommit_memory", "fs/file-max",
                         "kernel/hostname", "net/ipv4/ip_forward", "kernel/shmmax"):
                attempt(name, lambda: write(f"/proc/sys/{name}"))
            attempt("core", lambda: write("/proc/self/coredump_filter"))
            attempt("trigger", lambda: os.close(os.open("/proc/sysrq-trigger", 1)))
            attempt("name", lambda: socket.sethostname(socket.gethostname()))
        """
    )

    def holds(self, outcome: Outcome) -> None:
        """None of them took it, its own core filter aside."""
        assert len(outcome.failed) >= 5
        assert all(line.startswith("done: core:") for line in outcome.done)


class MountsThings(Attack):
    """Mounts and remounts, as it is and in namespaces that it makes for itself.

    Stock: run as root, the mounts stay, and nbgrader can't delete the folder they are
    in: the batch stops (tried in namespaces).
    """

    answers = cells(
        total="""
            import ctypes

            libc = ctypes.CDLL(None, use_errno=True)

            def call(name, *arguments):
                if getattr(libc, name)(*arguments):
                    raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

            REMOUNT, BIND = 32, 4096
            WHERE = f"{os.getcwd()}/mounted".encode()
            os.makedirs(WHERE, exist_ok=True)

            def mounts(when):
                attempt(f"tmpfs {when}",
                        lambda: call("mount", b"x", WHERE, b"tmpfs", 0, None))
                attempt(f"proc {when}",
                        lambda: call("mount", b"proc", WHERE, b"proc", 0, None))
                attempt(f"remount {when}",
                        lambda: call("mount", b"", b"/usr", b"", REMOUNT | BIND, None))
                attempt(f"pivot {when}", lambda: os.chroot("/proc/1/root"))

            mounts("as it is")
            child = os.fork()
            if child == 0:
                attempt("unshare", lambda: call("unshare", 0x10000000 | 0x00020000))
                mounts("in its own namespaces")
                sys.stdout.flush()
                os._exit(0)
            os.waitpid(child, 0)
        """
    )

    def holds(self, outcome: Outcome) -> None:
        """It is given no right to."""
        assert "failed: tmpfs as it is" in outcome.printed
        assert "done: tmpfs" not in outcome.printed
        assert "done: remount" not in outcome.printed


class LeavesNotes(Attack):
    """Leaves something for ``takes-notes``: files, shared memory, keys, a socket.

    Stock: the files, the shared memory, the key and the process with its socket are all
    there afterwards.
    """

    answers = cells(
        total="""
            import ctypes, tempfile

            places = ["/tmp", "/var/tmp", "/dev/shm", "/run", "/dev/mqueue", OUTSIDE,
                      tempfile.gettempdir(), os.path.expanduser("~"), os.getcwd(), "."]
            for place in places:
                path = Path(place, f"notes-{SCALE}")
                attempt(path, lambda: path.write_text("the answer"))
            libc = ctypes.CDLL(None, use_errno=True)
            print("shm:", libc.shmget(SCALE, 4096, 0o1666))
            name = f"notes-{SCALE}".encode()
            print("key:", libc.syscall(248, b"user", name, b"x", 1, -4))
            if os.fork() == 0:
                os.setsid()
                with socket.socket(socket.AF_UNIX) as end:
                    end.bind(f"{chr(0)}notes-{SCALE}")
                    end.listen()
                    time.sleep(20)
                os._exit(0)
        """
    )

    def holds(self, outcome: Outcome) -> None:
        """Nothing of it is there afterwards."""
        world = outcome.world
        assert "shm:" in outcome.printed
        assert f" {world.ports[0]} " not in world.read("/proc/sysvipc/shm")
        assert f"notes-{world.ports[0]}" not in world.read("/proc/net/unix")
        for place in ("/tmp", "/var/tmp", "/dev/shm", str(world.outside)):
            assert not world.exists(f"{place}/notes-{world.ports[0]}")


class LeavesMess(Attack):
    """Leaves folders that are hard to delete: deep, unreadable, with odd names.

    Stock: nbgrader can't delete the folders, and the batch stops with a RecursionError.
    """

    answers = cells(
        total=r"""
            import tempfile

            for top in {os.getcwd(), tempfile.gettempdir(), os.path.expanduser("~")}:
                os.chdir(top)
                for name in (MARKER, f"{MARKER}\n\x1b[31m", f"{MARKER}-" + "ü" * 50):
                    Path(name).mkdir()
                for number in range(2000):
                    Path(MARKER, f"{number}").touch()
                os.symlink(COURSE, f"{MARKER}-link")
                os.symlink("/", Path(MARKER, "root"))
                os.mkfifo(Path(MARKER, "pipe"))
                os.chmod(MARKER, 0)
                os.mkdir(f"{MARKER}-deep")
                os.chdir(f"{MARKER}-deep")
                for depth in range(1500):
                    os.mkdir("d")
                    os.chdir("d")
                os.chdir(top)
                os.chmod(f"{MARKER}-deep", 0)
            print("left:", top)
        """
    )

    def holds(self, outcome: Outcome) -> None:
        """The course is whole, and the mess is gone: another test looks for it."""
        assert "left:" in outcome.printed
        assert (outcome.world.course / "nbgrader_config.py").exists()


class CutsTheBranch(Attack):
    """Deletes, moves and links away the folder that it works in.

    Stock: its folder in ``autograded`` becomes a link to the course, and the rest is
    graded.
    """

    answers = cells(
        total="""
            import shutil

            here = os.getcwd()
            attempt("empty", lambda: shutil.rmtree(here))
            attempt("link", lambda: os.symlink(COURSE, here))
            os.makedirs("/tmp/elsewhere", exist_ok=True)
            os.chdir("/tmp/elsewhere")
            shutil.rmtree("/tmp/elsewhere")
        """
    )
    keeps = ("halve",)

    def holds(self, outcome: Outcome) -> None:
        """The course has not been deleted in its place."""
        assert (outcome.world.course / "nbgrader_config.py").exists()


class WritesThroughDescriptors(Attack):
    """Writes to every file and socket that it was left open.

    Stock: it writes into the grader's own log.
    """

    answers = cells(
        total="""
            if os.fork() == 0:
                for fd in range(3, 1024):
                    try:
                        name = os.readlink(f"/proc/self/fd/{fd}")
                        if name.startswith("/") and not name.startswith("/dev"):
                            os.write(fd, MARKER.encode())
                            print("done:", name, flush=True)
                    except OSError:
                        pass
                print("tried", flush=True)
                os._exit(0)
            os.wait()
        """
    )

    def holds(self, outcome: Outcome) -> None:
        """There was nothing to write to."""
        assert "tried" in outcome.printed
        assert not outcome.done
