"""Files that are there whole or not at all, and folders with one writer at a time."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from autograder.errors import OutputError


def replace(path: Path, content: bytes, closed: bool = False) -> None:
    """Write a file so that it is there whole, or as it was before.

    One that is ``closed`` is not for everyone on this machine to read.

    Raises
    ------
    OutputError
        If it cannot be written: the disk is full, or may not be written to.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            part.touch(0o660 if closed else 0o666)  # less the umask
            part.write_bytes(content)
            os.replace(part, path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written ({error.strerror}); what was graded before is "
            "kept, and the same command goes on when there is room"
        ) from error


@contextmanager
def locked(folder: Path, what: str) -> Iterator[None]:
    """Let nobody else do the same in a folder.

    The lock ends with this process, however that ends.

    Parameters
    ----------
    folder
        Where; made if it does not exist.
    what
        What is done, for whoever comes second.

    Raises
    ------
    OutputError
        If somebody does: who, as far as is known.
    """
    import fcntl  # not where only `check` runs

    path = folder / "lock"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = path.open("a+", encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{path} cannot be written ({error.strerror})") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            who = file.read(200).strip() or "another process"
            raise OutputError(
                f"{folder}: {what} is running here already ({who}); wait for its end, "
                "or stop it with Ctrl-C"
            ) from None
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
        file.flush()
        yield
