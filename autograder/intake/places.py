"""A folder or a zip file as a list of files, each read when its turn comes."""

from __future__ import annotations

import bz2
import copy
import lzma
import os
import re
import stat
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from autograder.errors import CourseError, SubmissionError
from autograder.intake.names import same, shown

Parts = tuple[str, ...]  # of a path below the place

IGNORED = ("__MACOSX", "__pycache__")
#: In a name that begins with a dot: no hidden folder, but what someone handed in.
HANDED_IN = re.compile(r"\+\d{4}-|_assignsubmission_")
MOST_ENTRIES = 100_000  # of an archive
LARGEST_INDEX = 32 * 2**20  # bytes of an archive's table of contents
LARGEST_TOTAL = 100 * 2**30  # bytes that an archive with such a ratio may hold
RATIO = 100  # unpacked to packed: notebooks have 10, and outputs of zeros 50
SMALL = 10 * 2**20  # bytes that may have any ratio
SLICE = 1024  # bytes of LZMA at a time; they become some MB at most
#: What the libraries that unpack raise for a damaged archive.
BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    NotImplementedError,
    OSError,
    RuntimeError,
    ValueError,
)
#: How archives begin that are no zip files.
OTHERS = {
    b"\x1f\x8b": "a gzip file, perhaps a tar archive",
    b"BZh": "a bzip2 file, perhaps a tar archive",
    b"\xfd7zXZ\x00": "an xz file, perhaps a tar archive",
    b"7z\xbc\xaf\x27\x1c": "a 7-Zip archive",
    b"Rar!": "a RAR archive",
}


class File(Protocol):
    """One file of a class."""

    def size(self) -> int:
        """Return its size in bytes; raise SubmissionError if it is no plain file."""

    def read(self) -> bytes:
        """Return its content; raise SubmissionError if it cannot be had."""


@dataclass(frozen=True)
class Listing:
    """What is in a place.

    Parameters
    ----------
    place
        The folder or the archive.
    files
        By their path below the place; what systems add by themselves is left out.
    folders
        The paths of all folders, the empty ones too.
    zipped
        True if the place is an archive.
    """

    place: Path
    files: dict[Parts, File]
    folders: frozenset[Parts]
    zipped: bool

    @property
    def top(self) -> str:
        """The folder that holds everything else, empty if there is none."""
        tops = {parts[0] for parts in (*self.files, *self.folders)}
        alone = len(tops) == 1 and not any(len(parts) == 1 for parts in self.files)
        return tops.pop() if alone else ""

    def below(self, *top: str) -> Listing:
        """Return what is in one of its folders."""
        n = len(top)
        files = {p[n:]: f for p, f in self.files.items() if p[:n] == top and p[n:]}
        folders = {p[n:] for p in self.folders if p[:n] == top and p[n:]}
        return Listing(self.place, files, frozenset(folders), self.zipped)


def look(place: Path) -> Listing:
    """List a folder or a zip file.

    Raises
    ------
    CourseError
        If there is neither.
    SubmissionError
        If an archive is none, or is made to do harm.
    """
    if place.is_dir():
        return _folder(place)
    if place.is_file():
        return _zip(place)
    raise CourseError(
        f"{place}: no such folder or zip file; expected a class's submissions"
    )


# Folders


@dataclass(frozen=True)
class _OnDisk:
    path: Path

    def size(self) -> int:
        if self.path.is_symlink():
            raise SubmissionError(f"{_name(self)} is a link instead of a file")
        try:
            found = self.path.stat()
        except OSError as error:
            raise self._unread(error) from None
        if not stat.S_ISREG(found.st_mode):  # reading a pipe would never end
            raise SubmissionError(f"{_name(self)} is not a file")
        return found.st_size

    def read(self) -> bytes:
        self.size()
        try:
            return self.path.read_bytes()
        except OSError as error:
            raise self._unread(error) from None

    def _unread(self, error: OSError) -> SubmissionError:
        return SubmissionError(f"{_name(self)} cannot be read ({error.strerror})")


def _name(file: _OnDisk) -> str:
    return shown(file.path.name)


def _folder(place: Path) -> Listing:
    files: dict[Parts, File] = {}
    folders: set[Parts] = set()

    def fail(error: OSError) -> None:
        path = Path(error.filename)
        if path == place:
            raise error
        why = f"the folder {shown(path.name)} cannot be read ({error.strerror})"
        files[(*path.relative_to(place).parts, f"{path.name}.ipynb")] = _Refused(why)

    for folder, names, others in os.walk(place, onerror=fail):
        names[:] = sorted(name for name in names if _is_shown(name))
        parts = Path(folder).relative_to(place).parts
        for name in names:
            folders.add((*parts, name))
            if parts and name.lower().endswith(".ipynb"):
                files[(*parts, name)] = _Refused(f"{shown(name)} is not a file")
            if (Path(folder) / name).is_symlink():  # os.walk does not follow it
                files[(*parts, name, f"{name}.ipynb")] = _Refused(
                    "the folder is a link"
                )
        for name in sorted(filter(_is_shown, others)):
            files[(*parts, name)] = _OnDisk(Path(folder) / name)
    return Listing(place, files, frozenset(folders), zipped=False)


def _is_shown(part: str) -> bool:
    hidden = part.startswith(".") and not HANDED_IN.search(part)
    return not hidden and part not in IGNORED


@dataclass(frozen=True)
class _Refused:
    """A file that is not read, and why."""

    why: str

    def size(self) -> int:
        raise SubmissionError(self.why)

    def read(self) -> bytes:
        raise SubmissionError(self.why)


# Archives


@dataclass(frozen=True)
class _Zipped:
    archive: zipfile.ZipFile
    info: zipfile.ZipInfo
    name: str

    def size(self) -> int:
        return self.info.file_size

    def read(self) -> bytes:
        info = self.info
        if _is_bomb(info):
            times = info.file_size // max(info.compress_size, 1)
            raise SubmissionError(
                f"{self.name} unpacks to {times} times its size: refused as a zip bomb"
            )
        try:
            if info.compress_size > info.file_size + info.file_size // 10 + 1024:
                raise zipfile.BadZipFile("it is larger packed than unpacked")
            content = _unpack(self.archive, info)
        except BROKEN as error:
            raise SubmissionError(f"{self.name} cannot be unpacked ({error})") from None
        if len(content) != info.file_size or zlib.crc32(content) != info.CRC:
            raise SubmissionError(
                f"{self.name} cannot be unpacked (damaged: its content is not what "
                "the archive says)"
            )
        return content


def _is_bomb(info: zipfile.ZipInfo) -> bool:
    return info.file_size > max(SMALL, RATIO * info.compress_size)


def _unpack(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """Return an entry's content, at most a little more than it says that it has.

    zipfile unpacks bzip2 and LZMA whole, whatever size they have.
    """
    packed = copy.copy(info)
    packed.compress_type, packed.file_size = zipfile.ZIP_STORED, info.compress_size
    del packed.CRC  # that of the content, not of these bytes
    data = archive.read(packed)
    most = info.file_size + 1
    match info.compress_type:
        case zipfile.ZIP_STORED:
            return data
        case zipfile.ZIP_DEFLATED:
            return zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, most)
        case zipfile.ZIP_BZIP2:
            return bz2.BZ2Decompressor().decompress(data, most)
        case zipfile.ZIP_LZMA:
            unpacker = zipfile.LZMADecompressor()
            found = bytearray()
            for start in range(0, len(data), SLICE):
                found += unpacker.decompress(data[start : start + SLICE])
                if unpacker.eof or len(found) > most:
                    break
            return bytes(found)
    raise NotImplementedError(f"packed by method {info.compress_type}")


def _zip(place: Path) -> Listing:
    archive = _opened(place)
    entries = archive.infolist()
    _check_whole(place, entries)
    files: dict[Parts, File] = {}
    folders: set[Parts] = set()
    first: dict[str, Parts] = {}  # by the name that some systems see
    for info in entries:
        name = _decoded(info).replace("\\", "/")
        parts = PurePosixPath(name).parts
        _check_path(place, info, name, parts)
        if not parts or not all(map(_is_shown, parts)):
            continue
        is_folder = name.endswith("/")
        for depth in range(1, len(parts) + is_folder):
            folders.add(parts[:depth])
        if is_folder:
            continue
        path = shown("/".join(parts))
        key = same("/".join(parts))
        if (other := first.setdefault(key, parts)) != parts or parts in files:
            what = shown("/".join(other))
            why = f"the archive holds {what} twice"
            if other != parts:
                why = f"the archive holds {what} and {path}, one name on some systems"
            files[other] = files[parts] = _Refused(f"{why}: refused")
        elif info.flag_bits & 1:
            files[parts] = _Refused(f"{path} is encrypted: refused")
        else:
            files[parts] = _Zipped(archive, info, path)
    return Listing(place, files, frozenset(folders), zipped=True)


def _opened(place: Path) -> zipfile.ZipFile:
    with place.open("rb") as file:
        start = file.read(512)
    kind = next((text for mark, text in OTHERS.items() if start.startswith(mark)), "")
    if start[257:262] == b"ustar":
        kind = "a tar archive"
    if place.suffix.lower() == ".ipynb":
        raise SubmissionError(
            f"{place}: one notebook; put it into a folder with the student's name, and "
            "name the folder around that"
        )
    if kind:
        raise SubmissionError(
            f"{place}: {kind}; make a zip file of the class, or unpack it and name the "
            "folder"
        )
    try:
        if (size := _index_size(place)) > LARGEST_INDEX:
            raise SubmissionError(
                f"{place}: refused, its table of contents has {size // 2**20} MB; make "
                "smaller archives, or unpack it and name the folder"
            )
        return zipfile.ZipFile(place)
    except UnicodeDecodeError as error:
        raise SubmissionError(
            f"{place}: refused, it holds a name that cannot be decoded "
            f"({error.object[:60]!a})"
        ) from None
    except BROKEN as error:
        raise SubmissionError(
            f"{place}: neither a folder nor a zip file that can be opened ({error})"
        ) from None


def _index_size(place: Path) -> int:
    """Return the size of the table of contents, which zipfile reads whole."""
    with place.open("rb") as file:
        length = file.seek(0, os.SEEK_END)
        file.seek(max(0, length - 2**16 - 22 - 20))
        tail = file.read()
        position = tail.rfind(b"PK\x05\x06")
        if position < 0 or len(tail) < position + 22:
            return 0  # no zip file, as zipfile will say
        (size,) = struct.unpack_from("<L", tail, position + 12)
        if size == 0xFFFFFFFF and tail[position - 20 : position - 16] == b"PK\x06\x07":
            (start,) = struct.unpack_from("<Q", tail, position - 12)
            file.seek(min(start, length))
            record = file.read(56)
            if len(record) == 56:
                (size,) = struct.unpack_from("<Q", record, 40)
    return size


def _check_whole(place: Path, entries: list[zipfile.ZipInfo]) -> None:
    if len(entries) > MOST_ENTRIES:
        raise SubmissionError(
            f"{place}: refused, {len(entries)} entries, the limit is {MOST_ENTRIES}"
        )
    packed = sum(info.compress_size for info in entries)
    total = sum(info.file_size for info in entries)
    if total > max(LARGEST_TOTAL, RATIO * packed):
        raise SubmissionError(
            f"{place}: refused as a zip bomb, {packed // 2**20} MB unpack to "
            f"{total // 2**30} GB"
        )
    end, last = 0, ""
    for info in sorted(entries, key=lambda info: info.header_offset):
        if info.header_offset < end:
            raise SubmissionError(
                f"{place}: refused as a zip bomb, {shown(info.filename)} overlaps "
                f"{last}"
            )
        last = shown(info.filename)
        end = info.header_offset + zipfile.sizeFileHeader + info.compress_size
    files = [info for info in entries if not info.filename.endswith("/")]
    if files and all(info.flag_bits & 1 for info in files):
        raise SubmissionError(
            f"{place}: refused, it is encrypted; unpack it and name the folder"
        )


def _decoded(info: zipfile.ZipInfo) -> str:
    """Return an entry's name; macOS writes UTF-8 and does not say so."""
    name = info.orig_filename
    if not info.flag_bits & 0x800 and not name.isascii():
        try:
            return name.encode("cp437").decode("utf-8")
        except UnicodeError:
            pass
    return name


def _check_path(place: Path, info: zipfile.ZipInfo, name: str, parts: Parts) -> None:
    """Refuse an archive with an entry that no packer of hand-ins makes."""
    kind = stat.S_IFMT(info.external_attr >> 16)
    problem = ""
    if name.startswith("/") or ".." in parts or re.match("[A-Za-z]:", name):
        problem = "leads out of the archive"
    elif "\0" in name:
        problem = "has a null character in its name"
    elif kind == stat.S_IFLNK:
        problem = "is a link"
    elif kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        problem = "is neither a file nor a folder"
    if problem:
        raise SubmissionError(f"{place}: refused, {shown(name)} {problem}")
