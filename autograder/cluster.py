"""A class graded by several machines: Dask's scheduler, and a Dask worker on each.

Only what grades is elsewhere. What comes back is written here, by one process, as if it
had been graded here. The other side is :mod:`autograder.machine`.
"""

from __future__ import annotations

import ipaddress
import pickle
import re
import ssl
import sys
import time
from collections.abc import Collection
from concurrent import futures
from pathlib import Path
from typing import Any

import dask
from distributed import Client, KilledWorker, Security
from tqdm import tqdm

from autograder import machine
from autograder.errors import ClusterError
from autograder.execution import Executor, Release, Result, Submission
from autograder.pool import Pool

ADDRESS = re.compile(r"(tls|tcp)://(\[[\w:.%]+\]|[\w.-]+):([0-9]{1,5})")
LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
PATIENCE = 10  # seconds for a scheduler to answer, and for a first worker
LOOK = 5  # seconds between looks at the workers
QUIET = 60  # seconds without a result, or without a worker, before we speak

PLAIN = """\
{address}: over plain tcp://, submissions and hidden tests would cross the network
readable by everyone on it, and whoever reaches the scheduler can run code as you. It
is accepted on this machine alone (127.0.0.0/8, ::1, localhost). Use tls:// and
certificates: "On several machines" in the book's page for instructors has them."""
UNCERTIFIED = """\
No certificates for {address}: give --tls DIR, a folder with ca.pem, cert.pem and
key.pem, or name them in Dask's configuration (distributed.comm.tls.ca-file,
.client.cert and .client.key). "On several machines" in the book's page for instructors
has the commands that make them."""
KEPT = "what is graded is kept, and the same command goes on"


def checked(text: str) -> str:
    """Return the address of a scheduler.

    Raises
    ------
    ClusterError
        If it is none, or one that would make a class's submissions public.
    """
    found = ADDRESS.fullmatch(text)
    if not found or not 0 < int(found[3]) < 65536:
        raise ClusterError(
            f"--scheduler {text}: expected tls://HOST:PORT, as tls://10.0.0.5:8786"
        )
    if found[1] == "tcp" and not _is_here(found[2]):
        raise ClusterError(PLAIN.format(address=text))
    return text


def _is_here(host: str) -> bool:
    try:
        number = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return host == "localhost"
    return any(number in network for network in LOOPBACK)


def credentials(address: str, folder: Path | None) -> Security | None:
    """Return the certificates with which we come, None where Dask is to find them.

    Parameters
    ----------
    address
        Of the scheduler.
    folder
        With ``ca.pem``, ``cert.pem`` and ``key.pem``; None for those that Dask's
        configuration names.

    Raises
    ------
    ClusterError
        If there are none, or they do not fit together.
    """
    if address.startswith("tcp:"):
        if folder is not None:
            raise ClusterError(f"--tls {folder}: {address} has no use for it; use tls:")
        return None
    if folder is not None:
        security = Security(
            require_encryption=True,
            tls_ca_file=str(folder / "ca.pem"),
            tls_client_cert=str(folder / "cert.pem"),
            tls_client_key=str(folder / "key.pem"),
        )
    elif dask.config.get("distributed.client.security-loader", None):
        return None
    else:
        security = Security(require_encryption=True)
    given = security.get_tls_config_for_role("client")
    if not given["ca_file"] or not given["cert"]:
        raise ClusterError(UNCERTIFIED.format(address=address))
    _try_out(given["ca_file"], given["cert"], given["key"])
    return security


def _try_out(authority: str, certificate: str, key: str | None) -> None:
    """Load them as Dask will, to say in time what is wrong with which."""
    if any("\n" in (part or "") for part in (authority, certificate, key)):
        return  # not files; Dask's configuration may hold them themselves

    def passphrase() -> str:
        raise ClusterError(
            f"{key or certificate}: the key has a passphrase, for which nobody can be "
            "asked on every machine; give one without, readable by you alone"
        )

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    name = authority
    try:
        for name in filter(None, (authority, certificate, key)):
            Path(name).open("rb").close()
        name = authority
        context.load_verify_locations(authority)
        name = f"{certificate} with {key}" if key else certificate
        context.load_cert_chain(certificate, key, passphrase)
    except ssl.SSLError as error:
        raise ClusterError(
            f"{name}: {error.reason or error}; expected certificates in PEM, and the "
            "key that belongs to its certificate"
        ) from None
    except OSError as error:
        raise ClusterError(f"{name}: {error.strerror}") from None


def connect(address: str, folder: Path | None, confined: bool) -> Cluster:
    """Return the machines behind a scheduler, each tried and ready.

    Parameters
    ----------
    address, folder
        See :func:`checked` and :func:`credentials`.
    confined
        Whether submissions run in a sandbox there.

    Raises
    ------
    ClusterError
        If the scheduler or any machine cannot do its part: which, and why.
    """
    address = checked(address)
    security = credentials(address, folder)
    try:
        client = Client(
            address, security=security, timeout=PATIENCE, set_as_default=False
        )
    except (OSError, ImportError, TypeError, ValueError) as error:
        raise ClusterError(_unreachable(address, error)) from None
    terms = machine.Terms(tuple(machine.conditions().items()), confined)
    cluster = Cluster(address, client, terms)
    try:
        cluster.prepare()
    except BaseException:
        cluster.close()
        raise
    return cluster


def _unreachable(address: str, error: BaseException | None) -> str:
    said = []
    while error is not None:
        said.append(str(error))
        error = error.__cause__
    text = ": ".join(filter(None, said))
    if "refused" in text or "Timed out" in text:
        way = "is `dask scheduler` running there, with this port and protocol?"
    elif address.startswith("tls"):
        way = (
            "scheduler, workers and you need certificates of one authority, the one in "
            "ca.pem, that have not expired"
        )
    else:
        way = "a scheduler that was started with certificates is at tls://"
    return f"{address}: no connection to the scheduler: {text}; {way}"


class Cluster(Pool):
    """The machines behind a scheduler.

    Parameters
    ----------
    address
        The scheduler's.
    client
        The connection to it; closed by this object.
    terms
        On which a machine may grade.
    """

    def __init__(self, address: str, client: Client, terms: machine.Terms) -> None:
        self.address, self._client, self._terms = address, client, terms
        # Not pure: a submission that is graded again is graded again.
        super().__init__(lambda: client.get_executor(pure=False), 1)
        self.workers = 0
        self._packed: tuple[Any, bytes] = (None, b"")
        self._looked = self._heard = self._manned = time.monotonic()

    def prepare(self) -> None:
        """Start what grades on each machine; see :func:`connect`."""
        wanted = dict(self._terms.conditions)
        same = ("the course's code", "dask", "distributed")  # it grades nothing itself
        try:
            wrong = self._client.run_on_scheduler(
                machine.differences, {name: wanted[name] for name in same}
            )
        except Exception as error:
            wrong = _missing(error)
        problems = [f"scheduler: {wrong}"] if wrong else []
        with_one = time.monotonic() + PATIENCE
        while not (found := self._found()):
            if time.monotonic() > with_one:
                raise ClusterError(
                    f"{self.address}: the scheduler has no workers; start one on each "
                    f"machine: dask worker {self.address} --no-nanny ..."
                )
            time.sleep(0.2)
        for worker in found:
            if not worker.startswith("tls:"):
                checked(worker)
        answers = self._client.run(machine.prepare, self._terms, on_error="return")
        for worker, answer in answers.items():
            if isinstance(answer, ClusterError):
                problems.append(str(answer))
            elif answer is not None:
                problems.append(f"worker {worker}: {_missing(answer)}")
        if problems:
            said = "\n".join(f" - {problem}" for problem in problems)
            raise ClusterError(
                f"{self.address}: not every machine can grade as this one would:\n"
                f"{said}\nInstall the same commit of the course with its "
                "constraints.txt on each, restart what runs there, or leave it out."
            )

    def _found(self) -> dict[str, Any]:
        """Return the workers that there are, and count them."""
        found = self._client.scheduler_info(n_workers=-1)["workers"]
        self.workers = len(found)
        self.size = max(1, sum(worker["nthreads"] for worker in found.values()))
        return found

    def submit(
        self, executor: Executor, submission: Submission, release: Release
    ) -> futures.Future[Result]:
        """Have a submission graded somewhere."""
        (known, order), wanted = self._packed, (executor, release)
        if known is None or any(a is not b for a, b in zip(known, wanted, strict=True)):
            order = pickle.dumps(wanted)
            self._packed = (wanted, order)
        return self.start().submit(machine.grade, self._terms, order, submission)

    def wait(self, working: Collection[futures.Future]) -> Collection[futures.Future]:
        """Wait until some are finished, and return them.

        Raises
        ------
        ClusterError
            If there is nobody left to wait for.
        """
        while True:
            first = futures.FIRST_COMPLETED
            done = futures.wait(working, LOOK, return_when=first).done
            if time.monotonic() > self._looked + LOOK:
                self._look(len(working))
                self._looked = time.monotonic()
            if done:
                self._heard = time.monotonic()
                return done

    def _look(self, working: int) -> None:
        """See whether machines have come or gone."""
        now = time.monotonic()
        if self._client.status != "running":
            raise ClusterError(self._lost())
        if self._found():
            self._manned = now
        elif now > self._manned + QUIET:
            raise ClusterError(
                f"{self.address}: the scheduler has had no worker for {QUIET} s; "
                f"{KEPT} when there are some"
            )
        if now > self._heard + QUIET:
            self._heard = now
            tqdm.write(
                f"{self.address}: {working} submissions are out, and none has come "
                f"back for {QUIET} s; workers: {self.workers}",
                file=sys.stderr,
            )

    def error(self, future: futures.Future) -> BaseException | None:
        """Return what grading raised; BrokenExecutor if machines died of it."""
        try:
            error = future.exception()
        except futures.CancelledError:
            raise ClusterError(self._lost()) from None
        if isinstance(error, KilledWorker):
            return futures.BrokenExecutor("the machines that graded it were lost")
        return error

    def _lost(self) -> str:
        return f"{self.address}: the connection to the scheduler was lost; {KEPT}"

    def renew(self, working: Collection[futures.Future]) -> list[futures.Future]:
        """Do nothing: what else was at a machine that died is at another by now."""
        return []

    def close(self) -> None:
        """Let go of the machines; what they have in hand they finish for nobody."""
        self._client.close()


def _missing(error: BaseException) -> str:
    """Say what a machine raised that may have another course's code, or none."""
    return f"{type(error).__name__}: {error}"
