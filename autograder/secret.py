"""A class's secret, from which the inputs of its hidden tests are drawn.

What everyone can read in a public repository can be answered from a table. So a class
may have a secret: of it and a question's id comes the question's hidden key, and of
that, where the check runs, the seeds of its hidden inputs. Only the process that began
the grading knows the secret; a worker and an examiner get the keys of one assignment.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from autograder.course import Course
from autograder.errors import SecretError

NAME = "class-secret.txt"
BYTES = 32
FINGERPRINT = 8  # hexadecimal digits


@dataclass(frozen=True)
class Secret:
    """The secret of a class: 32 bytes that nobody else knows."""

    content: bytes = field(repr=False)

    @property
    def fingerprint(self) -> str:
        """What tells it from another, and does not give it away: 8 digits."""
        return hashlib.sha256(self.content).hexdigest()[:FINGERPRINT]

    def keys(self, assignment: str, questions: Iterable[str]) -> dict[str, str]:
        """Return the hidden key of each question: HMAC-SHA256, 64 digits."""
        # No folder has a slash in its name, so no two questions have the same text.
        return {
            question: hmac.digest(
                self.content, f"{assignment}/{question}".encode(), "sha256"
            ).hex()
            for question in questions
        }


def path(course: Course) -> Path:
    """Return where the secret of a class is, if it has one."""
    return course.output / NAME


def read(course: Course) -> tuple[Secret | None, tuple[str, ...]]:
    """Read the secret of a class.

    Returns
    -------
    The secret, None if the class has none; and what there is to say about the file.

    Raises
    ------
    SecretError
        If there is a file, and no secret in it that can be read.
    """
    file = path(course)
    way_out = (
        "put the right one back from your copy; only if there is none, delete the file "
        "and make another by `autograder secret`, and everyone is graded again"
    )
    try:
        with file.open("rb") as opened:
            mode = os.fstat(opened.fileno()).st_mode
            content = opened.read(1000)
    except FileNotFoundError:
        if file.is_symlink():
            raise SecretError(f"{file}: a link that leads nowhere; {way_out}") from None
        return None, ()
    except OSError as error:
        raise SecretError(
            f"{file}: the class secret cannot be read ({error.strerror}); make it "
            "readable to you"
        ) from None
    digits = content.strip()
    if not re.fullmatch(rb"[0-9a-f]{%d}" % (2 * BYTES), digits):
        found = f"found {len(digits)} other bytes" if digits else "it is empty"
        raise SecretError(
            f"{file}: expected a class secret of {2 * BYTES} hexadecimal digits, "
            f"{found}; {way_out}"
        )
    notes = ()
    if mode & (stat.S_IROTH | stat.S_IWOTH):
        notes = (f"{file}: open to everyone on this machine; `chmod 600` closes it",)
    return Secret(bytes.fromhex(digits.decode())), notes


def make(course: Course) -> Secret:
    """Make a secret and write it, for its owner's eyes only.

    Raises
    ------
    SecretError
        If there is a file already.
    """
    file, content = path(course), secrets.token_bytes(BYTES)
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        # Made closed, not closed afterwards; and never in place of another.
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise SecretError(
            f"{file}: there is one already. Another would change the hidden inputs of "
            "everyone who is graded. If you want that, move it away first"
        ) from None
    with os.fdopen(descriptor, "w") as opened:
        opened.write(f"{content.hex()}\n")
    return Secret(content)


def changes(now: Secret | None, before: Iterable[str]) -> list[str]:
    """Say which submissions were graded under another secret, or under none.

    Parameters
    ----------
    now
        The secret of the class, None if it has none.
    before
        The fingerprints in the records of an assignment, empty where there was none.
    """
    here = now.fingerprint if now else ""
    counts: dict[str, int] = {}
    for fingerprint in before:
        counts[fingerprint] = counts.get(fingerprint, 0) + 1
    found = []
    for fingerprint, count in sorted(counts.items()):
        if fingerprint != here:
            under = (
                f"under class secret {fingerprint}" if fingerprint else "without one"
            )
            found.append(
                f"graded before {under}: {count}; they are graded again, "
                + ("with other hidden inputs" if here else "with the public inputs")
            )
    return found
