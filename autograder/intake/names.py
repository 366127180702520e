"""Names that students chose: as the gradebook may keep them, and as they are shown."""

from __future__ import annotations

import hashlib
import re
import unicodedata

LONGEST = 100  # characters; nbgrader's column holds more
LARGEST = 200  # bytes; a file's name holds 255, and something is added to it
SHOWN = 150  # characters of a file's name in a message
#: What is not seen, or turns what stands beside it.
UNSEEN = (
    r"\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    r"\ufff9-\ufffb\ud800-\udfff"
)
#: nbgrader's pages show a student's name as it is, and folders are named after it.
UNFIT = re.compile(rf"[{UNSEEN}<>\"&\\/]")
#: Windows keeps these for itself, with any ending.
RESERVED = re.compile(r"(?i)(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?:\..*)?")


def student(text: str) -> str:
    """Return a name for the gradebook; another one if this cannot be kept as it is."""
    name = UNFIT.sub("_", text).strip()[:LONGEST]
    name = name.encode()[:LARGEST].decode("utf-8", "ignore").strip()
    if name.startswith("."):  # such a folder is hidden, or is the one above
        name = f"_{name[1:]}"
    if name and name == text and not RESERVED.fullmatch(name):
        return name
    digest = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:8]
    return f"{name}-{digest}"


def composed(text: str) -> str:
    """Return a name as most systems write it; macOS takes accented letters apart."""
    return unicodedata.normalize("NFC", text)


def shown(text: str) -> str:
    """Return a name as it can be printed: nothing unseen, and not too long."""
    text = re.sub(f"[{UNSEEN}]", lambda found: ascii(found[0])[1:-1], text)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def same(text: str) -> str:
    """Return what two names share that some systems take for one."""
    return composed(composed(text).casefold())


def words(text: str) -> str:
    """Return a person's name as it is compared: case, spaces and commas don't count."""
    return " ".join(same(text).replace(",", " ").replace("_", " ").split())


def run_together(text: str) -> str:
    """Return a person's name as Canvas puts it into a file's name."""
    return re.sub(r"\W|_", "", same(text))
