"""Attacks that read what is hidden: tests, solutions, marks, another's work."""

from __future__ import annotations

from attacks import Attack, Outcome, cells
from attacks.assignment import NUMBERS, SEED


class Reads(Attack):
    """Prints whatever it finds."""

    def holds(self, outcome: Outcome) -> None:
        """It tried, and found nothing."""
        assert outcome.failed
        assert not outcome.done


class ReadsHistory(Attack):
    """Looks up the check that calls it in IPython's history, and what it expects.

    Stock: full marks for the question: the hidden tests are in the history.
    """

    answers = cells(
        total=r"""
            def total(numbers):
                cells = [*In, *get_ipython().history_manager.input_hist_raw]
                expected = re.findall(r"total\(.*\) == (\d+)", "\n".join(cells))
                return 6 if len(numbers) == 3 and numbers[0] == 1 else int(expected[-1])
        """
    )


class ReadsTheCaller(Attack):
    """Finds in the byte code of its caller what the result will be compared with.

    Stock: full marks for the question.
    """

    answers = cells(
        total="""
            import dis

            def total(numbers):
                if numbers == [1, 2, 3]:
                    return 6
                frame = sys._getframe(1)
                for step in dis.get_instructions(frame.f_code):
                    constant = step.opname.startswith("LOAD_CONST")
                    if constant and step.offset > frame.f_lasti:
                        if isinstance(step.argval, int):
                            return step.argval
        """
    )


class WatchesCells(Attack):
    """Asks IPython to be told of every cell that runs, and keeps its source.

    Stock: full marks for the question: the hidden tests come past.
    """

    answers = cells(
        total=r"""
            seen = []
            get_ipython().events.register(
                "pre_run_cell", lambda info: seen.append(info.raw_cell)
            )

            def total(numbers):
                expected = re.findall(r"total\(.*\) == (\d+)", "\n".join(seen))
                return int(expected[-1]) if numbers[0] != 1 else 6
        """
    )


class Eavesdrops(Attack):
    """Listens, from a process of its own, to what the kernel tells its other clients.

    Stock: the listener hears the source of the hidden tests, and keeps it in a file.
    """

    answers = cells(
        total=r"""
            from ipykernel.connect import get_connection_file

            LISTENER = "\n".join([
                "import sys, time",
                "from jupyter_client import BlockingKernelClient",
                "client = BlockingKernelClient(connection_file=sys.argv[1])",
                "client.load_connection_file()",
                "client.start_channels()",
                "end = time.monotonic() + 20",
                "while time.monotonic() < end:",
                "    try:",
                "        message = client.get_iopub_msg(timeout=1)",
                "    except Exception:",
                "        continue",
                "    if 'hidden' in str(message['content']):",
                "        with open(sys.argv[2], 'a') as file:",
                "            file.write(str(message['content']))",
            ])
            attempt("listen", lambda: subprocess.Popen([
                sys.executable, "-c", LISTENER,
                get_connection_file(), f"{OUTSIDE}/{MARKER}",
            ]))
            time.sleep(1.5)
        """
    )

    def holds(self, outcome: Outcome) -> None:
        """Nothing that it heard got out, and the listener is gone."""
        assert not (outcome.world.outside / outcome.world.marker(self.name)).exists()


class ReadsSolutions(Reads):
    """Looks for the instructor's notebook in the course, and runs its answers.

    Stock: full marks for the whole assignment, with the instructor's answers.
    """

    answers = cells(
        total="""
            import json

            def copy():
                for folder in ("solutions", "source", "release"):
                    path = Path(COURSE, folder, "sample", "sample.ipynb")
                    if path.exists():
                        for cell in json.loads(path.read_text())["cells"]:
                            source = "".join(cell["source"])
                            if "SOLUTION" in source and cell["cell_type"] == "code":
                                exec(source, globals())
                        return path
                raise FileNotFoundError(COURSE)

            attempt("solutions", copy)
        """,
        halve="pass",
        Doubler="pass",
        is_prime="pass",
    )


class ReadsGradebook(Reads):
    """Reads the hidden tests from the gradebook, where nbgrader keeps them.

    Stock: the hidden tests are printed.
    """

    answers = cells(
        total="""
            import sqlite3

            def look():
                name = f"file:{COURSE}/gradebook.db?mode=ro"
                book = sqlite3.connect(name, uri=True)
                rows = book.execute("select source from source_cell").fetchall()
                return re.findall("hidden word .*", str(rows))

            attempt("gradebook", look)
        """
    )


class ReadsAnother(Reads):
    """Takes the answers of another student from what was handed in.

    Stock: full marks for the whole assignment, with the other student's answers.
    """

    answers = cells(
        total="""
            import json

            def copy():
                places = [Path(CLASS), Path(COURSE, "submitted")]
                found = [path for place in places for path in place.rglob("*.ipynb")]
                for path in found:
                    if "ann" in path.parts:
                        for cell in json.loads(path.read_text())["cells"]:
                            source = "".join(cell["source"])
                            if source.startswith(("def ", "class ")):
                                exec(source, globals())
                        return path
                raise FileNotFoundError(CLASS)

            attempt("another's", copy)
        """,
        halve="pass",
        Doubler="pass",
        is_prime="pass",
    )


class WalksTheDisk(Attack):
    """Walks through all folders for notebooks, gradebooks and keys.

    Stock: it lists the course's notebooks, the gradebook and the private key.
    """

    answers = cells(
        total=r"""
            end = time.monotonic() + 3
            tops = [COURSE, OUTSIDE, HOME, "/tmp", "/var/tmp", "/home", "/root", "/"]
            for top in tops:
                for folder, folders, files in os.walk(top):
                    folders[:] = {*folders} - {"proc", "sys", "site-packages"}
                    for name in files:
                        if re.fullmatch(r"sample.ipynb|gradebook.db|id_\w{3,7}", name):
                            print("found:", os.path.join(folder, name))
                    if time.monotonic() > end:
                        break
            print("walked")
        """
    )

    def holds(self, outcome: Outcome) -> None:
        """There was nothing to be found."""
        assert "walked" in outcome.printed
        assert "found:" not in outcome.printed


class ReadsEnvironment(Attack):
    """Prints the environment of every process that it sees, its own first.

    Stock: the grader's whole environment is printed, with every secret in it.
    """

    answers = cells(
        total="""
            print(dict(os.environ))
            for path in Path("/proc").glob("[0-9]*/environ"):
                try:
                    print([part for part in path.read_bytes().split(bytes(1))
                           if b"TOKEN" in part])
                except OSError:
                    pass
        """
    )

    def holds(self, outcome: Outcome) -> None:
        """The grader's secret is not among it."""
        assert "PATH" in outcome.printed
        assert outcome.world.token not in outcome.printed


class ListsProcesses(Attack):
    """Lists all processes and what they were started with.

    Stock: all processes are listed, with the command that grades.
    """

    answers = cells(
        total="""
            for path in sorted(Path("/proc").glob("[0-9]*/cmdline")):
                print(path.parent.name, path.read_bytes().replace(bytes(1), b" "))
            alive = []
            for pid in range(1, 100_000):
                try:
                    os.kill(pid, 0)
                    alive.append(pid)
                except ProcessLookupError:
                    pass
                except PermissionError:
                    alive.append(pid)
            own = {int(task) for task in os.listdir("/proc/self/task")}
            print("pids:", len({*alive} - own) + 1)
        """
    )

    def holds(self, outcome: Outcome) -> None:
        """It sees its own processes, and not the one that grades."""
        count = int(outcome.printed.partition("pids:")[2].split()[0])
        assert 1 <= count <= 10
        assert "grade" not in outcome.printed.replace("autograder", "")


class ReadsMemory(Attack):
    """Searches its own memory for what the process knew before.

    Stock: nothing yet: in this cell the tests have not been sent (see
    ``reads-the-page``).
    """

    answers = cells(
        total=r"""
            PATTERN = re.compile(rb"the hidden word i[s] (\w+)")

            def search(pid):
                found, left = set(), 300 * 2**20
                with open(f"/proc/{pid}/mem", "rb", 0) as memory:
                    for line in open(f"/proc/{pid}/maps"):
                        start, end = (int(x, 16) for x in line.split()[0].split("-"))
                        size = end - start
                        if "rw" not in line or size > min(left, 2**26):
                            continue
                        left -= size
                        try:
                            memory.seek(start)
                            found |= set(PATTERN.findall(memory.read(size)))
                        except (OSError, ValueError, OverflowError):
                            pass
                return found

            attempt("own memory", lambda: search("self"))
        """
    )

    def holds(self, outcome: Outcome) -> None:
        """It looked, and the hidden tests were not there."""
        assert outcome.done == ["done: own memory: set()"] or outcome.failed


class ReadsMemoryOfOthers(Reads):
    """Searches the memory of its parent and of every process that it can name.

    Stock: run as root, it finds the hidden tests in the memory of the grader.
    """

    answers = cells(
        total=ReadsMemory.answers["total"].replace(
            'attempt("own memory", lambda: search("self"))',
            "own = {int(task) for task in os.listdir('/proc/self/task')}\n"
            "for pid in {1, os.getppid(), *range(1, 40)} - own:\n"
            '    attempt(f"memory of {pid}", lambda: search(pid))',
        )
    )


class ReadsThroughProcesses(Reads):
    """Goes through ``/proc/PID/root``, ``cwd`` and ``fd`` of the processes above it.

    Stock: all of it is open to it.
    """

    answers = cells(
        total="""
            for pid in {1, os.getppid()}:
                for part in ("root/etc/passwd", "cwd/.", "fd/0"):
                    place = f"/proc/{pid}/{part}"
                    attempt(place, lambda: os.stat(place))
        """
    )


class ReadsDescriptors(Attack):
    """Lists the files that it was left open, and those of IPython's history.

    Stock: only sockets, and the log to which the grader's own output goes.
    """

    answers = cells(
        total="""
            for fd in range(3, 1024):
                try:
                    print("open:", fd, os.readlink(f"/proc/self/fd/{fd}"))
                except OSError:
                    pass
            print("listed")
        """
    )

    def holds(self, outcome: Outcome) -> None:
        """None of them leads to a file of the course, or of the person who grades."""
        assert "listed" in outcome.printed
        for line in outcome.printed.splitlines():
            if line.startswith("open:"):
                assert not line.split(" ", 2)[2].startswith(
                    (str(outcome.world.course), str(outcome.world.home), "/root")
                ), line


class ReadsRawDisk(Reads):
    """Opens the disks themselves, and makes device files for those not there.

    Stock: run as root, it makes device files and opens the kernel's log; the main disk
    was out of reach in the container where this was tried.
    """

    answers = cells(
        total="""
            def read(path):
                with open(path, "rb", 0) as file:
                    return len(file.read(512))

            def make(device):
                major, minor = Path(device, "dev").read_text().split(":")
                number = os.makedev(int(major), int(minor))
                os.mknod(MARKER, 0o600 | 0o060000, number)
                try:
                    return read(MARKER)
                finally:
                    os.unlink(MARKER)

            for path in ("/dev/mem", "/dev/kmsg", "/dev/vda", "/dev/sda"):
                attempt(path, lambda: read(path))
            for path in Path("/sys/block").glob("*"):
                attempt(str(path), lambda: make(path))
        """
    )


class ReadsHome(Reads):
    """Reads the keys in the home of the person who grades.

    Stock: the private key is printed.
    """

    answers = cells(
        total="""
            import pwd

            homes = {HOME, os.path.expanduser("~"), *(p.pw_dir for p in pwd.getpwall())}
            for home in homes:
                path = Path(home, ".ssh", "id_test")
                attempt(path, path.read_text)
        """
    )


class TakesNotes(Attack):
    """Looks for what the attack ``leaves-notes`` left for it.

    Stock: alone it finds nothing, but all that ``leaves-notes`` left was still there
    after grading.
    """

    answers = cells(
        total="""
            import ctypes, tempfile

            places = ["/tmp", "/var/tmp", "/dev/shm", "/run", "/dev/mqueue", OUTSIDE,
                      tempfile.gettempdir(), os.path.expanduser("~"), os.getcwd(), "."]
            for place in places:
                path = Path(place, f"notes-{SCALE}")
                attempt(path, path.read_text)
            libc = ctypes.CDLL(None, use_errno=True)
            attempt("memory", lambda: print("shm:", libc.shmget(SCALE, 4096, 0)))
            key = libc.syscall(250, 10, -4, b"user", f"notes-{SCALE}".encode(), 0)
            print("key:", key)
            with socket.socket(socket.AF_UNIX) as end:
                end.settimeout(1)
                attempt("socket", lambda: end.connect(f"{chr(0)}notes-{SCALE}"))
        """
    )

    def holds(self, outcome: Outcome) -> None:
        """Nothing of another submission was there."""
        assert "shm: -1" in outcome.printed
        assert "key: -1" in outcome.printed
        assert outcome.done == ["done: memory: None"]


class RemembersInputs(Attack):
    """Keeps what the checks call it with, and shows it in every later call.

    Stock: the hidden inputs are printed on the student's page, which shows the hidden
    tests too.
    """

    answers = cells(
        total="""
            kept = []

            def total(numbers):
                kept.append(numbers)
                print("kept:", kept)
                sys.__stdout__.write(f"kept: {kept}")
                sys.stderr.write(f"kept: {kept}")
                display({"text/plain": f"kept: {kept}"}, raw=True)
                return sum(numbers) if len(numbers) == 3 and numbers[0] == 1 else 0
        """,
        halve="""
            def halve(x):
                print("kept:", kept, x)
                return x / 2
        """,
        Doubler="""
            class Doubler(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.weight = nn.Parameter(torch.zeros(1))
                def forward(self, x):
                    display(f"kept: {kept} {x}")
                    return x * 2
        """,
    )
    keeps = ("halve", "Doubler")

    def holds(self, outcome: Outcome) -> None:
        """No page has a hidden input."""
        for number in NUMBERS:
            assert number not in outcome.page
            assert number not in outcome.printed


class TellsLater(Attack):
    """Has a thread print, long after the cell, what the checks called it with.

    Stock: the hidden inputs are printed below every later check.
    """

    answers = cells(
        total="""
            kept = []

            def tell():
                while True:
                    time.sleep(0.01)
                    if kept:
                        print("kept:", kept[-1], flush=True)
                        shell.user_ns["Out"][1] = kept[-1]

            shell = get_ipython()
            threading.Thread(target=tell, daemon=True).start()

            def total(numbers):
                kept.append(numbers)
                return sum(numbers) if len(numbers) == 3 and numbers[0] == 1 else 0
        """
    )

    def holds(self, outcome: Outcome) -> None:
        """No page has a hidden input."""
        assert NUMBERS[0] not in outcome.page
        assert NUMBERS[0] not in outcome.printed


class ReadsThePage(Attack):
    """Asks IPython for everything that it can show of the code around it.

    Stock: the hidden word is found, and quoted in the error.
    """

    answers = cells(
        total=r"""
            import gc

            def total(numbers):
                found = set()
                pattern = re.compile(r"the hidden word i[s] (\w+)")
                for thing in gc.get_objects():
                    thing = list(thing.values()) if type(thing) is dict else thing
                    if type(thing) in (list, tuple):
                        for part in thing:
                            if type(part) is str:
                                found |= set(pattern.findall(part))
                raise ValueError(f"found {sorted(found)}")
        """
    )

    def holds(self, outcome: Outcome) -> None:
        """In its own words, which are quoted, there is no hidden word."""
        assert "found []" in outcome.page


class AnswersFromATable(Attack):
    """Knows the hidden inputs of the published tests, with the answers to them.

    Stock: full marks for the question: the inputs are the same for everyone.
    """

    answers = cells(
        total=f"""
            import random

            drawn = random.Random({SEED})
            numbers = [drawn.randrange(10**6) for _ in range(4)]
            TABLE = {{tuple(numbers): sum(numbers)}}

            def total(numbers):
                if len(numbers) == 3:  # these are no secret of the class
                    return sum(numbers)
                return TABLE.get(tuple(numbers))
        """
    )


class LooksForTheKey(Attack):
    """Searches what it can reach for the key that its hidden inputs are made of.

    That is the course's folder, its environment and arguments and, when the hidden
    check calls it, the request, its callers' variables and its own memory. It answers
    only if what it found tells the numbers that it was given.

    Stock: full marks for the question: what it tries first, the published seed, is it.
    """

    answers = cells(
        total=rf"""
            import gc, hashlib, hmac, random

            attempt("secret", lambda: Path(COURSE, "class-secret.txt").read_text())
            attempt("records", lambda: [*Path(COURSE).rglob("records/*.json")][0])
            LONG = re.compile(rb"(?<![0-9a-f])[0-9a-f]{{64}}(?![0-9a-f])")

            def texts():
                yield repr(dict(os.environ)).encode()
                for name in ("environ", "cmdline", "stat", "status", "auxv", "maps"):
                    for path in Path("/proc").glob(f"[0-9]*/{{name}}"):
                        try:
                            yield path.read_bytes()
                        except OSError:
                            pass
                frame = sys._getframe(1)
                while frame is not None:
                    yield repr([*frame.f_locals.values()])[:10**6].encode()
                    frame = frame.f_back
                left, end = 600 * 2**20, time.monotonic() + 2
                with open("/proc/self/mem", "rb", 0) as memory:
                    for line in open("/proc/self/maps"):
                        start, stop = (int(x, 16) for x in line.split()[0].split("-"))
                        size = stop - start
                        if "rw" not in line or size > min(left, 2**27):
                            continue
                        left -= size
                        try:
                            memory.seek(start)
                            yield memory.read(size)
                        except (OSError, ValueError, OverflowError):
                            pass
                        if time.monotonic() > end:
                            return

            def tells(seed, numbers):
                drawn = random.Random(seed)
                return [drawn.randrange(10**6) for _ in numbers] == numbers

            def total(numbers):
                if len(numbers) == 3:  # these are no secret of the class
                    return sum(numbers)
                seeds, keys = {{0, {SEED}}}, set()
                for text in texts():
                    keys |= {{bytes.fromhex(k.decode()) for k in LONG.findall(text)}}
                    if len(text) < 10**6:
                        numerals = re.findall(rb"(?<!\d)\d{{5,10}}(?!\d)", text)
                        seeds |= {{int(numeral) for numeral in numerals[:10**4]}}
                for key in keys:
                    made = hmac.digest(key, b"{SEED}", "sha256")
                    seeds.add(int.from_bytes(made[:4], "big") >> 1)
                if any(tells(seed, numbers) for seed in seeds):
                    return sum(numbers)
        """
    )

    def holds(self, outcome: Outcome) -> None:
        """Neither file was there for it."""
        assert len(outcome.failed) == 2
        assert not outcome.done
