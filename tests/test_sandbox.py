"""Code in the sandbox computes as it would outside, and can do no harm."""

import asyncio
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
from concurrent.futures import Future
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from autograder.errors import SandboxError
from autograder.pipeline import candidate
from autograder.pipeline.candidate import Candidate, End
from autograder.sandbox import provisioner, seccomp
from autograder.sandbox.limits import MIB, Limits
from autograder.sandbox.warm import ForkedProcess, WarmProcess

# On Linux an absent sandbox is a failure, not a reason to skip.
pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="the sandbox needs Linux's namespaces"
)
SMALL = Limits(memory=1024 * MIB, processes=64, disk=8 * MIB, shared_memory=64 * MIB)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    (folder / "beats.txt").write_text("1 2 3")
    folder.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def warm(data):
    with WarmProcess(data=data, environment={"COURSE": "latent"}) as process:
        yield process


@pytest.fixture(scope="module")
def shared(warm):
    with Candidate(warm, SMALL) as candidate:
        candidate.run("import ctypes, json, os, socket, subprocess", 30)
        yield candidate


def show(candidate: Candidate, source: str, seconds: float = 30) -> str:
    """Run a cell, and return what it printed or the error that ended it."""
    run = candidate.run(source, seconds)
    assert run.end is End.DONE, run
    return "".join(
        o.get("text", "") or o.get("evalue", "") or o["data"].get("text/plain", "")
        for o in run.outputs
    ).strip()


# What an honest notebook does


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("import torch; print((torch.ones(9, 7) @ torch.ones(7, 8)).sum())", "504"),
        (
            "conv = torch.nn.Conv2d(1, 4, 3)\n"
            "conv(torch.ones(8, 1, 28, 28)).sum().backward()\n"
            "print(tuple(conv.weight.grad.shape))",
            "(4, 1, 3, 3)",
        ),
        (
            "from torch.utils.data import DataLoader, TensorDataset\n"
            "rows = TensorDataset(torch.ones(1000, 784))\n"
            "loader = DataLoader(rows, batch_size=100, num_workers=2)\n"
            "print(int(sum(x.sum() for (x,) in loader)))",
            "784000",
        ),
        ("!echo from a shell; cat /dev/null", "from a shell"),
        ("%timeit -n 1 -r 1 None", "1 loop each"),
        ("open('mine.txt', 'w').write('x'); print(open('mine.txt').read())", "x"),
        ("import os; print(os.getcwd(), os.path.expanduser('~'))", "/home/student"),
        ("import getpass; getpass.getuser()", "student"),
        (
            "import subprocess, sys\n"
            "subprocess.check_output([sys.executable, '-c', 'print(6 * 7)'])",
            "42",
        ),
        ("import latentspaces; print(latentspaces.__name__)", "latentspaces"),
        ("input('name?')", "does not support input requests"),
        (
            "with __import__('multiprocessing').Pool(2) as pool:\n"
            "    print(pool.map(abs, [-1, -2]))",
            "[1, 2]",
        ),
    ],
)
def test_notebook_code_works(shared, source, shown):
    assert shown in show(shared, source)


def test_plot_is_a_picture(shared):
    source = "import matplotlib.pyplot as plt\nplt.plot([1, 2]); plt.show()"
    outputs = shared.run(source, 30).outputs
    assert any("image/png" in output.get("data", {}) for output in outputs)


def test_data_can_be_read_and_not_written(shared, data):
    path = data / "beats.txt"
    assert show(shared, f"print(open({str(path)!r}).read())") == "1 2 3"
    assert "Read-only" in show(shared, f"open({str(path)!r}, 'w')")
    assert path.read_text() == "1 2 3"


def test_progress_bar_shows_its_last_state(shared):
    source = "import sys\nfor i in range(3): sys.stderr.write(f'\\r{i} of 3')"
    assert show(shared, source) == "2 of 3"


def test_candidate_that_waits_for_its_turn_is_fresh_and_alive(warm, monkeypatch):
    """In a worker the next one starts meanwhile; it may end before it is needed."""
    monkeypatch.setattr("multiprocessing.parent_process", lambda: "a parent")
    with Candidate.start(warm, SMALL) as first:
        assert show(first, "mine = 1; print(mine)") == "1"
        _, ahead = candidate._next
    with Candidate.start(warm, SMALL) as second:
        assert second is ahead.result()
        assert show(second, "print('mine' in globals())") == "False"
        dying = candidate._next[1].result()
        dying.process.kill()
        assert dying.process.wait(30) is not None
    with Candidate.start(warm, SMALL) as third:
        assert third is not dying
        assert show(third, "print(6 * 7)") == "42"
        other = candidate._next[1].result()
    failed = Future()
    failed.set_exception(SandboxError("refused while another was graded"))
    with Candidate.start(warm, Limits()):  # another kind is wanted now
        assert other.process.wait(30) is not None
        candidate._next[1].result().close()
    monkeypatch.undo()
    monkeypatch.setattr(candidate, "_next", ((warm.address, SMALL, None), failed))
    with Candidate.start(warm, SMALL) as last:
        assert show(last, "print(6 * 7)") == "42"
    assert candidate._next is None


def test_signal_that_comes_too_late_loses_nothing_of_what_was_said():
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    process = ForkedProcess(ours, confined=False)
    process.kill()
    theirs.send(json.dumps({"exit": -9, "why": "memory"}).encode())
    theirs.close()  # with our signal unread: the system calls this a reset
    assert process.wait(5) == -9
    assert process.why == "memory"


def test_socket_that_nobody_listens_on_is_not_ready(monkeypatch):
    """What is refused once is never connected: a whole check would wait in vain."""

    class Bound:
        """A kernel that was interrupted between binding and listening."""

        folder, why, poll, kill = None, "", lambda self: None, lambda self: None

        def __init__(self, place: str) -> None:
            self.sockets = [socket.socket(socket.AF_UNIX) for _ in range(6)]
            for number, bound in enumerate(self.sockets, start=1):
                bound.bind(f"{place}-{number}")

        def wait(self, timeout):
            return 0

        def close(self):
            for bound in self.sockets:
                bound.close()

    class Warm:
        confined = False

        def __init__(self, folder):
            self.address = f"{folder}/socket"

        def kernel(self, arguments, **_):
            file = Path(arguments[arguments.index("-f") + 1])
            return Bound(json.loads(file.read_text())["ip"])

    monkeypatch.setattr("autograder.pipeline.candidate.START", 0.3)
    # The path of a socket holds a hundred bytes, and pytest's own folders are long.
    with (
        tempfile.TemporaryDirectory() as folder,
        pytest.raises(SandboxError, match="did not start"),
    ):
        Candidate(Warm(folder))


# What it cannot reach


def test_nothing_is_inherited_but_what_was_given(warm, data):
    links_of = (
        "links = []\nfor name in os.listdir('/proc/self/fd'):\n"
        "    try: links.append(os.readlink(f'/proc/self/fd/{name}'))\n"
        "    except FileNotFoundError: pass  # that of the listing itself\n"
        "print(json.dumps(links))"
    )
    # One that has done nothing yet: a plot leaves a font open.
    with Candidate(warm, SMALL) as fresh:
        show(fresh, "import json, os")
        environment = json.loads(show(fresh, "print(json.dumps({**os.environ}))"))
        begun = show(fresh, "print(open('/proc/self/environ').read().split('=')[0])")
        links = json.loads(show(fresh, links_of))
    assert environment["COURSE"] == "latent"
    assert environment["HOME"] == "/home/student"
    assert environment["LATENTSPACES_DATA"] == str(data)
    assert not set(environment) & {"VIRTUAL_ENV", "PWD", "SHELL", "MAKEFLAGS"}
    # Where the process began is no other story than the variables.
    assert begun in environment | {"MPLCONFIGDIR": ""}
    # Sockets and pipes are those of IPython; of files, none is of the outside.
    assert links
    assert {link for link in links if link.startswith("/")} <= {"/dev/null"}


def test_files_of_the_course_and_the_machine_are_not_there(shared):
    root = Path(__file__).resolve().parents[1]
    here = root / "solutions"
    for place in (here, root / "README.md", "/etc/shadow", "/var", "/sys"):
        assert Path(place).exists()
        assert show(shared, f"print(os.path.exists({str(place)!r}))") == "False"
    left = json.loads(show(shared, f"print(json.dumps(os.listdir({str(root)!r})))"))
    assert set(left) <= {".venv", "autograder", "latentspaces"}


@pytest.mark.parametrize(
    "place",
    ["/", "/etc", "/usr", "/dev", "/proc/sys/kernel", sys.prefix, sys.base_prefix],
)
def test_nothing_outside_its_folder_can_be_written(shared, place):
    shown = show(shared, f"open({place!r} + '/x', 'w')")
    assert "Read-only" in shown or "Permission" in shown or "No such file" in shown


def test_kernel_settings_cannot_be_written(shared):
    source = "open('/proc/sys/kernel/core_pattern', 'w').write('|/bin/sh')"
    assert "Read-only" in show(shared, source) or "Permission" in show(shared, source)


def test_only_its_own_processes_are_seen(shared):
    names = show(shared, "print([n for n in os.listdir('/proc') if n.isdecimal()])")
    assert len(names.split(",")) < 6
    with pytest.raises(ProcessLookupError):
        os.kill(2**22 - 1, 0)
    assert "No such process" in show(shared, f"os.kill({os.getpid() + 10**6}, 0)")


def test_first_process_of_the_sandbox_cannot_be_touched(shared):
    assert "Permission denied" in show(shared, "open('/proc/1/mem', 'rb')")
    assert "Permission denied" in show(shared, "os.listdir('/proc/1/fd')")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL, signal.SIGSTOP):
        show(shared, f"os.kill(1, {int(number)})")
    time.sleep(0.3)
    assert show(shared, "print('here')") == "here"


def test_network_leads_nowhere(shared):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        source = f"import socket; socket.create_connection(('127.0.0.1', {port}), 2)"
        assert "refused" in show(shared, source)
        assert not select.select([server], [], [], 0)[0]
    assert "unreachable" in show(
        shared, "socket.create_connection(('192.0.2.1', 80), 2)"
    )
    for family in ("AF_VSOCK", "AF_PACKET", "AF_ALG"):
        source = f"socket.socket(socket.{family}, socket.SOCK_STREAM)"
        assert "not supported" in show(shared, source)


def test_unix_sockets_of_the_machine_are_out_of_reach(shared, tmp_path):
    path = "\0autograder-test"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
        source = f"socket.socket(socket.AF_UNIX).connect({path!r})"
        assert "refused" in show(shared, source)


@pytest.mark.parametrize("name", sorted(seccomp.REFUSED))
def test_refused_system_calls_fail(shared, name):
    column = list(seccomp._KINDS).index(os.uname().machine)
    source = (
        "import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\n"
        f"print(libc.syscall({seccomp.REFUSED[name][column]}, 0, 0, 0, 0, 0), "
        "ctypes.get_errno())"
    )
    assert show(shared, source) == "-1 1"


def test_no_new_namespace_and_no_privilege(shared):
    source = "libc = ctypes.CDLL(None, use_errno=True)\nprint(libc.unshare(0x10000000))"
    assert show(shared, "import ctypes\n" + source) == "-1"
    clone = f"libc.syscall({(56, 220)[os.uname().machine == 'aarch64']}, 0x10000011, 0)"
    assert show(shared, f"print({clone})") == "-1"
    status = show(shared, "print(open('/proc/self/status').read())")
    for line in ("CapEff:\t0000000000000000", "CapBnd:\t0000000000000000"):
        assert line in status
    assert "NoNewPrivs:\t1" in status
    assert "Seccomp:\t2" in status
    assert show(shared, "os.setuid(0)").endswith("not permitted") or "Invalid" in show(
        shared, "os.setuid(0)"
    )


# What it cannot use up


def test_disk_is_limited(shared):
    source = (
        "import glob\nfor folder in ('/home/student', '/tmp'):\n"
        "    try:\n"
        "        for i in range(40):\n"
        "            open(f'{folder}/{i}', 'wb').write(bytes(2**20))\n"
        "    except OSError as error:\n"
        "        print(error.strerror, i)\n"
        "    for path in glob.glob(f'{folder}/[0-9]*'): os.remove(path)"
    )
    assert show(shared, source).count("No space left") == 2


def test_processes_are_limited(shared):
    source = (
        "import subprocess\nrun = []\n"
        "try:\n"
        "    while len(run) < 200: run.append(subprocess.Popen(['sleep', '60']))\n"
        "except OSError as error: print(error.strerror, len(run) < 64)\n"
        "for process in run: process.kill()\n"
        "for process in run: process.wait()"
    )
    assert "temporarily unavailable True" in show(shared, source)


def test_one_large_array_is_refused_and_the_kernel_lives(shared):
    source = "import numpy\ntry: numpy.ones(10**9)\nexcept MemoryError: print('no')"
    assert show(shared, source) == "no"


@pytest.mark.parametrize(
    "source",
    [
        "import numpy\nkeep = [numpy.ones(10**7) for _ in range(20)]",
        "import os, time\nfor _ in range(8):\n"
        "    if os.fork() == 0:\n"
        "        held = bytearray(b'x') * 200_000_000\n"
        "        time.sleep(30)\n"
        "time.sleep(30)",
    ],
    ids=["one process", "many processes"],
)
def test_process_that_holds_too_much_memory_is_ended(warm, source):
    with Candidate(warm, SMALL) as candidate:
        assert candidate.run(source, 25).end is End.MEMORY


def test_endless_loop_is_interrupted_and_its_names_are_kept(warm):
    with Candidate(warm, SMALL) as candidate:
        assert candidate.run("x = 5\nwhile True: pass", 0.5).end is End.TIME
        assert show(candidate, "print(x)") == "5"


def test_loop_that_does_not_stop_is_ended(warm, monkeypatch):
    monkeypatch.setattr("autograder.pipeline.candidate.PATIENCE", 0.5)
    loop = "while True: sum(range(99))"
    source = f"while True:\n    try:\n        {loop}\n    except: pass"
    with Candidate(warm, SMALL) as candidate:
        assert candidate.run(source, 0.5).end is End.HUNG


def test_death_is_noticed_at_once(warm):
    with Candidate(warm, SMALL) as candidate:
        start = time.monotonic()
        assert candidate.run("import os; os._exit(3)", 60).end is End.DIED
        assert time.monotonic() - start < 10
        assert candidate.process.poll() == 3


def test_flood_of_output_is_ended(warm, monkeypatch):
    monkeypatch.setattr("autograder.pipeline.candidate.FLOOD", 4 * MIB)
    with Candidate(warm, SMALL) as candidate:
        loop = "while True: print('x' * 10_000); time.sleep(0.001)"
        run = candidate.run(f"import time\n{loop}", 60)
        assert run.end is End.FLOOD


def _named(marker: str) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if marker.encode() in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:
            continue  # it has just ended
    return found


def test_nothing_survives_the_end(warm):
    marker = "61.0078125"
    with Candidate(warm, SMALL) as candidate:
        shown = show(
            candidate,
            "import subprocess\n"
            f"subprocess.Popen(['setsid', 'sleep', '{marker}'])\n"
            f"subprocess.run('(setsid nohup sleep {marker} &) &', shell=True)\n"
            "import time; time.sleep(0.3); print('started')",
        )
        assert shown == "started"
        assert len(_named(marker)) == 2
    assert _named(marker) == []


def test_folder_that_is_too_long_for_a_socket_is_named(tmp_path):
    class Warm:
        confined, address = False, str(tmp_path / ("x" * 90) / "socket")

    (tmp_path / ("x" * 90)).mkdir()
    with pytest.raises(SandboxError, match="x: too long for the address.* set TMPDIR"):
        Candidate(Warm())


@pytest.mark.parametrize("confined", [True, False])
@pytest.mark.parametrize("ends", ["all", "the warm process"])
def test_all_ends_with_the_process_that_grades(tmp_path, confined, ends):
    marker = f"61.015625{confined:d}{ends == 'all':d}"
    script = tmp_path / "grade.py"
    script.write_text(
        "import time\n"
        "from autograder.pipeline.candidate import Candidate\n"
        "from autograder.sandbox.warm import WarmProcess\n"
        f"warm = WarmProcess({confined})\nwarm.wait()\ncandidate = Candidate(warm)\n"
        f'start = \'subprocess.Popen(["sleep", "{marker}"], \'\n'
        "for more in ('', 'start_new_session=True'):\n"
        "    candidate.run(f'import subprocess; {start}{more})', 9)\n"
        "print(warm._process.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    short = {**os.environ, "TMPDIR": "/tmp"}  # pytest's own is long, for a socket
    with subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, text=True, env=short
    ) as process:
        warm = int(process.stdout.readline())
        assert len(_named(marker)) == 2
        kernels = _children(warm)
        assert kernels
        (process.kill if ends == "all" else lambda: os.kill(warm, signal.SIGKILL))()
        deadline = time.monotonic() + 20
        while (
            _named(marker) or any(map(_runs, kernels))
        ) and time.monotonic() < deadline:
            time.sleep(0.1)
        process.kill()
    assert _named(marker) == []
    assert not any(map(_runs, kernels))


def _children(parent: int) -> list[int]:
    """Return the descendants of a process."""
    found = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [n for one in map(int, found) for n in (one, *_children(one))]


def _runs(number: int) -> bool:
    try:
        state = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2]
    except OSError:
        return False
    return state.split()[0] != "Z"


# Where there is no sandbox, and who may start one


def test_refusal_of_the_system_is_said_with_the_remedy(monkeypatch):
    monkeypatch.setattr(sys, "executable", shutil.which("true"))
    with pytest.raises(SandboxError, match=r"(?s)it ended at once.*--sandbox none"):
        WarmProcess().wait()


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to become someone else")
def test_an_ordinary_user_has_the_same_sandbox(tmp_path):
    """Run these very tests as someone without any right."""
    # The interpreter may lie in root's home, which that user cannot pass through.
    home, script = Path.home(), tmp_path / "run.sh"
    arguments = "-q -p no:cacheprovider -k 'not ordinary_user and not refused_system'"
    script.write_text(
        "set -e\nmount --make-rprivate /\n"
        f"mkdir {tmp_path}/kept\n"
        f"mount --rbind {sys.base_prefix} {tmp_path}/kept\n"
        f"case $1 in {home}/*) mount -t tmpfs -o mode=755 none {home};\n"
        f"  mkdir -p $1; mount --rbind {tmp_path}/kept $1;; esac\n"
        f"cd {Path(__file__).resolve().parents[1]}\n"
        f"mkdir -m 777 {tmp_path}/temporary\n"
        f"export TMPDIR={tmp_path}/temporary HOME={tmp_path}/temporary\n"
        "exec setpriv --reuid 54321 --regid 54321 --clear-groups --bounding-set -all "
        f"{sys.executable} -m pytest {arguments} {__file__}\n"
    )
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_mode & 0o777 == 0o700:
            folder.chmod(0o711)
    command = ["unshare", "--mount", "bash", str(script), sys.base_prefix]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-2000:]
    assert "passed" in run.stdout


# The provisioner


@pytest.fixture(scope="module")
def provisioned():
    yield
    provisioner.own().close()
    provisioner._own = None


def test_plain_nbclient_runs_a_notebook_on_a_warm_kernel(
    provisioned, monkeypatch, tmp_path
):
    monkeypatch.setenv("JUPYTER_DEFAULT_PROVISIONER_NAME", "warm-fork")
    monkeypatch.setenv("MARK", "of mine")
    cells = [
        "import os, sys, torch\nprint(os.environ['MARK'], os.getcwd())",
        "print('torch' in sys.modules, os.getuid(), os.getppid() != 1)",
        "torch.nn.Conv2d(1, 2, 3)(torch.ones(1, 1, 5, 5)).sum().backward()",
        "import time\nwhile True: time.sleep(0.1)",
        "'alive'",
    ]
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell) for cell in cells]
    )
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        allow_errors=True,
        timeout=20,
        timeout_func=lambda cell: 1 if "while" in cell.source else 20,
        interrupt_on_timeout=True,
        resources={"metadata": {"path": str(tmp_path)}},
    )
    client.execute()
    said = [cell.outputs for cell in notebook.cells]
    assert said[0][0].text == f"of mine {tmp_path}\n"
    assert said[1][0].text == f"True {os.getuid()} True\n"
    assert not [o for o in said[2] if o.output_type == "error"]
    assert said[3][-1].ename == "KeyboardInterrupt"
    assert said[4][0].data["text/plain"] == "'alive'"
    assert client.km is None  # shut down, and let go


def test_other_languages_are_refused_by_name(monkeypatch):
    made = provisioner.WarmProvisioner()
    with pytest.raises(SandboxError, match="R --slave: not an IPython kernel"):
        asyncio.run(made.launch_kernel(["R", "--slave"]))
