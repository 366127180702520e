"""The data arrive whole, split fairly, or with an error that says how to mend them."""

import csv
import functools
import gzip
import http.server
import os
import threading
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from latentspaces import data

REAL = Path(os.environ.get("LATENTSPACES_DATA") or "/nonexistent")
needs_real = pytest.mark.skipif(
    not (REAL / "ecg.csv").exists() or not (REAL / "FashionMNIST").exists(),
    reason="needs the real data: set LATENTSPACES_DATA",
)


@pytest.fixture(autouse=True)
def fresh(monkeypatch, tmp_path):
    """No memory of earlier attempts, an empty cache, no network."""
    monkeypatch.setattr(data, "_failures", {})
    monkeypatch.setattr(data, "_said", set())
    monkeypatch.setattr(data, "_no_network", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("LATENTSPACES_OFFLINE", "1")
    monkeypatch.delenv("LATENTSPACES_DATA", raising=False)


@pytest.fixture
def folder(monkeypatch, tmp_path):
    """An empty folder that LATENTSPACES_DATA names."""
    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.setenv("LATENTSPACES_DATA", str(folder))
    return folder


@pytest.fixture
def small_stand_in(monkeypatch):
    """A stand-in that costs nothing to draw, in Fashion-MNIST's sizes."""
    y = torch.arange(70_000) % 10
    x = (torch.arange(70_000) % 251).to(torch.uint8)[:, None, None].expand(-1, 28, 28)
    monkeypatch.setattr(
        data,
        "_drawn_garments",
        lambda: (x[:60_000], y[:60_000], x[60_000:], y[60_000:]),
    )


# --- splits ---------------------------------------------------------------------


def test_splits_are_disjoint_whole_and_stratified():
    y = torch.cat([torch.zeros(2919), torch.ones(2081)]).long()
    parts = data._stratified(y, (3000, 1000, 1000), seed=0)
    assert torch.cat(parts).sort().values.equal(torch.arange(5000))
    for part in parts:
        assert abs(y[part].float().mean() - 0.4162) < 1.5 / len(part)


def test_splits_follow_the_seed_and_nothing_else():
    y = torch.arange(1000) % 7
    torch.manual_seed(1)
    first = data._stratified(y, (800, 200), seed=3)
    torch.manual_seed(2)
    again = data._stratified(y, (800, 200), seed=3)
    other = data._stratified(y, (800, 200), seed=4)
    assert first[1].equal(again[1])
    assert not first[1].equal(other[1])


def test_split_order_does_not_follow_the_classes():
    y = torch.arange(10).repeat_interleave(100)
    (train, _) = data._stratified(y, (800, 200), seed=0)
    # A batch of 50 that was dealt class by class would hold every class five times.
    counts = y[train[:50]].bincount(minlength=10)
    assert counts.max() > 5


# --- real data ------------------------------------------------------------------


@needs_real
def test_real_fashion_mnist_is_the_published_one(monkeypatch):
    monkeypatch.setenv("LATENTSPACES_DATA", str(REAL))
    found = data.fashion_mnist()
    assert found.source == "real"
    assert found.train.x.shape == (55_000, 1, 28, 28)
    assert found.test.x.shape == (10_000, 1, 28, 28)
    assert found.train.x.dtype == torch.float32
    assert found.train.y.bincount().tolist() == [5500] * 10
    assert found.validation.y.bincount().tolist() == [500] * 10
    # Mean grey value of the published training images.
    both = torch.cat([found.train.x, found.validation.x])
    assert both.mean().item() == pytest.approx(0.2860, abs=1e-4)


@needs_real
def test_real_ecg5000_is_the_published_one(monkeypatch):
    monkeypatch.setenv("LATENTSPACES_DATA", str(REAL))
    found = data.ecg5000()
    assert found.source == "real"
    assert [len(s) for s in (found.train, found.validation, found.test)] == [
        3000,
        1000,
        1000,
    ]
    y = torch.cat([found.train.y, found.validation.y, found.test.y])
    assert int(y.sum()) == 2919
    # Every beat is standardised.
    assert found.train.x.mean(1).abs().max() < 1e-4
    assert (found.train.x.std(1) - 1).abs().max() < 1e-4


@needs_real
def test_ecg_split_does_not_depend_on_the_order_of_the_rows(folder):
    rows = (REAL / "ecg.csv").read_text().splitlines()
    (folder / "ecg.csv").write_text("\n".join(rows))
    first = data.ecg5000()
    (folder / "ecg.csv").write_text("\n".join(reversed(rows)))
    assert data.ecg5000().test.x.equal(first.test.x)


@needs_real
def test_a_read_only_folder_is_enough(folder, monkeypatch):
    (folder / "ecg.csv").write_bytes((REAL / "ecg.csv").read_bytes())
    monkeypatch.setattr(data, "cache_folder", lambda: Path("/proc/latentspaces"))
    folder.chmod(0o555)
    try:
        assert data.ecg5000().source == "real"
    finally:
        folder.chmod(0o755)


# --- damage ---------------------------------------------------------------------


def test_a_wrong_folder_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("LATENTSPACES_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(data.DataError, match=r"nowhere.*not a folder.*unset"):
        data.ecg5000()


@needs_real
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda rows: [*rows[:811], rows[811][1:], *rows[812:]], "row 812 has 140"),
        (lambda rows: rows[:4000], "4000 rows, expected 5000"),
        (
            lambda rows: [["abc", *rows[0][1:]], *rows[1:]],
            "row 1 holds text where a number belongs",
        ),
        (lambda rows: [[*rows[0][:-1], "7.0"], *rows[1:]], "row 1 has label 7.0"),
        (lambda rows: [["nan", *rows[0][1:]], *rows[1:]], "row 1 is not a beat"),
        (lambda rows: [["0.5", *rows[0][1:]], *rows[1:]], "row 1 is not a beat"),
        (lambda rows: [*rows, rows[2]], "row 5001 repeats row 3"),
        (lambda rows: [], "0 rows, expected 5000"),
    ],
)
def test_a_damaged_ecg_file_is_an_error_with_its_row(folder, damage, message):
    with (REAL / "ecg.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    with (folder / "ecg.csv").open("w", newline="") as file:
        csv.writer(file).writerows(damage(rows))
    with pytest.raises(data.DataError, match=message) as caught:
        data.ecg5000()
    assert str(folder / "ecg.csv") in str(caught.value)
    assert "put a whole copy in its place" in str(caught.value)


def test_a_binary_ecg_file_is_an_error(folder):
    (folder / "ecg.csv").write_bytes(bytes(range(1, 256)) * 100)
    with pytest.raises(data.DataError, match=r"row 1 has \d+ columns"):
        data.ecg5000()


def _idx(array: np.ndarray) -> bytes:
    header = [0x0800 + array.ndim, *array.shape]
    return np.array(header, ">u4").tobytes() + array.astype(np.uint8).tobytes()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("train-images-idx3-ubyte", b"", "0 bytes, expected a header of 16"),
        (
            "train-images-idx3-ubyte",
            gzip.compress(_idx(np.zeros((5, 28, 28)))),
            "begins with 0x1f8b.*is it unpacked",
        ),
        (
            "train-images-idx3-ubyte",
            _idx(np.zeros((5, 28, 28))),
            r"shape \(5, 28, 28\), expected \(60000, 28, 28\)",
        ),
        (
            "train-images-idx3-ubyte",
            _idx(np.zeros((60_000, 28, 28), np.uint8))[: 16 + 784 * 812 + 100],
            "row 812 has 100 of 784 bytes",
        ),
        (
            "train-labels-idx1-ubyte",
            _idx(np.where(np.arange(60_000) == 77, 12, 3)),
            "row 77 has label 12, expected 0 to 9",
        ),
        ("train-labels-idx1-ubyte", _idx(np.full(60_000, 3)), "md5 .* expected 9018"),
    ],
)
def test_a_damaged_image_file_is_an_error(folder, name, content, message):
    raw = folder / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    (raw / name).write_bytes(content)
    with pytest.raises(data.DataError, match=message) as caught:
        data._read_idx(raw / name)
    assert str(raw / name) in str(caught.value)
    assert "put a whole copy in its place" in str(caught.value)


def test_a_missing_file_among_others_is_an_error(folder):
    (folder / "FashionMNIST" / "raw").mkdir(parents=True)
    with pytest.raises(data.DataError, match="train-images-idx3-ubyte: missing"):
        data.fashion_mnist()


def test_a_damaged_cache_says_what_to_delete(tmp_path):
    raw = tmp_path / "cache" / "latentspaces" / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    (raw / "train-images-idx3-ubyte").write_bytes(b"damaged")
    with pytest.raises(data.DataError, match=r"delete \S*FashionMNIST to download"):
        data.fashion_mnist()


# --- the network ----------------------------------------------------------------


@pytest.fixture
def mirror(monkeypatch, tmp_path):
    """A web server on loopback; the mirrors of both data sets point at it."""
    from torchvision.datasets import FashionMNIST

    root = tmp_path / "mirror"
    root.mkdir()
    handler = functools.partial(_Silent, directory=str(root))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_port}/"
    monkeypatch.setenv("LATENTSPACES_OFFLINE", "")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(FashionMNIST, "mirrors", [base])
    monkeypatch.setattr(
        data, "_ECG_MIRRORS", (base + "ECG5000.zip", base + "ecg_copy.csv")
    )
    yield root
    server.shutdown()
    server.server_close()


class _Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


def _zip_ecg(path: Path, spoil: bool = False) -> None:
    """The archive as the time series archive packs it, labels first, in two parts."""
    with (REAL / "ecg.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    if spoil:
        rows[17][3] = "1.2345"
    lines = [
        "  ".join([f"{1 if float(row[-1]) else 2:.7e}", *row[:-1]]) for row in rows
    ]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ECG5000_TRAIN.txt", "\n".join(lines[:500]) + "\n")
        archive.writestr("ECG5000_TEST.txt", "\n".join(lines[500:]) + "\n")


@needs_real
def test_ecg_is_downloaded_once_and_then_read_from_the_cache(mirror, monkeypatch):
    _zip_ecg(mirror / "ECG5000.zip")
    first = data.ecg5000()
    assert first.source == "real"
    (mirror / "ECG5000.zip").unlink()
    monkeypatch.setenv("LATENTSPACES_OFFLINE", "1")
    assert data.ecg5000().test.x.equal(first.test.x)
    assert [path.name for path in data.cache_folder().iterdir()] == ["ecg.csv"]


@needs_real
def test_a_mirror_that_sends_a_wrong_beat_is_passed_over(mirror):
    _zip_ecg(mirror / "ECG5000.zip", spoil=True)
    (mirror / "ecg_copy.csv").write_bytes((REAL / "ecg.csv").read_bytes())
    assert data.ecg5000().source == "real"


@needs_real
def test_when_every_mirror_fails_the_stand_in_says_why(mirror):
    _zip_ecg(mirror / "ECG5000.zip", spoil=True)
    with pytest.warns(data.StandInWarning, match="row 18 is not a beat"):
        assert data.ecg5000().source == "drawn"
    assert list(data.cache_folder().iterdir()) == []


@needs_real
def test_images_are_downloaded_checked_and_cached(mirror, monkeypatch):
    import hashlib

    from torchvision.datasets import FashionMNIST

    resources = []
    for name in data._IDX:
        packed = gzip.compress(
            (REAL / "FashionMNIST" / "raw" / name).read_bytes(), 1, mtime=0
        )
        (mirror / f"{name}.gz").write_bytes(packed)
        resources.append((f"{name}.gz", hashlib.md5(packed).hexdigest()))
    monkeypatch.setattr(FashionMNIST, "resources", resources)
    assert data.fashion_mnist().source == "real"
    assert [path.name for path in data.cache_folder().iterdir()] == ["FashionMNIST"]


def test_a_silent_network_is_waited_for_once_and_under_three_seconds(
    monkeypatch, small_stand_in
):
    monkeypatch.setenv("LATENTSPACES_OFFLINE", "")
    hang, asked = threading.Event(), []

    def never_answer(request, **kwargs):
        asked.append(request.full_url)
        hang.wait(60)

    monkeypatch.setattr(data.urllib.request, "urlopen", never_answer)
    with pytest.warns(data.StandInWarning, match="no answer within"):
        assert data.fashion_mnist().source == "drawn"
    assert len(asked) == 1
    with pytest.warns(data.StandInWarning, match="ECG5000 .* no answer within"):
        assert data.ecg5000().source == "drawn"
    hang.set()
    assert len(asked) == 1
    assert data.PROBE_SECONDS < 3


def test_offline_asks_nobody(monkeypatch, small_stand_in):
    def refuse(*args, **kwargs):
        raise AssertionError("asked the network")

    monkeypatch.setattr(data.urllib.request, "urlopen", refuse)
    with pytest.warns(data.StandInWarning, match="LATENTSPACES_OFFLINE=1"):
        assert data.fashion_mnist().source == "drawn"


def test_the_stand_in_is_announced_once(small_stand_in):
    with pytest.warns(data.StandInWarning):
        data.fashion_mnist()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data.fashion_mnist()


def test_drawn_garments_are_kept_and_the_same_again(monkeypatch):
    from latentspaces import garments

    drawn = garments.draw(200, seed=0)
    calls = []
    monkeypatch.setattr(garments, "draw", lambda n, *, seed: calls.append(n) or drawn)
    first = data._drawn_garments()
    again = data._drawn_garments()
    assert calls == [70_000]
    assert all(a.equal(b) for a, b in zip(first, again, strict=True))


def test_sources_tell_which_data_a_chapter_gets(folder, recwarn):
    (folder / "ecg.csv").write_text("")
    assert data.sources() == {"fashion_mnist": "drawn", "ecg5000": "real"}
