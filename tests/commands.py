"""A command that is watched from outside while it runs, and after its end.

It runs under a process that adopts whatever it leaves behind: that one ends when there
is nobody left, so a survivor is seen however it came to be alone.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

LONGEST = 3600  # seconds of a run, on a busy machine
PATIENCE = 120  # seconds for its processes to go
NANNY = """
import os, signal, subprocess, sys
from autograder.sandbox import linux

linux.adopt_orphans()
for one in (signal.SIGINT, signal.SIGHUP):
    signal.signal(one, signal.SIG_DFL)
run = subprocess.Popen(sys.argv[1:], start_new_session=True)
print(run.pid, flush=True)
while True:
    try:
        number, status = os.wait()
    except ChildProcessError:
        break
    if number == run.pid:
        print(os.waitstatus_to_exitcode(status), flush=True)
"""


@dataclass
class Command:
    """A command that runs.

    Parameters
    ----------
    arguments
        The program and what it is given.
    folder
        Where it runs.
    temporary
        Its folder for temporary files.
    log
        Where it says what it prints, in the folder.
    """

    arguments: list[str]
    folder: Path
    temporary: Path
    log: str = "said.txt"
    places: set[Path] = field(default_factory=set)  # of its warm process

    def __post_init__(self) -> None:
        self.temporary.mkdir(exist_ok=True)
        self._log = (self.folder / self.log).open("wb")
        self.nanny = subprocess.Popen(
            [sys.executable, "-c", NANNY, *self.arguments],
            cwd=self.folder,
            env={**os.environ, "TMPDIR": str(self.temporary)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        assert self.nanny.stdout is not None
        self.pid = int(self.nanny.stdout.readline())

    @property
    def running(self) -> bool:
        """Whether the command itself still runs."""
        try:
            state = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2]
        except OSError:
            return False
        return state.split()[0] != "Z"

    def wait_for(self, what: Callable[[], bool]) -> None:
        """Wait until something is so, or the command has ended."""
        end = time.monotonic() + LONGEST
        while self.running and not what():
            assert time.monotonic() < end, self.said
            self.places |= set(self._warm())
            time.sleep(0.01)

    def send(self, signum: int, group: bool = False) -> None:
        """Send a signal to the command, or to its group as a terminal does."""
        self.places |= set(self._warm())
        (os.killpg if group else os.kill)(self.pid, signum)

    def end(self) -> int:
        """Wait until everyone has gone; return the command's exit code.

        The command itself may take its time, what it leaves behind may not.
        """
        self.wait_for(lambda: False)
        try:
            output, _ = self.nanny.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            left = [f"{n}: {_command_line(n)}" for n in family(self.nanny.pid)]
            for number in family(self.nanny.pid):
                os.kill(number, 9)
            raise AssertionError(f"still there: {left}\n{self.said}") from None
        finally:
            self._log.close()
        left = [p for p in (*self.places, *self.temporary.iterdir()) if p.exists()]
        assert not left, f"left behind: {left}"
        return int(output)

    @property
    def said(self) -> str:
        """What it has printed until now."""
        return (self.folder / self.log).read_text("utf-8", "replace")

    def sizes(self) -> dict[str, tuple[int, int]]:
        """Return the memory in MB and the open files of each lasting process.

        They are the command, its warm process, the one that workers are forked from,
        and the workers, whose names have their numbers. Memory that several share
        counts for each of them in part.
        """
        found = {"parent": self.pid}
        for number in children(self.pid):
            line = _command_line(number)
            if "autograder.sandbox.warm" in line:
                found["warm"] = number
            elif "forkserver" in line:
                found["server"] = number
                found |= {f"worker {n}": n for n in children(number)}
        sizes = {}
        for name, number in found.items():
            try:
                text = Path(f"/proc/{number}/smaps_rollup").read_text()
                files = len(os.listdir(f"/proc/{number}/fd"))
            except OSError:  # it has just ended
                continue
            pss = next(line for line in text.splitlines() if line.startswith("Pss:"))
            sizes[name] = (int(pss.split()[1]) // 1024, files)
        return sizes

    def _warm(self) -> Iterator[Path]:
        for number in children(self.pid):
            line = _command_line(number).split()
            if "autograder.sandbox.warm" in line:
                yield Path(line[-1])


def children(number: int) -> list[int]:
    """Return the children of a process."""
    try:
        tasks = list(Path(f"/proc/{number}/task").iterdir())
        return [
            int(n) for task in tasks for n in (task / "children").read_text().split()
        ]
    except OSError:  # it has just ended
        return []


def family(number: int) -> list[int]:
    """Return the descendants of a process."""
    return [n for child in children(number) for n in (child, *family(child))]


def _command_line(number: int) -> str:
    try:
        return Path(f"/proc/{number}/cmdline").read_text().replace("\0", " ").strip()
    except OSError:
        return ""
