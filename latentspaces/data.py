"""The two data sets of the course, as tensors in memory.

Each is looked for in this order:

1. the folder named by the environment variable ``LATENTSPACES_DATA``, which is only
   ever read;
2. the cache, ``~/.cache/latentspaces`` (under ``XDG_CACHE_HOME`` where that is set);
3. the network, unless ``LATENTSPACES_OFFLINE=1``: a checksummed download into the
   cache;
4. the drawn stand-ins, :mod:`latentspaces.garments` and
   :mod:`latentspaces.heartbeats`, with one :class:`StandInWarning`.

A file that is present but damaged is never passed over: it raises :class:`DataError`.
"""

from __future__ import annotations

import contextlib
import csv
import functools
import hashlib
import os
import shutil
import socket
import struct
import tempfile
import threading
import time
import urllib.error
import urllib.request
import warnings
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

Source = Literal["real", "drawn"]

#: How long, in seconds, we wait to learn whether there is a network at all.
PROBE_SECONDS = 2.5
#: How long a running download may stay silent before it counts as broken.
STALL_SECONDS = 20.0


class DataError(RuntimeError):
    """A data file is damaged, incomplete or not where the reader said it is."""


class StandInWarning(UserWarning):
    """The real data could not be had; the drawn stand-in is used in its place."""


@dataclass(frozen=True)
class Split:
    """One part of a data set.

    Attributes
    ----------
    x : Tensor
        The data, float32, first dimension the examples.
    y : Tensor
        The class of each example, int64, shape ``(n,)``.
    """

    x: Tensor
    y: Tensor

    def __len__(self) -> int:
        return len(self.x)


@dataclass(frozen=True)
class Dataset:
    """A data set in three disjoint, stratified splits.

    Attributes
    ----------
    name : str
        For figure titles: ``"Fashion-MNIST"``, ``"drawn garments"`` and so on.
    source : {"real", "drawn"}
        Whether these are the real data or the drawn stand-in.
    classes : tuple of str
        The name of each class; ``classes[y]`` belongs to label ``y``.
    train, validation, test : Split
        The parameters are fitted on the first, everything is chosen on the second,
        and the third is looked at once.
    """

    name: str
    source: Source
    classes: tuple[str, ...]
    train: Split
    validation: Split
    test: Split


def fashion_mnist(*, seed: int = 0) -> Dataset:
    """Fashion-MNIST [1]_: 28×28 grey photographs of ten kinds of garment.

    Parameters
    ----------
    seed : int
        Decides which 5,000 of the 60,000 training images are the validation split.

    Returns
    -------
    Dataset
        ``x`` of shape ``(n, 1, 28, 28)``, grey values in [0, 1]; n is 55,000, 5,000
        and 10,000. The test split is the original one.

    Raises
    ------
    DataError
        A file is damaged or missing beside others that are there, or
        ``LATENTSPACES_DATA`` is not a folder.

    References
    ----------
    .. [1] H. Xiao, K. Rasul, R. Vollgraf: Fashion-MNIST: a novel image dataset for
       benchmarking machine learning algorithms. arXiv:1708.07747, 2017.

    Examples
    --------
    >>> data = fashion_mnist()
    >>> tuple(data.train.x.shape)
    (55000, 1, 28, 28)
    """
    from torchvision.datasets import FashionMNIST

    root = _locate("FashionMNIST", _download_fashion_mnist)
    if root is None:
        name, source = "drawn garments", "drawn"
        train_x, train_y, test_x, test_y = _drawn_garments()
    else:
        name, source = "Fashion-MNIST", "real"
        train_x, train_y = _read_images(root, train=True)
        test_x, test_y = _read_images(root, train=False)
    keep, hold = _stratified(train_y, (55_000, 5_000), seed)
    return Dataset(
        name=name,
        source=source,
        classes=tuple(FashionMNIST.classes),
        train=Split(_grey(train_x[keep]), train_y[keep]),
        validation=Split(_grey(train_x[hold]), train_y[hold]),
        test=Split(_grey(test_x), test_y),
    )


def ecg5000(*, seed: int = 0) -> Dataset:
    """ECG5000 [1]_: 5,000 heartbeats of one patient, 140 samples each.

    Every beat is from one 20-hour recording (record chf07 of the BIDMC congestive
    heart failure database [2]_), resampled to 140 points and standardised beat by
    beat, so the values have no unit.

    Parameters
    ----------
    seed : int
        Decides the split. The split does not depend on the order of the file's rows.

    Returns
    -------
    Dataset
        ``x`` of shape ``(n, 140)``; ``y`` is 1 for a normal beat, 0 for an abnormal
        one; n is 60%, 20% and 20% of the beats.

    Raises
    ------
    DataError
        The file is damaged (the message names the row), or ``LATENTSPACES_DATA`` is
        not a folder.

    References
    ----------
    .. [1] H. A. Dau et al.: The UCR time series archive. IEEE/CAA Journal of
       Automatica Sinica 6(6), 2019.
    .. [2] A. L. Goldberger et al.: PhysioBank, PhysioToolkit, and PhysioNet.
       Circulation 101(23), 2000.
    """
    path = _locate("ecg.csv", _download_ecg5000)
    if path is None:
        name, source = "drawn heartbeats", "drawn"
        from latentspaces import heartbeats

        drawn = heartbeats.draw(5_000, seed=_STAND_IN_SEED)
        x, y = drawn.x, (drawn.y == 0).long()
    else:
        name, source = "ECG5000", "real"
        x, y = _read_beats(path)
    n = len(y)
    sizes = (n - 2 * (n // 5), n // 5, n // 5)
    splits = [Split(x[rows], y[rows]) for rows in _stratified(y, sizes, seed)]
    return Dataset(name, source, ("abnormal", "normal"), *splits)


def sources() -> dict[str, Source]:
    """Which data a chapter would be given now, without reading them.

    Returns
    -------
    dict
        ``{"fashion_mnist": "real" or "drawn", "ecg5000": ...}``. May download.
    """
    found = {
        "fashion_mnist": _locate("FashionMNIST", _download_fashion_mnist),
        "ecg5000": _locate("ecg.csv", _download_ecg5000),
    }
    return {name: "drawn" if path is None else "real" for name, path in found.items()}


# --- splitting ------------------------------------------------------------------


def _grey(x: Tensor) -> Tensor:
    return x.unsqueeze(1).float().div_(255)  # (n, 1, 28, 28)


def _stratified(y: Tensor, sizes: Sequence[int], seed: int) -> list[Tensor]:
    """Disjoint index sets of the given sizes, each with the class shares of ``y``."""
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(y), generator=generator)
    # Give every example its relative rank within its class. Sorting by that rank
    # deals the classes out evenly, so any contiguous cut is stratified to within
    # one example a class.
    rank = torch.empty(len(y), dtype=torch.float64)
    for label in y.unique():
        members = order[y[order] == label]
        rank[members] = (torch.arange(len(members)) + 0.5).double() / len(members)
    dealt = order[torch.argsort(rank[order], stable=True)]
    # Shuffle inside each part: the dealing order must not show up as batches.
    parts = torch.split(dealt, list(sizes))
    return [part[torch.randperm(len(part), generator=generator)] for part in parts]


# --- finding --------------------------------------------------------------------


def cache_folder() -> Path:
    """Where downloads and drawn images are kept.

    Returns
    -------
    Path
        ``$XDG_CACHE_HOME/latentspaces``, or ``~/.cache/latentspaces``.
    """
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / (
        "latentspaces"
    )


def _locate(name: str, download) -> Path | None:
    """The path of a data file or folder; None when only the stand-in is left."""
    given = os.environ.get("LATENTSPACES_DATA")
    folders = [cache_folder()]
    if given:
        folder = Path(given).expanduser()
        if not folder.is_dir():
            raise DataError(
                f"LATENTSPACES_DATA is {given!r}, which is not a folder; set it to the "
                "folder that holds FashionMNIST/ and ecg.csv, or unset it"
            )
        folders.insert(0, folder)
    for folder in folders:
        if (folder / name).exists():
            return folder / name
    reason = _fetch(name, download)
    if reason is None:
        return cache_folder() / name
    _say_once(name, reason)
    return None


# One attempt a process: a chapter that asks for its data five times must not wait
# for a missing network five times.
_failures: dict[str, str] = {}
_no_network: str = ""


def _fetch(name: str, download) -> str | None:
    """Download into the cache; the reason in words when that was not possible."""
    if os.environ.get("LATENTSPACES_OFFLINE") == "1":
        return "LATENTSPACES_OFFLINE=1"
    if name not in _failures:
        folder = cache_folder()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # Download beside the goal and rename: what is in the cache is whole,
            # also when this is interrupted or two processes download at once.
            with (
                tempfile.TemporaryDirectory(dir=folder) as scratch,
                _stall_limit(STALL_SECONDS),
            ):
                fetched = download(Path(scratch))
                if not (folder / name).exists():
                    os.replace(fetched, folder / name)
        except (OSError, RuntimeError, ValueError) as error:
            if isinstance(error, DataError):
                raise
            _failures[name] = str(error) or type(error).__name__
            return _failures[name]
        return None
    return _failures[name]


@contextlib.contextmanager
def _stall_limit(seconds: float) -> Iterator[None]:
    # torchvision downloads with urllib's default, which waits for ever.
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _answering(urls: Sequence[str]) -> list[str]:
    """Those of the ``urls`` whose server answers within PROBE_SECONDS, in order.

    Raises OSError when none does. All are asked at once, each in a thread of its
    own, because a name look-up has no time-out.
    """
    global _no_network
    if _no_network:
        raise OSError(_no_network)
    outcomes: dict[str, Exception | None] = {}

    def ask(url: str) -> None:
        request = urllib.request.Request(
            url, method="HEAD", headers={"User-Agent": "latentspaces"}
        )
        try:
            urllib.request.urlopen(request, timeout=PROBE_SECONDS).close()
        except urllib.error.HTTPError:
            outcomes[url] = None  # it answered; the download will say what is wrong
        except Exception as error:
            outcomes[url] = error
        else:
            outcomes[url] = None

    askers = [threading.Thread(target=ask, args=(url,), daemon=True) for url in urls]
    for asker in askers:
        asker.start()
    deadline = time.monotonic() + PROBE_SECONDS
    for asker in askers:
        asker.join(max(0.0, deadline - time.monotonic()))
    answered = [url for url in urls if outcomes.get(url, ...) is None]
    if not answered:
        errors = {str(error) for error in outcomes.values()}
        _no_network = "no network: " + (
            "; ".join(sorted(errors)) or f"no answer within {PROBE_SECONDS} s"
        )
        raise OSError(_no_network)
    return answered


_said: set[str] = set()


def _say_once(name: str, reason: str) -> None:
    if name in _said:
        return
    _said.add(name)
    what, stand_in = {
        "FashionMNIST": ("Fashion-MNIST", "drawn garments"),
        "ecg.csv": ("ECG5000", "drawn heartbeats"),
    }[name]
    warnings.warn(
        f"{what} is not here and could not be downloaded ({reason}). "
        f"Using the {stand_in} that the course draws itself; numbers will differ from "
        "those of the real data. To use the real data, connect to a network or set "
        "LATENTSPACES_DATA to a folder that holds it.",
        StandInWarning,
        stacklevel=4,
    )


# --- Fashion-MNIST --------------------------------------------------------------

# File name: (dimensions, md5 of the unpacked file). The md5 sums of the packed files
# are torchvision's; these were computed from files that matched them.
_IDX = {
    "train-images-idx3-ubyte": (
        (60_000, 28, 28),
        "f4a8712d7a061bf5bd6d2ca38dc4d50a",
    ),
    "train-labels-idx1-ubyte": ((60_000,), "9018921c3c673c538a1fc5bad174d6f9"),
    "t10k-images-idx3-ubyte": (
        (10_000, 28, 28),
        "8181f5470baa50b63fa0f6fddb340f0a",
    ),
    "t10k-labels-idx1-ubyte": ((10_000,), "15d484375f8d13e6eb1aabb0c3f46965"),
}


def _download_fashion_mnist(scratch: Path) -> Path:
    from torchvision.datasets import FashionMNIST

    _answering(FashionMNIST.mirrors)
    FashionMNIST(scratch, download=True)
    for packed in (scratch / "FashionMNIST" / "raw").glob("*.gz"):
        packed.unlink()
    return scratch / "FashionMNIST"


def _read_images(root: Path, *, train: bool) -> tuple[Tensor, Tensor]:
    """Images (n, 28, 28) uint8 and labels (n,) int64, checked."""
    part = "train" if train else "t10k"
    images = _read_idx(root / "raw" / f"{part}-images-idx3-ubyte")
    labels = _read_idx(root / "raw" / f"{part}-labels-idx1-ubyte")
    return images, labels.long()


def _read_idx(path: Path) -> Tensor:
    """One idx file, checked before torchvision reads it."""
    from torchvision.datasets.mnist import read_sn3_pascalvincent_tensor

    shape, md5 = _IDX[path.name]
    if not path.is_file():
        hint = " (unpack the .gz beside it)" if path.with_suffix(".gz").exists() else ""
        raise DataError(f"{path}: missing, though {path.parent} is there{hint}")
    raw = path.read_bytes()
    magic = 0x0800 + len(shape)
    header = struct.calcsize(f">{1 + len(shape)}I")
    if len(raw) < header:
        raise DataError(
            f"{path}: {len(raw)} bytes, expected a header of {header}; {_mend(path)}"
        )
    found_magic, *found_shape = struct.unpack(f">{1 + len(shape)}I", raw[:header])
    if found_magic != magic:
        raise DataError(
            f"{path}: begins with {found_magic:#010x}, expected {magic:#010x} "
            f"(is it unpacked?); {_mend(path)}"
        )
    if tuple(found_shape) != shape:
        raise DataError(
            f"{path}: holds an array of shape {tuple(found_shape)}, expected {shape}; "
            f"{_mend(path)}"
        )
    row_bytes = int(np.prod(shape[1:], dtype=int))
    expected = header + shape[0] * row_bytes
    if len(raw) != expected:
        row, extra = divmod(len(raw) - header, row_bytes)
        raise DataError(
            f"{path}: row {row} has {extra} of {row_bytes} bytes and the file "
            f"{len(raw)}, expected {expected}; {_mend(path)}"
            if len(raw) < expected
            else f"{path}: {len(raw)} bytes, expected {expected}; {_mend(path)}"
        )
    if len(shape) == 1:
        labels = np.frombuffer(raw, np.uint8, offset=header)
        for row in np.flatnonzero(labels > 9)[:1]:
            raise DataError(
                f"{path}: row {row} has label {labels[row]}, expected 0 to 9; "
                f"{_mend(path)}"
            )
    found = hashlib.md5(raw, usedforsecurity=False).hexdigest()
    if found != md5:
        raise DataError(
            f"{path}: md5 {found}, expected {md5}: its bytes are not those of "
            f"Fashion-MNIST; {_mend(path)}"
        )
    return read_sn3_pascalvincent_tensor(str(path))


def _mend(path: Path) -> str:
    """What to do about a damaged file, depending on whose it is."""
    if path.is_relative_to(cache_folder()):
        root = cache_folder() / path.relative_to(cache_folder()).parts[0]
        return f"delete {root} to download it again"
    return (
        "put a whole copy in its place, or unset LATENTSPACES_DATA so that it is "
        "downloaded"
    )


# --- ECG5000 --------------------------------------------------------------------

_ECG_LENGTH = 140
# TensorFlow's copy lacks two of the archive's beats.
_ECG_ROWS = (5_000, 4_998)
_ECG_MIRRORS = (
    "https://timeseriesclassification.com/aeon-toolkit/ECG5000.zip",
    "https://storage.googleapis.com/download.tensorflow.org/data/ecg.csv",
    "https://www.timeseriesclassification.com/Downloads/ECG5000.zip",
)


def _download_ecg5000(scratch: Path) -> Path:
    urls = _answering(_ECG_MIRRORS)
    try:
        import pooch
    except ImportError as error:
        raise DataError(
            "downloading ECG5000 needs pooch: pip install pooch (or set "
            "LATENTSPACES_OFFLINE=1 to use the drawn heartbeats)"
        ) from error
    failures = []
    for url in urls:
        # The mirrors pack the same beats differently, so a checksum of the file says
        # little: _read_beats checks every beat against the list of digests instead.
        try:
            fetched = pooch.retrieve(
                url,
                known_hash=None,
                path=scratch,
                processor=pooch.Unzip() if url.endswith(".zip") else None,
                progressbar=True,
            )
            path = _as_csv(fetched, scratch / "ecg.csv")
            _read_beats(path)
        except (OSError, ValueError, DataError) as error:
            failures.append(f"{url}: {error}")
        else:
            return path
    raise OSError("; ".join(failures))


def _as_csv(fetched: str | list[str], goal: Path) -> Path:
    """One CSV in the course's form from whatever a mirror sends."""
    if isinstance(fetched, str):
        return Path(shutil.move(fetched, goal))
    parts = {Path(member).name: Path(member) for member in fetched}
    with goal.open("w", newline="") as file:
        writer = csv.writer(file)
        for name in ("ECG5000_TRAIN.txt", "ECG5000_TEST.txt"):
            if name not in parts:
                raise ValueError(f"the archive has no {name}")
            for line in parts[name].read_text().splitlines():
                label, *values = line.split()
                # The archive's class 1 is normal, 2 to 5 are kinds of abnormal.
                writer.writerow([*values, 1.0 if float(label) == 1 else 0.0])
    return goal


def _read_beats(path: Path) -> tuple[Tensor, Tensor]:
    """Beats (n, 140) float32 and labels (n,) int64, checked row by row.

    Rows come back sorted by their digest, so that neither the order in which a
    mirror lists the beats nor a reader's own sorting changes the splits.
    """
    known = set(_known_digests().tolist())
    seen: dict[int, int] = {}
    rows: list[tuple[int, list[float]]] = []
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        for number, row in enumerate(csv.reader(file), start=1):
            if len(row) != _ECG_LENGTH + 1:
                raise DataError(
                    f"{path}: row {number} has {len(row)} columns, expected "
                    f"{_ECG_LENGTH} values and a label; {_mend(path)}"
                )
            try:
                values = [float(value) for value in row]
            except ValueError as error:
                raise DataError(
                    f"{path}: row {number} holds text where a number belongs "
                    f"({error}); {_mend(path)}"
                ) from error
            if values[-1] not in (0.0, 1.0):
                raise DataError(
                    f"{path}: row {number} has label {row[-1]}, expected 0 (abnormal) "
                    f"or 1 (normal); {_mend(path)}"
                )
            digest = _beat_digest(np.array(values))
            if digest not in known:
                raise DataError(
                    f"{path}: row {number} is not a beat of ECG5000 (its digest "
                    f"{digest:08x} is not on the list); {_mend(path)}"
                )
            if digest in seen:
                raise DataError(
                    f"{path}: row {number} repeats row {seen[digest]}; {_mend(path)}"
                )
            seen[digest] = number
            rows.append((digest, values))
    if len(rows) not in _ECG_ROWS:
        raise DataError(
            f"{path}: {len(rows)} rows, expected {_ECG_ROWS[0]} (or {_ECG_ROWS[1]} in "
            f"TensorFlow's copy); {_mend(path)}"
        )
    table = torch.tensor([values for _, values in sorted(rows)])
    return table[:, :-1].contiguous(), table[:, -1].long()


def _beat_digest(row: np.ndarray) -> int:
    """CRC-32 of a row of 140 values and a label, rounded to 1e-4.

    Rounding makes the digest independent of how a mirror writes its decimals.
    """
    if not np.isfinite(row).all() or np.abs(row).max() > 1e4:
        return -1
    return zlib.crc32(np.rint(row * 1e4).astype("<i4").tobytes())


@functools.cache
def _known_digests() -> np.ndarray:
    """The digests of ECG5000's 5,000 beats, sorted, uint32."""
    return np.fromfile(Path(__file__).with_name("ecg5000.crc32"), dtype="<u4")


# --- the drawn stand-ins --------------------------------------------------------

_STAND_IN_SEED = 2024


def _drawn_garments() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """70,000 drawn images in Fashion-MNIST's sizes, kept in the cache as uint8."""
    from latentspaces import garments

    key = hashlib.sha256(Path(garments.__file__).read_bytes()).hexdigest()[:12]
    path = cache_folder() / f"drawn-garments-{key}.npz"
    if path.exists():
        with np.load(path) as stored:
            x, y = torch.from_numpy(stored["x"]), torch.from_numpy(stored["y"])
    else:
        drawn = garments.draw(70_000, seed=_STAND_IN_SEED)
        x = drawn.x.squeeze(1).mul(255).round().to(torch.uint8)
        y = drawn.y
        # A home that cannot be written to costs only the time to draw again.
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(
                dir=path.parent, suffix=".npz", delete=False
            ) as file:
                np.savez(file, x=x.numpy(), y=y.numpy())
            os.replace(file.name, path)
    return x[:60_000], y[:60_000], x[60_000:], y[60_000:]
