"""A class is graded on several machines as on one, and a lost machine costs nothing.

The machines are processes here, started with certificates made by the commands of the
instructors' page.
"""

from __future__ import annotations

import os
import pickle
import re
import shlex
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import BrokenExecutor, Future
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
import tiny_assignment as tiny
from books import ROOT
from distributed import KilledWorker

from autograder import cli, cluster, demo, grading, machine, notebooks, pool, release
from autograder.course import Course
from autograder.errors import ClusterError
from autograder.execution import Status, Submission
from autograder.pipeline.grade import Pipeline
from autograder.sandbox.warm import Warm, WarmProcess

PAGE = (ROOT / "book" / "instructors.md").read_text("utf-8")
SECTION = PAGE.partition("## On several machines")[2].partition("\n## ")[0]
COMMANDS = re.findall(r"(?m)^\$ (.*)$", SECTION)
TIMEOUT = 30  # seconds a cell


def the_command(start: str) -> str:
    (found,) = (command for command in COMMANDS if command.startswith(start))
    return found


class Odd(Pipeline):
    """A grader that dies on some submissions, whatever is in them."""

    def grade(self, submission, assignment):
        if submission.student.startswith("fatal"):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().grade(submission, assignment)


# Addresses


@pytest.mark.parametrize(
    "address",
    [
        "tls://10.0.0.5:8786",
        "tls://[2001:db8::1]:8786",
        "tls://grading.example.org:1",
        "tcp://127.0.0.1:8786",
        "tcp://127.8.9.1:8786",
        "tcp://localhost:8786",
        "tcp://[::1]:8786",
    ],
)
def test_tls_is_taken_everywhere_and_tcp_on_this_machine(address):
    assert cluster.checked(address) == address


@pytest.mark.parametrize(
    "address",
    [
        "tcp://10.0.0.5:8786",
        "tcp://0.0.0.0:8786",
        "tcp://[::]:8786",
        "tcp://[2001:db8::1]:8786",
        "tcp://128.0.0.1:8786",
        "tcp://localhost.example.org:8786",
        "tcp://127.0.0.1.example.org:8786",
    ],
)
def test_plain_tcp_on_a_network_is_refused_with_the_reason_and_the_way_out(address):
    with pytest.raises(ClusterError, match="hidden tests would cross") as caught:
        cluster.checked(address)
    said = " ".join(str(caught.value).split())
    assert address in said
    assert "run code as you" in said and "Use tls://" in said


@pytest.mark.parametrize(
    "address",
    [
        *("", "10.0.0.5:8786", "tls://10.0.0.5", "http://10.0.0.5:8786"),
        *("tls://10.0.0.5:0", "tls://10.0.0.5:65536", "tls://a b:1", "tls://:8786"),
        *("tcp://127.0.0.1:1@10.0.0.5:8786", "tcp://10.0.0.5@127.0.0.1:8786"),
        *("tcp://127.0.0.1:8786/10.0.0.5", "ucx://127.0.0.1:8786"),
    ],
)
def test_what_is_no_address_is_refused(address):
    with pytest.raises(ClusterError, match="expected tls://HOST:PORT"):
        cluster.checked(address)


# Certificates


def _certificates(folder: Path) -> Path:
    """Make the folder ``tls``, as the page says."""
    folder.mkdir()
    commands = [c for c in COMMANDS if c.startswith(("mkdir", "openssl", "cp "))]
    assert len(commands) == 3
    for command in commands:
        subprocess.run(command, shell=True, cwd=folder, check=True, capture_output=True)
    return folder / "tls"


@pytest.fixture(scope="module")
def tls(tmp_path_factory):
    return _certificates(tmp_path_factory.mktemp("made") / "one")


@pytest.fixture(scope="module")
def other_tls(tmp_path_factory):
    return _certificates(tmp_path_factory.mktemp("made") / "two")


ADDRESS = "tls://10.0.0.5:8786"


@pytest.mark.parametrize("name", ["ca.pem", "cert.pem", "key.pem"])
def test_a_missing_or_damaged_certificate_is_named(tls, tmp_path, name):
    assert cluster.credentials(ADDRESS, tls) is not None
    for each in ("ca.pem", "cert.pem", "key.pem"):
        (tmp_path / each).write_bytes((tls / each).read_bytes())
    (tmp_path / name).write_text("nonsense")
    with pytest.raises(ClusterError, match=f"{name}.*expected certificates in PEM"):
        cluster.credentials(ADDRESS, tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(ClusterError, match=f"{name}: No such file"):
        cluster.credentials(ADDRESS, tmp_path)


def test_a_key_of_another_certificate_is_noticed(tls, other_tls, tmp_path):
    for name, folder in (("ca", tls), ("cert", tls), ("key", other_tls)):
        content = (folder / f"{name}.pem").read_bytes()
        (tmp_path / f"{name}.pem").write_bytes(content)
    with pytest.raises(ClusterError, match="cert.pem with .*key.pem: KEY_VALUES_MISM"):
        cluster.credentials(ADDRESS, tmp_path)


def test_a_key_with_a_passphrase_is_refused_and_nobody_is_asked(tls, tmp_path):
    for name in ("ca.pem", "cert.pem"):
        (tmp_path / name).write_bytes((tls / name).read_bytes())
    command = ["openssl", "pkey", "-aes128", "-passout", "pass:abcdef", "-in"]
    command += [str(tls / "key.pem"), "-out", str(tmp_path / "key.pem")]
    subprocess.run(command, check=True)
    with pytest.raises(ClusterError, match="key.pem: the key has a passphrase"):
        cluster.credentials(ADDRESS, tmp_path)


def test_dasks_own_configuration_is_honoured(tls):
    with cluster.dask.config.set(
        {
            "distributed.comm.tls.ca-file": str(tls / "ca.pem"),
            "distributed.comm.tls.client.cert": str(tls / "cert.pem"),
            "distributed.comm.tls.client.key": str(tls / "key.pem"),
        }
    ):
        found = cluster.credentials(ADDRESS, None)
    assert found.tls_client_key == str(tls / "key.pem")
    assert found.require_encryption
    with pytest.raises(ClusterError, match="No certificates for .*--tls DIR"):
        cluster.credentials(ADDRESS, None)


# The command line


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--scheduler", "tcp://10.0.0.5:8786"], "hidden tests would cross"),
        (["--scheduler", ADDRESS], "--tls DIR"),
        (["--scheduler", ADDRESS, "--tls", "nowhere"], "nowhere/ca.pem: No such file"),
        (["--scheduler", "tcp://localhost:1", "--tls", "x"], "no use for it"),
        (["--scheduler", ADDRESS, "--workers", "3"], "--nthreads"),
        (["--tls", "x"], "goes with --scheduler"),
        (["--scheduler", "tcp://127.0.0.1:1"], "is `dask scheduler` running there"),
    ],
)
def test_a_mistake_is_told_before_anything_is_written(
    arguments, said, tmp_path, monkeypatch, capsys
):
    tiny.course(tmp_path)
    (tmp_path / "class" / "ann").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cluster, "PATIENCE", 1)
    before = sorted(tmp_path.rglob("*"))
    assert cli.main(["grade", tiny.NAME, "class", *arguments]) == cli.BROKEN
    assert said in capsys.readouterr().err
    assert sorted(tmp_path.rglob("*")) == before


def test_settings_decide_what_is_graded_again_and_not_where(tmp_path):
    here = Pipeline(Warm(str(tmp_path), confined=True), 5)
    there = Pipeline(Warm("", confined=True), 5)
    assert here.version == there.version


# A machine that dies


class Dying(pool.Pool):
    """A cluster whose machines die of some submissions."""

    renew, error = cluster.Cluster.renew, cluster.Cluster.error

    def __init__(self):
        super().__init__(lambda: None, 2)
        self.tries, self.alone = Counter(), []

    def submit(self, executor, submission, release):
        future, name = Future(), submission.student
        self.tries[name] += 1
        if name.startswith("dies") or (self.tries[name] == 1 and name == "beside"):
            future.set_exception(KilledWorker("a task", None, 3))
        else:
            future.set_result(name)
        return future

    def wait(self, working):
        self.alone.append([s.student for s in working.values()])
        return super().wait(working)


def test_what_machines_died_of_runs_once_again_alone():
    with Dying() as machines:
        names = ["a", "dies", "beside", "b", "c"]
        handed_in = (Submission(name, b"") for name in names)
        found = pool.run(None, None, handed_in, machines)
        results = {submission.student: result for submission, result in found}
    assert sorted(results) == sorted(names)
    assert "died on it, twice" in str(results.pop("dies"))
    assert all(results[name] == name for name in results)
    assert machines.tries["dies"] == machines.tries["beside"] == 2
    assert ["dies"] in machines.alone and ["beside"] in machines.alone


# A machine alone


def test_a_grader_that_died_is_made_anew_and_an_idle_one_is_closed(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(machine, "IDLE", 0.2)
    assignment = release.load(tiny.course(tmp_path), tiny.NAME)
    order = pickle.dumps((Pipeline(Warm("", confined=True), TIMEOUT), assignment))
    worker = SimpleNamespace(
        address="tls://10.0.0.6:1", state=SimpleNamespace(nthreads=1)
    )
    terms = machine.Terms(tuple(machine.conditions().items()), confined=True)
    submission = _class(assignment)[0]
    with machine._grader(terms, worker) as first:
        first._warm._process.kill()
        first._warm._process.wait()
        with machine._grader(terms, worker) as second:
            assert second is not first
            result = second.grade(order, submission)
            assert [mark.points for mark in result.marks] == [2.0, 3.0, None]
    for grader in (first, second):
        (place,) = grader._pools
        deadline = time.monotonic() + 30
        while place._executor or grader._warm.alive:
            assert time.monotonic() < deadline
            time.sleep(0.1)
    assert terms not in machine._graders


def test_code_that_changed_under_a_running_worker_is_noticed(monkeypatch):
    wanted = machine.conditions()
    assert machine.differences(wanted) == ""
    monkeypatch.setattr(machine, "_code", lambda: "another")
    assert "changed since this process started" in machine.differences(wanted)


# Real machines


class Machines:
    """A scheduler and workers, as processes that write to files in a folder."""

    def __init__(self, folder: Path, scheme: str) -> None:
        self.folder, self.scheme = folder, scheme
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.address = f"{scheme}://127.0.0.1:{self.port}"
        self.all: list[subprocess.Popen] = []

    def start(self, command: str, *more: str, **environment: str) -> subprocess.Popen:
        command = command.replace("HOST", "127.0.0.1").replace("8786", str(self.port))
        if self.scheme == "tcp":
            command = command.replace("tls://", "tcp://").replace("col tls", "col tcp")
            command = re.sub(r" --tls-\S+ \S+", "", command)
        words = [*shlex.split(command), *more]
        assert words[0] == "dask"
        path = f"{ROOT}:{ROOT / 'tests'}"
        process = subprocess.Popen(
            [sys.executable, "-m", *words],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": path, **environment},
            stdout=(self.folder / f"{len(self.all)}.log").open("wb"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.all.append(process)
        return process

    def scheduler(self) -> subprocess.Popen:
        process = self.start(the_command("dask scheduler"), "--host", "127.0.0.1")
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return process
            time.sleep(0.1)
        raise AssertionError((self.folder / "0.log").read_text())

    def worker(self, *more: str) -> subprocess.Popen:
        return self.start(the_command("dask worker"), "--nthreads", "2", *more)

    def stop(self) -> None:
        for process in reversed(self.all):
            stop(process)


def stop(process: subprocess.Popen) -> None:
    """End it as a person would, and then as one who has waited long enough."""
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            process.send_signal(signum)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                continue


def brood(process: subprocess.Popen) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def assert_all_end(processes: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(processes, timeout=30)
    assert not [process.cmdline() for process in alive]


@pytest.fixture(scope="module")
def machines(tls):
    made = Machines(tls.parent, "tls")
    try:
        made.scheduler()
        made.workers = [made.worker() for _ in range(2)]
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="module")
def patient():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cluster, "PATIENCE", 60)
        yield


@pytest.fixture
def connected(machines, tls, patient):
    """Both machines, each ready."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with cluster.connect(machines.address, tls, confined=True) as found:
            if found.workers == 2:
                yield found
                return
        time.sleep(0.5)
    raise AssertionError("one of the two workers did not come")


def test_who_has_no_certificate_of_ours_is_refused(machines, tls, other_tls):
    """By the scheduler: the client here looks at nothing."""
    for own in (None, other_tls):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if own is not None:
            context.load_cert_chain(own / "cert.pem", own / "key.pem")
        with (
            socket.create_connection(("127.0.0.1", machines.port)) as plain,
            pytest.raises(ssl.SSLError, match=r"(?i)certificate.required|unknown.ca"),
            context.wrap_socket(plain) as secure,
        ):
            secure.recv(1)
    with socket.create_connection(("127.0.0.1", machines.port)) as plain:
        context = ssl.create_default_context(cafile=tls / "ca.pem")
        context.check_hostname = False
        context.load_cert_chain(tls / "cert.pem", tls / "key.pem")
        with context.wrap_socket(plain) as secure:
            assert secure.recv(1)  # with one, it speaks


def test_a_scheduler_of_others_is_not_spoken_to(machines, other_tls):
    with pytest.raises(ClusterError, match="certificates of one authority"):
        cluster.connect(machines.address, other_tls, confined=True)


def test_a_machine_with_other_versions_is_named(connected, machines, tls, monkeypatch):
    here = machine.conditions()
    other = {**here, "torch": "1.0", "the course's code": "123"}
    monkeypatch.setattr(machine, "conditions", lambda: other)
    with pytest.raises(ClusterError) as caught:
        cluster.connect(machines.address, tls, confined=True)
    said = str(caught.value)
    code = here["the course's code"]
    assert f"scheduler: the course's code is {code}, not 123" in said
    for address in connected._found():
        assert re.search(rf"worker {address} on \S+: .*torch is \S+, not 1\.0", said)
    assert "same commit" in said


@pytest.mark.large
def test_a_machine_that_cannot_confine_is_named(
    connected, machines, tls, tmp_path, monkeypatch
):
    (tmp_path / "refuse.py").write_text(
        "from autograder.errors import SandboxError\n"
        "from autograder.sandbox import warm\n"
        "def wait(self):\n"
        "    raise SandboxError('no user namespaces')\n"
        "warm.WarmProcess.wait = wait\n"
    )
    third = machines.worker("--preload", str(tmp_path / "refuse.py"))
    fourth = machines.start(the_command("dask worker").replace(" --no-nanny", ""))
    try:
        deadline = time.monotonic() + 60
        while len(connected._found()) < 4 and time.monotonic() < deadline:
            time.sleep(0.2)
        with pytest.raises(ClusterError) as caught:
            cluster.connect(machines.address, tls, confined=True)
        said = str(caught.value)
        assert re.search(r"worker tls://\S+ on \S+: no user namespaces", said)
        assert "start it with `dask worker --no-nanny`" in said
    finally:
        stop(third)
        stop(fourth)
    while len(connected._found()) > 2:
        time.sleep(0.2)


def _class(assignment) -> list[Submission]:
    def made(answers):
        return notebooks.write(demo.fill(assignment.released, answers)).encode()

    right = tiny.RIGHT
    kinds = {
        "right": made(right),
        "half": made({"add": right["add"]}),
        "wrong": made({**right, "add": "def add(a, b):\n    return 3"}),
        "dies": made({**right, "area": "import os; os._exit(1)"}),
        "cut-off": made(right)[:1000],
        "fatal": made(right),
    }
    found = [
        Submission(f"{kind}-{number}", content)
        for number in range(3)
        for kind, content in kinds.items()
        if kind != "fatal" or number == 1
    ]
    return [*found, Submission("nothing", None, "there is no file")]


def test_a_class_is_graded_as_on_one_machine_though_a_worker_is_killed(
    connected, machines, tmp_path
):
    course = tiny.course(tmp_path)
    assignment = release.load(course, tiny.NAME)
    handed_in = _class(assignment)
    executor = Odd(Warm("", confined=True), TIMEOUT)
    told, killed, processes = Counter(), machines.workers[0], []

    def progress(record, new):
        told[record.student] += 1
        if told.total() == len(handed_in) // 3:
            processes.extend(brood(killed))
            killed.kill()

    graded = grading.grade(course, assignment, handed_in, executor, progress, connected)
    assert killed.wait(1) == -signal.SIGKILL
    assert told == Counter(submission.student for submission in handed_in)
    assert [r.student for r in graded] == [s.student for s in handed_in]

    here = Course(tmp_path, tmp_path / "here")
    with WarmProcess() as warm, pool.local(2) as workers:
        local = Odd(warm.shared(), TIMEOUT)
        alone = grading.grade(here, assignment, handed_in, local, pool=workers)
        for ours, theirs in zip(alone, graded, strict=True):
            assert theirs.marks == ours.marks, theirs
            assert theirs.digest == ours.digest, theirs
            assert (theirs.status, theirs.message) == (ours.status, ours.message)
            assert theirs.audit.limits == ours.audit.limits
            assert theirs.audit.versions == ours.audit.versions
        assert [r.student for r in graded if "twice" in r.message] == ["fatal-1"]
        assert {r.status for r in graded} == {Status.GRADED, Status.FAILED}

        # The same command on this machine has nothing to do but what failed.
        new = []
        same = Pipeline(warm.shared(), TIMEOUT)
        grading.grade(
            course,
            assignment,
            handed_in,
            same,
            lambda record, is_new: new.append(record.student) if is_new else None,
            workers,
        )
        assert sorted(new) == ["fatal-1"]
    assert len(processes) >= 3  # warm, a server of forks, a place or more
    assert_all_end(processes)


def test_the_command_grades_and_a_stopped_worker_leaves_no_process(
    machines, tls, tmp_path, monkeypatch, capsys, patient
):
    course = tiny.course(tmp_path)
    assignment = release.load(course, tiny.NAME)
    for submission in _class(assignment)[:5]:
        path = tmp_path / "submissions" / submission.student / "sample.ipynb"
        path.parent.mkdir(parents=True)
        path.write_bytes(submission.content)
    (tmp_path / "tls").symlink_to(tls)
    monkeypatch.chdir(tmp_path)
    command = the_command("autograder grade").replace("autoencoder", tiny.NAME)
    command = command.replace("tls://HOST:8786", machines.address)
    assert cli.main(shlex.split(command)[1:]) == 0
    said = capsys.readouterr().out
    assert f"{machines.address}: 1 worker, 2 submissions at a time" in said
    assert len(grading.records(course, tiny.NAME)) == 5
    processes = brood(machines.workers[1])
    assert processes
    stop(machines.workers[1])
    assert_all_end(processes)


@pytest.mark.large
def test_a_scheduler_without_workers_or_that_is_lost_ends_the_wait(
    tmp_path, monkeypatch
):
    """Over plain TCP, on this machine alone."""
    course = tiny.course(tmp_path)
    assignment = release.load(course, tiny.NAME)
    machines = Machines(tmp_path, "tcp")
    try:
        scheduler = machines.scheduler()
        monkeypatch.setattr(cluster, "PATIENCE", 2)
        with pytest.raises(ClusterError, match="has no workers; start one"):
            cluster.connect(machines.address, None, confined=True)
        worker = machines.worker()
        monkeypatch.setattr(cluster, "PATIENCE", 60)
        handed_in = _class(assignment)
        executor = Pipeline(Warm("", confined=True), TIMEOUT)
        kept = []

        def progress(record, new):
            kept.append(record.student)
            if len(kept) == 5:
                scheduler.kill()

        with cluster.connect(machines.address, None, confined=True) as found:
            given = (course, assignment, handed_in, executor, progress, found)
            with pytest.raises(ClusterError, match="to the scheduler was lost"):
                grading.grade(*given)
        assert 5 <= len(kept) < len(handed_in)
        found = {record.student for record in grading.records(course, tiny.NAME)}
        assert found == set(kept)
        processes = brood(worker)
        stop(worker)
        assert_all_end(processes)
    finally:
        machines.stop()


def test_a_cluster_that_lost_its_last_worker_says_so(monkeypatch):
    class Alone:
        status = "running"

        def scheduler_info(self, n_workers):
            return {"workers": {}}

    monkeypatch.setattr(cluster, "QUIET", 0.1)
    monkeypatch.setattr(cluster, "LOOK", 0.05)
    waiting = cluster.Cluster("tls://10.0.0.5:8786", Alone(), machine.Terms((), True))
    with pytest.raises(ClusterError, match="has had no worker for .*what is graded is"):
        waiting.wait([Future()])


def test_a_cluster_that_gives_nothing_back_is_not_silent(monkeypatch, capsys):
    class Slow:
        status = "running"

        def scheduler_info(self, n_workers):
            return {"workers": {"tls://10.0.0.6:1": {"nthreads": 4}}}

    monkeypatch.setattr(cluster, "QUIET", 0.1)
    monkeypatch.setattr(cluster, "LOOK", 0.05)
    waiting = cluster.Cluster("tls://10.0.0.5:8786", Slow(), machine.Terms((), True))
    future = Future()
    said = []

    def write(text, file):
        said.append(text)
        future.set_result(None)

    monkeypatch.setattr(cluster.tqdm, "write", write)
    assert waiting.wait([future]) == {future}
    assert "1 submissions are out" in said[0] and "workers: 1" in said[0]
    assert waiting.size == 4


def test_what_machines_died_of_is_told_from_what_failed():
    future = Future()
    future.set_exception(KilledWorker("a task", None, 3))
    assert isinstance(cluster.Cluster.error(None, future), BrokenExecutor)
